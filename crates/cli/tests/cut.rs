//! A cut from the plan to its undo, through the binary, at a simulated directory that keeps the contract of programs; what newer
//! evidence says of it; and what a plan refuses, by a clock of the test's own.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use strandline_model::containment::{Action, Effect, Foothold, Notices, Undo};
use strandline_model::time::Instant;
use strandline_response::desk::{Need, Quiet, overview};
use strandline_response::{Back, Force, Response, Secret, Settings, TargetSecrets, Told};
use tempfile::TempDir;

/// The worked example of the documentation: the directory.
const RESPONDER: &str = include_str!("../../../docs/containment/example_responder.py");
const KEY: &str = "a key of sixteen characters";

/// Runs it; it must end with this code, and say this.
#[track_caller]
fn check(arguments: &[&str], code: i32, expected: &str) -> String {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs");
    let (shown, said) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {shown}{said}");
    assert!(shown.contains(expected) || said.contains(expected), "{arguments:?} did not say {expected:?}: {shown}{said}");
    shown
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// How a case is worked on here: by one thread, in this process.
fn settings<'s>(case: PathBuf, who: &str, now: &'s dyn Fn() -> Instant, random: &'s dyn Fn() -> [u8; 32]) -> Settings<'s> {
    Settings {
        case,
        responder: who.to_owned(),
        now,
        random,
        reader: None,
        memory_limit_bytes: 1 << 28,
        threads: 1,
        rules: Vec::new(),
        told: Told::default(),
        signer: None,
    }
}

/// Whether the directory can run; says so where it cannot.
fn python() -> bool {
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("SKIPPED: python3, in which the simulated directory is written, is not here");
    }
    is_there
}

/// A directory of accounts, and the lines of an estate that describe it.
struct Directory {
    accounts: PathBuf,
    target: String,
}

impl Directory {
    fn new(folder: &Path, names: &[&str]) -> Self {
        let (program, key, accounts) = (folder.join("responder.py"), folder.join("key"), folder.join("accounts.json"));
        fs::write(&program, RESPONDER).expect("a program");
        fs::write(&key, KEY).expect("a key");
        // As the program writes it, so that what comes back can be compared by its bytes.
        let all: Vec<String> = names.iter().map(|name| format!("\"{name}\": {{\"enabled\": \"yes\"}}")).collect();
        fs::write(&accounts, format!("{{{}}}", all.join(", "))).expect("accounts");
        // Another one like it, whose key can be lost.
        let (other, others) = (folder.join("other-key"), folder.join("others.json"));
        fs::write(&other, KEY).expect("a key");
        fs::copy(&accounts, &others).expect("accounts");
        let one = |name: &str, key: &Path, accounts: &Path| {
            let command = [text(&program), text(key), text(accounts)].map(|word| format!("{word:?}")).join(", ");
            format!("\n[[target]]\nname = \"{name}\"\nkind = \"exec\"\ncommand = [\"python3\", {command}]\npassword_file = {:?}\n", text(key))
        };
        Self { target: one("idp", &key, &accounts) + &one("idp2", &other, &others), accounts }
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.accounts).expect("accounts")
    }
}

/// The intruder's account, session and address, as the drill's truth tells them.
fn truth(made: &Path) -> [String; 3] {
    let text = fs::read_to_string(made.join("truth/intrusion.json")).expect("a truth");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    ["accounts", "sessions", "addresses"].map(|what| value[what][0].as_str().expect("a text").to_owned())
}

/// Requests of an account, minutes from now on: what the application logs after the cut.
fn newer(minutes: i64, (account, session, address): (&str, &str, &str), codes: &[i32]) -> String {
    let now = jiff::Timestamp::now();
    let line = |(number, code): (i64, &i32)| {
        let at = now + jiff::SignedDuration::from_secs(minutes * 60 + number);
        let record = json!({
            "@timestamp": at.to_string(), "level": "INFO", "event": "request", "rid": format!("{minutes:08x}{number:024x}"), "sid": session,
            "actor": account, "ip": address, "verb": "GET", "target": "/crew", "code": code, "size": 10, "ms": 2,
        });
        format!("{record}\n")
    };
    (0..).zip(codes).map(line).collect()
}

/// A drill's case, whose estate has a directory that can lock accounts.
struct Robbed {
    folder: TempDir,
    directory: Directory,
    evidence: PathBuf,
    case: String,
    estate: String,
    account: String,
    session: String,
    address: String,
    /// The account, as a foothold is named.
    foothold: Value,
}

impl Robbed {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let made = folder.path().join("made");
        check(&["drill", "--only-make", "--people", "200", "--days", "3", "--scenario", "stolen-session", "--into", text(&made)], 0, "");
        let [account, session, address] = truth(&made);
        let directory = Directory::new(folder.path(), &[&account, "someone.else"]);
        let estate = made.join("estate.toml");
        fs::write(&estate, fs::read_to_string(&estate).expect("an estate") + &directory.target).expect("an estate");
        let (evidence, case, estate) = (made.join("evidence"), text(&folder.path().join("case")).to_owned(), text(&estate).to_owned());
        let mut robbed = Self { folder, directory, evidence, case, estate, account, session, address, foothold: Value::Null };
        robbed.respond();
        let found = robbed.found();
        robbed.foothold = found["footholds"].as_array().expect("a list").iter().find(|row| row["kind"] == "account").expect("an account")["name"].clone();
        robbed
    }

    fn respond(&self) {
        check(&["respond", "--estate", &self.estate, "--evidence", text(&self.evidence), "--case", &self.case], 0, "");
    }

    /// `strandline contain CASE …`
    fn contain(&self, arguments: &[&str], code: i32, expected: &str) -> String {
        check(&[&["contain", &self.case], arguments].concat(), code, expected)
    }

    /// What `contain --json` says.
    fn found(&self) -> Value {
        serde_json::from_str(&self.contain(&["--json"], 3, "")).expect("JSON")
    }

    /// Whether the account counts as left open.
    fn is_open(&self) -> bool {
        self.found()["left_open"].as_array().expect("a list").iter().any(|open| open["name"] == self.foothold)
    }
}

