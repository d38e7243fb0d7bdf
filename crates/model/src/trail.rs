//! The actor's trail: pins, links, steps.

use std::fmt;
use std::str::FromStr;

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::node::{Node, NodeError};
use crate::table::{Row, list, optional_text, text, whole};
use crate::time::Instant;

/// What a responder knows at the start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Pin {
    /// An address: `address=203.0.113.7`.
    Address(String),
    /// An account and everything it did: `account=alice`. Wider than a session; use it for an insider.
    Account(String),
    /// A web or database session: `session=81b9f5ffad10`.
    Session(String),
    /// One record in the evidence: `statement=ARTEFACT@OFFSET`.
    Statement(String),
}

/// A pin that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pin: write address=…, account=…, session=… or statement=ARTEFACT@OFFSET")]
pub struct PinError(pub String);

impl FromStr for Pin {
    type Err = PinError;
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let (kind, value) = written.split_once('=').ok_or_else(|| PinError(written.to_owned()))?;
        let value = value.trim().to_owned();
        match (kind.trim(), value.is_empty()) {
            ("address", false) => Ok(Self::Address(crate::address::as_compared(&value))),
            ("account", false) => Ok(Self::Account(value)),
            ("session", false) => Ok(Self::Session(value)),
            ("statement", false) => Ok(Self::Statement(value)),
            _ => Err(PinError(written.to_owned())),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(v) => write!(f, "address={v}"),
            Self::Account(v) => write!(f, "account={v}"),
            Self::Session(v) => write!(f, "session={v}"),
            Self::Statement(v) => write!(f, "statement={v}"),
        }
    }
}

/// How strong a link, and so everything that hangs on it alone, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Nothing speaks for it but that it could be: evidence is missing.
    Open,
    /// A pattern speaks for it (sequence, route shape, nearness in time), no identifier proves it.
    Inferred,
    /// An identifier, or a value that only one party had, proves it.
    Proved,
}

/// What a trail leaves open: why nobody may conclude from it, as it stands, that somebody was not reached. It has no
/// catch-all on purpose: what is open is named, and whoever reads it must answer each kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OpenQuestion {
    /// No actor was found: nothing is pinned, and no detection weighs enough to start a trail, or what was followed from those that do read nothing.
    NoActor {
        /// Detections that were weighed.
        detections: u64,
    },
    /// What was pinned stands in no event, or nothing hangs on it.
    PinLeadsNowhere {
        /// The pin, as it is written.
        pin: String,
    },
    /// A pinned address is not followed as a whole, since others use it too.
    SharedAddress {
        /// The address.
        address: String,
        /// Why it is taken as shared.
        reason: String,
    },
    /// A detection of some weight that the trail does not hold: nobody confirmed it, and nobody struck it.
    DetectionNotFollowed {
        /// Its id.
        detection: String,
        /// What it says, and of whom.
        title: String,
    },
    /// No person named the actor: the trail begins with detections that nobody confirmed.
    NobodyNamed {
        /// What the first of them say, and of whom.
        detections: Vec<String>,
        /// How many more there are.
        more: u64,
    },
    /// More requests ran at the moments of the actor's, or may have, than are compared, so that statements may be taken for the
    /// wrong one, or not looked for.
    RequestsNotCompared {
        /// How many are.
        most: u64,
    },
    /// No log of a system names the session of its requests, and others' addresses used it after the actor had come in: what he
    /// did from another address is not seen.
    SessionNotFollowed {
        /// The system.
        system: String,
    },
    /// Files were fetched that no request of the actor had made, as far as the logs tell: what they held is not known.
    FilesNotTraced {
        /// The system.
        system: String,
        /// How many fetches.
        files: u64,
    },
}

