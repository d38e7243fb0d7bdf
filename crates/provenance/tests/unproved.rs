//! Rows that are not proved: whether they were there, or what a cell held, is not known. Where one row more or less changes what others show,
//! the others are in doubt too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hospital;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use hospital::{text, texts, whole, wholes};
use strandline_provenance::{Call, Database, Dialect, Engine, Hidden, NearCell, Options, Session, VersionedTable, View, column_in_doubt};

/// The row of 2 is not proved, and its unit is not known; of the visits the one of 3 is not.
fn crew() -> Database {
    let mut person = hospital::table(
        "person",
        vec![whole("id"), text("name"), text("unit")],
        vec![vec![0]],
        vec![wholes(&[1, 2, 3, 4]), texts(&["Ann", "Ben", "Cat", "Dan"]), Arc::new(StringArray::from(vec![Some("A"), None, Some("A"), Some("A")]))],
        Some(&[1, 2, 3, 4]),
        &[1],
    );
    person.name = "person".into();
    let visits: Arc<Int64Array> = Arc::new(Int64Array::from(vec![1, 3, 4]));
    let visit = hospital::table("visit", vec![whole("person_id"), text("reason")], vec![], vec![visits, texts(&["x", "y", "z"])], Some(&[1, 3, 4]), &[1]);
    Database { search_path: vec!["clinic".into()], dialect: Dialect::PostgreSql, tables: vec![person, visit], ..hospital::hospital() }
}

fn check(sql: &str, expected: &str) {
    check_in(&Database { views: Vec::new(), ..crew() }, sql, expected);
}

fn check_in(database: &Database, sql: &str, expected: &str) {
    let engine = Engine::new(database.clone(), Options { threads: 1, ..Options::default() }).unwrap();
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let shown = hospital::readable(database, &replayed).split("; ").filter(|part| part.starts_with("displayed")).collect::<Vec<_>>().join("; ");
    let others = if replayed.others.is_empty() { "" } else { "; others" };
    assert_eq!(format!("{shown}{others}"), expected, "{sql}");
}

#[test]
fn a_row_that_is_not_proved_shifts_a_page() {
    check("SELECT name FROM person ORDER BY id LIMIT 1", "displayed name: 1 2 (DoubtfulRow)");
    check("SELECT name FROM person ORDER BY id OFFSET 3", "displayed name: 2 4 (DoubtfulRow)");
    check("SELECT name FROM person WHERE unit = 'A' ORDER BY id LIMIT 1 OFFSET 1", "displayed name: 3 (Comparison); others");
    check("SELECT name FROM person WHERE id > 2 ORDER BY id LIMIT 1", "displayed name: 3");
    // Without that row the piece is another one's.
    check("SELECT substr(string_agg(name, ',' ORDER BY id), 5, 3) FROM person", "displayed name: 2 (DoubtfulRow); displayed name: 1 3 4 (Displaced)");
}

#[test]
fn what_no_row_can_change_stays_sure() {
    check("SELECT name FROM person WHERE unit = 'A'", "displayed name: 1 3 4");
    check("SELECT name FROM person WHERE id = 4", "displayed name: 4");
    check("SELECT string_agg(name, ',' ORDER BY id) FROM person", "displayed name: 1 3 4; displayed name: 2 (DoubtfulRow)");
}

#[test]
fn whoever_a_row_brings_with_it_is_as_sure_as_the_row() {
    check("SELECT p.name FROM person p JOIN visit v ON v.person_id = p.id", "displayed name: 1 4; displayed name: 3 (DoubtfulRow)");
    check("SELECT p.name FROM person p LEFT JOIN visit v ON v.person_id = p.id WHERE p.id > 2", "displayed name: 3 4");
    check("SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM visit v WHERE v.person_id = p.id) AND id > 2", "displayed name: 3 4 (Comparison); others");
    check("SELECT max(name) FROM person", "displayed name: 4 (ExtremeOfGroup); others");
}

