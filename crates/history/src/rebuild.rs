//! Rebuilds a database: every table in all its versions, whose rows they are, and when it may differ from what is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use sqlparser::ast::{GroupByExpr, Insert, ObjectName, SetExpr, Statement, TableFactor};
use strandline_model::estate::Table as DescribedTable;

use crate::Dialect;
use crate::cascade::{Cascade, cascade, full_name};
use crate::cells::NearCell;
use crate::change::{Action, Change, NO_COLUMNS, actions, moves_values};
use crate::definition::{Definition, Name, definitions, loads_rows};
use crate::doubt::{DoubtReason, Open, Population, TableDoubt};
use crate::holders::{Holders, InDoubt, Owned};
use crate::paths::Zones;
use crate::roll::{Columns, Direction, SLOTS, Versions, micros};
use crate::routines::Routines;
use crate::store::{ForeignKey, KeyAction, RowSecurity, StoredDatabase, StoredTable};
use crate::transactions::{Effect, Effects, OwnEffect};
use crate::triggers::{Besides, Event, Trigger, besides, created, triggers_of};
use crate::value::Value;
use crate::views::Views;
use crate::writes::{Audited, End, Write, mentions, parse};

/// Actions of keys that are followed with one write: keys may refer to keys, in a circle too.
const MOST_CASCADES: usize = 64;
/// Statements that are kept as trees while the writes are applied.
const TREES: usize = 256;

/// A table in all its versions.
pub struct TableHistory {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The visible columns.
    pub columns: SchemaRef,
    /// Primary and unique keys.
    pub unique_keys: Vec<Vec<usize>>,
    /// Batches of the visible columns, then subject, from, to (moments), what is in doubt and what is known but for a little.
    pub batches: Vec<RecordBatch>,
    /// Everybody who ever has a row in it, sorted.
    pub subjects: Vec<u32>,
    /// When it may differ from what is known.
    pub doubts: Vec<TableDoubt>,
    /// People whose rows are not proved, and when, by person.
    pub in_doubt: Vec<InDoubt>,
    /// When (microseconds) a column, by its place, of some row of it was not known.
    pub unknown_cells: Vec<(i64, i64, usize)>,
    /// Cells that are known but for a little.
    pub near_cells: Vec<NearCell>,
    /// People who do not always have a row in it, and when (microseconds) they do, by person.
    timed: Vec<(i64, i64, u32)>,
}

impl TableHistory {
    /// Who is in the table at an instant, microseconds.
    pub fn population(&self, time: i64) -> Population {
        let there = |subject: &u32| {
            let start = self.timed.partition_point(|(_, _, person)| person < subject);
            let mut own = self.timed[start..].iter().take_while(|(_, _, person)| person == subject).peekable();
            own.peek().is_none() || own.any(|(from, to, _)| *from <= time && time < *to)
        };
        let others = self.doubts.iter().find(|d| d.open == Open::People && d.holds(time)).map(|d| d.reason);
        Population { people: self.subjects.iter().copied().filter(there).collect(), others }
    }
}

/// A database in all its versions.
pub struct DatabaseHistory {
    /// The tables, in the order of the snapshot.
    pub tables: Vec<TableHistory>,
    /// People who own rows together: a subject of `SET | n` means the n-th of these.
    pub holders: Vec<Box<[u32]>>,
    /// When the writes took effect.
    pub effects: Effects,
    /// Writes that may have moved values from one place to another, or made something, by their moments.
    pub carried: Vec<Carried>,
}

/// A write that may have moved values from one place to another, or made, changed or renamed something.
#[derive(Clone)]
pub struct Carried {
    /// The statement.
    pub statement: Arc<str>,
    /// Its values, where logged.
    pub parameters: Option<Box<[Option<String>]>>,
    /// The moment of it.
    pub at: i64,
    /// The connection, among those that are asked for.
    pub owner: Option<u32>,
    /// Whether it took effect.
    pub end: End,
}

/// What is to be rebuilt.
pub struct Rebuild<'r> {
    /// The snapshot's tables.
    pub stored: &'r StoredDatabase,
    /// The estate's description of each table, where it has one.
    pub described: &'r [Option<&'r DescribedTable>],
    /// The writes to all databases, by time.
    pub writes: &'r [Write],
    /// When the snapshot was taken, microseconds.
    pub snapshot_time: i64,
    /// Resolution of that time, microseconds.
    pub snapshot_precision: i64,
    /// The zones of sessions that set none.
    pub zones: Zones,
    /// Of whose writes an audit log tells.
    pub audited: &'r Audited,
}

/// On which side of the snapshot a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
    /// Both lie in one tick of a clock.
    NotKnown,
}

impl Rebuild<'_> {
    fn side(&self, write: &Write) -> Side {
        let until = self.snapshot_time.saturating_add(if self.snapshot_precision > 1 { self.snapshot_precision } else { 0 });
        match write.time {
            time if time >= until => Side::After,
            time if time.saturating_add(write.tick.max(1)) <= self.snapshot_time => Side::Before,
            _ => Side::NotKnown,
        }
    }

    /// Rebuilds the database. `number` gives each key its number.
    pub fn run(&self, number: &mut dyn FnMut(&str) -> u32) -> DatabaseHistory {
        let stored = self.stored;
        let mut rolled: Vec<Versions<'_>> = (0..stored.tables.len())
            .map(|at| {
                Versions::new(&stored.tables[at], stored.dialect, subject_columns(&stored.tables[at], self.described[at]), self.snapshot_time)
                    .in_zones(self.zones.clone())
            })
            .collect();
        let (effects, carried) = Roller::new(self, &mut rolled).roll();
        let mut holders = Holders::new(stored, self.described, &rolled);
        (0..rolled.len()).for_each(|at| holders.find(at, number, 0));
        let (owned, holders) = holders.finish(rolled.len());
        let tables = rolled.into_iter().zip(owned).map(|(versions, owned)| finish(versions, owned));
        DatabaseHistory { tables: tables.collect(), holders, effects, carried }
    }
}

fn subject_columns(table: &StoredTable, described: Option<&DescribedTable>) -> Vec<usize> {
    let Some(described) = described else { return Vec::new() };
    let name = |entry: &'_ DescribedTable| entry.subject_key.clone().or(entry.subject_via.as_ref().map(|via| via.column.clone()));
    let columns: BTreeSet<usize> = described.entries().filter_map(name).filter_map(|name| table.column_index(&name)).collect();
    columns.into_iter().collect()
}

fn finish(versions: Versions<'_>, owned: Owned) -> TableHistory {
    let batches = owned.batches(&versions);
    let (in_doubt, timed, subjects) = owned.people(&versions);
    let (near_cells, unknown_cells) = (versions.near_cells(), Owned::unknown_cells(&versions));
    let mut doubts = versions.doubts;
    doubts.extend(owned.doubts);
    let table = versions.table;
    TableHistory {
        schema: table.schema.clone(),
        name: table.name.clone(),
        columns: table.arrow_schema(),
        unique_keys: table.unique_keys.clone(),
        batches,
        subjects,
        doubts,
        in_doubt,
        unknown_cells,
        near_cells,
        timed,
    }
}

/// Applies the writes of one database to its tables.
struct Roller<'r, 't> {
    rebuild: &'r Rebuild<'r>,
    tables: &'r mut Vec<Versions<'t>>,
    trees: HashMap<Arc<str>, Option<Arc<Statement>>>,
    effects: Effects,
    /// Tables that the write at hand touches.
    touched: BTreeSet<usize>,
    carried: Vec<Carried>,
    /// Full names that stand for another table than in the snapshot, or for none.
    renamed: BTreeMap<String, Option<usize>>,
    /// Tables that are not described, and into which values were moved.
    carried_into: BTreeSet<usize>,
    /// The triggers of each table: of the snapshot, and those that the log makes. When one came or went is not asked.
    triggers: Vec<Vec<Trigger>>,
    /// What keys did with the write at hand.
    cascades: usize,
    /// Temporary tables that are there: the connection, among those that are asked for, and the name. They hide a table of that name.
    temporary: BTreeSet<(Option<u32>, String)>,
    /// Views that writes may go through.
    views: Views,
    /// Functions and procedures that statements may write through.
    routines: Routines,
}

