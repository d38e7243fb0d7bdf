//! The data as it stood: the estate's tables with their categories, their rows in all versions, and whose they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use sqlparser::ast::ObjectName;
use strandline_model::estate::{Database, Estate, Named as NamedAs, SubjectVia, Table as DescribedTable};

use crate::bound::{Compares, is_plain, loosened, number_of};
use crate::code::Code;
use crate::made::{Beside, Flow, Look, MADE, Made, Maker, Rewritten, Snapshotted, all_beside};
use crate::overriding::Overriding;
use crate::page::Pages;
use crate::replay::{EngineDatabase, EngineTable, EngineView, MakeReplayer, Replayer};
use crate::session::{Givens, Session};
use crate::written::Target;
use crate::{Dialect, ExposureError};
use strandline_history::paths::Paths;
use strandline_history::store::{Rights, RowSecurity, StoredDatabase};
use strandline_history::writes::{Audited, Write};
use strandline_provenance::Hidden;
use strandline_sql::{Effect, Found, System};

use strandline_history::{Carried, Defined, DoubtReason, Effects, InDoubt, NOBODY, Open, Rebuild, TableDoubt, TableHistory, Words, descriptions};

/// Moves of values into the tables of one statement that are followed one by one.
const FLOWS: usize = 32;

/// Data subjects by number, dense over the whole case.
#[derive(Default)]
pub(crate) struct People {
    keys: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Made when it is first asked for, of those who are known then.
    alike: OnceLock<Alike>,
}

/// Keys that a server may take for one another.
struct Alike {
    /// Of what is left of each key loosened, and of the number at its beginning, with whose key it is: sorted.
    by_text: Vec<(u64, u32)>,
    by_number: Vec<(u64, u32)>,
    /// Those of whose keys it is not known which texts they are equal to.
    others: Vec<u32>,
}

impl Alike {
    fn of(keys: &[String]) -> Self {
        let mut alike = Self { by_text: Vec::new(), by_number: Vec::new(), others: Vec::new() };
        for (key, number) in keys.iter().zip(0..) {
            if !is_plain(key) {
                alike.others.push(number);
            }
            alike.by_text.push((Self::text(key), number));
            alike.by_number.push((number_of(key).to_bits(), number));
        }
        alike.by_text.sort_unstable();
        alike.by_number.sort_unstable();
        alike
    }

    fn text(key: &str) -> u64 {
        BuildHasherDefault::<DefaultHasher>::new().hash_one(loosened(key))
    }

    fn find(sorted: &[(u64, u32)], of: u64) -> impl Iterator<Item = u32> {
        sorted[sorted.partition_point(|(other, _)| *other < of)..].iter().take_while(move |(other, _)| *other == of).map(|(_, number)| *number)
    }
}

impl People {
    /// The number of a subject, a new one if need be.
    pub(crate) fn number(&mut self, key: &str) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = u32::try_from(self.keys.len()).expect("fewer than four thousand million people");
        self.keys.push(key.to_owned());
        self.numbers.insert(key.to_owned(), number);
        number
    }

    /// The key of a number that [`Self::number`] gave.
    pub(crate) fn key(&self, number: u32) -> &str {
        &self.keys[number as usize]
    }

    /// The number of a subject, if there is one.
    pub(crate) fn find(&self, key: &str) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// Everybody whose key a server may take for this one; also as numbers, if `is_number`.
    pub(crate) fn alike(&self, key: &str, is_number: bool) -> impl Iterator<Item = u32> {
        let alike = self.alike.get_or_init(|| Alike::of(&self.keys));
        let by_number = is_number.then(|| Alike::find(&alike.by_number, number_of(key).to_bits()));
        Alike::find(&alike.by_text, Alike::text(key)).chain(by_number.into_iter().flatten()).chain(alike.others.iter().copied())
    }

    /// The keys, by number.
    pub(crate) fn keys(&self) -> &[String] {
        &self.keys
    }
}

/// What the columns of a table that no snapshot holds are called, of which the estate names a category and no name.
const OTHER_COLUMNS: &str = "other columns";

/// A table that statements can read.
pub(crate) struct TableWorld {
    pub(crate) full_name: String,
    pub(crate) described: bool,
    /// For each column its number in [`World::columns`], if it has a category.
    pub(crate) columns: Vec<Option<u32>>,
    /// Names of its columns, in order.
    pub(crate) names: Vec<String>,
    /// All its categorised columns.
    pub(crate) categorised: BTreeSet<u32>,
    pub(crate) subject_key: Option<String>,
    /// The way to its people, where there is one alone and it goes through another table.
    pub(crate) via: Option<SubjectVia>,
    /// How its columns are compared, in order; empty where no snapshot has them.
    pub(crate) compares: Vec<Compares>,
    /// Columns of which no two rows have the same value.
    pub(crate) unique: BTreeSet<usize>,
    /// Everybody who ever has a row in it.
    pub(crate) subjects: Arc<Vec<u32>>,
    pub(crate) doubts: Vec<TableDoubt>,
    /// Rows of which something is not proved, by person.
    pub(crate) in_doubt: Vec<InDoubt>,
    /// From, to (microseconds), and a column, by its place, of which some row's value was not known then.
    unknown_cells: Vec<(i64, i64, usize)>,
    /// Full names of the tables that its foreign keys name.
    refers_to: Vec<String>,
    owner: Option<String>,
}

