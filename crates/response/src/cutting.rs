//! Cutting an intruder off: a plan over what targets hold, its approval, its one wave, what verification says of it, and the way back.
//!
//! Nothing is done without the approvals that the plan needs; each step is in the case before it happens; and no answer but
//! those of verification is given. `docs/containment.md` tells it.

mod approval;
mod capture;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strandline_case::{Cutting, NewWave, StoredCut, StoredWave};
use strandline_containment::{NoWord, Since};
use strandline_model::containment::{Action, ActionRow, CutStep, canonical};
use strandline_model::estate::Target;
use strandline_model::table::Row;
use strandline_model::time::Instant;
use strandline_outbound::Secret;
use strandline_outbound::contain::{
    ContainError, Done, Force, Journal, Manner, Ours, Planned, Reach, STOOD_THERE, Stands, Verdict, Wave, WaveError, plan, strays,
};

pub use approval::CutApproval;
pub(crate) use capture::is_of_a_cut;
pub use view::{CutView, Outdone, PlanView, WaveView};

use crate::error::ResponseError;
use crate::run::Response;

/// What is given for targets at the moment of acting. None of it is ever kept.
#[derive(Clone, Debug, Default)]
pub struct TargetSecrets {
    /// Passwords, or keys that sign, by target.
    pub secrets: BTreeMap<String, Secret>,
    /// Certificate authorities by target, PEM.
    pub authorities: BTreeMap<String, String>,
    /// Why what a target needs could not be had: its actions fail, and no others.
    pub missing: BTreeMap<String, String>,
    /// Secrets of accounts that may be used to try a door, by target and account.
    pub keys: BTreeMap<(String, String), Secret>,
    /// How long one answer may take; none: 10 seconds.
    pub patience: Option<Duration>,
    /// How long evidence may take before a cut; none: 120 seconds.
    pub evidence: Option<Duration>,
}

/// A plan as it is stored and approved: the canonical text of this is what the hash is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutPlan {
    /// The actions, with what was there and what is to stand there.
    pub actions: Vec<Planned>,
    /// How long the cut is to hold, seconds; none: until it is taken back.
    pub lease_seconds: Option<u64>,
    /// The targets as the estate described them: undo needs nothing else.
    pub targets: Vec<Target>,
}

/// Why a cut did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// No such plan.
    #[error("there is no plan {0}: `strandline contain CASE status` lists them")]
    NoPlan(u64),
    /// No plan at all.
    #[error("this case has no plan of cuts yet: `strandline contain CASE plan ACTION…` makes one")]
    NoPlans,
    /// Nothing to plan.
    #[error("name at least one action: `strandline contain CASE` lists them")]
    NoActions,
    /// An action without a target.
    #[error("action {0} has no target: the estate describes none that could do it ([[target]])")]
    NoTarget(String),
    /// An action cannot be had.
    #[error("action {action} cannot be planned")]
    Unplannable {
        /// The action.
        action: String,
        /// Why.
        #[source]
        source: ContainError,
    },
    /// The same thing twice.
    #[error("the plan names the same effect at {target} twice")]
    Twice {
        /// The target.
        target: String,
    },
    /// The stored plan is not the one that was recorded.
    #[error("plan {0} is not the one that this case recorded: it was changed, or is of another case")]
    Foreign(u64),
    /// Approvals are missing.
    #[error("plan {number} has {have} of {needed} approvals{}: nothing was done. Look with `strandline contain CASE rehearse`, then `strandline contain CASE approve --responder NAME`", if *expired > 0 { "; an approval counts for 24 hours, and some are older" } else { "" })]
    NotApproved {
        /// The plan.
        number: u64,
        /// Approvals that count.
        have: usize,
        /// How many must.
        needed: usize,
        /// Approvals that are too old.
        expired: usize,
    },
    /// The same person again.
    #[error("{0} has approved exactly this plan already: a second approval is another person's")]
    ApprovedAlready(String),
    /// It was taken back, or a part of it.
    #[error(
        "plan {0} was taken back, or is being: nothing was done, and what was taken back is not applied again. Make another with `strandline contain CASE plan ACTION…`, and have it approved"
    )]
    TakenBack(u64),
    /// The wave.
    #[error(transparent)]
    Wave(#[from] WaveError),
    /// Nothing that could be taken back.
    #[error("nothing of this is applied: there is nothing to take back")]
    NothingApplied,
}

/// What of ours stands in a target and is not this case's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StrayView {
    /// The target.
    pub target: String,
    /// What stands there.
    pub found: Vec<Ours>,
    /// Why it could not be told.
    pub untold: Option<String>,
}

