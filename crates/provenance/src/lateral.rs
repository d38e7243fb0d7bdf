//! LATERAL subqueries whose tie to the outer row stands deep inside them: `LEFT JOIN LATERAL (SELECT coalesce(json_agg(x), '[]')
//! FROM (SELECT … FROM (SELECT * FROM t WHERE t.a = o.a) b) x) l ON true`, as interfaces over a database nest them.
//!
//! The values that tie their rows to an outer row are carried up through every operator, beside what it gives, and join it
//! there. What is folded is folded for each of them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, Sort, SubqueryAlias, Window, lit, when,
};

use crate::correlated::{has_rows_of_its_own, tie};

/// A subquery without its ties to the outer row.
struct Hoisted {
    plan: LogicalPlan,
    /// What ties it: a column of the plan, and an expression over the outer row.
    ties: Vec<(Expr, Expr)>,
    /// Where all rows were folded into one: what each column is where there were none.
    of_none: Option<Vec<(Column, Expr)>>,
}

/// A join to a LATERAL subquery as one to all that it could give; `None` for other joins, and shapes that are not understood.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn joined(join: &Join) -> Result<Option<LogicalPlan>> {
    let is_plain = matches!(join.join_type, JoinType::Inner | JoinType::Left) && join.on.is_empty();
    let Some((inner, aliases)) = lateral(&join.right).filter(|_| is_plain) else { return Ok(None) };
    if inner.all_out_ref_exprs().is_empty() {
        return Ok(None);
    }
    let Some(mut hoisted) = hoist(inner, 0)? else { return Ok(None) };
    for alias in aliases.into_iter().rev() {
        let Some(aliased) = hoisted.aliased(alias)? else { return Ok(None) };
        hoisted = aliased;
    }
    let on_is_true = join.filter.as_ref().is_none_or(|filter| *filter == lit(true));
    let is_folded = hoisted.of_none.is_some();
    if is_folded && !on_is_true && join.join_type == JoinType::Left {
        return Ok(None);
    }
    let ties = hoisted.ties.iter().map(|(own, outer)| Ok(own.clone().eq(of_outer_row(outer)?))).collect::<Result<Vec<_>>>()?;
    let filter = if on_is_true { None } else { join.filter.clone() };
    let of_join = if is_folded { None } else { filter.clone() };
    let join_type = if is_folded { JoinType::Left } else { join.join_type };
    let condition = conjunction(ties.into_iter().chain(of_join));
    let joined = LogicalPlanBuilder::from(Arc::clone(&join.left)).join_on(hoisted.plan.clone(), join_type, condition)?.build()?;
    let joined = hoisted.without_ties(join, joined)?;
    match filter.filter(|_| is_folded) {
        Some(filter) => Ok(Some(LogicalPlan::Filter(Filter::try_new(filter, Arc::new(joined))?))),
        None => Ok(Some(joined)),
    }
}

fn lateral(right: &LogicalPlan) -> Option<(&LogicalPlan, Vec<&SubqueryAlias>)> {
    match right {
        LogicalPlan::Subquery(subquery) => Some((&subquery.subquery, Vec::new())),
        LogicalPlan::SubqueryAlias(alias) => lateral(&alias.input).map(|(inner, mut aliases)| {
            aliases.insert(0, alias);
            (inner, aliases)
        }),
        _ => None,
    }
}

/// An expression of a subquery over the outer row, where that row is.
fn of_outer_row(outer: &Expr) -> Result<Expr> {
    let changed = outer.clone().transform_up(|part| match part {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        part => Ok(Transformed::no(part)),
    })?;
    Ok(changed.data)
}

fn tie_name(depth: usize, at: usize) -> String {
    format!("__lateral_{depth}_{at}")
}

impl Hoisted {
    fn tie_columns(&self) -> Vec<Expr> {
        self.ties.iter().map(|(own, _)| own.clone()).collect()
    }

