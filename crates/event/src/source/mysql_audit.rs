//! Audit plug-ins of MySQL and MariaDB: MariaDB's `server_audit` CSV
//! (<https://mariadb.com/kb/en/mariadb-audit-plugin-log-format/>), and the JSON of MySQL Enterprise Audit
//! (<https://dev.mysql.com/doc/refman/8.4/en/audit-log-file-formats.html>), Percona's audit_log and audit_log_filter, and McAfee's
//! plug-in.
//! The XML of both, and Percona's CSV, are in [`layouts`]. None of them logs row counts.

mod layouts;

use std::borrow::Cow;

use serde_json::Value;
use strandline_model::event::{Activity, Class, Event, RecordKind, Status};

use self::layouts::XmlLine;
use super::Format;
use super::draft::Draft;
use crate::sql::Dialect;
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError, Framing, MAX_RECORD_BYTES, Output, Record};

/// `server_audit_query_log_limit` by default: a statement of that length was probably cut.
const QUERY_LOG_LIMIT: usize = 1024;

/// An audit log.
pub struct MysqlAudit {
    zone: Zone,
    /// The record in JSON or XML that is being read.
    json: Option<Object>,
    layout: Layout,
}

/// How the records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Json,
    Xml,
    /// MariaDB's `server_audit`.
    Csv,
    /// Percona's CSV: every value in quotes, which may hold line ends.
    QuotedCsv,
}

/// A JSON object that goes on over lines.
#[derive(Default)]
struct Object {
    bytes: Vec<u8>,
    depth: i64,
    in_text: bool,
    escaped: bool,
    offset: u64,
    line: u64,
    end: u64,
}

