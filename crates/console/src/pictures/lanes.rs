//! The path in lanes: systems below one another, what the intruder did in order, holes where evidence is missing, people at the end.
//! Moves stand at equal distances, since the times between them range from seconds to days.

use std::fmt::Write;

use strandline_model::time::Instant;
use strandline_model::trail::{Step, Strength};
use strandline_response::desk::Overview;

use super::{Zone, escape, shortened};
use crate::texts::Texts;

const LEFT: f64 = 112.0;
const LANE: f64 = 66.0;
const TOP: f64 = 30.0;
/// Points that one picture shows; the table has all.
const POINTS_SHOWN: usize = 40;

/// How much a picture tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// One point for all that was done on a system before the next one.
    Moves,
    /// One point a step.
    Steps,
}

/// Steps that follow one another on one system, as one point.
struct Point<'s> {
    system: &'s str,
    first: &'s Step,
    last: &'s Step,
    steps: usize,
    is_proved: bool,
}

/// Where things stand.
struct Layout {
    step: f64,
    points: usize,
}

impl Layout {
    fn x(&self, place: usize) -> f64 {
        LEFT + self.step * (place as f64 + 0.95)
    }

    fn row(lane: usize) -> f64 {
        TOP + LANE * (lane as f64 + 0.5)
    }

    fn right(&self) -> f64 {
        self.x(self.points) + 46.0
    }
}

