//! Says what one logged statement means: which queries it runs and where their rows go, which command of its connection
//! it is, or why it shows nobody. It works on tokens, since servers know more than parsers; queries go on as text.

use crate::command::{Command, close, deallocate, declare, execute, fetch, prepare};
use crate::function::{Effect, effect};
use crate::lexer::{Kind, Token, after_bracket, outside_brackets, qualified_name, tokens};
use crate::names::names;
use crate::rules::DoubtfulComments;
use crate::write;
use crate::{Dialect, Rules, ShowsNobody, canonical, utility};

/// What a statement means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// It shows the rows of these queries.
    Shows(Vec<Shown>),
    /// It belongs to the conversation of its connection.
    Command(Command),
    /// It shows no stored data, for this reason.
    Nobody(ShowsNobody),
    /// It runs code that may read anything, or is not understood.
    Opaque(&'static str),
}

/// A query and where its rows went.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The query in its plainest form.
    pub sql: String,
    /// Where its rows went.
    pub sent: Sent,
    /// The rows are those from before the statement: it changed or deleted them.
    pub as_before: bool,
    /// What of the query can be followed.
    pub follows: Follows,
}

/// Where rows went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// To whoever ran the statement.
    ToClient,
    /// To whoever ran it, as the statement itself changed them.
    Changed,
    /// Into a file, a table or a variable at the server.
    ToServer,
    /// To whoever ran it, if his server reads the statement so.
    Perhaps,
}

/// What of a query can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Its rows, which are those that the log counts.
    Rows,
    /// Its rows, which the log does not count.
    Uncounted,
    /// The tables that it names: all that stands in them may have moved.
    Tables,
}

impl Shown {
    pub(crate) fn rows(sql: &str, sent: Sent) -> Self {
        let sql = sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
        Self { sql, sent, as_before: false, follows: Follows::Rows }
    }

    pub(crate) fn uncounted(sql: &str, sent: Sent) -> Self {
        Self { follows: Follows::Uncounted, ..Self::rows(sql, sent) }
    }

    pub(crate) fn before(sql: &str, sent: Sent) -> Self {
        Self { as_before: true, ..Self::rows(sql, sent) }
    }

    pub(crate) fn tables(sql: &str, sent: Sent) -> Self {
        Self { follows: Follows::Tables, ..Self::rows(sql, sent) }
    }
}

/// Statements inside statements that are looked into.
const DEPTH: usize = 4;

/// What one statement (not a string of several) means.
pub fn understand(sql: &str, rules: impl Into<Rules>) -> Meaning {
    let rules = rules.into();
    let run = canonical(sql, rules);
    let meaning = read(&run, rules.dialect, 0);
    let skipped = canonical(sql, Rules { doubtful_comments: DoubtfulComments::Skip, ..rules });
    if skipped == run { meaning } else { either(meaning, read(&skipped, rules.dialect, 0)) }
}

/// What a statement means that two servers read otherwise.
fn either(first: Meaning, second: Meaning) -> Meaning {
    match (first, second) {
        (first, second) if first == second => first,
        (Meaning::Opaque(reason), _) | (_, Meaning::Opaque(reason)) => Meaning::Opaque(reason),
        (Meaning::Nobody(class), Meaning::Nobody(_)) => Meaning::Nobody(class),
        (Meaning::Shows(mut shown), Meaning::Shows(more)) => {
            shown.extend(more);
            perhaps(shown)
        }
        (Meaning::Shows(shown), Meaning::Nobody(_)) | (Meaning::Nobody(_), Meaning::Shows(shown)) => perhaps(shown),
        (Meaning::Command(_), _) | (_, Meaning::Command(_)) => Meaning::Opaque("servers read the statement otherwise"),
    }
}

fn perhaps(shown: Vec<Shown>) -> Meaning {
    Meaning::Shows(shown.into_iter().map(|one| Shown { sent: one.sent.max(Sent::Perhaps), ..one }).collect())
}

