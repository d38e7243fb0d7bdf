//! Rolls a snapshot forward and back with the logged writes, so that a table can be read as of any instant.
//! Only rows that change get versions. What the log does not settle is marked doubtful, never left as it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::{BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Expr, FromTable, Insert, ObjectName, ObjectNamePart, OnConflictAction, OnInsert, SetExpr, Statement,
    TableFactor, TableObject, TableWithJoins,
};

use crate::Dialect;
use crate::evaluate::{Scope, literal};
use crate::store::{ColumnDefault, StoredTable};
use crate::value::{CellBuilder, ColumnKind, FoldCase, Value};
use crate::writes::Write;

/// Beyond this many rows that a write may have touched, the table as a whole is doubtful instead of each row.
const DOUBTFUL_ROWS: usize = 10_000;

/// When a row version holds, half open, and whether its values are proved.
#[derive(Clone, Copy)]
struct Life {
    from: i64,
    to: i64,
    doubtful: bool,
}

/// An interval in which any row of a table may differ from what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDoubt {
    /// First instant, microseconds.
    pub from: i64,
    /// First instant after it.
    pub to: i64,
}

/// A table with all known versions of its rows.
pub struct Versions<'t> {
    table: &'t StoredTable,
    dialect: Dialect,
    lives: HashMap<usize, Life>,
    /// Versions beyond the snapshot's rows; row number = rows of the snapshot + position.
    added: Vec<Vec<Value>>,
    indexes: HashMap<usize, Index>,
    /// When any row may differ.
    pub doubts: Vec<TableDoubt>,
}

#[derive(Default)]
struct Index {
    rows: HashMap<String, Vec<usize>>,
    unknown: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    Backward,
}

impl<'t> Versions<'t> {
    /// The table as its snapshot has it.
    pub fn new(table: &'t StoredTable, dialect: Dialect) -> Self {
        let mut lives = HashMap::new();
        for row in &table.unsure_rows {
            lives.insert(*row, Life { from: i64::MIN, to: i64::MAX, doubtful: true });
        }
        let doubts = if table.complete { Vec::new() } else { vec![TableDoubt { from: i64::MIN, to: i64::MAX }] };
        Self { table, dialect, lives, added: Vec::new(), indexes: HashMap::new(), doubts }
    }

    /// Applies the writes to this table, in order of time, to a snapshot taken at `snapshot_time`.
    pub fn roll(&mut self, writes: &[&Write], snapshot_time: i64) {
        let later = writes.partition_point(|w| w.time < snapshot_time);
        for write in &writes[later..] {
            self.apply(write, Direction::Forward);
        }
        for write in writes[..later].iter().rev() {
            self.apply(write, Direction::Backward);
        }
    }

    fn apply(&mut self, write: &Write, direction: Direction) {
        if write.row_count == Some(0) {
            return;
        }
        let understood = match write.parsed.as_deref() {
            _ if write.unsure => false,
            Some(Statement::Insert(insert)) => self.insert(insert, write, direction),
            Some(Statement::Update(update)) if update.from.is_none() && update.limit.is_none() && update.table.joins.is_empty() => {
                self.update(&update.assignments, update.selection.as_ref(), write, direction)
            }
            Some(Statement::Delete(delete)) if delete.using.is_none() && delete.limit.is_none() && plain_from(&delete.from) => {
                self.delete(delete.selection.as_ref(), write, direction)
            }
            Some(Statement::Truncate(_)) => self.truncate(write, direction),
            _ => false,
        };
        if !understood {
            self.doubt(write, direction);
        }
    }

    /// Any row may have changed at this write.
    fn doubt(&mut self, write: &Write, direction: Direction) {
        let (from, to) = match direction {
            Direction::Forward => (write.time, i64::MAX),
            Direction::Backward => (i64::MIN, write.time.saturating_add(write.precision)),
        };
        match self.doubts.iter_mut().find(|d| d.from <= from && to <= d.to || from <= d.from && d.to <= to) {
            Some(known) => *known = TableDoubt { from: known.from.min(from), to: known.to.max(to) },
            None => self.doubts.push(TableDoubt { from, to }),
        }
    }