impl<'r, 't> Roller<'r, 't> {
    fn new(rebuild: &'r Rebuild<'r>, tables: &'r mut Vec<Versions<'t>>) -> Self {
        let stored = rebuild.stored;
        let triggers = stored.tables.iter().map(|table| triggers_of(table, stored)).collect();
        Self {
            rebuild,
            tables,
            triggers,
            cascades: 0,
            trees: HashMap::new(),
            effects: Effects::default(),
            touched: BTreeSet::new(),
            carried: Vec::new(),
            carried_into: BTreeSet::new(),
            renamed: BTreeMap::new(),
            temporary: BTreeSet::new(),
            views: Views::default(),
            routines: Routines::default(),
        }
    }

    fn roll(mut self) -> (Effects, Vec<Carried>) {
        let name = &self.rebuild.stored.name;
        let own: Vec<&Write> = self.rebuild.writes.iter().filter(|w| w.database.as_deref().is_none_or(|d| d == name.as_str())).collect();
        self.views = Views::of(self.rebuild.stored, own.iter().copied());
        self.routines = Routines::of(self.rebuild.stored, own.iter().copied());
        for write in own.iter().filter(|write| makes_trigger(&write.statement)) {
            let Some((name, trigger)) = created(&write.statement, &self.rebuild.stored.described.functions, write.dialect) else { continue };
            if let Some(view) = self.views.find(&name, self.rebuild.stored) {
                self.views.attach(&view, trigger);
            } else if let Some(table) = self.tables_named(&[name]).pop_first() {
                self.triggers[table].push(trigger);
            }
        }
        let moments = moments(&own);
        let sides: Vec<Side> = own.iter().map(|write| self.rebuild.side(write)).collect();
        let later = sides.iter().position(|side| *side != Side::Before).unwrap_or(own.len());
        for ((write, at), side) in own.iter().zip(&moments).zip(&sides).rev().filter(|((w, _), _)| !matches!(w.end, End::Undone(_))) {
            match side {
                Side::Before => self.take(write, *at),
                // The rows before it are in doubt, and those after it, too.
                Side::NotKnown => self.apply(&Write { end: End::Unsure, ..Write::clone(write) }, *at),
                Side::After => {}
            }
        }
        self.tables.iter_mut().for_each(|versions| versions.turn(Direction::Forward));
        let mut undone: Option<(u32, &Write, i64)> = None;
        for ((write, at), side) in own.iter().zip(&moments).zip(&sides).skip(later).filter(|(_, side)| **side != Side::Before) {
            let of = if let (End::Undone(_), Some(owner)) = (write.end, write.owner) { Some(owner.connection) } else { None };
            if let Some((_, last, moment)) = undone.filter(|(connection, last, _)| of != Some(*connection) || last.time != write.time) {
                self.take_back(last, moment);
                undone = None;
            }
            if let Some(connection) = of {
                self.tables.iter_mut().for_each(Versions::follow);
                undone = Some((connection, write, *at));
            }
            match (side, write.end) {
                (Side::NotKnown, End::Committed) => self.take(&Write { end: End::Unsure, ..Write::clone(write) }, *at),
                _ => self.take(write, *at),
            }
        }
        if let Some((_, last, moment)) = undone {
            self.take_back(last, moment);
        }
        self.effects.changes.sort_unstable();
        self.effects.changes.shrink_to_fit();
        self.effects.ordered.sort_by_key(|(place, _)| place.order());
        self.carried.sort_by_key(|carried| carried.at);
        (self.effects, self.carried)
    }

    /// Applies a write, and notes what it changed and when.
    fn take(&mut self, write: &Write, at: i64) {
        self.touched.clear();
        self.apply(write, at);
        let carries = self.may_carry(write);
        let undescribed = self.touched.iter().copied().filter(|table| self.rebuild.described[*table].is_none());
        if carries {
            self.carried_into.extend(undescribed.clone());
        }
        // Once values were moved into a table that is not described, each write to it says what became of them.
        if carries || self.touched.is_empty() || undescribed.clone().any(|table| self.carried_into.contains(&table)) {
            let (statement, parameters, owner) = (write.statement.clone(), write.parameters.clone(), write.owner.map(|owner| owner.connection));
            // Into which relation it put values may be another matter.
            let end = if write.is_lost { write.end.max(End::Unsure) } else { write.end };
            self.carried.push(Carried { statement, parameters, at, owner, end });
        }
        if let Some(owner) = write.owner {
            let tables: Box<[u32]> = self.touched.iter().filter_map(|table| u32::try_from(*table).ok()).collect();
            if write.end == End::Unsure && write.is_loose {
                for table in &tables {
                    let began = self.effects.loose.entry((owner.connection, *table)).or_insert(write.time);
                    *began = write.time.min(*began);
                }
            }
            self.effects.own.insert((owner.connection, owner.write), OwnEffect { at, end: write.end, tables });
        }
        if !matches!(write.end, End::Undone(_)) {
            self.effects.ordered.extend(write.order.as_ref().map(|place| (**place, at)));
            let owner = write.owner.map(|owner| owner.connection);
            let tables = self.touched.iter().filter_map(|table| u32::try_from(*table).ok());
            self.effects.changes.extend(tables.map(|table| Effect { time: write.time, table, owner }));
        }
    }

    fn take_back(&mut self, last: &Write, moment: i64) {
        let change = Change { write: last, at: moment.saturating_add(1), through_parent: false, is_whole: false, selected: None, filled: &NO_COLUMNS };
        self.tables.iter_mut().for_each(|versions| versions.take_back(&change));
    }

    /// Whether a write may put into a table what stands in another place, or changes what there is.
    fn may_carry(&mut self, write: &Write) -> bool {
        let statement = write.statement.trim_start();
        let first = statement.get(..6).unwrap_or_default().to_ascii_lowercase();
        match first.as_str() {
            "delete" => false,
            "insert" | "replac" | "update" => self.tree(write).is_none_or(|tree| moves_values(&tree, write.dialect)),
            _ => true,
        }
    }

    fn tree(&mut self, write: &Write) -> Option<Arc<Statement>> {
        if let Some(known) = self.trees.get(&write.statement) {
            return known.clone();
        }
        if self.trees.len() >= TREES {
            self.trees.clear();
        }
        let tree = parse(&write.statement, write.dialect).map(Arc::new);
        self.trees.insert(write.statement.clone(), tree.clone());
        tree
    }

    fn apply(&mut self, write: &Write, at: i64) {
        self.cascades = 0;
        self.apply_one(write, at);
        self.apply_called(write, at);
    }

    /// What a statement writes through functions and procedures that it calls.
    fn apply_called(&mut self, write: &Write, at: i64) {
        if !self.routines.may_run(&write.statement, write.dialect) {
            return;
        }
        let is_audited = self.rebuild.audited.contains(&(write.database.clone(), write.role.clone()));
        let besides = self.routines.besides(&write.statement, write.dialect, is_audited);
        if !besides.is_nothing() {
            let named = self.tables_named(&besides.tables.iter().cloned().collect::<Vec<Name>>());
            self.happen_besides(&besides, &named, write, at);
        }
    }

