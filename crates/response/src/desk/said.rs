//! Why something was not done, as data: a word for the kind, and the values that its sentence has. Who writes pages has a sentence for
//! each in the page's language; the terminal has the error's own. What is told of bytes of evidence or by other programs (a broken
//! dump, a full disk) stands in its own words, as a detail.

use std::error::Error;

use strandline_case::{CaseError, LedgerError, NotSigned, Objection, PasskeyProblem, SignatureProblem};

use super::act::DeskError;
use super::mail::MailError;
use super::secrets::SecretError;
use super::task::NotSet;
use super::time::TimeError;
use super::words::WordError;
use crate::cutting::CutError;
use crate::duties::DutyError;
use crate::error::ResponseError;
use crate::support::{DeskError as MessageError, SupportError};

/// The kind of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Names the sentence.
    pub key: &'static str,
    /// What stands in it, in the order of its places.
    pub values: Vec<String>,
    /// What is behind it.
    pub cause: Option<Box<Self>>,
    /// What only its own words tell.
    pub detail: Option<String>,
}

impl Kind {
    fn of(key: &'static str) -> Self {
        Self { key, values: Vec::new(), cause: None, detail: None }
    }

    fn with(key: &'static str, values: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { values: values.into_iter().map(|value| value.to_string()).collect(), ..Self::of(key) }
    }

    fn because(self, cause: Self) -> Self {
        Self { cause: Some(Box::new(cause)), ..self }
    }

    /// With what the causes say, in their own words.
    fn beside(self, error: &dyn Error) -> Self {
        Self { detail: Some(in_one_line(error)), ..self }
    }
}

/// An error as somebody is told of it: in its own words, and as its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// In its own words, with its causes.
    pub text: String,
    /// Its kind.
    pub kind: Kind,
}

impl<E: Kinded> From<&E> for Said {
    fn from(error: &E) -> Self {
        Self { text: in_one_line(error), kind: error.kind() }
    }
}

impl Said {
    /// A mistake of ours: work ended in a way that none should.
    pub fn mistake() -> Self {
        Self { text: "it ended by a mistake of ours".to_owned(), kind: Kind::of("mistake") }
    }

    /// A page that could not be drawn.
    pub fn drawing(error: &dyn Error) -> Self {
        Self { text: error.to_string(), kind: Kind::of("mistake").beside(error) }
    }

    /// Work that the system did not begin.
    pub fn not_begun(error: &std::io::Error) -> Self {
        Self { text: format!("it could not be started: {error}"), kind: Kind::of("not_begun").beside(error) }
    }
}

/// An error with all its causes, in one line.
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// An error that knows its kind.
pub trait Kinded: Error {
    /// Its kind.
    fn kind(&self) -> Kind;
}

impl Kinded for DeskError {
    fn kind(&self) -> Kind {
        match self {
            Self::Response(error) => error.kind(),
            Self::Duty(error) => error.kind(),
            Self::NotYours { .. } => Kind::of("not_yours"),
        }
    }
}

impl Kinded for ResponseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Case(error) => error.kind(),
            Self::Cut(error) => error.kind(),
            Self::Support(error) => error.kind(),
            Self::Desk(error) => error.kind(),
            Self::Write { path, source } => Kind::with("write", [path.display()]).beside(source),
            Self::Atomic(error) => Kind::with("write", [error.path.display()]).beside(&error.source),
            Self::Read { path, source } => Kind::with("read", [path.display()]).beside(source),
            Self::State { file, source } => Kind::with("state", [file]).beside(source),
            Self::UnknownDecision { entry, source } => Kind::with("unknown_decision", [entry]).beside(source),
            _ => self.kind_of_stage().unwrap_or_else(|| self.kind_of_letters()),
        }
    }
}

