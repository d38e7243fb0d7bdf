//! Rolls one table of a snapshot forward and back with the logged writes, so that it can be read as of any moment.
//! Only rows that change get versions. What the log does not settle is marked doubtful, never left as it was.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Delete, Expr, Insert, ObjectName, ObjectNamePart, OnConflictAction, OnInsert, SelectItem, SetExpr,
};

use strandline_sql::{Setting, Zone};

use crate::Dialect;
use crate::cells::{Added, Life, NearCell, ROW_IN_DOUBT, RowDoubt, column_in_doubt, kinds};
use crate::change::Change;
use crate::doubt::{DoubtReason, Open, TableDoubt};
use crate::evaluate::{Scope, literal};
use crate::index::Index;
use crate::paths::Zones;
use crate::rebuild::interval;
use crate::store::{ColumnDefault, StoredTable};
use crate::value::{ColumnKind, FoldCase, Near, Value};
use crate::writes::{End, Write};

/// Beyond this many rows that a write may have touched, the table as a whole is doubtful instead of each row.
const DOUBTFUL_ROWS: usize = 1_000;
/// Versions that an UPDATE whose end is not shown leaves beside each other, so that whose they are stays one of those; of more rows nobody is told.
const EITHER_ROWS: usize = 16;
/// Stretches in which rows were of nobody knows whom, as doubts of a table: those that lie nearest are joined.
const LOST_STRETCHES: usize = 64;
/// Rows that all writes together may look at one by one; then only those with a key are followed row by row.
const LOOKED_AT: usize = 20_000_000;
/// Moments in a microsecond. Writes that the log stamps alike follow each other in it; the last one is the state after all.
pub(crate) const SLOTS: i64 = 1024;

/// The committed state of an instant, microseconds: the last moment of it. Row versions hold between moments.
pub fn moment(time: i64) -> i64 {
    match time.checked_mul(SLOTS) {
        Some(start) => start + (SLOTS - 1),
        None if time < 0 => i64::MIN,
        None => i64::MAX,
    }
}

/// The first moment of an instant, microseconds; always and never stay what they are.
pub(crate) fn first_moment(time: i64) -> i64 {
    time.saturating_mul(SLOTS)
}

/// The instant that a moment lies in.
pub fn micros(moment: i64) -> i64 {
    match moment {
        i64::MIN | i64::MAX => moment,
        _ => moment.div_euclid(SLOTS),
    }
}

/// Which way a snapshot is rolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// A table with all known versions of its rows.
pub(crate) struct Versions<'t> {
    pub(crate) table: &'t StoredTable,
    pub(crate) kinds: Vec<ColumnKind>,
    dialect: Dialect,
    /// Columns that say whose a row is.
    subject_columns: Vec<usize>,
    /// Lives of the snapshot's rows that changed.
    base: HashMap<usize, Life>,
    pub(crate) added: Added,
    live_added: BTreeSet<usize>,
    indexes: HashMap<usize, Index>,
    /// The names of the columns, where the log changed any.
    names: Option<Names>,
    direction: Direction,
    snapshot: i64,
    looked_at: usize,
    pub(crate) doubts: Vec<TableDoubt>,
    /// Rows that ended and began while a transaction is followed that was undone.
    journal: Option<Journal>,
    /// The zones of sessions that set none.
    zones: Zones,
    /// Rows that are taken not to be older than their INSERT although its end is not shown.
    taken_for_new: Vec<TakenForNew>,
}

/// A row that was there after an INSERT of its key which went well: it came with it, unless the INSERT's transaction had taken away an
/// older one before and was undone.
struct TakenForNew {
    /// The version that holds what the older one would have held.
    row: usize,
    /// Until when, in moments.
    to: i64,
}

/// The names of a table's columns since the log changed them.
struct Names {
    /// By column of the snapshot; `None`: it was dropped.
    now: Vec<Option<String>>,
    /// Columns that the snapshot does not have. What they hold is not kept.
    added: BTreeSet<String>,
}

/// A change of a table's columns.
pub(crate) enum Columns<'c> {
    /// It has another name.
    Renamed(&'c str, &'c str),
    /// It is gone.
    Dropped(&'c str),
    /// It is new.
    Added(&'c str),
}

/// What an undone transaction did.
struct Journal {
    ended: Vec<usize>,
    begun: Vec<usize>,
    doubts: Vec<TableDoubt>,
}

/// Rows that a write touched, and rows that it may have touched.
struct Touched {
    sure: Vec<usize>,
    open: Vec<usize>,
}

/// Whose the columns are that an assignment reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ColumnsRead {
    Own,
    OfOthers,
}

/// What a write assigns, by column.
type Assigned<'e> = BTreeMap<usize, &'e Expr>;

impl<'t> Versions<'t> {
    /// The table as its snapshot of `snapshot_time` has it.
    pub(crate) fn new(table: &'t StoredTable, dialect: Dialect, subject_columns: Vec<usize>, snapshot_time: i64) -> Self {
        let unsure = Life { doubt: RowDoubt::VALUES, ..Life::ALWAYS };
        let base = table.unsure_rows.iter().map(|row| (*row, unsure)).collect();
        let missing = [Open::Rows, Open::People].map(|open| TableDoubt::always(open, DoubtReason::SnapshotIncomplete));
        Self {
            table,
            kinds: kinds(table),
            dialect,
            subject_columns,
            base,
            added: Added::default(),
            live_added: BTreeSet::new(),
            indexes: HashMap::new(),
            names: None,
            direction: Direction::Backward,
            snapshot: snapshot_time,
            looked_at: 0,
            doubts: if table.complete { Vec::new() } else { missing.to_vec() },
            journal: None,
            zones: Zones::default(),
            taken_for_new: Vec::new(),
        }
    }

    /// The same, of a database whose sessions work in these zones where they set no other.
    pub(crate) fn in_zones(self, zones: Zones) -> Self {
        Self { zones, ..self }
    }

    /// Which way the writes that follow are to be applied. Back first: what is live at the edge is found anew.
    pub(crate) fn turn(&mut self, direction: Direction) {
        self.doubt_lost();
        self.direction = direction;
        self.indexes.clear();
        let live = (0..self.added.len()).map(|at| at + self.table.rows());
        self.live_added = live.filter(|row| self.is_live(*row)).collect();
    }

    /// Any row may have changed, or others may be there, from this write on (or until it, rolling back).
    pub(crate) fn doubt(&mut self, change: &Change<'_>, open: Open, reason: DoubtReason) {
        let (time, until) = (change.write.time, change.write.time.saturating_add(change.write.precision));
        let (from, to) = if self.direction == Direction::Forward { (time, i64::MAX) } else { (i64::MIN, until) };
        match self.doubts.iter_mut().find(|d| d.open == open && (d.from <= from && to <= d.to || from <= d.from && d.to <= to)) {
            Some(known) => (known.from, known.to) = (known.from.min(from), known.to.max(to)),
            None => self.doubts.push(TableDoubt { from, to, open, reason }),
        }
    }

    /// Whose a row was is not known where a write hid it: as long as such a version lasts, it is anybody's.
    fn doubt_lost(&mut self) {
        let is_lost = |row: &usize| self.unknown_columns(*row).iter().any(|column| self.subject_columns.contains(&usize::from(*column)));
        let mut lost: Vec<usize> = self.added.unknown.keys().map(|added| added + self.table.rows()).collect();
        lost.retain(is_lost);
        let lives = lost.into_iter().map(|row| self.life(row)).filter(|life| life.from < life.to);
        let stretches = joined(lives.map(|life| interval(life.from, life.to)).collect());
        let doubts = stretches.into_iter().map(|(from, to)| TableDoubt { from, to, open: Open::People, reason: DoubtReason::ValuesNotLogged });
        self.doubts.extend(doubts);
    }

