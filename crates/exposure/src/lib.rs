//! Turns accesses into exposures: whose data, which categories, how sure, and with which proof.
//!
//! Every access is a query. It is replayed against the data as it stood, by `strandline-provenance`, which says whose
//! cells it displayed; this crate rebuilds the data, reads the statements in the order of their connection, and judges
//! how sure the answer is. It opens no file, and it never raises a tier by guessing.

mod cursors;
mod engine;
mod evaluate;
mod fold;
mod lexer;
mod matrix;
mod missing;
mod reach;
mod replay;
mod roll;
mod run;
mod sightings;
mod sketch;
mod snapshot;
mod statement;
mod store;
#[cfg(test)]
mod tests;
mod value;
mod world;
mod writes;

use std::io;

use strandline_model::table::ScanError;

pub use run::{Inputs, Output, Progress, Summary, expose};
pub use sketch::{DumpSketch, HeldTables, TableSketch, held_tables, sketch_dump};
pub use snapshot::{OnCut, Snapshot};

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
}

impl Dialect {
    /// As the estate says.
    pub(crate) fn of_estate(database: &strandline_model::estate::Database) -> Self {
        if database.is_mysql() { Self::MySql } else { Self::PostgreSql }
    }
}

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
    /// Whether rows are read, or only what the tables are.
    pub rows: Rows,
}

/// What is read of a snapshot's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Names, columns, keys, rights and rows.
    Read,
    /// All but the rows.
    Skipped,
}

impl Default for Options {
    fn default() -> Self {
        Self { inferable_group: 5, memory_limit_bytes: 2 << 30, threads: 2, on_cut: OnCut::Stop, rows: Rows::Read }
    }
}

/// Why exposures could not be worked out.
#[derive(Debug, thiserror::Error)]
pub enum ExposureError {
    /// The caller names a database that the estate does not have.
    #[error("{path}: the estate has no database {database:?}; correct the snapshot's entry in estate.toml")]
    UnknownDatabase {
        /// The snapshot.
        path: String,
        /// The database it is said to be of.
        database: String,
    },
    /// Damaged or unsupported snapshot.
    #[error("{path} line {line}: {reason}")]
    Snapshot {
        /// The snapshot.
        path: String,
        /// 1-based; 0 where lines mean nothing.
        line: u64,
        /// What is wrong and what to do; never a value.
        reason: String,
    },
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
    /// A table of the case folder could not be read.
    #[error("the table {table} of the case cannot be read; run the stage that writes it again")]
    Table {
        /// Its name.
        table: &'static str,
        /// Why.
        #[source]
        source: ScanError,
    },
    /// The snapshot's bytes could not be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The snapshot.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ExposureError {
    pub(crate) fn scan(table: &'static str) -> impl Fn(ScanError) -> Self {
        move |source| Self::Table { table, source }
    }
}
