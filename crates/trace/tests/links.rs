//! Each link rule on events made by hand: what it must follow, and what it must leave alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod support;

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::detection::{Decision, Detection, DetectionOrigin, Level, SubjectKind, Verdict};
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, RecordKind, Secrets, Status};
use strandline_model::evidence::{ClockSkew, Coverage, Gap, GapKind};
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::{OpenQuestion, Pin, Strength};
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
[[database]]
id = "patients"
system = "ward"
[[route]]
system = "ward"
path = "/patient/{id}"
database = "patients"
reads = "SELECT name FROM patient WHERE id = :id"
[[route]]
system = "ward"
path = "/patient/find"
database = "patients"
reads = "SELECT name FROM patient WHERE unit = :unit"
[[trusted]]
role = "backup"
reason = "nightly"
"#;
const BAD: &str = "198.51.100.9";
const SECOND_MICROS: i64 = 1_000_000;

/// A day at the clinic, being written.
#[derive(Default)]
struct Day {
    events: Vec<Owned>,
    coverage: Coverage,
    decisions: Vec<Decision>,
    detections: Vec<Detection>,
    skew: i64,
    precision: Option<i32>,
}

impl Day {
    fn event(&mut self, micros: i64, class: Class, activity: Activity, source: &'static str) -> &mut Owned {
        let mut event = Event::new(Instant(micros), class, activity, place(source, self.events.len(), 1));
        event.source = source.into();
        event.system = if source == "db" { "db" } else { "ward" }.into();
        event.time_precision_micros = 1000;
        self.events.push(event);
        self.events.last_mut().unwrap()
    }

    fn request(&mut self, micros: i64, address: &str, account: &str, session: &str, url: &str) {
        let precision = self.precision.unwrap_or(1000);
        let written = micros / i64::from(precision) * i64::from(precision);
        let e = self.event(written, Class::Http, Activity::Request, "web");
        (e.src_ip, e.account, e.session, e.method, e.url) = (some(address), some(account), some(session), some("GET"), some(url));
        (e.status_code, e.duration_micros, e.time_precision_micros) = (Some(200), Some(20_000), precision);
    }

    fn statement(&mut self, micros: i64, connection: &str, host: &str, role: &str, text: &str, parameters: &[&str]) {
        let (micros, sequence) = (micros + self.skew, self.events.len() as i64);
        let e = self.event(micros, Class::Datastore, Activity::Read, "db");
        (e.session, e.src_ip, e.account, e.database, e.statement) = (some(connection), some(host), some(role), some("patients"), some(text));
        e.parameters = Some(parameters.iter().map(|p| some(p)).collect());
        (e.row_count, e.sequence, e.record_kind) = (Some(1), Some(sequence), Some(RecordKind::PgauditSession));
    }

    /// A request for one patient, and its statement in the middle of it.
    fn patient(&mut self, micros: i64, address: &str, account: &str, session: &str, id: &str) {
        self.statement(micros - 10_000, "pool", "172.16.0.5", "ward_app", "SELECT name FROM patient WHERE id = $1", &[id]);
        self.request(micros, address, account, session, &format!("/patient/{id}"));
    }

    /// Enough lawful work to learn from.
    fn lawful(&mut self) {
        for n in 0..40 {
            let who = n % 4;
            self.patient((n + 1) * 7 * SECOND_MICROS, &format!("10.0.0.{who}"), &format!("nurse{who}"), &format!("s{who}"), &format!("P{}", 500 + n * 3));
        }
    }

    fn run(&self, pins: &[&str]) -> (Trail, Vec<Access>) {
        let estate: Estate = toml::from_str(ESTATE).unwrap();
        let pins: Vec<Pin> = pins.iter().map(|p| p.parse().unwrap()).collect();
        let table = table(self.events.clone());
        let inputs = Inputs {
            events: &table,
            detections: &self.detections,
            coverage: &self.coverage,
            estate: &estate,
            pins: &pins,
            decisions: &self.decisions,
            window: None,
        };
        let mut accesses = Vec::new();
        let trail = trace(&inputs, &mut |chunk| {
            accesses.extend(chunk);
            Ok(())
        })
        .unwrap();
        (trail, accesses)
    }
}

/// The patients read, with strength and completion's kind, in order.
fn check(day: &Day, pins: &[&str], expected: &[(&str, Strength, AccessKind)]) -> Trail {
    let (trail, accesses) = day.run(pins);
    let have: Vec<(&str, Strength, AccessKind)> =
        accesses.iter().map(|a| (a.parameters.first().and_then(|p| p.as_deref()).unwrap_or("-"), a.strength, a.kind)).collect();
    assert_eq!(have, expected, "{:?} {:?}", trail.links, trail.notes);
    trail
}

const PROVED: (Strength, AccessKind) = (Strength::Proved, AccessKind::Statement);

fn proved(id: &'static str) -> (&'static str, Strength, AccessKind) {
    (id, PROVED.0, PROVED.1)
}

