//! Wrappers that are JSON: a text in a field, records in an array, one document over a whole file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Envelope, Inner, Whole};
use crate::stamp::{self, Zone};

/// An object that holds a line in one of its fields.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Fields that must be there, dots going into objects: its positive marks.
    marks: &'static [&'static str],
    /// The field with the line; one that is an object is a record in JSON of its own.
    text: &'static str,
    time: &'static [&'static str],
    host: &'static [&'static str],
    unit: &'static [&'static str],
    /// Whether a line without a line feed at its end goes on (Docker splits at 16 KiB).
    splits: bool,
}

const fn known(name: &'static str, marks: &'static [&'static str], text: &'static str, time: &'static [&'static str]) -> Known {
    Known { name, marks, text, time, host: HOSTS, unit: UNITS, splits: false }
}

const HOSTS: &[&str] = &[
    "host.name",
    "host.hostname",
    "kubernetes.pod_name",
    "kubernetes.pod.name",
    "agent.hostname",
    "_HOSTNAME",
    "hostname",
    "host",
    "logging_pod",
    "resource.labels.pod_name",
    "resource.labels.instance_id",
    "resource.labels.database_id",
    "LogicalServerName",
    "PodName",
    "Computer",
    "attributes.host",
    "result.host",
    "Host",
    "logStream",
    "@logStream",
];

const UNITS: &[&str] = &[
    "kubernetes.container_name",
    "kubernetes.container.name",
    "container_name",
    "container.name",
    "_SYSTEMD_UNIT",
    "service.name",
    "resource.labels.container_name",
    "ContainerName",
    "attributes.service",
    "logger",
];

/// Those that are known, the more particular first.
pub(super) const KNOWN: &[Known] = &[
    Known { name: "Docker json-file", marks: &["log", "stream", "time"], text: "log", time: &["time"], host: HOSTS, unit: UNITS, splits: true },
    known("CloudNativePG", &["logger", "record.log_time", "record.error_severity"], "record", &["record.log_time", "ts"]),
    known("Google Cloud", &["textPayload", "logName"], "textPayload", &["timestamp", "receiveTimestamp"]),
    known("Google Cloud", &["protoPayload.request.auditClass", "logName"], "protoPayload.request", &["timestamp", "receiveTimestamp"]),
    known("Google Cloud", &["jsonPayload", "logName"], "jsonPayload", &["timestamp", "receiveTimestamp"]),
    known("Azure", &["properties.message", "category"], "properties.message", &["properties.timestamp", "time"]),
    known("Azure", &["Message", "TimeGenerated"], "Message", &["TimeGenerated"]),
    known("CloudWatch", &["message", "timestamp", "ingestionTime"], "message", &["timestamp"]),
    known("CloudWatch", &["message", "timestamp", "id"], "message", &["timestamp"]),
    known("CloudWatch", &["@message", "@timestamp"], "@message", &["@timestamp"]),
    known("Azure", &["LogMessage", "TimeGenerated"], "LogMessage", &["TimeGenerated"]),
    known("Azure", &["LogEntry", "TimeGenerated"], "LogEntry", &["TimeGenerated"]),
    known("Datadog", &["attributes.message", "attributes.timestamp"], "attributes.message", &["attributes.timestamp"]),
    known("Datadog", &["Message", "Date", "Service"], "Message", &["Date"]),
    known("Splunk", &["result._raw"], "result._raw", &["result._time"]),
    known("Splunk", &["_raw"], "_raw", &["_time"]),
    known("Graylog", &["full_message", "host", "timestamp"], "full_message", &["timestamp"]),
    known("Graylog", &["short_message", "host", "timestamp"], "short_message", &["timestamp"]),
    known("an Elastic export", &["_source.message"], "_source.message", &["_source.@timestamp"]),
    known("an Elastic export", &["_source.event.original"], "_source.event.original", &["_source.@timestamp"]),
    known("an Elastic export", &["_source"], "_source", &[]),
    known("Filebeat", &["@timestamp", "event.original"], "event.original", &["@timestamp"]),
    known("Filebeat", &["@timestamp", "message"], "message", &["@timestamp"]),
    known("Vector", &["message", "timestamp", "source_type"], "message", &["timestamp"]),
    known("the journal", &["MESSAGE", "__REALTIME_TIMESTAMP"], "MESSAGE", &["__REALTIME_TIMESTAMP"]),
    known("Fluent Bit", &["log", "date"], "log", &["time", "date"]),
    known("Fluent Bit", &["log", "kubernetes"], "log", &["time", "@timestamp", "timestamp"]),
    known("Loki", &["line", "labels"], "line", &["timestamp", "ts"]),
    known("JSON", &["log"], "log", &["time", "timestamp", "@timestamp", "date"]),
    known("JSON", &["message", "timestamp"], "message", &["timestamp"]),
    known("JSON", &["message", "time"], "message", &["time"]),
    // Inside another wrapper, whose time it is.
    known("JSON", &["message"], "message", &[]),
];

