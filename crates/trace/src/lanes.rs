//! Connections that serve one request each: PHP opens one for every request, and Django as it is set by default. There a
//! statement is of the request that any other statement of its connection is of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::node::How;
use strandline_model::trail::Strength;

use crate::conserve::{During, Ground, Owner, give};
use crate::routes::Match;
use crate::survey::{ConnectionSeen, Survey};

/// A connection that lasts longer may serve several requests.
const LONGEST_MICROS: i64 = 60_000_000;
/// Brief connections of an application, before that counts as how it takes them …
const FEWEST_BRIEF: usize = 20;
/// … and one of how many may be otherwise. A value that two requests share can be given to the wrong one, too.
const EXCEPTIONS: usize = 10;
/// One of how many connections may seem to serve two requests, where there are as many as requests.
const MISTAKES: usize = 5;
/// Statements of a connection that values must tell to be of somebody else's request, where none of them is surely that one's alone.
const FEWEST_TOLD: usize = 2;
/// Connections that would be seen to serve two requests if all did, before it counts that they do not.
const FEWEST_SHARED: usize = 5;

/// Connections of an application that are as brief as a request.
pub(crate) struct Brief<'s> {
    connections: BTreeSet<&'s str>,
    /// Whether there are about as many of them as requests.
    are_as_many: bool,
}

impl<'s> Brief<'s> {
    /// Those of applications, where nearly all of theirs are brief; the requests are those of the sources.
    pub(crate) fn of(survey: &'s Survey, serves: &dyn Fn(&str) -> bool, systems: &BTreeSet<Arc<str>>) -> Self {
        let is_brief = |c: &ConnectionSeen| c.span.last.saturating_sub(c.span.first) <= LONGEST_MICROS;
        let of_applications = || survey.connections.iter().filter(|(id, c)| c.statements > 0 && serves(id));
        let connections: BTreeSet<&str> = of_applications().filter(|(_, c)| is_brief(c)).map(|(id, _)| id.as_ref()).collect();
        let all = of_applications().count();
        if connections.len() < FEWEST_BRIEF || (all - connections.len()) * EXCEPTIONS > all {
            return Self { connections: BTreeSet::new(), are_as_many: false };
        }
        // Several logs may tell of one request.
        let of_system = |system: &Arc<str>| {
            let sources = survey.request_sources.get(system).into_iter().flatten();
            sources.filter_map(|source| survey.requests.get(source)).max().copied().unwrap_or(0)
        };
        let (requests, opened) = (systems.iter().map(of_system).sum::<u64>(), connections.len() as u64);
        Self { are_as_many: 4 * requests <= 5 * opened && 4 * opened <= 5 * requests, connections }
    }

    fn holds(&self, connection: &str) -> bool {
        self.connections.contains(connection)
    }
}

/// A connection: what ran on it, and the request that its statements are of, as far as values tell.
#[derive(Default)]
struct Lane {
    statements: Vec<usize>,
    /// How many of its statements are of each request by an identifier or a value, and whether one of them for certain.
    told: BTreeMap<usize, (usize, bool)>,
}

impl Lane {
    /// The one request that it is known to serve.
    fn only(&self) -> Option<(usize, bool)> {
        let mut told = self.told.iter();
        let (request, (_, is_certain)) = told.next()?;
        told.next().is_none().then_some((*request, *is_certain))
    }

    /// Whether that says whose the others are: one value alone that others could have had makes it nobody else's.
    fn may_carry(&self, ground: &Ground<'_>, (request, is_certain): &(usize, bool)) -> bool {
        *is_certain || ground.requests[*request].mine.is_some() || self.told.values().any(|(count, _)| *count >= FEWEST_TOLD)
    }
}

/// Gives what runs on a connection to the request that it serves, where each serves one. Returns the statements of those connections of
/// which no value tells whom they serve.
pub(crate) fn bind_lanes(ground: &Ground<'_>, during: &During, owners: &mut BTreeMap<usize, Owner>, matches: &mut Vec<Match>) -> Vec<Vec<usize>> {
    let mut lanes: BTreeMap<&Arc<str>, Lane> = BTreeMap::new();
    for (at, e) in ground.statements.all.iter().enumerate().filter(|(_, e)| ground.brief.holds(&e.connection)) {
        lanes.entry(&e.connection).or_default().statements.push(at);
    }
    // Elsewhere nobody looked whose statements are.
    lanes.retain(|_, lane| lane.statements.iter().any(|e| during.contains_key(e)));
    for m in matches.iter().filter(|m| m.how == How::Id || m.how == How::Value && m.is_sole || m.how == How::Injected) {
        if let Some(lane) = lanes.get_mut(&ground.statements.all[m.execution].connection) {
            let told = lane.told.entry(m.request).or_default();
            *told = (told.0 + 1, told.1 || m.is_certain);
        }
    }
    if !serve_one_each(&lanes, ground.brief.are_as_many) {
        return Vec::new();
    }
    for lane in lanes.values() {
        let Some((request, is_certain)) = lane.only().filter(|only| lane.may_carry(ground, only)) else { continue };
        let strength = if is_certain { Strength::Proved } else { Strength::Inferred };
        for e in lane.statements.iter().filter(|e| during.contains_key(e)) {
            give(*e, Owner { request, strength, is_certain }, How::Lane, owners, matches);
        }
    }
    let is_untold = |lane: &Lane| lane.only().map_or(lane.told.is_empty(), |only| !lane.may_carry(ground, &only));
    lanes.into_values().filter(is_untold).map(|lane| lane.statements).collect()
}

/// Whether connections serve one request each. Either those of which values tell it serve no second one, though so many are told that
/// it would have shown if each served two. Or there are as many as requests, and where values tell of several statements of one, it is one
/// request, but for a few.
fn serve_one_each(lanes: &BTreeMap<&Arc<str>, Lane>, are_as_many: bool) -> bool {
    let told: usize = lanes.values().map(|lane| lane.told.len()).sum();
    let shared = lanes.values().filter(|lane| lane.told.len() > 1).count();
    let several = lanes.values().filter(|lane| lane.told.values().map(|(count, _)| count).sum::<usize>() > 1).count();
    // Of two requests on each connection, both are told on so many.
    let expected = told * told / (4 * lanes.len().max(1));
    (expected >= FEWEST_SHARED && shared * EXCEPTIONS <= expected) || (are_as_many && several >= FEWEST_BRIEF && shared * MISTAKES <= several)
}
