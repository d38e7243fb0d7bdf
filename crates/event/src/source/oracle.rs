//! Oracle's unified audit trail: rows of `UNIFIED_AUDIT_TRAIL` exported as a table or as JSON, and what the server gives to
//! syslog (`UNIFIED_AUDIT_SYSTEMLOG`). Files of the older trail (`.aud`) are not read.
//!
//! Sources: Oracle, "Database Reference", UNIFIED_AUDIT_TRAIL and UNIFIED_AUDIT_SYSTEMLOG; "Database Security Guide".

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Event, RecordKind, Status};

use super::Format;
use super::draft::Draft;
use super::row::{Row, qualified};
use crate::fields::text_of;
use crate::sql::Dialect;
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError, Output, Record};

/// The format.
#[derive(Debug)]
pub struct Oracle {
    zone: Zone,
}

/// Opens an export of the audit trail.
///
/// # Errors
/// If the estate names no zone that exists.
pub fn open(context: &Context<'_>) -> Result<Oracle, EventError> {
    Ok(Oracle { zone: Zone::of(context)? })
}

impl Format for Oracle {
    fn name(&self) -> &'static str {
        "oracle_audit"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let line = super::trimmed(record.bytes);
        if line.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(line);
        let row = if text.starts_with('{') { Row::of(&text) } else { syslog_row(&text) };
        let marks = |row: &Row| {
            let action = row.get(&["action_name", "action"]).is_some();
            action
                && row.get(&["dbusername", "dbuser"]).is_some()
                && row.get(&["return_code", "retcode", "unified_audit_policies", "sessionid", "sesid"]).is_some()
        };
        let Some(row) = row.filter(marks) else {
            return output.refuse(record, "not a row of Oracle's unified audit trail (ACTION_NAME, DBUSERNAME, RETURN_CODE …)");
        };
        let utc = row.get(&["event_timestamp_utc"]).and_then(|written| time(written, &Zone::utc()));
        match utc.or_else(|| row.get(&["event_timestamp"]).and_then(|written| time(written, &self.zone))).or(output.outer_time()) {
            Some(stamp) => output.event(record, audited(&row, stamp, output.place(record))),
            None => output.refuse(record, "a row of an audit trail without a time that can be read"),
        }
    }
}

fn audited(row: &Row, stamp: Stamp, place: strandline_model::evidence::EventRef) -> Event<'static> {
    let own = |names: &[&str]| row.get(names).map(|value| Cow::Owned(value.to_owned()));
    let mut event = Event::new(stamp.time, Class::Datastore, Activity::Other, place);
    event.time_precision_micros = stamp.precision_micros;
    event.utc_offset_seconds = stamp.utc_offset_seconds;
    event.record_kind = Some(RecordKind::Statement);
    event.account = own(&["dbusername", "dbuser"]);
    event.session = own(&["sessionid", "sesid"]);
    event.application = own(&["client_program_name"]);
    event.transaction = own(&["transaction_id"]);
    event.src_ip = row.get(&["authentication_type"]).and_then(address).map(Cow::Owned);
    event.src_port = row.get(&["authentication_type"]).and_then(|text| within(text, "(PORT=")?.parse().ok());
    let mut draft = Draft::new(event);
    if let Some(statement) = row.get(&["sql_text"]) {
        let mut inner = draft.fork();
        let read = inner.statement(statement, Dialect::PostgreSql, |_| Vec::new());
        inner.parameters(row.get(&["sql_binds"]).and_then(binds), &read.secret_parameters);
        let parameters = inner.event.parameters.take();
        draft.join(inner);
        draft.event.parameters = parameters.map(|list| list.into_iter().map(|value| value.map(|value| Cow::Owned(value.into_owned()))).collect());
    }
    let action = row.get(&["action_name", "action"]).unwrap_or_default();
    act(action, &mut draft.event);
    if let Some(code) = row.get(&["return_code", "retcode"]).and_then(|code| code.parse::<u32>().ok()) {
        draft.event.status = if code == 0 { Status::Success } else { Status::Failure };
        draft.event.error_code = (code != 0).then(|| Cow::Owned(format!("ORA-{code:05}")));
    }
    draft.label("action", action);
    draft.label("object_name", &qualified(row.get(&["object_schema", "schema"]), row.get(&["object_name", "objname"])));
    for (label, name) in [("client_host", "userhost"), ("os_user", "os_username"), ("policies", "unified_audit_policies")] {
        draft.label(label, row.get(&[name]).unwrap_or_default());
    }
    draft.finish().into_owned()
}

