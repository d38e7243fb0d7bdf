//! Contain: what would cut the intruder off, and what each cut would have refused. Nothing is done to the world here.

use serde::{Deserialize, Serialize};
use strandline_containment::Inputs;
use strandline_model::access::Access;
use strandline_model::containment::{ActionRow, Cover, FootholdRow, Refusal};
use strandline_model::event;
use strandline_model::table::Row;
use strandline_model::trail::{Link, Split, Step};

use crate::error::ResponseError;
use crate::run::{Made, Response};
use crate::store;

const STAGE: &str = "contain";
const STANDS_ON: &[&str] = &["events", "trace"];

/// What the proposal leaves besides its tables.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ContainmentState {
    /// What a responder must know.
    pub notes: Vec<String>,
}

/// Whether the proposal is of the trail as it is.
pub fn is_current(response: &Response<'_>) -> bool {
    response.case.stage_is_current(STAGE, &response.inputs_after(STANDS_ON))
}

/// Proposes.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    response.needs("trace", "trail", "trace")?;
    let inputs = response.inputs_after(STANDS_ON);
    response.run_stage(STAGE, inputs, |response, _| {
        let case = &response.case;
        let (events, accesses) = (case.scan(event::TABLE), case.scan(Access::TABLE));
        let (links, steps, splits) = (case.read_rows::<Link>(Link::TABLE)?, case.read_rows::<Step>(Step::TABLE)?, case.read_rows::<Split>(Split::TABLE)?);
        let inputs = Inputs { events: &events, accesses: &accesses, links: &links, steps: &steps, splits: &splits, estate: &response.estate };
        let proposal = strandline_containment::propose(&inputs)?;
        let file = store::write_json(case, store::CONTAINMENT, &ContainmentState { notes: proposal.notes })?;
        let parts = vec![
            case.write_rows::<FootholdRow>(&proposal.footholds, &[])?,
            case.write_rows::<ActionRow>(&proposal.actions, &[])?,
            case.write_rows::<Cover>(&proposal.covers, &[])?,
            case.write_rows::<Refusal>(&proposal.refusals, &[])?,
        ];
        Ok(Made { parts, files: vec![file] })
    })
}
