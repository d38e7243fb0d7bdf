//! What all three PostgreSQL logs share: one log entry to one event. It knows what the server writes
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html>), not how a log lays it out; pgaudit's
//! records are read in `pgaudit.rs`.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use strandline_model::event::{Activity, Class, Event, MASK, RecordKind, Status};
use strandline_model::evidence::EventRef;

use super::draft::Draft;
use crate::mask::{self, Secrecy};
use crate::mask_sql;
use crate::sql::{self, Dialect};
use crate::stamp::Stamp;

/// One entry of a PostgreSQL log, whatever its layout. Absent is `None`, never an empty string.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub stamp: Stamp,
    pub account: Option<&'a str>,
    pub database: Option<&'a str>,
    pub application: Option<&'a str>,
    pub host: Option<&'a str>,
    pub port: Option<i32>,
    pub pid: Option<i32>,
    pub session: Option<&'a str>,
    pub sequence: Option<i64>,
    pub transaction: Option<&'a str>,
    pub severity: &'a str,
    pub code: Option<&'a str>,
    pub message: &'a str,
    pub detail: Option<&'a str>,
    pub context: Option<&'a str>,
    pub statement: Option<&'a str>,
    pub backend_type: Option<&'a str>,
    /// What the backend was doing (`%i`, `ps`): PARSE, BIND, or a command's tag.
    pub activity: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// An entry with only what every entry has.
    pub fn new(stamp: Stamp, severity: &'a str, message: &'a str) -> Self {
        Self {
            stamp,
            account: None,
            database: None,
            application: None,
            host: None,
            port: None,
            pid: None,
            session: None,
            sequence: None,
            transaction: None,
            severity,
            code: None,
            message,
            detail: None,
            context: None,
            statement: None,
            backend_type: None,
            activity: None,
        }
    }
}

/// `None` for an empty string.
pub(crate) fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Bytes that sessions may hold in memory before the oldest is forgotten.
const MEMORY_BYTES: usize = 32 << 20;

/// What a session's later records refer back to.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// pgaudit: the last statement id, and what was logged for its parts.
    pub statement_id: i64,
    /// By sub-statement: statement and parameter field as logged.
    pub parts: Vec<(i64, String, String)>,
    /// Prepared statements with secrets among their parameters, by lower-case name.
    prepared: HashMap<String, Vec<(usize, Secrecy)>>,
    bytes: usize,
}

/// Whose a session is, and from where, as the lines of its beginning say it.
#[derive(Debug, Default)]
struct Whose {
    account: Option<String>,
    database: Option<String>,
    address: Option<String>,
    port: Option<i32>,
}

/// Sessions whose beginnings are remembered.
const BEGINNINGS_MAX: usize = 1 << 14;

