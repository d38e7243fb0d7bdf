//! Subqueries that take the first rows of those that belong to an outer row, and those that stand as a value: put into shapes
//! that the planner can turn into joins.
//!
//! | in the statement | here |
//! |---|---|
//! | `(SELECT x FROM t WHERE t.a = o.a ORDER BY y LIMIT 1)` as a value | `(SELECT first_value(x ORDER BY y) FROM t WHERE t.a = o.a)` |
//! | `LATERAL (SELECT x FROM t WHERE t.a = o.a ORDER BY y LIMIT 1)` | the first values of each group by `a` |
//! | `LATERAL (SELECT x FROM t WHERE t.a = o.a ORDER BY y LIMIT n)` | rows by their number among those of one `a` |
//! | `EXISTS (…)` as a value | `(SELECT count(*) …) > 0` |
//! | `ORDER BY (SELECT … WHERE t.a = o.a)`, of rows or of a window | a column of that value, below the order |

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprFunctionExt, FetchType, Filter, Join, Limit, LogicalPlan, Operator, Projection, SkipType, Sort, SortExpr, Subquery,
    SubqueryAlias, Window, cast, lit, when,
};

use crate::lateral::{joined, with_values_beside};

/// The plan, with subqueries of these shapes put into others that mean the same.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn with_plain_subqueries(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| {
        let computed = with_computed_keys(&node)?;
        Ok(computed.map_or_else(|| Transformed::no(node), Transformed::yes))
    })?;
    let plain = plan.data.transform_up_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = &node
            && let Some(right) = first_of_each(&join.right)?
        {
            return Ok(Transformed::yes(LogicalPlan::Join(Join { right: Arc::new(right), ..join.clone() })));
        }
        if let LogicalPlan::Join(join) = &node
            && let Some(joined) = joined(join)?
        {
            return Ok(Transformed::yes(joined));
        }
        let node = with_values_beside(&node)?.unwrap_or(node);
        let is_value = matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
        let mended = node.map_expressions(|expression| {
            let name = NamePreserver::new_for_projection().save(&expression);
            let changed = expression.transform_up(|part| value_of(part, is_value))?;
            Ok(changed.update_data(|expression| name.restore(expression)))
        })?;
        Ok(mended)
    })?;
    Ok(plain.data)
}

/// An order by values of correlated subqueries as one by columns, which the planner can join; `None` for another node.
fn with_computed_keys(node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let is_correlated = |key: &Expr| key.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty())));
    let mut computed = Vec::new();
    let mut column_of = |key: SortExpr| -> Result<SortExpr> {
        if !is_correlated(&key.expr)? {
            return Ok(key);
        }
        let name = format!("__key_{}", computed.len());
        computed.push(key.expr.alias(&name));
        Ok(SortExpr { expr: Expr::Column(Column::new_unqualified(name)), ..key })
    };
    let over = |computed: Vec<Expr>, input: &LogicalPlan| -> Result<Arc<LogicalPlan>> {
        // What the subqueries compare may not be among the items.
        let (columns, input) = match input {
            LogicalPlan::Projection(items) if computed.iter().all(|key| reads_only(key, items.input.schema())) => {
                (items.expr.clone(), Arc::clone(&items.input))
            }
            _ => (input.schema().columns().into_iter().map(Expr::Column).collect(), Arc::new(input.clone())),
        };
        Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns.into_iter().chain(computed).collect(), input)?)))
    };
    let ordered = match node {
        LogicalPlan::Sort(sort) => {
            let keys = sort.expr.iter().cloned().map(&mut column_of).collect::<Result<Vec<_>>>()?;
            if computed.is_empty() {
                return Ok(None);
            }
            LogicalPlan::Sort(Sort { expr: keys, input: over(computed, &sort.input)?, fetch: sort.fetch })
        }
        LogicalPlan::Window(window) => {
            let mut functions = Vec::new();
            for expression in &window.window_expr {
                let name = expression.schema_name().to_string();
                let Expr::WindowFunction(mut function) = expression.clone().unalias() else { return Ok(None) };
                function.params.order_by = function.params.order_by.into_iter().map(&mut column_of).collect::<Result<_>>()?;
                functions.push(Expr::WindowFunction(function).alias(name));
            }
            if computed.is_empty() {
                return Ok(None);
            }
            LogicalPlan::Window(Window::try_new(functions, over(computed, &window.input)?)?)
        }
        _ => return Ok(None),
    };
    let columns = node.schema().columns().into_iter().map(Expr::Column).collect();
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(ordered))?)))
}