    fn row_count(&self) -> usize {
        self.table.rows() + self.added.len()
    }

    fn life(&self, row: usize) -> Life {
        self.lives.get(&row).copied().unwrap_or(Life { from: i64::MIN, to: i64::MAX, doubtful: false })
    }

    fn cell(&self, row: usize, column: usize) -> Value {
        match row.checked_sub(self.table.rows()) {
            Some(added) => self.added[added][column].clone(),
            None => self.table.cell(row, column),
        }
    }

    fn cells(&self, row: usize) -> Vec<Value> {
        (0..self.table.columns.len()).map(|column| self.cell(row, column)).collect()
    }

    /// Whether the version stands at the edge that the rolling has reached.
    fn is_live(&self, row: usize, direction: Direction) -> bool {
        let life = self.life(row);
        match direction {
            Direction::Forward => life.to == i64::MAX,
            Direction::Backward => life.from == i64::MIN,
        }
    }

    fn add(&mut self, cells: Vec<Value>, life: Life) {
        if life.from >= life.to {
            return;
        }
        let row = self.row_count();
        for (column, index) in &mut self.indexes {
            index_row(index, row, &cells[*column], self.dialect);
        }
        self.added.push(cells);
        self.lives.insert(row, life);
    }

    /// Ends a version at the write; where the log's clock is coarse, it may still hold until the next tick.
    fn end(&mut self, row: usize, write: &Write) {
        let mut life = self.life(row);
        life.to = write.time.max(life.from);
        self.lives.insert(row, life);
        if write.precision > 1 {
            let until = write.time.saturating_add(write.precision);
            self.add(self.cells(row), Life { from: write.time, to: until, doubtful: true });
        }
    }

    /// A version that begins with the write.
    fn begin(&mut self, cells: Vec<Value>, write: &Write, doubtful: bool) {
        let unknown = cells.iter().any(Value::is_unknown);
        let mut from = write.time;
        if write.precision > 1 {
            from = from.saturating_add(write.precision);
            self.add(cells.clone(), Life { from: write.time, to: from, doubtful: true });
        }
        self.add(cells, Life { from, to: i64::MAX, doubtful: doubtful || unknown });
    }

    fn scope_cell<'c>(&'c self, cells: &'c [Value]) -> impl Fn(&str) -> Option<Value> + 'c {
        move |name: &str| self.table.column_index(name).map(|column| cells[column].clone())
    }

    fn fold_case(&self) -> FoldCase {
        if self.dialect == Dialect::MySql { FoldCase::Yes } else { FoldCase::No }
    }

    fn evaluate(&self, expression: &Expr, cells: &[Value], write: &Write) -> Value {
        let cell = self.scope_cell(cells);
        Scope { cell: &cell, parameters: write.parameters.as_deref().unwrap_or_default(), time: write.time, fold_case: self.fold_case() }.evaluate(expression)
    }

    /// Live rows that satisfy the condition, and those that may. `blind` columns count as unknown.
    fn touched(&mut self, condition: Option<&Expr>, write: &Write, direction: Direction, blind: &BTreeSet<usize>) -> (Vec<usize>, Vec<usize>) {
        let mut equal = Vec::new();
        equalities(condition, &mut equal);
        let parameters = write.parameters.clone().unwrap_or_default();
        let key = equal.iter().find_map(|(name, constant)| {
            let column = self.table.column_index(name).filter(|c| !blind.contains(c))?;
            let text = self.table.columns[column].kind.parse(&literal(constant, &parameters).text()?)?.text()?;
            Some((column, text))
        });
        let candidates: Vec<usize> = match key {
            Some((column, text)) => self.lookup(column, &text),
            None => (0..self.row_count()).collect(),
        };
        let (mut sure, mut open) = (Vec::new(), Vec::new());
        for row in candidates.into_iter().filter(|row| self.is_live(*row, direction)) {
            let mut cells = self.cells(row);
            for column in blind {
                cells[*column] = Value::Unknown;
            }
            match condition.map_or(Value::Bool(true), |c| self.evaluate(c, &cells, write)) {
                Value::Bool(true) => sure.push(row),
                Value::Unknown => open.push(row),
                _ => {}
            }
        }
        (sure, open)
    }

