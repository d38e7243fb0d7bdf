//! An account in use at two places at once: the owner at work, and somebody with a stolen password or session elsewhere. It
//! needs no session in the log, only accounts and addresses.
//!
//! A person's phone, a network that changes on the way, a proxy with many ways out, a provider's shared address look alike, so
//! it weighs little alone: the second place must be new to the account and used by few others, both must take turns within
//! minutes, and where browsers are logged they must differ, or the turns be too quick for one person.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::time::Instant;

use crate::session::{fingerprint, network};
use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// A place that is used again so soon after the other, with the other between, is in use at the same time …
const TURN_MICROS: i64 = 10 * 60 * 1_000_000;
/// … at least so often.
const FEWEST_TURNS: u32 = 2;
/// Turns within so short a time are too quick for one person who changes devices or networks …
const QUICK_MICROS: i64 = 10 * 1_000_000;
/// … if there are so many.
const MANY_QUICK_TURNS: u32 = 5;
/// For how long the account must have been seen before the second place was.
const HISTORY_MICROS: i64 = 30 * 60 * 1_000_000;
/// A network from which so many accounts came is a proxy's, a provider's or an office's.
const ACCOUNTS_OF_A_SHARED_NETWORK: usize = 3;
/// Words of browsers on phones and tablets.
const PHONES: [&str; 4] = ["Mobile", "Android", "iPhone", "iPad"];
/// Networks remembered for an account, and browsers for a network.
const MOST_KEPT: usize = 16;

#[derive(Default)]
struct Place {
    address: String,
    first: Instant,
    /// Its last use in the log that is being read.
    recent: Option<Instant>,
    agents: BTreeSet<u64>,
    /// Whether one of them says that it is a phone's: its owner may hold it beside a keyboard.
    has_phone: bool,
    turns: u32,
    quick_turns: u32,
    /// The events that made a turn.
    seen: Seen,
}

#[derive(Default)]
struct Account {
    places: BTreeMap<String, Place>,
    artefact: u64,
    last_network: String,
}

/// Watches accounts. State: one entry for each account, with a few networks.
pub struct TwoPlaces {
    trusted: Vec<Trusted>,
    hosts: BTreeSet<String>,
    artefacts: Artefacts,
    accounts: BTreeMap<(String, String), Account>,
    /// Accounts by network, as digests, up to the number that makes it shared.
    users: BTreeMap<String, BTreeSet<u64>>,
}

impl TwoPlaces {
    /// For an estate.
    pub fn new(estate: &Estate) -> Self {
        Self {
            trusted: estate.trusted.clone(),
            hosts: estate.systems.iter().flat_map(|system| system.addresses.iter().cloned()).collect(),
            artefacts: Artefacts::default(),
            accounts: BTreeMap::new(),
            users: BTreeMap::new(),
        }
    }
}

/// Whether an event shows an account in use.
fn shows_use(event: &Row<'_>) -> bool {
    match event.class {
        Class::Http => event.status_code.is_none_or(|code| code < 400),
        Class::Authentication => event.activity == Activity::Logon && event.status == Status::Success,
        _ => false,
    }
}

