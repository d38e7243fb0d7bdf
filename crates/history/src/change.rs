//! What a logged statement changes, table by table.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Assignment, AssignmentTarget, Expr, Ident, visit_expressions};
use sqlparser::ast::{
    Delete, FromTable, Insert, MergeAction, ObjectName, OnConflictAction, OnInsert, Query, SetExpr, Statement, TableFactor, TableObject, TableWithJoins,
    Update, UpdateTableFromKind,
};

use strandline_sql::{Effect, effect, parts};

use crate::Dialect;
use crate::doubt::DoubtReason;
use crate::roll::Versions;
use crate::triggers::Event;
use crate::value::{Near, Value};
use crate::writes::{End, Write};

/// A write, as it meets one table.
pub(crate) struct Change<'w> {
    pub(crate) write: &'w Write,
    /// The moment of it.
    pub(crate) at: i64,
    /// Whether it was said of the parent of the table: the row may be another child's.
    pub(crate) through_parent: bool,
    /// Whether the logged row count is of this change alone.
    pub(crate) is_whole: bool,
    /// The rows that the query of an INSERT gave, where they are known.
    pub(crate) selected: Option<&'w [Vec<Value>]>,
    /// Columns of the table that triggers fill in the rows that are written.
    pub(crate) filled: &'w BTreeSet<usize>,
}

/// No columns.
pub(crate) static NO_COLUMNS: BTreeSet<usize> = BTreeSet::new();

