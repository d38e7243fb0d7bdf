//! The rules of the stage, each on a hand-made case: a small dump, a few accesses, and a naive replayer in place of the engine.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use sqlparser::ast::{Expr, ObjectNamePart, SelectItem, SetExpr, Statement, TableFactor};
use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::clearance::{Clearance, Question};
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event, EventBatchBuilder, RecordKind};
use strandline_model::evidence::{ArtefactId, Coverage, EventRef, Gap, GapKind};
use strandline_model::exposure::{Exposure, Replay, Sighting};
use strandline_model::table::{Row, ScanError};
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Strength;

use crate::replay::{Call, EngineDatabase, Replayed, Replayer, Revealed, RowRange};
use crate::run::expose_with;
use crate::stage::{Inputs, Output, Summary};
use crate::{Dialect, ExposureError, Options};
use strandline_history::evaluate::Scope;
use strandline_history::value::{ColumnKind, FoldCase, Near, Value, read_cell};
use strandline_history::{KnownPeople, Snapshot};

/// Understands `SELECT columns FROM table WHERE condition` and no more.
struct Naive {
    database: EngineDatabase,
    prepared: Vec<(usize, Vec<usize>, Option<Expr>)>,
}

fn kind_of(data_type: &arrow_schema::DataType) -> ColumnKind {
    match data_type {
        arrow_schema::DataType::Int32 => ColumnKind::Int,
        _ => ColumnKind::Text,
    }
}

impl Naive {
    fn read(&self, sql: &str) -> Option<(usize, Vec<usize>, Option<Expr>)> {
        let Statement::Query(query) = strandline_history::writes::parse(sql, Dialect::PostgreSql)? else { return None };
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        let TableFactor::Table { name, .. } = &select.from.first()?.relation else { return None };
        let name = name.0.iter().filter_map(ObjectNamePart::as_ident).map(|i| i.value.clone()).next_back()?;
        let table = self.database.tables.iter().position(|t| t.name == name)?;
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => columns.extend(0..self.database.tables[table].columns.fields().len()),
                SelectItem::UnnamedExpr(Expr::Identifier(i)) => columns.push(self.database.tables[table].columns.index_of(&i.value).ok()?),
                _ => return None,
            }
        }
        Some((table, columns, select.selection.clone()))
    }

    fn call(&self, statement: usize, call: &Call) -> Replayed {
        let (table, columns, condition) = &self.prepared[statement];
        let at = call.as_of.unwrap_or_else(|| strandline_history::moment(call.time));
        let stored = &self.database.tables[*table];
        let mut rows: Vec<(Option<u32>, bool)> = Vec::new();
        for batch in &stored.batches {
            let width = stored.columns.fields().len();
            let (from, to) = (batch.column(width + 1).as_primitive::<Int64Type>(), batch.column(width + 2).as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                let cell = |name: &str| stored.columns.index_of(name).ok().map(|c| read_cell(kind_of(batch.column(c).data_type()), batch.column(c), row));
                let scope = Scope {
                    cell: &cell,
                    parameters: &call.parameters,
                    clock: Some(Near::new(call.time, call.time, call.time, 0)),
                    fold_case: FoldCase::No,
                    zone: &|| None,
                };
                let wanted = condition.as_ref().is_none_or(|c| scope.evaluate(c) == Value::Bool(true));
                if wanted && from.value(row) <= at && at < to.value(row) {
                    let subjects = batch.column(width).as_primitive::<UInt32Type>();
                    rows.push((subjects.is_valid(row).then(|| subjects.value(row)), batch.column(width + 3).as_primitive::<UInt64Type>().value(row) != 0));
                }
            }
        }
        if let Some((skip, take)) = call.rows {
            rows = rows.into_iter().skip(skip as usize).take(take as usize).collect();
        }
        let of_somebody =
            if rows.iter().any(|(s, _)| *s == Some(strandline_history::SOMEBODY)) { columns.iter().map(|c| (*table, *c)).collect() } else { Vec::new() };
        let is_person = |subject: &u32| ![strandline_history::SOMEBODY, strandline_history::NOBODY].contains(subject);
        rows.iter_mut().for_each(|(subject, _)| *subject = subject.filter(is_person));
        let revealed = [false, true].map(|doubtful| {
            let mut subjects: Vec<u32> = rows.iter().filter(|(_, d)| *d == doubtful).filter_map(|(s, _)| *s).collect();
            subjects.sort_unstable();
            let doubt = doubtful.then_some(crate::replay::ReplayDoubt {
                sentence: "doubtful",
                other_rows: false,
                at_most: strandline_model::exposure::Certainty::Likely,
                is_settled_by_count: false,
            });
            Revealed { columns: columns.iter().map(|c| (*table, *c)).collect(), displayed: true, doubt, subjects }
        });
        Replayed {
            rows: RowRange::exactly(rows.len() as u64),
            revealed: revealed.into(),
            other_rows: false,
            others: Vec::new(),
            looked_at: Vec::new(),
            displayable: columns.iter().map(|c| (*table, *c)).collect(),
            deciding: Vec::new(),
            coarse: Vec::new(),
            of_somebody,
        }
    }
}

impl Replayer for Naive {
    fn prepare(&mut self, sql: &str, _session: &crate::session::Session) -> Result<usize, String> {
        let read = self.read(sql).ok_or_else(|| "beyond this test".to_owned())?;
        self.prepared.push(read);
        Ok(self.prepared.len() - 1)
    }

    fn replay(&mut self, statement: usize, calls: &[Call]) -> Vec<Result<Replayed, String>> {
        calls.iter().map(|call| Ok(self.call(statement, call))).collect()
    }

    fn forget(&mut self) {
        self.prepared.clear();
    }
}

pub(crate) const ESTATE: &str = r#"
[organisation]
name = { en = "X" }
time_zone = "UTC"
[[source]]
id = "db-log"
system = "db"
path = ["db"]
format = "postgresql"
[[database]]
id = "hrs"
system = "hrs"
search_path = ["hr"]
[[table]]
database = "hrs"
name = "hr.staff"
subject_key = "staff_no"
categories = { name = "name", dob = "date_of_birth" }
[[table]]
database = "hrs"
name = "hr.note"
subject_via = { column = "case_id", table = "hr.case", to_column = "id" }
categories = { text = "health" }
[[table]]
database = "hrs"
name = "hr.case"
subject_key = "staff_no"
[[route]]
system = "hrs"
path = "/staff/{no}"
database = "hrs"
reads = "SELECT staff_no, name FROM hr.staff WHERE staff_no = :no"
[[route]]
system = "hrs"
path = "/search"
database = "hrs"
shows = ["hr.staff.dob"]
"#;

