//! What was made since the snapshot: copies, views, temporary tables, and names and columns that were changed. Each state of such a
//! relation is a query over the one before it and over the tables as they stood then, so that whoever reads it is replayed
//! like any other. It says nothing of tiers; what it cannot follow is unknown from then on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use sqlparser::ast::{
    AssignmentTarget, Delete, Expr, FromTable, Ident, Insert, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, Statement, TableAlias, TableFactor,
    Update, Value as Literal, VisitMut, VisitorMut,
};
use strandline_history::writes::{End, parse};
use strandline_history::{Carried, Definition, NewCells, Words, definitions};
use strandline_sql::lexer::tokens;

use crate::Dialect;
use crate::statement::Sent;
use crate::written::{Target, written};

/// Schema in which the states stand, by their numbers.
pub(crate) const MADE: &str = "__made";
/// States that are kept; what is made after them is unknown.
const STATES: usize = 1_000;
/// States of one relation that stand on one another; each is one query inside the next.
const LAYERS: usize = 24;
/// Scans that one state may come to: what reads a state twice doubles it.
const SCANS: usize = 256;
/// Where temporary tables stand.
const TEMPORARY: &str = "pg_temp";

/// A relation at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Is {
    /// There is none of that name.
    Gone,
    /// The snapshot's table of this full name.
    Stored(String),
    /// The state of this number.
    State(usize),
    /// It is there, and what it holds is not known.
    Unknown,
}

/// From when on a name stands for what.
#[derive(Debug)]
struct Era {
    from: i64,
    /// The connection that alone sees it; a number that no connection has, where it is not one that is asked for.
    owner: Option<u32>,
    is: Is,
}

/// A state of a relation.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) sql: String,
    /// As of which moment it was filled; a view shows its tables as they stand.
    pub(crate) as_of: Option<i64>,
    columns: Option<Vec<String>>,
    stands_on: Vec<usize>,
    layers: usize,
    /// Scans of tables in it, those of the states below it counted.
    size: usize,
    /// The relation into which a write put what it says itself.
    pub(crate) own: Option<String>,
    /// Rows may be in it that the relation did not hold, or whether it was made is not proved.
    pub(crate) is_unsure: bool,
}

/// Values that a write moved into a table of the snapshot.
#[derive(Debug)]
pub(crate) struct Flow {
    /// The moment right before the write.
    pub(crate) at: i64,
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Option<String>>,
    /// The columns that it assigned; with `None`, rows were put in.
    pub(crate) columns: Option<Vec<String>>,
    stands_on: Vec<usize>,
}

/// Relations that were made or changed since the snapshot.
#[derive(Debug, Default)]
pub(crate) struct Made {
    eras: HashMap<String, Vec<Era>>,
    pub(crate) states: Vec<State>,
    flows: HashMap<String, Vec<Flow>>,
}

/// What the snapshot has.
pub(crate) struct Snapshotted<'s> {
    pub(crate) dialect: Dialect,
    /// The database's name at the server.
    pub(crate) name: &'s str,
    pub(crate) search_path: &'s [String],
    /// The columns of a table, by its full name.
    pub(crate) columns: &'s dyn Fn(&str) -> Option<Vec<String>>,
    /// The query of a view, by its full name.
    pub(crate) view: &'s dyn Fn(&str) -> Option<String>,
    pub(crate) is_described: &'s dyn Fn(&str) -> bool,
    /// The relations whose rows a relation shows, too: what a view reads, and the parents and partitions of a table.
    pub(crate) beside: &'s Beside,
}

/// For each relation those whose rows it shows, too, by full names.
pub(crate) type Beside = BTreeMap<String, BTreeSet<String>>;

/// All relations whose rows a relation shows, but itself.
pub(crate) fn all_beside<'b>(full: &'b str, beside: &'b Beside) -> BTreeSet<&'b str> {
    let (mut seen, mut open) = (BTreeSet::from([full]), vec![full]);
    while let Some(next) = open.pop() {
        open.extend(beside.get(next).into_iter().flatten().map(String::as_str).filter(|other| seen.insert(other)));
    }
    seen.remove(full);
    seen
}

/// A statement with its names replaced by those of states.
pub(crate) struct Rewritten {
    pub(crate) sql: String,
    /// Names of relations that are there, and of which nobody knows what they hold.
    pub(crate) unknown: BTreeSet<String>,
    pub(crate) is_unsure: bool,
    used: BTreeSet<usize>,
}

/// Who looks, and when.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) at: i64,
    pub(crate) owner: Option<u32>,
}

impl Made {
    /// Whether every name still stands for what the snapshot has.
    pub(crate) fn is_empty(&self) -> bool {
        self.eras.is_empty()
    }

    /// Values that were moved into a table before a moment.
    pub(crate) fn flows(&self, full_name: &str, at: i64) -> impl Iterator<Item = &Flow> {
        self.flows.get(full_name).into_iter().flatten().filter(move |flow| flow.at < at)
    }

    fn era(&self, full: &str, look: Look) -> Option<&Is> {
        let sees = |era: &&Era| era.from <= look.at && (era.owner.is_none() || era.owner == look.owner);
        self.eras.get(full)?.iter().rev().find(sees).map(|era| &era.is)
    }

    /// What a name stands for, with its full name. Where all that it could mean is gone, that is said.
    fn find(&self, parts: &[String], look: Look, of: &Snapshotted<'_>) -> Option<(String, Is)> {
        let stored = |full: &str| (of.columns)(full).is_some() || (of.view)(full).is_some();
        let here = |full: String| Some((self.era(&full, look).cloned().or_else(|| stored(&full).then(|| Is::Stored(full.clone())))?, full));
        let in_schema = |schema: &str, name: &str| {
            let exact = here(format!("{schema}.{name}"));
            if of.dialect == Dialect::MySql { exact.or_else(|| here(format!("{}.{}", schema.to_lowercase(), name.to_lowercase()))) } else { exact }
        };
        let schemas: Vec<&str> = match parts {
            [_] => std::iter::once(TEMPORARY).chain(of.search_path.iter().map(String::as_str)).collect(),
            [.., schema, _] if of.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(of.name) => {
                std::iter::once(TEMPORARY).chain([schema.as_str()]).chain(of.search_path.iter().map(String::as_str)).collect()
            }
            [.., schema, _] => vec![schema.as_str()],
            [] => return None,
        };
        let name = parts.last()?;
        let mut found: Vec<(Is, String)> = schemas.into_iter().filter_map(|schema| in_schema(schema, name)).collect();
        let at = found.iter().position(|(is, _)| *is != Is::Gone).or(if found.is_empty() { None } else { Some(0) })?;
        let (is, full) = found.swap_remove(at);
        Some((full, is))
    }

