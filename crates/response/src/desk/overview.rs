//! Everything that a home page tells of a case, read once from what is committed: who is exposed, to what, how they came in, what was
//! done, and what needs a person.

use std::collections::BTreeMap;

use strandline_model::clearance::Question;
use strandline_model::evidence::Coverage;
use strandline_model::exposure::Certainty;
use strandline_model::letter::SendingState;
use strandline_model::time::Instant;

use super::evidence::{self, EvidenceView};
use super::letters::LetterBatches;
use super::path::{self, PathView};
use super::people::{self, PersonRow};
use crate::clearance::{cleared, open_questions};
use crate::containment::{Containment, containment_of};
use crate::duties::reference;
use crate::error::ResponseError;
use crate::letter_words::decided;
use crate::run::{Response, Settings, Tiers};
use crate::stage::expose::{self, ExposureState, others, register};
use crate::stage::letters::described_categories;
use crate::stage::notify::LetterStatus;
use crate::store;

/// States of a letter in which its reader was told, as far as anybody knows.
const TOLD: [SendingState; 3] = [SendingState::Accepted, SendingState::HandedOver, SendingState::Answered];

/// People by tier in one category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryCount {
    /// Its name, as the estate has it.
    pub name: String,
    /// Confirmed, likely, possible.
    pub tiers: Tiers,
}

/// Where the letters are.
#[derive(Clone, Debug)]
pub struct LettersOverview {
    /// The round that they are drafted for.
    pub round: u32,
    /// Where everybody's letter is.
    pub status: LetterStatus,
    /// Whether they are what the case says now, and it follows what was decided: others are approved and sent by nobody.
    pub is_current: bool,
    /// In which lots they go.
    pub batches: LetterBatches,
}

/// What waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The stages do not stand on one another as they are.
    Renew {
        /// Decisions on the trail that it does not follow yet; none: the trail does, and the people, or what would cut the intruder off,
        /// are still of an older one.
        decisions: u64,
    },
    /// What keeps people from being cleared.
    Questions {
        /// How many questions.
        open: u64,
        /// How many people wait for an answer.
        people: u64,
    },
    /// Evidence that is newer than a cut says that the intruder is back, or still in.
    Back,
    /// Footholds that nothing effective closes.
    LeftOpen {
        /// How many.
        footholds: u64,
    },
    /// Letters are older than what they are made from.
    LettersOld,
    /// Letters wait for a person's word.
    LettersHeld {
        /// How many.
        letters: u64,
    },
    /// Approvals are missing.
    Approval {
        /// How many there are.
        have: u64,
        /// How many are needed.
        needed: u64,
        /// Letters without them.
        letters: u64,
    },
    /// Letters did not arrive, or nobody knows whether they did.
    LettersFailed {
        /// How many.
        letters: u64,
    },
    /// Nobody has signed with a key so far: decisions are typed names.
    NobodyEnrolled,
}

/// A case at a glance.
#[derive(Clone, Debug)]
pub struct Overview {
    /// What letters and forms call the case.
    pub reference: String,
    /// The organisation's names, by language tag.
    pub organisation: BTreeMap<String, String>,
    /// Its zone.
    pub time_zone: String,
    /// Whether exposures were worked out.
    pub is_exposed: bool,
    /// People by their strongest tier.
    pub tiers: Tiers,
    /// People of the register who are cleared.
    pub not_reached: u64,
    /// People of the register who are neither.
    pub not_known: u64,
    /// Counts by category, in the order of the cells.
    pub categories: Vec<CategoryCount>,
    /// Everybody, by key.
    pub people: Vec<PersonRow>,
    /// For each tier (possible, likely, confirmed) or a higher one: when people reached it, in order.
    pub moments: [Vec<Instant>; 3],
    /// When exposed people were told, in whichever round and way, in order.
    pub told: Vec<Instant>,
    /// When anybody was told, exposed or not, in order.
    pub told_all: Vec<Instant>,
    /// The path.
    pub path: PathView,
    /// The evidence.
    pub evidence: EvidenceView,
    /// What the evidence covers.
    pub coverage: Coverage,
    /// What would cut the intruder off, and what is left open.
    pub containment: Containment,
    /// The letters; none before they are drafted.
    pub letters: Option<LettersOverview>,
    /// What keeps people from being cleared.
    pub questions: Vec<Question>,
    /// What a person must know to read the numbers.
    pub notes: Vec<String>,
    /// Decisions on the trail, oldest first.
    pub decisions: Vec<strandline_model::detection::Decision>,
    /// How many people are enrolled now.
    pub enrolled: u64,
    /// What waits for a person, but for clocks, which the time moves.
    pub needs: Vec<Need>,
}

