//! The exposure: data subject × personal data category × certainty, with its proofs.

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::table::{Row, list, optional_text, optional_whole, text, whole};
use crate::time::Instant;

/// How sure an exposure is. Ordered: `Confirmed` is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Only reachable: a gap in the logs, masked values, a statement that cannot be understood.
    Possible,
    /// Displayed, but delivery or the exact rows are not proved; or used, and the value can be inferred.
    Likely,
    /// Displayed, and delivery is proved.
    Confirmed,
}

impl Certainty {
    /// The word that exports and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// Whether the value itself was sent, or can be concluded from what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The value itself was in what was sent.
    Disclosed,
    /// The person's row was chosen by a condition on the value, which gives it away.
    Inferred,
}

impl Basis {
    /// The word that exports and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disclosed => "disclosed",
            Self::Inferred => "inferred",
        }
    }
}

/// One cell of the matrix. A row of `exposures`, one per subject, category and basis; the highest tier wins
/// and its proofs are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// The subject's key, as it stands in the data and the register.
    pub data_subject: String,
    /// The category, as in the estate file.
    pub category: String,
    /// Disclosed or inferred.
    pub basis: Basis,
    /// How sure.
    pub certainty: Certainty,
    /// First access that exposes it, at this tier or a lower one.
    pub first_seen: Instant,
    /// Last access that exposes it.
    pub last_seen: Instant,
    /// `table.column` names behind the category, sorted.
    pub columns: Vec<String>,
    /// Ids of the accesses at the winning tier, first first, at most a hundred.
    pub accesses: Vec<String>,
    /// How many accesses expose it, at any tier.
    pub access_count: i64,
    /// Why the tier is not higher; `None` when confirmed.
    pub missing_proof: Option<String>,
    /// Log lines at the winning tier: statement first, then delivery; at most a hundred.
    pub proof: Vec<EventRef>,
}

impl Row for Exposure {
    const TABLE: &'static str = "exposures";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("data_subject"),
            text("category"),
            text("basis"),
            text("certainty"),
            whole("first_seen"),
            whole("last_seen"),
            list("columns", DataType::Utf8),
            list("accesses", DataType::Utf8),
            whole("access_count"),
            optional_text("missing_proof"),
            EventRef::list_field("proof"),
        ]
    }
}

/// One category of one person (or of everybody in a table), shown by one access. A row of `sightings`: what the exposures
/// fold, for questions about single sessions and times. Stored in runs, each sorted by session, time and access.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The actor's web session, else the database connection, else empty.
    pub session: String,
    /// When the statement ran.
    pub time: Instant,
    /// Whose; `None` where everybody in a table is meant.
    pub data_subject: Option<String>,
    /// The table (`schema.table`) that everybody is meant of.
    pub of_table: Option<String>,
    /// The category, as in the estate file.
    pub category: String,
    /// Disclosed or inferred.
    pub basis: Basis,
    /// How sure this access alone makes it.
    pub certainty: Certainty,
    /// The access.
    pub access: String,
}

impl Row for Sighting {
    const TABLE: &'static str = "sightings";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("session"),
            whole("time"),
            optional_text("data_subject"),
            optional_text("of_table"),
            text("category"),
            text("basis"),
            text("certainty"),
            text("access"),
        ]
    }
}

/// Somebody who has a row in a described table. A row of `data_subjects`: with the register it says who is in the one and
/// not in the other.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSubject {
    /// The key.
    pub data_subject: String,
}

impl Row for HeldSubject {
    const TABLE: &'static str = "data_subjects";

    fn fields() -> Vec<FieldRef> {
        vec![text("data_subject")]
    }
}

/// How the replay of one access went. A row of `replays`; one for every access that reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The access.
    pub access: String,
    /// When it ran.
    pub time: Instant,
    /// `replayed`, `widened` (could not be replayed; all subjects of its tables are possible), `failed` (the statement
    /// itself failed, nothing shown), `no_personal_data`, `undescribed` (reads tables that the estate does not describe),
    /// `unknown` (nothing tells what an answered request read, while the database's log is missing), `control` (prepares or
    /// ends a read).
    pub outcome: String,
    /// Why, where it was not replayed as it stands.
    pub reason: Option<String>,
    /// Rows that the log says.
    pub rows_logged: Option<i64>,
    /// Rows that the replay gave.
    pub rows_replayed: Option<i64>,
    /// Tier that this access supports.
    pub certainty: Option<String>,
    /// Subjects displayed.
    pub subjects_displayed: i64,
    /// Subjects whose values can be inferred.
    pub subjects_inferred: i64,
    /// Tables it reads, sorted.
    pub tables: Vec<String>,
    /// Why it, or a part of it, showed nobody: words out of a closed list, sorted.
    pub nobody: Vec<String>,
}

impl Row for Replay {
    const TABLE: &'static str = "replays";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("access"),
            whole("time"),
            text("outcome"),
            optional_text("reason"),
            optional_whole("rows_logged"),
            optional_whole("rows_replayed"),
            optional_text("certainty"),
            whole("subjects_displayed"),
            whole("subjects_inferred"),
            list("tables", DataType::Utf8),
            list("nobody", DataType::Utf8),
        ]
    }
}
