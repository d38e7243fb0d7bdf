//! Puts comparisons and orders into a form that comes out as the server's: texts by keys of their collation, other types by
//! keys of their order, numbers rounded before they are cut, patterns so that they match over line ends.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::expr_fn::{nullif, round};
use datafusion::logical_expr::expr::{InList, InSubquery, ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, Like, LogicalPlan, LogicalPlanBuilder, Operator, SortExpr, Subquery, WindowFrame, WindowFrameBound,
    WindowFrameUnits, binary_expr, cast, lit,
};

use crate::collation::{Collation, Reading};
use crate::declared::Declared;
use crate::fidelity::{
    Judge, Readings, Server, TOLD_KEYS, Value, is_blind_to_blanks, is_common_pattern, is_comparison, is_read_alike, key_literal, text_literal,
};
use crate::{kernels, zone};

/// The plan, in the server's words.
///
/// # Errors
/// If DataFusion refuses the plan; our bug.
pub(crate) fn in_words_of(server: &Server, plan: LogicalPlan) -> Result<LogicalPlan> {
    let put = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let words = Words::over(server, &schema);
        let is_sort = matches!(node, LogicalPlan::Sort(_));
        let is_join = matches!(node, LogicalPlan::Join(_));
        node.map_expressions(|expression| {
            let name = NamePreserver::new_for_projection().save(&expression);
            let changed = expression.transform_up(|part| words.put(part))?;
            // The keys of a join by USING stand side by side, not in a comparison.
            let is_key = |expression: &Expr| is_join && !matches!(expression, Expr::BinaryExpr(_)) && words.is_text(expression);
            let changed = if is_sort {
                Transformed::yes(words.sorted(changed.data))
            } else if is_key(&changed.data) {
                Transformed::yes(words.equal(changed.data))
            } else {
                changed
            };
            Ok(changed.update_data(|expression| name.restore(expression)))
        })
    })?;
    put.data.recompute_schema()
}

struct Words<'a> {
    judge: Judge<'a>,
    schema: &'a DFSchema,
    server: &'a Server,
}

/// How two sides of a comparison are compared.
enum By {
    Declared(Declared),
    Reading(Reading),
    /// As they are.
    Value,
}

impl<'a> Words<'a> {
    fn over(server: &'a Server, schema: &'a DFSchema) -> Self {
        let values = vec![Value::Same; schema.fields().len()];
        Self { judge: Judge::of(server, schema, values), schema, server }
    }

    fn kind(&self, expression: &Expr) -> DataType {
        expression.get_type(self.schema).unwrap_or(DataType::Null)
    }

    fn is_text(&self, expression: &Expr) -> bool {
        self.kind(expression).is_string()
    }

