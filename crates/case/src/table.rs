//! Tables as Parquet files: one writer a part, a scan over all parts. Rows go through as batches; no table is ever held.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use strandline_model::event::BATCH_ROWS;
use strandline_model::table::{Batches, Row, Scan, ScanError};

use crate::atomic::{AtomicFile, create_folder};
use crate::folder::{Case, CaseError, TABLES, require_name};
use crate::manifest::TablePart;

/// Rows in a row group: small enough to prune by, large enough to compress (measured: 131,072 rows prune well).
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Encoded bytes after which a row group ends however few rows it has: statements can be long, memory stays bounded.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// The column that the question "everything about one person" filters by; it gets a bloom filter.
const PERSON_COLUMN: &str = "data_subject";

const EXTENSION: &str = ".parquet";
const SHORT_HASH_DIGITS: usize = 16;

/// Writes one part of a table. Nothing is visible before a commit names the part; dropped, it leaves nothing.
#[derive(Debug)]
pub struct TableWriter {
    writer: ArrowWriter<AtomicFile>,
    path: PathBuf,
    table: String,
    part: String,
    sorted_by: Vec<String>,
    rows: u64,
}

impl Case {
    /// Starts a part of a table. `sorted_by` names the columns that the caller's rows are sorted by, ascending, nulls last;
    /// readers rely on it, so it must be true. A part is named after what it was made from: an artefact's id, or `all`.
    ///
    /// # Errors
    /// If a name cannot be a file name, a column is not in the schema, or the folder cannot be written.
    pub fn table_writer(&self, table: &str, part: &str, schema: SchemaRef, sorted_by: &[&str]) -> Result<TableWriter, CaseError> {
        self.require_writable()?;
        require_name(table)?;
        require_name(part)?;
        let folder = create_folder(self.path(), &format!("{TABLES}/{table}"))?;
        let path = folder.join(format!("{part}{EXTENSION}"));
        let properties = properties(&schema, sorted_by)?;
        let writer = ArrowWriter::try_new(AtomicFile::create_in(&folder)?, schema, Some(properties))
            .map_err(|source| CaseError::Parquet { path: path.clone(), source })?;
        Ok(TableWriter { writer, path, table: table.to_owned(), part: part.to_owned(), sorted_by: sorted_by.iter().map(|&c| c.to_owned()).collect(), rows: 0 })
    }

    /// Writes a small table in one part named `all`.
    ///
    /// # Errors
    /// As `table_writer` and `TableWriter::write`.
    pub fn write_rows<R: Row>(&self, rows: &[R], sorted_by: &[&str]) -> Result<TablePart, CaseError> {
        let mut writer = self.table_writer(R::TABLE, "all", R::schema(), sorted_by)?;
        for chunk in rows.chunks(BATCH_ROWS) {
            writer.write(&R::to_batch(chunk)?)?;
        }
        writer.finish()
    }

    /// The committed parts of a table, in order of their names, as one stored table. A table without parts has no rows.
    pub fn scan(&self, table: &str) -> StoredTable {
        StoredTable { files: self.table_files(table) }
    }

    /// The files of a table, in order of the parts' names: for engines that read Parquet themselves.
    pub fn table_files(&self, table: &str) -> Vec<PathBuf> {
        let mut parts: Vec<&TablePart> = self.manifest().stages.values().flat_map(|s| &s.parts).filter(|p| p.table == table).collect();
        parts.sort();
        parts.into_iter().map(|p| self.path().join(&p.file)).collect()
    }

    /// The names of all tables that have at least one part, sorted.
    pub fn tables(&self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.manifest().stages.values().flat_map(|s| &s.parts).map(|p| &p.table).collect();
        names.into_iter().cloned().collect()
    }

    /// All rows of a small table. For a large one use `scan`.
    ///
    /// # Errors
    /// If a part cannot be read or has another shape.
    pub fn read_rows<R: Row>(&self, table: &str) -> Result<Vec<R>, CaseError> {
        let mut rows = Vec::new();
        for path in self.table_files(table) {
            for batch in open_part(&path, &[])? {
                let batch = batch.map_err(|e| CaseError::Parquet { path: path.clone(), source: e.into() })?;
                rows.extend(R::from_batch(&batch)?);
            }
        }
        Ok(rows)
    }
}