/// Reads entries; remembers per session what later entries leave out.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By session: a prefix may leave out who it is.
    begun: HashMap<String, Whose>,
    sessions: HashMap<String, Session>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Log {
    /// The event of an entry.
    pub fn read<'e>(&mut self, entry: &'e Entry<'_>, place: EventRef) -> Event<'e> {
        let mut draft = draft(entry, place);
        if let Some(record) = entry.message.strip_prefix("AUDIT: ") {
            super::pgaudit::read(self, entry, record, &mut draft);
        } else if let Some(statement) = entry.message.strip_prefix("statement: ") {
            self.simple_statement(entry, statement, &mut draft);
        } else if let Some(rest) = entry.message.strip_prefix("execute ") {
            self.execution(entry, rest, RecordKind::Execute, &mut draft);
        } else if let Some(rest) = entry.message.strip_prefix("duration: ") {
            self.duration(entry, rest, &mut draft);
        } else if !connection(entry, &mut draft) {
            self.message(entry, &mut draft);
        }
        self.whose(entry, &mut draft);
        if draft.event.activity == Activity::Disconnect {
            self.forget(entry);
        }
        draft.finish()
    }

    /// Takes account, database and address from the lines of the session's beginning, where the log's prefix has none.
    fn whose<'e>(&mut self, entry: &'e Entry<'_>, draft: &mut Draft<'e>) {
        let (Some(session), event) = (entry.session, &mut draft.event) else { return };
        let own = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        if event.activity == Activity::Connect {
            if self.begun.len() >= BEGINNINGS_MAX && !self.begun.contains_key(session) {
                self.begun.clear();
            }
            let whose = self.begun.entry(session.to_owned()).or_default();
            whose.account = own(&event.account).or(whose.account.take());
            whose.database = own(&event.database).or(whose.database.take());
            whose.address = own(&event.src_ip).or(whose.address.take());
            whose.port = event.src_port.or(whose.port);
        }
        let Some(whose) = self.begun.get(session) else { return };
        let take = |column: &mut Option<Cow<'e, str>>, value: &Option<String>| {
            if column.is_none() {
                *column = value.clone().map(Cow::Owned);
            }
        };
        take(&mut event.account, &whose.account);
        take(&mut event.database, &whose.database);
        take(&mut event.src_ip, &whose.address);
        event.src_port = event.src_port.or(whose.port);
    }

    /// `statement: SQL`, logged before it runs; DETAIL has the PREPARE that an EXECUTE refers to.
    fn simple_statement<'e>(&mut self, entry: &'e Entry<'_>, statement: &'e str, draft: &mut Draft<'e>) {
        draft.event.record_kind = Some(RecordKind::Statement);
        let mut execute = Vec::new();
        if let Some(prepare) = entry.detail.and_then(|d| d.strip_prefix("prepare: ")) {
            let tokens = sql::tokens(prepare, Dialect::PostgreSql);
            let masked = mask_sql::statement(prepare, &tokens, Dialect::PostgreSql, &[]);
            execute = masked.secret_parameters;
            draft.label("prepare", &masked.statement);
        }
        self.statement(entry, statement, &execute, draft);
    }

    /// `execute NAME: SQL`, `execute NAME/PORTAL: SQL`, `execute fetch from NAME: SQL`; parameters in DETAIL.
    fn execution<'e>(&mut self, entry: &'e Entry<'_>, rest: &'e str, kind: RecordKind, draft: &mut Draft<'e>) {
        let (name, statement) = rest.split_once(": ").unwrap_or(("", rest));
        let name = match name.strip_prefix("fetch from ") {
            Some(name) => {
                draft.label("portal_fetch", "true");
                name
            }
            None => name,
        };
        draft.event.record_kind = Some(kind);
        draft.event.statement_name = filled(name).filter(|n| *n != "<unnamed>").map(Cow::Borrowed);
        let secrets = self.statement(entry, statement, &[], draft);
        let parameters = entry.detail.and_then(detail_parameters);
        draft.parameters(parameters, &secrets);
    }

    /// `duration: N ms`, alone or followed by what took so long. Parsing and binding are no execution.
    fn duration<'e>(&mut self, entry: &'e Entry<'_>, rest: &'e str, draft: &mut Draft<'e>) {
        let (milliseconds, what) = rest.split_once(" ms").unwrap_or((rest, ""));
        draft.event.duration_micros = milliseconds.trim().parse::<f64>().ok().map(|ms| (ms * 1000.0).round() as i64);
        draft.event.record_kind = Some(RecordKind::Duration);
        draft.event.status = Status::Success;
        let what = what.trim_start();
        if let Some(statement) = what.strip_prefix("statement: ") {
            self.simple_statement(entry, statement, draft);
            draft.event.record_kind = Some(RecordKind::Duration);
        } else if let Some(rest) = what.strip_prefix("execute ") {
            self.execution(entry, rest, RecordKind::Duration, draft);
        } else if let Some((step, rest)) = what.split_once(' ').filter(|(step, _)| matches!(*step, "parse" | "bind")) {
            self.execution(entry, rest, RecordKind::Other, draft);
            draft.event.activity = Activity::Query;
            draft.event.command = Some(Cow::Borrowed(if step == "parse" { "PARSE" } else { "BIND" }));
        } else if let Some(plan) = what.strip_prefix("plan:") {
            self.explained(entry, plan, draft);
        } else if !what.is_empty() {
            draft.event.message = Some(mask_sql::message(entry.message, Dialect::PostgreSql));
        }
    }

    /// `plan:` of auto_explain: `Query Text:`, `Query Parameters:` and the plan, in text or in JSON. It is logged when the
    /// statement has run. The rows of the topmost node are those sent, where they were counted and it ran once.
    fn explained<'e>(&mut self, entry: &'e Entry<'_>, plan: &'e str, draft: &mut Draft<'e>) {
        let plan = plan.trim_start();
        let parts = if plan.starts_with('{') { explained_json(plan) } else { explained_text(plan) };
        let Some(Explained { statement, parameters, rows }) = parts else {
            draft.event.message = Some(mask_sql::message(entry.message, Dialect::PostgreSql));
            return;
        };
        let secrets = {
            let mut inner = draft.fork();
            let secrets = self.statement(entry, &statement, &[], &mut inner);
            draft.join(inner);
            secrets
        };
        draft.event.record_kind = Some(RecordKind::Duration);
        draft.event.row_count = rows;
        draft.parameters(parameters.as_deref().and_then(parameter_list), &secrets);
        draft.label("auto_explain", "true");
    }

    /// Errors and everything else.
    fn message<'e>(&mut self, entry: &'e Entry<'_>, draft: &mut Draft<'e>) {
        let failed = matches!(entry.severity, "ERROR" | "FATAL" | "PANIC") || is_failure_code(entry.code);
        draft.event.message = Some(mask_message(entry));
        if failed {
            draft.event.status = Status::Failure;
            draft.event.activity = Activity::Error;
            draft.event.error_code = entry.code.filter(|c| *c != "00000").map(Cow::Borrowed);
        } else if entry.account.is_none() && entry.statement.is_none() {
            draft.event.class = Class::Lifecycle;
        }
        if let Some(detail) = entry.detail.map(mask_detail) {
            draft.label("detail", &detail);
        }
        if failed && authentication_failed(entry) {
            draft.event.class = Class::Authentication;
            draft.event.activity = Activity::Logon;
            if draft.event.account.is_none() {
                draft.event.account = quoted_after(entry.message, &["user \"", "role \""]).map(Cow::Borrowed);
            }
            if draft.event.src_ip.is_none() {
                draft.event.src_ip = quoted_after(entry.message, &["host \""]).map(Cow::Borrowed);
            }
            return;
        }
        if let Some(statement) = entry.statement {
            let activity = draft.event.activity;
            let secrets = self.statement(entry, statement, &[], draft);
            draft.event.activity = activity;
            draft.event.record_kind = Some(phase(entry));
            let parameters = entry.context.and_then(context_parameters);
            if failed {
                draft.event.error_values = error_values(entry, statement, parameters.as_deref().unwrap_or_default());
            }
            draft.parameters(parameters, &secrets);
        }
    }

    /// A statement, as [`Draft::statement`] reads it. An EXECUTE takes its secrets from the PREPARE of its session.
    pub fn statement<'e>(&mut self, entry: &Entry<'_>, text: &'e str, execute: &[(usize, Secrecy)], draft: &mut Draft<'e>) -> Vec<(usize, Secrecy)> {
        let session = self.sessions.get(session_key(entry).as_ref());
        let known = |name: &str| match execute {
            [] => session.and_then(|s| s.prepared.get(name)).cloned().unwrap_or_default(),
            given => given.to_vec(),
        };
        let read = draft.statement(text, Dialect::PostgreSql, known);
        if let Some(name) = read.prepares.filter(|_| !read.secret_parameters.is_empty()) {
            let secrets = read.secret_parameters.clone();
            self.remember(entry, name.len() + secrets.len() * 24, |session| session.prepared.insert(name, secrets));
        }
        read.secret_parameters
    }

    /// The session of an entry, if something is remembered of it.
    pub fn session(&self, entry: &Entry<'_>) -> Option<&Session> {
        self.sessions.get(session_key(entry).as_ref())
    }

    /// Changes what is remembered of a session; forgets the oldest when that is too much.
    pub fn remember<R>(&mut self, entry: &Entry<'_>, bytes: usize, change: impl FnOnce(&mut Session) -> R) {
        let key = session_key(entry);
        if !self.sessions.contains_key(key.as_ref()) {
            self.order.push_back(key.clone().into_owned());
            self.bytes += key.len() + 200;
        }
        let session = self.sessions.entry(key.into_owned()).or_default();
        let before = session.bytes;
        session.bytes += bytes;
        change(session);
        self.bytes = (self.bytes + session.bytes).saturating_sub(before);
        while self.bytes > MEMORY_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.drop_session(&oldest);
        }
    }

    fn forget(&mut self, entry: &Entry<'_>) {
        self.drop_session(&session_key(entry));
        if let Some(session) = entry.session {
            self.begun.remove(session);
        }
        // Keys of ended sessions are swept out once they are the most, so that a sweep costs what it frees.
        if self.order.len() > 1024 + 2 * self.sessions.len() {
            let sessions = &self.sessions;
            self.order.retain(|key| sessions.contains_key(key));
        }
    }

    fn drop_session(&mut self, key: &str) {
        if let Some(session) = self.sessions.remove(key) {
            self.bytes = self.bytes.saturating_sub(session.bytes + key.len() + 200);
        }
    }
}

