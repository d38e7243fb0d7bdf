//! The pictures, as plain SVG: the tide, the lanes, the bars. Tiers differ in pattern as well as in colour.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use strandline_model::evidence::Coverage;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Step;

use crate::html::escape;
use crate::tally::Tally;
use crate::{Zone, thousands};

const WIDTH: f64 = 1040.0;
const CONFIRMED: &str = "#942514";
const LIKELY: &str = "#c8730a";
const POSSIBLE: &str = "#1d70b8";
const PATTERNS: &str = "<defs><pattern id=hatch width=6 height=6 patternUnits=userSpaceOnUse patternTransform='rotate(45)'><rect width=6 height=6 fill='#fff'/><rect width=3 height=6 fill='#c8730a'/></pattern>\
<pattern id=dots width=7 height=7 patternUnits=userSpaceOnUse><rect width=7 height=7 fill='#fff'/><circle cx=3.5 cy=3.5 r=1.5 fill='#1d70b8'/></pattern></defs>";

/// A linear scale from time to a horizontal position.
struct Scale {
    from: i64,
    to: i64,
    left: f64,
    right: f64,
}

impl Scale {
    fn new(span: Interval, left: f64, right: f64) -> Self {
        let to = span.to.micros().max(span.from.micros().saturating_add(1_000_000));
        Self { from: span.from.micros(), to, left, right }
    }

    fn x(&self, at: Instant) -> f64 {
        let share = (at.micros() as f64 - self.from as f64) / (self.to as f64 - self.from as f64);
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    fn ticks(&self, zone: &Zone, top: f64, bottom: f64, svg: &mut String) {
        let seconds = (self.to - self.from) / 1_000_000;
        let pattern = if seconds > 3 * 86_400 {
            "%-d %b"
        } else if seconds > 6 * 3600 {
            "%-d %b %H:%M"
        } else {
            "%H:%M:%S"
        };
        for i in 0..=6 {
            let at = Instant(self.from + (self.to - self.from) / 6 * i);
            let x = self.x(at);
            let _ = write!(
                svg,
                "<line x1='{x:.1}' y1='{top}' x2='{x:.1}' y2='{bottom}' stroke='#dee0e2'/><text x='{x:.1}' y='{:.1}' font-size=12 text-anchor=middle fill='#505a5f'>{}</text>",
                bottom + 16.0,
                zone.show(at, pattern)
            );
        }
    }
}

/// People exposed over time: solid is confirmed, hatched is likely, dotted is possible, each on top of the one before.
pub fn tide(tally: &Tally, zone: &Zone) -> String {
    let moments = tally.moments();
    let all = &moments[0];
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return "<p>Nobody's data was reached.</p>".to_owned();
    };
    let last = moments.iter().filter_map(|m| m.last()).max().copied().unwrap_or(*last);
    let margin = ((last.micros() - first.micros()) / 20).max(500_000);
    let scale = Scale::new(Interval { from: first.plus_micros(-margin), to: last.plus_micros(margin) }, 64.0, WIDTH - 40.0);
    let (top, bottom) = (12.0, 300.0);
    let most = all.len().max(1) as f64;
    let y = |people: usize| bottom - people as f64 / most * (bottom - top);
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} 330' role=img xmlns='http://www.w3.org/2000/svg'><title>The tide</title><desc>{}</desc>{PATTERNS}",
        describe(&moments, zone)
    );
    scale.ticks(zone, top, bottom, &mut svg);
    for i in 0..=4 {
        let people = all.len() * i / 4;
        let _ = write!(
            svg,
            "<line x1=64 y1='{0:.1}' x2='{1}' y2='{0:.1}' stroke='#dee0e2'/><text x=58 y='{2:.1}' font-size=12 text-anchor=end fill='#505a5f'>{3}</text>",
            y(people),
            WIDTH - 40.0,
            y(people) + 4.0,
            thousands(people as u64)
        );
    }
    for (list, fill, stroke) in [(&moments[0], "url(#dots)", POSSIBLE), (&moments[1], "url(#hatch)", LIKELY), (&moments[2], CONFIRMED, CONFIRMED)] {
        area(list, &scale, &y, bottom, fill, stroke, &mut svg);
    }
    legend(&mut svg);
    svg.push_str("</svg>");
    svg
}

fn area(moments: &[Instant], scale: &Scale, y: &dyn Fn(usize) -> f64, bottom: f64, fill: &str, stroke: &str, svg: &mut String) {
    if moments.is_empty() {
        return;
    }
    let mut path = format!("M{:.1} {bottom}", scale.x(moments[0]));
    // One corner for each distinct pixel is enough, however many people there are.
    let mut people = 0;
    while people < moments.len() {
        let x = scale.x(moments[people]);
        let before = y(people);
        while people < moments.len() && scale.x(moments[people]) - x < 0.5 {
            people += 1;
        }
        let _ = write!(path, "L{x:.1} {before:.1}L{x:.1} {:.1}", y(people));
    }
    let _ = write!(path, "L{:.1} {:.1}L{:.1} {bottom}Z", scale.right, y(people), scale.right);
    let _ = write!(svg, "<path d='{path}' fill='{fill}' stroke='{stroke}' stroke-width=1.5 />");
}

