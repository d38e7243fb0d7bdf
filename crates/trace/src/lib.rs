//! From pins, or from detections alone, to the actor's trail: links with their reasons, steps, and accesses.
//!
//! Several passes over the events, each keeping aggregates, samples, or the actor's own events and what ran at the same
//! moments; never all events. What it holds grows with what the actor did, not with the evidence.

use std::collections::BTreeSet;
use std::sync::Arc;

use strandline_model::access::Access;
use strandline_model::detection::{Decision, Detection};
use strandline_model::estate::Estate;
use strandline_model::evidence::Coverage;
use strandline_model::table::{Scan, ScanError};
use strandline_model::time::Interval;
use strandline_model::trail::{Division, Link, OpenQuestion, Pin, Split, Step};

mod accesses;
mod answers;
mod clock;
mod conserve;
mod doubt;
mod gaps;
mod habits;
mod identity;
mod jobs;
mod lanes;
mod links;
mod oddest;
mod own_roles;
mod requests;
mod routes;
mod seeds;
mod sessions;
mod shape;
mod split;
mod statements;
mod steps;
mod survey;
mod text;
mod trail;
mod url;
mod wider;
mod windows;
mod within;

pub use links::link_id;

/// What a trace is made from.
pub struct Inputs<'a> {
    /// The table of events.
    pub events: &'a dyn Scan,
    /// What the rules say of them.
    pub detections: &'a [Detection],
    /// Where evidence is missing, and which clocks disagree.
    pub coverage: &'a Coverage,
    /// The organisation.
    pub estate: &'a Estate,
    /// What a responder knows; with none, the trail starts from the detections.
    pub pins: &'a [Pin],
    /// What people decided about links and detections.
    pub decisions: &'a [Decision],
    /// Only events inside become part of the trail; history outside it still tells what is usual.
    pub window: Option<Interval>,
}

/// The actor's trail. The accesses went to the caller's sink.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    /// Why things belong together, in order of time.
    pub links: Vec<Link>,
    /// The moves, in order.
    pub steps: Vec<Step>,
    /// Who the actor is.
    pub actor: Actor,
    /// What a responder must know: evidence that is missing, what was left out and why.
    pub notes: Vec<String>,
    /// What the trail leaves open, in order, none twice.
    pub open: Vec<OpenQuestion>,
    /// For each request of the actor, how the statements divide that ran while it was in progress.
    pub splits: Vec<Split>,
    /// How all of these statements divide, each counted once.
    pub division: Division,
}

/// Who the actor is, as far as the evidence says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Addresses from which everything is the actor's.
    pub addresses: Vec<String>,
    /// Addresses that are the actor's in some sessions only, since others use them too.
    pub addresses_in_sessions: Vec<String>,
    /// Web sessions, as (system, session).
    pub sessions: Vec<(String, String)>,
    /// Accounts that a person pinned: their owner is the actor.
    pub accounts: Vec<String>,
    /// Accounts whose sessions the actor used, with a stolen password or session.
    pub stolen_accounts: Vec<String>,
    /// Database connections that are the actor's whole.
    pub connections: Vec<String>,
    /// Parts of the trail that no link joins: as many different actors, as far as the evidence says.
    pub parties: Vec<Vec<String>>,
}

