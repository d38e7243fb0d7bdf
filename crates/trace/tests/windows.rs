//! The Windows rules on events made by hand: what they must follow, and what they must leave alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod support;

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::detection::{Decision, Detection, DetectionOrigin, Level, SubjectKind, Verdict};
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, Status};
use strandline_model::evidence::{Coverage, Gap, GapKind};
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::{Pin, Strength};
use strandline_trace::{Inputs, Trail, trace};
use support::{Owned, place, some, table};

const ESTATE: &str = r#"
[organisation]
name = { en = "Clinic" }
time_zone = "Europe/Vienna"
[[system]]
id = "terminal"
name = "Terminal server"
addresses = ["172.16.0.7"]
[[system]]
id = "files"
name = "File server"
addresses = ["172.16.0.8"]
[[source]]
id = "terminal-log"
system = "terminal"
path = ["t.evtx"]
format = "evtx"
[[source]]
id = "files-log"
system = "files"
path = ["f.evtx"]
format = "evtx"
[[database]]
id = "lists"
system = "files"
snapshot_time = "1970-01-01T00:00:10Z"
[[file]]
system = "files"
path = ['\\*\Ward$\lists\patients*.csv', 'E:\ward\lists\patients*.csv']
database = "lists"
reads = "SELECT * FROM patients"
content = "copy"
[[file]]
system = "files"
path = ['\\*\Ward$\lists\staff.csv']
database = "lists"
reads = "SELECT * FROM staff"
"#;

const BAD: &str = "198.51.100.9";
const DESK: &str = "10.0.0.1";
const TERMINAL: &str = "172.16.0.7";
const SECOND_MICROS: i64 = 1_000_000;
const PATIENTS: &str = r"\\*\Ward$\lists\Patients-2026.csv";
const STAFF: &str = r"\\*\Ward$\lists\staff.csv";

#[derive(Default)]
struct Day {
    events: Vec<Owned>,
    coverage: Coverage,
    detections: Vec<Detection>,
    decisions: Vec<Decision>,
}

impl Day {
    fn event(&mut self, second: i64, host: &'static str, class: Class, activity: Activity, status: Status) -> &mut Owned {
        let mut event = Event::new(Instant(second * SECOND_MICROS), class, activity, place(host, self.events.len(), 1));
        let system = if host == "term1" { "terminal" } else { "files" };
        (event.source, event.system) = (format!("{system}-log").into(), system.into());
        (event.status, event.host, event.channel) = (status, some(&format!("{host}.clinic.example")), some("Security"));
        self.events.push(event);
        self.events.last_mut().unwrap()
    }

    fn sign_in(&mut self, second: i64, host: &'static str, account: &str, from: &str, session: &str, kind: u32) {
        let e = self.event(second, host, Class::Authentication, Activity::Logon, Status::Success);
        (e.account, e.src_ip, e.session) = (some(account), some(from), some(&format!("{host}/{session}")));
        e.labels = some(&format!("{{\"event_id\":\"4624\",\"logon_type\":\"{kind}\"}}"));
    }

    fn sign_out(&mut self, second: i64, host: &'static str, session: &str) {
        self.event(second, host, Class::Authentication, Activity::Logoff, Status::Success).session = some(&format!("{host}/{session}"));
    }

    fn open(&mut self, second: i64, account: &str, session: &str, path: &str, (event_id, mask): (u32, &str)) {
        let activity = if mask == "0x2" { Activity::Write } else { Activity::Read };
        let e = self.event(second, "fs1", Class::FileSystem, activity, Status::Success);
        (e.account, e.session, e.object) = (some(account), some(&format!("fs1/{session}")), some(path));
        e.labels = some(&format!("{{\"event_id\":\"{event_id}\",\"access_mask\":\"{mask}\"}}"));
    }

