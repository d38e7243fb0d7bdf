//! Duties and their clocks, from counts that were read already: the time moves them, and nothing else is read again for it.

use strandline_model::time::Instant;
use strandline_notice::duties::TierCounts;

use super::overview::Overview;
use crate::duties::{CaseDuties, DutyError, duties_with};
use crate::notice::{DutyView, LawBook, State};
use crate::run::Settings;

/// The duties of a case.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// All of them, the most urgent first.
    pub duties: CaseDuties,
    /// Events that some duty waits for, or that letters tell, by their id.
    pub events: Vec<String>,
}

impl Clocks {
    /// The running or overdue duty whose deadline is next.
    pub fn next(&self) -> Option<&DutyView> {
        self.duties.duties.duties.iter().find(|view| matches!(view.state, State::Overdue | State::Running | State::PartlyDone) && view.deadline.is_some())
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
    Ok(Clocks { duties, events })
}
