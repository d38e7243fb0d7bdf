//! Real servers dump one database in every form that their tools have; each form gives the same tables and rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use strandline_history::store::StoredDatabase;
use strandline_history::{Broken, HistoryError, Part, Parts, ReadOptions, Snapshot, load};
use strandline_model::estate::Estate;

/// A file, or the files of a folder, as the evidence's side hands them out: packed ones unpacked.
struct OnDisk(PathBuf);

impl Parts for OnDisk {
    fn visit(&self, each: &mut dyn FnMut(Part<'_>) -> Result<(), HistoryError>) -> Result<Vec<Broken>, HistoryError> {
        let mut files: Vec<(String, PathBuf)> = vec![(String::new(), self.0.clone())];
        if self.0.is_dir() {
            files =
                std::fs::read_dir(&self.0).unwrap().map(|entry| (entry.as_ref().unwrap().file_name().into_string().unwrap(), entry.unwrap().path())).collect();
            files.sort();
        }
        for (name, path) in files {
            let bytes = std::fs::read(path).unwrap();
            if bytes.starts_with(&[0x1f, 0x8b]) {
                each(Part { name: &name, reader: &mut flate2::read::MultiGzDecoder::new(bytes.as_slice()) })?;
            } else {
                each(Part { name: &name, reader: &mut bytes.as_slice() })?;
            }
        }
        Ok(Vec::new())
    }
}

/// Tables and rows of a database's snapshots, as text.
fn shape(database: &str, dialect: &str, snapshots: &[&Path]) -> Vec<String> {
    let estate = format!(
        "[organisation]\nname = {{ en = \"Test\" }}\ntime_zone = \"UTC\"\n[[database]]\nid = \"d\"\nsystem = \"s\"\nname = \"{database}\"\ndialect = \"{dialect}\"\n"
    );
    let estate: Estate = toml::from_str(&estate).unwrap();
    let snapshots = snapshots
        .iter()
        .map(|path| Snapshot { database: "d".into(), table: None, path: path.display().to_string(), parts: Box::new(OnDisk(path.to_path_buf())) })
        .collect();
    let (databases, _) = load(&estate, snapshots, &ReadOptions::default()).unwrap();
    lines(&databases[0])
}

fn lines(database: &StoredDatabase) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &database.tables {
        for row in 0..table.rows() {
            let cells: Vec<String> = (0..table.columns.len()).map(|c| table.cell(row, c).text().unwrap_or_else(|| "∅".to_owned())).collect();
            lines.push(format!("{} {} {}", table.full_name(), table.unsure_rows.contains(&row), cells.join("|")));
        }
        lines.push(format!("{} {}", table.full_name(), table.complete));
    }
    lines.sort();
    lines
}

