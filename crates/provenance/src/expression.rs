//! Which cells an expression copies into its value, under which conditions on the row, and which only decide it.
//! Nothing is computed here: what depends on the row becomes an expression over it.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, binary_expr, lit};

use crate::copies::{Reading, reading_of};
use crate::document;
use crate::fidelity::Judge;
use crate::place::{Cut, Span, cut_of};
use crate::stand_in::is_stand_in;
use crate::types::{ColumnRef, Doubt, How};

/// Under which size of its set a mark counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Gate {
    /// Whatever its size.
    Always,
    /// If it is one person.
    One,
    /// If it is fewer than k people.
    Few,
}

/// Whether the value on which a mark stands is there: neither NULL nor an empty text, which show nothing of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Presence {
    /// The set holds only people whose value is there.
    Proved,
    /// The mark counts only in rows in which the value is there.
    Asked,
    /// The value is not computed, so it cannot be asked: the set holds whoever may stand in it.
    Open,
}

impl Presence {
    /// Of another value that was made of this one: asked anew, where it can be.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Proved | Self::Asked => Self::Asked,
        }
    }
}

/// How the values of a set lie in the value on which a mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Layout {
    /// The whole value is theirs.
    Whole,
    /// At places in a text or in an array that the set knows.
    Placed,
    /// Somewhere beside others.
    Loose,
}

/// A mark on an output column or on whole rows: the people in set column `set` have had `column` revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub(crate) set: u32,
    pub(crate) gate: Gate,
    pub(crate) column: ColumnRef,
    pub(crate) how: How,
    pub(crate) presence: Presence,
    pub(crate) layout: Layout,
}

impl Mark {
    pub(crate) fn displayed(set: u32, column: ColumnRef, presence: Presence) -> Self {
        Self { set, gate: Gate::Always, column, how: How::Displayed, presence, layout: Layout::Whole }
    }

    pub(crate) fn inferred(set: u32, gate: Gate, column: ColumnRef) -> Self {
        Self { set, gate, column, how: How::Inferred, presence: Presence::Proved, layout: Layout::Whole }
    }

    /// Whether it counts only where the value is there.
    pub(crate) fn is_asked(&self) -> bool {
        self.how == How::Displayed && self.presence == Presence::Asked
    }
}

pub(crate) type Marks = BTreeSet<Mark>;

/// The same cells, as deciding only.
pub(crate) fn inferred(marks: &Marks) -> Marks {
    marks.iter().map(|mark| Mark::inferred(mark.set, mark.gate, mark.column)).collect()
}

/// What must hold of a row for a copy to be in the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Need {
    /// It is true.
    True(Expr),
    /// It is neither NULL nor an empty text.
    Present(Expr),
}

/// One cell that an expression copies.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    /// Marks of the column that is copied.
    pub(crate) marks: Marks,
    pub(crate) needs: Vec<Need>,
    /// Which part of the column's value is copied, where only a part is.
    pub(crate) cut: Option<Cut>,
    pub(crate) doubts: u64,
    /// Whether it counts only where the expression's value is there.
    pub(crate) is_asked: bool,
    /// Whether the expression's value is not computed, so that nothing can be asked of it.
    pub(crate) is_open: bool,
    /// Whether the expression's value holds nothing else.
    pub(crate) is_whole: bool,
    /// Whether what the set knows of places is right of the expression's value.
    pub(crate) is_placed: bool,
    /// Where it stands in the expression's text, if that was asked for and is known.
    pub(crate) span: Option<Span>,
}

/// What an expression's value says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) copies: Vec<Copy>,
    pub(crate) deciding: Marks,
}

/// Whether the server takes the branch that we do.
enum Alike {
    Same,
    /// Where this holds.
    Where(Expr),
    Unknown,
}

/// Copies of which the places are followed; beyond, they are somewhere.
const PLACES_AT_MOST: usize = 64;
/// Branches of one CASE that are told apart; beyond, any may have been taken.
const BRANCHES_AT_MOST: usize = 64;

/// The marks of the columns below, by position in their schema.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) schema: &'a DFSchema,
    pub(crate) columns: &'a [Marks],
    /// Who says whether a branch is taken as at the server, where that is asked.
    pub(crate) judge: Option<&'a Judge<'a>>,
}