    /// Whether a relation of the name that a statement uses is gone, so that the name means another one.
    fn is_beside_gone(&self, parts: &[String], look: Look, of: &Snapshotted<'_>) -> bool {
        let [name] = parts else { return false };
        of.search_path.iter().any(|schema| self.era(&format!("{schema}.{name}"), look) == Some(&Is::Gone))
    }

    /// A statement with the names that it uses replaced by those of what they stood for. `None`: it names nothing of the kind, or
    /// cannot be parsed.
    pub(crate) fn rewrite(&self, sql: &str, look: Look, of: &Snapshotted<'_>) -> Option<Rewritten> {
        let mut statement = parse(sql, of.dialect)?;
        let mut renamer = Renamer::new(self, look, of);
        let _done: ControlFlow<()> = statement.visit(&mut renamer);
        let is_unsure = renamer.used.iter().any(|state| self.states[*state].is_unsure);
        (renamer.replaced || !renamer.unknown.is_empty()).then(|| Rewritten {
            sql: statement.to_string(),
            unknown: renamer.unknown,
            is_unsure,
            used: renamer.used,
        })
    }

    /// The states that statements with these words may read, and those that they stand on.
    pub(crate) fn needed(&self, words: &Words) -> BTreeSet<usize> {
        let mut open: Vec<usize> = self.flows.values().flatten().flat_map(|flow| flow.stands_on.iter().copied()).collect();
        for (full, eras) in &self.eras {
            if words.may_name(full.rsplit('.').next().unwrap_or(full)) {
                open.extend(eras.iter().filter_map(|era| if let Is::State(at) = era.is { Some(at) } else { None }));
            }
        }
        let mut needed = BTreeSet::new();
        while let Some(at) = open.pop() {
            if needed.insert(at) {
                open.extend(&self.states[at].stands_on);
            }
        }
        needed
    }
}

/// Replaces names by those of states.
struct Renamer<'r> {
    made: &'r Made,
    look: Look,
    of: &'r Snapshotted<'r>,
    /// The names that each WITH around gives, and how many of them can be seen where the visit stands.
    given: Vec<(Vec<String>, usize)>,
    /// The queries of WITH that are still to come: in which of these they stand, and how many of its names they see.
    bodies: HashMap<usize, (usize, usize)>,
    used: BTreeSet<usize>,
    /// The states that it reads, each as often as it does.
    reads: Vec<usize>,
    unknown: BTreeSet<String>,
    replaced: bool,
}

impl<'r> Renamer<'r> {
    fn new(made: &'r Made, look: Look, of: &'r Snapshotted<'r>) -> Self {
        Self { made, look, of, given: Vec::new(), bodies: HashMap::new(), used: BTreeSet::new(), reads: Vec::new(), unknown: BTreeSet::new(), replaced: false }
    }

    fn is_given(&self, parts: &[String]) -> bool {
        let [name] = parts else { return false };
        let same = |known: &String| if self.of.dialect == Dialect::MySql { known.eq_ignore_ascii_case(name) } else { known == name };
        self.given.iter().any(|(names, seen)| names.iter().take(*seen).any(same))
    }

    /// Whether a relation whose rows this one shows holds others now than the snapshot has.
    fn is_filled_beside(&self, full: &str) -> bool {
        let changed = |other: &&str| matches!(self.made.era(other, self.look), Some(Is::State(_) | Is::Unknown));
        all_beside(full, self.of.beside).iter().any(changed)
    }

    /// The name of what a relation stands for now, if it has another one.
    fn other_name(&mut self, name: &ObjectName) -> Option<ObjectName> {
        let parts = strandline_sql::parts(name, self.of.dialect);
        if let [schema, number] = parts.as_slice()
            && schema == MADE
        {
            if let Some(at) = number.parse().ok().filter(|at| *at < self.made.states.len()) {
                self.used.insert(at);
                self.reads.push(at);
            }
            return None;
        }
        if self.is_given(&parts) {
            return None;
        }
        match self.made.find(&parts, self.look, self.of)? {
            (_, Is::State(at)) => {
                self.used.insert(at);
                self.reads.push(at);
                Some(in_quotes(&[MADE, &at.to_string()], self.of.dialect))
            }
            (full, Is::Stored(other)) if full != other || self.made.is_beside_gone(&parts, self.look, self.of) => {
                let (schema, name) = other.split_once('.')?;
                Some(in_quotes(&[schema, name], self.of.dialect))
            }
            // Its rows in the snapshot are not all: others were put into a table that it reads, or that is a part of it.
            (full, Is::Stored(_)) if self.is_filled_beside(&full) => {
                self.unknown.insert(full);
                None
            }
            (_, Is::Stored(_)) => None,
            (full, Is::Unknown | Is::Gone) => {
                self.unknown.insert(full);
                None
            }
        }
    }
}

/// Where a node of the tree stands, to know it again when the visit comes to it.
fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node).addr()
}

fn in_quotes(parts: &[&str], dialect: Dialect) -> ObjectName {
    let mark = if dialect == Dialect::MySql { '`' } else { '"' };
    ObjectName(parts.iter().map(|part| ObjectNamePart::Identifier(Ident::with_quote(mark, *part))).collect())
}

impl VisitorMut for Renamer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some((scope, seen)) = self.bodies.get(&address(query)).copied()
            && let Some((_, now)) = self.given.get_mut(scope)
        {
            *now = seen;
        }
        let mut names = Vec::new();
        if let Some(with) = &query.with {
            names = with.cte_tables.iter().map(|table| fold(&table.alias.name, self.of.dialect)).collect();
            for (at, table) in with.cte_tables.iter().enumerate() {
                let seen = if with.recursive { names.len() } else { at };
                self.bodies.insert(address(table.query.as_ref()), (self.given.len(), seen));
            }
        }
        let seen = names.len();
        self.given.push((names, seen));
        if let SetExpr::Table(table) = query.body.as_ref() {
            let name = [table.schema_name.as_deref(), table.table_name.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(".");
            if let Some(Statement::Query(inner)) = parse(&format!("SELECT * FROM {name}"), self.of.dialect) {
                query.body = inner.body;
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.given.pop();
        if let Some((scope, _)) = self.bodies.remove(&address(query))
            && let Some((names, seen)) = self.given.get_mut(scope)
        {
            *seen = names.len();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return ControlFlow::Continue(()) };
        if let Some(other) = self.other_name(name) {
            let last = name.0.last().and_then(ObjectNamePart::as_ident).cloned();
            if let (None, Some(last)) = (&alias, last) {
                *alias = Some(TableAlias { explicit: true, name: last, columns: Vec::new(), at: None });
            }
            *name = other;
            self.replaced = true;
        }
        ControlFlow::Continue(())
    }
}

/// Follows what the log made, in its order.
pub(crate) struct Maker<'m> {
    of: &'m Snapshotted<'m>,
    made: Made,
    /// Queries of materialised views, by full name.
    recipes: HashMap<String, String>,
    /// The moment of the snapshot.
    snapshot: i64,
}

