//! The boundary: a small estate, a trail, some recorded events; what is proposed, and what each candidate would have refused.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use strandline_model::containment::{ActionRow, left_open};
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, EventBatchBuilder};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::time::Instant;
use strandline_model::trail::{Link, Step, Strength};

use crate::{Inputs, Proposal, propose};

const ESTATE: &str = r#"
[organisation]
name = { en = "O" }
time_zone = "UTC"

[[system]]
id = "shop"
name = "Shop"
addresses = ["10.9.0.5"]
roles = ["shop_app"]

[[system]]
id = "db"
name = "Database"

[[source]]
id = "shop-web"
system = "shop"
path = ["w"]
format = "nginx"

[[source]]
id = "shop-app"
system = "shop"
path = ["a"]
format = "json"
session_prefix = 4

[[source]]
id = "db-log"
system = "db"
path = ["d"]
format = "postgresql"

[[database]]
id = "shop"
system = "db"

[[trusted]]
role = "nightly"
reason = "the nightly export"
"#;

fn at(seconds: i64) -> Instant {
    Instant(1_700_000_000_000_000 + seconds * 1_000_000)
}

struct Log(EventBatchBuilder, u64);

impl Log {
    fn add(&mut self, source: &str, class: Class, activity: Activity, seconds: i64, with: impl FnOnce(&mut Event<'_>)) {
        self.1 += 1;
        let place = EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset: self.1, length: 1 };
        let mut event = Event::new(at(seconds), class, activity, place);
        event.source = Cow::Owned(source.to_owned());
        event.system = Cow::Owned(source.split('-').next().unwrap_or_default().to_owned());
        with(&mut event);
        self.0.push(&event);
    }

    /// One request, as the web server and the application log it.
    fn request(&mut self, seconds: i64, (address, session, account, url): (&str, &str, &str, &str)) {
        self.add("shop-web", Class::Http, Activity::Request, seconds, |e| {
            (e.src_ip, e.method, e.url) = (Some(Cow::Owned(address.to_owned())), Some("GET".into()), Some(Cow::Owned(url.to_owned())));
        });
        self.add("shop-app", Class::Http, Activity::Request, seconds, |e| {
            (e.src_ip, e.method, e.url) = (Some(Cow::Owned(address.to_owned())), Some("GET".into()), Some(Cow::Owned(url.to_owned())));
            (e.session, e.account) = (Some(Cow::Owned(session.to_owned())), Some(Cow::Owned(account.to_owned())));
        });
    }

    fn statement(&mut self, seconds: i64, (host, role, connection): (&str, &str, &str)) {
        self.add("db-log", Class::Datastore, Activity::Read, seconds, |e| {
            (e.src_ip, e.account, e.session) = (Some(Cow::Owned(host.to_owned())), Some(Cow::Owned(role.to_owned())), Some(Cow::Owned(connection.to_owned())));
        });
    }
}

fn link(rule: &str, from: &str, to: &str) -> Link {
    let id = format!("L-{rule}-{to}");
    let (rule, from, to) = (rule.to_owned(), from.to_owned(), to.to_owned());
    Link { id, rule, from, to, strength: Strength::Proved, reason: String::new(), first: at(0), last: at(0), verdict: None, events: vec![] }
}

fn step(id: &str, system: &str, account: &str, session: &str, from_host: &str) -> Step {
    let own = |text: &str| Some(text.to_owned());
    Step {
        id: id.to_owned(),
        first: at(0),
        last: at(0),
        tactic: String::new(),
        technique: "T1213".to_owned(),
        technique_name: String::new(),
        from_host: own(from_host),
        system: system.to_owned(),
        account: own(account),
        session: own(session),
        summary: String::new(),
        exploited: None,
        strength: Strength::Proved,
        event_count: 0,
        because: vec![],
        events: vec![],
    }
}

