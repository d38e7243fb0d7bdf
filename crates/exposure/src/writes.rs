//! The writes of the log: one for each execution however often it was logged, without those that failed or were
//! rolled back; and, on the same pass, what the log shows of the connections that the accesses name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sqlparser::ast::Statement;
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use strandline_model::event::{Activity, Class, Event, EventRows, RecordKind, Status};
use strandline_model::table::Scan;

use crate::{Dialect, ExposureError, lexer};

/// One write that took effect.
#[derive(Clone)]
pub(crate) struct Write {
    /// When it took effect, microseconds: at its COMMIT, where that is logged.
    pub(crate) time: i64,
    /// Resolution of the log's clock, microseconds.
    pub(crate) precision: i64,
    /// The database's name at the server, where logged.
    pub(crate) database: Option<String>,
    /// The statement; `None` if it cannot be understood.
    pub(crate) parsed: Option<Arc<Statement>>,
    /// Bare and qualified names that a statement that was not understood mentions.
    pub(crate) mentions: Vec<Vec<String>>,
    pub(crate) parameters: Option<Vec<Option<String>>>,
    pub(crate) row_count: Option<i64>,
    /// Whether a rollback to a savepoint may have undone it.
    pub(crate) unsure: bool,
}

impl Write {
    #[cfg(test)]
    pub(crate) fn bare(time: i64, row_count: Option<i64>) -> Self {
        Self { time, precision: 1, database: None, parsed: None, mentions: Vec::new(), parameters: None, row_count, unsure: false }
    }
}

/// What the log shows of one connection.
#[derive(Clone, Copy, Default)]
pub(crate) struct ConnectionFacts {
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) connected: Option<i64>,
    pub(crate) disconnected: Option<i64>,
    /// A DECLARE, FETCH, PREPARE or EXECUTE stands in a record of `log_statement`, which then logs them all.
    pub(crate) session_statements_logged: bool,
}

/// What the events say.
#[derive(Default)]
pub(crate) struct LogFacts {
    /// By time; writes at one time in the order of the log.
    pub(crate) writes: Vec<Write>,
    /// First database event.
    pub(crate) first_event: Option<i64>,
    pub(crate) connections: BTreeMap<String, ConnectionFacts>,
}

/// Reads the events once. `connections` are those whose facts are wanted.
pub(crate) fn read(events: &dyn Scan, connections: &BTreeSet<String>) -> Result<LogFacts, ExposureError> {
    let columns = [
        "time",
        "time_precision_micros",
        "class",
        "activity",
        "status",
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
    let mut reader = Reader { facts: LogFacts::default(), open: HashMap::new(), parsed: HashMap::new(), dialect: Dialect::PostgreSql };
    for batch in events.scan(&columns).map_err(ExposureError::scan("events"))? {
        let batch = batch.map_err(ExposureError::scan("events"))?;
        let rows = EventRows::new(&batch);
        for event in rows.iter().filter(|e| e.class == Class::Datastore || e.record_kind.is_some()) {
            let mysql = matches!(event.record_kind, Some(RecordKind::MysqlGeneral | RecordKind::MysqlAudit));
            reader.dialect = if mysql { Dialect::MySql } else { Dialect::PostgreSql };
            reader.take(&event, connections);
        }
    }
    let mut open: Vec<(String, Open)> = std::mem::take(&mut reader.open).into_iter().collect();
    open.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, mut connection) in open {
        reader.flush(&mut connection, None);
    }
    reader.facts.writes.sort_by_key(|w| w.time);
    Ok(reader.facts)
}

/// The statement as the parser has it; only the first of several.
pub(crate) fn parse(sql: &str, dialect: Dialect) -> Option<Statement> {
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
        _ => 6,
    }
}

struct Pending {
    write: Write,
    statement: String,
    logs: u8,
}

#[derive(Default)]
struct Open {
    transaction: Option<String>,
    explicit: bool,
    aborted: bool,
    pending: Vec<Pending>,
}

/// A parsed statement, and what it mentions where its target is not plain.
type Understood = (Option<Arc<Statement>>, Vec<Vec<String>>);

struct Reader {
    facts: LogFacts,
    open: HashMap<String, Open>,
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
        let mut connection = self.open.remove(&key).unwrap_or_default();
        self.step(&mut connection, event, statement, &word);
        if !connection.pending.is_empty() || connection.explicit {
            self.open.insert(key, connection);
        }
    }

    fn step(&mut self, connection: &mut Open, event: &Event<'_>, statement: &str, word: &str) {
        let time = event.time.micros();
        if event.transaction.is_some() && connection.transaction.is_some() && event.transaction.as_deref() != connection.transaction.as_deref() {
            self.flush(connection, None);
        }
        if event.activity == Activity::Disconnect {
            if connection.explicit {
                connection.pending.clear();
            }
            self.flush(connection, None);
            return;
        }
        if event.activity == Activity::Error || event.status == Status::Failure {
            if connection.pending.last().is_some_and(|p| p.statement == statement) {
                connection.pending.pop();
            }
            connection.aborted |= self.dialect == Dialect::PostgreSql && (connection.explicit || event.transaction.is_some());
            return;
        }
        let mut second = statement.split_whitespace().skip(1).map(str::to_ascii_lowercase);
        match word {
            "begin" | "start" if event.activity != Activity::Write => {
                self.flush(connection, None);
                connection.explicit = true;
                connection.transaction = event.transaction.as_deref().map(str::to_owned);
            }
            "commit" | "end" => self.flush(connection, Some(time)),
            "rollback" | "abort" if second.any(|w| w == "to") => connection.pending.iter_mut().for_each(|p| p.write.unsure = true),
            "rollback" | "abort" => {
                connection.pending.clear();
                self.flush(connection, None);
            }
            _ if event.activity == Activity::Write && event.statement.is_some() => self.take_write(connection, event, statement),
            _ => {}
        }
    }

    fn take_write(&mut self, connection: &mut Open, event: &Event<'_>, statement: &str) {
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
        if !connection.explicit && event.transaction.is_none() {
            self.flush(connection, None);
        }
        connection.transaction = event.transaction.as_deref().map(str::to_owned);
        let parts = lexer::statements(statement, self.dialect);
        let several = parts.len() > 1;
        for part in parts {
            let (parsed, mentions) = self.understand(part);
            let write = Write {
                time: event.time.micros(),
                precision: i64::from(event.time_precision_micros.max(1)),
                database: event.database.as_deref().map(str::to_owned),
                parsed,
                mentions,
                parameters: parameters.clone(),
                row_count: if several { None } else { event.row_count },
                unsure: false,
            };
            connection.pending.push(Pending { write, statement: statement.to_owned(), logs: log });
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

    /// The transaction is over; its writes count unless it was aborted.
    fn flush(&mut self, connection: &mut Open, committed: Option<i64>) {
        let pending = std::mem::take(&mut connection.pending);
        if !connection.aborted {
            for Pending { mut write, .. } in pending {
                if let Some(time) = committed {
                    write.time = write.time.max(time);
                }
                self.facts.writes.push(write);
            }
        }
        *connection = Open::default();
    }
}

/// Every name in a statement, qualified ones whole.
pub(crate) fn mentions(sql: &str, dialect: Dialect) -> Vec<Vec<String>> {
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
