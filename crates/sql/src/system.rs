//! The servers' own relations: those that describe, and those that hold values of the organisation's tables or the text
//! of other people's statements. The latter are no catalogue to us: whoever reads them may see anybody.

use crate::Dialect;

/// What a relation of the server's own holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Descriptions, settings, figures.
    Describes,
    /// Values of tables, or statements with values in them.
    HoldsValues,
}

/// Relations of `pg_catalog` that hold values: statistics, large objects, statements of other sessions.
const POSTGRESQL_VALUES: [&str; 9] = [
    "pg_largeobject",
    "pg_stat_activity",
    "pg_stat_statements",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_prepared_statements",
];

/// Relations of `pg_catalog` that describe. Roles and their password hashes are nobody's data of a table.
const POSTGRESQL_DESCRIBES: &str = "pg_aggregate pg_aios pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_authid \
    pg_available_extension_versions pg_available_extensions pg_backend_memory_contexts pg_cast pg_class pg_collation pg_config pg_constraint pg_conversion \
    pg_cursors pg_database pg_db_role_setting pg_default_acl pg_depend pg_description pg_enum pg_event_trigger pg_extension pg_file_settings \
    pg_foreign_data_wrapper pg_foreign_server pg_foreign_table pg_group pg_hba_file_rules pg_ident_file_mappings pg_index pg_indexes pg_inherits pg_init_privs \
    pg_language pg_largeobject_metadata pg_locks pg_matviews pg_namespace pg_opclass pg_operator pg_opfamily pg_parameter_acl pg_partitioned_table pg_policies \
    pg_policy pg_prepared_xacts pg_proc pg_publication pg_publication_namespace pg_publication_rel pg_publication_tables pg_range pg_replication_origin \
    pg_replication_origin_status pg_replication_slots pg_rewrite pg_roles pg_rules pg_seclabel pg_seclabels pg_sequence pg_sequences pg_settings pg_shadow \
    pg_shdepend pg_shdescription pg_shmem_allocations pg_shmem_allocations_numa pg_shseclabel pg_stat_all_indexes pg_stat_all_tables pg_stat_archiver \
    pg_stat_bgwriter pg_stat_checkpointer pg_stat_database pg_stat_database_conflicts pg_stat_gssapi pg_stat_io pg_stat_progress_analyze \
    pg_stat_progress_basebackup pg_stat_progress_cluster pg_stat_progress_copy pg_stat_progress_create_index pg_stat_progress_vacuum pg_stat_recovery_prefetch \
    pg_stat_replication pg_stat_replication_slots pg_stat_slru pg_stat_ssl pg_stat_statements_info pg_stat_subscription pg_stat_subscription_stats \
    pg_stat_sys_indexes pg_stat_sys_tables pg_stat_user_functions pg_stat_user_indexes pg_stat_user_tables pg_stat_wal pg_stat_wal_receiver \
    pg_stat_xact_all_tables pg_stat_xact_sys_tables pg_stat_xact_user_functions pg_stat_xact_user_tables pg_statio_all_indexes pg_statio_all_sequences \
    pg_statio_all_tables pg_statio_sys_indexes pg_statio_sys_sequences pg_statio_sys_tables pg_statio_user_indexes pg_statio_user_sequences \
    pg_statio_user_tables pg_statistic_ext pg_subscription pg_subscription_rel pg_tables pg_tablespace pg_timezone_abbrevs pg_timezone_names pg_transform \
    pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_user pg_user_mapping pg_user_mappings pg_views pg_wait_events";

/// Relations of MySQL's `mysql` and `information_schema` that hold values or statements.
const MYSQL_VALUES: [(&str, &str); 14] = [
    ("mysql", "general_log"),
    ("mysql", "slow_log"),
    ("mysql", "column_stats"),
    ("information_schema", "processlist"),
    ("information_schema", "innodb_trx"),
    ("information_schema", "innodb_locks"),
    ("information_schema", "innodb_lock_waits"),
    ("information_schema", "innodb_ft_index_table"),
    ("information_schema", "innodb_ft_index_cache"),
    ("information_schema", "innodb_buffer_page"),
    ("information_schema", "optimizer_trace"),
    ("information_schema", "column_statistics"),
    ("information_schema", "user_variables"),
    ("information_schema", "profiling"),
];

