//! Whose the statements are that an application ran while the intruder's requests were in progress, through the binary: each is in one
//! part, the requests are those of the table, and a link that is struck moves its statements.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn check(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_strandline")).args(["--responder", "A. Chan"]).args(arguments).output().expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&check(&[&["--json"], arguments].concat())).expect("JSON")
}

const PARTS: [&str; 6] = ["own_proved", "own_inferred", "others_proved", "others_inferred", "struck", "open"];

/// The parts of a division or of one request, in the order of the columns that the terminal shows.
fn parts(of: &Value) -> Vec<u64> {
    PARTS.iter().map(|part| of[part].as_u64().expect("a number")).collect()
}

/// The numbers that a line of the terminal begins with.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

#[test]
fn each_statement_is_in_one_part_and_the_terminal_shows_what_the_table_holds() {
    let folder = TempDir::new().expect("a temporary folder");
    let text = |path: &Path| path.to_str().expect("temporary paths are UTF-8").to_owned();
    let (made, case) = (folder.path().join("made"), text(&folder.path().join("case")));
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", &text(&made)]);
    check(&["respond", "--estate", &text(&made.join("estate.toml")), "--evidence", &text(&made.join("evidence")), "--case", &case]);

    let found = json(&["trace", &case, "--statements"]);
    let (division, requests) = (parts(&found["statements"]["division"]), found["statements"]["requests"].as_array().expect("requests"));
    let all: u64 = division.iter().sum();
    assert!(!requests.is_empty() && division[0] > 0, "the intruder's requests ran something: {division:?}");
    let rows: u64 = json(&["sql", &case, "select count(*) as n from splits"])["n"].as_u64().expect("a number");
    assert_eq!(requests.len() as u64, rows);

    let shown = check(&["trace", &case, "--statements"]);
    let lines: Vec<&str> = shown.lines().collect();
    let (last, listed) = lines[2..].split_last().expect("a line for all");
    assert_eq!(listed.iter().map(|line| numbers(line)).collect::<Vec<_>>(), requests.iter().map(parts).collect::<Vec<_>>());
    assert_eq!(numbers(last), division);
    assert!(last.ends_with(&format!("all {all} statements, each once, in {} requests", requests.len())), "{last}");

    // A link struck out: its statements are struck, and none is lost.
    let links = found["links"].as_array().expect("links");
    let link = links.iter().find(|link| link["rule"] == "request_to_statement").expect("a link")["id"].as_str().expect("an id");
    check(&["trace", &case, "--strike", link, "--why", "ours"]);
    let then = parts(&json(&["trace", &case, "--statements"])["statements"]["division"]);
    assert!(then[4] > division[4] && then[0] + then[1] < division[0] + division[1], "{division:?} {then:?}");
    assert_eq!(then.iter().sum::<u64>(), all);
}
