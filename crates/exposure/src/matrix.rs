//! The matrix of subjects, categories and bases while it is filled: one small cell each, however many accesses there are.
//!
//! Cells that were touched by the same accesses share one chain of access numbers, so a statement that shows a million
//! people costs a cell each and one link of a chain.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use strandline_model::exposure::{Basis, Certainty};

/// Accesses kept for a cell.
pub(crate) const KEPT_ACCESSES: u8 = 100;
const CHUNK: usize = 1024;
const NONE: u32 = u32::MAX;

/// One statement's effect on some subjects.
#[derive(Clone, Copy)]
pub(crate) struct Effect<'e> {
    pub(crate) subjects: &'e [u32],
    /// Numbers of columns, of one category.
    pub(crate) columns: &'e BTreeSet<u32>,
    pub(crate) category: u32,
    pub(crate) basis: Basis,
    pub(crate) certainty: Certainty,
    /// Number of the reason why it is not higher.
    pub(crate) missing: Option<u32>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Number of the proof.
    pub(crate) proof: u32,
    /// Accesses it stands for: 0 for a gap.
    pub(crate) count: u32,
}

#[derive(Clone, Copy)]
struct Cell {
    first: i64,
    last: i64,
    count: u32,
    chain: u32,
    columns: u32,
    missing: u32,
    kept: u8,
    certainty: Option<Certainty>,
}

const EMPTY: Cell = Cell { first: i64::MAX, last: i64::MIN, count: 0, chain: NONE, columns: NONE, missing: NONE, kept: 0, certainty: None };

/// A cell as it is read at the end.
pub(crate) struct CellView {
    pub(crate) certainty: Certainty,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u32,
    pub(crate) missing: Option<u32>,
    pub(crate) columns: BTreeSet<u32>,
    /// Numbers of proofs, first first.
    pub(crate) proofs: Vec<u32>,
}

/// The cells of one category and basis, by subject in chunks.
type Plane = Vec<Option<Box<[Cell; CHUNK]>>>;

/// The matrix.
#[derive(Default)]
pub(crate) struct Matrix {
    planes: BTreeMap<(u32, Basis), Plane>,
    /// Chains of proofs: the link before, and the proof.
    links: Vec<(u32, u32)>,
    column_sets: Vec<BTreeSet<u32>>,
    column_numbers: BTreeMap<BTreeSet<u32>, u32>,
    unions: HashMap<(u32, u32), u32>,
}

impl Matrix {
    /// Folds an effect in. A higher tier takes the cell's proofs over; an equal one adds to them.
    pub(crate) fn add(&mut self, effect: Effect<'_>) {
        let columns = self.number_of(effect.columns);
        let mut extended: HashMap<u32, u32> = HashMap::new();
        let Self { planes, links, column_sets, column_numbers, unions } = self;
        let plane = planes.entry((effect.category, effect.basis)).or_default();
        for subject in effect.subjects {
            let (chunk, at) = (*subject as usize / CHUNK, *subject as usize % CHUNK);
            if plane.len() <= chunk {
                plane.resize_with(chunk + 1, || None);
            }
            let cell = &mut plane[chunk].get_or_insert_with(|| Box::new([EMPTY; CHUNK]))[at];
            cell.first = cell.first.min(effect.first);
            cell.last = cell.last.max(effect.last);
            cell.count = cell.count.saturating_add(effect.count);
            cell.columns = match cell.columns {
                NONE => columns,
                there if there == columns => there,
                there => *unions.entry((there, columns)).or_insert_with(|| {
                    let union: BTreeSet<u32> = column_sets[there as usize].union(&column_sets[columns as usize]).copied().collect();
                    intern(column_sets, column_numbers, &union)
                }),
            };
            if cell.certainty > Some(effect.certainty) {
                continue;
            }
            if cell.certainty < Some(effect.certainty) {
                *cell = Cell { certainty: Some(effect.certainty), chain: NONE, kept: 0, missing: effect.missing.unwrap_or(NONE), ..*cell };
            }
            if cell.kept < KEPT_ACCESSES && (cell.chain == NONE || links[cell.chain as usize].1 != effect.proof) {
                cell.kept += 1;
                cell.chain = *extended.entry(cell.chain).or_insert_with(|| {
                    links.push((cell.chain, effect.proof));
                    u32::try_from(links.len() - 1).expect("fewer than four thousand million links fit in memory")
                });
            }
        }
    }

    fn number_of(&mut self, columns: &BTreeSet<u32>) -> u32 {
        intern(&mut self.column_sets, &mut self.column_numbers, columns)
    }

    /// The category and basis of every plane.
    pub(crate) fn planes(&self) -> Vec<(u32, Basis)> {
        self.planes.keys().copied().collect()
    }

    /// The cell of a subject, if anything reached it.
    pub(crate) fn cell(&self, category: u32, basis: Basis, subject: u32) -> Option<CellView> {
        let plane = self.planes.get(&(category, basis))?;
        let cell = plane.get(subject as usize / CHUNK)?.as_ref()?[subject as usize % CHUNK];
        let mut proofs = Vec::new();
        let mut link = cell.chain;
        while link != NONE {
            let (before, proof) = self.links[link as usize];
            proofs.push(proof);
            link = before;
        }
        proofs.sort_unstable();
        Some(CellView {
            certainty: cell.certainty?,
            first: cell.first,
            last: cell.last,
            count: cell.count,
            missing: (cell.missing != NONE).then_some(cell.missing),
            columns: self.column_sets.get(cell.columns as usize).cloned().unwrap_or_default(),
            proofs,
        })
    }
}

fn intern(sets: &mut Vec<BTreeSet<u32>>, numbers: &mut BTreeMap<BTreeSet<u32>, u32>, set: &BTreeSet<u32>) -> u32 {
    if let Some(number) = numbers.get(set) {
        return *number;
    }
    let number = u32::try_from(sets.len()).expect("column sets are few");
    sets.push(set.clone());
    numbers.insert(set.clone(), number);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(effects: &[(&[u32], Certainty, u32)], subject: u32, expected: Option<(Certainty, u32, &[u32])>) {
        let mut matrix = Matrix::default();
        for (subjects, certainty, proof) in effects {
            let columns = BTreeSet::from([*proof]);
            matrix.add(Effect {
                subjects,
                columns: &columns,
                category: 0,
                basis: Basis::Disclosed,
                certainty: *certainty,
                missing: None,
                first: i64::from(*proof),
                last: i64::from(*proof),
                proof: *proof,
                count: 1,
            });
        }
        let cell = matrix.cell(0, Basis::Disclosed, subject);
        assert_eq!(cell.as_ref().map(|c| (c.certainty, c.count, c.proofs.as_slice())), expected);
    }

    #[test]
    fn the_highest_tier_wins_and_keeps_its_proofs() {
        use Certainty::{Confirmed, Likely, Possible};
        let effects: [(&[u32], Certainty, u32); 4] = [(&[1, 2000], Likely, 1), (&[1], Confirmed, 2), (&[1, 2000], Possible, 3), (&[1], Confirmed, 4)];
        check(&effects, 1, Some((Confirmed, 4, &[2, 4])));
        check(&effects, 2000, Some((Likely, 2, &[1])));
        check(&effects, 3, None);
    }
}