/// Of a group it may hold the extreme, or come first, or another row does.
#[test]
fn a_row_that_is_not_proved_may_leave_its_place_in_a_group_to_another() {
    let mut database = Database { views: Vec::new(), ..crew() };
    let columns = vec![whole("id"), text("name"), text("unit")];
    let values: Vec<ArrayRef> = vec![wholes(&[1, 2, 3, 4]), texts(&["Ann", "Ben", "Cat", "Dan"]), texts(&["B", "A", "A", "A"])];
    database.tables[0] = hospital::table("person", columns, vec![vec![0]], values, Some(&[1, 2, 3, 4]), &[1]);
    let check = |sql: &str, expected: &str| check_in(&database, sql, expected);
    check("SELECT unit, min(name) FROM person GROUP BY unit", "displayed name: 2 (DoubtfulRow); displayed name: 3 4 (Displaced); displayed name,unit: 1");
    check("SELECT unit, max(name) FROM person GROUP BY unit HAVING min(id) > 1", "displayed name: 4 (ExtremeOfGroup); displayed name: 2 3 (Displaced)");
    check("SELECT min(name) FROM person WHERE id > 2 GROUP BY unit", "displayed name: 3 (ExtremeOfGroup)");
    check(
        "SELECT min(name) FILTER (WHERE id < 4) FROM person GROUP BY unit",
        "displayed name: 1; displayed name: 2 (DoubtfulRow); displayed name: 3 (Displaced)",
    );
    check(
        "SELECT DISTINCT ON (unit) unit, name FROM person ORDER BY unit, id",
        "displayed name,unit: 1; displayed name,unit: 2 (DoubtfulRow); displayed name,unit: 3 4 (Displaced)",
    );
    check(
        "SELECT (array_agg(name ORDER BY id))[1] FROM person GROUP BY unit",
        "displayed name: 1; displayed name: 2 (DoubtfulRow); displayed name: 3 4 (Displaced)",
    );
    check("SELECT string_agg(name, ',') FROM person GROUP BY unit", "displayed name: 1 3 4; displayed name: 2 (DoubtfulRow)");
    check(
        "SELECT (SELECT q.name FROM person q WHERE q.unit = p.unit ORDER BY q.id LIMIT 1) FROM person p WHERE p.id <> 2",
        "displayed name: 1; displayed name: 2 (DoubtfulRow); displayed name: 3 4 (Displaced)",
    );
}

/// The row of 2 has nobody above it, or it is not known whom: were it joined, it could have anybody.
#[test]
fn a_row_that_a_condition_throws_away_leaves_nobody_in_doubt() {
    let mut database = Database { views: Vec::new(), ..crew() };
    let above: Arc<Int64Array> = Arc::new(Int64Array::from(vec![Some(4), None, None, Some(1)]));
    let columns = vec![whole("id"), text("name"), whole("above")];
    let names = texts(&["Ann", "Ben", "Cat", "Dan"]);
    database.tables[0] = hospital::table("person", columns, vec![vec![0]], vec![wholes(&[1, 2, 3, 4]), names, above], Some(&[1, 2, 3, 4]), &[1]);
    let check = |sql: &str, expected: &str| check_in(&database, sql, expected);
    check("SELECT p.name FROM person p LEFT JOIN person q ON q.id = p.above WHERE p.id = 4", "displayed name: 4");
    check("SELECT p.name FROM person p LEFT JOIN person q ON q.id = p.above WHERE p.id > 2 ORDER BY p.name", "displayed name: 3 4");
    check("SELECT p.name FROM person p JOIN person q ON q.id = p.above WHERE p.id = 1", "displayed name: 1");
    check(
        "SELECT p.name FROM person p LEFT JOIN person q ON q.id = p.above WHERE p.id < 4",
        "displayed name: 2 (DoubtfulRow); displayed name: 1 3 (Comparison); others",
    );
    // Whether a condition that is not known throws it away is not known either.
    check("SELECT p.name FROM person p JOIN person q ON q.id = p.above WHERE p.above = 4", "displayed name: 1 (Comparison); others");
}

/// Of Ben's row the unit is not known, and all else is.
fn with_a_cell_in_doubt() -> Database {
    let mut database = Database { views: Vec::new(), ..crew() };
    let person = &mut database.tables[0];
    let batch = person.batches.remove(0);
    let mut columns = batch.columns().to_vec();
    let in_doubt = columns.len() - 2;
    columns[2] = texts(&["A", "B", "A", "C"]);
    columns[in_doubt] = Arc::new(UInt64Array::from(vec![0, column_in_doubt(2), 0, 0]));
    person.batches.push(RecordBatch::try_new(batch.schema(), columns).unwrap());
    database.views.push(View { schema: "clinic".into(), name: "units".into(), sql: "SELECT id, name, unit AS u FROM person".into(), as_of: None });
    database
}

