//! Windows event logs against another reader, the crate `evtx`: the same records, the same values under the same names.

#![allow(clippy::print_stdout, reason = "a test that skips says so")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use strandline_drill::{Plan, Scenario, generate};
use strandline_event::evtx::{Damage, Visit, read_records};
use strandline_model::event::Class;
use strandline_model::evidence::ArtefactId;
use strandline_model::record::{FieldList, FieldValue, LogRecord};

fn shared(folder: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let found = shared.join(folder);
    if !found.is_dir() {
        println!("skipped: {folder} is not here");
    }
    Some(found).filter(|found| found.is_dir())
}

/// All logs below a folder, in a stable order.
fn logs(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            logs(&path, into);
        } else if path.extension().is_some_and(|e| e == "evtx") {
            into.push(path);
        }
    }
}

/// Fields of a record as text, by name; a name that stands several times has several values.
type Shown = BTreeMap<String, Vec<String>>;

#[derive(Default)]
struct Ours {
    records: Vec<(u64, Shown)>,
    carved: usize,
    damages: Vec<Damage>,
}

impl Visit for Ours {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        if record.is_carved() {
            self.carved += 1;
            return ControlFlow::Continue(());
        }
        let mut fields = FieldList::new();
        record.fields(&mut fields);
        let mut shown = Shown::new();
        for (name, value) in &fields {
            let text = match value {
                FieldValue::Null => String::new(),
                FieldValue::Text(text) => text.to_string(),
                FieldValue::Whole(value) => value.to_string(),
                FieldValue::Number(value) => value.to_string(),
                FieldValue::Bool(value) => value.to_string(),
            };
            shown.entry(name.to_string()).or_default().push(text);
        }
        self.records.push((record.record_id().unwrap_or(0), shown));
        ControlFlow::Continue(())
    }

    fn damage(&mut self, damage: Damage) {
        self.damages.push(damage);
    }
}

/// What the other reader says, flattened by the rules that are written down in `docs/formats/evtx.md`.
fn reference(path: &Path) -> Vec<Option<(u64, Shown)>> {
    let settings = evtx::ParserSettings::new().num_threads(1).separate_json_attributes(true);
    let mut parser = evtx::EvtxParser::from_path(path).expect("a log").with_configuration(settings);
    let read = |record: Result<evtx::SerializedEvtxRecord<Value>, _>| {
        let record = record.ok()?;
        let mut shown = Shown::new();
        let event = record.data.get("Event")?;
        flatten("Event", event, &mut shown);
        Some((shown.get("EventRecordID")?.first()?.parse().ok()?, shown))
    };
    parser.records_json_value().map(read).collect()
}

fn flatten(name: &str, value: &Value, into: &mut Shown) {
    let mut put = |name: &str, text: String| into.entry(name.split_whitespace().collect()).or_default().push(text);
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match key.strip_suffix("_attributes") {
                    Some(element) => {
                        for (attribute, value) in value.as_object().into_iter().flatten() {
                            flatten(&format!("{element}_{attribute}"), value, into);
                        }
                    }
                    None => flatten(key, value, into),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| flatten(name, value, into)),
        Value::Null => put(name, String::new()),
        Value::String(text) => put(name, text.clone()),
        other => put(name, other.to_string()),
    }
}

/// What may differ: a number behind a repeated name, braces around a GUID, digits below a microsecond, empty values.
fn comparable(shown: &Shown) -> Shown {
    let mut same = Shown::new();
    for (name, values) in shown.iter().filter(|(name, _)| !name.contains("xmlns")) {
        let name =
            if name == "#text" { "Data".to_owned() } else { name.split('_').filter(|p| !p.bytes().all(|b| b.is_ascii_digit())).collect::<Vec<_>>().join("_") };
        same.entry(name).or_default().extend(values.iter().map(|value| plain(value)).filter(|value| !value.is_empty()));
    }
    same.retain(|_, values| !values.is_empty());
    same.values_mut().for_each(|values| values.sort());
    same
}

fn plain(value: &str) -> String {
    let value = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')).filter(|v| v.len() == 36).unwrap_or(value);
    match value.strip_suffix('Z').and_then(|v| v.split_once('.')) {
        Some((second, fraction)) if second.len() == 19 => format!("{second}.{}", fraction[..fraction.len().min(6)].trim_end_matches('0')),
        _ => value.to_owned(),
    }
}

