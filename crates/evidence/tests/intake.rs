//! Each bad input, and what must come of it.

#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

mod folder;

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use folder::{Bench, FolderStore, estate, gzip, tar, zip, zstd};
use strandline_evidence::{Found, Intake, IntakeError, Limits, SealStore, SealWriter, TRUNCATED, Vault, browse};
use strandline_model::evidence::{Artefact, ArtefactKind, EventRef};
use strandline_model::time::Instant;

const LINE: &[u8] = b"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n";

fn find<'i>(intake: &'i Intake, path: &str) -> &'i Artefact {
    intake.artefacts.iter().find(|a| a.path == path).unwrap_or_else(|| panic!("{path} is not among {:?}", paths(intake)))
}

fn paths(intake: &Intake) -> Vec<&str> {
    intake.artefacts.iter().map(|a| a.path.as_str()).collect()
}

fn read(bench: &Bench, intake: &Intake, path: &str) -> Vec<u8> {
    let vault = Vault::new(&bench.store, &intake.artefacts);
    let mut bytes = Vec::new();
    vault.open(&find(intake, path).id).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// One file of evidence: its artefacts' kinds by path.
fn check(name: &str, bytes: &[u8], expected: &[(&str, ArtefactKind)]) -> (Bench, Intake) {
    let bench = Bench::new();
    bench.write(name, bytes);
    let intake = bench.take();
    let found: Vec<(&str, ArtefactKind)> = intake.artefacts.iter().map(|a| (a.path.as_str(), a.kind)).collect();
    assert_eq!(found, expected);
    (bench, intake)
}

#[test]
fn content_counts_and_extensions_do_not() {
    check("photo.jpg", LINE, &[("photo.jpg", ArtefactKind::Log)]);
    check("notes.txt", b"ElfFile\0\0\0\0\0\0\0\0\0", &[("notes.txt", ArtefactKind::Log)]);
    check("access.log", b"\x7fELF\x02\x01\x01\0\0\0\0", &[("access.log", ArtefactKind::Binary)]);
    check("access.log", b"", &[("access.log", ArtefactKind::Empty)]);
    check("access.log", &gzip(LINE), &[("access.log", ArtefactKind::Log)]);
    check("dump.txt", &zstd(b"--\n-- PostgreSQL database dump\n--\n"), &[("dump.txt", ArtefactKind::Snapshot)]);
}

#[test]
fn a_zip_member_packed_in_another_way_is_named_and_stops_nothing() {
    let mut archive = zip(&[("a.log", LINE), ("b.log", LINE)]);
    // LZMA in place of what the first member is packed with, in its own header and in the directory.
    for (mark, at) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let header = archive.windows(4).position(|bytes| bytes == mark).unwrap();
        archive[header + at..header + at + 2].copy_from_slice(&14_u16.to_le_bytes());
    }
    let (_, intake) = check("logs.zip", &archive, &[("logs.zip", ArtefactKind::Archive), ("logs.zip!/b.log", ArtefactKind::Log)]);
    assert!(intake.refused.iter().any(|refusal| refusal.path == "logs.zip!/a.log" && refusal.reason.contains("cannot be unpacked")));
}

#[test]
fn invalid_utf8_nul_bytes_and_a_huge_line_are_sealed_as_they_are() {
    let mut bytes = LINE.repeat(100);
    bytes.extend_from_slice(b"\0\0\xff\xfe broken\n");
    bytes.extend(std::iter::repeat_n(b'x', 100 << 20));
    let (bench, intake) = check("access.log", &bytes, &[("access.log", ArtefactKind::Log)]);
    assert_eq!(find(&intake, "access.log").size, bytes.len() as u64);
    assert!(read(&bench, &intake, "access.log") == bytes);
}

#[test]
fn several_gzip_members_and_zstd_frames_are_one_file() {
    let twice = |packed: Vec<u8>| [packed.clone(), packed].concat();
    let (bench, intake) = check("a", &twice(gzip(LINE)), &[("a", ArtefactKind::Log)]);
    assert_eq!(read(&bench, &intake, "a"), LINE.repeat(2));
    let (bench, intake) = check("a", &twice(zstd(LINE)), &[("a", ArtefactKind::Log)]);
    assert_eq!(read(&bench, &intake, "a"), LINE.repeat(2));
}

