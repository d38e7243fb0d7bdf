//! Who may decide a confirmed cell: for every operator, comparison, cast and function whether ours comes out as the server's,
//! for these types and this collation.
//!
//! The table is closed: what is not named in it is unknown, and what is unknown confirms nobody and clears nobody. Where it
//! depends on the values (texts of plain letters are the same everywhere), a guard says so row by row. `docs/provenance.md`
//! has the table in words; `exposure/src/servers.rs` holds it against PostgreSQL and MariaDB.

use arrow_schema::DataType;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, ScalarValue};
use datafusion::functions::expr_fn::abs;
use datafusion::logical_expr::expr::{AggregateFunction, InList, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{Aggregate, Between, BinaryExpr, Case, Expr, ExprSchemable, Join, Like, LogicalPlan, Operator, binary_expr, cast, lit};

use crate::calendar;
use crate::collation::{Collation, Reading};
use crate::database::{Database, Dialect};
use crate::declared::{Declared, collation_of};
use crate::document;
use crate::kernels::{self, Case as LetterCase};
use crate::session::{Session, Zone};

/// What is known of a server beside its tables.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) dialect: Dialect,
    /// The collation of texts that declare none.
    pub(crate) collation: Collation,
    /// The role as which the session works; `None` where it is not known.
    pub(crate) role: Option<String>,
    /// The session's zone; `None` where it is not known.
    pub(crate) zone: Option<Zone>,
    /// Bytes after which MySQL cuts a joined text, where the session set it.
    pub(crate) joined_bytes: Option<u64>,
}

impl Server {
    pub(crate) fn of(database: &Database, session: &Session) -> Self {
        let declared = |name: &String| Collation::declared(database.dialect, name);
        let collation = database.collation.as_ref().map_or_else(|| Collation::unknown(database.dialect), declared);
        Self { dialect: database.dialect, collation, role: session.role.clone(), zone: session.zone.clone(), joined_bytes: session.joined_bytes }
    }

    pub(crate) fn is_mysql(&self) -> bool {
        self.dialect == Dialect::MySql
    }
}

/// How far a value of ours is the server's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fidelity {
    /// It is, where all of these hold.
    pub(crate) guards: Vec<Expr>,
    /// It is, but for the last digits.
    is_near: bool,
    /// It may be anything.
    pub(crate) is_unknown: bool,
}

impl Fidelity {
    fn same() -> Self {
        Self::default()
    }

    fn near() -> Self {
        Self { is_near: true, ..Self::default() }
    }

    fn unknown() -> Self {
        Self { is_unknown: true, ..Self::default() }
    }

    fn only_if(guard: Expr) -> Self {
        Self { guards: vec![guard], ..Self::default() }
    }

    fn and(mut self, other: Self) -> Self {
        self.guards.extend(other.guards);
        Self { guards: self.guards, is_near: self.is_near || other.is_near, is_unknown: self.is_unknown || other.is_unknown }
    }

    /// The same for a use that a last digit can turn: rounding, a text of it, a key of groups.
    fn by_the_digit(self) -> Self {
        Self { is_unknown: self.is_unknown || self.is_near, is_near: false, ..self }
    }

    /// Whether it is the server's whatever the row.
    pub(crate) fn is_same(&self) -> bool {
        !self.is_unknown && self.guards.is_empty()
    }
}

/// The two readings of a predicate that the server may decide otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Readings {
    /// Lets through what the server could.
    pub(crate) may: Expr,
    /// Lets through what it is sure to.
    pub(crate) must: Expr,
}

/// What is known of a column's values, by the plan below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Same,
    Near,
    Unknown,
}

/// Judges expressions over one schema.
pub(crate) struct Judge<'a> {
    server: &'a Server,
    schema: &'a DFSchema,
    values: Vec<Value>,
}

impl<'a> Judge<'a> {
    /// A judge of expressions over the rows of a plan.
    pub(crate) fn over(server: &'a Server, plan: &'a LogicalPlan) -> Self {
        Self { server, schema: plan.schema(), values: values(server, plan) }
    }

