//! Containment through the binary: what each cut would have refused on a recording, what is left open, and that whoever decides
//! signs once anybody is enrolled.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use strandline_drill::{Cut, Plan, Scenario, generate, generate_with};
use strandline_model::containment::{Action, Effect};
use strandline_model::time::Instant;
use tempfile::TempDir;

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs it; it must end with this code, and say this.
#[track_caller]
fn check(arguments: &[&str], code: i32, expected: &str) -> String {
    let output = strandline(arguments);
    let (shown, said) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {shown}{said}");
    assert!(shown.contains(expected) || said.contains(expected), "{arguments:?} did not say {expected:?}: {shown}{said}");
    shown
}

/// The recording's folder; says so where it is not there.
fn recording(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("STRANDLINE_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let folder = shared.join("recordings").join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there, so what cuts would have refused on it is not tried", folder.display());
        return None;
    }
    Some(folder)
}

/// Effect, a word of what it does; unit, intruder's, lawful, open.
type Expected = (&'static str, &'static str, &'static str, i64, i64, i64);

#[test]
fn each_cut_has_what_it_would_have_refused_on_the_recording() {
    let Some(folder) = recording("kms-pivot") else { return };
    let case = TempDir::new().expect("a temporary folder");
    let case = case.path().join("case");
    let estate = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/prison-service/estate.toml");
    check(&["respond", "--estate", estate, "--evidence", text(&folder.join("evidence")), "--case", text(&case)], 0, "");
    let found: Value = serde_json::from_str(&check(&["contain", text(&case), "--json"], 3, "")).expect("JSON");
    let actions = found["actions"].as_array().expect("a list");
    let expected: [Expected; 4] = [
        ("web_deny_session", "81b9f5ffad10", "requests", 546, 0, 0),
        ("webhook", "locks the account: wingmingkwan3", "requests", 546, 25, 0),
        ("postgres_hba_reject", "hrs_report opens no new connection from 127.0.10.5", "statements", 32, 0, 0),
        ("postgres_role_no_login", "hrs_report", "statements", 32, 0, 0),
    ];
    for (effect, reaches, unit, intruder, lawful, open) in expected {
        let row = actions.iter().find(|a| a["effect"] == effect && a["reaches"].as_str().is_some_and(|text| text.contains(reaches)));
        let row = row.unwrap_or_else(|| panic!("no {effect} {reaches}: {actions:#?}"));
        let have = (row["unit"].as_str(), row["intruder"].as_i64(), row["lawful"].as_i64(), row["open"].as_i64());
        assert_eq!(have, (Some(unit), Some(intruder), Some(lawful), Some(open)), "{effect} {reaches}");
        let id = row["id"].as_str().expect("an id");
        check(&["contain", text(&case), "show", id], 0, "Had it been in force");
    }
    let session = actions.iter().find(|a| a["effect"] == "web_deny_session" && a["rank"] == 1);
    assert!(session.is_some(), "the narrowest cut of a session is the session itself");
    assert!(!found["left_open"].as_array().expect("a list").is_empty());
    check(&["contain", text(&case), "show", "A"], 1, "several candidates");
    check(&["contain", text(&case), "show", "nothing"], 1, "is no candidate");
    let report = fs::read_to_string(case.join("export/report.html")).expect("a report");
    assert!(report.contains("What would cut the intruder off") && report.contains("Left open"));
}

/// Requests of the other recording by address, session and account, counted in its raw lines.
#[test]
fn each_cut_has_what_the_raw_lines_of_the_other_recording_hold() {
    let Some(folder) = recording("quiet-hours") else { return };
    let case = TempDir::new().expect("a temporary folder");
    let case = case.path().join("case");
    let estate = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/prison-service/estate.toml");
    let evidence = folder.join("evidence");
    check(&["respond", "--estate", estate, "--evidence", text(&evidence), "--case", text(&case)], 0, "");
    let found: Value = serde_json::from_str(&check(&["contain", text(&case), "--json"], 3, "")).expect("JSON");
    let truth: Value = serde_json::from_str(&fs::read_to_string(folder.join("truth/intrusion.json")).expect("a truth")).expect("JSON");
    let his: Vec<&str> = truth["intruder_addresses"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let read = |name: &str| fs::read_to_string(evidence.join(name)).expect("a log");
    let count = |name: &str, texts: &[&str]| read(name).lines().filter(|line| texts.iter().all(|text| line.contains(text))).count() as u64;
    let mut compared = 0;
    for row in found["actions"].as_array().expect("a list") {
        let action: Action = serde_json::from_str(row["action"].as_str().expect("a text")).expect("an action");
        let system = action.system.as_deref().unwrap_or_default();
        let is_hrs = system == "hrs";
        let (web, app) = if is_hrs { ("hrs/access.json", "hrs/app.jsonl") } else { ("kms/access.log", "kms/app.log") };
        let expected = match &action.effect {
            Effect::WebDenyAddress { address } => {
                assert!(his.contains(&address.as_str()), "{address} is his by the truth");
                let written = if is_hrs { format!("\"remote_addr\":\"{address}\"") } else { format!("{address} - ") };
                (count(web, &[&written]), 0)
            }
            Effect::WebDenySession { session } => {
                let written = if is_hrs { format!("\"session\": \"{session}\"") } else { format!("sid={session} ") };
                (count(app, &[&written]), 0)
            }
            Effect::SessionStoreDeleteAccount { account } => {
                let (user, session) = if is_hrs { (format!("\"user\": \"{account}\""), "\"session\": ") } else { (format!("user={account} "), " sid=") };
                let from = |address: &&str| if is_hrs { format!("\"client\": \"{address}\"") } else { format!("ip={address} ") };
                let all = count(app, &[&user, session]);
                let intruder = his.iter().map(|address| count(app, &[&user, session, &from(address)])).sum::<u64>();
                (intruder, all - intruder)
            }
            _ => continue,
        };
        let told = |figure: &str| row[figure].as_u64().expect("a number");
        assert_eq!((told("intruder"), told("lawful"), told("open")), (expected.0, expected.1, 0), "{:?} on {system}", action.effect);
        assert!(expected.0 > 0, "{:?} on {system}", action.effect);
        compared += 1;
    }
    assert!(compared >= 6, "only {compared} were compared");
}

/// A key of ssh-keygen; says so where there is none.
fn key(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status();
    if made.is_err() {
        eprintln!("SKIPPED: there is no ssh-keygen here, so signed decisions are not tried");
        return None;
    }
    Some(file)
}

#[test]
fn once_somebody_is_enrolled_two_people_sign_for_the_letters() {
    let folder = TempDir::new().expect("a temporary folder");
    let (Some(chan), Some(lee)) = (key(folder.path(), "chan"), key(folder.path(), "lee")) else { return };
    let made = folder.path().join("made");
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&made)], 0, "");
    let case = folder.path().join("case");
    let name = text(&case);
    check(&["respond", "--estate", text(&made.join("estate.toml")), "--evidence", text(&made.join("evidence")), "--case", name], 0, "");
    // Typed names, as before.
    check(&["notify", name, "approve", "--second-from", "2", "--responder", "A. Chan"], 0, "1 of 2");
    check(&["verify", name], 0, "typed names");
    check(&["responders", name], 0, "Nobody is enrolled");

    let public = format!("{}.pub", text(&lee));
    check(&["responders", name, "add", "A. Chan", "--key", text(&chan), "--role", "lead"], 2, "approver");
    check(&["responders", name, "add", "A. Chan", "--key", text(&chan), "--role", "approver"], 0, "A. Chan");
    check(&["responders", name, "add", "B. Lee", "--key", &public, "--role", "approver"], 1, "--sign-with");
    check(&["responders", name, "add", "B. Lee", "--key", &public, "--role", "approver", "--sign-with", text(&chan)], 0, "B. Lee");

    let approve = |more: &[&str], code, expected: &str| {
        let mut arguments = vec!["notify", name, "approve", "--second-from", "2"];
        arguments.extend(more);
        check(&arguments, code, expected);
    };
    approve(&["--responder", "C. Ng"], 1, "--sign-with");
    approve(&["--sign-with", text(&chan)], 0, "1 of 2");
    approve(&["--sign-with", text(&chan)], 1, "another person's");
    approve(&["--sign-with", text(&chan), "--responder", "B. Lee"], 1, "the key is A. Chan's");
    approve(&["--sign-with", text(&lee)], 0, "A. Chan and B. Lee");
    check(&["decide", name, "stopped", "--at", "2026-02-03T08:15", "--knowing", "x"], 1, "--sign-with");
    check(&["responders", name, "remove", "B. Lee", "--sign-with", text(&chan)], 0, "removed by ledger entry");
    approve(&["--sign-with", text(&lee), "--responder", "B. Lee"], 1, "");
    check(&["verify", name], 0, "5 signatures: sound");
}