/// Whether all columns that an expression reads, in its subqueries too, are in a schema.
fn reads_only(expression: &Expr, schema: &DFSchema) -> bool {
    let is_foreign = |part: &Expr| match part {
        Expr::Column(column) => !schema.has_column(column),
        Expr::ScalarSubquery(subquery) => {
            subquery.outer_ref_columns.iter().any(|outer| !matches!(outer, Expr::OuterReferenceColumn(_, column) if schema.has_column(column)))
        }
        _ => false,
    };
    !expression.exists(|part| Ok(is_foreign(part))).unwrap_or(true)
}

/// A LATERAL subquery that takes the first rows of those that belong to an outer row.
fn first_of_each(lateral: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match lateral {
        LogicalPlan::SubqueryAlias(alias) => match first_of_each(&alias.input)? {
            Some(inner) => Ok(Some(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(inner), alias.alias.clone())?))),
            None => Ok(None),
        },
        LogicalPlan::Subquery(subquery) => match Firsts::read(&subquery.subquery, None)? {
            Some(firsts) => Ok(Some(LogicalPlan::Subquery(Subquery { subquery: Arc::new(firsts.of_each()?), ..subquery.clone() }))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn value_of(part: Expr, is_value: bool) -> Result<Transformed<Expr>> {
    match &part {
        Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty() => match Firsts::of_value(&subquery.subquery)? {
            Some(firsts) => Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(firsts.into_value()?), ..subquery.clone() }))),
            None => Ok(Transformed::no(part)),
        },
        Expr::Exists(exists) if is_value => {
            let Some(counted) = counted(&exists.subquery)? else { return Ok(Transformed::no(part)) };
            let op = if exists.negated { Operator::Eq } else { Operator::Gt };
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(counted), op, Box::new(lit(0_i64))))))
        }
        _ => Ok(Transformed::no(part)),
    }
}

/// How many rows a subquery has, as a value; `None` where what it takes of them depends on more.
fn counted(subquery: &Subquery) -> Result<Option<Expr>> {
    let mut rows = subquery.subquery.as_ref();
    loop {
        rows = match rows {
            LogicalPlan::Projection(projection) if !has_rows_of_its_own(projection) => &projection.input,
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
            LogicalPlan::Limit(limit) => match (limit.get_skip_type()?, limit.get_fetch_type()?) {
                (SkipType::Literal(0), FetchType::Literal(fetch)) if fetch != Some(0) => &limit.input,
                _ => return Ok(None),
            },
            _ => break,
        }
    }
    let counted = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(rows.clone()), Vec::new(), vec![count(lit(1_i64)).alias("__count")])?);
    Ok(Some(Expr::ScalarSubquery(Subquery { subquery: Arc::new(counted), ..subquery.clone() })))
}

/// Whether a projection makes other rows than it gets.
pub(crate) fn has_rows_of_its_own(projection: &Projection) -> bool {
    projection.expr.iter().any(|expression| expression.exists(|part| Ok(matches!(part, Expr::Unnest(_)))).unwrap_or(true))
}

/// A subquery that takes the first of the rows that belong to an outer row.
struct Firsts {
    /// What it gives, by the columns of `base`, under the names of its own columns.
    outputs: Vec<Expr>,
    order: Vec<SortExpr>,
    skip: Count,
    take: Count,
    /// What ties its rows to the outer row: an expression over `base`, and one over the outer row.
    ties: Vec<(Expr, Expr)>,
    /// Its rows, whichever outer row they belong to.
    base: LogicalPlan,
}

/// How many rows a LIMIT or OFFSET counts.
#[derive(Clone, Debug, PartialEq)]
enum Count {
    Is(usize),
    /// A parameter.
    Given(Expr),
}

