//! What would cut the intruder off: for each foothold of the trail the candidate actions, narrowest first, each replayed over
//! the recorded events. It touches nothing and decides nothing.
//!
//! One pass over the events serves all candidates. What is held grows with the keys that are compared (addresses, accounts,
//! hours, sources), never with the events.

use strandline_model::containment::{ActionRow, Cover, FootholdRow, Refusal};
use strandline_model::estate::Estate;
use strandline_model::table::{Scan, ScanError};
use strandline_model::trail::{Link, Split, Step};

mod candidate;
mod card;
mod foothold;
mod key;
mod openc2;
mod replay;
mod rows;
mod since;
mod views;
mod whose;

#[cfg(test)]
mod tests;

pub use candidate::by_hand;
pub use openc2::{NoWord, openc2};
pub use since::{Contained, Since, since};

/// What a proposal is made from.
pub struct Inputs<'a> {
    /// The table of events.
    pub events: &'a dyn Scan,
    /// The table of accesses: which statements are the intruder's.
    pub accesses: &'a dyn Scan,
    /// The links of the trail, struck ones among them.
    pub links: &'a [Link],
    /// Its steps.
    pub steps: &'a [Step],
    /// How statements divide that ran beside his requests.
    pub splits: &'a [Split],
    /// The organisation.
    pub estate: &'a Estate,
}

/// Candidates, and what each would have refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// What the intruder holds.
    pub footholds: Vec<FootholdRow>,
    /// The candidates, by foothold, narrowest first.
    pub actions: Vec<ActionRow>,
    /// Which records of a foothold which actions close.
    pub covers: Vec<Cover>,
    /// What each candidate would have refused, by system, account, batch job and hour.
    pub refusals: Vec<Refusal>,
    /// What a responder must know.
    pub notes: Vec<String>,
}

/// What stops a proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The table of events cannot be read.
    #[error("the events of the case cannot be read; run detect again, which rebuilds them from the sealed evidence")]
    Events(#[source] ScanError),
    /// The table of accesses cannot be read.
    #[error("the accesses of the case cannot be read; run trace again")]
    Accesses(#[source] ScanError),
}

/// Proposes, for each foothold of the trail, what would cut it.
///
/// # Errors
/// If a table cannot be scanned.
pub fn propose(inputs: &Inputs<'_>) -> Result<Proposal, ProposalError> {
    let actor = whose::Actor::of(inputs).map_err(ProposalError::Accesses)?;
    let (footholds, mut notes) = foothold::of(inputs, &actor).map_err(ProposalError::Events)?;
    let (candidates, more) = candidate::of(&footholds, inputs.estate);
    notes.extend(more);
    let replayed = replay::replay(inputs, &actor, &footholds, &candidates).map_err(ProposalError::Events)?;
    notes.extend(replayed.notes.iter().cloned());
    Ok(rows::rows(&footholds, candidates, replayed, notes))
}
