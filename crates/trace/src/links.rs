//! The links found so far, and how strong everything that hangs on them is. Decisions of people are honoured here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::detection::{Decision, Verdict};
use strandline_model::evidence::EventRef;
use strandline_model::node::Node;
use strandline_model::time::Instant;
use strandline_model::trail::{Link, Strength};

use crate::survey::{SessionKey, Span};
use crate::text::hash64;
use crate::windows::Entry;

/// Events named by one link.
const MOST_EVENTS: usize = 1000;

/// A link about to be made.
pub(crate) struct Proposal<'p> {
    pub rule: &'p str,
    pub from: &'p Node,
    pub to: &'p Node,
    pub strength: Strength,
    pub reason: String,
    pub span: Span,
    pub events: Vec<EventRef>,
}

/// A link, with its ends as nodes.
#[derive(Debug)]
struct Made {
    from: Node,
    to: Node,
    row: Link,
}

/// Links and the nodes they reach.
#[derive(Debug, Default)]
pub(crate) struct Links {
    verdicts: BTreeMap<String, Verdict>,
    links: BTreeMap<String, Made>,
    nodes: BTreeMap<Node, Strength>,
    because: BTreeMap<Node, BTreeSet<String>>,
}

/// Account, system, address.
type SignIn = (Arc<str>, Arc<str>, Arc<str>);

/// What the trail holds, by kind, and how strongly; of the kinds that lead on to others.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub accounts: BTreeMap<Arc<str>, Strength>,
    pub addresses: BTreeMap<Arc<str>, Strength>,
    /// Addresses that are followed in some sessions only.
    pub addresses_in_sessions: BTreeSet<Arc<str>>,
    pub connections: BTreeMap<Arc<str>, Strength>,
    pub logons: BTreeMap<Entry, Strength>,
    pub requests: BTreeMap<Arc<str>, Strength>,
    pub sessions: BTreeMap<SessionKey, Strength>,
    pub sign_ins: BTreeMap<SignIn, Strength>,
}

/// The id of a link: the same rule between the same ends has the same id on every run.
pub fn link_id(rule: &str, from: &Node, to: &Node) -> String {
    id_of_texts(rule, &from.to_string(), &to.to_string())
}

fn id_of_texts(rule: &str, from: &str, to: &str) -> String {
    format!("L{:016x}", hash64(&[rule.as_bytes(), from.as_bytes(), to.as_bytes()]))
}

impl Links {
    /// The last decision on each target counts.
    pub(crate) fn of(decisions: &[Decision]) -> Self {
        let mut sorted: Vec<&Decision> = decisions.iter().collect();
        sorted.sort_by_key(|d| d.decided_at);
        Self { verdicts: sorted.into_iter().map(|d| (d.target.clone(), d.verdict)).collect(), ..Self::default() }
    }

    /// What a person decided about a link or detection.
    pub(crate) fn verdict(&self, target: &str) -> Option<Verdict> {
        self.verdicts.get(target).copied()
    }

    /// A starting point.
    pub(crate) fn root(&mut self, node: Node) {
        self.nodes.insert(node, Strength::Proved);
    }

    /// How strongly a node belongs to the actor, if it does.
    pub(crate) fn strength(&self, node: &Node) -> Option<Strength> {
        self.nodes.get(node).copied()
    }

    /// All that the trail holds, by kind.
    pub(crate) fn held(&self) -> Held {
        let mut held = Held::default();
        for (node, strength) in &self.nodes {
            match node {
                Node::Account(account) => drop(held.accounts.insert(account.clone(), *strength)),
                Node::Address(address) => drop(held.addresses.insert(address.clone(), *strength)),
                Node::AddressInSession { address, .. } => drop(held.addresses_in_sessions.insert(address.clone())),
                Node::Connection(connection) => drop(held.connections.insert(connection.clone(), *strength)),
                Node::Logon { account, host, origin } => drop(held.logons.insert((account.clone(), host.clone(), origin.clone()), *strength)),
                Node::Request(request) => drop(held.requests.insert(request.clone(), *strength)),
                Node::Session { system, session } => drop(held.sessions.insert((system.clone(), session.clone()), *strength)),
                Node::SignIn { account, system, address } => {
                    held.sign_ins.insert((account.clone(), system.clone(), address.clone()), *strength);
                }
                // Where a trail begins and where it ends: nothing is followed from there.
                Node::Detection(_) | Node::Pin(_) | Node::Gap { .. } | Node::Statements { .. } => {}
            }
        }
        held
    }

