//! What a person can do in a case, as plain values. Each is checked, signed where anybody is enrolled, entered in the ledger, and
//! only then done.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use strandline_case::{Case, CaseError, Enrolment, EntryKind, Right, Role};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::duty::DutyWord;
use strandline_model::letter::SendingState;
use strandline_model::letter_word::LetterWord;
use strandline_model::personal::Personal;
use strandline_support::Way;

use super::preview::state;
use super::rights::allow;
use super::said::Said;
use super::signing::{Performed, Signed, with_signature};
use crate::duties::DutyError;
use crate::error::ResponseError;
use crate::letter_words::LettersDecided;
use crate::notice::LawBook;
use crate::person::LookedUpBy;
use crate::pins::PinWord;
use crate::run::{Names, Response, Settings, Watcher};

/// Whoever decides while another act is entered, or between two stages of a run, waits so long for the case.
const WAITS_FOR: Duration = Duration::from_secs(3);
const WAITS_BETWEEN: Duration = Duration::from_millis(50);
/// Whoever reads a request for safety waits longer: nothing else of theirs is as urgent.
const SAFETY_WAITS_FOR: Duration = Duration::from_secs(10);

/// What somebody does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Strikes or confirms a link or detection.
    Judge {
        /// Its id.
        target: String,
        /// Which of the two.
        verdict: Verdict,
        /// Why.
        why: Option<String>,
        /// The state of which a preview was looked at: over another one it is not judged. `None`: as it is now.
        looked_at: Option<String>,
    },
    /// Names starting points of the trail, or withdraws them.
    Pin(PinWord),
    /// Says something of a duty, or of what letters say.
    Duty(DutyWord),
    /// Says something of single letters.
    Letters(Vec<LetterWord>),
    /// Releases exactly the letters as they are.
    ApproveLetters {
        /// The round.
        round: u32,
        /// On what condition, or why.
        why: Option<String>,
        /// From this many letters on two people approve; it can only tighten what the estate says.
        second_from: Option<u64>,
        /// The hash of what was looked at: other letters are not approved. `None`: as they are now.
        looked_at: Option<String>,
    },
    /// Releases exactly a stored plan of cuts.
    ApproveCut {
        /// Its number; none: the newest.
        plan: Option<u64>,
        /// On what condition, or why.
        why: Option<String>,
    },
    /// Enrols or removes a key of somebody, or a passkey.
    Enrol(Enrolment),
    /// Looks at what the case holds on a person.
    LookUp {
        /// The person's key.
        data_subject: String,
        /// How the person was found.
        by: LookedUpBy,
        /// Why somebody looks.
        why: Option<Personal<String>>,
    },
    /// Says what became of a letter that left, or has an uncertain or failed one sent again.
    LetterCame {
        /// Whose letter.
        data_subject: String,
        /// Accepted, queued again, returned, bounced or answered.
        state: SendingState,
    },
    /// Decides who sees to a message.
    AssignMessage {
        /// The message.
        message: String,
        /// Who.
        to: String,
    },
    /// Answers a message.
    AnswerMessage {
        /// The message.
        message: String,
        /// In these words; none: in those of the sheet.
        text: Option<Personal<String>>,
        /// Another way than the person asked for.
        by: Option<Way>,
    },
    /// Nothing more is to be done about a message.
    CloseMessage {
        /// The message.
        message: String,
        /// Why.
        why: Personal<String>,
    },
    /// The card that a message was written from is shown no more: somebody else holds the letter.
    WithdrawCard {
        /// The message.
        message: String,
        /// Why.
        why: Personal<String>,
    },
}

/// What came of an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// The ledger entries of what was decided.
    pub ledger_entries: Vec<u64>,
    /// Of words on letters: what they came to.
    pub letters: Option<LettersDecided>,
    /// What could not be done after the words were entered: they stand, and what follows from them is still to be made.
    pub failed_after: Option<Said>,
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The case.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// A word on a duty.
    #[error(transparent)]
    Duty(#[from] DutyError),
    /// Somebody else's to do.
    #[error("you are here as {}, who may not {}", .role.as_str(), .right.as_str())]
    NotYours {
        /// Who asks.
        role: Role,
        /// For what.
        right: Right,
    },
}

