//! What a statement names: the relations that it reads or writes, without those that it defines itself by WITH, and the
//! functions that it calls, wherever they stand. Where no parser knows the statement, from its words: then every name is
//! taken for a relation, and every name before a bracket for a call.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableFactor, Visit, Visitor};
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

use crate::Dialect;
use crate::lexer::{Kind, Token, qualified_name, tokens};

/// What was read to find names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// The statement, by its grammar.
    #[default]
    ByGrammar,
    /// Its words alone: a name may be a column's.
    AmongWords,
}

/// The names in a statement. Each is in its parts, folded as its server folds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Relations, in the order of their names.
    pub relations: BTreeSet<Vec<String>>,
    /// Functions.
    pub calls: BTreeSet<Vec<String>>,
    /// User variables of MySQL, lower case.
    pub variables: BTreeSet<String>,
    /// How they were found.
    pub found: Found,
}

/// How deep the tree of a statement may be before its words alone are read: it is walked on the stack.
const DEPTH_AT_MOST: usize = 2_000;
/// How many brackets may stand in one another. The parser tries some of them twice.
const BRACKETS_AT_MOST: usize = 48;
/// How many may, before the parser gets a stack of its own: it descends into tables in brackets without looking at what is left.
const BRACKETS_ON_STACK: usize = 6;
/// That stack, bytes: enough for all brackets in a build without optimisations.
const STACK_BYTES: usize = 32 << 20;

/// The statement by its grammar; `None` if the parser does not know it, it is not one statement, or too deep to be walked.
pub fn parse(sql: &str, dialect: Dialect) -> Option<Statement> {
    parsed(sql, dialect, brackets(&tokens(sql, dialect))?)
}

