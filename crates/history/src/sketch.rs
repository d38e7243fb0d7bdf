//! A first look at snapshots: which tables and columns they hold, to check an estate file against; and, for a draft of
//! one, keys and a few values to recognise contents by. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use arrow_array::cast::AsArray;
use strandline_model::estate::Estate;

use crate::snapshot::{OnCut, Parts, Snapshot, announced_dialect, load, load_bare};
use crate::{Dialect, HistoryError, ReadOptions, Rows};

/// Values kept of each column.
const SAMPLES: usize = 200;
/// First bytes of a dump, in which it says what it is.
const HEAD_BYTES: u64 = 1 << 16;

/// A table as a dump has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSketch {
    /// `schema.table`
    pub name: String,
    /// Column names and Arrow types.
    pub columns: Vec<(String, String)>,
    /// The first unique key's columns.
    pub primary_key: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Columns that name a row of another table: column, `schema.table`, its column.
    pub foreign_keys: Vec<(String, String, String)>,
    /// Some values of each text column; none of the others.
    pub samples: Vec<Vec<String>>,
}

/// A dump as it says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpSketch {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The database's name, where the dump says it (MySQL and MariaDB).
    pub database: Option<String>,
    /// Its tables, by name.
    pub tables: Vec<TableSketch>,
}

/// The tables of one database (`schema.table`), each with its columns.
pub type HeldTables = BTreeMap<String, BTreeSet<String>>;

/// Which tables the snapshots of each database hold, by the database's id in the estate. Rows are passed over.
///
/// # Errors
/// If a snapshot is damaged, or cut and `on_cut` says to stop.
pub fn held_tables(estate: &Estate, snapshots: Vec<Snapshot<'_>>, on_cut: OnCut) -> Result<BTreeMap<String, HeldTables>, HistoryError> {
    let options = ReadOptions { on_cut, rows: Rows::Skipped, ..ReadOptions::default() };
    let (databases, _) = load(estate, snapshots, &options)?;
    let columns = |table: &crate::store::StoredTable| table.columns.iter().map(|c| c.name.clone()).collect();
    let tables = |database: &crate::store::StoredDatabase| database.tables.iter().map(|t| (t.full_name(), columns(t))).collect();
    Ok(databases.iter().map(|d| (d.id.clone(), tables(d))).collect())
}

/// Sketches a dump. The samples are about people: they must not be shown.
///
/// # Errors
/// If the dump cannot be read.
pub fn sketch_dump(parts: Box<dyn Parts + '_>, path: &str) -> Result<DumpSketch, HistoryError> {
    let (mut dialect, mut database) = (None, None);
    parts.visit(&mut |part| {
        if dialect.is_none() {
            let mut head = Vec::new();
            let _ = part.reader.take(HEAD_BYTES).read_to_end(&mut head);
            (dialect, database) = head_of_dump(part.name, &head);
        }
        Ok(())
    })?;
    let dialect = dialect.unwrap_or(Dialect::PostgreSql);
    let options = ReadOptions { on_cut: OnCut::GoOn, ..ReadOptions::default() };
    let snapshot = Snapshot { database: "draft".to_owned(), table: None, path: path.to_owned(), parts };
    let schema = database.clone().filter(|_| dialect == Dialect::MySql).unwrap_or_else(|| "public".to_owned());
    let stored = load_bare(&snapshot, dialect, &schema, &options)?;
    let mut tables: Vec<TableSketch> = stored.tables.iter().map(sketch).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(DumpSketch { dialect, database, tables })
}

/// Whose dump it is, and of which database, by its first comments (`-- Host: localhost    Database: clinic`), by
/// PostgreSQL's mark of an archive, or by mydumper's names (`clinic.patient-schema.sql`).
fn head_of_dump(name: &str, head: &[u8]) -> (Option<Dialect>, Option<String>) {
    if head.starts_with(b"PGDMP") {
        return (Some(Dialect::PostgreSql), None);
    }
    let file = name.rsplit('/').next().unwrap_or(name);
    if let Some((database, rest)) = file.split_once('.')
        && rest.contains("-schema.sql")
    {
        return (Some(Dialect::MySql), Some(database.to_owned()));
    }
    let text = crate::snapshot::head_text(head);
    let comments = || text.lines().filter_map(|line| line.trim().strip_prefix("--")).map(str::trim);
    let database = comments().filter(|c| c.starts_with("Host:")).find_map(|c| c.split_once("Database:")).map(|(_, name)| name.trim().to_owned());
    let used = || text.lines().find_map(|line| line.trim().strip_prefix("USE `")?.strip_suffix("`;").map(str::to_owned));
    (comments().find_map(announced_dialect), database.filter(|name| !name.is_empty()).or_else(used))
}

fn sketch(table: &crate::store::StoredTable) -> TableSketch {
    let samples = (0..table.columns.len()).map(|column| {
        let Some(values) = table.batches.first().and_then(|batch| batch.column(column).as_string_opt::<i32>()) else { return Vec::new() };
        values.iter().flatten().take(SAMPLES).map(str::to_owned).collect()
    });
    TableSketch {
        name: table.full_name(),
        columns: table.columns.iter().map(|c| (c.name.clone(), c.kind.data_type().to_string())).collect(),
        primary_key: table
            .unique_keys
            .first()
            .map(|key| key.iter().filter_map(|i| table.columns.get(*i)).map(|c| c.name.clone()).collect())
            .unwrap_or_default(),
        rows: table.rows() as u64,
        foreign_keys: table
            .foreign_keys
            .iter()
            .filter_map(|key| match (key.columns.as_slice(), key.to_columns.as_slice()) {
                ([column], [to_column]) => Some((table.columns.get(*column)?.name.clone(), key.table.clone(), to_column.clone())),
                _ => None,
            })
            .collect(),
        samples: samples.collect(),
    }
}
