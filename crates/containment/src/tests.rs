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
    let estate: Estate = toml::from_str(estate).expect("the estate is valid");
    let (events, accesses) = (log(), Vec::<RecordBatch>::new());
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

#[test]
fn nodes_that_no_version_writes_hold_nothing_and_do_no_harm() {
    let odd = ["", "=", "session=", "session=x", "address_in_session=a in", "logon=a", "logon=@ from ", "sign_in= from @", "statements= of ", "connection="];
    let mut links: Vec<Link> = odd.iter().map(|to| link("injection_to_request", "", to)).collect();
    links.push(link("injection_to_request", "session=shop/abcd", "statements=call Find of session=shop/abcd, injected"));
    let found = proposal(ESTATE, &links, &[]);
    let call = found.footholds.iter().find(|f| f.kind == "route").expect("a call is a route");
    assert!(call.candidates == 0 && call.reason.is_some(), "{call:?}");
}
