//! Messages to the desk: each entered once, in the ledger by digest alone, completed after a kill, and every change found.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::path::Path;

use rusqlite::{Connection, params};
use strandline_case::{Anchor, Author, Case, NewMessage, Origin, Secrets, verify};
use strandline_model::time::Instant;

const SECRET: &str = "they know where I live";

fn message(number: u64) -> NewMessage {
    NewMessage {
        id: format!("{number:032x}"),
        data_subject: format!("C{number:05}"),
        kind: "safety".into(),
        body: format!("{{\"text\":\"{SECRET}\"}}"),
        collected_at: Instant(7),
    }
}

fn author() -> Author {
    Author { actor: "alice".into(), time: Instant(8) }
}

fn new_case(path: &Path) -> Case {
    Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap()
}

fn check_problems(path: &Path, sql: &str, expected: usize) {
    let state = Connection::open(path.join("case.db")).unwrap();
    state.execute(sql, []).unwrap();
    let report = verify(path, &Anchor::default());
    assert_eq!(report.problems.len(), expected, "{sql}: {:?}", report.problems);
}

#[test]
fn each_message_is_entered_once_and_every_change_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let many: Vec<NewMessage> = (0..450).map(message).collect();
    assert_eq!(case.record_messages(&many[..300], &author(), "0.1.0").unwrap(), 300);
    assert_eq!(case.record_messages(&many, &author(), "0.1.0").unwrap(), 150);
    assert_eq!(case.record_messages(&many, &author(), "0.1.0").unwrap(), 0);
    let twice = [message(900), message(900)];
    assert_eq!(case.record_messages(&twice, &author(), "0.1.0").unwrap(), 1);
    let stored = case.stored_messages().unwrap();
    assert_eq!(stored.len(), 451);
    assert!(!format!("{stored:?}").contains(SECRET), "a message prints its words");
    for index in 0..case.ledger().size() {
        let entry = format!("{:?}", case.ledger().entry(index).unwrap());
        assert!(!entry.contains("live") && !entry.contains("C00001"), "the ledger tells something of a person");
    }
    drop(case);
    let report = verify(&path, &Anchor::default());
    assert!(report.is_sound(), "{:?}", report.problems);
    check_problems(&path, "UPDATE message SET body = '{}' WHERE data_subject = 'C00004'", 1);
    check_problems(&path, "DELETE FROM message WHERE data_subject = 'C00004'", 1);
    check_problems(&path, "INSERT INTO message VALUES ('x', 0, 'C1', 'moved', '{}', 7)", 2);
}

#[test]
fn a_killed_collection_is_completed_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    case.record_messages(&[message(1), message(2)], &author(), "0.1.0").unwrap();
    let digest = case.ledger().entry(0).unwrap().digests[&format!("message/{}", message(2).id)].clone();
    drop(case);
    // As a kill leaves it: one in the ledger and not yet a row, one that never got to the ledger.
    let state = Connection::open(path.join("case.db")).unwrap();
    state.execute("DELETE FROM message WHERE data_subject = 'C00002'", []).unwrap();
    for (message, digest) in [(message(2), digest.as_str()), (message(3), "00")] {
        let NewMessage { id, data_subject, kind, body, collected_at } = message;
        state.execute("INSERT INTO pending_message VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6)", params![digest, id, data_subject, kind, body, collected_at.0]).unwrap();
    }
    drop(state);
    assert!(!verify(&path, &Anchor::default()).is_sound());
    let case = Case::open(&path).unwrap();
    let subjects: Vec<String> = case.stored_messages().unwrap().into_iter().map(|stored| stored.message.data_subject).collect();
    assert_eq!(subjects, ["C00001", "C00002"]);
    drop(case);
    assert!(verify(&path, &Anchor::default()).is_sound());
}