impl TableWorld {
    /// What the dump says of keys and of types may not hold.
    fn forget_types(&mut self) {
        self.unique = BTreeSet::new();
        let loosely = |compares: &Compares| if *compares == Compares::Unknown { Compares::Unknown } else { Compares::Loosely };
        self.compares = self.compares.iter().map(loosely).collect();
    }

    /// The columns of which some row's value was not known at an instant.
    pub(crate) fn unknown_columns(&self, time: i64) -> BTreeSet<&str> {
        let then = self.unknown_cells.iter().filter(|(from, to, _)| *from <= time && time < *to);
        then.filter_map(|(.., column)| self.names.get(*column)).map(String::as_str).collect()
    }

    /// People with a row of which any of `what` was in doubt at one of these instants. A person may come more than once.
    pub(crate) fn people_in_doubt<'t>(&'t self, times: &'t [i64], what: What) -> impl Iterator<Item = u32> + 't {
        self.rows_in_doubt(times, what).filter(|person| *person != NOBODY)
    }

    /// The same, of rows that are nobody's, too: [`NOBODY`] stands for each of them.
    pub(crate) fn rows_in_doubt<'t>(&'t self, times: &'t [i64], what: What) -> impl Iterator<Item = u32> + 't {
        let holds =
            move |row: &&InDoubt| (row.what & what.in_doubt | row.near & what.near) != 0 && times.iter().any(|time| row.from <= *time && *time < row.to);
        self.in_doubt.iter().filter(holds).map(|row| row.person)
    }
}

/// What may be in doubt of rows, as the history numbers it.
#[derive(Clone, Copy)]
pub(crate) struct What {
    /// The row itself, and columns.
    pub(crate) in_doubt: u64,
    /// Columns that are known but for a little.
    pub(crate) near: u64,
}

impl What {
    pub(crate) const ANYTHING: Self = Self { in_doubt: u64::MAX, near: u64::MAX };
}

/// A database that statements can be replayed against.
pub(crate) struct DatabaseWorld {
    pub(crate) id: String,
    pub(crate) dialect: Dialect,
    search_path: Vec<String>,
    name: String,
    pub(crate) tables: Vec<TableWorld>,
    index: BTreeMap<String, usize>,
    /// Tables of which the estate says that they hold no personal data.
    without_personal_data: BTreeSet<String>,
    /// View -> its query.
    views: BTreeMap<String, String>,
    /// Materialised views, and the moment as of which each was filled, as far as is known.
    kept: BTreeMap<String, i64>,
    /// What was made, changed or renamed since the snapshot.
    made: Made,
    /// The relations whose rows a relation shows, too.
    beside: Beside,
    rights: Rights,
    /// When the log's writes took effect.
    pub(crate) effects: Effects,
    /// What it gives to its sessions.
    pub(crate) givens: Givens,
    /// Its functions, as the dump has them.
    pub(crate) code: Code,
    /// What it defines under names of the server's own.
    overriding: Overriding,
    pub(crate) replayer: Box<dyn Replayer>,
}

/// Everything that can be read.
pub(crate) struct World {
    pub(crate) databases: Vec<DatabaseWorld>,
    pub(crate) people: People,
    /// Name and category number of each categorised column.
    pub(crate) columns: Vec<(String, u32)>,
    /// Those that have their category only as others of their table, and that nobody has looked at.
    pub(crate) unnamed: BTreeSet<u32>,
    /// Whether the actor is guessed: whoever is shown is no more than possible.
    pub(crate) guessed_actor: bool,
    /// How many bytes a text of each column has in the mean; 0 where it holds none.
    pub(crate) bytes: BTreeMap<u32, f64>,
    /// What the pages of the estate's routes show.
    pub(crate) pages: Pages,
    pub(crate) categories: Vec<String>,
    /// Everybody who ever has a row in a described table, sorted.
    pub(crate) in_data: Vec<u32>,
    /// Everybody of the register and of the data.
    pub(crate) everybody: Arc<Vec<u32>>,
}

impl World {
    /// The number of the database with this id.
    pub(crate) fn database(&self, id: &str) -> Option<usize> {
        self.databases.iter().position(|d| d.id == id)
    }

    /// Whether a table may have been different, at an instant, from what is known of it.
    pub(crate) fn is_open(&self, database: usize, table: usize, time: i64) -> bool {
        self.databases[database].tables[table].doubts.iter().any(|doubt| doubt.holds(time))
    }

    /// Whether the rows that are known of it may have been others, or gone.
    pub(crate) fn may_differ(&self, database: usize, table: usize, time: i64) -> bool {
        self.databases[database].tables[table].doubts.iter().any(|doubt| doubt.open == Open::Rows && doubt.holds(time))
    }

    /// Who may have stood in a table at an instant: those who ever do, or everybody, where others may have.
    pub(crate) fn population(&self, database: usize, table: usize, time: i64) -> Arc<Vec<u32>> {
        self.population_between(database, table, time, time)
    }

    /// The name of a categorised column, without its table's.
    pub(crate) fn column_name(&self, number: u32) -> &str {
        let (name, _) = &self.columns[number as usize];
        name.rsplit_once('.').map_or(name, |(_, column)| column)
    }

    /// The categorised columns of a database with a full name, `schema.table.column`.
    pub(crate) fn columns_named(&self, name: &str, database: &DatabaseWorld) -> BTreeSet<u32> {
        let own = database.tables.iter().flat_map(|table| &table.categorised);
        own.copied().filter(|number| self.columns[*number as usize].0.eq_ignore_ascii_case(name)).collect()
    }

