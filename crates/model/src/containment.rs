//! Containment as plain data: what the actor holds, what would take it from him, and what that would refuse.
//!
//! Nothing here touches the world. `strandline-containment` proposes [`Action`]s and replays them over the recorded events;
//! `strandline-outbound` carries them out.

use std::fmt;

use arrow_schema::{DataType, FieldRef};
use serde::{Deserialize, Serialize};

use crate::estate::TargetKind;
use crate::table::{Row, flag, list, optional_text, optional_whole, text, whole};
use crate::time::Instant;

/// Something the actor holds and could come back through. It is found again by its [canonical text](canonical), so that the same
/// evidence names the same foothold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Foothold {
    /// An address from which everything is the actor's.
    Address {
        /// As `crate::address::canonical` writes it.
        address: String,
    },
    /// A web session; of a log that cuts its sessions, the prefix that it keeps.
    Session {
        /// The session, as the logs have it.
        session: String,
        /// The system that it is of.
        system: String,
    },
    /// An account, whose password or session the actor had.
    Account {
        /// The account.
        account: String,
        /// The system where he used it; none: wherever it exists.
        system: Option<String>,
    },
    /// A database role, as used from one host.
    RoleAtHost {
        /// Where it was used from; `[local]` for the socket.
        host: String,
        /// The role.
        role: String,
        /// The database's system.
        system: String,
    },
    /// A machine that the actor worked on, or from.
    Host {
        /// Its name or address.
        host: String,
    },
    /// An SSH key with which the actor signed in: it opens whatever else lists it.
    Key {
        /// Its fingerprint as `sshd` logs it, with the name of its digest: `SHA256:…`.
        fingerprint: String,
    },
    /// A route whose weakness the actor used.
    Route {
        /// The method.
        method: String,
        /// Path without its values.
        path: String,
        /// The system.
        system: String,
    },
    /// A share that the actor read files from.
    Share {
        /// The machine that offers it.
        host: String,
        /// The share.
        share: String,
    },
}

impl Foothold {
    /// Its kind, as a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address",
            Self::Session { .. } => "session",
            Self::Account { .. } => "account",
            Self::RoleAtHost { .. } => "role_at_host",
            Self::Host { .. } => "host",
            Self::Key { .. } => "key",
            Self::Route { .. } => "route",
            Self::Share { .. } => "share",
        }
    }
}

impl fmt::Display for Foothold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address } => write!(f, "address {address}"),
            Self::Session { system, session } => write!(f, "session {system}/{session}"),
            Self::Account { account, system: Some(system) } => write!(f, "account {account} of {system}"),
            Self::Account { account, system: None } => write!(f, "account {account}"),
            Self::RoleAtHost { role, host, system } => write!(f, "role {role} at {host} on {system}"),
            Self::Host { host } => write!(f, "host {host}"),
            Self::Key { fingerprint } => write!(f, "key {fingerprint}"),
            Self::Route { system, method, path } => write!(f, "route {method} {path} of {system}"),
            Self::Share { host, share } => write!(f, "share {share} of {host}"),
        }
    }
}

/// What reaches a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// A PostgreSQL server, and the pooler before it.
    Postgres,
    /// A MySQL or MariaDB server.
    Mysql,
    /// A directory: OpenLDAP or Active Directory.
    Ldap,
    /// A Linux machine.
    Linux,
    /// The packet filter of a machine.
    Nftables,
    /// A web server before an application, and the application's session store.
    Web,
    /// A service that takes signed JSON.
    Webhook,
    /// A program that takes signed JSON.
    Exec,
}

impl Connector {
    /// Its word, as the estate writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Ldap => "ldap",
            Self::Linux => "linux",
            Self::Nftables => "nftables",
            Self::Web => "web",
            Self::Webhook => "webhook",
            Self::Exec => "exec",
        }
    }
}

/// When, within a wave, an effect comes: doors are shut before the sessions behind them are ended, or they come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing new gets in.
    ShutDoor,
    /// What was known opens nothing any more.
    ChangeSecret,
    /// What is in is put out.
    EndSession,
}