impl TableWriter {
    /// Appends a batch of the writer's schema.
    ///
    /// # Errors
    /// If the schema differs, or the disk does not take it.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), CaseError> {
        self.writer.write(batch).map_err(|source| CaseError::Parquet { path: self.path.clone(), source })?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Completes the file under a name that carries its hash, so that it never takes the place of a committed one. The part
    /// becomes visible with `commit_stage` or `commit_parts`.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn finish(self) -> Result<TablePart, CaseError> {
        // `into_inner` also writes the last row group and the footer.
        let mut file = self.writer.into_inner().map_err(|source| CaseError::Parquet { path: self.path.clone(), source })?;
        file.flush().map_err(crate::atomic::WriteError::at(&self.path))?;
        let sha256 = file.sha256();
        let bytes = file.bytes();
        let name = format!("{}-{}{EXTENSION}", self.part, &sha256[..SHORT_HASH_DIGITS]);
        file.commit(&name)?;
        Ok(TablePart {
            file: format!("{TABLES}/{}/{name}", self.table),
            table: self.table,
            part: self.part,
            sha256,
            rows: self.rows,
            bytes,
            sorted_by: self.sorted_by,
            inputs_digest: None,
        })
    }
}

/// Whether a file name is one that `finish` gives.
pub(crate) fn is_part_file(name: &str) -> bool {
    name.strip_suffix(EXTENSION)
        .and_then(|stem| stem.rsplit_once('-'))
        .is_some_and(|(_, hash)| hash.len() == SHORT_HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn properties(schema: &SchemaRef, sorted_by: &[&str]) -> Result<WriterProperties, CaseError> {
    let sorting = sorted_by
        .iter()
        .map(|&name| leaf_index(schema, name).map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false }))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| CaseError::BadName(sorted_by.join(",")))?;
    let level = ZstdLevel::try_new(3).expect("3 is a level of Zstandard");
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(concat!("strandline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_sorting_columns((!sorting.is_empty()).then_some(sorting));
    if schema.field_with_name(PERSON_COLUMN).is_ok() {
        let column = ColumnPath::from(PERSON_COLUMN);
        builder = builder.set_column_bloom_filter_enabled(column.clone(), true).set_column_bloom_filter_max_ndv(column, ROW_GROUP_ROWS as u64);
    }
    Ok(builder.build())
}

/// The position of a plain column among the leaves of the Parquet schema; `None` for an unknown or nested column.
fn leaf_index(schema: &SchemaRef, name: &str) -> Option<i32> {
    let mut leaf = 0;
    for field in schema.fields() {
        if field.name() == name {
            return (!field.data_type().is_nested()).then_some(leaf);
        }
        leaf += count_leaves(field.data_type());
    }
    None
}

fn count_leaves(data_type: &arrow_schema::DataType) -> i32 {
    use arrow_schema::DataType;
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|f| count_leaves(f.data_type())).sum(),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => count_leaves(item.data_type()),
        _ => 1,
    }
}

/// A table in the case folder. It stands on the files that were committed when it was made.
#[derive(Clone, Debug)]
pub struct StoredTable {
    files: Vec<PathBuf>,
}

impl StoredTable {
    /// Its files, in the order in which they are read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl Scan for StoredTable {
    fn scan(&self, columns: &[&str]) -> Result<Batches<'_>, ScanError> {
        let columns: Vec<String> = columns.iter().map(|&c| c.to_owned()).collect();
        // One part is open at a time, whatever their number.
        let batches = self.files.iter().flat_map(move |path| -> Batches<'static> {
            match open_part(path, &columns) {
                Ok(reader) => {
                    let path = path.clone();
                    Box::new(reader.map(move |b| b.map_err(|e| CaseError::Parquet { path: path.clone(), source: e.into() }.into())))
                }
                Err(e) => Box::new(std::iter::once(Err(e.into()))),
            }
        });
        Ok(Box::new(batches))
    }
}

fn open_part(path: &PathBuf, columns: &[String]) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, CaseError> {
    let file = File::open(path).map_err(|source| CaseError::Read { path: path.clone(), source })?;
    let broken = |source| CaseError::Parquet { path: path.clone(), source };
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?.with_batch_size(BATCH_ROWS);
    if !columns.is_empty() {
        let roots: Vec<usize> = columns.iter().filter_map(|c| builder.schema().index_of(c).ok()).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        builder = builder.with_projection(mask);
    }
    builder.build().map_err(broken)
}