impl Count {
    /// OFFSET and LIMIT; `None` where they are computed, or one is missing.
    fn of(limit: &Limit) -> Result<Option<(Self, Self)>> {
        // NULL is no OFFSET, and no LIMIT.
        let given = |count: Option<&Expr>, otherwise: Self| match count.map(uncast) {
            Some(parameter @ Expr::Placeholder(_)) => {
                let count = cast(parameter.clone(), DataType::Int64);
                Some(Self::Given(when(count.clone().is_null(), otherwise.value()).otherwise(count).ok()?))
            }
            _ => None,
        };
        let skip = match limit.get_skip_type()? {
            SkipType::Literal(skip) => Some(Self::Is(skip)),
            SkipType::UnsupportedExpr => given(limit.skip.as_deref(), Self::Is(0)),
        };
        let take = match limit.get_fetch_type()? {
            FetchType::Literal(take) => take.map(Self::Is),
            FetchType::UnsupportedExpr => given(limit.fetch.as_deref(), Self::Is(usize::MAX)),
        };
        Ok(skip.zip(take))
    }

    /// Whether it counts as many as another, where a parameter may be anything.
    fn may_be(&self, other: &Self) -> bool {
        self == other || matches!(self, Self::Given(_))
    }

    fn value(&self) -> Expr {
        match self {
            Self::Is(rows) => lit(i64::try_from(*rows).unwrap_or(i64::MAX / 2)),
            Self::Given(parameter) => parameter.clone(),
        }
    }
}

fn uncast(value: &Expr) -> &Expr {
    match value {
        Expr::Cast(cast) => uncast(&cast.expr),
        value => value,
    }
}

impl Firsts {
    fn takes_the_first(&self) -> bool {
        (&self.skip, &self.take) == (&Count::Is(0), &Count::Is(1))
    }