impl ResponseError {
    /// Of what stages could not do.
    fn kind_of_stage(&self) -> Option<Kind> {
        Some(match self {
            Self::Estate(error) => Kind::of("estate").beside(error),
            Self::NoEstate => Kind::of("no_estate"),
            Self::NotYet { .. } => Kind::of("not_yet").beside(self),
            Self::Origin(error) => Kind::of("origin").beside(error),
            Self::Scanning(error) => Kind::of("scanning").beside(&**error),
            Self::Export(error) => Kind::of("export").beside(error),
            Self::Seal(error) => Kind::of("seal").beside(error),
            Self::Intake(error) => Kind::of("intake").beside(error),
            Self::Vault(error) => Kind::of("vault").beside(error),
            Self::Event(error) => Kind::of("events").beside(error),
            Self::Detection(error) => Kind::of("detection").beside(error),
            Self::Trace(error) => Kind::of("trace").beside(error),
            Self::Proposal(error) => Kind::of("proposal").beside(error),
            Self::NoAction(error) => Kind::of("no_action").beside(error),
            Self::Exposure(error) => Kind::of("exposure").beside(error),
            Self::History(error) => Kind::of("history").beside(error),
            Self::Scan(error) => Kind::of("scan").beside(&**error),
            Self::Table(error) => Kind::of("table").beside(error),
            Self::Register { path, line, reason } => Kind { detail: Some(reason.clone()), ..Kind::with("register", [path.clone(), line.to_string()]) },
            Self::OtherState => Kind::of("other_state"),
            Self::NoSuchTarget(target) => Kind::with("no_such_target", [target]),
            Self::NoSuchPin(pin) => Kind::with("no_such_pin", [pin]),
            Self::ToCome(at) => Kind::with("to_come", [at]),
            Self::NobodyExposed(key) => Kind::with("nobody_exposed", [key]),
            Self::ShortName => Kind::of("short_name"),
            Self::NobodyHere(key) => Kind::with("nobody_here", [key]),
            _ => return None,
        })
    }

    /// Of letters, their approval and their sending.
    fn kind_of_letters(&self) -> Kind {
        match self {
            Self::Letter(error) => Kind::of("letter").beside(error),
            Self::Template(error) => Kind::of("template").beside(error),
            Self::NoName => Kind::of("no_name"),
            Self::ApprovedAlready(name) => Kind::with("approved_already", [name]),
            Self::NotApproved { have, needed, .. } => Kind::with("not_approved", [have, needed]),
            Self::OtherLetters => Kind::of("other_letters"),
            Self::LettersOld => Kind::of("letters_old"),
            Self::NothingToSend => Kind::of("nothing_to_send"),
            Self::Lint(findings) => Kind::with("lint", [findings]),
            Self::NoLetter(key) => Kind::with("no_letter", [key]),
            Self::NotEmpty(path) => Kind::with("not_empty", [path.display()]),
            Self::Outbox(error) => Kind::of("outbox").beside(error),
            Self::Send(error) => Kind::of("send").beside(error),
            Self::DryRun(error) => Kind::of("dry_run").beside(error),
            Self::Mailbox(error) => Kind::of("mailbox").beside(error),
            Self::NoMessages(path) => Kind::with("no_messages", [path.display()]),
            Self::Press(error) => Kind::of("press").beside(error),
            Self::LettersChanged => Kind::of("letters_changed"),
            Self::PrintFirst => Kind::of("print_first"),
            Self::OtherPage => Kind::of("other_page"),
            Self::Post(error) => Kind::of("post").beside(&**error),
            Self::Place(error) => Kind::of("place").beside(error),
            Self::NoAnswers(key) => Kind::with("no_answers", [key]),
            Self::NoSuchLanguage { language, known } => Kind::with("no_such_language", [language, known]),
            Self::Code(error) => Kind::of("code").beside(error),
            Self::CodeOfNobody => Kind::of("code_of_nobody"),
            Self::Mail(error) => error.kind(),
            Self::NotSet(NotSet::Post) => Kind::of("no_post"),
            Self::NotSet(NotSet::Bundle) => Kind::of("no_bundle"),
            Self::Secret(error) => error.kind(),
            Self::CodeWithdrawn => Kind::of("code_withdrawn"),
            // The others were asked for before.
            other => Kind::of("other").beside(other),
        }
    }
}

impl Kinded for MailError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoFrom => Kind::of("no_sender"),
            Self::NoReturnPath => Kind::of("no_return_path"),
            Self::ReturnPath(error) => Kind::of("return_path").beside(error),
            Self::Sender(error) => Kind::of("sender").beside(error),
            Self::NoServer => Kind::of("no_server"),
            Self::Security(word) => Kind::with("mail_security", [word]),
            Self::NoPassword => Kind::of("no_password"),
            Self::NoSelector => Kind::of("no_selector"),
            Self::Dkim(error) => Kind::of("dkim").beside(error),
        }
    }
}

impl Kinded for SecretError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unread { path, source, .. } => Kind::with("secret_unread", [path.display()]).beside(source),
            Self::Empty { path, .. } => Kind::with("secret_empty", [path.display()]),
            Self::Authorities { path, source } => Kind::with("authorities", [path]).beside(source),
            Self::Asking(source) => Kind::of("not_asked").beside(source),
        }
    }
}

