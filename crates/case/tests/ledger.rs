//! The ledger, decisions and verification from outside: durability under kills, and every changed byte found.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use strandline_case::export::ExportError;
use strandline_case::{
    Anchor, Author, Case, CaseError, Entry, EntryKind, Function, Inputs, Origin, Problem, ProofError, Secrets, StageCommit, StoredFile, VerifyReport,
    check_proof, verify,
};
use strandline_model::detection::{Decision, Detection, DetectionOrigin, Level, SubjectKind, Verdict};
use strandline_model::evidence::{Artefact, ArtefactId, ArtefactKind, Container};
use strandline_model::time::Instant;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Set in the child of the kill test: the case to append to.
const CHILD_CASE: &str = "STRANDLINE_TEST_CHILD_CASE";

fn new_case(path: &Path) -> Case {
    Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap()
}

fn entry(number: i64) -> Entry {
    Entry::new(EntryKind::Action, Function::Respond, "alice", Instant(number), "0.1.0")
}

fn decision(number: i64) -> Decision {
    Decision { target: format!("d{number}"), verdict: Verdict::Struck, decided_by: "bob".into(), decided_at: Instant(number), reason: Some("ours".into()) }
}

fn author() -> Author {
    Author { actor: "alice".into(), time: Instant(9) }
}

fn export(case: &Case, text: &str) -> StoredFile {
    let write = |out: &mut dyn Write| writeln!(out, "{text}").map_err(ExportError::from);
    case.export_file("export", "x.csv", write).unwrap()
}

/// A case with one artefact, one table, one export and two decisions.
fn full_case(path: &Path) -> Case {
    let mut case = new_case(path);
    let mut seal = case.seal_writer().unwrap();
    seal.write_all(b"abc").unwrap();
    seal.commit(HASH).unwrap();
    let artefact = Artefact {
        id: ArtefactId(HASH[..16].into()),
        sha256: HASH.into(),
        sealed_sha256: HASH.into(),
        path: "web/access.log".into(),
        member_of: None,
        also_at: Vec::new(),
        container: Container::None,
        size: 3,
        kind: ArtefactKind::Text,
        format: None,
        source: None,
        taken_by: "alice".into(),
        taken_at: Instant(1),
        modified_at: None,
        span: None,
        records_read: 0,
        records_refused: 0,
        first_refusal: None,
    };
    for _again in 0..2 {
        case.save_custody(std::slice::from_ref(&artefact), &author(), "0.1.0").unwrap();
    }
    let rows = [Detection {
        id: "d1".into(),
        origin: DetectionOrigin::Analytic,
        rule: "scan".into(),
        title: "Scan".into(),
        level: Level::High,
        techniques: vec![],
        subject_kind: SubjectKind::Address,
        subject: "192.0.2.1".into(),
        system: "web".into(),
        first: Instant(1),
        last: Instant(2),
        event_count: 1,
        reason: "because".into(),
        related: vec![],
        events: vec![],
    }];
    let part = case.write_rows(&rows, &[]).unwrap();
    let file = export(&case, "a,b");
    let inputs = Inputs::new("0.1.0").with(format!("evidence/{HASH}"), HASH);
    case.commit_stage(StageCommit { stage: "detect".into(), inputs, parts: vec![part], files: vec![file], author: author() }).unwrap();
    for number in 1..3 {
        case.record_decision(&decision(number), "0.1.0").unwrap();
    }
    case
}

fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { all_files(&path, found) } else { found.push(path) }
    }
}

/// Verifies and compares the files with problems.
fn check(path: &Path, anchor: &Anchor<'_>, expected: &[&str]) -> VerifyReport {
    let report = verify(path, anchor);
    let mut files: Vec<&str> = report.problems.iter().map(|p| p.file.as_str()).collect();
    files.dedup();
    assert_eq!(files, expected, "{:#?}", report.problems);
    report
}

#[test]
fn an_untouched_case_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = full_case(&path);
    let report = check(&path, &Anchor::default(), &[]);
    assert_eq!((report.artefacts, report.files, report.decisions, report.ledger_entries), (1, 2, 2, 4));
    assert!(report.is_sound());
    assert_eq!(case.decisions().unwrap(), [decision(1), decision(2)]);
    drop(case);
    assert_eq!(Case::open(&path).unwrap().stored_decisions().unwrap().len(), 2);
}

#[test]
fn any_changed_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(full_case(&path));
    let mut files = Vec::new();
    all_files(&path, &mut files);
    // The private key and the salt are not evidence; the lock is empty. case.db is checked row by row, below.
    let checked = files.iter().filter(|f| !["key", "case.lock", "case.db"].contains(&f.file_name().unwrap().to_str().unwrap()));
    let mut count = 0;
    for file in checked {
        let original = fs::read(file).unwrap();
        for at in [0, original.len() / 2, original.len() - 2] {
            let mut changed = original.clone();
            changed[at] ^= 0x01;
            // The seal is taken off as an intruder would.
            let mut permissions = fs::metadata(file).unwrap().permissions();
            #[allow(clippy::permissions_set_readonly_false)]
            permissions.set_readonly(false);
            fs::set_permissions(file, permissions).unwrap();
            fs::write(file, &changed).unwrap();
            assert!(!verify(&path, &Anchor::default()).is_sound(), "{} at byte {at}", file.display());
            count += 1;
        }
        fs::write(file, &original).unwrap();
        fs::rename(file, folder.path().join("away")).unwrap();
        assert!(file.ends_with("ledger/salt") || !verify(&path, &Anchor::default()).is_sound(), "{} removed", file.display());
        fs::rename(folder.path().join("away"), file).unwrap();
    }
    assert!(count > 20);
    check(&path, &Anchor::default(), &[]);
}

