//! What an expression's value displays, row by row: set columns that hold people only in rows in which their value is in it.

use std::collections::{BTreeSet, HashMap};

use datafusion::common::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, when};

use super::{Rewriter, Rewritten, project, set_column, set_name};
use crate::expression::{Copy, Layout, Mark, Marks, Need, Presence, Scope};
use crate::fidelity::Judge;
use crate::place::Cut;
use crate::types::{Doubt, How};

/// A mark of a value that is about to fold, and the set of all whose value is there, whichever of their cells is in it.
pub(super) struct Argued {
    pub(super) mark: Mark,
    pub(super) all: u32,
}

/// What a set column is made of: a set, what must hold of the row, a piece of it, and doubts.
#[derive(PartialEq, Eq, Hash)]
struct Recipe {
    set: u32,
    needs: Vec<Need>,
    cut: Option<Cut>,
    doubts: u64,
}

/// Set columns to be added below an operator.
#[derive(Default)]
pub(super) struct Added {
    known: HashMap<Recipe, u32>,
    columns: Vec<(u32, Expr)>,
}

impl Added {
    pub(super) fn columns(self) -> Vec<(u32, Expr)> {
        self.columns
    }
}

/// Whether rows fold, so that whether a value is there must be asked row by row before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Folds {
    Yes,
    No,
}

impl Rewriter<'_> {
    /// The input with the set columns that the values of expressions need, and the marks of each value.
    pub(super) fn computed<'e>(
        &mut self,
        input: Rewritten,
        expressions: impl IntoIterator<Item = &'e Expr>,
        folds: Folds,
        below: &LogicalPlan,
    ) -> Result<(Rewritten, Vec<Marks>)> {
        let server = self.server.clone();
        let judge = Judge::over(&server, below);
        let mut added = Added::default();
        let mut all = Vec::new();
        for expression in expressions {
            let read = self.argued(&input, expression, (folds, None), (&judge, &mut added))?;
            all.push(read.into_iter().map(|argued| argued.mark).collect());
        }
        Ok((self.with_sets(input, added.columns)?, all))
    }

    /// What one value says of the rows that fold and for which a condition is true.
    pub(super) fn argued(
        &mut self,
        input: &Rewritten,
        value: &Expr,
        (folds, filter): (Folds, Option<&Expr>),
        (judge, added): (&Judge<'_>, &mut Added),
    ) -> Result<Vec<Argued>> {
        let said = Scope { judge: Some(judge), ..input.scope() }.said(value)?;
        let mut read: Vec<Argued> = said.deciding.into_iter().map(|mark| Argued { mark, all: mark.set }).collect();
        for mut copy in said.copies {
            let mut of_value: Vec<Need> = Vec::new();
            if folds == Folds::Yes && !copy.is_open && (copy.is_asked || !copy.needs.is_empty()) {
                of_value.push(Need::Present(value.clone()));
                copy.is_asked = false;
            }
            of_value.extend(filter.map(|filter| Need::True(filter.clone())));
            copy.needs.extend(of_value.iter().cloned());
            for mark in &copy.marks {
                let all = self.made(Recipe { set: mark.set, needs: of_value.clone(), cut: None, doubts: 0 }, added);
                read.push(Argued { mark: self.copied(mark, &copy, added), all });
            }
        }
        Ok(read)
    }

    fn copied(&mut self, mark: &Mark, copy: &Copy, added: &mut Added) -> Mark {
        if mark.how == How::Inferred {
            // What a value gives away beside itself it gives away where its branch is taken.
            let needs = copy.needs.iter().filter(|need| matches!(need, Need::True(_))).cloned().collect();
            return Mark { set: self.made(Recipe { set: mark.set, needs, cut: None, doubts: copy.doubts }, added), ..*mark };
        }
        let mut recipe = Recipe { set: mark.set, needs: copy.needs.clone(), cut: None, doubts: copy.doubts };
        match (&copy.cut, mark.layout) {
            (None, _) | (Some(_), Layout::Whole) => {}
            (Some(cut), Layout::Placed) if copy.is_placed => recipe.cut = Some(cut.clone()),
            _ => recipe.doubts |= Doubt::Piece.bit(),
        }
        let presence = match (copy.is_open, copy.is_asked) {
            (true, _) => Presence::Open,
            (false, true) => Presence::Asked,
            (false, false) => Presence::Proved,
        };
        Mark { set: self.made(recipe, added), presence, layout: copy.layout(mark), ..*mark }
    }

    fn made(&mut self, recipe: Recipe, added: &mut Added) -> u32 {
        if recipe.needs.is_empty() && recipe.cut.is_none() && recipe.doubts == 0 {
            return recipe.set;
        }
        if let Some(known) = added.known.get(&recipe) {
            return *known;
        }
        let new = self.new_set();
        self.origins.insert(new, self.origin(recipe.set));
        added.columns.push((new, self.column_of(&recipe)));
        added.known.insert(recipe, new);
        new
    }

    fn column_of(&self, recipe: &Recipe) -> Expr {
        let mut set = set_column(recipe.set);
        if let Some(cut) = &recipe.cut {
            set = self.functions.piece(set, cut.from.clone(), cut.to.clone());
        }
        let mut conditions = Vec::new();
        for need in &recipe.needs {
            match need {
                Need::Present(value) => set = self.functions.present(set, value.clone()),
                Need::True(condition) => conditions.push(condition.clone()),
            }
        }
        if recipe.doubts != 0 {
            set = self.functions.doubted(set, recipe.doubts);
        }
        match conjunction(conditions).map(|condition| when(condition, set.clone()).end()) {
            Some(Ok(chosen)) => chosen,
            _ => set,
        }
    }

    /// The set of a scan or of a fold that a set column was made of.
    pub(super) fn origin(&self, set: u32) -> u32 {
        self.origins.get(&set).copied().unwrap_or(set)
    }

    /// The same rows, with sets that hold people only where their value is there: needed before rows stand for others.
    pub(crate) fn settled(&mut self, input: Rewritten) -> Result<Rewritten> {
        if !input.columns.iter().flatten().any(Mark::is_asked) {
            return Ok(input);
        }
        let mut added = Added::default();
        let mut columns = Vec::new();
        for (value, marks) in input.visible().into_iter().zip(&input.columns) {
            let settle = |mark: &Mark| {
                if !mark.is_asked() {
                    return *mark;
                }
                let recipe = Recipe { set: mark.set, needs: vec![Need::Present(value.clone())], cut: None, doubts: 0 };
                Mark { set: self.made(recipe, &mut added), presence: Presence::Proved, ..*mark }
            };
            columns.push(marks.iter().map(settle).collect());
        }
        let input = self.with_sets(input, added.columns)?;
        Ok(Rewritten { columns, ..input })
    }

    /// The same rows without the set columns of which no mark speaks; those that say whether the row is sure speak for themselves.
    pub(crate) fn spoken(&self, input: Rewritten, more: &Marks) -> Result<Rewritten> {
        let marked = input.columns.iter().flatten().chain(&input.rows).chain(more).map(|mark| mark.set);
        let live: BTreeSet<u32> = marked.chain(self.decided.rows.iter().copied()).collect();
        if self.keeps_used || input.sets.iter().all(|set| live.contains(set)) {
            return Ok(input);
        }
        let sets: Vec<u32> = input.sets.iter().copied().filter(|set| live.contains(set)).collect();
        let mut expressions = input.visible();
        expressions.extend(sets.iter().map(|set| set_column(*set).alias(set_name(*set))));
        Ok(Rewritten { plan: project(expressions, input.plan)?, sets, ..input })
    }
}
