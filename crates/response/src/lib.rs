//! The conductor. It alone calls stages and writes the case; what a stage decides is the stage's own.

mod choices;
mod error;
mod explain;
mod people;
mod readiness;
mod run;
mod stage;
mod store;

pub use choices::{Choices, CutDump, Told};
pub use error::ResponseError;
pub use explain::{ExplainedCategory, Explanation, explain};
pub use readiness::{Readiness, check_estate, draft_estate};
pub use run::{Names, Outcome, Response, Settings, Tiers, Watcher, respond, time_zone};
pub use stage::notify::{
    AfterFailure, ApprovalState, Attach, BounceTally, HeldLetter, LetterPlan, LetterStatus, LogIs, OutboxError, PersonStatus, PlannedLetter, Resolved,
    SendOrder,
};
// What a terminal or a console must name to have letters sent: they do not see `outbound` themselves.
pub use strandline_outbound::{Credentials, DkimKey, OutgoingLetter, Pace, ReturnPath, Secret, Security, SenderIdentity, Server, Tally as SentTally, Timeouts};
