//! What a database's collation may compare otherwise than by bytes. The collation is not known, so a statement is replayed
//! with every row that either reading lets through.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::functions::expr_fn::{lower, regexp_like, regexp_replace};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, binary_expr, cast, lit};

/// Whether it is text.
pub(crate) fn is_text(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|kind| kind.is_string())
}

/// A text as a language would weigh it at first sight: letters without case, no punctuation.
pub(crate) fn in_language(text: &Expr) -> Expr {
    regexp_replace(lower(cast(text.clone(), DataType::Utf8)), lit("[^a-z0-9]"), lit(""), Some(lit("g")))
}

/// Whether a text has characters whose place in a language we do not know.
pub(crate) fn is_foreign(text: &Expr) -> Expr {
    regexp_like(cast(text.clone(), DataType::Utf8), lit("[^ -~]"), None)
}

/// The two readings of a predicate that compares the order of texts.
pub(crate) struct Readings {
    /// Lets through what either reading would.
    pub(crate) either: Expr,
    /// Lets through what both would.
    pub(crate) both: Expr,
}

/// The readings of a predicate; `None` if it does not depend on an order of texts.
pub(crate) fn readings(predicate: &Expr, schema: &DFSchema) -> Option<Readings> {
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (of_left, of_right) = (readings(left, schema), readings(right, schema));
            if of_left.is_none() && of_right.is_none() {
                return None;
            }
            let or_same = |of: Option<Readings>, same: &Expr| of.unwrap_or_else(|| Readings { either: same.clone(), both: same.clone() });
            let (of_left, of_right) = (or_same(of_left, left), or_same(of_right, right));
            Some(Readings { either: binary_expr(of_left.either, *op, of_right.either), both: binary_expr(of_left.both, *op, of_right.both) })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq), right }) if is_text(left, schema) => {
            let (one, other) = (in_language(left), in_language(right));
            let (left, right) = (Expr::clone(left), Expr::clone(right));
            // Texts that weigh the same at first sight may come in either order, unless they are the same.
            let may = binary_expr(one.clone(), widest(*op), other.clone()).and(predicate.clone().or(left.clone().not_eq(right.clone())));
            let must = binary_expr(one, strictest(*op), other).or(left.clone().eq(right.clone()));
            let foreign = is_foreign(&left).or(is_foreign(&right));
            Some(Readings { either: predicate.clone().or(may).or(foreign.clone()), both: predicate.clone().and(must).and(foreign.is_not_true()) })
        }
        Expr::Between(Between { expr, negated: false, low, high }) if is_text(expr, schema) => {
            let (value, low, high) = (Expr::clone(expr), Expr::clone(low), Expr::clone(high));
            let range = value.clone().gt_eq(low).and(value.lt_eq(high));
            readings(&range, schema)
        }
        Expr::Between(Between { expr, negated: true, low, high }) if is_text(expr, schema) => {
            let (value, low, high) = (Expr::clone(expr), Expr::clone(low), Expr::clone(high));
            let range = value.clone().lt(low).or(value.gt(high));
            readings(&range, schema)
        }
        _ => None,
    }
}

fn widest(operator: Operator) -> Operator {
    match operator {
        Operator::Lt => Operator::LtEq,
        Operator::Gt => Operator::GtEq,
        other => other,
    }
}

fn strictest(operator: Operator) -> Operator {
    match operator {
        Operator::LtEq => Operator::Lt,
        Operator::GtEq => Operator::Gt,
        other => other,
    }
}

/// Comparisons as MySQL's usual collations make them: without case.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn without_case(plan: LogicalPlan) -> Result<LogicalPlan> {
    let folded = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.map_expressions(|expression| {
            let name = datafusion::logical_expr::expr_rewriter::NamePreserver::new_for_projection().save(&expression);
            let changed = expression.transform_up(|part| fold(part, &schema))?;
            Ok(changed.update_data(|expression| name.restore(expression)))
        })
    })?;
    Ok(folded.data)
}

fn fold(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let folded = |text: Expr| lower(cast(text, DataType::Utf8));
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() && (is_text(&left, schema) || is_text(&right, schema)) => {
            Transformed::yes(binary_expr(folded(*left), op, folded(*right)))
        }
        Expr::Like(mut like) => {
            like.case_insensitive = true;
            Transformed::yes(Expr::Like(like))
        }
        Expr::InList(mut list) if is_text(&list.expr, schema) => {
            list.expr = Box::new(folded(*list.expr));
            list.list = list.list.into_iter().map(folded).collect();
            Transformed::yes(Expr::InList(list))
        }
        Expr::Between(mut between) if is_text(&between.expr, schema) => {
            (between.expr, between.low, between.high) = (Box::new(folded(*between.expr)), Box::new(folded(*between.low)), Box::new(folded(*between.high)));
            Transformed::yes(Expr::Between(between))
        }
        Expr::InSubquery(within) if is_text(&within.expr, schema) => {
            let inner = LogicalPlan::clone(&within.subquery.subquery);
            let columns = inner.schema().columns().into_iter().map(|column| folded(Expr::Column(column)).alias("__folded"));
            let subquery = LogicalPlanBuilder::from(inner).project(columns.collect::<Vec<_>>())?.build()?;
            let subquery = Subquery { subquery: Arc::new(subquery), ..within.subquery };
            Transformed::yes(Expr::InSubquery(InSubquery { expr: Box::new(folded(*within.expr)), subquery, negated: within.negated }))
        }
        other => Transformed::no(other),
    })
}
