//! Row versions beyond the snapshot's rows, in Arrow batches: a version costs about what its cells do.

use std::collections::HashMap;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;

use crate::store::StoredTable;
use crate::value::{CellBuilder, ColumnKind, Near, Value, read_cell};

/// Versions of a closed batch.
const BATCH_ROWS: usize = 1024;

/// Of what is in doubt of a row: the row itself, all its values with it.
pub const ROW_IN_DOUBT: u64 = 1 << 63;

/// Of what is in doubt of a row: a column, by its place from 0. The columns of a very wide table from the 63rd on share one bit.
pub fn column_in_doubt(column: usize) -> u64 {
    1 << column.min(62)
}

/// When a row version holds, half open, in moments, and how far it is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) doubt: RowDoubt,
}

impl Life {
    /// Always, and proved.
    pub(crate) const ALWAYS: Self = Self { from: i64::MIN, to: i64::MAX, doubt: RowDoubt::NONE };
}

/// What is not proved of a row version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowDoubt(u8);

impl RowDoubt {
    pub(crate) const NONE: Self = Self(0);
    /// It may not be there.
    pub(crate) const MAYBE: Self = Self(1);
    /// Any of its values may be another. Single cells that are not known stand beside the row instead ([`Added::unknown`]).
    pub(crate) const VALUES: Self = Self(2);
    /// Whether the write that it began with touched it is not known: what that write sent back may have held it or not.
    const TOUCHED: Self = Self(4);

    pub(crate) fn is_any(self) -> bool {
        self != Self::NONE
    }

    /// Whether it may not be there.
    pub(crate) fn may_be_absent(self) -> bool {
        self.0 & Self::MAYBE.0 != 0
    }

    /// Whether any of its values may be another.
    pub(crate) fn holds_values(self) -> bool {
        self.0 & Self::VALUES.0 != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The row was seen to be there.
    pub(crate) fn seen(self) -> Self {
        Self(self.0 & !Self::MAYBE.0)
    }

    /// Nobody knows whether the write that it begins with touched the row.
    pub(crate) fn perhaps_touched(self) -> Self {
        self.and(Self::TOUCHED)
    }

    /// What is left of it for the version that comes after.
    pub(crate) fn passed_on(self) -> Self {
        Self(self.0 & !Self::TOUCHED.0)
    }
}

/// The versions, by number from 0.
#[derive(Default)]
pub(crate) struct Added {
    closed: Vec<Vec<ArrayRef>>,
    pending: Vec<Box<[Value]>>,
    pub(crate) lives: Vec<Life>,
    /// Cells that are not known; what is stored for them is a guess, or NULL.
    pub(crate) unknown: HashMap<usize, Box<[u16]>>,
    /// Those among them that are known but for a little.
    pub(crate) near: HashMap<usize, Box<[(u16, Near)]>>,
}

/// A cell of a table that is known but for a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearCell {
    /// Its column, by its place.
    pub column: usize,
    /// The first value that it may have, microseconds, as its column has them.
    pub from: i64,
    /// The last one.
    pub to: i64,
    /// Tells the values of one write, which are alike, from those of another.
    pub write: u32,
}

impl Added {
    pub(crate) fn len(&self) -> usize {
        self.lives.len()
    }

    /// Adds a version; its number comes back.
    pub(crate) fn push(&mut self, kinds: &[ColumnKind], cells: Vec<Value>, life: Life, unknown: Vec<u16>) -> usize {
        let number = self.lives.len();
        self.lives.push(life);
        self.pending.push(cells.into_boxed_slice());
        if !unknown.is_empty() {
            self.unknown.insert(number, unknown.into_boxed_slice());
        }
        if self.pending.len() >= BATCH_ROWS {
            self.close(kinds);
        }
        number
    }

    fn close(&mut self, kinds: &[ColumnKind]) {
        if self.pending.is_empty() {
            return;
        }
        self.closed.push(arrays(kinds, &self.pending));
        self.pending.clear();
    }

    /// What is stored of a cell, known or guessed.
    pub(crate) fn stored(&self, kinds: &[ColumnKind], number: usize, column: usize) -> Value {
        match self.closed.get(number / BATCH_ROWS) {
            Some(arrays) => read_cell(kinds[column], arrays[column].as_ref(), number % BATCH_ROWS),
            None => self.pending[number % BATCH_ROWS][column].clone(),
        }
    }

    /// The columns of all versions, batch by batch: number of the first, arrays, rows.
    pub(crate) fn batches<'a>(&'a self, kinds: &'a [ColumnKind]) -> impl Iterator<Item = (usize, Vec<ArrayRef>, usize)> + 'a {
        let closed = self.closed.iter().enumerate().map(|(at, arrays)| (at * BATCH_ROWS, arrays.clone(), BATCH_ROWS));
        let open = (!self.pending.is_empty()).then(|| (self.closed.len() * BATCH_ROWS, arrays(kinds, &self.pending), self.pending.len()));
        closed.chain(open)
    }
}

/// Rows as columns.
pub(crate) fn arrays(kinds: &[ColumnKind], rows: &[Box<[Value]>]) -> Vec<ArrayRef> {
    let mut builders: Vec<CellBuilder> = kinds.iter().map(|kind| CellBuilder::new(*kind)).collect();
    for cells in rows {
        builders.iter_mut().zip(cells).for_each(|(builder, cell)| builder.push(cell));
    }
    builders.iter_mut().map(CellBuilder::finish).collect()
}

/// The kinds of a table's columns.
pub(crate) fn kinds(table: &StoredTable) -> Vec<ColumnKind> {
    table.columns.iter().map(|c| c.kind).collect()
}

/// Columns and their schema as one batch.
pub(crate) fn batch(schema: &SchemaRef, arrays: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(schema.clone(), arrays).expect("columns follow the schema")
}
