//! Code of the database, as its dump defines it: which functions leave all that they read to statements of their own, which an audit log tells,
//! and which names in such a statement are what the function was given.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use sqlparser::ast::{BinaryOperator, Expr, Value as Literal, VisitMut, VisitorMut};
use strandline_history::store::{AGGREGATE, StoredDatabase, StoredFunction};
use strandline_history::writes::Write;
use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, qualified_name, tokens};
use strandline_sql::{Dialect, Effect, System, effect, parse};

/// Words of PL/pgSQL that may stand before a bracket, and call nothing.
const NO_CALLS: [&str; 10] = ["cast", "constant", "elsif", "execute", "for", "if", "loop", "query", "return", "row"];
/// Types that begin with a word that could be an argument's name.
const TYPES: [&str; 8] = ["bit", "character", "double", "interval", "national", "time", "timestamp", "setof"];

/// Statements that are kept with the functions that hold them.
const MOST_FOUND: usize = 16_384;
/// A shorter write may stand in a function and be a client's all the same.
const SHORTEST_WRITE: usize = 24;

/// The functions of a dump.
#[derive(Debug, Default)]
pub(crate) struct Code {
    functions: Functions,
    /// Names of columns: in a statement they come before what the function was given.
    columns: BTreeSet<String>,
    /// Names of arguments.
    arguments: BTreeSet<String>,
    /// The functions whose text holds a statement, of those that were looked for.
    found: Mutex<HashMap<String, Arc<[usize]>>>,
}

/// Functions, and where those of a name are.
#[derive(Debug, Default)]
struct Functions {
    all: Vec<Function>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Functions {
    /// Those that a call may run.
    fn named<'f>(&'f self, call: &'f [String]) -> impl Iterator<Item = &'f Function> {
        let (name, schema) = call.split_last().map_or((None, None), |(name, schema)| (Some(name), schema.last()));
        let of_name = name.and_then(|name| self.by_name.get(name)).into_iter().flatten().map(|at| &self.all[*at]);
        of_name.filter(move |f| schema.is_none_or(|schema| f.schema == *schema))
    }

    fn are_told(&self, call: &[String]) -> bool {
        let mut named = self.named(call).peekable();
        named.peek().is_some() && named.all(|f| f.is_told)
    }

    fn reads(&self, call: &[String]) -> Option<BTreeSet<String>> {
        let mut named = self.named(call).peekable();
        named.peek()?;
        named.try_fold(BTreeSet::new(), |mut all, f| {
            all.extend(f.reads.iter().flatten().cloned());
            f.reads.is_some().then_some(all)
        })
    }
}

#[derive(Debug)]
struct Function {
    schema: String,
    /// What it is given, in order; without a name it is only known by its number.
    arguments: Vec<Option<String>>,
    /// Its words, as far as blanks do not tell them apart.
    body: String,
    /// The tables and views that it may read, itself or through what it calls; nothing where that is not known.
    reads: Option<BTreeSet<String>>,
    is_told: bool,
}

impl Code {
    /// Functions of a dump. Where a log changes or makes one, none is as the dump says.
    pub(crate) fn of(stored: &StoredDatabase, writes: &[Write]) -> Self {
        let here = || writes.iter().filter(|write| write.dialect == stored.dialect).map(|write| write.statement.as_ref());
        if stored.dialect != Dialect::PostgreSql || stored.described.functions.is_empty() || here().any(changes_code) {
            return Self::default();
        }
        let columns = stored.tables.iter().flat_map(|table| &table.columns).map(|column| column.name.to_lowercase()).collect();
        let mut relations: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let tables = stored.tables.iter().map(|table| (&table.schema, &table.name));
        for (schema, name) in tables.chain(stored.views.iter().map(|view| (&view.schema, &view.name))) {
            relations.entry(name.to_lowercase()).or_default().push(format!("{schema}.{name}"));
        }
        // What a trigger puts in its row may come from anywhere.
        let fires = |full: &str| stored.tables.iter().any(|t| !t.attached.is_empty() && t.full_name() == full);
        let logged: BTreeSet<String> = here().map(squeezed).collect();
        Self::defined(&stored.described.functions, columns, &logged, &Relations { by_name: relations, fires: &fires }, stored.dialect)
    }

