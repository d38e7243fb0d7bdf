//! Events by hand, and the two recordings as events: only as much of a parser as these tests need.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use strandline_model::event::{Activity, Class, Event, EventBatchBuilder, RecordKind, Status};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::time::Instant;

pub type Owned = Event<'static>;

/// The folder of shared test data, where it is there.
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    if path.join("recordings").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no shared test data");
    None
}

pub fn place(artefact: &str, offset: usize, length: usize) -> EventRef {
    EventRef { artefact: ArtefactId(artefact.to_owned()), offset: offset as u64, length: length as u32 }
}

/// One table of events in order of time.
pub fn table(mut events: Vec<Owned>) -> Vec<RecordBatch> {
    events.sort_by(|a, b| (a.time, &a.place).cmp(&(b.time, &b.place)));
    let mut builder = EventBatchBuilder::new();
    let mut out = Vec::new();
    for event in &events {
        builder.push(event);
        if builder.is_full() {
            out.push(builder.finish().expect("columns fit"));
        }
    }
    out.push(builder.finish().expect("columns fit"));
    out
}

pub fn some(value: &str) -> Option<Cow<'static, str>> {
    (!value.is_empty()).then(|| Cow::Owned(value.to_owned()))
}

fn stamp(text: &str) -> Instant {
    let text = text.replacen(' ', "T", 1).replace(" UTC", "Z");
    Instant(text.parse::<jiff::Timestamp>().expect("a stamp").as_microsecond())
}

/// Every line of a file with its offset.
fn lines(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).expect("a recording");
    let mut at = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let start = at;
            at += line.len();
            (start, line.trim_end().to_owned())
        })
        .collect()
}

pub fn recording(name: &str) -> Option<Vec<Owned>> {
    let folder = shared()?.join("recordings").join(name).join("evidence");
    let mut events = combined(&folder.join("kms/access.log"));
    events.extend(kms_app(&folder.join("kms/app.log")));
    events.extend(json(&folder.join("hrs/access.json"), "hrs-web"));
    events.extend(json(&folder.join("hrs/app.jsonl"), "hrs-app"));
    for file in ["db/postgresql.csv", "db/postgresql.json"] {
        if folder.join(file).exists() {
            events.extend(database(&folder.join(file)));
        }
    }
    Some(events)
}

fn start(time: Instant, class: Class, activity: Activity, source: &'static str, system: &'static str, at: (usize, usize)) -> Owned {
    let mut event = Event::new(time, class, activity, place(source, at.0, at.1));
    event.source = source.into();
    event.system = system.into();
    event
}

