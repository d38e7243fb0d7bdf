//! The scope question: what did these sessions see between then and then? It reads the pages of `sightings` that can
//! hold an answer, and no others: row groups and pages are passed over by the session and time that their statistics say.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use hashbrown::HashMap;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::data_type::ByteArray;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use strandline_model::exposure::{Certainty, Sighting};
use strandline_model::table::Row;
use strandline_model::time::{Instant, Interval};

use crate::folder::{Case, CaseError};

/// Rows decoded at a time.
const BATCH: usize = 32 * 1024;

/// Which sessions, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Session ids, as `sightings` has them.
    pub sessions: Vec<String>,
    /// The time asked about, ends included.
    pub within: Interval,
}

/// One category of one person, or of everybody in a table, as the sessions saw it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Seen {
    /// Whose; `None` where everybody in `of_table` is meant.
    pub data_subject: Option<String>,
    /// The table that everybody is meant of.
    pub of_table: Option<String>,
    /// The category.
    pub category: String,
    /// The highest tier.
    #[serde(serialize_with = "word")]
    pub certainty: Certainty,
    /// First and last sighting.
    pub first_seen: Instant,
    /// See `first_seen`.
    pub last_seen: Instant,
    /// How many sightings.
    pub count: u64,
}

fn word<S: serde::Serializer>(certainty: &Certainty, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(certainty.as_str())
}

impl Case {
    /// Who and what the sessions saw, sorted by person and category. What is possible because of a gap in the logs belongs to
    /// no session and is not in it.
    ///
    /// # Errors
    /// If a part cannot be read.
    pub fn scope(&self, question: &Question, threads: usize) -> Result<Vec<Seen>, CaseError> {
        scope(&self.table_files(Sighting::TABLE), question, threads)
    }
}

/// The same over Parquet files of the shape of `sightings`.
///
/// # Errors
/// If a file cannot be read.
pub fn scope(files: &[PathBuf], question: &Question, threads: usize) -> Result<Vec<Seen>, CaseError> {
    let mut sessions = question.sessions.clone();
    sessions.sort();
    sessions.dedup();
    let found = in_lanes(files, threads, |path| pieces(path, &sessions, question.within));
    let mut work: Vec<Piece> = Vec::new();
    for pieces in found {
        work.extend(pieces?);
    }
    // Each lane counts by itself; the smaller counts are then added to the largest.
    let lanes: Vec<Vec<&Piece>> = (0..threads.max(1)).map(|lane| work.iter().skip(lane).step_by(threads.max(1)).collect()).collect();
    let found = in_lanes(&lanes, threads, |lane| {
        let mut tally = Tally::default();
        lane.iter().try_for_each(|piece| piece.read(&sessions, question.within, &mut tally))?;
        Ok(tally)
    });
    let mut tallies = found.into_iter().collect::<Result<Vec<Tally>, CaseError>>()?;
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.cells.len()));
    let mut tallies = tallies.into_iter();
    let mut whole = tallies.next().unwrap_or_default();
    tallies.for_each(|part| whole.merge(part));
    Ok(whole.rows())
}

/// Works on all items, some threads at a time; results in the order of the items.
fn in_lanes<I: Sync, T: Send>(items: &[I], threads: usize, work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let lanes = threads.clamp(1, items.len().max(1));
    let mut found: Vec<(usize, T)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| {
                let work = &work;
                scope.spawn(move || items.iter().enumerate().skip(lane).step_by(lanes).map(|(at, item)| (at, work(item))).collect::<Vec<_>>())
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, result)| result).collect()
}

/// Rows of one row group that may hold an answer.
struct Piece {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    group: usize,
    selection: RowSelection,
}

