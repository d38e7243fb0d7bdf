//! What the time alone changes: duties and their clocks, approvals of cuts that end, leases that run out. All else was read already.

use strandline_model::time::Instant;
use strandline_notice::duties::TierCounts;

use super::overview::Overview;
use crate::cutting::WaveView;
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

impl Clocks {
    /// The running or overdue duty whose deadline is next.
    pub fn next(&self) -> Option<&DutyView> {
        let runs = |view: &&DutyView| matches!(view.state, State::Overdue | State::Running | State::PartlyDone);
        let due = |view: &DutyView| view.deadline.as_ref().map(|deadline| deadline.at);
        self.duties.duties.duties.iter().filter(runs).filter(|view| view.deadline.is_some()).min_by_key(|view| due(view))
    }

    /// Cuts that are effective now.
    pub fn effective_cuts(&self) -> u64 {
        self.waves.iter().flat_map(|wave| &wave.actions).filter(|cut| cut.is_effective()).count() as u64
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
