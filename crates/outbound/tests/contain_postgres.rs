//! A real PostgreSQL, and pgbouncer before it: an intruder with an open session, each cut, each side door left open on purpose.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use servers::{Postgres, check_answer, connector, cut, manner, reach, target, until};
use strandline_model::containment::Effect;
use strandline_model::estate::{BreakGlass, TargetKind};
use strandline_outbound::Secret;
use strandline_outbound::contain::{Answer, ContainError, Manner, TargetState};

fn world() -> Postgres {
    let world = Postgres::start("");
    world.sql("postgres", "CREATE DATABASE hr");
    world.sql(
        "hr",
        "CREATE SCHEMA pay; CREATE TABLE pay.staff(id int PRIMARY KEY, name text); INSERT INTO pay.staff SELECT g, 'p' || g FROM generate_series(1, 100) g;
        CREATE ROLE hr_read NOLOGIN; GRANT USAGE ON SCHEMA pay TO PUBLIC; GRANT SELECT ON pay.staff TO hr_read;
        CREATE ROLE app LOGIN PASSWORD 'a'; GRANT hr_read TO app; GRANT SELECT ON pay.staff TO app;
        CREATE ROLE other LOGIN PASSWORD 'o'; GRANT SELECT ON pay.staff TO other WITH GRANT OPTION",
    );
    world
}

/// The manner of somebody who knows the application's password.
fn knowing() -> Manner {
    Manner { keys: BTreeMap::from([(("db".to_owned(), "app".to_owned()), Secret::new("a".to_owned()))]), ..manner() }
}

fn reads(client: &mut postgres::Client) -> bool {
    client.query("SELECT count(*) FROM pay.staff", &[]).is_ok()
}

fn app() -> String {
    "app".to_owned()
}

