//! Silence against a source's own rate: in the middle of a log, at its start, at its end, and the log that is not there.
//!
//! A silence is a gap if the rate on both sides of it, over as long again, and the same hours of other days all say that
//! at least [`LOST_MIN`] records should be there, and if it is [`UNUSUAL`] times as deep as the source's 99th percentile
//! of silences, measured in the same way. A quiet night passes: the night before was quiet too.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use strandline_model::estate::Estate;
use strandline_model::evidence::{Gap, GapKind};
use strandline_model::time::Interval;

use super::density::{Profile, SECOND, Silence};
use super::{Artefacts, interval};

/// Records that must be expected in a silence for it to be a gap. By chance alone, e^-20 of silences are as deep.
const LOST_MIN: f64 = 20.0;
/// How many times deeper than the source's usual deep silences (99th percentile) a gap is.
const UNUSUAL: f64 = 4.0;
/// Logs are collected one after another: ends this close together are the collection's own.
const EDGE_SLACK: i64 = 10 * SECOND;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The same hours of this many days before and after are compared.
const DAYS_COMPARED: i64 = 14;
/// A short silence is compared with at least this much of another day, since seconds of it say little.
const COMPARED_MIN: i64 = HOUR / 2;

/// What one source is judged by.
pub(crate) struct Context<'c> {
    pub id: &'c str,
    pub system: &'c str,
    pub window: Option<Interval>,
    pub others: &'c [(&'c str, &'c Profile)],
    pub hours: &'c Hours,
    pub artefacts: &'c Artefacts,
}

/// The organisation's working hours, for the one night that no other night can be compared with.
pub(crate) struct Hours {
    zone: TimeZone,
    days: [bool; 7],
    from_minute: i32,
    to_minute: i32,
}

impl Hours {
    /// From the estate; Monday to Friday, 7 to 20, where it does not say.
    pub fn of(estate: &Estate) -> Self {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(&estate.organisation.time_zone).unwrap_or(TimeZone::UTC);
        let mut hours = Self { zone, days: [true, true, true, true, true, false, false], from_minute: 7 * 60, to_minute: 20 * 60 };
        if let Some(written) = &estate.organisation.working_hours {
            let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            hours.days = names.map(|name| written.days.iter().any(|day| day.to_lowercase().starts_with(name)));
            hours.from_minute = minute(&written.from).unwrap_or(hours.from_minute);
            hours.to_minute = minute(&written.to).unwrap_or(hours.to_minute);
        }
        hours
    }

    fn contain(&self, micros: i64) -> bool {
        let Ok(time) = Timestamp::from_microsecond(micros) else { return true };
        let local = self.zone.to_datetime(time);
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.days[day] && (self.from_minute..self.to_minute).contains(&minute)
    }

    /// The share of `[from, to]` that lies in working hours, by a hundred samples.
    fn share(&self, from: i64, to: i64) -> f64 {
        let step = (to.saturating_sub(from) / 100).max(1);
        f64::from((0..100).map(|i| u8::from(self.contain(from.saturating_add(step * i)))).map(u32::from).sum::<u32>()) / 100.0
    }
}

fn minute(written: &str) -> Option<i32> {
    let (hour, minute) = written.split_once(':')?;
    Some(hour.trim().parse::<i32>().ok()? * 60 + minute.trim().parse::<i32>().ok()?)
}

/// Deep silences in the middle of the log.
pub(crate) fn silences(context: &Context<'_>, own: &Profile) -> Vec<Gap> {
    let deep = usual(own);
    let mut gaps = Vec::new();
    for silence in own.silences() {
        let (from, to) = (silence.before.time, silence.after.time);
        let around = around(own, &silence);
        if around < LOST_MIN.max(UNUSUAL * deep.usual_depth) {
            continue;
        }
        let expected = around.min(other_days(own, from, to).unwrap_or_else(|| by_hours(context.hours, from, to, around)));
        if expected >= LOST_MIN {
            let reason = format!(
                "silent for {}, where about {expected:.0} records were to be expected (usual deep silence: {:.1} records){}",
                length(to - from),
                deep.usual_depth,
                others_in(context, from, to)
            );
            gaps.push(context.gap(GapKind::Silence, interval(from, to), None, reason, &[silence.before, silence.after]));
        }
    }
    gaps
}

