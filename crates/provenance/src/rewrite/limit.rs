//! ORDER BY and LIMIT: which rows are sure to be inside, and who else may have been.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::functions_window::expr_fn::rank;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, ExprFunctionExt, Limit, LogicalPlan, Sort, SortExpr, Window, WindowFrame, WindowFunctionDefinition, cast, lit, when};

use super::{Rewriter, Rewritten, project, set_column, set_name};
use crate::collation::{in_language, is_foreign, is_text};
use crate::expression::{Gate, Marks, is_random};
use crate::types::{Doubt, How};

/// The rows that a LIMIT lets through: after `skip`, at most `take`. Expressions without columns.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) skip: Expr,
    pub(crate) take: Option<Expr>,
}

impl Cut {
    fn of(limit: &Limit) -> Self {
        let number = |expression: &Expr| cast(expression.clone(), DataType::Int64);
        let skip = limit.skip.as_deref().map_or(lit(0_i64), number);
        Self { skip, take: limit.fetch.as_deref().map(number) }
    }

    /// This cut of what an inner cut lets through, as one cut.
    fn inside(&self, inner: &Self) -> Self {
        let rest = inner.take.clone().map(|take| take - self.skip.clone());
        let take = match (self.take.clone(), rest) {
            (Some(take), Some(rest)) => when(take.clone().lt(rest.clone()), take.clone()).otherwise(rest).ok().or(Some(take)),
            (take, rest) => take.or(rest),
        };
        Self { skip: inner.skip.clone() + self.skip.clone(), take }
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
        let own = Cut::of(limit);
        let cut = outer.map_or_else(|| own.clone(), |outer| outer.inside(&own));
        let input = self.rewrite(&limit.input, Some(&cut))?;
        let plan = LogicalPlan::Limit(Limit { skip: limit.skip.clone(), fetch: limit.fetch.clone(), input: Arc::new(input.plan) });
        Ok(Rewritten { plan, ..input })
    }