    fn aliased(self, alias: &SubqueryAlias) -> Result<Option<Self>> {
        let moved = |column: &Column| Column::new(Some(alias.alias.clone()), column.name.clone());
        let tie = |(own, outer): (Expr, Expr)| match own {
            Expr::Column(column) => Some((Expr::Column(moved(&column)), outer)),
            _ => None,
        };
        let Some(ties) = self.ties.into_iter().map(tie).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let of_none = self.of_none.map(|of_none| of_none.into_iter().map(|(column, value)| (moved(&column), value)).collect());
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(self.plan), alias.alias.clone())?);
        Ok(Some(Self { plan, ties, of_none }))
    }

    /// The columns that the join had; where rows were folded, also for outer rows that nothing belongs to.
    fn without_ties(&self, join: &Join, joined: LogicalPlan) -> Result<LogicalPlan> {
        let mut kept = Vec::new();
        for column in join.schema.columns() {
            let value = Expr::Column(column.clone());
            let of_none = self.of_none.iter().flatten().find(|(known, _)| *known == column);
            let (Some((_, of_none)), Some((tie, _))) = (of_none, self.ties.first()) else {
                kept.push(value);
                continue;
            };
            let kind = value.get_type(joined.schema())?;
            let of_none = of_none.clone().cast_to(&kind, joined.schema())?;
            kept.push(when(tie.clone().is_null(), of_none).otherwise(value)?.alias_qualified(column.relation, column.name));
        }
        Ok(LogicalPlan::Projection(Projection::try_new(kept, Arc::new(joined))?))
    }
}

fn hoist(plan: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    match plan {
        LogicalPlan::Filter(filter) => of_filter(filter, depth),
        LogicalPlan::Projection(projection) if !has_rows_of_its_own(projection) && !reads_outer(&projection.expr) => of_projection(projection, depth),
        LogicalPlan::SubqueryAlias(alias) => match hoist(&alias.input, depth)? {
            Some(below) => below.aliased(alias),
            None => Ok(None),
        },
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            let Some(below) = hoist(&sort.input, depth)? else { return Ok(None) };
            let plan = LogicalPlan::Sort(Sort { input: Arc::new(below.plan), ..sort.clone() });
            Ok(Some(Hoisted { plan, ..below }))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let Some(below) = hoist(input, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
            Ok(Some(Hoisted { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(below.plan))), ..below }))
        }
        LogicalPlan::Aggregate(aggregate) if !reads_outer(&aggregate.aggr_expr) && !reads_outer(&aggregate.group_expr) => of_aggregate(aggregate, depth),
        LogicalPlan::Window(window) if !reads_outer(&window.window_expr) => of_window(window, depth),
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left) => {
            let is_tied = |side: &LogicalPlan| !side.all_out_ref_exprs().is_empty();
            if is_tied(&join.right) || join.filter.as_ref().is_some_and(Expr::contains_outer) || !is_tied(&join.left) {
                return Ok(None);
            }
            let Some(below) = hoist(&join.left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
            let (on, filter) = (join.on.clone(), join.filter.clone());
            let plan = Join::try_new(
                Arc::new(below.plan),
                Arc::clone(&join.right),
                on,
                filter,
                join.join_type,
                join.join_constraint,
                join.null_equality,
                join.null_aware,
            )?;
            Ok(Some(Hoisted { plan: LogicalPlan::Join(plan), ..below }))
        }
        _ => Ok(None),
    }
}

fn reads_outer(expressions: &[Expr]) -> bool {
    expressions.iter().any(Expr::contains_outer)
}

fn of_filter(filter: &Filter, depth: usize) -> Result<Option<Hoisted>> {
    let (tied, own): (Vec<&Expr>, Vec<&Expr>) = split_conjunction(&filter.predicate).into_iter().partition(|part| part.contains_outer());
    if !filter.input.all_out_ref_exprs().is_empty() || tied.is_empty() {
        if !reads_outer(std::slice::from_ref(&filter.predicate)) {
            let Some(below) = hoist(&filter.input, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
            let plan = LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(below.plan))?);
            return Ok(Some(Hoisted { plan, ..below }));
        }
        return Ok(None);
    }
    let Some(ties) = tied.into_iter().map(tie).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let rows = match conjunction(own.into_iter().cloned()) {
        Some(own) => LogicalPlan::Filter(Filter::try_new(own, Arc::clone(&filter.input))?),
        None => filter.input.as_ref().clone(),
    };
    let mut columns: Vec<Expr> = rows.schema().columns().into_iter().map(Expr::Column).collect();
    let mut named = Vec::new();
    for (at, (own, outer)) in ties.into_iter().enumerate() {
        columns.push(own.alias(tie_name(depth, at)));
        named.push((Expr::Column(Column::new_unqualified(tie_name(depth, at))), outer));
    }
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(rows))?);
    Ok(Some(Hoisted { plan, ties: named, of_none: None }))
}

