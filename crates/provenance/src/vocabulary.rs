//! What the databases say otherwise than the planner: functions and operators of MySQL and PostgreSQL, put into its words
//! where they mean exactly the same, and functions whose value only goes out, which need not be computed at all.
//!
//! Sources: MySQL 8.4 Reference Manual, Functions and Operators; PostgreSQL 17 documentation, Functions and Operators.
//! What waits, or fails with a value in its message (`SLEEP`, `BENCHMARK`, `EXTRACTVALUE`, `pg_sleep` …), is left as it is
//! and so refused: it tells something by other means than rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::StringArray;
use arrow_schema::DataType as ArrowType;
use datafusion::common::Result as PlanResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, ExtractSyntax, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, ObjectName, OrderByKind, Query, Select, SelectItem, SetExpr,
    SetOperator, SetQuantifier, TimezoneInfo, UnaryOperator, Value, visit_expressions,
};

use crate::calendar;
use crate::database::Dialect;
use crate::document::{ARRAY, TEXT};
use crate::kernels::IN_COLLATION;
use crate::stand_in::stand_in_for;
use crate::statement::Tongue;

/// A function of unknown meaning: its arguments are copied into what is sent.
pub(crate) const OPAQUE: &str = "opaque_value";

/// Functions of one row that are not hidden where their value only goes out: a stand-in keeps their place, or the planner's words do.
const KEPT: &str = "array_ndims box dayofmonth elt encrypt family hour hstore inet_same_family insert interval isempty isfinite json_contains_path \
    json_depth json_exists json_insert json_merge json_merge_preserve json_overlaps json_remove json_replace json_strip_nulls \
    json_type json_valid jsonb_delete jsonb_exists jsonb_insert jsonb_path_exists jsonb_path_match jsonb_path_query_array \
    jsonb_path_query_first jsonb_strip_nulls justify_days justify_hours levenshtein lower_inc make_interval make_time make_timestamp \
    maketime masklen match_against member_of microsecond minute netmask network num_nonnulls num_nulls old_password overlaps \
    parse_ident period_add pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_userbyid pg_size_pretty pg_table_is_visible \
    phraseto_tsquery plainto_tsquery random_normal regexp_instr regexp_like regexp_position regexp_substr second set_masklen \
    st_contains st_dwithin st_intersects st_within subtime timestamp timezone to_seconds to_tsquery to_tsvector ts_rank_cd \
    uncompressed_length upper_inc utc_time websearch_to_tsquery word_similarity";

/// Whether all that is known of a function of one row is that its value comes from its arguments.
fn is_of_one_row(name: &str) -> bool {
    name == "uuid" || stand_in_for(name).is_some() && !KEPT.split(' ').any(|kept| kept == name)
}

/// Functions that exist in the planner under the same name, and read their arguments otherwise.
const READ_OTHERWISE: &[&str] = &["to_char", "to_date", "to_timestamp", "date_format", "str_to_date", "to_number", "to_time", "date_bin"];

/// Functions of many rows: a value inside them may be opaque, they themselves never are.
const OF_MANY_ROWS: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "group_concat",
    "json_agg",
    "json_arrayagg",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// Functions that make one document, or one array, of many rows.
const DOCUMENTS: &[&str] = &["array_agg", "json_agg", "json_arrayagg", "json_object_agg", "json_objectagg", "jsonb_agg", "jsonb_object_agg"];

/// Functions of the planner whose value is a number, where MySQL takes one for a truth.
const NUMBERS: &[&str] = &["abs", "ascii", "ceil", "char_length", "find_in_set", "floor", "length", "mod", "octet_length", "round", "sign", "strpos"];

/// Makes opaque what is only sent: functions in the items of the outermost SELECT on which no row depends.
pub(crate) fn hide_values(query: &mut Query) {
    let keys: Vec<Expr> = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.iter().map(|key| key.expr.clone()).collect(),
        Some(OrderByKind::All(_)) => return,
        None => Vec::new(),
    };
    hide_in(&mut query.body, &keys);
}

fn hide_in(body: &mut SetExpr, keys: &[Expr]) {
    match body {
        SetExpr::Select(select) if select.distinct.is_none() && ungrouped(select) => {
            for (position, item) in select.projection.iter_mut().enumerate() {
                match item {
                    SelectItem::UnnamedExpr(value) if !sorted_by(keys, position, None) => hide(value),
                    SelectItem::ExprWithAlias { expr, alias } if !sorted_by(keys, position, Some(alias)) => hide(expr),
                    _ => continue,
                };
            }
        }
        SetExpr::Query(inner) if keys.is_empty() => hide_values(inner),
        SetExpr::SetOperation { op: SetOperator::Union, set_quantifier: SetQuantifier::All, left, right } => {
            hide_in(left, keys);
            hide_in(right, keys);
        }
        _ => {}
    }
}

pub(crate) fn ungrouped(select: &Select) -> bool {
    use datafusion::sql::sqlparser::ast::GroupByExpr;
    matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty()) && select.having.is_none() && select.qualify.is_none()
}