#[test]
fn the_owner_at_work_elsewhere_is_left_alone() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.patient(101 * SECOND_MICROS + 500_000, "10.0.0.1", "nurse1", "s1", "P901");
    let trail = check(&day, &["address=198.51.100.9"], &[proved("P900")]);
    assert_eq!(trail.actor.stolen_accounts, ["nurse1"]);
}

#[test]
fn a_session_that_moves_takes_its_new_address_along() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.patient(103 * SECOND_MICROS, "192.0.2.7", "nurse1", "stolen", "P902");
    let trail = check(&day, &["address=198.51.100.9"], &[proved("P900"), proved("P902")]);
    assert_eq!(trail.actor.addresses, ["192.0.2.7", BAD]);
}

#[test]
fn a_session_that_moves_to_a_colleagues_address_takes_only_itself() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.patient(103 * SECOND_MICROS, "10.0.0.2", "nurse1", "stolen", "P902");
    let trail = check(&day, &["address=198.51.100.9"], &[proved("P900"), proved("P902")]);
    assert_eq!(trail.actor.addresses_in_sessions, ["10.0.0.2"]);
}

#[test]
fn a_stolen_cookie_leaves_its_owners_part_to_the_owner() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "s1", "P900");
    check(&day, &["address=198.51.100.9"], &[proved("P900")]);
}

#[test]
fn a_shared_address_is_not_an_identity() {
    let mut day = Day::default();
    for who in 0..5 {
        day.patient((who + 1) * SECOND_MICROS, "192.0.2.1", &format!("nurse{who}"), &format!("s{who}"), &format!("P{who}"));
    }
    let trail = check(&day, &["address=192.0.2.1"], &[]);
    assert!(trail.notes.iter().any(|n| n.contains("5 accounts")));
}

#[test]
fn two_users_of_one_pool_at_the_same_millisecond_are_told_apart_by_value() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.patient(101 * SECOND_MICROS, "10.0.0.2", "nurse2", "s2", "P555");
    check(&day, &["address=198.51.100.9"], &[proved("P900")]);
}

#[test]
fn stamps_to_the_second_are_enough_where_values_tell() {
    let mut day = Day { precision: Some(1_000_000), ..Day::default() };
    day.lawful();
    day.patient(101 * SECOND_MICROS + 400_000, BAD, "nurse1", "stolen", "P900");
    day.patient(101 * SECOND_MICROS + 600_000, "10.0.0.2", "nurse2", "s2", "P555");
    check(&day, &["address=198.51.100.9"], &[proved("P900")]);
}

#[test]
fn a_clock_90_seconds_off_is_allowed_for() {
    for known in [true, false] {
        let mut day = Day { skew: 90 * SECOND_MICROS, ..Day::default() };
        if known {
            day.coverage.skews.push(ClockSkew {
                reference: "web".into(),
                source: "db".into(),
                skew_micros: 90 * SECOND_MICROS,
                spread_micros: 2000,
                pairs: 40,
            });
        }
        day.lawful();
        day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
        check(&day, &["address=198.51.100.9"], &[proved("P900")]);
    }
}

#[test]
fn without_a_statement_the_estates_route_says_what_was_read() {
    let mut day = Day::default();
    day.lawful();
    day.request(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "/patient/P900");
    check(&day, &["address=198.51.100.9"], &[("P900", Strength::Proved, AccessKind::Route)]);
}

#[test]
fn a_path_that_a_route_names_whole_is_no_value_of_another() {
    let mut day = Day::default();
    day.lawful();
    day.request(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "/patient/find?unit=W3");
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<_> = accesses.iter().map(|a| (a.statement.as_str(), a.parameters.clone(), a.routes.clone())).collect();
    assert_eq!(
        have,
        [("SELECT name FROM patient WHERE unit = $1", vec![Some("W3".to_owned())], Some(vec!["ward GET /patient/find".to_owned()]))],
        "the order of the estate does not matter"
    );
}

#[test]
fn without_a_statement_and_a_route_others_of_its_kind_say_what_was_read() {
    let mut day = with_search();
    day.request(150 * SECOND_MICROS, BAD, "nurse1", "stolen", "/notes?q=it%27s");
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<_> = accesses.iter().map(|a| (a.statement.as_str(), a.kind, a.parameters_known, a.proof.len(), a.delivery.len())).collect();
    assert_eq!(have, [("SELECT id FROM note WHERE body LIKE '%it''s%' LIMIT 9", AccessKind::Route, true, 0, 1)]);
    assert!(accesses[0].reason.contains("other requests of its kind"), "{}", accesses[0].reason);
}

#[test]
fn while_the_databases_log_is_missing_an_unknown_request_may_have_read_anything() {
    let mut day = Day::default();
    day.lawful();
    for url in ["/portrait/P7", "/assets/app.3f2a.js"] {
        day.request(150 * SECOND_MICROS, BAD, "nurse1", "stolen", url);
    }
    assert!(day.run(&["address=198.51.100.9"]).1.is_empty(), "the log is there, and has no statement");
    day.coverage.gaps.push(Gap {
        source: "db".into(),
        system: "db".into(),
        artefact: None,
        kind: GapKind::Absent,
        interval: Interval { from: Instant(149 * SECOND_MICROS), to: Instant(151 * SECOND_MICROS) },
        missing: None,
        reason: String::new(),
        evidence: vec![],
    });
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<_> = accesses.iter().map(|a| (a.statement.as_str(), a.kind, a.parameters_known, a.delivery.len())).collect();
    assert_eq!(have, [("", AccessKind::Route, false, 1)]);
}

