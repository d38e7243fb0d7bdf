//! Statements from outside: in the ledger by digest alone, durable, and every change found.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::path::Path;

use rusqlite::Connection;
use strandline_case::{Anchor, Case, EntryKind, Function, Origin, Secrets, Statement, verify};
use strandline_model::time::Instant;

const SECRET: &str = "CHAN Siu Ming was told";

fn statement(number: i64) -> Statement {
    Statement { kind: "duty".into(), body: format!("{{\"text\":\"{SECRET}\",\"n\":{number}}}"), made_by: "alice".into(), made_at: Instant(number) }
}

fn case_with_two(path: &Path) -> Case {
    let mut case = Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap();
    assert_eq!(case.stored_statements("duty").unwrap(), []);
    for number in [1, 2] {
        assert_eq!(case.record_statement(&statement(number), Function::Respond, "0.1.0").unwrap(), u64::try_from(number - 1).unwrap());
    }
    case
}

fn check_problems(path: &Path, sql: &str, expected: usize) {
    let state = Connection::open(path.join("case.db")).unwrap();
    state.execute(sql, []).unwrap();
    let report = verify(path, &Anchor::default());
    assert_eq!(report.problems.len(), expected, "{sql}: {:?}", report.problems);
}

#[test]
fn words_stay_out_of_the_ledger_and_every_change_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(case_with_two(&path));
    let case = Case::open_for_reading(&path).unwrap();
    let stored: Vec<Statement> = case.stored_statements("duty").unwrap().into_iter().map(|s| s.statement).collect();
    assert_eq!(stored, [statement(1), statement(2)]);
    assert_eq!(case.stored_statements("other").unwrap(), []);
    for index in 0..2 {
        assert!(!format!("{:?}", case.ledger().entry(index).unwrap()).contains("CHAN"), "the ledger holds words");
    }
    assert!(!format!("{stored:?}").contains("CHAN"), "a statement prints its words");
    let report = verify(&path, &Anchor::default());
    assert!(report.is_sound() && report.decisions == 2, "{:?}", report.problems);

    check_problems(&path, "UPDATE statement SET made_at = 9 WHERE ledger_entry = 1", 1);
    check_problems(&path, "UPDATE statement SET made_at = 2 WHERE ledger_entry = 1", 0);
    check_problems(&path, "INSERT INTO statement VALUES (7, 'duty', '{}', 'bob', 3)", 1);
    check_problems(&path, "DELETE FROM statement WHERE ledger_entry > 0", 1);
}

#[test]
fn a_look_that_nobody_signed_is_entered_and_passes_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = case_with_two(&path);
    assert_eq!(case.record_look(format!("{{\"text\":\"{SECRET}\"}}"), "alice", Instant(3), "0.1.0").unwrap(), 2);
    let entry = case.ledger().entry(2).unwrap();
    assert!(entry.kind == EntryKind::Action && entry.actor == "alice" && !format!("{entry:?}").contains("CHAN"));
    drop(case);
    let report = verify(&path, &Anchor::default());
    assert!(report.is_sound() && report.decisions == 3, "{:?}", report.problems);
    check_problems(&path, "UPDATE statement SET kind = 'duty' WHERE ledger_entry = 2", 1);
    check_problems(&path, "UPDATE statement SET kind = 'look_up' WHERE ledger_entry = 2", 0);
    check_problems(&path, "DELETE FROM statement WHERE ledger_entry = 2", 1);
}

#[test]
fn a_killed_statement_is_completed_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = case_with_two(&path);
    let digest = case.ledger().entry(1).unwrap().digests["statement"].clone();
    drop(case);
    let state = Connection::open(path.join("case.db")).unwrap();
    state.execute("INSERT INTO pending_statement SELECT 1, ?1, kind, body, made_by, made_at FROM statement WHERE ledger_entry = 1", [digest]).unwrap();
    state.execute("INSERT INTO pending_statement VALUES (1, 'no such digest', 'duty', '{}', 'nobody', 1)", []).unwrap();
    state.execute("DELETE FROM statement WHERE ledger_entry = 1", []).unwrap();
    drop(state);
    let case = Case::open(&path).unwrap();
    assert_eq!(case.stored_statements("duty").unwrap().into_iter().map(|s| s.statement).collect::<Vec<_>>(), [statement(1), statement(2)]);
    assert!(verify(&path, &Anchor::default()).is_sound());
}
