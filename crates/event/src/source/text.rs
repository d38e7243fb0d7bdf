//! Plain text logs by the estate's patterns: regular expressions with named groups, tried in order.
//!
//! A line that no pattern fits is a refusal, unless it carries on the record before it: it begins with a blank or a
//! closing bracket, or no stamp stands near its beginning (stack traces, wrapped messages). Such a line is passed.

use std::borrow::Cow;

use regex::Regex;

use super::Format;
use crate::fields::{Clock, Column, Filling, Kind};
use crate::{Context, EventError, Output, Record, stamp};

/// The text format.
#[derive(Debug)]
pub struct Text {
    clock: Clock,
    patterns: Vec<Pattern>,
    classify: Vec<(String, String, Kind)>,
    /// Whether the line before was read, so that one may carry it on.
    after_record: bool,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    groups: Vec<(usize, Column)>,
    kind: Option<Kind>,
}

/// Opens a text log.
///
/// # Errors
/// If the source has no pattern, a pattern cannot be compiled, or one has no `time` group.
pub fn open(context: &Context<'_>) -> Result<Text, EventError> {
    let source = context.source;
    let wrong = |reason: String| EventError::Configuration { source_id: source.id.clone(), reason };
    if source.patterns.is_empty() {
        return Err(wrong("format text needs at least one [[source.pattern]] with named groups".to_owned()));
    }
    let mut patterns = Vec::new();
    for (number, written) in source.patterns.iter().enumerate() {
        let regex = Regex::new(&written.pattern).map_err(|error| wrong(format!("pattern {}: {error}", number + 1)))?;
        let groups: Vec<(usize, Column)> = regex.capture_names().enumerate().filter_map(|(i, name)| name.map(|name| (i, group_column(source, name)))).collect();
        if !groups.iter().any(|(_, column)| *column == Column::Time) {
            return Err(wrong(format!("pattern {} has no group named time: write (?P<time>…)", number + 1)));
        }
        let kind = match &written.class {
            Some(class) => Some(Kind::parse(source, class, written.activity.as_deref(), written.status.as_deref())?),
            None => None,
        };
        patterns.push(Pattern { regex, groups, kind });
    }
    let mut classify = Vec::new();
    for rule in &source.classify {
        classify.push((rule.field.clone(), rule.equals.clone(), Kind::parse(source, &rule.class, rule.activity.as_deref(), rule.status.as_deref())?));
    }
    Ok(Text { clock: Clock::of(context)?, patterns, classify, after_record: false })
}

/// The column of a group; `fields` of the source may rename groups.
fn group_column(source: &strandline_model::estate::LogSource, group: &str) -> Column {
    let field = source.fields.iter().find(|(_, from)| *from == group).map_or(group, |(field, _)| field);
    Column::named(field, group)
}

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if super::is_blank(record.bytes) {
            return output.pass(record);
        }
        let line = String::from_utf8_lossy(record.bytes);
        let line = line.trim_start_matches(['\u{feff}', '\0']).trim_end_matches(['\0', '\r']);
        if line.is_empty() {
            self.after_record = false;
            return output.refuse(record, "NUL bytes where a line should be");
        }
        let Some((pattern, found)) = self.patterns.iter().find_map(|p| p.regex.captures(line).map(|found| (p, found))) else {
            return self.unmatched(record, line, output);
        };
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        let ruled = self.classify.iter().find(|(field, equals, _)| found.name(field).is_some_and(|m| m.as_str() == equals)).map(|(_, _, kind)| *kind);
        if let Some(kind) = ruled.or(pattern.kind) {
            filling.kind(kind);
        }
        let mut time_read = true;
        for (group, column) in &pattern.groups {
            if let Some(value) = found.get(*group) {
                time_read &= filling.set(column, Cow::Borrowed(value.as_str()), &self.clock);
            }
        }
        match filling.finish() {
            Some(event) => {
                self.after_record = true;
                output.event(record, event);
            }
            None if time_read => output.refuse(record, "the record carries no time"),
            None => output.refuse(record, "the time cannot be read; say how it is written: time_format = \"…\""),
        }
    }
}

impl Text {
    fn unmatched(&mut self, record: &Record<'_>, line: &str, output: &mut Output<'_>) {
        if self.after_record && self.carries_on(line) {
            output.pass(record);
        } else {
            self.after_record = false;
            output.refuse(record, "no pattern of the estate fits the line");
        }
    }

    /// Whether a line looks like a part of the record before it: text, and no stamp within its first words.
    fn carries_on(&self, line: &str) -> bool {
        if line.chars().any(|c| c == '\u{fffd}' || (c.is_control() && c != '\t')) {
            return false;
        }
        if line.starts_with([' ', '\t', ')', '}', ']']) {
            return true;
        }
        let starts = line
            .char_indices()
            .filter(|(at, c)| *at == 0 || matches!(line.as_bytes()[at - 1], b' ' | b'[' | b'(' | b'<' | b'"' | b'=' | b'|') && c.is_ascii_alphanumeric());
        let zone = stamp::Zone::utc(); // only whether there is a stamp is asked
        !starts.take(8).any(|(at, _)| stamp::parse_prefix(&line[at..], &zone).is_some() || starts_with_clock(&line[at..]))
    }
}

/// `03/04/2026`, `10:20:30`: a stamp in a form that is not one of the usual. `2026-11-2`: one that is cut off.
fn starts_with_clock(text: &str) -> bool {
    let head: Vec<u8> = text.bytes().take(8).collect();
    let pair = |at: usize| head.get(at).is_some_and(u8::is_ascii_digit) && head.get(at + 1).is_some_and(u8::is_ascii_digit);
    let cut = pair(0) && pair(2) && matches!(head.get(4), Some(b'-' | b'/'));
    cut || pair(0) && pair(3) && pair(6) && matches!((head.get(2), head.get(5)), (Some(b':' | b'/' | b'.' | b'-'), Some(b':' | b'/' | b'.' | b'-')))
}
