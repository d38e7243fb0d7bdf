//! Whose the rows are, at every moment: by a key of their own, or through another table, in which the holder may change and
//! may be more than one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take;
use strandline_model::estate::Table as DescribedTable;

use crate::cells::{Life, ROW_IN_DOUBT, RowDoubt, batch};
use crate::doubt::{DoubtReason, Open, TableDoubt};
use crate::rebuild::interval;
use crate::roll::{Versions, first_moment};
use crate::store::{StoredDatabase, StoredTable};
use crate::value::Value;

/// The subject of a row that is somebody's, and nobody knows whose.
pub const SOMEBODY: u32 = (1 << 31) - 1;
/// The subject of a row that is nobody's and of which something is in doubt: what it does to other rows is in doubt with it.
pub const NOBODY: u32 = (1 << 31) - 2;
/// A subject with this bit is the number of a set of people.
pub const SET: u32 = 1 << 31;
/// Links through other tables that are followed.
const DEPTH: usize = 16;
/// Holders of one thing that are told apart at most.
const HOLDERS: usize = 1 << 12;

/// A stretch of a row's life, with whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: i64,
    to: i64,
    holder: Option<u32>,
    doubt: RowDoubt,
}

impl Stretch {
    /// What is in doubt in it, with what is of the row.
    fn in_doubt(&self, of_row: u64) -> u64 {
        match self.doubt {
            doubt if doubt.holds_values() => u64::MAX,
            doubt if doubt.is_any() => of_row | ROW_IN_DOUBT,
            _ => of_row,
        }
    }
}

/// Whose the rows of one table are.
#[derive(Clone, Default)]
pub(crate) struct Owned {
    /// By row, in its first stretch.
    first: Vec<Option<u32>>,
    /// Rows that had one holder after the other, or none for a time.
    split: HashMap<usize, Vec<Stretch>>,
    /// Doubts that come from the table that says whose they are.
    pub(crate) doubts: Vec<TableDoubt>,
    /// Rows that two or more hold, in numbers of `sets`.
    sets: Arc<Vec<Box<[u32]>>>,
}

/// Finds the holders of a database's rows.
pub(crate) struct Holders<'h> {
    stored: &'h StoredDatabase,
    described: &'h [Option<&'h DescribedTable>],
    rolled: &'h [Versions<'h>],
    known: HashMap<usize, Owned>,
    /// Tables whose holders are being found: a way to people that leads back to one of them leads to nobody known.
    finding: Vec<usize>,
    sets: Vec<Box<[u32]>>,
    numbers: HashMap<Box<[u32]>, u32>,
}

/// Who holds what a text stands for, and when, in moments.
#[derive(Default)]
struct Links {
    by_text: HashMap<String, Vec<Stretch>>,
    /// Links whose text is not known.
    open: Vec<(i64, i64)>,
    /// When there may have been links that nobody knows of texts that have none.
    unheld: Vec<(i64, i64)>,
    /// When any link that is known may have been another's, or not there.
    shaken: Vec<(i64, i64)>,
}

impl Links {
    /// Whose a row is that refers to what is not there: whoever held that last, or somebody. Its person stays its person when what stood
    /// between them is gone.
    fn orphaned(&self, text: &str, from: i64, found: &[Stretch]) -> Option<u32> {
        let last = found.iter().filter(|s| s.to <= from).max_by_key(|s| s.to);
        match last {
            Some(last) => last.holder,
            // What refers to nothing by custom is of nobody.
            None if matches!(text, "" | "0") && !self.by_text.contains_key(text) => None,
            None => Some(SOMEBODY),
        }
    }
}

