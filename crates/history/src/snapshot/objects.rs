//! What a dump defines besides tables: types, collations, functions, triggers, policies, settings, rights.

use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, outside_brackets, qualified_name};

use super::tables::{inside_bracket, type_name, written};
use crate::Dialect;
use crate::store::{AGGREGATE, Attached, AttachedKind, Rights, StoredCollation, StoredFunction, StoredSetting, StoredType};

/// The type that `CREATE TYPE name` or `CREATE DOMAIN name` defines; `all[after]` is the token after the name.
pub(super) fn stored_type(all: &[Token<'_>], after: usize, statement: &str) -> StoredType {
    let tail = &all[after.min(all.len())..];
    let skip = usize::from(tail.first().is_some_and(|t| t.is("as")));
    let tail = &tail[skip.min(tail.len())..];
    if tail.first().is_some_and(|t| t.is("enum")) {
        let label = |t: &Token<'_>| if let Kind::Text(text) = &t.kind { Some(text.clone()) } else { None };
        return StoredType::Enum(inside_bracket(tail, 1).iter().filter_map(label).collect());
    }
    if tail.first().is_some_and(|t| t.is_symbol('(')) && skip == 1 {
        let field = |part: &&[Token<'_>]| {
            let name = part.first()?.name(Dialect::PostgreSql)?;
            Some((name, type_name(&part[1..], statement, Dialect::PostgreSql)))
        };
        return StoredType::Composite(at_commas(inside_bracket(tail, 0)).iter().filter_map(field).collect());
    }
    StoredType::Other(written(tail, statement).trim_end_matches(';').trim_end().to_owned())
}

/// The base type of `CREATE DOMAIN name AS base …`.
pub(super) fn domain(all: &[Token<'_>], after: usize, statement: &str) -> StoredType {
    let from = after + usize::from(all.get(after).is_some_and(|t| t.is("as")));
    let tail = &all[from.min(all.len())..];
    let ends = ["collate", "default", "constraint", "not", "null", "check"];
    let stop = tail.iter().position(|t| t.is_symbol(';') || ends.iter().any(|word| t.is(word))).unwrap_or(tail.len());
    let collation = tail.iter().position(|t| t.is("collate")).and_then(|at| qualified_name(tail, at + 1, Dialect::PostgreSql));
    StoredType::Domain { base: type_name(&tail[..stop], statement, Dialect::PostgreSql), collation: collation.map(|(parts, _)| parts.join(".")) }
}

/// `CREATE COLLATION name (provider = icu, locale = 'und')`.
pub(super) fn collation(all: &[Token<'_>], after: usize, statement: &str) -> StoredCollation {
    let mut found = StoredCollation { sql: statement.trim().to_owned(), ..StoredCollation::default() };
    for part in at_commas(inside_bracket(all, after)) {
        let [name, equals, value, ..] = part else { continue };
        let value = match &value.kind {
            Kind::Text(text) => text.clone(),
            Kind::Word(word) => word.to_ascii_lowercase(),
            _ => continue,
        };
        if !equals.is_symbol('=') {
            continue;
        }
        if name.is("provider") {
            found.provider = Some(value);
        } else if name.is("locale") || name.is("lc_collate") {
            found.locale = Some(value);
        } else if name.is("deterministic") {
            found.nondeterministic = value == "false";
        }
    }
    found
}

/// `CREATE FUNCTION name (…) … LANGUAGE x AS 'body'`, or a body that stands as SQL.
pub(crate) fn function(all: &[Token<'_>], after: usize, (schema, name): (String, String), statement: &str, dialect: Dialect) -> StoredFunction {
    // What it returns may be called so, too.
    let says = |at: &usize| all[*at].is("language") && !all[at - 1].is_symbol('.');
    let language = (after.max(1)..all.len()).find(says).and_then(|at| match all.get(at + 1).map(|t| &t.kind) {
        Some(Kind::Word(word)) => Some(word.to_ascii_lowercase()),
        Some(Kind::Quoted(word) | Kind::Text(word)) => Some(word.to_ascii_lowercase()),
        _ => None,
    });
    let quoted = outside_brackets(all, after, |t| t.is("as")).and_then(|at| match all.get(at + 1).map(|t| &t.kind) {
        Some(Kind::Text(text)) => Some(text.clone()),
        _ => None,
    });
    let bare = || {
        outside_brackets(all, after, |t| t.is("begin") || t.is("return")).map(|at| written(&all[at..], statement).trim_end_matches(';').trim_end().to_owned())
    };
    // MySQL's body may be one statement, behind what it is given.
    let rest = || {
        all.get(after).filter(|t| t.is_symbol('(') && dialect == Dialect::MySql)?;
        all.get(after_bracket(all, after)).map(|t| statement[t.from..].trim_end_matches(';').trim_end().to_owned())
    };
    let default_language = if dialect == Dialect::MySql { "sql" } else { "" };
    StoredFunction {
        schema,
        name,
        language: language.unwrap_or_else(|| default_language.to_owned()),
        body: quoted.or_else(bare).or_else(rest).unwrap_or_default(),
        sql: statement.trim().to_owned(),
    }
}

/// `CREATE AGGREGATE name (…) (SFUNC = …)`: its definition says which functions it runs.
pub(super) fn aggregate((schema, name): (String, String), statement: &str) -> StoredFunction {
    StoredFunction { schema, name, language: AGGREGATE.to_owned(), body: String::new(), sql: statement.trim().to_owned() }
}

/// `CREATE TRIGGER|RULE|POLICY name … ON table`, and the index of the table's name.
pub(super) fn attached(kind: AttachedKind, all: &[Token<'_>], after: usize, name: String, statement: &str) -> Option<(Attached, usize)> {
    let word = if kind == AttachedKind::Rule { "to" } else { "on" };
    let on = outside_brackets(all, after, |t| t.is(word))?;
    Some((Attached { kind, name, sql: statement.trim().to_owned() }, on + 1))
}

/// `ALTER ROLE|USER name [IN DATABASE d] SET x TO y` and `ALTER DATABASE d SET x TO y`.
pub(super) fn setting(all: &[Token<'_>], dialect: Dialect) -> Option<StoredSetting> {
    let subject = all.get(2)?.name(dialect)?;
    let set = outside_brackets(all, 3, |t| t.is("set"))?;
    let (role, database) = if all.get(1).is_some_and(|t| t.is("database")) {
        (None, Some(subject))
    } else {
        let database = all.windows(3).take(set).find(|w| w[0].is("in") && w[1].is("database")).and_then(|w| w[2].name(dialect));
        (Some(subject).filter(|name| name != "all"), database)
    };
    let (name, after) = qualified_name(all, set + 1, dialect)?;
    if !all.get(after).is_some_and(|t| t.is("to") || t.is_symbol('=')) {
        return None;
    }
    let value: Vec<String> = at_commas(&all[after + 1..])
        .iter()
        .filter_map(|part| match part.first().map(|t| &t.kind) {
            Some(Kind::Text(text) | Kind::Quoted(text)) => Some(text.clone()),
            Some(Kind::Word(text) | Kind::Number(text)) => Some((*text).to_owned()),
            _ => None,
        })
        .collect();
    Some(StoredSetting { role, database, name: name.join(".").to_lowercase(), value: value.join(", ") })
}

/// Adds what a GRANT gives. `full_name` makes a relation's name of its parts.
pub(super) fn grant(rights: &mut Rights, all: &[Token<'_>], dialect: Dialect, full_name: impl Fn(Vec<String>) -> String) {
    let Some(to) = outside_brackets(all, 0, |t| t.is("to")) else { return };
    let roles: Vec<String> = at_commas(&all[to + 1..])
        .iter()
        .filter_map(|part| {
            part.iter().find(|t| !t.is("group")).and_then(|t| t.name(dialect).or(if let Kind::Text(s) = &t.kind { Some(s.clone()) } else { None }))
        })
        .collect();
    let Some(on) = outside_brackets(all, 0, |t| t.is("on")).filter(|on| *on < to) else {
        for group in at_commas(&all[1..to]).iter().filter_map(|part| part.first().and_then(|t| t.name(dialect))) {
            for role in &roles {
                rights.memberships.entry(role.clone()).or_default().insert(group.clone());
            }
        }
        return;
    };
    if !all[1..on].iter().any(|t| t.is("select") || t.is("all")) {
        return;
    }
    let mut at = on + 1;
    if all.get(at).is_some_and(|t| t.is("all")) {
        if let Some(schema) = all.get(at + 4).and_then(|t| t.name(dialect)).filter(|_| all.get(at + 1).is_some_and(|t| t.is("tables"))) {
            rights.schema_readers.entry(schema).or_default().extend(roles);
        }
        return;
    }
    if all.get(at).is_some_and(|t| t.is("table")) {
        at += 1;
    } else if all.get(at).is_some_and(|t| ["schema", "sequence", "function", "database", "type", "language", "procedure"].iter().any(|w| t.is(w))) {
        return;
    }
    for part in at_commas(&all[at.min(to)..to]) {
        if let Some((parts, _)) = qualified_name(part, 0, dialect) {
            rights.readers.entry(full_name(parts)).or_default().extend(roles.iter().cloned());
        }
    }
}
