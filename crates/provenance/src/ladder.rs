//! What a statement that cannot be planned still says: the same with ever more of it taken as not known, until it can be planned.
//!
//! A condition that is not known lets every row through, which then is possible; an order that is not known leaves open which rows a
//! LIMIT chose; a value that is not known holds what it is made of. What is left out altogether, subqueries and conditions of groups, is
//! kept as its text: whoever it looked at may have decided what was sent. Nothing here makes an answer smaller.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement, Visit, Visitor, visit_expressions,
};

use crate::database::{Database, TableName};
use crate::statement::tables_named;
use crate::types::ColumnRef;
use crate::vocabulary::{binary, call, text};

/// Conditions that are tried one by one.
const CONDITIONS_AT_MOST: usize = 12;

/// A statement that was loosened.
pub(crate) struct Rung {
    /// What is left of it.
    pub(crate) statement: Statement,
    /// What was left out of it and looks at rows of its own: subqueries, and conditions of groups.
    pub(crate) left_out: Vec<Expr>,
}

/// The statement with ever more of it not known. What holds a function that is not known stays: it may tell something by other
/// means than rows.
pub(crate) fn rungs(statement: &Statement, is_known: &dyn Fn(&str) -> bool) -> Vec<Rung> {
    let Statement::Query(query) = statement else { return Vec::new() };
    let mut rungs = Vec::new();
    let with = |change: &dyn Fn(&mut Query, &mut Vec<Expr>)| {
        let (mut query, mut left_out) = (query.clone(), Vec::new());
        change(&mut query, &mut left_out);
        Rung { statement: Statement::Query(query), left_out }
    };
    let conditions = selects(query).map(|select| select.selection.iter().flat_map(conjuncts).count()).max().unwrap_or(0);
    if conditions <= CONDITIONS_AT_MOST {
        rungs.extend((0..conditions).map(|at| with(&|query, out| each_select(&mut query.body, &mut |select| loosen(select, Some(at), is_known, out)))));
    }
    rungs.push(with(&unordered));
    rungs.push(with(&|query, _| each_select(&mut query.body, &mut any_of_group)));
    rungs.push(with(&|query, out| each_select(&mut query.body, &mut |select| loosen(select, None, is_known, out))));
    rungs.push(with(&|query, _| each_select(&mut query.body, &mut |select| unknown_items(select, is_known))));
    rungs.push(with(&|query, out| {
        each_select(&mut query.body, &mut |select| {
            loosen(select, None, is_known, out);
            unknown_items(select, is_known);
        });
        unordered(query, out);
    }));
    rungs.retain(|rung| rung.statement != *statement);
    rungs
}

/// The columns at which what was left out of a statement may have looked: those that it names, of the tables that it names, WITH and
/// views opened. Whose values they are may have decided what was sent.
pub(crate) fn looked_at(rung: &Rung, database: &Database) -> Vec<ColumnRef> {
    let Statement::Query(query) = &rung.statement else { return Vec::new() };
    if rung.left_out.is_empty() {
        return Vec::new();
    }
    let with = query.with.as_ref().map(|with| format!("{with} ")).unwrap_or_default();
    let conditions: String = rung.left_out.iter().map(|part| format!(" AND ({part})")).collect();
    // A condition of groups looks at the rows of the statement itself.
    let rows = if rung.left_out.iter().all(has_query) { String::new() } else { format!(" AND EXISTS ({})", query.body) };
    let tables: BTreeSet<TableName> = tables_named(&format!("{with}SELECT 1 WHERE 1 = 1{conditions}{rows}"), database).into_iter().collect();
    let text = format!("{with}{conditions}").replace("EXISTS (SELECT *", "EXISTS (SELECT 1");
    let words: BTreeSet<String> = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').map(str::to_lowercase).collect();
    let opens_a_view = database.views.iter().any(|view| words.contains(&view.name.to_lowercase()));
    let is_any = opens_a_view || text.contains("SELECT *") || text.contains(".*") || words.contains("natural");
    let mut columns = Vec::new();
    for (table, stored) in database.tables.iter().enumerate() {
        if tables.contains(&TableName { schema: stored.schema.clone(), name: stored.name.clone() }) {
            let is_named = |column: &usize| is_any || words.contains(&stored.columns.field(*column).name().to_lowercase());
            columns.extend((0..stored.columns.fields().len()).filter(is_named).map(|column| ColumnRef { table, column }));
        }
    }
    columns
}

/// Without its order.
fn unordered(query: &mut Query, left_out: &mut Vec<Expr>) {
    let Some(order) = query.order_by.take() else { return };
    if let OrderByKind::Expressions(keys) = order.kind {
        left_out.extend(keys.into_iter().map(|key| key.expr).filter(has_query));
    }
}

