//! Duties, decisions and forms through the binary: no clock without a person's word, words out of the ledger, no affected
//! person in a form.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

const FORMS: [&str; 8] = ["pcpd", "ispg-c2", "ispg-c3-1", "ispg-c3-2", "ispg-c4-1", "ispg-c4-2", "gdpr-33", "gdpr-33-5"];

/// A finished case of a small department, made once; each test works on a copy.
static CASE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let made = strandline(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", &at("made")]);
    assert!(made.status.success(), "{}", said(&made));
    let estate = fs::read_to_string(at("made/estate.toml")).expect("an estate");
    assert!(estate.contains("regimes = [\"hk-pdpo\"]"), "the drill's estate no longer holds what the test changes");
    let regimes = "regimes = [\"hk-pdpo\", \"hk-ispg-sm02\", \"gdpr\", \"nowhere\"]";
    fs::write(at("made/estate.toml"), estate.replace("regimes = [\"hk-pdpo\"]", regimes)).expect("an estate");
    let done = strandline(&["respond", "--estate", &at("made/estate.toml"), "--evidence", &at("made/evidence"), "--case", &at("case")]);
    assert!(done.status.success(), "{}", said(&done));
    folder
});

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        copy(&CASE.path().join("case"), &folder.path().join("case"));
        Self(folder)
    }

    fn case(&self) -> PathBuf {
        self.0.path().join("case")
    }

    fn run(&self, command: &str, more: &[&str]) -> Output {
        let case = self.case();
        let mut arguments = vec![command, case.to_str().expect("UTF-8")];
        arguments.extend(more);
        strandline(&arguments)
    }

    fn must(&self, command: &str, more: &[&str]) -> String {
        let output = self.run(command, more);
        assert!(output.status.success(), "{command} {more:?}: {}", said(&output));
        shown(&output)
    }

    #[track_caller]
    fn must_not(&self, command: &str, more: &[&str], expected: &str) {
        let output = self.run(command, more);
        assert!(!output.status.success(), "{command} {more:?} went through");
        assert!(said(&output).contains(expected), "{}", said(&output));
    }

    fn duties(&self) -> Value {
        serde_json::from_str(&self.must("duties", &["--json"])).expect("JSON")
    }

    fn state(&self, duty: &str) -> String {
        let all = self.duties();
        let found = all["duties"].as_array().expect("a list").iter().find(|view| view["duty"]["id"] == duty).expect("the duty");
        found["state"].as_str().expect("a word").to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() { copy(&entry.path(), &target) } else { fs::copy(entry.path(), target).map(|_| ()).expect("a file") }
    }
}

/// Names, e-mail addresses and telephone numbers of the register; the cells before the first quoted one.
fn register() -> Vec<String> {
    let text = fs::read_to_string(CASE.path().join("made/register/crew.csv")).expect("the drill writes a register");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let wanted: Vec<usize> = (0..header.len()).filter(|i| ["name", "chinese_name", "mail", "mobile"].contains(&header[*i])).collect();
    let cells = |line: &str| {
        let plain: Vec<&str> = line.split('"').next().unwrap_or_default().split(',').collect();
        wanted.iter().filter_map(|i| plain.get(*i)).map(|cell| (*cell).to_owned()).collect::<Vec<_>>()
    };
    let values: Vec<String> = lines.flat_map(cells).filter(|value| value.len() > 6).collect();
    assert!(values.len() > 400, "{} values", values.len());
    values
}

#[test]
fn no_clock_runs_before_a_person_decides() {
    let copy = Copy::new();
    let all = copy.duties();
    for view in all["duties"].as_array().expect("a list") {
        assert_eq!((view["state"].as_str(), &view["deadline"]), (Some("waiting"), &Value::Null), "{}", view["duty"]["id"]);
    }
    assert!(all["problems"].to_string().contains("nowhere"), "an unknown regime is told");
    let at = ["--at", "2026-01-05T09:30", "--knowing", "an account read staff records", "--responder", "A. Chan"];
    copy.must("decide", &[&["identified", "aware"][..], &at[..]].concat());
    assert_eq!(copy.state("hk-ispg-sm02/c2"), "overdue");
    assert_eq!(copy.state("gdpr/authority"), "overdue");
    assert_eq!(copy.state("gdpr/individuals"), "waiting");
    copy.must("decide", &["partly-done", "gdpr/authority", "--at", "2026-01-06T09:30", "--given", "ref 1"]);
    assert_eq!(copy.state("gdpr/authority"), "partly_done");
    copy.must("decide", &["not-required", "hk-ispg-sm02/c4-1", "--why", "the Director decided so"]);
    assert_eq!(copy.state("hk-ispg-sm02/c4-1"), "not_required");
    copy.must("decide", &["retract", "identified", "--why", "another incident"]);
    assert_eq!(copy.state("hk-ispg-sm02/c2"), "waiting");
    assert!(copy.must("verify", &[]).contains("sound"));
}