impl Session {
    /// Starts a new pgaudit statement, if `id` is one.
    pub fn begin(&mut self, id: i64) {
        if self.statement_id != id {
            let held: usize = self.parts.iter().map(|(_, statement, parameters)| statement.len() + parameters.len()).sum();
            self.bytes = self.bytes.saturating_sub(held);
            self.parts.clear();
            self.statement_id = id;
        }
    }
}

fn session_key<'a>(entry: &Entry<'a>) -> Cow<'a, str> {
    match (entry.session, entry.pid) {
        (Some(session), _) => Cow::Borrowed(session),
        (None, pid) => Cow::Owned(pid.unwrap_or(0).to_string()),
    }
}

/// The event of an entry, with what every entry has.
fn draft<'e>(entry: &'e Entry<'_>, place: EventRef) -> Draft<'e> {
    let mut event = Event::new(entry.stamp.time, Class::Datastore, Activity::Other, place);
    event.time_precision_micros = entry.stamp.precision_micros;
    event.utc_offset_seconds = entry.stamp.utc_offset_seconds;
    event.account = entry.account.map(Cow::Borrowed);
    event.database = entry.database.map(Cow::Borrowed);
    event.application = entry.application.map(mask::text);
    event.src_ip = entry.host.map(Cow::Borrowed);
    event.src_port = entry.port;
    event.pid = entry.pid;
    event.session = entry.session.map(Cow::Borrowed);
    event.sequence = entry.sequence;
    // `3/0`: backend 3 is in no transaction, or no longer, as where a duration is logged after the commit.
    event.transaction = entry.transaction.filter(|id| !id.ends_with("/0")).map(Cow::Borrowed);
    Draft::new(event)
}

