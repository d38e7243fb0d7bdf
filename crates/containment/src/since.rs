//! What came after the cut: records that carry what was cut, refused or served; and whether the actor is back by another way.
//!
//! A cut that lasts (a door) is watched by what it refuses, whoever it is. One that happens once (sessions ended, a new password)
//! is watched by the session that it ended: who signs in again with the same account may be its owner, and only the trail tells.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use strandline_model::containment::{Action, Effect, Foothold, Phase};
use strandline_model::event::{Activity, Class, Status, columns};
use strandline_model::evidence::{ClockSkew, EventRef};
use strandline_model::names::account_key;
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_model::time::Instant;

use crate::key::{Key, Predicate, Unit, View};
use crate::views::{Sketch, Views};
use crate::whose::{Actor, Whose, present};
use crate::{Inputs, ProposalError};

strandline_model::event_columns! {
    /// What is read of a record to tell whether a cut holds.
    struct Row {
        time, class, activity, status, source, system, place, src_ip, account, session, request_id, method, url, status_code, duration_micros,
        user_agent, database, host, object, labels, secrets,
    }
}

/// Places that are kept as proof of one row.
const PROOFS: usize = 5;
/// User agents of his that are held.
const MOST_AGENTS: usize = 1_000;
/// Ways by which he is back that are told apart.
const MOST_WAYS: usize = 1_000;
/// Ways that he had before, by a hash.
const MOST_KNOWN: usize = 100_000;

/// A cut that is applied, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contained {
    /// The plan.
    pub plan: u64,
    /// Its place there, from 1.
    pub place: u32,
    /// The action.
    pub action: Action,
    /// The target.
    pub target: String,
    /// Since when it is applied.
    pub since: Instant,
    /// When its lease ends: what comes later is not refused by it.
    pub until: Option<Instant>,
}

/// What came after the cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Of each cut that can be watched.
    pub rows: Vec<SinceRow>,
    /// Ways by which he was served after the last cut.
    pub returns: Vec<ReturnRow>,
}

/// Compares the recorded events with cuts. Times are those of the logs, less what is known of their clocks.
///
/// # Errors
/// If a table cannot be scanned.
pub fn since(inputs: &Inputs<'_>, clocks: &[ClockSkew], contained: &[Contained]) -> Result<Since, ProposalError> {
    let Some(last) = contained.iter().map(|cut| cut.since).max() else { return Ok(Since::default()) };
    let actor = Actor::of(inputs).map_err(ProposalError::Accesses)?;
    let mut pass = Pass {
        inputs,
        actor: &actor,
        clocks: clocks.iter().map(|clock| (clock.source.as_str(), clock.skew_micros)).collect(),
        watched: contained.iter().filter_map(Watched::of).collect(),
        last,
        agents: agents(inputs, &actor, last)?,
        keys: contained.iter().filter_map(|cut| key_of(&cut.action.foothold)).collect(),
        sketches: BTreeMap::new(),
        known: HashSet::new(),
        ways: BTreeMap::new(),
    };
    for part in columns::scan::<Row<'_>>(inputs.events).map_err(ProposalError::Events)? {
        part.map_err(ProposalError::Events)?.iter().for_each(|event| pass.see(&event));
    }
    Ok(pass.finish())
}

fn key_of(foothold: &Foothold) -> Option<&str> {
    if let Foothold::Key { fingerprint } = foothold { Some(fingerprint) } else { None }
}

/// User agents that the actor used before the cut, with an account of his.
fn agents(inputs: &Inputs<'_>, actor: &Actor, last: Instant) -> Result<HashMap<String, Agent>, ProposalError> {
    let mut agents: HashMap<String, Agent> = HashMap::new();
    for part in columns::scan::<Row<'_>>(inputs.events).map_err(ProposalError::Events)? {
        for event in part.map_err(ProposalError::Events)?.iter() {
            let (Some(agent), Some(account)) = (present(event.user_agent.as_deref()), present(event.account.as_deref())) else { continue };
            if event.time >= last || actor.whose(&event, actor.session_of(&event).as_deref()) != Whose::Intruder {
                continue;
            }
            if agents.len() < MOST_AGENTS || agents.contains_key(agent) {
                agents.entry(agent.to_owned()).or_default().accounts.insert(account_key(account));
            }
        }
    }
    Ok(agents)
}

