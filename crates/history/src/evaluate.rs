//! Evaluates the conditions and assignments of logged writes against one row. What it does not understand is
//! `Unknown`, never a guess, and unknown operands make an unknown result unless the rest decides it.

use std::cmp::Ordering;

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value as Literal};
use strandline_model::event::MASK;

use crate::value::{ColumnKind, FoldCase, InZone, Near, Value, compare};

/// What an expression is evaluated in.
pub struct Scope<'s> {
    /// The row's cell in a column of that name; `None` if there is no such column.
    pub cell: &'s dyn Fn(&str) -> Option<Value>,
    /// Bind values, `$1` first.
    pub parameters: &'s [Option<String>],
    /// What the server's clock says; `None` where that is not known.
    pub clock: Option<Near>,
    /// Whether texts compare without case.
    pub fold_case: FoldCase,
    /// The zone of the session.
    pub zone: &'s InZone<'s>,
}

impl Scope<'_> {
    /// The value of `expression` in this row.
    pub fn evaluate(&self, expression: &Expr) -> Value {
        match expression {
            Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => self.evaluate(inner),
            Expr::Value(value) => literal(&value.value, self.parameters),
            Expr::TypedString(typed) => literal(&typed.value.value, self.parameters),
            Expr::Identifier(ident) => self.column(&ident.value, ident.quote_style.is_some()),
            Expr::CompoundIdentifier(parts) => parts.last().map_or(Value::Unknown, |ident| self.column(&ident.value, ident.quote_style.is_some())),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => negate(self.evaluate(expr)),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => arithmetic(&Value::Int(0), &BinaryOperator::Minus, &self.evaluate(expr)),
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.evaluate(expr),
            Expr::IsNull(inner) => self.is_null(inner),
            Expr::IsNotNull(inner) => negate(self.is_null(inner)),
            Expr::IsTrue(inner) => self.is_bool(inner, true),
            Expr::IsNotTrue(inner) => negate(self.is_bool(inner, true)),
            Expr::IsFalse(inner) => self.is_bool(inner, false),
            Expr::IsNotFalse(inner) => negate(self.is_bool(inner, false)),
            Expr::InList { expr, list, negated } => negate_if(*negated, self.in_list(expr, list)),
            Expr::Between { expr, negated, low, high } => {
                let value = self.evaluate(expr);
                let above = self.ordering(&value, &self.evaluate(low), |o| o != Ordering::Less);
                let below = self.ordering(&value, &self.evaluate(high), |o| o != Ordering::Greater);
                negate_if(*negated, and(above, || below))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => negate_if(*negated, self.like(expr, pattern, self.fold_case)),
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => negate_if(*negated, self.like(expr, pattern, FoldCase::Yes)),
            Expr::Cast { expr, data_type, .. } => cast(self.evaluate(expr), &data_type.to_string(), self.zone),
            Expr::Function(function) => self.function(function),
            Expr::Case { operand, conditions, else_result, .. } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            _ => Value::Unknown,
        }
    }

    /// The first branch whose condition holds; unknown from the first one of which that is not known.
    fn case(&self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Value {
        let operand = operand.map(|operand| self.evaluate(operand));
        for when in conditions {
            let condition = self.evaluate(&when.condition);
            let holds = operand.as_ref().map_or(condition.clone(), |operand| self.ordering(operand, &condition, |o| o == Ordering::Equal));
            match holds {
                Value::Bool(true) => return self.evaluate(&when.result),
                Value::Bool(false) | Value::Null => {}
                _ => return Value::Unknown,
            }
        }
        otherwise.map_or(Value::Null, |otherwise| self.evaluate(otherwise))
    }

    fn column(&self, name: &str, quoted: bool) -> Value {
        let folded = if quoted { name.to_owned() } else { name.to_lowercase() };
        (self.cell)(&folded).unwrap_or(Value::Unknown)
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Value {
        let first = self.evaluate(left);
        match op {
            BinaryOperator::And => return and(first, || self.evaluate(right)),
            BinaryOperator::Or => return negate(and(negate(first), || negate(self.evaluate(right)))),
            _ => {}
        }
        let second = self.evaluate(right);
        match op {
            BinaryOperator::Eq => self.ordering(&first, &second, |o| o == Ordering::Equal),
            BinaryOperator::NotEq => self.ordering(&first, &second, |o| o != Ordering::Equal),
            // The order of texts is the database's collation, which the evidence does not show.
            _ if matches!((&first, &second), (Value::Text(_), Value::Text(_))) && *op != BinaryOperator::StringConcat => Value::Unknown,
            BinaryOperator::Lt => self.ordering(&first, &second, |o| o == Ordering::Less),
            BinaryOperator::LtEq => self.ordering(&first, &second, |o| o != Ordering::Greater),
            BinaryOperator::Gt => self.ordering(&first, &second, |o| o == Ordering::Greater),
            BinaryOperator::GtEq => self.ordering(&first, &second, |o| o != Ordering::Less),
            BinaryOperator::StringConcat => match (&first, &second) {
                (first, second) if first.is_unknown() || second.is_unknown() => Value::Unknown,
                _ => first.text().zip(second.text()).map_or(Value::Null, |(a, b)| Value::Text(a + &b)),
            },
            op => arithmetic(&first, op, &second),
        }
    }

    fn ordering(&self, left: &Value, right: &Value, holds: impl Fn(Ordering) -> bool) -> Value {
        match (left, right) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (Value::Near(near), other) => near.compare(other, self.zone).map_or(Value::Unknown, |o| Value::Bool(holds(o))),
            (other, Value::Near(near)) => near.compare(other, self.zone).map_or(Value::Unknown, |o| Value::Bool(holds(o.reverse()))),
            (Value::Instant(_), other) | (other, Value::Instant(_)) if !matches!(other, Value::Instant(_)) => {
                let as_instant = |value: &Value| ColumnKind::Instant.coerce(value.clone(), self.zone).unwrap_or(Value::Unknown);
                compare(&as_instant(left), &as_instant(right), self.fold_case).map_or(Value::Unknown, |o| Value::Bool(holds(o)))
            }
            _ => compare(left, right, self.fold_case).map_or(Value::Unknown, |o| Value::Bool(holds(o))),
        }
    }

    fn is_null(&self, inner: &Expr) -> Value {
        match self.evaluate(inner) {
            Value::Unknown => Value::Unknown,
            value => Value::Bool(value == Value::Null),
        }
    }

    fn is_bool(&self, inner: &Expr, wanted: bool) -> Value {
        match self.evaluate(inner) {
            Value::Bool(b) => Value::Bool(b == wanted),
            Value::Null => Value::Bool(false),
            _ => Value::Unknown,
        }
    }

    fn in_list(&self, expr: &Expr, list: &[Expr]) -> Value {
        let value = self.evaluate(expr);
        let none =
            list.iter().fold(Value::Bool(true), |none, item| and(none, || negate(self.ordering(&value, &self.evaluate(item), |o| o == Ordering::Equal))));
        negate(none)
    }

    fn like(&self, expr: &Expr, pattern: &Expr, fold_case: FoldCase) -> Value {
        match (self.evaluate(expr), self.evaluate(pattern)) {
            (value, pattern) if value.is_unknown() || pattern.is_unknown() => Value::Unknown,
            (value, pattern) => match (value.text(), pattern.text()) {
                (Some(text), Some(pattern)) if fold_case == FoldCase::Yes => Value::Bool(like(&text.to_lowercase(), &pattern.to_lowercase())),
                (Some(text), Some(pattern)) => Value::Bool(like(&text, &pattern)),
                _ => Value::Null,
            },
        }
    }

    fn function(&self, function: &Function) -> Value {
        let name = function.name.to_string().to_lowercase();
        if function.over.is_some() || function.filter.is_some() {
            return Value::Unknown;
        }
        let clock = || self.clock.map_or(Value::Unknown, |near| if near.between() == (near.at, near.at) { near.guess() } else { Value::Near(near) });
        let clock_as = |kind: ColumnKind| kind.coerce(clock(), self.zone).unwrap_or(Value::Unknown);
        match name.as_str() {
            "now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp" => return clock(),
            "localtimestamp" => return clock_as(ColumnKind::Timestamp),
            "current_date" | "curdate" => return clock_as(ColumnKind::Date),
            _ => {}
        }
        let FunctionArguments::List(list) = &function.args else { return Value::Unknown };
        let arguments: Option<Vec<Value>> = list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(self.evaluate(expr)),
                _ => None,
            })
            .collect();
        match (name.as_str(), arguments.as_deref()) {
            ("coalesce" | "ifnull", Some(list)) => list.iter().find(|v| **v != Value::Null).cloned().unwrap_or(Value::Null),
            (_, Some(list)) if list.iter().any(Value::is_unknown) => Value::Unknown,
            ("lower", Some([value])) => value.text().map_or(Value::Null, |t| Value::Text(t.to_lowercase())),
            ("upper", Some([value])) => value.text().map_or(Value::Null, |t| Value::Text(t.to_uppercase())),
            ("trim" | "btrim", Some([value])) => value.text().map_or(Value::Null, |t| Value::Text(t.trim_matches(' ').to_owned())),
            _ => Value::Unknown,
        }
    }
}