/// One effect on one target, typed. Names are as the target has them; addresses as `crate::address::canonical` writes them.
/// Fields stand in alphabetical order: the JSON is the canonical text that approvals are over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// `ALTER ROLE … NOLOGIN`.
    PostgresRoleNoLogin {
        /// The role.
        role: String,
    },
    /// `ALTER ROLE … VALID UNTIL` a time that has passed.
    PostgresRoleExpired {
        /// The role.
        role: String,
    },
    /// `ALTER ROLE … CONNECTION LIMIT 0`.
    PostgresConnectionLimit {
        /// The role.
        role: String,
    },
    /// A new password, which nobody knows until somebody sets another.
    PostgresPassword {
        /// The role.
        role: String,
    },
    /// `REVOKE CONNECT ON DATABASE`, from the role and every way that it has it by.
    PostgresRevokeConnect {
        /// The database.
        database: String,
        /// The role.
        role: String,
    },
    /// `REVOKE SELECT` on a table, from the role and every way that it has it by.
    PostgresRevokeSelect {
        /// The database.
        database: String,
        /// The role.
        role: String,
        /// `schema.table`.
        table: String,
    },
    /// A `reject` line for role and address above all others of `pg_hba.conf`.
    PostgresHbaReject {
        /// Where from; `[local]` for the socket.
        address: String,
        /// The role.
        role: String,
    },
    /// Ends connections until there are none.
    PostgresTerminate {
        /// Only from here; none: wherever from.
        address: Option<String>,
        /// The role.
        role: String,
    },
    /// Shuts a database at the pooler: for everybody.
    PgbouncerDisable {
        /// The database, as the pooler calls it.
        database: String,
    },
    /// `ACCOUNT LOCK`, for each `user@host` of that name.
    MysqlAccountLock {
        /// The user, without a host.
        user: String,
    },
    /// A new password, for each `user@host` of that name.
    MysqlPassword {
        /// The user, without a host.
        user: String,
    },
    /// `REVOKE` at one level, for each `user@host` of that name.
    MysqlRevoke {
        /// `*.*`, `database.*` or `database.table`.
        level: String,
        /// The user, without a host.
        user: String,
    },
    /// Ends a user's connections until there are none.
    MysqlKill {
        /// The user, without a host.
        user: String,
    },
    /// OpenLDAP: `pwdAccountLockedTime`, where a policy with lockout applies.
    LdapLock {
        /// The account.
        account: String,
    },
    /// Active Directory: `userAccountControl` gets the bit that disables.
    AdDisable {
        /// The account.
        account: String,
    },
    /// Locked and expired, so that neither password nor key opens a session.
    LinuxLock {
        /// The account.
        account: String,
    },
    /// All files of keys that its sessions are opened by, moved away.
    LinuxKeysMove {
        /// The account.
        account: String,
    },
    /// What would start again for it: `cron` and `at`.
    LinuxJobsStop {
        /// The account.
        account: String,
    },
    /// Its processes suspended, then ended, multiplexed connections among them.
    LinuxEndSessions {
        /// The account.
        account: String,
    },
    /// Reset, then dropped, in and through the machine.
    NftablesDrop {
        /// The address.
        address: String,
    },
    /// Refused by the web server.
    WebDenyAddress {
        /// The address.
        address: String,
    },
    /// Refused by the web server, by the session's cookie.
    WebDenySession {
        /// The session, or what a log keeps of its beginning.
        session: String,
    },
    /// Refused by the web server, for everybody.
    WebDenyRoute {
        /// The method.
        method: String,
        /// Path; `{}` stands for one segment that may be anything.
        path: String,
    },
    /// The session taken out of the application's store, and again after the longest request.
    SessionStoreDelete {
        /// The session, or what a log keeps of its beginning.
        session: String,
    },
    /// All sessions of an account taken out of the application's store.
    SessionStoreDeleteAccount {
        /// The account.
        account: String,
    },
    /// Another key for sessions or tokens: everybody signs in again.
    WebRotateKey {
        /// What names the key.
        key: String,
    },
    /// Whatever a service of the organisation does by the contract of webhooks.
    Webhook {
        /// What it is asked to do (`disable_account` …).
        action: String,
        /// To what.
        subject: String,
    },
    /// Whatever a program of the organisation does by the same contract.
    Exec {
        /// What it is asked to do.
        action: String,
        /// To what.
        subject: String,
    },
}