impl Scope<'_> {
    pub(crate) fn column(&self, column: &Column) -> Result<&Marks> {
        let position = self.schema.index_of_column(column)?;
        match self.columns.get(position) {
            Some(marks) => Ok(marks),
            None => plan_err!("a column has no marks"),
        }
    }

    /// Marks of everything an expression looks at, as deciding.
    pub(crate) fn deciding(&self, expression: &Expr) -> Result<Marks> {
        let mut marks = Marks::new();
        expression.apply(|part| {
            match part {
                Expr::Column(column) => marks.extend(inferred(self.column(column)?)),
                Expr::OuterReferenceColumn(..) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_) => {
                    return plan_err!("a subquery of this shape is not supported");
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(marks)
    }

    /// What an expression's value says.
    pub(crate) fn said(&self, expression: &Expr) -> Result<Said> {
        self.read(expression, false)
    }

    /// `places`: whether a part of the value is cut out further up, so that it matters where the copies stand.
    fn read(&self, expression: &Expr, places: bool) -> Result<Said> {
        match expression {
            Expr::Column(column) => self.read_column(column, places),
            Expr::Literal(..) | Expr::Placeholder(_) | Expr::ScalarVariable(..) => Ok(Said::default()),
            Expr::Alias(alias) => self.read(&alias.expr, places),
            Expr::Cast(cast) => Ok(self.read(&cast.expr, places)?.written_as(expression, &cast.expr, self.schema)),
            Expr::TryCast(cast) => Ok(self.read(&cast.expr, places)?.written_as(expression, &cast.expr, self.schema)),
            Expr::BinaryExpr(binary) if !copies(binary.op) => self.decided(expression),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => self.joined(&[left, right], None, places),
            Expr::BinaryExpr(binary) if is_json(binary.op) => self.mixed(&[&binary.left, &binary.right], Reading::Copies),
            Expr::BinaryExpr(binary) => self.mixed(&[&binary.left, &binary.right], Reading::Computes),
            Expr::Case(case) => self.branches(case, places),
            Expr::ScalarFunction(function) => self.function(expression, function, places),
            Expr::Like(_) | Expr::SimilarTo(_) | Expr::Not(_) | Expr::IsNotNull(_) | Expr::IsNull(_) | Expr::IsTrue(_) | Expr::IsFalse(_) => {
                self.decided(expression)
            }
            Expr::IsUnknown(_) | Expr::IsNotTrue(_) | Expr::IsNotFalse(_) | Expr::IsNotUnknown(_) | Expr::Between(_) | Expr::InList(_) => {
                self.decided(expression)
            }
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_) | Expr::OuterReferenceColumn(..) => {
                plan_err!("a subquery of this shape is not supported")
            }
            #[expect(deprecated, reason = "the planner still makes them, and what they stand for would be missed")]
            Expr::Wildcard { .. } => plan_err!("a whole row as a value is not supported"),
            // Whatever else there is copies its parts.
            other => {
                let mut parts = Vec::new();
                other.apply_children(|child| {
                    parts.push(child.clone());
                    Ok(TreeNodeRecursion::Continue)
                })?;
                self.mixed(&parts.iter().collect::<Vec<_>>(), Reading::Copies)
            }
        }
    }

    fn decided(&self, expression: &Expr) -> Result<Said> {
        Ok(Said { copies: Vec::new(), deciding: self.deciding(expression)? })
    }

    fn read_column(&self, column: &Column, places: bool) -> Result<Said> {
        let marks = self.column(column)?.clone();
        if marks.is_empty() {
            return Ok(Said::default());
        }
        let value = Expr::Column(column.clone());
        // Of a value that is in part not computed, the other part can still be asked.
        let (open, known): (Marks, Marks) = marks.into_iter().partition(|mark| mark.presence == Presence::Open);
        let copy = |marks: Marks, is_open: bool| Copy {
            is_asked: marks.iter().any(Mark::is_asked),
            is_open,
            marks,
            needs: Vec::new(),
            cut: None,
            doubts: 0,
            is_whole: true,
            is_placed: true,
            span: places.then(|| Span::whole(&value)),
        };
        let copies = [(known, false), (open, true)].into_iter().filter(|(marks, _)| !marks.is_empty()).map(|(marks, is_open)| copy(marks, is_open));
        Ok(Said { copies: copies.collect(), deciding: Marks::new() })
    }

    /// A function or operator that makes one value of several.
    fn mixed(&self, parts: &[&Expr], reading: Reading) -> Result<Said> {
        let mut said = Said::default();
        let others = parts.iter().filter(|part| !is_constant(part)).count();
        for part in parts {
            said.extend(self.read(part, false)?.inside(part, reading, others > 1));
        }
        Ok(said)
    }

    /// Texts one after the other; with a separator, those that are not NULL.
    fn joined(&self, parts: &[&Expr], separator: Option<&Expr>, places: bool) -> Result<Said> {
        let mut said = Said::default();
        let places = places && parts.len() <= PLACES_AT_MOST;
        let mut before = lit(0_i64);
        let others = parts.iter().filter(|part| !is_constant(part)).count();
        for part in parts {
            let mut own = self.read(part, places)?;
            for copy in &mut own.copies {
                copy.needs_value(part);
                copy.is_whole = copy.is_whole && parts.len() == 1;
                copy.is_asked = others > 1;
                copy.span = copy.span.take().map(|span| span.moved(&before));
            }
            if places {
                before = Span::after(before, part, separator);
            }
            said.extend(own);
        }
        if let Some(separator) = separator {
            said.extend(self.read(separator, false)?.inside(separator, Reading::Copies, true));
        }
        if said.copies.len() > PLACES_AT_MOST {
            said.copies.iter_mut().for_each(|copy| copy.span = None);
        }
        Ok(said)
    }

    /// The branch that is taken is copied.
    fn branches(&self, case: &Case, places: bool) -> Result<Said> {
        let mut said = Said::default();
        let results: Vec<&Expr> = case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref()).collect();
        let conditions = || case.expr.iter().chain(case.when_then_expr.iter().map(|(when, _)| when)).map(AsRef::as_ref);
        for (condition, then) in conditions().skip(usize::from(case.expr.is_some())).zip(&results) {
            // `coalesce(a, b)`: that `a` was there says nothing beside itself.
            if !matches!(condition, Expr::IsNotNull(value) if value.as_ref() == *then) {
                said.deciding.extend(self.deciding(condition)?);
            }
        }
        if let Some(operand) = &case.expr {
            said.deciding.extend(self.deciding(operand)?);
        }
        let is_known = results.len() <= BRANCHES_AT_MOST && conditions().all(is_computed);
        let taken = if is_known { self.taken_alike(case) } else { Alike::Unknown };
        let number = Expr::Case(Case {
            expr: case.expr.clone(),
            when_then_expr: case.when_then_expr.iter().zip(0_i64..).map(|((when, _), branch)| (when.clone(), Box::new(lit(branch)))).collect(),
            else_expr: Some(Box::new(lit(case.when_then_expr.len() as i64))),
        });
        for (result, branch) in results.iter().zip(0_i64..) {
            let own = self.read(result, places)?;
            let is_taken = Need::True(binary_expr(number.clone(), Operator::Eq, lit(branch)));
            said.extend(match &taken {
                Alike::Same => own.needing(std::slice::from_ref(&is_taken), 0),
                Alike::Unknown => own.perhaps(result, &[]),
                Alike::Where(guard) => {
                    let mut either = own.clone().needing(&[is_taken, Need::True(guard.clone())], 0);
                    either.extend(own.perhaps(result, &[Need::True(guard.clone().is_not_true())]));
                    either
                }
            });
        }
        Ok(said)
    }

    /// Whether the server takes the same branch of a CASE.
    fn taken_alike(&self, case: &Case) -> Alike {
        let Some(judge) = self.judge else { return Alike::Same };
        let mut guards = Vec::new();
        for (when, _) in &case.when_then_expr {
            let fidelity = match &case.expr {
                Some(base) => judge.comparison(base, Operator::Eq, when),
                None => judge.fidelity(when),
            };
            if fidelity.is_unknown {
                return Alike::Unknown;
            }
            guards.extend(fidelity.guards);
        }
        guards.into_iter().reduce(Expr::and).map_or(Alike::Same, Alike::Where)
    }

    fn function(&self, whole: &Expr, function: &ScalarFunction, places: bool) -> Result<Said> {
        let arguments: Vec<&Expr> = function.args.iter().collect();
        if let Some((of, range)) = cut_of(function) {
            return Ok(self.read(of, true)?.cut(whole, &range, places));
        }
        match (reading_of(function), arguments.as_slice()) {
            (Reading::Decides, _) => self.decided(whole),
            (Reading::Joins, arguments) => self.joined(arguments, None, places),
            (Reading::JoinsWith, [separator, arguments @ ..]) => self.joined(arguments, Some(separator), places),
            (Reading::FirstUnless, [first, ..]) => {
                let mut said = self.read(first, places)?;
                if !self.is_told(whole) {
                    said = said.perhaps(first, &[]);
                }
                said.copies.iter_mut().for_each(|copy| copy.is_asked = true);
                said.deciding.extend(self.deciding(whole)?);
                Ok(said)
            }
            (Reading::Chooses, arguments) => self.chosen(whole, arguments),
            (Reading::Keeps, [value, others @ ..]) => {
                let mut said = self.read(value, false)?;
                said.copies.iter_mut().for_each(|copy| copy.changed(whole, places));
                for other in others {
                    said.extend(self.read(other, false)?.inside(other, Reading::Copies, true));
                }
                Ok(said)
            }
            (reading, arguments) => {
                let said = self.mixed(arguments, reading)?;
                let is_open = is_stand_in(whole);
                let mut said = said.needing(&[], 0);
                said.copies.iter_mut().for_each(|copy| copy.is_open |= is_open);
                match document::is_read(function).and_then(|guards| guards.into_iter().reduce(Expr::and)) {
                    // What is read as something else may hold it all the same.
                    Some(guard) => {
                        let mut either = said.clone().needing(&[Need::True(guard.clone())], 0);
                        either.extend(said.needing(&[Need::True(guard.is_not_true())], Doubt::UnknownFunction.bit()));
                        Ok(either)
                    }
                    None => Ok(said),
                }
            }
        }
    }

    /// Whether an expression decides as the server does, for all rows.
    fn is_told(&self, expression: &Expr) -> bool {
        is_computed(expression) && self.judge.is_none_or(|judge| judge.fidelity(expression).is_same())
    }

    /// The greatest or the least: whoever holds the value. Which text it is depends on a collation.
    fn chosen(&self, whole: &Expr, arguments: &[&Expr]) -> Result<Said> {
        let mut said = Said { copies: Vec::new(), deciding: self.deciding(whole)? };
        let as_text = is_text(whole, self.schema);
        let is_known = is_computed(whole);
        for argument in arguments {
            let mut own = self.read(argument, false)?;
            if !is_known {
                said.extend(own.perhaps(argument, &[]));
                continue;
            }
            for copy in &mut own.copies {
                if copy.is_open {
                    copy.doubts |= Doubt::Branch.bit();
                } else if as_text {
                    copy.needs_value(argument);
                    copy.doubts |= Doubt::Collation.bit();
                } else {
                    copy.needs.push(Need::True(binary_expr(whole.clone(), Operator::IsNotDistinctFrom, Expr::clone(argument))));
                }
                copy.is_asked = true;
            }
            said.extend(own);
        }
        Ok(said)
    }
}

