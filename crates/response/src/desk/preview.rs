//! What would hang on a judgement or a starting point: the trail and the exposures worked out with it, in a trial beside the case, and
//! whoever stands elsewhere then. Nothing is guessed, and nothing of the case is changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strandline_case::{CaseError, Right, Role, Secrets, Trial};
use strandline_model::detection::{Decision, Detection, Verdict};
use strandline_model::exposure::Certainty;
use strandline_model::table::Row;
use strandline_model::trail::{Link, Pin};

use super::act::DeskError;
use super::rights::allow;
use crate::clearance::cleared;
use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::pins::{PinWord, pin_words};
use crate::run::{Response, Settings, Tiers, Watcher};
use crate::stage::expose::{self, register};
use crate::stage::trace;

/// What the trail and the exposures are made from, and what they were last.
const STAGES: [&str; 7] = ["intake", "events", "coverage", "rules", "detect", "trace", "expose"];
/// Another run can commit while files are linked.
const ATTEMPTS: usize = 3;

/// What is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// Links and detections, by id, and what would be said of each.
    pub judgements: Vec<(String, Verdict)>,
    /// Starting points that would be named.
    pub named: Vec<Pin>,
    /// Starting points that would be withdrawn.
    pub withdrawn: Vec<Pin>,
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Cleared: the evidence proves that nothing of theirs was shown.
    NotReached,
    /// In no tier, and not cleared.
    NotKnown,
    /// Within reach.
    Possible,
    /// Probably shown.
    Likely,
    /// Shown.
    Confirmed,
}

impl Standing {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [Self::Confirmed, Self::Likely, Self::Possible, Self::NotReached, Self::NotKnown];

    /// The word that exports and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReached => "not_reached",
            Self::NotKnown => "not_known",
            Self::Possible => Certainty::Possible.as_str(),
            Self::Likely => Certainty::Likely.as_str(),
            Self::Confirmed => Certainty::Confirmed.as_str(),
        }
    }

    fn of(tier: Option<Certainty>, is_cleared: bool) -> Self {
        match tier {
            Some(Certainty::Confirmed) => Self::Confirmed,
            Some(Certainty::Likely) => Self::Likely,
            Some(Certainty::Possible) => Self::Possible,
            None if is_cleared => Self::NotReached,
            None => Self::NotKnown,
        }
    }
}

/// How many, in one state of the case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// People by their strongest tier.
    pub tiers: Tiers,
    /// People who are cleared.
    pub not_reached: u64,
    /// People of whom neither is known.
    pub not_known: u64,
    /// Steps of the trail.
    pub steps: u64,
    /// Accesses of the trail.
    pub accesses: u64,
}

impl Figures {
    /// How many stand there.
    pub fn count(&self, standing: Standing) -> u64 {
        match standing {
            Standing::Confirmed => self.tiers.confirmed,
            Standing::Likely => self.tiers.likely,
            Standing::Possible => self.tiers.possible,
            Standing::NotReached => self.not_reached,
            Standing::NotKnown => self.not_known,
        }
    }
}

/// Somebody of whom the case would say something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Moved {
    /// The key.
    pub data_subject: String,
    /// Where they stand now.
    pub before: Standing,
    /// Where they would.
    pub after: Standing,
}

/// What hangs on what is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The state of the case that it is of: a decision that follows from it is of the same, or asks again.
    pub state: String,
    /// Whether the case itself lags behind decisions that were made before: *before* follows them, and the case's own figures do not yet.
    pub was_stale: bool,
    /// As it is.
    pub before: Figures,
    /// As it would be.
    pub after: Figures,
    /// Who would stand elsewhere, or in the same tier with other categories, by key.
    pub moved: Vec<Moved>,
}

impl Preview {
    /// How many would go from where to where, the gravest first.
    pub fn moves(&self) -> Vec<((Standing, Standing), u64)> {
        let mut counts: BTreeMap<(Standing, Standing), u64> = BTreeMap::new();
        self.moved.iter().for_each(|moved| *counts.entry((moved.before, moved.after)).or_default() += 1);
        counts.into_iter().rev().collect()
    }

    /// Who would go from there to there.
    pub fn movers(&self, (before, after): (Standing, Standing)) -> BTreeSet<String> {
        self.moved.iter().filter(|moved| (moved.before, moved.after) == (before, after)).map(|moved| moved.data_subject.clone()).collect()
    }
}

/// Works out what the case would say with what is tried: the stages run again in a trial, once as the case is and once with it. The case
/// is not written to, and others can work on it meanwhile.
///
/// # Errors
/// If it is not the role's, the trail has no such link or detection, a stage cannot be run, or the disk has no room for a trial.
pub fn preview(settings: &Settings<'_>, role: Role, trying: &Trying, watcher: &mut dyn Watcher) -> Result<Preview, DeskError> {
    allow(role, Right::Decide)?;
    let (trial, state, words, decisions) = begin(settings, trying)?;
    let watcher = &mut WithoutNotes(watcher);
    let settings = settings.of_trial(&trial);
    let was_stale = {
        let mut quiet = super::Quiet;
        let mut response = Response::resume(&settings, &mut quiet)?;
        for decision in decisions {
            response.decide(&decision)?;
        }
        for word in words {
            response.restate_pins(&word)?;
        }
        !response.case.stage_is_current("trace", &trace::inputs(&response)?) || !expose::are_current(&response)?
    };
    let (before, stood) = work_out(&settings, watcher)?;
    {
        let mut quiet = super::Quiet;
        let mut response = Response::resume(&settings, &mut quiet)?;
        for (target, verdict) in &trying.judgements {
            let now = (settings.now)();
            response.decide(&Decision { target: target.clone(), verdict: *verdict, decided_by: settings.responder.clone(), decided_at: now, reason: None })?;
        }
        if !trying.named.is_empty() || !trying.withdrawn.is_empty() {
            response.decide_pins(PinWord { named: trying.named.clone(), withdrawn: trying.withdrawn.clone(), why: None })?;
        }
    }
    let (after, stand) = work_out(&settings, watcher)?;
    Ok(Preview { state, was_stale, before, after, moved: moved(&stood, &stand) })
}

