//! PostgreSQL jsonlog, version 15 and later
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-JSONLOG>).

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::Format;
use super::postgres::{Entry, Log, audit_message, filled, split_remote, without_lead};
use crate::stamp::{self, Zone};
use crate::{Context, EventError, Output, Record};

/// A jsonlog.
pub struct PostgresJson {
    zone: Zone,
    log: Log,
}

/// One line. Keys that are not read here stay in the evidence.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, alias = "log_time")]
    timestamp: Cow<'a, str>,
    #[serde(borrow, default, alias = "user_name")]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "database_name")]
    dbname: Option<Cow<'a, str>>,
    #[serde(default, alias = "process_id", deserialize_with = "number")]
    pid: Option<i32>,
    #[serde(borrow, default)]
    remote_host: Option<Cow<'a, str>>,
    #[serde(default)]
    remote_port: Option<i32>,
    #[serde(borrow, default)]
    session_id: Option<Cow<'a, str>>,
    #[serde(default, alias = "session_line_num", deserialize_with = "number")]
    line_num: Option<i64>,
    #[serde(borrow, default, alias = "virtual_transaction_id")]
    vxid: Option<Cow<'a, str>>,
    #[serde(default, alias = "transaction_id", deserialize_with = "number")]
    txid: Option<u64>,
    #[serde(borrow)]
    error_severity: Cow<'a, str>,
    #[serde(borrow, default, alias = "sql_state_code")]
    state_code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "query")]
    statement: Option<Cow<'a, str>>,
    /// `host:port`, where an operator writes the fields under the csvlog's names.
    #[serde(borrow, default)]
    connection_from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    audit: Option<Audit<'a>>,
    #[serde(borrow, default)]
    application_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    backend_type: Option<Cow<'a, str>>,
    #[serde(borrow, default, alias = "command_tag")]
    ps: Option<Cow<'a, str>>,
}

/// pgaudit's record in fields of their own, as CloudNativePG writes it.
#[derive(Deserialize)]
struct Audit<'a> {
    #[serde(borrow)]
    audit_type: Cow<'a, str>,
    #[serde(borrow, default)]
    statement_id: Cow<'a, str>,
    #[serde(borrow, default)]
    substatement_id: Cow<'a, str>,
    #[serde(borrow, default)]
    class: Cow<'a, str>,
    #[serde(borrow, default)]
    command: Cow<'a, str>,
    #[serde(borrow, default)]
    object_type: Cow<'a, str>,
    #[serde(borrow, default)]
    object_name: Cow<'a, str>,
    #[serde(borrow, default)]
    statement: Cow<'a, str>,
    #[serde(borrow, default)]
    parameter: Cow<'a, str>,
    #[serde(borrow, default)]
    rows: Option<Cow<'a, str>>,
}

impl Audit<'_> {
    /// As the extension writes it into the server's own log.
    fn message(&self) -> String {
        let fields = [
            &self.audit_type,
            &self.statement_id,
            &self.substatement_id,
            &self.class,
            &self.command,
            &self.object_type,
            &self.object_name,
            &self.statement,
            &self.parameter,
        ];
        audit_message(fields.into_iter().chain(&self.rows).map(AsRef::as_ref))
    }
}

/// A number, or digits in quotes.
fn number<'de, D: Deserializer<'de>, N: FromStr>(deserializer: D) -> Result<Option<N>, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(deserializer)? {
        Some(serde_json::Value::Number(number)) => number.to_string().parse().ok(),
        Some(serde_json::Value::String(digits)) => digits.parse().ok(),
        _ => None,
    })
}

