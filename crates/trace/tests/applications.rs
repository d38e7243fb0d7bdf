//! Applications as they are in the wild: files that are made in the background, first pages, filters, loops, codes in paths,
//! one URL for everything. For each, what the actor read is found, and what a colleague read is not taken for it.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use strandline_model::access::Access;
use strandline_model::detection::{Detection, DetectionOrigin, Level, SubjectKind};
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, RecordKind, Status};
use strandline_model::evidence::Coverage;
use strandline_model::time::Instant;
use strandline_model::trail::{OpenQuestion, Strength};
use strandline_trace::{Inputs, Trail, trace};
use support::{Owned, place, some, table};

const ESTATE: &str = r#"
[organisation]
name = { en = "Clinic" }
time_zone = "Europe/Vienna"
[[system]]
id = "ward"
name = "Ward"
roles = ["ward_app"]
[[source]]
id = "db"
system = "db"
path = ["db.csv"]
format = "postgresql"
[[database]]
id = "patients"
system = "ward"
[[table]]
database = "patients"
name = "public.patient"
subject_key = "id"
[table.categories]
name = "name"
"#;
const BAD: &str = "198.51.100.9";
const MILLI: i64 = 1_000;

/// What an application did, being written. Times are milliseconds.
#[derive(Default)]
struct Web {
    events: Vec<Owned>,
}

impl Web {
    /// A request that ended at `at` after 40 ms. `who` is the actor if 0, else a colleague.
    fn request(&mut self, at: i64, who: u32, method: &str, url: &str, (status, bytes): (i32, i64)) {
        let mut e = Event::new(Instant(at * MILLI), Class::Http, Activity::Request, place("web", self.events.len(), 1));
        (e.source, e.system, e.time_precision_micros) = ("web".into(), "ward".into(), 1000);
        let address = if who == 0 { BAD.to_owned() } else { format!("10.0.0.{who}") };
        (e.src_ip, e.session, e.method, e.url) = (some(&address), some(&format!("s{who}")), some(method), some(url));
        (e.status_code, e.duration_micros, e.bytes) = (Some(status), Some(40 * MILLI), Some(bytes));
        self.events.push(e);
    }

    fn statement(&mut self, at: i64, connection: &str, text: &str, values: &[&str]) {
        let offset = self.events.len();
        let mut e = Event::new(Instant(at * MILLI), Class::Datastore, Activity::Read, place("db", offset, 1));
        (e.source, e.system, e.time_precision_micros) = ("db".into(), "db".into(), 1000);
        (e.session, e.src_ip, e.account, e.database, e.statement) = (some(connection), some("172.16.0.5"), some("ward_app"), some("patients"), some(text));
        e.parameters = Some(values.iter().map(|value| some(value)).collect());
        (e.sequence, e.record_kind) = (Some(offset as i64), Some(RecordKind::PgauditSession));
        self.events.push(e);
    }

    /// A request and its statements, in the middle of it.
    fn page(&mut self, at: i64, who: u32, url: &str, statements: &[(&str, &[&str])]) {
        for (n, (text, values)) in statements.iter().enumerate() {
            self.statement(at - 25 + n as i64, "pool", text, values);
        }
        self.request(at, who, "GET", url, (200, 900));
    }

    /// What a colleague did at the very time of `at`, of a kind that many requests have shown.
    fn beside(&mut self, at: i64, url: &str, statements: &[(&str, &[&str])]) {
        for n in 0..25 {
            self.page(100_000 + n * 1_000, 1 + n as u32 % 4, url, statements);
        }
        self.page(at - 3, 2, url, statements);
    }

    fn run(&self) -> (Trail, Vec<Access>) {
        self.run_in(&toml::from_str(ESTATE).unwrap())
    }

    fn run_in(&self, estate: &Estate) -> (Trail, Vec<Access>) {
        let (events, coverage, pins) = (table(self.events.clone()), Coverage::default(), [format!("address={BAD}").parse().unwrap()]);
        let inputs = Inputs { events: &events, detections: &[], coverage: &coverage, estate, pins: &pins, decisions: &[], window: None };
        let mut accesses = Vec::new();
        let trail = trace(&inputs, &mut |chunk| {
            accesses.extend(chunk);
            Ok(())
        })
        .unwrap();
        (trail, accesses)
    }