impl<'h> Holders<'h> {
    pub(crate) fn new(stored: &'h StoredDatabase, described: &'h [Option<&'h DescribedTable>], rolled: &'h [Versions<'h>]) -> Self {
        Self { stored, described, rolled, known: HashMap::new(), finding: Vec::new(), sets: Vec::new(), numbers: HashMap::new() }
    }

    /// Whose the rows of each table are, and the sets of people that they speak of.
    pub(crate) fn finish(mut self, tables: usize) -> (Vec<Owned>, Vec<Box<[u32]>>) {
        let sets = Arc::new(self.sets);
        let owned = (0..tables).map(|at| Owned { sets: sets.clone(), ..self.known.remove(&at).unwrap_or_default() }).collect();
        (owned, sets.to_vec())
    }

    /// Finds whose the rows of a table are, and before them those of the tables that it goes through.
    pub(crate) fn find(&mut self, at: usize, number: &mut dyn FnMut(&str) -> u32, depth: usize) {
        if self.known.contains_key(&at) {
            return;
        }
        self.finding.push(at);
        let mut owned = Owned { first: vec![None; self.rolled[at].row_count()], ..Owned::default() };
        for (place, entry) in self.described[at].iter().flat_map(|described| described.entries()).enumerate() {
            let found = self.by_entry(at, entry, number, depth);
            if place == 0 { owned = found } else { self.join(at, &mut owned, &found) }
        }
        self.finding.pop();
        self.known.insert(at, owned);
    }

    /// Whose the rows of a table are by one entry of the estate.
    fn by_entry(&mut self, at: usize, entry: &DescribedTable, number: &mut dyn FnMut(&str) -> u32, depth: usize) -> Owned {
        let (versions, table) = (&self.rolled[at], &self.stored.tables[at]);
        let mut owned = Owned { first: vec![None; versions.row_count()], ..Owned::default() };
        let own_rows = (0..versions.row_count()).filter(|row| may_be_a_persons(entry, table, versions, *row));
        if let Some(column) = entry.subject_key.as_deref().and_then(|c| table.column_index(c)) {
            for row in own_rows {
                owned.first[row] = match versions.cell(row, column) {
                    value if value.is_unknown() => Some(SOMEBODY),
                    value => value.text().filter(|t| !t.is_empty()).map(|key| number(&key)),
                };
            }
        } else if let Some(via) = &entry.subject_via
            && let Some(other) = self.stored.table(&via.table)
            && let (Some(column), Some(to)) = (table.column_index(&via.column), self.stored.tables[other].column_index(&via.to_column))
            && self.described[other].is_some_and(DescribedTable::names_people)
            && !self.finding.contains(&other)
            && depth < DEPTH
        {
            self.find(other, number, depth + 1);
            self.through((at, entry), column, other, to, &mut owned);
        } else if entry.subject_via.is_some() || entry.all_categories().next().is_some() {
            // Of people, and nothing says of whom.
            own_rows.for_each(|row| owned.first[row] = Some(SOMEBODY));
        }
        owned
    }

    /// Adds whose the rows of a table are by another entry: of both, where both say somebody.
    fn join(&mut self, at: usize, owned: &mut Owned, more: &Owned) {
        owned.doubts.extend(more.doubts.iter().copied());
        for row in 0..owned.first.len() {
            let is_nobodys = |of: &Owned| of.first[row].is_none() && !of.split.contains_key(&row);
            if is_nobodys(more) {
                continue;
            }
            if is_nobodys(owned) {
                owned.first[row] = more.first[row];
                more.split.get(&row).into_iter().for_each(|split| drop(owned.split.insert(row, split.clone())));
                continue;
            }
            let life = self.rolled[at].life(row);
            let (one, other) = (owned.stretches(row, life), more.stretches(row, life));
            let stretches = self.of_both(&one, &other);
            owned.first[row] = stretches.first().and_then(|s| s.holder);
            owned.split.insert(row, stretches);
        }
    }

    /// Two ways to tell whose one row is, as one: cut where either changes.
    fn of_both(&mut self, one: &[Stretch], other: &[Stretch]) -> Vec<Stretch> {
        let cuts: BTreeSet<i64> = one.iter().chain(other).flat_map(|s| [s.from, s.to]).collect();
        let cuts: Vec<i64> = cuts.into_iter().collect();
        let mut stretches = Vec::new();
        for pair in cuts.windows(2) {
            let there: Vec<Stretch> = one.iter().chain(other).filter(|s| s.from <= pair[0] && pair[1] <= s.to).copied().collect();
            let people = there.iter().filter_map(|s| s.holder).flat_map(|holder| self.members(holder)).collect();
            let doubt = there.iter().fold(RowDoubt::NONE, |doubt, s| doubt.and(s.doubt));
            stretches.push(Stretch { from: pair[0], to: pair[1], holder: self.holder(people), doubt });
        }
        stretches
    }

    /// Rows whose holder stands in another table.
    fn through(&mut self, (at, entry): (usize, &DescribedTable), column: usize, other: usize, to: usize, owned: &mut Owned) {
        let theirs: Vec<TableDoubt> = self.rolled[other].doubts.iter().chain(&self.known[&other].doubts).copied().collect();
        owned.doubts = theirs.iter().map(|d| TableDoubt { open: Open::People, reason: DoubtReason::Holder, ..*d }).collect();
        owned.doubts.dedup();
        let mut links = self.links(other, to);
        let span = |doubt: &TableDoubt| (first_moment(doubt.from), first_moment(doubt.to));
        links.shaken = theirs.iter().filter(|doubt| doubt.open == Open::Rows).map(span).collect();
        let spans = theirs.iter().map(span);
        // Where a text has one link at most, one that is known leaves no room for another.
        if self.stored.tables[other].unique_keys.iter().any(|key| *key == [to]) {
            links.unheld.extend(spans)
        } else {
            links.open.extend(spans)
        }
        for row in 0..self.rolled[at].row_count() {
            if !may_be_a_persons(entry, &self.stored.tables[at], &self.rolled[at], row) {
                continue;
            }
            let life = self.rolled[at].life(row);
            let stretches = match self.rolled[at].cell(row, column) {
                value if value.is_unknown() => vec![Stretch { from: life.from, to: life.to, holder: Some(SOMEBODY), doubt: RowDoubt::VALUES }],
                value => self.stretches(life, value.text().as_deref(), &links),
            };
            owned.first[row] = stretches.first().and_then(|s| s.holder);
            let is_plain = matches!(stretches.as_slice(), [one] if !one.doubt.is_any());
            if !is_plain {
                owned.split.insert(row, stretches);
            }
        }
    }

    fn links(&self, other: usize, to: usize) -> Links {
        let mut links = Links::default();
        let is_key = self.stored.tables[other].unique_keys.iter().any(|key| *key == [to]);
        let (versions, owned) = (&self.rolled[other], &self.known[&other]);
        for row in 0..versions.row_count() {
            let life = versions.life(row);
            let stretches = owned.stretches(row, life);
            match versions.cell(row, to) {
                // A key that only the server knows is none of those that other rows have.
                value if value.is_unknown() && is_key => links.unheld.push((life.from, life.to)),
                value if value.is_unknown() => links.open.push((life.from, life.to)),
                value => {
                    if let Some(text) = value.text() {
                        links.by_text.entry(text).or_default().extend(stretches.into_iter().filter(|s| s.from < s.to));
                    }
                }
            }
        }
        links
    }

    /// A life cut where its holders change.
    fn stretches(&mut self, life: Life, text: Option<&str>, links: &Links) -> Vec<Stretch> {
        let none: Vec<Stretch> = Vec::new();
        let found = text.and_then(|t| links.by_text.get(t)).unwrap_or(&none);
        if let ([one], true) = (found.as_slice(), links.open.is_empty() && links.shaken.is_empty())
            && one.from <= life.from
            && life.to <= one.to
        {
            return vec![Stretch { from: life.from, to: life.to, holder: one.holder, doubt: one.doubt }];
        }
        let mut cuts = BTreeSet::from([life.from, life.to]);
        let inside = |moment: &i64| life.from < *moment && *moment < life.to;
        cuts.extend(found.iter().flat_map(|s| [s.from, s.to]).filter(inside));
        if text.is_some() {
            cuts.extend(links.open.iter().chain(&links.unheld).chain(&links.shaken).flat_map(|(from, to)| [*from, *to]).filter(inside));
        }
        let cuts: Vec<i64> = cuts.into_iter().take(HOLDERS).chain([life.to]).collect();
        let mut stretches: Vec<Stretch> = Vec::new();
        for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
            let there = found.iter().filter(|s| s.from <= pair[0] && pair[1] <= s.to);
            let covers = |(from, to): &(i64, i64)| *from <= pair[0] && pair[1] <= *to;
            let is_there = there.clone().next().is_some();
            let is_held = there.clone().any(|s| !s.doubt.may_be_absent());
            let is_unheld = !is_held && links.unheld.iter().any(covers);
            let is_shaken = is_there && links.shaken.iter().any(covers);
            let of_table = if is_shaken { RowDoubt::MAYBE } else { RowDoubt::NONE };
            let doubt = there.clone().fold(of_table, |doubt, s| doubt.and(s.doubt));
            let gone = text.filter(|_| !is_there).and_then(|text| links.orphaned(text, pair[0], found));
            let mut people: BTreeSet<u32> = there.filter_map(|s| s.holder).chain(gone).flat_map(|h| self.members(h)).collect();
            if text.is_some() && (is_unheld || links.open.iter().any(covers)) {
                people.insert(SOMEBODY);
            }
            let holder = self.holder(people);
            match stretches.last_mut() {
                Some(last) if last.holder == holder && last.doubt == doubt => last.to = pair[1],
                _ => stretches.push(Stretch { from: pair[0], to: pair[1], holder, doubt }),
            }
        }
        stretches
    }

    fn members(&self, holder: u32) -> Vec<u32> {
        members(&self.sets, holder)
    }

    fn holder(&mut self, people: BTreeSet<u32>) -> Option<u32> {
        let people: Box<[u32]> = people.into_iter().collect();
        match &*people {
            [] => None,
            [one] => Some(*one),
            _ => {
                let next = SET | u32::try_from(self.sets.len()).unwrap_or(SET - 1);
                let (sets, key) = (&mut self.sets, people.clone());
                Some(*self.numbers.entry(key).or_insert_with(|| {
                    sets.push(people);
                    next
                }))
            }
        }
    }
}

/// Whether a row is one of those that the estate says are about a person, or nobody knows that it is not.
fn may_be_a_persons(described: &DescribedTable, table: &StoredTable, versions: &Versions<'_>, row: usize) -> bool {
    let is_same = |wanted: &String, text: &str| wanted == text || matches!((wanted.as_str(), text), ("true", "t") | ("false", "f"));
    described.rows.iter().all(|(name, wanted)| {
        let Some(column) = table.column_index(name) else { return true };
        let is_unknown = versions.life(row).doubt.holds_values() || versions.unknown_columns(row).iter().any(|unknown| usize::from(*unknown) == column);
        match versions.cell(row, column) {
            _ if is_unknown => true,
            Value::Unknown => true,
            value => value.text().is_some_and(|text| wanted.iter().any(|wanted| is_same(wanted, &text))),
        }
    })
}

fn members(sets: &[Box<[u32]>], holder: u32) -> Vec<u32> {
    if holder & SET == 0 {
        return vec![holder];
    }
    sets.get((holder & !SET) as usize).map(|set| set.to_vec()).unwrap_or_default()
}

/// Rows of which something is in doubt, rows that do not last, and everybody: each sorted by person.
pub(crate) type People = (Vec<InDoubt>, Vec<(i64, i64, u32)>, Vec<u32>);

/// A row of somebody's of which something is in doubt for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InDoubt {
    /// Whose it is; [`NOBODY`]: nobody's.
    pub person: u32,
    /// First instant, microseconds.
    pub from: i64,
    /// First instant after it.
    pub to: i64,
    /// What is in doubt: [`ROW_IN_DOUBT`], and [`column_in_doubt`] of each column.
    pub what: u64,
    /// The columns that are known but for a little.
    pub near: u64,
}

