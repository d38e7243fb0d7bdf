//! Civil time for log lines: milliseconds since the epoch to the forms that each log writes. The only zones are
//! UTC and Hong Kong, which has had no summer time since 1979.

/// Milliseconds since the Unix epoch.
pub(crate) type Millis = i64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

/// Hong Kong's distance from UTC.
pub(crate) const HONG_KONG: Millis = 8 * HOUR;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A broken-down instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    pub(crate) milli: u32,
}

/// Days since the epoch to a date (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn date(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// A date to days since the epoch; the inverse of [`date`].
pub(crate) fn days(year: i64, month: u32, day: u32) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let m = i64::from(month);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// `2026-09-07` for days since the epoch.
pub(crate) fn iso_date(day: i64) -> String {
    let (y, m, d) = date(day);
    format!("{y:04}-{m:02}-{d:02}")
}

/// Breaks `at` down in the zone that lies `offset` east of UTC.
pub(crate) fn civil(at: Millis, offset: Millis) -> Civil {
    let local = at + offset;
    let (year, month, day) = date(local.div_euclid(DAY));
    let in_day = local.rem_euclid(DAY);
    Civil {
        year,
        month,
        day,
        hour: (in_day / HOUR) as u32,
        minute: (in_day / MINUTE % 60) as u32,
        second: (in_day / SECOND % 60) as u32,
        milli: (in_day % SECOND) as u32,
    }
}

/// Day of the week in Hong Kong, 0 = Monday.
pub(crate) fn weekday(at: Millis) -> i64 {
    ((at + HONG_KONG).div_euclid(DAY) + 3).rem_euclid(7)
}

/// Midnight in Hong Kong at or before `at`.
pub(crate) fn local_midnight(at: Millis) -> Millis {
    (at + HONG_KONG).div_euclid(DAY) * DAY - HONG_KONG
}

impl Civil {
    /// `2026-09-07 09:12:33`
    pub(crate) fn seconds(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// `2026-09-07 09:12:33.123`
    pub(crate) fn millis(&self) -> String {
        format!("{}.{:03}", self.seconds(), self.milli)
    }

    /// `2026-09-07T09:12:33`
    pub(crate) fn iso_seconds(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }

    /// `07/Sep/2026:09:12:33`
    pub(crate) fn nginx(&self) -> String {
        let Self { year, day, hour, minute, second, .. } = self;
        format!("{day:02}/{}/{year:04}:{hour:02}:{minute:02}:{second:02}", MONTHS[self.month as usize - 1])
    }

    /// `Sep  7 09:12:33`, as syslog writes it.
    pub(crate) fn syslog(&self) -> String {
        let Self { day, hour, minute, second, .. } = self;
        format!("{} {day:2} {hour:02}:{minute:02}:{second:02}", MONTHS[self.month as usize - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_comes_back() {
        for (year, month, day) in [(1970, 1, 1), (2000, 2, 29), (2026, 9, 7), (1961, 12, 31)] {
            assert_eq!(date(days(year, month, day)), (year, month, day));
        }
        assert_eq!(civil(1_795_466_577_109, 0).millis(), "2026-11-23 20:42:57.109");
        assert_eq!(weekday(1_795_466_577_109), 1, "04:42 on a Tuesday in Hong Kong");
    }
}
