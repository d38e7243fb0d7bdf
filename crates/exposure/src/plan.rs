//! From an access to the replays that it asks for, or to the reason why it showed nobody. Pure: it reads the world and writes nothing.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use strandline_history::writes;
use strandline_model::access::{Access, AccessKind};
use strandline_model::event::MASK;
use strandline_model::evidence::EventRef;
use strandline_model::exposure::Certainty;
use strandline_sql::{ShowsNobody, lexer};

use crate::cursors::{Commands, Resolved};
use crate::missing::{Cap, Missing, cap_of, lower};
use crate::nobody::Nobody;
use crate::page::OnPage;
use crate::replay::Call;
use crate::statement::{Meaning, Sent, Shown, Unknowns, shape, understand, widen};
use crate::world::{DatabaseWorld, Named, World};

/// How a job's result is to be read.
#[derive(Clone, PartialEq)]
pub(crate) enum Mode {
    /// As the statement stands.
    Exact,
    /// The statement was widened: whoever it shows is possible.
    Wide(Missing),
}

/// One replay to do.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) database: usize,
    pub(crate) sql: String,
    pub(crate) call: Call,
    /// The highest tier that attribution, completion and delivery allow.
    pub(crate) cap: Cap,
    pub(crate) rows_logged: Option<i64>,
    pub(crate) named: Rc<Named>,
    pub(crate) mode: Mode,
    /// The rows stand for a file that may have held others.
    pub(crate) is_extract: bool,
    /// What of it went to the actor, if the rows were delivered.
    pub(crate) on_page: OnPage,
    /// Bytes of the response that delivered them.
    pub(crate) response_bytes: Option<i64>,
}

/// What one statement of an access comes to.
pub(crate) enum Part {
    /// It is replayed.
    Replay(Box<Job>),
    /// Everybody of these tables is possible.
    Everybody { database: usize, tables: BTreeSet<usize>, missing: Missing, detail: Option<String> },
    /// It showed nobody.
    Nobody(Nobody, Option<String>),
}

/// What an access comes to.
#[derive(Default)]
pub(crate) struct Planned {
    pub(crate) parts: Vec<Part>,
    /// Places of the access that it depends on, as a FETCH on its DECLARE.
    pub(crate) also: Vec<EventRef>,
    /// Described tables that it reads, and others.
    pub(crate) described: BTreeSet<String>,
    pub(crate) undescribed: BTreeSet<String>,
    /// All rows of a cursor are shown, since its fetches are not logged.
    pub(crate) is_whole_cursor: bool,
}

/// Rows to skip and to take, for each motion of a cursor; `None` where it moved over no row.
pub(crate) type Windows = Vec<Option<(u64, u64)>>;

/// What a plan is made from.
pub(crate) struct Scene<'s> {
    pub(crate) world: &'s World,
    pub(crate) commands: &'s Commands,
    /// Rows of each fetch, by cursor; `None` if the cursor cannot be replayed.
    pub(crate) windows: &'s HashMap<usize, Option<Windows>>,
}

/// How the logged row count may be used.
#[derive(Clone, Copy, PartialEq)]
enum CountUse {
    /// A FETCH says how many rows it wants; having run to its end with that many left, it sent just these.
    Stated(u64),
    /// It counts the rows of the query.
    Plain,
    /// An audit log writes 0 for commands that run a query inside (FETCH, EXECUTE, COPY): 0 says nothing.
    ZeroMeansNothing,
    /// It counts something else.
    None,
}

/// Which replays the access with this number asks for.
pub(crate) fn plan(number: usize, access: &Access, scene: &Scene<'_>) -> Planned {
    let mut planned = Planned::default();
    let Some(database) = scene.world.database(&access.database) else {
        planned.undescribed.insert(access.database.clone());
        planned.parts.push(Part::Nobody(Nobody::UndescribedDatabase, None));
        return planned;
    };
    let mut planner = Planner { scene, database, access, cap: (Certainty::Confirmed, None), count: CountUse::Plain, planned };
    planner.access(number);
    if planner.planned.parts.is_empty() {
        // No statement stands in it: an empty query, or a comment.
        planner.nobody(Nobody::Statement(ShowsNobody::Empty), None);
    }
    planner.planned
}

struct Planner<'p> {
    scene: &'p Scene<'p>,
    database: usize,
    access: &'p Access,
    cap: Cap,
    count: CountUse,
    planned: Planned,
}