/// What an action is, by its name or by its number in `AUDIT_ACTIONS`.
fn act(action: &str, event: &mut Event<'_>) {
    let (class, activity) = match action.to_ascii_uppercase().as_str() {
        "LOGON" | "100" => (Class::Authentication, Activity::Logon),
        "LOGOFF" | "LOGOFF BY CLEANUP" | "101" | "102" => (Class::Authentication, Activity::Logoff),
        _ if event.statement.is_some() => return,
        "SELECT" | "3" => (Class::Datastore, Activity::Read),
        "INSERT" | "UPDATE" | "DELETE" | "2" | "6" | "7" => (Class::Datastore, Activity::Write),
        "EXECUTE" | "116" | "47" => (Class::Datastore, Activity::Query),
        other if ["CREATE ", "ALTER ", "DROP ", "GRANT", "REVOKE"].iter().any(|verb| other.starts_with(verb)) => (Class::Datastore, Activity::Define),
        _ => return,
    };
    (event.class, event.activity) = (class, activity);
}

/// A stamp as usual, or by the server's default: `23-NOV-26 08.42.55.123456 PM`.
fn time(written: &str, zone: &Zone) -> Option<Stamp> {
    stamp::parse(written, zone).filter(|_| !written.contains(['.']) || written.contains(':')).or_else(|| {
        let mut words = written.split_whitespace();
        let (date, clock, half) = (words.next()?, words.next()?, words.next());
        let mut parts = clock.splitn(4, '.');
        let (hour, minute, second) = (parts.next()?.parse::<u8>().ok()?, parts.next()?, parts.next()?);
        let fraction: String = parts.next().unwrap_or("0").chars().take(6).collect();
        let hour = match half {
            Some("PM") if hour < 12 => hour + 12,
            Some("AM") if hour == 12 => 0,
            _ => hour,
        };
        let mut date = date.splitn(3, '-');
        let (day, month, year) = (date.next()?, date.next()?, date.next()?);
        let year = if year.len() == 2 { format!("20{year}") } else { year.to_owned() };
        const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))? + 1;
        stamp::parse(&format!("{year}-{month:02}-{day:0>2} {hour:02}:{minute}:{second}.{fraction}"), zone)
    })
}

/// The client's address in `(CLIENT ADDRESS=((PROTOCOL=tcp)(HOST=203.0.113.7)(PORT=41234)))`.
fn address(text: &str) -> Option<String> {
    within(text.split_once("CLIENT ADDRESS")?.1, "(HOST=").map(str::to_owned)
}

fn within<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split_once(name)?.1.split_once(')').map(|(value, _)| value)
}

/// ` #1(2):C1 #2(4):NULL`: each value with its length. `None` where a length leads nowhere.
fn binds(text: &str) -> Option<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && values.len() < 4096 {
        let (number, after) = rest.strip_prefix('#')?.split_once('(')?;
        let (length, after) = after.split_once("):")?;
        if number.parse::<usize>().ok()? != values.len() + 1 {
            return None;
        }
        let value = after.get(..length.parse().ok()?)?;
        values.push((value != "NULL").then(|| value.to_owned()));
        rest = after[value.len()..].trim_start();
    }
    Some(values)
}

/// `LENGTH: '204' TYPE:"4" DBID:"…" SESID:"…" DBUSER:"APP" ACTION:"3" RETCODE:"0" …` as a row.
fn syslog_row(text: &str) -> Option<Row> {
    let at = text.find("TYPE:\"")?;
    let mut object = serde_json::Map::new();
    let mut rest = &text[at..];
    while let Some((name, after)) = rest.split_once(":\"") {
        let is_name = !name.trim().is_empty() && name.trim().bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let (value, behind) = after.split_once('"').filter(|_| is_name && object.len() < 64)?;
        object.insert(name.trim().to_owned(), serde_json::Value::String(value.to_owned()));
        rest = behind;
    }
    Row::of(&serde_json::Value::Object(object).to_string())
}
