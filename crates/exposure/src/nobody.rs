//! Why a branch shows nobody. Each says whether that proves it: what does not prove it stands against every "not reached".

use strandline_sql::ShowsNobody;

/// Why an access, or a part of it, showed nobody. Closed: a new branch must say what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Nobody {
    /// Its class shows nobody: transactions, settings, definitions, writes without a query.
    Statement(ShowsNobody),
    /// A command of a cursor or of a prepared statement, whose rows other accesses show.
    Command,
    /// A cursor that had no row there.
    CursorAtItsEnd,
    /// It reads the database's own catalogue, or no table at all, and calls nothing that could read one.
    NoTable,
    /// It runs code of the database alone, and what that reads stands in the log by itself.
    CodeLogged,
    /// The estate says of all its tables that they hold no personal data.
    DeclaredWithout,
    /// It was replayed on settled tables, and nobody's described columns are in it.
    ReplayedWithout,
    /// The log counts no row.
    NoRowCounted,
    /// The request was turned away before anything is known to have been read.
    RequestRefused,
    /// The server refused it before it read a row: its syntax, a name, a right.
    RefusedBeforeReading,
    /// It failed, and its error's text may quote what it read.
    Failed,
    /// It reads tables that the estate does not describe.
    UndescribedTable,
    /// It reads a database that the estate does not describe.
    UndescribedDatabase,
    /// A request of which nothing tells what it read, while the database's log is missing.
    UnknownRequest,
    /// A page for one thing was answered in full, and the query that the estate gives it finds nothing there.
    AnotherPage,
}

/// Whether a reason proves that nothing was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Proved,
    /// It does not: whom it showed is open.
    Open,
}

impl Nobody {
    /// Whether it proves that nothing was shown.
    pub(crate) fn standing(self) -> Standing {
        match self {
            Self::Statement(_)
            | Self::Command
            | Self::CursorAtItsEnd
            | Self::NoTable
            | Self::CodeLogged
            | Self::DeclaredWithout
            | Self::ReplayedWithout
            | Self::NoRowCounted
            | Self::RequestRefused
            | Self::RefusedBeforeReading => Standing::Proved,
            Self::Failed | Self::UndescribedTable | Self::UndescribedDatabase | Self::UnknownRequest | Self::AnotherPage => Standing::Open,
        }
    }

    /// The outcome of the access in the table `replays`.
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Statement(_) | Self::Command | Self::CodeLogged => "control",
            Self::CursorAtItsEnd | Self::ReplayedWithout | Self::NoRowCounted => "replayed",
            Self::NoTable | Self::DeclaredWithout => "no_personal_data",
            Self::RequestRefused | Self::RefusedBeforeReading | Self::Failed => "failed",
            Self::UndescribedTable | Self::UndescribedDatabase => "undescribed",
            Self::UnknownRequest | Self::AnotherPage => "unknown",
        }
    }

    /// The word for it in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Statement(class) => class.as_str(),
            Self::Command => "command",
            Self::CursorAtItsEnd => "cursor_at_its_end",
            Self::NoTable => "no_table",
            Self::CodeLogged => "code_logged",
            Self::DeclaredWithout => "declared_without",
            Self::ReplayedWithout => "replayed_without",
            Self::NoRowCounted => "no_row_counted",
            Self::RequestRefused => "request_refused",
            Self::RefusedBeforeReading => "refused_before_reading",
            Self::Failed => "failed",
            Self::UndescribedTable => "undescribed_table",
            Self::UndescribedDatabase => "undescribed_database",
            Self::UnknownRequest => "unknown_request",
            Self::AnotherPage => "another_page",
        }
    }

    /// What a person can do where it leaves something open.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Failed => "look at the error messages: a value quoted in one went to the actor",
            Self::UndescribedTable => "describe the table in estate.toml, or name it in `without_personal_data` of its database if it holds none",
            Self::UndescribedDatabase => "describe the database in estate.toml, with a snapshot of it",
            Self::UnknownRequest => "add the missing log, or describe what the request reads as a route in estate.toml",
            Self::AnotherPage => "describe the page that answered as a route of its own in estate.toml",
            Self::Statement(_)
            | Self::Command
            | Self::CursorAtItsEnd
            | Self::NoTable
            | Self::CodeLogged
            | Self::DeclaredWithout
            | Self::ReplayedWithout
            | Self::NoRowCounted
            | Self::RequestRefused
            | Self::RefusedBeforeReading => "nothing is open",
        }
    }

    /// One sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Statement(class) => class.proof(),
            Self::Command => "it is a command of a cursor or a prepared statement, whose rows other accesses show",
            Self::CursorAtItsEnd => "the cursor had no row there",
            Self::CodeLogged => "it runs code of the database, and each statement of that has a record of its own",
            Self::NoTable => "it reads the database's own catalogue or no table",
            Self::DeclaredWithout => "the estate says that its tables hold no personal data",
            Self::ReplayedWithout => "it was replayed, and nobody's described columns are in it",
            Self::NoRowCounted => "the log says that it returned no row",
            Self::RequestRefused => "the request was turned away",
            Self::RefusedBeforeReading => "the server refused it before it read a row",
            Self::Failed => "it failed, and an error message may quote a value",
            Self::UndescribedTable => "the estate does not describe the tables that it reads",
            Self::UndescribedDatabase => "the estate does not describe this database",
            Self::UnknownRequest => "what the request read is not known, and the database's log of that time is missing",
            Self::AnotherPage => {
                "the page was answered, and the query that the estate gives it finds nothing for what its path names: another page may have answered"
            }
        }
    }
}