    /// The accesses to patients: their first value, strength, and the answer that delivered them.
    fn check(&self, expected: &[(&str, Strength, i64)]) -> Trail {
        let (trail, accesses) = self.run();
        let of_patients = accesses.iter().filter(|a| a.statement.contains("patient"));
        let have: Vec<(&str, Strength, i64)> =
            of_patients.map(|a| (a.parameters.first().and_then(|p| p.as_deref()).unwrap_or("-"), a.strength, a.response_bytes.unwrap_or(-1))).collect();
        assert_eq!(have, expected, "{:?} {:?}", trail.links.iter().map(|l| &l.to).collect::<Vec<_>>(), trail.open);
        trail
    }
}

const ALL: &str = "SELECT name FROM patient WHERE unit = $1";

#[test]
fn a_download_delivers_what_the_request_before_it_read() {
    let mut web = Web::default();
    web.statement(5_000, "pool", ALL, &["W1"]);
    web.request(5_020, 0, "POST", "/lists", (302, 0));
    web.request(5_100, 0, "GET", "/download/list.csv", (200, 70_000));
    let trail = web.check(&[("W1", Strength::Inferred, 70_000)]);
    assert_eq!(trail.open, []);
}

#[test]
fn what_a_worker_read_until_the_file_was_fetched_is_the_jobs() {
    let mut web = Web::default();
    web.request(5_020, 0, "POST", "/exports", (202, 30));
    // The worker takes the task; another worker does something else; a colleague is at work.
    web.statement(6_000, "worker", "UPDATE task SET state = 'running' WHERE id = $1", &["t-4711"]);
    web.statement(6_500, "worker", ALL, &["W1"]);
    web.statement(6_600, "other", ALL, &["W2"]);
    web.request(7_000, 0, "GET", "/exports/t-4711/state", (200, 30));
    web.request(9_000, 0, "GET", "/exports/t-4711/export.csv", (200, 70_000));
    web.statement(12_000, "worker", ALL, &["W9"]);
    web.check(&[("W1", Strength::Inferred, 70_000), ("W2", Strength::Open, 70_000)]);
}

#[test]
fn an_export_that_reads_people_itself_needs_no_job() {
    let mut web = Web::default();
    web.request(3_000, 0, "POST", "/settings", (204, 0));
    web.statement(4_000, "worker", ALL, &["W2"]);
    web.statement(5_000, "pool", ALL, &["W1"]);
    web.request(5_020, 0, "GET", "/export.csv", (200, 70_000));
    web.check(&[("W1", Strength::Inferred, 70_000)]);
}

#[test]
fn a_file_that_nobody_is_known_to_have_made_is_an_open_question() {
    let mut web = Web::default();
    web.statement(4_000, "worker", ALL, &["W2"]);
    web.request(5_020, 0, "GET", "/download/nightly.csv", (200, 70_000));
    let trail = web.check(&[]);
    assert_eq!(trail.open, [OpenQuestion::FilesNotTraced { system: "ward".into(), files: 1 }]);
    assert!(trail.open[0].holds_reassurance());
}

const PAGE: &str = "SELECT name FROM patient ORDER BY id LIMIT 50";
const NEWS: &str = "SELECT text FROM news";

#[test]
fn the_first_page_of_a_list_has_no_offset_and_is_found() {
    let mut web = Web::default();
    for n in 0..24 {
        let offset = (n * 50).to_string();
        match n % 3 {
            0 => web.page(1_000 * (n + 1), 1, "/patients", &[(PAGE, &[])]),
            _ => web.page(1_000 * (n + 1), 2, &format!("/patients?page={}", n + 1), &[(&format!("{PAGE} OFFSET $1"), &[&offset])]),
        }
    }
    web.beside(50_000, "/news", &[(NEWS, &[])]);
    web.page(50_000, 0, "/patients", &[(PAGE, &[])]);
    web.check(&[("-", Strength::Proved, 900)]);
}

#[test]
fn a_filter_that_few_use_is_found_by_its_value_and_a_colleagues_is_not_taken() {
    let filters = ["?unit=UNIT", "?unit=UNIT&sort=name", "?sex=f&unit=UNIT", "?from=2020&unit=UNIT"];
    let by_unit = "SELECT name FROM patient WHERE unit = $1 AND (state = $2)";
    let mut web = Web::default();
    for n in 0..24 {
        let unit = format!("A{n:04}");
        web.page(1_000 * (n + 1), 1, &format!("/patients{}", filters[n as usize % 4].replace("UNIT", &unit)), &[(by_unit, &[&unit, &n.to_string()])]);
    }
    web.page(49_999, 3, "/patients?unit=A0008", &[(by_unit, &["A0008", "4"])]);
    web.page(50_000, 0, "/patients?unit=B7001&until=2021", &[(by_unit, &["B7001", "5"])]);
    web.check(&[("B7001", Strength::Proved, 900)]);
}

