//! What a session has set, as its own statements tell it in their order: how its text is cut, where its names are looked
//! for, in which zone its times are read, and as whom it works. What is set to something that only the server knows is
//! not known, and says so.

use std::collections::BTreeMap;

use crate::lexer::{Kind, Token, after_bracket, outside_brackets, tokens};
use crate::{Backslash, Dialect, DoubleQuotes, Rules};

/// What a setting is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
                let Setting::Is(modes) = self.setting("sql_mode") else { return rules };
                let has = |wanted: &[&str]| modes.iter().flat_map(|m| m.split(',')).any(|m| wanted.iter().any(|w| m.trim().eq_ignore_ascii_case(w)));
                let ansi = has(&["ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"]);
                Rules {
                    double_quotes: if ansi { DoubleQuotes::Name } else { rules.double_quotes },
                    backslash: if has(&["NO_BACKSLASH_ESCAPES"]) { Backslash::Itself } else { rules.backslash },
                    ..rules
                }
            }
        }
    }

    /// Takes a statement that ran to its end.
    pub fn take(&mut self, sql: &str) {
        if !may_change(sql) {
            return;
        }
        let all = tokens(sql, self.rules());
        for part in all.split(|t| t.is_symbol(';')).filter(|part| !part.is_empty()) {
            self.statement(part);
        }
    }

    fn statement(&mut self, all: &[Token<'_>]) {
        let word = all[0].word().unwrap_or_default().to_ascii_lowercase();
        let second = all.get(1);
        match (word.as_str(), self.dialect) {
            ("begin" | "start", _) => {
                self.before.get_or_insert_with(|| self.settings.clone());
                self.characteristics(all, Scope::Transaction);
            }
            ("commit" | "end", _) => self.end(None),
            ("rollback" | "abort", _) if !all.iter().any(|t| t.is("to")) => {
                let before = self.before.take();
                self.end(before);
            }
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
        for item in all[1..].split(|t| t.is_symbol(',')) {
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
            if !global && !name.is_empty() {
                let value = mysql_value(&name, &rest[equals + 1..], self.dialect);
                self.put(name, value, Scope::Session);
            }
        }
    }

    /// `set_config('name', 'value', is_local)`, wherever it is called.
    fn set_config(&mut self, all: &[Token<'_>]) {
        for at in (0..all.len()).filter(|at| all[*at].is("set_config") && all.get(at + 1).is_some_and(|t| t.is_symbol('('))) {
            let arguments = &all[at + 2..after_bracket(all, at + 1).saturating_sub(1).max(at + 2)];
            let mut parts = arguments.split(|t| t.is_symbol(','));
            let (Some([name]), value, local) = (parts.next(), parts.next(), parts.next()) else { continue };
            let Kind::Text(name) = &name.kind else { continue };
            let name = name.to_ascii_lowercase();
            let value = match value {
                Some([Token { kind: Kind::Text(value), .. }]) if name == "search_path" => Setting::Is(schemas(value)),
                Some([Token { kind: Kind::Text(value), .. }]) => Setting::Is(vec![value.clone()]),
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
    let begins = |word: &str| trimmed.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    BEGINNINGS.iter().any(|word| begins(word)) || sql.contains(';') || memchr::memmem::find(sql.as_bytes(), b"set_config").is_some()
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

/// A value of MySQL. A mode that is added to those that hold is known; whatever else is computed is not.
fn mysql_value(name: &str, part: &[Token<'_>], dialect: Dialect) -> Setting {
    match constants(part, dialect) {
        known @ (Setting::Is(_) | Setting::Default) if !part.iter().any(|t| t.is_symbol('(')) => known,
        _ if name == "sql_mode" => Setting::Is(part.iter().filter_map(|t| if let Kind::Text(text) = &t.kind { Some(text.clone()) } else { None }).collect()),
        _ => Setting::Unknown,
    }
}

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
        assert_eq!(rules(Dialect::MySql, "set @@sql_mode='NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'").backslash, Backslash::Itself);
        assert_eq!(rules(Dialect::PostgreSql, "SET standard_conforming_strings TO off").backslash, Backslash::Escapes);
    }
}
