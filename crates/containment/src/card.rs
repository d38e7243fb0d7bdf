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
const POOLER: &str = "a pooler before the server may keep connections open, let new clients in with what it remembers, or go to the server as another role";
const NO_STORED_PASSWORD: &str = "lines of pg_hba.conf that ask for no stored password (trust, peer, cert, ldap)";
const NEEDS_NEW_PASSWORD: &str = "applications that use the account are locked out, too, until they have the new password";
const NEW_CONNECTIONS: &str = "new connections, what a pool opens anew among them: shut the door first";
const OTHER_ADDRESS: &str = "the same person from another address";
const SIGNS_IN_AGAIN: &str = "a new session: whoever knows the password signs in again";
const NO_NAME: &str = "accounts without a name, which let any name in from their hosts";
const TWIN_LATER: &str = "another account of that name that is made afterwards: verification finds it";
const DOWNLOADS: &str = "requests and downloads that run now: old workers of nginx finish them";
const OTHER_SERVERS: &str = "servers of nginx that do not look at our files";
const SAVED_AGAIN: &str = "a request that runs now may save it again: it is deleted once more after the longest request";
const BESIDE_THE_STORE: &str = "what an application checks without the store: tokens, caches, other databases and nodes of Redis, replicas that are behind";

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
        Effect::MysqlAccountLock { user } => (format!("user {user} opens no new connection, from any host"), &[OPEN_CONNECTIONS, POOLER, NO_NAME, TWIN_LATER]),
        Effect::MysqlPassword { user } => {
            (format!("the known password of {user} opens no new connection"), &[OPEN_CONNECTIONS, POOLER, NO_NAME, TWIN_LATER, NEEDS_NEW_PASSWORD])
        }
        Effect::MysqlRevoke { user, level } => (
            format!("user {user} loses its rights on {level}"),
            &[
                "open connections that hold rights of a database or of the server: they read on until they are ended",
                "rights of a wider level, of a role, or of everybody (PUBLIC)",
                "views and routines that run as their definer",
            ],
        ),
        Effect::MysqlKill { user } => (format!("connections of {user} are ended until there are none"), &[NEW_CONNECTIONS]),
        Effect::LdapLock { .. } | Effect::AdDisable { .. } => reach_at_a_directory(effect),
        Effect::LinuxLock { .. } | Effect::LinuxKeysMove { .. } | Effect::LinuxJobsStop { .. } | Effect::LinuxEndSessions { .. } => reach_at_linux(effect),
        Effect::NftablesDrop { address } => (
            format!("no packet from {address} comes in or through, in open connections too"),
            &[
                OTHER_ADDRESS,
                "machines that this packet filter does not stand before",
                "forwarded connections that a flowtable carries, and what a bridge passes between its ports",
                "what is sent to the address without an answer (UDP): it goes out",
                "whoever flushes the whole ruleset takes the cut away: keep finds it",
            ],
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
            (format!("the password of role {role} opens no new connection"), &[OPEN_CONNECTIONS, NO_STORED_PASSWORD, POOLER])
        }
        Effect::PostgresConnectionLimit { role } => {
            (format!("role {role} opens no new connection"), &[OPEN_CONNECTIONS, "superusers, whom no limit binds", POOLER])
        }
        Effect::PostgresPassword { role } => {
            (format!("the known password of role {role} opens no new connection"), &[OPEN_CONNECTIONS, NO_STORED_PASSWORD, NEEDS_NEW_PASSWORD, POOLER])
        }
        Effect::PostgresRevokeConnect { role, database } => (
            format!("role {role} opens no new connection to {database}"),
            &[OPEN_CONNECTIONS, "what everybody may (PUBLIC), what comes by a group, and superusers", "other databases of the server", POOLER],
        ),
        Effect::PostgresRevokeSelect { role, table, .. } => (
            format!("role {role} reads {table} no more"),
            &[
                "rights by PUBLIC, by SET ROLE, by a view, by a partition, or by a function that runs as its owner",
                "cursors that are open",
                "copies of the table: dumps, replicas, materialized views",
            ],
        ),
        Effect::PostgresHbaReject { role, address } => (
            format!("role {role} opens no new connection from {address}; other hosts and roles go on"),
            &[
                OPEN_CONNECTIONS,
                "the same role from another host",
                "the Unix socket of the database's own machine, for which there are other lines",
                "whoever comes by a pooler: it has its own address",
            ],
        ),
        Effect::PostgresTerminate { role, address: Some(address) } => {
            (format!("connections of role {role} from {address} are ended until there are none"), &[NEW_CONNECTIONS])
        }
        Effect::PostgresTerminate { role, .. } => (format!("connections of role {role} are ended until there are none"), &[NEW_CONNECTIONS]),
        Effect::PgbouncerDisable { database } => (
            format!("nobody connects to {database} through the pooler"),
            &[
                "connections that go past the pooler",
                "everybody else who uses the database: they are cut off too",
                "once it is open again clients may wait until the pooler tries the server again (server_login_retry, 15 s)",
            ],
        ),
        Effect::PostgresRoleNoLogin { role } => (
            format!("role {role} opens no new connection, from any host"),
            &[OPEN_CONNECTIONS, "roles that become it by SET ROLE, and roles that it could become", POOLER],
        ),
        other => (format!("{other:?}"), &[]),
    }
}