pub(crate) const DUMP: &str = "CREATE TABLE hr.staff (staff_no text NOT NULL, name text, dob text);
CREATE TABLE hr.case (id integer, staff_no text);
CREATE TABLE hr.note (case_id integer, text text);
CREATE TABLE hr.lunch (dish text);
CREATE VIEW hr.directory AS SELECT staff_no, name FROM hr.staff;
COPY hr.staff (staff_no, name, dob) FROM stdin;
A\tann\t1
B\tbob\t2
C\tcat\t3
D\tdan\t4
\\.
COPY hr.case (id, staff_no) FROM stdin;
7\tB
\\.
COPY hr.note (case_id, text) FROM stdin;
7\tx
\\.
ALTER TABLE ONLY hr.staff ADD CONSTRAINT k PRIMARY KEY (staff_no);
GRANT SELECT ON TABLE hr.note TO clerk;
";

pub(crate) fn place(offset: u64) -> EventRef {
    EventRef { artefact: ArtefactId("0123456789abcdef".into()), offset, length: 1 }
}

pub(crate) fn access(time: i64, statement: &str, row_count: Option<i64>) -> Access {
    Access {
        id: place(time.unsigned_abs()).to_string(),
        step: "S01".into(),
        time: Instant(time),
        kind: AccessKind::Statement,
        system: "hrs".into(),
        database: "hrs".into(),
        role: Some("clerk".into()),
        connection: Some("c1".into()),
        sequence: Some(time),
        session: None,
        account: None,
        address: None,
        statement: statement.into(),
        parameters: Vec::new(),
        parameters_known: true,
        masked: false,
        row_count,
        is_within: false,
        completion: Completion::Completed,
        error: None,
        error_values: None,
        strength: Strength::Proved,
        reason: "because".into(),
        response_status: None,
        response_bytes: None,
        asked: None,
        asked_instead: None,
        response_bytes_instead: None,
        routes: None,
        proof: vec![place(time.unsigned_abs())],
        delivery: Vec::new(),
    }
}

#[test]
fn a_file_shows_its_rows_and_never_proves_that_all_were_read() {
    for (kind, completion, expected) in [
        (AccessKind::File, Completion::Unknown, "A:name~ B:name~ C:name~ D:name~"),
        (AccessKind::File, Completion::Completed, "A:name~ B:name~ C:name~ D:name~"),
        (AccessKind::File, Completion::Failed, ""),
    ] {
        let mut read = access(5, "SELECT staff_no, name FROM hr.staff", None);
        (read.kind, read.completion, read.role, read.connection, read.session) = (kind, completion, None, None, Some("fs1/0x5".into()));
        assert_eq!(cells(&Case::of(vec![read]).naive().0), expected, "{kind:?} {completion:?}");
    }
}

#[test]
fn what_an_application_read_is_proved_and_what_its_page_showed_only_by_a_route() {
    let through = |routes: &[&str], statement: &str, bytes: Option<i64>| {
        let mut read = access(5, statement, Some(1));
        (read.session, read.response_status, read.response_bytes) = (Some("web".into()), Some(200), bytes);
        read.routes = Some(routes.iter().map(|name| (*name).to_owned()).collect());
        cells(&Case::of(vec![read]).naive().0)
    };
    let (both, one) = ("SELECT name, dob FROM hr.staff WHERE staff_no = 'B'", "SELECT name FROM hr.staff WHERE staff_no = 'B'");
    let page = "hrs GET /staff/{no}";
    assert_eq!(through(&[page], one, Some(900)), "B:name+");
    assert_eq!(through(&[page], both, None), "B:date_of_birth~ B:name+", "the page's query does not select it");
    assert_eq!(through(&["hrs GET /search"], both, None), "B:date_of_birth+ B:name~", "the estate says what the page shows");
    assert_eq!(through(&[page, "hrs GET /search"], both, None), "B:date_of_birth+ B:name+", "two entries of one page");
    assert_eq!(through(&[], one, Some(900)), "B:name~", "no route fits");
    assert_eq!(through(&["hrs GET /gone"], one, None), "B:name~", "the estate has it no more");
}

#[test]
fn an_answer_that_is_large_enough_is_said_of_what_an_application_read() {
    let why = |bytes: Option<i64>| {
        let mut read = access(5, "SELECT name FROM hr.staff WHERE staff_no = 'B'", Some(1));
        (read.session, read.response_status, read.response_bytes) = (Some("web".into()), Some(200), bytes);
        read.routes = Some(Vec::new());
        let kept = Case::of(vec![read]).naive().0;
        assert_eq!(cells(&kept), "B:name~", "a size proves no content");
        kept.exposures[0].missing_proof.clone().unwrap_or_default()
    };
    assert!(why(Some(900)).contains("large enough to have held all that it read"));
    for bytes in [None, Some(1)] {
        assert_eq!(why(bytes), "the application read it to answer the actor; whether the page showed it is not logged");
    }
}

#[test]
fn a_file_without_a_copy_may_have_held_anybody() {
    let mut read = access(5, "SELECT staff_no, name FROM hr.staff WHERE staff_no = 'B'", None);
    (read.kind, read.completion, read.session) = (AccessKind::FileExtract, Completion::Completed, Some("fs1/0x5".into()));
    assert_eq!(cells(&Case::of(vec![read]).naive().0), "A:name? B:name~ C:name? D:name?");
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) exposures: Vec<Exposure>,
    pub(crate) replays: Vec<Replay>,
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) clearances: Vec<Clearance>,
    pub(crate) questions: Vec<Question>,
}

impl Output for Kept {
    fn exposures(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        self.exposures.extend(Exposure::from_batch(&batch)?);
        Ok(())
    }

    fn replays(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        self.replays.extend(Replay::from_batch(&batch)?);
        Ok(())
    }

    fn data_subjects(&mut self, _batch: RecordBatch) -> Result<(), ScanError> {
        Ok(())
    }

    fn sightings(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        self.sightings.extend(Sighting::from_batch(&batch)?);
        Ok(())
    }

    fn clearances(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        self.clearances.extend(Clearance::from_batch(&batch)?);
        Ok(())
    }

    fn open_questions(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        self.questions.extend(Question::from_batch(&batch)?);
        Ok(())
    }
}

pub(crate) struct Case {
    pub(crate) accesses: Vec<Access>,
    pub(crate) events: Vec<Event<'static>>,
    pub(crate) coverage: Coverage,
    /// What the dump holds besides.
    pub(crate) more: &'static str,
}

impl Case {
    pub(crate) fn of(accesses: Vec<Access>) -> Self {
        Self { accesses, events: Vec::new(), coverage: Coverage::default(), more: "" }
    }

    pub(crate) fn run(&self, make: crate::replay::MakeReplayer<'_>) -> (Kept, Summary) {
        self.run_on(ESTATE, KnownPeople::default(), make).expect("a case without faults")
    }

