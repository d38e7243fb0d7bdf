//! What a write shows: the rows that it sends back, and the values that it moves from one place to another, as queries over the
//! state right before it. Pure: it knows the columns of tables, and nothing of logs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, Insert, Merge, MergeAction, ObjectName, Query, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Value as Literal, With, visit_expressions,
    visit_expressions_mut,
};
use strandline_history::{OwnColumn, copied, is_of_new_row, on_conflict};
use strandline_sql::{Effect, effect};

use crate::Dialect;
use crate::missing::Missing;
use crate::statement::Sent;

/// A query that stands for a part of what a write shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub(crate) sql: String,
    pub(crate) sent: Sent,
    /// Why it proves less than its rows say.
    pub(crate) missing: Option<Missing>,
    /// Whether the logged count is of its rows.
    pub(crate) is_counted: bool,
    /// Whether it only names the tables that it may show.
    pub(crate) names_only: bool,
}

/// A table that is written to: its full name, and its columns in order.
pub(crate) struct Target {
    pub(crate) full_name: String,
    pub(crate) columns: Vec<String>,
}

/// Finds a table by its name.
pub(crate) type FindTable<'f> = &'f dyn Fn(&ObjectName) -> Option<Target>;

/// The pieces of what a write shows; `None` if it cannot be understood.
pub(crate) fn written(sql: &str, dialect: Dialect, find: FindTable<'_>) -> Option<Vec<Piece>> {
    let statement = strandline_history::writes::parse(sql, dialect)?;
    let mut writer = Writer { dialect, find, with: String::new(), pieces: Vec::new() };
    writer.statement(&statement)?;
    Some(writer.pieces)
}

/// Whether a query holds writes: `WITH x AS (DELETE …) SELECT …`, `WITH … INSERT …`.
pub(crate) fn holds_writes(statement: &Statement) -> bool {
    let Statement::Query(query) = statement else { return false };
    let is_write = |body: &SetExpr| matches!(body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
    is_write(&query.body) || query.with.iter().flat_map(|with| &with.cte_tables).any(|table| is_write(&table.query.body))
}

/// What an assignment puts into a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Puts {
    /// NULL.
    Null,
    /// What the statement itself says.
    Constant,
    /// Something made of what stood there.
    Own,
    /// What stands elsewhere.
    Moved,
}

/// Assigned columns: what is put into each, and how.
type Assigned<'a> = BTreeMap<String, (Puts, &'a Expr)>;

struct Writer<'w> {
    dialect: Dialect,
    find: FindTable<'w>,
    /// `WITH …` before the statement.
    with: String,
    pieces: Vec<Piece>,
}

