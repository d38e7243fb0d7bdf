//! Coverage: one pass over the events says what the evidence covers, and where it does not.

use strandline_evidence::TRUNCATED;
use strandline_evidence::coverage::CoverageBuilder;
use strandline_model::event;
use strandline_model::evidence::{Gap, Warning};
use strandline_model::table::{Row, Scan};

use crate::error::ResponseError;
use crate::run::{Made, Response};
use crate::store;

/// Finds gaps and skews.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let mut inputs = response.inputs_after(&["events"]);
    inputs.insert_setting("window", &format!("{:?}", response.choices.window));
    response.run_stage("coverage", inputs, |response, _| {
        let mut builder = CoverageBuilder::new(&response.estate, response.choices.window);
        let custody = response.custody()?;
        custody.iter().for_each(|artefact| builder.lies_at(&artefact.id, &artefact.path));
        for batch in response.case.scan(event::TABLE).scan(&[])? {
            builder.observe(&batch?);
        }
        let warnings: Vec<Warning> = response.case.read_rows(Warning::TABLE)?;
        for artefact in custody {
            let mut own: Vec<Warning> = warnings.iter().filter(|w| w.artefact == artefact.id).cloned().collect();
            // What intake could not unpack is known to custody alone.
            own.extend(artefact.first_refusal.iter().filter(|w| w.reason.starts_with(TRUNCATED) && !own.contains(w)).cloned().collect::<Vec<_>>());
            if let (Some(source), false) = (&artefact.source, own.is_empty()) {
                builder.refused(source, &own);
            }
        }
        let coverage = builder.finish();
        let gaps = response.case.write_rows::<Gap>(&coverage.gaps, &[])?;
        let file = store::write_json(&response.case, store::COVERAGE, &coverage)?;
        Ok(Made { parts: vec![gaps], files: vec![file] })
    })?;
    let coverage = response.coverage()?;
    response.outcome.gaps = coverage.gaps.len() as u64;
    for gap in &coverage.gaps {
        response.watcher.note(&format!("gap in {}: {} ({})", gap.source, gap.interval, gap.reason));
    }
    Ok(())
}
