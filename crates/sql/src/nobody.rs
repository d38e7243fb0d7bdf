//! Why a statement shows nobody. The list is closed: what is in none of these classes is not understood, and so counts wide.

/// The class of a statement that sends no stored value to anybody and moves none, with the proof that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShowsNobody {
    /// Blanks and comments, no statement.
    Empty,
    /// It begins, ends or locks: BEGIN, COMMIT, SAVEPOINT, LOCK, XA …
    TransactionControl,
    /// It reads or changes a setting of the session or the server, with constants: SET, SHOW, RESET, USE, DISCARD …
    SessionSetting,
    /// It describes what there is: SHOW TABLES, DESCRIBE, EXPLAIN without ANALYZE …
    CatalogueOnly,
    /// It changes rows with constants, parameters and the row's own columns, and returns none.
    WriteWithoutQuery,
    /// It makes, changes or drops an object, or grants, and copies no rows.
    DefinitionWithoutQuery,
    /// It keeps the server in order: VACUUM, ANALYZE, CHECKPOINT, FLUSH, KILL …
    Maintenance,
    /// It moves or closes a cursor, or forgets a prepared statement.
    CursorControl,
    /// A query of constants and functions that read nothing.
    ConstantsOnly,
}

impl ShowsNobody {
    /// All of them, for those who list them.
    pub const ALL: [Self; 9] = [
        Self::Empty,
        Self::TransactionControl,
        Self::SessionSetting,
        Self::CatalogueOnly,
        Self::WriteWithoutQuery,
        Self::DefinitionWithoutQuery,
        Self::Maintenance,
        Self::CursorControl,
        Self::ConstantsOnly,
    ];

    /// Why that proves that nobody was shown, in words for a report.
    pub fn proof(self) -> &'static str {
        match self {
            Self::Empty => "it is no statement, only blanks and comments",
            Self::TransactionControl => "it begins, ends or locks, and reads no row",
            Self::SessionSetting => "it reads or changes a setting, and no row",
            Self::CatalogueOnly => "it reads descriptions of tables, and no row of them",
            Self::WriteWithoutQuery => "it writes what was given to it, returns no row and reads none into another place",
            Self::DefinitionWithoutQuery => "it defines an object or a right, and copies no row",
            Self::Maintenance => "it keeps the server in order, and returns no row",
            Self::CursorControl => "it moves or closes a cursor, or forgets a prepared statement, and sends no row",
            Self::ConstantsOnly => "it computes from constants, and reads no table",
        }
    }

    /// One word, for tables and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TransactionControl => "transaction_control",
            Self::SessionSetting => "session_setting",
            Self::CatalogueOnly => "catalogue_only",
            Self::WriteWithoutQuery => "write_without_query",
            Self::DefinitionWithoutQuery => "definition_without_query",
            Self::Maintenance => "maintenance",
            Self::CursorControl => "cursor_control",
            Self::ConstantsOnly => "constants_only",
        }
    }
}
