//! A walk along the ledger that checks what people signed: who was enrolled when, by whom, and whether each decision is theirs.

use std::collections::BTreeMap;

use crate::ledger::{Entry, EntryKind, Ledger, LedgerError};
use crate::passkey::{Assertion, PasskeyProblem};
use crate::responder::{Responders, has_risen, may_sign};
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
    /// How often passkeys said that they had signed, by their lines.
    counters: BTreeMap<String, u32>,
}

/// Walks along the ledger.
pub(crate) fn walk(ledger: &Ledger, what: Walk) -> Result<Walked, LedgerError> {
    let mut walked = Walked::default();
    for entry in ledger.entries() {
        let (index, entry) = entry?;
        if what == Walk::Decisions || entry.enrolment.is_some() {
            walked.see(ledger.origin(), index, &entry);
        } else if let Some(signature) = &entry.signature {
            // Whatever it is worth, no enrolment of the same passkey counts less.
            walked.counts_on(signature);
        }
    }
    Ok(walked)
}

impl Walked {
    fn see(&mut self, origin: &str, index: u64, entry: &Entry) {
        match (&entry.signature, entry.kind) {
            (Some(signature), EntryKind::Decision) => match signed(&self.responders, (origin, index, entry), signature) {
                Ok(()) if self.counts_on(signature) => self.signatures += 1,
                Ok(()) => {
                    self.problems.push((index, PasskeyProblem::Counter.to_string()));
                    return;
                }
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
        self.enrol(index, entry);
    }

    /// Whether a signature, if it is a passkey's, has a higher count than the one before; it is the one before from here on.
    fn counts_on(&mut self, signature: &str) -> bool {
        let Ok(assertion) = Assertion::of_text(signature) else { return true };
        let before = self.counters.entry(assertion.key().to_line()).or_default();
        let has_risen = has_risen(*before, assertion.counter());
        *before = (*before).max(assertion.counter());
        has_risen
    }

    fn enrol(&mut self, index: u64, entry: &Entry) {
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
