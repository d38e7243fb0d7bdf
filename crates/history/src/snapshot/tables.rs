//! CREATE TABLE and ALTER TABLE of a dump: columns with their types, keys, parents.

use strandline_sql::lexer::{Kind, Token, after_bracket, at_commas, outside_brackets, qualified_name, tokens};

use crate::Dialect;
use crate::store::{Column, ColumnDefault, ForeignKey, KeyAction, StoredTable};
use crate::value::ColumnKind;

/// Words that begin a constraint or an index instead of a column.
const CONSTRAINTS: [&str; 12] = ["constraint", "primary", "unique", "check", "foreign", "exclude", "like", "key", "index", "fulltext", "spatial", "period"];

/// Words that end a column's type.
const TYPE_ENDS: [&str; 23] = [
    "not",
    "null",
    "default",
    "collate",
    "constraint",
    "primary",
    "unique",
    "check",
    "references",
    "generated",
    "auto_increment",
    "comment",
    "on",
    "encoding",
    "storage",
    "compression",
    "options",
    "charset",
    "key",
    "as",
    "virtual",
    "stored",
    "visible",
];

/// What stands in the bracket that opens at `open`.
pub(super) fn inside_bracket<'s, 't>(all: &'s [Token<'t>], open: usize) -> &'s [Token<'t>] {
    let from = (open + 1).min(all.len());
    let end = after_bracket(all, open).max(from);
    let closed = end > from && all[end - 1].is_symbol(')');
    &all[from..end - usize::from(closed)]
}

pub(super) fn column_list(all: &[Token<'_>], open: usize, dialect: Dialect) -> Vec<String> {
    at_commas(inside_bracket(all, open)).iter().filter_map(|part| part.first().and_then(|t| t.name(dialect))).collect()
}

/// The text that some tokens of `statement` are.
pub(super) fn written<'s>(tokens: &[Token<'_>], statement: &'s str) -> &'s str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => &statement[first.from..last.to.max(first.from)],
        _ => "",
    }
}

