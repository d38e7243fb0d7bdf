//! What is in custody, and what could not be read of it.

use std::collections::BTreeSet;

use strandline_model::evidence::{Artefact, Gap, Warning};
use strandline_model::table::{Row, Scan};
use strandline_model::time::Interval;
use strandline_model::trail::Step;

use crate::error::ResponseError;
use crate::run::Response;

/// Warnings that a page shows; the table has all.
const WARNINGS_SHOWN: usize = 200;

/// Evidence in custody.
#[derive(Clone, Debug, Default)]
pub struct EvidenceView {
    /// What was taken, in the order of its paths.
    pub artefacts: Vec<Artefact>,
    /// Source by source: what its log covers, and where it does not.
    pub sources: Vec<SourceView>,
    /// From the first to the last thing that the intruder did, if a trail was followed.
    pub intruder: Option<Interval>,
    /// The first warnings.
    pub warnings: Vec<Warning>,
    /// How many there are.
    pub warning_count: u64,
}

/// One log, over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// The estate's source.
    pub source: String,
    /// The system that wrote it.
    pub system: String,
    /// From its first to its last record; none where no record of it was read.
    pub span: Option<Interval>,
    /// Its gaps, by their places in the list of all.
    pub gaps: Vec<usize>,
    /// Of these, those that the intruder's time has a part of.
    pub gaps_of_intruder: usize,
    /// From the first to the last thing that the intruder did on that system.
    pub intruder: Option<Interval>,
}

/// The logs of the estate, system by system, over time.
fn sources(response: &Response<'_>, steps: &[Step], intruder: Option<&Interval>) -> Result<Vec<SourceView>, ResponseError> {
    let coverage = response.coverage()?;
    let mut named: BTreeSet<(String, String)> = response.estate.sources.iter().map(|source| (source.system.clone(), source.id.clone())).collect();
    named.extend(coverage.gaps.iter().map(|gap| (gap.system.clone(), gap.source.clone())));
    let view = |(system, source): (String, String)| {
        let of_source = |(_, gap): &(usize, &Gap)| gap.source == source && gap.system == system;
        let gaps: Vec<(usize, &Gap)> = coverage.gaps.iter().enumerate().filter(of_source).collect();
        SourceView {
            span: coverage.spans.iter().find(|(of, _)| *of == source).map(|(_, span)| *span),
            gaps_of_intruder: gaps.iter().filter(|(_, gap)| intruder.is_some_and(|intruder| gap.interval.overlaps(intruder))).count(),
            gaps: gaps.into_iter().map(|(place, _)| place).collect(),
            intruder: hull(steps.iter().filter(|step| step.system == system)),
            source,
            system,
        }
    };
    Ok(named.into_iter().map(view).collect())
}

fn hull<'s>(steps: impl Iterator<Item = &'s Step>) -> Option<Interval> {
    steps.map(|step| Interval { from: step.first, to: step.last }).reduce(|a, b| a.hull(&b))
}

pub(super) fn view(response: &Response<'_>) -> Result<EvidenceView, ResponseError> {
    let mut artefacts = response.custody()?;
    artefacts.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.id.cmp(&b.id)));
    let (mut warnings, mut warning_count) = (Vec::new(), 0);
    for batch in response.case.scan(Warning::TABLE).scan(&[])? {
        let rows = Warning::from_batch(&batch?)?;
        warning_count += rows.len() as u64;
        let room = WARNINGS_SHOWN.saturating_sub(warnings.len());
        warnings.extend(rows.into_iter().take(room));
    }
    let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
    let intruder = hull(steps.iter());
    Ok(EvidenceView { artefacts, sources: sources(response, &steps, intruder.as_ref())?, intruder, warnings, warning_count })
}
