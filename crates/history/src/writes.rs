//! The writes of the log: one for each execution however often it was logged, without those that failed or were
//! rolled back; and, on the same pass, what the log shows of the connections that the accesses name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sqlparser::ast::Statement;
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use strandline_model::event::{Activity, Class, Event, EventRows, RecordKind, Status};
use strandline_model::table::Scan;

use strandline_sql::lexer;

use crate::{Dialect, HistoryError};

/// One write that took effect.
#[derive(Clone)]
pub struct Write {
    /// When it took effect, microseconds: at its COMMIT, where that is logged.
    pub time: i64,
    /// Resolution of the log's clock, microseconds.
    pub precision: i64,
    /// The database's name at the server, where logged.
    pub database: Option<String>,
    /// The statement; `None` if it cannot be understood.
    pub parsed: Option<Arc<Statement>>,
    /// Bare and qualified names that a statement that was not understood mentions.
    pub mentions: Vec<Vec<String>>,
    /// Bind values, where logged.
    pub parameters: Option<Vec<Option<String>>>,
    /// Rows that it touched, where logged.
    pub row_count: Option<i64>,
    /// Whether a rollback to a savepoint may have undone it.
    pub unsure: bool,
}

impl Write {
    #[cfg(test)]
    /// A write of which nothing else is known.
    pub fn bare(time: i64, row_count: Option<i64>) -> Self {
        Self { time, precision: 1, database: None, parsed: None, mentions: Vec::new(), parameters: None, row_count, unsure: false }
    }
}

/// Two logs tell of one write at most this far apart: one when it began, one when it ended.
const SAME_WRITE_MICROS: i64 = 600_000_000;

/// What the log shows of one connection.
#[derive(Clone, Copy, Default)]
pub struct ConnectionFacts {
    /// First record.
    pub first: Option<i64>,
    /// Last record.
    pub last: Option<i64>,
    /// When it was opened.
    pub connected: Option<i64>,
    /// When it was closed.
    pub disconnected: Option<i64>,
    /// A DECLARE, FETCH, PREPARE or EXECUTE stands in a record of `log_statement`, which then logs them all.
    pub session_statements_logged: bool,
}

/// What the events say.
#[derive(Default)]
pub struct LogFacts {
    /// By time; writes at one time in the order of the log.
    pub writes: Vec<Write>,
    /// First database event.
    pub first_event: Option<i64>,
    /// What the log shows of each connection that was asked for.
    pub connections: BTreeMap<String, ConnectionFacts>,
}

/// Reads the events once. `connections` are those whose facts are wanted.
pub fn read(events: &dyn Scan, connections: &BTreeSet<String>) -> Result<LogFacts, HistoryError> {
    let columns = [
        "time",
        "time_precision_micros",
        "class",
        "activity",
        "status",
        "source",
        "session",
        "pid",
        "database",
        "statement",
        "parameters",
        "row_count",
        "statement_id",
        "transaction",
        "record_kind",
        "masked",
    ];
    let mut reader = Reader {
        facts: LogFacts::default(),
        logged: Vec::new(),
        logs: HashMap::new(),
        open: HashMap::new(),
        parsed: HashMap::new(),
        dialect: Dialect::PostgreSql,
    };
    for batch in events.scan(&columns).map_err(HistoryError::scan("events"))? {
        let batch = batch.map_err(HistoryError::scan("events"))?;
        let rows = EventRows::new(&batch);
        for event in rows.iter().filter(|e| e.class == Class::Datastore || e.record_kind.is_some()) {
            let mysql = matches!(event.record_kind, Some(RecordKind::MysqlGeneral | RecordKind::MysqlSlow | RecordKind::MysqlAudit));
            reader.dialect = if mysql { Dialect::MySql } else { Dialect::PostgreSql };
            reader.take(&event, connections);
        }
    }
    let mut open: Vec<((u32, String), Open)> = std::mem::take(&mut reader.open).into_iter().collect();
    open.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, mut connection) in open {
        reader.flush(&mut connection, None);
    }
    let Reader { mut facts, logged, logs, .. } = reader;
    facts.writes = once_each(logged, logs.len());
    facts.writes.sort_by_key(|w| w.time);
    Ok(facts)
}

