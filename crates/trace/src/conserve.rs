//! The law of conservation: whatever an application's connections ran while a request of the actor was in progress is the
//! actor's, somebody else's for a reason, or open. Rules may move a statement from one to another; none makes one disappear.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::node::How;
use strandline_model::trail::Strength;

use crate::clock::telling;
use crate::habits::{Windows, bind_habits};
use crate::jobs::Job;
use crate::lanes::{Brief, bind_lanes};
use crate::requests::Request;
use crate::routes::{Match, Serves, running};
use crate::statements::{Execution, Statements};
use crate::text::Place;

/// How often a connection must have stayed with one request while others' statements ran elsewhere, before connections count
/// as taken by one request at a time.
const FEWEST_CHANCES: usize = 5;
/// Jobs that one statement may be of, besides the requests that were being answered.
const MOST_JOBS_OF_A_STATEMENT: usize = 8;
/// Values of one statement that are compared.
const MOST_VALUES: usize = 16;
/// Coarser stamps, without numbers, do not tell in which order statements of a connection ran.
const COARSEST_ORDER_MICROS: i64 = 1_000;

/// What is looked through.
pub(crate) struct Ground<'g> {
    pub requests: &'g [Request],
    pub statements: &'g Statements,
    /// Whether a connection may serve a request to a system's application, made as an account.
    pub serves: &'g Serves<'g>,
    /// Whether the requests of everybody whom a connection serves are among those that are compared.
    pub compared: &'g dyn Fn(&Execution) -> bool,
    /// Whether a statement carries the id of a request of a system whose ids tell requests apart.
    pub has_foreign_id: &'g dyn Fn(&Execution, &str) -> bool,
    /// Connections that may serve one request each.
    pub brief: &'g Brief<'g>,
    /// When requests ran, and of which kinds.
    pub windows: &'g Windows,
    /// Work that requests of the actor began, and that went on after they were answered.
    pub jobs: &'g BTreeSet<Job>,
}

impl Ground<'_> {
    /// Whether what one statement of a transaction or connection tells counts for the others of it: what is somebody else's by habit alone, or by a
    /// value that others could have had, takes nothing from the actor.
    pub(crate) fn may_carry(&self, owner: &Owner, is_certain: bool) -> bool {
        is_certain || self.requests[owner.request].mine.is_some()
    }
}

/// Statements that ran while a request of the actor did, and what was running then.
pub(crate) type During = BTreeMap<usize, Running>;

/// The requests that were running when a statement did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// The actor's; of those whose work went on after they were answered, a few.
    pub own: Vec<usize>,
    /// Whether anybody else's were.
    pub others: bool,
}

/// Adds a match for each statement that ran while the actor's requests did and that no rule gave to anybody.
/// `open` are statements that the actor or somebody else may have caused, with the actor's request.
pub(crate) fn conserve(ground: &Ground<'_>, during: &During, open: &BTreeMap<usize, usize>, matches: &mut Vec<Match>) {
    matches.retain(|m| !open.contains_key(&m.execution));
    let mut owners: BTreeMap<usize, Owner> = matches.iter().map(|m| (m.execution, Owner::of(m))).collect();
    bind_transactions(ground, during, &mut owners, matches);
    let lanes = bind_lanes(ground, during, &mut owners, matches);
    bind_connections(ground, during, &mut owners, matches);
    bind_chains(ground, during, &mut owners, matches);
    bind_jobs(ground, during, &mut owners, matches);
    bind_habits(ground, during, &lanes, &mut owners, matches);
    for (execution, running) in during.iter().filter(|(e, _)| !owners.contains_key(e)) {
        let e = &ground.statements.all[*execution];
        let nearest = || running.own.iter().copied().min_by_key(|r| ((ground.requests[*r].to - e.time).abs(), *r));
        let Some(request) = open.get(execution).copied().or_else(nearest) else {
            continue;
        };
        let is_alone = !running.others && (ground.compared)(e);
        let is_answering = running.own.iter().any(|r| (ground.requests[*r].from.saturating_sub(e.precision)..=ground.requests[*r].to).contains(&e.time));
        let is_told = !is_answering || open.contains_key(execution) || (ground.has_foreign_id)(e, &ground.requests[request].system);
        let (how, strength) = if is_alone && !is_told { (How::Alone, Strength::Inferred) } else { (How::Open, Strength::Open) };
        matches.push(Match { execution: *execution, request, how, strength, is_certain: false, is_sole: false, field: None });
    }
}

