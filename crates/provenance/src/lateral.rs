//! LATERAL subqueries whose tie to the outer row stands deep inside them: `LEFT JOIN LATERAL (SELECT coalesce(json_agg(x), '[]')
//! FROM (SELECT … FROM (SELECT * FROM t WHERE t.a = o.a) b) x) l ON true`, as interfaces over a database nest them.
//!
//! The values that tie their rows to an outer row are carried up through every operator, beside what it gives, and join it
//! there. What is folded is folded for each of them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result, ScalarValue, TableReference};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprSchemable, Filter, Join, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Sort, Subquery, SubqueryAlias,
    Window, lit, when,
};

use crate::correlated::{has_rows_of_its_own, has_subquery, tie};

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
    let Some(mut hoisted) = hoist(inner, &join.left, 0)? else { return beside_rows(join, inner, &aliases) };
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

/// Values that compare rows with the outer row (`(SELECT count(*) FROM t WHERE t.pay > o.pay)`), as LATERAL joins below the node;
/// `None` where it has none that the planner could not take apart itself.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn with_values_beside(node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match node {
        LogicalPlan::Projection(projection) => {
            let Some((values, input)) = values_beside(&projection.expr, &projection.input)? else { return Ok(None) };
            Ok(Some(LogicalPlan::Projection(Projection::try_new(values, Arc::new(input))?)))
        }
        LogicalPlan::Filter(filter) => {
            let Some((predicate, input)) = values_beside(std::slice::from_ref(&filter.predicate), &filter.input)? else { return Ok(None) };
            let columns = node.schema().columns().into_iter().map(Expr::Column);
            let filtered = predicate.into_iter().try_fold(LogicalPlanBuilder::from(input), LogicalPlanBuilder::filter)?;
            Ok(Some(filtered.project(columns)?.build()?))
        }
        _ => Ok(None),
    }
}

/// These expressions with columns in place of such values, and the rows that have the columns.
fn values_beside(expressions: &[Expr], input: &LogicalPlan) -> Result<Option<(Vec<Expr>, LogicalPlan)>> {
    let mut input = input.clone();
    let mut values: Vec<(Subquery, Column)> = Vec::new();
    let mut changed = Vec::new();
    for expression in expressions {
        let name = NamePreserver::new_for_projection().save(expression);
        let put = expression.clone().transform_up(|part| {
            let Expr::ScalarSubquery(subquery) = &part else { return Ok(Transformed::no(part)) };
            if !compares_with_outer(&subquery.subquery) {
                return Ok(Transformed::no(part));
            }
            let known = values.iter().find(|(known, _)| known == subquery).map(|(_, column)| column.clone());
            let column = match known {
                Some(column) => column,
                None => {
                    let alias = TableReference::bare(format!("__value_{}", values.len()));
                    let Some(beside) = value_beside(&input, subquery, alias)? else { return Ok(Transformed::no(part)) };
                    let column = beside.schema().columns().pop().expect("the value was added last");
                    input = beside;
                    values.push((subquery.clone(), column.clone()));
                    column
                }
            };
            Ok(Transformed::yes(Expr::Column(column)))
        })?;
        changed.push(put.update_data(|expression| name.restore(expression)).data);
    }
    Ok((!values.is_empty()).then_some((changed, input)))
}

/// Whether a subquery folds rows that it compares with the outer row, not only for equality.
fn compares_with_outer(plan: &LogicalPlan) -> bool {
    let mut at = plan;
    let mut folds = false;
    loop {
        at = match at {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
                folds = true;
                &aggregate.input
            }
            LogicalPlan::Filter(filter) => {
                return folds && split_conjunction(&filter.predicate).into_iter().any(|part| part.contains_outer() && tie(part).is_none());
            }
            _ => return false,
        }
    }
}

