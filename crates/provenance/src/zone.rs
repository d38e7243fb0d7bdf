//! Instants beside days and times without a zone, where the session's zone is not known: what comes out alike in every zone
//! from -12:00 to +14:00 is sure.

use arrow_schema::{DataType, IntervalUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Between, Cast, Expr, ExprSchemable, Operator, binary_expr, cast, lit};

use crate::fidelity::{Readings, text_literal};

const HOUR_NANOS: i64 = 3_600_000_000_000;
/// Local time is at least so many hours from UTC.
const WEST_HOURS: i64 = -12;
/// And at most so many.
const EAST_HOURS: i64 = 14;

/// The earliest and the latest value that an expression has in any zone.
struct Edges {
    low: Expr,
    high: Expr,
}

/// The readings of a comparison that depends on the zone; `None` for another.
pub(crate) fn readings(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Option<Readings> {
    let (of_left, of_right) = (edges(left, schema), edges(right, schema));
    if of_left.is_none() && of_right.is_none() {
        return None;
    }
    let or_same = |of: Option<Edges>, same: &Expr| of.unwrap_or_else(|| Edges { low: same.clone(), high: same.clone() });
    Some(compared(&or_same(of_left, left), op, &or_same(of_right, right)))
}

/// The same of BETWEEN.
pub(crate) fn readings_between(between: &Between, schema: &DFSchema) -> Option<Readings> {
    let from = readings(&between.expr, Operator::GtEq, &between.low, schema);
    let to = readings(&between.expr, Operator::LtEq, &between.high, schema);
    if from.is_none() && to.is_none() {
        return None;
    }
    let plain = |op, bound: &Expr| {
        let same = binary_expr(Expr::clone(&between.expr), op, bound.clone());
        Readings { must: same.clone(), may: same }
    };
    let from = from.unwrap_or_else(|| plain(Operator::GtEq, &between.low));
    let to = to.unwrap_or_else(|| plain(Operator::LtEq, &between.high));
    let inside = Readings { must: from.must.and(to.must), may: from.may.and(to.may) };
    Some(if between.negated { Readings { must: !inside.may, may: !inside.must } } else { inside })
}

fn compared(left: &Edges, op: Operator, right: &Edges) -> Readings {
    let compare = |left: &Expr, op, right: &Expr| binary_expr(left.clone(), op, right.clone());
    let surely_equal = || compare(&left.low, Operator::Eq, &right.high).and(compare(&left.high, Operator::Eq, &right.low));
    let overlap = || compare(&left.low, Operator::LtEq, &right.high).and(compare(&left.high, Operator::GtEq, &right.low));
    match op {
        Operator::Lt | Operator::LtEq => Readings { must: compare(&left.high, op, &right.low), may: compare(&left.low, op, &right.high) },
        Operator::Gt | Operator::GtEq => Readings { must: compare(&left.low, op, &right.high), may: compare(&left.high, op, &right.low) },
        Operator::Eq => Readings { must: surely_equal(), may: overlap() },
        Operator::NotEq => Readings { must: !overlap(), may: !surely_equal() },
        _ => Readings { must: lit(false), may: lit(true) },
    }
}

/// The edges of a value that depends on the zone: an instant taken to a day or a local time, or the other way.
fn edges(expression: &Expr, schema: &DFSchema) -> Option<Edges> {
    let Expr::Cast(inner) = expression else { return None };
    let from = inner.expr.get_type(schema).ok()?;
    let is_instant = |kind: &DataType| matches!(kind, DataType::Timestamp(_, Some(_)));
    let is_local = |kind: &DataType| matches!(kind, DataType::Timestamp(_, None) | DataType::Date32);
    let to = inner.field.data_type();
    if is_instant(&from) && is_local(to) {
        return Some(moved(&Expr::clone(&inner.expr), to, WEST_HOURS, EAST_HOURS));
    }
    let is_unzoned = text_literal(&inner.expr).is_some_and(|text| !names_a_zone(text));
    if is_instant(to) && (is_local(&from) || is_unzoned) {
        // Local time further east is an earlier instant.
        return Some(moved(expression, to, -EAST_HOURS, -WEST_HOURS));
    }
    // A day of a day: `created::timestamp::date`.
    let Expr::Cast(Cast { .. }) = inner.expr.as_ref() else { return None };
    let below = edges(&inner.expr, schema).filter(|_| is_local(to))?;
    Some(Edges { low: cast(below.low, to.clone()), high: cast(below.high, to.clone()) })
}

fn moved(value: &Expr, to: &DataType, low_hours: i64, high_hours: i64) -> Edges {
    let by = |hours: i64| {
        let span = ScalarValue::new_interval_mdn(0, 0, hours * HOUR_NANOS);
        debug_assert_eq!(span.data_type(), DataType::Interval(IntervalUnit::MonthDayNano));
        cast(value.clone() + lit(span), to.clone())
    };
    Edges { low: by(low_hours), high: by(high_hours) }
}

/// Whether the text of an instant says its zone, by an offset or a name.
fn names_a_zone(text: &str) -> bool {
    let Some((_, time)) = text.trim().split_once([' ', 'T']) else { return false };
    time.contains(['+', '-']) || time.chars().any(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_its_zone_by_an_offset_or_a_name() {
        assert!(!names_a_zone("2026-03-23 10:00"));
        assert!(!names_a_zone("2026-03-23"));
        assert!(names_a_zone("2026-03-23 10:00+08"));
        assert!(names_a_zone("2026-03-23T10:00:00Z"));
        assert!(edges(&lit(1), &DFSchema::empty()).is_none());
    }
}