#[test]
fn archives_in_archives_open_and_read_back() {
    let inner = zip(&[("deep.log", LINE), ("n.txt", b"hello\n")]);
    let other = LINE.repeat(3);
    let packed = gzip(&LINE.repeat(2));
    let archive = tar(&[("logs/access.log.1", &other), ("logs/access.log.2.gz", &packed), ("inner.zip", &inner), ("late.txt", b"late\n")]);
    let expected = [
        ("all", ArtefactKind::Archive),
        ("all!/inner.zip", ArtefactKind::Archive),
        ("all!/inner.zip!/deep.log", ArtefactKind::Log),
        ("all!/inner.zip!/n.txt", ArtefactKind::Text),
        ("all!/late.txt", ArtefactKind::Text),
        ("all!/logs/access.log.1", ArtefactKind::Log),
        ("all!/logs/access.log.2.gz", ArtefactKind::Log),
    ];
    for bytes in [archive.clone(), gzip(&archive), zstd(&archive)] {
        let (bench, intake) = check("all", &bytes, &expected);
        assert_eq!(read(&bench, &intake, "all!/logs/access.log.1"), other);
        assert_eq!(read(&bench, &intake, "all!/logs/access.log.2.gz"), LINE.repeat(2));
        assert_eq!(read(&bench, &intake, "all!/inner.zip!/deep.log"), LINE);
        assert_eq!(read(&bench, &intake, "all!/inner.zip!/n.txt"), b"hello\n");
        assert_eq!(read(&bench, &intake, "all!/late.txt"), b"late\n");
    }
    let (bench, intake) = check("g", &gzip(&zip(&[("x.log", LINE)])), &[("g", ArtefactKind::Archive), ("g!/x.log", ArtefactKind::Log)]);
    assert_eq!(read(&bench, &intake, "g!/x.log"), LINE);
    let (bench, intake) = check("g", &gzip(&gzip(LINE)), &[("g", ArtefactKind::Archive), ("g!/content", ArtefactKind::Log)]);
    assert_eq!(read(&bench, &intake, "g!/content"), LINE);
}

