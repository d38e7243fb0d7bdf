//! Joins, and the joins that subqueries become: semi (EXISTS, IN), anti (NOT EXISTS, NOT IN), mark (either under OR).

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::{Column, JoinType, NullEquality, Result, plan_err};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Aggregate, Expr, Join, JoinConstraint, LogicalPlan, Operator, Window, binary_expr, lit, when};

use super::rows::{equality, folds, has_limit, said_by};
use super::{Brings, Rewriter, Rewritten, project, renamed, set_column, set_name, summarised};
use crate::expression::{Mark, Marks, Scope, conjuncts, inferred};
use crate::fidelity::Judge;
use crate::types::{Doubt, How};

/// What is asked of each side by itself: of one whose rows make the join's, the parts that it has all columns of.
fn asked_of_sides(join: &Join, asked: &[Expr]) -> [Vec<Expr>; 2] {
    let of = |plan: &LogicalPlan, makes_rows: bool| -> Vec<Expr> {
        let is_own = |part: &&Expr| part.column_refs().iter().all(|column| plan.schema().has_column(column));
        if makes_rows { asked.iter().filter(is_own).cloned().collect() } else { Vec::new() }
    };
    let makes_right = matches!(join.join_type, JoinType::Inner | JoinType::Right);
    let makes_left = matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
    [of(&join.left, makes_left), of(&join.right, makes_right)]
}

