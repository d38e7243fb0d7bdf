//! Statements that another one ran: pgaudit gives all that one statement of a client runs its number.

use std::collections::HashMap;
use std::sync::Arc;

use strandline_model::event::{EMPTY_OR_NULL, RecordKind};

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
    let mut out = Vec::new();
    let mut rest = statement;
    while let Some(open) = rest.find('(') {
        let named = rest[..open].trim_end().ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
        rest = &rest[open + 1..];
        if let Some(call) = named.then(|| constants(rest)).flatten() {
            out.push(call);
        }
    }
    out
}

/// The constants up to a closing bracket; nothing where anything else stands there.
fn constants(mut rest: &str) -> Option<Vec<Option<String>>> {
    let mut out = Vec::new();
    rest = rest.trim_start();
    if rest.starts_with(')') {
        return Some(out);
    }
    loop {
        let (value, after) = constant(rest.trim_start())?;
        out.push(value);
        rest = after.trim_start();
        if let Some(kind) = rest.strip_prefix("::") {
            rest = kind.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | ' ' | '[' | ']'));
        }
        match rest.chars().next()? {
            ',' if out.len() < MOST_ARGUMENTS => rest = &rest[1..],
            ')' => return Some(out),
            _ => return None,
        }
    }
}

fn constant(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(mut rest) = text.strip_prefix('\'') {
        let mut value = String::new();
        loop {
            let end = rest.find('\'')?;
            value.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    rest = after;
                }
                None => return Some((Some(value), rest)),
            }
        }
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '+' | '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match word {
        _ if word.eq_ignore_ascii_case("null") => Some((None, rest)),
        _ if word.parse::<f64>().is_ok() => Some((Some(word.to_owned()), rest)),
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
        check("select 1 where x in (1, 2) and f(g(7))", &[&[Some("1"), Some("2")], &[Some("7")]]);
    }
}
