//! The port to the replay engine, so that the rules of this crate can be tested without one.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use strandline_history::NearCell;
use strandline_model::exposure::Certainty;
use strandline_provenance::Hidden;

use crate::Dialect;
use crate::session::Session;

/// One execution of a prepared statement.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Call {
    /// When it ran, microseconds: what `now()` says.
    pub(crate) time: i64,
    /// As of which moment its rows are read, where that is not the committed state of its time.
    pub(crate) as_of: Option<i64>,
    pub(crate) parameters: Vec<Option<String>>,
    /// Rows to skip and to take, of a cursor.
    pub(crate) rows: Option<(u64, u64)>,
}

impl Call {
    /// The instant whose state it reads, microseconds.
    pub(crate) fn reads_at(&self) -> i64 {
        self.as_of.map_or(self.time, strandline_history::instant)
    }
}

/// What one execution showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) rows: RowRange,
    pub(crate) revealed: Vec<Revealed>,
    /// Whether other rows than these may have been sent.
    pub(crate) other_rows: bool,
    /// Table and column numbers in which anybody of those tables may have been displayed.
    pub(crate) others: Vec<(usize, usize)>,
    /// Table and column numbers of which anybody's value may have decided what was sent.
    pub(crate) looked_at: Vec<(usize, usize)>,
    /// Table and column numbers that it displays of whatever rows it reads, found or not.
    pub(crate) displayable: Vec<(usize, usize)>,
    /// Table and column numbers on whose values it may depend which rows are sent, and what of them.
    pub(crate) deciding: Vec<(usize, usize)>,
    /// Those among them that are known but for a little, of which nothing is asked that hangs on it.
    pub(crate) coarse: Vec<(usize, usize)>,
    /// Columns displayed of rows that are somebody's, and nobody knows whose: table and column numbers.
    pub(crate) of_somebody: Vec<(usize, usize)>,
}

/// How many rows were sent: at least those that are sure, at most those that could be among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowRange {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl RowRange {
    /// Exactly so many.
    #[cfg(test)]
    pub(crate) fn exactly(rows: u64) -> Self {
        Self { least: rows, most: rows }
    }

    /// What a count in the log says of the rows that are in doubt.
    pub(crate) fn against(self, logged: Option<i64>) -> Counted {
        let Some(logged) = logged else { return Counted::NotLogged };
        match u64::try_from(logged) {
            Ok(logged) if logged == self.most => Counted::All,
            Ok(logged) if logged == self.least => Counted::SureAlone,
            Ok(logged) if self.least < logged && logged < self.most => Counted::Between,
            _ => Counted::Differs,
        }
    }
}

/// A logged row count beside a replay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// There is none.
    NotLogged,
    /// It is one that the replay cannot give.
    Differs,
    /// Every row that could have been let through was sent: none is in doubt any more.
    All,
    /// As many as are sure: no row in doubt was sent.
    SureAlone,
    /// Some of the rows in doubt were sent.
    Between,
}

/// Columns revealed about the same subjects in the same way.
#[derive(Clone, Debug)]
pub(crate) struct Revealed {
    /// Table and column numbers.
    pub(crate) columns: Vec<(usize, usize)>,
    pub(crate) displayed: bool,
    pub(crate) doubt: Option<ReplayDoubt>,
    pub(crate) subjects: Vec<u32>,
}

/// Why a replayed cell may not be what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplayDoubt {
    /// One sentence.
    pub(crate) sentence: &'static str,
    /// Whether rows that the replay did not choose may have been sent instead.
    pub(crate) other_rows: bool,
    /// The tier that it leaves.
    pub(crate) at_most: Certainty,
    /// Whether a count of all rows, or of the sure rows alone, leaves nothing of it.
    pub(crate) is_settled_by_count: bool,
}

/// A database as the engine takes it.
pub(crate) struct EngineDatabase {
    pub(crate) search_path: Vec<String>,
    pub(crate) dialect: Dialect,
    /// The collation of texts that declare none, where a dump says it.
    pub(crate) collation: Option<String>,
    pub(crate) tables: Vec<EngineTable>,
    pub(crate) views: Vec<EngineView>,
    /// People who own rows together.
    pub(crate) holders: Vec<Box<[u32]>>,
}

/// A view as the engine takes it.
pub(crate) struct EngineView {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) sql: String,
    /// As of which moment it was filled; where absent, it shows its tables as they stand.
    pub(crate) as_of: Option<i64>,
}

/// A table as the engine takes it.
pub(crate) struct EngineTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The visible columns, with what they are declared as.
    pub(crate) columns: SchemaRef,
    pub(crate) unique_keys: Vec<Vec<usize>>,
    pub(crate) has_subject: bool,
    /// Policies may hide rows: from everybody, or from all but this role.
    pub(crate) hidden: Hidden,
    /// Cells that are known but for a little.
    pub(crate) near: Vec<NearCell>,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Replays statements against one database.
pub(crate) trait Replayer {
    /// Makes a statement ready, as a session read it; its number, or why it cannot be replayed.
    fn prepare(&mut self, sql: &str, session: &Session) -> Result<usize, String>;
    /// Replays executions of a prepared statement; one answer each, or why there is none.
    fn replay(&mut self, statement: usize, calls: &[Call]) -> Vec<Result<Replayed, String>>;
    /// Forgets all prepared statements.
    fn forget(&mut self);
}

/// Makes a replayer for a database; the error is our bug or a lack of memory.
pub(crate) type MakeReplayer<'m> = &'m mut dyn FnMut(EngineDatabase) -> Result<Box<dyn Replayer>, String>;