fn combined(path: &Path) -> Vec<Owned> {
    let pattern = regex::Regex::new(r#"^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+)"#).unwrap();
    let mut out = Vec::new();
    for (at, line) in lines(path) {
        let Some(m) = pattern.captures(&line) else {
            continue;
        };
        let time = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", &m[2]).unwrap().to_timestamp().unwrap();
        let mut e = start(Instant(time.as_microsecond()), Class::Http, Activity::Request, "kms-web", "kms", (at, line.len()));
        e.time_precision_micros = 1_000_000;
        (e.src_ip, e.method, e.url) = (some(&m[1]), some(&m[3]), some(&m[4]));
        (e.status_code, e.bytes) = (m[5].parse().ok(), m[6].parse().ok());
        out.push(e);
    }
    out
}

fn kms_app(path: &Path) -> Vec<Owned> {
    let login = regex::Regex::new(r"^(\S+) +\w+ +\[(\w+)\] authentication (success|failure) user=(\S+) ip=(\S+)$").unwrap();
    let request = regex::Regex::new(r#"^(\S+) +\w+ +\[(\w+)\] user=(\S+) sid=(\S+) ip=(\S+) "([A-Z]+) (\S+)" (\d+)$"#).unwrap();
    let mut out = Vec::new();
    for (at, line) in lines(path) {
        if let Some(m) = login.captures(&line) {
            let mut e = start(stamp(&m[1]), Class::Authentication, Activity::Logon, "kms-app", "kms", (at, line.len()));
            e.status = if &m[3] == "success" { Status::Success } else { Status::Failure };
            (e.request_id, e.account, e.src_ip) = (some(&m[2]), some(&m[4]), some(&m[5]));
            e.time_precision_micros = 1000;
            out.push(e);
        } else if let Some(m) = request.captures(&line) {
            let mut e = start(stamp(&m[1]), Class::Http, Activity::Request, "kms-app", "kms", (at, line.len()));
            (e.request_id, e.account, e.session, e.src_ip) = (some(&m[2]), some(m[3].trim_matches('-')), some(m[4].trim_matches('-')), some(&m[5]));
            (e.method, e.url, e.status_code) = (some(&m[6]), some(&m[7]), m[8].parse().ok());
            e.time_precision_micros = 1000;
            out.push(e);
        }
    }
    out
}

fn json(path: &Path, source: &'static str) -> Vec<Owned> {
    let mut out = Vec::new();
    for (at, line) in lines(path) {
        let v: serde_json::Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| v[name].as_str().and_then(some);
        let web = source == "hrs-web";
        let time = if web { Instant((v["msec"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap()) * 1000) } else { stamp(v["ts"].as_str().unwrap()) };
        let mut e = start(time, Class::Http, Activity::Request, source, "hrs", (at, line.len()));
        e.time_precision_micros = 1000;
        (e.request_id, e.session, e.account, e.method) = (text("request_id"), text("session"), text("user"), text("method"));
        (e.src_ip, e.url) = if web { (text("remote_addr"), text("uri")) } else { (text("client"), text("path")) };
        (e.status_code, e.bytes) = (v["status"].as_i64().map(|s| s as i32), v["bytes"].as_i64());
        e.duration_micros = v["request_time"].as_f64().map(|s| (s * 1e6) as i64);
        let logon = match v["msg"].as_str() {
            Some("login succeeded") => Some(Status::Success),
            Some("login failed") => Some(Status::Failure),
            _ => None,
        };
        if let Some(status) = logon {
            (e.class, e.activity, e.status) = (Class::Authentication, Activity::Logon, status);
        }
        out.push(e);
    }
    out
}

fn database(path: &Path) -> Vec<Owned> {
    if path.extension().is_some_and(|e| e == "csv") {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path).unwrap();
        return reader
            .records()
            .filter_map(|r| {
                let r = r.unwrap();
                let at = r.position().unwrap().byte() as usize;
                postgres((at, 1), &|i| r.get(i).unwrap_or("").to_owned())
            })
            .collect();
    }
    let names = [
        "timestamp",
        "user",
        "dbname",
        "pid",
        "remote_host",
        "session_id",
        "line_num",
        "ps",
        "session_start",
        "vxid",
        "txid",
        "error_severity",
        "state_code",
        "message",
        "detail",
        "hint",
        "",
        "",
        "",
        "statement",
        "",
        "",
        "application_name",
    ];
    lines(path)
        .into_iter()
        .filter_map(|(at, line)| {
            let v: serde_json::Value = serde_json::from_str(&line).unwrap();
            postgres((at, line.len()), &|i| match &v[names[i]] {
                serde_json::Value::String(s) => s.clone(),
                serde_json::Value::Null => String::new(),
                other => other.to_string(),
            })
        })
        .collect()
}

fn postgres(at: (usize, usize), field: &dyn Fn(usize) -> String) -> Option<Owned> {
    let message = field(13);
    let mut e = start(stamp(&field(0)), Class::Datastore, Activity::Other, "db-log", "db", at);
    e.time_precision_micros = 1000;
    (e.account, e.database, e.session, e.transaction, e.application) = (some(&field(1)), some(&field(2)), some(&field(5)), some(&field(9)), some(&field(22)));
    e.src_ip = some(field(4).split(':').next().unwrap_or(""));
    e.sequence = field(6).parse().ok();
    if field(11) == "ERROR" {
        (e.activity, e.status, e.record_kind) = (
            Activity::Error,
            Status::Failure,
            Some(if matches!(field(7).as_str(), "PARSE" | "BIND") { RecordKind::ErrorUnrun } else { RecordKind::ErrorRunning }),
        );
        (e.error_code, e.statement) = (some(&field(12)), some(&field(19)));
    } else if message.starts_with("connection authorized") {
        e.activity = Activity::Connect;
        e.application = message.split("application_name=").nth(1).and_then(some);
    } else if message.starts_with("disconnection") {
        e.activity = Activity::Disconnect;
    } else if let Some(audit) = message.strip_prefix("AUDIT: SESSION,") {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(audit.as_bytes());
        let r = reader.records().next()?.unwrap();
        e.record_kind = Some(RecordKind::PgauditSession);
        e.statement_id = r[0].parse().ok();
        e.activity = if &r[2] == "READ" { Activity::Read } else { Activity::Write };
        e.statement = some(&r[6]);
        if &r[7] != "<none>" {
            e.parameters = Some(r[7].split(',').map(some).collect());
        }
        e.row_count = r[8].parse().ok();
    } else if let Some(text) = message.strip_prefix("statement: ") {
        e.record_kind = Some(RecordKind::Statement);
        e.statement = some(text);
        e.activity = if ["SELECT", "COPY", "FETCH", "DECLARE", "WITH"].iter().any(|w| text.starts_with(w)) { Activity::Read } else { Activity::Query };
    } else if message.starts_with("execute ") {
        e.record_kind = Some(RecordKind::Execute);
        e.statement = some(message.split_once(": ")?.1);
        e.activity = if message.contains("UPDATE") { Activity::Write } else { Activity::Read };
        let detail = field(14);
        let list = detail.strip_prefix("parameters: ").unwrap_or("");
        e.parameters = Some(list.split(", $").filter_map(|p| p.split_once(" = ")).map(|(_, v)| some(v.trim_matches('\''))).collect());
    }
    if let Some(text) = e.statement.take() {
        let (statement, comment) = text.split_once("/*request_id='").map_or((text.as_ref(), ""), |(s, c)| (s, c));
        e.request_id = some(comment.split('\'').next().unwrap_or(""));
        e.statement = some(statement.trim());
    }
    Some(e)
}