/// Whether a key of ORDER BY is this item, by its number or its alias.
fn sorted_by(keys: &[Expr], position: usize, alias: Option<&Ident>) -> bool {
    keys.iter().any(|key| {
        let found = visit_expressions(key, |part| {
            let here = match part {
                Expr::Identifier(name) => alias.is_some_and(|alias| alias.value.eq_ignore_ascii_case(&name.value)),
                Expr::Value(value) => matches!(&value.value, Value::Number(number, _) if *number == (position + 1).to_string()),
                _ => false,
            };
            if here { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.is_break()
    })
}

/// A document made of many rows, out of the cast and the default around it: those say nothing of whose it is.
fn bare_document(value: &mut Expr) {
    let inner = match value {
        Expr::Cast { expr: inner, .. } | Expr::Nested(inner) => inner.as_ref().clone(),
        Expr::Function(function) if plain_name(function) == "coalesce" => match arguments(function).split_first() {
            Some((first, others)) if others.iter().all(|other| matches!(bare(other), Expr::Value(_))) => first.clone(),
            _ => return,
        },
        _ => return,
    };
    let mut inner = inner;
    bare_document(&mut inner);
    if let Expr::Function(function) = &inner
        && DOCUMENTS.contains(&plain_name(function).as_str())
        && function.over.is_none()
    {
        *value = inner;
    }
}

/// Makes functions of one row opaque; whether the whole value now is.
fn hide(value: &mut Expr) -> bool {
    bare_document(value);
    let inside = match value {
        Expr::Function(function) => return hide_function(value_of(function), value),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } | Expr::Extract { expr: inner, .. } => hide(inner),
        Expr::Collate { expr: inner, .. } => hide(inner),
        // A part of a document: that it is one is all that is known.
        Expr::BinaryOp { left, op: BinaryOperator::Arrow | BinaryOperator::LongArrow | BinaryOperator::HashArrow | BinaryOperator::HashLongArrow, .. } => {
            hide(left);
            let parts = vec![(**left).clone()];
            *value = opaque(parts, "part");
            return true;
        }
        Expr::BinaryOp { left, right, .. } => hide(left) | hide(right),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().map(|when| &mut when.result).chain(else_result.as_deref_mut()).fold(false, |any, result| hide(result) | any);
            return false;
        }
        _ => false,
    };
    if inside {
        let parts = match value {
            Expr::BinaryOp { left, right, .. } => vec![(**left).clone(), (**right).clone()],
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } | Expr::Extract { expr: inner, .. } => {
                vec![(**inner).clone()]
            }
            Expr::Collate { expr: inner, .. } => vec![(**inner).clone()],
            _ => return false,
        };
        *value = opaque(parts, "value");
    }
    inside
}

/// The name keeps two functions of one value apart: the planner wants its columns named differently.
fn opaque(mut parts: Vec<Expr>, name: &str) -> Expr {
    parts.push(text(name));
    call(OPAQUE, parts)
}

/// What is needed of a function before it is replaced: its name, and whether it is plain.
fn value_of(function: &Function) -> (String, bool) {
    let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
    let is_value = |argument: &FunctionArg| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)));
    let listed = match &function.args {
        // An argument that is no plain value (`t.*`) would be lost.
        FunctionArguments::List(list) => list.duplicate_treatment.is_none() && list.clauses.is_empty() && list.args.iter().all(is_value),
        FunctionArguments::None => true,
        FunctionArguments::Subquery(_) => false,
    };
    (plain_name(function), plain && listed)
}

fn is_not_distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment.is_none())
}

fn hide_function((name, plain): (String, bool), value: &mut Expr) -> bool {
    let Expr::Function(function) = value else { return false };
    let many = OF_MANY_ROWS.contains(&name.as_str()) || name == "unnest";
    // A FILTER or an order inside chooses by other values than those that are hidden.
    let folds_plainly = many && function.over.is_none() && function.within_group.is_empty() && is_not_distinct(function);
    if !plain && !folds_plainly {
        return false;
    }
    let mut inside = false;
    for argument in arguments_mut(function) {
        inside |= hide(argument);
    }
    if many || !(inside || is_of_one_row(&name)) {
        return false;
    }
    *value = opaque(values_of(function, &name), &name);
    true
}

/// Puts one expression, whose parts have been translated, into the planner's words.
///
/// # Errors
/// If it is a function that the planner would misread.
pub(crate) fn translate(expression: &mut Expr, tongue: Tongue) -> Result<(), String> {
    let dialect = tongue.dialect;
    any_of_a_list(expression);
    in_named_collation(expression);
    cast_otherwise(expression, dialect);
    match expression {
        // NULL if either side is, as the planner's.
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } if tongue.pipes_join => {
            (**left, **right) = (cast((**left).clone(), DataType::Text), cast((**right).clone(), DataType::Text));
        }
        _ if dialect == Dialect::MySql => mysql_operator(expression),
        // Where a row lies and who wrote it, which no dump says. No column can have such a name.
        _ if is_system_column(expression) => *expression = call("server_value", Vec::new()),
        _ => postgres_operator(expression),
    }
    let Expr::Function(function) = expression else { return Ok(()) };
    let name = plain_name(function);
    if function.name.0.len() > 1 && function.name.to_string().to_lowercase() != name {
        function.name = object_name(&name);
    }
    if function.over.is_none()
        && let Some(translated) = translated(function, &name, dialect)
    {
        *expression = translated;
        return Ok(());
    }
    if let Some(stand_in) = stand_in_for(&name)
        && value_of(function).1
        && name != OPAQUE
    {
        *expression = call(&stand_in, values_of(function, &name));
        return Ok(());
    }
    if READ_OTHERWISE.contains(&name.as_str()) { Err(format!("the function {name} is not supported")) } else { Ok(()) }
}

/// The arguments of a function that are values.
fn values_of(function: &Function, name: &str) -> Vec<Expr> {
    // A unit of time (`TIMESTAMPDIFF(YEAR, …)`) is no column.
    let unit = ["timestampdiff", "timestampadd"].contains(&name);
    arguments(function).into_iter().skip(usize::from(unit)).filter(|part| !matches!(part, Expr::Interval(_))).collect()
}

