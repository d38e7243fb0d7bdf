//! Operators that fold rows: GROUP BY, DISTINCT.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan, when};

use super::{Renaming, Rewriter, Rewritten, project, renamed, set_column, set_name, summarised};
use crate::collation::{in_language, is_foreign, is_text};
use crate::expression::{Mark, Marks, inferred};
use crate::types::Doubt;

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
        let input = self.rewrite(&aggregate.input, None)?;
        let keys = grouping_set_to_exprlist(&aggregate.group_expr)?.into_iter().cloned().collect::<Vec<_>>();
        let functions = aggregate.aggr_expr.iter().map(function_of).collect::<Result<Vec<_>>>()?;
        // DISTINCT ON is a first value by key; DISTINCT has no function at all: the keys are copied for all that fold.
        let is_distinct = functions.iter().all(|function| matches!(kind_of(function.func.name()), Kind::Picks));
        let (copied, picked) = copied_marks(&input, &keys, &functions, is_distinct)?;
        let (input, names) = self.ungate(input, &copied.union(&picked).copied().collect())?;
        let whole: BTreeSet<u32> = renamed(&copied, &names).iter().map(|mark| mark.set).collect();
        let mut folding = self.fold(&input, &whole);

        let mut columns = Vec::new();
        let mut rows = Marks::new();
        for key in &keys {
            columns.push(self.key_marks(&renamed_if(is_distinct, input.scope().of(key)?, &names), is_distinct, &folding));
        }
        columns.resize(aggregate.schema.fields().len() - functions.len(), Marks::new());
        for function in &functions {
            let (marks, about_rows) = self.function_marks(function, &input, &names, &mut folding)?;
            columns.push(marks);
            rows.extend(about_rows);
        }
        rows.extend(self.key_marks(&inferred(&renamed_if(is_distinct, input.rows.clone(), &names)), is_distinct, &folding));

        let mut expressions = aggregate.aggr_expr.clone();
        expressions.extend(folding.expressions);
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input.plan), aggregate.group_expr.clone(), expressions)?);
        let mut ordered: Vec<Expr> = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
        ordered.extend(folding.sets.iter().map(|set| set_column(*set)));
        Ok(Rewritten { plan: project(ordered, plan)?, columns, rows, sets: folding.sets, schema: aggregate.schema.clone(), is_constant: input.is_constant })
    }

    /// Marks of a group's key: copied for all that fold, or by the size of the group.
    fn key_marks(&self, marks: &Marks, is_copied: bool, folding: &Folding) -> Marks {
        let moved = |set| folding.moved.get(&set).copied();
        if is_copied { moved_marks(marks, moved) } else { summarised(marks, moved) }
    }

    /// Marks of a function's value, and of the presence of the rows that it copies from.
    fn function_marks(&mut self, function: &AggregateFunction, input: &Rewritten, names: &[Renaming], folding: &mut Folding) -> Result<(Marks, Marks)> {
        let scope = input.scope();
        let mut marks = Marks::new();
        for argument in &function.params.args {
            marks.extend(scope.of(argument)?);
        }
        let mut deciding = Marks::new();
        if let Some(condition) = &function.params.filter {
            deciding.extend(scope.deciding(condition)?);
        }
        let kind = kind_of(function.func.name());
        let (copied, about_rows) = match &kind {
            Kind::Counts | Kind::Summarises => (Marks::new(), Marks::new()),
            Kind::Extreme { .. } | Kind::Picks | Kind::Copies => self.picked_marks(function, input, names, folding)?,
        };
        let moved = |set| folding.moved.get(&set).copied();
        let mut result = match kind {
            Kind::Counts => summarised(&inferred(&marks), moved),
            Kind::Summarises | Kind::Extreme { .. } | Kind::Picks => summarised(&marks, moved),
            Kind::Copies => Marks::new(),
        };
        result.extend(copied);
        result.extend(summarised(&deciding, moved));
        Ok((result, about_rows))
    }

    /// Marks of a function that copies from some rows of the group, on sets of their own.
    fn picked_marks(&mut self, function: &AggregateFunction, input: &Rewritten, names: &[Renaming], folding: &mut Folding) -> Result<(Marks, Marks)> {
        let (mut result, mut about_rows) = (Marks::new(), Marks::new());
        let of_rows = inferred(&renamed(&input.rows, names));
        let mut marks = Marks::new();
        for argument in &function.params.args {
            marks.extend(renamed(&input.scope().of(argument)?, names));
        }
        let sets: BTreeSet<u32> = marks.iter().map(|mark| mark.set).collect();
        for set in sets {
            for whose in self.holders(function, set, input)? {
                let new = self.new_set();
                folding.expressions.push(whose.alias(set_name(new)));
                folding.sets.push(new);
                let moved = |mark: &Mark| Mark { set: new, ..*mark };
                result.extend(marks.iter().filter(|mark| mark.set == set).map(moved));
                about_rows.extend(of_rows.iter().filter(|mark| mark.set == set).map(moved));
            }
        }
        Ok((result, about_rows))
    }

    /// Whose rows a function may have copied: those that hold the extreme, by bytes and as a language would order it; any row
    /// where one is picked; all that its FILTER lets through where all are copied.
    fn holders(&self, function: &AggregateFunction, set: u32, input: &Rewritten) -> Result<Vec<Expr>> {
        let only = |value: Expr| match &function.params.filter {
            Some(filter) => when(Expr::clone(filter), value).end(),
            None => Ok(value),
        };
        let doubted = |set: Expr| self.functions.doubted(set, Doubt::ExtremeOfGroup.bit());
        let set = set_column(set);
        match (kind_of(function.func.name()), function.params.args.first()) {
            (Kind::Extreme { is_maximum }, Some(argument)) => {
                let mut holders = vec![self.functions.extreme(only(argument.clone())?, set.clone(), is_maximum)];
                if is_text(argument, &input.schema) {
                    holders.push(self.functions.extreme(only(in_language(argument))?, set.clone(), is_maximum));
                    let foreign = when(is_foreign(argument), doubted(set)).end()?;
                    holders.push(self.functions.union(only(foreign)?, None));
                }
                Ok(holders)
            }
            // What GROUP_CONCAT became; PostgreSQL's string_agg cuts nothing.
            (Kind::Copies, Some(text)) if self.is_mysql && function.func.name() == "string_agg" => {
                Ok(vec![self.functions.joined(only(text.clone())?, only(set)?, GROUP_CONCAT_MAX_LEN)])
            }
            (Kind::Copies, _) => Ok(vec![self.functions.union(only(set)?, None)]),
            _ => Ok(vec![self.functions.union(only(doubted(set))?, None)]),
        }
    }
}

