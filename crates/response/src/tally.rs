//! Figures over many hits, in bounded memory, that do not depend on the order in which the hits come.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use strandline_model::time::Instant;

/// Names that are counted one by one. A hostile log may invent any number.
const NAMES: usize = 50_000;
/// Names that are shown to a program.
const SHOWN: usize = 100;
/// Stretches of time that are counted one by one.
const BUCKETS: usize = 4096;

const SECOND: i64 = 1_000_000;
/// Lengths of a stretch, from a minute to three years and more. Each is a multiple of the one before, so that no stretch lies in two.
const LENGTHS: [i64; 12] = [60, 300, 900, 3600, 10_800, 43_200, 86_400, 604_800, 2_419_200, 7_257_600, 29_030_400, 116_121_600];

/// How often each name came.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
    others: u64,
}

impl Tally {
    /// Counts a name.
    pub fn add(&mut self, name: &str) {
        let is_full = self.counts.len() >= NAMES;
        match self.counts.get_mut(name) {
            Some(count) => *count += 1,
            None if !is_full => drop(self.counts.insert(name.to_owned(), 1)),
            None => self.others += 1,
        }
    }

    /// How many different names.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// The names that came most often, most first.
    pub fn top(&self, count: usize) -> Vec<(&str, u64)> {
        let mut list: Vec<(&str, u64)> = self.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        list.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
        list.truncate(count);
        list
    }
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Tally", 3)?;
        out.serialize_field("distinct", &self.distinct())?;
        out.serialize_field("top", &self.top(SHOWN))?;
        out.serialize_field("not_counted", &self.others)?;
        out.end()
    }
}

/// How many came when. It begins by the minute and goes over to longer stretches where there are too many.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    length: usize,
    counts: BTreeMap<i64, u64>,
}

impl Histogram {
    /// Counts a moment.
    pub fn add(&mut self, time: Instant) {
        *self.counts.entry(bucket(time.micros(), self.length)).or_default() += 1;
        while self.counts.len() > BUCKETS && self.length + 1 < LENGTHS.len() {
            self.length += 1;
            self.counts = regroup(&self.counts, self.length);
        }
    }

    /// At most `rows` stretches that are not empty, with their beginning; and how long one is, in seconds.
    pub fn rows(&self, rows: usize) -> (Vec<(Instant, u64)>, i64) {
        let mut length = self.length;
        let mut counts = self.counts.clone();
        while counts.len() > rows && length + 1 < LENGTHS.len() {
            length += 1;
            counts = regroup(&counts, length);
        }
        (counts.into_iter().map(|(start, count)| (Instant(start), count)).collect(), LENGTHS[length])
    }
}

fn bucket(micros: i64, length: usize) -> i64 {
    let length = LENGTHS[length] * SECOND;
    micros.div_euclid(length).saturating_mul(length)
}

fn regroup(counts: &BTreeMap<i64, u64>, length: usize) -> BTreeMap<i64, u64> {
    let mut regrouped = BTreeMap::new();
    for (start, count) in counts {
        *regrouped.entry(bucket(*start, length)).or_default() += count;
    }
    regrouped
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (rows, seconds) = self.rows(SHOWN);
        let rows: Vec<(String, u64)> = rows.into_iter().map(|(start, count)| (start.to_string(), count)).collect();
        let mut out = serializer.serialize_struct("Histogram", 2)?;
        out.serialize_field("seconds", &seconds)?;
        out.serialize_field("hits", &rows)?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_does_not_depend_on_the_order() {
        let times: Vec<i64> = (0..20_000).map(|n| n * 7 * 3600 * SECOND).collect();
        let fill = |times: &mut dyn Iterator<Item = &i64>| {
            let mut histogram = Histogram::default();
            times.for_each(|time| histogram.add(Instant(*time)));
            histogram.rows(20)
        };
        let forwards = fill(&mut times.iter());
        assert_eq!(forwards, fill(&mut times.iter().rev()));
        assert!(forwards.0.len() <= 20);
        assert_eq!(forwards.0.iter().map(|(_, count)| count).sum::<u64>(), 20_000);
    }

    #[test]
    fn times_at_the_ends_of_time_are_counted() {
        let mut histogram = Histogram::default();
        [i64::MIN, i64::MAX, 0, -1].iter().for_each(|time| histogram.add(Instant(*time)));
        assert_eq!(histogram.rows(1).0.iter().map(|(_, count)| count).sum::<u64>(), 4);
    }
}
