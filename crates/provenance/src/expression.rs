//! Which cells an expression copies into its value, and which only decide it. Static: nothing is computed here.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::logical_expr::{Expr, Operator};

use crate::types::{ColumnRef, How};

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

/// A mark on an output column or on whole rows: the people in set column `set` have had `column` revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub(crate) set: u32,
    pub(crate) gate: Gate,
    pub(crate) column: ColumnRef,
    pub(crate) how: How,
}

pub(crate) type Marks = BTreeSet<Mark>;

/// The same cells, as deciding only.
pub(crate) fn inferred(marks: &Marks) -> Marks {
    marks.iter().map(|mark| Mark { how: How::Inferred, ..*mark }).collect()
}

/// The marks of the columns below, by position in their schema.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) schema: &'a DFSchema,
    pub(crate) columns: &'a [Marks],
}

impl Scope<'_> {
    pub(crate) fn column(&self, column: &Column) -> Result<&Marks> {
        let position = self.schema.index_of_column(column)?;
        match self.columns.get(position) {
            Some(marks) => Ok(marks),
            None => plan_err!("a column has no marks"),
        }
    }

    /// Marks of an expression's value.
    pub(crate) fn of(&self, expression: &Expr) -> Result<Marks> {
        let mut marks = Marks::new();
        self.add(expression, &mut marks)?;
        Ok(marks)
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

    fn add(&self, expression: &Expr, marks: &mut Marks) -> Result<()> {
        match expression {
            Expr::Column(column) => marks.extend(self.column(column)?),
            Expr::Literal(..) | Expr::Placeholder(_) | Expr::ScalarVariable(..) => {}
            Expr::BinaryExpr(binary) if !copies(binary.op) => marks.extend(self.deciding(expression)?),
            Expr::Case(case) => {
                let conditions = case.expr.iter().chain(case.when_then_expr.iter().map(|(when, _)| when));
                for condition in conditions {
                    marks.extend(self.deciding(condition)?);
                }
                for value in case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr) {
                    self.add(value, marks)?;
                }
            }
            Expr::ScalarFunction(function) if decides(function.name()) => marks.extend(self.deciding(expression)?),
            Expr::ScalarFunction(function) if function.name() == "nullif" => {
                marks.extend(self.deciding(expression)?);
                function.args.first().map_or(Ok(()), |first| self.add(first, marks))?;
            }
            Expr::Like(_) | Expr::SimilarTo(_) | Expr::Not(_) | Expr::IsNotNull(_) | Expr::IsNull(_) | Expr::IsTrue(_) | Expr::IsFalse(_) => {
                marks.extend(self.deciding(expression)?);
            }
            Expr::IsUnknown(_) | Expr::IsNotTrue(_) | Expr::IsNotFalse(_) | Expr::IsNotUnknown(_) | Expr::Between(_) | Expr::InList(_) => {
                marks.extend(self.deciding(expression)?);
            }
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_) | Expr::OuterReferenceColumn(..) => {
                return plan_err!("a subquery of this shape is not supported");
            }
            // Casts, aliases, arithmetic, concatenation, text and date functions, and every function that is not known: copied.
            _ => {
                expression.apply_children(|child| self.add(child, marks).map(|()| TreeNodeRecursion::Continue))?;
            }
        }
        Ok(())
    }
}

fn copies(operator: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus, StringConcat};
    let is_json = matches!(operator, Operator::Arrow | Operator::LongArrow | Operator::HashArrow | Operator::HashLongArrow);
    let is_bits =
        matches!(operator, Operator::BitwiseAnd | Operator::BitwiseOr | Operator::BitwiseXor | Operator::BitwiseShiftLeft | Operator::BitwiseShiftRight);
    is_json || is_bits || matches!(operator, Plus | Minus | Multiply | Divide | Modulo | StringConcat)
}

/// Functions whose result does not hold the value.
fn decides(function: &str) -> bool {
    const DECIDING: &[&str] = &[
        "array_has",
        "array_has_all",
        "array_has_any",
        "array_length",
        "array_position",
        "array_positions",
        "arrow_typeof",
        "bit_length",
        "cardinality",
        "char_length",
        "character_length",
        "contains",
        "digest",
        "empty",
        "ends_with",
        "find_in_set",
        "iszero",
        "isnan",
        "length",
        "levenshtein",
        "md5",
        "octet_length",
        "regexp_count",
        "regexp_instr",
        "regexp_like",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "signum",
        "starts_with",
        "strpos",
    ];
    DECIDING.contains(&function)
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
    expression.is_volatile()
}