    /// Who may have stood in a table from one instant to another.
    pub(crate) fn population_between(&self, database: usize, table: usize, from: i64, to: i64) -> Arc<Vec<u32>> {
        let table = &self.databases[database].tables[table];
        let is_open = table.subjects.is_empty() || table.doubts.iter().any(|doubt| doubt.open == Open::People && doubt.from <= to && from < doubt.to);
        if is_open { self.everybody.clone() } else { table.subjects.clone() }
    }
}

/// What a statement names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Named {
    /// Numbers of described tables, views opened.
    pub(crate) described: BTreeSet<usize>,
    /// Other tables that the snapshot has, by their full names.
    pub(crate) other: BTreeSet<String>,
    /// Relations that no snapshot has, as written: made since, perhaps from any data.
    pub(crate) unknown: BTreeSet<String>,
    /// Whether values may have been put into a relation that it reads, nobody knows which, whatever the estate says of it.
    pub(crate) filled: bool,
    /// Whether it calls a function that may read what it does not name.
    pub(crate) opaque: bool,
    /// Whether it calls a function of the dump that leaves what it reads to statements of its own.
    runs_told: bool,
    /// Whether it calls one that does not, but of which the dump says what it may read.
    runs_known: bool,
    /// Whether what one of these functions may read is not known.
    reads_unknown: bool,
    /// What the others may read.
    code_reads: BTreeSet<String>,
    /// Tables that are read as of another moment than the statement's.
    pub(crate) pinned: BTreeSet<(usize, i64)>,
    /// Tables that are read as of the statement's own moment.
    direct: BTreeSet<usize>,
    /// Whether it reads a view that was filled nobody knows when.
    pub(crate) stale: bool,
    /// Views that were opened.
    views: BTreeSet<String>,
}

impl Named {
    /// The instants as of which a table is read, by a statement that reads as of `own`.
    pub(crate) fn times(&self, table: usize, own: i64) -> Vec<i64> {
        let pinned = self.pinned.iter().filter(|(pinned, _)| *pinned == table).map(|(_, moment)| strandline_history::instant(*moment));
        let direct = self.direct.contains(&table).then_some(own);
        let mut times: Vec<i64> = pinned.chain(direct).collect();
        if times.is_empty() {
            times.push(own);
        }
        times
    }

    /// Whether it may read anything that it does not name; `is_told` where the log tells what code that it calls read.
    pub(crate) fn may_read_more(&self, is_told: bool) -> bool {
        self.opaque || (self.reads_unknown && !is_told)
    }

    /// Whether code that it calls may read what the dump says of that code.
    pub(crate) fn runs_code(&self, is_told: bool) -> bool {
        self.runs_known || (self.runs_told && !is_told)
    }

    /// Whether it names no table, and code that it calls may read some.
    pub(crate) fn only_runs_code(&self) -> bool {
        self.runs_told && self.described.is_empty() && self.other.is_empty() && self.unknown.is_empty()
    }

    /// Whether every table is named by itself, not through a view.
    pub(crate) fn without_views(&self) -> bool {
        self.views.is_empty()
    }
}

impl DatabaseWorld {
    /// Whether the estate says that a table, as a statement names it, holds no personal data.
    pub(crate) fn is_without_personal_data(&self, table: &str) -> bool {
        let in_schema = |schema: &String| self.without_personal_data.contains(&format!("{schema}.{table}"));
        self.without_personal_data.contains(table) || (!table.contains('.') && self.search_path.iter().any(in_schema))
    }

    /// Described tables that a table refers to, through others or not: whose people it may be about.
    pub(crate) fn about(&self, table: &str) -> BTreeSet<usize> {
        let mut about = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![table];
        while let Some(name) = open.pop() {
            let Some(at) = self.index.get(name).copied().filter(|at| seen.insert(*at)) else { continue };
            match &self.tables[at] {
                described if described.described => drop(about.insert(at)),
                other => open.extend(other.refers_to.iter().map(String::as_str)),
            }
        }
        about
    }