impl MysqlAudit {
    /// For one artefact; `head` tells the layouts apart.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn new(context: &Context<'_>, head: &[u8]) -> Result<Self, EventError> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let layout = match head.first() {
            Some(b'{' | b'[' | b',') => Layout::Json,
            Some(b'<') => Layout::Xml,
            Some(b'"') => Layout::QuotedCsv,
            // A file may begin within a record.
            _ if memchr::memmem::find(head, b"<AUDIT_RECORD").is_some() => Layout::Xml,
            _ => Layout::Csv,
        };
        Ok(Self { zone: Zone::of(context)?, json: None, layout })
    }

    fn object_line(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let mut bytes = record.bytes;
        if self.json.is_none() {
            let skip = bytes.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, b'[' | b']' | b',')).count();
            bytes = &bytes[skip..];
            if bytes.is_empty() {
                return output.pass(record);
            }
            if bytes[0] != b'{' {
                return output.refuse(record, "not a record of an audit log in JSON");
            }
            self.json = Some(Object { offset: record.offset + skip as u64, line: record.line, ..Object::default() });
        }
        let object = self.json.as_mut().expect("it was just set");
        let whole = object.add(bytes, record);
        if whole || object.bytes.len() > MAX_RECORD_BYTES {
            self.settle(output);
        }
    }

    fn settle(&mut self, output: &mut Output<'_>) {
        let Some(object) = self.json.take() else { return };
        let bytes = object.bytes.trim_ascii_end();
        let bytes = bytes.strip_suffix(b"]").unwrap_or(bytes).trim_ascii_end();
        let bytes = bytes.strip_suffix(b",").unwrap_or(bytes);
        let record = Record { bytes, ..Record::at(object.offset, object.end, object.line) };
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
            return output.refuse(&record, "not a record of an audit log in JSON");
        };
        let wrapped = value.get("audit_record");
        let value = wrapped.unwrap_or(&value);
        let is_mcafee = value.get("msg-type").is_some_and(Value::is_string) && value.get("date").is_some();
        if is_mcafee && value.get("cmd").is_none() {
            return output.pass(&record); // the file's own header
        }
        if wrapped.is_none() && !is_mcafee && !is_enterprise_audit(value) {
            return output.refuse(&record, "a JSON object, and none of an audit log: it has neither audit_record nor class, event and who it was");
        }
        self.object_event(value, &record, output);
    }

    fn object_event(&self, value: &Value, record: &Record<'_>, output: &mut Output<'_>) {
        match self.json_event(value, output.place(record)) {
            Some(mut draft) => {
                note_error(&mut draft);
                output.event(record, draft.finish());
            }
            None => output.refuse(record, "a record of an audit log without a time stamp that can be read"),
        }
    }

    fn xml_line(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let kind = layouts::xml_line(&String::from_utf8_lossy(record.bytes));
        if matches!(kind, XmlLine::Begins | XmlLine::Whole) {
            self.settle_xml(output);
            self.json = Some(Object { offset: record.offset, line: record.line, ..Object::default() });
        }
        let Some(object) = &mut self.json else {
            return match kind {
                XmlLine::Frame => output.pass(record),
                _ => output.refuse(record, "not a record of an audit log in XML, or a part of one whose beginning is lost"),
            };
        };
        object.bytes.extend_from_slice(record.bytes);
        object.bytes.push(b'\n');
        object.end = record.end();
        if matches!(kind, XmlLine::Whole | XmlLine::Ends) || object.bytes.len() > MAX_RECORD_BYTES {
            self.settle_xml(output);
        }
    }

    fn settle_xml(&mut self, output: &mut Output<'_>) {
        let Some(object) = self.json.take() else { return };
        let record = Record::at(object.offset, object.end, object.line);
        match layouts::xml_record(&String::from_utf8_lossy(&object.bytes)) {
            Some(value) => self.object_event(&value, &record, output),
            None => output.refuse(&record, "a record of an audit log in XML that is cut, or has another within it"),
        }
    }

    fn json_event<'e>(&self, value: &'e Value, place: strandline_model::evidence::EventRef) -> Option<Draft<'e>> {
        let at = |path: &[&str]| path.iter().try_fold(value, |v, key| v.get(key)).and_then(Value::as_str).filter(|text| !text.is_empty());
        let number = |path: &[&str]| path.iter().try_fold(value, |v, key| v.get(key)).and_then(|v| v.as_i64().or_else(|| v.as_str()?.parse().ok()));
        // These layouts are written in UTC, whatever the server's zone is; that of the general log beside them is another.
        let counted = number(&["time"]).filter(|seconds| (0..=SECONDS_MAX).contains(seconds)).map(|seconds| seconds.to_string());
        let written = counted.as_deref().or(at(&["timestamp"])).or(at(&["date"]))?;
        let stamp = stamp::parse(written, &Zone::utc())?;
        let mut draft = begin(stamp, place);
        let who = at(&["login", "user"]).or(at(&["account", "user"])).or(at(&["user"])).map(account_and_address);
        let (account, address) = who.unwrap_or_default();
        draft.event.account = account.map(Cow::Borrowed);
        draft.event.src_ip = at(&["login", "ip"]).or(at(&["ip"])).or(address).or(at(&["account", "host"])).or(at(&["host"])).map(Cow::Borrowed);
        draft.event.session = number(&["connection_id"]).or(number(&["thread-id"])).map(|id| Cow::Owned(id.to_string()));
        draft.event.database = at(&["connection_data", "db"]).or(at(&["table_access_data", "db"])).or(at(&["db"])).map(Cow::Borrowed);
        let class = at(&["class"]).or(at(&["name"])).or(at(&["cmd"])).unwrap_or_default().to_ascii_lowercase();
        let event = at(&["event"]).unwrap_or_default();
        let status = ["general_data", "query_data", "connection_data"].iter().find_map(|part| number(&[part, "status"])).or(number(&["status"]));
        set_status(status, &mut draft);
        let text =
            at(&["general_data", "query"]).or(at(&["query_data", "query"])).or(at(&["table_access_data", "query"])).or(at(&["sqltext"])).or(at(&["query"]));
        let text = text.filter(|text| !matches!(class.as_str(), "connect" | "quit" | "failed login") || !text.eq_ignore_ascii_case(&class));
        draft.label("class", &class);
        draft.label("event", event);
        // What the plug-in calls rows is not said to be those that were sent.
        draft.label("rows", at(&["rows"]).unwrap_or_default());
        if let Some(table) = at(&["table_access_data", "table"]) {
            draft.label("object_name", table);
        }
        match (class.as_str(), event, text) {
            (_, _, Some(text)) => {
                draft.statement(text, Dialect::MySql, |_| Vec::new());
                if class == "prepare" {
                    draft.event.activity = Activity::Query;
                }
            }
            ("connection", "disconnect", _) | ("quit", ..) => draft.event.activity = Activity::Disconnect,
            ("failed login", ..) => {
                draft.event.status = Status::Failure;
                connect(&mut draft);
            }
            ("connection", ..) | ("connect" | "change user", ..) => connect(&mut draft),
            ("audit", ..) | ("noaudit", ..) => draft.event.class = Class::Lifecycle,
            _ => draft.event.activity = Activity::Other,
        }
        Some(draft)
    }

    fn csv_line(&self, text: &str, record: &Record<'_>, output: &mut Output<'_>) {
        let through_syslog = || output.outer_time().and_then(|stamp| csv_fields(text, stamp));
        let Some(fields) = csv_record(text, &self.zone).or_else(through_syslog) else {
            return output
                .refuse(record, "not a record of server_audit (timestamp,serverhost,username,host,connectionid,queryid,operation,database,object,retcode)");
        };
        let mut draft = begin(fields.stamp, output.place(record));
        draft.event.account = filled(fields.account);
        draft.event.src_ip = filled(fields.host);
        draft.event.session = filled(fields.connection).filter(|id| id != "0");
        draft.event.statement_id = fields.query.parse().ok().filter(|id| *id != 0);
        draft.event.database = filled(fields.database);
        set_status(fields.code, &mut draft);
        draft.label("operation", fields.operation);
        let object = unescape(fields.object);
        match fields.operation {
            "CONNECT" => draft.event.activity = Activity::Connect,
            "FAILED_CONNECT" => connect(&mut draft),
            "DISCONNECT" => draft.event.activity = Activity::Disconnect,
            operation if operation.starts_with("QUERY") => {
                if object.len() >= QUERY_LOG_LIMIT {
                    draft.label("statement_cut", "possible");
                }
                let mut inner = draft.fork();
                inner.statement(&object, Dialect::MySql, |_| Vec::new());
                draft.join(inner);
            }
            // A table event: which tables the query of that id touched.
            operation => {
                draft.event.activity = Activity::Other;
                draft.event.command = Some(Cow::Owned(operation.to_owned()));
                draft.label("object_name", &object);
            }
        }
        note_error(&mut draft);
        output.event(record, draft.finish());
    }
}