/// What auto_explain says of one statement.
struct Explained {
    statement: String,
    parameters: Option<String>,
    rows: Option<i64>,
}

/// The layout in text. A statement of several lines goes on up to the parameters, or to the first node of the plan.
fn explained_text(plan: &str) -> Option<Explained> {
    let text = plan.strip_prefix("Query Text: ")?;
    let lines: Vec<&str> = text.lines().collect();
    let is_node = |line: &&str| line.contains("  (cost=") || line.contains(" (actual ");
    let node = lines.iter().position(is_node);
    let given = lines[..node.unwrap_or(lines.len())].iter().position(|line| line.starts_with("Query Parameters: "));
    let end = given.or(node).unwrap_or(lines.len());
    let parameters = given.map(|at| lines[at..node.unwrap_or(lines.len())].join("\n")["Query Parameters: ".len()..].to_owned());
    let rows = node.and_then(|at| counted_rows(lines[at]));
    Some(Explained { statement: lines[..end].join("\n"), parameters, rows })
}

/// `(actual time=0.2..0.3 rows=1 loops=1)` of the topmost node. One that writes says how many rows it returned, which is no
/// count of those written.
fn counted_rows(node: &str) -> Option<i64> {
    let actual = node.split_once("(actual ")?.1;
    let value = |name: &str| actual.split([' ', ')']).find_map(|word| word.strip_prefix(name)?.parse::<f64>().ok());
    let writes = ["Insert ", "Update ", "Delete ", "Merge "].iter().any(|word| node.trim_start().starts_with(word));
    (value("loops=") == Some(1.0) && !writes).then(|| value("rows=").filter(|rows| rows.fract() == 0.0).map(|rows| rows as i64)).flatten()
}

/// The layout in JSON.
fn explained_json(plan: &str) -> Option<Explained> {
    let value: serde_json::Value = serde_json::from_str(plan).ok()?;
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let top = value.get("Plan");
    let number = |key: &str| top.and_then(|top| top.get(key)).and_then(serde_json::Value::as_f64);
    let writes = top.and_then(|top| top.get("Node Type")).and_then(serde_json::Value::as_str) == Some("ModifyTable");
    let rows = number("Actual Rows").filter(|rows| rows.fract() == 0.0 && number("Actual Loops") == Some(1.0) && !writes).map(|rows| rows as i64);
    Some(Explained { statement: text("Query Text")?, parameters: text("Query Parameters"), rows })
}

