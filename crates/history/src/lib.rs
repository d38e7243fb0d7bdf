//! The data as it stood: reads snapshots, rolls them with the logged writes, and gives every table as of any instant.
//! It knows no access, no category and no tier, and opens no file.

mod cascade;
mod cells;
mod change;
mod declared;
mod defined;
mod definition;
mod doubt;
pub mod evaluate;
mod holders;
mod in_session;
mod index;
mod interest;
mod made_keys;
pub mod paths;
mod rebuild;
pub mod roll;
mod routines;
mod sessions;
mod sketch;
mod snapshot;
pub mod store;
mod transactions;
mod triggers;
mod two_phase;
pub mod value;
mod views;
pub mod writes;

use std::io;

use strandline_model::table::ScanError;

pub use cells::{NearCell, ROW_IN_DOUBT, column_in_doubt};
pub use change::{OwnColumn, changed, copied, is_of_new_row, on_conflict};
pub use declared::{Base, Declaration};
pub use defined::Defined;
pub use definition::{Definition, Name, NewCells, definitions};
pub use doubt::{DoubtReason, Open, Population, TableDoubt};
pub use holders::{InDoubt, NOBODY, SET, SOMEBODY};
pub use in_session::in_their_sessions;
pub use interest::{Interest, Words};
pub use made_keys::add_keys_of_log;
pub use rebuild::{Carried, DatabaseHistory, Rebuild, TableHistory, descriptions, is_temporary};
pub use roll::{micros as instant, moment};
pub use sessions::Sessions;
pub use sketch::{DumpSketch, HeldTables, KnownPeople, compare_keys, held_tables, sketch_databases, sketch_dump};
pub use snapshot::{Broken, OnCut, Part, Parts, Snapshot, fuzz_dump, load, looks_like_a_dump};
pub use strandline_sql::Dialect;
pub use transactions::{Effects, Isolation, Otherwise, OwnWrite, Place, ReadInstant, Reader, Transaction};

/// The dialect of a database, as the estate says.
pub fn dialect_of(database: &strandline_model::estate::Database) -> Dialect {
    if database.is_mysql() { Dialect::MySql } else { Dialect::PostgreSql }
}

/// How to read snapshots.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Memory that a file which must be held as a whole may take, bytes.
    pub memory_limit_bytes: usize,
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

impl Default for ReadOptions {
    fn default() -> Self {
        Self { memory_limit_bytes: 2 << 30, on_cut: OnCut::Stop, rows: Rows::Read }
    }
}

/// Why the data as it stood cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
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

impl HistoryError {
    pub(crate) fn scan(table: &'static str) -> impl Fn(ScanError) -> Self {
        move |source| Self::Table { table, source }
    }
}