/// Whether what was logged of a value is not the value: it was masked, or holds bytes that are no letters in the log's encoding.
pub fn is_hidden(logged: &str) -> bool {
    logged == MASK || is_unreadable(logged)
}

/// Whether a text holds what stands for bytes that could not be read.
pub fn is_unreadable(logged: &str) -> bool {
    logged.contains(char::REPLACEMENT_CHARACTER)
}

/// The value of a constant or a parameter.
pub fn literal(value: &Literal, parameters: &[Option<String>]) -> Value {
    let text = |text: &str| if is_hidden(text) { Value::Unknown } else { Value::Text(text.to_owned()) };
    match value {
        Literal::Number(number, _) => ColumnKind::BigInt.parse(number).or_else(|| ColumnKind::Double.parse(number)).unwrap_or(Value::Unknown),
        Literal::SingleQuotedString(s) | Literal::EscapedStringLiteral(s) | Literal::DoubleQuotedString(s) | Literal::NationalStringLiteral(s) => text(s),
        Literal::DollarQuotedString(s) => text(&s.value),
        Literal::Boolean(b) => Value::Bool(*b),
        Literal::Null => Value::Null,
        Literal::Placeholder(name) => {
            let number = name.trim_start_matches(['$', ':']).parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            match number.and_then(|n| parameters.get(n)) {
                Some(Some(value)) => text(value),
                Some(None) => Value::Null,
                None => Value::Unknown,
            }
        }
        _ => Value::Unknown,
    }
}