    /// A write, or what a key does with it.
    fn apply_one(&mut self, write: &Write, at: i64) {
        if write.is_lost {
            return self.apply_lost(write, at);
        }
        let tree = self.tree(write);
        match tree.as_deref().and_then(actions) {
            // Which connection's table of the name it is, no log tells.
            Some(all) if write.owner.is_none() && all.iter().flat_map(|(names, _)| names).any(|name| self.is_temporary(name, None)) => {
                let hit = all.iter().flat_map(|(names, _)| names).filter_map(|name| self.resolve(name)).filter_map(|full| self.table(&full)).collect();
                self.with_family(&hit, write, at, |versions, change| versions.not_understood(change));
            }
            Some(all) => {
                let is_whole = all.len() == 1;
                for (names, action) in &all {
                    let owner = write.owner.map(|owner| owner.connection);
                    let stored: Vec<&ObjectName> = names.iter().filter(|name| !self.is_temporary(name, owner)).collect();
                    let full: Vec<String> = stored.iter().filter_map(|name| self.resolve(name)).collect();
                    self.apply_action(&full, action, write, at, is_whole && names.len() == 1);
                    stored.iter().for_each(|name| self.apply_through(name, action.event(), write, at));
                }
            }
            None => self.apply_unknown(write, at),
        }
    }

    /// A write through a view changes tables below it, of which it is not followed which rows.
    fn apply_through(&mut self, name: &ObjectName, event: Event, write: &Write, at: i64) {
        let stored = self.rebuild.stored;
        let Some(view) = self.views.find(&strandline_sql::parts(name, stored.dialect), stored) else { return };
        let hit = self.below(&view);
        if write.row_count != Some(0) {
            self.with_family(&hit, write, at, |versions, change| versions.not_understood(change));
        }
        let of_view = besides(self.views.triggers(&view, stored).into_iter(), event);
        self.happen_besides(&of_view, &hit, write, at);
        let besides = self.besides(&hit, event);
        self.happen_besides(&besides, &hit, write, at);
    }

    /// The tables below a view.
    fn below(&self, view: &str) -> BTreeSet<usize> {
        let stored = self.rebuild.stored;
        let names = self.views.below(view, stored);
        names.iter().filter_map(|parts| stored.resolve(parts, |name| self.table(name).is_some())).filter_map(|full| self.table(&full)).collect()
    }

    /// Whether a name stands for a temporary table of a connection.
    fn is_temporary(&self, name: &ObjectName, owner: Option<u32>) -> bool {
        let parts = strandline_sql::parts(name, self.rebuild.stored.dialect);
        self.hides(&parts, owner)
    }

    fn hides(&self, parts: &[String], owner: Option<u32>) -> bool {
        let stored = self.rebuild.stored;
        match parts {
            [.., schema, _] if stored.dialect == Dialect::PostgreSql && schema != "pg_temp" => false,
            [.., schema, _] if stored.dialect == Dialect::MySql && !schema.eq_ignore_ascii_case(&stored.name) => false,
            [.., name] => !self.temporary.is_empty() && self.temporary.contains(&(owner, name.to_lowercase())),
            [] => false,
        }
    }

    /// Notes which temporary tables are there from now on.
    fn temporary(&mut self, definition: &Definition, write: &Write) {
        let owner = write.owner.map(|owner| owner.connection);
        let bare = |name: &Name| name.last().map(|last| (owner, last.to_lowercase()));
        match definition {
            Definition::Copy { name, .. } | Definition::Table { name } | Definition::View { name, .. } if is_temporary(&write.statement) => {
                self.temporary.extend(bare(name));
            }
            // Of which connection it was is not known: it may still be there in another one.
            Definition::Drop { names } if owner.is_some() => self.temporary.retain(|key| !names.iter().any(|name| bare(name).as_ref() == Some(key))),
            _ => {}
        }
    }

