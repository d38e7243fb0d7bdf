//! Turns accesses into exposures: whose data, which categories, how sure, and with which proof.
//!
//! Every access is a query. It is replayed against the data as it stood, by `strandline-provenance`, which says whose
//! cells it displayed; this crate rebuilds the data, reads the statements in the order of their connection, and judges
//! how sure the answer is. It opens no file, and it never raises a tier by guessing.

mod account;
mod bound;
mod clearance;
mod code;
mod cursors;
mod declared;
mod engine;
mod fold;
mod instead;
mod judge;
mod made;
mod matrix;
mod missing;
mod nobody;
mod overriding;
mod page;
mod plan;
mod reach;
mod replay;
mod run;
#[cfg(test)]
mod servers;
mod session;
mod sightings;
mod stage;
mod statement;
#[cfg(test)]
mod tests;
mod world;
mod written;

use strandline_history::{ReadOptions, Rows};
use strandline_model::table::ScanError;

pub use run::expose;
pub use stage::{Inputs, Output, Progress, Summary};
pub use strandline_history::{HistoryError, KnownPeople, OnCut, Snapshot};
pub(crate) use strandline_sql::Dialect;

/// How to expose.
#[derive(Clone, Debug)]
pub struct Options {
    /// An aggregate over fewer people than this gives their values away.
    pub inferable_group: u32,
    /// Memory that a replay may use, bytes.
    pub memory_limit_bytes: usize,
    /// Threads that a replay may use.
    pub threads: usize,
    /// What to do with a snapshot that ends too early.
    pub on_cut: OnCut,
    /// Whether nobody named the actor, and the detections that did rest on an estate that nobody corrected.
    pub guessed_actor: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { inferable_group: 5, memory_limit_bytes: 2 << 30, threads: 2, on_cut: OnCut::Stop, guessed_actor: false }
    }
}

/// Why exposures could not be worked out.
#[derive(Debug, thiserror::Error)]
pub enum ExposureError {
    /// The data as it stood cannot be told.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The replay engine could not be set up: our bug, or too little memory.
    #[error("database {database}: the replay engine cannot be set up: {reason}")]
    Engine {
        /// The database.
        database: String,
        /// Why.
        reason: String,
    },
    /// The results could not be written.
    #[error("the results cannot be written")]
    Write(#[source] ScanError),
    /// Register and data name people by different keys.
    #[error(
        "no key of the register is a subject key of the data: [register] has key = {register:?}, the tables have subject_key = {data}; \
         correct estate.toml so that both name people by the same number"
    )]
    KeysApart {
        /// The column of the register.
        register: String,
        /// The columns of the data.
        data: String,
    },
    /// The same numbers name other people in the register than in the data.
    #[error(
        "the key {register:?} of [register] is not the subject key of table {table}: of {rows} of its rows the register has another person under that number, \
         by a name, an address or a telephone number; correct estate.toml so that both name people by the same number"
    )]
    KeysMeanOthers {
        /// The column of the register.
        register: String,
        /// The table.
        table: String,
        /// Rows that were seen to be of another person.
        rows: u64,
    },
    /// A table of the case folder could not be read.
    #[error("the table {table} of the case cannot be read; run the stage that writes it again")]
    Table {
        /// Its name.
        table: &'static str,
        /// Why.
        #[source]
        source: ScanError,
    },
}

impl Options {
    /// How the snapshots are to be read.
    fn reading(&self) -> ReadOptions {
        ReadOptions { memory_limit_bytes: self.memory_limit_bytes, on_cut: self.on_cut, rows: Rows::Read }
    }
}

impl ExposureError {
    pub(crate) fn scan(table: &'static str) -> impl Fn(ScanError) -> Self {
        move |source| Self::Table { table, source }
    }
}
