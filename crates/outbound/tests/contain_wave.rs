//! A wave over several targets: together, and with one that is dead. How long it takes is printed:
//! `cargo test -p strandline-outbound --test contain_wave -- --include-ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use servers::{MariaDb, Nginx, Postgres, Redis, Slapd, action, manner, reach, target};
use strandline_model::containment::{CutStep, Effect};
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{Done, Force, Journal, Manner, Planned, Reach, Wave, plan};

/// Keeps when each step was noted.
#[derive(Default)]
struct Kept(Vec<(usize, CutStep, Instant)>);

impl Journal for Kept {
    fn note(&mut self, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.extend(steps.iter().map(|(at, step, _)| (*at, *step, Instant::now())));
        Ok(())
    }
}

#[test]
#[ignore = "needs root and six servers: apt-get install postgresql mariadb-server nginx-light redis-server slapd ldap-utils python3"]
fn twelve_actions_over_six_targets_are_done_together_and_a_dead_one_holds_nobody() {
    let (pg, my, nginx, redis, ldap, folder) =
        (Postgres::start(""), MariaDb::start(), Nginx::start(), Redis::start(), Slapd::start(true), servers::Server::new());
    pg.sql("postgres", "CREATE DATABASE hr; ");
    pg.sql("hr", "CREATE ROLE app LOGIN PASSWORD 'a'");
    std::fs::write(folder.at("responder.py"), include_str!("../../../docs/containment/example_responder.py")).unwrap();
    std::fs::write(folder.at("key"), "a key of sixteen characters").unwrap();
    std::fs::write(folder.at("accounts.json"), "{\"ann\": {\"enabled\": \"yes\"}}").unwrap();
    let at = folder.folder().display();
    let program = target("idp", TargetKind::Exec, &format!("command = [\"python3\", \"{at}/responder.py\", \"{at}/key\", \"{at}/accounts.json\"]"));
    let mut database = my.reach();
    database.target.name = "my".to_owned();
    let mut directory = ldap.reach();
    directory.target.policy = Some("cn=def,dc=x".to_owned());
    let all: Vec<Reach> = vec![pg.reach(""), database, nginx.reach(), redis.reach(), directory, reach(program, Some("a key of sixteen characters"))];
    let mut reaches: BTreeMap<String, Reach> = all.into_iter().map(|one| (one.target.name.clone(), one)).collect();
    let app = || "app".to_owned();
    let actions = [
        ("db", Effect::PostgresRoleNoLogin { role: app() }),
        ("db", Effect::PostgresPassword { role: app() }),
        ("db", Effect::PostgresHbaReject { address: "127.0.0.9".to_owned(), role: app() }),
        ("db", Effect::PostgresTerminate { address: None, role: app() }),
        ("my", Effect::MysqlAccountLock { user: "tbl".to_owned() }),
        ("my", Effect::MysqlKill { user: "tbl".to_owned() }),
        ("edge", Effect::WebDenyAddress { address: "127.0.0.9".to_owned() }),
        ("edge", Effect::WebDenySession { session: "0007aaaabb".to_owned() }),
        ("store", Effect::SessionStoreDelete { session: "0007aaaabb".to_owned() }),
        ("ldap", Effect::LdapLock { account: "ann".to_owned() }),
        ("ldap", Effect::LdapLock { account: "bob".to_owned() }),
        ("idp", Effect::Exec { action: "disable_account".to_owned(), subject: "ann".to_owned() }),
    ]
    .map(|(target, effect)| action(target, effect));
    let planned: Vec<Planned> = plan(&actions, &reaches, &manner(), &mut || [9; 32]).unwrap();
    let manner = Manner { patience: Duration::from_secs(2), ..manner() };
    let wave = Wave::new(&planned, &reaches, &manner);
    let mut kept = Kept::default();
    // A wave is preceded by a look at its targets, in which every one of them is signed in to.
    let done = wave.apply(&BTreeMap::new(), &mut kept).unwrap();
    assert!(done.len() == 12 && done.values().all(|one| matches!(one, Done::Now)), "{done:?}");
    let times = |kept: &Kept, wanted: CutStep| kept.0.iter().filter(move |(_, step, _)| *step == wanted).map(|(.., at)| *at).collect::<Vec<_>>();
    let took = *times(&kept, CutStep::Applied).iter().max().unwrap() - *times(&kept, CutStep::Applying).iter().min().unwrap();
    println!("{} actions at {} servers, from the first begun to the last done: {took:?}", done.len(), reaches.len());
    // The aim is three seconds; ten times that is no slow machine any more.
    assert!(took < Duration::from_secs(30), "{took:?}");
    check_order(&kept, &planned);
    let all: Vec<usize> = (0..planned.len()).collect();
    assert!(wave.undo(&all, Force::No, &mut kept).unwrap().values().all(|one| !matches!(one, Done::Failed(_))));
    // One of them dies between plan and wave.
    drop(redis);
    let mut kept = Kept::default();
    let done = wave.apply(&BTreeMap::new(), &mut kept).unwrap();
    let dead = planned.iter().position(|one| one.target == "store").unwrap();
    for (at, one) in &done {
        assert_eq!(matches!(one, Done::Failed(_)), *at == dead, "{at}: {one:?}");
    }
    assert_eq!(done.len(), planned.len());
    check_order(&kept, &planned);
    let begun: Vec<usize> = (0..planned.len()).filter(|at| *at != dead).collect();
    reaches.remove("store");
    assert!(wave.undo(&begun, Force::No, &mut kept).unwrap().values().all(|one| !matches!(one, Done::Failed(_))));
}

/// Doors before secrets before sessions, over all targets.
fn check_order(kept: &Kept, planned: &[Planned]) {
    let app = || "app".to_owned();
    let first_end = kept
        .0
        .iter()
        .position(|(at, step, _)| *step == CutStep::Applying && planned[*at].action.effect == Effect::PostgresTerminate { address: None, role: app() })
        .unwrap();
    let last_door = kept
        .0
        .iter()
        .rposition(|(at, step, _)| *step == CutStep::Applied && matches!(planned[*at].action.effect, Effect::LdapLock { .. } | Effect::PostgresPassword { .. }))
        .unwrap();
    assert!(last_door < first_end);
}