    /// From functions, names of columns, and the writes that a log tells of.
    fn defined(functions: &[StoredFunction], columns: BTreeSet<String>, logged: &BTreeSet<String>, relations: &Relations<'_>, dialect: Dialect) -> Self {
        // One write of a function that the log holds, and the log holds them all.
        let bodies: Vec<String> = functions.iter().map(|f| squeezed(&f.body)).collect();
        let writes_logged = logged.iter().any(|write| write.len() >= SHORTEST_WRITE && bodies.iter().any(|body| body.contains(first_words(write))));
        let mut all = Functions::default();
        for (at, f) in functions.iter().enumerate() {
            all.all.push(function(f, writes_logged, relations, dialect));
            all.by_name.entry(f.name.clone()).or_default().push(at);
        }
        let calls: Vec<Vec<Vec<String>>> =
            functions.iter().map(|f| if f.language == AGGREGATE { parts_of(&f.sql, dialect) } else { calls(&f.body, dialect) }).collect();
        settle_reads(&mut all, &calls, dialect);
        // What only is as sure as what it calls falls with it.
        loop {
            let falls = |at: &usize| all.all[*at].is_told && !calls[*at].iter().all(|call| is_harmless(call, dialect) || all.are_told(call));
            let fallen: Vec<usize> = (0..calls.len()).filter(falls).collect();
            if fallen.is_empty() {
                break;
            }
            fallen.into_iter().for_each(|at| all.all[at].is_told = false);
        }
        let arguments = all.all.iter().flat_map(|f| f.arguments.iter().flatten().cloned()).collect();
        Self { functions: all, columns, arguments, found: Mutex::default() }
    }

    /// Whether a call runs a function of the dump of which each statement that reads a table has a record of its own in an audit log.
    pub(crate) fn is_told(&self, call: &[String]) -> bool {
        self.functions.are_told(call)
    }

    /// The tables and views that a call may read; nothing where that is not known.
    pub(crate) fn reads(&self, call: &[String]) -> Option<BTreeSet<String>> {
        self.functions.reads(call)
    }

    /// The functions whose text holds a statement.
    fn holding(&self, sql: &str) -> Arc<[usize]> {
        let text = squeezed(sql);
        let find = || (0..self.functions.all.len()).filter(|at| self.functions.all[*at].body.contains(text.as_str())).collect::<Arc<[usize]>>();
        let Ok(mut found) = self.found.lock() else { return find() };
        if let Some(known) = found.get(&text) {
            return known.clone();
        }
        let list = find();
        if found.len() < MOST_FOUND {
            found.insert(text, list.clone());
        }
        list
    }

    /// A function's own statement with what the function was given in place of its names.
    pub(crate) fn bound(&self, sql: &str, parameters: &[Option<String>], dialect: Dialect) -> Option<String> {
        let all = tokens(sql, dialect);
        let is_name = |at: &usize| {
            let beside = |at: Option<usize>, symbols: &[char]| at.and_then(|at| all.get(at)).is_some_and(|t| symbols.iter().any(|c| t.is_symbol(*c)));
            let is_alias = at.checked_sub(1).and_then(|before| all.get(before)).is_some_and(|t| t.is("as"));
            !is_alias && !beside(at.checked_sub(1), &['.']) && !beside(Some(at + 1), &['.', '('])
        };
        let of_word = |at: usize| all[at].word().map(str::to_lowercase).filter(|word| self.arguments.contains(word) && !self.columns.contains(word));
        let words: BTreeMap<usize, String> = (0..all.len()).filter(is_name).filter_map(|at| Some((at, of_word(at)?))).collect();
        if words.is_empty() {
            return None;
        }
        let holding = self.holding(sql);
        let fits = |f: &&Function| f.arguments.len() <= parameters.len();
        let places = |f: &Function| -> BTreeMap<usize, usize> {
            let place = |word: &String| f.arguments.iter().position(|argument| argument.as_ref() == Some(word));
            words.iter().filter_map(|(at, word)| Some((*at, place(word)?))).collect()
        };
        let mut found: Vec<BTreeMap<usize, usize>> = holding.iter().map(|at| &self.functions.all[*at]).filter(fits).map(places).collect();
        found.dedup();
        let [places] = found.as_slice() else { return None };
        if places.is_empty() {
            return None;
        }
        let mut out = sql.to_owned();
        for (at, place) in places.iter().rev() {
            let (to, written) = written(&all, *at, *place, parameters);
            out.replace_range(all[*at].from..to, &written);
        }
        Some(settled(&out, dialect))
    }
}

/// The relations of a dump, by the last part of their names, and of which a write runs triggers.
struct Relations<'r> {
    by_name: BTreeMap<String, Vec<String>>,
    fires: &'r dyn Fn(&str) -> bool,
}