    fn resolve(&self, name: &ObjectName) -> Option<String> {
        let stored = self.rebuild.stored;
        let fold = |ident: &sqlparser::ast::Ident| {
            if ident.quote_style.is_some() || stored.dialect == Dialect::MySql { ident.value.clone() } else { ident.value.to_lowercase() }
        };
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident().map(fold)).collect();
        stored.resolve(&parts, |name| self.table(name).is_some())
    }

    fn apply_action(&mut self, names: &[String], action: &Action<'_>, write: &Write, at: i64, is_whole: bool) {
        let stored = self.rebuild.stored;
        let own: BTreeSet<usize> = names.iter().filter_map(|name| self.table(name)).collect();
        let (parents, children) = family(stored, &own);
        let all: BTreeSet<usize> = own.iter().chain(&parents).chain(&children).copied().collect();
        let besides = self.besides(&all, action.event());
        let unsure;
        // Of the rows that its condition holds for a policy may have hidden some from whoever wrote; a count tells.
        let is_secured = |table: &usize| stored.tables[*table].row_security != RowSecurity::Off;
        let may_be_hidden = write.row_count.is_none() && !matches!(action, Action::Insert(_)) && all.iter().any(is_secured);
        let may_have_failed = besides.may_refuse || !write.succeeded || may_be_hidden;
        let write = if may_have_failed && !matches!(write.end, End::Undone(_)) {
            unsure = Write { end: End::Unsure, succeeded: false, ..write.clone() };
            &unsure
        } else {
            write
        };
        let rows = if let Action::Insert(insert) = action { self.selected(insert, write, at) } else { None };
        let selected = rows.as_deref();
        self.touched.extend(&all);
        // Their own first, then those that share their rows.
        for table in own.iter().chain(&parents).chain(&children).copied() {
            let filled: BTreeSet<usize> = besides.columns.iter().filter_map(|name| self.tables[table].column_index(name)).collect();
            let change = Change { write, at, through_parent: children.contains(&table), is_whole, selected, filled: &filled };
            action.apply(&mut self.tables[table], &change);
        }
        self.happen_besides(&besides, &all, write, at);
        self.cascade(action, &all, write, at);
    }

    /// What the keys of other tables do where rows of these go, or get another key.
    fn cascade(&mut self, action: &Action<'_>, tables: &BTreeSet<usize>, write: &Write, at: i64) {
        let stored = self.rebuild.stored;
        if write.row_count == Some(0) {
            return;
        }
        for child in 0..stored.tables.len() {
            let keys = stored.tables[child].foreign_keys.iter().filter_map(|key| Some((key, stored.table(&key.table).filter(|to| tables.contains(to))?)));
            let follow = |(key, to): (&ForeignKey, usize)| {
                let one = cascade(action, key, (&stored.tables[child], &stored.tables[to]), stored.dialect)?;
                Some((one, key.is_of_log))
            };
            for (one, is_of_log) in keys.filter_map(follow).collect::<Vec<(Cascade, bool)>>() {
                match one {
                    Cascade::Statement(statement, is_sure) if self.cascades < MOST_CASCADES => {
                        self.cascades += 1;
                        let is_left_out = write.session.as_ref().is_some_and(|session| session.leaves_keys());
                        let end = if is_sure && !is_left_out && !is_of_log { write.end } else { write.end.max(End::Unsure) };
                        self.apply_one(&Write { statement: statement.into(), row_count: None, end, ..write.clone() }, at);
                    }
                    other => self.may_cascade(other != Cascade::MayChange, child, write, at),
                }
            }
        }
    }

    /// Which rows of a table went or changed by its keys is not known, and so it is for those that refer to it.
    fn may_cascade(&mut self, go: bool, child: usize, write: &Write, at: i64) {
        let stored = self.rebuild.stored;
        let (mut hit, mut open) = (BTreeSet::from([child]), vec![child]);
        while let Some(at) = open.pop().filter(|_| go) {
            let name = stored.tables[at].full_name();
            let refers = |table: &StoredTable| table.foreign_keys.iter().any(|key| key.table == name && key.on_delete != KeyAction::Refuse);
            open.extend((0..stored.tables.len()).filter(|other| refers(&stored.tables[*other]) && hit.insert(*other)));
        }
        self.with_family(&hit, write, at, |versions, change| match go {
            true => versions.delete_by_others(change),
            false => versions.not_understood(change),
        });
    }

    /// What the triggers of some tables may do where such a write happens.
    fn besides(&self, tables: &BTreeSet<usize>, event: Event) -> Besides {
        besides(tables.iter().flat_map(|table| &self.triggers[*table]), event)
    }

    /// What triggers may have done: which of it they did is not followed.
    fn happen_besides(&mut self, besides: &Besides, fired: &BTreeSet<usize>, write: &Write, at: i64) {
        if besides.is_nothing() {
            return;
        }
        let mut hit = match besides.any_table {
            true => (0..self.tables.len()).collect(),
            false => self.tables_named(&besides.tables.iter().cloned().collect::<Vec<Name>>()),
        };
        for other in hit.iter().copied().filter(|other| self.rebuild.described[*other].is_none()).collect::<Vec<usize>>() {
            self.carry_over(fired, other, write, at);
        }
        if besides.any_column {
            hit.extend(fired);
        }
        self.with_family(&hit, write, at, |versions, change| versions.not_understood(change));
    }

    /// Values of rows that were written may stand in another table from now on.
    fn carry_over(&mut self, from: &BTreeSet<usize>, to: usize, write: &Write, at: i64) {
        let stored = self.rebuild.stored;
        let name = |table: usize| full_name(&stored.tables[table], stored.dialect);
        let owner = write.owner.map(|owner| owner.connection);
        for table in from.iter().filter(|table| **table != to && self.rebuild.described[**table].is_some()) {
            let statement = format!("INSERT INTO {} SELECT * FROM {}", name(to), name(*table)).into();
            self.carried.push(Carried { statement, parameters: None, at, owner, end: write.end });
        }
    }

    /// The rows that the query of an INSERT gives, where it reads one table of which all that it may read is sure.
    fn selected(&mut self, insert: &Insert, write: &Write, at: i64) -> Option<Vec<Vec<Value>>> {
        let query = insert.source.as_deref().filter(|q| q.with.is_none() && q.limit_clause.is_none() && q.fetch.is_none())?;
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(list, _) if list.is_empty());
        let [from] = select.from.as_slice() else { return None };
        let TableFactor::Table { name, args: None, sample: None, partitions, .. } = &from.relation else { return None };
        if grouped || !partitions.is_empty() || select.having.is_some() || select.distinct.is_some() || select.into.is_some() || !from.joins.is_empty() {
            return None;
        }
        let table = self.resolve(name).and_then(|full| self.table(&full))?;
        let change = Change { write, at, through_parent: false, is_whole: false, selected: None, filled: &NO_COLUMNS };
        self.tables[table].select(&select.projection, select.selection.as_ref(), &change)
    }

    /// A write that its session may have meant otherwise: any table may have changed whose name stands in it.
    fn apply_lost(&mut self, write: &Write, at: i64) {
        let text = write.statement.to_lowercase();
        let stored = self.rebuild.stored;
        let hit = (0..stored.tables.len()).filter(|table| text.contains(&stored.tables[*table].name.to_lowercase())).collect();
        self.with_family(&hit, write, at, |versions, change| versions.not_understood(change));
        let besides = self.besides(&hit, Event::Any);
        self.happen_besides(&besides, &hit, write, at);
    }

    /// A statement that is not understood as a change of rows: a definition, or one that may have changed whatever it mentions.
    fn apply_unknown(&mut self, write: &Write, at: i64) {
        if let Some(definitions) = definitions(&write.statement, write.dialect) {
            return definitions.iter().for_each(|definition| self.define(definition, write, at));
        }
        let hit = self.tables_named(&mentions(&write.statement, write.dialect));
        let loads = loads_rows(&write.statement);
        self.with_family(&hit, write, at, |versions, change| match loads {
            true => versions.load(change, DoubtReason::BulkLoad),
            false => versions.not_understood(change),
        });
        let besides = self.besides(&hit, if loads { Event::Insert } else { Event::Any });
        self.happen_besides(&besides, &hit, write, at);
    }

    fn define(&mut self, definition: &Definition, write: &Write, at: i64) {
        let owner = write.owner.map(|owner| owner.connection);
        if named_by(definition).iter().any(|name| self.hides(name, owner)) {
            return self.temporary(definition, write);
        }
        self.temporary(definition, write);
        let is_sure = write.end == End::Committed && write.time >= self.rebuild.snapshot_time;
        match definition {
            Definition::RenameColumn { name, column, to } => self.columns(name, &Columns::Renamed(column, to), write, at),
            Definition::DropColumn { name, column } => self.columns(name, &Columns::Dropped(column), write, at),
            Definition::AddColumn { name, column, .. } => self.columns(name, &Columns::Added(column), write, at),
            Definition::Rename { name, to } if is_sure => self.rename(name, to, None),
            Definition::Move { name, schema } if is_sure => self.rename(name, &[], Some(schema)),
            // Which table had which name before is not followed here: both are open.
            Definition::Rename { name, to } => {
                let to = if let ([.., schema, _], [bare]) = (name.as_slice(), to.as_slice()) { vec![schema.clone(), bare.clone()] } else { to.clone() };
                self.is_open(&[name.clone(), to], write, at);
            }
            Definition::Move { name, schema } => {
                let to = name.last().map(|bare| vec![schema.clone(), bare.clone()]);
                self.is_open(&[Some(name.clone()), to].into_iter().flatten().collect::<Vec<_>>(), write, at);
            }
            Definition::Changed { name } => self.is_open(std::slice::from_ref(name), write, at),
            Definition::Drop { names } => self.is_open(names, write, at),
            Definition::View { .. } | Definition::Copy { .. } | Definition::Table { .. } | Definition::Refresh { .. } => {}
        }
    }

    fn tables_named(&self, names: &[Name]) -> BTreeSet<usize> {
        let (stored, known) = (self.rebuild.stored, |name: &str| self.table(name).is_some());
        let named = |parts: &Name| stored.resolve(parts, known).and_then(|full| self.table(&full));
        let through = names.iter().filter_map(|parts| self.views.find(parts, stored)).flat_map(|view| self.below(&view));
        names.iter().filter_map(named).chain(through).collect()
    }

    fn columns(&mut self, name: &Name, columns: &Columns<'_>, write: &Write, at: i64) {
        let hit = self.tables_named(std::slice::from_ref(name));
        self.with_family(&hit, write, at, |versions, change| versions.rename(columns, change));
    }

    fn is_open(&mut self, names: &[Name], write: &Write, at: i64) {
        let hit = self.tables_named(names);
        self.with_family(&hit, write, at, |versions, change| versions.redefined(change));
    }

    /// A table has another name or schema from now on.
    fn rename(&mut self, name: &Name, to: &[String], schema: Option<&str>) {
        let known = |name: &str| self.table(name).is_some();
        let Some(full) = self.rebuild.stored.resolve(name, known) else { return };
        let (Some(table), Some((own_schema, own_name))) = (self.table(&full), full.split_once('.')) else { return };
        let new = match (to, schema) {
            (_, Some(schema)) => format!("{schema}.{own_name}"),
            ([one], None) => format!("{own_schema}.{one}"),
            ([.., schema, one], None) => format!("{schema}.{one}"),
            ([], None) => return,
        };
        self.renamed.insert(full.clone(), None);
        self.renamed.insert(new, Some(table));
    }

    /// The table of a full name, as names are now.
    fn table(&self, full: &str) -> Option<usize> {
        self.renamed.get(full).copied().unwrap_or_else(|| self.rebuild.stored.table(full))
    }

    fn with_family(&mut self, hit: &BTreeSet<usize>, write: &Write, at: i64, mut act: impl FnMut(&mut Versions<'_>, &Change<'_>)) {
        let (parents, children) = family(self.rebuild.stored, hit);
        let all: BTreeSet<usize> = hit.iter().copied().chain(parents).chain(children).collect();
        self.touched.extend(&all);
        for table in all {
            act(&mut self.tables[table], &Change { write, at, through_parent: false, is_whole: false, selected: None, filled: &NO_COLUMNS });
        }
    }
}

/// Whether a statement may make a trigger or a rule.
fn makes_trigger(statement: &str) -> bool {
    let mut words = statement.split_whitespace().take(12);
    let is_made = |word: &str| word.eq_ignore_ascii_case("trigger") || word.eq_ignore_ascii_case("rule");
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("create")) && words.any(is_made)
}

