//! A real MariaDB: twins of a name, rights that outlive their revocation, passwords that come back by their hash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql::prelude::Queryable;
use servers::{MariaDb, check_answer, connector, cut, manner};
use strandline_model::containment::Effect;
use strandline_outbound::Secret;
use strandline_outbound::contain::{Answer, ContainError, Manner};

fn knowing(user: &str) -> Manner {
    Manner { keys: BTreeMap::from([(("db".to_owned(), user.to_owned()), Secret::new("a".to_owned()))]), ..manner() }
}

fn reads(connection: &mut mysql::Conn) -> bool {
    connection.query_drop("SELECT count(*) FROM hr.staff").is_ok()
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn every_twin_is_locked_and_unlocked_as_it_was() {
    let world = MariaDb::start();
    world.sql("ALTER USER tbl@'10.%' ACCOUNT LOCK");
    let dump = world.dump();
    let mut neighbour = world.client("glob").unwrap();
    let mut open = world.client("tbl").unwrap();
    let mut db = connector(&world.reach(), &knowing("tbl"));
    let effect = Effect::MysqlAccountLock { user: "tbl".to_owned() };
    let (before, meant) = cut(db.as_mut(), &effect);
    assert_eq!(before.0.len(), 3, "{before:?}");
    assert!(reads(&mut open) && world.client("tbl").is_err());
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "is open");
    let kill = Effect::MysqlKill { user: "tbl".to_owned() };
    cut(db.as_mut(), &kill);
    assert!(!reads(&mut open) && reads(&mut neighbour));
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "is locked");
    let mut stranger = connector(&world.reach(), &manner());
    check_answer(&stranger.verify(&effect, &before, &meant).unwrap(), Answer::NotTestable, "was not given");
    // A twin that somebody makes afterwards.
    world.sql("CREATE USER tbl@'127.0.0.1' IDENTIFIED BY 'a'");
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "tbl@127.0.0.1");
    world.sql("DROP USER tbl@'127.0.0.1'");
    db.undo(&effect, &before).unwrap();
    db.undo(&effect, &before).unwrap();
    assert_eq!(world.dump(), dump, "the twin that was locked before is locked still");
    assert!(world.client("tbl").is_ok());
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn rights_outlive_their_revocation_in_open_sessions_and_that_is_named() {
    let world = MariaDb::start();
    let dump = world.dump();
    for (user, level, reads_on) in [("tbl", "hr.staff", false), ("db", "hr.*", true), ("glob", "*.*", true)] {
        let mut open = world.client(user).unwrap();
        let _ = open.query_drop("USE hr");
        let mut db = connector(&world.reach(), &manner());
        let effect = Effect::MysqlRevoke { level: level.to_owned(), user: user.to_owned() };
        let (before, meant) = cut(db.as_mut(), &effect);
        assert_eq!(reads(&mut open), reads_on, "{level}");
        check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "keeps what it had");
        cut(db.as_mut(), &Effect::MysqlKill { user: user.to_owned() });
        let verdict = db.verify(&effect, &before, &meant).unwrap();
        let expected = if user == "tbl" { (Answer::NotEffective, "which reach hr.staff") } else { (Answer::Effective, "as meant") };
        check_answer(&verdict, expected.0, expected.1);
        db.undo(&effect, &before).unwrap();
        assert_eq!(world.dump(), dump, "{level}");
    }
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn accounts_without_a_name_views_of_others_and_what_everybody_may_are_named() {
    let world = MariaDb::start();
    let mut db = connector(&world.reach(), &knowing("db"));
    let lock = Effect::MysqlAccountLock { user: "db".to_owned() };
    let (before, meant) = cut(db.as_mut(), &lock);
    check_answer(&db.verify(&lock, &before, &meant).unwrap(), Answer::Effective, "is locked");
    world.sql("CREATE USER ''@'127.0.0.1'");
    let open = mysql::OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(world.server.port).user(Some("db")).prefer_socket(false);
    assert!(mysql::Conn::new(open).is_ok(), "the locked name comes in, as nobody");
    check_answer(&db.verify(&lock, &before, &meant).unwrap(), Answer::NotEffective, "lets any name in");
    world.sql("DROP USER ''@'127.0.0.1'");
    db.undo(&lock, &before).unwrap();
    let revoke = Effect::MysqlRevoke { level: "hr.*".to_owned(), user: "db".to_owned() };
    let (before, meant) = cut(db.as_mut(), &revoke);
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::Effective, "as meant");
    for (open, shut, said) in [
        ("GRANT SELECT ON hr.* TO PUBLIC", "REVOKE SELECT ON hr.* FROM PUBLIC", "PUBLIC"),
        (
            "CREATE DATABASE shown; CREATE VIEW shown.v AS SELECT * FROM hr.staff; GRANT SELECT ON shown.v TO db@'%'",
            "REVOKE SELECT ON shown.v FROM db@'%'; DROP DATABASE shown",
            "view shown.v",
        ),
    ] {
        world.sql(open);
        assert!(reads(&mut world.client("db").unwrap()) || said.contains("view"), "{open}");
        check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::NotEffective, said);
        world.sql(shut);
        check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::Effective, "as meant");
    }
    db.undo(&revoke, &before).unwrap();
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn a_view_over_a_view_reads_on_and_is_named_and_what_is_not_shown_is_not_testable() {
    let world = MariaDb::start();
    world.sql(
        "CREATE DATABASE shown; CREATE VIEW shown.one AS SELECT id FROM hr.staff; CREATE VIEW shown.two AS SELECT id FROM shown.one; \
         CREATE VIEW shown.three AS SELECT id FROM shown.two; GRANT SELECT ON shown.three TO tbl@'%'; DROP USER tbl@localhost; DROP USER tbl@'10.%'",
    );
    let revoke = Effect::MysqlRevoke { level: "hr.staff".to_owned(), user: "tbl".to_owned() };
    let mut db = connector(&world.reach(), &manner());
    let (before, meant) = cut(db.as_mut(), &revoke);
    let mut open = world.client("tbl").unwrap();
    assert!(!reads(&mut open) && open.query_drop("SELECT id FROM shown.three").is_ok());
    drop(open);
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::NotEffective, "may read view shown.three");
    // Somebody who may do all of this and not see what views are made of.
    world.sql("CREATE USER weak@'%' IDENTIFIED BY 'w'; GRANT PROCESS, CREATE USER, SELECT ON *.* TO weak@'%'");
    let mut weak = world.reach();
    (weak.target.account, weak.secret) = (Some("weak".to_owned()), Some(Secret::new("w".to_owned())));
    check_answer(&connector(&weak, &manner()).verify(&revoke, &before, &meant).unwrap(), Answer::NotTestable, "view shown.three reads is not shown");
    world.sql("DROP VIEW shown.one; CREATE VIEW shown.one AS SELECT 1 AS id");
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::Effective, "as meant");
    world.sql("CREATE FUNCTION shown.spill() RETURNS int READS SQL DATA RETURN (SELECT max(id) FROM hr.staff); CREATE OR REPLACE VIEW shown.one AS SELECT shown.spill() AS id");
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::NotEffective, "may read view shown.three");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn rights_of_every_other_level_that_still_read_are_named() {
    let world = MariaDb::start();
    let mut db = connector(&world.reach(), &manner());
    let revoke = Effect::MysqlRevoke { level: "hr.*".to_owned(), user: "db".to_owned() };
    let (before, meant) = cut(db.as_mut(), &revoke);
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::Effective, "as meant");
    for (level, named) in [("`h%`.*", "h%.*"), ("`h_`.*", "h_.*"), ("hr.staff", "hr.staff"), ("*.*", "*.*")] {
        world.sql(&format!("GRANT SELECT ON {level} TO db@'%'"));
        assert!(reads(&mut world.client("db").unwrap()), "{level}");
        check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::NotEffective, &format!("has rights on {named}, which reach hr.*"));
        world.sql(&format!("REVOKE SELECT ON {level} FROM db@'%'"));
    }
    world.sql("CREATE DATABASE pay; GRANT SELECT ON pay.* TO db@'%'");
    check_answer(&db.verify(&revoke, &before, &meant).unwrap(), Answer::Effective, "as meant");
    // All rights at the server's level taken, and those of a database left.
    world.sql("GRANT SELECT ON hr.* TO glob@'%'");
    let all = Effect::MysqlRevoke { level: "*.*".to_owned(), user: "glob".to_owned() };
    let (before, meant) = cut(db.as_mut(), &all);
    assert!(reads(&mut world.client("glob").unwrap()));
    check_answer(&db.verify(&all, &before, &meant).unwrap(), Answer::NotEffective, "has rights on hr.*, which reach *.*");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn a_password_comes_back_by_its_hash() {
    let world = MariaDb::start();
    let dump = world.dump();
    let mut db = connector(&world.reach(), &knowing("db"));
    let effect = Effect::MysqlPassword { user: "db".to_owned() };
    let (before, meant) = cut(db.as_mut(), &effect);
    assert!(world.client("db").is_err());
    // Whoever is being refused stands among the connections for a moment, and is none.
    let is_over = AtomicBool::new(false);
    let verdicts: Vec<_> = std::thread::scope(|scope| {
        let trying = scope.spawn(|| {
            let mut is_refused = true;
            while !is_over.load(Ordering::Relaxed) {
                is_refused &= world.client("db").is_err();
            }
            is_refused
        });
        let verdicts = (0..4).map(|_| db.verify(&effect, &before, &meant)).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(trying.join().unwrap());
        verdicts
    });
    for verdict in verdicts {
        check_answer(&verdict.unwrap(), Answer::Effective, "old password and refused");
    }
    assert!(!format!("{before:?} {meant:?}").contains('*'), "a hash does not print itself");
    db.undo(&effect, &before).unwrap();
    assert_eq!(world.dump(), dump);
    assert!(world.client("db").is_ok());
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn whoever_must_stay_in_stays_in_and_whoever_may_not_is_told() {
    let world = MariaDb::start();
    let mut db = connector(&world.reach(), &manner());
    let lock = |user: &str| Effect::MysqlAccountLock { user: user.to_owned() };
    assert!(matches!(db.refuse_protected(&lock("root2")), Err(ContainError::NeverTouched { .. })));
    servers::comes_back_though_protected(&world.reach(), &lock("tbl"), Some("tbl"), None);
    assert!(matches!(db.read(&lock("nobody")), Err(ContainError::Absent { .. })));
    let capture = db.capture(&lock("tbl")).unwrap();
    let accounts = capture.pieces.iter().find(|piece| piece.name == "accounts.sql").unwrap();
    assert!(String::from_utf8_lossy(&accounts.bytes).contains("GRANT SELECT ON `hr`.`staff`"));
    let mut weak = world.reach();
    weak.target.account = Some("glob".to_owned());
    weak.secret = Some(Secret::new("a".to_owned()));
    let mut weak = connector(&weak, &manner());
    let told = weak.read(&lock("tbl")).and_then(|before| {
        let meant = weak.meant(&lock("tbl"), &before, &mut || [7; 32])?;
        weak.apply(&lock("tbl"), &meant)
    });
    assert!(matches!(told, Err(ContainError::NoRight { .. } | ContainError::NeverTouched { .. })), "{told:?}");
    let mut wrong = world.reach();
    wrong.secret = Some(Secret::new("wrong".to_owned()));
    assert!(matches!(strandline_outbound::contain::connect(&wrong, &manner()), Err(ContainError::NotLetIn { .. })));
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn the_last_administrator_who_can_sign_in_stays_in() {
    let world = MariaDb::start();
    world.sql(
        "CREATE USER keeper@'%' IDENTIFIED BY 'k'; GRANT CREATE USER, PROCESS, CONNECTION ADMIN, SELECT ON *.* TO keeper@'%'; \
         CREATE ROLE boss; GRANT SUPER ON *.* TO boss; CREATE USER third@'%' IDENTIFIED BY 'a'; GRANT SUPER ON *.* TO third@'%'; \
         CREATE USER helper@'%' IDENTIFIED BY 'a'; GRANT boss TO helper@'%'; SET GLOBAL default_password_lifetime = 30; \
         ALTER USER root@'::1', root@'127.0.0.1', root@localhost PASSWORD EXPIRE NEVER",
    );
    // One who is no administrator cuts others off: its own account is none that is left.
    let mut own = world.reach();
    (own.target.account, own.secret) = (Some("keeper".to_owned()), Some(Secret::new("k".to_owned())));
    let mut db = connector(&own, &manner());
    let mut check = |user: &str, is_refused: bool, when: &str| match db.refuse_protected(&Effect::MysqlAccountLock { user: user.to_owned() }) {
        Err(ContainError::NeverTouched { why, .. }) if is_refused => assert!(why.contains("no other administrator"), "{when}: {why}"),
        Ok(()) if !is_refused => {}
        other => panic!("{user}, {when}: {other:?}"),
    };
    check("root2", false, "root can sign in");
    // That of the machine's own name stays: where names are not resolved, nobody signs in by it. Who takes it from himself is the last.
    for host in ["::1", "127.0.0.1", "localhost"] {
        world.sql(&format!("REVOKE SUPER ON *.* FROM root@'{host}'"));
    }
    assert_ne!(world.sql("SELECT Host FROM mysql.user WHERE User = 'root' AND Super_priv = 'Y'"), "");
    check("root2", false, "the third can sign in");
    let set_years_ago = "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.password_last_changed', 86400) WHERE User = 'third'; FLUSH PRIVILEGES";
    for (locked_out, in_again) in [
        ("ALTER USER third@'%' ACCOUNT LOCK", "ALTER USER third@'%' ACCOUNT UNLOCK"),
        ("ALTER USER third@'%' PASSWORD EXPIRE", "ALTER USER third@'%' IDENTIFIED BY 'a'"),
        ("ALTER USER third@'%' IDENTIFIED VIA mysql_native_password USING 'invalid'", "ALTER USER third@'%' IDENTIFIED BY 'a'"),
        (&format!("ALTER USER third@'%' PASSWORD EXPIRE INTERVAL 90 DAY; {set_years_ago}"), "ALTER USER third@'%' IDENTIFIED BY 'a'"),
        (&format!("ALTER USER third@'%' PASSWORD EXPIRE DEFAULT; {set_years_ago}"), "ALTER USER third@'%' IDENTIFIED BY 'a' PASSWORD EXPIRE NEVER"),
    ] {
        world.sql(locked_out);
        check("root2", true, locked_out);
        check("helper", false, "root2 can sign in");
        check("tbl", false, "it is no administrator");
        world.sql(in_again);
        check("root2", false, in_again);
    }
    world.sql("DROP USER third@'%'");
    check("root2", true, "it is the only one");
    world.sql("ALTER USER root2@'%' ACCOUNT LOCK");
    check("helper", true, "a role may carry anything, and nobody else is left");
}