    pub(crate) fn run_on(&self, estate: &str, known: KnownPeople, make: crate::replay::MakeReplayer<'_>) -> Result<(Kept, Summary), ExposureError> {
        self.run_with(estate, (known, Options::default()), make)
    }

    fn run_with(
        &self,
        estate: &str,
        (known, options): (KnownPeople, Options),
        make: crate::replay::MakeReplayer<'_>,
    ) -> Result<(Kept, Summary), ExposureError> {
        let estate: Estate = toml::from_str(estate).expect("the estate is valid");
        let mut builder = EventBatchBuilder::new();
        self.events.iter().for_each(|event| builder.push(event));
        let events = vec![builder.finish().expect("events")];
        let accesses = vec![Access::to_batch(&self.accesses).expect("accesses")];
        let dump = format!("{DUMP}{}", self.more);
        let inputs = Inputs {
            estate: &estate,
            snapshots: vec![Snapshot { database: "hrs".into(), table: None, path: "dump.sql".into(), parts: Box::new(dump.as_bytes()) }],
            subjects: vec!["A".into()],
            known,
            accesses: &accesses,
            events: &events,
            coverage: &self.coverage,
            open: Vec::new(),
            options,
        };
        let mut kept = Kept::default();
        let summary = expose_with(inputs, make, &mut |_| {}, &mut kept)?;
        Ok((kept, summary))
    }

    fn naive(&self) -> (Kept, Summary) {
        self.run(&mut |database| Ok(Box::new(Naive { database, prepared: Vec::new() })))
    }
}

/// `C:name+ B:name? …`: subject, category, `+` confirmed, `~` likely, `?` possible, `i` for inferred.
pub(crate) fn cells(kept: &Kept) -> String {
    let mark = |e: &Exposure| {
        format!(
            "{}:{}{}{}",
            e.data_subject,
            e.category,
            &e.certainty.as_str().replace("confirmed", "+").replace("likely", "~").replace("possible", "?"),
            if e.basis.as_str() == "inferred" { "i" } else { "" }
        )
    };
    kept.exposures.iter().map(mark).collect::<Vec<_>>().join(" ")
}

fn check(case: &Case, outcomes: &str, expected: &str) -> (Kept, Summary) {
    let (kept, summary) = case.naive();
    assert_eq!(kept.replays.iter().map(|r| r.outcome.as_str()).collect::<Vec<_>>().join(" "), outcomes);
    assert_eq!(cells(&kept), expected);
    assert!(kept.exposures.iter().all(|e| e.missing_proof.is_none() == (e.certainty.as_str() == "confirmed")), "a reason for every cell that is not confirmed");
    check_sightings(&kept);
    (kept, summary)
}

/// No access shows what the matrix does not hold, and whatever is surer than possible was shown by some access that sure.
fn check_sightings(kept: &Kept) {
    for seen in &kept.sightings {
        let cells = kept.exposures.iter().filter(|e| e.category == seen.category && e.basis == seen.basis);
        let mut cells = cells.filter(|e| seen.data_subject.as_ref().is_none_or(|subject| *subject == e.data_subject));
        assert!(cells.any(|e| e.certainty >= seen.certainty), "a sighting has no cell");
    }
    for cell in kept.exposures.iter().filter(|e| e.certainty.as_str() != "possible") {
        let same = |s: &&Sighting| s.data_subject.as_deref() == Some(cell.data_subject.as_str()) && s.category == cell.category && s.basis == cell.basis;
        assert!(kept.sightings.iter().filter(same).any(|s| s.certainty == cell.certainty), "a cell has no sighting");
    }
}

fn with(mut access: Access, change: impl FnOnce(&mut Access)) -> Access {
    change(&mut access);
    access
}

/// One statement that sent so many rows, on the estate with a change.
fn check_described(from: &str, to: &str, statement: &str, rows: i64, expected: &str) {
    assert!(ESTATE.contains(from), "the estate no longer holds what the test changes");
    let case = Case::of(vec![access(1, statement, Some(rows))]);
    let make = &mut |database| Ok(Box::new(Naive { database, prepared: Vec::new() }) as Box<dyn Replayer>);
    let (kept, _) = case.run_on(&ESTATE.replacen(from, to, 1), KnownPeople::default(), make).expect("a case without faults");
    assert_eq!(cells(&kept), expected);
}

#[test]
fn a_column_that_nobody_looked_at_is_possible_and_no_more() {
    let from = "categories = { name = \"name\", dob = \"date_of_birth\" }";
    let to = "categories = { name = \"name\" }\nother_columns = \"date_of_birth\"\nwithout_personal_data = [\"staff_no\"]";
    check_described(from, to, "SELECT dob FROM hr.staff WHERE staff_no = 'B'", 1, "B:date_of_birth?");
    check_described(from, to, "SELECT name FROM hr.staff WHERE staff_no = 'B'", 1, "B:name+");
    check_described(from, to, "SELECT staff_no FROM hr.staff", 4, "");
}

#[test]
fn an_actor_whom_nobody_named_on_a_draft_makes_nobody_more_than_possible() {
    let case = Case::of(vec![access(1, POINT, Some(1))]);
    let make = &mut |database| Ok(Box::new(Naive { database, prepared: Vec::new() }) as Box<dyn Replayer>);
    let options = Options { guessed_actor: true, ..Options::default() };
    let (kept, _) = case.run_with(ESTATE, (KnownPeople::default(), options), make).expect("a case without faults");
    assert_eq!(cells(&kept), "B:name?");
}

#[test]
fn rows_that_are_not_about_people_show_nobody() {
    let key = "name = \"hr.staff\"\nsubject_key = \"staff_no\"";
    check_described(key, &format!("{key}\nrows = {{ dob = [\"1\", \"2\"] }}"), "SELECT name FROM hr.staff", 4, "A:name+ B:name+");
    check_described(key, &format!("{key}\nrows = {{ unheard = [\"1\"] }}"), "SELECT name FROM hr.staff WHERE staff_no = 'C'", 1, "C:name+");
}

#[test]
fn a_described_table_without_a_subject_is_of_somebody() {
    let via = "\nsubject_via = { column = \"case_id\", table = \"hr.case\", to_column = \"id\" }";
    check_described(via, "", "SELECT text FROM hr.note", 1, "A:health? B:health? C:health? D:health?");
    let through = "name = \"hr.case\"\nsubject_key = \"staff_no\"";
    check_described(through, "name = \"hr.case\"", "SELECT text FROM hr.note", 1, "A:health? B:health? C:health? D:health?");
}

