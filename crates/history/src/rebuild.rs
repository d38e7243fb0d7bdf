//! Rebuilds a database: every table in all its versions, whose rows they are, and when it may differ from what is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use sqlparser::ast::{ObjectName, Statement};
use strandline_model::estate::Table as DescribedTable;

use crate::Dialect;
use crate::change::{Action, Change, actions};
use crate::definition::{Definition, Name, definitions, loads_rows};
use crate::doubt::{DoubtReason, Open, Population, TableDoubt};
use crate::holders::{Holders, Owned};
use crate::roll::{Direction, SLOTS, Versions, micros};
use crate::store::{StoredDatabase, StoredTable};
use crate::transactions::Effects;
use crate::writes::{End, Write, mentions, parse};

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
    /// Batches of the visible columns, then subject, from, to (moments) and doubtful.
    pub batches: Vec<RecordBatch>,
    /// Everybody who ever has a row in it, sorted.
    pub subjects: Vec<u32>,
    /// When it may differ from what is known.
    pub doubts: Vec<TableDoubt>,
    /// People whose rows are not proved, and when (microseconds), by person.
    pub doubtful: Vec<(i64, i64, u32)>,
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
}

impl Rebuild<'_> {
    /// Rebuilds the database. `number` gives each key its number.
    pub fn run(&self, number: &mut dyn FnMut(&str) -> u32) -> DatabaseHistory {
        let stored = self.stored;
        let mut rolled: Vec<Versions<'_>> = (0..stored.tables.len())
            .map(|at| Versions::new(&stored.tables[at], stored.dialect, subject_columns(&stored.tables[at], self.described[at]), self.snapshot_time))
            .collect();
        let effects = Roller::new(self, &mut rolled).roll();
        let mut holders = Holders::new(stored, self.described, &rolled);
        (0..rolled.len()).for_each(|at| holders.find(at, number, 0));
        let (owned, holders) = holders.finish(rolled.len());
        let tables = rolled.into_iter().zip(owned).zip(self.described).map(|((versions, owned), described)| finish(versions, owned, described.is_some()));
        DatabaseHistory { tables: tables.collect(), holders, effects }
    }
}

fn subject_columns(table: &StoredTable, described: Option<&DescribedTable>) -> Vec<usize> {
    let Some(described) = described else { return Vec::new() };
    let name = described.subject_key.as_deref().or(described.subject_via.as_ref().map(|via| via.column.as_str()));
    name.and_then(|name| table.column_index(name)).into_iter().collect()
}

fn finish(versions: Versions<'_>, owned: Owned, has_subject: bool) -> TableHistory {
    let batches = owned.batches(&versions);
    let (doubtful, timed, subjects) = if has_subject { owned.people(&versions) } else { Default::default() };
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
        doubtful,
        timed,
    }
}

/// Applies the writes of one database to its tables.
struct Roller<'r, 't> {
    rebuild: &'r Rebuild<'r>,
    tables: &'r mut Vec<Versions<'t>>,
    trees: HashMap<Arc<str>, Option<Arc<Statement>>>,
    effects: Effects,
}

impl<'r, 't> Roller<'r, 't> {
    fn new(rebuild: &'r Rebuild<'r>, tables: &'r mut Vec<Versions<'t>>) -> Self {
        Self { rebuild, tables, trees: HashMap::new(), effects: Effects::default() }
    }

    fn roll(mut self) -> Effects {
        let name = &self.rebuild.stored.name;
        let own: Vec<&Write> = self.rebuild.writes.iter().filter(|w| w.database.as_deref().is_none_or(|d| d == name.as_str())).collect();
        let moments = moments(&own);
        let later = own.partition_point(|w| w.time < self.rebuild.snapshot_time);
        for (write, at) in own[..later].iter().zip(&moments).rev().filter(|(w, _)| !matches!(w.end, End::Undone(_))) {
            self.apply(write, *at);
        }
        self.tables.iter_mut().for_each(|versions| versions.turn(Direction::Forward));
        let mut undone: Option<(u32, &Write, i64)> = None;
        for (write, at) in own[later..].iter().zip(&moments[later..]) {
            let of = if let (End::Undone(_), Some(owner)) = (write.end, write.owner) { Some(owner.connection) } else { None };
            if let Some((_, last, moment)) = undone.filter(|(connection, ..)| of != Some(*connection)) {
                self.take_back(last, moment);
                undone = None;
            }
            if let Some(connection) = of {
                self.tables.iter_mut().for_each(Versions::follow);
                undone = Some((connection, write, *at));
            }
            self.apply(write, *at);
        }
        if let Some((_, last, moment)) = undone {
            self.take_back(last, moment);
        }
        for (write, at) in own.iter().zip(&moments) {
            let is_followed = !matches!(write.end, End::Undone(_)) || write.time >= self.rebuild.snapshot_time;
            if let Some(owner) = write.owner.filter(|_| is_followed) {
                self.effects.own.insert((owner.connection, owner.write), *at);
            }
        }
        self.effects.times = own.iter().filter(|w| !matches!(w.end, End::Undone(_))).map(|w| (w.time, w.owner.map(|o| o.connection))).collect();
        self.effects
    }

