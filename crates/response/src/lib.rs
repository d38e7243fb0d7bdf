//! The conductor. It alone calls stages and writes the case; what a stage decides is the stage's own.

mod authenticity;
mod call_sheet;
mod choices;
mod clearance;
mod containment;
mod cutting;
pub mod desk;
mod duties;
mod error;
mod explain;
mod exposed;
mod forms;
mod hunt;
mod letter_words;
mod matching;
mod people;
mod person;
mod pins;
mod readiness;
mod responders;
mod rules;
mod run;
mod stage;
mod store;
mod support;
mod tally;

pub use authenticity::{Authenticity, Left};
pub use call_sheet::{CallAnswer, CallSheet, InHand};
pub use choices::{Choices, CutDump, Told};
pub use clearance::{clearance_of, cleared, open_questions};
pub use containment::{ActionView, Containment, NoAction};
pub use cutting::{Back, CutApproval, CutError, CutPlan, CutView, Outdone, PlanView, StrayView, TargetSecrets, WaveView};
pub use duties::{CaseDuties, DutyError, duties};
pub use error::ResponseError;
pub use explain::{ExplainedAccess, ExplainedCategory, Explanation, ProofLine, explain};
pub use hunt::{CorrelationFigures, HuntReport, HuntRequest, NotScanned, RefusedRecord, RuleChoice, RuleHits, ScannedFile, TakeHit, Unlooked, hunt};
pub use letter_words::LettersDecided;
pub use matching::{BoxError, Hit};
pub use person::{DraftedLetter, FoundName, FoundNames, LookedUpBy, PersonEvent, PersonFile, RegisterLine, SentLetter};
pub use pins::PinWord;
pub use readiness::{Readiness, check_estate, draft_estate};
pub use responders::{enrol_responder, remove_responder, responders};
pub use run::{Names, Outcome, Response, Settings, Tiers, Watcher, respond, time_zone};
pub use strandline_containment::by_hand;
pub use support::{Collected, DeskError, DeskItem, DeskState, Published, RefusedMessage, ShownMessage, SupportError};
pub use tally::{Histogram, Tally};

/// Law files and forms, for whoever reads files and prints: the stage decides nothing of the case.
pub mod notice {
    pub use strandline_notice::duties::{Duties, DutyView, State};
    pub use strandline_notice::forms::{Form, FormId, document, plain, questions};
    pub use strandline_notice::law::{LawBook, LawError};
    pub use strandline_notice::letter::lint::Finding;
}
pub use stage::notify::{
    AfterFailure, ApprovalState, Attach, BounceTally, HeldLetter, LetterPlan, LetterStatus, LogIs, OpenReport, OutboxError, PersonStatus, PlannedLetter, Reach,
    Resolved, SendOrder, Settled, SettledLetter, Wave,
};
pub use stage::print::{Page, PrintFinding, PrintedLetters};
// What a terminal or a console must name to have letters sent: they do not see `outbound` themselves.
pub use rules::{CheckedRules, RefusedRule, RuleFigures, UnmatchedRule, check_rules, load_rules};
pub use strandline_case::{Entry, EntryKind, VerifyReport};
// How a message of the desk is answered, and what it is about.
pub use strandline_case::{
    Algorithm, Change, Enrolment, Passkey, PasskeyProblem, PublicKey, Registration, Responder, Responders, Right, Role, SignatureProblem, Signer, challenge,
    has_risen, rp_id, same_name,
};
pub use strandline_detection::sigma::Rule;
pub use strandline_outbound::contain::{Answer, Force, Verdict};
pub use strandline_outbound::{
    Credentials, Difference, DkimKey, OutgoingLetter, Pace, ReturnPath, Secret, Security, SenderIdentity, Server, Tally as SentTally, Timeouts, What,
};
pub use strandline_support::{Kind as MessageKind, Way};
