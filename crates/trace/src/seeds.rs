//! Where a trail starts: a responder's pins, or else the detections that together weigh enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::detection::{Detection, DetectionOrigin, Level, SubjectKind, Verdict};
use strandline_model::node::Node;
use strandline_model::time::Instant;
use strandline_model::trail::{Link, OpenQuestion, Pin, Step, Strength};

use crate::identity::Identity;
use crate::links::{Links, Proposal};
use crate::oddest;
use crate::survey::{SessionKey, Span, Survey, trusted};
use crate::{Actor, Inputs};

/// Weight at which the detections on one subject start a trail: one high, or two medium ones of different rules.
const ENOUGH: u32 = 4;

/// A Sigma rule may be anybody's, and one that fires on ordinary work would pull innocent people into the trail: it weighs
/// nothing until a responder confirms what it says.
fn weight(detection: &Detection) -> u32 {
    match detection.level {
        _ if detection.origin == DetectionOrigin::Sigma => 0,
        Level::Critical => 8,
        Level::High => 4,
        Level::Medium => 2,
        Level::Low | Level::Informational => 0,
    }
}

/// Starts the trail.
pub(crate) fn plant(inputs: &Inputs<'_>, survey: &Survey, identity: &mut Identity<'_>, links: &mut Links) {
    if inputs.pins.is_empty() {
        from_detections(inputs, survey, identity, links);
    }
    for pin in inputs.pins {
        from_pin(inputs, survey, pin, identity, links);
    }
}

fn from_pin(inputs: &Inputs<'_>, survey: &Survey, pin: &Pin, identity: &mut Identity<'_>, links: &mut Links) {
    let root = Node::Pin(pin.clone());
    links.root(root.clone());
    let mut follow = |to: Node, reason: &str, span: Span| {
        links.add(Proposal { rule: "pin", from: &root, to: &to, strength: Strength::Proved, reason: reason.to_owned(), span, events: Vec::new() });
    };
    match pin {
        Pin::Address(address) => {
            let span = survey.addresses.get(address.as_str()).map(|a| a.span).unwrap_or_default();
            if let Some(reason) = identity.shared(address) {
                identity.leave_open(OpenQuestion::SharedAddress { address: address.clone(), reason });
                for (key, id) in named_sessions(inputs, survey, identity, address) {
                    let seen = &survey.sessions[&key];
                    follow(identity.node(&key), &format!("detection {id} names it, and it was used from the pinned address"), seen.span);
                }
                return;
            }
            if span.count == 0 && !survey.connections.values().any(|c| c.host.as_deref() == Some(address)) {
                identity.leave_open(OpenQuestion::PinLeadsNowhere { pin: pin.to_string() });
            }
            follow(Node::Address(Arc::from(address.as_str())), "a responder pinned this address", span);
        }
        Pin::Account(account) => {
            follow(Node::Account(Arc::from(account.as_str())), "a responder pinned this account: everything it did is followed", Span::default());
        }
        Pin::Session(session) => {
            let mut found = false;
            for key in identity.sessions_called(session) {
                found = true;
                identity.pinned_sessions.insert(key.clone());
                follow(identity.node(&key), "a responder pinned this session", survey.sessions[&key].span);
            }
            if let Some(connection) = survey.connections.get(session.as_str()) {
                found = true;
                follow(Node::Connection(Arc::from(session.as_str())), "a responder pinned this database session", connection.span);
            }
            if let Some((node, span)) = identity.logon_of(&session.to_lowercase()) {
                found = true;
                follow(node, "a responder pinned a session that this sign-in opened", span);
            }
            if !found {
                identity.leave_open(OpenQuestion::PinLeadsNowhere { pin: pin.to_string() });
            }
        }
        Pin::Statement(_) => from_record(survey, pin, identity, &mut follow),
    }
}

