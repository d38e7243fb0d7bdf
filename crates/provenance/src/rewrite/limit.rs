//! ORDER BY and LIMIT: which rows are sure to be inside, and who else may have been.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::functions_window::expr_fn::rank;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, Filter, Limit, LogicalPlan, Sort, SortExpr, Window, WindowFrame, WindowFunctionDefinition, cast, lit, when,
};

use super::{Rewriter, Rewritten, project, set_column, set_name};
use crate::expression::{Gate, Marks, is_random};
use crate::fidelity::{Judge, OrderKey};
use crate::types::{Doubt, How};

/// The rows that a LIMIT lets through: after `skip`, at most `take`. Expressions without columns.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) skip: Expr,
    pub(crate) take: Option<Expr>,
    /// Whether something above depends on which rows it let through.
    is_inner: bool,
}

impl Cut {
    fn of(limit: &Limit, is_inner: bool) -> Self {
        // NULL cuts nothing.
        let number = |expression: &Expr, of_null: i64| coalesce(vec![cast(expression.clone(), DataType::Int64), lit(of_null)]);
        let skip = limit.skip.as_deref().map_or(lit(0_i64), |skip| number(skip, 0));
        Self { skip, take: limit.fetch.as_deref().map(|take| number(take, i64::MAX / 4)), is_inner }
    }

    /// This cut of what an inner cut lets through, as one cut.
    fn inside(&self, inner: &Self) -> Self {
        let rest = inner.take.clone().map(|take| take - self.skip.clone());
        let take = match (self.take.clone(), rest) {
            (Some(take), Some(rest)) => when(take.clone().lt(rest.clone()), take.clone()).otherwise(rest).ok().or(Some(take)),
            (take, rest) => take.or(rest),
        };
        Self { skip: inner.skip.clone() + self.skip.clone(), take, is_inner: self.is_inner || inner.is_inner }
    }

    /// Whether all of positions `first..=last` (from 0) are inside.
    fn holds(&self, first: &Expr, last: &Expr) -> Expr {
        let after = first.clone().gt_eq(self.skip.clone());
        match &self.take {
            Some(take) => after.and(last.clone().lt(self.skip.clone() + take.clone())),
            None => after,
        }
    }

    /// Whether any of positions `first..=last` is inside.
    fn touches(&self, first: &Expr, last: &Expr) -> Expr {
        let after = last.clone().gt_eq(self.skip.clone());
        match &self.take {
            Some(take) => after.and(first.clone().lt(self.skip.clone() + take.clone())),
            None => after,
        }
    }
}