    /// The table that a name stands for, with its columns.
    pub(crate) fn target(&self, name: &ObjectName, session: &Session) -> Option<Target> {
        let fold = |ident: &sqlparser::ast::Ident| {
            if ident.quote_style.is_some() || self.dialect == Dialect::MySql { ident.value.clone() } else { ident.value.to_lowercase() }
        };
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident().map(fold)).collect();
        let full_name = self.resolve(&parts, session.search_path.as_deref().unwrap_or(&self.search_path))?;
        let columns = self.tables[*self.index.get(&full_name)?].names.clone();
        Some(Target { full_name, columns })
    }

    /// The number of the table that a name stands for.
    pub(crate) fn table_number(&self, name: &ObjectName, session: &Session) -> Option<usize> {
        self.index.get(&self.target(name, session)?.full_name).copied()
    }

    /// The number of a described table.
    pub(crate) fn described_table(&self, full_name: &str) -> Option<usize> {
        self.index.get(full_name).copied().filter(|at| self.tables[*at].described)
    }

    /// Numbers of the tables that a statement reads.
    pub(crate) fn tables_of(&self, named: &Named) -> BTreeSet<usize> {
        named.described.iter().copied().chain(named.other.iter().filter_map(|name| self.index.get(name).copied())).collect()
    }

    /// The queries of the views that a statement reads, as far as they are known.
    pub(crate) fn views_of<'n>(&'n self, named: &'n Named) -> impl Iterator<Item = Option<&'n str>> {
        let state = |full: &str| self.made.states.get(full.strip_prefix(MADE)?.trim_start_matches('.').parse::<usize>().ok()?).map(|state| state.sql.as_str());
        named.views.iter().map(move |full| self.views.get(full).map(String::as_str).or_else(|| state(full)))
    }

    fn resolve(&self, parts: &[String], path: &[String]) -> Option<String> {
        // The rows that a write put into a table stand under the table's full name.
        if let [schema, full] = parts
            && schema == strandline_provenance::CHANGED
        {
            return self.index.contains_key(full).then(|| full.clone());
        }
        let known = |name: &str| self.index.contains_key(name) || self.views.contains_key(name);
        let folded = |s: &String| if self.dialect == Dialect::MySql { s.to_lowercase() } else { s.clone() };
        if let [schema, number] = parts
            && schema == MADE
        {
            return Some(format!("{MADE}.{number}"));
        }
        let try_one = |schema: &String, name: &String| {
            let exact = format!("{schema}.{name}");
            if known(&exact) {
                return Some(exact);
            }
            let lower = format!("{}.{}", folded(schema), folded(name));
            known(&lower).then_some(lower)
        };
        match parts {
            [name] => path.iter().find_map(|schema| try_one(schema, name)),
            [.., schema, name] if self.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(&self.name) => {
                try_one(schema, name).or_else(|| self.search_path.iter().find_map(|schema| try_one(schema, name)))
            }
            [.., schema, name] => try_one(schema, name),
            [] => None,
        }
    }

    /// What a query names, in a session; from its words, where it cannot be parsed.
    pub(crate) fn named(&self, sql: &str, session: &Session) -> Named {
        let mut named = Named::default();
        self.add_named(sql, session.search_path.as_deref().unwrap_or(&self.search_path), &mut named, 0);
        named
    }

    fn add_named(&self, sql: &str, path: &[String], named: &mut Named, depth: usize) {
        let names = strandline_sql::names(sql, self.dialect);
        let mut resolved = 0;
        for parts in &names.relations {
            match (self.resolve(parts, path), strandline_sql::system(parts, self.dialect)) {
                (Some(full), _) => {
                    resolved += 1;
                    self.add_relation(&full, named, depth);
                }
                (None, Some(System::Describes)) => {}
                (None, Some(System::HoldsValues)) => named.opaque = true,
                // Among words alone a name may be a column's.
                (None, None) if names.found == Found::AmongWords => {}
                (None, None) => drop(named.unknown.insert(parts.join("."))),
            }
        }
        named.opaque |= names.found == Found::AmongWords && resolved == 0 || self.overriding.means_otherwise(sql);
        for call in &names.calls {
            match strandline_sql::effect(call, self.dialect) {
                _ if self.overriding.may_be_called(call) => self.add_code(call, named),
                Effect::Harmless | Effect::ChangesState => {}
                Effect::Reads => named.opaque = true,
                Effect::Unknown => self.add_code(call, named),
            }
        }
    }

    fn add_code(&self, call: &[String], named: &mut Named) {
        let (is_told, reads) = (self.code.is_told(call), self.code.reads(call));
        named.runs_told |= is_told;
        named.runs_known |= !is_told && reads.is_some();
        named.opaque |= !is_told && reads.is_none();
        named.reads_unknown |= reads.is_none();
        named.code_reads.extend(reads.unwrap_or_default());
    }

    /// What a statement names, and what the code that it calls does.
    pub(crate) fn with_code(&self, named: &Named) -> Named {
        let mut wide = named.clone();
        for full in named.code_reads.iter().flat_map(|full| std::iter::once(full.as_str()).chain(all_beside(full, &self.beside))) {
            self.add_relation(full, &mut wide, 0);
        }
        wide
    }

    fn add_relation(&self, full: &str, named: &mut Named, depth: usize) {
        if let Some(&table) = self.index.get(full) {
            named.direct.insert(table);
            if self.tables[table].described {
                named.described.insert(table);
            } else {
                named.other.insert(full.to_owned());
            }
        } else if let Some(state) =
            full.strip_prefix(MADE).and_then(|rest| rest.trim_start_matches('.').parse::<usize>().ok()).and_then(|at| self.made.states.get(at))
        {
            if depth < 64 && named.views.insert(full.to_owned()) {
                // What a write said itself stands in no table of the snapshot.
                named.other.extend(state.own.clone());
                self.add_kept(&state.sql, state.as_of, named, depth);
            }
        } else if let Some(sql) = self.views.get(full).filter(|_| self.kept.contains_key(full)) {
            if depth < 64 && named.views.insert(full.to_owned()) {
                named.stale = true;
                self.add_kept(sql, self.kept.get(full).copied(), named, depth);
            }
        } else if let Some(sql) = self.views.get(full).filter(|_| depth < 64 && named.views.insert(full.to_owned())) {
            self.add_named(sql, &self.search_path, named, depth + 1);
        }
    }

    /// Adds what a query names whose tables are read as of a moment, if they are.
    fn add_kept(&self, sql: &str, as_of: Option<i64>, named: &mut Named, depth: usize) {
        let mut inside = Named { views: std::mem::take(&mut named.views), ..Named::default() };
        self.add_named(sql, &self.search_path, &mut inside, depth + 1);
        if let Some(moment) = as_of {
            inside.pinned.extend(inside.direct.iter().map(|table| (*table, moment)));
        }
        if as_of.is_none() {
            named.direct.extend(&inside.direct);
        }
        named.described.extend(inside.described);
        named.other.extend(inside.other);
        named.unknown.extend(inside.unknown);
        named.pinned.extend(inside.pinned);
        named.opaque |= inside.opaque;
        named.runs_told |= inside.runs_told;
        named.runs_known |= inside.runs_known;
        named.reads_unknown |= inside.reads_unknown;
        named.code_reads.extend(inside.code_reads);
        named.stale |= inside.stale;
        named.views = inside.views;
    }

    /// The statement with the names of what was made or renamed since the snapshot, as they stood.
    pub(crate) fn rewrite(&self, sql: &str, look: Look, session: &Session) -> Option<Rewritten> {
        if self.made.is_empty() {
            return None;
        }
        let columns = |full: &str| self.index.get(full).map(|at| self.tables[*at].names.clone());
        let view = |full: &str| self.views.get(full).cloned();
        let is_described = |full: &str| self.index.get(full).is_some_and(|at| self.tables[*at].described);
        let of = Snapshotted {
            dialect: self.dialect,
            name: &self.name,
            search_path: session.search_path.as_deref().unwrap_or(&self.search_path),
            columns: &columns,
            view: &view,
            is_described: &is_described,
            beside: &self.beside,
        };
        self.made.rewrite(sql, look, &of)
    }

    /// Values that were moved before a moment into the tables that a statement reads; with `None`, more than are followed.
    pub(crate) fn flows(&self, named: &Named, at: i64) -> Option<Vec<(usize, &Flow)>> {
        let tables = self.tables_of(named);
        let of_table = |table: usize| {
            let full = self.tables[table].full_name.as_str();
            // What was put into a partition is read of its parent, and the other way round.
            let all = std::iter::once(full).chain(all_beside(full, &self.beside));
            all.flat_map(move |name| self.made.flows(name, at)).map(move |flow| (table, flow))
        };
        let all: Vec<(usize, &Flow)> = tables.into_iter().flat_map(of_table).take(FLOWS + 1).collect();
        (all.len() <= FLOWS).then_some(all)
    }

    /// Numbers of the columns of a table with these names.
    pub(crate) fn columns_named(&self, table: usize, names: &[String]) -> BTreeSet<usize> {
        let own = &self.tables[table].names;
        (0..own.len()).filter(|at| names.iter().any(|name| name.eq_ignore_ascii_case(&own[*at]))).collect()
    }

    /// Described tables that the role may read; all, where the snapshot does not tell its rights.
    pub(crate) fn readable(&self, role: Option<&str>) -> BTreeSet<usize> {
        let all = || (0..self.tables.len()).filter(|t| self.tables[*t].described).collect();
        let Some(role) = role else { return all() };
        let mut roles = BTreeSet::from([role.to_owned(), "public".to_owned()]);
        while let Some(more) = roles.iter().flat_map(|r| self.rights.memberships.get(r).into_iter().flatten()).find(|r| !roles.contains(*r)).cloned() {
            roles.insert(more);
        }
        let holds = |readers: &BTreeSet<String>| readers.iter().any(|r| roles.contains(r));
        let own = |readers: &BTreeSet<String>| readers.iter().any(|r| r != "public" && roles.contains(r));
        let known_role = self.rights.readers.values().any(own) || self.rights.schema_readers.values().any(own);
        if !known_role {
            return all();
        }
        let mut named = Named::default();
        for (relation, readers) in &self.rights.readers {
            if holds(readers) {
                self.add_relation(relation, &mut named, 0);
            }
        }
        for (at, table) in self.tables.iter().enumerate().filter(|(_, t)| t.described) {
            let schema = table.full_name.split('.').next().unwrap_or_default();
            let by_schema = self.rights.schema_readers.get(schema).is_some_and(&holds);
            if by_schema || table.owner.as_ref().is_some_and(|owner| roles.contains(owner)) {
                named.described.insert(at);
            }
        }
        named.described
    }
}