/// A user agent of the actor.
#[derive(Debug, Default)]
struct Agent {
    accounts: BTreeSet<String>,
    /// Others had it before the cut: then it tells nothing.
    is_common: bool,
}

/// What a record tells of whether it was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Refused,
    Served,
    Unclear,
    /// It had begun before the cut.
    Running,
}

/// One cut and what came after it.
struct Watched<'c> {
    cut: &'c Contained,
    predicate: Predicate,
    counts: BTreeMap<(Unit, Outcome), BTreeMap<String, u64>>,
    last_refused: Option<Instant>,
    served: Option<(Instant, Instant)>,
    proof: Vec<EventRef>,
}

impl<'c> Watched<'c> {
    /// Nothing where no record could tell that it does not hold.
    fn of(cut: &'c Contained) -> Option<Self> {
        let (effect, foothold) = (&cut.action.effect, &cut.action.foothold);
        let is_door = effect.phase() == Phase::ShutDoor || matches!(effect, Effect::SessionStoreDelete { .. });
        let predicate = match foothold {
            _ if is_door => Predicate::of_effect(effect, cut.action.system.as_deref(), foothold),
            Foothold::Session { .. } => Predicate::of_foothold(foothold),
            _ => return None,
        };
        Some(Self { cut, predicate, counts: BTreeMap::new(), last_refused: None, served: None, proof: Vec::new() })
    }

    fn carries(&self, view: &View<'_>) -> bool {
        match &self.predicate.key {
            // A refused sign-in of a role is logged as a sign-in.
            Key::Role(role, host) if view.unit == Unit::SignIns => {
                let is_there = self.predicate.system.as_deref().is_none_or(|of| of == view.system);
                let is_of_it = view.account.as_deref() == Some(account_key(role).as_str());
                is_there && is_of_it && host.as_deref().is_none_or(|host| view.address == Some(host))
            }
            _ => self.predicate.matches(view),
        }
    }