/// Connections opened, authenticated, authorised and closed.
fn connection<'e>(entry: &'e Entry<'_>, draft: &mut Draft<'e>) -> bool {
    let message = entry.message;
    let event = &mut draft.event;
    if let Some(rest) = message.strip_prefix("connection received: ") {
        event.activity = Activity::Connect;
        endpoint(rest, event);
    } else if let Some(rest) = message.strip_prefix("connection authenticated: ") {
        event.class = Class::Authentication;
        event.activity = Activity::Logon;
        event.status = Status::Success;
        if event.account.is_none() {
            event.account = quoted_after(rest, &["identity=\""]).map(Cow::Borrowed);
        }
    } else if let Some(rest) = message.strip_prefix("connection authorized: ").or_else(|| message.strip_prefix("replication connection authorized: ")) {
        event.activity = Activity::Connect;
        event.status = Status::Success;
        fill(&mut event.account, pair(rest, "user"));
        fill(&mut event.database, pair(rest, "database"));
        fill(&mut event.application, pair(rest, "application_name"));
    } else if let Some(rest) = message.strip_prefix("disconnection: ") {
        event.activity = Activity::Disconnect;
        event.status = Status::Success;
        event.duration_micros = rest.strip_prefix("session time: ").and_then(|r| session_time(r.split(' ').next()?));
        fill(&mut event.account, pair(rest, "user"));
        fill(&mut event.database, pair(rest, "database"));
        endpoint(rest, event);
    } else {
        return false;
    }
    event.message = Some(mask::text(message));
    true
}

fn fill<'e>(target: &mut Option<Cow<'e, str>>, value: Option<&'e str>) {
    if target.is_none() {
        *target = value.map(Cow::Borrowed);
    }
}

fn endpoint<'e>(rest: &'e str, event: &mut Event<'e>) {
    fill(&mut event.src_ip, pair(rest, "host"));
    if event.src_port.is_none() {
        event.src_port = pair(rest, "port").and_then(|port| port.parse().ok());
    }
}

/// The value of `key=` in a connection message; it goes on to the next key that the server writes.
fn pair<'m>(text: &'m str, key: &str) -> Option<&'m str> {
    const ENDS: &[&str] = &[" user=", " database=", " application_name=", " host=", " port=", " SSL enabled", " GSS (", " method="];
    let from = text
        .match_indices(key)
        .find(|(at, _)| (*at == 0 || text.as_bytes()[at - 1] == b' ') && text.as_bytes().get(at + key.len()) == Some(&b'='))
        .map(|(at, _)| at + key.len() + 1)?;
    let value = &text[from..];
    let end = ENDS.iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
    filled(&value[..end])
}

/// `0:00:00.048` to microseconds.
fn session_time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = hours.parse::<i64>().ok()?.checked_mul(3600)?.checked_add(minutes.parse::<i64>().ok()?.checked_mul(60)?)?;
    Some(whole.checked_mul(1_000_000)?.saturating_add((seconds.parse::<f64>().ok()? * 1e6).round() as i64))
}

fn is_failure_code(code: Option<&str>) -> bool {
    code.is_some_and(|c| c.len() == 5 && !matches!(&c[..2.min(c.len())], "00" | "01" | "02"))
}

fn authentication_failed(entry: &Entry<'_>) -> bool {
    let message = entry.message;
    let by_code = entry.code.is_some_and(|c| c.starts_with("28"));
    by_code
        || entry.code.is_none()
            && (message.contains("authentication failed for user")
                || message.starts_with("no pg_hba.conf entry")
                || message.starts_with("pg_hba.conf rejects")
                || message.ends_with("is not permitted to log in")
                || entry.severity == "FATAL" && message.starts_with("role \"") && message.ends_with("does not exist"))
}

/// When an error came, as far as the entry says what its backend was doing.
fn phase(entry: &Entry<'_>) -> RecordKind {
    match entry.activity {
        Some("PARSE" | "BIND") => RecordKind::ErrorUnrun,
        Some(tag) if tag.starts_with(|c: char| c.is_ascii_uppercase()) => RecordKind::ErrorRunning,
        _ => RecordKind::ErrorContext,
    }
}

/// Longest text of an error that is kept for comparing, bytes.
const MOST_ERROR_BYTES: usize = 8192;