impl Effect {
    /// What carries it out.
    pub fn connector(&self) -> Connector {
        match self {
            Self::PostgresRoleNoLogin { .. }
            | Self::PostgresRoleExpired { .. }
            | Self::PostgresConnectionLimit { .. }
            | Self::PostgresPassword { .. }
            | Self::PostgresRevokeConnect { .. }
            | Self::PostgresRevokeSelect { .. }
            | Self::PostgresHbaReject { .. }
            | Self::PostgresTerminate { .. }
            | Self::PgbouncerDisable { .. } => Connector::Postgres,
            Self::MysqlAccountLock { .. } | Self::MysqlPassword { .. } | Self::MysqlRevoke { .. } | Self::MysqlKill { .. } => Connector::Mysql,
            Self::LdapLock { .. } | Self::AdDisable { .. } => Connector::Ldap,
            Self::LinuxLock { .. } | Self::LinuxKeysMove { .. } | Self::LinuxJobsStop { .. } | Self::LinuxEndSessions { .. } => Connector::Linux,
            Self::NftablesDrop { .. } => Connector::Nftables,
            Self::WebDenyAddress { .. }
            | Self::WebDenySession { .. }
            | Self::WebDenyRoute { .. }
            | Self::SessionStoreDelete { .. }
            | Self::SessionStoreDeleteAccount { .. }
            | Self::WebRotateKey { .. } => Connector::Web,
            Self::Webhook { .. } => Connector::Webhook,
            Self::Exec { .. } => Connector::Exec,
        }
    }

    /// The kind of target that it happens at.
    pub fn target_kind(&self) -> TargetKind {
        match self {
            Self::PgbouncerDisable { .. } => TargetKind::Pgbouncer,
            Self::AdDisable { .. } => TargetKind::ActiveDirectory,
            Self::SessionStoreDelete { .. } | Self::SessionStoreDeleteAccount { .. } => TargetKind::Sessions,
            other => match other.connector() {
                Connector::Postgres => TargetKind::Postgres,
                Connector::Mysql => TargetKind::Mysql,
                Connector::Ldap => TargetKind::Ldap,
                Connector::Linux => TargetKind::Linux,
                Connector::Nftables => TargetKind::Nftables,
                Connector::Web => TargetKind::Web,
                Connector::Webhook => TargetKind::Webhook,
                Connector::Exec => TargetKind::Exec,
            },
        }
    }

    /// Its word: the tag of its canonical text.
    pub fn word(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(mut fields)) => match fields.remove("effect") {
                Some(serde_json::Value::String(word)) => word,
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    /// The account, role or user that it is about.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::PostgresRoleNoLogin { role }
            | Self::PostgresRoleExpired { role }
            | Self::PostgresConnectionLimit { role }
            | Self::PostgresPassword { role }
            | Self::PostgresRevokeConnect { role, .. }
            | Self::PostgresRevokeSelect { role, .. }
            | Self::PostgresHbaReject { role, .. }
            | Self::PostgresTerminate { role, .. } => Some(role),
            Self::MysqlAccountLock { user } | Self::MysqlPassword { user } | Self::MysqlRevoke { user, .. } | Self::MysqlKill { user } => Some(user),
            Self::LdapLock { account }
            | Self::AdDisable { account }
            | Self::LinuxLock { account }
            | Self::LinuxKeysMove { account }
            | Self::LinuxJobsStop { account }
            | Self::LinuxEndSessions { account }
            | Self::SessionStoreDeleteAccount { account } => Some(account),
            Self::Webhook { action, subject } | Self::Exec { action, subject } => (action == "disable_account").then_some(subject.as_str()),
            Self::PgbouncerDisable { .. }
            | Self::NftablesDrop { .. }
            | Self::WebDenyAddress { .. }
            | Self::WebDenySession { .. }
            | Self::WebDenyRoute { .. }
            | Self::SessionStoreDelete { .. }
            | Self::WebRotateKey { .. } => None,
        }
    }

    /// The address that it is about.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::PostgresHbaReject { address, .. } | Self::NftablesDrop { address } | Self::WebDenyAddress { address } => Some(address),
            Self::PostgresTerminate { address, .. } => address.as_deref(),
            Self::Webhook { action, subject } | Self::Exec { action, subject } => {
                (action == "block_address" || action == "isolate_host").then_some(subject.as_str())
            }
            _ => None,
        }
    }

    /// When, within a wave, it comes.
    pub fn phase(&self) -> Phase {
        match self {
            Self::PostgresPassword { .. } | Self::MysqlPassword { .. } | Self::WebRotateKey { .. } => Phase::ChangeSecret,
            Self::PostgresTerminate { .. }
            | Self::MysqlKill { .. }
            | Self::LinuxEndSessions { .. }
            | Self::SessionStoreDelete { .. }
            | Self::SessionStoreDeleteAccount { .. } => Phase::EndSession,
            Self::PostgresRoleNoLogin { .. }
            | Self::PostgresRoleExpired { .. }
            | Self::PostgresConnectionLimit { .. }
            | Self::PostgresRevokeConnect { .. }
            | Self::PostgresRevokeSelect { .. }
            | Self::PostgresHbaReject { .. }
            | Self::PgbouncerDisable { .. }
            | Self::MysqlAccountLock { .. }
            | Self::MysqlRevoke { .. }
            | Self::LdapLock { .. }
            | Self::AdDisable { .. }
            | Self::LinuxLock { .. }
            | Self::LinuxKeysMove { .. }
            | Self::LinuxJobsStop { .. }
            | Self::NftablesDrop { .. }
            | Self::WebDenyAddress { .. }
            | Self::WebDenySession { .. }
            | Self::WebDenyRoute { .. }
            | Self::Webhook { .. }
            | Self::Exec { .. } => Phase::ShutDoor,
        }
    }
}

