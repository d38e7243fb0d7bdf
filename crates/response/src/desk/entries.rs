//! The ledger, entry by entry, and its checkpoint to hand out.

use std::path::Path;

use strandline_case::{Anchor, Case, Entry, VerifyReport, verify};

use crate::error::ResponseError;
use crate::run::Settings;

/// Entries of one page.
const ENTRIES_OF_A_PAGE: u64 = 50;

/// One entry.
#[derive(Clone, Debug)]
pub struct EntryView {
    /// Its place.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// Who signed it, where a signature holds.
    pub signed_by: Option<String>,
}

/// A page of the ledger, the newest first.
#[derive(Clone, Debug)]
pub struct LedgerView {
    /// The case's origin.
    pub origin: String,
    /// How many entries there are.
    pub size: u64,
    /// Those of this page.
    pub entries: Vec<EntryView>,
    /// Where the next page begins: entries before this one.
    pub next: Option<u64>,
    /// The signed checkpoint, to keep outside.
    pub checkpoint: String,
}

/// A page of the ledger: entries before `before`, or the newest.
///
/// # Errors
/// If there is no case, or its ledger cannot be read.
pub fn entries(settings: &Settings<'_>, before: Option<u64>) -> Result<LedgerView, ResponseError> {
    let case = Case::open_for_reading(&settings.case)?;
    let size = case.ledger().size();
    let end = before.unwrap_or(size).min(size);
    let start = end.saturating_sub(ENTRIES_OF_A_PAGE);
    let responders = case.responders()?;
    let mut entries = Vec::new();
    for index in (start..end).rev() {
        let entry = case.ledger().entry(index).map_err(strandline_case::CaseError::from)?;
        let signed_by = case.signer_among(&responders, index, &entry).map(|responder| responder.name);
        entries.push(EntryView { index, entry, signed_by });
    }
    Ok(LedgerView { origin: case.ledger().origin().to_owned(), size, entries, next: (start > 0).then_some(start), checkpoint: text_of(&case) })
}

/// The signed checkpoint of a case: whoever keeps it outside can tell later whether history was rewritten.
///
/// # Errors
/// If there is no case, or its ledger cannot be read.
pub fn checkpoint(settings: &Settings<'_>) -> Result<String, ResponseError> {
    Ok(text_of(&Case::open_for_reading(&settings.case)?))
}

/// Hashes every byte again that the ledger, the manifest or the custody record names, offline.
pub fn check(case: &Path) -> VerifyReport {
    verify(case, &Anchor::default())
}

fn text_of(case: &Case) -> String {
    String::from_utf8_lossy(case.ledger().checkpoint()).into_owned()
}