/// A relation that a write changes.
struct Changed<'c> {
    full: String,
    is: Is,
    carried: &'c Carried,
}

impl<'m> Maker<'m> {
    pub(crate) fn new(of: &'m Snapshotted<'m>, recipes: HashMap<String, String>) -> Self {
        Self { of, made: Made::default(), recipes, snapshot: i64::MIN }
    }

    /// What came of all writes that may have moved values or made relations, in the order of their moments; the snapshot is of a moment
    /// among them.
    pub(crate) fn make(mut self, all: &[Carried], snapshot: i64) -> Made {
        self.snapshot = snapshot;
        self.name_before(&all[..all.partition_point(|carried| carried.at < snapshot)]);
        all.iter().for_each(|carried| self.take(carried));
        self.made
    }

    /// Names that the snapshot no longer has: which of its relations had another one before, and until when. From the last change back.
    fn name_before(&mut self, before: &[Carried]) {
        let mut now: BTreeMap<String, Is> = BTreeMap::new();
        for carried in before.iter().rev().filter(|carried| !matches!(carried.end, End::Undone(_))) {
            for definition in definitions(&carried.statement, self.of.dialect).into_iter().flatten().rev() {
                let (name, to) = match definition {
                    Definition::Rename { name, to } => (name, to),
                    Definition::Move { name, schema } => {
                        let to = [Some(schema), name.last().cloned()].into_iter().flatten().collect();
                        (name, to)
                    }
                    _ => continue,
                };
                let is = |full: &str| now.get(full).cloned().or_else(|| self.is_stored(full).then(|| Is::Stored(full.to_owned())));
                let (old, new) = self.renamed(&name, &to, &|full| is(full).is_some_and(|is| is != Is::Gone));
                let (was, beside) = (is(&new).unwrap_or(Is::Unknown), is(&old).unwrap_or(Is::Gone));
                let (was, beside) = if carried.end == End::Committed { (was, beside) } else { (Is::Unknown, Is::Unknown) };
                self.begin(&new, was.clone(), carried);
                self.begin(&old, beside, carried);
                now.insert(new, Is::Gone);
                now.insert(old, was);
            }
        }
        for (full, is) in now {
            self.made.eras.entry(full).or_default().insert(0, Era { from: i64::MIN, owner: None, is });
        }
    }

    fn is_stored(&self, full: &str) -> bool {
        (self.of.columns)(full).is_some() || (self.of.view)(full).is_some()
    }

    /// The full names of a relation before and after it got another one; afterwards it is there.
    fn renamed(&self, name: &[String], to: &[String], is_there: &dyn Fn(&str) -> bool) -> (String, String) {
        let lower = |part: &str| if self.of.dialect == Dialect::MySql { part.to_lowercase() } else { part.to_owned() };
        let last = |parts: &[String]| parts.last().map(|part| lower(part)).unwrap_or_default();
        let own = || self.of.search_path.first().map_or("public", String::as_str);
        let of = |parts: &[String]| match parts {
            [.., schema, _] if self.of.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(self.of.name) => Some(own().to_owned()),
            [.., schema, _] => Some(lower(schema)),
            _ => None,
        };
        let (bare, new) = (last(name), last(to));
        let found = || self.of.search_path.iter().find(|schema| is_there(&format!("{schema}.{new}"))).cloned();
        let schema = of(name).or_else(|| if to.len() > 1 { None } else { found() }).unwrap_or_else(|| own().to_owned());
        let into = of(to).unwrap_or_else(|| schema.clone());
        (format!("{schema}.{bare}"), format!("{into}.{new}"))
    }

    /// Whether the snapshot has what a definition of before it made: described, so that its rows are followed there.
    fn is_in_snapshot(&self, full: &str, carried: &Carried) -> bool {
        let is = || self.made.era(full, Look { at: carried.at, owner: carried.owner }).cloned();
        carried.at < self.snapshot && (self.of.is_described)(full) && is().is_none_or(|is| is == Is::Stored(full.to_owned()))
    }

    fn take(&mut self, carried: &Carried) {
        let dialect = self.of.dialect;
        if let Some(all) = definitions(&carried.statement, dialect) {
            return all.iter().for_each(|definition| self.define(definition, carried));
        }
        let Some(mut statement) = parse(&carried.statement, dialect) else { return self.not_read(carried) };
        let all_known = bind(&mut statement, carried.parameters.as_deref());
        let Some(names) = changed(&statement, dialect) else { return self.not_read(carried) };
        let look = Look { at: carried.at, owner: carried.owner };
        let hit: Vec<(String, Is)> = names.iter().filter_map(|name| self.found(&strandline_sql::parts(name, dialect), look)).collect();
        let is_alone = hit.len() == 1 && names.len() == 1;
        let moves_none = matches!(statement, Statement::Truncate(_) | Statement::Copy { .. } | Statement::LoadData { .. });
        let may_move = !moves_none && self.moved(carried).is_none_or(|moved| !moved.is_empty());
        for (full, is) in hit {
            self.flow(&is, assigned_columns(&statement, dialect), carried);
            let change = Changed { full, is, carried };
            match &change.is {
                Is::Stored(stored) if (self.of.is_described)(stored) || !may_move => {}
                // Which rows it put in, changed or took out hangs on values that no log has, or on other tables that it changes.
                Is::State(_) | Is::Stored(_) if !all_known || !is_alone => self.begin(&change.full, Is::Unknown, carried),
                Is::State(_) | Is::Stored(_) => self.layer(&change, &statement),
                Is::Gone | Is::Unknown => {}
            }
        }
    }

    /// What a name stands for, if it is there.
    fn found(&self, parts: &[String], look: Look) -> Option<(String, Is)> {
        self.made.find(parts, look, self.of).filter(|(_, is)| *is != Is::Gone)
    }

    /// A write that is not understood: what it names and may hold values of others is unknown from then on.
    fn not_read(&mut self, carried: &Carried) {
        let look = Look { at: carried.at, owner: carried.owner };
        let all = tokens(&carried.statement, self.of.dialect);
        let is = |words: &[&str]| all.first().is_some_and(|first| words.iter().any(|word| first.is(word)));
        let has_query = || all.iter().any(|token| ["select", "table", "with"].iter().any(|word| token.is(word)));
        let may_move = is(&["update", "merge", "with"]) || is(&["insert", "replace"]) && has_query();
        for parts in strandline_history::writes::mentions(&carried.statement, self.of.dialect) {
            match self.found(&parts, look) {
                Some((full, Is::State(_))) => self.begin(&full, Is::Unknown, carried),
                Some((full, Is::Stored(stored))) if may_move && !(self.of.is_described)(&stored) => self.begin(&full, Is::Unknown, carried),
                _ => {}
            }
        }
    }

