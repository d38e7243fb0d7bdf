//! What the time alone changes: duties and their clocks, approvals of cuts that end, leases that run out. All else was read already.

use strandline_model::containment::CutStep;
use strandline_model::time::Instant;
use strandline_notice::duties::TierCounts;

use super::overview::Overview;
use crate::cutting::{CutView, WaveView};
use crate::duties::{CaseDuties, DutyError, duties_with};
use crate::notice::{DutyView, LawBook, State};
use crate::run::{Response, Settings};

/// The duties of a case.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// All of them, the most urgent first.
    pub duties: CaseDuties,
    /// Events that some duty waits for, or that letters tell, by their id.
    pub events: Vec<String>,
    /// Plans of cuts: their approvals and leases end by themselves.
    pub waves: Vec<WaveView>,
}

/// Whether a cut is effective as far as anybody knows: it stands, its lease has not ended, and the last verification said so.
pub fn is_effective(cut: &CutView) -> bool {
    cut.step == CutStep::Applied && !cut.is_overdue && cut.answer.as_deref() == Some("effective")
}

impl Clocks {
    /// The running or overdue duty whose deadline is next.
    pub fn next(&self) -> Option<&DutyView> {
        let runs = |view: &&DutyView| matches!(view.state, State::Overdue | State::Running | State::PartlyDone);
        let due = |view: &DutyView| view.deadline.as_ref().map(|deadline| deadline.at);
        self.duties.duties.duties.iter().filter(runs).filter(|view| view.deadline.is_some()).min_by_key(|view| due(view))
    }

    /// Cuts that are effective now.
    pub fn effective_cuts(&self) -> u64 {
        self.waves.iter().flat_map(|wave| &wave.actions).filter(|cut| is_effective(cut)).count() as u64
    }

    /// Duties in a state.
    pub fn count(&self, state: State) -> u64 {
        self.duties.duties.duties.iter().filter(|view| view.state == state).count() as u64
    }
}

/// The duties of a case as of now.
///
/// # Errors
/// If there is no case, or it cannot be read.
pub fn clocks(settings: &Settings<'_>, law: &LawBook, now: Instant, overview: &Overview) -> Result<Clocks, DutyError> {
    let tiers = overview.tiers;
    let people = overview.is_exposed.then_some(TierCounts { confirmed: tiers.confirmed, likely: tiers.likely, possible: tiers.possible });
    let (duties, regimes) = duties_with(&settings.case, law, now, Some(people))?;
    let events = law.events_of(&regimes).into_iter().map(str::to_owned).collect();
    let mut quiet = super::Quiet;
    let waves = Response::look(settings, &mut quiet)?.cut_status()?;
    Ok(Clocks { duties, events, waves })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: CutStep, answer: &str, is_overdue: bool, expected: bool) {
        let cut = CutView {
            place: 1,
            id: "a1".to_owned(),
            target: "gate".to_owned(),
            effect: String::new(),
            step,
            since: Instant(0),
            outcome: None,
            said: None,
            answer: Some(answer.to_owned()),
            verified_at: Some(Instant(0)),
            verdict: None,
            is_overdue,
        };
        assert_eq!(is_effective(&cut), expected, "{step:?} {answer} {is_overdue}");
    }

    #[test]
    fn a_cut_that_was_taken_back_or_whose_lease_ended_is_not_effective() {
        check(CutStep::Applied, "effective", false, true);
        check(CutStep::Applied, "not_effective", false, false);
        check(CutStep::Applied, "effective", true, false);
        check(CutStep::Undone, "effective", false, false);
        check(CutStep::Undoing, "effective", false, false);
    }
}