#[test]
fn a_copys_date_hid_that_of_what_was_copied() {
    use std::io::Write;
    use std::time::{Duration, UNIX_EPOCH};
    let dated = |seconds: u32, bytes: &[u8]| {
        let mut encoder = flate2::GzBuilder::new().mtime(seconds).write(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zipped = |date: zip::DateTime, bytes: &[u8]| {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer.start_file("a.log", zip::write::SimpleFileOptions::default().last_modified_time(date)).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap().into_inner()
    };
    const MARCH: i64 = 1_741_046_400; // 4 March 2025
    let march = zip::DateTime::from_date_and_time(2025, 3, 4, 0, 0, 0).unwrap();
    let copied = UNIX_EPOCH + Duration::from_secs(1_795_466_577);
    let check = |name: &str, bytes: Vec<u8>, dated: std::time::SystemTime, path: &str, expected: i64| {
        let bench = Bench::new();
        let file = bench.write(name, &bytes);
        std::fs::File::options().append(true).open(&file).unwrap().set_modified(dated).unwrap();
        assert_eq!(find(&bench.take(), path).modified_at, Some(Instant(expected * 1_000_000)), "{name}");
        let mut seen = None;
        let mut visit = |found: Found<'_>| -> Result<(), strandline_evidence::BoxError> {
            seen = found.modified.filter(|_| found.path.ends_with(path));
            Ok(())
        };
        browse(&[bench.evidence.path().to_owned()], Limits::default(), &mut visit).unwrap();
        assert_eq!(seen, Some(Instant(expected * 1_000_000)), "{name}");
    };
    check("auth.log.1.gz", dated(MARCH as u32, LINE), copied, "auth.log.1.gz", MARCH);
    check("logs.zip", zipped(march, LINE), copied, "logs.zip!/a.log", MARCH);
    check("logs.zip", zipped(march, &dated(MARCH as u32 - 9, LINE)), copied, "logs.zip!/a.log", MARCH - 9);
    // What says nothing does not count: no date in the header, the first day of a zip archive, the epoch.
    check("auth.log.1.gz", dated(0, LINE), copied, "auth.log.1.gz", 1_795_466_577);
    check("logs.zip", zipped(zip::DateTime::default(), LINE), copied, "logs.zip!/a.log", 1_795_466_577);
    check("logs.tar", tar(&[("a.log", LINE)]), copied, "logs.tar!/a.log", 1_795_466_577);
    check("auth.log.1.gz", dated(MARCH as u32, LINE), UNIX_EPOCH + Duration::from_secs(1), "auth.log.1.gz", MARCH);
    // Compressed long after the file was last written to.
    check("auth.log.1.gz", dated(1_795_466_577, LINE), UNIX_EPOCH + Duration::from_secs(MARCH as u64), "auth.log.1.gz", MARCH);
}

#[test]
fn half_a_gzip_keeps_what_came_before_the_cut() {
    let text: Vec<u8> = (0..20_000u32).flat_map(|i| format!("{} {}", i.wrapping_mul(2_654_435_761), String::from_utf8_lossy(LINE)).into_bytes()).collect();
    let packed = gzip(&text);
    let (bench, intake) = check("a.gz", &packed[..packed.len() / 2], &[("a.gz", ArtefactKind::Log)]);
    let artefact = find(&intake, "a.gz");
    let warning = artefact.first_refusal.as_ref().unwrap();
    assert!(warning.reason.starts_with(TRUNCATED) && warning.offset == artefact.size && artefact.size > 1000, "{warning}");
    assert_eq!(intake.refused.len(), 1);
    let kept = read(&bench, &intake, "a.gz");
    assert!(kept.len() as u64 == artefact.size && text.starts_with(&kept));
}

#[test]
fn half_a_tar_keeps_the_members_before_the_cut() {
    let archive = tar(&[("a.log", LINE), ("b.log", &LINE.repeat(100))]);
    let (bench, intake) = check("t", &archive[..2048], &[("t", ArtefactKind::Archive), ("t!/a.log", ArtefactKind::Log), ("t!/b.log", ArtefactKind::Log)]);
    assert!(find(&intake, "t!/b.log").first_refusal.is_some() && find(&intake, "t!/a.log").first_refusal.is_none());
    assert_eq!(read(&bench, &intake, "t!/b.log"), LINE.repeat(100)[..512]);
}

#[test]
fn a_bomb_is_stopped_and_named() {
    let bomb = gzip(&vec![b'0'; 80 << 20]);
    let bench = Bench::new();
    for (name, bytes) in [("bomb.gz", bomb.clone()), ("bomb.zip", zip(&[("zeros", &vec![b'1'; 80 << 20])])), ("deep.tar", tar(&[("x.gz", &bomb)]))] {
        bench.write(name, &bytes);
    }
    let intake = bench.take();
    for name in ["bomb.gz", "bomb.zip!/zeros", "deep.tar!/x.gz"] {
        assert!(
            intake.refused.iter().any(|r| r.path == name && r.reason.contains("bomb")) || intake.duplicates.iter().any(|d| d.0 == name),
            "{name}: {:?}",
            intake.refused
        );
    }
    let limits = Limits { members: 2, depth: 1, ..Limits::default() };
    let bench = Bench::new();
    bench.write("many.tar", &tar(&[("1", b"1"), ("2", b"2"), ("3", b"3")]));
    bench.write("many.zip", &zip(&[("1", b"a"), ("2", b"b"), ("3", b"c")]));
    bench.write("deep.tar", &tar(&[("t", &tar(&[("x", b"y")]))]));
    let intake = bench.take_with(&bench.store, &[], None, limits, vec![], &mut |_| Ok(())).unwrap();
    let reasons: Vec<String> = intake.refused.iter().map(|r| format!("{}: {}", r.path, r.reason)).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].starts_with("deep.tar!/t: truncated: it is packed more than 1 times"), "{reasons:?}");
}