    /// The columns have other names from now on. Before a younger snapshot that is not followed: any row may differ.
    pub(crate) fn rename(&mut self, columns: &Columns<'_>, change: &Change<'_>) {
        let is_sure = self.direction == Direction::Forward && change.write.end == End::Committed;
        if !is_sure {
            return self.redefined(change);
        }
        let table = self.table;
        let names = self.names.get_or_insert_with(|| Names { now: table.columns.iter().map(|c| Some(c.name.clone())).collect(), added: BTreeSet::new() });
        let mut put = |own: &str, new: Option<&str>| {
            let found = names.now.iter_mut().find(|name| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(own)));
            match found {
                Some(name) => *name = new.map(str::to_owned),
                None => {
                    names.added.remove(own);
                    names.added.extend(new.map(str::to_owned));
                }
            }
        };
        match columns {
            Columns::Renamed(own, new) => put(own, Some(new)),
            Columns::Dropped(own) => put(own, None),
            Columns::Added(new) => put(new, Some(new)),
        }
    }

    /// What became of the table is not followed.
    pub(crate) fn redefined(&mut self, change: &Change<'_>) {
        self.reopen_new(change, |_, _| true);
        self.doubt(change, Open::Rows, DoubtReason::Definition);
        self.doubt(change, Open::People, DoubtReason::Definition);
    }

    /// The number of a column, by the name that it has now.
    pub(crate) fn column_index(&self, name: &str) -> Option<usize> {
        let Some(names) = &self.names else { return self.table.column_index(name) };
        let exact = names.now.iter().position(|now| now.as_deref() == Some(name));
        exact.or_else(|| names.now.iter().position(|now| now.as_deref().is_some_and(|now| now.eq_ignore_ascii_case(name))))
    }

    /// Whether a column was added since the snapshot.
    fn is_added(&self, name: &str) -> bool {
        self.names.as_ref().is_some_and(|names| names.added.contains(name))
    }

    fn is_doubted(&self, change: &Change<'_>, open: Open) -> bool {
        let edge = if self.direction == Direction::Forward { i64::MAX } else { i64::MIN };
        self.doubts.iter().any(|d| d.open == open && d.holds(change.write.time) && (d.to == edge || d.from == edge))
    }

    pub(crate) fn row_count(&self) -> usize {
        self.table.rows() + self.added.len()
    }

    pub(crate) fn life(&self, row: usize) -> Life {
        match row.checked_sub(self.table.rows()) {
            Some(added) => self.added.lives[added],
            None => self.base.get(&row).copied().unwrap_or(Life::ALWAYS),
        }
    }

    fn set_life(&mut self, row: usize, life: Life) {
        match row.checked_sub(self.table.rows()) {
            Some(added) => self.added.lives[added] = life,
            None => drop(self.base.insert(row, life)),
        }
    }

    /// What is stored of a cell: what is known, or a guess.
    fn stored(&self, row: usize, column: usize) -> Value {
        match row.checked_sub(self.table.rows()) {
            Some(added) => self.added.stored(&self.kinds, added, column),
            None => self.table.cell(row, column),
        }
    }

    pub(crate) fn unknown_columns(&self, row: usize) -> &[u16] {
        row.checked_sub(self.table.rows()).and_then(|added| self.added.unknown.get(&added)).map_or(&[], |columns| columns)
    }

    /// The columns of a row that are known but for a little, as [`column_in_doubt`] numbers them.
    pub(crate) fn near_columns(&self, row: usize) -> u64 {
        self.near(row).fold(0, |all, (column, _)| all | column_in_doubt(column))
    }

    /// What of a row is not proved, as [`column_in_doubt`] numbers it; what is known but for a little is left out.
    pub(crate) fn in_doubt(&self, row: usize) -> u64 {
        let cells = self.lost_columns(row).fold(0, |all, column| all | column_in_doubt(column));
        match self.life(row).doubt {
            doubt if doubt.holds_values() => u64::MAX,
            doubt if doubt.is_any() => ROW_IN_DOUBT | cells,
            _ => cells,
        }
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> Value {
        let is_unknown = self.unknown_columns(row).iter().any(|unknown| usize::from(*unknown) == column);
        if is_unknown { self.near(row).find(|(at, _)| *at == column).map_or(Value::Unknown, |(_, near)| Value::Near(near)) } else { self.stored(row, column) }
    }

    /// The cells of a row that are known but for a little.
    fn near(&self, row: usize) -> impl Iterator<Item = (usize, Near)> + '_ {
        let cells = row.checked_sub(self.table.rows()).and_then(|added| self.added.near.get(&added));
        cells.into_iter().flatten().map(|(column, near)| (usize::from(*column), *near))
    }

    /// All cells that are known but for a little, each once.
    pub(crate) fn near_cells(&self) -> Vec<NearCell> {
        let cell = |(column, near): &(u16, Near)| NearCell { column: usize::from(*column), from: near.between().0, to: near.between().1, write: near.write };
        let all: BTreeSet<NearCell> = self.added.near.values().flatten().map(cell).collect();
        all.into_iter().collect()
    }

    /// The columns of a row of which nothing is known.
    pub(crate) fn lost_columns(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        let near: Vec<usize> = self.near(row).map(|(column, _)| column).collect();
        self.unknown_columns(row).iter().map(|column| usize::from(*column)).filter(move |column| !near.contains(column))
    }

    fn cells(&self, row: usize) -> Vec<Value> {
        (0..self.kinds.len()).map(|column| self.cell(row, column)).collect()
    }

    fn guesses(&self, row: usize) -> Vec<Value> {
        (0..self.kinds.len()).map(|column| self.stored(row, column)).collect()
    }

    /// Whether the version stands at the edge that the rolling has reached.
    fn is_live(&self, row: usize) -> bool {
        let life = self.life(row);
        match self.direction {
            Direction::Forward => life.to == i64::MAX,
            Direction::Backward => life.from == i64::MIN,
        }
    }

    fn live_rows(&self) -> impl Iterator<Item = usize> + '_ {
        let base = (0..self.table.rows()).filter(|row| !self.base.contains_key(row) || self.is_live(*row));
        base.chain(self.live_added.iter().copied())
    }

    fn live_count_at_most(&self) -> usize {
        self.table.rows() + self.live_added.len()
    }

    /// Adds a version; cells that are unknown are stored as `guesses` has them.
    fn add(&mut self, mut cells: Vec<Value>, guesses: Option<Vec<Value>>, life: Life) -> Option<usize> {
        if life.from >= life.to {
            return None;
        }
        let unknown: Vec<u16> = (0..cells.len()).filter(|c| cells[*c].is_unknown()).filter_map(|c| u16::try_from(c).ok()).collect();
        let row = self.row_count();
        let is_live = if self.direction == Direction::Forward { life.to == i64::MAX } else { life.from == i64::MIN };
        if is_live {
            for (column, index) in &mut self.indexes {
                index.add(row, &cells[*column], self.dialect);
            }
            self.live_added.insert(row);
        }
        let mut near = Vec::new();
        for column in unknown.iter().map(|c| usize::from(*c)) {
            if let Value::Near(cell) = cells[column] {
                near.extend(u16::try_from(column).ok().map(|column| (column, cell)));
                cells[column] = cell.guess();
                continue;
            }
            // Of a value that is not known it is not known that there is none: it is stored as one.
            let guess = guesses.as_ref().map(|guesses| &guesses[column]).filter(|guess| !guess.is_unknown() && **guess != Value::Null);
            cells[column] = guess.cloned().unwrap_or_else(|| self.kinds[column].some_value());
        }
        let number = self.added.push(&self.kinds, cells, life, unknown);
        if !near.is_empty() {
            self.added.near.insert(number, near.into_boxed_slice());
        }
        Some(row)
    }

    /// Takes a row out of what is live.
    fn retire(&mut self, row: usize) {
        let columns: Vec<usize> = self.indexes.keys().copied().collect();
        for column in columns {
            let cell = self.cell(row, column);
            if let Some(index) = self.indexes.get_mut(&column) {
                index.remove(row, &cell, self.dialect);
            }
        }
        self.live_added.remove(&row);
    }

    /// Ends a version at the write; where the log's clock is coarse, it may still hold until the next tick.
    fn end(&mut self, row: usize, change: &Change<'_>) {
        let mut life = self.life(row);
        self.retire(row);
        life.to = change.at.max(life.from);
        self.set_life(row, life);
        if let Some(journal) = &mut self.journal {
            journal.ended.push(row);
        }
        if change.write.precision > 1 {
            let until = moment(change.write.time.saturating_add(change.write.precision));
            let doubt = life.doubt.and(RowDoubt::MAYBE);
            self.add(self.cells(row), Some(self.guesses(row)), Life { from: change.at, to: until, doubt });
        }
    }

    /// A version that begins with the write.
    fn begin(&mut self, cells: Vec<Value>, guesses: Option<Vec<Value>>, change: &Change<'_>, doubt: RowDoubt) {
        let mut from = change.at;
        if change.write.precision > 1 {
            from = moment(change.write.time.saturating_add(change.write.precision));
            self.add(cells.clone(), guesses.clone(), Life { from: change.at, to: from, doubt: doubt.and(RowDoubt::MAYBE) });
        }
        let row = self.add(cells, guesses, Life { from, to: i64::MAX, doubt });
        if let (Some(journal), Some(row)) = (&mut self.journal, row) {
            journal.begun.push(row);
        }
    }

    /// The row from here on with another doubt.
    fn redoubt(&mut self, row: usize, change: &Change<'_>, doubt: RowDoubt) {
        let now = self.life(row).doubt.passed_on();
        if now.and(doubt) != now {
            let (cells, guesses) = (self.cells(row), self.guesses(row));
            self.end(row, change);
            self.begin(cells, Some(guesses), change, now.and(doubt));
        }
    }

    fn fold_case(&self) -> FoldCase {
        if self.dialect == Dialect::MySql { FoldCase::Yes } else { FoldCase::No }
    }

    /// The zone of the session of a write; `None` where it is not known, or where its clock was set.
    fn zone(&self, change: &Change<'_>) -> Option<Zone> {
        let own = || self.zones.of(change.write.role.as_deref());
        let Some(session) = &change.write.session else { return own() };
        match session.time_zone() {
            _ if session.sets_clock() => None,
            Setting::Default => own(),
            Setting::Is(zone) if zone.len() == 1 && ["system", "local", "default"].iter().any(|own| zone[0].eq_ignore_ascii_case(own)) => own(),
            Setting::Is(zone) => zone.first().and_then(|zone| Zone::named(zone, self.dialect)),
            Setting::Unknown => None,
        }
    }

    /// The value as a cell of a column; `None` if it does not fit.
    fn fitted(&self, column: usize, value: Value, change: &Change<'_>) -> Option<Value> {
        self.kinds[column].coerce(value, &|| self.zone(change))
    }

    /// The value that a write gives a column. What is NULL or an empty text is NULL where no text can stand.
    fn given(&self, column: usize, expression: &Expr, cell: &dyn Fn(usize) -> Value, change: &Change<'_>) -> Value {
        if !matches!(self.kinds[column], ColumnKind::Text | ColumnKind::Padded) && change.binds_empty_or_null(expression) {
            return Value::Null;
        }
        self.fitted(column, self.evaluate(expression, cell, change), change).unwrap_or(Value::Unknown)
    }

    fn evaluate(&self, expression: &Expr, cell: &dyn Fn(usize) -> Value, change: &Change<'_>) -> Value {
        let by_name = |name: &str| self.column_index(name).map(cell);
        let zone = || self.zone(change);
        let (parameters, clock) = (change.parameters(), change.clock());
        Scope { cell: &by_name, parameters, clock, fold_case: self.fold_case(), zone: &zone }.evaluate(expression)
    }

    /// `column = constant` or `column IN (constants)` on a column that is not blind: the texts that it may have.
    fn keyed(&self, condition: Option<&Expr>, change: &Change<'_>, blind: &BTreeSet<usize>) -> Option<(usize, Vec<String>)> {
        let mut lists = Vec::new();
        constants(condition, &mut lists);
        let mut found: Vec<(usize, Vec<String>)> = lists
            .into_iter()
            .filter_map(|(name, values)| {
                let column = self.column_index(&name).filter(|c| !blind.contains(c))?;
                let text = |value: &&sqlparser::ast::Value| self.kinds[column].parse(&literal(value, change.parameters()).text()?)?.text();
                Some((column, values.iter().map(text).collect::<Option<Vec<String>>>()?))
            })
            .collect();
        // A unique key looks at the fewest rows.
        found.sort_by_key(|(column, values)| (!self.table.unique_keys.iter().any(|key| key == &[*column]), values.len()));
        found.into_iter().next()
    }

    fn index(&mut self, column: usize) -> &Index {
        if !self.indexes.contains_key(&column) {
            let mut index = Index::default();
            for row in self.live_rows() {
                index.add(row, &self.cell(row, column), self.dialect);
            }
            self.indexes.insert(column, index);
        }
        &self.indexes[&column]
    }

    fn lookup(&mut self, column: usize, texts: &[String]) -> Vec<usize> {
        let dialect = self.dialect;
        let index = self.index(column);
        let mut rows: Vec<usize> = texts.iter().flat_map(|text| index.find(text, dialect)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Live rows that satisfy the condition, and those that may. `blind` columns count as unknown. `None`: there is no
    /// looking at all of them any more.
    fn touched(&mut self, condition: Option<&Expr>, change: &Change<'_>, blind: &BTreeSet<usize>) -> Option<Touched> {
        let candidates: Vec<usize> = match self.keyed(condition, change, blind) {
            Some((column, texts)) => self.lookup(column, &texts),
            None => {
                self.looked_at = self.looked_at.saturating_add(self.live_count_at_most());
                if self.looked_at > LOOKED_AT {
                    return None;
                }
                self.live_rows().collect()
            }
        };
        let mut touched = Touched { sure: Vec::new(), open: Vec::new() };
        for row in candidates {
            let cell = |column: usize| if blind.contains(&column) { Value::Unknown } else { self.cell(row, column) };
            match condition.map_or(Value::Bool(true), |c| self.evaluate(c, &cell, change)) {
                Value::Bool(true) => touched.sure.push(row),
                Value::Unknown => touched.open.push(row),
                _ => {}
            }
        }
        Some(touched)
    }

    fn assigned<'e>(&self, assignments: &'e [Assignment]) -> Option<Assigned<'e>> {
        let mut set = BTreeMap::new();
        for assignment in assignments {
            let AssignmentTarget::ColumnName(name) = &assignment.target else { return None };
            let name = last_part(name)?;
            if !self.is_added(&name) {
                set.insert(self.column_index(&name)?, &assignment.value);
            }
        }
        Some(set)
    }

    fn assigns_subject(&self, set: &Assigned<'_>) -> bool {
        set.keys().any(|column| self.subject_columns.contains(column))
    }

    /// An UPDATE of this table alone.
    pub(crate) fn update(&mut self, assignments: &[Assignment], condition: Option<&Expr>, change: &Change<'_>) {
        let Some(set) = self.assigned(assignments) else { return self.not_understood(change) };
        match self.direction {
            Direction::Forward => self.change_rows(&set, condition, change),
            Direction::Backward => self.undo_update(&set, condition, change),
        }
    }

    /// An UPDATE whose rows or values stand in other tables: any row may have been changed in the columns that it assigns.
    pub(crate) fn update_by_others(&mut self, assignments: &[Assignment], change: &Change<'_>) {
        let Some(set) = self.assigned(assignments) else { return self.not_understood(change) };
        self.rows_may_differ(&set, change);
        if self.assigns_subject(&set) {
            self.doubt(change, Open::People, DoubtReason::RowsNotKnown);
        }
        if self.table.unique_keys.iter().flatten().any(|column| set.contains_key(column)) {
            self.reopen_new(change, |_, _| true);
        }
    }

    /// Every row may have what an UPDATE assigned.
    fn rows_may_differ(&mut self, set: &Assigned<'_>, change: &Change<'_>) {
        if self.direction == Direction::Backward || self.live_count_at_most() > DOUBTFUL_ROWS {
            return self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
        }
        let rows: Vec<usize> = self.live_rows().collect();
        self.maybe_assigned(&rows, set, change, ColumnsRead::OfOthers);
    }

    fn change_rows(&mut self, set: &Assigned<'_>, condition: Option<&Expr>, change: &Change<'_>) {
        let Some(Touched { sure, open }) = self.touched(condition, change, &BTreeSet::new()) else {
            self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
            if self.assigns_subject(set) {
                self.doubt(change, Open::People, DoubtReason::RowsNotKnown);
            }
            return;
        };
        let counted = self.counted(change, &sure, &open);
        if !counted.none_open {
            self.maybe_changed(&open, set, change);
        }
        if change.is_unsure() || counted.fewer {
            self.maybe_changed(&sure, set, change);
        } else {
            for row in sure {
                self.rewrite(row, set, change, counted.settled);
            }
        }
        if counted.more {
            self.strangers(change);
        }
    }

    /// What the logged number of rows says of those that a write touched, and may have touched. What a row may be instead of itself is no row
    /// more.
    fn counted(&self, change: &Change<'_>, sure: &[usize], open: &[usize]) -> Counted {
        let count = change.row_count().and_then(|count| usize::try_from(count).ok());
        // Of a row that may not be there another one may have been touched in its place.
        let are_there = sure.iter().all(|row| !self.life(*row).doubt.is_any());
        let is_closed = open.is_empty() && !self.doubts.iter().any(|doubt| doubt.holds(change.write.time));
        let (all, sure) = (sure.len(), self.rows_told_apart(sure));
        Counted {
            none_open: are_there && count == Some(sure),
            settled: is_closed && count == Some(all),
            // MySQL counts the rows that an UPDATE left as they were no further.
            fewer: self.dialect == Dialect::PostgreSql && count.is_some_and(|n| n < sure),
            more: count.is_some_and(|n| n > sure + open.len()),
        }
    }

    /// How many rows these versions are of: those of one key that stand beside each other are of one.
    fn rows_told_apart(&self, rows: &[usize]) -> usize {
        let Some(key) = self.table.unique_keys.iter().find(|key| !key.is_empty()) else { return rows.len() };
        let is_alternative = |row: &&usize| self.life(**row).doubt.is_any();
        if rows.iter().filter(is_alternative).nth(1).is_none() {
            return rows.len();
        }
        let told = |row: &usize| key.iter().map(|column| self.cell(*row, *column).text()).collect::<Option<Vec<String>>>();
        let (known, unknown): (Vec<_>, Vec<_>) = rows.iter().map(told).partition(Option::is_some);
        known.into_iter().collect::<BTreeSet<_>>().len() + unknown.len()
    }

    fn rewrite(&mut self, row: usize, set: &Assigned<'_>, change: &Change<'_>, was_seen: bool) {
        let old = self.cells(row);
        let mut new = old.clone();
        for (column, expression) in set {
            new[*column] = self.given(*column, expression, &|at| old[at].clone(), change);
        }
        change.filled.iter().for_each(|column| new[*column] = Value::Unknown);
        if self.subject_columns.iter().any(|column| new[*column].is_unknown() && !old[*column].is_unknown()) {
            self.doubt(change, Open::People, DoubtReason::ValuesNotLogged);
        }
        let doubt = self.life(row).doubt.passed_on();
        let guesses = self.guesses(row);
        self.end(row, change);
        self.begin(new, Some(guesses), change, if was_seen { doubt.seen() } else { doubt });
    }

    /// Rows that may have been given what is assigned: those cells are not known from then on.
    fn maybe_changed(&mut self, rows: &[usize], set: &Assigned<'_>, change: &Change<'_>) {
        self.maybe_assigned(rows, set, change, ColumnsRead::Own);
    }

    fn maybe_assigned(&mut self, rows: &[usize], set: &Assigned<'_>, change: &Change<'_>, columns: ColumnsRead) {
        if rows.is_empty() || self.is_doubted(change, Open::Rows) {
            return;
        }
        if self.assigns_subject(set) {
            match self.rows_with(rows, set, change).filter(|_| columns == ColumnsRead::Own) {
                Some(assigned) => return self.either(rows, assigned, change),
                None => self.doubt(change, Open::People, DoubtReason::RowsNotKnown),
            }
        }
        if rows.len() > DOUBTFUL_ROWS {
            return self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
        }
        let sends_rows = change.sends_rows();
        for row in rows.iter().copied() {
            let old = self.cells(row);
            let guesses = self.guesses(row);
            let mut new = old.clone();
            for (column, expression) in set {
                // A name may be another table's column, even where this one has it too.
                let value = self.given(*column, expression, &|at| if columns == ColumnsRead::Own { old[at].clone() } else { Value::Unknown }, change);
                if value != old[*column] {
                    new[*column] = Value::Unknown;
                }
            }
            change.filled.iter().for_each(|column| new[*column] = Value::Unknown);
            let doubt = self.life(row).doubt.passed_on();
            if new != old || sends_rows {
                self.end(row, change);
                self.begin(new, Some(guesses), change, if sends_rows { doubt.perhaps_touched() } else { doubt });
            }
        }
    }

    /// A few rows with what is assigned to each, where that tells whose they then are.
    fn rows_with(&self, rows: &[usize], set: &Assigned<'_>, change: &Change<'_>) -> Option<Vec<Vec<Value>>> {
        let is_few = rows.len() <= EITHER_ROWS;
        let mut all = Vec::new();
        for row in rows.iter().take_while(|_| is_few) {
            let old = self.cells(*row);
            let mut new = old.clone();
            for (column, expression) in set {
                new[*column] = self.given(*column, expression, &|at| old[at].clone(), change);
            }
            change.filled.iter().for_each(|column| new[*column] = Value::Unknown);
            if self.subject_columns.iter().any(|column| new[*column].is_unknown()) {
                return None;
            }
            all.push(new);
        }
        is_few.then_some(all)
    }

    /// Each row stays as it was or is what a write made of it: whose it is, is one of two.
    fn either(&mut self, rows: &[usize], assigned: Vec<Vec<Value>>, change: &Change<'_>) {
        let is_told_apart = |cells: &Vec<Value>, keys: &[Vec<usize>]| keys.iter().any(|key| !key.is_empty() && key.iter().all(|c| cells[*c].text().is_some()));
        let mut begun: Vec<Vec<Value>> = Vec::new();
        for (row, new) in rows.iter().copied().zip(assigned) {
            let (old, guesses, doubt) = (self.cells(row), self.guesses(row), self.life(row).doubt.passed_on());
            let doubt = if change.sends_rows() { doubt.perhaps_touched() } else { doubt };
            let is_same = new == old;
            if is_same && !change.sends_rows() {
                begun.push(old);
                continue;
            }
            let doubt = if is_same { doubt } else { doubt.and(RowDoubt::MAYBE) };
            self.end(row, change);
            for cells in [Some(old), Some(new).filter(|_| !is_same)].into_iter().flatten() {
                // Where a key tells rows apart, the same cells twice are one row.
                if !(begun.contains(&cells) && is_told_apart(&cells, &self.table.unique_keys)) {
                    self.begin(cells.clone(), Some(guesses.clone()), change, doubt);
                    begun.push(cells);
                }
            }
        }
    }

    fn maybe_gone(&mut self, rows: &[usize], change: &Change<'_>) {
        if rows.is_empty() || self.is_doubted(change, Open::Rows) {
            return;
        }
        if rows.len() > DOUBTFUL_ROWS {
            return self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
        }
        rows.iter().for_each(|row| self.redoubt(*row, change, RowDoubt::MAYBE));
    }

    /// The log counts rows that nobody knows of: they were there all the time.
    fn strangers(&mut self, change: &Change<'_>) {
        self.doubt(change, Open::People, DoubtReason::CountDiffers);
        if !self.doubts.iter().any(|d| d.open == Open::People && d.from == i64::MIN && d.to >= change.write.time) {
            let to = change.write.time.saturating_add(change.write.precision);
            self.doubts.push(TableDoubt { from: i64::MIN, to, open: Open::People, reason: DoubtReason::CountDiffers });
        }
    }

    /// A statement of which nothing is known but that it changed this table.
    pub(crate) fn not_understood(&mut self, change: &Change<'_>) {
        self.reopen_new(change, |_, _| true);
        self.doubt(change, Open::Rows, DoubtReason::NotUnderstood);
        self.doubt(change, Open::People, DoubtReason::NotUnderstood);
    }

    /// Rows came in that the log does not hold. Rolling back, any row may have begun with it.
    pub(crate) fn load(&mut self, change: &Change<'_>, reason: DoubtReason) {
        match self.direction {
            Direction::Forward => self.doubt(change, Open::People, reason),
            Direction::Backward => self.doubt(change, Open::Rows, reason),
        }
    }

    /// A DELETE whose rows stand in other tables.
    pub(crate) fn delete_by_others(&mut self, change: &Change<'_>) {
        self.reopen_new(change, |_, _| true);
        match self.direction {
            Direction::Backward => self.doubt(change, Open::People, DoubtReason::Deleted),
            Direction::Forward if self.live_count_at_most() > DOUBTFUL_ROWS => self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown),
            Direction::Forward => {
                let rows: Vec<usize> = self.live_rows().collect();
                self.maybe_gone(&rows, change);
            }
        }
    }

    /// A DELETE from this table alone.
    pub(crate) fn delete(&mut self, delete: &Delete, change: &Change<'_>) {
        let condition = delete.selection.as_ref();
        if self.direction == Direction::Backward {
            return self.undo_delete(condition, change);
        }
        let Some(Touched { sure, open }) = self.touched(condition, change, &BTreeSet::new()) else {
            return self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
        };
        let counted = self.counted(change, &sure, &open);
        if !counted.none_open {
            self.maybe_gone(&open, change);
        }
        if change.is_unsure() || counted.fewer {
            self.maybe_gone(&sure, change);
        } else {
            sure.iter().for_each(|row| self.end(*row, change));
        }
        if counted.more {
            self.strangers(change);
        }
        if condition.is_none() && !change.is_unsure() {
            self.settle(change);
        }
    }

    /// TRUNCATE, and DROP.
    pub(crate) fn truncate(&mut self, change: &Change<'_>) {
        self.reopen_new(change, |_, _| true);
        if self.direction == Direction::Backward {
            return self.doubt(change, Open::People, DoubtReason::Deleted);
        }
        let rows: Vec<usize> = self.live_rows().collect();
        if change.is_unsure() {
            return self.maybe_gone(&rows, change);
        }
        rows.iter().for_each(|row| self.end(*row, change));
        self.settle(change);
    }

    /// The table is empty, whatever was not known of it before.
    fn settle(&mut self, change: &Change<'_>) {
        let until = change.write.time.saturating_add(change.write.precision);
        self.doubts.iter_mut().filter(|d| d.to == i64::MAX && d.from <= change.write.time).for_each(|d| d.to = until);
    }

    /// Before an update the assigned cells are not known. Only rows that now hold what it assigned can have been touched.
    fn undo_update(&mut self, set: &Assigned<'_>, condition: Option<&Expr>, change: &Change<'_>) {
        let blind: BTreeSet<usize> = set.keys().chain(change.filled).copied().collect();
        if self.table.unique_keys.iter().flatten().any(|column| blind.contains(column)) {
            self.reopen_new(change, |_, _| true);
        }
        let mut known = Vec::new();
        equalities(condition, &mut known);
        let before: BTreeMap<usize, Value> = known
            .into_iter()
            .filter_map(|(name, value)| {
                let column = self.column_index(&name).filter(|c| blind.contains(c))?;
                Some((column, self.fitted(column, literal(value, change.parameters()), change)?))
            })
            .collect();
        let touched = self.touched(condition, change, &blind);
        let rows: Option<Vec<usize>> = touched.map(|t| t.sure.into_iter().chain(t.open).filter(|row| self.may_have_got(*row, set, &before, change)).collect());
        let Some(rows) = rows.filter(|rows| rows.len() <= DOUBTFUL_ROWS) else {
            self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
            if self.assigns_subject(set) {
                self.doubt(change, Open::People, DoubtReason::RowsNotKnown);
            }
            return;
        };
        let all_touched = change.write.row_count == i64::try_from(rows.len()).ok();
        for row in rows {
            let (now, life) = (self.cells(row), self.life(row).doubt);
            let (mut cells, mut guesses) = (now.clone(), now.clone());
            for column in &blind {
                // What the condition says it held it held if it was touched; else it was as it is.
                let held = before.get(column).cloned().unwrap_or(Value::Unknown);
                let is_known = all_touched && !life.is_any() || held == now[*column];
                cells[*column] = if is_known { held.clone() } else { Value::Unknown };
                guesses[*column] = held;
            }
            let is_lost = |column: &usize| cells[*column].is_unknown() && before.contains_key(column);
            // Whose it was is one of two; where it was one of more already, it is anybody's.
            let is_either = self.subject_columns.iter().any(is_lost);
            let (doubt, before_it) = match is_either && !life.is_any() {
                true => (life.and(RowDoubt::MAYBE), vec![(guesses, None), (now, Some(self.guesses(row)))]),
                false => (life, vec![(cells, Some(guesses))]),
            };
            self.start_at(row, change);
            for (cells, guesses) in before_it {
                self.add(cells.clone(), guesses.clone(), Life { from: i64::MIN, to: change.at, doubt });
                self.add(cells, guesses, Life { from: change.at, to: self.until(change), doubt: doubt.and(RowDoubt::MAYBE) });
            }
        }
    }

    /// Whether the row's cells do not contradict that the update touched it last; `before` is what the condition says they held.
    fn may_have_got(&self, row: usize, set: &Assigned<'_>, before: &BTreeMap<usize, Value>, change: &Change<'_>) -> bool {
        set.iter().filter(|(column, _)| !change.filled.contains(column)).all(|(column, expression)| {
            let held = |of: usize| match before.get(&of) {
                // MySQL assigns from the left to the right: what an earlier assignment gave is read by a later one.
                Some(held) if self.dialect == Dialect::PostgreSql || of == *column => held.clone(),
                _ => Value::Unknown,
            };
            let value = self.given(*column, expression, &held, change);
            let now = self.cell(row, *column);
            match value {
                Value::Near(near) => self.may_be_near(&now, near, change),
                value => value.is_unknown() || now.is_unknown() || value == now || now != Value::Null && asks_clock(expression),
            }
        })
    }

    /// Whether a cell may be what a clock gave: that is near the log's stamp, and not it.
    fn may_be_near(&self, cell: &Value, near: Near, change: &Change<'_>) -> bool {
        // A column of whole seconds rounds it.
        *cell == Value::Unknown || *cell != Value::Null && near.compare(cell, &|| self.zone(change)).is_none_or(Ordering::is_eq)
    }

    /// Until when the state before a write may have held.
    fn until(&self, change: &Change<'_>) -> i64 {
        if change.write.precision > 1 { moment(change.write.time.saturating_add(change.write.precision)) } else { change.at }
    }

    /// The row was not there before the write; where the log's clock is coarse, it may not have been until the next tick.
    fn start_at(&mut self, row: usize, change: &Change<'_>) {
        self.retire(row);
        let mut life = self.life(row);
        let at = change.at.min(life.to);
        life.from = self.until(change).max(at).min(life.to);
        let maybe = Life { from: at, to: life.from, doubt: life.doubt.and(RowDoubt::MAYBE) };
        self.set_life(row, life);
        self.add(self.cells(row), Some(self.guesses(row)), maybe);
    }

    /// The deleted rows were there before, with the cells that the condition names and others that nobody knows.
    fn undo_delete(&mut self, condition: Option<&Expr>, change: &Change<'_>) {
        let mut lists = Vec::new();
        constants(condition, &mut lists);
        let mut single: BTreeMap<usize, Value> = BTreeMap::new();
        let mut listed: Option<(usize, Vec<Value>)> = None;
        for (name, values) in lists {
            let Some(column) = self.column_index(&name) else { continue };
            let values: Option<Vec<Value>> =
                values.iter().map(|v| self.fitted(column, literal(v, change.parameters()), change).filter(|v| !v.is_unknown() && *v != Value::Null)).collect();
            match values {
                Some(mut one) if one.len() == 1 => drop(single.insert(column, one.remove(0))),
                Some(many) => listed = Some((column, many)),
                None => {}
            }
        }
        self.reopen_new(change, |versions, row| versions.may_hold(row, &single, listed.as_ref()));
        let names = |column: &usize| single.contains_key(column) || listed.as_ref().is_some_and(|(c, _)| c == column);
        let by_key = self.table.unique_keys.iter().any(|key| key.iter().all(names));
        let of_known_people = !self.subject_columns.is_empty() && self.subject_columns.iter().all(names);
        let of_one = change.write.row_count == Some(1) && !single.is_empty();
        if !(by_key || of_known_people || of_one && self.subject_columns.is_empty()) {
            return self.doubt(change, Open::People, DoubtReason::Deleted);
        }
        if !of_known_people && !self.subject_columns.is_empty() {
            self.doubt(change, Open::People, DoubtReason::Deleted);
        }
        if !by_key && !of_one {
            self.doubt(change, Open::Rows, DoubtReason::Deleted);
        }
        let rows: Vec<(usize, Value)> = listed.map_or_else(Vec::new, |(column, values)| values.into_iter().map(|v| (column, v)).collect());
        let rows: Vec<Option<(usize, Value)>> = if rows.is_empty() { vec![None] } else { rows.into_iter().map(Some).collect() };
        if rows.len() > DOUBTFUL_ROWS {
            return self.doubt(change, Open::People, DoubtReason::Deleted);
        }
        for one in rows {
            let mut cells = vec![Value::Unknown; self.kinds.len()];
            single.iter().map(|(c, v)| (*c, v.clone())).chain(one).for_each(|(column, value)| cells[column] = value);
            self.add(cells, None, Life { from: i64::MIN, to: self.until(change), doubt: RowDoubt::MAYBE });
        }
    }

    /// Rows that a query over this table alone gives; `None`, where any of them is in doubt, or there are too many.
    pub(crate) fn select(&mut self, list: &[SelectItem], condition: Option<&Expr>, change: &Change<'_>) -> Option<Vec<Vec<Value>>> {
        if self.direction == Direction::Backward || self.doubts.iter().any(|d| d.holds(change.write.time)) {
            return None;
        }
        let Touched { sure, open } = self.touched(condition, change, &BTreeSet::new())?;
        if !open.is_empty() || sure.len() > DOUBTFUL_ROWS || sure.iter().any(|row| self.life(*row).doubt.is_any()) {
            return None;
        }
        let mut rows = Vec::new();
        for row in sure {
            let mut cells = Vec::new();
            for item in list {
                match item {
                    SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) if self.names.is_none() => cells.extend(self.cells(row)),
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => cells.push(self.evaluate(expr, &|at| self.cell(row, at), change)),
                    _ => return None,
                }
            }
            if cells.iter().any(Value::is_unknown) {
                return None;
            }
            rows.push(cells);
        }
        Some(rows)
    }

    /// An INSERT of rows that the log does not hold.
    fn insert_unknown(&mut self, insert: &Insert, change: &Change<'_>) {
        let assignments = match &insert.on {
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => Some(assignments),
            Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
                OnConflictAction::DoUpdate(update) => Some(&update.assignments),
                OnConflictAction::DoNothing => None,
            },
            _ => None,
        };
        if insert.replace_into {
            return self.not_understood(change);
        }
        self.load(change, DoubtReason::BulkLoad);
        if let (Some(assignments), Direction::Forward) = (assignments, self.direction) {
            match self.assigned(assignments) {
                Some(set) => self.rows_may_differ(&set, change),
                None => self.not_understood(change),
            }
        }
    }

    /// An INSERT of rows that the log holds.
    pub(crate) fn insert(&mut self, insert: &Insert, change: &Change<'_>) {
        let Some(mut rows) = self.inserted_rows(insert, change) else { return self.insert_unknown(insert, change) };
        if self.direction == Direction::Backward {
            return rows.into_iter().for_each(|row| self.undo_insert(row, insert, change));
        }
        let before = rows.len();
        if !settles_conflicts(insert) && change.row_count().is_none_or(|count| count == 0) {
            rows.retain(|row| self.clash(&row.cells) != Some(Clash::Sure));
        }
        if rows.len() == before {
            return rows.into_iter().for_each(|row| self.put(row, insert, change));
        }
        // A row that is there has the key of one of them: the statement failed, and not every engine takes back what it did until then.
        let unsure = Write { end: End::Unsure, ..change.write.clone() };
        let change = Change { write: &unsure, ..*change };
        rows.into_iter().for_each(|row| self.put(row, insert, &change));
    }

    /// Whether a row that is there has a unique key of a new one.
    fn clash(&mut self, cells: &[Value]) -> Option<Clash> {
        let row = self.conflicting(cells)?;
        let exactly = |key: &Vec<usize>| key.iter().all(|c| self.cell(row, *c).text().is_some_and(|text| Some(text) == cells[*c].text()));
        let is_sure = !self.life(row).doubt.is_any() && self.table.unique_keys.iter().any(|key| !key.is_empty() && exactly(key));
        Some(if is_sure { Clash::Sure } else { Clash::Maybe(row) })
    }

    fn put(&mut self, mut row: NewRow, insert: &Insert, change: &Change<'_>) {
        change.filled.iter().for_each(|column| row.cells[*column] = Value::Unknown);
        let mut doubt = if change.is_unsure() || change.through_parent { RowDoubt::MAYBE } else { RowDoubt::NONE };
        if self.subject_columns.iter().any(|column| row.cells[*column].is_unknown()) {
            self.doubt(change, Open::People, DoubtReason::ValuesNotLogged);
        }
        let replaces = settles_conflicts(insert);
        if change.is_unsure() && !replaces {
            let there = self.conflicting(&row.cells);
            if there.is_some_and(|old| row.said.iter().all(|c| self.is_same(old, &row.cells, &[*c]))) {
                return;
            }
        }
        if let Some(Clash::Maybe(old)) = if replaces { None } else { self.clash(&row.cells) } {
            doubt = doubt.and(RowDoubt::MAYBE);
            self.redoubt(old, change, RowDoubt::MAYBE);
        }
        if replaces && self.table.unique_keys.iter().any(|key| key.iter().any(|c| row.cells[*c].is_unknown())) {
            // Which row was in its way, if any, is not known.
            self.doubt(change, Open::Rows, DoubtReason::ValuesNotLogged);
            doubt = doubt.and(RowDoubt::MAYBE);
        }
        let taken = if replaces { self.conflicting(&row.cells) } else { None };
        match (taken, &insert.on) {
            (Some(old), _) if insert.replace_into => {
                self.end(old, change);
                self.begin(row.cells, None, change, doubt);
            }
            (Some(old), Some(on)) => self.resolve_conflict(old, &row.cells, on, change),
            (Some(_), None) => {}
            (None, _) => self.begin(row.cells, None, change, doubt),
        }
    }

    fn resolve_conflict(&mut self, row: usize, proposed: &[Value], on: &OnInsert, change: &Change<'_>) {
        let (assignments, condition) = match on {
            OnInsert::DuplicateKeyUpdate(assignments) => (assignments, None),
            OnInsert::OnConflict(conflict) => match &conflict.action {
                OnConflictAction::DoNothing => return,
                OnConflictAction::DoUpdate(update) => (&update.assignments, update.selection.as_ref()),
            },
            _ => return self.not_understood(change),
        };
        let old = self.cells(row);
        let Some(set) = self.assigned(assignments) else { return self.not_understood(change) };
        let holds =
            condition.map_or(Value::Bool(true), |c| if speaks_of_proposed(c) { Value::Unknown } else { self.evaluate(c, &|at| old[at].clone(), change) });
        if matches!(holds, Value::Bool(false) | Value::Null) {
            return;
        }
        if holds.is_unknown() || change.is_unsure() {
            // `EXCLUDED.v` is no column of the row that is there.
            let of_proposed = set.values().any(|expression| speaks_of_proposed(expression));
            return self.maybe_assigned(&[row], &set, change, if of_proposed { ColumnsRead::OfOthers } else { ColumnsRead::Own });
        }
        let mut new = old.clone();
        for (column, expression) in &set {
            let value = match proposed_column(expression) {
                Some(name) => self.column_index(&name).map_or(Value::Unknown, |at| proposed[at].clone()),
                None if speaks_of_proposed(expression) => Value::Unknown,
                None => self.evaluate(expression, &|at| old[at].clone(), change),
            };
            new[*column] = self.fitted(*column, value, change).unwrap_or(Value::Unknown);
        }
        change.filled.iter().for_each(|column| new[*column] = Value::Unknown);
        let (doubt, guesses) = (self.life(row).doubt.passed_on(), self.guesses(row));
        self.end(row, change);
        self.begin(new, Some(guesses), change, doubt.seen());
    }

    /// Before an INSERT its row was not there. Which one it is, only a key or all that was said of it can tell.
    fn undo_insert(&mut self, mut row: NewRow, insert: &Insert, change: &Change<'_>) {
        change.filled.iter().for_each(|column| row.cells[*column] = Value::Unknown);
        row.said.retain(|column| !change.filled.contains(column));
        let by_key = self.table.unique_keys.iter().find(|key| !key.is_empty() && key.iter().all(|c| row.cells[*c].text().is_some())).cloned();
        // What the clock gave is not in the log.
        let is_near = |column: &usize| if let Value::Near(near) = row.cells[*column] { Some((*column, near)) } else { None };
        let by_clock: Vec<(usize, Near)> = row.said.iter().filter_map(is_near).collect();
        row.said.retain(|column| by_clock.iter().all(|(other, _)| other != column));
        let all_said = !row.said.is_empty() && row.said.iter().all(|c| !row.cells[*c].is_unknown()) && row.said.iter().any(|c| row.cells[*c].text().is_some());
        let columns = match by_key {
            Some(key) => key,
            None if all_said => row.said.iter().copied().collect(),
            None => return self.doubt(change, Open::Rows, DoubtReason::ValuesNotLogged),
        };
        let is_key = self.table.unique_keys.contains(&columns);
        let mut found = self.same_rows(&row.cells, &columns);
        found.retain(|at| by_clock.iter().all(|(column, near)| self.may_be_near(&self.cell(*at, *column), *near, change)));
        let overwritten = self.overwritten(insert, change);
        if settles_conflicts(insert) && self.table.unique_keys.iter().flatten().any(|column| overwritten.contains(column)) {
            self.reopen_new(change, |_, _| true);
        }
        // Of a row whose key is known no other one has that key.
        let is_known = |row: &usize| columns.iter().all(|c| !self.cell(*row, *c).is_unknown());
        let known: Vec<usize> = found.iter().copied().filter(is_known).collect();
        let is_told_apart = !known.is_empty() && (is_key || found.len() == 1);
        let found = if is_told_apart { known } else { found };
        let is_new = is_told_apart && is_key && change.write.succeeded;
        let may_be_older = settles_conflicts(insert) || change.is_unsure() && !is_new || change.through_parent;
        match found.as_slice() {
            // It was changed or deleted later, in a way that hides it.
            [] if self.is_kept_elsewhere(change) => {}
            [] => {
                let to = moment(self.snapshot).max(change.at);
                self.add(row.cells, None, Life { from: change.at, to, doubt: RowDoubt::MAYBE });
            }
            rows if is_told_apart && !may_be_older => rows.iter().for_each(|at| self.start_as(*at, &row.cells, change)),
            rows => {
                if rows.len() > DOUBTFUL_ROWS {
                    return self.doubt(change, Open::Rows, DoubtReason::RowsNotKnown);
                }
                for at in rows.iter().copied() {
                    let (mut cells, doubt) = (self.cells(at), self.life(at).doubt.and(RowDoubt::MAYBE));
                    if may_be_older {
                        overwritten.iter().filter(|c| !columns.contains(c)).for_each(|c| cells[*c] = Value::Unknown);
                    }
                    self.start_at(at, change);
                    self.add(cells, None, Life { from: i64::MIN, to: self.until(change), doubt });
                }
            }
        }
    }

    /// The row came with an INSERT: until the next write that may have touched it, it held what that gave it.
    fn start_as(&mut self, row: usize, given: &[Value], change: &Change<'_>) {
        let (cells, life) = (self.cells(row), self.life(row));
        let is_told = cells.iter().zip(given).any(|(cell, given)| cell.is_unknown() && !given.is_unknown());
        if change.is_unsure() {
            let to = if is_told { life.to } else { self.until(change) };
            self.taken_for_new.push(TakenForNew { row, to });
        }
        if !is_told {
            return self.start_at(row, change);
        }
        self.retire(row);
        self.set_life(row, Life { from: life.to, ..life });
        let guesses = self.guesses(row);
        let told = cells.into_iter().zip(given).map(|(cell, given)| if cell.is_unknown() { given.clone() } else { cell });
        if let Some(row) = self.add(told.collect(), Some(guesses), life) {
            self.start_at(row, change);
        }
    }

    /// A write whose end is not shown may have taken rows away for an INSERT that comes after it. If both were undone, the row that was taken
    /// for the INSERT's is an older one.
    fn reopen_new(&mut self, change: &Change<'_>, is_meant: impl Fn(&Self, usize) -> bool) {
        if self.direction == Direction::Forward || !change.is_unsure() || self.taken_for_new.is_empty() {
            return;
        }
        let (older, new): (Vec<_>, Vec<_>) = std::mem::take(&mut self.taken_for_new).into_iter().partition(|taken| is_meant(self, taken.row));
        self.taken_for_new = new;
        if older.len() > DOUBTFUL_ROWS {
            let to = micros(older.iter().map(|taken| taken.to).max().unwrap_or(i64::MAX)).saturating_add(1);
            let doubt = |open| TableDoubt { from: i64::MIN, to, open, reason: DoubtReason::EndNotShown };
            return self.doubts.extend([Open::Rows, Open::People].map(doubt));
        }
        for TakenForNew { row, to } in older {
            let life = Life { from: i64::MIN, to, doubt: self.life(row).doubt.and(RowDoubt::MAYBE) };
            self.add(self.cells(row), Some(self.guesses(row)), life);
        }
    }

    /// Whether a row may be one of those that a condition names by these values.
    fn may_hold(&self, row: usize, single: &BTreeMap<usize, Value>, listed: Option<&(usize, Vec<Value>)>) -> bool {
        let may_be = |column: usize, value: &Value| {
            let cell = self.cell(row, column);
            cell.is_unknown() || crate::value::compare(&cell, value, self.fold_case()).is_none_or(Ordering::is_eq)
        };
        single.iter().all(|(column, value)| may_be(*column, value)) && listed.is_none_or(|(column, values)| values.iter().any(|value| may_be(*column, value)))
    }

    /// The columns that an INSERT gives to a row that was in its way; all of them, where it puts another row in its place.
    fn overwritten(&self, insert: &Insert, change: &Change<'_>) -> BTreeSet<usize> {
        let assignments = match &insert.on {
            _ if insert.replace_into => None,
            None => return change.filled.clone(),
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => Some(assignments),
            Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
                OnConflictAction::DoNothing => return change.filled.clone(),
                OnConflictAction::DoUpdate(update) => Some(&update.assignments),
            },
            Some(_) => None,
        };
        match assignments.and_then(|assignments| self.assigned(assignments)) {
            Some(set) => set.into_keys().chain(change.filled.iter().copied()).collect(),
            None => (0..self.kinds.len()).collect(),
        }
    }

    /// A row of a partition may have gone to another one.
    fn is_kept_elsewhere(&self, change: &Change<'_>) -> bool {
        change.through_parent
    }

    fn inserted_rows(&self, insert: &Insert, change: &Change<'_>) -> Option<Vec<NewRow>> {
        let defaults: Vec<Value> = self.table.columns.iter().map(|c| self.default_value(&c.default, c.kind, change)).collect();
        if !insert.assignments.is_empty() {
            let set = self.assigned(&insert.assignments)?;
            let mut cells = defaults;
            set.iter().for_each(|(column, expression)| cells[*column] = self.constant(*column, expression, change));
            return Some(vec![NewRow { cells, said: set.into_keys().collect() }]);
        }
        let is_kept = |column: &usize| self.names.as_ref().is_none_or(|names| names.now[*column].is_some());
        let order: Vec<Option<usize>> = if insert.columns.is_empty() {
            (0..self.kinds.len()).filter(is_kept).map(Some).collect()
        } else {
            let place = |name: String| if self.is_added(&name) { Some(None) } else { self.column_index(&name).map(Some) };
            insert.columns.iter().map(|name| place(last_part(name)?)).collect::<Option<_>>()?
        };
        let of_query = |cells: &Vec<Value>| {
            let mut new = NewRow { cells: defaults.clone(), said: BTreeSet::new() };
            for (value, column) in cells.iter().zip(&order).filter_map(|(value, column)| column.map(|column| (value, column))) {
                new.said.insert(column);
                new.cells[column] = self.fitted(column, value.clone(), change).unwrap_or(Value::Unknown);
            }
            new
        };
        if let Some(selected) = change.selected {
            return Some(selected.iter().map(of_query).collect());
        }
        let SetExpr::Values(values) = insert.source.as_deref().filter(|q| q.with.is_none())?.body.as_ref() else { return None };
        let mut rows = Vec::new();
        for row in &values.rows {
            let mut new = NewRow { cells: defaults.clone(), said: BTreeSet::new() };
            for (expression, column) in row.content.iter().zip(&order) {
                let Some(column) = column else { continue };
                if matches!(expression, Expr::Identifier(word) if word.value.eq_ignore_ascii_case("default")) {
                    continue;
                }
                new.said.insert(*column);
                new.cells[*column] = self.constant(*column, expression, change);
            }
            rows.push(new);
        }
        Some(rows)
    }

    fn constant(&self, column: usize, expression: &Expr, change: &Change<'_>) -> Value {
        self.given(column, expression, &|_| Value::Unknown, change)
    }

    fn default_value(&self, default: &ColumnDefault, kind: ColumnKind, change: &Change<'_>) -> Value {
        let zone = || self.zone(change);
        match default {
            ColumnDefault::Null => Value::Null,
            ColumnDefault::Unknown => Value::Unknown,
            ColumnDefault::Sql(sql) => {
                let value = match sql.as_str() {
                    "now" | "current_timestamp" | "localtimestamp" | "current_date" => change.clock().map_or(Value::Unknown, Value::Near),
                    constant => Value::Text(constant.trim_matches('\'').replace("''", "'")),
                };
                kind.coerce(value, &zone).unwrap_or(Value::Unknown)
            }
        }
    }

    /// The live row that has the same primary or unique key.
    fn conflicting(&mut self, cells: &[Value]) -> Option<usize> {
        let table = self.table;
        for key in &table.unique_keys {
            let texts: Option<Vec<String>> = key.iter().map(|column| cells[*column].text()).collect();
            let Some(texts) = texts.filter(|t| !t.is_empty()) else { continue };
            let rows = self.lookup(key[0], &texts[..1]);
            if let Some(row) = rows.into_iter().find(|row| self.is_same(*row, cells, key)) {
                return Some(row);
            }
        }
        None
    }

    fn is_same(&self, row: usize, cells: &[Value], columns: &[usize]) -> bool {
        columns.iter().all(|column| {
            let there = self.cell(row, *column);
            let equal = || crate::value::compare(&there, &cells[*column], self.fold_case()) == Some(Ordering::Equal);
            there == cells[*column] && !there.is_unknown() || equal()
        })
    }

    /// Live rows that have these cells in these columns, or may have them.
    fn same_rows(&mut self, cells: &[Value], columns: &[usize]) -> Vec<usize> {
        let Some(first) = columns.iter().copied().find(|c| cells[*c].text().is_some()) else { return Vec::new() };
        let text = cells[first].text().unwrap_or_default();
        let rows = self.lookup(first, &[text]);
        let same = |row: usize| columns.iter().all(|c| self.cell(row, *c).is_unknown() || self.is_same(row, cells, &[*c]));
        rows.into_iter().filter(|row| same(*row)).collect()
    }

    /// From here on rows are noted, so that a transaction that was undone can be taken back.
    pub(crate) fn follow(&mut self) {
        self.journal.get_or_insert_with(|| Journal { ended: Vec::new(), begun: Vec::new(), doubts: self.doubts.clone() });
    }

    /// Takes back what was noted.
    pub(crate) fn take_back(&mut self, change: &Change<'_>) {
        let Some(journal) = self.journal.take() else { return };
        let begun: BTreeSet<usize> = journal.begun.iter().copied().collect();
        for row in journal.begun.iter().copied().filter(|row| self.is_live(*row)).collect::<Vec<_>>() {
            self.retire(row);
            let life = self.life(row);
            self.set_life(row, Life { to: change.at.max(life.from), ..life });
        }
        for row in journal.ended.into_iter().filter(|row| !begun.contains(row)) {
            let life = self.life(row);
            self.add(self.cells(row), Some(self.guesses(row)), Life { from: change.at, to: i64::MAX, doubt: life.doubt });
        }
        self.doubts = journal.doubts;
    }
}