impl Kinded for CaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Exists(path) => Kind::with("case_exists", [path.display()]),
            Self::NotEmpty(path) => Kind::with("case_not_empty", [path.display()]),
            Self::NotACase(path) => Kind::with("not_a_case", [path.display()]),
            Self::Busy(_) => Kind::of("busy"),
            Self::ReadOnly => Kind::of("read_only"),
            Self::UnknownForm { path, .. } => Kind::with("unknown_form", [path.display()]),
            Self::Foreign { path, what } => Kind { detail: Some(what.clone()), ..Kind::with("foreign", [path.display()]) },
            Self::BadName(name) => Kind::with("bad_name", [name]),
            Self::Missing(path) => Kind::with("missing", [path.display()]),
            Self::Read { path, source } => Kind::with("read", [path.display()]).beside(source),
            Self::Json { path, source } => Kind::with("damaged", [path.display()]).beside(source),
            Self::Write(error) => Kind::with("write", [error.path.display()]).beside(&error.source),
            Self::Ledger(error) => error.kind(),
            Self::Parquet { path, source } => Kind::with("damaged", [path.display()]).beside(source),
            Self::Shape(error) => Kind::of("table").beside(error),
            Self::ImpossibleStep { reference, .. } => Kind::with("impossible_step", [reference]),
            Self::NotSigned(error) => error.kind(),
            Self::State(error) => Kind::of("database").beside(error),
        }
    }
}

impl Kinded for LedgerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { path, source } => Kind::with("read", [path.display()]).beside(source),
            Self::Write(error) => Kind::with("write", [error.path.display()]).beside(&error.source),
            Self::BadKey(path) => Kind::with("ledger_key", [path.display()]),
            Self::BadCheckpoint(path) => Kind::with("ledger_checkpoint", [path.display()]),
            Self::Changed(path) => Kind::with("ledger_changed", [path.display()]),
            Self::WrongRoot { path, .. } => Kind::with("ledger_changed", [path.display()]),
            Self::EntryTooLong(bytes) => Kind::with("ledger_long", [bytes]),
            Self::UnknownEntry { index, source } => Kind::with("ledger_unknown", [index]).beside(source),
            Self::NoEntry { index, .. } => Kind::with("ledger_no_entry", [index]),
            Self::ReadOnly => Kind::of("read_only"),
            Self::Tree(error) => Kind::of("ledger_tree").beside(error),
        }
    }
}

impl Kinded for NotSigned {
    fn kind(&self) -> Kind {
        match self {
            Self::NoKey => Kind::of("sign_no_key"),
            Self::NobodyEnrolled => Kind::of("sign_nobody_enrolled"),
            Self::NotTheOpener(opener) => Kind::with("sign_not_the_opener", [opener]),
            Self::Failed(why) => Kind { detail: Some(why.clone()), ..Kind::of("sign_failed") },
            Self::Wrong(problem) => Kind::of("sign_wrong").because(problem.kind()),
            Self::NotEnrolled(key) => Kind::with("sign_not_enrolled", [key]),
            Self::OtherName { holder, name } => Kind::with("sign_other_name", [holder, name]),
            Self::NotAnApprover(name) => Kind::with("sign_not_an_approver", [name]),
            Self::NotTheirs { name, .. } => Kind::with("sign_not_theirs", [name]),
            Self::Enrolment(objection) => objection.kind(),
        }
    }
}

impl Kinded for Objection {
    fn kind(&self) -> Kind {
        match self {
            Self::NoName => Kind::of("enrol_no_name"),
            Self::KeyOfAnother(name) => Kind::with("enrol_key_of_another", [name]),
            Self::Spelled(name) => Kind::with("enrol_spelled", [name]),
            Self::FirstIsNoApprover => Kind::of("enrol_first"),
            Self::Already(name) => Kind::with("enrol_already", [name]),
            Self::PasskeyAgain => Kind::of("enrol_passkey_again"),
            Self::Passkey(problem) => problem.kind(),
            Self::NoSuchKey => Kind::of("enrol_no_such_key"),
            Self::NotOfThatName { name, .. } => Kind::with("enrol_not_of_that_name", [name]),
            Self::OtherNameOrRole => Kind::of("enrol_other"),
            Self::LastApprover => Kind::of("enrol_last_approver"),
            Self::NotByItself => Kind::of("enrol_not_by_itself"),
        }
    }
}

impl Kinded for SignatureProblem {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed => Kind::of("signature_malformed"),
            Self::OtherPurpose => Kind::of("signature_other_purpose"),
            Self::OtherText => Kind::of("signature_other_text"),
            Self::NotTouched => Kind::of("signature_not_touched"),
            Self::NoKey => Kind::of("signature_no_key"),
            Self::WeakKey => Kind::of("signature_weak_key"),
            Self::Passkey(problem) => problem.kind(),
        }
    }
}

