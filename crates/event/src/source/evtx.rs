//! Windows event logs (EVTX) as events: sign-ins, accounts, programs, services, remote desktop, files and shares, and
//! what was done to the log itself. Records that mean nothing to a trail become a `base_event` that says which they are;
//! their fields stay in the evidence, where rules read them.

mod accounts;
mod files;
mod involved;
mod named;
mod programs;
mod sign_ins;
mod upkeep;

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::ControlFlow;

use strandline_model::event::{Activity, Class, Status};
use strandline_model::evidence::Warning;
use strandline_model::record::{FieldList, LogRecord};
use strandline_model::time::Instant;

use super::Format;
use crate::evtx::{CHUNK_MAGIC, ChunkReader, Chunks, Damage, FILE_MAGIC, Visit};
use crate::fields::{Column, Filling, Kind};
use crate::stamp::Stamp;
use crate::{Context, EventError, Framing, Output, Record};
use named::Named;

pub use involved::{Involved, involved};

/// Whether a file's first bytes are those of an event log, its header intact or not.
pub fn recognises(head: &[u8]) -> bool {
    head.starts_with(FILE_MAGIC) || head.starts_with(CHUNK_MAGIC) || memchr::memmem::find(&head[..head.len().min(2 * 4096)], CHUNK_MAGIC).is_some()
}

/// The format of Windows event logs. The time stands in each record, in UTC, so nothing is configured.
#[derive(Debug, Default)]
pub struct Evtx {
    records: u64,
}

impl Format for Evtx {
    fn name(&self) -> &'static str {
        "evtx"
    }

    fn framing(&self) -> Framing {
        Framing::Stream
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        output.refuse(record, "a Windows event log is read in chunks, not in lines");
    }

    fn read_stream(&mut self, input: &mut dyn Read, output: &mut Output<'_>) -> Result<(), EventError> {
        let context: &Context<'_> = output.context();
        let interrupted = |offset, source: io::Error| EventError::Interrupted { path: context.path.to_owned(), offset, source };
        let mut reader = ChunkReader::new(context.artefact);
        let mut chunks = Chunks::new(input);
        let mut read = 0;
        while let Some(chunk) = chunks.next().map_err(|source| interrupted(read, source))? {
            read = chunk.offset + chunk.bytes.len() as u64;
            let mut events = Events { output: &mut *output, records: &mut self.records };
            if let Some(damage) = chunk.damage {
                events.damage(damage);
            }
            // Nothing here ends the reading early.
            let _ = reader.read(chunk.bytes, chunk.offset, &mut events);
            output.drain()?;
        }
        Ok(())
    }
}

/// Turns records into events.
struct Events<'e, 'o> {
    output: &'e mut Output<'o>,
    records: &'e mut u64,
}

impl Visit for Events<'_, '_> {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        *self.records += 1;
        let place = record.place();
        let of = Record::at(place.offset, place.offset, *self.records);
        let mut filling = Filling::new(place);
        describe(&mut filling, record);
        match filling.finish() {
            Some(event) => self.output.event(&of, event),
            None => self.output.refuse(&of, "the record carries no time"),
        }
        ControlFlow::Continue(())
    }

    fn damage(&mut self, damage: Damage) {
        let of = Record::at(damage.offset, damage.offset, 0);
        if damage.is_loss {
            self.output.refuse(&of, damage.reason);
        } else {
            self.output.note(&of, &format!("{}{}", Warning::NOTED, damage.reason));
        }
    }
}

/// The end of the year 9999: what a calendar can show.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

const fn kind(class: Class, activity: Activity, status: Status) -> Kind {
    Kind { class, activity, status: Some(status) }
}

const OTHER: Kind = kind(Class::Other, Activity::Other, Status::Unknown);

const PARTIAL: &str = "some of its fields cannot be read";

/// Reads what a record says: when, where, what, who.
fn describe<'r>(filling: &mut Filling<'r>, record: &'r dyn LogRecord) {
    if let Some(time) = record.time().filter(|time| (-LAST_MICROS..=LAST_MICROS).contains(&time.micros())) {
        filling.stamp(Stamp { time: Instant(time.micros()), precision_micros: 1, utc_offset_seconds: 0 });
    }
    let mut put = |column, value: Option<&'r str>| value.into_iter().for_each(|value| filling.put(&column, Cow::Borrowed(value)));
    put(Column::Host, record.host());
    put(Column::Channel, record.channel());
    put(Column::Application, record.provider());
    if let Some(id) = record.event_id() {
        filling.label("event_id", Cow::Owned(id.to_string()));
    }
    if record.is_carved() {
        filling.label("carved", Cow::Borrowed("true"));
    }
    if let Some(id) = record.record_id() {
        // What was carved has no place in the order of its channel, and without a channel a number counts nothing.
        let is_counted = !record.is_carved() && record.channel().is_some();
        let column = if is_counted { Column::Sequence } else { Column::Label("record_id".to_owned()) };
        filling.put(&column, Cow::Owned(id.to_string()));
    }
    let Some(reader) = record.event_id().and_then(|id| reader(record.provider().unwrap_or(""), id)) else {
        if record.event_id().is_none() {
            filling.label("partial", Cow::Borrowed(PARTIAL));
        }
        return filling.kind(OTHER);
    };
    let mut fields = FieldList::new();
    record.fields(&mut fields);
    let named = Named::new(record.host().unwrap_or(""), fields);
    let kind = reader(filling, &named);
    if record.is_partial() {
        filling.label("partial", Cow::Borrowed(PARTIAL));
    }
    filling.kind(kind);
}

/// Fills an event from a record's fields, and says what it is.
type Reader = for<'r> fn(&mut Filling<'r>, &Named<'r>) -> Kind;

/// The reader of a record. An event id means something only together with its provider.
fn reader(provider: &str, event_id: u32) -> Option<Reader> {
    match provider {
        "Microsoft-Windows-Security-Auditing" => sign_ins::security(event_id)
            .or_else(|| accounts::security(event_id))
            .or_else(|| files::security(event_id))
            .or_else(|| programs::security(event_id))
            .or_else(|| upkeep::security(event_id)),
        "Microsoft-Windows-Sysmon" => programs::sysmon(event_id).or_else(|| files::sysmon(event_id)),
        "Microsoft-Windows-Eventlog" => upkeep::event_log(event_id),
        "EventLog" => upkeep::event_log_service(event_id),
        "Microsoft-Windows-Kernel-General" => upkeep::kernel(event_id),
        "Microsoft-Windows-Windows Defender" => programs::defender(event_id),
        "Microsoft-Windows-PowerShell" => programs::powershell(event_id),
        "Service Control Manager" => programs::services(event_id),
        "Microsoft-Windows-TerminalServices-LocalSessionManager" => sign_ins::local_sessions(event_id),
        "Microsoft-Windows-TerminalServices-RemoteConnectionManager" => sign_ins::remote_connections(event_id),
        _ => None,
    }
}