/// Compares every record of every log below a folder of what is shared; how many there were.
#[track_caller]
fn check(folder: &str, fewest_records: usize) {
    let Some(folder) = shared(folder) else { return };
    let damages = compare(&folder, fewest_records);
    println!("{damages} damages");
}

/// Compares every record of every log below a folder; how many damages our reader told of.
#[track_caller]
fn compare(folder: &Path, fewest_records: usize) -> usize {
    let mut paths = Vec::new();
    logs(folder, &mut paths);
    let (mut compared, mut damages) = (0, 0);
    for path in paths {
        let bytes = std::fs::read(&path).expect("a log");
        let mut ours = Ours::default();
        read_records(&mut &bytes[..], &ArtefactId("x".into()), &mut ours).expect("memory does not fail");
        damages += ours.damages.len();
        let theirs = reference(&path);
        assert_eq!(ours.records.len(), theirs.len(), "{}", path.display());
        for ((id, our), their) in ours.records.iter().zip(theirs) {
            let Some((their_id, their)) = their else { continue };
            let (mut our, their) = (comparable(our), comparable(&their));
            // A JSON object keeps the last of several fields of one name; ours are all there.
            for (name, values) in &mut our {
                values.retain(|value| their.get(name).is_none_or(|known| known.contains(value)));
                values.dedup();
            }
            let their: Shown = their.into_iter().map(|(name, values)| (name, values.into_iter().collect::<BTreeSet<_>>().into_iter().collect())).collect();
            assert_eq!((*id, our), (their_id, their), "{}", path.display());
            compared += 1;
        }
    }
    println!("{compared} records compared");
    assert!(compared >= fewest_records);
    damages
}

/// Every record of every log below a folder becomes an event; how many there are of each class.
#[track_caller]
fn check_events(folder: &str, fewest: &[(Class, usize)]) {
    let Some(folder) = shared(folder) else { return };
    let mut paths = Vec::new();
    logs(&folder, &mut paths);
    let mut counts = BTreeMap::<Class, usize>::new();
    for path in paths {
        let bytes = std::fs::read(&path).expect("a log");
        let (summary, kept) = common::read(&common::source("format = \"evtx\""), &bytes).expect("a source that can be read");
        assert_eq!(summary.records_refused, 0, "{}", path.display());
        let events = kept.events();
        assert_eq!(events.len() as u64, summary.records_read);
        for event in events {
            *counts.entry(event.class).or_default() += 1;
            let carved = event.labels.as_deref().is_some_and(|labels| labels.contains("\"carved\":\"true\""));
            assert_eq!(event.sequence.is_none(), carved || event.channel.is_none(), "{}", path.display());
        }
    }
    for (class, count) in fewest {
        assert!(counts.get(class) >= Some(count), "{class:?}: {counts:?}");
    }
}

#[test]
fn every_record_of_the_collected_channels_becomes_an_event() {
    let fewest = [(Class::Authentication, 5000), (Class::Process, 2000), (Class::FileSystem, 3000), (Class::EventLog, 60), (Class::AccountChange, 100)];
    check_events("evtx/by-channel", &fewest);
    check_events("sigma/regression_data", &[(Class::Process, 50)]);
}

#[test]
fn the_drills_logs_read_the_same_and_without_a_damage() {
    for gap in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = Plan { people: 200, days: 3, gap, ..Plan::new(Scenario::FileShare, 4) };
        let department = generate(&plan, folder.path(), &mut |_| {}).expect("a department");
        assert_eq!(compare(&department.evidence, 5_000), 0);
        let mut paths = Vec::new();
        logs(&department.evidence, &mut paths);
        for path in paths {
            let bytes = std::fs::read(&path).expect("a log");
            let (summary, kept) = common::read(&common::source("format = \"evtx\""), &bytes).expect("a source that can be read");
            assert_eq!((summary.records_refused, kept.events().len() as u64), (0, summary.records_read), "{}", path.display());
            let known = |class: Class| matches!(class, Class::Authentication | Class::FileSystem | Class::Process | Class::EventLog);
            assert!(kept.events().iter().all(|event| known(event.class) && event.host.is_some() && event.sequence.is_some()));
        }
    }
}

#[test]
fn the_collected_channels_read_the_same() {
    check("evtx/by-channel", 36_000);
}

#[test]
fn the_rules_regression_logs_read_the_same() {
    check("sigma/regression_data", 100);
}