impl Said {
    fn extend(&mut self, other: Self) {
        self.copies.extend(other.copies);
        self.deciding.extend(other.deciding);
    }

    /// The same under further conditions, and with doubts.
    fn needing(mut self, needs: &[Need], doubts: u64) -> Self {
        for copy in &mut self.copies {
            copy.needs.extend(needs.iter().cloned());
            copy.doubts |= doubts;
        }
        self
    }

    /// The value of one branch, where it is not known whether it was taken: the whole value of ours says nothing of it.
    fn perhaps(mut self, branch: &Expr, needs: &[Need]) -> Self {
        for copy in &mut self.copies {
            copy.needs_value(branch);
            copy.is_open = true;
            copy.span = None;
        }
        self.needing(needs, Doubt::Branch.bit())
    }

    /// The copies of one part of a value that is made of several.
    fn inside(mut self, part: &Expr, reading: Reading, has_others: bool) -> Self {
        for copy in &mut self.copies {
            copy.span = None;
            copy.is_placed = false;
            match reading {
                // Of numbers and times: NULL if any part is.
                Reading::Computes => copy.is_asked |= has_others,
                _ => {
                    copy.needs_value(part);
                    copy.is_whole = false;
                    copy.is_asked = true;
                }
            }
            if reading == Reading::Unknown {
                copy.doubts |= Doubt::UnknownFunction.bit();
            }
            // What is always there says nothing of whether this part is.
            if reading == Reading::Lists {
                copy.is_asked = false;
            }
        }
        self
    }

