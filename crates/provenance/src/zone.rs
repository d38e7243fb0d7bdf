//! Instants beside days and times without a zone. Where the session's zone is known, they are taken to its local time; where it
//! is not, what comes out alike in every zone from -12:00 to +14:00 is sure.

use std::sync::Arc;

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, Operator, binary_expr, cast, lit};

use crate::calendar;
use crate::fidelity::{Readings, Server, is_comparison, is_read_alike, text_literal};
use crate::kernels;
use crate::session::Zone;

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
pub(crate) fn readings(left: &Expr, op: Operator, right: &Expr, server: &Server, schema: &DFSchema) -> Option<Readings> {
    if !is_comparison(op) {
        return None;
    }
    if is_mixed(left, right, schema) || is_mixed(right, left, schema) {
        return Some(Readings { must: lit(false), may: lit(true) });
    }
    let (of_left, of_right) = (edges(left, server, schema), edges(right, server, schema));
    if of_left.is_none() && of_right.is_none() {
        return None;
    }
    let or_same = |of: Option<Edges>, same: &Expr| of.unwrap_or_else(|| Edges { low: same.clone(), high: same.clone() });
    Some(compared(&or_same(of_left, left), op, &or_same(of_right, right)))
}

/// Whether a local time was taken to an instant in a zone that the statement names, and stands beside a text that the session's zone
/// reads: the planner reads it in the zone that was named.
fn is_mixed(instant: &Expr, text: &Expr, schema: &DFSchema) -> bool {
    let (Expr::Cast(instant), Expr::Cast(text)) = (instant, text) else { return false };
    let is_named = matches!(instant.field.data_type(), DataType::Timestamp(_, Some(_))) && !is_plain_instant(instant.field.data_type());
    is_named && instant.expr.get_type(schema).is_ok_and(|kind| is_local(&kind)) && text_literal(&text.expr).is_some_and(|text| !names_a_zone(text))
}

/// The same of BETWEEN.
pub(crate) fn readings_between(between: &Between, server: &Server, schema: &DFSchema) -> Option<Readings> {
    let from = readings(&between.expr, Operator::GtEq, &between.low, server, schema);
    let to = readings(&between.expr, Operator::LtEq, &between.high, server, schema);
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

/// The same of IN.
pub(crate) fn readings_in(list: &InList, server: &Server, schema: &DFSchema) -> Option<Readings> {
    let each: Vec<Option<Readings>> = list.list.iter().map(|item| readings(&list.expr, Operator::Eq, item, server, schema)).collect();
    if each.iter().all(Option::is_none) {
        return None;
    }
    let plain = |item: &Expr| binary_expr(Expr::clone(&list.expr), Operator::Eq, item.clone());
    let all = each.into_iter().zip(&list.list).map(|(found, item)| found.unwrap_or_else(|| Readings { must: plain(item), may: plain(item) }));
    let any = all.reduce(|one, other| Readings { must: one.must.or(other.must), may: one.may.or(other.may) })?;
    Some(if list.negated { Readings { must: !any.may, may: !any.must } } else { any })
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

/// Whether it is an instant as a column holds it. One that `AT TIME ZONE` made has the zone that was named.
fn is_plain_instant(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(_, Some(zone)) if zone.as_ref() == "+00:00")
}

fn is_local(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(_, None) | DataType::Date32)
}

/// A cast in the zone that the statement names, or in the session's own where it is known.
pub(crate) fn in_session(inner: &Cast, server: &Server, schema: &DFSchema) -> Option<Expr> {
    let from = inner.expr.get_type(schema).ok()?;
    let to = inner.field.data_type();
    if let DataType::Timestamp(_, Some(named)) = &from
        && is_local(to)
    {
        // What PostgreSQL takes for a name of POSIX (`+08:00`, `8`, `-8`) it counts to the west here, and is not read.
        let named = if is_plain_instant(&from) {
            server.zone.clone()
        } else {
            Some(named).filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic())).and_then(|name| Zone::named(name, server.dialect))
        };
        return named.map(|zone| cast(kernels::to_local(zone, Expr::clone(&inner.expr)), to.clone()));
    }
    let zone = server.zone.clone().filter(|_| is_plain_instant(to))?;
    let is_unzoned = text_literal(&inner.expr).is_some_and(|text| !names_a_zone(text) && is_read_alike(text, to));
    let local = cast(Expr::clone(&inner.expr), DataType::Timestamp(TimeUnit::Microsecond, None));
    (is_unzoned || is_local(&from)).then(|| cast(kernels::to_instant(zone, local), to.clone()))
}