#[test]
fn a_statement_stamped_to_the_second_ran_within_that_second() {
    let mut day = Day::default();
    day.lawful();
    for n in 0..20 {
        let at = (n + 1) * 5 * SECOND_MICROS + 950_000;
        day.request(at, "10.0.0.3", "nurse3", "s3", &format!("/chart/C{n}"));
        day.statement(at - 950_000, "pool", "172.16.0.5", "ward_app", &format!("SELECT body FROM chart WHERE id = 'C{n}'"), &[]);
        day.events.last_mut().unwrap().time_precision_micros = 1_000_000;
    }
    day.request(150 * SECOND_MICROS + 970_000, BAD, "nurse1", "stolen", "/chart/C7");
    day.statement(150 * SECOND_MICROS, "pool", "172.16.0.5", "ward_app", "SELECT body FROM chart WHERE id = 'C7'", &[]);
    day.events.last_mut().unwrap().time_precision_micros = 1_000_000;
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<_> = accesses.iter().map(|a| (a.statement.as_str(), a.kind, a.strength)).collect();
    assert_eq!(have, [("SELECT body FROM chart WHERE id = 'C7'", AccessKind::Statement, Strength::Proved)]);
}

fn pivot(role: &str, before: bool) -> Day {
    let mut day = Day::default();
    day.lawful();
    if before {
        day.statement(SECOND_MICROS, "earlier", "172.16.0.5", role, "SELECT 1", &[]);
    }
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.statement(110 * SECOND_MICROS, "direct", "172.16.0.5", role, "SELECT * FROM patient WHERE ward = $1", &["W1"]);
    day
}

#[test]
fn a_role_never_used_from_a_reached_host_is_the_actors() {
    let inferred = ("W1", Strength::Inferred, AccessKind::Statement);
    check(&pivot("report", false), &["address=198.51.100.9"], &[proved("P900"), inferred]);
    check(&pivot("report", true), &["address=198.51.100.9"], &[proved("P900")]);
    check(&pivot("backup", false), &["address=198.51.100.9"], &[proved("P900")]);
}

#[test]
fn a_struck_link_takes_along_what_hangs_on_it_and_a_confirmed_one_proves_it() {
    let mut day = pivot("report", false);
    let trail = day.run(&["address=198.51.100.9"]).0;
    let id = trail.links.iter().find(|l| l.rule == "host_to_connection").unwrap().id.clone();
    let decide = |verdict| vec![Decision { target: id.clone(), verdict, decided_by: "responder".into(), decided_at: Instant(0), reason: None }];
    day.decisions = decide(Verdict::Struck);
    let trail = check(&day, &["address=198.51.100.9"], &[proved("P900")]);
    assert!(trail.links.iter().any(|l| l.id == id && l.verdict.as_deref() == Some("struck")));
    day.decisions = decide(Verdict::Confirmed);
    check(&day, &["address=198.51.100.9"], &[proved("P900"), proved("W1")]);
}

fn with_search() -> Day {
    let mut day = Day::default();
    day.lawful();
    for n in 0..20 {
        let at = (n + 1) * 5 * SECOND_MICROS + 300_000;
        day.statement(at - 10_000, "pool", "172.16.0.5", "ward_app", &format!("SELECT id FROM note WHERE body LIKE '%word{n}%' LIMIT 9"), &[]);
        day.request(at, "10.0.0.3", "nurse3", "s3", &format!("/notes?q=word{n}"));
    }
    day
}

#[test]
fn injected_sql_is_found_in_the_request_that_carried_it() {
    let mut day = with_search();
    let at = 150 * SECOND_MICROS;
    day.statement(at - 10_000, "pool", "172.16.0.5", "ward_app", "SELECT id FROM note WHERE body LIKE '%x' UNION SELECT name FROM patient --%' LIMIT 9", &[]);
    day.request(at, BAD, "nurse1", "stolen", "/notes?q=x%27+UNION+SELECT+name+FROM+patient+--");
    let trail = check(&day, &["address=198.51.100.9"], &[proved("-")]);
    assert!(trail.steps.iter().any(|s| s.technique == "T1190" && s.exploited.as_deref() == Some("SQL injection in GET /notes, parameter q")));
}

#[test]
fn a_pinned_account_is_followed_and_its_colleagues_are_not() {
    let mut day = Day::default();
    day.patient(SECOND_MICROS, "10.0.0.1", "nurse1", "a", "P1");
    day.patient(2 * SECOND_MICROS, "10.0.0.1", "nurse2", "b", "P2");
    day.patient(3 * SECOND_MICROS, "10.0.0.9", "nurse1", "c", "P3");
    let (_, accesses) = day.run(&["account=nurse1"]);
    let read: Vec<_> = accesses.iter().filter_map(|a| a.parameters[0].as_deref()).collect();
    assert_eq!(read, ["P1", "P3"]);
}