fn from_record(survey: &Survey, pin: &Pin, identity: &mut Identity<'_>, follow: &mut dyn FnMut(Node, &str, Span)) {
    let mut found = false;
    for record in survey.pinned.iter().filter(|r| r.pin == *pin) {
        found = true;
        let mut span = Span::default();
        span.add(record.time);
        let logon = record.logon_session.as_ref().and_then(|session| identity.logon_of(session));
        if let Some((node, span)) = logon {
            follow(node, "a responder pinned a record of a session that this sign-in opened", span);
        } else if let Some(key) = &record.web_session {
            follow(identity.node(key), "a responder pinned a record of this session", span);
        } else if let Some(address) = record.address.as_ref().filter(|a| identity.shared(a).is_none()) {
            follow(Node::Address(address.clone()), "a responder pinned a record of this address", span);
        }
        if let Some(request) = &record.request_id {
            follow(Node::Request(request.clone()), "a responder pinned a record of this request", span);
        }
        match &record.database_session {
            Some(connection) if !identity.application_connection(connection) => {
                follow(Node::Connection(connection.clone()), "a responder pinned a statement of this connection, which no application uses", span);
            }
            Some(_) if record.request_id.is_none() => identity.pinned_statements.push(record.clone()),
            _ => {}
        }
    }
    if !found {
        identity.leave_open(OpenQuestion::PinLeadsNowhere { pin: pin.to_string() });
    }
}

/// Sessions at a shared address that a detection names.
fn named_sessions(inputs: &Inputs<'_>, survey: &Survey, identity: &Identity<'_>, address: &str) -> BTreeMap<SessionKey, String> {
    let mut named = BTreeMap::new();
    for detection in inputs.detections.iter().filter(|d| weight(d) >= 2) {
        let mut sessions: Vec<&str> = related(detection, "session").collect();
        if detection.subject_kind == SubjectKind::Session {
            sessions.push(&detection.subject);
        }
        for key in sessions.into_iter().flat_map(|s| identity.sessions_called(s)) {
            if survey.sessions[&key].uses.contains_key(address) {
                named.entry(key).or_insert_with(|| detection.id.clone());
            }
        }
    }
    named
}

fn related<'d>(detection: &'d Detection, kind: &'static str) -> impl Iterator<Item = &'d str> {
    detection.related.iter().filter_map(move |r| r.split_once('=').filter(|(k, _)| *k == kind).map(|(_, v)| v))
}

/// What a detection points at, that a trail can start from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Anchor {
    Address(String),
    Session(SessionKey),
    Connection(Arc<str>),
}

/// Anchors of one detection: never an account, since accounts are stolen.
fn anchors(detection: &Detection, inputs: &Inputs<'_>, survey: &Survey, identity: &Identity<'_>) -> BTreeSet<Anchor> {
    let mut out = BTreeSet::new();
    match detection.subject_kind {
        SubjectKind::Address => {
            if identity.shared(&detection.subject).is_none() {
                out.insert(Anchor::Address(detection.subject.clone()));
            } else {
                out.extend(related(detection, "session").flat_map(|s| identity.sessions_called(s)).map(Anchor::Session));
            }
        }
        SubjectKind::Session => {
            out.extend(identity.sessions_called(&detection.subject).into_iter().map(Anchor::Session));
            out.extend(survey.connections.get_key_value(detection.subject.as_str()).map(|(id, _)| Anchor::Connection(id.clone())));
        }
        SubjectKind::Account => out.extend(account_anchors(detection, survey, identity)),
        SubjectKind::RoleAtHost => {
            let Some((role, host)) = detection.subject.split_once('@') else {
                return out;
            };
            let at = |c: &&crate::survey::ConnectionSeen| c.role.as_deref() == Some(role) && c.host.as_deref() == Some(host);
            let during = |s: &Span| s.last >= detection.first.micros() && s.first <= detection.last.micros().saturating_add(1_000_000);
            out.extend(survey.connections.iter().filter(|(_, c)| at(c) && during(&c.span)).map(|(id, _)| Anchor::Connection(id.clone())));
        }
        // Everybody who works at a machine would be followed.
        SubjectKind::Host => {}
    }
    out.retain(|anchor| match anchor {
        Anchor::Connection(id) => {
            let c = &survey.connections[id];
            trusted(inputs.estate, c.role.as_deref(), None, c.host.as_deref()).is_none() && !identity.application_connection(id)
        }
        Anchor::Session(key) => {
            let seen = &survey.sessions[key];
            !seen.accounts.iter().any(|a| seen.uses.keys().any(|address| trusted(inputs.estate, None, Some(a), Some(address)).is_some()))
        }
        Anchor::Address(_) => true,
    });
    out
}

