//! The vocabulary of missing proof: why a tier is not higher, in fixed sentences that `docs/exposure.md` lists.

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::exposure::Certainty;
use strandline_model::trail::Strength;

use crate::statement::Sent;

/// Why a tier is not higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Missing {
    AttributionOpen,
    AttributionInferred,
    ResponseRefused,
    ResponseEmpty,
    ResponseNotLogged,
    ResponsePartial,
    ResponseTooSmall,
    ResponsesAlike,
    PageNotKnown,
    PageNotKnownAnswerFits,
    SentToServer,
    CompletionNotLogged,
    RanWithin,
    CountNotLogged,
    CountDiffers,
    FetchesNotLogged,
    ExecutionNotLogged,
    CursorUnknown,
    PreparedUnknown,
    ValuesMasked,
    ParametersUnknown,
    ValueUnreadable,
    NotUnderstood,
    NotReplayed,
    OtherRows,
    TableDoubtful,
    RowDoubtful,
    OnlyInferred,
    FileOpened,
    FileReadInPart,
    FileContentUnknown,
    FailedWithError,
    MadeSince,
    RefersToPeople,
    Written,
    StateNotKnown,
    MovedHere,
    HeldByVariable,
    ColumnNotDescribed,
    ActorGuessed,
    SessionReadsOtherwise,
    /// A doubt of the replay, in its own words.
    Replay(&'static str),
}

impl Missing {
    /// Whether it is about values that were moved: they stand there, and that their choice gives something away is not passed on.
    pub(crate) fn is_moved(self) -> bool {
        matches!(self, Self::MovedHere | Self::HeldByVariable)
    }

    /// The sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::AttributionOpen => "nothing ties the statement to the actor but that the evidence leaves it open",
            Self::AttributionInferred => "a pattern, not an identifier, ties the statement to the actor",
            Self::ResponseRefused => "the response was not a success, so nothing shows that the rows were delivered",
            Self::ResponseEmpty => "the response had no body, so nothing shows that the rows were delivered",
            Self::ResponseNotLogged => "no response to the request is logged",
            Self::ResponsePartial => "the response delivered only a part, or told the client to use an earlier copy",
            Self::ResponseTooSmall => "the response is far too small to have held all the values that the application read",
            Self::ResponsesAlike => {
                "the application read it to answer the actor; but an answer to the same for another value is of the same size, though much more or less is read for that"
            }
            Self::PageNotKnown => "the application read it to answer the actor; whether the page showed it is not logged",
            Self::PageNotKnownAnswerFits => {
                "the application read it to answer the actor, and the answer is large enough to have held all that it read; whether the page showed it is not logged"
            }
            Self::SentToServer => "the rows went into a file or a table at the server; who took them from there is not proved",
            Self::CompletionNotLogged => "the log does not say whether the statement ran to its end",
            Self::RanWithin => "another statement ran it; whether that one sent the rows on is not logged",
            Self::CountNotLogged => "the log does not say how many rows were returned",
            Self::CountDiffers => "the log counts other rows than the replay",
            Self::FetchesNotLogged => "how many rows were fetched from the cursor is not logged",
            Self::ExecutionNotLogged => "whether the prepared statement was executed is not logged",
            Self::CursorUnknown => "rows were fetched from a cursor whose query is not in the log",
            Self::PreparedUnknown => "a prepared statement was executed whose text is not in the log",
            Self::ValuesMasked => "a value of the statement was masked",
            Self::ParametersUnknown => "the parameters of the statement were not logged",
            Self::ValueUnreadable => "the log does not tell a value of the statement for certain: its letters, or whether it was NULL or an empty text",
            Self::NotUnderstood => "the statement cannot be understood",
            Self::NotReplayed => "the statement could not be replayed",
            Self::OtherRows => "which rows were returned is not known exactly; this person's could be among them",
            Self::TableDoubtful => "the table was changed in a way that the evidence does not show in full",
            Self::RowDoubtful => "the row was changed in a way that the evidence does not show in full",
            Self::OnlyInferred => "the value itself was not sent, but what was sent gives it away",
            Self::FileOpened => "the file was opened with the right to read it; that it was read is not logged",
            Self::FileReadInPart => "the file was read; how much of it is not logged",
            Self::FileContentUnknown => "which rows the file held then is not known",
            Self::FailedWithError => "the statement failed, and its error message may quote a value",
            Self::MadeSince => "it reads what no snapshot has: a view, a copy or a table that was made since, perhaps from this",
            Self::RefersToPeople => "it reads a table that the estate does not describe and that refers to this table's people",
            Self::Written => "the statement itself wrote a value that it then sent back",
            Self::StateNotKnown => "which state of the data the transaction read is not known exactly",
            Self::MovedHere => "a write moved values of others into a table that it reads",
            Self::HeldByVariable => "a variable of the session holds what an earlier statement put there",
            Self::ColumnNotDescribed => "the estate says of the column only that others of its table may hold such data",
            Self::ActorGuessed => "only detections tell who the actor is, and the estate that they rest on is a draft",
            Self::SessionReadsOtherwise => "the session had set something under which the server may have read the statement otherwise",
            Self::Replay(sentence) => sentence,
        }
    }
}