fn selects(query: &Query) -> impl Iterator<Item = &Select> {
    let mut open = vec![query.body.as_ref()];
    std::iter::from_fn(move || {
        loop {
            match open.pop()? {
                SetExpr::Select(select) => return Some(select.as_ref()),
                SetExpr::Query(inner) => open.push(&inner.body),
                SetExpr::SetOperation { left, right, .. } => open.extend([right.as_ref(), left.as_ref()]),
                _ => {}
            }
        }
    })
}

fn each_select(body: &mut SetExpr, change: &mut dyn FnMut(&mut Select)) {
    match body {
        SetExpr::Select(select) => change(select),
        SetExpr::Query(inner) => each_select(&mut inner.body, change),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left, change);
            each_select(right, change);
        }
        _ => {}
    }
}

fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => conjuncts(left).into_iter().chain(conjuncts(right)).collect(),
        Expr::Nested(inner) if matches!(inner.as_ref(), Expr::BinaryOp { op: BinaryOperator::And, .. }) => conjuncts(inner),
        other => vec![other],
    }
}

/// One condition of WHERE as not known, or all of them, and those of the groups.
fn loosen(select: &mut Select, only: Option<usize>, is_known: &dyn Fn(&str) -> bool, left_out: &mut Vec<Expr>) {
    if let Some(condition) = &select.selection {
        let parts = conjuncts(condition).into_iter().enumerate();
        let loosened = parts.map(|(at, part)| {
            let is_meant = only.is_none_or(|only| only == at) && calls_only(part, is_known);
            if !is_meant {
                return part.clone();
            }
            left_out.extend(Some(part).filter(|part| has_query(part)).cloned());
            unknown_truth(part)
        });
        select.selection = loosened.reduce(|one, other| binary(one, BinaryOperator::And, other));
    }
    if only.is_none() && select.having.as_ref().is_some_and(|having| calls_only(having, is_known)) {
        left_out.extend(select.having.take());
        select.having = Some(call("server_truth", vec![text("having")]));
    }
}

/// Whether all functions in an expression are known.
fn calls_only(expression: &Expr, is_known: &dyn Fn(&str) -> bool) -> bool {
    let all: ControlFlow<()> = visit_expressions(expression, |part| match part {
        Expr::Function(function) if !is_known(&crate::vocabulary::plain_name(function)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    all.is_continue()
}

/// The columns that an expression names itself, and not in a subquery.
#[derive(Default)]
struct Columns {
    found: Vec<Expr>,
    /// Queries around the place of the visit.
    inside: usize,
    has_query: bool,
}

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        (self.inside, self.has_query) = (self.inside + 1, true);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.inside = self.inside.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, part: &Expr) -> ControlFlow<()> {
        if self.inside == 0 && matches!(part, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) && !self.found.contains(part) {
            self.found.push(part.clone());
        }
        ControlFlow::Continue(())
    }
}

fn columns_of(expression: &Expr) -> Columns {
    let mut columns = Columns::default();
    let _all: ControlFlow<()> = expression.visit(&mut columns);
    columns
}

fn has_query(expression: &Expr) -> bool {
    columns_of(expression).has_query
}

fn unknown_truth(condition: &Expr) -> Expr {
    let Columns { found, has_query, .. } = columns_of(condition);
    // A condition with a subquery may hold where its columns are NULL: the text is always there.
    let always = if found.is_empty() || has_query { Some(text("condition")) } else { None };
    call("server_truth", always.into_iter().chain(found).collect())
}

/// MySQL's columns beside a GROUP BY that does not name them: any of the group's.
fn any_of_group(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return };
    if keys.is_empty() {
        return;
    }
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) = item else { continue };
        if matches!(value, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) && !keys.contains(value) {
            *value = call("first_value", vec![value.clone()]);
        }
    }
}

/// Items that are more than a column as values that hold their columns. What a subquery shows would be lost: those stay.
fn unknown_items(select: &mut Select, is_known: &dyn Fn(&str) -> bool) {
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) = item else { continue };
        if matches!(value, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) || folds(value) || !calls_only(value, is_known) {
            continue;
        }
        let columns = columns_of(value);
        if !columns.has_query {
            *value = call("server_value", columns.found);
        }
    }
}

/// Whether a value is made of many rows, or makes many.
fn folds(value: &Expr) -> bool {
    let found: ControlFlow<()> = visit_expressions(value, |part| match part {
        Expr::Function(function) if crate::vocabulary::folds_rows(function) || crate::vocabulary::makes_rows(function) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}
