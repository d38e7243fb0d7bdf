//! Rows that are not proved: whether they were there, or what a cell held, is not known. Where one row more or less changes what others show,
//! the others are in doubt too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hospital;

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use hospital::{text, texts, whole, wholes};
use strandline_provenance::{Database, Dialect, Engine, Options};

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
