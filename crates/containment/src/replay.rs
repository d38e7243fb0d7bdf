//! One pass over the recorded events for all candidates: what each would have refused, and which records of a foothold it closes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::columns;
use strandline_model::table::ScanError;

use crate::Inputs;
use crate::candidate::Candidates;
use crate::foothold::Held;
use crate::key::{Carried, Index, Predicate, Unit, View};
use crate::rows::closes;
use crate::views::{Sketch, Views};
use crate::whose::{Actor, Whose, present};

strandline_model::event_columns! {
    /// What is read of a record to tell what a cut would have refused.
    struct Row { time, class, activity, source, system, place, src_ip, account, session, request_id, method, url, database, host, object, labels, secrets }
}

/// Different keys (accounts, hours) that are told apart for one candidate; what is beyond counts under [`BEYOND`].
const MOST_KEYS: usize = 20_000;
/// Stands for keys that are not told apart.
pub(crate) const BEYOND: &str = "(others)";
/// Accounts of which it is held from where they came.
const MOST_ACCOUNTS: usize = 1_000_000;
/// Hours of a system that are held.
const MOST_HOURS: usize = 200_000;
/// Different sets of candidates that close records of footholds.
const MOST_COVERS: usize = 50_000;
const HOUR_MICROS: i64 = 3_600_000_000;

/// First, last and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub count: u64,
    pub first: i64,
    pub last: i64,
}

impl Span {
    fn at(time: i64) -> Self {
        Self { count: 1, first: time, last: time }
    }

    pub(crate) fn join(&mut self, other: Self) {
        *self = Self { count: self.count + other.count, first: self.first.min(other.first), last: self.last.max(other.last) };
    }
}

/// By what refusals are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum By {
    System(String),
    Account(String),
    Batch(String),
    /// The beginning of the hour, microseconds.
    Hour(i64),
    /// No further account, batch job or hour is told apart.
    Beyond(&'static str),
}

/// What one candidate would have refused: by unit, whose, by what, and the source that tells of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub refused: BTreeMap<(Unit, Whose, By), BTreeMap<usize, Span>>,
    /// Accounts behind it (places in [`Replayed::accounts`]).
    pub accounts: BTreeSet<usize>,
    /// Different sessions, where the key is the beginning of one.
    pub sessions: HashSet<u64>,
}

/// An account, and up to two addresses that it was seen from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub addresses: [Option<String>; 2],
}

/// What the pass found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub tallies: Vec<Tally>,
    pub sources: Vec<String>,
    pub accounts: Vec<Seen>,
    /// Of each source and unit: how many records carry which keys.
    pub carried: BTreeMap<(Unit, usize), HashMap<Carried, u64>>,
    /// The system of each source, by unit: for reach.
    pub systems: BTreeMap<usize, String>,
    /// Hours in which each system was in use, by unit.
    pub hours: BTreeMap<(Unit, String), BTreeSet<i64>>,
    /// The intruder's records through each foothold, of an open one those that may be his …
    pub through: Vec<u64>,
    /// … by the candidates that close them.
    pub covers: BTreeMap<(usize, Vec<usize>), u64>,
    pub predicates: Index,
    pub views: Views,
    pub notes: Vec<String>,
}

/// Runs the pass.
pub(crate) fn replay(inputs: &Inputs<'_>, actor: &Actor, footholds: &[Held], candidates: &Candidates) -> Result<Replayed, ScanError> {
    let of_candidate = |c: &crate::candidate::Candidate| Predicate::of_effect(&c.action.effect, c.action.system.as_deref(), &c.action.foothold);
    let mut pass = Pass {
        actor,
        estate: inputs.estate,
        held: Index::of(footholds.iter().map(|h| Predicate::of_foothold(&h.foothold)).collect()),
        are_open: footholds.iter().map(|h| h.is_open).collect(),
        closes: candidates.all.iter().map(|c| footholds.iter().map(|h| closes(&c.action, h)).collect()).collect(),
        places: HashMap::new(),
        by_account: HashMap::new(),
        sketches: BTreeMap::new(),
        out: Replayed {
            tallies: vec![Tally::default(); candidates.all.len()],
            through: vec![0; footholds.len()],
            predicates: Index::of(candidates.all.iter().map(of_candidate).collect()),
            ..Replayed::default()
        },
    };
    for part in columns::scan::<Row<'_>>(inputs.events)? {
        for event in part?.iter() {
            pass.see(&event);
        }
    }
    Ok(pass.finish())
}

struct Pass<'a> {
    actor: &'a Actor,
    estate: &'a Estate,
    held: Index,
    /// Whether each foothold only may be his.
    are_open: Vec<bool>,
    /// Whether each candidate closes each foothold, if it refuses its records.
    closes: Vec<Vec<bool>>,
    places: HashMap<String, usize>,
    by_account: HashMap<(String, String), usize>,
    sketches: BTreeMap<String, Sketch>,
    out: Replayed,
}