#[test]
fn in_a_gap_the_count_goes_on_and_the_rest_stays_open() {
    let mut day = Day::default();
    day.lawful();
    for n in 0..30 {
        day.patient(400 * SECOND_MICROS + n * 50_000, BAD, "nurse1", "stolen", &format!("P{}", 900 + n));
    }
    let gap = Interval { from: Instant(401_450_000), to: Instant(411_450_000) };
    for n in 30..35 {
        day.statement(
            400 * SECOND_MICROS + n * 50_000 - 10_000,
            "pool",
            "172.16.0.5",
            "ward_app",
            "SELECT name FROM patient WHERE id = $1",
            &[&format!("P{}", 900 + n)],
        );
    }
    day.statement(405 * SECOND_MICROS, "pool", "172.16.0.5", "ward_app", "SELECT name FROM patient WHERE id = $1", &["P77"]);
    day.coverage.gaps.push(Gap {
        source: "web".into(),
        system: "ward".into(),
        artefact: None,
        kind: GapKind::Silence,
        interval: gap,
        missing: None,
        reason: "silence".into(),
        evidence: vec![],
    });
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let of = |strength| accesses.iter().filter(|a| a.strength == strength).map(|a| a.parameters[0].clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(of(Strength::Inferred), ["P930", "P931", "P932", "P933", "P934"]);
    assert_eq!(of(Strength::Open), ["P77"]);
    assert_eq!(of(Strength::Proved).len(), 30);
}

/// Lines that could not be read were passed over, and whoever the requests in them had read stood in no tier.
#[test]
fn what_nothing_explains_beside_a_line_that_cannot_be_read_is_open() {
    let mut day = Day::default();
    day.lawful();
    // His first request is the torn one; those that can be read stand behind it.
    day.statement(400 * SECOND_MICROS, "pool", "172.16.0.5", "ward_app", "SELECT name FROM patient WHERE id = $1", &["P77"]);
    for n in 1..3 {
        day.patient((400 + 5 * n) * SECOND_MICROS, BAD, "nurse1", "stolen", &format!("P{}", 900 + n));
    }
    day.coverage.gaps.push(Gap {
        source: "web".into(),
        system: "ward".into(),
        artefact: None,
        kind: GapKind::Refused,
        interval: Interval { from: Instant(399 * SECOND_MICROS), to: Instant(406 * SECOND_MICROS) },
        missing: Some(1),
        reason: "torn".into(),
        evidence: vec![],
    });
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let of = |strength| accesses.iter().filter(|a| a.strength == strength).map(|a| a.parameters[0].clone().unwrap()).collect::<Vec<_>>();
    assert_eq!((of(Strength::Open), of(Strength::Proved)), (vec!["P77".to_owned()], vec!["P901".to_owned(), "P902".to_owned()]));
}

#[test]
fn without_pins_two_medium_detections_start_a_trail_and_one_does_not() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    let detection = |rule: &str| Detection {
        id: rule.into(),
        origin: DetectionOrigin::Analytic,
        rule: rule.into(),
        title: rule.into(),
        level: Level::Medium,
        techniques: vec![],
        subject_kind: SubjectKind::Address,
        subject: BAD.into(),
        system: "ward".into(),
        first: Instant(0),
        last: Instant::MAX,
        event_count: 1,
        reason: "by hand".into(),
        related: vec![],
        events: vec![],
    };
    day.detections = vec![detection("scanning")];
    let alone = check(&day, &[], &[]);
    assert!(alone.notes.iter().any(|note| note.contains("is not part of the trail: confirm it")), "{:?}", alone.notes);
    day.detections.push(detection("id_enumeration"));
    let both = check(&day, &[], &[proved("P900")]);
    assert!(!both.notes.iter().any(|note| note.contains("not part of the trail")), "{:?}", both.notes);
    // Nobody said that they are right: the trail says so, until somebody does.
    let is_named = |trail: &Trail| !trail.open.iter().any(|question| matches!(question, OpenQuestion::NobodyNamed { .. }));
    assert!(both.notes.iter().any(|note| note.contains("begins with scanning (scanning: ") && note.contains("; id_enumeration (")), "{:?}", both.notes);
    assert!(!is_named(&both));
    assert!(is_named(&day.run(&["address=198.51.100.9"]).0));
    day.decisions = vec![Decision { target: "scanning".into(), verdict: Verdict::Confirmed, decided_by: "R".into(), decided_at: Instant(1), reason: None }];
    assert!(is_named(&check(&day, &[], &[proved("P900")])));
}