fn legend(svg: &mut String) {
    for (i, (fill, label)) in [(CONFIRMED, "confirmed"), ("url(#hatch)", "likely or more"), ("url(#dots)", "possible or more")].iter().enumerate() {
        let x = 80.0 + 150.0 * i as f64;
        let _ = write!(svg, "<rect x='{x}' y=16 width=16 height=16 fill='{fill}' stroke='#0b0c0c'/><text x='{}' y=29 font-size=13>{label}</text>", x + 22.0);
    }
}

fn describe(moments: &[Vec<Instant>; 3], zone: &Zone) -> String {
    let words = ["possible or more", "likely or more", "confirmed"];
    let parts: Vec<String> = words
        .iter()
        .zip(moments)
        .rev()
        .filter_map(|(word, list)| Some(format!("{} people {word}, from {} to {}", list.len(), zone.full(*list.first()?), zone.full(*list.last()?))))
        .collect();
    escape(&parts.join("; "))
}

/// One lane for each system: steps as bars with their number, gaps as holes in the lane.
pub fn lanes(steps: &[Step], coverage: &Coverage, zone: &Zone) -> String {
    let systems: Vec<&str> = {
        let mut seen = BTreeSet::new();
        let from_steps = steps.iter().map(|s| s.system.as_str());
        from_steps.chain(coverage.gaps.iter().map(|g| g.system.as_str())).filter(|s| seen.insert(*s)).collect()
    };
    let Some(span) = steps.iter().map(|s| Interval { from: s.first, to: s.last }).reduce(|a, b| a.hull(&b)) else {
        return "<p>No trail was found.</p>".to_owned();
    };
    let margin = ((span.to.micros() - span.from.micros()) / 20).max(1_000_000);
    let scale = Scale::new(Interval { from: span.from.plus_micros(-margin), to: span.to.plus_micros(margin) }, 120.0, WIDTH - 40.0);
    let height = 56.0 * systems.len() as f64;
    let mut svg = format!("<svg viewBox='0 0 {WIDTH} {}' role=img xmlns='http://www.w3.org/2000/svg'><title>The path</title>{PATTERNS}", height + 40.0);
    scale.ticks(zone, 8.0, height + 8.0, &mut svg);
    for (row, system) in systems.iter().enumerate() {
        let top = 12.0 + 56.0 * row as f64;
        let _ = write!(
            svg,
            "<rect x=120 y='{}' width='{}' height=8 fill='#b1b4b6'/><text x=8 y='{}' font-size=14 font-weight=700>{}</text>",
            top + 20.0,
            scale.right - 120.0,
            top + 29.0,
            escape(system)
        );
        for gap in coverage.gaps.iter().filter(|g| g.system == *system && g.interval.overlaps(&Interval { from: Instant(scale.from), to: Instant(scale.to) })) {
            let (from, to) = (scale.x(gap.interval.from), scale.x(gap.interval.to));
            let _ = write!(
                svg,
                "<rect x='{from:.1}' y='{}' width='{:.1}' height=16 fill='#fff' stroke='#0b0c0c' stroke-dasharray='4 3'><title>{}: {}</title></rect>",
                top + 16.0,
                (to - from).max(3.0),
                escape(&gap.source),
                escape(&gap.reason)
            );
        }
        // Bars of one lane alternate between three heights, so that short steps close together stay readable.
        for (i, step) in steps.iter().filter(|s| s.system == *system).enumerate() {
            let (from, to) = (scale.x(step.first), scale.x(step.last));
            let y = top + [2.0, 16.0, 30.0][i % 3];
            let _ = write!(
                svg,
                "<rect x='{from:.1}' y='{y}' width='{:.1}' height=12 fill='{CONFIRMED}' rx=2><title>{}</title></rect><text x='{:.1}' y='{}' font-size=11 fill='#0b0c0c'>{}</text>",
                (to - from).max(4.0),
                escape(&step.summary),
                from + (to - from).max(4.0) + 3.0,
                y + 10.0,
                escape(&step.id)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A stacked bar: confirmed, likely, possible.
pub fn bar(counts: &[u64; 3], most: u64) -> String {
    let mut svg = String::from("<svg viewBox='0 0 260 14' width=260 height=14 aria-hidden=true>");
    let mut x = 0.0;
    for (count, fill) in [(counts[2], CONFIRMED), (counts[1], "url(#hatch)"), (counts[0], "url(#dots)")] {
        let width = count as f64 / most as f64 * 260.0;
        let _ = write!(svg, "<rect x='{x:.1}' y=0 width='{width:.1}' height=14 fill='{fill}'/>");
        x += width;
    }
    svg.push_str("</svg>");
    svg
}