/// Whether any statement of a text can show somebody something.
pub fn can_show(text: &str, rules: impl Into<Rules>) -> bool {
    let rules = rules.into();
    crate::lexer::statements(text, rules).into_iter().any(|sql| !matches!(understand(sql, rules), Meaning::Nobody(_)))
}

/// What a statement in its plainest form means.
fn read(sql: &str, dialect: Dialect, depth: usize) -> Meaning {
    let all = tokens(sql, dialect);
    let Some(first) = all.first() else { return Meaning::Nobody(ShowsNobody::Empty) };
    let Kind::Word(word) = first.kind else {
        return if first.is_symbol('(') { shows(Shown::rows(sql, Sent::ToClient)) } else { Meaning::Opaque("the statement cannot be understood") };
    };
    let command =
        |command: Option<Command>| command.map_or(Meaning::Opaque("a command of a cursor or a prepared statement cannot be understood"), Meaning::Command);
    match (word.to_ascii_lowercase().as_str(), dialect) {
        ("select" | "values", _) => query(sql, &all),
        ("with", _) => with(sql, &all, dialect),
        ("copy", Dialect::PostgreSql) => copy(sql, &all, dialect, depth),
        ("declare", Dialect::PostgreSql) => command(declare(sql, &all, dialect)),
        ("fetch" | "move", Dialect::PostgreSql) => command(fetch(&all, dialect)),
        ("close", Dialect::PostgreSql) => Meaning::Command(close(&all, dialect)),
        ("prepare", _) if !all.get(1).is_some_and(|t| t.is("transaction")) => command(prepare(sql, &all, dialect)),
        ("execute", _) if all.get(1).is_some_and(|t| t.is("immediate")) => immediate(&all, dialect, depth),
        ("execute", _) => command(execute(&all, dialect)),
        ("deallocate", _) => Meaning::Command(deallocate(&all, dialect)),
        ("drop", _) if all.get(1).is_some_and(|t| t.is("prepare")) => Meaning::Command(deallocate(&all, dialect)),
        ("create", _) => created_from(sql, &all, dialect),
        ("refresh", Dialect::PostgreSql) => refreshed(sql, &all, dialect),
        ("insert" | "replace", _) => write::insert(sql, &all, "", dialect),
        ("update", _) => write::update(sql, &all, "", dialect),
        ("delete", _) => write::delete(sql, &all, "", dialect),
        ("merge", _) => shows(Shown::tables(sql, if all.iter().any(|t| t.is("returning")) { Sent::Changed } else { Sent::ToServer })),
        ("set", Dialect::MySql) if all.get(1).is_some_and(|t| t.is("statement")) => for_one_statement(sql, &all, dialect, depth),
        ("set", Dialect::MySql) => write::set(sql, &all, dialect),
        ("do", Dialect::MySql) => expressions(sql, &all, dialect),
        ("notify", Dialect::PostgreSql) => Meaning::Nobody(ShowsNobody::WriteWithoutQuery),
        ("listen", Dialect::PostgreSql) => Meaning::Opaque("what others notify is sent to it"),
        ("call" | "do" | "exec" | "handler", _) => Meaning::Opaque("the statement runs code of the database"),
        ("explain" | "describe" | "desc", _) => explained(sql, &all, dialect, depth),
        ("analyze", Dialect::MySql) if utility(&all, dialect).is_none() => explained(sql, &all, dialect, depth),
        _ => utility(&all, dialect).map_or(Meaning::Opaque("the statement cannot be understood"), Meaning::Nobody),
    }
}

pub(crate) fn shows(shown: Shown) -> Meaning {
    Meaning::Shows(vec![shown])
}