#[test]
fn one_rule_gives_a_request_all_rounds_of_its_loop() {
    let (list, row) = ("SELECT id FROM visit WHERE unit = $1", "SELECT name FROM patient WHERE visit = $1");
    let mut web = Web::default();
    for n in 0..24 {
        let (unit, rows) = (format!("unit-{n:04}"), [n, n + 3, n + 9].map(|row| row.to_string()));
        web.page(1_000 * (n + 1), 1, &format!("/visits/{unit}"), &[(list, &[&unit]), (row, &[&rows[0]]), (row, &[&rows[1]]), (row, &[&rows[2]])]);
    }
    web.beside(50_000, "/news", &[(NEWS, &[])]);
    web.page(50_000, 0, "/visits/unit-9001", &[(list, &["unit-9001"]), (row, &["91"]), (row, &["92"]), (row, &["93"]), (row, &["94"])]);
    web.check(&[("91", Strength::Inferred, 900), ("92", Strength::Inferred, 900), ("93", Strength::Inferred, 900), ("94", Strength::Inferred, 900)]);
}

#[test]
fn a_rows_number_from_the_statement_before_chains_the_next() {
    let (visit, patient) = ("SELECT id FROM visit WHERE code = $1", "SELECT name FROM patient WHERE visit = $1");
    let mut web = Web::default();
    for n in 0..24 {
        let (code, id) = (format!("K{n:04}"), format!("v-{:04}", 7 * n));
        web.page(1_000 * (n + 1), 1, &format!("/visits/{code}"), &[(visit, &[&code]), ("SELECT text FROM note WHERE visit = $1", &[&id])]);
    }
    web.beside(50_000, "/news", &[(NEWS, &[])]);
    // A tab that nobody else opens: nothing is known of what it runs.
    let own: &[(&str, &[&str])] = &[(visit, &["K9001"]), ("SELECT text FROM note WHERE visit = $1", &["v-9999"]), (patient, &["v-9999"])];
    web.page(50_000, 0, "/visits/K9001", own);
    web.statement(49_980, "pool", patient, &["v-0001"]);
    // The other number chains to nothing; but of the kinds that were running, only his was ever seen to run its like.
    web.check(&[("v-9999", Strength::Inferred, 900), ("v-0001", Strength::Inferred, 900)]);
}

#[test]
fn a_code_of_letters_in_a_path_is_a_value_where_many_stand_there() {
    let (order, codes) =
        ("SELECT name FROM patient WHERE code = $1", ["STMJF", "QWXEN", "BBKLP", "ZZTOP", "MNHGT", "PLOKI", "AQSWD", "VFRTG", "HYUJM", "XCDER"]);
    let mut web = Web::default();
    for (n, code) in codes.iter().enumerate() {
        web.page(1_000 * (n as i64 + 1), 1, &format!("/orders/{code}/"), &[(order, &[code])]);
    }
    web.page(49_999, 3, "/orders/KJHGF/", &[(order, &["KJHGF"])]);
    web.page(50_000, 0, "/orders/LLAMA/", &[(order, &["LLAMA"])]);
    web.check(&[("LLAMA", Strength::Proved, 900)]);
}

/// A request through the one URL of an application, and the line of its own log that says what was called.
fn call(web: &mut Web, at: i64, who: u32, operation: &str, statements: &[(&str, &[&str])]) {
    let id = format!("r{at}-{who}");
    for (n, (text, values)) in statements.iter().enumerate() {
        web.statement(at - 25 + n as i64, "pool", text, values);
    }
    web.request(at, who, "POST", "/graphql", (200, 900));
    web.events.last_mut().unwrap().request_id = some(&id);
    let mut e = Event::new(Instant(at * MILLI), Class::Http, Activity::Request, place("app", web.events.len(), 1));
    (e.source, e.system, e.time_precision_micros) = ("app".into(), "ward".into(), 1000);
    (e.request_id, e.command, e.duration_micros) = (some(&id), some(operation), Some(40 * MILLI));
    web.events.push(e);
}

