//! Who the actor is: from the starting points, over the survey's aggregates, to addresses, sessions and connections.
//! An account is never followed unless a person pinned it: its owner may be at work elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::node::Node;
use strandline_model::trail::{OpenQuestion, Strength};

use crate::links::{Held, Links, Proposal};
use crate::sessions::Sessions;
use crate::survey::{PinnedRecord, SessionKey, Span, Survey, trusted};
use crate::windows::{self, Logons};

/// Accounts that must have an address as their usual one before it counts as shared.
const INHABITANTS_OF_A_SHARED_ADDRESS: usize = 3;
/// A first use of a role counts as the actor's if it starts this soon after the actor was last seen on the host's system.
const REACH_MICROS: i64 = 30 * 60 * 1_000_000;

/// Which addresses' requests of a session are the actor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    Whole,
    /// All but those from here: the session's owner was there.
    Without(BTreeSet<Arc<str>>),
}

/// First words of names of programs with which people, not applications, use a database.
const FOR_HANDS: [&str; 15] = [
    "psql",
    "pgcli",
    "pgadmin",
    "pg_dump",
    "pg_dumpall",
    "dbeaver",
    "datagrip",
    "navicat",
    "tableplus",
    "adminer",
    "mysql",
    "mariadb",
    "mycli",
    "mysqldump",
    "heidisql",
];

/// Whether a program is one that people use by hand.
pub(crate) fn is_for_hands(application: &str) -> bool {
    let name = application.to_ascii_lowercase();
    let first = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| !word.is_empty()).unwrap_or_default();
    FOR_HANDS.contains(&first)
}

/// What is known of who is who.
pub(crate) struct Identity<'a> {
    survey: &'a Survey,
    logons: &'a Logons,
    estate: &'a Estate,
    sessions: &'a Sessions,
    homes: BTreeMap<Arc<str>, Arc<str>>,
    by_name: BTreeMap<Arc<str>, Vec<SessionKey>>,
    /// Sessions that a person pinned: all of their addresses are followed.
    pub pinned_sessions: BTreeSet<SessionKey>,
    /// Statements that a person pinned and whose request must be found.
    pub pinned_statements: Vec<PinnedRecord>,
    /// Systems on which the actor ran SQL or code of his own.
    pub exploited: BTreeMap<Arc<str>, (i64, String)>,
    notes: BTreeSet<String>,
    open: BTreeSet<OpenQuestion>,
}

