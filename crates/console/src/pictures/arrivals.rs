//! What arrives at the desk by day, as bars, and what was to be expected, as a line over them.

use std::fmt::Write;

use strandline_model::time::Instant;
use strandline_response::desk::Arrivals;

use super::{Zone, escape, patterns};
use crate::texts::Texts;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 848.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 202.0;
const DAY_MICROS: i64 = 86_400_000_000;
/// So many dates have room below the axis.
const DATES: usize = 10;

/// The picture.
pub fn arrivals(arrivals: &Arrivals, zone: &Zone, t: &Texts) -> String {
    let days = arrivals.days.len();
    let most = arrivals.days.iter().map(|day| day.expected.max(day.messages as f64)).fold(1.0, f64::max).ceil();
    let (x, y) = (|day: f64| LEFT + day / days as f64 * (RIGHT - LEFT), |count: f64| BOTTOM - count / most * (BOTTOM - TOP));
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {HEIGHT}' class='arrivals' role='img' aria-labelledby='arrivals-title arrivals-desc'><title id='arrivals-title'>{}</title><desc id='arrivals-desc'>{}</desc>{}",
        escape(t.x("arrivals_title")),
        escape(&says(arrivals, t)),
        patterns("arrivals")
    );
    for count in [0.0, most] {
        let at = y(count);
        let _ = write!(
            svg,
            "<line x1='{LEFT}' y1='{at:.1}' x2='{RIGHT}' y2='{at:.1}' class='grid'/><text x='{}' y='{:.1}' class='axis end'>{}</text>",
            LEFT - 8.0,
            at + 4.0,
            t.n(count as u64)
        );
    }
    let width = (RIGHT - LEFT) / days as f64 * 0.7;
    let mut line = String::new();
    for (place, day) in arrivals.days.iter().enumerate() {
        let left = x(place as f64 + 0.15);
        let (all, safety) = (y(day.messages as f64), y(day.safety as f64));
        let _ = write!(svg, "<rect x='{left:.1}' y='{all:.1}' width='{width:.1}' height='{:.1}' class='sea'/>", safety - all);
        let _ = write!(svg, "<rect x='{left:.1}' y='{safety:.1}' width='{width:.1}' height='{:.1}' class='alarm'/>", BOTTOM - safety);
        let _ = write!(line, "{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, x(place as f64 + 0.5), y(day.expected));
        if place % days.div_ceil(DATES) == 0 {
            let at = Instant(arrivals.from.micros().saturating_add(place as i64 * DAY_MICROS));
            let _ = write!(svg, "<text x='{:.1}' y='{}' class='axis middle'>{}</text>", x(place as f64 + 0.5), BOTTOM + 18.0, zone.show(at, "%m-%d"));
        }
    }
    let _ = write!(svg, "<path d='{line}' class='expected'/>");
    if let Some(today) = arrivals.today {
        let at = x(today as f64 + 1.0);
        let _ = write!(svg, "<line x1='{at:.1}' y1='{TOP}' x2='{at:.1}' y2='{BOTTOM}' class='now'/>");
    }
    svg.push_str("</svg>");
    svg
}

/// The same in words.
pub fn says(arrivals: &Arrivals, t: &Texts) -> String {
    let ((all, safety), (by_now, in_all)) = (arrivals.arrived(), arrivals.expected());
    format!("{} {}", t.w2("arrivals_so_far", t.n(all), t.n(safety)), t.w2("arrivals_expected", t.n(by_now), t.n(in_all)))
}