impl Pass<'_> {
    fn see(&mut self, event: &Row<'_>) {
        let Some(unit) = Unit::of(event) else { return };
        let session = self.actor.session_of(event).filter(|_| unit != Unit::Statements);
        let view = View::of(event, unit, session.as_deref());
        let (source, time) = (self.source(event), event.time.micros());
        *self.out.carried.entry((unit, source)).or_default().entry(Carried::by(&view)).or_default() += 1;
        if let (Unit::Requests, Some(id)) = (unit, present(event.request_id.as_deref())) {
            self.sketches.entry(event.source.to_string()).or_default().add(id);
        }
        let account = self.account(&view);
        let whose = self.actor.whose(event, session.as_deref());
        if whose != Whose::Intruder {
            self.note_hour(unit, view.system, time);
        }
        let matching = self.out.predicates.matching(&view);
        for &at in &matching {
            let batch = trusted(self.estate, view.role, present(event.account.as_deref()).filter(|_| view.role.is_none()), view.address);
            self.count(at, (unit, whose, source, time), &view, batch);
            let tally = &mut self.out.tallies[at];
            if let Some(account) = account.filter(|_| tally.accounts.len() < MOST_KEYS) {
                tally.accounts.insert(account);
            }
            if let Some(whole) = present(event.session.as_deref()).filter(|_| tally.sessions.len() < MOST_KEYS) {
                tally.sessions.insert(crate::whose::hash64(&[whole.as_bytes()]));
            }
        }
        self.cover(&view, whose, &matching);
    }

    fn source(&mut self, event: &Row<'_>) -> usize {
        if let Some(&known) = self.places.get(event.source.as_ref()) {
            return known;
        }
        let at = self.out.sources.len();
        self.out.sources.push(event.source.to_string());
        self.out.systems.insert(at, event.system.to_string());
        self.places.insert(event.source.to_string(), at);
        at
    }

    /// The account of a record, and from where it came.
    fn account(&mut self, view: &View<'_>) -> Option<usize> {
        let key = (view.system.to_owned(), view.account.clone()?);
        let at = match self.by_account.get(&key) {
            Some(&at) => at,
            None if self.by_account.len() >= MOST_ACCOUNTS => return None,
            None => {
                self.out.accounts.push(Seen::default());
                self.by_account.insert(key, self.out.accounts.len() - 1);
                self.out.accounts.len() - 1
            }
        };
        if let Some(address) = view.address {
            let seen = &mut self.out.accounts[at].addresses;
            if !seen.iter().any(|known| known.as_deref() == Some(address))
                && let Some(free) = seen.iter_mut().find(|slot| slot.is_none())
            {
                *free = Some(address.to_owned());
            }
        }
        Some(at)
    }

    fn note_hour(&mut self, unit: Unit, system: &str, time: i64) {
        let hours = self.out.hours.entry((unit, system.to_owned())).or_default();
        if hours.len() < MOST_HOURS {
            hours.insert(time.div_euclid(HOUR_MICROS).saturating_mul(HOUR_MICROS));
        }
    }

    fn count(&mut self, at: usize, (unit, whose, source, time): (Unit, Whose, usize, i64), view: &View<'_>, batch: Option<&Trusted>) {
        let account = view.account.clone().or_else(|| view.role.map(str::to_owned));
        let batch = batch.and_then(|b| b.role.clone().or_else(|| b.account.clone()).or_else(|| b.addresses.first().cloned()));
        let hour = time.div_euclid(HOUR_MICROS).saturating_mul(HOUR_MICROS);
        let keys = [Some(By::System(view.system.to_owned())), account.map(By::Account), batch.map(By::Batch), Some(By::Hour(hour))];
        let refused = &mut self.out.tallies[at].refused;
        for by in keys.into_iter().flatten() {
            let mut key = (unit, whose, by);
            if refused.len() >= MOST_KEYS && !refused.contains_key(&key) {
                key.2 = match key.2 {
                    By::Hour(_) => By::Beyond("hour"),
                    By::Batch(_) => By::Beyond("batch"),
                    By::System(_) => By::Beyond("system"),
                    By::Account(_) | By::Beyond(_) => By::Beyond("account"),
                };
            }
            refused.entry(key).or_default().entry(source).and_modify(|span| span.join(Span::at(time))).or_insert_with(|| Span::at(time));
        }
    }

    /// Of the intruder's record: through which footholds it went, and what closes them. Of one that may be his, through open ones.
    fn cover(&mut self, view: &View<'_>, whose: Whose, matching: &[usize]) {
        if whose == Whose::Lawful {
            return;
        }
        for held in self.held.matching(view) {
            if whose == Whose::Open && !self.are_open[held] {
                continue;
            }
            self.out.through[held] += 1;
            let closing: Vec<usize> = matching.iter().copied().filter(|at| self.closes[*at][held]).collect();
            let key = (held, closing);
            if self.out.covers.len() < MOST_COVERS || self.out.covers.contains_key(&key) {
                *self.out.covers.entry(key).or_default() += 1;
            } else {
                // What is not told apart counts as closed by nothing.
                *self.out.covers.entry((held, Vec::new())).or_default() += 1;
            }
        }
    }

    fn finish(self) -> Replayed {
        let mut out = self.out;
        out.views = Views::of(self.estate, &self.sketches);
        if self.by_account.len() >= MOST_ACCOUNTS {
            out.notes.push(format!("more than {MOST_ACCOUNTS} accounts: of those beyond it is not told whether they have another way in"));
        }
        out
    }
}

/// The lawful mass reader that a role or account at an address is, if it is one: all that an entry names must fit, as detections
/// have it. One that names nothing is nobody's.
fn trusted<'e>(estate: &'e Estate, role: Option<&str>, account: Option<&str>, address: Option<&str>) -> Option<&'e Trusted> {
    estate.trusted.iter().find(|t| {
        let names_any = t.role.is_some() || t.account.is_some() || !t.addresses.is_empty();
        let fits = |named: Option<&str>, found: Option<&str>| named.is_none_or(|named| found == Some(named));
        let comes_from = t.addresses.is_empty() || address.is_some_and(|a| t.addresses.iter().any(|known| known == a));
        names_any && fits(t.role.as_deref(), role) && fits(t.account.as_deref(), account) && comes_from
    })
}