/// Reads a case at a glance. Takes no lock, and shows what is committed.
///
/// # Errors
/// If there is no case, or it cannot be read.
pub fn overview(settings: &Settings<'_>) -> Result<Overview, ResponseError> {
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let (register, _) = register(&response)?;
    let mut categories = described_categories(&response);
    let mut rows = people::rows(&response.case, &register, &mut categories)?;
    let is_exposed = response.case.manifest().stages.contains_key("expose");
    for key in cleared(&response.case)? {
        if let Some(row) = rows.get_mut(&key) {
            row.is_cleared = true;
        }
    }
    let letters = letters(&response)?;
    add_letters(&response, &mut rows, letters.as_ref())?;
    let told = told(&response)?;
    let people: Vec<PersonRow> = rows.into_values().collect();
    let exposure: ExposureState = store::read_json(&response.case, store::EXPOSURE)?.unwrap_or_default();
    let of_register = |row: &&PersonRow| row.strongest.is_none() && register.contains_key(&row.data_subject);
    let mut overview = Overview {
        reference: reference(&response.case)?,
        organisation: response.organisation_names(),
        time_zone: response.time_zone(),
        is_exposed,
        tiers: tiers(&people),
        not_reached: people.iter().filter(of_register).filter(|row| row.is_cleared).count() as u64,
        not_known: people.iter().filter(of_register).filter(|row| !row.is_cleared).count() as u64,
        categories: counts(&categories, &people),
        moments: moments(&people),
        told: told_exposed(&told, &people),
        told_all: told_anybody(&told),
        path: path::path(&response)?,
        evidence: evidence::view(&response)?,
        coverage: response.coverage()?,
        containment: containment_of(&response)?,
        letters,
        questions: open_questions(&response.case)?,
        notes: exposure.notes,
        decisions: response.case.decisions()?,
        enrolled: response.case.responders()?.iter().filter(|r| r.removed.is_none()).count() as u64,
        needs: Vec::new(),
        people,
    };
    overview.needs = needs(&overview, response.decisions_after_trace()?, follows_trail(&response)?);
    Ok(overview)
}

/// Where everybody's letter is. Other people, who have a register of their own, and whoever was written to and stands in no register
/// any more, are rows too.
fn add_letters(response: &Response<'_>, rows: &mut BTreeMap<String, PersonRow>, letters: Option<&LettersOverview>) -> Result<(), ResponseError> {
    let cells = rows.values().next().map_or(0, |row| row.cells.len());
    let others = others(response)?.0;
    let lettered = letters.iter().flat_map(|letters| &letters.status.people);
    for key in others.keys().chain(lettered.clone().map(|person| &person.data_subject)) {
        if !rows.contains_key(key) {
            rows.insert(key.clone(), people::other_row(&response.case, key, others.get(key), cells)?);
        }
    }
    for person in lettered {
        if let Some(row) = rows.get_mut(&person.data_subject) {
            row.letter = Some(person.state.clone());
        }
    }
    Ok(())
}

fn letters(response: &Response<'_>) -> Result<Option<LettersOverview>, ResponseError> {
    if !response.case.manifest().stages.contains_key("letters") {
        return Ok(None);
    }
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    let plan = response.letter_plan(round)?;
    let status = response.status_of_plan(&plan, None)?;
    let batches = LetterBatches::of(response, &plan, &status.people)?;
    Ok(Some(LettersOverview { round, status, is_current: response.letters_follow_case()?, batches }))
}

/// Whether people and cuts, as far as they were worked out, are of the trail as it is.
fn follows_trail(response: &Response<'_>) -> Result<bool, ResponseError> {
    let has = |stage: &str| response.case.manifest().stages.contains_key(stage);
    Ok((!has("expose") || expose::are_current(response)?) && (!has("contain") || response.is_containment_proposed()))
}