impl From<CaseError> for DeskError {
    fn from(source: CaseError) -> Self {
        Self::Response(source.into())
    }
}

impl Response<'_> {
    /// Does an act, in the name of the settings.
    ///
    /// # Errors
    /// If it cannot be done, is not signed by whoever must, or the case cannot be written. Nothing is decided then.
    pub fn act(&mut self, act: &Act, law: &LawBook) -> Result<Acted, DeskError> {
        let before = self.case.ledger().size();
        let (mut letters, mut failed_after) = (None, None);
        match act.clone() {
            Act::Judge { target, verdict, why, looked_at } => {
                if looked_at.is_some() && looked_at != Some(state(self)?) {
                    return Err(ResponseError::OtherState.into());
                }
                let now = (self.settings.now)();
                self.decide(&Decision { target, verdict, decided_by: self.settings.responder.clone(), decided_at: now, reason: why })?;
            }
            Act::Pin(word) => self.decide_pins(word)?,
            Act::Duty(word) => drop(self.decide_duty(word, law)?),
            Act::Letters(words) => match self.decide_letters(&words) {
                Ok(decided) => letters = Some(decided),
                // Signed and entered: to say that nothing was done would have it entered twice.
                Err(error) if self.case.ledger().size() > before => failed_after = Some(Said::from(&error)),
                Err(error) => return Err(error.into()),
            },
            Act::ApproveLetters { round, why, second_from, looked_at } => {
                if looked_at.is_some_and(|looked_at| self.letter_plan(round).is_ok_and(|plan| plan.sha256 != looked_at)) {
                    return Err(ResponseError::OtherLetters.into());
                }
                self.approve_letters(round, why, second_from)?;
            }
            Act::ApproveCut { plan, why } => drop(self.approve_cut(plan, why)?),
            Act::Enrol(enrolment) => self.change_responders(enrolment)?,
            Act::LookUp { data_subject, by, why } => self.note_look_up(&data_subject, by, why.as_ref())?,
            Act::LetterCame { data_subject, state } => {
                self.letters_came(&BTreeSet::from([data_subject]), state)?;
            }
            Act::AssignMessage { message, to } => drop(self.assign_message(&message, &to)?),
            Act::AnswerMessage { message, text, by } => {
                self.answer_message(&message, text.as_ref().map(|text| text.expose_personal().as_str()), by)?;
            }
            Act::CloseMessage { message, why } => drop(self.close_message(&message, why.expose_personal())?),
            Act::WithdrawCard { message, why } => drop(self.withdraw_card(&message, why.expose_personal())?),
        }
        let mut ledger_entries = Vec::new();
        for index in before..self.case.ledger().size() {
            if self.case.ledger().entry(index).map_err(CaseError::from)?.kind == EntryKind::Decision {
                ledger_entries.push(index);
            }
        }
        Ok(Acted { ledger_entries, letters, failed_after })
    }
}

impl Response<'_> {
    /// Records what became of people's letters, in somebody's word, and that the unclear reports on them were read. Returns how many
    /// letters that was.
    ///
    /// # Errors
    /// If a person has no letter of which this can be said, or the case cannot be written.
    pub fn letters_came(&mut self, keys: &BTreeSet<String>, state: SendingState) -> Result<u64, ResponseError> {
        let letters = match state {
            SendingState::Accepted | SendingState::Queued => self.resolve_by_word(keys, state)?,
            _ => self.record_letters(keys, state)?,
        };
        if state != SendingState::Queued {
            self.settle_reports(keys)?;
        }
        Ok(letters)
    }
}