/// How many brackets stand in one another; `None` where a statement's tree may be too deep. Each operator makes it one deeper within its place between commas, each UNION everywhere;
/// what stands in brackets comes on top. A long list is not deep.
fn brackets(all: &[Token<'_>]) -> Option<usize> {
    const OPERATORS: [&str; 20] = [
        "and", "or", "xor", "not", "is", "like", "ilike", "rlike", "regexp", "similar", "between", "in", "collate", "at", "div", "mod", "isnull", "notnull",
        "overlaps", "operator",
    ];
    let (mut chains, mut chain) = (Vec::new(), 0_usize);
    let (mut depth, mut sets, mut most) = (0_usize, 0_usize, 0_usize);
    for token in all {
        match token.kind {
            Kind::Symbol('(' | '[' | '{') => chains.push(std::mem::take(&mut chain)),
            Kind::Symbol(')' | ']' | '}') => {
                depth -= chain;
                chain = chains.pop().unwrap_or_default();
            }
            Kind::Symbol(',' | ';') => depth -= std::mem::take(&mut chain),
            Kind::Symbol('.') => {}
            Kind::Symbol(_) => (chain, depth) = (chain + 1, depth + 1),
            Kind::Word(_) if OPERATORS.iter().any(|word| token.is(word)) => (chain, depth) = (chain + 1, depth + 1),
            Kind::Word(_) if ["union", "except", "intersect", "minus"].iter().any(|word| token.is(word)) => sets += 1,
            _ => {}
        }
        most = most.max(chains.len());
        if depth + sets > DEPTH_AT_MOST || most > BRACKETS_AT_MOST {
            return None;
        }
    }
    Some(most)
}

fn parsed(sql: &str, dialect: Dialect, brackets: usize) -> Option<Statement> {
    if brackets > BRACKETS_ON_STACK {
        return stacker::maybe_grow(STACK_BYTES, STACK_BYTES, || parsed_here(sql, dialect));
    }
    parsed_here(sql, dialect)
}

fn parsed_here(sql: &str, dialect: Dialect) -> Option<Statement> {
    let parse = |syntax: &dyn sqlparser::dialect::Dialect| Parser::new(syntax).with_recursion_limit(100).try_with_sql(sql).ok()?.parse_statements().ok();
    let mut statements = match dialect {
        Dialect::PostgreSql => parse(&PostgreSqlDialect {}),
        Dialect::MySql => parse(&MySqlDialect {}),
    }?;
    (statements.len() == 1).then(|| statements.remove(0))
}

/// The names in one statement, given in its plainest form.
pub fn names(sql: &str, dialect: Dialect) -> Names {
    let all = tokens(sql, dialect);
    let statement = brackets(&all).and_then(|brackets| parsed(&without_only(sql, &all, dialect), dialect, brackets));
    let mut names = match statement {
        Some(statement) => {
            let mut collector = Collector { dialect, names: Names::default(), scopes: Vec::new(), bodies: HashMap::new(), functions: BTreeSet::new() };
            let _: ControlFlow<()> = statement.visit(&mut collector);
            collector.names
        }
        None => among_words(&all, dialect),
    };
    names.variables = all.iter().filter_map(|t| if let Kind::Variable(v) = t.kind { user_variable(v) } else { None }).collect();
    names
}

/// A statement without the word in `FROM ONLY a`, which the parser takes for a table's name.
fn without_only<'s>(sql: &'s str, all: &[Token<'_>], dialect: Dialect) -> Cow<'s, str> {
    let is_before_table = |token: &Token<'_>| token.is("from") || token.is("join") || token.is_symbol(',');
    let names_next = |token: &Token<'_>| matches!(token.kind, Kind::Word(_) | Kind::Quoted(_) | Kind::Symbol('('));
    let only: Vec<&Token<'_>> = all
        .windows(3)
        .filter(|three| dialect == Dialect::PostgreSql && is_before_table(&three[0]) && three[1].is("only") && names_next(&three[2]))
        .map(|three| &three[1])
        .collect();
    if only.is_empty() {
        return Cow::Borrowed(sql);
    }
    let (mut plain, mut from) = (String::with_capacity(sql.len()), 0);
    for token in only {
        plain.push_str(&sql[from..token.from]);
        from = token.to;
    }
    plain.push_str(&sql[from..]);
    Cow::Owned(plain)
}

fn user_variable(written: &str) -> Option<String> {
    let name = written.strip_prefix('@')?;
    (!name.starts_with('@')).then(|| name.trim_matches(['`', '\'', '"']).to_lowercase())
}

/// The parts of a name, folded as the server folds them: PostgreSQL to lower case, unless quoted.
pub fn parts(name: &ObjectName, dialect: Dialect) -> Vec<String> {
    let part = |part: &ObjectNamePart| match (part, dialect) {
        (ObjectNamePart::Identifier(i), Dialect::PostgreSql) if i.quote_style.is_none() => i.value.to_lowercase(),
        (ObjectNamePart::Identifier(i), _) => i.value.clone(),
        (ObjectNamePart::Function(f), _) => f.name.value.to_lowercase(),
    };
    name.0.iter().map(part).collect()
}

/// The names that one WITH defines, and how many of them can be seen where the visit stands.
struct Scope {
    names: Vec<String>,
    seen: usize,
}

struct Collector {
    dialect: Dialect,
    names: Names,
    scopes: Vec<Scope>,
    /// The queries of WITH that are still to come: which scope they stand in, and how many of its names they see.
    bodies: HashMap<usize, (usize, usize)>,
    /// Names of relations that are calls.
    functions: BTreeSet<usize>,
}

/// Where a node of the tree stands, to know it again when the visit comes to it.
fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node).addr()
}

impl Collector {
    fn is_defined_here(&self, name: &[String]) -> bool {
        let [name] = name else { return false };
        let same = |known: &String| match self.dialect {
            Dialect::PostgreSql => known == name,
            Dialect::MySql => known.eq_ignore_ascii_case(name),
        };
        self.scopes.iter().any(|scope| scope.names.iter().take(scope.seen).any(same))
    }

    fn relation(&mut self, name: Vec<String>) {
        if !name.is_empty() && !self.is_defined_here(&name) {
            self.names.relations.insert(name);
        }
    }

    /// `TABLE name`, which the parser keeps as bare text.
    fn table_commands(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let parts = [&table.schema_name, &table.table_name].into_iter().flatten();
                let name = parts.map(|part| match self.dialect {
                    Dialect::PostgreSql => part.to_lowercase(),
                    Dialect::MySql => part.clone(),
                });
                let name = name.collect();
                self.relation(name);
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.table_commands(left);
                self.table_commands(right);
            }
            _ => {}
        }
    }
}