fn tiers(people: &[PersonRow]) -> Tiers {
    let count = |tier| people.iter().filter(|row| row.strongest == Some(tier)).count() as u64;
    Tiers { confirmed: count(Certainty::Confirmed), likely: count(Certainty::Likely), possible: count(Certainty::Possible) }
}

fn counts(categories: &[String], people: &[PersonRow]) -> Vec<CategoryCount> {
    let of = |(column, name): (usize, &String)| {
        let count = |tier| people.iter().filter(|row| row.cells.get(column).copied().flatten() == Some(tier)).count() as u64;
        let tiers = Tiers { confirmed: count(Certainty::Confirmed), likely: count(Certainty::Likely), possible: count(Certainty::Possible) };
        CategoryCount { name: name.clone(), tiers }
    };
    categories.iter().enumerate().map(of).collect()
}

fn moments(people: &[PersonRow]) -> [Vec<Instant>; 3] {
    [0, 1, 2].map(|tier| {
        let mut list: Vec<Instant> = people.iter().filter_map(|row| row.first[tier]).collect();
        list.sort_unstable();
        list
    })
}

/// When each person was told first, by a letter of any round or by somebody.
fn told(response: &Response<'_>) -> Result<BTreeMap<String, Instant>, ResponseError> {
    let mut told = response.case.reached_since(&TOLD)?;
    for (key, decided) in decided(&response.case)? {
        if let Some(by_hand) = decided.by_hand.into_values().min() {
            told.entry(key).and_modify(|first| *first = (*first).min(by_hand)).or_insert(by_hand);
        }
    }
    Ok(told)
}

fn told_exposed(told: &BTreeMap<String, Instant>, people: &[PersonRow]) -> Vec<Instant> {
    let exposed = people.iter().filter(|row| row.strongest.is_some());
    let mut list: Vec<Instant> = exposed.filter_map(|row| told.get(&row.data_subject)).copied().collect();
    list.sort_unstable();
    list
}

fn told_anybody(told: &BTreeMap<String, Instant>) -> Vec<Instant> {
    let mut list: Vec<Instant> = told.values().copied().collect();
    list.sort_unstable();
    list
}

fn needs(overview: &Overview, decisions: u64, follows_trail: bool) -> Vec<Need> {
    let mut needs = Vec::new();
    if decisions > 0 || !follows_trail {
        needs.push(Need::Renew { decisions });
    }
    if overview.containment.is_back() {
        needs.push(Need::Back);
    }
    if !overview.containment.left_open.is_empty() {
        needs.push(Need::LeftOpen { footholds: overview.containment.left_open.len() as u64 });
    }
    if overview.is_exposed && overview.not_known > 0 {
        needs.push(Need::Questions { open: overview.questions.len() as u64, people: overview.not_known });
    }
    if let Some(letters) = &overview.letters {
        let count = |states: &[&str]| states.iter().filter_map(|state| letters.status.counts.get(*state)).sum::<u64>();
        let approval = &letters.status.approval;
        if !letters.is_current {
            needs.push(Need::LettersOld);
        }
        if count(&["held"]) > 0 {
            needs.push(Need::LettersHeld { letters: count(&["held"]) });
        }
        if letters.is_current && approval.letters > 0 && !approval.is_enough() {
            needs.push(Need::Approval { have: approval.have as u64, needed: approval.needed as u64, letters: approval.letters });
        }
        if count(&["uncertain", "refused", "bounced", "returned"]) > 0 {
            needs.push(Need::LettersFailed { letters: count(&["uncertain", "refused", "bounced", "returned"]) });
        }
    }
    if overview.enrolled == 0 {
        needs.push(Need::NobodyEnrolled);
    }
    needs
}

impl Overview {
    /// People who stand in any tier.
    pub fn exposed(&self) -> u64 {
        self.tiers.confirmed + self.tiers.likely + self.tiers.possible
    }

    /// The person that a list calls so.
    pub fn person(&self, handle: &str) -> Option<&PersonRow> {
        self.people.iter().find(|row| row.handle == handle)
    }

    /// The person of a key.
    pub fn person_of_key(&self, key: &str) -> Option<&PersonRow> {
        self.people.binary_search_by(|row| row.data_subject.as_str().cmp(key)).ok().and_then(|at| self.people.get(at))
    }
}
