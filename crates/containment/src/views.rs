//! Logs that tell of the same requests: a web server's and its application's, a balancer's and the server's behind it. What is
//! counted in each of them is one request, and must not be counted twice; nor may two servers' logs count as one.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use strandline_model::estate::Estate;

use crate::key::Unit;

/// Least hashes of request ids that are kept of a source, to compare it with others.
const SKETCH: usize = 512;
/// Shared ids from which on two sources are compared …
const FEWEST_SHARED: usize = 3;
/// … if they are at least one in so many of the smaller sketch.
const SMALLEST_SHARE: usize = 2;

/// The least hashes of a source's request ids: of two sources that log the same requests they are mostly the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch(BTreeSet<u64>);

impl Sketch {
    pub(crate) fn add(&mut self, request_id: &str) {
        let mut hasher = DefaultHasher::new();
        request_id.hash(&mut hasher);
        let hash = hasher.finish();
        if self.0.len() < SKETCH || self.0.last().is_some_and(|largest| hash < *largest) {
            self.0.insert(hash);
            if self.0.len() > SKETCH {
                self.0.pop_last();
            }
        }
    }

    /// Whether two sources log the same requests.
    fn is_alike(&self, other: &Self) -> bool {
        let shared = self.0.intersection(&other.0).count();
        let smaller = self.0.len().min(other.0.len());
        shared >= FEWEST_SHARED.min(smaller.max(1)) && shared * SMALLEST_SHARE >= smaller
    }
}

/// Which sources tell of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    /// Of each source: its system, its tier (by unit), and the cluster of sources of its tier that log the same requests.
    sources: BTreeMap<String, (String, &'static str, usize)>,
}

impl Views {
    pub(crate) fn of(estate: &Estate, sketches: &BTreeMap<String, Sketch>) -> Self {
        let mut sources: BTreeMap<String, (String, &'static str, usize)> = BTreeMap::new();
        for (at, source) in estate.sources.iter().enumerate() {
            sources.insert(source.id.clone(), (source.system.clone(), tier(&source.format), at));
        }
        let pairs: Vec<(&String, &String)> = sketches.keys().flat_map(|a| sketches.keys().filter(move |b| a < *b).map(move |b| (a, b))).collect();
        for (a, b) in pairs {
            let (Some(one), Some(other)) = (sources.get(a).cloned(), sources.get(b).cloned()) else { continue };
            if (&one.0, one.1) == (&other.0, other.1) && sketches[a].is_alike(&sketches[b]) {
                sources.values_mut().filter(|(.., cluster)| *cluster == other.2).for_each(|(.., cluster)| *cluster = one.2);
            }
        }
        Self { sources }
    }

    /// One figure of one system out of those of its sources: within a tier, sources that log the same count once, others add up;
    /// of the tiers, which tell of the same from two sides, the largest.
    pub(crate) fn fold<'s>(&self, unit: Unit, figures: impl Iterator<Item = (&'s str, u64)>) -> u64 {
        let mut systems: BTreeMap<&str, BTreeMap<&str, BTreeMap<usize, u64>>> = BTreeMap::new();
        for (source, figure) in figures {
            let (system, tier, cluster) =
                self.sources.get(source).map_or((source, "", usize::MAX), |(system, tier, cluster)| (system.as_str(), *tier, *cluster));
            let tier = if unit == Unit::Files { "" } else { tier };
            let known = systems.entry(system).or_default().entry(tier).or_default().entry(cluster).or_default();
            *known = (*known).max(figure);
        }
        systems.values().map(|tiers| tiers.values().map(|clusters| clusters.values().sum::<u64>()).max().unwrap_or(0)).sum()
    }
}

/// The side from which a log tells: a web server's, an application's, a database's by its kind of log.
fn tier(format: &str) -> &'static str {
    match format {
        "nginx" | "apache" | "web" => "server",
        "json" | "text" => "application",
        "mysql_general" => "mysql_general",
        "mysql_audit" => "mysql_audit",
        "linux_auth" => "linux_auth",
        "auditd" => "auditd",
        "journald" => "journald",
        "evtx" => "evtx",
        "pgbouncer" => "pgbouncer",
        _ => "database",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sources: &[(&str, &str, &[u32])], figures: &[(&str, u64)], expected: u64) {
        let text: String =
            sources.iter().map(|(id, format, _)| format!("[[source]]\nid = \"{id}\"\nsystem = \"s\"\npath = [\"{id}\"]\nformat = \"{format}\"\n")).collect();
        let estate = toml::from_str(&format!("[organisation]\nname = {{ en = \"O\" }}\ntime_zone = \"UTC\"\n{text}")).expect("an estate");
        let mut sketches = BTreeMap::new();
        for (id, _, ids) in sources {
            let sketch: &mut Sketch = sketches.entry((*id).to_owned()).or_default();
            ids.iter().for_each(|id| sketch.add(&id.to_string()));
        }
        assert_eq!(Views::of(&estate, &sketches).fold(Unit::Requests, figures.iter().copied()), expected, "{sources:?}");
    }

    #[test]
    fn a_request_that_two_logs_tell_of_counts_once_and_two_servers_requests_add_up() {
        let ids: Vec<u32> = (0..40).collect();
        let others: Vec<u32> = (100..140).collect();
        check(&[("web", "nginx", &[]), ("app", "json", &[])], &[("web", 7), ("app", 5)], 7);
        check(&[("one", "nginx", &[]), ("two", "nginx", &[]), ("app", "json", &[])], &[("one", 7), ("two", 5), ("app", 11)], 12);
        check(&[("balancer", "web", &ids), ("web", "nginx", &ids)], &[("balancer", 7), ("web", 7)], 7);
        check(&[("one", "nginx", &ids), ("two", "nginx", &others)], &[("one", 7), ("two", 7)], 14);
        check(&[("one", "nginx", &[1, 2])], &[("one", 3), ("unknown", 2)], 5);
    }
}