#[test]
fn records_of_one_execution_are_one_access_and_an_error_fails_it() {
    let mut day = pivot("report", false);
    let copy = |day: &mut Day, micros, kind, rows: Option<i64>, activity| {
        day.statement(micros, "direct", "172.16.0.5", "report", "COPY (SELECT name FROM patient) TO STDOUT", &[]);
        let e = day.events.last_mut().unwrap();
        (e.record_kind, e.row_count, e.activity, e.parameters) = (Some(kind), rows, activity, None);
        e.statement_id = (kind == RecordKind::PgauditSession).then_some(8);
        e.status = Status::Unknown;
    };
    for (n, (kind, rows)) in
        [(RecordKind::Statement, None), (RecordKind::PgauditSession, Some(70)), (RecordKind::PgauditSession, Some(0))].into_iter().enumerate()
    {
        copy(&mut day, 120 * SECOND_MICROS + n as i64, kind, rows, Activity::Read);
    }
    copy(&mut day, 130 * SECOND_MICROS, RecordKind::Statement, None, Activity::Read);
    copy(&mut day, 130 * SECOND_MICROS + 1, RecordKind::ErrorContext, None, Activity::Error);
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<_> = accesses.iter().skip(2).map(|a| (a.proof.len(), a.row_count, a.completion)).collect();
    assert_eq!(have, [(3, Some(70), Completion::Completed), (2, None, Completion::Failed)]);
}

#[test]
fn a_statement_that_is_tried_again_after_an_error_is_an_access_of_its_own() {
    let check = |records: &[(i64, RecordKind, Option<i64>)], expected: &[Completion]| {
        let mut day = pivot("report", false);
        for (micros, kind, rows) in records {
            day.statement(120 * SECOND_MICROS + micros, "direct", "172.16.0.5", "report", "SELECT name FROM patient", &[]);
            let e = day.events.last_mut().unwrap();
            (e.record_kind, e.row_count, e.parameters, e.statement_id, e.status) = (Some(*kind), *rows, None, None, Status::Unknown);
            if *kind == RecordKind::ErrorRunning {
                (e.activity, e.status) = (Activity::Error, Status::Failure);
            }
        }
        let (_, accesses) = day.run(&["address=198.51.100.9"]);
        assert_eq!(accesses.iter().skip(2).map(|a| a.completion).collect::<Vec<_>>(), expected, "{records:?}");
    };
    let (error, audited) = ((0, RecordKind::ErrorRunning, None), (9_000, RecordKind::PgauditSession, Some(41)));
    check(&[error, audited], &[Completion::Failed, Completion::Completed]);
    check(&[error, (0, RecordKind::PgauditSession, Some(41))], &[Completion::Failed, Completion::Completed]);
    check(&[error, (9_000, RecordKind::Duration, None)], &[Completion::Failed, Completion::Completed]);
    check(&[error, (0, RecordKind::PgauditSession, None)], &[Completion::Failed, Completion::Unknown]);
    check(&[(0, RecordKind::PgauditSession, None), (10, RecordKind::ErrorRunning, None)], &[Completion::Failed]);
}

#[test]
fn a_read_that_another_statement_ran_is_marked_unless_that_one_hands_its_rows_on() {
    let check = |statements: &[(&str, i64, RecordKind)], expected: &[bool]| {
        let mut day = pivot("report", false);
        for (n, (statement, number, kind)) in statements.iter().enumerate() {
            day.statement(120 * SECOND_MICROS + n as i64, "direct", "172.16.0.5", "report", statement, &[]);
            let e = day.events.last_mut().unwrap();
            (e.record_kind, e.parameters, e.statement_id, e.status) = (Some(*kind), None, audit(*kind).then_some(*number), Status::Unknown);
        }
        let (_, accesses) = day.run(&["address=198.51.100.9"]);
        assert_eq!(accesses.iter().skip(2).map(|a| a.is_within).collect::<Vec<_>>(), expected, "{statements:?}");
    };
    fn audit(kind: RecordKind) -> bool {
        kind == RecordKind::PgauditSession
    }
    let (own, other) = ("SELECT name FROM patient", "SELECT count_of(1)");
    let audited = |statement, number| (statement, number, RecordKind::PgauditSession);
    check(&[audited(own, 1), audited(other, 2)], &[false, false]);
    check(&[audited(own, 1), audited(other, 1)], &[true, true]);
    check(&[audited(own, 1), (other, 0, RecordKind::Statement), audited(other, 1)], &[true, false]);
    check(&[audited(own, 1), audited("COPY (SELECT name FROM patient) TO STDOUT", 1)], &[false, false]);
    check(&[audited(own, 1), audited("CREATE TABLE copied AS EXECUTE read_all", 1)], &[true, false]);
}

#[test]
fn a_statement_and_a_prepared_one_of_its_text_are_two_accesses() {
    let mut day = pivot("report", false);
    for (n, kind) in [RecordKind::Statement, RecordKind::Execute, RecordKind::Duration, RecordKind::Statement].into_iter().enumerate() {
        day.statement(120 * SECOND_MICROS + n as i64, "direct", "172.16.0.5", "report", "SELECT name FROM patient", &[]);
        let e = day.events.last_mut().unwrap();
        (e.record_kind, e.parameters, e.statement_id, e.status) = (Some(kind), None, None, Status::Unknown);
    }
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    assert_eq!(accesses.iter().skip(2).map(|a| a.proof.len()).collect::<Vec<_>>(), [1, 2, 1]);
}

