//! A real MariaDB server writes its three logs at once; every statement that it was sent stands in each of them once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::process::{Child, Command, Stdio};

use strandline_model::estate::LogSource;
use strandline_model::event::{Activity, Event, RecordKind, Status};

/// Statements as a client sends them, and the rows that they return or change.
const SENT: &[(&str, i64)] = &[
    ("SELECT `name`, born FROM patient WHERE id = 2", 1),
    ("SELECT name\nFROM patient -- all of them\n  ORDER BY id", 3),
    ("SELECT 'O\\'Brien', \"x;y\", 'a\\\\', 'Müller 陳'", 1),
    ("UPDATE patient SET name = 'Wong; Siu\tMing' WHERE id = 3", 1),
    ("SELECT COUNT(*) FROM patient WHERE name LIKE '%o%'", 1),
    ("SELECT COUNT(*) FROM patient WHERE name LIKE '%o%'", 1),
    ("DELETE FROM patient WHERE id = 99", 0),
];

struct Server {
    process: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let install = [
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            "--auth-root-authentication-method=normal".to_owned(),
            "--skip-test-db".to_owned(),
        ];
        run(Command::new("mariadb-install-db").args(install).args(as_root()));
        let process = Command::new("mariadbd")
            .args(["--no-defaults", "--skip-networking", "--plugin-maturity=beta", "--general-log=1", "--slow-query-log=1", "--long-query-time=0"])
            .args(["--plugin-load-add=server_audit", "--server-audit-logging=ON", "--server-audit-events=CONNECT,QUERY"])
            .args([format!("--datadir={}", at("data")), format!("--socket={}", at("socket")), format!("--general-log-file={}", at("general.log"))])
            .args([
                format!("--slow-query-log-file={}", at("slow.log")),
                format!("--server-audit-file-path={}", at("audit.log")),
                format!("--log-error={}", at("errors")),
            ])
            .args(as_root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd: apt-get install mariadb-server");
        let server = Self { process, folder };
        for _ in 0..600 {
            if server.client("").is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the server does not answer: {}", std::fs::read_to_string(server.folder.path().join("errors")).unwrap_or_default());
    }

    fn client(&self, sql: &str) -> Result<(), String> {
        let out = Command::new("mariadb")
            .args(["--no-defaults", "-uroot", "--default-character-set=utf8mb4", "--comments", "--batch", "-e", sql])
            .arg(format!("--socket={}", self.folder.path().join("socket").display()))
            .output()
            .map_err(|e| e.to_string())?;
        if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
    }

    fn events(&self, log: &str, format: &str) -> Vec<Event<'static>> {
        let bytes = std::fs::read(self.folder.path().join(log)).unwrap();
        let source: LogSource = toml::from_str(&format!("id = \"db\"\nsystem = \"db\"\npath = [\"{log}\"]\nformat = \"{format}\"")).unwrap();
        let (summary, kept) = common::read(&source, &bytes).expect("a log that can be read");
        assert_eq!(summary.records_refused, 0, "{log}");
        assert_eq!(strandline_event::recognise(&bytes).first().map(|(name, _)| *name), Some(format), "{log}");
        kept.events()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server will not run as root unless it is told to.
fn as_root() -> Option<&'static str> {
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?);
    (owner == 0).then_some("--user=root")
}

fn run(command: &mut Command) {
    let out = command.output().expect("MariaDB's programs: apt-get install mariadb-server");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn every_statement_stands_once_in_each_log() {
    let server = Server::start();
    server.client("CREATE DATABASE clinic CHARACTER SET utf8mb4; USE clinic; CREATE TABLE patient (id INT PRIMARY KEY, name VARCHAR(40), born DATE); INSERT INTO patient VALUES (1,'Chan','1970-01-02'),(2,'Lo','1981-03-04'),(3,'Ho',NULL)").unwrap();
    for (sql, _) in SENT {
        server.client(&format!("USE clinic; {sql}")).unwrap();
    }
    server.client("USE clinic; SELECT * FROM account WHERE password = 'geheim'").expect_err("no such table");
    let general = server.events("general.log", "mysql_general");
    let slow = server.events("slow.log", "mysql_general");
    let audit = server.events("audit.log", "mysql_audit");
    for (n, (sql, rows)) in SENT.iter().enumerate() {
        let times = SENT.iter().filter(|(other, _)| other == sql).count();
        for (log, events) in [("general", &general), ("slow", &slow), ("audit", &audit)] {
            let found: Vec<&Event<'_>> = events.iter().filter(|e| e.statement.as_deref() == Some(*sql)).collect();
            assert_eq!(found.len(), times, "{log} {n}");
            for e in found {
                assert_eq!((e.account.as_deref(), e.database.as_deref(), e.session.is_some()), (Some("root"), Some("clinic"), true), "{log} {n}");
                let writes = !sql.starts_with("SELECT");
                assert_eq!(
                    (e.row_count, e.activity == Activity::Write),
                    (Some(*rows).filter(|rows| log == "slow" && (!writes || *rows > 0)), writes),
                    "{log} {n}"
                );
            }
        }
    }
    let failed: Vec<&Event<'_>> = audit.iter().filter(|e| e.status == Status::Failure).collect();
    assert_eq!(failed.iter().map(|e| (e.error_code.as_deref(), e.masked)).collect::<Vec<_>>(), [(Some("1146"), true)]);
    assert!(slow.iter().all(|e| e.record_kind == Some(RecordKind::MysqlSlow) && e.duration_micros.is_some()));
    for (log, events) in [("general", general), ("slow", slow), ("audit", audit)] {
        assert!(
            events
                .iter()
                .all(|e| !e.statement.as_deref().unwrap_or_default().contains("geheim") && !e.message.as_deref().unwrap_or_default().contains("geheim")),
            "{log}"
        );
        let sessions = |events: &[Event<'_>]| {
            events
                .iter()
                .filter(|e| e.statement.is_some())
                .filter_map(|e| e.session.clone().map(std::borrow::Cow::into_owned))
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert!(sessions(&events).len() > SENT.len(), "{log}");
    }
}