    /// A judge of a join's conditions, which see both sides whatever the join keeps.
    pub(crate) fn over_join(server: &'a Server, join: &Join) -> JoinJudge<'a> {
        let mut both = values(server, &join.left);
        both.extend(values(server, &join.right));
        // Two relations of one name cannot be joined: the planner has refused it.
        let schema = join.left.schema().join(join.right.schema()).unwrap_or_else(|_| DFSchema::empty());
        JoinJudge { server, schema, values: both }
    }

    /// A judge over a schema whose columns have these values.
    pub(crate) fn of(server: &'a Server, schema: &'a DFSchema, values: Vec<Value>) -> Self {
        Self { server, schema, values }
    }

    /// The readings of a condition; `None` if the server decides it as we do.
    pub(crate) fn readings(&self, condition: &Expr) -> Option<Readings> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let (of_left, of_right) = (self.readings(left), self.readings(right));
                if of_left.is_none() && of_right.is_none() {
                    return None;
                }
                let or_same = |of: Option<Readings>, same: &Expr| of.unwrap_or_else(|| Readings { may: same.clone(), must: same.clone() });
                let (of_left, of_right) = (or_same(of_left, left), or_same(of_right, right));
                let both = |left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), *op, Box::new(right)));
                Some(Readings { may: both(of_left.may, of_right.may), must: both(of_left.must, of_right.must) })
            }
            Expr::Not(inner) => self.readings(inner).map(|of| Readings { may: !of.must, must: !of.may }),
            Expr::IsTrue(inner) => self.readings(inner).map(|of| Readings { may: of.may.is_true(), must: of.must.is_true() }),
            Expr::IsNotFalse(inner) => self.readings(inner).map(|of| Readings { may: of.may.is_not_false(), must: of.must.is_not_false() }),
            Expr::IsFalse(inner) => self.readings(inner).map(|of| Readings { may: of.must.is_false(), must: of.may.is_false() }),
            Expr::IsNotTrue(inner) => self.readings(inner).map(|of| Readings { may: of.must.is_not_true(), must: of.may.is_not_true() }),
            Expr::Alias(alias) => self.readings(&alias.expr),
            Expr::ScalarFunction(function) if function.name() == "decided" => {
                // What else it depends on may be unknown beside it.
                let ours = function.args.first()?;
                self.of_fidelity(ours, Fidelity { guards: Vec::new(), ..self.columns_of(ours) }).or_else(|| kernels::readings_of(function))
            }
            atom => self.of_fidelity(atom, self.fidelity(atom)),
        }
    }

    fn of_fidelity(&self, atom: &Expr, fidelity: Fidelity) -> Option<Readings> {
        if fidelity.is_unknown {
            return Some(Readings { may: lit(true), must: lit(false) });
        }
        let guard = fidelity.guards.into_iter().reduce(Expr::and)?;
        Some(Readings { may: atom.clone().or(guard.clone().is_not_true()), must: atom.clone().and(guard.is_true()) })
    }

    /// How far an expression's value is the server's.
    pub(crate) fn fidelity(&self, expression: &Expr) -> Fidelity {
        match expression {
            Expr::Column(column) => self.column(column),
            // The day and the hour hang on the zone.
            Expr::Placeholder(placeholder) if placeholder.id.contains("__clock_") && !placeholder.id.ends_with("__clock_now") && self.server.zone.is_none() => {
                Fidelity::unknown()
            }
            Expr::Literal(..) | Expr::Placeholder(_) => Fidelity::same(),
            Expr::Alias(alias) => self.fidelity(&alias.expr),
            Expr::BinaryExpr(binary) => self.binary(binary),
            Expr::Not(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => self.nullness(expression, inner),
            Expr::IsTrue(inner) | Expr::IsFalse(inner) | Expr::IsNotTrue(inner) | Expr::IsNotFalse(inner) => self.fidelity(inner),
            Expr::IsUnknown(inner) | Expr::IsNotUnknown(inner) | Expr::Negative(inner) => self.fidelity(inner),
            Expr::Between(Between { expr, low, high, .. }) => self.comparison(expr, Operator::GtEq, low).and(self.comparison(expr, Operator::LtEq, high)),
            Expr::InList(InList { expr, list, .. }) => list.iter().map(|item| self.comparison(expr, Operator::Eq, item)).fold(Fidelity::same(), Fidelity::and),
            Expr::Like(like) => self.like(like),
            Expr::Case(case) => self.case(case),
            Expr::Cast(inner) => self.cast(&inner.expr, inner.field.data_type()),
            Expr::TryCast(inner) => self.cast(&inner.expr, inner.field.data_type()),
            Expr::ScalarFunction(function) => self.function(function),
            _ => Fidelity::unknown(),
        }
    }

    /// How far the columns of an expression are the server's.
    fn columns_of(&self, expression: &Expr) -> Fidelity {
        expression.column_refs().into_iter().map(|column| self.column(column)).fold(Fidelity::same(), Fidelity::and)
    }

    fn column(&self, column: &Column) -> Fidelity {
        let value = self.schema.index_of_column(column).ok().and_then(|at| self.values.get(at));
        match value {
            Some(Value::Same) => Fidelity::same(),
            Some(Value::Near) => Fidelity::near(),
            Some(Value::Unknown) | None => Fidelity::unknown(),
        }
    }

    /// Whether a value is NULL does not hang on its last digits, nor on how it compares.
    fn nullness(&self, whole: &Expr, inner: &Expr) -> Fidelity {
        match (whole, inner) {
            (Expr::Not(_), inner) => self.fidelity(inner),
            (_, inner) => Fidelity { is_near: false, ..self.fidelity(inner) },
        }
    }

    pub(crate) fn kind(&self, expression: &Expr) -> DataType {
        expression.get_type(self.schema).unwrap_or(DataType::Null)
    }

    fn binary(&self, binary: &BinaryExpr) -> Fidelity {
        use Operator::{BitwiseAnd, BitwiseOr, BitwiseXor, Divide, Minus, Modulo, Multiply, Plus, StringConcat};
        use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
        let (left, right) = (&binary.left, &binary.right);
        let both = || self.fidelity(left).and(self.fidelity(right));
        match binary.op {
            Operator::And | Operator::Or => both(),
            op if is_comparison(op) => self.comparison(left, op, right),
            Plus | Minus | Multiply | Divide | Modulo => both().and(self.arithmetic(left, binary.op, right)),
            BitwiseAnd | BitwiseOr | BitwiseXor if self.kind(left).is_integer() && self.kind(right).is_integer() => both(),
            StringConcat if !self.server.is_mysql() => both().by_the_digit(),
            RegexMatch | RegexNotMatch | RegexIMatch | RegexNotIMatch => self.regex(binary),
            _ => Fidelity::unknown(),
        }
    }

    fn arithmetic(&self, left: &Expr, op: Operator, right: &Expr) -> Fidelity {
        let (of_left, of_right) = (self.kind(left), self.kind(right));
        let is_interval = |kind: &DataType| matches!(kind, DataType::Interval(_));
        let is_time = |kind: &DataType| matches!(kind, DataType::Date32 | DataType::Timestamp(_, None));
        match op {
            // A whole number divided by another stays whole in PostgreSQL; MySQL's division was put otherwise before.
            Operator::Divide if of_left.is_integer() && of_right.is_integer() && !self.server.is_mysql() => Fidelity::same(),
            Operator::Divide if of_left.is_numeric() && of_right.is_numeric() => Fidelity::near(),
            Operator::Plus | Operator::Minus | Operator::Multiply if of_left.is_floating() || of_right.is_floating() => Fidelity::near(),
            _ if of_left.is_numeric() && of_right.is_numeric() => Fidelity::same(),
            Operator::Plus | Operator::Minus if is_time(&of_left) && is_interval(&of_right) => Fidelity::same(),
            _ => Fidelity::unknown(),
        }
    }

    /// `left op right`, of any comparison.
    pub(crate) fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Fidelity {
        let is_order = !matches!(op, Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom);
        if let Some(fidelity) = Some(()).filter(|()| !is_order).and_then(|()| self.comparison_in_case(left, right)) {
            return fidelity;
        }
        // LIKE without a sign that stands for others.
        if !is_order && (weighed(left).is_some() || weighed(right).is_some()) {
            let (text, pattern) = if weighed(left).is_some() { (left, right) } else { (right, left) };
            return self.like(&Like::new(false, Box::new(text.clone()), Box::new(pattern.clone()), None, false));
        }
        let both = self.fidelity(left).and(self.fidelity(right));
        if both.is_unknown {
            return both;
        }
        if let (Some(one), Some(other)) = (keyed(left), keyed(right)) {
            return both.and(self.keyed_comparison(&one, is_order, &other));
        }
        if let (Some(one), None, other) | (None, Some(one), other) = (keyed(left), keyed(right), if keyed(left).is_none() { left } else { right }) {
            return both.and(self.keyed_beside_column(&one, other));
        }
        let is_label = |own: &Declared| self.server.is_mysql() && matches!(own, Declared::Enum(_));
        if let Some(own) = self.declared(left).or_else(|| self.declared(right))
            && own != Declared::Padded
            && !(is_label(&own) && self.kind(left).is_string() && self.kind(right).is_string())
        {
            return Fidelity::unknown();
        }
        match (self.kind(left), self.kind(right)) {
            (one, other) if one.is_string() && other.is_string() => match self.meeting(left, right) {
                // Ours compared them as they are written.
                Some(collation) if collation.readings.first() != Some(&Reading::Bytes) && (is_order || !collation.is_bytewise) => Fidelity::unknown(),
                _ => both.and(self.texts(left, is_order, right)),
            },
            (one, other) if one.is_numeric() && other.is_numeric() => {
                let is_near = both.is_near;
                let exact = Fidelity { is_near: false, ..both };
                if is_near { exact.and(Fidelity::only_if(apart(left, right))) } else { exact }
            }
            (DataType::Boolean, DataType::Boolean) | (DataType::Date32, DataType::Date32) | (_, DataType::Null) | (DataType::Null, _) => both,
            (DataType::Timestamp(..), DataType::Timestamp(..)) | (DataType::Date32, DataType::Timestamp(..)) => both,
            (DataType::Timestamp(..), DataType::Date32) => both,
            _ => Fidelity::unknown(),
        }
    }

    /// Two texts by their keys: where the one reading of their collation knows the place of each, it knows whether they are equal.
    fn placed_apart(&self, left: &Expr, right: &Expr) -> Option<Fidelity> {
        let (one, other) = (keyed(left)?, keyed(right)?);
        let collation = self.meeting(&one.text, &other.text).filter(|collation| collation.readings.len() == 1)?;
        if [&one, &other].iter().any(|keyed| keyed.by != Some(KeyOf::Text)) {
            return None;
        }
        let guards = [one.text, other.text].map(|text| kernels::tellable(collation.readings.clone(), text)).to_vec();
        Some(self.fidelity(left).and(self.fidelity(right)).and(Fidelity { guards, ..Fidelity::same() }))
    }

    /// A key beside a column of keys, out of a subquery, whose texts can no longer be asked: they were before, or one side will do, where
    /// all characters that a reading knows weigh other than all that it does not.
    fn keyed_beside_column(&self, one: &Keyed, other: &Expr) -> Fidelity {
        let is_asked = matches!(other, Expr::Column(column) if column.name == TOLD_KEYS);
        let is_general = |reading: &Reading| matches!(reading, Reading::General { .. });
        let collation = self.sorted_by(&one.text).filter(|collation| match collation.readings.as_slice() {
            [reading] => is_asked || is_general(reading),
            readings => readings.iter().all(is_general),
        });
        match collation {
            Some(collation) if one.by == Some(KeyOf::Text) => Fidelity::only_if(kernels::tellable(collation.readings, one.text.clone())),
            _ => Fidelity::unknown(),
        }
    }

    fn keyed_comparison(&self, one: &Keyed, is_order: bool, other: &Keyed) -> Fidelity {
        match (&one.by, &other.by) {
            (Some(by), Some(too)) if by != too => Fidelity::unknown(),
            (Some(KeyOf::Declared(declared)), _) | (_, Some(KeyOf::Declared(declared))) => {
                let has_key = |keyed: &Keyed| kernels::has_key(declared.clone(), keyed.text.clone());
                Fidelity { guards: vec![has_key(one), has_key(other)], ..Fidelity::same() }
            }
            _ => self.texts(&one.text, is_order, &other.text),
        }
    }

    fn texts(&self, left: &Expr, is_order: bool, right: &Expr) -> Fidelity {
        let Some(collation) = self.meeting(left, right) else { return Fidelity::unknown() };
        if collation.is_exact() || collation.is_bytewise && !is_order {
            return Fidelity::same();
        }
        let guard = if is_order { kernels::ordered } else { kernels::told };
        Fidelity::only_if(guard(collation, left.clone(), right.clone()))
    }

    /// The collation by which two texts are compared; `None` where their own differ.
    pub(crate) fn meeting(&self, left: &Expr, right: &Expr) -> Option<Collation> {
        // What a statement names goes before what a column has.
        match (self.named_collation(left)?, self.named_collation(right)?) {
            (Some(one), Some(other)) => return (one == other).then_some(one),
            (Some(named), None) | (None, Some(named)) => return Some(named),
            (None, None) => {}
        }
        match (self.collation(left)?, self.collation(right)?) {
            (Some(one), Some(other)) => (one == other || one.is_bytewise && one.is_exact() && other.is_bytewise && other.is_exact()).then_some(one),
            (one, other) => Some(one.or(other).unwrap_or_else(|| self.server.collation.clone())),
        }
    }

    /// The collation that `COLLATE` names in an expression, if it does; `None` where it names two.
    fn named_collation(&self, expression: &Expr) -> Option<Option<Collation>> {
        let mut found: Option<&str> = None;
        let mut differ = false;
        // The closure never fails.
        let _done = expression.apply(|part| {
            if let Expr::ScalarFunction(function) = part
                && let Some((_, name)) = kernels::collated(function)
            {
                differ |= found.is_some_and(|known| known != name);
                found = Some(name);
                return Ok(TreeNodeRecursion::Jump);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        (!differ).then(|| found.map(|name| Collation::declared(self.server.dialect, name)))
    }

    /// The collation of a text: of its columns, where they agree; none of its own for a literal. `None` where they differ.
    fn collation(&self, expression: &Expr) -> Option<Option<Collation>> {
        if let Some(named) = self.named_collation(expression)? {
            return Some(Some(named));
        }
        let mut found: Option<Collation> = None;
        let mut differ = false;
        let mut meet = |collation: Collation| {
            differ |= found.as_ref().is_some_and(|known| *known != collation);
            found = Some(collation);
        };
        for column in expression.column_refs() {
            if let Ok(field) = self.schema.field_from_column(column)
                && field.data_type().is_string()
            {
                let declared = collation_of(field.metadata()).map(|name| Collation::declared(self.server.dialect, name));
                meet(declared.unwrap_or_else(|| self.server.collation.clone()));
            }
        }
        (!differ).then_some(found)
    }

    /// The collation of one text that is sorted or grouped; `None` where it is not clear.
    pub(crate) fn sorted_by(&self, text: &Expr) -> Option<Collation> {
        self.collation(text).map(|own| own.unwrap_or_else(|| self.server.collation.clone()))
    }

    /// What a column is declared as, bare, renamed, or taken to another text type without a change.
    pub(crate) fn declared(&self, expression: &Expr) -> Option<Declared> {
        match expression {
            Expr::Column(column) => self.schema.field_from_column(column).ok().and_then(|field| Declared::of(field.metadata())),
            Expr::Alias(alias) => self.declared(&alias.expr),
            // What is one of several values is of their type.
            Expr::ScalarFunction(function) if matches!(function.name(), "coalesce" | "nullif" | "greatest" | "least") => self.declared_of_all(&function.args),
            Expr::ScalarFunction(function) if function.name() == kernels::IN_COLLATION => function.args.first().and_then(|text| self.declared(text)),
            Expr::Case(case) => self.declared_of_all(case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref())),
            _ => None,
        }
    }

    /// What values are declared as, one of which is taken; literals are read as the others' type.
    fn declared_of_all<'e>(&self, values: impl IntoIterator<Item = &'e Expr>) -> Option<Declared> {
        let mut all = values.into_iter().filter(|value| text_literal(value).is_none() && !matches!(value, Expr::Literal(..))).map(|value| self.declared(value));
        let first = all.next()?;
        if all.all(|other| other == first) { first } else { Some(Declared::Opaque) }
    }

    /// The text of `lower(x)` or `upper(x)`, where the server changes case in one of the ways that are known.
    fn in_case<'e>(&self, expression: &'e Expr) -> (&'e Expr, LetterCase) {
        let inner = uncast(expression);
        let case = match inner {
            Expr::ScalarFunction(function) if function.name() == "lower" => LetterCase::Lower,
            Expr::ScalarFunction(function) if function.name() == "upper" => LetterCase::Upper,
            _ => LetterCase::Kept,
        };
        let text = if case == LetterCase::Kept { inner } else { without_case(inner) };
        let is_plain = !self.server.is_mysql() && self.declared(text).is_none() && self.kind(text).is_string();
        if is_plain { (text, case) } else { (expression, LetterCase::Kept) }
    }

    /// `lower(x) = lower(y)`; `None` where it is no such comparison.
    fn comparison_in_case(&self, left: &Expr, right: &Expr) -> Option<Fidelity> {
        let ((one, of_one), (other, of_other)) = (self.in_case(left), self.in_case(right));
        let is_folded = of_one != LetterCase::Kept || of_other != LetterCase::Kept;
        let is_bytewise = self.meeting(left, right).is_some_and(|collation| collation.is_bytewise);
        if !is_folded || !is_bytewise || !self.kind(one).is_string() || !self.kind(other).is_string() {
            return None;
        }
        let of_texts = self.fidelity(one).and(self.fidelity(other)).by_the_digit();
        Some(of_texts.and(Fidelity::only_if(kernels::told_in_case((one.clone(), of_one), (other.clone(), of_other)))))
    }

    /// `upper(x) LIKE upper(y)` and ILIKE; `None` where it is no such comparison.
    fn like_in_case(&self, like: &Like) -> Option<Fidelity> {
        let (text, of_text) = self.in_case(&like.expr);
        let is_folded = of_text != LetterCase::Kept || like.case_insensitive;
        if !is_folded || self.server.is_mysql() || self.declared(text).is_some() || !self.kind(text).is_string() {
            return None;
        }
        let (pattern, _) = self.in_case(&like.pattern);
        let of_texts = self.fidelity(text).and(self.fidelity(pattern)).by_the_digit();
        Some(of_texts.and(Fidelity::only_if(kernels::caseless(text.clone(), pattern.clone()))))
    }

    fn like(&self, like: &Like) -> Fidelity {
        if let Some(fidelity) = self.like_in_case(like) {
            return fidelity;
        }
        let both = self.fidelity(&like.expr).and(self.fidelity(&like.pattern)).by_the_digit();
        if both.is_unknown || self.declared(&like.expr).is_some_and(|declared| !declared.is_text()) || !self.kind(&like.expr).is_string() {
            return Fidelity::unknown();
        }
        // PostgreSQL's LIKE sees the blanks that a text is padded with.
        let is_padded = self.declared(&like.expr) == Some(Declared::Padded) && !self.server.is_mysql();
        if is_padded && !is_blind_to_blanks(&like.pattern) {
            return Fidelity::unknown();
        }
        let plain = |text: &Expr| Fidelity::only_if(kernels::plain(text.clone()));
        if let Some(one) = weighed(&like.expr) {
            // A literal's weights were computed already. Whether a reading places it is asked of what was written: ä may weigh what a weighs, or not.
            let written = text_weighed(&like.pattern);
            let other = weighed(&like.pattern).or(written.as_ref()).unwrap_or(&like.pattern);
            let Some(collation) = self.meeting(one, other) else { return Fidelity::unknown() };
            let told = |text: &Expr| Fidelity::only_if(kernels::tellable(collation.readings.clone(), text.clone()));
            let told = both.and(told(one)).and(told(other));
            if !collation.readings.iter().any(|reading| matches!(reading, Reading::Bytes | Reading::PaddedBytes)) {
                return told;
            }
            // It may tell capital from small letters, or not.
            let written = Like { expr: Box::new(one.clone()), pattern: Box::new(other.clone()), ..like.clone() };
            return told.and(Fidelity::only_if(binary_expr(Expr::Like(like.clone()), Operator::IsNotDistinctFrom, Expr::Like(written))));
        }
        if like.case_insensitive || self.declared(&like.expr) == Some(Declared::CaseFree) {
            return both.and(plain(&like.expr)).and(plain(&like.pattern));
        }
        if self.server.is_mysql() && self.meeting(&like.expr, &like.pattern).is_none_or(|collation| collation.is_folded()) {
            return Fidelity::unknown();
        }
        both
    }

    /// A pattern of the common tongue: the same in every engine, on texts without line ends and foreign letters.
    fn regex(&self, binary: &BinaryExpr) -> Fidelity {
        let of_text = self.fidelity(&binary.left).by_the_digit();
        let is_unpadded = |declared| declared == Declared::Padded && self.server.is_mysql();
        let is_text = self.kind(&binary.left).is_string() && self.declared(&binary.left).is_none_or(is_unpadded);
        match text_literal(&binary.right) {
            Some(pattern) if is_text && is_common_pattern(pattern) => of_text.and(Fidelity::only_if(kernels::plain(Expr::clone(&binary.left)))),
            _ => Fidelity::unknown(),
        }
    }

    fn case(&self, case: &Case) -> Fidelity {
        let conditions = case.when_then_expr.iter().map(|(when, _)| match &case.expr {
            Some(base) => self.comparison(base, Operator::Eq, when),
            None => self.fidelity(when),
        });
        let values = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr).map(|value| self.fidelity(value));
        conditions.chain(values).fold(Fidelity::same(), Fidelity::and)
    }

    fn cast(&self, from: &Expr, to: &DataType) -> Fidelity {
        let own = self.fidelity(from);
        let kind = self.kind(from);
        if own.is_unknown || self.declared(from).is_some_and(|declared| !declared.is_text()) && !to.is_string() {
            return Fidelity::unknown();
        }
        if kind == *to {
            return own;
        }
        own.and(match (&kind, to) {
            (DataType::Null, _) => Fidelity::same(),
            (from, to) if from.is_string() && to.is_string() => Fidelity::same(),
            (kind, to) if kind.is_string() => self.cast_of_text(from, to),
            (kind, to) if to.is_string() => text_of(kind),
            (DataType::Boolean, to) if to.is_integer() => Fidelity::same(),
            (kind, DataType::Boolean) if kind.is_integer() => Fidelity::same(),
            (kind, to) if kind.is_integer() && to.is_numeric() => Fidelity::same(),
            (DataType::Decimal128(..) | DataType::Decimal256(..), to) if to.is_floating() => Fidelity::same(),
            (DataType::Decimal128(..) | DataType::Decimal256(..), DataType::Decimal128(..) | DataType::Decimal256(..)) => Fidelity::same(),
            (kind, to) if kind.is_floating() && to.is_floating() => Fidelity::same(),
            // What is cut off was rounded before, as the servers do.
            (kind, to) if kind.is_numeric() && to.is_integer() && is_rounded(from) => Fidelity::same(),
            (DataType::Date32, DataType::Timestamp(_, None)) | (DataType::Timestamp(_, None), DataType::Date32 | DataType::Timestamp(_, None)) => {
                Fidelity::same()
            }
            (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, Some(_))) => Fidelity::same(),
            _ => Fidelity::unknown(),
        })
    }

    fn cast_of_text(&self, from: &Expr, to: &DataType) -> Fidelity {
        let Some(text) = text_literal(from) else {
            // What is no number would have ended our replay, and the server's statement or, at MySQL, not.
            return if to.is_integer() && !self.server.is_mysql() { Fidelity::same() } else { Fidelity::unknown() };
        };
        if is_read_alike(text, to) { Fidelity::same() } else { Fidelity::unknown() }
    }

    fn function(&self, function: &ScalarFunction) -> Fidelity {
        let arguments = || function.args.iter().map(|argument| self.fidelity(argument)).fold(Fidelity::same(), Fidelity::and);
        let first = function.args.first();
        let is_numeric = first.is_some_and(|argument| self.kind(argument).is_numeric());
        let is_text = first.is_some_and(|argument| self.kind(argument).is_string());
        let is_floating = first.is_some_and(|argument| self.kind(argument).is_floating());
        let mysql = self.server.is_mysql();
        let declared = function.args.iter().any(|argument| self.declared(argument).is_some_and(|declared| declared != Declared::Padded));
        let is_padded = function.args.iter().any(|argument| self.declared(argument) == Some(Declared::Padded));
        match function.name() {
            "coalesce" => arguments(),
            kernels::IN_COLLATION | "instant_to_local" | "local_to_instant" => arguments(),
            "document_text" | "document_has_key" | "document_contains" => {
                arguments().and(Fidelity { guards: document::is_read(function).unwrap_or_default(), ..Fidelity::same() })
            }
            "array_has" | "array_has_all" | "array_has_any" => match function.args.as_slice() {
                [array, other] => self.element(array).and(self.element(other)).and(Fidelity::only_if(document::told(array.clone(), other.clone()))),
                _ => Fidelity::unknown(),
            },
            _ if declared => Fidelity::unknown(),
            name if calendar::is_counted(name) => arguments().by_the_digit(),
            // They write the blanks that a text is padded with.
            "octet_length" | "concat" | "concat_ws" if is_padded && !mysql => Fidelity::unknown(),
            // The keys themselves are exact; what they are keys of is guarded where they are compared.
            // At MySQL they leave case out, so that it does not matter how a letter is written.
            "text_key" | "text_weighed" if mysql => first.map_or_else(Fidelity::unknown, |text| self.fidelity(without_case(uncast(text)))),
            "text_key" | "declared_key" | "text_weighed" | "number_to_even" => arguments(),
            "lower" | "upper" | "initcap" if is_text => {
                let plain = |text: &Expr| Fidelity::only_if(kernels::plain(text.clone()));
                arguments().by_the_digit().and(first.map_or_else(Fidelity::unknown, plain))
            }
            "character_length" | "octet_length" | "bit_length" | "substr" | "left" | "right" | "ltrim" | "rtrim" | "btrim" | "lpad" | "rpad" | "repeat"
            | "reverse" | "replace" | "concat_ws" | "concat" | "md5" | "translate" | "ascii" | "overlay"
                if is_text =>
            {
                arguments().by_the_digit()
            }
            "strpos" if mysql => match function.args.as_slice() {
                [text, part] => self.like(&Like::new(false, Box::new(text.clone()), Box::new(part.clone()), None, false)),
                _ => Fidelity::unknown(),
            },
            "to_char" if first.is_some_and(|value| matches!(self.kind(value), DataType::Date32 | DataType::Timestamp(_, None))) => arguments(),
            "split_part" | "strpos" | "starts_with" | "chr" | "to_hex" if !mysql => arguments().by_the_digit(),
            "abs" | "signum" | "nanvl" | "gcd" | "lcm" if is_numeric => arguments(),
            "ceil" | "floor" | "trunc" if is_numeric => arguments().by_the_digit(),
            "round" if is_numeric && !is_floating => arguments().by_the_digit(),
            "power" | "sqrt" | "exp" | "ln" | "log10" | "log2" | "degrees" | "radians" | "sin" | "cos" | "tan" | "atan" | "atan2" | "cbrt" if is_numeric => {
                arguments().and(Fidelity::near())
            }
            "nullif" => match function.args.as_slice() {
                [value, other] => self.comparison(value, Operator::Eq, other),
                _ => Fidelity::unknown(),
            },
            "greatest" | "least" if is_numeric && !mysql => arguments(),
            "date_part" => arguments().and(self.date_part(function)),
            "date_trunc" => arguments().and(self.date_trunc(function)),
            _ => Fidelity::unknown(),
        }
    }

    /// An array, or a value that is looked for in one.
    fn element(&self, expression: &Expr) -> Fidelity {
        match expression {
            Expr::ScalarFunction(function) if function.name() == "make_array" => {
                function.args.iter().map(|item| self.element(item)).fold(Fidelity::same(), Fidelity::and)
            }
            Expr::ScalarFunction(function) if function.name() == document::ARRAY => {
                let read = Fidelity { guards: document::is_read(function).unwrap_or_default(), ..Fidelity::same() };
                function.args.iter().map(|array| self.element(array)).fold(read, Fidelity::and)
            }
            Expr::Cast(inner) => self.element(&inner.expr),
            Expr::Literal(..) | Expr::Column(_) => self.fidelity(expression),
            _ => Fidelity::unknown(),
        }
    }

    fn date_part(&self, function: &ScalarFunction) -> Fidelity {
        let [part, of] = function.args.as_slice() else { return Fidelity::unknown() };
        let kind = self.kind(of);
        match (text_literal(part).map(str::to_ascii_lowercase).as_deref(), kind) {
            (Some("year" | "quarter" | "month" | "day" | "doy"), DataType::Date32 | DataType::Timestamp(_, None)) => Fidelity::same(),
            (Some("dow" | "isodow" | "week"), DataType::Date32 | DataType::Timestamp(_, None)) if !self.server.is_mysql() => Fidelity::same(),
            (Some("hour" | "minute"), DataType::Timestamp(_, None)) => Fidelity::same(),
            _ => Fidelity::unknown(),
        }
    }

    fn date_trunc(&self, function: &ScalarFunction) -> Fidelity {
        let [part, of] = function.args.as_slice() else { return Fidelity::unknown() };
        let is_plain = matches!(self.kind(of), DataType::Date32 | DataType::Timestamp(_, None));
        let is_known = matches!(
            text_literal(part).map(str::to_ascii_lowercase).as_deref(),
            Some("year" | "quarter" | "month" | "week" | "day" | "hour" | "minute" | "second")
        );
        if is_plain && is_known { Fidelity::same() } else { Fidelity::unknown() }
    }

    /// How far the order of a key is the server's: guards of the rows whose place is sure, and the readings of the key.
    pub(crate) fn order(&self, key: &Expr) -> Option<OrderKey> {
        let own = self.fidelity(key);
        if own.is_unknown {
            return None;
        }
        let mut guards = own.guards;
        if let Some(keyed) = keyed(key) {
            match keyed.by {
                Some(KeyOf::Declared(declared)) => guards.push(kernels::has_key(declared, keyed.text)),
                Some(KeyOf::Text) => return self.text_order(&keyed.text, guards),
                None => {}
            }
            return Some(OrderKey { readings: vec![key.clone()], guards });
        }
        if self.declared(key).is_some_and(|declared| !declared.is_text() || declared == Declared::CaseFree) {
            return None;
        }
        match self.kind(key) {
            kind if kind.is_string() => self.text_order(key, guards),
            kind if kind.is_numeric() => Some(OrderKey { readings: vec![key.clone()], guards }),
            DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Null => Some(OrderKey { readings: vec![key.clone()], guards }),
            _ => None,
        }
    }

    /// How the extreme of a value is found: by the keys of its order.
    pub(crate) fn extreme(&self, value: &Expr) -> Option<OrderKey> {
        match self.declared(value) {
            Some(Declared::Enum(_)) if self.server.is_mysql() => self.text_order(value, Vec::new()),
            Some(declared) if !declared.is_text() => {
                let guards = vec![kernels::has_key(declared.clone(), value.clone())];
                Some(OrderKey { readings: vec![kernels::declared_key(declared, value.clone())], guards })
            }
            _ => self.order(value),
        }
    }

    /// Whether the server makes the same groups by a key.
    pub(crate) fn grouping(&self, key: &Expr) -> Grouping {
        let own = self.fidelity(key).by_the_digit();
        if own.is_unknown || self.declared(key).is_some_and(|declared| !declared.equals_by_text()) {
            return Grouping::Unknown;
        }
        if let Some(guard) = own.guards.into_iter().reduce(Expr::and) {
            return Grouping::If(guard);
        }
        let is_folded = self.kind(key).is_string() && !matches!(self.declared(key), Some(Declared::Enum(_)));
        match self.sorted_by(key) {
            Some(collation) if is_folded && !collation.is_bytewise && self.server.is_mysql() => Grouping::OneSpelling(collation),
            Some(collation) if is_folded && !collation.is_bytewise => Grouping::Unknown,
            None if is_folded && self.server.is_mysql() => Grouping::Unknown,
            _ => Grouping::Same,
        }
    }

    fn text_order(&self, text: &Expr, mut guards: Vec<Expr>) -> Option<OrderKey> {
        let collation = self.sorted_by(text)?;
        if collation.is_exact() {
            return Some(OrderKey { readings: vec![text.clone()], guards });
        }
        guards.push(kernels::placed(collation.readings.clone(), text.clone()));
        let readings = collation.readings.iter().map(|reading| kernels::key(*reading, text.clone())).collect();
        Some(OrderKey { readings, guards })
    }
}

