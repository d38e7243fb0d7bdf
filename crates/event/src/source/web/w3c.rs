//! The extended log file format of the W3C: fields in the order that `#Fields:` declares, which may change within a file.
//! IIS, CloudFront, Tomcat's ExtendedAccessLogValve, Blue Coat.
//!
//! Sources: W3C, "Extended Log File Format" (WD-logfile-960323); Microsoft, "W3C Logging"; AWS, "Standard logging
//! (access logs)" of CloudFront. Date and time are in UTC by the format's own rule.

use std::borrow::Cow;

use strandline_model::address;
use strandline_model::estate::LogSource;

use super::plain_name;
use crate::fields::{Clock, Column, Filling, Unit, is_absent, text_of};
use crate::source::{Format, is_blank, trimmed};
use crate::stamp::{self, Zone};
use crate::{Context, EventError, Output, Record};

/// The most fields that a line may declare.
const FIELDS_MOST: usize = 256;

/// The format.
#[derive(Debug)]
pub(super) struct W3c {
    clock: Clock,
    /// Fields that the estate maps: the record's own name, the column.
    overrides: Vec<(String, Column)>,
    /// What the last `#Fields:` declared.
    fields: Vec<Field>,
    /// What the last `#Date:` says, for lines that carry a time alone.
    date: Option<String>,
}

/// Where a declared field goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Date,
    Time,
    /// Milliseconds, or seconds with a point.
    Taken,
    /// Blanks are written as `+` or `%20`.
    UserAgent,
    Other(Column),
}

impl W3c {
    /// Whether such fields are declared in these first bytes.
    pub(super) fn recognises(head: &[u8]) -> bool {
        head.split(|b| *b == b'\n').take(200).any(|line| line.starts_with(b"#Fields:") || line.starts_with(b"\xef\xbb\xbf#Fields:"))
    }

    /// For one artefact; `declared` is what the estate says where the file does not.
    ///
    /// # Errors
    /// If the estate names no zone that exists, or declares no time.
    pub(super) fn new(context: &Context<'_>, declared: Option<&str>) -> Result<Self, EventError> {
        let mut format = Self { clock: Clock::of(context)?, overrides: super::overrides(context.source), fields: Vec::new(), date: None };
        if let Some(declared) = declared {
            format.declare(declared.strip_prefix("#Fields:").unwrap_or(declared));
            if !format.fields.iter().any(|field| matches!(field, Field::Time | Field::Other(Column::Time))) {
                return Err(wrong(context.source));
            }
        }
        Ok(format)
    }

    fn declare(&mut self, names: &str) {
        self.fields = names.split_ascii_whitespace().take(FIELDS_MOST).map(|name| self.field(name)).collect();
    }

    fn field(&self, name: &str) -> Field {
        let plain = plain_name(name);
        if let Some((_, column)) = self.overrides.iter().find(|(from, _)| *from == plain) {
            return Field::Other(column.clone());
        }
        let label = |name: &str| Field::Other(Column::named(name, name));
        match plain.as_str() {
            "date" => Field::Date,
            "time" => Field::Time,
            "time-taken" => Field::Taken,
            "cs(user-agent)" => Field::UserAgent,
            // The client comes first: of a proxy's two, `c-ip` is the one at the other end of the wire.
            "c-ip" => Field::Other(Column::SrcIp),
            "c-port" => Field::Other(Column::SrcPort),
            "cs-username" => Field::Other(Column::Account),
            "cs-method" => Field::Other(Column::Method),
            "cs-uri" => Field::Other(Column::Url),
            "cs-uri-stem" | "cs-uri-path" => Field::Other(Column::Path),
            "cs-uri-query" => Field::Other(Column::Query),
            "sc-status" => Field::Other(Column::StatusCode),
            "sc-bytes" => Field::Other(Column::Bytes),
            "x-edge-request-id" => Field::Other(Column::RequestId),
            "cs(referer)" => label("referer"),
            "cs-host" | "cs(host)" => label("host"),
            "x-forwarded-for" | "cs(x-forwarded-for)" => label("forwarded"),
            "gmttime" | "localtime" | "timestamp" | "x-timestamp" => Field::Other(Column::Time),
            other => label(&other.replace(['(', ')', '-'], "_").trim_matches('_').replace("__", "_")),
        }
    }