#[test]
fn links_devices_and_hard_links_lead_nowhere() {
    let bench = Bench::new();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let root = bench.evidence.path();
    bench.write("real.log", LINE);
    symlink(outside.path(), root.join("out.log")).unwrap();
    symlink("/", root.join("rootfs")).unwrap();
    symlink(root.join("real.log"), root.join("in.log")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    std::fs::hard_link(root.join("real.log"), root.join("second.log")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let intake = bench.take();
    assert_eq!(paths(&intake), ["real.log"]);
    let refused: Vec<&str> = intake.refused.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(refused, ["broken", "in.log", "loop", "out.log", "rootfs", "second.log", "socket"]);
}

#[test]
fn the_same_bytes_twice_are_one_artefact_and_one_name_twice_is_two() {
    let bench = Bench::new();
    bench.write("a/x.log", LINE);
    bench.write("b/x.log", LINE);
    bench.write("c/x.log", &LINE.repeat(2));
    bench.write("t.tar", &tar(&[("x.log", b"one\n"), ("x.log", b"two\n"), ("../../x.log", b"three\n"), ("/etc/x.log", b"four\n")]));
    let intake = bench.take();
    assert_eq!(paths(&intake), ["a/x.log", "c/x.log", "t.tar", "t.tar!/../../x.log", "t.tar!//etc/x.log", "t.tar!/x.log", "t.tar!/x.log#2"]);
    assert_eq!(intake.duplicates, [("b/x.log".to_owned(), find(&intake, "a/x.log").id.clone())]);
    assert_eq!(read(&bench, &intake, "t.tar!/x.log#2"), b"two\n");
    assert_eq!(read(&bench, &intake, "t.tar!/../../x.log"), b"three\n");
    assert!(!folder::exists(&bench.evidence.path().join("../../x.log")));
}

#[test]
fn names_that_are_not_utf8_survive() {
    let bench = Bench::new();
    std::fs::write(bench.evidence.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9\n.log")), LINE).unwrap();
    assert_eq!(paths(&bench.take()), ["caf\\xe9\\x0a.log"]);
}

#[test]
fn running_again_does_nothing_twice() {
    let bench = Bench::new();
    bench.write("a.log", LINE);
    bench.write("t.tgz", &gzip(&tar(&[("b.log", b"b\n"), ("c.zip", &zip(&[("d", b"d\n")]))])));
    let first = bench.take();
    let mut calls = 0;
    let again = bench
        .take_known(&first.artefacts, &mut |_| {
            calls += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!((again, calls), (first.clone(), 0));
    bench.write("a.log", b"changed\n");
    let changed = bench.take_known(&first.artefacts, &mut |_| Ok(())).unwrap();
    assert_ne!(find(&changed, "a.log").sha256, find(&first, "a.log").sha256);
}

#[test]
fn a_kill_anywhere_leaves_what_the_next_run_completes() {
    let bench = Bench::new();
    bench.write("a.log", LINE);
    bench.write("t.tgz", &gzip(&tar(&[("b.log", b"b\n"), ("c.zip", &zip(&[("d", b"d\n")]))])));
    bench.write("z.log", b"z\n");
    let whole = bench.take();
    for survive in 0..whole.artefacts.len() {
        let store_dir = tempfile::tempdir().unwrap();
        let store = FolderStore(store_dir.path().to_owned());
        let mut custody = Vec::new();
        let mut killed = |artefact: &Artefact| {
            if custody.len() == survive {
                return Err("killed".into());
            }
            custody.push(artefact.clone());
            Ok(())
        };
        let error = bench.take_with(&store, &[], None, Limits::default(), vec![], &mut killed).unwrap_err();
        assert!(matches!(error, IntakeError::Custody { .. }));
        assert!(custody.iter().all(|artefact| store.contains(&artefact.sealed_sha256)));
        let resumed = bench
            .take_with(&store, &custody.clone(), None, Limits::default(), vec![], &mut |artefact| {
                custody.push(artefact.clone());
                Ok(())
            })
            .unwrap();
        assert_eq!(resumed, whole);
        custody.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(custody, whole.artefacts, "each artefact was reported once over both runs");
    }
}

struct Failing(io::ErrorKind);
struct FailingWriter(io::ErrorKind, usize);

impl SealStore for Failing {
    fn begin(&self) -> io::Result<Box<dyn SealWriter>> {
        if self.0 == io::ErrorKind::ReadOnlyFilesystem { Err(self.0.into()) } else { Ok(Box::new(FailingWriter(self.0, 10))) }
    }
    fn open(&self, _: &str) -> io::Result<std::fs::File> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn contains(&self, _: &str) -> bool {
        false
    }
}

impl io::Write for FailingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.min(bytes.len());
        self.1 -= room;
        if room == 0 { Err(self.0.into()) } else { Ok(room) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SealWriter for FailingWriter {
    fn commit(self: Box<Self>, _: &str) -> io::Result<()> {
        panic!("half a file must not be sealed")
    }
}

#[test]
fn a_full_disk_and_a_read_only_case_are_named() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
        let bench = Bench::new();
        bench.write("a.log", LINE);
        let error = bench.take_with(&Failing(kind), &[], None, Limits::default(), vec![], &mut |_| panic!("nothing was sealed")).unwrap_err();
        assert!(error.to_string().contains("a.log was not sealed"), "{error}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_refused_and_the_rest_is_taken() {
    let bench = Bench::new();
    let path = bench.write("secret.log", LINE);
    bench.write("z.log", b"z\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let intake = bench.take();
    assert_eq!((paths(&intake), intake.refused.len()), (vec!["z.log"], 1));
}

#[test]
fn sources_claim_what_their_patterns_see_and_the_rest_is_listed() {
    let estate = estate(&[("web", "kms/access.log", "nginx"), ("db", "db/postgresql.*", "postgresql")]);
    let bench = Bench::new();
    bench.write("kms/access.log", LINE);
    bench.write("kms/access.log-20261123.gz", &gzip(&LINE.repeat(2)));
    bench.write("kms.tar", &tar(&[("kms/access.log.1", &LINE.repeat(3))]));
    bench.write("elsewhere/pg.txt", b"2026-01-01 00:00:00 UTC [1] LOG:  statement: SELECT 1\n");
    bench.write("elsewhere/letter.txt", b"Dear all\n");
    bench.write("other/error_log", b"Jan  3 10:00:00 host sshd[1]: x\n");
    let intake = bench.take_with(&bench.store, &[], Some(&estate), Limits::default(), vec![], &mut |_| Ok(())).unwrap();
    let claimed: Vec<(&str, Option<&str>)> = intake.artefacts.iter().map(|a| (a.path.as_str(), a.source.as_deref())).collect();
    let expected = [
        ("elsewhere/letter.txt", None),
        ("elsewhere/pg.txt", Some("db")),
        ("kms.tar", None),
        ("kms.tar!/kms/access.log.1", Some("web")),
        ("kms/access.log", Some("web")),
        ("kms/access.log-20261123.gz", Some("web")),
        ("other/error_log", None),
    ];
    assert_eq!(claimed, expected);
    assert_eq!(intake.unclaimed.len(), 2);
    assert!(intake.unclaimed[1].reason.contains("linux_auth"));
}

#[test]
fn extras_outside_the_folder_are_taken_under_the_estates_name() {
    let bench = Bench::new();
    bench.write("a.log", LINE);
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), b"key,name\n1,x\n").unwrap();
    let extra = |path: &std::path::Path| strandline_evidence::Extra {
        path: path.to_owned(),
        kind: ArtefactKind::Register,
        display: format!("../register/{}", path.file_name().unwrap().to_string_lossy()),
    };
    let extras = vec![extra(outside.path()), extra(std::path::Path::new("/nonexistent/missing.csv"))];
    let shown = extras[0].display.clone();
    let intake = bench.take_with(&bench.store, &[], None, Limits::default(), extras, &mut |_| Ok(())).unwrap();
    let vault = Vault::new(&bench.store, &intake.artefacts);
    assert_eq!(vault.resolve_snapshot(&shown).unwrap().kind, ArtefactKind::Register);
    assert!(vault.resolve_snapshot("../register/missing.csv").is_err());
    assert_eq!(intake.refused.len(), 1);
}

#[test]
fn a_record_is_shown_as_it_was() {
    let bench = Bench::new();
    bench.write("a.log", &LINE.repeat(5));
    bench.write("b.gz", &gzip(&LINE.repeat(6)));
    let intake = bench.take();
    let vault = Vault::new(&bench.store, &intake.artefacts);
    let length = LINE.len() as u32 - 1;
    for path in ["a.log", "b.gz"] {
        let place = |offset| EventRef { artefact: find(&intake, path).id.clone(), offset, length };
        assert_eq!(vault.read_at(&place(3 * LINE.len() as u64)).unwrap(), &LINE[..LINE.len() - 1]);
        assert!(vault.read_at(&place(1 << 40)).is_err());
    }
}

#[test]
fn any_bytes_are_survived() {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    let seeds = [gzip(LINE), zstd(LINE), zip(&[("a", LINE)]), tar(&[("a", LINE)]), gzip(&tar(&[("a", LINE), ("b.gz", &gzip(LINE))]))];
    for round in 0..300 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..random.random_range(1..8) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(1..=bytes.len()));
        strandline_evidence::fuzz_intake(&bytes);
        let bench = Bench::new();
        bench.write("x", &bytes);
        let intake = bench.take();
        let vault = Vault::new(&bench.store, &intake.artefacts);
        for artefact in &intake.artefacts {
            let mut bytes = Vec::new();
            vault.open(&artefact.id).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, artefact.size, "{}", artefact.path);
        }
    }
}

const XZ: &str = "fd377a585a000004e6d6b446020021011c00000010cf58cc0100076f6e650a74776f0a0051ab9eaf5775704900012008bb19d9bb1fb6f37d010000000004595a";
const BZIP2: &str = "425a6839314159265359a7142b77000002c180001002018480200021800c0238f51b8bb9229c2848538a15bb80";

fn unhexed(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn xz_and_bzip2_are_taken_off() {
    for packed in [unhexed(XZ), unhexed(BZIP2)] {
        let (bench, intake) = check("a", &packed, &[("a", ArtefactKind::Text)]);
        assert_eq!(read(&bench, &intake, "a"), b"one\ntwo\n");
        let (bench, intake) = check("a", &[packed.clone(), packed.clone()].concat(), &[("a", ArtefactKind::Text)]);
        assert_eq!(read(&bench, &intake, "a"), b"one\ntwo\n".repeat(2));
        let bench = Bench::new();
        bench.write("a", &packed[..packed.len() - 8]);
        assert!(bench.take().artefacts[0].first_refusal.is_some(), "its end is missing");
    }
}

/// What is in a snapshot: names and sizes of its streams.
fn streams(bench: &Bench, intake: &Intake, written: &str) -> Vec<(String, usize)> {
    let vault = Vault::new(&bench.store, &intake.artefacts);
    let mut found = Vec::new();
    let refused = vault
        .visit_snapshot(written, &mut |name, reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            found.push((name.to_owned(), bytes.len()));
            Ok(())
        })
        .unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    found
}

#[test]
fn a_snapshot_opens_as_its_streams() {
    let dump = include_bytes!("dumps/tar.dump").as_slice();
    let bench = Bench::new();
    bench.write("whole.dump", dump);
    bench.write("packed.dump", &gzip(dump));
    bench.write("one.zip", &zip(&[("backup/one.sql", b"one\n")]));
    bench.write("two.xz", &unhexed(XZ));
    bench.write("folder/a.dat", b"\\.\n");
    bench.write("folder/b.dat.gz", &gzip(b"\\.\n"));
    bench.write("folder/c.dat", b"\\.\n");
    bench.write("folder/toc.dat", b"PGDMP");
    let intake = bench.take();
    let names = |written: &str| streams(&bench, &intake, written).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("whole.dump"), ["toc.dat", "3390.dat", "3391.dat", "3389.dat", "3388.dat", "restore.sql"], "in the archive's order");
    assert_eq!(names("packed.dump"), names("whole.dump"));
    assert_eq!(streams(&bench, &intake, "one.zip"), [("backup/one.sql".to_owned(), 4)]);
    assert_eq!(streams(&bench, &intake, "two.xz"), [(String::new(), 8)]);
    // Two empty tables are the same bytes, and yet two files.
    let size = |name: &str, size| (name.to_owned(), size);
    assert_eq!(streams(&bench, &intake, "folder"), [size("a.dat", 3), size("b.dat.gz", 3), size("c.dat", 3), size("toc.dat", 5)]);
    let again = bench.take_known(&intake.artefacts, &mut |_| panic!("everything is known")).unwrap();
    assert_eq!(again.artefacts, intake.artefacts);
}

#[test]
fn a_folder_that_the_estate_names_is_taken_file_by_file() {
    let bench = Bench::new();
    bench.write("dump/toc.dat", b"PGDMP");
    bench.write("dump/1.dat", b"x\n");
    bench.write("access.log", LINE);
    let extra = vec![strandline_evidence::Extra { path: bench.evidence.path().join("dump"), kind: ArtefactKind::Snapshot, display: "dump".to_owned() }];
    let intake = bench.take_with(&bench.store, &[], None, Limits::default(), extra, &mut |_| Ok(())).unwrap();
    let kinds: Vec<(&str, ArtefactKind)> = intake.artefacts.iter().map(|a| (a.path.as_str(), a.kind)).collect();
    assert_eq!(kinds, [("access.log", ArtefactKind::Log), ("dump/1.dat", ArtefactKind::Snapshot), ("dump/toc.dat", ArtefactKind::Snapshot)]);
    assert!(intake.refused.is_empty(), "{:?}", intake.refused);
}
