//! Whose data some sessions of the trail saw in a time. It is a question: nothing is decided, and nothing is entered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use strandline_case::{Question, Right, Role, Seen};
use strandline_model::exposure::Certainty;
use strandline_model::time::{Instant, Interval};

use super::act::DeskError;
use super::overview::CategoryCount;
use super::rights::allow;
use super::time::window;
use super::words::WordError;
use crate::run::{Response, Settings, Tiers};
use crate::stage::trace::TrailState;
use crate::store;

/// The question, as somebody puts it.
#[derive(Clone, Debug, Default)]
pub struct ScopeForm {
    /// Web sessions or database connections.
    pub sessions: Vec<String>,
    /// From here on.
    pub from: Option<String>,
    /// Up to here.
    pub to: Option<String>,
}

impl ScopeForm {
    /// What is asked; times are read in the organisation's zone.
    ///
    /// # Errors
    /// If no session is named, or a time is none.
    pub fn question(&self, zone: &str) -> Result<Question, WordError> {
        let named = self.sessions.iter().map(|session| session.trim()).filter(|session| !session.is_empty());
        let sessions: Vec<String> = named.map(str::to_owned).collect();
        if sessions.is_empty() {
            return Err(WordError::NoSession);
        }
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let window = window(self.from.as_deref(), self.to.as_deref(), &zone).map_err(WordError::Window)?;
        Ok(Question { sessions, within: window.unwrap_or(Interval { from: Instant::MIN, to: Instant::MAX }) })
    }
}

/// What they saw.
#[derive(Clone, Default)]
pub struct Scoped {
    /// People by category and tier, in the order of the categories' names.
    pub categories: Vec<CategoryCount>,
    /// The highest tier of each person, by key.
    pub people: BTreeMap<String, Certainty>,
    /// Cell by cell. Those without a person mean everybody of a table.
    pub cells: Vec<Seen>,
}

impl Scoped {
    /// What is possible for everybody of a table.
    pub fn everybody(&self) -> impl Iterator<Item = &Seen> {
        self.cells.iter().filter(|cell| cell.data_subject.is_none())
    }
}

/// What the sessions saw. What is possible because of a gap in the logs belongs to no session, and is not in it.
///
/// # Errors
/// If it is not the role's, or the case cannot be read.
pub fn scope(settings: &Settings<'_>, role: Role, question: &Question) -> Result<Scoped, DeskError> {
    allow(role, Right::SeeCase)?;
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let cells = response.case.scope(question, settings.threads)?;
    let mut by_category: BTreeMap<&str, BTreeMap<Certainty, BTreeSet<&str>>> = BTreeMap::new();
    let mut people: BTreeMap<String, Certainty> = BTreeMap::new();
    for cell in &cells {
        let Some(key) = cell.data_subject.as_deref() else { continue };
        by_category.entry(&cell.category).or_default().entry(cell.certainty).or_default().insert(key);
        let tier = people.entry(key.to_owned()).or_insert(cell.certainty);
        *tier = (*tier).max(cell.certainty);
    }
    let count = |tiers: &BTreeMap<Certainty, BTreeSet<&str>>, tier| tiers.get(&tier).map_or(0, BTreeSet::len) as u64;
    let of = |(name, tiers): (&&str, &BTreeMap<Certainty, BTreeSet<&str>>)| CategoryCount {
        name: (*name).to_owned(),
        tiers: Tiers { confirmed: count(tiers, Certainty::Confirmed), likely: count(tiers, Certainty::Likely), possible: count(tiers, Certainty::Possible) },
    };
    let categories = by_category.iter().map(of).collect();
    Ok(Scoped { categories, people, cells })
}

/// The sessions and connections of the trail, as a question names them.
///
/// # Errors
/// If it is not the role's, or the case cannot be read.
pub fn sessions(settings: &Settings<'_>, role: Role) -> Result<Vec<String>, DeskError> {
    allow(role, Right::SeeCase)?;
    let mut quiet = super::Quiet;
    let state: TrailState = store::read_json(&Response::look(settings, &mut quiet)?.case, store::TRAIL)?.unwrap_or_default();
    let bare = |name: &String| name.split_once('/').map_or(name.as_str(), |(_, session)| session).to_owned();
    let all: BTreeSet<String> = state.sessions.iter().map(bare).chain(state.connections).collect();
    Ok(all.into_iter().collect())
}
