//! Which columns of the tables decide about a statement's answer, and which it only sends as they stand. A value that is not known then leaves
//! the row in doubt, or nothing but itself.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Operator, Projection, Union};

use super::rows::folds;
use crate::catalog::Tables;
use crate::database::{ROW_IN_DOUBT, column_in_doubt};
use crate::kernels::is_to_instant;
use crate::near::Nears;
use crate::types::ColumnRef;

/// What a statement does with the columns of its tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    /// Those that take part in anything but being sent.
    pub(crate) deciding: BTreeSet<ColumnRef>,
    /// Those among them that are known but for a little, of which nothing is asked that hangs on it.
    pub(crate) coarse: BTreeSet<ColumnRef>,
    /// With parameters taken to be far from such a column's values: which, and by number, each once.
    pub(crate) far: BTreeSet<(ColumnRef, usize)>,
    /// Those that are sent as they stand.
    pub(super) sent: BTreeSet<ColumnRef>,
}

/// How a statement's parameters lie to the values of columns that are known but for a little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// They may be any.
    #[default]
    Any,
    /// Each is far from all values of the columns that it is compared with.
    Far,
}

/// The columns whose value stands in a value, as it is.
type Origins = BTreeSet<ColumnRef>;

impl Lineage {
    /// The lineage of a whole statement.
    pub(crate) fn of(plan: &LogicalPlan, tables: &Tables, parameters: Parameters) -> Result<Self> {
        let order_matters = folds(plan);
        let mut walk = Walk { tables, order_matters, parameters, deciding: BTreeSet::new(), asked_coarsely: BTreeSet::new(), far: BTreeSet::new() };
        let sent: BTreeSet<ColumnRef> = walk.outputs(plan)?.into_iter().flatten().collect();
        let coarse: BTreeSet<ColumnRef> = walk.asked_coarsely.difference(&walk.deciding).copied().collect();
        let deciding: BTreeSet<ColumnRef> = walk.deciding.into_iter().chain(coarse.iter().copied()).collect();
        Ok(Self { sent: sent.difference(&deciding).copied().collect(), deciding, coarse, far: walk.far })
    }

    /// What leaves a row of a table in doubt, where it is: the row itself, and the columns that decide.
    pub(super) fn of_rows(&self, table: usize) -> u64 {
        self.deciding.iter().filter(|column| column.table == table).fold(ROW_IN_DOUBT, |all, column| all | column_in_doubt(column.column))
    }

    /// The columns of a table that leave a row in doubt where they are known but for a little.
    pub(super) fn of_near(&self, table: usize, nears: &Nears) -> u64 {
        let fine = self.deciding.difference(&self.coarse).filter(|column| column.table == table && nears.holds(**column));
        fine.fold(0, |all, column| all | column_in_doubt(column.column))
    }
}

struct Walk<'t> {
    tables: &'t Tables,
    /// Whether anything stands on the order of rows.
    order_matters: bool,
    deciding: BTreeSet<ColumnRef>,
    /// Columns that are known but for a little, where nothing was asked that hangs on it.
    asked_coarsely: BTreeSet<ColumnRef>,
    parameters: Parameters,
    far: BTreeSet<(ColumnRef, usize)>,
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
                    self.compare(&key.expr, sort.input.schema(), &below)?;
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
                for key in &aggregate.group_expr {
                    self.compare(key, aggregate.input.schema(), &below)?;
                }
                for expression in &aggregate.aggr_expr {
                    self.decide(expression, aggregate.input.schema(), &below)?;
                }
                vec![Origins::new(); width]
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let below = self.outputs(input)?;
                below.iter().for_each(|origins| self.compared(origins));
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

    /// Values of rows of the statement are compared with each other.
    fn compare(&mut self, key: &Expr, schema: &DFSchema, below: &[Origins]) -> Result<()> {
        match key {
            Expr::Column(column) if let Some(origins) = schema.maybe_index_of_column(column).and_then(|position| below.get(position)) => {
                self.compared(origins);
                Ok(())
            }
            _ => self.decide(key, schema, below),
        }
    }

    /// Columns whose values are compared with each other, of one column alone each.
    fn compared(&mut self, origins: &Origins) {
        let is_one = origins.len() == 1;
        let (coarse, fine): (Origins, Origins) = origins.iter().partition(|column| is_one && self.tables.nears.are_apart(**column));
        self.asked_coarsely.extend(coarse);
        self.deciding.extend(fine);
    }

    /// What an expression asks of columns that are known but for a little, if that does not hang on it: whether there is a value, or how it compares
    /// with a constant that is far from it.
    fn asks_coarsely<'b>(&mut self, part: &Expr, schema: &DFSchema, below: &'b [Origins]) -> Option<&'b Origins> {
        let (value, constants): (&Expr, Vec<&Expr>) = match part {
            Expr::IsNull(value) | Expr::IsNotNull(value) => (value, Vec::new()),
            Expr::BinaryExpr(compared) if is_comparison(compared.op) => match (bare(&compared.left), bare(&compared.right)) {
                (value @ Expr::Column(_), constant) | (constant, value @ Expr::Column(_)) => (value, vec![constant]),
                _ => return None,
            },
            Expr::Between(between) => (&between.expr, vec![bare(&between.low), bare(&between.high)]),
            _ => return None,
        };
        let Expr::Column(column) = bare(value) else { return None };
        let origins = below.get(schema.maybe_index_of_column(column)?)?;
        let number = |constant: &Expr| if let Expr::Placeholder(parameter) = constant { parameter.id.trim_start_matches('$').parse().ok() } else { None };
        let is_far = |column: ColumnRef, constant: &&Expr| match constant {
            Expr::Literal(value, _) => self.tables.nears.are_far_from(column, value),
            constant => self.parameters == Parameters::Far && number(constant).is_some(),
        };
        let is_coarse = |column: &ColumnRef| self.tables.nears.holds(*column) && constants.iter().all(|constant| is_far(*column, constant));
        if origins.is_empty() || !origins.iter().all(is_coarse) {
            return None;
        }
        self.far.extend(origins.iter().flat_map(|column| constants.iter().filter_map(|constant| number(constant)).map(|number| (*column, number))));
        Some(origins)
    }

    /// The columns that an expression looks at decide.
    fn decide(&mut self, expression: &Expr, schema: &DFSchema, below: &[Origins]) -> Result<()> {
        expression.apply(|part| {
            if let Some(origins) = self.asks_coarsely(part, schema, below) {
                self.asked_coarsely.extend(origins);
                return Ok(TreeNodeRecursion::Jump);
            }
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

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// A value without the casts and names around it.
fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => bare(&alias.expr),
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(..)) => bare(&cast.expr),
        // In whichever zone: what is far is far in each.
        Expr::ScalarFunction(function) if is_to_instant(function) => function.args.first().map_or(expression, bare),
        _ => expression,
    }
}
