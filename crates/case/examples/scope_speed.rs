//! The scope question over many accesses, beside DuckDB on the same files in the same run.
//!
//! `cargo run --release -p strandline-case --example scope_speed [FOLDER [ACCESSES]]` makes the table `sightings` of a case
//! with so many accesses (100,000,000; three categories each) in FOLDER once, then asks five times, in turn with
//! `python3 scope_duckdb.py` beside this file, which needs the Python packages duckdb and pyarrow and is left out where they are absent.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a terminal, over data of its own")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant as Clock;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use strandline_case::{Author, Case, Inputs, Origin, Question, Secrets, StageCommit, scope};
use strandline_model::exposure::Sighting;
use strandline_model::table::Row;
use strandline_model::time::{Instant, Interval};

const DAYS: u32 = 90;
const DAY_MICROS: i64 = 86_400_000_000;
const PEOPLE: u64 = 10_000_000;
const CATEGORIES: [&str; 12] = ["name", "date_of_birth", "address", "phone", "email", "identity_document", "pay", "bank", "health", "conduct", "kin", "photo"];
/// Accesses of a run that is sorted by session.
const RUN: usize = 1 << 20;

struct Access {
    session: u32,
    time: i64,
    person: u32,
    categories: u8,
    offset: u64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("strandline-scope"), PathBuf::from);
    let accesses: u64 = arguments.next().map_or(100_000_000, |n| n.parse().unwrap());
    let case = folder.join("case");
    if !case.join("manifest.json").exists() {
        let started = Clock::now();
        make(&case, accesses);
        println!("made {accesses} accesses in {:.0?}", started.elapsed());
    }
    let case = Case::open_for_reading(&case).unwrap();
    let files = case.table_files(Sighting::TABLE);
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    println!("{} files, {} MB", files.len(), bytes >> 20);
    let within = Interval { from: Instant(40 * DAY_MICROS), to: Instant(43 * DAY_MICROS + DAY_MICROS / 2) };
    let question = Question { sessions: (0..5).map(|n| name(41 * sessions_a_day(accesses) + n)).collect(), within };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scope_duckdb.py");
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let started = Clock::now();
        let seen = scope(&files, &question, threads).unwrap();
        let took = started.elapsed().as_secs_f64() * 1000.0;
        ours = ours.min(took);
        print!("strandline {took:7.1} ms, {} cells", seen.len());
        let mut duck = Command::new("python3");
        duck.arg(&script).arg(case.path().join("tables/sightings")).arg(within.from.0.to_string()).arg(within.to.0.to_string()).args(&question.sessions);
        match duck.output() {
            Ok(output) if output.status.success() => {
                let said = String::from_utf8(output.stdout).unwrap();
                let (took, cells) = said.trim().split_once(' ').unwrap();
                theirs = theirs.min(took.parse().unwrap());
                assert_eq!(cells.parse::<usize>().unwrap(), seen.len(), "the two answers differ");
                println!("   duckdb {took} ms, {cells} cells");
            }
            _ => println!("   (duckdb: python3 lacks the package duckdb or pyarrow)"),
        }
    }
    if theirs < f64::MAX {
        println!("best of five: {ours:.1} ms against {theirs:.1} ms, {:.2} of its time", ours / theirs);
    }
}

fn sessions_a_day(accesses: u64) -> u32 {
    u32::try_from(accesses / 100 / u64::from(DAYS)).unwrap().max(16)
}

fn name(session: u32) -> String {
    // As a web framework makes them: no order in the name.
    format!("{:016x}", u64::from(session).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn make(path: &Path, accesses: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let secrets = Secrets::new([1; 32], [2; 32]);
    let mut case = Case::open_or_create(path, &Origin::new("example.org", "scope").unwrap(), &secrets).unwrap();
    let mut dice = StdRng::seed_from_u64(7);
    let a_day = accesses / u64::from(DAYS);
    let mut parts = Vec::new();
    for day in 0..DAYS {
        let mut writer = case.table_writer(Sighting::TABLE, &format!("day{day:02}"), Sighting::schema(), &[]).unwrap();
        let mut left = a_day;
        while left > 0 {
            let size = left.min(RUN as u64);
            let mut run: Vec<Access> = (0..size).map(|n| access(&mut dice, day, sessions_a_day(accesses), a_day - left + n)).collect();
            run.sort_by_cached_key(|a| (name(a.session), a.time));
            run.chunks(8192).for_each(|chunk| writer.write(&batch(chunk)).unwrap());
            left -= size;
        }
        parts.push(writer.finish().unwrap());
    }
    let author = Author { actor: "scope_speed".to_owned(), time: Instant(0) };
    case.commit_stage(StageCommit { stage: "expose".to_owned(), inputs: Inputs::new("0"), parts, files: Vec::new(), author }).unwrap();
}

/// Most sessions are short; the first five of each day read one row in fifty.
fn access(dice: &mut StdRng, day: u32, a_day: u32, number: u64) -> Access {
    let within_day = if dice.random_ratio(1, 50) { dice.random_range(0..5) } else { dice.random_range(0..a_day) };
    let person = if dice.random_ratio(3, 10) { dice.random_range(0..PEOPLE / 100) } else { dice.random_range(0..PEOPLE) };
    Access {
        session: day * a_day + within_day,
        time: i64::from(day) * DAY_MICROS + dice.random_range(0..DAY_MICROS),
        person: u32::try_from(person).unwrap(),
        categories: dice.random_range(0..12),
        offset: number * 190,
    }
}

fn batch(accesses: &[Access]) -> RecordBatch {
    let (mut session, mut person, mut table, mut category) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut basis, mut certainty, mut id, mut time) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new(), Int64Builder::new());
    for access in accesses {
        for step in 0..3 {
            session.append_value(name(access.session));
            time.append_value(access.time);
            person.append_value(format!("P{:08}", access.person));
            table.append_null();
            category.append_value(CATEGORIES[usize::from(access.categories + step) % CATEGORIES.len()]);
            basis.append_value("disclosed");
            certainty.append_value("confirmed");
            id.append_value(format!("b1946ac92492d234@{}", access.offset));
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(session.finish()),
        Arc::new(time.finish()),
        Arc::new(person.finish()),
        Arc::new(table.finish()),
        Arc::new(category.finish()),
        Arc::new(basis.finish()),
        Arc::new(certainty.finish()),
        Arc::new(id.finish()),
    ];
    RecordBatch::try_new(Sighting::schema(), columns).unwrap()
}