#[test]
fn a_wrong_word_is_refused_with_what_would_be_right() {
    let copy = Copy::new();
    let at = ["--at", "2026-01-05T09:30"];
    copy.must_not("decide", &[&["aware"][..], &at].concat(), "--knowing");
    copy.must_not("decide", &["aware", "--knowing", "x"], "--at 2026");
    copy.must_not("decide", &[&["awaer", "--knowing", "x"][..], &at].concat(), "wait for: aware");
    copy.must_not("decide", &["aware", "--knowing", "x", "--at", "2999-01-05T09:30"], "future");
    copy.must_not("decide", &["aware", "--knowing", "x", "--at", "2026-01-05"], "add the time");
    copy.must_not("decide", &[&["done", "gdpr/nothing"][..], &at].concat(), "gdpr/authority");
    copy.must_not("decide", &["answer", "nothing", "--text", "x"], "contact_person");
    copy.must_not("decide", &["answer", "staff_are", "--text", "some"], "everyone");
    copy.must_not("forms", &["ispg-c9"], "ispg-c2");
    let law = copy.0.path().join("law");
    fs::create_dir(&law).expect("a folder");
    let bad = include_str!("../../../law/gdpr.toml").replacen("within = 72", "within = -72", 1);
    let line = 1 + bad.lines().position(|line| line.contains("-72")).expect("there");
    fs::write(law.join("gdpr.toml"), bad).expect("a file");
    copy.must_not("duties", &["--law", law.to_str().expect("UTF-8")], &format!("gdpr.toml line {line}: a deadline of -72"));
}

#[test]
fn the_table_fits_eighty_columns_and_the_calendar_holds_what_runs() {
    let copy = Copy::new();
    copy.must("decide", &["identified", "onset", "aware", "personal_data_involved", "--at", "2026-01-05T09:30", "--knowing", "x"]);
    for details in [&[][..], &["--details"][..]] {
        let table = copy.must("duties", details);
        for line in table.lines().filter(|line| line.split_whitespace().all(|word| word.len() < 60)) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(table.contains("SECONDARY SOURCE ONLY"), "{table}");
    }
    let file = copy.0.path().join("d.ics");
    copy.must("duties", &["--ics", file.to_str().expect("UTF-8")]);
    let calendar = fs::read_to_string(file).expect("a calendar");
    assert!(calendar.contains("UID:hk-ispg-sm02/c2@") && calendar.ends_with("END:VCALENDAR\r\n"), "{calendar}");
}

#[test]
fn no_form_holds_an_affected_person_and_an_answer_that_does_is_refused() {
    let copy = Copy::new();
    let people = register();
    for form in FORMS {
        let text = copy.must("forms", &[form]);
        let kept = fs::read_to_string(copy.case().join(format!("forms/{form}.json"))).expect("the form is kept");
        assert!(text.contains("Every number is as of") && text.contains("Unknown, because"), "{form}");
        for value in &people {
            assert!(!text.contains(value.as_str()) && !kept.contains(value.as_str()), "{form} holds a value of the register");
        }
        let lower = text.to_lowercase();
        assert!(!lower.contains("no evidence"), "{form}");
    }
    let name = people.iter().find(|value| !value.contains('@')).expect("a name");
    copy.must("decide", &["answer", "lessons", "--text", &format!("We told {name} first.")]);
    let output = copy.run("forms", &["ispg-c3-2"]);
    assert!(!output.status.success() && said(&output).contains("lessons"), "{}", said(&output));
    assert!(!said(&output).contains(name.as_str()), "an error tells a name");
    // The words are in case.db; the ledger has a digest alone.
    let mut ledger = Vec::new();
    walk(&copy.case().join("ledger"), &mut ledger);
    assert!(!String::from_utf8_lossy(&ledger).contains(name.as_str()), "the ledger holds a name");
    copy.must("decide", &["answer", "lessons", "--text", "We told everybody."]);
    copy.must("forms", &["ispg-c3-2"]);
    assert!(copy.must("verify", &[]).contains("sound"));
}

fn walk(folder: &Path, bytes: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() { walk(&entry.path(), bytes) } else { bytes.extend(fs::read(entry.path()).expect("a file")) }
    }
}