/// Three-valued AND, with unknown as a fourth value that only FALSE decides.
fn and(first: Value, second: impl FnOnce() -> Value) -> Value {
    if first == Value::Bool(false) {
        return first;
    }
    match (first, second()) {
        (_, Value::Bool(false)) => Value::Bool(false),
        (Value::Bool(true), Value::Bool(true)) => Value::Bool(true),
        (Value::Bool(true) | Value::Null, Value::Bool(true) | Value::Null) => Value::Null,
        _ => Value::Unknown,
    }
}

fn negate(value: Value) -> Value {
    match value {
        Value::Bool(b) => Value::Bool(!b),
        Value::Null => Value::Null,
        _ => Value::Unknown,
    }
}

fn negate_if(negated: bool, value: Value) -> Value {
    if negated { negate(value) } else { value }
}

fn arithmetic(left: &Value, op: &BinaryOperator, right: &Value) -> Value {
    match (left, right) {
        (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Text(text), Value::Int(_)) => ColumnKind::BigInt.parse(text).map_or(Value::Unknown, |left| arithmetic(&left, op, right)),
        (Value::Int(_), Value::Text(text)) => ColumnKind::BigInt.parse(text).map_or(Value::Unknown, |right| arithmetic(left, op, &right)),
        (Value::Int(a), Value::Int(b)) => match op {
            BinaryOperator::Plus => a.checked_add(*b),
            BinaryOperator::Minus => a.checked_sub(*b),
            BinaryOperator::Multiply => a.checked_mul(*b),
            BinaryOperator::Divide => a.checked_div(*b),
            BinaryOperator::Modulo => a.checked_rem(*b),
            _ => None,
        }
        .map_or(Value::Unknown, Value::Int),
        _ => Value::Unknown,
    }
}

fn cast(value: Value, to: &str, zone: &InZone<'_>) -> Value {
    if matches!(value, Value::Unknown | Value::Null) {
        return value;
    }
    let words = to.split('(').next().unwrap_or(to).trim().to_lowercase();
    let is_text = ["text", "varchar", "character varying", "char varying"].contains(&words.as_str());
    match ColumnKind::of_sql(&words, &[]) {
        ColumnKind::Text if !is_text || to.contains('(') => Value::Unknown,
        ColumnKind::Padded | ColumnKind::Decimal { .. } => Value::Unknown,
        kind => kind.coerce(value, zone).unwrap_or(Value::Unknown),
    }
}