/// The ties under plain names again, beside some expressions.
fn with_ties(mut expressions: Vec<Expr>, below: &Hoisted, depth: usize) -> (Vec<Expr>, Vec<(Expr, Expr)>) {
    let mut ties = Vec::new();
    for (at, (own, outer)) in below.ties.iter().enumerate() {
        expressions.push(own.clone().alias(tie_name(depth, at)));
        ties.push((Expr::Column(Column::new_unqualified(tie_name(depth, at))), outer.clone()));
    }
    (expressions, ties)
}

fn of_projection(projection: &Projection, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&projection.input, depth)? else { return Ok(None) };
    let (expressions, ties) = with_ties(projection.expr.clone(), &below, depth);
    let of_none = below.of_none.as_ref().map(|known| {
        let values = projection.schema.columns().into_iter().zip(&projection.expr);
        values.filter_map(|(column, value)| Some((column, by_none(value, known)?))).collect()
    });
    let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(below.plan))?);
    Ok(Some(Hoisted { plan, ties, of_none }))
}

/// What a value is where all rows were folded and there were none; `None` if that hangs on more.
fn by_none(value: &Expr, known: &[(Column, Expr)]) -> Option<Expr> {
    let changed = value.clone().unalias().transform_down(|part| {
        Ok(match &part {
            Expr::Column(column) => match known.iter().find(|(name, _)| name == column) {
                Some((_, of_none)) => Transformed::new(of_none.clone(), true, TreeNodeRecursion::Jump),
                None => Transformed::no(part),
            },
            _ => Transformed::no(part),
        })
    });
    changed.ok().map(|changed| changed.data).filter(|value| value.column_refs().is_empty())
}

fn of_aggregate(aggregate: &Aggregate, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&aggregate.input, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
    let mut keys = aggregate.group_expr.clone();
    keys.extend(below.tie_columns());
    let of_none = aggregate.group_expr.is_empty().then(|| {
        let values = aggregate.schema.columns().into_iter().zip(&aggregate.aggr_expr);
        values.filter_map(|(column, value)| Some((column, of_no_rows(value)?))).collect()
    });
    let ties = below.ties.clone();
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(below.plan), keys, aggregate.aggr_expr.clone())?);
    Ok(Some(Hoisted { plan, ties, of_none }))
}

/// What a function of many rows gives for none.
fn of_no_rows(value: &Expr) -> Option<Expr> {
    match value {
        Expr::Alias(alias) => of_no_rows(&alias.expr),
        Expr::AggregateFunction(function) if function.func.name() == "count" => Some(lit(0_i64)),
        Expr::AggregateFunction(_) => Some(Expr::Literal(ScalarValue::Null, None)),
        _ => None,
    }
}

fn of_window(window: &Window, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&window.input, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
    let ties = below.tie_columns();
    let mut expressions = Vec::new();
    for expression in &window.window_expr {
        let apart = expression.clone().transform_up(|part| match part {
            Expr::WindowFunction(mut function) => {
                function.params.partition_by.extend(ties.iter().cloned());
                Ok(Transformed::yes(Expr::WindowFunction(function)))
            }
            part => Ok(Transformed::no(part)),
        })?;
        // Those above know it by its name.
        let name = expression.schema_name().to_string();
        expressions.push(match apart.data {
            Expr::Alias(alias) => Expr::Alias(alias),
            other => other.alias(name),
        });
    }
    let plan = LogicalPlan::Window(Window::try_new(expressions, Arc::new(below.plan))?);
    Ok(Some(Hoisted { plan, ties: below.ties, of_none: None }))
}
