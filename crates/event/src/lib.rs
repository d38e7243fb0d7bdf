//! Sealed bytes to events and warnings.
//!
//! A format is one file below [`source`]; this file drives it: it cuts the bytes into records, hands them over, and
//! collects batches. It opens no file and decides nothing about what an event means for the trail.

pub mod evtx;
pub mod fields;
#[doc(hidden)]
pub mod fuzz;
pub mod mask;
pub mod mask_sql;
mod record;
mod secret;
pub mod source;
pub mod sql;
pub mod sql_comment;
pub mod stamp;
#[cfg(test)]
mod testing;

use std::io::Read;

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};
use strandline_model::estate::LogSource;
use strandline_model::event::{Event, EventBatchBuilder, EventRows};
use strandline_model::evidence::{ArtefactId, EventRef, Warning};
use strandline_model::time::{Instant, Interval};

pub use secret::SecretKey;
pub use source::{bare_source, recognise};
pub use stamp::assumed_year;

pub use record::{Framing, MAX_RECORD_BYTES, Record, Records};

/// Anything that the receiver of events may fail with.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// What one artefact is read as, and for whom.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The artefact.
    pub artefact: &'a ArtefactId,
    /// Its path, for warnings.
    pub path: &'a str,
    /// The log source that claims it.
    pub source: &'a LogSource,
    /// The year to assume for stamps that carry none (syslog): that of the file's last change.
    pub assumed_year: i16,
    /// Under which key secrets are digested; without one they leave nothing behind.
    pub secret_key: Option<&'a SecretKey>,
}

/// Where events and warnings go.
pub trait Sink {
    /// Takes a full batch of events, in the order of the artefact.
    ///
    /// # Errors
    /// Whatever stops the receiver; reading stops with it.
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError>;

    /// Takes one warning.
    ///
    /// # Errors
    /// Whatever stops the receiver; reading stops with it.
    fn warning(&mut self, warning: Warning) -> Result<(), SinkError>;
}

/// Keeps everything in memory: for what is known to be small, and for tests.
#[derive(Debug, Default, PartialEq)]
pub struct Collected {
    /// Batches of events.
    pub batches: Vec<RecordBatch>,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

impl Sink for Collected {
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.batches.push(batch);
        Ok(())
    }

    fn warning(&mut self, warning: Warning) -> Result<(), SinkError> {
        self.warnings.push(warning);
        Ok(())
    }
}

impl Collected {
    /// The events.
    pub fn events(&self) -> Vec<Event<'static>> {
        self.batches.iter().flat_map(|batch| EventRows::new(batch).iter().map(Event::into_owned).collect::<Vec<_>>()).collect()
    }
}

/// What became of one artefact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The format it was read as (`nginx`, `postgresql_csvlog` …).
    pub format: String,
    /// First and last event.
    pub span: Option<Interval>,
    /// Records that became an event, or were read in full and are none (a comment, a header).
    pub records_read: u64,
    /// Records that could not be read.
    pub records_refused: u64,
    /// The first of them.
    pub first_refusal: Option<Warning>,
}

/// Why an artefact could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The estate file describes a format wrongly, or one that does not exist.
    #[error("source {source_id}: {reason}")]
    Configuration {
        /// The source in the estate file.
        source_id: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The bytes stopped coming: half a compressed file, a broken disk. What came before is kept.
    #[error("{path}: reading stopped at byte {offset}")]
    Interrupted {
        /// The artefact's path.
        path: String,
        /// Bytes read so far.
        offset: u64,
        /// What stopped it.
        #[source]
        source: std::io::Error,
    },
    /// The receiver of the events failed.
    #[error("the events of {path} could not be stored")]
    Sink {
        /// The artefact's path.
        path: String,
        /// What failed.
        #[source]
        source: SinkError,
    },
}

