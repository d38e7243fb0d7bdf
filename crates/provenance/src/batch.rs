//! Many calls of one statement as one plan: a table of calls is joined where the parameters stand in equalities.
//! A statement of any other shape is left alone, and runs call by call.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Operator, Projection, SubqueryAlias};

use crate::expression::{conjuncts, is_constant, is_random};

/// Name of the column that says which call a row belongs to. Columns with this prefix are the calls'.
pub(crate) const CALL: &str = "__call";

/// Name of a column of the table of calls: the value of `$number`.
pub(crate) fn parameter_column(number: usize) -> String {
    format!("{CALL}_{number}")
}

/// A statement over a table of calls.
pub(crate) struct Batch {
    /// The plan, with the calls' columns after its own.
    pub(crate) plan: LogicalPlan,
    /// The statement's own LIMIT: a call with more rows must run alone.
    pub(crate) limit_rows: Option<u64>,
}

/// The statement over `calls` instead of placeholders; `None` if its shape does not allow that.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn batch(plan: &LogicalPlan, calls: &Arc<dyn TableProvider>) -> Result<Option<Batch>> {
    let (below, limit_rows) = match plan {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
            (datafusion::logical_expr::SkipType::Literal(0), datafusion::logical_expr::FetchType::Literal(fetch)) => {
                (limit.input.as_ref(), fetch.map(|rows| rows as u64))
            }
            _ => return Ok(None),
        },
        plan => (plan, None),
    };
    match carry(below, calls)? {
        Some((plan, true)) => Ok(Some(Batch { plan, limit_rows })),
        _ => Ok(None),
    }
}

/// The plan with the calls' columns, and whether they are there yet.
type Carried = Option<(LogicalPlan, bool)>;

fn carry(plan: &LogicalPlan, calls: &Arc<dyn TableProvider>) -> Result<Carried> {
    if !has_placeholders(plan)? {
        return Ok(if is_alone(plan) { Some((plan.clone(), false)) } else { None });
    }
    match plan {
        LogicalPlan::Filter(filter) => carry_filter(filter, calls),
        LogicalPlan::Projection(projection) => {
            if projection.expr.iter().any(is_variable) {
                return Ok(None);
            }
            let Some((input, true)) = carry(&projection.input, calls)? else {
                return Ok(None);
            };
            let mut expressions = projection.expr.clone();
            expressions.extend(columns_of_calls(calls));
            Ok(Some((LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(input))?), true)))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some((input, true)) = carry(&alias.input, calls)? else {
                return Ok(None);
            };
            let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?);
            let mut expressions: Vec<Expr> = alias.schema.columns().into_iter().map(Expr::Column).collect();
            let renamed = |field: &arrow_schema::FieldRef| Expr::Column(Column::new(Some(alias.alias.clone()), field.name())).alias(field.name());
            expressions.extend(calls.schema().fields().iter().map(renamed));
            Ok(Some((LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(plan))?), true)))
        }
        // Without LIMIT the order changes nothing.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() && !sort.expr.iter().any(|key| is_variable(&key.expr)) => carry(&sort.input, calls),
        LogicalPlan::Join(join) => carry_join(join, calls),
        _ => Ok(None),
    }
}

fn carry_filter(filter: &Filter, calls: &Arc<dyn TableProvider>) -> Result<Carried> {
    let mut replaced = Vec::new();
    for part in conjuncts(&filter.predicate) {
        if is_random(part) || has_placeholder(part) && !is_equality(part) {
            return Ok(None);
        }
        replaced.push(with_columns(part.clone())?);
    }
    let Some((mut input, is_carried)) = carry(&filter.input, calls)? else {
        return Ok(None);
    };
    if !is_carried {
        let scan = LogicalPlanBuilder::scan(CALL, provider_as_source(calls.clone()), None)?;
        let mut expressions: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        let bare = |field: &arrow_schema::FieldRef| Expr::Column(Column::new(Some(CALL), field.name())).alias(field.name());
        expressions.extend(calls.schema().fields().iter().map(bare));
        input = LogicalPlanBuilder::from(input).cross_join(scan.build()?)?.project(expressions)?.build()?;
    }
    match conjunction(replaced) {
        Some(predicate) => Ok(Some((LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?), true))),
        None => Ok(None),
    }
}

fn carry_join(join: &Join, calls: &Arc<dyn TableProvider>) -> Result<Carried> {
    let conditions = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
    if conditions.into_iter().any(is_variable) {
        return Ok(None);
    }
    let (Some((left, in_left)), Some((right, in_right))) = (carry(&join.left, calls)?, carry(&join.right, calls)?) else {
        return Ok(None);
    };
    let is_possible = match join.join_type {
        JoinType::Inner => in_left != in_right,
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => in_left && !in_right,
        _ => false,
    };
    if !is_possible {
        return Ok(None);
    }
    let parts = (join.on.clone(), join.filter.clone());
    let rebuilt = Join::try_new(Arc::new(left), Arc::new(right), parts.0, parts.1, join.join_type, join.join_constraint, join.null_equality, join.null_aware)?;
    let mut expressions: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
    expressions.extend(columns_of_calls(calls));
    Ok(Some((LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(LogicalPlan::Join(rebuilt)))?), true)))
}

fn columns_of_calls(calls: &Arc<dyn TableProvider>) -> Vec<Expr> {
    calls.schema().fields().iter().map(|field| Expr::Column(Column::new_unqualified(field.name()))).collect()
}

/// `expression = $n`.
fn is_equality(part: &Expr) -> bool {
    let is_parameter = |side: &Expr| matches!(side, Expr::Placeholder(_));
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            is_parameter(left) && !has_placeholder(right) && !is_constant(right) || is_parameter(right) && !has_placeholder(left) && !is_constant(left)
        }
        _ => false,
    }
}

fn with_columns(part: Expr) -> Result<Expr> {
    let replaced = part.transform_up(|node| match &node {
        Expr::Placeholder(placeholder) => {
            let name = format!("{CALL}_{}", placeholder.id.trim_start_matches('$'));
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))))
        }
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(replaced.data)
}

fn has_placeholder(expression: &Expr) -> bool {
    expression.exists(|part| Ok(matches!(part, Expr::Placeholder(_)))).unwrap_or(true)
}

fn is_variable(expression: &Expr) -> bool {
    has_placeholder(expression) || is_random(expression)
}

fn has_placeholders(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| Ok(node.expressions().iter().any(has_placeholder)))
}

/// Whether a part without parameters gives the same rows for every call.
fn is_alone(plan: &LogicalPlan) -> bool {
    !plan.exists(|node| Ok(node.expressions().iter().any(is_random))).unwrap_or(true)
}