impl PostgresJson {
    /// For one artefact.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn new(context: &Context<'_>) -> Result<Self, EventError> {
        Ok(Self { zone: Zone::of(context)?, log: Log::default() })
    }

    /// Whether one of the first lines of `head` is one of a jsonlog: the very first may be the end of a record.
    pub fn recognises(head: &[u8]) -> bool {
        let has = |line: &[u8], key: &[u8]| memchr::memmem::find(line, key).is_some();
        let is_record = |line: &[u8]| line.contains(&b'{') && has(line, b"\"error_severity\"") && (has(line, b"\"timestamp\"") || has(line, b"\"log_time\""));
        head.split(|b| *b == b'\n').filter(|line| !line.is_empty()).take(50).any(is_record)
    }

    fn line(&mut self, text: &str, record: &Record<'_>, output: &mut Output<'_>) -> Result<(), &'static str> {
        let line: Line<'_> = serde_json::from_str(text).map_err(|_| "not a record of a jsonlog")?;
        let stamp = stamp::parse(&line.timestamp, &self.zone).ok_or("timestamp is no time stamp")?;
        let transaction = line.txid.filter(|id| *id != 0).map(|id| id.to_string());
        let audited = line.audit.as_ref().map(Audit::message);
        let mut entry = Entry::new(stamp, &line.error_severity, audited.as_deref().unwrap_or(&line.message));
        entry.account = line.user.as_deref().and_then(filled);
        entry.database = line.dbname.as_deref().and_then(filled);
        entry.pid = line.pid;
        let remote = line.connection_from.as_deref().map_or((None, None), split_remote);
        entry.host = line.remote_host.as_deref().and_then(filled).or(remote.0);
        entry.port = line.remote_port.or(remote.1);
        entry.session = line.session_id.as_deref().and_then(filled);
        entry.sequence = line.line_num;
        entry.transaction = line.vxid.as_deref().and_then(filled).or(transaction.as_deref());
        entry.code = line.state_code.as_deref();
        entry.detail = line.detail.as_deref();
        entry.context = line.context.as_deref();
        entry.statement = line.statement.as_deref();
        entry.application = line.application_name.as_deref().and_then(filled);
        entry.backend_type = line.backend_type.as_deref();
        entry.activity = line.ps.as_deref();
        let event = self.log.read(&entry, output.place(record));
        output.event(record, event);
        Ok(())
    }
}

impl Format for PostgresJson {
    fn name(&self) -> &'static str {
        "postgresql_jsonlog"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if record.bytes.is_empty() {
            return output.pass(record);
        }
        let text = String::from_utf8_lossy(record.bytes);
        if let Err(reason) = self.line(without_lead(&text), record, output) {
            output.refuse(record, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PostgresJson;
    use crate::testing;

    fn check(input: &str, expected: &str) {
        let (collected, _) = testing::read(input.as_bytes(), None, |context, _| Ok(Box::new(PostgresJson::new(context)?)));
        assert_eq!(collected.text(), expected);
    }

    #[test]
    fn lines_of_version_15() {
        check(
            "\0\0{\"timestamp\":\"2026-11-24 21:01:56.860 UTC\",\"user\":\"app\",\"dbname\":\"hr\",\"pid\":7,\"remote_host\":\"10.0.0.5\",\"remote_port\":55,\"session_id\":\"s.7\",\"line_num\":34,\"ps\":\"BIND\",\"vxid\":\"3/96\",\"txid\":0,\"error_severity\":\"ERROR\",\"state_code\":\"22P02\",\"message\":\"invalid input syntax for type integer: \\\"oops\\\"\",\"context\":\"unnamed portal parameter $1 = 'oops'\",\"statement\":\"select $1::int\",\"application_name\":\"my app\",\"new_key\":{}}\n\
             \nhalf {\n",
            "1 datastore_activity/error/failure ip=10.0.0.5 port=55 account=app session=s.7 database=hr application=my app pid=7 command=SELECT statement=select $1::int sequence=34 transaction=3/96 kind=error_unrun error=22P02 message=invalid input syntax for type integer: \"[masked]\"\n\
             3 refused: not a record of a jsonlog",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(message in "(AUDIT: |execute |statement: |connection received: |duration: )?[ -~é]{0,60}", detail in "(parameters: \\$1 = ')?[ -~é]{0,30}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let line = serde_json::json!({"timestamp": "2026-11-24 21:01:56.860 UTC", "error_severity": "LOG", "message": message, "detail": detail}).to_string();
            let input = [line.as_bytes(), b"\n", &bytes].concat();
            testing::read(&input, None, |context, _| Ok(Box::new(PostgresJson::new(context)?)));
        }
    }
}
