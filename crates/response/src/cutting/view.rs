//! What a terminal or a console is shown of plans of cuts. Secrets of targets are not in it.

use std::collections::BTreeMap;

use serde::Serialize;
use strandline_case::StoredWave;
use strandline_containment::Since;
use strandline_model::containment::{CutStep, Undo};
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_model::time::Instant;
use strandline_outbound::contain::{Answer, ContainError, Done, Planned, Stands, Verdict};

use super::{CutApproval, CutPlan, Outcome};
use crate::error::ResponseError;
use crate::run::Response;

/// A plan and what it would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanView {
    /// Its number.
    pub plan: u64,
    /// Where approval stands.
    pub approval: CutApproval,
    /// How long the cut is to hold, seconds.
    pub lease_seconds: Option<u64>,
    /// Its actions.
    pub actions: Vec<PlannedView>,
}

/// One action of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedView {
    /// Its place, from 1.
    pub place: u32,
    /// Its id.
    pub id: String,
    /// The target.
    pub target: String,
    /// The effect, as its canonical text.
    pub effect: String,
    /// What would change: name, before, meant. Secrets are not shown.
    pub changes: Vec<(String, String, String)>,
    /// What evidence the cut destroys, or could not be had.
    pub lost: Vec<String>,
    /// What it does not reach.
    pub cannot_reach: Vec<String>,
    /// Why it cannot be taken back exactly.
    pub undo: Option<String>,
    /// How the target stands now, at a rehearsal.
    pub now: Option<String>,
    /// Whether it could be applied now, at a rehearsal.
    pub is_ready: Option<bool>,
    /// What is open now, at a rehearsal.
    pub verdict: Option<Verdict>,
}

/// A plan and where it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaveView {
    /// Its number.
    pub plan: u64,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Instant,
    /// Where approval stands.
    pub approval: CutApproval,
    /// Its actions.
    pub actions: Vec<CutView>,
    /// Ways by which the intruder was served after the last cut, other than what was cut; with the plan of that cut alone.
    pub returns: Vec<ReturnRow>,
}

impl WaveView {
    /// Whether verification said anything of it.
    pub fn is_tested(&self) -> bool {
        self.actions.iter().any(|cut| cut.answer.is_some())
    }

    /// The same, with what a later look says of its actions.
    pub fn looked_at_again(&mut self, again: Self) {
        for (cut, now) in self.actions.iter_mut().zip(again.actions) {
            (cut.answer, cut.verified_at, cut.verdict) = (now.answer, now.verified_at, now.verdict);
        }
    }

    /// Whether nothing of it was done, and it lacks approvals.
    pub fn waits_for_approval(&self) -> bool {
        self.approval.have() < self.approval.needed && self.actions.iter().all(|cut| cut.step == CutStep::Planned)
    }
}

/// One action and where it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CutView {
    /// Its place, from 1.
    pub place: u32,
    /// Its id.
    pub id: String,
    /// The target.
    pub target: String,
    /// The effect, as its canonical text.
    pub effect: String,
    /// Where it is.
    pub step: CutStep,
    /// Since when.
    pub since: Instant,
    /// What this run did: `done`, `already`, or what the target said.
    pub outcome: Option<Outdone>,
    /// What a target said last.
    pub said: Option<String>,
    /// The last answer, while it is applied: `effective`, `not_testable`, `not_effective`.
    pub answer: Option<String>,
    /// When that was.
    pub verified_at: Option<Instant>,
    /// The last verdict.
    pub verdict: Option<Verdict>,
    /// Its lease has ended, and nobody has taken it back.
    pub is_overdue: bool,
    /// What the evidence says since it was applied; nothing where all evidence is older, or none could tell.
    pub after: Option<SinceRow>,
}

impl CutView {
    /// Whether it is effective as far as anybody knows: it stands, its lease has not ended, the last verification said so, and no
    /// record since says that what it cuts got through.
    pub fn is_effective(&self) -> bool {
        self.step == CutStep::Applied && !self.is_overdue && self.answer.as_deref() == Some("effective") && !self.is_passed()
    }

    /// Why nobody knows whether it holds, where that is no matter of what was given: its target did not answer, or it was left half done.
    pub fn is_unwatched(&self) -> Option<String> {
        let blind = || self.verdict.as_ref().filter(|verdict| verdict.is_blind).map(|verdict| verdict.untested.join("; "));
        match self.step {
            CutStep::Applied => blind(),
            CutStep::Applying | CutStep::Failed | CutStep::Undoing => {
                Some(self.said.clone().unwrap_or_else(|| "it was begun, and nobody knows what became of it: the same command goes on".to_owned()))
            }
            _ => None,
        }
    }

    /// Whether what it cuts was served since, by the evidence.
    pub fn is_passed(&self) -> bool {
        self.step == CutStep::Applied && self.after.as_ref().is_some_and(|after| after.served > 0)
    }
}

