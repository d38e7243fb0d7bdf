//! Evidence: what is in custody, what is missing from it, what could not be read.

use askama::Template;
use strandline_model::evidence::Artefact;
use strandline_model::time::Interval;
use strandline_response::desk::SourceView;

use super::{Frame, frame, zone};
use crate::pictures::Zone;
use crate::pictures::coverage::coverage;
use crate::reply::{Fault, Reply};
use crate::texts::Texts;
use crate::visit::Visit;

/// Artefacts of one page.
const SHOWN: usize = 300;

struct ArtefactLine {
    path: String,
    kind: String,
    size: String,
    span: String,
    read: String,
    refused: u64,
    first_refusal: String,
    sha256: String,
    taken: String,
}

struct GapLine {
    lines: Option<String>,
    source: String,
    from: String,
    to: String,
    missing: String,
    reason: String,
}

/// One log as a row: what the picture shows, in words.
struct SourceLine {
    source: String,
    system: String,
    span: String,
    gaps: String,
    gaps_of_intruder: String,
    intruder: String,
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidencePage<'v> {
    f: Frame<'v>,
    artefacts: Vec<ArtefactLine>,
    rest: Option<String>,
    coverage: Option<String>,
    sources: Vec<SourceLine>,
    gaps: Vec<GapLine>,
    skews: Vec<String>,
    warnings: Vec<(String, String)>,
    warnings_rest: Option<String>,
}

/// The page.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let (f, _) = frame(visit, &overview, "/evidence", t.x("nav_evidence"))?;
    let all = &overview.evidence.artefacts;
    let gap = |(place, gap): (usize, &strandline_model::evidence::Gap)| GapLine {
        lines: (!gap.evidence.is_empty()).then(|| format!("/lines/gap/{place}")),
        source: gap.source.clone(),
        from: zone.full(gap.interval.from),
        to: zone.full(gap.interval.to),
        missing: gap.missing.map(|count| t.n(count)).unwrap_or_default(),
        reason: gap.reason.clone(),
    };
    let skew = |skew: &strandline_model::evidence::ClockSkew| {
        format!(
            "{} / {}: {:+.3} s (± {:.3} s, {})",
            skew.source,
            skew.reference,
            skew.skew_micros as f64 / 1e6,
            skew.spread_micros as f64 / 1e6,
            t.w("evidence_pairs", t.n(skew.pairs))
        )
    };
    let warnings = &overview.evidence.warnings;
    let page = EvidencePage {
        f,
        artefacts: all.iter().take(SHOWN).map(|artefact| line(artefact, &zone, t)).collect(),
        rest: (all.len() > SHOWN).then(|| t.w("more_rows", t.n((all.len() - SHOWN) as u64))),
        coverage: coverage(&overview, &zone, t),
        sources: overview.evidence.sources.iter().map(|source| source_line(source, &zone, t)).collect(),
        gaps: overview.coverage.gaps.iter().enumerate().map(gap).collect(),
        skews: overview.coverage.skews.iter().map(skew).collect(),
        warnings: warnings.iter().map(|warning| (format!("{}:{}", warning.path, warning.line), warning.reason.clone())).collect(),
        warnings_rest: (overview.evidence.warning_count > warnings.len() as u64)
            .then(|| t.w("more_rows", t.n(overview.evidence.warning_count - warnings.len() as u64))),
    };
    Ok(Reply::Page(page.render()?))
}

fn source_line(source: &SourceView, zone: &Zone, t: &Texts) -> SourceLine {
    let between = |span: Interval| format!("{} – {}", zone.full(span.from), zone.full(span.to));
    SourceLine {
        source: source.source.clone(),
        system: source.system.clone(),
        span: source.span.map_or_else(|| t.x("coverage_no_record").to_owned(), between),
        gaps: t.n(source.gaps.len() as u64),
        gaps_of_intruder: t.n(source.gaps_of_intruder as u64),
        intruder: source.intruder.map(between).unwrap_or_default(),
    }
}

fn line(artefact: &Artefact, zone: &Zone, t: &Texts) -> ArtefactLine {
    ArtefactLine {
        path: artefact.path.clone(),
        kind: artefact.format.clone().unwrap_or_else(|| format!("{:?}", artefact.kind).to_lowercase()),
        size: t.n(artefact.size),
        span: artefact.span.map(|span| format!("{} – {}", zone.full(span.from), zone.full(span.to))).unwrap_or_default(),
        read: t.n(artefact.records_read),
        refused: artefact.records_refused,
        first_refusal: artefact.first_refusal.as_ref().map(ToString::to_string).unwrap_or_default(),
        sha256: artefact.sha256.clone(),
        taken: format!("{} {}", artefact.taken_by, zone.full(artefact.taken_at)),
    }
}