impl Kinded for PasskeyProblem {
    fn kind(&self) -> Kind {
        Kind::of(match self {
            Self::Malformed => "passkey_malformed",
            Self::OtherCeremony => "passkey_other_ceremony",
            Self::OtherText => "passkey_other_text",
            Self::OtherOrigin => "passkey_other_origin",
            Self::Framed => "passkey_framed",
            Self::NotPresent => "passkey_not_present",
            Self::NotVerified => "passkey_not_verified",
            Self::OtherHome => "passkey_other_home",
            Self::Counter => "passkey_counter",
            Self::NoKey => "passkey_no_key",
            Self::WeakKey => "passkey_weak_key",
        })
    }
}

impl Kinded for DutyError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownEvent { event, known } => Kind::with("duty_unknown_event", [event, known]),
            Self::UnknownDuty { duty, known } => Kind::with("duty_unknown", [duty, known]),
            Self::UnknownQuestion { question, known } => Kind::with("duty_unknown_question", [question, known]),
            Self::NoNext => Kind::of("duty_no_next"),
            Self::LongReference => Kind::of("duty_long_reference"),
            Self::UnknownLanguage { language, known } => Kind::with("no_such_language", [language, known]),
            Self::InFuture { at } => Kind::with("to_come", [at]),
            Self::Staff(error) => Kind::of("duty_staff").beside(error),
            Self::AboutPeople { form, fields } => Kind::with("duty_about_people", [*form, fields.as_str()]),
            Self::Response(error) => error.kind(),
        }
    }
}

impl Kinded for MessageError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoMessage(id) => Kind::with("message_none", [id]),
            Self::Several(id) => Kind::with("message_several", [id]),
            Self::NoName => Kind::of("message_no_name"),
            Self::Empty => Kind::of("message_empty"),
            Self::Long(chars) => Kind::with("message_long", [chars]),
            Self::NoSheet => Kind::of("message_no_sheet"),
            Self::NotSafety => Kind::of("message_not_safety"),
            Self::WithdrawnAlready => Kind::of("message_withdrawn_already"),
            Self::Unknown(id) => Kind::with("message_unknown", [id]),
        }
    }
}

impl Kinded for SupportError {
    fn kind(&self) -> Kind {
        match self {
            Self::Publish(error) => Kind::of("support_publish").beside(error),
            Self::Message(error) => Kind::of("support_message").beside(error),
            Self::NoSecret => Kind::of("support_no_secret"),
            Self::NotPublished => Kind::of("support_not_published"),
            Self::NoCards => Kind::of("support_no_cards"),
        }
    }
}

impl Kinded for CutError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoPlan(number) => Kind::with("cut_no_plan", [number]),
            Self::NoPlans => Kind::of("cut_no_plans"),
            Self::NoActions => Kind::of("cut_no_actions"),
            Self::NoTarget(action) => Kind::with("cut_no_target", [action]),
            Self::Unplannable { action, source } => Kind::with("cut_unplannable", [action]).beside(source),
            Self::Twice { target } => Kind::with("cut_twice", [target]),
            Self::Foreign(number) => Kind::with("cut_foreign", [number]),
            Self::NotApproved { number, have, needed, .. } => Kind::with("cut_not_approved", [number.to_string(), have.to_string(), needed.to_string()]),
            Self::ApprovedAlready(name) => Kind::with("cut_approved_already", [name]),
            Self::TakenBack(number) => Kind::with("cut_taken_back", [number]),
            Self::Wave(error) => Kind::of("cut_wave").beside(error),
            Self::NothingApplied => Kind::of("cut_nothing_applied"),
        }
    }
}

impl Kinded for WordError {
    fn kind(&self) -> Kind {
        match self {
            Self::OneThing { .. } => Kind::of("word_one_thing"),
            Self::NoReason { .. } => Kind::of("word_no_reason"),
            Self::NoTime => Kind::of("word_no_time"),
            Self::Time(error) | Self::Window(error) => error.kind(),
            Self::NoSession => Kind::of("word_no_session"),
            Self::NoName(_) => Kind::of("word_no_name"),
            Self::NoPlace => Kind::of("word_no_place"),
        }
    }
}

impl Kinded for TimeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Day(text) => Kind::with("time_day", [text]),
            Self::NoTime(text) => Kind::with("time_none", [text]),
            Self::Backwards { .. } => Kind::of("time_backwards"),
            Self::Zone(error) => Kind::of("time_zone").beside(error),
        }
    }
}
