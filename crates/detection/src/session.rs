//! A session from a second network: one cookie, two places.

use std::collections::BTreeMap;
use std::net::IpAddr;

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::event::Class;
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row};

/// Networks remembered for a session.
const NETWORKS_KEPT: usize = 16;

struct Network {
    address: String,
    first: Instant,
    last: Instant,
}

#[derive(Default)]
struct Session {
    networks: BTreeMap<String, Network>,
    agents: Vec<u64>,
    account: Option<String>,
    seen: Seen,
}

/// Watches sessions. State: one entry for each session.
#[derive(Default)]
pub struct SecondNetwork {
    artefacts: Artefacts,
    sessions: BTreeMap<(String, String), Session>,
}

/// The network that an address belongs to: /16 or, for IPv6, /32, which is what a provider or a campus usually holds.
pub(crate) fn network(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => Some(format!("{}.{}", v4.octets()[0], v4.octets()[1])),
        IpAddr::V6(v6) => Some(format!("{:x}:{:x}", v6.segments()[0], v6.segments()[1])),
    }
}

pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl Analytic for SecondNetwork {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Http {
            return;
        }
        let (Some(session), Some(address)) = (event.session.as_deref(), event.src_ip.as_deref()) else { return };
        let Some(network) = network(address) else { return };
        let place = self.artefacts.place(event);
        let state = self.sessions.entry((event.system.to_string(), session.to_owned())).or_default();
        if state.account.is_none() {
            state.account = event.account.as_deref().map(str::to_owned);
        }
        if let Some(agent) = event.user_agent.as_deref().map(fingerprint)
            && !state.agents.contains(&agent)
            && state.agents.len() < NETWORKS_KEPT
        {
            state.agents.push(agent);
        }
        let news = !state.networks.contains_key(&network);
        if news && state.networks.len() >= NETWORKS_KEPT {
            return;
        }
        let entry = state.networks.entry(network).or_insert_with(|| Network { address: address.to_owned(), first: event.time, last: event.time });
        entry.first = entry.first.min(event.time);
        entry.last = entry.last.max(event.time);
        if news || state.networks.len() > 1 {
            state.seen.add(event.time, place);
        }
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, session), state) in &self.sessions {
            if state.networks.len() < 2 {
                continue;
            }
            let mut networks: Vec<&Network> = state.networks.values().collect();
            networks.sort_by(|a, b| (a.first, &a.address).cmp(&(b.first, &b.address)));
            let overlap = networks.windows(2).any(|pair| pair[1].first <= pair[0].last);
            let mut related: Vec<String> = networks.iter().map(|n| format!("address={}", n.address)).collect();
            related.extend(state.account.iter().map(|account| format!("account={account}")));
            let reason = format!(
                "one session was used from {} networks{}{}",
                networks.len(),
                if overlap { ", at the same time" } else { ", one after the other" },
                if state.agents.len() > 1 { ", with different browsers" } else { "" }
            );
            found.push(detection(
                &self.artefacts,
                &state.seen,
                Statement {
                    rule: "session_second_network",
                    title: "A session moved to a second network",
                    level: if overlap || state.agents.len() > 1 { Level::High } else { Level::Medium },
                    techniques: &["T1550.004"],
                    subject: (SubjectKind::Session, session),
                    system,
                    reason,
                    related,
                },
            ));
        }
    }
}