/// Effective cuts. Of the same effect at the same target the newest word counts; of two at the same moment the worse.
pub(super) fn effective(waves: &[WaveView]) -> Vec<&CutView> {
    let cuts = || waves.iter().flat_map(|wave| &wave.actions).filter(|cut| !matches!(cut.step, CutStep::Planned));
    let mut newest: BTreeMap<(&str, &str), (Instant, bool)> = BTreeMap::new();
    for cut in cuts() {
        let word = (cut.verified_at.filter(|_| cut.step == CutStep::Applied).unwrap_or(cut.since), cut.is_effective());
        let known = newest.entry((&cut.target, &cut.effect)).or_insert(word);
        if word.0 > known.0 || (word.0 == known.0 && !word.1) {
            *known = word;
        }
    }
    cuts().filter(|cut| cut.is_effective() && newest[&(cut.target.as_str(), cut.effect.as_str())].1).collect()
}

/// What a run did about one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outdone {
    /// It was done.
    Done,
    /// It stood there already.
    Already,
    /// It was not done, and why.
    Failed(String),
}

impl WaveView {
    /// Whether every action that is applied is effective, and none failed or is in doubt.
    pub fn worst(&self) -> Option<Answer> {
        let of = |cut: &CutView| match (cut.step, cut.answer.as_deref()) {
            (CutStep::Undone | CutStep::Planned, _) => None,
            (CutStep::Applied, _) if cut.is_passed() => Some(Answer::NotEffective),
            (CutStep::Applied, Some("effective")) => Some(Answer::Effective),
            (CutStep::Applied, Some("not_testable") | None) => Some(Answer::NotTestable),
            _ => Some(Answer::NotEffective),
        };
        self.actions.iter().filter_map(of).max()
    }

    /// Whether the intruder is back, or still in: what was cut was served since, or he came another way.
    pub fn is_back(&self) -> bool {
        !self.returns.is_empty() || self.actions.iter().any(CutView::is_passed)
    }

    /// Whether something that this run was to do was not done.
    pub fn has_failed(&self) -> bool {
        self.actions.iter().any(|cut| matches!(cut.outcome, Some(Outdone::Failed(_))))
    }
}

/// An answer as it is stored.
pub(super) fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Effective => "effective",
        Answer::NotTestable => "not_testable",
        Answer::NotEffective => "not_effective",
    }
}

/// How a target stands, for people.
pub(super) fn stand_in_words(stand: &Result<Stands, ContainError>) -> String {
    match stand {
        Ok(Stands::Before) => "as the plan found it".to_owned(),
        Ok(Stands::AsMeant) => "as it is to be already".to_owned(),
        Ok(Stands::Between) => "half done".to_owned(),
        Ok(Stands::Ended(why)) => why.clone(),
        Ok(Stands::Elsewhere(differences)) => differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => error.to_string(),
    }
}

fn changes(planned: &Planned) -> Vec<(String, String, String)> {
    let names = planned.before.0.keys().chain(planned.meant.0.keys().filter(|name| !planned.before.0.contains_key(*name)));
    names.map(|name| (name.clone(), planned.before.held(name).to_string(), planned.meant.held(name).to_string())).collect()
}

impl Response<'_> {
    pub(super) fn view_plan(&self, number: Option<u64>) -> Result<PlanView, ResponseError> {
        let (stored, plan) = self.stored_plan(number)?;
        let view = |(place, planned): (u32, &Planned)| PlannedView {
            place,
            id: planned.action.id.clone(),
            target: planned.target.clone(),
            effect: strandline_model::containment::canonical(&planned.action.effect),
            changes: changes(planned),
            lost: planned.lost.clone(),
            cannot_reach: planned.action.cannot_reach.clone(),
            undo: match &planned.action.undo {
                Undo::Exact => None,
                Undo::Not(reason) => Some(reason.clone()),
            },
            now: None,
            is_ready: None,
            verdict: None,
        };
        Ok(PlanView {
            plan: stored.number,
            approval: self.cut_approval(&stored, &plan)?,
            lease_seconds: plan.lease_seconds,
            actions: (1..).zip(&plan.actions).map(view).collect(),
        })
    }

    pub(super) fn view_wave(&self, stored: &StoredWave, plan: &CutPlan, (outcome, since): (&Outcome, &Since)) -> Result<WaveView, ResponseError> {
        let now = (self.settings.now)();
        let lease_micros = plan.lease_seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(|seconds| seconds.saturating_mul(1_000_000));
        let mut actions = Vec::new();
        for cut in self.cuts_of(stored.number)? {
            let Some(planned) = plan.actions.get(cut.place as usize) else { continue };
            let outdone = outcome.done.get(&(cut.place as usize)).map(|done| match done {
                Done::Now => Outdone::Done,
                Done::Already => Outdone::Already,
                Done::Failed(error) => Outdone::Failed(told(error)),
            });
            // Of what does not stand any more, the last verification says nothing.
            let stands = cut.step == CutStep::Applied;
            actions.push(CutView {
                place: cut.place + 1,
                id: planned.action.id.clone(),
                target: planned.target.clone(),
                effect: strandline_model::containment::canonical(&planned.action.effect),
                step: cut.step,
                since: cut.changed_at,
                outcome: outdone,
                said: cut.said,
                answer: cut.answer.filter(|_| stands),
                verified_at: cut.verified_at.filter(|_| stands),
                verdict: cut.verdict.filter(|_| stands).and_then(|text| serde_json::from_str(&text).ok()),
                after: since.rows.iter().find(|row| row.plan.unsigned_abs() == stored.number && row.place == i64::from(cut.place) + 1).cloned(),
                is_overdue: cut.step == CutStep::Applied && lease_micros.is_some_and(|lease| now > cut.changed_at.plus_micros(lease)),
            });
        }
        let last = self.case.stored_cuts()?.into_iter().filter(|cut| cut.step == CutStep::Applied).max_by_key(|cut| (cut.changed_at, cut.wave));
        let has_last = last.is_some_and(|last| last.wave == stored.number);
        let returns = if has_last { since.returns.clone() } else { Vec::new() };
        Ok(WaveView {
            plan: stored.number,
            made_by: stored.made_by.clone(),
            made_at: stored.made_at,
            approval: self.cut_approval(stored, plan)?,
            actions,
            returns,
        })
    }
}

