//! What a session has set, as its own statements tell it in their order: how its text is cut, where its names are looked
//! for, in which zone its times are read, and as whom it works. What is set to something that only the server knows is
//! not known, and says so.
//!
//! Sources: PostgreSQL 15 documentation, SET, RESET, DISCARD and Server Configuration; MariaDB 10.11 manual, SET and SQL_MODE.

use std::collections::BTreeMap;

use crate::lexer::{Kind, Token, after_bracket, at_commas, outside_brackets, tokens};
use crate::{Backslash, Dialect, DoubleQuotes, Rules};

/// What a setting is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Setting {
    /// What server, database and role have it set to: the session said nothing.
    #[default]
    Default,
    /// These values: one, but for lists such as `search_path`.
    Is(Vec<String>),
    /// The session set it to what the log does not tell.
    Unknown,
}

/// The state of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionState {
    dialect: Dialect,
    /// By name in lower case, without those that hold for the transaction alone.
    settings: BTreeMap<String, Setting>,
    /// Those of SET LOCAL.
    local: BTreeMap<String, Setting>,
    /// What the settings were when the transaction began, to which a rollback returns.
    before: Option<BTreeMap<String, Setting>>,
}

/// Under which name who the session works as is kept.
const ROLE: &str = "role";
const AUTHORIZATION: &str = "session_authorization";
const DATABASE: &str = "database";
const ISOLATION: &str = "transaction_isolation";

