//! What a run is told beside pins: the time to look in, and what to do with a dump that is cut.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use strandline_model::time::{Instant, Interval};
use strandline_response::{CutDump, Told};

/// A time with two ends.
#[derive(Args)]
pub struct WindowArgs {
    /// From here on: 2026-11-20, 2026-11-20T08:00 (the organisation's time) or with an offset or Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// … and up to here; a date means its whole day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Kept with the case: a later run without them goes on as it was told.
#[derive(Args)]
pub struct ToldArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// What to do with a dump that ends too early
    #[arg(long, value_name = "WHAT")]
    cut_dump: Option<OnCutDump>,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnCutDump {
    /// Stop and say where it ends
    Stop,
    /// Go on with what there is; its tables count as incomplete, and so wider
    GoOn,
}

/// Which end of a day a date means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

impl WindowArgs {
    /// What was said, read in the organisation's zone; `None`: all time.
    pub fn window(&self, zone: &str) -> anyhow::Result<Option<Interval>> {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let from = self.from.as_deref().map(|text| instant(text, End::First, &zone).context("--from")).transpose()?;
        let to = self.to.as_deref().map(|text| instant(text, End::Last, &zone).context("--to")).transpose()?;
        let window = match (from, to) {
            (None, None) => None,
            (from, to) => Some(Interval { from: from.unwrap_or(Instant::MIN), to: to.unwrap_or(Instant::MAX) }),
        };
        if let Some(window) = window.filter(|w| w.from > w.to) {
            bail!("--from {} is after --to {}", window.from, window.to);
        }
        Ok(window)
    }
}

impl ToldArgs {
    /// What was said, read in the organisation's zone.
    pub fn told(&self, zone: &str) -> anyhow::Result<Told> {
        let window = self.window.window(zone)?;
        let cut_dump = self.cut_dump.map(|what| match what {
            OnCutDump::Stop => CutDump::Stop,
            OnCutDump::GoOn => CutDump::GoOn,
        });
        Ok(Told { window, cut_dump })
    }
}

/// A moment, in the organisation's zone where it has no offset. A day is none: clocks run by the minute.
pub fn moment(text: &str, zone: &str) -> anyhow::Result<Instant> {
    if text.parse::<Date>().is_ok() && !text.contains(['T', ' ']) {
        bail!("{text:?} is a day: add the time, such as {text}T09:30");
    }
    instant(text, End::First, &TimeZone::get(zone).unwrap_or(TimeZone::UTC))
}

fn instant(text: &str, end: End, zone: &TimeZone) -> anyhow::Result<Instant> {
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
    bail!("{text:?} is no time: write 2026-11-20, 2026-11-20T08:00, or 2026-11-20T08:00:00+08:00")
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
