//! Evidence, estate and disk as an intruder or bad luck leaves them, through the binary: what a user sees, and that the
//! answer is never narrower for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// A small department with an intruder in it, made once.
static DEPARTMENT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let into = folder.path().join("made");
    let made = strandline(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)]);
    assert!(made.status.success(), "{}", said(&made));
    folder
});

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A copy of the department to spoil.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        copy(&DEPARTMENT.path().join("made"), folder.path());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// Replaces text of the estate file; the line that it stands on.
    fn misspell(&self, right: &str, wrong: &str) -> usize {
        let path = self.path("estate.toml");
        let estate = fs::read_to_string(&path).expect("an estate");
        let line = 1 + estate.lines().position(|line| line.contains(right)).expect("the estate has it");
        fs::write(&path, estate.replacen(right, wrong, 1)).expect("an estate");
        line
    }

    fn arguments(&self, case: &Path) -> Vec<String> {
        let of = |path: PathBuf| text(&path).to_owned();
        let mut arguments = vec!["respond".to_owned()];
        arguments.extend(["--estate".to_owned(), of(self.path("estate.toml"))]);
        arguments.extend(["--evidence".to_owned(), of(self.path("evidence"))]);
        arguments.extend(["--case".to_owned(), text(case).to_owned()]);
        arguments
    }

    fn respond_in(&self, case: &Path, more: &[&str]) -> Output {
        let arguments = self.arguments(case);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        strandline(&arguments)
    }

    fn respond(&self, more: &[&str]) -> Output {
        self.respond_in(&self.path("case"), more)
    }

    fn tiers(&self) -> Tiers {
        tiers(&self.path("case"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() { copy(&entry.path(), &target) } else { fs::copy(entry.path(), target).map(|_| ()).expect("a file") }
    }
}

/// (data subject, category, basis) -> tier, 3 the highest.
type Tiers = BTreeMap<(String, String, String), u8>;

fn tiers(case: &Path) -> Tiers {
    let exposures = fs::read_to_string(case.join("export/exposures.csv")).expect("exposures");
    let rows = exposures.lines().skip(1).map(|line| {
        let mut cells = line.split(',').map(str::to_owned);
        let key = (cells.next().expect("subject"), cells.next().expect("category"), cells.next().expect("basis"));
        let tier = match cells.next().expect("certainty").as_str() {
            "confirmed" => 3,
            "likely" => 2,
            _ => 1,
        };
        (key, tier)
    });
    rows.collect()
}

static UNSPOILT: LazyLock<Tiers> = LazyLock::new(|| {
    let copy = Copy::new();
    let output = copy.respond(&[]);
    assert!(output.status.success(), "{}", said(&output));
    copy.tiers()
});

/// Everybody who is told something from whole evidence is told something from spoilt evidence too.
fn check_not_narrower(spoilt: &Tiers) {
    let people = |tiers: &Tiers| tiers.keys().map(|key| key.0.clone()).collect::<std::collections::BTreeSet<_>>();
    let lost = people(&UNSPOILT).difference(&people(spoilt)).count();
    assert_eq!(lost, 0, "{lost} people are told nothing for the spoilt evidence");
}

fn check_sound(case: &Path) {
    let verified = strandline(&["verify", text(case)]);
    assert!(verified.status.success(), "{}", said(&verified));
}

#[test]
fn a_second_run_does_nothing_twice() {
    let copy = Copy::new();
    let written = || -> Vec<(PathBuf, std::time::SystemTime)> {
        let parts = fs::read_dir(copy.path("case/tables/events")).expect("events").map(|entry| entry.expect("an entry").path());
        let mut parts: Vec<_> = parts.map(|path| (path.clone(), fs::metadata(&path).expect("a part").modified().expect("a time"))).collect();
        parts.sort();
        parts
    };
    assert!(copy.respond(&[]).status.success());
    let before = written();
    assert!(copy.respond(&[]).status.success());
    assert!(before == written(), "events were read again");
}

#[test]
fn files_that_are_no_logs_change_nothing() {
    let copy = Copy::new();
    copy.write("evidence/strange/binary.bin", &(0..200_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect::<Vec<_>>());
    copy.write("evidence/strange/empty.log", b"");
    copy.write("evidence/strange/nul.log", &[0; 4096]);
    copy.write("evidence/strange/latin.log", b"caf\xe9 \xff\xfe not UTF-8\n");
    copy.write("evidence/strange/one/same.log", b"one of two files of one name\n");
    copy.write("evidence/strange/two/same.log", b"and the other\n");
    copy.write("evidence/strange/long.log", &vec![b'a'; 100 << 20]);
    copy.write("evidence/strange/bomb.gz", &bomb());
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", copy.path("evidence/strange/outside.log")).expect("a link");
    let output = copy.respond(&[]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("outside.log"), "a link out of the folder is not told: {said}");
    assert!(said.contains("strange/one/same.log") && said.contains("strange/two/same.log"), "{said}");
    assert!(copy.tiers() == *UNSPOILT, "files that no source claims changed the exposures");
    check_sound(&copy.path("case"));
}

/// 512 MiB of zeros, packed: far beyond the ratio that a log has.
fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..512 {
        packed.write_all(&zeros).expect("memory");
    }
    packed.finish().expect("memory")
}

#[test]
fn a_log_with_damage_in_it_is_read_around_the_damage() {
    let copy = Copy::new();
    let path = copy.path("evidence/board/board.log");
    let mut log = fs::read(&path).expect("a log");
    let middle = log.iter().skip(log.len() / 2).position(|b| *b == b'\n').expect("lines") + log.len() / 2 + 1;
    let mut damage = b"\xff\xfe\0\0 damage\n\0\0\0\0\n".to_vec();
    damage.extend(vec![b'x'; 100 << 20]);
    damage.push(b'\n');
    log.splice(middle..middle, damage);
    fs::write(&path, log).expect("a log");
    let output = copy.respond(&[]);
    assert!(output.status.success(), "{}", said(&output));
    check_not_narrower(&copy.tiers());
}

#[test]
fn half_a_packed_log_is_told_and_leaves_nobody_out() {
    let copy = Copy::new();
    let path = copy.path("evidence/board/board.log");
    let log = fs::read(&path).expect("a log");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&log).expect("memory");
    let packed = packed.finish().expect("memory");
    fs::remove_file(&path).expect("a log");
    copy.write("evidence/board/board.log.9.gz", &packed[..packed.len() / 2]);
    let output = copy.respond(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let custody = fs::read_to_string(copy.path("case/evidence/custody.json")).expect("custody");
    assert!(custody.contains("truncated: "), "custody does not say that the log is cut");
    check_not_narrower(&copy.tiers());
}

#[test]
fn a_dump_that_is_cut_stops_the_run_until_somebody_says_go_on() {
    let copy = Copy::new();
    let path = copy.path("snapshot/crew.sql");
    let dump = fs::read(&path).expect("a dump");
    fs::write(&path, &dump[..dump.len() * 2 / 3]).expect("a dump");
    let stopped = copy.respond(&[]);
    let message = said(&stopped);
    assert!(!stopped.status.success());
    assert!(message.contains("crew.sql line ") && message.contains("--cut-dump go-on"), "{message}");
    let went_on = copy.respond(&["--cut-dump", "go-on"]);
    assert!(went_on.status.success(), "{}", said(&went_on));
    check_not_narrower(&copy.tiers());
    // Kept with the case: a stage alone goes on as it was told.
    let again = strandline(&["expose", text(&copy.path("case"))]);
    assert!(again.status.success(), "{}", said(&again));
}

fn check_misspelt(right: &str, wrong: &str, meant: &str) {
    let copy = Copy::new();
    let line = copy.misspell(right, wrong);
    let output = copy.respond(&[]);
    let message = said(&output);
    assert!(!output.status.success());
    assert!(message.contains(&format!("estate.toml line {line}")), "no line {line} in: {message}");
    assert!(message.contains(meant), "no {meant} in: {message}");
}

#[test]
fn a_wrong_name_in_the_estate_is_told_with_its_line_and_the_nearest_right_one() {
    check_misspelt("name = \"crew.employee\"", "name = \"crew.employees\"", "did you mean \"crew.employee\"");
    check_misspelt("subject_key = \"emp_id\"", "subject_key = \"emp_ids\"", "did you mean \"emp_id\"");
    check_misspelt("system = \"board\"", "system = \"bord\"", "did you mean \"board\"");
}

/// A file system of its own, gone when dropped. `None` where this user may not make one.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", text(at)]).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options, text(&self.0)]).status().expect("mount runs");
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_the_run_goes_on_once_there_is_room() {
    let copy = Copy::new();
    let Some(disk) = Mount::new(&copy.path("disk"), "size=1m") else {
        println!("skipped: only root may make a file system that is full");
        return;
    };
    let case = copy.path("disk/case");
    let full = copy.respond_in(&case, &[]);
    let message = said(&full);
    assert!(!full.status.success());
    assert!(message.contains("room") || message.contains("space"), "{message}");
    disk.remount("size=512m");
    let output = copy.respond_in(&case, &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(tiers(&case) == *UNSPOILT);
    check_sound(&case);
}

#[test]
fn a_case_folder_that_may_not_be_written_is_told_and_stays_readable() {
    let copy = Copy::new();
    let Some(disk) = Mount::new(&copy.path("disk"), "size=512m") else {
        println!("skipped: only root may make a file system that is read-only even to root");
        return;
    };
    let case = copy.path("disk/case");
    disk.remount("ro");
    let output = copy.respond_in(&case, &[]);
    let message = said(&output);
    assert!(!output.status.success());
    assert!(message.contains("disk/case") && message.to_lowercase().contains("read-only"), "{message}");
    disk.remount("rw");
    assert!(copy.respond_in(&case, &[]).status.success());
    disk.remount("ro");
    check_sound(&case);
    let asked = strandline(&["sql", text(&case), "select count(*) from exposures"]);
    assert!(asked.status.success(), "{}", said(&asked));
}

#[cfg(unix)]
#[test]
fn an_interrupt_loses_nothing_and_the_same_command_goes_on() {
    let copy = Copy::new();
    let case = copy.path("case");
    let mut child = Command::new(env!("CARGO_BIN_EXE_strandline"))
        .args(copy.arguments(&case))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Once something is in custody there is something to lose.
    while !case.join("evidence/custody.json").exists() && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("the same command goes on"), "{}", said(&output));
    let output = copy.respond(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(copy.tiers() == *UNSPOILT);
    check_sound(&case);
}
