//! Whom a statement asks for by key: nobody else's row can be in its answer, whatever else its tables held. Everything here is read
//! off the statement; what is not understood binds nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Select, SetExpr, Statement, TableFactor, Value as Literal, Visit, Visitor,
};
use strandline_history::evaluate::{is_unreadable, literal};
use strandline_history::store::{Column, StoredDatabase, StoredTable};
use strandline_history::value::{ColumnKind, Value};
use strandline_history::{Base, writes};
use strandline_model::event::MASK;
use strandline_sql::lexer;

use crate::Dialect;
use crate::judge::Whom;
use crate::plan::Job;
use crate::world::{DatabaseWorld, World};

/// Relations of one statement, conditions of it, and links from table to table that are followed.
const RELATIONS: usize = 64;
const CONDITIONS: usize = 1 << 10;
const LINKS: usize = 16;

/// How a server compares what a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compares {
    /// Whole numbers: as numbers.
    Whole,
    /// Texts, byte by byte.
    Bytes,
    /// Of the type uuid: whatever way a constant is written.
    Uuid,
    /// Numbers with digits behind the point.
    Number,
    /// Texts of which two that are written otherwise may be the same, and what nobody says the type of.
    Loosely,
    /// In a way that is not known here.
    Unknown,
}

impl Compares {
    /// How a column of a table is compared.
    pub(crate) fn of(database: &StoredDatabase, table: &StoredTable, column: &Column) -> Self {
        const WHOLE: [&str; 12] =
            ["smallint", "int", "integer", "bigint", "tinyint", "mediumint", "int2", "int4", "int8", "smallserial", "serial", "bigserial"];
        const TEXTS: [&str; 9] = ["text", "varchar", "character", "char", "bpchar", "citext", "tinytext", "mediumtext", "longtext"];
        let declaration = database.declaration(table, column);
        let Base::Written(written) = &declaration.base else { return Self::Unknown };
        let end = written.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(written.len());
        let word = written[..end].rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let is = |words: &[&str]| words.contains(&word.as_str());
        let is_by_bytes = declaration.collation.as_deref().is_none_or(|name| matches!(name.rsplit('.').next(), Some("C" | "POSIX")));
        match column.kind {
            // Nobody says what it was declared as.
            _ if written.is_empty() => Self::Loosely,
            ColumnKind::SmallInt | ColumnKind::Int | ColumnKind::BigInt if is(&WHOLE) => Self::Whole,
            ColumnKind::Decimal { .. } => Self::Number,
            ColumnKind::Text if word == "uuid" && database.dialect == Dialect::PostgreSql => Self::Uuid,
            ColumnKind::Text if is(&["text", "varchar", "character"]) && database.dialect == Dialect::PostgreSql && is_by_bytes => Self::Bytes,
            ColumnKind::Text | ColumnKind::Padded if is(&TEXTS) || is(&["uuid"]) => Self::Loosely,
            _ => Self::Unknown,
        }
    }

    /// Whether two columns that are equal to the server are written alike.
    fn are_alike(self, other: Self) -> bool {
        self == other && matches!(self, Self::Whole | Self::Bytes | Self::Uuid)
    }
}

/// The subjects whom a statement asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Those who are known, by number.
    subjects: BTreeSet<u32>,
    /// Keys of whoever is not.
    keys: BTreeSet<String>,
    /// Whether it reads one table, by a key that stands in it.
    pub(crate) is_of_one_table: bool,
}

impl Bound {
    /// Whether a subject is one of them.
    pub(crate) fn holds(&self, subject: u32) -> bool {
        self.subjects.contains(&subject)
    }

    /// All of them.
    pub(crate) fn whom(&self) -> Vec<Whom> {
        let known = (!self.subjects.is_empty()).then(|| Whom::Subjects(self.subjects.iter().copied().collect()));
        known.into_iter().chain(self.keys.iter().cloned().map(Whom::Keyed)).collect()
    }
}

/// The subjects whom a statement asks for by key, if every row of people that it reads is of one of them.
pub(crate) fn bound(job: &Job, world: &World) -> Option<Bound> {
    let database = &world.databases[job.database];
    if !job.named.unknown.is_empty() || !job.named.without_views() || job.named.described.is_empty() || binds_otherwise(&job.sql, database.dialect) {
        return None;
    }
    let statement = writes::parse(&job.sql, database.dialect)?;
    let mut counted = Relations(0);
    let _all: ControlFlow<()> = statement.visit(&mut counted);
    let Statement::Query(query) = &statement else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    if query.with.is_some() {
        return None;
    }
    let scope = Scope::of(select, job, database)?;
    // A query within it may show anybody.
    if counted.0 != scope.relations.len() {
        return None;
    }
    let asked = scope.bound()?;
    let mut bound = Bound { is_of_one_table: scope.relations.len() == 1 && scope.has_own_key(), ..Bound::default() };
    for (value, compares) in asked {
        add(&mut bound, value, compares, world)?;
    }
    Some(bound)
}

