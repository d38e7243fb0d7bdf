//! What goes into a replay and what comes out.

use std::sync::Arc;

use crate::database::TableName;

/// One execution of a prepared statement.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Call {
    /// When it ran, µs since 1970: what `now()` says.
    pub time: i64,
    /// As of when rows are read, in the unit of the tables' validity; where absent, `time`.
    pub as_of: Option<i64>,
    /// `$1`, `$2` … as text; `None` is SQL NULL.
    pub parameters: Vec<Option<String>>,
    /// The rows that a cursor really fetched; `None` is all of them.
    pub rows: Option<RowWindow>,
}

impl Call {
    /// As of when rows are read.
    pub(crate) fn reads_at(&self) -> i64 {
        self.as_of.unwrap_or(self.time)
    }
}

/// A run of rows of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowWindow {
    /// Rows before the first one.
    pub skip: u64,
    /// How many at most; `None` is all the rest.
    pub take: Option<u64>,
}

/// What one execution showed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Rows of the plain statement, inside the window.
    pub rows: RowRange,
    /// Whose cells, sorted; a subject stands at most once for a column: displayed before inferred, sure before doubtful.
    pub revealed: Vec<Revealed>,
    /// The doubts that occur in `revealed` or about the statement, sorted.
    pub doubts: Vec<Doubt>,
    /// Columns in which anybody of their tables may have been displayed beside `revealed`, sorted: something decides about
    /// the statement's rows that the server may decide otherwise, and what it would let through cannot be told row by row.
    pub others: Vec<ColumnRef>,
    /// Columns of which anybody's value may have decided what was sent, sorted: a part of the statement that looks at them could not be
    /// planned, and was left out.
    pub looked_at: Vec<ColumnRef>,
    /// Columns that the statement displays of whatever rows it reads, sorted: also those of a table in which it found none.
    pub displayable: Arc<[ColumnRef]>,
    /// Columns that take part in anything but being sent as they stand, sorted: which rows are sent, and what of them, may depend on their values.
    pub deciding: Arc<[ColumnRef]>,
    /// Those among them that are known but for a little ([`crate::NearCell`]), of which nothing is asked that hangs on it, sorted.
    pub coarse: Arc<[ColumnRef]>,
}

/// How many rows were sent: at least those that are sure, at most those that could be among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RowRange {
    /// Rows that are sure.
    pub least: u64,
    /// Rows that are sure, and those that may have been let through.
    pub most: u64,
}

impl RowRange {
    /// Exactly so many.
    pub fn exactly(rows: u64) -> Self {
        Self { least: rows, most: rows }
    }

    /// Whether the server may have sent so many.
    pub fn holds(self, rows: u64) -> bool {
        (self.least..=self.most).contains(&rows)
    }
}

/// The most that a doubt leaves of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sureness {
    /// It could have been sent, and the replay does not find it.
    Possible,
    /// The replay finds it, by something that may have come out otherwise.
    Likely,
}

/// Columns that were revealed about the same subjects in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revealed {
    /// Sorted.
    pub columns: Vec<ColumnRef>,
    /// Displayed or inferred.
    pub how: How,
    /// Why it is not sure, if it is not.
    pub doubt: Option<Doubt>,
    /// Sorted, unique.
    pub subjects: Vec<u32>,
}

/// A column of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnRef {
    /// Position in [`crate::Database::tables`].
    pub table: usize,
    /// Position in that table's visible columns.
    pub column: usize,
}

/// How a value came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The value was copied into the result.
    Displayed,
    /// The result gives it away.
    Inferred,
}

/// Why a replayed cell may not be what was really sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Doubt {
    /// The row version is not proved.
    DoubtfulRow,
    /// A value of the row is not known: the one that was sent, or one that decides.
    UnknownValue,
    /// ORDER BY ties where LIMIT cuts.
    TiedLimit,
    /// LIMIT without an order.
    UnorderedLimit,
    /// The order of texts depends on a collation that is not known, and LIMIT or a window depends on the order.
    Collation,
    /// The value of one row stands for a group: a minimum, a maximum, a first value.
    ExtremeOfGroup,
    /// A window function took the value from another row of its partition, whose order is not proved.
    OrderOfPartition,
    /// The statement used a random value.
    Nondeterministic,
    /// A recursive query carried the value over from an earlier step.
    Recursion,
    /// The server may have cut a joined text before it came to the value.
    Shortened,
    /// A piece of several joined values was sent, and whose value stood in it is not known.
    Piece,
    /// Which branch of a condition was taken is not known.
    Branch,
    /// The value went through a function of which only the arguments are known.
    UnknownFunction,
    /// The row was found by a comparison that may come out otherwise at the server.
    Comparison,
    /// The row was not found, by a comparison that may come out otherwise at the server.
    LetThrough,
    /// Another row stands for the group, and one of the group is not proved.
    Displaced,
}

