//! What the evidence says of the actor since he was cut off: how often he was refused, and whether he is back.

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::table::{Row, flag, list, optional_text, optional_whole, text, whole};
use crate::time::Instant;

/// One applied cut, and the records since that carry what it cuts. A row of `since`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceRow {
    /// The plan that it is of.
    pub plan: i64,
    /// Its place there, from 1.
    pub place: i64,
    /// The action's id.
    pub action: String,
    /// The target.
    pub target: String,
    /// What it was to cut, for people.
    pub foothold: String,
    /// Since when it is applied.
    pub since: Instant,
    /// When its lease ends.
    pub until: Option<Instant>,
    /// Records that carry what it cuts and were refused.
    pub refused: i64,
    /// … that were served: what was cut got through.
    pub served: i64,
    /// … of which the log does not tell whether they were.
    pub unclear: i64,
    /// … that had begun before, and ended after it.
    pub running: i64,
    /// The last that was refused.
    pub last_refused: Option<Instant>,
    /// The first that was served.
    pub first_served: Option<Instant>,
    /// The last that was served.
    pub last_served: Option<Instant>,
    /// The first few that were served.
    pub proof: Vec<EventRef>,
}

impl Row for SinceRow {
    const TABLE: &'static str = "since";

    fn fields() -> Vec<FieldRef> {
        vec![
            whole("plan"),
            whole("place"),
            text("action"),
            text("target"),
            text("foothold"),
            whole("since"),
            optional_whole("until"),
            whole("refused"),
            whole("served"),
            whole("unclear"),
            whole("running"),
            optional_whole("last_refused"),
            optional_whole("first_served"),
            optional_whole("last_served"),
            EventRef::list_field("proof"),
        ]
    }
}

/// A way by which the actor was served after the last cut, other than what was cut. A row of `returns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRow {
    /// `trail`: the trail says that it is he. `user_agent`: a user agent that nobody but he had used, with an account of his.
    pub mark: String,
    /// For people: `session hrs/abcd from 198.51.100.9`.
    pub what: String,
    /// The system.
    pub system: String,
    /// The account or role, where the records name one.
    pub account: Option<String>,
    /// The address, where they name one.
    pub address: Option<String>,
    /// Whether he had not come this way before the cut; what he had is a foothold that was left open.
    pub is_new: bool,
    /// How many records.
    pub records: i64,
    /// The first.
    pub first: Instant,
    /// The last.
    pub last: Instant,
    /// Links of the trail that say so.
    pub because: Vec<String>,
    /// The first few.
    pub proof: Vec<EventRef>,
}

impl Row for ReturnRow {
    const TABLE: &'static str = "returns";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("mark"),
            text("what"),
            text("system"),
            optional_text("account"),
            optional_text("address"),
            flag("is_new"),
            whole("records"),
            whole("first"),
            whole("last"),
            list("because", DataType::Utf8),
            EventRef::list_field("proof"),
        ]
    }
}
