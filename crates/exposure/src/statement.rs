//! Says what one logged statement means for a replay: which query it shows, or which command of its connection it is.
//! It works on tokens, since FETCH, MOVE, COPY and EXECUTE are beyond most parsers; queries themselves go on as text.

use sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Query, SelectItem, SetExpr, Statement, Value as Literal, visit_expressions};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::Dialect;
use crate::written::holds_writes;
use strandline_history::value::Value;
use strandline_history::{Definition, definitions};
use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, outside_brackets, qualified_name, tokens};
use strandline_sql::{ShowsNobody, canonical, is_assigned, user_variable, utility};

/// What a statement means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// It shows the rows of a query.
    Shows(Shown),
    /// It changes rows; what it shows by that is worked out with the tables at hand.
    Writes(String),
    /// It belongs to the conversation of its connection.
    Command(Command),
    /// It shows no stored data, for this reason.
    Nobody(ShowsNobody),
    /// It runs code that may read anything.
    Opaque(&'static str),
}

/// A query and where its rows went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) sql: String,
    pub(crate) sent: Sent,
}

/// Where rows went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// To whoever ran the statement.
    ToClient,
    /// Into a file or a table at the server.
    ToServer,
}

/// A command of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Declare {
        name: String,
        query: String,
    },
    Fetch {
        name: String,
        motion: Motion,
        shows: bool,
    },
    Close {
        name: Option<String>,
    },
    Prepare {
        name: String,
        statement: String,
    },
    /// `None`: an argument is no constant.
    Execute {
        name: String,
        arguments: Option<Vec<Option<String>>>,
    },
    Deallocate {
        name: Option<String>,
    },
}

/// How far a cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    /// Rows onward, back if negative, the current row if none.
    Relative { rows: i64, all_between: AllBetween },
    /// To a row counted from the start, from the end if negative.
    Absolute(i64),
}

impl Motion {
    /// Whether the command itself states that it fetches just this many rows. `FETCH ALL` states no number.
    pub(crate) fn states(self, fetched: u64) -> bool {
        match self {
            Self::Relative { rows, all_between: AllBetween::Yes } if rows != 0 => rows.unsigned_abs() == fetched,
            _ => fetched == 1,
        }
    }
}

/// Whether a motion fetches every row on its way or only the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllBetween {
    Yes,
    No,
}

/// What one statement (not a string of several) means.
pub(crate) fn understand(sql: &str, dialect: Dialect) -> Meaning {
    let canonical = canonical(sql, dialect);
    let sql = canonical.as_ref();
    let all = tokens(sql, dialect);
    if checks_a_key(&all) {
        return shows("SELECT 1", Sent::ToClient);
    }
    let Some(first) = all.first() else { return Meaning::Nobody(ShowsNobody::Empty) };
    let Kind::Word(word) = first.kind else {
        return match first.is_symbol('(') {
            true if selects_into(&all) => shows(&without_into(sql, &all, dialect), Sent::ToServer),
            true => shows(sql, Sent::ToClient),
            false => Meaning::Opaque("the statement cannot be understood"),
        };
    };
    match word.to_ascii_lowercase().as_str() {
        "with" if ["insert", "update", "delete", "merge"].iter().any(|write| all.iter().any(|t| t.is(write))) => changes_or_shows(sql, dialect),
        "select" | "with" | "values" if selects_into(&all) => shows(&without_into(sql, &all, dialect), Sent::ToServer),
        "select" | "with" | "table" | "values" => shows(sql, Sent::ToClient),
        "set" if dialect == Dialect::MySql && all.get(1).is_some_and(|t| t.is("statement")) => {
            // `SET STATEMENT max_statement_time = 1 FOR SELECT …`: the statement, with settings of its own.
            let of = outside_brackets(&all, 2, |t| t.is("for")).and_then(|at| all.get(at + 1));
            of.map_or(Meaning::Opaque("the statement is cut off"), |of| understand(&sql[of.from..], dialect))
        }
        "set" if dialect == Dialect::MySql && has_query(&all) => set_from(sql, &all),
        "copy" => copy(sql, &all),
        "declare" => declare(sql, &all, dialect).unwrap_or(Meaning::Opaque("the cursor's declaration cannot be understood")),
        "fetch" | "move" => fetch(&all, dialect).unwrap_or(Meaning::Opaque("the FETCH cannot be understood")),
        "close" => Meaning::Command(Command::Close { name: all.get(1).filter(|t| !t.is("all")).and_then(|t| t.name(dialect)) }),
        "prepare" => prepare(sql, &all, dialect).unwrap_or(Meaning::Opaque("the PREPARE cannot be understood")),
        "execute" => execute(&all, dialect).unwrap_or(Meaning::Opaque("the EXECUTE cannot be understood")),
        "deallocate" | "drop" if word.eq_ignore_ascii_case("deallocate") || all.get(1).is_some_and(|t| t.is("prepare")) => {
            Meaning::Command(Command::Deallocate { name: all.iter().skip(1).find(|t| !t.is("prepare")).filter(|t| !t.is("all")).and_then(|t| t.name(dialect)) })
        }
        "create" => created_from(sql, &all),
        "insert" | "replace" | "update" | "delete" | "merge" => Meaning::Writes(trimmed(sql)),
        "call" | "do" | "exec" | "handler" => Meaning::Opaque("the statement runs code of the database"),
        "describe" | "desc" | "explain" if !all.iter().any(|t| t.is("analyze") || t.is("analyse")) => Meaning::Nobody(ShowsNobody::CatalogueOnly),
        _ => utility(&all, dialect).map_or(Meaning::Opaque("the statement cannot be understood"), Meaning::Nobody),
    }
}