fn run(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().expect("the programs of the server");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
#[ignore = "needs PostgreSQL's own programs (PGBIN) and a user other than root"]
fn every_form_that_postgresql_dumps_is_read_alike() {
    let programs = std::env::var_os("PGBIN").map_or_else(|| PathBuf::from("/usr/lib/postgresql/15/bin"), PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run(Command::new(programs.join("initdb")).args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"]).arg(at("data")));
    let socket = format!("-c listen_addresses='' -k {}", folder.path().display());
    run(Command::new(programs.join("pg_ctl")).args(["-w", "-l"]).arg(at("log")).arg("-D").arg(at("data")).args(["-o", &socket, "start"]));
    let _stopped = Stop { programs: programs.clone(), data: at("data") };
    let client = |database: &str, arguments: &[&str]| {
        run(Command::new(programs.join("psql"))
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(folder.path())
            .args(["-d", database])
            .args(arguments));
    };
    client("postgres", &["-c", "CREATE DATABASE registry"]);
    std::fs::write(at("registry.sql"), include_str!("dumps/registry.sql")).unwrap();
    client("registry", &["-f", &at("registry.sql").display().to_string()]);
    let dump = |name: &str, arguments: &[&str]| {
        run(Command::new(programs.join("pg_dump")).args(["-U", "postgres", "-h"]).arg(folder.path()).args(arguments).arg("-f").arg(at(name)).arg("registry"));
        at(name)
    };
    let expected = shape("registry", "postgresql", &[&dump("plain", &[])]);
    assert!(expected.len() > 10);
    let forms: &[&[&str]] = &[
        &["-Fc"],
        &["-Fc", "-Z0"],
        &["-Fc", "-Z1"],
        &["-Fd"],
        &["-Fd", "-Z0"],
        &["-Fd", "-j2"],
        &["--inserts"],
        &["--column-inserts", "--create"],
        &["--rows-per-insert=2"],
        &["-Fc", "--inserts"],
        &["-Fc", "--encoding=EUC_JP"],
        &["--encoding=EUC_JP"],
        &["--encoding=SJIS"],
        &["--encoding=GB18030"],
        &["--encoding=BIG5"],
        &["--encoding=EUC_KR"],
    ];
    for (number, form) in forms.iter().enumerate() {
        assert_eq!(shape("registry", "postgresql", &[&dump(&format!("form{number}"), form)]), expected, "{form:?}");
    }
    let (schema, rows) = (dump("schema", &["--schema-only"]), dump("rows", &["--data-only", "-Fc"]));
    assert_eq!(shape("registry", "postgresql", &[&rows, &schema]), expected);
    assert_eq!(shape("registry", "postgresql", &[&schema, &rows]), expected);
    assert_ne!(shape("registry", "postgresql", &[&schema]), expected);
    let without = shape("registry", "postgresql", &[&dump("without", &["-Fc", "--exclude-table-data=hr.staff"])]);
    assert!(without.contains(&"hr.staff false".to_owned()) && without.contains(&"hr.posting true".to_owned()));
}

struct Stop {
    programs: PathBuf,
    data: PathBuf,
}

impl Drop for Stop {
    fn drop(&mut self) {
        let _ = Command::new(self.programs.join("pg_ctl")).args(["-w", "-m", "immediate", "-D"]).arg(&self.data).arg("stop").output();
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server will not run as root unless it is told to.
fn as_root() -> Option<&'static str> {
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?);
    (owner == 0).then_some("--user=root")
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn every_form_that_mariadb_dumps_is_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let socket = format!("--socket={}", at("socket").display());
    let data = format!("--datadir={}", at("data").display());
    run(Command::new("mariadb-install-db").args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]).args(as_root()));
    let mut server = Command::new("mariadbd");
    server.args(["--no-defaults", "--skip-networking", &data, &socket]).args(as_root()).stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Server(server.spawn().expect("mariadbd: apt-get install mariadb-server"));
    let client = |input: &str| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "-uroot", "--default-character-set=utf8mb4", &socket, "-e", input]);
        command.output().is_ok_and(|out| out.status.success())
    };
    for _ in 0..600 {
        if client("SELECT 1") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    std::fs::write(at("clinic.sql"), include_str!("dumps/clinic.sql")).unwrap();
    assert!(client(&format!("source {}", at("clinic.sql").display())));
    let dump = |name: &str, arguments: &[&str]| {
        run(Command::new("mariadb-dump").args(["--no-defaults", "-uroot", &socket, "-r"]).arg(at(name)).args(arguments));
        at(name)
    };
    let expected = shape("clinic", "mysql", &[&dump("plain", &["clinic"])]);
    assert!(expected.len() > 6);
    let forms: &[&[&str]] = &[
        &["--hex-blob", "clinic"],
        &["--skip-extended-insert", "--complete-insert", "clinic"],
        &["--skip-opt", "clinic"],
        &["--default-character-set=utf8mb3", "clinic"],
        &["--default-character-set=ujis", "--hex-blob", "clinic"],
        &["--default-character-set=big5", "--hex-blob", "clinic"],
        &["--databases", "mysql", "clinic"],
        &["--all-databases", "--routines", "--events", "--single-transaction"],
    ];
    for (number, form) in forms.iter().enumerate() {
        assert_eq!(shape("clinic", "mysql", &[&dump(&format!("form{number}"), form)]), expected, "{form:?}");
    }
    // MariaDB takes these two bytes for a backslash, the standard for another letter: that name is not known, and all else is.
    let japanese = shape("clinic", "mysql", &[&dump("japanese", &["--default-character-set=sjis", "--hex-blob", "clinic"])]);
    let differing: Vec<_> = japanese.iter().filter(|line| !expected.contains(line)).collect();
    assert!(matches!(differing[..], [line] if line.starts_with("clinic.patient true 2|∅|")), "{differing:?}");
    let (schema, rows) = (dump("schema", &["--no-data", "clinic"]), dump("rows", &["--no-create-info", "clinic"]));
    assert_eq!(shape("clinic", "mysql", &[&rows, &schema]), expected);
    let compact = shape("clinic", "mysql", &[&dump("compact", &["--compact", "clinic"])]);
    let filled = |lines: &[String]| lines.iter().filter(|line| line.contains('|')).cloned().collect::<Vec<_>>();
    assert_eq!(filled(&compact), filled(&expected));
}