/// What stops a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The table of events cannot be read.
    #[error("the events of the case cannot be read; run detect again, which rebuilds them from the sealed evidence")]
    Events(#[source] ScanError),
    /// The caller could not take the accesses.
    #[error("the accesses cannot be written")]
    Accesses(#[source] ScanError),
}

/// Accesses handed over at a time.
const ACCESSES_AT_A_TIME: usize = 4096;
/// Open questions that the notes tell one by one.
const MOST_OPEN_IN_NOTES: usize = 20;
/// Rounds in which what the statements show may reach further connections.
const MOST_ROUNDS: usize = 4;

/// Follows the actor. Hands the accesses to `accesses` in order of (time, id).
///
/// # Errors
/// If the events cannot be scanned, or the sink refuses the accesses.
pub fn trace(inputs: &Inputs<'_>, accesses: &mut dyn FnMut(Vec<Access>) -> Result<(), ScanError>) -> Result<Trail, TraceError> {
    let sources = windows::Sources::of(inputs.estate);
    let mut clocks = clock::Clocks::of(inputs.coverage, inputs.estate);
    let (sessions, survey, notes) = surveyed(inputs, &sources, &mut clocks).map_err(TraceError::Events)?;
    let logons = windows::survey(inputs.events, &sources, &survey.pinned_logon_sessions(inputs.pins)).map_err(TraceError::Events)?;
    let mut links = links::Links::of(inputs.decisions);
    let mut identity = identity::Identity::new(&survey, &logons, inputs.estate, &sessions);
    notes.into_iter().for_each(|note| identity.note(note));

    seeds::plant(inputs, &survey, &mut identity, &mut links);
    identity.spread(&mut links);
    let on: BTreeSet<Arc<str>> = identity.reached(&links).into_keys().collect();
    for note in clock::vote(inputs.events, &survey, &|key| on.contains(&key.0), &mut clocks).map_err(TraceError::Events)? {
        identity.note(note);
    }

    let mut work = trail::Work::new(inputs, &survey, &clocks);
    reach(&mut work, &sessions, &mut identity, &mut links).map_err(TraceError::Events)?;
    if work.follow_newcomers(&sessions, &mut identity, &mut links) {
        reach(&mut work, &sessions, &mut identity, &mut links).map_err(TraceError::Events)?;
    }
    work.link_statements(&mut identity, &mut links);
    work.note_untraced_files(&mut identity);
    work.note_secret_sessions(&sessions, &mut identity, &links);
    work.link_dark_time(&mut identity, &mut links);
    work.add_windows(windows::gather(inputs, &sources, &logons, &windows::followed(&logons, &links), &links).map_err(TraceError::Events)?, &mut identity);
    if work.reads_nothing() {
        seeds::leave_unfound(inputs, &survey, &mut identity);
    }
    let (splits, division) = work.split();
    let steps = work.steps(&links);
    work.emit(&steps.1, ACCESSES_AT_A_TIME, accesses).map_err(TraceError::Accesses)?;
    let actor = work.actor(&identity, &logons, &links);
    let links = links.into_links();
    let (mut notes, mut open) = identity.into_notes();
    open.extend(seeds::left_out(inputs, &actor));
    open.extend(seeds::nobody_named(inputs, &links));
    open.extend(seeds::pins_without_events(inputs, &links, &steps.0));
    notes.extend(open.iter().take(MOST_OPEN_IN_NOTES).map(OpenQuestion::to_string));
    if open.len() > MOST_OPEN_IN_NOTES {
        notes.push(format!("{} more questions are open", open.len() - MOST_OPEN_IN_NOTES));
    }
    notes.extend(trail::parties_note(&actor));
    Ok(Trail { links, steps: steps.0, actor, notes, open: open.into_iter().collect(), splits, division })
}

/// Gathers what is the actor's, and follows what it leads to, until nothing new is reached.
fn reach(work: &mut trail::Work<'_>, sessions: &sessions::Sessions, identity: &mut identity::Identity<'_>, links: &mut links::Links) -> Result<(), ScanError> {
    identity.spread(links);
    for _ in 0..MOST_ROUNDS {
        let before = links.progress();
        work.gather(sessions, identity, links)?;
        work.exploits(identity);
        identity.spread(links);
        if !work.found_jobs() && links.progress() == before {
            break;
        }
    }
    Ok(())
}

/// The survey; where no log of a system names a session, a second one with the sessions whose secrets its application looks up.
fn surveyed(
    inputs: &Inputs<'_>,
    windows: &windows::Sources,
    clocks: &mut clock::Clocks,
) -> Result<(sessions::Sessions, survey::Survey, Vec<String>), ScanError> {
    let sessions = sessions::Sessions::of_logs(inputs.estate);
    let survey = survey::survey(inputs.events, &sessions, inputs.pins, windows)?;
    let nameless = sessions::nameless(&survey);
    if nameless.is_empty() || survey.statement_sources.is_empty() {
        return Ok((sessions, survey, Vec::new()));
    }
    let notes = clock::vote(inputs.events, &survey, &|key| nameless.contains(&key.0), clocks)?;
    let sessions = sessions.with(sessions::look_up(inputs, &survey, clocks, &nameless)?);
    let survey = survey::survey(inputs.events, &sessions, inputs.pins, windows)?;
    Ok((sessions, survey, notes))
}
