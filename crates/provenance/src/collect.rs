//! From the set columns of an executed plan to whose cells were revealed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch, UInt64Array};

use crate::arena::{Arena, Subjects, is_sure};
use crate::expression::{Gate, Marks};
use crate::types::{ColumnRef, Doubt, How, Replayed, Revealed, RowRange};

type Sources = BTreeSet<(u32, Gate)>;

/// What is known of how a statement's rows were decided.
#[derive(Debug, Default, Clone)]
pub(crate) struct Decided {
    /// Set columns that hold, instead of people, whether the row itself is sure.
    pub(crate) rows: BTreeSet<u32>,
    /// Whether something decides that the server may decide otherwise, in a place where that cannot be told row by row.
    pub(crate) is_open: bool,
    /// The columns that take part in anything but being sent.
    pub(crate) by: BTreeSet<ColumnRef>,
    /// Those among them of which nothing is asked that hangs on what is not known of them.
    pub(crate) coarse: BTreeSet<ColumnRef>,
}

/// The marks of a statement, arranged for reading results: columns with the same sources are read together.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    sets: Vec<u32>,
    groups: Vec<(Sources, Sources, Vec<ColumnRef>)>,
    few: usize,
    /// Positions of the set columns that say whether the row itself is sure.
    rows: Vec<usize>,
    /// Whether something decides in every replay that the server may decide otherwise.
    is_open: bool,
    /// The columns that the statement can display.
    displayable: Arc<[ColumnRef]>,
    deciding: Arc<[ColumnRef]>,
    coarse: Arc<[ColumnRef]>,
}

impl Reader {
    /// `sets` are the numbers of the set columns, in their order in the result; `decided` is what decides about its rows.
    pub(crate) fn new(marks: &Marks, sets: Vec<u32>, inferable_group: u32, decided: &Decided) -> Self {
        let mut by_column: BTreeMap<ColumnRef, (Sources, Sources)> = BTreeMap::new();
        for mark in marks {
            let (displayed, inferred) = by_column.entry(mark.column).or_default();
            match mark.how {
                How::Displayed => displayed.insert((mark.set, mark.gate)),
                How::Inferred => inferred.insert((mark.set, mark.gate)),
            };
        }
        let mut by_sources: BTreeMap<(Sources, Sources), Vec<ColumnRef>> = BTreeMap::new();
        for (column, sources) in by_column {
            by_sources.entry(sources).or_default().push(column);
        }
        let groups = by_sources.into_iter().map(|((displayed, inferred), columns)| (displayed, inferred, columns)).collect();
        let rows = sets.iter().enumerate().filter(|(_, set)| decided.rows.contains(set)).map(|(position, _)| position).collect();
        let displayed: BTreeSet<ColumnRef> = marks.iter().filter(|mark| mark.how == How::Displayed).map(|mark| mark.column).collect();
        let (is_open, displayable) = (decided.is_open, displayed.into_iter().collect());
        let (deciding, coarse) = (decided.by.iter().copied().collect(), decided.coarse.iter().copied().collect());
        Self { sets, groups, few: inferable_group.saturating_sub(1) as usize, rows, is_open, displayable, deciding, coarse }
    }

    /// The rows of a result, given for each whether it is sure.
    fn range(&self, are_sure: impl Iterator<Item = bool>) -> RowRange {
        let (mut least, mut most) = (0, 0);
        for is_sure in are_sure {
            least += u64::from(is_sure);
            most += 1;
        }
        RowRange { least, most }
    }

