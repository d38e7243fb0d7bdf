//! Whose a recorded event is, as far as the trail tells: the intruder's, somebody else's, or open.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};
use strandline_model::access::Access;
use strandline_model::event::Class;
use strandline_model::event::columns::{self, Lend};
use strandline_model::evidence::EventRef;
pub(crate) use strandline_model::names::present;
use strandline_model::names::{SessionLengths, account_key, host_key, nameless_connection, same_account, secret_session};
use strandline_model::node::Node;
use strandline_model::table::{Row, ScanError};
use strandline_model::trail::{Link, Strength};

use crate::Inputs;

/// Whose an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Whose {
    /// The intruder's.
    Intruder,
    /// Somebody else's.
    Lawful,
    /// The evidence does not tell.
    Open,
}

impl Whose {
    pub(crate) const ALL: [Self; 3] = [Self::Intruder, Self::Lawful, Self::Open];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Intruder => "intruder",
            Self::Lawful => "lawful",
            Self::Open => "open",
        }
    }
}

/// A session: system and id, cut as the shortest log of the system cuts it.
pub(crate) type SessionKey = (String, String);

/// A Windows sign-in: account, host, origin.
pub(crate) type Logon = (String, String, String);

/// What the trail says of who the intruder is.
#[derive(Debug, Default)]
pub(crate) struct Actor {
    /// Addresses from which everything is his, with the links that say so.
    pub addresses: BTreeMap<String, Vec<String>>,
    /// Addresses that others use too, by the sessions in which they are his.
    pub shared: BTreeMap<String, BTreeSet<SessionKey>>,
    /// His sessions, with the links.
    pub sessions: BTreeMap<SessionKey, Vec<String>>,
    /// From where a session is his; where nothing is named, from everywhere.
    from: HashMap<SessionKey, HashSet<String>>,
    /// Accounts that a person pinned.
    pub pinned: BTreeMap<String, Vec<String>>,
    /// Database connections that are his whole.
    pub connections: BTreeMap<String, Vec<String>>,
    /// Windows sign-ins that are his.
    pub logons: BTreeMap<Logon, Vec<String>>,
    /// Other sign-ins that are his: account, system, address.
    pub sign_ins: BTreeMap<(String, String, String), Vec<String>>,
    /// Places of records that are his, and of those of which it is open.
    own: Places,
    open: Places,
    windows: HashSet<String>,
    lengths: SessionLengths,
    /// What may be his: what only open links lead to.
    pub may_be: Option<Box<Actor>>,
}

impl Actor {
    /// From the links that stand, the accesses and the splits.
    pub(crate) fn of(inputs: &Inputs<'_>) -> Result<Self, ScanError> {
        let windows: HashSet<String> = inputs.estate.sources.iter().filter(|s| s.format == "evtx").map(|s| s.id.clone()).collect();
        let nobody = || Self { lengths: SessionLengths::of(inputs.estate), windows: windows.clone(), ..Self::default() };
        let standing: Vec<&Link> = inputs.links.iter().filter(|l| l.verdict.as_deref() != Some("struck")).collect();
        let reached = reached(&standing);
        let (mut actor, mut may_be) = (nobody(), None);
        for link in standing {
            let to_whom = if reached.contains(link.to.as_str()) { &mut actor } else { may_be.get_or_insert_with(|| Box::new(nobody())) };
            to_whom.note(link);
        }
        actor.may_be = may_be;
        for split in inputs.splits {
            actor.open.extend(&split.open_statements);
            actor.own.extend(&split.own_statements);
        }
        actor.note_accesses(inputs)?;
        Ok(actor)
    }

    fn note_accesses(&mut self, inputs: &Inputs<'_>) -> Result<(), ScanError> {
        for batch in inputs.accesses.scan(&[])? {
            for access in Access::from_batch(&batch?)? {
                // Of an open one the request may be his all the same: what leads to it tells.
                let places = if access.strength == Strength::Open { &mut self.open } else { &mut self.own };
                places.extend(&access.delivery);
                places.extend(&access.proof);
            }
        }
        Ok(())
    }

