//! What a statement is replayed against: tables whose rows carry a subject and an interval of validity.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

use crate::types::EngineError;

pub use strandline_sql::Dialect;

/// Name of the hidden column with the row's subject: UInt32, null = nobody. With the highest bit set it is a number in
/// [`Database::holders`].
pub const SUBJECT: &str = "__subject";
/// Name of the hidden column with the first instant at which the row version is visible: Int64, µs since 1970.
pub const VALID_FROM: &str = "__valid_from";
/// Name of the hidden column with the first instant at which it is visible no more: Int64, µs since 1970.
pub const VALID_TO: &str = "__valid_to";
/// Name of the hidden column that says what of the version is not proved: UInt64, [`ROW_IN_DOUBT`] and [`column_in_doubt`] of each column, 0 where
/// all is.
pub const IN_DOUBT: &str = "__in_doubt";

/// Name of the hidden column that says which values of the version are known but for a little ([`VersionedTable::near`]): UInt64,
/// [`column_in_doubt`] of each column.
pub const NEAR: &str = "__near";

/// Of what is in doubt of a row version: the row itself, all its values with it.
pub const ROW_IN_DOUBT: u64 = 1 << 63;

/// Of what is in doubt of a row version: a column, by its place from 0. The columns of a very wide table from the 63rd on share one bit.
pub fn column_in_doubt(column: usize) -> u64 {
    1 << column.min(62)
}

/// The scale of a `numeric` column that declares none: its values are kept with it, so their text is not the server's.
pub const OPEN_SCALE: i8 = 10;

/// One database, with every version of its rows.
#[derive(Clone, Debug)]
pub struct Database {
    /// Schemas in which unqualified names are looked up, first first.
    pub search_path: Vec<String>,
    /// Whose SQL the statements are.
    pub dialect: Dialect,
    /// The collation of texts that declare none: `icu:de-DE`, `libc:en_US.UTF-8`, or its name; `None` if it is not known.
    pub collation: Option<String>,
    /// The tables.
    pub tables: Vec<VersionedTable>,
    /// The views.
    pub views: Vec<View>,
    /// People who own rows together, each sorted.
    pub holders: Arc<[Box<[u32]>]>,
}

impl Database {
    /// The database with the names of its columns as its server compares them: MySQL's `ID` is `id`. Schemas and tables keep
    /// theirs, for they are told to people; the planner knows them by their plain names.
    ///
    /// # Errors
    /// If the rows of a table do not fit its description.
    pub(crate) fn with_plain_names(mut self) -> Result<Self, EngineError> {
        let dialect = self.dialect;
        for name in &mut self.search_path {
            *name = dialect.plain_name(name).into_owned();
        }
        for table in &mut self.tables {
            table.check()?;
            let is_plain = |field: &Arc<Field>| dialect.plain_name(field.name()) == *field.name();
            if table.columns.fields().iter().all(is_plain) {
                continue;
            }
            let plain = |field: &Arc<Field>| field.as_ref().clone().with_name(dialect.plain_name(field.name()));
            table.columns = Arc::new(Schema::new_with_metadata(table.columns.fields().iter().map(plain).collect::<Vec<_>>(), table.columns.metadata().clone()));
            let stored = VersionedTable::stored_schema(&table.columns);
            let renamed = table.batches.iter().map(|batch| RecordBatch::try_new(stored.clone(), batch.columns().to_vec()));
            table.batches = renamed.collect::<Result<_, _>>().map_err(|_| EngineError::Table { table: table.title() })?;
        }
        Ok(self)
    }
}

