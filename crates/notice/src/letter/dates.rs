//! Dates as a letter writes them, in the organisation's zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use strandline_model::time::Instant;

/// Writes a moment by a strftime pattern; `None` where the pattern is none.
pub(super) fn write(pattern: &str, moment: DateTime) -> Option<String> {
    BrokenDownTime::from(moment).to_string(pattern).ok()
}

/// The moment on the organisation's clock; `None` beyond the years that a calendar has.
pub(super) fn local(at: Instant, zone: &TimeZone) -> Option<DateTime> {
    Timestamp::from_microsecond(at.micros()).ok().map(|timestamp| zone.to_datetime(timestamp))
}
