//! Waves of cuts in a case: durable steps, no impossible ones, and what verification finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use strandline_case::{Anchor, Author, Case, NewWave, Origin, Secrets, verify};
use strandline_model::containment::CutStep;
use strandline_model::time::Instant;

fn author() -> Author {
    Author { actor: "Lo".to_owned(), time: Instant(1) }
}

fn new_case(path: &std::path::Path) -> Case {
    let origin = Origin::new("example.org", "1").unwrap();
    Case::create(path, &origin, &Secrets::new([1; 32], [2; 32])).unwrap()
}

fn wave(case: &mut Case, body: &str) -> u64 {
    let plan_sha256 = case.salted_digest(body.as_bytes()).unwrap();
    case.record_wave(&NewWave { plan_sha256, body: body.to_owned(), actions: 2 }, &author(), "0").unwrap()
}

#[test]
fn steps_are_kept_in_order_and_an_impossible_one_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = new_case(&folder.path().join("case"));
    assert_eq!((wave(&mut case, "one"), wave(&mut case, "two")), (1, 2));
    let mut cutting = case.cutting().unwrap();
    cutting.take(2, &[(0, CutStep::Applying, None), (1, CutStep::Applying, None)], Instant(2)).unwrap();
    cutting.take(2, &[(0, CutStep::Applied, None), (1, CutStep::Failed, Some("refused".to_owned()))], Instant(3)).unwrap();
    cutting.take(2, &[(1, CutStep::Applying, None), (0, CutStep::Applying, None)], Instant(4)).unwrap_err();
    cutting.take(2, &[(7, CutStep::Applying, None)], Instant(4)).unwrap_err();
    drop(cutting);
    let found: Vec<(u64, u32, CutStep)> = case.stored_cuts().unwrap().into_iter().map(|cut| (cut.wave, cut.place, cut.step)).collect();
    assert_eq!(found, [(1, 0, CutStep::Planned), (1, 1, CutStep::Planned), (2, 0, CutStep::Applied), (2, 1, CutStep::Failed)]);
}

#[test]
fn a_changed_plan_and_a_changed_history_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    wave(&mut case, "one");
    case.cutting().unwrap().take(1, &[(0, CutStep::Applying, None)], Instant(2)).unwrap();
    case.enter_cutting("contain apply", &author(), "0", BTreeMap::new()).unwrap();
    drop(case);
    assert_eq!(verify(&path, &Anchor::default()).problems, []);
    for (change, meaning) in [
        ("UPDATE wave SET body = 'another'", "not the one that was recorded"),
        ("UPDATE cut_event SET what = 'applied' WHERE what = 'applying'", "steps were changed"),
        ("INSERT INTO wave VALUES (9, 'x', 'y', 'z', 1)", "no ledger entry records plan 9"),
    ] {
        let copy = folder.path().join("copy.db");
        std::fs::copy(path.join("case.db"), &copy).unwrap();
        rusqlite::Connection::open(path.join("case.db")).unwrap().execute_batch(change).unwrap();
        let problems = verify(&path, &Anchor::default()).problems;
        assert!(problems.iter().any(|problem| problem.meaning.contains(meaning)), "{change}: {problems:?}");
        std::fs::copy(&copy, path.join("case.db")).unwrap();
    }
}
