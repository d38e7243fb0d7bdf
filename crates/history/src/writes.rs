//! The writes of the log that touch what is held: one for each execution however often it was logged, with what the
//! log shows of how its transaction ended; and, on the same pass, what it shows of the connections that are asked for.
//! A write is kept as its text, never as a tree; one that touches nothing that is held is not kept at all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, Statement, Value as Literal};
use strandline_model::event::{Activity, Class, EMPTY_OR_NULL, RecordKind, Status, columns};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::table::Scan;
use strandline_sql::{Ran, Rules, SessionState, Setting, lexer, may_change};

use crate::interest::Interest;
use crate::routines::made;
use crate::sessions::Sessions;
use crate::transactions::{Isolation, OwnWrite, Place, Transaction, isolation_of};
use crate::two_phase::TwoPhase;
use crate::{Defined, Dialect, HistoryError};

/// One write that may have taken effect.
#[derive(Clone)]
pub struct Write {
    /// When it took effect, microseconds: at its COMMIT, where that is logged.
    pub time: i64,
    /// When the log says that it ran.
    pub said: i64,
    /// The first instant that its `now()` may have given, microseconds: PostgreSQL's is that of the transaction's beginning.
    pub clock_from: i64,
    /// Resolution of the log's clock, microseconds.
    pub tick: i64,
    /// How long, microseconds, what was there before it may still have been read: a tick, unless the order of a log tells.
    pub precision: i64,
    /// The database's name at the server, where logged.
    pub database: Option<Arc<str>>,
    /// The statement.
    pub statement: Arc<str>,
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// Bind values, where logged; `None` in it is NULL.
    pub parameters: Option<Box<[Option<String>]>>,
    /// Rows that the log says were changed.
    pub row_count: Option<i64>,
    /// Whether it took effect.
    pub end: End,
    /// Whether a log tells that it ran to its end: PostgreSQL's tell of each error, MySQL's general log of none.
    pub succeeded: bool,
    /// For the connections that are asked for: which one, and which of its writes.
    pub owner: Option<Owner>,
    /// Where it took effect in a log of a coarse clock that holds statements in the order in which they began.
    pub(crate) order: Option<Box<Place>>,
    /// Who had signed in, where logged.
    pub role: Option<Arc<str>>,
    /// What its session had set, where that may change what its names, texts or times mean.
    pub session: Option<Arc<SessionState>>,
    /// Whether that leaves it open which tables it wrote to, or what.
    pub(crate) is_lost: bool,
    /// Whether no log tells which statements were of its transaction, neither by a number nor by how it ended.
    pub(crate) is_loose: bool,
}

/// Whether a write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It did.
    Committed,
    /// The log does not show how its transaction ended, or a rollback to a savepoint may have undone it.
    Unsure,
    /// It was undone at this instant; until then its own connection saw it.
    Undone(i64),
}

/// Whose write it is, among the connections that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The connection's number.
    pub connection: u32,
    /// The number of the write within it.
    pub write: u32,
}

strandline_model::event_columns! {
    /// What is read of a record that may write.
    struct Row {
        time, place, duration_micros, time_precision_micros, class, activity, status, source, session, pid, database, statement, parameters,
        row_count, transaction, record_kind, command, account,
    }
}

/// Two logs tell of one write at most this far apart: one when it began, one when it ended.
const SAME_WRITE_MICROS: i64 = 600_000_000;
/// A write of which no log tells how long it took began at most this long before its stamp.
const LONG_STATEMENT_MICROS: i64 = 3_600_000_000;
/// So did a transaction of which no log tells how it began.
const LONG_TRANSACTION_MICROS: i64 = 86_400_000_000;
/// Writes of one connection of which it is not known whether they commit themselves: of more than so many they do.
const MOST_PENDING: usize = 256;
/// Connections that are remembered for how their transactions begin alone.
const MOST_KNOWN: usize = 1 << 17;

/// Statements of one connection that are remembered as prepared.
const MOST_PREPARED: usize = 1 << 10;
/// Transactions that are remembered as prepared, to be ended by any connection.
const MOST_TWO_PHASE: usize = 1 << 12;
/// Schemas that are remembered as made.
const MOST_SCHEMAS: usize = 1 << 12;

/// What the log shows of one connection.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFacts {
    /// Its first event.
    pub first: Option<i64>,
    /// Its last event.
    pub last: Option<i64>,
    /// When it was opened, where that is logged.
    pub connected: Option<i64>,
    /// When it was closed, where that is logged.
    pub disconnected: Option<i64>,
    /// A DECLARE, FETCH, PREPARE or EXECUTE stands in a record of `log_statement`, which then logs them all.
    pub session_statements_logged: bool,
    /// Its number among the connections that are asked for.
    pub number: Option<u32>,
    /// Its transactions, in the order of the logs.
    pub transactions: Vec<Transaction>,
    /// Its writes, in the order of the logs.
    pub own: Vec<OwnWrite>,
}

/// Databases and roles, where logged, of whose writes an audit log tells: which it does is set for each.
pub type Audited = BTreeSet<(Option<Arc<str>>, Option<Arc<str>>)>;

/// What the events say.
#[derive(Default)]
pub struct LogFacts {
    /// By time; writes at one time in the order of the log.
    pub writes: Vec<Write>,
    /// Databases of which any log holds a write or a definition, of anybody: their names at the server, where logged. Where none does, a log
    /// may have been set to leave them out.
    pub written: BTreeSet<(Dialect, Option<Arc<str>>)>,
    /// Schemas that statements make, or into which they put what they make.
    pub made_schemas: BTreeSet<String>,
    /// Functions and operators that statements define, whatever they do.
    pub defined: BTreeSet<Defined>,
    /// Of whose writes an audit log tells, and so of each statement of code that writes for them.
    pub audited: Audited,
    /// First database event.
    pub first_event: Option<i64>,
    /// Last database event.
    pub last_event: Option<i64>,
    /// By connection: those that were asked for.
    pub connections: BTreeMap<String, ConnectionFacts>,
    /// What those had set, and when.
    pub sessions: Sessions,
}

impl LogFacts {
    /// Whether any log holds a write to a database of this name, or one that may have been to it.
    pub fn shows_writes(&self, dialect: Dialect, name: &str) -> bool {
        self.written.iter().any(|(of, logged)| *of == dialect && logged.as_deref().is_none_or(|logged| logged == name))
    }
}

/// Reads the events once. `connections` are those whose facts are wanted; writes that `interest` does not touch are passed over.
///
/// # Errors
/// If the table cannot be read.
pub fn read(events: &dyn Scan, connections: &BTreeSet<String>, interest: Interest) -> Result<LogFacts, HistoryError> {
    let mut reader = Reader::new(interest);
    for part in columns::scan::<Row<'_>>(events).map_err(HistoryError::scan("events"))? {
        for event in part.map_err(HistoryError::scan("events"))?.iter().filter(|e| e.class == Class::Datastore || e.record_kind.is_some()) {
            let mysql = matches!(event.record_kind, Some(RecordKind::MysqlGeneral | RecordKind::MysqlSlow | RecordKind::MysqlAudit));
            reader.dialect = if mysql { Dialect::MySql } else { Dialect::PostgreSql };
            reader.take(&event, connections);
        }
    }
    Ok(reader.finish())
}

/// A write as one log tells of it.
struct Logged {
    write: Write,
    /// Which log.
    log: u32,
    /// Session, statement and values, as a digest.
    what: u64,
    /// Whether only a log that shows how transactions end could tell that it took effect.
    needs_end: bool,
    /// Whether pgaudit told of it.
    is_audited: bool,
    /// Whether a log tells of it that holds everybody's statements in their order, and not definitions alone.
    is_among_all: bool,
    /// The same write as other logs number it.
    aliases: Vec<Owner>,
    /// Where it took effect: writes of several connections are known when theirs go on, which says nothing of their order.
    place: Place,
}

/// Makes one write of what several logs tell of it: those of one session, text and values, each log's in order of time. If any
/// log says that it failed or was rolled back, it was.
fn once_each(logged: Vec<Logged>, logs: usize) -> Vec<Logged> {
    if logs < 2 {
        return logged;
    }
    let mut groups: BTreeMap<u64, BTreeMap<u32, Vec<Logged>>> = BTreeMap::new();
    for one in logged {
        groups.entry(one.what).or_default().entry(one.log).or_default().push(one);
    }
    let mut out = Vec::new();
    for of_logs in groups.into_values() {
        let mut lists: Vec<Vec<Logged>> = of_logs.into_values().collect();
        lists.iter_mut().for_each(|list| list.sort_by_key(|l| l.write.time));
        // The log that has most of them is the one that the others are laid beside.
        lists.sort_by_key(|list| std::cmp::Reverse(list.len()));
        let joined = lists.into_iter().reduce(lay_beside).unwrap_or_default();
        out.extend(joined);
    }
    out
}

/// Joins what another log tells to the nearest that is known, one to one and in order; what is near none stands by itself.
fn lay_beside(mut known: Vec<Logged>, other: Vec<Logged>) -> Vec<Logged> {
    let times: Vec<i64> = known.iter().map(|l| l.write.time).collect();
    let apart = |at: usize, time: i64| times.get(at).map_or(i64::MAX, |t| t.saturating_sub(time).saturating_abs());
    let mut next = 0;
    let mut to_come = other.len();
    for one in other {
        let time = one.write.time;
        while times.get(next).is_some_and(|t| t.saturating_add(SAME_WRITE_MICROS) < time) {
            next += 1;
        }
        // A nearer one is taken only if enough are left for those to come.
        while next + to_come < times.len() && apart(next + 1, time) < apart(next, time) {
            next += 1;
        }
        to_come -= 1;
        if apart(next, time) <= SAME_WRITE_MICROS {
            known[next].join(one);
            next += 1;
        } else {
            known.push(one);
        }
    }
    known.sort_by_key(|l| l.write.time);
    known
}

impl Logged {
    fn join(&mut self, other: Self) {
        // A log that shows how transactions end settles what the others leave open.
        self.write.end = match (self.write.end, other.write.end) {
            (End::Unsure, end) if self.needs_end && !other.needs_end => end,
            (end, End::Unsure) if other.needs_end && !self.needs_end => end,
            (one, two) => one.max(two),
        };
        self.needs_end &= other.needs_end;
        self.write.is_loose &= other.write.is_loose;
        // A transaction's log knows when it was committed; the others know when the statement ran.
        self.write.time = self.write.time.max(other.write.time);
        self.write.said = self.write.said.min(other.write.said);
        self.write.clock_from = self.write.clock_from.min(other.write.clock_from);
        self.write.precision = self.write.precision.max(other.write.precision);
        self.write.tick = self.write.tick.max(other.write.tick);
        self.write.row_count = self.write.row_count.or(other.write.row_count);
        self.write.succeeded |= other.write.succeeded;
        self.write.parameters = told_best(self.write.parameters.take(), other.write.parameters);
        self.write.order = match (self.write.order.take(), other.write.order) {
            (Some(_), Some(order)) if other.is_among_all => Some(order),
            (one, two) => one.or(two),
        };
        self.is_among_all |= other.is_among_all;
        self.write.role = self.write.role.take().or(other.write.role);
        self.write.session = self.write.session.take().or(other.write.session);
        self.aliases.extend(other.aliases);
        match self.write.owner {
            Some(_) => self.aliases.extend(other.write.owner),
            None => self.write.owner = other.write.owner,
        }
    }
}

