//! What each effect does, what it does not reach, whether the intruder sees it, and whether it can be taken back: as it was
//! measured on real servers (`docs/containment.md`).

use strandline_model::containment::{Effect, Notices, Undo};

/// What is to be known of an effect before it is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub reaches: String,
    pub cannot_reach: Vec<String>,
    pub notices: Notices,
    pub undo: Undo,
}

/// The card of an effect.
pub(crate) fn card(effect: &Effect) -> Card {
    let (reaches, cannot_reach) = reach(effect);
    Card { reaches, cannot_reach: cannot_reach.iter().map(|&text| text.to_owned()).collect(), notices: notices(effect), undo: undo(effect) }
}

const OPEN_CONNECTIONS: &str = "connections that are open now read on: end them after this door is shut";
const POOLER: &str = "a pooler before the server may keep connections open, and let new clients in with what it remembers";
const OTHER_ADDRESS: &str = "the same person from another address";
const SIGNS_IN_AGAIN: &str = "a new session: whoever knows the password signs in again";

fn reach(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::PostgresRoleNoLogin { .. }
        | Effect::PostgresRoleExpired { .. }
        | Effect::PostgresConnectionLimit { .. }
        | Effect::PostgresPassword { .. }
        | Effect::PostgresRevokeConnect { .. }
        | Effect::PostgresRevokeSelect { .. }
        | Effect::PostgresHbaReject { .. }
        | Effect::PostgresTerminate { .. }
        | Effect::PgbouncerDisable { .. } => reach_at_postgres(effect),
        Effect::MysqlAccountLock { user } => (format!("user {user} opens no new connection, from any host"), &[OPEN_CONNECTIONS, POOLER]),
        Effect::MysqlPassword { user } => (
            format!("the known password of {user} opens no new connection"),
            &[OPEN_CONNECTIONS, "applications that use the account, until they have the new one"],
        ),
        Effect::MysqlRevoke { user, level } => (
            format!("user {user} loses its rights on {level}"),
            &["open connections that hold rights of a database or of the server: they read on until they are ended"],
        ),
        Effect::MysqlKill { user } => (format!("connections of {user} are ended until there are none"), &["new connections: shut the door first"]),
        Effect::LdapLock { account } => (
            format!("account {account} binds no more at the directory"),
            &[
                "entries that no password policy with lockout applies to: then nothing changes",
                "connections that are bound already",
                "services that read the directory without binding, and sessions of applications",
            ],
        ),
        Effect::AdDisable { account } => (
            format!("account {account} signs in no more, and gets no new ticket"),
            &["service tickets in hand: they open sessions until they expire, 10 hours by default", "open sessions"],
        ),
        Effect::LinuxLock { account } => (
            format!("neither password nor key opens a session of {account}"),
            &["sessions that are open, and multiplexed connections, which open new channels without signing in", "jobs of cron and at"],
        ),
        Effect::LinuxKeysMove { account } => {
            (format!("no key opens a session of {account}"), &["its password", "keys from a certificate authority, or that a program of the server looks up"])
        }
        Effect::LinuxJobsStop { account } => (format!("nothing starts by cron or at as {account}"), &["what runs now, and units of systemd"]),
        Effect::LinuxEndSessions { account } => {
            (format!("processes and sessions of {account} are suspended, then ended"), &["new sessions: shut the door first"])
        }
        Effect::NftablesDrop { address } => (
            format!("no packet from {address} comes in or through, in open connections too"),
            &[OTHER_ADDRESS, "machines that this packet filter does not stand before"],
        ),
        Effect::WebDenyAddress { .. }
        | Effect::WebDenySession { .. }
        | Effect::WebDenyRoute { .. }
        | Effect::SessionStoreDelete { .. }
        | Effect::SessionStoreDeleteAccount { .. }
        | Effect::WebRotateKey { .. } => reach_at_web(effect),
        Effect::Webhook { action, subject } | Effect::Exec { action, subject } => {
            (format!("{}: {subject}", words_of(action)), &["what the service behind it does not reach: it must say so itself"])
        }
    }
}

fn reach_at_postgres(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::PostgresRoleExpired { role } => {
            (format!("the password of role {role} opens no new connection"), &[OPEN_CONNECTIONS, "lines of pg_hba.conf that ask for no password", POOLER])
        }
        Effect::PostgresConnectionLimit { role } => {
            (format!("role {role} opens no new connection"), &[OPEN_CONNECTIONS, "superusers, whom no limit binds", POOLER])
        }
        Effect::PostgresPassword { role } => (
            format!("the known password of role {role} opens no new connection"),
            &[OPEN_CONNECTIONS, "lines of pg_hba.conf that ask for no password", "applications that use the role, until they have the new one", POOLER],
        ),
        Effect::PostgresRevokeConnect { role, database } => {
            (format!("role {role} opens no new connection to {database}"), &[OPEN_CONNECTIONS, "what everybody may (PUBLIC), and what comes by a group"])
        }
        Effect::PostgresRevokeSelect { role, table, .. } => (
            format!("role {role} reads {table} no more"),
            &["rights by a group, by another grantor, by PUBLIC, or by a function that runs as its owner", "cursors that are open"],
        ),
        Effect::PostgresHbaReject { role, address } => (
            format!("role {role} opens no new connection from {address}; other hosts and roles go on"),
            &[OPEN_CONNECTIONS, "the same role from another host", POOLER],
        ),
        Effect::PostgresTerminate { role, address: Some(address) } => {
            (format!("connections of role {role} from {address} are ended until there are none"), &["new connections: shut the door first"])
        }
        Effect::PostgresTerminate { role, .. } => {
            (format!("connections of role {role} are ended until there are none"), &["new connections: shut the door first"])
        }
        Effect::PgbouncerDisable { database } => (
            format!("nobody connects to {database} through the pooler"),
            &["connections that go past the pooler", "everybody else who uses the database: they are cut off too"],
        ),
        Effect::PostgresRoleNoLogin { role } => {
            (format!("role {role} opens no new connection, from any host"), &[OPEN_CONNECTIONS, "rights that other roles reach by SET ROLE", POOLER])
        }
        other => (format!("{other:?}"), &[]),
    }
}