/// Whose a statement is.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    pub request: usize,
    pub strength: Strength,
    pub is_certain: bool,
}

impl Owner {
    fn of(m: &Match) -> Self {
        Self { request: m.request, strength: m.strength, is_certain: m.is_certain }
    }
}

/// Finds them.
pub(crate) fn during(ground: &Ground<'_>) -> During {
    let mut out: During = BTreeMap::new();
    let served = |request: &Request, from: i64, until: i64| {
        let (system, account) = (request.system.clone(), request.account.clone());
        running(ground.statements, from, until).filter(move |e| (ground.serves)(&ground.statements.all[*e], &system, account.as_deref()))
    };
    let (own, others): (Vec<usize>, Vec<usize>) = (0..ground.requests.len()).partition(|r| ground.requests[*r].mine.is_some());
    for r in &own {
        let request = &ground.requests[*r];
        served(request, request.from, request.to).for_each(|e| out.entry(e).or_default().own.push(*r));
    }
    let goes_on = |r: &&usize| ground.requests[**r].until > ground.requests[**r].to || ground.requests[**r].since < ground.requests[**r].from;
    for r in own.iter().filter(goes_on) {
        let request = &ground.requests[*r];
        for e in served(request, request.since, request.until) {
            let running = out.entry(e).or_default();
            if running.own.len() < MOST_JOBS_OF_A_STATEMENT && !running.own.contains(r) {
                running.own.push(*r);
            }
        }
    }
    for r in others {
        let request = &ground.requests[r];
        for e in served(request, request.from, request.to) {
            if let Some(running) = out.get_mut(&e) {
                running.others = true;
            }
        }
    }
    out
}

/// A transaction is one request's: statements of it that no rule explains are of the request that the others are of.
fn bind_transactions(ground: &Ground<'_>, during: &During, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let mut groups: BTreeMap<(&Arc<str>, &Arc<str>), Vec<usize>> = BTreeMap::new();
    for (at, e) in ground.statements.all.iter().enumerate() {
        if let Some(transaction) = &e.transaction {
            groups.entry((&e.connection, transaction)).or_default().push(at);
        }
    }
    for group in groups.into_values().filter(|group| group.len() > 1) {
        let known: Vec<Owner> = group.iter().filter_map(|e| owners.get(e).copied()).collect();
        let Some(first) = known.first().copied().filter(|first| known.iter().all(|o| o.request == first.request)) else {
            continue;
        };
        let is_certain = known.iter().any(|o| o.is_certain);
        if !ground.may_carry(&first, is_certain) {
            continue;
        }
        let strength = if is_certain { Strength::Proved } else { Strength::Inferred };
        for e in group.into_iter().filter(|e| during.contains_key(e)) {
            give(e, Owner { strength, is_certain, ..first }, How::Transaction, owners, matches);
        }
    }
}

/// Where no two requests were ever seen to take turns on a connection, what stands between two statements of one request is
/// that request's.
fn bind_connections(ground: &Ground<'_>, during: &During, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let mut lanes: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (at, e) in ground.statements.all.iter().enumerate() {
        lanes.entry(&e.connection).or_default().push(at);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|e| (ground.statements.all[*e].time, ground.statements.all[*e].sequence, *e));
    }
    let is_ordered = |e: &usize| ground.statements.all[*e].sequence.is_some() || ground.statements.all[*e].precision <= COARSEST_ORDER_MICROS;
    if !lanes.values().flatten().all(is_ordered) || !stay_with_one_request(ground.statements, lanes.values(), owners) {
        return;
    }
    for lane in lanes.into_values() {
        let anchors: Vec<(usize, Owner)> = lane.iter().enumerate().filter_map(|(n, e)| owners.get(e).map(|o| (n, *o))).collect();
        for pair in anchors.windows(2).filter(|pair| pair[0].1.request == pair[1].1.request) {
            if !ground.may_carry(&pair[0].1, pair[0].1.is_certain || pair[1].1.is_certain) {
                continue;
            }
            let owner = Owner { strength: Strength::Inferred, is_certain: false, ..pair[0].1 };
            for e in lane[pair[0].0 + 1..pair[1].0].iter().filter(|e| during.contains_key(e)) {
                give(*e, owner, How::Connection, owners, matches);
            }
        }
    }
}