/// Adds whoever may be meant by a value that a key is compared with.
fn add(bound: &mut Bound, value: String, compares: Compares, world: &World) -> Option<()> {
    let key = match compares {
        Compares::Whole => whole(&value),
        Compares::Uuid => value.to_lowercase(),
        _ => value,
    };
    let mut is_known = world.people.find(&key).is_some_and(|subject| bound.subjects.insert(subject) || bound.holds(subject));
    if compares != Compares::Bytes {
        // How other texts are compared is not known.
        if key.is_empty() || !is_plain(&key) {
            return None;
        }
        let is_number = matches!(compares, Compares::Whole | Compares::Number) || key.trim().parse::<f64>().is_ok();
        for subject in world.people.alike(&key, is_number) {
            is_known |= is_plain(world.people.key(subject));
            bound.subjects.insert(subject);
        }
    }
    if !is_known {
        bound.keys.insert(key);
    }
    Some(())
}

/// Whether all letters of a text are ones that servers compare alike, but for their case.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// A whole number as a column of such holds it.
fn whole(text: &str) -> String {
    match (text.trim().parse::<i64>(), number_of(text)) {
        (Ok(number), _) => number.to_string(),
        (Err(_), number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => text.to_owned(),
    }
}

/// Whether MySQL may bind the operators of a statement otherwise than the parser does: `a = 1 AND b XOR c`.
fn binds_otherwise(sql: &str, dialect: Dialect) -> bool {
    let all = lexer::tokens(sql, dialect);
    let pair = |one: char, other: char| all.windows(2).any(|pair| pair[0].is_symbol(one) && pair[1].is_symbol(other) && pair[0].to == pair[1].from);
    let is_not = |pair: &[lexer::Token<'_>]| pair[0].is_symbol('!') && !pair[1].is_symbol('=');
    dialect == Dialect::MySql && (all.iter().any(|token| token.is("xor")) || pair('|', '|') || pair('&', '&') || pair(':', '=') || all.windows(2).any(is_not))
}

/// Whether a statement looks at rows beside one another: it names more than one relation, or one twice, or cannot be parsed. A view is one.
pub(crate) fn reads_several(sql: &str, dialect: Dialect) -> bool {
    let mut counted = Relations(0);
    let statement = writes::parse(sql, dialect);
    statement.is_none_or(|statement| {
        let _all: ControlFlow<()> = statement.visit(&mut counted);
        counted.0 > 1
    })
}

/// Counts the relations of a statement, as often as each is named.
struct Relations(usize);

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.0 += usize::from(!matches!(factor, TableFactor::NestedJoin { .. } | TableFactor::Derived { .. }));
        ControlFlow::Continue(())
    }
}

/// A column of a relation: the number of that, and its name.
type At = (usize, String);

/// What must hold of rows.
enum Condition {
    /// Both are written alike.
    Same(At, At),
    /// It is one of these values.
    Asked(At, Vec<String>),
}

/// What two rows have in common that have the same value in a column.
#[derive(PartialEq, Eq)]
enum Way {
    /// Their subject: the value tells it.
    Subject,
    /// The row of this table, by this column, whose subjects are theirs.
    Row(usize, String),
}

/// A table that a statement reads, under one of its names.
struct Relation {
    alias: String,
    table: usize,
    /// What its rows fulfil where there is one, beside what all rows do: the condition of its LEFT JOIN.
    own: Vec<Condition>,
    /// Columns that USING merged into those of a relation before it.
    merged: BTreeSet<String>,
}

/// What a statement reads, and what holds of it.
struct Scope<'s> {
    database: &'s DatabaseWorld,
    dialect: Dialect,
    parameters: &'s [Option<String>],
    relations: Vec<Relation>,
    /// What holds of every row.
    all: Vec<Condition>,
    /// Whether it reads the rows that a write put there.
    reads_changed: bool,
}

impl<'s> Scope<'s> {
    /// Plain tables, joined by inner joins and left ones: each row of the others then fulfils all inner conditions and WHERE, and each row that
    /// a left join finds its own condition.
    fn of(select: &Select, job: &'s Job, database: &'s DatabaseWorld) -> Option<Self> {
        let mut scope =
            Self { database, dialect: database.dialect, parameters: &job.call.parameters, relations: Vec::new(), all: Vec::new(), reads_changed: false };
        // Names are looked for in all relations: first they must all be there.
        let mut joins: Vec<(usize, usize, &Join)> = Vec::new();
        for from in &select.from {
            let first = scope.relations.len();
            scope.add(&from.relation, job)?;
            for join in &from.joins {
                joins.push((first, scope.relations.len(), join));
                scope.add(&join.relation, job)?;
            }
        }
        for (first, at, join) in joins {
            scope.join(first, at, join)?;
        }
        let mut conditions = Vec::new();
        scope.conditions(select.selection.as_ref(), &mut conditions);
        scope.all.extend(conditions);
        scope.narrow();
        if scope.reads_changed && scope.relations.len() > 1 {
            return None;
        }
        let count = scope.all.len() + scope.relations.iter().map(|relation| relation.own.len()).sum::<usize>();
        let is_covered = job.named.described.iter().all(|table| scope.relations.iter().any(|relation| relation.table == *table));
        (is_covered && count <= CONDITIONS).then_some(scope)
    }