    fn note(&mut self, event: &Row<'_>, unit: Unit, outcome: Outcome, at: Instant) {
        *self.counts.entry((unit, outcome)).or_default().entry(event.source.to_string()).or_default() += 1;
        match outcome {
            Outcome::Refused => self.last_refused = self.last_refused.max(Some(at)),
            Outcome::Served => {
                self.served = Some(self.served.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
                if self.proof.len() < PROOFS {
                    self.proof.push(event.place.clone());
                }
            }
            Outcome::Unclear | Outcome::Running => {}
        }
    }

    fn row(&self, views: &Views) -> SinceRow {
        let of = |wanted: Outcome| {
            let units = self.counts.iter().filter(|((_, outcome), _)| *outcome == wanted);
            let count: u64 = units.map(|((unit, _), sources)| views.fold(*unit, sources.iter().map(|(source, count)| (source.as_str(), *count)))).sum();
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        SinceRow {
            plan: i64::try_from(self.cut.plan).unwrap_or(i64::MAX),
            place: i64::from(self.cut.place),
            action: self.cut.action.id.clone(),
            target: self.cut.target.clone(),
            foothold: self.cut.action.foothold.to_string(),
            since: self.cut.since,
            until: self.cut.until,
            refused: of(Outcome::Refused),
            served: of(Outcome::Served),
            unclear: of(Outcome::Unclear),
            running: of(Outcome::Running),
            last_refused: self.last_refused,
            first_served: self.served.map(|(first, _)| first),
            last_served: self.served.map(|(_, last)| last),
            proof: self.proof.clone(),
        }
    }
}

/// By what ways are told apart: mark, system, account, address, session.
type Way = (&'static str, String, Option<String>, Option<String>, Option<String>);

struct Seen {
    records: u64,
    first: Instant,
    last: Instant,
    because: BTreeSet<String>,
    proof: Vec<EventRef>,
    /// The user agent whose mark it is.
    agent: Option<String>,
}

struct Pass<'a> {
    inputs: &'a Inputs<'a>,
    actor: &'a Actor,
    clocks: HashMap<&'a str, i64>,
    watched: Vec<Watched<'a>>,
    /// When the last cut was applied.
    last: Instant,
    agents: HashMap<String, Agent>,
    /// SSH keys that were cut.
    keys: HashSet<&'a str>,
    sketches: BTreeMap<String, Sketch>,
    /// Ways that he had before.
    known: HashSet<u64>,
    ways: BTreeMap<Way, Seen>,
}

impl Pass<'_> {
    fn see(&mut self, event: &Row<'_>) {
        let Some(unit) = unit_of(event) else { return };
        let session = self.actor.session_of(event).filter(|_| event.class == Class::Http);
        let view = View::of(event, unit, session.as_deref());
        let at = event.time.plus_micros(-self.clocks.get(event.source.as_ref()).copied().unwrap_or(0));
        if let (Unit::Requests, Some(id)) = (unit, present(event.request_id.as_deref())) {
            self.sketches.entry(event.source.to_string()).or_default().add(id);
        }
        let mut is_cut = false;
        for watched in self.watched.iter_mut().filter(|watched| watched.carries(&view)) {
            if at > watched.cut.since && watched.cut.until.is_none_or(|until| at < until) {
                is_cut = true;
                let has_begun = began(event, at, self.inputs) > watched.cut.since;
                let outcome = if has_begun { outcome(&watched.cut.action.effect, event) } else { Outcome::Running };
                watched.note(event, unit, outcome, at);
            }
        }
        let way = self.way_of(event, &view);
        if at <= self.last {
            self.note_before(event, &view, way);
        } else if !is_cut && served(event) && began(event, at, self.inputs) > self.last {
            self.note_after(event, &view, way, at);
        }
    }

    /// By which way a record is the actor's; nothing where it is not, or nobody knows.
    fn way_of(&self, event: &Row<'_>, view: &View<'_>) -> Option<Way> {
        let session = view.session.map(str::to_owned).or_else(|| present(event.session.as_deref()).map(str::to_owned));
        let who = view.account.clone().or_else(|| view.role.map(str::to_owned));
        let of = |mark| Some((mark, view.system.to_owned(), who.clone(), view.address.map(str::to_owned), session.clone()));
        match self.actor.whose(event, view.session) {
            Whose::Intruder => of("trail"),
            _ if view.ssh_key.as_deref().is_some_and(|key| self.keys.contains(key)) => of("key"),
            _ if event.class == Class::Http => {
                let agent = self.agents.get(present(event.user_agent.as_deref())?)?;
                if agent.accounts.contains(who.as_deref()?) { of("user_agent") } else { None }
            }
            _ => None,
        }
    }

    fn note_before(&mut self, event: &Row<'_>, view: &View<'_>, way: Option<Way>) {
        match way {
            Some(("trail", ..)) => {
                if self.known.len() < MOST_KNOWN {
                    self.known.insert(hash(view.system, view.address, view.session));
                }
            }
            _ => {
                if let Some(agent) = present(event.user_agent.as_deref()).and_then(|agent| self.agents.get_mut(agent)) {
                    agent.is_common = true;
                }
            }
        }
    }

    fn note_after(&mut self, event: &Row<'_>, view: &View<'_>, way: Option<Way>, at: Instant) {
        let Some(way) = way else { return };
        if self.ways.len() >= MOST_WAYS && !self.ways.contains_key(&way) {
            return;
        }
        let agent = (way.0 == "user_agent").then(|| event.user_agent.as_deref().unwrap_or_default().to_owned());
        let seen = self.ways.entry(way).or_insert_with(|| Seen { records: 0, first: at, last: at, because: BTreeSet::new(), proof: Vec::new(), agent });
        seen.records += 1;
        (seen.first, seen.last) = (seen.first.min(at), seen.last.max(at));
        seen.because.extend(self.actor.links_of(event, view.session));
        if seen.proof.len() < PROOFS {
            seen.proof.push(event.place.clone());
        }
    }

    fn finish(self) -> Since {
        let views = Views::of(self.inputs.estate, &self.sketches);
        let rows = self.watched.iter().map(|watched| watched.row(&views)).collect();
        let is_told = |seen: &Seen| seen.agent.as_ref().is_none_or(|agent| self.agents.get(agent).is_some_and(|agent| !agent.is_common));
        let ways = self.ways.iter().filter(|(_, seen)| is_told(seen));
        let row = |((mark, system, account, address, session), seen): (&Way, &Seen)| ReturnRow {
            mark: (*mark).to_owned(),
            what: in_words(mark, account.as_deref(), address.as_deref(), session.as_deref().map(|session| (system.as_str(), session))),
            system: system.clone(),
            account: account.clone(),
            address: address.clone(),
            is_new: !self.known.contains(&hash(system, address.as_deref(), session.as_deref())),
            records: i64::try_from(seen.records).unwrap_or(i64::MAX),
            first: seen.first,
            last: seen.last,
            because: seen.because.iter().cloned().collect(),
            proof: seen.proof.clone(),
        };
        Since { rows, returns: ways.map(row).collect() }
    }
}

fn hash(system: &str, address: Option<&str>, session: Option<&str>) -> u64 {
    crate::whose::hash64(&[system.as_bytes(), address.unwrap_or_default().as_bytes(), session.unwrap_or_default().as_bytes()])
}

fn in_words(mark: &str, account: Option<&str>, address: Option<&str>, session: Option<(&str, &str)>) -> String {
    let what = match (session, account) {
        (Some((system, session)), Some(account)) => format!("session {system}/{session} of {account}"),
        (Some((system, session)), None) => format!("session {system}/{session}"),
        (None, Some(account)) => format!("account {account}"),
        (None, None) => "requests without a session".to_owned(),
    };
    let from = address.map(|address| format!(" from {address}")).unwrap_or_default();
    let by = match mark {
        "user_agent" => ", with a user agent that only he had used",
        "key" => ", with the SSH key that was cut",
        _ => "",
    };
    format!("{what}{from}{by}")
}

/// What is looked at: also connections of databases, refused or not.
fn unit_of(event: &Row<'_>) -> Option<Unit> {
    match (event.class, event.activity) {
        (Class::Datastore, Activity::Connect) => Some(Unit::SignIns),
        _ => Unit::of(event),
    }
}

/// When it began, as far as the log tells: most logs stamp the end of a request.
fn began(event: &Row<'_>, at: Instant, inputs: &Inputs<'_>) -> Instant {
    let stamps_begin = event.class != Class::Http || inputs.estate.sources.iter().any(|source| source.id == event.source && source.format == "apache");
    let duration = event.duration_micros.filter(|micros| *micros > 0 && !stamps_begin).unwrap_or(0);
    at.plus_micros(-duration)
}

/// Whether a record that no cut concerns was served.
fn served(event: &Row<'_>) -> bool {
    by_record(event, Sent::ToElsewhere) == Outcome::Served
}

/// What an answer that sends somewhere else means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// To sign in: he is not known any more.
    ToSignIn,
    /// It comes from behind the door.
    ToElsewhere,
}