    /// Values that a write moves into a table.
    fn flow(&mut self, is: &Is, columns: Option<Vec<String>>, carried: &Carried) {
        let Is::Stored(stored) = is else { return };
        for (sql, stands_on) in self.moved(carried).unwrap_or_default() {
            let parameters = carried.parameters.as_deref().unwrap_or_default().to_vec();
            let flow = Flow { at: carried.at.saturating_sub(1), sql, parameters, columns: columns.clone(), stands_on };
            self.made.flows.entry(stored.clone()).or_default().push(flow);
        }
    }

    /// The queries whose values a write moves, and the states that they read; `None`, where that cannot be told.
    fn moved(&self, carried: &Carried) -> Option<Vec<(String, Vec<usize>)>> {
        let find = |name: &ObjectName| {
            let parts = strandline_sql::parts(name, self.of.dialect);
            let (full_name, is) = self.made.find(&parts, Look { at: carried.at, owner: carried.owner }, self.of)?;
            let Is::Stored(stored) = is else { return None };
            Some(Target { full_name, columns: (self.of.columns)(&stored)? })
        };
        let pieces = written(&carried.statement, self.of.dialect, &find)?;
        let look = Look { at: carried.at.saturating_sub(1), owner: carried.owner };
        let named = |sql: String| match self.made.rewrite(&sql, look, self.of) {
            Some(rewritten) => (rewritten.sql, rewritten.used.into_iter().collect()),
            None => (sql, Vec::new()),
        };
        Some(pieces.into_iter().filter(|piece| piece.sent == Sent::ToServer).map(|piece| named(piece.sql)).collect())
    }

    fn begin(&mut self, full: &str, is: Is, carried: &Carried) {
        let owner = full.starts_with("pg_temp.").then(|| carried.owner.unwrap_or(u32::MAX));
        let is = if matches!(carried.end, End::Undone(_)) { Is::Unknown } else { is };
        let eras = self.made.eras.entry(full.to_owned()).or_default();
        let at = eras.partition_point(|era| era.from <= carried.at);
        eras.insert(at, Era { from: carried.at, owner, is });
    }

    /// Keeps a state; its names are those of now.
    fn state(&mut self, sql: &str, as_of: Option<i64>, columns: Option<Vec<String>>, carried: &Carried) -> Is {
        let look = Look { at: carried.at, owner: carried.owner };
        // What is made by `EXECUTE p` is no query of its own.
        let Some(mut statement) = parse(sql, self.of.dialect).filter(|statement| matches!(statement, Statement::Query(_))) else { return Is::Unknown };
        let mut renamer = Renamer::new(&self.made, look, self.of);
        let _done: ControlFlow<()> = statement.visit(&mut renamer);
        let (used, unknown, reads) = (renamer.used, renamer.unknown, renamer.reads);
        if !unknown.is_empty() || self.made.states.len() >= STATES {
            return Is::Unknown;
        }
        let below = used.iter().map(|at| &self.made.states[*at]);
        let layers = below.clone().map(|state| state.layers).max().map_or(0, |layers| layers + 1);
        let is_unsure = carried.end == End::Unsure || below.clone().any(|state| state.is_unsure);
        // Each use of a state below is one more scan of all that it reads.
        let size = reads.iter().fold(1_usize, |size, at| size.saturating_add(self.made.states[*at].size));
        if layers > LAYERS || size > SCANS {
            return Is::Unknown;
        }
        let columns = columns.or_else(|| self.columns_of(&statement, look));
        self.made.states.push(State { sql: statement.to_string(), as_of, columns, stands_on: used.into_iter().collect(), layers, size, own: None, is_unsure });
        Is::State(self.made.states.len() - 1)
    }

    fn columns(&self, is: &Is) -> Option<Vec<String>> {
        match is {
            Is::State(at) => self.made.states[*at].columns.clone(),
            Is::Stored(full) => (self.of.columns)(full),
            Is::Gone | Is::Unknown => None,
        }
    }

