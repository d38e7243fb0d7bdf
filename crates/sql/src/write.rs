//! Writes that carry a query: what they move from one place to another, and what they send back by RETURNING.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, visit_expressions};

use crate::Dialect;
use crate::ShowsNobody;
use crate::function::{Effect, effect};
use crate::lexer::{Kind, Token, after_bracket, outside_brackets, qualified_name, tokens};
use crate::names::{names, parse, parts};
use crate::statement::{Meaning, Sent, Shown};

const NOT_UNDERSTOOD: Meaning = Meaning::Opaque("the statement cannot be understood");

/// The text of these tokens.
fn text<'s>(sql: &'s str, part: &[Token<'_>]) -> &'s str {
    match (part.first(), part.last()) {
        (Some(first), Some(last)) => sql.get(first.from..last.to).unwrap_or_default(),
        _ => "",
    }
}

/// The parts between the commas outside brackets.
fn listed<'a, 't>(part: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let mut out = Vec::new();
    let mut rest = part;
    while let Some(comma) = outside_brackets(rest, 0, |t| t.is_symbol(',')) {
        out.push(&rest[..comma]);
        rest = &rest[comma + 1..];
    }
    out.push(rest);
    out.retain(|item| !item.is_empty());
    out
}

fn has_query(part: &[Token<'_>]) -> bool {
    let in_bracket = |two: &[Token<'_>]| two[0].is_symbol('(') && (two[1].is("table") || two[1].is("values") || two[1].is("with"));
    part.iter().any(|t| t.is("select")) || part.windows(2).any(in_bracket)
}

/// Whether a text calls what is not one of the server's own functions, or reads what its argument says.
fn calls_code(sql: &str, part: &[Token<'_>], dialect: Dialect) -> bool {
    let before_bracket = |two: &[Token<'_>]| matches!(two[0].kind, Kind::Word(_) | Kind::Quoted(_)) && two[1].is_symbol('(');
    part.windows(2).any(before_bracket) && names(sql, dialect).calls.iter().any(|call| effect(call, dialect) > Effect::ChangesState)
}

/// Whether the value of an expression comes from a row or from code: a query, a column other than `own`, an unknown call.
pub(crate) fn carries(list: &str, own: Option<&str>, dialect: Dialect) -> bool {
    let all = tokens(list, dialect);
    let plain = |t: &Token<'_>| ["null", "true", "false", "default"].iter().any(|word| t.is(word)) || !matches!(t.kind, Kind::Word(_) | Kind::Quoted(_));
    if all.iter().all(plain) {
        return false;
    }
    let select = format!("SELECT {list}");
    if has_query(&all) || calls_code(&select, &all, dialect) {
        return true;
    }
    let Some(statement) = parse(&select, dialect) else { return true };
    let is_own = |name: &str| name.eq_ignore_ascii_case("default") || name.starts_with('@') || own.is_some_and(|own| own.eq_ignore_ascii_case(name));
    visit_expressions(&statement, |expression| {
        let column = match expression {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(idents) => idents.last(),
            _ => None,
        };
        match column {
            Some(column) if !is_own(&column.value) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })
    .is_break()
}

/// A write that moves nothing by a query, unless it calls what may do so.
fn plain_write(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    match calls_code(sql, all, dialect) {
        true => Meaning::Opaque("the statement runs code of the database"),
        false => Meaning::Nobody(ShowsNobody::WriteWithoutQuery),
    }
}

fn meaning(shown: Vec<Shown>, sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    if shown.is_empty() { plain_write(sql, all, dialect) } else { Meaning::Shows(shown) }
}

/// Without the semicolons at the end.
fn trimmed<'a, 't>(all: &'a [Token<'t>]) -> &'a [Token<'t>] {
    let end = all.iter().rposition(|t| !t.is_symbol(';')).map_or(0, |last| last + 1);
    &all[..end]
}

/// Where the clauses of an INSERT stand.
struct Insert<'a, 't> {
    target: &'a [Token<'t>],
    columns: Option<Vec<String>>,
    source: &'a [Token<'t>],
    conflict: &'a [Token<'t>],
    returning: &'a [Token<'t>],
}

fn clauses<'a, 't>(all: &'a [Token<'t>], dialect: Dialect) -> Option<Insert<'a, 't>> {
    let mut at = 1;
    while all.get(at).is_some_and(|t| ["low_priority", "delayed", "high_priority", "ignore", "into"].iter().any(|word| t.is(word))) {
        at += 1;
    }
    let (_, mut after) = qualified_name(all, at, dialect)?;
    if all.get(after).is_some_and(|t| t.is("as")) {
        after = (after + 2).min(all.len());
    }
    let begins = |at: usize| {
        let query = |t: &Token<'_>| t.is("select") || t.is("with");
        let word = ["select", "with", "values", "value", "table", "set", "default"].iter().any(|word| all[at].is(word));
        word || (all[at].is_symbol('(') && all.get(at + 1).is_some_and(query))
    };
    let mut source = after;
    while !begins(source) {
        source = if all[source].is_symbol('(') { after_bracket(all, source) } else { source + 1 };
        all.get(source)?;
    }
    let list = all[after..source].iter().position(|t| t.is_symbol('(')).map(|open| after + open);
    let columns = list
        .and_then(|open| listed(&all[open + 1..after_bracket(all, open).saturating_sub(1).max(open + 1)]).into_iter().map(|c| c[0].name(dialect)).collect());
    let returning = outside_brackets(all, source, |t| t.is("returning")).unwrap_or(all.len());
    let conflict =
        (source..returning).find(|at| all[*at].is("on") && all.get(at + 1).is_some_and(|t| t.is("conflict") || t.is("duplicate"))).unwrap_or(returning);
    Some(Insert {
        target: &all[at..after],
        columns,
        source: &all[source..conflict],
        conflict: &all[conflict..returning],
        returning: all.get(returning + 1..).unwrap_or_default(),
    })
}

/// `INSERT`, `REPLACE`: the rows of its query, and of `RETURNING`.
pub(crate) fn insert(sql: &str, all: &[Token<'_>], prefix: &str, dialect: Dialect) -> Meaning {
    let all = trimmed(all);
    let Some(insert) = all.get(1).and_then(|_| clauses(all, dialect)) else { return NOT_UNDERSTOOD };
    let sent = if insert.returning.is_empty() { Sent::ToServer } else { Sent::Changed };
    let mut shown = Vec::new();
    let Some(first) = insert.source.first() else { return NOT_UNDERSTOOD };
    if first.is("values") || first.is("value") {
        let carrying = rows(insert.source).into_iter().map(|row| text(sql, row)).filter(|row| carries(row, None, dialect));
        shown.extend(carrying.map(|row| Shown::uncounted(&format!("{prefix}SELECT {}", without_defaults(row, dialect)), sent)));
    } else if first.is("set") {
        shown.extend(assigned(sql, &insert.source[1..], prefix, sent, dialect));
    } else if !first.is("default") {
        shown.push(Shown::rows(&format!("{prefix}{}", text(sql, insert.source)), sent));
    }
    let updates = insert.conflict.iter().position(|t| t.is("set") || (t.is("update") && !insert.conflict.iter().any(|t| t.is("set"))));
    if let Some(update) = updates {
        let end = outside_brackets(insert.conflict, update, |t| t.is("where")).unwrap_or(insert.conflict.len());
        if assignments(&insert.conflict[update + 1..end]).iter().any(|(own, value)| carries(text(sql, value), own.as_deref(), dialect)) {
            shown.push(Shown::tables(sql, sent));
        }
    }
    if updates.is_some() && !insert.returning.is_empty() {
        shown.push(upserted(sql, &insert, dialect));
    } else if has_query(insert.returning) || calls_code(sql, insert.returning, dialect) {
        shown.push(Shown::tables(sql, sent));
    }
    meaning(shown, sql, all, dialect)
}

/// The rows of VALUES, without their brackets.
fn rows<'a, 't>(source: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let mut out = Vec::new();
    let mut at = 1;
    while at < source.len() {
        if source[at].is_symbol('(') {
            let after = after_bracket(source, at);
            out.push(&source[at + 1..after.saturating_sub(1).max(at + 1)]);
            at = after;
        } else {
            at += 1;
        }
    }
    out
}

/// DEFAULT is no expression.
fn without_defaults(row: &str, dialect: Dialect) -> String {
    let mut out = String::new();
    let mut copied = 0;
    for token in tokens(row, dialect).iter().filter(|t| t.is("default")) {
        out.push_str(&row[copied..token.from]);
        out.push_str("NULL");
        copied = token.to;
    }
    out.push_str(&row[copied..]);
    out
}

/// `column = value, …`: the column, where it is one, and the value.
fn assignments<'a, 't>(part: &'a [Token<'t>]) -> Vec<(Option<String>, &'a [Token<'t>])> {
    let split = |item: &'a [Token<'t>]| {
        let equals = outside_brackets(item, 0, |t| t.is_symbol('=')).unwrap_or(item.len().saturating_sub(1));
        let column = item[..equals].iter().rev().find_map(|t| t.name(Dialect::MySql)).filter(|_| !item[0].is_symbol('('));
        (column, item.get(equals + 1..).unwrap_or_default())
    };
    listed(part).into_iter().map(split).collect()
}

