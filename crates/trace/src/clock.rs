//! Clocks that disagree: what to take from a source's stamp to compare it with another source's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::event::{Class, columns};
use strandline_model::evidence::Coverage;
use strandline_model::table::{Scan, ScanError};

use crate::requests::{interval, took};
use crate::survey::{Survey, TemplateKey};
use crate::text::hash64;

strandline_model::event_columns! {
    /// What is read of a statement to compare its values with those of requests.
    struct Row { time, class, source, parameters }
}

/// Differences up to this are not looked for: they are within what matching by time allows anyway.
const SMALLEST_SKEW_MICROS: i64 = 1_500_000;
/// Clocks are not looked for further apart than this.
const WIDEST_SKEW_MICROS: i64 = 13 * 3600 * 1_000_000;
const LARGEST_SKEW_MICROS: i64 = 315_576_000_000_000;
const BUCKET_MICROS: i64 = 500_000;
/// Votes that a difference needs.
const FEWEST_VOTES: u32 = 8;
/// Times kept for one value.
const TIMES_OF_A_VALUE: usize = 64;

/// Votes for each difference (in buckets), by (web source, database source).
type Votes = BTreeMap<(Arc<str>, Arc<str>), BTreeMap<i64, u32>>;

/// Offsets of sources from a common clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks {
    offsets: BTreeMap<String, (usize, i64)>,
    groups: usize,
    /// Widest spread of any estimate, microseconds.
    spread: i64,
    /// Sources that stamp a request when it comes in, not when it is answered: Apache's `%t`.
    stamps_beginning: BTreeSet<String>,
    /// Sources of which it is not known: balancers and proxies of the format `web` do either.
    stamps_either: BTreeSet<String>,
    /// Sources of which it is not known where a line tells no duration: an application says that a request began, or that it ended.
    stamps_either_untimed: BTreeSet<String>,
}

impl Clocks {
    /// From the coverage's estimates.
    pub(crate) fn of(coverage: &Coverage, estate: &Estate) -> Self {
        let of_format = |formats: &[&str]| estate.sources.iter().filter(|s| formats.contains(&s.format.as_str())).map(|s| s.id.clone()).collect();
        let mut clocks = Self {
            stamps_beginning: of_format(&["apache"]),
            stamps_either: of_format(&["web"]),
            stamps_either_untimed: of_format(&["json", "text"]),
            ..Self::default()
        };
        for _ in 0..=coverage.skews.len() {
            for skew in &coverage.skews {
                clocks.relate(&skew.reference, &skew.source, skew.skew_micros);
            }
        }
        clocks.spread = coverage.skews.iter().map(|s| s.spread_micros.abs()).max().unwrap_or(0).min(5_000_000);
        clocks
    }

    /// Notes that `source` runs `skew` microseconds ahead of `reference`.
    fn relate(&mut self, reference: &str, source: &str, skew: i64) {
        // Ten years: what is beyond is no clock, and must not overflow later sums.
        let skew = skew.clamp(-LARGEST_SKEW_MICROS, LARGEST_SKEW_MICROS);
        let known = (self.offsets.get(reference).copied(), self.offsets.get(source).copied());
        match known {
            (None, None) => {
                self.groups += 1;
                self.offsets.insert(reference.to_owned(), (self.groups, 0));
                self.offsets.insert(source.to_owned(), (self.groups, skew));
            }
            (Some((group, offset)), None) => {
                self.offsets.insert(source.to_owned(), (group, offset.saturating_add(skew)));
            }
            (None, Some((group, offset))) => {
                self.offsets.insert(reference.to_owned(), (group, offset.saturating_sub(skew)));
            }
            (Some((a, offset)), Some((b, other))) if a != b => {
                let shift = offset.saturating_add(skew).saturating_sub(other);
                for (group, value) in self.offsets.values_mut().filter(|(group, _)| *group == b) {
                    *group = a;
                    *value = value.saturating_add(shift);
                }
            }
            _ => {}
        }
    }

    /// A stamp of `source` on the common clock.
    pub(crate) fn common(&self, source: &str, time: i64) -> i64 {
        time.saturating_sub(self.offsets.get(source).map_or(0, |(_, offset)| *offset))
    }

    /// When a request ended, on the common clock, from its stamp.
    pub(crate) fn end_of_request(&self, source: &str, time: i64, duration: Option<i64>) -> i64 {
        let late = if self.stamps_beginning.contains(source) { took(duration, None) } else { 0 };
        self.common(source, time).saturating_add(late)
    }

    /// When a request ran, on the common clock: within these.
    pub(crate) fn ran(&self, source: &str, time: i64, precision: i64, duration: Option<i64>, bytes: Option<i64>) -> (i64, i64) {
        let (from, to) = interval(self.end_of_request(source, time, duration), precision, took(duration, bytes), self.spread);
        let is_either = self.stamps_either.contains(source) || (duration.is_none() && self.stamps_either_untimed.contains(source));
        (from, if is_either { to.saturating_add(took(duration, bytes)) } else { to })
    }

