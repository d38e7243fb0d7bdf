//! Reads snapshots: a plain `pg_dump` or `mysqldump`, or one CSV or Parquet file a table, each from a stream.
//! It opens no file, and what it says of a problem never holds a value.

mod dump;
mod flat;

use std::io::{BufReader, Read};

use strandline_model::estate::Estate;

pub use dump::announced_dialect;

use crate::store::StoredDatabase;
use crate::{Dialect, HistoryError, ReadOptions};

/// One snapshot file, opened elsewhere.
pub struct Snapshot<'a> {
    /// The database, by its id in the estate.
    pub database: String,
    /// For a CSV or Parquet file: the table, as `schema.table`.
    pub table: Option<String>,
    /// What messages call it.
    pub path: String,
    /// Its decompressed bytes.
    pub reader: Box<dyn Read + 'a>,
}

/// What to do with a snapshot that ends too early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCut {
    /// Stop, and say where it ends.
    #[default]
    Stop,
    /// Go on with what was read; every table that may be incomplete is doubtful.
    GoOn,
}

/// Reads one dump of a database that no estate describes yet.
pub fn load_bare(snapshot: Snapshot<'_>, dialect: Dialect, schema: &str, options: &ReadOptions) -> Result<StoredDatabase, HistoryError> {
    let mut database = StoredDatabase::new(&snapshot.database, &snapshot.database, dialect, &[schema.to_owned()]);
    let mut reader = BufReader::with_capacity(1 << 18, snapshot.reader);
    dump::read(&mut reader, &snapshot.path, &mut database, options, &mut Vec::new())?;
    database.tables.iter_mut().for_each(crate::store::StoredTable::close_batch);
    Ok(database)
}

/// Reads all snapshots into the databases of the estate. Returns the databases and notes on what could not be read.
pub fn load(estate: &Estate, snapshots: Vec<Snapshot<'_>>, options: &ReadOptions) -> Result<(Vec<StoredDatabase>, Vec<String>), HistoryError> {
    let mut databases: Vec<StoredDatabase> =
        estate.databases.iter().map(|d| StoredDatabase::new(&d.id, d.server_name(), crate::dialect_of(d), &d.searched_schemas())).collect();
    let mut notes = Vec::new();
    for snapshot in snapshots {
        let Some(database) = databases.iter_mut().find(|d| d.id == snapshot.database) else {
            return Err(HistoryError::UnknownDatabase { path: snapshot.path, database: snapshot.database });
        };
        let mut reader = BufReader::with_capacity(1 << 18, snapshot.reader);
        match &snapshot.table {
            Some(table) => flat::read(&mut reader, &snapshot.path, table, database, options, &mut notes)?,
            None => dump::read(&mut reader, &snapshot.path, database, options, &mut notes)?,
        }
    }
    for database in &mut databases {
        database.tables.iter_mut().for_each(crate::store::StoredTable::close_batch);
    }
    Ok((databases, notes))
}