impl Rewriter<'_> {
    /// `asked` are parts of the condition above it.
    pub(super) fn join(&mut self, join: &Join, asked: &[Expr]) -> Result<Rewritten> {
        let (join, open, watched) = self.decided_alike(join)?;
        let joined = self.join_alike(&join, asked, watched)?;
        match open {
            Some(condition) => {
                let readings = Judge::over(&self.server, &LogicalPlan::Join(join)).readings(&condition);
                self.let_through(condition, readings, joined)
            }
            None => Ok(joined),
        }
    }

    /// The join on what the server decides as we do. What it may decide otherwise becomes a condition above an inner join;
    /// of another join it is watched while it runs, or leaves the statement open where that cannot be. What hangs on the rows of one side
    /// alone is watched there.
    fn decided_alike(&mut self, join: &Join) -> Result<(Join, Option<Expr>, [Vec<Expr>; 2])> {
        let judge = Judge::over_join(&self.server, join);
        let equal = |(left, right): &(Expr, Expr)| binary_expr(left.clone(), Operator::Eq, right.clone());
        let (mut same, mut open): (Vec<_>, Vec<_>) = join.on.iter().cloned().partition(|(left, right)| judge.comparison(left, Operator::Eq, right).is_same());
        let mut watched = [Vec::new(), Vec::new()];
        if join.join_type != JoinType::Inner {
            let sides = [&join.left, &join.right];
            let of_sides = |(left, right): &(Expr, Expr)| judge.guards_of_sides(left, right, sides.map(|side| side.schema().as_ref()));
            let (told, untold): (Vec<_>, Vec<_>) = open.into_iter().map(|pair| (of_sides(&pair), pair)).partition(|(guards, _)| guards.is_some());
            for (guards, pair) in told {
                let [left, right] = guards.unwrap_or_default();
                let watch = |guard| self.functions.witness(lit(true), guard, lit(true));
                watched[0].extend(left.into_iter().map(watch));
                watched[1].extend(right.into_iter().map(watch));
                same.push(pair);
            }
            open = untold.into_iter().map(|(_, pair)| pair).collect();
        }
        let parts: Vec<Expr> = join.filter.iter().flat_map(|filter| conjuncts(filter)).cloned().collect();
        let (alike, doubtful): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(|part| judge.readings(part).is_none());
        if open.is_empty() && doubtful.is_empty() {
            return Ok((join.clone(), None, watched));
        }
        let doubtful = open.iter().map(equal).chain(doubtful).reduce(Expr::and);
        let rebuilt = |filter: Option<Expr>| {
            Join::try_new(join.left.clone(), join.right.clone(), same, filter, join.join_type, join.join_constraint, join.null_equality, join.null_aware)
        };
        match (doubtful, join.join_type) {
            (Some(condition), JoinType::Inner) if join.null_equality == NullEquality::NullEqualsNothing => {
                Ok((rebuilt(alike.into_iter().reduce(Expr::and))?, Some(condition), watched))
            }
            (Some(condition), _) if !join.null_aware && join.null_equality == NullEquality::NullEqualsNothing => {
                let readings = judge.readings(&condition);
                let witness = readings.map(|readings| self.functions.witness(condition, readings.must, readings.may));
                Ok((rebuilt(alike.into_iter().chain(witness).reduce(Expr::and))?, None, watched))
            }
            _ => {
                self.decided.is_open = true;
                Ok((join.clone(), None, watched))
            }
        }
    }

    fn join_alike(&mut self, join: &Join, asked: &[Expr], [watched_left, watched_right]: [Vec<Expr>; 2]) -> Result<Rewritten> {
        let asked = asked_of_sides(join, asked);
        self.asked.clone_from(&asked[0]);
        // A row in doubt on one side would leave the people of the other side in doubt.
        let keeps_left_alone = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
        let left = if keeps_left_alone && !has_limit(&join.left) { self.rewrite(&join.left, None)? } else { self.rewrite_folded(&join.left, None)? };
        self.asked.clone_from(&asked[1]);
        let right = self.rewrite_folded(&join.right, None)?;
        let (left, right) = (left.watched_by(watched_left)?, right.watched_by(watched_right)?);
        let (left, right) = self.proved_sides(join, &asked, left, right)?;
        if self.keeps_used {
            for (side, plan) in [(&left, &join.left), (&right, &join.right)] {
                if folds(plan) || matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftMark) && std::ptr::eq(side, &right) {
                    self.aside.push(side.clone());
                }
            }
        }
        match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => self.plain_join(join, left, right),
            JoinType::LeftSemi => self.semi_join(join, left, right),
            JoinType::LeftAnti | JoinType::LeftMark => self.anti_join(join, left, right),
            _ => plan_err!("a join of this kind is not supported"),
        }
    }

    /// A row of one side that is not proved leaves its partners in doubt: where rows are joined it says so of them, and elsewhere it is watched
    /// for. One whose key is not known may have any partner.
    fn proved_sides(&mut self, join: &Join, asked: &[Vec<Expr>; 2], left: Rewritten, right: Rewritten) -> Result<(Rewritten, Rewritten)> {
        if !matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full) {
            return Ok((left, self.all_proved(right, Brings::Others)?));
        }
        let of_left = join.on.iter().map(|(key, _)| key.clone()).collect();
        let of_right = join.on.iter().map(|(_, key)| key.clone()).collect();
        Ok((self.with_known(of_left, &asked[0], left)?, self.with_known(of_right, &asked[1], right)?))
    }

    fn plain_join(&mut self, join: &Join, left: Rewritten, right: Rewritten) -> Result<Rewritten> {
        let plan = rebuilt(join, left.plan.clone(), right.plan.clone())?;
        let sets: Vec<u32> = left.sets.iter().chain(&right.sets).copied().collect();
        let mut expressions: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
        let (keeps_left, keeps_right) = (matches!(join.join_type, JoinType::Left | JoinType::Full), matches!(join.join_type, JoinType::Right | JoinType::Full));
        let sides = [(&left, if keeps_left { None } else { self.unproved(&right) }), (&right, if keeps_right { None } else { self.unproved(&left) })];
        for (side, partner_unproved) in sides {
            for set in &side.sets {
                let doubted = || self.functions.doubted(set_column(*set), Doubt::DoubtfulRow.bit());
                expressions.push(match &partner_unproved {
                    Some(unproved) => when(unproved.clone(), doubted()).otherwise(set_column(*set))?.alias(set_name(*set)),
                    None => set_column(*set),
                });
            }
        }
        let columns = left.columns.iter().chain(&right.columns).cloned().collect();
        let rows = left.rows.union(&right.rows).copied().collect();
        let is_constant = left.is_constant && right.is_constant;
        let mut joined = Rewritten { plan: project(expressions, plan)?, columns, rows, sets, schema: join.schema.clone(), is_constant };
        if join.join_type == JoinType::Inner {
            self.inner_conditions(join, [left.is_constant, right.is_constant], &mut joined)?;
        } else {
            self.outer_conditions(join, left.columns.len(), &mut joined)?;
        }
        Ok(joined)
    }

    fn inner_conditions(&mut self, join: &Join, are_constant: [bool; 2], joined: &mut Rewritten) -> Result<()> {
        for (left, right) in &join.on {
            let marks = (joined.scope().deciding(left)?, joined.scope().deciding(right)?);
            // A list written in the statement works like IN.
            if are_constant.contains(&true) {
                joined.rows.extend(marks.0);
                joined.rows.extend(marks.1);
            } else {
                self.equal(left, right, marks, joined)?;
            }
        }
        for part in join.filter.iter().flat_map(|filter| conjuncts(filter)) {
            self.condition(part, joined)?;
        }
        Ok(())
    }

    /// An outer join drops no row of the side it keeps, but whether the other side is empty says how the condition came out:
    /// for the people of both sides, to whoever sees a column of the side that can be empty.
    fn outer_conditions(&mut self, join: &Join, left_columns: usize, joined: &mut Rewritten) -> Result<()> {
        let mut said = Marks::new();
        let mut connected = BTreeSet::new();
        let mut about: BTreeSet<crate::types::ColumnRef> = BTreeSet::new();
        let pairs = join.on.iter().map(|(left, right)| (left, right));
        let parts: Vec<&Expr> = join.filter.iter().flat_map(|filter| conjuncts(filter)).collect();
        for (left, right) in pairs.chain(parts.iter().filter_map(|part| equality(part))) {
            let (of_left, of_right) = (joined.scope().deciding(left)?, joined.scope().deciding(right)?);
            connected.extend(of_left.iter().chain(&of_right).map(|mark| (mark.set, mark.gate)));
            if !self.joins_keys(&of_left, &of_right) {
                said.extend(&of_left);
                said.extend(&of_right);
            }
        }
        for part in parts.iter().filter(|part| equality(part).is_none()) {
            let marks = joined.scope().deciding(part)?;
            about.extend(marks.iter().map(|mark| mark.column));
            said.extend(&marks);
        }
        for (set, gate) in connected {
            said.extend(about.iter().map(|column| Mark::inferred(set, gate, *column)));
        }
        let is_left_empty = matches!(join.join_type, JoinType::Right | JoinType::Full);
        let is_right_empty = matches!(join.join_type, JoinType::Left | JoinType::Full);
        for (position, marks) in joined.columns.iter_mut().enumerate() {
            if if position < left_columns { is_left_empty } else { is_right_empty } {
                marks.extend(said_by(&said));
            }
        }
        Ok(())
    }

    /// EXISTS and IN: the rows on the right that make it true are witnesses; their sets go with the row on the left.
    fn semi_join(&mut self, join: &Join, mut left: Rewritten, right: Rewritten) -> Result<Rewritten> {
        let is_intersection = join.null_equality == NullEquality::NullEqualsNull;
        let (said_left, said_right) = self.keys_said(join, &left, &right)?;
        left.rows.extend(said_left);
        let mut right = right;
        right.rows.extend(said_right);
        if right.sets.is_empty() {
            let plan = rebuilt(join, left.plan.clone(), right.plan)?;
            return Ok(Rewritten { plan, ..left });
        }
        let wanted: Marks = if is_intersection { right.all_marks() } else { Marks::new() };
        let (right, names) = self.ungate(right, &wanted)?;
        let mut moved = Vec::new();
        let mut unions = Vec::new();
        for set in &right.sets {
            let new = self.new_set();
            let cap = if is_intersection { None } else { self.cap() };
            unions.push(self.functions.union(set_column(*set), cap).alias(set_name(new)));
            moved.push((*set, new));
        }
        let plan = match simple_keys(join) {
            Some(keys) => self.join_to_folded(join, keys, &left, right.plan.clone(), unions)?,
            None => Self::fold_the_joined(join, &left, right.plan.clone(), unions)?,
        };
        let find = |set: u32| moved.iter().find(|(old, _)| *old == set).map(|(_, new)| *new);
        if is_intersection {
            // Both sides hold the value that is shown.
            for (marks, others) in left.columns.iter_mut().zip(&right.columns) {
                marks.extend(renamed(others, &names).iter().filter_map(|mark| find(mark.set).map(|set| Mark { set, ..*mark })));
            }
            left.rows.extend(renamed(&right.rows, &names).iter().filter_map(|mark| find(mark.set).map(|set| Mark { set, how: How::Inferred, ..*mark })));
        } else {
            left.rows.extend(summarised(&inferred(&right.rows), find));
        }
        let mut sets = left.sets.clone();
        sets.extend(moved.iter().map(|(_, new)| *new));
        let mut expressions = left.visible();
        let of_right: BTreeSet<u32> = moved.iter().map(|(_, new)| *new).collect();
        let shown = |set: &u32| match (is_intersection, of_right.contains(set)) {
            (false, _) => set_column(*set),
            (true, true) => self.as_sure_as(*set, &left.sets),
            (true, false) => self.as_sure_as(*set, of_right.iter()),
        };
        expressions.extend(sets.iter().map(shown));
        Ok(Rewritten { plan: project(expressions, plan)?, sets, ..left })
    }

    /// A set whose people are no surer than the surest of the sets of the other side, which says whether the row is there.
    fn as_sure_as<'s>(&self, set: u32, others: impl IntoIterator<Item = &'s u32>) -> Expr {
        let all = others.into_iter().map(|other| set_column(*other)).reduce(|one, other| self.functions.both(one, other));
        match all {
            Some(all) => self.functions.no_surer(set_column(set), all).alias(set_name(set)),
            None => set_column(set),
        }
    }

    /// Equal keys only: fold the right side by its keys first, so that each row on the left meets one row at most.
    fn join_to_folded(&mut self, join: &Join, keys: Vec<(Column, Column)>, left: &Rewritten, right: LogicalPlan, unions: Vec<Expr>) -> Result<LogicalPlan> {
        let groups: Vec<Expr> = keys.iter().map(|(_, right)| Expr::Column(right.clone())).collect();
        let folded = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(right), groups, unions.clone())?);
        // The keys may bear the names of columns on the left.
        let mut renamed = Vec::new();
        let mut on = Vec::new();
        for (left, right) in &keys {
            let name = format!("__key_{}", self.new_set());
            renamed.push(Expr::Column(right.clone()).alias(&name));
            on.push((Expr::Column(left.clone()), Expr::Column(Column::new_unqualified(name))));
        }
        renamed.extend(unions.iter().map(|union| Expr::Column(Column::new_unqualified(union.schema_name().to_string()))));
        let folded = project(renamed, folded)?;
        let join = Join::try_new(Arc::new(left.plan.clone()), Arc::new(folded), on, None, JoinType::Inner, JoinConstraint::On, join.null_equality, false)?;
        Ok(LogicalPlan::Join(join))
    }

    /// Any condition: number the rows on the left, join, and fold what joined back to one row each.
    fn fold_the_joined(join: &Join, left: &Rewritten, right: LogicalPlan, unions: Vec<Expr>) -> Result<LogicalPlan> {
        const NUMBER: &str = "__row_number";
        let mut groups = left.visible();
        groups.extend(left.set_columns());
        let numbered = LogicalPlan::Window(Window::try_new(vec![row_number().alias(NUMBER)], Arc::new(left.plan.clone()))?);
        let number = Expr::Column(Column::new_unqualified(NUMBER));
        groups.push(number);
        let parts = (join.on.clone(), join.filter.clone());
        let joined = Join::try_new(Arc::new(numbered), Arc::new(right), parts.0, parts.1, JoinType::Inner, JoinConstraint::On, join.null_equality, false)?;
        Ok(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(LogicalPlan::Join(joined)), groups, unions)?))
    }

    /// What a semi join's own keys and conditions say: about the left rows, and about the witnesses.
    fn keys_said(&self, join: &Join, left: &Rewritten, right: &Rewritten) -> Result<(Marks, Marks)> {
        let both = both_sides(left, right)?;
        let scope = Scope { schema: &both.0, columns: &both.1, judge: None };
        let (mut of_left, mut of_right) = (Marks::new(), Marks::new());
        let is_left = |mark: &Mark| left.sets.contains(&mark.set);
        let mut say = |marks: &Marks| {
            of_left.extend(marks.iter().filter(|mark| is_left(mark)));
            of_right.extend(marks.iter().filter(|mark| !is_left(mark)));
        };
        let parts: Vec<&Expr> = join.filter.iter().flat_map(|filter| conjuncts(filter)).collect();
        let pairs = join.on.iter().map(|(left, right)| (left, right));
        for (one, other) in pairs.chain(parts.iter().filter_map(|part| equality(part))) {
            let (one, other) = (scope.deciding(one)?, scope.deciding(other)?);
            if one.is_empty() || other.is_empty() || !self.joins_keys(&one, &other) {
                say(&one);
                say(&other);
            }
        }
        for part in parts.iter().filter(|part| equality(part).is_none()) {
            say(&scope.deciding(part)?);
        }
        Ok((of_left, of_right))
    }

    /// NOT EXISTS and NOT IN: there is no witness, so what was asked of the right side is said of the person on the left who was tied to it.
    fn anti_join(&mut self, join: &Join, mut left: Rewritten, right: Rewritten) -> Result<Rewritten> {
        let is_mark = join.join_type == JoinType::LeftMark;
        let (said_left, said_right) = self.keys_said(join, &left, &right)?;
        let both = both_sides(&left, &right)?;
        let scope = Scope { schema: &both.0, columns: &both.1, judge: None };
        let mut tied = BTreeSet::new();
        let parts: Vec<&Expr> = join.filter.iter().flat_map(|filter| conjuncts(filter)).collect();
        let pairs = join.on.iter().map(|(left, right)| (left, right));
        for (one, other) in pairs.chain(parts.iter().filter_map(|part| equality(part))) {
            for side in [one, other] {
                let marks = scope.deciding(side)?;
                tied.extend(marks.iter().filter(|mark| left.sets.contains(&mark.set)).map(|mark| (mark.set, mark.gate)));
            }
        }
        let asked: BTreeSet<_> = said_right.iter().chain(&right.rows).map(|mark| mark.column).collect();
        let mut said = said_left;
        for (set, gate) in tied {
            said.extend(asked.iter().map(|column| Mark::inferred(set, gate, *column)));
        }
        let plan = rebuilt(join, left.plan.clone(), right.plan.clone())?;
        if !is_mark {
            left.rows.extend(said);
            return Ok(Rewritten { plan, ..left });
        }
        let visible: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
        let mut expressions = visible;
        expressions.extend(left.set_columns());
        left.columns.push(said);
        let marked = Rewritten { plan: project(expressions, plan)?, schema: join.schema.clone(), ..left };
        self.witnesses_of_mark(join, marked, right, said_right)
    }

    /// A mark may be true: whoever is a witness anywhere may be the one.
    fn witnesses_of_mark(&mut self, join: &Join, mut marked: Rewritten, mut right: Rewritten, said: Marks) -> Result<Rewritten> {
        right.rows.extend(said);
        if right.sets.is_empty() || right.rows.is_empty() && !self.keeps_used {
            return Ok(marked);
        }
        let mut moved = Vec::new();
        let mut unions = Vec::new();
        for set in &right.sets {
            let new = self.new_set();
            unions.push(self.functions.union(set_column(*set), self.cap()).alias(set_name(new)));
            moved.push((*set, new));
        }
        let (keys, join_type) = (simple_keys(join), JoinType::Left);
        let groups: Vec<Expr> = keys.iter().flatten().map(|(_, right)| Expr::Column(right.clone())).collect();
        let folded = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(right.plan.clone()), groups, unions)?);
        let mut expressions = Vec::new();
        let mut on = Vec::new();
        for (left, right) in keys.iter().flatten() {
            let name = format!("__key_{}", self.new_set());
            expressions.push(Expr::Column(right.clone()).alias(&name));
            on.push((Expr::Column(left.clone()), Expr::Column(Column::new_unqualified(name))));
        }
        expressions.extend(moved.iter().map(|(_, new)| set_column(*new)));
        let folded = project(expressions, folded)?;
        let filter = on.is_empty().then(|| lit(true));
        let joined = Join::try_new(Arc::new(marked.plan.clone()), Arc::new(folded), on, filter, join_type, JoinConstraint::On, join.null_equality, false)?;
        let find = |set: u32| moved.iter().find(|(old, _)| *old == set).map(|(_, new)| *new);
        if let Some(marks) = marked.columns.last_mut() {
            marks.extend(summarised(&inferred(&right.rows), find));
        }
        let mut sets = marked.sets.clone();
        sets.extend(moved.iter().map(|(_, new)| *new));
        let mut expressions = marked.visible();
        expressions.extend(sets.iter().map(|set| set_column(*set)));
        Ok(Rewritten { plan: project(expressions, LogicalPlan::Join(joined))?, sets, ..marked })
    }
}

/// The same join over rewritten sides.
fn rebuilt(join: &Join, left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    let (on, filter) = (join.on.clone(), join.filter.clone());
    let join = Join::try_new(Arc::new(left), Arc::new(right), on, filter, join.join_type, join.join_constraint, join.null_equality, join.null_aware)?;
    Ok(LogicalPlan::Join(join))
}

fn both_sides(left: &Rewritten, right: &Rewritten) -> Result<(datafusion::common::DFSchema, Vec<Marks>)> {
    let schema = left.schema.join(&right.schema)?;
    Ok((schema, left.columns.iter().chain(&right.columns).cloned().collect()))
}

/// The keys of a join that has nothing but equal columns.
fn simple_keys(join: &Join) -> Option<Vec<(Column, Column)>> {
    if join.filter.is_some() || join.on.is_empty() {
        return None;
    }
    join.on.iter().map(|(left, right)| Some((left.try_as_col()?.clone(), right.try_as_col()?.clone()))).collect()
}
