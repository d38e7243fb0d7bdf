//! Statements that another one ran: pgaudit gives all that one statement of a client runs its number.

use std::collections::HashMap;
use std::sync::Arc;

use strandline_model::event::{EMPTY_OR_NULL, RecordKind};
use strandline_sql::Dialect;
use strandline_sql::lexer::{Kind, Token, tokens};

use crate::statements::{Execution, audits, first_word};

/// Statements that run another one for their client: its rows are what the client gets.
const CARRIERS: [&str; 6] = ["copy", "execute", "explain", "declare", "fetch", "prepare"];

/// Marks reads that another statement ran. pgaudit gives all that one statement runs its number, in the order in which they are written, which
/// is not that in which they are nested: so each read of several is marked, but those that `log_statement` tells of, since it tells of what a client sent alone.
pub(crate) fn mark_within(all: &mut [Execution]) {
    let mut together: HashMap<(Arc<str>, i64), Vec<usize>> = HashMap::new();
    for (at, e) in all.iter().enumerate() {
        if let Some(number) = e.statement_id.filter(|_| e.kinds.iter().any(|kind| audits(*kind))) {
            together.entry((e.source.clone(), number)).or_default().push(at);
        }
    }
    let is_carrier = |e: &Execution| CARRIERS.contains(&first_word(&e.lifted.shape));
    for group in together.into_values().filter(|group| group.len() > 1) {
        settle_parameters(all, &group);
        if group.iter().any(|at| is_carrier(&all[*at])) {
            continue;
        }
        for at in group {
            let is_sent = all[at].kinds.iter().any(|kind| matches!(kind, RecordKind::Statement | RecordKind::Execute));
            let is_query = ["select", "with", "table", "values"].contains(&first_word(&all[at].lifted.shape));
            all[at].is_within = is_query && !is_sent;
        }
    }
}

/// Arguments of one call that are compared.
const MOST_ARGUMENTS: usize = 128;

/// What a function's own statement was given stands in the statement that called it, where NULL and an empty text differ: the parameters that
/// the record leaves open are those of the one call that agrees with all others.
fn settle_parameters(all: &mut [Execution], group: &[usize]) {
    let is_open = |e: &Execution| e.parameters.iter().flatten().any(|value| value.as_deref() == Some(EMPTY_OR_NULL));
    let open: Vec<usize> = group.iter().copied().filter(|at| is_open(&all[*at])).collect();
    for at in open {
        let given = all[at].parameters.clone().unwrap_or_default();
        let agrees = |call: &Vec<Option<String>>| {
            // Behind its arguments a function's own variables may stand.
            call.len() <= given.len()
                && call.iter().zip(&given).all(|(told, value)| match value.as_deref() {
                    Some(EMPTY_OR_NULL) => told.as_deref().is_none_or(str::is_empty),
                    value => told.as_deref() == value,
                })
        };
        let mut calls: Vec<Vec<Option<String>>> = group
            .iter()
            .filter(|other| **other != at)
            .flat_map(|other| calls(&all[*other].statement))
            .filter(|call| !call.is_empty() && agrees(call))
            .collect();
        calls.sort();
        calls.dedup();
        let longest = calls.iter().map(Vec::len).max().unwrap_or(0);
        let mut fitting = calls.into_iter().filter(|call| call.len() == longest);
        if let (Some(call), None) = (fitting.next(), fitting.next()) {
            let told = call.into_iter().map(|value| value.map(Arc::from)).chain(given.into_iter().skip(longest));
            all[at].parameters = Some(told.collect());
        }
    }
}

/// The arguments of each call in a statement that has constants alone; `None` is NULL.
fn calls(statement: &str) -> Vec<Vec<Option<String>>> {
    let all = tokens(statement, Dialect::PostgreSql);
    let is_call = |open: &usize| all[*open].is_symbol('(') && open.checked_sub(1).is_some_and(|before| all[before].name(Dialect::PostgreSql).is_some());
    (0..all.len()).filter(is_call).filter_map(|open| constants(&all[open + 1..])).collect()
}

/// The constants up to a closing bracket; nothing where anything else stands there.
fn constants(mut rest: &[Token<'_>]) -> Option<Vec<Option<String>>> {
    let mut out = Vec::new();
    if rest.first()?.is_symbol(')') {
        return Some(out);
    }
    loop {
        let (value, after) = constant(rest)?;
        out.push(value);
        rest = after;
        if matches!(rest, [one, other, ..] if one.is_symbol(':') && other.is_symbol(':')) {
            let is_type = |t: &&Token<'_>| matches!(t.kind, Kind::Word(_) | Kind::Quoted(_) | Kind::Number(_) | Kind::Symbol('.' | '[' | ']'));
            rest = &rest[2 + rest[2..].iter().take_while(is_type).count()..];
        }
        let (next, after) = rest.split_first()?;
        match next.kind {
            Kind::Symbol(',') if out.len() < MOST_ARGUMENTS => rest = after,
            Kind::Symbol(')') => return Some(out),
            _ => return None,
        }
    }
}

fn constant<'r, 't>(rest: &'r [Token<'t>]) -> Option<(Option<String>, &'r [Token<'t>])> {
    let sign = rest.first().filter(|t| t.is_symbol('-')).map_or("", |_| "-");
    let (value, after) = rest[sign.len()..].split_first()?;
    match &value.kind {
        Kind::Text(text) if sign.is_empty() => Some((Some(text.clone()), after)),
        Kind::Number(number) => Some((Some(format!("{sign}{number}")), after)),
        _ if value.is("null") && sign.is_empty() => Some((None, after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, expected: &[&[Option<&str>]]) {
        let have = calls(statement);
        let have: Vec<Vec<Option<&str>>> = have.iter().map(|call| call.iter().map(Option::as_deref).collect()).collect();
        assert_eq!(have, expected, "{statement}");
    }

    #[test]
    fn calls_of_constants_are_read() {
        check(
            r#"SELECT * FROM "public"."find"('3', NULL, 'it''s', -4.5, ''::text, 'x'::character varying )"#,
            &[&[Some("3"), None, Some("it's"), Some("-4.5"), Some(""), Some("x")]],
        );
        check("select a(), b(c), d('x", &[&[]]);
        check("select f(U&'\\0061' /* it's */, E'it\\'s')", &[&[Some("a"), Some("it's")]]);
        check("select 1 where x in (1, 2) and f(g(7))", &[&[Some("1"), Some("2")], &[Some("7")]]);
    }
}