/// Casts to types that the planner does not have. A literal is read as whatever it meets, as at the server.
fn cast_otherwise(expression: &mut Expr, dialect: Dialect) {
    let Expr::Cast { expr, data_type, .. } = expression else { return };
    let known = match data_type {
        DataType::JSON | DataType::JSONB | DataType::Uuid => Some(DataType::Text),
        DataType::Datetime(_) => Some(DataType::Timestamp(None, TimezoneInfo::None)),
        DataType::Timestamp(Some(_), zone) => Some(DataType::Timestamp(None, *zone)),
        DataType::Time(Some(_), _) => Some(DataType::Time(None, TimezoneInfo::None)),
        DataType::MediumInt(_) => Some(DataType::Int(None)),
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("oid") => Some(DataType::BigInt(None)),
        _ => None,
    };
    if let Some(known) = known {
        *data_type = known;
        return;
    }
    let is_text_array = |kind: &ArrayElemTypeDef| {
        let element = match kind {
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element) | ArrayElemTypeDef::Parenthesis(element) => element.as_ref(),
            ArrayElemTypeDef::None => return false,
        };
        matches!(element, DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::Char(_) | DataType::Custom(..))
    };
    match data_type {
        DataType::Array(_) if text_of(bare(expr)).is_some() => *expression = call(ARRAY, vec![bare(expr).clone()]),
        DataType::Array(kind) if is_text_array(kind) => *expression = (**expr).clone(),
        DataType::Regclass
        | DataType::Custom(..)
        | DataType::Bit(_)
        | DataType::BitVarying(_)
        | DataType::GeometricType(_)
        | DataType::TsVector
        | DataType::TsQuery
            if dialect == Dialect::PostgreSql =>
        {
            *expression = if text_of(bare(expr)).is_some() { bare(expr).clone() } else { call("server_value", vec![(**expr).clone()]) };
        }
        _ => {}
    }
}

/// Whether it is a column that every table of PostgreSQL has beside its own.
fn is_system_column(expression: &Expr) -> bool {
    let name = match expression {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    let is_one = |name: &str| ["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"].contains(&name);
    name.is_some_and(|name| if name.quote_style.is_some() { is_one(&name.value) } else { is_one(&name.value.to_lowercase()) })
}

/// Operators of PostgreSQL that the planner does not have before it has planned their sides.
fn postgres_operator(expression: &mut Expr) {
    let replaced = match expression {
        Expr::AnyOp { left, compare_op, right, .. } | Expr::AllOp { left, compare_op, right } => {
            if let Some(query) = array_query(right) {
                **right = Expr::Subquery(query);
            } else if is_array_column(right) {
                **right = call(ARRAY, vec![(**right).clone()]);
                if matches!(compare_op, BinaryOperator::Eq | BinaryOperator::NotEq) {
                    **left = cast((**left).clone(), DataType::Text);
                }
            }
            return;
        }
        Expr::Function(_) => match array_query(expression).and_then(|query| listed_by(*query)) {
            Some(listed) => listed,
            None => return,
        },
        Expr::Extract { field: DateTimeField::Year, expr, .. } => match years_of_age(expr) {
            Some(years) => years,
            None => return,
        },
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::PGSquareRoot => call("sqrt", vec![(**expr).clone()]),
            UnaryOperator::PGCubeRoot => call("cbrt", vec![(**expr).clone()]),
            UnaryOperator::PGAbs => call("abs", vec![(**expr).clone()]),
            UnaryOperator::BitwiseNot | UnaryOperator::PGPostfixFactorial | UnaryOperator::PGPrefixFactorial => call("server_ord", vec![(**expr).clone()]),
            _ => return,
        },
        _ => return,
    };
    *expression = replaced;
}

/// The whole years in `age(to, from)`, or in `age(from)`, which counts to today. Ages are stand-ins by then.
fn years_of_age(age: &Expr) -> Option<Expr> {
    let Expr::Function(function) = bare(age) else { return None };
    if plain_name(function) != "server_age" {
        return None;
    }
    let mut list = arguments(function);
    let from = list.pop()?;
    let to = list.pop().unwrap_or_else(|| call("current_date", Vec::new()));
    list.is_empty().then(|| call(calendar::between("year").unwrap_or_default(), vec![from, to]))
}

/// `ARRAY(SELECT …)`.
fn array_query(array: &Expr) -> Option<Box<Query>> {
    match array {
        Expr::Function(function) => match &function.args {
            FunctionArguments::Subquery(query) if plain_name(function) == "array" => Some(query.clone()),
            _ => None,
        },
        Expr::Nested(inner) => array_query(inner),
        _ => None,
    }
}

/// `(SELECT array_agg(x ORDER BY y) …)` for `ARRAY(SELECT x … ORDER BY y)`.
fn listed_by(mut query: Query) -> Option<Expr> {
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return None;
    }
    let order = match query.order_by.take().map(|order| order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys,
        Some(OrderByKind::All(_)) => return None,
        None => Vec::new(),
    };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice() else { return None };
    if select.distinct.is_some() || !ungrouped(select) || order.iter().any(|key| matches!(key.expr, Expr::Value(_))) {
        return None;
    }
    let mut listed = call("array_agg", vec![value.clone()]);
    if let (Expr::Function(Function { args: FunctionArguments::List(list), .. }), false) = (&mut listed, order.is_empty()) {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    select.projection = vec![SelectItem::UnnamedExpr(listed)];
    Some(Expr::Subquery(Box::new(query)))
}

/// Whether an array is none that the statement writes.
fn is_array_column(array: &Expr) -> bool {
    matches!(bare(array), Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// A function in the planner's words.
fn translated(function: &mut Function, name: &str, dialect: Dialect) -> Option<Expr> {
    of_both(function, name).or_else(|| match dialect {
        Dialect::PostgreSql => of_postgresql(function, name),
        Dialect::MySql => of_mysql(function, name),
    })
}

fn renamed(function: &Function, to: &str) -> Option<Expr> {
    Some(Expr::Function(Function { name: object_name(to), ..function.clone() }))
}

/// What both servers have.
fn of_both(function: &Function, name: &str) -> Option<Expr> {
    let mut list = arguments(function);
    match (name, list.len()) {
        ("json_agg" | "jsonb_agg" | "json_arrayagg", 0 | 1) => renamed(function, "array_agg"),
        ("json_object_agg" | "jsonb_object_agg" | "json_objectagg", 2) => {
            let (value, key) = (cast(list.pop()?, DataType::Text), cast(list.pop()?, DataType::Text));
            let mut both = function.clone();
            if let FunctionArguments::List(list) = &mut both.args {
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(call("concat", vec![key, value])))];
            }
            renamed(&both, "array_agg")
        }
        ("mod", 2) => {
            let (right, left) = (list.pop()?, list.pop()?);
            Some(Expr::Nested(Box::new(binary(left, BinaryOperator::Modulo, right))))
        }
        // A document's default is a text.
        ("coalesce" | "ifnull" | "nvl", 2) if text_of(bare(list.get(1)?)).is_some_and(|default| default.starts_with(['[', '{'])) => {
            if matches!(bare(list.first()?), Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_)) {
                let document = list.first()?.clone();
                *list.first_mut()? = call(TEXT, vec![document]);
            }
            Some(call("coalesce", list))
        }
        ("sign", 1) => renamed(function, "signum"),
        _ => None,
    }
}

