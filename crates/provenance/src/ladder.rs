//! What a statement that cannot be planned still says: the same with ever more of it taken as not known, until it can be planned.
//!
//! A condition that is not known lets every row through, which then is possible; an order that is not known leaves open which rows a
//! LIMIT chose; a value that is not known holds what it is made of. Nothing here makes an answer smaller.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, Statement, visit_expressions};

use crate::vocabulary::{binary, call, text};

/// Conditions that are tried one by one.
const CONDITIONS_AT_MOST: usize = 12;

/// The statement with ever more of it not known. What holds a function that is not known stays: it may tell something by other
/// means than rows.
pub(crate) fn rungs(statement: &Statement, is_known: &dyn Fn(&str) -> bool) -> Vec<Statement> {
    let Statement::Query(query) = statement else { return Vec::new() };
    let mut rungs = Vec::new();
    let with = |change: &dyn Fn(&mut Query)| {
        let mut query = query.clone();
        change(&mut query);
        Statement::Query(query)
    };
    let conditions = selects(query).map(|select| select.selection.iter().flat_map(conjuncts).count()).max().unwrap_or(0);
    if conditions <= CONDITIONS_AT_MOST {
        rungs.extend((0..conditions).map(|at| with(&|query| each_select(&mut query.body, &mut |select| loosen(select, Some(at), is_known)))));
    }
    let unordered = |query: &mut Query| query.order_by = None;
    rungs.push(with(&unordered));
    rungs.push(with(&|query| each_select(&mut query.body, &mut any_of_group)));
    rungs.push(with(&|query| each_select(&mut query.body, &mut |select| loosen(select, None, is_known))));
    rungs.push(with(&|query| each_select(&mut query.body, &mut |select| unknown_items(select, is_known))));
    rungs.push(with(&|query| {
        each_select(&mut query.body, &mut |select| {
            loosen(select, None, is_known);
            unknown_items(select, is_known);
        });
        unordered(query);
    }));
    rungs.retain(|rung| rung != statement);
    rungs
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
fn loosen(select: &mut Select, only: Option<usize>, is_known: &dyn Fn(&str) -> bool) {
    if let Some(condition) = &select.selection {
        let parts = conjuncts(condition).into_iter().enumerate();
        let loosened = parts.map(|(at, part)| {
            let is_meant = only.is_none_or(|only| only == at) && calls_only(part, is_known);
            if is_meant { unknown_truth(part) } else { part.clone() }
        });
        select.selection = loosened.reduce(|one, other| binary(one, BinaryOperator::And, other));
    }
    if only.is_none() && select.having.as_ref().is_some_and(|having| calls_only(having, is_known)) {
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

/// The columns that an expression names, itself and not in a subquery; `None` if there is a subquery in it.
fn columns_of(expression: &Expr) -> Option<Vec<Expr>> {
    let mut columns = Vec::new();
    let all: ControlFlow<()> = visit_expressions(expression, |part| {
        match part {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) if !columns.contains(part) => columns.push(part.clone()),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    all.is_continue().then_some(columns)
}

fn unknown_truth(condition: &Expr) -> Expr {
    let columns = columns_of(condition).unwrap_or_default();
    call("server_truth", if columns.is_empty() { vec![text("condition")] } else { columns })
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
        if let Some(columns) = columns_of(value) {
            *value = call("server_value", columns);
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
