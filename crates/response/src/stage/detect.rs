//! Detect: the analytics run over the events.

use strandline_case::StageCommit;
use strandline_model::detection::Detection;
use strandline_model::event;
use strandline_model::table::Row;

use crate::error::ResponseError;
use crate::run::Response;

/// Runs the detections.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let inputs = response.inputs_after(&["events"]);
    if !response.case.stage_is_current("detect", &inputs) {
        let found = strandline_detection::detect(&response.case.scan(event::TABLE), &response.estate)?;
        let part = response.case.write_rows::<Detection>(&found, &["first", "id"])?;
        let author = response.author();
        response.case.commit_stage(StageCommit { stage: "detect".to_owned(), inputs, parts: vec![part], files: Vec::new(), author })?;
    }
    response.outcome.detections = response.case.read_rows::<Detection>(Detection::TABLE)?.len() as u64;
    Ok(())
}