/// A detection on an account: the sessions it names, else the address it names, else the account's sessions at the time.
fn account_anchors(detection: &Detection, survey: &Survey, identity: &Identity<'_>) -> Vec<Anchor> {
    let named: Vec<Anchor> = related(detection, "session").flat_map(|s| identity.sessions_called(s)).map(Anchor::Session).collect();
    if !named.is_empty() {
        return named;
    }
    let addresses: BTreeSet<&str> = related(detection, "address").collect();
    let during = |s: &Span| s.last >= detection.first.micros() && s.first <= detection.last.micros();
    let of_account = |s: &crate::survey::SessionSeen| s.accounts.iter().any(|a| a.as_ref() == detection.subject);
    let at = |s: &crate::survey::SessionSeen| addresses.is_empty() || s.uses.keys().any(|a| addresses.contains(a.as_ref()));
    survey.sessions.iter().filter(|(_, s)| of_account(s) && during(&s.span) && at(s)).map(|(key, _)| Anchor::Session(key.clone())).collect()
}

fn from_detections(inputs: &Inputs<'_>, survey: &Survey, identity: &mut Identity<'_>, links: &mut Links) {
    let mut weights: BTreeMap<Anchor, BTreeMap<&str, (u32, &Detection)>> = BTreeMap::new();
    for detection in inputs.detections {
        let found = match links.verdict(&detection.id) {
            Some(Verdict::Struck) => continue,
            Some(Verdict::Confirmed) => ENOUGH,
            None => weight(detection),
        };
        for anchor in anchors(detection, inputs, survey, identity).into_iter().filter(|_| found > 0) {
            let known = weights.entry(anchor).or_default().entry(detection.rule.as_str()).or_insert((found, detection));
            if known.0 < found {
                *known = (found, detection);
            }
        }
    }
    share_between_sessions_and_addresses(survey, identity, &mut weights);
    for (anchor, rules) in &weights {
        let sum: u32 = rules.values().map(|(w, _)| *w).sum();
        if sum < ENOUGH {
            continue;
        }
        let (rule, to) = match anchor {
            Anchor::Address(address) => ("detection_to_address", Node::Address(Arc::from(address.as_str()))),
            Anchor::Session(key) => ("detection_to_session", identity.node(key)),
            Anchor::Connection(id) => ("detection_to_connection", Node::Connection(id.clone())),
        };
        for (name, (_, detection)) in rules {
            let root = Node::Detection(Arc::from(detection.id.as_str()));
            links.root(root.clone());
            let span = Span { first: detection.first.micros(), last: detection.last.micros(), count: 1 };
            let others = if rules.len() > 1 {
                format!(", with {} other rules on the same subject (weight {sum}, {ENOUGH} is enough)", rules.len() - 1)
            } else {
                String::new()
            };
            let reason = format!("{name}: {}{others}", detection.reason);
            links.add(Proposal { rule, from: &root, to: &to, strength: Strength::Proved, reason, span, events: detection.events.clone() });
        }
    }
    let held = links.held();
    if held.addresses.is_empty() && held.sessions.is_empty() && held.connections.is_empty() {
        leave_unfound(inputs, survey, identity);
    }
}

/// Where nobody named or confirmed the actor: that he was not found, and what looks oddest. A trail from detections that read nothing says nothing
/// of what was read.
pub(crate) fn leave_unfound(inputs: &Inputs<'_>, survey: &Survey, identity: &mut Identity<'_>) {
    if inputs.pins.is_empty() && !inputs.detections.iter().any(|d| is_confirmed(inputs, d)) {
        identity.leave_open(OpenQuestion::NoActor { detections: inputs.detections.len() as u64 });
        oddest::notes(inputs, survey, identity).into_iter().for_each(|note| identity.note(note));
    }
}