/// The statement as the parser has it; `None` if it does not know it, or it is more than one, or too deep to be walked.
pub fn parse(sql: &str, dialect: Dialect) -> Option<Statement> {
    strandline_sql::parse(sql, dialect)
}

/// Which log wrote a record. One execution stands at most once in each.
fn log_of(kind: Option<RecordKind>) -> u8 {
    match kind {
        Some(RecordKind::Statement | RecordKind::Execute) => 0,
        Some(RecordKind::PgauditSession) => 1,
        Some(RecordKind::PgauditObject) => 2,
        Some(RecordKind::Duration) => 3,
        Some(RecordKind::MysqlGeneral) => 4,
        Some(RecordKind::MysqlAudit) => 5,
        Some(RecordKind::MysqlSlow) => 6,
        _ => 7,
    }
}

/// Statements of no class that a log of writes alone would hold.
const NEITHER_WRITE_NOR_READ: [&str; 12] = ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "set", "show", "reset", "discard"];
/// What runs longer than this stands in logs of slow statements, too; PostgreSQL's threshold is a whole number of milliseconds.
const QUICK_MICROS: i64 = 1_000;

/// Whether a record proves that its log holds every statement by which a transaction begins or ends. A log of writes, of reads
/// and writes, or of slow statements holds none, or a few of them.
fn shows_all(event: &Row<'_>, word: &str) -> bool {
    let is_of_control = NEITHER_WRITE_NOR_READ.contains(&word);
    match event.record_kind {
        Some(RecordKind::MysqlGeneral) => true,
        Some(RecordKind::Statement | RecordKind::Execute | RecordKind::PgauditSession | RecordKind::MysqlAudit) => is_of_control,
        Some(RecordKind::Duration | RecordKind::MysqlSlow) => event.duration_micros.is_some_and(|took| took < QUICK_MICROS),
        _ => false,
    }
}

/// Whether a record of PostgreSQL tells that its statement was let run: pgaudit's and durations are written of no other. What ends a failed
/// transaction is let run in it.
pub(crate) fn is_let_run(kind: Option<RecordKind>, word: &str) -> bool {
    let is_told = matches!(kind, Some(RecordKind::PgauditSession | RecordKind::PgauditObject | RecordKind::Duration));
    is_told && !["", "commit", "end", "rollback", "abort", "prepare"].contains(&word)
}

/// The values that were bound to a write. pgaudit writes NULL and an empty text alike.
fn bound(event: &Row<'_>) -> Option<Box<[Option<String>]>> {
    let is_audited = matches!(event.record_kind, Some(RecordKind::PgauditSession | RecordKind::PgauditObject));
    let missing = is_audited.then_some(EMPTY_OR_NULL);
    let values = event.parameters.as_ref()?.iter().map(|value| value.as_deref().or(missing).map(str::to_owned));
    Some(values.collect::<Box<[_]>>()).filter(|values| !values.is_empty())
}

/// Whether two logs may tell of the same values.
fn of_one_execution(one: &[Option<String>], other: &[Option<String>]) -> bool {
    let may_be_either = |one: &Option<String>, other: &Option<String>| one.as_deref() == Some(EMPTY_OR_NULL) && other.as_deref().is_none_or(str::is_empty);
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other || may_be_either(one, other) || may_be_either(other, one))
}

/// Of what two logs tell of the same values, that which leaves none open.
fn told_best(one: Option<Box<[Option<String>]>>, other: Option<Box<[Option<String>]>>) -> Option<Box<[Option<String>]>> {
    let is_open = |values: &[Option<String>]| values.iter().flatten().any(|value| value == EMPTY_OR_NULL);
    match (one, other) {
        (Some(one), Some(other)) if is_open(&one) && !is_open(&other) => Some(other),
        (one, other) => one.or(other),
    }
}

/// What a session wrote, as a digest: logs differ in blanks at the end, and in how they write NULL and an empty text.
fn digest(session: &str, statement: &str, parameters: Option<&[Option<String>]>) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    let told = |value: &Option<String>| value.clone().filter(|value| !value.is_empty() && value != EMPTY_OR_NULL);
    let parameters: Option<Vec<Option<String>>> = parameters.map(|values| values.iter().map(told).collect());
    (session, statement.trim().trim_end_matches(';').trim_end(), parameters).hash(&mut hasher);
    hasher.finish()
}

/// What `SET autocommit = …` sets it to.
fn autocommit(statement: &str) -> Option<bool> {
    let lower = statement.to_ascii_lowercase();
    let value = lower.split_once("autocommit")?.1.trim_start_matches(['`', ' ', ':', '=']);
    let word: String = value.chars().take_while(char::is_ascii_alphanumeric).collect();
    match word.as_str() {
        "0" | "off" | "false" => Some(false),
        "1" | "on" | "true" => Some(true),
        _ => None,
    }
}

struct Pending {
    write: Write,
    statement: Arc<str>,
    what: u64,
    logs: u8,
    needs_end: bool,
    place: Place,
}

/// A transaction that was prepared.
struct Prepared {
    pending: Vec<Pending>,
    /// How it ended, and where; a refusal of that may come yet.
    ended: Option<(Finish, Place)>,
}

/// A string of several statements that was taken: pgaudit writes the whole of it for each of them.
struct Several {
    statement: Arc<str>,
    logs: u8,
    audited: usize,
}

/// A transaction of PostgreSQL as its number tells of it, whatever the log holds of how it began and ended.
struct Numbered {
    number: String,
    /// Its statements so far: what is kept of it.
    told: Transaction,
    /// Its last record.
    last: Place,
    /// The log and the text of its first record, as a digest.
    first: (u8, u64),
    /// Whether it has several statements.
    is_of_several: bool,
    /// Whether the log holds how it began: then it is kept as that tells.
    is_explicit: bool,
}

/// A part of a record: the record, the words of the part, and the first of them.
#[derive(Clone, Copy)]
struct Part<'p, 'b> {
    event: &'p Row<'b>,
    statement: &'p str,
    word: &'p str,
    session: &'p str,
    place: Place,
    /// Whether it is all that the record says.
    is_whole: bool,
}

/// A connection, as one log shows it.
#[derive(Default)]
struct Open {
    transaction: Option<String>,
    explicit: bool,
    /// Where an error took the running transaction with it: what comes fails, up to its end, or to a rollback to a savepoint.
    aborted: Option<Place>,
    /// Whether the running transaction may have ended, or gone on from a savepoint, without a word in this log.
    perhaps_over: bool,
    /// `SET autocommit = 0`: each statement begins a transaction.
    manual: bool,
    /// That each statement is a transaction by itself is known: the connection began in this log, or began a transaction in words.
    is_by_itself: bool,
    log: u32,
    pending: Vec<Pending>,
    /// Savepoints, and how many writes were pending when each was set.
    savepoints: Vec<(String, usize)>,
    /// The level of its transactions, where it was set, and what it was when the running one began.
    default_level: Option<Isolation>,
    level_before: Option<Isolation>,
    /// The level of the next transaction alone.
    next_level: Option<Isolation>,
    /// What is kept of the running transaction, if the connection is asked for.
    running: Option<Transaction>,
    /// When the transaction began that was last begun in words.
    since: Option<i64>,
    /// The transaction whose number the last records gave, if the connection is asked for.
    numbered: Option<Numbered>,
    several: Option<Several>,
    owner: Option<u32>,
    /// What it set, if anything.
    state: Option<Box<SessionState>>,
    /// Statements of PostgreSQL that it prepared in words and that may write to what matters, by name.
    prepared: Vec<(String, Arc<Statement>)>,
}

struct Reader {
    facts: LogFacts,
    logged: Vec<Logged>,
    /// A log source, and which of a server's logs. Each has transactions of its own.
    logs: HashMap<(String, u8), u32>,
    /// Logs that hold every word of how transactions begin or end.
    shows_ends: BTreeSet<u32>,
    /// Logs in which `log_statement` wrote reads: what an audit log tells beside them began no transaction that they do not hold.
    shows_reads: BTreeSet<u32>,
    open: HashMap<(u32, String), Open>,
    /// Transactions that are prepared, by log and name, and how each ends as far as is known.
    two_phase: HashMap<(u32, String), Prepared>,
    interest: Interest,
    texts: HashSet<Arc<str>>,
    states: HashSet<Arc<SessionState>>,
    databases: HashSet<Arc<str>>,
    roles: HashSet<Arc<str>>,
    owners: BTreeMap<String, Owner>,
    /// Ticks of coarse clocks in which connections that are asked for ran anything: which one, if only one did.
    ticks: HashMap<i64, Option<u32>>,
    dialect: Dialect,
}

impl Reader {
    fn new(interest: Interest) -> Self {
        Self {
            facts: LogFacts::default(),
            logged: Vec::new(),
            logs: HashMap::new(),
            shows_ends: BTreeSet::new(),
            shows_reads: BTreeSet::new(),
            open: HashMap::new(),
            two_phase: HashMap::new(),
            interest,
            texts: HashSet::new(),
            states: HashSet::new(),
            databases: HashSet::new(),
            roles: HashSet::new(),
            owners: BTreeMap::new(),
            ticks: HashMap::new(),
            dialect: Dialect::PostgreSql,
        }
    }

    /// What is still open when the log ends was not seen to end.
    fn finish(mut self) -> LogFacts {
        let nowhere = EventRef { artefact: ArtefactId(String::new()), offset: u64::MAX, length: 0 };
        let end_of_log = Place::new(self.facts.last_event.unwrap_or_default(), &nowhere, 0);
        let mut open: Vec<((u32, String), Open)> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        for ((_, session), mut connection) in open {
            let end = if connection.explicit { Finish::NotShown } else { Finish::Statement };
            self.flush(&mut connection, &session, end, end_of_log);
            self.keep_numbered(&mut connection, &session);
        }
        let mut prepared: Vec<((u32, String), Prepared)> = std::mem::take(&mut self.two_phase).into_iter().collect();
        prepared.sort_by(|a, b| a.0.cmp(&b.0));
        for ((log, _), transaction) in prepared {
            self.end_prepared(log, transaction, end_of_log);
        }
        let Self { mut facts, mut logged, logs, shows_ends, shows_reads, ticks, .. } = self;
        let is_shown = |one: &Logged| shows_ends.contains(&one.log) || one.is_audited && shows_reads.contains(&one.log);
        for one in logged.iter_mut().filter(|l| l.needs_end && !is_shown(l)) {
            one.write.end = one.write.end.max(End::Unsure);
        }
        for one in &mut logged {
            one.needs_end &= !is_shown(one);
            one.write.is_loose &= one.needs_end;
        }
        let mut writes = once_each(logged, logs.len());
        let mut numbers: HashMap<(u32, u32), u32> = HashMap::new();
        for one in writes.iter().filter(|one| !one.aliases.is_empty()) {
            let aliases = one.aliases.iter().zip(one.write.owner.iter().cycle());
            numbers
                .extend(aliases.filter(|(alias, kept)| alias.connection == kept.connection).map(|(alias, kept)| ((alias.connection, alias.write), kept.write)));
        }
        // What was undone matters to its own connection alone.
        writes.retain(|one| !matches!(one.write.end, End::Undone(_)) || one.write.owner.is_some());
        put_in_order(&mut writes, |one| (one.write.time, one.write.order.as_deref().unwrap_or(&one.place).order()));
        facts.writes = writes.into_iter().map(|one| one.write).collect();
        for write in facts.writes.iter_mut().filter(|w| w.precision > 1) {
            // Within the tick nobody of interest but its own connection read, and what that had read the order of its log tells.
            let alone = write.owner.is_some_and(|owner| ticks.get(&write.time).is_some_and(|one| *one == Some(owner.connection)));
            write.precision = if alone || write.order.is_some() { 1 } else { write.precision };
        }
        // What was undone stands together, after what was committed then.
        let undone = |w: &Write| w.owner.filter(|_| matches!(w.end, End::Undone(_))).map(|owner| owner.connection);
        put_in_order(&mut facts.writes, |w| (w.time, undone(w)));
        facts.writes.shrink_to_fit();
        for connection in facts.connections.values_mut() {
            connection.order(&numbers);
        }
        facts
    }

