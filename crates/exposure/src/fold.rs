//! Collects what replays showed: the matrix, the proofs behind it, and the effects on whole tables, which are kept
//! apart until the end so that a thousand statements that may have shown everybody cost no more than one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::access::Access;
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::table::Row;
use strandline_model::time::Instant;

use crate::matrix::{Effect, KEPT_ACCESSES, Matrix};
use crate::sightings::{Of, Sightings};
use crate::stage::Output;
use crate::world::World;
use crate::{ExposureError, missing::Missing};

/// Rows of an output batch.
const BATCH_ROWS: usize = 8192;

/// A number for each of a few texts.
#[derive(Default)]
pub(crate) struct Texts {
    all: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).expect("fewer than four thousand million texts fit in memory");
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        &self.all[number as usize]
    }
}

/// An access or a gap that exposures stand on.
struct Proof {
    /// Absent for a gap.
    access: Option<Box<str>>,
    time: i64,
    /// Artefact, offset, length: statements first, then delivery.
    places: Box<[(u32, u64, u32)]>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct WholeKey {
    database: usize,
    table: usize,
    /// Of the whole case, not only of the table.
    everybody: bool,
    columns: BTreeSet<u32>,
    missing: u32,
}

struct Whole {
    subjects: Arc<Vec<u32>>,
    first: i64,
    last: i64,
    count: u32,
    proofs: Vec<u32>,
}

/// The collection.
#[derive(Default)]
pub(crate) struct Fold {
    matrix: Matrix,
    proofs: Vec<Proof>,
    /// Whose proof it is, for the sightings; absent for a gap.
    sources: Vec<Option<Of>>,
    pub(crate) sightings: Sightings,
    artefacts: Texts,
    reasons: Texts,
    wholes: BTreeMap<WholeKey, Whole>,
}

impl Fold {
    /// Keeps an access as a proof; `also` are the places of the access that it depends on, as a FETCH on its DECLARE.
    pub(crate) fn keep(&mut self, access: &Access, also: &[EventRef]) -> u32 {
        let statement = also.iter().chain(&access.proof);
        let session = access.session.as_deref().or(access.connection.as_deref()).unwrap_or_default();
        self.sources.push(Some(Of { session: session.into(), access: access.id.as_str().into() }));
        self.keep_places(Some(&access.id), access.time.micros(), statement.chain(&access.delivery))
    }

    /// Keeps a gap as a proof.
    pub(crate) fn keep_gap(&mut self, time: i64, places: &[EventRef]) -> u32 {
        self.sources.push(None);
        self.keep_places(None, time, places.iter())
    }

    fn keep_places<'p>(&mut self, access: Option<&str>, time: i64, places: impl Iterator<Item = &'p EventRef>) -> u32 {
        let places = places.take(usize::from(KEPT_ACCESSES)).map(|p| (self.artefacts.number(&p.artefact.0), p.offset, p.length)).collect();
        self.proofs.push(Proof { access: access.map(Into::into), time, places });
        u32::try_from(self.proofs.len() - 1).expect("fewer than four thousand million accesses")
    }

    /// Folds in what a replay showed of some people: how, how surely, and why not more surely.
    pub(crate) fn show(
        &mut self,
        subjects: &[u32],
        columns: &BTreeSet<u32>,
        (basis, certainty, missing): (Basis, Certainty, Option<Missing>),
        time: i64,
        proof: u32,
        world: &World,
    ) {
        let missing = missing.map(|m| self.reasons.number(m.sentence()));
        let groups = by_category(columns, world);
        if let Some(of) = self.sources[proof as usize].clone() {
            let categories = groups.keys().copied().collect();
            self.sightings.people(&of, time, subjects, categories, basis, certainty);
        }
        for (category, columns) in groups {
            self.matrix.add(Effect { subjects, columns: &columns, category, basis, certainty, missing, first: time, last: time, proof, count: 1 });
        }
    }

    /// Everybody of a table, who is given, is possible in `columns`.
    #[expect(clippy::too_many_arguments, reason = "one effect on a table with everything that is kept of it")]
    pub(crate) fn whole_table(
        &mut self,
        place: (usize, usize),
        subjects: &Arc<Vec<u32>>,
        columns: &BTreeSet<u32>,
        reason: &str,
        times: (i64, i64),
        proof: u32,
        world: &World,
    ) {
        if columns.is_empty() {
            return;
        }
        if let Some(of) = self.sources[proof as usize].clone() {
            self.sightings.table(&of, times.0, place, by_category(columns, world).into_keys().collect());
        }
        let count = u32::from(self.proofs[proof as usize].access.is_some());
        let everybody = Arc::ptr_eq(subjects, &world.everybody);
        let key = WholeKey { database: place.0, table: place.1, everybody, columns: columns.clone(), missing: self.reasons.number(reason) };
        let whole =
            self.wholes.entry(key).or_insert_with(|| Whole { subjects: subjects.clone(), first: i64::MAX, last: i64::MIN, count: 0, proofs: Vec::new() });
        whole.first = whole.first.min(times.0);
        whole.last = whole.last.max(times.1);
        whole.count = whole.count.saturating_add(count);
        if whole.proofs.len() < usize::from(KEPT_ACCESSES) && whole.proofs.last() != Some(&proof) {
            whole.proofs.push(proof);
        }
    }