    fn take_back(&mut self, last: &Write, moment: i64) {
        let change = Change { write: last, at: moment.saturating_add(1), through_parent: false, is_whole: false };
        self.tables.iter_mut().for_each(|versions| versions.take_back(&change));
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
        let tree = self.tree(write);
        match tree.as_deref().and_then(actions) {
            Some(all) => {
                let is_whole = all.len() == 1;
                for (names, action) in &all {
                    let full: Vec<String> = names.iter().filter_map(|name| self.resolve(name)).collect();
                    self.apply_action(&full, action, write, at, is_whole && names.len() == 1);
                }
            }
            None => self.apply_unknown(write, at),
        }
    }

    fn resolve(&self, name: &ObjectName) -> Option<String> {
        let stored = self.rebuild.stored;
        let fold = |ident: &sqlparser::ast::Ident| {
            if ident.quote_style.is_some() || stored.dialect == Dialect::MySql { ident.value.clone() } else { ident.value.to_lowercase() }
        };
        let parts: Vec<String> = name.0.iter().filter_map(|p| p.as_ident().map(fold)).collect();
        stored.resolve(&parts, |name| stored.table(name).is_some())
    }

    fn apply_action(&mut self, names: &[String], action: &Action<'_>, write: &Write, at: i64, is_whole: bool) {
        let stored = self.rebuild.stored;
        let own: BTreeSet<usize> = names.iter().filter_map(|name| stored.table(name)).collect();
        for table in &own {
            let change = Change { write, at, through_parent: false, is_whole };
            action.apply(&mut self.tables[*table], &change);
        }
        let (parents, children) = family(stored, &own);
        for parent in parents {
            let change = Change { write, at, through_parent: false, is_whole };
            action.apply(&mut self.tables[parent], &change);
        }
        for child in children {
            let change = Change { write, at, through_parent: true, is_whole };
            action.apply(&mut self.tables[child], &change);
        }
    }

    /// A statement that is not understood as a change of rows: a definition, or one that may have changed whatever it mentions.
    fn apply_unknown(&mut self, write: &Write, at: i64) {
        if let Some(definitions) = definitions(&write.statement, write.dialect) {
            return definitions.iter().for_each(|definition| self.define(definition, write, at));
        }
        let stored = self.rebuild.stored;
        let known = |name: &str| stored.table(name).is_some();
        let hit: BTreeSet<usize> =
            mentions(&write.statement, write.dialect).iter().filter_map(|parts| stored.resolve(parts, known)).filter_map(|full| stored.table(&full)).collect();
        let loads = loads_rows(&write.statement);
        self.with_family(&hit, write, at, |versions, change| match loads {
            true => versions.load(change, DoubtReason::BulkLoad),
            false => versions.not_understood(change),
        });
    }

    fn define(&mut self, definition: &Definition, write: &Write, at: i64) {
        let names: Vec<&Name> = match definition {
            Definition::Changed { name } | Definition::Rename { name, .. } | Definition::Move { name, .. } => vec![name],
            Definition::RenameColumn { name, .. } | Definition::AddColumn { name, .. } | Definition::DropColumn { name, .. } => vec![name],
            Definition::Drop { names } => names.iter().collect(),
            Definition::View { .. } | Definition::Copy { .. } | Definition::Table { .. } | Definition::Refresh { .. } => Vec::new(),
        };
        let stored = self.rebuild.stored;
        let known = |name: &str| stored.table(name).is_some();
        let hit: BTreeSet<usize> = names.into_iter().filter_map(|parts| stored.resolve(parts, known)).filter_map(|full| stored.table(&full)).collect();
        self.with_family(&hit, write, at, |versions, change| {
            versions.doubt(change, Open::Rows, DoubtReason::Definition);
            versions.doubt(change, Open::People, DoubtReason::Definition);
        });
    }

    fn with_family(&mut self, hit: &BTreeSet<usize>, write: &Write, at: i64, mut act: impl FnMut(&mut Versions<'_>, &Change<'_>)) {
        let (parents, children) = family(self.rebuild.stored, hit);
        for table in hit.iter().copied().chain(parents).chain(children).collect::<BTreeSet<usize>>() {
            act(&mut self.tables[table], &Change { write, at, through_parent: false, is_whole: false });
        }
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