fn pieces(path: &Path, sessions: &[String], within: Interval) -> Result<Vec<Piece>, CaseError> {
    let file = File::open(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    let broken = |source| CaseError::Parquet { path: path.to_owned(), source };
    // Most files have no answer: the index of pages is read only of those that may.
    let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(broken)?;
    let column = |name: &str| footer.schema().index_of(name).ok();
    let (Some(session), Some(time)) = (column("session"), column("time")) else { return Ok(Vec::new()) };
    let may = |described: &RowGroupMetaData| {
        let in_time = match described.column(time).statistics() {
            Some(Statistics::Int64(s)) => s.min_opt().is_none_or(|low| *low <= within.to.0) && s.max_opt().is_none_or(|high| *high >= within.from.0),
            _ => true,
        };
        in_time
            && match described.column(session).statistics() {
                Some(Statistics::ByteArray(s)) => any_between(sessions, s.min_opt().map(ByteArray::data), s.max_opt().map(ByteArray::data)),
                _ => true,
            }
    };
    let groups = footer.metadata().row_groups().iter().enumerate().filter(|(_, described)| may(described));
    let groups: Vec<(usize, usize)> = groups.map(|(group, described)| (group, usize::try_from(described.num_rows()).unwrap_or(0))).collect();
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(broken)?;
    let pieces = groups.into_iter().map(|(group, rows)| {
        let selection = selection(&metadata, group, (session, time), rows, sessions, within);
        Piece { path: path.to_owned(), metadata: metadata.clone(), group, selection }
    });
    Ok(pieces.filter(|piece| piece.selection.selects_any()).collect())
}

/// Whether one of the sorted sessions lies between the bounds; bounds that are not known bound nothing.
fn any_between(sessions: &[String], low: Option<&[u8]>, high: Option<&[u8]>) -> bool {
    let at = sessions.partition_point(|s| low.is_some_and(|low| s.as_bytes() < low));
    sessions.get(at).is_some_and(|s| high.is_none_or(|high| s.as_bytes() <= high))
}

/// The pages of a row group that may hold an answer, by session and by time.
fn selection(
    metadata: &ArrowReaderMetadata,
    group: usize,
    (session, time): (usize, usize),
    rows: usize,
    sessions: &[String],
    within: Interval,
) -> RowSelection {
    let whole = || RowSelection::from(vec![RowSelector::select(rows)]);
    let (Some(columns), Some(offsets)) = (metadata.metadata().column_index(), metadata.metadata().offset_index()) else { return whole() };
    let (Some(columns), Some(offsets)) = (columns.get(group), offsets.get(group)) else { return whole() };
    let pages = |column: usize, may: &dyn Fn(usize) -> bool| {
        let Some(index) = offsets.get(column) else { return whole() };
        let starts: Vec<usize> = index.page_locations().iter().map(|page| usize::try_from(page.first_row_index).unwrap_or(0)).collect();
        let ends = starts.iter().skip(1).copied().chain(std::iter::once(rows));
        let selectors = starts.iter().zip(ends).enumerate().map(|(page, (start, end))| {
            let length = end.saturating_sub(*start);
            if may(page) { RowSelector::select(length) } else { RowSelector::skip(length) }
        });
        RowSelection::from(selectors.collect::<Vec<_>>())
    };
    let by_session = match columns.get(session) {
        Some(ColumnIndexMetaData::BYTE_ARRAY(index)) => pages(session, &|page| any_between(sessions, index.min_value(page), index.max_value(page))),
        _ => whole(),
    };
    let by_time = match columns.get(time) {
        Some(ColumnIndexMetaData::INT64(index)) => {
            pages(time, &|page| index.min_value(page).is_none_or(|low| *low <= within.to.0) && index.max_value(page).is_none_or(|high| *high >= within.from.0))
        }
        _ => whole(),
    };
    by_session.intersection(&by_time)
}

impl Piece {
    fn read(&self, sessions: &[String], within: Interval, tally: &mut Tally) -> Result<(), CaseError> {
        let broken = |source| CaseError::Parquet { path: self.path.clone(), source };
        let file = File::open(&self.path).map_err(|source| CaseError::Read { path: self.path.clone(), source })?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = |names: &[&str]| ProjectionMask::roots(builder.parquet_schema(), names.iter().filter_map(|name| builder.schema().index_of(name).ok()));
        let asked = sessions.to_vec();
        let filter = ArrowPredicateFn::new(mask(&["session", "time"]), move |batch| Ok(wanted(&batch, &asked, within)));
        let projection = mask(&["time", "data_subject", "of_table", "category", "certainty"]);
        let reader = builder
            .with_row_groups(vec![self.group])
            .with_row_selection(self.selection.clone())
            .with_row_filter(RowFilter::new(vec![Box::new(filter)]))
            .with_projection(projection)
            .with_batch_size(BATCH)
            .build()
            .map_err(broken)?;
        for batch in reader {
            tally.add(&batch.map_err(|e| broken(e.into()))?);
        }
        Ok(())
    }
}

/// Which rows are of the sessions and within the time. Rows stand sorted by session, so the last answer is remembered.
fn wanted(batch: &RecordBatch, sessions: &[String], within: Interval) -> BooleanArray {
    let (names, times) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
    let mut last: (&str, bool) = ("", sessions.iter().any(String::is_empty));
    let mut keep = |row: usize| {
        let name = names.value(row);
        if name != last.0 {
            last = (name, sessions.binary_search_by(|s| s.as_str().cmp(name)).is_ok());
        }
        let time = times.value(row);
        last.1 && within.from.0 <= time && time <= within.to.0
    };
    (0..batch.num_rows()).map(|row| Some(keep(row))).collect()
}

#[derive(Clone, Copy)]
struct Cell {
    certainty: Certainty,
    first: i64,
    last: i64,
    count: u64,
}

impl Cell {
    fn join(&mut self, other: Self) {
        self.certainty = self.certainty.max(other.certainty);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count += other.count;
    }
}

/// Numbers for the few or many texts of a column.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    /// Rows of one access stand together, so the last text is most often asked again.
    last: String,
    last_number: Option<u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.last_number.filter(|_| self.last == text) {
            return number;
        }
        let next = u32::try_from(self.numbers.len()).expect("fewer than four thousand million people");
        let number = *self.numbers.entry_ref(text).or_insert(next);
        self.last.clear();
        self.last.push_str(text);
        self.last_number = Some(number);
        number
    }
}

