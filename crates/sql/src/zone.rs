//! Zones as settings of a session write them, and what they make of times.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::Dialect;

/// A zone: a name that the zone database knows, or a distance from UTC.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    /// Of the zone database.
    Named(String),
}

/// Zones end here.
const FURTHEST_SECONDS: i32 = 16 * 3600;

impl Zone {
    /// From the name or the offset that a setting holds. PostgreSQL counts a bare number of hours to the east, and takes `+08:00` for
    /// a name of POSIX, which counts to the west; MySQL counts `+08:00` to the east. Both were asked.
    pub fn named(written: &str, dialect: Dialect) -> Option<Self> {
        let written = written.trim();
        if ["utc", "gmt", "z", "etc/utc", "uct", "zulu"].iter().any(|name| written.eq_ignore_ascii_case(name)) {
            return Some(Self::Fixed(0));
        }
        if let Some(seconds) = offset(written, dialect) {
            return (seconds.abs() < FURTHEST_SECONDS).then_some(Self::Fixed(seconds));
        }
        let is_name = written.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+'));
        let zone = if is_name { TimeZone::get(written).ok()? } else { return None };
        zone.iana_name().map(|name| Self::Named(name.to_owned()))
    }

    fn zone(&self) -> Option<TimeZone> {
        match self {
            Self::Fixed(seconds) => Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(*seconds).ok()?)),
            Self::Named(name) => TimeZone::get(name).ok(),
        }
    }

    /// Makes instants local times, in microseconds.
    pub fn to_local(&self) -> impl Fn(i64) -> Option<i64> + use<> {
        let zone = self.zone();
        move |micros| {
            let offset = zone.as_ref()?.to_offset(Timestamp::from_microsecond(micros).ok()?);
            micros.checked_add(i64::from(offset.seconds()) * 1_000_000)
        }
    }

    /// Makes local times instants, in microseconds. Of a time that is there twice PostgreSQL takes the later one, and of one that is
    /// not there at all it takes the offset from before (its `DetermineTimeZoneOffset`).
    pub fn to_instant(&self) -> impl Fn(i64) -> Option<i64> + use<> {
        let zone = self.zone();
        move |micros| {
            let local = DateTime::new(1970, 1, 1, 0, 0, 0, 0).ok()?.checked_add(SignedDuration::from_micros(micros)).ok()?;
            let offset = match zone.as_ref()?.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Gap { before: offset, .. } | AmbiguousOffset::Fold { after: offset, .. } => offset,
            };
            micros.checked_sub(i64::from(offset.seconds()) * 1_000_000)
        }
    }
}

/// Seconds to the east of `+08:00`, and of PostgreSQL's `-8` and `5.5`.
fn offset(written: &str, dialect: Dialect) -> Option<i32> {
    let (sign, rest) = match (written.strip_prefix('-'), written.strip_prefix('+')) {
        (Some(rest), _) => (-1, rest),
        (_, Some(rest)) => (1, rest),
        _ => (1, written),
    };
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i32>().ok()).flatten().filter(|number| *number < 60);
    match rest.split_once(':') {
        Some((hours, minutes)) => {
            let seconds = sign * (number(hours)? * 3600 + number(minutes)? * 60);
            match dialect {
                Dialect::PostgreSql => Some(-seconds),
                Dialect::MySql => (rest.len() < written.len()).then_some(seconds),
            }
        }
        None if dialect == Dialect::PostgreSql => match rest.split_once('.') {
            Some((hours, "5")) => Some(sign * (number(hours)? * 3600 + 1800)),
            Some(_) => None,
            None => Some(sign * number(rest)? * 3600),
        },
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_read_from_its_name_or_its_offset() {
        let check = |written: &str, dialect, expected: Option<Zone>| assert_eq!(Zone::named(written, dialect), expected, "{written}");
        check("UTC", Dialect::PostgreSql, Some(Zone::Fixed(0)));
        check("Asia/Hong_Kong", Dialect::PostgreSql, Some(Zone::Named("Asia/Hong_Kong".into())));
        check("-8", Dialect::PostgreSql, Some(Zone::Fixed(-28_800)));
        check("8", Dialect::PostgreSql, Some(Zone::Fixed(28_800)));
        check("+8.5", Dialect::PostgreSql, Some(Zone::Fixed(30_600)));
        check("+08:00", Dialect::PostgreSql, Some(Zone::Fixed(-28_800)));
        check("-08:00", Dialect::PostgreSql, Some(Zone::Fixed(28_800)));
        check("08:00", Dialect::PostgreSql, Some(Zone::Fixed(-28_800)));
        check("+05:30", Dialect::PostgreSql, Some(Zone::Fixed(-19_800)));
        check("UTC+8", Dialect::PostgreSql, None);
        check("Etc/GMT+8", Dialect::PostgreSql, Some(Zone::Named("Etc/GMT+8".into())));
        check("8", Dialect::MySql, None);
        check("08:00", Dialect::MySql, None);
        check("+08:00", Dialect::MySql, Some(Zone::Fixed(28_800)));
        check("+05:30", Dialect::MySql, Some(Zone::Fixed(19_800)));
        check("SYSTEM", Dialect::MySql, None);
        check("<+07>-7", Dialect::PostgreSql, None);
    }

    #[test]
    fn a_local_time_that_is_there_twice_is_the_later_instant() {
        let zone = Zone::Named("Europe/Oslo".into());
        let micros = |written: &str| written.parse::<Timestamp>().map(Timestamp::as_microsecond).unwrap_or_default();
        let check = |local: &str, instant: &str| assert_eq!(zone.to_instant()(micros(local)), Some(micros(instant)), "{local}");
        check("2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z");
        check("2026-10-25T02:30:00Z", "2026-10-25T01:30:00Z");
        check("2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z");
        assert_eq!(zone.to_local()(micros("2026-07-01T10:00:00Z")), Some(micros("2026-07-01T12:00:00Z")));
    }
}