    /// The same values in another type.
    fn written_as(mut self, written: &Expr, from: &Expr, schema: &DFSchema) -> Self {
        let as_text = |value: &Expr| is_text(value, schema);
        if as_text(written) && as_text(from) {
            return self;
        }
        for copy in &mut self.copies {
            copy.is_placed = false;
            let is_asked_for = copy.span.take().is_some();
            copy.span = (is_asked_for && copy.is_whole && as_text(written)).then(|| Span::whole(written));
        }
        self
    }

    /// The copies that lie in a range of the value.
    fn cut(mut self, piece: &Expr, range: &Cut, places: bool) -> Self {
        for copy in &mut self.copies {
            if copy.is_open {
                copy.span = None;
                copy.doubts |= Doubt::Piece.bit();
                continue;
            }
            copy.is_asked = true;
            if copy.is_whole {
                copy.cut = Some(copy.cut.take().map_or_else(|| range.clone(), |inner| inner.then(range)));
                copy.span = places.then(|| Span::whole(piece));
                continue;
            }
            match copy.span.take() {
                Some(span) => {
                    copy.needs.push(Need::True(span.touches(range)));
                    let own = range.moved(&span);
                    copy.cut = Some(copy.cut.take().map_or_else(|| own.clone(), |inner| inner.then(&own)));
                    copy.span = places.then(|| span.within(range));
                }
                None => copy.doubts |= Doubt::Piece.bit(),
            }
        }
        self
    }
}