#[test]
fn a_changed_added_or_removed_decision_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(full_case(&path));
    let state = rusqlite::Connection::open(path.join("case.db")).unwrap();
    for (change, undo) in [
        ("UPDATE decision SET verdict = 'confirmed' WHERE target = 'd1'", "UPDATE decision SET verdict = 'struck' WHERE target = 'd1'"),
        ("INSERT INTO decision VALUES (0, 'd9', 'struck', 'bob', 5, NULL)", "DELETE FROM decision WHERE target = 'd9'"),
        ("DELETE FROM decision WHERE target = 'd2'", "INSERT INTO decision VALUES (3, 'd2', 'struck', 'bob', 2, 'ours')"),
    ] {
        state.execute(change, []).unwrap();
        check(&path, &Anchor::default(), &["case.db"]);
        state.execute(undo, []).unwrap();
        check(&path, &Anchor::default(), &[]);
    }
}

#[test]
fn a_file_that_nobody_committed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(full_case(&path));
    fs::write(path.join("tables/detections/more.parquet"), b"x").unwrap();
    check(&path, &Anchor::default(), &["tables/detections/more.parquet"]);
}

#[test]
fn a_decision_entered_and_not_yet_stored_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(full_case(&path));
    let state = rusqlite::Connection::open(path.join("case.db")).unwrap();
    // As if the run had been killed after the ledger's checkpoint; and a second one killed before it.
    state.execute("DELETE FROM decision WHERE target = 'd2'", []).unwrap();
    let entry: Entry = Case::open_for_reading(&path).unwrap().ledger().entry(3).unwrap();
    let digest = &entry.digests["decision"];
    state.execute("INSERT INTO pending_decision VALUES (3, ?1, 'd2', 'struck', 'bob', 2, 'ours')", [digest]).unwrap();
    state.execute("INSERT INTO pending_decision VALUES (4, 'unknown', 'd3', 'struck', 'bob', 3, 'ours')", []).unwrap();
    let case = Case::open(&path).unwrap();
    assert_eq!(case.decisions().unwrap(), [decision(1), decision(2)]);
    check(&path, &Anchor::default(), &[]);
}

#[test]
fn a_checkpoint_from_outside_shows_rewritten_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = full_case(&path);
    let kept = case.ledger().checkpoint().to_vec();
    let key = fs::read_to_string(path.join("ledger/key.pub")).unwrap();
    case.ledger_mut().unwrap().append(&[entry(1)]).unwrap();
    drop(case);
    let anchor = Anchor { checkpoint: Some(&kept), public_key: Some(&key) };
    check(&path, &anchor, &[]);
    // Whoever has the key makes the whole case anew, with another decision.
    for (entries, meaning) in [(6, "history was rewritten"), (2, "entries were cut off")] {
        let other = folder.path().join(format!("other{entries}"));
        let mut case = new_case(&other);
        case.ledger_mut().unwrap().append(&(0..entries).map(entry).collect::<Vec<_>>()).unwrap();
        drop(case);
        assert!(verify(&other, &Anchor::default()).is_sound(), "it agrees with itself");
        let report = check(&other, &anchor, &["ledger/checkpoint"]);
        assert!(report.problems[0].meaning.contains(meaning), "{:?}", report.problems);
    }
    let foreign = "example.org+530c903c+AV3QHxkDLD4HSWVvMkXYcpzVCZ4T2J7TxBEUWDvcFDZD";
    check(&path, &Anchor { checkpoint: None, public_key: Some(foreign) }, &["ledger/key.pub"]);
}

#[test]
fn an_inclusion_proof_proves_its_entry_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let key = fs::read_to_string(path.join("ledger/key.pub")).unwrap();
    for batch in [1, 255, 1, 300, 70_000] {
        let entries: Vec<_> = (0..batch).map(entry).collect();
        case.ledger_mut().unwrap().append(&entries).unwrap();
        let size = case.ledger().size();
        for index in [0, size / 2, size - 1] {
            let proof = case.ledger().prove_inclusion(index).unwrap();
            assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex "));
            let bytes = case.ledger().entry_text(index).unwrap();
            assert_eq!(check_proof(&proof, &bytes, &key), Ok(index));
            assert_eq!(check_proof(&proof, b"{}", &key), Err(ProofError::NotIncluded));
        }
    }
    let proof = case.ledger().prove_inclusion(0).unwrap();
    let bytes = case.ledger().entry_text(0).unwrap();
    for (changed, expected) in [
        (proof.replace("index 0", "index 2"), ProofError::NotIncluded),
        (proof.replace("\n70557\n", "\n70556\n"), ProofError::NotSigned),
        (proof.replace("tlog-proof@v1", "tlog-proof@v2"), ProofError::Malformed),
        (String::new(), ProofError::Malformed),
    ] {
        assert_eq!(check_proof(&changed, &bytes, &key), Err(expected));
    }
    assert!(case.ledger().prove_inclusion(case.ledger().size()).is_err());
    let reopened = Case::open_for_reading(&path).unwrap();
    assert_eq!(reopened.ledger().size(), 70_557);
    assert_eq!(reopened.ledger().entries().filter(Result::is_ok).count(), 70_557);
}

