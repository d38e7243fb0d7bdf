//! The law of conservation: whatever an application's connections ran while a request of the actor was in progress is the
//! actor's, somebody else's for a reason, or open. Rules may move a statement from one to another; none makes one disappear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::trail::Strength;

use crate::requests::Request;
use crate::routes::{How, Match, running};
use crate::statements::{Execution, Statements};

/// How often a connection must have stayed with one request while others' statements ran elsewhere, before connections count
/// as taken by one request at a time.
const FEWEST_CHANCES: usize = 5;
/// Coarser stamps, without numbers, do not tell in which order statements of a connection ran.
const COARSEST_ORDER_MICROS: i64 = 1_000;

/// What is looked through.
pub(crate) struct Ground<'g> {
    pub requests: &'g [Request],
    pub statements: &'g Statements,
    /// Whether a connection serves a system's application.
    pub serves: &'g dyn Fn(&Execution, &str) -> bool,
    /// Whether the requests of everybody whom a connection serves are among those that are compared.
    pub compared: &'g dyn Fn(&Execution) -> bool,
    /// Whether a statement carries the id of a request of a system whose ids tell requests apart.
    pub has_foreign_id: &'g dyn Fn(&Execution, &str) -> bool,
}

/// Statements that ran while a request of the actor did, each with all requests that were running.
pub(crate) type During = BTreeMap<usize, Vec<usize>>;

/// Adds a match for each statement that ran while the actor's requests did and that no rule gave to anybody.
/// `open` are statements that the actor or somebody else may have caused, with the actor's request.
pub(crate) fn conserve(ground: &Ground<'_>, during: &During, open: &BTreeMap<usize, usize>, matches: &mut Vec<Match>) {
    matches.retain(|m| !open.contains_key(&m.execution));
    let mut owners: BTreeMap<usize, Owner> = matches.iter().map(|m| (m.execution, Owner::of(m))).collect();
    bind_transactions(ground, during, &mut owners, matches);
    bind_connections(ground, during, &mut owners, matches);
    for (execution, running) in during.iter().filter(|(e, _)| !owners.contains_key(e)) {
        let e = &ground.statements.all[*execution];
        let mine = running.iter().copied().filter(|r| ground.requests[*r].mine.is_some());
        let Some(request) = open.get(execution).copied().or_else(|| mine.min_by_key(|r| ((ground.requests[*r].to - e.time).abs(), *r))) else {
            continue;
        };
        let is_alone = running.iter().all(|r| ground.requests[*r].mine.is_some()) && (ground.compared)(e);
        let is_told = open.contains_key(execution) || (ground.has_foreign_id)(e, &ground.requests[request].system);
        let (how, strength) = if is_alone && !is_told { (How::Alone, Strength::Inferred) } else { (How::Open, Strength::Open) };
        matches.push(Match { execution: *execution, request, how, strength, is_certain: false, field: None });
    }
}

/// Whose a statement is.
#[derive(Clone, Copy)]
struct Owner {
    request: usize,
    strength: Strength,
    is_certain: bool,
}

impl Owner {
    fn of(m: &Match) -> Self {
        Self { request: m.request, strength: m.strength, is_certain: m.is_certain }
    }
}

/// Finds them.
pub(crate) fn during(ground: &Ground<'_>) -> During {
    let mut out: During = BTreeMap::new();
    for (r, request) in ground.requests.iter().enumerate() {
        for e in running(ground.statements, request.from, request.to) {
            if (ground.serves)(&ground.statements.all[e], &request.system) {
                out.entry(e).or_default().push(r);
            }
        }
    }
    out.retain(|_, running| running.iter().any(|r| ground.requests[*r].mine.is_some()));
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

/// Gives a statement that nobody has to a request; what goes to others needs no match, since only the actor's is told.
fn give(execution: usize, owner: Owner, how: How, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    if owners.contains_key(&execution) {
        return;
    }
    owners.insert(execution, owner);
    matches.push(Match { execution, request: owner.request, how, strength: owner.strength, is_certain: owner.is_certain, field: None });
}
