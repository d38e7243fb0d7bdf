//! What a session has set, as its own statements tell it in their order: how its text is cut, where its names are looked
//! for, in which zone its times are read, as whom it works, and what stands in its variables. What is set to something that
//! only the server knows is not known, and says so.
//!
//! Sources: PostgreSQL 15 documentation, SET, RESET, DISCARD, SAVEPOINT and Server Configuration; MariaDB 10.11 manual, SET,
//! SQL_MODE and User-Defined Variables. What a rollback takes back was asked of the servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lexer::{Kind, Token, after_bracket, at_commas, is_block, outside_brackets, tokens};
use crate::names::NO_CALLS;
use crate::{Backslash, Dialect, DoubleQuotes, Effect, Rules, effect};

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

/// What stands in a variable: a user variable of MySQL (`@name`), or a setting of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing, or what the session's statements said themselves.
    Said,
    /// What a query gave at that time, microseconds.
    Query(Arc<str>, i64),
    /// Not known.
    Unknown,
}

/// A statement that ran to its end, or a text of several.
#[derive(Clone, Copy, Debug)]
pub struct Ran<'r> {
    /// Its text.
    pub sql: &'r str,
    /// When, microseconds.
    pub time: i64,
    /// The values of `$1`, `$2` …, as far as they are known.
    pub parameters: &'r [Option<String>],
}

impl<'r> Ran<'r> {
    /// A statement without values beside it.
    pub fn plain(sql: &'r str, time: i64) -> Self {
        Self { sql, time, parameters: &[] }
    }
}

/// What is kept of a setting or a variable; of one that is not there, it is the default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kept {
    Default,
    /// Something that the session said itself, and nobody asks what.
    Said,
    Is(Vec<String>),
    /// What a query gave, and when.
    Query(Arc<str>, i64),
    Unknown,
}

/// By name in lower case; user variables with their `@`. Shared by the states that have the same.
type Settings = Arc<BTreeMap<String, Kept>>;

/// The state of one session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionState {
    dialect: Dialect,
    /// Without those that hold for the transaction alone.
    settings: Settings,
    /// Those of SET LOCAL.
    local: Settings,
    transaction: Option<Transaction>,
    /// Whether it ran code that may have put anything into its variables.
    ran_code: bool,
    /// Whether it set more than is followed.
    is_lost: bool,
}

/// A transaction that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Transaction {
    /// What the settings were when it began, to which a rollback returns.
    before: Settings,
    /// Savepoints, and the settings at each.
    savepoints: Vec<(String, Settings, Settings)>,
    /// Whether a statement of it failed: its COMMIT then is a rollback.
    is_aborted: bool,
}

/// Under which name who the session works as is kept.
const ROLE: &str = "role";
const AUTHORIZATION: &str = "session_authorization";
const DATABASE: &str = "database";
/// Settings whose value is asked for; of others it is enough that they were set.
const FOLLOWED: [&str; 14] = [
    ROLE,
    AUTHORIZATION,
    DATABASE,
    "search_path",
    "timezone",
    "datestyle",
    "standard_conforming_strings",
    "time_zone",
    "timestamp",
    "sql_mode",
    "sql_select_limit",
    "group_concat_max_len",
    "foreign_key_checks",
    "session_replication_role",
];
/// Settings and variables that are kept of one session, the letters of a value, and savepoints of a transaction. Texts may be hostile.
const NAMES_AT_MOST: usize = 64;
const VALUE_BYTES: usize = 1 << 10;
const QUERY_BYTES: usize = 1 << 16;
const SAVEPOINTS_AT_MOST: usize = 1 << 12;
/// How often one text may change how its rest is cut.
const READINGS_AT_MOST: usize = 64;