/// Reads one artefact to its end: events to `sink` in the artefact's order, one warning for each record that cannot be read.
/// Memory is bounded by one batch and one record, whatever the size of the artefact.
///
/// # Errors
/// [`EventError`]; a record that cannot be read is a warning and not an error.
pub fn read_artefact(input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<Summary, EventError> {
    let mut records = Records::new(input);
    let mut format = source::open(context, records.peek().map_err(|source| interrupted(context, 0, source))?)?;
    records.frame(format.framing());
    let mut output = Output::new(context, sink);
    if format.framing() == Framing::Stream {
        let read = format.read_stream(&mut records.into_stream(), &mut output);
        return match read {
            Ok(()) => output.close(format.name()),
            Err(error @ EventError::Interrupted { .. }) => output.close(format.name()).and(Err(error)),
            Err(error) => Err(error),
        };
    }
    loop {
        let at = records.offset();
        match records.next().map_err(|source| interrupted(context, at, source)) {
            Ok(None) => break,
            Ok(Some(record)) if record.cut => output.refuse(&record, "longer than a record may be; its rest was skipped"),
            Ok(Some(record)) => format.read(&record, &mut output),
            Err(error) => {
                format.finish(&mut output);
                output.close(format.name())?;
                return Err(error);
            }
        }
        output.drain()?;
    }
    format.finish(&mut output);
    output.close(format.name())
}

fn interrupted(context: &Context<'_>, offset: u64, source: std::io::Error) -> EventError {
    EventError::Interrupted { path: context.path.to_owned(), offset, source }
}

/// What a format writes to: it fills in what every event of the artefact shares.
pub struct Output<'a> {
    context: &'a Context<'a>,
    sink: &'a mut dyn Sink,
    builder: EventBatchBuilder,
    warnings: Vec<Warning>,
    summary: Summary,
}

impl<'a> Output<'a> {
    fn new(context: &'a Context<'a>, sink: &'a mut dyn Sink) -> Self {
        Self { context, sink, builder: EventBatchBuilder::new(), warnings: Vec::new(), summary: Summary::default() }
    }

    /// The place of a record in the evidence.
    pub fn place(&self, record: &Record<'_>) -> EventRef {
        EventRef { artefact: self.context.artefact.clone(), offset: record.offset, length: u32::try_from(record.bytes.len()).unwrap_or(u32::MAX) }
    }

    /// Takes one event of `record`; source, system and line are filled in here.
    pub fn event(&mut self, record: &Record<'_>, event: Event<'_>) {
        let context = self.context;
        let mut event = event; // a binding of its own, so that it may borrow from the context too
        event.source = context.source.id.as_str().into();
        event.system = context.source.system.as_str().into();
        event.line = record.line;
        event.secrets = match context.secret_key {
            Some(key) => event.secrets.digested(Some(&|secret: &str| key.digest(secret))),
            None => event.secrets.digested(None),
        };
        self.summary.records_read += 1;
        self.widen(event.time);
        self.builder.push(&event);
    }

    /// What is read, and for whom.
    pub fn context(&self) -> &'a Context<'a> {
        self.context
    }

    /// Counts a record that was read in full and is no event.
    pub fn pass(&mut self, _record: &Record<'_>) {
        self.summary.records_read += 1;
    }

    /// Refuses a record: one warning with its place. `reason` never holds the record's bytes.
    pub fn refuse(&mut self, record: &Record<'_>, reason: &str) {
        self.note(record, reason);
        self.summary.records_refused += 1;
        if self.summary.first_refusal.is_none() {
            self.summary.first_refusal = self.warnings.last().cloned();
        }
    }

    /// Warns of something by which no record was lost; `reason` begins with [`Warning::NOTED`].
    pub fn note(&mut self, record: &Record<'_>, reason: &str) {
        self.warnings.push(Warning {
            artefact: self.context.artefact.clone(),
            path: self.context.path.to_owned(),
            line: record.line,
            offset: record.offset,
            reason: reason.to_owned(),
        });
    }

    fn widen(&mut self, time: Instant) {
        let moment = Interval { from: time, to: time };
        self.summary.span = Some(self.summary.span.map_or(moment, |span| span.hull(&moment)));
    }

    fn drain(&mut self) -> Result<(), EventError> {
        for warning in self.warnings.drain(..) {
            self.sink.warning(warning).map_err(|source| EventError::Sink { path: self.context.path.to_owned(), source })?;
        }
        if self.builder.is_full() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), EventError> {
        let failed = |source: SinkError| EventError::Sink { path: self.context.path.to_owned(), source };
        let batch = self.builder.finish().map_err(|error| failed(Box::new(error)))?;
        self.sink.batch(batch).map_err(failed)
    }

    fn close(mut self, format: &str) -> Result<Summary, EventError> {
        self.drain()?;
        if !self.builder.is_empty() {
            self.flush()?;
        }
        self.summary.format = format.to_owned();
        Ok(self.summary)
    }
}
