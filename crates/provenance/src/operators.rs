//! Operators that the planner does not have: of JSON and of arrays, which are kept as their text, and the others, whose value is
//! not computed.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::functions_nested::expr_fn::{array_element, array_has_all, array_has_any, array_slice};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator, binary_expr, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::database::Dialect;
use crate::document;
use crate::fidelity::{is_read_alike, text_literal};
use crate::stand_in::{Kind, stand_in};
use crate::vocabulary::leading_number;

/// Plans the operators of the servers.
#[derive(Debug)]
pub(crate) struct Operators {
    pub(crate) dialect: Dialect,
}

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let kind = |side: &Expr| side.get_type(schema).unwrap_or(DataType::Null);
        let (left, right) = (kind(&raw.left), kind(&raw.right));
        Ok(match planned(&raw, &left, &right, self.dialect) {
            Some(planned) => PlannerResult::Planned(planned),
            None => PlannerResult::Original(raw),
        })
    }

    fn plan_field_access(&self, raw: RawFieldAccessExpr, schema: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if !raw.expr.get_type(schema).is_ok_and(|kind| kind.is_string()) {
            return Ok(PlannerResult::Original(raw));
        }
        let array = document::array_of(raw.expr.clone());
        Ok(match &raw.field_access {
            GetFieldAccess::ListIndex { key } => PlannerResult::Planned(array_element(array, Expr::clone(key))),
            GetFieldAccess::ListRange { start, stop, .. } => PlannerResult::Planned(array_slice(array, Expr::clone(start), Expr::clone(stop), None)),
            GetFieldAccess::NamedStructField { .. } => PlannerResult::Original(raw),
        })
    }
}

/// A value that is made of both sides, and not computed.
fn unknown(name: &str, kind: Kind, raw: &RawBinaryExpr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(stand_in(name, kind)), vec![raw.left.clone(), raw.right.clone()]))
}

fn planned(raw: &RawBinaryExpr, left: &DataType, right: &DataType, dialect: Dialect) -> Option<Expr> {
    use BinaryOperator as Op;
    let is_list = |kind: &DataType| matches!(kind, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..));
    let (one, other) = (raw.left.clone(), raw.right.clone());
    let truth = || Some(unknown("truth", Kind::Truth, raw));
    match &raw.op {
        Op::Arrow | Op::LongArrow | Op::HashArrow | Op::HashLongArrow => {
            let step = if matches!(raw.op, Op::Arrow | Op::LongArrow) { document::step(&other) } else { document::path(&other) };
            let as_text = matches!(raw.op, Op::LongArrow | Op::HashLongArrow);
            Some(step.filter(|_| left.is_string()).map_or_else(|| unknown("part", Kind::Text, raw), |steps| document::part_of(one, steps, as_text)))
        }
        Op::AtArrow | Op::ArrowAt if is_list(left) && is_list(right) => None,
        Op::AtArrow => contains(raw, one, other, (left, right)).or_else(truth),
        Op::ArrowAt => contains(raw, other, one, (right, left)).or_else(truth),
        Op::PGOverlap if is_list(left) || is_list(right) || is_array_text(&one) || is_array_text(&other) => {
            Some(array_has_any(document::array_of(one), document::array_of(other)))
        }
        Op::Question if left.is_string() && text_literal(&other).is_some() => Some(document::has_key(one, text_literal(&other)?)),
        Op::QuestionAnd | Op::QuestionPipe if left.is_string() => {
            let keys = document::texts_of(&other)?;
            let has = keys.into_iter().map(|key| document::has_key(one.clone(), &key));
            let all = raw.op == Op::QuestionAnd;
            has.reduce(|first, next| if all { first.and(next) } else { first.or(next) }).or_else(|| Some(lit(all)))
        }
        Op::PGExp => Some(datafusion::functions::expr_fn::power(one, other)),
        Op::PGStartsWith => Some(datafusion::functions::expr_fn::starts_with(one, other)),
        Op::Xor => match (truth_of(one, left), truth_of(other, right)) {
            (Some(one), Some(other)) => Some(binary_expr(one, Operator::NotEq, other)),
            _ => truth(),
        },
        // Likeness of two texts, and a document without a part.
        Op::Modulo if left.is_string() && right.is_string() => truth(),
        Op::Minus if left.is_string() && !is_literal(&one) && (right.is_string() || right.is_integer() || is_list(right)) => {
            Some(unknown("part", Kind::Text, raw))
        }
        Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship
            if dialect == Dialect::MySql && written_beside_number(&one, &other, left, right) =>
        {
            let number = |side: Expr, kind: &DataType| match text_literal(&side).filter(|text| !is_read_alike(text, kind)) {
                Some(text) => leading_number(text).map(lit),
                None => Some(side),
            };
            let compared = |op| Some(binary_expr(number(one.clone(), right)?, op, number(other.clone(), left)?));
            comparison_of(&raw.op).and_then(compared).or_else(truth)
        }
        // MySQL takes a text for the number at its beginning.
        Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::Spaceship
            if dialect == Dialect::MySql && is_number_beside_text(&one, &other, left, right) =>
        {
            truth()
        }
        Op::Plus | Op::Minus if is_kept_as_text(&one, left) && is_time(right) || is_kept_as_text(&other, right) && is_time(left) => {
            Some(unknown("value", Kind::Text, raw))
        }
        Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo if dialect == Dialect::MySql && is_number_beside_text(&one, &other, left, right) => {
            Some(unknown("number", Kind::Number, raw))
        }
        Op::MyIntegerDivide if left.is_integer() && right.is_integer() => Some(crate::calendar::quotient(one, other)),
        Op::MyIntegerDivide | Op::DuckIntegerDivide => Some(unknown("number", Kind::Number, raw)),
        Op::AtAt | Op::AtQuestion | Op::Question | Op::QuestionAnd | Op::QuestionPipe | Op::PGOverlap | Op::Overlaps | Op::Match | Op::Regexp => truth(),
        Op::HashMinus => Some(unknown("part", Kind::Text, raw)),
        Op::Custom(_) | Op::PGCustomBinaryOperator(_) => truth(),
        _ => None,
    }
}

