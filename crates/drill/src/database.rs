//! PostgreSQL 15's log as its server writes it: csvlog, jsonlog or stderr, with or without pgaudit. Statements are served
//! one at a time and a millisecond apart, so the order in the log is the order in which they saw the data.
//!
//! Formats: PostgreSQL 15 documentation, 20.8 "Error Reporting and Logging" (26 csvlog columns, jsonlog keys);
//! pgaudit 1.7 README, "Format".

use std::fmt::Write;

use serde::Serialize;

use crate::DrillError;
use crate::clock::{HOUR, Millis, SECOND, civil};
use crate::logfile::LogFile;

/// What the server was told to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// csvlog, `log_statement = all` and pgaudit: every statement stands there twice.
    CsvTwice,
    /// jsonlog, pgaudit only.
    JsonAudit,
    /// csvlog, `log_statement = all`, no pgaudit: no row counts.
    CsvStatement,
    /// stderr with `log_line_prefix`, pgaudit only.
    StderrAudit,
}

/// The prefix of the stderr log.
pub(crate) const LOG_LINE_PREFIX: &str = "%m [%p] %c %l %q%u@%d/%a %r ";

impl Setting {
    fn statements(self) -> bool {
        matches!(self, Self::CsvTwice | Self::CsvStatement)
    }
    fn audits(self) -> bool {
        self != Self::CsvStatement
    }
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::CsvTwice | Self::CsvStatement => "csv",
            Self::JsonAudit => "json",
            Self::StderrAudit => "log",
        }
    }
}

/// A statement and what came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// Bind values; with any, or with `extended`, it went through the extended protocol.
    pub(crate) parameters: Vec<String>,
    pub(crate) extended: bool,
    /// Command tag (`SELECT`, `DECLARE CURSOR`).
    pub(crate) tag: &'static str,
    /// pgaudit's class and command; `None` where pgaudit does not log it (BEGIN, FETCH, CLOSE).
    pub(crate) audit: Option<(&'static str, &'static str)>,
    pub(crate) rows: usize,
    /// SQLSTATE, message and position, where it failed.
    pub(crate) error: Option<(&'static str, String, Option<usize>)>,
}

impl Statement {
    /// A SELECT through the simple protocol.
    pub(crate) fn simple(sql: impl Into<String>, rows: usize) -> Self {
        Self { sql: sql.into(), tag: "SELECT", audit: Some(("READ", "SELECT")), rows, ..Self::default() }
    }
    /// A SELECT with bind values.
    pub(crate) fn bound(sql: impl Into<String>, parameters: Vec<String>, rows: usize) -> Self {
        Self { parameters, extended: true, ..Self::simple(sql, rows) }
    }
    /// A write of `rows` rows with bind values.
    pub(crate) fn write(tag: &'static str, sql: impl Into<String>, parameters: Vec<String>, rows: usize) -> Self {
        Self { tag, audit: Some(("WRITE", tag)), ..Self::bound(sql, parameters, rows) }
    }
    /// A statement that pgaudit passes over.
    pub(crate) fn control(tag: &'static str, sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), tag, ..Self::default() }
    }
}

/// One backend.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pid: u32,
    host: &'static str,
    port: u32,
    pub(crate) start: Millis,
    user: &'static str,
    database: &'static str,
    application: &'static str,
    slot: usize,
    lines: u64,
    audited: u64,
    in_transaction: bool,
}

impl Connection {
    /// When it was opened.
    pub(crate) fn opened(&self) -> Millis {
        self.start
    }

    /// The backend's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
    /// The session id that the log gives it.
    pub(crate) fn session(&self) -> String {
        format!("{:x}.{:x}", self.start.div_euclid(SECOND), self.pid)
    }
}

/// The server: its clock, process ids, transaction counters and log.
pub(crate) struct Database {
    pub(crate) log: LogFile,
    setting: Setting,
    zone: (&'static str, Millis),
    now: Millis,
    next_pid: u32,
    next_xid: u64,
    slots: Vec<(bool, u64)>,
}

struct Record<'a> {
    at: Millis,
    tag: &'a str,
    virtual_transaction: bool,
    xid: u64,
    severity: &'a str,
    state: &'a str,
    message: String,
    detail: Option<String>,
    query: Option<(&'a str, Option<usize>)>,
}

#[derive(Serialize)]
struct JsonRecord<'a> {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dbname: Option<&'a str>,
    pid: u32,
    remote_host: &'a str,
    remote_port: u32,
    session_id: String,
    line_num: u64,
    ps: &'a str,
    session_start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vxid: Option<String>,
    txid: u64,
    error_severity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor_position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_name: Option<&'a str>,
    backend_type: &'a str,
    query_id: u64,
}