/// Whether the intruder sees that he is being cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notices {
    /// Not by itself.
    Quiet,
    /// When he signs in, or connects, the next time.
    NextLogin,
    /// At once: what he is doing fails.
    AtOnce,
}

impl Notices {
    /// Its word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::NextLogin => "next_login",
            Self::AtOnce => "at_once",
        }
    }

    /// For people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::NextLogin => "seen at next login",
            Self::AtOnce => "seen at once",
        }
    }
}

/// Whether what was there before can be put back, from state that is read and stored before the effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "undo", content = "reason", deny_unknown_fields)]
pub enum Undo {
    /// Exactly.
    Exact,
    /// Not exactly, and why.
    Not(String),
}

/// One action that could be taken. Fields stand in alphabetical order: [`Action::canonical`] is what approvals are over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What it does not reach, so that somebody must look there.
    pub cannot_reach: Vec<String>,
    /// What it does to the target.
    pub effect: Effect,
    /// What of the trail it is to cut.
    pub foothold: Foothold,
    /// Stable id, by foothold, effect and target: the same evidence gives the same id.
    pub id: String,
    /// Whether the intruder sees it.
    pub notices: Notices,
    /// What it does, one sentence.
    pub reaches: String,
    /// The system that it acts on; none: wherever the key stands.
    pub system: Option<String>,
    /// The estate's target; none where the estate names none that could do it.
    pub target: Option<String>,
    /// Whether it can be taken back.
    pub undo: Undo,
}

impl Action {
    /// The text that its hash is over: the same action gives the same text.
    pub fn canonical(&self) -> String {
        canonical(self)
    }
}

/// The methods that a cut of a route refuses: what answers GET answers HEAD, too, by the same code.
pub fn methods_of_route(method: &str) -> Vec<String> {
    const ALIKE: [&str; 2] = ["GET", "HEAD"];
    if ALIKE.iter().any(|one| one.eq_ignore_ascii_case(method)) { ALIKE.map(str::to_owned).to_vec() } else { vec![method.to_owned()] }
}

/// Whether a request by a method is one of a route.
pub fn is_method_of_route(route: &str, asked: &str) -> bool {
    methods_of_route(route).iter().any(|one| one.eq_ignore_ascii_case(asked))
}

/// Plain data as its canonical text: JSON, its fields in the order of the types, which is part of the format.
pub fn canonical<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data of texts and numbers is always written")
}