/// What an error quotes that stands neither in its statement nor among its bind values: names that the server made, and
/// values of the data. The client saw them. What was not run yet quotes no row. Secrets are masked here as everywhere.
fn error_values(entry: &Entry<'_>, statement: &str, parameters: &[Option<String>]) -> Option<Vec<Option<Cow<'static, str>>>> {
    if phase(entry) == RecordKind::ErrorUnrun || names_things_only(entry) {
        return Some(Vec::new());
    }
    let own = statement.to_lowercase();
    let said = |text: &str| {
        let text = text.to_lowercase();
        own.contains(&text) || parameters.iter().flatten().any(|p| p.to_lowercase().contains(&text))
    };
    let mut found: Vec<&str> = Vec::new();
    found.extend(quoted_span(entry.message));
    found.extend(entry.detail.and_then(|detail| if entry.message.contains("XML") { Some(detail) } else { detail_span(detail) }));
    found.extend(entry.context.into_iter().flat_map(|c| c.split('\n')).filter(|line| line.starts_with("JSON data, line") || line.starts_with("COPY ")));
    // A RAISE of the database's own code says whatever its author wanted, in quotes or not.
    found.extend(entry.code.filter(|c| c.starts_with("P0") || *c == "XX000").map(|_| entry.message));
    found.retain(|text| !text.trim().is_empty() && !said(text.trim()));
    Some(found.into_iter().map(|text| Some(Cow::Owned(mask::text(cut(text, MOST_ERROR_BYTES)).into_owned()))).collect())
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Errors whose words are fixed but for names of schema objects, by their code: no place, no object, cancelled, no resources,
/// a transaction's state. Class 42, names
/// that do not exist and syntax, is not among them: a statement may be made from values at run time.
fn names_things_only(entry: &Entry<'_>) -> bool {
    entry.code.is_some_and(|c| ["08", "25", "26", "28", "34", "40", "53", "55", "57", "58"].iter().any(|class| c.starts_with(class)))
}

/// What stands between the first quote of a message and the last; a value may hold quotes itself.
fn quoted_span(message: &str) -> Option<&str> {
    let first = message.find(['"', '\u{ab}', '\u{201e}', '\u{201c}'])?;
    let from = first + message[first..].chars().next().map_or(1, char::len_utf8);
    let to = message.rfind(['"', '\u{bb}', '\u{201c}', '\u{201d}']).filter(|last| *last >= from).unwrap_or(message.len());
    message.get(from..to)
}

/// The values of a DETAIL: `Key (a)=(value) …`, `Failing row contains (…).`, else whatever it quotes.
fn detail_span(detail: &str) -> Option<&str> {
    let after = detail.split_once(")=(").or_else(|| detail.split_once("contains (")).map(|(_, rest)| rest);
    match after {
        Some(rest) => Some(rest.rfind(')').map_or(rest, |at| &rest[..at])),
        None => quoted_span(detail),
    }
}

fn quoted_after<'m>(text: &'m str, marks: &[&str]) -> Option<&'m str> {
    let (at, mark) = marks.iter().filter_map(|mark| Some((text.find(mark)?, mark))).min()?;
    text[at + mark.len()..].split('"').next().and_then(filled)
}

/// An error can quote a value of a row or of a parameter: such quotes are masked, names of things are not.
fn mask_message<'e>(entry: &'e Entry<'_>) -> Cow<'e, str> {
    const VALUE_FOLLOWS: &[&str] = &["at or near ", "value ", "input ", ": ", "string ", "time zone "];
    let message = entry.message;
    let data_error = entry.code.is_some_and(|c| c.starts_with("22"));
    let Some(first) = message.find(['"', '\u{ab}', '\u{201e}', '\u{201c}']) else { return mask_sql::message(message, Dialect::PostgreSql) };
    let before = &message[..first];
    let quotes_value = data_error || VALUE_FOLLOWS.iter().any(|mark| before.ends_with(mark)) || entry.code == Some("42601");
    if !quotes_value || before.is_empty() {
        return mask_sql::message(message, Dialect::PostgreSql);
    }
    // The value itself may hold quotes, so the mask goes on to the last one.
    let quote = message[first..].chars().next().map_or(1, char::len_utf8);
    let last = message.rfind(['"', '\u{bb}', '\u{201c}', '\u{201d}']).filter(|last| *last > first).unwrap_or(message.len());
    let after = if last < message.len() { &message[last..] } else { "" };
    Cow::Owned(format!("{}{MASK}{after}", &message[..first + quote]))
}