/// Stretches in order that do not meet, and not many of them: where there are more, the narrowest gaps are closed.
fn joined(mut all: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    all.sort_unstable();
    let mut gaps: Vec<i64> = Vec::new();
    let mut end = i64::MIN;
    for (from, to) in &all {
        gaps.extend(Some(from.saturating_sub(end)).filter(|gap| end != i64::MIN && *gap > 0));
        end = end.max(*to);
    }
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    let narrowest = gaps.get(LOST_STRETCHES - 1).copied().unwrap_or(0);
    let mut out: Vec<(i64, i64)> = Vec::new();
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if from.saturating_sub(last.1) <= narrowest => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// What the logged number of rows says.
struct Counted {
    /// It leaves none of the rows that may have been touched.
    none_open: bool,
    /// It is the number of rows that were surely touched.
    settled: bool,
    /// Some of the rows that should have been touched were not.
    fewer: bool,
    /// There were rows that are not known.
    more: bool,
}

/// A row that is there and has a unique key of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clash {
    /// It is there for sure.
    Sure,
    /// It may not be there, or have another key.
    Maybe(usize),
}

/// Whether the statement says what becomes of a row whose key is there.
fn settles_conflicts(insert: &Insert) -> bool {
    insert.on.is_some() || insert.replace_into || insert.ignore
}