#[test]
fn a_register_whose_numbers_name_other_people_is_refused() {
    let known = |names: [&str; 4]| {
        let lines = names.iter().zip(["A", "B", "C", "D"]).map(|(name, key)| vec![key.to_owned(), (*name).to_owned()]).collect();
        KnownPeople::new(vec!["key".into(), "name en".into()], lines)
    };
    let run = |known| {
        let make = &mut |database| Ok(Box::new(Naive { database, prepared: Vec::new() }) as Box<dyn Replayer>);
        Case::of(vec![access(1, POINT, Some(1))]).run_on(ESTATE, known, make).map(|(kept, _)| cells(&kept)).map_err(|error| error.to_string())
    };
    assert_eq!(run(known(["ann", "bob", "cat", "dan"])), Ok("B:name+".to_owned()));
    let refused = run(known(["bob", "cat", "dan", "ann"])).expect_err("each number is somebody else's");
    assert!(refused.contains("hr.staff") && refused.contains("another person"), "{refused}");
    assert_eq!(run(known(["eve", "fay", "gus", "hal"])), Ok("B:name+".to_owned()), "other names alone prove nothing");
}

const POINT: &str = "SELECT name FROM hr.staff WHERE staff_no = 'B'";

#[test]
fn displayed_and_delivered_is_confirmed() {
    let (kept, summary) = check(&Case::of(vec![access(1, POINT, Some(1))]), "replayed", "B:name+");
    assert_eq!(kept.exposures[0].columns, ["hr.staff.name"]);
    assert_eq!(kept.exposures[0].proof, [place(1)]);
    assert_eq!(summary.people, BTreeMap::from([(strandline_model::exposure::Certainty::Confirmed, 1)]));
}

#[test]
fn the_tier_drops_with_each_missing_proof() {
    let one = |change: fn(&mut Access)| Case::of(vec![with(access(1, POINT, Some(1)), change)]);
    check(&one(|a| a.row_count = None), "replayed", "B:name~");
    check(&one(|a| a.completion = Completion::Unknown), "replayed", "B:name~");
    check(&one(|a| a.is_within = true), "replayed", "B:name~");
    check(&one(|a| a.strength = Strength::Inferred), "replayed", "B:name~");
    check(&one(|a| a.strength = Strength::Open), "replayed", "B:name?");
    check(&one(|a| a.session = Some("s".into())), "replayed", "B:name~");
    check(&one(|a| a.response_status = Some(200)), "replayed", "B:name+");
    check(&one(|a| a.response_status = Some(500)), "replayed", "B:name?");
    check(&one(|a| a.response_status = Some(403)), "replayed", "B:name?");
    check(
        &one(|a| a.completion = Completion::Failed),
        "widened",
        "A:date_of_birth? A:name? B:date_of_birth? B:name? C:date_of_birth? C:name? D:date_of_birth? D:name?",
    );
    check(&one(|a| a.row_count = Some(0)), "replayed", "");
}

#[test]
fn a_route_is_delivered_by_its_status() {
    let route = |status| {
        Case::of(vec![with(access(1, POINT, None), |a| {
            a.kind = AccessKind::Route;
            a.response_status = status;
        })])
    };
    check(&route(Some(200)), "replayed", "B:name~");
    check(&route(Some(404)), "failed", "");
    check(&route(Some(502)), "replayed", "B:name?");
    check(&route(None), "replayed", "B:name~");
}

/// `/staff/find` fits `/staff/{no}`: it was answered, and nobody has that number, so that another page answered.
#[test]
fn a_page_of_nobody_that_was_answered_is_another_page_and_clears_nobody() {
    let nobody = "SELECT name FROM hr.staff WHERE staff_no = 'find'";
    let page = |path: &str, status| {
        with(access(1, nobody, None), |a| {
            (a.kind, a.response_status, a.routes) = (AccessKind::Route, status, Some(vec![format!("hr GET {path}")]));
        })
    };
    for (path, status, outcome) in [("/staff/{no}", Some(200), "unknown"), ("/staff?q", Some(200), "replayed"), ("/staff/{no}", Some(404), "failed")] {
        check(&Case::of(vec![page(path, status)]), outcome, "");
    }
}

#[test]
fn a_count_that_differs_widens() {
    check(&Case::of(vec![access(1, "SELECT name FROM hr.staff WHERE dob = '2'", Some(2))]), "replayed", "A:name? B:name~ C:name? D:name?");
    // A statement that asks for one subject by key can show nobody else.
    check(&Case::of(vec![access(1, POINT, Some(2))]), "replayed", "B:name~");
    check(&Case::of(vec![access(1, "SELECT name FROM hr.staff WHERE staff_no = 'Z'", Some(1))]), "replayed", "Z:name?");
}

#[test]
fn what_cannot_be_replayed_is_possible_for_all_of_its_tables() {
    check(
        &Case::of(vec![access(1, "SELECT max(name) FROM hr.staff", Some(1))]),
        "widened",
        "A:date_of_birth? A:name? B:date_of_birth? B:name? C:date_of_birth? C:name? D:date_of_birth? D:name?",
    );
    check(&Case::of(vec![access(1, "SELECT text FROM hr.note JOIN", Some(1))]), "widened", "B:health?");
    let (_, summary) = check(
        &Case::of(vec![access(1, "SELECT dish FROM hr.lunch", Some(1)), access(2, "SELECT * FROM other.thing", Some(1))]),
        "undescribed widened",
        "B:health?",
    );
    assert!(summary.undescribed.contains("hr.lunch") && summary.undescribed.contains("other.thing"));
    check(
        &Case::of(vec![access(1, "SELECT version()", Some(1)), access(2, "SELECT relname FROM pg_class", Some(1)), access(3, "BEGIN", None)]),
        "no_personal_data no_personal_data control",
        "",
    );
    // A function that is not known to be harmless may read what the role may read.
    check(&Case::of(vec![access(1, "SELECT query_to_xml('select 1', true, true, '')", Some(1)), access(2, "CALL f()", None)]), "widened widened", "B:health?");
}

#[test]
fn masked_and_unknown_values_widen() {
    let masked = with(access(1, "SELECT name FROM hr.staff WHERE name = $1 AND dob = '2'", Some(1)), |a| a.parameters = vec![Some("[masked]".into())]);
    check(&Case::of(vec![masked]), "widened", "B:name?");
    // Bytes that are no letters in the log's encoding: the server compared with another name.
    let unreadable = access(1, "SELECT name FROM hr.staff WHERE name = 'M\u{fffd}ller' AND dob = '2'", Some(1));
    check(&Case::of(vec![unreadable]), "widened", "B:name?");
    let unknown = with(access(1, "SELECT name FROM hr.staff WHERE staff_no = $1", Some(1)), |a| a.parameters_known = false);
    check(&Case::of(vec![unknown]), "widened", "A:name? B:name? C:name? D:name?");
}

