//! Which records an action, or a foothold, stands on: a predicate over events, and an index of many of them.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use strandline_model::containment::{Effect, Foothold, is_method_of_route};
use strandline_model::event::columns::{self, Holds, Lend};
use strandline_model::event::{Activity, Class};
use strandline_model::names::{account_key, host_key, same_account};

use crate::foothold::share_of;
use crate::whose::{Recorded, present};

/// Longest path that is taken apart.
const LONGEST_PATH_BYTES: usize = 64 * 1024;

/// Longest fingerprint of a key that is taken for one.
const LONGEST_FINGERPRINT_BYTES: usize = 128;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Unit {
    /// Web requests.
    Requests,
    /// Records of statements.
    Statements,
    /// Sign-ins, refused ones among them.
    SignIns,
    /// Files that were opened or read.
    Files,
}

impl Unit {
    pub(crate) const ALL: [Self; 4] = [Self::Requests, Self::Statements, Self::SignIns, Self::Files];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Statements => "statements",
            Self::SignIns => "sign_ins",
            Self::Files => "files",
        }
    }

    /// Of a record; nothing where it is none of these.
    pub(crate) fn of(event: &(impl Holds<columns::class> + Holds<columns::activity>)) -> Option<Self> {
        match (event.column::<columns::class>(), event.column::<columns::activity>()) {
            (Class::Http, _) => Some(Self::Requests),
            // A record of an error quotes a statement that stands in a record of its own.
            (Class::Datastore, Activity::Read | Activity::Write | Activity::Define | Activity::Query) => Some(Self::Statements),
            (Class::Authentication, Activity::Logon) => Some(Self::SignIns),
            (Class::FileSystem, Activity::Read | Activity::Write) => Some(Self::Files),
            _ => None,
        }
    }
}

strandline_model::event_columns! {
    /// What predicates look at.
    pub(crate) trait Viewed: Recorded { database, method, url, object, labels }
}

/// One record, as predicates look at it.
pub(crate) struct View<'e> {
    pub unit: Unit,
    pub system: &'e str,
    pub address: Option<&'e str>,
    /// As the trail names it: cut, or by its secret's digest.
    pub session: Option<&'e str>,
    pub account: Option<String>,
    pub role: Option<&'e str>,
    pub database: Option<&'e str>,
    pub host: Option<String>,
    pub method: Option<&'e str>,
    pub url: Option<&'e str>,
    pub object: Option<&'e str>,
    /// The SSH key that opened the session.
    pub ssh_key: Option<String>,
}

impl<'e> View<'e> {
    pub(crate) fn of(event: &'e impl Viewed, unit: Unit, session: Option<&'e str>) -> Self {
        let is_statement = unit == Unit::Statements;
        let account = present(event.column::<columns::account>());
        Self {
            unit,
            system: event.column::<columns::system>(),
            address: present(event.column::<columns::src_ip>()),
            session,
            account: account.filter(|_| !is_statement).map(account_key),
            role: account.filter(|_| is_statement),
            database: present(event.column::<columns::database>()).filter(|_| is_statement),
            host: present(event.column::<columns::host>()).map(host_key),
            method: present(event.column::<columns::method>()),
            url: present(event.column::<columns::url>()),
            object: present(event.column::<columns::object>()),
            ssh_key: present(event.column::<columns::labels>()).filter(|_| unit == Unit::SignIns).and_then(ssh_key),
        }
    }
}

/// The fingerprint of the key that `sshd` let in: the word after its kind, of a certificate that of its own key. Of an old server it is
/// MD5, whose digits stand bare.
pub(crate) fn ssh_key(labels: &str) -> Option<String> {
    if !labels.contains("public_key") {
        return None;
    }
    let labels: serde_json::Value = serde_json::from_str(labels).ok()?;
    let fingerprint = labels.get("public_key")?.as_str()?.split_whitespace().nth(1)?;
    let is_fingerprint = fingerprint.len() <= LONGEST_FINGERPRINT_BYTES && fingerprint.chars().all(|c| c.is_ascii_alphanumeric() || "+/=:".contains(c));
    is_fingerprint.then(|| fingerprint.to_owned())
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The address.
    Address(String),
    /// The session; `None`: whichever there is.
    Session(Option<String>),
    /// The account, in one form.
    Account(String),
    /// The role, and where it came from.
    Role(String, Option<String>),
    /// The database.
    Database(String),
    /// The machine that was signed in to, or whose files were read.
    Machine(String),
    /// Method and path; a segment that may be anything is `None`.
    Route(String, Vec<Option<String>>),
    /// The share.
    Share(String),
    /// The SSH key, by its fingerprint.
    Ssh(String),
}

