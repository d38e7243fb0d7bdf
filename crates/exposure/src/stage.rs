//! What the stage takes and gives.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use strandline_history::{KnownPeople, Snapshot};
use strandline_model::clearance::Question;
use strandline_model::estate::Estate;
use strandline_model::evidence::Coverage;
use strandline_model::exposure::Certainty;
use strandline_model::table::{Scan, ScanError};

use crate::Options;

/// What the stage works on.
pub struct Inputs<'a> {
    /// The organisation's description.
    pub estate: &'a Estate,
    /// Snapshots of its databases.
    pub snapshots: Vec<Snapshot<'a>>,
    /// Keys of the people in the register.
    pub subjects: Vec<String>,
    /// The register's lines, its key first, to see that its keys and the data's mean the same people.
    pub known: KnownPeople,
    /// The table `accesses`, in order of time.
    pub accesses: &'a dyn Scan,
    /// The table `events`, in order of time.
    pub events: &'a dyn Scan,
    /// Where evidence is missing.
    pub coverage: &'a Coverage,
    /// What the stages before left open: no actor, logs that do not cover the intrusion, requests that nobody can tell about.
    pub open: Vec<Question>,
    /// How to expose.
    pub options: Options,
}

/// Where results go. Batches arrive in order.
pub trait Output {
    /// Rows of `exposures`, sorted by data subject, category and basis.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn exposures(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `replays`, in the order of `accesses`.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn replays(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `data_subjects`, sorted: everybody who has a row in the data at any time, whoever is in the register.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn data_subjects(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `sightings`, in runs sorted by session, time and access.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn sightings(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `clearances`, sorted by data subject.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn clearances(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
    /// Rows of `open_questions`, in the order in which a person would answer them.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn open_questions(&mut self, batch: RecordBatch) -> Result<(), ScanError>;
}

/// How far the work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The snapshots are being read.
    Snapshots,
    /// The log's writes are being read and applied.
    Writes,
    /// So many accesses of so many are replayed.
    Accesses(u64, u64),
    /// The exposures are being written.
    Exposures,
}

/// What came out, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells of the matrix by tier.
    pub cells: BTreeMap<Certainty, u64>,
    /// People by the highest tier that any of their cells has.
    pub people: BTreeMap<Certainty, u64>,
    /// People who are cleared.
    pub cleared: u64,
    /// What keeps the others from being cleared.
    pub open: Vec<String>,
    /// Accesses by the outcome of their replay.
    pub outcomes: BTreeMap<String, u64>,
    /// Why statements were widened to whole tables, and how many.
    pub widened: BTreeMap<String, u64>,
    /// Tables that statements read and the estate does not describe.
    pub undescribed: BTreeSet<String>,
    /// Gaps of database logs that leave data open.
    pub gaps: Vec<String>,
    /// What a reader of the figures must know: incomplete snapshots, cursors whose fetches are not logged …
    pub notes: Vec<String>,
}
