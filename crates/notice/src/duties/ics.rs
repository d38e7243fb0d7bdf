//! Deadlines as a calendar file (iCalendar, RFC 5545), so that they stand beside everybody's other appointments.

use std::fmt::Write;

use jiff::Timestamp;
use strandline_model::time::Instant;

use super::{Duties, DutyView, State};

/// Longest line, in octets without its ending (RFC 5545 section 3.1).
const LINE_OCTETS: usize = 75;

/// What a calendar file says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    /// The case, unique in the world: its origin. The events' ids are made of it, so that a later file moves them.
    pub case: &'a str,
    /// The case in words, for titles.
    pub reference: &'a str,
    /// When the file was made (DTSTAMP).
    pub stamp: Instant,
    /// How often the case's decisions changed (SEQUENCE): higher than in an earlier file, so that a moved deadline wins.
    pub revision: u64,
}

/// A calendar of every duty whose clock runs: its deadline, or a reminder on every day where the rule has no number (`as soon as
/// practicable`). What is over is cancelled, so that it goes from the calendar that took it from an earlier file.
pub fn write(duties: &Duties, calendar: &Calendar<'_>) -> String {
    let mut file = Lines::default();
    file.line("BEGIN:VCALENDAR");
    file.line("VERSION:2.0");
    file.line("PRODID:-//Strandline//duties//EN");
    file.line("CALSCALE:GREGORIAN");
    for view in &duties.duties {
        if let (Some(when), Some(stamp)) = (When::of(view), utc(calendar.stamp)) {
            event(&mut file, view, calendar, &when, &stamp);
        }
    }
    file.line("END:VCALENDAR");
    file.0
}

/// When an entry stands in the calendar.
struct When {
    /// `DTSTART` and what follows from it.
    lines: Vec<String>,
    /// What the title says of it.
    words: &'static str,
    /// When it rings, from its beginning.
    rings: &'static [&'static str],
    is_over: bool,
}

/// A day before a deadline, and four hours.
const BEFORE_DEADLINE: &[&str] = &["-P1D", "-PT4H"];
/// At nine on each day of a reminder.
const EACH_DAY: &[&str] = &["PT9H"];

impl When {
    /// `None`: the duty is in no calendar.
    fn of(view: &DutyView) -> Option<Self> {
        let over = match view.state {
            State::Running | State::Overdue => false,
            // The first part was in time, and the rest has no day: what an earlier file has in the calendar goes from it.
            State::PartlyDone => view.deadline.is_some(),
            State::Done | State::NotRequired => true,
            State::Waiting | State::NotInForce => return None,
        };
        let mut when = match (&view.deadline, &view.started) {
            (Some(due), _) => Self { lines: vec![format!("DTSTART:{}", utc(due.at)?)], words: "due", rings: BEFORE_DEADLINE, is_over: over },
            (None, Some(started)) => {
                let lines = vec![format!("DTSTART;VALUE=DATE:{}", day(started.at.at)?), "RRULE:FREQ=DAILY".to_owned()];
                Self { lines, words: "not done yet", rings: EACH_DAY, is_over: over }
            }
            (None, None) => return None,
        };
        if over {
            when.lines.push("STATUS:CANCELLED".to_owned());
        }
        Some(when)
    }
}

fn event(file: &mut Lines, view: &DutyView, calendar: &Calendar<'_>, when: &When, stamp: &str) {
    let series = if view.duty.repeats.is_some() { format!("/{}", view.reports) } else { String::new() };
    file.line("BEGIN:VEVENT");
    file.text("UID", &format!("{}{series}@{}", view.duty.id, calendar.case));
    file.line(&format!("DTSTAMP:{stamp}"));
    file.line(&format!("SEQUENCE:{}", calendar.revision));
    when.lines.iter().for_each(|line| file.line(line));
    file.text("SUMMARY", &format!("{}: {}: {}", calendar.reference, when.words, view.duty.title));
    file.text("DESCRIPTION", &description(view));
    file.line("CATEGORIES:DEADLINE");
    file.line("TRANSP:TRANSPARENT");
    if !when.is_over {
        alarm(file, view, calendar, when);
    }
    file.line("END:VEVENT");
}

/// What calendars ring by (RFC 5545 section 3.6.6): before a deadline, or on each day of a reminder.
fn alarm(file: &mut Lines, view: &DutyView, calendar: &Calendar<'_>, when: &When) {
    for trigger in when.rings {
        file.line("BEGIN:VALARM");
        file.line("ACTION:DISPLAY");
        file.line(&format!("TRIGGER:{trigger}"));
        file.text("DESCRIPTION", &format!("{}: {}: {}", calendar.reference, when.words, view.duty.title));
        file.line("END:VALARM");
    }
}

fn description(view: &DutyView) -> String {
    let mut text = format!("To: {}\n{} ({})\n{}", view.duty.recipient, view.rule, view.regime, view.standing);
    if let Some(started) = &view.started {
        let _ = write!(text, "\nClock started {} by {}, ledger entry {}", started.at.local, started.by, started.ledger_entry);
    }
    for note in view.warnings.iter().chain(&view.notes) {
        let _ = write!(text, "\n{note}");
    }
    text
}

fn utc(at: Instant) -> Option<String> {
    let timestamp = Timestamp::from_microsecond(at.micros()).ok()?;
    // RFC 5545 has years of four digits.
    Some(timestamp.strftime("%Y%m%dT%H%M%SZ").to_string()).filter(|text| text.len() == 16)
}

/// The day in UTC: a reminder on every day of the year needs no zone.
fn day(at: Instant) -> Option<String> {
    let timestamp = Timestamp::from_microsecond(at.micros()).ok()?;
    Some(timestamp.strftime("%Y%m%d").to_string()).filter(|text| text.len() == 8)
}

/// Lines of the file, folded.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A property of type TEXT: escaped (section 3.3.11), without control characters.
    fn text(&mut self, name: &str, value: &str) {
        let mut line = format!("{name}:");
        for c in value.chars() {
            match c {
                '\\' => line.push_str("\\\\"),
                ';' => line.push_str("\\;"),
                ',' => line.push_str("\\,"),
                '\n' => line.push_str("\\n"),
                c if c.is_control() => {}
                c => line.push(c),
            }
        }
        self.line(&line);
    }

    /// Folds at 75 octets, never inside a character; a continuation begins with a space, which counts.
    fn line(&mut self, line: &str) {
        let mut octets = 0;
        for c in line.chars() {
            if octets + c.len_utf8() > LINE_OCTETS {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(c);
            octets += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        let mut lines = Lines::default();
        lines.text("X", value);
        assert!(lines.0.split("\r\n").all(|line| line.len() <= LINE_OCTETS), "a line is too long");
        assert_eq!(lines.0.replace("\r\n ", ""), format!("X:{expected}\r\n"));
    }

    #[test]
    fn text_is_escaped_and_folded() {
        check("a, b; c\\d\nEND:VEVENT", "a\\, b\\; c\\\\d\\nEND:VEVENT");
        check("a\rEND:VCALENDAR\u{7}\u{85}", "aEND:VCALENDAR");
        check(&"é".repeat(100), &"é".repeat(100));
        check(&"𠮷".repeat(60), &"𠮷".repeat(60));
        check(&"x".repeat(73), &"x".repeat(73));
        check(&"x".repeat(74), &"x".repeat(74));
    }
}