    /// Whether a row is sure, by its set columns.
    fn is_sure<'a>(&self, column: impl Fn(usize) -> Option<&'a UInt64Array>, row: usize) -> bool {
        self.rows.iter().filter_map(|position| column(*position)).all(|marks| marks.is_null(row) || is_sure(marks.value(row)))
    }

    /// Reads all rows of a result.
    pub(crate) fn read(&self, batches: &[RecordBatch], arena: &Arena) -> Replayed {
        let are_sure = batches.iter().flat_map(|batch| {
            let column = |position: usize| batch.columns().get(position).and_then(|column| column.as_primitive_opt::<UInt64Type>());
            (0..batch.num_rows()).map(move |row| self.is_sure(column, row))
        });
        let rows = self.range(are_sure);
        let mut values: Vec<Vec<u64>> = vec![Vec::new(); self.sets.len()];
        for batch in batches {
            for (column, values) in batch.columns().iter().zip(&mut values) {
                let column = column.as_primitive::<UInt64Type>();
                if column.null_count() == 0 { values.extend_from_slice(column.values()) } else { values.extend(column.iter().flatten()) }
            }
        }
        for values in &mut values {
            values.sort_unstable();
            values.dedup();
        }
        self.arrange(rows, |set| values.get(set).map_or(Cow::Borrowed(&[]), |values| Cow::Borrowed(values.as_slice())), arena)
    }

    /// Reads the rows of many calls; the last column says which. Calls without rows are left out.
    pub(crate) fn read_calls(&self, batches: &[RecordBatch], arena: &Arena) -> Vec<(u32, Replayed)> {
        let mut places: Vec<(u32, usize, usize)> = Vec::new();
        let mut columns: Vec<Vec<&UInt64Array>> = Vec::new();
        for (position, batch) in batches.iter().enumerate() {
            let Some((calls, sets)) = batch.columns().split_last() else {
                continue;
            };
            places.extend(calls.as_primitive::<UInt32Type>().iter().enumerate().filter_map(|(row, call)| call.map(|call| (call, position, row))));
            columns.push(sets.iter().map(|set| set.as_primitive::<UInt64Type>()).collect());
        }
        places.sort_unstable();
        let mut results = Vec::new();
        for of_call in places.chunk_by(|one, next| one.0 == next.0) {
            let values = |set: usize| {
                let value = |(_, batch, row): &(u32, usize, usize)| {
                    let column: &UInt64Array = columns.get(*batch)?.get(set)?;
                    column.is_valid(*row).then(|| column.value(*row))
                };
                let mut values: Vec<u64> = of_call.iter().filter_map(value).collect();
                values.sort_unstable();
                values.dedup();
                Cow::Owned(values)
            };
            let is_sure = |(_, batch, row): &(u32, usize, usize)| self.is_sure(|set| columns.get(*batch)?.get(set).copied(), *row);
            let rows = self.range(of_call.iter().map(is_sure));
            if let Some((call, _, _)) = of_call.first() {
                results.push((*call, self.arrange(rows, values, arena)));
            }
        }
        results
    }

    /// Arranges the values of the set columns, given by position, as what was revealed.
    pub(crate) fn arrange<'v>(&self, rows: RowRange, values: impl Fn(usize) -> Cow<'v, [u64]>, arena: &Arena) -> Replayed {
        let mut revealed: BTreeMap<(How, Option<Doubt>, Vec<u32>), Vec<ColumnRef>> = BTreeMap::new();
        let people = |sources: &Sources| {
            let mut found = Subjects::default();
            for (set, gate) in sources {
                let Some(position) = self.sets.iter().position(|known| known == set) else {
                    continue;
                };
                let values = values(position);
                let wanted = values.iter().copied().filter(|value| match gate {
                    Gate::Always => true,
                    Gate::One => arena.is_at_most(*value, 1),
                    Gate::Few => arena.is_at_most(*value, self.few),
                });
                // The arena is locked while it collects, so its sizes are asked before.
                let wanted: Vec<u64> = wanted.collect();
                arena.collect(wanted, &mut found);
            }
            found
        };
        let is_open = self.is_open || arena.is_open();
        for (displayed, inferred, columns) in &self.groups {
            let displayed = people(displayed);
            let mut inferred = people(inferred);
            inferred.remove(&displayed);
            for (how, found) in [(How::Displayed, displayed), (How::Inferred, inferred)] {
                let mut by_doubt: BTreeMap<Option<Doubt>, Vec<u32>> = BTreeMap::new();
                for (subject, doubts) in found.iter() {
                    let doubt = Doubt::ALL.into_iter().find(|doubt| doubts & doubt.bit() != 0);
                    let doubt = doubt.or_else(|| is_open.then_some(Doubt::Comparison));
                    by_doubt.entry(doubt).or_default().push(subject);
                }
                for (doubt, subjects) in by_doubt {
                    revealed.entry((how, doubt, subjects)).or_default().extend(columns);
                }
            }
        }
        let mut doubts: BTreeSet<Doubt> = revealed.keys().filter_map(|(_, doubt, _)| *doubt).collect();
        doubts.extend(is_open.then_some(Doubt::LetThrough));
        let mut revealed: Vec<Revealed> = revealed
            .into_iter()
            .map(|((how, doubt, subjects), mut columns)| {
                columns.sort_unstable();
                Revealed { columns, how, doubt, subjects }
            })
            .collect();
        revealed.sort_unstable();
        let (rows, others) = if is_open { (RowRange { least: 0, most: u64::MAX }, self.displayable.to_vec()) } else { (rows, Vec::new()) };
        Replayed {
            rows,
            revealed,
            doubts: doubts.into_iter().collect(),
            others,
            looked_at: Vec::new(),
            displayable: Arc::clone(&self.displayable),
            deciding: Arc::clone(&self.deciding),
            coarse: Arc::clone(&self.coarse),
        }
    }
}
