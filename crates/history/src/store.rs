//! What the snapshots hold: per database the tables, views and rights, with the rows in Arrow batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};

use crate::value::{CellBuilder, ColumnKind, Value, read_cell};
use crate::{Defined, Dialect};

/// Rows of a full batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of text after which a batch is closed early.
const BATCH_BYTES: usize = 16 << 20;

/// What a column takes when an INSERT leaves it out.
#[derive(Clone, PartialEq)]
pub enum ColumnDefault {
    /// NULL.
    Null,
    /// A constant or `now()`, in SQL.
    Sql(String),
    /// A sequence or anything else that only the server knows.
    Unknown,
}

/// A column of a table.
#[derive(Clone)]
pub struct Column {
    /// As the dump writes it.
    pub name: String,
    /// Its type, as far as comparison needs it.
    pub kind: ColumnKind,
    /// What an INSERT leaves.
    pub default: ColumnDefault,
    /// Its type as the dump writes it, with its arguments (`character varying(20)`, `public.mood`); empty where a
    /// snapshot names none.
    pub declared: String,
    /// The collation that its definition names, as it is written there.
    pub collation: Option<String>,
    /// MySQL's character set that its definition names.
    pub character_set: Option<String>,
    /// What the server computes it from. Such a column's values are not in a dump.
    pub generated: Option<String>,
}

impl Column {
    /// A column of which no more is known.
    pub fn new(name: String, kind: ColumnKind, default: ColumnDefault) -> Self {
        Self { name, kind, default, declared: String::new(), collation: None, character_set: None, generated: None }
    }
}

/// Columns that name a row of another table.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// Numbers of the columns.
    pub columns: Vec<usize>,
    /// `schema.table`
    pub table: String,
    /// The columns there, in the same order; empty where the definition means the other table's primary key.
    pub to_columns: Vec<String>,
    /// What happens here when the row there is deleted.
    pub on_delete: KeyAction,
    /// What happens here when the row there gets another key.
    pub on_update: KeyAction,
    /// Whether the log makes it: from when on it held is not asked.
    pub is_of_log: bool,
}

/// What a foreign key does when the row that it names goes or changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAction {
    /// It refuses the change.
    #[default]
    Refuse,
    /// The rows here go or change too.
    Cascade,
    /// The columns here become NULL.
    SetNull,
    /// The columns here take their default.
    SetDefault,
}

/// A table as the snapshot has it.
pub struct StoredTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// In order.
    pub columns: Vec<Column>,
    /// Column numbers of each primary or unique key.
    pub unique_keys: Vec<Vec<usize>>,
    /// Column numbers of the primary key; empty where none is declared.
    pub primary_key: Vec<usize>,
    /// In the order of their definitions.
    pub foreign_keys: Vec<ForeignKey>,
    /// Closed batches of rows.
    pub batches: Vec<RecordBatch>,
    starts: Vec<usize>,
    rows: usize,
    builders: Vec<CellBuilder>,
    pending_rows: usize,
    pending_bytes: usize,
    /// Rows with a cell that could not be read in its type, or that stand where the snapshot was cut.
    pub unsure_rows: BTreeSet<usize>,
    /// Parents (partitioned or inherited): their readers see these rows too.
    pub parents: Vec<String>,
    /// The role that owns it.
    pub owner: Option<String>,
    /// Triggers, rules and row-level policies on it, as the dump writes them.
    pub attached: Vec<Attached>,
    /// Whether a policy decides which of its rows a role sees, and for whom none does.
    pub row_security: RowSecurity,
    /// Whether it has no rows of its own, only those of its partitions.
    pub partitioned: bool,
    /// MySQL's collation of columns that name none.
    pub collation: Option<String>,
    /// MySQL's character set of columns that name none.
    pub character_set: Option<String>,
    /// Whether the snapshot has the rows of this table in full.
    pub complete: bool,
    /// Whether its rows were read before a column got another type: their values are not the server's.
    pub(crate) has_other_types: bool,
}

/// What acts on a table's reads or writes besides the statement itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// What it is.
    pub kind: AttachedKind,
    /// Its name.
    pub name: String,
    /// Its definition.
    pub sql: String,
}