#[test]
fn a_value_that_is_not_known_leaves_the_rest_of_its_row_sure() {
    let database = with_a_cell_in_doubt();
    let check = |sql: &str, expected: &str| check_in(&database, sql, expected);
    // It is not looked at, or it is sent and nothing else.
    check("SELECT name FROM person", "displayed name: 1 2 3 4");
    check("SELECT name FROM person ORDER BY id LIMIT 2", "displayed name: 1 2");
    check("SELECT count(*), max(name) FROM person", "displayed name: 4 (ExtremeOfGroup)");
    let beside = "displayed name: 1 2 3 4; displayed unit: 1 3 4; displayed unit: 2 (UnknownValue)";
    check("SELECT name, unit FROM person", beside);
    check("SELECT * FROM (SELECT name, unit FROM person) p WHERE name < 'Z'", beside);
    check("SELECT name, unit FROM person ORDER BY unit", beside);
    check("SELECT name, u FROM units", beside);
    check("SELECT name, unit FROM person UNION ALL SELECT reason, 'x' FROM visit WHERE person_id > 9", beside);
    check("SELECT p.name, p.unit FROM person p JOIN visit v ON v.person_id = p.id WHERE v.person_id = 4", "displayed name,unit: 4");
    check("SELECT unit FROM person LIMIT 10", "displayed unit: 1 3 4; displayed unit: 2 (UnknownValue)");
}

#[test]
fn a_value_that_is_not_known_and_decides_leaves_its_row_in_doubt() {
    let database = with_a_cell_in_doubt();
    let check = |sql: &str, expected: &str| check_in(&database, sql, expected);
    check("SELECT name FROM person WHERE unit < 'C'", "displayed name: 1 3; displayed name: 2 (UnknownValue)");
    check("SELECT name FROM units WHERE u < 'C'", "displayed name: 1 3; displayed name: 2 (UnknownValue)");
    check("SELECT name FROM (SELECT name, unit FROM person) p WHERE p.unit < 'C'", "displayed name: 1 3; displayed name: 2 (UnknownValue)");
    check("SELECT CASE WHEN unit = 'B' THEN name ELSE '' END FROM person", "displayed name: 2 (UnknownValue)");
    check("SELECT name FROM person ORDER BY unit LIMIT 1", "displayed name: 2 (UnknownValue); displayed name: 1 3 (Collation)");
    check("SELECT q.name FROM person p JOIN person q ON q.unit = p.unit WHERE p.id = 2", "displayed name: 2 (DoubtfulRow)");
    // The condition may hold of what is not known: the row would be found.
    check("SELECT name FROM person WHERE id IN (SELECT p.id + 1 FROM person p WHERE p.unit = 'A')", {
        "displayed name: 2 (UnknownValue); displayed name: 4 (Comparison); others"
    });
    check("SELECT string_agg(name, ',') FROM person GROUP BY unit", "displayed name: 1 3 4; displayed name: 2 (UnknownValue)");
}

/// When each was seen is known of Ann and Dan; of Ben and Cat but for a second, as the clock of two writes gave it.
fn with_a_clock() -> Database {
    const DAY: i64 = 86_400_000_000;
    let mut database = Database { views: Vec::new(), ..crew() };
    let seen = Field::new("seen", DataType::Timestamp(TimeUnit::Microsecond, None), true);
    let values: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(2 * DAY), Some(10 * DAY), Some(20 * DAY), None]));
    let columns = vec![wholes(&[1, 2, 3, 4]), texts(&["Ann", "Ben", "Cat", "Dan"]), values];
    let mut person = hospital::table("person", vec![whole("id"), text("name"), seen], vec![vec![0]], columns, Some(&[1, 2, 3, 4]), &[]);
    let batch = person.batches.remove(0);
    let mut columns = batch.columns().to_vec();
    let near = columns.len() - 1;
    columns[near] = Arc::new(UInt64Array::from(vec![0, column_in_doubt(2), column_in_doubt(2), 0]));
    person.batches.push(RecordBatch::try_new(batch.schema(), columns).unwrap());
    let near = |day: i64, write| NearCell { column: 2, from: day * DAY - 1_000_000, to: day * DAY + 1_000_000, write };
    person.near = vec![near(10, 1), near(20, 2)];
    database.tables[0] = person;
    database
}