struct Depth {
    usual_depth: f64,
}

/// The 99th percentile of the source's silences, in records of the rate around each. The three deepest are left out of a
/// short log, so that a gap does not become its own measure.
fn usual(own: &Profile) -> Depth {
    let mut depths: Vec<f64> = own.silences().map(|silence| around(own, &silence)).collect();
    depths.sort_by(f64::total_cmp);
    let rank = (depths.len() * 99 / 100).min(depths.len().saturating_sub(4));
    Depth { usual_depth: depths.get(rank).copied().unwrap_or(0.0) }
}

/// Records expected in a silence by the quieter of its two sides, each taken over as long as the silence.
fn around(own: &Profile, silence: &Silence) -> f64 {
    // A stamp to the second stands anywhere in its second, so the silence may be shorter than it looks.
    let real = (silence.length() - own.precision.min(2 * SECOND)).max(0);
    let window = silence.length().max(10 * SECOND);
    let before = own.count(silence.before.time.saturating_sub(window), silence.before.time.saturating_add(1));
    let after = own.count(silence.after.time, silence.after.time.saturating_add(window));
    before.min(after) * real as f64 / window as f64
}

/// Records in the same hours of other days: the lower of the median over days and the median over weeks. `None` if the log
/// has no other day there.
fn other_days(own: &Profile, from: i64, to: i64) -> Option<f64> {
    let span = own.span()?;
    let pad = ((COMPARED_MIN - to.saturating_sub(from)) / 2).max(0);
    let mut days = Vec::new();
    let mut weeks = Vec::new();
    for shift in (-DAYS_COMPARED..=DAYS_COMPARED).filter(|&shift| shift != 0) {
        let a = from.saturating_add(shift * DAY).saturating_sub(pad).max(span.from.0);
        let b = to.saturating_add(shift * DAY).saturating_add(pad).min(span.to.0);
        // Half of it must be inside the log, and none of it inside the silence itself.
        let clear = b <= from || a >= to;
        if clear && b.saturating_sub(a) * 2 >= to.saturating_sub(from).saturating_add(2 * pad) {
            let expected = own.count(a, b) * to.saturating_sub(from) as f64 / (b - a) as f64;
            days.push(expected);
            if shift % 7 == 0 {
                weeks.push(expected);
            }
        }
    }
    let by_day = median(&mut days)?;
    Some(median(&mut weeks).map_or(by_day, |by_week| by_day.min(by_week)))
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    // The lower of the two middle ones: with two days to go by, the quieter one speaks.
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// With no other day to compare, a long silence counts for its working hours only, and one that is mostly night not at all:
/// when an office really opens and closes, its one night cannot say.
fn by_hours(hours: &Hours, from: i64, to: i64, around: f64) -> f64 {
    let length = to.saturating_sub(from);
    let busy_at_night = !hours.contain(from) && !hours.contain(to);
    if length < HOUR || (busy_at_night && length < 6 * HOUR) {
        return around;
    }
    let share = hours.share(from, to);
    if length >= 6 * HOUR && share < 0.5 { 0.0 } else { around * share }
}

/// The log starts later than the window, or than the other sources.
pub(crate) fn late_start(context: &Context<'_>, own: &Profile) -> Option<Gap> {
    let first = own.first()?;
    let others = context.others.iter().filter_map(|(_, profile)| profile.span()).map(|span| span.from.0).min();
    let start = context.window.map(|window| window.from.0).filter(|&from| from != i64::MIN).or(others)?;
    let length = first.time.saturating_sub(start);
    let expected = edge(context, own, start, first.time, own.count(first.time, first.time.saturating_add(length.max(0))))?;
    let reason = edge_reason(context, "starts", "later", length, expected, start, first.time);
    Some(context.gap(GapKind::LateStart, interval(start, first.time), None, reason, &[first]))
}

/// The log ends before the window does, or before the other sources.
pub(crate) fn early_end(context: &Context<'_>, own: &Profile) -> Option<Gap> {
    let last = own.last()?;
    let others = context.others.iter().filter_map(|(_, profile)| profile.span()).map(|span| span.to.0).max();
    let end = context.window.map(|window| window.to.0).filter(|&to| to != i64::MAX).or(others)?;
    let length = end.saturating_sub(last.time);
    let expected = edge(context, own, last.time, end, own.count(last.time.saturating_sub(length.max(0)), last.time.saturating_add(1)))?;
    let reason = edge_reason(context, "ends", "earlier", length, expected, last.time, end);
    Some(context.gap(GapKind::EarlyEnd, interval(last.time, end), None, reason, &[last]))
}

/// Records expected beyond the log's edge, if that is enough for a gap. `near` is the count over as long inside.
fn edge(context: &Context<'_>, own: &Profile, from: i64, to: i64, near: f64) -> Option<f64> {
    let span = own.span()?;
    let length = to.saturating_sub(from);
    if length <= EDGE_SLACK {
        return None;
    }
    let inside = span.to.0.saturating_sub(span.from.0);
    // Where the log is shorter than what is missing, its mean rate speaks for what is missing.
    let around = if inside < length { own.total() as f64 * length as f64 / inside.max(HOUR.min(length)) as f64 } else { near };
    if around < LOST_MIN.max(UNUSUAL * usual(own).usual_depth) {
        return None;
    }
    let expected = around.min(other_days(own, from, to).unwrap_or_else(|| by_hours(context.hours, from, to, around)));
    (expected >= LOST_MIN).then_some(expected)
}

fn edge_reason(context: &Context<'_>, verb: &str, word: &str, missing: i64, expected: f64, from: i64, to: i64) -> String {
    let than = if context.window.is_some() { "the window of interest" } else { "the other sources" };
    format!("{verb} {} {word} than {than}; about {expected:.0} records were to be expected there{}", length(missing), others_in(context, from, to))
}

/// A source of the estate of which there is no record at all.
pub(crate) fn absent(context: &Context<'_>, refused: u64) -> Option<Gap> {
    let others = context.others.iter().filter_map(|(_, profile)| profile.span()).reduce(|a, b| a.hull(&b));
    let interval = context.window.or(others)?;
    let reason = match refused {
        0 => "the estate names this source, and no record of it was supplied".to_owned(),
        count => format!("the estate names this source, and none of its records could be read ({count} refused)"),
    };
    Some(context.gap(GapKind::Absent, interval, None, reason, &[]))
}

/// What the other sources did meanwhile.
fn others_in(context: &Context<'_>, from: i64, to: i64) -> String {
    let mut busy: Vec<String> = Vec::new();
    for (id, profile) in context.others {
        // The ends belong to this source's own last and first record; a pair of records there is no activity.
        let count = profile.count(from.saturating_add(1), to);
        if count >= 1.0 {
            busy.push(format!("{id} has {count:.0}"));
        }
    }
    let more = busy.len().saturating_sub(6);
    busy.truncate(6);
    match (busy.is_empty(), context.others.is_empty()) {
        (true, true) => String::new(),
        (true, false) => "; the other sources are silent too".to_owned(),
        (false, _) if more > 0 => format!("; meanwhile {} records, and {more} more sources go on", busy.join(", ")),
        (false, _) => format!("; meanwhile {} records", busy.join(", ")),
    }
}

fn length(micros: i64) -> String {
    let seconds = micros as f64 / SECOND as f64;
    match seconds {
        s if s < 600.0 => format!("{s:.1} s"),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}