/// Builds the world from what the snapshots hold and what the log wrote since.
pub(crate) struct Builder<'b> {
    pub(crate) estate: &'b Estate,
    pub(crate) register: &'b [String],
    pub(crate) writes: Vec<Write>,
    /// Schemas that the log names in what it makes.
    pub(crate) made_schemas: &'b BTreeSet<String>,
    /// Functions and operators that the log defines.
    pub(crate) defined: &'b BTreeSet<Defined>,
    /// Of whose writes an audit log tells.
    pub(crate) audited: &'b Audited,
    /// The words of all statements of the trail.
    pub(crate) read: &'b Words,
    pub(crate) make: MakeReplayer<'b>,
    pub(crate) notes: &'b mut Vec<String>,
}

impl Builder<'_> {
    /// The world. Subjects are numbered in the order register, databases, tables, rows.
    pub(crate) fn build(mut self, stored: Vec<StoredDatabase>) -> Result<World, ExposureError> {
        let mut world = World {
            databases: Vec::new(),
            people: People::default(),
            columns: Vec::new(),
            unnamed: BTreeSet::new(),
            guessed_actor: false,
            bytes: BTreeMap::new(),
            pages: Pages::default(),
            categories: Vec::new(),
            in_data: Vec::new(),
            everybody: Arc::default(),
        };
        let categories: BTreeSet<String> = self.estate.tables.iter().flat_map(|t| t.all_categories().cloned()).collect();
        world.categories = categories.into_iter().collect();
        for key in self.register {
            world.people.number(key);
        }
        let databases = stored.len();
        for (at, mut database) in stored.into_iter().enumerate() {
            inherit_rows(&mut database);
            let built = self.database(database, at + 1 == databases, &mut world)?;
            world.databases.push(built);
        }
        let in_data: BTreeSet<u32> = world.databases.iter().flat_map(|d| &d.tables).flat_map(|t| t.subjects.iter().copied()).collect();
        world.in_data = in_data.into_iter().collect();
        world.everybody = Arc::new((0..u32::try_from(world.people.keys.len()).unwrap_or(u32::MAX)).collect());
        world.pages = Pages::of(self.estate, &world);
        Ok(world)
    }

    fn database(&mut self, mut stored: StoredDatabase, is_last: bool, world: &mut World) -> Result<DatabaseWorld, ExposureError> {
        let described: BTreeMap<&str, &DescribedTable> = self.estate.tables.iter().filter(|t| t.database == stored.id).map(|t| (t.name.as_str(), t)).collect();
        let (snapshot_time, snapshot_precision) = self.snapshot_time(&stored.id);
        let snapshot_moment = strandline_history::moment(snapshot_time);
        let of_tables = descriptions(&stored, &self.estate.tables);
        let of_estate = self.estate.databases.iter().find(|d| d.id == stored.id);
        let givens = self.givens(&stored, of_estate);
        let (zones, audited) = (givens.zones(), self.audited);
        let rebuild = Rebuild { stored: &stored, described: &of_tables, writes: &self.writes, snapshot_time, snapshot_precision, zones, audited };
        let history = rebuild.run(&mut |key| world.people.number(key));
        let code = Code::of(&stored, &self.writes);
        let redefined = Redefined::of(&self.writes);
        let overriding = Overriding::of(&stored, self.defined);
        if is_last {
            // The engine needs the memory.
            self.writes = Vec::new();
        }
        let (mut tables, engine_tables) = self.tables(&stored, &of_tables, history.tables, world);
        tables.iter_mut().filter(|table| redefined.may_be(&table.full_name)).for_each(TableWorld::forget_types);
        self.add_missing_tables(&described, &stored, &mut tables, world);
        let as_of = |is_materialized: bool| is_materialized.then_some(snapshot_moment);
        let mut views: Vec<EngineView> = std::mem::take(&mut stored.views)
            .into_iter()
            .map(|v| EngineView { schema: v.schema, name: v.name, sql: v.sql, as_of: as_of(v.materialized) })
            .collect();
        let index: BTreeMap<String, usize> = tables.iter().enumerate().map(|(at, t)| (t.full_name.clone(), at)).collect();
        let view_index: BTreeMap<String, String> = views.iter().map(|view| (format!("{}.{}", view.schema, view.name), view.sql.clone())).collect();
        let beside = beside(&stored, &views, &index);
        let made = made_since(&stored, (&tables, &index), (&views, &view_index), (&history.carried, snapshot_moment), &beside);
        for at in made.needed(self.read) {
            let state = &made.states[at];
            views.push(EngineView { schema: MADE.to_owned(), name: at.to_string(), sql: state.sql.clone(), as_of: state.as_of });
        }
        let kept = views.iter().filter_map(|v| v.as_of.filter(|_| v.schema != MADE).map(|moment| (format!("{}.{}", v.schema, v.name), moment))).collect();
        // The dump is of the server itself.
        let collation = stored.described.collation.clone().or_else(|| of_estate.and_then(Database::declared_collation));
        let engine = EngineDatabase {
            search_path: stored.search_path.clone(),
            dialect: stored.dialect,
            collation,
            tables: engine_tables,
            views,
            holders: history.holders,
        };
        // A sequence holds a number that was given out, and nothing of anybody.
        let sequences = stored.described.sequences.iter().cloned();
        let without_personal_data = of_estate.into_iter().flat_map(|d| d.without_personal_data.iter().cloned()).chain(sequences).collect();
        let replayer = (self.make)(engine).map_err(|reason| ExposureError::Engine { database: stored.id.clone(), reason })?;
        Ok(DatabaseWorld {
            id: stored.id,
            dialect: stored.dialect,
            search_path: stored.search_path,
            name: stored.name,
            tables,
            index,
            views: view_index,
            kept,
            made,
            beside,
            rights: stored.rights,
            without_personal_data,
            effects: history.effects,
            givens,
            code,
            overriding,
            replayer,
        })
    }

    /// What the database gives to its sessions.
    fn givens(&self, stored: &StoredDatabase, of_estate: Option<&Database>) -> Givens {
        Givens {
            dialect: Some(stored.dialect),
            database: stored.name.clone(),
            paths: Paths::of(stored, self.made_schemas),
            zone: of_estate.and_then(|d| d.time_zone.clone()),
            has_policies: stored.tables.iter().any(|table| table.row_security != RowSecurity::Off),
        }
    }

    /// The tables of a snapshot, for judging and for the engine.
    fn tables(
        &mut self,
        stored: &StoredDatabase,
        descriptions: &[Option<&DescribedTable>],
        histories: Vec<TableHistory>,
        world: &mut World,
    ) -> (Vec<TableWorld>, Vec<EngineTable>) {
        let (mut tables, mut engine_tables) = (Vec::new(), Vec::new());
        let parents = stored.tables.iter().flat_map(|table| &table.parents).filter_map(|parent| stored.table(parent));
        let inherited: BTreeSet<String> = parents.filter(|at| !stored.tables[*at].partitioned).map(|at| stored.tables[at].full_name()).collect();
        for ((table, description), history) in stored.tables.iter().zip(descriptions).zip(histories) {
            let full_name = table.full_name();
            let columns: Vec<Option<u32>> = table.columns.iter().map(|c| column_number(*description, &full_name, &c.name, world)).collect();
            self.check_columns(description.filter(|d| d.name == full_name), table);
            for (at, number) in columns.iter().enumerate().filter_map(|(at, number)| Some((at, (*number)?))) {
                world.bytes.insert(number, mean_bytes(table, at));
            }
            tables.push(TableWorld {
                described: description.is_some(),
                categorised: columns.iter().flatten().copied().collect(),
                columns,
                names: table.columns.iter().map(|c| c.name.clone()).collect(),
                subject_key: description.and_then(|d| d.only_key()).map(str::to_owned),
                via: description.filter(|d| d.also.is_empty()).and_then(|d| d.subject_via.clone()),
                compares: table.columns.iter().map(|c| Compares::of(stored, table, c)).collect(),
                // A key of a table does not hold for those that inherit from it.
                unique: match inherited.contains(&full_name) {
                    true => BTreeSet::new(),
                    false => table.unique_keys.iter().filter_map(|key| if let [column] = key.as_slice() { Some(*column) } else { None }).collect(),
                },
                subjects: Arc::new(history.subjects),
                doubts: history.doubts,
                in_doubt: history.in_doubt,
                unknown_cells: history.unknown_cells,
                refers_to: table.foreign_keys.iter().map(|key| key.table.clone()).collect(),
                owner: table.owner.clone(),
                full_name,
            });
            engine_tables.push(EngineTable {
                schema: history.schema,
                name: history.name,
                columns: crate::declared::columns(stored, table, &history.columns),
                unique_keys: history.unique_keys,
                has_subject: description.is_some(),
                hidden: match (table.row_security, &table.owner) {
                    (RowSecurity::Off, _) => Hidden::FromNobody,
                    (RowSecurity::On, Some(owner)) => Hidden::FromAllBut(owner.clone()),
                    (RowSecurity::On, None) | (RowSecurity::Forced, _) => Hidden::FromEverybody,
                },
                near: history.near_cells,
                batches: history.batches,
            });
        }
        (tables, engine_tables)
    }

    /// When a database's snapshot was taken, and the resolution of what says so, microseconds.
    fn snapshot_time(&mut self, id: &str) -> (i64, i64) {
        let written = self.estate.databases.iter().find(|d| d.id == id).and_then(|d| d.snapshot_time.as_deref());
        let Some(written) = written else { return (i64::MIN, 1) };
        match written.parse::<jiff::Timestamp>() {
            Ok(time) if written.contains('.') => (time.as_microsecond(), 1),
            Ok(time) => (time.as_microsecond(), 1_000_000),
            Err(_) => {
                self.notes.push(format!("database {id}: snapshot_time is no RFC 3339 instant; the snapshot is taken as older than the log"));
                (i64::MIN, 1)
            }
        }
    }

    fn check_columns(&mut self, description: Option<&DescribedTable>, table: &strandline_history::store::StoredTable) {
        let Some(description) = description else { return };
        let whose = description.entries().flat_map(|entry| entry.subject_key.iter().chain(entry.rows.keys()));
        for column in description.categories.keys().chain(whose) {
            if table.column_index(column).is_none() {
                self.notes.push(format!("table {}: the estate describes column {column}, which the snapshot does not have", description.name));
            }
        }
    }

    /// Described tables that no snapshot holds: nothing can be replayed on them, and anybody may be in them.
    fn add_missing_tables(&mut self, described: &BTreeMap<&str, &DescribedTable>, stored: &StoredDatabase, tables: &mut Vec<TableWorld>, world: &mut World) {
        for (name, description) in described {
            if stored.table(name).is_some() {
                continue;
            }
            self.notes.push(format!("table {name} of database {} is in no snapshot; everybody known counts as possibly in it", stored.id));
            let others = description.other_columns.is_some().then(|| OTHER_COLUMNS.to_owned());
            let names: Vec<String> = description.categories.keys().cloned().chain(others).collect();
            let columns: Vec<Option<u32>> = names.iter().map(|c| column_number(Some(description), name, c, world)).collect();
            tables.push(TableWorld {
                full_name: (*name).to_owned(),
                described: true,
                categorised: columns.iter().flatten().copied().collect(),
                columns,
                names,
                subject_key: description.only_key().map(str::to_owned),
                via: None,
                compares: Vec::new(),
                unique: BTreeSet::new(),
                subjects: Arc::default(),
                doubts: [Open::Rows, Open::People].map(|open| TableDoubt::always(open, DoubtReason::NotInSnapshot)).to_vec(),
                in_doubt: Vec::new(),
                unknown_cells: Vec::new(),
                refers_to: Vec::new(),
                owner: None,
            });
        }
    }
}