#[test]
fn only_fetched_rows_of_a_cursor_are_displayed() {
    let cursor = vec![
        access(1, "BEGIN", None),
        access(2, "DECLARE c1 CURSOR FOR SELECT name FROM hr.staff", Some(0)),
        access(3, "FETCH 2 FROM c1", Some(2)),
        access(4, "MOVE 1 FROM c1", None),
        access(5, "FETCH NEXT FROM c1", Some(0)),
        access(6, "FETCH NEXT FROM c1", Some(0)),
        access(7, "CLOSE c1", None),
    ];
    let (kept, _) = check(&Case::of(cursor), "control control replayed control replayed replayed control", "A:name+ B:name+ D:name+");
    assert_eq!(kept.exposures[0].proof, [place(2), place(3)]);
    check(&Case::of(vec![access(1, "FETCH 2 FROM lost", None)]), "widened", "B:health?");
}

#[test]
fn a_fetch_is_confirmed_by_the_number_that_it_states() {
    let fetch = |command: &str| Case::of(vec![access(2, "DECLARE c1 CURSOR FOR SELECT name FROM hr.staff", Some(0)), access(3, command, None)]);
    check(&fetch("FETCH 2 FROM c1"), "control replayed", "A:name+ B:name+");
    // More were asked for than there are, or no number was: what was sent is then not stated.
    check(&fetch("FETCH 9 FROM c1"), "control replayed", "A:name~ B:name~ C:name~ D:name~");
    check(&fetch("FETCH ALL FROM c1"), "control replayed", "A:name~ B:name~ C:name~ D:name~");
}

#[test]
fn a_cursor_whose_fetches_are_not_logged_is_likely_throughout() {
    let mut case = Case::of(vec![access(2, "DECLARE c1 CURSOR FOR SELECT name FROM hr.staff", Some(0))]);
    let (kept, summary) = check(&case, "replayed", "A:name~ B:name~ C:name~ D:name~");
    assert_eq!(kept.exposures[0].missing_proof.as_deref(), Some("how many rows were fetched from the cursor is not logged"));
    assert_eq!(summary.notes.len(), 1);
    // Where the log would have the FETCH, there was none.
    let mut declared = event(2, "DECLARE c1 CURSOR FOR SELECT name FROM hr.staff");
    declared.activity = Activity::Read;
    case.events.push(declared);
    check(&case, "control", "");
}

#[test]
fn prepared_statements_run_with_their_arguments() {
    let accesses = vec![
        access(1, "PREPARE p (text) AS SELECT name FROM hr.staff WHERE staff_no = $1", None),
        access(2, "EXECUTE p ('C')", None),
        access(3, "EXECUTE q ('C')", None),
    ];
    check(&Case::of(accesses), "control replayed widened", "B:health? C:name~");
    let audited = with(access(1, "PREPARE p (text) AS SELECT name FROM hr.staff WHERE staff_no = $1", Some(1)), |a| a.parameters = vec![Some("D".into())]);
    check(&Case::of(vec![audited]), "replayed", "D:name+");
    check(&Case::of(vec![access(1, "PREPARE p AS SELECT name FROM hr.staff WHERE staff_no = 'A'", None)]), "replayed", "A:name?");
}

