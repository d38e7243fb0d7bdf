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
mod wrapper;

use std::io::Read;

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};
use strandline_model::address;
use strandline_model::estate::LogSource;
use strandline_model::event::{Class, Event, EventBatchBuilder, EventRows};
use strandline_model::evidence::{ArtefactId, EventRef, Warning};
use strandline_model::time::{Instant, Interval};

pub use secret::SecretKey;
pub use source::{bare_source, recognise};
pub use stamp::{assumed_year, last_change};

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
    /// When the file was last changed: no stamp without a year lies behind that.
    pub last_change: Option<Instant>,
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
    /// Records that became an event.
    pub records_read: u64,
    /// Records that were read in full and are no event (a blank line, a comment, a header).
    #[serde(default)]
    pub records_passed: u64,
    /// Events of which more was understood than a time and a message.
    #[serde(default)]
    pub records_understood: u64,
    /// Events with a message, of which nothing more was understood.
    #[serde(default)]
    pub records_told: u64,
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
    let head = records.peek().map_err(|source| interrupted(context, 0, source))?;
    let plan = wrapper::Plan::of(context, head);
    read_planned(&mut records, context, &plan, sink)
}

/// Reads an artefact out of the wrappers that stand around its records.
fn read_planned(records: &mut Records<'_>, context: &Context<'_>, plan: &wrapper::Plan, sink: &mut dyn Sink) -> Result<Summary, EventError> {
    let head = records.peek().map_err(|source| interrupted(context, 0, source))?;
    let inner_head = plan.inner_head(context, head)?;
    let adapted = plan.source(context.source);
    let inside = Context { source: adapted.as_ref().unwrap_or(context.source), ..context.clone() };
    let mut format = source::open(&inside, &inner_head)?;
    records.skip(plan.skip());
    records.frame(plan.framing(format.framing()));
    let mut output = Output::new(context, sink);
    if plan.is_plain() && format.framing() == Framing::Stream {
        let read = format.read_stream(&mut records.stream(), &mut output);
        return match read {
            Ok(()) => output.close(format.name()),
            Err(error @ EventError::Interrupted { .. }) => output.close(format.name()).and(Err(error)),
            Err(error) => Err(error),
        };
    }
    let read = read_records(records, plan, format.as_mut(), &mut output);
    if read.is_ok() || matches!(read, Err(EventError::Interrupted { .. })) {
        format.finish(&mut output);
        return output.close(&plan.named(format.name())).and_then(|summary| read.map(|()| summary));
    }
    read.and_then(|()| output.close(format.name()))
}

/// Reads record by record, each out of its wrappers.
fn read_records(records: &mut Records<'_>, plan: &wrapper::Plan, format: &mut dyn source::Format, output: &mut Output<'_>) -> Result<(), EventError> {
    let context = output.context;
    let mut unwrapping = if plan.is_plain() { None } else { Some(wrapper::Unwrapping::new(plan.clone(), context)?) };
    let mut failed = None;
    loop {
        let at = records.offset();
        match (records.next().map_err(|source| interrupted(context, at, source)), &mut unwrapping) {
            (Ok(None), _) => break,
            (Ok(Some(record)), _) if record.cut => output.refuse(&record, "longer than a record may be; its rest was skipped"),
            (Ok(Some(record)), unwrapping) => {
                if let Some(hole) = hole(&record, plan) {
                    output.refuse(&hole, "NUL bytes within the file: what stood there is lost");
                }
                match unwrapping {
                    None => format.read(&record, output),
                    Some(unwrapping) => {
                        unwrapping.add(&record);
                        unwrapping.give(false, &mut |envelope, line| output.unwrapped(envelope, line, format));
                    }
                }
            }
            (Err(error), _) => {
                failed = Some(error);
                break;
            }
        }
        output.drain()?;
    }
    if let Some(unwrapping) = &mut unwrapping {
        unwrapping.give(true, &mut |envelope, line| output.unwrapped(envelope, line, format));
        output.drain()?;
    }
    failed.map_or(Ok(()), Err)
}