#[test]
fn an_account_is_planned_approved_cut_verified_watched_and_taken_back() {
    if !python() {
        return;
    }
    let robbed = Robbed::new();
    let untouched = robbed.directory.read();
    plan_and_approve(&robbed);
    assert_eq!(robbed.directory.read(), untouched, "nothing was done before the approvals were there");
    export_as_openc2(&robbed);
    apply_and_keep(&robbed, &untouched);
    see_what_came_since(&robbed);
    take_back(&robbed, &untouched);
}

#[test]
fn a_cut_by_hand_closes_what_the_proposed_one_would_and_its_evidence_outlives_the_next_intake() {
    if !python() {
        return;
    }
    let robbed = Robbed::new();
    let effect = |account: &str| format!("idp:exec:action=disable_account,subject={account}");
    robbed.contain(&["plan", "--effect", &effect(&robbed.account), "--effect", &effect("someone.else")], 0, "enabled: yes -> no");
    for who in ["A. Chan", "B. Lee"] {
        robbed.contain(&["approve", "--responder", who], 0, "of 2");
    }
    robbed.contain(&["verify", "--plan", "1"], 1, "nothing of this is applied");
    assert!(robbed.is_open());
    robbed.contain(&["apply", "--again-after", "0s"], 0, "effective");
    let told: Value = serde_json::from_str(&robbed.contain(&["status", "--json"], 0, "")).expect("JSON");
    let id = |at: usize| told[0]["actions"][at]["id"].as_str().expect("an id");
    assert_ne!(id(0), id(1), "two of one kind at one target are told apart");
    assert!(!robbed.is_open(), "what holds is closed, whoever thought of it");
    let kept = || {
        let custody = fs::read_to_string(Path::new(&robbed.case).join("evidence/custody.json")).expect("a record");
        let custody: Value = serde_json::from_str(&custody).expect("JSON");
        let paths = custody.as_array().expect("a list").iter().filter_map(|artefact| artefact["path"].as_str());
        paths.filter(|path| path.starts_with("containment/plan-1/")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = kept();
    assert!(!before.is_empty());
    fs::write(robbed.evidence.join("crew/crew.jsonl.91"), newer(10, ("someone.else", "0011223344556677", "203.0.113.200"), &[401; 3])).expect("a log");
    robbed.respond();
    assert_eq!(kept(), before);
    check(&["verify", &robbed.case], 0, "sound");
}

/// The plan, and who must approve it.
fn plan_and_approve(robbed: &Robbed) {
    let found = robbed.found();
    let candidate = |row: &&Value| row["target"] == "idp" && row["action"].as_str().is_some_and(|action| action.contains("disable_account"));
    let id = found["actions"].as_array().expect("a list").iter().find(candidate).expect("the directory can lock the account")["id"].as_str().expect("an id");
    assert!(robbed.is_open());
    robbed.contain(&["apply"], 1, "no plan of cuts yet");
    robbed.contain(&["plan", "Zzzz"], 1, "no candidate");
    robbed.contain(&["plan", id, "--effect", "idp:exec:action=disable_account,subject=nobody"], 1, "no such account");
    robbed.contain(&["plan", id], 0, "enabled: yes -> no");
    let told = robbed.contain(&["rehearse"], 0, "as the plan found it");
    assert!(!told.contains("changed since"), "nothing was applied that could have been changed: {told}");
    robbed.contain(&["apply"], 1, "0 of 2 approvals");
    robbed.contain(&["approve", "--responder", "A. Chan"], 0, "1 of 2");
    robbed.contain(&["approve", "--responder", "a.  chan"], 1, "another person's");
    robbed.contain(&["approve", "--responder", "B. Lee"], 0, "2 of 2");
}

/// In the words of OpenC2, as far as it has any.
fn export_as_openc2(robbed: &Robbed) {
    robbed.contain(&["export", "--openc2", "-"], 3, "has no word in OpenC2");
    let file = robbed.folder.path().join("commands.jsonl");
    robbed.contain(&["plan", "--effect", "idp:exec:action=disable_account,subject=someone.else"], 0, "plan 2");
    robbed.contain(&["export", "--plan", "2", "--openc2", text(&file)], 3, "0 commands in");
}

/// The wave, and somebody who undoes it behind our back.
fn apply_and_keep(robbed: &Robbed, untouched: &str) {
    let directory = &robbed.directory;
    robbed.contain(&["apply", "--again-after", "0s"], 1, "0 of 2 approvals");
    robbed.contain(&["apply", "--plan", "1", "--again-after", "0s"], 0, "effective");
    assert!(directory.read() != untouched && directory.read().contains("\"no\""));
    robbed.contain(&["apply", "--plan", "1", "--again-after", "0s"], 0, "effective");
    assert!(!robbed.is_open(), "what is effective is not left open");
    let cut = directory.read();
    fs::write(&directory.accounts, untouched).expect("somebody enables the account");
    robbed.contain(&["keep", "--rounds", "1"], 3, "ALARM");
    assert!(robbed.is_open(), "what somebody undid behind our back is open");
    fs::write(&directory.accounts, &cut).expect("and disables it");
    robbed.contain(&["verify"], 0, "effective");
    // The key of a target of which nothing is applied is gone.
    let other = robbed.folder.path().join("other-key");
    robbed.contain(&["plan", "--effect", "idp2:exec:action=disable_account,subject=someone.else"], 0, "plan 3");
    fs::remove_file(&other).expect("a key");
    robbed.contain(&["verify"], 0, "effective");
    watch_while_somebody_writes(robbed);
}

/// Another command has the case: an alarm and no end.
fn watch_while_somebody_writes(robbed: &Robbed) {
    let lock = fs::File::options().write(true).open(Path::new(&robbed.case).join("case.lock")).expect("a lock");
    lock.lock().expect("the case is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_strandline"));
    command.args(["contain", &robbed.case, "keep", "--rounds", "1", "--every", "1s"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let mut watch = command.spawn().expect("the binary runs");
    std::thread::sleep(Duration::from_secs(3));
    assert!(watch.try_wait().expect("a child").is_none(), "it goes on watching");
    lock.unlock().expect("the case is free");
    let output = watch.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("ALARM: nobody could look") && said.contains("another run is writing") && said.contains("looked at again"), "{said}");
}

/// Evidence that is newer than the cut: he knocks; then he is let in, and somewhere else he comes from his own address in a
/// session that is not of the account.
fn see_what_came_since(robbed: &Robbed) {
    let Robbed { case, account, session, address, .. } = robbed;
    let log = |number: u32, lines: String| fs::write(robbed.evidence.join(format!("crew/crew.jsonl.{number}")), lines).expect("a log");
    log(91, newer(10, (account, session, "203.0.113.200"), &[401; 14]));
    robbed.respond();
    robbed.contain(&["status"], 0, "refused since: 14");
    log(92, newer(20, (account, session, address), &[200; 3]));
    log(93, newer(30, ("someone.else", "0011223344556677", address), &[200; 2]));
    robbed.respond();
    robbed.contain(&["status"], 3, "HE IS BACK, or still in: 3 that carry it were served");
    robbed.contain(&["verify"], 3, "HE IS BACK");
    robbed.contain(&["keep", "--rounds", "1"], 3, "ALARM: he is back");
    assert!(robbed.is_open(), "what newer evidence contradicts is open");
    let told = check(&["sql", case, "select refused, served from since"], 0, "14");
    assert!(told.contains('3'), "{told}");
    check(&["sql", case, "select what from \"returns\""], 0, "0011223344556677");
    let report = fs::read_to_string(Path::new(case).join("export/report.html")).expect("a report");
    assert!(report.contains("Since the cut") && report.contains("The intruder is back"));
}

/// Back to what was there.
fn take_back(robbed: &Robbed, untouched: &str) {
    robbed.contain(&["undo"], 0, "undone");
    assert_eq!(robbed.directory.read(), untouched, "undo gives back what was there, to the byte");
    robbed.contain(&["undo", "--plan", "1"], 1, "nothing to take back");
    robbed.contain(&["undo"], 1, "nothing to take back");
    robbed.contain(&["apply", "--plan", "1", "--again-after", "0s"], 1, "was taken back");
    assert_eq!(robbed.directory.read(), untouched, "what was taken back is not applied again");
    let told = robbed.contain(&["status"], 0, "undone");
    assert!(!told.contains("held:") && !told.contains("refused since"), "of what does not stand nothing is said to hold: {told}");
    robbed.contain(&["verify"], 1, "nothing");
    assert!(robbed.is_open());
    check(&["verify", &robbed.case], 0, "sound");
}

#[test]
fn a_drill_cuts_its_intruder_off_at_the_gate_and_takes_it_back() {
    let folder = TempDir::new().expect("a temporary folder");
    let into = folder.path().join("drill");
    let told = check(&["drill", "--json", "--people", "200", "--days", "3", "--scenario", "stolen-session", "--into", text(&into)], 0, "");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let cut = &told["cut"];
    assert!(cut["actions"].as_u64() > Some(1) && cut["effective"] == cut["actions"] && cut["is_undo_exact"] == true, "{cut}");
    assert!(cut["failed"].as_array().is_some_and(Vec::is_empty) && cut["open"].as_array().is_some_and(Vec::is_empty), "{cut}");
    // By the truth's own times: more with each minute, in the end all.
    let by_minute: Vec<u64> = told["taken_by_minute"].as_array().expect("a list").iter().map(|pair| pair[1].as_u64().expect("a number")).collect();
    assert!(by_minute.is_sorted() && by_minute.last().copied() == told["people_true"].as_u64(), "{told}");
    // Cut off when he had half, he gets no more than he had by then, and less than all.
    let again = &told["cuts"][0];
    let (minutes, people) = (again["minutes"].as_u64().expect("a number"), again["people"].as_u64().expect("a number"));
    let had = told["taken_by_minute"].as_array().expect("a list").iter().rfind(|pair| pair[0].as_u64() <= Some(minutes)).and_then(|pair| pair[1].as_u64());
    assert!(Some(people) == had && again["intruder_requests_refused"].as_u64() > Some(0), "{again} {had:?}");
    // Whoever opens the case finds letters that can be approved, and nothing that it does not follow yet.
    let random = || [7; 32];
    let now = || Instant(START);
    let settings = settings(into.join("case"), "", &now, &random);
    let seen = overview(&settings).expect("an overview");
    assert!(!seen.needs.iter().any(|need| matches!(need, Need::Renew { .. } | Need::LettersOld)), "{:?}", seen.needs);
    assert!(seen.letters.is_some_and(|letters| letters.is_current));
    // The gate holds what it held before the drill, somebody else's lines among it.
    let gate = fs::read_to_string(into.join("targets/gate.txt")).expect("a gate");
    assert_eq!(gate.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(), ["block_address 198.51.100.14", "disable_account former.clerk"]);
}

/// Somebody's account disabled by the directory.
fn disable(account: &str) -> Action {
    Action {
        cannot_reach: Vec::new(),
        effect: Effect::Exec { action: "disable_account".to_owned(), subject: account.to_owned() },
        foothold: Foothold::Account { account: account.to_owned(), system: None },
        id: format!("A-{account}"),
        notices: Notices::AtOnce,
        reaches: String::new(),
        system: None,
        target: Some("idp".to_owned()),
        undo: Undo::Exact,
    }
}

/// A case without evidence, its directory, and a clock that the test sets.
struct World {
    folder: TempDir,
    directory: Directory,
    /// More of the estate.
    more: String,
    now: Cell<i64>,
}

const START: i64 = 1_790_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

impl World {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let directory = Directory::new(folder.path(), &["ann", "bob"]);
        Self { folder, directory, more: String::new(), now: Cell::new(START) }
    }

    fn estate(&self) -> String {
        format!("[organisation]\nname = {{ en = \"O\" }}\ntime_zone = \"UTC\"\n{}{}", self.directory.target, self.more)
    }

    /// Does something with a case of this name, in somebody's name.
    fn with<T>(&self, case: &str, who: &str, act: impl FnOnce(&mut Response<'_>) -> T) -> T {
        let now = || Instant(self.now.get());
        // Each case has a secret of its own.
        let random = || [case.bytes().fold(7, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte)); 32];
        let settings = settings(self.folder.path().join(case), who, &now, &random);
        let mut quiet = Quiet;
        let estate = self.estate();
        act(&mut Response::begin(&settings, (&estate, "estate.toml"), &mut quiet).expect("a case"))
    }

    fn given(&self) -> TargetSecrets {
        TargetSecrets { secrets: [("idp".to_owned(), Secret::new(KEY.to_owned()))].into(), patience: Some(Duration::from_secs(5)), ..TargetSecrets::default() }
    }

    fn plan(&self, case: &str, account: &str, lease: Option<Duration>) {
        let action = disable(account);
        self.with(case, "A. Chan", |response| response.plan_cut(&[action], lease, &self.given())).expect("a plan");
    }

    fn approve(&self, case: &str, plan: u64) {
        for who in ["A. Chan", "B. Lee"] {
            self.with(case, who, |response| response.approve_cut(Some(plan), None)).expect("an approval");
        }
    }

    /// Applies; what is said where it does not.
    fn apply(&self, case: &str, plan: u64) -> Result<(), String> {
        self.with(case, "A. Chan", |response| response.apply_cut(Some(plan), &self.given())).map(|_| ()).map_err(|error| error.to_string())
    }

    fn effective(&self, case: &str) -> Vec<String> {
        self.with(case, "A. Chan", |response| response.effective_actions()).expect("a state").into_iter().collect()
    }

    /// A case that keeps its estate, as one with evidence does: the program itself can work on it.
    fn open(&self) {
        let nothing = self.folder.path().join("no evidence");
        fs::create_dir_all(&nothing).expect("a folder");
        self.with("case", "A. Chan", |response| response.intake(&nothing)).expect("taken in");
    }

    /// `strandline contain CASE …`
    fn contain(&self, arguments: &[&str], code: i32, expected: &str) -> String {
        let case = self.folder.path().join("case");
        check(&[&["contain", text(&case)], arguments].concat(), code, expected)
    }

    /// Another directory than the documentation's: one line of it is another one.
    fn pervert(&self, line: &str, by: &str) {
        assert!(RESPONDER.contains(line), "{line}");
        fs::write(self.folder.path().join("responder.py"), RESPONDER.replace(line, by)).expect("a program");
    }

    #[track_caller]
    fn refuses(&self, case: &str, plan: u64, expected: &str) {
        let before = self.directory.read();
        let said = self.apply(case, plan).expect_err("it is refused");
        assert!(said.contains(expected), "{said}");
        assert_eq!(self.directory.read(), before, "nothing was done");
    }
}

#[test]
fn an_approval_ends_after_a_day_and_a_clock_that_is_wrong_makes_it_no_better() {
    if !python() {
        return;
    }
    let world = World::new();
    world.plan("case", "ann", None);
    world.approve("case", 1);
    world.now.set(START + 25 * HOUR);
    world.refuses("case", 1, "some are older");
    world.now.set(START - 25 * HOUR);
    world.refuses("case", 1, "some are older");
    // An hour off is no day off.
    world.now.set(START - HOUR);
    world.apply("case", 1).expect("applied");
    assert_eq!(world.effective("case"), ["A-ann"]);
}

#[test]
fn a_plan_that_was_changed_or_is_of_another_case_is_not_applied() {
    if !python() {
        return;
    }
    let world = World::new();
    world.plan("one", "ann", None);
    world.plan("two", "bob", None);
    world.approve("one", 1);
    let state = |case: &str| world.folder.path().join(case).join("case.db");
    let kept = fs::read(state("one")).expect("a state");
    // The other case's state, with its plan.
    fs::copy(state("two"), state("one")).expect("copied");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", state("one").display()));
    }
    world.refuses("one", 1, "is not the one that this case recorded");
    fs::write(state("one"), kept).expect("put back");
    world.refuses("one", 7, "there is no plan 7");
    // A target that is not as the plan found it.
    let disabled = world.directory.read().replacen("yes", "paused", 1);
    fs::write(&world.directory.accounts, disabled).expect("somebody changes it");
    world.refuses("one", 1, "is not as the plan found it");
}