#[test]
fn an_applications_line_without_a_url_joins_the_one_request_that_was_running() {
    let text = "SELECT name FROM patient WHERE id = $1";
    let mut web = Web::default();
    for (at, who, id) in [(80_000, 0, "700"), (80_004, 3, "12")] {
        web.statement(at - 25, "pool", text, &[id]);
        web.request(at, who, "POST", "/rpc", (200, 900));
        let mut e = Event::new(Instant((at - 10) * MILLI), Class::Http, Activity::Request, place("app", web.events.len(), 1));
        (e.source, e.system, e.time_precision_micros) = ("app".into(), "ward".into(), 1000);
        (e.src_ip, e.command, e.duration_micros) = (some(if who == 0 { BAD } else { "10.0.0.3" }), some("getPatient"), Some(20 * MILLI));
        web.events.push(e);
    }
    let (trail, accesses) = web.run();
    assert_eq!(trail.splits.iter().map(|split| split.kind.as_str()).collect::<Vec<_>>(), ["call getPatient"]);
    assert!(accesses.iter().all(|access| access.response_bytes == Some(900)), "the web server's log says how much was sent");
}

#[test]
fn behind_one_url_what_is_called_is_the_kind_of_request() {
    let (one, all) = ("SELECT name FROM patient WHERE id = $1", "SELECT name FROM patient WHERE unit = $1");
    let mut web = Web::default();
    for n in 0..50 {
        let id = n.to_string();
        let (operation, text) = if n % 2 == 0 { ("getPatient", one) } else { ("listUnit", all) };
        call(&mut web, 1_000 * (n + 1), 1 + n as u32 % 4, operation, &[(text, &[&id])]);
    }
    call(&mut web, 80_000, 0, "getPatient", &[(one, &["700"])]);
    call(&mut web, 79_999, 3, "listUnit", &[(all, &["12"])]);
    let trail = web.check(&[("700", Strength::Inferred, 900)]);
    assert_eq!(trail.splits.iter().map(|split| split.kind.as_str()).collect::<Vec<_>>(), ["call getPatient"]);
}

#[test]
fn pages_in_json_and_leaflets_are_no_files_of_records() {
    let mut web = Web::default();
    web.request(3_000, 0, "POST", "/settings", (204, 0));
    web.statement(4_000, "worker", ALL, &["W2"]);
    web.request(5_000, 0, "GET", "/settings/4711.json", (200, 700));
    web.request(6_000, 0, "GET", "/help/manual.pdf", (200, 70_000));
    assert_eq!(web.check(&[]).open, []);
}

#[test]
fn what_was_masked_on_both_sides_is_no_value_that_both_have() {
    let mut web = Web::default();
    for n in 0..24 {
        let ward = n.to_string();
        web.page(1_000 * (n + 1), 1, "/open?pin=[masked]", &[("SELECT name FROM patient WHERE pin = $1 AND ward = $2", &["[masked]", &ward])]);
    }
    // A colleague opens the same page at the same time: which of the two statements is whose is not known.
    web.page(49_999, 3, "/open?pin=[masked]", &[("SELECT name FROM patient WHERE pin = $1 AND ward = $2", &["[masked]", "70"])]);
    web.page(50_000, 0, "/open?pin=[masked]", &[("SELECT name FROM patient WHERE pin = $1 AND ward = $2", &["[masked]", "80"])]);
    web.check(&[("[masked]", Strength::Open, 900), ("[masked]", Strength::Open, 900)]);
}

#[test]
fn a_page_that_may_have_been_slow_is_looked_for_before_its_stamp() {
    for (timed, expected) in [(false, &[("W1", Strength::Open, 900)][..]), (true, &[])] {
        let mut web = Web::default();
        web.statement(20_000, "pool", ALL, &["W1"]);
        web.request(27_000, 0, "GET", "/yearly", (200, 900));
        if !timed {
            web.events.last_mut().unwrap().duration_micros = None;
        }
        web.check(expected);
    }
}

/// As a log has them that names no session; with the account that each request was made as, where `accounts` has one.
fn without_sessions(web: &mut Web, accounts: &[(u32, &str)]) {
    for e in web.events.iter_mut().filter(|e| e.class == Class::Http) {
        e.session = None;
        let address = e.src_ip.clone();
        let is = |who: u32| address.as_deref() == Some(if who == 0 { BAD.to_owned() } else { format!("10.0.0.{who}") }.as_str());
        e.account = accounts.iter().find(|(who, _)| is(*who)).and_then(|(_, account)| some(account));
    }
}