/// The NULs in front of a record, unless it is the first: a crash left them where it lost what was written. A file that is cut
/// while a server writes on has them at its beginning, and nothing is lost by that.
fn hole(record: &Record<'_>, plan: &wrapper::Plan) -> Option<Record<'static>> {
    let nuls = record.bytes.iter().take_while(|byte| **byte == 0).count();
    let is_within = nuls > 0 && record.offset > 0 && nuls < record.bytes.len() && !plan.is_wide();
    is_within.then(|| Record::at(record.offset, record.offset + nuls as u64, record.line))
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
    /// What the wrapper of the record being read says.
    envelope: wrapper::Envelope,
}

impl<'a> Output<'a> {
    fn new(context: &'a Context<'a>, sink: &'a mut dyn Sink) -> Self {
        Self { context, sink, builder: EventBatchBuilder::new(), warnings: Vec::new(), summary: Summary::default(), envelope: wrapper::Envelope::default() }
    }

    /// The place of a record in the evidence.
    pub fn place(&self, record: &Record<'_>) -> EventRef {
        EventRef { artefact: self.context.artefact.clone(), offset: record.offset, length: u32::try_from(record.extent).unwrap_or(u32::MAX) }
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
        one_address(&mut event);
        if let Some(id) = context.source.fields.get("request_id").and_then(|key| named_by_the_estate(&event, key)) {
            event.request_id = Some(id.into());
        }
        match understanding(&event) {
            Understanding::Fields => self.summary.records_understood += 1,
            Understanding::Message => self.summary.records_told += 1,
            Understanding::TimeAlone => return self.refuse(record, "nothing but its time was understood: say which fields hold what, fields = { … }"),
        }
        self.summary.records_read += 1;
        self.widen(event.time);
        if event.host.is_none()
            && let Some(host) = self.envelope.host.clone()
        {
            event.host = Some(host.into());
        }
        self.builder.push(&event);
    }

    /// Hands a line to its format, with what its wrapper says.
    fn unwrapped(&mut self, envelope: &wrapper::Envelope, record: &Record<'_>, format: &mut dyn source::Format) {
        if record.bytes.trim_ascii().is_empty() {
            return self.pass(record);
        }
        if self.envelope != *envelope {
            self.envelope.clone_from(envelope);
        }
        format.read(record, self);
    }

    /// The wrapper's time, for a line that has none.
    pub(crate) fn outer_time(&self) -> Option<stamp::Stamp> {
        self.envelope.time
    }

    /// What is read, and for whom.
    pub fn context(&self) -> &'a Context<'a> {
        self.context
    }

    /// Counts a record that was read in full and is no event.
    pub fn pass(&mut self, _record: &Record<'_>) {
        self.summary.records_passed += 1;
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

/// How much of a record was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Understanding {
    /// What it is, or a field that says who, where or what.
    Fields,
    /// A message, and no more.
    Message,
    /// When, and no more.
    TimeAlone,
}

fn understanding(event: &Event<'_>) -> Understanding {
    let texts = [
        &event.src_ip,
        &event.account,
        &event.session,
        &event.method,
        &event.url,
        &event.user_agent,
        &event.statement,
        &event.database,
        &event.command,
        &event.object,
        &event.error_code,
        &event.channel,
        &event.request_id,
        &event.transaction,
    ];
    if event.class != Class::Other || event.status_code.is_some() || texts.iter().any(|text| text.is_some()) {
        Understanding::Fields
    } else if event.message.is_some() || event.application.is_some() || event.labels.is_some() {
        Understanding::Message
    } else {
        Understanding::TimeAlone
    }
}

/// The request of a database's record, where the estate says which key of the comments in its statements names it.
fn named_by_the_estate(event: &Event<'_>, key: &str) -> Option<String> {
    event.record_kind?;
    let labels = event.labels.as_deref().filter(|labels| labels.contains(key))?;
    let labels: serde_json::Map<String, serde_json::Value> = serde_json::from_str(labels).ok()?;
    let id = labels.get(key)?.as_str()?;
    (id != strandline_model::event::MASK).then(|| id.to_owned())
}

/// One address is written in one way, whatever the log's own is; a port behind it goes where ports stand.
fn one_address(event: &mut Event<'_>) {
    let Some(written) = event.src_ip.as_deref() else { return };
    let Some((address, port)) = address::canonical(written) else { return };
    if event.src_port.is_none() {
        event.src_port = port.map(i32::from);
    }
    if address != written {
        event.src_ip = Some(address.into());
    }
}
