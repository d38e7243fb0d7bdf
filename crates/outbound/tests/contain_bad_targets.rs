//! Targets that are down, slow, something else, or have a certificate that does not fit: each is told, in time, and no secret of
//! ours stands in what is told.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use servers::{MariaDb, Postgres, Slapd, free_port, is_root, manner, reach, run, target, until};
use strandline_model::containment::Effect;
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{Answer, ContainError, Manner, Reach, TargetState, connect};

/// What stands for every secret here.
const SECRET: &str = "a-secret-that-nobody-may-see";

const PATIENCE: Duration = Duration::from_millis(500);

/// A target of each kind that is dialled, at one port of this machine.
fn at(port: u16, security: &str) -> Vec<Reach> {
    let host = if security == "plain" { "127.0.0.1" } else { "localhost" };
    let scheme = |plain: &str, tls: &str| if security == "plain" { plain.to_owned() } else { tls.to_owned() };
    let (ldap, http) = (scheme("ldap", "ldaps"), scheme("http", "https"));
    let of = |kind, rest: &str| reach(target("one", kind, &format!("{rest}\nsecurity = \"{security}\"")), Some(SECRET));
    vec![
        of(TargetKind::Postgres, &format!("address = \"{host}:{port}\"\naccount = \"me\"")),
        of(TargetKind::Pgbouncer, &format!("address = \"{host}:{port}\"\naccount = \"me\"")),
        of(TargetKind::Mysql, &format!("address = \"{host}:{port}\"\naccount = \"me\"")),
        of(TargetKind::Ldap, &format!("address = \"{ldap}://{host}:{port}\"\naccount = \"cn=me\"\nbase = \"dc=x\"")),
        of(TargetKind::ActiveDirectory, &format!("address = \"{ldap}://{host}:{port}\"\naccount = \"me\"\nbase = \"dc=x\"")),
        of(TargetKind::Sessions, &format!("address = \"{host}:{port}\"\nsessions = \"sess:\"")),
        of(
            TargetKind::Sessions,
            &format!("address = \"{host}:{port}\"\naccount = \"me\"\ndatabases = [\"d\"]\nsessions = \"public.s\"\nsession_column = \"k\""),
        ),
        of(TargetKind::Webhook, &format!("address = \"{http}://{host}:{port}/hook\"")),
    ]
}

/// What is said; a service is only asked when something is read.
fn said(reach: &Reach) -> Result<(), ContainError> {
    let effect = Effect::Webhook { action: "disable_account".to_owned(), subject: "ann".to_owned() };
    let mut connector = connect(reach, &Manner { patience: PATIENCE, ..manner() })?;
    if reach.target.kind == TargetKind::Webhook { connector.read(&effect).map(|_| ()) } else { Ok(()) }
}

/// Every kind says that it does not answer, soon, and quotes nothing.
#[track_caller]
fn check(port: u16, what: &str, expected: impl Fn(&ContainError) -> bool) {
    for reach in at(port, "plain") {
        let begun = Instant::now();
        let error = said(&reach).expect_err(what);
        let told = format!("{error} {:?}", error);
        assert!(expected(&error), "{what}: {:?}: {told}", reach.target.kind);
        assert!(begun.elapsed() < PATIENCE * 12, "{what}: {:?} took {:?}", reach.target.kind, begun.elapsed());
        assert!(!told.contains(SECRET) && error.to_string().contains("target one"), "{told}");
    }
}

/// A server that does this with each connection.
fn server(with: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let with = with.clone();
            std::thread::spawn(move || with(stream));
        }
    });
    port
}

#[test]
fn a_target_that_is_down_or_says_nothing_is_told_in_time() {
    let late = |error: &ContainError| matches!(error, ContainError::Unreachable { .. } | ContainError::TooSlow { .. });
    check(free_port(), "down", late);
    let silent = server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    check(silent, "silent", late);
    let hanging_up = server(|mut stream| {
        let _ = stream.read(&mut [0; 64]);
    });
    check(hanging_up, "hanging up", late);
}

#[test]
fn a_server_of_another_kind_is_told_and_does_no_harm() {
    let web = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    check(web, "a web server", |_| true);
    let endless = server(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    check(endless, "endless", |_| true);
    let zeros = server(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    check(zeros, "zeros", |_| true);
}

/// A certificate of its own for a name: file of the certificate, file of the key.
fn certificate(folder: &std::path::Path, name: &str) -> (String, String) {
    let (certificate, key) = (folder.join(format!("{name}.pem")).display().to_string(), folder.join(format!("{name}.key")).display().to_string());
    let alternative = format!("subjectAltName=DNS:{name}");
    run(Command::new("openssl").args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &format!("/CN={name}")]).args([
        "-addext",
        &alternative,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ]));
    (certificate, key)
}