impl Visitor for Collector {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some((scope, seen)) = self.bodies.get(&address(query)).copied()
            && let Some(scope) = self.scopes.get_mut(scope)
        {
            scope.seen = seen;
        }
        let mut names = Vec::new();
        if let Some(with) = &query.with {
            let name = |alias: &sqlparser::ast::Ident| match (self.dialect, alias.quote_style) {
                (Dialect::PostgreSql, None) => alias.value.to_lowercase(),
                _ => alias.value.clone(),
            };
            names = with.cte_tables.iter().map(|table| name(&table.alias.name)).collect();
            for (at, table) in with.cte_tables.iter().enumerate() {
                // A name sees those before it; all of them, and itself, where the WITH is recursive.
                let seen = if with.recursive { names.len() } else { at };
                self.bodies.insert(address(table.query.as_ref()), (self.scopes.len(), seen));
            }
        }
        let seen = names.len();
        self.scopes.push(Scope { names, seen });
        self.table_commands(&query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        if let Some((scope, _)) = self.bodies.remove(&address(query))
            && let Some(scope) = self.scopes.get_mut(scope)
        {
            scope.seen = scope.names.len();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.names.calls.insert(parts(name, self.dialect));
            self.functions.insert(address(name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if !self.functions.remove(&address(name)) {
            let name = parts(name, self.dialect);
            self.relation(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.names.calls.insert(parts(&function.name, self.dialect));
        }
        ControlFlow::Continue(())
    }
}

/// Words that stand before a bracket and are no function.
pub(crate) const NO_CALLS: [&str; 66] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "bit",
    "by",
    "case",
    "char",
    "character",
    "check",
    "columns",
    "conflict",
    "cube",
    "decimal",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "float",
    "foreign",
    "from",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "inherits",
    "insert",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "key",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "over",
    "partition",
    "returning",
    "rollup",
    "select",
    "set",
    "sets",
    "some",
    "table",
    "then",
    "time",
    "timestamp",
    "union",
    "using",
    "values",
    "varchar",
    "when",
    "where",
];

fn among_words(all: &[Token<'_>], dialect: Dialect) -> Names {
    let mut names = Names { found: Found::AmongWords, ..Names::default() };
    let mut at = 0;
    while at < all.len() {
        let Some((name, after)) = qualified_name(all, at, dialect) else {
            at += 1;
            continue;
        };
        let is_plain_word = name.len() == 1 && matches!(all[at].kind, Kind::Word(_));
        let before = at.checked_sub(1).and_then(|i| all.get(i));
        let is_definition = before.is_some_and(|t| t.is("into") || t.is("table") || t.is("with") || t.is("recursive") || t.is("as"));
        let before_bracket = all.get(after).is_some_and(|t| t.is_symbol('('));
        if before_bracket && !is_definition && !(is_plain_word && NO_CALLS.contains(&name[0].to_lowercase().as_str())) {
            names.calls.insert(name.clone());
        }
        names.relations.insert(name);
        at = after;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(names: &BTreeSet<Vec<String>>) -> String {
        names.iter().map(|name| name.join(".")).collect::<Vec<_>>().join(" ")
    }

    fn check(dialect: Dialect, sql: &str, relations: &str, calls: &str) {
        let names = names(sql, dialect);
        assert_eq!((joined(&names.relations).as_str(), joined(&names.calls).as_str()), (relations, calls), "{sql}");
        assert_eq!(names.found, Found::ByGrammar, "{sql}");
    }

    #[test]
    fn relations_stand_anywhere() {
        let check = |sql, relations| check(Dialect::PostgreSql, sql, relations, "");
        check("SELECT * FROM a, Hr.\"B\" WHERE EXISTS (SELECT 1 FROM c) ORDER BY (SELECT 1 FROM d)", "a c d hr.B");
        check("INSERT INTO a VALUES ((SELECT b FROM c))", "a c");
        check("UPDATE a SET b = (SELECT 1 FROM c) FROM d WHERE a.x = d.x", "a c d");
        check("DELETE FROM a USING b WHERE a.x = b.x", "a b");
    }

    #[test]
    fn only_is_no_relation() {
        let check = |sql, relations| check(Dialect::PostgreSql, sql, relations, "");
        check("SELECT * FROM ONLY hr.a", "hr.a");
        check("SELECT * FROM only a JOIN ONLY \"B\" b ON true, ONLY c", "B a c");
        check("SELECT a, b FROM c", "c");
    }

    #[test]
    fn names_of_with_are_no_relations_where_they_can_be_seen() {
        let check = |sql, relations| check(Dialect::PostgreSql, sql, relations, "");
        check("WITH a AS (SELECT * FROM b) SELECT * FROM a", "b");
        check("WITH person AS (SELECT * FROM person) SELECT * FROM person", "person");
        check("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT n FROM a) SELECT * FROM a", "");
        check("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", "a");
        check("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, (SELECT * FROM a) c", "");
        check("WITH a AS (SELECT 1) SELECT * FROM hr.a", "hr.a");
        check("WITH a AS (INSERT INTO c SELECT * FROM d RETURNING *) SELECT * FROM a", "c d");
        check("WITH x AS (SELECT 1) SELECT * FROM b WHERE EXISTS (WITH y AS (SELECT * FROM x) SELECT * FROM y)", "b");
    }

    #[test]
    fn functions_are_called_anywhere() {
        let check = |sql, relations, calls| check(Dialect::PostgreSql, sql, relations, calls);
        check("SELECT d.title, m FROM department d, LATERAL mails(d.head) AS m", "department", "mails");
        check("SELECT * FROM mails ('P5')", "", "mails");
        check("SELECT hr.f(upper(x)) FROM a JOIN g(1) ON true WHERE h(x) ORDER BY k(x)", "a", "g h hr.f k upper");
        check("SELECT count(*) FILTER (WHERE f(x)) OVER (PARTITION BY g(x)) FROM a", "a", "count f g");
        check("INSERT INTO a SELECT f(x) FROM b RETURNING g(x)", "a b", "f g");
    }

    #[test]
    fn what_no_parser_knows_is_read_by_its_words() {
        let found = names("SELECT a FROM ROWS FROM (f (1), g(2)) AS x (p, q) WHERE @@@ IN (1)", Dialect::PostgreSql);
        assert_eq!(found.found, Found::AmongWords);
        assert!(found.calls.iter().any(|call| call == &["f"]) && found.calls.iter().any(|call| call == &["g"]));
    }

    #[test]
    fn user_variables_are_told_from_system_variables() {
        let found = names("SELECT @a, @@version, @`b` FROM c", Dialect::MySql);
        assert_eq!(found.variables.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_deep_statement_is_not_parsed_and_a_long_one_is() {
        let check = |sql: String, expected: bool| {
            let begun = std::time::Instant::now();
            assert_eq!(parse(&sql, Dialect::PostgreSql).is_some(), expected, "{}", &sql[..60]);
            // Generous, for busy machines: what the parser tries again and again takes for ever.
            assert!(begun.elapsed().as_secs() < 20, "{}", &sql[..60]);
        };
        check(format!("SELECT 1 WHERE {}true", "a = 1 AND ".repeat(100_000)), false);
        check(format!("SELECT {}1", "- ".repeat(100_000)), false);
        check(format!("SELECT 1 {}", "UNION ALL SELECT 1, 2 ".repeat(100_000)), false);
        check(format!("SELECT a{} FROM t WHERE true", "::int".repeat(100_000)), false);
        check(format!("SELECT {}1{} FROM t WHERE true OR true OR true", "(".repeat(1_000), ")".repeat(1_000)), false);
        check(format!("SELECT {}1{} FROM t WHERE true OR true OR true", "(".repeat(40), ")".repeat(40)), true);
        for (open, close) in [("(", ")"), ("(SELECT * FROM ", ")"), ("(t JOIN ", " ON true)"), ("LATERAL (", ")")] {
            let sql = format!("SELECT * FROM {}t{} WHERE true OR true OR true OR true", open.repeat(40), close.repeat(40));
            let begun = std::time::Instant::now();
            let _either = parse(&sql, Dialect::PostgreSql);
            let _names = names(&sql, Dialect::PostgreSql);
            assert!(begun.elapsed().as_secs() < 20, "{open}");
        }
        check(format!("INSERT INTO t VALUES {}(1, 'x'::date)", "(-1, 'x'::date), ".repeat(20_000)), true);
        check(format!("SELECT a FROM t WHERE a IN ({}1) AND b = 1", "-1, ".repeat(20_000)), true);
    }
}
