//! The tide: people exposed, rising while the theft went on; people told, rising from the other side. The axis is broken: a theft takes
//! hours, a response weeks. The gap between the two tides is written into the picture.

use std::fmt::Write;

use strandline_model::time::{Instant, Interval};
use strandline_response::desk::Overview;

use super::{Zone, escape, patterns};
use crate::texts::Texts;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 848.0;
/// Where the axis breaks.
const BREAK: f64 = 372.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 282.0;
const DAY_MICROS: i64 = 86_400_000_000;
/// The response is drawn for at least so many days.
const FEWEST_DAYS: i64 = 7;

/// Both halves of the axis.
struct Axis {
    theft: Interval,
    response: Interval,
}

impl Axis {
    fn of(overview: &Overview, now: Instant) -> Option<Self> {
        let all = &overview.moments[0];
        let (first, last) = (*all.first()?, *all.last()?);
        let margin = ((last.micros() - first.micros()) / 12).max(60_000_000);
        let theft = Interval { from: first.plus_micros(-margin), to: last.plus_micros(margin) };
        let end = overview.told.last().copied().unwrap_or(now).max(now).max(theft.to.plus_micros(FEWEST_DAYS * DAY_MICROS));
        Some(Self { response: Interval { from: theft.to, to: end.plus_micros((end.micros() - theft.to.micros()) / 12) }, theft })
    }

    fn x(&self, at: Instant) -> f64 {
        let place = |span: Interval, left: f64, right: f64| {
            let share = (at.micros() - span.from.micros()) as f64 / (span.to.micros() - span.from.micros()).max(1) as f64;
            left + share.clamp(0.0, 1.0) * (right - left)
        };
        if at <= self.theft.to { place(self.theft, LEFT, BREAK) } else { place(self.response, BREAK, RIGHT) }
    }
}

/// The picture; none where nobody is exposed.
pub fn tide(overview: &Overview, now: Instant, t: &Texts) -> Option<String> {
    let axis = Axis::of(overview, now)?;
    let zone = Zone::new(&overview.time_zone);
    let exposed = overview.exposed();
    let most = exposed.max(1) as f64;
    let y = |people: u64| BOTTOM - people as f64 / most * (BOTTOM - TOP - 22.0);
    let not_told = exposed.saturating_sub(overview.told.len() as u64);
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {HEIGHT}' class='tide' role='img' aria-labelledby='tide-title tide-desc'><title id='tide-title'>{}</title><desc id='tide-desc'>{}</desc>{}",
        escape(t.x("tide_title")),
        escape(&describe(overview, not_told, &zone, t)),
        patterns("tide")
    );
    grid(&axis, exposed, &y, &zone, t, &mut svg);
    for (tier, fill) in [(0, "fill='url(#tide-dots)'"), (1, "fill='url(#tide-hatch)'"), (2, "class='sea'")] {
        area(&overview.moments[tier], &axis, &y, RIGHT, fill, &mut svg);
    }
    crest(&overview.moments[0], &axis, &y, &mut svg);
    let at_now = axis.x(now.max(axis.theft.to));
    area(&overview.told, &axis, &y, at_now, "class='told'", &mut svg);
    let _ = write!(
        svg,
        "<line x1='{BREAK}' y1='{TOP}' x2='{BREAK}' y2='{BOTTOM}' class='break'/><line x1='{at_now:.1}' y1='{TOP}' x2='{at_now:.1}' y2='{BOTTOM}' class='now'/>"
    );
    labels(overview, not_told, at_now, &y, t, &mut svg);
    svg.push_str("</svg>");
    Some(svg)
}

