//! Window functions: a row's own cells are its own; what comes from the partition follows the partition's size.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::{Column, Result, plan_err};
use datafusion::functions_aggregate::expr_fn::{bool_and, count};
use datafusion::functions_window::expr_fn::rank;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, ExprFunctionExt, Filter, LogicalPlan, SortExpr, Window, WindowFrameBound, lit, when};

use super::limit::{over, window_of};
use super::values::{Added, Argued, Folds};
use super::{Renaming, Rewriter, Rewritten, project, renamed, set_column, set_name, summarised};
use crate::expression::{Gate, Layout, Mark, Marks, inferred, is_random};
use crate::fidelity::{Grouping, Judge, OrderKey};
use crate::stand_in::is_stand_in;
use crate::types::{Doubt, How};

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

/// What the place of a row in its partition hangs on.
struct Watch {
    /// The keys of the partition.
    partition: Vec<Expr>,
    /// Its orders, by each reading.
    orders: Vec<Vec<SortExpr>>,
    /// What must hold for a row to be where we put it.
    guards: Vec<Expr>,
    /// Whether it matters which of rows that tie goes first.
    breaks_ties: bool,
}

/// What is sure of a partition.
struct Partition {
    /// Whether the server parts the rows as we do.
    is_known: bool,
    /// Whether a row stands where we put it, where the function gives the value of one row.
    placed: Option<Expr>,
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The orders of a window by each reading; `None` if the server may partition or order otherwise.
fn watched(judge: &Judge<'_>, window: &WindowFunction) -> Option<Watch> {
    let params = &window.params;
    let orders: Vec<OrderKey> = params.order_by.iter().map(|key| judge.order(&key.expr)).collect::<Option<_>>()?;
    if params.partition_by.iter().any(|key| matches!(judge.grouping(key), Grouping::Unknown)) {
        return None;
    }
    let guards = orders.iter().flat_map(|order| order.guards.clone()).collect();
    let readings = orders.iter().map(|order| order.readings.len()).max().unwrap_or(0);
    let by = |reading: usize| {
        let key = |(key, order): (&SortExpr, &OrderKey)| {
            let expr = order.readings.get(reading).or(order.readings.first()).cloned().unwrap_or_else(|| key.expr.clone());
            SortExpr { expr, ..key.clone() }
        };
        params.order_by.iter().zip(&orders).map(key).collect()
    };
    let gives_ties_one_rank = matches!(window.fun.to_string().to_lowercase().as_str(), "rank" | "dense_rank" | "percent_rank" | "cume_dist");
    Some(Watch { partition: params.partition_by.clone(), orders: (0..readings).map(by).collect(), guards, breaks_ties: !gives_ties_one_rank })
}

impl Rewriter<'_> {
    pub(super) fn window(&mut self, window: &Window) -> Result<Rewritten> {
        let input = self.rewrite_folded(&window.input, None)?;
        if self.keeps_used {
            self.aside.push(input.clone());
        }
        let functions = window.window_expr.iter().map(function_of).collect::<Result<Vec<_>>>()?;
        let input = self.parted_alike(&functions, window, input)?;
        let input = if self.folding + self.filtering > 0 { self.ordered_alike(&functions, window, input)? } else { input };
        let (input, of_arguments) = self.read(input, &functions, &window.input)?;
        let (input, names) = self.ungate(input, &of_arguments.iter().flatten().map(|argued| argued.mark).collect())?;
        let mut windows = Vec::new();
        let mut added = Vec::new();
        let mut narrow = Vec::new();
        let mut columns = input.columns.clone();
        let mut plan = input.plan.clone();
        let server = self.server.clone();
        let judge = Judge::over(&server, &window.input);
        for (function, argued) in functions.into_iter().zip(of_arguments) {
            let (ranked, partition) = self.partition(function, &judge, &input, plan)?;
            plan = ranked;
            columns.push(self.partition_marks(function, (&argued, &partition), &names, &mut windows, &mut added, &mut narrow)?);
        }
        let mut sets = input.sets.clone();
        let mut plan = LogicalPlan::Window(Window::try_new(window.window_expr.clone(), Arc::new(plan))?);
        for union in windows {
            plan = windowed(union, plan)?;
        }
        let mut expressions: Vec<Expr> = window.schema.columns().into_iter().map(Expr::Column).collect();
        expressions.extend(input.set_columns());
        for (set, expression) in added {
            expressions.push(expression);
            sets.push(set);
        }
        let windowed = Rewritten { plan: project(expressions, plan)?, columns, sets, schema: window.schema.clone(), ..input.without_plan() };
        let narrowed = narrow.into_iter().map(|(new, all, own, limit)| (new, self.narrowed(all, own, limit))).collect();
        self.with_sets(windowed, narrowed)
    }