/// Tables of which the log changes keys or types of columns: what the dump says of them holds for a part of the time alone.
#[derive(Default)]
struct Redefined {
    /// All words of such statements, in lower case.
    words: BTreeSet<String>,
    /// Whether one names no table.
    any: bool,
}

impl Redefined {
    fn of(writes: &[Write]) -> Self {
        const CHANGES: [&str; 9] = ["drop", "alter", "type", "modify", "change", "convert", "collate", "rename", "inherit"];
        let mut redefined = Self::default();
        for write in writes {
            let is_of = |word: &str| write.statement.trim_start().get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
            if !["alter", "drop", "rename", "create"].iter().any(|word| is_of(word)) {
                continue;
            }
            let all = strandline_sql::lexer::tokens(&write.statement, write.dialect);
            let is = |at: usize, word: &str| all.get(at).is_some_and(|token| token.is(word));
            redefined.any |= is_of("drop") && is(1, "index") && write.dialect == Dialect::PostgreSql;
            let is_change = all.iter().skip(1).any(|token| CHANGES.iter().any(|word| token.is(word)));
            if is_change && (is(1, "table") || is(1, "index")) || !is(1, "view") && all.iter().any(|token| token.is("inherits")) {
                redefined.words.extend(all.iter().filter_map(|token| token.name(write.dialect)).map(|name| name.to_lowercase()));
            }
        }
        redefined
    }

