//! Rewrites a logical plan so that every row also carries the sets of subjects it came from.
//!
//! Each operator keeps its rows as they are: as many, in the same order. Beside the visible columns a rewritten plan
//! has set columns (see `arena`), and beside the plan stand marks: which set has had which column revealed by which
//! output column, or by a row's mere presence. What cannot be rewritten is an error, never a narrower plan.

mod aggregate;
mod join;
mod limit;
mod lineage;
mod recursion;
mod rows;
mod values;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, lit, when};

use crate::catalog::Tables;
use crate::collect::Decided;
use crate::expression::{Gate, Mark, Marks, Scope};
use crate::fidelity::Server;
use crate::functions::Functions;
use crate::types::{Doubt, How};
use lineage::Lineage;

pub(crate) use limit::Cut;
pub(crate) use lineage::Parameters;
pub(crate) use rows::TIME;

/// A rewritten plan: its schema is the visible columns of the plan it came from, then the set columns `sets`.
#[derive(Clone, Debug)]
pub(crate) struct Rewritten {
    pub(crate) plan: LogicalPlan,
    /// Marks of the visible columns.
    pub(crate) columns: Vec<Marks>,
    /// Marks that a row's mere presence makes.
    pub(crate) rows: Marks,
    /// Numbers of the set columns, in order.
    pub(crate) sets: Vec<u32>,
    /// The visible schema.
    pub(crate) schema: DFSchemaRef,
    /// Whether its rows are written in the statement itself.
    pub(crate) is_constant: bool,
}

impl Rewritten {
    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope { schema: &self.schema, columns: &self.columns, judge: None }
    }

    /// The same rows, looked at by what notes that the server may decide otherwise.
    fn watched_by(mut self, watches: Vec<Expr>) -> Result<Self> {
        for watch in watches {
            self.plan = LogicalPlan::Filter(Filter::try_new(watch, Arc::new(self.plan))?);
        }
        Ok(self)
    }

    /// The visible columns, as expressions over the plan.
    fn visible(&self) -> Vec<Expr> {
        self.schema.columns().into_iter().map(Expr::Column).collect()
    }

    /// The set columns, as expressions over the plan.
    fn set_columns(&self) -> Vec<Expr> {
        self.sets.iter().map(|set| set_column(*set)).collect()
    }

    /// Every mark there is.
    pub(crate) fn all_marks(&self) -> Marks {
        self.columns.iter().flatten().chain(&self.rows).copied().collect()
    }
}

/// Name of a set column.
pub(crate) fn set_name(set: u32) -> String {
    format!("__set_{set}")
}

fn set_column(set: u32) -> Expr {
    Expr::Column(Column::new_unqualified(set_name(set)))
}

fn project(expressions: Vec<Expr>, plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(plan))?))
}

/// Rewrites one statement.
pub(crate) struct Rewriter<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) functions: Functions,
    /// k.
    pub(crate) inferable_group: u32,
    /// Whether sets are kept whole even where only their size matters, and what decides without standing in a result row is kept too.
    pub(crate) keeps_used: bool,
    /// Whether the database is MySQL or MariaDB.
    pub(crate) is_mysql: bool,
    /// With `keeps_used`: plans whose sets are used though no result row shows them.
    pub(crate) aside: Vec<Rewritten>,
    /// The table of calls, where many calls are replayed at once.
    pub(crate) calls: Option<Arc<dyn TableProvider>>,
    /// What decides about the rows of the statement.
    pub(crate) decided: Decided,
    /// Operators above the one being rewritten under which a row that may not be there changes what others show.
    folding: usize,
    /// Conditions above the one being rewritten.
    filtering: usize,
    /// What a condition right above asks of the plan being rewritten: rows of which a part of it is false for sure matter to nobody.
    asked: Vec<Expr>,
    /// Whether a table that was read so far has rows that are not proved.
    has_unproved: bool,
    /// How its parameters lie to values that are known but for a little.
    pub(crate) parameters: Parameters,
    /// What the statement does with the columns of its tables.
    pub(crate) lineage: Lineage,
    /// Of a scan's sets that a value of its own leaves in doubt: the set of the row.
    of_values: HashMap<u32, u32>,
    /// What is known of the server.
    server: Server,
    next_set: u32,
    /// Of a set column that holds some of the rows of another: that other one.
    origins: HashMap<u32, u32>,
    work_tables: Vec<recursion::WorkTable>,
}

impl<'a> Rewriter<'a> {
    pub(crate) fn new(tables: &'a Tables, functions: Functions, server: Server, inferable_group: u32, keeps_used: bool) -> Self {
        Self {
            tables,
            functions,
            inferable_group,
            keeps_used,
            is_mysql: false,
            aside: Vec::new(),
            calls: None,
            decided: Decided::default(),
            folding: 0,
            filtering: 0,
            asked: Vec::new(),
            has_unproved: false,
            parameters: Parameters::Any,
            lineage: Lineage::default(),
            of_values: HashMap::new(),
            server,
            next_set: 0,
            origins: HashMap::new(),
            work_tables: Vec::new(),
        }
    }

