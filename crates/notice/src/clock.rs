//! How a deadline is counted: from an instant that a person stated, by the rule's own unit, in the zone of the place. It knows
//! no regime and no clock of its own.
//!
//! Where a rule does not say how its period ends, the earlier reading is taken: nobody is late by our counting.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ZonedDateTime};
use strandline_model::time::Instant;

use crate::calendar::Calendar;
use crate::law::{CountedFrom, Ends, Period, Repeats, Unit};

/// Why there is no deadline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The stated instant, or the deadline, is no date that a calendar has.
    #[error("the time lies outside of the years that can be counted")]
    OutOfRange,
    /// The period is in business days, and nobody said of which place.
    #[error("the rule counts business days and names no holiday calendar")]
    NoCalendar,
    /// The holiday calendar ends before the deadline.
    #[error("the holiday calendar {calendar:?} ends on {covers_to}: add a later one to count these business days")]
    CalendarEnds {
        /// The calendar.
        calendar: String,
        /// Its last day.
        covers_to: Date,
    },
}

const LAST_SECOND: Time = Time::constant(23, 59, 59, 0);

/// The deadline of a period that an event at `start` begins. Minutes and hours are counted as time that passes; days and
/// months on the calendar of `zone`.
///
/// # Errors
/// If the period cannot be counted; never a guess.
pub fn deadline(period: &Period, start: Instant, zone: &TimeZone, calendar: Option<&Calendar>) -> Result<Instant, ClockError> {
    let begun = local(start, zone)?;
    let begun = match period.from {
        CountedFrom::Event => begun,
        CountedFrom::EndOfCalendarYear => new_year(begun.year().saturating_add(1), zone)?,
    };
    let last = match period.unit {
        Unit::Minutes => begun.checked_add(SignedDuration::from_mins(i64::from(period.amount))),
        Unit::Hours => begun.checked_add(SignedDuration::from_hours(i64::from(period.amount))),
        Unit::Days => begun.checked_add(Span::new().days(i64::from(period.amount))),
        Unit::Months => begun.checked_add(Span::new().months(i64::from(period.amount))),
        Unit::BusinessDays => Ok(business_days(period, &begun, calendar)?),
    };
    end(&last.map_err(|_| ClockError::OutOfRange)?, period)
}

/// The deadline of report `number` of a series whose first one is due at `first` (number 0). Counted from the first deadline,
/// so that a short month does not shorten those after it.
///
/// # Errors
/// If it lies outside of the years that can be counted.
pub fn repetition(repeats: &Repeats, first: Instant, number: u32, zone: &TimeZone) -> Result<Instant, ClockError> {
    let amount = i64::from(repeats.every).checked_mul(i64::from(number)).ok_or(ClockError::OutOfRange)?;
    let span = match repeats.unit {
        Unit::Months => Span::new().try_months(amount),
        _ => Span::new().try_days(amount),
    };
    let begun = local(first, zone)?;
    let due = span.and_then(|span| begun.checked_add(span));
    due.map(|due| Instant(due.timestamp().as_microsecond())).map_err(|_| ClockError::OutOfRange)
}

/// The instant in the zone.
///
/// # Errors
/// If no calendar has it.
pub fn local(at: Instant, zone: &TimeZone) -> Result<ZonedDateTime, ClockError> {
    Timestamp::from_microsecond(at.micros()).map(|at| at.to_zoned_datetime(zone.clone())).map_err(|_| ClockError::OutOfRange)
}

fn new_year(year: i16, zone: &TimeZone) -> Result<ZonedDateTime, ClockError> {
    Date::new(year, 1, 1).and_then(|date| date.to_zoned_datetime(zone.clone())).map_err(|_| ClockError::OutOfRange)
}

fn business_days(period: &Period, begun: &ZonedDateTime, calendar: Option<&Calendar>) -> Result<ZonedDateTime, ClockError> {
    let calendar = calendar.ok_or(ClockError::NoCalendar)?;
    let last = calendar
        .business_day_after(begun.date(), period.amount, &period.closed())
        .ok_or_else(|| ClockError::CalendarEnds { calendar: calendar.id.clone(), covers_to: calendar.covers_to })?;
    last.to_datetime(begun.time()).to_zoned_datetime(begun.time_zone().clone()).map_err(|_| ClockError::OutOfRange)
}

fn end(last: &ZonedDateTime, period: &Period) -> Result<Instant, ClockError> {
    let whole_days = matches!(period.unit, Unit::Days | Unit::BusinessDays | Unit::Months);
    let at = match (whole_days, period.from, period.ends) {
        // From midnight on, the same time is the midnight that ends the last day; a person reads 23:59:59 more safely.
        (true, CountedFrom::EndOfCalendarYear, _) => last.checked_sub(SignedDuration::from_secs(1)),
        (true, CountedFrom::Event, Ends::EndOfDay) => last.date().to_datetime(LAST_SECOND).to_zoned_datetime(last.time_zone().clone()),
        _ => Ok(last.clone()),
    };
    at.map(|at| Instant(at.timestamp().as_microsecond())).map_err(|_| ClockError::OutOfRange)
}

/// `in 2 d 04:10`, `3 d 01:00 late`; to the minute, rounded down.
pub fn left_words(seconds: i64) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let time = if days > 0 { format!("{days} d {hours:02}:{minutes:02}") } else { format!("{hours:02}:{minutes:02}") };
    if seconds < 0 { format!("{time} late") } else { format!("in {time}") }
}