/// The intruder has ann's session from two addresses, one of which others use too; ann goes on working in another session.
fn log() -> Vec<RecordBatch> {
    let mut log = Log(EventBatchBuilder::new(), 0);
    for n in 0..10 {
        log.request(n, ("203.0.113.7", "abcdef", "ann", "/find?q=1"));
    }
    for n in 10..15 {
        log.request(n, ("198.51.100.1", "abcdef", "ann", "/staff/C1"));
    }
    for n in 0..3 {
        log.request(20 + n, ("10.1.1.1", "9999aa", "ann", "/find"));
        log.request(7_300 + n, ("198.51.100.1", "8888aa", "bob", "/find"));
    }
    log.request(30, ("10.1.1.2", "8888aa", "bob", "/staff/C2"));
    for n in 0..4 {
        log.statement(40 + n, ("10.9.0.5", "report", "c1"));
        log.statement(50 + n, ("10.9.0.5", "shop_app", "c2"));
        log.statement(60 + n, ("10.9.0.6", "report", "c3"));
        log.statement(70 + n, ("10.9.0.6", "nightly", "c4"));
    }
    vec![log.0.finish().expect("schema and builders agree")]
}

fn trail() -> (Vec<Link>, Vec<Step>) {
    let links = vec![
        link("pin", "pin:x", "address=203.0.113.7"),
        link("address_to_session", "address=203.0.113.7", "session=shop/abcd"),
        link("session_to_address", "session=shop/abcd", "address_in_session=198.51.100.1 in shop/abcd"),
        link("injection_to_request", "session=shop/abcd", "statements=GET /find?q of session=shop/abcd, injected"),
        link("host_to_connection", "session=shop/abcd", "connection=c1"),
    ];
    let steps = vec![step("S01", "shop", "ann", "abcd", "203.0.113.7"), step("S02", "db", "report", "c1", "10.9.0.5")];
    (links, steps)
}

fn proposal(estate: &str, links: &[Link], steps: &[Step]) -> Proposal {
    proposal_of(log(), estate, links, steps)
}

fn proposal_of(events: Vec<RecordBatch>, estate: &str, links: &[Link], steps: &[Step]) -> Proposal {
    let estate: Estate = toml::from_str(estate).expect("the estate is valid");
    let accesses = Vec::<RecordBatch>::new();
    propose(&Inputs { events: &events, accesses: &accesses, links, steps, splits: &[], estate: &estate }).expect("tables in memory can be read")
}

fn find<'p>(proposal: &'p Proposal, effect: &str, reaches: &str) -> &'p ActionRow {
    let found = proposal.actions.iter().find(|a| a.effect == effect && a.reaches.contains(reaches));
    found.unwrap_or_else(|| panic!("no {effect} {reaches} among {:?}", proposal.actions.iter().map(|a| (&a.effect, &a.reaches)).collect::<Vec<_>>()))
}

/// Unit, intruder's, lawful, open.
fn check(proposal: &Proposal, effect: &str, reaches: &str, expected: (&str, i64, i64, i64)) {
    let row = find(proposal, effect, reaches);
    assert_eq!((row.unit.as_str(), row.intruder, row.lawful, row.open), expected, "{effect} {reaches}");
}

#[test]
fn each_candidate_has_what_it_would_have_refused() {
    let (links, steps) = trail();
    let found = proposal(ESTATE, &links, &steps);
    check(&found, "web_deny_session", "abcd", ("requests", 15, 0, 0));
    check(&found, "session_store_delete", "abcd", ("requests", 15, 0, 0));
    check(&found, "webhook", "locks the account: ann", ("requests", 15, 3, 0));
    check(&found, "web_rotate_key", "shop", ("requests", 15, 7, 0));
    check(&found, "web_deny_address", "203.0.113.7", ("requests", 10, 0, 0));
    // Of the shared address the application's log tells whose each request was.
    check(&found, "web_deny_address", "198.51.100.1", ("requests", 5, 3, 0));
    check(&found, "nftables_drop", "203.0.113.7", ("requests", 10, 0, 0));
    check(&found, "nftables_drop", "10.9.0.5", ("statements", 4, 4, 0));
    check(&found, "postgres_hba_reject", "role report", ("statements", 4, 0, 0));
    check(&found, "postgres_role_no_login", "role report", ("statements", 4, 4, 0));
    check(&found, "web_deny_route", "GET /find", ("requests", 10, 6, 0));
    assert_eq!(find(&found, "web_deny_session", "abcd").rank, 1);
    assert_eq!(find(&found, "postgres_hba_reject", "role report").rank, 1);
    assert!(find(&found, "web_deny_address", "198.51.100.1").closes == 0, "he comes from another address");
}