#[test]
fn a_value_that_pgaudit_does_not_tell_from_null_is_not_taken_for_null() {
    let mut day = pivot("report", false);
    for (kind, value) in [(RecordKind::PgauditSession, None), (RecordKind::Execute, Some("")), (RecordKind::PgauditSession, None)] {
        day.statement(120 * SECOND_MICROS, "direct", "172.16.0.5", "report", "SELECT name FROM patient WHERE ward >= $1", &[]);
        let e = day.events.last_mut().unwrap();
        (e.record_kind, e.parameters, e.statement_id, e.status) = (Some(kind), Some(vec![value.map(Into::into)]), None, Status::Unknown);
    }
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let told: Vec<_> = accesses.iter().skip(2).map(|a| (a.proof.len(), a.parameters[0].as_deref())).collect();
    assert_eq!(told, [(2, Some("")), (1, Some("\u{FFFD}"))]);
}

#[test]
fn three_logs_of_one_second_are_one_access_an_execution() {
    let mut day = pivot("report", false);
    let kinds = [(RecordKind::MysqlGeneral, "general"), (RecordKind::MysqlSlow, "slow"), (RecordKind::MysqlAudit, "audit")];
    for (kind, artefact) in kinds {
        for n in 0..40_i64 {
            // The first and the last are the same statement, with another answer.
            let text = format!("SELECT name FROM patient WHERE ward = {}", n % 39);
            day.statement(120 * SECOND_MICROS, "direct", "172.16.0.5", "report", &text, &[]);
            let e = day.events.last_mut().unwrap();
            (e.record_kind, e.parameters, e.sequence, e.status) = (Some(kind), None, None, Status::Unknown);
            e.row_count = (kind == RecordKind::MysqlSlow).then_some(n);
            (e.place.artefact, e.place.offset) = (strandline_model::evidence::ArtefactId(artefact.into()), n as u64 * 100);
        }
    }
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let mut have: Vec<_> = accesses.iter().skip(2).map(|a| (a.proof.len(), a.row_count, a.completion)).collect();
    have.sort_by_key(|(_, rows, _)| *rows);
    let expected: Vec<_> = (0..40).map(|n| (3, Some(n), Completion::Completed)).collect();
    assert_eq!(have, expected);
}

/// The strengths of the accesses to a text that no rule explains, after an ordinary day.
fn check_unexplained(day: &Day, expected: &[Strength]) {
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<Strength> = accesses.iter().filter(|a| a.statement.contains("FROM note")).map(|a| a.strength).collect();
    assert_eq!(have, expected);
}

#[test]
fn what_ran_while_only_the_actor_was_there_is_the_actors_however_usual_it_is() {
    let mut day = Day::default();
    day.lawful();
    for n in 0..10 {
        day.statement((n + 1) * 7 * SECOND_MICROS - 9_000, "pool", "172.16.0.5", "ward_app", "SELECT text FROM note", &[]);
    }
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    // The same statement three times: a loop.
    for n in 0..3 {
        day.statement(101 * SECOND_MICROS - 9_000 + n, "pool", "172.16.0.5", "ward_app", "SELECT text FROM note", &[]);
    }
    check_unexplained(&day, &[Strength::Inferred; 3]);
}

#[test]
fn what_ran_while_others_were_there_too_is_open_and_never_dropped() {
    let mut day = Day::default();
    day.lawful();
    day.statement(101 * SECOND_MICROS - 9_000, "pool", "172.16.0.5", "ward_app", "SELECT text FROM note", &[]);
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    day.patient(101 * SECOND_MICROS, "10.0.0.2", "nurse2", "s2", "P555");
    check_unexplained(&day, &[Strength::Open]);
}

#[test]
fn a_transaction_belongs_to_one_request() {
    for (id, expected) in [("P900", &[Strength::Proved][..]), ("P555", &[])] {
        let mut day = Day::default();
        day.lawful();
        day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
        day.patient(101 * SECOND_MICROS, "10.0.0.2", "nurse2", "s2", "P555");
        let own = |e: &&mut Owned| e.parameters.as_ref().is_some_and(|p| p[0].as_deref() == Some(id));
        day.events.iter_mut().find(own).unwrap().transaction = some("3/77");
        day.statement(101 * SECOND_MICROS - 9_000, "pool", "172.16.0.5", "ward_app", "SELECT text FROM note", &[]);
        day.events.last_mut().unwrap().transaction = some("3/77");
        check_unexplained(&day, expected);
    }
}

#[test]
fn writes_and_definitions_are_accesses_and_transaction_control_is_none() {
    let mut day = pivot("report", false);
    let texts = [
        ("CREATE TABLE t AS SELECT name FROM patient", true),
        ("INSERT INTO t SELECT name FROM patient", true),
        ("SET @e = (SELECT name FROM patient)", true),
        ("BEGIN NOT ATOMIC SELECT name FROM patient; END", true),
        ("BEGIN", false),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", false),
        ("SAVEPOINT a", false),
        ("COMMIT; SELECT name FROM patient", true),
        ("ROLLBACK TO a;", false),
    ];
    for (n, (text, _)) in texts.iter().enumerate() {
        day.statement(120 * SECOND_MICROS + n as i64, "direct", "172.16.0.5", "report", text, &[]);
        day.events.last_mut().unwrap().activity = Activity::Define;
    }
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    let have: Vec<&str> = accesses.iter().skip(2).map(|a| a.statement.as_str()).collect();
    assert_eq!(have, texts.iter().filter(|(_, shows)| *shows).map(|(text, _)| *text).collect::<Vec<_>>());
}