/// A SELECT; its INTO, if it has one, says that the rows stay at the server.
fn query(sql: &str, all: &[Token<'_>]) -> Meaning {
    let Some(into) = outside_brackets(all, 0, |t| t.is("into")) else { return shows(Shown::rows(sql, Sent::ToClient)) };
    let mut at = into + 1;
    while all.get(at).is_some_and(|t| ["temp", "temporary", "unlogged", "table"].iter().any(|word| t.is(word))) {
        at += 1;
    }
    let ends = |t: &Token<'_>| ["from", "where", "group", "having", "order", "limit", "union", "for", "lock", "window"].iter().any(|word| t.is(word));
    // A table's name, variables, or a file and how it is written: up to where the query goes on.
    let end = outside_brackets(all, at, ends).map_or(sql.len(), |end| all[end].from);
    shows(Shown::rows(&format!("{}{}", &sql[..all[into].from], &sql[end..]), Sent::ToServer))
}

/// `WITH … SELECT`, or `WITH …` before a write.
fn with(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    let is_verb = |t: &Token<'_>| ["select", "values", "table", "insert", "update", "delete", "merge", "replace"].iter().any(|word| t.is(word));
    let changes = all.iter().enumerate().skip(1).any(|(at, t)| {
        let begins = all[at - 1].is_symbol('(');
        begins && ["insert", "update", "delete", "merge"].iter().any(|word| t.is(word))
    });
    let main = outside_brackets(all, 1, is_verb);
    match main {
        // Parts that change rows and return them are followed as far as their tables.
        _ if changes => shows(Shown::tables(sql, Sent::Changed)),
        Some(at) if all[at].is("insert") || all[at].is("replace") => write::insert(sql, &all[at..], &sql[..all[at].from], dialect),
        Some(at) if all[at].is("update") => write::update(sql, &all[at..], &sql[..all[at].from], dialect),
        Some(at) if all[at].is("delete") => write::delete(sql, &all[at..], &sql[..all[at].from], dialect),
        Some(at) if all[at].is("merge") => shows(Shown::tables(sql, Sent::ToServer)),
        Some(_) => query(sql, all),
        None => shows(Shown::rows(sql, Sent::ToClient)),
    }
}

/// `COPY (query) TO …`, `COPY table [(columns)] TO …`
fn copy(sql: &str, all: &[Token<'_>], dialect: Dialect, depth: usize) -> Meaning {
    let not_understood = Meaning::Opaque("the COPY cannot be understood");
    let Some(to) = outside_brackets(all, 1, |t| t.is("to") || t.is("from")) else { return not_understood };
    if all[to].is("from") {
        return match all.get(to + 1).is_some_and(|t| t.is("program")) {
            true => Meaning::Opaque("the statement runs a program at the server"),
            false => Meaning::Nobody(ShowsNobody::WriteWithoutQuery),
        };
    }
    let sent = if all.get(to + 1).is_some_and(|t| t.is("stdout")) { Sent::ToClient } else { Sent::ToServer };
    if all[1].is_symbol('(') {
        let end = after_bracket(all, 1).saturating_sub(1).max(2);
        let (Some(from), Some(close)) = (all.get(2), all.get(end)) else { return not_understood };
        return match if depth < DEPTH { read(&sql[from.from..close.from.max(from.from)], dialect, depth + 1) } else { not_understood } {
            Meaning::Shows(shown) => Meaning::Shows(shown.into_iter().map(|one| Shown { sent: one.sent.max(sent), ..one }).collect()),
            other => other,
        };
    }
    let open = all[..to].iter().position(|t| t.is_symbol('('));
    let name = &sql[all[1].from..all[open.unwrap_or(to) - 1].to.max(all[1].to)];
    let columns = open.map_or("*", |open| {
        let close = after_bracket(all, open).saturating_sub(1).max(open + 1).min(to);
        &sql[all[open].to..all[close].from]
    });
    shows(Shown::rows(&format!("SELECT {columns} FROM {name}"), sent))
}

/// `CREATE TABLE … AS query`, `CREATE MATERIALIZED VIEW … AS query`: the data moves into a table that can be read later.
fn created_from(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    let definition = Meaning::Nobody(ShowsNobody::DefinitionWithoutQuery);
    let stored = all.iter().take(6).any(|t| t.is("table") || t.is("materialized"));
    let routine = all.iter().take(8).any(|t| ["function", "procedure", "trigger", "event", "rule"].iter().any(|word| t.is(word)));
    if !stored || routine {
        return definition;
    }
    let is_query = |t: &Token<'_>| t.is("select") || t.is("values");
    let in_bracket = || all.windows(2).position(|two| two[0].is_symbol('(') && (is_query(&two[1]) || two[1].is("with")));
    let begins_with = || outside_brackets(all, 1, |t| t.is("with")).filter(|at| !all.get(at + 1).is_some_and(|t| t.is_symbol('(')));
    let query = match (outside_brackets(all, 1, |t| t.is("as")), dialect) {
        (Some(at), _) => Some(at + 1),
        (None, Dialect::PostgreSql) => None,
        (None, Dialect::MySql) => outside_brackets(all, 1, is_query).or_else(begins_with).or_else(in_bracket),
    };
    let Some(query) = query else { return definition };
    let Some(from) = all.get(query) else { return Meaning::Opaque("the statement is cut off") };
    if from.is("execute") {
        return Meaning::Opaque("the statement keeps the rows of a prepared statement");
    }
    match no_data(all) {
        Some(_) if all[all.len().saturating_sub(2)].is("no") => definition,
        end => shows(Shown::rows(&sql[from.from..end.map_or(sql.len(), |end| all[end].from.max(from.from))], Sent::ToServer)),
    }
}

/// Where `WITH [NO] DATA` stands at the end of a statement.
fn no_data(all: &[Token<'_>]) -> Option<usize> {
    let last = all.iter().rposition(|t| !t.is_symbol(';')).filter(|at| all[*at].is("data"))?;
    let with = if all.get(last.checked_sub(1)?)?.is("no") { last.checked_sub(2)? } else { last - 1 };
    all.get(with)?.is("with").then_some(with)
}

/// REFRESH fills a materialised view with the rows of its query.
fn refreshed(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    let at = all.iter().position(|t| t.is("view")).map_or(1, |view| view + 1);
    let at = at + usize::from(all.get(at).is_some_and(|t| t.is("concurrently")));
    let Some((_, after)) = qualified_name(all, at, dialect) else { return Meaning::Opaque("the statement cannot be understood") };
    shows(Shown::rows(&format!("SELECT * FROM {}", &sql[all[at].from..all[after - 1].to]), Sent::ToServer))
}

/// `EXECUTE IMMEDIATE 'statement'`
fn immediate(all: &[Token<'_>], dialect: Dialect, depth: usize) -> Meaning {
    match all.get(2).map(|t| &t.kind) {
        Some(Kind::Text(text)) if depth < DEPTH => read(&canonical(text, dialect), dialect, depth + 1),
        _ => Meaning::Opaque("the text of the statement is not in the log"),
    }
}

/// `SET STATEMENT setting = value FOR statement` of MariaDB.
fn for_one_statement(sql: &str, all: &[Token<'_>], dialect: Dialect, depth: usize) -> Meaning {
    let inner = outside_brackets(all, 2, |t| t.is("for")).and_then(|at| all.get(at + 1)).filter(|_| depth < DEPTH);
    inner.map_or(Meaning::Opaque("the statement cannot be understood"), |inner| read(&sql[inner.from..], dialect, depth + 1))
}

/// `DO expression, …` of MySQL sends nothing, but may store what it reads.
fn expressions(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    let Some(first) = all.get(1) else { return Meaning::Opaque("the statement cannot be understood") };
    let list = &sql[first.from..];
    match write::carries(list, None, dialect) {
        true => shows(Shown::rows(&format!("SELECT {list}"), Sent::ToServer)),
        false => Meaning::Nobody(ShowsNobody::ConstantsOnly),
    }
}

/// EXPLAIN shows a plan; with ANALYZE the statement runs, and the plan counts its rows.
fn explained(sql: &str, all: &[Token<'_>], dialect: Dialect, depth: usize) -> Meaning {
    const BEGIN: [&str; 11] = ["select", "with", "insert", "update", "delete", "merge", "values", "table", "replace", "execute", "create"];
    let begin = outside_brackets(all, 1, |t| BEGIN.iter().any(|word| t.is(word)));
    let Some(begin) = begin else {
        // `EXPLAIN (SELECT …)`, or the description of a table.
        let has_query = all.iter().any(|t| t.is("select"));
        return if has_query { Meaning::Opaque("the EXPLAIN cannot be understood") } else { Meaning::Nobody(ShowsNobody::CatalogueOnly) };
    };
    let inner = &sql[all[begin].from..];
    let runs = all[..begin].iter().any(|t| t.is("analyze") || t.is("analyse"));
    if !runs {
        // What a plan shows as a constant may have been computed by a function.
        let unknown = names(inner, dialect).calls.iter().any(|call| effect(call, dialect) > Effect::ChangesState);
        return if unknown { Meaning::Opaque("planning may run code of the database") } else { Meaning::Nobody(ShowsNobody::CatalogueOnly) };
    }
    let meaning = if depth < DEPTH { read(inner, dialect, depth + 1) } else { Meaning::Opaque("the EXPLAIN cannot be understood") };
    let Meaning::Shows(shown) = meaning else { return meaning };
    let counted = |one: Shown| match (one.sent, one.follows) {
        (Sent::ToClient | Sent::Changed | Sent::Perhaps, Follows::Rows | Follows::Uncounted) => {
            Shown { sql: format!("SELECT count(*) FROM ({}) AS counted", one.sql), follows: Follows::Uncounted, ..one }
        }
        _ => one,
    };
    Meaning::Shows(shown.into_iter().map(counted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(meaning: Meaning) -> String {
        let Meaning::Shows(all) = meaning else { return format!("{meaning:?}") };
        let one = |shown: Shown| {
            let sent = match shown.sent {
                Sent::ToClient => "",
                Sent::Changed => " ->changed",
                Sent::ToServer => " ->server",
                Sent::Perhaps => " ->perhaps",
            };
            let tables = if shown.follows == Follows::Tables { "tables of " } else { "" };
            format!("{tables}{}{sent}{}", shown.sql, if shown.as_before { " @before" } else { "" })
        };
        all.into_iter().map(one).collect::<Vec<_>>().join(" | ")
    }

    fn check_of(dialect: Dialect, sql: &str, expected: &str) {
        assert_eq!(written(understand(sql, dialect)), expected, "{sql}");
    }

    fn check(sql: &str, expected: &str) {
        check_of(Dialect::PostgreSql, sql, expected);
    }

    #[test]
    fn queries_and_copies() {
        check("SELECT 1;", "SELECT 1");
        check("select a into temp b from c", "select a from c ->server");
        check("COPY (SELECT a FROM (t)) TO STDOUT", "SELECT a FROM (t)");
        check("copy hr.staff (a, b) to '/tmp/x'", "SELECT a, b FROM hr.staff ->server");
        check("COPY hr.staff TO STDOUT WITH CSV", "SELECT * FROM hr.staff");
        check("COPY (DELETE FROM t RETURNING *) TO STDOUT", "SELECT * FROM t @before");
        check("COPY hr.staff FROM stdin", "Nobody(WriteWithoutQuery)");
        check("CREATE TEMP TABLE x AS SELECT * FROM y WITH DATA", "SELECT * FROM y ->server");
        check("CREATE TABLE x AS TABLE y", "SELECT * FROM y ->server");
        check("CREATE TABLE x AS SELECT * FROM y WITH NO DATA", "Nobody(DefinitionWithoutQuery)");
        check("REFRESH MATERIALIZED VIEW CONCURRENTLY a.b", "SELECT * FROM a.b ->server");
        check("TABLE a.b", "SELECT * FROM a.b");
        check("TABLE a UNION (TABLE b)", "SELECT * FROM a UNION (SELECT * FROM b)");
    }

    #[test]
    fn an_upsert_returns_the_row_that_was_there() {
        check(
            "INSERT INTO person (no, name) VALUES ('P1', 'x') ON CONFLICT (no) DO UPDATE SET city = 'q' RETURNING *",
            "SELECT * FROM person WHERE (\"no\" = 'P1') ->changed @before",
        );
        check("INSERT INTO p VALUES ('P1') ON CONFLICT ON CONSTRAINT k DO UPDATE SET city = 'q' RETURNING *", "SELECT * FROM p ->perhaps @before");
        check("INSERT INTO p (no) VALUES ('P1') ON CONFLICT (no) DO NOTHING RETURNING *", "Nobody(WriteWithoutQuery)");
    }

    #[test]
    fn an_update_returns_what_it_assigned() {
        check(
            "UPDATE person SET phone = (SELECT email FROM person WHERE no = 'P2') WHERE no = 'P1' RETURNING phone",
            "SELECT (SELECT email FROM person WHERE no = 'P2') FROM person WHERE no = 'P1' ->changed @before | SELECT phone FROM person WHERE no = 'P1' ->changed @before",
        );
        check("UPDATE ONLY s.t x SET a = 1 FROM u WHERE x.k = u.k RETURNING x.b, x.c;", "SELECT x.b, x.c FROM s.t x, u WHERE x.k = u.k @before");
        check("UPDATE t SET a = 1 RETURNING *", "SELECT * FROM t ->changed @before");
        check("DELETE FROM t WHERE k = 1 RETURNING *", "SELECT * FROM t WHERE k = 1 @before");
    }

    #[test]
    fn writes_carry_queries() {
        check("INSERT INTO c (body) SELECT email FROM p", "SELECT email FROM p ->server");
        check("INSERT INTO c (a, body) VALUES (1, (SELECT email FROM p)), (2, DEFAULT)", "SELECT 1, (SELECT email FROM p) ->server");
        check("INSERT INTO c (body) VALUES (mails ('P5'))", "SELECT mails ('P5') ->server");
        check("WITH x AS (SELECT 1 AS a) INSERT INTO c SELECT a FROM x", "WITH x AS (SELECT 1 AS a) SELECT a FROM x ->server");
        check("UPDATE c SET body = p.email, n = n + 1 FROM p WHERE p.no = 'P1'", "SELECT p.email FROM c, p WHERE p.no = 'P1' ->server @before");
        check("UPDATE p SET nickname = email", "SELECT email FROM p ->server @before");
        check("UPDATE p SET (a, b) = (SELECT x, y FROM q)", "tables of UPDATE p SET (a, b) = (SELECT x, y FROM q) ->server");
        check("MERGE INTO a USING b ON a.k = b.k WHEN MATCHED THEN DELETE", "tables of MERGE INTO a USING b ON a.k = b.k WHEN MATCHED THEN DELETE ->server");
    }

    #[test]
    fn writes_of_what_was_given_show_nobody() {
        for sql in [
            "UPDATE t SET a = 1, b = now(), c = c || 'x', d = $1 WHERE k = 2",
            "INSERT INTO t (a, b) VALUES ('x', 1), (null, DEFAULT) RETURNING id",
            "DELETE FROM t WHERE k IN (SELECT k FROM u)",
            "INSERT INTO t DEFAULT VALUES",
            "TRUNCATE t",
        ] {
            check(sql, "Nobody(WriteWithoutQuery)");
        }
        check("BEGIN", "Nobody(TransactionControl)");
        check("CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql", "Nobody(DefinitionWithoutQuery)");
        check("DELETE FROM t WHERE f(k)", "Opaque(\"the statement runs code of the database\")");
    }

    #[test]
    fn mysql_keeps_rows_in_variables_files_and_tables() {
        let check = |sql, expected| check_of(Dialect::MySql, sql, expected);
        check("SET @e = (SELECT GROUP_CONCAT(email) FROM person), @f = 1", "SELECT (SELECT GROUP_CONCAT(email) FROM person) ->server");
        check("SET @e = mails('P5')", "SELECT mails('P5') ->server");
        check("SET NAMES utf8mb4", "Nobody(SessionSetting)");
        check("SET STATEMENT max_statement_time = 1 FOR SELECT a FROM b", "SELECT a FROM b");
        check("SELECT a, b INTO @x, @y FROM c WHERE d = 1", "SELECT a, b FROM c WHERE d = 1 ->server");
        check("SELECT a FROM b INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ','", "SELECT a FROM b ->server");
        check("CREATE TEMPORARY TABLE z AS SELECT name FROM person", "SELECT name FROM person ->server");
        check("CREATE TABLE z (a INT) SELECT name FROM person", "SELECT name FROM person ->server");
        check("CREATE TABLE z (a INT)", "Nobody(DefinitionWithoutQuery)");
        check("DO SLEEP(1)", "Nobody(ConstantsOnly)");
        check("REPLACE INTO a SET b = (SELECT c FROM d)", "SELECT (SELECT c FROM d) ->server");
        check("EXECUTE IMMEDIATE 'SELECT a FROM b'", "SELECT a FROM b");
    }

    #[test]
    fn commands_and_code() {
        check("DECLARE c1 NO SCROLL CURSOR WITH HOLD FOR SELECT 1", "Command(Declare { name: \"c1\", query: \"SELECT 1\" })");
        check("PREPARE p (text) AS SELECT $1;", "Command(Prepare { name: \"p\", statement: \"SELECT $1\" })");
        check("EXECUTE p ('a', -1, NULL)", "Command(Execute { name: \"p\", arguments: Some([Some(\"a\"), Some(\"-1\"), None]) })");
        check("EXECUTE p (now())", "Command(Execute { name: \"p\", arguments: None })");
        check("CALL f()", "Opaque(\"the statement runs code of the database\")");
        check("DO $$ SELECT 1 $$", "Opaque(\"the statement runs code of the database\")");
        check("BASE_BACKUP", "Opaque(\"the statement cannot be understood\")");
    }

    #[test]
    fn a_plan_shows_nobody_but_by_its_counts() {
        check("EXPLAIN (VERBOSE) SELECT a FROM b", "Nobody(CatalogueOnly)");
        check("EXPLAIN ANALYZE SELECT a FROM b", "SELECT count(*) FROM (SELECT a FROM b) AS counted");
        check("EXPLAIN (ANALYZE) INSERT INTO c SELECT a FROM b", "SELECT a FROM b ->server");
        check("EXPLAIN SELECT mails('P5')", "Opaque(\"planning may run code of the database\")");
        check_of(Dialect::MySql, "DESCRIBE person", "Nobody(CatalogueOnly)");
        check_of(Dialect::MySql, "ANALYZE FORMAT=JSON SELECT a FROM b", "SELECT count(*) FROM (SELECT a FROM b) AS counted");
    }

    #[test]
    fn what_servers_read_otherwise_is_only_perhaps() {
        check_of(Dialect::MySql, "SELECT 1 /*M!100100 , name FROM patient */", "SELECT 1 , name FROM patient ->perhaps | SELECT 1 ->perhaps");
    }

    #[test]
    fn broken_text_never_panics() {
        let words = [
            "INSERT",
            "INTO",
            "t",
            "(",
            ")",
            "VALUES",
            "SELECT",
            "SET",
            "=",
            "a",
            ",",
            "'x",
            "RETURNING",
            "ON",
            "CONFLICT",
            "DO",
            "UPDATE",
            "FROM",
            ";",
            "WITH",
            "*",
        ];
        let mut seed = 7_usize;
        for _ in 0..20_000 {
            let mut sql = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                sql.push_str(words[(seed >> 33) % words.len()]);
                sql.push(' ');
            }
            for dialect in [Dialect::PostgreSql, Dialect::MySql] {
                let _ = understand(&sql, dialect);
            }
        }
    }
}