struct Tls(Child);

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has_openssl() -> bool {
    let is_there = Command::new("openssl").arg("version").output().is_ok();
    if !is_there {
        println!("SKIPPED: openssl, which makes the certificates, is not here");
    }
    is_there
}

/// A server of TLS, with a certificate for this name.
fn tls(folder: &std::path::Path, name: &str) -> (Tls, u16, String) {
    let (certificate, key) = certificate(folder, name);
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", "-accept", &port.to_string(), "-cert", &certificate, "-key", &key]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Tls(child);
    until("openssl answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (server, port, std::fs::read_to_string(certificate).unwrap())
}

/// Whether an error is about the certificate.
fn is_about_certificate(error: &ContainError) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    let told = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").to_lowercase();
    assert!(!told.contains(SECRET));
    told.contains("certificate") || told.contains("tls") || told.contains("issuer")
}

#[test]
fn a_certificate_of_a_stranger_or_for_another_name_is_refused() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_right, right, own) = tls(folder.path(), "localhost");
    let (_other, other, others) = tls(folder.path(), "elsewhere.example");
    let direct = |reach: &Reach| {
        let of_protocol = matches!(reach.target.kind, TargetKind::Postgres | TargetKind::Pgbouncer | TargetKind::Mysql);
        !of_protocol && reach.target.session_column.is_none()
    };
    let ask = |port, authority: &str, expected: bool, what: &str| {
        for mut reach in at(port, "tls").into_iter().filter(direct) {
            reach.authorities = Some(authority.to_owned());
            let error = said(&reach).expect_err(what);
            assert_eq!(is_about_certificate(&error), expected, "{what}: {:?}: {error:?}", reach.target.kind);
        }
    };
    ask(right, &others, true, "of a stranger");
    ask(other, &others, true, "for another name");
    // The right one: what is behind it is no such server, and that is another error.
    ask(right, &own, false, "the right one");
    let mut broken = at(right, "tls").remove(5);
    broken.authorities = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned());
    assert!(matches!(said(&broken), Err(ContainError::Unusable { .. })));
}

/// The two servers that speak in the clear before they speak TLS.
fn check_server(reach: &Reach, own: &str, others: &str) {
    let with = |authority: &str, security: &str| {
        let mut reach = reach.clone();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority).unwrap();
        reach.target.address = reach.target.address.map(|address| address.replace("127.0.0.1", "localhost"));
        (reach.target.security, reach.target.authorities) = (Some(security.to_owned()), Some(file.path().display().to_string()));
        reach.authorities = Some(authority.to_owned());
        connect(&reach, &manner()).map(|_| ())
    };
    let security = if reach.target.address.as_deref().is_some_and(|address| address.starts_with("ldap:")) { "starttls" } else { "tls" };
    assert!(with(own, security).is_ok(), "the right certificate: {:?}", with(own, security));
    let refused = with(others, security).expect_err("of a stranger");
    assert!(matches!(refused, ContainError::Unreachable { .. }), "{refused:?}");
}

/// A server whose certificate is of somebody whom we trust, and for another name.
fn check_other_name(reach: &Reach, its_own: &str) {
    let mut reach = reach.clone();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), its_own).unwrap();
    reach.target.address = reach.target.address.map(|address| address.replace("127.0.0.1", "localhost"));
    (reach.target.security, reach.target.authorities) = (Some("tls".to_owned()), Some(file.path().display().to_string()));
    reach.authorities = Some(its_own.to_owned());
    let refused = connect(&reach, &manner()).map(|_| ()).expect_err("for another name");
    assert!(matches!(refused, ContainError::Unreachable { .. }), "{refused:?}");
}