/// A stolen cookie can be used from anywhere: where no log names sessions, any later address may be the actor's. What a new one read is
/// open; of one that was there before, it is a question.
#[test]
fn what_went_on_from_another_address_is_open_where_no_log_names_sessions() {
    let check = |accounts: &[(u32, &str)], after: Option<(u32, i64)>, expected: Option<Strength>, is_asked: bool| {
        let mut web = Web::default();
        web.page(1_000, 2, "/patients/7", &[(ALL, &["W7"])]);
        web.page(5_000, 0, "/patients/1", &[(ALL, &["W1"])]);
        if let Some((who, at)) = after {
            web.page(at, who, "/patients/2", &[(ALL, &["W2"])]);
        }
        without_sessions(&mut web, accounts);
        let (trail, accesses) = web.run();
        let read = accesses.iter().find(|a| a.parameters == [Some("W2".to_owned())]).map(|a| a.strength);
        let question = OpenQuestion::SessionNotFollowed { system: "ward".into() };
        assert_eq!((read, trail.open), (expected, if is_asked { vec![question] } else { Vec::new() }), "{accounts:?} {after:?}");
    };
    check(&[], Some((3, 9_000)), Some(Strength::Open), false);
    check(&[], Some((2, 9_000)), None, true);
    check(&[], None, None, false);
    // The log says that it was somebody else; the same account.
    check(&[(0, "amy"), (2, "cat"), (3, "bob")], Some((3, 9_000)), None, false);
    check(&[(0, "amy"), (2, "cat"), (3, "amy")], Some((3, 9_000)), Some(Strength::Open), false);
    check(&[(0, "amy"), (2, "amy")], Some((2, 9_000)), None, true);
}

/// A key of an interface goes with no session: where a log names those of others, what a new address without one read is open, but where the
/// application wrote, on a line of its own with the request's id, that it was somebody else. Of a session that the log names it is known whose it is.
#[test]
fn what_a_new_address_read_without_a_session_is_open() {
    let check = |session: &str, account: &str, expected: Option<Strength>| {
        let mut web = Web::default();
        let of = |web: &mut Web, at: i64, who: u32, session: &str, account: &str, unit: &str| {
            web.page(at, who, "/patients/2", &[(ALL, &[unit])]);
            let (id, event) = (format!("r{at}"), web.events.last_mut().unwrap());
            (event.session, event.request_id) = (some(session), some(&id));
            let mut line = Event::new(Instant((at - 30) * MILLI), Class::Other, Activity::Other, place("app", web.events.len(), 1));
            (line.source, line.system, line.account, line.request_id) = ("app".into(), "ward".into(), some(account), some(&id));
            web.events.push(line);
        };
        for n in 0..20 {
            of(&mut web, 1_000 + n * 100, 2, "s2", "cat", "W7");
        }
        of(&mut web, 5_000, 0, "s0", "amy", "W1");
        of(&mut web, 9_000, 3, session, account, "W2");
        let (_, accesses) = web.run();
        let read = accesses.iter().find(|a| a.parameters == [Some("W2".to_owned())]).map(|a| a.strength);
        assert_eq!(read, expected, "{session} {account}");
    };
    check("", "", Some(Strength::Open));
    check("", "amy", Some(Strength::Open));
    check("", "bob", None);
    check("s3", "", None);
}

/// A page of comments reads the posts that they are on, nearly all there are: any arithmetic on the page's number finds one of them.
/// That gives nobody a statement that the actor ran meanwhile.
#[test]
fn a_value_that_every_request_reads_follows_from_none() {
    const POST: &str = "SELECT author FROM patient_post WHERE id = $1";
    let ids: Vec<String> = (50..62).map(|id| id.to_string()).collect();
    for read in &ids {
        let mut web = Web::default();
        let values: Vec<[&str; 1]> = ids.iter().map(|id| [id.as_str()]).collect();
        let all: Vec<(&str, &[&str])> = values.iter().map(|value| (POST, value.as_slice())).collect();
        for n in 0..36 {
            web.page(100_000 + n * 1_000, 1 + n as u32 % 4, &format!("/comments?page={}", n % 12 + 1), &all);
        }
        web.statement(4_980, "pool", POST, &[read]);
        web.request(5_000, 0, "GET", "/hidden", (200, 900));
        // A colleague's page came out of a cache.
        web.request(5_003, 2, "GET", "/comments?page=5", (200, 900));
        let (_, accesses) = web.run();
        let found: Vec<Strength> = accesses.iter().filter(|a| a.statement == POST).map(|a| a.strength).collect();
        assert_eq!(found, [Strength::Open], "{read}");
    }
}

