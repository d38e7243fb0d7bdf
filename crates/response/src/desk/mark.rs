//! Whether a case is still as it was: cheap enough to ask before every page.

use std::path::Path;
use std::time::SystemTime;

/// Files whose change means that the case says something new: the committed stages, the ledger, and the state of letters and cuts.
const FILES: [&str; 4] = ["manifest.json", "ledger/checkpoint", "case.db", "case.db-wal"];

/// How the files of a case stand. Equal marks: nothing was committed in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([Option<(u64, SystemTime)>; FILES.len()]);

/// The mark of a case now.
pub fn mark(case: &Path) -> Mark {
    let of = |name: &str| {
        let meta = std::fs::metadata(case.join(name)).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    };
    Mark(FILES.map(of))
}
