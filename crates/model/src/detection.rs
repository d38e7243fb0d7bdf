//! What a rule says of the events.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::table::{Row, list, optional_text, text, whole};
use crate::time::Instant;

/// How much a detection matters, in Sigma's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Context only.
    Informational,
    /// Worth a look when somebody is looking anyway.
    Low,
    /// Worth a look.
    Medium,
    /// Worth waking somebody.
    High,
    /// Somebody is in.
    Critical,
}

/// What kind of thing a detection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// An address.
    Address,
    /// An account.
    Account,
    /// A web or database session.
    Session,
    /// A database role at a host: `role@host`.
    RoleAtHost,
    /// A machine, where the events name neither account nor address.
    Host,
}

/// What a detection comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectionOrigin {
    /// One of our own analytics, whose figures are known; a trail may start from it.
    #[default]
    Analytic,
    /// A Sigma rule, which anybody may have written: no trail starts from it before a responder confirms it.
    Sigma,
}

/// A rule's statement about some events. A row of `detections`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Stable id: the same evidence gives the same id.
    pub id: String,
    /// What it comes from.
    #[serde(default)]
    pub origin: DetectionOrigin,
    /// The rule (`password_guessing`, or a Sigma rule's id).
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How much it matters.
    pub level: Level,
    /// ATT&CK technique ids.
    pub techniques: Vec<String>,
    /// What it is about.
    pub subject_kind: SubjectKind,
    /// The address, account, session, `role@host` or host.
    pub subject: String,
    /// The system that it happened to.
    pub system: String,
    /// First and last event.
    pub first: Instant,
    /// Last event.
    pub last: Instant,
    /// How many events it stands on.
    pub event_count: i64,
    /// One sentence with the figures: what was seen, against what was expected.
    pub reason: String,
    /// What else the detection names, as `kind=value`: `account=…`, `address=…`, `session=…`.
    pub related: Vec<String>,
    /// Events it stands on: all of them up to a thousand, then the first five hundred and the last five hundred.
    pub events: Vec<EventRef>,
}

impl Row for Detection {
    const TABLE: &'static str = "detections";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            text("origin"),
            text("rule"),
            text("title"),
            text("level"),
            list("techniques", DataType::Utf8),
            text("subject_kind"),
            text("subject"),
            text("system"),
            whole("first"),
            whole("last"),
            whole("event_count"),
            text("reason"),
            list("related", DataType::Utf8),
            EventRef::list_field("events"),
        ]
    }
}

/// A person's word on a detection or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A responder confirmed it.
    Confirmed,
    /// A responder struck it out.
    Struck,
}

/// A decision by a named person, kept in the ledger, that later runs honour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The id of the detection or link.
    pub target: String,
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Instant,
    /// Why.
    pub reason: Option<String>,
}

impl Row for Decision {
    const TABLE: &'static str = "decisions";

    fn fields() -> Vec<FieldRef> {
        vec![text("target"), text("verdict"), text("decided_by"), Arc::new(Field::new("decided_at", DataType::Int64, false)), optional_text("reason")]
    }
}