/// Whether a server makes the same groups.
pub(crate) enum Grouping {
    Same,
    /// Where this holds of every row.
    If(Expr),
    /// Where no two texts that this collation holds equal are written otherwise.
    OneSpelling(Collation),
    Unknown,
}

/// A judge of a join's conditions.
pub(crate) struct JoinJudge<'a> {
    server: &'a Server,
    schema: DFSchema,
    values: Vec<Value>,
}

impl JoinJudge<'_> {
    fn judge(&self) -> Judge<'_> {
        Judge::of(self.server, &self.schema, self.values.clone())
    }

    /// See [`Judge::comparison`].
    pub(crate) fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Fidelity {
        self.judge().comparison(left, op, right)
    }

    /// See [`Judge::readings`].
    pub(crate) fn readings(&self, condition: &Expr) -> Option<Readings> {
        self.judge().readings(condition)
    }

    /// What must hold of the rows of each side, by themselves, for two keys to be equal where the server's are; `None` where it hangs on both at once.
    pub(crate) fn guards_of_sides(&self, left: &Expr, right: &Expr, sides: [&DFSchema; 2]) -> Option<[Vec<Expr>; 2]> {
        let judge = self.judge();
        let compared = judge.placed_apart(left, right).unwrap_or_else(|| judge.comparison(left, Operator::Eq, right));
        if compared.is_unknown || compared.is_near {
            return None;
        }
        let mut guards = [Vec::new(), Vec::new()];
        for guard in compared.guards {
            let is_of = |side: &DFSchema| guard.column_refs().into_iter().all(|column| side.has_column(column));
            match sides.map(is_of) {
                [true, false] => guards[0].push(guard),
                [false, true] => guards[1].push(guard),
                _ => return None,
            }
        }
        Some(guards)
    }
}

