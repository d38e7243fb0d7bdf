//! A wave over several targets: together, and with one that is dead. How long it takes is printed:
//! `cargo test -p strandline-outbound --test contain_wave -- --include-ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use servers::{MariaDb, Nginx, Postgres, Redis, Slapd, action, manner, reach, target};
use strandline_model::containment::{CutStep, Effect};
use strandline_model::estate::TargetKind;
use strandline_outbound::contain::{ContainError, Done, Force, Journal, Manner, Planned, Reach, Wave, plan};

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
    // Under three seconds is the aim, and a figure of the machine and of what else it does: it is told, and no test of it can fail.
    println!("first visible to last done: {:.2} s ({} actions at {} servers)", took.as_secs_f64(), done.len(), reaches.len());
    check_order(&kept, &planned);
    let all: Vec<usize> = (0..planned.len()).collect();
    assert!(wave.undo((&all, &BTreeSet::new()), Force::No, &mut kept).unwrap().values().all(|one| !matches!(one, Done::Failed(_))));
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
    assert!(wave.undo((&begun, &BTreeSet::new()), Force::No, &mut kept).unwrap().values().all(|one| !matches!(one, Done::Failed(_))));
}

/// Keeps where each action is, and what was said of it.
#[derive(Default)]
struct Said(BTreeMap<usize, (CutStep, String)>);

impl Journal for Said {
    fn note(&mut self, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.extend(steps.iter().map(|(at, step, said)| (*at, (*step, said.clone().unwrap_or_default()))));
        Ok(())
    }
}