fn reach_at_web(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::WebDenyAddress { address } => (
            format!("the web server refuses requests from {address}"),
            &[OTHER_ADDRESS, "downloads that run now: they end", "everybody behind a proxy, if this is one"],
        ),
        Effect::WebDenySession { session } => {
            (format!("the web server refuses requests with session {session}, from every address"), &[SIGNS_IN_AGAIN, "downloads that run now: they end"])
        }
        Effect::WebDenyRoute { method, path } => {
            (format!("the web server refuses {method} {path}, for everybody"), &["the same weakness behind another route"])
        }
        Effect::SessionStoreDelete { session } => (
            format!("the application forgets session {session}"),
            &[SIGNS_IN_AGAIN, "a request that runs now may save it again: it is deleted once more after the longest request"],
        ),
        Effect::SessionStoreDeleteAccount { account } => (format!("the application forgets all sessions of {account}"), &[SIGNS_IN_AGAIN]),
        Effect::WebRotateKey { key } => {
            (format!("sessions and tokens made with the key of {key} are good for nothing"), &[SIGNS_IN_AGAIN, "everybody else: all sign in again"])
        }
        other => (format!("{other:?}"), &[]),
    }
}

/// What a service is asked to do, for people.
fn words_of(action: &str) -> String {
    match action {
        "disable_account" => "a service of yours locks the account".to_owned(),
        "block_address" => "a service of yours refuses the address".to_owned(),
        "isolate_host" => "a service of yours cuts the machine off".to_owned(),
        "end_session" => "a service of yours ends the session".to_owned(),
        "deny_share" => "a service of yours shuts the share".to_owned(),
        "deny_role" => "a service of yours refuses the role at that host, and ends its connections".to_owned(),
        other => format!("a service of yours does {other}"),
    }
}

fn notices(effect: &Effect) -> Notices {
    match effect {
        Effect::LinuxKeysMove { .. }
        | Effect::LinuxLock { .. }
        | Effect::LdapLock { .. }
        | Effect::AdDisable { .. }
        | Effect::MysqlAccountLock { .. }
        | Effect::MysqlPassword { .. }
        | Effect::PostgresRoleNoLogin { .. }
        | Effect::PostgresRoleExpired { .. }
        | Effect::PostgresConnectionLimit { .. }
        | Effect::PostgresPassword { .. }
        | Effect::PostgresRevokeConnect { .. }
        | Effect::PostgresHbaReject { .. } => Notices::NextLogin,
        Effect::LinuxJobsStop { .. } => Notices::Quiet,
        Effect::PostgresRevokeSelect { .. }
        | Effect::PostgresTerminate { .. }
        | Effect::PgbouncerDisable { .. }
        | Effect::MysqlRevoke { .. }
        | Effect::MysqlKill { .. }
        | Effect::LinuxEndSessions { .. }
        | Effect::NftablesDrop { .. }
        | Effect::WebDenyAddress { .. }
        | Effect::WebDenySession { .. }
        | Effect::WebDenyRoute { .. }
        | Effect::SessionStoreDelete { .. }
        | Effect::SessionStoreDeleteAccount { .. }
        | Effect::WebRotateKey { .. } => Notices::AtOnce,
        // What a service does may be seen at once: it is taken so until it says otherwise.
        Effect::Webhook { .. } | Effect::Exec { .. } => Notices::AtOnce,
    }
}

fn undo(effect: &Effect) -> Undo {
    match effect {
        Effect::PostgresTerminate { .. } | Effect::MysqlKill { .. } => {
            Undo::Not("a connection that was ended does not come back; its client opens a new one once the door is open".to_owned())
        }
        Effect::LinuxEndSessions { .. } => {
            Undo::Not("a process that was ended does not come back; what it held in memory is gone, unless it was captured".to_owned())
        }
        Effect::WebRotateKey { .. } => {
            Undo::Not("with the old key back, sessions of before count again, the intruder's too; whoever signed in meanwhile signs in again".to_owned())
        }
        Effect::Webhook { .. } | Effect::Exec { .. } => Undo::Not("the service behind it must say what it can take back".to_owned()),
        Effect::PostgresRoleNoLogin { .. }
        | Effect::PostgresRoleExpired { .. }
        | Effect::PostgresConnectionLimit { .. }
        | Effect::PostgresPassword { .. }
        | Effect::PostgresRevokeConnect { .. }
        | Effect::PostgresRevokeSelect { .. }
        | Effect::PostgresHbaReject { .. }
        | Effect::PgbouncerDisable { .. }
        | Effect::MysqlAccountLock { .. }
        | Effect::MysqlPassword { .. }
        | Effect::MysqlRevoke { .. }
        | Effect::LdapLock { .. }
        | Effect::AdDisable { .. }
        | Effect::LinuxLock { .. }
        | Effect::LinuxKeysMove { .. }
        | Effect::LinuxJobsStop { .. }
        | Effect::NftablesDrop { .. }
        | Effect::WebDenyAddress { .. }
        | Effect::WebDenySession { .. }
        | Effect::WebDenyRoute { .. }
        | Effect::SessionStoreDelete { .. }
        | Effect::SessionStoreDeleteAccount { .. } => Undo::Exact,
    }
}