    /// A row of which a condition needs a column is one for which the left join found it: what that join asks holds of all rows.
    fn narrow(&mut self) {
        let mut seen = 0;
        while seen < self.all.len() {
            let needed: Vec<usize> = match &self.all[seen] {
                Condition::Same((one, _), (other, _)) => vec![*one, *other],
                Condition::Asked((one, _), _) => vec![*one],
            };
            for relation in needed {
                let own = std::mem::take(&mut self.relations[relation].own);
                self.all.extend(own);
            }
            seen += 1;
        }
    }

    fn add(&mut self, factor: &TableFactor, job: &Job) -> Option<()> {
        let TableFactor::Table { name, alias, args: None, version: None, json_path: None, with_ordinality: false, .. } = factor else { return None };
        let table = self.database.table_number(name, &job.session)?;
        self.reads_changed |= name.0.first().and_then(|part| part.as_ident()).is_some_and(|schema| schema.value == strandline_provenance::CHANGED);
        let alias = match alias {
            Some(alias) if alias.columns.is_empty() && alias.at.is_none() => self.name(&alias.name),
            Some(_) => return None,
            None => self.name(name.0.last()?.as_ident()?),
        };
        if self.relations.iter().any(|other| other.alias.eq_ignore_ascii_case(&alias)) || self.relations.len() >= RELATIONS {
            return None;
        }
        self.relations.push(Relation { alias, table, own: Vec::new(), merged: BTreeSet::new() });
        Some(())
    }