    fn new_set(&mut self) -> u32 {
        self.next_set += 1;
        self.next_set
    }

    /// How many people of a set are still told apart where only its size matters; `None` is all.
    fn cap(&self) -> Option<usize> {
        (!self.keeps_used).then_some(self.inferable_group.max(1) as usize)
    }

    fn few(&self) -> usize {
        self.inferable_group.saturating_sub(1) as usize
    }

    /// Rewrites a plan under an operator that folds its rows, counts or compares them.
    fn rewrite_folded(&mut self, plan: &LogicalPlan, cut: Option<&Cut>) -> Result<Rewritten> {
        self.folding += 1;
        let rewritten = self.rewrite(plan, cut);
        self.folding -= 1;
        rewritten
    }

    /// Whether a row has a part that is not proved; `None` where no such row can come.
    fn unproved(&self, input: &Rewritten) -> Option<Expr> {
        self.rows_in_doubt(input, Doubt::DoubtfulRow.bit() | Doubt::UnknownValue.bit())
    }

    /// Whether a row has a part with such a doubt of its own.
    fn rows_in_doubt(&self, input: &Rewritten, doubts: u64) -> Option<Expr> {
        let in_doubt = |set: &u32| self.functions.in_doubt(set_column(*set), doubts).is_not_null();
        // A value that is only sent leaves its row as it is, which says for itself whether it is proved.
        let is_there = |row: u32| input.sets.iter().any(|set| self.origin(*set) == row);
        let is_of_value = |set: u32| self.of_values.get(&self.origin(set)).is_some_and(|row| is_there(*row));
        let of_rows = input.sets.iter().filter(|set| !is_of_value(**set));
        if self.has_unproved { of_rows.map(in_doubt).reduce(Expr::or) } else { None }
    }

    /// Watches for rows that are not proved where one more or less of them changes what others show. What a condition says of a value that is not
    /// known is not known either: where such a row could bring others with it, it is watched for whether it is found or not.
    fn all_proved(&self, input: Rewritten, brings: Brings) -> Result<Rewritten> {
        let Some(unproved) = self.unproved(&input) else { return Ok(input) };
        let unknown = if brings == Brings::Others { self.rows_in_doubt(&input, Doubt::UnknownValue.bit()) } else { None };
        let unknown = unknown.unwrap_or_else(|| lit(false));
        if let Some(plan) = self.watched_where(&input.plan, &unproved, &unknown)? {
            return Ok(Rewritten { plan, ..input });
        }
        let watch = self.functions.witness(lit(true), unproved.is_not_true(), lit(true));
        let plan = LogicalPlan::Filter(Filter::try_new(watch, Arc::new(input.plan.clone()))?);
        Ok(Rewritten { plan, ..input })
    }