    fn may_be(&self, full_name: &str) -> bool {
        let name = full_name.rsplit('.').next().unwrap_or_default().to_lowercase();
        self.any || self.words.contains(&name)
    }
}

/// How many bytes a text of a column has in the mean.
fn mean_bytes(table: &strandline_history::store::StoredTable, column: usize) -> f64 {
    let texts = table.batches.iter().filter_map(|batch| batch.column(column).as_string_opt::<i32>());
    let (bytes, count) = texts.fold((0, 0), |(bytes, count), texts| (bytes + texts.value_data().len(), count + texts.len() - texts.null_count()));
    // Sizes are compared coarsely.
    bytes as f64 / count.max(1) as f64
}

/// What the log made and moved since the snapshot.
fn made_since(
    stored: &StoredDatabase,
    (tables, numbers): (&[TableWorld], &BTreeMap<String, usize>),
    (views, texts): (&[EngineView], &BTreeMap<String, String>),
    (carried, snapshot): (&[Carried], i64),
    beside: &Beside,
) -> Made {
    let columns = |full: &str| numbers.get(full).map(|at| tables[*at].names.clone());
    let view = |full: &str| texts.get(full).cloned();
    let is_described = |full: &str| numbers.get(full).is_some_and(|at| tables[*at].described);
    let of = Snapshotted {
        dialect: stored.dialect,
        name: &stored.name,
        search_path: &stored.search_path,
        columns: &columns,
        view: &view,
        is_described: &is_described,
        beside,
    };
    let recipes = views.iter().filter(|v| v.as_of.is_some()).map(|v| (format!("{}.{}", v.schema, v.name), v.sql.clone())).collect();
    Maker::new(&of, recipes).make(carried, snapshot)
}