impl Owned {
    fn stretches(&self, row: usize, life: Life) -> Vec<Stretch> {
        match self.split.get(&row) {
            Some(split) => split.iter().map(|s| Stretch { doubt: s.doubt.and(life.doubt), ..*s }).collect(),
            None => vec![Stretch { from: life.from, to: life.to, holder: self.first.get(row).copied().flatten(), doubt: life.doubt }],
        }
    }

    /// When a column of some row of the table was not known, microseconds: each in order, none twice. Those that are known but for a little are
    /// not among them.
    pub(crate) fn unknown_cells(versions: &Versions<'_>) -> Vec<(i64, i64, usize)> {
        let mut all = BTreeSet::new();
        for row in 0..versions.row_count() {
            let life = versions.life(row);
            let (from, to) = interval(life.from, life.to);
            // Of a row that the snapshot could not read in full, no column is known for sure.
            let columns: Vec<usize> = match life.doubt.holds_values() {
                true => (0..versions.table.columns.len()).collect(),
                false => versions.lost_columns(row).collect(),
            };
            all.extend(columns.into_iter().filter(|_| from < to).map(|column| (from, to, column)));
        }
        all.into_iter().collect()
    }

    /// The people of a table's rows.
    pub(crate) fn people(&self, versions: &Versions<'_>) -> People {
        let (mut doubtful, mut timed) = (Vec::new(), Vec::new());
        let (mut always, mut all) = (BTreeSet::new(), BTreeSet::new());
        for row in 0..versions.row_count() {
            for stretch in self.stretches(row, versions.life(row)).into_iter().filter(|s| s.from < s.to) {
                let (from, to) = interval(stretch.from, stretch.to);
                let (what, near) = (stretch.in_doubt(versions.in_doubt(row)), versions.near_columns(row));
                if stretch.holder.is_none() && what | near != 0 {
                    doubtful.push(InDoubt { person: NOBODY, from, to, what, near });
                }
                for person in stretch.holder.map(|h| members(&self.sets, h)).unwrap_or_default().into_iter().filter(|p| *p != SOMEBODY) {
                    all.insert(person);
                    if (from, to) == (i64::MIN, i64::MAX) {
                        always.insert(person);
                    } else {
                        timed.push((from, to, person));
                    }
                    if what | near != 0 {
                        doubtful.push(InDoubt { person, from, to, what, near });
                    }
                }
            }
        }
        timed.retain(|(_, _, person)| !always.contains(person));
        doubtful.sort_unstable();
        timed.sort_unstable_by_key(|(from, to, person)| (*person, *from, *to));
        (doubtful, timed, all.into_iter().collect())
    }