    /// Nurses at work: from their desks, to both hosts, reading both lists.
    fn lawful(&mut self) {
        for n in 0..30 {
            let (second, who) = (20 + n * 10, n % 3);
            let (account, session) = (format!("CLINIC\\nurse{who}"), format!("0x{n:x}00"));
            self.sign_in(second, "fs1", &account, &format!("10.0.0.{who}"), &session, 3);
            self.open(second + 1, &account, &session, if n % 2 == 0 { PATIENTS } else { STAFF }, READ);
            self.sign_out(second + 5, "fs1", &session);
        }
    }

    /// The intruder on the terminal server, and from there on the file server.
    fn theft(&mut self) {
        self.sign_in(1000, "term1", "CLINIC\\nurse1", BAD, "0xbad", 10);
        self.event(1010, "term1", Class::Process, Activity::Execute, Status::Success).session = some("term1/0xbad");
        self.sign_in(1020, "fs1", "CLINIC\\nurse1", TERMINAL, "0xbee", 3);
        self.open(1021, "CLINIC\\nurse1", "0xbee", STAFF, LOOK);
        self.open(1022, "CLINIC\\nurse1", "0xbee", PATIENTS, READ);
        self.sign_out(1300, "fs1", "0xbee");
        self.sign_out(1400, "term1", "0xbad");
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

const READ: (u32, &str) = (5145, "0x120089");
const LOOK: (u32, &str) = (5145, "0x80");

/// What was read, in order: query, strength, kind, completion.
#[track_caller]
fn check(day: &Day, pins: &[&str], expected: &[(&str, Strength, AccessKind, Completion)]) -> Trail {
    let (trail, accesses) = day.run(pins);
    let have: Vec<_> = accesses.iter().map(|a| (a.statement.as_str(), a.strength, a.kind, a.completion)).collect();
    assert_eq!(have, expected, "{:#?} {:?}", trail.links, trail.notes);
    trail
}

const ADDRESS: &[&str] = &["address=198.51.100.9"];
const PATIENTS_READ: (&str, Strength, AccessKind, Completion) = ("SELECT * FROM patients", Strength::Proved, AccessKind::File, Completion::Unknown);

fn techniques(trail: &Trail) -> Vec<&str> {
    trail.steps.iter().map(|s| s.technique.as_str()).collect()
}

#[test]
fn a_stolen_account_is_followed_from_a_remote_desktop_to_a_share_and_its_owner_is_not() {
    let mut day = Day::default();
    day.lawful();
    day.theft();
    day.sign_in(1015, "fs1", "CLINIC\\nurse1", DESK, "0xcafe", 3);
    day.open(1016, "CLINIC\\nurse1", "0xcafe", STAFF, READ);
    let trail = check(&day, ADDRESS, &[PATIENTS_READ]);
    assert_eq!(techniques(&trail), ["T1021.001", "T1059", "T1021.002", "T1039"]);
    assert_eq!(trail.actor.stolen_accounts, ["CLINIC\\nurse1"]);
}

#[test]
fn a_read_that_the_disk_logged_too_is_one_access_and_ran() {
    let mut day = Day::default();
    day.theft();
    day.open(1023, "CLINIC\\nurse1", "0xbee", r"E:\ward\lists\patients-2026.csv", (4663, "0x1"));
    let (trail, accesses) = day.run(ADDRESS);
    let completions: Vec<_> = accesses.iter().map(|a| (a.kind, a.completion)).collect();
    assert_eq!(completions, [(AccessKind::File, Completion::Completed)], "{:?}", trail.links);
    assert_eq!(accesses[0].proof.len(), 2);
}

#[test]
fn a_logon_id_means_its_session_on_its_host_while_that_lasts() {
    let mut day = Day::default();
    day.theft();
    // The same id on the other host, and again after the sign-out: other people's.
    day.sign_in(1100, "fs1", "CLINIC\\nurse2", "10.0.0.2", "0xbad", 3);
    day.open(1101, "CLINIC\\nurse2", "0xbad", STAFF, READ);
    day.sign_in(2000, "fs1", "CLINIC\\nurse2", "10.0.0.2", "0xbee", 3);
    day.open(2001, "CLINIC\\nurse2", "0xbee", STAFF, READ);
    check(&day, ADDRESS, &[PATIENTS_READ]);
}

#[test]
fn who_came_from_the_address_before_is_left_alone() {
    let mut day = Day::default();
    day.lawful();
    // nurse2's own desk, at which somebody guesses the password of nurse1.
    day.sign_in(1000, "fs1", "CLINIC\\nurse1", "10.0.0.2", "0x999", 3);
    day.open(1001, "CLINIC\\nurse1", "0x999", PATIENTS, READ);
    day.sign_in(1100, "fs1", "CLINIC\\nurse2", "10.0.0.2", "0xaaa", 3);
    day.open(1101, "CLINIC\\nurse2", "0xaaa", STAFF, READ);
    day.detections.push(Detection {
        id: "D1".into(),
        rule: "password_guessing".into(),
        title: String::new(),
        level: Level::High,
        origin: DetectionOrigin::Analytic,
        techniques: Vec::new(),
        subject_kind: SubjectKind::Address,
        subject: "10.0.0.2".into(),
        system: "files".into(),
        first: Instant(950 * SECOND_MICROS),
        last: Instant(1000 * SECOND_MICROS),
        event_count: 9,
        reason: "guessed".into(),
        related: Vec::new(),
        events: Vec::new(),
    });
    // A slip of the owner's.
    let slip = day.event(1200, "fs1", Class::Authentication, Activity::Logon, Status::Failure);
    (slip.account, slip.src_ip) = (some("nurse2"), some("10.0.0.2"));
    let trail = check(&day, &[], &[PATIENTS_READ]);
    assert_eq!(techniques(&trail), ["T1021.002", "T1039"]);
    assert!(trail.links.iter().all(|l| !l.to.contains("nurse2")), "{:?}", trail.links);
    assert!(trail.notes.iter().any(|n| n.contains("left to their owner")), "{:?}", trail.notes);
}

#[test]
fn a_held_account_is_followed_to_an_origin_that_is_new_to_it_and_not_to_a_known_one() {
    let mut day = Day::default();
    day.lawful();
    day.theft();
    day.sign_in(1200, "fs1", "CLINIC\\nurse1", "10.0.0.77", "0x777", 3);
    day.open(1201, "CLINIC\\nurse1", "0x777", STAFF, READ);
    let inferred = ("SELECT * FROM staff", Strength::Inferred, AccessKind::FileExtract, Completion::Unknown);
    let trail = check(&day, ADDRESS, &[PATIENTS_READ, inferred]);
    assert!(trail.links.iter().any(|l| l.rule == "account_from_new_origin"), "{:?}", trail.links);
}

#[test]
fn a_pinned_session_and_a_pinned_account_start_a_trail() {
    let mut day = Day::default();
    day.theft();
    check(&day, &["session=term1/0xbad"], &[PATIENTS_READ]);
    check(&day, &["account=nurse1@clinic.example"], &[PATIENTS_READ]);
    check(&day, &["statement=fs1@4"], &[PATIENTS_READ]);
}

#[test]
fn a_copy_that_was_written_over_is_the_file_no_more() {
    for (second, kind) in [(5, AccessKind::File), (500, AccessKind::FileExtract), (1500, AccessKind::File)] {
        let mut day = Day::default();
        day.theft();
        day.open(second, "CLINIC\\nurse2", "0x77", r"E:\ward\lists\patients-2026.csv", (4663, "0x2"));
        check(&day, ADDRESS, &[(PATIENTS_READ.0, Strength::Proved, kind, Completion::Unknown)]);
    }
}

#[test]
fn while_the_file_servers_log_is_missing_every_file_is_open() {
    let mut day = Day::default();
    day.lawful();
    day.theft();
    day.events.retain(|e| e.system != "files" || e.time.micros() < 900 * SECOND_MICROS);
    let interval = Interval { from: Instant(900 * SECOND_MICROS), to: Instant(5000 * SECOND_MICROS) };
    day.coverage.gaps.push(Gap {
        source: "files-log".into(),
        system: "files".into(),
        artefact: None,
        kind: GapKind::Truncated,
        interval,
        missing: None,
        reason: "cleared".into(),
        evidence: vec![place("fs1", 9000, 1)],
    });
    let open = |query| (query, Strength::Open, AccessKind::FileExtract, Completion::Unknown);
    check(&day, ADDRESS, &[open("SELECT * FROM patients"), open("SELECT * FROM staff")]);
    // The domain controller's ticket says that he went there.
    let e = day.event(1019, "term1", Class::Authentication, Activity::Other, Status::Success);
    (e.account, e.src_ip) = (some("nurse1@CLINIC.EXAMPLE"), some(TERMINAL));
    e.labels = some("{\"event_id\":\"4769\",\"service\":\"FS1$\"}");
    assert!(day.run(ADDRESS).1.iter().all(|a| a.reason.contains("tickets for fs1") && a.proof.len() == 2));
    // Who cleared the log did it in a session that nobody can see any more.
    let e = day.event(1500, "fs1", Class::EventLog, Activity::Clear, Status::Success);
    (e.account, e.session) = (some("CLINIC\\nurse1"), some("fs1/0xbee"));
    assert!(techniques(&day.run(ADDRESS).0).contains(&"T1070.001"));
    // A gap in which the actor had no session leaves nothing open.
    day.coverage.gaps[0].interval = Interval { from: Instant(400 * SECOND_MICROS), to: Instant(900 * SECOND_MICROS) };
    check(&day, ADDRESS, &[]);
}

#[test]
fn a_server_that_logs_no_files_leaves_them_open() {
    let mut day = Day::default();
    day.theft();
    day.events.retain(|e| e.class != Class::FileSystem);
    let open = |query, kind| (query, Strength::Open, kind, Completion::Unknown);
    check(&day, ADDRESS, &[open("SELECT * FROM patients", AccessKind::File), open("SELECT * FROM staff", AccessKind::FileExtract)]);
}

#[test]
fn a_struck_sign_in_takes_along_what_hangs_on_it() {
    let mut day = Day::default();
    day.theft();
    let trail = check(&day, ADDRESS, &[PATIENTS_READ]);
    let hop = trail.links.iter().find(|l| l.rule == "host_to_logon").unwrap();
    day.decisions = vec![Decision { target: hop.id.clone(), verdict: Verdict::Struck, reason: None, decided_by: "r".into(), decided_at: Instant(0) }];
    check(&day, ADDRESS, &[]);
}

#[test]
fn refused_sign_ins_and_the_domains_tickets_are_no_web_requests() {
    let mut day = Day::default();
    for n in 0..6 {
        let e = day.event(900 + n, "term1", Class::Authentication, Activity::Logon, Status::Failure);
        (e.account, e.src_ip) = (some(&format!("CLINIC\\nurse{n}")), some(BAD));
    }
    let e = day.event(950, "term1", Class::Authentication, Activity::Other, Status::Success);
    (e.account, e.src_ip) = (some("nurse1@CLINIC.EXAMPLE"), some(BAD));
    let trail = check(&day, ADDRESS, &[]);
    assert_eq!(techniques(&trail), ["T1110.003"]);
}

#[test]
fn hostile_records_do_not_stop_a_trace() {
    let mut day = Day::default();
    day.lawful();
    day.theft();
    for (n, text) in ["", "\\", "@", "\\\\", "a\\b@c\\d", "{\"", "\u{0}\u{fffd}", "0x"].into_iter().enumerate() {
        for class in [Class::Authentication, Class::FileSystem, Class::Process, Class::EventLog] {
            let second = if n % 2 == 0 { 1030 } else { i64::MIN / SECOND_MICROS };
            let e = day.event(second, "fs1", class, Activity::Logon, Status::Success);
            (e.account, e.src_ip, e.session, e.object, e.labels, e.host) = (some(text), some(BAD), some(text), some(text), some(text), some(text));
        }
    }
    day.run(ADDRESS);
    day.run(&["account=\\", "session=fs1/0xbee", "statement=fs1@3"]);
}
