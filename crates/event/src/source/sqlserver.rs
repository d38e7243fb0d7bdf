//! SQL Server: its audit, exported from `sys.fn_get_audit_file` as a table or as JSON, the same in Azure's envelopes
//! (`SQLSecurityAuditEvents`), and its error log. The `.sqlaudit` files themselves are not read.
//!
//! Sources: Microsoft, "sys.fn_get_audit_file (Transact-SQL)", "SQL Server Audit Action Groups and Actions", "SQL Database
//! audit log format", "View the SQL Server error log".

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Event, RecordKind, Status};

use super::Format;
use super::draft::Draft;
use super::row::{Row, qualified};
use crate::fields::{Column, Filling, Kind, text_of};
use crate::sql::Dialect;
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError, Output, Record};

/// A statement of that many characters goes on in the next row of the same number.
const STATEMENT_LIMIT: usize = 4000;

/// The format.
#[derive(Debug)]
pub struct SqlServer {
    zone: Zone,
    name: &'static str,
}

/// Opens an export of the audit, or an error log: each line says which it is.
///
/// # Errors
/// If the estate names no zone that exists.
pub fn open(context: &Context<'_>, head: &[u8]) -> Result<SqlServer, EventError> {
    let is_row = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"{");
    Ok(SqlServer { zone: Zone::of(context)?, name: if is_row { "sqlserver_audit" } else { "sqlserver_errorlog" } })
}

impl Format for SqlServer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let line = super::trimmed(record.bytes);
        if line.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(line);
        if !text.starts_with('{') {
            return self.error_line(&text, record, output);
        }
        let row = Row::of(&text).filter(is_audit);
        let Some(row) = row else { return output.refuse(record, "not a row of an audit of SQL Server (action_id or action_name, and a principal)") };
        // The audit counts in UTC, whatever the server's zone is.
        match row
            .get(&["event_time", "event_time_t", "originaleventtimestamp_t"])
            .and_then(|written| stamp::parse(written, &Zone::utc()))
            .or(output.outer_time())
        {
            Some(stamp) => output.event(record, audited(&row, stamp, output.place(record))),
            None => output.refuse(record, "a row of an audit without a time that can be read"),
        }
    }
}

/// What no other export has together.
fn is_audit(row: &Row) -> bool {
    let action = row.get(&["action_id", "action_id_s", "action_name", "action_name_s"]).is_some();
    action && row.get(&["server_principal_name", "server_principal_name_s", "session_server_principal_name", "database_principal_name"]).is_some()
}

fn audited(row: &Row, stamp: Stamp, place: strandline_model::evidence::EventRef) -> Event<'static> {
    let get = |name: &str| row.get(&[name, &format!("{name}_s"), &format!("{name}_d")]).map(str::to_owned);
    let mut event = Event::new(stamp.time, Class::Datastore, Activity::Other, place);
    event.time_precision_micros = stamp.precision_micros;
    event.utc_offset_seconds = stamp.utc_offset_seconds;
    event.record_kind = Some(RecordKind::Statement);
    event.account = get("session_server_principal_name").or(get("server_principal_name")).or(get("database_principal_name")).map(Cow::Owned);
    event.src_ip = get("client_ip").filter(|address| !address.to_lowercase().contains("local machine")).map(Cow::Owned);
    event.session = get("session_id").filter(|id| id != "0").map(Cow::Owned);
    event.database = get("database_name").map(Cow::Owned);
    event.application = get("application_name").map(Cow::Owned);
    event.host = get("server_instance_name").map(Cow::Owned);
    event.transaction = get("transaction_id").filter(|id| id != "0").map(Cow::Owned);
    let mut draft = Draft::new(event);
    if let Some(statement) = get("statement") {
        let mut inner = draft.fork();
        inner.statement(&statement, Dialect::PostgreSql, |_| Vec::new());
        if statement.chars().count() >= STATEMENT_LIMIT {
            inner.label("statement_cut", "possible");
        }
        draft.join(inner);
    }
    let action = get("action_id").or(get("action_name")).unwrap_or_default();
    act(&action, get("succeeded").as_deref(), &mut draft.event);
    draft.label("action", &action);
    draft.label("object_name", &qualified(get("schema_name").as_deref(), get("object_name").as_deref()));
    for name in ["sequence_number", "affected_rows", "response_rows", "host_name", "target_server_principal_name"] {
        draft.label(name, &get(name).unwrap_or_default());
    }
    draft.finish().into_owned()
}