impl Change<'_> {
    pub(crate) fn parameters(&self) -> &[Option<String>] {
        self.write.parameters.as_deref().unwrap_or_default()
    }

    /// What the server's clock says to it; `None` where its session had set that.
    pub(crate) fn clock(&self) -> Option<Near> {
        /// Columns of whole seconds round a time, or cut it.
        const ROUNDING_MICROS: i64 = 1_000_000;
        let write = self.write;
        let is_set = write.session.as_ref().is_some_and(|session| session.sets_clock());
        let (from, to) = (write.clock_from.min(write.said).saturating_sub(ROUNDING_MICROS), write.said.saturating_add(write.tick.max(ROUNDING_MICROS)));
        (!is_set).then(|| Near::new(write.said, from, to, self.at))
    }

    /// Whether an expression is a bound value that is NULL or an empty text, whichever it is.
    pub(crate) fn binds_empty_or_null(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => self.binds_empty_or_null(inner),
            Expr::Value(value) => match &value.value {
                sqlparser::ast::Value::Placeholder(name) => {
                    let place = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).and_then(|number| number.checked_sub(1));
                    let bound = place.and_then(|place| self.parameters().get(place)).and_then(Option::as_deref);
                    bound == Some(strandline_model::event::EMPTY_OR_NULL)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub(crate) fn is_unsure(&self) -> bool {
        self.write.end == End::Unsure
    }

    /// Whether the statement sends the rows that it changed: each that it may have touched then begins anew, also where it stays as it was.
    pub(crate) fn sends_rows(&self) -> bool {
        self.write.owner.is_some() && self.write.statement.to_ascii_lowercase().contains("returning")
    }

    pub(crate) fn row_count(&self) -> Option<i64> {
        self.write.row_count.filter(|_| self.is_whole && !self.through_parent)
    }
}

/// What one statement, or a part of it, does to its tables.
pub(crate) enum Action<'s> {
    /// Rows are put in.
    Insert(&'s Insert),
    /// Rows of one table are changed.
    Update(&'s Update),
    /// Rows of one table are deleted.
    Delete(&'s Delete),
    /// All rows are deleted.
    Empty,
    /// Rows come from outside.
    Load,
    /// MERGE.
    Merge(&'s sqlparser::ast::Merge),
    /// Something else.
    Unknown,
}

impl Action<'_> {
    /// Which triggers it fires.
    pub(crate) fn event(&self) -> Event {
        match self {
            Self::Insert(insert) if insert.on.is_some() || insert.replace_into => Event::Any,
            Self::Insert(_) | Self::Load => Event::Insert,
            Self::Update(_) => Event::Update,
            Self::Delete(_) | Self::Empty => Event::Delete,
            Self::Merge(_) | Self::Unknown => Event::Any,
        }
    }

    /// Applies it to one of its tables.
    pub(crate) fn apply(&self, versions: &mut Versions<'_>, change: &Change<'_>) {
        match self {
            Self::Insert(insert) => versions.insert(insert, change),
            Self::Update(update) if is_plain_update(update) => versions.update(&update.assignments, update.selection.as_ref(), change),
            Self::Update(update) => versions.update_by_others(&update.assignments, change),
            Self::Delete(delete) if is_plain_delete(delete) => versions.delete(delete, change),
            Self::Delete(_) => versions.delete_by_others(change),
            Self::Empty => versions.truncate(change),
            Self::Load => versions.load(change, DoubtReason::BulkLoad),
            Self::Merge(merge) => merge_into(merge, versions, change),
            Self::Unknown => versions.not_understood(change),
        }
    }
}

fn merge_into(merge: &sqlparser::ast::Merge, versions: &mut Versions<'_>, change: &Change<'_>) {
    for clause in &merge.clauses {
        match &clause.action {
            MergeAction::Insert(_) => versions.load(change, DoubtReason::BulkLoad),
            MergeAction::Update(update) => versions.update_by_others(&update.assignments, change),
            MergeAction::Delete { .. } => versions.delete_by_others(change),
        }
    }
}

fn is_plain_update(update: &Update) -> bool {
    update.from.is_none() && update.limit.is_none() && update.order_by.is_empty() && update.table.joins.is_empty()
}

fn is_plain_delete(delete: &Delete) -> bool {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let one = matches!(tables.as_slice(), [TableWithJoins { relation: TableFactor::Table { .. }, joins }] if joins.is_empty());
    one && delete.using.is_none() && delete.limit.is_none() && delete.order_by.is_empty()
}

fn name_of(table: &TableWithJoins) -> Option<ObjectName> {
    if let TableFactor::Table { name, .. } = &table.relation { Some(name.clone()) } else { None }
}

/// The column that an assignment fills, and how the columns of its table may be called there.
pub struct OwnColumn {
    column: String,
    /// The name of its table; with `None`, no other table is at hand.
    table: Option<Vec<String>>,
    dialect: Dialect,
}

impl OwnColumn {
    /// The column that an assignment fills. `table` is what its table is called beside others; with `None`, there are none.
    pub fn of(target: &ObjectName, table: Option<Vec<String>>, dialect: Dialect) -> Option<Self> {
        let mut prefix = parts(target, dialect);
        let column = folded(prefix.pop()?, dialect);
        let table = table.map(|called| if prefix.is_empty() { called } else { prefix });
        Some(Self { column, table, dialect })
    }

    /// What the table of an UPDATE is called beside the others that it reads.
    pub fn table_of(update: &Update, dialect: Dialect) -> Option<Vec<String>> {
        match (&update.table.relation, dialect) {
            _ if update.from.is_none() && update.table.joins.is_empty() => None,
            // Which of several tables of MySQL has a column that is assigned without its table's name is not looked up.
            (TableFactor::Table { name, alias, .. }, Dialect::PostgreSql) => Some(called(name, alias.as_ref().map(|alias| &alias.name), dialect)),
            _ => Some(Vec::new()),
        }
    }

    /// What the table of an INSERT is called in its assignments.
    pub fn table_of_insert(insert: &Insert, dialect: Dialect) -> Option<Vec<String>> {
        let TableObject::TableName(name) = &insert.table else { return Some(Vec::new()) };
        Some(called(name, insert.table_alias.as_ref().map(|alias| &alias.alias), dialect))
    }

    /// Its name, folded as the server compares it.
    pub fn name(&self) -> &str {
        &self.column
    }

    /// Whether a column, by its parts, is the assigned one. A bare name is: beside another table's of that name it would be refused.
    pub fn is(&self, column: &[Ident]) -> bool {
        let mut prefix = parts(&ObjectName::from(column.to_vec()), self.dialect);
        let is_named = prefix.pop().is_some_and(|name| folded(name, self.dialect) == self.column);
        let is_of_table = |own: &Vec<String>| *own == prefix || matches!((own.last(), prefix.as_slice()), (Some(last), [one]) if last == one);
        is_named && (prefix.is_empty() || self.table.as_ref().is_none_or(is_of_table))
    }
}

fn called(name: &ObjectName, alias: Option<&Ident>, dialect: Dialect) -> Vec<String> {
    alias.map_or_else(|| parts(name, dialect), |alias| parts(&ObjectName::from(vec![alias.clone()]), dialect))
}

/// A column's name as the server compares it: MySQL takes no account of case.
fn folded(name: String, dialect: Dialect) -> String {
    if dialect == Dialect::MySql { name.to_lowercase() } else { name }
}

/// The assignments that an INSERT makes where its row is there already.
pub fn on_conflict(insert: &Insert) -> &[Assignment] {
    match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(assignments)) => assignments,
        Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
            OnConflictAction::DoUpdate(update) => &update.assignments,
            OnConflictAction::DoNothing => &[],
        },
        _ => &[],
    }
}

