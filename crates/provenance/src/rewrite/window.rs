//! Window functions: a row's own cells are its own; what comes from the partition follows the partition's size.

use std::sync::Arc;

use datafusion::common::{Column, Result, plan_err};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Window, WindowFrameBound};

use super::limit::window_of;
use super::{Renaming, Rewriter, Rewritten, project, renamed, set_column, set_name, summarised};
use crate::expression::{Mark, Marks, inferred};
use crate::types::Doubt;

enum Kind {
    /// The row's place.
    Ranks,
    /// Another row's value.
    Picks,
    /// A number over the partition.
    Counts,
    /// A number over the partition that holds values.
    Summarises,
    /// Every value of the partition.
    Copies,
}

fn kind_of(function: &str) -> Kind {
    match function {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" => Kind::Ranks,
        "lag" | "lead" | "first_value" | "last_value" | "nth_value" | "min" | "max" => Kind::Picks,
        "count" | "approx_distinct" => Kind::Counts,
        "sum" | "avg" | "mean" | "median" | "stddev" | "stddev_pop" | "stddev_samp" | "var" | "var_pop" | "var_samp" | "bool_and" | "bool_or" => {
            Kind::Summarises
        }
        _ => Kind::Copies,
    }
}

impl Rewriter<'_> {
    pub(super) fn window(&mut self, window: &Window) -> Result<Rewritten> {
        let input = self.rewrite(&window.input, None)?;
        if self.keeps_used {
            self.aside.push(input.clone());
        }
        let functions = window.window_expr.iter().map(function_of).collect::<Result<Vec<_>>>()?;
        let mut read = Marks::new();
        for function in &functions {
            for argument in &function.params.args {
                read.extend(input.scope().of(argument)?);
            }
        }
        let (input, names) = self.ungate(input, &read)?;
        let mut windows = Vec::new();
        let mut added = Vec::new();
        let mut columns = input.columns.clone();
        for function in functions {
            columns.push(self.partition_marks(function, &input, &names, &mut windows, &mut added)?);
        }
        let mut sets = input.sets.clone();
        let mut plan = LogicalPlan::Window(Window::try_new(window.window_expr.clone(), Arc::new(input.plan.clone()))?);
        // One node each: the windows of one node must agree on their partition and order.
        for union in windows {
            plan = LogicalPlan::Window(Window::try_new(vec![union], Arc::new(plan))?);
        }
        let mut expressions: Vec<Expr> = window.schema.columns().into_iter().map(Expr::Column).collect();
        expressions.extend(input.set_columns());
        for (set, expression) in added {
            expressions.push(expression);
            sets.push(set);
        }
        Ok(Rewritten { plan: project(expressions, plan)?, columns, sets, schema: window.schema.clone(), ..input.without_plan() })
    }

    fn partition_marks(
        &mut self,
        function: &WindowFunction,
        input: &Rewritten,
        names: &[Renaming],
        windows: &mut Vec<Expr>,
        added: &mut Vec<(u32, Expr)>,
    ) -> Result<Marks> {
        let kind = kind_of(&function.fun.to_string().to_lowercase());
        if matches!(kind, Kind::Ranks) {
            return Ok(Marks::new());
        }
        let mut marks = Marks::new();
        for argument in &function.params.args {
            marks.extend(input.scope().of(argument)?);
        }
        if let Some(filter) = &function.params.filter {
            marks.extend(input.scope().deciding(filter)?);
        }
        let free = renamed(&marks, names);
        let mut moved = Vec::new();
        for set in marks.iter().chain(&free).map(|mark| mark.set).collect::<std::collections::BTreeSet<_>>() {
            let name = self.fresh("__partition");
            windows.push(window_of(self.functions.union_function(None), vec![set_column(set)], function.params.partition_by.clone()).alias(&name));
            let (whole, doubted) = (self.new_set(), self.new_set());
            let union = Expr::Column(Column::new_unqualified(name));
            added.push((doubted, self.functions.doubted(union.clone(), Doubt::OrderOfPartition.bit()).alias(set_name(doubted))));
            added.push((whole, union.alias(set_name(whole))));
            moved.push((set, whole, doubted));
        }
        let whole = |set: u32| moved.iter().find(|(old, _, _)| *old == set).map(|(_, whole, _)| *whole);
        let doubted = |mark: &Mark| moved.iter().find(|(old, _, _)| *old == mark.set).map(|(_, _, doubted)| Mark { set: *doubted, ..*mark });
        let frame = &function.params.window_frame;
        let is_whole = frame.start_bound.is_unbounded() && (frame.end_bound.is_unbounded() || function.params.order_by.is_empty());
        let mut result = summarised(&if matches!(kind, Kind::Counts) { inferred(&marks) } else { marks.clone() }, whole);
        match kind {
            Kind::Picks => result.extend(free.iter().filter_map(doubted)),
            Kind::Copies => result.extend(free.iter().filter_map(|mark| whole(mark.set).map(|set| Mark { set, ..*mark }))),
            // Sums over moving frames differ by single values: whoever sees two knows one.
            Kind::Summarises if !is_whole => result.extend(inferred(&free).iter().filter_map(doubted)),
            _ => {}
        }
        let is_current = |bound: &WindowFrameBound| matches!(bound, WindowFrameBound::CurrentRow);
        if is_current(&frame.start_bound) && is_current(&frame.end_bound) && !matches!(kind, Kind::Counts) {
            result.extend(marks);
        }
        Ok(result)
    }
}

fn function_of(expression: &Expr) -> Result<&WindowFunction> {
    match expression {
        Expr::WindowFunction(function) => Ok(function),
        Expr::Alias(alias) => function_of(&alias.expr),
        _ => plan_err!("a window function of this shape is not supported"),
    }
}