impl Object {
    /// Adds a line; whether the object ends in it.
    fn add(&mut self, bytes: &[u8], record: &Record<'_>) -> bool {
        for byte in bytes {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => self.depth -= 1,
                _ => {}
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.bytes.push(b'\n');
        self.end = record.end();
        self.depth <= 0
    }
}

impl Format for MysqlAudit {
    fn name(&self) -> &'static str {
        match self.layout {
            Layout::Json => "mysql_audit_json",
            Layout::Xml => "mysql_audit_xml",
            Layout::Csv | Layout::QuotedCsv => "mysql_audit_csv",
        }
    }

    fn framing(&self) -> Framing {
        if self.layout == Layout::QuotedCsv { Framing::QuotedLines } else { Framing::Lines }
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if self.layout == Layout::Json {
            return self.object_line(record, output);
        }
        if record.bytes.is_empty() && self.json.is_none() {
            return output.pass(record);
        }
        let text = String::from_utf8_lossy(record.bytes);
        match self.layout {
            Layout::Xml => self.xml_line(record, output),
            Layout::QuotedCsv => match layouts::csv_record(&text) {
                Some(value) => self.object_event(&value, record, output),
                None => output.refuse(record, "not a record of an audit log in CSV"),
            },
            _ => self.csv_line(&text, record, output),
        }
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        if self.layout == Layout::Xml { self.settle_xml(output) } else { self.settle(output) }
    }
}

/// The last second that a count since 1970 is believed to: the year 5138, as everywhere.
const SECONDS_MAX: i64 = 99_999_999_999;

/// Whether an object is a record of MySQL Enterprise Audit or of Percona's audit_log_filter. A stamp alone is no mark: most
/// loggers of JSON write one.
fn is_enterprise_audit(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    let text = |key: &str| value.get(key).is_some_and(Value::is_string);
    let data = || value.as_object().is_some_and(|object| object.keys().any(|key| key.ends_with("_data")));
    text("class") && text("event") && (has("connection_id") || has("account") || has("login") || data())
}

/// `app[app] @ web1 [10.0.0.5]`: the account, and the address in the last brackets.
fn account_and_address(written: &str) -> (Option<&str>, Option<&str>) {
    let Some((account, rest)) = written.split_once('[') else { return (Some(written.trim()).filter(|a| !a.is_empty()), None) };
    let behind = rest.split_once(" @ ").map_or("", |(_, behind)| behind);
    let address = behind.trim_end().strip_suffix(']').and_then(|b| b.rsplit_once('[')).map(|(_, address)| address.trim());
    (Some(account.trim()).filter(|a| !a.is_empty()), address.filter(|a| !a.is_empty()))
}