/// One candidate with what it would have refused. A row of `actions`, narrowest first within each foothold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRow {
    /// [`Action::id`].
    pub id: String,
    /// [`FootholdRow::id`] of what it is to cut.
    pub foothold: String,
    /// Its place among the candidates of its foothold, from 1.
    pub rank: i64,
    /// The effect's word.
    pub effect: String,
    /// The system that it acts on.
    pub system: Option<String>,
    /// The estate's target.
    pub target: Option<String>,
    /// What it does.
    pub reaches: String,
    /// What it does not reach.
    pub cannot_reach: Vec<String>,
    /// `quiet`, `next_login` or `at_once`.
    pub notices: String,
    /// Whether undo is exact.
    pub undo_exact: bool,
    /// Why it is not.
    pub undo_reason: Option<String>,
    /// Records of the intruder through the foothold that it closes; 0 where it closes nothing by itself.
    pub closes: i64,
    /// What it acts on first of what the intruder did: `requests`, `statements` (records of them), `sign_ins` or `files`. The three
    /// figures below are of these.
    pub unit: String,
    /// The intruder's that it would have refused.
    pub intruder: i64,
    /// Others' that it would have refused.
    pub lawful: i64,
    /// Of which the evidence does not tell whose they are.
    pub open: i64,
    /// All that it would have refused anything of, `unit` first …
    pub units: Vec<String>,
    /// … of each the intruder's …
    pub units_intruder: Vec<i64>,
    /// … others' …
    pub units_lawful: Vec<i64>,
    /// … and those of which the evidence does not tell whose they are.
    pub units_open: Vec<i64>,
    /// Lawful and open ones of all units by hour: the median of the hours in which its systems were in use.
    pub lawful_hour_median: i64,
    /// … and the worst hour.
    pub lawful_hour_worst: i64,
    /// The last lawful use.
    pub lawful_last: Option<Instant>,
    /// Records within its reach that carry the key it acts by …
    pub carries: i64,
    /// … of so many.
    pub of: i64,
    /// Different accounts behind what it cuts …
    pub accounts: i64,
    /// … of these, accounts that were seen from another address, too.
    pub accounts_elsewhere: i64,
    /// What the figures do not tell.
    pub limits: Vec<String>,
    /// The whole [`Action`], as its canonical text.
    pub action: String,
}

impl ActionRow {
    /// The action itself; nothing where another version wrote it.
    pub fn read_action(&self) -> Option<Action> {
        serde_json::from_str(&self.action).ok()
    }

    /// What it would have refused of each unit: its word, the intruder's, lawful and open ones.
    pub fn by_unit(&self) -> impl Iterator<Item = (&str, [i64; 3])> {
        let figure = |list: &[i64], at: usize| list.get(at).copied().unwrap_or(0);
        let of = move |at: usize| [figure(&self.units_intruder, at), figure(&self.units_lawful, at), figure(&self.units_open, at)];
        self.units.iter().enumerate().map(move |(at, unit)| (unit.as_str(), of(at)))
    }
}

impl Row for ActionRow {
    const TABLE: &'static str = "actions";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            text("foothold"),
            whole("rank"),
            text("effect"),
            optional_text("system"),
            optional_text("target"),
            text("reaches"),
            list("cannot_reach", DataType::Utf8),
            text("notices"),
            flag("undo_exact"),
            optional_text("undo_reason"),
            whole("closes"),
            text("unit"),
            whole("intruder"),
            whole("lawful"),
            whole("open"),
            list("units", DataType::Utf8),
            list("units_intruder", DataType::Int64),
            list("units_lawful", DataType::Int64),
            list("units_open", DataType::Int64),
            whole("lawful_hour_median"),
            whole("lawful_hour_worst"),
            optional_whole("lawful_last"),
            whole("carries"),
            whole("of"),
            whole("accounts"),
            whole("accounts_elsewhere"),
            list("limits", DataType::Utf8),
            text("action"),
        ]
    }
}

/// A foothold of the trail, and how much was recorded through it. A row of `footholds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FootholdRow {
    /// Stable id, by its canonical text.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// For people.
    pub name: String,
    /// Whether the trail holds it as open: it may be the intruder's, and may be somebody else's.
    pub is_open: bool,
    /// The whole [`Foothold`], as its canonical text.
    pub foothold: String,
    /// The link of the trail, or the step, that it comes from.
    pub because: Vec<String>,
    /// The intruder's records through it; of an open one those that may be his.
    pub records: i64,
    /// Candidates for it.
    pub candidates: i64,
    /// Why there is none, or what keeps one from being proposed.
    pub reason: Option<String>,
}

impl FootholdRow {
    /// The foothold itself; nothing where another version wrote it.
    pub fn read_foothold(&self) -> Option<Foothold> {
        serde_json::from_str(&self.foothold).ok()
    }
}

impl Row for FootholdRow {
    const TABLE: &'static str = "footholds";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("id"),
            text("kind"),
            text("name"),
            flag("is_open"),
            text("foothold"),
            list("because", DataType::Utf8),
            whole("records"),
            whole("candidates"),
            optional_text("reason"),
        ]
    }
}

/// Records of the intruder through one foothold that the same actions close. A row of `covers`; together the rows of a foothold
/// make up all its records, so that whatever actions are effective, what is left open can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// [`FootholdRow::id`].
    pub foothold: String,
    /// Actions that each close these records; none: nothing that is proposed does.
    pub actions: Vec<String>,
    /// How many records.
    pub records: i64,
}

impl Row for Cover {
    const TABLE: &'static str = "covers";

