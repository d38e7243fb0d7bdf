//! Takes custody of evidence: intake, identification by content, sealing, reading back, coverage.
//!
//! Files from outside are opened here and nowhere else. Nothing is ever extracted to the file system: members of
//! archives are read as streams, so a hostile name inside an archive is only a name.

mod browse;
pub mod coverage;
mod fuzz;
mod identify;
mod intake;
mod pattern;
mod rule_folder;
mod seal;
mod tar;
mod unpack;
mod vault;

pub use browse::{BrowseError, Found, browse};
pub use fuzz::fuzz_intake;
pub use identify::{Content, Packing, identify_content, identify_packing};
pub use intake::{BoxError, Extra, Intake, IntakeError, Progress, Refusal, Request, TRUNCATED, intake};
pub use pattern::matches_pattern;
pub use rule_folder::{RuleFileRead, read_rule_folder};
pub use seal::{SealStore, SealWriter};
pub use unpack::Limits;
pub use vault::{MAX_RECORD_BYTES, Vault, VaultError, VisitError};
