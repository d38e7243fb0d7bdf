//! Why a response could not go on, and whose fault it is.

use std::io;
use std::path::PathBuf;

use strandline_case::export::ExportError;
use strandline_case::{CaseError, OriginError, SealError, WriteError};
use strandline_detection::DetectionError;
use strandline_estate::EstateError;
use strandline_event::EventError;
use strandline_evidence::{IntakeError, VaultError};
use strandline_exposure::ExposureError;
use strandline_model::code::NotACode;
use strandline_model::table::{ScanError, TableError};
use strandline_outbound::{DryRunError, MailboxError, PressError, SendError};
use strandline_trace::TraceError;

use crate::cutting::CutError;
use crate::stage::notify::OutboxError;

/// Why a response could not go on. What was committed before stays, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The estate file has a mistake.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// The case keeps no estate: intake did not run.
    #[error("this case keeps no estate yet: run `strandline respond` or `strandline intake` with --estate first")]
    NoEstate,
    /// A stage is missing that this one stands on.
    #[error("this case has no {missing} yet: run `strandline {command}` first")]
    NotYet {
        /// What is missing.
        missing: &'static str,
        /// The command that makes it.
        command: &'static str,
    },
    /// The case folder.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The case's name.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A file of the case could not be written.
    #[error("{path} cannot be written: see that the disk has room and the folder may be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A small file of the case is damaged.
    #[error("{file} of the case is damaged: run its stage again")]
    State {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Evidence could not be searched, or what was found could not be kept.
    #[error(transparent)]
    Scanning(Box<dyn std::error::Error + Send + Sync>),
    /// A file of the case could not be made durable.
    #[error(transparent)]
    Atomic(#[from] WriteError),
    /// An export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An artefact could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Intake.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// Sealed evidence could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A source is described wrongly, or its events could not be stored.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Detection.
    #[error(transparent)]
    Detection(#[from] DetectionError),
    /// Trace.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A proposal of containment.
    #[error(transparent)]
    Proposal(#[from] strandline_containment::ProposalError),
    /// A candidate that is not there.
    #[error(transparent)]
    NoAction(#[from] crate::containment::NoAction),
    /// Exposure.
    #[error(transparent)]
    Exposure(#[from] ExposureError),
    /// The data as it stood.
    #[error(transparent)]
    History(#[from] strandline_history::HistoryError),
    /// A letter could not be drafted.
    #[error(transparent)]
    Letter(#[from] strandline_notice::letter::DraftError),
    /// A template of a letter has a mistake.
    #[error(transparent)]
    Template(#[from] strandline_notice::letter::TemplateError),
    /// A table of the case could not be read.
    #[error("a table of the case cannot be read: run `strandline verify`, then the stage that writes it")]
    Scan(#[source] ScanError),
    /// A table has another shape.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The register.
    #[error("{path} line {line}: {reason}")]
    Register {
        /// The file.
        path: String,
        /// 1-based.
        line: u64,
        /// What is wrong; never a value.
        reason: String,
    },
    /// A stored decision is none that this version knows.
    #[error("the decision of ledger entry {entry} is not one that this version knows: use the version that wrote it, or a newer one")]
    UnknownDecision {
        /// The entry.
        entry: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// An approver without a name.
    #[error("an approval needs the name of the person who gives it: --responder \"A. Chan\"")]
    NoName,
    /// A cut.
    #[error(transparent)]
    Cut(Box<CutError>),
    /// The same person again.
    #[error("{0} has approved exactly these letters already: a second approval is another person's")]
    ApprovedAlready(String),
    /// Approvals are missing.
    #[error("{have} of {needed} approvals{}: nothing was sent{}. Look with `strandline notify CASE preview`, then `strandline notify CASE approve --responder NAME`", if *open > 0 { format!(" of {open} letters") } else { String::new() }, if *outdated > 0 { "; letters, addresses or people were changed after an earlier approval" } else { "" })]
    NotApproved {
        /// How many there are.
        have: usize,
        /// How many are needed.
        needed: usize,
        /// Letters that lack approvals.
        open: u64,
        /// Approvals of what was changed since.
        outdated: usize,
    },
    /// Other letters than those that somebody looked at.
    #[error("the letters were changed since they were looked at: look again, then approve")]
    OtherLetters,
    /// Another state of the case than the one that a preview was of.
    #[error("the case has changed since the preview: look at what hangs on it again, then decide")]
    OtherState,
    /// A judgement on what the trail does not have.
    #[error("the trail has no link or detection {0:?}: `strandline trace CASE` lists them")]
    NoSuchTarget(String),
    /// A starting point that is none.
    #[error("{0} is no starting point of the trail")]
    NoSuchPin(String),
    /// A decision or a finding came after the letters were drafted.
    #[error(
        "the letters are older than the case: what was decided or found since can change what they say. Bring the case up to date (`strandline trace CASE`, `strandline expose CASE`, `strandline notify CASE draft`), and look at them again"
    )]
    LettersOld,
    /// There is no letter that can go.
    #[error("there is no letter to send: see `strandline notify CASE status`")]
    NothingToSend,
    /// The lint found what must not go out.
    #[error("{0} findings in the letters: `strandline notify CASE lint` lists them; mend the templates, the register or the estate, and draft again")]
    Lint(usize),
    /// A person has no letter of which this can be said.
    #[error(
        "{0:?} has no letter of which this can be said: see `strandline notify CASE status`; one that is held goes by `notify CASE release`, `readdress` or `done-by-hand`"
    )]
    NoLetter(String),
    /// A folder that must be empty.
    #[error("{} holds files: choose a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A letter could not be fetched.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Sending ended before its time.
    #[error(transparent)]
    Send(#[from] SendError<OutboxError>),
    /// A dry run.
    #[error(transparent)]
    DryRun(#[from] DryRunError),
    /// A mailbox of reports.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// A mailbox without a message.
    #[error("{} holds no message that is mail: give a Maildir, an mbox file, a folder of .eml files, or one of them", .0.display())]
    NoMessages(PathBuf),
    /// The printer.
    #[error(transparent)]
    Press(#[from] PressError),
    /// Something that letters stand on was changed after they were drafted.
    #[error("the letters are not what the templates, the decisions and the exposures say now: run `strandline notify CASE draft` again")]
    LettersChanged,
    /// PDFs are wanted that nobody has seen.
    #[error("these letters were not printed yet, so nobody can have approved the PDFs: run `strandline notify CASE print`, then approve")]
    PrintFirst,
    /// Another layout or other fonts than those of the approved PDFs.
    #[error("layout or fonts are not those that the approved PDFs were printed with: give the same --layout and --fonts, or print and approve again")]
    OtherPage,
    /// A batch of paper.
    #[error(transparent)]
    Post(Box<dyn std::error::Error + Send + Sync>),
    /// A place that no letter can go to.
    #[error(transparent)]
    Place(#[from] strandline_notice::letter::PlaceError),
    /// What is to come has not happened.
    #[error("{0} lies in the future, and a decision records what has happened: check --at")]
    ToCome(strandline_model::time::Instant),
    /// A name that half the register bears.
    #[error("the name is too short to look for: give three letters of it, or two characters of a Chinese one")]
    ShortName,
    /// Somebody has no letter from which answers could be made.
    #[error("{0:?} has no letter, and so no answers: see `strandline person CASE {0}`")]
    NoAnswers(String),
    /// No letter is written in that language.
    #[error("no letter is written in {language:?}; letters are written in: {known}")]
    NoSuchLanguage {
        /// As it was written.
        language: String,
        /// What there is.
        known: String,
    },
    /// The code of a letter is mistyped.
    #[error(transparent)]
    Code(#[from] NotACode),
    /// A code that is well-formed and on no letter.
    #[error("no letter of this case has this code: it is of another case, or somebody made it up")]
    CodeOfNobody,
    /// What is missing before a letter can go by mail.
    #[error(transparent)]
    Mail(#[from] crate::desk::MailError),
    /// Something that whoever starts a program must set first.
    #[error(transparent)]
    NotSet(#[from] crate::desk::NotSet),
    /// A secret of a target.
    #[error(transparent)]
    Secret(#[from] crate::desk::SecretError),
    /// The code of a card that the desk withdrew.
    #[error("this code was withdrawn, since somebody else holds that letter: whoever gives it need not be the person")]
    CodeWithdrawn,
    /// Neither a key nor a code.
    #[error("{0:?} is neither the key of a person in this case nor the code of a letter")]
    NobodyHere(String),
    /// The support page.
    #[error(transparent)]
    Support(#[from] crate::support::SupportError),
    /// The desk.
    #[error(transparent)]
    Desk(#[from] crate::support::DeskError),
    /// Nobody of that key is in the case.
    #[error("nobody with the key {0:?} is in the exposures of this case")]
    NobodyExposed(String),
}

impl From<ScanError> for ResponseError {
    fn from(source: ScanError) -> Self {
        Self::Scan(source)
    }
}

impl From<CutError> for ResponseError {
    fn from(error: CutError) -> Self {
        Self::Cut(Box::new(error))
    }
}