/// Does an act in a case. Where anybody is enrolled and no signature is given yet, it says what is to be signed instead; with the
/// signature, the same act at the same instant is entered with it.
///
/// Where somebody else has the case, it waits a little.
///
/// # Errors
/// If it is not the role's to do; as [`Response::act`].
pub fn perform(settings: &Settings<'_>, role: Role, act: &Act, law: &LawBook, signed: Option<&Signed>) -> Result<Performed, DeskError> {
    allow(role, act.right())?;
    let mut quiet = super::Quiet;
    let began = Instant::now();
    loop {
        let done = with_signature(settings, (signed, act), &mut |settings| Response::resume(settings, &mut quiet)?.act(act, law));
        match done {
            Err(DeskError::Response(ResponseError::Case(CaseError::Busy(_)))) if began.elapsed() < WAITS_FOR => std::thread::sleep(WAITS_BETWEEN),
            done => return done,
        }
    }
}

/// Puts into the ledger that somebody reads a request for safety, in one step: it waits for no signature, and is an entry all the same,
/// in the name of the settings. Where somebody else has the case, it waits for the end of their stage.
///
/// # Errors
/// If it is not the role's, the message is no request for safety, or the case cannot be written: then nobody has noted it.
pub fn note_safety_reading(settings: &Settings<'_>, role: Role, message: &str) -> Result<u64, DeskError> {
    allow(role, Right::Desk)?;
    let mut quiet = super::Quiet;
    let began = Instant::now();
    loop {
        match Response::resume(settings, &mut quiet).and_then(|mut response| response.note_safety_reading(message)) {
            Err(ResponseError::Case(CaseError::Busy(_))) if began.elapsed() < SAFETY_WAITS_FOR => std::thread::sleep(WAITS_BETWEEN),
            noted => return Ok(noted?),
        }
    }
}

/// Works out again what a decision changed: trail, containment, exposures, letters (if there were any), exports, report. What did not
/// change is not made again, and a killed run goes on where it stopped. Between two stages the case is nobody's, so that people can
/// decide meanwhile: what they decide is followed by the next run.
///
/// # Errors
/// If a stage cannot be run; what was committed before stays.
pub fn renew(settings: &Settings<'_>, watcher: &mut dyn Watcher) -> Result<(), ResponseError> {
    let has_letters = Response::look(settings, watcher)?.case.manifest().stages.contains_key("letters");
    type Stage = fn(&mut Response<'_>) -> Result<(), ResponseError>;
    let stages: [Stage; 7] = [
        |response| response.trace(None).map(drop),
        |response| response.propose_containment().map(drop),
        |response| response.compare_with_cuts().map(drop),
        |response| response.expose().map(drop),
        |response| response.draft_letters().map(drop),
        |response| response.export().map(drop),
        |response| response.report(Names::Masked).map(drop),
    ];
    for (place, stage) in stages.into_iter().enumerate() {
        if place != LETTERS || has_letters {
            stage(&mut resume_in_turn(settings, watcher, WAITS_FOR)?)?;
        }
    }
    Ok(())
}

/// Which of the stages drafts the letters.
const LETTERS: usize = 4;

/// Opens the case for writing, after whoever is at it.
pub(super) fn resume_in_turn<'a>(settings: &'a Settings<'a>, watcher: &'a mut dyn Watcher, waits_for: Duration) -> Result<Response<'a>, ResponseError> {
    let began = Instant::now();
    while began.elapsed() < waits_for && matches!(Case::open(&settings.case), Err(CaseError::Busy(_))) {
        std::thread::sleep(WAITS_BETWEEN);
    }
    Response::resume(settings, watcher)
}

/// Brings into the state of letters and decisions what a killed run had entered in the ledger alone. Where another run has the case, it
/// has done so.
///
/// # Errors
/// If there is no case, or it cannot be written.
pub fn settle(case: &Path) -> Result<(), ResponseError> {
    match Case::open(case) {
        Err(CaseError::Busy(_)) => Ok(()),
        opened => Ok(opened.map(drop)?),
    }
}
