//! Timeline: everything that has a time, in one picture and in one list.

use askama::Template;
use strandline_model::time::Instant;
use strandline_response::desk::Overview;

use super::{Frame, frame, zone};
use crate::pictures::swim::swim;
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Rows of one page.
const ROWS: usize = 100;

struct Row {
    at: Instant,
    time: String,
    kind: &'static str,
    kind_name: String,
    system: String,
    what: String,
    href: Option<String>,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage<'v> {
    f: Frame<'v>,
    swim: Option<String>,
    rows: Vec<Row>,
    count: String,
    next: Option<usize>,
    before: Option<usize>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let t = visit.t();
    let (f, _) = frame(visit, &overview, "/timeline", t.x("nav_timeline"))?;
    let all = rows(&overview, t);
    let from: usize = visit.query.number("from").unwrap_or(0).min(all.len());
    let count = t.n(all.len() as u64);
    let next = (from + ROWS < all.len()).then_some(from + ROWS);
    let page = TimelinePage {
        f,
        swim: swim(&overview, &zone(&overview), t),
        rows: all.into_iter().skip(from).take(ROWS).collect(),
        count,
        next,
        before: (from > 0).then(|| from.saturating_sub(ROWS)),
    };
    Ok(Reply::Page(page.render()?))
}

fn rows(overview: &Overview, t: &Texts) -> Vec<Row> {
    let zone = zone(overview);
    let row = |at: Instant, kind: &'static str, kind_name: &str, system: &str, what: String, href: Option<String>| Row {
        at,
        time: zone.full(at),
        kind,
        kind_name: kind_name.to_owned(),
        system: system.to_owned(),
        what,
        href,
    };
    let path = &overview.path;
    // A link or detection can have left the trail since somebody decided on it.
    let is_there = |id: &str| path.links.iter().any(|view| view.link.id == id) || path.detections.iter().any(|detection| detection.id == id);
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(
        path.steps
            .iter()
            .map(|s| row(s.first, "step", t.x("kind_step"), &s.system, format!("{}: {}", s.technique_name, s.summary), Some(format!("/lines/step/{}", s.id)))),
    );
    rows.extend(
        path.detections
            .iter()
            .map(|d| row(d.first, "detection", t.x("kind_detection"), &d.system, format!("{}: {}", d.title, d.reason), Some(format!("/path/{}", d.id)))),
    );
    rows.extend(path.links.iter().map(|l| {
        row(l.link.first, "link", t.x("kind_link"), "", format!("{} → {}: {}", l.link.from, l.link.to, l.link.reason), Some(format!("/path/{}", l.link.id)))
    }));
    rows.extend(overview.coverage.gaps.iter().enumerate().map(|(place, gap)| {
        let href = (!gap.evidence.is_empty()).then(|| format!("/lines/gap/{place}"));
        row(gap.interval.from, "gap", t.x("kind_gap"), &gap.system, gap.reason.clone(), href)
    }));
    rows.extend(overview.decisions.iter().map(|d| {
        let what = format!("{}: {} ({})", d.decided_by, d.target, d.reason.clone().unwrap_or_default());
        row(d.decided_at, "decision", t.x("kind_decision"), "", what, is_there(&d.target).then(|| format!("/path/{}", d.target)))
    }));
    // One order for things of one instant.
    rows.sort_by(|a, b| (a.at, a.kind, &a.what).cmp(&(b.at, b.kind, &b.what)));
    rows
}
