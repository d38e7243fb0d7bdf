//! The authorities' forms, filled from the case: each field with the evidence it rests on, or "unknown, because …".
//!
//! A form states what the tables and people's recorded words say, and concludes nothing. What was accessed, what was disclosed
//! and what left the network are three fields. No value about an affected person is in the facts that forms are filled from.

mod blocks;
mod document;
mod facts;
mod filler;
mod gdpr;
mod guard;
mod ispg;
mod pcpd;

use serde::Serialize;
use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;

pub use blocks::plain;
use blocks::{Block, blocks};
pub use document::document;
pub use facts::{
    AccessFacts, CaseFacts, CategoryFacts, DetectionFacts, LetterFacts, PeopleFacts, STAFF_QUESTION, StaffRule, StaffRuleError, StatusFacts, SystemFacts,
};
pub use guard::fields_about_people;

use crate::duties::Moment;

/// A form that can be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormId {
    /// Hong Kong, Privacy Commissioner: data breach notification.
    Pcpd,
    /// Hong Kong Government, ISPG-SM02 Annex C.2: preliminary report.
    IspgC2,
    /// Annex C.3.1: interim report.
    IspgC31,
    /// Annex C.3.2: post-incident report.
    IspgC32,
    /// Annex C.4.1: initial report to the Director of Bureau.
    IspgC41,
    /// Annex C.4.2: full report to the Director of Bureau.
    IspgC42,
    /// GDPR Art. 33(3): notification of the supervisory authority.
    Gdpr33,
    /// GDPR Art. 33(5): the internal register.
    Gdpr335,
}

impl FormId {
    /// All of them.
    pub const ALL: [Self; 8] = [Self::Pcpd, Self::IspgC2, Self::IspgC31, Self::IspgC32, Self::IspgC41, Self::IspgC42, Self::Gdpr33, Self::Gdpr335];

    /// Its id, as law files and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcpd => "pcpd",
            Self::IspgC2 => "ispg-c2",
            Self::IspgC31 => "ispg-c3-1",
            Self::IspgC32 => "ispg-c3-2",
            Self::IspgC41 => "ispg-c4-1",
            Self::IspgC42 => "ispg-c4-2",
            Self::Gdpr33 => "gdpr-33",
            Self::Gdpr335 => "gdpr-33-5",
        }
    }

    /// The form with that id.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == id)
    }
}

/// A filled form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Form {
    /// Its id.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Whom it goes to.
    pub recipient: &'static str,
    /// The case's reference.
    pub reference: String,
    /// Every number in it is as of then.
    pub as_of: Moment,
    /// What its list of fields rests on.
    pub source: &'static str,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

impl Form {
    /// What would state the fields that are unknown: the field's label, and the command. For whoever fills the form.
    pub fn ways(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parts.iter().flat_map(|part| &part.fields).filter_map(|field| Some((field.label, field.way.as_deref()?)))
    }
}

/// A part of a form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// Its heading.
    pub heading: &'static str,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Its id; what an answer names.
    pub id: &'static str,
    /// What the form calls it.
    pub label: &'static str,
    /// What the case says.
    pub value: Value,
    /// What a person stated in answer.
    pub stated: Option<Stated>,
    /// What the value rests on.
    pub grounds: Vec<Ground>,
    /// People's own words inside the value: they can be about a person.
    #[serde(skip)]
    words: Vec<String>,
    /// The command that states what is unknown. It stands beside the form and not in it.
    #[serde(skip)]
    pub way: Option<String>,
}

/// What the case says in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Value {
    /// Lines of text.
    Lines(Vec<String>),
    /// A table.
    Table {
        /// Names of the columns.
        columns: Vec<String>,
        /// Rows, each as long as the columns.
        rows: Vec<Vec<String>>,
        /// What must be read with it.
        notes: Vec<String>,
    },
    /// Only a person can say, and one did.
    Stated,
    /// Nothing, and why.
    Unknown {
        /// Why.
        because: String,
    },
}

/// What a person stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// The words.
    pub text: String,
    /// Who.
    pub by: String,
    /// When it was recorded.
    pub at: Moment,
    /// The ledger entry.
    pub ledger_entry: u64,
}

/// What a value rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ground {
    /// A line of the evidence, the first of so many.
    Line {
        /// Its place.
        first: EventRef,
        /// How many there are.
        lines: u64,
    },
    /// A table of the case.
    Table {
        /// Its name.
        table: &'static str,
    },
    /// An entry of the ledger.
    Ledger {
        /// Its index.
        entry: u64,
    },
    /// A field of the estate file.
    Estate {
        /// Its name.
        field: &'static str,
    },
    /// What the evidence covers.
    Coverage,
}

/// Fills a form.
pub fn fill(form: FormId, facts: &CaseFacts) -> Form {
    let filler = filler::Filler::new(facts);
    match form {
        FormId::Pcpd => pcpd::fill(&filler),
        FormId::IspgC2 => ispg::c2(&filler),
        FormId::IspgC31 => ispg::c3_1(&filler),
        FormId::IspgC32 => ispg::c3_2(&filler),
        FormId::IspgC41 => ispg::c4_1(&filler),
        FormId::IspgC42 => ispg::c4_2(&filler),
        FormId::Gdpr33 => gdpr::article_33(&filler),
        FormId::Gdpr335 => gdpr::register(&filler),
    }
}

/// Every question that some form asks: id and label, sorted by id. An answer names one of them.
pub fn questions() -> Vec<(&'static str, &'static str)> {
    let empty = CaseFacts::empty(Instant(0));
    let mut questions: Vec<(&str, &str)> = FormId::ALL
        .into_iter()
        .flat_map(|form| fill(form, &empty).parts)
        .flat_map(|part| part.fields)
        .map(|field| (field.id, field.label))
        .chain([(STAFF_QUESTION, "Who of the affected people are staff: everyone, nobody, or status=serving,departed (statuses of the register)")])
        .collect();
    questions.sort_unstable();
    questions.dedup_by_key(|question| question.0);
    questions
}

#[cfg(test)]
mod tests;
