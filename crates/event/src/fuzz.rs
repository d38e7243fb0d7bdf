//! What the fuzz targets and the property tests run: any bytes, read as a format, and what must hold afterwards.
//! It is no part of the library's promise to its callers.

use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use strandline_model::estate::{LogSource, TextPattern};
use strandline_model::event::EventRows;
use strandline_model::evidence::{ArtefactId, Warning};
use strandline_model::record::{FieldList, FieldValue, LogRecord};

use crate::source::{self, bare_source};
use crate::{Context, Records, Sink, SinkError, evtx, mask, read_artefact, stamp};

/// Any bytes as an nginx log, by content and by a format string.
pub fn fuzz_nginx(bytes: &[u8]) {
    run(&bare_source("nginx"), bytes);
    let format = "escape=json '{\"t\":\"$msec\",\"a\":\"$remote_addr:$remote_port\",\"r\":\"$request\",\"s\":$status,\"u\":\"$uri$is_args$args\"}'";
    run(&LogSource { log_format: Some(format.to_owned()), ..bare_source("nginx") }, bytes);
}

/// Any bytes as an Apache log, by content and by a format string.
pub fn fuzz_apache(bytes: &[u8]) {
    run(&bare_source("apache"), bytes);
    let format = "%v:%p %a %u [%{%d/%b/%Y:%H:%M:%S}t.%{msec_frac}t %{%z}t] \"%m %U%q %H\" %>s %b %D \"%{User-Agent}i\"";
    run(&LogSource { log_format: Some(format.to_owned()), ..bare_source("apache") }, bytes);
}

/// Any bytes as an access log of another server, and with fields that it declares.
pub fn fuzz_web(bytes: &[u8]) {
    run(&bare_source("web"), bytes);
    run(&bare_source("web"), &[b"#Fields: date time c-ip cs-uri-stem\n", bytes].concat());
}

/// Any bytes as JSON lines.
pub fn fuzz_json(bytes: &[u8]) {
    run(&bare_source("json"), bytes);
}

/// Any bytes as a text log.
pub fn fuzz_text(bytes: &[u8]) {
    let pattern = r"^(?P<time>\S+ ?\S+) (?P<account>\w+) (?P<duration>\S+) (?P<url>\S+) (?P<message>.*)$".to_owned();
    run(
        &LogSource {
            patterns: vec![TextPattern { pattern, class: None, activity: None, status: None }],
            clock: Some("Europe/Berlin".to_owned()),
            ..bare_source("text")
        },
        bytes,
    );
}

/// Any bytes as the audit log of Linux.
pub fn fuzz_auditd(bytes: &[u8]) {
    run_counted(&bare_source("auditd"), bytes, Count::Joined);
}

/// Any bytes as the log of pgbouncer.
pub fn fuzz_pgbouncer(bytes: &[u8]) {
    run(&bare_source("pgbouncer"), bytes);
}

/// Any bytes as an audit or an error log of SQL Server.
pub fn fuzz_sqlserver(bytes: &[u8]) {
    run(&bare_source("sqlserver"), bytes);
}

/// Any bytes as Oracle's unified audit trail.
pub fn fuzz_oracle(bytes: &[u8]) {
    run(&bare_source("oracle"), bytes);
}

/// Any bytes as an auth.log.
pub fn fuzz_linux_auth(bytes: &[u8]) {
    run(&bare_source("linux_auth"), bytes);
}

/// Any bytes as a journal export, of both kinds.
pub fn fuzz_journald(bytes: &[u8]) {
    run(&bare_source("journald"), bytes);
    run(&bare_source("journald"), &[b"__CURSOR=a\n\n", bytes].concat());
}

/// Any bytes as a PostgreSQL log of each kind.
pub fn fuzz_postgresql(bytes: &[u8]) {
    run_counted(&bare_source("postgresql"), bytes, Count::Joined);
    run_counted(&LogSource { log_format: Some("%m [%p] %q%u@%d ".to_owned()), ..bare_source("postgresql") }, bytes, Count::Joined);
}

/// Any bytes as MySQL's general and slow query logs.
pub fn fuzz_mysql_general(bytes: &[u8]) {
    run_counted(&bare_source("mysql_general"), bytes, Count::Joined);
}

/// Any bytes as MySQL's and MariaDB's audit logs.
pub fn fuzz_mysql_audit(bytes: &[u8]) {
    run_counted(&bare_source("mysql_audit"), bytes, Count::Joined);
}

/// Any bytes in each wrapper that is known, as each format: places lie within the artefact, and events come in order.
pub fn fuzz_wrapped(bytes: &[u8]) {
    struct Within {
        size: u64,
        last: u64,
    }
    impl Sink for Within {
        fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
            for event in EventRows::new(&batch).iter() {
                assert!(event.place.offset >= self.last, "events come in the order of their records");
                self.last = event.place.offset;
                assert!(event.place.offset + u64::from(event.place.length) <= self.size, "no record ends behind its artefact");
            }
            Ok(())
        }

        fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
            Ok(())
        }
    }
    let artefact = ArtefactId(String::new());
    for format in ["nginx", "web", "postgresql", "json", "mysql_general"] {
        let source = bare_source(format);
        let context = Context { artefact: &artefact, path: "", source: &source, assumed_year: 2026, last_change: None, secret_key: None };
        for plan in crate::wrapper::Plan::candidates(bytes, &stamp::Zone::utc()) {
            let mut within = Within { size: bytes.len() as u64, last: 0 };
            let _ = crate::read_planned(&mut Records::new(&mut &*bytes), &context, &plan, &mut within);
        }
    }
}

