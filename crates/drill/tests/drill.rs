//! What a drill writes: the same bytes for the same plan, lines that parse, counts that are true, an estate that is one.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly, too")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use strandline_drill::{Department, Exported, Intrusion, Plan, Scenario, generate, score};
use strandline_model::exposure::{Basis, Certainty};
use tempfile::TempDir;

fn small(scenario: Scenario, seed: u64) -> Plan {
    Plan { people: 600, days: 3, ..Plan::new(scenario, seed) }
}

fn made(plan: &Plan) -> (TempDir, Department) {
    let folder = tempfile::tempdir().unwrap();
    let department = generate(plan, folder.path(), &mut |_| {}).unwrap();
    (folder, department)
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).unwrap();
    }
    text
}

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// All of a source, newest file last.
fn log(department: &Department, start: &str) -> String {
    let mut parts: Vec<PathBuf> =
        files(&department.evidence).into_iter().filter(|p| p.strip_prefix(&department.evidence).unwrap().to_string_lossy().starts_with(start)).collect();
    parts.sort_by_key(|p| (std::cmp::Reverse(p.to_string_lossy().len()), p.clone()));
    parts.iter().map(|p| read(p)).collect()
}

fn intrusion(department: &Department) -> Intrusion {
    serde_json::from_str(&read(&department.truth.join("intrusion.json"))).unwrap()
}

fn truth(department: &Department) -> Vec<Exported> {
    let mut rows = csv::Reader::from_path(department.truth.join("exposures.csv")).unwrap();
    rows.records()
        .map(|r| {
            let r = r.unwrap();
            let basis = if &r[3] == "inferred" { Basis::Inferred } else { Basis::Disclosed };
            Exported { data_subject: r[0].to_owned(), category: r[2].to_owned(), basis, certainty: Certainty::Confirmed }
        })
        .collect()
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for scenario in [Scenario::Pivot, Scenario::FileShare] {
        the_same_bytes(&Plan { gap: true, ..small(scenario, 4) });
    }
}