impl<'a> Identity<'a> {
    pub(crate) fn new(survey: &'a Survey, logons: &'a Logons, estate: &'a Estate, sessions: &'a Sessions) -> Self {
        let mut by_name: BTreeMap<Arc<str>, Vec<SessionKey>> = BTreeMap::new();
        for key in survey.sessions.keys() {
            by_name.entry(key.1.clone()).or_default().push(key.clone());
        }
        let homes = survey.homes();
        Self {
            survey,
            logons,
            estate,
            sessions,
            homes,
            by_name,
            pinned_sessions: BTreeSet::new(),
            pinned_statements: Vec::new(),
            exploited: BTreeMap::new(),
            notes: BTreeSet::new(),
            open: BTreeSet::new(),
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.insert(note);
    }

    /// Notes what the trail leaves open.
    pub(crate) fn leave_open(&mut self, question: OpenQuestion) {
        self.open.insert(question);
    }

    /// The notes, and what is open.
    pub(crate) fn into_notes(self) -> (Vec<String>, BTreeSet<OpenQuestion>) {
        (self.notes.into_iter().collect(), self.open)
    }

    /// The node of a session.
    pub(crate) fn node(&self, key: &SessionKey) -> Node {
        Node::Session { system: key.0.clone(), session: key.1.clone() }
    }

    /// Sessions of the trail that the logs know, and how strongly they belong to it.
    pub(crate) fn sessions_of(&self, held: &Held) -> BTreeMap<SessionKey, Strength> {
        held.sessions.iter().filter(|(key, _)| self.survey.sessions.contains_key(*key)).map(|(key, strength)| (key.clone(), *strength)).collect()
    }

    /// Sessions with this name, cut or whole, optionally as `SYSTEM/SESSION`.
    pub(crate) fn sessions_called(&self, name: &str) -> Vec<SessionKey> {
        let (system, id) =
            name.split_once('/').filter(|(s, _)| self.estate.systems.iter().any(|known| known.id == *s)).map_or((None, name), |(s, i)| (Some(s), i));
        let whole = self.by_name.get(id).into_iter().flatten();
        let cut = self.estate.systems.iter().flat_map(|s| {
            let short = self.sessions.cut(&s.id, id);
            self.by_name.get(short).into_iter().flatten().filter(move |key| key.0.as_ref() == s.id)
        });
        let found: BTreeSet<SessionKey> = whole.chain(cut).filter(|key| system.is_none_or(|s| key.0.as_ref() == s)).cloned().collect();
        found.into_iter().collect()
    }

    /// The Windows sign-in that opened a pinned session, and when.
    pub(crate) fn logon_of(&self, session: &str) -> Option<(Node, Span)> {
        let (entry, time) = self.logons.pinned.get(session)?;
        let last = self.logons.entries.get(entry).map_or(*time, |seen| seen.span.last);
        Some((windows::node(entry), Span { first: *time, last: last.max(*time), count: 1 }))
    }

    /// Whether an address is a host of the estate, or the machine itself.
    pub(crate) fn is_of_estate(&self, address: &str) -> bool {
        let named = self.estate.systems.iter().any(|system| system.addresses.iter().any(|known| known == address));
        named || address == "[local]" || address.starts_with("127.0.0.") || address == "::1"
    }

    /// Why an address says nothing of who is behind it, if it does not.
    pub(crate) fn shared(&self, address: &str) -> Option<String> {
        if let Some(system) = self.estate.systems.iter().find(|s| s.addresses.iter().any(|a| a == address)) {
            return Some(format!("it belongs to system {}", system.id));
        }
        if address == "[local]" || address.starts_with("127.0.0.") || address == "::1" {
            return Some("it is the machine itself".to_owned());
        }
        let inhabitants = self.survey.inhabitants(&self.homes, address);
        let failed = self.survey.addresses.get(address).map_or(0, |a| a.failed_accounts.len());
        (inhabitants >= INHABITANTS_OF_A_SHARED_ADDRESS && failed < 2 * inhabitants)
            .then(|| format!("{inhabitants} accounts have it as their usual address (a proxy or NAT)"))
    }

    /// Whether a connection is one that an application serves all of its users through.
    pub(crate) fn application_connection(&self, id: &str) -> bool {
        self.survey.connections.get(id).is_some_and(|c| {
            c.role.as_deref().is_some_and(|role| {
                self.estate.systems.iter().any(|s| {
                    s.roles.iter().any(|r| r == role) && (s.addresses.is_empty() || c.host.as_deref().is_some_and(|h| s.addresses.iter().any(|a| a == h)))
                })
            })
        })
    }

    /// Follows every rule that needs aggregates only, until nothing new is reached.
    pub(crate) fn spread(&mut self, links: &mut Links) {
        loop {
            let before = links.progress();
            self.addresses_to_sessions(links);
            self.accounts_to_sessions(links);
            self.sessions_to_addresses(links);
            self.addresses_to_connections(links);
            self.hosts_to_connections(links);
            self.hosts_to_sign_ins(links);
            windows::spread(self.logons, self.estate, &self.reached(links), links, &mut self.notes);
            if links.progress() == before {
                return;
            }
        }
    }

    fn addresses_to_sessions(&mut self, links: &mut Links) {
        for address in links.held().addresses.into_keys() {
            let Some(seen) = self.survey.addresses.get(&address) else {
                continue;
            };
            for key in &seen.sessions {
                let session = &self.survey.sessions[key];
                let Some(span) = session.uses.get(&address) else {
                    continue;
                };
                let accounts = session.accounts.iter().map(|a| a.as_ref()).collect::<Vec<_>>().join(", ");
                let (used, strength) = self.used(key, span);
                let reason = format!("{used}; account {} is followed in this session only", if accounts.is_empty() { "(none logged)" } else { &accounts });
                links.add(Proposal {
                    rule: "address_to_session",
                    from: &Node::Address(address.clone()),
                    to: &self.node(key),
                    strength,
                    reason,
                    span: *span,
                    events: Vec::new(),
                });
            }
        }
    }

    /// How a session is known to have been used from an address, in words, and how strongly.
    fn used(&self, key: &SessionKey, span: &Span) -> (String, Strength) {
        if self.sessions.are_looked_up(&key.0) {
            let words = "the application looked up the secret of this session when requests from this address ran, and no other address explains that";
            (format!("{words} ({} requests)", span.count), Strength::Inferred)
        } else {
            (format!("the session was used from this address {} times", span.count), Strength::Proved)
        }
    }

    fn accounts_to_sessions(&mut self, links: &mut Links) {
        for account in links.held().accounts.into_keys() {
            let from = Node::Account(account.clone());
            for (key, seen) in self.survey.sessions.iter().filter(|(_, s)| s.accounts.contains(&account)) {
                let reason = "a session of the pinned account".to_owned();
                links.add(Proposal {
                    rule: "account_to_session",
                    from: &from,
                    to: &self.node(key),
                    strength: Strength::Proved,
                    reason,
                    span: seen.span,
                    events: Vec::new(),
                });
                self.pinned_sessions.insert(key.clone());
            }
            for (id, seen) in self.survey.connections.iter().filter(|(_, c)| c.role.as_ref() == Some(&account)) {
                let reason = "a database connection of the pinned account".to_owned();
                links.add(Proposal {
                    rule: "account_to_connection",
                    from: &from,
                    to: &Node::Connection(id.clone()),
                    strength: Strength::Proved,
                    reason,
                    span: seen.span,
                    events: seen.events.clone(),
                });
            }
        }
    }

    /// Which part of a session is the actor's. Where a session began elsewhere and its owner is at home there, or went
    /// on using it while the actor did, the cookie was stolen, and what came from there is the owner's.
    pub(crate) fn part(&self, key: &SessionKey, links: &Links) -> Part {
        let seen = &self.survey.sessions[key];
        if self.pinned_sessions.contains(key) || seen.uses.len() < 2 {
            return Part::Whole;
        }
        let bad = |address: &Arc<str>| links.strength(&Node::Address(address.clone())).is_some();
        let Some((first, span)) = seen.uses.iter().min_by_key(|(a, s)| (s.first, (*a).clone())) else {
            return Part::Whole;
        };
        let next = seen.uses.iter().filter(|(a, _)| a != &first).map(|(_, s)| s.first).min().unwrap_or(i64::MAX);
        if bad(first) || self.shared(first).is_some() && span.last <= next {
            return Part::Whole;
        }
        let at_home = self.survey.addresses.get(first).is_some_and(|a| {
            a.sessions.iter().any(|other| other != key && self.survey.sessions[other].accounts.iter().any(|account| seen.accounts.contains(account)))
        });
        if at_home || span.last > next { Part::Without(BTreeSet::from([first.clone()])) } else { Part::Whole }
    }

    fn sessions_to_addresses(&mut self, links: &mut Links) {
        for key in self.sessions_of(&links.held()).into_keys() {
            let (seen, part) = (&self.survey.sessions[&key], self.part(&key, links));
            let from = self.node(&key);
            for (address, span) in &seen.uses {
                if matches!(&part, Part::Without(owners) if owners.contains(address)) {
                    self.notes.insert(format!(
                        "session {} of {}: what came from {address} is left to its owner, who began the session there and is at home there or went on using it",
                        key.1, key.0
                    ));
                    continue;
                }
                let insider = self.pinned_sessions.contains(&key);
                // Where sessions are looked up, no log says whose they are: another one is somebody else's.
                let is_known = |other: &SessionKey| !self.sessions.are_looked_up(&other.0) || *other == key;
                let is_same = |other: &SessionKey| is_known(other) && self.survey.sessions[other].accounts.iter().all(|x| seen.accounts.contains(x));
                let alone = self.survey.addresses.get(address).is_some_and(|a| a.sessions.iter().all(is_same));
                let at_home = seen.accounts.iter().any(|a| self.homes.get(a) == Some(address));
                let whole = alone && !insider && !at_home && self.shared(address).is_none();
                let to = if whole {
                    Node::Address(address.clone())
                } else {
                    Node::AddressInSession { address: address.clone(), system: key.0.clone(), session: key.1.clone() }
                };
                let (used, strength) = self.used(&key, span);
                let reason = format!(
                    "{used}; {}",
                    if whole {
                        "no other account's session uses the address, so everything from it is followed"
                    } else {
                        "others use the address too, so it is followed in this session only"
                    }
                );
                links.add(Proposal { rule: "session_to_address", from: &from, to: &to, strength, reason, span: *span, events: Vec::new() });
            }
        }
    }

    fn addresses_to_connections(&mut self, links: &mut Links) {
        for address in links.held().addresses.into_keys() {
            for (id, seen) in self.survey.connections.iter().filter(|(_, c)| c.host.as_ref() == Some(&address)) {
                if trusted(self.estate, seen.role.as_deref(), None, Some(&address)).is_some() {
                    continue;
                }
                let reason = "the database connection came from this address".to_owned();
                links.add(Proposal {
                    rule: "address_to_connection",
                    from: &Node::Address(address.clone()),
                    to: &Node::Connection(id.clone()),
                    strength: Strength::Proved,
                    reason,
                    span: seen.span,
                    events: seen.events.clone(),
                });
            }
        }
    }

    /// When the actor was on each system, and how strongly that is known.
    pub(crate) fn reached(&self, links: &Links) -> BTreeMap<Arc<str>, (Span, Strength, Node)> {
        let mut reached: BTreeMap<Arc<str>, (Span, Strength, Node)> = BTreeMap::new();
        let mut add = |system: &Arc<str>, span: &Span, strength: Strength, node: Node| {
            let known = reached.entry(system.clone()).or_insert((Span::default(), strength, node));
            known.0.first = known.0.first.min(span.first);
            known.0.last = known.0.last.max(span.last);
            known.0.count += span.count;
            known.1 = known.1.max(strength);
        };
        let held = links.held();
        for (key, strength) in self.sessions_of(&held) {
            for (address, span) in &self.survey.sessions[&key].uses {
                if !matches!(self.part(&key, links), Part::Without(owners) if owners.contains(address)) {
                    add(&key.0, span, strength, self.node(&key));
                }
            }
        }
        // Where no log names sessions or sign-ins, answered requests tell as much.
        for (address, strength) in held.addresses {
            if let Some(seen) = self.survey.addresses.get(&address) {
                for system in seen.systems.iter().filter(|system| seen.volume.requests > 0 && !self.survey.names_sessions(system)) {
                    add(system, &seen.span, strength, Node::Address(address.clone()));
                }
            }
        }
        for ((address, account, system), span) in &self.survey.sign_ins {
            let sign_in = Node::SignIn { account: account.clone(), system: system.clone(), address: address.clone() };
            for node in [Node::Address(address.clone()), sign_in] {
                if let Some(strength) = links.strength(&node) {
                    add(system, span, strength, node);
                }
            }
        }
        reached
    }

    /// A host reached by the actor, to connections from it that its application never made before.
    fn hosts_to_connections(&mut self, links: &mut Links) {
        for (system, (span, _, node)) in self.reached(links) {
            let Some(described) = self.estate.systems.iter().find(|s| s.id == system.as_ref()) else {
                continue;
            };
            for (id, c) in &self.survey.connections {
                let (Some(host), Some(role)) = (&c.host, &c.role) else {
                    continue;
                };
                let from_here = described.addresses.iter().any(|a| a == host.as_ref());
                let soon = c.span.first >= span.first && c.span.first <= span.last.saturating_add(REACH_MICROS);
                if !from_here || !soon || trusted(self.estate, Some(role), None, Some(host)).is_some() {
                    continue;
                }
                let Some((novelty, strength)) = self.novelty(described, c, span.first) else {
                    continue;
                };
                let exploited = self.exploited.get(&system).filter(|(time, _)| *time <= c.span.first);
                let proof = exploited.map_or(String::new(), |(_, how)| format!("; the actor had made {system} run his own commands before ({how})"));
                let strength = if exploited.is_some() { strength } else { strength.min(Strength::Inferred) };
                let reason = format!("{novelty}; it began {:.0} s after the actor was first seen on {system}{proof}", (c.span.first - span.first) as f64 / 1e6);
                links.add(Proposal {
                    rule: "host_to_connection",
                    from: &node,
                    to: &Node::Connection(id.clone()),
                    strength,
                    reason,
                    span: c.span,
                    events: c.events.clone(),
                });
            }
        }
    }

    /// What is new about a connection from a reached host, and how much that says.
    fn novelty(&self, system: &strandline_model::estate::System, c: &crate::survey::ConnectionSeen, since: i64) -> Option<(String, Strength)> {
        let (host, role) = (c.host.as_deref()?, c.role.as_deref()?);
        let earlier: Vec<_> = self.survey.connections.values().filter(|o| o.host.as_deref() == Some(host) && o.span.first < since).collect();
        let own = system.roles.iter().any(|r| r == role);
        if !own && !earlier.iter().any(|o| o.role.as_deref() == Some(role)) {
            let strength = if earlier.is_empty() { Strength::Inferred } else { Strength::Proved };
            return Some((format!("role {role} was never used from host {host} before ({} earlier connections from there)", earlier.len()), strength));
        }
        let application = c.application.as_deref()?;
        let before = earlier.iter().any(|o| o.role.as_deref() == Some(role) && o.application.as_deref() == Some(application));
        let used = earlier.iter().filter(|o| o.role.as_deref() == Some(role)).count();
        // An application's role has many programs' reasons to come from its host; a program for people's hands is none of them.
        let enough = used > 0 && (!own || self.exploited.contains_key(system.id.as_str()) || is_for_hands(application));
        (!before && enough).then(|| {
            (format!("role {role} was never used from host {host} by the program {application:?} before ({used} earlier connections)"), Strength::Inferred)
        })
    }

    /// A sign-in from a reached host as an account that never came from there before.
    fn hosts_to_sign_ins(&mut self, links: &mut Links) {
        for (system, (span, _, node)) in self.reached(links) {
            let Some(described) = self.estate.systems.iter().find(|s| s.id == system.as_ref()) else {
                continue;
            };
            for ((address, account, to), seen) in &self.survey.sign_ins {
                let from_here = described.addresses.iter().any(|a| a == address.as_ref());
                let soon = seen.first >= span.first && seen.first <= span.last.saturating_add(REACH_MICROS);
                if !from_here || !soon || to == &system || trusted(self.estate, None, Some(account), Some(address)).is_some() {
                    continue;
                }
                let reason = format!("{account} signed in to {to} from {system}'s host for the first time, after the actor had reached {system}");
                links.add(Proposal {
                    rule: "host_to_sign_in",
                    from: &node,
                    to: &Node::SignIn { account: account.clone(), system: to.clone(), address: address.clone() },
                    strength: Strength::Inferred,
                    reason,
                    span: *seen,
                    events: Vec::new(),
                });
            }
        }
    }
}