fn begin<'e>(stamp: Stamp, place: strandline_model::evidence::EventRef) -> Draft<'e> {
    let mut event = Event::new(stamp.time, Class::Datastore, Activity::Other, place);
    event.time_precision_micros = stamp.precision_micros;
    event.utc_offset_seconds = stamp.utc_offset_seconds;
    event.record_kind = Some(RecordKind::MysqlAudit);
    Draft::new(event)
}

fn set_status(code: Option<i64>, draft: &mut Draft<'_>) {
    match code {
        Some(0) => draft.event.status = Status::Success,
        Some(code) => {
            draft.event.status = Status::Failure;
            draft.event.error_code = Some(Cow::Owned(code.to_string()));
        }
        None => {}
    }
}

/// Errors whose text holds names and the statement's own words alone: access denied, no such database, table, column or
/// routine, syntax, locks, an end from outside (<https://mariadb.com/docs/server/reference/error-codes>).
const NAMES_ONLY: [&str; 15] = ["1044", "1045", "1046", "1049", "1054", "1064", "1142", "1143", "1146", "1205", "1213", "1305", "1317", "1370", "1969"];

/// No audit log has an error's text, but its number tells whether the text can hold a value. A statement that another one
/// makes at run time may be made of values, and so may the words of its error.
fn note_error(draft: &mut Draft<'_>) {
    let made_at_run_time = draft.event.command.as_deref().is_some_and(|c| ["PREPARE", "EXECUTE", "CALL"].iter().any(|word| c.starts_with(word)));
    if !made_at_run_time && draft.event.error_code.as_deref().is_some_and(|code| NAMES_ONLY.contains(&code)) {
        draft.event.error_values = Some(Vec::new());
    }
}

/// A connection; a refused one is a failed sign-in.
fn connect(draft: &mut Draft<'_>) {
    if draft.event.status == Status::Failure {
        draft.event.class = Class::Authentication;
        draft.event.activity = Activity::Logon;
    } else {
        draft.event.activity = Activity::Connect;
    }
}

fn filled(text: &str) -> Option<Cow<'static, str>> {
    (!text.is_empty()).then(|| Cow::Owned(text.to_owned()))
}

/// One record of `server_audit`.
struct CsvRecord<'t> {
    stamp: Stamp,
    account: &'t str,
    host: &'t str,
    connection: &'t str,
    query: &'t str,
    operation: &'t str,
    database: &'t str,
    object: &'t str,
    code: Option<i64>,
}

/// A record with its own stamp.
fn csv_record<'t>(text: &'t str, zone: &Zone) -> Option<CsvRecord<'t>> {
    let (written, rest) = text.split_once(',')?;
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let stamp = if digits == 8 && written.len() >= 17 {
        stamp::parse(&format!("{}-{}-{} {}", &written[..4], &written[4..6], &written[6..8], written.get(8..)?.trim()), zone)?
    } else {
        stamp::parse(written, zone)?
    };
    csv_fields(rest, stamp)
}

/// What stands behind the stamp: all that the plug-in gives to syslog.
fn csv_fields(text: &str, stamp: Stamp) -> Option<CsvRecord<'_>> {
    let mut fields = text.splitn(8, ',');
    let _server = fields.next()?;
    let (account, host, connection, query, operation, database) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let rest = fields.next()?;
    let known = operation.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !operation.is_empty() && connection.bytes().all(|b| b.is_ascii_digit());
    let (object, rest) = match rest.strip_prefix('\'') {
        Some(quoted) => split_quoted(quoted),
        None => rest.split_once(',').unwrap_or((rest, "")),
    };
    let code = rest.trim_start_matches(',').split(',').next().and_then(|code| code.trim().parse().ok());
    known.then_some(CsvRecord { stamp, account, host, connection, query, operation, database, object, code })
}