/// A value as MySQL takes it for a truth: of a number, whether it is not zero.
fn truth_of(side: Expr, kind: &DataType) -> Option<Expr> {
    match kind {
        DataType::Boolean => Some(side),
        kind if kind.is_numeric() => Some(side.not_eq(lit(0_i64))),
        _ => None,
    }
}

/// Whether a value of a type that is kept as its text, or a text, stands here, and no literal.
fn is_kept_as_text(side: &Expr, kind: &DataType) -> bool {
    kind.is_string() && !is_literal(side) && !matches!(side, Expr::Placeholder(_))
}

fn is_number_beside_text(one: &Expr, other: &Expr, left: &DataType, right: &DataType) -> bool {
    is_kept_as_text(one, left) && right.is_numeric() || is_kept_as_text(other, right) && left.is_numeric()
}

/// Whether a text that the statement writes stands beside a number that is no literal, and the planner would read it otherwise than MySQL.
fn written_beside_number(one: &Expr, other: &Expr, left: &DataType, right: &DataType) -> bool {
    let is_odd = |text: &Expr, number: &Expr, kind: &DataType| {
        kind.is_numeric() && !is_literal(number) && text_literal(text).is_some_and(|text| !is_read_alike(text, kind))
    };
    is_odd(one, other, right) || is_odd(other, one, left)
}

fn comparison_of(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        BinaryOperator::Spaceship => Operator::IsNotDistinctFrom,
        _ => return None,
    })
}

fn is_time(kind: &DataType) -> bool {
    matches!(kind, DataType::Interval(_) | DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_))
}

fn is_literal(side: &Expr) -> bool {
    matches!(side, Expr::Literal(..))
}

/// `{a,b}`, and no document.
fn is_array_text(side: &Expr) -> bool {
    text_literal(side).is_some_and(|text| text.trim_start().starts_with('{') && !document::is_document(text))
}

/// `whole @> part`, of documents or arrays.
fn contains(raw: &RawBinaryExpr, whole: Expr, part: Expr, (of_whole, of_part): (&DataType, &DataType)) -> Option<Expr> {
    let is_list = |kind: &DataType| matches!(kind, DataType::List(_) | DataType::LargeList(_));
    if is_list(of_whole) || is_list(of_part) || is_array_text(&part) || is_array_text(&whole) {
        return Some(array_has_all(document::array_of(whole), document::array_of(part)));
    }
    let literal = [&raw.left, &raw.right].into_iter().find_map(text_literal)?;
    // An empty object is written like an empty array.
    (of_whole.is_string() && of_part.is_string() && literal.trim() != "{}" && document::is_document(literal)).then(|| document::contains(whole, part))
}