/// The outer rows with a value beside each.
fn value_beside(outer: &LogicalPlan, value: &Subquery, alias: TableReference) -> Result<Option<LogicalPlan>> {
    let right = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(LogicalPlan::Subquery(value.clone())), alias)?);
    let join = LogicalPlanBuilder::from(outer.clone()).join_on(right, JoinType::Left, [lit(true)])?.build()?;
    match &join {
        LogicalPlan::Join(join) => joined(join),
        _ => Ok(None),
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

fn hoist(plan: &LogicalPlan, left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    match plan {
        LogicalPlan::Filter(filter) => of_filter(filter, left, depth),
        LogicalPlan::Projection(projection) if !has_rows_of_its_own(projection) && !reads_outer(&projection.expr) => of_projection(projection, left, depth),
        LogicalPlan::SubqueryAlias(alias) => match hoist(&alias.input, left, depth)? {
            Some(below) => below.aliased(alias),
            None => Ok(None),
        },
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            let Some(below) = hoist(&sort.input, left, depth)? else { return Ok(None) };
            let plan = LogicalPlan::Sort(Sort { input: Arc::new(below.plan), ..sort.clone() });
            Ok(Some(Hoisted { plan, ..below }))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let Some(below) = hoist(input, left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
            Ok(Some(Hoisted { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(below.plan))), ..below }))
        }
        LogicalPlan::Aggregate(aggregate) if !reads_outer(&aggregate.aggr_expr) && !reads_outer(&aggregate.group_expr) => of_aggregate(aggregate, left, depth),
        LogicalPlan::Window(window) if !reads_outer(&window.window_expr) => of_window(window, left, depth),
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left) => {
            let is_tied = |side: &LogicalPlan| !side.all_out_ref_exprs().is_empty();
            if is_tied(&join.right) || join.filter.as_ref().is_some_and(Expr::contains_outer) || !is_tied(&join.left) {
                return Ok(None);
            }
            let Some(below) = hoist(&join.left, left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
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

fn of_filter(filter: &Filter, left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    let (tied, own): (Vec<&Expr>, Vec<&Expr>) = split_conjunction(&filter.predicate).into_iter().partition(|part| part.contains_outer());
    if !filter.input.all_out_ref_exprs().is_empty() || tied.is_empty() {
        if !reads_outer(std::slice::from_ref(&filter.predicate)) {
            let Some(below) = hoist(&filter.input, left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
            let plan = LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(below.plan))?);
            return Ok(Some(Hoisted { plan, ..below }));
        }
        return Ok(None);
    }
    let Some(ties) = tied.iter().map(|part| tie(part)).collect::<Option<Vec<_>>>() else { return of_comparisons(filter, &tied, left, depth) };
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

/// A filter that compares its rows with the outer row, not only for equality: beside each row stand the outer rows' values that it
/// fits. A value that is not there fits no comparison.
fn of_comparisons(filter: &Filter, tied: &[&Expr], left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    let mut outer: Vec<Column> = Vec::new();
    let mut is_plain = true;
    for part in tied {
        is_plain &= is_comparison(part);
        part.apply(|part| {
            if let Expr::OuterReferenceColumn(field, column) = part {
                is_plain &= left.schema().has_column(column) && !field.data_type().is_string();
                if !outer.contains(column) {
                    outer.push(column.clone());
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if !is_plain {
        return Ok(None);
    }
    let named = |at: usize| Column::new_unqualified(tie_name(depth, at));
    let values: Vec<Expr> = outer.iter().enumerate().map(|(at, column)| Expr::Column(column.clone()).alias(tie_name(depth, at))).collect();
    let outer_rows = LogicalPlanBuilder::from(left.clone()).project(values)?.distinct()?.build()?;
    let fitting = filter.predicate.clone().transform_up(|part| match &part {
        Expr::OuterReferenceColumn(_, column) => match outer.iter().position(|known| known == column) {
            Some(at) => Ok(Transformed::yes(Expr::Column(named(at)))),
            None => Ok(Transformed::no(part)),
        },
        _ => Ok(Transformed::no(part)),
    })?;
    let plan = LogicalPlanBuilder::from(Arc::clone(&filter.input)).join_on(outer_rows, JoinType::Inner, [fitting.data])?.build()?;
    let mut ties = Vec::new();
    for (at, column) in outer.into_iter().enumerate() {
        let field = left.schema().qualified_field_from_column(&column)?.1;
        ties.push((Expr::Column(named(at)), Expr::OuterReferenceColumn(Arc::clone(field), column)));
    }
    Ok(Some(Hoisted { plan, ties, of_none: None }))
}

/// Whether it is a comparison that no value which is not there can fit.
fn is_comparison(part: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return false };
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) && is_strict(left) && is_strict(right)
}

fn is_strict(value: &Expr) -> bool {
    match value {
        Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Literal(..) | Expr::Placeholder(_) => true,
        Expr::Cast(cast) => is_strict(&cast.expr),
        Expr::Alias(alias) => is_strict(&alias.expr),
        Expr::Negative(value) => is_strict(value),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide, right }) => {
            is_strict(left) && is_strict(right)
        }
        _ => false,
    }
}

/// A subquery that folds nothing gives, of each pair of an outer row and one of its own, what it selects: a join to its own rows, and
/// its values computed above that. `None` where it does more, or a name would stand for two columns.
fn beside_rows(join: &Join, inner: &LogicalPlan, aliases: &[&SubqueryAlias]) -> Result<Option<LogicalPlan>> {
    let Some(Beside { base, filters, outputs }) = Beside::read(inner, aliases)? else { return Ok(None) };
    let on_is_true = join.filter.as_ref().is_none_or(|filter| *filter == lit(true));
    let on = join.filter.clone().filter(|_| !on_is_true).map(|filter| put(&filter, &outputs)).transpose()?;
    let conditions = filters.into_iter().chain(on).map(|condition| of_left(&condition, &join.left)).collect::<Result<Vec<_>>>()?;
    let is_left = join.join_type == JoinType::Left;
    let conditions = if is_left && conditions.is_empty() { vec![lit(true)] } else { conditions };
    let mut columns: Vec<Expr> = base.schema().columns().into_iter().map(Expr::Column).collect();
    if is_left {
        columns.push(lit(true).alias(BESIDE));
    }
    let right = LogicalPlanBuilder::from(base.clone()).project(columns).and_then(LogicalPlanBuilder::build);
    let builder = LogicalPlanBuilder::from(Arc::clone(&join.left));
    let joined = match &base {
        LogicalPlan::EmptyRelation(_) if !is_left => conditions.into_iter().reduce(Expr::and).map_or(Ok(builder.clone()), |all| builder.filter(all)),
        _ => right.and_then(|right| builder.join_on(right, join.join_type, conjunction(conditions))),
    };
    // A name of the outer row may stand in the subquery too.
    let Ok(joined) = joined.and_then(LogicalPlanBuilder::build) else { return Ok(None) };
    let mut kept: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    for (column, value) in outputs {
        // A column of its own is NULL by itself where there was no row.
        let is_own = matches!(value, Expr::Column(_));
        let value = match of_left(&value, &join.left)? {
            value if is_left && !is_own => when(Expr::Column(Column::new_unqualified(BESIDE)).is_not_null(), value).end()?,
            value => value,
        };
        kept.push(value.alias_qualified(column.relation, column.name));
    }
    Ok(Projection::try_new(kept, Arc::new(joined)).ok().map(LogicalPlan::Projection))
}

/// Marks rows that an outer row was joined to.
const BESIDE: &str = "__beside";

/// A subquery that folds nothing.
struct Beside {
    /// Its rows, whichever outer row they are joined to.
    base: LogicalPlan,
    /// What must hold of them, by their columns and the outer row's.
    filters: Vec<Expr>,
    /// What it gives, likewise.
    outputs: Vec<(Column, Expr)>,
}

impl Beside {
    fn read(inner: &LogicalPlan, aliases: &[&SubqueryAlias]) -> Result<Option<Self>> {
        let (mut at, mut wrappers) = (inner, Vec::new());
        let mut filters = Vec::new();
        let (base, mut outputs) = loop {
            at = match at {
                LogicalPlan::Projection(projection) if !has_rows_of_its_own(projection) && !projection.expr.iter().any(has_subquery) => {
                    wrappers.push(at);
                    &projection.input
                }
                LogicalPlan::Filter(filter) if !has_subquery(&filter.predicate) => {
                    wrappers.push(at);
                    &filter.input
                }
                LogicalPlan::SubqueryAlias(alias) => {
                    wrappers.push(at);
                    &alias.input
                }
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
                LogicalPlan::Values(values) if values.values.len() == 1 => {
                    let row = values.values.first().into_iter().flatten().cloned();
                    break (LogicalPlanBuilder::empty(true).build()?, at.schema().columns().into_iter().zip(row).collect());
                }
                LogicalPlan::Join(join) if join.join_type == JoinType::Inner && join.filter.as_ref().is_some_and(|filter| !has_subquery(filter)) => {
                    filters.extend(join.filter.clone());
                    break (LogicalPlan::Join(Join { filter: None, ..join.clone() }), own_columns(at));
                }
                base => break (base.clone(), own_columns(base)),
            }
        };
        if !base.all_out_ref_exprs().is_empty() {
            return Ok(None);
        }
        for wrapper in wrappers.into_iter().rev() {
            match wrapper {
                LogicalPlan::Filter(filter) => filters.push(put(&filter.predicate, &outputs)?),
                LogicalPlan::Projection(projection) => {
                    let columns = projection.schema.columns().into_iter().zip(&projection.expr);
                    outputs = columns.map(|(column, value)| Ok((column, put(&value.clone().unalias(), &outputs)?))).collect::<Result<_>>()?;
                }
                other => outputs = renamed(other, outputs),
            }
        }
        // The outermost alias comes first.
        let outputs = aliases.iter().rev().fold(outputs, |outputs, alias| {
            let columns = alias.schema.columns();
            columns.into_iter().zip(outputs).map(|(column, (_, value))| (column, value)).collect()
        });
        Ok(Some(Self { base, filters, outputs }))
    }
}

fn own_columns(plan: &LogicalPlan) -> Vec<(Column, Expr)> {
    plan.schema().columns().into_iter().map(|column| (column.clone(), Expr::Column(column))).collect()
}

fn renamed(wrapper: &LogicalPlan, outputs: Vec<(Column, Expr)>) -> Vec<(Column, Expr)> {
    wrapper.schema().columns().into_iter().zip(outputs).map(|(column, (_, value))| (column, value)).collect()
}

/// An expression with these values for these columns.
fn put(expression: &Expr, values: &[(Column, Expr)]) -> Result<Expr> {
    let changed = expression.clone().transform_down(|part| {
        Ok(match &part {
            Expr::Column(column) => match values.iter().find(|(known, _)| known == column) {
                Some((_, value)) => Transformed::new(value.clone(), true, TreeNodeRecursion::Jump),
                None => Transformed::no(part),
            },
            _ => Transformed::no(part),
        })
    })?;
    Ok(changed.data)
}

/// An expression over the outer row where that row is; what stands further out stays.
fn of_left(value: &Expr, left: &LogicalPlan) -> Result<Expr> {
    let changed = value.clone().transform_up(|part| match &part {
        Expr::OuterReferenceColumn(_, column) if left.schema().has_column(column) => Ok(Transformed::yes(Expr::Column(column.clone()))),
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(changed.data)
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

fn of_projection(projection: &Projection, left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&projection.input, left, depth)? else { return Ok(None) };
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

fn of_aggregate(aggregate: &Aggregate, left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&aggregate.input, left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
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

fn of_window(window: &Window, left: &LogicalPlan, depth: usize) -> Result<Option<Hoisted>> {
    let Some(below) = hoist(&window.input, left, depth)?.filter(|below| below.of_none.is_none()) else { return Ok(None) };
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