#[test]
fn lawful_work_is_told_by_account_system_and_hour() {
    let (links, steps) = trail();
    let found = proposal(ESTATE, &links, &steps);
    let row = find(&found, "web_deny_route", "GET /find");
    let by = |by: &str| -> Vec<(&str, i64)> {
        let of_it = found.refusals.iter().filter(|r| r.action == row.id && r.unit == "requests" && r.whose == "lawful" && r.by == by);
        of_it.map(|r| (r.key.as_str(), r.count)).collect()
    };
    assert_eq!(by("account"), [("ann", 3), ("bob", 3)]);
    assert_eq!(by("system"), [("shop", 6)]);
    assert_eq!(by("hour").iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3, 3]);
    assert_eq!((row.lawful_hour_worst, row.lawful_last), (3, Some(at(7_302))));
    assert_eq!((row.accounts, row.carries, row.of), (2, 22, 22));
    let shared = find(&found, "web_deny_address", "198.51.100.1");
    assert_eq!((shared.accounts, shared.accounts_elsewhere), (2, 2));
    let whole = find(&found, "webhook", "cuts the machine off: 10.9.0.5");
    assert_eq!((whole.unit.as_str(), whole.intruder, whole.lawful), ("statements", 4, 4));
}

#[test]
fn of_candidates_that_cost_the_same_the_one_that_acts_on_less_comes_first() {
    let (mut links, mut steps) = trail();
    links.push(link("host_to_connection", "session=shop/abcd", "connection=c4"));
    steps.push(step("S03", "db", "nightly", "c4", "10.9.0.6"));
    let found = proposal(ESTATE, &links, &steps);
    let (hba, role) = (find(&found, "postgres_hba_reject", "role nightly"), find(&found, "postgres_role_no_login", "role nightly"));
    assert_eq!((hba.lawful, role.lawful), (0, 0));
    assert!(hba.rank == 1 && role.rank > 1, "{} {}", hba.rank, role.rank);
}

#[test]
fn a_batch_job_is_named() {
    let (mut links, mut steps) = trail();
    links.push(link("host_to_connection", "session=shop/abcd", "connection=c3"));
    steps.push(step("S03", "db", "nightly", "c3", "10.9.0.6"));
    let found = proposal(ESTATE, &links, &steps);
    let row = find(&found, "postgres_role_no_login", "role nightly");
    let batch: Vec<_> = found.refusals.iter().filter(|r| r.action == row.id && r.by == "batch").map(|r| (r.key.as_str(), r.whose.as_str(), r.count)).collect();
    assert_eq!(batch, [("nightly", "lawful", 4)]);
}

#[test]
fn a_batch_job_is_who_fits_all_that_its_entry_names() {
    let (mut links, mut steps) = trail();
    links.push(link("host_to_connection", "session=shop/abcd", "connection=c3"));
    steps.push(step("S03", "db", "nightly", "c3", "10.9.0.6"));
    let batches = |entry: &str| -> Vec<(String, i64)> {
        let found = proposal(&ESTATE.replace("role = \"nightly\"\n", entry), &links, &steps);
        let row = find(&found, "postgres_role_no_login", "role nightly");
        found.refusals.iter().filter(|r| r.action == row.id && r.by == "batch").map(|r| (r.key.clone(), r.count)).collect()
    };
    let addresses = |entry: &str| batches(&format!("{entry}addresses = [\"10.9.0.6\"]\n"));
    assert_eq!(addresses(""), [("10.9.0.6".to_owned(), 4)], "an address alone is enough");
    assert_eq!(addresses("role = \"nightly\"\n"), [("nightly".to_owned(), 4)]);
    assert_eq!(addresses("role = \"nightly\"\naccount = \"ann\"\n"), [], "the account does not fit");
    assert_eq!(batches("role = \"nightly\"\naddresses = [\"10.9.0.7\"]\n"), [], "the address does not fit");
}