    fn put(&self, mut part: Expr) -> Result<Transformed<Expr>> {
        match &mut part {
            Expr::BinaryExpr(binary) => share_collation(&mut [&mut binary.left, &mut binary.right]),
            Expr::Between(between) => share_collation(&mut [&mut between.expr, &mut between.low, &mut between.high]),
            Expr::InList(list) => share_collation(&mut list.list.iter_mut().chain([&mut *list.expr]).collect::<Vec<_>>()),
            Expr::Like(like) => share_collation(&mut [&mut like.expr, &mut like.pattern]),
            _ => {}
        }
        if let Expr::ScalarFunction(function) = &part
            && let Some(local) = zone::part_in_session(function, self.server, self.schema)
        {
            return Ok(Transformed::yes(local));
        }
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match zone::readings(&left, op, &right, self.server, self.schema) {
                Some(readings) => Transformed::yes(kernels::decided(binary_expr(*left, op, *right), readings)),
                None if is_comparison(op) && (is_misread(&left) || is_misread(&right)) => Transformed::yes(unknown(binary_expr(*left, op, *right))),
                None => self.binary(*left, op, *right),
            },
            Expr::Between(between) => match zone::readings_between(&between, self.server, self.schema) {
                Some(readings) => Transformed::yes(kernels::decided(Expr::Between(between), readings)),
                None if is_misread(&between.low) || is_misread(&between.high) => Transformed::yes(unknown(Expr::Between(between))),
                None => self.between(between),
            },
            Expr::InList(list) if zone::readings_in(&list, self.server, self.schema).is_some() => {
                let readings = zone::readings_in(&list, self.server, self.schema).unwrap_or(Readings { must: lit(false), may: lit(true) });
                Transformed::yes(kernels::decided(Expr::InList(list), readings))
            }
            Expr::InList(list) if list.list.iter().any(is_misread) => Transformed::yes(unknown(Expr::InList(list))),
            Expr::InList(list) => self.in_list(list),
            Expr::Like(like) => self.like(like),
            Expr::SimilarTo(like) => similar(like),
            Expr::InSubquery(within) if self.is_text(&within.expr) => self.in_subquery(within)?,
            Expr::Cast(inner) => match zone::in_session(&inner, self.server, self.schema) {
                Some(local) => Transformed::yes(local),
                None => self.cast(inner),
            },
            Expr::ScalarFunction(mut function) if function.name() == "strpos" && self.server.is_mysql() => {
                let [text, part] = function.args.as_slice() else { return Ok(Transformed::no(Expr::ScalarFunction(function))) };
                let is_folded = self.judge.meeting(text, part).is_some_and(|collation| collation.is_folded());
                if is_folded && self.is_text(text) && self.is_text(part) {
                    function.args = function.args.into_iter().map(kernels::weighed).collect();
                }
                Transformed::yes(Expr::ScalarFunction(function))
            }
            Expr::ScalarFunction(function) if self.server.is_mysql() && constant_text(&function).is_some() => {
                Transformed::yes(constant_text(&function).map_or_else(|| Expr::ScalarFunction(function), lit))
            }
            Expr::WindowFunction(function) => {
                let WindowFunction { fun, mut params } = *function;
                params.order_by = params.order_by.into_iter().map(|key| SortExpr { expr: self.sorted(key.expr), ..key }).collect();
                params.window_frame = by_peers(params.window_frame);
                Transformed::yes(Expr::WindowFunction(Box::new(WindowFunction { fun, params })))
            }
            other => Transformed::no(other),
        })
    }

    fn binary(&self, left: Expr, op: Operator, right: Expr) -> Transformed<Expr> {
        use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
        match op {
            Eq | NotEq | IsDistinctFrom | IsNotDistinctFrom => self.compared(left, op, right, false),
            Lt | LtEq | Gt | GtEq => self.compared(left, op, right, true),
            Operator::Divide if self.server.is_mysql() && self.kind(&left).is_numeric() && self.kind(&right).is_numeric() => {
                let number = |value| cast(value, DataType::Float64);
                Transformed::yes(binary_expr(number(left), op, nullif(number(right), lit(0.0))))
            }
            Operator::RegexMatch | Operator::RegexNotMatch | Operator::RegexIMatch | Operator::RegexNotIMatch => match text_literal(&right) {
                Some(pattern) if is_common_pattern(pattern) && !pattern.starts_with("(?s)") => {
                    let pattern = lit(format!("(?s){pattern}"));
                    Transformed::yes(binary_expr(left, op, pattern))
                }
                _ => Transformed::no(binary_expr(left, op, right)),
            },
            _ => Transformed::no(binary_expr(left, op, right)),
        }
    }

    fn compared(&self, left: Expr, op: Operator, right: Expr, is_order: bool) -> Transformed<Expr> {
        // Two literals are decided before anybody asks.
        if let (Some(one), Some(other)) = (literal_behind(&left), literal_behind(&right))
            && let Some(collation) = self.judge.meeting(&left, &right)
            && !(if is_order { collation.orders_alike(one, other) } else { collation.equals_alike(one, other) })
        {
            return Transformed::yes(unknown(binary_expr(left, op, right)));
        }
        match self.by(&left, &right, is_order) {
            By::Value => Transformed::no(binary_expr(left, op, right)),
            by if by.lacks(&left) || by.lacks(&right) => Transformed::yes(unknown(binary_expr(left, op, right))),
            by => Transformed::yes(binary_expr(by.key(left), op, by.key(right))),
        }
    }

    /// How two sides are compared: by what one of them is declared as, where the other is of it too or a text that is read as it.
    fn by(&self, left: &Expr, right: &Expr, is_order: bool) -> By {
        let (of_left, of_right) = (self.judge.declared(left), self.judge.declared(right));
        let reads = |side: &Expr| text_literal(side).is_some() || matches!(side, Expr::Placeholder(_));
        let declared = match (of_left, of_right) {
            (Some(one), Some(other)) if one == other => Some(one),
            (Some(one), None) if reads(right) => Some(one),
            (None, Some(other)) if reads(left) => Some(other),
            (None, None) => None,
            _ => return By::Value,
        };
        match declared {
            // MySQL compares an enum by its label, and its times and bits by other rules.
            Some(Declared::Padded) if !is_order && !self.server.is_mysql() => return By::Declared(Declared::Padded),
            Some(Declared::Padded) | None => {}
            // It sorts by the database's collation, without case: that is not imitated.
            Some(Declared::CaseFree) if is_order => return By::Value,
            Some(Declared::Enum(_)) if self.server.is_mysql() => {}
            Some(declared) if !self.server.is_mysql() && declared != Declared::Opaque => return By::Declared(declared),
            Some(Declared::Time) => return By::Declared(Declared::Time),
            Some(_) => return By::Value,
        }
        if !self.is_text(left) || !self.is_text(right) {
            return By::Value;
        }
        match self.judge.meeting(left, right) {
            Some(collation) if is_order || !collation.is_bytewise => by_first(&collation),
            _ => By::Value,
        }
    }

    fn between(&self, between: Between) -> Transformed<Expr> {
        let by = self.by(&between.expr, &between.low, true);
        let too = self.by(&between.expr, &between.high, true);
        if matches!(by, By::Value) || matches!(too, By::Value) {
            return Transformed::no(Expr::Between(between));
        }
        if by.lacks(&between.low) || too.lacks(&between.high) || by.lacks(&between.expr) {
            return Transformed::yes(unknown(Expr::Between(between)));
        }
        let Between { expr, negated, low, high } = between;
        Transformed::yes(Expr::Between(Between::new(Box::new(by.key(*expr)), negated, Box::new(by.key(*low)), Box::new(too.key(*high)))))
    }

    fn in_list(&self, list: InList) -> Transformed<Expr> {
        let by = list.list.first().map_or(By::Value, |item| self.by(&list.expr, item, false));
        if matches!(by, By::Value) || list.list.iter().any(|item| matches!(self.by(&list.expr, item, false), By::Value)) {
            return Transformed::no(Expr::InList(list));
        }
        if list.list.iter().any(|item| by.lacks(item)) || by.lacks(&list.expr) {
            return Transformed::yes(unknown(Expr::InList(list)));
        }
        let items = list.list.into_iter().map(|item| by.key(item)).collect();
        Transformed::yes(Expr::InList(InList::new(Box::new(by.key(*list.expr)), items, list.negated)))
    }

    fn like(&self, mut like: Like) -> Transformed<Expr> {
        if self.judge.declared(&like.expr) == Some(Declared::CaseFree) {
            like.case_insensitive = true;
            return Transformed::yes(Expr::Like(like));
        }
        // Without a sign in it, a pattern would be taken for an equality.
        if self.judge.declared(&like.expr) == Some(Declared::Padded) && !self.server.is_mysql() && !is_blind_to_blanks(&like.pattern) {
            return Transformed::yes(unknown(Expr::Like(like)));
        }
        let is_folded = self.server.is_mysql() && self.judge.meeting(&like.expr, &like.pattern).is_some_and(|collation| collation.is_folded());
        if !is_folded || !self.is_text(&like.expr) || !self.is_text(&like.pattern) {
            return Transformed::no(Expr::Like(like));
        }
        let (text, pattern) = (Box::new(kernels::weighed(*like.expr)), Box::new(kernels::weighed(*like.pattern)));
        Transformed::yes(Expr::Like(Like::new(like.negated, text, pattern, like.escape_char, false)))
    }

    fn in_subquery(&self, within: InSubquery) -> Result<Transformed<Expr>> {
        let inner = LogicalPlan::clone(&within.subquery.subquery);
        let [column] = inner.schema().columns().try_into().unwrap_or_else(|_| [datafusion::common::Column::new_unqualified("")]);
        let inside = Words::over(self.server, inner.schema());
        let of_inside = inside.judge.declared(&Expr::Column(column.clone()));
        let declared = self.judge.declared(&within.expr);
        let collation = self.judge.sorted_by(&within.expr).filter(|own| Some(own) == inside.judge.sorted_by(&Expr::Column(column.clone())).as_ref());
        let told = collation.clone().filter(|collation| !collation.is_bytewise && declared.is_none() && of_inside.is_none());
        let by = match (declared, of_inside) {
            (Some(Declared::CaseFree), Some(Declared::CaseFree)) => By::Declared(Declared::CaseFree),
            (None, None) => collation.filter(|collation| !collation.is_bytewise).map_or(By::Value, |collation| by_first(&collation)),
            _ => By::Value,
        };
        if matches!(by, By::Value) || column.name.is_empty() {
            return Ok(Transformed::no(Expr::InSubquery(within)));
        }
        let (mut inner, mut name) = (LogicalPlanBuilder::from(inner), "__folded");
        if let Some([reading]) = told.as_ref().map(|collation| collation.readings.as_slice()) {
            let must = kernels::tellable(vec![*reading], Expr::Column(column.clone()));
            inner = inner.filter(kernels::decided(lit(true), Readings { must, may: lit(true) }))?;
            name = TOLD_KEYS;
        }
        let subquery = inner.project(vec![by.key(Expr::Column(column)).alias(name)])?.build()?;
        let subquery = Subquery { subquery: Arc::new(subquery), ..within.subquery };
        Ok(Transformed::yes(Expr::InSubquery(InSubquery { expr: Box::new(by.key(*within.expr)), subquery, negated: within.negated })))
    }

    /// Servers round a number to a whole one, where the planner cuts it.
    fn cast(&self, inner: Cast) -> Transformed<Expr> {
        let kind = self.kind(&inner.expr);
        let is_number = kind.is_floating() || matches!(kind, DataType::Decimal128(..) | DataType::Decimal256(..));
        let is_done = matches!(inner.expr.as_ref(), Expr::ScalarFunction(function) if matches!(function.name(), "round" | "number_to_even"));
        if !is_number || !inner.field.data_type().is_integer() || is_done {
            return Transformed::no(Expr::Cast(inner));
        }
        let rounded = if kind.is_floating() { kernels::to_even(*inner.expr) } else { round(vec![*inner.expr, lit(0_i64)]) };
        Transformed::yes(Expr::Cast(Cast { expr: Box::new(rounded), field: inner.field }))
    }

    /// A key of ORDER BY.
    fn sorted(&self, key: Expr) -> Expr {
        match self.judge.declared(&key) {
            Some(declared) if !declared.is_text() && declared != Declared::Opaque => return kernels::declared_key(declared, key),
            Some(Declared::CaseFree | Declared::Opaque) => return key,
            _ => {}
        }
        if !self.is_text(&key) {
            return key;
        }
        match self.judge.sorted_by(&key) {
            Some(collation) => by_first(&collation).key(key),
            None => key,
        }
    }

    fn equal(&self, key: Expr) -> Expr {
        match self.judge.sorted_by(&key) {
            Some(collation) if !collation.is_bytewise && self.judge.declared(&key).is_none() => by_first(&collation).key(key),
            _ => key,
        }
    }
}