    /// Links that lead to a node.
    pub(crate) fn because(&self, node: &Node) -> Vec<String> {
        self.because.get(node).into_iter().flatten().cloned().collect()
    }

    /// Makes a link, or makes a known one stronger. Returns the strength that what hangs on it has, or nothing where a
    /// person struck it.
    pub(crate) fn add(&mut self, proposal: Proposal<'_>) -> Option<Strength> {
        let reached_from = self.nodes.get(proposal.from).copied()?;
        let (from, to) = (proposal.from.to_string(), proposal.to.to_string());
        let id = id_of_texts(proposal.rule, &from, &to);
        let verdict = self.verdicts.get(&id).copied();
        let strength = if verdict == Some(Verdict::Confirmed) { Strength::Proved } else { proposal.strength };
        let mut events = proposal.events;
        events.truncate(MOST_EVENTS);
        let row = Link {
            id: id.clone(),
            rule: proposal.rule.to_owned(),
            from,
            to,
            strength,
            reason: proposal.reason,
            first: Instant(if proposal.span.count == 0 { 0 } else { proposal.span.first }),
            last: Instant(if proposal.span.count == 0 { 0 } else { proposal.span.last }),
            verdict: verdict.map(|v| if v == Verdict::Struck { "struck" } else { "confirmed" }.to_owned()),
            events,
        };
        if self.links.get(&id).is_none_or(|known| known.row.strength <= strength) {
            self.links.insert(id.clone(), Made { from: proposal.from.clone(), to: proposal.to.clone(), row });
        }
        if verdict == Some(Verdict::Struck) {
            return None;
        }
        let reached = strength.min(reached_from);
        let node = self.nodes.entry(proposal.to.clone()).or_insert(reached);
        *node = (*node).max(reached);
        self.because.entry(proposal.to.clone()).or_default().insert(id);
        Some(reached)
    }

    /// When the first link that leads to a node holds first.
    pub(crate) fn since(&self, node: &Node) -> Option<i64> {
        self.because.get(node)?.iter().filter_map(|id| self.links.get(id)).map(|link| link.row.first.micros()).min()
    }

    /// A number that changes whenever a node was reached or grew stronger.
    pub(crate) fn progress(&self) -> usize {
        self.nodes.values().map(|s| 1 + *s as usize).sum()
    }

    /// All links, in order of time and id.
    pub(crate) fn into_links(self) -> Vec<Link> {
        let mut links: Vec<Link> = self.links.into_values().map(|made| made.row).collect();
        links.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        links
    }
}

impl Links {
    /// Addresses, sessions and connections as text, in groups that links join. Groups come in the order of the smallest text in
    /// them, whatever it stands for, so that they do not depend on the order of links.
    pub(crate) fn parties(&self) -> Vec<Vec<String>> {
        let mut group: BTreeMap<&str, &str> = BTreeMap::new();
        fn root<'n>(group: &BTreeMap<&'n str, &'n str>, mut node: &'n str) -> &'n str {
            while let Some(above) = group.get(node).filter(|above| **above != node) {
                node = above;
            }
            node
        }
        let mut members: BTreeSet<&str> = BTreeSet::new();
        for link in self.links.values().filter(|l| l.row.verdict.as_deref() != Some("struck") && self.nodes.contains_key(&l.from)) {
            for (node, text) in [(&link.from, link.row.from.as_str()), (&link.to, link.row.to.as_str())] {
                group.entry(text).or_insert(text);
                if is_somebody(node) {
                    members.insert(text);
                }
            }
            let (a, b) = (root(&group, &link.row.from), root(&group, &link.row.to));
            group.insert(a.max(b), a.min(b));
        }
        let mut parties: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for member in members {
            parties.entry(root(&group, member)).or_default().push(member.to_owned());
        }
        parties.into_values().collect()
    }
}

/// Whether a node is a party of its own, and not what one came by or did.
fn is_somebody(node: &Node) -> bool {
    match node {
        Node::Address(_) | Node::Session { .. } | Node::Connection(_) => true,
        Node::Account(_)
        | Node::AddressInSession { .. }
        | Node::Detection(_)
        | Node::Gap { .. }
        | Node::Logon { .. }
        | Node::Pin(_)
        | Node::Request(_)
        | Node::SignIn { .. }
        | Node::Statements { .. } => false,
    }
}