impl Writer<'_> {
    fn statement(&mut self, statement: &Statement) -> Option<()> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            Statement::Query(query) => self.query(query),
            _ => None,
        }
    }

    fn push(&mut self, query: &str, sent: Sent, missing: Option<Missing>) -> &mut Piece {
        let sql = format!("{}{query}", self.with);
        self.pieces.push(Piece { sql, sent, missing, is_counted: false, names_only: false });
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// All that these tables hold may be among what went somewhere.
    fn names_only(&mut self, query: &str, sent: Sent) {
        self.push(query, sent, Some(Missing::NotUnderstood)).names_only = true;
    }

    fn quoted(&self, name: &str) -> String {
        let mark = if self.dialect == Dialect::MySql { '`' } else { '"' };
        Ident::with_quote(mark, name).to_string()
    }

    /// The rows that the write put into a table, under a name.
    fn changed(&self, target: &Target, alias: &str) -> String {
        format!("{}.{} AS {alias}", self.quoted(strandline_provenance::CHANGED), self.quoted(&target.full_name))
    }

    fn same(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    fn insert(&mut self, insert: &Insert) -> Option<()> {
        let TableObject::TableName(name) = &insert.table else { return None };
        if let Some(source) = &insert.source {
            match source.body.as_ref() {
                SetExpr::Values(values) => {
                    for row in &values.rows {
                        self.moved(row.content.iter());
                    }
                }
                _ => {
                    let may_leave_out = insert.ignore || insert.on.is_some() || insert.replace_into;
                    self.push(&source.to_string(), Sent::ToServer, None).is_counted = !may_leave_out;
                }
            }
        }
        self.moved(insert.assignments.iter().map(|a| &a.value));
        self.where_it_is_there(insert);
        if let Some(list) = &insert.returning {
            let target = (self.find)(name)?;
            let alias = insert.table_alias.as_ref().map_or_else(|| last_name(name), |alias| Some(alias.alias.to_string()))?;
            let from = self.changed(&target, &alias);
            self.push(&format!("SELECT {} FROM {from}", items(list)), Sent::ToClient, Some(Missing::Written));
        }
        Some(())
    }

    /// What an INSERT moves within a row that is there already, or into it.
    fn where_it_is_there(&mut self, insert: &Insert) {
        let table = OwnColumn::table_of_insert(insert, self.dialect);
        let moves = |assignment: &&Assignment| {
            let own = if let AssignmentTarget::ColumnName(name) = &assignment.target { OwnColumn::of(name, table.clone(), self.dialect) } else { None };
            let is_own = |column: &[Ident]| is_of_new_row(column, insert) || own.as_ref().is_some_and(|own| own.is(column));
            self.puts(&assignment.value, &is_own) == Puts::Moved
        };
        let moved: Vec<String> = on_conflict(insert).iter().filter(moves).map(|a| a.value.to_string()).collect();
        if !moved.is_empty() {
            self.names_only(&format!("SELECT {} FROM {}", moved.join(", "), insert.table), Sent::ToServer);
        }
    }

    /// Values of an INSERT that come from a query. A column among them is one of the row that it says.
    fn moved<'e>(&mut self, values: impl Iterator<Item = &'e Expr>) {
        let moved: Vec<String> = values.filter(|value| self.puts(value, &|_| true) == Puts::Moved).map(ToString::to_string).collect();
        if !moved.is_empty() {
            self.push(&format!("SELECT {}", moved.join(", ")), Sent::ToServer, None);
        }
    }

    fn update(&mut self, update: &Update) -> Option<()> {
        let TableFactor::Table { name, alias, .. } = &update.table.relation else { return None };
        let alias = alias.as_ref().map_or_else(|| last_name(name), |alias| Some(alias.name.to_string()))?;
        let mut assigned: Assigned<'_> = BTreeMap::new();
        let table = OwnColumn::table_of(update, self.dialect);
        for assignment in &update.assignments {
            if !self.assignment(assignment, table.as_ref(), &mut assigned) {
                self.names_only(&format!("SELECT {}", assignment.value), Sent::ToServer);
            }
        }
        let more: &[TableWithJoins] = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(more) | UpdateTableFromKind::AfterSet(more)) => more,
            None => &[],
        };
        let others = more.iter().map(|table| format!(", {table}")).collect::<String>();
        let condition = update.selection.as_ref().map(|c| format!(" WHERE {c}")).unwrap_or_default();
        let rest = format!(" FROM {}{others}{condition}", update.table);
        let moved: Vec<String> = assigned.values().filter(|(puts, _)| *puts == Puts::Moved).map(|(_, value)| value.to_string()).collect();
        if !moved.is_empty() {
            let reads_others = !more.is_empty() || !update.table.joins.is_empty();
            self.push(&format!("SELECT {}{rest}", moved.join(", ")), Sent::ToServer, None).is_counted = !reads_others;
        }
        let Some(list) = &update.returning else { return Some(()) };
        let target = (self.find)(name);
        let sorted = self.sort(list, &assigned, &alias, target.as_ref(), more);
        let is_empty = sorted.as_before.is_empty() && sorted.moved.is_empty() && sorted.said.is_empty();
        if !sorted.as_before.is_empty() || is_empty {
            let shown = if is_empty { "1".to_owned() } else { sorted.as_before.join(", ") };
            self.push(&format!("SELECT {shown}{rest}"), Sent::ToClient, None).is_counted = true;
        }
        if !sorted.moved.is_empty() {
            self.push(&format!("SELECT {}{rest}", sorted.moved.join(", ")), Sent::ToClient, None).is_counted = true;
        }
        if !sorted.said.is_empty() {
            let said = sorted.said.join(", ");
            self.push(&format!("SELECT {said}{rest}"), Sent::ToClient, Some(Missing::Written)).is_counted = true;
            if let Some(target) = target.filter(|_| more.is_empty()) {
                let unchanged = self.unchanged(update.selection.as_ref(), &assigned);
                let from = self.changed(&target, &alias);
                self.push(&format!("SELECT {said} FROM {from}{unchanged}"), Sent::ToClient, Some(Missing::Written));
            }
        }
        Some(())
    }

    /// Notes what an assignment puts where; whether that can be told. `table` is what the changed table is called beside others.
    fn assignment<'a>(&self, assignment: &'a Assignment, table: Option<&Vec<String>>, assigned: &mut Assigned<'a>) -> bool {
        let mut one = |name: &ObjectName, value: &'a Expr| {
            let Some(own) = OwnColumn::of(name, table.cloned(), self.dialect) else { return false };
            let puts = self.puts(value, &|column| own.is(column));
            assigned.insert(own.name().to_owned(), (puts, value));
            true
        };
        match (&assignment.target, &assignment.value) {
            (AssignmentTarget::ColumnName(name), value) => one(name, value),
            (AssignmentTarget::Tuple(names), Expr::Tuple(values)) if names.len() == values.len() => {
                names.iter().zip(values).all(|(name, value)| one(name, value))
            }
            (AssignmentTarget::Tuple(names), value) => {
                // One query gives the values of several columns.
                names.iter().for_each(|name| {
                    let _noted = one(name, value);
                });
                false
            }
        }
    }

    /// What an expression puts into a column, given which columns stand for what is there already.
    fn puts(&self, expression: &Expr, is_own: &dyn Fn(&[Ident]) -> bool) -> Puts {
        match copied(expression).as_slice() {
            [one] if std::ptr::eq(*one, expression) => self.puts_plainly(expression, is_own),
            branches => branches.iter().map(|branch| self.puts_plainly(branch, is_own)).max().unwrap_or(Puts::Constant),
        }
    }

    fn puts_plainly(&self, expression: &Expr, is_own: &dyn Fn(&[Ident]) -> bool) -> Puts {
        if matches!(expression, Expr::Value(value) if value.value == Literal::Null) {
            return Puts::Null;
        }
        let mut puts = Puts::Constant;
        let _broken = visit_expressions(expression, |e| {
            let column = match e {
                Expr::Identifier(ident) => std::slice::from_ref(ident),
                Expr::CompoundIdentifier(parts) => parts.as_slice(),
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                    puts = Puts::Moved;
                    return ControlFlow::Break(());
                }
                Expr::Function(function) => {
                    let parts: Vec<String> = function.name.0.iter().map(|part| part.to_string().to_lowercase()).collect();
                    if effect(&parts, self.dialect) > Effect::ChangesState {
                        puts = Puts::Moved;
                        return ControlFlow::Break(());
                    }
                    &[]
                }
                _ => &[],
            };
            match column {
                [] => {}
                [word] if word.value.eq_ignore_ascii_case("default") || word.value.starts_with('@') => {}
                column if is_own(column) => puts = puts.max(Puts::Own),
                _ => {
                    puts = Puts::Moved;
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        puts
    }

    /// What RETURNING lists, by what it shows.
    fn sort(&self, list: &[SelectItem], assigned: &Assigned<'_>, alias: &str, target: Option<&Target>, more: &[TableWithJoins]) -> Listed {
        let mut listed = Listed::default();
        for item in list {
            match item {
                SelectItem::Wildcard(_) => {
                    self.all_of(alias, assigned, target, &mut listed);
                    listed.as_before.extend(more.iter().filter_map(|table| table_alias(&table.relation)).map(|other| format!("{other}.*")));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _)
                    if last_name(name).is_some_and(|name| self.same(&name, alias)) =>
                {
                    self.all_of(alias, assigned, target, &mut listed);
                }
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => self.one_of(expr, alias, assigned, &mut listed),
                other => listed.as_before.push(other.to_string()),
            }
        }
        listed
    }

    fn all_of(&self, alias: &str, assigned: &Assigned<'_>, target: Option<&Target>, listed: &mut Listed) {
        let Some(target) = target.filter(|_| !assigned.is_empty()) else {
            listed.as_before.push(format!("{alias}.*"));
            return;
        };
        for column in &target.columns {
            let expr = Expr::CompoundIdentifier(vec![Ident::new(alias), Ident::with_quote(if self.dialect == Dialect::MySql { '`' } else { '"' }, column)]);
            self.one_of(&expr, alias, assigned, listed);
        }
    }

    fn one_of(&self, expr: &Expr, alias: &str, assigned: &Assigned<'_>, listed: &mut Listed) {
        let find = |column: &Expr| -> Option<(Puts, Expr)> {
            let name = match column {
                Expr::Identifier(ident) => ident,
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [table, column] if self.same(&table.to_string(), alias) => column,
                    _ => return None,
                },
                _ => return None,
            };
            let (puts, value) = assigned.iter().find(|(own, _)| self.same(own, &name.value)).map(|(_, found)| found)?;
            Some((*puts, (*value).clone()))
        };
        let mut new = expr.clone();
        let mut met = Vec::new();
        let _done: ControlFlow<()> = visit_expressions_mut(&mut new, |e| {
            if let Some((puts, value)) = find(e) {
                met.push(puts);
                if puts != Puts::Constant {
                    *e = Expr::Nested(Box::new(value));
                }
            }
            ControlFlow::Continue(())
        });
        if met.contains(&Puts::Constant) {
            listed.said.push(expr.to_string());
        }
        match met.contains(&Puts::Moved) {
            true => listed.moved.push(new.to_string()),
            false if met.contains(&Puts::Constant) => {}
            false => listed.as_before.push(new.to_string()),
        }
    }

    /// The conditions that hold of a row after the change as before it.
    fn unchanged(&self, condition: Option<&Expr>, assigned: &Assigned<'_>) -> String {
        let mut all = Vec::new();
        conjuncts(condition, &mut all);
        let is_kept = |part: &&Expr| {
            !has_query(part)
                && visit_expressions(*part, |e| {
                    let column = match e {
                        Expr::Identifier(ident) => Some(ident),
                        Expr::CompoundIdentifier(parts) => parts.last(),
                        _ => None,
                    };
                    let is_assigned = column.is_some_and(|column| assigned.keys().any(|own| self.same(own, &column.value)));
                    if is_assigned { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .is_continue()
        };
        let kept: Vec<String> = all.into_iter().filter(is_kept).map(ToString::to_string).collect();
        if kept.is_empty() { String::new() } else { format!(" WHERE {}", kept.join(" AND ")) }
    }

    fn delete(&mut self, delete: &Delete) -> Option<()> {
        let Some(list) = &delete.returning else { return Some(()) };
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let all: Vec<String> = tables.iter().chain(delete.using.iter().flatten()).map(ToString::to_string).collect();
        let mut query = format!("SELECT {} FROM {}", items(list), all.join(", "));
        if let Some(condition) = &delete.selection {
            query.push_str(&format!(" WHERE {condition}"));
        }
        if !delete.order_by.is_empty() {
            query.push_str(&format!(" ORDER BY {}", delete.order_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
        }
        if let Some(limit) = &delete.limit {
            query.push_str(&format!(" LIMIT {limit}"));
        }
        self.push(&query, Sent::ToClient, None).is_counted = true;
        Some(())
    }

    fn merge(&mut self, merge: &Merge) -> Option<()> {
        let TableFactor::Table { name, alias, .. } = &merge.table else { return None };
        let alias = alias.as_ref().map(|alias| ObjectName::from(vec![alias.name.clone()]));
        let table = strandline_sql::parts(alias.as_ref().unwrap_or(name), self.dialect);
        let moves = merge.clauses.iter().any(|clause| match &clause.action {
            MergeAction::Insert(_) => true,
            MergeAction::Update(update) => update.assignments.iter().any(|a| {
                let own = if let AssignmentTarget::ColumnName(name) = &a.target { OwnColumn::of(name, Some(table.clone()), self.dialect) } else { None };
                self.puts(&a.value, &|column| own.as_ref().is_some_and(|own| own.is(column))) == Puts::Moved
            }),
            MergeAction::Delete { .. } => false,
        });
        let source = format!("SELECT * FROM {}", merge.source);
        if moves {
            self.push(&source, Sent::ToServer, None);
        }
        if merge.output.is_some() {
            self.push(&source, Sent::ToClient, None);
            self.names_only(&format!("SELECT * FROM {}", merge.table), Sent::ToClient);
        }
        Some(())
    }

    /// A query with writes in it: what each moves, and its rows where the query reads what they sent back.
    fn query(&mut self, query: &Query) -> Option<()> {
        let mut missing = None;
        let mut with = query.with.clone();
        if let Some(With { cte_tables, .. }) = &mut with {
            for table in cte_tables.iter_mut() {
                if let SetExpr::Insert(inner) | SetExpr::Update(inner) | SetExpr::Delete(inner) | SetExpr::Merge(inner) = table.query.body.as_ref() {
                    let (rows, proves_less) = self.rows_of(inner)?;
                    missing = missing.or(proves_less);
                    *table.query = parsed(&rows, self.dialect)?;
                }
            }
        }
        if let SetExpr::Insert(inner) | SetExpr::Update(inner) | SetExpr::Delete(inner) | SetExpr::Merge(inner) = query.body.as_ref() {
            self.with = with.map(|with| format!("{with} ")).unwrap_or_default();
            return self.statement(inner);
        }
        let whole = Query { with, ..query.clone() };
        self.push(&whole.to_string(), Sent::ToClient, missing).is_counted = true;
        Some(())
    }

    /// The rows that a write inside a query gives to it, as a query, and why they prove less. What it moves is noted.
    fn rows_of(&mut self, statement: &Statement) -> Option<(String, Option<Missing>)> {
        let mut inner = Writer { dialect: self.dialect, find: self.find, with: self.with.clone(), pieces: Vec::new() };
        inner.statement(statement)?;
        self.pieces.extend(inner.pieces.into_iter().filter(|piece| piece.sent == Sent::ToServer));
        match statement {
            Statement::Insert(insert) => {
                let TableObject::TableName(name) = &insert.table else { return None };
                let Some(list) = &insert.returning else { return Some((NO_ROWS.to_owned(), None)) };
                let target = (self.find)(name)?;
                let alias = insert.table_alias.as_ref().map_or_else(|| last_name(name), |alias| Some(alias.alias.to_string()))?;
                Some((format!("SELECT {} FROM {}", items(list), self.changed(&target, &alias)), Some(Missing::Written)))
            }
            Statement::Update(update) => self.rows_of_update(update),
            Statement::Delete(delete) => {
                if delete.returning.is_none() {
                    return Some((NO_ROWS.to_owned(), None));
                }
                let mut rows = Writer { dialect: self.dialect, find: self.find, with: String::new(), pieces: Vec::new() };
                rows.delete(delete)?;
                Some((rows.pieces.pop()?.sql, None))
            }
            _ => None,
        }
    }

    fn rows_of_update(&self, update: &Update) -> Option<(String, Option<Missing>)> {
        let Some(list) = &update.returning else { return Some((NO_ROWS.to_owned(), None)) };
        let TableFactor::Table { name, alias, .. } = &update.table.relation else { return None };
        let alias = alias.as_ref().map_or_else(|| last_name(name), |alias| Some(alias.name.to_string()))?;
        let mut assigned: Assigned<'_> = BTreeMap::new();
        let table = OwnColumn::table_of(update, self.dialect);
        if !update.assignments.iter().all(|assignment| self.assignment(assignment, table.as_ref(), &mut assigned)) {
            return None;
        }
        let mut says_itself = false;
        let mut shown = Vec::new();
        for item in list {
            let (expr, named) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.to_string())),
                other => {
                    says_itself |= !assigned.is_empty();
                    shown.push(other.to_string());
                    continue;
                }
            };
            let mut listed = Listed::default();
            self.one_of(expr, &alias, &assigned, &mut listed);
            says_itself |= !listed.said.is_empty();
            let text = listed.moved.into_iter().chain(listed.as_before).chain(listed.said).next()?;
            let own = if let Expr::Identifier(ident) = expr { Some(ident.to_string()) } else { None };
            let own = own.or_else(|| if let Expr::CompoundIdentifier(parts) = expr { parts.last().map(ToString::to_string) } else { None });
            shown.push(named.or(own).map_or(text.clone(), |name| format!("{text} AS {name}")));
        }
        let more: &[TableWithJoins] = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(more) | UpdateTableFromKind::AfterSet(more)) => more,
            None => &[],
        };
        let others = more.iter().map(|table| format!(", {table}")).collect::<String>();
        let condition = update.selection.as_ref().map(|c| format!(" WHERE {c}")).unwrap_or_default();
        Some((format!("SELECT {} FROM {}{others}{condition}", shown.join(", "), update.table), says_itself.then_some(Missing::Written)))
    }
}

/// What a write without RETURNING gives to the query around it.
const NO_ROWS: &str = "SELECT 1 WHERE false";

/// What RETURNING lists.
#[derive(Default)]
struct Listed {
    /// As it stood before, or made of it.
    as_before: Vec<String>,
    /// What came from elsewhere.
    moved: Vec<String>,
    /// What the statement itself said.
    said: Vec<String>,
}

fn parsed(sql: &str, dialect: Dialect) -> Option<Query> {
    match strandline_history::writes::parse(sql, dialect)? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

fn items(list: &[SelectItem]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn last_name(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(ToString::to_string)
}

fn table_alias(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { name, alias, .. } => alias.as_ref().map_or_else(|| last_name(name), |alias| Some(alias.name.to_string())),
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|alias| alias.name.to_string()),
        _ => None,
    }
}

fn has_query(expression: &Expr) -> bool {
    visit_expressions(expression, |e| match e {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

fn conjuncts<'e>(condition: Option<&'e Expr>, all: &mut Vec<&'e Expr>) {
    match condition {
        Some(Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::And, right }) => {
            conjuncts(Some(left), all);
            conjuncts(Some(right), all);
        }
        Some(Expr::Nested(inner)) => conjuncts(Some(inner), all),
        Some(other) => all.push(other),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        check_in(Dialect::PostgreSql, sql, expected);
    }

    fn check_in(dialect: Dialect, sql: &str, expected: &[&str]) {
        let columns = ["no", "name", "phone", "city"];
        let find = |name: &ObjectName| Some(Target { full_name: format!("public.{name}"), columns: columns.map(str::to_owned).to_vec() });
        let pieces = written(sql, dialect, &find).unwrap_or_default();
        let told = |piece: &Piece| {
            let sent = if piece.sent == Sent::ToServer { " ->server" } else { "" };
            let missing = if piece.missing.is_some() { " ?" } else { "" };
            format!("{}{sent}{missing}", piece.sql)
        };
        assert_eq!(pieces.iter().map(told).collect::<Vec<_>>(), expected, "{sql}");
    }

    #[test]
    fn returning_shows_what_stands_there_after_the_write() {
        check("UPDATE p SET city = 'x' WHERE no = 1 RETURNING no, name", &["SELECT no, name FROM p WHERE no = 1"]);
        check("UPDATE p SET city = city || 'x' WHERE no = 1 RETURNING city", &["SELECT (city || 'x') FROM p WHERE no = 1"]);
        check(
            "UPDATE p SET phone = (SELECT email FROM q WHERE k = 2) WHERE no = 1 RETURNING phone",
            &["SELECT (SELECT email FROM q WHERE k = 2) FROM p WHERE no = 1 ->server", "SELECT ((SELECT email FROM q WHERE k = 2)) FROM p WHERE no = 1"],
        );
        check(
            "UPDATE p SET phone = '5' WHERE no = 1 AND phone = '4' RETURNING *",
            &[
                "SELECT p.\"no\", p.\"name\", p.\"city\" FROM p WHERE no = 1 AND phone = '4'",
                "SELECT p.\"phone\" FROM p WHERE no = 1 AND phone = '4' ?",
                "SELECT p.\"phone\" FROM \"__changed\".\"public.p\" AS p WHERE no = 1 ?",
            ],
        );
        check("DELETE FROM p WHERE no = 1 RETURNING *", &["SELECT * FROM p WHERE no = 1"]);
        check("INSERT INTO p (no) VALUES (1) ON CONFLICT (no) DO UPDATE SET city = 'q' RETURNING *", &["SELECT * FROM \"__changed\".\"public.p\" AS p ?"]);
    }

    #[test]
    fn writes_move_values_by_queries() {
        check("INSERT INTO c VALUES (1, (SELECT name FROM p))", &["SELECT (SELECT name FROM p) ->server"]);
        check("UPDATE c SET body = p.name FROM p WHERE p.no = c.no", &["SELECT p.name FROM c, p WHERE p.no = c.no ->server"]);
        check("UPDATE c SET a = 1, b = upper(b) WHERE k IN (SELECT k FROM p)", &[]);
        check("INSERT INTO c SELECT name FROM p", &["SELECT name FROM p ->server"]);
        check(
            "WITH gone AS (DELETE FROM p WHERE no = 1 RETURNING *) SELECT name FROM gone",
            &["WITH gone AS (SELECT * FROM p WHERE no = 1) SELECT name FROM gone"],
        );
        check(
            "WITH gone AS (DELETE FROM p RETURNING name) INSERT INTO c SELECT name FROM gone",
            &["WITH gone AS (SELECT name FROM p) SELECT name FROM gone ->server"],
        );
    }

    #[test]
    fn a_column_of_the_same_name_of_another_table_is_moved() {
        let moved = "SELECT p.name FROM c, p WHERE p.no = c.no ->server";
        check("UPDATE c SET name = p.name FROM p WHERE p.no = c.no", &[moved]);
        check("UPDATE c SET name = p.name FROM p WHERE p.no = c.no RETURNING c.no", &[moved, "SELECT c.no FROM c, p WHERE p.no = c.no"]);
        check("UPDATE c AS p SET name = p.name || 'x' FROM q", &[]);
        check("UPDATE hr.c SET name = c.name, city = hr.c.city, phone = phone FROM p", &[]);
        check("UPDATE c SET name = x.name FROM hr.p AS x", &["SELECT x.name FROM c, hr.p AS x ->server"]);
        check("UPDATE c SET \"Name\" = name", &["SELECT name FROM c ->server"]);
        check("UPDATE c SET name = c.Name", &[]);
        check("MERGE INTO c USING p ON p.no = c.no WHEN MATCHED THEN UPDATE SET name = p.name", &["SELECT * FROM p ->server"]);
        check("MERGE INTO c USING p ON p.no = c.no WHEN MATCHED THEN UPDATE SET name = c.name", &[]);
        check_in(Dialect::MySql, "UPDATE c JOIN p ON p.no = c.no SET c.name = p.name", &["SELECT p.name FROM c JOIN p ON p.no = c.no ->server"]);
        check_in(Dialect::MySql, "UPDATE c JOIN p ON p.no = c.no SET c.name = upper(c.NAME), c.city = 'x'", &[]);
    }

    #[test]
    fn a_row_that_is_there_already_may_take_what_stands_elsewhere() {
        let insert = "INSERT INTO c (no) VALUES (1) ON CONFLICT (no) DO UPDATE SET ";
        check(&format!("{insert}name = excluded.name, phone = c.phone || 'x', city = coalesce(excluded.city, c.city)"), &[]);
        check(&format!("{insert}name = c.phone"), &["SELECT c.phone FROM c ->server ?"]);
        check(&format!("{insert}name = (SELECT name FROM p)"), &["SELECT (SELECT name FROM p) FROM c ->server ?"]);
        let insert = "INSERT INTO c (no) VALUES (1) ON DUPLICATE KEY UPDATE ";
        check_in(Dialect::MySql, &format!("{insert}name = VALUES(name), phone = concat(phone, 'x'), city = c.city"), &[]);
        check_in(Dialect::MySql, &format!("{insert}name = phone"), &["SELECT phone FROM c ->server ?"]);
    }

    #[test]
    fn a_function_that_may_read_moves_what_it_gives() {
        check("INSERT INTO c (no, name) VALUES (1, lookup(1))", &["SELECT lookup(1) ->server"]);
        check("INSERT INTO c (no, name) VALUES (1, upper('x'))", &[]);
    }
}