fn of_postgresql(function: &Function, name: &str) -> Option<Expr> {
    let mut list = arguments(function);
    match (name, list.len()) {
        // Any of the values that are there, as far as is known.
        ("mode" | "percentile_disc", _) if !function.within_group.is_empty() => {
            let value = function.within_group.first()?.expr.clone();
            let is_there = binary(cast(value.clone(), DataType::Text), BinaryOperator::NotEq, text(""));
            let wanted = match function.filter.clone() {
                Some(filter) => Expr::BinaryOp { left: Box::new(Expr::Nested(filter)), op: BinaryOperator::And, right: Box::new(is_there) },
                None => is_there,
            };
            let mut picked = call("first_value", vec![value]);
            if let Expr::Function(function) = &mut picked {
                function.filter = Some(Box::new(wanted));
            }
            Some(picked)
        }
        ("date_part" | "extract", 2) if text_of(list.first()?).is_some_and(|part| part.eq_ignore_ascii_case("year")) => years_of_age(list.get(1)?),
        ("every", 1) => renamed(function, "bool_and"),
        ("variance", 1) => renamed(function, "var_samp"),
        ("date", 1) => Some(cast(list.pop()?, DataType::Date)),
        // A type's name casts.
        ("int2", 1) => Some(cast(list.pop()?, DataType::SmallInt(None))),
        ("int4", 1) => Some(cast(list.pop()?, DataType::Int(None))),
        ("int8", 1) => Some(cast(list.pop()?, DataType::BigInt(None))),
        ("float4", 1) => Some(cast(list.pop()?, DataType::Real)),
        ("float8", 1) => Some(cast(list.pop()?, DataType::Double(ExactNumberInfo::None))),
        ("text", 1) => Some(cast(list.pop()?, DataType::Text)),
        ("bool", 1) => Some(cast(list.pop()?, DataType::Boolean)),
        ("ceiling", 1) => renamed(function, "ceil"),
        ("to_char", 2) => {
            let format = postgres_format(&text_of(list.get(1)?)?)?;
            Some(call("to_char", vec![list.swap_remove(0), text(&format)]))
        }
        ("unnest" | "cardinality" | "array_length" | "array_to_string" | "array_position" | "array_remove" | "array_append" | "array_upper", 1..)
            if is_array_column(list.first()?) =>
        {
            let array = list.first()?.clone();
            *list.first_mut()? = call(ARRAY, vec![array]);
            Some(call(if name == "array_upper" { "array_length" } else { name }, list))
        }
        ("json_extract_path_text" | "jsonb_extract_path_text" | "json_extract_path" | "jsonb_extract_path", 2..) => {
            let op = |last: bool| if last && name.ends_with("text") { BinaryOperator::LongArrow } else { BinaryOperator::Arrow };
            let last = list.len() - 1;
            let mut parts = list.into_iter().enumerate();
            let document = parts.next()?.1;
            Some(Expr::Nested(Box::new(parts.fold(document, |document, (at, key)| binary(document, op(at == last), key)))))
        }
        // In the select list it makes a row of each of its values.
        ("generate_series", 2 | 3) => Some(call("unnest", vec![call("generate_series", list)])),
        _ => None,
    }
}

fn of_mysql(function: &mut Function, name: &str) -> Option<Expr> {
    let mut list = arguments(function);
    match (name, list.len()) {
        ("if", 3) => {
            let (otherwise, then, when) = (list.pop()?, list.pop()?, list.pop()?);
            Some(case(None, vec![CaseWhen { condition: truth(when), result: then }], Some(otherwise)))
        }
        ("field", 2..) => Some(place_among(&list, false)),
        ("find_in_set", 2) => {
            let items = text_of(list.get(1)?)?;
            let item = cast(list.swap_remove(0), DataType::Text);
            let among = if items.is_empty() { Vec::new() } else { items.split(',').map(text).collect() };
            Some(place_among(&std::iter::once(item).chain(among).collect::<Vec<_>>(), true))
        }
        // A place is rounded to a whole number.
        ("elt", 2..) => {
            let place = call("round", vec![list.remove(0)]);
            let when = |(place, value): (usize, Expr)| CaseWhen { condition: whole_number(place + 1), result: value };
            Some(case(Some(place), list.into_iter().enumerate().map(when).collect(), None))
        }
        ("char", 1..) => {
            let letter = |code: &Expr| text_or_number(code)?.parse::<u8>().ok().filter(|code| (1..128).contains(code)).map(char::from);
            let letters: String = list.iter().map(letter).collect::<Option<_>>()?;
            Some(call(IN_COLLATION, vec![text(&letters), text("binary")]))
        }
        ("json_value", 2) => mysql_part(&list),
        ("json_unquote", 1) => match bare(list.first()?) {
            Expr::Function(inner) if inner.name.to_string() == "server_json_extract" => mysql_part(&arguments(inner)),
            _ => None,
        },
        ("substring_index", 3) => renamed(function, "substr_index"),
        ("pow", 2) => renamed(function, "power"),
        ("isnull", 1) => Some(Expr::IsNull(Box::new(list.pop()?))),
        // MySQL's is NULL if any part is; the planner's leaves such parts out.
        ("concat", 1..) => {
            let texts = list.into_iter().map(|part| cast(part, DataType::Text));
            texts.reduce(|left, right| binary(left, BinaryOperator::StringConcat, right)).map(|all| Expr::Nested(Box::new(all)))
        }
        ("ucase", 1) => renamed(function, "upper"),
        ("lcase", 1) => renamed(function, "lower"),
        ("mid" | "substr", 2 | 3) => renamed(function, "substr"),
        ("length", 1) => renamed(function, "octet_length"),
        ("instr", 2) => renamed(function, "strpos"),
        ("locate" | "position", 2) => {
            list.swap(0, 1);
            Some(call("strpos", list))
        }
        ("rand", 0) => Some(call("random", Vec::new())),
        ("std" | "stddev", 1) => renamed(function, "stddev_pop"),
        ("variance", 1) => renamed(function, "var_pop"),
        ("sha2", 2) if text_or_number(list.get(1)?).as_deref() == Some("256") => {
            let digest = call("sha256", vec![list.swap_remove(0)]);
            Some(call("encode", vec![digest, text("hex")]))
        }
        ("group_concat", 1..) => group_concat(function, list),
        _ => of_mysql_times(name, list),
    }
}