impl Rewriter<'_> {
    pub(super) fn limit(&mut self, limit: &Limit, outer: Option<&Cut>) -> Result<Rewritten> {
        // Right under another LIMIT, the two are one.
        let is_inner = self.filtering > 0 || self.folding > usize::from(outer.is_some());
        let own = Cut::of(limit, is_inner);
        let cut = outer.map_or_else(|| own.clone(), |outer| outer.inside(&own));
        let input = self.rewrite_folded(&limit.input, Some(&cut))?;
        let plan = LogicalPlan::Limit(Limit { skip: limit.skip.clone(), fetch: limit.fetch.clone(), input: Arc::new(input.plan) });
        Ok(Rewritten { plan, ..input })
    }

    pub(super) fn sort(&mut self, sort: &Sort, cut: Option<&Cut>) -> Result<Rewritten> {
        let mut input = self.rewrite(&sort.input, None)?;
        if let Some(cut) = cut {
            let is_random = sort.expr.iter().any(|key| is_random(&key.expr));
            let judge = Judge::over(&self.server, &sort.input);
            let orders: Option<Vec<OrderKey>> = sort.expr.iter().map(|key| judge.order(&key.expr)).collect();
            match orders.filter(|_| !is_random) {
                None => input = self.unordered(input, cut)?,
                Some(_) if input.sets.is_empty() || !self.has_unproved && self.is_total_order(sort, &input) => {}
                Some(orders) => input = self.ordered(input, &sort.expr, &orders, cut)?,
            }
        }
        let plan = LogicalPlan::Sort(Sort { expr: sort.expr.clone(), input: Arc::new(input.plan), fetch: sort.fetch });
        Ok(Rewritten { plan, ..input })
    }

    /// Whether the keys hold a unique key of the one table below, and no text whose order a collation could change.
    fn is_total_order(&self, sort: &Sort, input: &Rewritten) -> bool {
        let mut scans = 0;
        let is_simple = sort.input.apply(|node| {
            scans += usize::from(matches!(node, LogicalPlan::TableScan(_)));
            let keeps = matches!(node, LogicalPlan::TableScan(_) | LogicalPlan::Filter(_) | LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_));
            if !keeps {
                scans = 2;
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if is_simple.is_err() || scans != 1 {
            return false;
        }
        let mut keys = Vec::new();
        for key in &sort.expr {
            let Expr::Column(column) = &key.expr else {
                return false;
            };
            let scope = input.scope();
            let Ok(marks) = scope.column(column) else {
                return false;
            };
            let displayed: Vec<_> = marks.iter().filter(|mark| mark.how == How::Displayed && mark.gate == Gate::Always).collect();
            match displayed.as_slice() {
                [mark] if self.tables.sorts_alike(mark.column) => keys.push(mark.column),
                _ => return false,
            }
        }
        let Some(table) = keys.first().and_then(|key| self.tables.table(key.table)) else {
            return false;
        };
        // A projection may have computed the column from the key; whatever keeps its value apart keeps it unique only if it is the column itself.
        let is_bare = |node: &LogicalPlan| match node {
            LogicalPlan::Projection(projection) => projection.expr.iter().all(|expression| matches!(expression.clone().unalias(), Expr::Column(_))),
            _ => true,
        };
        let all_bare = !sort.input.exists(|node| Ok(!is_bare(node))).unwrap_or(true);
        all_bare && table.unique_keys.iter().any(|unique| unique.iter().all(|column| keys.iter().any(|key| key.column == *column)))
    }

    /// LIMIT without an order: if anything is cut off, any row may have been inside.
    pub(super) fn unordered(&mut self, input: Rewritten, cut: &Cut) -> Result<Rewritten> {
        if input.sets.is_empty() {
            return Ok(input);
        }
        // Rows stand for others from here on: what their values hold says nothing of those.
        let input = self.settled(input)?;
        let input = self.freed(input)?;
        let input = self.spoken(input, &Marks::new())?;
        let total = self.fresh("__total");
        let counted = over(count(lit(1_i64)), Vec::new())?.alias(&total);
        let plan = LogicalPlan::Window(Window::try_new(vec![counted], Arc::new(input.plan.clone()))?);
        let (zero, last) = (lit(0_i64), Expr::Column(Column::new_unqualified(total)) - lit(1_i64));
        let sure = cut.holds(&zero, &last);
        self.widen(Rewritten { plan, ..input.without_plan() }, sure.clone(), sure.is_not_true(), Doubt::UnorderedLimit, cut)
    }

    /// LIMIT in an order: ties at the edge, and keys that the server may order otherwise, leave rows of which any may have been inside.
    fn ordered(&mut self, input: Rewritten, keys: &[SortExpr], orders: &[OrderKey], cut: &Cut) -> Result<Rewritten> {
        let input = self.settled(input)?;
        let input = self.freed(input)?;
        let input = self.spoken(input, &Marks::new())?;
        // Where a row stands whose place is not sure is not known: it may stand anywhere, and move each other row by one place.
        // So the other rows are ranked among themselves.
        let proved = self.unproved(&input).map(Expr::is_not_true);
        let placed = orders.iter().flat_map(|order| order.guards.iter().cloned()).chain(proved).reduce(Expr::and);
        let stranger = placed.map(Expr::is_not_true);
        let among: Vec<Expr> = stranger.iter().cloned().collect();
        let named = |name: &str| cast(Expr::Column(Column::new_unqualified(name)), DataType::Int64);
        let readings = orders.iter().map(|order| order.readings.len()).max().unwrap_or(1);
        let (mut windows, mut ranges) = (Vec::new(), Vec::new());
        for reading in 0..readings {
            let key = |(key, order): (&SortExpr, &OrderKey)| {
                let expr = order.readings.get(reading).or(order.readings.first()).cloned().unwrap_or_else(|| key.expr.clone());
                SortExpr { expr, ..key.clone() }
            };
            let keys: Vec<SortExpr> = keys.iter().zip(orders).map(key).collect();
            let (first, ties) = (self.fresh("__first"), self.fresh("__ties"));
            let by = among.iter().cloned().chain(keys.iter().map(|key| key.expr.clone())).collect();
            windows.push(rank().partition_by(among.clone()).order_by(keys).build()?.alias(&first));
            windows.push(over(count(lit(1_i64)), by)?.alias(&ties));
            ranges.push((named(&first) - lit(1_i64), named(&first) + named(&ties) - lit(2_i64)));
        }
        let (strangers, total) = (self.fresh("__strangers"), self.fresh("__total"));
        if let Some(stranger) = &stranger {
            windows.push(over(count(when(stranger.clone(), lit(1_i64)).end()?), Vec::new())?.alias(&strangers));
            windows.push(over(count(lit(1_i64)), Vec::new())?.alias(&total));
        }
        let plan = windows.into_iter().try_fold(input.plan.clone(), |plan, window| {
            Ok::<_, datafusion::common::DataFusionError>(LogicalPlan::Window(Window::try_new(vec![window], Arc::new(plan))?))
        })?;
        let is_sure_order = stranger.is_none() && readings == 1;
        let moved = |last: Expr| if stranger.is_some() { last + named(&strangers) } else { last };
        let ranges: Vec<(Expr, Expr)> = ranges.into_iter().map(|(first, last)| (first, moved(last))).collect();
        let held = ranges.iter().map(|(first, last)| cut.holds(first, last)).reduce(Expr::and).unwrap_or_else(|| lit(true));
        // What lies between two readings may be inside as well.
        let ends = ranges.into_iter().reduce(|(first, last), (first_too, last_too)| {
            let first = when(first.clone().lt(first_too.clone()), first.clone()).otherwise(first_too).unwrap_or(first);
            let last = when(last.clone().gt(last_too.clone()), last.clone()).otherwise(last_too).unwrap_or(last);
            (first, last)
        });
        let touched = ends.map_or_else(|| lit(true), |(first, last)| cut.touches(&first, &last));
        let (sure, possible) = match stranger {
            Some(stranger) => {
                let anywhere = (lit(0_i64), named(&total) - lit(1_i64));
                let sure = when(stranger.clone(), cut.holds(&anywhere.0, &anywhere.1)).otherwise(held)?;
                (sure, when(stranger, cut.touches(&anywhere.0, &anywhere.1)).otherwise(touched)?)
            }
            None => (held, touched),
        };
        let is_alike = readings == 1 && orders.iter().all(|order| order.guards.is_empty());
        let doubt = match (is_sure_order, is_alike) {
            (true, _) => Doubt::TiedLimit,
            (false, true) => Doubt::DoubtfulRow,
            (false, false) => Doubt::Collation,
        };
        self.widen(Rewritten { plan, ..input.without_plan() }, sure.clone(), possible.and(sure.is_not_true()), doubt, cut)
    }

    /// Rows that are not sure carry everybody who may have been inside instead.
    fn widen(&mut self, input: Rewritten, sure: Expr, uncertain: Expr, doubt: Doubt, cut: &Cut) -> Result<Rewritten> {
        let is_sure = self.fresh("__sure");
        let named = |name: &str| Expr::Column(Column::new_unqualified(name));
        let mut before = input.visible();
        before.extend(input.set_columns());
        before.push(sure.alias(&is_sure));
        let uncertain_name = self.fresh("__uncertain");
        before.push(uncertain.clone().alias(&uncertain_name));
        let (mut windows, mut after) = (Vec::new(), input.visible());
        for set in &input.sets {
            let (candidate, candidates) = (self.fresh("__candidate"), self.fresh("__candidates"));
            before.push(when(uncertain.clone(), set_column(*set)).end()?.alias(&candidate));
            windows.push(window_of(self.functions.union_function(None), vec![named(&candidate)], Vec::new()).alias(&candidates));
            let doubted = self.functions.doubted(named(&candidates), doubt.bit());
            after.push(when(named(&is_sure), set_column(*set)).otherwise(doubted)?.alias(set_name(*set)));
        }
        // A projection of its own: windows that follow each other directly are taken to be independent.
        let mut plan = project(before, input.plan.clone())?;
        // What is done with the rows of an inner LIMIT depends on which they are.
        if cut.is_inner {
            let watch = self.functions.witness(lit(true), named(&is_sure).or(named(&uncertain_name).is_not_true()), lit(true));
            plan = LogicalPlan::Filter(Filter::try_new(watch, Arc::new(plan))?);
        }
        let plan = LogicalPlan::Window(Window::try_new(windows, Arc::new(plan))?);
        Ok(Rewritten { plan: project(after, plan)?, ..input })
    }

    pub(super) fn fresh(&mut self, name: &str) -> String {
        format!("{name}_{}", self.new_set())
    }
}

impl Rewritten {
    /// Everything but the plan, which is about to be replaced.
    pub(super) fn without_plan(self) -> Self {
        Self { plan: LogicalPlan::default(), ..self }
    }
}

/// An aggregate over the whole partition.
pub(super) fn over(aggregate: Expr, partition: Vec<Expr>) -> Result<Expr> {
    match aggregate {
        Expr::AggregateFunction(function) => Ok(window_of(function.func, function.params.args, partition)),
        other => Ok(other),
    }
}

/// The same, from its parts.
pub(super) fn window_of(function: Arc<datafusion::logical_expr::AggregateUDF>, args: Vec<Expr>, partition_by: Vec<Expr>) -> Expr {
    let params = WindowFunctionParams {
        args,
        partition_by,
        order_by: Vec::new(),
        window_frame: WindowFrame::new(None),
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    Expr::WindowFunction(Box::new(WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(function), params }))
}
