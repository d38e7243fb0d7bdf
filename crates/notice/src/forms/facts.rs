//! What forms are filled from: counts, times, places of evidence and people's recorded words. The conductor fills it; nothing in
//! it is a value about an affected person.

use serde::Serialize;
use strandline_model::duty::RecordedDecision;
use strandline_model::estate::Organisation;
use strandline_model::evidence::Coverage;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Step;

use crate::duties::TierCounts;

/// The answer that says who is staff; see [`StaffRule`].
pub const STAFF_QUESTION: &str = "staff_are";

/// A case, counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseFacts {
    /// The case's reference.
    pub reference: String,
    /// Who we are.
    pub organisation: Organisation,
    /// As of when everything here was counted.
    pub as_of: Instant,
    /// Affected people; `None`: the case has no exposures yet.
    pub people: Option<PeopleFacts>,
    /// Affected categories, sorted.
    pub categories: Vec<CategoryFacts>,
    /// What the evidence covers, and its gaps.
    pub coverage: Coverage,
    /// Systems of the estate.
    pub systems: Vec<SystemFacts>,
    /// The intruder's steps, in order.
    pub steps: Vec<Step>,
    /// The intruder's reads of stored data.
    pub accesses: AccessFacts,
    /// Detections that weigh, earliest first.
    pub detections: Vec<DetectionFacts>,
    /// Letters to affected people.
    pub letters: LetterFacts,
    /// Everything that people decided, oldest first.
    pub decisions: Vec<RecordedDecision>,
    /// Artefacts in custody.
    pub artefacts: u64,
}

/// Affected people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PeopleFacts {
    /// People in the register; `None`: the estate names no register.
    pub registered: Option<u64>,
    /// By the strongest tier of anything of theirs.
    pub all: TierCounts,
    /// By the strongest tier of a value that was itself in what was sent to the intruder.
    pub disclosed: TierCounts,
    /// By the strongest tier of a value that can be worked out from what was sent.
    pub inferred: TierCounts,
    /// `all`, by the status that the register gives them; sorted.
    pub by_status: Vec<StatusFacts>,
}

/// Affected people of one status in the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusFacts {
    /// The status; `None`: the register gives none.
    pub status: Option<String>,
    /// Whether they are in the register at all.
    pub in_register: bool,
    /// How many, by tier.
    pub people: TierCounts,
}

/// One category of personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryFacts {
    /// As in the estate file.
    pub category: String,
    /// People whose value was itself in what was sent.
    pub disclosed: TierCounts,
    /// People whose value can be worked out.
    pub inferred: TierCounts,
}

/// A system of the estate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemFacts {
    /// Short id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The intruder's steps on it.
    pub steps: u64,
    /// Its log sources.
    pub sources: Vec<String>,
}

/// The intruder's reads of stored data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccessFacts {
    /// How many statements read personal data.
    pub reads: u64,
    /// From the first to the last.
    pub span: Option<Interval>,
    /// Tables that they read, sorted.
    pub tables: Vec<String>,
    /// How many could not be replayed, so that all subjects of their tables count as possible.
    pub widened: u64,
}

/// A detection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DetectionFacts {
    /// Its title.
    pub title: String,
    /// The system.
    pub system: String,
    /// Its first event.
    pub first: Instant,
    /// How many events.
    pub events: u64,
}

/// Letters to affected people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LetterFacts {
    /// Drafted.
    pub drafted: u64,
    /// People whose letter was handed over for delivery, by whichever channel.
    pub handed_over: u64,
    /// Of these, people of whom it is known that nothing arrived.
    pub came_back: u64,
}

impl CaseFacts {
    /// A case of which nothing is known.
    pub fn empty(as_of: Instant) -> Self {
        Self {
            reference: String::new(),
            organisation: Organisation {
                name: Default::default(),
                time_zone: "UTC".to_owned(),
                regimes: Vec::new(),
                domain: None,
                link_domains: Vec::new(),
                contact: None,
                safety_contact: None,
                postal_address: Vec::new(),
                envelope_window: None,
                working_hours: None,
            },
            as_of,
            people: None,
            categories: Vec::new(),
            coverage: Coverage::default(),
            systems: Vec::new(),
            steps: Vec::new(),
            accesses: AccessFacts::default(),
            detections: Vec::new(),
            letters: LetterFacts::default(),
            decisions: Vec::new(),
            artefacts: 0,
        }
    }
}

/// Who of the affected people are staff, as a person stated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffRule {
    /// All of them.
    Everyone,
    /// None of them.
    Nobody,
    /// Those with one of these statuses in the register.
    Statuses(Vec<String>),
}

/// An answer to the staff question that cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("who is staff is answered with everyone, nobody, or status= and statuses of the register, such as status=serving,departed")]
pub struct StaffRuleError;

impl std::str::FromStr for StaffRule {
    type Err = StaffRuleError;
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        match written.trim() {
            "everyone" => Ok(Self::Everyone),
            "nobody" => Ok(Self::Nobody),
            other => {
                let statuses: Vec<String> =
                    other.strip_prefix("status=").ok_or(StaffRuleError)?.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
                if statuses.is_empty() { Err(StaffRuleError) } else { Ok(Self::Statuses(statuses)) }
            }
        }
    }
}

impl StaffRule {
    /// Staff, citizens, and those of whom the register says neither.
    pub fn split(&self, people: &PeopleFacts) -> [TierCounts; 3] {
        let mut split = [TierCounts::default(); 3];
        for group in &people.by_status {
            let place = match self {
                Self::Everyone => 0,
                Self::Nobody => 1,
                Self::Statuses(_) if !group.in_register => 2,
                Self::Statuses(statuses) => match &group.status {
                    Some(status) if statuses.contains(status) => 0,
                    Some(_) => 1,
                    None => 2,
                },
            };
            split[place].confirmed += group.people.confirmed;
            split[place].likely += group.people.likely;
            split[place].possible += group.people.possible;
        }
        split
    }
}
