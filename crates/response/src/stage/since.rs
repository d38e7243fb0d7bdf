//! Since: what the newest evidence says of cuts that are applied. It is worked out anew whenever evidence, trail or cuts change.

use strandline_case::Inputs;
use strandline_containment::{Contained, Since};
use strandline_model::access::Access;
use strandline_model::containment::{CutStep, canonical};
use strandline_model::event;
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_model::table::Row;
use strandline_model::trail::{Link, Split, Step};

use crate::cutting::read_plan;
use crate::error::ResponseError;
use crate::run::{Made, Response};

const STAGE: &str = "since";
const STANDS_ON: &[&str] = &["events", "coverage", "trace"];

/// Compares, and keeps what was found; without a cut, or without evidence that is newer, there is nothing to keep.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let contained = contained(response)?;
    let is_kept = response.case.manifest().stages.contains_key(STAGE);
    if !is_worth_it(response, &contained)? && !is_kept {
        return Ok(());
    }
    let inputs = inputs(response, &contained);
    response.run_stage(STAGE, inputs, |response, _| {
        let since = compare(response, &contained)?;
        let parts = vec![response.case.write_rows::<SinceRow>(&since.rows, &[])?, response.case.write_rows::<ReturnRow>(&since.returns, &[])?];
        Ok(Made { parts, files: Vec::new() })
    })
}

/// What is kept, where it is of the case as it is; else worked out, and not kept.
pub fn look(response: &Response<'_>) -> Result<Since, ResponseError> {
    let contained = contained(response)?;
    if response.case.stage_is_current(STAGE, &inputs(response, &contained)) {
        return Ok(Since { rows: response.case.read_rows(SinceRow::TABLE)?, returns: response.case.read_rows(ReturnRow::TABLE)? });
    }
    compare(response, &contained)
}

fn inputs(response: &Response<'_>, contained: &[Contained]) -> Inputs {
    let mut inputs = response.inputs_after(STANDS_ON);
    let cuts: Vec<String> = contained
        .iter()
        .map(|cut| format!("{} {} {} {} {:?} {}", cut.plan, cut.place, cut.target, cut.since.micros(), cut.until.map(|at| at.micros()), cut.action.canonical()))
        .collect();
    inputs.insert_setting("cuts", &canonical(&cuts));
    inputs
}

/// Whether there is a cut, and evidence that is newer than one.
fn is_worth_it(response: &Response<'_>, contained: &[Contained]) -> Result<bool, ResponseError> {
    let Some(first) = contained.iter().map(|cut| cut.since).min() else { return Ok(false) };
    Ok(response.coverage()?.spans.iter().any(|(_, span)| span.to >= first))
}

fn compare(response: &Response<'_>, contained: &[Contained]) -> Result<Since, ResponseError> {
    if !is_worth_it(response, contained)? {
        return Ok(Since::default());
    }
    let case = &response.case;
    let (events, accesses) = (case.scan(event::TABLE), case.scan(Access::TABLE));
    let (links, steps, splits) = (case.read_rows::<Link>(Link::TABLE)?, case.read_rows::<Step>(Step::TABLE)?, case.read_rows::<Split>(Split::TABLE)?);
    let inputs =
        strandline_containment::Inputs { events: &events, accesses: &accesses, links: &links, steps: &steps, splits: &splits, estate: &response.estate };
    Ok(strandline_containment::since(&inputs, &response.coverage()?.skews, contained)?)
}

/// The cuts that are applied.
fn contained(response: &Response<'_>) -> Result<Vec<Contained>, ResponseError> {
    let cuts: Vec<_> = response.case.stored_cuts()?.into_iter().filter(|cut| cut.step == CutStep::Applied).collect();
    if cuts.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for wave in response.case.stored_waves()? {
        let own: Vec<_> = cuts.iter().filter(|cut| cut.wave == wave.number).collect();
        if own.is_empty() {
            continue;
        }
        let plan = read_plan(response, &wave)?;
        let lease_micros = plan.lease_seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(|seconds| seconds.saturating_mul(1_000_000));
        for cut in own {
            let Some(planned) = plan.actions.get(cut.place as usize) else { continue };
            found.push(Contained {
                plan: wave.number,
                place: cut.place + 1,
                action: planned.action.clone(),
                target: planned.target.clone(),
                since: cut.changed_at,
                until: lease_micros.map(|micros| cut.changed_at.plus_micros(micros)),
            });
        }
    }
    Ok(found)
}
