//! A first look at snapshots: which tables and columns they hold, to check an estate file against; and, for a draft of
//! one, keys and a few values to recognise contents by. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use arrow_array::cast::AsArray;
use strandline_model::estate::Estate;

use crate::snapshot::{OnCut, Snapshot, load, load_bare};
use crate::{Dialect, ExposureError, Options, Rows};

/// Values kept of each column.
const SAMPLES: usize = 200;

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
    /// Some values of each text column; none of the others.
    pub samples: Vec<Vec<String>>,
}

/// The tables of one database (`schema.table`), each with its columns.
pub type HeldTables = BTreeMap<String, BTreeSet<String>>;

/// Which tables the snapshots of each database hold, by the database's id in the estate. Rows are passed over.
///
/// # Errors
/// If a snapshot is damaged, or cut and `on_cut` says to stop.
pub fn held_tables(estate: &Estate, snapshots: Vec<Snapshot<'_>>, on_cut: OnCut) -> Result<BTreeMap<String, HeldTables>, ExposureError> {
    let options = Options { on_cut, rows: Rows::Skipped, ..Options::default() };
    let (databases, _) = load(estate, snapshots, &options)?;
    let columns = |table: &crate::store::StoredTable| table.columns.iter().map(|c| c.name.clone()).collect();
    let tables = |database: &crate::store::StoredDatabase| database.tables.iter().map(|t| (t.full_name(), columns(t))).collect();
    Ok(databases.iter().map(|d| (d.id.clone(), tables(d))).collect())
}

/// Sketches a plain `pg_dump` or `mysqldump`. The samples are about people: they must not be shown.
///
/// # Errors
/// If the dump cannot be read.
pub fn sketch_dump(reader: Box<dyn Read + '_>, path: &str) -> Result<Vec<TableSketch>, ExposureError> {
    let options = Options { on_cut: OnCut::GoOn, ..Options::default() };
    let snapshot = Snapshot { database: "draft".to_owned(), table: None, path: path.to_owned(), reader };
    let database = load_bare(snapshot, Dialect::PostgreSql, &options)?;
    let mut sketches: Vec<TableSketch> = database.tables.iter().map(sketch).collect();
    sketches.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sketches)
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
        samples: samples.collect(),
    }
}