    /// What one link leads to.
    fn note(&mut self, link: &Link) {
        let (Ok(to), from, id) = (link.to_node(), link.from_node().ok(), || link.id.clone()) else { return };
        match to {
            Node::Address(address) => {
                self.addresses.entry(address.to_string()).or_default().push(id());
                if let Some(Node::Session { system, session }) = from {
                    self.from.entry((system.to_string(), session.to_string())).or_default().insert(address.to_string());
                }
            }
            Node::AddressInSession { address, system, session } => {
                let key = (system.to_string(), session.to_string());
                self.from.entry(key.clone()).or_default().insert(address.to_string());
                self.shared.entry(address.to_string()).or_default().insert(key);
            }
            Node::Session { system, session } => {
                let key = (system.to_string(), session.to_string());
                self.sessions.entry(key.clone()).or_default().push(id());
                if let Some(Node::Address(address)) = from {
                    self.from.entry(key).or_default().insert(address.to_string());
                }
            }
            Node::Account(account) => self.pinned.entry(account.to_string()).or_default().push(id()),
            Node::Connection(connection) => self.connections.entry(connection.to_string()).or_default().push(id()),
            Node::Logon { account, host, origin } => {
                self.logons.entry((account.to_string(), host.to_string(), origin.to_string())).or_default().push(id());
            }
            Node::SignIn { account, system, address } => {
                self.sign_ins.entry((account.to_string(), system.to_string(), address.to_string())).or_default().push(id());
            }
            // Nothing to come back through; routes are read from the links that used them.
            Node::Detection(_) | Node::Gap { .. } | Node::Pin(_) | Node::Request(_) | Node::Statements { .. } => {}
        }
    }

    /// The session of a web record, as the trail names it; nothing where no log does.
    pub(crate) fn session_of(&self, event: &impl Recorded) -> Option<String> {
        if let Some(session) = present(event.column::<columns::session>()) {
            return Some(self.lengths.cut(event.column::<columns::system>(), session).to_owned());
        }
        let digest = event.column::<columns::secrets>().digests().next()?;
        Some(secret_session(digest))
    }

    /// Whether a record stands in a Windows event log.
    pub(crate) fn is_of_windows(&self, event: &impl Recorded) -> bool {
        !self.windows.is_empty() && self.windows.contains(event.column::<columns::source>())
    }

    /// Links of the trail that say that a record is the intruder's.
    pub(crate) fn links_of(&self, event: &impl Recorded, session: Option<&str>) -> Vec<String> {
        let key = session.map(|session| (event.column::<columns::system>().to_string(), session.to_owned()));
        let by_session = key.and_then(|key| self.sessions.get(&key));
        let by_connection = present(event.column::<columns::session>()).and_then(|session| self.connections.get(session));
        let by_address = present(event.column::<columns::src_ip>()).and_then(|address| self.addresses.get(address));
        let by_account = present(event.column::<columns::account>()).and_then(|account| self.pinned.get(account));
        let (account, address) = (present(event.column::<columns::account>()), present(event.column::<columns::src_ip>()));
        let sign_in = account.zip(address).map(|(account, address)| (account.to_owned(), event.column::<columns::system>().to_string(), address.to_owned()));
        let by_sign_in = sign_in.and_then(|sign_in| self.sign_ins.get(&sign_in));
        [by_session, by_connection, by_address, by_account, by_sign_in].into_iter().flatten().flatten().cloned().collect()
    }

    /// Whose an event is; `session` is [`Actor::session_of`] it.
    pub(crate) fn whose(&self, event: &impl Recorded, session: Option<&str>) -> Whose {
        if self.own.hold(event.column::<columns::place>()) {
            return Whose::Intruder;
        }
        let is_open =
            || self.open.hold(event.column::<columns::place>()) || self.may_be.as_ref().is_some_and(|it| it.by_links(event, session) != Whose::Lawful);
        match self.by_links(event, session) {
            Whose::Lawful if is_open() => Whose::Open,
            whose => whose,
        }
    }

    fn by_links(&self, event: &impl Recorded, session: Option<&str>) -> Whose {
        match event.column::<columns::class>() {
            Class::Datastore => self.whose_statement(event),
            _ if self.is_of_windows(event) => self.whose_on_windows(event),
            _ => self.whose_request(event, session),
        }
    }