fn renamed_if(is_copied: bool, marks: Marks, names: &[Renaming]) -> Marks {
    if is_copied { renamed(&marks, names) } else { marks }
}

fn moved_marks(marks: &Marks, moved: impl Fn(u32) -> Option<u32>) -> Marks {
    marks.iter().filter_map(|mark| moved(mark.set).map(|set| Mark { set, ..*mark })).collect()
}

/// Marks that are copied for all that fold, whose sets must stay whole; and marks that are copied for some.
fn copied_marks(input: &Rewritten, keys: &[Expr], functions: &[&AggregateFunction], is_distinct: bool) -> Result<(Marks, Marks)> {
    let (mut copied, mut picked) = (Marks::new(), Marks::new());
    for key in keys.iter().filter(|_| is_distinct) {
        copied.extend(input.scope().of(key)?);
    }
    for function in functions {
        let into = match kind_of(function.func.name()) {
            Kind::Copies | Kind::Picks | Kind::Extreme { .. } => &mut picked,
            Kind::Counts | Kind::Summarises => continue,
        };
        for argument in &function.params.args {
            into.extend(input.scope().of(argument)?);
        }
    }
    if is_distinct {
        copied.extend(&input.rows);
    } else if !picked.is_empty() {
        picked.extend(&input.rows);
    }
    Ok((copied, picked))
}

fn function_of(expression: &Expr) -> Result<&AggregateFunction> {
    match expression {
        Expr::AggregateFunction(function) => Ok(function),
        Expr::Alias(alias) => function_of(&alias.expr),
        _ => plan_err!("an aggregate of this shape is not supported"),
    }
}
