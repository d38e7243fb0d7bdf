//! Operators that fold rows: GROUP BY, DISTINCT.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::{Column, Result, plan_err};
use datafusion::functions_aggregate::expr_fn::{bool_or, count};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, ExprFunctionExt, LogicalPlan, lit, when};

use super::limit::over;
use super::values::{Added, Argued, Folds};
use super::window::windowed;
use super::{Brings, Renaming, Rewriter, Rewritten, project, renamed, set_column, set_name, summarised};
use crate::expression::{Gate, Layout, Mark, Marks, Presence, inferred};
use crate::fidelity::{Grouping, Judge, Value};
use crate::pieces::Joined;
use crate::place::Cut;
use crate::spellings::{GroupKey, one_spelling};
use crate::types::{Doubt, How};

/// MySQL's default of `group_concat_max_len`, bytes; MariaDB's is a megabyte.
const GROUP_CONCAT_MAX_LEN: u64 = 1024;

/// What an aggregate function does with the values of a group.
enum Kind {
    /// Counts or weighs them.
    Counts,
    /// Makes one number of them.
    Summarises,
    /// Copies the smallest or the greatest.
    Extreme { is_maximum: bool },
    /// Copies one of them, and which one is not proved.
    Picks,
    /// Copies all of them.
    Copies,
}

fn kind_of(function: &str) -> Kind {
    match function {
        "count" | "approx_distinct" | "grouping" | "regr_count" => Kind::Counts,
        "max" => Kind::Extreme { is_maximum: true },
        "min" => Kind::Extreme { is_maximum: false },
        "first_value" | "last_value" | "nth_value" | "any_value" => Kind::Picks,
        "sum"
        | "avg"
        | "mean"
        | "median"
        | "stddev"
        | "stddev_pop"
        | "stddev_samp"
        | "var"
        | "var_pop"
        | "var_samp"
        | "var_sample"
        | "corr"
        | "covar"
        | "covar_pop"
        | "covar_samp"
        | "bool_and"
        | "bool_or"
        | "bit_and"
        | "bit_or"
        | "bit_xor"
        | "approx_median"
        | "approx_percentile_cont"
        | "approx_percentile_cont_with_weight"
        | "percentile_cont"
        | "regr_slope"
        | "regr_intercept"
        | "regr_r2"
        | "regr_avgx"
        | "regr_avgy"
        | "regr_sxx"
        | "regr_syy"
        | "regr_sxy" => Kind::Summarises,
        _ => Kind::Copies,
    }
}

/// What folding does to the sets: the new set columns, and where each old set went.
#[derive(Default)]
struct Folding {
    expressions: Vec<Expr>,
    sets: Vec<u32>,
    moved: BTreeMap<u32, u32>,
    /// Sets of joined values of which only a piece is picked.
    pieces: BTreeMap<u32, Cut>,
    /// New sets: of the first set being of at most so many people, the second.
    narrowed: Vec<(u32, u32, u32, usize)>,
    /// New sets: that of a group of one row, by the set of any group, and the name of the count of the rows that the function reads.
    of_one_row: Vec<(u32, u32, String)>,
    /// These counts.
    counts: Vec<Expr>,
    /// Whether a row of the group is not proved.
    in_doubt: Option<Expr>,
}

