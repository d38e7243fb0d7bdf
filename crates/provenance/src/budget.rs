//! What one replay may take: rows that flow, bytes that are held, seconds. Whoever can send SQL must not be able to stop a
//! response with one statement.
//!
//! The engine's memory pool counts what joins, sorts and aggregates hold. It does not count what a window holds while it waits
//! for the last row, nor what is collected at the end; and no limit of it ends a join of billions of rows that are only passed on.
//! So meters stand in the physical plan: above every source and whatever can make rows out of fewer, below each window, and at
//! the top. They look at the clock too: every operator that works for long asks one of them for more rows.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// Ends of a replay that is over its budget.
pub(crate) const TOO_MANY_ROWS: &str = "rows of a replay";
/// The same, of time.
pub(crate) const TOO_LONG: &str = "seconds of a replay";

/// What one replay has left.
#[derive(Debug)]
pub(crate) struct Budget {
    rows_left: AtomicU64,
    until: Instant,
}

impl Budget {
    pub(crate) fn new(rows: u64, time: Duration) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { rows_left: AtomicU64::new(rows), until: now.checked_add(time).unwrap_or(now) })
    }

    fn take(&self, rows: usize) -> Result<()> {
        let rows = rows as u64;
        let left = self.rows_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(rows));
        if left.is_err() {
            return Err(DataFusionError::ResourcesExhausted(TOO_MANY_ROWS.into()));
        }
        if Instant::now() > self.until {
            return Err(DataFusionError::ResourcesExhausted(TOO_LONG.into()));
        }
        Ok(())
    }
}

/// The plan with meters.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn metered(plan: Arc<dyn ExecutionPlan>, budget: &Arc<Budget>) -> Result<Arc<dyn ExecutionPlan>> {
    let meter = |input: Arc<dyn ExecutionPlan>, held| -> Arc<dyn ExecutionPlan> { Arc::new(Meter { input, budget: Arc::clone(budget), held }) };
    let inside = plan.transform_up(|node| {
        let node = if node.name() == "WindowAggExec" {
            let children = node.children().into_iter().map(|child| meter(Arc::clone(child), Held::ByParent)).collect();
            node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?
        } else {
            node
        };
        let makes_rows = node.name().contains("Join") || matches!(node.name(), "UnnestExec" | "RecursiveQueryExec" | "DataSourceExec" | "WorkTableExec");
        Ok(if makes_rows { Transformed::yes(meter(node, Held::No)) } else { Transformed::no(node) })
    })?;
    Ok(meter(inside.data, Held::ByParent))
}

/// Whether whoever takes the rows keeps them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    No,
    ByParent,
}

#[derive(Debug)]
struct Meter {
    input: Arc<dyn ExecutionPlan>,
    budget: Arc<Budget>,
    held: Held,
}

impl DisplayAs for Meter {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Meter")
    }
}

impl ExecutionPlan for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(&self, _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>, _options: ReplaceChildrenOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a meter stands above one plan");
        };
        Ok(Arc::new(Self { input, budget: Arc::clone(&self.budget), held: self.held }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let reservation = (self.held == Held::ByParent).then(|| MemoryConsumer::new("rows that are held").register(context.memory_pool()));
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(Metered { input, budget: Arc::clone(&self.budget), reservation }))
    }
}

struct Metered {
    input: SendableRecordBatchStream,
    budget: Arc<Budget>,
    /// What has gone through and is held above.
    reservation: Option<MemoryReservation>,
}

impl Metered {
    fn count(&self, batch: &RecordBatch) -> Result<()> {
        self.budget.take(batch.num_rows())?;
        match &self.reservation {
            Some(reservation) => reservation.try_grow(bytes_of(batch)),
            None => Ok(()),
        }
    }
}

/// Bytes of the rows of a batch, without what its buffers hold beside them.
fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())).sum()
}

impl futures_core::Stream for Metered {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.input.as_mut().poll_next(context));
        Poll::Ready(match next {
            Some(Ok(batch)) => Some(self.count(&batch).map(|()| batch)),
            other => other,
        })
    }
}

impl RecordBatchStream for Metered {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
