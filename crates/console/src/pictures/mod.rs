//! Pictures, drawn here as SVG: patterns beside colours, a title and a description in each, and no style but by class.

pub mod arrivals;
pub mod coverage;
pub mod envelope;
pub mod lanes;
pub mod swim;
pub mod tide;

use std::fmt::Write;

use jiff::tz::TimeZone;
use strandline_model::time::{Instant, Interval};
use strandline_response::Tiers;
pub use strandline_response::desk::escape;

/// At most so many characters.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// Times in the organisation's zone.
pub struct Zone(TimeZone);

impl Zone {
    /// Of this IANA name; UTC where there is none.
    pub fn new(name: &str) -> Self {
        Self(TimeZone::get(name).unwrap_or(TimeZone::UTC))
    }

    /// By a pattern of `strftime`.
    pub fn show(&self, at: Instant, pattern: &str) -> String {
        match jiff::Timestamp::from_microsecond(at.micros()) {
            Ok(timestamp) => self.0.to_datetime(timestamp).strftime(pattern).to_string(),
            Err(_) => at.to_string(),
        }
    }

    /// `2026-11-24 03:12:44`.
    pub fn full(&self, at: Instant) -> String {
        self.show(at, "%Y-%m-%d %H:%M:%S")
    }

    /// `24 Nov 03:12`, for places where the year is known.
    pub fn short(&self, at: Instant) -> String {
        self.show(at, "%m-%d %H:%M")
    }
}

/// Ticks of an axis of time, less one.
const TICKS: i64 = 5;

/// A time over a width of a picture.
pub struct TimeScale {
    /// What it shows, with a margin on both sides.
    pub over: Interval,
    left: f64,
    right: f64,
}

impl TimeScale {
    /// Of a time, with a margin of this part of it, between two places.
    pub fn new(span: Interval, part: i64, (left, right): (f64, f64)) -> Self {
        let margin = (span.to.micros().saturating_sub(span.from.micros()) / part).max(1_000_000);
        Self { over: Interval { from: span.from.plus_micros(-margin), to: span.to.plus_micros(margin) }, left, right }
    }

    /// Where an instant stands; the nearer end of one that is outside.
    pub fn x(&self, at: Instant) -> f64 {
        let whole = (self.over.to.micros() as f64 - self.over.from.micros() as f64).max(1.0);
        let share = (at.micros() as f64 - self.over.from.micros() as f64) / whole;
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Instants to write beside it: where each stands, and by which class of its text.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, Instant, &'static str)> {
        let step = self.over.to.micros().saturating_sub(self.over.from.micros()) / TICKS;
        (0..=TICKS).map(move |part| {
            let at = self.over.from.plus_micros(step * part);
            let class = match part {
                0 => "start",
                TICKS => "end",
                _ => "middle",
            };
            (self.x(at), at, class)
        })
    }
}

/// The patterns of the tiers; `name` keeps those of two pictures on one page apart.
pub fn patterns(name: &str) -> String {
    format!(
        "<defs><pattern id='{name}-hatch' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>\
         <rect width='6' height='6' class='hatch-under'/><line x1='0' y1='0' x2='0' y2='6' class='hatch-line'/></pattern>\
         <pattern id='{name}-dots' width='6' height='6' patternUnits='userSpaceOnUse'><rect width='6' height='6' class='dots-under'/>\
         <circle cx='2' cy='2' r='1.1' class='dots-dot'/></pattern></defs>"
    )
}

/// A bar of confirmed, likely and possible; `most` fills it.
pub fn bar(name: &str, tiers: Tiers, most: u64) -> String {
    const WIDTH: f64 = 240.0;
    let mut svg = format!(
        "<svg viewBox='0 0 240 16' preserveAspectRatio='none' class='bar' aria-hidden='true' focusable='false'>{}<rect width='240' height='16' class='bar-empty'/>",
        patterns(name)
    );
    let mut x = 0.0;
    for (count, fill) in [
        (tiers.confirmed, "class='bar-confirmed'".to_owned()),
        (tiers.likely, format!("fill='url(#{name}-hatch)'")),
        (tiers.possible, format!("fill='url(#{name}-dots)'")),
    ] {
        let width = count as f64 / most.max(1) as f64 * WIDTH;
        let _ = write!(svg, "<rect x='{x:.1}' width='{width:.1}' height='16' {fill}/>");
        x += width;
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_cannot_write_markup() {
        assert_eq!(escape("</text><script>'\"&"), "&lt;/text&gt;&lt;script&gt;&#39;&quot;&amp;");
        assert_eq!(escape("a\u{202e}b"), "a\u{fffd}b", "a name in a log turns no page around");
        assert_eq!(shortened("陳大文先生", 3), "陳大…");
    }
}