    fn line<'a>(&self, text: &'a str, filling: &mut Filling<'a>) -> Result<(), &'static str> {
        if self.fields.is_empty() {
            return Err("no #Fields line stands before it; give it as log_format = \"#Fields: …\"");
        }
        let values = values(text, FIELDS_MOST + 1);
        if values.len() != self.fields.len() {
            return Err("it holds another number of fields than #Fields names");
        }
        let (mut date, mut time) = (self.date.as_deref(), None);
        for (field, value) in self.fields.iter().zip(values) {
            match field {
                Field::Date => date = Some(value),
                Field::Time => time = Some(value),
                Field::Taken => {
                    let unit = if value.contains('.') { Unit::Seconds } else { Unit::Millis };
                    filling.put(&Column::Duration(unit), Cow::Borrowed(value));
                }
                Field::UserAgent => filling.put(&Column::UserAgent, blanks(value)),
                Field::Other(column) => {
                    if !is_possible(column, value) {
                        return Err("a field holds what it cannot: the line has not the fields that #Fields names");
                    }
                    if !filling.set(column, Cow::Borrowed(value), &self.clock) {
                        return Err("the time cannot be read");
                    }
                }
            }
        }
        if let (Some(date), Some(time)) = (date, time.filter(|time| !is_absent(time))) {
            let stamp = stamp::parse(&format!("{date} {time}Z"), &Zone::utc()).ok_or("the time cannot be read")?;
            filling.stamp(stamp);
        }
        Ok(())
    }
}

impl Format for W3c {
    fn name(&self) -> &'static str {
        "web (W3C extended)"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        // A tab at the end is an empty field.
        let line = record.bytes;
        let bare = trimmed(line);
        if bare.is_empty() {
            return if is_blank(line) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = text_of(bare);
        if let Some(directive) = text.strip_prefix('#') {
            match directive.split_once(':') {
                Some(("Fields", names)) => self.declare(names),
                Some(("Date", date)) => self.date = date.split_ascii_whitespace().next().filter(|date| date.len() <= 10).map(str::to_owned),
                _ => {}
            }
            return output.pass(record);
        }
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        match self.line(&text, &mut filling) {
            Err(reason) => output.refuse(record, reason),
            Ok(()) => match filling.finish() {
                Some(event) => output.event(record, event),
                None => output.refuse(record, "the record carries no time"),
            },
        }
    }
}

/// Whether a column can hold a value: a client is an address, a status three digits or none.
fn is_possible(column: &Column, value: &str) -> bool {
    match column {
        Column::SrcIp => is_absent(value) || address::canonical(value).is_some(),
        Column::StatusCode => is_absent(value) || value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit()),
        _ => true,
    }
}

/// The values of a line: at tabs, or at blanks outside quotes.
fn values(text: &str, most: usize) -> Vec<&str> {
    if text.contains('\t') {
        return text.split('\t').take(most).collect();
    }
    let mut values = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && values.len() < most {
        let quoted = rest.strip_prefix('"').and_then(|inside| closing(inside).map(|end| (&inside[..end], &inside[end + 1..])));
        let (value, after) = quoted.unwrap_or_else(|| rest.split_at(rest.find(' ').unwrap_or(rest.len())));
        values.push(value);
        rest = after.trim_start_matches(' ');
    }
    values
}

/// Where a quoted value ends: at a quote with a blank or nothing behind it.
fn closing(inside: &str) -> Option<usize> {
    memchr::memchr_iter(b'"', inside.as_bytes()).find(|at| matches!(inside.as_bytes().get(at + 1), None | Some(b' ')))
}

/// A value whose blanks IIS writes as `+`, CloudFront as `%20`.
fn blanks(value: &str) -> Cow<'_, str> {
    if value.contains("%20") {
        Cow::Owned(value.replace("%20", " "))
    } else if value.contains('+') && !value.contains(' ') {
        Cow::Owned(value.replace('+', " "))
    } else {
        Cow::Borrowed(value)
    }
}

fn wrong(source: &LogSource) -> EventError {
    let reason = "log_format of a source with format \"web\" is the #Fields line of its files, with a time: \"#Fields: date time c-ip …\"".to_owned();
    EventError::Configuration { source_id: source.id.clone(), reason }
}