#[test]
fn what_the_directorys_team_disabled_before_the_cut_stays_disabled_by_an_undo() {
    if !python() {
        return;
    }
    let world = World::new();
    world.plan("case", "ann", None);
    world.approve("case", 1);
    let theirs = world.directory.read().replacen("yes", "no", 1);
    fs::write(&world.directory.accounts, &theirs).expect("the team disables it");
    world.apply("case", 1).expect("it stands already");
    assert_eq!(world.effective("case"), ["A-ann"]);
    let undone = world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &world.given())).expect("left");
    assert!(undone[0].actions[0].said.as_deref().is_some_and(|said| said.contains("somebody else's hand")), "{undone:?}");
    assert_eq!(world.directory.read(), theirs, "what they did is theirs to take back");
    assert_eq!(world.effective("case"), [""; 0]);
}

#[test]
fn what_somebody_else_changed_after_the_cut_is_shown_left_alone_and_gone_over_where_that_is_asked() {
    if !python() {
        return;
    }
    let world = World::new();
    world.open();
    let untouched = world.directory.read();
    world.plan("case", "ann", None);
    world.approve("case", 1);
    world.apply("case", 1).expect("applied");
    let theirs = world.directory.read().replacen("\"no\"", "\"paused\"", 1);
    fs::write(&world.directory.accounts, &theirs).expect("the team changes it");
    let three = "enabled: yes before, no by the action, paused now";
    world.contain(&["verify"], 3, &format!("changed since: {three}"));
    for one in [&["undo"][..], &["undo", "--all"], &["undo", "--plan", "1", "--action", "1"]] {
        world.contain(one, 3, &format!("not done: target idp was changed by somebody else: {three}"));
        assert_eq!(world.directory.read(), theirs, "it is left alone");
    }
    world.contain(&["undo", "--force-undo"], 0, "undone");
    assert_eq!(world.directory.read(), untouched, "what was there before is there again");
    world.contain(&["undo", "--force-undo"], 1, "nothing to take back");
}