/// Whether a column of such an assignment is one of the row that the INSERT says.
pub fn is_of_new_row(column: &[Ident], insert: &Insert) -> bool {
    let [table, _] = column else { return false };
    let alias = insert.insert_alias.as_ref().and_then(|alias| alias.row_alias.0.last()).and_then(|part| part.as_ident());
    table.value.eq_ignore_ascii_case("excluded") || alias.is_some_and(|alias| alias.value == table.value)
}

/// Whether a write puts into a table what stands in another column, in another table, or in code.
pub(crate) fn moves_values(statement: &Statement, dialect: Dialect) -> bool {
    match statement {
        Statement::Update(update) => moves_by_update(update, dialect),
        Statement::Insert(insert) => moves_by_insert(insert, dialect),
        _ => true,
    }
}

fn moves_by_update(update: &Update, dialect: Dialect) -> bool {
    let moves = |assignment: &Assignment| {
        let own = own_column(assignment, None, dialect);
        copied(&assignment.value).into_iter().any(|value| comes_from_elsewhere(value, &|column| own.as_ref().is_some_and(|own| own.is(column))))
    };
    update.from.is_some() || !update.table.joins.is_empty() || update.assignments.iter().any(moves)
}

fn moves_by_insert(insert: &Insert, dialect: Dialect) -> bool {
    // A column among the values of a row is one of that row.
    let from_elsewhere = |value: &Expr| comes_from_elsewhere(value, &|_| true);
    let of_source = |source: &Query| match source.body.as_ref() {
        SetExpr::Values(values) if source.with.is_none() => values.rows.iter().flat_map(|row| &row.content).any(from_elsewhere),
        _ => true,
    };
    let of_conflict = |assignment: &Assignment| {
        let own = own_column(assignment, OwnColumn::table_of_insert(insert, dialect), dialect);
        comes_from_elsewhere(&assignment.value, &|column| is_of_new_row(column, insert) || own.as_ref().is_some_and(|own| own.is(column)))
    };
    insert.source.as_deref().is_some_and(of_source)
        || insert.assignments.iter().any(|assignment| from_elsewhere(&assignment.value))
        || on_conflict(insert).iter().any(of_conflict)
}

fn own_column(assignment: &Assignment, table: Option<Vec<String>>, dialect: Dialect) -> Option<OwnColumn> {
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => OwnColumn::of(name, table, dialect),
        AssignmentTarget::Tuple(_) => None,
    }
}

