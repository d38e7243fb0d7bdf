//! Times as a person writes them, in the organisation's zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use strandline_model::time::{Instant, Interval};

/// Which end of a day a date means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its first microsecond.
    First,
    /// Its last.
    Last,
}

/// Why a text is no time.
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    /// A day, where clocks run by the minute.
    #[error("{0:?} is a day: add the time, such as {0}T09:30")]
    Day(String),
    /// No time at all.
    #[error("{0:?} is no time: write 2026-11-20, 2026-11-20T08:00, or 2026-11-20T08:00:00+08:00")]
    NoTime(String),
    /// An end before its beginning.
    #[error("--from {from} is after --to {to}")]
    Backwards {
        /// The beginning.
        from: Instant,
        /// The end.
        to: Instant,
    },
    /// A time that the zone does not have.
    #[error(transparent)]
    Zone(#[from] jiff::Error),
}

/// A moment, in the organisation's zone where it has no offset. A day is none: clocks run by the minute.
///
/// # Errors
/// If it is a day, or no time.
pub fn moment(text: &str, zone: &str) -> Result<Instant, TimeError> {
    if text.parse::<Date>().is_ok() && !text.contains(['T', ' ']) {
        return Err(TimeError::Day(text.to_owned()));
    }
    instant(text, End::First, &TimeZone::get(zone).unwrap_or(TimeZone::UTC))
}

/// A time with two ends, in a zone where they have no offset; `None`: all time.
///
/// # Errors
/// If one of them is no time, or the end comes before the beginning.
pub fn window(from: Option<&str>, to: Option<&str>, zone: &TimeZone) -> Result<Option<Interval>, TimeError> {
    let from = from.map(|text| instant(text, End::First, zone)).transpose()?;
    let to = to.map(|text| instant(text, End::Last, zone)).transpose()?;
    let window = match (from, to) {
        (None, None) => return Ok(None),
        (from, to) => Interval { from: from.unwrap_or(Instant::MIN), to: to.unwrap_or(Instant::MAX) },
    };
    if window.from > window.to { Err(TimeError::Backwards { from: window.from, to: window.to }) } else { Ok(Some(window)) }
}

/// A time or a day, in a zone where it has no offset.
///
/// # Errors
/// If it is neither.
pub fn instant(text: &str, end: End, zone: &TimeZone) -> Result<Instant, TimeError> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Instant(time.as_microsecond()));
    }
    // A date alone also reads as its midnight, so the date comes first.
    if let (Ok(date), false) = (text.parse::<Date>(), text.contains(['T', ' '])) {
        let start = |date: Date| Ok::<_, jiff::Error>(zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))?.as_microsecond());
        return Ok(Instant(if end == End::First { start(date)? } else { start(date.tomorrow()?)? - 1 }));
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return Ok(Instant(zone.to_timestamp(civil)?.as_microsecond()));
    }
    Err(TimeError::NoTime(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, end: End, expected: Option<&str>) {
        let zone = TimeZone::get("Asia/Hong_Kong").expect("a known zone");
        assert_eq!(instant(text, end, &zone).ok().map(|i| i.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_in_the_organisations_zone() {
        check("2026-11-20", End::First, Some("2026-11-19T16:00:00.000Z"));
        check("2026-11-20", End::Last, Some("2026-11-20T15:59:59.999Z"));
        check("2026-11-20T08:00", End::First, Some("2026-11-20T00:00:00.000Z"));
        check("2026-11-20 08:00", End::Last, Some("2026-11-20T00:00:00.000Z"));
        check("2026-11-20T08:00:00Z", End::First, Some("2026-11-20T08:00:00.000Z"));
        check("yesterday", End::First, None);
        check("2026-13-01", End::First, None);
    }
}
