//! The program is killed at any moment of apply and of undo, and started again, on the store that is used in earnest: the rerun
//! reaches what was planned, nothing is done twice, nothing is forgotten.
//!
//! Four kills a connector by default; `STRANDLINE_KILLS=50 cargo test -p strandline-outbound --test contain_kill -- --include-ignored --nocapture`
//! is the long run.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use servers::{MariaDb, Nginx, Postgres, Redis, Slapd, Sshd, action, echo, inside, manner, run, target};
use strandline_case::{Author, Case, Cutting, NewWave, Origin, Secrets};
use strandline_model::containment::{Action, CutStep, Effect};
use strandline_model::estate::{Target, TargetKind};
use strandline_model::time::Instant;
use strandline_outbound::Secret;
use strandline_outbound::contain::{Force, Journal, Planned, Reach, Stands, Wave, plan};

/// Set in the child: the case, the targets with their secrets, and whether it applies or takes back.
const CHILD: [&str; 3] = ["STRANDLINE_TEST_CUT_CASE", "STRANDLINE_TEST_CUT_TARGETS", "STRANDLINE_TEST_CUT_DOES"];

struct CaseJournal<'c>(Cutting<'c>);

impl Journal for CaseJournal<'_> {
    fn note(&mut self, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let steps: Vec<_> = steps.iter().map(|(at, step, said)| (u32::try_from(*at).unwrap(), *step, said.clone())).collect();
        Ok(self.0.take(1, &steps, Instant(1))?)
    }
}

/// Targets and secrets, as the child is told of them.
type Told = Vec<(Target, Option<String>)>;

fn reaches(told: &Told) -> BTreeMap<String, Reach> {
    let reach = |(target, secret): &(Target, Option<String>)| Reach {
        target: target.clone(),
        secret: secret.clone().map(Secret::new),
        authorities: target.authorities.as_ref().map(|path| std::fs::read_to_string(path).unwrap()),
        missing: None,
        poolers: Vec::new(),
    };
    told.iter().map(|one| (one.0.name.clone(), reach(one))).collect()
}

fn steps(case: &Case) -> BTreeMap<usize, CutStep> {
    case.stored_cuts().unwrap().into_iter().map(|cut| (cut.place as usize, cut.step)).collect()
}

fn stored_plan(case: &Case) -> Vec<Planned> {
    serde_json::from_str(&case.stored_waves().unwrap()[0].wave.body).unwrap()
}

/// Not a test of its own: the child that the kill tests start and kill.
#[test]
fn child_that_gets_killed() {
    let [Ok(path), Ok(told), Ok(does)] = CHILD.map(std::env::var) else { return };
    let case = Case::open(Path::new(&path)).unwrap();
    let planned = stored_plan(&case);
    let told: Told = serde_json::from_str(&std::fs::read_to_string(told).unwrap()).unwrap();
    let wave = Wave::new(&planned, &reaches(&told), &manner());
    let found = steps(&case);
    let mut journal = CaseJournal(case.cutting().unwrap());
    let done = match does.as_str() {
        "apply" => wave.apply(&found, &mut journal).unwrap(),
        _ => {
            let begun: Vec<usize> = found.into_iter().filter(|(_, step)| !matches!(step, CutStep::Planned | CutStep::Undone)).map(|(at, _)| at).collect();
            wave.undo((&begun, &BTreeSet::new()), Force::No, &mut journal).unwrap()
        }
    };
    for (at, one) in done {
        assert!(!matches!(one, strandline_outbound::contain::Done::Failed(_)), "{at}: {one:?}");
    }
}

/// A world that can be looked at: targets, a plan for them, and a text of everything that they hold.
struct World<'w> {
    told: Told,
    actions: Vec<Action>,
    holds: &'w dyn Fn() -> String,
}