/// Whether the value of an expression stands in another column, in another table, or in code.
fn comes_from_elsewhere(value: &Expr, is_own: &dyn Fn(&[Ident]) -> bool) -> bool {
    visit_expressions(value, |expr| {
        let elsewhere = match expr {
            Expr::Identifier(ident) => !ident.value.eq_ignore_ascii_case("default") && !is_own(std::slice::from_ref(ident)),
            Expr::CompoundIdentifier(parts) => !is_own(parts),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => true,
            Expr::Function(function) => {
                let name: Vec<String> = function.name.0.iter().map(|part| part.to_string().to_lowercase()).collect();
                [Dialect::PostgreSql, Dialect::MySql].iter().all(|dialect| effect(&name, *dialect) > Effect::ChangesState)
            }
            _ => false,
        };
        if elsewhere { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}

/// The parts of an expression that its value may be: conditions of CASE only decide.
pub fn copied(value: &Expr) -> Vec<&Expr> {
    match value {
        Expr::Nested(inner) => copied(inner),
        Expr::Case { conditions, else_result, .. } => conditions.iter().map(|when| &when.result).chain(else_result.as_deref()).flat_map(copied).collect(),
        other => vec![other],
    }
}

/// The parts of a statement that change rows, each with the tables that it names as its targets. `None`: it may change
/// whatever it mentions.
pub(crate) fn actions(statement: &Statement) -> Option<Vec<(Vec<ObjectName>, Action<'_>)>> {
    Some(match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => {
                let mut all = insert.source.as_deref().map(in_query).unwrap_or_default();
                all.push((vec![name.clone()], Action::Insert(insert)));
                all
            }
            _ => return None,
        },
        Statement::Update(update) => {
            let mut names = vec![name_of(&update.table)?];
            // MySQL's UPDATE of several tables: any of them may be the one that is assigned to.
            names.extend(update.table.joins.iter().filter_map(|j| if let TableFactor::Table { name, .. } = &j.relation { Some(name.clone()) } else { None }));
            if let Some(UpdateTableFromKind::BeforeSet(more)) = &update.from {
                names.extend(more.iter().filter_map(name_of));
            }
            let several = names.len() > 1;
            vec![(names, if several { Action::Unknown } else { Action::Update(update) })]
        }
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
            let mut names: Vec<ObjectName> = tables.iter().filter_map(name_of).collect();
            for join in tables.iter().flat_map(|t| &t.joins) {
                names.extend(if let TableFactor::Table { name, .. } = &join.relation { Some(name.clone()) } else { None });
            }
            vec![(names, Action::Delete(delete))]
        }
        Statement::Merge(merge) => match &merge.table {
            TableFactor::Table { name, .. } => vec![(vec![name.clone()], Action::Merge(merge))],
            _ => return None,
        },
        Statement::Truncate(truncate) => vec![(truncate.table_names.iter().map(|t| t.name.clone()).collect(), Action::Empty)],
        Statement::Copy { source: sqlparser::ast::CopySource::Table { table_name, .. }, to: false, .. } => vec![(vec![table_name.clone()], Action::Load)],
        Statement::Copy { .. } => Vec::new(),
        Statement::LoadData { table_name, .. } => vec![(vec![table_name.clone()], Action::Load)],
        Statement::Explain { analyze: false, .. } => Vec::new(),
        Statement::Explain { statement, .. } => return actions(statement),
        Statement::Query(query) => in_query(query),
        _ => return None,
    })
}

/// The tables that a statement names as its targets. `None`: it may change whatever it mentions.
pub fn changed(statement: &Statement) -> Option<Vec<ObjectName>> {
    Some(actions(statement)?.into_iter().flat_map(|(names, _)| names).collect())
}

/// The changes that a query carries: `WITH x AS (DELETE …) SELECT …`.
fn in_query(query: &Query) -> Vec<(Vec<ObjectName>, Action<'_>)> {
    let mut found = Vec::new();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        found.extend(in_query(&table.query));
    }
    in_body(&query.body, &mut found);
    found
}

fn in_body<'s>(body: &'s SetExpr, found: &mut Vec<(Vec<ObjectName>, Action<'s>)>) {
    match body {
        SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => {
            found.extend(actions(statement).unwrap_or_default());
        }
        SetExpr::Query(query) => found.extend(in_query(query)),
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left, found);
            in_body(right, found);
        }
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writes::parse;

    fn check(dialect: Dialect, sql: &str, expected: bool) {
        assert_eq!(parse(sql, dialect).is_none_or(|statement| moves_values(&statement, dialect)), expected, "{sql}");
    }

    #[test]
    fn a_write_moves_what_stands_elsewhere() {
        let (postgresql, mysql) = (Dialect::PostgreSql, Dialect::MySql);
        check(postgresql, "UPDATE c SET name = upper(c.name), city = DEFAULT", false);
        check(postgresql, "UPDATE c SET name = p.name FROM p", true);
        check(postgresql, "UPDATE c SET name = phone", true);
        check(postgresql, "UPDATE c SET \"Name\" = name", true);
        check(mysql, "UPDATE c SET Name = concat(name, 'x')", false);
        check(mysql, "UPDATE c, p SET c.name = p.name", true);
        check(mysql, "UPDATE c JOIN p USING (no) SET c.name = p.name", true);
        check(postgresql, "INSERT INTO c (a, b) VALUES (1, now())", false);
        check(postgresql, "INSERT INTO c (a, b) VALUES (1, lookup(2))", true);
        check(postgresql, "INSERT INTO c\tTABLE p", true);
        check(postgresql, "INSERT INTO c VALUES ((TABLE\np))", true);
        check(postgresql, "INSERT INTO c (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b, d = c.d + 1", false);
        check(postgresql, "INSERT INTO c (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = c.d", true);
        check(mysql, "INSERT INTO c SET a = 1, b = a", false);
        check(mysql, "INSERT INTO c (a) VALUES (1) ON DUPLICATE KEY UPDATE b = VALUES(b), d = d + 1", false);
    }
}
