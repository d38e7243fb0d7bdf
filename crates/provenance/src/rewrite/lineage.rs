//! Which columns of the tables decide about a statement's answer, and which it only sends as they stand. A value that is not known then leaves
//! the row in doubt, or nothing but itself.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Projection, Union};

use super::rows::folds;
use crate::catalog::Tables;
use crate::database::{ROW_IN_DOUBT, column_in_doubt};
use crate::types::ColumnRef;

/// What a statement does with the columns of its tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    /// Those that take part in anything but being sent.
    pub(crate) deciding: BTreeSet<ColumnRef>,
    /// Those that are sent as they stand.
    pub(super) sent: BTreeSet<ColumnRef>,
}

/// The columns whose value stands in a value, as it is.
type Origins = BTreeSet<ColumnRef>;

impl Lineage {
    /// The lineage of a whole statement.
    pub(crate) fn of(plan: &LogicalPlan, tables: &Tables) -> Result<Self> {
        let order_matters = folds(plan);
        let mut walk = Walk { tables, order_matters, deciding: BTreeSet::new() };
        let sent: BTreeSet<ColumnRef> = walk.outputs(plan)?.into_iter().flatten().collect();
        Ok(Self { sent: sent.difference(&walk.deciding).copied().collect(), deciding: walk.deciding })
    }

    /// What leaves a row of a table in doubt, where it is: the row itself, and the columns that decide.
    pub(super) fn of_rows(&self, table: usize) -> u64 {
        self.deciding.iter().filter(|column| column.table == table).fold(ROW_IN_DOUBT, |all, column| all | column_in_doubt(column.column))
    }
}

struct Walk<'t> {
    tables: &'t Tables,
    /// Whether anything stands on the order of rows.
    order_matters: bool,
    deciding: BTreeSet<ColumnRef>,
}

impl Walk<'_> {
    /// What each column of a plan's rows is a copy of.
    fn outputs(&mut self, plan: &LogicalPlan) -> Result<Vec<Origins>> {
        let width = plan.schema().fields().len();
        Ok(match plan {
            LogicalPlan::TableScan(scan) => {
                let table = self.tables.find(&source_as_provider(&scan.source)?).map(|(table, _)| table);
                let place = |position: usize| scan.projection.as_ref().map_or(Some(position), |projection| projection.get(position).copied());
                let column = |position| Some(ColumnRef { table: table?, column: place(position)? });
                (0..width).map(|position| column(position).into_iter().collect()).collect()
            }
            LogicalPlan::Projection(projection) => self.projection(projection)?,
            LogicalPlan::Filter(filter) => {
                let below = self.outputs(&filter.input)?;
                self.decide(&filter.predicate, filter.input.schema(), &below)?;
                below
            }
            LogicalPlan::Sort(sort) => {
                let below = self.outputs(&sort.input)?;
                let matters = self.order_matters || sort.fetch.is_some();
                for key in sort.expr.iter().filter(|_| matters) {
                    self.decide(&key.expr, sort.input.schema(), &below)?;
                }
                below
            }
            LogicalPlan::SubqueryAlias(alias) => self.outputs(&alias.input)?,
            LogicalPlan::Subquery(subquery) if subquery.outer_ref_columns.is_empty() => self.outputs(&subquery.subquery)?,
            LogicalPlan::Limit(limit) => self.outputs(&limit.input)?,
            LogicalPlan::Join(join) => self.join(join, width)?,
            LogicalPlan::Union(union) => self.union(union, width)?,
            LogicalPlan::Aggregate(aggregate) => {
                let below = self.outputs(&aggregate.input)?;
                for expression in aggregate.group_expr.iter().chain(&aggregate.aggr_expr) {
                    self.decide(expression, aggregate.input.schema(), &below)?;
                }
                vec![Origins::new(); width]
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let below = self.outputs(input)?;
                self.deciding.extend(below.into_iter().flatten());
                vec![Origins::new(); width]
            }
            LogicalPlan::Window(window) => {
                let mut below = self.outputs(&window.input)?;
                for expression in &window.window_expr {
                    self.decide(expression, window.input.schema(), &below)?;
                }
                below.resize(width, Origins::new());
                below
            }
            LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => vec![Origins::new(); width],
            other => self.anything(other, width)?,
        })
    }

    fn projection(&mut self, projection: &Projection) -> Result<Vec<Origins>> {
        let below = self.outputs(&projection.input)?;
        let schema = projection.input.schema();
        let mut all = Vec::new();
        for expression in &projection.expr {
            let mut bare = expression;
            while let Expr::Alias(alias) = bare {
                bare = &alias.expr;
            }
            match bare {
                Expr::Column(column) => all.push(below.get(schema.index_of_column(column)?).cloned().unwrap_or_default()),
                _ => {
                    self.decide(bare, schema, &below)?;
                    all.push(Origins::new());
                }
            }
        }
        Ok(all)
    }

    fn join(&mut self, join: &Join, width: usize) -> Result<Vec<Origins>> {
        let (left, right) = (self.outputs(&join.left)?, self.outputs(&join.right)?);
        for (of_left, of_right) in &join.on {
            self.decide(of_left, join.left.schema(), &left)?;
            self.decide(of_right, join.right.schema(), &right)?;
        }
        let both: Vec<Origins> = left.iter().chain(&right).cloned().collect();
        if let Some(filter) = &join.filter {
            self.decide(filter, &join.left.schema().join(join.right.schema())?, &both)?;
        }
        let mut all = match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => both,
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right,
        };
        all.resize(width, Origins::new());
        Ok(all)
    }

    fn union(&mut self, union: &Union, width: usize) -> Result<Vec<Origins>> {
        let mut all = vec![Origins::new(); width];
        for input in &union.inputs {
            for (own, more) in all.iter_mut().zip(self.outputs(input)?) {
                own.extend(more);
            }
        }
        Ok(all)
    }

    /// The columns that an expression looks at decide.
    fn decide(&mut self, expression: &Expr, schema: &DFSchema, below: &[Origins]) -> Result<()> {
        expression.apply(|part| {
            match part {
                Expr::Column(column) => match schema.maybe_index_of_column(column).and_then(|position| below.get(position)) {
                    Some(origins) => self.deciding.extend(origins),
                    None => self.deciding.extend(below.iter().flatten()),
                },
                // What a query in a value looks at is not told apart.
                Expr::Exists(exists) => self.query(&exists.subquery.subquery, below)?,
                Expr::InSubquery(within) => self.query(&within.subquery.subquery, below)?,
                Expr::ScalarSubquery(subquery) => self.query(&subquery.subquery, below)?,
                Expr::SetComparison(comparison) => self.query(&comparison.subquery.subquery, below)?,
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }

    fn query(&mut self, plan: &LogicalPlan, below: &[Origins]) -> Result<()> {
        self.deciding.extend(below.iter().flatten());
        self.anything(plan, 0).map(drop)
    }

    /// A plan of which nothing is told apart: all columns of all its tables decide.
    fn anything(&mut self, plan: &LogicalPlan, width: usize) -> Result<Vec<Origins>> {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some((table, _)) = self.tables.find(&source_as_provider(&scan.source)?)
            {
                let columns = self.tables.table(table).map_or(0, |table| table.columns.fields().len());
                self.deciding.extend((0..columns).map(|column| ColumnRef { table, column }));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(vec![Origins::new(); width])
    }
}