/// What an action of the audit is. `succeeded` speaks of a sign-in itself, and of other actions of the permission alone.
fn act(action: &str, succeeded: Option<&str>, event: &mut Event<'_>) {
    let worked = succeeded.map(|written| matches!(written.to_ascii_lowercase().as_str(), "1" | "true" | "yes"));
    let upper = action.to_ascii_uppercase();
    let (class, activity, status) = match upper.trim() {
        "LGIS" | "DBAS" | "DATABASE AUTHENTICATION SUCCEEDED" => (Class::Authentication, Activity::Logon, Status::Success),
        "LGIF" | "DBAF" | "DATABASE AUTHENTICATION FAILED" => (Class::Authentication, Activity::Logon, Status::Failure),
        "LGO" | "DAGL" | "DATABASE LOGOUT" => (Class::Authentication, Activity::Logoff, Status::Success),
        "AUSC" | "AUSF" => (Class::EventLog, Activity::Other, Status::Unknown),
        other => {
            if event.statement.is_none() {
                event.activity = match other {
                    "SL" | "SELECT" => Activity::Read,
                    "IN" | "UP" | "DL" | "INSERT" | "UPDATE" | "DELETE" => Activity::Write,
                    "CR" | "AL" | "DR" | "CREATE" | "ALTER" | "DROP" | "G" | "R" | "D" | "GRANT" | "REVOKE" | "DENY" => Activity::Define,
                    "EX" | "EXECUTE" | "BCM" | "RCM" | "BATCH COMPLETED" | "RPC COMPLETED" => Activity::Query,
                    _ => Activity::Other,
                };
            }
            (event.class, event.activity, if worked == Some(false) { Status::Failure } else { Status::Unknown })
        }
    };
    (event.class, event.activity, event.status) = (class, activity, status);
}

impl SqlServer {
    /// `2026-11-23 20:42:55.12 Logon       Login failed for user 'sa'. … [CLIENT: 203.0.113.7]`
    fn error_line(&self, text: &str, record: &Record<'_>, output: &mut Output<'_>) {
        let parts = stamp::parse_prefix(text, &self.zone).and_then(|(stamp, rest)| Some((stamp, rest.strip_prefix(' ')?.split_once(' ')?)));
        let Some((stamp, (program, message))) = parts.filter(|(_, (program, _))| is_writer(program)) else {
            return output.refuse(record, "not a line of an error log of SQL Server (STAMP WRITER text), or one that goes on from the line before");
        };
        let mut filling = Filling::new(output.place(record));
        filling.stamp(stamp);
        let message = message.trim();
        let status = if message.starts_with("Login failed for") {
            Some(Status::Failure)
        } else if message.starts_with("Login succeeded for") {
            Some(Status::Success)
        } else {
            None
        };
        if let Some(status) = status {
            filling.kind(Kind { class: Class::Authentication, activity: Activity::Logon, status: Some(status) });
        } else if program.starts_with("Server") || message.starts_with("SQL Server is ") {
            filling.kind(Kind { class: Class::Lifecycle, activity: Activity::Other, status: None });
        }
        // The name is what stands in quotes; the client writes it, so the last words count, which the server writes.
        if let Some(name) = message.strip_prefix("Login ").and_then(|rest| rest.split_once("for user '")).map(|(_, rest)| rest) {
            let end = ["'. Reason: ", "'. Connection"].iter().find_map(|end| name.rfind(end)).or_else(|| name.find("'."));
            filling.put(&Column::Account, Cow::Owned(name[..end.unwrap_or(0)].to_owned()));
        }
        if let Some(client) =
            message.strip_suffix(']').and_then(|m| m.rsplit_once("[CLIENT: ")).map(|(_, client)| client.trim()).filter(|c| !c.starts_with('<'))
        {
            filling.put(&Column::SrcIp, Cow::Owned(client.to_owned()));
        }
        filling.put(&Column::Application, Cow::Owned(program.to_owned()));
        filling.put(&Column::Message, Cow::Owned(message.to_owned()));
        match filling.finish() {
            Some(event) => output.event(record, event),
            None => output.refuse(record, "the record carries no time"),
        }
    }
}

/// Who writes into the error log: `Logon`, `Server`, `Backup`, `spid51`, `spid7s`.
fn is_writer(word: &str) -> bool {
    matches!(word, "Logon" | "Server" | "Backup" | "Service" | "Error")
        || word.strip_prefix("spid").is_some_and(|id| !id.is_empty() && id.trim_end_matches('s').bytes().all(|b| b.is_ascii_digit()))
}