impl Rewriter<'_> {
    /// Unions of all sets of the rows that fold, whole for the sets in `whole`, else up to k people.
    fn fold(&mut self, input: &Rewritten, whole: &BTreeSet<u32>) -> Folding {
        let mut folding = Folding::default();
        for set in &input.sets {
            let cap = if whole.contains(set) { None } else { self.cap() };
            let new = self.new_set();
            folding.expressions.push(self.functions.union(set_column(*set), cap).alias(set_name(new)));
            folding.sets.push(new);
            folding.moved.insert(*set, new);
            if self.decided.rows.contains(set) {
                self.decided.rows.insert(new);
            }
        }
        folding
    }

    pub(super) fn distinct(&mut self, distinct: &Distinct) -> Result<Rewritten> {
        match distinct {
            Distinct::All(input) => {
                let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
                let aggregate = Aggregate::try_new(Arc::clone(input), columns, Vec::new())?;
                self.aggregate(&aggregate)
            }
            Distinct::On(_) => plan_err!("DISTINCT ON of this shape is not supported"),
        }
    }

    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Rewritten> {
        // DISTINCT folds equal rows alone: that one of them is in doubt changes nothing for the others.
        let input = if aggregate.aggr_expr.is_empty() { self.rewrite(&aggregate.input, None)? } else { self.rewrite_folded(&aggregate.input, None)? };
        let keys = grouping_set_to_exprlist(&aggregate.group_expr)?.into_iter().cloned().collect::<Vec<_>>();
        let input = self.grouped_alike(&keys, aggregate, input)?;
        let functions = aggregate.aggr_expr.iter().map(function_of).collect::<Result<Vec<_>>>()?;
        let picks = functions.iter().any(|function| matches!(kind_of(function.func.name()), Kind::Picks | Kind::Extreme { .. }));
        // A group's set tells of its rows that are not proved. Of the whole table's only some may be told, and a value that is not known is in no group's.
        let input = if picks && keys.is_empty() {
            self.all_proved(input, Brings::Itself)?
        } else {
            let read = functions.iter().flat_map(|function| &function.params.args).filter(|argument| argument.any_column_refs());
            self.with_known(read.cloned().collect(), &[], input)?
        };
        // DISTINCT ON is a first value by key; DISTINCT has no function at all: the keys are copied for all that fold.
        let is_distinct = functions.iter().all(|function| matches!(kind_of(function.func.name()), Kind::Picks));
        let (input, of_keys) = self.computed(input, &keys, Folds::No, &aggregate.input)?;
        let (input, of_arguments) = self.arguments(input, &functions, &aggregate.input)?;
        let picked: Vec<Marks> = of_arguments.iter().map(|argued| argued.iter().map(|argued| argued.mark).collect()).collect();
        let wanted = copied_marks(&input, &of_keys, &functions, &picked, is_distinct);
        let (input, names) = self.ungate(input, &wanted.0.union(&wanted.1).copied().collect())?;
        let whole: BTreeSet<u32> = renamed(&wanted.0, &names).iter().map(|mark| mark.set).collect();
        let spoken = of_keys.iter().chain(&picked).flat_map(|marks| marks.iter().chain(&renamed(marks, &names)).copied().collect::<Vec<_>>());
        let of_values = of_arguments.iter().flatten().map(|argued| Mark { set: argued.all, ..argued.mark });
        let input = self.spoken(input, &spoken.chain(of_values).collect())?;
        let mut folding = self.fold(&input, &whole);
        let stands_for_others = functions.iter().any(|function| !matches!(kind_of(function.func.name()), Kind::Counts | Kind::Summarises));
        let is_marked = stands_for_others && !(picks && keys.is_empty());
        let input = if is_marked { self.marked_groups(aggregate, input, &mut folding)? } else { input };

        let mut columns = Vec::new();
        let mut rows = Marks::new();
        for marks in of_keys {
            columns.push(self.key_marks(&renamed_if(is_distinct, marks, &names), is_distinct, &folding));
        }
        columns.resize(aggregate.schema.fields().len() - functions.len(), Marks::new());
        for (function, of_argument) in functions.iter().zip(&of_arguments) {
            let (marks, about_rows) = self.function_marks(function, of_argument, &input, &names, &mut folding)?;
            columns.push(marks);
            rows.extend(about_rows);
        }
        rows.extend(self.key_marks(&inferred(&renamed_if(is_distinct, input.rows.clone(), &names)), is_distinct, &folding));

        let mut expressions = aggregate.aggr_expr.clone();
        expressions.extend(folding.expressions);
        expressions.extend(folding.counts);
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input.plan), aggregate.group_expr.clone(), expressions)?);
        let mut ordered: Vec<Expr> = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
        ordered.extend(folding.sets.iter().map(|set| set_column(*set)));
        for (new, set, rows) in folding.of_one_row {
            let is_alone = Expr::Column(Column::new_unqualified(rows)).eq(lit(1_i64));
            ordered.push(when(is_alone, set_column(set)).end()?.alias(set_name(new)));
            folding.sets.push(new);
        }
        let folded =
            Rewritten { columns, rows, sets: folding.sets, schema: aggregate.schema.clone(), plan: project(ordered, plan)?, is_constant: input.is_constant };
        let narrowed = folding.narrowed.iter().map(|(new, all, own, limit)| (*new, self.narrowed(*all, *own, *limit))).collect();
        let folded = self.with_pieces(folded, folding.pieces)?;
        self.with_sets(folded, narrowed)
    }

    /// A column that says of each row whether any of its group is not proved: then each of the group may be the one that stands for it.
    fn marked_groups(&mut self, aggregate: &Aggregate, input: Rewritten, folding: &mut Folding) -> Result<Rewritten> {
        let Some(unproved) = self.unproved(&input) else { return Ok(input) };
        let is_plain = !aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
        // Of several sets of keys the fewest tell the least: of all rows together.
        let keys = if is_plain { aggregate.group_expr.clone() } else { Vec::new() };
        let name = self.fresh("__unproved_group");
        let plan = windowed(over(bool_or(unproved), keys)?.alias(&name), input.plan.clone())?;
        folding.in_doubt = Some(Expr::Column(Column::new_unqualified(name)));
        Ok(Rewritten { plan, ..input })
    }

    /// Marks of what the functions read of each row: of values that are there, in rows that their FILTER lets through.
    fn arguments(&mut self, input: Rewritten, functions: &[&AggregateFunction], below: &LogicalPlan) -> Result<(Rewritten, Vec<Vec<Argued>>)> {
        let server = self.server.clone();
        let judge = Judge::over(&server, below);
        let mut added = Added::default();
        let mut all = Vec::new();
        for function in functions {
            let counts = matches!(kind_of(function.func.name()), Kind::Counts);
            let mut argued = Vec::new();
            for argument in &function.params.args {
                let folds = if counts { Folds::No } else { Folds::Yes };
                argued.extend(self.argued(&input, argument, (folds, function.params.filter.as_deref()), (&judge, &mut added))?);
            }
            all.push(argued);
        }
        Ok((self.with_sets(input, added.columns())?, all))
    }

    /// Sets that stand for a piece of what was joined below.
    fn with_pieces(&self, input: Rewritten, pieces: BTreeMap<u32, Cut>) -> Result<Rewritten> {
        if pieces.is_empty() {
            return Ok(input);
        }
        let mut expressions = input.visible();
        for set in &input.sets {
            expressions.push(match pieces.get(set) {
                Some(cut) => self.functions.piece(set_column(*set), cut.from.clone(), cut.to.clone()).alias(set_name(*set)),
                None => set_column(*set),
            });
        }
        Ok(Rewritten { plan: project(expressions, input.plan)?, ..input })
    }

    /// Watches for groups that the server would make otherwise.
    fn grouped_alike(&mut self, keys: &[Expr], aggregate: &Aggregate, input: Rewritten) -> Result<Rewritten> {
        let server = self.server.clone();
        let judge = Judge::over(&server, &aggregate.input);
        // Of several sets of keys each makes groups of its own, the least of them by a single key.
        let is_plain = !aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
        let (mut watches, mut is_open) = (Vec::new(), false);
        for keys in if is_plain { vec![keys] } else { keys.chunks(1).collect() } {
            let (watched, is_unwatched) = self.watches_of(keys, &judge);
            watches.extend(watched);
            is_open |= is_unwatched;
        }
        for function in aggregate.aggr_expr.iter().filter_map(|expression| function_of(expression).ok()) {
            if let Some(readings) = function.params.filter.as_ref().and_then(|filter| judge.readings(filter)) {
                watches.push(self.functions.witness(lit(true), readings.must, readings.may));
            }
        }
        self.decided.is_open |= is_open;
        input.watched_by(watches)
    }

    /// What notes that the server makes other groups by these keys, and whether some key is one that nothing can watch.
    pub(super) fn watches_of<'k>(&mut self, keys: impl IntoIterator<Item = &'k Expr>, judge: &Judge<'_>) -> (Vec<Expr>, bool) {
        let (mut watches, mut spelled, mut is_open) = (Vec::new(), Vec::new(), false);
        for key in keys {
            match judge.grouping(key) {
                Grouping::Same if has_one_spelling(&judge.kind(key)) => spelled.push(GroupKey { key: key.clone(), collation: None }),
                Grouping::Same => {}
                Grouping::If(guard) => watches.push(self.functions.witness(lit(true), guard, lit(true))),
                Grouping::OneSpelling(collation) => spelled.push(GroupKey { key: key.clone(), collation: Some(collation) }),
                Grouping::Unknown => is_open = true,
            }
        }
        if spelled.iter().any(|key| key.collation.is_some()) {
            let watch = self.new_set();
            watches.push(one_spelling(&self.functions.arena, watch, spelled));
        }
        (watches, is_open)
    }

    /// Marks of a group's key: copied for all that fold, or by the size of the group.
    fn key_marks(&self, marks: &Marks, is_copied: bool, folding: &Folding) -> Marks {
        let moved = |set| folding.moved.get(&set).copied();
        if is_copied { moved_marks(marks, moved) } else { summarised(marks, moved) }
    }

    /// Marks of a function's value, and of the presence of the rows that it copies from.
    fn function_marks(
        &mut self,
        function: &AggregateFunction,
        argued: &[Argued],
        input: &Rewritten,
        names: &[Renaming],
        folding: &mut Folding,
    ) -> Result<(Marks, Marks)> {
        let marks: Marks = argued.iter().map(|argued| argued.mark).collect();
        let mut deciding = Marks::new();
        if let Some(condition) = &function.params.filter {
            deciding.extend(input.scope().deciding(condition)?);
        }
        let kind = kind_of(function.func.name());
        let (copied, about_rows) = match &kind {
            Kind::Counts | Kind::Summarises => (Marks::new(), Marks::new()),
            Kind::Extreme { .. } | Kind::Picks | Kind::Copies => self.picked_marks(function, &marks, input, names, folding)?,
        };
        let moved = |set| folding.moved.get(&set).copied();
        let mut result = match kind {
            Kind::Counts => summarised(&inferred(&marks), moved),
            // Where the order says whose value is picked, it says nothing of the others.
            Kind::Picks if self.joined_by(function, &kind).is_some() => Marks::new(),
            Kind::Summarises => self.summarise(argued, None, folding),
            Kind::Extreme { .. } => self.summarise(argued, Some(Presence::Asked), folding),
            Kind::Picks => self.picked_of_any(function, argued, folding)?,
            Kind::Copies => Marks::new(),
        };
        let moved = |set| folding.moved.get(&set).copied();
        result.extend(copied);
        result.extend(summarised(&deciding, moved));
        Ok((result, about_rows))
    }

    /// Marks of a value that summarises a group: by how many people have a value in it, whichever of their cells it is made of.
    fn summarise(&mut self, argued: &[Argued], presence: Option<Presence>, folding: &mut Folding) -> Marks {
        let mut result = Marks::new();
        for Argued { mark, all } in argued {
            let mark = Mark { presence: if presence.is_some() { mark.presence.again() } else { mark.presence }, ..*mark };
            let (Some(own), Some(of_all)) = (folding.moved.get(&mark.set).copied(), folding.moved.get(all).copied()) else { continue };
            if own == of_all || mark.how == How::Inferred {
                result.extend(summarised(&Marks::from([mark]), |_| Some(own)));
                continue;
            }
            for (how, limit) in [(How::Displayed, 1), (How::Inferred, self.few())] {
                let set = self.new_set();
                folding.narrowed.push((set, of_all, own, limit));
                result.insert(Mark { set, how, gate: Gate::Always, ..mark });
            }
        }
        result
    }

    /// Marks of a function that picks a row of the group, and nothing says which: only of a group of one row is it known whose value that is. Elsewhere it may be
    /// NULL though another value of the group is not, and the server may have met that other one where the replay met none.
    fn picked_of_any(&mut self, function: &AggregateFunction, argued: &[Argued], folding: &mut Folding) -> Result<Marks> {
        let mut result: Marks = self.summarise(argued, None, folding).into_iter().filter(|mark| mark.how == How::Inferred).collect();
        let rows = self.fresh("__rows");
        let counted = count(lit(1_i64));
        folding.counts.push(match &function.params.filter {
            Some(filter) => counted.filter(Expr::clone(filter)).build()?.alias(&rows),
            None => counted.alias(&rows),
        });
        for mark in argued.iter().map(|argued| argued.mark).filter(|mark| mark.how == How::Displayed) {
            if let Some(set) = folding.moved.get(&mark.set).copied() {
                let new = self.new_set();
                folding.of_one_row.push((new, set, rows.clone()));
                result.insert(Mark { set: new, ..mark });
            }
        }
        Ok(result)
    }

    /// Marks of a function that copies from some rows of the group, on sets of their own.
    fn picked_marks(
        &mut self,
        function: &AggregateFunction,
        marks: &Marks,
        input: &Rewritten,
        names: &[Renaming],
        folding: &mut Folding,
    ) -> Result<(Marks, Marks)> {
        let (mut result, mut about_rows) = (Marks::new(), Marks::new());
        let of_rows = inferred(&renamed(&input.rows, names));
        let marks = renamed(marks, names);
        let sets: BTreeSet<u32> = marks.iter().map(|mark| mark.set).collect();
        for set in sets {
            let others = folding.in_doubt.clone().map(|in_doubt| self.displaced(function, set, in_doubt)).transpose()?;
            for Holders { whose, layout, cut } in self.holders(function, set, input)?.into_iter().chain(others) {
                let new = self.new_set();
                folding.expressions.push(whose.alias(set_name(new)));
                folding.sets.push(new);
                folding.pieces.extend(cut.map(|cut| (new, cut)));
                // A value that is not the whole of what is joined stands somewhere in it.
                let is_told = |mark: &Mark| mark.layout == Layout::Whole && mark.presence != Presence::Open;
                let layout = |mark: &Mark| if is_told(mark) { layout } else { Layout::Loose };
                result.extend(marks.iter().filter(|mark| mark.set == set).map(|mark| Mark { set: new, layout: layout(mark), ..*mark }));
                let is_same = |mark: &&Mark| self.origin(mark.set) == self.origin(set);
                about_rows.extend(of_rows.iter().filter(is_same).map(|mark| Mark { set: new, ..*mark }));
            }
        }
        Ok((result, about_rows))
    }

    /// Bytes after which MySQL may have cut a joined text.
    fn joined_bytes(&self) -> u64 {
        self.server.joined_bytes.unwrap_or(GROUP_CONCAT_MAX_LEN)
    }

    /// All of a group in which a row is not proved: whichever was passed over for it, or is behind it, may have been copied.
    fn displaced(&self, function: &AggregateFunction, set: u32, in_doubt: Expr) -> Result<Holders> {
        let doubted = self.functions.doubted(set_column(set), Doubt::Displaced.bit());
        let is_read = match &function.params.filter {
            Some(filter) => in_doubt.and(Expr::clone(filter)),
            None => in_doubt,
        };
        Ok(Holders { whose: self.functions.union(when(is_read, doubted).end()?, None), layout: Layout::Loose, cut: None })
    }

    /// Whose rows a function may have copied: those that hold the extreme, by bytes and as a language would order it; any row
    /// where one is picked and the order is not known; all that its FILTER lets through where all are copied.
    fn holders(&self, function: &AggregateFunction, set: u32, input: &Rewritten) -> Result<Vec<Holders>> {
        let only = |value: Expr| match &function.params.filter {
            Some(filter) => when(Expr::clone(filter), value).end(),
            None => Ok(value),
        };
        let doubted = |set: Expr| self.functions.doubted(set, Doubt::ExtremeOfGroup.bit());
        let set = set_column(set);
        let kind = kind_of(function.func.name());
        if let Some((joined, cut)) = self.joined_by(function, &kind) {
            let whose = self.functions.sequence(&joined, set, &function.params.order_by, function.params.filter.clone());
            let layout = if cut.is_some() { Layout::Whole } else { Layout::Placed };
            return Ok(vec![Holders { whose, layout, cut }]);
        }
        let any = |whose: Expr| Holders { whose, layout: Layout::Whole, cut: None };
        match (kind, function.params.args.first()) {
            (Kind::Extreme { is_maximum }, Some(argument)) => {
                let judge = Judge::of(&self.server, &input.schema, vec![Value::Same; input.schema.fields().len()]);
                let Some(order) = judge.extreme(argument) else {
                    return Ok(vec![any(self.functions.union(only(doubted(set))?, None))]);
                };
                let holder = |reading: Expr| Ok(any(self.functions.extreme(only(reading)?, set.clone(), is_maximum)));
                let mut holders = order.readings.into_iter().map(holder).collect::<Result<Vec<_>>>()?;
                if let Some(placed) = order.guards.into_iter().reduce(Expr::and) {
                    let anywhere = when(placed.is_not_true(), doubted(set)).end()?;
                    holders.push(any(self.functions.union(only(anywhere)?, None)));
                }
                Ok(holders)
            }
            // What GROUP_CONCAT became; PostgreSQL's string_agg cuts nothing.
            (Kind::Copies, Some(text)) if self.is_mysql && function.func.name() == "string_agg" => {
                let whose = self.functions.joined(only(text.clone())?, only(set)?, self.joined_bytes());
                Ok(vec![Holders { whose, layout: Layout::Loose, cut: None }])
            }
            (Kind::Copies, _) => Ok(vec![Holders { whose: self.functions.union(only(set)?, None), layout: Layout::Loose, cut: None }]),
            _ => Ok(vec![any(self.functions.union(only(doubted(set))?, None))]),
        }
    }

    /// Values that a function joins, or picks one of, in an order that the statement gives.
    fn joined_by(&self, function: &AggregateFunction, kind: &Kind) -> Option<(Joined, Option<Cut>)> {
        let params = &function.params;
        let number = |argument: &Expr| match argument {
            Expr::Literal(number, _) => number.cast_to(&DataType::Int64).ok().and_then(|number| i64::try_from(number).ok()),
            _ => None,
        };
        if params.distinct || params.order_by.is_empty() || params.null_treatment == Some(NullTreatment::IgnoreNulls) {
            return None;
        }
        let value = params.args.first()?.clone();
        let limit_bytes = if self.is_mysql { self.joined_bytes() } else { u64::MAX };
        let elements = |cut| Some((Joined { value: value.clone(), separator: None, limit_bytes: u64::MAX }, cut));
        let place = |index: i64| (index > 0).then(|| Cut { from: lit(index - 1), to: lit(index) });
        match (function.func.name(), kind) {
            ("string_agg", Kind::Copies) => {
                let Some(Expr::Literal(separator, _)) = params.args.get(1) else { return None };
                let separator = Some(separator.try_as_str()??.to_owned());
                Some((Joined { value, separator, limit_bytes }, None))
            }
            ("array_agg", Kind::Copies) => elements(None),
            ("first_value", Kind::Picks) => elements(place(1)),
            ("nth_value", Kind::Picks) => elements(Some(place(number(params.args.get(1)?)?)?)),
            _ => None,
        }
    }
}

