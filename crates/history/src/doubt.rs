//! When a table may differ from what is known of it, in what, and why.

/// An interval in which a table may differ from what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDoubt {
    /// First instant, microseconds.
    pub from: i64,
    /// First instant after it.
    pub to: i64,
    /// What may differ.
    pub open: Open,
    /// Why.
    pub reason: DoubtReason,
}

impl TableDoubt {
    /// A doubt for all times.
    pub fn always(open: Open, reason: DoubtReason) -> Self {
        Self { from: i64::MIN, to: i64::MAX, open, reason }
    }

    /// Whether it holds at an instant, microseconds.
    pub fn holds(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// What of a table may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// Any row that is known may have other values, or be gone.
    Rows,
    /// Rows of other people than those known may be in it; the rows that are known stand.
    People,
}

/// Why a table may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoubtReason {
    /// No snapshot holds the table.
    NotInSnapshot,
    /// The snapshot holds it in part.
    SnapshotIncomplete,
    /// Rows came from a file or a query, and the log does not hold them.
    BulkLoad,
    /// The values of a write are not in the log.
    ValuesNotLogged,
    /// Which rows a write touched depends on what the log does not show.
    RowsNotKnown,
    /// Rows were deleted before the snapshot was taken, and the log does not say which.
    Deleted,
    /// More rows were changed than are known.
    CountDiffers,
    /// A write was not understood.
    NotUnderstood,
    /// Whether a write took effect is not shown.
    EndNotShown,
    /// The table's definition was changed in a way that is not followed.
    Definition,
    /// Another table decides whose its rows are, and that table is in doubt.
    Holder,
    /// It was made from a query, and what the query gave is not known row by row.
    Copy,
}

impl DoubtReason {
    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotInSnapshot => "no snapshot holds the table",
            Self::SnapshotIncomplete => "the snapshot does not hold the table in full",
            Self::BulkLoad => "rows were put into the table from a file or a query, and the log does not hold them",
            Self::ValuesNotLogged => "a row was written whose values are not in the log",
            Self::RowsNotKnown => "which rows were changed depends on what the log does not show",
            Self::Deleted => "rows were deleted before the snapshot was taken, and the log does not say whose",
            Self::CountDiffers => "the log counts more changed rows than are known",
            Self::NotUnderstood => "a statement that changed the table was not understood",
            Self::EndNotShown => "the log does not show whether a change took effect",
            Self::Definition => "the table's definition was changed in a way that is not followed",
            Self::Holder => "whose the rows are stands in a table that was itself in doubt",
            Self::Copy => "the table was made from a query",
        }
    }
}

/// Who is in a table at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// People known in it, sorted.
    pub people: Vec<u32>,
    /// Why others could be in it, if they could.
    pub others: Option<DoubtReason>,
}
