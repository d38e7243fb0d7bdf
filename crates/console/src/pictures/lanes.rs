//! The path in lanes: systems below one another, what the intruder did in order, holes where evidence is missing, people at the end.
//! Steps stand at equal distances, since the times between them range from seconds to days.

use std::fmt::Write;

use strandline_model::evidence::Coverage;
use strandline_model::time::Instant;
use strandline_model::trail::{Step, Strength};

use super::{Zone, escape, shortened};
use crate::texts::Texts;

const LEFT: f64 = 132.0;
const STEP: f64 = 104.0;
const LANE: f64 = 58.0;
const TOP: f64 = 34.0;
/// Steps that one picture shows; the table has all.
const STEPS_SHOWN: usize = 40;

/// The picture; none where there is no trail.
pub fn lanes(steps: &[Step], coverage: &Coverage, people: u64, zone: &Zone, t: &Texts) -> Option<String> {
    let shown = &steps[..steps.len().min(STEPS_SHOWN)];
    shown.first()?;
    let mut systems: Vec<&str> = Vec::new();
    for step in shown {
        if !systems.contains(&step.system.as_str()) {
            systems.push(&step.system);
        }
    }
    let x = |place: usize| LEFT + STEP * (place as f64 + 0.9);
    let row = |lane: usize| TOP + LANE * (lane as f64 + 0.5);
    let lane_of = |system: &str| 1 + systems.iter().position(|known| *known == system).unwrap_or(0);
    let right = x(shown.len()) + STEP * 0.5;
    let height = TOP + LANE * (systems.len() + 2) as f64 + 8.0;
    let mut svg = format!(
        "<svg viewBox='0 0 {:.0} {height:.0}' width='{:.0}' height='{height:.0}' class='lanes' role='img' aria-labelledby='lanes-title lanes-desc'><title id='lanes-title'>{}</title><desc id='lanes-desc'>{}</desc>",
        right + 8.0,
        right + 8.0,
        escape(t.x("lanes_title")),
        escape(&describe(shown, people, t))
    );
    let last = systems.len() + 1;
    for lane in 0..=last {
        let name = if lane == 0 {
            t.x("lane_outside")
        } else if lane == last {
            t.x("lane_people")
        } else {
            systems[lane - 1]
        };
        lane_line(name, row(lane), right, &mut svg);
    }
    holes(shown, coverage, &x, &|system| systems.contains(&system).then(|| row(lane_of(system))), t, &mut svg);
    let mut from = (x(0) - STEP * 0.75, row(0));
    for (place, step) in shown.iter().enumerate() {
        let to = (x(place), row(lane_of(&step.system)));
        edge(from, to, step.strength, &mut svg);
        from = to;
    }
    end(from, (x(shown.len()), row(last)), people, t, &mut svg);
    for (place, step) in shown.iter().enumerate() {
        node(step, (x(place), row(lane_of(&step.system))), zone, &mut svg);
    }
    let _ = write!(svg, "<circle cx='{:.1}' cy='{:.1}' r='7' class='node'/>", x(0) - STEP * 0.75, row(0));
    svg.push_str("</svg>");
    Some(svg)
}

fn lane_line(name: &str, y: f64, right: f64, svg: &mut String) {
    let _ = write!(
        svg,
        "<text x='0' y='{:.1}' class='lane-name'>{}</text><rect x='{LEFT}' y='{:.1}' width='{:.1}' height='14' class='lane'/>",
        y + 5.0,
        escape(&shortened(name, 16)),
        y - 7.0,
        right - LEFT
    );
}

/// Gaps of a system, between the steps that they lie between.
fn holes(steps: &[Step], coverage: &Coverage, x: &dyn Fn(usize) -> f64, row: &dyn Fn(&str) -> Option<f64>, t: &Texts, svg: &mut String) {
    let place = |at: Instant| {
        let after = steps.iter().take_while(|step| step.first <= at).count();
        if after == 0 { LEFT } else { x(after - 1) + STEP * 0.25 }
    };
    for gap in &coverage.gaps {
        let Some(y) = row(&gap.system) else { continue };
        let (from, to) = (place(gap.interval.from), place(gap.interval.to));
        let width = (to - from).max(STEP * 0.5);
        let _ = write!(
            svg,
            "<rect x='{from:.1}' y='{:.1}' width='{width:.1}' height='22' class='hole'><title>{}</title></rect><text x='{:.1}' y='{:.1}' class='hole-name'>{}</text>",
            y - 11.0,
            escape(&gap.reason),
            from + width / 2.0,
            y + 4.0,
            escape(t.x("lane_no_log"))
        );
    }
}

fn edge(from: (f64, f64), to: (f64, f64), strength: Strength, svg: &mut String) {
    let class = if strength == Strength::Proved { "edge" } else { "edge inferred" };
    let bend = (to.0 - from.0) / 2.0;
    let _ = write!(
        svg,
        "<path d='M{:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}' class='{class}'/>",
        from.0,
        from.1,
        from.0 + bend,
        from.1,
        to.0 - bend,
        to.1,
        to.0,
        to.1
    );
}

fn end(from: (f64, f64), to: (f64, f64), people: u64, t: &Texts, svg: &mut String) {
    if people == 0 {
        return;
    }
    let bend = (to.0 - from.0) / 2.0;
    let _ = write!(
        svg,
        "<path d='M{:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}' class='flood'/><rect x='{:.1}' y='{:.1}' width='76' height='32' rx='4' class='people-box'/><text x='{:.1}' y='{:.1}' class='people-count'>{}</text>",
        from.0,
        from.1,
        from.0 + bend,
        from.1,
        to.0 - bend,
        to.1,
        to.0 - 34.0,
        to.1,
        to.0 - 38.0,
        to.1 - 16.0,
        to.0,
        to.1 + 5.0,
        t.n(people)
    );
}

fn node(step: &Step, (x, y): (f64, f64), zone: &Zone, svg: &mut String) {
    let class = if step.strength == Strength::Proved { "node" } else { "node inferred" };
    let _ = write!(
        svg,
        "<a href='/lines/step/{}'><title>{}</title><circle cx='{x:.1}' cy='{y:.1}' r='7' class='{class}'/><text x='{x:.1}' y='{:.1}' class='node-name'>{}</text><text x='{x:.1}' y='{:.1}' class='node-time'>{} {}</text></a>",
        escape(&step.id),
        escape(&step.summary),
        y - 13.0,
        escape(&shortened(&step.technique_name, 17)),
        y + 23.0,
        escape(&step.id),
        zone.show(step.first, "%H:%M")
    );
}

fn describe(steps: &[Step], people: u64, t: &Texts) -> String {
    let mut parts: Vec<String> = steps.iter().map(|step| format!("{}: {}, {}", step.id, step.technique_name, step.system)).collect();
    parts.push(format!("{} {}", t.n(people), t.x("lane_people")));
    parts.join("; ")
}
