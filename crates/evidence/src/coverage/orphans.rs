//! Statements of an application at times when none of its logs has a request: the database remembers work whose cause is lost.
//!
//! A quiet log hides a short loss from its own rate; the database's log does not. Times are kept as one bit a second, so that
//! memory grows with the days that the logs span (11 KB each) and not with their size.

use std::collections::BTreeMap;

use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, Event};
use strandline_model::evidence::GapKind;

use super::edges::Context;
use super::{Gap, interval};

const DAY_SECONDS: i64 = 86_400;
const MICROS: i64 = 1_000_000;
/// A request and its statements are logged within so many seconds of each other.
const NEAR_SECONDS: i64 = 2;
/// Days kept for one application; ten years of logs.
const DAYS_MAX: usize = 3_660;
/// A gap needs at least so many unexplained seconds in a row,
const LEAST_RUN: usize = 3;
/// and that chance would make such a run less often than once in a thousand logs like this one.
const CHANCE: f64 = 0.001;
/// Where more seconds than this are unexplained, the clocks differ or the application works unasked: nothing can be told.
const UNEXPLAINED_MAX: f64 = 0.2;

/// One bit a second.
#[derive(Default)]
struct Seconds {
    days: BTreeMap<i64, Vec<u64>>,
}

impl Seconds {
    fn set(&mut self, second: i64) {
        let day = second.div_euclid(DAY_SECONDS);
        if !self.days.contains_key(&day) && self.days.len() >= DAYS_MAX {
            return;
        }
        let bits = self.days.entry(day).or_insert_with(|| vec![0; 1 + DAY_SECONDS as usize / 64]);
        let at = second.rem_euclid(DAY_SECONDS) as usize;
        bits[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, second: i64) -> bool {
        let at = second.rem_euclid(DAY_SECONDS) as usize;
        self.days.get(&second.div_euclid(DAY_SECONDS)).is_some_and(|bits| bits[at / 64] >> (at % 64) & 1 == 1)
    }

    fn has_near(&self, second: i64) -> bool {
        (second - NEAR_SECONDS..=second + NEAR_SECONDS).any(|s| self.has(s))
    }

    fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.days.iter().flat_map(|(day, bits)| {
            bits.iter()
                .enumerate()
                .flat_map(move |(word, set)| (0..64).filter(move |bit| set >> bit & 1 == 1).map(move |bit| day * DAY_SECONDS + (word * 64 + bit) as i64))
        })
    }

    /// The last set second up to `second`, and the first one from it on, within a day.
    fn around(&self, from: i64, to: i64) -> (Option<i64>, Option<i64>) {
        let before = (from - DAY_SECONDS..=from).rev().find(|s| self.has(*s));
        let after = (to..=to + DAY_SECONDS).find(|s| self.has(*s));
        (before, after)
    }
}

/// Seconds with requests, by system and by source; seconds with statements, by application.
#[derive(Default)]
pub(crate) struct Orphans {
    requests: BTreeMap<String, Seconds>,
    by_source: BTreeMap<String, Seconds>,
    /// (system, role, application name)
    statements: BTreeMap<(String, String, String), Seconds>,
}

impl Orphans {
    pub(crate) fn see(&mut self, event: &Event<'_>, estate: &Estate) {
        let second = event.time.micros().div_euclid(MICROS);
        match event.class {
            Class::Http | Class::Authentication => {
                self.requests.entry(event.system.to_string()).or_default().set(second);
                self.by_source.entry(event.source.to_string()).or_default().set(second);
            }
            Class::Datastore if event.activity == Activity::Read => {
                let (Some(role), Some(host)) = (event.account.as_deref(), event.src_ip.as_deref()) else { return };
                let owner =
                    estate.systems.iter().find(|s| s.roles.iter().any(|r| r == role) && (s.addresses.is_empty() || s.addresses.iter().any(|a| a == host)));
                let Some(owner) = owner else { return };
                let key = (owner.id.clone(), role.to_owned(), event.application.as_deref().unwrap_or_default().to_owned());
                self.statements.entry(key).or_default().set(second);
            }
            _ => {}
        }
    }