fn case(operand: Option<Expr>, conditions: Vec<CaseWhen>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: operand.map(Box::new),
        conditions,
        else_result: otherwise.map(Box::new),
    }
}

fn whole_number(number: usize) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

/// At which place among others the first value stands, counted from one; zero where it stands at none. Of NULL, zero too, unless it is asked for.
fn place_among(values: &[Expr], of_null_null: bool) -> Expr {
    let [value, others @ ..] = values else { return whole_number(0) };
    let is_null = of_null_null.then(|| CaseWhen { condition: Expr::IsNull(Box::new(value.clone())), result: Expr::value(Value::Null) });
    let at = |(place, other): (usize, &Expr)| CaseWhen { condition: binary(value.clone(), BinaryOperator::Eq, other.clone()), result: whole_number(place + 1) };
    let conditions: Vec<CaseWhen> = is_null.into_iter().chain(others.iter().enumerate().map(at)).collect();
    if conditions.is_empty() { whole_number(0) } else { case(None, conditions, Some(whole_number(0))) }
}

fn of_mysql_times(name: &str, mut list: Vec<Expr>) -> Option<Expr> {
    let field = |field, mut list: Vec<Expr>| Some(Expr::Extract { field, syntax: ExtractSyntax::From, expr: Box::new(list.pop()?) });
    match (name, list.len()) {
        ("year", 1) => field(DateTimeField::Year, list),
        ("quarter", 1) => field(DateTimeField::Quarter, list),
        ("month", 1) => field(DateTimeField::Month, list),
        ("day" | "dayofmonth", 1) => field(DateTimeField::Day, list),
        ("hour", 1) => field(DateTimeField::Hour, list),
        ("minute", 1) => field(DateTimeField::Minute, list),
        ("second", 1) => field(DateTimeField::Second, list),
        ("date", 1) => Some(cast(list.pop()?, DataType::Date)),
        ("curdate" | "current_date", 0) => Some(call("current_date", Vec::new())),
        ("sysdate" | "localtime" | "localtimestamp" | "current_timestamp", 0 | 1) => Some(call("now", Vec::new())),
        ("now", 1) => Some(call("now", Vec::new())),
        ("date_add" | "adddate" | "date_sub" | "subdate", 2) => {
            let sign = if name.ends_with("add") || name == "adddate" { BinaryOperator::Plus } else { BinaryOperator::Minus };
            let (interval, from) = (list.pop()?, list.pop()?);
            let from = if text_of(&from).is_some() { cast(from, DataType::Timestamp(None, TimezoneInfo::None)) } else { from };
            matches!(interval, Expr::Interval(_)).then(|| Expr::Nested(Box::new(binary(from, sign, interval))))
        }
        ("datediff", 2) => {
            let (other, one) = (call(calendar::DAY, vec![list.pop()?]), call(calendar::DAY, vec![list.pop()?]));
            Some(Expr::Nested(Box::new(binary(one, BinaryOperator::Minus, other))))
        }
        ("timestampdiff", 3) => {
            let Expr::Identifier(unit) = list.remove(0) else { return None };
            Some(call(calendar::between(&unit.value)?, list))
        }
        ("last_day", 1) => Some(call(calendar::LAST_DAY, list)),
        ("str_to_date", 2) => written_time(&text_of(list.first()?)?, &text_of(list.get(1)?)?),
        // 1970-01-01 was a Thursday.
        ("weekday", 1) => Some(Expr::Nested(Box::new(day_of_week(list.pop()?, 3)))),
        ("dayofweek", 1) => Some(Expr::Nested(Box::new(binary(day_of_week(list.pop()?, 4), BinaryOperator::Plus, whole_number(1))))),
        ("dayofyear", 1) => field(DateTimeField::Doy, list),
        ("date_format", 2) => {
            let format = mysql_format(&text_of(list.get(1)?)?)?;
            Some(call("to_char", vec![list.swap_remove(0), text(&format)]))
        }
        _ => None,
    }
}

/// The day or the time that a text says by a template; `None` where not both are written in digits alone.
fn written_time(written: &str, template: &str) -> Option<Expr> {
    const SAID: [&str; 7] = ["%Y", "%m", "%d", "%H", "%i", "%s", "%T"];
    let words = SAID.iter().fold(template.to_owned(), |left, said| left.replacen(said, "", 1));
    let has_day = SAID[..3].iter().all(|said| template.contains(said));
    if words.contains('%')
        || !has_day
        || written.len() < 10
        || !written.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b'.' | b':' | b' '))
    {
        return None;
    }
    let said = jiff::fmt::strtime::parse(mysql_format(template)?, written).ok()?;
    let has_time = SAID[3..].iter().any(|said| template.contains(said));
    Some(if has_time {
        cast(text(&said.to_datetime().ok()?.strftime("%Y-%m-%d %H:%M:%S").to_string()), DataType::Timestamp(None, TimezoneInfo::None))
    } else {
        cast(text(&said.to_date().ok()?.to_string()), DataType::Date)
    })
}

