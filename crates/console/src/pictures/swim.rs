//! The timeline: a lane a system, steps as bars, detections as ticks, gaps as holes, all over one time.

use std::fmt::Write;

use strandline_model::time::Interval;
use strandline_response::desk::Overview;

use super::{TimeScale, Zone, escape, shortened};
use crate::texts::Texts;

const WIDTH: f64 = 1040.0;
const LEFT: f64 = 132.0;
const RIGHT: f64 = 1030.0;
const LANE: f64 = 46.0;
const TOP: f64 = 28.0;
/// Ticks of one lane; more would be one bar.
const TICKS_LIMIT: usize = 400;

/// The picture; none where nothing happened.
pub fn swim(overview: &Overview, zone: &Zone, t: &Texts) -> Option<String> {
    let path = &overview.path;
    let spans = path.steps.iter().map(|step| (step.first, step.last)).chain(path.detections.iter().map(|d| (d.first, d.last)));
    let span = spans.map(|(from, to)| Interval { from, to }).reduce(|a, b| a.hull(&b))?;
    let scale = TimeScale::new(span, 40, (LEFT, RIGHT));
    let mut systems: Vec<&str> = Vec::new();
    let named = path.steps.iter().map(|s| &s.system).chain(path.detections.iter().map(|d| &d.system)).chain(overview.coverage.gaps.iter().map(|g| &g.system));
    for system in named {
        if !systems.contains(&system.as_str()) {
            systems.push(system);
        }
    }
    let height = TOP + LANE * systems.len() as f64 + 26.0;
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {height:.0}' class='swim' role='group' aria-labelledby='swim-title'><title id='swim-title'>{}</title>",
        escape(t.x("swim_title"))
    );
    ticks(&scale, zone, height, &mut svg);
    for (row, system) in systems.iter().enumerate() {
        lane(overview, system, TOP + LANE * row as f64, &scale, &mut svg);
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn ticks(scale: &TimeScale, zone: &Zone, height: f64, svg: &mut String) {
    for (x, at, class) in scale.ticks() {
        let _ = write!(
            svg,
            "<line x1='{x:.1}' y1='{TOP}' x2='{x:.1}' y2='{:.1}' class='grid'/><text x='{x:.1}' y='{:.1}' class='axis {class}'>{}</text>",
            height - 22.0,
            height - 6.0,
            zone.short(at)
        );
    }
}

fn lane(overview: &Overview, system: &str, top: f64, scale: &TimeScale, svg: &mut String) {
    let middle = top + LANE / 2.0;
    let _ = write!(
        svg,
        "<text x='0' y='{:.1}' class='lane-name'>{}</text><rect x='{LEFT}' y='{:.1}' width='{}' height='8' class='lane'/>",
        middle + 5.0,
        escape(&shortened(system, 16)),
        middle - 4.0,
        RIGHT - LEFT
    );
    let within = |span: &Interval| span.to >= scale.over.from && span.from <= scale.over.to;
    for gap in overview.coverage.gaps.iter().filter(|gap| gap.system == system && within(&gap.interval)) {
        let (from, to) = (scale.x(gap.interval.from), scale.x(gap.interval.to));
        let _ = write!(
            svg,
            "<rect x='{from:.1}' y='{:.1}' width='{:.1}' height='20' class='hole'><title>{}</title></rect>",
            middle - 10.0,
            (to - from).max(4.0),
            escape(&gap.reason)
        );
    }
    for detection in overview.path.detections.iter().filter(|d| d.system == system).take(TICKS_LIMIT) {
        let _ = write!(
            svg,
            "<rect x='{:.1}' y='{:.1}' width='2' height='30' class='tick'><title>{}</title></rect>",
            scale.x(detection.first),
            middle - 15.0,
            escape(&detection.title)
        );
    }
    for step in overview.path.steps.iter().filter(|step| step.system == system) {
        let (from, to) = (scale.x(step.first), scale.x(step.last));
        let _ = write!(
            svg,
            "<a href='/lines/step/{0}'><title>{1}</title><rect x='{from:.1}' y='{2:.1}' width='{3:.1}' height='14' rx='2' class='swim-step'/></a>",
            escape(&step.id),
            escape(&format!("{}: {}", step.id, step.summary)),
            middle - 7.0,
            (to - from).max(6.0)
        );
    }
}