#[test]
fn a_target_that_does_something_else_than_was_planned_is_not_called_done() {
    if !python() {
        return;
    }
    let world = World::new();
    let untouched = world.directory.read();
    world.plan("case", "ann", None);
    world.approve("case", 1);
    world.pervert("change(path, subject, question[\"meant\"])", "change(path, subject, {\"enabled\": \"paused\"})");
    let view = world.with("case", "A. Chan", |response| response.apply_cut(Some(1), &world.given())).expect("told");
    let told = format!("{:?}", view.actions[0].outcome);
    assert!(told.contains("enabled: yes before, no by the action, paused now"), "{told}");
    assert!(view.has_failed() && world.effective("case").is_empty());
    world.refuses("case", 1, "is not as the plan found it");
    let undo = |force| world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, force, &world.given())).expect("told");
    assert!(undo(Force::No)[0].has_failed() && world.directory.read() != untouched);
    assert!(!undo(Force::Yes)[0].has_failed() && world.directory.read() == untouched);
}

#[test]
fn who_came_on_the_list_after_the_plan_is_not_cut_and_the_others_are() {
    if !python() {
        return;
    }
    let mut world = World::new();
    let untouched = world.directory.read();
    world.with("case", "A. Chan", |response| response.plan_cut(&["ann", "bob"].map(disable), None, &world.given())).expect("a plan");
    world.approve("case", 1);
    world.more = "\n[[breakglass]]\naccount = \"Ann\"\nreason = \"the sealed envelope\"\n".to_owned();
    let rehearsed = world.with("case", "A. Chan", |response| response.rehearse_cut(Some(1), &world.given())).expect("read");
    assert_eq!(rehearsed.actions.iter().map(|action| action.is_ready).collect::<Vec<_>>(), [Some(false), Some(true)]);
    let view = world.with("case", "A. Chan", |response| response.apply_cut(Some(1), &world.given())).expect("told");
    let told = format!("{:?}", view.actions[0].outcome);
    assert!(told.contains("ann is never cut off: [[breakglass]] of the estate: the sealed envelope"), "{told}");
    assert!(view.has_failed() && world.effective("case") == ["A-bob"]);
    let accounts = || serde_json::from_str::<Value>(&world.directory.read()).expect("JSON");
    assert_eq!(accounts(), json!({ "ann": { "enabled": "yes" }, "bob": { "enabled": "no" } }));
    // Off the list, the same command goes on.
    let listed = std::mem::take(&mut world.more);
    world.apply("case", 1).expect("applied");
    assert_eq!(world.effective("case"), ["A-ann", "A-bob"]);
    // On it again, the cut that stands is looked at and taken back.
    world.more = listed;
    world.with("case", "A. Chan", |response| response.verify_cut(None, &world.given())).expect("verified");
    assert_eq!(world.effective("case"), ["A-ann", "A-bob"]);
    let undone = world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &world.given())).expect("taken back");
    assert!(!undone[0].has_failed() && world.directory.read() == untouched);
}

