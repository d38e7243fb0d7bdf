//! Our own rules: each is loaded without a complaint and tried on raw log lines that we wrote, which the real parsers read.
//!
//! `rules/THEME/NAME.yml` is a rule, `rules/tests/THEME__NAME.yml` what must and what must not set it off. Windows records
//! stand there as JSON, since their genuine form is binary.
#![allow(clippy::expect_used, reason = "a test may fail")]

#[path = "support/logs.rs"]
mod logs;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strandline_detection::sigma::{EventView, LoadReport, Matcher, RuleSet, Seen, Unreachable};
use strandline_model::estate::LogSource;
use strandline_model::record::LogRecord;

/// What is tried on one rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTest {
    /// `THEME/NAME`.
    rule: String,
    positive: Vec<Case>,
    negative: Vec<Case>,
}

/// Logs that are read together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    /// How often the rule must fire, where not once or more.
    fires: Option<usize>,
    logs: Vec<Log>,
}

/// Lines of one log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    /// A format of the estate file; `app`, a web application's log in JSON; or `windows`.
    format: String,
    /// Writes the lines so often: `{n}` counts from 1, `{mmss}` counts the seconds.
    repeat: Option<u32>,
    lines: String,
}

/// The log of a web application: requests, and what became of sign-ins.
const APP: &str = r#"
format = "json"
fields = { time = "time", request_id = "request_id", session = "session", account = "user", src_ip = "ip", method = "method", url = "url", status_code = "status", bytes = "bytes", user_agent = "agent", message = "event" }
classify = [
  { field = "event", equals = "sign_in_ok", class = "authentication", activity = "logon", status = "success" },
  { field = "event", equals = "sign_in_failed", class = "authentication", activity = "logon", status = "failure" },
]
"#;

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules")).to_owned()
}

/// Every theme's folder.
fn themes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder of rules");
    let mut themes: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir() && !path.ends_with("tests")).collect();
    themes.sort();
    themes
}

fn load() -> (RuleSet, LoadReport) {
    RuleSet::load(support::rule_files(&themes()))
}

/// `THEME/NAME` of a rule's file.
fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).expect("a rule stands in a theme");
    format!("{}/{}", folder.display(), path.file_stem().expect("a file has a name").display())
}