/// Adds what each function reads through those that it calls, until nothing more comes.
fn settle_reads(all: &mut Functions, calls: &[Vec<Vec<String>>], dialect: Dialect) {
    loop {
        let mut has_changed = false;
        for (at, called) in calls.iter().enumerate() {
            let Some(known) = all.all[at].reads.clone() else { continue };
            let own = called.iter().filter(|call| !is_harmless(call, dialect));
            let with = own.map(|call| all.reads(call)).try_fold(known.clone(), |mut sum, more| {
                sum.extend(more?);
                Some(sum)
            });
            if with.as_ref() != Some(&known) {
                all.all[at].reads = with;
                has_changed = true;
            }
        }
        if !has_changed {
            return;
        }
    }
}

/// What stands for an argument, and where what it stands for ends: whether it is NULL is known.
fn written(all: &[Token<'_>], at: usize, place: usize, parameters: &[Option<String>]) -> (usize, String) {
    let value = &parameters[place];
    let is = |ahead: usize, word: &str| all.get(at + ahead).is_some_and(|t| t.is(word));
    let is_hidden = value.as_deref().is_some_and(strandline_history::evaluate::is_hidden);
    match (is_hidden, is(1, "is") && is(2, "null"), is(1, "is") && is(2, "not") && is(3, "null")) {
        (false, true, _) => (all[at + 2].to, value.is_none().to_string()),
        (false, _, true) => (all[at + 3].to, value.is_some().to_string()),
        _ if value.is_none() => (all[at].to, "NULL".to_owned()),
        _ => (all[at].to, format!("${}", place + 1)),
    }
}

/// The statement without the conditions that are settled by themselves.
fn settled(sql: &str, dialect: Dialect) -> String {
    struct Settle;
    impl VisitorMut for Settle {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let constant = |expr: &Expr| match expr {
                Expr::Value(value) => match value.value {
                    Literal::Boolean(known) => Some(known),
                    _ => None,
                },
                _ => None,
            };
            let place = std::mem::replace(expr, Expr::Value(Literal::Null.into()));
            *expr = match place {
                Expr::Nested(inner) if constant(&inner).is_some() => *inner,
                Expr::BinaryOp { left, op, right } => match (&op, constant(&left), constant(&right)) {
                    (BinaryOperator::And, Some(true), _) | (BinaryOperator::Or, Some(false), _) => *right,
                    (BinaryOperator::And, _, Some(true)) | (BinaryOperator::Or, _, Some(false)) => *left,
                    (BinaryOperator::And, Some(false), _) | (BinaryOperator::Or, Some(true), _) => *left,
                    (BinaryOperator::And, _, Some(false)) | (BinaryOperator::Or, _, Some(true)) => *right,
                    _ => Expr::BinaryOp { left, op, right },
                },
                other => other,
            };
            ControlFlow::Continue(())
        }
    }
    let Some(mut statement) = parse(sql, dialect) else { return sql.to_owned() };
    let _: ControlFlow<()> = statement.visit(&mut Settle);
    statement.to_string()
}

fn is_harmless(call: &[String], dialect: Dialect) -> bool {
    matches!(effect(call, dialect), Effect::Harmless | Effect::ChangesState)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches([';', ' ']).to_owned()
}

/// Whether a statement makes, changes or removes code.
fn changes_code(statement: &str) -> bool {
    let mut words = statement.split_whitespace().take(5).map(str::to_lowercase);
    let changes = words.next().is_some_and(|first| ["create", "alter", "drop"].contains(&first.as_str()));
    changes && words.any(|word| ["function", "procedure", "routine", "extension"].contains(&word.as_str()))
}

