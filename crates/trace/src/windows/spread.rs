//! From what the trail holds to sign-ins: by address, by pin, from a reached host, and by an account that the trail holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::node::Node;
use strandline_model::trail::Strength;

use super::survey::{EntrySeen, Logons};
use super::{Entry, account_key, node, same_account};
use crate::links::{Links, Proposal};
use crate::survey::{Span, trusted};

/// A sign-in from a reached host counts if it comes this soon after the actor was last seen there, where no sign-out tells.
const REACH_MICROS: i64 = 30 * 60 * 1_000_000;
/// An account that the trail holds is followed to new origins for so long after the actor was last seen with it.
const HELD_MICROS: i64 = 24 * 3600 * 1_000_000;
/// A desktop session whose end was not seen may have stayed open for so long after its last sign-in.
const OPEN_SESSION_MICROS: i64 = 24 * 3600 * 1_000_000;
/// From this many origins on, an account roams, and a new origin says little.
const ROAMING: usize = 3;
/// From this many accounts on, a host is everybody's, and a new account from it says nothing.
const EVERYBODYS: usize = 3;

/// Entries that are the actor's, each since when and how surely.
pub(crate) type Followed = BTreeMap<Entry, (i64, Strength)>;

/// The entries that the trail holds.
pub(crate) fn followed(logons: &Logons, links: &Links) -> Followed {
    let held = links.held().logons.into_iter().filter(|(entry, _)| logons.entries.contains_key(entry));
    held.filter_map(|(entry, strength)| Some((links.since(&node(&entry))?, strength)).map(|found| (entry, found))).collect()
}

/// Follows every rule once. `reached` are systems on which the actor was by other ways, with the node that says so.
pub(crate) fn spread(logons: &Logons, estate: &Estate, reached: &BTreeMap<Arc<str>, (Span, Strength, Node)>, links: &mut Links, notes: &mut BTreeSet<String>) {
    if logons.entries.is_empty() {
        return;
    }
    let mut spread = Spread { logons, estate, links, notes };
    spread.pinned_accounts();
    spread.addresses();
    spread.systems(reached);
    spread.hosts();
    spread.held_accounts();
}

struct Spread<'s> {
    logons: &'s Logons,
    estate: &'s Estate,
    links: &'s mut Links,
    notes: &'s mut BTreeSet<String>,
}

/// A link to an entry, before it is made.
struct To<'t> {
    rule: &'static str,
    from: &'t Node,
    entry: &'t Entry,
    seen: &'t EntrySeen,
    /// Sign-ins before are not the actor's.
    since: i64,
    strength: Strength,
    reason: String,
}

impl<'s> Spread<'s> {
    fn link(&mut self, to: To<'_>) {
        let (account, _, address) = to.entry;
        let is_trusted = |account: &str| trusted(self.estate, None, Some(account), Some(address.as_ref())).is_some();
        if is_trusted(&to.seen.written) || is_trusted(account) {
            return;
        }
        let span = Span { first: to.seen.span.first.max(to.since), ..to.seen.span };
        let events = if to.seen.span.first >= to.since { to.seen.events.clone() } else { Vec::new() };
        let (rule, from, strength, reason) = (to.rule, to.from, to.strength, to.reason);
        self.links.add(Proposal { rule, from, to: &node(to.entry), strength, reason, span, events });
    }

    fn pinned_accounts(&mut self) {
        let logons = self.logons;
        for account in self.links.held().accounts.into_keys() {
            let key = account_key(&account);
            for (entry, seen) in logons.entries.iter().filter(|(e, _)| same_account(&e.0, &key)) {
                let (from, reason) = (Node::Account(account.clone()), "a sign-in of the pinned account".to_owned());
                self.link(To { rule: "account_to_logon", from: &from, entry, seen, since: i64::MIN, strength: Strength::Proved, reason });
            }
        }
    }