/// Who sees a table's rows through policies alone (`ENABLE` and `FORCE ROW LEVEL SECURITY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowSecurity {
    /// Nobody.
    #[default]
    Off,
    /// Everybody but its owner, and roles that pass all policies by.
    On,
    /// Its owner, too.
    Forced,
}

/// Kinds of what acts on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedKind {
    /// Runs code on a write.
    Trigger,
    /// Rewrites a statement.
    Rule,
    /// Row-level security: says which rows a role may see.
    Policy,
}

impl StoredTable {
    /// A table without rows.
    pub fn new(schema: String, name: String, columns: Vec<Column>) -> Self {
        Self {
            schema,
            name,
            columns,
            unique_keys: Vec::new(),
            primary_key: Vec::new(),
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
            attached: Vec::new(),
            row_security: RowSecurity::Off,
            partitioned: false,
            collation: None,
            character_set: None,
            complete: true,
            has_other_types: false,
        }
    }

    /// Forgets the rows, for those of a later snapshot.
    pub(crate) fn clear_rows(&mut self) {
        let empty = Self::new(String::new(), String::new(), Vec::new());
        self.take_rows(empty);
        self.complete = false;
    }

    /// The rows of `other`, whose columns are the same, in place of its own.
    pub(crate) fn take_rows(&mut self, other: Self) {
        (self.batches, self.starts, self.rows) = (other.batches, other.starts, other.rows);
        (self.builders, self.pending_rows, self.pending_bytes) = (other.builders, other.pending_rows, other.pending_bytes);
        (self.unsure_rows, self.complete) = (other.unsure_rows, other.complete);
    }

    /// A column gets another definition. Rows that are there already keep what they were read as, and then nothing is known of the
    /// table's values for sure.
    pub(crate) fn change_column(&mut self, column: usize, changed: Column, keeps_default: bool) {
        let is_same = self.columns[column].kind == changed.kind;
        if !is_same && self.rows_read() > 0 {
            self.columns[column].declared = String::new();
            (self.has_other_types, self.complete) = (true, false);
            return;
        }
        let before = std::mem::replace(&mut self.columns[column], changed);
        let now = &mut self.columns[column];
        now.generated = before.generated;
        if keeps_default {
            now.default = before.default;
        }
        // The builders were made for the kinds before.
        if self.pending_rows == 0 {
            self.builders.clear();
        }
    }

    /// Rows in closed batches and in the one being filled.
    pub(crate) fn rows_read(&self) -> usize {
        self.rows + self.pending_rows
    }

    /// `schema.table`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The number of a column, by its name, in any case where none fits exactly.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name).or_else(|| self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    }

    /// The columns as Arrow has them.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(|c| Field::new(&c.name, c.kind.data_type(), true)).collect::<Vec<_>>()))
    }

    /// Rows in closed batches.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds one row; `cells` in column order, and whether every cell could be read.
    pub fn push_row(&mut self, cells: &[Value], all_read: bool) {
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
    pub fn close_batch(&mut self) {
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
    pub fn push_batch(&mut self, batch: RecordBatch) {
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
    pub fn cell(&self, row: usize, column: usize) -> Value {
        let (batch, at) = self.locate(row);
        read_cell(self.columns[column].kind, self.batches[batch].column(column), at)
    }
}

/// A view's definition.
pub struct StoredView {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its query.
    pub sql: String,
    /// Whether its rows are kept: it shows its tables as they stood at its last REFRESH, and those rows are in no dump.
    pub materialized: bool,
    /// Triggers and rules on it, as the dump writes them.
    pub attached: Vec<Attached>,
}

impl StoredView {
    /// `schema.name`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// A type that the database defines.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredType {
    /// Its labels, in their order.
    Enum(Vec<String>),
    /// What it is a kind of, as written, with the collation that it names.
    Domain {
        /// Its base type.
        base: String,
        /// Its collation.
        collation: Option<String>,
    },
    /// Names and types of its fields.
    Composite(Vec<(String, String)>),
    /// Anything else: its definition.
    Other(String),
}

/// A collation that the database defines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredCollation {
    /// `icu`, `libc`, …
    pub provider: Option<String>,
    /// The locale, in the provider's words.
    pub locale: Option<String>,
    /// Whether strings may be equal that differ in their bytes.
    pub nondeterministic: bool,
    /// Its definition.
    pub sql: String,
}

/// What stands as the language of an aggregate.
pub const AGGREGATE: &str = "aggregate";

/// A function, procedure or aggregate.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFunction {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its language, in lower case.
    pub language: String,
    /// Its body, where it stands in the dump.
    pub body: String,
    /// Its whole definition.
    pub sql: String,
}