    fn lookup(&mut self, column: usize, text: &str) -> Vec<usize> {
        if !self.indexes.contains_key(&column) {
            let mut index = Index::default();
            for row in 0..self.row_count() {
                index_row(&mut index, row, &self.cell(row, column), self.dialect);
            }
            self.indexes.insert(column, index);
        }
        let index = &self.indexes[&column];
        let mut rows = index.rows.get(&index_key(text, self.dialect)).cloned().unwrap_or_default();
        rows.extend(&index.unknown);
        rows
    }

    fn assigned(&self, assignments: &[Assignment]) -> Option<BTreeMap<usize, Expr>> {
        let mut set = BTreeMap::new();
        for assignment in assignments {
            let AssignmentTarget::ColumnName(name) = &assignment.target else { return None };
            let column = self.table.column_index(&last_part(name)?)?;
            set.insert(column, assignment.value.clone());
        }
        Some(set)
    }

    fn update(&mut self, assignments: &[Assignment], condition: Option<&Expr>, write: &Write, direction: Direction) -> bool {
        let Some(set) = self.assigned(assignments) else { return false };
        if direction == Direction::Backward {
            return self.undo_update(&set, condition, write);
        }
        let (sure, open) = self.touched(condition, write, direction, &BTreeSet::new());
        let agrees = write.row_count.is_none_or(|count| usize::try_from(count) == Ok(sure.len()));
        if !self.settle_open(&open, write, agrees && write.row_count.is_some()) {
            return false;
        }
        for row in sure.iter().copied() {
            let old = self.cells(row);
            let mut new = old.clone();
            for (column, expression) in &set {
                let value = self.evaluate(expression, &old, write);
                new[*column] = self.table.columns[*column].kind.coerce(value).unwrap_or(Value::Unknown);
            }
            let doubtful = self.life(row).doubtful || !agrees;
            self.end(row, write);
            self.begin(new, write, doubtful);
        }
        // More rows changed than are known to satisfy the condition: which ones, the log does not say.
        agrees || write.row_count.is_some_and(|count| usize::try_from(count).is_ok_and(|n| n < sure.len() + open.len() || n <= sure.len()))
    }

    /// Rows that a write may have touched are doubtful from then on; `none` says that the count leaves none.
    fn settle_open(&mut self, open: &[usize], write: &Write, none: bool) -> bool {
        if none {
            return true;
        }
        if open.len() > DOUBTFUL_ROWS {
            return false;
        }
        for row in open.iter().copied() {
            let cells = self.cells(row);
            self.end(row, write);
            let from = write.time;
            self.add(cells, Life { from, to: i64::MAX, doubtful: true });
        }
        true
    }

    /// Before an update the assigned cells are not known. Only rows that now hold what it assigned can have been touched.
    fn undo_update(&mut self, set: &BTreeMap<usize, Expr>, condition: Option<&Expr>, write: &Write) -> bool {
        let blind: BTreeSet<usize> = set.keys().copied().collect();
        let (sure, open) = self.touched(condition, write, Direction::Backward, &blind);
        let mut rows = Vec::new();
        for row in sure.into_iter().chain(open) {
            let now = self.cells(row);
            let contradicts = set.iter().any(|(column, expression)| {
                let value = self.evaluate(expression, &vec![Value::Unknown; now.len()], write);
                let value = self.table.columns[*column].kind.coerce(value).unwrap_or(Value::Unknown);
                !value.is_unknown() && !now[*column].is_unknown() && value != now[*column]
            });
            if !contradicts {
                rows.push(row);
            }
        }
        if rows.len() > DOUBTFUL_ROWS {
            return false;
        }
        for row in rows {
            let mut cells = self.cells(row);
            for column in &blind {
                cells[*column] = Value::Unknown;
            }
            self.start_at(row, write.time);
            self.add(cells, Life { from: i64::MIN, to: write.time.saturating_add(write.precision.max(1) - 1).max(write.time), doubtful: true });
        }
        true
    }

