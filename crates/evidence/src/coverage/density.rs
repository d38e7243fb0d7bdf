//! How many events a source has, when: counts in bins that widen as the log grows, so that memory is bounded and the order
//! of the events does not matter. A silence between two bins is exact to the event on either side.

use std::collections::BTreeMap;

use strandline_model::time::Interval;

use super::{Mark, interval};

pub(crate) const SECOND: i64 = 1_000_000;
const BINS_MAX: usize = 1 << 17;

#[derive(Clone, Copy, Debug)]
struct Bin {
    count: u64,
    first: Mark,
    last: Mark,
}

/// Counts over time.
#[derive(Debug)]
pub(crate) struct Density {
    bins_max: usize,
    width: i64,
    bins: BTreeMap<i64, Bin>,
    precision: i64,
}

impl Default for Density {
    fn default() -> Self {
        Self::of_bins(BINS_MAX)
    }
}

impl Density {
    /// Counts in at most so many bins.
    pub fn of_bins(bins_max: usize) -> Self {
        Self { bins_max, width: SECOND, bins: BTreeMap::new(), precision: 1 }
    }

    /// The last event known to be before `time`: within the bin that holds it, that bin's first.
    pub fn before(&self, time: i64) -> Option<Mark> {
        let bin = self.bins.range(..=time.div_euclid(self.width)).rev().map(|(_, bin)| bin).find(|bin| bin.first.time < time)?;
        Some(if bin.last.time < time { bin.last } else { bin.first })
    }

    /// The first event known to be after `time`: within the bin that holds it, that bin's last.
    pub fn after(&self, time: i64) -> Option<Mark> {
        let bin = self.bins.range(time.div_euclid(self.width)..).map(|(_, bin)| bin).find(|bin| bin.last.time > time)?;
        Some(if bin.first.time > time { bin.first } else { bin.last })
    }

    pub fn see(&mut self, mark: Mark, precision: i64) {
        self.precision = self.precision.max(precision);
        add(&mut self.bins, mark.time.div_euclid(self.width), Bin { count: 1, first: mark, last: mark });
        while self.bins.len() > self.bins_max {
            self.width = self.width.saturating_mul(2);
            for (at, bin) in std::mem::take(&mut self.bins) {
                add(&mut self.bins, at.div_euclid(2), bin);
            }
        }
    }

    /// The counts, ready to be asked.
    pub fn profile(&self) -> Profile {
        let mut counts = vec![0];
        let bins: Vec<Bin> = self.bins.values().copied().collect();
        for bin in &bins {
            counts.push(counts[counts.len() - 1] + bin.count);
        }
        Profile { bins, counts, precision: self.precision }
    }
}

fn add(bins: &mut BTreeMap<i64, Bin>, at: i64, new: Bin) {
    bins.entry(at)
        .and_modify(|bin| {
            bin.count += new.count;
            bin.first = bin.first.min(new.first);
            bin.last = bin.last.max(new.last);
        })
        .or_insert(new);
}

/// A silence between two neighbouring events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    pub before: Mark,
    pub after: Mark,
}

impl Silence {
    pub fn length(&self) -> i64 {
        self.after.time.saturating_sub(self.before.time)
    }
}

/// Counts of a finished source.
#[derive(Debug)]
pub(crate) struct Profile {
    bins: Vec<Bin>,
    /// Events before each bin.
    counts: Vec<u64>,
    pub precision: i64,
}

impl Profile {
    pub fn span(&self) -> Option<Interval> {
        Some(interval(self.bins.first()?.first.time, self.bins.last()?.last.time))
    }

    pub fn first(&self) -> Option<Mark> {
        self.bins.first().map(|bin| bin.first)
    }

    pub fn last(&self) -> Option<Mark> {
        self.bins.last().map(|bin| bin.last)
    }

    pub fn total(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }

    /// Events in `[from, to)`, interpolated within the bins at the ends.
    pub fn count(&self, from: i64, to: i64) -> f64 {
        if to <= from { 0.0 } else { (self.before(to) - self.before(from)).max(0.0) }
    }

    fn before(&self, time: i64) -> f64 {
        let at = self.bins.partition_point(|bin| bin.first.time < time);
        let Some(bin) = at.checked_sub(1).map(|i| &self.bins[i]) else { return 0.0 };
        let length = bin.last.time - bin.first.time;
        let share = if time > bin.last.time || length <= 0 { 1.0 } else { (time - bin.first.time) as f64 / length as f64 };
        self.counts[at - 1] as f64 + bin.count as f64 * share
    }

    /// The silences between bins.
    pub fn silences(&self) -> impl Iterator<Item = Silence> + '_ {
        self.bins.windows(2).map(|pair| Silence { before: pair[0].last, after: pair[1].first })
    }
}
