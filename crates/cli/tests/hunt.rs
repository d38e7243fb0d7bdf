//! Sigma rules through the binary: over files without a case, and over a case; on honest evidence and on broken.
#![allow(clippy::print_stdout, reason = "a test that skips says so")]

#[path = "../../event/tests/common/evtx.rs"]
mod evtx;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use evtx::{Chunk, Node, data, element, event, file, text, u16_value, values};
use serde_json::Value;
use tempfile::TempDir;

/// Failed sign-ins, a correlation over them, a remote sign-in, and an injection.
const RULES: [(&str, &str); 4] = [
    (
        "failed.yml",
        "title: Failed sign-in\nid: 00000000-0000-4000-8000-000000000001\nname: failed\nlevel: low\ntags: [attack.t1110]\nlogsource: {product: windows, service: security}\ndetection:\n  one: {EventID: 4625}\n  condition: one\n",
    ),
    (
        "guessing.yml",
        "title: Many failed sign-ins\nid: 00000000-0000-4000-8000-000000000002\nlevel: medium\ntags: [attack.t1110.001]\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [TargetUserName]\n  timespan: 1m\n  generate: true\n  condition: {gte: 5}\n",
    ),
    (
        "remote.yml",
        "title: Remote sign-in from outside\nid: 00000000-0000-4000-8000-000000000003\nlevel: high\ntags: [attack.t1021.001]\nlogsource: {product: windows, service: security}\ndetection:\n  one: {EventID: 4624, LogonType: 10}\n  inside: {IpAddress|cidr: 10.0.0.0/8}\n  condition: one and not inside\n",
    ),
    (
        "injection.yml",
        "title: A query with a union\nid: 00000000-0000-4000-8000-000000000004\nlevel: high\ntags: [attack.t1190]\nlogsource: {category: webserver}\ndetection:\n  one: {cs-uri-query|contains: union}\n  condition: one\n",
    ),
];

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A record of the security log: id, event id, account, address, logon type.
type Sign<'s> = (u64, u16, &'s str, &'s str, u16);