impl Analytic for TwoPlaces {
    fn watch(&mut self, event: &Row<'_>) {
        let (Some(account), Some(address)) = (event.account.as_deref().filter(|a| !a.is_empty() && *a != "-"), event.src_ip.as_deref()) else { return };
        if !shows_use(event) || self.hosts.contains(address) || is_trusted(&self.trusted, None, Some(account), Some(address)) {
            return;
        }
        let Some(network) = network(address) else { return };
        let users = self.users.entry(network.clone()).or_default();
        if users.len() < ACCOUNTS_OF_A_SHARED_NETWORK {
            users.insert(fingerprint(account));
        }
        let place = self.artefacts.place(event);
        let state = self.accounts.entry((event.system.to_string(), account.to_owned())).or_default();
        let artefact = fingerprint(&event.place.artefact.0);
        if state.artefact != artefact {
            // Logs come one after the other: what is near in time may stand in another one, and nothing is counted across.
            state.artefact = artefact;
            state.last_network.clear();
            state.places.values_mut().for_each(|place| place.recent = None);
        }
        if !state.places.contains_key(&network) && state.places.len() >= MOST_KEPT {
            return;
        }
        let here = state.places.entry(network.clone()).or_insert_with(|| Place { address: address.to_owned(), first: event.time, ..Place::default() });
        here.first = here.first.min(event.time);
        if let Some(agent) = event.user_agent.as_deref().filter(|_| here.agents.len() < MOST_KEPT) {
            here.agents.insert(fingerprint(agent));
            here.has_phone |= PHONES.iter().any(|word| agent.contains(word));
        }
        let since = here.recent.map_or(i64::MAX, |recent| event.time.micros().saturating_sub(recent.micros()).saturating_abs());
        if !state.last_network.is_empty() && state.last_network != network && since <= TURN_MICROS {
            here.turns += 1;
            here.quick_turns += u32::from(since <= QUICK_MICROS);
            here.seen.add(event.time, place);
        }
        here.recent = Some(event.time);
        state.last_network = network;
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, account), state) in &self.accounts {
            let mut places: Vec<(&String, &Place)> = state.places.iter().collect();
            places.sort_by(|a, b| (a.1.first, a.0).cmp(&(b.1.first, b.0)));
            let Some(((_, home), others)) = places.split_first() else { continue };
            for (network, place) in others {
                let is_shared = self.users.get(*network).is_some_and(|users| users.len() >= ACCOUNTS_OF_A_SHARED_NETWORK);
                let Some(level) = weigh(home, place).filter(|_| !is_shared) else { continue };
                found.push(self.detection((system, account), home, place, level));
            }
        }
    }
}

/// How much two places of one account say; nothing where it may be one person on the way.
fn weigh(home: &Place, place: &Place) -> Option<Level> {
    let turns = home.turns.min(place.turns);
    let is_known = !home.agents.is_empty() && !place.agents.is_empty();
    let is_one_device = is_known && !home.agents.is_disjoint(&place.agents);
    if turns < FEWEST_TURNS || is_one_device {
        return None;
    }
    let has_history = place.first.micros().saturating_sub(home.first.micros()) >= HISTORY_MICROS;
    let is_too_quick = home.quick_turns.min(place.quick_turns) >= MANY_QUICK_TURNS;
    let may_be_a_phone = home.has_phone || place.has_phone;
    Some(if has_history && !may_be_a_phone && (is_known || is_too_quick) { Level::Medium } else { Level::Low })
}

