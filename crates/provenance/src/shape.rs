//! Everyday shapes that the planner does not have, put into ones that it has and that mean the same.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectNamePart, OrderBy,
    OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, UnaryOperator, Value, Visit, Visitor, WildcardAdditionalOptions, WindowSpec, WindowType,
    visit_expressions,
};

use crate::spelling::{DENIED, EITHER_WAY, ROLLED_UP, WHOLE_DIVISION};
use crate::vocabulary::{array_items, bare, binary, call, text, text_of, ungrouped};

/// `x BETWEEN SYMMETRIC a AND b`, which the spelling has marked, as `x BETWEEN a AND b OR x BETWEEN b AND a`.
pub(crate) fn either_way(expression: &mut Expr) {
    let Expr::Between { expr, negated, low, high } = expression else { return };
    let Some(marked) = bound_either_way(low) else { return };
    let between = |low: &Expr, high: &Expr| Expr::Between { expr: expr.clone(), negated: false, low: Box::new(low.clone()), high: Box::new(high.clone()) };
    let (first, second) = (between(&marked, high), between(high, &marked));
    let either = Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(first), op: BinaryOperator::Or, right: Box::new(second) }));
    *expression = if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(either) } } else { either };
}

/// What the mark of [`EITHER_WAY`] stands around.
fn bound_either_way(low: &Expr) -> Option<Expr> {
    match marked(low, EITHER_WAY)?.as_slice() {
        [bound] => Some(bound.clone()),
        _ => None,
    }
}

/// What a mark of the spelling stands around.
fn marked(expression: &Expr, mark: &str) -> Option<Vec<Expr>> {
    let Expr::Function(function) = expression else { return None };
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if name.quote_style.is_some() && name.value == mark => Some(crate::vocabulary::arguments(function)),
        _ => None,
    }
}

/// `!x` and `a DIV b`, which the spelling has marked.
pub(crate) fn mysql_marked(expression: &mut Expr) {
    if let Some([inner]) = marked(expression, DENIED).as_deref() {
        *expression = Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(inner.clone()))) }));
        return;
    }
    let Expr::BinaryOp { left, op, right: _ } = expression else { return };
    if let (Expr::BinaryOp { left: divided, op: BinaryOperator::Modulo, right: mark }, BinaryOperator::Modulo) = (left.as_ref(), &*op)
        && matches!(mark.as_ref(), Expr::Identifier(name) if name.quote_style.is_some() && name.value == WHOLE_DIVISION)
    {
        *left = divided.clone();
        *op = BinaryOperator::MyIntegerDivide;
    }
}

/// `x LIKE ANY (ARRAY['a', 'b'])` is `x LIKE 'a' OR x LIKE 'b'`, and so with ALL and AND.
pub(crate) fn like_any(expression: &mut Expr) {
    let (pattern, is_any) = match &*expression {
        Expr::Like { any: true, pattern, .. } | Expr::ILike { any: true, pattern, .. } => (pattern.as_ref(), true),
        Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => match all_of(pattern) {
            Some(list) => (list, false),
            None => return,
        },
        _ => return,
    };
    let Some(patterns) = listed(pattern).filter(|patterns| !patterns.is_empty()) else { return };
    let one = |wanted: Expr| {
        let mut like = expression.clone();
        if let Expr::Like { any, pattern, .. } | Expr::ILike { any, pattern, .. } = &mut like {
            *any = false;
            **pattern = wanted;
        }
        like
    };
    let joined = if is_any { BinaryOperator::Or } else { BinaryOperator::And };
    let all = patterns.into_iter().map(one).reduce(|left, right| binary(left, joined.clone(), right));
    if let Some(all) = all {
        *expression = Expr::Nested(Box::new(all));
    }
}

/// The list in `ALL (ARRAY[…])`, which is read as a function.
fn all_of(pattern: &Expr) -> Option<&Expr> {
    let Expr::Function(function) = pattern else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(list))] if function.name.to_string().eq_ignore_ascii_case("all") => Some(list),
        _ => None,
    }
}

fn listed(list: &Expr) -> Option<Vec<Expr>> {
    match bare(list) {
        Expr::Array(array) => Some(array.elem.clone()),
        Expr::Tuple(items) => Some(items.clone()),
        other => array_items(&text_of(other)?)?.into_iter().map(|item| item.map(|item| text(&item))).collect(),
    }
}