/// A predicate over records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Predicate {
    pub key: Key,
    /// On this system alone.
    pub system: Option<String>,
    /// Of these kinds; the first is what it acts on first.
    pub units: &'static [Unit],
}

const WEB: &[Unit] = &[Unit::Requests, Unit::SignIns];
const ALL: &[Unit] = &[Unit::Requests, Unit::Statements, Unit::SignIns, Unit::Files];
const HOST: &[Unit] = &[Unit::SignIns, Unit::Files];
const STATEMENTS: &[Unit] = &[Unit::Statements];

impl Predicate {
    /// What an effect would have refused, had it been in force all the time.
    pub(crate) fn of_effect(effect: &Effect, system: Option<&str>, foothold: &Foothold) -> Self {
        let of = |key, units| Self { key, system: system.map(str::to_owned), units };
        match effect {
            Effect::PostgresHbaReject { address, role } => of(Key::Role(role.clone(), Some(address.clone())), STATEMENTS),
            Effect::PostgresTerminate { address, role } => of(Key::Role(role.clone(), address.clone()), STATEMENTS),
            Effect::PostgresRoleNoLogin { role }
            | Effect::PostgresRoleExpired { role }
            | Effect::PostgresConnectionLimit { role }
            | Effect::PostgresPassword { role }
            | Effect::PostgresRevokeConnect { role, .. }
            | Effect::PostgresRevokeSelect { role, .. } => of(Key::Role(role.clone(), None), STATEMENTS),
            Effect::MysqlAccountLock { user } | Effect::MysqlPassword { user } | Effect::MysqlRevoke { user, .. } | Effect::MysqlKill { user } => {
                of(Key::Role(user.clone(), None), STATEMENTS)
            }
            Effect::PgbouncerDisable { database } => of(Key::Database(database.clone()), STATEMENTS),
            Effect::LdapLock { account } | Effect::AdDisable { account } | Effect::SessionStoreDeleteAccount { account } => {
                of(Key::Account(account_key(account)), ALL)
            }
            Effect::LinuxLock { account } | Effect::LinuxKeysMove { account } | Effect::LinuxJobsStop { account } | Effect::LinuxEndSessions { account } => {
                of(Key::Account(account_key(account)), HOST)
            }
            Effect::NftablesDrop { address } => of(Key::Address(address.clone()), ALL),
            Effect::WebDenyAddress { address } => of(Key::Address(address.clone()), WEB),
            Effect::WebDenySession { session } | Effect::SessionStoreDelete { session } => of(Key::Session(Some(session.clone())), WEB),
            Effect::WebRotateKey { .. } => of(Key::Session(None), WEB),
            Effect::WebDenyRoute { method, path } => of(route(method, path), WEB),
            Effect::Webhook { .. } | Effect::Exec { .. } => Self { system: system.map(str::to_owned), ..Self::of_foothold(foothold) },
        }
    }

    /// What was done through a foothold.
    pub(crate) fn of_foothold(foothold: &Foothold) -> Self {
        let of = |key, system: Option<&String>, units| Self { key, system: system.cloned(), units };
        match foothold {
            Foothold::Address { address } => of(Key::Address(address.clone()), None, ALL),
            Foothold::Session { session, system } => of(Key::Session(Some(session.clone())), Some(system), WEB),
            Foothold::Account { account, system } => of(Key::Account(account_key(account)), system.as_ref(), ALL),
            Foothold::RoleAtHost { host, role, system } => of(Key::Role(role.clone(), Some(host.clone())), Some(system), STATEMENTS),
            Foothold::Host { host } if strandline_model::address::canonical(host).is_some() => of(Key::Address(host.clone()), None, ALL),
            Foothold::Host { host } => of(Key::Machine(host_key(host)), None, HOST),
            Foothold::Key { fingerprint } => of(Key::Ssh(fingerprint.clone()), None, &[Unit::SignIns]),
            Foothold::Route { method, path, system } => of(route(method, path), Some(system), WEB),
            Foothold::Share { host, share } => of(Key::Share(share.to_lowercase()), Some(host), &[Unit::Files]),
        }
    }