#[test]
fn apply_looks_again_after_a_while_and_what_it_finds_then_counts() {
    if !python() {
        return;
    }
    let world = World::new();
    world.open();
    world.contain(&["plan", "--effect", "idp:exec:action=disable_account,subject=ann"], 0, "enabled: yes -> no");
    for who in ["A. Chan", "B. Lee"] {
        world.contain(&["approve", "--responder", who], 0, "of 2");
    }
    // What a trial finds the second time, and no other.
    world.pervert(
        "        return trial(path, subject)\n",
        "        with open(path + \".tries\", \"a\") as file:\n            file.write(\"x\")\n        \
         return {\"doors\": [\"it is enabled again\"]} if os.path.getsize(path + \".tries\") == 2 else trial(path, subject)\n",
    );
    let told = world.contain(&["apply", "--again-after", "1s"], 3, "looking again in 1 s");
    let (first, second) = told.split_once("looking again in 1 s").expect("both looks");
    assert!(first.contains("effective") && !first.contains("NOT EFFECTIVE"), "{told}");
    assert!(second.contains("NOT EFFECTIVE") && second.contains("open: it is enabled again"), "{told}");
    let told = world.contain(&["apply", "--plan", "1", "--again-after", "1s"], 0, "looking again in 1 s");
    assert_eq!(told.matches("ann is disabled").count(), 2, "{told}");
    // A program is told once, what was found at last.
    let told: Value = serde_json::from_str(&world.contain(&["apply", "--again-after", "1s", "--json"], 0, "")).expect("JSON");
    assert_eq!(told[0]["actions"][0]["answer"], "effective");
    let told = world.contain(&["apply", "--again-after", "0s"], 0, "effective");
    assert!(!told.contains("looking again"), "{told}");
    assert_eq!(fs::read_to_string(world.directory.accounts.with_extension("json.tries")).expect("trials").len(), 7, "one look, or two");
}

