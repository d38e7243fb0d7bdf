//! The law of conservation on made-up applications at work: whatever ran while a request of the actor was in progress is in
//! exactly one part of its split, what is his or open is an access, and nothing that he did is taken for somebody else's.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::access::Access;
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, RecordKind};
use strandline_model::evidence::Coverage;
use strandline_model::time::Instant;
use strandline_model::trail::{Split, Strength};
use strandline_trace::{Inputs, Trail, trace};
use support::{Owned, place, some, table};

const ESTATE: &str = r#"
[organisation]
name = { en = "Clinic" }
time_zone = "Europe/Vienna"
[[system]]
id = "ward"
name = "Ward"
addresses = ["172.16.0.5"]
roles = ["ward_app"]
[[source]]
id = "db"
system = "db"
path = ["db.csv"]
format = "postgresql"
"#;
const BAD: &str = "198.51.100.9";
/// Requests of a world.
const REQUESTS: usize = 400;
/// The world's length: with so many requests of up to 400 ms, some two run at a time.
const MILLIS: u64 = 40_000;

/// Numbers that look random and are the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// How an application takes its connections.
#[derive(Clone, Copy, Debug)]
enum Pool {
    /// Any connection for each statement.
    ByStatement,
    /// One connection for the whole of a request.
    ByRequest,
    /// The same, and the log stamps to the second and numbers nothing, as MariaDB's general log.
    Coarse,
    /// One connection and one transaction for the whole of a request.
    ByTransaction,
    /// Request ids in the statements.
    WithIds,
    /// Ids in the statements that no log of requests knows.
    WithStrangeIds,
    /// Any connection for each statement, which stands in a transaction of its own that BEGIN begins.
    ByShortTransaction,
    /// Any connection for each statement; the web server stamps to the second, and the application logs how long a request took, but not whose.
    Faceless,
}

/// A statement that ran.
struct Ran {
    /// Its place in the evidence.
    id: String,
    at: i64,
    /// Text and values: two that are the same show the same.
    content: String,
    /// Whether the actor caused it.
    is_own: bool,
}

/// A world, and what is true in it.
struct World {
    events: Vec<Owned>,
    statements: Vec<Ran>,
    /// Begin and end of each of the actor's requests.
    own: Vec<(i64, i64)>,
    /// What caches gave the actor: it was shown, though no statement of his ran.
    cached: BTreeSet<String>,
}

impl World {
    /// The beginning of the next statement's transaction.
    fn begin(&mut self, at: i64, is_own: bool, connection: &str) {
        let offset = self.events.len();
        let mut e = Event::new(Instant(at), Class::Datastore, Activity::Query, place("db", offset, 1));
        (e.source, e.system, e.time_precision_micros) = ("db".into(), "db".into(), 1000);
        (e.session, e.src_ip, e.account, e.statement) = (some(connection), some("172.16.0.5"), some("ward_app"), some("BEGIN"));
        (e.sequence, e.record_kind, e.transaction) = (Some(offset as i64), Some(RecordKind::Statement), some(&format!("3/{offset}")));
        self.statements.push(Ran { id: format!("db@{offset}"), at, content: "BEGIN".to_owned(), is_own });
        self.events.push(e);
    }

    /// What the logs tell of the n-th request when it was answered.
    fn answer(&mut self, pool: Pool, n: usize, (begin, takes): (i64, i64), (address, session): (String, String), url: &str) {
        let end = begin + takes;
        let mut e = Event::new(Instant(end), Class::Http, Activity::Request, place("web", self.events.len(), 1));
        (e.source, e.system, e.time_precision_micros) = ("web".into(), "ward".into(), 1000);
        (e.src_ip, e.account, e.session, e.method, e.url) = (some(&address), some("nurse"), some(&session), some("GET"), some(url));
        (e.status_code, e.duration_micros, e.request_id) = (Some(200), Some(takes), some(&format!("r{n}")));
        if matches!(pool, Pool::Faceless) {
            let mut own_log = e.clone();
            (own_log.source, own_log.request_id, own_log.place) = ("app".into(), None, place("app", self.events.len(), 1));
            (own_log.src_ip, own_log.account, own_log.session) = (None, None, None);
            (e.duration_micros, e.request_id, e.time_precision_micros) = (None, None, 1_000_000);
            e.time = Instant(end - end % 1_000_000);
            self.events.push(own_log);
        }
        self.events.push(e);
    }
}

