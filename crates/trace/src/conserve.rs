//! The law of conservation: whatever an application's connections ran while a request of the actor was in progress is the
//! actor's, somebody else's for a reason, or open. Rules may move a statement from one to another; none makes one disappear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::trail::Strength;

use crate::requests::Request;
use crate::routes::{How, Match, running};
use crate::statements::{Execution, Statements};

/// Requests with several statements on a connection that must be seen whole before connections count as taken by one
/// request at a time.
const FEWEST_WHOLE: usize = 5;

/// What is looked through.
pub(crate) struct Ground<'g> {
    pub requests: &'g [Request],
    pub statements: &'g Statements,
    /// Whether a connection serves a system's application.
    pub serves: &'g dyn Fn(&Execution, &str) -> bool,
    /// Whether the requests of everybody whom a connection serves are among those that are compared.
    pub compared: &'g dyn Fn(&Execution) -> bool,
}

/// Adds a match for each statement that ran while the actor's requests did and that no rule gave to anybody.
/// `contested` are statements that were given to others, and requests of the actor that explain them as well.
pub(crate) fn conserve(ground: &Ground<'_>, contested: &BTreeMap<usize, usize>, matches: &mut Vec<Match>) {
    let candidates = candidates(ground);
    let mut owners: BTreeMap<usize, Owner> = BTreeMap::new();
    for m in matches.iter().filter(|m| !contested.contains_key(&m.execution)) {
        owners.insert(m.execution, Owner { request: m.request, strength: m.strength });
    }
    bind_transactions(ground, &candidates, &mut owners, matches);
    bind_connections(ground, &candidates, &mut owners, matches);
    for (execution, running) in &candidates {
        if owners.contains_key(execution) {
            continue;
        }
        let e = &ground.statements.all[*execution];
        let mine = running.iter().copied().filter(|r| ground.requests[*r].mine.is_some());
        let Some(request) = contested.get(execution).copied().or_else(|| mine.min_by_key(|r| ((ground.requests[*r].to - e.time).abs(), *r))) else {
            continue;
        };
        let alone = running.iter().all(|r| ground.requests[*r].mine.is_some()) && (ground.compared)(e) && !contested.contains_key(execution);
        let (how, strength) = if alone { (How::Alone, Strength::Inferred) } else { (How::Open, Strength::Open) };
        matches.push(Match { execution: *execution, request, how, strength, field: None });
    }
}

/// Whose a statement is.
#[derive(Clone, Copy)]
struct Owner {
    request: usize,
    strength: Strength,
}

/// Statements that ran while a request of the actor did, with all requests that were running, but those whose id says
/// otherwise.
fn candidates(ground: &Ground<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (r, request) in ground.requests.iter().enumerate() {
        for e in running(ground.statements, request.from, request.to) {
            let execution = &ground.statements.all[e];
            let other_id = matches!((&execution.request_id, &request.request_id), (Some(a), Some(b)) if a != b);
            if !other_id && (ground.serves)(execution, &request.system) {
                out.entry(e).or_default().push(r);
            }
        }
    }
    out.retain(|_, running| running.iter().any(|r| ground.requests[*r].mine.is_some()));
    out
}

/// A transaction is one request's: statements of it that no rule explains are of the request that the others are of.
fn bind_transactions(ground: &Ground<'_>, candidates: &BTreeMap<usize, Vec<usize>>, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
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
        let strength = known.iter().map(|o| o.strength).max().unwrap_or(first.strength);
        for e in group.into_iter().filter(|e| candidates.contains_key(e)) {
            give(e, Owner { strength, ..first }, How::Transaction, owners, matches);
        }
    }
}

/// Where no two requests were ever seen to take turns on a connection, what stands between two statements of one request is
/// that request's.
fn bind_connections(ground: &Ground<'_>, candidates: &BTreeMap<usize, Vec<usize>>, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    let mut lanes: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (at, e) in ground.statements.all.iter().enumerate() {
        lanes.entry(&e.connection).or_default().push(at);
    }
    for lane in lanes.values_mut() {
        lane.sort_by_key(|e| (ground.statements.all[*e].time, ground.statements.all[*e].sequence, *e));
    }
    if !take_turns_as_a_whole(lanes.values(), owners) {
        return;
    }
    for lane in lanes.into_values() {
        let anchors: Vec<(usize, Owner)> = lane.iter().enumerate().filter_map(|(n, e)| owners.get(e).map(|o| (n, *o))).collect();
        for pair in anchors.windows(2).filter(|pair| pair[0].1.request == pair[1].1.request) {
            let owner = Owner { strength: Strength::Inferred.min(pair[0].1.strength).min(pair[1].1.strength), ..pair[0].1 };
            for e in lane[pair[0].0 + 1..pair[1].0].iter().filter(|e| candidates.contains_key(e)) {
                give(*e, owner, How::Connection, owners, matches);
            }
        }
    }
}

/// Whether requests never interleave on any connection, as far as enough of them show.
fn take_turns_as_a_whole<'l>(lanes: impl Iterator<Item = &'l Vec<usize>>, owners: &BTreeMap<usize, Owner>) -> bool {
    let mut whole = 0;
    for lane in lanes {
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut run: Option<(usize, usize)> = None;
        for request in lane.iter().filter_map(|e| owners.get(e)).map(|o| o.request) {
            match &mut run {
                Some((current, length)) if *current == request => {
                    *length += 1;
                    whole += usize::from(*length == 2);
                }
                _ if !seen.insert(request) => return false,
                _ => run = Some((request, 1)),
            }
        }
    }
    whole >= FEWEST_WHOLE
}

/// Gives a statement that nobody has to a request; what goes to others needs no match, since only the actor's is told.
fn give(execution: usize, owner: Owner, how: How, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) {
    if owners.contains_key(&execution) {
        return;
    }
    owners.insert(execution, owner);
    matches.push(Match { execution, request: owner.request, how, strength: owner.strength, field: None });
}