    fn settle_wholes(&mut self, world: &World) {
        for (key, whole) in std::mem::take(&mut self.wholes) {
            for (category, columns) in by_category(&key.columns, world) {
                for (at, proof) in whole.proofs.iter().enumerate() {
                    self.matrix.add(Effect {
                        subjects: &whole.subjects,
                        columns: &columns,
                        category,
                        basis: Basis::Disclosed,
                        certainty: Certainty::Possible,
                        missing: Some(key.missing),
                        first: whole.first,
                        last: whole.last,
                        proof: *proof,
                        count: if at == 0 { whole.count } else { 0 },
                    });
                }
            }
        }
    }

    /// Writes the exposures, sorted by subject, category and basis; counts of cells and people by tier come back.
    pub(crate) fn write(mut self, world: &World, out: &mut dyn Output) -> Result<Counts, ExposureError> {
        self.settle_wholes(world);
        let keys = world.people.keys();
        let mut order: Vec<u32> = (0..u32::try_from(keys.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
        let planes = self.matrix.planes();
        let mut counts = Counts::default();
        let mut rows = Vec::new();
        for subject in order {
            let mut highest = None;
            for (category, basis) in &planes {
                let Some(cell) = self.matrix.cell(*category, *basis, subject) else { continue };
                highest = highest.max(Some(cell.certainty));
                *counts.cells.entry(cell.certainty).or_default() += 1;
                rows.push(self.row(&keys[subject as usize], &world.categories[*category as usize], *basis, &cell, world));
            }
            if let Some(certainty) = highest {
                *counts.people.entry(certainty).or_default() += 1;
                counts.exposed.push(subject);
            }
            if rows.len() >= BATCH_ROWS {
                flush(&mut rows, out)?;
            }
        }
        flush(&mut rows, out)?;
        Ok(counts)
    }

    fn row(&self, subject: &str, category: &str, basis: Basis, cell: &crate::matrix::CellView, world: &World) -> Exposure {
        let mut proofs: Vec<&Proof> = cell.proofs.iter().map(|p| &self.proofs[*p as usize]).collect();
        proofs.sort_by_key(|p| (p.time, p.access.clone()));
        let mut columns: Vec<String> = cell.columns.iter().map(|c| world.columns[*c as usize].0.clone()).collect();
        columns.sort();
        columns.dedup();
        let places = proofs.iter().flat_map(|p| p.places.iter()).take(usize::from(KEPT_ACCESSES));
        Exposure {
            data_subject: subject.to_owned(),
            category: category.to_owned(),
            basis,
            certainty: cell.certainty,
            first_seen: Instant(cell.first),
            last_seen: Instant(cell.last),
            columns,
            accesses: proofs.iter().filter_map(|p| p.access.as_deref().map(str::to_owned)).collect(),
            access_count: i64::from(cell.count),
            missing_proof: cell.missing.map(|m| self.reasons.text(m).to_owned()),
            proof: places
                .map(|(artefact, offset, length)| EventRef {
                    artefact: ArtefactId(self.artefacts.text(*artefact).to_owned()),
                    offset: *offset,
                    length: *length,
                })
                .collect(),
        }
    }
}

/// Cells and people by tier; a person counts once, at the highest.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) cells: BTreeMap<Certainty, u64>,
    pub(crate) people: BTreeMap<Certainty, u64>,
    /// Who stands in a tier, in the order of their keys.
    pub(crate) exposed: Vec<u32>,
}

fn flush(rows: &mut Vec<Exposure>, out: &mut dyn Output) -> Result<(), ExposureError> {
    if !rows.is_empty() {
        let batch = Exposure::to_batch(rows).map_err(|e| ExposureError::Write(Box::new(e)))?;
        out.exposures(batch).map_err(ExposureError::Write)?;
        rows.clear();
    }
    Ok(())
}

fn by_category(columns: &BTreeSet<u32>, world: &World) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut groups: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for column in columns {
        groups.entry(world.columns[*column as usize].1).or_default().insert(*column);
    }
    groups
}
