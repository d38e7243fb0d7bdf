//! What would hang on a judgement, through the binary: nothing is entered, a killed preview leaves nothing behind, and a judgement over
//! another state than the one that was looked at is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(["--responder", "A. Chan"]).args(arguments).output().expect("the binary runs")
}

/// What it printed, where it ended so.
fn check(arguments: &[&str], code: i32, says: &str) -> String {
    let output = strandline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    assert!(out.contains(says) || err.contains(says), "{arguments:?}: {out}{err}");
    out
}

fn entries(case: &Path) -> String {
    fs::read_to_string(case.join("ledger/checkpoint")).expect("a checkpoint").lines().nth(1).expect("a size").to_owned()
}

fn trials(case: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(case).expect("a case").map(|entry| entry.expect("an entry").path());
    all.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".tmp-"))).collect()
}

#[test]
fn a_preview_enters_nothing_and_is_cleared_when_killed_and_a_judgement_is_over_its_state() {
    let folder = TempDir::new().expect("a temporary folder");
    let (made, case) = (folder.path().join("made"), folder.path().join("case"));
    let text = |path: &Path| path.to_str().expect("temporary paths are UTF-8").to_owned();
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", &text(&made)], 0, "");
    check(&["respond", "--estate", &text(&made.join("estate.toml")), "--evidence", &text(&made.join("evidence")), "--case", &text(&case)], 0, "");
    let name = text(&case);
    let trail: Value = serde_json::from_str(&check(&["--json", "trace", &name], 0, "")).expect("JSON");
    let links = trail["links"].as_array().expect("links");
    let link = links.iter().rev().find(|link| link["rule"] == "request_to_statement").expect("a link")["id"].as_str().expect("an id").to_owned();
    let before = entries(&case);
    check(&["trace", &name, "--strike", "none-such", "--preview"], 1, "no link or detection");
    check(&["trace", &name, "--strike", &link, "--preview"], 0, "Nothing was entered");
    let found: Value = serde_json::from_str(&check(&["--json", "trace", &name, "--strike", &link, "--preview"], 0, "")).expect("JSON");
    assert!(found["before"]["accesses"].as_u64() > found["after"]["accesses"].as_u64(), "{}", found["after"]);
    assert!(trials(&case).is_empty() && entries(&case) == before, "a preview left something");

    let mut killed = Command::new(env!("CARGO_BIN_EXE_strandline"))
        .args(["trace", &name, "--strike", &link, "--preview"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    while trials(&case).is_empty() && killed.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    killed.kill().expect("it can be killed");
    killed.wait().expect("it ends");
    assert!(!trials(&case).is_empty(), "it was not killed in the middle");
    check(&["verify", &name], 0, "sound");
    check(&["decide", &name, "found", "--at", "2026-02-03T08:15", "--knowing", "x"], 0, "");
    assert!(trials(&case).is_empty(), "what a killed preview left stays");

    let state = found["state"].as_str().expect("a state").to_owned();
    check(&["trace", &name, "--pin", "session=nobody-of-ours", "--why", "x"], 0, "");
    check(&["trace", &name, "--strike", &link, "--why", "x", "--previewed", &state], 1, "has changed since the preview");
    check(&["trace", &name, "--no-pins", "--preview"], 0, "Nothing was entered");
    // From nothing but that session there is no such link: the starting point is withdrawn again.
    check(&["trace", &name, "--no-pins"], 0, &link);
    let again: Value = serde_json::from_str(&check(&["--json", "trace", &name, "--strike", &link, "--preview"], 0, "")).expect("JSON");
    check(&["trace", &name, "--strike", &link, "--why", "x", "--previewed", again["state"].as_str().expect("a state")], 0, "struck");
    check(&["verify", &name], 0, "sound");
}