#[test]
fn all_that_a_cut_refuses_is_told_whatever_it_is() {
    let (links, steps) = trail();
    let mut log = Log(EventBatchBuilder::new(), 0);
    log.request(0, ("203.0.113.7", "abcdef", "cat", "/find?q=1"));
    let mut sign_in = |seconds: i64, address: &str| {
        log.add("shop-app", Class::Authentication, Activity::Logon, seconds, |e| {
            (e.src_ip, e.account) = (Some(Cow::Owned(address.to_owned())), Some("ann".into()));
        });
    };
    (0..51).for_each(|n| sign_in(n, "203.0.113.7"));
    (0..18).for_each(|n| sign_in(100 + n, "10.1.1.1"));
    (0..15).for_each(|n| log.request(200 + n, ("10.1.1.1", "9999aa", "ann", "/find")));
    let found = proposal_of(vec![log.0.finish().expect("schema and builders agree")], ESTATE, &links, &steps);
    check(&found, "webhook", "locks the account: ann", ("sign_ins", 51, 18, 0));
    let row = find(&found, "webhook", "locks the account: ann");
    assert_eq!(row.by_unit().collect::<Vec<_>>(), [("sign_ins", [51, 18, 0]), ("requests", [0, 15, 0])]);
    // Neither alone is more than twenty in an hour, and both are.
    assert_eq!(row.lawful_hour_worst, 33);
}

#[test]
fn what_is_left_open_depends_on_what_is_effective() {
    let (links, steps) = trail();
    let found = proposal(ESTATE, &links, &steps);
    let open = |effective: &[&str]| -> Vec<String> {
        let ids: Vec<&str> = found.actions.iter().filter(|a| effective.contains(&a.effect.as_str())).map(|a| a.id.as_str()).collect();
        left_open(&found.footholds, &found.covers, &found.actions, &|id| ids.contains(&id)).into_iter().map(|o| o.name).collect()
    };
    let all = ["address 203.0.113.7", "session shop/abcd", "account ann of shop", "role report at 10.9.0.5 on db", "host 10.9.0.5", "route GET /find of shop"];
    assert_eq!(open(&[]), all);
    assert_eq!(open(&["postgres_terminate", "nftables_drop"]), [all[1], all[2], all[5]]);
    assert_eq!(open(&["web_deny_session", "web_deny_address", "webhook", "postgres_hba_reject", "nftables_drop", "web_deny_route"]), [""; 0]);
}

#[test]
fn targets_of_the_estate_are_named_and_what_is_never_cut_is_not_proposed() {
    let (links, steps) = trail();
    let targets = r#"
[[target]]
name = "pg1"
kind = "postgres"
system = "db"

[[target]]
name = "edge"
kind = "nftables"

[[breakglass]]
account = "ANN"
reason = "the only administrator"
"#;
    let found = proposal(&format!("{ESTATE}{targets}"), &links, &steps);
    assert_eq!(find(&found, "postgres_hba_reject", "role report").target.as_deref(), Some("pg1"));
    assert_eq!(find(&found, "nftables_drop", "203.0.113.7").target.as_deref(), Some("edge"));
    assert_eq!(find(&found, "web_deny_session", "abcd").target, None);
    assert!(!found.actions.iter().any(|a| a.reaches.contains("locks the account")));
    let ann = found.footholds.iter().find(|f| f.kind == "account").expect("her session was used");
    assert!(ann.reason.as_deref().is_some_and(|r| r.contains("the only administrator")), "{ann:?}");
}

