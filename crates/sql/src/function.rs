//! What a function of a server can do to whom a statement shows: nothing that its arguments do not say, or more. The
//! lists are closed. They were taken from the catalogues of PostgreSQL 15 (`pg_proc`) and MariaDB 10.11
//! (`information_schema.sql_functions`), without what reads a table, a file or another session, and what newer versions
//! and MySQL add was added by hand. A function in no list may be anybody's, and do anything.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::Dialect;

/// What a call can show beyond what its arguments show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing: it computes, or reads the catalogue.
    Harmless,
    /// Nothing by itself, but it changes a state that later statements see: a setting, a sequence, a large object.
    ChangesState,
    /// It reads what its argument says, or what others stored: a query, a file, a large object, a log of changes.
    Reads,
    /// It is not one of the server's own.
    Unknown,
}

static POSTGRESQL: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("function/postgresql.txt").lines().chain(include_str!("function/extensions.txt").lines()).collect());
static MYSQL: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("function/mysql.txt").lines().collect());

/// Functions that change a state and read nothing.
const CHANGES_STATE: [&str; 17] = [
    "lo_close",
    "lo_creat",
    "lo_create",
    "lo_from_bytea",
    "lo_lseek",
    "lo_lseek64",
    "lo_open",
    "lo_put",
    "lo_tell",
    "lo_tell64",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
    "nextval",
    "set_config",
    "setval",
];

/// Functions that read what their argument says, or what others stored.
const READS: [&str; 30] = [
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "lo_export",
    "lo_get",
    "lo_import",
    "load_file",
    "loread",
    "pg_logical_emit_message",
    "pg_logical_slot_get_binary_changes",
    "pg_logical_slot_get_changes",
    "pg_logical_slot_peek_binary_changes",
    "pg_logical_slot_peek_changes",
    "pg_mcv_list_items",
    "pg_notify",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "ts_rewrite",
    "ts_stat",
];

/// The effect of a function, by its name as it is called. A function that a schema of the organisation qualifies is its
/// own, whatever its name.
pub fn effect(name: &[String], dialect: Dialect) -> Effect {
    let Some((function, schema)) = name.split_last() else { return Effect::Unknown };
    let function = function.to_lowercase();
    let (own_schemas, known): (&[&str], _) = match dialect {
        Dialect::PostgreSql => (&["pg_catalog", "information_schema"], &POSTGRESQL),
        Dialect::MySql => (&["sys"], &MYSQL),
    };
    let of_server = schema.last().is_none_or(|schema| own_schemas.iter().any(|own| schema.eq_ignore_ascii_case(own)));
    match function.as_str() {
        _ if !of_server => Effect::Unknown,
        name if CHANGES_STATE.contains(&name) => Effect::ChangesState,
        name if READS.contains(&name) => Effect::Reads,
        name if known.contains(name) => Effect::Harmless,
        _ => Effect::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, name: &str, expected: Effect) {
        let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        assert_eq!(effect(&parts, dialect), expected, "{name}");
    }

    #[test]
    fn functions_are_known_by_name() {
        check(Dialect::PostgreSql, "upper", Effect::Harmless);
        check(Dialect::PostgreSql, "pg_catalog.pg_get_function_result", Effect::Harmless);
        check(Dialect::PostgreSql, "hr.upper", Effect::Unknown);
        check(Dialect::PostgreSql, "mails", Effect::Unknown);
        check(Dialect::PostgreSql, "dblink", Effect::Unknown);
        check(Dialect::PostgreSql, "query_to_xml", Effect::Reads);
        check(Dialect::PostgreSql, "nextval", Effect::ChangesState);
        check(Dialect::MySql, "GROUP_CONCAT", Effect::Harmless);
        check(Dialect::MySql, "load_file", Effect::Reads);
        check(Dialect::MySql, "shop.concat", Effect::Unknown);
    }
}
