//! What people decide about duties. Nothing else starts a clock: a detection has a time, awareness has a person who states it.

use serde::{Deserialize, Serialize};

use crate::personal::Personal;
use crate::time::Instant;

/// A named person's word on the duties of a case, kept in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyDecision {
    /// What was decided.
    pub word: DutyWord,
    /// Who decided.
    pub decided_by: String,
    /// When it was recorded.
    pub decided_at: Instant,
}

/// What a person can say. Free text can be about a person, so it does not print itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum DutyWord {
    /// Something happened that starts clocks (`aware`, `identified` …; `gdpr/aware` for one regime alone).
    Happened {
        /// The event.
        event: String,
        /// When it happened, as the person states it.
        at: Instant,
        /// What was known then.
        knowing: Personal<String>,
    },
    /// The event did not happen after all: its clocks stop.
    Retracted {
        /// The event.
        event: String,
        /// Why.
        why: Personal<String>,
    },
    /// The duty's condition is met.
    Required {
        /// The duty, `regime/duty`.
        duty: String,
        /// Why.
        why: Personal<String>,
    },
    /// The duty's condition is not met, or an exception applies.
    NotRequired {
        /// The duty.
        duty: String,
        /// Why.
        why: Personal<String>,
    },
    /// A first part was given: the deadline is met, more is to follow.
    PartlyDone {
        /// The duty.
        duty: String,
        /// When.
        at: Instant,
        /// Reference, or what was given.
        what: Personal<String>,
    },
    /// The duty was done.
    Done {
        /// The duty.
        duty: String,
        /// When.
        at: Instant,
        /// Reference, or what was given.
        what: Personal<String>,
    },
    /// What was said of the duty before no longer counts.
    Reopened {
        /// The duty.
        duty: String,
        /// Why.
        why: Personal<String>,
    },
    /// An answer to a question of a form.
    Answered {
        /// The question (`contact_person` …).
        question: String,
        /// The answer.
        text: Personal<String>,
    },
}

/// A decision and the ledger entry that committed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDecision {
    /// The entry's index.
    pub ledger_entry: u64,
    /// The decision.
    pub decision: DutyDecision,
}