/// Whether connections stay with one request until it is done: requests never interleave on any, though others' statements
/// ran elsewhere between two of one request often enough that they would have been seen to.
fn stay_with_one_request<'l>(statements: &Statements, lanes: impl Iterator<Item = &'l Vec<usize>>, owners: &BTreeMap<usize, Owner>) -> bool {
    let mut by_time: Vec<(i64, usize)> = owners.iter().map(|(e, owner)| (statements.all[*e].time, owner.request)).collect();
    by_time.sort_unstable();
    let is_chance = |first: usize, second: usize, request: usize| {
        let start = by_time.partition_point(|(time, _)| *time <= statements.all[first].time);
        by_time[start..].iter().take_while(|(time, _)| *time < statements.all[second].time).any(|(_, other)| *other != request)
    };
    let mut chances = 0;
    for lane in lanes {
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut last: Option<(usize, usize)> = None;
        for (e, request) in lane.iter().filter_map(|e| owners.get(e).map(|owner| (*e, owner.request))) {
            match last {
                Some((before, current)) if current == request => chances += usize::from(is_chance(before, e, request)),
                _ if !seen.insert(request) => return false,
                _ => {}
            }
            last = Some((e, request));
        }
    }
    chances >= FEWEST_CHANCES
}

/// A row's number that one statement of a request found stands in its next ones: where all statements with a telling value that
/// are anybody's are of one request of the actor, others with it that ran meanwhile are of that request. Others get nothing so.
fn bind_chains(ground: &Ground<'_>, during: &During, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let values = |e: usize| {
        let e = &ground.statements.all[e];
        (0..e.value_count().min(MOST_VALUES)).filter_map(|slot| e.value(slot)).filter(|value| telling(value))
    };
    let mut of_value: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for (e, owner) in owners.iter() {
        for value in values(*e) {
            of_value.entry(value).or_default().insert(owner.request);
        }
    }
    for (e, running) in during {
        if owners.contains_key(e) {
            continue;
        }
        let only = |value: &str| of_value.get(value).filter(|requests| requests.len() == 1).and_then(|requests| requests.first().copied());
        let found = values(*e).filter_map(only).find(|r| running.own.contains(r));
        if let Some(request) = found {
            give(*e, Owner { request, strength: Strength::Inferred, is_certain: false }, How::Chain, owners, matches);
            values(*e).for_each(|value| {
                of_value.entry(value).or_default().insert(request);
            });
        }
    }
}

/// A worker that handles the task of a job has its number or its file's name in a statement: what runs on that connection
/// while the job goes on, and nothing gives to anybody else's request there, is the job's.
fn bind_jobs(ground: &Ground<'_>, during: &During, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let own: HashMap<&Place, usize> = ground.requests.iter().enumerate().filter(|(_, r)| r.mine.is_some()).map(|(at, r)| (&r.lines[0].place, at)).collect();
    for job in ground.jobs {
        let Some(maker) = own.get(&job.maker).copied() else { continue };
        let mut lanes: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
        for e in running(ground.statements, job.from, job.until).filter(|e| during.contains_key(e)) {
            lanes.entry(&ground.statements.all[e].connection).or_default().push(e);
        }
        let names_it = |e: &usize| {
            let e = &ground.statements.all[*e];
            (0..e.value_count()).any(|slot| e.value(slot).is_some_and(|value| job.tokens.contains(value)))
        };
        let is_free = |e: &usize| owners.get(e).is_none_or(|owner| ground.requests[owner.request].mine.is_some());
        let lanes: Vec<Vec<usize>> = lanes.into_values().filter(|lane| lane.iter().any(names_it) && lane.iter().all(is_free)).collect();
        for e in lanes.into_iter().flatten() {
            give(e, Owner { request: maker, strength: Strength::Inferred, is_certain: false }, How::Job, owners, matches);
        }
    }
}

/// Gives a statement that nobody has to a request; what goes to others needs no match, since only the actor's is told.
pub(crate) fn give(execution: usize, owner: Owner, how: How, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    if owners.contains_key(&execution) {
        return;
    }
    owners.insert(execution, owner);
    matches.push(Match { execution, request: owner.request, how, strength: owner.strength, is_certain: owner.is_certain, is_sole: false, field: None });
}
