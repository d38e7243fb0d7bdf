//! Commands that show nobody whatever their arguments are, told by their first words. Both servers' lists are written
//! out: a command that stands in neither is not understood.
//!
//! Sources: PostgreSQL 15 and 17 documentation, SQL Commands; MariaDB 10.11 and MySQL 8.4 manuals, SQL Statements.

use crate::lexer::Token;
use crate::{Dialect, ShowsNobody};

/// The class of a command that shows nobody by its first words alone; `None` if these do not settle it.
pub fn utility(all: &[Token<'_>], dialect: Dialect) -> Option<ShowsNobody> {
    let Some(first) = all.first() else { return Some(ShowsNobody::Empty) };
    if first.is_symbol(';') {
        return all.iter().all(|t| t.is_symbol(';')).then_some(ShowsNobody::Empty);
    }
    let word = first.word()?.to_ascii_lowercase();
    let second = all.get(1).and_then(Token::word).map(str::to_ascii_lowercase);
    match dialect {
        Dialect::PostgreSql => postgresql(&word, second.as_deref()),
        Dialect::MySql => mysql(&word, all),
    }
}

fn postgresql(first: &str, second: Option<&str>) -> Option<ShowsNobody> {
    Some(match (first, second) {
        ("begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" | "lock", _) => ShowsNobody::TransactionControl,
        ("prepare", Some("transaction")) => ShowsNobody::TransactionControl,
        ("set" | "reset" | "show" | "discard" | "unlisten", _) => ShowsNobody::SessionSetting,
        ("vacuum" | "analyze" | "analyse" | "checkpoint" | "reindex" | "cluster", _) => ShowsNobody::Maintenance,
        ("alter" | "drop" | "grant" | "revoke" | "comment" | "security" | "reassign" | "import", _) => ShowsNobody::DefinitionWithoutQuery,
        ("truncate", _) => ShowsNobody::WriteWithoutQuery,
        ("close" | "deallocate", _) => ShowsNobody::CursorControl,
        _ => return None,
    })
}

fn mysql(first: &str, all: &[Token<'_>]) -> Option<ShowsNobody> {
    let second = all.get(1).and_then(Token::word).map(str::to_ascii_lowercase);
    let has_query = || all.iter().any(|t| t.is("select") || t.is("table") || t.is("values") || t.is("with"));
    Some(match (first, second.as_deref()) {
        ("begin", Some("not")) => return None,
        ("begin" | "commit" | "rollback" | "savepoint" | "release" | "lock" | "unlock" | "xa", _) => ShowsNobody::TransactionControl,
        ("start", Some("transaction")) => ShowsNobody::TransactionControl,
        ("start" | "stop", Some("slave" | "replica" | "all" | "group_replication")) => ShowsNobody::Maintenance,
        ("set", _) if !has_query() => ShowsNobody::SessionSetting,
        ("use", _) => ShowsNobody::SessionSetting,
        ("show", _) => return shows_descriptions(all).then_some(ShowsNobody::CatalogueOnly),
        ("help", _) => ShowsNobody::CatalogueOnly,
        ("analyze" | "optimize" | "check" | "checksum" | "repair", Some("table" | "tables" | "local" | "no_write_to_binlog" | "view")) => {
            ShowsNobody::Maintenance
        }
        ("flush" | "kill" | "shutdown" | "purge" | "cache" | "reset" | "restart", _) => ShowsNobody::Maintenance,
        ("load", Some("index")) => ShowsNobody::Maintenance,
        ("load", Some("data" | "xml")) if !has_query() => ShowsNobody::WriteWithoutQuery,
        ("alter" | "drop" | "grant" | "revoke" | "rename" | "install" | "uninstall", _) => ShowsNobody::DefinitionWithoutQuery,
        ("truncate", _) => ShowsNobody::WriteWithoutQuery,
        ("deallocate", _) => ShowsNobody::CursorControl,
        _ => return None,
    })
}

/// `SHOW` of what describes tables, rights and the server. What repeats statements of others, or values that an error
/// quoted (PROCESSLIST, BINLOG EVENTS, ENGINE STATUS, WARNINGS, EXPLAIN FOR), is not among them.
fn shows_descriptions(all: &[Token<'_>]) -> bool {
    const SCOPES: [&str; 8] = ["full", "global", "session", "local", "extended", "count", "storage", "all"];
    const OBJECTS: [&str; 35] = [
        "authors",
        "character",
        "charset",
        "collation",
        "columns",
        "contributors",
        "create",
        "databases",
        "engines",
        "events",
        "fields",
        "function",
        "grants",
        "index",
        "indexes",
        "keys",
        "locales",
        "master",
        "open",
        "plugins",
        "privileges",
        "procedure",
        "profiles",
        "relaylogs",
        "replica",
        "replicas",
        "schemas",
        "slave",
        "slaves",
        "status",
        "table",
        "tables",
        "triggers",
        "variables",
        "package",
    ];
    all.iter()
        .skip(1)
        .filter_map(Token::word)
        .map(str::to_ascii_lowercase)
        .find(|w| !SCOPES.contains(&w.as_str()))
        .is_some_and(|w| OBJECTS.contains(&w.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    fn check(dialect: Dialect, sql: &str, expected: Option<ShowsNobody>) {
        assert_eq!(utility(&tokens(sql, dialect), dialect), expected, "{sql}");
    }

    #[test]
    fn commands_are_told_by_their_first_words() {
        check(Dialect::PostgreSql, " /* x */ ; ", Some(ShowsNobody::Empty));
        check(Dialect::PostgreSql, "START TRANSACTION READ ONLY", Some(ShowsNobody::TransactionControl));
        check(Dialect::PostgreSql, "prepare transaction 'x'", Some(ShowsNobody::TransactionControl));
        check(Dialect::PostgreSql, "SHOW search_path", Some(ShowsNobody::SessionSetting));
        check(Dialect::MySql, "SHOW FULL COLUMNS FROM a", Some(ShowsNobody::CatalogueOnly));
        check(Dialect::MySql, "analyze table a", Some(ShowsNobody::Maintenance));
    }

    #[test]
    fn an_unknown_first_word_settles_nothing() {
        check(Dialect::PostgreSql, "BASE_BACKUP", None);
        check(Dialect::PostgreSql, "LISTEN a", None);
        check(Dialect::PostgreSql, "USE a", None);
        check(Dialect::MySql, "SHOW FULL PROCESSLIST", None);
        check(Dialect::MySql, "SHOW WARNINGS", None);
        check(Dialect::MySql, "SET @e = (SELECT 1)", None);
        check(Dialect::MySql, "ANALYZE SELECT 1", None);
        check(Dialect::MySql, "LISTEN a", None);
        check(Dialect::MySql, "BEGIN NOT ATOMIC SELECT 1; END", None);
    }
}