#[test]
fn a_value_that_is_known_but_for_a_little_leaves_in_doubt_what_hangs_on_that() {
    let database = with_a_clock();
    let check = |sql: &str, expected: &str| check_in(&database, sql, expected);
    let sure = "displayed name: 2 3";
    check("SELECT name FROM person WHERE seen > timestamp '1970-01-05 00:00:00'", sure);
    check("SELECT name FROM person WHERE seen BETWEEN timestamp '1970-01-05 00:00:00' AND timestamp '1971-01-05 00:00:00'", sure);
    check("SELECT name FROM person WHERE seen IS NULL", "displayed name: 4");
    check("SELECT name FROM person WHERE seen IS NOT NULL ORDER BY seen DESC LIMIT 2", sure);
    check("SELECT name, seen FROM person WHERE id = 2", "displayed name,seen: 2");
    check("SELECT DISTINCT seen FROM person WHERE id > 1", "displayed seen: 2 3");
    check("SELECT name FROM person WHERE seen >= timestamp '1970-01-11 00:00:00'", "displayed name: 2 3 (UnknownValue)");
    check(
        "SELECT name FROM person WHERE seen > timestamp '1970-01-05 00:00:00' AND seen <> timestamp '1970-01-11 00:00:01'",
        "displayed name: 2 3 (UnknownValue)",
    );
    check("SELECT p.name FROM person p JOIN person q ON q.seen = p.seen WHERE p.id = 2", "displayed name: 2 (DoubtfulRow)");
    // One that is known lies where another may.
    let mut database = with_a_clock();
    database.tables[0].near[1].to += 1_000_000_000_000;
    database.tables[0].near[0].from -= 8 * 86_400_000_000;
    check_in(&database, "SELECT name FROM person WHERE seen IS NOT NULL ORDER BY seen DESC LIMIT 1", "displayed name: 1 2 3 (DoubtfulRow)");
}

#[test]
fn what_is_far_is_far_in_every_zone() {
    let mut database = with_a_clock();
    let person = &mut database.tables[0];
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let mut columns = person.batches.remove(0).columns().to_vec();
    columns[2] = arrow_cast(&columns[2]);
    person.columns = Arc::new(Schema::new(vec![whole("id"), text("name"), Field::new("seen", kind, true)]));
    person.batches.push(RecordBatch::try_new(VersionedTable::stored_schema(&person.columns), columns).unwrap());
    check_in(&database, "SELECT name FROM person WHERE seen > '1970-01-05'", "displayed name: 2 3");
    check_in(&database, "SELECT name FROM person WHERE seen > '1970-01-05 00:00:00+00'", "displayed name: 2 3");
    check_in(&database, "SELECT name FROM person WHERE seen > '1970-01-10'", "displayed name: 2 3 (UnknownValue)");
}

fn arrow_cast(values: &ArrayRef) -> ArrayRef {
    Arc::new(values.as_any().downcast_ref::<TimestampMicrosecondArray>().unwrap().clone().with_timezone("+00:00"))
}

#[test]
fn a_parameter_that_is_far_from_what_is_known_but_for_a_little_leaves_nothing_in_doubt() {
    let database = with_a_clock();
    let engine = Engine::new(database.clone(), Options { threads: 1, ..Options::default() }).unwrap();
    let prepared = engine.prepare("SELECT name FROM person WHERE seen > $1 AND seen < $2").unwrap();
    for (from, to, expected, is_coarse) in [
        ("1970-01-05 00:00:00", "1970-02-05 00:00:00", "displayed name: 2 3", true),
        ("1970-01-10 23:59:59", "1970-02-05 00:00:00", "displayed name: 2 3 (UnknownValue)", false),
        ("1970-01-05 00:00:00", "1970-01-20 23:59:00", "displayed name: 2 (UnknownValue)", false),
    ] {
        let call = Call { parameters: vec![Some(from.into()), Some(to.into())], ..hospital::call() };
        let replayed = engine.replay(&prepared, &[call]).remove(0).unwrap();
        let shown = hospital::readable(&database, &replayed).split("; ").filter(|part| part.starts_with("displayed")).collect::<Vec<_>>().join("; ");
        assert_eq!((shown.as_str(), !replayed.coarse.is_empty()), (expected, is_coarse), "{from} {to}");
    }
}