/// Hears how far the work is. What its stages have to say of the case, a run says.
struct WithoutNotes<'w>(&'w mut dyn Watcher);

impl Watcher for WithoutNotes<'_> {
    fn stage(&mut self, name: &str) {
        self.0.stage(name);
    }

    fn progress(&mut self, done: u64, total: u64, unit: &str) {
        self.0.progress(done, total, unit);
    }

    fn note(&mut self, _text: &str) {}
}

type Begun = (Trial, String, Vec<PinWord>, Vec<Decision>);

/// A trial of the case as it is, the name of that state, and what people have said.
fn begin(settings: &Settings<'_>, trying: &Trying) -> Result<Begun, ResponseError> {
    let mut attempt = 1;
    loop {
        let mut quiet = super::Quiet;
        let response = Response::look(settings, &mut quiet)?;
        response.needs("expose", "exposures", "expose")?;
        let decisions = response.case.decisions()?;
        known(&response, &decisions, trying)?;
        let words = pin_words(&response.case)?.into_iter().map(|(_, word)| word).collect();
        let state = state(&response)?;
        match response.case.trial(&STAGES, &Secrets::new((settings.random)(), (settings.random)())) {
            Ok(trial) => return Ok((trial, state, words, decisions)),
            Err(CaseError::Missing(_)) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Nobody is told what hangs on a name that nothing has.
fn known(response: &Response<'_>, decisions: &[Decision], trying: &Trying) -> Result<(), ResponseError> {
    let links: Vec<Link> = response.case.read_rows(Link::TABLE)?;
    let detections: Vec<Detection> = response.case.read_rows(Detection::TABLE)?;
    let is_known = |target: &str| {
        links.iter().any(|link| link.id == target)
            || detections.iter().any(|detection| detection.id == target)
            || decisions.iter().any(|decision| decision.target == target)
    };
    match trying.judgements.iter().find(|(target, _)| !is_known(target)) {
        Some((target, _)) => Err(ResponseError::NoSuchTarget(target.clone())),
        None => Ok(()),
    }
}

/// Names the state of a case that trail and exposures follow from: evidence, settings, and what people said. Equal names: the same
/// judgement comes to the same.
pub(crate) fn state(response: &Response<'_>) -> Result<String, ResponseError> {
    let mut inputs = trace::inputs(response)?;
    expose::insert_own(response, &mut inputs)?;
    Ok(inputs.digest())
}

/// The name of the state of a case as it is.
///
/// # Errors
/// If there is no case, or it cannot be read.
pub fn state_of(settings: &Settings<'_>) -> Result<String, ResponseError> {
    let mut quiet = super::Quiet;
    state(&Response::look(settings, &mut quiet)?)
}

/// What each person's exposures say.
type Stand = BTreeMap<String, (Standing, BTreeMap<String, Certainty>)>;

fn work_out(settings: &Settings<'_>, watcher: &mut dyn Watcher) -> Result<(Figures, Stand), ResponseError> {
    let mut response = Response::resume(settings, watcher)?;
    response.trace(None)?;
    response.expose()?;
    let cleared = cleared(&response.case)?;
    let mut stand: Stand = Stand::new();
    each_person(&response.case, &mut |exposures| {
        let mut cells: BTreeMap<String, Certainty> = BTreeMap::new();
        for exposure in exposures {
            let cell = cells.entry(exposure.category.clone()).or_insert(exposure.certainty);
            *cell = (*cell).max(exposure.certainty);
        }
        if let Some(first) = exposures.first() {
            stand.insert(first.data_subject.clone(), (Standing::of(cells.values().copied().max(), false), cells));
        }
        Ok(())
    })?;
    for key in register(&response)?.0.into_keys() {
        let is_cleared = cleared.contains(&key);
        stand.entry(key).or_insert_with(|| (Standing::of(None, is_cleared), BTreeMap::new()));
    }
    let count = |wanted| stand.values().filter(|(standing, _)| *standing == wanted).count() as u64;
    let tiers = Tiers { confirmed: count(Standing::Confirmed), likely: count(Standing::Likely), possible: count(Standing::Possible) };
    let (not_reached, not_known) = (count(Standing::NotReached), count(Standing::NotKnown));
    let figures = Figures { tiers, not_reached, not_known, steps: response.outcome.steps, accesses: response.outcome.accesses };
    Ok((figures, stand))
}

/// Whoever stands elsewhere; of whom nothing is said at all, nothing is known.
fn moved(stood: &Stand, stand: &Stand) -> Vec<Moved> {
    let nothing = (Standing::NotKnown, BTreeMap::new());
    let keys: BTreeSet<&String> = stood.keys().chain(stand.keys()).collect();
    let mut moved = Vec::new();
    for key in keys {
        let (before, after) = (stood.get(key).unwrap_or(&nothing), stand.get(key).unwrap_or(&nothing));
        if before != after {
            moved.push(Moved { data_subject: key.clone(), before: before.0, after: after.0 });
        }
    }
    moved
}
