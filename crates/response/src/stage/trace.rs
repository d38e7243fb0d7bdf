//! Trace: the actor's trail, from pins or from the detections, with the decisions that people made on links.

use serde::{Deserialize, Serialize};
use strandline_model::access::Access;
use strandline_model::detection::{Decision, Detection};
use strandline_model::event;
use strandline_model::table::Row;
use strandline_model::trail::{Division, Link, OpenQuestion, Pin, Split, Step};
use strandline_trace::Inputs;

use crate::error::ResponseError;
use crate::pins::{PinWord, in_force, pin_words};
use crate::run::{Made, Response};
use crate::store;

/// What the trail leaves besides its tables.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TrailState {
    /// What the trail was followed from.
    pub pins: Vec<Pin>,
    /// Of this, what a run was told; none: all of it, as versions kept it that knew no words on starting points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Vec<Pin>>,
    /// Addresses of the actor.
    pub addresses: Vec<String>,
    /// Sessions of the actor, as `system/session`.
    pub sessions: Vec<String>,
    /// Accounts whose sessions the actor used.
    pub stolen_accounts: Vec<String>,
    /// Database connections of the actor.
    pub connections: Vec<String>,
    /// What a responder must know.
    pub notes: Vec<String>,
    /// What the trail leaves open: while one of these holds reassurance, nobody may be told that they were not reached.
    #[serde(default)]
    pub open: Vec<OpenQuestion>,
    /// How the statements divide that ran while requests of the actor were in progress.
    #[serde(default)]
    pub division: Division,
}

impl TrailState {
    /// What a run was told to start from.
    pub fn told(&self) -> &[Pin] {
        self.told.as_deref().unwrap_or(&self.pins)
    }
}

/// What a trail stands on.
struct Grounds {
    told: Vec<Pin>,
    pins: Vec<Pin>,
    decisions: Vec<Decision>,
    inputs: strandline_case::Inputs,
}

/// What a trail would stand on now; `None` keeps what the last run was told.
fn grounds(response: &Response<'_>, told: Option<&[Pin]>) -> Result<Grounds, ResponseError> {
    let before: TrailState = store::read_json(&response.case, store::TRAIL)?.unwrap_or_default();
    let told = told.map_or_else(|| before.told().to_vec(), <[Pin]>::to_vec);
    let words = pin_words(&response.case)?;
    let pins = in_force(&told, words.iter().map(|(_, word)| word));
    let decisions = response.case.decisions()?;
    let mut inputs = response.inputs_after(&["events", "coverage", "detect"]);
    inputs.insert_setting("pins", &pins.iter().map(Pin::to_string).collect::<Vec<_>>().join("\n"));
    inputs.insert_setting("window", &format!("{:?}", response.choices.window));
    inputs.insert_setting("decisions", &serde_json::to_string(&decisions).unwrap_or_default());
    if !words.is_empty() {
        // A word that comes to nothing was followed, too.
        let words: Vec<&PinWord> = words.iter().map(|(_, word)| word).collect();
        inputs.insert_setting("pin_words", &serde_json::to_string(&words).unwrap_or_default());
    }
    Ok(Grounds { told, pins, decisions, inputs })
}

/// What a trail would stand on now.
pub fn inputs(response: &Response<'_>) -> Result<strandline_case::Inputs, ResponseError> {
    Ok(grounds(response, None)?.inputs)
}

/// Follows the actor.
pub fn run(response: &mut Response<'_>, pins: Option<&[Pin]>) -> Result<(), ResponseError> {
    response.needs("detect", "detections", "detect")?;
    let Grounds { told, pins, decisions, inputs } = grounds(response, pins)?;
    response.run_stage("trace", inputs, |response, _| {
        let detections: Vec<Detection> = response.case.read_rows(Detection::TABLE)?;
        let coverage = response.coverage()?;
        let events = response.case.scan(event::TABLE);
        let mut writer = response.case.table_writer(Access::TABLE, "all", Access::schema(), &["time", "id"])?;
        let stage_inputs = Inputs {
            events: &events,
            detections: &detections,
            coverage: &coverage,
            estate: &response.estate,
            pins: &pins,
            decisions: &decisions,
            window: response.choices.window,
        };
        let trail = strandline_trace::trace(&stage_inputs, &mut |rows| Ok(writer.write(&Access::to_batch(&rows)?)?))?;
        let state = TrailState {
            told: (told != pins).then_some(told),
            pins,
            addresses: trail.actor.addresses.clone(),
            sessions: trail.actor.sessions.iter().map(|(system, session)| format!("{system}/{session}")).collect(),
            stolen_accounts: trail.actor.stolen_accounts.clone(),
            connections: trail.actor.connections.clone(),
            notes: trail.notes.clone(),
            open: trail.open.clone(),
            division: trail.division,
        };
        let file = store::write_json(&response.case, store::TRAIL, &state)?;
        let parts = vec![
            writer.finish()?,
            response.case.write_rows::<Link>(&trail.links, &[])?,
            response.case.write_rows::<Step>(&trail.steps, &[])?,
            response.case.write_rows::<Split>(&trail.splits, &["time", "request"])?,
        ];
        Ok(Made { parts, files: vec![file] })
    })?;
    let state: TrailState = store::read_json(&response.case, store::TRAIL)?.unwrap_or_default();
    for note in &state.notes {
        response.watcher.note(note);
    }
    response.outcome.notes.extend(state.notes);
    response.outcome.steps = response.case.read_rows::<Step>(Step::TABLE)?.len() as u64;
    response.outcome.accesses =
        response.case.manifest().stages.get("trace").map_or(0, |record| record.parts.iter().filter(|p| p.table == Access::TABLE).map(|p| p.rows).sum());
    Ok(())
}