impl Planner<'_> {
    fn world(&self) -> &DatabaseWorld {
        &self.scene.world.databases[self.database]
    }

    fn nobody(&mut self, reason: Nobody, detail: Option<String>) {
        self.planned.parts.push(Part::Nobody(reason, detail));
    }

    fn everybody(&mut self, tables: BTreeSet<usize>, missing: Missing, detail: Option<String>) {
        self.planned.parts.push(Part::Everybody { database: self.database, tables, missing, detail });
    }

    /// Everything that the role may read is possible.
    fn widen_to_role(&mut self, missing: Missing, detail: Option<&str>) {
        let tables = self.world().readable(self.access.role.as_deref());
        self.everybody(tables, missing, detail.map(str::to_owned));
    }

    fn access(&mut self, number: usize) {
        let access = self.access;
        if access.kind == AccessKind::Route && access.statement.is_empty() {
            return match was_turned_away(access) {
                true => self.nobody(Nobody::RequestRefused, None),
                // What the missing log leaves open is folded in with the gap itself.
                false => self.nobody(Nobody::UnknownRequest, None),
            };
        }
        if access.kind == AccessKind::Route && was_turned_away(access) {
            return self.nobody(Nobody::RequestRefused, None);
        }
        let dialect = self.world().dialect;
        let statements: Vec<&str> = lexer::statements(&access.statement, dialect);
        if failed(access) && access.kind != AccessKind::Statement {
            // A file that could not be opened gives no bytes.
            return self.nobody(Nobody::RefusedBeforeReading, None);
        }
        if failed(access) {
            return statements.into_iter().for_each(|sql| self.failed(sql));
        }
        if statements.len() > 1 {
            self.count = CountUse::None;
        }
        for (part, sql) in statements.into_iter().enumerate() {
            self.cap = cap_of(access, Sent::ToClient);
            match self.scene.commands.resolved.get(&(number, part)).cloned() {
                Some(resolved) => self.command(resolved),
                None => self.statement(understand(sql, dialect)),
            }
        }
    }

    /// It failed: no row was sent, but an error's text may quote what it read before.
    fn failed(&mut self, sql: &str) {
        if refused_before_reading(self.access) {
            return self.nobody(Nobody::RefusedBeforeReading, None);
        }
        let named = match understand(sql, self.world().dialect) {
            Meaning::Shows(shown) => self.world().named(&shown.sql),
            Meaning::Nobody(class) => return self.nobody(Nobody::Statement(class), None),
            Meaning::Command(_) => return self.nobody(Nobody::Command, None),
            Meaning::Opaque(reason) => return self.widen_to_role(Missing::FailedWithError, Some(reason)),
        };
        self.name_tables(&named);
        if named.opaque {
            self.widen_to_role(Missing::FailedWithError, None);
        } else if !named.described.is_empty() {
            self.everybody(named.described.clone(), Missing::FailedWithError, None);
        } else if named.other.is_empty() && named.unknown.is_empty() {
            self.nobody(Nobody::NoTable, None);
        } else if undeclared(&named, self.world()).next().is_none() {
            self.nobody(Nobody::DeclaredWithout, None);
        } else {
            self.nobody(Nobody::Failed, None);
        }
    }

    fn command(&mut self, resolved: Resolved) {
        let utility = if self.count == CountUse::Plain { CountUse::ZeroMeansNothing } else { self.count };
        match resolved {
            Resolved::Control => self.nobody(Nobody::Command, None),
            Resolved::Lost(missing) => self.widen_to_role(missing, None),
            Resolved::Executed { sql, parameters, parameters_known, missing } => {
                if let Some(missing) = missing {
                    self.cap = lower(self.cap, (Certainty::Possible, Some(missing)));
                }
                self.count = utility;
                match understand(&sql, self.world().dialect) {
                    Meaning::Shows(shown) => self.query(&shown, Values { parameters, parameters_known }, self.access.time.micros(), None),
                    other => self.statement(other),
                }
            }
            Resolved::Fetched { cursor, fetch } => {
                self.count = utility;
                let rows = self.scene.windows.get(&cursor).and_then(|w| w.as_ref()).and_then(|w| w.get(fetch).copied());
                match rows {
                    Some(None) => self.nobody(Nobody::CursorAtItsEnd, None),
                    Some(Some(window)) if self.scene.commands.cursors[cursor].motions.get(fetch).is_some_and(|(motion, _)| motion.states(window.1)) => {
                        self.count = CountUse::Stated(window.1);
                        self.cursor(cursor, Some(window));
                    }
                    window => self.cursor(cursor, window.flatten()),
                }
            }
            Resolved::WholeCursor { cursor } => {
                self.count = CountUse::None;
                self.cap = lower(self.cap, (Certainty::Likely, Some(Missing::FetchesNotLogged)));
                self.cursor(cursor, None);
                self.planned.is_whole_cursor = true;
            }
        }
    }

    fn cursor(&mut self, cursor: usize, rows: Option<(u64, u64)>) {
        let cursor = &self.scene.commands.cursors[cursor];
        self.planned.also = if self.access.proof == cursor.proof { Vec::new() } else { cursor.proof.clone() };
        let Meaning::Shows(shown) = understand(&cursor.query, self.world().dialect) else {
            return self.widen_to_role(Missing::NotUnderstood, None);
        };
        self.query(&shown, Values { parameters: cursor.parameters.clone(), parameters_known: cursor.parameters_known }, cursor.time, rows);
    }

    fn statement(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Shows(shown) => {
                self.cap = lower(self.cap, cap_of(self.access, shown.sent));
                if self.count == CountUse::Plain && self.access.statement.trim_start().get(..4).is_some_and(|w| w.eq_ignore_ascii_case("copy")) {
                    self.count = CountUse::ZeroMeansNothing;
                }
                let time = self.access.time.micros().saturating_sub(i64::from(shown.as_before));
                let values = Values { parameters: self.access.parameters.clone(), parameters_known: self.access.parameters_known };
                self.query(&shown, values, time, None);
            }
            Meaning::Nobody(class) => self.nobody(Nobody::Statement(class), None),
            Meaning::Command(_) => self.nobody(Nobody::Command, None),
            Meaning::Opaque(reason) => self.widen_to_role(Missing::NotUnderstood, Some(reason)),
        }
    }

    fn name_tables(&mut self, named: &Named) {
        let world = &self.scene.world.databases[self.database];
        self.planned.described.extend(named.described.iter().map(|t| world.tables[*t].full_name.clone()));
        self.planned.undescribed.extend(undeclared(named, world).cloned());
    }

    /// Whom the rows of a query show.
    fn query(&mut self, shown: &Shown, values: Values, time: i64, rows: Option<(u64, u64)>) {
        let named = Rc::new(self.world().named(&shown.sql));
        self.name_tables(&named);
        if named.opaque {
            return self.widen_to_role(Missing::NotUnderstood, Some("it calls code that may read what it does not name"));
        }
        let others_declared = undeclared(&named, self.world()).next().is_none();
        if !others_declared {
            self.undescribed(&named);
        }
        if named.described.is_empty() {
            return match (named.other.is_empty() && named.unknown.is_empty(), others_declared) {
                (true, _) => self.nobody(Nobody::NoTable, None),
                (false, true) => self.nobody(Nobody::DeclaredWithout, None),
                (false, false) => {}
            };
        }
        let job = Job {
            database: self.database,
            sql: shown.sql.clone(),
            call: Call { time, as_of: None, parameters: Vec::new(), rows },
            cap: self.cap,
            rows_logged: self.rows_logged(),
            named,
            mode: Mode::Exact,
            is_extract: self.access.kind == AccessKind::FileExtract,
            on_page: self.scene.world.pages.on_page(self.access, &shown.sql, self.world().dialect),
            response_bytes: self.access.response_bytes,
        };
        self.job(job, values);
    }

    /// It reads what the estate does not describe. What was made since the snapshot may hold a copy of anything that the role may read;
    /// a table that refers to people is about them.
    fn undescribed(&mut self, named: &Named) {
        self.nobody(Nobody::UndescribedTable, None);
        let world = self.world();
        if named.unknown.iter().any(|name| !world.is_without_personal_data(name)) {
            return self.widen_to_role(Missing::MadeSince, None);
        }
        let about: BTreeSet<usize> = undeclared(named, world).flat_map(|name| world.about(name)).collect();
        if !about.is_empty() {
            self.everybody(about, Missing::RefersToPeople, None);
        }
    }

    /// The job with its values; without the conditions that use a value which is not known.
    fn job(&mut self, mut job: Job, mut values: Values) {
        let dialect = self.world().dialect;
        let masked = job.sql.contains(MASK) || values.parameters.iter().flatten().any(|p| p == MASK);
        let has_placeholder = || lexer::tokens(&job.sql, dialect).iter().any(|t| matches!(t.kind, lexer::Kind::Placeholder(_)));
        if masked || (!values.parameters_known && has_placeholder()) {
            let missing = if masked { Missing::ValuesMasked } else { Missing::ParametersUnknown };
            let wide = widen(&job.sql, dialect, &Unknowns { parameters: &values.parameters, parameters_known: values.parameters_known });
            let Some(sql) = wide else {
                return self.everybody(job.named.described.clone(), missing, None);
            };
            job.mode = Mode::Wide(missing);
            job.call.rows = None;
            job.sql = sql;
        } else {
            job.sql = shape(&job.sql, dialect, &mut values.parameters);
        }
        job.call.parameters = values.parameters;
        self.planned.parts.push(Part::Replay(Box::new(job)));
    }

    fn rows_logged(&self) -> Option<i64> {
        match (self.count, self.access.kind) {
            (CountUse::None, _) | (_, AccessKind::Route | AccessKind::File | AccessKind::FileExtract) => None,
            (CountUse::ZeroMeansNothing, _) => self.access.row_count.filter(|n| *n > 0),
            (CountUse::Stated(rows), _) => self.access.row_count.filter(|n| *n > 0).or_else(|| i64::try_from(rows).ok()),
            (CountUse::Plain, _) => self.access.row_count,
        }
    }
}