/// What has been found: by person (or table) and category.
#[derive(Default)]
struct Tally {
    people: Texts,
    tables: Texts,
    categories: Texts,
    cells: HashMap<(u32, u32, u32), Cell>,
}

/// Stands for no person, or no table.
const NONE: u32 = u32::MAX;

impl Tally {
    fn add(&mut self, batch: &RecordBatch) {
        let text = |name: &str| batch.column_by_name(name).map(|column| column.as_string::<i32>());
        let times = batch.column_by_name("time").map(|column| column.as_primitive::<Int64Type>());
        let (Some(times), Some(people), Some(tables), Some(categories), Some(tiers)) =
            (times, text("data_subject"), text("of_table"), text("category"), text("certainty"))
        else {
            return;
        };
        for row in 0..batch.num_rows() {
            let person = if people.is_null(row) { NONE } else { self.people.number(people.value(row)) };
            let table = if tables.is_null(row) { NONE } else { self.tables.number(tables.value(row)) };
            let certainty = match tiers.value(row) {
                "confirmed" => Certainty::Confirmed,
                "likely" => Certainty::Likely,
                _ => Certainty::Possible,
            };
            let cell = Cell { certainty, first: times.value(row), last: times.value(row), count: 1 };
            let key = (person, table, self.categories.number(categories.value(row)));
            self.cells.entry(key).and_modify(|known| known.join(cell)).or_insert(cell);
        }
    }

    fn merge(&mut self, other: Self) {
        let renumber = |texts: Texts, into: &mut Texts| {
            let mut numbers = vec![0; texts.numbers.len()];
            for (text, number) in texts.numbers {
                numbers[number as usize] = into.number(&text);
            }
            numbers
        };
        let people = renumber(other.people, &mut self.people);
        let tables = renumber(other.tables, &mut self.tables);
        let categories = renumber(other.categories, &mut self.categories);
        let of = |numbers: &[u32], number: u32| numbers.get(number as usize).copied().unwrap_or(NONE);
        for ((person, table, category), cell) in other.cells {
            let key = (of(&people, person), of(&tables, table), of(&categories, category));
            self.cells.entry(key).and_modify(|known| known.join(cell)).or_insert(cell);
        }
    }

    fn rows(self) -> Vec<Seen> {
        let texts = |texts: Texts| {
            let mut all = vec![String::new(); texts.numbers.len()];
            texts.numbers.into_iter().for_each(|(text, number)| all[number as usize] = text);
            all
        };
        let (people, tables, categories) = (texts(self.people), texts(self.tables), texts(self.categories));
        let name = |all: &[String], number: u32| all.get(number as usize).cloned();
        let mut rows: Vec<Seen> = self
            .cells
            .into_iter()
            .map(|((person, table, category), cell)| Seen {
                data_subject: name(&people, person),
                of_table: name(&tables, table),
                category: name(&categories, category).unwrap_or_default(),
                certainty: cell.certainty,
                first_seen: Instant(cell.first),
                last_seen: Instant(cell.last),
                count: cell.count,
            })
            .collect();
        rows.sort_unstable_by(|a, b| (&a.data_subject, &a.of_table, &a.category).cmp(&(&b.data_subject, &b.of_table, &b.category)));
        rows
    }
}