    fn whose_statement(&self, event: &impl Recorded) -> Whose {
        let named = match present(event.column::<columns::session>()) {
            Some(session) => self.connections.contains_key(session),
            // As the trail calls all of one role from one host where a log tells connections apart by nothing.
            None => {
                let (role, host) = (event.column::<columns::account>(), event.column::<columns::src_ip>());
                self.connections.contains_key(&nameless_connection(event.column::<columns::source>(), role, host))
            }
        };
        if named { Whose::Intruder } else { Whose::Lawful }
    }

    fn whose_on_windows(&self, event: &impl Recorded) -> Whose {
        let Some(account) = present(event.column::<columns::account>()).map(account_key) else { return Whose::Lawful };
        let host = host_key(present(event.column::<columns::host>()).unwrap_or_default());
        if event.column::<columns::class>() == Class::Authentication {
            let origin = present(event.column::<columns::src_ip>()).filter(|a| !a.starts_with("127.") && *a != "::1").unwrap_or_default();
            if origin.is_empty() || !self.addresses.contains_key(origin) {
                let is_his = self.logons.contains_key(&(account, host, origin.to_owned()));
                return if is_his { Whose::Intruder } else { Whose::Lawful };
            }
            return Whose::Intruder;
        }
        // What follows a sign-in carries a logon id that a host gives again: by account and host alone it may be the owner's.
        let may_be = self.logons.keys().any(|(of, on, _)| *on == host && same_account(of, &account));
        if may_be { Whose::Open } else { Whose::Lawful }
    }

    fn whose_request(&self, event: &impl Recorded, session: Option<&str>) -> Whose {
        let (address, account) = (present(event.column::<columns::src_ip>()), present(event.column::<columns::account>()));
        if account.is_some_and(|account| self.pinned.contains_key(account)) {
            return Whose::Intruder;
        }
        let key = session.map(|session| (event.column::<columns::system>().to_string(), session.to_owned()));
        if let Some(key) = key.as_ref().filter(|key| self.sessions.contains_key(*key)) {
            let is_his = self.from.get(key).zip(address).is_none_or(|(from, address)| from.contains(address));
            return if is_his { Whose::Intruder } else { Whose::Lawful };
        }
        let Some(address) = address else { return Whose::Lawful };
        if self.addresses.contains_key(address) {
            return Whose::Intruder;
        }
        if let Some(account) = account
            && self.sign_ins.contains_key(&(account.to_owned(), event.column::<columns::system>().to_string(), address.to_owned()))
        {
            return Whose::Intruder;
        }
        // A record without a session, from where he was in one of this system, and others were too.
        let near = self.shared.get(address).is_some_and(|sessions| sessions.iter().any(|(system, _)| *system == event.column::<columns::system>()));
        if key.is_none() && near { Whose::Open } else { Whose::Lawful }
    }
}

strandline_model::event_columns! {
    /// What tells whose a record is.
    pub(crate) trait Recorded { class, source, system, place, src_ip, account, session, secrets, host }
}

/// What links that are more than open lead to from where the trail begins: a chain is as strong as its weakest link.
fn reached<'l>(links: &[&'l Link]) -> HashSet<&'l str> {
    let led_to: HashSet<&str> = links.iter().map(|link| link.to.as_str()).collect();
    let mut onward: HashMap<&str, Vec<&'l str>> = HashMap::new();
    for link in links.iter().filter(|link| link.strength > Strength::Open) {
        onward.entry(&link.from).or_default().push(&link.to);
    }
    let mut found = HashSet::new();
    let mut next: Vec<&str> = links.iter().map(|link| link.from.as_str()).filter(|from| !led_to.contains(from)).collect();
    while let Some(node) = next.pop() {
        next.extend(onward.remove(node).into_iter().flatten().filter(|to| found.insert(*to)));
    }
    found
}

/// Places in the evidence.
#[derive(Debug, Default)]
struct Places(HashMap<String, HashSet<u64>>);

impl Places {
    fn extend(&mut self, places: &[EventRef]) {
        for place in places {
            match self.0.get_mut(&place.artefact.0) {
                Some(offsets) => offsets.insert(place.offset),
                None => self.0.entry(place.artefact.0.clone()).or_default().insert(place.offset),
            };
        }
    }

    fn hold(&self, place: &EventRef) -> bool {
        self.0.get(&place.artefact.0).is_some_and(|offsets| offsets.contains(&place.offset))
    }
}

/// First eight bytes of the SHA-256 of the parts, each with its length before it.
pub(crate) fn hash64(parts: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
