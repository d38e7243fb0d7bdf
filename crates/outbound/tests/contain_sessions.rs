//! Sessions in a table, at real servers: taken out, saved again by a running request, taken out again, and given back as they were.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use servers::{MariaDb, Postgres, check_answer, connector, cut, manner, reach, target};
use strandline_model::containment::Effect;
use strandline_model::estate::{BreakGlass, TargetKind};
use strandline_outbound::contain::{Answer, ContainError, Manner, Reach, connect};

const SESSION: &str = "k3j9x0qpalmz77";

/// One server with a table of sessions: how to reach it, run commands, and print every row in order.
struct World {
    reach: Reach,
    run: Box<dyn Fn(&str)>,
    rows: Box<dyn Fn() -> String>,
}

/// Django's table, with a column that the server works out and one that counts by itself.
fn postgres(server: &Postgres) -> World {
    server.sql("postgres", "CREATE DATABASE hr");
    server.sql(
        "hr",
        "CREATE TABLE django_session (n int GENERATED ALWAYS AS IDENTITY, session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, \
         expire_date timestamptz NOT NULL, user_name text, raw bytea, length int GENERATED ALWAYS AS (length(session_data)) STORED)",
    );
    let port = server.server.port;
    let rest = format!(
        "address = \"127.0.0.1:{port}\"\naccount = \"postgres\"\ndatabases = [\"hr\"]\nsessions = \"public.django_session\"\nsession_column = \"session_key\"\naccount_column = \"user_name\""
    );
    let client = move || postgres::Config::new().host("127.0.0.1").port(port).user("postgres").password("super").dbname("hr").connect(postgres::NoTls).unwrap();
    let world = World {
        reach: reach(target("store", TargetKind::Sessions, &rest), Some("super")),
        run: Box::new(move |commands| client().batch_execute(commands).unwrap()),
        rows: Box::new(move || {
            let rows = client().query("SELECT s::text FROM django_session s ORDER BY session_key", &[]).unwrap();
            rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
        }),
    };
    fill(&world, "session_key", "session_data, expire_date, user_name, raw");
    world
}

/// A table as PHP keeps it.
fn mariadb(server: &MariaDb) -> World {
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.sessions (session_key varchar(128) PRIMARY KEY, session_data mediumtext NOT NULL, expire_date datetime(6) NOT NULL, user_name varchar(40), raw varbinary(20), length int AS (char_length(session_data)) STORED)");
    let (port, socket) = (server.server.port, server.server.at("socket"));
    let rest = format!(
        "address = \"127.0.0.1:{port}\"\naccount = \"root2\"\ndatabases = [\"shop\"]\ndialect = \"mysql\"\nsessions = \"shop.sessions\"\nsession_column = \"session_key\"\naccount_column = \"user_name\""
    );
    let sql = move |commands: &str| {
        let socket = format!("--socket={}", socket.display());
        servers::run(std::process::Command::new("mariadb").args(["--no-defaults", "-uroot", "-N", "-B", &socket, "shop", "-e", commands]))
    };
    let read = sql.clone();
    let world = World {
        reach: reach(target("store", TargetKind::Sessions, &rest), Some("r")),
        run: Box::new(move |commands| drop(sql(commands))),
        rows: Box::new(move || read("SELECT session_key, hex(session_data), expire_date, user_name, hex(raw), length FROM sessions ORDER BY session_key")),
    };
    fill(&world, "session_key", "session_data, expire_date, user_name, raw");
    world
}

fn fill(world: &World, key: &str, columns: &str) {
    let table = if world.reach.target.dialect.is_some() { "sessions" } else { "django_session" };
    for (name, user) in [(SESSION, "ann"), ("K3J9X0QPALMZ77ff", "bob"), ("other00000001", "ann"), ("other0000_002", "bob")] {
        (world.run)(&format!("INSERT INTO {table} ({key}, {columns}) VALUES ('{name}', 'a,\"b\" {user}', '2031-02-03 04:05:06.789012', '{user}', 'bytes')"));
    }
}

fn table(world: &World) -> &'static str {
    if world.reach.target.dialect.is_some() { "sessions" } else { "django_session" }
}

