//! Operators that take rows as they come: scans, projections, filters, aliases, unions.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, Result, plan_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, SubqueryAlias, TableScan, Union, Unnest, binary_expr, lit, placeholder, when,
};

use super::values::Folds;
use super::{Cut, Rewriter, Rewritten, project, set_column, set_name};
use crate::batch::CALL;
use crate::catalog::Reads;
use crate::database::{IN_DOUBT, NEAR, ROW_IN_DOUBT, SUBJECT, VALID_FROM, VALID_TO, column_in_doubt};
use crate::expression::{Layout, Mark, Marks, Presence, conjuncts, inferred, is_constant, is_random};
use crate::fidelity::{Judge, Readings};
use crate::functions::Functions;
use crate::types::{ColumnRef, Doubt};

/// The placeholder for the instant of a call, µs since 1970.
pub(crate) const TIME: &str = "$__time";

/// Whose the rows of a table are.
struct Owned {
    /// The marks of each column.
    columns: Vec<Marks>,
    /// Sets, and who is in each.
    sets: Vec<(u32, Expr)>,
}

impl Owned {
    /// Of a table whose rows are nobody's.
    fn nobodys(width: usize) -> Self {
        Self { columns: vec![Marks::new(); width], sets: Vec::new() }
    }
}

impl Rewriter<'_> {
    pub(super) fn scan(&mut self, scan: &TableScan) -> Result<Rewritten> {
        let provider: Arc<dyn TableProvider> = source_as_provider(&scan.source)?;
        if self.calls.as_ref().is_some_and(|calls| Arc::ptr_eq(calls, &provider)) {
            return Ok(Self::constant(&LogicalPlan::TableScan(scan.clone())));
        }
        let Some((table, reads)) = self.tables.find(&provider) else {
            return self.work_table(scan);
        };
        let (Some(stored), Some(description)) = (self.tables.stored(table), self.tables.table(table)) else {
            return plan_err!("a table is not there");
        };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return plan_err!("a scan has filters already");
        }
        let source = LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(stored), None)?;
        let hidden = |name: &str| Expr::Column(Column::new(Some(scan.table_name.clone()), name));
        let mut time = placeholder(TIME);
        if let Expr::Placeholder(time) = &mut time {
            time.field = Some(Arc::new(arrow_schema::Field::new("time", arrow_schema::DataType::Int64, false)));
        }
        let is_there = |time: Expr| hidden(VALID_FROM).lt_eq(time.clone()).and(time.lt(hidden(VALID_TO)));
        let is_valid = match reads {
            Reads::AsOf => is_there(time),
            Reads::At(moment) => is_there(lit(moment)),
            Reads::Changed => hidden(VALID_FROM).eq(time + lit(1_i64)),
        };
        let mut expressions: Vec<Expr> = scan.projected_schema.columns().into_iter().map(Expr::Column).collect();
        let has_unproved = self.tables.in_doubt(table) & self.lineage.of_rows(table) != 0 || self.lineage.of_near(table, &self.tables.nears) != 0;
        self.has_unproved |= has_unproved;
        // A row of nobody's that may not be there leaves out others, or brings them.
        let has_sets = description.has_subject || has_unproved;
        let owned = if has_sets { self.owned(scan, table, &is_valid)? } else { Owned::nobodys(expressions.len()) };
        expressions.extend(owned.sets.iter().map(|(set, people)| people.clone().alias(set_name(*set))));
        let is_hidden = description.hidden.from(self.server.role.as_deref());
        let plan = project(expressions, source.filter(is_valid)?.build()?)?;
        let sets = owned.sets.into_iter().map(|(set, _)| set).collect();
        let scanned = Rewritten { plan, columns: owned.columns, rows: Marks::new(), sets, schema: scan.projected_schema.clone(), is_constant: false };
        // A policy may keep any of them back.
        if is_hidden { self.let_through(lit(true), Some(Readings { must: lit(false), may: lit(true) }), scanned) } else { Ok(scanned) }
    }

    /// Whose the rows of a table are: a set for the row, and one more for each column that is only sent and of which some row's value is not known.
    fn owned(&mut self, scan: &TableScan, table: usize, is_valid: &Expr) -> Result<Owned> {
        let hidden = |name: &str| Expr::Column(Column::new(Some(scan.table_name.clone()), name));
        let (of_rows, in_doubt) = (self.lineage.of_rows(table), self.tables.in_doubt(table));
        // The planner may ask of it before it has thrown away the rows of other moments.
        let where_any = |flags: [(&str, u64); 2], doubt: Doubt| {
            let flags = flags.into_iter().filter(|(_, what)| *what != 0);
            let is_any = flags.map(|(name, what)| binary_expr(hidden(name), Operator::BitwiseAnd, lit(what)).not_eq(lit(0_u64))).reduce(Expr::or);
            let is_in_doubt = |is_any: Expr| when(is_any.and(is_valid.clone()), lit(doubt.bit())).otherwise(lit(0_u64));
            is_any.map(is_in_doubt).transpose()
        };
        let where_in_doubt = |what: u64, doubt: Doubt| where_any([(IN_DOUBT, in_doubt & what), (NEAR, 0)], doubt);
        let of_row_alone = where_in_doubt(of_rows & ROW_IN_DOUBT, Doubt::DoubtfulRow)?;
        let of_near = self.lineage.of_near(table, &self.tables.nears);
        let of_deciding = where_any([(IN_DOUBT, in_doubt & of_rows & !ROW_IN_DOUBT), (NEAR, of_near)], Doubt::UnknownValue)?;
        let people = |functions: &Functions, own: Option<Expr>| {
            let all = [&of_row_alone, &of_deciding].into_iter().flatten().cloned().chain(own);
            let doubts = all.reduce(|one, other| binary_expr(one, Operator::BitwiseOr, other)).unwrap_or_else(|| lit(0_u64));
            functions.element(hidden(SUBJECT), doubts)
        };
        let of_row = self.new_set();
        let mut owned = Owned { columns: Vec::new(), sets: vec![(of_row, people(&self.functions, None))] };
        let mut by_itself: BTreeMap<u64, u32> = BTreeMap::new();
        for position in 0..scan.projected_schema.fields().len() {
            let Some(column) = scan.projection.as_ref().map_or(Some(position), |projection| projection.get(position).copied()) else {
                return plan_err!("a scan's projection does not fit");
            };
            // What is known but for a little was sent, whatever it was.
            let own = in_doubt & column_in_doubt(column) & !of_rows;
            let column = ColumnRef { table, column };
            let set = match by_itself.get(&own) {
                _ if own == 0 || !self.lineage.sent.contains(&column) => of_row,
                Some(known) => *known,
                None => {
                    let set = self.new_set();
                    self.of_values.insert(set, of_row);
                    by_itself.insert(own, set);
                    owned.sets.push((set, people(&self.functions, where_in_doubt(own, Doubt::UnknownValue)?)));
                    set
                }
            };
            let presence = if self.tables.may_be_absent(column) { Presence::Asked } else { Presence::Proved };
            owned.columns.push(Marks::from([Mark::displayed(set, column, presence)]));
        }
        Ok(owned)
    }

    pub(super) fn constant(plan: &LogicalPlan) -> Rewritten {
        let schema = plan.schema().clone();
        Rewritten { plan: plan.clone(), columns: vec![Marks::new(); schema.fields().len()], rows: Marks::new(), sets: Vec::new(), schema, is_constant: true }
    }

    pub(super) fn projection(&mut self, projection: &datafusion::logical_expr::Projection, cut: Option<&Cut>) -> Result<Rewritten> {
        let input = self.rewrite(&projection.input, cut)?;
        let (input, columns) = self.computed(input, &projection.expr, Folds::No, &projection.input)?;
        let mut expressions = projection.expr.clone();
        expressions.extend(input.set_columns());
        Ok(Rewritten { plan: project(expressions, input.plan)?, columns, schema: projection.schema.clone(), ..input })
    }

    pub(super) fn alias(&mut self, alias: &SubqueryAlias, cut: Option<&Cut>) -> Result<Rewritten> {
        let input = self.rewrite(&alias.input, cut)?;
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input.plan.clone()), alias.alias.clone())?);
        let mut expressions: Vec<Expr> = alias.schema.columns().into_iter().map(Expr::Column).collect();
        for set in &input.sets {
            expressions.push(Expr::Column(Column::new(Some(alias.alias.clone()), set_name(*set))).alias(set_name(*set)));
        }
        Ok(Rewritten { plan: project(expressions, plan)?, schema: alias.schema.clone(), ..input })
    }

    pub(super) fn filter(&mut self, filter: &Filter) -> Result<Rewritten> {
        self.filtering += 1;
        self.asked = self.plain_parts(filter);
        // Which rows a LIMIT chose shows in their values: those cannot be told apart above it.
        let mut input = if has_limit(&filter.input) { self.rewrite_folded(&filter.input, None)? } else { self.rewrite(&filter.input, None)? };
        self.filtering -= 1;
        if self.keeps_used && folds(&filter.input) {
            self.aside.push(input.clone());
        }
        let (random, sure): (Vec<&Expr>, Vec<&Expr>) = conjuncts(&filter.predicate).into_iter().partition(|part| is_random(part));
        for part in &sure {
            self.condition(part, &mut input)?;
        }
        for part in &random {
            let marks = input.scope().deciding(part)?;
            input.rows.extend(marks);
        }
        if let Some(predicate) = conjunction(sure.into_iter().cloned()) {
            let readings = Judge::over(&self.server, &filter.input).readings(&predicate);
            let is_folded = folds(&filter.input);
            let readings = if self.folding > 0 || is_folded { self.of_unproved(&predicate, readings, is_folded, &input) } else { readings };
            input = self.let_through(predicate, readings, input)?;
        }
        // Which rows chance let through cannot be known: all of them, with a doubt.
        if random.is_empty() { Ok(input) } else { self.doubt_all(input, Doubt::Nondeterministic) }
    }

    /// The parts of a condition that the server decides as we do, by nothing but the row.
    fn plain_parts(&self, filter: &Filter) -> Vec<Expr> {
        let judge = Judge::over(&self.server, &filter.input);
        let holds_a_query =
            |part: &Expr| part.exists(|inner| Ok(matches!(inner, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_)))).unwrap_or(true);
        let is_plain = |part: &&Expr| !is_random(part) && !is_constant(part) && !holds_a_query(part) && judge.readings(part).is_none();
        conjuncts(&filter.predicate).into_iter().filter(is_plain).cloned().collect()
    }

    /// NULL in a row that is not proved may be a cell that is not known: a predicate that it leaves open may be true of it. (Where such a
    /// cell holds a value that it had before, whoever gave the rows must heed it.) What was made of several rows may be another value where
    /// one of them is not proved.
    fn of_unproved(&self, predicate: &Expr, readings: Option<Readings>, is_folded: bool, input: &Rewritten) -> Option<Readings> {
        let Some(unproved) = self.unproved(input) else { return readings };
        let Readings { may, must } = readings.unwrap_or_else(|| Readings { may: predicate.clone(), must: predicate.clone() });
        // One that is let through says itself that it is not proved.
        let open = if is_folded { unproved.and(predicate.clone().is_not_true()) } else { unproved.and(predicate.clone().is_unknown()) };
        Some(Readings { may: may.or(open), must })
    }

    /// The rows that a predicate lets through; where the server may decide otherwise, also those that it could let through, in doubt.
    pub(super) fn let_through(&mut self, predicate: Expr, readings: Option<Readings>, input: Rewritten) -> Result<Rewritten> {
        let Some(readings) = readings else {
            let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input.plan))?);
            return Ok(Rewritten { plan, ..input });
        };
        if self.folding > 0 || input.sets.is_empty() {
            let witnessed = self.functions.witness(predicate, readings.must, readings.may);
            let plan = LogicalPlan::Filter(Filter::try_new(witnessed, Arc::new(input.plan))?);
            return Ok(Rewritten { plan, ..input });
        }
        let plan = LogicalPlan::Filter(Filter::try_new(readings.may, Arc::new(input.plan.clone()))?);
        let row = self.new_set();
        self.decided.rows.insert(row);
        let by_reading = |functions: &Functions, set: Expr| {
            let found = functions.doubted(set.clone(), Doubt::Comparison.bit());
            let otherwise = functions.doubted(set.clone(), Doubt::LetThrough.bit());
            when(readings.must.clone(), set).when(predicate.clone(), found).otherwise(otherwise)
        };
        let mut expressions = input.visible();
        for set in &input.sets {
            expressions.push(by_reading(&self.functions, set_column(*set))?.alias(set_name(*set)));
        }
        expressions.push(by_reading(&self.functions, Functions::row())?.alias(set_name(row)));
        let sets = input.sets.iter().copied().chain([row]).collect();
        Ok(Rewritten { plan: project(expressions, plan)?, sets, ..input })
    }

    /// Every set with a doubt.
    pub(super) fn doubt_all(&mut self, input: Rewritten, doubt: Doubt) -> Result<Rewritten> {
        let mut expressions = input.visible();
        for set in &input.sets {
            expressions.push(self.functions.doubted(set_column(*set), doubt.bit()).alias(set_name(*set)));
        }
        Ok(Rewritten { plan: project(expressions, input.plan)?, ..input })
    }

    /// What one conjunct of WHERE or of an inner join gives away about the rows that it lets through.
    pub(super) fn condition(&self, part: &Expr, input: &mut Rewritten) -> Result<()> {
        if let Some((left, right)) = equality(part) {
            let (of_left, of_right) = (input.scope().deciding(left)?, input.scope().deciding(right)?);
            return self.equal(left, right, (of_left, of_right), input);
        }
        let marks = input.scope().deciding(part)?;
        input.rows.extend(marks);
        Ok(())
    }

    /// `left = right`, both from columns. Keys that join two tables say nothing by themselves, but whoever sees one side knows the other.
    pub(super) fn equal(&self, left: &Expr, right: &Expr, (of_left, of_right): (Marks, Marks), input: &mut Rewritten) -> Result<()> {
        for (from, marks, to) in [(&of_left, &of_right, left), (&of_right, &of_left, right)] {
            // One side has no subjects: a table to look things up in, whose columns now speak of the other side.
            if marks.is_empty() && !from.is_empty() || from.is_empty() && !marks.is_empty() {
                let (spoken_of, speaking) = if from.is_empty() { (marks, to) } else { (from, if std::ptr::eq(to, left) { right } else { left }) };
                return self.look_up(spoken_of, speaking, input);
            }
        }
        if of_left.is_empty() {
            return Ok(());
        }
        if self.joins_keys(&of_left, &of_right) {
            for (side, other) in [(left, &of_right), (right, &of_left)] {
                for column in side.column_refs() {
                    let position = input.schema.index_of_column(column)?;
                    if let Some(marks) = input.columns.get_mut(position) {
                        marks.extend(other);
                    }
                }
            }
        } else {
            input.rows.extend(of_left);
            input.rows.extend(of_right);
        }
        Ok(())
    }

    /// Marks on the columns of the relations that `speaking` reads from.
    fn look_up(&self, spoken_of: &Marks, speaking: &Expr, input: &mut Rewritten) -> Result<()> {
        let relations: Vec<_> = speaking.column_refs().into_iter().map(|column| column.relation.clone()).collect();
        let is_of_calls = speaking.column_refs().iter().all(|column| column.name.starts_with(CALL));
        if input.is_constant || is_of_calls || relations.iter().any(Option::is_none) {
            input.rows.extend(spoken_of);
            return Ok(());
        }
        for (position, (relation, _)) in input.schema.iter().enumerate() {
            let speaks = relations.iter().any(|known| known.as_ref() == relation);
            if let (true, Some(marks)) = (speaks, input.columns.get_mut(position)) {
                marks.extend(spoken_of);
            }
        }
        Ok(())
    }

    /// Whether an equality joins tables by a key: the two sides are of different sets, and one is all key.
    pub(super) fn joins_keys(&self, left: &Marks, right: &Marks) -> bool {
        let is_key = |marks: &Marks| !marks.is_empty() && marks.iter().all(|mark| self.tables.is_key(mark.column));
        let shares = left.iter().any(|mark| right.iter().any(|other| self.origin(other.set) == self.origin(mark.set)));
        !shares && (is_key(left) || is_key(right))
    }

    pub(super) fn union(&mut self, union: &Union) -> Result<Rewritten> {
        let inputs = union.inputs.iter().map(|input| self.rewrite(input, None)).collect::<Result<Vec<_>>>()?;
        let sets: Vec<u32> = inputs.iter().flat_map(|input| input.sets.clone()).collect();
        let mut columns = vec![Marks::new(); union.schema.fields().len()];
        let mut rows = Marks::new();
        let mut plans = Vec::new();
        let is_constant = inputs.iter().all(|input| input.is_constant);
        for input in inputs {
            for (marks, more) in columns.iter_mut().zip(&input.columns) {
                marks.extend(more);
            }
            rows.extend(&input.rows);
            let mut expressions = Vec::new();
            for (position, (column, field)) in input.visible().into_iter().zip(union.schema.fields()).enumerate() {
                let is_same = input.schema.fields().get(position).is_some_and(|is| is.data_type() == field.data_type());
                let value = if is_same { column } else { datafusion::logical_expr::cast(column, field.data_type().clone()) };
                expressions.push(value.alias(format!("__union_{position}")));
            }
            for set in &sets {
                let value = if input.sets.contains(set) { set_column(*set) } else { Functions::nobody() };
                expressions.push(value.alias(set_name(*set)));
            }
            plans.push(Arc::new(project(expressions, input.plan)?));
        }
        let plan = LogicalPlan::Union(Union::try_new(plans)?);
        let mut expressions: Vec<Expr> = Vec::new();
        for (position, (relation, field)) in union.schema.iter().enumerate() {
            expressions.push(Expr::Column(Column::new_unqualified(format!("__union_{position}"))).alias_qualified(relation.cloned(), field.name()));
        }
        expressions.extend(sets.iter().map(|set| set_column(*set)));
        Ok(Rewritten { plan: project(expressions, plan)?, columns, rows, sets, schema: union.schema.clone(), is_constant })
    }

    pub(super) fn unnest(&mut self, unnest: &Unnest) -> Result<Rewritten> {
        let input = self.rewrite(&unnest.input, None)?;
        let exec_columns = unnest.exec_columns.clone();
        let plan = LogicalPlanBuilder::from(input.plan).unnest_columns_with_options(exec_columns, unnest.options.clone())?.build()?;
        // An element may be missing where its list is not.
        let list_columns: Vec<usize> = unnest.list_type_columns.iter().map(|(position, _)| *position).collect();
        let unnested = |marks: &Marks| marks.iter().map(|mark| Mark { presence: mark.presence.again(), layout: Layout::Loose, ..*mark }).collect();
        let marks = |from: &usize| {
            let marks = input.columns.get(*from).cloned().unwrap_or_default();
            if list_columns.contains(from) { unnested(&marks) } else { marks }
        };
        let columns = unnest.dependency_indices.iter().map(marks).collect();
        let visible: Vec<Expr> = unnest.schema.columns().into_iter().map(Expr::Column).collect();
        let expressions = visible.into_iter().chain(input.sets.iter().map(|set| set_column(*set))).collect();
        Ok(Rewritten { plan: project(expressions, plan)?, columns, schema: unnest.schema.clone(), ..Rewritten { plan: LogicalPlan::default(), ..input } })
    }
}

/// The two sides of `a = b` where both read columns.
pub(super) fn equality(part: &Expr) -> Option<(&Expr, &Expr)> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq | Operator::IsNotDistinctFrom, right }) if !is_constant(left) && !is_constant(right) => {
            Some((left, right))
        }
        _ => None,
    }
}

/// Whether a LIMIT stands below.
pub(super) fn has_limit(plan: &LogicalPlan) -> bool {
    use datafusion::common::tree_node::TreeNode;
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Limit(_)))).unwrap_or(true)
}

/// Whether rows below a plan's top may stand for others: then what decides may not be in the result.
pub(super) fn folds(plan: &LogicalPlan) -> bool {
    use datafusion::common::tree_node::TreeNode;
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Limit(_) | LogicalPlan::Distinct(_))))
        .unwrap_or(true)
}

/// Marks of what an outer join's condition says about both sides.
pub(super) fn said_by(condition: &Marks) -> Marks {
    inferred(condition)
}