#[test]
fn strays_are_none_or_cannot_be_told() {
    if !python() {
        return;
    }
    let mut world = World::new();
    world.open();
    world.contain(&["strays"], 0, "Nothing of ours stands there");
    // A server that is not there.
    world.more = "\n[[target]]\nname = \"db\"\nkind = \"mysql\"\naddress = \"127.0.0.1:1\"\naccount = \"x\"\n".to_owned();
    world.open();
    world.contain(&["strays", "--patience", "1s"], 4, "db: not told: target db does not answer");
    let told: Value = serde_json::from_str(&world.contain(&["strays", "--json"], 4, "")).expect("JSON");
    let untold = |name: &str| told.as_array().expect("a list").iter().find(|view| view["target"] == name).expect("a target")["untold"].is_null();
    assert!(untold("idp") && !untold("db"), "{told}");
}

#[test]
fn evidence_of_a_cut_stands_in_the_vault_and_is_verified_there() {
    if !python() {
        return;
    }
    let world = World::new();
    let case = world.folder.path().join("case");
    world.plan("case", "ann", None);
    world.approve("case", 1);
    world.apply("case", 1).expect("applied");
    let custody: Value = serde_json::from_str(&fs::read_to_string(case.join("evidence/custody.json")).expect("a record")).expect("JSON");
    let kept = custody.as_array().expect("a list").iter().find(|artefact| artefact["path"] == "containment/plan-1/idp/1/evidence-account.json");
    let kept = kept.unwrap_or_else(|| panic!("what was captured is not in custody: {custody}"));
    let sealed = case.join("evidence").join(kept["sealed_sha256"].as_str().expect("a digest"));
    assert_eq!(fs::read_to_string(&sealed).expect("evidence"), r#"{"enabled": "yes"}"#, "as it stood before the cut");
    let verify = |code, expected: &str| check(&["verify", text(&case)], code, expected);
    verify(0, "sound");
    fs::set_permissions(&sealed, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("it can be written");
    fs::write(&sealed, r#"{"enabled": "no"}"#).expect("somebody changes it");
    verify(3, "changed after it was committed");
}

#[test]
fn a_target_whose_secret_cannot_be_read_fails_alone() {
    if !python() {
        return;
    }
    let world = World::new();
    let untouched = world.directory.read();
    let other = || fs::read_to_string(world.folder.path().join("others.json")).expect("accounts");
    let actions = [("idp", "ann"), ("idp2", "bob")].map(|(target, account)| Action { target: Some(target.to_owned()), ..disable(account) });
    let mut given = world.given();
    given.secrets.insert("idp2".to_owned(), Secret::new(KEY.to_owned()));
    world.with("case", "A. Chan", |response| response.plan_cut(&actions, None, &given)).expect("a plan");
    world.approve("case", 1);
    world.with("case", "A. Chan", |response| response.apply_cut(Some(1), &given)).expect("applied");
    let blind = TargetSecrets { missing: [("idp2".to_owned(), "its password file cannot be read".to_owned())].into(), ..world.given() };
    let waves = world.with("case", "A. Chan", |response| response.verify_cut(None, &blind)).expect("verified");
    assert_eq!(waves[0].actions.iter().map(|cut| cut.answer.as_deref()).collect::<Vec<_>>(), [Some("effective"), Some("not_testable")]);
    let waves = world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &blind)).expect("told");
    assert!(waves[0].has_failed() && format!("{:?}", waves[0].actions[1].outcome).contains("cannot be read"));
    assert!(world.directory.read() == untouched && other() != untouched, "the one is back, the other waits for its key");
    world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &given)).expect("taken back");
    assert_eq!(other(), untouched);
}