fn the_same_bytes(plan: &Plan) {
    let contents = || {
        let (folder, _) = made(plan);
        files(folder.path()).into_iter().map(|p| (p.strip_prefix(folder.path()).unwrap().to_owned(), std::fs::read(&p).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let (one, two) = (contents(), contents());
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(bytes == &two[path], "{} differs", path.display());
    }
}

#[test]
fn the_truth_of_a_file_share_is_the_file_that_was_read() {
    let (_folder, department) = made(&small(Scenario::FileShare, 2));
    let copy = read(&department.snapshot);
    let mut listed: Vec<&str> = copy.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let told = truth(&department);
    let mut exposed: Vec<&str> = told.iter().map(|e| e.data_subject.as_str()).collect();
    listed.sort_unstable();
    exposed.sort_unstable();
    exposed.dedup();
    assert_eq!(exposed, listed);
    assert_eq!(told.len(), 5 * listed.len() + listed.len(), "each has five categories, one of them by two columns");
    assert_eq!(intrusion(&department).people, listed.len());
}

#[test]
fn the_size_of_an_office_follows_its_target() {
    let (_folder, department) = made(&Plan { target_bytes: Some(20_000_000), ..small(Scenario::FileShare, 2) });
    let size: u64 = files(&department.evidence).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert!((12_000_000..60_000_000).contains(&size), "{size}");
}

#[test]
fn every_scenario_has_truth_and_an_estate() {
    for scenario in Scenario::ALL {
        for gap in [false, true] {
            for seed in 0..4 {
                let (_folder, department) = made(&Plan { gap, ..small(scenario, seed) });
                let estate: strandline_model::estate::Estate = toml::from_str(&read(&department.estate)).unwrap();
                assert_eq!(estate.tables.len(), if scenario == Scenario::FileShare { 2 } else { 5 });
                let told = intrusion(&department);
                assert!(told.people > 0 && !told.steps.is_empty(), "{scenario} {seed} shows nobody");
                assert_eq!(told.gaps.len(), usize::from(gap), "{scenario} {seed}");
                let touched = told.statements.iter().filter(|s| s.inside_gap).count();
                assert_eq!(touched > 0, gap, "{scenario} {seed}: the gap lies in the theft");
                assert_eq!(department.pins.is_empty(), !matches!(scenario, Scenario::Insider | Scenario::OneUrl));
            }
        }
    }
}

#[test]
fn a_csvlog_has_26_columns_and_line_numbers_without_holes() {
    for scenario in [Scenario::Pivot, Scenario::Injection] {
        let (_folder, department) = made(&small(scenario, 1));
        let text = log(&department, "db/");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut before = String::new();
        for row in reader.records() {
            let row = row.unwrap();
            assert_eq!(row.len(), 26);
            let line: u64 = row[6].parse().unwrap();
            assert_eq!(last.insert(row[5].to_owned(), line).unwrap_or(0) + 1, line);
            assert!(before.as_str() <= &row[0], "the server's clock goes forward");
            before = row[0].to_owned();
        }
        assert!(last.len() > 50);
    }
}

#[test]
fn every_json_line_parses() {
    let (_folder, department) = made(&small(Scenario::StolenSession, 2));
    for source in ["db/", "crew/access.json", "crew/crew.jsonl"] {
        let text = log(&department, source);
        assert!(text.lines().count() > 1000);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[test]
fn row_counts_in_the_log_are_the_answers_counts() {
    let (_folder, department) = made(&small(Scenario::Pivot, 3));
    let text = log(&department, "db/");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut logged: Vec<(String, usize)> = Vec::new();
    for row in reader.records() {
        let row = row.unwrap();
        let Some(audit) = row[13].strip_prefix("AUDIT: ").filter(|_| &row[1] == "crew_report" && row[4].starts_with("10.61.4.11:")) else {
            continue;
        };
        let fields = csv::ReaderBuilder::new().has_headers(false).from_reader(audit.as_bytes()).records().next().unwrap().unwrap();
        assert_eq!(fields.len(), 10);
        if &fields[4] == "SELECT" {
            logged.push((fields[7].to_owned(), 0));
        }
        let rows: usize = audit.rsplit(',').next().unwrap().parse().unwrap();
        if &fields[4] == "SELECT" {
            logged.last_mut().unwrap().1 = rows;
        }
    }
    let told: BTreeMap<String, usize> = intrusion(&department).statements.into_iter().filter_map(|s| Some((s.text, s.rows?))).collect();
    assert!(logged.len() >= 12);
    for (sql, rows) in logged {
        assert_eq!(told.get(&sql), Some(&rows), "{sql}");
    }
}

#[test]
fn a_gap_takes_lines_away() {
    let whole = made(&small(Scenario::StolenSession, 1));
    let holed = made(&Plan { gap: true, ..small(Scenario::StolenSession, 1) });
    let (a, b) = (log(&whole.1, "crew/access.json"), log(&holed.1, "crew/access.json"));
    assert!(b.lines().count() + 3 <= a.lines().count());
    assert_eq!(log(&whole.1, "db/"), log(&holed.1, "db/"), "only what was to be lost is lost");
}

#[test]
fn the_owner_works_on_in_the_stolen_session() {
    let (_folder, department) = made(&small(Scenario::StolenSession, 7));
    let told = intrusion(&department);
    let text = log(&department, "crew/crew.jsonl");
    let of_session: Vec<&str> = text.lines().filter(|l| l.contains(&told.sessions[0])).collect();
    let by_intruder = |l: &&str| l.contains(&format!("\"ip\":\"{}\"", told.addresses[0]));
    let first = of_session.iter().position(by_intruder).unwrap();
    let last = of_session.iter().rposition(by_intruder).unwrap();
    assert!(of_session[first..last].iter().any(|l| !by_intruder(l)), "the owner is there during the theft");
    assert!(of_session[..first].iter().all(|l| !by_intruder(l)) && first > 2);
}

#[test]
fn traffic_follows_the_target() {
    let mut told = 0;
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { target_bytes: Some(20_000_000), ..small(Scenario::Pivot, 5) };
    generate(&plan, folder.path(), &mut |bytes| told = bytes).unwrap();
    assert!((14_000_000..28_000_000).contains(&told), "{told} bytes for a target of 20,000,000");
}

#[test]
fn the_truth_scores_full_marks_and_half_of_it_does_not() {
    let (_folder, department) = made(&small(Scenario::Injection, 6));
    let all = truth(&department);
    let perfect = score(&mut all.clone().into_iter(), &[], &department.truth).unwrap();
    assert!(perfect.is_sound());
    assert!((perfect.confirmed_recall() - 1.0).abs() < 1e-9 && (perfect.over_notification() - 1.0).abs() < 1e-9);
    assert_eq!((perfect.steps_found, perfect.steps_missed.len()), (0, perfect.steps_true));
    let half = score(&mut all.into_iter().step_by(2), &[], &department.truth).unwrap();
    assert!(half.pairs_missed > 0 && !half.is_sound());
    let wrong = Exported { data_subject: "nobody".to_owned(), category: "name".to_owned(), basis: Basis::Disclosed, certainty: Certainty::Confirmed };
    let false_one = score(&mut std::iter::once(wrong), &[], &department.truth).unwrap();
    assert_eq!((false_one.people_false, false_one.pairs_false), (1, 1));
}

/// The programs of PostgreSQL: `PGBIN`, or where Debian puts them.
fn postgresql() -> Option<PathBuf> {
    let folder = std::env::var_os("PGBIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from);
    folder.join("psql").exists().then_some(folder)
}

struct Server {
    programs: PathBuf,
    folder: TempDir,
}

impl Server {
    fn start(programs: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { programs, folder };
        let data = server.folder.path().join("data");
        server.run("initdb", &["-D", data.to_str().unwrap(), "-A", "trust", "-U", "postgres"], "");
        let options = format!("-c listen_addresses= -k {}", server.folder.path().display());
        let log = server.folder.path().join("log");
        server.run("pg_ctl", &["-D", data.to_str().unwrap(), "-o", &options, "-l", log.to_str().unwrap(), "-w", "start"], "");
        server
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let typed = self.folder.path().join("typed");
        std::fs::write(&typed, input).unwrap();
        let out = std::process::Command::new(self.programs.join(program)).args(arguments).stdin(File::open(&typed).unwrap()).output().unwrap();
        assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn sql(&self, user: &str, text: &str) -> String {
        let host = self.folder.path().to_str().unwrap();
        self.run("psql", &["-h", host, "-U", user, "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1"], text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let stop = ["-D", data.to_str().unwrap_or_default(), "-m", "immediate", "stop"];
        let _ = std::process::Command::new(self.programs.join("pg_ctl")).args(stop).output();
    }
}

/// Writes in the log between the dump and the theft, with their bind values in place.
fn writes(department: &Department, after: &str, before: &str) -> String {
    let text = log(department, "db/");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut script = String::new();
    for row in reader.records() {
        let row = row.unwrap();
        let Some(sql) = row[13].strip_prefix("execute <unnamed>: ").filter(|s| !s.starts_with("SELECT")) else {
            continue;
        };
        if &row[0] <= after || &row[0] >= before {
            continue;
        }
        let values: Vec<&str> = row[14].strip_prefix("parameters: ").unwrap().split(", $").map(|p| p.split_once(" = ").unwrap().1).collect();
        let placed = (0..values.len()).rev().fold(sql.to_owned(), |sql, i| sql.replace(&format!("${}", i + 1), values[i]));
        script.push_str(&format!("{placed};\n"));
    }
    script
}

#[test]
#[ignore = "needs PostgreSQL's own programs (PGBIN) and a user other than root"]
fn a_real_server_gives_the_counts_that_the_drill_logged() {
    let Some(programs) = postgresql() else { panic!("no psql: set PGBIN to the folder of PostgreSQL's programs") };
    let server = Server::start(programs);
    server.sql(
        "postgres",
        "CREATE ROLE crew_app LOGIN; CREATE ROLE crew_report LOGIN; CREATE ROLE crew_payroll; CREATE ROLE crew_backup; CREATE ROLE dba_szeto;",
    );
    let (_folder, department) = made(&small(Scenario::Pivot, 8));
    server.sql("postgres", &read(&department.snapshot));
    let told = intrusion(&department);
    let stamp = |seconds: f64| {
        let at = strandline_model::time::Instant((seconds * 1e6) as i64).to_string();
        at.replace('T', " ").replace('Z', " UTC")
    };
    let taken =
        read(&department.estate).lines().find_map(|l| l.strip_prefix("snapshot_time = \"").map(|t| t.trim_end_matches("Z\"").replace('T', " "))).unwrap();
    server.sql("postgres", &writes(&department, &format!("{taken}.999 UTC"), &stamp(told.statements[0].t)));
    let mut asked = 0;
    for statement in &told.statements {
        let (text, Some(rows)) = (&statement.text, statement.rows) else {
            continue;
        };
        if ["SELECT", "WITH", "COPY"].iter().any(|w| text.starts_with(w)) {
            assert_eq!(server.sql("crew_report", text).lines().count(), rows, "{text}");
            asked += 1;
        }
    }
    assert!(asked >= 12);
}

/// An application of one URL as it is in the wild: nothing in its log tells sessions or calls apart, and requests overlap.
#[test]
fn a_program_of_one_url_says_no_more_than_such_programs_do() {
    for seed in [2, 3] {
        let (_folder, department) = made(&small(Scenario::OneUrl, seed));
        let lines: Vec<serde_json::Value> = log(&department, "crew/access").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(|line| line.get("rid").is_none() && line.get("sid").is_none()));
        let calls: Vec<(i64, i64, &str)> = lines
            .iter()
            .filter(|line| line["target"] == "/rpc")
            .map(|line| {
                let end = (line["epoch"].as_f64().unwrap() * 1000.0).round() as i64;
                (end - (line["took"].as_f64().unwrap() * 1000.0).round() as i64, end, line["client"].as_str().unwrap())
            })
            .collect();
        let intruder = &intrusion(&department).addresses[0];
        let overlap = |a: &(i64, i64, &str)| calls.iter().any(|b| b.2 != intruder && b.0 < a.1 && a.0 < b.1);
        let of_the_intruder: Vec<_> = calls.iter().filter(|call| call.2 == intruder).collect();
        assert!(of_the_intruder.len() > 80 && of_the_intruder.iter().filter(|call| overlap(call)).count() * 3 > of_the_intruder.len());
        assert!(!files(&department.evidence).iter().any(|path| path.ends_with("crew.jsonl")), "the application has no log of its own");
        let statements = log(&department, "db/");
        assert!(statements.matches("SELECT e.emp_id, e.full_name").count() > 500, "rows are read whole and one by one");
        let estate: strandline_model::estate::Estate = toml::from_str(&read(&department.estate)).unwrap();
        assert!(estate.routes.is_empty() && estate.sources.iter().all(|source| source.id != "crew-app"));
    }
}