impl SessionState {
    /// A session that has set nothing yet.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, settings: BTreeMap::new(), local: BTreeMap::new(), before: None }
    }

    /// The state without what a rollback would return to.
    pub fn settled(&self) -> Self {
        Self { before: None, ..self.clone() }
    }

    /// What a setting is now; its name in lower case.
    pub fn setting(&self, name: &str) -> Setting {
        self.local.get(name).or_else(|| self.settings.get(name)).cloned().unwrap_or_default()
    }

    /// The schemas that are searched for a name.
    pub fn search_path(&self) -> Setting {
        self.setting("search_path")
    }

    /// The zone in which times are read and written.
    pub fn time_zone(&self) -> Setting {
        match self.dialect {
            Dialect::PostgreSql => self.setting("timezone"),
            Dialect::MySql => self.setting("time_zone"),
        }
    }

    /// How dates are read and written.
    pub fn date_style(&self) -> Setting {
        self.setting("datestyle")
    }

    /// The role as which it works, where it is not the one that signed in.
    pub fn role(&self) -> Setting {
        match self.setting(ROLE) {
            Setting::Is(role) if role.len() == 1 && role[0].eq_ignore_ascii_case("none") => self.setting(AUTHORIZATION),
            Setting::Default => self.setting(AUTHORIZATION),
            role => role,
        }
    }

    /// The database of `USE`.
    pub fn database(&self) -> Setting {
        self.setting(DATABASE)
    }

    /// The isolation of its transactions.
    pub fn isolation(&self) -> Setting {
        match self.setting(ISOLATION) {
            Setting::Default => self.setting("default_transaction_isolation"),
            level => level,
        }
    }

    /// How its text is cut into tokens.
    pub fn rules(&self) -> Rules {
        let rules = Rules::of(self.dialect);
        match self.dialect {
            Dialect::PostgreSql => match self.setting("standard_conforming_strings") {
                Setting::Is(value) if value.len() == 1 && ["off", "false", "0", "no"].iter().any(|off| value[0].eq_ignore_ascii_case(off)) => {
                    Rules { backslash: Backslash::Escapes, ..rules }
                }
                _ => rules,
            },
            Dialect::MySql => {
                let Some(modes) = self.modes() else { return rules };
                let has = |wanted: &[&str]| modes.iter().any(|mode| wanted.contains(&mode.as_str()));
                let ansi = has(&ANSI);
                Rules {
                    double_quotes: if ansi { DoubleQuotes::Name } else { rules.double_quotes },
                    backslash: if has(&["NO_BACKSLASH_ESCAPES"]) { Backslash::Itself } else { rules.backslash },
                    ..rules
                }
            }
        }
    }

    /// Whether `||` joins texts in MySQL; `None` where the mode is not known.
    pub fn pipes_join(&self) -> Option<bool> {
        let modes = self.modes()?;
        Some(modes.iter().any(|mode| PIPES.contains(&mode.as_str())))
    }

    /// The modes that the session set, in capitals; none where it set none. `None` where they are not known.
    fn modes(&self) -> Option<Vec<String>> {
        match self.setting("sql_mode") {
            Setting::Default => Some(Vec::new()),
            Setting::Is(modes) => {
                Some(modes.iter().flat_map(|list| list.split(',')).map(|mode| mode.trim().to_uppercase()).filter(|m| !m.is_empty()).collect())
            }
            Setting::Unknown => None,
        }
    }

    /// Whether the session limits the rows of every query (`sql_select_limit`).
    pub fn limits_rows(&self) -> bool {
        match self.setting("sql_select_limit") {
            Setting::Default => false,
            Setting::Is(limit) => !limit.iter().all(|limit| limit == "18446744073709551615"),
            Setting::Unknown => true,
        }
    }

    /// A setting under which the server may read statements otherwise than they are read here, by its name.
    pub fn odd_setting(&self) -> Option<&str> {
        let is_odd = |(name, value): &(&String, &Setting)| !matches!(value, Setting::Default) && self.is_odd(name, value);
        self.local.iter().chain(self.settings.iter().filter(|(name, _)| !self.local.contains_key(*name))).find(is_odd).map(|(name, _)| name.as_str())
    }

    fn is_odd(&self, name: &str, value: &Setting) -> bool {
        match (self.dialect, name) {
            (Dialect::PostgreSql, "datestyle") => {
                !matches!(value, Setting::Is(style) if style.first().is_some_and(|s| s.to_ascii_lowercase().starts_with("iso")))
            }
            (Dialect::MySql, "sql_mode") => self.modes().is_none_or(|modes| modes.iter().any(|mode| !PLAIN_MODES.contains(&mode.as_str()))),
            (Dialect::PostgreSql, "standard_conforming_strings") => *value == Setting::Unknown,
            (Dialect::PostgreSql, name) => !name.contains('.') && !names(HARMLESS, name) && !names(HARMLESS_POSTGRESQL, name),
            (Dialect::MySql, name) => !names(HARMLESS, name) && !names(HARMLESS_MYSQL, name),
        }
    }

    /// Takes a statement that ran to its end, or a text of several.
    pub fn take(&mut self, sql: &str) {
        if !may_change(sql) {
            return;
        }
        // Each statement is cut by what the one before has set.
        let mut rest = sql;
        let mut taken = 0;
        loop {
            let all = tokens(rest, self.rules());
            let end = all.iter().position(|t| t.is_symbol(';'));
            let part = &all[..end.unwrap_or(all.len())];
            let alone = end.is_none() && taken == 0;
            if let Some(first) = part.first().and_then(Token::word) {
                taken += 1;
                self.statement(part, &first.to_ascii_lowercase(), alone);
            }
            match end {
                Some(end) => rest = &rest[all[end].to..],
                None => break,
            }
        }
        // Several statements in one text are one transaction.
        if self.before.is_none() {
            self.local.clear();
        }
    }

    /// Takes one of the statements of a text.
    pub fn step(&mut self, sql: &str) {
        if may_change(sql) {
            let all = tokens(sql, self.rules());
            if let Some(first) = all.first().and_then(Token::word).map(str::to_ascii_lowercase) {
                self.statement(&all, &first, false);
            }
        }
    }

    /// `alone`: it is the whole text, so that what it sets for its transaction ends with it, unless one was begun.
    fn statement(&mut self, all: &[Token<'_>], word: &str, alone: bool) {
        let second = all.get(1);
        match (word, self.dialect) {
            ("begin" | "start", _) => {
                self.before.get_or_insert_with(|| self.settings.clone());
                self.characteristics(all, Scope::Transaction);
            }
            ("commit" | "end", _) => self.end(None),
            ("rollback" | "abort", _) if !all.iter().any(|t| t.is("to")) => {
                let before = self.before.take();
                self.end(before);
            }
            ("set", Dialect::PostgreSql) if alone && self.before.is_none() && second.is_some_and(|t| t.is("local") || t.is("transaction")) => {}
            ("set", Dialect::PostgreSql) => self.set_postgresql(all),
            ("set", Dialect::MySql) => self.set_mysql(all),
            ("reset", Dialect::PostgreSql) if second.is_some_and(|t| t.is("all")) => self.reset_all(),
            ("reset", Dialect::PostgreSql) => {
                let name = setting_name(&all[1..]);
                self.put(name, Setting::Default, Scope::Session);
            }
            ("discard", Dialect::PostgreSql) if second.is_some_and(|t| t.is("all")) => *self = Self::new(self.dialect),
            ("use", Dialect::MySql) => {
                if let Some(name) = second.and_then(|t| t.name(self.dialect)) {
                    self.put(DATABASE.to_owned(), Setting::Is(vec![name]), Scope::Session);
                }
            }
            _ => self.set_config(all),
        }
    }

    fn end(&mut self, rolled_back: Option<BTreeMap<String, Setting>>) {
        self.local.clear();
        self.before = None;
        // MySQL's settings are no part of its transactions.
        if let (Some(before), Dialect::PostgreSql) = (rolled_back, self.dialect) {
            self.settings = before;
        }
    }

    /// RESET ALL leaves who the session works as.
    fn reset_all(&mut self) {
        self.settings.retain(|name, _| name == ROLE || name == AUTHORIZATION);
        self.local.clear();
    }

    fn put(&mut self, name: String, value: Setting, scope: Scope) {
        match scope {
            Scope::Session => {
                self.local.remove(&name);
                self.settings.insert(name, value);
            }
            Scope::Transaction => drop(self.local.insert(name, value)),
        }
    }

    /// `ISOLATION LEVEL …` of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS.
    fn characteristics(&mut self, all: &[Token<'_>], scope: Scope) {
        let Some(level) = all.iter().position(|t| t.is("level")) else { return };
        let words: Vec<String> = all[level + 1..].iter().map_while(|t| t.word().map(str::to_ascii_lowercase)).take(2).collect();
        let level = if words.first().is_some_and(|w| w == "serializable") { "serializable".to_owned() } else { words.join(" ") };
        self.put(ISOLATION.to_owned(), Setting::Is(vec![level]), scope);
    }

    fn set_postgresql(&mut self, all: &[Token<'_>]) {
        let local = all.get(1).is_some_and(|t| t.is("local"));
        let scope = if local { Scope::Transaction } else { Scope::Session };
        let scoped = local || (all.get(1).is_some_and(|t| t.is("session")) && !all.get(2).is_some_and(|t| t.is("characteristics") || t.is("authorization")));
        let rest = &all[if scoped { 2 } else { 1 }.min(all.len())..];
        let Some(first) = rest.first() else { return };
        if first.is("transaction") {
            return self.characteristics(rest, Scope::Transaction);
        }
        if first.is("session") && rest.get(1).is_some_and(|t| t.is("characteristics")) {
            return self.characteristics(rest, Scope::Session);
        }
        let name = setting_name(rest);
        let skipped = match (first.is("time") || first.is("session"), outside_brackets(rest, 0, |t| t.is_symbol('=') || t.is("to"))) {
            (true, _) => 2,
            (false, Some(at)) => at + 1,
            // `SET ROLE x`, `SET SCHEMA 'x'`, `SET NAMES 'x'`
            (false, None) => 1,
        };
        let value = constants(rest.get(skipped..).unwrap_or_default(), self.dialect);
        self.put(name, value, scope);
    }

    fn set_mysql(&mut self, all: &[Token<'_>]) {
        let mut is_global = false;
        for item in at_commas(&all[1..]) {
            let Some(first) = item.first() else { continue };
            let scoped = ["global", "persist", "session", "local"].iter().find(|word| first.is(word));
            is_global |= matches!(scoped, Some(&"global" | &"persist"));
            let rest = &item[usize::from(scoped.is_some())..];
            if rest.first().is_some_and(|t| t.is("transaction")) {
                self.characteristics(rest, if scoped.is_some() { Scope::Session } else { Scope::Transaction });
                continue;
            }
            let Some(equals) = rest.iter().position(|t| t.is_symbol('=')) else {
                if rest.first().is_some_and(|t| t.is("role")) {
                    self.put(ROLE.to_owned(), constants(&rest[1..], self.dialect), Scope::Session);
                }
                continue;
            };
            let written = match &rest[0].kind {
                Kind::Variable(v) => v.strip_prefix("@@").unwrap_or_default().to_ascii_lowercase(),
                _ => rest[0].name(self.dialect).unwrap_or_default().to_ascii_lowercase(),
            };
            let global = is_global || written.starts_with("global.") || written.starts_with("persist.");
            let name = written.rsplit('.').next().unwrap_or_default().to_owned();
            let is_user_variable = matches!(&rest[0].kind, Kind::Variable(v) if !v.starts_with("@@"));
            if global || is_user_variable || name.is_empty() {
                continue;
            }
            let written = &rest[equals + 1..];
            let added = if name == "sql_mode" { added_modes(written).zip(self.modes()) } else { None };
            let value = added.map_or_else(|| mysql_value(written, self.dialect), |(added, modes)| Setting::Is(modes.into_iter().chain(added).collect()));
            self.put(name, value, Scope::Session);
        }
    }

    /// `set_config('name', 'value', is_local)`, wherever it is called.
    fn set_config(&mut self, all: &[Token<'_>]) {
        for at in (0..all.len()).filter(|at| all[*at].is("set_config") && all.get(at + 1).is_some_and(|t| t.is_symbol('('))) {
            let arguments = &all[at + 2..after_bracket(all, at + 1).saturating_sub(1).max(at + 2)];
            let mut parts = at_commas(arguments).into_iter();
            let (Some([name]), value, local) = (parts.next(), parts.next(), parts.next()) else { continue };
            let Kind::Text(name) = &name.kind else { continue };
            let name = name.to_ascii_lowercase();
            // Where it stands beside a table it is called for every row, or for none.
            let is_sure = !all.iter().any(|t| t.is("from") || t.is("case"));
            let value = match value {
                Some([Token { kind: Kind::Text(value), .. }]) if is_sure && name == "search_path" => Setting::Is(schemas(value)),
                Some([Token { kind: Kind::Text(value), .. }]) if is_sure => Setting::Is(vec![value.clone()]),
                _ => Setting::Unknown,
            };
            let is_local = local.is_some_and(|part| part.iter().any(|t| t.is("true")));
            self.put(name, value, if is_local && self.before.is_some() { Scope::Transaction } else { Scope::Session });
        }
    }
}

/// How long a setting holds.
#[derive(Clone, Copy)]
enum Scope {
    Session,
    Transaction,
}

/// Whether a statement can change the state of its session: a cheap look before it is read.
pub fn may_change(sql: &str) -> bool {
    const BEGINNINGS: [&str; 11] = ["set", "reset", "discard", "use", "begin", "start", "commit", "end", "rollback", "abort", "/*"];
    let trimmed = sql.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
    let begins = |word: &&str| trimmed.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    BEGINNINGS.iter().any(begins) || sql.contains(';') || memchr::memmem::find(sql.as_bytes(), b"set_config").is_some()
}

/// The name under which PostgreSQL keeps what these words set.
fn setting_name(rest: &[Token<'_>]) -> String {
    let word = rest.first().and_then(|t| t.name(Dialect::PostgreSql)).unwrap_or_default().to_lowercase();
    match word.as_str() {
        "time" => "timezone".to_owned(),
        "session" => AUTHORIZATION.to_owned(),
        "schema" => "search_path".to_owned(),
        "names" => "client_encoding".to_owned(),
        _ => {
            let tail: Vec<String> = rest.iter().skip(1).take_while(|t| !t.is_symbol('=') && !t.is("to")).filter_map(|t| t.name(Dialect::PostgreSql)).collect();
            let dotted = rest.get(1).is_some_and(|t| t.is_symbol('.'));
            if dotted { format!("{word}.{}", tail.join(".")) } else { word }
        }
    }
}

/// The values that these tokens write.
fn constants(part: &[Token<'_>], dialect: Dialect) -> Setting {
    if part.len() == 1 && part[0].is("default") {
        return Setting::Default;
    }
    let mut out = Vec::new();
    let mut sign = "";
    for token in part {
        match &token.kind {
            Kind::Symbol(',') => {}
            Kind::Symbol('-') => sign = "-",
            Kind::Text(text) => out.push(text.clone()),
            Kind::Number(number) => out.push(format!("{sign}{number}")),
            Kind::Word(_) | Kind::Quoted(_) => out.extend(token.name(dialect)),
            _ => return Setting::Unknown,
        }
    }
    if out.is_empty() { Setting::Unknown } else { Setting::Is(out) }
}

/// A value of MySQL; whatever is computed is not known.
fn mysql_value(part: &[Token<'_>], dialect: Dialect) -> Setting {
    match part {
        _ if part.iter().any(|t| t.is_symbol('(')) => Setting::Unknown,
        _ => constants(part, dialect),
    }
}

/// The modes that `CONCAT(@@sql_mode, ',ANSI_QUOTES')` adds to those that hold.
fn added_modes(part: &[Token<'_>]) -> Option<Vec<String>> {
    let [concat, open, arguments @ .., close] = part else { return None };
    if !(concat.is("concat") || concat.is("concat_ws")) || !open.is_symbol('(') || !close.is_symbol(')') {
        return None;
    }
    let added = arguments.iter().map(|token| match &token.kind {
        Kind::Symbol(',') => Some(None),
        Kind::Variable(name) => name.to_ascii_lowercase().ends_with("sql_mode").then_some(None),
        Kind::Text(text) => Some(Some(text.clone())),
        _ => None,
    });
    Some(added.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Whether a list of settings names one; an entry that ends in `_` names all that begin so.
fn names(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| if known.ends_with('_') { name.starts_with(known) } else { name == *known })
}

/// Modes of MySQL that come with `ANSI_QUOTES`.
const ANSI: [&str; 7] = ["ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
/// Modes of MySQL that come with `PIPES_AS_CONCAT`.
const PIPES: [&str; 7] = ["PIPES_AS_CONCAT", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
/// Modes under which a query means what it means here.
const PLAIN_MODES: &[&str] = &[
    "ALLOW_INVALID_DATES",
    "ANSI_QUOTES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ONLY_FULL_GROUP_BY",
    "PIPES_AS_CONCAT",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TRADITIONAL",
];
/// Settings that are followed here, and those of both servers that change no answer.
const HARMLESS: &[&str] = &[ROLE, AUTHORIZATION, DATABASE, ISOLATION, "default_transaction_", "transaction_", "lock_timeout", "optimizer_", "log_"];
/// Settings of PostgreSQL that change no answer, or how it is written alone.
const HARMLESS_POSTGRESQL: &[&str] = &[
    "application_name",
    "search_path",
    "timezone",
    "standard_conforming_strings",
    "statement_timeout",
    "idle_",
    "client_min_messages",
    "client_encoding",
    "client_connection_check_interval",
    "extra_float_digits",
    "bytea_output",
    "work_mem",
    "maintenance_work_mem",
    "logical_decoding_work_mem",
    "hash_mem_multiplier",
    "temp_",
    "enable_",
    "random_page_cost",
    "seq_page_cost",
    "cpu_",
    "effective_",
    "jit",
    "jit_",
    "max_parallel_",
    "min_parallel_",
    "parallel_",
    "geqo",
    "geqo_",
    "join_collapse_limit",
    "from_collapse_limit",
    "track_",
    "synchronous_commit",
    "check_function_bodies",
    "default_tablespace",
    "default_table_access_method",
    "default_toast_compression",
    "vacuum_",
    "lc_messages",
    "escape_string_warning",
    "backslash_quote",
    "cursor_tuple_fraction",
    "plan_cache_mode",
    "constraint_exclusion",
    "debug_",
    "tcp_",
    "quote_all_identifiers",
    "session_replication_role",
    "session_preload_libraries",
    "local_preload_libraries",
    "row_security",
    "intervalstyle",
    "seed",
];
/// Settings of MySQL and MariaDB that change no answer, or are asked for elsewhere.
const HARMLESS_MYSQL: &[&str] = &[
    "autocommit",
    "sql_mode",
    "time_zone",
    "sql_select_limit",
    "group_concat_max_len",
    "character_set_",
    "collation_",
    "net_",
    "wait_timeout",
    "interactive_timeout",
    "innodb_",
    "lock_wait_timeout",
    "max_execution_time",
    "max_statement_time",
    "max_allowed_packet",
    "max_heap_table_size",
    "tmp_table_size",
    "foreign_key_checks",
    "unique_checks",
    "sql_notes",
    "sql_warnings",
    "sql_safe_updates",
    "sql_log_bin",
    "sql_log_off",
    "sql_quote_show_create",
    "sql_big_selects",
    "big_tables",
    "profiling",
    "profiling_",
    "tx_isolation",
    "tx_read_only",
    "sort_buffer_size",
    "join_buffer_size",
    "read_",
    "insert_id",
    "last_insert_id",
    "timestamp",
    "long_query_time",
    "slow_query_log",
    "wsrep_",
    "default_storage_engine",
    "storage_engine",
];

/// The schemas of a list in a string.
fn schemas(list: &str) -> Vec<String> {
    tokens(list, Dialect::PostgreSql).iter().filter_map(|t| t.name(Dialect::PostgreSql)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, statements: &[&str], name: &str, expected: Setting) {
        let mut state = SessionState::new(dialect);
        statements.iter().for_each(|sql| state.take(sql));
        let have = match name {
            "search_path" => state.search_path(),
            "time_zone" => state.time_zone(),
            "role" => state.role(),
            "isolation" => state.isolation(),
            "database" => state.database(),
            name => state.setting(name),
        };
        assert_eq!(have, expected, "{statements:?}");
    }

    fn is(values: &[&str]) -> Setting {
        Setting::Is(values.iter().map(|v| (*v).to_owned()).collect())
    }

    #[test]
    fn postgresql_settings() {
        let check = |statements: &[&str], name, expected| check(Dialect::PostgreSql, statements, name, expected);
        check(&["SET search_path = other"], "search_path", is(&["other"]));
        check(&["SET search_path TO Hr, \"Pub\", '$user'"], "search_path", is(&["hr", "Pub", "$user"]));
        check(&["SELECT pg_catalog.set_config('search_path', 'a, b', false)"], "search_path", is(&["a", "b"]));
        check(&["SELECT set_config('search_path', x, false) FROM t"], "search_path", Setting::Unknown);
        check(&["SET SESSION TIME ZONE 'Asia/Hong_Kong'"], "time_zone", is(&["Asia/Hong_Kong"]));
        check(&["SET TimeZone TO -8", "RESET timezone"], "time_zone", Setting::Default);
        check(&["SET ROLE clerk"], "role", is(&["clerk"]));
        check(&["SET SESSION AUTHORIZATION clerk", "SET ROLE boss", "RESET ROLE"], "role", is(&["clerk"]));
        check(&["BEGIN ISOLATION LEVEL REPEATABLE READ"], "isolation", is(&["repeatable read"]));
        check(&["set search_path = a", "DISCARD ALL"], "search_path", Setting::Default);
        check(&["SET search_path = DEFAULT"], "search_path", Setting::Default);
        check(&["SET hr.user = 'x'"], "hr.user", is(&["x"]));
    }

    #[test]
    fn what_a_transaction_sets_ends_with_it() {
        let check = |statements: &[&str], expected| check(Dialect::PostgreSql, statements, "search_path", expected);
        check(&["SET LOCAL search_path = a"], Setting::Default);
        check(&["SET LOCAL search_path = a; SELECT 1"], Setting::Default);
        check(&["BEGIN", "SET LOCAL search_path = a"], is(&["a"]));
        check(&["BEGIN", "SET LOCAL search_path = a", "COMMIT"], Setting::Default);
        check(&["SET search_path = a", "BEGIN", "SET search_path = b", "ROLLBACK"], is(&["a"]));
        check(&["BEGIN", "SET search_path = b", "ROLLBACK TO x", "COMMIT"], is(&["b"]));
    }

    #[test]
    fn mysql_settings() {
        let check = |statements: &[&str], name, expected| check(Dialect::MySql, statements, name, expected);
        check(&["SET NAMES utf8mb4, @@session.time_zone = '+08:00'"], "time_zone", is(&["+08:00"]));
        check(&["SET GLOBAL time_zone = '+08:00'"], "time_zone", Setting::Default);
        check(&["USE `shop`"], "database", is(&["shop"]));
        check(&["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"], "isolation", is(&["read committed"]));
    }

    #[test]
    fn a_session_says_how_its_text_is_cut() {
        let rules = |dialect, sql: &str| {
            let mut state = SessionState::new(dialect);
            state.take(sql);
            state.rules()
        };
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = 'ANSI_QUOTES'").double_quotes, DoubleQuotes::Name);
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')").double_quotes, DoubleQuotes::Name);
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')").double_quotes, DoubleQuotes::Text);
        assert_eq!(rules(Dialect::MySql, "set @@sql_mode='NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'").backslash, Backslash::Itself);
        assert_eq!(rules(Dialect::PostgreSql, "SET standard_conforming_strings TO off").backslash, Backslash::Escapes);
    }

    #[test]
    fn a_setting_that_changes_what_statements_mean_is_told() {
        let check = |dialect, sql: &str, expected: Option<&str>| {
            let mut state = SessionState::new(dialect);
            state.take(sql);
            assert_eq!(state.odd_setting(), expected, "{sql}");
        };
        check(Dialect::PostgreSql, "SET transform_null_equals = on", Some("transform_null_equals"));
        check(Dialect::PostgreSql, "SET DateStyle = 'German, DMY'", Some("datestyle"));
        check(Dialect::PostgreSql, "SET DateStyle TO ISO, MDY", None);
        check(Dialect::PostgreSql, "SET enable_seqscan = off; SET hr.clerk = 'x'; SET search_path = a", None);
        check(Dialect::MySql, "SET sql_mode = 'HIGH_NOT_PRECEDENCE'", Some("sql_mode"));
        check(Dialect::MySql, "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', autocommit = 0", None);
        check(Dialect::MySql, "SET sql_mode = @old", Some("sql_mode"));
        check(Dialect::MySql, "SET @a = 1, NAMES utf8mb4", None);
    }
}