/// A function runs statements of its own, which are logged, unless the server may put its text into the statement that calls it: that it does only
/// to those in SQL that are stable or immutable. What a write returns is told where writes of functions are logged, too.
fn function(stored: &StoredFunction, writes_logged: bool, relations: &Relations<'_>, dialect: Dialect) -> Function {
    let all = tokens(&stored.sql, dialect);
    let open = all.iter().position(|t| t.is_symbol('('));
    let list = open.map_or(&[][..], |open| all.get(open + 1..after_bracket(&all, open).saturating_sub(1)).unwrap_or_default());
    let arguments = at_commas(list).into_iter().filter(|part| !part.is_empty() && !part[0].is("out")).map(argument).collect();
    let says = |words: &[&str]| all.iter().any(|t| words.iter().any(|word| t.is(word)));
    // What runs with the rights of its owner is not always logged.
    let is_owners = all.windows(2).any(|two| two[0].is("security") && two[1].is("definer"));
    let may_be_put_in = stored.language == "sql" && says(&["stable", "immutable"]);
    let body = squeezed(&stored.body);
    let words = tokens(&stored.body, dialect);
    let returns_written = words.iter().any(|t| t.is("returning"));
    // What an earlier statement put into a setting, and what the server keeps of values.
    let is_kept = |name: &String| name == "current_setting" || strandline_sql::system(std::slice::from_ref(name), dialect) == Some(System::HoldsValues);
    let keeps = words.iter().filter_map(|t| t.name(dialect)).any(|name| is_kept(&name));
    let is_aggregate = stored.language == AGGREGATE;
    let is_code = matches!(stored.language.as_str(), "sql" | "plpgsql") && !body.is_empty();
    let is_told = is_aggregate || (is_code && !(keeps || is_owners || may_be_put_in) && (!returns_written || writes_logged));
    let named: BTreeSet<String> =
        words.iter().filter_map(|t| t.name(dialect)).filter_map(|name| relations.by_name.get(&name.to_lowercase())).flatten().cloned().collect();
    // What it puts together and runs may name anything.
    let puts_together = words.iter().any(|t| ["execute", "copy", "refcursor"].iter().any(|word| t.is(word)));
    let fires = returns_written && named.iter().any(|full| (relations.fires)(full));
    let is_known = is_aggregate || (is_code && !(keeps || puts_together || fires));
    Function { schema: stored.schema.clone(), arguments, body, reads: is_known.then_some(named), is_told }
}

/// A write as far as where it puts what it returns, which is not logged.
fn first_words(write: &str) -> &str {
    write.to_lowercase().rfind(" returning ").map_or(write, |at| write.get(..at).unwrap_or(write))
}

