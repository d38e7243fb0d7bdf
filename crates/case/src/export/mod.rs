//! What leaves the case: tables for spreadsheets and a bundle for other tools. Each is written as a stream to any writer;
//! [`Case::export_file`] makes it one file that is there in full or not at all. Same case, same bytes.

mod cell;
mod exposures;
mod people;
mod stix;
mod timeline;

use std::io::{self, Write};

use strandline_model::table::{Row, Scan, ScanError};

pub use cell::text as spreadsheet_text;
pub use exposures::write_exposures;
pub use people::{PeopleSources, write_people};
pub use stix::{StixSources, TierCount, write_stix};
pub use timeline::{TimelineSources, write_timeline};

use crate::atomic::{AtomicFile, WriteError, create_folder};
use crate::folder::{Case, CaseError, require_name};
use crate::manifest::StoredFile;

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A table could not be read.
    #[error("cannot read the table {table}")]
    Table {
        /// Which one.
        table: &'static str,
        /// Why not.
        #[source]
        source: ScanError,
    },
    /// What was written to did not take it.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
    /// The case.
    #[error("the case did not take the export")]
    Case(#[from] CaseError),
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        Self::Write(error.into())
    }
}

impl Case {
    /// Writes one file of the case (`export/exposures.csv`, `letters/…`) through `write`; the file of that name is replaced
    /// only when all of it is on the disk. `folder` and `name` are plain names.
    ///
    /// # Errors
    /// If the case is open for reading only, or `write` or the disk fails; then the old file stands.
    pub fn export_file<E: From<CaseError>>(&self, folder: &str, name: &str, write: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<StoredFile, E> {
        self.require_writable()?;
        require_name(folder)?;
        require_name(name)?;
        let path = create_folder(self.path(), folder).map_err(CaseError::from)?;
        let mut file = AtomicFile::create_in(&path).map_err(CaseError::from)?;
        write(&mut file)?;
        // The hash is of all bytes written so far; commit flushes them.
        let stored = StoredFile { file: format!("{folder}/{name}"), sha256: file.sha256(), bytes: file.bytes() };
        file.commit(name).map_err(|e: WriteError| CaseError::from(e))?;
        Ok(stored)
    }
}

/// Calls `each` for every row of a table, one batch in memory at a time.
fn for_each_row<R: Row>(table: &dyn Scan, mut each: impl FnMut(R) -> Result<(), ExportError>) -> Result<(), ExportError> {
    let broken = |source| ExportError::Table { table: R::TABLE, source };
    for batch in table.scan(&[]).map_err(broken)? {
        for row in R::from_batch(&batch.map_err(broken)?).map_err(|e| broken(e.into()))? {
            each(row)?;
        }
    }
    Ok(())
}