#[test]
fn an_error_at_bind_says_nothing_of_a_run_of_the_same_text_before() {
    let run = |kind: RecordKind| {
        let mut day = pivot("report", false);
        let text = "SELECT name FROM patient WHERE id = $1";
        day.statement(120 * SECOND_MICROS, "direct", "172.16.0.5", "report", text, &["P5"]);
        let e = day.events.last_mut().unwrap();
        (e.record_kind, e.row_count) = (Some(RecordKind::Execute), None);
        day.statement(124 * SECOND_MICROS, "direct", "172.16.0.5", "report", text, &[]);
        let e = day.events.last_mut().unwrap();
        (e.record_kind, e.row_count, e.activity, e.parameters) = (Some(kind), None, Activity::Error, None);
        e.error_values = Some(vec![some("Ann")]);
        let (_, accesses) = day.run(&["address=198.51.100.9"]);
        accesses.iter().skip(2).map(|a| (a.completion, a.error_values.clone())).collect::<Vec<_>>()
    };
    let failed = (Completion::Failed, Some(vec!["Ann".to_owned()]));
    assert_eq!(run(RecordKind::ErrorRunning), std::slice::from_ref(&failed));
    assert_eq!(run(RecordKind::ErrorUnrun), [(Completion::Unknown, None), failed.clone()]);
    assert_eq!(run(RecordKind::ErrorContext), [(Completion::Unknown, None), failed]);
}

#[test]
fn parsing_and_binding_are_no_executions() {
    let mut day = pivot("report", false);
    let text = "SELECT name FROM patient WHERE id = $1";
    for (n, command) in ["PARSE", "BIND", "SELECT"].into_iter().enumerate() {
        day.statement(120 * SECOND_MICROS + n as i64, "direct", "172.16.0.5", "report", text, &["P5"]);
        let e = day.events.last_mut().unwrap();
        (e.command, e.row_count) = (some(command), None);
        e.record_kind = Some(if command == "SELECT" { RecordKind::Duration } else { RecordKind::Other });
    }
    let (_, accesses) = day.run(&["address=198.51.100.9"]);
    assert_eq!(accesses.iter().skip(2).map(|a| a.completion).collect::<Vec<_>>(), [Completion::Completed]);
}

#[test]
fn an_answer_that_was_cut_off_is_a_read_only_while_the_databases_log_is_missing() {
    for (status, is_dark, expected) in [(499, true, 1), (504, true, 1), (500, true, 1), (499, false, 0), (404, true, 0), (302, true, 0), (200, false, 1)] {
        let mut day = Day::default();
        day.lawful();
        day.request(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "/patient/P900");
        day.events.last_mut().unwrap().status_code = Some(status);
        if is_dark {
            let interval = Interval { from: Instant(100 * SECOND_MICROS), to: Instant(102 * SECOND_MICROS) };
            let (source, system) = ("db".into(), "db".into());
            day.coverage.gaps.push(Gap {
                source,
                system,
                artefact: None,
                kind: GapKind::Silence,
                interval,
                missing: None,
                reason: "".into(),
                evidence: vec![],
            });
        }
        let (_, accesses) = day.run(&["address=198.51.100.9"]);
        assert_eq!(accesses.len(), expected, "{status} {is_dark}");
    }
}

#[test]
fn nobody_found_is_an_open_question_that_holds_every_reassurance() {
    let mut day = Day::default();
    day.lawful();
    for (pins, kind) in [(&[][..], "no actor"), (&["address=192.0.2.99"], "stands in no event"), (&["account=nobody"], "stands in no event")] {
        let (trail, accesses) = day.run(pins);
        assert!(accesses.is_empty());
        assert!(trail.open.iter().any(|q| q.holds_reassurance() && q.to_string().contains(kind)), "{:?}", trail.open);
    }
    day.patient(101 * SECOND_MICROS, BAD, "nurse1", "stolen", "P900");
    assert_eq!(day.run(&["address=198.51.100.9"]).0.open, []);
}

#[test]
fn where_nobody_is_found_the_oddest_are_named() {
    let mut day = Day::default();
    day.lawful();
    for n in 0..60 {
        day.patient((400 + n) * SECOND_MICROS, BAD, "nurse1", "stolen", &format!("P{}", 900 + n));
    }
    let (trail, _) = day.run(&[]);
    assert!(trail.notes.iter().any(|note| note.starts_with("looked at: 0 detections, 5 addresses")), "{:?}", trail.notes);
    let first = trail.notes.iter().find(|note| note.starts_with("looks odd,  1: ")).unwrap();
    assert!(first.contains(BAD) || first.contains("stolen"), "{first}");
    assert!(!trail.notes.iter().any(|note| note.contains("10.0.0.")), "{:?}", trail.notes);
}