/// The days since a day of the week, of a time; `shift`: how many 1970-01-01 was behind it.
fn day_of_week(time: Expr, shift: usize) -> Expr {
    let day = binary(call(calendar::DAY, vec![time]), BinaryOperator::Modulo, whole_number(7));
    // Before 1970 the remainder is negative.
    binary(Expr::Nested(Box::new(binary(day, BinaryOperator::Plus, whole_number(shift + 7)))), BinaryOperator::Modulo, whole_number(7))
}

/// `GROUP_CONCAT(DISTINCT a, b ORDER BY c SEPARATOR ';')` is `string_agg(DISTINCT a || b, ';' ORDER BY c)`.
fn group_concat(function: &mut Function, list: Vec<Expr>) -> Option<Expr> {
    let FunctionArguments::List(arguments) = &mut function.args else { return None };
    let mut separator = text(",");
    let mut order = Vec::new();
    for clause in arguments.clauses.drain(..) {
        match clause {
            FunctionArgumentClause::Separator(value) => separator = Expr::Value(value),
            FunctionArgumentClause::OrderBy(keys) => order = keys,
            _ => return None,
        }
    }
    let joined = list.into_iter().map(|part| cast(part, DataType::Text)).reduce(|left, right| binary(left, BinaryOperator::StringConcat, right))?;
    // An order does not change whose values are in it, and with DISTINCT the planner takes none.
    if !order.is_empty() && arguments.duplicate_treatment.is_none() {
        arguments.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    arguments.args = vec![joined, separator].into_iter().map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part))).collect();
    function.name = object_name("string_agg");
    Some(Expr::Function(function.clone()))
}

/// `x = ANY ('{1,2}')` is `x IN ('1', '2')`, and `x <> ALL ('{1,2}')` is `x NOT IN ('1', '2')`.
fn any_of_a_list(expression: &mut Expr) {
    let (left, right, negated) = match expression {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        _ => return,
    };
    let Some(items) = text_of(bare(right)).as_deref().and_then(array_items) else { return };
    let list = items.into_iter().map(|item| item.map_or_else(|| Expr::value(Value::Null), |item| text(&item))).collect::<Vec<_>>();
    *expression = match list.is_empty() {
        true => Expr::value(Value::Boolean(negated)),
        false => Expr::InList { expr: left.clone(), list, negated },
    };
}

/// `x = ANY (SELECT …)` is `x IN (SELECT …)`, and `x <> ALL (SELECT …)` is `x NOT IN (SELECT …)`; so it is of `ARRAY(SELECT …)`.
pub(crate) fn any_of_a_query(expression: &mut Expr) {
    let (left, right, negated) = match expression {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        _ => return,
    };
    let query = match bare(right) {
        Expr::Subquery(query) => query.clone(),
        array => match array_query(array) {
            Some(query) => query,
            None => return,
        },
    };
    *expression = Expr::InSubquery { expr: left.clone(), subquery: query, negated };
}

/// Writes a call's arrays into its statement, where a placeholder stands in `= ANY ($1)` or `<> ALL ($1)`; whether there was one.
pub(crate) fn write_arrays(statement: &mut datafusion::sql::sqlparser::ast::Statement, parameters: &[Option<String>]) -> bool {
    let mut found = false;
    let _all: ControlFlow<()> = datafusion::sql::sqlparser::ast::visit_expressions_mut(statement, |expression| {
        let (Expr::AnyOp { right, .. } | Expr::AllOp { right, .. }) = expression else { return ControlFlow::Continue(()) };
        let number = match bare(right) {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()),
                _ => None,
            },
            _ => None,
        };
        if let Some(number) = number {
            found = true;
            // Without its value the placeholder stays, and the statement is refused.
            if let Some(Some(array)) = number.checked_sub(1).and_then(|at| parameters.get(at)) {
                **right = text(array);
                any_of_a_list(expression);
            }
        }
        ControlFlow::Continue(())
    });
    found
}

/// The items of PostgreSQL's text of an array of one dimension; `None` for another text.
pub(crate) fn array_items(array: &str) -> Option<Vec<Option<String>>> {
    let inside = array.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut letters = inside.chars().peekable();
    while letters.peek().is_some() {
        let mut item = String::new();
        let quoted = letters.next_if_eq(&'"').is_some();
        loop {
            match letters.next() {
                Some('\\') => item.push(letters.next()?),
                Some('"') if quoted => {
                    if letters.next().is_some_and(|next| next != ',') {
                        return None;
                    }
                    break;
                }
                None if quoted => return None,
                Some(',') if !quoted => break,
                None => break,
                Some('{' | '}' | '"') if !quoted => return None,
                Some(letter) => item.push(letter),
            }
        }
        items.push((quoted || !item.eq_ignore_ascii_case("null")).then_some(item));
    }
    Some(items)
}

/// `x COLLATE c`: the same value, whose comparisons and orders are by that collation.
fn in_named_collation(expression: &mut Expr) {
    if let Expr::Collate { expr, collation } = expression {
        let name = collation.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.clone()).collect::<Vec<_>>().join(".");
        *expression = call(IN_COLLATION, vec![(**expr).clone(), text(name.strip_prefix("pg_catalog.").unwrap_or(&name))]);
    }
}

/// `BINARY x`, which binds closer than the parser takes it to: of a comparison it is the left side that it speaks of.
fn by_bytes(mut expression: Expr) -> Expr {
    match &mut expression {
        Expr::BinaryOp { left, .. } => **left = by_bytes((**left).clone()),
        Expr::Like { expr, .. } | Expr::InList { expr, .. } | Expr::Between { expr, .. } | Expr::IsNull(expr) | Expr::IsNotNull(expr) => {
            **expr = by_bytes((**expr).clone());
        }
        _ => return call(IN_COLLATION, vec![expression, text("binary")]),
    }
    expression
}