/// Certificates that a server which runs as nobody can read.
fn readable(folder: &std::path::Path, name: &str) -> (String, String, String) {
    let (certificate, key) = certificate(folder, name);
    run(Command::new("chmod").arg("600").arg(&key));
    if is_root() {
        run(Command::new("chown").arg("-R").arg("nobody").arg(folder));
    }
    let text = std::fs::read_to_string(&certificate).unwrap();
    (certificate, key, text)
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn postgresql_with_a_certificate_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, own) = readable(folder.path(), "localhost");
    let (_, _, others) = readable(folder.path(), "elsewhere.example");
    let world = Postgres::start(&format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'"));
    world.sql("postgres", "CREATE DATABASE hr");
    check_server(&world.reach(""), &own, &others);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, its_own) = readable(folder.path(), "elsewhere.example");
    let elsewhere = Postgres::start(&format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'"));
    let mut reach = elsewhere.reach("");
    reach.target.databases.clear();
    check_other_name(&reach, &its_own);
    let plain = Postgres::start("");
    let mut reach = plain.reach("");
    reach.target.databases.clear();
    (reach.target.security, reach.authorities) = (Some("tls".to_owned()), Some(own));
    assert!(connect(&reach, &manner()).is_err(), "a server without TLS is not spoken to in the clear");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn mariadb_without_tls_is_not_spoken_to_in_the_clear() {
    let world = MariaDb::start();
    let mut reach = world.reach();
    reach.target.security = Some("tls".to_owned());
    let error = connect(&reach, &manner()).map(|_| ()).expect_err("it has no certificate");
    assert!(matches!(error, ContainError::Unreachable { .. } | ContainError::NotLetIn { .. }), "{error:?}");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn mariadb_with_a_certificate_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, own) = readable(folder.path(), "localhost");
    let (_, _, others) = readable(folder.path(), "elsewhere.example");
    let world = MariaDb::start_with(&[format!("--ssl-cert={certificate}"), format!("--ssl-key={key}"), "--ssl".to_owned()]);
    check_server(&world.reach(), &own, &others);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, its_own) = readable(folder.path(), "elsewhere.example");
    let elsewhere = MariaDb::start_with(&[format!("--ssl-cert={certificate}"), format!("--ssl-key={key}"), "--ssl".to_owned()]);
    check_other_name(&elsewhere.reach(), &its_own);
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn openldap_with_a_certificate_that_does_not_fit_is_refused() {
    let with = |name: &str| {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key, own) = readable(folder.path(), name);
        let port = free_port();
        let settings = format!("TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\nTLSCACertificateFile {certificate}");
        let world = Slapd::start_with(true, &settings, Some(port));
        let starttls = world.reach();
        let mut tls = world.reach();
        tls.target.address = Some(format!("ldaps://127.0.0.1:{port}"));
        (folder, world, starttls, tls, own)
    };
    let (_folder, _world, starttls, tls, own) = with("localhost");
    let (_other_folder, _other_world, _, elsewhere, its_own) = with("elsewhere.example");
    check_server(&tls, &own, &its_own);
    check_server(&starttls, &own, &its_own);
    check_other_name(&elsewhere, &its_own);
}

/// A server of an older version: PostgreSQL's first answers, to whoever comes.
fn old_postgres() -> std::net::SocketAddr {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat();
    let ready = message(b'Z', b"I");
    let hello = [message(b'R', &0u32.to_be_bytes()), message(b'S', b"server_version\x009.6.24\0"), message(b'K', &[0; 8]), ready.clone()].concat();
    let column =
        [&1u16.to_be_bytes()[..], b"server_version\0", &0u32.to_be_bytes(), &[0, 0], &25u32.to_be_bytes(), &[255, 255, 255, 255, 255, 255, 0, 0]].concat();
    let row = [&1u16.to_be_bytes()[..], &6u32.to_be_bytes(), b"9.6.24"].concat();
    let answer = [message(b'T', &column), message(b'D', &row), message(b'C', b"SHOW\0"), ready].concat();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (hello, answer) = (hello.clone(), answer.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(&hello);
                while let Ok(1..) = stream.read(&mut buffer) {
                    let _ = stream.write_all(&answer);
                }
            });
        }
    });
    at
}

/// A Redis of long ago.
fn old_redis() -> std::net::SocketAddr {
    use std::io::BufRead;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = std::io::BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 0 {
                let said: &[u8] = match line.trim() {
                    "PING" => b"+PONG\r\n",
                    "INFO" => b"$21\r\nredis_version:2.4.18\n\r\n",
                    _ => b"",
                };
                let _ = reader.get_mut().write_all(said);
                line.clear();
            }
        }
    });
    at
}

#[test]
fn a_server_that_is_too_old_is_told_when_it_is_signed_in_to() {
    for (kind, address, rest, what) in [
        (TargetKind::Postgres, old_postgres(), "account = \"postgres\"", "PostgreSQL 9.6.24, and 10.0 is the oldest"),
        (TargetKind::Sessions, old_redis(), "sessions = \"sess:\"", "Redis 2.4.18, and 2.8 is the oldest"),
    ] {
        let at = reach(target("old", kind, &format!("address = \"{address}\"\n{rest}")), None);
        let told = connect(&at, &manner()).map(|_| ()).expect_err("it is too old");
        assert!(matches!(told, ContainError::Strange { .. }) && told.to_string().contains(what), "{told:?}");
    }
}

