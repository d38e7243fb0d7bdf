//! Recursive queries: provenance travels through the work table.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{RecursiveQuery, TableScan};

use super::{Rewriter, Rewritten};

/// The work table of a recursive query that is being rewritten.
#[derive(Clone, Debug)]
pub(super) struct WorkTable;

impl Rewriter<'_> {
    pub(super) fn recursive(&mut self, _query: &RecursiveQuery) -> Result<Rewritten> {
        plan_err!("a recursive query is not supported")
    }

    pub(super) fn work_table(&mut self, _scan: &TableScan) -> Result<Rewritten> {
        plan_err!("a table is not known")
    }
}