/// The name of what a function is given, where it has one.
fn argument(part: &[Token<'_>]) -> Option<String> {
    let part = if ["in", "inout", "variadic"].iter().any(|mode| part[0].is(mode)) { &part[1..] } else { part };
    let name = part.first().filter(|first| part.len() > 1 && !TYPES.iter().any(|kind| first.is(kind)))?;
    let is_type = part.get(1).is_some_and(|next| matches!(next.kind, Kind::Symbol(_)));
    name.word().filter(|_| !is_type).map(str::to_lowercase)
}

/// The functions that an aggregate runs.
fn parts_of(definition: &str, dialect: Dialect) -> Vec<Vec<String>> {
    let all = tokens(definition, dialect);
    let is_part = |at: &usize| all[*at].word().is_some_and(|word| word.to_lowercase().ends_with("func")) && all.get(at + 1).is_some_and(|t| t.is_symbol('='));
    (0..all.len()).filter(is_part).map(|at| qualified_name(&all, at + 2, dialect).map(|(name, _)| name).unwrap_or_default()).collect()
}

/// The names in a function's body that may be calls.
fn calls(body: &str, dialect: Dialect) -> Vec<Vec<String>> {
    let is_word = |name: &[String]| matches!(name, [one] if NO_CALLS.contains(&one.as_str()));
    strandline_sql::names(body, dialect).calls.into_iter().filter(|name| !is_word(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(definitions: &[(&str, &str, &str)]) -> Code {
        with(definitions, &[])
    }

    fn with(definitions: &[(&str, &str, &str)], others: &[StoredFunction]) -> Code {
        let stored = |(head, language, body): &(&str, &str, &str)| StoredFunction {
            schema: "s".into(),
            name: head.split('(').next().unwrap_or_default().into(),
            language: (*language).into(),
            body: (*body).into(),
            sql: format!("CREATE FUNCTION s.{head} LANGUAGE {language} AS $${body}$$"),
        };
        let all: Vec<StoredFunction> = definitions.iter().map(stored).chain(others.iter().cloned()).collect();
        let logged = BTreeSet::from(["DELETE FROM s.t WHERE id = a RETURNING *".to_owned()]);
        let by_name = ["t", "u"].map(|name| (name.to_owned(), vec![format!("s.{name}")])).into();
        let relations = Relations { by_name, fires: &|full| full == "s.u" };
        Code::defined(&all, BTreeSet::from(["id".to_owned(), "name".to_owned()]), &logged, &relations, Dialect::PostgreSql)
    }

    #[test]
    fn functions_that_leave_all_to_logged_statements_are_told_apart() {
        let code = code(&[
            ("plain(a int) RETURNS SETOF s.t", "sql", "SELECT * FROM s.t WHERE id = a"),
            ("put_in(a int) RETURNS SETOF s.t STABLE", "sql", "SELECT * FROM s.t WHERE id = a"),
            ("loops() RETURNS void", "plpgsql", "BEGIN INSERT INTO s.u (id) VALUES (lower('x')); PERFORM s.plain(1); END"),
            ("takes(a int) RETURNS s.t", "plpgsql", "DECLARE r s.t; BEGIN DELETE FROM s.t WHERE id = a RETURNING * INTO r; RETURN r; END"),
            ("moves(a int) RETURNS s.t", "sql", "UPDATE s.t SET name = 'x' WHERE id = a RETURNING *"),
            ("owners() RETURNS int SECURITY DEFINER", "plpgsql", "BEGIN RETURN (SELECT id FROM s.u); END"),
            ("fires() RETURNS s.u", "sql", "DELETE FROM s.u RETURNING *"),
            ("builds(x text) RETURNS void", "plpgsql", "BEGIN EXECUTE x; END"),
            ("far() RETURNS text", "plpgsql", "BEGIN RETURN dblink('x'); END"),
            ("farther() RETURNS text", "sql", "SELECT s.far()"),
            ("file() RETURNS text", "plpgsql", "BEGIN RETURN pg_read_file('x'); END"),
            ("snake() RETURNS text", "plpython3u", "return open('x')"),
        ]);
        let is_told = |name: &str| code.is_told(&["s".to_owned(), name.to_owned()]);
        assert_eq!(["plain", "put_in", "loops", "takes", "moves"].map(is_told), [true, false, true, true, true]);
        let reads = |name: &str| code.reads(&[name.to_owned()]).map(|all| all.into_iter().collect::<Vec<_>>().join(" "));
        assert_eq!(["loops", "takes", "owners"].map(reads), [Some("s.t s.u"), Some("s.t"), Some("s.u")].map(|list| list.map(str::to_owned)));
        assert_eq!(["fires", "builds", "far", "farther", "none"].map(reads), [const { None }; 5]);
        assert!(!code.is_told(&["owners".to_owned()]));
        let sums = |part: &str| StoredFunction {
            schema: "s".into(),
            name: "sums".into(),
            language: AGGREGATE.into(),
            body: String::new(),
            sql: format!("CREATE AGGREGATE s.sums(int) (SFUNC = s.{part}, STYPE = int)"),
        };
        let is_sums_told = |part: &str| with(&[("adds(a int, b int) RETURNS int", "sql", "SELECT a + b")], &[sums(part)]).is_told(&["sums".to_owned()]);
        assert!(is_sums_told("adds") && !is_sums_told("far"));
        assert_eq!(["far", "farther", "file", "snake", "none"].map(is_told), [false; 5]);
        assert!(code.is_told(&["plain".to_owned()]) && !code.is_told(&["u".to_owned(), "plain".to_owned()]));
    }

    #[test]
    fn names_of_arguments_become_what_the_function_was_given() {
        let code = code(&[
            (
                "find(in_id integer, in_text text, character varying, double precision) RETURNS SETOF s.t",
                "sql",
                "SELECT id FROM s.t\n WHERE id = in_id\n AND (in_text IS NULL OR name @@ in_text);",
            ),
            ("other(in_text text, in_id integer) RETURNS SETOF s.t", "sql", "SELECT id FROM s.t WHERE id = in_id"),
            ("hides(name text) RETURNS SETOF s.t", "sql", "SELECT id FROM s.t WHERE t.name = name"),
        ]);
        let bound = |sql: &str, given: &[Option<&str>]| code.bound(sql, &given.iter().map(|v| v.map(str::to_owned)).collect::<Vec<_>>(), Dialect::PostgreSql);
        let sql = "SELECT id FROM s.t WHERE id = in_id AND (in_text IS NULL OR name @@ in_text)";
        assert_eq!(bound(sql, &[Some("7"), None, None, None]).as_deref(), Some("SELECT id FROM s.t WHERE id = $1"));
        assert_eq!(bound(sql, &[Some("7"), Some("x"), None, None]).as_deref(), Some("SELECT id FROM s.t WHERE id = $1 AND (name @@ $2)"));
        // Two functions say the same words of different arguments.
        assert_eq!(bound("SELECT id FROM s.t WHERE id = in_id", &[Some("7"), Some("8"), None, None]), None);
        assert_eq!(bound("SELECT id FROM s.t WHERE t.name = name", &[Some("x")]), None);
        assert_eq!(bound("SELECT id FROM s.t WHERE id = 7", &[Some("x")]), None);
    }
}