    /// The names of a query's columns, where its list tells them.
    fn columns_of(&self, statement: &Statement, look: Look) -> Option<Vec<String>> {
        let Statement::Query(query) = statement else { return None };
        let mut body = query.body.as_ref();
        while let SetExpr::SetOperation { left, .. } = body {
            body = left;
        }
        let SetExpr::Select(select) = body else { return None };
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(Expr::Identifier(ident)) => columns.push(fold(ident, self.of.dialect)),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => columns.push(fold(parts.last()?, self.of.dialect)),
                SelectItem::ExprWithAlias { alias, .. } => columns.push(fold(alias, self.of.dialect)),
                SelectItem::Wildcard(_) if select.from.len() == 1 && select.from[0].joins.is_empty() => {
                    let TableFactor::Table { name, .. } = &select.from[0].relation else { return None };
                    let parts = strandline_sql::parts(name, self.of.dialect);
                    let of_state = if let [schema, number] = parts.as_slice() { (schema == MADE).then(|| number.parse().ok()).flatten() } else { None };
                    let is = of_state.map(Is::State).or_else(|| self.made.find(&parts, look, self.of).map(|(_, is)| is))?;
                    columns.extend(self.columns(&is)?);
                }
                _ => return None,
            }
        }
        Some(columns)
    }

    /// The name in SQL of what a relation is.
    fn reference(&self, is: &Is) -> Option<String> {
        match is {
            Is::State(at) => Some(in_quotes(&[MADE, &at.to_string()], self.of.dialect).to_string()),
            Is::Stored(full) => full.split_once('.').map(|(schema, name)| in_quotes(&[schema, name], self.of.dialect).to_string()),
            Is::Gone | Is::Unknown => None,
        }
    }

    fn quoted(&self, name: &str) -> String {
        Ident::with_quote(if self.of.dialect == Dialect::MySql { '`' } else { '"' }, name).to_string()
    }

    fn define(&mut self, definition: &Definition, carried: &Carried) {
        let look = Look { at: carried.at, owner: carried.owner };
        let find = |maker: &Self, name: &[String]| maker.found(name, look);
        match definition {
            Definition::Copy { name, columns, query } => {
                let full = self.new_name(name, carried);
                if self.is_in_snapshot(&full, carried) {
                    return;
                }
                let is = self.state(&with_columns(query, columns, self.of.dialect), Some(carried.at.saturating_sub(1)), not_empty(columns), carried);
                self.begin(&full, is, carried);
            }
            Definition::View { name, columns, query, materialised } => {
                let full = self.new_name(name, carried);
                let query = with_columns(query, columns, self.of.dialect);
                let is = self.state(&query, materialised.then_some(carried.at), not_empty(columns), carried);
                if *materialised {
                    self.recipes.insert(full.clone(), query);
                }
                self.begin(&full, is, carried);
            }
            Definition::Refresh { name } => {
                let Some((full, _)) = find(self, name) else { return };
                let is = match self.recipes.get(&full).cloned() {
                    Some(query) => self.state(&query, Some(carried.at), None, carried),
                    None => Is::Unknown,
                };
                self.begin(&full, is, carried);
            }
            Definition::Table { name } => self.table(name, carried),
            // What names meant before the snapshot is told from it back.
            Definition::Rename { .. } | Definition::Move { .. } if carried.at < self.snapshot => {}
            Definition::Rename { name, to } => {
                let Some((full, is)) = find(self, name) else { return };
                let schema = full.split_once('.').map_or("", |(schema, _)| schema);
                let to = match to.as_slice() {
                    [one] => format!("{schema}.{one}"),
                    [.., schema, one] => format!("{schema}.{one}"),
                    [] => return,
                };
                self.rename(&full, &to, is, carried);
            }
            Definition::Move { name, schema } => {
                let Some((full, is)) = find(self, name) else { return };
                let Some((_, bare)) = full.split_once('.') else { return };
                let to = format!("{schema}.{bare}");
                self.rename(&full, &to, is, carried);
            }
            Definition::Drop { names } => {
                for name in names {
                    if let Some((full, _)) = find(self, name) {
                        self.begin(&full, Is::Gone, carried);
                    }
                }
            }
            Definition::RenameColumn { name, column, to } => {
                self.alter(name, carried, |own| if own == column { Some(to.clone()) } else { Some(own.to_owned()) })
            }
            Definition::DropColumn { name, column } => self.alter(name, carried, |own| (own != column).then(|| own.to_owned())),
            Definition::AddColumn { name, column, default, .. } => self.add(name, column, default, carried),
            Definition::Changed { name } => {
                if let Some((full, Is::State(_))) = find(self, name) {
                    self.begin(&full, Is::Unknown, carried);
                }
            }
        }
    }

    /// A relation has another name from now on; a materialised view is filled by the same query.
    fn rename(&mut self, full: &str, to: &str, is: Is, carried: &Carried) {
        if let Some(query) = self.recipes.get(full).cloned() {
            self.recipes.insert(to.to_owned(), query);
        }
        self.begin(full, Is::Gone, carried);
        self.begin(to, is, carried);
    }

    /// The full name that a definition gives.
    fn new_name(&self, name: &[String], carried: &Carried) -> String {
        let temporary = strandline_history::is_temporary(&carried.statement);
        let lower = |part: &String| if self.of.dialect == Dialect::MySql { part.to_lowercase() } else { part.clone() };
        let own = self.of.search_path.first().map_or("public", String::as_str);
        match name {
            [.., one] if temporary => format!("{TEMPORARY}.{}", lower(one)),
            [one] => format!("{own}.{}", lower(one)),
            [.., schema, one] if self.of.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(self.of.name) => format!("{own}.{}", lower(one)),
            [.., schema, one] => format!("{}.{}", lower(schema), lower(one)),
            [] => String::new(),
        }
    }

    /// `CREATE TABLE` with columns of its own: it holds nothing yet.
    fn table(&mut self, name: &[String], carried: &Carried) {
        let full = self.new_name(name, carried);
        if self.is_in_snapshot(&full, carried) {
            return;
        }
        let Some(Statement::CreateTable(table)) = parse(&carried.statement, self.of.dialect) else { return self.begin(&full, Is::Unknown, carried) };
        let is_there = table.if_not_exists && self.found(name, Look { at: carried.at, owner: carried.owner }).is_some();
        if is_there {
            return;
        }
        let columns: Vec<String> = table.columns.iter().map(|column| fold(&column.name, self.of.dialect)).collect();
        if columns.is_empty() || table.inherits.is_some() || table.like.is_some() || table.clone.is_some() || table.query.is_some() {
            return self.begin(&full, Is::Unknown, carried);
        }
        let list: Vec<String> = columns.iter().map(|column| format!("NULL AS {}", self.quoted(column))).collect();
        let is = self.state(&format!("SELECT {} WHERE false", list.join(", ")), Some(carried.at), Some(columns), carried);
        self.begin(&full, is, carried);
    }

    /// The same relation with other columns: `None` of a column is gone.
    fn alter(&mut self, name: &[String], carried: &Carried, of: impl Fn(&str) -> Option<String>) {
        let Some((full, is)) = self.found(name, Look { at: carried.at, owner: carried.owner }) else { return };
        let (Some(columns), Some(reference)) = (self.columns(&is), self.reference(&is)) else { return self.begin(&full, Is::Unknown, carried) };
        // The snapshot has what was changed before it.
        if columns.iter().all(|own| of(own).as_ref() == Some(own)) {
            return;
        }
        let kept: Vec<(String, String)> = columns.into_iter().filter_map(|own| of(&own).map(|new| (own, new))).collect();
        let list: Vec<String> = kept.iter().map(|(own, new)| format!("{} AS {}", self.quoted(own), self.quoted(new))).collect();
        let sql = format!("SELECT {} FROM {reference}", list.join(", "));
        let is = self.state(&sql, None, Some(kept.into_iter().map(|(_, new)| new).collect()), carried);
        self.begin(&full, is, carried);
    }

    fn add(&mut self, name: &[String], column: &str, default: &NewCells, carried: &Carried) {
        let Some((full, is)) = self.found(name, Look { at: carried.at, owner: carried.owner }) else { return };
        let (Some(mut columns), Some(reference)) = (self.columns(&is), self.reference(&is)) else { return self.begin(&full, Is::Unknown, carried) };
        // The snapshot has what was added before it.
        let is_same = |own: &String| if self.of.dialect == Dialect::MySql { own.eq_ignore_ascii_case(column) } else { own == column };
        if columns.iter().any(is_same) {
            return;
        }
        let value = match default {
            NewCells::Constant(text) => Literal::SingleQuotedString(text.clone()).to_string(),
            NewCells::Null | NewCells::Unknown => "NULL".to_owned(),
        };
        let mut list: Vec<String> = columns.iter().map(|own| self.quoted(own)).collect();
        list.push(format!("{value} AS {}", self.quoted(column)));
        columns.push(column.to_owned());
        let is = self.state(&format!("SELECT {} FROM {reference}", list.join(", ")), None, Some(columns), carried);
        self.begin(&full, is, carried);
    }

    /// The next state of a relation that a write changed.
    fn layer(&mut self, change: &Changed<'_>, statement: &Statement) {
        let next = match statement {
            Statement::Insert(insert) => self.inserted(change, insert),
            Statement::Update(update) => self.updated(change, update),
            Statement::Delete(delete) => self.deleted(change, delete),
            Statement::Truncate(_) => self.reference(&change.is).map(|from| (format!("SELECT * FROM {from} WHERE false"), false)),
            _ => None,
        };
        let Some((sql, is_unsure)) = next else { return self.begin(&change.full, Is::Unknown, change.carried) };
        let columns = self.columns(&change.is);
        let is = self.state(&sql, Some(change.carried.at.saturating_sub(1)), columns, change.carried);
        if let Is::State(at) = is {
            self.made.states[at].is_unsure |= is_unsure;
            self.made.states[at].own = says_itself(statement).then(|| change.full.clone());
        }
        self.begin(&change.full, is, change.carried);
    }

    fn inserted(&self, change: &Changed<'_>, insert: &Insert) -> Option<(String, bool)> {
        let before = self.reference(&change.is)?;
        let is_unsure = insert.ignore || insert.on.is_some() || insert.replace_into;
        let no_default = |expr: &Expr| {
            if matches!(expr, Expr::Identifier(word) if word.value.eq_ignore_ascii_case("default")) { "NULL".to_owned() } else { expr.to_string() }
        };
        let (rows, listed): (Vec<String>, Vec<String>) = if insert.assignments.is_empty() {
            let source = insert.source.as_ref()?;
            let rows = match source.body.as_ref() {
                SetExpr::Values(values) if source.with.is_none() => {
                    values.rows.iter().map(|row| format!("SELECT {}", row.content.iter().map(no_default).collect::<Vec<_>>().join(", "))).collect()
                }
                _ => vec![source.to_string()],
            };
            (rows, insert.columns.iter().map(|name| strandline_sql::parts(name, self.of.dialect).pop()).collect::<Option<_>>()?)
        } else {
            let names = insert
                .assignments
                .iter()
                .map(|a| if let AssignmentTarget::ColumnName(name) = &a.target { strandline_sql::parts(name, self.of.dialect).pop() } else { None });
            (vec![format!("SELECT {}", insert.assignments.iter().map(|a| no_default(&a.value)).collect::<Vec<_>>().join(", "))], names.collect::<Option<_>>()?)
        };
        if rows.is_empty() || rows.len() > STATES {
            return None;
        }
        let given = if listed.is_empty() { None } else { Some((self.columns(&change.is)?, listed)) };
        let row = |row: &String| match &given {
            None => format!(" UNION ALL SELECT * FROM ({row}) AS r"),
            Some((columns, listed)) => {
                let names: Vec<String> = listed.iter().map(|name| self.quoted(name)).collect();
                let has = |column: &String| listed.iter().any(|name| name.eq_ignore_ascii_case(column));
                let cell = |column: &String| if has(column) { format!("r.{}", self.quoted(column)) } else { "NULL".to_owned() };
                format!(" UNION ALL SELECT {} FROM ({row}) AS r ({})", columns.iter().map(cell).collect::<Vec<_>>().join(", "), names.join(", "))
            }
        };
        Some((format!("SELECT * FROM {before}{}", rows.iter().map(row).collect::<String>()), is_unsure))
    }

    fn updated(&self, change: &Changed<'_>, update: &Update) -> Option<(String, bool)> {
        let (before, columns) = (self.reference(&change.is)?, self.columns(&change.is)?);
        let TableFactor::Table { name, alias, .. } = &update.table.relation else { return None };
        if update.from.is_some() || !update.table.joins.is_empty() || update.limit.is_some() {
            return None;
        }
        let alias = alias.as_ref().map(|alias| alias.name.clone()).or_else(|| name.0.last()?.as_ident().cloned())?;
        let mut assigned: HashMap<String, String> = HashMap::new();
        for assignment in &update.assignments {
            let AssignmentTarget::ColumnName(name) = &assignment.target else { return None };
            assigned.insert(strandline_sql::parts(name, self.of.dialect).pop()?.to_lowercase(), assignment.value.to_string());
        }
        let list: Vec<String> = columns
            .iter()
            .map(|column| {
                let own = self.quoted(column);
                match (assigned.remove(&column.to_lowercase()), &update.selection) {
                    (None, _) => own,
                    (Some(value), None) => format!("{value} AS {own}"),
                    (Some(value), Some(condition)) => format!("CASE WHEN {condition} THEN {value} ELSE {alias}.{own} END AS {own}"),
                }
            })
            .collect();
        assigned.is_empty().then(|| (format!("SELECT {} FROM {before} AS {alias}", list.join(", ")), false))
    }

    fn deleted(&self, change: &Changed<'_>, delete: &Delete) -> Option<(String, bool)> {
        let before = self.reference(&change.is)?;
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = tables.as_slice() else { return None };
        let TableFactor::Table { name, alias, .. } = &table.relation else { return None };
        let alias = alias.as_ref().map(|alias| alias.name.clone()).or_else(|| name.0.last()?.as_ident().cloned())?;
        // Which rows another table or a LIMIT chose: all of them may still be there.
        if delete.using.is_some() || delete.limit.is_some() || !table.joins.is_empty() {
            return Some((format!("SELECT * FROM {before}"), true));
        }
        let kept = delete.selection.as_ref().map_or("false".to_owned(), |condition| format!("({condition}) IS NOT TRUE"));
        Some((format!("SELECT * FROM {before} AS {alias} WHERE {kept}"), false))
    }
}

