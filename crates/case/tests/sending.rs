//! Approvals and letters on their way, from outside: durable, checked, and found out when changed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::collections::BTreeSet;
use std::path::Path;

use strandline_case::{Anchor, Approval, Author, Case, NewLetter, Origin, Secrets, SendingFiles, SendingStep, verify};
use strandline_model::letter::{Channel, SendingState};
use strandline_model::time::Instant;

const PLAN: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn new_case(path: &Path) -> Case {
    Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap()
}

fn author() -> Author {
    Author { actor: "alice".into(), time: Instant(9) }
}

fn approval(name: &str) -> Approval {
    Approval { plan_sha256: PLAN.into(), letters: 3, approved_by: name.into(), approved_at: Instant(5), reason: None }
}

fn letters(case: &Case) -> Vec<NewLetter> {
    let letter = |key: &str| NewLetter {
        reference: case.letter_reference(1, key).unwrap(),
        channel: Channel::Email,
        round: 1,
        data_subject: key.into(),
        letter_sha256: PLAN.into(),
        plan_sha256: PLAN.into(),
    };
    ["A", "B", "C"].map(letter).to_vec()
}

fn step(letter: &NewLetter, state: SendingState) -> SendingStep {
    SendingStep { reference: letter.reference.clone(), channel: letter.channel, state, at: Instant(7), due_at: None, answer: Some("250 2.0.0 ok".into()) }
}

fn problems(path: &Path) -> Vec<String> {
    verify(path, &Anchor::default()).problems.into_iter().map(|p| p.meaning).collect()
}

#[test]
fn an_approval_is_in_the_ledger_and_a_changed_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    case.record_approval(&approval("A. Chan"), "0.1.0").unwrap();
    case.record_approval(&approval("B. Lee"), "0.1.0").unwrap();
    assert_eq!(case.stored_approvals().unwrap().iter().map(|a| a.approval.approved_by.as_str()).collect::<Vec<_>>(), ["A. Chan", "B. Lee"]);
    let entry = case.ledger().entry(0).unwrap();
    assert_eq!(entry.inputs["letters"], PLAN);
    drop(case);
    assert_eq!(problems(&path), Vec::<String>::new());
    rusqlite::Connection::open(path.join("case.db")).unwrap().execute("UPDATE approval SET approved_by = 'C. Wong' WHERE ledger_entry = 1", []).unwrap();
    assert_eq!(problems(&path).len(), 1);
    rusqlite::Connection::open(path.join("case.db")).unwrap().execute("DELETE FROM approval WHERE ledger_entry = 1", []).unwrap();
    assert!(problems(&path)[0].contains("not here"));
}

#[test]
fn a_killed_approval_is_completed_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    case.record_approval(&approval("A. Chan"), "0.1.0").unwrap();
    drop(case);
    let state = rusqlite::Connection::open(path.join("case.db")).unwrap();
    // As if killed after the ledger's checkpoint, and another one before it.
    let digest: String = {
        let case = Case::open_for_reading(&path).unwrap();
        case.ledger().entry(0).unwrap().digests["approval"].clone()
    };
    state.execute("INSERT INTO pending_approval SELECT 0, ?1, plan_sha256, letters, approved_by, approved_at, reason FROM approval", [digest]).unwrap();
    state.execute("INSERT INTO pending_approval VALUES (1, 'no such digest', 'x', 1, 'nobody', 1, NULL)", []).unwrap();
    state.execute("DELETE FROM approval", []).unwrap();
    drop(state);
    let case = Case::open(&path).unwrap();
    assert_eq!(case.stored_approvals().unwrap().into_iter().map(|a| a.approval).collect::<Vec<_>>(), [approval("A. Chan")]);
}

#[test]
fn a_letter_goes_once_and_what_a_dead_run_left_in_flight_is_uncertain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let all = letters(&case);
    let none = BTreeSet::new();
    {
        let mut sending = case.sending().unwrap();
        assert_eq!(sending.queue(&all, Instant(1)).unwrap(), 3);
        assert_eq!(sending.queue(&all, Instant(2)).unwrap(), 0, "the same letters were queued twice");
        assert_eq!(sending.next((1, Channel::Email), Instant(3), 10, &none).unwrap().len(), 3);
        assert_eq!(sending.next((1, Channel::Email), Instant(3), 1, &BTreeSet::from([all[0].reference.clone()])).unwrap().len(), 1);
        sending.commit(&[step(&all[0], SendingState::InFlight), step(&all[1], SendingState::InFlight)]).unwrap();
        sending.commit(&[step(&all[0], SendingState::Accepted)]).unwrap();
        assert!(sending.commit(&[step(&all[0], SendingState::InFlight)]).is_err(), "an accepted letter could be sent again");
        let half = [step(&all[2], SendingState::InFlight), step(&all[0], SendingState::Queued)];
        assert!(sending.commit(&half).is_err());
        assert_eq!(sending.find(&all[2].reference, Channel::Email).unwrap().unwrap().state, SendingState::Queued, "half of a commit stayed");
    }
    drop(case);
    case = Case::open(&path).unwrap();
    let mut sending = case.sending().unwrap();
    assert_eq!(sending.settle(Instant(8)).unwrap(), 1);
    assert_eq!(sending.next((1, Channel::Email), Instant(9), 10, &none).unwrap().len(), 1);
    assert_eq!(sending.find(&all[1].reference, Channel::Email).unwrap().unwrap().state, SendingState::Uncertain);
}