/// A key of an order, as the server may take it.
#[derive(Clone, Debug)]
pub(crate) struct OrderKey {
    /// Ours first.
    pub(crate) readings: Vec<Expr>,
    /// Where they do not all hold, the row may stand anywhere.
    pub(crate) guards: Vec<Expr>,
}

/// A text that is compared by a key.
pub(crate) struct Keyed {
    pub(crate) text: Expr,
    /// What it is a key of; `None` for a literal, whose key is of whatever stands on the other side.
    by: Option<KeyOf>,
}

#[derive(Clone, PartialEq, Eq)]
enum KeyOf {
    Text,
    Declared(Declared),
}

/// The text behind a key that was put in its place.
fn keyed(expression: &Expr) -> Option<Keyed> {
    match expression.clone_ref() {
        Expr::Literal(_, Some(metadata)) => metadata.inner().get(KEY_OF).map(|text| Keyed { text: lit(text.as_str()), by: None }),
        Expr::ScalarFunction(function) => {
            let text = function.args.first().map(uncast)?.clone();
            match function.name() {
                "text_key" => Some(Keyed { text, by: Some(KeyOf::Text) }),
                "declared_key" => Some(Keyed { text, by: Some(KeyOf::Declared(kernels::declared_of(function)?)) }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Key of a literal's metadata: the text of which it is the key.
const KEY_OF: &str = "key_of";

/// A key that is computed already, and remembers its text.
pub(crate) fn key_literal(key: Option<Vec<u8>>, text: &str) -> Expr {
    let metadata = [(KEY_OF.to_owned(), text.to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>();
    Expr::Literal(ScalarValue::Binary(key), Some(FieldMetadata::new(metadata)))
}

/// What a column of a subquery is called that holds keys of texts of each of which it was asked whether the server's reading tells it.
pub(crate) const TOLD_KEYS: &str = "__told";

/// Key of a literal's metadata: the text of which it is the weights.
const WEIGHTS_OF: &str = "weights_of";

/// Weights of a literal, which remember its text.
pub(crate) fn weighed_literal(weights: &str, text: &str) -> Expr {
    let metadata = [(WEIGHTS_OF.to_owned(), text.to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>();
    Expr::Literal(ScalarValue::Utf8(Some(weights.to_owned())), Some(FieldMetadata::new(metadata)))
}

/// The text of which a literal is the weights.
fn text_weighed(literal: &Expr) -> Option<Expr> {
    match literal.clone_ref() {
        Expr::Literal(_, Some(metadata)) => metadata.inner().get(WEIGHTS_OF).map(|text| lit(text.as_str())),
        _ => None,
    }
}

/// The text behind the weights that LIKE compares at MySQL.
fn weighed(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::ScalarFunction(function) if function.name() == "text_weighed" => function.args.first().map(uncast),
        _ => None,
    }
}

/// An expression under aliases.
trait CloneRef {
    fn clone_ref(&self) -> &Expr;
}

impl CloneRef for Expr {
    fn clone_ref(&self) -> &Expr {
        match self {
            Expr::Alias(alias) => alias.expr.clone_ref(),
            other => other,
        }
    }
}

/// An expression under a cast to text.
fn uncast(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast(inner) if inner.field.data_type() == &DataType::Utf8 => &inner.expr,
        other => other,
    }
}

/// The text whose case was changed.
fn without_case(text: &Expr) -> &Expr {
    match text {
        Expr::ScalarFunction(function) if matches!(function.name(), "lower" | "upper") => function.args.first().map_or(text, uncast),
        other => other,
    }
}

/// Whether a pattern lets a text through whatever blanks stand at its end.
pub(crate) fn is_blind_to_blanks(pattern: &Expr) -> bool {
    text_literal(pattern).is_some_and(|pattern| pattern.ends_with('%') && !pattern.contains([' ', '_', '\\']))
}

pub(crate) fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Whether two numbers differ by more than their last digits.
fn apart(left: &Expr, right: &Expr) -> Expr {
    let number = |value: &Expr| cast(value.clone(), DataType::Float64);
    let (left, right) = (number(left), number(right));
    let difference = abs(left.clone() - right.clone());
    let is_apart = difference.gt(lit(1e-9) * abs(right.clone()) + lit(1e-12));
    is_apart.or(left.is_null()).or(right.is_null())
}

/// Texts of numbers and times, as both sides write them.
fn text_of(kind: &DataType) -> Fidelity {
    match kind {
        kind if kind.is_integer() => Fidelity::same(),
        DataType::Decimal128(_, scale) if *scale != crate::database::OPEN_SCALE => Fidelity::same(),
        DataType::Boolean | DataType::Date32 => Fidelity::same(),
        _ => Fidelity::unknown(),
    }
}

/// Whether a number was rounded to a whole one.
fn is_rounded(number: &Expr) -> bool {
    match number {
        Expr::ScalarFunction(function) => matches!(function.name(), "number_to_even" | "round" | "floor" | "ceil" | "trunc"),
        Expr::Literal(..) => true,
        _ => false,
    }
}

pub(crate) fn text_literal(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text),
        Expr::Alias(alias) => text_literal(&alias.expr),
        _ => None,
    }
}

/// Whether a literal is written so that it is read alike everywhere.
pub(crate) fn is_read_alike(text: &str, kind: &DataType) -> bool {
    let digits = |part: &str, at_least: usize, at_most: usize| (at_least..=at_most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    let is_date = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        matches!(parts.as_slice(), [year, month, day] if digits(year, 4, 4) && digits(month, 2, 2) && digits(day, 2, 2))
    };
    let is_time = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let parts: Vec<&str> = whole.split(':').collect();
        (2..=3).contains(&parts.len()) && parts.iter().all(|part| digits(part, 2, 2)) && digits(fraction, 1, 6)
    };
    match kind {
        kind if kind.is_integer() => digits(number, 1, 18),
        DataType::Decimal128(_, scale) => {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            digits(whole, 1, 18) && digits(fraction, 0, usize::try_from(*scale).unwrap_or(0))
        }
        kind if kind.is_floating() => {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            digits(whole, 1, 15) && digits(fraction, 1, 15)
        }
        DataType::Boolean => matches!(text, "t" | "f" | "true" | "false" | "1" | "0"),
        // The first moment of a day is the day: PostgreSQL leaves the time out, MySQL compares moments.
        DataType::Date32 => match text.split_once([' ', 'T']) {
            Some((date, time)) => is_date(date) && is_time(time) && time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.')),
            None => is_date(text),
        },
        DataType::Timestamp(_, zone) => match text.split_once([' ', 'T']) {
            Some((date, time)) => {
                let at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
                let (time, offset) = time.split_at(at);
                let is_offset = offset.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b':' | b'Z'));
                is_date(date) && is_time(time) && is_offset && (zone.is_some() || offset.is_empty())
            }
            None => is_date(text),
        },
        _ => false,
    }
}

/// A pattern that means the same to POSIX, Perl and Rust where it is only asked whether it matches.
pub(crate) fn is_common_pattern(pattern: &str) -> bool {
    let body = pattern.strip_prefix("(?s)").unwrap_or(pattern);
    let mut previous = ' ';
    let mut is_class = false;
    for letter in body.chars() {
        let is_fine = match letter {
            '[' if !is_class => {
                is_class = true;
                true
            }
            ']' if is_class => {
                is_class = false;
                previous != '[' && previous != '^'
            }
            '^' if is_class => previous == '[',
            _ if is_class => letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '.' | '@' | ','),
            // Two quantifiers in a row, and a group that begins with a question mark, mean other things elsewhere.
            '*' | '+' | '?' => !matches!(previous, '*' | '+' | '?' | '(' | '|' | ' ' | '^'),
            '^' | '$' | '.' | '(' | ')' | '|' => true,
            _ => letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '@' | ',' | ':' | '/'),
        };
        if !is_fine {
            return false;
        }
        previous = letter;
    }
    !is_class
}