/// Takes the line out of its field.
pub(super) fn field(known: &Known, text: &str, zone: &Zone) -> Option<Inner> {
    if !text.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    if !known.marks.iter().all(|mark| at(&value, mark).is_some_and(|v| !v.is_null())) {
        return None;
    }
    let line = match at(&value, known.text)? {
        Value::String(line) => line.clone(),
        entry @ Value::Object(_) if known.text == "protoPayload.request" => audit_entry(entry, at(&value, "timestamp")?)?,
        object @ Value::Object(_) => object.to_string(),
        _ => return None,
    };
    let word = |paths: &[&str]| paths.iter().find_map(|path| at(&value, path)?.as_str().filter(|word| !word.is_empty()).map(str::to_owned));
    let envelope = Envelope { time: time(known, &value, zone), host: word(known.host), unit: word(known.unit), pid: None };
    let stream = || at(&value, "stream").and_then(Value::as_str).unwrap_or_default().to_owned();
    let whole = match (known.splits, line.ends_with('\n')) {
        (false, _) => Whole::Yes,
        (true, true) => Whole::Ends(stream()),
        (true, false) => Whole::GoesOn(stream()),
    };
    Some(Inner { text: line, envelope, whole, range: None })
}

/// pgaudit's record as Cloud SQL and AlloyDB give it to Cloud Logging (`PgAuditEntry`), under the names of a jsonlog. A statement
/// in several chunks is left as it is, and so refused by the format: half of one could pass for a whole.
fn audit_entry(entry: &Value, timestamp: &Value) -> Option<String> {
    let text = |name: &str| match entry.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    if !matches!(text("chunkCount").as_str(), "" | "0" | "1") {
        return Some(entry.to_string());
    }
    let parameter = text("parameter");
    let withheld = parameter.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|word| matches!(*word, "not logged" | "none"));
    let line = serde_json::json!({
        "log_time": timestamp,
        "user_name": text("user"),
        "database_name": text("database"),
        "session_id": text("databaseSessionId"),
        "error_severity": "LOG",
        "audit": {
            "audit_type": text("auditType"),
            "statement_id": text("statementId"),
            "substatement_id": text("substatementId"),
            "class": text("auditClass"),
            "command": text("command"),
            "object_type": text("objectType"),
            "object_name": text("object"),
            "statement": text("statement"),
            "parameter": withheld.map_or(parameter.clone(), |word| format!("<{word}>")),
        },
    });
    Some(line.to_string())
}

fn time(known: &Known, value: &Value, zone: &Zone) -> Option<stamp::Stamp> {
    known.time.iter().find_map(|path| match at(value, path)? {
        Value::String(written) => stamp::parse(written, zone),
        Value::Number(count) => stamp::parse(&count.to_string(), zone),
        _ => None,
    })
}

/// The value at a path; a dot goes into an object, or stands in the name itself.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    at(value.get(first)?, rest)
}

/// Fields that hold the records of an envelope.
const ARRAYS: [&str; 10] = ["Records", "records", "value", "events", "Events", "logEvents", "entries", "logs", "results", "items"];

/// The records of one object that holds an array of them, each with its own place.
pub(super) fn array(text: &str) -> Vec<Inner> {
    if !text.starts_with('{') {
        return Vec::new();
    }
    let Ok(object) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(text) else { return Vec::new() };
    let Some(list) = ARRAYS.iter().find_map(|name| object.get(*name)) else { return Vec::new() };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else { return Vec::new() };
    if !items.iter().all(|item| item.get().starts_with('{')) {
        return Vec::new();
    }
    let place = |item: &RawValue| {
        let from = (item.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        Some((from, from + item.get().len())).filter(|(_, to)| *to <= text.len())
    };
    items.iter().map(|item| Inner { text: item.get().to_owned(), range: place(item), ..Inner::default() }).collect()
}

/// Where the records begin, if a file is one JSON document over many lines, or an envelope around an array.
pub(super) fn document(head: &[u8]) -> Option<usize> {
    let blank = head.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, 0xef | 0xbb | 0xbf)).count();
    let body = &head[blank..];
    match body.first()? {
        b'[' => body[1..].trim_ascii_start().starts_with(b"{").then_some(blank),
        b'{' => {
            let mut lines = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
            let (first, second) = (lines.next()?, lines.next());
            let is_object = serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
            if is_object && second.is_some() {
                return None; // one object a line
            }
            match array_within(body) {
                Some(at) => Some(blank + at),
                // An object over several lines.
                None => (!is_object && second.is_some_and(|line| line.starts_with(b"\"") || line == b"}")).then_some(blank),
            }
        }
        _ => None,
    }
}

/// Where the array of an envelope begins, if its first object holds one under a known name.
fn array_within(body: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped, mut name_from) = (0_u32, false, false, 0);
    let mut name: &[u8] = b"";
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                if quoted { name_from = at + 1 } else { name = &body[name_from..at] }
            }
            b'[' if !quoted => {
                let is_known = depth == 1 && ARRAYS.iter().any(|known| known.as_bytes() == name) || depth == 2 && name == b"hits";
                if is_known && body[at + 1..].trim_ascii_start().starts_with(b"{") {
                    return Some(at + 1);
                }
                depth += 1;
            }
            b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return None;
                }
            }
            _ => {}
        }
    }
    None
}