#[test]
fn a_deferred_letter_waits_for_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    let all = letters(&case);
    let mut sending = case.sending().unwrap();
    sending.queue(&all[..1], Instant(1)).unwrap();
    sending.commit(&[SendingStep { due_at: Some(Instant(100)), ..step(&all[0], SendingState::Deferred) }]).unwrap();
    assert_eq!(sending.next_due((1, Channel::Email)).unwrap(), Some(Instant(100)));
    assert_eq!(sending.next((1, Channel::Email), Instant(99), 10, &BTreeSet::new()).unwrap(), []);
    let due = sending.next((1, Channel::Email), Instant(100), 10, &BTreeSet::new()).unwrap();
    assert_eq!((due.len(), due[0].attempts), (1, 1));
}

#[test]
fn a_changed_history_of_letters_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let all = letters(&case);
    case.sending().unwrap().queue(&all, Instant(1)).unwrap();
    case.enter_sending("send", &author(), "0.1.0", SendingFiles::default()).unwrap();
    case.sending().unwrap().commit(&[step(&all[0], SendingState::InFlight)]).unwrap();
    drop(case);
    assert_eq!(problems(&path), Vec::<String>::new());
    rusqlite::Connection::open(path.join("case.db")).unwrap().execute("UPDATE sending_event SET at = 2 WHERE number = 1", []).unwrap();
    assert!(problems(&path)[0].contains("ledger entry 0"));
}

#[test]
fn a_case_of_the_first_form_is_read_and_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = new_case(&path);
    let first = include_str!("../src/schema/case_1.sql");
    rusqlite::Connection::open(path.join("case.db")).unwrap().execute_batch(first).unwrap();
    assert_eq!(case.stored_letters().unwrap(), []);
    assert_eq!(case.stored_approvals().unwrap(), []);
    case.sending().unwrap().queue(&letters(&case), Instant(1)).unwrap();
    assert_eq!(case.stored_letters().unwrap().len(), 3);
}

#[test]
fn a_letter_that_was_taken_back_can_be_queued_again_and_one_that_left_stays() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    let all = letters(&case);
    let mut sending = case.sending().unwrap();
    sending.queue(&all, Instant(1)).unwrap();
    sending.commit(&[step(&all[0], SendingState::InFlight)]).unwrap();
    sending.commit(&[step(&all[0], SendingState::Accepted)]).unwrap();
    let both: Vec<_> = all[..2].iter().map(|l| (l.reference.clone(), l.channel)).collect();
    assert_eq!(sending.withdraw(&both, "no longer meant", Instant(2)).unwrap(), 1);
    assert_eq!(sending.find(&all[1].reference, Channel::Email).unwrap(), None);
    assert_eq!(sending.queue(&all, Instant(3)).unwrap(), 1);
    assert_eq!(sending.find(&all[0].reference, Channel::Email).unwrap().unwrap().state, SendingState::Accepted);
}

#[test]
fn who_was_reached_stays_so_in_the_next_round_and_since_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    let told = [SendingState::Accepted, SendingState::Answered];
    assert!(case.reached_since(&told).unwrap().is_empty());
    let all = letters(&case);
    let mut sending = case.sending().unwrap();
    sending.queue(&all, Instant(1)).unwrap();
    let later = |letter, state| SendingStep { at: Instant(9), ..step(letter, state) };
    sending.commit(&[step(&all[0], SendingState::InFlight), step(&all[1], SendingState::InFlight)]).unwrap();
    sending.commit(&[step(&all[0], SendingState::Accepted), step(&all[1], SendingState::Accepted)]).unwrap();
    sending.commit(&[later(&all[0], SendingState::Answered), later(&all[1], SendingState::Bounced)]).unwrap();
    let again = NewLetter { reference: case.letter_reference(2, "A").unwrap(), round: 2, ..all[0].clone() };
    sending.queue(&[again], Instant(10)).unwrap();
    assert_eq!(case.reached_since(&told).unwrap().into_iter().collect::<Vec<_>>(), [("A".to_owned(), Instant(7))]);
}

#[test]
fn a_letter_is_of_the_day_on_which_it_was_taken_not_on_which_it_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    let all = letters(&case);
    let mut sending = case.sending().unwrap();
    sending.queue(&all, Instant(1)).unwrap();
    let at = |letter, state, at| SendingStep { at: Instant(at), ..step(letter, state) };
    sending.commit(&[at(&all[0], SendingState::InFlight, 2), at(&all[1], SendingState::InFlight, 2)]).unwrap();
    sending.commit(&[at(&all[0], SendingState::Deferred, 3), at(&all[1], SendingState::Refused, 3)]).unwrap();
    sending.commit(&[at(&all[0], SendingState::InFlight, 8)]).unwrap();
    sending.commit(&[at(&all[0], SendingState::Accepted, 9)]).unwrap();
    let taken = case.came_to(&[SendingState::Accepted, SendingState::HandedOver]).unwrap();
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), [(all[0].reference.clone(), vec![Instant(9)])]);
}