/// A session and the address that only it uses speak of one subject: what weighs on one weighs on the other.
fn share_between_sessions_and_addresses<'d>(survey: &Survey, identity: &Identity<'_>, weights: &mut BTreeMap<Anchor, BTreeMap<&'d str, (u32, &'d Detection)>>) {
    let before = weights.clone();
    for (anchor, rules) in &before {
        let Anchor::Session(key) = anchor else {
            continue;
        };
        for address in survey.sessions[key].uses.keys().filter(|a| identity.shared(a).is_none()) {
            let Some(at_address) = before.get(&Anchor::Address(address.to_string())) else {
                continue;
            };
            for (name, found) in at_address {
                weights.entry(anchor.clone()).or_default().entry(name).or_insert(*found);
            }
            for (name, found) in rules {
                weights.entry(Anchor::Address(address.to_string())).or_default().entry(name).or_insert(*found);
            }
        }
    }
}

/// Detections named where nobody named the actor.
const MOST_NAMED: usize = 5;

/// Where the trail stands on detections alone, which.
pub(crate) fn nobody_named(inputs: &Inputs<'_>, links: &[Link]) -> Option<OpenQuestion> {
    if !inputs.pins.is_empty() || inputs.detections.iter().any(|d| is_confirmed(inputs, d)) {
        return None;
    }
    let begins = |link: &Link| match link.from_node() {
        Ok(Node::Detection(id)) if link.verdict.as_deref() != Some("struck") => Some(id),
        _ => None,
    };
    let first: BTreeSet<Arc<str>> = links.iter().filter_map(begins).collect();
    let told = |d: &Detection| format!("{} ({}: {})", d.id, d.title, d.subject);
    let all: Vec<String> = inputs.detections.iter().filter(|d| first.contains(d.id.as_str())).map(told).collect();
    let more = all.len().saturating_sub(MOST_NAMED) as u64;
    (!all.is_empty()).then(|| OpenQuestion::NobodyNamed { detections: all.into_iter().take(MOST_NAMED).collect(), more })
}

fn is_confirmed(inputs: &Inputs<'_>, detection: &Detection) -> bool {
    inputs.decisions.iter().any(|decision| decision.target == detection.id && decision.verdict == Verdict::Confirmed)
}

/// What a responder should look at: detections of some weight on addresses and sessions that the trail does not hold.
pub(crate) fn left_out(inputs: &Inputs<'_>, actor: &Actor) -> Vec<OpenQuestion> {
    let struck = |d: &Detection| inputs.decisions.iter().any(|decision| decision.target == d.id && decision.verdict == Verdict::Struck);
    let followed = |d: &Detection| match d.subject_kind {
        SubjectKind::Address => actor.addresses.contains(&d.subject) || actor.addresses_in_sessions.contains(&d.subject),
        SubjectKind::Session => {
            let named = |session: &str| session == d.subject || d.subject.ends_with(&format!("/{session}"));
            actor.sessions.iter().any(|(_, session)| named(session)) || actor.connections.contains(&d.subject)
        }
        _ => true,
    };
    let left: Vec<&Detection> = inputs.detections.iter().filter(|d| weight(d) >= 2 && !struck(d) && !followed(d)).collect();
    left.iter()
        .map(|d| {
            let kind = if d.subject_kind == SubjectKind::Address { "address" } else { "session" };
            OpenQuestion::DetectionNotFollowed { detection: d.id.clone(), title: format!("{}, {kind} {}", d.title, d.subject) }
        })
        .collect()
}

/// Pinned accounts that nothing was found of: a name that is written otherwise in the logs leads nowhere.
pub(crate) fn pins_without_events(inputs: &Inputs<'_>, links: &[Link], steps: &[Step]) -> Vec<OpenQuestion> {
    let known = |account: &str| {
        let node = Node::Account(Arc::from(account)).to_string();
        links.iter().any(|link| link.from == node) || steps.iter().any(|step| step.account.as_deref() == Some(account))
    };
    let lost = |pin: &&Pin| matches!(pin, Pin::Account(account) if !known(account));
    inputs.pins.iter().filter(lost).map(|pin| OpenQuestion::PinLeadsNowhere { pin: pin.to_string() }).collect()
}

/// First and last instant of a detection as a span's ends; used by steps.
pub(crate) fn covers(detection: &Detection, time: i64) -> bool {
    detection.first <= Instant(time) && Instant(time) <= detection.last
}