    /// The same within the condition right below, if there is one: the planner makes one filter of two, and a row that the condition throws away
    /// leaves nobody in doubt.
    fn watched_where(&self, plan: &LogicalPlan, unproved: &Expr, unknown: &Expr) -> Result<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
                let below = plan.inputs().first().map(|below| self.watched_where(below, unproved, unknown)).transpose()?.flatten();
                below.map(|below| plan.with_new_exprs(plan.expressions(), vec![below])).transpose()
            }
            LogicalPlan::Filter(filter) if unproved.column_refs().iter().all(|column| filter.input.schema().has_column(column)) => {
                let passes = filter.predicate.clone();
                let may_pass = passes.clone().or(unknown.clone());
                let watch = self.functions.witness(passes.clone(), passes.and(unproved.clone().is_not_true()), may_pass);
                Ok(Some(LogicalPlan::Filter(Filter::try_new(watch, filter.input.clone())?)))
            }
            _ => Ok(None),
        }
    }

    /// Watches for rows that are not proved, of which one of these values is not known, and which what is asked does not throw away.
    fn with_known(&self, values: Vec<Expr>, asked: &[Expr], input: Rewritten) -> Result<Rewritten> {
        let Some(unproved) = self.unproved(&input) else { return Ok(input) };
        let Some(is_missing) = values.into_iter().map(Expr::is_null).reduce(Expr::or) else { return Ok(input) };
        let matters = asked.iter().fold(unproved.and(is_missing), |matters, part| matters.and(part.clone().is_not_false()));
        let watch = self.functions.witness(lit(true), matters.is_not_true(), lit(true));
        let plan = LogicalPlan::Filter(Filter::try_new(watch, Arc::new(input.plan.clone()))?);
        Ok(Rewritten { plan, ..input })
    }

    /// Rewrites a whole statement.
    pub(crate) fn statement(&mut self, plan: &LogicalPlan) -> Result<Rewritten> {
        self.lineage = Lineage::of(plan, self.tables, self.parameters)?;
        self.decided.by.clone_from(&self.lineage.deciding);
        self.decided.coarse.clone_from(&self.lineage.coarse);
        self.rewrite(plan, None)
    }

    /// Rewrites a plan. `cut` is the LIMIT that works right on its rows, in their order.
    fn rewrite(&mut self, plan: &LogicalPlan, cut: Option<&Cut>) -> Result<Rewritten> {
        let keeps_order = matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_));
        if let (Some(cut), false) = (cut, keeps_order) {
            let input = self.rewrite(plan, None)?;
            return self.unordered(input, cut);
        }
        let asked = std::mem::take(&mut self.asked);
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Projection(projection) => self.projection(projection, cut),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias, cut),
            LogicalPlan::Sort(sort) => self.sort(sort, cut),
            LogicalPlan::Limit(limit) => self.limit(limit, cut),
            LogicalPlan::Join(join) => self.join(join, &asked),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(distinct) => self.distinct(distinct),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => Ok(Self::constant(plan)),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            LogicalPlan::Subquery(subquery) => self.rewrite(&subquery.subquery, cut),
            other => plan_err!("{} is not supported", name_of(other)),
        }
    }

    /// Adds set columns, computed from what is there.
    fn with_sets(&self, input: Rewritten, added: Vec<(u32, Expr)>) -> Result<Rewritten> {
        if added.is_empty() {
            return Ok(input);
        }
        let mut expressions = input.visible();
        expressions.extend(input.set_columns());
        let mut sets = input.sets.clone();
        for (set, expression) in added {
            expressions.push(expression.alias(set_name(set)));
            sets.push(set);
        }
        Ok(Rewritten { plan: project(expressions, input.plan)?, sets, ..input })
    }

    /// A set, where another is of at most so many people.
    fn narrowed(&self, all: u32, own: u32, limit: usize) -> Expr {
        let is_small = self.functions.at_most(set_column(all), limit).is_not_null();
        when(is_small, set_column(own)).end().unwrap_or_else(|_| set_column(own))
    }

    /// Makes gated marks free of their gate, by set columns that hold the set only where the gate lets it through.
    /// Needed before rows fold: afterwards the size of the old set can no longer be told.
    fn ungate(&mut self, mut input: Rewritten, wanted: &Marks) -> Result<(Rewritten, Names)> {
        let gated: std::collections::BTreeSet<(u32, Gate)> = wanted.iter().filter(|mark| mark.gate != Gate::Always).map(|mark| (mark.set, mark.gate)).collect();
        let mut added = Vec::new();
        let mut names = Vec::new();
        for (set, gate) in gated {
            let new = self.new_set();
            let limit = if gate == Gate::One { 1 } else { self.few() };
            self.origins.insert(new, self.origin(set));
            added.push((new, self.functions.at_most(set_column(set), limit)));
            names.push(((set, gate), new));
        }
        input = self.with_sets(input, added)?;
        Ok((input, names))
    }

    /// The same rows with no mark under a gate, for where a row is about to carry what other rows hold: how many people were in each is told here or never.
    fn freed(&mut self, input: Rewritten) -> Result<Rewritten> {
        let wanted = input.all_marks();
        let (input, names) = self.ungate(input, &wanted)?;
        let columns = input.columns.iter().map(|marks| renamed(marks, &names)).collect();
        Ok(Rewritten { columns, rows: renamed(&input.rows, &names), ..input })
    }
}

/// Whom a row shows that is there after all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brings {
    /// Its own people, in place of others.
    Itself,
    /// Whoever it is laid beside.
    Others,
}

/// A set under a gate, and the set that has no gate any more.
type Renaming = ((u32, Gate), u32);
type Names = Vec<Renaming>;

/// Marks renamed to the sets that have no gate any more.
fn renamed(marks: &Marks, names: &[Renaming]) -> Marks {
    let new = |mark: &Mark| names.iter().find(|(old, _)| *old == (mark.set, mark.gate)).map(|(_, new)| *new);
    marks.iter().map(|mark| new(mark).map_or(*mark, |set| Mark { set, gate: Gate::Always, ..*mark })).collect()
}

/// Marks of a value that summarises a group: of one person it displays, of few it gives away, of many it says nothing.
fn summarised(marks: &Marks, moved: impl Fn(u32) -> Option<u32>) -> Marks {
    let mut result = Marks::new();
    for mark in marks {
        let Some(set) = moved(mark.set) else { continue };
        if mark.how == How::Displayed {
            result.insert(Mark { set, gate: Gate::One, ..*mark });
        }
        result.insert(Mark { set, gate: Gate::Few, how: How::Inferred, ..*mark });
    }
    result
}

fn name_of(plan: &LogicalPlan) -> String {
    let text = plan.display().to_string();
    text.chars().take_while(|character| character.is_alphanumeric()).collect()
}