/// DETAIL of an error: `Key (a)=(value) already exists.`, `Failing row contains (…).`
fn mask_detail(detail: &str) -> String {
    if let Some((names, rest)) = detail.split_once(")=(") {
        let after = rest.rfind(')').map_or("", |at| &rest[at..]);
        return format!("{names})=({MASK}{after}");
    }
    if let Some((before, rest)) = detail.split_once("contains (") {
        let after = rest.rfind(')').map_or("", |at| &rest[at..]);
        return format!("{before}contains ({MASK}{after}");
    }
    let quoted: String =
        detail.split('"').enumerate().map(|(i, part)| if i == 0 { part.to_owned() } else { format!("\"{}", if i % 2 == 1 { MASK } else { part }) }).collect();
    mask_sql::message(&quoted, Dialect::PostgreSql).into_owned()
}

/// DETAIL `parameters: $1 = 'a''b', $2 = NULL`.
fn detail_parameters(detail: &str) -> Option<Vec<Option<String>>> {
    let list = detail.strip_prefix("parameters: ").or_else(|| detail.strip_prefix("Parameters: "))?;
    parameter_list(list)
}

/// CONTEXT `unnamed portal with parameters: $1 = '0'` (since version 13).
fn context_parameters(context: &str) -> Option<Vec<Option<String>>> {
    let line = context.split('\n').find(|l| l.contains("with parameters: $1 = "))?;
    let from = context.find(line)? + line.find("with parameters: ")? + "with parameters: ".len();
    parameter_list(&context[from..])
}

fn parameter_list(list: &str) -> Option<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = list;
    while let Some(after) = rest.strip_prefix('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let after = after[digits..].strip_prefix(" = ")?;
        let (value, after) = if let Some(after) = after.strip_prefix("NULL") { (None, after) } else { quoted_value(after)? };
        values.push(value);
        match after.strip_prefix(", ") {
            Some(next) => rest = next,
            None => break,
        }
    }
    (!values.is_empty()).then_some(values)
}

/// `'a''b'` and what follows; a value cut off goes to the end.
fn quoted_value(text: &str) -> Option<(Option<String>, &str)> {
    let inner = text.strip_prefix('\'')?;
    let mut value = String::new();
    let mut rest = inner;
    loop {
        let Some(at) = rest.find('\'') else {
            value.push_str(rest);
            return Some((Some(value), ""));
        };
        value.push_str(&rest[..at]);
        match rest[at + 1..].strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Some((Some(value), &rest[at + 1..])),
        }
    }
}

/// One CSV record as PostgreSQL and pgaudit write it: a field with a comma, quote or line end is quoted, quotes inside
/// doubled. `None` if anything but a comma follows a closing quote, or a quote is not closed: then it is no record.
pub(crate) fn csv_fields(record: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut fields = Vec::with_capacity(26);
    let mut rest = record;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inner) => csv_quoted(inner)?,
            None => {
                let end = memchr::memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(fields),
        }
    }
}

fn csv_quoted(inner: &str) -> Option<(Cow<'_, str>, &str)> {
    let bytes = inner.as_bytes();
    let mut doubled = false;
    let mut at = 0;
    loop {
        at += memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) == Some(&b'"') {
            doubled = true;
            at += 2;
        } else {
            break;
        }
    }
    let text = &inner[..at];
    let field = if doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) };
    Some((field, &inner[at + 1..]))
}

/// The message that pgaudit writes, from its fields.
pub(crate) fn audit_message<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    let quoted = |field: &str| {
        if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
    };
    format!("AUDIT: {}", fields.map(quoted).collect::<Vec<_>>().join(","))
}

/// A line without the NULs that a crash leaves before it, and without a byte order mark.
pub(crate) fn without_lead(line: &str) -> &str {
    line.trim_start_matches(['\0', '\u{feff}'])
}