    /// The stored batches: visible columns, then subject, from, to, what is in doubt and what is known but for a little.
    pub(crate) fn batches(&self, versions: &Versions<'_>) -> Vec<RecordBatch> {
        let schema = Arc::new(stored_schema(&versions.table.arrow_schema()));
        let mut all = Vec::new();
        let mut start = 0;
        let base = versions.table.rows();
        let snapshot = versions.table.batches.iter().map(|b| (b.columns().to_vec(), b.num_rows()));
        let mut parts: Vec<(usize, Vec<ArrayRef>, usize)> = Vec::new();
        for (columns, rows) in snapshot {
            parts.push((start, columns, rows));
            start += rows;
        }
        parts.extend(versions.added.batches(&versions.kinds).map(|(at, columns, rows)| (base + at, columns, rows)));
        for (start, columns, rows) in parts {
            self.part(versions, &schema, start, &columns, rows, &mut all);
        }
        all
    }

    fn part(&self, versions: &Versions<'_>, schema: &Arc<Schema>, start: usize, columns: &[ArrayRef], rows: usize, all: &mut Vec<RecordBatch>) {
        let (mut picked, mut holders) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (mut in_doubt, mut near) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let mut stretches = Vec::with_capacity(rows);
        for at in 0..rows {
            for stretch in self.stretches(start + at, versions.life(start + at)).into_iter().filter(|s| s.from < s.to) {
                picked.push(u32::try_from(at).unwrap_or(u32::MAX));
                let what = stretch.in_doubt(versions.in_doubt(start + at));
                in_doubt.push(what);
                near.push(versions.near_columns(start + at));
                holders.push(stretch.holder.or((what | versions.near_columns(start + at) != 0).then_some(NOBODY)));
                stretches.push(stretch);
            }
        }
        let is_whole = picked.len() == rows && picked.iter().enumerate().all(|(at, row)| at == *row as usize);
        let picked = UInt32Array::from(picked);
        let mut arrays: Vec<ArrayRef> =
            if is_whole { columns.to_vec() } else { columns.iter().map(|c| take(c.as_ref(), &picked, None).expect("rows of the batch")).collect() };
        arrays.push(Arc::new(UInt32Array::from(holders)));
        arrays.push(Arc::new(Int64Array::from_iter_values(stretches.iter().map(|s| s.from))));
        arrays.push(Arc::new(Int64Array::from_iter_values(stretches.iter().map(|s| s.to))));
        arrays.push(Arc::new(UInt64Array::from(in_doubt)));
        arrays.push(Arc::new(UInt64Array::from(near)));
        if arrays.last().is_some_and(|a| !a.is_empty()) {
            all.push(batch(schema, arrays));
        }
    }
}

/// The visible columns, then the hidden ones that provenance reads.
pub(crate) fn stored_schema(visible: &Schema) -> Schema {
    let mut fields: Vec<_> = visible.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("__subject", DataType::UInt32, true)));
    fields.push(Arc::new(Field::new("__valid_from", DataType::Int64, false)));
    fields.push(Arc::new(Field::new("__valid_to", DataType::Int64, false)));
    fields.push(Arc::new(Field::new("__in_doubt", DataType::UInt64, false)));
    fields.push(Arc::new(Field::new("__near", DataType::UInt64, false)));
    Schema::new(fields)
}