    fn start_at(&mut self, row: usize, time: i64) {
        let mut life = self.life(row);
        life.from = time.min(life.to);
        self.lives.insert(row, life);
    }

    fn delete(&mut self, condition: Option<&Expr>, write: &Write, direction: Direction) -> bool {
        if direction == Direction::Backward {
            return self.undo_delete(condition, write);
        }
        let (sure, open) = self.touched(condition, write, direction, &BTreeSet::new());
        let agrees = write.row_count.is_none_or(|count| usize::try_from(count) == Ok(sure.len()));
        if !self.settle_open(&open, write, agrees && write.row_count.is_some()) {
            return false;
        }
        for row in sure {
            let cells = self.cells(row);
            self.end(row, write);
            if !agrees {
                self.add(cells, Life { from: write.time, to: i64::MAX, doubtful: true });
            }
        }
        agrees || !open.is_empty()
    }

    /// The deleted row was there before, with the cells that the condition names and others that nobody knows.
    fn undo_delete(&mut self, condition: Option<&Expr>, write: &Write) -> bool {
        let mut equal = Vec::new();
        equalities(condition, &mut equal);
        let mut cells = vec![Value::Unknown; self.table.columns.len()];
        let mut known = BTreeSet::new();
        for (name, constant) in equal {
            let value = literal(constant, write.parameters.as_deref().unwrap_or_default());
            if let Some(column) = self.table.column_index(&name).filter(|_| !value.is_unknown()) {
                cells[column] = self.table.columns[column].kind.coerce(value).unwrap_or(Value::Unknown);
                known.insert(column);
            }
        }
        let one_row =
            self.table.unique_keys.iter().any(|key| key.iter().all(|column| known.contains(column))) || (write.row_count == Some(1) && !known.is_empty());
        if !one_row {
            return false;
        }
        self.add(cells, Life { from: i64::MIN, to: write.time.saturating_add(write.precision), doubtful: true });
        true
    }

    fn truncate(&mut self, write: &Write, direction: Direction) -> bool {
        if direction == Direction::Backward {
            return false;
        }
        for row in 0..self.row_count() {
            if self.is_live(row, direction) {
                self.end(row, write);
            }
        }
        true
    }

    fn insert(&mut self, insert: &Insert, write: &Write, direction: Direction) -> bool {
        let Some(rows) = self.inserted_rows(insert, write) else { return false };
        if direction == Direction::Backward {
            for cells in &rows {
                for row in self.same_rows(cells, Direction::Backward) {
                    self.start_at(row, write.time);
                }
            }
            return insert.on.is_none();
        }
        for cells in rows {
            let taken = if insert.on.is_some() || insert.replace_into || insert.ignore { self.conflicting(&cells) } else { None };
            match (taken, &insert.on) {
                (Some(row), _) if insert.replace_into => {
                    self.end(row, write);
                    self.begin(cells, write, false);
                }
                (Some(row), Some(on)) => self.resolve_conflict(row, on, write),
                (Some(_), None) => {}
                (None, _) => self.begin(cells, write, false),
            }
        }
        true
    }

    fn resolve_conflict(&mut self, row: usize, on: &OnInsert, write: &Write) {
        let assignments = match on {
            OnInsert::DuplicateKeyUpdate(assignments) => assignments,
            OnInsert::OnConflict(conflict) => match &conflict.action {
                OnConflictAction::DoNothing => return,
                OnConflictAction::DoUpdate(update) => &update.assignments,
            },
            _ => return self.doubt(write, Direction::Forward),
        };
        let mut cells = self.cells(row);
        match self.assigned(assignments) {
            Some(set) => set.keys().for_each(|column| cells[*column] = Value::Unknown),
            None => cells.fill(Value::Unknown),
        }
        self.end(row, write);
        self.begin(cells, write, true);
    }