/// PHP opens a connection for each request: what ran beside a statement that tells its request is of that request, too.
#[test]
fn a_connection_of_one_request_is_that_requests_whole() {
    const NOTES: &str = "SELECT text FROM patient_note ORDER BY id LIMIT 5";
    let one = |web: &mut Web, at: i64, who: u32, id: &str| {
        let (connection, url) = (format!("c{at}"), format!("/patients/{id}"));
        web.statement(at - 25, &connection, "SELECT name FROM patient WHERE id = $1", &[id]);
        web.statement(at - 20, &connection, NOTES, &[]);
        web.request(at, who, "GET", &url, (200, 900));
    };
    let mut web = Web::default();
    for n in 0..20 {
        one(&mut web, 5_000 + n * 50, 0, &format!("P9{n:03}"));
        one(&mut web, 5_003 + n * 50, 2, &format!("P1{n:03}"));
        one(&mut web, 105_000 + n * 50, 3, &format!("P2{n:03}"));
    }
    let (_, accesses) = web.run();
    let notes: Vec<(&str, Strength)> = accesses.iter().filter(|a| a.statement == NOTES).map(|a| (a.connection.as_deref().unwrap_or("-"), a.strength)).collect();
    let own: Vec<String> = (0..20).map(|n| format!("c{}", 5_000 + n * 50)).collect();
    assert_eq!(notes, own.iter().map(|connection| (connection.as_str(), Strength::Inferred)).collect::<Vec<_>>());
}

/// A database console signs in at the database as whoever uses it: what its host runs as a role that the estate gives to no system is the
/// console's, and so whoever uses it may have read it; of a role of another system it is known whose it is.
#[test]
fn what_an_applications_host_runs_as_a_role_of_nobody_is_the_applications() {
    let check = |role: &str, expected: &[&str]| {
        let mut web = Web::default();
        web.page(1_000, 2, "/patients/7", &[(ALL, &["W7"])]);
        web.statement(4_975, "console", ALL, &["W1"]);
        web.events.last_mut().unwrap().account = some(role);
        web.request(5_000, 0, "POST", "/sql", (200, 900));
        let text = ESTATE.replace("name = \"Ward\"", "name = \"Ward\"\naddresses = [\"172.16.0.5\"]");
        let estate: Estate = toml::from_str(&format!("{text}\n[[system]]\nid = \"pay\"\nname = \"Pay\"\nroles = [\"pay_app\"]\n")).unwrap();
        let (_, accesses) = web.run_in(&estate);
        let read: Vec<&str> = accesses.iter().filter(|a| !a.statement.is_empty()).filter_map(|a| a.parameters[0].as_deref()).collect();
        assert_eq!(read, expected, "{role}");
    };
    check("ward_app", &["W1"]);
    check("amy", &["W1"]);
    check("pay_app", &[]);
}

/// The application's own role, from its host, by a program for people's hands: the actor's, also where no log names a session.
#[test]
fn a_shell_on_the_host_is_found_where_no_log_names_sessions() {
    let mut web = Web::default();
    for n in 0..20 {
        web.page(1_000 + n * 100, 2, &format!("/patients/{n}"), &[(ALL, &["W7"])]);
    }
    web.page(5_000, 0, "/patients/1", &[(ALL, &["W1"])]);
    web.statement(60_000, "shell", "SELECT name FROM patient WHERE id < 9", &[]);
    for e in web.events.iter_mut().filter(|e| e.class == Class::Datastore) {
        e.application = some(if e.session.as_deref() == Some("shell") { "psql" } else { "ward" });
    }
    without_sessions(&mut web, &[]);
    let estate: Estate = toml::from_str(&ESTATE.replace("name = \"Ward\"", "name = \"Ward\"\naddresses = [\"172.16.0.5\"]")).unwrap();
    let (trail, accesses) = web.run_in(&estate);
    assert!(trail.links.iter().any(|link| link.rule == "host_to_connection" && link.to == "connection=shell"));
    assert!(accesses.iter().any(|a| a.connection.as_deref() == Some("shell") && a.strength == Strength::Inferred));
}