/// Tables that a statement names and the estate neither describes nor declares to be without personal data.
fn undeclared<'n>(named: &'n Named, world: &'n DatabaseWorld) -> impl Iterator<Item = &'n String> {
    named.other.iter().chain(&named.unknown).filter(|table| !world.is_without_personal_data(table))
}

/// The values of an execution.
struct Values {
    parameters: Vec<Option<String>>,
    /// Whether they are those of the execution.
    parameters_known: bool,
}

/// Whether the statement or the opening of the file failed.
fn failed(access: &Access) -> bool {
    use strandline_model::access::Completion;
    match access.kind {
        AccessKind::Statement | AccessKind::File | AccessKind::FileExtract => access.completion == Completion::Failed,
        AccessKind::Route => false,
    }
}

/// How the servers begin an error that comes before a row is read: their parser's, their analyser's, or a missing right. In English, as
/// servers log; an error in another language stays open. Sources: PostgreSQL's `errcodes.txt` class 42, MySQL's error reference.
const BEFORE_READING: [&str; 14] = [
    "permission denied for ",
    "syntax error ",
    "unterminated quoted ",
    "relation \"",
    "schema \"",
    "missing FROM-clause entry ",
    "invalid reference to FROM-clause entry ",
    "current transaction is aborted",
    "You have an error in your SQL syntax",
    "Unknown column ",
    "Unknown table ",
    "Unknown database ",
    "SELECT command denied ",
    "Access denied ",
];