    fn inserted_rows(&self, insert: &Insert, write: &Write) -> Option<Vec<Vec<Value>>> {
        let SetExpr::Values(values) = insert.source.as_deref()?.body.as_ref() else { return None };
        let order: Option<Vec<usize>> = if insert.columns.is_empty() {
            Some((0..self.table.columns.len()).collect())
        } else {
            insert.columns.iter().map(|name| self.table.column_index(&last_part(name)?)).collect()
        };
        let order = order?;
        let blank = vec![Value::Unknown; self.table.columns.len()];
        let defaults: Vec<Value> = self.table.columns.iter().map(|c| self.default_value(&c.default, c.kind, write)).collect();
        let mut rows = Vec::new();
        for row in &values.rows {
            let mut cells = defaults.clone();
            for (expression, column) in row.content.iter().zip(&order) {
                if matches!(expression, Expr::Identifier(word) if word.value.eq_ignore_ascii_case("default")) {
                    continue;
                }
                let value = self.evaluate(expression, &blank, write);
                cells[*column] = self.table.columns[*column].kind.coerce(value).unwrap_or(Value::Unknown);
            }
            rows.push(cells);
        }
        Some(rows)
    }

    fn default_value(&self, default: &ColumnDefault, kind: ColumnKind, write: &Write) -> Value {
        match default {
            ColumnDefault::Null => Value::Null,
            ColumnDefault::Unknown => Value::Unknown,
            ColumnDefault::Sql(sql) => {
                let value = match sql.as_str() {
                    "now" | "current_timestamp" | "localtimestamp" | "current_date" => Value::Timestamp(write.time),
                    constant => Value::Text(constant.trim_matches('\'').replace("''", "'")),
                };
                kind.coerce(value).unwrap_or(Value::Unknown)
            }
        }
    }

    /// The live row that has the same primary or unique key.
    fn conflicting(&mut self, cells: &[Value]) -> Option<usize> {
        for key in self.table.unique_keys.clone() {
            let texts: Option<Vec<String>> = key.iter().map(|column| cells[*column].text()).collect();
            let Some(texts) = texts.filter(|t| !t.is_empty()) else { continue };
            let rows = self.lookup(key[0], &texts[0]);
            let same = |row: &usize| key.iter().zip(&texts).all(|(column, text)| self.cell(*row, *column).text().as_ref() == Some(text));
            if let Some(row) = rows.into_iter().find(|row| self.is_live(*row, Direction::Forward) && same(row)) {
                return Some(row);
            }
        }
        None
    }

    /// Live rows whose known cells are these, by the unique keys if there are any.
    fn same_rows(&mut self, cells: &[Value], direction: Direction) -> Vec<usize> {
        let keyed: Vec<usize> = self.table.unique_keys.iter().find(|key| key.iter().all(|c| cells[*c].text().is_some())).cloned().unwrap_or_default();
        let columns: Vec<usize> = if keyed.is_empty() { (0..cells.len()).filter(|c| !cells[*c].is_unknown()).collect() } else { keyed };
        let Some(first) = columns.iter().copied().find(|c| cells[*c].text().is_some()) else { return Vec::new() };
        let rows = self.lookup(first, &cells[first].text().unwrap_or_default());
        let same = |row: usize| {
            columns.iter().all(|column| {
                let there = self.cell(row, *column);
                there.is_unknown() || there == cells[*column]
            })
        };
        rows.into_iter().filter(|row| self.is_live(*row, direction) && same(*row)).collect()
    }