    /// Marks of what the functions read of each row: of values that are there, in rows that their FILTER lets through.
    fn read(&mut self, input: Rewritten, functions: &[&WindowFunction], below: &LogicalPlan) -> Result<(Rewritten, Vec<Vec<Argued>>)> {
        let server = self.server.clone();
        let judge = Judge::over(&server, below);
        let mut added = Added::default();
        let mut all = Vec::new();
        for function in functions {
            let folds = if matches!(kind_of(&function.fun.to_string().to_lowercase()), Kind::Counts) { Folds::No } else { Folds::Yes };
            let mut argued = Vec::new();
            for argument in &function.params.args {
                argued.extend(self.argued(&input, argument, (folds, function.params.filter.as_deref()), (&judge, &mut added))?);
            }
            if let Some(filter) = &function.params.filter {
                argued.extend(input.scope().deciding(filter)?.into_iter().map(|mark| Argued { mark, all: mark.set }));
            }
            // Whether the value that the replay got is there is not asked: the server may have taken another row, or other rows, than the replay.
            all.push(argued.into_iter().map(|argued| Argued { mark: Mark { layout: Layout::Loose, ..argued.mark }, all: argued.all }).collect());
        }
        Ok((self.with_sets(input, added.columns())?, all))
    }

    /// Watches for partitions that the server would make otherwise.
    fn parted_alike(&mut self, functions: &[&WindowFunction], window: &Window, input: Rewritten) -> Result<Rewritten> {
        let partitions: BTreeMap<String, &Vec<Expr>> =
            functions.iter().map(|function| (format!("{:?}", function.params.partition_by), &function.params.partition_by)).collect();
        let server = self.server.clone();
        let judge = Judge::over(&server, &window.input);
        let mut watches = Vec::new();
        for keys in partitions.into_values() {
            watches.extend(self.watches_of(keys, &judge).0);
        }
        input.watched_by(watches)
    }

    /// Where something depends on a window's values: watches for rows whose place in it the server may see otherwise.
    fn ordered_alike(&mut self, functions: &[&WindowFunction], window: &Window, mut input: Rewritten) -> Result<Rewritten> {
        let judge = Judge::over(&self.server, &window.input);
        let mut watches: Vec<Watch> = Vec::new();
        for function in functions {
            let params = &function.params;
            let is_placed = matches!(kind_of(&function.fun.to_string().to_lowercase()), Kind::Ranks | Kind::Picks);
            self.decided.is_open |= is_placed && params.order_by.is_empty();
            match watched(&judge, function) {
                Some(watch) => watches.push(watch),
                None => self.decided.is_open = true,
            }
        }
        let proved = self.unproved(&input).map(Expr::is_not_true);
        for mut watch in watches {
            watch.guards.extend(proved.clone());
            let (plan, Some(sure)) = self.ranked(watch, input.plan.clone())? else { continue };
            let plan = LogicalPlan::Filter(Filter::try_new(self.functions.witness(lit(true), sure, lit(true)), Arc::new(plan))?);
            let mut kept = input.visible();
            kept.extend(input.set_columns());
            input = Rewritten { plan: project(kept, plan)?, ..input };
        }
        Ok(input)
    }

    /// Ranks the rows by each order. A row is where we put it if no other ties with it, where that matters, all orders rank it alike and the
    /// guards hold.
    fn ranked(&mut self, Watch { partition, orders, guards, breaks_ties }: Watch, mut plan: LogicalPlan) -> Result<(LogicalPlan, Option<Expr>)> {
        let mut ranks: Vec<String> = Vec::new();
        let mut sure = guards;
        let orders = if breaks_ties || orders.len() > 1 { orders } else { Vec::new() };
        for order in orders {
            let (rank_name, ties) = (self.fresh("__rank"), self.fresh("__ties"));
            let by = partition.iter().cloned().chain(order.iter().map(|key| key.expr.clone())).collect();
            // The optimizer loses one of two windows that are the same: a number of its own, of no weight, tells each apart.
            let own = lit(i64::from(self.new_set()));
            let last = own.clone().sort(true, false);
            let ranked = rank().partition_by(partition.clone()).order_by(order.into_iter().chain([last]).collect()).build()?.alias(&rank_name);
            plan = windowed(ranked, plan)?;
            if breaks_ties {
                plan = windowed(over(count(own), by)?.alias(&ties), plan)?;
                sure.push(named(&ties).eq(lit(1_i64)));
            }
            sure.extend(ranks.first().map(|first| named(first).eq(named(&rank_name))));
            ranks.push(rank_name);
        }
        Ok((plan, sure.into_iter().reduce(Expr::and)))
    }

