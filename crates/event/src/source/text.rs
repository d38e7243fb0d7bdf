//! Plain text lines by patterns of the estate: named groups are event fields.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use strandline_model::event::{Activity, Class, Event, Status};
use strandline_model::time::Instant;

use crate::fields::{Field, Filling, Times};
use crate::source::Format;
use crate::stamp::Zone;
use crate::{Context, EventError, Output, Record};

/// A compiled pattern may not take more memory than this.
const PATTERN_BYTES: usize = 4 << 20;

struct Pattern {
    regex: Regex,
    groups: Vec<(Field, usize)>,
    class: Option<Class>,
    activity: Option<Activity>,
    status: Option<Status>,
}

/// Reads text lines.
pub struct Text {
    times: Times,
    patterns: Vec<Pattern>,
}

impl Text {
    /// For a source of the estate.
    ///
    /// # Errors
    /// If there is no pattern, or one is no regular expression, has no group `time`, or a group that is no event field.
    pub fn new(context: &Context<'_>) -> Result<Self, EventError> {
        let source = context.source;
        let wrong = |reason: String| EventError::Configuration { source_id: source.id.clone(), reason };
        let mut patterns = Vec::new();
        for (number, written) in source.patterns.iter().enumerate() {
            let number = number + 1;
            let regex = RegexBuilder::new(&written.pattern)
                .size_limit(PATTERN_BYTES)
                .build()
                .map_err(|error| wrong(format!("pattern {number} is no regular expression: {error}")))?;
            let mut groups = Vec::new();
            for (index, name) in regex.capture_names().enumerate().filter_map(|(i, name)| name.map(|n| (i, n))) {
                let field =
                    Field::named(name).ok_or_else(|| wrong(format!("pattern {number} has a group {name:?}, which is no event field; see docs/events.md")))?;
                groups.push((field, index));
            }
            if !groups.iter().any(|(field, _)| *field == Field::Time) {
                return Err(wrong(format!("pattern {number} has no group `time`")));
            }
            let word = |kind: &str, word: &str| wrong(format!("pattern {number} names the {kind} {word:?}, which does not exist; see docs/events.md"));
            patterns.push(Pattern {
                class: written.class.as_ref().map(|c| c.parse().map_err(|_| word("class", c))).transpose()?,
                activity: written.activity.as_ref().map(|a| a.parse().map_err(|_| word("activity", a))).transpose()?,
                status: written.status.as_ref().map(|s| s.parse().map_err(|_| word("status", s))).transpose()?,
                regex,
                groups,
            });
        }
        if patterns.is_empty() {
            return Err(wrong("format \"text\" needs at least one [[source.pattern]]".to_owned()));
        }
        Ok(Self { times: Times { zone: Zone::of(context)?, format: source.time_format.clone() }, patterns })
    }

    fn fill<'e>(&self, line: &'e str, event: Event<'e>) -> Option<Result<Event<'e>, &'static str>> {
        let (pattern, captures) = self.patterns.iter().find_map(|p| Some((p, p.regex.captures(line)?)))?;
        let mut filling = Filling::new(event);
        for (field, group) in &pattern.groups {
            if let Some(value) = captures.get(*group)
                && let Err(reason) = filling.set(*field, Cow::Borrowed(value.as_str()), &self.times)
            {
                return Some(Err(reason));
            }
        }
        filling.event.class = pattern.class.unwrap_or(filling.event.class);
        filling.event.activity = pattern.activity.unwrap_or(filling.event.activity);
        filling.event.status = pattern.status.unwrap_or(filling.event.status);
        Some(filling.finish())
    }
}

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let line = String::from_utf8_lossy(record.bytes);
        let line = line.trim_start_matches('\u{feff}');
        // A line that begins with white space goes on from the one before: a stack trace, a wrapped message. It is no event.
        if line.trim().is_empty() || line.starts_with([' ', '\t']) {
            return output.pass(record);
        }
        let event = Event::new(Instant::default(), Class::Other, Activity::Other, output.place(record));
        match self.fill(line, event) {
            Some(Ok(event)) => output.event(record, event),
            Some(Err(reason)) => output.refuse(record, reason),
            None => output.refuse(record, "no pattern of the source fits the line"),
        }
    }
}