/// A part of an instant, or its beginning, in the session's own zone, where it is known.
pub(crate) fn part_in_session(function: &ScalarFunction, server: &Server, schema: &DFSchema) -> Option<Expr> {
    let zone = server.zone.clone()?;
    let at = match function.name() {
        "date_part" | "date_trunc" => 1,
        "to_char" => 0,
        _ => return None,
    };
    let instant = function.args.get(at)?;
    if !is_plain_instant(&instant.get_type(schema).ok()?) {
        return None;
    }
    let mut changed = function.clone();
    *changed.args.get_mut(at)? = kernels::to_local(zone.clone(), instant.clone());
    let changed = Expr::ScalarFunction(changed);
    Some(if function.name() == "date_trunc" { kernels::to_instant(zone, changed) } else { changed })
}

/// The edges of a value that depends on the zone: an instant taken to a day or a local time, or the other way.
fn edges(expression: &Expr, server: &Server, schema: &DFSchema) -> Option<Edges> {
    if server.zone.is_some() {
        return None;
    }
    if let Expr::Placeholder(clock) = expression
        && clock.id.ends_with("__clock_current_date")
    {
        let mut now = clock.clone();
        now.id = clock.id.replace("current_date", "now");
        now.field = Some(Arc::new(Field::new(&now.id, DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())), true)));
        return Some(moved(&Expr::Placeholder(now), &DataType::Date32, WEST_HOURS, EAST_HOURS));
    }
    if let Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) = expression {
        return edges_of_sum(left, *op, right, server, schema);
    }
    if let Expr::ScalarFunction(function) = expression {
        return edges_of_function(function, server, schema);
    }
    let Expr::Cast(inner) = expression else { return None };
    let from = inner.expr.get_type(schema).ok()?;
    let is_instant = |kind: &DataType| matches!(kind, DataType::Timestamp(_, Some(_)));
    let to = inner.field.data_type();
    if is_instant(&from) && is_local(to) {
        return Some(moved(&Expr::clone(&inner.expr), to, WEST_HOURS, EAST_HOURS));
    }
    let is_unzoned = text_literal(&inner.expr).is_some_and(|text| !names_a_zone(text));
    if is_instant(to) && (is_local(&from) || is_unzoned) {
        // Local time further east is an earlier instant.
        return Some(moved(expression, to, -EAST_HOURS, -WEST_HOURS));
    }
    // A day of a day: `created::timestamp::date`, `current_date::timestamp`.
    let below = edges(&inner.expr, server, schema).filter(|_| is_local(to) || from.is_numeric() && to.is_numeric())?;
    Some(Edges { low: cast(below.low, to.clone()), high: cast(below.high, to.clone()) })
}

/// `current_date - interval '30 days'`, `current_date - born`: the later the day, the greater the sum, and the lesser what it is taken from.
fn edges_of_sum(left: &Expr, op: Operator, right: &Expr, server: &Server, schema: &DFSchema) -> Option<Edges> {
    let (of_left, of_right) = (edges(left, server, schema), edges(right, server, schema));
    if of_left.is_none() && of_right.is_none() {
        return None;
    }
    let or_same = |of: Option<Edges>, same: &Expr| of.unwrap_or_else(|| Edges { low: same.clone(), high: same.clone() });
    let (left, mut right) = (or_same(of_left, left), or_same(of_right, right));
    if op == Operator::Minus {
        std::mem::swap(&mut right.low, &mut right.high);
    }
    Some(Edges { low: binary_expr(left.low, op, right.low), high: binary_expr(left.high, op, right.high) })
}

/// Of functions that never fall as their last argument rises: beginnings and years of times, and what is counted from one time to another, which
/// never rises as the first does.
fn edges_of_function(function: &ScalarFunction, server: &Server, schema: &DFSchema) -> Option<Edges> {
    let called = |arguments: Vec<Expr>| Expr::ScalarFunction(ScalarFunction { args: arguments, ..function.clone() });
    let is_year = |part: &Expr| text_literal(part).is_some_and(|part| part.eq_ignore_ascii_case("year"));
    match (function.name(), function.args.as_slice()) {
        ("date_trunc", [part, time]) => edges(time, server, schema).map(|of| (part, of)),
        ("date_part", [part, time]) if is_year(part) => edges(time, server, schema).map(|of| (part, of)),
        _ => None,
    }
    .map(|(part, of)| Edges { low: called(vec![part.clone(), of.low]), high: called(vec![part.clone(), of.high]) })
    .or_else(|| match function.args.as_slice() {
        [time] if calendar::is_of_times(function.name()) => {
            let of = edges(time, server, schema)?;
            Some(Edges { low: called(vec![of.low]), high: called(vec![of.high]) })
        }
        [from, to] if calendar::is_of_times(function.name()) => {
            let (of_from, of_to) = (edges(from, server, schema), edges(to, server, schema));
            if of_from.is_none() && of_to.is_none() {
                return None;
            }
            let or_same = |of: Option<Edges>, same: &Expr| of.unwrap_or_else(|| Edges { low: same.clone(), high: same.clone() });
            let (from, to) = (or_same(of_from, from), or_same(of_to, to));
            Some(Edges { low: called(vec![from.high, to.low]), high: called(vec![from.low, to.high]) })
        }
        _ => None,
    })
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
    }
}
