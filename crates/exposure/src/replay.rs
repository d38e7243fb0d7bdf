//! The port to the replay engine, so that the rules of this crate can be tested without one.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::Dialect;

/// One execution of a prepared statement.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Call {
    /// Rows are read as of then, microseconds.
    pub(crate) time: i64,
    pub(crate) parameters: Vec<Option<String>>,
    /// Rows to skip and to take, of a cursor.
    pub(crate) rows: Option<(u64, u64)>,
}

/// What one execution showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) rows: u64,
    pub(crate) revealed: Vec<Revealed>,
    /// Whether other rows than these may have been sent.
    pub(crate) other_rows: bool,
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
}

/// A database as the engine takes it.
pub(crate) struct EngineDatabase {
    pub(crate) search_path: Vec<String>,
    pub(crate) dialect: Dialect,
    pub(crate) tables: Vec<EngineTable>,
    /// Schema, name and query.
    pub(crate) views: Vec<(String, String, String)>,
}

/// A table as the engine takes it.
pub(crate) struct EngineTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: SchemaRef,
    pub(crate) unique_keys: Vec<Vec<usize>>,
    pub(crate) has_subject: bool,
    pub(crate) batches: Vec<RecordBatch>,
}

/// Replays statements against one database.
pub(crate) trait Replayer {
    /// Makes a statement ready; its number, or why it cannot be replayed.
    fn prepare(&mut self, sql: &str) -> Result<usize, String>;
    /// Replays executions of a prepared statement; one answer each, or why there is none.
    fn replay(&mut self, statement: usize, calls: &[Call]) -> Vec<Result<Replayed, String>>;
    /// Forgets all prepared statements.
    fn forget(&mut self);
}

/// Makes a replayer for a database; the error is our bug or a lack of memory.
pub(crate) type MakeReplayer<'m> = &'m mut dyn FnMut(EngineDatabase) -> Result<Box<dyn Replayer>, String>;