/// Up to the closing quote; quotes inside stand behind a backslash.
fn split_quoted(quoted: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\'' => return (&quoted[..at], &quoted[at + 1..]),
            _ => {}
        }
    }
    (quoted, "")
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => clean.push('\n'),
                Some('r') => clean.push('\r'),
                Some('t') => clean.push('\t'),
                Some(other) => clean.push(other),
                None => clean.push('\\'),
            },
            (letter, false) => clean.push(letter),
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::MysqlAudit;
    use crate::testing;

    fn check(input: &str, expected: &str) {
        let (collected, _) = testing::read(input.as_bytes(), None, |context, head| Ok(Box::new(MysqlAudit::new(context, head)?)));
        assert_eq!(collected.text(), expected);
    }

    #[test]
    fn server_audit_of_mariadb() {
        check(
            "20260124 21:00:00,db1,app,10.0.0.5,7,0,CONNECT,hr,,0\n\
             20260124 21:00:01,db1,app,10.0.0.5,7,12,QUERY,hr,'SELECT \\'a,b\\'\\nFROM staff WHERE password = \\'x\\'',0\n\
             20260124 21:00:01,db1,app,10.0.0.5,7,12,READ,hr,staff,\n\
             20260124 21:00:02,db1,root,10.0.0.9,8,0,FAILED_CONNECT,,,1045\n\
             broken\n",
            "1 datastore_activity/connect/success ip=10.0.0.5 account=app session=7 database=hr kind=mysql_audit labels={\"operation\":\"CONNECT\"}\n\
             2 datastore_activity/read/success ip=10.0.0.5 account=app session=7 database=hr command=SELECT statement=SELECT 'a,b'\\nFROM staff WHERE password = '[masked]' statement_id=12 kind=mysql_audit labels={\"operation\":\"QUERY\"} masked=yes\n\
             3 datastore_activity/other/unknown ip=10.0.0.5 account=app session=7 database=hr command=READ statement_id=12 kind=mysql_audit labels={\"object_name\":\"staff\",\"operation\":\"READ\"}\n\
             4 authentication/logon/failure ip=10.0.0.9 account=root session=8 kind=mysql_audit error=1045 labels={\"operation\":\"FAILED_CONNECT\"}\n\
             5 refused: not a record of server_audit (timestamp,serverhost,username,host,connectionid,queryid,operation,database,object,retcode)",
        );
    }

    #[test]
    fn json_of_enterprise_audit() {
        check(
            "[\n{ \"timestamp\": \"2026-01-24 21:00:00\", \"id\": 0, \"class\": \"general\", \"event\": \"status\", \"connection_id\": 8,\n\
             \"account\": { \"user\": \"app\", \"host\": \"localhost\" }, \"login\": { \"user\": \"app\", \"os\": \"\", \"ip\": \"10.0.0.5\", \"proxy\": \"\" },\n\
             \"general_data\": { \"command\": \"Query\", \"sql_command\": \"select\", \"query\": \"SELECT '}' FROM t\", \"status\": 1064 } },\n\
             { \"timestamp\": \"2026-01-24 21:00:01\", \"class\": \"connection\", \"event\": \"connect\", \"connection_id\": 9, \"account\": { \"user\": \"x\", \"host\": \"h\" }, \"connection_data\": { \"status\": 1045, \"db\": \"hr\" } }\n]\n",
            "2 datastore_activity/read/failure ip=10.0.0.5 account=app session=8 command=SELECT statement=SELECT '}' FROM t kind=mysql_audit error=1064 labels={\"class\":\"general\",\"event\":\"status\"}\n\
             5 authentication/logon/failure ip=h account=x session=9 database=hr kind=mysql_audit error=1045 labels={\"class\":\"connection\",\"event\":\"connect\"}",
        );
    }

    #[test]
    fn xml_of_both_styles() {
        let expected = |line: u32| {
            format!(
                "{line} datastore_activity/read/success ip=10.0.0.5 account=app session=5 database=hr command=SELECT statement=SELECT a\\nFROM t WHERE b < 'x' kind=mysql_audit labels={{\"class\":\"query\"}}"
            )
        };
        check(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AUDIT>\n <AUDIT_RECORD>\n  <TIMESTAMP>2026-01-24T21:00:00 UTC</TIMESTAMP>\n  <NAME>Query</NAME>\n  <CONNECTION_ID>5</CONNECTION_ID>\n  <STATUS>0</STATUS>\n  <USER>app[app] @ web1 [10.0.0.5]</USER>\n  <OS_LOGIN/>\n  <HOST>web1</HOST>\n  <IP>10.0.0.5</IP>\n  <DB>hr</DB>\n  <SQLTEXT>SELECT a\nFROM t WHERE b &lt; 'x'</SQLTEXT>\n </AUDIT_RECORD>\n</AUDIT>\n",
            &expected(3),
        );
        let old = "<AUDIT_RECORD TIMESTAMP=\"2026-01-24T21:00:00 UTC\" NAME=\"Query\" CONNECTION_ID=\"5\" STATUS=\"0\" USER=\"app[app] @ web1 [10.0.0.5]\" IP=\"10.0.0.5\" DB=\"hr\" SQLTEXT=\"SELECT a&#10;FROM t WHERE b &lt; 'x'\"/>";
        check(&format!("{old}\n"), &expected(1));
        check(&format!("{}\n", old.replace("\" ", "\"\n  ").replace("RECORD TIME", "RECORD\n  TIME").replace("/>", "\n/>")), &expected(1));
        check(
            &format!("SQLTEXT=\"SELECT 1\"/>\n{}\n{old}\n{old}{old}\n", &old[..60]),
            &format!(
                "{}\n1 refused: not a record of an audit log in XML, or a part of one whose beginning is lost\n2 refused: a record of an audit log in XML that is cut, or has another within it\n4 refused: not a record of an audit log in XML, or a part of one whose beginning is lost",
                expected(3)
            ),
        );
    }

    #[test]
    fn csv_with_every_value_in_quotes() {
        check(
            "\"Query\",\"4_2026\",\"2026-01-24T21:00:00 UTC\",\"select\",\"5\",\"1146\",\"SELECT \"\"a\"\"\nFROM t\",\"app[app] @ web1 [10.0.0.5]\",\"web1\",\"\",\"10.0.0.5\",\"hr\"\n\"Connect\",\"5_2026\",\"2026-01-24T21:00:01 UTC\",\"6\",\"1045\",\"root\",\"root\",\"\",\"\",\"web1\",\"10.0.0.9\",\"\"\n\"Query\",\"6\n",
            "1 datastore_activity/read/failure ip=10.0.0.5 account=app session=5 database=hr command=SELECT statement=SELECT \"a\"\\nFROM t kind=mysql_audit error=1146 labels={\"class\":\"query\"}\n\
             3 authentication/logon/failure ip=10.0.0.9 account=root session=6 kind=mysql_audit error=1045 labels={\"class\":\"connect\"}\n\
             4 refused: not a record of an audit log in CSV",
        );
    }

    #[test]
    fn json_of_another_program_is_no_audit_log() {
        check(
            "{\"timestamp\":\"2026-01-24T21:00:00Z\",\"user\":\"amy\",\"status\":200,\"event\":\"request\"}\n",
            "1 refused: a JSON object, and none of an audit log: it has neither audit_record nor class, event and who it was",
        );
    }

    #[test]
    fn the_count_of_seconds_tells_the_time_and_brackets_tell_the_address() {
        check(
            "{\"timestamp\":\"2026-01-25 05:00:00\",\"time\":1769288400,\"class\":\"query\",\"event\":\"query_status_end\",\"connection_id\":3,\"login\":{\"user\":\"web[web] @ front [192.0.2.7]\"},\"query_data\":{\"query\":\"SELECT 1\",\"status\":1146}}\n",
            "1 datastore_activity/read/failure ip=192.0.2.7 account=web session=3 command=SELECT statement=SELECT 1 kind=mysql_audit error=1146 labels={\"class\":\"query\",\"event\":\"query_status_end\"}",
        );
        let (collected, _) = testing::read(
            b"{\"timestamp\":\"2026-01-25 05:00:00\",\"time\":1769288400,\"class\":\"audit\",\"event\":\"startup\",\"connection_id\":0}\n",
            None,
            |context, head| Ok(Box::new(MysqlAudit::new(context, head)?)),
        );
        assert_eq!(collected.events()[0].time.0, 1_769_288_400_000_000);
    }

    #[test]
    fn json_of_percona_audit() {
        check(
            "{\"audit_record\":{\"name\":\"Query\",\"record\":\"4_2026\",\"timestamp\":\"2026-01-24T21:00:00Z\",\"command_class\":\"select\",\"connection_id\":\"12\",\"status\":0,\"sqltext\":\"SELECT 1\",\"user\":\"root[root] @ localhost []\",\"host\":\"localhost\",\"os_user\":\"\",\"ip\":\"\",\"db\":\"hr\"}}\n",
            "1 datastore_activity/read/success ip=localhost account=root session=12 database=hr command=SELECT statement=SELECT 1 kind=mysql_audit labels={\"class\":\"query\"}",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(lines in proptest::collection::vec("(20260124 21:00:00,|\\{\"timestamp\":\"2026-01-24T21:00:00Z\",)?([a-zA-Z0-9é']{0,4},){0,9}[ -~é]{0,20}", 0..6), json in proptest::bool::ANY) {
            let input = format!("{}{}", if json { "[\n" } else { "" }, lines.join("\n"));
            testing::read(input.as_bytes(), None, |context, head| Ok(Box::new(MysqlAudit::new(context, head)?)));
        }
    }
}