fn reach_at_a_directory(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::AdDisable { account } => (
            format!("account {account} signs in no more, and gets no new ticket"),
            &[
                "service tickets in hand: they open sessions until they expire, 10 hours by default",
                "ticket-granting tickets younger than 20 minutes, at Windows",
                "sessions and connections that are open",
                "other domain controllers, until they have it",
            ],
        ),
        Effect::LdapLock { account } => (
            format!("account {account} binds no more at the directory"),
            &[
                "entries that no password policy with lockout applies to: then nothing changes",
                "connections that are bound already",
                "binds by SASL (tickets, certificates), which no password policy governs",
                "services that read the directory without binding, and sessions of applications",
                "other servers of the directory, until they have it",
            ],
        ),
        other => (format!("{other:?}"), &[]),
    }
}

fn reach_at_linux(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::LinuxLock { account } => (
            format!("neither password nor key opens a session of {account}"),
            &[
                "sessions that are open, and multiplexed connections, which open new channels without signing in",
                "jobs of cron and at, and units of systemd",
                "another name of the same uid",
                "services with passwords of their own: mail, file shares, databases",
            ],
        ),
        Effect::LinuxKeysMove { account } => (
            format!("no key opens a session of {account}"),
            &["its password", "keys from a certificate authority, or that a program of the server looks up", "sessions that are open"],
        ),
        Effect::LinuxJobsStop { account } => (
            format!("nothing starts by cron or at as {account}"),
            &["what runs now", "units of systemd and files of /etc/cron.d that name it: they are named, and stay"],
        ),
        Effect::LinuxEndSessions { account } => (
            format!("processes and sessions of {account} are suspended, then ended"),
            &["new sessions: shut the door first", "processes under ids that it may give to containers (/etc/subuid): they are named, and stay"],
        ),
        other => (format!("{other:?}"), &[]),
    }
}

