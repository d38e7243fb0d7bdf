//! A walk along the ledger that checks what people signed: who was enrolled when, by whom, and whether each decision is theirs.

use crate::ledger::{Entry, EntryKind, Ledger, LedgerError};
use crate::responder::{Responders, may_sign};
use crate::signature::{check, signed_text};

/// What a walk looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// Enrolments alone: enough to know who may decide.
    Enrolments,
    /// Every decision.
    Decisions,
}

/// What a walk saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Who is enrolled; an enrolment that nobody may have made counts for nothing.
    pub responders: Responders,
    /// Signatures that hold.
    pub signatures: u64,
    /// Decisions that are typed names, from before anybody was enrolled.
    pub typed: u64,
    /// What is wrong, by entry.
    pub problems: Vec<(u64, String)>,
}

/// Walks along the ledger.
pub(crate) fn walk(ledger: &Ledger, what: Walk) -> Result<Walked, LedgerError> {
    let mut walked = Walked::default();
    for entry in ledger.entries() {
        let (index, entry) = entry?;
        if what == Walk::Decisions || entry.enrolment.is_some() {
            walked.see(ledger.origin(), index, &entry);
        }
    }
    Ok(walked)
}

impl Walked {
    fn see(&mut self, origin: &str, index: u64, entry: &Entry) {
        match (&entry.signature, entry.kind) {
            (Some(signature), EntryKind::Decision) => match signed(&self.responders, (origin, index, entry), signature) {
                Ok(()) => self.signatures += 1,
                Err(why) => {
                    self.problems.push((index, why));
                    return;
                }
            },
            (None, EntryKind::Decision) if self.responders.is_empty() && entry.enrolment.is_none() => self.typed += 1,
            (None, EntryKind::Decision) => {
                self.problems.push((index, "nobody signed this decision, though the case has responders".to_owned()));
                return;
            }
            // What no person decides needs no signature, and cannot enrol anybody.
            (None, _) if entry.enrolment.is_none() => {}
            _ => {
                self.problems.push((index, "a signature or an enrolment stands where no decision is".to_owned()));
                return;
            }
        }
        if let Some(enrolment) = &entry.enrolment {
            match self.responders.objection(enrolment) {
                Some(objection) => self.problems.push((index, objection)),
                None => self.responders.take(index, enrolment),
            }
        }
    }
}

/// Why a signature does not make an entry a decision of whom it names.
fn signed(responders: &Responders, (origin, index, entry): (&str, u64, &Entry), signature: &str) -> Result<(), String> {
    let key = check(signature, &signed_text(origin, index, entry)).map_err(|problem| format!("its signature does not hold: {problem}"))?;
    may_sign(responders, entry, &key).map_err(|problem| problem.to_string())
}
