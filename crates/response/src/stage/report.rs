//! Report: the case on one page.

use std::collections::BTreeMap;

use strandline_model::detection::Detection;
use strandline_model::exposure::{Exposure, Replay};
use strandline_model::table::Row;
use strandline_model::trail::{OpenQuestion, Step};
use strandline_report::{Input, RulesRun};

use crate::clearance::{clearance_of, cleared, open_questions};
use crate::containment::containment_of;
use crate::error::ResponseError;
use crate::rules::RefusedRule;
use crate::run::{Names, Response};
use crate::stage::expose::{ExposureState, register};
use crate::stage::letters::described_categories;
use crate::stage::rules::{SigmaState, UnlookedKind};
use crate::stage::trace::TrailState;
use crate::store;

/// Writes `export/report.html`.
pub fn run(response: &mut Response<'_>, names: Names) -> Result<(), ResponseError> {
    response.needs("expose", "exposures", "expose")?;
    let (people, _) = register(response)?;
    let shown: Option<BTreeMap<String, String>> = (names == Names::Shown).then(|| {
        let name =
            |entry: &strandline_model::register::RegisterEntry| entry.names.values().map(|n| n.expose_personal().clone()).collect::<Vec<_>>().join(" / ");
        people.iter().map(|(key, entry)| (key.clone(), name(entry))).collect()
    });
    let trail: TrailState = store::read_json(&response.case, store::TRAIL)?.unwrap_or_default();
    let exposure: ExposureState = store::read_json(&response.case, store::EXPOSURE)?.unwrap_or_default();
    let contained = containment_of(response)?;
    let notes: Vec<String> = trail.notes.iter().cloned().chain(exposure.notes).chain(contained.notes.iter().cloned()).collect();
    let organisation = &response.estate.organisation;
    let reference = response.case.manifest().origin.clone();
    let sigma: Option<SigmaState> = store::read_json(&response.case, store::SIGMA)?;
    let rules = sigma.map(rules_run);
    let cleared = cleared(&response.case)?;
    let clearance = cleared.first().map(|key| clearance_of(&response.case, key)).transpose()?.flatten();
    let premise = trail.open.iter().find(|question| matches!(question, OpenQuestion::NobodyNamed { .. })).map(ToString::to_string);
    let html = strandline_report::write(&Input {
        organisation: organisation.name.get("en").or_else(|| organisation.name.values().next()).map_or("", String::as_str),
        reference: &reference,
        written_at: (response.settings.now)(),
        time_zone: &organisation.time_zone,
        register_people: people.len() as u64,
        cleared_people: people.keys().filter(|key| cleared.contains(*key)).count() as u64,
        clearance: clearance.as_ref(),
        premise: premise.as_deref(),
        questions: &open_questions(&response.case)?,
        categories: &described_categories(response),
        artefacts: &response.custody()?,
        coverage: &response.coverage()?,
        steps: &response.case.read_rows::<Step>(Step::TABLE)?,
        division: &trail.division,
        detections: &response.case.read_rows::<Detection>(Detection::TABLE)?,
        rules: rules.as_ref(),
        exposures: &response.case.scan(Exposure::TABLE),
        replays: &response.case.scan(Replay::TABLE),
        footholds: &contained.footholds,
        actions: &contained.actions,
        left_open: &contained.left_open,
        since: &contained.since,
        returns: &contained.returns,
        notes: &notes,
        names: shown.as_ref(),
    })?;
    let file = store::write(&response.case, "export", "report.html", html.as_bytes())?;
    let mut inputs = response.inputs_after(&["coverage", "detect", "trace", "contain", "expose"]);
    inputs.insert_setting("names", &format!("{names:?}"));
    response.commit_files("report", inputs, vec![file])
}

/// What rules said of the case, as the report tells it.
fn rules_run(state: SigmaState) -> RulesRun {
    let mut unmatched: BTreeMap<String, u64> = BTreeMap::new();
    for rule in state.unmatched {
        *unmatched.entry(rule.reason).or_default() += 1;
    }
    let place = |rule: RefusedRule| (rule.line.map_or_else(|| rule.path.clone(), |line| format!("{}:{line}", rule.path)), rule.reason);
    let kind = |kind: UnlookedKind| (kind.event_id.map_or_else(|| kind.channel.clone(), |id| format!("{} {id}", kind.channel)), kind.records);
    RulesRun {
        is_built_in: state.is_built_in,
        loaded: state.figures.rules + state.figures.correlations,
        matched: state.rules_matched,
        refused: state.refused.into_iter().map(place).collect(),
        unmatched,
        records: state.records,
        trusted: state.records_trusted,
        unlooked: state.records_unlooked,
        unlooked_kinds: state.unlooked.into_iter().map(kind).collect(),
        incomplete: state.incomplete,
    }
}