    fn join(&mut self, first: usize, at: usize, join: &Join) -> Option<()> {
        let (constraint, is_left) = match &join.join_operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) | JoinOperator::StraightJoin(on) => (on, false),
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, true),
            _ => return None,
        };
        if join.global {
            return None;
        }
        let mut conditions = Vec::new();
        match constraint {
            JoinConstraint::On(on) => self.conditions(Some(on), &mut conditions),
            JoinConstraint::Using(columns) => {
                for column in columns {
                    let condition = self.merge(first, at, column)?;
                    self.keep(condition, &mut conditions);
                }
            }
            JoinConstraint::Natural => return None,
            JoinConstraint::None => {}
        }
        match is_left {
            true => self.relations[at].own = conditions,
            false => self.all.extend(conditions),
        }
        Some(())
    }

    /// `USING (column)`: equal to that of the one relation before it that has it, and found under its name from now on.
    fn merge(&mut self, first: usize, at: usize, column: &ObjectName) -> Option<Condition> {
        let [column] = column.0.as_slice() else { return None };
        let ident = column.as_ident()?;
        let right = self.column_of(at, ident)?;
        let before: Option<Vec<Vec<String>>> = (first..at).map(|relation| self.columns_of(relation, ident)).collect();
        let mut found = before?.into_iter().enumerate().flat_map(|(place, names)| names.into_iter().map(move |name| (first + place, name)));
        let mut left: Vec<At> = found.by_ref().filter(|(relation, name)| !self.relations[*relation].merged.contains(name)).collect();
        let (Some(left), true) = (left.pop(), left.is_empty()) else { return None };
        self.relations[at].merged.insert(right.clone());
        Some(Condition::Same(left, (at, right)))
    }

    /// A name as the server folds it.
    fn name(&self, ident: &Ident) -> String {
        match self.dialect {
            Dialect::PostgreSql if ident.quote_style.is_none() => ident.value.to_ascii_lowercase(),
            _ => ident.value.clone(),
        }
    }

    /// The columns of a relation that a name may mean; `None` where not all of them are known.
    fn columns_of(&self, relation: usize, ident: &Ident) -> Option<Vec<String>> {
        let table = &self.database.tables[self.relations[relation].table];
        let wanted = self.name(ident);
        let is_wanted = |name: &&String| match self.dialect {
            Dialect::PostgreSql => **name == wanted,
            Dialect::MySql => name.eq_ignore_ascii_case(&wanted),
        };
        // A table that no snapshot holds has its key at least.
        let key = table.subject_key.iter().filter(|key| self.relations.len() == 1 && key.eq_ignore_ascii_case(&wanted));
        match table.compares.is_empty() {
            true => Some(key.cloned().collect()).filter(|found: &Vec<String>| !found.is_empty()),
            false => Some(table.names.iter().filter(is_wanted).cloned().collect()),
        }
    }

    fn column_of(&self, relation: usize, ident: &Ident) -> Option<String> {
        let mut found = self.columns_of(relation, ident)?;
        found.pop().filter(|_| found.is_empty())
    }

    /// The column that an expression is, if there is no doubt which.
    fn column(&self, expression: &Expr) -> Option<At> {
        match expression {
            Expr::Nested(inner) => self.column(inner),
            Expr::Identifier(ident) => {
                let mut found = Vec::new();
                for relation in 0..self.relations.len() {
                    let names = self.columns_of(relation, ident)?;
                    found.extend(names.into_iter().filter(|name| !self.relations[relation].merged.contains(name)).map(|name| (relation, name)));
                }
                found.pop().filter(|_| found.is_empty())
            }
            Expr::CompoundIdentifier(parts) => {
                let [.., of, column] = parts.as_slice() else { return None };
                let of = self.name(of);
                let relation = self.relations.iter().position(|relation| relation.alias.eq_ignore_ascii_case(&of))?;
                Some((relation, self.column_of(relation, column)?))
            }
            _ => None,
        }
    }

    fn compares(&self, (relation, name): &At) -> Compares {
        let table = &self.database.tables[self.relations[*relation].table];
        match table.names.iter().position(|own| own == name).and_then(|at| table.compares.get(at)) {
            Some(compares) => *compares,
            None => Compares::Loosely,
        }
    }

    /// Adds a condition, if it is known how the server compares what it compares.
    fn keep(&self, condition: Condition, found: &mut Vec<Condition>) {
        let is_kept = match &condition {
            Condition::Same(one, other) => self.compares(one).are_alike(self.compares(other)),
            Condition::Asked(at, _) => self.compares(at) != Compares::Unknown,
        };
        found.extend(is_kept.then_some(condition));
    }

    /// What a condition that holds says of columns.
    fn conditions(&self, condition: Option<&Expr>, found: &mut Vec<Condition>) {
        match condition {
            Some(Expr::Nested(inner)) => self.conditions(Some(inner), found),
            Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
                self.conditions(Some(left), found);
                self.conditions(Some(right), found);
            }
            Some(Expr::BinaryOp { left, op: BinaryOperator::Or, right }) => self.either(left, right, found),
            Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right }) => self.equal(left, right, found),
            Some(Expr::InList { expr, list, negated: false }) => self.one_of(expr, list, found),
            Some(Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. }) => {
                if let (Some(at), Some(values)) = (self.column(left), array(right, self.parameters)) {
                    self.keep(Condition::Asked(at, values), found);
                }
            }
            _ => {}
        }
    }

    /// One of two conditions holds: where both ask for values of a column, it has one of both.
    fn either(&self, one: &Expr, other: &Expr, found: &mut Vec<Condition>) {
        let of = |side: &Expr| {
            let mut of_side = Vec::new();
            self.conditions(Some(side), &mut of_side);
            let asked = of_side.into_iter().filter_map(|condition| if let Condition::Asked(at, values) = condition { Some((at, values)) } else { None });
            asked.collect::<BTreeMap<At, Vec<String>>>()
        };
        let (one, mut other) = (of(one), of(other));
        for (at, values) in one {
            if let Some(more) = other.remove(&at) {
                found.push(Condition::Asked(at, values.into_iter().chain(more).collect()));
            }
        }
    }

    fn equal(&self, left: &Expr, right: &Expr, found: &mut Vec<Condition>) {
        match (left, right) {
            (Expr::Nested(left), right) => return self.equal(left, right, found),
            (left, Expr::Nested(right)) => return self.equal(left, right, found),
            (Expr::Tuple(left), Expr::Tuple(right)) if left.len() == right.len() => {
                return left.iter().zip(right).for_each(|(left, right)| self.equal(left, right, found));
            }
            _ => {}
        }
        let condition = match (self.column(left), self.column(right)) {
            (Some(left), Some(right)) => Some(Condition::Same(left, right)),
            (Some(at), None) => constant(right, self.parameters).flatten().map(|value| Condition::Asked(at, vec![value])),
            (None, Some(at)) => constant(left, self.parameters).flatten().map(|value| Condition::Asked(at, vec![value])),
            (None, None) => None,
        };
        condition.into_iter().for_each(|condition| self.keep(condition, found));
    }

    /// `column IN (constants)`, and rows of columns in rows of constants.
    fn one_of(&self, expr: &Expr, list: &[Expr], found: &mut Vec<Condition>) {
        let columns = if let Expr::Tuple(columns) = expr { columns.as_slice() } else { std::slice::from_ref(expr) };
        for (place, column) in columns.iter().enumerate() {
            let Some(at) = self.column(column) else { continue };
            let value = |element: &Expr| match (expr, element) {
                (Expr::Tuple(_), Expr::Tuple(values)) => values.get(place).and_then(|value| constant(value, self.parameters)),
                (Expr::Tuple(_), _) => None,
                _ => constant(element, self.parameters),
            };
            let values: Option<Vec<Option<String>>> = list.iter().map(value).collect();
            // NULL is equal to nothing.
            let values: Vec<String> = values.into_iter().flatten().flatten().collect();
            if !values.is_empty() {
                self.keep(Condition::Asked(at, values), found);
            }
        }
    }

    /// What rows with the same value in a column have in common.
    fn ways(&self, (relation, name): &At) -> Vec<Way> {
        let at = self.relations[*relation].table;
        let table = &self.database.tables[at];
        let mut ways = Vec::new();
        if key_column(self.database, at, 0).is_some_and(|key| self.is_named(key, name)) {
            ways.push(Way::Subject);
        }
        if let Some(via) = &table.via
            && self.is_named(&via.column, name)
            && let Some(parent) = self.database.described_table(&via.table)
        {
            ways.push(Way::Row(parent, via.to_column.clone()));
        }
        if table.described && table.names.iter().position(|own| own == name).is_some_and(|column| table.unique.contains(&column)) {
            ways.push(Way::Row(at, name.clone()));
        }
        ways
    }

    fn is_named(&self, described: &str, name: &str) -> bool {
        described == name || (self.dialect == Dialect::MySql && described.eq_ignore_ascii_case(name))
    }

    /// The values that decide of whom all rows of people are, with how they are compared; `None` if a row may be of anybody.
    fn bound(&self) -> Option<Vec<(String, Compares)>> {
        let of_people: Vec<usize> = (0..self.relations.len()).filter(|at| self.database.tables[self.relations[*at].table].described).collect();
        let mut bound: BTreeSet<usize> = BTreeSet::new();
        let mut asked = Vec::new();
        loop {
            let next = of_people.iter().filter(|at| !bound.contains(at)).find_map(|at| Some((*at, self.bound_by(*at, &bound)?)));
            let Some((at, values)) = next else { break };
            bound.insert(at);
            asked.extend(values);
        }
        (bound.len() == of_people.len() && !asked.is_empty()).then_some(asked)
    }

    /// The values that decide of whom the rows of a relation are, none where a relation that is bound already decides.
    fn bound_by(&self, relation: usize, bound: &BTreeSet<usize>) -> Option<Vec<(String, Compares)>> {
        let table = &self.database.tables[self.relations[relation].table];
        let names = table.names.iter().chain(table.subject_key.iter().filter(|_| table.compares.is_empty()));
        let mut best: Option<Vec<(String, Compares)>> = None;
        for name in names {
            let at = (relation, name.clone());
            let ways = self.ways(&at);
            if ways.is_empty() {
                continue;
            }
            let alike = self.alike(&at);
            let of_bound = alike.iter().filter(|(other, _)| bound.contains(other));
            if of_bound.flat_map(|other| self.ways(other)).any(|way| ways.contains(&way)) {
                return Some(Vec::new());
            }
            for (column, values) in self.asked(relation).filter(|(column, _)| ways.contains(&Way::Subject) && alike.contains(*column)) {
                if best.as_ref().is_none_or(|best| values.len() < best.len()) {
                    best = Some(values.iter().map(|value| (value.clone(), self.compares(column))).collect());
                }
            }
        }
        best
    }

    /// What holds of the rows of a relation.
    fn of_rows(&self, relation: usize) -> impl Iterator<Item = &Condition> {
        self.all.iter().chain(&self.relations[relation].own)
    }

    fn asked(&self, relation: usize) -> impl Iterator<Item = (&At, &Vec<String>)> {
        self.of_rows(relation).filter_map(|condition| if let Condition::Asked(at, values) = condition { Some((at, values)) } else { None })
    }

    /// The columns that are written as a column of a relation is, that one with them.
    fn alike(&self, at: &At) -> BTreeSet<At> {
        let mut alike = BTreeSet::from([at.clone()]);
        let mut open = vec![at.clone()];
        while let Some(next) = open.pop() {
            for condition in self.of_rows(at.0) {
                let Condition::Same(one, other) = condition else { continue };
                let found = if *one == next {
                    other
                } else if *other == next {
                    one
                } else {
                    continue;
                };
                if alike.insert(found.clone()) {
                    open.push(found.clone());
                }
            }
        }
        alike
    }

    fn has_own_key(&self) -> bool {
        self.relations.iter().all(|relation| self.database.tables[relation.table].subject_key.is_some())
    }
}

