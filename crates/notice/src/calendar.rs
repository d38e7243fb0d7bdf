//! The holiday calendar of a place: which days are closed. Outside of the years that it covers it says nothing, so that no
//! deadline rests on a guess.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use serde::Serialize;

use crate::law::RestsOn;

/// Closed days of a place.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Short id, as regimes name it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// First day that it knows.
    pub covers_from: Date,
    /// Last day that it knows.
    pub covers_to: Date,
    /// Weekdays that are always closed.
    pub closed_weekdays: Vec<Weekday>,
    /// Days that are closed besides, and why.
    pub holidays: BTreeMap<Date, String>,
    /// What was read.
    pub rests_on: RestsOn,
    /// When somebody last compared it with its sources.
    pub checked: Date,
    /// Where the dates are from.
    pub sources: Vec<String>,
    /// The file it was read from.
    pub path: String,
}

/// Whether a day is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// It is.
    Open,
    /// It is not: the holiday or the weekday.
    Closed(String),
    /// The calendar does not reach there.
    Unknown,
}

impl Calendar {
    /// What the day is; `closed_weekdays` are closed besides those of the calendar.
    pub fn kind(&self, date: Date, closed_weekdays: &[Weekday]) -> DayKind {
        if date < self.covers_from || self.covers_to < date {
            return DayKind::Unknown;
        }
        if let Some(name) = self.holidays.get(&date) {
            return DayKind::Closed(name.clone());
        }
        let weekday = date.weekday();
        if self.closed_weekdays.contains(&weekday) || closed_weekdays.contains(&weekday) {
            return DayKind::Closed(weekday_name(weekday).to_owned());
        }
        DayKind::Open
    }

    /// The `amount`th open day after `start`, which itself never counts; `None` if that lies beyond what the calendar covers,
    /// or no day is ever open.
    pub fn business_day_after(&self, start: Date, amount: u32, closed_weekdays: &[Weekday]) -> Option<Date> {
        let (mut date, mut left) = (start, amount);
        while left > 0 {
            date = date.tomorrow().ok()?;
            match self.kind(date, closed_weekdays) {
                DayKind::Open => left -= 1,
                DayKind::Closed(_) => {}
                DayKind::Unknown => return None,
            }
        }
        Some(date)
    }
}

/// A weekday by its English name in lower case.
pub(crate) fn weekday(name: &str) -> Option<Weekday> {
    ALL.into_iter().find(|day| weekday_name(*day).eq_ignore_ascii_case(name))
}

const ALL: [Weekday; 7] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];

pub(crate) fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::law::LawBook;

    fn check(start: Date, amount: u32, closed: &[Weekday], expected: Option<Date>) {
        let book = LawBook::built_in().expect("kept");
        let calendar = book.calendar("hk").expect("kept");
        assert_eq!(calendar.business_day_after(start, amount, closed), expected, "{start} + {amount}");
    }

    #[test]
    fn business_days_of_hong_kong() {
        let saturday = [Weekday::Saturday];
        // Wednesday 25 November 2026: Thursday, Friday, (Saturday), Sunday closed, Monday.
        check(date(2026, 11, 25), 3, &[], Some(date(2026, 11, 28)));
        check(date(2026, 11, 25), 3, &saturday, Some(date(2026, 11, 30)));
        // Thursday 2 April 2026: Good Friday to Tuesday 7 are closed, so the first open day is Wednesday 8.
        check(date(2026, 4, 2), 1, &[], Some(date(2026, 4, 8)));
        // Monday 16 February 2026: 17 to 19 closed, Friday 20 is the first, Saturday 21 the second or Monday 23.
        check(date(2026, 2, 16), 2, &[], Some(date(2026, 2, 21)));
        check(date(2026, 2, 16), 2, &saturday, Some(date(2026, 2, 23)));
        // Friday 5 February 2027: Saturday 6 to Tuesday 9 closed (7 is a Sunday), Wednesday 10 is the first.
        check(date(2027, 2, 5), 1, &[], Some(date(2027, 2, 10)));
        // Thursday 24 December 2026: 25, 26, Sunday 27 closed; Monday 28.
        check(date(2026, 12, 24), 1, &[], Some(date(2026, 12, 28)));
        // Beyond what the calendar knows there is no answer.
        check(date(2027, 12, 30), 2, &[], None);
        check(date(2025, 12, 30), 1, &[], None);
        check(date(2026, 1, 2), 3, &ALL, None);
    }

    /// An independent look at the kept dates: each is of the year that its file says, none is a Sunday (a Sunday needs no
    /// line), and there are as many as the ordinance has: seventeen a year.
    #[test]
    fn the_kept_calendar_has_seventeen_holidays_a_year_and_no_sunday() {
        let book = LawBook::built_in().expect("kept");
        let calendar = book.calendar("hk").expect("kept");
        for year in [2026, 2027] {
            let days: Vec<&Date> = calendar.holidays.keys().filter(|day| day.year() == year).collect();
            assert_eq!(days.len(), 17, "{year}");
            assert!(days.iter().all(|day| day.weekday() != Weekday::Sunday));
        }
    }
}
