//! The links found so far, and how strong everything that hangs on them is. Decisions of people are honoured here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::detection::{Decision, Verdict};
use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;
use strandline_model::trail::{Link, Strength};

use crate::survey::Span;
use crate::text::hash64;

/// Events named by one link.
const MOST_EVENTS: usize = 1000;

/// A link about to be made.
pub(crate) struct Proposal<'p> {
    pub rule: &'p str,
    pub from: &'p str,
    pub to: &'p str,
    pub strength: Strength,
    pub reason: String,
    pub span: Span,
    pub events: Vec<EventRef>,
}

/// Links and the nodes they reach. A node is written `kind=value`.
#[derive(Debug, Default)]
pub(crate) struct Links {
    verdicts: BTreeMap<String, Verdict>,
    links: BTreeMap<String, Link>,
    nodes: BTreeMap<String, Strength>,
    because: BTreeMap<String, BTreeSet<String>>,
}

/// The id of a link: the same rule between the same ends has the same id on every run.
pub fn link_id(rule: &str, from: &str, to: &str) -> String {
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
    pub(crate) fn root(&mut self, node: &str) {
        self.nodes.insert(node.to_owned(), Strength::Proved);
    }

    /// How strongly a node belongs to the actor, if it does.
    pub(crate) fn strength(&self, node: &str) -> Option<Strength> {
        self.nodes.get(node).copied()
    }

    /// Nodes of one kind, by value.
    pub(crate) fn values(&self, kind: &str) -> Vec<String> {
        let start = format!("{kind}=");
        self.nodes.range(start.clone()..).take_while(|(n, _)| n.starts_with(&start)).map(|(n, _)| n[start.len()..].to_owned()).collect()
    }

    /// Links that lead to a node.
    pub(crate) fn because(&self, node: &str) -> Vec<String> {
        self.because.get(node).into_iter().flatten().cloned().collect()
    }

    /// Makes a link, or makes a known one stronger. Returns the strength that what hangs on it has, or nothing where a
    /// person struck it.
    pub(crate) fn add(&mut self, proposal: Proposal<'_>) -> Option<Strength> {
        let id = link_id(proposal.rule, proposal.from, proposal.to);
        let from = self.nodes.get(proposal.from).copied()?;
        let verdict = self.verdicts.get(&id).copied();
        let strength = if verdict == Some(Verdict::Confirmed) { Strength::Proved } else { proposal.strength };
        let mut events = proposal.events;
        events.truncate(MOST_EVENTS);
        let link = Link {
            id: id.clone(),
            rule: proposal.rule.to_owned(),
            from: proposal.from.to_owned(),
            to: proposal.to.to_owned(),
            strength,
            reason: proposal.reason,
            first: Instant(if proposal.span.count == 0 { 0 } else { proposal.span.first }),
            last: Instant(if proposal.span.count == 0 { 0 } else { proposal.span.last }),
            verdict: verdict.map(|v| if v == Verdict::Struck { "struck" } else { "confirmed" }.to_owned()),
            events,
        };
        if self.links.get(&id).is_none_or(|known| known.strength <= strength) {
            self.links.insert(id.clone(), link);
        }
        if verdict == Some(Verdict::Struck) {
            return None;
        }
        let reached = strength.min(from);
        let node = self.nodes.entry(proposal.to.to_owned()).or_insert(reached);
        *node = (*node).max(reached);
        self.because.entry(proposal.to.to_owned()).or_default().insert(id);
        Some(reached)
    }

    /// When the first link that leads to a node holds first.
    pub(crate) fn since(&self, node: &str) -> Option<i64> {
        self.because.get(node)?.iter().filter_map(|id| self.links.get(id)).map(|link| link.first.micros()).min()
    }

    /// A number that changes whenever a node was reached or grew stronger.
    pub(crate) fn progress(&self) -> usize {
        self.nodes.values().map(|s| 1 + *s as usize).sum()
    }

    /// All links, in order of time and id.
    pub(crate) fn into_links(self) -> Vec<Link> {
        let mut links: Vec<Link> = self.links.into_values().collect();
        links.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        links
    }
}

impl Links {
    /// Addresses, sessions and connections, in groups that links join.
    pub(crate) fn parties(&self) -> Vec<Vec<String>> {
        let mut group: BTreeMap<&str, &str> = BTreeMap::new();
        fn root<'n>(group: &BTreeMap<&'n str, &'n str>, mut node: &'n str) -> &'n str {
            while let Some(above) = group.get(node).filter(|above| **above != node) {
                node = above;
            }
            node
        }
        for link in self.links.values().filter(|l| l.verdict.as_deref() != Some("struck") && self.nodes.contains_key(&l.from)) {
            for node in [link.from.as_str(), link.to.as_str()] {
                group.entry(node).or_insert(node);
            }
            let (a, b) = (root(&group, &link.from), root(&group, &link.to));
            // The smaller name leads, so that groups do not depend on the order of links.
            group.insert(a.max(b), a.min(b));
        }
        let mut parties: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let who = |n: &&&str| ["address=", "session=", "connection="].iter().any(|kind| n.starts_with(kind));
        for node in group.keys().filter(who) {
            parties.entry(root(&group, node)).or_default().push((*node).to_owned());
        }
        parties.into_values().collect()
    }
}
