//! Reads snapshots: dumps of `pg_dump`, `mysqldump` and `mydumper`, or one CSV or Parquet file a table.
//! It opens no file, and what it says of a problem never holds a value.

mod archive;
mod cells;
mod dump;
mod encoding;
mod filling;
mod flat;
mod layout;
mod objects;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{BufReader, Read};

use strandline_model::estate::Estate;

pub use dump::announced_dialect;
pub use layout::{head_text, looks_like_a_dump};
pub(crate) use objects::function as function_of;
pub(crate) use tables::add_key;

use crate::store::{StoredDatabase, StoredTable};
use crate::{Dialect, HistoryError, ReadOptions, Rows};
use dump::Cut;
use filling::Filling;

/// One stream of a snapshot.
pub struct Part<'p> {
    /// Its path within the snapshot; empty where the snapshot is one stream.
    pub name: &'p str,
    /// Its bytes, with all compression taken off.
    pub reader: &'p mut dyn Read,
}

/// A stream that broke off.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The stream.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A snapshot's bytes, opened elsewhere: one file, what is packed in it, or the files of a folder.
pub trait Parts {
    /// Hands out each stream from its beginning, always in the same order. Bytes that break off read as ended; which did
    /// is told afterwards.
    ///
    /// # Errors
    /// What `each` fails with, or if the bytes cannot be opened.
    fn visit(&self, each: &mut dyn FnMut(Part<'_>) -> Result<(), HistoryError>) -> Result<Vec<Broken>, HistoryError>;
}

/// Streams in memory, by name.
impl Parts for &[(&str, &[u8])] {
    fn visit(&self, each: &mut dyn FnMut(Part<'_>) -> Result<(), HistoryError>) -> Result<Vec<Broken>, HistoryError> {
        for (name, bytes) in *self {
            each(Part { name, reader: &mut &**bytes })?;
        }
        Ok(Vec::new())
    }
}

/// One stream in memory.
impl Parts for &[u8] {
    fn visit(&self, each: &mut dyn FnMut(Part<'_>) -> Result<(), HistoryError>) -> Result<Vec<Broken>, HistoryError> {
        each(Part { name: "", reader: &mut &**self })?;
        Ok(Vec::new())
    }
}

/// One snapshot, opened elsewhere.
pub struct Snapshot<'a> {
    /// The database, by its id in the estate.
    pub database: String,
    /// For a CSV or Parquet file: the table, as `schema.table`.
    pub table: Option<String>,
    /// What messages call it.
    pub path: String,
    /// Its bytes.
    pub parts: Box<dyn Parts + 'a>,
}

/// What to do with a snapshot that ends too early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCut {
    /// Stop, and say where it ends.
    #[default]
    Stop,
    /// Go on with what was read; every table whose rows did not end before is doubtful.
    GoOn,
}

/// Reads one dump of a database that no estate describes yet.
pub fn load_bare(snapshot: &Snapshot<'_>, dialect: Dialect, schema: &str, options: &ReadOptions) -> Result<StoredDatabase, HistoryError> {
    let mut database = StoredDatabase::new(&snapshot.database, schema, dialect, &[schema.to_owned()]);
    fill_all(&mut database, &[snapshot], options, &mut Vec::new())?;
    Ok(database)
}

/// Any bytes as a dump, in each dialect. Panics, hangs and unbounded memory are what a fuzzer looks for.
pub fn fuzz_dump(bytes: &[u8]) {
    let options = ReadOptions { on_cut: OnCut::GoOn, ..ReadOptions::default() };
    for dialect in [Dialect::PostgreSql, Dialect::MySql] {
        let one = Snapshot { database: "d".to_owned(), table: None, path: "dump".to_owned(), parts: Box::new(bytes) };
        let _ = load_bare(&one, dialect, "d", &options);
        // The first byte says where a folder's first file ends.
        let at = bytes.first().map_or(0, |first| usize::from(*first) * 8).min(bytes.len());
        let folder =
            [("1.dat", &bytes[..at]), ("d.t-schema.sql", &bytes[at..]), ("d.t.sql", &bytes[..at]), ("metadata", &bytes[at..]), ("toc.dat", &bytes[at..])];
        let many = Snapshot { database: "d".to_owned(), table: None, path: "dump".to_owned(), parts: Box::new(folder.as_slice()) };
        let _ = load_bare(&many, dialect, "d", &options);
    }
}

/// Reads all snapshots into the databases of the estate. Returns the databases and notes on what could not be read.
pub fn load(estate: &Estate, snapshots: Vec<Snapshot<'_>>, options: &ReadOptions) -> Result<(Vec<StoredDatabase>, Vec<String>), HistoryError> {
    if let Some(stray) = snapshots.iter().find(|s| !estate.databases.iter().any(|d| d.id == s.database)) {
        return Err(HistoryError::UnknownDatabase { path: stray.path.clone(), database: stray.database.clone() });
    }
    let mut databases = Vec::new();
    let mut notes = Vec::new();
    for described in &estate.databases {
        let mut database = StoredDatabase::new(&described.id, described.server_name(), crate::dialect_of(described), &described.searched_schemas());
        let own: Vec<&Snapshot<'_>> = snapshots.iter().filter(|s| s.database == described.id).collect();
        fill_all(&mut database, &own, options, &mut notes)?;
        if options.rows == Rows::Read {
            notes.extend(without_rows(estate, &database));
        }
        databases.push(database);
    }
    Ok((databases, notes))
}

/// Says which described tables have no or not all rows in the snapshots.
fn without_rows(estate: &Estate, database: &StoredDatabase) -> Option<String> {
    let described = |table: &&StoredTable| estate.tables.iter().any(|t| t.database == database.id && t.name == table.full_name());
    let open: Vec<String> = database.tables.iter().filter(|table| !table.complete).filter(described).map(StoredTable::full_name).collect();
    let (id, names) = (&database.id, open.join(", "));
    (!open.is_empty()).then(|| {
        format!(
            "database {id}: no snapshot has the rows of {names} in full (a dump made with --schema-only or --exclude-table-data, of some rows only, or cut), \
             so anybody may be in there; add a dump with the rows to its snapshots"
        )
    })
}

/// Fills a database from its snapshots, in their order: of a table that several hold, the later rows count.
fn fill_all(database: &mut StoredDatabase, snapshots: &[&Snapshot<'_>], options: &ReadOptions, notes: &mut Vec<String>) -> Result<(), HistoryError> {
    let mut filling = Filling::new(database, options.rows);
    let mut waiting: Vec<(&Snapshot<'_>, BTreeSet<String>)> = Vec::new();
    for snapshot in snapshots {
        filling.begin();
        match &snapshot.table {
            Some(table) => flat_part(snapshot, table, &mut filling, options, notes)?,
            None => read_dump(snapshot, &mut filling, options, notes)?,
        }
        let orphans = filling.end();
        if !orphans.is_empty() {
            waiting.push((snapshot, orphans));
        }
    }
    // Rows that came before their tables' definitions.
    for (snapshot, orphans) in waiting {
        let (defined, unknown): (BTreeSet<String>, BTreeSet<String>) = orphans.into_iter().partition(|name| filling.database.table(name).is_some());
        if !unknown.is_empty() {
            let names = unknown.into_iter().collect::<Vec<_>>().join(", ");
            notes.push(format!("{}: it holds rows of {names}, which no snapshot defines; add the dump of the schema (--schema-only)", snapshot.path));
        }
        if !defined.is_empty() {
            filling.begin_again(defined);
            read_dump(snapshot, &mut filling, options, &mut Vec::new())?;
            filling.end();
        }
    }
    database.tables.iter_mut().for_each(StoredTable::close_batch);
    Ok(())
}

fn flat_part(snapshot: &Snapshot<'_>, table: &str, filling: &mut Filling<'_>, options: &ReadOptions, notes: &mut Vec<String>) -> Result<(), HistoryError> {
    let database = &mut *filling.database;
    let broken = snapshot.parts.visit(&mut |part| {
        let mut reader = BufReader::with_capacity(1 << 18, part.reader);
        flat::read(&mut reader, &snapshot.path, table, database, options, notes)
    })?;
    let Some(broken) = broken.first() else { return Ok(()) };
    Err(HistoryError::Snapshot { path: snapshot.path.clone(), line: 0, reason: format!("its bytes break off ({}); take a whole file", broken.reason) })
}

fn read_dump(snapshot: &Snapshot<'_>, filling: &mut Filling<'_>, options: &ReadOptions, notes: &mut Vec<String>) -> Result<(), HistoryError> {
    let path = &snapshot.path;
    let mut cuts = layout::read(snapshot, filling, notes)?;
    if filling.doubtful_rows > 0 {
        let rows = filling.doubtful_rows;
        notes.push(format!(
            "{path}: {rows} rows have a cell that is not of its column's type, not of the dump's encoding, or missing; it counts as not known, and the rows as doubtful"
        ));
    }
    if !filling.passed_over.is_empty() && filling.database.tables.is_empty() {
        let (id, held) = (&filling.database.id, filling.passed_over.iter().cloned().collect::<Vec<_>>().join(", "));
        let reason = format!(
            "the dump is of other databases ({held}) than {:?}; write the right one as name of the database {id:?} in the estate",
            filling.database.name
        );
        return Err(HistoryError::Snapshot { path: path.clone(), line: 0, reason });
    }
    let Some(cut) = cuts.pop() else { return Ok(()) };
    let whereabouts = cut.whereabouts();
    if options.on_cut == OnCut::Stop {
        let reason = format!("the dump ends {whereabouts}, before its own end mark; take a complete dump, or go on with what there is by --cut-dump go-on");
        return Err(HistoryError::Snapshot { path: cut.path, line: cut.line, reason });
    }
    notes.push(format!("{} line {}: the dump ends {whereabouts}; tables whose rows did not end before count as incomplete", cut.path, cut.line));
    Ok(())
}

/// A stream that ends too early.
struct CutPart {
    path: String,
    line: u64,
    cut: Cut,
}

impl CutPart {
    fn whereabouts(&self) -> String {
        self.cut.as_ref().map_or_else(|| "between two statements".to_owned(), |table| format!("within table {table}"))
    }
}

/// Fills a database from one snapshot in memory.
#[cfg(test)]
pub(crate) fn fill(database: &mut StoredDatabase, parts: &[(&str, &[u8])], options: &ReadOptions, notes: &mut Vec<String>) -> Result<(), HistoryError> {
    let snapshot = Snapshot { database: database.id.clone(), table: None, path: "dump.sql".to_owned(), parts: Box::new(parts) };
    fill_all(database, &[&snapshot], options, notes)
}
