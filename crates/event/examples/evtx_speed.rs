//! How fast Windows event logs are read, beside the crate `evtx` in the same run: microseconds an event, events and
//! megabytes a second, by the processor time of one thread.
//!
//! `cargo run --release -p strandline-event --example evtx_speed FILE|FOLDER [ROUNDS]`
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use strandline_event::evtx::{Damage, Visit, read_records};
use strandline_event::{Context, Sink, SinkError, read_artefact};
use strandline_model::estate::LogSource;
use strandline_model::evidence::{ArtefactId, Warning};
use strandline_model::record::{FieldList, LogRecord};

/// What is asked of each record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Header,
    Fields,
}

struct Count {
    ask: Ask,
    records: u64,
    fields: u64,
}

impl Visit for Count {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        self.records += 1;
        black_box((record.channel(), record.provider(), record.event_id(), record.record_id(), record.time(), record.host()));
        if self.ask == Ask::Fields {
            let mut fields = FieldList::new();
            record.fields(&mut fields);
            self.fields += black_box(&fields).len() as u64;
        }
        ControlFlow::Continue(())
    }

    fn damage(&mut self, _damage: Damage) {}
}

struct Events(u64);

impl Sink for Events {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.0 += batch.num_rows() as u64;
        Ok(())
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}

type Way = fn(&[u8]) -> Result<u64, Box<dyn Error>>;

const WAYS: [(&str, Way); 4] = [("evtx crate, JSON bytes", theirs), ("header facts", header), ("all fields", fields), ("events in batches", events)];

fn theirs(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    let settings = evtx::ParserSettings::new().num_threads(1).indent(false);
    let mut parser = evtx::EvtxParser::from_buffer(bytes.to_vec())?.with_configuration(settings);
    Ok(parser.records_json_bytes().filter(|record| black_box(record).is_ok()).count() as u64)
}

fn visit(bytes: &[u8], ask: Ask) -> Result<u64, Box<dyn Error>> {
    let mut count = Count { ask, records: 0, fields: 0 };
    read_records(&mut &bytes[..], &ArtefactId("0123456789abcdef".to_owned()), &mut count)?;
    Ok(count.records)
}

fn header(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    visit(bytes, Ask::Header)
}

fn fields(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    visit(bytes, Ask::Fields)
}

fn events(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    let source: LogSource = toml::from_str("id = \"s\"\nsystem = \"s\"\npath = []\nformat = \"evtx\"")?;
    let artefact = ArtefactId("0123456789abcdef".to_owned());
    let context = Context { artefact: &artefact, path: "log", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
    let mut count = Events(0);
    read_artefact(&mut &bytes[..], &context, &mut count)?;
    Ok(count.0)
}

fn logs(path: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        into.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| logs(entry, into))
}

/// Time that this thread had on a processor, which other work on the machine disturbs little; else the clock's.
fn spent() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = schedstat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a log, or a folder of logs")?;
    let rounds: u32 = std::env::args().nth(2).map_or(Ok(5), |given| given.parse())?;
    let mut paths = Vec::new();
    logs(Path::new(&path), &mut paths)?;
    let files: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<std::io::Result<_>>()?;
    let bytes: usize = files.iter().map(Vec::len).sum();
    let mut best = [Duration::MAX; WAYS.len()];
    let mut counts = [0; WAYS.len()];
    // One way after the other in each round, so that a busy machine is busy for all of them; the fastest round counts.
    for _ in 0..rounds {
        for (number, (_, way)) in WAYS.iter().enumerate() {
            let start = spent();
            counts[number] = files.iter().map(|file| way(file)).sum::<Result<u64, _>>()?;
            best[number] = best[number].min(spent().saturating_sub(start));
        }
    }
    println!("{:<24} {:>10} {:>10} {:>12} {:>8} {:>8}", "way", "events", "µs/event", "events/s", "MB/s", "ratio");
    let micros = |number: usize| best[number].as_secs_f64() * 1e6 / counts[number].max(1) as f64;
    for (number, (name, _)) in WAYS.iter().enumerate() {
        let seconds = best[number].as_secs_f64();
        let (rate, megabytes, ratio) = (counts[number] as f64 / seconds, bytes as f64 / 1e6 / seconds, micros(number) / micros(0));
        println!("{name:<24} {:>10} {:>10.2} {rate:>12.0} {megabytes:>8.0} {ratio:>8.2}", counts[number], micros(number));
    }
    Ok(())
}