/// Comparisons of rows, value by value: `(a, b) = (1, 2)`, `(a, b) < (1, 2)`, `(a, b) IN ((1, 2), (3, 4))`.
pub(crate) fn row_by_value(expression: &mut Expr) {
    let compared = match expression {
        Expr::BinaryOp { left, op, right } => match (row(left), row(right)) {
            (Some(left), Some(right)) if left.len() == right.len() => compared(&left, op, &right),
            (Some(left), None) if *op == BinaryOperator::Eq => query_of(right).map(|query| among(&left, query)),
            _ => None,
        },
        Expr::InList { expr, list, negated } => row(expr).and_then(|left| {
            let one = |item: &Expr| row(item).filter(|right| right.len() == left.len()).and_then(|right| compared(&left, &BinaryOperator::Eq, &right));
            let any = list.iter().map(one).collect::<Option<Vec<_>>>()?.into_iter().reduce(|one, other| binary(one, BinaryOperator::Or, other))?;
            Some(if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(any))) } } else { any })
        }),
        Expr::InSubquery { expr, subquery, negated: false } => row(expr).map(|left| among(&left, subquery)),
        _ => None,
    };
    if let Some(compared) = compared {
        *expression = Expr::Nested(Box::new(compared));
    }
}

/// The values of `(a, b)` or `ROW(a, b)`.
fn row(side: &Expr) -> Option<Vec<Expr>> {
    match side {
        Expr::Tuple(values) if values.len() > 1 => Some(values.clone()),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            let values = crate::vocabulary::arguments(function);
            // `ROW(t.*)` has more values than are written.
            let is_whole = matches!(&function.args, FunctionArguments::List(list) if list.args.len() == values.len());
            (values.len() > 1 && is_whole).then_some(values)
        }
        Expr::Nested(inner) => row(inner),
        _ => None,
    }
}

fn query_of(side: &Expr) -> Option<&Query> {
    match side {
        Expr::Subquery(query) => Some(query),
        Expr::Nested(inner) => query_of(inner),
        _ => None,
    }
}

fn compared(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Option<Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let nested = |inner: Expr| Expr::Nested(Box::new(inner));
    let pairs = || left.iter().zip(right).map(|(one, other)| (one.clone(), other.clone()));
    match op {
        Eq => pairs().map(|(one, other)| binary(one, Eq, other)).reduce(|one, other| binary(one, And, other)),
        NotEq => pairs().map(|(one, other)| binary(one, NotEq, other)).reduce(|one, other| binary(one, Or, other)).map(nested),
        Lt | Gt | LtEq | GtEq => {
            let strict = if matches!(op, Lt | LtEq) { Lt } else { Gt };
            let last = pairs().next_back().map(|(one, other)| binary(one, op.clone(), other))?;
            pairs().rev().skip(1).try_fold(last, |rest, (one, other)| {
                let equal = binary(binary(one.clone(), Eq, other.clone()), And, nested(rest));
                Some(nested(binary(binary(one, strict.clone(), other), Or, nested(equal))))
            })
        }
        _ => None,
    }
}

/// `EXISTS (SELECT 1 FROM (…) t (c0, c1) WHERE c0 = a AND c1 = b)`: true where the row is among those of the query.
fn among(left: &[Expr], query: &Query) -> Expr {
    let names: Vec<Ident> = (0..left.len()).map(|at| Ident::new(format!("__among_{at}"))).collect();
    let equal = left.iter().zip(&names).map(|(value, name)| binary(Expr::Identifier(name.clone()), BinaryOperator::Eq, value.clone()));
    let condition = equal.reduce(|one, other| binary(one, BinaryOperator::And, other));
    let alias = TableAlias {
        explicit: true,
        name: Ident::new("__among"),
        columns: names.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect(),
        at: None,
    };
    let from = TableFactor::Derived { lateral: false, subquery: Box::new(query.clone()), alias: Some(alias), sample: None };
    let select = select_of(vec![SelectItem::UnnamedExpr(number(1))], Some(from), condition);
    Expr::Exists { subquery: Box::new(query_over(SetExpr::Select(Box::new(select)))), negated: false }
}