pub(crate) fn event(time: i64, sql: &'static str) -> Event<'static> {
    let mut event = Event::new(Instant(time), Class::Datastore, Activity::Write, place(1000 + time.unsigned_abs()));
    event.session = Some("w".into());
    event.database = Some("hrs".into());
    event.statement = Some(sql.into());
    event.record_kind = Some(RecordKind::Statement);
    if sql.starts_with("DECLARE") {
        event.session = Some("c1".into());
    }
    event
}

#[test]
fn data_is_read_as_of_the_access() {
    let mut case =
        Case::of(vec![access(10, "SELECT name FROM hr.staff WHERE dob = '2'", Some(1)), access(30, "SELECT name FROM hr.staff WHERE dob = '2'", Some(1))]);
    let update = "UPDATE hr.staff SET dob = '2' WHERE staff_no = 'D'";
    let mut audit = event(20, update);
    audit.record_kind = Some(RecordKind::PgauditSession);
    audit.row_count = Some(1);
    let mut undo = event(25, "ROLLBACK");
    undo.activity = Activity::Query;
    let mut begin = event(24, "BEGIN");
    begin.activity = Activity::Query;
    case.events = vec![event(20, "DELETE FROM hr.staff WHERE staff_no = 'B'"), event(20, update), audit, begin, event(24, "DELETE FROM hr.staff"), undo];
    check(&case, "replayed replayed", "B:name+ D:name+");
}

#[test]
fn a_gap_makes_all_that_the_role_may_read_possible() {
    let gap = |from, to| Gap {
        source: "db-log".into(),
        system: "db".into(),
        artefact: None,
        kind: GapKind::Silence,
        interval: Interval { from: Instant(from), to: Instant(to) },
        missing: None,
        reason: "silence".into(),
        evidence: vec![place(77)],
    };
    let mut case = Case::of(vec![access(5, POINT, Some(1)), access(50, "SELECT 1", Some(1))]);
    case.coverage.gaps = vec![gap(10, 20)];
    let (kept, summary) = check(&case, "replayed no_personal_data", "B:health? B:name+");
    assert_eq!((kept.exposures[0].proof.as_slice(), kept.exposures[0].accesses.len()), ([place(77)].as_slice(), 0));
    assert_eq!(summary.gaps.len(), 1);
    // An unknown role may read everything; a session is gone when it is no more seen.
    case.accesses.iter_mut().for_each(|a| a.role = Some("stranger".into()));
    let (kept, _) = case.naive();
    assert_eq!(kept.exposures.iter().filter(|e| e.category == "date_of_birth").count(), 4);
    case.accesses.iter_mut().for_each(|a| a.session = Some("s".into()));
    case.coverage.gaps = vec![gap(60, 70)];
    assert_eq!(case.naive().0.exposures.len(), 1);
}

#[test]
fn views_copies_and_returned_rows_are_reads() {
    check(&Case::of(vec![access(1, "COPY (SELECT name FROM hr.staff WHERE dob = '1') TO STDOUT", Some(1))]), "replayed", "A:name+");
    check(&Case::of(vec![access(1, "CREATE TABLE x AS SELECT name FROM hr.staff WHERE dob = '1'", Some(1))]), "replayed", "A:name~");
    check(&Case::of(vec![access(1, "DELETE FROM hr.staff WHERE dob = '1' RETURNING name", Some(1))]), "replayed", "A:name+");
    check(
        &Case::of(vec![access(1, "SELECT name FROM hr.directory", Some(4))]),
        "widened",
        "A:date_of_birth? A:name? B:date_of_birth? B:name? C:date_of_birth? C:name? D:date_of_birth? D:name?",
    );
    check(&Case::of(vec![access(1, "SELECT name FROM hr.staff WHERE dob = '1'; SELECT text FROM hr.note", Some(1))]), "replayed", "A:name~ B:health~");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let case = Case::of((1..200).map(|t| access(t, if t % 3 == 0 { "SELECT * FROM hr.staff" } else { POINT }, Some(if t % 3 == 0 { 4 } else { 1 }))).collect());
    let (first, second) = (case.naive().0, case.naive().0);
    assert!(first.exposures == second.exposures && first.replays == second.replays);
    assert_eq!(first.exposures.iter().map(|e| e.accesses.len()).max(), Some(100));
}

/// The same, through the real engine.
fn check_engine(case: &Case, outcomes: &str, expected: &str) {
    let options = Options::default();
    let (kept, _) = case.run(&mut |database| crate::engine::replayer(database, &options));
    let told = kept.replays.iter().map(|r| r.outcome.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!((told.as_str(), cells(&kept).as_str()), (outcomes, expected), "{:?}", kept.replays.iter().map(|r| &r.reason).collect::<Vec<_>>());
}

#[test]
fn the_engine_replays_points_joins_and_views() {
    check_engine(&Case::of(vec![access(1, POINT, Some(1))]), "replayed", "B:name+");
    let parameter = with(access(1, "SELECT name, dob FROM staff WHERE staff_no = $1", Some(1)), |a| a.parameters = vec![Some("C".into())]);
    check_engine(&Case::of(vec![parameter]), "replayed", "C:date_of_birth+ C:name+");
    let join = "SELECT n.text, s.name FROM hr.note n JOIN hr.case c ON c.id = n.case_id JOIN hr.staff s USING (staff_no)";
    check_engine(&Case::of(vec![access(1, join, Some(1))]), "replayed", "B:health+ B:name+");
    check_engine(&Case::of(vec![access(1, "SELECT name FROM directory ORDER BY staff_no LIMIT 2", Some(2))]), "replayed", "A:name+ B:name+");
    check_engine(&Case::of(vec![access(1, "SELECT count(*) FROM hr.staff", Some(1))]), "replayed", "");
    check_engine(&Case::of(vec![access(1, "TABLE hr.case", Some(1))]), "replayed", "");
}

#[test]
fn the_engine_serves_cursors_prepared_and_masked_statements() {
    let accesses = vec![
        access(1, "DECLARE c1 CURSOR FOR SELECT name FROM hr.staff ORDER BY staff_no DESC", Some(0)),
        access(2, "FETCH 1 FROM c1", Some(1)),
        access(3, "FETCH BACKWARD ALL FROM c1", None),
        access(4, "PREPARE p AS SELECT dob FROM hr.staff WHERE staff_no = $1", None),
        access(5, "EXECUTE p ('A')", None),
    ];
    check_engine(&Case::of(accesses), "control replayed replayed control replayed", "A:date_of_birth~ D:name+");
    let masked = with(access(1, "SELECT name FROM hr.staff WHERE name = $1 AND dob = '2'", Some(1)), |a| a.parameters = vec![Some("[masked]".into())]);
    check_engine(&Case::of(vec![masked]), "widened", "B:date_of_birth?i B:name?");
    let failed = with(access(1, POINT, None), |a| a.completion = Completion::Failed);
    check_engine(
        &Case::of(vec![failed, access(2, "SELECT name FROM hr.staff WHERE dob = '2'", Some(2))]),
        "widened replayed",
        "A:date_of_birth? A:name? B:date_of_birth? B:date_of_birth~i B:name~ C:date_of_birth? C:name? D:date_of_birth? D:name?",
    );
    check_engine(&Case::of(vec![access(1, "SELECT name FROM hr.staff LIMIT 1", Some(1))]), "replayed", "A:name~ B:name~ C:name~ D:name~");
    // Nor is it known then what the page of an application showed of it.
    let through = with(access(1, "SELECT name FROM hr.staff LIMIT 1", Some(1)), |read| {
        (read.session, read.response_status, read.routes) = (Some("web".into()), Some(200), Some(Vec::new()));
    });
    check_engine(&Case::of(vec![through]), "replayed", "A:name? B:name? C:name? D:name?");
    // Where only a pattern says that it was the actor's, that is a second doubt.
    let guessed = Access { strength: Strength::Inferred, ..access(1, "SELECT name FROM hr.staff LIMIT 1", Some(1)) };
    check_engine(&Case::of(vec![guessed]), "replayed", "A:name? B:name? C:name? D:name?");
    let guessed = Access { strength: Strength::Inferred, ..access(1, "SELECT name FROM hr.staff ORDER BY staff_no LIMIT 1", Some(1)) };
    check_engine(&Case::of(vec![guessed]), "replayed", "A:name~");
}

#[test]
fn the_engine_reads_what_the_log_wrote() {
    let mut case = Case::of(vec![
        access(10, "SELECT name FROM hr.staff WHERE staff_no = 'B'", Some(1)),
        access(30, "SELECT staff_no, name FROM hr.staff ORDER BY staff_no", Some(4)),
    ]);
    case.events = vec![event(20, "DELETE FROM hr.staff WHERE staff_no = 'B'"), event(21, "INSERT INTO hr.staff (staff_no, name) VALUES ('E', 'eve')")];
    check_engine(&case, "replayed replayed", "A:name~ B:name+ C:name~ D:name~ E:name~");
}

#[test]
fn a_count_proves_nothing_of_an_open_table_where_a_row_may_stand_for_another() {
    let check = |statement: &str, count: i64, expected: &str| {
        let mut case = Case::of(vec![access(30, statement, Some(count))]);
        // Who came with it is not in the log.
        case.events = vec![event(20, "COPY hr.staff FROM STDIN")];
        check_engine(&case, "replayed", expected);
    };
    check("SELECT name FROM hr.staff", 4, "A:name+ B:name+ C:name+ D:name+");
    check("SELECT name FROM hr.staff WHERE staff_no < 'C'", 2, "A:name+ B:name+");
    check("SELECT name FROM hr.staff ORDER BY staff_no LIMIT 2", 2, "A:name~ B:name~ C:name? D:name?");
    check("SELECT name FROM hr.staff ORDER BY staff_no LIMIT 9", 4, "A:name+ B:name+ C:name+ D:name+");
    check("SELECT DISTINCT name FROM hr.staff", 4, "A:name~ B:name~ C:name~ D:name~");
    check("SELECT max(name) FROM hr.staff WHERE staff_no = 'B'", 1, "B:name~");
    // The query within it asks for nobody by key.
    check(
        "SELECT staff_no, (SELECT max(name) FROM hr.staff) FROM hr.staff WHERE staff_no = 'B'",
        1,
        "A:name? A:name~i B:name? B:name~i C:name? C:name~i D:name~",
    );
    check("SELECT name FROM hr.staff s WHERE NOT EXISTS (SELECT 1 FROM hr.staff t WHERE t.staff_no > s.staff_no)", 1, "A:name? B:name? C:name? D:name~");
    check("SELECT string_agg(name, ',') FROM hr.staff WHERE staff_no < 'C'", 1, "A:name~ B:name~ C:name? D:name?");
}

/// What a statement does not display is in question only where it looks at it.
#[test]
fn an_open_table_puts_in_question_what_a_statement_can_show_of_it() {
    let check = |statement: &str, expected: &str| {
        let mut case = Case::of(vec![access(30, statement, None)]);
        case.events = vec![event(20, "COPY hr.staff FROM STDIN")];
        check_engine(&case, "replayed", expected);
    };
    check("SELECT count(*) FROM hr.staff", "");
    check("SELECT 1 FROM hr.staff", "");
    check("SELECT staff_no FROM hr.staff", "");
    check("SELECT count(*) FROM hr.staff WHERE dob = '9'", "A:date_of_birth? B:date_of_birth? C:date_of_birth? D:date_of_birth?");
    check("SELECT max(name) FROM hr.staff WHERE false", "A:name? B:name? C:name? D:name?");
    check("SELECT name FROM hr.staff WHERE 1 = 2", "A:name? B:name? C:name? D:name?");
    check("SELECT length(name) FROM hr.staff WHERE staff_no = 'Z'", "Z:name?");
}

#[test]
fn a_row_that_nobody_knows_may_bring_any_row_that_it_is_joined_to() {
    // Whose notes came with it is not in the log, and it has no count of rows.
    let mut case = Case::of(vec![access(30, "SELECT s.name FROM hr.case c JOIN hr.staff s USING (staff_no) WHERE c.id = 99", None)]);
    case.events = vec![event(20, "COPY hr.case FROM STDIN")];
    check_engine(&case, "replayed", "A:name? B:name? C:name? D:name?");
    case.events = vec![event(20, "COPY hr.note FROM STDIN")];
    check_engine(&case, "replayed", "");
}

#[test]
fn rows_of_a_prepared_statement_that_went_into_a_table_were_not_sent() {
    let prepare = "PREPARE p AS SELECT name FROM hr.staff WHERE staff_no < 'C'";
    let accesses = |run: &str| vec![access(1, prepare, None), access(2, run, None), access(3, prepare, Some(2))];
    check_engine(&Case::of(accesses("EXECUTE p")), "control replayed replayed", "A:name+ B:name+");
    let trigger = "CREATE TRIGGER seen BEFORE INSERT ON hr.staff EXECUTE FUNCTION note()";
    check_engine(&Case::of(accesses(trigger)), "control control replayed", "A:name+ B:name+");
    let (kept, _) = Case::of(accesses("CREATE TABLE taken AS EXECUTE p")).run(&mut |database| crate::engine::replayer(database, &Options::default()));
    assert_eq!(cells(&kept), "A:name? B:name?");
}

/// What code does stands in the log by itself, unless the log changes it: then nobody knows what the dump's says of it.
#[test]
fn code_that_the_log_changes_is_not_taken_to_be_as_in_the_dump() {
    let mut case = Case::of(vec![with(access(30, "SELECT hr.find('B')", Some(1)), |a| a.is_within = true)]);
    case.more = "CREATE FUNCTION hr.find(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT name FROM hr.staff WHERE staff_no = $1); END';\n";
    check(&case, "control", "");
    case.events = vec![event(20, "CREATE OR REPLACE FUNCTION hr.find(text) RETURNS text LANGUAGE sql AS 'SELECT dob FROM hr.staff'")];
    // All that the role may read.
    check(&case, "widened", "B:health?");
}

#[test]
fn a_row_in_question_leaves_nobody_confirmed_among_whom_it_may_stand() {
    let check_counted = |statement: &str, count: Option<i64>, expected: &str| {
        let mut case = Case::of(vec![access(30, statement, count)]);
        // The last statement of its connection: nothing tells that it was committed.
        let mut update = event(20, "UPDATE hr.staff SET dob = '2' WHERE staff_no = 'A'");
        (update.record_kind, update.row_count, update.transaction) = (Some(RecordKind::PgauditSession), Some(1), Some("8/2".into()));
        case.events = vec![update];
        check_engine(&case, "replayed", expected);
    };
    let check = |statement: &str, count: i64, expected: &str| check_counted(statement, Some(count), expected);
    check("SELECT name FROM hr.staff WHERE dob = '2'", 1, "A:name? B:date_of_birth~i B:name+");
    check("SELECT name FROM hr.staff WHERE dob = '2' ORDER BY staff_no LIMIT 1", 1, "A:name? B:date_of_birth~i B:name~");
    check("SELECT max(name) FROM hr.staff WHERE dob = '2'", 1, "A:name? B:date_of_birth~i B:name~");
    // One row more moves others into what an OFFSET leaves, or into the place that a function takes; it moves nobody into the first rows.
    check(
        "SELECT name FROM hr.staff WHERE dob <> '1' ORDER BY staff_no LIMIT 1 OFFSET 1",
        1,
        "A:name? B:date_of_birth?i B:name? C:date_of_birth~i C:name~ D:date_of_birth?i D:name?",
    );
    check("SELECT name FROM hr.staff WHERE dob <> '1' ORDER BY staff_no LIMIT 1 OFFSET 0", 1, "A:name? B:date_of_birth~i B:name~");
    check(
        "SELECT nth_value(name, 2) OVER (ORDER BY staff_no) FROM hr.staff WHERE dob <> '1'",
        3,
        "A:name? B:date_of_birth~i B:name? B:name~i C:date_of_birth~i C:name~ D:date_of_birth~i D:name? D:name~i",
    );
    check_counted("SELECT min(name) FROM hr.staff WHERE dob <> '1' HAVING count(*) > 3", None, "A:name? B:name? C:name? D:name?");
    // Nothing hangs on the value that is not known.
    check("SELECT name FROM hr.staff WHERE staff_no > 'A' ORDER BY staff_no LIMIT 1", 1, "B:name+");
    check("SELECT name, dob FROM hr.staff WHERE staff_no > 'A' ORDER BY staff_no LIMIT 1", 1, "B:date_of_birth+ B:name+");
    check("SELECT name, dob FROM hr.staff WHERE staff_no < 'C' ORDER BY staff_no", 2, "A:date_of_birth~ A:name+ B:date_of_birth+ B:name+");
    // A row whose value is not known may meet any other, of its own table too.
    check("SELECT q.name FROM hr.staff p JOIN hr.staff q ON q.dob = p.dob WHERE p.staff_no = 'A'", 1, "A:date_of_birth~i A:name~ B:name? C:name? D:name?");
    check("SELECT name, dob FROM hr.staff WHERE staff_no > 'A' ORDER BY 2, staff_no LIMIT 1", 1, "A:date_of_birth? A:name? B:date_of_birth~ B:name~");
}

/// pgaudit writes NULL and an empty text alike.
#[test]
fn a_write_with_a_value_that_is_null_or_empty_may_have_touched_rows() {
    let mut case = Case::of(vec![access(30, "SELECT name FROM hr.staff WHERE dob = '2'", None)]);
    let mut audit = event(20, "UPDATE hr.staff SET dob = $1 WHERE name >= $2 AND staff_no = 'D'");
    (audit.record_kind, audit.parameters) = (Some(RecordKind::PgauditSession), Some(vec![Some("2".into()), None]));
    case.events = vec![audit];
    check_engine(&case, "replayed", "B:date_of_birth~i B:name~ D:name?");
}

#[test]
fn an_upsert_that_fails_may_quote_the_row_that_is_there() {
    let failed = |statement: &str| {
        let failed = with(access(1, statement, None), |a| a.completion = Completion::Failed);
        Case::of(vec![failed]).naive().0.replays.remove(0).outcome
    };
    assert_eq!(failed("INSERT INTO hr.staff (staff_no, name) VALUES ('A', 'x')"), "control");
    assert_eq!(failed("INSERT INTO hr.staff (staff_no, name) VALUES ('A', 'x') ON CONFLICT DO NOTHING"), "control");
    assert_eq!(failed("INSERT INTO hr.staff (staff_no, name) VALUES ('A', 'x') ON CONFLICT (staff_no) DO UPDATE SET dob = staff.name::date"), "widened");
    assert_eq!(failed("INSERT INTO hr.staff (staff_no, name) VALUES ('A', 'x') ON CONFLICT (staff_no) DO UPDATE SET dob = 'y'"), "widened");
}

#[test]
fn a_count_of_no_row_says_nothing_of_rows_that_went_into_a_table() {
    check_engine(&Case::of(vec![access(1, "INSERT INTO hr.lunch SELECT name FROM hr.staff WHERE staff_no = 'B'", Some(0))]), "replayed", "B:name~");
    check_engine(&Case::of(vec![access(1, "CREATE TABLE hr.x AS SELECT name FROM hr.staff WHERE staff_no = 'B'", Some(0))]), "replayed", "B:name~");
    check_engine(&Case::of(vec![access(1, "SELECT name FROM hr.staff WHERE staff_no = 'B'", Some(0))]), "replayed", "");
}

#[test]
fn what_a_setting_of_the_session_holds_is_shown_by_whoever_reads_it() {
    let filled = |statement: &'static str, read: &str| {
        let mut case = Case::of(vec![access(30, read, Some(1))]);
        let mut set = event(20, statement);
        (set.activity, set.session, set.place) = (Activity::Query, Some("c1".into()), place(20));
        case.events = vec![set];
        let options = Options::default();
        cells(&case.run(&mut |database| crate::engine::replayer(database, &options)).0)
    };
    let check = |statement: &'static str, read: &str, expected: &str| assert_eq!(filled(statement, read), expected, "{statement}; {read}");
    let set = "SELECT set_config('app.v', (SELECT name FROM hr.staff WHERE staff_no = 'B'), false)";
    check(set, "SELECT current_setting('app.v')", "B:name?");
    check(set, "SHOW app.v", "B:name?");
    check(set, "SELECT current_setting('app.w', true)", "");
    check(set, "INSERT INTO hr.lunch VALUES (current_setting('app.v'))", "B:name?");
    check(set, "SELECT name FROM hr.staff WHERE staff_no = 'C' AND current_setting('app.v') <> 'x'", "C:name+");
    check("SET app.v = 'x'", "SELECT current_setting('app.v')", "");
    // What code put there is not known: all that the role may read.
    check("DO $$ BEGIN PERFORM 1; END $$", "SELECT current_setting('app.v')", "B:health?");
}

#[test]
fn a_temporary_table_hides_a_described_one_from_its_writes() {
    let read = || access(30, "SELECT staff_no, name FROM hr.staff ORDER BY staff_no", Some(4));
    let mut case = Case::of(vec![read()]);
    case.events = vec![event(20, "CREATE TEMP TABLE staff AS SELECT 1 AS n"), event(21, "DELETE FROM staff")];
    check_engine(&case, "replayed", "A:name~ B:name~ C:name~ D:name~");
}

#[test]
fn what_was_put_into_a_table_that_no_snapshot_has_is_not_described() {
    let mut case = Case::of(vec![access(30, "SELECT * FROM hr.fresh", Some(1))]);
    case.events = vec![event(20, "CREATE TABLE hr.fresh (name text)"), event(21, "INSERT INTO hr.fresh VALUES ('x')")];
    check_engine(&case, "undescribed", "");
}

#[test]
fn every_sentence_of_missing_proof_is_documented() {
    let page = include_str!("../../../docs/exposure.md");
    let source = include_str!("missing.rs");
    let sentences = source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \"")?.1.strip_suffix("\","));
    assert!(sentences.clone().count() > 20);
    for sentence in sentences {
        assert!(page.contains(sentence), "{sentence}");
    }
}