/// A row of an INSERT, and the columns that it names.
struct NewRow {
    cells: Vec<Value>,
    said: BTreeSet<usize>,
}

/// `EXCLUDED.column` or `VALUES(column)`: what the INSERT proposed.
fn proposed_column(expression: &Expr) -> Option<String> {
    match expression {
        Expr::CompoundIdentifier(parts) if parts.first().is_some_and(|p| p.value.eq_ignore_ascii_case("excluded")) => {
            parts.last().map(|p| if p.quote_style.is_some() { p.value.clone() } else { p.value.to_lowercase() })
        }
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("values") => {
            let text = function.args.to_string();
            Some(text.trim_matches(|c: char| !c.is_alphanumeric() && c != '_').to_lowercase())
        }
        _ => None,
    }
}

fn speaks_of_proposed(expression: &Expr) -> bool {
    let text = expression.to_string().to_lowercase();
    text.contains("excluded") || text.contains("values")
}

pub(crate) fn last_part(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(ident) if ident.quote_style.is_some() => Some(ident.value.clone()),
        ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

/// Whether a server's clock has a part in a value.
fn asks_clock(expression: &Expr) -> bool {
    let text = expression.to_string().to_lowercase();
    ["now", "current_", "localtime", "timestamp", "sysdate", "curdate", "curtime", "utc_"].iter().any(|word| text.contains(word))
}

/// `column = constant` among the conditions that all must hold.
pub fn equalities<'e>(condition: Option<&'e Expr>, found: &mut Vec<(String, &'e sqlparser::ast::Value)>) {
    let mut lists = Vec::new();
    constants(condition, &mut lists);
    found.extend(lists.into_iter().filter_map(|(name, values)| if let [one] = values.as_slice() { Some((name, *one)) } else { None }));
}

/// `column = constant` and `column IN (constants)` among the conditions that all must hold.
fn constants<'e>(condition: Option<&'e Expr>, found: &mut Vec<(String, Vec<&'e sqlparser::ast::Value>)>) {
    match condition {
        Some(Expr::Nested(inner)) => constants(Some(inner), found),
        Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
            constants(Some(left), found);
            constants(Some(right), found);
        }
        Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right }) => {
            if let (Some(column), Some(value)) = (column_name(left), constant(right)) {
                found.push((column, vec![value]));
            } else if let (Some(column), Some(value)) = (column_name(right), constant(left)) {
                found.push((column, vec![value]));
            }
        }
        Some(Expr::InList { expr, list, negated: false }) => {
            if let (Some(column), Some(values)) = (column_name(expr), list.iter().map(constant).collect::<Option<Vec<_>>>()) {
                found.push((column, values));
            }
        }
        _ => {}
    }
}