/// One drill: the requests that each candidate would have refused are those that the same department refuses once its servers hold the
/// cut, each of the intruder's and each lawful one.
fn check_drill(scenario: Scenario, seed: u64) {
    let folder = TempDir::new().expect("a temporary folder");
    let plan = Plan { people: 400, days: 4, ..Plan::new(scenario, seed) };
    let made = generate(&plan, &folder.path().join("made"), &mut |_| {}).expect("a department");
    let case = folder.path().join("case");
    let pins: Vec<String> = made.pins.iter().flat_map(|pin| ["--pin".to_owned(), pin.to_string()]).collect();
    let mut arguments = vec!["respond", "--estate", text(&made.estate), "--evidence", text(&made.evidence), "--case", text(&case)];
    arguments.extend(pins.iter().map(String::as_str));
    check(&arguments, 0, "");
    let found: Value = serde_json::from_str(&check(&["contain", text(&case), "--json"], 3, "")).expect("JSON");
    let (mut compared, mut statements) = (0, 0);
    for row in found["actions"].as_array().expect("a list").iter().filter(|a| a["unit"] == "requests" || a["unit"] == "statements") {
        let action: Action = serde_json::from_str(row["action"].as_str().expect("a text")).expect("an action");
        let cut = Cut { effect: action.effect.clone(), system: action.system.clone(), since: Instant::MIN };
        let again = folder.path().join("again");
        let (_, refused) = generate_with(&plan, &[cut], &again, &mut |_| {}).expect("a department");
        fs::remove_dir_all(&again).expect("it can be removed");
        let told = |figure: &str| row[figure].as_u64().expect("a number");
        let (intruder, lawful, open, really) = (told("intruder"), told("lawful"), told("open"), refused.all);
        let is_statement = row["unit"] == "statements";
        let (his, others) =
            if is_statement { (really.intruder_statements, really.lawful_statements) } else { (really.intruder_requests, really.lawful_requests) };
        if is_statement {
            // Its log has an execution in one record or in two.
            let fits = |told: u64, really: u64| told <= 2 * really && really <= told + open;
            assert!(fits(intruder, his) && fits(lawful, others), "{scenario} {seed}: {:?}: {his} {others}: {row}", action.effect);
            statements += 1;
            continue;
        }
        assert_eq!(intruder + lawful + open, his + others, "{scenario} {seed}: {:?}: {row}", action.effect);
        // Of an insider whose account is pinned everything counts as the actor's, work of that account too.
        if scenario != Scenario::Insider {
            assert_eq!((intruder, lawful, open), (his, others, 0), "{scenario} {seed}: {:?}", action.effect);
        }
        compared += 1;
    }
    assert!(compared > 0, "{scenario} {seed}: nothing was compared");
    assert!(statements > 0 || scenario != Scenario::Pivot, "{scenario} {seed}: no statement was compared");
}

/// Lawful requests that a cut would have refused are those that the drill refuses. A test each, so that they run beside one another. Not
/// `file-share`: an office that no gate of the drill stands before. Of an insider the sums, so that five are exact.
macro_rules! the_drill_refuses_what_was_told {
    ($($name:ident: $scenario:ident, $seed:expr;)*) => {
        mod the_drill_refuses_what_was_told {
            $(#[test]
            fn $name() {
                super::check_drill(super::Scenario::$scenario, $seed);
            })*
        }
    };
}

the_drill_refuses_what_was_told! {
    of_a_pivot: Pivot, 1;
    of_a_stolen_session: StolenSession, 2;
    of_an_injection: Injection, 3;
    of_an_insider: Insider, 4;
    of_another_pivot: Pivot, 5;
    behind_one_url: OneUrl, 6;
}