    /// What is sure of a function's partition, and of the row in it whose value the function gives.
    fn partition(&mut self, function: &WindowFunction, judge: &Judge<'_>, input: &Rewritten, plan: LogicalPlan) -> Result<(LogicalPlan, Partition)> {
        // What may part otherwise by the values at hand is watched (`parted_alike`).
        let is_known = !function.params.partition_by.iter().any(|key| matches!(judge.grouping(key), Grouping::Unknown));
        let Some(mut watch) = watched(judge, function).filter(|_| is_of_a_place(function)) else { return Ok((plan, Partition { is_known, placed: None })) };
        watch.guards.extend(self.unproved(input).map(Expr::is_not_true));
        if watch.orders.is_empty() {
            // Without an order a row is where we put it if it is alone.
            watch.orders.push(Vec::new());
        }
        let keys = watch.partition.clone();
        let (plan, sure) = self.ranked(watch, plan)?;
        let Some(sure) = sure else { return Ok((plan, Partition { is_known, placed: None })) };
        // One row out of place moves the others.
        let name = self.fresh("__placed");
        let plan = windowed(over(bool_and(sure.is_true()), keys)?.alias(&name), plan)?;
        Ok((plan, Partition { is_known, placed: Some(named(&name)) }))
    }

    /// The name of a window among `windows`. The optimizer loses one of two that are the same.
    fn once(&mut self, word: &str, window: Expr, windows: &mut Vec<Expr>) -> String {
        let known = windows.iter().find_map(|known| match known {
            Expr::Alias(alias) if *alias.expr == window => Some(alias.name.clone()),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let name = self.fresh(word);
            windows.push(window.alias(&name));
            name
        })
    }

    /// For each set of a row that of its whole partition, and that of the row of it whose value the function gives, as far as that is known.
    fn partition_sets(
        &mut self,
        function: &WindowFunction,
        partition: &Partition,
        sets: BTreeSet<u32>,
        (windows, added): (&mut Vec<Expr>, &mut Vec<(u32, Expr)>),
    ) -> Result<Vec<(u32, u32, u32)>> {
        let mut moved = Vec::new();
        for set in sets {
            let union = window_of(self.functions.union_function(None), vec![set_column(set)], function.params.partition_by.clone());
            let name = self.once("__partition", union, windows);
            let (whole, doubted) = (self.new_set(), self.new_set());
            let union = named(&name);
            let any = self.functions.doubted(union.clone(), Doubt::OrderOfPartition.bit());
            let one = match &partition.placed {
                Some(placed) => {
                    let name = self.once("__picked", of_set(function, set), windows);
                    when(placed.clone(), named(&name)).otherwise(any.clone())?
                }
                None => any.clone(),
            };
            added.push((doubted, one.alias(set_name(doubted))));
            // Where the server may part the rows otherwise, nobody is known to be alone.
            let all = if partition.is_known { union } else { any };
            added.push((whole, all.alias(set_name(whole))));
            moved.push((set, whole, doubted));
        }
        Ok(moved)
    }