impl OpenQuestion {
    /// Whether *not reached* must wait for an answer: true where statements of the actor may be missing from the trail as a
    /// whole. A detection that was not followed, or that nobody confirmed, is a task for a responder, and held as one.
    pub fn holds_reassurance(&self) -> bool {
        match self {
            Self::NoActor { .. }
            | Self::PinLeadsNowhere { .. }
            | Self::SharedAddress { .. }
            | Self::RequestsNotCompared { .. }
            | Self::SessionNotFollowed { .. }
            | Self::FilesNotTraced { .. } => true,
            Self::DetectionNotFollowed { .. } | Self::NobodyNamed { .. } => false,
        }
    }
}

impl fmt::Display for OpenQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoActor { detections } => write!(
                f,
                "no actor was found: none of {detections} detections is strong enough alone or with another on its subject; pin an address, account, session or record"
            ),
            Self::PinLeadsNowhere { pin } => write!(f, "the pin {pin} stands in no event"),
            Self::SharedAddress { address, reason } => {
                write!(f, "address {address} is not followed as a whole: {reason}; only sessions that a detection names are. Pin a session to follow it")
            }
            Self::DetectionNotFollowed { detection, title } => {
                write!(f, "{detection} ({title}) is not part of the trail: confirm it to follow it, or strike it")
            }
            Self::NobodyNamed { detections, more } => {
                let further = if *more > 0 { format!(" and {more} more") } else { String::new() };
                write!(
                    f,
                    "nobody has said who the intruder is: the trail begins with {}{further}. Confirm or strike them, or pin: what hangs on one that was lawful work is wrong, and so is who was not reached",
                    detections.join("; ")
                )
            }
            Self::RequestsNotCompared { most } => {
                write!(f, "more than {most} requests ran at the moments of the actor's, or may have; the rest were not compared")
            }
            Self::FilesNotTraced { system, files } => write!(
                f,
                "{files} fetches of files from {system}: no statement of them reads people, and no request of the actor had the file made; what it held is not known. Describe the route in estate.toml, or look at the file"
            ),
            Self::SessionNotFollowed { system } => write!(
                f,
                "no log of {system} names the session of the actor's requests, nor does what its application looks up: what the actor did from other addresses is not known. Pin those that are his, or log sessions or accounts"
            ),
        }
    }
}

/// One reason why two things belong to the same actor. A row of `links`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Stable id: the same evidence gives the same id, so that a decision can name it.
    pub id: String,
    /// The rule that made it (`address_to_session`, `session_to_address`, `request_to_statement` …).
    pub rule: String,
    /// What it starts from: the text of a [`Node`].
    pub from: String,
    /// What it leads to: the text of a [`Node`].
    pub to: String,
    /// How strong it is.
    pub strength: Strength,
    /// One sentence: why.
    pub reason: String,
    /// When it holds first.
    pub first: Instant,
    /// When it holds last.
    pub last: Instant,
    /// `confirmed` or `struck`, where a person decided.
    pub verdict: Option<String>,
    /// Events it stands on, at most a thousand.
    pub events: Vec<EventRef>,
}

impl Link {
    /// What it starts from.
    ///
    /// # Errors
    /// If its text is not one that this version writes.
    pub fn from_node(&self) -> Result<Node, NodeError> {
        self.from.parse()
    }

    /// What it leads to.
    ///
    /// # Errors
    /// If its text is not one that this version writes.
    pub fn to_node(&self) -> Result<Node, NodeError> {
        self.to.parse()
    }
}

impl Row for Link {
    const TABLE: &'static str = "links";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            text("rule"),
            text("from"),
            text("to"),
            text("strength"),
            text("reason"),
            whole("first"),
            whole("last"),
            optional_text("verdict"),
            EventRef::list_field("events"),
        ]
    }
}

