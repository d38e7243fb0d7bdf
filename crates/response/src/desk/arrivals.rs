//! What arrives at the desk by day, beside what was to be expected of so many letters: whoever staffs a desk sees a wave coming, and that
//! it is another than it should be.

use strandline_model::time::Instant;
use strandline_support::Kind;

use crate::support::DeskItem;

/// Of letters that reached somebody, so many of a hundred had their reader call on the busiest day: 7,230 calls of 814,093 letters, as the
/// mail house Epiq publishes of one case.
const BUSIEST_DAY_SHARE: f64 = 0.009;
/// The busiest day after a letter left, the day it left being the first. Most calls come in the first five to eight days (Immersion, 2012).
const BUSIEST_DAY: usize = 2;
/// From this day on nothing more is expected. Between these figures nobody published any: straight lines.
const LAST_DAY: usize = 8;
const DAY_MICROS: i64 = 86_400_000_000;
/// A picture of more days tells nothing.
const DAYS_LIMIT: usize = 60;
/// And of fewer, too.
const FEWEST_DAYS: usize = 10;

/// One day: 24 hours, counted from when the first letter left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ArrivalDay {
    /// People who were told on it.
    pub told: u64,
    /// Messages that were written on it.
    pub messages: u64,
    /// Of them, of people who fear for their safety.
    pub safety: u64,
    /// How many were to be expected.
    pub expected: f64,
}

/// What arrives, by day, from the first letter on.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// When the first letter left.
    pub from: Instant,
    /// The days, today's and later ones too: of those, only what is expected is known.
    pub days: Vec<ArrivalDay>,
    /// Which of them is today; none once the case is older than the picture.
    pub today: Option<usize>,
}

/// Which share of letters is answered on a day; the day a letter left is the first.
fn share(day: usize) -> f64 {
    match day {
        0 => 0.0,
        day if day <= BUSIEST_DAY => BUSIEST_DAY_SHARE * day as f64 / BUSIEST_DAY as f64,
        day if day <= LAST_DAY => BUSIEST_DAY_SHARE * (LAST_DAY + 1 - day) as f64 / (LAST_DAY + 1 - BUSIEST_DAY) as f64,
        _ => 0.0,
    }
}

impl Arrivals {
    /// Of people who were told at these times, in order, and of what they wrote; none before anybody was told.
    pub fn of(told: &[Instant], items: &[DeskItem], now: Instant) -> Option<Self> {
        let from = *told.first()?;
        let day = |at: Instant| usize::try_from(at.micros().saturating_sub(from.micros()).max(0) / DAY_MICROS).unwrap_or(usize::MAX);
        let last_told = told.last().map_or(0, |at| day(*at));
        let count = (last_told.saturating_add(LAST_DAY)).max(day(now).saturating_add(1)).clamp(FEWEST_DAYS, DAYS_LIMIT);
        let mut days = vec![ArrivalDay::default(); count];
        for place in told.iter().map(|at| day(*at)) {
            if let Some(day) = days.get_mut(place) {
                day.told += 1;
            }
        }
        for item in items {
            if let Some(day) = days.get_mut(day(item.written_at)) {
                day.messages += 1;
                day.safety += u64::from(item.kind == Kind::Safety);
            }
        }
        for place in 0..count {
            days[place].expected = (0..=place).map(|left| days[left].told as f64 * share(place - left + 1)).sum();
        }
        Some(Self { from, days, today: Some(day(now)).filter(|today| *today < count) })
    }

    /// Messages, and of them those about safety.
    pub fn arrived(&self) -> (u64, u64) {
        self.days.iter().fold((0, 0), |(all, safety), day| (all + day.messages, safety + day.safety))
    }

    /// How many were to be expected until the end of today, and how many in all.
    pub fn expected(&self) -> (u64, u64) {
        let sum = |days: usize| self.days.iter().take(days).map(|day| day.expected).sum::<f64>().round() as u64;
        (sum(self.today.map_or(self.days.len(), |today| today + 1)), sum(self.days.len()))
    }
}

#[cfg(test)]
mod tests {
    use strandline_support::Way;

    use super::*;
    use crate::support::DeskState;

    fn item(day: i64, kind: Kind) -> DeskItem {
        DeskItem {
            id: String::new(),
            kind,
            data_subject: String::new(),
            language: String::new(),
            way: Way::Page,
            written_at: Instant(day * DAY_MICROS + 5),
            collected_at: Instant(0),
            age_hours: 0,
            assigned_to: None,
            state: DeskState::Open,
            is_withdrawn: false,
            ledger_entry: 0,
        }
    }

    #[test]
    fn the_wave_of_ten_thousand_letters_peaks_on_the_second_day_and_is_over_after_the_eighth() {
        let told = vec![Instant(0); 10_000];
        let items = [item(0, Kind::Question), item(1, Kind::Safety), item(1, Kind::Question), item(-1, Kind::Question)];
        let arrivals = Arrivals::of(&told, &items, Instant(DAY_MICROS + 1)).unwrap();
        let expected: Vec<u64> = arrivals.days.iter().map(|day| day.expected.round() as u64).collect();
        assert_eq!(expected, [45, 90, 77, 64, 51, 39, 26, 13, 0, 0]);
        assert_eq!((arrivals.arrived(), arrivals.expected(), arrivals.today), ((4, 1), (135, 405), Some(1)));
    }

    #[test]
    fn letters_that_leave_later_bring_a_wave_of_their_own() {
        let told = [vec![Instant(0); 1000], vec![Instant(5 * DAY_MICROS); 1000]].concat();
        let arrivals = Arrivals::of(&told, &[], Instant(0)).unwrap();
        assert_eq!(arrivals.days.len(), 13);
        assert!(arrivals.days[6].expected > arrivals.days[5].expected && arrivals.days[6].expected > 9.0);
    }

    #[test]
    fn nobody_told_is_no_wave_and_an_old_case_no_endless_picture() {
        assert_eq!(Arrivals::of(&[], &[], Instant(0)), None);
        let old = Arrivals::of(&[Instant(0)], &[], Instant(i64::MAX)).unwrap();
        assert_eq!((old.days.len(), old.today), (DAYS_LIMIT, None));
    }
}