    /// Of a subquery that stands as a value: at most one row, or the server would have refused it.
    fn of_value(plan: &LogicalPlan) -> Result<Option<Self>> {
        let is_plain = !plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Union(_))))?;
        match Self::read(plan, Some(1))? {
            Some(firsts) if !is_plain || firsts.outputs.len() != 1 || firsts.skip != Count::Is(0) => Ok(None),
            Some(firsts) => firsts.one_if_any(),
            None => Ok(None),
        }
    }

    /// Of a value: the first row. Where a parameter says how many, more would have been an error, and none is possible.
    fn one_if_any(self) -> Result<Option<Self>> {
        match &self.take {
            Count::Is(1) => Ok(Some(self)),
            Count::Is(_) => Ok(None),
            Count::Given(parameter) => {
                let any = parameter.clone().gt(lit(0_i64));
                let base = LogicalPlan::Filter(Filter::try_new(any, Arc::new(self.base.clone()))?);
                Ok(Some(Self { base, take: Count::Is(1), ..self }))
            }
        }
    }

    fn read(plan: &LogicalPlan, take: Option<usize>) -> Result<Option<Self>> {
        let (mut at, mut wrappers, mut limit, mut order) = (plan, Vec::new(), take.map(|take| (Count::Is(0), Count::Is(take))), None);
        let filter = loop {
            at = match at {
                LogicalPlan::Projection(projection) if !has_rows_of_its_own(projection) => {
                    wrappers.push(at);
                    &projection.input
                }
                LogicalPlan::SubqueryAlias(alias) => {
                    wrappers.push(at);
                    &alias.input
                }
                LogicalPlan::Limit(inner) => match Count::of(inner)? {
                    Some((skip, own)) if order.is_none() && limit.as_ref().is_none_or(|(_, outer)| own.may_be(outer)) => {
                        limit = Some((skip, own));
                        &inner.input
                    }
                    _ => return Ok(None),
                },
                LogicalPlan::Sort(sort) if order.is_none() && sort.fetch.is_none() => {
                    order = Some((sort.expr.clone(), wrappers.len()));
                    &sort.input
                }
                LogicalPlan::Filter(filter) => break filter,
                _ => return Ok(None),
            }
        };
        let Some((skip, take)) = limit else { return Ok(None) };
        let outer = |part: &&Expr| part.contains_outer();
        let (tied, own): (Vec<&Expr>, Vec<&Expr>) = split_conjunction(&filter.predicate).into_iter().partition(outer);
        let Some(ties) = tied.into_iter().map(tie).collect::<Option<Vec<_>>>() else { return Ok(None) };
        if ties.is_empty() || !filter.input.all_out_ref_exprs().is_empty() {
            return Ok(None);
        }
        let base = match conjunction(own.into_iter().cloned()) {
            Some(own) => LogicalPlan::Filter(Filter::try_new(own, Arc::clone(&filter.input))?),
            None => filter.input.as_ref().clone(),
        };
        let (sorted, depth) = order.unwrap_or_default();
        let mut known: Vec<(Column, Expr)> = base.schema().columns().into_iter().map(|column| (column.clone(), Expr::Column(column))).collect();
        let keys_by = |known: &[(Column, Expr)]| sorted.iter().map(|key| Ok(SortExpr { expr: by_base(&key.expr, known)?, ..key.clone() })).collect();
        let mut keys: Result<Vec<SortExpr>> = keys_by(&known);
        for (at, wrapper) in wrappers.iter().enumerate().rev() {
            known = through(wrapper, &known)?;
            // The order stands below the first `depth` of them.
            if at >= depth {
                keys = keys_by(&known);
            }
        }
        let keys = keys?;
        if known.iter().any(|(_, value)| value.contains_outer() || has_subquery(value)) || keys.iter().any(|key| key.expr.contains_outer()) {
            return Ok(None);
        }
        let outputs = known.into_iter().map(|(column, value)| value.alias_qualified(column.relation, column.name)).collect();
        Ok(Some(Self { outputs, order: keys, skip, take, ties, base }))
    }

    /// One row: the first.
    fn into_value(self) -> Result<LogicalPlan> {
        let [output] = self.outputs.as_slice() else { return datafusion::common::plan_err!("a value of several columns is not supported") };
        let ties = self.ties.iter().map(|(own, outer)| own.clone().eq(outer.clone()));
        let rows = match conjunction(ties) {
            Some(ties) => LogicalPlan::Filter(Filter::try_new(ties, Arc::new(self.base))?),
            None => self.base,
        };
        let first = first_value(output.clone().unalias(), self.order).alias("__first");
        let folded = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(rows), Vec::new(), vec![first])?);
        let named = named_as(output, Expr::Column(Column::new_unqualified("__first")));
        Ok(LogicalPlan::Projection(Projection::try_new(vec![named], Arc::new(folded))?))
    }

    /// The first rows of each outer row, beside what ties them to it.
    fn of_each(self) -> Result<LogicalPlan> {
        let keys: Vec<Expr> = self.ties.iter().enumerate().map(|(at, (own, _))| own.clone().alias(tie_name(at))).collect();
        let ties = self.ties.iter().enumerate().map(|(at, (_, outer))| Expr::Column(Column::new_unqualified(tie_name(at))).eq(outer.clone()));
        let ties = conjunction(ties);
        let outputs = self.outputs.clone();
        let rows = if self.takes_the_first() { self.first_values(keys)? } else { self.numbered(keys)? };
        let rows = match ties {
            Some(ties) => LogicalPlan::Filter(Filter::try_new(ties, Arc::new(rows))?),
            None => rows,
        };
        let named = outputs.iter().enumerate().map(|(at, output)| named_as(output, Expr::Column(Column::new_unqualified(output_name(at)))));
        Ok(LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(rows))?))
    }

    fn first_values(self, keys: Vec<Expr>) -> Result<LogicalPlan> {
        let firsts = self.outputs.iter().enumerate().map(|(at, output)| first_value(output.clone().unalias(), self.order.clone()).alias(output_name(at)));
        Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(self.base), keys, firsts.collect())?))
    }

    fn numbered(self, keys: Vec<Expr>) -> Result<LogicalPlan> {
        let by = self.ties.iter().map(|(own, _)| own.clone()).collect();
        let number = row_number().partition_by(by).order_by(self.order).build()?.alias("__number");
        let numbered = LogicalPlan::Window(Window::try_new(vec![number], Arc::new(self.base))?);
        let number = || cast(Expr::Column(Column::new_unqualified("__number")), DataType::Int64);
        let (skip, take) = (self.skip.value(), self.take.value());
        let inside = number().gt(skip.clone()).and(number().lt_eq(skip + take));
        let taken = LogicalPlan::Filter(Filter::try_new(inside, Arc::new(numbered))?);
        let outputs = self.outputs.iter().enumerate().map(|(at, output)| output.clone().unalias().alias(output_name(at)));
        Ok(LogicalPlan::Projection(Projection::try_new(outputs.chain(keys).collect(), Arc::new(taken))?))
    }
}

