//! A LIMIT on a cross join of which some sides are not shown: of those sides only so many rows can matter, and one more.
//! `SELECT a.email FROM person a, person b, person c LIMIT 10` is otherwise the cube of the people.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::{FetchType, Join, Limit, LogicalPlan, Projection, SkipType, lit};

/// The plan with smaller sides below such a LIMIT. What is shown, and whether LIMIT cuts anything off, stays as it is.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn limit_cross_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let limited = plan.transform_down(|node| {
        let LogicalPlan::Limit(limit) = &node else { return Ok(Transformed::no(node)) };
        let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
            return Ok(Transformed::no(node));
        };
        let rows = i64::try_from(skip.saturating_add(fetch).saturating_add(1)).unwrap_or(i64::MAX);
        let LogicalPlan::Projection(projection) = limit.input.as_ref() else { return Ok(Transformed::no(node)) };
        let shown: HashSet<&Column> = projection.expr.iter().flat_map(|value| value.column_refs()).collect();
        let LogicalPlan::Join(join) = projection.input.as_ref() else { return Ok(Transformed::no(node)) };
        let Some(input) = sides(join, &shown, rows)? else { return Ok(Transformed::no(node)) };
        let projection = Projection::try_new(projection.expr.clone(), Arc::new(input))?;
        Ok(Transformed::yes(LogicalPlan::Limit(Limit { input: Arc::new(LogicalPlan::Projection(projection)), ..limit.clone() })))
    })?;
    Ok(limited.data)
}

/// A cross join with its sides limited; `None` for another join.
fn sides(join: &Join, shown: &HashSet<&Column>, rows: i64) -> Result<Option<LogicalPlan>> {
    if join.join_type != JoinType::Inner || !join.on.is_empty() || join.filter.is_some() {
        return Ok(None);
    }
    let side = |plan: &Arc<LogicalPlan>| -> Result<LogicalPlan> {
        if let LogicalPlan::Join(inner) = plan.as_ref()
            && let Some(limited) = sides(inner, shown, rows)?
        {
            return Ok(limited);
        }
        if shown.iter().any(|column| plan.schema().has_column(column)) {
            return Ok(LogicalPlan::clone(plan));
        }
        Ok(LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(lit(rows))), input: Arc::clone(plan) }))
    };
    let (left, right) = (side(&join.left)?, side(&join.right)?);
    let joined = Join::try_new(Arc::new(left), Arc::new(right), Vec::new(), None, join.join_type, join.join_constraint, join.null_equality, join.null_aware)?;
    Ok(Some(LogicalPlan::Join(joined)))
}