    /// Whether a record of its kind and system could carry its key.
    pub(crate) fn is_in_reach(&self, unit: Unit, system: &str) -> bool {
        self.units.contains(&unit) && self.system.as_deref().is_none_or(|of| of == system)
    }

    /// Whether it would have refused a record.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        if !self.is_in_reach(view.unit, view.system) {
            return false;
        }
        match &self.key {
            Key::Address(address) => view.address == Some(address),
            Key::Session(Some(session)) => view.session == Some(session),
            Key::Session(None) => view.session.is_some(),
            Key::Account(account) => view.account.as_deref().is_some_and(|have| same_account(account, have)),
            Key::Role(role, host) => view.role == Some(role) && host.as_deref().is_none_or(|host| view.address == Some(host)),
            Key::Database(database) => view.database == Some(database),
            Key::Machine(host) => view.host.as_ref() == Some(host),
            Key::Route(method, segments) => {
                view.method.is_some_and(|have| is_method_of_route(method, have)) && view.url.is_some_and(|url| is_at(url, segments))
            }
            Key::Share(share) => view.object.and_then(share_of).as_ref() == Some(share),
            Key::Ssh(fingerprint) => view.ssh_key.as_ref() == Some(fingerprint),
        }
    }

    /// Whether a record carries what is compared.
    pub(crate) fn is_carried(&self, carried: Carried) -> bool {
        match &self.key {
            Key::Address(_) => carried.address,
            Key::Session(_) => carried.session,
            Key::Account(_) => carried.account,
            Key::Role(_, None) => carried.role,
            Key::Role(_, Some(_)) => carried.role && carried.address,
            Key::Database(_) => carried.database,
            Key::Machine(_) => carried.host,
            Key::Route(..) => carried.url,
            Key::Share(_) => carried.object,
            Key::Ssh(_) => carried.ssh_key,
        }
    }
}

/// Which keys a record carries: a handful of combinations for each source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Carried {
    address: bool,
    session: bool,
    account: bool,
    role: bool,
    database: bool,
    host: bool,
    url: bool,
    object: bool,
    ssh_key: bool,
}

impl Carried {
    pub(crate) fn by(view: &View<'_>) -> Self {
        Self {
            address: view.address.is_some(),
            session: view.session.is_some(),
            account: view.account.is_some(),
            role: view.role.is_some(),
            database: view.database.is_some(),
            host: view.host.is_some(),
            url: view.url.is_some(),
            object: view.object.is_some(),
            ssh_key: view.ssh_key.is_some(),
        }
    }
}

fn route(method: &str, path: &str) -> Key {
    let segments = path.split('/').filter(|s| !s.is_empty()).map(|s| (s != "{}").then(|| s.to_owned()));
    Key::Route(method.to_owned(), segments.collect())
}

/// Whether a URL is at a path, whatever its query. Load balancers log the whole of it; matrix parameters are no part of a segment.
fn is_at(url: &str, segments: &[Option<String>]) -> bool {
    if url.len() > LONGEST_PATH_BYTES {
        return false;
    }
    let rest = url
        .split_once("://")
        .filter(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphabetic()))
        .map_or(url, |(_, rest)| rest.find(['/', '?']).map_or("", |at| &rest[at..]));
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut have = path.split('/').filter(|s| !s.is_empty());
    let fits = segments.iter().all(|want| match (want, have.next()) {
        (None, Some(_)) => true,
        (Some(want), Some(have)) => decoded(have) == want.as_str(),
        (_, None) => false,
    });
    fits && have.next().is_none()
}