fn check(world: &World) {
    let before_all = (world.rows)();
    let mut store = connector(&world.reach, &manner());
    // What a log keeps of the beginning is enough.
    let effect = Effect::SessionStoreDelete { session: SESSION[..10].to_owned() };
    let capture = store.capture(&effect).unwrap();
    assert!(capture.pieces[0].bytes.len() > 40 && capture.lost.is_empty());
    let (before, meant) = cut(store.as_mut(), &effect);
    let neighbours: String = before_all.lines().filter(|line| !line.contains(SESSION)).map(|line| format!("{line}\n")).collect();
    assert_eq!((world.rows)(), neighbours, "a neighbour, of the same letters in capitals too, loses nothing");
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    // A request that was running saves it again at its end.
    (world.run)(&format!("INSERT INTO {} (session_key, session_data, expire_date) VALUES ('{SESSION}', 'younger', '2032-01-01 00:00:00')", table(world)));
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::NotEffective, "deny it at the web server");
    store.apply(&effect, &meant).unwrap();
    check_answer(&store.verify(&effect, &before, &meant).unwrap(), Answer::Effective, "looked at twice");
    store.undo(&effect, &before).unwrap();
    store.undo(&effect, &before).unwrap();
    assert_eq!((world.rows)(), before_all, "what was there before, not what was saved since");
    assert_eq!(store.read(&effect).unwrap(), before);
    // Of an account: all its rows, and no other's.
    let account = Effect::SessionStoreDeleteAccount { account: "ann".to_owned() };
    let (before, meant) = cut(store.as_mut(), &account);
    assert_eq!(before.held("in the table").to_string(), "2 sessions, by user_name");
    assert!(!(world.rows)().contains("ann") && (world.rows)().lines().count() == 2);
    // Its owner signs in again: that is no open door, and is not ended.
    (world.run)(&format!(
        "INSERT INTO {} (session_key, session_data, expire_date, user_name) VALUES ('fresh00000001', 'x', '2032-01-01 00:00:00', 'ann')",
        table(world)
    ));
    check_answer(&store.verify(&account, &before, &meant).unwrap(), Answer::Effective, "1 sessions of ann began since the plan");
    store.apply(&account, &meant).unwrap();
    assert!((world.rows)().contains("fresh00000001"));
    (world.run)(&format!("DELETE FROM {} WHERE session_key = 'fresh00000001'", table(world)));
    store.undo(&account, &before).unwrap();
    assert_eq!((world.rows)(), before_all);
    check_followers(world, store.as_mut());
    check_bad_input(world, store.as_mut());
}

/// What would go with a row and not come back with it.
fn check_followers(world: &World, store: &mut dyn strandline_outbound::contain::Connector) {
    let (is_mysql, table) = (world.reach.target.dialect.is_some(), table(world));
    let effect = Effect::SessionStoreDelete { session: SESSION.to_owned() };
    let trigger = if is_mysql {
        (format!("CREATE TRIGGER gone AFTER DELETE ON {table} FOR EACH ROW DELETE FROM child"), "DROP TRIGGER gone".to_owned())
    } else {
        let body = "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM child; RETURN NULL; END'";
        (format!("{body}; CREATE TRIGGER gone AFTER DELETE ON {table} EXECUTE FUNCTION gone()"), format!("DROP TRIGGER gone ON {table}; DROP FUNCTION gone()"))
    };
    let child = |what: &str| {
        format!("CREATE TABLE child (of varchar({}), FOREIGN KEY (of) REFERENCES {table}(session_key) ON DELETE {what})", if is_mysql { 128 } else { 40 })
    };
    for (make, drop, said) in [
        (child("CASCADE"), "DROP TABLE child".to_owned(), "child ("),
        (child("SET NULL"), "DROP TABLE child".to_owned(), "child ("),
        (trigger.0, trigger.1, "what trigger gone does"),
    ] {
        let (before, early) = (store.read(&effect).unwrap(), store.read(&effect).unwrap());
        let planned = store.meant(&effect, &early, &mut || [7; 32]).unwrap();
        (world.run)(&make);
        let rows = (world.rows)();
        let told = store.meant(&effect, &before, &mut || [7; 32]).unwrap_err().to_string();
        assert!(told.contains(said) && told.contains("deny the session at the web server"), "{told}");
        assert!(store.apply(&effect, &planned).unwrap_err().to_string().contains(said), "made since the plan, it is seen, too");
        assert_eq!((world.rows)(), rows);
        (world.run)(&drop);
    }
    // One that lets no row go while it is there.
    (world.run)(&child("RESTRICT"));
    let (before, _) = cut(store, &effect);
    store.undo(&effect, &before).unwrap();
    (world.run)("DROP TABLE child");
}

