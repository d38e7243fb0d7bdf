//! The order in which a replay looks at rows.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{binary, lit};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

/// Asks of rows what the server may decide otherwise only after everything else has let them through: of a row that is out anyway nothing
/// is asked. The engine puts the conditions of one row together, and asks each of them of all rows. A condition of which a row says nothing
/// (a cell that is not known is NULL) does not put it out before it was asked.
#[derive(Debug)]
pub(crate) struct WatchesLast;

impl PhysicalOptimizerRule for WatchesLast {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(filter) = node.downcast_ref::<FilterExec>() else { return Ok(Transformed::no(node)) };
            Ok(match apart(filter)? {
                Some(filters) => Transformed::yes(filters),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "watches_last"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A filter as several, one upon the other; `None` if it asks one thing.
fn apart(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (watches, plain): (Vec<_>, Vec<_>) = split_conjunction(filter.predicate()).into_iter().cloned().partition(is_volatile);
    if watches.is_empty() || watches.len() + plain.len() < 2 {
        return Ok(None);
    }
    // What stood above stands first in the conjunction.
    let mut steps: Vec<Arc<dyn PhysicalExpr>> = watches.into_iter().rev().collect();
    if !plain.is_empty() {
        let plain = conjunction(plain);
        let is_not_false = binary(Arc::clone(&plain), Operator::IsDistinctFrom, lit(false), filter.input().schema().as_ref())?;
        steps.insert(0, is_not_false);
        steps.push(plain);
    }
    let Some(last) = steps.pop() else { return Ok(None) };
    let mut input = Arc::clone(filter.input());
    for step in steps {
        input = Arc::new(FilterExecBuilder::new(step, input).build()?);
    }
    let projection = filter.projection().as_ref().map(|columns| columns.to_vec());
    let whole = FilterExecBuilder::new(last, input)
        .apply_projection(projection)?
        .with_default_selectivity(filter.default_selectivity())
        .with_batch_size(filter.batch_size())
        .with_fetch(filter.fetch())
        .build()?;
    Ok(Some(Arc::new(whole)))
}
