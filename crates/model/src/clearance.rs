//! The clearance: what *not reached* rests on, and what stands against it.

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::table::{Row, list, optional_text, optional_whole, text, whole};
use crate::time::Instant;

/// Somebody of whom the evidence proves that no access of the trail showed their data. A row of `clearances`; there is none for
/// anybody while a question is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearance {
    /// The person's key.
    pub data_subject: String,
    /// Accesses of the trail.
    pub accesses: i64,
    /// Those that were replayed on settled tables, without this person.
    pub replayed: i64,
    /// Why the others showed nobody, and how many: `catalogue or no table: 4`.
    pub reasons: Vec<String>,
}

impl Row for Clearance {
    const TABLE: &'static str = "clearances";

    fn fields() -> Vec<FieldRef> {
        vec![text("data_subject"), whole("accesses"), whole("replayed"), list("reasons", DataType::Utf8)]
    }
}

/// What keeps everybody who is in no tier from being told that they were not reached. A row of `open_questions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// One word out of a closed list.
    pub reason: String,
    /// One sentence: what is not known.
    pub sentence: String,
    /// What it is about: tables, columns, a source. Never a value.
    pub about: Option<String>,
    /// What answers it.
    pub hint: String,
    /// Accesses that it stands on.
    pub accesses: i64,
    /// First of them.
    pub first: Option<Instant>,
    /// Last of them.
    pub last: Option<Instant>,
    /// The first one's id.
    pub access: Option<String>,
    /// The first one's log lines.
    pub proof: Vec<EventRef>,
}

impl Question {
    /// A question that stands on no access.
    pub fn of_the_case(reason: &str, sentence: &str, about: Option<String>, hint: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            sentence: sentence.to_owned(),
            about,
            hint: hint.to_owned(),
            accesses: 0,
            first: None,
            last: None,
            access: None,
            proof: Vec::new(),
        }
    }

    /// The sentence, and what it is about.
    pub fn told(&self) -> String {
        match &self.about {
            Some(about) => format!("{}: {about}", self.sentence),
            None => self.sentence.clone(),
        }
    }
}

impl Row for Question {
    const TABLE: &'static str = "open_questions";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("reason"),
            text("sentence"),
            optional_text("about"),
            text("hint"),
            whole("accesses"),
            optional_whole("first"),
            optional_whole("last"),
            optional_text("access"),
            EventRef::list_field("proof"),
        ]
    }
}