    fn fields() -> Vec<FieldRef> {
        vec![text("foothold"), list("actions", DataType::Utf8), whole("records")]
    }
}

/// What one action would have refused, by one thing. A row of `refusals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The action.
    pub action: String,
    /// `requests`, `statements`, `sign_ins` or `files`.
    pub unit: String,
    /// `intruder`, `lawful`, or `open`: the evidence does not tell.
    pub whose: String,
    /// `system`, `account`, `batch` (a trusted reader of the estate) or `hour`.
    pub by: String,
    /// Which one; of an hour its beginning, RFC 3339.
    pub key: String,
    /// How many.
    pub count: i64,
    /// The first of them.
    pub first: Instant,
    /// The last.
    pub last: Instant,
}

impl Row for Refusal {
    const TABLE: &'static str = "refusals";

    fn fields() -> Vec<FieldRef> {
        vec![text("action"), text("unit"), text("whose"), text("by"), text("key"), whole("count"), whole("first"), whole("last")]
    }
}

/// A foothold that no effective action closes, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOpen {
    /// [`FootholdRow::id`].
    pub foothold: String,
    /// For people.
    pub name: String,
    /// Records through it that no effective action closes …
    pub records: i64,
    /// … of so many.
    pub of: i64,
    /// Why, in a sentence.
    pub reason: String,
}

/// What stays open once these actions (by id) are effective.
pub fn left_open(footholds: &[FootholdRow], covers: &[Cover], actions: &[ActionRow], is_effective: &dyn Fn(&str) -> bool) -> Vec<LeftOpen> {
    let open = footholds.iter().filter_map(|foothold| {
        let of = |cover: &&Cover| cover.foothold == foothold.id;
        let records: i64 = covers.iter().filter(of).filter(|c| !c.actions.iter().any(|id| is_effective(id))).map(|c| c.records).sum();
        let mut own = actions.iter().filter(|a| a.foothold == foothold.id);
        // Where nothing was recorded through it, only an action of its own tells that it is closed.
        if records == 0 && (foothold.records > 0 || own.any(|a| is_effective(&a.id))) {
            return None;
        }
        let has_target = actions.iter().any(|a| a.foothold == foothold.id && a.target.is_some());
        let reason = match (&foothold.reason, foothold.candidates, has_target) {
            (Some(reason), ..) => reason.clone(),
            (None, 0, _) => "no connector has an action for it: close it by hand, and say so".to_owned(),
            (None, _, false) => "the estate names no target that could do it: describe one ([[target]]), or act by hand".to_owned(),
            (None, _, true) => "no effective action closes it".to_owned(),
        };
        Some(LeftOpen { foothold: foothold.id.clone(), name: foothold.name.clone(), records, of: foothold.records, reason })
    });
    open.collect()
}

/// Where an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutStep {
    /// In a plan, and nothing more.
    Planned,
    /// About to be done; after a run that died here nobody knows, until the target is read.
    Applying,
    /// Done, as read back.
    Applied,
    /// Not done, or half: what was said stands with it.
    Failed,
    /// About to be taken back.
    Undoing,
    /// What was there before is there again.
    Undone,
}

impl CutStep {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Planned, Self::Applying, Self::Applied, Self::Failed, Self::Undoing, Self::Undone];

    /// Its word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_one_text() {
        let action = Action {
            cannot_reach: vec!["open sessions".to_owned()],
            effect: Effect::PostgresHbaReject { address: "192.0.2.7".to_owned(), role: "report".to_owned() },
            foothold: Foothold::RoleAtHost { host: "192.0.2.7".to_owned(), role: "report".to_owned(), system: "db".to_owned() },
            id: "A1".to_owned(),
            notices: Notices::NextLogin,
            reaches: "new connections are refused".to_owned(),
            system: Some("db".to_owned()),
            target: None,
            undo: Undo::Exact,
        };
        let expected = concat!(
            r#"{"cannot_reach":["open sessions"],"effect":{"effect":"postgres_hba_reject","address":"192.0.2.7","role":"report"},"#,
            r#""foothold":{"kind":"role_at_host","host":"192.0.2.7","role":"report","system":"db"},"id":"A1","notices":"next_login","#,
            r#""reaches":"new connections are refused","system":"db","target":null,"undo":{"undo":"exact"}}"#
        );
        assert_eq!(action.canonical(), expected);
        assert_eq!(serde_json::from_str::<Action>(expected).expect("the text is read again"), action);
    }
}