fn start(path: &Path, told: &Path, does: &str) -> std::process::Child {
    let values = [path.to_owned(), told.to_owned(), PathBuf::from(does)];
    // In a world of its own the place where the program lies may be hidden: homes of accounts are mounted over.
    let program = std::env::current_exe().ok().filter(|place| place.exists()).unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
    let mut command = Command::new(program);
    command.args(["--exact", "child_that_gets_killed", "--test-threads=1"]).envs(CHILD.into_iter().zip(values)).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Runs the child until it has come to its end, killing it at a moment that moves on; returns how often it was killed.
fn run_with_kills(path: &Path, told: &Path, does: &str, after: Duration) -> bool {
    let mut child = start(path, told, does);
    std::thread::sleep(after);
    let was_killed = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    let _ = child.wait();
    let out = start(path, told, does).wait_with_output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(out.status.success(), "after a kill at {after:?} of {does}: {}{}", said(&out.stdout), said(&out.stderr));
    was_killed
}

/// Applies and takes back until it was killed as often as asked, at moments that an undisturbed run's length spreads.
fn check(world: &World<'_>) {
    let wanted: u32 = std::env::var("STRANDLINE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    std::fs::write(&told, serde_json::to_string(&world.told).unwrap()).unwrap();
    let untouched = (world.holds)();
    let (mut round, mut runs, mut killed, mut whole) = (0, 0, 0, Duration::ZERO);
    while killed < wanted {
        let path = folder.path().join(format!("case-{round}"));
        let planned = stored(world, &path);
        for does in ["apply", "undo"] {
            // The first round is undisturbed, and measures.
            let begun = std::time::Instant::now();
            if round == 0 {
                assert!(start(&path, &told, does).wait().unwrap().success());
                whole = whole.max(begun.elapsed());
            } else {
                killed += u32::from(run_with_kills(&path, &told, does, whole * ((round * 2 + u32::from(does == "undo")) * 7919 % 1009) / 1009));
            }
            runs += 1;
            let case = Case::open_for_reading(&path).unwrap();
            let wanted = if does == "apply" { CutStep::Applied } else { CutStep::Undone };
            assert!(steps(&case).values().all(|step| *step == wanted), "{does}, round {round}: {:?}", steps(&case));
            let all: Vec<usize> = (0..planned.len()).collect();
            for (at, stands) in Wave::new(&planned, &reaches(&world.told), &manner()).read(&all) {
                let fits = matches!((stands.unwrap(), does), (Stands::AsMeant, "apply") | (Stands::Before, "undo"));
                assert!(fits || planned[at].before == planned[at].meant, "{does}, round {round}, action {at}");
            }
        }
        assert_eq!((world.holds)(), untouched, "round {round}: undo left something, or took too much");
        assert_eq!(strandline_case::verify(&path, &strandline_case::Anchor::default()).problems, []);
        round += 1;
        assert!(round <= 2 * wanted + 2, "of {runs} runs only {killed} were killed before they ended");
    }
    println!("{runs} runs, {killed} killed, {whole:?} undisturbed");
}

/// A new case with the plan of a world.
fn stored(world: &World<'_>, path: &Path) -> Vec<Planned> {
    let planned = plan(&world.actions, &reaches(&world.told), &manner(), &mut || [9; 32]).unwrap();
    let mut case = Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap();
    let body = serde_json::to_string(&planned).unwrap();
    let wave = NewWave { plan_sha256: case.salted_digest(body.as_bytes()).unwrap(), body, actions: u32::try_from(planned.len()).unwrap() };
    case.record_wave(&wave, &Author { actor: "Lo".to_owned(), time: Instant(1) }, "0").unwrap();
    planned
}

#[test]
#[ignore = "needs PostgreSQL's own programs: apt-get install postgresql"]
fn killed_at_postgresql() {
    let world = Postgres::start("");
    world.sql("postgres", "CREATE DATABASE hr");
    world.sql("hr", "CREATE SCHEMA pay; CREATE TABLE pay.staff(id int); CREATE ROLE g; GRANT SELECT ON pay.staff TO g; CREATE ROLE app LOGIN PASSWORD 'a'; GRANT SELECT ON pay.staff TO app; GRANT g TO app;
        CREATE ROLE other LOGIN PASSWORD 'o' VALID UNTIL '2100-01-01'");
    let role = || "app".to_owned();
    let effects = [
        Effect::PostgresRoleNoLogin { role: role() },
        Effect::PostgresRoleExpired { role: role() },
        Effect::PostgresConnectionLimit { role: role() },
        Effect::PostgresPassword { role: role() },
        Effect::PostgresRevokeSelect { database: "hr".to_owned(), role: role(), table: "pay.staff".to_owned() },
        Effect::PostgresHbaReject { address: "127.0.0.9".to_owned(), role: role() },
        Effect::PostgresHbaReject { address: "[local]".to_owned(), role: role() },
        Effect::PostgresRoleExpired { role: "other".to_owned() },
        Effect::PostgresTerminate { address: None, role: role() },
    ];
    let holds = || {
        let mut dump: Vec<String> = world.dump().lines().map(str::to_owned).collect();
        dump.sort();
        dump.join("\n") + &std::fs::read_to_string(world.hba()).unwrap()
    };
    check(&World {
        told: vec![(world.reach("").target, Some("super".to_owned()))],
        actions: effects.into_iter().map(|effect| action("db", effect)).collect(),
        holds: &holds,
    });
}

#[test]
#[ignore = "needs PostgreSQL's and pgbouncer's own programs: apt-get install postgresql pgbouncer"]
fn killed_at_pgbouncer() {
    let world = Postgres::start("");
    world.sql("postgres", "CREATE DATABASE hr");
    world.sql("hr", "CREATE ROLE app LOGIN PASSWORD 'a'");
    let pooler = servers::pooler(&world, "pay = host=127.0.0.1 dbname=hr");
    let disable = |database: &str| action("pool", Effect::PgbouncerDisable { database: database.to_owned() });
    let admin = || postgres::Config::new().host("127.0.0.1").port(pooler.port).user("adm").password("x").dbname("pgbouncer").connect(postgres::NoTls).unwrap();
    let holds = || {
        let rows = admin().simple_query("SHOW DATABASES").unwrap();
        let of = |row: &postgres::SimpleQueryRow| ["name", "paused", "disabled"].map(|name| row.get(name).unwrap_or_default().to_owned()).join(" ");
        rows.iter().filter_map(|message| if let postgres::SimpleQueryMessage::Row(row) = message { Some(of(row)) } else { None }).collect::<Vec<_>>().join("\n")
    };
    let target = target("pool", TargetKind::Pgbouncer, &format!("address = \"127.0.0.1:{}\"\naccount = \"adm\"", pooler.port));
    check(&World { told: vec![(target, Some("x".to_owned()))], actions: vec![disable("hr"), disable("pay")], holds: &holds });
}

#[test]
#[ignore = "needs root, namespaces and Samba's own programs: apt-get install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules ldb-tools"]
fn killed_at_active_directory() {
    if !inside("killed_at_active_directory", &["--net", "--mount", "--uts", "--pid", "--mount-proc"]) {
        return;
    }
    let world = servers::Domain::start();
    let mut reach = world.reach("Administrator", servers::ADMIN);
    reach.target.authorities = Some(world.server.at("cert.pem").display().to_string());
    let disable = |account: &str| action("ldap", Effect::AdDisable { account: account.to_owned() });
    let holds = || world.person("ann") + &world.person("bob");
    check(&World { told: vec![(reach.target, Some(servers::ADMIN.to_owned()))], actions: vec![disable("ann"), disable("bob")], holds: &holds });
}

#[test]
#[ignore = "needs root, nft and network namespaces: apt-get install nftables iproute2 conntrack"]
fn killed_at_nftables() {
    if !inside("killed_at_nftables", &["--net"]) {
        return;
    }
    let _ = echo();
    let addresses = ["127.0.0.9", "2001:db8::1", "203.0.113.0/24", "2001:db8:1::/48"];
    let actions = addresses.map(|address| action("edge", Effect::NftablesDrop { address: address.to_owned() })).to_vec();
    let holds = || run(Command::new("nft").args(["-s", "-j", "list", "ruleset"]));
    check(&World { told: vec![(target("edge", TargetKind::Nftables, ""), None)], actions, holds: &holds });
}

#[test]
#[ignore = "needs root, nginx's and Redis's own programs: apt-get install nginx-light redis-server"]
fn killed_at_the_web_server_and_its_sessions() {
    let (nginx, redis) = (Nginx::start(), Redis::start());
    let actions = vec![
        action("edge", Effect::WebDenyAddress { address: "127.0.0.9".to_owned() }),
        action("edge", Effect::WebDenySession { session: "0007aaaabb".to_owned() }),
        action("edge", Effect::WebDenyRoute { method: "GET".to_owned(), path: "/staff/{}".to_owned() }),
        action("store", Effect::SessionStoreDelete { session: "0002aaaabb".to_owned() }),
        action("store", Effect::SessionStoreDeleteAccount { account: "u1".to_owned() }),
    ];
    let holds = || format!("{:?} {}", nginx.files(), redis.cli(&["DEBUG", "DIGEST"]));
    check(&World { told: vec![(nginx.reach().target, None), (redis.reach().target, Some("r".to_owned()))], actions, holds: &holds });
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn killed_at_mariadb() {
    let world = MariaDb::start();
    let user = |name: &str| name.to_owned();
    let actions = vec![
        action("db", Effect::MysqlAccountLock { user: user("tbl") }),
        action("db", Effect::MysqlPassword { user: user("db") }),
        action("db", Effect::MysqlRevoke { level: "hr.staff".to_owned(), user: user("tbl") }),
        action("db", Effect::MysqlRevoke { level: "*.*".to_owned(), user: user("glob") }),
        action("db", Effect::MysqlKill { user: user("tbl") }),
    ];
    let holds = || world.dump();
    check(&World { told: vec![(world.reach().target, Some("r".to_owned()))], actions, holds: &holds });
}

#[test]
#[ignore = "needs root, or sudo without a password"]
fn killed_at_the_key_of_an_application() {
    let folder = servers::Server::new();
    std::fs::write(folder.at("key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let at = folder.folder().display();
    let site = target("site", TargetKind::Web, &format!("key_file = \"{at}/key\"\nreload = [\"sh\", \"-c\", \"cat {at}/key > {at}/told\"]"));
    std::fs::copy(folder.at("key"), folder.at("told")).unwrap();
    let holds = || {
        let mut names: Vec<String> =
            std::fs::read_dir(folder.folder()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.contains(".strandline."));
        names.sort();
        format!("{names:?} {} {}", std::fs::read_to_string(folder.at("key")).unwrap(), std::fs::read_to_string(folder.at("told")).unwrap())
    };
    check(&World { told: vec![(site, None)], actions: vec![action("site", Effect::WebRotateKey { key: "shop".to_owned() })], holds: &holds });
}

#[test]
#[ignore = "needs PostgreSQL's and MariaDB's own programs: apt-get install postgresql mariadb-server"]
fn killed_at_tables_of_sessions() {
    let (postgres, mariadb) = (Postgres::start(""), MariaDb::start());
    const ROWS: &str = "INSERT INTO sessions VALUES ('aaaabbbb0001', 'x', 'u1'), ('aaaabbbb0002', 'y', 'u2'), ('aaaabbbb0003', 'z', 'u1')";
    postgres.sql("postgres", "CREATE DATABASE hr");
    postgres.sql("hr", &format!("CREATE TABLE sessions(k text PRIMARY KEY, v text, u text); {ROWS}"));
    // One engine with transactions, one without.
    mariadb.sql(&format!("USE hr; CREATE TABLE sessions(k varchar(40) PRIMARY KEY, v text, u varchar(20)); {ROWS}"));
    mariadb.sql(&format!("CREATE DATABASE old; USE old; CREATE TABLE sessions(k varchar(40) PRIMARY KEY, v text, u varchar(20)) ENGINE=MyISAM; {ROWS}"));
    let store = |name: &str, port: u16, account: &str, more: &str| {
        let rest = format!("address = \"127.0.0.1:{port}\"\naccount = \"{account}\"\nsession_column = \"k\"\naccount_column = \"u\"\n{more}");
        target(name, TargetKind::Sessions, &rest)
    };
    let mysql = |name: &str, database: &str| {
        store(name, mariadb.server.port, "root2", &format!("dialect = \"mysql\"\ndatabases = [\"{database}\"]\nsessions = \"{database}.sessions\""))
    };
    let actions = ["one", "two", "three"].into_iter().flat_map(|name| {
        [
            action(name, Effect::SessionStoreDelete { session: "aaaabbbb0002".to_owned() }),
            action(name, Effect::SessionStoreDeleteAccount { account: "u1".to_owned() }),
        ]
    });
    let holds = || {
        let rows = postgres.value("hr", "SELECT string_agg(s::text, ' ' ORDER BY k) FROM sessions s");
        rows + &mariadb.sql("SELECT * FROM hr.sessions ORDER BY k; SELECT * FROM old.sessions ORDER BY k")
    };
    let told = vec![
        (store("one", postgres.server.port, "postgres", "databases = [\"hr\"]\nsessions = \"public.sessions\""), Some("super".to_owned())),
        (mysql("two", "hr"), Some("r".to_owned())),
        (mysql("three", "old"), Some("r".to_owned())),
    ];
    check(&World { told, actions: actions.collect(), holds: &holds });
}

#[test]
#[ignore = "needs python3, in which the documentation's example is written"]
fn killed_at_a_program() {
    let folder = servers::Server::new();
    std::fs::write(folder.at("responder.py"), include_str!("../../../docs/containment/example_responder.py")).unwrap();
    std::fs::write(folder.at("key"), "a key of sixteen characters").unwrap();
    std::fs::write(folder.at("accounts.json"), "{\"ann\": {\"enabled\": \"yes\"}, \"bob\": {\"enabled\": \"yes\"}}").unwrap();
    let at = folder.folder().display();
    let idp = target("idp", TargetKind::Exec, &format!("command = [\"python3\", \"{at}/responder.py\", \"{at}/key\", \"{at}/accounts.json\"]"));
    let disable = |subject: &str| action("idp", Effect::Exec { action: "disable_account".to_owned(), subject: subject.to_owned() });
    let holds = || std::fs::read_to_string(folder.at("accounts.json")).unwrap();
    check(&World { told: vec![(idp, Some("a key of sixteen characters".to_owned()))], actions: vec![disable("ann"), disable("bob")], holds: &holds });
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn killed_at_openldap() {
    let world = Slapd::start(true);
    let mut reach = world.reach();
    reach.target.policy = Some("cn=def,dc=x".to_owned());
    let lock = |account: &str| action("ldap", Effect::LdapLock { account: account.to_owned() });
    let holds = || world.dump();
    check(&World { told: vec![(reach.target, Some("r".to_owned()))], actions: vec![lock("ann"), lock("bob")], holds: &holds });
}

#[test]
#[ignore = "needs root, sshd and namespaces: apt-get install openssh-server openssh-client sshpass cron at"]
fn killed_at_linux() {
    if !inside("killed_at_linux", &["--net", "--mount", "--pid", "--mount-proc"]) {
        return;
    }
    let sshd = Sshd::start();
    std::fs::write("/var/spool/cron/crontabs/eve", "* * * * * true\n").unwrap();
    let effects = |account: &str| {
        let account = || account.to_owned();
        [
            Effect::LinuxLock { account: account() },
            Effect::LinuxKeysMove { account: account() },
            Effect::LinuxJobsStop { account: account() },
            Effect::LinuxEndSessions { account: account() },
        ]
    };
    let actions = effects("eve").into_iter().chain(effects("bob")).map(|effect| action("host", effect)).collect();
    let holds = || {
        let read = |path: &&str| std::fs::read_to_string(path).unwrap_or_default();
        ["/etc/shadow", "/home/eve/.ssh/authorized_keys", "/home/bob/.ssh/authorized_keys", "/var/spool/cron/crontabs/eve"]
            .iter()
            .map(read)
            .collect::<Vec<_>>()
            .join("--")
    };
    check(&World { told: vec![(sshd.reach().target, None)], actions, holds: &holds });
}
