//! MySQL and MariaDB: an account is a user *and* a host, so that every twin of a name is cut; rights outlive a `REVOKE` in
//! sessions that are open, so that these are ended.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, SslOpts};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::mysql_admins::{Expiry, expiry, identified, is_locked, may_administer, signs_in};
use super::mysql_grants::given;
use super::mysql_views::{Code, reaching};
use super::state::{Held, TargetState};
use super::tls::{Protection, host_and_port, protection};
use super::version::at_least;
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};
use crate::smtp::Secret;

/// The first versions that lock an account.
const OLDEST_MARIADB: [u32; 2] = [10, 4];
const OLDEST_MYSQL: [u32; 2] = [5, 7];

/// MySQL's port.
const PORT: u16 = 3306;

/// How long after none was left it is looked again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Between looks at a list that is about to change.
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);

const AT: &str = " of ";

/// A MySQL or MariaDB server.
pub(crate) struct Mysql {
    reach: Reach,
    manner: Manner,
    connection: Conn,
    is_mariadb: bool,
    /// Whether it shows us everybody's connections; else it shows our own alone, without a word.
    sees_connections: bool,
}

impl Mysql {
    /// Signs in.
    ///
    /// # Errors
    /// If the server does not answer, or does not let us in.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let account = reach.target.account.clone().unwrap_or_default();
        let connection = Conn::new(options(reach, &account, reach.secret.as_ref(), manner.patience)).map_err(|error| match &error {
            mysql::Error::MySqlError(said) => {
                ContainError::NotLetIn { target: reach.target.name.clone(), account: account.clone(), why: format!("error {}", said.code) }
            }
            other => ContainError::Unreachable { target: reach.target.name.clone(), source: io::Error::other(kind_of(other)) },
        })?;
        let mut this = Self { reach: reach.clone(), manner: manner.clone(), connection, is_mariadb: false, sees_connections: false };
        // Backslashes are escapes then, whatever the server's own mode.
        this.run("set up the session", "SET SESSION sql_mode = ''")?;
        let version = this.texts("read its version", "SELECT version()")?;
        this.is_mariadb = version.first().is_some_and(|version| version.contains("MariaDB"));
        let (what, oldest) = if this.is_mariadb { ("MariaDB", OLDEST_MARIADB) } else { ("MySQL", OLDEST_MYSQL) };
        at_least(&reach.target.name, what, version.first().map_or("", String::as_str), oldest)?;
        this.sees_connections = this.has_process()?;
        Ok(this)
    }

    /// Whether our account has `PROCESS`, by a role, too: without it the server refuses to tell of its transactions.
    fn has_process(&mut self) -> Result<bool, ContainError> {
        match self.connection.query_drop("SHOW ENGINE INNODB STATUS") {
            Ok(()) => Ok(true),
            Err(mysql::Error::MySqlError(said)) if said.code == 1227 => Ok(false),
            // A server without InnoDB: its grants tell.
            Err(mysql::Error::MySqlError(_)) => Ok(self.has_everywhere(&["PROCESS"])?),
            Err(error) => Err(self.told("read our own rights", &error)),
        }
    }

    /// Whether our own account has all these rights on all databases.
    pub(super) fn has_everywhere(&mut self, rights: &[&str]) -> Result<bool, ContainError> {
        let lines = self.texts("read our own rights", "SHOW GRANTS")?;
        let everywhere: Vec<_> = lines.iter().filter_map(|line| given(line)).filter(|given| given.level == "*.*").collect();
        Ok(rights.iter().all(|right| everywhere.iter().any(|given| given.rights.split(',').map(str::trim).any(|has| has == *right || has == "ALL PRIVILEGES"))))
    }

    /// Refuses where connections cannot be seen: what is not seen would count as not there.
    fn refuse_blind(&self, user: &str) -> Result<(), ContainError> {
        if self.sees_connections {
            return Ok(());
        }
        Err(ContainError::NoRight {
            target: self.reach.target.name.clone(),
            account: self.reach.target.account.clone().unwrap_or_default(),
            doing: format!("see the connections of user {user}"),
            way_out: "GRANT PROCESS, CONNECTION ADMIN ON *.* TO it (of old servers and MySQL 5.7: PROCESS, SUPER)".to_owned(),
        })
    }

    fn told(&self, doing: &str, error: &mysql::Error) -> ContainError {
        let target = self.reach.target.name.clone();
        match error {
            mysql::Error::MySqlError(said) if [1044, 1045, 1142, 1227, 1410].contains(&said.code) => ContainError::NoRight {
                target,
                account: self.reach.target.account.clone().unwrap_or_default(),
                doing: doing.to_owned(),
                way_out: "docs/containment/mysql.md has the rights that it needs".to_owned(),
            },
            mysql::Error::MySqlError(said) => ContainError::Refused { target, doing: doing.to_owned(), why: format!("error {}", said.code) },
            other => ContainError::Unreachable { target, source: io::Error::other(format!("{} while it was to {doing}", kind_of(other))) },
        }
    }

    pub(super) fn run(&mut self, doing: &str, command: &str) -> Result<(), ContainError> {
        self.connection.query_drop(command).map_err(|error| self.told(doing, &error))
    }

    pub(super) fn texts(&mut self, doing: &str, query: &str) -> Result<Vec<String>, ContainError> {
        self.connection.query::<String, _>(query).map_err(|error| self.told(doing, &error))
    }

    /// The hosts of every account of that name.
    fn hosts(&mut self, user: &str) -> Result<Vec<String>, ContainError> {
        let target = self.reach.target.name.clone();
        let hosts = self.texts("look for its accounts", &format!("SELECT Host FROM mysql.user WHERE User = {} AND Host <> '' ORDER BY Host", literal(user)))?;
        // Where names are not resolved, an account of a host's name cannot sign in, and the server says that there is none.
        let mut usable = Vec::new();
        for host in hosts {
            match self.connection.query_drop(format!("SHOW CREATE USER {}", account(user, &host))) {
                Err(mysql::Error::MySqlError(said)) if [1133, 1141].contains(&said.code) => {}
                found => {
                    found.map_err(|error| self.told("read the account", &error))?;
                    usable.push(host);
                }
            }
        }
        let hosts = usable;
        if hosts.is_empty() { Err(ContainError::Absent { target, what: format!("user {user}") }) } else { Ok(hosts) }
    }

    /// `CREATE USER …` of an account, from which lock and password are read.
    fn definition(&mut self, user: &str, host: &str) -> Result<String, ContainError> {
        let text = self.texts("read the account", &format!("SHOW CREATE USER {}", account(user, host)))?;
        text.into_iter().next().ok_or_else(|| ContainError::Absent { target: self.reach.target.name.clone(), what: format!("account {user}@{host}") })
    }

    /// Whether an account of that name is an administrator's, or may be.
    fn may_administer(&mut self, user: &str) -> Result<bool, ContainError> {
        for host in self.hosts(user)? {
            if may_administer(&self.texts("read its rights", &format!("SHOW GRANTS FOR {}", account(user, &host)))?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an administrator of another name can sign in. Roles have no host, and sign in nowhere.
    fn has_other_administrator(&mut self, user: &str) -> Result<bool, ContainError> {
        const PLUGINS: &str = "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'";
        let query = format!("SELECT User, Host FROM mysql.user WHERE Super_priv = 'Y' AND Host <> '' AND User <> {} ORDER BY User, Host", literal(user));
        let others = self.connection.query::<(String, String), _>(&query).map_err(|error| self.told("look for administrators", &error))?;
        let active: BTreeSet<String> = self.texts("look for ways to sign in", PLUGINS)?.into_iter().collect();
        for (other, host) in others {
            let definition = match self.definition(&other, &host) {
                // An account of a host's name, where names are not resolved: nobody signs in by it.
                Err(ContainError::Refused { .. }) => continue,
                definition => definition?,
            };
            if signs_in(&definition, self.has_expired(&definition, &other, &host)?, &active) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a password is good for nothing any more: by a person's word, or since it is too old.
    fn has_expired(&mut self, definition: &str, user: &str, host: &str) -> Result<bool, ContainError> {
        let days = match expiry(definition) {
            Expiry::Now => return Ok(true),
            Expiry::Never => 0,
            Expiry::After(days) => days,
            Expiry::Default => {
                let all = self.texts("read how long passwords are good", "SELECT @@global.default_password_lifetime")?;
                all.first().and_then(|days| days.parse().ok()).unwrap_or(0)
            }
        };
        if days == 0 { Ok(false) } else { self.is_older(user, host, days) }
    }

    /// Whether a password was set so many days ago, or nobody knows when.
    fn is_older(&mut self, user: &str, host: &str, days: u32) -> Result<bool, ContainError> {
        let (table, set) = if self.is_mariadb {
            ("mysql.global_priv", "coalesce(JSON_VALUE(Priv, '$.password_last_changed'), 0)")
        } else {
            ("mysql.user", "coalesce(unix_timestamp(password_last_changed), 0)")
        };
        let query =
            format!("SELECT count(*) FROM {table} WHERE User = {} AND Host = {} AND {set} + {days} * 86400 > unix_timestamp()", literal(user), literal(host));
        Ok(self.texts("read how old its password is", &query)?.first().is_none_or(|count| count == "0"))
    }

    fn cannot<T>(&self) -> Result<T, ContainError> {
        Err(ContainError::NoConnector { target: self.reach.target.name.clone(), kind: "mysql" })
    }

    /// What the account has at a level, as its grant says it.
    fn grant(&mut self, user: &str, host: &str, level: &str) -> Result<Held, ContainError> {
        let wanted = level_of(level).ok_or_else(|| ContainError::Unusable {
            target: self.reach.target.name.clone(),
            why: format!("{level:?} is no level: *.*, database.* or database.table"),
        })?;
        let lines = self.texts("read its rights", &format!("SHOW GRANTS FOR {}", account(user, host)))?;
        let found = lines.iter().find_map(|line| {
            let rest = line.strip_prefix("GRANT ")?;
            let (rights, rest) = rest.split_once(&format!(" ON {wanted} TO "))?;
            let option = if rest.ends_with(" WITH GRANT OPTION") { " WITH GRANT OPTION" } else { "" };
            (rights != "USAGE").then(|| format!("{rights}{option}"))
        });
        Ok(Held::optional(found))
    }

    /// Its connections. One that is just being let in or refused, or going, stands in the server's list for a moment under its name: it is
    /// looked at again until it is one or gone.
    fn sessions(&mut self, user: &str) -> Result<Vec<(u64, String)>, ContainError> {
        let query =
            format!("SELECT ID, HOST, COMMAND FROM information_schema.PROCESSLIST WHERE USER = {} AND ID <> connection_id() ORDER BY ID", literal(user));
        let begun = Instant::now();
        let list = |me: &mut Self| me.connection.query::<(u64, String, String), _>(&query).map_err(|error| me.told("look for its connections", &error));
        let mut found = list(self)?;
        while begun.elapsed() < self.manner.patience && found.iter().any(|(_, _, command)| ["Connect", "Quit", "Killed"].contains(&command.as_str())) {
            std::thread::sleep(BETWEEN_LOOKS);
            // Whoever came since is the next look's.
            let known: BTreeSet<u64> = found.into_iter().map(|(id, _, _)| id).collect();
            found = list(self)?.into_iter().filter(|(id, _, _)| known.contains(id)).collect();
        }
        Ok(found.into_iter().map(|(id, from, _)| (id, from)).collect())
    }

    fn kill(&mut self, user: &str) -> Result<(), ContainError> {
        self.refuse_blind(user)?;
        let begun = Instant::now();
        loop {
            let live = self.sessions(user)?;
            if live.is_empty() {
                return Ok(());
            }
            for (id, _) in &live {
                match self.connection.query_drop(format!("KILL CONNECTION {id}")) {
                    // It went by itself.
                    Err(mysql::Error::MySqlError(said)) if said.code == 1094 => {}
                    other => other.map_err(|error| self.told("end connections", &error))?,
                }
            }
            if begun.elapsed() > self.manner.patience {
                let why = format!("{} connections are still there, or come again: is the account locked?", live.len());
                return Err(ContainError::Refused { target: self.reach.target.name.clone(), doing: "end connections".to_owned(), why });
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn bring(&mut self, effect: &Effect, aim: &TargetState) -> Result<(), ContainError> {
        let Some(user) = user_of(effect) else { return self.cannot() };
        let now = self.read(effect)?;
        for (name, aimed) in &aim.0 {
            if now.held(name) == aimed {
                continue;
            }
            let Some((_, host)) = name.rsplit_once(AT).and_then(|(_, account)| account.rsplit_once('@')) else { continue };
            let who = account(user, host);
            let commands = match (effect, aimed.expose()) {
                (Effect::MysqlAccountLock { .. }, held) => vec![format!("ALTER USER {who} ACCOUNT {}", if held == Some("yes") { "LOCK" } else { "UNLOCK" })],
                (Effect::MysqlPassword { .. }, Some(clause)) => vec![format!("ALTER USER {who} {clause}")],
                (Effect::MysqlRevoke { level, .. }, wanted) => {
                    let level = level_of(level).unwrap_or_default();
                    let had = now.held(name).expose().map(|rights| format!("REVOKE {} ON {level} FROM {who}", revoked(rights)));
                    had.into_iter().chain(wanted.map(|rights| granted(rights, &level, &who))).collect()
                }
                _ => return self.cannot(),
            };
            for command in commands {
                self.run("change the account", &command)?;
            }
        }
        Ok(())
    }
}

/// `ALL PRIVILEGES`, `SELECT, INSERT`, with or without the right to grant on.
fn revoked(rights: &str) -> String {
    rights.strip_suffix(" WITH GRANT OPTION").map_or_else(|| rights.to_owned(), |rights| format!("{rights}, GRANT OPTION"))
}

fn granted(rights: &str, level: &str, who: &str) -> String {
    let (rights, option) = rights.strip_suffix(" WITH GRANT OPTION").map_or((rights, ""), |rights| (rights, " WITH GRANT OPTION"));
    format!("GRANT {rights} ON {level} TO {who}{option}")
}

/// Whether one of these grants lets somebody read of a table or view; of any of a whole database where it is `*`.
fn reads(grants: &[String], database: &str, table: &str) -> bool {
    let Some(level) = level_of(&format!("{database}.{table}")) else { return true };
    grants.iter().filter_map(|line| given(line)).any(|given| given.reads() && given.meets(&level))
}

/// A level as `SHOW GRANTS` writes it.
fn level_of(level: &str) -> Option<String> {
    let (database, table) = level.split_once('.')?;
    let name = |text: &str| if text == "*" { "*".to_owned() } else { format!("`{}`", text.replace('`', "``")) };
    let is_odd = database.is_empty() || table.is_empty() || (database == "*" && table != "*");
    (!is_odd).then(|| format!("{}.{}", name(database), name(table)))
}

fn user_of(effect: &Effect) -> Option<&str> {
    match effect {
        Effect::MysqlAccountLock { user } | Effect::MysqlPassword { user } | Effect::MysqlRevoke { user, .. } | Effect::MysqlKill { user } => Some(user),
        _ => None,
    }
}

/// `'user'@'host'`, each as a text.
fn account(user: &str, host: &str) -> String {
    format!("{}@{}", literal(user), literal(host))
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// What kind of error the library met, without what it quotes.
fn kind_of(error: &mysql::Error) -> String {
    match error {
        mysql::Error::IoError(source) => source.to_string(),
        mysql::Error::DriverError(source) => source.to_string(),
        mysql::Error::TlsError(source) => source.to_string(),
        _ => "it does not answer as MySQL does".to_owned(),
    }
}

fn options(reach: &Reach, account: &str, secret: Option<&Secret>, patience: Duration) -> OptsBuilder {
    let address = reach.target.address.as_deref().unwrap_or_default();
    let builder = OptsBuilder::new()
        .user(Some(account))
        .pass(secret.map(Secret::expose_secret))
        .prefer_socket(false)
        .tcp_connect_timeout(Some(patience))
        .read_timeout(Some(patience))
        .write_timeout(Some(patience));
    if address.starts_with('/') {
        return builder.socket(Some(address));
    }
    let (host, port) = host_and_port(address, PORT);
    let builder = builder.ip_or_hostname(Some(host)).tcp_port(port);
    if protection(reach) == Protection::Plain {
        return builder;
    }
    let tls = SslOpts::default();
    builder.ssl_opts(match &reach.target.authorities {
        Some(path) => tls.with_root_cert_path(Some(PathBuf::from(path))),
        None => tls,
    })
}

impl Connector for Mysql {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let Some(user) = user_of(effect) else { return self.cannot() };
        let target = self.reach.target.name.clone();
        self.manner.never.account(&target, user)?;
        let never = |why: &str| Err(ContainError::NeverTouched { target: target.clone(), what: format!("user {user}"), why: why.to_owned() });
        let own = self.texts("read who we are", "SELECT current_user()")?;
        if own.first().and_then(|own| own.rsplit_once('@')).is_some_and(|(name, _)| name == user) {
            return never("it is the account that we use ourselves");
        }
        if self.may_administer(user)? && !self.has_other_administrator(user)? {
            return never("no other administrator is left who can sign in");
        }
        Ok(())
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let Some(user) = user_of(effect) else { return self.cannot() };
        let mut state = TargetState::default();
        for host in self.hosts(user)? {
            let of = format!("{AT}{user}@{host}");
            state = match effect {
                Effect::MysqlAccountLock { .. } => {
                    let definition = self.definition(user, &host)?;
                    state.with(format!("lock{of}"), Held::flag(is_locked(&definition)))
                }
                Effect::MysqlPassword { .. } => {
                    let definition = self.definition(user, &host)?;
                    state.with(format!("password{of}"), identified(&definition).map_or(Held::Absent, Held::secret))
                }
                Effect::MysqlRevoke { level, .. } => {
                    let held = self.grant(user, &host, level)?;
                    state.with(format!("rights on {level}{of}"), held)
                }
                _ => state,
            };
        }
        Ok(state)
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        self.refuse_blind(user_of(effect).unwrap_or_default())?;
        let no_effect = |why: &str| Err(ContainError::NoEffect { target: self.reach.target.name.clone(), why: why.to_owned() });
        let names = before.0.keys();
        match effect {
            Effect::MysqlAccountLock { .. } => Ok(names.fold(TargetState::default(), |state, name| state.with(name, Held::flag(true)))),
            Effect::MysqlPassword { .. } if !self.is_mariadb => no_effect("a password is put back by its hash at MariaDB alone: lock the account"),
            Effect::MysqlPassword { .. } if before.0.values().any(|held| held.expose().is_none()) => {
                no_effect("one of its accounts signs in without a stored password: lock the account")
            }
            Effect::MysqlPassword { .. } => Ok(names.fold(TargetState::default(), |state, name| state.with(name, Held::secret(unknown_password(&random()))))),
            Effect::MysqlRevoke { .. } if before.0.values().all(|held| *held == Held::Absent) => {
                no_effect("none of its accounts has rights of its own at that level: they come from another level or a role")
            }
            Effect::MysqlRevoke { .. } => Ok(names.fold(TargetState::default(), |state, name| state.with(name, Held::Absent))),
            _ => Ok(TargetState::default()),
        }
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        let mut capture = Capture::default();
        let pieces = [
            ("processlist.tsv", "SELECT concat_ws('\\t', ID, USER, HOST, coalesce(DB, ''), COMMAND, TIME, coalesce(STATE, ''), coalesce(INFO, '')) FROM information_schema.PROCESSLIST".to_owned()),
            ("innodb_trx.tsv", "SELECT concat_ws('\\t', trx_id, trx_state, trx_started, trx_mysql_thread_id, coalesce(trx_query, '')) FROM information_schema.INNODB_TRX".to_owned()),
        ];
        for (name, query) in pieces {
            match self.texts(&format!("read {name}"), &query) {
                Ok(lines) => capture.pieces.push(Captured { name: name.to_owned(), bytes: lines.join("\n").into_bytes() }),
                Err(error) => capture.lost.push(error.to_string()),
            }
        }
        if !self.sees_connections {
            capture.lost.push("connections and transactions of others: our account may not see them (PROCESS)".to_owned());
        }
        capture.lost.push("the server's own logs are files of its machine: take them from there".to_owned());
        if let Some(user) = user_of(effect) {
            let mut text = String::new();
            for host in self.hosts(user)? {
                for query in [format!("SHOW CREATE USER {}", account(user, &host)), format!("SHOW GRANTS FOR {}", account(user, &host))] {
                    text.push_str(&self.texts("read the account", &query)?.join("\n"));
                    text.push('\n');
                }
            }
            capture.pieces.push(Captured { name: "accounts.sql".to_owned(), bytes: text.into_bytes() });
        }
        if matches!(effect, Effect::MysqlKill { .. }) {
            capture.lost.push("temporary tables and open transactions of the ended connections are gone with them".to_owned());
        }
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        match effect {
            Effect::MysqlKill { user } => {
                self.hosts(user)?;
                self.kill(user)
            }
            _ => self.bring(effect, meant),
        }
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, meant: &TargetState) -> Result<Verdict, ContainError> {
        let Some(user) = user_of(effect) else { return self.cannot() };
        let mut verdict = Verdict::default();
        let first = self.sessions(user)?;
        std::thread::sleep(AGAIN_AFTER);
        let again = self.sessions(user)?;
        if !self.sees_connections {
            verdict.untested.push(format!("whether user {user} has a connection cannot be seen by our account: GRANT PROCESS ON *.* to it"));
        } else if first.is_empty() && again.is_empty() {
            verdict.held.push(format!("user {user} has no connection, looked at twice"));
        }
        let mut seen = BTreeSet::new();
        for (id, from) in first.into_iter().chain(again).filter(|(id, _)| seen.insert(*id)) {
            verdict
                .doors
                .push(format!("a connection of user {user} from {from} is open ({id}): it keeps what it had at the database's and the server's level"));
        }
        if matches!(effect, Effect::MysqlKill { .. }) {
            return Ok(verdict);
        }
        let now = self.read(effect)?;
        for (name, held) in &now.0 {
            let fits = meant.held(name) == held;
            verdict.note(fits, format!("{name} is as meant"), format!("{name}: an account of this name is open"));
        }
        if let Effect::MysqlRevoke { level, .. } = effect {
            self.other_rights(user, level, &mut verdict)?;
        } else {
            self.anybody(&mut verdict)?;
            self.try_key(effect, user, &mut verdict);
        }
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        if matches!(effect, Effect::MysqlKill { .. }) { Ok(()) } else { self.bring(effect, before) }
    }
}

impl Mysql {
    /// Accounts without a name: the server takes one for any name that comes from a host that they fit better.
    fn anybody(&mut self, verdict: &mut Verdict) -> Result<(), ContainError> {
        for host in self.texts("look for accounts without a name", "SELECT Host FROM mysql.user WHERE User = '' AND Host <> ''")? {
            // Where names are not resolved, there is none of a host's name.
            let Ok(definition) = self.definition("", &host) else { continue };
            if !is_locked(&definition) {
                verdict.doors.push(format!("an account without a name, ''@{host}, lets any name in from there"));
            }
        }
        Ok(())
    }

    /// What everybody has (MariaDB), and views that read as their definer.
    fn by_others(&mut self, user: &str, level: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        let (database, table) = level.split_once('.').unwrap_or((level, "*"));
        // MySQL and older servers have no PUBLIC, and say so.
        let everybody = self.connection.query::<String, _>("SHOW GRANTS FOR PUBLIC").unwrap_or_default();
        if reads(&everybody, database, table) {
            verdict.doors.push(format!("everybody (PUBLIC) has rights that reach {level}"));
        }
        let mut lines = everybody;
        for host in self.hosts(user)? {
            lines.extend(self.texts("read its rights", &format!("SHOW GRANTS FOR {}", account(user, &host)))?);
        }
        self.by_code(user, level, &lines, verdict)
    }

    /// Views that read as their definer, however many stand between, and routines that run as theirs.
    fn by_code(&mut self, user: &str, level: &str, lines: &[String], verdict: &mut Verdict) -> Result<(), ContainError> {
        let (database, table) = level.split_once('.').unwrap_or((level, "*"));
        if !self.has_everywhere(&["SELECT", "SHOW VIEW"])? {
            let why =
                format!("views and routines over {level} in databases that our account has no right on are not seen: GRANT SELECT, SHOW VIEW ON *.* to it");
            verdict.untested.push(why);
        }
        let all = self.code()?;
        let found = reaching(&all, database, table);
        for at in &found.sure {
            let code = &all[*at];
            let name = format!("{}.{}", code.schema, code.name);
            if code.is_view && code.as_definer && reads(lines, &code.schema, &code.name) {
                verdict.doors.push(format!("{user} may read view {name}, which reads as its definer and comes to {level}"));
            } else if !code.is_view && code.as_definer {
                verdict.untested.push(format!("routine {name} runs as its definer and names {level}; whether {user} may call it was not tried"));
            }
        }
        for code in found.unseen.iter().map(|at| &all[*at]).filter(|code| code.as_definer) {
            let name = format!("{}.{}", code.schema, code.name);
            if !code.is_view || reads(lines, &code.schema, &code.name) {
                let what = if code.is_view { "view" } else { "routine" };
                verdict.untested.push(format!("what {what} {name} reads is not shown to our account: GRANT SELECT, SHOW VIEW ON *.* to it"));
            }
        }
        Ok(())
    }

    /// Views and routines that the server shows us.
    fn code(&mut self) -> Result<Vec<Code>, ContainError> {
        const VIEWS: &str = "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, SECURITY_TYPE FROM information_schema.VIEWS ORDER BY 1, 2";
        const ROUTINES: &str = "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_DEFINITION, SECURITY_TYPE FROM information_schema.ROUTINES ORDER BY 1, 2";
        let mut found = Vec::new();
        for (query, is_view) in [(VIEWS, true), (ROUTINES, false)] {
            let rows = self.connection.query::<(String, String, Option<String>, String), _>(query).map_err(|error| self.told("look for views", &error))?;
            let code = |(schema, name, body, security): (String, String, Option<String>, String)| Code {
                schema,
                name,
                body,
                as_definer: security == "DEFINER",
                is_view,
            };
            found.extend(rows.into_iter().map(code));
        }
        Ok(found)
    }

    /// Rights of other levels that reach what was taken, and roles that carry some.
    fn other_rights(&mut self, user: &str, level: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        let asked = level_of(level).unwrap_or_default();
        for host in self.hosts(user)? {
            let lines = self.texts("read its rights", &format!("SHOW GRANTS FOR {}", account(user, &host)))?;
            // What was taken is compared by its own name; everything else that shares a table with it is another way there.
            for other in lines.iter().filter_map(|line| given(line)).filter(|other| other.gives() && other.level != asked && other.meets(&asked)) {
                verdict.doors.push(format!("{user}@{host} has rights on {}, which reach {level}", other.level.replace('`', "")));
            }
            for role in lines
                .iter()
                .filter(|line| line.starts_with("GRANT ") && !line.contains(" ON "))
                .filter_map(|line| line.strip_prefix("GRANT ")?.split(" TO ").next())
            {
                verdict.doors.push(format!("{user}@{host} has role {role}, which may carry rights on {level}"));
            }
        }
        self.by_others(user, level, verdict)
    }

    /// The intruder's own way, where somebody gave the user's secret for it.
    fn try_key(&self, effect: &Effect, user: &str, verdict: &mut Verdict) {
        let Some(key) = self.manner.key(&self.reach.target.name, user) else {
            verdict.untested.push(format!("user {user}'s own password was not given, and with a wrong one the server answers as it always did"));
            return;
        };
        match Conn::new(options(&self.reach, user, Some(key), self.manner.patience)) {
            Ok(_) => verdict.doors.push(format!("user {user} signs in with the password that was given")),
            // MariaDB and MySQL say so of a locked account, and only to the right password.
            Err(mysql::Error::MySqlError(said)) if [4151, 3118].contains(&said.code) => {
                verdict.held.push(format!("user {user} was tried with its password and is locked"))
            }
            Err(mysql::Error::MySqlError(said)) if said.code == 1045 && matches!(effect, Effect::MysqlPassword { .. }) => {
                verdict.held.push(format!("user {user} was tried with its old password and refused"));
            }
            Err(mysql::Error::MySqlError(said)) => {
                verdict.untested.push(format!("the trial says nothing of the lock (error {}): is it user {user}'s password?", said.code))
            }
            Err(error) => verdict.untested.push(format!("the trial did not reach the server: {}", kind_of(&error))),
        }
    }
}

/// The clause for a password that nobody knows.
fn unknown_password(random: &[u8; 32]) -> String {
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, random);
    let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
    let hex: String = twice.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("IDENTIFIED BY PASSWORD '*{hex}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_three() {
        for (level, expected) in
            [("*.*", Some("*.*")), ("hr.*", Some("`hr`.*")), ("hr.st`aff", Some("`hr`.`st``aff`")), ("*.x", None), ("hr", None), (".x", None)]
        {
            assert_eq!(level_of(level).as_deref(), expected, "{level}");
        }
        assert_eq!(literal("a'b\\"), "'a''b\\\\'");
    }

    #[test]
    fn a_right_reads_at_its_level_and_below() {
        let has = |line: &str| reads(&[line.to_owned()], "hr", "staff");
        for line in [
            "GRANT SELECT ON *.* TO x",
            "GRANT INSERT, SELECT ON `hr`.* TO x",
            "GRANT ALL PRIVILEGES ON `hr`.`staff` TO x",
            "GRANT SELECT (id) ON `hr`.`staff` TO x",
        ] {
            assert!(has(line), "{line}");
        }
        for line in ["GRANT USAGE ON *.* TO x", "GRANT SELECT ON `hr`.`pay` TO x", "GRANT INSERT ON `hr`.* TO x", "GRANT `role` TO x"] {
            assert!(!has(line), "{line}");
        }
    }
}
