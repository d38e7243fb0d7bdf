//! `x IN (…)` of values that are not known when a statement is planned.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, binary_expr, lit};

/// Lists that hold more than literals as the comparisons that they stand for.
///
/// The engine takes two lists of one value for sets of the items as they are written (version 55.2): of `x IN ($1, $2) AND x IN ($3, $4)` nothing is left, though
/// $3 may be what $1 is, and `x IN (1, 2) AND x NOT IN (NULL)` becomes `x IN (1, 2)`, though it holds of no row.
pub(crate) fn without_open_lists(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let spelled = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expression| {
            expression.transform_up(|part| match part {
                Expr::InList(list) if !list.list.iter().all(is_known) => Ok(Transformed::yes(spelled_out(list))),
                part => Ok(Transformed::no(part)),
            })
        })
    })?;
    Ok(spelled.data)
}

fn is_known(item: &Expr) -> bool {
    matches!(item, Expr::Literal(value, _) if !value.is_null())
}

fn spelled_out(list: InList) -> Expr {
    let (comparison, joined) = if list.negated { (Operator::NotEq, Operator::And) } else { (Operator::Eq, Operator::Or) };
    let mut parts: Vec<Expr> = list.list.into_iter().map(|item| binary_expr((*list.expr).clone(), comparison, item)).collect();
    // In pairs, so that a long list is no deep expression.
    while parts.len() > 1 {
        let mut pairs = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary_expr(left, joined, right),
                None => left,
            });
        }
        parts = pairs;
    }
    // A list of nothing holds nothing.
    parts.pop().unwrap_or_else(|| lit(list.negated))
}