fn select_of(projection: Vec<SelectItem>, from: Option<TableFactor>, selection: Option<Expr>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from: from.into_iter().map(|relation| TableWithJoins { relation, joins: Vec::new() }).collect(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

pub(crate) fn query_over(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// LIKE by another sign than the backslash, or by none.
pub(crate) fn plain_escape(expression: &mut Expr) {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = expression else { return };
    let sign = match escape_char.as_ref().map(|sign| &sign.value) {
        Some(Value::SingleQuotedString(sign) | Value::DoubleQuotedString(sign)) => sign.clone(),
        _ => return,
    };
    *escape_char = None;
    if sign == "\\" {
        return;
    }
    if let Some(written) = text_of(pattern) {
        **pattern = text(&with_backslashes(&written, &sign));
    } else if sign.is_empty() {
        **pattern = call("replace", vec![(**pattern).clone(), text("\\"), text("\\\\")]);
    } else if let Some(steps) = steps_to_backslash(&sign) {
        for (from, to) in steps {
            **pattern = call("replace", vec![(**pattern).clone(), text(&from), text(&to)]);
        }
    } else {
        **pattern = call("server_value", vec![(**pattern).clone()]);
    }
}

/// Replacements, one after the other, that make a pattern escaped by `sign` one escaped by the backslash. What the sign makes
/// plain waits as a word that no pattern has, since the word's first letter was told apart before.
fn steps_to_backslash(sign: &str) -> Option<Vec<(String, String)>> {
    const MARK: &str = "\u{1}";
    if sign.chars().count() != 1 || [MARK, "\u{2}", "\u{3}", "\u{4}", "\\", "%", "_"].contains(&sign) {
        return None;
    }
    let [mark, of_sign, of_backslash] = ["\u{2}", "\u{3}", "\u{4}"].map(|end| format!("{MARK}{end}"));
    let steps = [
        (MARK, mark.as_str()),
        (&format!("{sign}{sign}"), &of_sign),
        (&format!("{sign}\\"), &of_backslash),
        ("\\", "\\\\"),
        (sign, "\\"),
        (&of_sign, sign),
        (&of_backslash, "\\\\"),
        (&mark, MARK),
    ];
    Some(steps.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec())
}

fn with_backslashes(pattern: &str, sign: &str) -> String {
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            letter if sign.starts_with(letter) => {
                out.push('\\');
                out.extend(letters.next());
            }
            '\\' => out.push_str("\\\\"),
            letter => out.push(letter),
        }
    }
    out
}

/// `FETCH FIRST n ROWS WITH TIES`: the rows whose rank is at most n. What it cannot be put on is left as it is.
pub(crate) fn with_ties(query: &mut Query, take: &Expr) -> bool {
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &query.order_by else { return false };
    let SetExpr::Select(select) = query.body.as_mut() else { return false };
    if select.distinct.is_some() || !ungrouped(select) || query.limit_clause.is_some() {
        return false;
    }
    let Some(keys) = keys.iter().map(|key| Some(OrderByExpr { expr: key_of(&key.expr, &select.projection)?, ..key.clone() })).collect() else { return false };
    let mut rank = call("rank", Vec::new());
    if let Expr::Function(function) = &mut rank {
        function.over = Some(WindowType::WindowSpec(WindowSpec { window_name: None, partition_by: Vec::new(), order_by: keys, window_frame: None }));
    }
    select.qualify = Some(binary(rank, BinaryOperator::LtEq, take.clone()));
    true
}

/// `WHERE ('true')`: a text where a truth is wanted.
pub(crate) fn read_truth(condition: &mut Option<Expr>) {
    if let Some(condition) = condition {
        read_as_truth(condition);
    }
}

/// The same, of `ON ('true')`.
pub(crate) fn read_truth_of_join(join: &mut Join) {
    use JoinOperator::{Inner, Join as Plain, Left, LeftOuter, Right, RightOuter};
    if let Inner(JoinConstraint::On(condition))
    | Plain(JoinConstraint::On(condition))
    | Left(JoinConstraint::On(condition))
    | LeftOuter(JoinConstraint::On(condition))
    | Right(JoinConstraint::On(condition))
    | RightOuter(JoinConstraint::On(condition)) = &mut join.join_operator
    {
        read_as_truth(condition);
    }
}

fn read_as_truth(condition: &mut Expr) {
    let read = match text_of(bare(condition)).as_deref() {
        Some("true" | "t") => true,
        Some("false" | "f") => false,
        _ => return,
    };
    *condition = Expr::value(Value::Boolean(read));
}

/// Names for items that have none, or one that is taken: the planner wants them told apart. What a column of the result is
/// called reveals nothing.
pub(crate) fn name_items(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let mut known = BTreeSet::new();
            // Of these it is not known here which columns they are.
            let has_stars = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
            for (at, item) in select.projection.iter_mut().enumerate() {
                let SelectItem::UnnamedExpr(value) = item else { continue };
                let is_column = matches!(value, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                let has_rows = matches!(value, Expr::Function(function) if crate::vocabulary::makes_rows(function));
                if is_column && !has_stars && known.insert(value.to_string()) || has_rows {
                    continue;
                }
                *item = SelectItem::ExprWithAlias { expr: value.clone(), alias: Ident::new(format!("__item_{at}")) };
            }
        }
        SetExpr::Query(inner) => name_items(&mut inner.body),
        SetExpr::SetOperation { left, .. } => name_items(left),
        _ => {}
    }
}