fn chunk(records: &[Sign<'_>]) -> Vec<u8> {
    let content = element("EventData", vec![data("TargetUserName", 6), data("IpAddress", 7), data("LogonType", 8)]);
    let root: Node = event(vec![content]);
    let mut chunk = Chunk::new();
    for (id, event_id, account, address, kind) in records {
        let more = vec![text(account), text(address), u16_value(*kind)];
        chunk.record(*id, 1, &root, &values("Microsoft-Windows-Security-Auditing", *event_id, *id, "Security", more));
    }
    chunk.finish()
}

/// A guess at ann's password from outside that works in the end, and bob at work.
fn log() -> Vec<u8> {
    let guesses = |from: u64| (from..from + 3).map(|id| (id, 4625, "ann", "203.0.113.7", 3)).collect::<Vec<Sign<'_>>>();
    let first = chunk(&[guesses(1), vec![(4, 4624, "bob", "10.0.0.5", 10)]].concat());
    let second = chunk(&[guesses(5), vec![(8, 4624, "ann", "203.0.113.7", 10), (9, 5059, "", "", 0)]].concat());
    // The later chunk first: evidence need not lie in order.
    file(&[second, first])
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: TempDir::new().expect("a temporary folder") };
        RULES.iter().for_each(|(name, text)| place.put(&format!("rules/{name}"), text.as_bytes()));
        place.put("logs/Security.evtx", &log());
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    fn hunt(&self, more: &[&str]) -> Output {
        let (logs, rules) = (self.at("logs"), self.at("rules"));
        let mut arguments = vec!["hunt", path(&logs), "--rules", path(&rules)];
        arguments.extend(more);
        strandline(&arguments)
    }

    /// Titles of the hits, in their order.
    fn titles(&self, more: &[&str]) -> Vec<String> {
        let output = self.hunt(&[&["--output", "jsonl"], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        lines(&output).iter().map(|hit| hit["title"].as_str().expect("a title").to_owned()).collect()
    }

    fn summary(&self, more: &[&str]) -> Value {
        let output = self.hunt(&[&["--json"], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("the summary is JSON")
    }
}

fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn count(titles: &[String], title: &str) -> usize {
    titles.iter().filter(|one| *one == title).count()
}

#[test]
fn each_format_has_every_hit_in_order_of_time() {
    let place = Place::new();
    let hits = lines(&place.hunt(&["--output", "jsonl"]));
    assert_eq!(hits.len(), 8, "six guesses, one correlation, one sign-in");
    let times: Vec<&str> = hits.iter().map(|hit| hit["time"].as_str().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let remote = hits.iter().find(|hit| hit["level"] == "high").expect("the remote sign-in");
    assert_eq!((&remote["account"], &remote["address"], &remote["host"]), (&"ann".into(), &"203.0.113.7".into(), &"pc1.example.org".into()));
    assert_eq!((&remote["fields"]["LogonType"][0], &remote["record_id"], &remote["channel"]), (&"10".into(), &8.into(), &"Security".into()));
    let guessing = hits.iter().find(|hit| hit["title"] == "Many failed sign-ins").expect("the correlation");
    assert_eq!((&guessing["events"], &guessing["fields"]["TargetUserName"][0]), (&6.into(), &"ann".into()));

    let sketch = lines(&place.hunt(&["--output", "timesketch"]));
    assert_eq!(sketch.len(), 8);
    for hit in &sketch {
        assert!(hit["message"].is_string() && hit["timestamp_desc"].is_string(), "{hit}");
        let datetime = hit["datetime"].as_str().expect("a time");
        assert!(datetime.parse::<jiff::Timestamp>().is_ok(), "{datetime}");
    }
    let output = place.hunt(&["--output", "csv"]);
    let table = out(&output);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("a table");
    assert_eq!((rows.len(), &rows[0][2]), (8, "Failed sign-in"));
    assert!(said(&output).contains("Looked at  9 records of 1 files"), "{}", said(&output));

    let table = out(&place.hunt(&[]));
    assert!(table.contains("2026-11-23 20:43:05 high Remote sign-in from outside"), "{table}");
    assert!(table.contains("1  rules could not match") && table.contains("1 × no event of @web"), "{table}");
}

#[test]
fn hits_go_into_a_file_and_the_summary_stays_on_the_screen() {
    let place = Place::new();
    let hits = place.at("hits.csv");
    let output = place.hunt(&["--output", "csv", "--into", path(&hits)]);
    assert!(out(&output).contains("Hits       8 of 3 rules"), "{}", out(&output));
    assert!(out(&output).lines().all(|line| line.chars().count() <= 80), "{}", out(&output));
    assert_eq!(fs::read_to_string(&hits).expect("the file").lines().count(), 9);
    let output = place.hunt(&["--into", path(&place.at("nowhere/hits"))]);
    assert!(!output.status.success() && said(&output).contains("--into names a file"), "{}", said(&output));
    let summary = place.summary(&[]);
    assert_eq!((&summary["hits"], &summary["records"], &summary["rules_tried"]), (&8.into(), &9.into(), &4.into()));
    assert_eq!(summary["rules_unmatched"][0]["reason"], "no event of @web");
    assert_eq!(summary["accounts"]["top"][0], serde_json::json!(["ann", 7]));
}

#[test]
fn choices_narrow_what_is_tried() {
    let place = Place::new();
    assert_eq!(place.titles(&["--level", "high"]), ["Remote sign-in from outside"]);
    assert_eq!(place.titles(&["--technique", "t1021"]), ["Remote sign-in from outside"]);
    assert_eq!(place.titles(&["--technique", "T1110.001"]), ["Many failed sign-ins"], "the rule that it builds on is tried, and fires none");
    assert_eq!(count(&place.titles(&["--rule", "failed SIGN-IN"]), "Failed sign-in"), 6);
    assert_eq!(place.titles(&["--rule", "00000000-0000-4000-8000-000000000003"]).len(), 1);
    assert_eq!(count(&place.titles(&["--to", "2026-11-23T20:43:00Z"]), "Failed sign-in"), 3);
    assert_eq!(count(&place.titles(&["--to", "2026-11-23T20:43:00Z"]), "Many failed sign-ins"), 0);
    let summary = place.summary(&["--from", "2026-11-23T20:43:01Z"]);
    assert_eq!((&summary["records_outside"], &summary["hits"]), (&3.into(), &4.into()));
    for (arguments, word) in [
        (&["--technique", "phishing"][..], "no ATT&CK technique"),
        (&["--rule", "no such"], "none of 4 rules"),
        (&["--from", "2026-11-24", "--to", "2026-11-23"], "is after"),
        (&["--level", "severe"], "severe"),
    ] {
        let output = place.hunt(arguments);
        assert!(!output.status.success() && said(&output).contains(word), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let place = Place::new();
    let records: Vec<Sign<'_>> = (0..60).map(|n| (n + 1, 4625, if n % 3 == 0 { "ann" } else { "bob" }, "203.0.113.7", 3)).collect();
    let chunks: Vec<Vec<u8>> = (0..40).map(|_| chunk(&records)).collect();
    place.put("logs/many.evtx", &file(&chunks));
    place.put("logs/web/access.log", WEB.repeat(500).as_bytes());
    let run = |threads: &str| {
        let output = place.hunt(&["--output", "jsonl", "--threads", threads]);
        assert!(output.status.success(), "{}", said(&output));
        (output.stdout, place.summary(&["--threads", threads]))
    };
    let (one, of_one) = run("1");
    assert!(one.len() > 100_000);
    for threads in ["2", "7"] {
        let (many, of_many) = run(threads);
        assert!(one == many, "{threads} threads give other hits");
        assert_eq!(of_one, of_many, "{threads} threads give another summary");
    }
}

const WEB: &str = "10.0.0.1 - - [23/Nov/2026:20:42:55 +0000] \"GET /a?id=1+union+select+2 HTTP/1.1\" 200 10 \"-\" \"curl\"\n10.0.0.2 - - [23/Nov/2026:20:42:56 +0000] \"GET /b HTTP/1.1\" 200 10 \"-\" \"curl\"\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn packed_files_and_other_formats_are_read_and_the_rest_is_named() {
    let place = Place::new();
    place.put("logs/Security.evtx.gz", &gzip(&log()));
    place.put("logs/cut.evtx.gz", &gzip(&log())[..400]);
    place.put("logs/web/access.log", WEB.as_bytes());
    place.put("logs/app.jsonl", b"{\"time\":\"2026-11-23T20:42:55Z\",\"method\":\"GET\",\"url\":\"/x?q=union\",\"status\":200}\n");
    place.put("logs/own.log", &b"23.11.2026 20:42 somebody came in by the door\n".repeat(9));
    place.put("logs/picture", &[0, 1, 2, 3, 0, 0, 7]);
    place.put("logs/nothing", b"");
    let titles = place.titles(&[]);
    assert_eq!((count(&titles, "Failed sign-in"), count(&titles, "A query with a union")), (12, 2), "{titles:?}");
    let summary = place.summary(&[]);
    let formats: Vec<&str> = summary["files"].as_array().expect("files").iter().filter_map(|file| file["format"].as_str()).collect();
    assert!(["evtx", "nginx", "json"].iter().all(|format| formats.contains(format)), "{formats:?}");
    let not: Vec<String> = summary["not_scanned"].as_array().expect("a list").iter().map(|one| format!("{} {}", one["path"], one["reason"])).collect();
    for (name, word) in [("own.log", "estate"), ("picture", "binary"), ("nothing", "empty"), ("cut.evtx.gz", "truncated")] {
        assert!(not.iter().any(|line| line.contains(name) && line.contains(word)), "{name}: {not:#?}");
    }
}

#[test]
fn damaged_logs_are_read_as_far_as_they_go() {
    let place = Place::new();
    let whole = log();
    let body = &whole[4096..];
    place.put("logs/zeros.evtx", &vec![0; 200_000]);
    place.put("logs/magic.evtx", &[&b"ElfFile\0"[..], &vec![0; 70_000]].concat());
    place.put("logs/repeated.evtx", &[&whole[..4096], body, body, body].concat());
    place.put("logs/headless.evtx", body);
    for cut in (0..4096).step_by(97).chain(4000..4200).chain(whole.len() - 40..whole.len()) {
        place.put(&format!("logs/cut/{cut}.evtx"), &whole[..cut]);
    }
    let mut noise = whole.clone();
    for (at, byte) in noise.iter_mut().enumerate().skip(4096 + 512) {
        *byte ^= if at % 61 == 0 { (at % 251) as u8 } else { 0 };
    }
    place.put("logs/noise.evtx", &noise);
    let output = place.hunt(&["--output", "jsonl"]);
    assert!(output.status.success() && !said(&output).contains("panicked"), "{}", said(&output));
    let summary = place.summary(&[]);
    let hits = |name: &str| lines(&output).iter().filter(|hit| hit["file"].as_str().is_some_and(|file| file.ends_with(name)) && hit["level"] == "low").count();
    assert_eq!((hits("logs/Security.evtx"), hits("repeated.evtx"), hits("headless.evtx")), (6, 18, 6));
    assert!(summary["records_refused"].as_u64() > Some(0));
    assert!(summary["refusals"].as_array().is_some_and(|list| list.iter().any(|one| one["path"].as_str().is_some_and(|p| p.ends_with("noise.evtx")))));
}

#[test]
fn a_broken_rule_folder_is_told_and_the_rest_runs() {
    let place = Place::new();
    let rule = |detection: &str| format!("title: Odd\nlogsource: {{category: webserver}}\ndetection:\n  one:\n    {detection}\n  condition: one\nlevel: low\n");
    place.put("rules/broken.yml", b"title: Broken\nlogsource: {category: webserver\ndetection:\n  - [\n");
    place.put("rules/modifier.yml", rule("c-uri|sounds_like: x").as_bytes());
    place.put("rules/explodes.yml", rule("c-uri|re: '((((a{90}){90}){90}){90})'").as_bytes());
    place.put("rules/large.yml", &vec![b'#'; 10 << 20]);
    place.put("rules/bytes.yml", &[0xff, 0xfe, 0]);
    let summary = place.summary(&[]);
    assert_eq!(summary["hits"], 8, "the rest runs");
    let refused = summary["rules_refused"].as_array().expect("a list");
    let of =
        |name: &str| refused.iter().find(|one| one["path"].as_str().is_some_and(|path| path.ends_with(name))).unwrap_or_else(|| panic!("{name}: {refused:#?}"));
    assert!(of("broken.yml")["line"].is_u64() && of("modifier.yml")["line"] == 5, "{refused:#?}");
    for (name, word) in [("modifier.yml", "sounds_like"), ("explodes.yml", "bytes"), ("large.yml", "larger"), ("bytes.yml", "UTF-8")] {
        assert!(of(name)["reason"].as_str().is_some_and(|reason| reason.contains(word)), "{}", of(name));
    }
    let shown = out(&place.hunt(&["--all"]));
    assert!(shown.contains("5  rule documents are not loaded") && shown.contains("modifier.yml:5"), "{shown}");
    place.put("only/broken.yml", b"title: [");
    let output = strandline(&["hunt", path(&place.at("logs")), "--rules", path(&place.at("only"))]);
    assert!(!output.status.success() && said(&output).contains("none of 1 rule files"), "{}", said(&output));
}

#[test]
fn without_a_folder_the_built_in_rules_run() {
    let place = Place::new();
    let output = strandline(&["hunt", path(&place.at("logs")), "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(summary["rules_tried"].as_u64() > Some(0));
    let output = strandline(&["hunt", path(&place.at("no such folder"))]);
    assert!(!output.status.success() && said(&output).contains("no such folder"), "{}", said(&output));
}

#[test]
fn who_closes_the_pipe_has_seen_enough() {
    let place = Place::new();
    place.put("logs/web/access.log", WEB.repeat(20_000).as_bytes());
    let (logs, rules) = (place.at("logs"), place.at("rules"));
    let nothing = place.at("nothing there");
    let hunt = ["hunt", path(&logs), "--rules", path(&rules)];
    let as_csv = [&hunt[..], &["--output", "csv"]].concat();
    let commands: [&[&str]; 6] =
        [&hunt, &as_csv, &["rules", "check", path(&rules), "--all"], &["estate", "check", path(&nothing)], &["--help"], &["hunt", path(&nothing)]];
    for arguments in commands {
        let mut child =
            Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        // Nobody reads any of it.
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = child.wait().expect("it ends");
        assert!(matches!(status.code(), Some(0..=3)), "{arguments:?}: {status}");
    }
}

/// A small department with an intruder in it, and Windows logs beside; its estate describes them.
fn department(place: &Place) {
    let made = place.at("made");
    let output = strandline(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", path(&made)]);
    assert!(output.status.success(), "{}", said(&output));
    place.put("made/evidence/windows/Security.evtx", &log());
    let mut estate = fs::read_to_string(made.join("estate.toml")).expect("an estate");
    let system = estate.lines().skip_while(|line| line.trim() != "[[system]]").find_map(|line| line.strip_prefix("id = ")).expect("a system").to_owned();
    estate.push_str(&format!("\n[[source]]\nid = \"dc-security\"\nsystem = {system}\npath = [\"windows/*.evtx\"]\nformat = \"evtx\"\n"));
    fs::write(made.join("estate.toml"), estate).expect("an estate");
}

fn respond(place: &Place, case: &str, more: &[&str]) -> Output {
    let (estate, evidence, case) = (place.at("made/estate.toml"), place.at("made/evidence"), place.at(case));
    let mut arguments = vec!["respond", "--estate", path(&estate), "--evidence", path(&evidence), "--case", path(&case)];
    arguments.extend(more);
    strandline(&arguments)
}

#[test]
fn rules_over_a_case_make_detections_and_start_no_trail() {
    let place = Place::new();
    department(&place);
    let plain = respond(&place, "plain", &[]);
    assert!(plain.status.success(), "{}", said(&plain));
    // A rule that fires on everybody's work, as loudly as a rule can.
    place.put("rules/everybody.yml", b"title: Everybody\nid: 00000000-0000-4000-8000-000000000009\nlevel: critical\nlogsource: {category: webserver}\ndetection:\n  one: {c-uri|contains: /}\n  condition: one\n");
    let loud = respond(&place, "loud", &["--rules", path(&place.at("rules")), "--json"]);
    assert!(loud.status.success(), "{}", said(&loud));
    let exposures = |case: &str| fs::read(place.at(case).join("export/exposures.csv")).expect("exposures");
    assert!(exposures("plain") == exposures("loud"), "a noisy rule pulls nobody into the trail");

    let ask = |question: &str| out(&strandline(&["sql", path(&place.at("loud")), question, "--json"]));
    let rows = ask("select subject_kind, subject, system, event_count, reason from detections where rule = '00000000-0000-4000-8000-000000000001'");
    assert!(rows.contains("\"ann\"") && rows.contains("account") && rows.contains("6 events matched by EventID"), "{rows}");
    let rows = ask("select title, event_count from detections where rule = '00000000-0000-4000-8000-000000000002'");
    assert!(rows.contains("Many failed sign-ins") && rows.contains('6'), "{rows}");
    let report = fs::read_to_string(place.at("loud").join("export/report.html")).expect("a report");
    assert!(report.contains("Sigma rules") && report.contains("Everybody"));
    let state: Value = serde_json::from_slice(&fs::read(place.at("loud").join("sigma.json")).expect("the state")).expect("JSON");
    assert_eq!(state["figures"]["rules"], 4);
    // The scanner of IT security, which the estate trusts, asks for much; no rule says so.
    assert!(state["records_trusted"].as_u64().is_some_and(|records| records > 0));
    let rows = ask("select count(*) as n from detections where origin = 'sigma' and (subject = '10.61.9.66' or array_has(related, 'address=10.61.9.66'))");
    assert!(rows.contains("\"n\":0") || rows.contains("\"n\": 0"), "{rows}");
    assert!(state["files"].as_array().is_some_and(|files| files.iter().all(|file| file[1].as_str().is_some_and(|sha256| sha256.len() == 64))));

    // The case keeps its rules: the stage run again, without a folder, says the same.
    let before = fs::read(place.at("loud").join("sigma.json")).expect("the state");
    let again = strandline(&["detect", path(&place.at("loud"))]);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(before, fs::read(place.at("loud").join("sigma.json")).expect("the state"));
    let verified = strandline(&["verify", path(&place.at("loud"))]);
    assert!(verified.status.success(), "{}{}", out(&verified), said(&verified));

    let checked = out(&strandline(&["rules", "check", path(&place.at("rules")), "--case", path(&place.at("loud"))]));
    assert!(checked.contains("0 of 5 can never match this case"), "{checked}");
    place.put("more/sysmon.yml", b"title: Never here\nid: 00000000-0000-4000-8000-00000000000a\nlogsource: {product: windows, service: sysmon}\ndetection:\n  one: {EventID: 1}\n  condition: one\nlevel: low\n");
    let checked = out(&strandline(&["rules", "check", path(&place.at("more")), "--case", path(&place.at("loud")), "--all"]));
    assert!(checked.contains("no event of microsoft-windows-sysmon/operational") && checked.contains("Never here"), "{checked}");
}

#[test]
fn attack_samples_give_the_same_hits_on_any_number_of_threads() {
    let shared = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let (logs, rules) = (shared.join("evtx/by-channel"), shared.join("sigma/rules/windows"));
    if !logs.is_dir() || !rules.is_dir() {
        println!("skipped: the attack samples and the public rules are not here");
        return;
    }
    let run = |threads: &str| {
        let output = strandline(&["hunt", path(&logs), "--rules", path(&rules), "--output", "csv", "--threads", threads]);
        assert!(output.status.success(), "{}", said(&output));
        output.stdout
    };
    let one = run("1");
    assert!(one.iter().filter(|b| **b == b'\n').count() > 5000);
    assert!(one == run("4"), "four threads give other hits");
}