    /// The values of a column over all versions, with the version's row number.
    pub fn column_texts(&self, column: usize) -> impl Iterator<Item = (usize, Option<String>)> + '_ {
        (0..self.row_count()).map(move |row| (row, self.cell(row, column).text()))
    }

    /// Row versions, their number.
    pub fn len(&self) -> usize {
        self.row_count()
    }

    /// Subjects of doubtful versions, with the interval in which they are.
    pub fn doubtful_subjects(&self, subjects: &[Option<u32>]) -> Vec<(TableDoubt, u32)> {
        let mut found: Vec<(TableDoubt, u32)> = self
            .lives
            .iter()
            .filter(|(_, life)| life.doubtful && life.from < life.to)
            .filter_map(|(row, life)| subjects[*row].map(|subject| (TableDoubt { from: life.from, to: life.to }, subject)))
            .collect();
        found.sort_by_key(|(doubt, subject)| (*subject, doubt.from, doubt.to));
        found
    }

    /// The stored batches: visible columns, then subject, from, to and doubtful.
    pub fn batches(&self, subjects: &[Option<u32>]) -> Vec<RecordBatch> {
        let schema = stored_schema(&self.table.arrow_schema());
        let mut all = Vec::new();
        let mut start = 0;
        for batch in &self.table.batches {
            all.push(self.with_lives(&schema, batch.columns().to_vec(), start, batch.num_rows(), subjects));
            start += batch.num_rows();
        }
        for chunk in self.added.chunks(8192) {
            let mut builders: Vec<CellBuilder> = self.table.columns.iter().map(|c| CellBuilder::new(c.kind)).collect();
            for cells in chunk {
                builders.iter_mut().zip(cells).for_each(|(builder, cell)| builder.push(cell));
            }
            let arrays = builders.iter_mut().map(CellBuilder::finish).collect();
            all.push(self.with_lives(&schema, arrays, start, chunk.len(), subjects));
            start += chunk.len();
        }
        all
    }

    fn with_lives(&self, schema: &SchemaRef, mut arrays: Vec<arrow_array::ArrayRef>, start: usize, rows: usize, subjects: &[Option<u32>]) -> RecordBatch {
        let lives: Vec<Life> = (start..start + rows).map(|row| self.life(row)).collect();
        arrays.push(Arc::new(UInt32Array::from(subjects[start..start + rows].to_vec())));
        arrays.push(Arc::new(Int64Array::from_iter_values(lives.iter().map(|l| l.from))));
        arrays.push(Arc::new(Int64Array::from_iter_values(lives.iter().map(|l| l.to))));
        arrays.push(Arc::new(BooleanArray::from(lives.iter().map(|l| l.doubtful).collect::<Vec<_>>())));
        RecordBatch::try_new(schema.clone(), arrays).expect("columns follow the schema")
    }
}

/// The visible columns, then the hidden ones that provenance reads.
pub fn stored_schema(visible: &Schema) -> SchemaRef {
    let mut fields: Vec<_> = visible.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("__subject", DataType::UInt32, true)));
    fields.push(Arc::new(Field::new("__valid_from", DataType::Int64, false)));
    fields.push(Arc::new(Field::new("__valid_to", DataType::Int64, false)));
    fields.push(Arc::new(Field::new("__doubtful", DataType::Boolean, false)));
    Arc::new(Schema::new(fields))
}

fn index_key(text: &str, dialect: Dialect) -> String {
    if dialect == Dialect::MySql { text.to_lowercase() } else { text.to_owned() }
}

fn index_row(index: &mut Index, row: usize, value: &Value, dialect: Dialect) {
    match value.text() {
        Some(text) => index.rows.entry(index_key(&text, dialect)).or_default().push(row),
        None if value.is_unknown() => index.unknown.push(row),
        None => {}
    }
}

fn plain_from(from: &FromTable) -> bool {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = from;
    matches!(tables.as_slice(), [TableWithJoins { relation: TableFactor::Table { .. }, joins }] if joins.is_empty())
}

fn last_part(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(ident) if ident.quote_style.is_some() => Some(ident.value.clone()),
        ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

/// `column = constant` among the conditions that all must hold.
pub fn equalities<'e>(condition: Option<&'e Expr>, found: &mut Vec<(String, &'e sqlparser::ast::Value)>) {
    match condition {
        Some(Expr::Nested(inner)) => equalities(Some(inner), found),
        Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
            equalities(Some(left), found);
            equalities(Some(right), found);
        }
        Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right }) => {
            if let (Some(column), Some(value)) = (column_name(left), constant(right)) {
                found.push((column, value));
            } else if let (Some(column), Some(value)) = (column_name(right), constant(left)) {
                found.push((column, value));
            }
        }
        _ => {}
    }
}

fn column_name(expression: &Expr) -> Option<String> {
    let ident = match expression {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        Expr::Nested(inner) => return column_name(inner),
        _ => return None,
    };
    Some(if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() })
}

