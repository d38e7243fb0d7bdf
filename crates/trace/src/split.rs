//! The split: for each request of the actor, whose the statements are that its application ran while it was in progress. It
//! decides nothing; it shows the law of conservation at work, so that a person can check it.

use std::collections::BTreeMap;

use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;
use strandline_model::trail::{Division, Split, Strength};

use crate::conserve::During;
use crate::requests::Request;
use crate::routes::Match;
use crate::statements::Statements;

/// Statements of one request that are named, of each part.
const MOST_EVENTS: usize = 1000;

/// Whose a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// The actor's, proved or inferred.
    Own(Strength),
    /// Somebody else's, proved or inferred.
    Others(Strength),
    /// A person struck the link that made it the actor's.
    Struck,
    /// Nothing tells.
    Open,
}

/// The split of each request of the actor, in order of time, and the division of all statements together, each counted once.
pub(crate) fn split(
    requests: &[Request],
    statements: &Statements,
    during: &During,
    matches: &[Match],
    share: &dyn Fn(&Match) -> Share,
) -> (Vec<Split>, Division) {
    let shares: BTreeMap<usize, Share> = matches.iter().map(|m| (m.execution, share(m))).collect();
    let mut of_request: BTreeMap<usize, Vec<usize>> = requests.iter().enumerate().filter(|(_, r)| r.mine.is_some()).map(|(at, _)| (at, Vec::new())).collect();
    let mut all = Division::default();
    for (e, running) in during {
        add(&mut all, shares.get(e).copied().unwrap_or(Share::Open));
        for request in &running.own {
            if let Some(list) = of_request.get_mut(request) {
                list.push(*e);
            }
        }
    }
    let splits = of_request.into_iter().map(|(at, list)| split_of(&requests[at], &list, statements, &shares));
    let mut splits: Vec<Split> = splits.collect();
    splits.sort_by(|a, b| (a.time, &a.request).cmp(&(b.time, &b.request)));
    (splits, all)
}

fn split_of(request: &Request, list: &[usize], statements: &Statements, shares: &BTreeMap<usize, Share>) -> Split {
    let place = request.lines[0].place.event_ref();
    let mut division = Division::default();
    let mut named: [Vec<EventRef>; 3] = Default::default();
    for e in list {
        let share = shares.get(e).copied().unwrap_or(Share::Open);
        add(&mut division, share);
        let part = match share {
            Share::Own(_) => &mut named[0],
            Share::Others(_) | Share::Struck => &mut named[1],
            Share::Open => &mut named[2],
        };
        if part.len() < MOST_EVENTS {
            part.push(statements.all[*e].proof[0].event_ref());
        }
    }
    let [own, others, open] = named;
    Split {
        request: format!("{}@{}", place.artefact.0, place.offset),
        time: Instant(request.raw),
        system: request.system.to_string(),
        address: request.address.as_deref().map(str::to_owned),
        session: request.session.as_deref().map(str::to_owned),
        kind: request.kind(),
        own_proved: division.own_proved,
        own_inferred: division.own_inferred,
        others_proved: division.others_proved,
        others_inferred: division.others_inferred,
        struck: division.struck,
        open: division.open,
        own_statements: own,
        others_statements: others,
        open_statements: open,
    }
}

fn add(division: &mut Division, share: Share) {
    let count = match share {
        Share::Own(Strength::Proved) => &mut division.own_proved,
        Share::Own(Strength::Inferred) => &mut division.own_inferred,
        Share::Others(Strength::Proved) => &mut division.others_proved,
        Share::Others(Strength::Inferred) => &mut division.others_inferred,
        Share::Struck => &mut division.struck,
        Share::Open | Share::Own(Strength::Open) | Share::Others(Strength::Open) => &mut division.open,
    };
    *count += 1;
}