#[test]
fn the_same_evidence_gives_the_same_rows_and_a_struck_link_holds_nothing() {
    let (mut links, steps) = trail();
    assert_eq!(proposal(ESTATE, &links, &steps), proposal(ESTATE, &links, &steps));
    links.iter_mut().for_each(|l| l.verdict = Some("struck".to_owned()));
    let found = proposal(ESTATE, &links, &steps);
    assert!(found.footholds.is_empty() && found.actions.is_empty(), "{:?}", found.footholds);
}

/// A newcomer of whom nobody can say whose it is, and the session that it has.
#[test]
fn what_only_may_be_his_is_open_and_no_record_of_the_intruder() {
    let (mut links, steps) = trail();
    let newcomer = Link { strength: Strength::Open, ..link("newcomer_to_address", "address=203.0.113.7", "address=10.1.1.2") };
    links.extend([newcomer, link("address_to_session", "address=10.1.1.2", "session=shop/8888")]);
    let found = proposal(ESTATE, &links, &steps);
    check(&found, "web_deny_address", "10.1.1.2", ("requests", 0, 0, 1));
    check(&found, "web_deny_session", "8888", ("requests", 0, 3, 1));
    check(&found, "web_deny_session", "abcd", ("requests", 15, 0, 0));
    let held = |name: &str| found.footholds.iter().find(|f| f.name.contains(name)).unwrap();
    assert!(held("10.1.1.2").is_open && held("shop/8888").is_open && !held("203.0.113.7").is_open && !held("shop/abcd").is_open);
    assert!(held("10.1.1.2").reason.as_ref().unwrap().contains("pin it if it is his"));
    let left = left_open(&found.footholds, &found.covers, &found.actions, &|_| false);
    assert!(left.iter().any(|l| l.name.contains("10.1.1.2") && l.records == held("10.1.1.2").records && l.records > 0));
    // A person says that it is his.
    links.push(link("pin", "pin:y", "address=10.1.1.2"));
    let found = proposal(ESTATE, &links, &steps);
    check(&found, "web_deny_address", "10.1.1.2", ("requests", 1, 0, 0));
    assert!(found.footholds.iter().all(|f| !f.is_open));
}