/// Whether a record that carries what an effect cuts was refused.
fn outcome(effect: &Effect, event: &Row<'_>) -> Outcome {
    match effect {
        // What a packet filter drops reaches no log at all.
        Effect::NftablesDrop { .. } => Outcome::Served,
        Effect::WebDenyAddress { .. } | Effect::WebDenySession { .. } | Effect::WebDenyRoute { .. } => by_record(event, Sent::ToElsewhere),
        _ => by_record(event, Sent::ToSignIn),
    }
}

fn by_record(event: &Row<'_>, sent: Sent) -> Outcome {
    let by_status = match event.status {
        Status::Success => Outcome::Served,
        Status::Failure => Outcome::Refused,
        Status::Unknown => Outcome::Unclear,
    };
    match (event.class, event.status_code) {
        (Class::Http, Some(401 | 403 | 407 | 429 | 444)) => Outcome::Refused,
        (Class::Http, Some(300..=303 | 305..=399)) if sent == Sent::ToSignIn => Outcome::Refused,
        (Class::Http, Some(100..=399)) => Outcome::Served,
        (Class::Http, Some(_)) => Outcome::Unclear,
        (Class::Datastore, _) if event.activity != Activity::Connect => {
            if event.status == Status::Failure {
                Outcome::Unclear
            } else {
                Outcome::Served
            }
        }
        (Class::FileSystem, _) if event.status == Status::Unknown => Outcome::Served,
        _ => by_status,
    }
}