/// Whether a statement makes something that its connection alone sees.
pub fn is_temporary(statement: &str) -> bool {
    statement.split_whitespace().take(6).any(|word| ["temp", "temporary"].iter().any(|temporary| word.eq_ignore_ascii_case(temporary)))
}

/// The names of what a definition changes or drops.
fn named_by(definition: &Definition) -> &[Name] {
    match definition {
        Definition::RenameColumn { name, .. }
        | Definition::DropColumn { name, .. }
        | Definition::AddColumn { name, .. }
        | Definition::Rename { name, .. }
        | Definition::Move { name, .. }
        | Definition::Changed { name } => std::slice::from_ref(name),
        Definition::Drop { names } => names,
        Definition::View { .. } | Definition::Copy { .. } | Definition::Table { .. } | Definition::Refresh { .. } => &[],
    }
}

/// All ancestors and all descendants of some tables: partitions, and tables that inherit.
fn family(stored: &StoredDatabase, own: &BTreeSet<usize>) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let parents_of = |at: usize| stored.tables[at].parents.iter().filter_map(|p| stored.table(p)).collect::<Vec<usize>>();
    let (mut parents, mut open) = (BTreeSet::new(), own.iter().copied().collect::<Vec<_>>());
    while let Some(at) = open.pop() {
        open.extend(parents_of(at).into_iter().filter(|p| !own.contains(p) && parents.insert(*p)));
    }
    if stored.tables.iter().all(|t| t.parents.is_empty()) {
        return (parents, BTreeSet::new());
    }
    let mut children: BTreeSet<usize> = BTreeSet::new();
    loop {
        let more: Vec<usize> = (0..stored.tables.len())
            .filter(|at| !own.contains(at) && !children.contains(at))
            .filter(|at| parents_of(*at).iter().any(|p| own.contains(p) || children.contains(p)))
            .collect();
        if more.is_empty() {
            return (parents, children);
        }
        children.extend(more);
    }
}

/// The moment of each write: in the microsecond that the log says, one after the other.
fn moments(writes: &[&Write]) -> Vec<i64> {
    let mut last = i64::MIN;
    let mut all = Vec::with_capacity(writes.len());
    for write in writes {
        let first = write.time.checked_mul(SLOTS).map_or(write.time, |start| start + 1);
        let most = first.saturating_add(SLOTS - 4);
        last = first.max(last.saturating_add(1).min(most));
        all.push(last);
    }
    all
}

/// An interval of moments, in microseconds.
pub(crate) fn interval(from: i64, to: i64) -> (i64, i64) {
    let until = if to == i64::MAX { to } else { micros(to).saturating_add(i64::from(to.rem_euclid(SLOTS) != 0)) };
    (micros(from), until)
}