impl SessionState {
    /// A session that has set nothing yet.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, settings: Arc::default(), local: Arc::default(), transaction: None, ran_code: false, is_lost: false }
    }

    /// The state without what a rollback would return to.
    pub fn settled(&self) -> Self {
        Self { transaction: None, ..self.clone() }
    }

    /// A session of which more was set than is followed: nothing is known of it.
    pub fn lost(dialect: Dialect) -> Self {
        Self { is_lost: true, ..Self::new(dialect) }
    }

    fn kept(&self, name: &str) -> &Kept {
        self.local.get(name).or_else(|| self.settings.get(name)).unwrap_or(&Kept::Default)
    }

    /// What a setting is now; its name in lower case.
    pub fn setting(&self, name: &str) -> Setting {
        match self.kept(name) {
            _ if self.is_lost => Setting::Unknown,
            Kept::Default => Setting::Default,
            Kept::Is(values) => Setting::Is(values.clone()),
            Kept::Said | Kept::Query(..) | Kept::Unknown => Setting::Unknown,
        }
    }

    /// What stands in a variable: `@name` of MySQL, a setting of PostgreSQL; its name in lower case.
    pub fn held(&self, name: &str) -> Held {
        match self.kept(name) {
            _ if self.is_lost => Held::Unknown,
            Kept::Default if self.ran_code && is_variable(name) => Held::Unknown,
            Kept::Default | Kept::Said | Kept::Is(_) => Held::Said,
            Kept::Query(sql, time) => Held::Query(Arc::clone(sql), *time),
            Kept::Unknown => Held::Unknown,
        }
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

    /// Whether MySQL's clock was set: `NOW()` then is what the session says, or what nobody knows.
    pub fn sets_clock(&self) -> bool {
        match self.setting("timestamp") {
            _ if self.dialect == Dialect::PostgreSql => false,
            Setting::Default => false,
            Setting::Is(value) => value != ["0"],
            Setting::Unknown => true,
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

    /// Whether its writes may be without what keys and triggers do beside them.
    pub fn leaves_keys(&self) -> bool {
        let is_on = |name: &str, on: &[&str]| match self.setting(name) {
            Setting::Default => true,
            Setting::Is(value) => value.len() == 1 && on.iter().any(|on| value[0].eq_ignore_ascii_case(on)),
            Setting::Unknown => false,
        };
        match self.dialect {
            Dialect::PostgreSql => !is_on("session_replication_role", &["origin", "local"]),
            Dialect::MySql => !is_on("foreign_key_checks", &["1", "on", "true"]),
        }
    }

    /// A setting under which the server may read statements otherwise than they are read here, by its name.
    pub fn odd_setting(&self) -> Option<&str> {
        let is_odd = |(name, value): &(&String, &Kept)| **value != Kept::Default && self.is_odd(name, value);
        self.local.iter().chain(self.settings.iter().filter(|(name, _)| !self.local.contains_key(*name))).find(is_odd).map(|(name, _)| name.as_str())
    }

    fn is_odd(&self, name: &str, value: &Kept) -> bool {
        match (self.dialect, name) {
            (_, name) if is_variable(name) => false,
            (Dialect::PostgreSql, "datestyle") => !matches!(value, Kept::Is(style) if style.first().is_some_and(|s| s.to_ascii_lowercase().starts_with("iso"))),
            (Dialect::MySql, "sql_mode") => self.modes().is_none_or(|modes| modes.iter().any(|mode| !PLAIN_MODES.contains(&mode.as_str()))),
            (Dialect::PostgreSql, "standard_conforming_strings") => !matches!(value, Kept::Is(_)),
            (_, name) => !self.is_harmless(name),
        }
    }

    /// Whether a setting changes no answer, or is asked for elsewhere.
    fn is_harmless(&self, name: &str) -> bool {
        let own = if self.dialect == Dialect::PostgreSql { HARMLESS_POSTGRESQL } else { HARMLESS_MYSQL };
        names(HARMLESS, name) || names(own, name)
    }

    /// Takes a statement that ran to its end, or a text of several.
    pub fn take(&mut self, ran: Ran<'_>) {
        if !may_change(ran.sql) {
            return;
        }
        let (mut rest, mut taken, mut readings) = (ran.sql, 0, 0);
        while let Some(cut) = self.take_rest(Ran { sql: rest, ..ran }, &mut taken) {
            readings += 1;
            if readings > READINGS_AT_MOST {
                self.is_lost = true;
                break;
            }
            rest = &rest[cut..];
        }
        // Several statements in one text are one transaction.
        if self.transaction.is_none() {
            self.local = Arc::default();
        }
    }

    /// Takes the statements of a text up to one that changes how the rest is cut; where that begins, if there is one.
    fn take_rest(&mut self, ran: Ran<'_>, taken: &mut usize) -> Option<usize> {
        let rules = self.rules();
        let all = tokens(ran.sql, rules);
        let mut rest = all.as_slice();
        loop {
            let end = rest.iter().position(|t| t.is_symbol(';'));
            let part = &rest[..end.unwrap_or(rest.len())];
            if !part.is_empty() {
                let is_alone = end.is_none() && *taken == 0;
                *taken += 1;
                self.statement(&Part { ran, dialect: self.dialect, all: part, is_alone });
            }
            let end = end?;
            let cut = rest[end].to;
            rest = &rest[end + 1..];
            if self.rules() != rules {
                return Some(cut);
            }
        }
    }

    /// Takes one of the statements of a text.
    pub fn step(&mut self, ran: Ran<'_>) {
        if may_change(ran.sql) {
            let all = tokens(ran.sql, self.rules());
            self.statement(&Part { ran, dialect: self.dialect, all: &all, is_alone: false });
        }
    }

    /// A statement of it failed, or a text of several. PostgreSQL takes back what the text set, and the transaction around it can only be rolled
    /// back; MySQL keeps what was set before the statement that failed.
    pub fn fail(&mut self, ran: Ran<'_>) {
        if let Some(transaction) = self.transaction.as_mut().filter(|_| self.dialect == Dialect::PostgreSql) {
            transaction.is_aborted = true;
        }
        let has_end = || tokens(ran.sql, self.rules()).iter().any(|t| ["commit", "end", "rollback", "abort", "begin", "start"].iter().any(|word| t.is(word)));
        if !ran.sql.contains(';') || !may_change(ran.sql) || self.dialect == Dialect::PostgreSql && !has_end() {
            return;
        }
        // How far it came is not known.
        let mut after = self.clone();
        after.take(ran);
        self.is_lost |= after.is_lost;
        self.ran_code |= after.ran_code;
        self.differing(&after.settings);
    }

    /// Whether a statement failed in the transaction that it is in: nothing is let run until that ends, or goes back to a savepoint.
    pub fn has_failed(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.is_aborted)
    }

    /// A statement was let run: a transaction that had failed is over without a word of it, or went on from a savepoint, which pgaudit does not
    /// tell either.
    pub fn go_on(&mut self) {
        let Some(transaction) = self.transaction.take_if(|transaction| transaction.is_aborted) else { return };
        let local = std::mem::take(&mut self.local);
        self.settings = transaction.before;
        let Some((_, settings, _)) = transaction.savepoints.last() else { return };
        self.differing(settings);
        local.keys().for_each(|name| self.put(name.clone(), Kept::Unknown, Scope::Session));
        self.begin();
    }

    /// What is set otherwise there is not known here.
    fn differing(&mut self, there: &Settings) {
        if Arc::ptr_eq(&self.settings, there) {
            return;
        }
        let here = Arc::clone(&self.settings);
        for name in here.keys().chain(there.keys()).filter(|name| here.get(*name) != there.get(*name)) {
            self.put(name.clone(), Kept::Unknown, Scope::Session);
        }
    }

    fn statement(&mut self, part: &Part<'_>) {
        let all = part.all;
        let Some(word) = all.first().and_then(Token::word).map(str::to_ascii_lowercase) else { return self.values(part) };
        let second = all.get(1);
        match (word.as_str(), self.dialect) {
            _ if is_block(all, self.dialect) => self.run_code(),
            ("begin" | "start", _) => self.begin(),
            ("commit" | "end", _) => self.end(all, Finish::Kept),
            ("prepare", _) if second.is_some_and(|t| t.is("transaction")) => self.end(all, Finish::Kept),
            ("rollback" | "abort", _) => match all.iter().position(|t| t.is("to")) {
                Some(to) => self.back_to(all[to + 1..].iter().find(|t| !t.is("savepoint")).and_then(|t| t.name(self.dialect))),
                None => self.end(all, Finish::TakenBack),
            },
            ("savepoint", Dialect::PostgreSql) => self.savepoint(second.and_then(|t| t.name(self.dialect))),
            ("release", Dialect::PostgreSql) => self.release(all[1..].iter().find(|t| !t.is("savepoint")).and_then(|t| t.name(self.dialect))),
            ("set", Dialect::PostgreSql) if part.is_alone && self.transaction.is_none() && second.is_some_and(|t| t.is("local") || t.is("transaction")) => {}
            ("set", Dialect::PostgreSql) => self.set_postgresql(all),
            ("set", Dialect::MySql) => self.set_mysql(part),
            ("reset", Dialect::PostgreSql) if second.is_some_and(|t| t.is("all")) => self.reset_all(),
            ("reset", Dialect::PostgreSql) => {
                let name = setting_name(&all[1..]);
                self.put(name, Kept::Default, Scope::Session);
            }
            ("discard", Dialect::PostgreSql) if second.is_some_and(|t| t.is("all")) => *self = Self::new(self.dialect),
            ("use", Dialect::MySql) => {
                if let Some(name) = second.and_then(|t| t.name(self.dialect)) {
                    self.put(DATABASE.to_owned(), Kept::Is(vec![name]), Scope::Session);
                }
            }
            ("call" | "do", _) | ("execute" | "get", Dialect::MySql) => self.run_code(),
            _ => self.values(part),
        }
    }

    /// Code may set what it likes.
    fn run_code(&mut self) {
        self.ran_code = true;
        Arc::make_mut(&mut self.settings).retain(|name, _| !is_variable(name));
        Arc::make_mut(&mut self.local).retain(|name, _| !is_variable(name));
    }

    fn begin(&mut self) {
        let before = || Transaction { before: Arc::clone(&self.settings), savepoints: Vec::new(), is_aborted: false };
        if self.transaction.is_none() {
            self.transaction = Some(before());
        }
    }

    /// COMMIT or ROLLBACK. MySQL's settings are no part of its transactions.
    fn end(&mut self, all: &[Token<'_>], finish: Finish) {
        self.local = Arc::default();
        if let (Some(transaction), Dialect::PostgreSql) = (self.transaction.take(), self.dialect)
            && (finish == Finish::TakenBack || transaction.is_aborted)
        {
            self.settings = transaction.before;
        }
        let chain = all.iter().position(|t| t.is("chain")).and_then(|at| at.checked_sub(1));
        if chain.is_some_and(|before| all[before].is("and")) {
            self.begin();
        }
    }

    fn savepoint(&mut self, name: Option<String>) {
        let (settings, local) = (Arc::clone(&self.settings), Arc::clone(&self.local));
        let Some(transaction) = self.transaction.as_mut() else { return };
        if transaction.savepoints.len() >= SAVEPOINTS_AT_MOST {
            transaction.savepoints.remove(0);
        }
        transaction.savepoints.push((name.unwrap_or_default(), settings, local));
    }

    /// RELEASE keeps what was set since.
    fn release(&mut self, name: Option<String>) {
        let Some(transaction) = self.transaction.as_mut() else { return };
        if let Some(at) = transaction.savepoints.iter().rposition(|(known, ..)| Some(known) == name.as_ref()) {
            transaction.savepoints.truncate(at);
        }
    }

    /// ROLLBACK TO: settings return to what they were at the savepoint. Where that is not known, whatever the transaction set is not.
    fn back_to(&mut self, name: Option<String>) {
        let Some(transaction) = self.transaction.as_mut().filter(|_| self.dialect == Dialect::PostgreSql) else { return };
        transaction.is_aborted = false;
        match transaction.savepoints.iter().rposition(|(known, ..)| Some(known) == name.as_ref()) {
            Some(at) => {
                transaction.savepoints.truncate(at + 1);
                let (_, settings, local) = &transaction.savepoints[at];
                (self.settings, self.local) = (Arc::clone(settings), Arc::clone(local));
            }
            None => {
                let before = Arc::clone(&transaction.before);
                self.differing(&before);
                let local: Vec<String> = self.local.keys().cloned().collect();
                local.into_iter().for_each(|name| self.put(name, Kept::Unknown, Scope::Transaction));
            }
        }
    }

    /// RESET ALL leaves who the session works as.
    fn reset_all(&mut self) {
        Arc::make_mut(&mut self.settings).retain(|name, _| name == ROLE || name == AUTHORIZATION);
        self.local = Arc::default();
    }

    fn put(&mut self, name: String, value: Kept, scope: Scope) {
        // Who signs in anew works as himself.
        if name == AUTHORIZATION {
            self.put(ROLE.to_owned(), Kept::Default, scope);
        }
        let is_followed = FOLLOWED.contains(&name.as_str());
        let value = match value {
            Kept::Is(values) if values.iter().map(String::len).sum::<usize>() > VALUE_BYTES => Kept::Unknown,
            // What is said of these is not asked for.
            Kept::Is(_) if !is_followed && !is_variable(&name) && self.is_harmless(&name) => Kept::Default,
            Kept::Is(_) if !is_followed => Kept::Said,
            // A variable of MySQL's server takes no text of rows.
            Kept::Query(..) | Kept::Unknown if self.dialect == Dialect::MySql && !is_followed && !is_variable(&name) && self.is_harmless(&name) => {
                Kept::Default
            }
            Kept::Query(sql, _) if sql.len() > QUERY_BYTES => Kept::Unknown,
            value => value,
        };
        let settings = match scope {
            Scope::Session => {
                if self.local.contains_key(&name) {
                    Arc::make_mut(&mut self.local).remove(&name);
                }
                &mut self.settings
            }
            Scope::Transaction => &mut self.local,
        };
        if settings.get(&name).unwrap_or(&Kept::Default) == &value && !matches!(scope, Scope::Transaction) {
            return;
        }
        let is_room = settings.len() < NAMES_AT_MOST || settings.contains_key(&name);
        match value {
            Kept::Default if matches!(scope, Scope::Session) => drop(Arc::make_mut(settings).remove(&name)),
            value if is_room => drop(Arc::make_mut(settings).insert(name.clone(), value)),
            _ => self.is_lost = true,
        }
    }

    fn set_postgresql(&mut self, all: &[Token<'_>]) {
        let local = all.get(1).is_some_and(|t| t.is("local"));
        let scope = if local { Scope::Transaction } else { Scope::Session };
        let scoped = local || (all.get(1).is_some_and(|t| t.is("session")) && !all.get(2).is_some_and(|t| t.is("characteristics") || t.is("authorization")));
        let rest = &all[if scoped { 2 } else { 1 }.min(all.len())..];
        let Some(first) = rest.first() else { return };
        // The level of transactions is followed with them.
        if first.is("transaction") || first.is("session") && rest.get(1).is_some_and(|t| t.is("characteristics")) {
            return;
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

    fn set_mysql(&mut self, part: &Part<'_>) {
        if part.all.get(1).is_some_and(|t| t.is("statement")) {
            // It sets for the statement alone.
            return;
        }
        let mut is_global = false;
        for item in at_commas(&part.all[1..]) {
            let Some(first) = item.first() else { continue };
            let scoped = ["global", "persist", "session", "local"].iter().find(|word| first.is(word));
            is_global |= matches!(scoped, Some(&"global" | &"persist"));
            let rest = &item[usize::from(scoped.is_some())..];
            let Some(equals) = rest.iter().position(|t| t.is_symbol('=')).filter(|at| *at > 0) else {
                if rest.first().is_some_and(|t| t.is("role")) {
                    self.put(ROLE.to_owned(), constants(&rest[1..], self.dialect), Scope::Session);
                }
                continue;
            };
            let value = &rest[equals + 1..];
            if let Some(name) = user_variable(&rest[0]) {
                let kept = self.computed(value, part, Some(&name));
                self.put(name, kept, Scope::Session);
                continue;
            }
            let written = match &rest[0].kind {
                Kind::Variable(v) => v.strip_prefix("@@").unwrap_or_default().to_ascii_lowercase(),
                _ => rest[0].name(self.dialect).unwrap_or_default().to_ascii_lowercase(),
            };
            let global = is_global || written.starts_with("global.") || written.starts_with("persist.");
            let name = written.rsplit('.').next().unwrap_or_default().to_owned();
            if global || name.is_empty() {
                continue;
            }
            let added = if name == "sql_mode" { added_modes(value).zip(self.modes()) } else { None };
            let kept = added.map_or_else(|| mysql_value(value, self.dialect), |(added, modes)| Kept::Is(modes.into_iter().chain(added).collect()));
            self.put(name, kept, Scope::Session);
        }
    }

    /// What a query puts into settings and variables.
    fn values(&mut self, part: &Part<'_>) {
        match self.dialect {
            Dialect::PostgreSql => self.set_config(part),
            Dialect::MySql => self.variables(part),
        }
    }

    /// `set_config('name', 'value', is_local)`, wherever it is called.
    fn set_config(&mut self, part: &Part<'_>) {
        let all = part.all;
        for at in (0..all.len()).filter(|at| all[*at].is("set_config") && all.get(at + 1).is_some_and(|t| t.is_symbol('('))) {
            let arguments = &all[at + 2..after_bracket(all, at + 1).saturating_sub(1).max(at + 2)];
            let mut parts = at_commas(arguments).into_iter();
            let (Some([name]), value, local) = (parts.next(), parts.next(), parts.next()) else { continue };
            let Some(name) = part.text(name).map(|name| name.to_ascii_lowercase()) else { continue };
            // Where it stands beside a table it is called for every row, or for none.
            let is_sure = !all.iter().any(|t| t.is("from") || t.is("case"));
            let text = if let Some([value]) = value { part.text(value) } else { None };
            let kept = match text {
                Some(text) if is_sure && name == "search_path" => Kept::Is(schemas(text)),
                Some(text) if is_sure => Kept::Is(vec![text.to_owned()]),
                // Whatever is left of it the client said.
                _ if !FOLLOWED.contains(&name.as_str()) => match value {
                    Some([Token { kind: Kind::Text(_) | Kind::Placeholder(_), .. }]) => Kept::Said,
                    _ if is_item(all, at, after_bracket(all, at + 1)) => part.given(),
                    value => self.hidden(value.unwrap_or_default(), part, None),
                },
                _ => Kept::Unknown,
            };
            let is_local = local.is_some_and(|local| local.iter().any(|t| t.is("true")));
            self.put(name, kept, if is_local && self.transaction.is_some() { Scope::Transaction } else { Scope::Session });
        }
    }

    /// `@name := value`, wherever it stands, and `SELECT … INTO @name`.
    fn variables(&mut self, part: &Part<'_>) {
        let all = part.all;
        let mut assigned: BTreeMap<String, Vec<(usize, &[Token<'_>])>> = BTreeMap::new();
        for at in (0..all.len()).filter(|at| is_assigned(all, *at)) {
            if let Some(name) = user_variable(&all[at]) {
                assigned.entry(name).or_default().push((at, value_from(all, at + 3)));
            }
        }
        for (name, values) in assigned {
            let goes_on = |value: &[Token<'_>]| value.iter().any(|t| user_variable(t).as_ref() == Some(&name));
            // Where it begins in the statement itself, what stood there before is gone.
            let before = if values.iter().all(|(_, value)| goes_on(value)) { self.known(&name) } else { Kept::Said };
            let kept = values.iter().fold(before, |kept, (at, value)| {
                let is_shown = all[0].is("set") || is_item(all, *at, at + 3 + value.len());
                worse(kept, if is_shown { self.computed(value, part, Some(&name)) } else { self.hidden(value, part, Some(&name)) })
            });
            self.put(name, kept, Scope::Session);
        }
        let Some(into) = (0..all.len()).find(|at| all[*at].is("into") && all.get(at + 1).is_some_and(|t| user_variable(t).is_some())) else { return };
        let kept = if all.iter().any(|t| t.is("from")) { part.given() } else { self.computed(&all[1..into], part, None) };
        let names: Vec<String> = all[into + 1..].iter().take_while(|t| t.is_symbol(',') || user_variable(t).is_some()).filter_map(user_variable).collect();
        names.into_iter().for_each(|name| self.put(name, kept.clone(), Scope::Session));
    }

    fn known(&self, name: &str) -> Kept {
        match self.held(name) {
            Held::Said => Kept::Said,
            Held::Query(sql, time) => Kept::Query(sql, time),
            Held::Unknown => Kept::Unknown,
        }
    }

    /// What an expression comes to that the statement as a whole does not show.
    fn hidden(&self, value: &[Token<'_>], part: &Part<'_>, own: Option<&str>) -> Kept {
        match self.computed(value, part, own) {
            Kept::Query(..) => Kept::Unknown,
            kept => kept,
        }
    }

    /// What an expression comes to: what the session said, where it names no column; what its query gives, else.
    fn computed(&self, value: &[Token<'_>], part: &Part<'_>, own: Option<&str>) -> Kept {
        let variables = value.iter().filter_map(user_variable).filter(|name| Some(name.as_str()) != own);
        let kept = variables.fold(Kept::Said, |kept, name| worse(kept, self.known(&name)));
        let is_column = |(at, token): (usize, &Token<'_>)| match &token.kind {
            Kind::Quoted(_) => true,
            Kind::Word(word) => !value.get(at + 1).is_some_and(|t| t.is_symbol('(')) && !NO_COLUMNS.iter().any(|known| word.eq_ignore_ascii_case(known)),
            _ => false,
        };
        let has_columns = value.iter().enumerate().any(is_column);
        if calls_others(value, self.dialect) {
            return Kept::Unknown;
        }
        match (value.first(), value.last()) {
            (Some(first), Some(last)) if has_columns && part.all[0].is("set") => {
                let query = part.ran.sql.get(first.from..last.to).unwrap_or_default();
                worse(kept, Kept::Query(format!("SELECT {query}").into(), part.ran.time))
            }
            _ if has_columns => worse(kept, part.given()),
            _ => kept,
        }
    }
}

/// One statement of a text.
struct Part<'p> {
    /// The text.
    ran: Ran<'p>,
    dialect: Dialect,
    /// Its own tokens.
    all: &'p [Token<'p>],
    /// Whether it is the whole text, so that what it sets for its transaction ends with it, unless one was begun.
    is_alone: bool,
}

impl Part<'_> {
    /// A text, or the value of a parameter.
    fn text<'t>(&'t self, token: &'t Token<'_>) -> Option<&'t str> {
        match &token.kind {
            Kind::Text(text) => Some(text),
            Kind::Placeholder(written) => {
                let number = written.trim_start_matches('$').parse::<usize>().ok()?.checked_sub(1)?;
                self.ran.parameters.get(number)?.as_deref()
            }
            _ => None,
        }
    }

    /// What the statement's query gives.
    fn given(&self) -> Kept {
        match (self.all.first(), self.all.last()) {
            _ if calls_others(self.all, self.dialect) => Kept::Unknown,
            (Some(first), Some(last)) => self.ran.sql.get(first.from..last.to).map_or(Kept::Unknown, |sql| Kept::Query(sql.into(), self.ran.time)),
            _ => Kept::Unknown,
        }
    }
}

/// Whether what stands there is an item of the statement's own select list, by itself.
fn is_item(all: &[Token<'_>], from: usize, to: usize) -> bool {
    let depth = all[..from].iter().fold(0_i32, |depth, token| match token.kind {
        Kind::Symbol('(' | '[') => depth + 1,
        Kind::Symbol(')' | ']') => depth - 1,
        _ => depth,
    });
    let prefix = if from >= 2 && all[from - 1].is_symbol('.') { from - 2 } else { from };
    let begins =
        prefix.checked_sub(1).is_some_and(|before| all[before].is_symbol(',') || ["select", "all", "distinct"].iter().any(|word| all[before].is(word)));
    let ends = all.get(to).is_none_or(|after| after.is_symbol(',') || after.is_symbol(';') || after.word().is_some() || matches!(after.kind, Kind::Quoted(_)));
    // An operator in words goes on with it.
    let goes_on = all.get(to).is_some_and(|after| OPERATORS.iter().any(|word| after.is(word)));
    let is_selected = all[0].is("select") && !all[..from].iter().any(|t| t.is("from") || t.is("union") || t.is("intersect") || t.is("except"));
    depth == 0 && begins && ends && !goes_on && is_selected
}

/// Operators that are words.
const OPERATORS: [&str; 18] =
    ["is", "isnull", "notnull", "in", "not", "like", "ilike", "similar", "between", "and", "or", "xor", "div", "mod", "regexp", "rlike", "collate", "at"];

/// What is less known of two.
fn worse(one: Kept, other: Kept) -> Kept {
    match (one, other) {
        (Kept::Query(one, at), Kept::Query(other, then)) if one != other || at != then => Kept::Unknown,
        (one, other) => one.max(other),
    }
}

/// Whether a name is a variable's, in which a session keeps what it likes: `@name`, or a setting of no server's, `app.user`.
fn is_variable(name: &str) -> bool {
    name.starts_with('@') || name.contains('.')
}

/// The name of a user variable, in lower case, with its `@`.
pub fn user_variable(token: &Token<'_>) -> Option<String> {
    let Kind::Variable(written) = token.kind else { return None };
    let name = written.strip_prefix('@').filter(|name| !name.starts_with('@'))?;
    Some(format!("@{}", name.trim_matches(['`', '\'', '"']).to_lowercase()))
}

/// Whether something is assigned to the token here: `@name := …`.
pub fn is_assigned(all: &[Token<'_>], at: usize) -> bool {
    matches!(all.get(at..at + 3), Some([variable, colon, equals]) if user_variable(variable).is_some() && colon.is_symbol(':') && equals.is_symbol('='))
}

/// The tokens of a value, up to where it ends.
fn value_from<'s, 't>(all: &'s [Token<'t>], from: usize) -> &'s [Token<'t>] {
    const ENDS: [&str; 10] = ["from", "as", "where", "order", "limit", "group", "having", "union", "into", "for"];
    let rest = all.get(from..).unwrap_or_default();
    let mut depth = 0_usize;
    let is_end = |token: &Token<'_>| match token.kind {
        Kind::Symbol('(') => {
            depth += 1;
            false
        }
        Kind::Symbol(')') if depth > 0 => {
            depth -= 1;
            false
        }
        Kind::Symbol(')') => true,
        Kind::Symbol(',') => depth == 0,
        _ => depth == 0 && ENDS.iter().any(|word| token.is(word)),
    };
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    &rest[..end]
}

/// Whether a function is called that may do more than its arguments say.
fn calls_others(all: &[Token<'_>], dialect: Dialect) -> bool {
    let is_call = |at: usize| all.get(at + 1).is_some_and(|t| t.is_symbol('('));
    let name = |at: usize| {
        let name = all[at].name(dialect).filter(|name| !NO_CALLS.contains(&name.to_lowercase().as_str()))?;
        let is_qualified = at > 1 && all[at - 1].is_symbol('.');
        let schema = if is_qualified { all[at - 2].name(dialect) } else { None };
        Some(schema.into_iter().chain([name]).collect::<Vec<_>>())
    };
    (0..all.len()).filter(|at| is_call(*at)).filter_map(name).any(|name| effect(&name, dialect) > Effect::ChangesState)
}

/// Words of an expression that are no column's name.
const NO_COLUMNS: [&str; 36] = [
    "null",
    "true",
    "false",
    "not",
    "and",
    "or",
    "xor",
    "is",
    "in",
    "like",
    "rlike",
    "regexp",
    "between",
    "case",
    "when",
    "then",
    "else",
    "end",
    "div",
    "mod",
    "interval",
    "microsecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "binary",
    "collate",
    "on",
    "off",
    "default",
    "escape",
];

/// How a transaction ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Kept,
    TakenBack,
}

/// How long a setting holds.
#[derive(Clone, Copy)]
enum Scope {
    Session,
    Transaction,
}

/// Whether a statement can change the state of its session: a cheap look before it is read.
pub fn may_change(sql: &str) -> bool {
    const BEGINNINGS: [&str; 20] = [
        "set",
        "reset",
        "discard",
        "use",
        "begin",
        "start",
        "commit",
        "end",
        "rollback",
        "abort",
        "savepoint",
        "release",
        "prepare",
        "call",
        "do",
        "execute",
        "get",
        "/*",
        "--",
        "#",
    ];
    let trimmed = sql.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
    let begins = |word: &&str| trimmed.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let fills_variable = || sql.contains('@') && (sql.contains(":=") || sql.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"into")));
    BEGINNINGS.iter().any(begins) || sql.contains(';') || memchr::memmem::find(sql.as_bytes(), b"set_config").is_some() || fills_variable()
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
fn constants(part: &[Token<'_>], dialect: Dialect) -> Kept {
    if part.len() == 1 && part[0].is("default") {
        return Kept::Default;
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
            _ => return Kept::Unknown,
        }
    }
    if out.is_empty() { Kept::Unknown } else { Kept::Is(out) }
}

/// A value of MySQL; whatever is computed is not known.
fn mysql_value(part: &[Token<'_>], dialect: Dialect) -> Kept {
    match part {
        _ if part.iter().any(|t| t.is_symbol('(')) => Kept::Unknown,
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
const HARMLESS: &[&str] = &[ROLE, AUTHORIZATION, DATABASE, "autocommit", "default_transaction_", "transaction_", "lock_timeout", "optimizer_", "log_"];
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
    // Asked for where a statement reads the clock.
    "timestamp",
    "password",
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

    /// The state after these statements; one with ` !` at its end failed.
    fn after(dialect: Dialect, statements: &[&str]) -> SessionState {
        let mut state = SessionState::new(dialect);
        for (at, sql) in statements.iter().enumerate() {
            let time = i64::try_from(at).unwrap_or_default();
            match sql.strip_suffix(" !") {
                Some(sql) => state.fail(Ran::plain(sql, time)),
                None => state.take(Ran::plain(sql, time)),
            }
        }
        state
    }

    fn check(dialect: Dialect, statements: &[&str], name: &str, expected: Setting) {
        let state = after(dialect, statements);
        let have = match name {
            "search_path" => state.search_path(),
            "time_zone" => state.time_zone(),
            "role" => state.role(),
            "database" => state.database(),
            name => state.setting(name),
        };
        assert_eq!(have, expected, "{statements:?}");
    }

    fn is(values: &[&str]) -> Setting {
        Setting::Is(values.iter().map(|v| (*v).to_owned()).collect())
    }

    #[test]
    fn what_a_failed_transaction_set_is_gone_once_anything_is_let_run() {
        let gone_on = |statements: &[&str]| {
            let mut state = after(Dialect::PostgreSql, statements);
            state.go_on();
            (state.search_path(), state.has_failed())
        };
        let failed = ["SET search_path = a", "BEGIN", "SET search_path = b", "SELECT odd !"];
        assert_eq!(gone_on(&failed), (is(&["a"]), false));
        assert_eq!(gone_on(&["SET search_path = a", "BEGIN", "SET LOCAL search_path = b", "SELECT odd !"]), (is(&["a"]), false));
        // It may have gone on from a savepoint.
        assert_eq!(gone_on(&["BEGIN", "SET search_path = b", "SAVEPOINT s", "SELECT odd !"]), (Setting::Unknown, false));
        assert_eq!(gone_on(&["SET search_path = b", "BEGIN", "SAVEPOINT s", "SET search_path = c", "SELECT odd !"]), (is(&["b"]), false));
        assert_eq!(gone_on(&["BEGIN", "SET search_path = b"]), (is(&["b"]), false));
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
        check(&["set search_path = a", "DISCARD ALL"], "search_path", Setting::Default);
        check(&["SET search_path = DEFAULT"], "search_path", Setting::Default);
        check(&["SELECT set_config('search_path', $1, true)"], "search_path", Setting::Unknown);
        let mut state = SessionState::new(Dialect::PostgreSql);
        state.take(Ran { sql: "SELECT set_config('search_path', $1, false)", time: 0, parameters: &[Some("a, b".to_owned())] });
        assert_eq!(state.search_path(), is(&["a", "b"]));
    }

    #[test]
    fn whoever_signs_in_anew_works_as_himself() {
        let check = |statements: &[&str], expected| check(Dialect::PostgreSql, statements, "role", expected);
        check(&["SET ROLE clerk"], is(&["clerk"]));
        check(&["SET SESSION AUTHORIZATION clerk", "SET ROLE boss"], is(&["boss"]));
        check(&["SET SESSION AUTHORIZATION clerk", "SET ROLE boss", "RESET ROLE"], is(&["clerk"]));
        check(&["SET SESSION AUTHORIZATION clerk", "SET ROLE boss", "SET ROLE NONE"], is(&["clerk"]));
        check(&["SET ROLE boss", "SET SESSION AUTHORIZATION clerk"], is(&["clerk"]));
        check(&["SET SESSION AUTHORIZATION clerk", "SET ROLE boss", "RESET SESSION AUTHORIZATION"], Setting::Default);
        check(&["BEGIN", "SET LOCAL ROLE clerk", "COMMIT"], Setting::Default);
        check(&["BEGIN", "SET ROLE clerk", "ROLLBACK"], Setting::Default);
    }

    #[test]
    fn what_a_transaction_sets_ends_with_it() {
        let check = |statements: &[&str], expected| check(Dialect::PostgreSql, statements, "search_path", expected);
        check(&["SET LOCAL search_path = a"], Setting::Default);
        check(&["SET LOCAL search_path = a; SELECT 1"], Setting::Default);
        check(&["BEGIN", "SET LOCAL search_path = a"], is(&["a"]));
        check(&["BEGIN", "SET LOCAL search_path = a", "COMMIT"], Setting::Default);
        check(&["SET search_path = a", "BEGIN", "SET search_path = b", "ROLLBACK"], is(&["a"]));
        check(&["BEGIN", "SET LOCAL search_path = a", "SET search_path = b", "COMMIT"], is(&["b"]));
        check(&["BEGIN", "SET search_path = a", "SET LOCAL search_path = b", "COMMIT"], is(&["a"]));
        check(&["BEGIN", "SET search_path = a", "COMMIT AND CHAIN", "SET search_path = b", "ROLLBACK"], is(&["a"]));
        check(&["BEGIN", "SET search_path = a", "COMMIT AND NO CHAIN", "SET search_path = b", "ROLLBACK"], is(&["b"]));
    }

    #[test]
    fn a_rollback_to_a_savepoint_takes_back_what_was_set_since() {
        let check = |statements: &[&str], expected| check(Dialect::PostgreSql, statements, "search_path", expected);
        check(&["BEGIN", "SET search_path = a", "SAVEPOINT s", "SET search_path = b", "ROLLBACK TO s", "COMMIT"], is(&["a"]));
        check(&["BEGIN", "SAVEPOINT s", "SET search_path = b", "ROLLBACK TO SAVEPOINT S", "COMMIT"], Setting::Default);
        check(&["BEGIN", "SAVEPOINT s", "SET LOCAL search_path = b", "ROLLBACK TO s"], Setting::Default);
        check(&["BEGIN", "SAVEPOINT s", "SET search_path = b", "RELEASE s", "COMMIT"], is(&["b"]));
        let twice = ["BEGIN", "SET search_path = a", "SAVEPOINT s", "SET search_path = b", "SAVEPOINT s", "SET search_path = c", "ROLLBACK TO s"];
        check(&twice, is(&["b"]));
        check(&[&twice[..], &["RELEASE s", "ROLLBACK TO s"]].concat(), is(&["a"]));
        // A savepoint that no log shows.
        check(&["SET search_path = a", "BEGIN", "SET search_path = b", "ROLLBACK TO x", "COMMIT"], Setting::Unknown);
        check(&["SET search_path = a", "BEGIN", "ROLLBACK TO x", "COMMIT"], is(&["a"]));
    }

    #[test]
    fn a_transaction_that_failed_keeps_nothing() {
        let of_mysql = |statements: &[&str], name: &str, expected| check(Dialect::MySql, statements, name, expected);
        let check = |statements: &[&str], expected| check(Dialect::PostgreSql, statements, "search_path", expected);
        check(&["SET search_path = a", "BEGIN", "SET search_path = b", "SELECT 1/0 !", "COMMIT"], is(&["a"]));
        check(&["SET search_path = a", "BEGIN", "SET search_path = b", "SELECT 1/0 !", "END"], is(&["a"]));
        check(&["BEGIN", "SET search_path = a", "SAVEPOINT s", "SELECT 1/0 !", "ROLLBACK TO s", "COMMIT"], is(&["a"]));
        check(&["SET search_path = a", "SET search_path = b; SELECT 1/0 !"], is(&["a"]));
        check(&["SET search_path = a; COMMIT; SELECT 1/0 !"], Setting::Unknown);
        of_mysql(&["SET time_zone = '+01:00'; SELECT x !"], "time_zone", Setting::Unknown);
        of_mysql(&["BEGIN", "SET time_zone = '+01:00'", "SELECT x !", "ROLLBACK"], "time_zone", is(&["+01:00"]));
    }

    #[test]
    fn mysql_settings() {
        let check = |statements: &[&str], name, expected| check(Dialect::MySql, statements, name, expected);
        check(&["SET NAMES utf8mb4, @@session.time_zone = '+08:00'"], "time_zone", is(&["+08:00"]));
        check(&["SET GLOBAL time_zone = '+08:00'"], "time_zone", Setting::Default);
        check(&["USE `shop`"], "database", is(&["shop"]));
    }

    #[test]
    fn a_clock_that_was_set_is_told() {
        let check = |statements: &[&str], expected| assert_eq!(after(Dialect::MySql, statements).sets_clock(), expected, "{statements:?}");
        check(&["SET timestamp = 1000000000"], true);
        check(&["SET @@session.timestamp = @t"], true);
        check(&["SET timestamp = 1000000000", "SET timestamp = DEFAULT"], false);
        check(&["SET timestamp = 1000000000", "SET timestamp = 0"], false);
        check(&[], false);
    }

    #[test]
    fn a_session_says_how_its_text_is_cut() {
        let rules = |dialect, sql: &str| after(dialect, &[sql]).rules();
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = 'ANSI_QUOTES'").double_quotes, DoubleQuotes::Name);
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')").double_quotes, DoubleQuotes::Name);
        assert_eq!(rules(Dialect::MySql, "SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')").double_quotes, DoubleQuotes::Text);
        assert_eq!(rules(Dialect::MySql, "set @@sql_mode='NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'").backslash, Backslash::Itself);
        assert_eq!(rules(Dialect::PostgreSql, "SET standard_conforming_strings TO off").backslash, Backslash::Escapes);
        // What one statement of a text sets holds for how the next is cut.
        let state = after(Dialect::MySql, &["SET sql_mode = 'NO_BACKSLASH_ESCAPES'; SET @a = '\\'; USE shop"]);
        assert_eq!(state.database(), is(&["shop"]));
    }

    #[test]
    fn a_setting_that_changes_what_statements_mean_is_told() {
        let check = |dialect, sql: &str, expected: Option<&str>| assert_eq!(after(dialect, &[sql]).odd_setting(), expected, "{sql}");
        check(Dialect::PostgreSql, "SET transform_null_equals = on", Some("transform_null_equals"));
        check(Dialect::PostgreSql, "SET DateStyle = 'German, DMY'", Some("datestyle"));
        check(Dialect::PostgreSql, "SET DateStyle TO ISO, MDY", None);
        check(Dialect::PostgreSql, "SET enable_seqscan = off; SET hr.clerk = 'x'; SET search_path = a", None);
        check(Dialect::MySql, "SET sql_mode = 'HIGH_NOT_PRECEDENCE'", Some("sql_mode"));
        check(Dialect::MySql, "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', autocommit = 0", None);
        check(Dialect::MySql, "SET sql_mode = @old", Some("sql_mode"));
        check(Dialect::MySql, "SET @a = 1, NAMES utf8mb4", None);
    }

    #[test]
    fn a_variable_holds_what_was_put_there() {
        let held = |dialect, statements: &[&str], name: &str| match after(dialect, statements).held(name) {
            Held::Said => "said".to_owned(),
            Held::Query(sql, time) => format!("{time} {sql}"),
            Held::Unknown => "?".to_owned(),
        };
        let check = |statements: &[&str], expected: &str| assert_eq!(held(Dialect::MySql, statements, "@v"), expected, "{statements:?}");
        check(&[], "said");
        check(&["SET @v = 5", "SET @V := CONCAT('a', @@version, NOW())"], "said");
        check(&["SET @v = (SELECT name FROM p WHERE id = 1)"], "0 SELECT (SELECT name FROM p WHERE id = 1)");
        check(&["SET @a = 1", "SELECT name, id INTO @v, @w FROM p"], "1 SELECT name, id INTO @v, @w FROM p");
        check(&["SELECT name FROM p LIMIT 1 INTO @w, @v"], "0 SELECT name FROM p LIMIT 1 INTO @w, @v");
        check(&["SELECT @w := name FROM p", "SET @v = UPPER(@w)"], "0 SELECT @w := name FROM p");
        check(&["SELECT @v := name FROM p", "SET @v = NULL"], "said");
        check(&["SELECT @v := @v + 1, name FROM p, (SELECT @v := 0) r"], "said");
        check(&["SELECT name INTO @v FROM p", "SELECT @v := CONCAT(@v, 1) FROM q"], "0 SELECT name INTO @v FROM p");
        check(&["SELECT 5 INTO @v"], "said");
        check(&["SELECT names() INTO @v FROM p"], "?");
        check(&["SET @v = 1", "CALL work(@v)"], "?");
        check(&["SELECT name INTO @a FROM p", "SELECT town INTO @b FROM p", "SET @v = CONCAT(@a, @b)"], "?");
        let check = |statements: &[&str], expected: &str| assert_eq!(held(Dialect::PostgreSql, statements, "app.v"), expected, "{statements:?}");
        check(&["SELECT current_setting('app.v', true)"], "said");
        check(&["SET app.v = 'x'", "SELECT set_config('app.v', $1, true)"], "said");
        check(&["SELECT set_config('App.V', name, false) FROM p"], "0 SELECT set_config('App.V', name, false) FROM p");
        check(&["SELECT set_config('app.v', (SELECT name FROM p), false)", "RESET app.v"], "said");
        check(&["BEGIN", "SELECT set_config('app.v', (SELECT name FROM p), false)", "ROLLBACK"], "said");
        check(&["SELECT set_config('app.v', name, false) AS x, 1 FROM p"], "0 SELECT set_config('app.v', name, false) AS x, 1 FROM p");
        check(&["SELECT set_config('app.v', (SELECT name FROM p), false) IS NULL"], "?");
        check(&["SELECT length(set_config('app.v', name, false)) FROM p"], "?");
        check(&["SELECT 1 FROM p WHERE set_config('app.v', name, false) = ''"], "?");
        check(&["SELECT set_config('app.v', name, false) || '' FROM p"], "?");
        check(&["DO $$ BEGIN PERFORM 1; END $$"], "?");
        let check = |statements: &[&str], expected: &str| assert_eq!(held(Dialect::MySql, statements, "@v"), expected, "{statements:?}");
        check(&["SELECT (@v := name) IS NULL FROM p"], "?");
        check(&["SELECT LENGTH(@v := name) FROM p"], "?");
        check(&["SELECT id FROM p WHERE @v := name"], "?");
        check(&["SELECT 1, @v := name, 2 FROM p"], "0 SELECT 1, @v := name, 2 FROM p");
    }

    #[test]
    fn a_session_that_sets_more_than_is_followed_is_lost() {
        let many: Vec<String> = (0..=NAMES_AT_MOST).map(|at| format!("SET @v{at} = 1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(after(Dialect::MySql, &many).database(), Setting::Unknown);
        assert_eq!(after(Dialect::MySql, &many[1..]).database(), Setting::Default);
        let switches = "SET sql_mode = 'ANSI_QUOTES'; SET sql_mode = ''; ".repeat(READINGS_AT_MOST);
        assert_eq!(after(Dialect::MySql, &[&switches]).database(), Setting::Unknown);
        // A long text is read once.
        let long = "SET @a = 1; ".repeat(20_000);
        assert_eq!(after(Dialect::MySql, &[&long]).held("@a"), Held::Said);
    }
}