fn decoded(segment: &str) -> Cow<'_, str> {
    let plain = segment.split_once(';').filter(|(_, rest)| rest.contains('=')).map_or(segment, |(plain, _)| plain);
    percent_decode_str(plain).decode_utf8_lossy()
}

/// Many predicates, found by what a record carries, so that a record is not compared with all of them.
#[derive(Debug, Default)]
pub(crate) struct Index {
    predicates: Vec<Predicate>,
    addresses: HashMap<String, Vec<usize>>,
    sessions: HashMap<String, Vec<usize>>,
    /// By the name without its domain.
    accounts: HashMap<String, Vec<usize>>,
    roles: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
}

impl Index {
    pub(crate) fn of(predicates: Vec<Predicate>) -> Self {
        let mut index = Self::default();
        for (at, predicate) in predicates.iter().enumerate() {
            let list = match &predicate.key {
                Key::Address(address) => index.addresses.entry(address.clone()).or_default(),
                Key::Session(Some(session)) => index.sessions.entry(session.clone()).or_default(),
                Key::Account(account) => index.accounts.entry(name_of(account).to_owned()).or_default(),
                Key::Role(role, _) => index.roles.entry(role.clone()).or_default(),
                Key::Session(None) | Key::Database(_) | Key::Machine(_) | Key::Route(..) | Key::Share(_) | Key::Ssh(_) => &mut index.others,
            };
            list.push(at);
        }
        index.predicates = predicates;
        index
    }

    pub(crate) fn get(&self, at: usize) -> &Predicate {
        &self.predicates[at]
    }

    /// Those that match, in order.
    pub(crate) fn matching(&self, view: &View<'_>) -> Vec<usize> {
        let by = |map: &HashMap<String, Vec<usize>>, key: Option<&str>| key.and_then(|key| map.get(key)).cloned().unwrap_or_default();
        let mut found = by(&self.addresses, view.address);
        found.extend(by(&self.sessions, view.session));
        found.extend(by(&self.accounts, view.account.as_deref().map(name_of)));
        found.extend(by(&self.roles, view.role));
        found.extend(&self.others);
        found.retain(|at| self.predicates[*at].matches(view));
        found.sort_unstable();
        found
    }
}

fn name_of(account: &str) -> &str {
    account.rsplit('\\').next().unwrap_or(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_of_a_key_is_what_the_server_says_of_it() {
        let check = |label: &str, expected: Option<&str>| {
            let labels = serde_json::json!({ "method": "publickey", "public_key": label }).to_string();
            assert_eq!(ssh_key(&labels).as_deref(), expected, "{label}");
        };
        check("ED25519 SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8", Some("SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"));
        check("RSA-CERT SHA256:abc/+ ID eve (serial 0) CA ED25519 SHA256:def", Some("SHA256:abc/+"));
        check("RSA 43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8", Some("43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8"));
        check("RSA", None);
        check("RSA <script>", None);
        assert_eq!(ssh_key(r#"{"public_key":7}"#), None);
        assert_eq!(ssh_key(r#"{"method":"password"}"#), None);
    }

    #[test]
    fn a_route_of_get_is_one_of_head() {
        for (cut, asked, expected) in [("GET", "HEAD", true), ("HEAD", "get", true), ("GET", "POST", false), ("POST", "post", true), ("POST", "HEAD", false)] {
            assert_eq!(is_method_of_route(cut, asked), expected, "{cut} {asked}");
        }
    }

    #[test]
    fn a_route_is_where_its_path_is() {
        let Key::Route(_, segments) = route("GET", "/staff/{}/postings") else { panic!("a route's key is a route") };
        for (url, expected) in [
            ("/staff/C1/postings", true),
            ("/staff/C1/postings?x=/a", true),
            ("https://www.example.org/staff/C1/postings", true),
            ("/staff;v=1/C1/post%69ngs/", true),
            ("/staff/C1", false),
            ("/staff/C1/postings/2", false),
            ("/staff/C1/Postings", false),
            ("", false),
            ("https://www.example.org", false),
        ] {
            assert_eq!(is_at(url, &segments), expected, "{url}");
        }
        assert!(is_at("/?q=1", &[]) && !is_at("/a", &[]));
    }
}