fn grid(axis: &Axis, exposed: u64, y: &dyn Fn(u64) -> f64, zone: &Zone, t: &Texts, svg: &mut String) {
    for quarter in 0..=4 {
        let people = exposed * quarter / 4;
        let at = y(people);
        let _ = write!(
            svg,
            "<line x1='{LEFT}' y1='{at:.1}' x2='{RIGHT}' y2='{at:.1}' class='grid'/><text x='{}' y='{:.1}' class='axis end'>{}</text>",
            LEFT - 8.0,
            at + 4.0,
            t.n(people)
        );
    }
    let of_one_day = zone.show(axis.theft.from, "%F") == zone.show(axis.theft.to, "%F");
    for share in [0.1, 0.5, 0.9] {
        let at = axis.theft.from.plus_micros(((axis.theft.to.micros() - axis.theft.from.micros()) as f64 * share) as i64);
        let _ = write!(
            svg,
            "<text x='{:.1}' y='{}' class='axis middle'>{}</text>",
            axis.x(at),
            BOTTOM + 18.0,
            if of_one_day { zone.show(at, "%H:%M") } else { zone.short(at) }
        );
    }
    let days = (axis.response.to.micros() - axis.response.from.micros()) / DAY_MICROS;
    let step = (days / 5).max(1);
    for day in (step..days).step_by(step.unsigned_abs() as usize) {
        let at = axis.response.from.plus_micros(day * DAY_MICROS);
        let _ = write!(svg, "<text x='{:.1}' y='{}' class='axis middle'>{}</text>", axis.x(at), BOTTOM + 18.0, escape(&t.w("tide_day", day)));
    }
    let _ = write!(
        svg,
        "<text x='{LEFT}' y='{2}' class='axis strong'>{0}</text><text x='{BREAK}' y='{2}' dx='8' class='axis strong'>{1}</text>",
        escape(&t.w("tide_theft", zone.show(axis.theft.from, "%Y-%m-%d"))),
        escape(t.x("tide_response")),
        TOP - 10.0
    );
}

/// The corner points of a staircase: one for each half pixel is enough, however many people there are.
fn stairs(moments: &[Instant], axis: &Axis, y: &dyn Fn(u64) -> f64, right: f64) -> String {
    let (mut path, mut people) = (String::new(), 0);
    while people < moments.len() {
        let x = axis.x(moments[people]);
        let before = y(people as u64);
        while people < moments.len() && axis.x(moments[people]) - x < 0.5 {
            people += 1;
        }
        let _ = write!(path, "L{x:.1} {before:.1}L{x:.1} {:.1}", y(people as u64));
    }
    let _ = write!(path, "L{:.1} {:.1}", right.max(LEFT), y(people as u64));
    path
}

fn area(moments: &[Instant], axis: &Axis, y: &dyn Fn(u64) -> f64, right: f64, fill: &str, svg: &mut String) {
    let Some(first) = moments.first() else { return };
    let path = stairs(moments, axis, y, right);
    let _ = write!(svg, "<path d='M{:.1} {BOTTOM}{path}L{right:.1} {BOTTOM}Z' {fill}/>", axis.x(*first));
}

/// The line of the water.
fn crest(moments: &[Instant], axis: &Axis, y: &dyn Fn(u64) -> f64, svg: &mut String) {
    let Some(first) = moments.first() else { return };
    let path = stairs(moments, axis, y, RIGHT);
    let _ = write!(svg, "<path d='M{:.1} {BOTTOM}{path}' class='crest'/>", axis.x(*first));
}

fn labels(overview: &Overview, not_told: u64, at_now: f64, y: &dyn Fn(u64) -> f64, t: &Texts, svg: &mut String) {
    let told = overview.told.len() as u64;
    let (x, class) = if at_now > RIGHT - 190.0 { (at_now - 8.0, "end") } else { (at_now + 8.0, "start") };
    let middle = (y(overview.exposed()) + y(told)) / 2.0;
    let _ = write!(svg, "<text x='{x:.1}' y='{:.1}' class='mark {class}'>{}</text>", TOP + 12.0, escape(t.x("tide_now")));
    if not_told > 0 {
        let _ = write!(svg, "<text x='{x:.1}' y='{middle:.1}' class='untold {class}'>{}</text>", escape(&t.w("tide_not_told", t.n(not_told))));
    }
    if told > 0 {
        let _ = write!(
            svg,
            "<text x='{x:.1}' y='{:.1}' class='told-mark {class}'>{}</text>",
            (y(told) + 16.0).min(BOTTOM - 6.0),
            escape(&t.w("tide_told", t.n(told)))
        );
    }
}

fn describe(overview: &Overview, not_told: u64, zone: &Zone, t: &Texts) -> String {
    let mut parts = Vec::new();
    for (tier, key) in [(2, "tide_says_confirmed"), (1, "tide_says_likely"), (0, "tide_says_possible")] {
        let list = &overview.moments[tier];
        if let (Some(first), Some(last)) = (list.first(), list.last()) {
            parts.push(format!("{} {}", t.w(key, t.n(list.len() as u64)), t.w2("from_to", zone.full(*first), zone.full(*last))));
        }
    }
    parts.push(t.w("tide_told", t.n(overview.told.len() as u64)));
    parts.push(t.w("tide_not_told", t.n(not_told)));
    parts.join("; ")
}
