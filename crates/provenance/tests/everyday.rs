//! Which everyday statements are replayed, by kind: what applications, object mappers, tools and people send.
//! `cargo nextest run --release -p strandline-provenance --no-capture everyday` prints each refused one with its reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hospital;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Int16Array, Int32Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, TimeUnit};
use hospital::{NOW, dates, table};
use strandline_provenance::{Call, Database, Dialect, Engine, Options, RowRange, Session, VersionedTable, Zone};

const ROWS: usize = 6;
const DAY_MICROS: i64 = 86_400_000_000;

/// One database of the catalogue, and its statements by kind.
struct Section {
    database: Database,
    statements: Vec<(String, String)>,
}

/// A column of a type as a dump gives it: whatever is no number, truth or time is text.
fn column(name: &str, kind: &str, at: usize) -> (Field, ArrayRef) {
    let rows = || 0..i32::try_from(ROWS).unwrap();
    let (kind, values): (DataType, ArrayRef) = match kind {
        // Whoever stands above another; a circle would keep a recursive query busy for ever.
        "int" if ["manager_id", "parent_id", "reports_to"].contains(&name) => (DataType::Int32, Arc::new(Int32Array::from_iter_values(rows()))),
        "int" => (DataType::Int32, Arc::new(Int32Array::from_iter_values(rows().map(|row| row + 1)))),
        "tinyint" => (DataType::Int16, Arc::new(Int16Array::from_iter_values(rows().map(|row| (row % 2) as i16)))),
        "bool" => (DataType::Boolean, Arc::new(rows().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        "numeric" => {
            let values = Decimal128Array::from_iter_values(rows().map(|row| i128::from(row) * 150)).with_precision_and_scale(12, 2).unwrap();
            (DataType::Decimal128(12, 2), Arc::new(values))
        }
        "real" => (DataType::Float32, Arc::new(arrow_array::Float32Array::from_iter_values(rows().map(|row| row as f32)))),
        "date" => (DataType::Date32, dates(&rows().map(|row| 19_000 + row).collect::<Vec<_>>())),
        "timestamp" | "datetime" | "timestamptz" => {
            let zone: Option<Arc<str>> = (kind == "timestamptz").then(|| "+00:00".into());
            let values = TimestampMicrosecondArray::from_iter_values(rows().map(|row| (19_000 + i64::from(row)) * DAY_MICROS)).with_timezone_opt(zone.clone());
            (DataType::Timestamp(TimeUnit::Microsecond, zone), Arc::new(values))
        }
        other => (DataType::Utf8, Arc::new(rows().map(|row| Some(text_of(other, at, row))).collect::<StringArray>())),
    };
    (Field::new(name.trim_matches('"'), kind, true), values)
}

fn text_of(kind: &str, at: usize, row: i32) -> String {
    match kind {
        "json" | "jsonb" => format!(r#"{{"a": {row}, "name": "n{row}", "age": {row}, "n": 1, "items": [{{"sku": "A{row}", "qty": {row}}}], "tags": ["x"]}}"#),
        "array" => format!("{{red,t{row}}}"),
        "interval" => format!("{row} days"),
        _ => format!("t{at}x{row}"),
    }
}

/// `*person(id int!, name text)`.
fn described(line: &str, schema: &str) -> VersionedTable {
    let (name, columns) = line.trim_end_matches(')').split_once('(').unwrap();
    let (is_of_people, name) = (name.starts_with('*'), name.trim_start_matches('*').trim_matches('"'));
    let (mut fields, mut values, mut key) = (Vec::new(), Vec::new(), Vec::new());
    for (at, described) in columns.split(", ").enumerate() {
        let (name, kind) = described.split_once(' ').unwrap();
        if kind.ends_with('!') {
            key.push(at);
        }
        let (field, array) = column(name, kind.trim_end_matches('!'), at);
        fields.push(field);
        values.push(array);
    }
    let subjects: Vec<u32> = (1..).take(ROWS).collect();
    let keys = if key.is_empty() { Vec::new() } else { vec![key] };
    VersionedTable { schema: schema.into(), ..table(name, fields, keys, values, is_of_people.then_some(subjects.as_slice()), &[]) }
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut kind = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("-- ")) {
        if let Some(named) = line.strip_prefix("@database ") {
            let (name, dialect) = named.split_once(' ').unwrap();
            let dialect = if dialect == "mysql" { Dialect::MySql } else { Dialect::PostgreSql };
            let schema = if dialect == Dialect::MySql { name } else { "public" };
            let mut database = hospital::hospital();
            (database.search_path, database.dialect, database.tables, database.views) = (vec![schema.into()], dialect, Vec::new(), Vec::new());
            sections.push(Section { database, statements: Vec::new() });
            continue;
        }
        let section = sections.last_mut().unwrap();
        if let Some(described_as) = line.strip_prefix("@table ") {
            let schema = section.database.search_path[0].clone();
            section.database.tables.push(described(described_as, &schema));
        } else if let Some(named) = line.strip_prefix("@kind ") {
            named.clone_into(&mut kind);
        } else {
            section.statements.push((kind.clone(), line.trim_end_matches(';').to_owned()));
        }
    }
    sections
}

/// How many rows a statement gives, in a session whose zone is UTC; or why it is not replayed.
fn replayed(engine: &Engine, sql: &str) -> Result<RowRange, String> {
    let session = Session { zone: Zone::named("UTC", Dialect::PostgreSql), ..Session::default() };
    let prepared = engine.prepare_in(sql, &session).map_err(|error| error.reason)?;
    let parameters = vec![Some("1".to_owned()); 9];
    let replayed = engine.replay(&prepared, &[Call { time: NOW, parameters, ..Call::default() }]).remove(0);
    replayed.map(|replayed| replayed.rows).map_err(|error| format!("when run: {error}"))
}

/// The catalogue, and beside each statement how many rows PostgreSQL 15 or MariaDB 10.11 gave for the same tables: `-` where it gave none
/// (an extension that it does not have, a right, another version), or where the clock or chance decides.
const CATALOGUE: [(&str, &str); 3] = [
    (include_str!("everyday/postgresql.sql"), include_str!("everyday/postgresql.rows")),
    (include_str!("everyday/applications.sql"), include_str!("everyday/applications.rows")),
    (include_str!("everyday/mysql.sql"), include_str!("everyday/mysql.rows")),
];

#[test]
fn everyday_statements_are_replayed() {
    let (mut all, mut replays, mut wrong) = (0, 0, Vec::new());
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (text, rows) in CATALOGUE {
        let mut rows = rows.lines();
        for section in sections(text) {
            let engine = Engine::new(section.database, Options { threads: 1, ..Options::default() }).unwrap();
            for (kind, sql) in section.statements.iter().filter(|(_, sql)| !sql.contains("_missing")) {
                let of_server: Option<u64> = rows.next().expect("rows of each statement").parse().ok();
                let of_kind = kinds.entry(kind.clone()).or_default();
                (of_kind.1, all) = (of_kind.1 + 1, all + 1);
                match replayed(&engine, sql) {
                    Ok(rows) => {
                        (of_kind.0, replays) = (of_kind.0 + 1, replays + 1);
                        wrong.extend(of_server.filter(|sent| !rows.holds(*sent)).map(|sent| format!("{sent} rows, not {rows:?}: {sql}")));
                    }
                    Err(reason) => {
                        println!("refused ({reason}): {sql}");
                        *reasons.entry(reason).or_default() += 1;
                    }
                }
            }
        }
        assert_eq!(rows.next(), None, "rows of no statement");
    }
    for (kind, (replayed, all)) in kinds {
        println!("{kind}: {replayed} of {all}");
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, times)| (std::cmp::Reverse(*times), reason.clone()));
    for (reason, times) in reasons {
        println!("{times} times: {reason}");
    }
    println!("{replays} of {all} replayed");
    wrong.iter().for_each(|told| println!("the server sent {told}"));
    assert!(wrong.len() <= OTHER_ROWS_AT_MOST, "{} statements of which the server sent other rows", wrong.len());
    assert!(replays * 100 >= all * AT_LEAST_PERCENT, "{replays} of {all}");
}

/// The share that must be replayed.
const AT_LEAST_PERCENT: usize = 92;
/// Statements of which the server sent a number of rows that is not in the replay's range: catalogue queries, which are not replayed, and those
/// decided by what is not computed, where the range does not yet begin at none.
const OTHER_ROWS_AT_MOST: usize = 24;
