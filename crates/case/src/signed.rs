//! A walk along the ledger that checks what people signed: who was enrolled when, by whom, and whether each decision is theirs.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::time::Instant;

use crate::ledger::{Entry, EntryKind, Ledger, LedgerError};
use crate::passkey::{Assertion, PasskeyProblem};
use crate::responder::{Responders, has_risen, may_sign, same_name};
use crate::signature::{check, signed_text};
use crate::{approval, cut};

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
    /// Who has approved what, by the digest of the plan.
    approvals: BTreeMap<String, Vec<Approved>>,
}

/// That somebody approved a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Approved {
    /// The name, in one form.
    by: String,
    at: Instant,
    is_signed: bool,
}

/// After so long somebody approves the same again, since the first one counts no more.
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// An approval counts for 24 hours before a plan is applied; evidence is taken between the two, and clocks differ.
const GOOD_FOR_MICROS: i64 = 25 * 3600 * 1_000_000;

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
        self.release(index, entry);
        self.enrol(index, entry);
    }

    /// Of an approval, that it is another person's than those before it; of a plan that is applied, that enough people approved it.
    /// Entries of before this was noted say nothing of how many that is.
    fn release(&mut self, index: u64, entry: &Entry) {
        let plan = entry.inputs.get(if entry.kind == EntryKind::Decision { approval::PLAN } else { cut::PLANNED });
        let Some(plan) = plan else { return };
        let known = self.approvals.entry(plan.clone()).or_default();
        let is_near = |at: Instant| entry.time.micros().saturating_sub(at.micros()).abs() <= GOOD_FOR_MICROS;
        if entry.kind == EntryKind::Decision && entry.digests.contains_key(approval::DIGEST) {
            let approved = Approved { by: same_name(&entry.actor), at: entry.time, is_signed: entry.signature.is_some() };
            let is_again = |one: &&Approved| one.by == approved.by && one.is_signed == approved.is_signed;
            if known.iter().filter(is_again).any(|one| entry.time.micros().saturating_sub(one.at.micros()).abs() < DAY_MICROS) {
                self.problems.push((index, "it approves what the same person had approved already: that is one approval, not two".to_owned()));
            }
            known.push(approved);
        } else if let (EntryKind::Action, Some(needed)) = (entry.kind, entry.needed) {
            // Once anybody is enrolled, a typed name approves nothing.
            let counts = |one: &&Approved| (one.is_signed || self.responders.is_empty()) && is_near(one.at);
            let people: BTreeSet<&str> = known.iter().filter(counts).map(|one| one.by.as_str()).collect();
            if people.len() < needed as usize {
                let have = people.len();
                self.problems.push((index, format!("a plan of cuts was applied with the approvals of {have} people, and {needed} were needed")));
            }
        }
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
                Some(objection) => self.problems.push((index, objection.to_string())),
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
