//! Dark time: intervals in which no log tells of a system's requests while the actor's session there was alive. What the
//! database logged then, and no logged request explains, may be the actor's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::evidence::Coverage;
use strandline_model::trail::Strength;

use crate::clock::Clocks;
use crate::statements::{Execution, shape_key};
use crate::survey::Survey;

/// How long a session that was not signed out stays usable after its last request.
pub(crate) const IDLE_MICROS: i64 = 30 * 60 * 1_000_000;
/// A continued count may skip this many ids, for statements that another log lost.
const WIDEST_STRIDE: i64 = 3;

/// An interval of the common clock without a log of a system's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dark {
    pub system: Arc<str>,
    pub from: i64,
    pub to: i64,
    /// The account that a person pinned, where only a log that may have named it is missing: any session may have been its.
    pub account: Option<Arc<str>>,
}

/// For pinned accounts: intervals that any log of a system's requests misses, since that one may have been the only log that
/// named the account. Gaps of all such logs at once are dark already.
pub(crate) fn nameless(coverage: &Coverage, survey: &Survey, clocks: &Clocks, accounts: &[Arc<str>]) -> Vec<Dark> {
    let mut out = Vec::new();
    for (system, sources) in &survey.request_sources {
        for source in sources {
            let gaps = coverage.gaps.iter().filter(|g| g.source == source.as_ref());
            let list: Vec<(i64, i64)> =
                gaps.map(|g| (clocks.common(source, g.interval.from.micros()), clocks.common(source, g.interval.to.micros()))).collect();
            for (from, to) in crate::requests::union(list) {
                out.extend(accounts.iter().map(|account| Dark { system: system.clone(), from, to, account: Some(account.clone()) }));
            }
        }
    }
    out.sort_by(|a, b| (&a.system, a.from, a.to, &a.account).cmp(&(&b.system, b.from, b.to, &b.account)));
    out.dedup();
    out
}

/// Intervals that all request logs of a system miss. A log that the estate names and nobody supplied misses everything.
pub(crate) fn dark(coverage: &Coverage, survey: &Survey, clocks: &Clocks, systems: &BTreeSet<Arc<str>>) -> Vec<Dark> {
    let mut out = Vec::new();
    for system in systems {
        let mut remaining: Option<Vec<(i64, i64)>> = None;
        for source in survey.request_sources.get(system).into_iter().flatten() {
            // A line that could not be read may have been his request: between the records around it, what nothing else
            // explains is as open as in a silence.
            let gaps = coverage.gaps.iter().filter(|g| g.source == source.as_ref());
            let mut list: Vec<(i64, i64)> =
                gaps.map(|g| (clocks.common(source, g.interval.from.micros()), clocks.common(source, g.interval.to.micros()))).collect();
            list = crate::requests::union(list);
            remaining = Some(match remaining {
                None => list,
                Some(known) => overlap(&known, &list),
            });
        }
        out.extend(remaining.unwrap_or_default().into_iter().map(|(from, to)| Dark { system: system.clone(), from, to, account: None }));
    }
    out
}

/// The databases that a system's application may read, by their place in the estate: those that its routes name or that
/// belong to it; where neither is told, all of them.
pub(crate) fn databases(estate: &Estate, system: &str) -> Vec<usize> {
    let named = |id: &str| estate.routes.iter().any(|route| route.system == system && route.database == id);
    let own: Vec<usize> = (0..estate.databases.len()).filter(|at| estate.databases[*at].system == system || named(&estate.databases[*at].id)).collect();
    if own.is_empty() { (0..estate.databases.len()).filter(|at| !estate.databases[*at].snapshot.is_empty()).collect() } else { own }
}

/// Whether a log of a database is missing at some time of an interval of the common clock.
pub(crate) fn is_missing(estate: &Estate, coverage: &Coverage, clocks: &Clocks, database: usize, (from, to): (i64, i64)) -> bool {
    let logs = estate.logs_of(&estate.databases[database]);
    coverage
        .gaps
        .iter()
        .filter(|g| logs.contains(g.source.as_str()))
        .any(|g| clocks.common(&g.source, g.interval.from.micros()) <= to && from <= clocks.common(&g.source, g.interval.to.micros()))
}

fn overlap(a: &[(i64, i64)], b: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut out = Vec::new();
    for (from, to) in a {
        out.extend(b.iter().map(|(x, y)| (*from.max(x), *to.min(y))).filter(|(x, y)| x < y));
    }
    out
}

/// The text before an id's last digits, and the number they make.
fn counted(value: &str) -> Option<(&str, i64)> {
    let digits = value.bytes().rev().take_while(u8::is_ascii_digit).count().min(15);
    let (stem, number) = value.split_at(value.len() - digits);
    number.parse().ok().map(|n| (stem, n))
}

