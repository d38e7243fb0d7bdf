//! `exposures.csv`: one line a cell of the matrix, for spreadsheets and for scoring.

use std::io::Write;

use strandline_model::exposure::Exposure;
use strandline_model::table::Scan;

use super::cell::{text, words};
use super::{ExportError, for_each_row};

const HEADER: [&str; 10] = ["data_subject", "category", "basis", "certainty", "first_seen", "last_seen", "proof", "columns", "accesses", "missing_proof"];

/// Writes all exposures in the table's order. Proofs are `ARTEFACT@OFFSET+LENGTH`, separated by spaces, as are columns and
/// accesses; times are RFC 3339, UTC. Needs memory for one batch.
///
/// # Errors
/// If the table cannot be read, or `out` does not take it.
pub fn write_exposures(out: &mut dyn Write, exposures: &dyn Scan) -> Result<(), ExportError> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    for_each_row(exposures, |e: Exposure| {
        csv.write_record([
            &*text(&e.data_subject),
            &text(&e.category),
            e.basis.as_str(),
            e.certainty.as_str(),
            &e.first_seen.to_string(),
            &e.last_seen.to_string(),
            &words(&e.proof),
            &text(&words(&e.columns)),
            &text(&words(&e.accesses)),
            &text(e.missing_proof.as_deref().unwrap_or_default()),
        ])?;
        Ok(())
    })?;
    csv.flush()?;
    Ok(())
}