#[test]
fn rows_that_a_policy_may_hide_are_not_sure() {
    let mut database = Database { views: Vec::new(), ..crew() };
    database.tables[1].hidden = Hidden::FromAllBut("clinic".into());
    let check = |role: Option<&str>, sql: &str, expected: &str, rows: (u64, u64)| {
        let engine = Engine::new(database.clone(), Options { threads: 1, ..Options::default() }).unwrap();
        let prepared = engine.prepare_in(sql, &Session { role: role.map(str::to_owned), ..Session::default() }).unwrap();
        let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap();
        assert_eq!((hospital::readable(&database, &replayed).as_str(), replayed.rows.least, replayed.rows.most), (expected, rows.0, rows.1), "{role:?} {sql}");
    };
    let all = "SELECT reason FROM visit";
    check(Some("clinic"), all, "displayed reason: 1 4; displayed reason: 3 (DoubtfulRow)", (3, 3));
    check(Some("app"), all, "displayed reason: 3 (DoubtfulRow); displayed reason: 1 4 (Comparison)", (0, 3));
    check(None, all, "displayed reason: 3 (DoubtfulRow); displayed reason: 1 4 (Comparison)", (0, 3));
    check(Some("app"), "SELECT count(*) FROM visit", "", (1, 1));
    check(Some("app"), "SELECT name FROM person WHERE id = 4", "displayed name: 4; inferred id: 4", (1, 1));
}

/// A search by several ways: the row of 2 is in none of them.
#[test]
fn a_row_that_a_subquery_does_not_find_leaves_nobody_in_doubt() {
    check("SELECT name FROM person WHERE id IN (SELECT p.id FROM person p WHERE UPPER(p.name) LIKE UPPER('%an%'))", "displayed name: 1 4");
    check(
        "SELECT name FROM person WHERE id IN (SELECT p.id FROM person p WHERE p.name = 'Cat') OR id IN (SELECT v.person_id FROM visit v WHERE v.reason = 'z')",
        "displayed name: 3 4",
    );
    // What it finds, or may find, does.
    check(
        "SELECT name FROM person WHERE id IN (SELECT p.id FROM person p WHERE UPPER(p.name) LIKE UPPER('b%') OR p.id = 1)",
        "displayed name: 2 (DoubtfulRow); displayed name: 1 (Comparison); others",
    );
    check("SELECT name FROM person WHERE id IN (SELECT p.id FROM person p WHERE p.unit = 'A')", "displayed name: 1 3 4 (Comparison); others");
}

#[test]
fn whoever_a_part_that_was_left_out_looked_at_may_have_decided() {
    let engine = hospital::engine();
    let check = |sql: &str, expected: &str| {
        let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let replayed = engine.replay(&prepared, &[hospital::call()]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (tables, named) = (hospital::hospital().tables, replayed.looked_at.iter());
        let told: Vec<String> = named.map(|c| format!("{}.{}", tables[c.table].name, tables[c.table].columns.field(c.column).name())).collect();
        assert_eq!(told.join(" "), expected, "{sql}");
    };
    // A condition, with WITH and without.
    check("SELECT name FROM patient p WHERE town IN (SELECT ward FROM admission a WHERE a.patient_id = p.id ORDER BY started LIMIT 1)", {
        "admission.id admission.patient_id admission.ward admission.started"
    });
    check(
        "WITH w AS (SELECT ward FROM admission) SELECT name FROM patient p WHERE (SELECT w.ward FROM w WHERE w.ward > p.town OFFSET 1) = town",
        "admission.ward",
    );
    // An order, and a condition of groups.
    check("SELECT name FROM patient p ORDER BY (SELECT ward FROM admission WHERE patient_id > p.score OFFSET 2) LIMIT 2", {
        "admission.patient_id admission.ward"
    });
    check("SELECT ward FROM admission a GROUP BY ward HAVING count(*) > (SELECT count(*) FROM patient p WHERE p.town = max(a.ward))", "patient.town");
    // Nothing was left out, and no row was sent.
    check("SELECT name FROM patient WHERE id IN (SELECT patient_id FROM admission)", "");
    check("SELECT name FROM patient p WHERE id = 99 AND town IN (SELECT ward FROM admission a WHERE a.patient_id = p.id ORDER BY started LIMIT 1)", "");
}

#[test]
fn a_value_of_both_sides_is_as_sure_as_the_less_sure_one() {
    // The id of 3 stands in `person` for sure, and not in `visit`.
    check(
        "SELECT person_id FROM visit INTERSECT SELECT id FROM person",
        "displayed id,person_id: 3 (DoubtfulRow); displayed id,person_id: 1 4 (Comparison); others",
    );
    check(
        "SELECT id FROM person INTERSECT SELECT person_id FROM visit",
        "displayed id,person_id: 3 (DoubtfulRow); displayed id,person_id: 1 4 (Comparison); others",
    );
}