/// Any bytes as a Windows event log: as they are, as what follows a chunk's magic, and as the content of one record.
pub fn fuzz_evtx(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(1 << 20)];
    run_evtx(bytes);
    let mut log = vec![0; 4096];
    log[..8].copy_from_slice(evtx::FILE_MAGIC);
    let mut chunk = [evtx::CHUNK_MAGIC, bytes].concat();
    chunk.resize(evtx::CHUNK_BYTES, 0);
    run_evtx(&[&log[..], &chunk].concat());
    chunk.truncate(8);
    chunk.resize(512, 0);
    let content = &bytes[..bytes.len().min(60 << 10)];
    let size = (content.len() as u32 + 28).to_le_bytes();
    for part in [b"**\0\0", &size, &1_u64.to_le_bytes()[..], &134_399_401_770_000_000_u64.to_le_bytes(), content, &size] {
        chunk.extend_from_slice(part);
    }
    let free = (chunk.len() as u32).to_le_bytes();
    chunk[48..52].copy_from_slice(&free);
    chunk.resize(evtx::CHUNK_BYTES, 0);
    run_evtx(&[&log[..], &chunk].concat());
}

/// Reads `bytes` and checks that every record lies within them and gives no more than a few times its size.
fn run_evtx(bytes: &[u8]) {
    struct Within(u64);
    impl evtx::Visit for Within {
        fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
            let place = record.place();
            assert!(place.offset + u64::from(place.length) <= self.0, "no record ends behind its artefact");
            let mut fields = FieldList::new();
            record.fields(&mut fields);
            let size = place.length as usize;
            assert!(fields.len() <= size + 2048, "a record gives no more fields than it can hold");
            let texts = fields.iter().map(|(_, value)| if let FieldValue::Text(text) = value { text.len() } else { 0 });
            assert!(texts.sum::<usize>() <= size * 8 + (256 << 10), "a record gives no more text than a few times its size");
            ControlFlow::Continue(())
        }

        fn damage(&mut self, damage: evtx::Damage) {
            assert!(damage.offset + damage.length <= self.0, "no damage lies behind its artefact");
        }
    }
    let artefact = ArtefactId(String::new());
    let read = evtx::read_records(&mut &*bytes, &artefact, &mut Within(bytes.len() as u64));
    assert!(read.is_ok(), "memory does not fail");
    let context = Context { artefact: &artefact, path: "", source: &bare_source("evtx"), assumed_year: 2026, last_change: None, secret_key: None };
    let _ = read_artefact(&mut &*bytes, &context, &mut source::Nothing);
}

/// Any bytes as a stamp, a URL and free text: masking twice changes nothing more.
pub fn fuzz_values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for clock in [None, Some("America/New_York")] {
        if let Ok(zone) = stamp::Zone::new(clock, 2026) {
            let _ = stamp::parse(&text, &zone);
            let _ = stamp::parse_format(&text, "%d.%m. %H:%M:%S%.f", &zone);
        }
    }
    let _ = (mask::url(&text), mask::query(&text), mask::text(&text), mask::secrecy(&text));
}

/// Any bytes as whatever they look like.
pub fn fuzz_recognise(bytes: &[u8]) {
    for (_, share) in crate::recognise(bytes) {
        assert!((0.0..=1.0).contains(&share), "a share lies between none and all");
    }
}

/// What must become of a format's records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    /// Each is an event, a pass or a refusal of its own.
    Each,
    /// Lines may be joined to one record.
    Joined,
}

/// Reads `bytes` as a format in which each record stands alone.
fn run(source: &LogSource, bytes: &[u8]) {
    run_counted(source, bytes, Count::Each);
}

/// Reads `bytes` and checks that events stand behind one another, and that no record vanishes.
fn run_counted(source: &LogSource, bytes: &[u8], expected: Count) {
    let artefact = ArtefactId(String::new());
    let context = Context { artefact: &artefact, path: "", source, assumed_year: 2026, last_change: None, secret_key: None };
    let plan = crate::wrapper::Plan::of(&context, &bytes[..bytes.len().min(64 << 10)]);
    let mut places = Places { end: 0, size: bytes.len() as u64, wrapped: !plan.is_plain() };
    let summary = read_artefact(&mut &*bytes, &context, &mut places);
    let (Ok(summary), Ok(format)) = (summary, source::open(&context, &bytes[..bytes.len().min(64 << 10)])) else { return };
    if !plan.is_plain() {
        return;
    }
    let mut reader = bytes;
    let mut records = Records::new(&mut reader);
    if records.peek().is_err() {
        return;
    }
    records.skip(plan.skip());
    records.frame(plan.framing(format.framing()));
    let mut count = 0;
    while let Ok(Some(_)) = records.next() {
        count += 1;
    }
    let accounted = summary.records_read + summary.records_passed + summary.records_refused;
    // A line may hold two records, and a hole in front of it.
    let is_each = (count..=count * 3).contains(&accounted);
    assert!(is_each || expected == Count::Joined && accounted < count, "events, passes and refusals are all records");
}

/// Checks that events stand one behind the other in the artefact.
struct Places {
    end: u64,
    size: u64,
    wrapped: bool,
}

impl Sink for Places {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        for event in EventRows::new(&batch).iter() {
            // Lines that one wrapper held share its bytes, and parts of a line may lie around another.
            assert!(self.wrapped || event.place.offset >= self.end, "no byte belongs to two records");
            self.end = event.place.offset + u64::from(event.place.length);
            assert!(self.end <= self.size, "no record ends behind its artefact");
        }
        Ok(())
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}
