//! `timeline.csv`: steps, links, detections, gaps and decisions in order of time, each with its place in the evidence.

use std::io::Write;

use strandline_model::detection::{Decision, Detection, Level, Verdict};
use strandline_model::evidence::{EventRef, Gap};
use strandline_model::table::Scan;
use strandline_model::time::Instant;
use strandline_model::trail::{Link, Step, Strength};

use super::cell::{text, words};
use super::{ExportError, for_each_row};

const HEADER: [&str; 11] = ["time", "until", "kind", "id", "title", "system", "technique", "weight", "summary", "evidence", "lines"];

/// Places in the evidence that one line of the timeline names; the tables have all.
const PLACES_LIMIT: usize = 10;

/// What `timeline.csv` is made from.
pub struct TimelineSources<'a> {
    /// The steps.
    pub steps: &'a dyn Scan,
    /// The links.
    pub links: &'a dyn Scan,
    /// The detections.
    pub detections: &'a dyn Scan,
    /// The gaps.
    pub gaps: &'a [Gap],
    /// The decisions.
    pub decisions: &'a [Decision],
    /// The original place of a record, `path:line`, where it is known.
    pub locate: &'a dyn Fn(&EventRef) -> Option<String>,
}

/// Ordered by time, then by the rest, so that two things at one instant always stand in one order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    time: Instant,
    until: Instant,
    kind: &'static str,
    id: String,
    title: String,
    system: String,
    technique: String,
    weight: &'static str,
    summary: String,
    places: Vec<EventRef>,
}

/// Writes the timeline. Needs memory for its lines, each with at most ten places.
///
/// # Errors
/// If a table cannot be read, or `out` does not take it.
pub fn write_timeline(out: &mut dyn Write, sources: &TimelineSources<'_>) -> Result<(), ExportError> {
    let mut lines = Vec::new();
    collect_tables(sources, &mut lines)?;
    lines.extend(sources.gaps.iter().map(gap_line));
    lines.extend(sources.decisions.iter().map(decision_line));
    lines.sort();
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    for line in &lines {
        csv.write_record([
            &*line.time.to_string(),
            &line.until.to_string(),
            line.kind,
            &text(&line.id),
            &text(&line.title),
            &text(&line.system),
            &text(&line.technique),
            line.weight,
            &text(&line.summary),
            &words(&line.places),
            &text(&words(line.places.iter().filter_map(sources.locate))),
        ])?;
    }
    csv.flush()?;
    Ok(())
}

fn collect_tables(sources: &TimelineSources<'_>, lines: &mut Vec<Line>) -> Result<(), ExportError> {
    for_each_row(sources.steps, |s: Step| {
        lines.push(Line {
            time: s.first,
            until: s.last,
            kind: "step",
            id: s.id,
            title: s.technique_name,
            system: s.system,
            technique: s.technique,
            weight: strength(s.strength),
            summary: s.exploited.map_or(s.summary.clone(), |weakness| format!("{} Weakness used: {weakness}", s.summary)),
            places: first_places(s.events),
        });
        Ok(())
    })?;
    for_each_row(sources.links, |l: Link| {
        lines.push(Line {
            time: l.first,
            until: l.last,
            kind: "link",
            id: l.id,
            title: format!("{} -> {}", l.from, l.to),
            system: String::new(),
            technique: String::new(),
            weight: strength(l.strength),
            summary: l.reason,
            places: first_places(l.events),
        });
        Ok(())
    })?;
    for_each_row(sources.detections, |d: Detection| {
        lines.push(Line {
            time: d.first,
            until: d.last,
            kind: "detection",
            id: d.id,
            title: d.title,
            system: d.system,
            technique: words(d.techniques),
            weight: level(d.level),
            summary: d.reason,
            places: first_places(d.events),
        });
        Ok(())
    })
}

fn gap_line(gap: &Gap) -> Line {
    Line {
        time: gap.interval.from,
        until: gap.interval.to,
        kind: "gap",
        id: String::new(),
        title: format!("no evidence from {}", gap.source),
        system: gap.system.clone(),
        technique: String::new(),
        weight: "",
        summary: gap.reason.clone(),
        places: first_places(gap.evidence.clone()),
    }
}

fn decision_line(decision: &Decision) -> Line {
    let verdict = match decision.verdict {
        Verdict::Confirmed => "confirmed",
        Verdict::Struck => "struck",
    };
    Line {
        time: decision.decided_at,
        until: decision.decided_at,
        kind: "decision",
        id: decision.target.clone(),
        title: format!("{verdict} by {}", decision.decided_by),
        system: String::new(),
        technique: String::new(),
        weight: "",
        summary: decision.reason.clone().unwrap_or_default(),
        places: Vec::new(),
    }
}

fn first_places(mut places: Vec<EventRef>) -> Vec<EventRef> {
    places.truncate(PLACES_LIMIT);
    places.shrink_to_fit();
    places
}

fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Proved => "proved",
        Strength::Inferred => "inferred",
        Strength::Open => "open",
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Informational => "informational",
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}