/// What the actor did with one shape: the ids, one after the other.
struct Run {
    slot: usize,
    stem: String,
    last: i64,
    time: i64,
    stride: i64,
    pause: i64,
}

/// A statement of dark time and how strongly it is the actor's.
pub(crate) struct Found {
    pub execution: usize,
    pub strength: Strength,
    pub reason: String,
}

/// Sorts the unexplained statements of one dark interval: those that carry on the actor's count, and the rest.
/// `before` are the actor's statements through the application up to the gap, in order.
pub(crate) fn continued(before: &[&Execution], unexplained: &[(usize, &Execution)]) -> Vec<Found> {
    let mut runs = runs(before);
    let shapes: BTreeSet<u64> = before.iter().map(|e| shape_key(&e.lifted)).collect();
    let used: BTreeSet<&Arc<str>> = before.iter().map(|e| &e.connection).collect();
    let mut current: Option<(String, i64, i64)> = None;
    let mut out = Vec::new();
    for (at, e) in unexplained {
        let shape = shape_key(&e.lifted);
        let run = runs.get_mut(&shape).and_then(|run| {
            let value = e.value(run.slot)?;
            let (stem, number) = counted(value)?;
            let (step, wait) = (number - run.last, e.time - run.time);
            let fits = stem == run.stem
                && step.signum() == run.stride.signum()
                && step.abs() <= run.stride.abs().max(WIDEST_STRIDE)
                && (0..=run.pause).contains(&wait);
            fits.then(|| (run, value.to_owned(), number, step, wait))
        });
        let (strength, reason) = if let Some((run, value, number, step, wait)) = run {
            let reason = format!(
                "its id is {step:+} from the actor's last one and it came {:.0} ms later (the actor's own steps were {:+} every {:.0} ms at most){}",
                wait as f64 / 1e3,
                run.stride,
                run.pause as f64 / 1e3,
                if used.contains(&e.connection) { ", on a connection that served the actor" } else { "" }
            );
            (run.last, run.time) = (number, e.time);
            current = Some((value, e.time, run.pause));
            (Strength::Inferred, reason)
        } else if current.as_ref().is_some_and(|(value, time, pause)| {
            shapes.contains(&shape) && e.time - time <= *pause && (0..e.value_count()).any(|slot| e.value(slot) == Some(value))
        }) {
            (Strength::Inferred, "it reads further data of the id that the actor's count had just reached, as his earlier requests did".to_owned())
        } else {
            (Strength::Open, "no logged request explains it and the actor's session was alive; nothing else speaks for it".to_owned())
        };
        out.push(Found { execution: *at, strength, reason });
    }
    out
}

/// Counts that the actor's statements make: at least five ids of one stem with one stride.
fn runs(before: &[&Execution]) -> BTreeMap<u64, Run> {
    let mut by_shape: BTreeMap<u64, Vec<&Execution>> = BTreeMap::new();
    for e in before {
        by_shape.entry(shape_key(&e.lifted)).or_default().push(e);
    }
    let mut out = BTreeMap::new();
    for (shape, list) in by_shape {
        let tail = &list[list.len().saturating_sub(64)..];
        for slot in 0..tail.iter().map(|e| e.value_count()).min().unwrap_or(0).min(8) {
            let ids: Vec<(&str, i64, i64)> = tail.iter().filter_map(|e| e.value(slot).and_then(counted).map(|(stem, n)| (stem, n, e.time))).collect();
            let Some((stem, last, time)) = ids.last().copied() else {
                continue;
            };
            let steps: Vec<(i64, i64)> = ids.windows(2).filter(|w| w[0].0 == stem && w[1].0 == stem).map(|w| (w[1].1 - w[0].1, w[1].2 - w[0].2)).collect();
            let mut strides: BTreeMap<i64, usize> = BTreeMap::new();
            for (step, _) in steps.iter().filter(|(s, _)| *s != 0) {
                *strides.entry(*step).or_default() += 1;
            }
            let Some((stride, count)) = strides.into_iter().max_by_key(|(s, n)| (*n, std::cmp::Reverse(*s))) else {
                continue;
            };
            if count < 4 || count * 10 < steps.len() * 6 {
                continue;
            }
            let mut pauses: Vec<i64> = steps.iter().filter(|(s, _)| *s == stride).map(|(_, p)| *p).collect();
            pauses.sort_unstable();
            // Twice the slowest of the actor's steps but one in ten: a count that goes on keeps its pace.
            let pause = (pauses[(pauses.len() * 9 / 10).min(pauses.len() - 1)] * 2).max(1_000);
            out.insert(shape, Run { slot, stem: stem.to_owned(), last, time, stride, pause });
            break;
        }
    }
    out
}