fn tie_name(at: usize) -> String {
    format!("__tie_{at}")
}

fn output_name(at: usize) -> String {
    format!("__output_{at}")
}

fn named_as(output: &Expr, value: Expr) -> Expr {
    match output {
        Expr::Alias(alias) => value.alias_qualified(alias.relation.clone(), alias.name.clone()),
        _ => value,
    }
}

pub(crate) fn has_subquery(value: &Expr) -> bool {
    value.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)))).unwrap_or(true)
}

/// `own = outer`.
pub(crate) fn tie(part: &Expr) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part else { return None };
    let is_outer = |side: &Expr| side.contains_outer() && side.column_refs().is_empty();
    let is_own = |side: &Expr| !side.contains_outer() && !side.column_refs().is_empty() && !has_subquery(side);
    match (left.as_ref(), right.as_ref()) {
        (own, outer) if is_own(own) && is_outer(outer) => Some((own.clone(), outer.clone())),
        (outer, own) if is_own(own) && is_outer(outer) => Some((own.clone(), outer.clone())),
        _ => None,
    }
}

/// The plan, with a column for what ties the rows of a folded subquery to the outer row, where that is computed (`lower(a) = outer.b`, or the key of
/// a text in its collation): the planner turns only equalities of columns into joins.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn with_tied_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut number = 0_usize;
    let tied = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
        let LogicalPlan::Filter(filter) = aggregate.input.as_ref() else { return Ok(Transformed::no(node)) };
        let mut computed = Vec::new();
        let mut parts = Vec::new();
        for part in split_conjunction(&filter.predicate) {
            parts.push(match tie(part) {
                Some((own, outer)) if !matches!(uncast(&own), Expr::Column(_)) => {
                    number += 1;
                    let name = format!("__tied_{number}");
                    computed.push(own.alias(&name));
                    Expr::Column(Column::new_unqualified(name)).eq(outer)
                }
                _ => part.clone(),
            });
        }
        let Some(predicate) = conjunction(parts).filter(|_| !computed.is_empty()) else { return Ok(Transformed::no(node)) };
        let columns = filter.input.schema().columns().into_iter().map(Expr::Column).chain(computed).collect();
        let rows = LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(&filter.input))?);
        let filtered = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(rows))?);
        let folded = Aggregate::try_new(Arc::new(filtered), aggregate.group_expr.clone(), aggregate.aggr_expr.clone())?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(folded)))
    })?;
    Ok(tied.data)
}

/// An expression over a plan's columns as one over those of its base.
fn by_base(expression: &Expr, known: &[(Column, Expr)]) -> Result<Expr> {
    let schema_of = |column: &Column| known.iter().find(|(name, _)| name == column).or_else(|| known.iter().find(|(name, _)| name.name == column.name));
    let changed = expression.clone().transform_down(|part| {
        Ok(match &part {
            Expr::Column(column) => match schema_of(column) {
                Some((_, value)) => Transformed::new(value.clone(), true, TreeNodeRecursion::Jump),
                None => Transformed::no(part),
            },
            _ => Transformed::no(part),
        })
    })?;
    Ok(changed.data)
}

/// What a plan's columns are by its base, above one more operator.
fn through(wrapper: &LogicalPlan, known: &[(Column, Expr)]) -> Result<Vec<(Column, Expr)>> {
    let columns = wrapper.schema().columns();
    match wrapper {
        LogicalPlan::Projection(projection) => {
            columns.into_iter().zip(&projection.expr).map(|(column, value)| Ok((column, by_base(&value.clone().unalias(), known)?))).collect()
        }
        _ => Ok(columns.into_iter().zip(known).map(|(column, (_, value))| (column, value.clone())).collect()),
    }
}