/// Another name for an item that is written twice, or that stands in a `*` too, which nobody can call by its name.
pub(crate) fn tell_apart(select: &mut Select) {
    let mut known = BTreeSet::new();
    let stars: BTreeSet<String> = select.projection.iter().filter_map(star_of).collect();
    let in_star = |value: &Expr| match value {
        Expr::CompoundIdentifier(parts) => stars.contains("") || parts.split_last().is_some_and(|(_, table)| stars.contains(&dotted(table))),
        Expr::Identifier(_) => stars.contains(""),
        _ => false,
    };
    for (at, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::UnnamedExpr(value) = item else { continue };
        if in_star(value) || !known.insert(value.to_string()) {
            *item = SelectItem::ExprWithAlias { expr: value.clone(), alias: Ident::new(format!("__again_{at}")) };
        }
    }
}

/// Of which table a `*` holds all columns; of all that are read, if it names none.
fn star_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::Wildcard(_) => Some(String::new()),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => Some(name.to_string()),
        _ => None,
    }
}

fn dotted(parts: &[Ident]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

/// What a key of ORDER BY stands for: an item by its number or its alias, or itself.
fn key_of(key: &Expr, items: &[SelectItem]) -> Option<Expr> {
    let by_alias = |name: &Ident| {
        items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if alias.value.eq_ignore_ascii_case(&name.value) => Some(expr.clone()),
            _ => None,
        })
    };
    match key {
        Expr::Identifier(name) => Some(by_alias(name).unwrap_or_else(|| key.clone())),
        Expr::Value(value) => match &value.value {
            Value::Number(place, _) => match items.get(place.parse::<usize>().ok()?.checked_sub(1)?)? {
                SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } => Some(value.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => Some(key.clone()),
    }
}

/// Rows of a sample: each may have been in it.
pub(crate) fn without_sample(select: &mut Select) {
    let mut found = false;
    for from in &mut select.from {
        for relation in std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation)) {
            if let TableFactor::Table { sample, .. } = relation {
                found |= sample.take().is_some();
            }
        }
    }
    if found {
        let sampled = call("server_truth", vec![text("sample")]);
        select.selection = Some(match select.selection.take() {
            Some(condition) => binary(Expr::Nested(Box::new(condition)), BinaryOperator::And, sampled),
            None => sampled,
        });
    }
}

/// `GROUP BY a, b WITH ROLLUP`, which the spelling has marked, is `GROUP BY ROLLUP (a, b)`. A place there stands for the item at it.
pub(crate) fn rolled_up(select: &mut Select) {
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by
        && let [only] = keys.as_slice()
        && let Some(marked) = marked(only, ROLLED_UP)
    {
        let is_place = |key: &Expr| matches!(key, Expr::Value(_));
        let key = |key: Expr| if is_place(&key) { key_of(&key, &select.projection).unwrap_or(key) } else { key };
        *keys = vec![Expr::Rollup(marked.into_iter().map(|marked| vec![key(marked)]).collect())];
    }
}

/// MySQL's HAVING without groups chooses among rows by the names of the items: a condition around them.
pub(crate) fn having_of_rows(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let is_plain = matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty()) && select.distinct.is_none();
    if !is_plain || select.having.is_none() || Visit::visit(&**select, &mut Folding::default()).is_break() {
        return;
    }
    let condition = select.having.take();
    let inner = query_over(SetExpr::Select(select.clone()));
    let alias = TableAlias { explicit: true, name: Ident::new("__having"), columns: Vec::new(), at: None };
    let from = TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias: Some(alias), sample: None };
    let all = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
    **select = select_of(all, Some(from), condition);
}

/// Looks for a function that makes one value of many of the query's own rows.
#[derive(Default)]
struct Folding {
    /// How many queries within it are being walked.
    inner: usize,
}