impl Said {
    /// Those that stood there before we began.
    fn theirs(&self) -> BTreeSet<usize> {
        self.0.iter().filter(|(_, (_, said))| said == strandline_outbound::contain::STOOD_THERE).map(|(at, _)| *at).collect()
    }
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn what_somebody_else_did_between_plan_and_wave_is_not_taken_back_by_us() {
    let ldap = Slapd::start(true);
    let mut directory = ldap.reach();
    directory.target.policy = Some("cn=def,dc=x".to_owned());
    let reaches = BTreeMap::from([("ldap".to_owned(), directory)]);
    let actions = ["ann", "bob"].map(|account| action("ldap", Effect::LdapLock { account: account.to_owned() }));
    let planned = plan(&actions, &reaches, &manner(), &mut || [9; 32]).unwrap();
    // The directory's team locks ann in the meantime.
    ldap.modify("dn: uid=ann,dc=x\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n");
    let wave = Wave::new(&planned, &reaches, &manner());
    let mut said = Said::default();
    let done = wave.apply(&BTreeMap::new(), &mut said).unwrap();
    assert!(matches!((&done[&0], &done[&1]), (Done::Already, Done::Now)), "{done:?}");
    assert_eq!((said.theirs(), said.0[&0].0), (BTreeSet::from([0]), CutStep::Applied));
    let theirs = said.theirs();
    let done = wave.undo((&[0, 1], &theirs), Force::No, &mut said).unwrap();
    assert!(matches!((&done[&0], &done[&1]), (Done::Already, Done::Now)), "{done:?}");
    assert_eq!(said.0[&0], (CutStep::Undone, "left as it stands: it stood there before the plan was applied, by somebody else's hand".to_owned()));
    assert!(!ldap.binds("ann", "s") && ldap.binds("bob", "b"), "ann is the team's to unlock");
    // Who decides to go over it does.
    wave.undo((&[0], &theirs), Force::Yes, &mut said).unwrap();
    assert!(ldap.binds("ann", "s"));
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn what_somebody_else_changed_after_the_wave_is_told_in_three_and_stays_unless_it_is_forced() {
    let ldap = Slapd::start(true);
    let mut directory = ldap.reach();
    directory.target.policy = Some("cn=def,dc=x".to_owned());
    let reaches = BTreeMap::from([("ldap".to_owned(), directory)]);
    let actions = ["ann", "bob"].map(|account| action("ldap", Effect::LdapLock { account: account.to_owned() }));
    let planned = plan(&actions, &reaches, &manner(), &mut || [9; 32]).unwrap();
    let wave = Wave::new(&planned, &reaches, &manner());
    let (mut said, none) = (Said::default(), BTreeSet::new());
    assert!(wave.apply(&BTreeMap::new(), &mut said).unwrap().values().all(|one| matches!(one, Done::Now)));
    // The directory's team locks ann by a word of its own.
    ldap.modify("dn: uid=ann,dc=x\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 20260301000000Z\n");
    let verdict = wave.verify(&[0]).remove(&0).unwrap().unwrap();
    servers::check_answer(&verdict, strandline_outbound::contain::Answer::NotEffective, "changed since: ");
    let theirs = ldap.dump();
    let done = wave.undo((&[0], &none), Force::No, &mut said).unwrap();
    let Done::Failed(ContainError::Changed { target, differences }) = &done[&0] else { panic!("{done:?}") };
    let [difference] = &differences[..] else { panic!("{differences:?}") };
    let three = (difference.before.as_str(), difference.meant.as_str(), difference.now.as_str());
    assert_eq!((target.as_str(), three), ("ldap", ("nothing", "000001010000Z", "20260301000000Z")));
    assert_eq!(said.0[&0].0, CutStep::Applied, "nothing was begun");
    assert_eq!(ldap.dump(), theirs);
    let done = wave.undo((&[0, 1], &none), Force::No, &mut said).unwrap();
    assert!(matches!((&done[&0], &done[&1]), (Done::Failed(_), Done::Now)), "the others come back: {done:?}");
    assert!(!ldap.binds("ann", "s") && ldap.binds("bob", "b"));
    let done = wave.undo((&[0], &none), Force::Yes, &mut said).unwrap();
    assert!(matches!(done[&0], Done::Now) && said.0[&0].0 == CutStep::Undone && ldap.binds("ann", "s"), "{done:?}");
}

#[test]
#[ignore = "needs MariaDB's own programs: apt-get install mariadb-server"]
fn half_of_a_cut_by_somebody_else_asks_for_another_plan() {
    let my = MariaDb::start();
    let reaches = BTreeMap::from([("db".to_owned(), my.reach())]);
    let planned = plan(&[action("db", Effect::MysqlAccountLock { user: "tbl".to_owned() })], &reaches, &manner(), &mut || [9; 32]).unwrap();
    my.sql("ALTER USER tbl@'10.%' ACCOUNT LOCK");
    let dump = my.dump();
    let wave = Wave::new(&planned, &reaches, &manner());
    let told = wave.apply(&BTreeMap::new(), &mut Said::default()).unwrap_err().to_string();
    assert!(told.contains("make and approve the plan again") && told.contains("tbl@10.%"), "{told}");
    assert_eq!(my.dump(), dump);
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn a_session_whose_time_runs_out_while_it_is_held_back_is_over_and_no_dead_end() {
    let redis = Redis::empty(&[]);
    redis.cli(&["SETEX", "sess:short0000001", "2", "{\"user\":\"ann\"}"]);
    redis.cli(&["SETEX", "sess:longer000001", "3600", "{\"user\":\"ann\"}"]);
    redis.cli(&["SETEX", "sess:gone00000001", "3600", "{\"user\":\"bob\"}"]);
    let reaches = BTreeMap::from([("store".to_owned(), redis.reach())]);
    let one = |session: &str| action("store", Effect::SessionStoreDelete { session: session.to_owned() });
    let all = action("store", Effect::SessionStoreDeleteAccount { account: "ann".to_owned() });
    let planned = plan(&[one("short000"), one("gone0000"), one("longer00")], &reaches, &manner(), &mut || [9; 32]).unwrap();
    let of_ann = plan(&[all], &reaches, &manner(), &mut || [9; 32]).unwrap();
    let digest = redis.cli(&["DEBUG", "DIGEST-VALUE", "sess:longer000001"]);
    let wave = Wave::new(&planned, &reaches, &manner());
    let mut said = Said::default();
    assert!(wave.apply(&BTreeMap::new(), &mut said).unwrap().values().all(|one| matches!(one, Done::Now)));
    servers::until("its time is over", || redis.cli(&["EXISTS", "strandline:held:sess:short0000001"]) == "0");
    redis.cli(&["DEL", "strandline:held:sess:gone00000001"]);
    for verdict in wave.verify(&[0, 1, 2]).into_values() {
        servers::check_answer(&verdict.unwrap(), strandline_outbound::contain::Answer::Effective, "looked at twice");
    }
    let none = BTreeSet::new();
    let done = wave.undo((&[0, 1, 2], &none), Force::No, &mut said).unwrap();
    assert!(matches!((&done[&0], &done[&1], &done[&2]), (Done::Already, Done::Already, Done::Now)), "{done:?}");
    assert!(said.0[&0].1.ends_with("its time ran out") && said.0[&1].1.contains("before its time"), "{:?}", said.0);
    assert!(said.0.values().all(|(step, _)| *step == CutStep::Undone));
    assert_eq!(redis.cli(&["DEBUG", "DIGEST-VALUE", "sess:longer000001"]), digest, "what is left comes back exactly");
    // Of several the one that is left is cut and comes back.
    let wave = Wave::new(&of_ann, &reaches, &manner());
    let mut said = Said::default();
    assert!(matches!(wave.apply(&BTreeMap::new(), &mut said).unwrap()[&0], Done::Now));
    assert_eq!(redis.cli(&["EXISTS", "sess:longer000001"]), "0");
    assert!(matches!(wave.undo((&[0], &none), Force::No, &mut said).unwrap()[&0], Done::Now));
    assert_eq!(redis.cli(&["DEBUG", "DIGEST-VALUE", "sess:longer000001"]), digest);
}

#[test]
#[ignore = "needs Redis's own programs: apt-get install redis-server"]
fn a_fresh_sign_in_of_the_owner_is_left_in_and_is_no_open_door() {
    let redis = Redis::empty(&[]);
    redis.cli(&["SETEX", "sess:intruder0001", "3600", "{\"user\":\"ann\"}"]);
    let reaches = BTreeMap::from([("store".to_owned(), redis.reach())]);
    let all = action("store", Effect::SessionStoreDeleteAccount { account: "ann".to_owned() });
    let planned = plan(&[all], &reaches, &manner(), &mut || [9; 32]).unwrap();
    let wave = Wave::new(&planned, &reaches, &manner());
    let mut said = Said::default();
    wave.apply(&BTreeMap::new(), &mut said).unwrap();
    redis.cli(&["SETEX", "sess:owner0000001", "3600", "{\"user\":\"ann\"}"]);
    let verdict = || wave.verify(&[0]).remove(&0).unwrap().unwrap();
    servers::check_answer(&verdict(), strandline_outbound::contain::Answer::Effective, "1 sessions of ann began since the plan");
    // What a running request saves again is ended again, and that alone.
    redis.cli(&["SETEX", "sess:intruder0001", "3600", "{\"user\":\"ann\"}"]);
    servers::check_answer(&verdict(), strandline_outbound::contain::Answer::NotEffective, "a running request saves");
    assert!(wave.end_again(&[0]).values().all(Result::is_ok));
    assert_eq!((redis.cli(&["EXISTS", "sess:intruder0001"]), redis.cli(&["EXISTS", "sess:owner0000001"])), ("0".to_owned(), "1".to_owned()));
    servers::check_answer(&verdict(), strandline_outbound::contain::Answer::Effective, "looked at twice");
    wave.undo((&[0], &BTreeSet::new()), Force::No, &mut said).unwrap();
    assert_eq!((redis.cli(&["EXISTS", "sess:intruder0001"]), redis.cli(&["EXISTS", "sess:owner0000001"])), ("1".to_owned(), "1".to_owned()));
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