/// The picture; none where there is no trail.
pub fn lanes(overview: &Overview, detail: Detail, zone: &Zone, t: &Texts) -> Option<String> {
    let points = points(&overview.path.steps, detail);
    points.first()?;
    let mut systems: Vec<&str> = Vec::new();
    for point in &points {
        if !systems.contains(&point.system) {
            systems.push(point.system);
        }
    }
    let people = overview.exposed();
    // The fewer points there are, the wider they stand, up to the width of a page.
    let step = if detail == Detail::Moves { (470.0 / (points.len() + 1) as f64).clamp(96.0, 130.0) } else { 124.0 };
    let layout = Layout { step, points: points.len() };
    let lane_of = |system: &str| 1 + systems.iter().position(|known| *known == system).unwrap_or(0);
    let (width, height, last) = (layout.right() + 6.0, TOP + LANE * (systems.len() + 2) as f64, systems.len() + 1);
    let mut svg = format!(
        "<svg viewBox='0 0 {width:.0} {height:.0}' width='{width:.0}' height='{height:.0}' class='lanes' role='group' aria-labelledby='lanes-title lanes-desc'>\
         <title id='lanes-title'>{}</title><desc id='lanes-desc'>{}</desc>",
        escape(t.x("lanes_title")),
        escape(&describe(&points, people, t))
    );
    for lane in 0..=last {
        let name = if lane == 0 { t.x("lane_outside") } else { systems.get(lane - 1).copied().unwrap_or(t.x("lane_people")) };
        lane_line(name, Layout::row(lane), layout.right(), &mut svg);
    }
    holes(overview, &points, &layout, &|system| systems.contains(&system).then(|| Layout::row(lane_of(system))), t, &mut svg);
    let begin = (LEFT + 16.0, Layout::row(0));
    let mut from = begin;
    for (place, point) in points.iter().enumerate() {
        let to = (layout.x(place), Layout::row(lane_of(point.system)));
        let class = if point.is_proved { "edge" } else { "edge inferred" };
        let _ = write!(svg, "<path d='{}' class='{class}'/>", bend(from, to));
        from = to;
    }
    end(from, (layout.x(points.len()), Layout::row(last)), people, t, &mut svg);
    let _ = write!(svg, "<circle cx='{:.1}' cy='{:.1}' r='7' class='node'/>", begin.0, begin.1);
    for (place, point) in points.iter().enumerate() {
        node(point, (layout.x(place), Layout::row(lane_of(point.system))), place, zone, t, &mut svg);
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn points(steps: &[Step], detail: Detail) -> Vec<Point<'_>> {
    let mut points: Vec<Point<'_>> = Vec::new();
    for step in steps {
        let is_proved = step.strength == Strength::Proved;
        match points.last_mut() {
            Some(point) if detail == Detail::Moves && point.system == step.system => {
                point.last = step;
                point.steps += 1;
                point.is_proved &= is_proved;
            }
            _ => points.push(Point { system: &step.system, first: step, last: step, steps: 1, is_proved }),
        }
    }
    points.truncate(POINTS_SHOWN);
    points
}

fn bend(from: (f64, f64), to: (f64, f64)) -> String {
    let half = (to.0 - from.0) / 2.0;
    format!("M{:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", from.0, from.1, from.0 + half, from.1, to.0 - half, to.1, to.0, to.1)
}

fn lane_line(name: &str, y: f64, right: f64, svg: &mut String) {
    let _ = write!(
        svg,
        "<text x='0' y='{:.1}' class='lane-name'>{}</text><rect x='{LEFT}' y='{:.1}' width='{:.1}' height='14' class='lane'/>",
        y + 5.0,
        escape(&shortened(name, 14)),
        y - 7.0,
        right - LEFT
    );
}

/// Gaps of a system, between the points that they lie between.
fn holes(overview: &Overview, points: &[Point<'_>], layout: &Layout, row: &dyn Fn(&str) -> Option<f64>, t: &Texts, svg: &mut String) {
    let place = |at: Instant| {
        let after = points.iter().take_while(|point| point.first.first <= at).count();
        if after == 0 { LEFT } else { layout.x(after - 1) + layout.step * 0.25 }
    };
    for gap in &overview.coverage.gaps {
        let Some(y) = row(&gap.system) else { continue };
        let (from, to) = (place(gap.interval.from), place(gap.interval.to));
        let width = (to - from).max(layout.step * 0.5);
        let _ = write!(
            svg,
            "<rect x='{from:.1}' y='{:.1}' width='{width:.1}' height='20' class='hole'><title>{}</title></rect><text x='{:.1}' y='{:.1}' class='hole-name'>{}</text>",
            y - 10.0,
            escape(&gap.reason),
            from + width / 2.0,
            y + 4.0,
            escape(t.x("lane_no_log"))
        );
    }
}

fn end(from: (f64, f64), to: (f64, f64), people: u64, t: &Texts, svg: &mut String) {
    if people == 0 {
        return;
    }
    let _ = write!(
        svg,
        "<path d='{}' class='flood'/><rect x='{:.1}' y='{:.1}' width='76' height='32' rx='4' class='people-box'/><text x='{:.1}' y='{:.1}' class='people-count'>{}</text>",
        bend(from, (to.0 - 34.0, to.1)),
        to.0 - 38.0,
        to.1 - 16.0,
        to.0,
        to.1 + 5.0,
        t.n(people)
    );
}

/// The name of a point stands above it and its time below; of the next point the other way round, so that neighbours have room.
fn node(point: &Point<'_>, (x, y): (f64, f64), place: usize, zone: &Zone, t: &Texts, svg: &mut String) {
    let class = if point.is_proved { "node" } else { "node inferred" };
    let (above, below) = if place.is_multiple_of(2) { (y - 13.0, y + 23.0) } else { (y + 23.0, y - 13.0) };
    let name = if point.steps == 1 { shortened(&point.last.technique_name, 19) } else { t.w("lane_steps", point.steps) };
    let which = if point.steps == 1 { point.first.id.clone() } else { format!("{}–{}", point.first.id, point.last.id) };
    let href = if point.steps == 1 { format!("/lines/step/{}", point.first.id) } else { "/path".to_owned() };
    let _ = write!(
        svg,
        "<a href='{}'><title>{}</title><circle cx='{x:.1}' cy='{y:.1}' r='12' class='reach'/><circle cx='{x:.1}' cy='{y:.1}' r='7' class='{class}'/>\
         <text x='{x:.1}' y='{above:.1}' class='node-name'>{}</text><text x='{x:.1}' y='{below:.1}' class='node-time'>{} {}</text></a>",
        escape(&href),
        escape(&format!("{which}: {}", point.last.summary)),
        escape(&name),
        escape(&which),
        zone.show(point.first.first, "%H:%M")
    );
}

fn describe(points: &[Point<'_>], people: u64, t: &Texts) -> String {
    let mut parts: Vec<String> = points.iter().map(|point| format!("{}: {}, {}", point.first.id, point.last.technique_name, point.system)).collect();
    parts.push(format!("{} {}", t.n(people), t.x("lane_people")));
    parts.join("; ")
}