/// A sign-in by SSH to the machine of that source, with that key.
fn by_key(log: &mut Log, seconds: i64, (address, account, key): (&str, &str, &str)) {
    log.add("gate-auth", Class::Authentication, Activity::Logon, seconds, |e| {
        e.status = strandline_model::event::Status::Success;
        (e.src_ip, e.account) = (Some(Cow::Owned(address.to_owned())), Some(Cow::Owned(account.to_owned())));
        e.labels = Some(Cow::Owned(format!(r#"{{"method":"publickey","public_key":"ED25519 {key}"}}"#)));
    });
}

/// An estate with a machine that is signed in to by SSH.
fn with_gate() -> String {
    format!(
        "{ESTATE}\n[[system]]\nid = \"gate\"\nname = \"Gate\"\n\n[[source]]\nid = \"gate-auth\"\nsystem = \"gate\"\npath = [\"g\"]\nformat = \"linux_auth\"\n"
    )
}

#[test]
fn the_key_that_he_signed_in_with_is_a_foothold_wherever_it_opens() {
    let mut log = Log(EventBatchBuilder::new(), 0);
    by_key(&mut log, 1, ("203.0.113.7", "ops", "SHA256:his"));
    by_key(&mut log, 2, ("203.0.113.7", "eve", "SHA256:his"));
    by_key(&mut log, 3, ("10.1.1.1", "ops", "SHA256:hers"));
    let events = vec![log.0.finish().expect("schema and builders agree")];
    let found = proposal_of(events, &with_gate(), &[link("pin", "pin:x", "address=203.0.113.7")], &[]);
    let keys: Vec<&str> = found.footholds.iter().filter(|f| f.kind == "key").map(|f| f.name.as_str()).collect();
    assert_eq!(keys, ["key SHA256:his"], "the owner's own key is none of his");
    let accounts: Vec<&str> = found.footholds.iter().filter(|f| f.kind == "account").map(|f| f.name.as_str()).collect();
    assert_eq!(accounts, ["account eve of gate", "account ops of gate"]);
    check(&found, "linux_lock", "opens a session of eve", ("sign_ins", 1, 0, 0));
    check(&found, "linux_keys_move", "no key opens a session of ops", ("sign_ins", 1, 1, 0));
    check(&found, "linux_keys_move", "no key opens a session of eve", ("sign_ins", 1, 0, 0));
    let moved = |of: &str| find(&found, "linux_keys_move", of).id.clone();
    let (ops, eve) = (moved("of ops"), moved("of eve"));
    let open = |effective: &[&String]| -> Vec<i64> {
        let open = left_open(&found.footholds, &found.covers, &found.actions, &|id| effective.iter().any(|one| *one == id));
        open.iter().filter(|one| one.name.starts_with("key ")).map(|one| one.records).collect()
    };
    assert_eq!((open(&[]), open(&[&ops]), open(&[&ops, &eve])), (vec![2], vec![1], vec![]));
}

#[test]
fn who_signs_in_with_the_key_that_was_cut_is_back_whatever_the_account() {
    use strandline_model::containment::{Effect, Foothold};
    let mut log = Log(EventBatchBuilder::new(), 0);
    by_key(&mut log, 1, ("203.0.113.7", "ops", "SHA256:his"));
    by_key(&mut log, 110, ("192.0.2.9", "backup", "SHA256:his"));
    by_key(&mut log, 120, ("10.1.1.1", "ann", "SHA256:hers"));
    let cut = contained(Effect::LinuxKeysMove { account: "ops".into() }, Foothold::Key { fingerprint: "SHA256:his".into() }, 100);
    let found = since_of(log, &[], &[cut]);
    let told: Vec<(&str, &str)> = found.returns.iter().map(|row| (row.mark.as_str(), row.what.as_str())).collect();
    assert_eq!(told, [("key", "account backup from 192.0.2.9, with the SSH key that was cut")]);
}

#[test]
fn nodes_that_no_version_writes_hold_nothing_and_do_no_harm() {
    let odd = ["", "=", "session=", "session=x", "address_in_session=a in", "logon=a", "logon=@ from ", "sign_in= from @", "statements= of ", "connection="];
    let mut links: Vec<Link> = odd.iter().map(|to| link("injection_to_request", "", to)).collect();
    links.push(link("injection_to_request", "session=shop/abcd", "statements=call Find of session=shop/abcd, injected"));
    let found = proposal(ESTATE, &links, &[]);
    let call = found.footholds.iter().find(|f| f.kind == "route").expect("a call is a route");
    assert!(call.candidates == 0 && call.reason.is_some(), "{call:?}");
}

/// A request as the web server alone logs it.
fn web(log: &mut Log, seconds: i64, (address, agent, status): (&str, &str, i32)) {
    log.add("shop-web", Class::Http, Activity::Request, seconds, |e| {
        (e.src_ip, e.method, e.url) = (Some(Cow::Owned(address.to_owned())), Some("GET".into()), Some("/find".into()));
        (e.user_agent, e.status_code) = (Some(Cow::Owned(agent.to_owned())), Some(status));
    });
}

/// The same with a session and an account.
fn signed_in(log: &mut Log, seconds: i64, (address, session, account, agent, status): (&str, &str, &str, &str, i32)) {
    log.add("shop-app", Class::Http, Activity::Request, seconds, |e| {
        (e.src_ip, e.method, e.url) = (Some(Cow::Owned(address.to_owned())), Some("GET".into()), Some("/find".into()));
        (e.session, e.account) = (Some(Cow::Owned(session.to_owned())), Some(Cow::Owned(account.to_owned())));
        (e.user_agent, e.status_code) = (Some(Cow::Owned(agent.to_owned())), Some(status));
    });
}

fn contained(effect: strandline_model::containment::Effect, foothold: strandline_model::containment::Foothold, since: i64) -> crate::Contained {
    use strandline_model::containment::{Action, Notices, Undo};
    let action = Action {
        cannot_reach: vec![],
        effect,
        foothold,
        id: "A1".to_owned(),
        notices: Notices::AtOnce,
        reaches: String::new(),
        system: Some("shop".to_owned()),
        target: Some("edge".to_owned()),
        undo: Undo::Exact,
    };
    crate::Contained { plan: 1, place: 1, action, target: "edge".to_owned(), since: at(since), until: None }
}

fn since_of(mut log: Log, skews: &[strandline_model::evidence::ClockSkew], cuts: &[crate::Contained]) -> crate::Since {
    let estate: Estate = toml::from_str(ESTATE).expect("the estate is valid");
    let (links, steps) = trail();
    let (events, accesses) = (vec![log.0.finish().expect("schema and builders agree")], Vec::<RecordBatch>::new());
    let inputs = Inputs { events: &events, accesses: &accesses, links: &links, steps: &steps, splits: &[], estate: &estate };
    crate::since(&inputs, skews, cuts).expect("tables in memory can be read")
}

/// Refused, served, unclear, running.
#[track_caller]
fn check_since(found: &crate::Since, expected: (i64, i64, i64, i64)) {
    let row = &found.rows[0];
    assert_eq!((row.refused, row.served, row.unclear, row.running), expected, "{found:?}");
}

fn address_cut(since: i64) -> crate::Contained {
    use strandline_model::containment::{Effect, Foothold};
    let address = "203.0.113.7".to_owned();
    contained(Effect::WebDenyAddress { address: address.clone() }, Foothold::Address { address }, since)
}

#[test]
fn who_knocks_after_the_cut_is_counted_as_refused_and_who_is_served_is_back() {
    let mut log = Log(EventBatchBuilder::new(), 0);
    web(&mut log, 10, ("203.0.113.7", "ua", 200));
    for n in 0..14 {
        web(&mut log, 110 + n, ("203.0.113.7", "ua", 403));
    }
    web(&mut log, 130, ("203.0.113.8", "ua", 200));
    let refused = since_of(log, &[], &[address_cut(100)]);
    check_since(&refused, (14, 0, 0, 0));
    assert!(refused.returns.is_empty(), "{refused:?}");

    let mut log = Log(EventBatchBuilder::new(), 0);
    web(&mut log, 110, ("203.0.113.7", "ua", 403));
    web(&mut log, 111, ("203.0.113.7", "ua", 502));
    web(&mut log, 120, ("203.0.113.7", "ua", 200));
    // It ends after the cut, and had begun long before.
    log.add("shop-web", Class::Http, Activity::Request, 130, |e| {
        (e.src_ip, e.status_code, e.duration_micros) = (Some("203.0.113.7".into()), Some(200), Some(40_000_000));
    });
    let back = since_of(log, &[], &[address_cut(100)]);
    check_since(&back, (1, 1, 1, 1));
    assert_eq!((back.rows[0].last_served, back.rows[0].proof.len()), (Some(at(120)), 1));
}

#[test]
fn a_request_that_two_logs_tell_of_is_refused_once_and_nothing_counts_after_the_lease() {
    let mut log = Log(EventBatchBuilder::new(), 0);
    for n in 0..3 {
        web(&mut log, 110 + n, ("203.0.113.7", "ua", 403));
        signed_in(&mut log, 110 + n, ("203.0.113.7", "abcdef", "ann", "ua", 403));
    }
    web(&mut log, 170, ("203.0.113.7", "ua", 200));
    let cut = crate::Contained { until: Some(at(150)), ..address_cut(100) };
    let found = since_of(log, &[], &[cut]);
    check_since(&found, (3, 0, 0, 0));
    assert_eq!(found.returns.len(), 1, "after the lease he is served, and that is told: {found:?}");
}

#[test]
fn he_is_back_by_what_the_trail_knows_him_by_and_by_a_user_agent_that_only_he_had() {
    let mut log = Log(EventBatchBuilder::new(), 0);
    signed_in(&mut log, 10, ("203.0.113.7", "abcdef", "ann", "sqlmap/1.7", 200));
    signed_in(&mut log, 20, ("203.0.113.7", "abcdef", "ann", "Firefox", 200));
    signed_in(&mut log, 30, ("10.1.1.1", "9999aa", "ann", "Firefox", 200));
    // After the cut: the session from another address that is his; a new session of ann with his own tool; ann at work; bob with that tool.
    signed_in(&mut log, 110, ("198.51.100.1", "abcdef", "ann", "Firefox", 200));
    signed_in(&mut log, 120, ("192.0.2.99", "7777bb", "ann", "sqlmap/1.7", 200));
    signed_in(&mut log, 130, ("10.1.1.1", "6666cc", "ann", "Firefox", 200));
    signed_in(&mut log, 140, ("192.0.2.1", "5555dd", "bob", "sqlmap/1.7", 200));
    let found = since_of(log, &[], &[address_cut(100)]);
    let told: Vec<(&str, &str, bool)> = found.returns.iter().map(|row| (row.mark.as_str(), row.what.as_str(), row.is_new)).collect();
    assert_eq!(
        told,
        [
            ("trail", "session shop/abcd of ann from 198.51.100.1", true),
            ("user_agent", "session shop/7777 of ann from 192.0.2.99, with a user agent that only he had used", true),
        ]
    );
    assert!(!found.returns[0].because.is_empty() && found.returns[1].because.is_empty());
}

#[test]
fn a_clock_that_is_an_hour_off_is_set_right_where_the_evidence_tells_of_it() {
    let log = || {
        let mut log = Log(EventBatchBuilder::new(), 0);
        web(&mut log, 3_650, ("203.0.113.7", "ua", 200));
        log
    };
    check_since(&since_of(log(), &[], &[address_cut(100)]), (0, 1, 0, 0));
    let skew = strandline_model::evidence::ClockSkew {
        reference: "shop-app".to_owned(),
        source: "shop-web".to_owned(),
        skew_micros: 3_600_000_000,
        spread_micros: 0,
        pairs: 9,
    };
    check_since(&since_of(log(), &[skew], &[address_cut(100)]), (0, 0, 0, 0));
}

#[test]
fn a_refused_sign_in_of_a_role_counts_and_a_password_that_was_changed_is_not_watched_by_its_role() {
    use strandline_model::containment::{Effect, Foothold};
    let foothold = Foothold::RoleAtHost { host: "10.9.0.5".to_owned(), role: "report".to_owned(), system: "db".to_owned() };
    let cut = |effect| {
        let mut cut = contained(effect, foothold.clone(), 100);
        cut.action.system = Some("db".to_owned());
        cut
    };
    let mut log = Log(EventBatchBuilder::new(), 0);
    log.add("db-log", Class::Authentication, Activity::Logon, 110, |e| {
        (e.src_ip, e.account, e.status) = (Some("10.9.0.5".into()), Some("report".into()), strandline_model::event::Status::Failure);
    });
    log.statement(120, ("10.9.0.5", "report", "c9"));
    let reject = Effect::PostgresHbaReject { address: "10.9.0.5".to_owned(), role: "report".to_owned() };
    let found = since_of(log, &[], &[cut(reject), cut(Effect::PostgresPassword { role: "report".to_owned() })]);
    check_since(&found, (1, 1, 0, 0));
    assert_eq!(found.rows.len(), 1, "who comes with the new password may be its owner");
}
