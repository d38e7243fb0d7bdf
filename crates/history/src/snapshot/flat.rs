//! One table from a CSV file with a header, or from a Parquet file.

use std::io::{BufRead, Read};

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::store::{Column, ColumnDefault, StoredDatabase, StoredTable};
use crate::value::{ColumnKind, Value};
use crate::{HistoryError, ReadOptions, Rows};

pub(super) fn read(
    reader: &mut dyn BufRead,
    path: &str,
    table: &str,
    database: &mut StoredDatabase,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<(), HistoryError> {
    let (schema, name) = table.rsplit_once('.').unwrap_or((database.search_path.first().map_or("public", String::as_str), table));
    let (schema, name) = (schema.to_owned(), name.to_owned());
    let start = reader.fill_buf().map_err(|source| HistoryError::Read { path: path.to_owned(), source })?;
    let stored = if start.starts_with(b"PAR1") { parquet(reader, path, schema, name, options)? } else { csv(reader, path, schema, name, options.rows, notes)? };
    database.add_table(stored);
    Ok(())
}

/// Every column is text: a CSV file does not say more, and a comparison with a number reads the text as one.
fn csv(reader: &mut dyn BufRead, path: &str, schema: String, name: String, rows: Rows, notes: &mut Vec<String>) -> Result<StoredTable, HistoryError> {
    let mut records = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let refused = |error: &csv::Error| HistoryError::Snapshot {
        path: path.to_owned(),
        line: error.position().map_or(0, csv::Position::line),
        reason: "this is not a CSV record; save the table again as UTF-8 or Latin-1 CSV with a header".to_owned(),
    };
    let header = records.byte_headers().map_err(|e| refused(&e))?.clone();
    let column =
        |bytes: &[u8]| Column::new(String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').trim().to_owned(), ColumnKind::Text, ColumnDefault::Null);
    let columns: Vec<Column> = header.iter().map(column).collect();
    let width = columns.len();
    let mut table = StoredTable::new(schema, name, columns);
    if rows == Rows::Skipped {
        return Ok(table);
    }
    let mut record = csv::ByteRecord::new();
    let mut uneven = 0_u64;
    while records.read_byte_record(&mut record).map_err(|e| refused(&e))? {
        let mut cells: Vec<Value> = record
            .iter()
            .take(width)
            .map(|field| if field.is_empty() { Value::Null } else { Value::Text(String::from_utf8_lossy(field).into_owned()) })
            .collect();
        let even = record.len() == width;
        uneven += u64::from(!even);
        cells.resize(width, Value::Null);
        table.push_row(&cells, even);
    }
    if uneven > 0 {
        notes.push(format!("{path}: {uneven} records have more or fewer fields than the header; they count as doubtful"));
    }
    Ok(table)
}

fn parquet(reader: &mut dyn BufRead, path: &str, schema: String, name: String, options: &ReadOptions) -> Result<StoredTable, HistoryError> {
    let limit = options.memory_limit_bytes as u64;
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(|source| HistoryError::Read { path: path.to_owned(), source })?;
    let refused = |reason: &str| HistoryError::Snapshot { path: path.to_owned(), line: 0, reason: reason.to_owned() };
    if bytes.len() as u64 > limit {
        return Err(refused("the file is larger than the memory limit; split it, or raise the limit"));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|_| refused("this is not a whole Parquet file"))?;
    let mut columns = Vec::new();
    for field in builder.schema().fields() {
        let kind = parquet_kind(field.data_type())
            .ok_or_else(|| refused("a column has a type that is not read; cast it to text, a number, a date or a timestamp in microseconds"))?;
        columns.push(Column::new(field.name().clone(), kind, ColumnDefault::Null));
    }
    let mut table = StoredTable::new(schema, name, columns);
    if options.rows == Rows::Skipped {
        return Ok(table);
    }
    for batch in builder.build().map_err(|_| refused("this Parquet file cannot be read"))? {
        let batch = batch.map_err(|_| refused("this Parquet file is damaged"))?;
        for row in 0..batch.num_rows() {
            let cells: Vec<Value> = table.columns.iter().enumerate().map(|(at, column)| crate::value::read_cell(column.kind, batch.column(at), row)).collect();
            table.push_row(&cells, true);
        }
    }
    Ok(table)
}

fn parquet_kind(data_type: &DataType) -> Option<ColumnKind> {
    use arrow_schema::TimeUnit::Microsecond;
    Some(match data_type {
        DataType::Utf8 => ColumnKind::Text,
        DataType::Int16 => ColumnKind::SmallInt,
        DataType::Int32 => ColumnKind::Int,
        DataType::Int64 => ColumnKind::BigInt,
        DataType::Decimal128(precision, scale) if *scale >= 0 => ColumnKind::Decimal { precision: *precision, scale: *scale },
        DataType::Float32 => ColumnKind::Real,
        DataType::Float64 => ColumnKind::Double,
        DataType::Boolean => ColumnKind::Bool,
        DataType::Date32 => ColumnKind::Date,
        DataType::Timestamp(Microsecond, None) => ColumnKind::Timestamp,
        DataType::Timestamp(Microsecond, Some(_)) => ColumnKind::Instant,
        _ => return None,
    })
}