    fn partition_marks(
        &mut self,
        function: &WindowFunction,
        (argued, partition): (&[Argued], &Partition),
        names: &[Renaming],
        windows: &mut Vec<Expr>,
        added: &mut Vec<(u32, Expr)>,
        narrow: &mut Vec<(u32, u32, u32, usize)>,
    ) -> Result<Marks> {
        let name = function.fun.to_string().to_lowercase();
        let kind = kind_of(&name);
        if matches!(kind, Kind::Ranks) {
            return Ok(Marks::new());
        }
        let marks: Marks = argued.iter().map(|argued| argued.mark).collect();
        let free = renamed(&marks, names);
        let sets = marks.iter().chain(&free).map(|mark| mark.set).chain(argued.iter().map(|argued| argued.all)).collect();
        let moved = self.partition_sets(function, partition, sets, (windows, added))?;
        let whole = |set: u32| moved.iter().find(|(old, _, _)| *old == set).map(|(_, whole, _)| *whole);
        let doubted = |mark: &Mark| moved.iter().find(|(old, _, _)| *old == mark.set).map(|(_, _, doubted)| Mark { set: *doubted, ..*mark });
        let frame = &function.params.window_frame;
        let holds_itself = holds_itself(function);
        let is_whole = holds_itself && frame.start_bound.is_unbounded() && (frame.end_bound.is_unbounded() || function.params.order_by.is_empty());
        // Of one alone nothing is sent where the row itself may not be in the frame.
        let shown = |set: u32| if holds_itself { whole(set) } else { moved.iter().find(|(old, _, _)| *old == set).map(|(_, _, doubted)| *doubted) };
        // The one whose value is there need not be the one whose row was taken.
        let picks = matches!(kind, Kind::Picks) && !matches!(name.as_str(), "min" | "max");
        let mut result = Marks::new();
        for Argued { mark, all } in argued {
            let mark = if matches!(kind, Kind::Counts) { Mark::inferred(mark.set, mark.gate, mark.column) } else { *mark };
            let (Some(own), Some(of_all)) = (whole(mark.set), whole(*all)) else { continue };
            if own == of_all || mark.how == How::Inferred {
                let (displayed, inferred): (Marks, Marks) = summarised(&Marks::from([mark]), whole).into_iter().partition(|mark| mark.how == How::Displayed);
                let displayed = if picks { Marks::new() } else { displayed };
                result.extend(displayed.into_iter().filter_map(|one| Some(Mark { set: shown(mark.set)?, ..one })).chain(inferred));
                continue;
            }
            for (how, limit) in [(How::Displayed, 1), (How::Inferred, self.few())].into_iter().skip(usize::from(picks)) {
                let (Some(own), Some(of_all)) = (if how == How::Displayed { (shown(mark.set), shown(*all)) } else { (Some(own), Some(of_all)) }) else {
                    continue;
                };
                let set = self.new_set();
                narrow.push((set, of_all, own, limit));
                result.insert(Mark { set, how, gate: Gate::Always, ..mark });
            }
        }
        match kind {
            Kind::Picks => result.extend(free.iter().filter_map(doubted)),
            Kind::Copies if is_whole => result.extend(free.iter().filter_map(|mark| whole(mark.set).map(|set| Mark { set, ..*mark }))),
            // A moving frame holds some of them.
            Kind::Copies => result.extend(free.iter().filter_map(doubted)),
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

/// One node each: the windows of one node must agree on their partition and order.
pub(super) fn windowed(window: Expr, plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Window(Window::try_new(vec![window], Arc::new(plan))?))
}

/// Whether a function gives the value of the row at one place, and of no other.
fn is_of_a_place(function: &WindowFunction) -> bool {
    let params = &function.params;
    let is_plain = params.filter.is_none() && !params.distinct && params.null_treatment != Some(NullTreatment::IgnoreNulls);
    let name = function.fun.to_string().to_lowercase();
    let is_known = match params.args.as_slice() {
        [_] => matches!(name.as_str(), "lag" | "lead" | "first_value" | "last_value"),
        [_, Expr::Literal(..)] => matches!(name.as_str(), "lag" | "lead" | "nth_value"),
        _ => false,
    };
    is_plain && is_known
}

/// Whether a function surely sees the value of the row that it stands in: then of a partition of one it shows that one.
fn holds_itself(function: &WindowFunction) -> bool {
    let params = &function.params;
    let frame = &params.window_frame;
    let begins = matches!(frame.start_bound, WindowFrameBound::Preceding(_) | WindowFrameBound::CurrentRow);
    let ends = matches!(frame.end_bound, WindowFrameBound::Following(_) | WindowFrameBound::CurrentRow);
    let is_of_another = matches!(function.fun.to_string().to_lowercase().as_str(), "lag" | "lead" | "nth_value");
    // A frame that is not known stands in no order that is known (`spelling`).
    begins && ends && !is_of_another && !params.order_by.iter().any(|key| is_random(&key.expr) || is_stand_in(&key.expr))
}

/// The set of the row whose value a function gives.
fn of_set(function: &WindowFunction, set: u32) -> Expr {
    let mut function = function.clone();
    if let Some(value) = function.params.args.first_mut() {
        *value = set_column(set);
    }
    Expr::WindowFunction(Box::new(function))
}

fn function_of(expression: &Expr) -> Result<&WindowFunction> {
    match expression {
        Expr::WindowFunction(function) => Ok(function),
        Expr::Alias(alias) => function_of(&alias.expr),
        _ => plan_err!("a window function of this shape is not supported"),
    }
}