fn check_bad_input(world: &World, store: &mut dyn strandline_outbound::contain::Connector) {
    let delete = |session: &str| Effect::SessionStoreDelete { session: session.to_owned() };
    assert!(matches!(store.read(&delete("short")), Err(ContainError::Unusable { .. })));
    assert!(matches!(store.read(&delete("other0000")), Err(ContainError::NoEffect { .. })), "two begin so");
    // What stands for any letter in a pattern stands for itself here.
    assert!(store.read(&delete("%%%%%%%%%")).unwrap().0.values().all(|held| !format!("{held}").contains("session")));
    let absent = store.read(&delete("nobody000000")).unwrap();
    assert!(matches!(store.meant(&delete("nobody000000"), &absent, &mut || [7; 32]), Err(ContainError::NoEffect { .. })));
    // Another schema, a column that is not there, an account that nothing cuts off, a server that lets nobody in.
    let with = |change: &dyn Fn(&mut Reach)| {
        let mut reach = world.reach.clone();
        change(&mut reach);
        connect(&reach, &manner()).err()
    };
    assert!(matches!(with(&|reach| reach.target.sessions = Some("elsewhere.sessions".to_owned())), Some(ContainError::Absent { .. })));
    assert!(matches!(with(&|reach| reach.target.session_column = Some("sid".to_owned())), Some(ContainError::Absent { .. })));
    assert!(matches!(with(&|reach| reach.secret = Some(strandline_outbound::Secret::new("wrong".to_owned()))), Some(ContainError::NotLetIn { .. })));
    let spared = BreakGlass { target: None, account: Some("ann".to_owned()), address: None, reason: "the desk".to_owned() };
    let mut store = connect(&world.reach, &Manner { never: strandline_outbound::contain::NeverTouch::new(vec![spared]), ..manner() }).unwrap();
    assert!(matches!(store.refuse_protected(&Effect::SessionStoreDeleteAccount { account: "Ann".to_owned() }), Err(ContainError::NeverTouched { .. })));
    servers::comes_back_though_protected(&world.reach, &Effect::SessionStoreDeleteAccount { account: "ann".to_owned() }, Some("ann"), None);
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_session_in_a_table_of_postgresql_is_taken_out_and_comes_back_as_it_was() {
    let server = Postgres::start("");
    check(&postgres(&server));
    assert_eq!(server.value("hr", "SELECT count(*)::text FROM pg_tables WHERE tablename LIKE 'strandline%'"), "0", "nothing of ours is left");
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn an_account_that_may_not_make_a_table_is_told_so_and_nothing_is_half_done() {
    let server = Postgres::start("");
    let world = postgres(&server);
    server.sql("hr", "CREATE ROLE weak LOGIN PASSWORD 'w'; GRANT SELECT, DELETE, INSERT ON django_session TO weak");
    let mut weak = world.reach.clone();
    (weak.target.account, weak.secret) = (Some("weak".to_owned()), Some(strandline_outbound::Secret::new("w".to_owned())));
    let mut store = connector(&weak, &manner());
    let effect = Effect::SessionStoreDelete { session: SESSION.to_owned() };
    let before = store.read(&effect).unwrap();
    let meant = store.meant(&effect, &before, &mut || [7; 32]).unwrap();
    let rows = (world.rows)();
    assert!(matches!(store.apply(&effect, &meant), Err(ContainError::NoRight { .. })));
    assert_eq!((world.rows)(), rows);
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn a_session_that_rails_keeps_by_its_digest_is_found_by_its_cookie() {
    let server = Postgres::start("");
    let world = postgres(&server);
    // sha256sum of the cookie, by another program.
    let digest = servers::run(std::process::Command::new("sh").args(["-c", "printf cookie000001 | sha256sum | cut -d' ' -f1"]));
    (world.run)(&format!("INSERT INTO django_session (session_key, session_data, expire_date) VALUES (left('2::{}', 40), 'x', now())", digest.trim()));
    (world.run)("ALTER TABLE django_session ALTER session_key TYPE varchar(80)");
    (world.run)(&format!("UPDATE django_session SET session_key = '2::{}' WHERE session_key LIKE '2::%'", digest.trim()));
    let mut store = connector(&world.reach, &manner());
    cut(store.as_mut(), &Effect::SessionStoreDelete { session: "cookie000001".to_owned() });
    assert!(!(world.rows)().contains("2::"));
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn a_session_in_a_table_of_mariadb_is_taken_out_and_comes_back_as_it_was() {
    let server = MariaDb::start();
    check(&mariadb(&server));
    assert!(!server.sql("SHOW TABLES FROM shop").contains("strandline"), "nothing of ours is left");
}