/// A detection starts a trail by itself; one that read nothing is no finding that nobody was reached, but where a person pinned or confirmed it.
#[test]
fn a_trail_from_detections_that_read_nothing_found_no_actor() {
    let detection = Detection {
        id: "D-1".into(),
        origin: DetectionOrigin::Analytic,
        rule: "first_role_from_host".into(),
        title: "A role where it has no business".into(),
        level: Level::High,
        techniques: Vec::new(),
        subject_kind: SubjectKind::RoleAtHost,
        subject: "control@10.9.9.9".into(),
        system: "db".into(),
        first: Instant(0),
        last: Instant(90_000 * MILLI),
        reason: "it was never used from there".into(),
        related: Vec::new(),
        events: Vec::new(),
        event_count: 1,
    };
    for statement in ["", ALL] {
        let mut web = Web::default();
        web.page(1_000, 2, "/patients/7", &[(ALL, &["W7"])]);
        web.statement(5_000, "control", statement, &["W1"]);
        let event = web.events.last_mut().unwrap();
        (event.account, event.src_ip) = (some("control"), some("10.9.9.9"));
        if statement.is_empty() {
            (event.activity, event.status) = (Activity::Connect, Status::Success);
        }
        let (events, coverage, estate) = (table(web.events.clone()), Coverage::default(), toml::from_str(ESTATE).unwrap());
        let detections = [detection.clone()];
        let inputs = Inputs { events: &events, detections: &detections, coverage: &coverage, estate: &estate, pins: &[], decisions: &[], window: None };
        let trail = trace(&inputs, &mut |_| Ok(())).unwrap();
        assert!(!trail.links.is_empty(), "the detection starts a trail");
        assert_eq!(trail.open.contains(&OpenQuestion::NoActor { detections: 1 }), statement.is_empty(), "{:?}", trail.open);
    }
}

/// An application whose users are database roles: 13 pages of the actor, each while three colleagues look at pages of theirs, and at last what no
/// value tells of, his and a colleague's. `role` is the role by which a user's requests come to the database.
fn as_roles(role: &dyn Fn(u32) -> String) -> Vec<(String, Strength)> {
    let mut web = Web::default();
    let mut page = |at: i64, who: u32, url: &str, text: &str, values: &[&str]| {
        web.statement(at - 25, &format!("c{at}-{who}"), text, values);
        web.events.last_mut().unwrap().account = some(&role(who));
        web.request(at, who, "GET", url, (200, 900));
        let request = web.events.last_mut().unwrap();
        (request.session, request.account) = (None, some(&format!("u{who}")));
    };
    for n in 0..25 {
        let code = format!("C{}", 7000 + n);
        page(200_000 + n * 1_000, 1 + n as u32 % 3, &format!("/records?unit={code}"), ALL, &[&code]);
    }
    for n in 0..13 {
        for who in 0..4 {
            let code = format!("C{}", 1000 + n * 10 + i64::from(who));
            page(5_000 + n * 1_000 + i64::from(who), who, &format!("/records?unit={code}"), ALL, &[&code]);
        }
    }
    page(50_000, 0, "/mine", "SELECT name FROM patient ORDER BY id", &[]);
    page(50_001, 2, "/theirs", "SELECT phone FROM patient ORDER BY id", &[]);
    let roles = (0..4).map(|who| format!("\"{}\"", role(who))).collect::<Vec<_>>().join(", ");
    let estate: Estate = toml::from_str(&ESTATE.replace("\"ward_app\"", &roles)).unwrap();
    let (_, accesses) = web.run_in(&estate);
    let told = accesses.into_iter().filter(|a| a.statement.contains("ORDER BY"));
    told.map(|a| (a.statement.split(' ').nth(1).unwrap().to_owned(), a.strength)).collect()
}

#[test]
fn where_each_user_has_a_role_of_his_own_the_role_says_whose_request_it_serves() {
    assert_eq!(as_roles(&|who| format!("u{who}")), [("name".to_owned(), Strength::Inferred)]);
}

#[test]
fn a_role_that_all_share_says_nothing_though_one_of_them_is_called_so() {
    assert_eq!(as_roles(&|_| "u2".to_owned()), [("name".to_owned(), Strength::Open), ("phone".to_owned(), Strength::Open)]);
}