/// A statement that a request runs, with its values.
fn statements_of(kind: u64, id: u64, page: u64, dice: &mut Dice) -> Vec<(String, Vec<String>)> {
    let row = dice.below(900);
    let notes = |row: u64| ("SELECT text FROM note WHERE patient_no = $1".to_owned(), vec![row.to_string()]);
    let patient = ("SELECT name FROM patient WHERE id = $1".to_owned(), vec![format!("P{id:04}")]);
    let settings = ("SELECT value FROM setting WHERE name = 'look'".to_owned(), vec![]);
    match kind {
        0 => vec![settings, patient, notes(row)],
        1 if page == 1 => vec![settings, ("SELECT id, name FROM patient ORDER BY id LIMIT 50".to_owned(), vec![])],
        1 => vec![settings, ("SELECT id, name FROM patient ORDER BY id LIMIT 50 OFFSET $1".to_owned(), vec![((page - 1) * 50).to_string()])],
        2 => (0..1 + dice.below(6)).map(|_| notes(dice.below(900))).collect(),
        _ => {
            let all = [settings, patient, notes(row), ("SELECT id, name FROM patient ORDER BY id LIMIT 50".to_owned(), vec![])];
            all.into_iter().filter(|_| dice.one_in(2)).collect()
        }
    }
}

/// The record of a statement of the n-th request.
fn statement(pool: Pool, n: usize, (at, offset): (i64, usize), lane: &str, (text, values): (&str, &[String])) -> Owned {
    let mut e = Event::new(Instant(at), Class::Datastore, Activity::Read, place("db", offset, 1));
    (e.source, e.system, e.time_precision_micros) = ("db".into(), "db".into(), 1000);
    (e.session, e.src_ip, e.account, e.database, e.statement) = (some(lane), some("172.16.0.5"), some("ward_app"), some("patients"), some(text));
    e.parameters = Some(values.iter().map(|value| some(value)).collect());
    (e.row_count, e.sequence, e.record_kind) = (Some(1), Some(offset as i64), Some(RecordKind::PgauditSession));
    if matches!(pool, Pool::Coarse) {
        (e.time, e.time_precision_micros) = (Instant(at - at % 1_000_000), 1_000_000);
        (e.sequence, e.row_count, e.record_kind) = (None, None, Some(RecordKind::MysqlGeneral));
    }
    e.transaction = matches!(pool, Pool::ByTransaction).then(|| some(&format!("3/{n}"))).flatten();
    if matches!(pool, Pool::ByShortTransaction) {
        (e.session, e.transaction) = (some(&format!("c{}", n % 3)), some(&format!("3/{}", offset - 1)));
    }
    e.request_id = match pool {
        Pool::WithIds => some(&format!("r{n}")),
        Pool::WithStrangeIds => some(&format!("trace-{n}")),
        _ => None,
    };
    e
}

fn world(pool: Pool, seed: u64) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
    let mut world = World { events: Vec::new(), statements: Vec::new(), own: Vec::new(), cached: BTreeSet::new() };
    // One in eight seeds is a world in which the actor's kind of request is nobody else's.
    let is_rare = dice.one_in(8);
    for n in 0..REQUESTS {
        let who = dice.below(12);
        let is_own = who == 0;
        let begin = 1_000_000 + dice.below(MILLIS) as i64 * 1000;
        let takes = 20_000 + dice.below(380) as i64 * 1000;
        let kind = if is_own && is_rare { 4 } else { dice.below(4) };
        // So many people that two requests of one second seldom ask for the same.
        let (id, page) = (dice.below(20_000), 1 + dice.below(6));
        let url = match kind {
            0 => format!("/patient/P{id:04}"),
            1 if page == 1 => "/patients".to_owned(),
            1 => format!("/patients?page={page}"),
            2 => "/report/monthly".to_owned(),
            3 => "/rpc".to_owned(),
            _ => format!("/hidden/{}", ["a", "b", "c"][(id % 3) as usize]),
        };
        if is_own {
            world.own.push((begin, begin + takes));
        }
        let connection = match pool {
            Pool::ByRequest | Pool::Coarse | Pool::ByTransaction => format!("c{n}"),
            _ => String::new(),
        };
        let mut at = begin + 1_000;
        for (text, values) in statements_of(kind, id, page, &mut dice) {
            let content = format!("{text} {values:?}");
            if dice.one_in(7) {
                // It came out of a cache.
                if is_own {
                    world.cached.insert(content);
                }
                continue;
            }
            at += 100 + dice.below((begin + takes - at - 1_000).max(200) as u64 / 4) as i64;
            if matches!(pool, Pool::ByShortTransaction) {
                world.begin(at - 50, is_own, &format!("c{}", n % 3));
            }
            let offset = world.events.len();
            let lane = if connection.is_empty() { format!("c{}", dice.below(3)) } else { connection.clone() };
            let e = statement(pool, n, (at, offset), &lane, (&text, &values));
            world.statements.push(Ran { id: format!("db@{offset}"), at, content, is_own });
            world.events.push(e);
        }
        let caller = if is_own { (BAD.to_owned(), "stolen".to_owned()) } else { (format!("10.0.0.{who}"), format!("s{who}")) };
        world.answer(pool, n, (begin, takes), caller, &url);
    }
    world
}