/// What is known of the values of a plan's columns.
pub(crate) fn values(server: &Server, plan: &LogicalPlan) -> Vec<Value> {
    let all = |value: Value| vec![value; plan.schema().fields().len()];
    match plan {
        LogicalPlan::TableScan(_) | LogicalPlan::EmptyRelation(_) => all(Value::Same),
        LogicalPlan::Projection(projection) => {
            let judge = Judge::over(server, &projection.input);
            projection.expr.iter().map(|expression| value_of(judge.fidelity(expression))).collect()
        }
        LogicalPlan::Filter(filter) => values(server, &filter.input),
        LogicalPlan::SubqueryAlias(alias) => values(server, &alias.input),
        LogicalPlan::Sort(sort) => values(server, &sort.input),
        LogicalPlan::Limit(limit) => values(server, &limit.input),
        LogicalPlan::Distinct(datafusion::logical_expr::Distinct::All(input)) => values(server, input),
        LogicalPlan::Subquery(subquery) => values(server, &subquery.subquery),
        LogicalPlan::Join(join) => {
            let (left, right) = (values(server, &join.left), values(server, &join.right));
            let mut both: Vec<Value> = left.into_iter().chain(right).collect();
            // A mark is a column of the join's own.
            both.resize(plan.schema().fields().len(), Value::Same);
            both
        }
        LogicalPlan::Union(union) => union
            .inputs
            .iter()
            .map(|input| values(server, input))
            .fold(all(Value::Same), |known, next| known.into_iter().zip(next).map(|(one, other)| worse(one, other)).collect()),
        LogicalPlan::RecursiveQuery(query) => {
            let terms = [values(server, &query.static_term), values(server, &query.recursive_term)];
            // What one step leaves open, the next one may use anywhere.
            if terms.iter().flatten().all(|value| *value == Value::Same) { all(Value::Same) } else { all(Value::Unknown) }
        }
        LogicalPlan::Aggregate(aggregate) => values_of_groups(server, aggregate),
        LogicalPlan::Window(window) => {
            let judge = Judge::over(server, &window.input);
            let mut known = judge.values.clone();
            known.extend(window.window_expr.iter().map(|expression| value_of_window(&judge, expression)));
            known
        }
        LogicalPlan::Values(_) => all(Value::Same),
        LogicalPlan::Unnest(unnest) => {
            let below = values(server, &unnest.input);
            unnest.dependency_indices.iter().map(|at| below.get(*at).copied().unwrap_or(Value::Unknown)).collect()
        }
        _ => all(Value::Unknown),
    }
}