/// A column or a constraint of a CREATE TABLE.
pub(super) fn add_element(table: &mut StoredTable, element: &[Token<'_>], statement: &str, dialect: Dialect) {
    let Some(first) = element.first() else { return };
    if CONSTRAINTS.iter().any(|word| first.is(word)) {
        add_key(table, element, dialect);
        return;
    }
    let Some(name) = first.name(dialect) else { return };
    let stop = element.iter().skip(1).position(|t| TYPE_ENDS.iter().any(|word| t.is(word)) || t.is("invisible")).map_or(element.len(), |p| p + 1);
    let (type_tokens, tail) = (&element[1..stop], &element[stop..]);
    let declared = type_name(type_tokens, statement, dialect);
    let serial = type_tokens.first().is_some_and(|t| matches!(&t.kind, Kind::Word(w) if w.to_ascii_lowercase().ends_with("serial")));
    table.columns.push(Column {
        name,
        kind: kind_of(&tokens(&declared, dialect), dialect),
        default: column_default(tail, serial),
        declared,
        collation: named_after(tail, "collate", dialect).or_else(|| named_after(type_tokens, "collate", dialect)),
        character_set: character_set(tail, dialect).or_else(|| character_set(type_tokens, dialect)),
        generated: generated(tail, statement),
    });
    let column = table.columns.len() - 1;
    let is_primary = tail.windows(2).any(|pair| pair[0].is("primary") && pair[1].is("key"));
    if is_primary {
        table.primary_key = vec![column];
    }
    if (is_primary || tail.iter().any(|t| t.is("unique"))) && !is_deferrable(tail) {
        table.unique_keys.push(vec![column]);
    }
    add_reference(table, vec![column], tail, dialect);
}

/// The name of a type as a definition writes it. `pg_dump --quote-all-identifiers` quotes the types of PostgreSQL's own
/// too: those lose their quotes, and what is quoted because it needs to be, as `"char"`, keeps them.
pub(super) fn type_name(declared: &[Token<'_>], statement: &str, dialect: Dialect) -> String {
    if dialect != Dialect::PostgreSql {
        return written(declared, statement).to_owned();
    }
    let declared = match declared {
        [schema, dot, rest @ ..] if dot.is_symbol('.') && schema.name(dialect).as_deref() == Some("pg_catalog") => rest,
        _ => declared,
    };
    let needs_none = |name: &str| name != "char" && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match declared {
        [Token { kind: Kind::Quoted(name), to, .. }, rest @ ..] if needs_none(name) && !rest.first().is_some_and(|t| t.is_symbol('.')) => {
            format!("{name}{}", &statement[*to..rest.last().map_or(*to, |last| last.to)])
        }
        _ => written(declared, statement).to_owned(),
    }
}

/// The kind of the type that a definition names.
pub(super) fn kind_of(declared: &[Token<'_>], dialect: Dialect) -> ColumnKind {
    let (mut words, mut arguments, mut other) = (Vec::new(), Vec::new(), false);
    for token in declared {
        match &token.kind {
            Kind::Word(word) => words.push(word.to_ascii_lowercase()),
            Kind::Number(number) => arguments.extend(number.parse::<u32>()),
            Kind::Symbol('[' | '.') | Kind::Quoted(_) => other = true,
            _ => {}
        }
    }
    // MySQL's CHARACTER SET stands after the type; PostgreSQL's `character varying` is one.
    if let Some(at) = words.iter().position(|w| w == "character" || w == "set").filter(|at| *at > 0) {
        words.truncate(at);
    }
    match (words.join(" ").as_str(), dialect) {
        _ if other => ColumnKind::Text,
        // What PostgreSQL calls real MySQL calls float.
        ("real", Dialect::MySql) => ColumnKind::Double,
        (words, _) => ColumnKind::of_sql(words, &arguments),
    }
}

/// The character set that MySQL's words name: `CHARACTER SET latin1`, `CHARSET=latin1`.
pub(super) fn character_set(tokens: &[Token<'_>], dialect: Dialect) -> Option<String> {
    if dialect != Dialect::MySql {
        return None;
    }
    named_after(tokens, "charset", dialect).or_else(|| {
        let at = tokens.windows(2).position(|pair| pair[0].is("character") && pair[1].is("set"))?;
        named_after(&tokens[at + 1..], "set", dialect)
    })
}

/// The name after a word, its parts joined.
pub(super) fn named_after(tokens: &[Token<'_>], word: &str, dialect: Dialect) -> Option<String> {
    let at = tokens.iter().position(|t| t.is(word))?;
    let from = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|t| t.is_symbol('=')));
    qualified_name(tokens, from, dialect).map(|(parts, _)| parts.join("."))
}

/// `GENERATED ALWAYS AS (…)`, `AS (…)`: what a column is computed from. An identity column is stored like any other.
fn generated(tail: &[Token<'_>], statement: &str) -> Option<String> {
    let at = outside_brackets(tail, 0, |t| t.is("as")).filter(|at| tail.get(at + 1).is_some_and(|t| t.is_symbol('(')))?;
    Some(written(inside_bracket(tail, at + 1), statement).to_owned())
}

fn column_default(tail: &[Token<'_>], serial: bool) -> ColumnDefault {
    if serial || tail.iter().any(|t| t.is("generated") || t.is("auto_increment") || t.is("as")) {
        return ColumnDefault::Unknown;
    }
    let Some(at) = tail.iter().position(|t| t.is("default")) else { return ColumnDefault::Null };
    let now = ["now", "current_timestamp", "current_date", "localtimestamp"];
    match tail.get(at + 1).map(|t| &t.kind) {
        Some(Kind::Word(word)) if word.eq_ignore_ascii_case("null") => ColumnDefault::Null,
        Some(Kind::Word(word)) if now.iter().any(|n| word.eq_ignore_ascii_case(n)) => ColumnDefault::Sql((*word).to_ascii_lowercase()),
        Some(Kind::Word(word)) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => ColumnDefault::Sql((*word).to_ascii_lowercase()),
        Some(Kind::Number(number)) => ColumnDefault::Sql((*number).to_owned()),
        Some(Kind::Text(text)) => ColumnDefault::Sql(format!("'{}'", text.replace('\'', "''"))),
        _ => ColumnDefault::Unknown,
    }
}

/// A key among the tokens of a constraint: primary, unique or foreign.
pub(crate) fn add_key(table: &mut StoredTable, element: &[Token<'_>], dialect: Dialect) {
    let foreign = outside_brackets(element, 0, |t| t.is("foreign"));
    let Some(at) = foreign.or_else(|| outside_brackets(element, 0, |t| t.is("primary") || t.is("unique"))) else { return };
    let Some(open) = element.iter().skip(at).position(|t| t.is_symbol('(')).map(|p| p + at) else { return };
    let columns: Option<Vec<usize>> = column_list(element, open, dialect).iter().map(|name| table.column_index(name)).collect();
    let Some(columns) = columns.filter(|c| !c.is_empty()) else { return };
    if foreign.is_some() {
        return add_reference(table, columns, element, dialect);
    }
    if element[at].is("primary") {
        table.primary_key.clone_from(&columns);
    }
    if !table.unique_keys.contains(&columns) && !is_deferrable(element) {
        table.unique_keys.push(columns);
    }
}

/// Whether a key may be broken until its transaction ends: within it, it tells no row apart.
fn is_deferrable(constraint: &[Token<'_>]) -> bool {
    let at = constraint.iter().position(|t| t.is("deferrable"));
    at.is_some_and(|at| !at.checked_sub(1).is_some_and(|before| constraint[before].is("not")))
}

/// `REFERENCES other (columns) ON DELETE …`, after a column or after `FOREIGN KEY (columns)`.
fn add_reference(table: &mut StoredTable, columns: Vec<usize>, element: &[Token<'_>], dialect: Dialect) {
    let Some(at) = outside_brackets(element, 0, |t| t.is("references")) else { return };
    let Some((parts, after)) = qualified_name(element, at + 1, dialect) else { return };
    let other = if parts.len() == 1 { format!("{}.{}", table.schema, parts[0]) } else { parts.join(".") };
    let to_columns = element.get(after).filter(|t| t.is_symbol('(')).map(|_| column_list(element, after, dialect)).unwrap_or_default();
    if !to_columns.is_empty() && to_columns.len() != columns.len() {
        return;
    }
    let key = ForeignKey { columns, table: other, to_columns, on_delete: action(element, "delete"), on_update: action(element, "update"), is_of_log: false };
    table.foreign_keys.push(key);
}

fn action(element: &[Token<'_>], event: &str) -> KeyAction {
    let Some(at) = element.windows(2).position(|pair| pair[0].is("on") && pair[1].is(event)) else { return KeyAction::Refuse };
    let word = |offset: usize, text: &str| element.get(at + offset).is_some_and(|t| t.is(text));
    if word(2, "cascade") {
        KeyAction::Cascade
    } else if word(2, "set") && word(3, "null") {
        KeyAction::SetNull
    } else if word(2, "set") && word(3, "default") {
        KeyAction::SetDefault
    } else {
        KeyAction::Refuse
    }
}
