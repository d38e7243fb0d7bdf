//! The case folder from outside: commits, resumption, locks, damage.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

use std::fs;
use std::io::Write;
use std::path::Path;

use strandline_case::{Author, Case, CaseError, Inputs, Origin, SealError, Secrets, StageCommit, TablePart};
use strandline_model::detection::{Detection, DetectionOrigin, Level, SubjectKind};
use strandline_model::table::{Row, Scan};
use strandline_model::time::Instant;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn origin() -> Origin {
    Origin::new("example.org", "1").unwrap()
}

fn new_case(path: &Path) -> Case {
    Case::create(path, &origin(), &Secrets::new([1; 32], [2; 32])).unwrap()
}

fn detection(number: i64) -> Detection {
    Detection {
        id: format!("d{number}"),
        origin: DetectionOrigin::Analytic,
        rule: "scan".into(),
        title: "Scan".into(),
        level: Level::High,
        techniques: vec!["T1595".into()],
        subject_kind: SubjectKind::Address,
        subject: "192.0.2.1".into(),
        system: "web".into(),
        first: Instant(number),
        last: Instant(number + 1),
        event_count: 1,
        reason: "because".into(),
        related: vec![],
        events: vec![],
    }
}

fn commit(case: &mut Case, parts: Vec<TablePart>, inputs: Inputs) -> u64 {
    let author = Author { actor: "alice".into(), time: Instant(7) };
    case.commit_stage(StageCommit { stage: "detect".into(), inputs, parts, files: vec![], author }).unwrap()
}

fn part_files(case: &Path) -> usize {
    fs::read_dir(case.join("tables/detections")).unwrap().count()
}

#[test]
fn a_table_is_visible_once_its_stage_is_committed_and_the_same_rows_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let rows: Vec<_> = (0..20_000).map(detection).collect();
    let part = case.write_rows(&rows, &["first"]).unwrap();
    assert_eq!(case.read_rows::<Detection>("detections").unwrap(), vec![]);
    let inputs = Inputs::new("0.1.0").with("evidence/a", HASH);
    commit(&mut case, vec![part.clone()], inputs.clone());
    assert_eq!(case.read_rows::<Detection>("detections").unwrap(), rows);
    assert!(case.stage_is_current("detect", &inputs));
    assert!(!case.stage_is_current("detect", &Inputs::new("0.2.0").with("evidence/a", HASH)));
    assert_eq!(case.write_rows(&rows, &["first"]).unwrap(), part);
}

#[test]
fn a_scan_gives_the_columns_asked_for_in_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = new_case(&folder.path().join("case"));
    let rows: Vec<_> = (0..20_000).map(detection).collect();
    let part = case.write_rows(&rows, &[]).unwrap();
    commit(&mut case, vec![part], Inputs::new("0.1.0"));
    let table = case.scan("detections");
    let batches: Vec<_> = table.scan(&["id", "no_such_column"]).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(batches.iter().all(|b| b.num_columns() == 1 && b.num_rows() <= 8192));
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 20_000);
    assert_eq!(case.scan("no_such_table").scan(&[]).unwrap().count(), 0);
}

#[test]
fn parts_committed_one_by_one_are_resumed_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let write = |case: &Case, name: &str, number| {
        let mut writer = case.table_writer("detections", name, Detection::schema(), &[]).unwrap();
        writer.write(&Detection::to_batch(&[detection(number)]).unwrap()).unwrap();
        writer.finish().unwrap()
    };
    let inputs = Inputs::new("0.1.0").with("evidence/a", HASH);
    let committed = write(&case, "b", 2);
    case.commit_parts("intake", vec![(committed, inputs.clone())]).unwrap();
    let uncommitted = write(&case, "a", 1);
    drop(case); // as a kill would

    let case = Case::open(&path).unwrap();
    assert!(case.current_part("intake", "detections", "b", &inputs).is_some());
    assert!(case.current_part("intake", "detections", "b", &Inputs::new("0.2.0")).is_none());
    assert!(case.current_part("intake", "detections", "a", &inputs).is_none());
    assert!(!path.join(uncommitted.file).exists(), "what was never committed is removed");
    assert!(!case.stage_is_current("intake", &inputs));
    assert_eq!(case.read_rows::<Detection>("detections").unwrap(), vec![detection(2)]);
}

