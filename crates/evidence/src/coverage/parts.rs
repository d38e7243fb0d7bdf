//! The logs of a source one by one, and in each the hosts that write into it: what one of two servers lost must not hide behind
//! the other's records.

use std::collections::BTreeMap;

use strandline_model::evidence::Gap;
use strandline_model::time::Interval;

use super::Mark;
use super::density::{Density, Profile};
use super::edges::{self, Context};

/// Logs and hosts of one source that are judged one by one: as many as stand behind one balancer.
const PARTS_MAX: usize = 64;

/// Bins of each of them.
const PART_BINS: usize = 1 << 14;

/// Counts by log and by host.
#[derive(Default)]
pub(crate) struct Parts {
    /// Path without what rotation added; the host that the record names, or nothing.
    by_log: BTreeMap<String, BTreeMap<String, Density>>,
    count: usize,
}

impl Parts {
    /// Sees one event of a log.
    pub fn see(&mut self, log: &str, host: &str, mark: Mark, precision: i64) {
        if let Some(density) = self.by_log.get_mut(log).and_then(|hosts| hosts.get_mut(host)) {
            return density.see(mark, precision);
        }
        if self.count == PARTS_MAX {
            return; // judged as a part of the whole alone
        }
        self.count += 1;
        let hosts = self.by_log.entry(log.to_owned()).or_default();
        hosts.entry(host.to_owned()).or_insert_with(|| Density::of_bins(PART_BINS)).see(mark, precision);
    }

    /// What single parts are silent for, or begin and end beside; what the whole source misses is `known` already.
    pub fn gaps(&self, context: &Context<'_>, own: &Profile, known: &[Gap]) -> Vec<Gap> {
        if self.count < 2 {
            return Vec::new();
        }
        let mut gaps = Vec::new();
        let whole: BTreeMap<&str, Profile> = self
            .by_log
            .iter()
            .filter(|(_, hosts)| hosts.len() == 1)
            .filter_map(|(log, hosts)| Some((log.as_str(), hosts.values().next()?.profile())))
            .collect();
        for (log, hosts) in &self.by_log {
            for (host, density) in hosts {
                let name = if hosts.len() > 1 && !host.is_empty() { format!("{host} in {log}") } else { log.clone() };
                let profile = density.profile();
                let mut found: Vec<Gap> =
                    edges::silences(context, &profile).into_iter().map(|gap| Gap { reason: format!("{name} is {}", gap.reason), ..gap }).collect();
                if hosts.len() == 1 && whole.iter().any(|(other, other_profile)| runs_beside((log, &profile), (other, other_profile))) {
                    let others = [(context.id, own)];
                    let beside = Context { window: None, others: &others, ..*context };
                    let ends = edges::late_start(&beside, &profile).into_iter().chain(edges::early_end(&beside, &profile));
                    found.extend(ends.map(|gap| Gap { reason: format!("{name} {}", gap.reason), ..gap }));
                }
                gaps.extend(
                    found.into_iter().filter(|gap| !known.iter().any(|known| known.interval.from <= gap.interval.from && gap.interval.to <= known.interval.to)),
                );
            }
        }
        gaps
    }
}

/// Whether two logs are of servers that worked side by side: they are called alike but for digits and folders, and for most of
/// the first one's time the other one is there too. Parts of one log that follow each other are not.
fn runs_beside((log, profile): (&str, &Profile), (other, other_profile): (&str, &Profile)) -> bool {
    let (Some(span), Some(beside)) = (profile.span(), other_profile.span()) else { return false };
    log != other && kin(log) == kin(other) && common(span, beside) * 2 >= span.to.0.saturating_sub(span.from.0)
}

/// A log's own name without its digits.
fn kin(log: &str) -> String {
    log.rsplit('/').next().unwrap_or(log).chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn common(a: Interval, b: Interval) -> i64 {
    a.to.0.min(b.to.0).saturating_sub(a.from.0.max(b.from.0))
}