impl Visitor for Folding {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.inner += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.inner -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let folds = matches!(expression, Expr::Function(function) if crate::vocabulary::folds_rows(function));
        if folds && self.inner == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// `VALUES (1, (SELECT …)), (2, …)`, whose queries the planner does not look into, as a union of rows.
pub(crate) fn values_with_queries(body: &mut SetExpr) {
    let SetExpr::Values(values) = body else { return };
    let has_query = |value: &Expr| {
        visit_expressions(value, |part| if matches!(part, Expr::Subquery(_)) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }).is_break()
    };
    if values.rows.len() > ROWS_OF_QUERIES_AT_MOST || !values.rows.iter().flat_map(|row| row.iter()).any(has_query) {
        return;
    }
    let row = |values: &[Expr]| {
        let named = |(at, value): (usize, &Expr)| SelectItem::ExprWithAlias { expr: value.clone(), alias: Ident::new(format!("column{}", at + 1)) };
        SetExpr::Select(Box::new(select_of(values.iter().enumerate().map(named).collect(), None, None)))
    };
    let union = |left: SetExpr, right: SetExpr| SetExpr::SetOperation {
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        left: Box::new(left),
        right: Box::new(right),
    };
    if let Some(all) = values.rows.iter().map(|values| row(values)).reduce(union) {
        *body = all;
    }
}

/// Rows of VALUES that are made a union; the tree of more would be too deep.
const ROWS_OF_QUERIES_AT_MOST: usize = 100;

fn number(value: u8) -> Expr {
    Expr::value(Value::Number(value.to_string(), false))
}

/// `ORDER BY NULL`, with which MySQL is told that no order is wanted.
pub(crate) fn unordered_by_null(query: &mut Query) {
    let is_null = |key: &Expr| matches!(key, Expr::Value(value) if value.value == Value::Null);
    query.order_by.take_if(|order| matches!(&order.kind, OrderByKind::Expressions(keys) if keys.iter().all(|key| is_null(&key.expr))));
}

/// Gives the aliases of a query's items other names where ORDER BY names a column of a table that is called like one:
/// `x AS salary … ORDER BY t.salary`. What a column of the result is called reveals nothing.
pub(crate) fn rename_aliases(query: &mut Query) {
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    // GROUP BY and HAVING may mean the alias.
    if !ungrouped(select) {
        return;
    }
    let (qualified, inside) = names_in(keys.iter().map(|key| &key.expr));
    for (at, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::ExprWithAlias { alias, .. } = item else { continue };
        let name = alias.value.to_lowercase();
        // Inside an expression MySQL means the alias and PostgreSQL the column.
        if !qualified.contains(&name) || inside.contains(&name) {
            continue;
        }
        let new = Ident::new(format!("__item_{at}"));
        for key in keys.iter_mut() {
            if matches!(&key.expr, Expr::Identifier(known) if known.value.to_lowercase() == name) {
                key.expr = Expr::Identifier(new.clone());
            }
        }
        *alias = new;
    }
}

/// Last parts of the qualified names in keys, and names without a table that stand inside a key's expression.
fn names_in<'a>(keys: impl Iterator<Item = &'a Expr>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut qualified, mut inside) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        let is_alone = matches!(key, Expr::Identifier(_));
        let _all: ControlFlow<()> = visit_expressions(key, |part| {
            match part {
                Expr::CompoundIdentifier(parts) => qualified.extend(parts.last().map(|name| name.value.to_lowercase())),
                Expr::Identifier(name) if !is_alone => inside.extend([name.value.to_lowercase()]),
                _ => {}
            }
            ControlFlow::Continue(())
        });
    }
    (qualified, inside)
}

/// MySQL's truths as the numbers that they are: for statements that cannot be planned otherwise, since columns of truths are
/// numbers there.
pub(crate) fn truths_as_numbers(expression: &mut Expr) {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or, Spaceship};
    match expression {
        Expr::BinaryOp { left, op: Eq | NotEq | Gt | GtEq | Lt | LtEq | Spaceship, right } => {
            let (is_left, is_right) = (is_column(left), is_column(right));
            for (one, other) in [(is_left, right.as_mut()), (is_right, left.as_mut())] {
                if one
                    && let Expr::Value(value) = other
                    && let Value::Boolean(truth) = value.value
                {
                    *other = number(u8::from(truth));
                }
            }
        }
        Expr::BinaryOp { left, op: And | Or, right } => {
            for side in [left, right] {
                not_zero(side);
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => not_zero(expr),
        Expr::IsTrue(inner) | Expr::IsFalse(inner) | Expr::IsNotTrue(inner) | Expr::IsNotFalse(inner) => not_zero(inner),
        _ => {}
    }
}

/// A column where a truth is wanted.
pub(crate) fn not_zero(value: &mut Expr) {
    if is_column(value) {
        *value = binary(value.clone(), BinaryOperator::NotEq, number(0));
    }
}

fn is_column(value: &Expr) -> bool {
    match value {
        Expr::Nested(inner) => is_column(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}