/// The column whose value is the key of whoever a row is of: its own, or one that equals the key in the table that it refers to.
fn key_column(database: &DatabaseWorld, table: usize, depth: usize) -> Option<&str> {
    let of = &database.tables[table];
    if let Some(key) = &of.subject_key {
        return Some(key);
    }
    let via = of.via.as_ref().filter(|_| depth < LINKS)?;
    let parent = database.described_table(&via.table)?;
    let key = key_column(database, parent, depth + 1)?;
    (key == via.to_column || (database.dialect == Dialect::MySql && key.eq_ignore_ascii_case(&via.to_column))).then_some(&via.column)
}

/// The value of a constant or a parameter, `Some(None)` for NULL.
fn constant(expression: &Expr, parameters: &[Option<String>]) -> Option<Option<String>> {
    match expression {
        Expr::Nested(inner) => constant(inner, parameters),
        // MySQL's are numbers.
        Expr::Value(value) if matches!(value.value, Literal::Boolean(_)) => None,
        Expr::Value(value) => match literal(&value.value, parameters) {
            Value::Null => Some(None),
            value => value.text().map(Some),
        },
        Expr::Cast { expr, data_type, array: false, format: None, .. } => {
            let value = constant(expr, parameters)?;
            let changes_nothing = |value: &String| match data_type.to_string().to_lowercase().as_str() {
                "text" | "varchar" | "character varying" | "uuid" => true,
                "smallint" | "int" | "integer" | "bigint" | "int4" | "int8" | "signed" | "unsigned" => value.parse::<i64>().is_ok(),
                _ => false,
            };
            value.as_ref().is_none_or(changes_nothing).then_some(value)
        }
        _ => None,
    }
}

