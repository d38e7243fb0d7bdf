//! Which of the statements that were given to somebody else stay open all the same: those that a request of the actor may have
//! run as well. Rules that go by habit may be wrong; what hangs on them may not cost a person.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::node::How;

use crate::conserve::{During, Ground};
use crate::requests::Request;
use crate::routes::Match;
use crate::statements::{Execution, shape_key};

/// How a statement came to somebody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival {
    /// Whether it was told by a value that few requests share.
    pub telling: bool,
    /// Whether values of it do not follow from the request that got it.
    pub free: bool,
    /// The actor's own best claim on it.
    pub claim: Option<(How, usize)>,
}

/// Statements that others got and that may be the actor's, with a request of his that may have run them. A statement stays
/// with others if its request id or a telling value says so, or if all of its values follow from their request's URL; else
/// only if no request of the actor that was running is known to run its like, and all of its like are accounted for.
pub(crate) fn contested(
    ground: &Ground<'_>,
    during: &During,
    rivals: &BTreeMap<usize, Rival>,
    may_run: &dyn Fn(&Request, &Execution) -> bool,
    matches: &[Match],
) -> BTreeMap<usize, usize> {
    let unaccounted = unaccounted(ground, during, matches);
    let mut out = BTreeMap::new();
    for m in matches.iter().filter(|m| ground.requests[m.request].mine.is_none() && m.how != How::Id) {
        let Some(running) = during.get(&m.execution) else { continue };
        let rival = rivals.get(&m.execution).copied().unwrap_or(Rival { telling: false, free: true, claim: None });
        if let Some((_, request)) = rival.claim.filter(|(how, _)| *how <= m.how) {
            out.insert(m.execution, request);
            continue;
        }
        if rival.telling || (m.how == How::Value && !rival.free) {
            continue;
        }
        let e = &ground.statements.all[m.execution];
        let alike = |r: usize| rival.free && unaccounted.contains(&(r, shape_key(&e.lifted)));
        let mine = running.own.iter().copied();
        let may_be = |r: &usize| !was_refused(&ground.requests[*r]) && (may_run(&ground.requests[*r], e) || alike(*r));
        if let Some(request) = mine.filter(may_be).min_by_key(|r| ((ground.requests[*r].to - e.time).abs(), *r)) {
            out.insert(m.execution, request);
        }
    }
    out
}

/// Shapes of statements that no rule gave to anybody, with the requests of the actor that were running.
fn unaccounted(ground: &Ground<'_>, during: &During, matches: &[Match]) -> BTreeSet<(usize, u64)> {
    let matched: BTreeSet<usize> = matches.iter().map(|m| m.execution).collect();
    let rest = during.iter().filter(|(e, _)| !matched.contains(e));
    rest.flat_map(|(e, running)| running.own.iter().map(|r| (*r, shape_key(&ground.statements.all[*e].lifted)))).collect()
}

/// Whether a request was turned away, so that nothing that it read went out.
fn was_refused(request: &Request) -> bool {
    matches!(request.status, Some(400..=407 | 409..=498))
}