    /// From an address of the trail: every sign-in but those of accounts that came from there before the trail did.
    fn addresses(&mut self) {
        let logons = self.logons;
        for address in self.links.held().addresses.into_keys() {
            let from = Node::Address(address.clone());
            let since = self.links.since(&from).unwrap_or(i64::MIN);
            let mut left: BTreeSet<&Arc<str>> = BTreeSet::new();
            for (entry, seen) in logons.entries.iter().filter(|(e, _)| e.2 == address) {
                if at_home(logons, &entry.0, &address, since) {
                    left.insert(&entry.0);
                    continue;
                }
                let reason =
                    format!("{} signed in to {} from this address {} times; the account is followed in these sign-ins only", entry.0, entry.1, seen.span.count);
                self.link(To { rule: "address_to_logon", from: &from, entry, seen, since, strength: Strength::Proved, reason });
            }
            if !left.is_empty() {
                self.notes
                    .insert(format!("sign-ins of {} accounts from {address} are left to their owners, who came from there before the trail did", left.len()));
            }
        }
    }

    /// From a system that the actor reached by the web, a shell or a database: accounts that never came from there before.
    fn systems(&mut self, reached: &BTreeMap<Arc<str>, (Span, Strength, Node)>) {
        let logons = self.logons;
        for (system, (span, _, from)) in reached {
            let Some(described) = self.estate.systems.iter().find(|s| s.id == system.as_ref()) else { continue };
            let until = span.last.saturating_add(REACH_MICROS);
            for (entry, seen) in logons.entries.iter().filter(|(e, _)| described.addresses.iter().any(|a| a == e.2.as_ref())) {
                if seen.span.first < span.first || seen.span.first > until {
                    continue;
                }
                let reason = format!("{} signed in to {} from {system}'s host for the first time, after the actor had reached {system}", entry.0, entry.1);
                self.link(To { rule: "host_to_logon", from, entry, seen, since: span.first, strength: Strength::Inferred, reason });
            }
        }
    }

    /// From a host on which the actor has a session: the same account from there, and others that he gave a password for.
    fn hosts(&mut self) {
        let logons = self.logons;
        for (held, (since, _)) in followed(logons, self.links) {
            let Some(there) = logons.entries.get(&held) else { continue };
            let addresses = self.addresses_of(&held.1, &there.system);
            let open = there.until.unwrap_or_else(|| there.span.last.saturating_add(OPEN_SESSION_MICROS));
            let until = open.max(there.span.last.saturating_add(REACH_MICROS));
            for (entry, seen) in logons.entries.iter().filter(|(e, _)| e.1 != held.1 && addresses.contains(&e.2)) {
                if seen.span.last < since || seen.span.first > until {
                    continue;
                }
                if let Some((strength, why)) = self.over_host(&held, entry, seen, (since, until)) {
                    let reason = format!("{} signed in to {} from {}, where the actor had a session: {why}", entry.0, entry.1, held.1);
                    self.link(To { rule: "host_to_logon", from: &node(&held), entry, seen, since, strength, reason });
                }
            }
        }
    }

    /// How much speaks for a sign-in from a host being the work of the actor in his session there.
    fn over_host(&self, held: &Entry, entry: &Entry, seen: &EntrySeen, (since, until): (i64, i64)) -> Option<(Strength, String)> {
        let given = |((host, by, used, target), span): (&super::survey::OtherCredentials, &Span)| {
            *host == held.1 && same_account(by, &held.0) && same_account(used, &entry.0) && *target == entry.1 && span.last >= since && span.first <= until
        };
        if self.logons.other_credentials.iter().any(given) {
            let strength = if seen.span.first >= since { Strength::Proved } else { Strength::Inferred };
            return Some((strength, "that host's log says that the session's account gave these credentials for this host".to_owned()));
        }
        let is_new = seen.span.first >= since;
        if same_account(&held.0, &entry.0) {
            let others =
                self.logons.entries.iter().filter(|(e, s)| e.1 == held.1 && same_account(&e.0, &held.0) && e.2 != held.2 && s.span.last >= since).count();
            return Some(match (is_new, others) {
                (true, 0) => (Strength::Proved, "the same account, never seen from there before, and no other session of it there".to_owned()),
                (true, _) => (Strength::Inferred, "the same account, never seen from there before; its owner may have had a session there too".to_owned()),
                (false, _) => (Strength::Inferred, "the same account, while the session lasted; it had come from there before".to_owned()),
            });
        }
        let accounts: BTreeSet<&Arc<str>> = self.logons.entries.keys().filter(|e| e.2 == entry.2).map(|e| &e.0).collect();
        (is_new && accounts.len() < EVERYBODYS)
            .then(|| (Strength::Inferred, "another account, never seen from there before, on a host that few use".to_owned()))
    }