    fn take(&mut self, event: &Row<'_>, wanted: &BTreeSet<String>) {
        let time = event.time.micros();
        self.facts.first_event = Some(self.facts.first_event.map_or(time, |first| first.min(time)));
        self.facts.last_event = Some(self.facts.last_event.map_or(time, |last| last.max(time)));
        let key = event.session.as_deref().map_or_else(|| format!("pid {}", event.pid.unwrap_or(0)), str::to_owned);
        let statement = event.statement.as_deref().unwrap_or_default();
        let word = first_word(statement);
        let is_wanted = wanted.contains(&key);
        if is_wanted {
            self.note(&key, event, &word);
        }
        let log = self.log_number(event);
        if is_wanted {
            self.facts.sessions.take(&key, log, self.dialect, event);
        }
        let mut connection = self.open.remove(&(log, key.clone())).unwrap_or_default();
        connection.log = log;
        if is_wanted && connection.owner.is_none() {
            let next = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
            connection.owner = Some(self.owners.entry(key.clone()).or_insert(Owner { connection: next, write: 0 }).connection);
        }
        if let Some(number) = connection.owner {
            self.facts.connections.entry(key.clone()).or_default().number = Some(number);
            if event.time_precision_micros > 1_000 {
                self.ticks.entry(time).and_modify(|one| *one = one.filter(|one| *one == number)).or_insert(Some(number));
            }
        }
        if shows_all(event, &word) {
            self.shows_ends.insert(log);
        }
        if matches!(event.record_kind, Some(RecordKind::Statement | RecordKind::Execute)) && ["select", "table", "values"].contains(&word.as_str()) {
            self.shows_reads.insert(log);
        }
        self.step(&mut connection, event, (statement, &word), &key);
        let is_kept = !connection.pending.is_empty()
            || connection.explicit
            || connection.manual
            || connection.is_by_itself && self.open.len() < MOST_KNOWN
            || connection.several.is_some()
            || connection.default_level.is_some()
            || connection.next_level.is_some()
            || connection.running.is_some()
            || connection.numbered.is_some()
            || !connection.prepared.is_empty()
            || connection.state.is_some() && self.open.len() < MOST_KNOWN;
        if is_kept && event.activity != Activity::Disconnect {
            self.open.insert((log, key), connection);
        }
    }

    fn note(&mut self, key: &str, event: &Row<'_>, word: &str) {
        let time = event.time.micros();
        let facts = self.facts.connections.entry(key.to_owned()).or_default();
        facts.first = Some(facts.first.map_or(time, |t| t.min(time)));
        facts.last = Some(facts.last.map_or(time, |t| t.max(time)));
        match event.activity {
            Activity::Connect => facts.connected = Some(facts.connected.map_or(time, |t| t.min(time))),
            Activity::Disconnect => facts.disconnected = Some(time),
            _ => {}
        }
        let logs_all = matches!(event.record_kind, Some(RecordKind::Statement | RecordKind::Execute | RecordKind::MysqlGeneral));
        facts.session_statements_logged |= logs_all && ["declare", "fetch", "move", "prepare", "execute"].contains(&word);
    }

    fn log_number(&mut self, event: &Row<'_>) -> u32 {
        let family = if self.dialect == Dialect::MySql { log_of(event.record_kind) } else { 0 };
        let next = u32::try_from(self.logs.len()).unwrap_or(u32::MAX);
        *self.logs.entry((event.source.to_string(), family)).or_insert(next)
    }

    fn step(&mut self, connection: &mut Open, event: &Row<'_>, (statement, word): (&str, &str), session: &str) {
        let time = event.time.micros();
        let place = Place::new(time, &event.place, 0);
        self.count(connection, event, (statement, word), session);
        if event.transaction.is_some() && connection.transaction.is_some() && event.transaction.as_deref() != connection.transaction.as_deref() {
            self.flush(connection, session, Finish::Statement, place);
        }
        // A record after the end of its statement names no transaction: what it told is over when the next one begins.
        if event.transaction.is_some() && connection.transaction.is_none() && !connection.explicit && self.dialect == Dialect::PostgreSql {
            self.flush(connection, session, Finish::Statement, place);
        }
        let has_failed = event.activity == Activity::Error || event.status == Status::Failure;
        if let Some(aborted) = connection.aborted.filter(|_| self.dialect == Dialect::PostgreSql && !has_failed && is_let_run(event.record_kind, word)) {
            self.revive(connection, session, aborted, event.transaction.is_some());
        }
        connection.is_by_itself |= event.activity == Activity::Connect && self.dialect == Dialect::MySql;
        if event.activity == Activity::Connect {
            connection.state = None;
        }
        if event.activity == Activity::Disconnect {
            let end = if connection.explicit { Finish::Undone } else { Finish::Statement };
            self.flush(connection, session, end, place);
            self.keep_numbered(connection, session);
            return;
        }
        if event.activity == Activity::Error || event.status == Status::Failure {
            return self.fail(connection, event, statement, session);
        }
        // MySQL logs the text of a prepared statement once before it runs; what runs is logged with its values.
        let is_prepared = match self.dialect {
            Dialect::MySql => event.command.as_deref() == Some("PREPARE") && word != "prepare",
            // A log of durations tells how long it took to parse and to bind, too.
            Dialect::PostgreSql => event.record_kind == Some(RecordKind::Other) && matches!(event.command.as_deref(), Some("PARSE" | "BIND")),
        };
        if event.statement.is_none() || is_prepared {
            return;
        }
        let whole = Part { event, statement, word, session, place, is_whole: true };
        if !statement.trim_end().trim_end_matches(';').contains(';') {
            connection.several = None;
            return self.step_part(connection, whole);
        }
        let parts = lexer::statements(statement, self.dialect);
        if parts.len() < 2 {
            return self.step_part(connection, whole);
        }
        if connection.is_told_again(event, statement, parts.len()) {
            return;
        }
        if self.dialect == Dialect::PostgreSql && !connection.explicit {
            // It is a transaction of its own: what came before ends neither with it nor with its failure.
            self.flush(connection, session, Finish::Statement, place);
        }
        let statement = self.intern(statement);
        connection.several = Some(Several { statement, logs: 1 << log_of(event.record_kind), audited: 1 });
        for (number, text) in parts.into_iter().enumerate() {
            let word = first_word(text);
            self.step_part(connection, Part { event, statement: text, word: &word, session, place: Place::new(time, &event.place, number), is_whole: false });
        }
    }

    /// A statement went well after an error had taken its transaction with it: that is over, or went on from a savepoint. pgaudit tells of
    /// neither, since it looks nothing up for a transaction that has failed.
    fn revive(&mut self, connection: &mut Open, session: &str, aborted: Place, is_of_one_number: bool) {
        if let Some(state) = &mut connection.state {
            state.go_on();
        }
        let keep = match connection.savepoints.last() {
            // What came after the last savepoint is taken back either way.
            Some((_, keep)) => *keep,
            // From one that no log tells of.
            None if is_of_one_number => connection.pending.len(),
            None => return self.flush(connection, session, Finish::Undone, aborted),
        };
        connection.take_back(keep, aborted, self.facts.connections.get_mut(session));
        connection.pending.iter_mut().for_each(|p| p.write.end = p.write.end.max(End::Unsure));
        (connection.aborted, connection.perhaps_over) = (None, !is_of_one_number);
    }

    /// Which statements are of one transaction, as their numbers tell.
    fn count(&mut self, connection: &mut Open, event: &Row<'_>, (statement, word): (&str, &str), session: &str) {
        let Some(number) = event.transaction.as_deref().filter(|_| connection.owner.is_some() && self.dialect == Dialect::PostgreSql) else { return };
        let place = Place::new(event.time.micros(), &event.place, 0);
        let first = (log_of(event.record_kind), digest(session, statement, None));
        if connection.numbered.as_ref().is_none_or(|numbered| numbered.number != number) {
            self.keep_numbered(connection, session);
            let level = connection.default_level.unwrap_or(Isolation::of_server(self.dialect));
            let told = Transaction { from: place, to: None, level, snapshot: None };
            connection.numbered = Some(Numbered { number: number.to_owned(), told, last: place, first, is_of_several: false, is_explicit: false });
        }
        if let Some(numbered) = connection.numbered.as_mut() {
            numbered.is_of_several |= place != numbered.told.from && (first.0 == numbered.first.0 || first.1 != numbered.first.1);
            numbered.is_explicit |= connection.explicit;
            numbered.last = place;
            numbered.told.query(place, self.dialect, word);
        }
    }

    /// The transaction whose number the last records gave is over.
    fn keep_numbered(&mut self, connection: &mut Open, session: &str) {
        let Some(over) = connection.numbered.take().filter(|numbered| numbered.is_of_several && !numbered.is_explicit) else { return };
        let facts = self.facts.connections.entry(session.to_owned()).or_default();
        facts.transactions.push(Transaction { to: Some(over.last), ..over.told });
    }

    fn step_part(&mut self, connection: &mut Open, part: Part<'_, '_>) {
        connection.follow(part, self.dialect);
        if self.dialect == Dialect::PostgreSql && part.word == "prepare" && self.interest.touches(part.statement) {
            connection.prepare(part.statement);
        }
        if self.dialect == Dialect::PostgreSql
            && part.word == "execute"
            && let Some(text) = connection.executed(part.statement)
        {
            let word = first_word(&text);
            return self.step_part(connection, Part { statement: &text, word: &word, ..part });
        }
        let calls = self.runs_code(part);
        let is_over = if self.is_block(part) { self.step_block(connection, part) } else { self.step_transaction(connection, part) };
        if is_over && !calls {
            return;
        }
        if !connection.explicit && !connection.manual {
            // It is a transaction by itself.
            connection.next_level = None;
        }
        if let Some(running) = connection.running.as_mut() {
            running.query(part.place, self.dialect, part.word);
        }
        if calls || may_write(part.event.activity, part.word, part.statement) || !part.is_whole && may_write(Activity::Query, part.word, part.statement) {
            self.take_write(connection, part);
        }
    }

    /// Whether it may write through code: what it calls, or what stands there itself.
    fn runs_code(&self, part: Part<'_, '_>) -> bool {
        let is_told = part.event.activity != Activity::Connect && part.event.statement.is_some();
        is_told && (self.is_block(part) || self.interest.calls(part.statement))
    }

    fn is_block(&self, part: Part<'_, '_>) -> bool {
        let may_be = ["do", "begin", "if", "case", "loop", "while", "repeat", "for"].contains(&part.word);
        may_be && lexer::is_block(&lexer::tokens(part.statement, self.dialect), self.dialect)
    }

    /// Code of MariaDB may end the transaction in which it runs, or begin one; PostgreSQL's may not where one was begun.
    fn step_block(&mut self, connection: &mut Open, part: Part<'_, '_>) -> bool {
        let all = lexer::tokens(part.statement, self.dialect);
        let ends = |word: &str| ["commit", "rollback", "start", "create", "alter", "drop", "truncate", "call"].iter().any(|end| word.eq_ignore_ascii_case(end));
        if (connection.explicit || connection.manual) && self.dialect == Dialect::MySql && all.iter().filter_map(lexer::Token::word).any(ends) {
            self.flush(connection, part.session, Finish::NotShown, part.place);
        }
        false
    }

