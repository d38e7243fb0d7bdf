//! The case folder: sealed artefacts, tables, the append-only ledger, decisions, verification and exports.
//!
//! Whatever a run wants to keep goes through a [`Case`]. Every write is a temporary file that is flushed and
//! renamed, and a stage becomes visible by one rename of `manifest.json`, so that a kill at any moment leaves
//! either the old state or the new one. The crate does not run stages and does not know what they mean.

mod approval;
mod atomic;
mod custody;
mod cut;
mod decision;
pub mod export;
mod folder;
mod ledger;
mod manifest;
mod message;
mod names;
mod passkey;
mod responder;
mod rights;
mod scope;
mod seal;
mod sending;
mod signature;
mod signed;
mod state;
mod statement;
mod table;
mod trial;
mod verify;

pub use approval::{Approval, StoredApproval};
pub use atomic::{AtomicFile, WriteError};
pub use cut::{Cutting, NewWave, StoredCut, StoredWave};
pub use decision::StoredDecision;
pub use folder::{Case, CaseError, Origin, OriginError, Secrets};
pub use ledger::{Entry, EntryKind, Function, Ledger, LedgerError, ProofError, Salt, check_proof};
pub use manifest::{Author, Inputs, Manifest, StageCommit, StageRecord, StoredFile, TablePart};
pub use message::{NewMessage, StoredMessage};
pub use passkey::{Algorithm, Assertion, Passkey, PasskeyProblem, Registration, challenge, rp_id};
pub use responder::{APPROVAL, Change, Enrolment, NoRole, NotSigned, Objection, Responder, Responders, Role, SignText, Signer, has_risen, same_name};
pub use rights::Right;
pub use scope::{Question, Seen, scope};
pub use seal::{SealError, SealWriter};
pub use sending::{LetterEvent, NewLetter, Sending, SendingFiles, SendingStep, StoredLetter};
pub use signature::{NAMESPACE, PublicKey, SIGN_IN, SignatureProblem};
pub use statement::{LOOK_UP, Statement, StoredStatement};
pub use table::{StoredTable, TableWriter};
pub use trial::Trial;
pub use verify::{Anchor, Problem, VerifyReport, verify};
