//! PostgreSQL csvlog, as versions 9 to 18 write it
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-LOGGING-CSVLOG>).
//!
//! Lines are joined here and not by the framing: a record that a crash tore in the middle of a quoted field would
//! otherwise turn every quote after it inside out. Such a record costs its own line, and the next line starts anew.

use std::borrow::Cow;

use super::Format;
use super::postgres::{Entry, Log, csv_fields, filled, split_remote};
use crate::stamp::{self, Zone};
use crate::{Context, EventError, MAX_RECORD_BYTES, Output, Record};

/// Columns up to version 12; 13 adds backend_type, 14 leader_pid and query_id.
const FEWEST_COLUMNS: usize = 23;

/// The most that a future version may add.
const MOST_COLUMNS: usize = 40;

/// A csvlog.
pub struct PostgresCsv {
    zone: Zone,
    log: Log,
    pending: Vec<Line>,
    pending_bytes: usize,
    open_quote: bool,
}

/// A line that waits for the end of its record.
struct Line {
    bytes: Vec<u8>,
    offset: u64,
    line: u64,
}

impl PostgresCsv {
    /// For one artefact.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn new(context: &Context<'_>) -> Result<Self, EventError> {
        Ok(Self { zone: Zone::of(context)?, log: Log::default(), pending: Vec::new(), pending_bytes: 0, open_quote: false })
    }

    /// Whether the first line of `head` is one of a csvlog.
    pub fn recognises(head: &[u8]) -> bool {
        let line = head.split(|b| *b == b'\n').find(|l| !l.is_empty()).unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let commas = text.bytes().filter(|b| *b == b',').count();
        text.split_once(',').is_some_and(|(time, _)| time.len() >= 19 && stamp::parse(time, &Zone::utc()).is_some()) && commas >= 11
    }

    fn whole(&mut self, bytes: &[u8], record: &Record<'_>, output: &mut Output<'_>) -> Result<(), &'static str> {
        let text = String::from_utf8_lossy(bytes);
        let fields = csv_fields(&text).ok_or("not a record of a csvlog: a quoted field does not end")?;
        let entry = entry_of(&fields, &self.zone)?;
        let place = output.place(record);
        let event = self.log.read(&entry, place);
        output.event(record, event);
        Ok(())
    }

    /// Reads the lines that wait, as one record. If they are none, the first costs itself and the rest are read again.
    fn settle(&mut self, output: &mut Output<'_>) {
        let mut lines = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.open_quote = false;
        let bytes = lines.iter().map(|l| l.bytes.as_slice()).collect::<Vec<_>>().join(&b"\n"[..]);
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        let length = usize::try_from(last.offset - first.offset).unwrap_or(0) + last.bytes.len();
        // The place covers the record as it stands in the artefact, line endings of two bytes included.
        let padded = if length > bytes.len() { [bytes.as_slice(), &vec![b' '; length - bytes.len()]].concat() } else { Vec::new() };
        let place_bytes = if padded.is_empty() { bytes.as_slice() } else { padded.as_slice() };
        let record = Record { bytes: place_bytes, offset: first.offset, line: first.line, cut: false };
        match self.whole(&bytes, &record, output) {
            Ok(()) => {}
            Err(reason) => {
                output.refuse(&Record { bytes: &first.bytes, ..record }, reason);
                for line in lines.drain(1..) {
                    self.take(line, output);
                }
            }
        }
    }

    fn take(&mut self, line: Line, output: &mut Output<'_>) {
        let quotes = memchr::memchr_iter(b'"', &line.bytes).count();
        self.open_quote ^= quotes % 2 == 1;
        self.pending_bytes += line.bytes.len() + 1;
        self.pending.push(line);
        if !self.open_quote || self.pending_bytes > MAX_RECORD_BYTES {
            self.settle(output);
        }
    }
}

impl Format for PostgresCsv {
    fn name(&self) -> &'static str {
        "postgresql_csvlog"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if self.pending.is_empty() && memchr::memchr_iter(b'"', record.bytes).count() % 2 == 0 {
            if record.bytes.is_empty() {
                output.pass(record);
            } else if let Err(reason) = self.whole(record.bytes, record, output) {
                output.refuse(record, reason);
            }
            return;
        }
        self.take(Line { bytes: record.bytes.to_vec(), offset: record.offset, line: record.line }, output);
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        while !self.pending.is_empty() {
            self.settle(output);
        }
    }
}

fn entry_of<'f>(fields: &'f [Cow<'_, str>], zone: &Zone) -> Result<Entry<'f>, &'static str> {
    if !(FEWEST_COLUMNS..=MOST_COLUMNS).contains(&fields.len()) {
        return Err("not a record of a csvlog: it has not 23 columns or more");
    }
    let field = |index: usize| fields.get(index).and_then(|f| filled(f));
    let stamp = field(0).and_then(|t| stamp::parse(t, zone)).ok_or("the first column is no time stamp")?;
    let mut entry = Entry::new(stamp, field(11).unwrap_or(""), field(13).unwrap_or(""));
    (entry.host, entry.port) = field(4).map_or((None, None), split_remote);
    entry.account = field(1);
    entry.database = field(2);
    entry.pid = field(3).and_then(|p| p.parse().ok());
    entry.session = field(5);
    entry.sequence = field(6).and_then(|n| n.parse().ok());
    entry.transaction = field(9).or(field(10).filter(|id| *id != "0"));
    entry.code = field(12);
    entry.detail = field(14);
    entry.context = field(18);
    entry.statement = field(19);
    entry.application = field(22);
    entry.backend_type = field(23);
    Ok(entry)
}

#[cfg(test)]
mod scratch {
    #[test]
    fn scratch() {
        for f in ["csv", "json", "log"] {
            let input = std::fs::read(format!("/tmp/edb/logcopy/pg.{f}")).unwrap();
            let (c, s) = crate::testing::read(&input, (f == "log").then_some("%m [%p] %q%u@%d/%a %h %r %b %P c=%c l=%l s=%s v=%v x=%x e=%e Q=%Q i=%i t=%t n=%n: "), |x, h| {
                Ok(match f {
                    "csv" => Box::new(super::PostgresCsv::new(x)?) as Box<dyn super::Format>,
                    "json" => Box::new(crate::source::postgres_json::PostgresJson::new(x)?),
                    _ => Box::new(crate::source::postgres_text::PostgresText::new(x, h)?),
                })
            });
            std::fs::write(format!("/tmp/edb/out.{f}"), c.text()).unwrap();
            println!("{f} {s:?}");
        }
        for f in ["kms-pivot/evidence/db/postgresql.csv", "quiet-hours/evidence/db/postgresql.json"] {
            let input = std::fs::read(format!("/work/shared/recordings/{f}")).unwrap();
            let t = std::time::Instant::now();
            let (c, s) = crate::testing::read(&input, None, |x, _| {
                Ok(if f.ends_with("csv") { Box::new(super::PostgresCsv::new(x)?) as Box<dyn super::Format> } else { Box::new(crate::source::postgres_json::PostgresJson::new(x)?) })
            });
            println!("{f} {s:?} {:?}", t.elapsed());
            std::fs::write(format!("/tmp/edb/rec.{}", &f[..3]), c.text()).unwrap();
        }
    }
}