    fn fail(&mut self, connection: &mut Open, event: &Row<'_>, statement: &str, session: &str) {
        if let Some(state) = &mut connection.state {
            state.fail(Ran::plain(statement, event.time.micros()));
        }
        match TwoPhase::of(statement, self.dialect) {
            // What could not be prepared is taken back.
            Some(TwoPhase::Prepare(name)) => {
                if let Some(Prepared { pending, .. }) = self.two_phase.remove(&(connection.log, name)) {
                    self.end(connection.log, pending, Finish::Undone, Place::new(event.time.micros(), &event.place, 0), true);
                }
            }
            // What could not be ended goes on.
            Some(TwoPhase::Commit(name) | TwoPhase::Rollback(name)) => {
                if let Some(transaction) = self.two_phase.get_mut(&(connection.log, name)) {
                    transaction.ended = None;
                }
            }
            _ => {}
        }
        // One whose rows are counted went well, and so did one of which MySQL's log says so: that was another try of the same words.
        let is_this = |p: &Pending| &*p.statement == statement && p.write.row_count.is_none() && (self.dialect == Dialect::PostgreSql || !p.write.succeeded);
        if connection.pending.last().is_some_and(is_this) {
            connection.pending.pop();
        }
        if connection.several.as_ref().is_some_and(|told| &*told.statement == statement) {
            match self.dialect {
                // A string of several statements is one transaction, unless it says otherwise itself.
                Dialect::PostgreSql if !connection.explicit => {
                    connection.explicit = true;
                    self.flush(connection, session, Finish::Undone, Place::new(event.time.micros(), &event.place, 0));
                }
                Dialect::PostgreSql => {}
                // Which of them failed is not told.
                Dialect::MySql => connection.pending.iter_mut().for_each(|p| p.write.end = p.write.end.max(End::Unsure)),
            }
        }
        if self.dialect == Dialect::PostgreSql && (connection.explicit || event.transaction.is_some()) {
            connection.aborted.get_or_insert(Place::new(event.time.micros(), &event.place, 0));
            // A statement that fails by itself takes nothing with it of those that come after.
            connection.transaction = event.transaction.as_deref().map(str::to_owned).or(connection.transaction.take());
        }
        if self.dialect == Dialect::MySql && event.activity == Activity::Write && self.interest.touches(statement) {
            // The general log tells of it without a word of its end; this log knows better.
            let mut write = self.write_of(event, statement, None);
            write.end = End::Undone(write.time);
            self.logged.push(Logged {
                write,
                log: connection.log,
                what: digest(session, statement, None),
                needs_end: false,
                is_audited: false,
                is_among_all: false,
                place: Place::new(event.time.micros(), &event.place, 0),
                aliases: Vec::new(),
            });
        }
    }

    /// What begins, ends or marks transactions; whether the statement is of that kind.
    fn step_transaction(&mut self, connection: &mut Open, part: Part<'_, '_>) -> bool {
        let Part { event, statement, word, session, place, .. } = part;
        let mysql = self.dialect == Dialect::MySql;
        if ["prepare", "commit", "rollback", "xa"].contains(&word)
            && let Some(step) = TwoPhase::of(statement, self.dialect)
        {
            self.step_two_phase(connection, step, session, place);
            return true;
        }
        let rest = || statement.split_whitespace().skip(1).map(|w| w.trim_end_matches(';').to_ascii_lowercase()).collect::<Vec<String>>();
        match word {
            _ if mysql && commits_first(statement, word) => self.flush(connection, session, connection.implicit_end(), place),
            _ if mysql && may_commit_first(statement, word) => {
                if connection.explicit || connection.manual {
                    self.flush(connection, session, Finish::NotShown, place);
                }
            }
            "begin" | "start" if event.activity != Activity::Write || !part.is_whole => {
                // PostgreSQL only warns where a transaction is open; MySQL commits it.
                if mysql || !connection.explicit || connection.perhaps_over {
                    let end = if connection.perhaps_over { Finish::NotShown } else { connection.implicit_end() };
                    self.flush(connection, session, end, place);
                    connection.is_by_itself = true;
                    connection.explicit = true;
                    connection.transaction = event.transaction.as_deref().map(str::to_owned);
                    connection.begin(place, self.dialect, statement);
                }
            }
            "set" => {
                if mysql && let Some(on) = autocommit(statement) {
                    connection.explicit |= connection.manual;
                    (connection.manual, connection.is_by_itself) = (!on, on);
                    // Switching it on commits.
                    if on {
                        self.flush(connection, session, Finish::Committed, place);
                    } else if connection.running.is_none() {
                        connection.begin(place, self.dialect, "");
                    }
                }
                connection.set(statement, self.dialect);
            }
            "commit" | "end" => {
                self.flush(connection, session, Finish::Committed, place);
                connection.chain(&rest(), place, self.dialect);
            }
            "rollback" | "abort" => {
                let words = rest();
                match words.iter().position(|w| w == "to") {
                    Some(to) => connection.back_to(words[to + 1..].iter().find(|w| *w != "savepoint"), place, self.facts.connections.get_mut(session)),
                    None => {
                        self.flush(connection, session, Finish::Undone, place);
                        connection.chain(&words, place, self.dialect);
                    }
                }
            }
            "savepoint" => connection.savepoints.push((rest().into_iter().next().unwrap_or_default(), connection.pending.len())),
            "release" => {
                let name = rest().into_iter().find(|w| w != "savepoint").unwrap_or_default();
                if let Some(at) = connection.savepoints.iter().rposition(|(known, _)| *known == name) {
                    connection.savepoints.truncate(at);
                }
            }
            _ => return false,
        }
        true
    }

    fn step_two_phase(&mut self, connection: &mut Open, step: TwoPhase, session: &str, place: Place) {
        let log = connection.log;
        match step {
            TwoPhase::Begin => {
                self.flush(connection, session, connection.implicit_end(), place);
                (connection.is_by_itself, connection.explicit) = (true, true);
                connection.begin(place, self.dialect, "");
            }
            // It fails, and takes the transaction back.
            TwoPhase::Prepare(_) if connection.aborted.is_some() => self.flush(connection, session, Finish::Undone, place),
            TwoPhase::Prepare(name) => {
                let pending = std::mem::take(&mut connection.pending);
                self.flush(connection, session, Finish::Committed, place);
                self.hold(log, name, pending, place);
            }
            TwoPhase::Commit(name) => self.end_two_phase(connection, name, session, Finish::Committed, place),
            TwoPhase::Rollback(name) => self.end_two_phase(connection, name, session, Finish::Undone, place),
            TwoPhase::Other => {}
        }
    }

    /// Keeps what is prepared until it is known how it ended; of one by that name before it that is known now, or never.
    fn hold(&mut self, log: u32, name: String, pending: Vec<Pending>, place: Place) {
        if pending.is_empty() {
            return;
        }
        if self.two_phase.len() >= MOST_TWO_PHASE {
            let ended: Vec<(u32, Prepared)> = self.two_phase.extract_if(|_, one| one.ended.is_some()).map(|((log, _), one)| (log, one)).collect();
            ended.into_iter().for_each(|(log, one)| self.end_prepared(log, one, place));
        }
        let new = Prepared { pending, ended: None };
        let over = if self.two_phase.len() < MOST_TWO_PHASE { self.two_phase.insert((log, name), new) } else { Some(new) };
        if let Some(over) = over {
            self.end_prepared(log, over, place);
        }
    }

    fn end_prepared(&mut self, log: u32, Prepared { pending, ended }: Prepared, end_of_log: Place) {
        let (finish, place) = ended.unwrap_or((Finish::NotShown, end_of_log));
        self.end(log, pending, finish, place, true);
    }

    /// One that was prepared ends; else MySQL's is that of the connection itself (`ONE PHASE`).
    fn end_two_phase(&mut self, connection: &mut Open, name: String, session: &str, finish: Finish, place: Place) {
        match self.two_phase.get_mut(&(connection.log, name)) {
            Some(transaction) if transaction.ended.is_none() => transaction.ended = Some((finish, place)),
            _ if self.dialect == Dialect::MySql => self.flush(connection, session, finish, place),
            _ => {}
        }
    }

    fn take_write(&mut self, connection: &mut Open, part: Part<'_, '_>) {
        let Part { event, statement, session, place, .. } = part;
        let name = event.database.as_deref().map(|name| interned(&mut self.databases, name));
        if may_write(event.activity, part.word, statement) {
            self.facts.written.insert((self.dialect, name));
        }
        if part.word == "create" && self.dialect == Dialect::PostgreSql && self.facts.made_schemas.len() < MOST_SCHEMAS {
            self.facts.made_schemas.extend(made_schema(statement));
            self.facts.defined.extend(Defined::of(statement));
        }
        let defines = ["create", "alter", "drop", "rename", "truncate"].contains(&part.word);
        let implicit_commit = self.dialect == Dialect::MySql && (event.activity == Activity::Define || defines) && !is_temporary(statement);
        if implicit_commit {
            let end = connection.implicit_end();
            self.flush(connection, session, end, place);
        }
        if event.record_kind == Some(RecordKind::PgauditSession) && event.activity == Activity::Write {
            let (database, role) = (event.database.as_deref(), event.account.as_deref());
            self.facts.audited.insert((database.map(|name| interned(&mut self.databases, name)), role.map(|name| interned(&mut self.roles, name))));
        }
        let parameters = bound(event);
        let log = 1_u8 << log_of(event.record_kind);
        if connection.is_told_beside(part, &parameters) {
            return;
        }
        connection.explicit |= connection.manual;
        let may_be_within = self.dialect == Dialect::MySql && !connection.is_by_itself && connection.pending.len() < MOST_PENDING;
        if !connection.explicit && event.transaction.is_none() && part.is_whole && !may_be_within {
            self.flush(connection, session, Finish::Statement, place);
        }
        connection.transaction = event.transaction.as_deref().map(str::to_owned);
        let calls = self.runs_code(part);
        if !(calls || self.interest.touches(statement) || defines && self.interest.makes(statement)) {
            return;
        }
        if let Some(routine) = made(statement, self.dialect) {
            self.interest.add_routine(&routine.name);
        }
        if event.activity == Activity::Define || defines || part.word == "select" {
            self.interest.add(statement);
        }
        let whole = self.intern(statement);
        let needs_end = !connection.explicit;
        let mut write = self.write_of(event, statement, parameters.clone());
        write.row_count = event.row_count.filter(|_| part.is_whole);
        write.session = self.session_of(connection);
        write.clock_from = self.clock_from(connection, event, &write);
        let is_ordered = write.precision > 1_000 && is_in_order(event.record_kind, event.activity == Activity::Define || defines);
        write.order = is_ordered.then(|| Box::new(place));
        write.owner = connection.owner.and_then(|_| self.next_owner(session));
        if let Some(owner) = write.owner {
            let facts = self.facts.connections.entry(session.to_owned()).or_default();
            facts.own.push(OwnWrite { place, number: owner.write, undone: None });
        }
        connection.pending.push(Pending { write, statement: whole, what: digest(session, statement, parameters.as_deref()), logs: log, needs_end, place });
        if implicit_commit {
            self.flush(connection, session, Finish::Committed, place);
        }
    }