fn run(world: &World) -> (Trail, Vec<Access>) {
    let estate: Estate = toml::from_str(ESTATE).unwrap();
    let (events, coverage) = (table(world.events.clone()), Coverage::default());
    let pins = ["address=198.51.100.9".parse().unwrap()];
    let inputs = Inputs { events: &events, detections: &[], coverage: &coverage, estate: &estate, pins: &pins, decisions: &[], window: None };
    let mut accesses = Vec::new();
    let trail = trace(&inputs, &mut |chunk| {
        accesses.extend(chunk);
        Ok(())
    })
    .unwrap();
    (trail, accesses)
}

/// The part of each statement, by its place; fails where one is in two.
fn parts(splits: &[Split]) -> BTreeMap<String, usize> {
    let mut parts = BTreeMap::new();
    for split in splits {
        for (part, list) in [&split.own_statements, &split.others_statements, &split.open_statements].into_iter().enumerate() {
            for event in list {
                let id = format!("{}@{}", event.artefact.0, event.offset);
                assert_eq!(*parts.entry(id.clone()).or_insert(part), part, "{id} is in two parts");
            }
        }
        let listed = split.own_statements.len() + split.others_statements.len() + split.open_statements.len();
        let counted = split.own_proved + split.own_inferred + split.others_proved + split.others_inferred + split.struck + split.open;
        assert_eq!(counted, listed as i64, "each is counted once");
    }
    parts
}

fn check(pool: Pool, seed: u64) -> [usize; 5] {
    let world = world(pool, seed);
    let (trail, accesses) = run(&world);
    let parts = parts(&trail.splits);
    assert_eq!(trail.splits.len(), world.own.len());
    assert_eq!(trail.division.total(), parts.len() as i64);
    let strengths: BTreeMap<&str, Strength> = accesses.iter().filter(|a| !a.proof.is_empty()).map(|a| (a.id.as_str(), a.strength)).collect();
    let own_contents: BTreeSet<&str> = world.statements.iter().filter(|ran| ran.is_own).map(|ran| ran.content.as_str()).collect();
    let kept: BTreeSet<&str> =
        world.statements.iter().filter(|ran| parts.get(&ran.id).is_some_and(|part| *part != 1)).map(|ran| ran.content.as_str()).collect();
    let (mut lost, mut wrong) = (0, 0);
    for Ran { id, at, content, is_own } in &world.statements {
        let during = world.own.iter().any(|(begin, end)| (*begin..=*end).contains(at));
        let part = parts.get(id).copied();
        assert!(!during || part.is_some(), "{pool:?} {seed}: {id} ran during a request of the actor and is in no part");
        let strength = strengths.get(id.as_str()).copied();
        match part {
            Some(0) if content == "BEGIN" => {}
            Some(2) if content == "BEGIN" => {}
            Some(0) => assert!(strength >= Some(Strength::Inferred), "{pool:?} {seed}: {id} is the actor's and no access"),
            Some(1) | None => assert_eq!(strength, None, "{pool:?} {seed}: {id} is somebody else's and an access"),
            _ => assert_eq!(strength, Some(Strength::Open), "{pool:?} {seed}: {id} is open and no possible access"),
        }
        lost += usize::from(*is_own && !kept.contains(content.as_str()));
        wrong += usize::from(part == Some(0) && !is_own && !own_contents.contains(content.as_str()));
        let is_proved = strength == Some(Strength::Proved);
        let is_shown = own_contents.contains(content.as_str()) || world.cached.contains(content);
        assert!(!is_proved || is_shown, "{pool:?} {seed}: {id} is proved to be the actor's and showed him nothing");
    }
    let d = trail.division;
    [lost, (d.own_proved + d.own_inferred) as usize, (d.others_proved + d.others_inferred) as usize, d.open as usize, wrong]
}

/// Nothing that ran during the actor's requests is lost, and little of what is taken for his is somebody else's.
fn conserves(pool: Pool) {
    let mut sums = [0; 5];
    for seed in 0..60 {
        for (sum, count) in sums.iter_mut().zip(check(pool, seed)) {
            *sum += count;
        }
    }
    eprintln!("{pool:?}: lost, own, others, open, of own not his: {sums:?}");
    assert_eq!(sums[0], 0, "{pool:?}: statements of the actor were taken for others'");
    assert!(25 * sums[4] <= sums[1], "{pool:?}: of what was taken for the actor's, more than one in 25 is somebody else's");
}

#[test]
fn requests_that_take_any_connection() {
    conserves(Pool::ByStatement);
}

#[test]
fn requests_with_a_connection_of_their_own() {
    conserves(Pool::ByRequest);
}

#[test]
fn stamps_to_the_second() {
    conserves(Pool::Coarse);
}

#[test]
fn requests_that_are_one_transaction() {
    conserves(Pool::ByTransaction);
}

#[test]
fn request_ids_in_statements() {
    conserves(Pool::WithIds);
}

#[test]
fn request_ids_that_no_log_knows() {
    conserves(Pool::WithStrangeIds);
}

#[test]
fn statements_in_short_transactions() {
    conserves(Pool::ByShortTransaction);
}

#[test]
fn an_application_that_logs_requests_and_nobody() {
    conserves(Pool::Faceless);
}