/// What a function of written texts gives, so that what stands beside it meets a text and not a value that was computed before anybody asked what
/// it is the key of.
fn constant_text(function: &ScalarFunction) -> Option<String> {
    let texts: Vec<&str> = function.args.iter().map(|argument| text_literal(argument).filter(|text| text.is_ascii())).collect::<Option<_>>()?;
    match (function.name(), texts.as_slice()) {
        ("lower", [text]) => Some(text.to_ascii_lowercase()),
        ("upper", [text]) => Some(text.to_ascii_uppercase()),
        ("btrim", [text]) => Some(text.trim_matches(' ').to_owned()),
        ("ltrim", [text]) => Some(text.trim_start_matches(' ').to_owned()),
        ("rtrim", [text]) => Some(text.trim_end_matches(' ').to_owned()),
        ("concat", [_, ..]) => Some(texts.concat()),
        _ => None,
    }
}

/// A literal, by whatever collation it compares.
fn literal_behind(side: &Expr) -> Option<&str> {
    match side {
        Expr::ScalarFunction(function) => kernels::collated(function).and_then(|(text, _)| text_literal(text)),
        other => text_literal(other),
    }
}

/// Says of all sides what `COLLATE` says of one: by that collation the server compares them.
fn share_collation(sides: &mut [&mut Expr]) {
    let name_of = |side: &Expr| match side {
        Expr::ScalarFunction(function) => kernels::collated(function).map(|(_, name)| name.to_owned()),
        _ => None,
    };
    let Some(name) = sides.iter().find_map(|side| name_of(side)) else { return };
    if sides.iter().all(|side| literal_behind(side).is_some()) {
        return;
    }
    for side in sides.iter_mut() {
        let literal = literal_behind(side).map(lit);
        let has_own = name_of(side).is_some();
        match literal {
            // It is read as what stands beside it.
            Some(literal) => **side = literal,
            None if !has_own => **side = kernels::in_collation(side.clone(), &name),
            None => {}
        }
    }
}