#[test]
fn the_snapshots_of_the_recordings_are_read_in_full() {
    let shared = std::env::var("STRANDLINE_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let mut any = false;
    for recording in ["kms-pivot", "quiet-hours"] {
        let path = format!("{shared}/recordings/{recording}/snapshot/hr.sql");
        let Ok(text) = std::fs::read(&path) else { continue };
        any = true;
        let estate: Estate = toml::from_str(include_str!("../../../examples/prison-service/estate.toml")).expect("the example is valid");
        let snapshot = Snapshot { database: "hrs".into(), table: None, path: "hr.sql".into(), parts: Box::new(text.as_slice()) };
        let (databases, notes) = strandline_history::load(&estate, vec![snapshot], &strandline_history::ReadOptions::default()).expect("a whole dump");
        let hrs = databases.iter().find(|d| d.id == "hrs").expect("the estate has it");
        // A COPY row is a line, so lines between COPY and its end are the rows.
        let (mut expected, mut inside) = (0, false);
        for line in String::from_utf8_lossy(&text).lines() {
            inside = (inside || line.starts_with("COPY ")) && line != "\\.";
            expected += usize::from(inside && !line.starts_with("COPY "));
        }
        assert_eq!(hrs.tables.iter().map(strandline_history::store::StoredTable::rows).sum::<usize>(), expected);
        let staff = &hrs.tables[hrs.table("hr.staff").expect("described")];
        assert_eq!((staff.columns.len(), staff.unique_keys.clone(), staff.unsure_rows.len(), notes.len()), (12, vec![vec![0]], 0, 0));
        assert_eq!(staff.columns[staff.column_index("dob").expect("described")].kind, ColumnKind::Date);
        assert_eq!(hrs.views.len(), 1);
    }
    if !any {
        println!("skipped: the recordings are not here");
    }
}
