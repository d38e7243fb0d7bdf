//! Values of which only is known that they lie near the one that is stored: what a server's clock gave. Most statements ask of them what is the
//! same for every value that they may have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use datafusion::common::ScalarValue;

use crate::database::{NEAR, NearCell, VersionedTable, column_in_doubt};
use crate::types::ColumnRef;

/// A constant in another zone than the column's is this far from it at most.
const ZONES_MICROS: i64 = 26 * 3_600_000_000;

/// The columns of a database that hold such values.
#[derive(Default)]
pub(crate) struct Nears {
    columns: HashMap<ColumnRef, Cells>,
}

/// Such values of a column.
struct Cells {
    /// From the first that it may be to the last.
    spans: Vec<(i64, i64)>,
    /// Whether no two writes gave it values that may be alike, and no other value lies among those that one may be.
    are_apart: bool,
}

impl Nears {
    pub(crate) fn of(tables: &[VersionedTable]) -> Self {
        let mut columns = HashMap::new();
        for (table, stored) in tables.iter().enumerate() {
            let mut by_column: BTreeMap<usize, BTreeSet<NearCell>> = BTreeMap::new();
            for cell in &stored.near {
                by_column.entry(cell.column).or_default().insert(*cell);
            }
            for (column, cells) in by_column {
                let spans: Vec<(i64, i64)> = cells.iter().map(|cell| (cell.from, cell.to)).collect();
                let are_apart = spans.is_sorted_by(|one, next| one.1 < next.0) && stored.batches.iter().all(|batch| none_within(batch, column, &spans));
                columns.insert(ColumnRef { table, column }, Cells { spans, are_apart });
            }
        }
        Self { columns }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether it is such a column.
    pub(crate) fn holds(&self, column: ColumnRef) -> bool {
        self.columns.contains_key(&column)
    }

    /// Whether its values sort, and are alike, as those that are stored.
    pub(crate) fn are_apart(&self, column: ColumnRef) -> bool {
        self.columns.get(&column).is_some_and(|cells| cells.are_apart)
    }

    /// Whether each of its values compares with a constant as the one that is stored.
    pub(crate) fn are_far_from(&self, column: ColumnRef, constant: &ScalarValue) -> bool {
        let Some(micros) = micros(constant) else { return false };
        let is_far = |(from, to): &(i64, i64)| micros < from.saturating_sub(ZONES_MICROS) || to.saturating_add(ZONES_MICROS) < micros;
        self.columns.get(&column).is_some_and(|cells| cells.spans.iter().all(is_far))
    }
}

/// Whether no value that is known lies within one of these stretches, which are in order.
fn none_within(batch: &RecordBatch, column: usize, spans: &[(i64, i64)]) -> bool {
    let values = batch.columns().get(column).and_then(|values| values.as_primitive_opt::<TimestampMicrosecondType>());
    let near = batch.column_by_name(NEAR).and_then(|flags| flags.as_primitive_opt::<UInt64Type>());
    let (Some(values), Some(near)) = (values, near) else { return false };
    // What is stored of a value that is not known at all is in doubt by itself.
    let is_known = |row: &usize| values.is_valid(*row) && near.value(*row) & column_in_doubt(column) == 0;
    let is_within = |value: i64| spans.get(spans.partition_point(|(_, to)| *to < value)).is_some_and(|(from, _)| *from <= value);
    !(0..batch.num_rows()).filter(is_known).any(|row| is_within(values.value(row)))
}

/// A constant as µs since 1970, whatever its zone; `None` where it is no time.
fn micros(constant: &ScalarValue) -> Option<i64> {
    let wanted = arrow_schema::DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None);
    match constant.cast_to(&wanted).ok()? {
        ScalarValue::TimestampMicrosecond(micros, _) => micros,
        _ => None,
    }
}