fn fold(ident: &Ident, dialect: Dialect) -> String {
    if ident.quote_style.is_none() && dialect == Dialect::PostgreSql { ident.value.to_lowercase() } else { ident.value.clone() }
}

fn not_empty(columns: &[String]) -> Option<Vec<String>> {
    (!columns.is_empty()).then(|| columns.to_vec())
}

/// A query with other names for its columns.
fn with_columns(query: &str, columns: &[String], dialect: Dialect) -> String {
    let query = match query.get(..5) {
        Some(word) if word.eq_ignore_ascii_case("table") && query[5..].starts_with(char::is_whitespace) => format!("SELECT * FROM {}", query[5..].trim_start()),
        _ => query.to_owned(),
    };
    if columns.is_empty() {
        return query;
    }
    let mark = if dialect == Dialect::MySql { '`' } else { '"' };
    let names: Vec<String> = columns.iter().map(|column| Ident::with_quote(mark, column).to_string()).collect();
    format!("SELECT * FROM ({query}) AS q ({})", names.join(", "))
}

/// The relations that a write may change; `None`, where that is whatever it mentions.
fn changed(statement: &Statement, dialect: Dialect) -> Option<Vec<ObjectName>> {
    let names = strandline_history::changed(statement)?;
    let Statement::Update(update) = statement else { return Some(names) };
    // Of several tables of MySQL, only those are changed whose columns are assigned, where all of these are told with their tables.
    let mut assigned = Vec::new();
    for assignment in &update.assignments {
        let AssignmentTarget::ColumnName(column) = &assignment.target else { return Some(names) };
        match strandline_sql::parts(column, dialect).as_slice() {
            [.., table, _] => assigned.push(table.clone()),
            _ => return Some(names),
        }
    }
    let factors = std::iter::once(&update.table.relation).chain(update.table.joins.iter().map(|join| &join.relation));
    let is_assigned = |factor: &&TableFactor| match factor {
        TableFactor::Table { name, alias, .. } => {
            let called = alias.as_ref().map(|alias| alias.name.value.clone()).or_else(|| strandline_sql::parts(name, dialect).pop());
            called.is_some_and(|called| assigned.contains(&called))
        }
        _ => false,
    };
    let hit: Vec<ObjectName> =
        factors.filter(is_assigned).filter_map(|f| if let TableFactor::Table { name, .. } = f { Some(name.clone()) } else { None }).collect();
    Some(if hit.is_empty() { names } else { hit })
}