/// The elements of an array that is written or a parameter, without NULLs, if there are any.
fn array(expression: &Expr, parameters: &[Option<String>]) -> Option<Vec<String>> {
    let values: Vec<Option<String>> = match expression {
        Expr::Nested(inner) => return array(inner, parameters),
        Expr::Array(written) => written.elem.iter().map(|element| constant(element, parameters)).collect::<Option<_>>()?,
        Expr::Cast { expr, data_type, array: false, format: None, .. } => {
            let data_type = data_type.to_string().to_lowercase();
            let element = data_type.strip_suffix("[]")?;
            let values = array(expr, parameters)?;
            let is_whole = matches!(element, "smallint" | "int" | "integer" | "bigint" | "int4" | "int8");
            let is_kept = matches!(element, "text" | "varchar" | "character varying" | "uuid") || (is_whole && values.iter().all(|v| v.parse::<i64>().is_ok()));
            return is_kept.then_some(values);
        }
        Expr::Value(value) => {
            let text = literal(&value.value, parameters).text()?;
            let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
            // Quoted elements and arrays in arrays are left.
            if inside.contains(['"', '\\', '{', '}']) || text.contains(MASK) || is_unreadable(&text) {
                return None;
            }
            inside.split(',').map(|element| Some(element.trim().to_owned()).filter(|element| !element.eq_ignore_ascii_case("null"))).collect()
        }
        _ => return None,
    };
    let values: Vec<String> = values.into_iter().flatten().collect();
    (!values.is_empty()).then_some(values)
}

/// What of a text is left that no server tells apart from another: letters and digits, without the case, zeros before a number, and what some
/// languages take for one letter.
pub(crate) fn loosened(text: &str) -> String {
    let mut loose = String::with_capacity(text.len());
    // Where the number began that is being read.
    let mut number: Option<usize> = None;
    for c in text.chars() {
        number = number.filter(|_| c.is_ascii_digit());
        match c.to_ascii_lowercase() {
            'j' | 'y' => loose.push('i'),
            'v' | 'w' => loose.push('u'),
            digit if digit.is_ascii_digit() => {
                let began = *number.get_or_insert(loose.len());
                if loose[began..] == *"0" {
                    loose.pop();
                }
                loose.push(digit);
            }
            letter if letter.is_ascii_alphabetic() => loose.push(letter),
            _ => {}
        }
    }
    loose
}

/// The number that MySQL reads at the beginning of a text, 0 where there is none.
pub(crate) fn number_of(text: &str) -> f64 {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(signed) > 0 {
            end = signed + digits(signed);
        }
    }
    // Zero has two signs.
    text[..end].parse::<f64>().unwrap_or(0.0) + 0.0
}

#[cfg(test)]
mod tests {
    use strandline_history::KnownPeople;

    use super::*;
    use crate::Options;
    use crate::tests::{Case, ESTATE, access, event};
    use crate::world::People;

    const MORE: &str = "CREATE TABLE hr.owners (id integer NOT NULL, name text, city text);
CREATE TABLE hr.pets (id integer NOT NULL, owner_id integer, name text);
CREATE TABLE hr.visits (id integer NOT NULL, pet_id integer, note text);
CREATE TABLE hr.types (id integer NOT NULL, label text);
COPY hr.owners (id, name, city) FROM stdin;
1\tann\tx
2\tbob\ty
\\.
COPY hr.pets (id, owner_id, name) FROM stdin;
2\t1\trex
1\t2\tleo
\\.
COPY hr.visits (id, pet_id, note) FROM stdin;
1\t2\tsick
2\t1\twell
\\.
COPY hr.types (id, label) FROM stdin;
1\tdog
\\.
ALTER TABLE ONLY hr.owners ADD CONSTRAINT ko PRIMARY KEY (id);
ALTER TABLE ONLY hr.pets ADD CONSTRAINT kp PRIMARY KEY (id);
";

    const CLINIC: &str = r#"
[[table]]
database = "hrs"
name = "hr.owners"
subject_key = "id"
categories = { name = "name", city = "address" }
[[table]]
database = "hrs"
name = "hr.pets"
subject_via = { column = "owner_id", table = "hr.owners", to_column = "id" }
categories = { name = "name" }
[[table]]
database = "hrs"
name = "hr.visits"
subject_via = { column = "pet_id", table = "hr.pets", to_column = "id" }
categories = { note = "health" }
"#;