fn constant(expression: &Expr) -> Option<&sqlparser::ast::Value> {
    match expression {
        Expr::Value(value) => Some(&value.value),
        Expr::Nested(inner) => constant(inner),
        Expr::Cast { expr, data_type, .. } if matches!(data_type.to_string().to_lowercase().as_str(), "text" | "character varying" | "varchar") => {
            constant(expr)
        }
        _ => None,
    }
}

/// The table that a parsed write goes to, in parts.
pub fn write_target(statement: &Statement) -> Option<Vec<ObjectName>> {
    let of_table = |table: &TableWithJoins| if let TableFactor::Table { name, .. } = &table.relation { Some(name.clone()) } else { None };
    Some(match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => vec![name.clone()],
            _ => return None,
        },
        Statement::Update(update) => vec![of_table(&update.table)?],
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
            tables.iter().filter_map(of_table).collect()
        }
        Statement::Truncate(truncate) => truncate.table_names.iter().map(|t| t.name.clone()).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::Column;
    use crate::writes::parse;

    fn table(rows: &[(i64, i64)]) -> StoredTable {
        let column = |name: &str| Column { name: name.into(), kind: ColumnKind::BigInt, default: ColumnDefault::Null };
        let mut table = StoredTable::new("s".into(), "t".into(), vec![column("k"), column("v")]);
        table.unique_keys.push(vec![0]);
        rows.iter().for_each(|(k, v)| table.push_row(&[Value::Int(*k), Value::Int(*v)], true));
        table.close_batch();
        table
    }

    fn write(time: i64, sql: &str, row_count: Option<i64>) -> Write {
        Write { parsed: parse(sql, Dialect::PostgreSql).map(Arc::new), ..Write::bare(time, row_count) }
    }

    /// Rows as of `at`: key, value (`None` = unknown or NULL), doubtful.
    fn as_of(versions: &Versions<'_>, at: i64) -> Vec<(Option<String>, Option<String>, bool)> {
        let mut rows: Vec<_> = (0..versions.len())
            .filter(|row| versions.life(*row).from <= at && at < versions.life(*row).to)
            .map(|row| (versions.cell(row, 0).text(), versions.cell(row, 1).text(), versions.life(row).doubtful))
            .collect();
        rows.sort();
        rows
    }

    fn check(rows: &[(i64, i64)], writes: &[Write], snapshot_time: i64, at: i64, expected: &[(i64, Option<i64>, bool)]) -> Vec<TableDoubt> {
        let table = table(rows);
        let mut versions = Versions::new(&table, Dialect::PostgreSql);
        versions.roll(&writes.iter().collect::<Vec<_>>(), snapshot_time);
        let expected: Vec<_> = expected.iter().map(|(k, v, d)| (Some(k.to_string()), v.map(|v| v.to_string()), *d)).collect();
        assert_eq!(as_of(&versions, at), expected);
        versions.doubts
    }

    #[test]
    fn a_table_is_read_as_of_any_instant() {
        let writes = [
            write(10, "UPDATE s.t SET v = v + 1 WHERE k = 1", Some(1)),
            write(20, "INSERT INTO s.t (k, v) VALUES (3, 30)", Some(1)),
            write(30, "DELETE FROM s.t WHERE k = 2", Some(1)),
        ];
        check(&[(1, 5), (2, 6)], &writes, 0, 9, &[(1, Some(5), false), (2, Some(6), false)]);
        check(&[(1, 5), (2, 6)], &writes, 0, 10, &[(1, Some(6), false), (2, Some(6), false)]);
        check(&[(1, 5), (2, 6)], &writes, 0, 30, &[(1, Some(6), false), (3, Some(30), false)]);
    }

    #[test]
    fn a_later_snapshot_is_rolled_back() {
        let writes = [
            write(10, "UPDATE s.t SET v = 9 WHERE k = 1", Some(1)),
            write(20, "INSERT INTO s.t VALUES (3, 30)", Some(1)),
            write(30, "DELETE FROM s.t WHERE k = 2", Some(1)),
        ];
        check(&[(1, 9), (3, 30)], &writes, 100, 5, &[(1, None, true), (2, None, true)]);
        check(&[(1, 9), (3, 30)], &writes, 100, 25, &[(1, Some(9), false), (2, None, true), (3, Some(30), false)]);
        check(&[(1, 9), (3, 30)], &writes, 100, 99, &[(1, Some(9), false), (3, Some(30), false)]);
    }

    #[test]
    fn what_the_log_does_not_settle_is_doubtful() {
        let both = [(1, Some(5), true), (2, Some(6), true)];
        check(&[(1, 5), (2, 6)], &[write(10, "UPDATE s.t SET v = 7 WHERE f(k)", None)], 0, 10, &both);
        check(&[(1, 5), (2, 6)], &[write(10, "DELETE FROM s.t WHERE k = (SELECT 1)", None)], 0, 10, &both);
        let doubts = check(&[(1, 5)], &[write(10, "UPDATE s.t SET v = 7 WHERE k = 1", Some(2))], 0, 10, &[(1, Some(7), true)]);
        assert_eq!(doubts, [TableDoubt { from: 10, to: i64::MAX }]);
        let doubts = check(&[(1, 5)], &[write(10, "INSERT INTO s.t SELECT * FROM s.o", None)], 0, 10, &[(1, Some(5), false)]);
        assert_eq!(doubts, [TableDoubt { from: 10, to: i64::MAX }]);
        check(&[(1, 5)], &[write(10, "UPDATE s.t SET v = random() WHERE k = 1", Some(1))], 0, 10, &[(1, None, true)]);
    }

    #[test]
    fn a_coarse_clock_leaves_both_versions_open_within_its_tick() {
        let mut coarse = write(10, "UPDATE s.t SET v = 7 WHERE k = 1", Some(1));
        coarse.precision = 5;
        check(&[(1, 5)], std::slice::from_ref(&coarse), 0, 12, &[(1, Some(5), true), (1, Some(7), true)]);
        check(&[(1, 5)], &[coarse], 0, 15, &[(1, Some(7), false)]);
    }

    proptest! {
        #[test]
        fn versions_agree_with_a_table_that_is_written_naively(ops in proptest::collection::vec((0..4_u8, 0..6_i64, 0..6_i64), 0..30)) {
            let start: Vec<(i64, i64)> = vec![(0, 0), (1, 1), (2, 2)];
            let mut naive: BTreeMap<i64, i64> = start.iter().copied().collect();
            let mut history = vec![naive.clone()];
            let mut writes = Vec::new();
            for (at, (op, k, v)) in ops.iter().enumerate() {
                let time = at as i64 + 1;
                let (sql, count) = match op {
                    0 => { let n = i64::from(naive.contains_key(k)); if n == 1 { naive.insert(*k, *v); } (format!("UPDATE s.t SET v = {v} WHERE k = {k}"), n) }
                    1 => { let n = naive.values().filter(|x| *x >= v).count(); naive.values_mut().filter(|x| **x >= *v).for_each(|x| *x += 1); (format!("UPDATE s.t SET v = v + 1 WHERE v >= {v}"), n as i64) }
                    2 => { let n = i64::from(naive.remove(k).is_some()); (format!("DELETE FROM s.t WHERE k = {k}"), n) }
                    _ => { let n = i64::from(!naive.contains_key(k)); naive.entry(*k).or_insert(*v); (format!("INSERT INTO s.t VALUES ({k}, {v}) ON CONFLICT DO NOTHING"), n) }
                };
                writes.push(write(time, &sql, Some(count)));
                history.push(naive.clone());
            }
            let table = table(&start);
            let mut versions = Versions::new(&table, Dialect::PostgreSql);
            versions.roll(&writes.iter().collect::<Vec<_>>(), 0);
            for (at, state) in history.iter().enumerate() {
                let expected: Vec<_> = state.iter().map(|(k, v)| (Some(k.to_string()), Some(v.to_string()), false)).collect();
                prop_assert_eq!(as_of(&versions, at as i64), expected);
            }
        }
    }
}