/// The query of the values that `column = value, …` carries, if any does.
fn assigned(sql: &str, part: &[Token<'_>], prefix: &str, sent: Sent, dialect: Dialect) -> Option<Shown> {
    let carried: Vec<&str> = assignments(part)
        .into_iter()
        .map(|(own, value)| (own, text(sql, value)))
        .filter(|(own, value)| carries(value, own.as_deref(), dialect))
        .map(|(_, v)| v)
        .collect();
    (!carried.is_empty()).then(|| Shown::uncounted(&format!("{prefix}SELECT {}", carried.join(", ")), sent))
}

/// The rows that stood there already and were changed and sent: those with the keys that were to be inserted.
fn upserted(sql: &str, insert: &Insert<'_, '_>, dialect: Dialect) -> Shown {
    let list = text(sql, insert.returning);
    let target = text(sql, insert.target);
    match conflicting(sql, insert, dialect) {
        Some(condition) => Shown { as_before: true, ..Shown::uncounted(&format!("SELECT {list} FROM {target} WHERE {condition}"), Sent::Changed) },
        None => Shown { as_before: true, ..Shown::uncounted(&format!("SELECT {list} FROM {target}"), Sent::Perhaps) },
    }
}

/// The condition that chooses the rows whose key was given; `None` if it cannot be told which columns are the key.
fn conflicting(sql: &str, insert: &Insert<'_, '_>, dialect: Dialect) -> Option<String> {
    let columns = insert.columns.as_ref()?;
    let open = insert.conflict.iter().position(|t| t.is_symbol('(')).filter(|at| *at == 2)?;
    let keys: Option<Vec<String>> = listed(&insert.conflict[open + 1..after_bracket(insert.conflict, open).saturating_sub(1).max(open + 1)])
        .into_iter()
        .map(|key| key[0].name(dialect))
        .collect();
    let places: Option<Vec<(usize, String)>> = keys?.into_iter().map(|key| Some((columns.iter().position(|c| *c == key)?, key))).collect();
    let places = places.filter(|places| !places.is_empty())?;
    if !insert.source.first()?.is("values") {
        return None;
    }
    let one = |row: &[Token<'_>]| {
        let values = listed(row);
        let equal = |(at, key): &(usize, String)| {
            let value = text(sql, values.get(*at)?);
            (!carries(value, None, dialect) && !value.eq_ignore_ascii_case("default")).then(|| format!("\"{}\" = {value}", key.replace('"', "\"\"")))
        };
        let all: Option<Vec<String>> = places.iter().map(equal).collect();
        Some(format!("({})", all?.join(" AND ")))
    };
    let rows: Option<Vec<String>> = rows(insert.source).into_iter().map(one).collect();
    rows.filter(|rows| !rows.is_empty()).map(|rows| rows.join(" OR "))
}

/// `UPDATE`: the values that it moves, and the rows of `RETURNING`.
pub(crate) fn update(sql: &str, all: &[Token<'_>], prefix: &str, dialect: Dialect) -> Meaning {
    let all = trimmed(all);
    let modifiers = ["only", "low_priority", "ignore"];
    let first = (1..all.len()).find(|at| !modifiers.iter().any(|word| all[*at].is(word)));
    let (Some(first), Some(set)) = (first, outside_brackets(all, 1, |t| t.is("set"))) else { return NOT_UNDERSTOOD };
    let clause = |words: &[&str], from: usize| {
        let mut depth = 0_usize;
        (from..all.len()).find(|at| {
            match all[*at].kind {
                Kind::Symbol('(') => depth += 1,
                Kind::Symbol(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && words.iter().any(|word| all[*at].is(word)) && !all[at - 1].is("distinct")
        })
    };
    let returning = clause(&["returning"], set).unwrap_or(all.len());
    let condition = clause(&["where", "order", "limit"], set).unwrap_or(returning).min(returning);
    let from = clause(&["from"], set).unwrap_or(condition).min(condition);
    let tables = match text(sql, all.get(from + 1..condition).unwrap_or_default()) {
        "" => text(sql, &all[first..set.max(first)]).to_owned(),
        more => format!("{}, {more}", text(sql, &all[first..set.max(first)])),
    };
    let rest = format!("FROM {tables} {}", text(sql, &all[condition..returning]));
    let list = all.get(returning + 1..).unwrap_or_default();
    let changes = assignments(&all[set + 1..from]);
    let sent = if list.is_empty() { Sent::ToServer } else { Sent::Changed };
    let mut shown = moved(sql, &changes, (prefix, &rest), sent, dialect);
    if !list.is_empty() {
        let own: Option<Vec<&str>> = changes.iter().map(|(column, _)| column.as_deref()).collect();
        let as_it_was = own.is_some_and(|own| reads_none_of(text(sql, list), &own, dialect));
        let sent = if as_it_was { Sent::ToClient } else { Sent::Changed };
        shown.push(Shown::before(format!("{prefix}SELECT {} {rest}", text(sql, list)).trim_end(), sent));
    }
    meaning(shown, sql, all, dialect)
}

/// The query of the values that an UPDATE moves into other columns.
fn moved(sql: &str, changes: &[(Option<String>, &[Token<'_>])], (prefix, rest): (&str, &str), sent: Sent, dialect: Dialect) -> Vec<Shown> {
    let mut carried = Vec::new();
    let mut shown = Vec::new();
    for (column, value) in changes {
        let written = text(sql, value);
        match column {
            Some(own) if carries(written, Some(own), dialect) => carried.push(written),
            Some(_) => {}
            // `(a, b) = (SELECT …)` is one value of several columns.
            None if has_query(value) => shown.push(Shown::tables(sql, sent)),
            None => {
                let open = value.iter().position(|t| t.is_symbol('('));
                let values = open.map_or(&value[..], |open| &value[open + 1..after_bracket(value, open).saturating_sub(1).max(open + 1)]);
                carried.extend(listed(values).into_iter().map(|v| text(sql, v)).filter(|v| carries(v, None, dialect)));
            }
        }
    }
    if !carried.is_empty() {
        shown.push(Shown::before(format!("{prefix}SELECT {} {rest}", carried.join(", ")).trim_end(), sent));
    }
    shown
}

/// Whether what RETURNING lists has none of these columns in it, so that it sends what stood there before.
fn reads_none_of(list: &str, columns: &[&str], dialect: Dialect) -> bool {
    let all = tokens(list, dialect);
    if has_query(&all) || all.iter().enumerate().any(|(at, t)| t.is_symbol('*') && (at == 0 || all[at - 1].is_symbol('.') || all[at - 1].is_symbol(','))) {
        return false;
    }
    !all.iter().filter_map(|t| t.name(dialect)).any(|name| columns.iter().any(|column| column.eq_ignore_ascii_case(&name)))
}

/// `DELETE`: the rows of `RETURNING`. What it chooses by goes nowhere.
pub(crate) fn delete(sql: &str, all: &[Token<'_>], prefix: &str, dialect: Dialect) -> Meaning {
    let all = trimmed(all);
    let Some(returning) = outside_brackets(all, 1, |t| t.is("returning")) else { return plain_write(sql, all, dialect) };
    let Some(from) = outside_brackets(all, 1, |t| t.is("from")) else { return NOT_UNDERSTOOD };
    let first = from + 1 + usize::from(all.get(from + 1).is_some_and(|t| t.is("only")));
    let condition = outside_brackets(all, from, |t| ["where", "order", "limit"].iter().any(|word| t.is(word))).unwrap_or(returning).min(returning);
    let using = outside_brackets(all, from, |t| t.is("using")).unwrap_or(condition).min(condition);
    let list = text(sql, all.get(returning + 1..).unwrap_or_default());
    if first >= using || list.is_empty() {
        return NOT_UNDERSTOOD;
    }
    let tables = match text(sql, all.get(using + 1..condition).unwrap_or_default()) {
        "" => text(sql, &all[first..using]).to_owned(),
        more => format!("{}, {more}", text(sql, &all[first..using])),
    };
    let query = format!("{prefix}SELECT {list} FROM {tables} {}", text(sql, &all[condition..returning]));
    Meaning::Shows(vec![Shown::before(query.trim_end(), Sent::ToClient)])
}

/// `SET` of MySQL: a variable may keep what a query found, and `SET STATEMENT … FOR` runs a statement.
pub(crate) fn set(sql: &str, all: &[Token<'_>], dialect: Dialect) -> Meaning {
    let all = trimmed(all);
    let values = assignments(all.get(1..).unwrap_or_default());
    let carried: Vec<&str> =
        values.iter().filter(|(_, v)| has_query(v) || calls_code(&format!("SELECT {}", text(sql, v)), v, dialect)).map(|(_, v)| text(sql, v)).collect();
    match carried.is_empty() {
        true => Meaning::Nobody(ShowsNobody::SessionSetting),
        false => Meaning::Shows(vec![Shown::uncounted(&format!("SELECT {}", carried.join(", ")), Sent::ToServer)]),
    }
}

/// The relations that a statement writes into: the target of an INSERT, UPDATE, DELETE or CREATE TABLE … AS.
pub fn written(sql: &str, dialect: Dialect) -> Option<Vec<String>> {
    use sqlparser::ast::{FromTable, Statement, TableFactor, TableObject};
    let named = |factor: &TableFactor| match factor {
        TableFactor::Table { name, .. } => Some(parts(name, dialect)),
        _ => None,
    };
    match parse(sql, dialect)? {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(parts(name, dialect)),
            _ => None,
        },
        Statement::Update(update) => named(&update.table.relation),
        Statement::Delete(delete) => match &delete.from {
            FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => tables.first().and_then(|table| named(&table.relation)),
        },
        Statement::CreateTable(table) => Some(parts(&table.name, dialect)),
        _ => None,
    }
}