/// For each relation those whose rows it shows, too. A materialised view shows what it held when it was filled.
fn beside(stored: &StoredDatabase, views: &[EngineView], index: &BTreeMap<String, usize>) -> Beside {
    let mut beside = Beside::new();
    let names: BTreeSet<String> = views.iter().map(|view| format!("{}.{}", view.schema, view.name)).collect();
    let full = |parts: &[String]| match parts {
        [name] => stored.search_path.iter().map(|schema| format!("{schema}.{name}")).find(|full| index.contains_key(full) || names.contains(full)),
        [.., schema, name] => Some(format!("{schema}.{name}")),
        [] => None,
    };
    for view in views.iter().filter(|view| view.as_of.is_none()) {
        let read = strandline_sql::names(&view.sql, stored.dialect).relations;
        beside.entry(format!("{}.{}", view.schema, view.name)).or_default().extend(read.iter().filter_map(|parts| full(parts)));
    }
    for table in &stored.tables {
        for parent in table.parents.iter().filter_map(|parent| stored.table(parent)).map(|at| stored.tables[at].full_name()) {
            beside.entry(table.full_name()).or_default().insert(parent.clone());
            beside.entry(parent).or_default().insert(table.full_name());
        }
    }
    beside
}

fn column_number(description: Option<&DescribedTable>, table: &str, column: &str, world: &mut World) -> Option<u32> {
    let (category, named) = description?.category(column)?;
    let number = world.categories.binary_search_by(|known| known.as_str().cmp(category)).ok()?;
    world.columns.push((format!("{table}.{column}"), u32::try_from(number).ok()?));
    let column = u32::try_from(world.columns.len() - 1).ok()?;
    if named == NamedAs::AmongOthers {
        world.unnamed.insert(column);
    }
    Some(column)
}

/// A partitioned or inherited table shows its children's rows.
fn inherit_rows(database: &mut StoredDatabase) {
    for child in 0..database.tables.len() {
        let mut seen = BTreeSet::from([child]);
        let mut open: Vec<String> = database.tables[child].parents.clone();
        while let Some(name) = open.pop() {
            let Some(parent) = database.table(&name).filter(|p| seen.insert(*p)) else { continue };
            open.extend(database.tables[parent].parents.clone());
            let from = &database.tables[child];
            let places: Option<Vec<usize>> =
                database.tables[parent].columns.iter().map(|c| from.column_index(&c.name).filter(|at| from.columns[*at].kind == c.kind)).collect();
            let schema = database.tables[parent].arrow_schema();
            let Some(places) = places else {
                database.tables[parent].complete = false;
                continue;
            };
            let batches: Vec<RecordBatch> = from
                .batches
                .iter()
                .filter_map(|batch| RecordBatch::try_new(schema.clone(), places.iter().map(|at| batch.column(*at).clone()).collect()).ok())
                .collect();
            let (complete, unsure) = (from.complete, from.unsure_rows.clone());
            let parent = &mut database.tables[parent];
            parent.complete &= complete;
            let before = parent.rows();
            parent.unsure_rows.extend(unsure.into_iter().map(|row| before + row));
            batches.into_iter().for_each(|batch| parent.push_batch(batch));
        }
    }
}