#[test]
fn a_new_result_replaces_the_old_one_and_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    for number in 1..3 {
        let part = case.write_rows(&[detection(number)], &[]).unwrap();
        commit(&mut case, vec![part], Inputs::new("0.1.0").with("a", HASH));
    }
    assert_eq!(part_files(&path), 1);
    assert_eq!(case.read_rows::<Detection>("detections").unwrap(), vec![detection(2)]);
    assert_eq!(case.ledger().size(), 2);
}

#[test]
fn one_writer_at_a_time_and_any_number_of_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let case = new_case(&path);
    assert!(matches!(Case::open(&path), Err(CaseError::Busy(_))));
    let mut reader = Case::open_for_reading(&path).unwrap();
    assert!(matches!(reader.ledger_mut(), Err(CaseError::ReadOnly)));
    assert!(matches!(reader.seal_writer(), Err(SealError::ReadOnly)));
    assert!(matches!(reader.write_rows(&[detection(1)], &[]), Err(CaseError::ReadOnly)));
    drop(case);
    Case::open(&path).unwrap();
}

#[test]
fn what_is_no_case_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Case::open(folder.path()), Err(CaseError::NotACase(_))));
    fs::write(folder.path().join("diary.txt"), "mine").unwrap();
    let created = Case::create(folder.path(), &origin(), &Secrets::new([1; 32], [2; 32]));
    assert!(matches!(created, Err(CaseError::NotEmpty(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_killed_creation_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    drop(new_case(&path));
    fs::remove_file(path.join("manifest.json")).unwrap();
    fs::remove_file(path.join("ledger/checkpoint")).unwrap();
    drop(new_case(&path));
    Case::open(&path).unwrap();
}

#[test]
fn a_manifest_that_points_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case");
    let mut case = new_case(&path);
    let part = case.write_rows(&[detection(1)], &[]).unwrap();
    let file = part.file.clone();
    commit(&mut case, vec![part], Inputs::new("0.1.0"));
    drop(case);
    let text = fs::read_to_string(path.join("manifest.json")).unwrap();
    for (changed, expected) in [
        (text.replace(&file, "../../etc/passwd"), "Foreign"),
        (text.replace(&file, "/etc/passwd"), "Foreign"),
        (text.replace("\"format\": 1", "\"format\": 9"), "UnknownForm"),
        (text[..text.len() / 2].to_owned(), "Json"),
    ] {
        fs::write(path.join("manifest.json"), changed).unwrap();
        let error = Case::open(&path).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    }
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    for (table, part) in [("../x", "all"), ("detections", "a/b"), ("", "all"), ("detections", ".x")] {
        assert!(matches!(case.table_writer(table, part, Detection::schema(), &[]), Err(CaseError::BadName(_))));
    }
    assert!(matches!(case.table_writer("detections", "all", Detection::schema(), &["nothing"]), Err(CaseError::BadName(_))));
    assert!(Origin::new("a b", "1").is_err());
    assert!(Origin::new("a", "1+2").is_err());
}

#[test]
fn sealed_bytes_come_back_and_a_wrong_hash_seals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let case = new_case(&folder.path().join("case"));
    for announced in [HASH, "00"] {
        let mut writer = case.seal_writer().unwrap();
        writer.write_all(b"abc").unwrap();
        assert_eq!(writer.commit(announced).is_ok(), announced == HASH);
    }
    assert!(case.contains_sealed(HASH));
    let mut bytes = String::new();
    std::io::Read::read_to_string(&mut case.open_sealed(HASH).unwrap(), &mut bytes).unwrap();
    assert_eq!(bytes, "abc");
    assert!(!case.contains_sealed("../manifest.json"));
    assert!(case.open_sealed("../manifest.json").is_err());
    assert_eq!(fs::read_dir(case.path().join("evidence")).unwrap().count(), 1);
}

#[test]
fn a_damaged_part_is_an_error_that_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = new_case(&folder.path().join("case"));
    let part = case.write_rows(&[detection(1)], &[]).unwrap();
    let file = case.path().join(&part.file);
    commit(&mut case, vec![part], Inputs::new("0.1.0"));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() - 6;
    bytes[middle] ^= 0xff;
    fs::write(&file, bytes).unwrap();
    let error = case.read_rows::<Detection>("detections").unwrap_err();
    assert!(error.to_string().contains("detections/all-"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_an_error() {
    // Root may write anywhere; what root cannot do is make a folder below a file.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let created = Case::create(&folder.path().join("file/case"), &origin(), &Secrets::new([1; 32], [2; 32]));
    assert!(matches!(created, Err(CaseError::Write(_))));
}