/// A setting that a role or a database gives to its sessions (`ALTER ROLE … SET`, `ALTER DATABASE … SET`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSetting {
    /// For this role; otherwise for everybody.
    pub role: Option<String>,
    /// In this database; otherwise in all.
    pub database: Option<String>,
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What a dump says of the database as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// Types, by `schema.name`.
    pub types: BTreeMap<String, StoredType>,
    /// Collations, by `schema.name`.
    pub collations: BTreeMap<String, StoredCollation>,
    /// Functions, procedures and aggregates; one name may stand for several.
    pub functions: Vec<StoredFunction>,
    /// Its own operators.
    pub operators: BTreeSet<Defined>,
    /// Sequences, by `schema.name`.
    pub sequences: BTreeSet<String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
    /// Settings of roles and databases.
    pub settings: Vec<StoredSetting>,
    /// The database's own collation: `icu:LOCALE`, `libc:LOCALE`, or MySQL's name of one.
    pub collation: Option<String>,
    /// The encoding in which the dump is written.
    pub encoding: Option<String>,
    /// The zone in which the dump writes values of MySQL's `timestamp` (`+00:00`), where it says so.
    pub time_zone: Option<String>,
}

/// Who may read what, as the snapshot says.
#[derive(Default)]
pub struct Rights {
    /// Relation (`schema.table`) -> roles with SELECT on it, whole or in part; `public` is everybody.
    pub readers: BTreeMap<String, BTreeSet<String>>,
    /// Schema -> roles with SELECT on all its tables.
    pub schema_readers: BTreeMap<String, BTreeSet<String>>,
    /// Role -> roles it is a member of.
    pub memberships: BTreeMap<String, BTreeSet<String>>,
}

/// One database of the estate, as its snapshots have it.
pub struct StoredDatabase {
    /// Its id in the estate.
    pub id: String,
    /// Its name at the server.
    pub name: String,
    /// Whose SQL it speaks.
    pub dialect: Dialect,
    /// Schemas in which a bare name is looked for, first first.
    pub search_path: Vec<String>,
    /// Its tables.
    pub tables: Vec<StoredTable>,
    index: BTreeMap<String, usize>,
    /// Its views.
    pub views: Vec<StoredView>,
    /// Who may read what.
    pub rights: Rights,
    /// What else its dumps say.
    pub described: Described,
}

impl StoredDatabase {
    /// A database without tables.
    pub fn new(id: &str, name: &str, dialect: Dialect, search_path: &[String]) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            dialect,
            search_path: search_path.to_vec(),
            tables: Vec::new(),
            index: BTreeMap::new(),
            views: Vec::new(),
            rights: Rights::default(),
            described: Described::default(),
        }
    }

    /// Takes a table out, if there is one of that name.
    pub(crate) fn remove_table(&mut self, full_name: &str) -> Option<StoredTable> {
        let at = self.index.remove(full_name)?;
        for later in self.index.values_mut().filter(|later| **later > at) {
            *later -= 1;
        }
        Some(self.tables.remove(at))
    }

    /// Adds a table, in place of one of the same name.
    pub fn add_table(&mut self, table: StoredTable) -> usize {
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
    pub fn table(&self, full_name: &str) -> Option<usize> {
        self.index.get(full_name).copied()
    }

    /// The full name that a name of one or more parts stands for, among `known`, along the search path.
    pub fn resolve(&self, parts: &[String], known: impl Fn(&str) -> bool) -> Option<String> {
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