    /// An account that the trail holds, from an origin that it never used before, while the actor had it.
    fn held_accounts(&mut self) {
        let logons = self.logons;
        let followed = followed(logons, self.links);
        // From there another rule follows, with more to say for it; a person who strikes that one means it.
        let hosts: BTreeSet<Arc<str>> =
            followed.keys().filter_map(|entry| Some(self.addresses_of(&entry.1, &logons.entries.get(entry)?.system))).flatten().collect();
        for (held, (since, _)) in followed {
            let Some(there) = logons.entries.get(&held) else { continue };
            let until = there.span.last.saturating_add(HELD_MICROS);
            let new =
                |e: &Entry, s: &EntrySeen| same_account(&e.0, &held.0) && !e.2.is_empty() && e.2 != held.2 && s.span.first >= since && s.span.first <= until;
            for (entry, seen) in logons.entries.iter().filter(|(e, s)| new(e, s)) {
                // An origin that any sign-in of the account used before is the owner's.
                if hosts.contains(&entry.2) || at_home(logons, &entry.0, &entry.2, since) || self.links.strength(&node(entry)).is_some() {
                    continue;
                }
                let origins: BTreeSet<&Arc<str>> =
                    logons.entries.iter().filter(|(e, s)| same_account(&e.0, &held.0) && s.span.first < since && !e.2.is_empty()).map(|(e, _)| &e.2).collect();
                let (strength, habit) = match origins.len() {
                    0 => (Strength::Open, "where its owner comes from is not known"),
                    n if n < ROAMING => (Strength::Inferred, "its owner always came from elsewhere"),
                    _ => (Strength::Open, "its owner comes from many places"),
                };
                let reason = format!("{} came from {} for the first time while the actor had the account; {habit}", entry.0, entry.2);
                self.link(To { rule: "account_from_new_origin", from: &node(&held), entry, seen, since, strength, reason });
            }
        }
    }

    /// A host's addresses, by the log of the others or by the estate, where a system is one host.
    fn addresses_of(&self, host: &Arc<str>, system: &Arc<str>) -> BTreeSet<Arc<str>> {
        let mut addresses = self.logons.addresses.get(host).cloned().unwrap_or_default();
        let is_alone = self.logons.hosts.get(system).is_some_and(|hosts| hosts.len() == 1);
        let described = self.estate.systems.iter().find(|s| is_alone && s.id == system.as_ref());
        addresses.extend(described.into_iter().flat_map(|s| &s.addresses).map(|a| Arc::from(a.as_str())));
        addresses
    }
}

/// Whether an account came from an origin before the trail did.
fn at_home(logons: &Logons, account: &Arc<str>, origin: &str, since: i64) -> bool {
    let none: Arc<str> = Arc::from("");
    let of_account = logons.entries.range((account.clone(), none.clone(), none)..).take_while(|(e, _)| e.0 == *account);
    of_account.into_iter().any(|(e, s)| e.2.as_ref() == origin && s.span.first < since)
}

/// Accounts that came from an address before the trail did, and since when the address is the trail's.
pub(crate) fn owners(logons: &Logons, links: &Links, address: &str) -> (i64, BTreeSet<Arc<str>>) {
    let since = links.since(&Node::Address(Arc::from(address))).unwrap_or(i64::MIN);
    let before = |(e, s): &(&Entry, &EntrySeen)| e.2.as_ref() == address && s.span.first < since;
    (since, logons.entries.iter().filter(before).map(|(e, _)| e.0.clone()).collect())
}