/// The first letters of a text.
pub(crate) fn first_letters(value: Expr, length: u64) -> Expr {
    call("left", vec![value, Expr::value(Value::Number(length.to_string(), false))])
}

/// `JSON_VALUE(document, '$.a.b[0]')` is `document #>> '{a,b,0}'`.
fn mysql_part(arguments: &[Expr]) -> Option<Expr> {
    let [document, path] = arguments else { return None };
    let written = text_of(path)?;
    let steps = written.strip_prefix('$')?.replace('[', ".").replace(']', "");
    let is_plain = steps.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_'));
    let steps: Vec<&str> = steps.split('.').skip(1).collect();
    if !is_plain || steps.is_empty() || steps.iter().any(|step| step.is_empty()) {
        return None;
    }
    Some(Expr::Nested(Box::new(binary(document.clone(), BinaryOperator::HashLongArrow, text(&format!("{{{}}}", steps.join(",")))))))
}

/// Whether it is a variable of the session.
fn is_variable(value: &Expr) -> bool {
    match bare(value) {
        Expr::Identifier(name) => name.quote_style.is_none() && name.value.starts_with('@'),
        Expr::CompoundIdentifier(names) => names.first().is_some_and(|name| name.quote_style.is_none() && name.value.starts_with("@@")),
        _ => false,
    }
}

fn mysql_operator(expression: &mut Expr) {
    // A variable of the session may hold what was put into it; one of the server says nothing of anybody.
    if is_variable(expression) {
        if expression.to_string().starts_with("@@") {
            *expression = call("server_value", Vec::new());
        }
        return;
    }
    match expression {
        // What a variable holds is not known.
        Expr::BinaryOp { left, op: BinaryOperator::Assignment, right } if is_variable(left) => *expression = call("server_value", vec![(**right).clone()]),
        Expr::BinaryOp { left, right, .. } if is_variable(left) || is_variable(right) => {
            let others = [left, right].into_iter().filter(|side| !is_variable(side)).map(|side| (**side).clone()).collect();
            *expression = call("server_truth", others);
        }
        Expr::MatchAgainst { columns, .. } => {
            let column = |parts: Vec<Ident>| match parts.as_slice() {
                [name] => Expr::Identifier(name.clone()),
                _ => Expr::CompoundIdentifier(parts),
            };
            let columns = columns.iter().map(|name| column(name.0.iter().filter_map(|part| part.as_ident().cloned()).collect()));
            *expression = call("server_match_against", columns.collect());
        }
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => *expression = call("server_ord", vec![(**expr).clone()]),
        Expr::RLike { negated, expr, pattern, .. } => {
            let operator = if *negated { BinaryOperator::PGRegexNotIMatch } else { BinaryOperator::PGRegexIMatch };
            *expression = binary((**expr).clone(), operator, (**pattern).clone());
        }
        // `BINARY x` compares bytes.
        Expr::Cast { expr, data_type: DataType::Binary(None), .. } => *expression = by_bytes((**expr).clone()),
        Expr::Cast { expr, data_type: DataType::Binary(_), .. } | Expr::Convert { expr, data_type: None, .. } => {
            *expression = (**expr).clone();
        }
        Expr::Convert { expr, data_type: Some(kind), is_try: false, .. } => *expression = cast((**expr).clone(), number_type(kind)),
        Expr::Cast { data_type, .. } => *data_type = number_type(data_type),
        Expr::BinaryOp { left, op, right } if *op == BinaryOperator::StringConcat => {
            *expression = binary(truth((**left).clone()), BinaryOperator::Or, truth((**right).clone()));
        }
        // What a column's numbers are for truths, XOR tells by its type.
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, right } => {
            **left = truth((**left).clone());
            **right = truth((**right).clone());
        }
        Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr } => **expr = truth((**expr).clone()),
        // LIKE compares anything as text. Of times only the date is written alike.
        Expr::Like { expr, pattern, .. } if matches!(**expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => {
            let plain = text_of(pattern).is_some_and(|pattern| pattern.chars().all(|c| c.is_ascii_digit() || matches!(c, '%' | '_' | '-' | '.')));
            if plain {
                **expr = cast((**expr).clone(), DataType::Text);
            }
        }
        _ => {}
    }
}

/// A value that stands where a truth is wanted: anything but zero is true.
pub(crate) fn truth(value: Expr) -> Expr {
    use BinaryOperator::{BitwiseAnd, BitwiseOr, BitwiseXor, Divide, Minus, Modulo, Multiply, Plus};
    let number = match &value {
        Expr::Nested(inner) => return Expr::Nested(Box::new(truth((**inner).clone()))),
        Expr::Value(literal) => matches!(literal.value, Value::Number(..)),
        Expr::Extract { .. } => true,
        Expr::Function(function) => NUMBERS.contains(&plain_name(function).as_str()) || calendar::is_counted(&plain_name(function)),
        Expr::Case { conditions, else_result, .. } => {
            let is_number = |result: &Expr| matches!(result, Expr::Value(literal) if matches!(literal.value, Value::Number(..) | Value::Null));
            conditions.iter().map(|when| &when.result).chain(else_result.as_deref()).all(is_number)
        }
        Expr::BinaryOp { op, .. } => matches!(op, Plus | Minus | Multiply | Divide | Modulo | BitwiseAnd | BitwiseOr | BitwiseXor),
        _ => false,
    };
    // A text counts as the number at its beginning.
    if let Some(number) = text_of(&value).as_deref().and_then(leading_number) {
        return Expr::value(Value::Boolean(number != 0.0));
    }
    if number { binary(value, BinaryOperator::NotEq, Expr::value(Value::Number("0".into(), false))) } else { value }
}