/// Whether a write may put in what it says itself.
fn says_itself(statement: &Statement) -> bool {
    match statement {
        Statement::Insert(insert) => insert.source.as_ref().is_none_or(|source| matches!(source.body.as_ref(), SetExpr::Values(_))),
        Statement::Update(_) => true,
        _ => false,
    }
}

/// The columns that an UPDATE assigns.
fn assigned_columns(statement: &Statement, dialect: Dialect) -> Option<Vec<String>> {
    let Statement::Update(update) = statement else { return None };
    let one = |assignment: &sqlparser::ast::Assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => strandline_sql::parts(name, dialect).pop(),
        AssignmentTarget::Tuple(_) => None,
    };
    update.assignments.iter().map(one).collect()
}

/// Puts the values of a write in place of its placeholders; whether all of them are known. What is not becomes NULL.
fn bind(statement: &mut Statement, parameters: Option<&[Option<String>]>) -> bool {
    let (mut next, mut all_known) = (0, true);
    let _done: ControlFlow<()> = sqlparser::ast::visit_expressions_mut(statement, |expr| {
        if let Expr::Value(value) = expr
            && let Literal::Placeholder(name) = &value.value
        {
            let at = name.trim_start_matches(['$', ':']).parse::<usize>().ok().and_then(|n| n.checked_sub(1)).unwrap_or(next);
            next += 1;
            let known = parameters.and_then(|all| all.get(at));
            all_known &= known.is_some();
            value.value = match known {
                Some(Some(text)) => Literal::SingleQuotedString(text.clone()),
                Some(None) | None => Literal::Null,
            };
        }
        ControlFlow::Continue(())
    });
    all_known
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading `sql` comes to after these writes: the statement with its names replaced, and the states that it stands on.
    fn read_in(dialect: Dialect, log: &[&str], sql: &str) -> String {
        read_at(dialect, log, sql, (i64::MIN, 1_000))
    }

    /// The same, of a snapshot of a moment, read at another; the writes are of the moments 10, 20 …
    fn read_at(dialect: Dialect, log: &[&str], sql: &str, (snapshot, at): (i64, i64)) -> String {
        let tables =
            [("hr.p", vec!["no", "name", "phone"]), ("hr.lunch", vec!["no", "dish"]), ("hr.part", vec!["no", "dish"]), ("public.p", vec!["no", "name"])];
        let columns = |full: &str| tables.iter().find(|(name, _)| *name == full).map(|(_, columns)| columns.iter().map(|c| (*c).to_owned()).collect());
        let of = Snapshotted {
            dialect,
            name: "shop",
            search_path: &["hr".to_owned(), "public".to_owned()],
            columns: &columns,
            view: &|full| matches!(full, "hr.menu" | "hr.day").then(|| "SELECT dish FROM hr.lunch".to_owned()),
            is_described: &|full| full.ends_with(".p"),
            beside: &BTreeMap::from([
                ("hr.menu".to_owned(), BTreeSet::from(["hr.day".to_owned()])),
                ("hr.day".to_owned(), BTreeSet::from(["hr.lunch".to_owned()])),
                ("hr.lunch".to_owned(), BTreeSet::from(["hr.part".to_owned()])),
                ("hr.part".to_owned(), BTreeSet::from(["hr.lunch".to_owned()])),
            ]),
        };
        let carried = |(at, statement): (usize, &&str)| Carried {
            statement: (*statement).into(),
            parameters: None,
            at: 10 * (i64::try_from(at).expect("a short log") + 1),
            owner: Some(1),
            end: End::Committed,
        };
        let recipes = HashMap::from([("hr.kept".to_owned(), "SELECT name FROM hr.p".to_owned())]);
        let made = Maker::new(&of, recipes).make(&log.iter().enumerate().map(carried).collect::<Vec<_>>(), snapshot);
        let mut told = match made.rewrite(sql, Look { at, owner: Some(1) }, &of) {
            None => "as it stands".to_owned(),
            Some(read) if read.unknown.is_empty() => read.sql,
            Some(read) => format!("unknown {}", read.unknown.into_iter().collect::<Vec<_>>().join(" ")),
        };
        for (name, flows) in &made.flows {
            flows.iter().for_each(|flow| told.push_str(&format!("; {name} <- {}", flow.sql)));
        }
        told
    }

    fn check(log: &[&str], sql: &str, expected: &str) {
        assert_eq!(read_in(Dialect::PostgreSql, log, sql), expected, "{log:?} {sql}");
    }

    fn check_mysql(log: &[&str], sql: &str, expected: &str) {
        assert_eq!(read_in(Dialect::MySql, log, sql), expected, "{log:?} {sql}");
    }

    const COPY: &str = "CREATE TABLE c AS SELECT no, name FROM hr.p";

    #[test]
    fn columns_that_were_changed_before_the_snapshot_are_in_it() {
        for change in ["ADD COLUMN phone text", "ADD COLUMN IF NOT EXISTS phone text", "DROP COLUMN fax", "RENAME COLUMN telephone TO phone"] {
            let log = [format!("ALTER TABLE hr.p {change}")];
            let log: Vec<&str> = log.iter().map(String::as_str).collect();
            assert_eq!(read_at(Dialect::PostgreSql, &log, "SELECT phone FROM hr.p", (15, 1_000)), "as it stands", "{change}");
        }
        assert_eq!(read_at(Dialect::MySql, &["ALTER TABLE p ADD COLUMN Phone text"], "SELECT phone FROM hr.p", (15, 1_000)), "as it stands");
        let later = read_at(Dialect::PostgreSql, &["ALTER TABLE hr.p ADD COLUMN fax text"], "SELECT fax FROM hr.p", (5, 1_000));
        assert_ne!(later, "as it stands");
    }

    #[test]
    fn every_table_that_a_write_changes_is_followed_or_unknown() {
        check(
            &["INSERT INTO lunch SELECT no, name FROM hr.p"],
            "SELECT * FROM lunch",
            "SELECT * FROM \"__made\".\"0\" AS lunch; hr.lunch <- SELECT no, name FROM hr.p",
        );
        let two = "WITH a AS (INSERT INTO lunch SELECT no, name FROM hr.p), b AS (INSERT INTO c SELECT no, name FROM hr.p) SELECT 1";
        check(&[COPY, two], "SELECT * FROM c", "unknown hr.c; hr.lunch <- SELECT no, name FROM hr.p; hr.lunch <- SELECT no, name FROM hr.p");
        check_mysql(
            &["UPDATE p JOIN lunch ON lunch.no = p.no SET lunch.dish = p.name"],
            "SELECT * FROM lunch",
            "unknown hr.lunch; hr.lunch <- SELECT p.name FROM p JOIN lunch ON lunch.no = p.no",
        );
        check_mysql(&["UPDATE lunch, p SET lunch.dish = p.name"], "SELECT * FROM lunch", "unknown hr.lunch");
        check(&["TRUNCATE hr.lunch, hr.p"], "SELECT * FROM lunch", "as it stands");
    }

    #[test]
    fn what_shows_rows_of_a_table_that_was_filled_is_unknown() {
        let filled = ["INSERT INTO hr.lunch SELECT no, name FROM hr.p"];
        check(&filled, "SELECT * FROM hr.menu", "unknown hr.menu; hr.lunch <- SELECT no, name FROM hr.p");
        check(&filled, "SELECT * FROM hr.part", "unknown hr.part; hr.lunch <- SELECT no, name FROM hr.p");
        check(&["INSERT INTO hr.part SELECT no, name FROM hr.p"], "SELECT * FROM lunch", "unknown hr.lunch; hr.part <- SELECT no, name FROM hr.p");
        check(&["CREATE TABLE hr.other AS SELECT no FROM hr.p"], "SELECT * FROM hr.menu", "as it stands");
    }

    #[test]
    fn what_no_log_reads_makes_unknown_what_it_may_have_changed() {
        check(&["INSERT INTO lunch SELECT ODD (FROM p"], "SELECT * FROM lunch", "unknown hr.lunch");
        check(&["DELETE FROM ODD lunch ("], "SELECT * FROM lunch", "as it stands");
        check(&["INSERT INTO lunch VALUES ('x' ODD"], "SELECT * FROM lunch", "as it stands");
        check(&["VACUUM lunch"], "SELECT * FROM lunch", "as it stands");
    }

    #[test]
    fn what_is_made_by_no_query_of_its_own_is_unknown() {
        check(&["CREATE TABLE c AS EXECUTE q"], "SELECT * FROM c", "unknown hr.c");
        check(&["CREATE TABLE c (a text)", "CREATE RULE \"_RETURN\" AS ON SELECT TO c DO INSTEAD SELECT name AS a FROM p"], "SELECT * FROM c", "unknown hr.c");
        check(&[COPY, "CREATE OR REPLACE RULE more AS ON INSERT TO hr.c WHERE new.no > 1 DO ALSO DELETE FROM p"], "SELECT * FROM c", "unknown hr.c");
    }

    /// The snapshot is of after the log: it has the names that came last.
    #[test]
    fn names_of_before_the_snapshot_are_told_from_it_back() {
        let check =
            |log: &[&str], at: i64, sql: &str, expected: &str| assert_eq!(read_at(Dialect::PostgreSql, log, sql, (500, at)), expected, "{log:?} {at} {sql}");
        let renamed = ["ALTER TABLE hr.q RENAME TO p"];
        check(&renamed, 5, "SELECT * FROM hr.q", "SELECT * FROM \"hr\".\"p\" AS q");
        check(&renamed, 15, "SELECT * FROM hr.q", "unknown hr.q");
        check(&renamed, 15, "SELECT * FROM hr.p", "as it stands");
        // Another one has taken its place, and the dump has both.
        let swapped = ["ALTER TABLE hr.p RENAME TO lunch", "ALTER TABLE hr.part RENAME TO p", "CREATE TABLE hr.part (no int)"];
        check(&swapped, 5, "SELECT * FROM hr.p", "SELECT * FROM \"hr\".\"lunch\" AS p");
        check(&swapped, 5, "SELECT * FROM hr.part", "SELECT * FROM \"hr\".\"p\" AS part");
        check(&swapped, 25, "SELECT * FROM hr.p", "as it stands");
        check(&swapped, 25, "SELECT * FROM hr.lunch", "as it stands");
        check(&["ALTER TABLE old.p SET SCHEMA hr"], 5, "SELECT * FROM old.p", "SELECT * FROM \"hr\".\"p\" AS p");
        // What the dump has and the estate describes is followed there.
        check(&["CREATE TABLE hr.p AS SELECT * FROM hr.lunch"], 15, "SELECT * FROM hr.p", "as it stands");
    }

    #[test]
    fn a_name_that_is_gone_means_the_next_of_its_path() {
        check(&["ALTER TABLE hr.p RENAME TO q"], "SELECT * FROM p", "SELECT * FROM \"public\".\"p\" AS p");
        check(&["ALTER TABLE hr.p RENAME TO q"], "SELECT * FROM q", "SELECT * FROM \"hr\".\"p\" AS q");
        check(&["DROP TABLE hr.lunch"], "SELECT * FROM lunch", "unknown hr.lunch");
    }

    #[test]
    fn a_name_that_with_gives_is_seen_only_where_it_is_given() {
        let made = "\"__made\".\"0\" AS c";
        check(&[COPY], "WITH c AS (SELECT * FROM c) SELECT * FROM c", &format!("WITH c AS (SELECT * FROM {made}) SELECT * FROM c"));
        check(
            &[COPY],
            "SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) AS a, c",
            &format!("SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) AS a, {made}"),
        );
    }

    #[test]
    fn names_of_mysql_are_found_as_written_and_folded() {
        check_mysql(&["CREATE TABLE Box AS SELECT name FROM p"], "SELECT * FROM BOX", "SELECT * FROM `__made`.`0` AS BOX");
        check_mysql(&["CREATE TEMPORARY TABLE p AS SELECT name FROM hr.p"], "SELECT * FROM shop.p", "SELECT * FROM `__made`.`0` AS p");
    }

    #[test]
    fn a_view_that_is_kept_is_filled_by_its_query_under_its_new_name() {
        let log = ["CREATE MATERIALIZED VIEW m AS SELECT name FROM hr.p", "ALTER MATERIALIZED VIEW m RENAME TO n", "REFRESH MATERIALIZED VIEW n"];
        check(&log, "SELECT * FROM n", "SELECT * FROM \"__made\".\"1\" AS n");
    }

    #[test]
    fn states_that_read_one_another_twice_do_not_grow_without_bound() {
        let twice: Vec<String> = std::iter::once(COPY.to_owned()).chain((0..20).map(|_| "INSERT INTO c SELECT * FROM c".to_owned())).collect();
        check(&twice.iter().map(String::as_str).collect::<Vec<_>>(), "SELECT * FROM c", "unknown hr.c");
    }
}