impl TwoPlaces {
    fn detection(&self, (system, account): (&str, &str), home: &Place, place: &Place, level: Level) -> Detection {
        let browsers = match (home.agents.is_empty() || place.agents.is_empty(), place.quick_turns) {
            (false, _) => "with different browsers".to_owned(),
            (true, quick) => format!("browsers are not logged; {quick} turns within {} s", QUICK_MICROS / 1_000_000),
        };
        detection(
            &self.artefacts,
            &place.seen,
            Statement {
                rule: "account_two_places",
                title: "An account was in use at two places at once",
                level,
                techniques: &["T1078"],
                subject: (SubjectKind::Address, &place.address),
                system,
                reason: format!(
                    "an account that had been in use at {} was used from here too, in turns: {} times here again within {} minutes, and there meanwhile; {browsers}",
                    home.address,
                    place.turns,
                    TURN_MICROS / 60_000_000
                ),
                related: vec![format!("account={account}"), format!("address={}", home.address)],
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::evidence::{ArtefactId, EventRef};

    use strandline_model::event::Event;
    use strandline_model::event::columns::ColumnSet;

    use super::*;

    const OFFICE: &str = "10.1.0.7";
    const ELSEWHERE: &str = "198.51.100.9";

    /// Requests as (second, address, account, browser): where an account is in use at a second place, and how much that weighs.
    fn check(requests: &[(i64, &str, &str, &str)], expected: &[(&str, Level)]) {
        let estate: Estate = toml::from_str("[organisation]\nname = { en = \"O\" }\ntime_zone = \"UTC\"\n").expect("an estate");
        let mut analytic = Box::new(TwoPlaces::new(&estate));
        for (n, (second, address, account, agent)) in requests.iter().enumerate() {
            let place = EventRef { artefact: ArtefactId("web".into()), offset: n as u64, length: 1 };
            let mut event = Event::new(Instant(second * 1_000_000), Class::Http, Activity::Request, place);
            (event.src_ip, event.account) = (Some((*address).into()), Some((*account).into()));
            event.user_agent = (!agent.is_empty()).then(|| (*agent).into());
            analytic.watch(&Row::of_event(event));
        }
        let mut found = Vec::new();
        analytic.conclude(&mut found);
        let have: Vec<(&str, Level)> = found.iter().map(|d| (d.subject.as_str(), d.level)).collect();
        assert_eq!(have, expected, "{:?}", found.iter().map(|d| &d.reason).collect::<Vec<_>>());
    }

    /// A morning at the office, and then turns of the office and `other` every `seconds`.
    fn turns<'t>(other: &'t str, seconds: i64, count: i64, agents: (&'t str, &'t str)) -> Vec<(i64, &'t str, &'t str, &'t str)> {
        let morning = (0..60).map(|n| (n * 60, OFFICE, "ann", agents.0));
        let both = (0..count).flat_map(|n| [(3_600 + 2 * n * seconds, other, "ann", agents.1), (3_600 + (2 * n + 1) * seconds, OFFICE, "ann", agents.0)]);
        morning.chain(both).collect()
    }

    #[test]
    fn an_owner_at_work_and_somebody_elsewhere_take_turns() {
        check(&turns(ELSEWHERE, 60, 5, ("Firefox", "curl")), &[(ELSEWHERE, Level::Medium)]);
        check(&turns(ELSEWHERE, 3, 8, ("", "")), &[(ELSEWHERE, Level::Medium)]);
    }

    #[test]
    fn a_phone_beside_the_keyboard_weighs_nothing() {
        check(&turns(ELSEWHERE, 3, 20, ("Firefox", "Safari Mobile/15E148")), &[(ELSEWHERE, Level::Low)]);
    }

    #[test]
    fn without_browsers_slow_turns_weigh_nothing() {
        check(&turns(ELSEWHERE, 60, 5, ("", "")), &[(ELSEWHERE, Level::Low)]);
    }

    #[test]
    fn one_person_on_the_way_is_at_one_place_after_the_other() {
        check(&turns(ELSEWHERE, 60, 1, ("Firefox", "Safari")), &[]);
        // A device that changes between two networks.
        check(&turns(ELSEWHERE, 5, 20, ("Safari", "Safari")), &[]);
        // Turns so slow that one person may have gone there.
        check(&turns(ELSEWHERE, 1_800, 5, ("Firefox", "curl")), &[]);
        // The same network.
        check(&turns("10.1.9.9", 60, 5, ("Firefox", "curl")), &[]);
    }

    #[test]
    fn a_proxy_or_a_provider_that_many_use_is_no_second_place() {
        let mut requests = turns(ELSEWHERE, 60, 5, ("Firefox", "curl"));
        requests.extend([(9_000, "198.51.7.1", "ben", "Edge"), (9_001, "198.51.7.2", "eve", "Edge")]);
        check(&requests, &[]);
    }

    #[test]
    fn two_ways_out_from_the_first_on_weigh_nothing() {
        let requests: Vec<_> = (0..40).map(|n| (n * 3, if n % 2 == 0 { OFFICE } else { ELSEWHERE }, "ann", "")).collect();
        check(&requests, &[(ELSEWHERE, Level::Low)]);
    }
}
