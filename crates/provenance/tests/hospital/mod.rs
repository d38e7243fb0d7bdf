//! A small hospital, and the checks over it.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use strandline_provenance::{Call, Database, Dialect, Engine, Hidden, How, Options, ROW_IN_DOUBT, Replayed, RowWindow, VersionedTable, View};

pub const NOW: i64 = 1_700_000_000_000_000;

pub fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

pub fn whole(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

pub fn date(name: &str) -> Field {
    Field::new(name, DataType::Date32, true)
}

pub fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(values.iter().map(|value| (!value.is_empty()).then_some(*value)).collect::<StringArray>())
}

pub fn wholes(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub fn dates(values: &[i32]) -> ArrayRef {
    Arc::new(Date32Array::from(values.to_vec()))
}

/// A table whose versions are all visible for ever.
pub fn table(name: &str, fields: Vec<Field>, keys: Vec<Vec<usize>>, columns: Vec<ArrayRef>, subjects: Option<&[u32]>, doubtful: &[usize]) -> VersionedTable {
    let schema = Arc::new(Schema::new(fields));
    let rows = columns[0].len();
    let subject: UInt32Array = (0..rows).map(|row| subjects.map(|subjects| subjects[row])).collect();
    let mut stored = columns;
    stored.push(Arc::new(subject));
    stored.push(wholes(&vec![i64::MIN; rows]));
    stored.push(wholes(&vec![i64::MAX; rows]));
    stored.push(Arc::new((0..rows).map(|row| Some(if doubtful.contains(&row) { ROW_IN_DOUBT } else { 0 })).collect::<UInt64Array>()));
    stored.push(Arc::new(UInt64Array::from(vec![0; rows])));
    let batch = RecordBatch::try_new(VersionedTable::stored_schema(&schema), stored).unwrap();
    VersionedTable {
        schema: "clinic".into(),
        name: name.into(),
        columns: schema,
        unique_keys: keys,
        has_subject: subjects.is_some(),
        hidden: Hidden::FromNobody,
        near: Vec::new(),
        batches: vec![batch],
    }
}

pub fn hospital() -> Database {
    let patient = table(
        "patient",
        vec![whole("id"), text("name"), text("town"), text("nickname"), date("born"), whole("score")],
        vec![vec![0]],
        vec![
            wholes(&[1, 2, 3, 4, 5, 6, 7, 8]),
            texts(&["Ann", "Chan", "Cheng", "Dora", "Eva", "Fu", "Gu", "Ho"]),
            texts(&["Aberdeen", "Stanley", "Repulse Bay", "Aberdeen", "Stanley", "Stanley", "Stanley", "Stanley"]),
            texts(&["Zed", "amy", "bob", "cat", "dan", "eli", "fay", "gus"]),
            dates(&[1, 2, 3, 4, 5, 6, 7, 8]),
            wholes(&[1, 2, 2, 2, 5, 6, 7, 8]),
        ],
        Some(&[1, 2, 3, 4, 5, 6, 7, 8]),
        &[],
    );
    let admission = table(
        "admission",
        vec![whole("id"), whole("patient_id"), text("diagnosis"), text("ward"), date("started")],
        vec![vec![0]],
        vec![
            wholes(&[11, 12, 13, 14, 15]),
            wholes(&[1, 2, 3, 5, 1]),
            texts(&["flu", "flu", "gout", "flu", "burn"]),
            texts(&["W1", "W1", "W1", "W2", "W2"]),
            dates(&[100, 200, 300, 400, 500]),
        ],
        Some(&[1, 2, 3, 5, 1]),
        &[],
    );
    let contact = table("contact", vec![text("phone")], vec![], vec![texts(&["111", "222"])], Some(&[1, 2]), &[1]);
    let ward = table("ward", vec![text("code"), text("title")], vec![vec![0]], vec![texts(&["W1", "W2"]), texts(&["One", "Two"])], None, &[]);
    let names = View { schema: "clinic".into(), name: "names".into(), sql: "SELECT id AS i, name AS n FROM patient".into(), as_of: None };
    Database {
        search_path: vec!["clinic".into()],
        dialect: Dialect::PostgreSql,
        collation: None,
        tables: vec![patient, admission, contact, ward],
        views: vec![names],
        holders: Vec::new().into(),
    }
}

pub fn call() -> Call {
    Call { time: NOW, ..Call::default() }
}

/// `displayed name,town: 1 2; inferred id: 1 (TiedLimit)`: by how, columns, subjects, doubt.
pub fn readable(database: &Database, replayed: &Replayed) -> String {
    let mut parts: BTreeMap<(How, Vec<String>), Vec<String>> = BTreeMap::new();
    for revealed in &replayed.revealed {
        let mut columns: Vec<String> =
            revealed.columns.iter().map(|column| database.tables[column.table].columns.field(column.column).name().clone()).collect();
        columns.sort();
        let subjects = revealed.subjects.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let doubt = revealed.doubt.map_or(String::new(), |doubt| format!(" ({doubt:?})"));
        parts.entry((revealed.how, columns)).or_default().push(format!("{subjects}{doubt}"));
    }
    let word = |how: How| {
        if how == How::Displayed { "displayed" } else { "inferred" }
    };
    let lines = parts.into_iter().flat_map(|((how, columns), whom)| whom.into_iter().map(move |whom| format!("{} {}: {whom}", word(how), columns.join(","))));
    lines.collect::<Vec<_>>().join("; ")
}

pub fn engine() -> Engine {
    Engine::new(hospital(), Options { threads: 1, memory_limit_bytes: 200 << 20, ..Options::default() }).unwrap()
}

/// The statement gives so many rows and reveals this.
pub fn check(sql: &str, rows: u64, expected: &str) {
    check_with(&engine(), sql, rows, expected);
}

/// The same, the hospital being a MySQL database.
pub fn check_mysql(sql: &str, rows: u64, expected: &str) {
    let database = Database { dialect: Dialect::MySql, collation: Some("utf8mb4_general_ci".into()), ..hospital() };
    check_with(&Engine::new(database, Options { threads: 1, ..Options::default() }).unwrap(), sql, rows, expected);
}

pub fn check_with(engine: &Engine, sql: &str, rows: u64, expected: &str) {
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let replayed = engine.replay(&prepared, &[call()]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!((readable(&hospital(), &replayed), replayed.rows.most), (expected.to_owned(), rows), "{sql}");
}

/// A call of the statement reveals this.
pub fn check_call(sql: &str, parameters: &[&str], rows: Option<RowWindow>, expected: &str) {
    let engine = engine();
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let parameters = parameters.iter().map(|value| Some((*value).to_owned())).collect();
    let replayed = engine.replay(&prepared, &[Call { time: NOW, as_of: None, parameters, rows }]).remove(0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(readable(&hospital(), &replayed), expected, "{sql}");
}

/// Whether calls of the statement are replayed many at once.
pub fn check_together(sql: &str, expected: bool) {
    let engine = engine();
    let prepared = engine.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(engine.runs_together(&prepared), expected, "{sql}");
}

/// The statement uses the rows of these people.
pub fn check_used(sql: &str, expected: &str) {
    let engine = engine();
    let prepared = engine.prepare(sql).unwrap();
    let used = engine.used(&prepared, &call()).unwrap();
    assert_eq!(used.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), expected, "{sql}");
}

/// The statement is refused, and these are its tables.
pub fn unsupported(sql: &str, tables: &str) {
    refused(&engine(), sql, tables);
}

/// The same, the hospital being a MySQL database.
pub fn unsupported_mysql(sql: &str, tables: &str) {
    let database = Database { dialect: Dialect::MySql, collation: Some("utf8mb4_general_ci".into()), ..hospital() };
    refused(&Engine::new(database, Options { threads: 1, ..Options::default() }).unwrap(), sql, tables);
}

fn refused(engine: &Engine, sql: &str, tables: &str) {
    let Err(error) = engine.prepare(sql) else { panic!("{sql}: is supported") };
    let named = error.tables.iter().map(|table| format!("{}.{}", table.schema, table.name)).collect::<Vec<_>>().join(" ");
    assert_eq!(named, tables, "{sql}: {error}");
}