#[test]
fn a_lease_that_ended_and_what_another_plan_took_back_are_not_effective() {
    if !python() {
        return;
    }
    let world = World::new();
    world.plan("case", "ann", Some(Duration::from_secs(3600)));
    world.approve("case", 1);
    world.apply("case", 1).expect("applied");
    assert_eq!(world.effective("case"), ["A-ann"]);
    world.now.set(START + 2 * HOUR);
    assert!(world.effective("case").is_empty(), "its lease has ended, whatever was said before");
    let overdue = world.with("case", "A. Chan", |response| response.cut_status()).expect("a state");
    assert!(overdue[0].actions[0].is_overdue);
    // The same again, found as it is to be; then the first is taken back.
    world.plan("case", "ann", None);
    world.approve("case", 2);
    world.apply("case", 2).expect("applied");
    assert_eq!(world.effective("case"), ["A-ann"]);
    world.now.set(START + 3 * HOUR);
    world.with("case", "A. Chan", |response| response.undo_cut(Back::Plan(1), Force::No, &world.given())).expect("taken back");
    assert!(world.effective("case").is_empty(), "nothing of it stands at the target");
    let waves = world.with("case", "A. Chan", |response| response.verify_cut(None, &world.given())).expect("verified");
    assert_eq!(waves[0].actions[0].answer.as_deref(), Some("not_effective"));
}

#[test]
fn a_target_that_is_down_slow_or_talks_nonsense_is_named_and_its_action_is_not_called_done() {
    if !python() {
        return;
    }
    let world = World::new();
    world.plan("case", "ann", None);
    world.approve("case", 1);
    let program = world.folder.path().join("responder.py");
    let untouched = world.directory.read();
    for (text, expected) in [
        ("import sys; sys.exit('down')", "idp"),
        ("print('{}')", "idp"),
        ("import time; time.sleep(60)", "longer than"),
        ("import sys; sys.stdout.write('x' * (20 << 20))", "idp"),
    ] {
        fs::write(&program, text).expect("another program");
        let given = TargetSecrets { patience: Some(Duration::from_secs(1)), ..world.given() };
        let view = world.with("case", "A. Chan", |response| response.apply_cut(Some(1), &given)).expect("told");
        assert!(view.has_failed() && world.effective("case").is_empty(), "{view:?}");
        let told = format!("{:?}", view.actions[0].outcome);
        assert!(told.contains(expected), "{told}");
        assert_eq!(world.directory.read(), untouched);
    }
    let captured =
        || fs::read_to_string(world.folder.path().join("case/evidence/custody.json")).expect("a record").contains("plan-1/idp/1/evidence-account.json");
    assert!(!captured());
    fs::write(&program, RESPONDER).expect("the right one");
    world.apply("case", 1).expect("the same command goes on");
    assert_eq!(world.effective("case"), ["A-ann"]);
    assert!(captured(), "what could not be had at the first time is had before the cut");
    // Away again: nobody knows, and whoever watches is told so; a missing secret is no alarm.
    let unwatched = |given: &TargetSecrets| {
        let waves = world.with("case", "A. Chan", |response| response.verify_cut(None, given)).expect("told");
        waves[0].actions[0].is_unwatched()
    };
    assert_eq!(unwatched(&world.given()), None);
    fs::write(&program, "import sys; sys.exit('down')").expect("another program");
    assert!(unwatched(&world.given()).is_some_and(|why| why.contains("idp")));
}

/// Processes whose command line holds a text.
fn processes(text: &str) -> usize {
    let all = fs::read_dir("/proc").expect("processes").filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    all.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}