/// Parts of the names of `performance_schema` and `sys` under which statements of sessions stand, some with their values.
const MYSQL_SESSIONS: [&str; 8] = ["statement", "processlist", "session", "threads", "data_lock", "lock_waits", "user_variables", "error_log"];

/// What a relation holds, if it is the server's own; `None` if its name is not one of these. A table of the organisation
/// that has such a name is looked for first, by those who know its tables.
pub fn system(parts: &[String], dialect: Dialect) -> Option<System> {
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    let parts: Vec<&str> = lower.iter().map(String::as_str).collect();
    match dialect {
        Dialect::PostgreSql => postgresql(&parts),
        Dialect::MySql => mysql(&parts),
    }
}

fn postgresql(parts: &[&str]) -> Option<System> {
    match parts {
        [.., "information_schema", _] => Some(System::Describes),
        [.., "pg_toast", _] => Some(System::HoldsValues),
        [name] | [.., "pg_catalog", name] if POSTGRESQL_VALUES.contains(name) => Some(System::HoldsValues),
        [name] | [.., "pg_catalog", name] if POSTGRESQL_DESCRIBES.split(' ').any(|known| known == *name) => Some(System::Describes),
        // An extension's view, in whichever schema it was made.
        [.., "pg_stat_statements"] => Some(System::HoldsValues),
        _ => None,
    }
}

fn mysql(parts: &[&str]) -> Option<System> {
    match parts {
        ["dual"] => Some(System::Describes),
        [.., schema @ ("mysql" | "information_schema"), name] => {
            let holds = MYSQL_VALUES.contains(&(*schema, *name));
            Some(if holds { System::HoldsValues } else { System::Describes })
        }
        [.., "performance_schema" | "sys", name] => {
            let holds = MYSQL_SESSIONS.iter().any(|part| name.contains(part)) && !name.starts_with("session_") && !name.contains("_ssl_");
            Some(if holds { System::HoldsValues } else { System::Describes })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, name: &str, expected: Option<System>) {
        let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        assert_eq!(system(&parts, dialect), expected, "{name}");
    }

    #[test]
    fn what_holds_values_is_no_catalogue() {
        check(Dialect::PostgreSql, "pg_stats", Some(System::HoldsValues));
        check(Dialect::PostgreSql, "pg_catalog.pg_statistic", Some(System::HoldsValues));
        check(Dialect::PostgreSql, "pg_toast.pg_toast_2619", Some(System::HoldsValues));
        check(Dialect::MySql, "mysql.general_log", Some(System::HoldsValues));
        check(Dialect::MySql, "PERFORMANCE_SCHEMA.events_statements_history", Some(System::HoldsValues));
        check(Dialect::MySql, "sys.x$processlist", Some(System::HoldsValues));
    }

    #[test]
    fn what_describes_shows_nobody() {
        check(Dialect::PostgreSql, "pg_class", Some(System::Describes));
        check(Dialect::PostgreSql, "pg_catalog.pg_roles", Some(System::Describes));
        check(Dialect::PostgreSql, "information_schema.columns", Some(System::Describes));
        check(Dialect::MySql, "INFORMATION_SCHEMA.TABLES", Some(System::Describes));
        check(Dialect::MySql, "performance_schema.session_variables", Some(System::Describes));
    }

    #[test]
    fn names_of_no_server_are_not_its_own() {
        check(Dialect::PostgreSql, "pg_people", None);
        check(Dialect::PostgreSql, "hr.pg_class", None);
        check(Dialect::MySql, "shop.processlist", None);
    }
}