impl Doubt {
    pub(crate) const ALL: [Self; 16] = [
        // What leaves less goes first: the first that a row has is the one that is told.
        Self::LetThrough,
        Self::Displaced,
        Self::DoubtfulRow,
        Self::UnknownValue,
        Self::TiedLimit,
        Self::UnorderedLimit,
        Self::Collation,
        Self::ExtremeOfGroup,
        Self::OrderOfPartition,
        Self::Nondeterministic,
        Self::Recursion,
        Self::Shortened,
        Self::Piece,
        Self::Branch,
        Self::UnknownFunction,
        Self::Comparison,
    ];

    pub(crate) fn bit(self) -> u64 {
        1_u64 << (self as u8)
    }

    /// The most that it leaves of a cell.
    pub fn at_most(self) -> Sureness {
        match self {
            Self::LetThrough | Self::Displaced => Sureness::Possible,
            Self::DoubtfulRow
            | Self::UnknownValue
            | Self::TiedLimit
            | Self::UnorderedLimit
            | Self::Collation
            | Self::ExtremeOfGroup
            | Self::OrderOfPartition
            | Self::Nondeterministic
            | Self::Recursion
            | Self::Shortened
            | Self::Piece
            | Self::Branch
            | Self::UnknownFunction
            | Self::Comparison => Sureness::Likely,
        }
    }

    /// Whether it says nothing more once the number of rows that were sent is known to be the least or the most of the range.
    pub fn is_settled_by_count(self) -> bool {
        matches!(self, Self::Comparison | Self::LetThrough)
    }

    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::DoubtfulRow => "that the row was there at that time, as it is known, is not proved",
            Self::UnknownValue => "what the row held at that time is not known in full",
            Self::TiedLimit => "the order of the rows ties where LIMIT cuts, so any of the tied rows may have been sent",
            Self::UnorderedLimit => "LIMIT without an order: any of the rows may have been sent",
            Self::Collation => "LIMIT cuts an order of texts that depends on the database's collation, so other rows may have been sent",
            Self::ExtremeOfGroup => "the value of one row stands for a group of several people",
            Self::OrderOfPartition => "the value came from another row of the same partition, and which one is not proved",
            Self::Nondeterministic => "the statement used a random value, so any of the rows may have been sent",
            Self::Recursion => "a recursive query carried the value over from an earlier step",
            Self::Shortened => "the values were joined to one long text, which the server may have cut (group_concat_max_len)",
            Self::Piece => "a piece of several joined values was sent, and whose value stood in it is not known",
            Self::Branch => "which branch of a condition was taken, and so which value was sent, is not known",
            Self::UnknownFunction => "the value went through a function of which it is not known what it copies",
            Self::Comparison => "the row was found by a comparison that may come out otherwise at the server",
            Self::LetThrough => "a comparison that may come out otherwise at the server could have let the row through",
            Self::Displaced => "one row stands for a group; another one of it is not proved, so that this one may have stood for it",
        }
    }
}

/// A statement that cannot be replayed. The caller falls back to all subjects of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unsupported {
    /// Why, for people; names tables and functions, never a value.
    pub reason: String,
    /// The tables it names, views opened, sorted; found by parsing, else by looking for their names in the text.
    pub tables: Vec<TableName>,
}

/// An engine that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Batches, keys or columns of a table do not fit its description. The caller's fault.
    #[error("table {table}: its batches or keys do not fit its columns")]
    Table {
        /// The table.
        table: String,
    },
    /// Two tables or views bear one name. The caller's fault.
    #[error("{table} is there twice")]
    Duplicate {
        /// The table or view.
        table: String,
    },
    /// The runtime could not be started.
    #[error("cannot start the engine")]
    Start(#[source] std::io::Error),
    /// DataFusion refused its set-up; our bug.
    #[error("cannot set up the engine: {0}")]
    SetUp(String),
}

/// A call that could not be replayed. The caller falls back to all subjects of the statement's tables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A parameter is missing or does not fit its type.
    #[error("parameter {number} is missing or does not fit its type")]
    Parameter {
        /// 1 for `$1`.
        number: usize,
    },
    /// It needed more memory than the options allow.
    #[error("the replay needs more memory than it may take")]
    Memory,
    /// More rows went through it than the options allow.
    #[error("the replay goes through more rows than it may")]
    Rows,
    /// It took more time than the options allow.
    #[error("the replay takes more time than it may")]
    Time,
    /// A function failed on the data, a type did not fit, or an operator is not supported.
    #[error("the replay failed: {0}")]
    Failed(String),
}