/// What a wave or an undo did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) done: BTreeMap<usize, Done>,
}

/// Which actions are taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// Those of the newest plan of which anything is applied.
    Newest,
    /// Those of one plan.
    Plan(u64),
    /// Those of one plan at these places, from 1.
    Action(u64, u32),
    /// All of the case.
    All,
}

/// The case as the journal of a wave.
struct CaseJournal<'c, 'n> {
    cutting: Cutting<'c>,
    wave: u64,
    now: &'n dyn Fn() -> Instant,
}

impl Journal for CaseJournal<'_, '_> {
    fn note(&mut self, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let steps: Vec<(u32, CutStep, Option<String>)> = steps.iter().map(|(at, step, said)| (place_of(*at), *step, said.clone())).collect();
        Ok(self.cutting.take(self.wave, &steps, (self.now)())?)
    }
}

fn place_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Response<'_> {
    /// Candidates that the case proposes; none before it has proposed.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn candidates(&self) -> Result<Vec<ActionRow>, ResponseError> {
        let is_there = self.case.manifest().stages.values().any(|stage| stage.parts.iter().any(|part| part.table == ActionRow::TABLE));
        if is_there { Ok(self.case.read_rows(ActionRow::TABLE)?) } else { Ok(Vec::new()) }
    }

    /// The targets of the estate.
    pub fn targets(&self) -> &[Target] {
        &self.estate.targets
    }

    /// Targets of a stored plan, and the poolers that stand before them; of the newest where none is named.
    ///
    /// # Errors
    /// If there is no such plan.
    pub fn targets_of_plan(&self, number: Option<u64>) -> Result<Vec<Target>, ResponseError> {
        Ok(self.stored_plan(number)?.1.targets)
    }

    /// Targets of what is to be taken back, or verified: of those plans of which anything is applied.
    ///
    /// # Errors
    /// If there is no such plan.
    pub fn targets_of_applied(&self, back: Back) -> Result<Vec<Target>, ResponseError> {
        let mut targets: Vec<Target> = Vec::new();
        for number in self.plans_of(back)? {
            for target in self.stored_plan(Some(number))?.1.targets {
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
        }
        Ok(targets)
    }

    /// The plans that are meant, in the order in which they are taken back.
    fn plans_of(&self, back: Back) -> Result<Vec<u64>, ResponseError> {
        Ok(match back {
            Back::Plan(number) | Back::Action(number, _) => vec![number],
            // The newest first: what a later plan found was made by an earlier one.
            Back::All => self.applied_waves()?.into_iter().rev().collect(),
            Back::Newest => self.applied_waves()?.into_iter().next_back().into_iter().collect(),
        })
    }

    /// Makes and stores a plan. Targets are read, and nothing is changed.
    ///
    /// # Errors
    /// If an action cannot be had, or a target does not answer.
    pub fn plan_cut(&mut self, actions: &[Action], lease: Option<Duration>, given: &TargetSecrets) -> Result<PlanView, ResponseError> {
        if actions.is_empty() {
            return Err(CutError::NoActions.into());
        }
        let mut seen = BTreeSet::new();
        for action in actions {
            let target = action.target.clone().ok_or_else(|| CutError::NoTarget(action.id.clone()))?;
            if !seen.insert((target.clone(), &action.effect)) {
                return Err(CutError::Twice { target }.into());
            }
        }
        let targets = self.targets_for(actions.iter().filter_map(|action| action.target.as_deref()));
        let reaches = reaches(&targets, given);
        let manner = self.manner(given, lease);
        let random = self.settings.random;
        let mut planned =
            plan(actions, &reaches, &manner, &mut || random()).map_err(|(at, source)| CutError::Unplannable { action: actions[at].id.clone(), source })?;
        capture::name_what_is_lost(&mut planned, &reaches, &manner);
        let plan = CutPlan { actions: planned, lease_seconds: lease.map(|lease| lease.as_secs()), targets };
        let body = canonical(&plan);
        let wave = NewWave { plan_sha256: self.case.salted_digest(body.as_bytes())?, body, actions: place_of(plan.actions.len()) };
        let number = self.case.record_wave(&wave, &self.author(), env!("CARGO_PKG_VERSION"))?;
        self.view_plan(Some(number))
    }

    /// The commands of OpenC2 for a plan, in its order, and why some actions have none. Nothing is sent.
    ///
    /// # Errors
    /// If there is no such plan.
    pub fn openc2(&self, number: Option<u64>) -> Result<(Vec<serde_json::Value>, Vec<NoWord>), ResponseError> {
        let (stored, plan) = self.stored_plan(number)?;
        let (mut commands, mut without) = (Vec::new(), Vec::new());
        for (place, planned) in (1..).zip(&plan.actions) {
            match strandline_containment::openc2(&planned.action, &planned.target, (stored.number, place), plan.lease_seconds.map(Duration::from_secs)) {
                Ok(command) => commands.push(command),
                Err(no_word) => without.push(no_word),
            }
        }
        Ok((commands, without))
    }

    /// Reads every target of a plan, and changes nothing: how each stands, what is open now.
    ///
    /// # Errors
    /// If there is no such plan.
    pub fn rehearse_cut(&self, number: Option<u64>, given: &TargetSecrets) -> Result<PlanView, ResponseError> {
        let (stored, plan) = self.stored_plan(number)?;
        let manner = self.manner(given, plan.lease_seconds.map(Duration::from_secs));
        let wave = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
        let all: Vec<usize> = (0..plan.actions.len()).collect();
        let (stands, protected, steps) = (wave.read(&all), wave.protected(&all), self.steps_of(stored.number)?);
        let mut view = self.view_plan(Some(stored.number))?;
        for (at, stand) in stands {
            let refused = protected.get(&at).filter(|_| stand.is_ok());
            view.actions[at].now = Some(refused.map_or_else(|| view::stand_in_words(&stand), ToString::to_string));
            view.actions[at].is_ready = Some(refused.is_none() && stand.is_ok_and(|stand| !matches!(stand, Stands::Elsewhere(_))));
        }
        let (applied, others): (Vec<usize>, Vec<usize>) = all.iter().partition(|at| steps.get(at) == Some(&CutStep::Applied));
        for (at, verdict) in wave.verify(&applied).into_iter().chain(wave.try_doors(&others)) {
            view.actions[at].verdict = verdict.ok();
        }
        Ok(view)
    }

    /// Applies a plan that is approved: evidence first, then the wave, then verification. Run again, it goes on where it stopped.
    ///
    /// # Errors
    /// If approvals are missing, a target has another state, or a step cannot be noted.
    pub fn apply_cut(&mut self, number: Option<u64>, given: &TargetSecrets) -> Result<WaveView, ResponseError> {
        let (stored, plan) = self.stored_plan(number)?;
        let approval = self.cut_approval(&stored, &plan)?;
        if approval.have() < approval.needed {
            return Err(CutError::NotApproved { number: stored.number, have: approval.have(), needed: approval.needed, expired: approval.expired }.into());
        }
        let manner = self.manner(given, plan.lease_seconds.map(Duration::from_secs));
        let steps = self.steps_of(stored.number)?;
        let is_over = |step: &CutStep| matches!(step, CutStep::Undoing | CutStep::Undone);
        if steps.values().any(is_over) && steps.values().all(|step| is_over(step) || *step == CutStep::Applied) {
            return Err(CutError::TakenBack(stored.number).into());
        }
        // Of what was cut already, a target that was away or a killed run, the evidence is had or gone.
        let open: Vec<usize> =
            (0..plan.actions.len()).filter(|at| matches!(steps.get(at), Some(CutStep::Planned | CutStep::Applying | CutStep::Failed))).collect();
        if !open.is_empty() {
            self.watcher.stage("capture");
            // A wave of its own: evidence that is late does not keep the doors waiting.
            let evidence = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
            capture::keep(self, &stored, &plan, (&evidence, &open))?;
        }
        let wave = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
        if !approval.beforehand.is_empty() {
            self.watcher.note(&format!("nobody approved it now; it was approved beforehand ([[precut]]): {}", approval.beforehand.join("; ")));
            self.enter_cut("contain precut", &stored)?;
        }
        let author = self.author();
        self.case.enter_apply(&stored.wave.plan_sha256, place_of(approval.needed), &author, env!("CARGO_PKG_VERSION"))?;
        self.watcher.stage("cut");
        let done = {
            let mut journal = CaseJournal { cutting: self.case.cutting()?, wave: stored.number, now: self.settings.now };
            wave.apply(&steps, &mut journal)
        };
        // What happened is entered whether the wave came to its end or not.
        self.enter_cut("contain applied", &stored)?;
        let outcome = Outcome { done: done.map_err(CutError::Wave)? };
        self.keep_verdicts(&stored, &wave)?;
        let since = self.since_or_note();
        self.view_wave(&stored, &plan, (&outcome, &since))
    }

    /// Ends again what came back since a plan was applied, and verifies: what a running request had in hand when its session was
    /// taken, it saves at its end.
    ///
    /// # Errors
    /// If there is no such plan, or what was found cannot be kept.
    pub fn end_again(&mut self, number: u64, given: &TargetSecrets) -> Result<WaveView, ResponseError> {
        let (stored, plan) = self.stored_plan(Some(number))?;
        let manner = self.manner(given, plan.lease_seconds.map(Duration::from_secs));
        let wave = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
        let applied: Vec<usize> = self.steps_of(number)?.into_iter().filter(|(_, step)| *step == CutStep::Applied).map(|(at, _)| at).collect();
        for (at, ended) in wave.end_again(&applied) {
            if let Err(error) = ended {
                self.watcher.note(&format!("{}: {error}", plan.actions[at].target));
            }
        }
        self.keep_verdicts(&stored, &wave)?;
        let since = self.since_or_note();
        self.view_wave(&stored, &plan, (&Outcome::default(), &since))
    }

    /// Tries the doors of everything that is applied, of one plan or of all.
    ///
    /// # Errors
    /// If there is no such plan, or what was found cannot be kept.
    pub fn verify_cut(&mut self, number: Option<u64>, given: &TargetSecrets) -> Result<Vec<WaveView>, ResponseError> {
        let numbers = match number {
            Some(number) => vec![self.stored_plan(Some(number))?.0.number],
            None => self.applied_waves()?,
        };
        let applied = self.applied_waves()?;
        if !numbers.iter().any(|number| applied.contains(number)) {
            return Err(CutError::NothingApplied.into());
        }
        for &number in &numbers {
            let (stored, plan) = self.stored_plan(Some(number))?;
            let manner = self.manner(given, plan.lease_seconds.map(Duration::from_secs));
            let wave = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
            self.settle_ended_leases(&stored, &plan, &wave)?;
            self.keep_verdicts(&stored, &wave)?;
        }
        self.compare_with_cuts()?;
        Ok(self.cut_status()?.into_iter().filter(|view| numbers.contains(&view.plan)).collect())
    }

    /// Takes back what is applied, from the case alone. What somebody else changed since is left alone unless it is forced.
    ///
    /// # Errors
    /// If nothing is applied, or a step cannot be noted.
    pub fn undo_cut(&mut self, back: Back, force: Force, given: &TargetSecrets) -> Result<Vec<WaveView>, ResponseError> {
        let numbers = self.plans_of(back)?;
        let mut views = Vec::new();
        for number in numbers {
            let (stored, plan) = self.stored_plan(Some(number))?;
            let begun: Vec<usize> = self
                .steps_of(number)?
                .into_iter()
                .filter(|(at, step)| is_undoable(*step) && !matches!(back, Back::Action(_, place) if place_of(*at) + 1 != place))
                .map(|(at, _)| at)
                .collect();
            if begun.is_empty() {
                continue;
            }
            let theirs = self.cuts_of(number)?.into_iter().filter(|cut| cut.step == CutStep::Applied && cut.said.as_deref() == Some(STOOD_THERE));
            let theirs: BTreeSet<usize> = theirs.map(|cut| cut.place as usize).collect();
            let manner = self.manner(given, None);
            let wave = Wave::new(&plan.actions, &reaches(&plan.targets, given), &manner);
            self.enter_cut("contain undo", &stored)?;
            let done = {
                let mut journal = CaseJournal { cutting: self.case.cutting()?, wave: number, now: self.settings.now };
                wave.undo((&begun, &theirs), force, &mut journal)
            };
            self.enter_cut("contain undone", &stored)?;
            let outcome = Outcome { done: done.map_err(CutError::Wave)? };
            views.push(self.view_wave(&stored, &plan, (&outcome, &Since::default()))?);
        }
        self.since_or_note();
        if views.is_empty() { Err(CutError::NothingApplied.into()) } else { Ok(views) }
    }

    /// All plans and where their actions are, without asking any target.
    ///
    /// # Errors
    /// If the state of the case cannot be read.
    pub fn cut_status(&self) -> Result<Vec<WaveView>, ResponseError> {
        let (waves, since) = (self.case.stored_waves()?, self.since()?);
        waves.iter().map(|stored| self.view_wave(stored, &read_plan(self, stored)?, (&Outcome::default(), &since))).collect()
    }

    /// What of ours stands in the targets of the estate that this case does not own: of another case, or of one that is lost. Changes
    /// nothing. A target that does not answer is told.
    ///
    /// # Errors
    /// If the state of the case cannot be read.
    pub fn strays(&self, given: &TargetSecrets) -> Result<Vec<StrayView>, ResponseError> {
        let mut applied = Vec::new();
        for number in self.applied_waves()? {
            let plan = self.stored_plan(Some(number))?.1;
            let begun = self.steps_of(number)?;
            let of_it = plan.actions.into_iter().enumerate().filter(|(at, _)| begun.get(at).is_some_and(|step| is_undoable(*step)));
            applied.extend(of_it.map(|(_, planned)| (planned.target, planned.action.effect)));
        }
        let found = strays(&reaches(&self.estate.targets, given), &self.manner(given, None), &applied);
        let view = |(target, found): (String, Result<Vec<Ours>, ContainError>)| match found {
            Ok(found) => StrayView { target, found, untold: None },
            Err(error) => StrayView { target, found: Vec::new(), untold: Some(error.to_string()) },
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Compares the events of the case with the cuts that are applied, unless it is done: who was refused since, and who is back.
    ///
    /// # Errors
    /// If a table cannot be read or written.
    pub fn compare_with_cuts(&mut self) -> Result<(), ResponseError> {
        crate::stage::since::run(self)
    }

    /// The same after something was done at targets: what was done is told, whatever becomes of this.
    fn since_or_note(&mut self) -> Since {
        self.compare_with_cuts().and_then(|()| self.since()).unwrap_or_else(|error| {
            self.watcher.note(&format!("what newer evidence says of the cut cannot be told: {error}"));
            Since::default()
        })
    }

    /// What the evidence says of the cuts that are applied: nothing where it is all older.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn since(&self) -> Result<Since, ResponseError> {
        crate::stage::since::look(self)
    }

    /// Ids of actions that are effective as far as anybody knows ([`CutView::is_effective`]), and of what was proposed with the same
    /// effect at the same target: a cut by hand closes what it closes. Of the same effect at the same target the newest word counts,
    /// whichever plan it was said of: what one plan took back no other one holds.
    ///
    /// # Errors
    /// If the state of the case cannot be read.
    pub fn effective_actions(&self) -> Result<BTreeSet<String>, ResponseError> {
        let waves = self.cut_status()?;
        let cuts = view::effective(&waves);
        let done: BTreeSet<(&str, &str)> = cuts.iter().map(|cut| (cut.target.as_str(), cut.effect.as_str())).collect();
        let is_done = |row: &ActionRow| {
            let effect = row.read_action().map(|action| canonical(&action.effect));
            row.target.as_deref().zip(effect.as_deref()).is_some_and(|of| done.contains(&of))
        };
        let proposed = self.candidates()?.into_iter().filter(is_done).map(|row| row.id);
        Ok(cuts.iter().map(|cut| cut.id.clone()).chain(proposed).collect())
    }

    /// What its own lease has ended at the target is taken back already: nothing there is ours any more.
    fn settle_ended_leases(&mut self, stored: &StoredWave, plan: &CutPlan, wave: &Wave<'_>) -> Result<(), ResponseError> {
        let Some(lease) = plan.lease_seconds.and_then(|seconds| i64::try_from(seconds).ok()) else { return Ok(()) };
        let now = (self.settings.now)();
        let is_over = |cut: &StoredCut| cut.step == CutStep::Applied && now >= cut.changed_at.plus_micros(lease.saturating_mul(1_000_000));
        let over: Vec<usize> = self.cuts_of(stored.number)?.iter().filter(|cut| is_over(cut)).map(|cut| cut.place as usize).collect();
        let ended =
            wave.read(&over).into_iter().filter(|(at, stand)| matches!(stand, Ok(Stands::Before)) && plan.actions[*at].before != plan.actions[*at].meant);
        let steps: Vec<_> = ended.map(|(at, _)| (place_of(at), CutStep::Undone, Some("its lease ended at the target".to_owned()))).collect();
        if !steps.is_empty() {
            self.case.cutting()?.take(stored.number, &steps, now)?;
        }
        Ok(())
    }

    fn keep_verdicts(&mut self, stored: &StoredWave, wave: &Wave<'_>) -> Result<(), ResponseError> {
        let applied: Vec<usize> = self.steps_of(stored.number)?.into_iter().filter(|(_, step)| *step == CutStep::Applied).map(|(at, _)| at).collect();
        self.watcher.stage("verify");
        let found: Vec<(u32, String, String)> = wave
            .verify(&applied)
            .into_iter()
            .map(|(at, verdict)| {
                let verdict = verdict.unwrap_or_else(|error| Verdict { untested: vec![error.to_string()], is_blind: true, ..Verdict::default() });
                (place_of(at), view::word(verdict.answer()).to_owned(), canonical(&verdict))
            })
            .collect();
        self.case.cutting()?.verified(stored.number, &found, (self.settings.now)())?;
        Ok(())
    }

    fn enter_cut(&mut self, what: &str, stored: &StoredWave) -> Result<(), ResponseError> {
        let author = self.author();
        let inputs = BTreeMap::from([("cuts".to_owned(), stored.wave.plan_sha256.clone())]);
        self.case.enter_cutting(what, &author, env!("CARGO_PKG_VERSION"), inputs)?;
        Ok(())
    }

    fn cuts_of(&self, wave: u64) -> Result<Vec<StoredCut>, ResponseError> {
        Ok(self.case.stored_cuts()?.into_iter().filter(|cut| cut.wave == wave).collect())
    }

    fn steps_of(&self, wave: u64) -> Result<BTreeMap<usize, CutStep>, ResponseError> {
        Ok(self.cuts_of(wave)?.into_iter().map(|cut| (cut.place as usize, cut.step)).collect())
    }

    /// Plans of which something was begun and not taken back, oldest first.
    fn applied_waves(&self) -> Result<Vec<u64>, ResponseError> {
        let numbers: BTreeSet<u64> = self.case.stored_cuts()?.into_iter().filter(|cut| is_undoable(cut.step)).map(|cut| cut.wave).collect();
        Ok(numbers.into_iter().collect())
    }

    pub(crate) fn stored_plan(&self, number: Option<u64>) -> Result<(StoredWave, CutPlan), ResponseError> {
        let waves = self.case.stored_waves()?;
        let stored = match number {
            Some(number) => waves.into_iter().find(|wave| wave.number == number).ok_or(CutError::NoPlan(number))?,
            None => waves.into_iter().next_back().ok_or(CutError::NoPlans)?,
        };
        let plan = read_plan(self, &stored)?;
        Ok((stored, plan))
    }

    fn manner(&self, given: &TargetSecrets, lease: Option<Duration>) -> Manner {
        let mark = self.case.manifest().origin.clone();
        let mut manner = Manner::new(mark, self.estate.breakglass.clone());
        manner.patience = given.patience.unwrap_or(manner.patience);
        manner.evidence = given.evidence.unwrap_or(manner.evidence);
        manner.keys.clone_from(&given.keys);
        manner.lease = lease;
        manner
    }

    /// Targets by name, with the poolers before them.
    fn targets_for<'t>(&self, names: impl Iterator<Item = &'t str>) -> Vec<Target> {
        let mut wanted: BTreeSet<&str> = names.collect();
        let poolers: Vec<&str> = self
            .estate
            .targets
            .iter()
            .filter(|target| wanted.contains(target.name.as_str()))
            .flat_map(|target| target.poolers.iter().map(String::as_str))
            .collect();
        wanted.extend(poolers);
        self.estate.targets.iter().filter(|target| wanted.contains(target.name.as_str())).cloned().collect()
    }
}

/// What could have changed its target.
fn is_undoable(step: CutStep) -> bool {
    matches!(step, CutStep::Applying | CutStep::Applied | CutStep::Failed | CutStep::Undoing)
}

pub(crate) fn read_plan(response: &Response<'_>, stored: &StoredWave) -> Result<CutPlan, ResponseError> {
    if response.case.salted_digest(stored.wave.body.as_bytes())? != stored.wave.plan_sha256 {
        return Err(CutError::Foreign(stored.number).into());
    }
    serde_json::from_str(&stored.wave.body).map_err(|_| CutError::Foreign(stored.number).into())
}

fn reaches(targets: &[Target], given: &TargetSecrets) -> BTreeMap<String, Reach> {
    let one = |target: &Target, poolers: Vec<Reach>| Reach {
        target: target.clone(),
        secret: given.secrets.get(&target.name).cloned(),
        authorities: given.authorities.get(&target.name).cloned(),
        missing: given.missing.get(&target.name).cloned(),
        poolers,
    };
    targets
        .iter()
        .map(|target| {
            let poolers = targets.iter().filter(|other| target.poolers.contains(&other.name)).map(|pooler| one(pooler, Vec::new())).collect();
            (target.name.clone(), one(target, poolers))
        })
        .collect()
}
