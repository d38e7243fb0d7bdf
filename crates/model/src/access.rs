//! The access: one read of stored data inside a trail, as `trace` hands it to `exposure`.

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::evidence::EventRef;
use crate::table::{Row, flag, list, optional_list, optional_text, optional_whole, text, whole};
use crate::time::Instant;
use crate::trail::Strength;

/// Whether the statement ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// It did: an audit record with a row count, or a successful response, says so.
    Completed,
    /// It was refused or failed: nothing was shown beyond what the error says ([`Access::error_shows`]).
    Failed,
    /// The log does not say.
    Unknown,
}

/// What the answer to a failed statement may have shown of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShows<'a> {
    /// Nothing: it is made of fixed words, names, and what the statement itself holds.
    Nothing,
    /// These texts, which may be or hold values of the data.
    These(&'a [String]),
    /// Not known: the log has no text of it.
    Unknown,
}

impl Access {
    /// What the answer to this statement may have shown of the data, if it failed.
    pub fn error_shows(&self) -> ErrorShows<'_> {
        match self.error_values.as_deref() {
            None => ErrorShows::Unknown,
            Some([]) => ErrorShows::Nothing,
            Some(values) => ErrorShows::These(values),
        }
    }
}

/// Where an access was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// A statement in a database log.
    Statement,
    /// A web request for which no statement was found; `statement` is the route's query from the estate file.
    Route,
    /// A file was opened or read; `statement` is the query of the estate file, which reads a copy of the file.
    File,
    /// A file was opened or read of which no copy is held, as it then stood; `statement` reads what it was made from.
    FileExtract,
}

/// One read of stored data. A row of `accesses`.
///
/// All executions of one statement that a database logged twice (log_statement and pgaudit) are one access.
/// Statements that only prepare a read (DECLARE CURSOR, FETCH, PREPARE, EXECUTE, CLOSE, BEGIN …) are accesses
/// too: `exposure` reads them in `connection` and `sequence` order and knows what they mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// Stable id: the first proof's place, `ARTEFACT@OFFSET`.
    pub id: String,
    /// The step it belongs to.
    pub step: String,
    /// When the statement ran, database clock where there is a database record.
    pub time: Instant,
    /// Where it was read from.
    pub kind: AccessKind,
    /// The system whose data was read.
    pub system: String,
    /// The database, by its id in the estate.
    pub database: String,
    /// The database role.
    pub role: Option<String>,
    /// The connection (database session id).
    pub connection: Option<String>,
    /// Number within the connection.
    pub sequence: Option<i64>,
    /// The actor's web session, where it came through one.
    pub session: Option<String>,
    /// The account that the actor used.
    pub account: Option<String>,
    /// The actor's address.
    pub address: Option<String>,
    /// The statement, secrets masked.
    pub statement: String,
    /// Bind values in order; `None` is SQL NULL.
    pub parameters: Vec<Option<String>>,
    /// Whether bind values are known: either logged, or there are none to log.
    pub parameters_known: bool,
    /// Whether a secret was masked in statement or parameters.
    pub masked: bool,
    /// Rows returned, where logged.
    pub row_count: Option<i64>,
    /// Whether another statement ran it, so that its rows went to code of the database and not to the client.
    pub is_within: bool,
    /// Whether it ran to its end.
    pub completion: Completion,
    /// What a failed statement was answered with, values masked; `None` where no log tells.
    pub error: Option<String>,
    /// What that answer quotes beyond names, the statement's own words and its bind values; `None` where that is not known.
    pub error_values: Option<Vec<String>>,
    /// How strongly it belongs to the actor.
    pub strength: Strength,
    /// Why it is the actor's, one sentence.
    pub reason: String,
    /// Status of the response that delivered it, where there was one.
    pub response_status: Option<i64>,
    /// Bytes of that response.
    pub response_bytes: Option<i64>,
    /// A value of the statement that the request asked for, where others of its kind were answered that asked for another one.
    pub asked: Option<String>,
    /// One that was asked for in its place.
    pub asked_instead: Option<String>,
    /// Bytes of the answer to that: of those, the nearest to `response_bytes`.
    pub response_bytes_instead: Option<i64>,
    /// The estate's routes that fit the request, by [`Route::name`](crate::estate::Route::name): what its page shows. Empty where none
    /// does. `None`: it did not come through an application, and its rows went to the actor's own connection.
    pub routes: Option<Vec<String>>,
    /// Database records of this execution, first first.
    pub proof: Vec<EventRef>,
    /// Records of the request that caused it and of its response.
    pub delivery: Vec<EventRef>,
}

impl Row for Access {
    const TABLE: &'static str = "accesses";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            text("step"),
            whole("time"),
            text("kind"),
            text("system"),
            text("database"),
            optional_text("role"),
            optional_text("connection"),
            optional_whole("sequence"),
            optional_text("session"),
            optional_text("account"),
            optional_text("address"),
            text("statement"),
            list("parameters", DataType::Utf8),
            flag("parameters_known"),
            flag("masked"),
            optional_whole("row_count"),
            flag("is_within"),
            text("completion"),
            optional_text("error"),
            optional_list("error_values", DataType::Utf8),
            text("strength"),
            text("reason"),
            optional_whole("response_status"),
            optional_whole("response_bytes"),
            optional_text("asked"),
            optional_text("asked_instead"),
            optional_whole("response_bytes_instead"),
            optional_list("routes", DataType::Utf8),
            EventRef::list_field("proof"),
            EventRef::list_field("delivery"),
        ]
    }
}
