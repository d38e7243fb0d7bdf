//! The systemd journal, as `journalctl -o json`, `-o export` and `-o verbose` write it. What programs say is read as in auth.log.
//!
//! Source: systemd, "Journal Export Formats", and journalctl(1) for `json-seq`, `json-sse` and `json-pretty`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use strandline_model::time::Instant;

use super::Format;
use super::json::{Mapping, plain_text};
use super::linux_auth::describe;
use crate::fields::{Column, Filling};
use crate::stamp::Stamp;
use crate::{Context, EventError, Framing, MAX_RECORD_BYTES, Output, Record};

/// The fields that are read, in the order of [`Entry`].
const FIELDS: [&str; 9] =
    ["__REALTIME_TIMESTAMP", "SYSLOG_IDENTIFIER", "_COMM", "MESSAGE", "_PID", "SYSLOG_PID", "_HOSTNAME", "_SYSTEMD_UNIT", "_SOURCE_REALTIME_TIMESTAMP"];

/// The journal format.
#[derive(Debug)]
pub struct Journald {
    fields: Mapping,
    framing: Framing,
    /// Whether it is what `-o verbose` prints.
    verbose: bool,
    /// The entry of `-o verbose` that is being read.
    open: Option<Open>,
}

/// An entry whose lines are not all read, as lines of the export format.
#[derive(Debug)]
struct Open {
    text: String,
    offset: u64,
    end: u64,
    line: u64,
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
    let verbose = !export && head.split(|b| *b == b'\n').take(200).any(|line| verbose_time(&String::from_utf8_lossy(line)).is_some());
    Ok(Journald { fields, framing: if export { Framing::Export } else { Framing::Lines }, verbose, open: None })
}

/// The end of the year 9999, in microseconds since 1970: what a calendar can show.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// One journal entry.
#[derive(Default)]
struct Entry<'a> {
    /// By [`FIELDS`].
    values: [Option<Cow<'a, str>>; FIELDS.len()],
    /// Whether the message is null: it was longer than journalctl shows without `--all`.
    message_omitted: bool,
}

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
        if self.verbose {
            return self.verbose_line(record, output);
        }
        let text = String::from_utf8_lossy(super::trimmed(record.bytes));
        // What `json-seq` and `json-sse` put in front of each object.
        let text = text.trim_start_matches('\u{1e}');
        let text = text.strip_prefix("data: ").unwrap_or(text);
        let entry = match self.framing {
            Framing::Export => export_entry(record.bytes),
            _ => self.json_entry(text),
        };
        give(entry, record, output);
    }

    fn finish(&mut self, output: &mut Output<'_>) {
        self.settle(output);
    }
}

/// Gives out one entry.
fn give(entry: Result<Entry<'_>, &'static str>, record: &Record<'_>, output: &mut Output<'_>) {
    let entry = match entry {
        Ok(entry) => entry,
        Err(reason) => return output.refuse(record, reason),
    };
    let [time, identifier, comm, message, pid, syslog_pid, host, unit, source_time] = entry.values;
    let Some(time) = time.or(source_time) else { return output.refuse(record, "the record carries no __REALTIME_TIMESTAMP") };
    let Some(time) = time.parse::<i64>().ok().filter(|t| (0..=LAST_MICROS).contains(t)) else {
        return output.refuse(record, "__REALTIME_TIMESTAMP is no count of microseconds, or lies beyond the calendar");
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
    if entry.message_omitted {
        filling.label("message_omitted", Cow::Borrowed("too long for journalctl without --all; export again with it"));
    }
    describe(&mut filling, &program, message.as_deref().unwrap_or(""));
    match filling.finish() {
        Some(event) => output.event(record, event),
        None => output.refuse(record, "the record carries no __REALTIME_TIMESTAMP"),
    }
}

impl Journald {
    /// A line of `-o verbose`: one with a cursor begins an entry, one field stands on each of those behind it.
    fn verbose_line(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let text = String::from_utf8_lossy(record.bytes);
        if let Some(time) = verbose_time(&text) {
            self.settle(output);
            self.open = Some(Open { text: format!("__REALTIME_TIMESTAMP={time}\n"), offset: record.offset, end: record.end(), line: record.line });
            return;
        }
        let Some(open) = self.open.as_mut().filter(|open| text.starts_with("    ") && open.text.len() + text.len() <= MAX_RECORD_BYTES) else {
            return output.refuse(record, "no entry of the journal begins before this line");
        };
        open.end = record.end();
        let field = &text[4..];
        let is_field =
            field.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'));
        if !is_field && open.text.ends_with('\n') {
            open.text.pop(); // the value before goes on
            open.text.push(' ');
        }
        open.text.push_str(field.trim());
        open.text.push('\n');
    }

    fn settle(&mut self, output: &mut Output<'_>) {
        let Some(open) = self.open.take() else { return };
        give(export_entry(open.text.as_bytes()), &Record::at(open.offset, open.end, open.line), output);
    }

    fn json_entry<'a>(&self, text: &'a str) -> Result<Entry<'a>, &'static str> {
        let found = self.fields.find(text)?;
        let mut entry = Entry::default();
        for ((value, name), place) in found.values.iter().zip(FIELDS).zip(&mut entry.values) {
            let Some(value) = value else { continue };
            *place = if name == "MESSAGE" { message_text(value) } else { plain_text(value) };
            entry.message_omitted |= name == "MESSAGE" && value.get() == "null";
        }
        let [time, _, _, message, .., source_time] = &entry.values;
        if time.is_none() && source_time.is_none() && message.is_none() {
            return Err("no journal entry: it has neither __REALTIME_TIMESTAMP nor MESSAGE");
        }
        Ok(entry)
    }
}

/// The microseconds since 1970 in the cursor that ends the first line of an entry: `Mon 2026-11-23 … [s=…;i=…;b=…;m=…;t=65…;x=…]`.
fn verbose_time(line: &str) -> Option<i64> {
    let cursor = line.trim_end().strip_suffix(']')?.rsplit_once('[')?.1;
    let mut parts = cursor.split(';');
    let count = parts.find_map(|part| part.strip_prefix("t=")).filter(|_| cursor.starts_with("s=") && !line.starts_with(' '))?;
    i64::from_str_radix(count, 16).ok()
}

/// A message: text; bytes that are no text as an array of numbers; of a field that stands twice the first, as an array
/// of those.
fn message_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let raw = value.get();
    if !raw.starts_with('[') {
        return plain_text(value);
    }
    let bytes = serde_json::from_str::<Vec<u8>>(raw).ok();
    let bytes = bytes.or_else(|| serde_json::from_str(serde_json::from_str::<Vec<&RawValue>>(raw).ok()?.first()?.get()).ok());
    match bytes {
        Some(bytes) => Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())),
        None => plain_text(value),
    }
}

/// `NAME=text` lines, or `NAME`, a line feed, eight bytes of length and the bytes themselves.
fn export_entry(mut bytes: &[u8]) -> Result<Entry<'_>, &'static str> {
    const CUT: &str = "a journal entry that is cut off";
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
            && entry.values[slot].is_none()
        {
            entry.values[slot] = Some(String::from_utf8_lossy(value));
        }
        bytes = after;
    }
    Ok(entry)
}
