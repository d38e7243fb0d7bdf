//! Instants and intervals: UTC microseconds, the resolution of PostgreSQL and finer than any log we read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant, in microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// Reads RFC 3339: `2026-11-23T20:44:20.575Z`; nothing, if it is none.
    pub fn of_rfc3339(written: &str) -> Option<Self> {
        written.parse::<jiff::Timestamp>().ok().map(|time| Self(time.as_microsecond()))
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The instant `micros` later (earlier, if negative); stops at the ends of time.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The instant as its text has it; unchanged where that is no date.
    #[must_use]
    pub fn to_the_millisecond(self) -> Self {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(_) => Self(self.0.saturating_sub(self.0.rem_euclid(1000))),
            Err(_) => self,
        }
    }

    /// Seconds since the epoch, as a fraction.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 with milliseconds, UTC: `2026-11-23T20:44:20.575Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => f.write_str(&t.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// A closed interval of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// The first instant inside.
    pub from: Instant,
    /// The last instant inside.
    pub to: Instant,
}

impl Interval {
    /// Whether `at` lies inside, ends included.
    pub fn contains(&self, at: Instant) -> bool {
        self.from <= at && at <= self.to
    }

    /// Whether the two share an instant.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// The smallest interval around both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}