/// The number at the beginning of a text, for which MySQL takes it beside numbers (Reference Manual, 14.3): none is zero. `None` where more digits
/// are written than a floating number tells apart.
pub(crate) fn leading_number(text: &str) -> Option<f64> {
    const DIGITS_AT_MOST: usize = 15;
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with(['-', '+']));
    let whole = digits(&text[sign..]);
    let point = sign + whole;
    let fraction = if text[point..].starts_with('.') { digits(&text[point + 1..]) } else { 0 };
    let mut end = if fraction > 0 { point + 1 + fraction } else { point };
    if whole + fraction == 0 {
        return Some(0.0);
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['-', '+']));
        let digits = digits(&exponent[sign..]);
        end += if digits > 0 { 1 + sign + digits } else { 0 };
    }
    let number: f64 = text[..end].parse().ok()?;
    (whole + fraction <= DIGITS_AT_MOST && number.is_finite()).then_some(number)
}

/// MySQL's names of whole numbers, in a cast.
fn number_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Signed | DataType::SignedInteger | DataType::Unsigned | DataType::UnsignedInteger => DataType::BigInt(None),
        DataType::Char(_) | DataType::Character(_) | DataType::JSON => DataType::Text,
        other => other.clone(),
    }
}

/// `DATE_FORMAT`'s template as strftime's; `None` where a specifier has no equal.
fn mysql_format(template: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        out.push_str(match letters.next()? {
            'Y' => "%Y",
            'y' => "%y",
            'm' => "%m",
            'c' => "%-m",
            'd' => "%d",
            'e' => "%-d",
            'H' => "%H",
            'k' => "%-H",
            'h' | 'I' => "%I",
            'l' => "%-I",
            'i' => "%M",
            's' | 'S' => "%S",
            'f' => "%6f",
            'p' => "%p",
            'M' => "%B",
            'b' => "%b",
            'W' => "%A",
            'a' => "%a",
            'j' => "%j",
            'w' => "%w",
            'T' => "%T",
            'r' => "%I:%M:%S %p",
            '%' => "%%",
            _ => return None,
        });
    }
    Some(out)
}

/// `to_char`'s template of a time as strftime's; `None` for numbers, and where a pattern has no equal.
fn postgres_format(template: &str) -> Option<String> {
    const PATTERNS: &[(&str, &str)] = &[
        ("YYYY", "%Y"),
        ("yyyy", "%Y"),
        ("HH24", "%H"),
        ("hh24", "%H"),
        ("HH12", "%I"),
        ("hh12", "%I"),
        ("DDD", "%j"),
        ("ddd", "%j"),
        ("Mon", "%b"),
        ("YY", "%y"),
        ("yy", "%y"),
        ("MM", "%m"),
        ("mm", "%m"),
        ("DD", "%d"),
        ("dd", "%d"),
        ("HH", "%I"),
        ("hh", "%I"),
        ("MI", "%M"),
        ("mi", "%M"),
        ("SS", "%S"),
        ("ss", "%S"),
        ("Dy", "%a"),
    ];
    let (mut out, mut rest, mut times) = (String::new(), template, 0);
    while let Some(letter) = rest.chars().next() {
        if let Some((pattern, format)) = PATTERNS.iter().find(|(pattern, _)| rest.starts_with(pattern)) {
            out.push_str(format);
            rest = &rest[pattern.len()..];
            times += 1;
        } else if matches!(letter, '-' | '/' | '.' | ':' | ' ' | ',') {
            out.push(letter);
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    (times > 0).then_some(out)
}

/// Whether a function makes one value of many rows, or of a window.
pub(crate) fn folds_rows(function: &Function) -> bool {
    function.over.is_some() || OF_MANY_ROWS.contains(&plain_name(function).as_str())
}

/// Whether a function makes rows.
pub(crate) fn makes_rows(function: &Function) -> bool {
    let name = plain_name(function);
    ["unnest", "generate_series", "regexp_matches", "regexp_split_to_table", "string_to_table"].contains(&name.as_str())
        || ["_each", "_each_text", "_elements", "_elements_text", "_object_keys", "_path_query"].iter().any(|end| name.ends_with(end))
}

pub(crate) fn plain_name(function: &Function) -> String {
    let name = function.name.to_string().to_lowercase();
    name.strip_prefix("pg_catalog.").map_or(name.clone(), str::to_owned)
}

pub(crate) fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    list.args.iter().filter_map(|argument| if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument { Some(value.clone()) } else { None }).collect()
}

fn arguments_mut(function: &mut Function) -> impl Iterator<Item = &mut Expr> {
    let list = if let FunctionArguments::List(list) = &mut function.args { list.args.as_mut_slice() } else { &mut [] };
    list.iter_mut().filter_map(|argument| if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument { Some(value) } else { None })
}

/// An expression without brackets and casts.
pub(crate) fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => bare(inner),
        other => other,
    }
}

pub(crate) fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn text_or_number(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.clone()),
            _ => text_of(expression),
        },
        _ => None,
    }
}

pub(crate) fn text(words: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(words.to_owned()))
}

pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

fn object_name(name: &str) -> ObjectName {
    ObjectName::from(vec![Ident::new(name)])
}

pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value))).collect();
    Expr::Function(Function {
        name: object_name(name),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The function that stands for a value that need not be computed: NULL if all its arguments are, else any text.
pub(crate) fn opaque_function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Opaque { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque {
    signature: Signature,
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        OPAQUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[ArrowType]) -> PlanResult<ArrowType> {
        Ok(ArrowType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<PlanResult<Vec<_>>>()?;
        let parts = arrays.split_last().map_or(&[][..], |(_name, parts)| parts);
        let known = |row: usize| parts.is_empty() || parts.iter().any(|array| !array.is_null(row));
        let values: StringArray = (0..args.number_rows).map(|row| known(row).then_some("…")).collect();
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}
