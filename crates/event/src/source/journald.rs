//! The systemd journal, as `journalctl -o json` and `-o export` write it. What programs say is read as in auth.log.
//!
//! Source: systemd, "Journal Export Formats". A binary field of the export format that holds an empty line cuts its
//! record; such a record is refused.

use std::borrow::Cow;

use strandline_model::time::Instant;

use super::Format;
use super::json::{Mapping, plain_text};
use super::linux_auth::describe;
use crate::fields::{Column, Filling};
use crate::stamp::Stamp;
use crate::{Context, EventError, Framing, Output, Record};

/// The fields that are read, in the order of [`Entry`].
const FIELDS: [&str; 9] =
    ["__REALTIME_TIMESTAMP", "SYSLOG_IDENTIFIER", "_COMM", "MESSAGE", "_PID", "SYSLOG_PID", "_HOSTNAME", "_SYSTEMD_UNIT", "_SOURCE_REALTIME_TIMESTAMP"];

/// The journal format.
#[derive(Debug)]
pub struct Journald {
    fields: Mapping,
    framing: Framing,
}

/// Opens a journal export; which of the two kinds, its first bytes tell.
///
/// # Errors
/// None today; the signature is that of all formats.
pub fn open(_context: &Context<'_>, head: &[u8]) -> Result<Journald, EventError> {
    let mut fields = Mapping::default();
    for name in FIELDS {
        fields.add(name, Column::Skip);
    }
    let export = head.trim_ascii_start().starts_with(b"__") && head.contains(&b'=');
    Ok(Journald { fields, framing: if export { Framing::Paragraphs } else { Framing::Lines } })
}

/// One journal entry, by [`FIELDS`].
type Entry<'a> = [Option<Cow<'a, str>>; FIELDS.len()];

impl Format for Journald {
    fn name(&self) -> &'static str {
        "journald"
    }

    fn framing(&self) -> Framing {
        self.framing
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if super::is_blank(record.bytes) {
            return output.pass(record);
        }
        let text = String::from_utf8_lossy(super::trimmed(record.bytes));
        let entry = match self.framing {
            Framing::Paragraphs => export_entry(record.bytes),
            _ => self.json_entry(&text),
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(reason) => return output.refuse(record, reason),
        };
        let [time, identifier, comm, message, pid, syslog_pid, host, unit, source_time] = entry;
        let Some(time) = time.as_deref().or(source_time.as_deref()).and_then(|t| t.parse::<i64>().ok()).filter(|t| *t >= 0) else {
            return output.refuse(record, "the record carries no __REALTIME_TIMESTAMP");
        };
        let mut filling = Filling::new(output.place(record));
        filling.stamp(Stamp { time: Instant(time), precision_micros: 1, utc_offset_seconds: 0 });
        let program = identifier.or(comm).unwrap_or(Cow::Borrowed(""));
        for (column, value) in [
            (Column::Application, Some(program.clone())),
            (Column::Pid, pid.or(syslog_pid)),
            (Column::Label("host".to_owned()), host),
            (Column::Label("unit".to_owned()), unit),
        ] {
            if let Some(value) = value {
                filling.put(&column, value);
            }
        }
        describe(&mut filling, &program, message.as_deref().unwrap_or(""));
        match filling.finish() {
            Some(event) => output.event(record, event),
            None => output.refuse(record, "the record carries no __REALTIME_TIMESTAMP"),
        }
    }
}

impl Journald {
    fn json_entry<'a>(&self, text: &'a str) -> Result<Entry<'a>, &'static str> {
        let found = self.fields.find(text)?;
        let mut entry = Entry::default();
        for ((value, name), place) in found.values.iter().zip(FIELDS).zip(&mut entry) {
            let Some(value) = value else { continue };
            // Text that is not UTF-8 stands there as an array of byte values.
            let bytes: Option<Vec<u8>> = if name == "MESSAGE" && value.get().starts_with('[') { serde_json::from_str(value.get()).ok() } else { None };
            *place = match bytes {
                Some(bytes) => Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())),
                None => plain_text(value),
            };
        }
        if entry[0].is_none() && entry[8].is_none() && entry[3].is_none() {
            return Err("no journal entry: it has neither __REALTIME_TIMESTAMP nor MESSAGE");
        }
        Ok(entry)
    }
}

/// `NAME=text` lines, or `NAME`, a line feed, eight bytes of length and the bytes themselves.
fn export_entry(mut bytes: &[u8]) -> Result<Entry<'_>, &'static str> {
    const CUT: &str = "a journal entry that is cut off, or whose binary field holds an empty line";
    let mut entry = Entry::default();
    while !bytes.is_empty() {
        let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let line = &bytes[..end];
        let rest = bytes.get(end + 1..).unwrap_or_default();
        let (name, value, after) = match memchr::memchr(b'=', line) {
            Some(equals) => (&line[..equals], &line[equals + 1..], rest),
            None if line.is_empty() => {
                bytes = rest;
                continue;
            }
            None => {
                let (length, data) = rest.split_first_chunk::<8>().ok_or(CUT)?;
                let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| CUT)?;
                let value = data.get(..length).ok_or(CUT)?;
                (line, value, data.get(length..).unwrap_or_default().strip_prefix(b"\n").unwrap_or_default())
            }
        };
        if let Some(slot) = FIELDS.iter().position(|field| field.as_bytes() == name)
            && entry[slot].is_none()
        {
            entry[slot] = Some(String::from_utf8_lossy(value));
        }
        bytes = after;
    }
    Ok(entry)
}