    /// Whom a statement may have shown while anybody could stand in each of its tables.
    fn shown(statement: &str, parameters: &[&str], more: &[&'static str]) -> String {
        let mut read = access(90, statement, None);
        read.parameters = parameters.iter().map(|value| Some((*value).to_owned())).collect();
        let mut case = Case::of(vec![read]);
        case.more = MORE;
        let opened = ["owners", "pets", "visits", "staff", "case", "note"].map(|table| &*format!("COPY hr.{table} FROM STDIN").leak());
        case.events = opened.iter().chain(more).zip(20..).map(|(sql, time)| event(time, sql)).collect();
        let make = &mut |database| crate::engine::replayer(database, &Options::default());
        let (kept, _) = case.run_on(&format!("{ESTATE}{CLINIC}"), KnownPeople::default(), make).expect("a case without faults");
        let people: BTreeSet<&str> = kept.exposures.iter().map(|exposure| exposure.data_subject.as_str()).collect();
        let all = ["1", "2", "A", "B", "C", "D"];
        if all.iter().all(|key| people.contains(key)) { "all".to_owned() } else { people.into_iter().collect::<Vec<_>>().join(" ") }
    }

    const OWNERS: &str = "SELECT o.name, p.name, v.note FROM hr.owners o LEFT JOIN hr.pets p ON o.id = p.owner_id LEFT JOIN hr.visits v ON v.pet_id = p.id";

    #[test]
    fn a_statement_by_key_shows_those_whom_it_asks_for() {
        let check = |statement: &str, expected: &str| assert_eq!(shown(statement, &[], &[]), expected, "{statement}");
        check("SELECT name FROM hr.owners WHERE id = 1", "1");
        check("SELECT name FROM hr.owners WHERE '007' = (id)", "7");
        check("SELECT name FROM hr.owners WHERE id = '01'", "1");
        check("SELECT name FROM hr.owners WHERE id IN (1, NULL, 2)", "1 2");
        check("SELECT name FROM hr.owners WHERE id = ANY ('{2,NULL}'::integer[])", "2");
        check("SELECT name FROM hr.owners WHERE id = ANY (ARRAY[2, 5])", "2 5");
        check("SELECT name FROM hr.owners WHERE (id, city) IN ((1, 'x'), (2, 'z'))", "1 2");
        check("SELECT name FROM hr.owners WHERE id = 1 OR (id = 5 AND city = 'x')", "1 5");
        check("SELECT name FROM hr.pets WHERE owner_id = 2", "2");
        assert_eq!(shown("SELECT name FROM hr.owners WHERE id = ANY ($1)", &["{1}"], &[]), "1");
        assert_eq!(shown("SELECT name FROM hr.owners WHERE id = $1", &["2"], &[]), "2");
        // Who is not asked for, or not surely.
        check("SELECT name FROM hr.owners WHERE id = 1 OR city = 'x'", "all");
        check("SELECT name FROM hr.owners WHERE NOT id = 1", "all");
        check("SELECT name FROM hr.owners WHERE id <> 1", "all");
        check("SELECT name FROM hr.owners WHERE id NOT IN (1)", "all");
        check("SELECT name FROM hr.owners WHERE id IN (1, length(city))", "all");
        check("SELECT name FROM hr.owners WHERE id = 1 UNION SELECT name FROM hr.owners", "all");
        check("SELECT name FROM hr.visits WHERE id = 1", "all");
        check("SELECT note FROM hr.visits WHERE pet_id = 1", "all");
        assert_eq!(shown("SELECT name FROM hr.owners WHERE id = ANY ($1)", &["{\"1\"}"], &[]), "all");
    }

    #[test]
    fn what_is_joined_to_those_whom_a_statement_asks_for_is_theirs() {
        let check = |statement: &str| assert_eq!(shown(statement, &[], &[]), "1", "{statement}");
        check(&format!("{OWNERS} WHERE o.id = 1"));
        check(&format!("{OWNERS} WHERE p.owner_id = 1"));
        check(&format!("{OWNERS} LEFT JOIN hr.types t ON t.id = p.id WHERE o.id = 1 ORDER BY 1 LIMIT 3"));
        check("SELECT p.name FROM hr.owners, hr.pets AS p WHERE owners.id = 1 AND owner_id = owners.id");
        check("SELECT v.note FROM hr.visits v JOIN hr.pets p ON v.pet_id = p.id JOIN hr.owners o ON o.id = p.owner_id AND o.id = 1");
        check("SELECT v.note, w.note FROM hr.visits v JOIN hr.visits w ON v.pet_id = w.pet_id JOIN hr.pets p ON p.id = w.pet_id WHERE p.owner_id = 1");
        check("SELECT p.name FROM hr.owners o JOIN hr.types t ON t.id = o.id JOIN hr.pets p ON p.owner_id = t.id WHERE o.id = 1");
    }

    #[test]
    fn tables_joined_by_using_are_those_of_one_person() {
        let asked = ["ON s.staff_no = c.staff_no WHERE s.staff_no = 'B'", "USING (staff_no) WHERE s.staff_no = 'B'"];
        let found = asked.map(|join| shown(&format!("SELECT s.name FROM hr.staff s JOIN hr.case c {join}"), &[], &[]));
        assert_eq!(found, ["B", "B"]);
    }

    #[test]
    fn what_is_joined_otherwise_may_be_anybodys() {
        let check = |statement: &str| assert_eq!(shown(statement, &[], &[]), "all", "{statement}");
        let pets = |join: &str| check(&format!("SELECT o.name, p.name FROM hr.owners o {join}"));
        pets("RIGHT JOIN hr.pets p ON o.id = p.owner_id WHERE o.id = 1 OR o.id IS NULL");
        pets("RIGHT JOIN hr.pets p ON o.id = p.owner_id AND o.id = 1");
        pets("FULL JOIN hr.pets p ON o.id = p.owner_id AND o.id = 1");
        pets("LEFT JOIN hr.pets p ON o.id = p.owner_id AND o.id = 1");
        pets("LEFT JOIN hr.pets p ON o.id = p.owner_id AND p.owner_id = 1");
        pets("JOIN hr.pets p ON o.id = p.id WHERE o.id = 1");
        pets("JOIN hr.pets p ON o.name = p.name WHERE o.id = 1");
        pets("JOIN hr.pets p ON o.id = p.owner_id OR p.name = 'rex' WHERE o.id = 1");
        pets("JOIN hr.pets p ON o.id >= p.owner_id WHERE o.id = 1");
        pets("CROSS JOIN hr.pets p WHERE o.id = 1");
        pets("JOIN hr.pets p ON o.id = p.owner_id WHERE p.id = 1");
        pets("JOIN hr.pets p ON o.id = p.owner_id, hr.owners q WHERE o.id = 1");
        pets("JOIN (SELECT * FROM hr.pets) p ON true WHERE o.id = 1");
        pets("JOIN LATERAL (SELECT name FROM hr.pets) p ON true WHERE o.id = 1");
        pets("JOIN hr.pets p ON o.id = p.owner_id WHERE o.id = 1 AND EXISTS (SELECT 1 FROM hr.owners q WHERE q.city = o.city)");
        check("WITH o AS (SELECT 1 AS id) SELECT p.name FROM hr.pets p, o WHERE o.id = 1");
        // The names of others.
        check("SELECT owners.name FROM hr.pets owners JOIN hr.owners o ON o.id = owners.owner_id WHERE owners.id = 1");
        check("SELECT o.name, (SELECT max(name) FROM hr.pets) FROM hr.owners o WHERE o.id = 1");
        // Two people may have one case: nothing says that its number stands there once.
        check("SELECT n.text FROM hr.case c JOIN hr.note n ON n.case_id = c.id WHERE c.staff_no = 'B'");
        // Nor does it where the log takes that away.
        let dropped = "ALTER TABLE hr.pets DROP CONSTRAINT kp";
        assert_eq!(shown(&format!("{OWNERS} WHERE o.id = 1"), &[], &[dropped]), "all");
    }

    #[test]
    fn a_key_means_whoever_the_server_may_take_it_for() {
        let mut people = People::default();
        let keys = ["7", "007", "7.0", "7abc", "Ab-1", "aB1 ", "\u{e4}b1", "ij", "8"];
        for key in keys {
            people.number(key);
        }
        let alike = |key: &str, is_number: bool| {
            let found: BTreeSet<u32> = people.alike(key, is_number).collect();
            found.into_iter().map(|number| people.key(number)).collect::<Vec<_>>().join(",")
        };
        assert_eq!(alike("7", true), "7,007,7.0,7abc,\u{e4}b1");
        assert_eq!(alike("7e0", true), "7,007,7.0,7abc,\u{e4}b1");
        assert_eq!(alike("ab1", false), "Ab-1,aB1 ,\u{e4}b1");
        assert_eq!(alike("Yi", false), "\u{e4}b1,ij");
        assert_eq!([number_of(" -12.5e1x"), number_of("."), number_of("1e"), number_of("-0")].map(f64::to_bits), [-125.0, 0.0, 1.0, 0.0].map(f64::to_bits));
        assert_eq!([loosened("0"), loosened("000"), loosened("1-007"), loosened("100")], ["0", "0", "17", "100"]);
    }

    #[test]
    fn operators_that_mysql_binds_otherwise_bind_nobody() {
        for sql in ["SELECT 1 WHERE id = 1 AND a XOR b", "SELECT 1 WHERE id = 1 AND a || b", "SELECT 1 WHERE id = 1 && a", "SELECT 1 WHERE ! id = 1"] {
            assert!(binds_otherwise(sql, Dialect::MySql), "{sql}");
        }
        assert!(!binds_otherwise("SELECT 1 WHERE id = 1 AND a != '||'", Dialect::MySql));
        assert!(!binds_otherwise("SELECT a || b WHERE id = 1", Dialect::PostgreSql));
    }
}