/// An error with what the system said.
fn told(error: &ContainError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(id: &str, step: CutStep, answer: &str, verified_at: i64) -> CutView {
        CutView {
            place: 1,
            id: id.to_owned(),
            target: "gate".to_owned(),
            effect: "e".to_owned(),
            step,
            since: Instant(verified_at),
            outcome: None,
            said: None,
            answer: Some(answer.to_owned()),
            verified_at: Some(Instant(verified_at)),
            verdict: None,
            is_overdue: false,
            after: None,
        }
    }

    fn after(served: i64) -> Option<SinceRow> {
        Some(SinceRow {
            plan: 1,
            place: 1,
            action: "a1".to_owned(),
            target: "gate".to_owned(),
            foothold: "f".to_owned(),
            since: Instant(0),
            until: None,
            refused: 3,
            served,
            unclear: 0,
            running: 0,
            last_refused: None,
            first_served: None,
            last_served: None,
            proof: Vec::new(),
        })
    }

    #[test]
    fn a_cut_that_was_taken_back_or_whose_lease_ended_or_that_let_him_through_is_not_effective() {
        let check = |cut: CutView, expected: bool| assert_eq!(cut.is_effective(), expected, "{cut:?}");
        check(cut("a1", CutStep::Applied, "effective", 0), true);
        check(cut("a1", CutStep::Applied, "not_effective", 0), false);
        check(CutView { is_overdue: true, ..cut("a1", CutStep::Applied, "effective", 0) }, false);
        check(cut("a1", CutStep::Undone, "effective", 0), false);
        check(cut("a1", CutStep::Undoing, "effective", 0), false);
        check(CutView { after: after(0), ..cut("a1", CutStep::Applied, "effective", 0) }, true);
        check(CutView { after: after(1), ..cut("a1", CutStep::Applied, "effective", 0) }, false);
    }

    fn wave(plan: u64, actions: Vec<CutView>) -> WaveView {
        let approval = CutApproval {
            plan_sha256: String::new(),
            approved_by: Vec::new(),
            needed: 1,
            because: Vec::new(),
            expired: 0,
            beforehand: Vec::new(),
            ends: Vec::new(),
        };
        WaveView { plan, made_by: String::new(), made_at: Instant(0), approval, actions, returns: Vec::new() }
    }

    #[test]
    fn a_plan_waits_for_approval_until_it_has_it_or_something_of_it_was_done() {
        let planned = || wave(1, vec![cut("a1", CutStep::Planned, "", 0)]);
        assert!(planned().waits_for_approval());
        let approved = CutApproval { approved_by: vec!["A. Chan".to_owned()], ..planned().approval };
        assert!(!WaveView { approval: approved, ..planned() }.waits_for_approval());
        assert!(!wave(1, vec![cut("a1", CutStep::Undone, "effective", 0)]).waits_for_approval());
    }

    #[test]
    fn the_newest_word_of_an_effect_counts_whichever_plan_it_was_said_of() {
        let check = |first: CutView, second: CutView, expected: &[&str]| {
            let waves = [wave(1, vec![first]), wave(2, vec![second])];
            assert_eq!(effective(&waves).iter().map(|cut| cut.id.as_str()).collect::<Vec<_>>(), expected);
        };
        let stands = |at: i64| cut("a2", CutStep::Applied, "effective", at);
        check(cut("a1", CutStep::Undone, "effective", 1), stands(2), &["a2"]);
        // The first plan was taken back after the second was verified: nothing of it stands.
        check(cut("a1", CutStep::Undone, "effective", 3), stands(2), &[]);
        check(cut("a1", CutStep::Applied, "not_effective", 3), stands(2), &[]);
        check(cut("a1", CutStep::Planned, "effective", 3), stands(2), &["a2"]);
        check(CutView { target: "other".to_owned(), ..cut("a1", CutStep::Undone, "effective", 3) }, stands(2), &["a2"]);
    }
}