/// Where no log names sessions or accounts, who came in and then asks is at work, and scans no longer; before that, and once out, it scans.
#[test]
fn where_no_log_names_sessions_an_address_that_came_in_is_in_its_session() {
    let one = "SELECT name FROM patient WHERE id = $1";
    let mut web = Web::default();
    for n in 0..24 {
        web.page(1_000 * (n + 1), 1, &format!("/patients/{n}"), &[(one, &[&n.to_string()])]);
    }
    web.request(70_000, 0, "GET", "/.git/config", (404, 90));
    web.request(71_000, 0, "GET", "/admin", (404, 90));
    web.page(80_000, 0, "/patients/700", &[(one, &["700"])]);
    web.request(81_000, 0, "GET", "/menu", (200, 90));
    without_sessions(&mut web, &[]);
    let (trail, _) = web.run();
    let of = |trail: &Trail| trail.steps.iter().map(|s| (s.technique.clone(), s.event_count)).collect::<Vec<_>>();
    assert_eq!(of(&trail), [("T1595".to_owned(), 2), ("T1213".to_owned(), 2)]);
    assert!(trail.steps[1].summary.contains("taken for its session"), "{}", trail.steps[1].summary);

    let mut sign = |at: i64, activity: Activity| {
        web.request(at, 0, "POST", "/login", (302, 0));
        let event = web.events.last_mut().unwrap();
        (event.class, event.activity, event.status) = (Class::Authentication, activity, Status::Success);
        event.session = None;
    };
    sign(75_000, Activity::Logon);
    sign(90_000, Activity::Logoff);
    web.request(91_000, 0, "GET", "/again", (404, 90));
    web.events.last_mut().unwrap().session = None;
    let (trail, _) = web.run();
    let techniques: Vec<String> = trail.steps.iter().map(|s| s.technique.clone()).collect();
    assert!(techniques.starts_with(&["T1595".to_owned(), "T1078".to_owned()]) && techniques.contains(&"T1213".to_owned()), "{techniques:?}");
    assert!(trail.steps.iter().any(|s| s.technique == "T1595" && s.event_count == 3), "one more once it had signed out");
}

#[test]
fn with_a_password_in_each_request_whoever_was_refused_is_not_the_account() {
    let mut web = Web::default();
    let mut ask = |at: i64, address: &str, account: &str, status: i32| {
        web.request(at, 1, "GET", "/records", (status, 900));
        let request = web.events.last_mut().unwrap();
        (request.session, request.src_ip, request.account) = (None, some(address), some(account));
    };
    for n in 0..9 {
        ask(1_000 + n * 100, "10.0.0.1", ["anna", "bert", "cora"][n as usize % 3], 200);
    }
    ask(5_000, BAD, "anna", 401);
    ask(5_500, BAD, "bert", 200);
    // Two who come later from elsewhere: one acts as an account that he only tried.
    ask(6_000, "203.0.113.5", "anna", 200);
    ask(6_500, "203.0.113.6", "bert", 200);
    let (trail, _) = web.run();
    let led_to = |address: &str| trail.links.iter().any(|link| link.to == format!("address={address}"));
    assert_eq!([led_to("203.0.113.5"), led_to("203.0.113.6")], [false, true]);
    let of_host = |host: &str| trail.steps.iter().filter(|s| s.from_host.as_deref() == Some(host)).map(|s| s.technique.clone()).collect::<Vec<_>>();
    assert_eq!(of_host(BAD), ["T1110.001", "T1213"]);
}

/// A request with the id of a trace, and a statement that carries it.
fn traced(web: &mut Web, at: i64, who: u32, url: &str, trace: &str, value: &str) {
    web.page(at, who, url, &[(ALL, &[value])]);
    let events = web.events.len();
    for event in &mut web.events[events - 2..] {
        event.request_id = some(trace);
    }
}

#[test]
fn a_statement_that_names_the_trace_of_a_request_is_the_requests() {
    let mut web = Web::default();
    for n in 0..20 {
        traced(&mut web, 1_000 * (n + 1), 3, "/patients", &format!("t{n}"), &n.to_string());
    }
    traced(&mut web, 50_000, 0, "/patients", "t100", "W1");
    traced(&mut web, 50_002, 2, "/patients", "t101", "W2");
    web.check(&[("W1", Strength::Proved, 900)]);
}

#[test]
fn one_trace_of_two_hands_proves_neithers() {
    let mut web = Web::default();
    traced(&mut web, 50_000, 0, "/patients", "t100", "W1");
    traced(&mut web, 50_300, 2, "/patients", "t100", "W2");
    let (trail, accesses) = web.run();
    let links: Vec<_> = trail.links.iter().filter(|l| l.rule == "request_to_session").map(|l| l.strength).collect();
    assert_eq!(links, [Strength::Open]);
    let have: Vec<_> = accesses.iter().map(|a| (a.parameters[0].as_deref(), a.strength)).collect();
    assert_eq!(have, [(Some("W1"), Strength::Open), (Some("W2"), Strength::Open)]);
}

#[test]
fn requests_of_one_trace_stay_several() {
    let mut web = Web::default();
    traced(&mut web, 50_000, 0, "/patients?unit=W1", "t100", "W1");
    traced(&mut web, 50_300, 0, "/patients?unit=W2", "t100", "W2");
    web.events.last_mut().unwrap().bytes = Some(700);
    web.check(&[("W1", Strength::Proved, 900), ("W2", Strength::Proved, 700)]);
}