#[test]
#[ignore = "needs root and real servers: apt-get install postgresql nginx-light redis-server redis-tools nftables iproute2 procps"]
fn a_drill_with_real_servers_that_is_killed_leaves_no_process() {
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        eprintln!("SKIPPED: real servers in namespaces want root");
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("everybody may enter");
    let name = text(folder.path()).to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_strandline"));
    command.args(["drill", "--real", "--people", "300", "--days", "3", "--into"]).arg(folder.path().join("drill")).env("TMPDIR", folder.path());
    let mut drill = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("the binary runs");
    let begun = std::time::Instant::now();
    // nginx is the last to start.
    while processes(&format!("{name}/.")) < 3 || processes("nginx.conf") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(120) && drill.try_wait().expect("a child").is_none(), "the servers did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    drill.kill().expect("it can be killed");
    let _ = drill.wait();
    let killed = std::time::Instant::now();
    while processes(&name) > 0 {
        assert!(killed.elapsed() < Duration::from_secs(10), "{} processes are left", processes(&name));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A store of sessions of the test's own, ended with it.
struct Store(std::process::Child, u16);

impl Store {
    fn start(folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--bind", "127.0.0.1", "--dir", text(folder)]).stdout(std::process::Stdio::null());
        let store = Self(command.spawn().expect("redis-server: apt-get install redis-server"), port);
        let begun = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the store does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        store
    }

    fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.1.to_string()]).args(words).output().expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server redis-tools"]
fn a_session_alone_is_cut_without_an_approval_where_the_estate_gave_it_beforehand() {
    if !python() {
        return;
    }
    let mut world = World::new();
    let store = Store::start(world.folder.path());
    let target = |name: &str| format!("\n[[target]]\nname = \"{name}\"\nkind = \"sessions\"\naddress = \"127.0.0.1:{}\"\nsessions = \"sess:\"\n", store.1);
    let beforehand = "\n[[precut]]\ntarget = \"store\"\napproved_by = \"Head\"\nreason = \"of 2 March\"\n";
    world.more = format!("{}{}{beforehand}", target("store"), target("other"));
    store.cli(&["SET", "sess:abcdefgh01", "{\"user\":\"ann\"}"]);
    let at = |target: &str, effect: Effect| Action { effect, target: Some(target.to_owned()), ..disable("ann") };
    let session = || Effect::SessionStoreDelete { session: "abcdefgh".to_owned() };
    let everything = || Effect::SessionStoreDeleteAccount { account: "ann".to_owned() };
    let plan = |actions: &[Action]| world.with("case", "A. Chan", |response| response.plan_cut(actions, None, &world.given())).expect("a plan").approval;
    for (actions, needed) in [
        (vec![at("other", session())], 1),
        (vec![at("store", session()), at("other", session())], 1),
        (vec![at("store", everything())], 2),
        (vec![at("store", session()), at("idp", Effect::Exec { action: "disable_account".to_owned(), subject: "ann".to_owned() })], 2),
    ] {
        let approval = plan(&actions);
        assert_eq!((approval.needed, approval.beforehand.len()), (needed, 0), "{actions:?}");
    }
    world.refuses("case", 1, "0 of 1 approvals");
    let approval = plan(&[at("store", everything())]);
    assert_eq!(approval.ends, ["1 session, by user of ann at store"], "who approves is told how many");
    let approval = plan(&[at("store", session())]);
    assert!(approval.ends.is_empty());
    assert_eq!((approval.needed, approval.beforehand), (0, vec!["Head at store: of 2 March".to_owned()]));
    world.apply("case", 6).expect("applied");
    assert_eq!(store.cli(&["EXISTS", "sess:abcdefgh01"]), "0");
    let case = world.folder.path().join("case");
    check(&["verify", text(&case)], 0, "sound");
    let looked = strandline_case::Case::open_for_reading(&case).expect("a case");
    let stages: Vec<String> = looked.ledger().entries().filter_map(|entry| entry.expect("an entry").1.stage).collect();
    assert!(stages.iter().any(|stage| stage == "contain precut"), "the ledger says that nobody approved it then: {stages:?}");
    world.with("case", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &world.given())).expect("taken back");
    assert_eq!(store.cli(&["EXISTS", "sess:abcdefgh01"]), "1");
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server redis-tools"]
fn strays_of_another_case_are_named_and_what_this_one_holds_is_none() {
    if !python() {
        return;
    }
    let mut world = World::new();
    let store = Store::start(world.folder.path());
    world.more = format!("\n[[target]]\nname = \"store\"\nkind = \"sessions\"\naddress = \"127.0.0.1:{}\"\nsessions = \"sess:\"\n", store.1);
    world.open();
    for session in ["mine000001", "theirs0001"] {
        store.cli(&["SET", &format!("sess:{session}"), "{\"user\":\"ann\"}"]);
    }
    let delete = |case: &str, session: &str| {
        let effect = Effect::SessionStoreDelete { session: session.to_owned() };
        let action = Action { effect, target: Some("store".to_owned()), ..disable("ann") };
        world.with(case, "A. Chan", |response| response.plan_cut(&[action], None, &world.given())).expect("a plan");
        world.approve(case, 1);
        world.apply(case, 1).expect("applied");
    };
    delete("case", "mine000001");
    world.contain(&["strays"], 0, "Nothing of ours stands there");
    delete("another", "theirs0001");
    let told = world.contain(&["strays"], 3, "store: ");
    assert!(told.contains("theirs00") && !told.contains("theirs0001") && !told.contains("mine0000"), "{told}");
    world.with("another", "A. Chan", |response| response.undo_cut(Back::Newest, Force::No, &world.given())).expect("taken back");
    world.contain(&["strays"], 0, "Nothing of ours stands there");
    // What is found counts for more than what could not be told.
    store.cli(&["SET", "strandline:held:sess:left000001", "x"]);
    world.more += "\n[[target]]\nname = \"db\"\nkind = \"mysql\"\naddress = \"127.0.0.1:1\"\naccount = \"x\"\n";
    world.open();
    world.contain(&["strays"], 3, "db: not told");
    drop(store);
    world.contain(&["strays", "--patience", "1s"], 4, "store: not told");
}