/// A write as one log tells of it.
struct Logged {
    write: Write,
    /// Which log.
    log: u32,
    /// Session, statement and values, as a digest.
    what: u64,
    /// It failed or was rolled back.
    undone: bool,
}

/// Makes one write of what several logs tell of it: those of one session, text and values, each log's in order of time. If any
/// log says that it failed or was rolled back, it was.
fn once_each(logged: Vec<Logged>, logs: usize) -> Vec<Write> {
    if logs < 2 {
        return logged.into_iter().filter(|l| !l.undone).map(|l| l.write).collect();
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
        out.extend(joined.into_iter().filter(|l| !l.undone).map(|l| l.write));
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
        self.undone |= other.undone;
        // A transaction's log knows when it was committed; the others know when the statement ran.
        self.write.time = self.write.time.max(other.write.time);
        self.write.precision = self.write.precision.max(other.write.precision);
        self.write.row_count = self.write.row_count.or(other.write.row_count);
        self.write.parameters = self.write.parameters.take().or(other.write.parameters);
        self.write.unsure |= other.write.unsure;
    }
}

/// The statement as the parser has it; only the first of several.
pub fn parse(sql: &str, dialect: Dialect) -> Option<Statement> {
    let parsed = match dialect {
        Dialect::PostgreSql => Parser::parse_sql(&PostgreSqlDialect {}, sql),
        Dialect::MySql => Parser::parse_sql(&MySqlDialect {}, sql),
    };
    let mut statements = parsed.ok()?;
    (statements.len() == 1).then(|| statements.remove(0))
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

/// What a session wrote, as a digest: logs differ in blanks at the end.
fn digest(session: &str, statement: &str, parameters: Option<&[Option<String>]>) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
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

fn write_of(event: &Event<'_>, parsed: Option<Arc<Statement>>, mentions: Vec<Vec<String>>, parameters: Option<Vec<Option<String>>>) -> Write {
    Write {
        time: event.time.micros(),
        precision: i64::from(event.time_precision_micros.max(1)),
        database: event.database.as_deref().map(str::to_owned),
        parsed,
        mentions,
        parameters,
        row_count: None,
        unsure: false,
    }
}

struct Pending {
    write: Write,
    statement: String,
    what: u64,
    logs: u8,
}

#[derive(Default)]
struct Open {
    transaction: Option<String>,
    explicit: bool,
    aborted: bool,
    /// `SET autocommit = 0`: each write begins a transaction.
    manual: bool,
    log: u32,
    pending: Vec<Pending>,
}

/// A parsed statement, and what it mentions where its target is not plain.
type Understood = (Option<Arc<Statement>>, Vec<Vec<String>>);

struct Reader {
    facts: LogFacts,
    logged: Vec<Logged>,
    /// A log source, and which of a server's logs. Each has transactions of its own.
    logs: HashMap<(String, u8), u32>,
    open: HashMap<(u32, String), Open>,
    parsed: HashMap<String, Understood>,
    dialect: Dialect,
}

impl Reader {
    fn take(&mut self, event: &Event<'_>, wanted: &BTreeSet<String>) {
        let time = event.time.micros();
        self.facts.first_event = Some(self.facts.first_event.map_or(time, |first| first.min(time)));
        let key = event.session.as_deref().map_or_else(|| format!("pid {}", event.pid.unwrap_or(0)), str::to_owned);
        let statement = event.statement.as_deref().unwrap_or_default();
        let word = statement.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if wanted.contains(&key) {
            let facts = self.facts.connections.entry(key.clone()).or_default();
            facts.first = Some(facts.first.map_or(time, |t| t.min(time)));
            facts.last = Some(facts.last.map_or(time, |t| t.max(time)));
            match event.activity {
                Activity::Connect => facts.connected = Some(facts.connected.map_or(time, |t| t.min(time))),
                Activity::Disconnect => facts.disconnected = Some(time),
                _ => {}
            }
            let logs_all = matches!(event.record_kind, Some(RecordKind::Statement | RecordKind::Execute | RecordKind::MysqlGeneral));
            facts.session_statements_logged |= logs_all && ["declare", "fetch", "move", "prepare", "execute"].contains(&word.as_str());
        }
        let log = self.log_number(event);
        let mut connection = self.open.remove(&(log, key.clone())).unwrap_or_default();
        connection.log = log;
        self.step(&mut connection, event, (statement, &word), &key);
        if !connection.pending.is_empty() || connection.explicit || connection.manual {
            self.open.insert((log, key), connection);
        }
    }

    fn log_number(&mut self, event: &Event<'_>) -> u32 {
        let family = if self.dialect == Dialect::MySql { log_of(event.record_kind) } else { 0 };
        let next = u32::try_from(self.logs.len()).unwrap_or(u32::MAX);
        *self.logs.entry((event.source.to_string(), family)).or_insert(next)
    }

    fn step(&mut self, connection: &mut Open, event: &Event<'_>, (statement, word): (&str, &str), session: &str) {
        let time = event.time.micros();
        if event.transaction.is_some() && connection.transaction.is_some() && event.transaction.as_deref() != connection.transaction.as_deref() {
            self.flush(connection, None);
        }
        if event.activity == Activity::Disconnect {
            if connection.explicit {
                self.undo(connection);
            }
            self.flush(connection, None);
            connection.manual = false;
            return;
        }
        if event.activity == Activity::Error || event.status == Status::Failure {
            if connection.pending.last().is_some_and(|p| p.statement == statement) {
                connection.pending.pop();
            }
            connection.aborted |= self.dialect == Dialect::PostgreSql && (connection.explicit || event.transaction.is_some());
            if self.dialect == Dialect::MySql && event.activity == Activity::Write {
                // The general log tells of it without a word of its end; this log knows better.
                let write = write_of(event, None, Vec::new(), None);
                self.logged.push(Logged { write, log: connection.log, what: digest(session, statement, None), undone: true });
            }
            return;
        }
        let mut second = statement.split_whitespace().skip(1).map(str::to_ascii_lowercase);
        match word {
            "begin" | "start" if event.activity != Activity::Write => {
                self.flush(connection, None);
                connection.explicit = true;
                connection.transaction = event.transaction.as_deref().map(str::to_owned);
            }
            "set" if self.dialect == Dialect::MySql => {
                if let Some(on) = autocommit(statement) {
                    connection.manual = !on;
                    // Switching it on commits.
                    if on {
                        self.flush(connection, Some(time));
                    }
                }
            }
            "commit" | "end" => self.flush(connection, Some(time)),
            "rollback" | "abort" if second.any(|w| w == "to") => connection.pending.iter_mut().for_each(|p| p.write.unsure = true),
            "rollback" | "abort" => self.undo(connection),
            _ if event.activity == Activity::Write && event.statement.is_some() => self.take_write(connection, event, statement, session),
            _ => {}
        }
    }

    fn take_write(&mut self, connection: &mut Open, event: &Event<'_>, statement: &str, session: &str) {
        let parameters =
            event.parameters.as_ref().map(|list| list.iter().map(|p| p.as_deref().map(str::to_owned)).collect::<Vec<_>>()).filter(|p| !p.is_empty());
        let log = 1_u8 << log_of(event.record_kind);
        if let Some(last) = connection.pending.last_mut() {
            let same_parameters = last.write.parameters.is_none() || parameters.is_none() || last.write.parameters == parameters;
            if last.logs & log == 0 && last.statement == statement && same_parameters {
                last.logs |= log;
                last.write.row_count = last.write.row_count.or(event.row_count);
                last.write.parameters = last.write.parameters.take().or(parameters);
                return;
            }
        }
        connection.explicit |= connection.manual;
        if !connection.explicit && event.transaction.is_none() {
            self.flush(connection, None);
        }
        connection.transaction = event.transaction.as_deref().map(str::to_owned);
        let parts = lexer::statements(statement, self.dialect);
        let several = parts.len() > 1;
        for part in parts {
            let (parsed, mentions) = self.understand(part);
            let mut write = write_of(event, parsed, mentions, parameters.clone());
            write.row_count = event.row_count.filter(|_| !several);
            connection.pending.push(Pending { write, statement: statement.to_owned(), what: digest(session, part, parameters.as_deref()), logs: log });
        }
    }

    fn understand(&mut self, sql: &str) -> Understood {
        if let Some(known) = self.parsed.get(sql) {
            return known.clone();
        }
        if self.parsed.len() >= 4096 {
            self.parsed.clear();
        }
        let parsed = parse(sql, self.dialect).map(Arc::new);
        let mentions = if parsed.as_deref().and_then(crate::roll::write_target).is_some() { Vec::new() } else { mentions(sql, self.dialect) };
        let understood = (parsed, mentions);
        self.parsed.insert(sql.to_owned(), understood.clone());
        understood
    }

    /// The transaction was rolled back.
    fn undo(&mut self, connection: &mut Open) {
        connection.aborted = true;
        self.flush(connection, None);
    }

    /// The transaction is over; its writes count unless it was aborted.
    fn flush(&mut self, connection: &mut Open, committed: Option<i64>) {
        let pending = std::mem::take(&mut connection.pending);
        self.settle(pending, connection, committed, connection.aborted);
        *connection = Open { log: connection.log, manual: connection.manual, ..Open::default() };
    }

    fn settle(&mut self, pending: Vec<Pending>, connection: &Open, committed: Option<i64>, undone: bool) {
        for Pending { mut write, what, .. } in pending {
            write.time = committed.map_or(write.time, |time| write.time.max(time));
            self.logged.push(Logged { write, log: connection.log, what, undone });
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
    use strandline_model::event::EventBatchBuilder;
    use strandline_model::evidence::{ArtefactId, EventRef};
    use strandline_model::time::Instant;

    use super::*;

    const SECOND: i64 = 1_000_000;

    /// Lines `log second statement`; a statement with ` !` at its end failed. Gives `second statement` of each write.
    fn check(lines: &[&'static str], expected: &[&str]) {
        let mut builder = EventBatchBuilder::new();
        for (n, line) in lines.iter().enumerate() {
            let mut words = line.splitn(3, ' ');
            let (log, second, statement) = (words.next().expect("log"), words.next().expect("second"), words.next().expect("statement"));
            let place = EventRef { artefact: ArtefactId(log.into()), offset: n as u64, length: 1 };
            let second: i64 = second.parse().expect("a number");
            let (statement, failed) = statement.strip_suffix(" !").map_or((statement, false), |s| (s, true));
            let writes = ["insert", "update", "delete"].iter().any(|word| statement.to_ascii_lowercase().starts_with(word));
            let mut event = Event::new(Instant(second * SECOND), Class::Datastore, if writes { Activity::Write } else { Activity::Query }, place);
            event.source = "db".into();
            event.session = Some("7".into());
            event.statement = Some(statement.into());
            event.status = if failed { Status::Failure } else { Status::Unknown };
            event.record_kind = Some(match log {
                "general" => RecordKind::MysqlGeneral,
                "slow" => RecordKind::MysqlSlow,
                "audit" => RecordKind::MysqlAudit,
                _ => RecordKind::Statement,
            });
            builder.push(&event);
        }
        let events = vec![builder.finish().expect("events")];
        let facts = read(&events, &BTreeSet::new()).expect("facts");
        let found: Vec<String> =
            facts.writes.iter().map(|w| format!("{} {}", w.time / SECOND, w.parsed.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string))).collect();
        assert_eq!(found, expected, "{lines:?}");
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
            &[&format!("12 {twice}"), &format!("12 {twice}"), "43 INSERT INTO t VALUES (1)", "50 INSERT INTO t VALUES (2)"],
        );
        check(&["general 10 DELETE FROM t", "audit 10 DELETE FROM t !"], &[]);
        check(&["audit 10 DELETE FROM t !", "general 10 DELETE FROM t", "general 2000 DELETE FROM t"], &["2000 DELETE FROM t"]);
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
}
