//! Functions and procedures that a statement may write through: what they do besides the statement that calls them, of which most logs
//! hold no statement of their own.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use strandline_sql::lexer::{Kind, Token, is_block, qualified_name, tokens};

use crate::Dialect;
use crate::snapshot::function_of;
use crate::store::{StoredDatabase, StoredFunction};
use crate::triggers::{Besides, called, of_code};
use crate::writes::Write;

/// What calls of them may write, by bare name in lower case; those that write nothing are left out.
#[derive(Debug, Default)]
pub(crate) struct Routines {
    functions: Vec<StoredFunction>,
    writing: BTreeMap<String, Besides>,
    /// Those of which an audit log tells each statement that they ran.
    told: HashSet<String>,
}

impl Routines {
    /// Those of a database: of its snapshot, and those that the log makes. When one came or went is not asked.
    pub(crate) fn of<'w>(stored: &StoredDatabase, writes: impl Iterator<Item = &'w Write>) -> Self {
        let mut functions = stored.described.functions.clone();
        functions.extend(writes.filter_map(|write| made(&write.statement, stored.dialect)));
        let names: HashSet<String> = functions.iter().map(|f| f.name.to_lowercase()).collect();
        let mut routines = Self { functions, ..Self::default() };
        for name in names {
            let of_name = || routines.functions.iter().filter(|f| f.name.eq_ignore_ascii_case(&name));
            if of_name().all(|f| is_read_only(f, stored.dialect)) {
                continue;
            }
            let Some(besides) = called(&name, &routines.functions, stored.dialect).filter(|b| b.any_table || !b.tables.is_empty()) else { continue };
            if of_name().all(is_told) {
                routines.told.insert(name.clone());
            }
            routines.writing.insert(name, besides);
        }
        routines
    }

    /// The names of those that may write to one of these, which are bare and in lower case.
    pub(crate) fn writing_to(self, names: &BTreeSet<String>) -> Vec<String> {
        let hits =
            |besides: &Besides| besides.any_table || besides.tables.iter().filter_map(|name| name.last()).any(|name| names.contains(&name.to_lowercase()));
        self.writing.into_iter().filter(|(_, besides)| hits(besides)).map(|(name, _)| name).collect()
    }

    /// Whether a statement may run any of them, or code of its own; most do not.
    pub(crate) fn may_run(&self, statement: &str, dialect: Dialect) -> bool {
        !self.writing.is_empty() || may_be_block(statement) && is_block(&tokens(statement, dialect), dialect)
    }

    /// What a statement writes through what it calls; with an audit log that tells the statements of what it calls, they are not told again.
    pub(crate) fn besides(&self, statement: &str, dialect: Dialect, is_audited: bool) -> Besides {
        let all = tokens(statement, dialect);
        let mut found = Besides::default();
        if is_block(&all, dialect) {
            match dialect {
                Dialect::PostgreSql if is_audited => {}
                Dialect::PostgreSql => {
                    let bodies = all.iter().filter_map(|token| if let Kind::Text(body) = &token.kind { Some(body) } else { None });
                    bodies.for_each(|body| found.join(of_code(body, &self.functions, dialect)));
                }
                Dialect::MySql => found.join(of_code(statement, &self.functions, dialect)),
            }
        }
        if self.writing.is_empty() || defines_code(&all) {
            return found;
        }
        let mut at = 0;
        while at < all.len() {
            let Some((name, after)) = qualified_name(&all, at, dialect) else {
                at += 1;
                continue;
            };
            let is_call = all.get(after).is_some_and(|t| t.is_symbol('(')) || at > 0 && all[at - 1].is("call");
            if let Some(bare) = name.last().map(|bare| bare.to_lowercase()).filter(|_| is_call)
                && let Some(besides) = self.writing.get(&bare).filter(|_| !is_audited || !self.told.contains(&bare))
            {
                found.join(besides.clone());
            }
            at = after.max(at + 1);
        }
        found
    }
}

/// Whether a statement may be code that runs at once; most begin otherwise.
fn may_be_block(statement: &str) -> bool {
    let word: String = statement.trim_start().chars().take_while(char::is_ascii_alphabetic).take(8).collect();
    let is_other = ["select", "insert", "update", "delete", "with", "copy", "replace", "create", "alter"].iter().any(|other| word.eq_ignore_ascii_case(other));
    !is_other
}

/// The function or procedure that a statement makes.
pub(crate) fn made(statement: &str, dialect: Dialect) -> Option<StoredFunction> {
    let begins = statement.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
    let all = if begins { tokens(statement, dialect) } else { return None };
    let kind = all.iter().take(12).position(|t| t.is("function") || t.is("procedure"))?;
    let (mut name, after) = qualified_name(&all, kind + 1, dialect)?;
    let bare = name.pop()?;
    Some(function_of(&all, after, (name.pop().unwrap_or_default(), bare), statement, dialect))
}

/// Whether a statement defines code: what stands in it does not run now.
fn defines_code(all: &[Token<'_>]) -> bool {
    let is = |word: &str| all.iter().take(12).any(|t| t.is(word));
    all.first().is_some_and(|t| t.is("create") || t.is("alter") || t.is("drop")) && ["function", "procedure", "trigger", "rule", "event"].into_iter().any(is)
}

/// PostgreSQL refuses writes in a function that is declared not to do any; MySQL does not hold one to what it is declared to do.
fn is_read_only(function: &StoredFunction, dialect: Dialect) -> bool {
    dialect == Dialect::PostgreSql && tokens(&function.sql, dialect).iter().any(|t| t.is("stable") || t.is("immutable"))
}

/// An audit log tells the statements of plain code, unless it runs as somebody else.
fn is_told(function: &StoredFunction) -> bool {
    let all = tokens(&function.sql, Dialect::PostgreSql);
    matches!(function.language.as_str(), "sql" | "plpgsql") && !all.iter().any(|t| t.is("definer"))
}