/// One move of the actor. A row of `steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Stable id, in order: `S01`, `S02` …
    pub id: String,
    /// First event.
    pub first: Instant,
    /// Last event.
    pub last: Instant,
    /// ATT&CK tactic, as a word (`initial_access`, `collection` …).
    pub tactic: String,
    /// ATT&CK technique id (`T1190`).
    pub technique: String,
    /// ATT&CK technique name.
    pub technique_name: String,
    /// Where the actor came from: address or host.
    pub from_host: Option<String>,
    /// The system that was acted on.
    pub system: String,
    /// Account or database role used.
    pub account: Option<String>,
    /// Session used.
    pub session: Option<String>,
    /// What happened, one sentence, no personal data.
    pub summary: String,
    /// The weakness used, if one was (`SQL injection in GET /search, parameter q`).
    pub exploited: Option<String>,
    /// How strongly it belongs to the actor.
    pub strength: Strength,
    /// Events in the step.
    pub event_count: i64,
    /// Links and detections it hangs on.
    pub because: Vec<String>,
    /// Events, at most a thousand.
    pub events: Vec<EventRef>,
}

impl Row for Step {
    const TABLE: &'static str = "steps";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            whole("first"),
            whole("last"),
            text("tactic"),
            text("technique"),
            text("technique_name"),
            optional_text("from_host"),
            text("system"),
            optional_text("account"),
            optional_text("session"),
            text("summary"),
            optional_text("exploited"),
            text("strength"),
            whole("event_count"),
            list("because", DataType::Utf8),
            EventRef::list_field("events"),
        ]
    }
}

/// How statements that an application ran divide: the actor's, provably or probably somebody else's, or open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Division {
    /// The actor's, proved.
    pub own_proved: i64,
    /// The actor's, inferred.
    pub own_inferred: i64,
    /// Somebody else's, proved: by a request id, or by values of their request.
    pub others_proved: i64,
    /// Probably somebody else's.
    pub others_inferred: i64,
    /// Held for the actor's until a person struck the link that said so.
    pub struck: i64,
    /// Nothing tells whose.
    pub open: i64,
}

impl Division {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.own_proved + self.own_inferred + self.others_proved + self.others_inferred + self.struck + self.open
    }
}

/// How the statements divide that the application ran while one request of the actor was in progress. A row of `splits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The request's first record, `ARTEFACT@OFFSET`.
    pub request: String,
    /// When it was logged, on that log's own clock.
    pub time: Instant,
    /// The system that it was made to.
    pub system: String,
    /// Where it came from.
    pub address: Option<String>,
    /// Its session, where one is known.
    pub session: Option<String>,
    /// Method and path of requests of its kind, without their values.
    pub kind: String,
    /// The actor's, proved.
    pub own_proved: i64,
    /// The actor's, inferred.
    pub own_inferred: i64,
    /// Somebody else's, proved.
    pub others_proved: i64,
    /// Probably somebody else's.
    pub others_inferred: i64,
    /// Struck by a person.
    pub struck: i64,
    /// Nothing tells whose.
    pub open: i64,
    /// The actor's statements, at most a thousand.
    pub own_statements: Vec<EventRef>,
    /// Statements of others and struck ones, at most a thousand.
    pub others_statements: Vec<EventRef>,
    /// Open ones, at most a thousand.
    pub open_statements: Vec<EventRef>,
}

impl Row for Split {
    const TABLE: &'static str = "splits";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("request"),
            whole("time"),
            text("system"),
            optional_text("address"),
            optional_text("session"),
            text("kind"),
            whole("own_proved"),
            whole("own_inferred"),
            whole("others_proved"),
            whole("others_inferred"),
            whole("struck"),
            whole("open"),
            EventRef::list_field("own_statements"),
            EventRef::list_field("others_statements"),
            EventRef::list_field("open_statements"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_questions_keep_their_words_in_a_file() {
        let open = OpenQuestion::NoActor { detections: 3 };
        let written = serde_json::to_string(&open).expect("plain data is written");
        assert_eq!(written, r#"{"kind":"no_actor","detections":3}"#);
        assert_eq!(serde_json::from_str::<OpenQuestion>(&written).expect("and read again"), open);
        assert!(open.holds_reassurance() && open.to_string().starts_with("no actor was found"));
    }
}
