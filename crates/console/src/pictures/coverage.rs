//! What each log covers over time, and the holes in it, with the intruder's time beside it. The table below it says the same in words.

use std::fmt::Write;

use strandline_model::time::Interval;
use strandline_response::desk::{Overview, SourceView};

use super::{TimeScale, Zone, escape, shortened};
use crate::texts::Texts;

const WIDTH: f64 = 1040.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 1030.0;
const LANE: f64 = 40.0;
const TOP: f64 = 52.0;
/// The bar of what is covered, and the intruder's below it.
const BAR: f64 = 16.0;
const INTRUDER: f64 = 5.0;
/// A hole is seen however short it is.
const HOLE_AT_LEAST: f64 = 4.0;

/// The picture; none where nothing was read.
pub fn coverage(overview: &Overview, zone: &Zone, t: &Texts) -> Option<String> {
    let sources = &overview.evidence.sources;
    // A gap without an end is drawn to the edge.
    let span = sources.iter().filter_map(|source| source.span).chain(overview.evidence.intruder).reduce(|a, b| a.hull(&b))?;
    let scale = TimeScale::new(span, 60, (LEFT, RIGHT));
    let height = TOP + LANE * sources.len() as f64 + 26.0;
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {height:.0}' class='coverage' role='group' aria-labelledby='coverage-title coverage-desc'>\
         <title id='coverage-title'>{}</title><desc id='coverage-desc'>{}</desc>",
        escape(t.x("coverage_title")),
        escape(t.x("coverage_desc"))
    );
    if let Some(span) = overview.evidence.intruder {
        intruder(&span, &scale, height, t, &mut svg);
    }
    ticks(&scale, zone, height, &mut svg);
    for (row, source) in sources.iter().enumerate() {
        lane(source, overview, (TOP + LANE * row as f64, &scale), t, &mut svg);
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// The intruder's time, over all logs.
fn intruder(span: &Interval, scale: &TimeScale, height: f64, t: &Texts, svg: &mut String) {
    let (from, to) = (scale.x(span.from), scale.x(span.to));
    let width = (to - from).max(3.0);
    let _ = write!(
        svg,
        "<rect x='{from:.1}' y='{:.1}' width='{width:.1}' height='{:.1}' class='intruder-time'/>\
         <rect x='{from:.1}' y='30' width='{width:.1}' height='8' class='intruder'/><text x='0' y='39' class='lane-name'>{}</text>",
        TOP - 8.0,
        height - TOP - 14.0,
        escape(t.x("coverage_intruder"))
    );
}

fn ticks(scale: &TimeScale, zone: &Zone, height: f64, svg: &mut String) {
    for (x, at, class) in scale.ticks() {
        let _ = write!(
            svg,
            "<line x1='{x:.1}' y1='24' x2='{x:.1}' y2='{:.1}' class='grid'/><text x='{x:.1}' y='16' class='axis {class}'>{}</text>",
            height - 8.0,
            zone.short(at)
        );
    }
}

fn lane(source: &SourceView, overview: &Overview, (top, scale): (f64, &TimeScale), t: &Texts, svg: &mut String) {
    let name = if source.source == source.system { source.source.clone() } else { format!("{} · {}", source.system, source.source) };
    let _ =
        write!(svg, "<g><title>{}</title><text x='0' y='{:.1}' class='lane-name'>{}</text></g>", escape(&name), top + BAR - 2.0, escape(&shortened(&name, 26)));
    match source.span {
        Some(span) => {
            let (from, to) = (scale.x(span.from), scale.x(span.to));
            let _ = write!(svg, "<rect x='{from:.1}' y='{top:.1}' width='{:.1}' height='{BAR}' class='covered'/>", (to - from).max(2.0));
        }
        None => {
            let _ = write!(
                svg,
                "<rect x='{LEFT}' y='{top:.1}' width='{:.1}' height='{BAR}' class='hole'/><text x='{:.1}' y='{:.1}' class='hole-name'>{}</text>",
                RIGHT - LEFT,
                (LEFT + RIGHT) / 2.0,
                top + BAR - 4.0,
                escape(t.x("coverage_no_record"))
            );
        }
    }
    for place in &source.gaps {
        let Some(gap) = overview.coverage.gaps.get(*place) else { continue };
        let (from, to) = (scale.x(gap.interval.from), scale.x(gap.interval.to));
        let width = (to - from).max(HOLE_AT_LEAST);
        let _ = write!(
            svg,
            "<a href='#gap-{place}'><title>{}</title><rect x='{from:.1}' y='{:.1}' width='{width:.1}' height='{:.1}' class='hole'/></a>",
            escape(&gap.reason),
            top - 2.0,
            BAR + 4.0
        );
    }
    if let Some(span) = source.intruder {
        let (from, to) = (scale.x(span.from), scale.x(span.to));
        let _ = write!(svg, "<rect x='{from:.1}' y='{:.1}' width='{:.1}' height='{INTRUDER}' class='intruder'/>", top + BAR + 4.0, (to - from).max(3.0));
    }
}