impl Copy {
    /// Asks whether the part is there, before it is put beside others.
    fn needs_value(&mut self, part: &Expr) {
        if self.is_asked && !self.is_open {
            self.needs.push(Need::Present(part.clone()));
        }
        self.is_asked = false;
    }

    /// The value in another form, which may be empty.
    fn changed(&mut self, whole: &Expr, places: bool) {
        if self.is_open {
            self.doubts |= Doubt::UnknownFunction.bit();
        }
        self.is_asked = true;
        self.is_placed = false;
        self.span = if places && self.is_whole { Some(Span::whole(whole)) } else { None };
    }

    /// How the values of a mark lie in the expression's value.
    pub(crate) fn layout(&self, mark: &Mark) -> Layout {
        match mark.layout {
            Layout::Placed if self.is_placed && self.is_whole => Layout::Placed,
            Layout::Whole if self.is_whole => Layout::Whole,
            _ => Layout::Loose,
        }
    }
}

fn is_json(operator: Operator) -> bool {
    matches!(operator, Operator::Arrow | Operator::LongArrow | Operator::HashArrow | Operator::HashLongArrow)
}

fn copies(operator: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus, StringConcat};
    let is_bits =
        matches!(operator, Operator::BitwiseAnd | Operator::BitwiseOr | Operator::BitwiseXor | Operator::BitwiseShiftLeft | Operator::BitwiseShiftRight);
    is_json(operator) || is_bits || matches!(operator, Plus | Minus | Multiply | Divide | Modulo | StringConcat)
}

/// Whether the replay computes a condition as the server did: neither chance nor a value that stands for another is in it.
fn is_computed(condition: &Expr) -> bool {
    !is_random(condition) && !condition.exists(|part| Ok(is_stand_in(part))).unwrap_or(true)
}

/// Conjuncts of a predicate.
pub(crate) fn conjuncts(predicate: &Expr) -> Vec<&Expr> {
    datafusion::logical_expr::utils::split_conjunction(predicate)
}

/// Whether an expression reads no column at all.
pub(crate) fn is_constant(expression: &Expr) -> bool {
    !expression.exists(|part| Ok(matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..)))).unwrap_or(false)
}

/// Whether an expression can give another value each time.
pub(crate) fn is_random(expression: &Expr) -> bool {
    expression.exists(|part| Ok(part.is_volatile_node() && !is_stand_in(part))).unwrap_or(true)
}

/// Whether an expression's value is a text.
pub(crate) fn is_text(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|kind| kind.is_string())
}