/// What an account that does not see others' connections is told: no plan, no end of what it cannot see, and no word of *effective*.
#[track_caller]
fn check_blind(reach: &Reach, effects: &[Effect], end: &Effect, way_out: &str) {
    let mut weak = connect(reach, &manner()).unwrap();
    for effect in effects.iter().chain([end]) {
        let before = weak.read(effect).unwrap_or_default();
        let told = weak.meant(effect, &before, &mut || [7; 32]).expect_err("it sees nothing");
        assert!(matches!(told, ContainError::NoRight { .. }) && told.to_string().contains(way_out), "{effect:?}: {told:?}");
    }
    let none = TargetState::default();
    assert!(matches!(weak.apply(end, &none), Err(ContainError::NoRight { .. })), "what is not seen is not ended");
    for effect in effects.iter().chain([end]) {
        let verdict = weak.verify(effect, &none, &none).unwrap();
        assert_ne!(verdict.answer(), Answer::Effective, "{effect:?}: {verdict:?}");
        assert!(
            verdict.untested.iter().chain(&verdict.doors).any(|text| text.contains("cannot be seen") || text.contains("is open")),
            "{effect:?}: {verdict:?}"
        );
    }
    let lost = weak.capture(end).unwrap().lost;
    assert!(lost.iter().any(|text| text.contains("our account may not see")), "{lost:?}");
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_credential_without_rights_to_see_connections_of_postgresql_is_told() {
    let world = Postgres::start("");
    world.sql("postgres", "CREATE DATABASE hr");
    world.sql("hr", "CREATE ROLE app LOGIN PASSWORD 'a'; CREATE ROLE weak LOGIN CREATEROLE PASSWORD 'w'; GRANT pg_signal_backend TO weak");
    let mut open = world.try_client("app", "a", "hr").unwrap();
    let mut reach = world.reach("");
    (reach.target.account, reach.secret) = (Some("weak".to_owned()), Some(strandline_outbound::Secret::new("w".to_owned())));
    let shut = Effect::PostgresRoleNoLogin { role: "app".to_owned() };
    let end = Effect::PostgresTerminate { address: Some("127.0.0.1".to_owned()), role: "app".to_owned() };
    world.sql("hr", "ALTER ROLE app NOLOGIN");
    check_blind(&reach, std::slice::from_ref(&shut), &end, "GRANT pg_read_all_stats");
    assert!(open.simple_query("SELECT 1").is_ok());
    world.sql("hr", "ALTER ROLE app LOGIN; GRANT pg_read_all_stats TO weak");
    let mut db = connect(&reach, &manner()).unwrap();
    servers::cut(db.as_mut(), &shut);
    db.apply(&end, &TargetState::default()).unwrap();
    assert!(open.simple_query("SELECT 1").is_err(), "with that right it is seen and ended");
    servers::check_answer(&db.verify(&end, &TargetState::default(), &TargetState::default()).unwrap(), Answer::Effective, "looked at twice");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn a_credential_without_rights_to_see_connections_of_mariadb_is_told() {
    use mysql::prelude::Queryable;
    let world = MariaDb::start();
    world.sql("CREATE USER weak@'%' IDENTIFIED BY 'w'; GRANT CREATE USER ON *.* TO weak@'%'; GRANT SELECT ON mysql.* TO weak@'%'; GRANT CONNECTION ADMIN ON *.* TO weak@'%'");
    let mut open = world.client("db").unwrap();
    let mut reach = world.reach();
    (reach.target.account, reach.secret) = (Some("weak".to_owned()), Some(strandline_outbound::Secret::new("w".to_owned())));
    let lock = Effect::MysqlAccountLock { user: "db".to_owned() };
    let end = Effect::MysqlKill { user: "db".to_owned() };
    check_blind(&reach, std::slice::from_ref(&lock), &end, "GRANT PROCESS");
    assert!(open.query_drop("SELECT 1").is_ok());
    world.sql("CREATE ROLE seeing; GRANT PROCESS ON *.* TO seeing; GRANT seeing TO weak@'%'; SET DEFAULT ROLE seeing FOR weak@'%'");
    let mut db = connect(&reach, &manner()).unwrap();
    servers::cut(db.as_mut(), &lock);
    db.apply(&end, &TargetState::default()).unwrap();
    assert!(open.query_drop("SELECT 1").is_err(), "by a role, too, it is seen and ended");
    servers::check_answer(&db.verify(&end, &TargetState::default(), &TargetState::default()).unwrap(), Answer::Effective, "looked at twice");
}