    pub(super) fn sort(&mut self, sort: &Sort, cut: Option<&Cut>) -> Result<Rewritten> {
        let mut input = self.rewrite(&sort.input, None)?;
        if let Some(cut) = cut {
            let is_random = sort.expr.iter().any(|key| is_random(&key.expr));
            if is_random {
                input = self.unordered(input, cut)?;
            } else if !input.sets.is_empty() && !self.is_total_order(sort, &input) {
                input = self.ordered(input, &sort.expr, cut)?;
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
        let input = self.spoken(input, &Marks::new())?;
        let total = self.fresh("__total");
        let counted = over(count(lit(1_i64)), Vec::new())?.alias(&total);
        let plan = LogicalPlan::Window(Window::try_new(vec![counted], Arc::new(input.plan.clone()))?);
        let (zero, last) = (lit(0_i64), Expr::Column(Column::new_unqualified(total)) - lit(1_i64));
        let sure = cut.holds(&zero, &last);
        self.widen(Rewritten { plan, ..input.without_plan() }, sure.clone(), sure.is_not_true(), Doubt::UnorderedLimit)
    }

    /// LIMIT in an order: ties at the edge, and texts that a language would sort otherwise, leave rows of which any may have been inside.
    fn ordered(&mut self, input: Rewritten, keys: &[SortExpr], cut: &Cut) -> Result<Rewritten> {
        let input = self.settled(input)?;
        let input = self.spoken(input, &Marks::new())?;
        let texts: Vec<&SortExpr> = keys.iter().filter(|key| is_text(&key.expr, &input.schema)).collect();
        // Where a language puts a text with characters outside ASCII is not known: it may stand anywhere, and move each other row
        // by one place. So the other rows are ranked among themselves.
        let foreign = texts.iter().map(|key| is_foreign(&key.expr).is_true()).reduce(Expr::or);
        let among: Vec<Expr> = foreign.iter().cloned().collect();
        let mut windows = Vec::new();
        let mut rank_by = |keys: Vec<SortExpr>, first: &str, ties: &str| -> Result<()> {
            let by = among.iter().cloned().chain(keys.iter().map(|key| key.expr.clone())).collect();
            windows.push(rank().partition_by(among.clone()).order_by(keys).build()?.alias(first));
            windows.push(over(count(lit(1_i64)), by)?.alias(ties));
            Ok(())
        };
        let (first, ties) = (self.fresh("__first"), self.fresh("__ties"));
        rank_by(keys.to_vec(), &first, &ties)?;
        let mut folded = None;
        if let Some(foreign) = foreign {
            let (first, ties) = (self.fresh("__first"), self.fresh("__ties"));
            let weighed = |key: &SortExpr| {
                if is_text(&key.expr, &input.schema) { in_language(&key.expr) } else { key.expr.clone() }
            };
            rank_by(keys.iter().map(|key| SortExpr { expr: weighed(key), ..key.clone() }).collect(), &first, &ties)?;
            let (strangers, total) = (self.fresh("__strangers"), self.fresh("__total"));
            windows.push(over(count(when(foreign.clone(), lit(1_i64)).end()?), Vec::new())?.alias(&strangers));
            windows.push(over(count(lit(1_i64)), Vec::new())?.alias(&total));
            folded = Some((first, ties, foreign, strangers, total));
        }
        let plan = windows.into_iter().try_fold(input.plan.clone(), |plan, window| {
            Ok::<_, datafusion::common::DataFusionError>(LogicalPlan::Window(Window::try_new(vec![window], Arc::new(plan))?))
        })?;
        let named = |name: &str| cast(Expr::Column(Column::new_unqualified(name)), DataType::Int64);
        let positions = |first: &str, ties: &str| (named(first) - lit(1_i64), named(first) + named(ties) - lit(2_i64));
        let (from, to) = positions(&first, &ties);
        let (mut sure, mut possible) = (cut.holds(&from, &to), cut.touches(&from, &to));
        let mut doubt = Doubt::TiedLimit;
        if let Some((first, ties, foreign, strangers, total)) = folded {
            let (from_too, to_too) = positions(&first, &ties);
            let anywhere = (lit(0_i64), named(&total) - lit(1_i64));
            let held = |from: &Expr, to: &Expr| cut.holds(from, &(to.clone() + named(&strangers)));
            let touched = |from: &Expr, to: &Expr| cut.touches(from, &(to.clone() + named(&strangers)));
            let of_strangers = (cut.holds(&anywhere.0, &anywhere.1), cut.touches(&anywhere.0, &anywhere.1));
            sure = when(foreign.clone(), of_strangers.0).otherwise(held(&from, &to).and(held(&from_too, &to_too)))?;
            // What lies between the two readings may be inside as well.
            let first_of_both = when(from.clone().lt(from_too.clone()), from.clone()).otherwise(from_too)?;
            let last_of_both = when(to.clone().gt(to_too.clone()), to.clone()).otherwise(to_too)?;
            possible = when(foreign, of_strangers.1).otherwise(touched(&first_of_both, &last_of_both))?;
            doubt = Doubt::Collation;
        }
        self.widen(Rewritten { plan, ..input.without_plan() }, sure.clone(), possible.and(sure.is_not_true()), doubt)
    }

    /// Rows that are not sure carry everybody who may have been inside instead.
    fn widen(&mut self, input: Rewritten, sure: Expr, uncertain: Expr, doubt: Doubt) -> Result<Rewritten> {
        let is_sure = self.fresh("__sure");
        let named = |name: &str| Expr::Column(Column::new_unqualified(name));
        let mut before = input.visible();
        before.extend(input.set_columns());
        before.push(sure.alias(&is_sure));
        let (mut windows, mut after) = (Vec::new(), input.visible());
        for set in &input.sets {
            let (candidate, candidates) = (self.fresh("__candidate"), self.fresh("__candidates"));
            before.push(when(uncertain.clone(), set_column(*set)).end()?.alias(&candidate));
            windows.push(window_of(self.functions.union_function(None), vec![named(&candidate)], Vec::new()).alias(&candidates));
            let doubted = self.functions.doubted(named(&candidates), doubt.bit());
            after.push(when(named(&is_sure), set_column(*set)).otherwise(doubted)?.alias(set_name(*set)));
        }
        // A projection of its own: windows that follow each other directly are taken to be independent.
        let plan = project(before, input.plan.clone())?;
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