fn column_name(expression: &Expr) -> Option<String> {
    let ident = match expression {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        Expr::Nested(inner) => return column_name(inner),
        _ => return None,
    };
    Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
}

fn constant(expression: &Expr) -> Option<&sqlparser::ast::Value> {
    match expression {
        Expr::Value(value) => Some(&value.value),
        Expr::Nested(inner) => constant(inner),
        Expr::Cast { expr, data_type, .. } if matches!(data_type.to_string().to_lowercase().as_str(), "text" | "character varying" | "varchar") => {
            constant(expr)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::{NO_COLUMNS, actions};
    use crate::store::Column;
    use crate::writes::parse;

    fn table(rows: &[(i64, i64)]) -> StoredTable {
        let column = |name: &str| Column::new(name.into(), ColumnKind::BigInt, ColumnDefault::Null);
        let mut table = StoredTable::new("s".into(), "t".into(), vec![column("k"), column("v")]);
        table.unique_keys.push(vec![0]);
        rows.iter().for_each(|(k, v)| table.push_row(&[Value::Int(*k), Value::Int(*v)], true));
        table.close_batch();
        table
    }

    fn write(time: i64, sql: &str, row_count: Option<i64>) -> Write {
        Write {
            time,
            said: time,
            clock_from: time,
            tick: 1,
            precision: 1,
            database: None,
            statement: sql.into(),
            dialect: Dialect::PostgreSql,
            parameters: None,
            row_count,
            end: End::Committed,
            succeeded: true,
            owner: None,
            order: None,
            role: None,
            session: None,
            is_lost: false,
            is_loose: false,
        }
    }

    fn roll<'t>(table: &'t StoredTable, writes: &[Write], snapshot_time: i64) -> Versions<'t> {
        roll_of(table, writes, snapshot_time, vec![0])
    }

    /// The same, of a table whose rows are of whom these columns say.
    fn roll_of<'t>(table: &'t StoredTable, writes: &[Write], snapshot_time: i64, subject: Vec<usize>) -> Versions<'t> {
        let mut versions = Versions::new(table, Dialect::PostgreSql, subject, snapshot_time);
        let apply = |versions: &mut Versions<'t>, write: &Write| {
            let tree = parse(&write.statement, write.dialect).expect("a statement");
            let change = Change { write, at: write.time * SLOTS + 1, through_parent: false, is_whole: true, selected: None, filled: &NO_COLUMNS };
            for (_, action) in actions(&tree).expect("a write") {
                action.apply(versions, &change);
            }
        };
        let later = writes.partition_point(|w| w.time < snapshot_time);
        writes[..later].iter().rev().for_each(|write| apply(&mut versions, write));
        versions.turn(Direction::Forward);
        writes[later..].iter().for_each(|write| apply(&mut versions, write));
        versions
    }

    /// Rows as of `at`: key, value (`None` = unknown or NULL), doubtful.
    fn as_of(versions: &Versions<'_>, at: i64) -> Vec<(Option<String>, Option<String>, bool)> {
        let at = moment(at);
        let mut rows: Vec<_> = (0..versions.row_count())
            .filter(|row| versions.life(*row).from <= at && at < versions.life(*row).to)
            .map(|row| (versions.cell(row, 0).text(), versions.cell(row, 1).text(), versions.in_doubt(row) != 0))
            .collect();
        rows.sort();
        rows
    }

    fn check(rows: &[(i64, i64)], writes: &[Write], snapshot_time: i64, at: i64, expected: &[(i64, Option<i64>, bool)]) -> Vec<(i64, i64, Open)> {
        let table = table(rows);
        let versions = roll(&table, writes, snapshot_time);
        let expected: Vec<_> = expected.iter().map(|(k, v, d)| (Some(k.to_string()), v.map(|v| v.to_string()), *d)).collect();
        assert_eq!(as_of(&versions, at), expected);
        versions.doubts.iter().map(|d| (d.from, d.to, d.open)).collect()
    }

    #[test]
    fn a_table_is_read_as_of_any_instant() {
        let writes = [
            write(10, "UPDATE s.t SET v = v + 1 WHERE k = 1", Some(1)),
            write(20, "INSERT INTO s.t (k, v) VALUES (3, 30)", Some(1)),
            write(30, "DELETE FROM s.t WHERE k = 2", Some(1)),
        ];
        check(&[(1, 5), (2, 6)], &writes, 0, 9, &[(1, Some(5), false), (2, Some(6), false)]);
        check(&[(1, 5), (2, 6)], &writes, 0, 10, &[(1, Some(6), false), (2, Some(6), false)]);
        check(&[(1, 5), (2, 6)], &writes, 0, 30, &[(1, Some(6), false), (3, Some(30), false)]);
    }

    #[test]
    fn a_later_snapshot_is_rolled_back() {
        let writes = [
            write(10, "UPDATE s.t SET v = 9 WHERE k = 1", Some(1)),
            write(20, "INSERT INTO s.t VALUES (3, 30)", Some(1)),
            write(30, "DELETE FROM s.t WHERE k = 2", Some(1)),
        ];
        check(&[(1, 9), (3, 30)], &writes, 100, 5, &[(1, None, true), (2, None, true)]);
        check(&[(1, 9), (3, 30)], &writes, 100, 25, &[(1, Some(9), false), (2, None, true), (3, Some(30), false)]);
        check(&[(1, 9), (3, 30)], &writes, 100, 99, &[(1, Some(9), false), (3, Some(30), false)]);
    }

    /// Where stamps are coarse, each of the states of a row in one tick may be the one that was read.
    #[test]
    fn rolled_back_rows_overlap_in_doubt_within_a_tick() {
        let coarse = |time, sql: &str| Write { tick: 10, precision: 10, ..write(time, sql, Some(1)) };
        let writes =
            [coarse(10, "UPDATE s.t SET v = 8 WHERE k = 1"), coarse(10, "UPDATE s.t SET v = 9 WHERE k = 1"), coarse(20, "INSERT INTO s.t VALUES (3, 30)")];
        let rows = [(1, 9), (3, 30)];
        check(&rows, &writes, 100, 9, &[(1, None, true)]);
        check(&rows, &writes, 100, 19, &[(1, None, true), (1, None, true), (1, Some(9), true)]);
        check(&rows, &writes, 100, 20, &[(1, Some(9), false), (3, Some(30), true)]);
        check(&rows, &writes, 100, 30, &[(1, Some(9), false), (3, Some(30), false)]);
    }

    #[test]
    fn what_the_log_does_not_settle_is_doubtful() {
        check(&[(1, 5), (2, 6)], &[write(10, "UPDATE s.t SET v = 7 WHERE f(k)", None)], 0, 10, &[(1, None, true), (2, None, true)]);
        let both = [(1, Some(5), true), (2, Some(6), true)];
        check(&[(1, 5), (2, 6)], &[write(10, "DELETE FROM s.t WHERE k = (SELECT 1)", None)], 0, 10, &both);
        check(&[(1, 5)], &[write(10, "UPDATE s.t SET v = random() WHERE k = 1", Some(1))], 0, 10, &[(1, None, true)]);
    }

    #[test]
    fn a_count_of_more_rows_than_are_known_proves_others() {
        let doubts = check(&[(1, 5)], &[write(10, "UPDATE s.t SET v = 7 WHERE v = 5", Some(2))], 0, 10, &[(1, Some(7), false)]);
        assert_eq!(doubts, [(10, i64::MAX, Open::People), (i64::MIN, 11, Open::People)]);
    }

    #[test]
    fn rows_that_the_log_does_not_hold_open_the_table_and_leave_what_is_known() {
        for sql in [
            "INSERT INTO s.t SELECT * FROM s.o",
            "INSERT INTO s.t VALUES ($1, $2)",
            "MERGE INTO s.t USING s.o ON k = a WHEN NOT MATCHED THEN INSERT VALUES (a, b)",
        ] {
            let table = table(&[(1, 5)]);
            let versions = roll(&table, &[write(10, sql, None)], 0);
            assert_eq!(versions.doubts.iter().map(|d| (d.from, d.to, d.open)).collect::<Vec<_>>(), [(10, i64::MAX, Open::People)], "{sql}");
            assert_eq!(versions.life(0), Life::ALWAYS, "{sql}");
        }
    }

    #[test]
    fn an_insert_without_values_after_the_read_begins_no_row_that_shares_a_default() {
        let both = [(1, Some(5), false), (2, Some(5), false)];
        let doubts = check(&[(1, 5), (2, 5)], &[write(10, "INSERT INTO s.t (k) VALUES ($1)", None)], 100, 5, &both);
        assert_eq!(doubts, [(i64::MIN, 11, Open::Rows)]);
    }

    #[test]
    fn a_range_that_was_deleted_before_the_snapshot_opens_the_table() {
        let doubts = check(&[(1, 5)], &[write(10, "DELETE FROM s.t WHERE v = 6", None)], 100, 5, &[(1, Some(5), false)]);
        assert_eq!(doubts, [(i64::MIN, 11, Open::People)]);
        let listed = [(1, Some(5), false), (2, None, true), (3, None, true)];
        assert_eq!(check(&[(1, 5)], &[write(10, "DELETE FROM s.t WHERE k IN (2, 3)", None)], 100, 5, &listed), []);
    }

    #[test]
    fn a_row_that_an_update_may_have_touched_was_what_it_is_or_what_the_condition_says() {
        // Only what had 5 can have 905 because of it; it may have had it before.
        let key = "UPDATE s.t SET k = k + 900 WHERE k = 5";
        check(&[(905, 1), (2, 2)], &[write(10, key, None)], 100, 5, &[(2, Some(2), false), (5, Some(1), true), (905, Some(1), true)]);
        check(&[(905, 1), (2, 2)], &[write(10, key, Some(1))], 100, 5, &[(2, Some(2), false), (5, Some(1), false)]);
        let value = "UPDATE s.t SET v = 4 WHERE v = 3";
        check(&[(1, 4), (2, 5)], &[write(10, value, None)], 100, 5, &[(1, None, true), (2, Some(5), false)]);
        check(&[(1, 4), (2, 5)], &[write(10, value, Some(1))], 100, 5, &[(1, Some(3), false), (2, Some(5), false)]);
    }

    /// The server's clock and the log's stamp differ: what a clock gave shows no row that was not touched.
    #[test]
    fn before_a_row_got_its_time_from_a_clock_it_had_another() {
        let table = clocked(&[(1, Value::Instant(9_999_661)), (2, Value::Instant(5)), (3, Value::Null)]);
        for clock in ["now()", "CURRENT_TIMESTAMP", "coalesce(NULL, now())"] {
            for (condition, expected) in [("k = 1", [true, false, false]), ("k IN (1, 3)", [true, false, false]), ("k > 1", [false, false, false])] {
                let writes = [write(10_000_000, &format!("UPDATE s.t SET v = {clock} WHERE {condition}"), None)];
                let versions = roll(&table, &writes, 12_000_000);
                let found: Vec<bool> = as_of(&versions, 500_000).into_iter().map(|(.., is_in_doubt)| is_in_doubt).collect();
                assert_eq!(found, expected, "{clock} {condition}");
            }
        }
    }

    /// A table of keys and of what a clock gave.
    fn clocked(rows: &[(i64, Value)]) -> StoredTable {
        let column = |name: &str, kind, default| Column::new(name.into(), kind, default);
        let columns = vec![column("k", ColumnKind::BigInt, ColumnDefault::Null), column("v", ColumnKind::Instant, ColumnDefault::Sql("now".into()))];
        let mut table = StoredTable::new("s".into(), "t".into(), columns);
        table.unique_keys.push(vec![0]);
        rows.iter().for_each(|(k, v)| table.push_row(&[Value::Int(*k), v.clone()], true));
        table.close_batch();
        table
    }

    #[test]
    fn what_a_clock_gave_is_known_but_for_a_little() {
        const HOUR: i64 = 3_600_000_000;
        let table = clocked(&[(1, Value::Null), (2, Value::Instant(5))]);
        let given = |statement: &str| [write(100 * HOUR, statement, None)];
        for statement in ["UPDATE s.t SET v = now() WHERE k = 1", "INSERT INTO s.t (k) VALUES (3)", "INSERT INTO s.t VALUES (3, CURRENT_TIMESTAMP)"] {
            for (condition, expected) in [
                ("v IS NULL", Some(false)),
                ("v > '1970-01-05 00:00+00'", Some(true)),
                ("v > '1970-01-05 04:00:00.001+00'", None),
                ("v = '1970-01-05 04:00+00'", None),
                ("v < '1970-01-05 05:00+00'", Some(true)),
                ("v = '1970-01-05 05:00+00'", Some(false)),
            ] {
                let key = if statement.starts_with("UPDATE") { 1 } else { 3 };
                let delete = write(101 * HOUR, &format!("DELETE FROM s.t WHERE k = {key} AND {condition}"), None);
                let versions = roll(&table, &[given(statement).to_vec(), vec![delete]].concat(), 0);
                let (now, text) = (moment(102 * HOUR), Some(key.to_string()));
                let is_there = |row: &usize| versions.life(*row).from <= now && now < versions.life(*row).to && versions.cell(*row, 0).text() == text;
                let may_be_gone: Vec<bool> = (0..versions.row_count()).filter(is_there).map(|row| versions.life(row).doubt.is_any()).collect();
                let expected = expected.map_or(vec![true], |is_gone| if is_gone { Vec::new() } else { vec![false] });
                assert_eq!(may_be_gone, expected, "{statement} {condition}");
                let near = versions.near_cells();
                assert!(!near.is_empty() && near.iter().all(|cell| cell.column == 1 && cell.from < 100 * HOUR && 100 * HOUR < cell.to), "{statement}");
            }
        }
    }

    #[test]
    fn a_write_whose_end_is_not_shown_is_a_doubt() {
        let unsure = |sql: &str| Write { end: End::Unsure, ..write(10, sql, None) };
        check(&[(1, 5), (2, 6)], &[unsure("DELETE FROM s.t WHERE k = 1")], 0, 10, &[(1, Some(5), true), (2, Some(6), false)]);
        check(&[(1, 5)], &[unsure("UPDATE s.t SET v = 7 WHERE k = 1")], 0, 10, &[(1, None, true)]);
        check(&[(1, 5)], &[unsure("INSERT INTO s.t VALUES (2, 6)")], 0, 10, &[(1, Some(5), false), (2, Some(6), true)]);
    }

    #[test]
    fn what_an_insert_does_to_a_row_that_is_there_is_in_doubt_as_far_as_it_is_not_known() {
        let upsert = "INSERT INTO s.t (k, v) VALUES (1, 7) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v";
        check(&[(1, 5)], &[write(10, upsert, None)], 0, 10, &[(1, Some(7), false)]);
        check(&[(1, 5)], &[Write { end: End::Unsure, ..write(10, upsert, None) }], 0, 10, &[(1, None, true)]);
        check(&[(1, 7)], &[write(10, upsert, None)], 100, 5, &[(1, None, true)]);
        // Whatever it did, the row that is there after it was the same before it, or was not there.
        check(&[(1, 7)], &[write(10, "INSERT INTO s.t (k, v) VALUES (1, 8) ON CONFLICT DO NOTHING", None)], 100, 5, &[(1, Some(7), true)]);
    }

    /// A row as [`as_of`] gives it.
    type Row = (Option<String>, Option<String>, bool);

    /// Rows at four instants, where `v` is the holder; and when others than those known may hold one.
    fn of_v(rows: &[(i64, i64)], writes: &[Write], snapshot_time: i64) -> (Vec<Vec<Row>>, Vec<(i64, i64)>) {
        let table = table(rows);
        let versions = roll_of(&table, writes, snapshot_time, vec![1]);
        let people = versions.doubts.iter().filter(|d| d.open == Open::People).map(|d| (d.from, d.to)).collect();
        ([5, 15, 25, 35].into_iter().map(|at| as_of(&versions, at)).collect(), people)
    }

    fn row(k: i64, v: Option<i64>, is_in_doubt: bool) -> Row {
        (Some(k.to_string()), v.map(|v| v.to_string()), is_in_doubt)
    }

    /// What an ORM does of a list that it owns: the row first, whose it is afterwards.
    #[test]
    fn a_row_that_gets_its_holder_after_its_insert_held_what_that_gave_it() {
        let writes = [write(10, "INSERT INTO s.t (k) VALUES (7)", Some(1)), write(20, "UPDATE s.t SET v = 5 WHERE k = 7", Some(1))];
        let (rows, people) = of_v(&[(7, 5), (8, 6)], &writes, 100);
        assert_eq!(rows[0], [row(8, Some(6), false)]);
        assert_eq!(rows[1], [row(7, None, false), row(8, Some(6), false)]);
        assert_eq!(rows[2], [row(7, Some(5), false), row(8, Some(6), false)]);
        assert_eq!(people, []);
        // Without the INSERT anybody may have been it before.
        let (rows, people) = of_v(&[(7, 5), (8, 6)], &writes[1..], 100);
        assert_eq!(rows[0], [row(7, None, true), row(8, Some(6), false)]);
        assert_eq!(people, [(i64::MIN, 21)]);
        // What it gave is not known: anybody's from then on, until the UPDATE.
        let writes = [write(10, "INSERT INTO s.t (k, v) VALUES (7, $1)", Some(1)), write(20, "UPDATE s.t SET v = 5 WHERE k = 7", Some(1))];
        assert_eq!(of_v(&[(7, 5)], &writes, 100).1, [(10, 21)]);
    }

    #[test]
    fn a_row_whose_insert_went_well_is_older_only_if_its_transaction_had_taken_one_away() {
        let unsure = |time, sql: &str| Write { end: End::Unsure, ..write(time, sql, None) };
        let writes = [unsure(10, "INSERT INTO s.t (k) VALUES (7)"), unsure(20, "UPDATE s.t SET v = 5 WHERE k = 7")];
        let (rows, people) = of_v(&[(7, 5)], &writes, 100);
        assert_eq!((rows[0].as_slice(), people.as_slice()), ([].as_slice(), [].as_slice()));
        assert_eq!(rows[1], [row(7, None, false)]);
        // MySQL's general log tells of no error: the row may have been there.
        let untold: Vec<Write> = writes.iter().map(|write| Write { succeeded: false, ..write.clone() }).collect();
        let (rows, people) = of_v(&[(7, 5)], &untold, 100);
        assert_eq!((rows[0].as_slice(), people.as_slice()), ([row(7, None, true)].as_slice(), [(i64::MIN, 21)].as_slice()));
        for taken in [
            "DELETE FROM s.t WHERE k = 7",
            "DELETE FROM s.t WHERE v > 3",
            "TRUNCATE s.t",
            "UPDATE s.t SET k = k + 1",
            "MERGE INTO s.t USING s.o ON k = a WHEN MATCHED THEN DELETE",
        ] {
            let before = unsure(8, taken);
            let (rows, people) = of_v(&[(7, 5)], &[before, writes[0].clone(), writes[1].clone()], 100);
            assert!(rows[1].contains(&row(7, None, true)), "{taken}: {rows:?}");
            assert!(people.iter().any(|(from, to)| *from == i64::MIN && *to >= 20), "{taken}: {people:?}");
        }
        for other in ["DELETE FROM s.t WHERE k = 6", "UPDATE s.t SET v = 9 WHERE k = 7", "INSERT INTO s.t VALUES (6, 1)"] {
            let (rows, _) = of_v(&[(7, 5)], &[unsure(8, other), writes[0].clone(), writes[1].clone()], 100);
            assert_eq!(rows[1].iter().filter(|(k, ..)| k.as_deref() == Some("7")).count(), 1, "{other}: {rows:?}");
        }
    }

    #[test]
    fn an_update_whose_end_is_not_shown_leaves_two_whose_the_row_may_be() {
        let unsure = |time, sql: &str| Write { end: End::Unsure, ..write(time, sql, None) };
        let writes = [unsure(10, "UPDATE s.t SET v = 6 WHERE k = 1"), unsure(20, "UPDATE s.t SET v = 7 WHERE k = 1")];
        let (rows, people) = of_v(&[(1, 5), (2, 2)], &writes, 0);
        assert_eq!(rows[0], [row(1, Some(5), false), row(2, Some(2), false)]);
        assert_eq!(rows[1], [row(1, Some(5), true), row(1, Some(6), true), row(2, Some(2), false)]);
        assert_eq!(rows[2], [row(1, Some(5), true), row(1, Some(6), true), row(1, Some(7), true), row(2, Some(2), false)]);
        assert_eq!(people, []);
        // Of one that is counted both are it; which of them was there stays open.
        let sure = write(30, "UPDATE s.t SET v = 9 WHERE k = 1", Some(1));
        let (rows, _) = of_v(&[(1, 5), (2, 2)], &[writes[0].clone(), sure], 0);
        assert!(rows[3].iter().all(|row| row.0.as_deref() == Some("2") || row.1.as_deref() == Some("9")), "{:?}", rows[3]);
        // What it gives is not known: anybody's.
        assert_eq!(of_v(&[(1, 5)], &[unsure(10, "UPDATE s.t SET v = $1 WHERE k = 1")], 0).1, [(10, i64::MAX)]);
    }

    #[test]
    fn doubts_of_many_stretches_are_joined_over_the_narrowest_gaps() {
        assert_eq!(joined(vec![(5, 7), (1, 3), (3, 4), (6, 9)]), [(1, 4), (5, 9)]);
        let many: Vec<(i64, i64)> = (0..1_000).map(|at| (at * 10, at * 10 + 1 + at % 3)).collect();
        let few = joined(many.clone());
        assert!(few.len() <= LOST_STRETCHES, "{}", few.len());
        assert!(many.iter().all(|(from, to)| few.iter().any(|(start, end)| start <= from && to <= end)));
        assert_eq!(joined(vec![(i64::MIN, 3), (5, i64::MAX)]), [(i64::MIN, 3), (5, i64::MAX)]);
    }

    #[test]
    fn an_insert_of_a_key_that_is_there_has_failed() {
        let both = [(1, Some(5), false), (2, Some(6), false)];
        check(&[(1, 5), (2, 6)], &[write(10, "INSERT INTO s.t VALUES (1, 7)", None)], 0, 10, &both);
        let rest = [(1, Some(5), false), (2, Some(6), false), (3, Some(8), true)];
        check(&[(1, 5), (2, 6)], &[write(10, "INSERT INTO s.t VALUES (1, 7), (3, 8)", None)], 0, 10, &rest);
        let gone = Write { end: End::Unsure, ..write(9, "DELETE FROM s.t WHERE k = 1", None) };
        let either = [(1, Some(5), true), (1, Some(7), true), (2, Some(6), false)];
        check(&[(1, 5), (2, 6)], &[gone, write(10, "INSERT INTO s.t VALUES (1, 7)", None)], 0, 10, &either);
    }

    #[test]
    fn one_row_that_changes_all_day_costs_each_time_the_same() {
        let writes: Vec<Write> = (1..30_000).map(|at| write(at, "UPDATE s.t SET v = v + 1 WHERE k = 1", Some(1))).collect();
        let table = table(&[(1, 0), (2, 0)]);
        let versions = roll(&table, &writes, 0);
        assert_eq!(as_of(&versions, 20_000), [(Some("1".into()), Some("20000".into()), false), (Some("2".into()), Some("0".into()), false)]);
    }

    #[test]
    fn a_coarse_clock_leaves_both_versions_open_within_its_tick() {
        let mut coarse = write(10, "UPDATE s.t SET v = 7 WHERE k = 1", Some(1));
        coarse.precision = 5;
        check(&[(1, 5)], std::slice::from_ref(&coarse), 0, 12, &[(1, Some(5), true), (1, Some(7), true)]);
        check(&[(1, 5)], &[coarse], 0, 15, &[(1, Some(7), false)]);
    }

    proptest! {
        #[test]
        fn versions_agree_with_a_table_that_is_written_naively(ops in proptest::collection::vec((0..4_u8, 0..6_i64, 0..6_i64), 0..30)) {
            let start: Vec<(i64, i64)> = vec![(0, 0), (1, 1), (2, 2)];
            let mut naive: BTreeMap<i64, i64> = start.iter().copied().collect();
            let mut history = vec![naive.clone()];
            let mut writes = Vec::new();
            for (at, (op, k, v)) in ops.iter().enumerate() {
                let time = at as i64 + 1;
                let (sql, count) = match op {
                    0 => { let n = i64::from(naive.contains_key(k)); if n == 1 { naive.insert(*k, *v); } (format!("UPDATE s.t SET v = {v} WHERE k = {k}"), n) }
                    1 => { let n = naive.values().filter(|x| *x >= v).count(); naive.values_mut().filter(|x| **x >= *v).for_each(|x| *x += 1); (format!("UPDATE s.t SET v = v + 1 WHERE v >= {v}"), n as i64) }
                    2 => { let n = i64::from(naive.remove(k).is_some()); (format!("DELETE FROM s.t WHERE k = {k}"), n) }
                    _ => { let n = i64::from(!naive.contains_key(k)); naive.entry(*k).or_insert(*v); (format!("INSERT INTO s.t VALUES ({k}, {v}) ON CONFLICT DO NOTHING"), n) }
                };
                writes.push(write(time, &sql, Some(count)));
                history.push(naive.clone());
            }
            let table = table(&start);
            let versions = roll(&table, &writes, 0);
            for (at, state) in history.iter().enumerate() {
                let expected: Vec<_> = state.iter().map(|(k, v)| (Some(k.to_string()), Some(v.to_string()), false)).collect();
                prop_assert_eq!(as_of(&versions, at as i64), expected);
            }
        }
    }
}