/// Whether it is a literal in a type in which servers read it otherwise: `'1.005'` beside a number of two digits. The
/// planner will have read it before anybody judges it.
fn is_misread(side: &Expr) -> bool {
    match side {
        Expr::Cast(inner) => {
            let to = inner.field.data_type();
            // MySQL reads a number beside a day as the day's digits.
            let is_number = matches!(inner.expr.as_ref(), Expr::Literal(value, _) if value.data_type().is_numeric());
            text_literal(&inner.expr).is_some_and(|text| !to.is_string() && !is_read_alike(text, to)) || is_number && to.is_temporal()
        }
        _ => false,
    }
}

/// A decision that may come out either way at the server.
fn unknown(ours: Expr) -> Expr {
    kernels::decided(ours, Readings { must: lit(false), may: lit(true) })
}

impl By {
    /// Whether it is a literal that has no key: nobody knows how it compares, and a key of NULL would let nothing through.
    fn lacks(&self, side: &Expr) -> bool {
        match self {
            Self::Declared(declared) => literal_behind(side).is_some_and(|text| declared.key(text).is_none()),
            Self::Reading(_) | Self::Value => false,
        }
    }

    fn key(&self, side: Expr) -> Expr {
        let literal = text_literal(&side).map(|text| match self {
            Self::Declared(declared) => key_literal(declared.key(text), text),
            Self::Reading(reading) => key_literal(Some(reading.key(text)), text),
            Self::Value => side.clone(),
        });
        if let Some(literal) = literal {
            return literal;
        }
        match self {
            Self::Declared(declared) => kernels::declared_key(declared.clone(), side),
            Self::Reading(reading) => kernels::key(*reading, side),
            Self::Value => side,
        }
    }
}