/// Whether the server refused a statement before it read a row, and its error quotes nothing of the data.
fn refused_before_reading(access: &Access) -> bool {
    use strandline_model::access::ErrorShows;
    // Classes of SQLSTATE: syntax and access rules, unknown databases and schemas, authorization.
    let is_of_class = |state: &str| state.len() == 5 && ["42", "3D", "3F", "28"].iter().any(|class| state.starts_with(class));
    let is_classed = |error: &str| error.split_once(": ").is_some_and(|(state, _)| is_of_class(state));
    let is_worded = |error: &str| BEFORE_READING.iter().any(|start| error.starts_with(start));
    let is_of_column = |error: &str| error.starts_with("column ") && error.ends_with(" does not exist");
    let begins = |error: &str| is_classed(error) || is_worded(error) || is_of_column(error);
    access.error_shows() == ErrorShows::Nothing && access.error.as_deref().is_some_and(begins)
}

/// Whether the request for a route was turned away: no statement is known to have run, and a refusal is all there is. A server error may
/// come after the read, and so may a client that went away.
fn was_turned_away(access: &Access) -> bool {
    use strandline_model::access::Completion;
    access.kind == AccessKind::Route
        && (matches!(access.response_status, Some(300..=303 | 305..=407 | 409..=498))
            || (access.completion == Completion::Failed && access.response_status.is_none_or(|s| s < 499)))
}

/// The subjects that a statement over one table asks for by key: nobody else's row can be in its answer.
pub(crate) fn bound_subject(job: &Job, world: &World) -> Option<String> {
    let database = &world.databases[job.database];
    let [table] = job.named.described.iter().copied().collect::<Vec<_>>()[..] else { return None };
    let key = database.tables[table].subject_key.as_ref()?;
    if !job.named.other.is_empty() || !job.named.unknown.is_empty() || !job.named.without_views() {
        return None;
    }
    let sqlparser::ast::Statement::Query(query) = writes::parse(&job.sql, database.dialect)? else { return None };
    let sqlparser::ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
    if query.with.is_some()
        || select.from.len() != 1
        || !select.from[0].joins.is_empty()
        || !matches!(select.from[0].relation, sqlparser::ast::TableFactor::Table { .. })
    {
        return None;
    }
    let mut equal = Vec::new();
    strandline_history::roll::equalities(select.selection.as_ref(), &mut equal);
    let (_, value) = equal.iter().find(|(column, _)| column.eq_ignore_ascii_case(key))?;
    strandline_history::evaluate::literal(value, &job.call.parameters).text()
}
