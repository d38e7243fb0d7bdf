//! Counts of people by tier, category and time, from the table `exposures`. One small row for each person.

use std::collections::BTreeMap;

use strandline_model::exposure::{Certainty, Exposure};
use strandline_model::table::{Row, Scan, ScanError};
use strandline_model::time::Instant;

/// One person's cells, in category order: the highest tier of each, over both bases.
pub type Cells = Vec<Option<Certainty>>;

/// The counts.
pub struct Tally {
    names: Vec<String>,
    people: BTreeMap<String, Cells>,
    first: BTreeMap<String, [Option<Instant>; 3]>,
}

fn rank(certainty: Certainty) -> usize {
    match certainty {
        Certainty::Possible => 0,
        Certainty::Likely => 1,
        Certainty::Confirmed => 2,
    }
}

impl Tally {
    /// Reads the table once. Categories that the estate does not name are added at the end.
    pub fn of(exposures: &dyn Scan, categories: &[String]) -> Result<Self, ScanError> {
        let mut tally = Self { names: categories.to_vec(), people: BTreeMap::new(), first: BTreeMap::new() };
        for batch in exposures.scan(&[])? {
            for exposure in Exposure::from_batch(&batch?)? {
                tally.add(&exposure);
            }
        }
        let width = tally.names.len();
        for cells in tally.people.values_mut() {
            cells.resize(width, None);
        }
        Ok(tally)
    }

    fn add(&mut self, exposure: &Exposure) {
        let column = match self.names.iter().position(|name| *name == exposure.category) {
            Some(column) => column,
            None => {
                self.names.push(exposure.category.clone());
                self.names.len() - 1
            }
        };
        let cells = self.people.entry(exposure.data_subject.clone()).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, None);
        }
        cells[column] = cells[column].max(Some(exposure.certainty));
        let first = &mut self.first.entry(exposure.data_subject.clone()).or_default()[rank(exposure.certainty)];
        *first = Some(first.map_or(exposure.first_seen, |t| t.min(exposure.first_seen)));
    }

    /// Categories in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// People in order of key.
    pub fn people(&self) -> impl Iterator<Item = (&String, &Cells)> {
        self.people.iter()
    }

    /// People whose highest tier is possible, likely, confirmed.
    pub fn people_by_highest(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        for highest in self.people.values().filter_map(|cells| cells.iter().flatten().max()) {
            counts[rank(*highest)] += 1;
        }
        counts
    }

    /// For each category, people at possible, likely, confirmed.
    pub fn categories(&self) -> Vec<(&String, [u64; 3])> {
        let mut counts = vec![[0; 3]; self.names.len()];
        for cells in self.people.values() {
            for (column, certainty) in cells.iter().enumerate().filter_map(|(i, c)| c.map(|c| (i, c))) {
                counts[column][rank(certainty)] += 1;
            }
        }
        self.names.iter().zip(counts).collect()
    }

    /// Rows that people share, with the number of people; most people first, then the stronger row.
    pub fn patterns(&self) -> Vec<(&Cells, u64)> {
        let mut patterns: BTreeMap<&Cells, u64> = BTreeMap::new();
        for cells in self.people.values() {
            *patterns.entry(cells).or_default() += 1;
        }
        let mut sorted: Vec<_> = patterns.into_iter().collect();
        sorted.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| b.cmp(a)));
        sorted
    }

    /// For each tier (possible, likely, confirmed): the sorted moments at which people first reached that tier or a higher one.
    pub fn moments(&self) -> [Vec<Instant>; 3] {
        let mut moments: [Vec<Instant>; 3] = Default::default();
        for first in self.first.values() {
            for tier in 0..3 {
                moments[tier].extend(first[tier..].iter().flatten().min());
            }
        }
        for list in &mut moments {
            list.sort_unstable();
        }
        moments
    }
}