    /// Gaps of one source of requests: runs of seconds with statements of its system's application and no request anywhere.
    pub(crate) fn gaps(&self, context: &Context<'_>) -> Vec<Gap> {
        let (Some(requests), Some(own)) = (self.requests.get(context.system), self.by_source.get(context.id)) else { return Vec::new() };
        let mut gaps = Vec::new();
        for ((_, role, _), statements) in self.statements.iter().filter(|((system, ..), _)| system == context.system) {
            let (mut all, mut unexplained) = (0_u64, 0_u64);
            for second in statements.iter() {
                all += 1;
                unexplained += u64::from(!requests.has_near(second));
            }
            let share = unexplained as f64 / all.max(1) as f64;
            if unexplained == 0 || share > UNEXPLAINED_MAX {
                continue;
            }
            let least = least_run(all, share);
            for run in runs(statements, requests).filter(|run| run.len() >= least) {
                gaps.push(gap_of(context, own, role, &run, all, unexplained));
            }
        }
        gaps.sort_by_key(|gap| gap.interval);
        gaps.dedup_by(|later, first| later.interval == first.interval);
        gaps
    }
}

/// How long a run must be so that chance is ruled out, if single seconds are unexplained with this share.
fn least_run(all: u64, share: f64) -> usize {
    // A loss itself raises the share: half of it is taken as what is usual.
    let usual = (share / 2.0).max(1.0 / (all as f64 + 1.0)).min(0.5);
    let length = (CHANCE / all as f64).ln() / usual.ln();
    (length.ceil() as usize).max(LEAST_RUN)
}

/// Runs of unexplained seconds that no second with a request interrupts.
fn runs<'s>(statements: &'s Seconds, requests: &'s Seconds) -> impl Iterator<Item = Vec<i64>> + 's {
    let mut all: Vec<Vec<i64>> = Vec::new();
    let mut current: Vec<i64> = Vec::new();
    for second in statements.iter() {
        if requests.has_near(second) {
            all.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
            continue;
        }
        let apart = current.last().is_some_and(|last| (*last..=second).any(|s| requests.has(s)) || second - last > DAY_SECONDS);
        if apart {
            all.push(std::mem::take(&mut current));
        }
        current.push(second);
    }
    all.extend((!current.is_empty()).then_some(current));
    all.into_iter()
}

fn gap_of(context: &Context<'_>, own: &Seconds, role: &str, run: &[i64], all: u64, unexplained: u64) -> Gap {
    let (first, last) = (run[0], run[run.len() - 1]);
    let (before, after) = own.around(first, last);
    let (from, to) = (before.unwrap_or(first - NEAR_SECONDS), after.map_or(last + NEAR_SECONDS, |s| s + 1));
    let reason = format!(
        "the database ran statements of {role} in {} different seconds of this interval, and no log of {} has a request there; of all {all} seconds with such statements only {unexplained} are without",
        run.len(),
        context.system
    );
    context.gap(GapKind::Silence, interval(from.saturating_mul(MICROS), to.saturating_mul(MICROS)), None, reason, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statements: impl Iterator<Item = i64>, requests: impl Iterator<Item = i64>, expected: &[(i64, i64)]) {
        let (mut s, mut r) = (Seconds::default(), Seconds::default());
        statements.for_each(|t| s.set(t));
        requests.for_each(|t| r.set(t));
        let all = s.iter().count() as u64;
        let unexplained = s.iter().filter(|t| !r.has_near(*t)).count() as u64;
        let least = least_run(all, unexplained as f64 / all as f64);
        let got: Vec<(i64, i64)> = runs(&s, &r).filter(|run| run.len() >= least).map(|run| (run[0], run[run.len() - 1])).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn work_without_a_request_is_a_gap() {
        let lost = 3_000..3_040;
        check((0..10_000).step_by(7), (0..10_000).step_by(7).filter(|t| !lost.contains(t)), &[(3003, 3038)]);
        check((0..10_000).step_by(7), (0..10_000).step_by(7), &[]);
    }

    #[test]
    fn work_that_nobody_asks_for_now_and_then_is_none() {
        check((0..100_000).step_by(20), (0..100_000).step_by(20).filter(|t| t % 1_000 != 0), &[]);
    }
}