impl Day {
    /// A request whose log names nobody, and the look-up of the secret that came with it.
    fn by_secret(&mut self, micros: i64, address: &str, secret: &str, id: &str) {
        self.statement(micros - 18_000, "pool", "172.16.0.5", "ward_app", "SELECT account FROM login WHERE token = $1", &["[masked]"]);
        self.events.last_mut().unwrap().secrets = Secrets::Digests(secret.to_owned().into());
        self.patient(micros, address, "", "", id);
    }
}

#[test]
fn a_session_that_no_log_names_is_followed_by_the_secret_that_is_looked_up() {
    let mut day = Day::default();
    for n in 0..40 {
        let who = n % 4;
        day.by_secret((n + 1) * 7 * SECOND_MICROS, &format!("10.0.0.{who}"), &format!("{who}{who}aa"), &format!("P{}", 500 + n * 3));
    }
    for n in 0..5 {
        day.by_secret((300 + n) * SECOND_MICROS, BAD, "beef", &format!("P{}", 900 + n));
        day.by_secret((320 + n) * SECOND_MICROS, "203.0.113.7", "beef", &format!("P{}", 950 + n));
    }
    let (trail, accesses) = day.run(&["address=198.51.100.9"]);
    assert_eq!(trail.actor.addresses, [BAD, "203.0.113.7"], "{:?}", trail.links);
    let patients = accesses.iter().filter(|a| a.statement.contains("patient")).map(|a| a.strength).collect::<Vec<_>>();
    let expected = [[Strength::Proved; 5], [Strength::Inferred; 5]].concat();
    assert_eq!(patients, expected, "what hangs on a look-up is inferred");
    assert_eq!(trail.open, []);
    // Looked up once more while no request ran that a log holds: what else was done with it is not known.
    day.statement(900 * SECOND_MICROS, "pool", "172.16.0.5", "ward_app", "SELECT account FROM login WHERE token = $1", &["[masked]"]);
    day.events.last_mut().unwrap().secrets = Secrets::Digests("beef".into());
    let (trail, _) = day.run(&["address=198.51.100.9"]);
    assert!(trail.open.iter().any(OpenQuestion::holds_reassurance), "{:?}", trail.open);
}

#[test]
fn hostile_records_do_not_stop_a_trace() {
    let long = "%".repeat(300_000);
    let odd = ["", "?", "%", "/%zz/%", "/a?b=&=&&=c", "/\u{202e}?q=%00%ff", "/patient/9223372036854775807", "/patient/-1?page=9223372036854775807", &long];
    let mut day = with_search();
    for (n, url) in odd.iter().enumerate() {
        let at = (200 + n as i64) * SECOND_MICROS;
        day.request(at, BAD, "nurse1", "stolen", url);
        day.statement(at - 10_000, "pool", "172.16.0.5", "ward_app", &format!("SELECT '{url}"), &[url, "-9223372036854775808"]);
        day.statement(at - 9_000, "pool", "172.16.0.5", "ward_app", "$$ $x$ \u{0} /* ' \" `", &[]);
    }
    for (from, to) in [(Instant::MIN, Instant::MAX), (Instant(5), Instant(1))] {
        day.coverage.gaps.push(Gap {
            source: "web".into(),
            system: "ward".into(),
            artefact: None,
            kind: GapKind::Silence,
            interval: Interval { from, to },
            missing: None,
            reason: String::new(),
            evidence: vec![],
        });
    }
    day.coverage.skews.push(ClockSkew { reference: "web".into(), source: "db".into(), skew_micros: i64::MIN, spread_micros: i64::MIN + 1, pairs: 0 });
    for pin in ["address=198.51.100.9", "session=", "session=/", "statement=@", "statement=db@99999999999999999999", "account=\u{0}"] {
        if pin.parse::<Pin>().is_ok() {
            day.run(&[pin]);
        }
    }
}

#[test]
fn a_pinned_statement_leads_to_the_connection_that_only_the_actor_used() {
    let day = pivot("report", true);
    let at = day.events.iter().position(|e| e.session.as_deref() == Some("direct")).unwrap();
    check(&day, &[&format!("statement=db@{at}")], &[proved("W1")]);
}

#[test]
fn a_session_is_found_through_the_request_id_of_a_line_without_one() {
    let mut day = Day::default();
    day.lawful();
    day.patient(101 * SECOND_MICROS, "", "nurse1", "stolen", "P900");
    day.events.last_mut().unwrap().request_id = some("r-1");
    let e = day.event(101 * SECOND_MICROS, Class::Http, Activity::Request, "proxy");
    (e.src_ip, e.request_id, e.method, e.url, e.status_code) = (some(BAD), some("r-1"), some("GET"), some("/patient/P900"), Some(200));
    day.patient(105 * SECOND_MICROS, "", "nurse1", "stolen", "P903");
    let trail = check(&day, &["address=198.51.100.9"], &[proved("P900"), proved("P903")]);
    assert!(trail.links.iter().any(|l| l.rule == "request_to_session"));
}