impl Database {
    /// A server that logs as `setting` says, in the zone of the given name and offset.
    pub(crate) fn new(log: LogFile, setting: Setting, zone: (&'static str, Millis)) -> Self {
        Self { log, setting, zone, now: 0, next_pid: 2_200, next_xid: 51_300, slots: vec![(true, 0); 3] }
    }

    fn tick(&mut self, at: Millis) -> Millis {
        self.now = at.max(self.now + 1);
        self.now
    }

    /// Opens a connection.
    pub(crate) fn connect(
        &mut self,
        at: Millis,
        host: &'static str,
        port: u32,
        who: (&'static str, &'static str, &'static str),
    ) -> Result<Connection, DrillError> {
        let at = self.tick(at);
        self.next_pid = if self.next_pid > 4_190_000 { 2_200 } else { self.next_pid + 1 + (port % 7) };
        let slot = self.slots.iter().position(|(used, _)| !used).unwrap_or_else(|| {
            self.slots.push((false, 0));
            self.slots.len() - 1
        });
        self.slots[slot].0 = true;
        let (user, database, application) = who;
        let mut c = Connection { pid: self.next_pid, host, port, start: at, user, database, application, slot, lines: 0, audited: 0, in_transaction: false };
        self.record(&mut c, &Record::log(at, "", false, format!("connection received: host={host} port={port}")))?;
        let at = self.tick(at + 2);
        self.slots[slot].1 += 1;
        let message = format!("connection authorized: user={user} database={database} application_name={application}");
        self.record(&mut c, &Record::log(at, "authentication", true, message))?;
        Ok(c)
    }

    /// Closes a connection.
    pub(crate) fn disconnect(&mut self, at: Millis, mut c: Connection) -> Result<(), DrillError> {
        let at = self.tick(at);
        let length = at - c.start;
        let message = format!(
            "disconnection: session time: {}:{:02}:{:02}.{:03} user={} database={} host={} port={}",
            length / HOUR,
            length / 60_000 % 60,
            length / SECOND % 60,
            length % SECOND,
            c.user,
            c.database,
            c.host,
            c.port
        );
        self.slots[c.slot].0 = false;
        self.record(&mut c, &Record::log(at, "idle", false, message))
    }

    /// Runs a statement; the instant it was answered.
    pub(crate) fn run(&mut self, at: Millis, c: &mut Connection, s: &Statement) -> Result<Millis, DrillError> {
        let at = self.tick(at);
        if !c.in_transaction {
            self.slots[c.slot].1 += 1;
        }
        let idle = if c.in_transaction { "idle in transaction" } else { "idle" };
        if self.setting.statements() {
            self.log_statement(at, c, s, idle)?;
        }
        let done = self.tick(at + 1);
        if let Some((state, message, position)) = &s.error {
            let tag = if *state == "42601" { idle } else { s.tag };
            let query = Some((s.sql.as_str(), *position));
            let record = Record { severity: "ERROR", state, query, ..Record::log(done, tag, true, message.clone()) };
            self.record(c, &record)?;
        } else if let (true, Some((class, command))) = (self.setting.audits(), s.audit) {
            c.audited += 1;
            let xid = if class == "WRITE" {
                self.next_xid += 1;
                self.next_xid
            } else {
                0
            };
            let message = audit_message(c.audited, 1, (class, command), s, s.rows);
            self.record(c, &Record { xid, ..Record::log(done, s.tag, true, message) })?;
            if s.tag == "COPY" {
                let message = audit_message(c.audited, 2, (class, "COPY"), s, 0);
                self.record(c, &Record::log(done, s.tag, true, message))?;
            }
        }
        match s.tag {
            "BEGIN" => c.in_transaction = true,
            "COMMIT" => c.in_transaction = false,
            _ => {}
        }
        Ok(done)
    }

    fn log_statement(&mut self, at: Millis, c: &mut Connection, s: &Statement, idle: &str) -> Result<(), DrillError> {
        // A syntax error is found before the statement would be logged.
        if matches!(s.error, Some(("42601", ..))) {
            return Ok(());
        }
        if !s.extended {
            return self.record(c, &Record::log(at, idle, true, format!("statement: {}", s.sql)));
        }
        let list: Vec<String> = s.parameters.iter().enumerate().map(|(i, v)| format!("${} = '{}'", i + 1, v.replace('\'', "''"))).collect();
        let detail = (!list.is_empty()).then(|| format!("parameters: {}", list.join(", ")));
        let record = Record { detail, ..Record::log(at, s.tag, true, format!("execute <unnamed>: {}", s.sql)) };
        self.record(c, &record)
    }

    fn record(&mut self, c: &mut Connection, r: &Record<'_>) -> Result<(), DrillError> {
        c.lines += 1;
        let vxid = r.virtual_transaction.then(|| format!("{}/{}", c.slot, self.slots[c.slot].1));
        let line = match self.setting {
            Setting::CsvTwice | Setting::CsvStatement => self.csv(c, r, vxid),
            Setting::JsonAudit => self.json(c, r, vxid)?,
            Setting::StderrAudit => self.stderr(c, r),
        };
        // On stderr each prefix takes a number, and STATEMENT has one of its own.
        if self.setting == Setting::StderrAudit && r.query.is_some() {
            c.lines += 1;
        }
        self.log.line(r.at, line)
    }

    fn stamp(&self, at: Millis) -> (String, String) {
        let civil = civil(at, self.zone.1);
        (format!("{} {}", civil.millis(), self.zone.0), format!("{} {}", civil.seconds(), self.zone.0))
    }

    fn csv(&self, c: &Connection, r: &Record<'_>, vxid: Option<String>) -> String {
        let known = !r.tag.is_empty();
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let named = |text: &str| if known { quoted(text) } else { String::new() };
        let (query, position) = r.query.map_or((String::new(), String::new()), |(q, p)| (quoted(q), p.map(|p| p.to_string()).unwrap_or_default()));
        format!(
            "{},{},{},{},\"{}:{}\",{},{},{},{},{},{},{},{},{},{},,,,,{},{},,{},{},,0",
            self.stamp(r.at).0,
            named(c.user),
            named(c.database),
            c.pid,
            c.host,
            c.port,
            c.session(),
            c.lines,
            quoted(r.tag),
            self.stamp(c.start).1,
            vxid.unwrap_or_default(),
            r.xid,
            r.severity,
            r.state,
            quoted(&r.message),
            r.detail.as_deref().map(quoted).unwrap_or_default(),
            query,
            position,
            quoted(if application_known(r.tag) { c.application } else { "" }),
            quoted(if known { "client backend" } else { "not initialized" }),
        )
    }

    fn json(&self, c: &Connection, r: &Record<'_>, vxid: Option<String>) -> Result<String, DrillError> {
        let known = !r.tag.is_empty();
        let record = JsonRecord {
            timestamp: self.stamp(r.at).0,
            user: known.then_some(c.user),
            dbname: known.then_some(c.database),
            pid: c.pid,
            remote_host: c.host,
            remote_port: c.port,
            session_id: c.session(),
            line_num: c.lines,
            ps: r.tag,
            session_start: self.stamp(c.start).1,
            vxid,
            txid: r.xid,
            error_severity: r.severity,
            state_code: (r.state != "00000").then_some(r.state),
            message: &r.message,
            detail: r.detail.as_deref(),
            statement: r.query.map(|(q, _)| q),
            cursor_position: r.query.and_then(|(_, p)| p),
            application_name: application_known(r.tag).then_some(c.application),
            backend_type: if known { "client backend" } else { "not initialized" },
            query_id: 0,
        };
        serde_json::to_string(&record).map_err(DrillError::Json)
    }

    fn stderr(&self, c: &Connection, r: &Record<'_>) -> String {
        let user = if r.tag.is_empty() { "[unknown]" } else { c.user };
        let database = if r.tag.is_empty() { "[unknown]" } else { c.database };
        let application = if application_known(r.tag) { c.application } else { "[unknown]" };
        let prefix = |line: u64| format!("{} [{}] {} {line} {user}@{database}/{application} {}({}) ", self.stamp(r.at).0, c.pid, c.session(), c.host, c.port);
        let mut text = format!("{}{}:  {}", prefix(c.lines), r.severity, r.message.replace('\n', "\n\t"));
        if let Some((query, position)) = r.query {
            if let Some(position) = position {
                let _ = write!(text, " at character {position}");
            }
            let _ = write!(text, "\n{}STATEMENT:  {}", prefix(c.lines + 1), query.replace('\n', "\n\t"));
        }
        text
    }
}

/// The application's name is known to the log once the backend has left authentication behind.
fn application_known(tag: &str) -> bool {
    !matches!(tag, "" | "authentication")
}

impl<'a> Record<'a> {
    fn log(at: Millis, tag: &'a str, virtual_transaction: bool, message: String) -> Self {
        Self { at, tag, virtual_transaction, xid: 0, severity: "LOG", state: "00000", message, detail: None, query: None }
    }
}

/// pgaudit's session line; its own CSV quotes a field only where it must.
fn audit_message(number: u64, part: u64, (class, command): (&str, &str), s: &Statement, rows: usize) -> String {
    let parameters = match s.parameters.is_empty() {
        true => "<none>".to_owned(),
        false => audit_field(&s.parameters.iter().map(|p| audit_field(p)).collect::<Vec<_>>().join(",")),
    };
    format!("AUDIT: SESSION,{number},{part},{class},{command},,,{},{parameters},{rows}", audit_field(&s.sql))
}

fn audit_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