/// `SELECT 1 FROM ONLY … WHERE … OPERATOR(pg_catalog.=) … FOR KEY SHARE OF x`: PostgreSQL's own check of a foreign key, which pgaudit logs
/// below the write. All that it could send is the number.
fn checks_a_key(all: &[Token<'_>]) -> bool {
    let begins =
        matches!(all, [select, one, from, only, ..] if select.is("select") && matches!(one.kind, Kind::Number("1")) && from.is("from") && only.is("only"));
    let ends = matches!(all, [.., r#for, key, share, of, _] if r#for.is("for") && key.is("key") && share.is("share") && of.is("of"));
    begins && ends && !all.iter().skip(1).any(|t| t.is("select") || t.is("union"))
}

/// `WITH` before a query, which may hold writes.
fn changes_or_shows(sql: &str, dialect: Dialect) -> Meaning {
    match strandline_history::writes::parse(sql, dialect) {
        Some(statement) if !holds_writes(&statement) && matches!(statement, Statement::Query(_)) => shows(sql, Sent::ToClient),
        _ => Meaning::Writes(trimmed(sql)),
    }
}

fn trimmed(sql: &str) -> String {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned()
}

fn shows(sql: &str, sent: Sent) -> Meaning {
    Meaning::Shows(Shown { sql: trimmed(sql), sent })
}

/// The query of `SELECT … INTO …`.
fn without_into(sql: &str, all: &[Token<'_>], dialect: Dialect) -> String {
    if let Some([Definition::Copy { query, .. }]) = definitions(sql, dialect).as_deref() {
        return query.clone();
    }
    let Some(at) = outside_brackets(all, 0, |t| t.is("into")) else { return sql.to_owned() };
    // MySQL: variables or a file before FROM, or at the end; FOR UPDATE may come after them.
    let rest = outside_brackets(all, at, |t| ["from", "where", "order", "limit", "for", "lock", "procedure", "union"].iter().any(|word| t.is(word)));
    let before = sql[..all[at].from].trim_end();
    rest.and_then(|rest| all.get(rest)).map_or_else(|| before.to_owned(), |rest| format!("{before} {}", &sql[rest.from..]))
}

/// `INTO` before FROM, or before a file or variables wherever it stands.
fn selects_into(all: &[Token<'_>]) -> bool {
    let from = outside_brackets(all, 0, |t| t.is("from")).unwrap_or(all.len());
    let is_target = |t: &Token<'_>| t.is("outfile") || t.is("dumpfile") || user_variable(t).is_some();
    outside_brackets(all, 0, |t| t.is("into")).is_some_and(|into| all[0].is("select") && into < from || all.get(into + 1).is_some_and(is_target))
}

fn has_query(all: &[Token<'_>]) -> bool {
    all.iter().any(|t| t.is("select") || t.is("table") || t.is("values") || t.is("with"))
}

/// `SET @a = (SELECT …)`: what its values are goes into variables.
fn set_from(sql: &str, all: &[Token<'_>]) -> Meaning {
    let value = |item: &[Token<'_>]| {
        let equals = outside_brackets(item, 0, |t| t.is_symbol('='))?;
        let (first, last) = (item.get(equals + 1)?, item.iter().rfind(|t| !t.is_symbol(';'))?);
        sql.get(first.from..last.to)
    };
    let values: Option<Vec<&str>> = at_commas(&all[1..]).into_iter().filter(|item| has_query(item)).map(value).collect();
    match values {
        Some(values) => shows(&format!("SELECT {}", values.join(", ")), Sent::ToServer),
        None => Meaning::Opaque("the statement cannot be understood"),
    }
}

/// Where a statement reads a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// In what it selects.
    Listed,
    /// Wherever it likes.
    Anywhere,
}

/// The variables that a statement reads: `@name`, and the settings of `current_setting('name')`; in lower case.
pub(crate) fn variables_read(sql: &str, dialect: Dialect, read: Read) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !sql.contains('@') && !sql.to_ascii_lowercase().contains("current_setting") {
        return found;
    }
    let all = tokens(sql, dialect);
    let mut lists = vec![true];
    for at in 0..all.len() {
        let token = &all[at];
        let is_listed = lists.last().copied().unwrap_or(true);
        if token.is_symbol('(') {
            lists.push(is_listed);
        } else if token.is_symbol(')') {
            lists.pop();
        } else if let Some(last) = lists.last_mut().filter(|_| ["select", "returning", "from", "where"].iter().any(|word| token.is(word))) {
            *last = token.is("select") || token.is("returning");
        }
        if !is_listed && read == Read::Listed {
            continue;
        }
        match dialect {
            Dialect::MySql if !is_assigned(&all, at) && !is_filled(&all, at) => found.extend(user_variable(token)),
            Dialect::PostgreSql if token.is("current_setting") => {
                if let Some(Kind::Text(name)) = all.get(at + 2).map(|t| &t.kind) {
                    found.insert(name.to_ascii_lowercase());
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether a statement fills the variable here: `INTO @a, @b`, `SET @a = …`.
fn is_filled(all: &[Token<'_>], at: usize) -> bool {
    let before = all[..at].iter().rev().find(|t| !t.is_symbol(',') && user_variable(t).is_none());
    before.is_some_and(|t| t.is("into") || t.is("set"))
}

/// The setting that `SHOW name` shows, in lower case.
pub(crate) fn setting_shown(sql: &str, dialect: Dialect) -> Option<String> {
    let all = tokens(sql, dialect);
    let is_show = dialect == Dialect::PostgreSql && all.first()?.is("show");
    let (parts, _) = qualified_name(&all, 1, dialect).filter(|_| is_show)?;
    Some(parts.join(".").to_lowercase())
}

/// Whether a statement of MySQL reads the clock of its session.
pub(crate) fn reads_clock(sql: &str, dialect: Dialect) -> bool {
    const CLOCKS: [&str; 12] = [
        "now",
        "curdate",
        "curtime",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "unix_timestamp",
        "utc_date",
        "utc_time",
        "utc_timestamp",
    ];
    tokens(sql, dialect).iter().any(|t| CLOCKS.iter().any(|clock| t.is(clock)))
}

/// `COPY (query) TO …`, `COPY table [(columns)] TO …`
fn copy(sql: &str, all: &[Token<'_>]) -> Meaning {
    let Some(to) = outside_brackets(all, 1, |t| t.is("to") || t.is("from")) else { return Meaning::Opaque("the COPY cannot be understood") };
    if all[to].is("from") {
        return match all.get(to + 1).is_some_and(|t| t.is("program")) {
            true => Meaning::Opaque("the statement runs a program at the server"),
            false => Meaning::Nobody(ShowsNobody::WriteWithoutQuery),
        };
    }
    let sent = if all.get(to + 1).is_some_and(|t| t.is("stdout")) { Sent::ToClient } else { Sent::ToServer };
    if all[1].is_symbol('(') {
        let end = after_bracket(all, 1).saturating_sub(1).max(2);
        return match (all.get(2), all.get(end)) {
            (Some(from), Some(close)) => shows(&sql[from.from..close.from.max(from.from)], sent),
            _ => Meaning::Opaque("the COPY cannot be understood"),
        };
    }
    let open = all[..to].iter().position(|t| t.is_symbol('('));
    let name = &sql[all[1].from..all[open.unwrap_or(to) - 1].to.max(all[1].to)];
    let columns = open.map_or("*", |open| {
        let close = after_bracket(all, open).saturating_sub(1).max(open + 1).min(to);
        &sql[all[open].to..all[close].from]
    });
    shows(&format!("SELECT {columns} FROM {name}"), sent)
}

/// `CREATE TABLE … AS query`, `CREATE MATERIALIZED VIEW … AS query`: the data moves into a table that can be read later.
fn created_from(sql: &str, all: &[Token<'_>]) -> Meaning {
    let stored = all.iter().take(6).any(|t| t.is("table") || t.is("materialized"));
    let Some(at) = outside_brackets(all, 1, |t| t.is("as")).filter(|_| stored) else {
        return Meaning::Nobody(ShowsNobody::DefinitionWithoutQuery);
    };
    all.get(at + 1).map_or(Meaning::Opaque("the statement is cut off"), |query| shows(&sql[query.from..], Sent::ToServer))
}

fn declare(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Option<Meaning> {
    let name = all.get(1)?.name(dialect)?;
    let cursor = all.iter().position(|t| t.is("cursor"))?;
    let at = outside_brackets(all, cursor, |t| t.is("for"))?;
    let query = sql[all.get(at + 1)?.from..].trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
    Some(Meaning::Command(Command::Declare { name, query }))
}

fn prepare(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Option<Meaning> {
    let name = all.get(1)?.name(dialect)?;
    let at = outside_brackets(all, 2, |t| t.is("as") || t.is("from"))?;
    let body = all.get(at + 1)?;
    let statement = match &body.kind {
        Kind::Text(text) if dialect == Dialect::MySql => text.clone(),
        _ => sql[body.from..].to_owned(),
    };
    let statement = statement.trim_end_matches(|c: char| c == ';' || c.is_whitespace()).to_owned();
    Some(Meaning::Command(Command::Prepare { name, statement }))
}

fn execute(all: &[Token<'_>], dialect: Dialect) -> Option<Meaning> {
    let name = all.get(1)?.name(dialect)?;
    if all.get(2).is_some_and(|t| t.is("using")) {
        return Some(Meaning::Command(Command::Execute { name, arguments: None }));
    }
    let mut arguments = Some(Vec::new());
    if all.get(2).is_some_and(|t| t.is_symbol('(')) {
        let mut at = 3;
        let end = after_bracket(all, 2).saturating_sub(1).max(3);
        while at < end {
            let stop = outside_brackets(&all[..end], at, |t| t.is_symbol(',')).unwrap_or(end);
            let argument = argument(&all[at..stop]);
            arguments = arguments.zip(argument).map(|(mut list, value)| {
                list.push(value);
                list
            });
            at = stop + 1;
        }
    }
    Some(Meaning::Command(Command::Execute { name, arguments }))
}

/// A constant argument, with a cast after it or not; `None` if it is no constant.
fn argument(part: &[Token<'_>]) -> Option<Option<String>> {
    let (sign, part) = match part {
        [minus, rest @ ..] if minus.is_symbol('-') => ("-", rest),
        part => ("", part),
    };
    let value = match &part.first()?.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(number) => Some(format!("{sign}{number}")),
        Kind::Word(word) if word.eq_ignore_ascii_case("null") => None,
        Kind::Word(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => Some(word.to_ascii_lowercase()),
        _ => return None,
    };
    (part.len() == 1 || part[1].is_symbol(':')).then_some(value)
}

fn fetch(all: &[Token<'_>], dialect: Dialect) -> Option<Meaning> {
    let shows = all.first()?.is("fetch");
    let name = all.iter().rev().find(|t| !t.is_symbol(';'))?.name(dialect)?;
    let direction: Vec<&Token<'_>> = all[1..].iter().rev().skip_while(|t| t.is_symbol(';')).skip(1).filter(|t| !t.is("from") && !t.is("in")).collect();
    let direction: Vec<&Token<'_>> = direction.into_iter().rev().collect();
    let number = |from: usize| {
        let sign = if direction.get(from).is_some_and(|t| t.is_symbol('-')) { -1 } else { 1 };
        direction.iter().skip(from).find_map(|t| if let Kind::Number(n) = t.kind { n.parse::<i64>().ok() } else { None }).map(|n| sign * n)
    };
    let all_between = |rows| Motion::Relative { rows, all_between: AllBetween::Yes };
    let word = |w: &str| direction.first().is_some_and(|t| t.is(w));
    let everything = direction.iter().any(|t| t.is("all"));
    let motion = if word("prior") {
        all_between(-1)
    } else if word("first") {
        Motion::Absolute(1)
    } else if word("last") {
        Motion::Absolute(-1)
    } else if word("absolute") {
        Motion::Absolute(number(1)?)
    } else if word("relative") {
        Motion::Relative { rows: number(1)?, all_between: AllBetween::No }
    } else if word("backward") {
        all_between(if everything { i64::MIN } else { number(1).unwrap_or(1).checked_neg()? })
    } else if everything {
        all_between(i64::MAX)
    } else if direction.is_empty() || word("next") {
        all_between(1)
    } else {
        all_between(if word("forward") { number(1).unwrap_or(1) } else { number(0)? })
    };
    Some(Meaning::Command(Command::Fetch { name, motion, shows }))
}

/// Where a cursor over `rows` rows stands after a motion from `position` (0 before the first, `rows + 1` after the
/// last), and the rows it fetched: how many to skip, how many to take. Source: PostgreSQL documentation, FETCH.
pub(crate) fn advance(position: u64, rows: u64, motion: Motion) -> (u64, Option<(u64, u64)>) {
    let after = rows.saturating_add(1);
    let one = |row: u64| (1..=rows).contains(&row).then(|| (row - 1, 1));
    match motion {
        Motion::Relative { rows: 0, .. } => (position, one(position)),
        Motion::Relative { rows: n, all_between: AllBetween::No } => {
            let target = position.saturating_add_signed(n).min(after);
            (target, one(target))
        }
        Motion::Relative { rows: n, all_between: AllBetween::Yes } if n > 0 => {
            let last = position.saturating_add(n.unsigned_abs()).min(rows);
            let target = position.saturating_add(n.unsigned_abs()).min(after);
            (target, (last > position).then(|| (position, last - position)))
        }
        Motion::Relative { rows: n, all_between: AllBetween::Yes } => {
            let target = position.saturating_sub(n.unsigned_abs());
            let first = target.max(1);
            (target, (position > first).then(|| (first - 1, position - first)))
        }
        Motion::Absolute(n) if n >= 0 => {
            let target = n.unsigned_abs().min(after);
            (target, one(target))
        }
        Motion::Absolute(n) => {
            let target = after.saturating_sub(n.unsigned_abs());
            (target, one(target))
        }
    }
}

/// The words of a statement that stand in no list of what is selected, in lower case: those of its conditions, joins and orders.
pub(crate) fn condition_words(sql: &str, dialect: Dialect) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut lists = vec![false];
    for token in tokens(sql, dialect) {
        let is_listed = lists.last().copied().unwrap_or_default();
        if token.is_symbol('(') {
            lists.push(is_listed);
        } else if token.is_symbol(')') {
            lists.pop();
        } else if token.is("select") || token.is("from") {
            if let Some(last) = lists.last_mut() {
                *last = token.is("select");
            }
        } else if let Some(name) = token.name(dialect).filter(|_| !is_listed) {
            found.insert(name.to_lowercase());
        }
    }
    found
}

/// Which values of a statement are not known.
pub(crate) struct Unknowns<'u> {
    pub(crate) parameters: &'u [Option<String>],
    /// Whether the parameters are those of the execution.
    pub(crate) parameters_known: bool,
}

impl Unknowns<'_> {
    fn hides(&self, expression: &Expr) -> bool {
        visit_expressions(expression, |e| match e {
            Expr::Value(value) if self.is_unknown(&value.value) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    }

    fn is_unknown(&self, value: &Literal) -> bool {
        match value {
            Literal::Placeholder(_) if !self.parameters_known => true,
            Literal::Placeholder(name) if name == "?" => self.parameters.iter().flatten().any(|p| strandline_history::evaluate::is_hidden(p)),
            value => matches!(strandline_history::evaluate::literal(value, self.parameters), Value::Unknown),
        }
    }
}

/// The statement over all values that are not known, and without its LIMIT: it shows at least what the statement showed.
/// `None` where that cannot be said, because a condition that is dropped would change what a row shows.
pub(crate) fn widen(sql: &str, dialect: Dialect, unknowns: &Unknowns<'_>) -> Option<String> {
    let Statement::Query(mut query) = strandline_history::writes::parse(sql, dialect)? else { return None };
    query.limit_clause = None;
    query.fetch = None;
    if !widen_body(&mut query, unknowns) {
        return None;
    }
    let hidden = visit_expressions(&query, |e| match e {
        Expr::Value(value) if unknowns.is_unknown(&value.value) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    hidden.is_continue().then(|| query.to_string())
}

fn widen_body(query: &mut Query, unknowns: &Unknowns<'_>) -> bool {
    let SetExpr::Select(select) = query.body.as_mut() else { return true };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(list, _) if list.is_empty()) || select.having.is_some();
    let computed = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => visit_expressions(expr, |e| match e {
            Expr::Function(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break(),
        _ => false,
    });
    if let Some(condition) = select.selection.take() {
        let hidden = unknowns.hides(&condition);
        select.selection = known_conjuncts(condition, unknowns);
        return !(hidden && (grouped || computed));
    }
    true
}

fn known_conjuncts(condition: Expr, unknowns: &Unknowns<'_>) -> Option<Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => match (known_conjuncts(*left, unknowns), known_conjuncts(*right, unknowns)) {
            (Some(left), Some(right)) => Some(Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }),
            (left, right) => left.or(right),
        },
        Expr::Nested(inner) => known_conjuncts(*inner, unknowns).map(|inner| Expr::Nested(Box::new(inner))),
        other if unknowns.hides(&other) => None,
        other => Some(other),
    }
}

/// The statement with the constants that its conditions compare columns with lifted into parameters, so that
/// statements of one shape are replayed together.
pub(crate) fn shape(sql: &str, dialect: Dialect, parameters: &mut Vec<Option<String>>) -> String {
    if dialect == Dialect::MySql || sql.contains('?') {
        return sql.to_owned();
    }
    let Some(Statement::Query(mut query)) = strandline_history::writes::parse(sql, dialect) else { return sql.to_owned() };
    let highest = tokens(sql, dialect)
        .iter()
        .filter_map(|t| if let Kind::Placeholder(p) = t.kind { p.trim_start_matches('$').parse::<usize>().ok() } else { None })
        .max()
        .unwrap_or(0);
    if highest != parameters.len() {
        return sql.to_owned();
    }
    let before = parameters.len();
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(condition) = select.selection.as_mut()
    {
        lift(condition, parameters);
    }
    if parameters.len() == before { sql.to_owned() } else { query.to_string() }
}

fn lift(condition: &mut Expr, parameters: &mut Vec<Option<String>>) {
    match condition {
        Expr::Nested(inner) => lift(inner, parameters),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            lift(left, parameters);
            lift(right, parameters);
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if matches!(left.as_ref(), Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => {
            if let Expr::Value(value) = right.as_mut()
                && let Literal::SingleQuotedString(text) = &value.value
            {
                parameters.push(Some(text.clone()));
                value.value = Literal::Placeholder(format!("${}", parameters.len()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &str) {
        let meaning = match understand(sql, Dialect::PostgreSql) {
            Meaning::Shows(shown) => {
                format!("{}{}", shown.sql, if shown.sent == Sent::ToServer { " ->server" } else { "" })
            }
            other => format!("{other:?}"),
        };
        assert_eq!(meaning, expected);
    }

    #[test]
    fn statements_are_understood() {
        check("SELECT 1;", "SELECT 1");
        check("select a into b from c", "select a from c ->server");
        check("COPY (SELECT a FROM (t)) TO STDOUT", "SELECT a FROM (t)");
        check("copy hr.staff (a, b) to '/tmp/x'", "SELECT a, b FROM hr.staff ->server");
        check("COPY hr.staff TO STDOUT WITH CSV", "SELECT * FROM hr.staff");
        check("COPY hr.staff FROM stdin", "Nobody(WriteWithoutQuery)");
        check("CREATE TEMP TABLE x AS SELECT * FROM y", "SELECT * FROM y ->server");
        check("UPDATE t SET a = 1;", "Writes(\"UPDATE t SET a = 1\")");
        check("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "Writes(\"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x\")");
        check("WITH x AS (SELECT 'delete' AS update) SELECT * FROM x", "WITH x AS (SELECT 'delete' AS update) SELECT * FROM x");
        check("BEGIN", "Nobody(TransactionControl)");
        check("DECLARE c1 NO SCROLL CURSOR WITH HOLD FOR SELECT 1", "Command(Declare { name: \"c1\", query: \"SELECT 1\" })");
        check("PREPARE p (text) AS SELECT $1;", "Command(Prepare { name: \"p\", statement: \"SELECT $1\" })");
        check("EXECUTE p ('a', -1, NULL)", "Command(Execute { name: \"p\", arguments: Some([Some(\"a\"), Some(\"-1\"), None]) })");
        check("EXECUTE p (now())", "Command(Execute { name: \"p\", arguments: None })");
        check("CALL f()", "Opaque(\"the statement runs code of the database\")");
    }

    fn check_mysql(sql: &str, expected: &str) {
        let meaning = match understand(sql, Dialect::MySql) {
            Meaning::Shows(shown) => format!("{}{}", shown.sql, if shown.sent == Sent::ToServer { " ->server" } else { "" }),
            other => format!("{other:?}"),
        };
        assert_eq!(meaning, expected);
    }

    #[test]
    fn what_goes_into_a_variable_is_not_sent() {
        check_mysql("SELECT a, b INTO @x, @y FROM t WHERE c = 1", "SELECT a, b FROM t WHERE c = 1 ->server");
        check_mysql("SELECT a FROM t WHERE c = 1 INTO @x;", "SELECT a FROM t WHERE c = 1 ->server");
        check_mysql("SELECT a FROM t LIMIT 1 INTO @x FOR UPDATE", "SELECT a FROM t LIMIT 1 FOR UPDATE ->server");
        check_mysql("(SELECT a FROM t) INTO @x", "(SELECT a FROM t) ->server");
        check_mysql("SELECT a FROM t UNION SELECT 1 LIMIT 1 INTO @x", "SELECT a FROM t UNION SELECT 1 LIMIT 1 ->server");
        check_mysql("WITH q AS (SELECT a FROM t) SELECT a FROM q INTO @x", "WITH q AS (SELECT a FROM t) SELECT a FROM q ->server");
        check_mysql("SELECT a FROM t INTO OUTFILE '/tmp/x'", "SELECT a FROM t ->server");
        check_mysql("SET @a = (SELECT b FROM t), @c = 1", "SELECT (SELECT b FROM t) ->server");
        check_mysql("SET @a = 1", "Nobody(SessionSetting)");
        check_mysql("SET STATEMENT max_statement_time = 1 FOR SELECT a FROM t", "SELECT a FROM t");
        check_mysql("SELECT @a := b FROM t", "SELECT @a := b FROM t");
    }

    #[test]
    fn variables_are_read_where_they_stand() {
        let check = |sql: &str, dialect, read, expected: &str| {
            assert_eq!(variables_read(sql, dialect, read).into_iter().collect::<Vec<_>>().join(" "), expected, "{sql}");
        };
        let (mysql, postgres) = (Dialect::MySql, Dialect::PostgreSql);
        check("SELECT @a, CONCAT(@B, 'x@y') FROM t WHERE c = @d ORDER BY @e", mysql, Read::Listed, "@a @b");
        check("SELECT @a FROM t WHERE c IN (SELECT @b FROM u WHERE d = @e)", mysql, Read::Listed, "@a @b");
        check("SELECT @a := @b + 1, @@version INTO @c, @d", mysql, Read::Listed, "@b");
        check("INSERT INTO t VALUES (1, @a)", mysql, Read::Anywhere, "@a");
        check("UPDATE t SET b = 'a@b' WHERE c = 1", mysql, Read::Anywhere, "");
        check("SELECT current_setting('App.V', true) FROM t WHERE a = current_setting('app.w')", postgres, Read::Listed, "app.v");
        check("SELECT 1 FROM t WHERE a = current_setting('app.w')::int", postgres, Read::Anywhere, "app.w");
        assert_eq!(setting_shown("SHOW \"app.v\"", postgres).as_deref(), Some("app.v"));
        assert_eq!(setting_shown("show app.v;", postgres).as_deref(), Some("app.v"));
        assert_eq!(setting_shown("SHOW TABLES", mysql), None);
        assert!(reads_clock("SELECT a FROM t WHERE b < NOW()", mysql) && reads_clock("SELECT CURRENT_DATE", mysql));
        assert!(!reads_clock("SELECT 'now', SYSDATE() FROM t", mysql));
    }

    #[test]
    fn cursors_move_as_the_manual_says() {
        let run = |sql: &[&str]| {
            let mut position = 0;
            let mut windows = Vec::new();
            for statement in sql {
                let Meaning::Command(Command::Fetch { motion, .. }) = understand(statement, Dialect::PostgreSql) else { panic!("a FETCH: {statement}") };
                let (next, window) = advance(position, 10, motion);
                position = next;
                windows.push(window);
            }
            windows
        };
        assert_eq!(run(&["FETCH 3 FROM c", "FETCH c", "MOVE 2 IN c", "FETCH ALL c"]), [Some((0, 3)), Some((3, 1)), Some((4, 2)), Some((6, 4))]);
        assert_eq!(
            run(&["FETCH LAST c", "FETCH BACKWARD 2 c", "FETCH PRIOR c", "FETCH RELATIVE -6 FROM c"]),
            [Some((9, 1)), Some((7, 2)), Some((6, 1)), Some((0, 1))]
        );
        assert_eq!(
            run(&["FETCH 20 c", "FETCH c", "FETCH BACKWARD ALL c", "FETCH ABSOLUTE 4 c", "FETCH 0 c"]),
            [Some((0, 10)), None, Some((0, 10)), Some((3, 1)), Some((3, 1))]
        );
        assert_eq!(run(&["FETCH ABSOLUTE -11 c", "FETCH FORWARD 2 c", "FETCH -1 c"]), [None, Some((0, 2)), Some((0, 1))]);
    }

    #[test]
    fn unknown_values_widen_a_statement() {
        let unknown = Unknowns { parameters: &[], parameters_known: false };
        let wide = |sql: &str| widen(sql, Dialect::PostgreSql, &unknown);
        assert_eq!(wide("SELECT a FROM t WHERE b = $1 AND c = 2 LIMIT 5").as_deref(), Some("SELECT a FROM t WHERE c = 2"));
        assert_eq!(wide("SELECT a FROM t WHERE b = '[masked]'").as_deref(), Some("SELECT a FROM t"));
        assert_eq!(wide("SELECT count(*) FROM t WHERE b = $1"), None);
        assert_eq!(wide("SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.x = $1)").as_deref(), Some("SELECT a FROM t"));
    }

    #[test]
    fn constants_are_lifted_into_one_shape() {
        let mut parameters = vec![Some("x".to_owned())];
        assert_eq!(
            shape("SELECT a FROM t WHERE b = $1 AND c = 'y' LIMIT 3", Dialect::PostgreSql, &mut parameters),
            "SELECT a FROM t WHERE b = $1 AND c = $2 LIMIT 3"
        );
        assert_eq!(parameters, [Some("x".to_owned()), Some("y".to_owned())]);
    }
}