/// `host:port`, `[local]`, or a host alone.
pub(crate) fn split_remote(remote: &str) -> (Option<&str>, Option<i32>) {
    if remote.starts_with('[') && remote.ends_with(']') {
        return (filled(remote), None);
    }
    match remote.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
        Some((host, port)) => (filled(host), Some(i32::from(port))),
        None => (filled(remote), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_parameters(detail: &str, expected: &[Option<&str>]) {
        let got = detail_parameters(detail).expect("parameters");
        let got: Vec<_> = got.iter().map(Option::as_deref).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn parameters_of_detail() {
        check_parameters("parameters: $1 = 'it''s, \"q\"\nnl', $2 = NULL", &[Some("it's, \"q\"\nnl"), None]);
        check_parameters("Parameters: $1 = '', $2 = 'NULL'", &[Some(""), Some("NULL")]);
        check_parameters("parameters: $1 = 'cut", &[Some("cut")]);
        check_parameters("parameters: $1 = ', $2 = ''x'''", &[Some(", $2 = 'x'")]);
    }

    #[test]
    fn csv_of_one_record() {
        assert_eq!(csv_fields("a,\"b\"\"c,\n\",,d"), Some(vec!["a".into(), "b\"c,\n".into(), "".into(), "d".into()]));
        assert_eq!(csv_fields("a,\"b\"c"), None);
        assert_eq!(csv_fields("a,\"b"), None);
        assert_eq!(csv_fields(""), Some(vec!["".into()]));
    }

    #[test]
    fn remote_ends() {
        assert_eq!(split_remote("[local]"), (Some("[local]"), None));
        assert_eq!(split_remote("127.0.0.1:5"), (Some("127.0.0.1"), Some(5)));
        assert_eq!(split_remote("::1:65000"), (Some("::1"), Some(65000)));
        assert_eq!(split_remote(""), (None, None));
    }

    fn check_message(severity: &str, code: Option<&str>, message: &str, expected: &str) {
        let stamp = Stamp { time: strandline_model::time::Instant(0), precision_micros: 1, utc_offset_seconds: 0 };
        let entry = Entry { code, ..Entry::new(stamp, severity, message) };
        assert_eq!(mask_message(&entry), expected);
    }

    fn check_error(code: Option<&str>, activity: Option<&str>, message: &str, detail: Option<&str>, statement: &str, expected: &[&str]) {
        let stamp = Stamp { time: strandline_model::time::Instant(0), precision_micros: 1, utc_offset_seconds: 0 };
        let entry = Entry { code, activity, detail, ..Entry::new(stamp, "ERROR", message) };
        let got = error_values(&entry, statement, &[]).expect("always known here");
        assert_eq!(got.iter().flatten().map(AsRef::as_ref).collect::<Vec<&str>>(), expected);
    }

    #[test]
    fn what_an_error_quotes_of_the_data() {
        let cast = "select 1 = cast((select name from t) as int)";
        check_error(None, None, "invalid input syntax for type integer: \"Ann \"A\" Lee\"", None, cast, &["Ann \"A\" Lee"]);
        check_error(Some("22P02"), Some("SELECT"), "invalid input syntax for type integer: \"x'y\"", None, "select 'x'y'::int", &[]);
        check_error(Some("22P02"), Some("BIND"), "invalid input syntax for type integer: \"Ann\"", None, cast, &[]);
        check_error(Some("42P01"), None, "relation \"nope\" does not exist", None, "select * from Nope", &[]);
        check_error(Some("42P01"), None, "relation \"ann lee\" does not exist", None, "select query_to_xml((select name from t))", &["ann lee"]);
        check_error(Some("42501"), None, "permission denied for table patient", None, cast, &[]);
        check_error(
            Some("23505"),
            None,
            "duplicate key value violates unique constraint \"t_pkey\"",
            Some("Key (a, b)=(1, x) already exists."),
            "t_pkey",
            &["1, x"],
        );
        check_error(
            Some("23502"),
            None,
            "null value in column \"a\"",
            Some("Failing row contains (1, (x), null)."),
            "update t set a = null",
            &["1, (x), null"],
        );
        check_error(Some("P0001"), None, "no such person: Ann", None, "select f()", &["no such person: Ann"]);
    }

    #[test]
    fn values_in_messages_are_masked_and_names_are_not() {
        check_message("ERROR", Some("22P02"), "invalid input syntax for type integer: \"oops'x\"", "invalid input syntax for type integer: \"[masked]\"");
        check_message("ERROR", None, "syntax error at or near \"Brien\"", "syntax error at or near \"[masked]\"");
        check_message("ERROR", None, "relation \"nope\" does not exist", "relation \"nope\" does not exist");
        let unique = "duplicate key value violates unique constraint \"t_pkey\"";
        check_message("ERROR", Some("23505"), unique, unique);
        assert_eq!(mask_detail("Key (a, b)=(1, x) already exists."), "Key (a, b)=([masked]) already exists.");
        assert_eq!(mask_detail("Failing row contains (1, (x), null)."), "Failing row contains ([masked]).");
    }
}
