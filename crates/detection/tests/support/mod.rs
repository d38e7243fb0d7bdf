//! Windows records for tests and measurements, read by the `evtx` crate and not by our own reader, and rule files from
//! a folder.
#![allow(dead_code, clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use strandline_detection::sigma::RuleFile;
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

/// The folder of shared test data; `None`, said aloud, where it is absent.
pub fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {part} is not among the shared data");
    None
}

/// All files under a folder with this ending, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    all_files(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

/// All files under a folder, sorted.
pub fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Rule files under folders.
pub fn rule_files(folders: &[PathBuf]) -> Vec<(String, RuleFile)> {
    let paths = folders.iter().flat_map(|folder| files(folder, "yml"));
    paths.map(|path| (path.display().to_string(), RuleFile::Read(std::fs::read(&path).unwrap()))).collect()
}

/// A record that holds its fields.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub number: u64,
    pub artefact: String,
    pub time: Option<Instant>,
    pub channel: Option<String>,
    pub provider: Option<String>,
    pub event_id: Option<u32>,
    pub host: Option<String>,
    pub fields: Vec<(String, FieldValue<'static>)>,
}

impl LogRecord for Record {
    fn place(&self) -> EventRef {
        EventRef { artefact: ArtefactId(self.artefact.clone()), offset: self.number, length: 1 }
    }
    fn time(&self) -> Option<Instant> {
        self.time
    }
    fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }
    fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }
    fn event_id(&self) -> Option<u32> {
        self.event_id
    }
    fn record_id(&self) -> Option<u64> {
        Some(self.number)
    }
    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
    fn fields<'a>(&'a self, into: &mut FieldList<'a>) {
        into.extend(self.fields.iter().map(|(name, value)| {
            let value = match value {
                FieldValue::Text(text) => FieldValue::Text(Cow::Borrowed(text.as_ref())),
                other => other.clone(),
            };
            (Cow::Borrowed(name.as_str()), value)
        }));
    }
}

/// All records of an EVTX file that the `evtx` crate can read.
pub fn records(path: &Path) -> Vec<Record> {
    let Ok(mut parser) = evtx::EvtxParser::from_path(path) else { return Vec::new() };
    let artefact = path.file_name().unwrap().to_string_lossy().into_owned();
    let read = parser.records_json_value().filter_map(Result::ok);
    read.map(|record| Record { number: record.event_record_id, artefact: artefact.clone(), ..from_json(&record.data) }).collect()
}

/// A record from the JSON that `evtx` and SigmaHQ's expected events have in common.
pub fn from_json(event: &Value) -> Record {
    let event = event.get("Event").unwrap_or(event);
    let mut record = Record::default();
    if let Some(system) = event.get("System").and_then(Value::as_object) {
        for (name, value) in system {
            element(name, value, &mut record.fields);
        }
    }
    if let Some(Value::Object(data)) = event.get("EventData") {
        flatten(data, "", &mut record.fields);
    }
    if let Some(Value::Object(data)) = event.get("UserData") {
        for inner in data.values() {
            if let Value::Object(inner) = inner {
                flatten(inner, "", &mut record.fields);
            }
        }
    }
    let text = |name: &str| record.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let string = |name: &str| match text(name) {
        Some(FieldValue::Text(text)) => Some(text.into_owned()),
        _ => None,
    };
    record.channel = string("Channel");
    record.provider = string("Provider_Name");
    record.host = string("Computer");
    record.event_id = match text("EventID") {
        Some(FieldValue::Whole(id)) => u32::try_from(id).ok(),
        Some(FieldValue::Text(id)) => id.parse().ok(),
        _ => None,
    };
    record.time = string("TimeCreated_SystemTime").and_then(|time| time.parse::<jiff::Timestamp>().ok()).map(|time| Instant(time.as_microsecond()));
    record
}

/// An element of the header: its text, and its attributes as `Name_Attribute`.
fn element(name: &str, value: &Value, into: &mut Vec<(String, FieldValue<'static>)>) {
    let Value::Object(map) = value else {
        into.push((name.to_owned(), scalar(value)));
        return;
    };
    if let Some(Value::Object(attributes)) = map.get("#attributes") {
        for (attribute, value) in attributes {
            into.push((format!("{name}_{attribute}"), scalar(value)));
        }
    }
    if let Some(text) = map.get("#text") {
        into.push((name.to_owned(), scalar(text)));
    }
}

fn flatten(map: &Map<String, Value>, prefix: &str, into: &mut Vec<(String, FieldValue<'static>)>) {
    for (name, value) in map.iter().filter(|(name, _)| *name != "#attributes") {
        let name = if name == "#text" { prefix.trim_end_matches('.').to_owned() } else { format!("{prefix}{}", name.replace(' ', "")) };
        match value {
            Value::Object(inner) => flatten(inner, &format!("{name}."), into),
            Value::Array(list) => into.extend(list.iter().map(|one| (name.clone(), scalar(one)))),
            other => into.push((name, scalar(other))),
        }
    }
}

fn scalar(value: &Value) -> FieldValue<'static> {
    match value {
        Value::Null => FieldValue::Null,
        Value::Bool(value) => FieldValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => FieldValue::Whole(whole.into()),
            (_, Some(whole)) => FieldValue::Whole(whole.into()),
            _ => FieldValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => FieldValue::Text(Cow::Owned(text.clone())),
        nested => FieldValue::Text(Cow::Owned(nested.to_string())),
    }
}

/// CPU seconds of this process so far, user and system.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Peak resident memory of this process so far, megabytes.
pub fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
