//! What a person can do in a case, as plain values. Each is checked, signed where anybody is enrolled, entered in the ledger, and
//! only then done.

use strandline_case::EntryKind;
use strandline_model::detection::{Decision, Verdict};
use strandline_model::duty::DutyWord;
use strandline_model::letter_word::LetterWord;
use strandline_model::personal::Personal;

use super::signing::{Performed, Signed, with_signature};
use crate::duties::DutyError;
use crate::error::ResponseError;
use crate::letter_words::LettersDecided;
use crate::notice::LawBook;
use crate::person::LookedUpBy;
use crate::run::{Names, Outcome, Response, Settings, Watcher};

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
    },
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
    /// Looks at what the case holds on a person.
    LookUp {
        /// The person's key.
        data_subject: String,
        /// How the person was found.
        by: LookedUpBy,
        /// Why somebody looks.
        why: Option<Personal<String>>,
    },
}

/// What came of an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// The ledger entries of what was decided.
    pub ledger_entries: Vec<u64>,
    /// Of words on letters: what they came to.
    pub letters: Option<LettersDecided>,
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
}

impl From<strandline_case::CaseError> for DeskError {
    fn from(source: strandline_case::CaseError) -> Self {
        Self::Response(source.into())
    }
}

impl Response<'_> {
    /// Does an act, in the name of the settings.
    ///
    /// # Errors
    /// If it cannot be done, is not signed by whoever must, or the case cannot be written. Nothing is recorded then.
    pub fn act(&mut self, act: &Act, law: &LawBook) -> Result<Acted, DeskError> {
        let before = self.case.ledger().size();
        let mut letters = None;
        match act.clone() {
            Act::Judge { target, verdict, why } => {
                let now = (self.settings.now)();
                self.decide(&Decision { target, verdict, decided_by: self.settings.responder.clone(), decided_at: now, reason: why })?;
            }
            Act::Duty(word) => drop(self.decide_duty(word, law)?),
            Act::Letters(words) => letters = Some(self.decide_letters(&words)?),
            Act::ApproveLetters { round, why, second_from, looked_at } => {
                if looked_at.is_some_and(|looked_at| self.letter_plan(round).is_ok_and(|plan| plan.sha256 != looked_at)) {
                    return Err(ResponseError::OtherLetters.into());
                }
                self.approve_letters(round, why, second_from)?;
            }
            Act::ApproveCut { plan, why } => drop(self.approve_cut(plan, why)?),
            Act::LookUp { data_subject, by, why } => self.note_look_up(&data_subject, by, why.as_ref())?,
        }
        let mut ledger_entries = Vec::new();
        for index in before..self.case.ledger().size() {
            if self.case.ledger().entry(index).map_err(strandline_case::CaseError::from)?.kind == EntryKind::Decision {
                ledger_entries.push(index);
            }
        }
        Ok(Acted { ledger_entries, letters })
    }
}

/// Does an act in a case. Where anybody is enrolled and no signature is given yet, it says what is to be signed instead; with the
/// signature, the same act at the same instant is entered with it.
///
/// # Errors
/// As [`Response::act`].
pub fn perform(settings: &Settings<'_>, act: &Act, law: &LawBook, signed: Option<&Signed>) -> Result<Performed, DeskError> {
    let mut quiet = super::Quiet;
    with_signature(settings, signed, &mut |settings| Response::resume(settings, &mut quiet)?.act(act, law))
}

/// Works out again what a decision changed: trail, containment, exposures, letters (if there were any), exports, report. What did not
/// change is not made again, and a killed run goes on where it stopped.
///
/// # Errors
/// If a stage cannot be run; what was committed before stays.
pub fn renew(settings: &Settings<'_>, watcher: &mut dyn Watcher) -> Result<Outcome, ResponseError> {
    let mut response = Response::resume(settings, watcher)?;
    let has_letters = response.case.manifest().stages.contains_key("letters");
    response.trace(None)?;
    response.propose_containment()?;
    response.compare_with_cuts()?;
    response.expose()?;
    if has_letters {
        response.draft_letters()?;
    }
    response.export()?;
    response.report(Names::Masked)?;
    Ok(response.finish())
}
