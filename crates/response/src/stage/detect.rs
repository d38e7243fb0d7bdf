//! Detect: the analytics run over the events, and Sigma rules over the evidence.

use std::panic::resume_unwind;
use std::thread;

use strandline_model::detection::{Detection, DetectionOrigin};
use strandline_model::event;
use strandline_model::table::Row;

use crate::error::ResponseError;
use crate::run::{Made, Response};
use crate::stage;
use crate::stage::rules::CaseRules;

/// Runs the detections.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let rules = CaseRules::of(response)?;
    let mut inputs = response.inputs_after(&["events"]);
    inputs.insert_setting("rules", &rules.listing());
    response.run_stage("detect", inputs, |response, _| {
        let (events, estate) = (response.case.scan(event::TABLE), response.estate.clone());
        // Neither waits for the other: each reads the events for itself.
        let (found, of_rules) = thread::scope(|scope| {
            let found = scope.spawn(|| strandline_detection::detect(&events, &estate));
            let of_rules = stage::rules::run(response, rules);
            (found.join().unwrap_or_else(|panic| resume_unwind(panic)), of_rules)
        });
        let mut found = found?;
        let (of_rules, state) = of_rules?;
        found.extend(of_rules);
        // The id is the tie-break: it stands for rule, system and subject, and so is the same in every run.
        found.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        let part = response.case.write_rows::<Detection>(&found, &["first", "id"])?;
        Ok(Made { parts: vec![part], files: vec![state] })
    })?;
    let detections = response.case.read_rows::<Detection>(Detection::TABLE)?;
    response.outcome.detections = detections.len() as u64;
    response.outcome.sigma_detections = detections.iter().filter(|d| d.origin == DetectionOrigin::Sigma).count() as u64;
    Ok(())
}
