//! A trial beside a case: it takes nothing of it, nobody clears it away while it is held, and a killed one is cleared by the next run.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use strandline_case::{Author, Case, Inputs, Origin, Secrets, StageCommit};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::time::Instant;
use strandline_model::trail::Link;

fn secrets(seed: u8) -> Secrets {
    Secrets::new([seed; 32], [seed; 32])
}

fn author() -> Author {
    Author { actor: "A. Chan".to_owned(), time: Instant(1) }
}

/// A case with a stage and a sealed artefact.
fn case_at(root: &Path) -> Case {
    let mut case = Case::create(root, &Origin::new("example", "c").unwrap(), &secrets(1)).unwrap();
    let parts = vec![case.write_rows::<Link>(&[], &[]).unwrap()];
    case.commit_stage(StageCommit { stage: "trace".to_owned(), inputs: Inputs::new("0"), parts, files: Vec::new(), author: author() }).unwrap();
    case
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn what_is_tried_changes_nothing_and_is_signed_by_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("case");
    let case = case_at(&root);
    let before = files(&root);
    let trial = case.trial(&["trace"], &secrets(2)).unwrap();
    let mut tried = Case::open(&trial.path()).unwrap();
    assert!(tried.stage_is_current("trace", &Inputs::new("0")), "what was committed is not there");
    let decision = Decision { target: "L1".to_owned(), verdict: Verdict::Struck, decided_by: "A".to_owned(), decided_at: Instant(2), reason: None };
    tried.record_decision(&decision, "0").unwrap();
    assert_eq!((tried.decisions().unwrap().len(), case.decisions().unwrap().len()), (1, 0));
    let key = |checkpoint: &[u8]| String::from_utf8_lossy(checkpoint).lines().last().unwrap_or_default().to_owned();
    assert_ne!(key(tried.ledger().checkpoint()), key(case.ledger().checkpoint()));
    drop((tried, trial));
    assert!(files(&root) == before, "a trial left something");
}

#[test]
fn a_trial_that_is_held_is_left_alone_and_a_dead_one_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("case");
    let case = case_at(&root);
    let trial = case.trial(&["trace"], &secrets(2)).unwrap();
    let dead = root.join(".tmp-trial-dead");
    std::fs::create_dir_all(dead.join("case/tables")).unwrap();
    std::fs::write(dead.join("case.lock"), b"").unwrap();
    std::fs::write(dead.join("case/tables/x"), b"half").unwrap();
    drop(case);
    let case = Case::open(&root).unwrap();
    assert!(trial.path().join("manifest.json").exists(), "somebody's trial was taken away");
    assert!(!dead.exists(), "a dead trial stays");
    std::fs::create_dir_all(&dead).unwrap();
    // The next trial clears, too.
    drop(case.trial(&["trace"], &secrets(3)).unwrap());
    assert!(!dead.exists() && trial.path().exists());
}