/// What the descriptions of a database say of each of its tables. A partition is described as its parent is, and a parent
/// as its children are.
pub fn descriptions<'e>(stored: &StoredDatabase, tables: &'e [DescribedTable]) -> Vec<Option<&'e DescribedTable>> {
    let own: BTreeMap<&str, &DescribedTable> = tables.iter().filter(|t| t.database == stored.id).map(|t| (t.name.as_str(), t)).collect();
    let named: Vec<Option<&DescribedTable>> = stored.tables.iter().map(|t| own.get(t.full_name().as_str()).copied()).collect();
    (0..stored.tables.len())
        .map(|at| {
            named[at].or_else(|| {
                let (parents, children) = family(stored, &BTreeSet::from([at]));
                parents.into_iter().chain(children).find_map(|relative| named[relative])
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
    use proptest::prelude::*;
    use strandline_model::event::{Activity, Class, Event, EventBatchBuilder, RecordKind};
    use strandline_model::evidence::{ArtefactId, EventRef};
    use strandline_model::time::Instant;

    use super::*;
    use crate::holders::SOMEBODY;
    use crate::interest::Interest;
    use crate::roll::moment;
    use crate::store::{Attached, AttachedKind, Column, ColumnDefault, StoredFunction, StoredView};
    use crate::transactions::{Otherwise, Place, Reader};
    use crate::value::ColumnKind;

    /// Microseconds of a tick of the log's clock.
    const TICK: i64 = 1_000;

    type State = BTreeMap<i64, i64>;

    pub(super) fn stored(rows: &State) -> StoredDatabase {
        let column = |name: &str| Column::new(name.into(), ColumnKind::BigInt, ColumnDefault::Null);
        let mut table = StoredTable::new("s".into(), "t".into(), vec![column("k"), column("v")]);
        table.unique_keys.push(vec![0]);
        rows.iter().for_each(|(k, v)| table.push_row(&[Value::Int(*k), Value::Int(*v)], true));
        table.close_batch();
        let mut database = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["s".to_owned()]);
        database.add_table(table);
        database
    }

    static NOBODY: Audited = Audited::new();

    /// Of a dump of the moment 0, by sessions of which nothing is known.
    fn rebuild<'r>(stored: &'r StoredDatabase, described: &'r [Option<&'r DescribedTable>], writes: &'r [Write]) -> Rebuild<'r> {
        Rebuild { stored, described, writes, snapshot_time: 0, snapshot_precision: 1, zones: Zones::default(), audited: &NOBODY }
    }

    pub(super) fn write(time: i64, statement: &str, precision: i64) -> Write {
        Write {
            time,
            said: time,
            clock_from: time,
            tick: TICK,
            precision,
            database: None,
            statement: statement.into(),
            dialect: Dialect::PostgreSql,
            parameters: None,
            row_count: None,
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

    /// Does one step, and says how.
    fn step(state: &mut State, (kind, key, value): (u8, i64, i64)) -> String {
        match kind {
            0 => {
                state.entry(key).and_modify(|v| *v = value);
                format!("UPDATE s.t SET v = {value} WHERE k = {key}")
            }
            1 => {
                state.values_mut().filter(|v| **v >= value).for_each(|v| *v += 1);
                format!("UPDATE s.t SET v = v + 1 WHERE v >= {value}")
            }
            2 => {
                state.remove(&key);
                format!("DELETE FROM s.t WHERE k = {key}")
            }
            _ => {
                // A key that is there is refused, and no such statement is in the log as one that took effect.
                let key = (key..).find(|key| !state.contains_key(key)).expect("an endless range");
                state.insert(key, value);
                format!("INSERT INTO s.t VALUES ({key}, {value})")
            }
        }
    }

    /// What stands in the table at an instant: key, value and whether it is in doubt; and whether there is a doubt about the whole of it.
    fn read(table: &TableHistory, time: i64) -> (Vec<(i64, i64, bool)>, bool) {
        (read_at(table, moment(time)), table.doubts.iter().any(|doubt| doubt.holds(time)))
    }
    pub(super) fn read_at(table: &TableHistory, at: i64) -> Vec<(i64, i64, bool)> {
        let mut rows = Vec::new();
        for batch in &table.batches {
            let number = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            let (keys, values, from, to) = (number(0), number(1), number(3), number(4));
            let is_there = |row: &usize| from.value(*row) <= at && at < to.value(*row);
            let in_doubt = batch.column(5).as_primitive::<UInt64Type>();
            rows.extend((0..batch.num_rows()).filter(is_there).map(|row| (keys.value(row), values.value(row), in_doubt.value(row) != 0)));
        }
        rows
    }

    /// The keys and values that a table of `(1, 1), (2, 2)` holds before the writes and after them, by a dump of the moment 0 or 100.
    fn check_moved(statements: &[&str], snapshot_time: i64, before: &[(i64, i64, bool)], after: &[(i64, i64, bool)]) {
        let dump = stored(&State::from([(1, 1), (2, 2)]));
        let writes: Vec<Write> = (10..).zip(statements).map(|(time, statement)| write(time, statement, 1)).collect();
        let history = Rebuild { snapshot_time, ..rebuild(&dump, &[None], &writes) }.run(&mut |_| 0);
        assert_eq!(read(&history.tables[0], 5).0, before, "before {statements:?}");
        assert_eq!(read(&history.tables[0], 50).0, after, "after {statements:?}");
    }

    #[test]
    fn a_table_that_moved_is_written_by_its_new_name() {
        check_moved(
            &["ALTER TABLE t SET SCHEMA arch", "UPDATE arch.t SET v = 8 WHERE k = 1"],
            0,
            &[(1, 1, false), (2, 2, false)],
            &[(2, 2, false), (1, 8, false)],
        );
    }

    /// A table of which a write fires this trigger, whose function has this code: what is read after the write, and whether the table is open.
    fn check_trigger(trigger: &str, code: &str, statement: &str, expected: (&[(i64, i64, bool)], bool)) {
        let mut dump = stored(&State::from([(1, 1), (2, 2)]));
        let attached =
            Attached { kind: AttachedKind::Trigger, name: "x".into(), sql: format!("CREATE TRIGGER x {trigger} ON s.t FOR EACH ROW EXECUTE FUNCTION f()") };
        dump.tables[0].attached.push(attached);
        let (schema, name, body) = ("s".to_owned(), "f".to_owned(), format!("BEGIN {code} END"));
        dump.described.functions.push(StoredFunction { schema, name, language: "plpgsql".into(), body, sql: String::new() });
        let writes = [Write { tick: 1, ..write(10, statement, 1) }];
        let history = rebuild(&dump, &[None], &writes).run(&mut |_| 0);
        let (mut rows, is_open) = read(&history.tables[0], 20);
        rows.sort_unstable();
        assert_eq!((rows.as_slice(), is_open), expected, "{trigger} {code} {statement}");
    }

    #[test]
    fn what_a_trigger_puts_into_a_row_is_not_taken_for_what_the_statement_says() {
        let update = "UPDATE s.t SET v = 9 WHERE k = 1";
        check_trigger("BEFORE UPDATE", "NEW.v := 7; RETURN NEW;", update, (&[(1, 1, true), (2, 2, false)], false));
        check_trigger("BEFORE INSERT", "NEW.v := 7; RETURN NEW;", update, (&[(1, 9, false), (2, 2, false)], false));
        check_trigger("AFTER UPDATE", "PERFORM pg_notify('a', NEW.v::text); RETURN NULL;", update, (&[(1, 9, false), (2, 2, false)], false));
        check_trigger("BEFORE UPDATE", "IF OLD.v = 1 THEN RETURN NULL; END IF; RETURN NEW;", update, (&[(1, 1, true), (2, 2, false)], false));
        check_trigger("BEFORE DELETE", "UPDATE s.t SET v = 0; RETURN OLD;", "DELETE FROM s.t WHERE k = 1", (&[(2, 2, false)], true));
        check_trigger("BEFORE UPDATE", "EXECUTE 'x'; RETURN NEW;", update, (&[(1, 9, false), (2, 2, false)], true));
    }

    /// Of a dump with such objects besides its table: whether the table is open after these writes.
    fn check_through(objects: impl FnOnce(&mut StoredDatabase), statements: &[&str], expected: bool) {
        let mut dump = stored(&State::from([(1, 1), (2, 2)]));
        objects(&mut dump);
        let writes: Vec<Write> = statements.iter().enumerate().map(|(at, sql)| Write { tick: 1, ..write(10 + at as i64, sql, 1) }).collect();
        let (_, is_open) = read(&rebuild(&dump, &[None], &writes).run(&mut |_| 0).tables[0], 100);
        assert_eq!(is_open, expected, "{statements:?}");
    }

    fn view(name: &str, sql: &str) -> StoredView {
        StoredView { schema: "s".into(), name: name.into(), sql: sql.into(), materialized: false, attached: Vec::new() }
    }

    #[test]
    fn a_write_through_a_view_changes_the_table_below_it() {
        let views = |dump: &mut StoredDatabase| dump.views.extend([view("v", "SELECT k, v AS what FROM s.t"), view("w", "SELECT k FROM v WHERE k > 1")]);
        check_through(views, &["UPDATE v SET what = 9 WHERE k = 1"], true);
        check_through(views, &["DELETE FROM s.w WHERE k = 1"], true);
        check_through(views, &["INSERT INTO other VALUES (1)"], false);
        let nothing = |_: &mut StoredDatabase| {};
        check_through(nothing, &["CREATE VIEW s.x AS SELECT k FROM s.t", "DELETE FROM x"], true);
        check_through(nothing, &["CREATE VIEW s.x AS SELECT k FROM s.t", "ALTER VIEW s.x RENAME TO y", "DELETE FROM y"], true);
        check_through(nothing, &["CREATE VIEW s.x AS SELECT k FROM s.t", "DELETE FROM y"], false);
        // What stands on the view decides what a write to it does.
        let fires = |dump: &mut StoredDatabase| {
            let sql = "CREATE RULE r AS ON UPDATE TO s.u DO INSTEAD DELETE FROM s.t".to_owned();
            let attached = vec![Attached { kind: AttachedKind::Rule, name: "r".into(), sql }];
            dump.views.push(StoredView { attached, ..view("u", "SELECT 1 AS one") });
        };
        check_through(fires, &["UPDATE s.u SET one = 2"], true);
        check_through(fires, &["DELETE FROM s.u"], false);
    }

    #[test]
    fn what_a_statement_calls_writes_too() {
        let routines = |dump: &mut StoredDatabase| {
            let function = |name: &str, sql: &str, body: &str| {
                let (schema, name) = ("s".to_owned(), name.to_owned());
                StoredFunction { schema, name, language: "plpgsql".into(), body: body.into(), sql: sql.into() }
            };
            dump.described.functions.extend([
                function("move_it", "CREATE FUNCTION s.move_it() LANGUAGE plpgsql", "BEGIN UPDATE t SET v = 1; END"),
                function("deeper", "CREATE PROCEDURE s.deeper() LANGUAGE plpgsql", "BEGIN PERFORM move_it(); END"),
                function("looks", "CREATE FUNCTION s.looks() LANGUAGE plpgsql", "BEGIN RETURN (SELECT v FROM t); END"),
                function("steady", "CREATE FUNCTION s.steady() LANGUAGE plpgsql STABLE", "BEGIN EXECUTE 'x'; END"),
            ]);
        };
        check_through(routines, &["SELECT s.move_it()"], true);
        check_through(routines, &["CALL deeper()"], true);
        check_through(routines, &["INSERT INTO other SELECT move_it()"], true);
        check_through(routines, &["SELECT looks(), steady()"], false);
        check_through(routines, &["DO $$ BEGIN PERFORM move_it(); END $$"], true);
        let nothing = |_: &mut StoredDatabase| {};
        check_through(nothing, &["DO $$ BEGIN DELETE FROM s.t; END $$"], true);
        check_through(nothing, &["DO $$ BEGIN PERFORM 1; END $$"], false);
        check_through(nothing, &["SELECT move_it()"], false);
    }

    #[test]
    fn what_an_audit_log_tells_of_code_is_not_told_again() {
        let mut dump = stored(&State::from([(1, 1)]));
        let of = |language: &str, sql: &str| StoredFunction {
            schema: "s".into(),
            name: "move_it".into(),
            language: language.into(),
            body: "BEGIN UPDATE t SET v = 1; END".into(),
            sql: sql.into(),
        };
        let writes = [Write { tick: 1, role: Some("clerk".into()), ..write(10, "SELECT move_it()", 1) }];
        let mut is_open = |function: StoredFunction, role: &str| {
            dump.described.functions = vec![function];
            let audited = Audited::from([(None, Some(role.into()))]);
            read(&Rebuild { audited: &audited, ..rebuild(&dump, &[None], &writes) }.run(&mut |_| 0).tables[0], 100).1
        };
        let plain = "CREATE FUNCTION s.move_it() LANGUAGE plpgsql";
        assert!(!is_open(of("plpgsql", plain), "clerk"));
        // It is set for each role, and is not told of code that runs as somebody else.
        assert!(is_open(of("plpgsql", plain), "boss"));
        assert!(is_open(of("plpgsql", "CREATE FUNCTION s.move_it() LANGUAGE plpgsql SECURITY DEFINER"), "clerk"));
        assert!(is_open(of("plpython3u", plain), "clerk"));
    }

    #[test]
    fn a_name_that_another_table_had_before_the_snapshot_opens_both() {
        let mut dump = stored(&State::from([(1, 1)]));
        let mut other = StoredTable::new("s".into(), "u".into(), dump.tables[0].columns.clone());
        other.close_batch();
        dump.add_table(other);
        let writes = [Write { tick: 1, ..write(10, "ALTER TABLE s.t RENAME TO u", 1) }, Write { tick: 1, ..write(20, "CREATE TABLE s.t (k int)", 1) }];
        let history = Rebuild { snapshot_time: 1_000, ..rebuild(&dump, &[None, None], &writes) }.run(&mut |_| 0);
        assert!(history.tables.iter().all(|table| read(table, 5).1));
    }

    #[test]
    fn rows_that_refer_to_a_deleted_one_go_or_change_with_it() {
        let check = |action: KeyAction, statement: &str, expected: &[(i64, i64, bool)]| {
            let mut dump = stored(&State::from([(1, 1), (2, 2)]));
            let column = |name: &str| Column::new(name.into(), ColumnKind::BigInt, ColumnDefault::Null);
            let mut child = StoredTable::new("s".into(), "c".into(), vec![column("i"), column("t")]);
            let on_update = KeyAction::Refuse;
            child.foreign_keys.push(ForeignKey {
                columns: vec![1],
                table: "s.t".into(),
                to_columns: vec!["k".into()],
                on_delete: action,
                on_update,
                is_of_log: false,
            });
            [(7, 1), (8, 2)].iter().for_each(|(i, t)| child.push_row(&[Value::Int(*i), Value::Int(*t)], true));
            child.close_batch();
            dump.add_table(child);
            let writes = [Write { tick: 1, ..write(10, statement, 1) }];
            let history = rebuild(&dump, &[None, None], &writes).run(&mut |_| 0);
            let (mut rows, is_open) = read(&history.tables[1], 20);
            rows.sort_unstable();
            assert_eq!((rows.as_slice(), is_open), (expected, false), "{action:?} {statement}");
        };
        check(KeyAction::Refuse, "DELETE FROM s.t WHERE k = 1", &[(7, 1, false), (8, 2, false)]);
        check(KeyAction::Cascade, "DELETE FROM s.t WHERE k = 1", &[(8, 2, false)]);
        check(KeyAction::Cascade, "DELETE FROM s.t WHERE k IN (1, 2)", &[]);
        check(KeyAction::Cascade, "DELETE FROM s.t WHERE v > 5 AND k = 1", &[(7, 1, true), (8, 2, false)]);
        check(KeyAction::Cascade, "DELETE FROM s.t WHERE v = 1", &[(7, 1, true), (8, 2, true)]);
    }

    fn described(more: &str) -> DescribedTable {
        toml::from_str(&format!("database = \"d\"\ncategories = {{}}\n{more}")).expect("it is right")
    }

    /// Rows of a table that refer to `s.t`, which says whose they are, by a dump of some moment: number, holder, and whether that is sure,
    /// before and after the writes of the moment 10.
    fn held(lines: &[(i64, Option<i64>)], statement: &str, snapshot_time: i64) -> [Vec<(i64, Option<u32>, bool)>; 2] {
        let parent = described("name = \"s.t\"\nsubject_key = \"v\"");
        let child = described("name = \"s.c\"\nsubject_via = { column = \"t\", table = \"s.t\", to_column = \"k\" }");
        let mut dump = stored(&State::from([(1, 11), (2, 12)]));
        let column = |name: &str| Column::new(name.into(), ColumnKind::BigInt, ColumnDefault::Null);
        let mut table = StoredTable::new("s".into(), "c".into(), vec![column("i"), column("t")]);
        lines.iter().for_each(|(i, t)| table.push_row(&[Value::Int(*i), t.map_or(Value::Null, Value::Int)], true));
        table.close_batch();
        dump.add_table(table);
        let writes = [Write { tick: 1, ..write(10, statement, 1) }];
        let described = [Some(&parent), Some(&child)];
        let history = Rebuild { snapshot_time, ..rebuild(&dump, &described, &writes) }.run(&mut |key| key.parse().expect("a number"));
        [5, 20].map(|at| {
            let mut found = Vec::new();
            for batch in &history.tables[1].batches {
                let number = |column: usize| batch.column(column).as_primitive::<Int64Type>();
                let subjects = batch.column(2).as_primitive::<UInt32Type>();
                let in_doubt = batch.column(5).as_primitive::<UInt64Type>();
                let is_there = |row: &usize| number(3).value(*row) <= moment(at) && moment(at) < number(4).value(*row);
                let holder = |row: usize| subjects.is_valid(row).then(|| subjects.value(row));
                found.extend((0..batch.num_rows()).filter(is_there).map(|row| (number(0).value(row), holder(row), in_doubt.value(row) == 0)));
            }
            found
        })
    }

    #[test]
    fn a_row_keeps_its_person_when_what_it_refers_to_is_gone() {
        let lines = [(6, Some(0)), (7, Some(1)), (8, Some(2)), (9, Some(5)), (10, None)];
        let expected = vec![(6, None, true), (7, Some(11), true), (8, Some(12), true), (9, Some(SOMEBODY), true), (10, None, true)];
        assert_eq!(held(&lines, "DELETE FROM s.t WHERE k = 1", 0), [expected.clone(), expected]);
    }

    #[test]
    fn a_row_whose_key_only_the_server_knows_is_behind_no_key_of_another_row() {
        let lines = [(7, Some(1)), (8, Some(2)), (9, Some(5)), (10, None)];
        let expected = vec![(7, Some(11), true), (8, Some(12), true), (9, Some(SOMEBODY), true), (10, None, true)];
        assert_eq!(held(&lines, "INSERT INTO s.t (k, v) VALUES (nextval('s'), 13)", 0), [expected.clone(), expected]);
    }

    /// It moves the rows behind it, or does not.
    #[test]
    fn a_row_of_nobodys_that_may_not_be_there_keeps_its_doubt() {
        let [before, after] = held(&[(7, Some(1)), (10, None)], "DELETE FROM s.c WHERE i = (SELECT 1)", 0);
        assert_eq!(before, [(7, Some(11), true), (10, None, true)]);
        assert_eq!(after, [(7, Some(11), false), (10, Some(crate::holders::NOBODY), false)]);
    }

    #[test]
    fn whoever_may_have_come_to_hold_a_row_later_did_not_surely_hold_it_before() {
        let lines = [(7, Some(1)), (8, Some(2))];
        let sure = vec![(7, Some(11), true), (8, Some(12), true)];
        let open = vec![(7, Some(11), false), (8, Some(12), false)];
        for statement in ["COPY t (k, v) FROM STDIN", "UPDATE t SET v = other.v FROM other WHERE other.k = t.k"] {
            assert_eq!(held(&lines, statement, 100), [open.clone(), sure.clone()], "{statement}");
        }
        // After a dump that holds them, a load takes nobody away.
        assert_eq!(held(&lines, "COPY t (k, v) FROM STDIN", 0), [sure.clone(), sure]);
    }

    /// A table whose rows are of two kinds of things, as object mappers have them: `kind` says what `t` refers to.
    #[test]
    fn each_entry_of_a_table_tells_whose_its_rows_are() {
        let parent = described("name = \"s.t\"\nsubject_key = \"v\"");
        let mut child = described("name = \"s.c\"\nsubject_key = \"t\"\nrows = { kind = [\"1\"] }");
        child.also.push(described("name = \"s.c\"\nsubject_via = { column = \"t\", table = \"s.t\", to_column = \"k\" }\nrows = { kind = [\"2\", \"3\"] }"));
        child.also.push(described("name = \"s.c\"\nsubject_key = \"i\"\nrows = { kind = [\"3\"] }"));
        let mut dump = stored(&State::from([(1, 11), (2, 12)]));
        let column = |name: &str| Column::new(name.into(), ColumnKind::BigInt, ColumnDefault::Null);
        let mut lines = StoredTable::new("s".into(), "c".into(), vec![column("i"), column("t"), column("kind")]);
        [(6, 1, 1), (7, 1, 2), (8, 2, 3), (9, 2, 4)].iter().for_each(|(i, t, kind)| lines.push_row(&[*i, *t, *kind].map(Value::Int), true));
        lines.close_batch();
        dump.add_table(lines);
        let writes = [Write { tick: 1, ..write(10, "UPDATE s.t SET v = 15 WHERE k = 2", 1) }];
        let described = [Some(&parent), Some(&child)];
        let history = rebuild(&dump, &described, &writes).run(&mut |key| key.parse().expect("a number"));
        let mut found: Vec<(i64, i64, Vec<u32>)> = Vec::new();
        for batch in &history.tables[1].batches {
            let (rows, subjects) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(3).as_primitive::<UInt32Type>());
            let from = batch.column(4).as_primitive::<Int64Type>();
            for row in (0..batch.num_rows()).filter(|row| subjects.is_valid(*row)) {
                let set = |of: u32| if of & crate::holders::SET == 0 { vec![of] } else { history.holders[(of & !crate::holders::SET) as usize].to_vec() };
                found.push((rows.value(row), i64::from(from.value(row) > 0), set(subjects.value(row))));
            }
        }
        found.sort_unstable();
        // The row of both kinds is of the person behind what it refers to, who changes, and of its own.
        assert_eq!(found, [(6, 0, vec![1]), (7, 0, vec![11]), (8, 0, vec![8, 12]), (8, 1, vec![8, 15])]);
    }

    /// What else the last of these may have read, as a log without a word of how transactions begin and end tells of them: by the number of
    /// its transaction, or nothing, and its text.
    fn otherwise(records: &[(&str, &'static str)]) -> Otherwise {
        let mut builder = EventBatchBuilder::new();
        let place = |n: usize| EventRef { artefact: ArtefactId("a".into()), offset: n as u64, length: 1 };
        let time = |n: usize| 1_000 * n as i64;
        for (n, (number, statement)) in records.iter().enumerate() {
            let activity = if statement.starts_with("SELECT") { Activity::Read } else { Activity::Write };
            let mut event = Event::new(Instant(time(n)), Class::Datastore, activity, place(n));
            (event.source, event.session, event.statement) = ("db".into(), Some("7".into()), Some((*statement).into()));
            event.transaction = (!number.is_empty()).then(|| (*number).into());
            event.record_kind = Some(RecordKind::PgauditSession);
            builder.push(&event);
        }
        let events = vec![builder.finish().expect("events")];
        let facts = crate::writes::read(&events, &BTreeSet::from(["7".to_owned()]), Interest::everything()).expect("facts");
        let dump = stored(&State::from([(1, 1), (2, 2)]));
        let history = Rebuild { snapshot_time: 1_000_000, ..rebuild(&dump, &[None], &facts.writes) }.run(&mut |_| 0);
        let last = records.len() - 1;
        let places = [Place::new(time(last), &place(last), 0)];
        let reader = Reader { time: time(last), connection: &facts.connections["7"], places: &places, tables: &BTreeSet::from([0]), locks: false };
        history.effects.read_instant(&reader).otherwise
    }

    #[test]
    fn a_transaction_of_whose_end_no_log_tells_may_have_seen_what_it_took_back() {
        let (write, read) = ("UPDATE s.t SET v = 9 WHERE k = 1", "SELECT k FROM s.t WHERE v = 9");
        assert_eq!(otherwise(&[("3/1", write), ("3/1", read)]), Otherwise::Mixed);
        assert_eq!(otherwise(&[("3/1", "SELECT 1"), ("3/1", write), ("3/1", "SELECT 2"), ("3/1", read)]), Otherwise::Mixed);
        // Its number says that it is another one.
        assert_eq!(otherwise(&[("3/1", write), ("3/2", read)]), Otherwise::Nothing);
        assert_eq!(otherwise(&[("3/1", write), ("3/1", read), ("3/2", "SELECT 1"), ("3/2", read)]), Otherwise::Nothing);
        // Without one, it may be the same.
        assert_eq!(otherwise(&[("", write), ("", read)]), Otherwise::Mixed);
        // What it wrote is nothing that it reads.
        assert_eq!(otherwise(&[("", "UPDATE other SET v = 9"), ("", read)]), Otherwise::Nothing);
        assert_eq!(otherwise(&[("3/1", "UPDATE other SET v = 9"), ("3/1", read)]), Otherwise::Nothing);
        // A word of it shows that such words are logged.
        assert_eq!(otherwise(&[("", "SET x = 1"), ("", write), ("", read)]), Otherwise::Nothing);
    }

    #[test]
    fn a_write_of_whose_end_no_log_tells_may_have_failed() {
        for (succeeded, expected) in [(true, &[(2, 2, false)][..]), (false, &[(1, 1, true), (2, 2, false)])] {
            let dump = stored(&State::from([(1, 1), (2, 2)]));
            let writes = [Write { tick: 1, succeeded, ..write(10, "DELETE FROM s.t WHERE k = 1", 1) }];
            let history = rebuild(&dump, &[None], &writes).run(&mut |_| 0);
            let (mut rows, is_open) = read(&history.tables[0], 20);
            rows.sort_unstable();
            assert_eq!((rows.as_slice(), is_open), (expected, false));
        }
    }

    proptest! {
        #[test]
        fn writes_in_the_tick_of_the_snapshot_are_on_neither_side_of_it(
            steps in proptest::collection::vec((0..4_u8, 0..5_i64, 0..5_i64), 1..14),
            dumped_after in 0..14_usize,
            steps_a_tick in 1..5_usize,
            says_the_tick in any::<bool>(),
            is_ordered in any::<bool>(),
        ) {
            let mut state = State::from([(0, 0), (1, 1), (2, 2)]);
            let dumped_after = dumped_after.min(steps.len() - 1);
            let tick_of = |at: usize| 3 * TICK * (1 + (at / steps_a_tick) as i64);
            let (mut states, mut writes) = (vec![(0, state.clone())], Vec::new());
            for (at, made) in steps.iter().enumerate() {
                writes.push(write(tick_of(at), &step(&mut state, *made), if is_ordered { 1 } else { TICK }));
                states.push((tick_of(at), state.clone()));
            }
            let dump = stored(&states[dumped_after].1);
            // Somewhere between the write before it and the one after it, which may share a tick.
            let (snapshot_time, snapshot_precision) = if says_the_tick { (tick_of(dumped_after), TICK) } else { (tick_of(dumped_after) + TICK / 2, 1) };
            let rebuild = Rebuild { snapshot_time, snapshot_precision, ..rebuild(&dump, &[None], &writes) };
            let history = rebuild.run(&mut |_| 0);
            for (at, (tick, state)) in states.iter().enumerate() {
                // Within a tick nothing is claimed of its order: only the state at its end is read.
                if states.get(at + 1).is_some_and(|(next, _)| next == tick) {
                    continue;
                }
                let (rows, is_open) = read(&history.tables[0], tick + TICK);
                for (key, value) in state {
                    let found = rows.iter().any(|(k, v, doubt)| k == key && (v == value || *doubt));
                    prop_assert!(found || is_open, "row {key} = {value} of tick {tick} is lost: {rows:?}");
                }
                for (key, value, _) in rows.iter().filter(|(.., doubt)| !doubt) {
                    prop_assert!(state.get(key) == Some(value) || is_open, "row {key} = {value} is no row of tick {tick}");
                }
            }
        }
    }
}
