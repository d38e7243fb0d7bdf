//! What the snapshots hold: per database the tables, views and rights, with the rows in Arrow batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};

use crate::Dialect;
use crate::value::{CellBuilder, ColumnKind, Value, read_cell};

/// Rows of a full batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of text after which a batch is closed early.
const BATCH_BYTES: usize = 16 << 20;

/// What a column takes when an INSERT leaves it out.
#[derive(Clone, PartialEq)]
pub(crate) enum ColumnDefault {
    /// NULL.
    Null,
    /// A constant or `now()`, in SQL.
    Sql(String),
    /// A sequence or anything else that only the server knows.
    Unknown,
}

/// A column of a table.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
    pub(crate) default: ColumnDefault,
}

/// A column that names a row of another table.
pub(crate) struct ForeignKey {
    pub(crate) column: usize,
    /// `schema.table`
    pub(crate) table: String,
    pub(crate) to_column: String,
}

/// A table as the snapshot has it.
pub(crate) struct StoredTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) unique_keys: Vec<Vec<usize>>,
    /// Those of one column.
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) batches: Vec<RecordBatch>,
    starts: Vec<usize>,
    rows: usize,
    builders: Vec<CellBuilder>,
    pending_rows: usize,
    pending_bytes: usize,
    /// Rows with a cell that could not be read in its type, or that stand where the snapshot was cut.
    pub(crate) unsure_rows: BTreeSet<usize>,
    /// Parents (partitioned or inherited): their readers see these rows too.
    pub(crate) parents: Vec<String>,
    pub(crate) owner: Option<String>,
    /// Whether the snapshot has the rows of this table in full.
    pub(crate) complete: bool,
}

impl StoredTable {
    pub(crate) fn new(schema: String, name: String, columns: Vec<Column>) -> Self {
        Self {
            schema,
            name,
            columns,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            batches: Vec::new(),
            starts: Vec::new(),
            rows: 0,
            builders: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            unsure_rows: BTreeSet::new(),
            parents: Vec::new(),
            owner: None,
            complete: true,
        }
    }

    /// `schema.table`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    pub(crate) fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name).or_else(|| self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    }

    pub(crate) fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|c| Field::new(&c.name, c.kind.data_type(), true)).collect::<Vec<_>>()))
    }

    /// Rows in closed batches.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds one row; `cells` in column order, and whether every cell could be read.
    pub(crate) fn push_row(&mut self, cells: &[Value], all_read: bool) {
        if self.builders.is_empty() {
            self.builders = self.columns.iter().map(|c| CellBuilder::new(c.kind)).collect();
        }
        for (builder, cell) in self.builders.iter_mut().zip(cells) {
            builder.push(cell);
            if let Value::Text(text) = cell {
                self.pending_bytes += text.len();
            }
        }
        if !all_read {
            self.unsure_rows.insert(self.rows + self.pending_rows);
        }
        self.pending_rows += 1;
        if self.pending_rows >= BATCH_ROWS || self.pending_bytes >= BATCH_BYTES {
            self.close_batch();
        }
    }

    /// Closes the batch being filled.
    pub(crate) fn close_batch(&mut self) {
        if self.pending_rows == 0 || self.columns.is_empty() {
            return;
        }
        let arrays = self.builders.iter_mut().map(CellBuilder::finish).collect();
        let batch = RecordBatch::try_new(self.arrow_schema(), arrays).expect("builders follow the columns");
        self.push_batch(batch);
        self.pending_rows = 0;
        self.pending_bytes = 0;
    }

    /// Adds a batch that already has this table's schema.
    pub(crate) fn push_batch(&mut self, batch: RecordBatch) {
        self.starts.push(self.rows);
        self.rows += batch.num_rows();
        self.batches.push(batch);
    }

    /// The batch and the row in it of a row number.
    fn locate(&self, row: usize) -> (usize, usize) {
        let batch = self.starts.partition_point(|start| *start <= row) - 1;
        (batch, row - self.starts[batch])
    }

    /// One cell of the snapshot.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Value {
        let (batch, at) = self.locate(row);
        read_cell(self.columns[column].kind, self.batches[batch].column(column), at)
    }
}

/// A view's definition.
pub(crate) struct StoredView {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// Who may read what, as the snapshot says.
#[derive(Default)]
pub(crate) struct Rights {
    /// Relation (`schema.table`) -> roles with SELECT on it, whole or in part; `public` is everybody.
    pub(crate) readers: BTreeMap<String, BTreeSet<String>>,
    /// Schema -> roles with SELECT on all its tables.
    pub(crate) schema_readers: BTreeMap<String, BTreeSet<String>>,
    /// Role -> roles it is a member of.
    pub(crate) memberships: BTreeMap<String, BTreeSet<String>>,
}

/// One database of the estate, as its snapshots have it.
pub(crate) struct StoredDatabase {
    pub(crate) id: String,
    /// Its name at the server.
    pub(crate) name: String,
    pub(crate) dialect: Dialect,
    pub(crate) search_path: Vec<String>,
    pub(crate) tables: Vec<StoredTable>,
    index: BTreeMap<String, usize>,
    pub(crate) views: Vec<StoredView>,
    pub(crate) rights: Rights,
}

impl StoredDatabase {
    pub(crate) fn new(id: &str, name: &str, dialect: Dialect, search_path: &[String]) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            dialect,
            search_path: search_path.to_vec(),
            tables: Vec::new(),
            index: BTreeMap::new(),
            views: Vec::new(),
            rights: Rights::default(),
        }
    }

    /// Adds a table, in place of one of the same name.
    pub(crate) fn add_table(&mut self, table: StoredTable) -> usize {
        let name = table.full_name();
        if let Some(&at) = self.index.get(&name) {
            self.tables[at] = table;
            return at;
        }
        self.tables.push(table);
        self.index.insert(name, self.tables.len() - 1);
        self.tables.len() - 1
    }

    /// The table of that full name.
    pub(crate) fn table(&self, full_name: &str) -> Option<usize> {
        self.index.get(full_name).copied()
    }

    /// The full name that a name of one or more parts stands for, among `known`, along the search path.
    pub(crate) fn resolve(&self, parts: &[String], known: impl Fn(&str) -> bool) -> Option<String> {
        let lower = |s: &str| if self.dialect == Dialect::PostgreSql { s.to_owned() } else { s.to_lowercase() };
        let matches = |schema: &str, name: &str| {
            let exact = format!("{schema}.{name}");
            if known(&exact) {
                return Some(exact);
            }
            let folded = format!("{}.{}", lower(schema), lower(name));
            known(&folded).then_some(folded)
        };
        match parts {
            [name] => self.search_path.iter().find_map(|schema| matches(schema, name)),
            [.., schema, name] => matches(schema, name).or_else(|| {
                // MySQL calls a database a schema, and the estate may keep its tables under the search path.
                (self.dialect == Dialect::MySql && schema.eq_ignore_ascii_case(&self.name)).then(|| self.search_path.iter().find_map(|s| matches(s, name)))?
            }),
            [] => None,
        }
    }
}