/// What a login cut must do: a session that is open reads on until it is ended; then both ways fail, a neighbour loses nothing,
/// and undo gives back what a dump had.
fn check_login(effect: &Effect) {
    let world = world();
    let dump = world.dump();
    let mut neighbour = world.try_client("other", "o", "hr").unwrap();
    let mut open = world.try_client("app", "a", "hr").unwrap();
    let mut db = connector(&world.reach(""), &knowing());
    let (before, meant) = cut(db.as_mut(), effect);
    check_answer(&db.verify(effect, &before, &meant).unwrap(), Answer::NotEffective, "is open since");
    assert!(reads(&mut open), "an open session reads on, which is why verification must name it");
    let end = Effect::PostgresTerminate { address: None, role: app() };
    let (none, _) = cut(db.as_mut(), &end);
    check_answer(&db.verify(&end, &none, &none).unwrap(), Answer::Effective, "looked at twice");
    check_answer(&db.verify(effect, &before, &meant).unwrap(), Answer::Effective, "refused");
    assert!(!reads(&mut open) && world.try_client("app", "a", "hr").is_err());
    assert!(reads(&mut neighbour));
    // Without the application's password nobody can say more than what the server's catalogue says.
    let mut stranger = connector(&world.reach(""), &manner());
    check_answer(&stranger.verify(effect, &before, &meant).unwrap(), Answer::NotTestable, "was not given");
    db.undo(effect, &before).unwrap();
    db.undo(effect, &before).unwrap();
    assert_eq!(db.read(effect).unwrap(), before);
    assert_eq!(world.dump(), dump);
    assert!(reads(&mut world.try_client("app", "a", "hr").unwrap()));
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_role_without_login_is_out_once_its_sessions_are_ended() {
    check_login(&Effect::PostgresRoleNoLogin { role: app() });
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_role_whose_time_has_passed_is_out_and_gets_back_no_time_at_all() {
    check_login(&Effect::PostgresRoleExpired { role: app() });
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_role_that_may_have_no_connection_is_out() {
    check_login(&Effect::PostgresConnectionLimit { role: app() });
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_changed_password_comes_back_by_its_verifier() {
    check_login(&Effect::PostgresPassword { role: app() });
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_line_that_lets_in_without_a_password_is_named() {
    let world = world();
    let text = std::fs::read_to_string(world.hba()).unwrap();
    std::fs::write(world.hba(), format!("host hr app 127.0.0.1/32 trust\n{text}")).unwrap();
    world.sql("postgres", "SELECT pg_reload_conf()");
    let mut db = connector(&world.reach(""), &knowing());
    for effect in [Effect::PostgresRoleExpired { role: app() }, Effect::PostgresPassword { role: app() }] {
        let (before, meant) = cut(db.as_mut(), &effect);
        check_answer(
            &db.verify(&effect, &before, &meant).unwrap(),
            Answer::NotEffective,
            "line 1 of pg_hba.conf lets role app in without its password (trust)",
        );
        db.undo(&effect, &before).unwrap();
    }
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn rights_are_taken_from_every_grantor_and_group_and_given_back() {
    let world = world();
    let mut other = world.try_client("other", "o", "hr").unwrap();
    other.batch_execute("GRANT SELECT ON pay.staff TO app; GRANT SELECT (name) ON pay.staff TO app").unwrap();
    let dump = world.dump();
    let effect = Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: app(), table: "pay.staff".to_owned() };
    let mut open = world.try_client("app", "a", "hr").unwrap();
    let mut db = connector(&world.reach(""), &manner());
    let (before, meant) = cut_rights(db.as_mut(), &effect);
    assert_eq!(before.0.len(), 4, "two grants on the table, one on a column, one group: {before:?}");
    assert!(!reads(&mut open));
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "a cursor opened before reads on");
    drop(open);
    until("it is gone", || world.value("hr", "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app'") == "0");
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not read pay.staff");
    db.undo(&effect, &before).unwrap();
    assert_eq!(db.read(&effect).unwrap(), before);
    assert_eq!(sorted(&world.dump()), sorted(&dump));
    assert!(reads(&mut world.try_client("app", "a", "hr").unwrap()));
}

/// As `cut`, but a group that was taken is no longer read: what is meant is that nothing is found.
fn cut_rights(db: &mut dyn strandline_outbound::contain::Connector, effect: &Effect) -> (TargetState, TargetState) {
    let before = db.read(effect).unwrap();
    let meant = db.meant(effect, &before, &mut || [7; 32]).unwrap();
    db.apply(effect, &meant).unwrap();
    let now = db.read(effect).unwrap();
    assert!(meant.0.keys().all(|name| now.held(name) == meant.held(name)), "{now:?}");
    (before, meant)
}

/// Grants of one object are dumped in the order in which they were made.
fn sorted(dump: &str) -> Vec<String> {
    let mut lines: Vec<String> = dump.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn every_other_way_to_a_table_is_named() {
    let world = world();
    let effect = Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: app(), table: "pay.staff".to_owned() };
    let mut db = connector(&world.reach(""), &manner());
    let (before, meant) = cut_rights(db.as_mut(), &effect);
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not read");
    for (open, shut, said, answer) in [
        ("GRANT SELECT ON pay.staff TO PUBLIC", "REVOKE SELECT ON pay.staff FROM PUBLIC", "by PUBLIC", Answer::NotEffective),
        ("GRANT hr_read TO app", "REVOKE hr_read FROM app", "hr_read", Answer::NotEffective),
        ("ALTER ROLE app NOINHERIT; GRANT hr_read TO app", "ALTER ROLE app INHERIT; REVOKE hr_read FROM app", "SET ROLE hr_read", Answer::NotEffective),
        ("GRANT SELECT (name) ON pay.staff TO app", "REVOKE SELECT (name) ON pay.staff FROM app", "still may read", Answer::NotEffective),
        (
            "CREATE ROLE boss SUPERUSER; CREATE ROLE mid NOINHERIT; GRANT boss TO mid; GRANT mid TO app",
            "DROP ROLE mid, boss",
            "after SET ROLE boss, a superuser",
            Answer::NotEffective,
        ),
        ("GRANT pg_read_server_files TO app", "REVOKE pg_read_server_files FROM app", "reads the server's files", Answer::NotEffective),
        (
            "CREATE VIEW pay.v AS SELECT * FROM pay.staff; CREATE VIEW pay.w AS SELECT * FROM pay.v; GRANT SELECT ON pay.w TO app",
            "DROP VIEW pay.w, pay.v",
            "view pay.w",
            Answer::NotEffective,
        ),
        (
            "CREATE FUNCTION pay.spill() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM pay.staff'",
            "DROP FUNCTION pay.spill()",
            "pay.spill()",
            Answer::NotEffective,
        ),
        (
            "CREATE FUNCTION pay.any(t text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'DECLARE n bigint; BEGIN EXECUTE ''SELECT count(*) FROM '' || t INTO n; RETURN n; END'",
            "DROP FUNCTION pay.any(text)",
            "cannot be read off",
            Answer::NotTestable,
        ),
    ] {
        world.sql("hr", open);
        check_answer(&db.verify(&effect, &before, &meant).unwrap(), answer, said);
        world.sql("hr", shut);
        check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not read");
    }
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_right_to_connect_that_everybody_has_is_not_taken_from_one() {
    let world = world();
    let effect = Effect::PostgresRevokeConnect { database: "hr".to_owned(), role: app() };
    let mut db = connector(&world.reach(""), &manner());
    let before = db.read(&effect).unwrap();
    let told = db.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("PUBLIC"), "{told}");
    world.sql("hr", "GRANT CONNECT ON DATABASE hr TO app");
    let (before, meant) = cut_rights(db.as_mut(), &effect);
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "by PUBLIC");
    db.undo(&effect, &before).unwrap();
    world.sql("hr", "REVOKE CONNECT ON DATABASE hr FROM PUBLIC");
    let dump = world.dump();
    let (before, meant) = cut_rights(db.as_mut(), &effect);
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not connect");
    assert!(world.try_client("app", "a", "hr").is_err());
    db.undo(&effect, &before).unwrap();
    assert_eq!(world.dump(), dump);
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_line_rejects_one_role_from_one_address_and_leaves_the_file_to_the_byte() {
    let world = world();
    let file = std::fs::read(world.hba()).unwrap();
    let effect = Effect::PostgresHbaReject { address: "127.0.0.1".to_owned(), role: app() };
    let mut neighbour = world.try_client("other", "o", "hr").unwrap();
    let open = world.try_client("app", "a", "hr").unwrap();
    let mut db = connector(&world.reach(""), &manner());
    let (before, meant) = cut(db.as_mut(), &effect);
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "is open since");
    drop(open);
    until("it is gone", || world.value("hr", "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app'") == "0");
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "was tried from 127.0.0.1 and rejected");
    assert!(world.try_client("app", "a", "hr").is_err() && reads(&mut neighbour));
    assert!(world.try_client("other", "o", "hr").is_ok());
    let reaches = BTreeMap::from([("db".to_owned(), world.reach(""))]);
    let strays = |applied: &[(String, Effect)]| strandline_outbound::contain::strays(&reaches, &manner(), applied).remove("db").unwrap().unwrap();
    assert_eq!(strays(&[("db".to_owned(), effect.clone())]), []);
    assert_eq!(strays(&[])[0].mark.as_deref(), Some("case t"), "a line that no case of ours owns");
    // Somebody puts another line above it.
    let text = std::fs::read_to_string(world.hba()).unwrap();
    std::fs::write(world.hba(), format!("host all app all trust\n{text}")).unwrap();
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "is not loaded");
    world.sql("postgres", "SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(1100));
    world.sql("postgres", "SELECT pg_reload_conf()");
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "meets another line of pg_hba.conf first");
    std::fs::write(world.hba(), text).unwrap();
    db.undo(&effect, &before).unwrap();
    assert_eq!(std::fs::read(world.hba()).unwrap(), file);
    assert!(world.try_client("app", "a", "hr").is_ok());
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_broken_pg_hba_conf_is_told_and_nothing_is_written() {
    let world = world();
    let effect = Effect::PostgresHbaReject { address: "127.0.0.1".to_owned(), role: app() };
    let text = std::fs::read_to_string(world.hba()).unwrap();
    std::fs::write(world.hba(), format!("{text}bogus line here\n")).unwrap();
    let mut db = connector(&world.reach(""), &manner());
    let before = db.read(&effect).unwrap();
    assert!(matches!(db.meant(&effect, &before, &mut || [7; 32]), Err(ContainError::NoEffect { .. })));
    assert_eq!(std::fs::read_to_string(world.hba()).unwrap(), format!("{text}bogus line here\n"));
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn whoever_must_stay_in_stays_in() {
    let world = world();
    let rescue = BreakGlass { target: Some("db".to_owned()), account: Some("other".to_owned()), address: None, reason: "sealed".to_owned() };
    let list = Manner { never: strandline_outbound::contain::NeverTouch::new(vec![rescue]), ..manner() };
    let mut db = connector(&world.reach(""), &list);
    for effect in [
        Effect::PostgresRoleNoLogin { role: "other".to_owned() },
        Effect::PostgresRoleNoLogin { role: "postgres".to_owned() },
        Effect::PostgresTerminate { address: None, role: "postgres".to_owned() },
    ] {
        assert!(matches!(db.refuse_protected(&effect), Err(ContainError::NeverTouched { .. })), "{effect:?}");
    }
    let line = Effect::PostgresHbaReject { address: "127.0.0.8".to_owned(), role: "app".to_owned() };
    servers::comes_back_though_protected(&world.reach(""), &line, None, Some("127.0.0.8"));
    servers::comes_back_though_protected(&world.reach(""), &Effect::PostgresRoleNoLogin { role: "app".to_owned() }, Some("app"), None);
    // Our own account is another superuser; the last one of the others is protected by nobody but this.
    world.sql("postgres", "CREATE ROLE second SUPERUSER LOGIN PASSWORD 's'; ALTER ROLE postgres NOLOGIN");
    let other = reach(target("db", TargetKind::Postgres, &format!("address = \"127.0.0.1:{}\"\naccount = \"second\"", world.server.port)), Some("s"));
    let mut second = connector(&other, &manner());
    assert!(matches!(second.refuse_protected(&Effect::PostgresRoleNoLogin { role: "second".to_owned() }), Err(ContainError::NeverTouched { .. })));
    // A group that nobody logs in to.
    let group = Effect::PostgresRoleNoLogin { role: "hr_read".to_owned() };
    let before = second.read(&group).unwrap();
    let told = second.meant(&group, &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("from app"), "{told}");
    assert!(matches!(second.read(&Effect::PostgresRoleNoLogin { role: "nobody".to_owned() }), Err(ContainError::Absent { .. })));
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn the_last_superuser_who_can_log_in_stays_in() {
    let world = world();
    // One who is no superuser cuts others off: its own role is none that is left.
    world.sql("postgres", "CREATE ROLE keeper LOGIN CREATEROLE PASSWORD 'k'; GRANT pg_read_all_stats, pg_signal_backend TO keeper");
    let own = reach(target("db", TargetKind::Postgres, &format!("address = \"127.0.0.1:{}\"\naccount = \"keeper\"", world.server.port)), Some("k"));
    let mut db = connector(&own, &manner());
    let role = |role: &str| role.to_owned();
    let mut check = |is_refused: bool, when: &str| {
        for effect in [Effect::PostgresRoleNoLogin { role: role("postgres") }, Effect::PostgresTerminate { address: None, role: role("postgres") }] {
            match db.refuse_protected(&effect) {
                Err(ContainError::NeverTouched { why, .. }) if is_refused => assert!(why.contains("last superuser that can log in"), "{when}: {why}"),
                Ok(()) if !is_refused => {}
                other => panic!("{when}: {other:?}"),
            }
        }
    };
    check(true, "it is the only one");
    for (change, is_refused) in [
        ("CREATE ROLE second SUPERUSER PASSWORD 's'", true),
        ("ALTER ROLE second LOGIN", false),
        ("ALTER ROLE second VALID UNTIL '2000-01-01'", true),
        ("ALTER ROLE second VALID UNTIL 'infinity'", false),
        ("ALTER ROLE second NOSUPERUSER", true),
    ] {
        world.sql("postgres", change);
        check(is_refused, change);
    }
    assert!(db.refuse_protected(&Effect::PostgresRoleNoLogin { role: app() }).is_ok(), "no superuser is lost with it");
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn evidence_is_captured_before_the_cut_and_what_is_lost_is_named() {
    let world = world();
    let mut open = world.try_client("app", "a", "hr").unwrap();
    open.batch_execute("BEGIN; DECLARE c CURSOR FOR SELECT * FROM pay.staff").unwrap();
    let mut db = connector(&world.reach(""), &manner());
    let capture = db.capture(&Effect::PostgresTerminate { address: None, role: app() }).unwrap();
    let of = |name: &str| String::from_utf8_lossy(&capture.pieces.iter().find(|piece| piece.name == name).unwrap().bytes).into_owned();
    assert!(of("pg_stat_activity.json").contains("DECLARE c CURSOR"));
    assert!(of("server.log").contains("connection authorized: user=app"));
    assert!(capture.lost.iter().any(|text| text.contains("cursors")));
    assert!(!format!("{capture:?}").contains("DECLARE"), "what was captured does not print itself");
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_target_that_cannot_be_reached_is_told_by_what_is_wrong() {
    let world = world();
    let at =
        |address: &str, account: &str| reach(target("db", TargetKind::Postgres, &format!("address = \"{address}\"\naccount = \"{account}\"")), Some("super"));
    let right = format!("127.0.0.1:{}", world.server.port);
    let error = |reach: &strandline_outbound::contain::Reach| {
        strandline_outbound::contain::connect(reach, &Manner { patience: Duration::from_millis(700), ..manner() })
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    assert!(error(&at(&format!("127.0.0.1:{}", servers::free_port()), "postgres")).contains("does not answer"));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(error(&at(&silent.local_addr().unwrap().to_string(), "postgres")).contains("does not answer"));
    assert!(error(&at(&right, "nobody")).contains("does not let nobody in"));
    assert!(error(&at(&right, "app")).contains("28P01"));
    // An account without rights is told so, and which.
    world.sql("postgres", "ALTER ROLE other PASSWORD 'super'; GRANT pg_read_all_stats TO other");
    let mut weak = connector(&at(&right, "other"), &manner());
    let effect = Effect::PostgresRoleNoLogin { role: app() };
    let before = weak.read(&effect).unwrap();
    let meant = weak.meant(&effect, &before, &mut || [7; 32]).unwrap();
    assert!(matches!(weak.apply(&effect, &meant), Err(ContainError::NoRight { .. })));
    assert_eq!(weak.read(&effect).unwrap(), before);
}

#[test]
#[ignore = "needs PostgreSQL's and pgbouncer's own programs: apt-get install postgresql pgbouncer"]
fn a_pooler_that_lets_the_old_password_in_is_named() {
    let world = world();
    let pooler = servers::pooler(&world, "");
    let client = || postgres::Config::new().host("127.0.0.1").port(pooler.port).user("app").password("a").dbname("hr").connect(postgres::NoTls);
    let mut lawful = client().unwrap();
    lawful.simple_query("SELECT count(*) FROM pay.staff").unwrap();
    let mut db = world.reach("poolers = [\"pool\"]");
    db.poolers = vec![reach(target("pool", TargetKind::Pgbouncer, &format!("address = \"127.0.0.1:{}\"\naccount = \"adm\"", pooler.port)), Some("x"))];
    let mut cutter = connector(&db, &knowing());
    let effect = Effect::PostgresRoleNoLogin { role: app() };
    let (before, meant) = cut(cutter.as_mut(), &effect);
    assert!(client().unwrap().simple_query("SELECT count(*) FROM pay.staff").is_ok(), "the pooler lets a new client in");
    check_answer(&cutter.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "reads through pooler pool");
    let end = Effect::PostgresTerminate { address: None, role: app() };
    cut(cutter.as_mut(), &end);
    check_answer(&cutter.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "through pooler pool");
    cutter.undo(&effect, &before).unwrap();
    // Shut at the pooler itself: everybody there, at once, and back.
    let mut shutter = connector(&db.poolers[0], &manner());
    let disable = Effect::PgbouncerDisable { database: "hr".to_owned() };
    let (before, meant) = cut(shutter.as_mut(), &disable);
    check_answer(&shutter.verify(&disable, &before, &meant).unwrap(), Answer::Effective, "a new client was refused");
    assert!(client().is_err());
    shutter.undo(&disable, &before).unwrap();
    assert_eq!(shutter.read(&disable).unwrap(), before);
    until("the pooler lets in again", || client().is_ok_and(|mut client| client.simple_query("SELECT 1").is_ok()));
}

#[test]
#[ignore = "needs PostgreSQL's and pgbouncer's own programs: apt-get install postgresql pgbouncer"]
fn a_pooler_that_goes_to_the_server_as_somebody_else_or_from_elsewhere_is_named() {
    let world = world();
    let pooler = servers::pooler(&world, &format!("pay = host=127.0.0.1 port={} dbname=hr user=other password=o", world.server.port));
    let mut db = world.reach("poolers = [\"pool\"]");
    db.poolers = vec![reach(target("pool", TargetKind::Pgbouncer, &format!("address = \"127.0.0.1:{}\"\naccount = \"adm\"", pooler.port)), Some("x"))];
    let mut cutter = connector(&db, &knowing());
    let effect = Effect::PostgresRoleNoLogin { role: app() };
    let (before, meant) = cut(cutter.as_mut(), &effect);
    cut(cutter.as_mut(), &Effect::PostgresTerminate { address: None, role: app() });
    let verdict = cutter.verify(&effect, &before, &meant).unwrap();
    check_answer(&verdict, Answer::NotEffective, "through pooler pool at database pay");
    check_answer(&verdict, Answer::NotEffective, "goes to the server as role other");
    let mut stranger = connector(&db, &manner());
    check_answer(&stranger.verify(&effect, &before, &meant).unwrap(), Answer::NotTestable, "goes to the server as role other");
    cutter.undo(&effect, &before).unwrap();
    // A line for an address: who comes by the pooler has the pooler's.
    let line = Effect::PostgresHbaReject { address: "127.0.0.9".to_owned(), role: app() };
    let (before, meant) = cut(cutter.as_mut(), &line);
    check_answer(&cutter.verify(&line, &before, &meant).unwrap(), Answer::NotEffective, "reads through pooler pool");
    cutter.undo(&line, &before).unwrap();
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn who_becomes_the_role_is_named_and_a_second_spelling_is_no_other_role() {
    let world = world();
    world.sql("hr", "GRANT app TO other");
    let mut db = connector(&world.reach(""), &knowing());
    let effect = Effect::PostgresRoleNoLogin { role: app() };
    let (before, meant) = cut(db.as_mut(), &effect);
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "by SET ROLE these become role app: other");
    db.undo(&effect, &before).unwrap();
    assert!(matches!(db.read(&Effect::PostgresRoleNoLogin { role: "APP".to_owned() }), Err(ContainError::Absent { .. })));
    let spared = BreakGlass { target: None, account: Some("App".to_owned()), address: None, reason: "sealed".to_owned() };
    let mut careful = connector(&world.reach(""), &Manner { never: strandline_outbound::contain::NeverTouch::new(vec![spared]), ..manner() });
    assert!(matches!(careful.refuse_protected(&effect), Err(ContainError::NeverTouched { .. })));
    world.sql("hr", "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'b'");
    let limit = Effect::PostgresConnectionLimit { role: "boss".to_owned() };
    let before = db.read(&limit).unwrap();
    assert!(matches!(db.meant(&limit, &before, &mut || [7; 32]), Err(ContainError::NoEffect { .. })), "no limit binds a superuser");
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn ten_pooled_connections_that_come_back_at_once_are_ended_for_good() {
    let world = world();
    let port = world.server.port;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let loops: Vec<_> = (0..10)
        .map(|_| {
            let stop = stop.clone();
            std::thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let client = postgres::Config::new().host("127.0.0.1").port(port).user("app").password("a").dbname("hr").connect(postgres::NoTls);
                    if let Ok(mut client) = client {
                        while client.simple_query("SELECT 1").is_ok() {}
                    }
                }
            })
        })
        .collect();
    until("all are in", || world.value("hr", "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app'") == "10");
    let mut db = connector(&world.reach(""), &knowing());
    let shut = Effect::PostgresRoleNoLogin { role: app() };
    let (before, meant) = cut(db.as_mut(), &shut);
    cut(db.as_mut(), &Effect::PostgresTerminate { address: None, role: app() });
    check_answer(&db.verify(&shut, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for one in loops {
        one.join().unwrap();
    }
}

/// Whether the role gets a connection that copies the whole server.
fn copies(world: &Postgres) -> bool {
    let how = format!("host=127.0.0.1 port={} user=app replication=true", world.server.port);
    let out = std::process::Command::new(servers::program("psql")).env("PGPASSWORD", "a").args([&how, "-c", "IDENTIFY_SYSTEM"]).output().unwrap();
    out.status.success()
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_role_that_may_copy_the_server_is_cut_off_from_that_too() {
    let world = world();
    world.sql("postgres", "ALTER ROLE app REPLICATION");
    let file = std::fs::read_to_string(world.hba()).unwrap();
    assert!(copies(&world));
    let mut db = connector(&world.reach(""), &knowing());
    let line = Effect::PostgresHbaReject { address: "127.0.0.1".to_owned(), role: app() };
    let (before, meant) = cut(db.as_mut(), &line);
    assert!(!copies(&world) && world.try_client("app", "a", "hr").is_err() && world.try_client("other", "o", "hr").is_ok());
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::Effective, "to copy the server, and rejected");
    // As plans of before wrote it.
    let older = std::fs::read_to_string(world.hba()).unwrap().replacen("all,replication", "all", 1);
    std::fs::write(world.hba(), older).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    world.sql("postgres", "SELECT pg_reload_conf()");
    until("it is loaded", || copies(&world));
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::NotEffective, "for a copy of the server (replication)");
    db.undo(&line, &before).unwrap();
    assert_eq!(std::fs::read_to_string(world.hba()).unwrap(), file, "the older line is taken back, too");
    // Rights on a database or a table do not matter to who copies the server.
    world.sql("postgres", "REVOKE CONNECT ON DATABASE hr FROM PUBLIC; GRANT CONNECT ON DATABASE hr TO app");
    for effect in [
        Effect::PostgresRevokeConnect { database: "hr".to_owned(), role: app() },
        Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: app(), table: "pay.staff".to_owned() },
    ] {
        let before = db.read(&effect).unwrap();
        let meant = db.meant(&effect, &before, &mut || [7; 32]).unwrap();
        db.apply(&effect, &meant).unwrap();
        assert!(copies(&world));
        check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "may copy the whole server (replication)");
        db.undo(&effect, &before).unwrap();
    }
}

#[test]
#[ignore = "needs PostgreSQL's own programs, of version 16 or later (`PGBIN`)"]
fn a_membership_comes_back_with_its_grantor_and_what_it_inherits() {
    let world = world();
    if world.value("postgres", "SELECT (current_setting('server_version_num')::int < 160000)::text") == "true" {
        println!("SKIPPED: memberships have options from version 16 on; PGBIN names the programs of one");
        return;
    }
    world.sql(
        "hr",
        "REVOKE SELECT ON pay.staff FROM app; REVOKE hr_read FROM app; CREATE ROLE boss; GRANT hr_read TO boss WITH ADMIN TRUE; \
         GRANT hr_read TO app WITH INHERIT FALSE, SET TRUE, ADMIN FALSE GRANTED BY boss; GRANT hr_read TO app WITH INHERIT TRUE, SET FALSE",
    );
    let members = || {
        let query = "SELECT string_agg(concat_ws(' ', roleid::regrole, member::regrole, grantor::regrole, admin_option, inherit_option, set_option), ',' ORDER BY grantor) FROM pg_auth_members";
        world.value("postgres", query)
    };
    let untouched = members();
    assert!(untouched.contains("hr_read app boss f f t") && untouched.contains("hr_read app postgres f t f"), "{untouched}");
    let mut db = connector(&world.reach(""), &knowing());
    let effect = Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: app(), table: "pay.staff".to_owned() };
    let before = db.read(&effect).unwrap();
    let meant = db.meant(&effect, &before, &mut || [7; 32]).unwrap();
    db.apply(&effect, &meant).unwrap();
    assert!(!members().contains("hr_read app"), "{}", members());
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not read");
    db.undo(&effect, &before).unwrap();
    db.undo(&effect, &before).unwrap();
    assert_eq!(members(), untouched);
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_chain_of_groups_up_to_a_superuser_is_taken_and_given_back() {
    let world = world();
    world.sql("hr", "CREATE ROLE boss SUPERUSER; CREATE ROLE mid NOINHERIT; GRANT boss TO mid; GRANT mid TO app");
    let dump = world.dump();
    let mut client = world.try_client("app", "a", "hr").unwrap();
    client.batch_execute("SET ROLE boss; SELECT * FROM pay.staff; RESET ROLE").unwrap();
    let effect = Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: app(), table: "pay.staff".to_owned() };
    let mut db = connector(&world.reach(""), &manner());
    let (before, meant) = cut_rights(db.as_mut(), &effect);
    assert!(client.batch_execute("SET ROLE boss").is_err() && !reads(&mut client), "{before:?}");
    drop(client);
    until("it is gone", || world.value("hr", "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app'") == "0");
    check_answer(&db.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "may not read pay.staff");
    db.undo(&effect, &before).unwrap();
    assert_eq!(sorted(&world.dump()), sorted(&dump));
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_list_of_names_that_was_changed_and_is_not_loaded_is_told() {
    let world = world();
    let text = std::fs::read_to_string(world.hba()).unwrap();
    std::fs::write(world.hba().with_file_name("names"), "other\n").unwrap();
    std::fs::write(world.hba(), format!("host hr @names 127.0.0.1/32 scram-sha-256\n{text}")).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    world.sql("postgres", "SELECT pg_reload_conf()");
    let mut db = connector(&world.reach(""), &manner());
    let line = Effect::PostgresHbaReject { address: "127.0.0.1".to_owned(), role: app() };
    until("it is loaded", || !format!("{:?}", db.read(&line).unwrap()).contains("not loaded"));
    let (before, meant) = cut(db.as_mut(), &line);
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::Effective, "and rejected");
    std::thread::sleep(Duration::from_millis(1100));
    std::fs::write(world.hba().with_file_name("names"), "other, app\n").unwrap();
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::NotEffective, "not loaded as it stands");
}

#[test]
#[ignore = "needs PostgreSQL's own programs, of version 16 or later (`PGBIN`)"]
fn rules_of_files_that_are_taken_in_are_read_in_the_order_in_which_they_count() {
    let world = world();
    if world.value("postgres", "SELECT (current_setting('server_version_num')::int < 160000)::text") == "true" {
        println!("SKIPPED: pg_hba.conf takes in other files from version 16 on; PGBIN names the programs of one");
        return;
    }
    let text = std::fs::read_to_string(world.hba()).unwrap();
    // Line 1 of the file that is taken in counts after line 3 of the one that takes it in, and before line 5.
    std::fs::write(world.hba().with_file_name("more.conf"), "host hr app 127.0.0.1/32 trust\n").unwrap();
    std::fs::write(world.hba(), format!("# a\n# b\nhost hr app 127.0.0.9/32 scram-sha-256\ninclude more.conf\nhost hr app 127.0.0.1/32 reject\n{text}"))
        .unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    world.sql("postgres", "SELECT pg_reload_conf()");
    let mut db = connector(&world.reach(""), &knowing());
    let line = Effect::PostgresHbaReject { address: "127.0.0.1".to_owned(), role: app() };
    until("it is loaded", || world.try_client("app", "wrong", "hr").is_ok());
    let expired = Effect::PostgresRoleExpired { role: app() };
    let (before, meant) = cut(db.as_mut(), &expired);
    check_answer(&db.verify(&expired, &before, &meant).unwrap(), Answer::NotEffective, "more.conf lets role app in without its password (trust)");
    db.undo(&expired, &before).unwrap();
    // Ours is first of all, and stays so.
    let before = db.read(&line).unwrap();
    let meant = db.meant(&line, &before, &mut || [7; 32]).unwrap();
    let placeholder = db.verify(&line, &before, &meant).unwrap();
    assert!(placeholder.doors.iter().any(|door| door.contains("more.conf")), "the one that counts is named: {placeholder:?}");
    cut(db.as_mut(), &line);
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::Effective, "and rejected");
    std::thread::sleep(Duration::from_millis(1100));
    std::fs::write(world.hba().with_file_name("more.conf"), "host hr app 127.0.0.1/32 md5\n").unwrap();
    check_answer(&db.verify(&line, &before, &meant).unwrap(), Answer::NotEffective, "not loaded as it stands");
}