fn reach_at_web(effect: &Effect) -> (String, &'static [&'static str]) {
    match effect {
        Effect::WebDenyAddress { address } => (
            format!("the web server refuses requests from {address}"),
            &[OTHER_ADDRESS, DOWNLOADS, OTHER_SERVERS, "everybody behind a proxy is refused, if this is one"],
        ),
        Effect::WebDenySession { session } => {
            (format!("the web server refuses requests with session {session}, from every address"), &[SIGNS_IN_AGAIN, DOWNLOADS, OTHER_SERVERS])
        }
        Effect::WebDenyRoute { method, path } => {
            (format!("the web server refuses {method} {path}, for everybody"), &["the same weakness behind another route", DOWNLOADS, OTHER_SERVERS])
        }
        Effect::SessionStoreDelete { session } => (format!("the application forgets session {session}"), &[SIGNS_IN_AGAIN, SAVED_AGAIN, BESIDE_THE_STORE]),
        Effect::SessionStoreDeleteAccount { account } => (
            format!("the application forgets all sessions of {account}"),
            &[SIGNS_IN_AGAIN, SAVED_AGAIN, BESIDE_THE_STORE, "sessions in another form than a text, in which the account is not found"],
        ),
        Effect::WebRotateKey { key } => (
            format!("sessions and tokens made with the key of {key} are good for nothing"),
            &[SIGNS_IN_AGAIN, "everybody else: all sign in again", "an application that was not told, or that has the key from elsewhere, too"],
        ),
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
        "revoke_key" => "a service of yours takes the key from every account of every machine".to_owned(),
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

#[cfg(test)]
mod tests {
    use strandline_model::estate::TargetKind;

    use super::*;

    /// One of each kind.
    fn effects() -> Vec<Effect> {
        let x = || "x".to_owned();
        let lines = [
            r#"{"effect":"postgres_role_no_login","role":"x"}"#,
            r#"{"effect":"postgres_role_expired","role":"x"}"#,
            r#"{"effect":"postgres_connection_limit","role":"x"}"#,
            r#"{"effect":"postgres_password","role":"x"}"#,
            r#"{"effect":"postgres_revoke_connect","database":"d","role":"x"}"#,
            r#"{"effect":"postgres_revoke_select","database":"d","role":"x","table":"s.t"}"#,
            r#"{"effect":"postgres_hba_reject","address":"a","role":"x"}"#,
            r#"{"effect":"postgres_terminate","address":null,"role":"x"}"#,
            r#"{"effect":"pgbouncer_disable","database":"d"}"#,
            r#"{"effect":"mysql_account_lock","user":"x"}"#,
            r#"{"effect":"mysql_password","user":"x"}"#,
            r#"{"effect":"mysql_revoke","level":"*.*","user":"x"}"#,
            r#"{"effect":"mysql_kill","user":"x"}"#,
            r#"{"effect":"ldap_lock","account":"x"}"#,
            r#"{"effect":"ad_disable","account":"x"}"#,
            r#"{"effect":"linux_lock","account":"x"}"#,
            r#"{"effect":"linux_keys_move","account":"x"}"#,
            r#"{"effect":"linux_jobs_stop","account":"x"}"#,
            r#"{"effect":"linux_end_sessions","account":"x"}"#,
            r#"{"effect":"nftables_drop","address":"a"}"#,
            r#"{"effect":"web_deny_address","address":"a"}"#,
            r#"{"effect":"web_deny_session","session":"s"}"#,
            r#"{"effect":"web_deny_route","method":"GET","path":"/"}"#,
            r#"{"effect":"session_store_delete","session":"s"}"#,
            r#"{"effect":"session_store_delete_account","account":"x"}"#,
            r#"{"effect":"web_rotate_key","key":"k"}"#,
        ];
        let mut all: Vec<Effect> = lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect();
        all.push(Effect::Webhook { action: x(), subject: x() });
        all.push(Effect::Exec { action: x(), subject: x() });
        all
    }

    fn page(kind: TargetKind) -> &'static str {
        match kind {
            TargetKind::Postgres | TargetKind::Pgbouncer => "postgres",
            TargetKind::Mysql => "mysql",
            TargetKind::Ldap | TargetKind::ActiveDirectory => "ldap",
            TargetKind::Linux => "linux",
            TargetKind::Nftables => "nftables",
            TargetKind::Web | TargetKind::Sessions => "web",
            TargetKind::Webhook | TargetKind::Exec => "webhook-and-exec",
        }
    }

    #[test]
    fn every_side_door_of_a_card_stands_in_its_page_and_every_one_of_a_page_on_a_card() {
        let mut pages = std::collections::BTreeMap::<&str, std::collections::BTreeSet<String>>::new();
        for effect in effects() {
            let texts = card(&effect).cannot_reach;
            assert!(!texts.is_empty(), "{effect:?}");
            pages.entry(page(effect.target_kind())).or_default().extend(texts);
        }
        for (name, expected) in pages {
            let path = format!("{}/../../docs/containment/{name}.md", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let section = text.split("## Not reached").nth(1).unwrap_or_else(|| panic!("{name} has no section of what is not reached"));
            let listed: std::collections::BTreeSet<String> =
                section.lines().skip(1).take_while(|line| !line.starts_with("## ")).filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
            assert_eq!(listed, expected, "{name}");
        }
    }

    #[test]
    fn what_he_sees_of_each_effect_and_when() {
        let expected = [
            ("ad_disable", "seen at next login"),
            ("exec", "seen at once"),
            ("ldap_lock", "seen at next login"),
            ("linux_end_sessions", "seen at once"),
            ("linux_jobs_stop", "quiet"),
            ("linux_keys_move", "seen at next login"),
            ("linux_lock", "seen at next login"),
            ("mysql_account_lock", "seen at next login"),
            ("mysql_kill", "seen at once"),
            ("mysql_password", "seen at next login"),
            ("mysql_revoke", "seen at once"),
            ("nftables_drop", "seen at once"),
            ("pgbouncer_disable", "seen at once"),
            ("postgres_connection_limit", "seen at next login"),
            ("postgres_hba_reject", "seen at next login"),
            ("postgres_password", "seen at next login"),
            ("postgres_revoke_connect", "seen at next login"),
            ("postgres_revoke_select", "seen at once"),
            ("postgres_role_expired", "seen at next login"),
            ("postgres_role_no_login", "seen at next login"),
            ("postgres_terminate", "seen at once"),
            ("session_store_delete", "seen at once"),
            ("session_store_delete_account", "seen at once"),
            ("web_deny_address", "seen at once"),
            ("web_deny_route", "seen at once"),
            ("web_deny_session", "seen at once"),
            ("web_rotate_key", "seen at once"),
            ("webhook", "seen at once"),
        ];
        let all = effects();
        let found: std::collections::BTreeMap<String, &str> = all.iter().map(|effect| (effect.word(), card(effect).notices.in_words())).collect();
        assert_eq!(found, expected.into_iter().map(|(word, seen)| (word.to_owned(), seen)).collect());
        assert_eq!(found.len(), all.len(), "one of each kind");
    }
}