    /// Whether a request of which a source tells no duration may have run long before its stamp, and long after it.
    pub(crate) fn may_be_slow(&self, source: &str) -> (bool, bool) {
        let (begins, either) = (self.stamps_beginning.contains(source), self.stamps_either.contains(source) || self.stamps_either_untimed.contains(source));
        (either || !begins, either || begins)
    }

    fn related(&self, a: &str, b: &str) -> bool {
        matches!((self.offsets.get(a), self.offsets.get(b)), (Some((x, _)), Some((y, _))) if x == y)
    }
}

/// Where no estimate relates a database's clock to a web source's: values that stand both in sampled requests and
/// among bind values vote for the difference of their times. Returns what was found, as sentences.
pub(crate) fn vote(events: &dyn Scan, survey: &Survey, wanted: &dyn Fn(&TemplateKey) -> bool, clocks: &mut Clocks) -> Result<Vec<String>, ScanError> {
    let mut times: HashMap<u64, Vec<(&Arc<str>, i64)>> = HashMap::new();
    for (_, samples) in survey.samples.iter().filter(|(key, _)| wanted(key)) {
        for sample in samples {
            for (_, value) in sample.target.fields.iter().filter(|(_, v)| telling(v)) {
                let kept = times.entry(hash64(&[value.as_bytes()])).or_default();
                if kept.len() < TIMES_OF_A_VALUE {
                    kept.push((&sample.source, clocks.end_of_request(&sample.source, sample.time, sample.duration)));
                }
            }
        }
    }
    if times.is_empty() {
        return Ok(Vec::new());
    }
    let mut votes: Votes = BTreeMap::new();
    for part in columns::scan::<Row<'_>>(events)? {
        for event in part?.iter().filter(|e| e.class == Class::Datastore) {
            for value in event.parameters.iter().flatten().flatten().filter(|v| telling(v)) {
                for (source, time) in times.get(&hash64(&[value.as_bytes()])).into_iter().flatten() {
                    let ahead = clocks.common(&event.source, event.time.micros()).saturating_sub(*time);
                    if ahead.abs() <= WIDEST_SKEW_MICROS && !clocks.related(source, &event.source) {
                        let pair = ((*source).clone(), Arc::from(event.source.as_ref()));
                        *votes.entry(pair).or_default().entry(ahead.div_euclid(BUCKET_MICROS)).or_default() += 1;
                    }
                }
            }
        }
    }
    Ok(settle(&votes, clocks))
}

fn settle(votes: &Votes, clocks: &mut Clocks) -> Vec<String> {
    let mut notes = Vec::new();
    for ((source, database), buckets) in votes {
        let near = |at: i64| (at - 1..=at + 1).filter_map(|b| buckets.get(&b)).sum::<u32>();
        let Some(best) = buckets.keys().copied().max_by_key(|at| (near(*at), std::cmp::Reverse(at.abs()))) else {
            continue;
        };
        let rival = buckets.keys().copied().filter(|at| (at - best).abs() > 2).map(near).max().unwrap_or(0);
        let ahead = best * BUCKET_MICROS + BUCKET_MICROS / 2;
        if near(best) >= FEWEST_VOTES && near(best) >= rival.saturating_mul(2) && ahead.abs() > SMALLEST_SKEW_MICROS && !clocks.related(source, database) {
            clocks.relate(source, database, ahead);
            clocks.spread = clocks.spread.max(2 * BUCKET_MICROS);
            notes.push(format!("the clock of {database} runs about {:.1} s ahead of that of {source}: {} values stand in requests and statements at that distance, {rival} at the next best", ahead as f64 / 1e6, near(best)));
        }
    }
    notes
}

/// A value that few requests share.
pub(crate) fn telling(value: &str) -> bool {
    value.len() >= 4 && value.bytes().any(|b| b.is_ascii_digit()) && value != strandline_model::event::MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ran_before_its_stamp_after_it_or_either_by_what_its_log_stamps() {
        let source = |format: &str| format!("[[source]]\nid = \"{format}\"\nsystem = \"s\"\npath = [\"p\"]\nformat = \"{format}\"\n");
        let sources: String = ["nginx", "apache", "web"].map(source).concat();
        let estate = toml::from_str(&format!("[organisation]\nname = {{ en = \"O\" }}\ntime_zone = \"UTC\"\n{sources}")).expect("an estate");
        let clocks = Clocks::of(&Coverage::default(), &estate);
        for (source, from, to) in [("nginx", -5, 0), ("apache", 0, 5), ("web", -5, 5)] {
            let (began, ended) = clocks.ran(source, 0, 1_000, Some(5_000_000), None);
            assert_eq!((began.div_euclid(100_000) + 1, ended.div_euclid(100_000)), (from * 10, to * 10), "{source}");
        }
    }
}