/// LIKE with the default escape. Greedy with one point of return, so that no pattern takes more than a product of lengths.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut items = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        items.push(match c {
            '%' => Item::Any,
            '_' => Item::One,
            '\\' => Item::Char(chars.next().unwrap_or('\\')),
            c => Item::Char(c),
        });
    }
    let (mut at, mut item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match items.get(item) {
            Some(Item::Any) => {
                retry = Some((at, item));
                item += 1;
            }
            Some(Item::One) => {
                at += 1;
                item += 1;
            }
            Some(Item::Char(c)) if *c == text[at] => {
                at += 1;
                item += 1;
            }
            _ => {
                let Some((from, any)) = retry else { return false };
                at = from + 1;
                item = any + 1;
                retry = Some((at, any));
            }
        }
    }
    items[item.min(items.len())..].iter().all(|i| matches!(i, Item::Any))
}

enum Item {
    Any,
    One,
    Char(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: &str, expected: Option<bool>) {
        check_in(None, condition, expected);
    }

    fn check_in(zone: Option<&str>, condition: &str, expected: Option<bool>) {
        let expression = sqlparser::parser::Parser::new(&sqlparser::dialect::PostgreSqlDialect {})
            .try_with_sql(condition)
            .and_then(|mut p| p.parse_expr())
            .expect("a condition");
        let cell = |name: &str| match name {
            "a" => Some(Value::Int(1)),
            "t" => Some(Value::Text("O'Neil".into())),
            "n" => Some(Value::Null),
            "u" => Some(Value::Unknown),
            // Eight in the evening of the first of January, in UTC.
            "i" => Some(Value::Instant(20 * 3_600_000_000)),
            _ => None,
        };
        let zone = || strandline_sql::Zone::named(zone?, crate::Dialect::PostgreSql);
        let scope = Scope { cell: &cell, parameters: &[Some("1".into()), None], clock: Some(Near::new(0, 0, 0, 0)), fold_case: FoldCase::No, zone: &zone };
        let value = scope.evaluate(&expression);
        assert_eq!(if let Value::Bool(b) = value { Some(b) } else { None }, expected, "{condition}");
    }

    #[test]
    fn conditions_hold_fail_or_stay_open() {
        check("a = 1 AND t = 'O''Neil'", Some(true));
        check("a = $1 AND x.t LIKE 'O%e_l'", Some(true));
        check("a IN (2, '3') OR n IS NULL", Some(true));
        check("a BETWEEN 0 AND 1 AND NOT (t ILIKE 'o\\_%')", Some(true));
        check("n = 1", None);
        check("u = 1", None);
        check("u = 1 AND a = 2", Some(false));
        check("u = 1 OR a = 1", Some(true));
        check("a = (SELECT 1)", None);
        check("t < 'Z'", None);
        check("a + 1 = 2 AND lower(t) = 'o''neil' AND t || 'x' = 'O''Neilx'", Some(true));
        check("a::text = '1'", Some(true));
        check("CASE a WHEN 2 THEN FALSE WHEN 1 THEN t = 'O''Neil' END", Some(true));
        check("CASE WHEN u = 1 THEN TRUE ELSE TRUE END", None);
        check("missing = 1", None);
    }

    #[test]
    fn what_hangs_on_the_zone_is_open_without_it() {
        let hong_kong = Some("Asia/Hong_Kong");
        for condition in ["i < '1970-01-02'", "i::date = '1970-01-01'", "i < timestamp '1970-01-02 00:00'", "current_date = '1970-01-01'"] {
            check_in(None, condition, None);
            check_in(Some("UTC"), condition, Some(true));
        }
        check_in(hong_kong, "i < '1970-01-02'", Some(false));
        check_in(hong_kong, "i::date = '1970-01-02'", Some(true));
        check_in(hong_kong, "localtimestamp = '1970-01-01 08:00'", Some(true));
        check_in(None, "i = '1970-01-02 04:00+08' AND i > now() AND i > '1970-01-01 19:59:59Z'", Some(true));
    }
}