    fn next_owner(&mut self, session: &str) -> Option<Owner> {
        let owner = self.owners.get_mut(session)?;
        owner.write = owner.write.saturating_add(1);
        Some(*owner)
    }

    fn write_of(&mut self, event: &Row<'_>, statement: &str, parameters: Option<Box<[Option<String>]>>) -> Write {
        let database = event.database.as_deref().map(|name| interned(&mut self.databases, name));
        Write {
            time: event.time.micros(),
            said: event.time.micros(),
            clock_from: event.time.micros().saturating_sub(event.duration_micros.map_or(LONG_STATEMENT_MICROS, |micros| micros.max(0))),
            tick: i64::from(event.time_precision_micros.max(1)),
            precision: i64::from(event.time_precision_micros.max(1)),
            database,
            statement: self.intern(statement),
            dialect: self.dialect,
            parameters,
            row_count: None,
            end: End::Committed,
            succeeded: self.dialect == Dialect::PostgreSql || event.status == Status::Success || event.row_count.is_some(),
            owner: None,
            order: None,
            role: event.account.as_deref().map(|name| interned(&mut self.roles, name)),
            session: None,
            is_lost: false,
            is_loose: event.transaction.is_none(),
        }
    }

    /// The first instant that the `now()` of a write may have given.
    fn clock_from(&self, connection: &Open, event: &Row<'_>, write: &Write) -> i64 {
        // A log of statements has them before they run.
        let is_at_start =
            matches!(event.record_kind, Some(RecordKind::Statement | RecordKind::Execute | RecordKind::MysqlGeneral)) && event.duration_micros.is_none();
        let of_statement = if is_at_start { write.said } else { write.clock_from };
        match connection.since {
            _ if self.dialect == Dialect::MySql => of_statement,
            Some(since) if connection.explicit => since.min(of_statement),
            _ if self.shows_ends.contains(&connection.log) => of_statement,
            _ => of_statement.saturating_sub(LONG_TRANSACTION_MICROS),
        }
    }

    /// What the session of a write had set, where it matters. Equal ones are kept once.
    fn session_of(&mut self, connection: &Open) -> Option<Arc<SessionState>> {
        let state = connection.state.as_ref().filter(|state| matters_to_writes(state))?.settled();
        if self.states.len() >= 4096 {
            self.states.clear();
        }
        if let Some(known) = self.states.get(&state) {
            return Some(known.clone());
        }
        let state = Arc::new(state);
        self.states.insert(state.clone());
        Some(state)
    }

    /// Repeated texts are kept once.
    fn intern(&mut self, text: &str) -> Arc<str> {
        if self.texts.len() >= 4096 {
            self.texts.clear();
        }
        interned(&mut self.texts, text)
    }

    /// The transaction is over.
    fn flush(&mut self, connection: &mut Open, session: &str, finish: Finish, place: Place) {
        let finish = if connection.aborted.is_some() { Finish::Undone } else { finish };
        let pending = std::mem::take(&mut connection.pending);
        self.end(connection.log, pending, finish, place, connection.is_in_transaction());
        if let Some(mut running) = connection.running.take() {
            running.to = (finish != Finish::NotShown).then_some(place);
            self.facts.connections.entry(session.to_owned()).or_default().transactions.push(running);
        }
        // What a transaction set that was taken back never was; MySQL's settings are no part of its transactions.
        let is_taken_back = finish == Finish::Undone && connection.explicit && self.dialect == Dialect::PostgreSql;
        let several = connection.several.take();
        *connection = Open {
            log: connection.log,
            manual: connection.manual,
            is_by_itself: connection.is_by_itself,
            default_level: if is_taken_back { connection.level_before } else { connection.default_level },
            next_level: connection.next_level,
            owner: connection.owner,
            several,
            state: connection.state.take(),
            numbered: connection.numbered.take(),
            // It outlives transactions.
            prepared: std::mem::take(&mut connection.prepared),
            ..Open::default()
        };
        if connection.manual {
            connection.begin(place, self.dialect, "");
        }
    }

    /// What was written took effect, or did not. `is_within`: whether it is known to be part of a transaction that ends at `place`.
    fn end(&mut self, log: u32, pending: Vec<Pending>, finish: Finish, place: Place, is_within: bool) {
        for Pending { mut write, what, needs_end, logs, place: own, .. } in pending {
            let is_audited = logs & (1 << log_of(Some(RecordKind::PgauditSession))) != 0;
            match finish {
                // A definition of MySQL commits itself.
                Finish::Committed if place == own => {}
                // No log shows that a transaction had begun: it took effect at once, and there was none, or with this end of it.
                Finish::Committed if !is_within => {
                    write.precision = write.precision.max(place.time.saturating_sub(write.time).saturating_add(write.tick));
                    write.order = None;
                }
                Finish::Undone if !is_within => write.end = write.end.max(End::Unsure),
                Finish::Committed => write.time = write.time.max(place.time),
                Finish::Statement => {}
                // Like those of a commit its writes stand together, where nobody else's come between them.
                Finish::Undone => {
                    write.end = End::Undone(place.time);
                    write.time = write.time.max(place.time);
                }
                Finish::NotShown => write.end = write.end.max(End::Unsure),
            }
            let ends_here = is_within && matches!(finish, Finish::Committed | Finish::Undone);
            if let Some(order) = write.order.as_mut().filter(|_| ends_here) {
                **order = place;
            }
            let needs_end = needs_end && finish == Finish::Statement;
            let place = if ends_here { place } else { own };
            let is_among_all = logs & (1 << log_of(Some(RecordKind::MysqlGeneral))) != 0;
            self.logged.push(Logged { write, log, what, needs_end, is_audited, is_among_all, place, aliases: Vec::new() });
        }
    }
}

/// The schema that a statement of PostgreSQL makes, or into which it puts what it makes.
fn made_schema(statement: &str) -> Option<String> {
    let all = lexer::tokens(statement, Dialect::PostgreSql);
    let kind = all.iter().take(6).position(|t| ["schema", "table", "view"].iter().any(|word| t.is(word)))?;
    let is_word = |t: &lexer::Token<'_>| ["if", "not", "exists"].iter().any(|word| t.is(word));
    let at = (kind + 1..all.len().min(kind + 5)).find(|at| !is_word(&all[*at]))?;
    if all[kind].is("schema") && all[at].is("authorization") {
        return lexer::qualified_name(&all, at + 1, Dialect::PostgreSql)?.0.pop();
    }
    let mut parts = lexer::qualified_name(&all, at, Dialect::PostgreSql)?.0;
    if !all[kind].is("schema") {
        parts.pop();
    }
    parts.pop()
}

/// Whether what a session has set may change what a write of it means.
fn matters_to_writes(state: &SessionState) -> bool {
    let rules = state.rules();
    let is_set = state.search_path() != Setting::Default || state.role() != Setting::Default || state.time_zone() != Setting::Default || state.sets_clock();
    is_set || state.leaves_keys() || state.odd_setting().is_some() || rules != Rules::of(rules.dialect)
}

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// By COMMIT.
    Committed,
    /// With its only statement, as far as the log shows.
    Statement,
    /// By ROLLBACK, or by an error.
    Undone,
    /// It was still open when the log ended.
    NotShown,
}

impl ConnectionFacts {
    /// Puts in the order of the logs what was noted as it ended; `numbers` are those of writes that other logs tell, too.
    fn order(&mut self, numbers: &HashMap<(u32, u32), u32>) {
        self.transactions.sort_by_key(|t| t.from.order());
        self.own.sort_by_key(|write| write.place.order());
        let Some(own) = self.number else { return };
        for write in &mut self.own {
            write.number = numbers.get(&(own, write.number)).copied().unwrap_or(write.number);
        }
    }
}

impl Open {
    /// `PREPARE name AS statement`.
    fn prepare(&mut self, sql: &str) {
        let Some(Statement::Prepare { name, statement, .. }) = parse(sql, Dialect::PostgreSql) else { return };
        self.prepared.retain(|(known, _)| *known != name.value);
        if self.prepared.len() < MOST_PREPARED && !matches!(*statement, Statement::Execute { .. }) {
            self.prepared.push((name.value, Arc::from(statement)));
        }
    }