fn worse(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
        (Value::Near, _) | (_, Value::Near) => Value::Near,
        (Value::Same, Value::Same) => Value::Same,
    }
}

/// A guard belongs to the rows below: above them it can no longer be asked.
fn value_of(fidelity: Fidelity) -> Value {
    match fidelity {
        Fidelity { is_unknown: true, .. } => Value::Unknown,
        Fidelity { guards, .. } if !guards.is_empty() => Value::Unknown,
        Fidelity { is_near: true, .. } => Value::Near,
        Fidelity { .. } => Value::Same,
    }
}

fn values_of_groups(server: &Server, aggregate: &Aggregate) -> Vec<Value> {
    let judge = Judge::over(server, &aggregate.input);
    let width = aggregate.schema.fields().len();
    let mut known: Vec<Value> = match datafusion::logical_expr::utils::grouping_set_to_exprlist(&aggregate.group_expr) {
        Ok(keys) => keys.into_iter().map(|key| value_of(judge.fidelity(key))).collect(),
        Err(_) => Vec::new(),
    };
    known.resize(width.saturating_sub(aggregate.aggr_expr.len()), Value::Same);
    known.extend(aggregate.aggr_expr.iter().map(|expression| value_of_aggregate(&judge, expression)));
    known
}

fn value_of_aggregate(judge: &Judge<'_>, expression: &Expr) -> Value {
    match expression.clone_ref() {
        Expr::AggregateFunction(AggregateFunction { func, params }) => value_over(judge, func.name(), &params.args, params.distinct),
        _ => Value::Unknown,
    }
}