/// The highest tier that an access supports, and why it is not higher.
pub(crate) type Cap = (Certainty, Option<Missing>);

/// The lower of two caps; the first, if equal.
pub(crate) fn lower(first: Cap, second: Cap) -> Cap {
    if second.0 < first.0 { second } else { first }
}

/// What attribution, completion and delivery allow, before the rows are looked at.
pub(crate) fn cap_of(access: &Access, sent: Sent) -> Cap {
    let mut cap = (Certainty::Confirmed, None);
    let mut at_most = |certainty, missing| cap = lower(cap, (certainty, Some(missing)));
    match access.strength {
        Strength::Open => at_most(Certainty::Possible, Missing::AttributionOpen),
        Strength::Inferred => at_most(Certainty::Likely, Missing::AttributionInferred),
        Strength::Proved => {}
    }
    match (access.kind, access.completion) {
        (AccessKind::FileExtract, _) => at_most(Certainty::Likely, Missing::FileContentUnknown),
        // A used right is logged once for an open file, with its first read: what followed is not told.
        (AccessKind::File, Completion::Completed) => at_most(Certainty::Likely, Missing::FileReadInPart),
        (AccessKind::File, _) => at_most(Certainty::Likely, Missing::FileOpened),
        (AccessKind::Statement | AccessKind::Route, _) => {}
    }
    let is_file = matches!(access.kind, AccessKind::File | AccessKind::FileExtract);
    let has_web_session = access.session.is_some() && !is_file;
    let through_web = access.kind == AccessKind::Route || has_web_session || !access.delivery.is_empty() || access.response_status.is_some();
    match access.response_status {
        Some(204 | 205) => at_most(Certainty::Possible, Missing::ResponseEmpty),
        Some(206 | 304) => at_most(Certainty::Likely, Missing::ResponsePartial),
        Some(200..=299) if access.response_bytes == Some(0) => at_most(Certainty::Possible, Missing::ResponseEmpty),
        Some(200..=299) => {}
        Some(_) => at_most(Certainty::Possible, Missing::ResponseRefused),
        None if through_web => at_most(Certainty::Likely, Missing::ResponseNotLogged),
        None => {}
    }
    if sent == Sent::ToServer {
        at_most(Certainty::Likely, Missing::SentToServer);
    }
    if access.is_within {
        at_most(Certainty::Likely, Missing::RanWithin);
    }
    if access.completion == Completion::Unknown && access.kind == AccessKind::Statement {
        at_most(Certainty::Likely, Missing::CompletionNotLogged);
    }
    cap
}