    /// The statement that `EXECUTE name (…)` runs, with what it is given in its place; `None` where none is known of that name.
    fn executed(&self, sql: &str) -> Option<String> {
        if self.prepared.is_empty() {
            return None;
        }
        let Some(Statement::Execute { name: Some(name), parameters, .. }) = parse(sql, Dialect::PostgreSql) else { return None };
        let name = strandline_sql::parts(&name, Dialect::PostgreSql).pop()?;
        let (_, statement) = self.prepared.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name))?;
        let mut statement = Statement::clone(statement);
        let _done: ControlFlow<()> = sqlparser::ast::visit_expressions_mut(&mut statement, |expr| {
            let given = match expr {
                Expr::Value(value) => match &value.value {
                    Literal::Placeholder(number) => number.trim_start_matches('$').parse::<usize>().ok().and_then(|at| parameters.get(at.checked_sub(1)?)),
                    _ => None,
                },
                _ => None,
            };
            if let Some(given) = given {
                *expr = Expr::Nested(Box::new(given.clone()));
            }
            ControlFlow::Continue(())
        });
        Some(statement.to_string())
    }

    /// Whether what is pending is known to be part of a transaction that a later statement ends: one was begun, or the log gives its number,
    /// and a record of another number would have ended it.
    fn is_in_transaction(&self) -> bool {
        !self.perhaps_over && (self.explicit || self.manual || self.transaction.is_some())
    }

    /// How what is pending ends with a statement that commits without saying so, in MySQL.
    fn implicit_end(&self) -> Finish {
        if self.explicit || self.manual { Finish::Committed } else { Finish::Statement }
    }

    /// Takes what a statement sets. A connection that sets nothing costs nothing.
    fn follow(&mut self, part: Part<'_, '_>, dialect: Dialect) {
        let Part { event, statement, word, .. } = part;
        let sets = || matches!(word, "set" | "reset" | "discard" | "use") || statement.contains("set_config");
        if self.state.is_none() && !sets() || !may_change(statement) {
            return;
        }
        let is_within = self.explicit;
        let state = self.state.get_or_insert_with(|| {
            let mut state = SessionState::new(dialect);
            if is_within {
                state.take(Ran::plain("BEGIN", event.time.micros()));
            }
            Box::new(state)
        });
        let parameters = crate::sessions::parameters_of(event);
        state.take(Ran { sql: statement, time: event.time.micros(), parameters: &parameters });
    }

    fn begin(&mut self, place: Place, dialect: Dialect, statement: &str) {
        let next = self.next_level.take();
        self.level_before = self.default_level;
        self.since = Some(place.time());
        if self.owner.is_some() {
            let level = isolation_of(statement, dialect).or(next).or(self.default_level).unwrap_or(Isolation::of_server(dialect));
            let snapshot = statement.to_ascii_lowercase().contains("consistent snapshot").then_some(place);
            self.running = Some(Transaction { from: place, to: None, level, snapshot });
        }
    }

    /// `COMMIT AND CHAIN`: the next transaction begins at once.
    fn chain(&mut self, words: &[String], place: Place, dialect: Dialect) {
        let chains = words.iter().position(|w| w == "chain").is_some_and(|at| at > 0 && words[at - 1] == "and");
        if chains {
            self.explicit = true;
            self.begin(place, dialect, "");
        }
    }

    /// Whether another log of the connection told of this execution right before; it may say more of it.
    fn is_told_beside(&mut self, part: Part<'_, '_>, parameters: &Option<Box<[Option<String>]>>) -> bool {
        let (event, log) = (part.event, 1_u8 << log_of(part.event.record_kind));
        let Some(last) = self.pending.last_mut().filter(|_| part.is_whole) else { return false };
        let same_parameters = match (&last.write.parameters, parameters) {
            (Some(one), Some(other)) => of_one_execution(one, other),
            _ => true,
        };
        if last.logs & log != 0 || &*last.statement != part.statement || !same_parameters {
            return false;
        }
        last.logs |= log;
        last.write.row_count = last.write.row_count.or(event.row_count);
        last.write.succeeded |= event.status == Status::Success || event.row_count.is_some();
        last.write.parameters = told_best(last.write.parameters.take(), parameters.clone());
        true
    }

    /// Whether a string of several statements was taken already, as another record tells of it.
    fn is_told_again(&mut self, event: &Row<'_>, statement: &str, parts: usize) -> bool {
        let log = 1_u8 << log_of(event.record_kind);
        let Some(told) = self.several.as_mut().filter(|told| &*told.statement == statement) else { return false };
        if told.logs & log == 0 {
            told.logs |= log;
            return true;
        }
        let is_audited = matches!(event.record_kind, Some(RecordKind::PgauditSession | RecordKind::PgauditObject));
        told.audited += 1;
        is_audited && told.audited <= parts
    }

    /// `SET TRANSACTION`, and the settings that give a session its level.
    fn set(&mut self, statement: &str, dialect: Dialect) {
        let Some(level) = isolation_of(statement, dialect) else { return };
        match (whose_level(statement, dialect), self.running.as_mut()) {
            (Whose::Session, _) => self.default_level = Some(level),
            (Whose::Others, _) | (Whose::Running, None) => {}
            (Whose::Running, Some(running)) => running.level = level,
            // With autocommit off the next one has begun here, and not at the server, until it does anything.
            (Whose::Next, Some(running)) if self.manual && running.snapshot.is_none() && self.pending.is_empty() => running.level = level,
            // The server refuses it inside a transaction, and MySQL's general log does not tell.
            (Whose::Next, _) if self.explicit => {}
            (Whose::Next, _) => self.next_level = Some(level),
        }
    }

    /// All but the first so many writes of the transaction never took effect; until here its own connection saw them.
    fn take_back(&mut self, keep: usize, place: Place, facts: Option<&mut ConnectionFacts>) {
        let undone: HashSet<u32> = self.pending.drain(keep.min(self.pending.len())..).filter_map(|p| p.write.owner).map(|o| o.write).collect();
        if let Some(facts) = facts.filter(|_| !undone.is_empty()) {
            facts.own.iter_mut().rev().take(undone.len()).filter(|own| undone.contains(&own.number)).for_each(|own| own.undone = Some(place));
        }
    }

    /// ROLLBACK TO: what came after the savepoint never took effect; a savepoint that is not known leaves all of it open.
    fn back_to(&mut self, name: Option<&String>, place: Place, facts: Option<&mut ConnectionFacts>) {
        let at = name.and_then(|name| self.savepoints.iter().rposition(|(known, _)| known == name));
        match at {
            Some(at) => {
                let keep = self.savepoints[at].1;
                self.savepoints.truncate(at + 1);
                self.take_back(keep, place, facts);
            }
            None => self.pending.iter_mut().for_each(|p| p.write.end = End::Unsure),
        }
        // PostgreSQL: the transaction goes on from the savepoint.
        self.aborted = None;
    }
}

/// Whose level of isolation a SET sets.
#[derive(Clone, Copy)]
enum Whose {
    /// The running transaction's.
    Running,
    /// The next transaction's alone.
    Next,
    /// All further transactions' of the session.
    Session,
    /// No transaction's of this session.
    Others,
}

/// Sources: PostgreSQL 15, SET TRANSACTION; MariaDB 10.11 and MySQL 8.4, SET TRANSACTION; both servers asked.
fn whose_level(statement: &str, dialect: Dialect) -> Whose {
    let all = lexer::tokens(statement, dialect);
    let has = |word: &str| all.iter().any(|t| t.is(word));
    if dialect == Dialect::PostgreSql {
        return match (has("characteristics") || has("default_transaction_isolation"), has("local")) {
            (true, false) => Whose::Session,
            // The transaction whose it would be has begun.
            (true, true) => Whose::Others,
            (false, _) => Whose::Running,
        };
    }
    let of = |word: &str| match word {
        "global" | "persist" | "persist_only" => Some(Whose::Others),
        "session" | "local" => Some(Whose::Session),
        "transaction" => Some(Whose::Next),
        _ => None,
    };
    let mut whose = Whose::Session;
    for item in lexer::at_commas(all.get(1..).unwrap_or_default()) {
        let written = match item.first().map(|t| &t.kind) {
            Some(lexer::Kind::Variable(name)) => name.trim_start_matches('@').to_ascii_lowercase(),
            Some(lexer::Kind::Word(word)) => word.to_ascii_lowercase(),
            _ => continue,
        };
        match (written.split_once('.'), of(&written)) {
            (Some((scope, name)), _) if name.ends_with("isolation") => return of(scope).unwrap_or(Whose::Session),
            (None, Some(Whose::Next)) => return Whose::Next,
            (None, Some(scope)) => whose = scope,
            // `@@tx_isolation` without a scope is the next transaction's.
            (None, None) if written.ends_with("isolation") && item[0].word().is_none() => return Whose::Next,
            _ => {}
        }
    }
    whose
}

/// Whether a log stands in the order in which its statements took effect: MySQL's general log is written as they begin, one after the
/// other; its audit log as they end, and a definition waits for whoever reads what it changes.
fn is_in_order(kind: Option<RecordKind>, is_definition: bool) -> bool {
    match kind {
        Some(RecordKind::MysqlGeneral) => true,
        Some(RecordKind::MysqlAudit) => is_definition,
        _ => false,
    }
}

/// Statements, besides those that define anything, that commit what ran before them.
/// Sources: MariaDB 10.11, SQL statements that cause an implicit commit; MySQL 8.4, 15.3.3.
fn commits_first(statement: &str, word: &str) -> bool {
    let second = || statement.split_whitespace().nth(1).unwrap_or_default().to_ascii_lowercase();
    match word {
        "grant" | "revoke" => true,
        "lock" => second().starts_with("table"),
        "set" => second() == "password",
        _ => false,
    }
}

/// Statements that may do so: it depends on the version, or on what the session did before.
fn may_commit_first(statement: &str, word: &str) -> bool {
    let second = || statement.split_whitespace().nth(1).unwrap_or_default().to_ascii_lowercase();
    match word {
        "analyze" | "cache" | "check" | "flush" | "install" | "optimize" | "repair" | "reset" | "uninstall" | "shutdown" => true,
        "unlock" => second().starts_with("table"),
        "load" => second() == "index",
        "start" | "stop" => ["slave", "replica", "group_replication", "all"].contains(&second().as_str()),
        _ => false,
    }
}

pub(crate) fn first_word(statement: &str) -> String {
    statement.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a statement may change rows or definitions.
fn may_write(activity: Activity, word: &str, statement: &str) -> bool {
    let words = ["insert", "update", "delete", "replace", "merge", "truncate", "copy", "load", "create", "alter", "drop", "rename", "refresh"];
    if matches!(activity, Activity::Write | Activity::Define) || words.contains(&word) && !matches!(activity, Activity::Connect) {
        return word != "copy" || activity == Activity::Write || copies_in(statement);
    }
    let lower = || statement.to_ascii_lowercase();
    match word {
        "with" | "explain" => ["insert", "update", "delete", "merge"].iter().any(|w| lower().contains(w)),
        "select" => lower().contains("into") && selects_into_table(statement),
        _ => false,
    }
}

/// `SELECT … INTO table`; into variables and files no table takes rows.
fn selects_into_table(statement: &str) -> bool {
    let all = lexer::tokens(statement, Dialect::MySql);
    let into = lexer::outside_brackets(&all, 0, |t| t.is("into"));
    let target = into.and_then(|at| all.get(at + 1));
    target.is_some_and(|t| !t.is("outfile") && !t.is("dumpfile") && strandline_sql::user_variable(t).is_none())
}

/// Whether a definition is of a temporary table, which ends no transaction.
fn is_temporary(statement: &str) -> bool {
    statement.split_whitespace().skip(1).take(3).any(|word| word.eq_ignore_ascii_case("temporary"))
}

/// COPY … FROM, not COPY … TO.
fn copies_in(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    !lower.trim_start().starts_with("copy (") && lower.contains(" from ")
}

/// Sorts, and keeps what ties as it was. A list that is in order already, as that of one log is, costs no second copy of half of it.
fn put_in_order<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    if !list.is_sorted_by_key(&key) {
        list.sort_by_key(key);
    }
}

fn interned(known: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    match known.get(text) {
        Some(known) => known.clone(),
        None => {
            let new: Arc<str> = Arc::from(text);
            known.insert(new.clone());
            new
        }
    }
}