fn by_first(collation: &Collation) -> By {
    match collation.readings.first() {
        Some(Reading::Bytes) | None => By::Value,
        Some(reading) => By::Reading(*reading),
    }
}

/// SIMILAR TO is a pattern that must match the whole text, with the signs of LIKE.
fn similar(like: Like) -> Transformed<Expr> {
    let whole = text_literal(&like.pattern).and_then(|pattern| similar_pattern(pattern, like.escape_char.unwrap_or('\\')));
    match whole {
        Some(pattern) => {
            let op = match (like.negated, like.case_insensitive) {
                (false, false) => Operator::RegexMatch,
                (true, false) => Operator::RegexNotMatch,
                (false, true) => Operator::RegexIMatch,
                (true, true) => Operator::RegexNotIMatch,
            };
            Transformed::yes(binary_expr(*like.expr, op, lit(pattern)))
        }
        None => Transformed::no(Expr::SimilarTo(like)),
    }
}

/// A frame of values that begins or ends at the partition or at the row and its peers, as a frame of peers: the engine measures
/// no ranges of keys.
fn by_peers(frame: WindowFrame) -> WindowFrame {
    let of = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => Some(WindowFrameBound::CurrentRow),
        WindowFrameBound::Preceding(_) if bound.is_unbounded() => Some(WindowFrameBound::Preceding(ScalarValue::UInt64(None))),
        WindowFrameBound::Following(_) if bound.is_unbounded() => Some(WindowFrameBound::Following(ScalarValue::UInt64(None))),
        _ => None,
    };
    match (frame.units, of(&frame.start_bound), of(&frame.end_bound)) {
        (WindowFrameUnits::Range, Some(start), Some(end)) => WindowFrame::new_bounds(WindowFrameUnits::Groups, start, end),
        _ => frame,
    }
}

fn similar_pattern(pattern: &str, escape: char) -> Option<String> {
    let mut whole = String::from("(?s)^(");
    let mut is_class = false;
    for letter in pattern.chars() {
        match letter {
            letter if letter == escape => return None,
            '[' | ']' => {
                is_class = letter == '[';
                whole.push(letter);
            }
            '%' if !is_class => whole.push_str(".*"),
            '_' if !is_class => whole.push('.'),
            '.' | '^' | '$' if !is_class => {
                whole.push('[');
                whole.push(letter);
                whole.push(']');
            }
            letter => whole.push(letter),
        }
    }
    whole.push_str(")$");
    is_common_pattern(&whole).then_some(whole)
}