#[test]
fn an_entry_that_is_too_long_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = new_case(&folder.path().join("case"));
    let mut long = entry(1);
    long.outputs = (0..1000).map(|i| (format!("x{i}"), HASH.to_owned())).collect();
    assert!(case.ledger_mut().unwrap().append(&[entry(0), long]).is_err());
    assert_eq!(case.ledger_mut().unwrap().append(&[entry(0)]).unwrap(), 0..1);
}

/// Not a test of its own: the child that the kill test starts and kills. Appends, seals, decides and commits in turn, and
/// prints what it was told is durable.
#[test]
fn child_that_gets_killed() {
    let Some(path) = std::env::var_os(CHILD_CASE) else { return };
    let mut case = Case::open(Path::new(&path)).unwrap();
    let mut number = case.ledger().size() as i64;
    loop {
        number += 1;
        let index = if number % 3 == 0 {
            case.record_decision(&decision(number), "0.1.0").unwrap()
        } else if number % 3 == 1 {
            let file = export(&case, &number.to_string());
            let inputs = Inputs::new(&number.to_string());
            case.commit_stage(StageCommit { stage: "export".into(), inputs, parts: vec![], files: vec![file], author: author() }).unwrap()
        } else {
            case.ledger_mut().unwrap().append(&[entry(number)]).unwrap().start
        };
        println!("acknowledged {index}");
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(new_case(&path));
    let mut acknowledged = 0;
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_gets_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD_CASE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Kill after a different number of acknowledgements each time, and then at whatever point it is.
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some((_, index)) = line.unwrap().rsplit_once("acknowledged ") {
                acknowledged = index.parse::<u64>().unwrap() + 1;
                seen += 1;
                if seen > (round * 7) % 11 {
                    break;
                }
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(round * 613));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some((_, index)) = line.rsplit_once("acknowledged ") {
                acknowledged = index.parse::<u64>().unwrap() + 1;
            }
        }
        let case = Case::open(&path).unwrap();
        assert!(case.ledger().size() >= acknowledged, "round {round}");
        let entered = case.ledger().entries().filter(|e| e.as_ref().unwrap().1.kind == EntryKind::Decision).count();
        assert_eq!(case.decisions().unwrap().len(), entered, "round {round}");
        // What was under way may be half of a stage, which says so and heals with the next run; nothing else may differ.
        let half_stage = |p: &Problem| p.file == "export/x.csv" || (p.file == "manifest.json" && p.meaning.contains("stopped at its end"));
        let mut problems = verify(&path, &Anchor::default()).problems;
        problems.retain(|p| !half_stage(p));
        assert_eq!(problems, [], "round {round}");
    }
    let mut case = Case::open(&path).unwrap();
    let file = export(&case, "last");
    let inputs = Inputs::new("0.1.0");
    case.commit_stage(StageCommit { stage: "export".into(), inputs, parts: vec![], files: vec![file], author: author() }).unwrap();
    check(&path, &Anchor::default(), &[]);
    assert!(acknowledged > 12);
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_an_error_and_the_case_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(full_case(&path));
    // A limit on file sizes gives the failed write of a full disk without being root of one.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact child_that_fills_the_disk --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD_CASE, &path)
        .env("STRANDLINE_TEST_CHILD_FILLS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    check(&path, &Anchor::default(), &[]);
    assert!(!fs::read_dir(path.join("export")).unwrap().any(|e| e.unwrap().file_name() == "large.csv"));
}

/// Not a test of its own: see `a_full_disk_is_an_error_and_the_case_stands`.
#[test]
fn child_that_fills_the_disk() {
    let (Some(path), Some(_)) = (std::env::var_os(CHILD_CASE), std::env::var_os("STRANDLINE_TEST_CHILD_FILLS")) else { return };
    let mut case = Case::open(Path::new(&path)).unwrap();
    let mut seal = case.seal_writer().unwrap();
    let written = seal.write_all(&vec![7; 1 << 20]);
    assert!(written.is_err() || seal.commit_written().is_err());
    let export = case.export_file::<CaseError>("export", "large.csv", |out| {
        out.write_all(&vec![b'x'; 1 << 20]).map_err(|source| CaseError::Read { path: "out".into(), source })
    });
    assert!(export.is_err());
    let entries: Vec<_> = (0..1000).map(entry).collect();
    assert!(case.ledger_mut().unwrap().append(&entries).is_err());
    assert_eq!(case.ledger().size(), 4);
}