/// Whose rows a function may have copied from, and how their values lie in its value.
struct Holders {
    whose: Expr,
    layout: Layout,
    cut: Option<Cut>,
}

fn renamed_if(is_copied: bool, marks: Marks, names: &[Renaming]) -> Marks {
    if is_copied { renamed(&marks, names) } else { marks }
}

fn moved_marks(marks: &Marks, moved: impl Fn(u32) -> Option<u32>) -> Marks {
    marks.iter().filter_map(|mark| moved(mark.set).map(|set| Mark { set, ..*mark })).collect()
}

/// Marks that are copied for all that fold, whose sets must stay whole; and marks that are copied for some.
fn copied_marks(input: &Rewritten, of_keys: &[Marks], functions: &[&AggregateFunction], of_arguments: &[Marks], is_distinct: bool) -> (Marks, Marks) {
    let (mut copied, mut picked) = (Marks::new(), Marks::new());
    copied.extend(of_keys.iter().filter(|_| is_distinct).flatten());
    for (function, marks) in functions.iter().zip(of_arguments) {
        match kind_of(function.func.name()) {
            Kind::Copies | Kind::Picks | Kind::Extreme { .. } => picked.extend(marks),
            Kind::Counts | Kind::Summarises => continue,
        }
    }
    if is_distinct {
        copied.extend(&input.rows);
    } else if !picked.is_empty() {
        picked.extend(&input.rows);
    }
    (copied, picked)
}

fn function_of(expression: &Expr) -> Result<&AggregateFunction> {
    match expression {
        Expr::AggregateFunction(function) => Ok(function),
        Expr::Alias(alias) => function_of(&alias.expr),
        _ => plan_err!("an aggregate of this shape is not supported"),
    }
}

/// Whether values of a type are equal where they are written alike, and only there.
fn has_one_spelling(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_string() || matches!(kind, DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..))
}