fn value_over(judge: &Judge<'_>, function: &str, arguments: &[Expr], is_distinct: bool) -> Value {
    let below = arguments.iter().map(|argument| value_of(judge.fidelity(argument))).fold(Value::Same, worse);
    let kind = arguments.first().map_or(DataType::Null, |argument| judge.kind(argument));
    let declared = arguments.iter().any(|argument| judge.declared(argument).is_some());
    match function {
        "count" if !is_distinct && arguments.iter().all(|argument| matches!(argument, Expr::Literal(..) | Expr::Column(_))) => Value::Same,
        "count" if !(declared || kind.is_string() && !arguments.iter().all(|text| judge.sorted_by(text).is_some_and(|collation| collation.is_bytewise))) => {
            below
        }
        "sum" if kind.is_integer() || matches!(kind, DataType::Decimal128(..)) => below,
        "sum" | "avg" | "stddev" | "stddev_pop" | "stddev_samp" | "var" | "var_pop" | "var_samp" if kind.is_numeric() => worse(below, Value::Near),
        "min" | "max" if kind.is_numeric() || matches!(kind, DataType::Date32 | DataType::Timestamp(..)) => below,
        "min" | "max" if kind.is_string() && !declared => {
            let is_exact = arguments.first().and_then(|argument| judge.sorted_by(argument)).is_some_and(|collation| collation.is_exact());
            if is_exact { below } else { Value::Unknown }
        }
        "bool_and" | "bool_or" => below,
        _ => Value::Unknown,
    }
}

fn value_of_window(judge: &Judge<'_>, expression: &Expr) -> Value {
    let Expr::WindowFunction(function) = expression.clone_ref() else { return Value::Unknown };
    let WindowFunction { fun, params } = function.as_ref();
    let name = fun.to_string().to_lowercase();
    match name.as_str() {
        // Whether ties and texts leave the ranks open is asked of the rows, where the window is.
        "row_number" | "rank" | "dense_rank" | "ntile" => Value::Same,
        "percent_rank" | "cume_dist" => Value::Near,
        "lag" | "lead" | "first_value" | "last_value" | "nth_value" => {
            params.args.iter().map(|argument| value_of(judge.fidelity(argument))).fold(Value::Same, worse)
        }
        name => value_over(judge, name, &params.args, params.distinct),
    }
}
