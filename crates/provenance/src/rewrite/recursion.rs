//! Recursive queries: provenance travels through the work table, as what a row's own step read and what came from earlier steps.

use std::any::Any;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::{Column, Result, plan_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScan};

use super::{Rewriter, Rewritten, project, set_column, set_name};
use crate::expression::{Mark, Marks};
use crate::functions::Functions;
use crate::types::Doubt;

/// Names of the two set columns of a work table.
const OWN: &str = "__own";
const CARRIED: &str = "__carried";

/// The work table of a recursive query that is being rewritten.
#[derive(Clone, Debug)]
pub(super) struct WorkTable {
    name: String,
    columns: Vec<Marks>,
    rows: Marks,
    own: u32,
    carried: u32,
}

impl Rewriter<'_> {
    pub(super) fn recursive(&mut self, query: &RecursiveQuery) -> Result<Rewritten> {
        let first = self.term(&query.static_term)?;
        let (own, carried) = (self.new_set(), self.new_set());
        let moved = |marks: &Marks, of: &dyn Fn(u32) -> u32| marks.iter().map(|mark| Mark { set: of(mark.set), ..*mark }).collect::<Marks>();
        let mut columns: Vec<Marks> = first.columns.iter().map(|marks| moved(marks, &|_| own)).collect();
        let mut rows = moved(&first.rows, &|_| own);
        // What a step copies depends on what the step before copied: until nothing new comes, and marks are finitely many.
        let next = loop {
            self.work_tables.push(WorkTable { name: query.name.clone(), columns: columns.clone(), rows: rows.clone(), own, carried });
            let next = self.term(&query.recursive_term);
            self.work_tables.pop();
            let next = next?;
            let is_earlier = |set: u32| matches!(self.origin(set), origin if origin == own || origin == carried);
            let of = |set: u32| if is_earlier(set) { carried } else { own };
            let mut is_done = true;
            for (known, marks) in columns.iter_mut().zip(&next.columns).chain([(&mut rows, &next.rows)]) {
                for mark in moved(marks, &of) {
                    is_done &= !known.insert(mark);
                }
            }
            if is_done {
                break next;
            }
        };
        let own_of_first = self.joined(first.sets.iter().copied());
        let (earlier, new): (Vec<u32>, Vec<u32>) = next.sets.iter().partition(|set| [own, carried].contains(&self.origin(**set)));
        let own_of_next = self.joined(new.into_iter());
        let earlier = self.functions.doubted(self.joined(earlier.into_iter()), Doubt::Recursion.bit());
        let names = query.schema.columns().into_iter().map(|column| column.name).collect::<Vec<_>>();
        let static_term = step(&first, &names, own_of_first, Functions::nobody())?;
        let recursive_term = step(&next, &names, own_of_next, earlier)?;
        let plan = RecursiveQuery::try_new(query.name.clone(), Arc::new(static_term), Arc::new(recursive_term), false)?;
        let plan = LogicalPlan::RecursiveQuery(plan);
        let mut expressions: Vec<Expr> = Vec::new();
        let outputs: Vec<_> = plan.schema().columns();
        for (column, (relation, field)) in outputs.iter().zip(query.schema.iter()) {
            expressions.push(Expr::Column(column.clone()).alias_qualified(relation.cloned(), field.name()));
        }
        for (name, set) in [(OWN, own), (CARRIED, carried)] {
            let Some(column) = outputs.iter().find(|column| column.name == name) else {
                return plan_err!("a recursive query lost its sets");
            };
            expressions.push(Expr::Column(column.clone()).alias(set_name(set)));
        }
        let all = Rewritten { plan: project(expressions, plan)?, columns, rows, sets: vec![own, carried], schema: query.schema.clone(), is_constant: false };
        if query.is_distinct { self.each_once(all) } else { Ok(all) }
    }

    /// A term, with nothing but sets that say whose its values are: those of a row are about to become one, in which the many of a group would hide the few.
    fn term(&mut self, term: &LogicalPlan) -> Result<Rewritten> {
        let term = self.rewrite_folded(term, None)?;
        let term = self.freed(term)?;
        self.spoken(term, &Marks::new())
    }

    /// UNION instead of UNION ALL: the same rows, each once. Where rows come round for ever the budget ends it.
    fn each_once(&mut self, input: Rewritten) -> Result<Rewritten> {
        let unions = input.sets.iter().map(|set| self.functions.union(set_column(*set), None).alias(set_name(*set))).collect();
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input.plan.clone()), input.visible(), unions)?);
        let expressions = input.visible().into_iter().chain(input.set_columns()).collect();
        Ok(Rewritten { plan: project(expressions, plan)?, ..input })
    }

    /// The union of the sets of one row; in doubt if they are of several tables, whose columns are then no longer told apart.
    fn joined(&self, sets: impl Iterator<Item = u32>) -> Expr {
        let mut sets = sets.map(set_column).collect::<Vec<_>>().into_iter();
        let Some(first) = sets.next() else {
            return Functions::nobody();
        };
        sets.fold(first, |joined, set| self.functions.doubted(self.functions.both(joined, set), Doubt::Recursion.bit()))
    }

    pub(super) fn work_table(&mut self, scan: &TableScan) -> Result<Rewritten> {
        let provider = source_as_provider(&scan.source)?;
        let any: &dyn Any = provider.as_ref();
        // What is neither a table of the data nor one of these is made by a function of the planner (`generate_series`).
        if any.downcast_ref::<CteWorkTable>().is_none() {
            return Ok(Self::constant(&LogicalPlan::TableScan(scan.clone())));
        }
        let known = any.downcast_ref::<CteWorkTable>().and_then(|table| self.work_tables.iter().rev().find(|work| work.name == table.name()));
        let Some(work) = known.cloned() else {
            return plan_err!("a table that is not in the data is not supported");
        };
        let mut fields = scan.source.schema().fields().to_vec();
        fields.push(Arc::new(Field::new(OWN, DataType::UInt64, true)));
        fields.push(Arc::new(Field::new(CARRIED, DataType::UInt64, true)));
        let source = Arc::new(CteWorkTable::new(&work.name, Arc::new(Schema::new(fields))));
        let plan = LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(source), None)?.build()?;
        let mut expressions: Vec<Expr> = scan.projected_schema.columns().into_iter().map(Expr::Column).collect();
        for (name, set) in [(OWN, work.own), (CARRIED, work.carried)] {
            expressions.push(Expr::Column(Column::new(Some(scan.table_name.clone()), name)).alias(set_name(set)));
        }
        let positions: Vec<usize> = scan.projection.clone().unwrap_or_else(|| (0..work.columns.len()).collect());
        let columns = positions.iter().map(|position| work.columns.get(*position).cloned().unwrap_or_default()).collect();
        let sets = vec![work.own, work.carried];
        Ok(Rewritten { plan: project(expressions, plan)?, columns, rows: work.rows, sets, schema: scan.projected_schema.clone(), is_constant: false })
    }
}

/// One term: its columns by the names of the query, then what its step read and what it carries.
fn step(term: &Rewritten, names: &[String], own: Expr, carried: Expr) -> Result<LogicalPlan> {
    let mut expressions: Vec<Expr> = term.visible().into_iter().zip(names).map(|(column, name)| column.alias(name)).collect();
    expressions.push(own.alias(OWN));
    expressions.push(carried.alias(CARRIED));
    project(expressions, term.plan.clone())
}