/// A table, with every version of its rows.
#[derive(Clone, Debug)]
pub struct VersionedTable {
    /// Its schema, as the database spells it.
    pub schema: String,
    /// Its name, as the database spells it.
    pub name: String,
    /// The visible columns, in order.
    pub columns: SchemaRef,
    /// Primary and unique keys, as column positions: they prove a total order.
    pub unique_keys: Vec<Vec<usize>>,
    /// Whether its rows belong to data subjects.
    pub has_subject: bool,
    /// From whom policies may hide some of its rows.
    pub hidden: Hidden,
    /// The cells that are known but for a little.
    pub near: Vec<NearCell>,
    /// Batches of [`VersionedTable::stored_schema`].
    pub batches: Vec<RecordBatch>,
}

/// A cell of dates and times that is known but for a little: what a server's clock gave to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearCell {
    /// Its column, by its place from 0.
    pub column: usize,
    /// The first value that it may have, µs since 1970.
    pub from: i64,
    /// The last one.
    pub to: i64,
    /// Tells the values of one write, which are alike, from those of another.
    pub write: u32,
}

/// From whom a table's rows may be hidden by policies, which are not imitated: what they let through is then not sure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hidden {
    /// From nobody.
    #[default]
    FromNobody,
    /// From whoever is not this role.
    FromAllBut(String),
    /// From everybody.
    FromEverybody,
}

impl Hidden {
    /// Whether they may be hidden from a session that works as a role; `None` where it is not known.
    pub(crate) fn from(&self, role: Option<&str>) -> bool {
        match self {
            Self::FromNobody => false,
            Self::FromAllBut(owner) => role != Some(owner.as_str()),
            Self::FromEverybody => true,
        }
    }
}

impl VersionedTable {
    /// Schema of the batches: the visible columns, then [`SUBJECT`], [`VALID_FROM`], [`VALID_TO`] (half open), [`IN_DOUBT`] and [`NEAR`].
    pub fn stored_schema(columns: &Schema) -> SchemaRef {
        let mut fields = columns.fields().to_vec();
        fields.push(Arc::new(Field::new(SUBJECT, DataType::UInt32, true)));
        fields.push(Arc::new(Field::new(VALID_FROM, DataType::Int64, false)));
        fields.push(Arc::new(Field::new(VALID_TO, DataType::Int64, false)));
        fields.push(Arc::new(Field::new(IN_DOUBT, DataType::UInt64, false)));
        fields.push(Arc::new(Field::new(NEAR, DataType::UInt64, false)));
        Arc::new(Schema::new(fields))
    }

    pub(crate) fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let stored = Self::stored_schema(&self.columns);
        let fits = |batch: &RecordBatch| {
            let schema = batch.schema();
            schema.fields().len() == stored.fields().len()
                && schema.fields().iter().zip(stored.fields()).all(|(is, should)| is.name() == should.name() && is.data_type() == should.data_type())
        };
        let keys_fit = self.unique_keys.iter().flatten().all(|column| *column < self.columns.fields().len());
        if keys_fit && self.batches.iter().all(fits) { Ok(()) } else { Err(EngineError::Table { table: self.title() }) }
    }
}

/// A view: a name for a query.
#[derive(Clone, Debug)]
pub struct View {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The query, without `CREATE VIEW … AS`.
    pub sql: String,
    /// As of which moment it is filled, in the unit of the tables' validity; where absent, that of each call.
    pub as_of: Option<i64>,
}

/// How to replay.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// k: an aggregate over fewer people than this gives their values away.
    pub inferable_group: u32,
    /// Bytes that one replay may take; a replay that needs more ends in [`crate::ReplayError::Memory`].
    pub memory_limit_bytes: usize,
    /// Rows that may flow through one replay; beyond, it ends in [`crate::ReplayError::Rows`].
    pub rows_at_most: u64,
    /// Seconds that one replay may take; beyond, it ends in [`crate::ReplayError::Time`].
    pub seconds_at_most: u64,
    /// Threads of the engine's own runtime.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { inferable_group: 5, memory_limit_bytes: 1 << 30, rows_at_most: 100_000_000, seconds_at_most: 30, threads: 2 }
    }
}

/// A table's full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}
