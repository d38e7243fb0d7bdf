//! How fast statements are replayed, and what the provenance costs over running the plain statement.
//!
//! `cargo run --release -p strandline-provenance --example replay_speed [PEOPLE [CALLS [SHAPES]]]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal, over data of its own")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use strandline_provenance::{Call, Database, Dialect, Engine, Hidden, Options, VersionedTable};

fn table(name: &str, columns: Vec<(&str, ArrayRef)>, subjects: Vec<u32>) -> VersionedTable {
    let fields: Vec<Field> = columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = subjects.len();
    let mut stored: Vec<ArrayRef> = columns.into_iter().map(|(_, values)| values).collect();
    stored.push(Arc::new(UInt32Array::from(subjects)));
    stored.push(Arc::new(Int64Array::from(vec![0; rows])));
    stored.push(Arc::new(Int64Array::from(vec![i64::MAX; rows])));
    let nothing: ArrayRef = Arc::new(UInt64Array::from(vec![0; rows]));
    stored.extend([nothing.clone(), nothing]);
    let batch = RecordBatch::try_new(VersionedTable::stored_schema(&schema), stored).unwrap();
    let batches = (0..rows).step_by(8192).map(|start| batch.slice(start, 8192.min(rows - start))).collect();
    VersionedTable {
        schema: "hr".into(),
        name: name.into(),
        columns: schema,
        unique_keys: vec![vec![0]],
        has_subject: true,
        hidden: Hidden::FromNobody,
        near: Vec::new(),
        batches,
    }
}

fn database(people: u32) -> Database {
    let text = |make: &dyn Fn(u32) -> String, rows: u32| -> ArrayRef { Arc::new((0..rows).map(|row| Some(make(row))).collect::<StringArray>()) };
    let whole = |make: &dyn Fn(u32) -> i64, rows: u32| -> ArrayRef { Arc::new((0..rows).map(|row| Some(make(row))).collect::<Int64Array>()) };
    assert_eq!(DataType::Int64, *whole(&|_| 0, 1).data_type());
    let staff = vec![
        ("staff_no", text(&|row| format!("C{row}"), people)),
        ("name", text(&|row| format!("name{}", row / 2), people)),
        ("unit", text(&|row| format!("u{}", row % 40), people)),
        ("pay", whole(&|row| i64::from(row * 7919 % 1000), people)),
    ];
    let awards = people * 2;
    let award = vec![
        ("award_no", whole(&i64::from, awards)),
        ("staff_no", text(&|row| format!("C{}", row / 2), awards)),
        ("award", text(&|row| format!("a{}", row % 6), awards)),
    ];
    let tables = vec![table("staff", staff, (0..people).collect()), table("award", award, (0..awards).map(|row| row / 2).collect())];
    Database { search_path: vec!["hr".into()], dialect: Dialect::PostgreSql, collation: None, tables, views: vec![], holders: Vec::new().into() }
}

/// The statement as DataFusion runs it, over the same rows and without provenance.
fn plain(database: &Database) -> SessionContext {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    for table in &database.tables {
        let visible: Vec<usize> = (0..table.columns.fields().len()).collect();
        let batches = table.batches.iter().map(|batch| batch.project(&visible).unwrap().with_schema(table.columns.clone()).unwrap()).collect();
        context.register_table(table.name.as_str(), Arc::new(MemTable::try_new(table.columns.clone(), vec![batches]).unwrap())).unwrap();
    }
    context
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn best<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..3).map(|_| timed(&mut work).1).min().unwrap()
}

fn main() {
    let argument = |position: usize, otherwise: u32| std::env::args().nth(position).map_or(otherwise, |text| text.parse().unwrap());
    let (people, calls, shapes) = (argument(1, 100_000), argument(2, 1_000_000), argument(3, 10_000));
    let database = database(people);
    let context = plain(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let engine = Engine::new(database, Options { threads: 1, ..Options::default() }).unwrap();

    println!("{people} people, one thread; the plain statement is planned and run by DataFusion, the replay is run from its prepared form");
    for sql in [
        "SELECT * FROM staff",
        "SELECT name FROM staff WHERE unit = 'u7'",
        "SELECT s.name, a.award FROM staff s JOIN award a ON a.staff_no = s.staff_no WHERE s.unit = 'u7'",
        "SELECT name FROM staff ORDER BY staff_no LIMIT 50",
        "SELECT unit, count(*), avg(pay) FROM staff GROUP BY unit",
        "SELECT DISTINCT award FROM award",
        "SELECT name FROM staff s WHERE EXISTS (SELECT 1 FROM award a WHERE a.staff_no = s.staff_no AND a.award = 'a3')",
        "SELECT max(pay) FROM staff",
        "SELECT staff_no, row_number() OVER (PARTITION BY unit ORDER BY pay, staff_no) FROM staff",
    ] {
        let prepared = engine.prepare(sql).unwrap();
        let as_it_is = best(|| runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() }));
        let replayed = best(|| engine.replay(&prepared, &[Call { time: 1, as_of: None, ..Call::default() }]).remove(0).unwrap());
        println!("{:6.2}x  {replayed:>10.1?} against {as_it_is:>10.1?}  {sql}", replayed.as_secs_f64() / as_it_is.as_secs_f64());
    }

    let point = engine.prepare("SELECT s.name, s.pay FROM staff s WHERE s.staff_no = $1").unwrap();
    let of = |call: u32| Call { time: 1, as_of: None, parameters: vec![Some(format!("C{}", (u64::from(call) * 7919) % u64::from(people)))], rows: None };
    let many: Vec<Call> = (0..calls).map(of).collect();
    let (answers, together) = timed(|| engine.replay(&point, &many));
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|replayed| replayed.rows.most == 1)));
    let few: Vec<&Call> = many.iter().take(200).collect();
    let (_, alone) = timed(|| few.iter().map(|call| engine.replay(&point, std::slice::from_ref(*call))).collect::<Vec<_>>());
    println!(
        "{calls} point statements at once: {together:.1?}, {:.0} a second; one by one: {:.0} a second",
        f64::from(calls) / together.as_secs_f64(),
        200.0 / alone.as_secs_f64()
    );

    let texts: Vec<String> =
        (0..shapes).map(|shape| format!("SELECT name, pay + {shape} FROM staff WHERE staff_no = 'C{}' AND pay >= 0", shape % people)).collect();
    let (_, distinct) = timed(|| {
        texts.iter().map(|sql| engine.replay(&engine.prepare(sql).unwrap(), &[Call { time: 1, as_of: None, ..Call::default() }]).len()).sum::<usize>()
    });
    println!("{shapes} statements of different text, prepared and replayed once: {distinct:.1?}, {:.1?} each", distinct / shapes.max(1));
}