fn tests() -> BTreeMap<String, RuleTest> {
    let files = support::files(&folder().join("tests"), "yml");
    let read = |path: &PathBuf| -> RuleTest {
        let text = std::fs::read_to_string(path).expect("readable");
        yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.iter().map(|path| (path.file_stem().expect("a name").display().to_string().replacen("__", "/", 1), read(path))).collect()
}

fn source(format: &str) -> LogSource {
    let description = if format == "app" { APP.to_owned() } else { format!("format = {format:?}") };
    toml::from_str(&format!("id = {format:?}\nsystem = \"clinic\"\npath = [\"*\"]\n{description}")).expect("a source")
}

fn written(log: &Log) -> String {
    let times = log.repeat.unwrap_or(1);
    let line = |n: u32| log.lines.replace("{n}", &n.to_string()).replace("{mmss}", &format!("{:02}:{:02}", n / 60 % 60, n % 60));
    (1..=times).map(line).collect()
}

/// Tries a case on all rules: how often `rule` fired, and what the matcher saw.
fn fires(set: &RuleSet, rule: &str, case: &Case) -> (usize, Seen) {
    let mut matcher = Matcher::new(set);
    let mut count = 0;
    let is_meant = |path: &str| name_of(Path::new(path)) == rule;
    for (at, log) in case.logs.iter().enumerate() {
        let text = written(log);
        let mut events = 0;
        let mut look = |record: &dyn LogRecord| {
            events += 1;
            matcher.look(record, &mut |found| count += usize::from(is_meant(&found.rule.path)));
        };
        if log.format == "windows" {
            for (number, line) in (0..).zip(text.lines()) {
                let json = serde_json::from_str(line).expect("a record in JSON");
                look(&support::Record { number, artefact: at.to_string(), ..support::from_json(&json) });
            }
        } else {
            let source = source(&log.format);
            let summary = logs::read(&source, &at.to_string(), &mut text.as_bytes(), &mut |event| look(&EventView::new(event, &source.format)));
            let summary = summary.expect("a source that can be read");
            assert_eq!(summary.records_refused, 0, "{rule}, {}: {:?}", case.what, summary.first_refusal.map(|warning| (warning.line, warning.reason)));
        }
        assert!(events > 0, "{rule}, {}: the lines hold no event", case.what);
    }
    let (seen, hits) = matcher.finish();
    let found = set.correlate(hits).expect("in memory");
    count += found.matches.iter().filter(|found| is_meant(&set.rule(found.rule).path)).count();
    (count, seen)
}

/// Whether a rule was tried at all: silence about evidence of another kind would prove nothing.
fn was_tried(set: &RuleSet, rule: &str, seen: &Seen) -> bool {
    let of_file = |path: &str| name_of(Path::new(path)) == rule;
    let unreached = set.unreachable(seen);
    let is_out = |title: &str| {
        unreached.iter().any(|(number, why)| {
            let rule = set.rule(*number);
            of_file(&rule.path) && rule.title == title && matches!(why, Unreachable::ChannelsNotSeen(_) | Unreachable::UnknownLogSource(_))
        })
    };
    set.rules().iter().any(|rule| of_file(&rule.path) && rule.logsource.is_some() && !is_out(&rule.title))
}

#[test]
fn every_rule_is_loaded_without_a_complaint() {
    let (set, report) = load();
    assert!(report.refused.is_empty(), "{:#?}", report.refused);
    assert!(report.remarks.is_empty(), "{:#?}", report.remarks);
    assert_eq!(set.without_evidence().map(|rule| rule.path.as_str()).collect::<Vec<_>>(), [""; 0]);
    assert!(report.correlations > 20 && report.rules > 60, "{} rules, {} correlations", report.rules, report.correlations);
}

#[test]
fn every_file_holds_one_rule_that_fires_and_says_what_it_is() {
    let (set, _) = load();
    let mut firing: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in set.rules() {
        *firing.entry(rule.path.as_str()).or_default() += usize::from(!rule.is_quiet);
    }
    assert_eq!(firing.iter().filter(|(_, count)| **count != 1).collect::<Vec<_>>(), []);
    for (path, _) in firing {
        let text = std::fs::read_to_string(path).expect("readable");
        let documents: Vec<serde_json::Value> =
            text.split("\n---\n").map(|document| yaml_serde::from_str(document).unwrap_or_else(|error| panic!("{path}: {error}"))).collect();
        let last = documents.last().expect("a file holds a document");
        for key in ["title", "id", "status", "description", "author", "date", "tags", "falsepositives", "level"] {
            assert!(!last[key].is_null(), "{path} does not say its {key}");
        }
        let sentences = last["description"].as_str().unwrap_or_default().trim().matches(['.', '?']).count();
        assert!(sentences >= 2, "{path}: a description says what it means and what to do next");
        assert!(last["tags"].as_array().into_iter().flatten().any(|tag| tag.as_str().is_some_and(|tag| tag.starts_with("attack.t"))), "{path}");
    }
}

#[test]
fn every_rule_has_its_tests_and_every_test_its_rule() {
    let rules: BTreeSet<String> = support::rule_files(&themes()).iter().map(|(path, _)| name_of(Path::new(path))).collect();
    let tests = tests();
    let tested: BTreeSet<String> = tests.keys().cloned().collect();
    assert_eq!(rules.symmetric_difference(&tested).collect::<Vec<_>>(), [""; 0]);
    for (name, test) in &tests {
        assert_eq!(&test.rule, name);
        assert!(!test.positive.is_empty() && !test.negative.is_empty(), "{name} needs a positive and a negative test");
    }
}

#[test]
fn every_rule_fires_where_it_must_and_nowhere_else() {
    let (set, _) = load();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for (rule, test) in tests() {
        for (case, must_fire) in test.positive.iter().map(|case| (case, true)).chain(test.negative.iter().map(|case| (case, false))) {
            cases += 1;
            let (count, seen) = fires(&set, &rule, case);
            if !was_tried(&set, &rule, &seen) {
                wrong.push(format!("{rule}: {}: no event is of the rule's log source", case.what));
            }
            let is_right = if must_fire { count > 0 && case.fires.is_none_or(|expected| expected == count) } else { count == 0 };
            if !is_right {
                wrong.push(format!("{rule}: {}: fired {count} times", case.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