/// Every name in a statement, qualified ones whole.
pub fn mentions(sql: &str, dialect: Dialect) -> Vec<Vec<String>> {
    let all = lexer::tokens(sql, dialect);
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        match lexer::qualified_name(&all, at, dialect) {
            Some((parts, after)) => {
                found.push(parts);
                at = after;
            }
            None => at += 1,
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use strandline_model::event::Event;
    use strandline_model::event::EventBatchBuilder;
    use strandline_model::evidence::{ArtefactId, EventRef};
    use strandline_model::time::Instant;

    use super::*;
    use crate::in_session::in_their_sessions;
    use crate::store::{StoredDatabase, StoredTable};

    const SECOND: i64 = 1_000_000;

    /// Lines `log second statement`; a statement with ` !` at its end failed, one with ` =1` changed a row, of one with ` ok` the log says that it went well. Gives `second statement` of each write, with ` ?` where it may not
    /// have taken effect, with ` lost` where its session may have meant something else, and with ` +n` where it may have taken effect up to n seconds later. The log `numbered` gives each second's transaction a number, `coarse` stamps to the second.
    fn check(lines: &[&'static str], expected: &[&str]) {
        let mut builder = EventBatchBuilder::new();
        for (n, line) in lines.iter().enumerate() {
            let mut words = line.splitn(3, ' ');
            let (log, second, statement) = (words.next().expect("log"), words.next().expect("second"), words.next().expect("statement"));
            let place = EventRef { artefact: ArtefactId(log.into()), offset: n as u64, length: 1 };
            let second: i64 = second.parse().expect("a number");
            let (statement, failed) = statement.strip_suffix(" !").map_or((statement, false), |s| (s, true));
            let (statement, went_well) = statement.strip_suffix(" ok").map_or((statement, false), |s| (s, true));
            let (statement, counted) = statement.strip_suffix(" =1").map_or((statement, None), |s| (s, Some(1)));
            let writes = ["insert", "update", "delete"].iter().any(|word| statement.to_ascii_lowercase().starts_with(word));
            let mut event = Event::new(Instant(second * SECOND), Class::Datastore, if writes { Activity::Write } else { Activity::Query }, place);
            event.source = "db".into();
            event.session = Some("7".into());
            event.statement = Some(statement.into());
            event.status = match (failed, went_well) {
                (true, _) => Status::Failure,
                (false, true) => Status::Success,
                (false, false) => Status::Unknown,
            };
            event.row_count = counted;
            if log == "coarse" {
                event.time_precision_micros = 1_000_000;
            }
            event.command = (log == "parse").then(|| "PARSE".into());
            event.transaction = (log == "numbered").then(|| format!("3/{second}").into());
            event.record_kind = Some(match log {
                "general" => RecordKind::MysqlGeneral,
                "slow" => RecordKind::MysqlSlow,
                "audit" | "coarse" => RecordKind::MysqlAudit,
                "parse" => RecordKind::Other,
                "pgaudit" => RecordKind::PgauditSession,
                _ => RecordKind::Statement,
            });
            builder.push(&event);
        }
        let events = vec![builder.finish().expect("events")];
        let mut facts = read(&events, &BTreeSet::new(), Interest::everything()).expect("facts");
        let mut stored = StoredDatabase::new("d", "d", Dialect::PostgreSql, &["public".to_owned()]);
        for schema in ["public", "north"] {
            stored.add_table(StoredTable::new(schema.to_owned(), "person".to_owned(), Vec::new()));
        }
        in_their_sessions(&mut facts.writes, &[stored], &facts.made_schemas);
        let mark = |write: &Write| match (write.end, write.precision / SECOND) {
            _ if write.is_lost => " lost".to_owned(),
            (End::Unsure, _) => " ?".to_owned(),
            (_, later @ 1..) => format!(" +{later}"),
            _ => String::new(),
        };
        let found: Vec<String> = facts.writes.iter().map(|w| format!("{} {}{}", w.time / SECOND, w.statement, mark(w))).collect();
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn to_parse_a_statement_is_not_to_run_it() {
        check(&["parse 1 UPDATE t SET a = $1", "log 1 UPDATE t SET a = $1", "log 9 SHOW x"], &["1 UPDATE t SET a = $1"]);
        check(&["parse 1 DELETE FROM t", "log 9 SHOW x"], &[]);
    }

    #[test]
    fn an_error_takes_back_nothing_that_was_over_before_it() {
        check(&["log 1 INSERT INTO t VALUES (1)", "numbered 2 SELECT odd !", "numbered 3 SELECT 1", "log 9 SHOW x"], &["1 INSERT INTO t VALUES (1)"]);
        check(
            &["log 1 INSERT INTO t VALUES (1)", "numbered 2 DELETE FROM t !", "numbered 3 DELETE FROM u", "log 9 SHOW x"],
            &["1 INSERT INTO t VALUES (1)", "3 DELETE FROM u"],
        );
    }

    #[test]
    fn what_is_let_run_after_an_error_says_that_its_transaction_is_over() {
        let failed = ["pgaudit 1 BEGIN", "pgaudit 2 DELETE FROM t", "pgaudit 3 SELECT odd !"];
        let then = |rest: &[&'static str], expected: &[&str]| check(&[&failed[..], rest].concat(), expected);
        then(&["pgaudit 4 SELECT 1", "pgaudit 5 DELETE FROM u"], &["5 DELETE FROM u"]);
        then(&["pgaudit 4 BEGIN", "pgaudit 5 DELETE FROM u", "pgaudit 6 COMMIT"], &["6 DELETE FROM u"]);
        then(&["pgaudit 4 SELECT odd !", "pgaudit 6 COMMIT", "pgaudit 7 DELETE FROM u"], &["7 DELETE FROM u"]);
        // From a savepoint it may have gone on.
        let saved = ["pgaudit 1 BEGIN", "pgaudit 2 DELETE FROM t", "pgaudit 3 SAVEPOINT a", "pgaudit 4 DELETE FROM u", "pgaudit 5 SELECT odd !"];
        let then = |rest: &[&'static str], expected: &[&str]| check(&[&saved[..], rest].concat(), expected);
        then(&["pgaudit 6 DELETE FROM v", "pgaudit 9 COMMIT"], &["2 DELETE FROM t ?", "6 DELETE FROM v +3"]);
        then(&["pgaudit 6 DELETE FROM v", "pgaudit 9 ROLLBACK"], &["2 DELETE FROM t ?", "6 DELETE FROM v ?"]);
        then(&["pgaudit 6 BEGIN", "pgaudit 7 DELETE FROM v", "pgaudit 9 COMMIT"], &["2 DELETE FROM t ?", "9 DELETE FROM v"]);
        // What is logged before it runs says nothing of it.
        check(&["log 1 BEGIN", "log 2 DELETE FROM t", "log 3 SELECT odd !", "log 4 SELECT 1", "log 5 DELETE FROM u", "log 6 COMMIT"], &[]);
        check(&["numbered 1 BEGIN", "numbered 1 DELETE FROM t", "numbered 1 SELECT odd !", "numbered 2 DELETE FROM u", "log 9 SHOW x"], &["2 DELETE FROM u"]);
    }

    #[test]
    fn what_is_prepared_in_words_is_what_runs() {
        let prepare = "log 1 PREPARE p (int, text) AS UPDATE t SET a = $2 WHERE k = $1";
        check(&[prepare, "log 2 EXECUTE p (3, 'x')", "log 9 SHOW x"], &["2 UPDATE t SET a = ('x') WHERE k = (3)"]);
        check(&[prepare, "log 2 EXECUTE q (3, 'x')", "log 3 EXECUTE p (3)", "log 9 SHOW x"], &["3 UPDATE t SET a = $2 WHERE k = (3)"]);
        check(&["log 1 PREPARE p AS SELECT 1", "log 2 EXECUTE p", "log 3 PREPARE p AS DELETE FROM t", "log 4 EXECUTE p", "log 9 SHOW x"], &["4 DELETE FROM t"]);
        check(&["log 1 PREPARE TRANSACTION 'x'", "log 2 EXECUTE x"], &[]);
        check(
            &["numbered 1 PREPARE p AS DELETE FROM t", "numbered 2 EXECUTE p", "numbered 3 EXECUTE p", "log 9 SHOW x"],
            &["2 DELETE FROM t", "3 DELETE FROM t"],
        );
    }

    #[test]
    fn what_is_prepared_takes_effect_when_anybody_commits_it() {
        let prepared = ["log 1 BEGIN", "log 2 DELETE FROM t", "log 3 PREPARE TRANSACTION 'x'", "log 4 DELETE FROM u"];
        let then = |last: &'static str| [&prepared[..], &[last]].concat();
        check(&then("log 9 COMMIT PREPARED 'x'"), &["4 DELETE FROM u", "9 DELETE FROM t"]);
        check(&then("log 9 ROLLBACK PREPARED 'x'"), &["4 DELETE FROM u"]);
        check(&then("log 9 COMMIT PREPARED 'y'"), &["2 DELETE FROM t ?", "4 DELETE FROM u"]);
        let refused = ["log 1 BEGIN", "log 2 DELETE FROM t", "log 3 PREPARE TRANSACTION 'x'", "log 3 PREPARE TRANSACTION 'x' !", "log 9 COMMIT PREPARED 'x' !"];
        check(&refused, &[]);
        check(&then("log 9 COMMIT PREPARED 'x' !"), &["2 DELETE FROM t ?", "4 DELETE FROM u"]);
        let later = ["log 9 COMMIT PREPARED 'x'", "log 9 COMMIT PREPARED 'x' !", "log 12 ROLLBACK PREPARED 'x'"];
        check(&[&prepared[..], &later].concat(), &["4 DELETE FROM u"]);
        let twice = ["log 9 COMMIT PREPARED 'x'", "log 10 BEGIN", "log 11 DELETE FROM v", "log 12 PREPARE TRANSACTION 'x'", "log 13 ROLLBACK PREPARED 'x'"];
        check(&[&prepared[..], &twice].concat(), &["4 DELETE FROM u", "9 DELETE FROM t"]);
        let xa = ["general 1 XA START 'x'", "general 2 DELETE FROM t", "general 3 XA END 'x'"];
        let then = |rest: &[&'static str]| [&xa[..], rest].concat();
        check(&then(&["general 4 XA PREPARE 'x'", "general 5 DELETE FROM u", "general 9 XA COMMIT 'x'"]), &["5 DELETE FROM u", "9 DELETE FROM t"]);
        check(&then(&["general 4 XA PREPARE 'x'", "general 9 XA ROLLBACK 'x'"]), &[]);
        check(&then(&["general 4 XA COMMIT 'x' ONE PHASE"]), &["4 DELETE FROM t"]);
        check(&then(&["general 4 XA ROLLBACK 'x'"]), &[]);
        check(&then(&["general 4 XA PREPARE 'x'"]), &["2 DELETE FROM t ?"]);
        let again =
            ["general 4 XA PREPARE 'x'", "general 5 XA COMMIT 'x'", "general 6 XA START 'x'", "general 7 DELETE FROM u", "general 8 XA COMMIT 'x' ONE PHASE"];
        check(&then(&again), &["5 DELETE FROM t", "8 DELETE FROM u"]);
    }

    #[test]
    fn what_commits_without_saying_so_ends_a_transaction_of_mysql() {
        let of = |then: &'static str| ["general 1 BEGIN", "general 2 DELETE FROM t", then, "general 4 DELETE FROM u", "general 5 ROLLBACK"];
        check(&of("general 3 LOCK TABLES t WRITE"), &["3 DELETE FROM t", "4 DELETE FROM u ?"]);
        check(&of("general 3 GRANT SELECT ON t TO x"), &["3 DELETE FROM t", "4 DELETE FROM u ?"]);
        check(&of("general 3 UNLOCK TABLES"), &["2 DELETE FROM t ?", "4 DELETE FROM u ?"]);
        check(&of("general 3 SET NAMES utf8mb4"), &[]);
        check(&["general 1 SET autocommit = 1", "general 2 DELETE FROM t", "general 3 ANALYZE TABLE t"], &["2 DELETE FROM t"]);
    }

    #[test]
    fn a_definition_stands_among_the_writes_of_its_second() {
        let all =
            ["audit 1 CREATE TABLE u (i int) ok", "audit 1 INSERT INTO u SELECT i FROM t ok", "audit 1 DROP TABLE u ok", "audit 1 CREATE TABLE u (i int) ok"];
        check(&all, &["1 CREATE TABLE u (i int)", "1 INSERT INTO u SELECT i FROM t ?", "1 DROP TABLE u", "1 CREATE TABLE u (i int)"]);
    }

    #[test]
    fn code_that_stands_there_writes() {
        check(&["general 1 BEGIN NOT ATOMIC DELETE FROM t; END", "general 2 DELETE FROM u"], &["1 BEGIN NOT ATOMIC DELETE FROM t; END", "2 DELETE FROM u"]);
        check(&["general 1 IF @x THEN DELETE FROM t; END IF"], &["1 IF @x THEN DELETE FROM t; END IF"]);
        let ends = ["general 1 BEGIN", "general 2 DELETE FROM u", "general 3 BEGIN NOT ATOMIC DELETE FROM t; COMMIT; END", "general 4 ROLLBACK"];
        check(&ends, &["2 DELETE FROM u ?", "3 BEGIN NOT ATOMIC DELETE FROM t; COMMIT; END ?"]);
    }

    #[test]
    fn several_logs_tell_of_one_write() {
        let twice = "UPDATE t SET n = n + 1";
        check(
            &[
                "general 10 UPDATE t SET n = n + 1",
                "general 10 UPDATE t SET n = n + 1",
                "general 40 INSERT INTO t VALUES (1)",
                "slow 10 UPDATE t SET n = n + 1",
                "slow 11 UPDATE t SET n = n + 1",
                "slow 50 INSERT INTO t VALUES (2)",
                "audit 12 UPDATE t SET n = n + 1",
                "audit 12 UPDATE t SET n = n + 1",
                "audit 43 INSERT INTO t VALUES (1)",
            ],
            &[&format!("12 {twice}"), &format!("12 {twice}"), "43 INSERT INTO t VALUES (1)", "50 INSERT INTO t VALUES (2) ?"],
        );
        check(&["general 10 DELETE FROM t", "audit 10 DELETE FROM t !"], &[]);
        check(&["audit 10 DELETE FROM t !", "general 10 DELETE FROM t", "general 2000 DELETE FROM t"], &["2000 DELETE FROM t"]);
        check(&["audit 10 INSERT INTO t VALUES (1) ok", "audit 10 INSERT INTO t VALUES (1) !"], &["10 INSERT INTO t VALUES (1) ?"]);
    }

    #[test]
    fn a_statement_that_commits_itself_ends_neither_with_the_next_transaction_nor_with_a_stray_end_of_one() {
        let began = "general 1 SET autocommit = 1";
        check(&[began, "general 10 DELETE FROM t", "general 40 BEGIN", "general 41 ROLLBACK"], &["10 DELETE FROM t"]);
        check(&[began, "general 10 DELETE FROM t", "general 40 CREATE TABLE u (i int)"], &["10 DELETE FROM t", "40 CREATE TABLE u (i int)"]);
        check(&[began, "general 10 DELETE FROM t", "general 40 ROLLBACK"], &["10 DELETE FROM t ?"]);
        check(&[began, "general 10 DELETE FROM t", "general 40 COMMIT"], &["10 DELETE FROM t +30"]);
        check(&["other 10 DELETE FROM t", "other 40 ROLLBACK"], &["10 DELETE FROM t ?"]);
        check(&["other 10 BEGIN", "other 11 DELETE FROM t", "other 40 ROLLBACK", "other 50 DELETE FROM u", "other 60 COMMIT"], &["50 DELETE FROM u +10"]);
    }

    #[test]
    fn a_statement_that_fails_by_itself_undoes_nothing_that_comes_after() {
        let level = "numbered 1 SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED";
        check(&[level, "numbered 2 SELECT 1/0 !", "numbered 3 DELETE FROM t", "numbered 4 SELECT 1"], &["3 DELETE FROM t"]);
        check(&[level, "numbered 2 BEGIN", "numbered 2 DELETE FROM t", "numbered 2 SELECT 1/0 !", "numbered 3 DELETE FROM u"], &["3 DELETE FROM u"]);
    }

    #[test]
    fn a_string_of_statements_that_fails_undoes_itself_alone() {
        let (ran, failed) = ("other 20 UPDATE t SET n = 1; SELECT 1/0", "other 20 UPDATE t SET n = 1; SELECT 1/0 !");
        let before = "other 10 INSERT INTO t VALUES (1)";
        check(&[before, "other 30 DELETE FROM t"], &["10 INSERT INTO t VALUES (1) ?", "30 DELETE FROM t ?"]);
        check(&[before, ran, failed, "other 30 DELETE FROM t"], &["10 INSERT INTO t VALUES (1) ?", "30 DELETE FROM t ?"]);
        check(&["other 9 BEGIN", "other 10 INSERT INTO t VALUES (1)", ran, failed, "other 30 COMMIT"], &[]);
    }

    #[test]
    fn a_repeat_that_fails_says_nothing_of_the_write_that_went_well() {
        check(&["other 10 INSERT INTO t VALUES (1) =1", "other 11 INSERT INTO t VALUES (1) !"], &["10 INSERT INTO t VALUES (1) ?"]);
        check(&["other 10 INSERT INTO t VALUES (1)", "other 10 INSERT INTO t VALUES (1) !"], &[]);
    }

    #[test]
    fn a_connection_that_is_older_than_the_log_may_commit_by_hand() {
        let both = ["general 10 DELETE FROM t", "general 11 DELETE FROM u"];
        check(&[both[0], both[1], "general 40 ROLLBACK"], &["10 DELETE FROM t ?", "11 DELETE FROM u ?"]);
        check(&[both[0], both[1], "general 40 COMMIT"], &["10 DELETE FROM t +30", "11 DELETE FROM u +29"]);
        check(&["general 9 SET autocommit = 0", both[0], both[1], "general 40 COMMIT"], &["40 DELETE FROM t", "40 DELETE FROM u"]);
        check(&["general 9 SET autocommit = 0", both[0], both[1], "general 40 ROLLBACK"], &[]);
    }

    #[test]
    fn a_rollback_that_one_log_has_undoes_what_another_tells() {
        check(&["general 10 START TRANSACTION", "general 11 DELETE FROM t", "general 12 ROLLBACK", "slow 11 DELETE FROM t"], &[]);
        check(&["general 10 BEGIN", "general 11 DELETE FROM t", "general 19 COMMIT", "slow 11 DELETE FROM t"], &["19 DELETE FROM t"]);
    }

    #[test]
    fn without_autocommit_each_write_begins_a_transaction() {
        check(&["general 1 SET AUTOCOMMIT = 0", "general 2 DELETE FROM a", "general 3 DELETE FROM b", "general 4 ROLLBACK"], &[]);
        check(
            &["general 1 set @@session.autocommit=OFF", "general 2 DELETE FROM a", "general 3 COMMIT", "general 4 DELETE FROM b", "general 5 ROLLBACK"],
            &["3 DELETE FROM a"],
        );
        check(
            &["general 1 SET autocommit=0", "general 2 DELETE FROM a", "general 9 SET autocommit=1", "general 10 DELETE FROM b"],
            &["9 DELETE FROM a", "10 DELETE FROM b"],
        );
        check(&["statement 1 SET autocommit = 0", "statement 2 DELETE FROM a", "statement 3 DELETE FROM b"], &["2 DELETE FROM a", "3 DELETE FROM b"]);
    }

    /// The levels of the transactions of one connection.
    #[test]
    fn a_write_is_read_in_the_state_of_its_session() {
        let north = "UPDATE \"north\".person SET a = 1";
        let check = |sets: &'static str, then: &'static str, expected: &str| {
            let lines = [sets, then, "log 9 UPDATE person SET a = 1"];
            check(&lines, &[&format!("9 {expected}")]);
        };
        check("log 1 SHOW x", "log 2 SHOW x", "UPDATE person SET a = 1");
        check("log 1 SET search_path = north, public", "log 2 SHOW x", north);
        check("log 1 SET search_path = north !", "log 2 SHOW x", "UPDATE person SET a = 1");
        check("log 1 SET search_path = north", "log 2 RESET ALL", "UPDATE person SET a = 1");
        check("log 1 SELECT set_config('search_path', 'north', false)", "log 2 SHOW x", north);
        check("log 1 SELECT set_config('search_path', (SELECT s FROM t), false)", "log 2 SHOW x", "UPDATE person SET a = 1 lost");
        check("log 1 SET standard_conforming_strings = off", "log 2 SHOW x", "UPDATE person SET a = 1 lost");
        check("log 1 SET application_name = 'x'", "log 2 SET LOCAL search_path = north", "UPDATE person SET a = 1");
        // Inside a transaction, and back to what was before.
        self::check(
            &["log 1 BEGIN", "log 2 SET LOCAL search_path = north", "log 3 UPDATE person SET a = 1", "log 4 COMMIT", "log 5 UPDATE person SET a = 2"],
            &[&format!("4 {north}"), "5 UPDATE person SET a = 2"],
        );
    }

    fn check_levels(log: &'static str, statements: &[&'static str], expected: &[Isolation]) {
        let mut builder = EventBatchBuilder::new();
        for (n, statement) in statements.iter().enumerate() {
            let place = EventRef { artefact: ArtefactId(log.into()), offset: n as u64, length: 1 };
            let mut event = Event::new(Instant(n as i64 * SECOND), Class::Datastore, Activity::Query, place);
            (event.source, event.session, event.statement) = ("db".into(), Some("7".into()), Some((*statement).into()));
            event.record_kind = Some(if log == "general" { RecordKind::MysqlGeneral } else { RecordKind::Statement });
            builder.push(&event);
        }
        let events = vec![builder.finish().expect("events")];
        let facts = read(&events, &BTreeSet::from(["7".to_owned()]), Interest::everything()).expect("facts");
        let levels: Vec<Isolation> = facts.connections["7"].transactions.iter().map(|t| t.level).collect();
        assert_eq!(levels, expected, "{statements:?}");
    }

    #[test]
    fn what_is_selected_into_a_variable_or_a_file_writes_no_table() {
        check(&["general 1 SELECT a INTO @v FROM t", "general 2 SELECT a FROM t INTO @v, @w", "general 3 SELECT a INTO OUTFILE 'x' FROM t"], &[]);
        check(&["statement 1 SELECT a INTO b FROM t", "statement 2 SELECT a\nINTO\nb FROM t"], &["1 SELECT a INTO b FROM t ?", "2 SELECT a\nINTO\nb FROM t ?"]);
        check(&["statement 1 SELECT 'into', a FROM t WHERE b IN (SELECT 1)"], &[]);
    }

    #[test]
    fn a_level_holds_for_whom_it_was_set() {
        use Isolation::{ReadCommitted, ServerReadCommitted, ServerSnapshot, Snapshot};
        let check = |statements: &[&'static str], expected: &[Isolation]| check_levels("general", statements, expected);
        let (one, two) = (["BEGIN", "COMMIT"], ["BEGIN", "COMMIT", "BEGIN", "COMMIT"]);
        let set = |set: &'static str, then: &[&'static str], expected: &[Isolation]| check(&[&[set], then].concat(), expected);
        set("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", &two, &[ReadCommitted, ServerSnapshot]);
        set("SET @@tx_isolation = 'READ-COMMITTED'", &two, &[ReadCommitted, ServerSnapshot]);
        set("SET TRANSACTION READ ONLY, ISOLATION LEVEL READ COMMITTED", &two, &[ReadCommitted, ServerSnapshot]);
        set("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", &two, &[ReadCommitted, ReadCommitted]);
        set("SET tx_isolation = 'READ-COMMITTED'", &two, &[ReadCommitted, ReadCommitted]);
        set("SET autocommit = 1, @@session.tx_isolation = 'READ-COMMITTED'", &two, &[ReadCommitted, ReadCommitted]);
        set("SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED", &one, &[ServerSnapshot]);
        set("SET GLOBAL tx_isolation = 'READ-COMMITTED'", &one, &[ServerSnapshot]);
        set("SET @@global.tx_isolation = 'READ-COMMITTED'", &one, &[ServerSnapshot]);
        // A statement by itself was the next transaction; inside one, the server refuses it.
        check(&["SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SELECT 1", "BEGIN", "COMMIT"], &[ServerSnapshot]);
        check(&["BEGIN", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "COMMIT", "BEGIN", "COMMIT"], &[ServerSnapshot, ServerSnapshot]);
        let check = |statements: &[&'static str], expected: &[Isolation]| check_levels("statement", statements, expected);
        check(&["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN", "COMMIT"], &[ServerReadCommitted]);
        check(&["BEGIN", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "COMMIT", "BEGIN", "COMMIT"], &[Snapshot, ServerReadCommitted]);
        check(&["SET default_transaction_isolation = 'repeatable read'", "BEGIN", "COMMIT"], &[Snapshot]);
        let characteristics = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ";
        check(&["BEGIN", characteristics, "ROLLBACK", "BEGIN", "COMMIT"], &[ServerReadCommitted, ServerReadCommitted]);
        check(&["BEGIN", characteristics, "COMMIT", "BEGIN", "COMMIT"], &[ServerReadCommitted, Snapshot]);
    }
}
