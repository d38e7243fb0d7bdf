//! `stix.json`: the incident as a STIX 2.1 bundle (OASIS standard, 10 June 2021), for other tools and other organisations. It
//! says what the actor did and from where; it holds no personal data of data subjects, and no account names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use strandline_model::evidence::Gap;
use strandline_model::exposure::Certainty;
use strandline_model::table::Scan;
use strandline_model::time::{Instant, Interval};
use strandline_model::trail::{Step, Strength};
use uuid::Uuid;

use super::{ExportError, for_each_row};

/// Namespace of deterministic ids of cyber-observable objects (STIX 2.1, section 2.9).
const OBSERVABLE_NAMESPACE: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// Sessions that the note on them names.
const SESSIONS_LIMIT: usize = 100;

/// How many people have a tier as their highest, and in which categories at that tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierCount {
    /// The tier.
    pub certainty: Certainty,
    /// People.
    pub people: u64,
    /// Categories, as in the estate file.
    pub categories: BTreeSet<String>,
}

/// What `stix.json` is made from.
pub struct StixSources<'a> {
    /// The case's origin.
    pub origin: &'a str,
    /// The organisation's name.
    pub organisation: &'a str,
    /// When the bundle is made; the caller's clock.
    pub made_at: Instant,
    /// The steps.
    pub steps: &'a dyn Scan,
    /// The gaps.
    pub gaps: &'a [Gap],
    /// Counts by tier.
    pub tiers: &'a [TierCount],
}

/// Confidence as a whole number from 0 to 100, one for each tier; the table is in `docs/exports.md`.
fn confidence_of_tier(certainty: Certainty) -> u8 {
    match certainty {
        Certainty::Confirmed => 95,
        Certainty::Likely => 70,
        Certainty::Possible => 30,
    }
}

fn confidence_of_strength(strength: Strength) -> u8 {
    match strength {
        Strength::Proved => 95,
        Strength::Inferred => 70,
        Strength::Open => 30,
    }
}

/// What the steps say together of one address or one technique.
struct Sighting {
    name: String,
    seen: Interval,
    events: u64,
    strength: Strength,
    steps: Vec<String>,
}

impl Sighting {
    fn of(step: &Step) -> Self {
        Self { name: step.technique_name.clone(), seen: Interval { from: step.first, to: step.last }, events: 0, strength: step.strength, steps: Vec::new() }
    }

    fn add(&mut self, step: &Step) {
        self.seen = self.seen.hull(&Interval { from: step.first, to: step.last });
        self.events = self.events.saturating_add(u64::try_from(step.event_count).unwrap_or(0));
        self.strength = self.strength.max(step.strength);
        self.steps.push(step.id.clone());
    }
}

/// The trail as the bundle needs it.
#[derive(Default)]
struct Trail {
    addresses: BTreeMap<IpAddr, Sighting>,
    techniques: BTreeMap<String, Sighting>,
    systems: BTreeSet<String>,
    sessions: BTreeSet<String>,
    seen: Option<Interval>,
}

/// Writes the bundle. Ids are UUIDv5 of the case's origin and the content, so that the same case gives the same ids.
///
/// # Errors
/// If the steps cannot be read, or `out` does not take it.
pub fn write_stix(out: &mut dyn Write, sources: &StixSources<'_>) -> Result<(), ExportError> {
    let trail = read_trail(sources.steps)?;
    let mut bundle = Bundle::new(sources);
    let organisation = bundle.add("identity", "organisation", json!({"name": sources.organisation, "identity_class": "organization"}));
    bundle.author = Some(organisation.clone());
    let incident = bundle.add("incident", "incident", json!({"name": format!("Incident of case {}", sources.origin)}));
    let mut actor = json!({"name": format!("Actor of case {}", sources.origin)});
    if let Some(seen) = trail.seen {
        set_interval(&mut actor, "first_seen", "last_seen", seen);
    }
    let actor = bundle.add("intrusion-set", "actor", actor);
    bundle.relate(&incident, "related-to", &actor, json!({}));
    bundle.relate(&actor, "targets", &organisation, json!({}));
    add_techniques(&mut bundle, &trail, &actor);
    add_addresses(&mut bundle, &trail, &actor);
    add_targets(&mut bundle, &trail, &actor);
    add_notes(&mut bundle, sources, &trail, &incident, &actor);
    bundle.write(out)
}

fn read_trail(steps: &dyn Scan) -> Result<Trail, ExportError> {
    let mut trail = Trail::default();
    for_each_row(steps, |step: Step| {
        let seen = Interval { from: step.first, to: step.last };
        trail.seen = Some(trail.seen.map_or(seen, |s| s.hull(&seen)));
        trail.techniques.entry(step.technique.clone()).or_insert_with(|| Sighting::of(&step)).add(&step);
        if let Some(address) = step.from_host.as_deref().and_then(|host| host.parse::<IpAddr>().ok()) {
            trail.addresses.entry(address).or_insert_with(|| Sighting::of(&step)).add(&step);
        }
        trail.systems.insert(step.system);
        trail.sessions.extend(step.session);
        Ok(())
    })?;
    Ok(trail)
}

fn add_techniques(bundle: &mut Bundle, trail: &Trail, actor: &str) {
    for (technique, sighting) in trail.techniques.iter().filter(|(id, _)| is_technique_id(id)) {
        let reference = json!([{"source_name": "mitre-attack", "external_id": technique}]);
        let pattern = bundle.add("attack-pattern", technique, json!({"name": sighting.name, "external_references": reference}));
        let mut use_of_it = json!({
            "confidence": confidence_of_strength(sighting.strength),
            "description": format!("Steps {}; {} events.", sighting.steps.join(", "), sighting.events),
        });
        set_interval(&mut use_of_it, "start_time", "stop_time", sighting.seen);
        bundle.relate(actor, "uses", &pattern, use_of_it);
    }
}

/// `T1190`, `T1078.004`; anything else is no ATT&CK technique and stays out.
fn is_technique_id(id: &str) -> bool {
    let digits = |s: &str, n| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let Some(number) = id.strip_prefix('T') else { return false };
    match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    }
}

fn add_addresses(bundle: &mut Bundle, trail: &Trail, actor: &str) {
    if trail.addresses.is_empty() {
        return;
    }
    let infrastructure = bundle.add("infrastructure", "addresses", json!({"name": "Addresses that the actor came from", "infrastructure_types": ["unknown"]}));
    bundle.relate(actor, "uses", &infrastructure, json!({}));
    for (address, sighting) in &trail.addresses {
        let confidence = confidence_of_strength(sighting.strength);
        let observable = bundle.add_address(address);
        bundle.relate(&infrastructure, "consists-of", &observable, json!({"confidence": confidence}));
        let mut observed = json!({"number_observed": sighting.events.clamp(1, 999_999_999), "object_refs": [observable], "confidence": confidence});
        set_interval(&mut observed, "first_observed", "last_observed", sighting.seen);
        let observed = bundle.add("observed-data", &address.to_string(), observed);
        let pattern = format!("[{}:value = '{address}']", address_type(address));
        let indicator = bundle.add(
            "indicator",
            &address.to_string(),
            json!({
                "name": format!("The actor came from {address}"),
                "description": format!("Steps {}; {} events.", sighting.steps.join(", "), sighting.events),
                "indicator_types": ["malicious-activity"],
                "pattern": pattern,
                "pattern_type": "stix",
                "valid_from": timestamp(sighting.seen.from),
                "confidence": confidence,
            }),
        );
        bundle.relate(&indicator, "indicates", actor, json!({"confidence": confidence}));
        bundle.relate(&indicator, "based-on", &observed, json!({}));
    }
}

fn address_type(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ipv4-addr",
        IpAddr::V6(_) => "ipv6-addr",
    }
}

/// The organisation's systems that were acted on: infrastructure that the actor targets.
fn add_targets(bundle: &mut Bundle, trail: &Trail, actor: &str) {
    for system in trail.systems.iter().filter(|s| !s.is_empty()) {
        let target = bundle.add("identity", &format!("system {system}"), json!({"name": system, "identity_class": "system"}));
        bundle.relate(actor, "targets", &target, json!({}));
    }
}

fn add_notes(bundle: &mut Bundle, sources: &StixSources<'_>, trail: &Trail, incident: &str, actor: &str) {
    for gap in sources.gaps {
        let content = format!("No evidence from {} ({}) from {} to {}: {}", gap.source, gap.system, gap.interval.from, gap.interval.to, gap.reason);
        bundle.add("note", &content, json!({"abstract": "Missing evidence", "content": content, "object_refs": [incident]}));
    }
    for tier in sources.tiers {
        let categories: Vec<&str> = tier.categories.iter().map(String::as_str).collect();
        let content =
            format!("{} people have {} as their highest certainty of exposure. Categories: {}.", tier.people, tier.certainty.as_str(), categories.join(", "));
        let confidence = confidence_of_tier(tier.certainty);
        bundle.add("note", &content, json!({"abstract": "Exposed personal data", "content": content, "confidence": confidence, "object_refs": [incident]}));
    }
    if !trail.sessions.is_empty() {
        let named: Vec<&str> = trail.sessions.iter().take(SESSIONS_LIMIT).map(String::as_str).collect();
        let content = format!("{} sessions, as the logs name them: {}", trail.sessions.len(), named.join(", "));
        bundle.add("note", &content, json!({"abstract": "Sessions that the actor used", "content": content, "object_refs": [actor]}));
    }
}

fn set_interval(object: &mut Value, from: &str, to: &str, interval: Interval) {
    object[from] = json!(timestamp(interval.from));
    // STIX wants the end of a relationship after its start.
    let end = if to == "stop_time" && interval.to.0 / 1000 <= interval.from.0 / 1000 { interval.from.plus_micros(1000) } else { interval.to };
    object[to] = json!(timestamp(end));
}

/// The last whole second that can be written in every time zone of the earth with four digits of the year.
const LAST_TIMESTAMP: Instant = Instant(253_402_207_199_000_000);

/// RFC 3339 with milliseconds. STIX can write the years to 9999; we have no business before 1970.
fn timestamp(instant: Instant) -> String {
    instant.clamp(Instant(0), LAST_TIMESTAMP).to_string()
}

/// Objects by id: the order of the file, and the reason why nothing stands there twice.
struct Bundle {
    origin: String,
    namespace: Uuid,
    made_at: String,
    author: Option<String>,
    objects: BTreeMap<String, Value>,
}

impl Bundle {
    fn new(sources: &StixSources<'_>) -> Self {
        Self {
            origin: sources.origin.to_owned(),
            namespace: Uuid::new_v5(&Uuid::NAMESPACE_URL, sources.origin.as_bytes()),
            made_at: timestamp(sources.made_at),
            author: None,
            objects: BTreeMap::new(),
        }
    }

    /// Adds an object whose id follows from its type and `key`.
    fn add(&mut self, kind: &str, key: &str, properties: Value) -> String {
        let id = format!("{kind}--{}", Uuid::new_v5(&self.namespace, format!("{kind} {key}").as_bytes()));
        let mut object = Map::from_iter([
            ("type".to_owned(), json!(kind)),
            ("spec_version".to_owned(), json!("2.1")),
            ("id".to_owned(), json!(id)),
            ("created".to_owned(), json!(self.made_at)),
            ("modified".to_owned(), json!(self.made_at)),
        ]);
        if let Some(author) = &self.author {
            object.insert("created_by_ref".to_owned(), json!(author));
        }
        if let Value::Object(properties) = properties {
            object.extend(properties);
        }
        self.objects.insert(id.clone(), Value::Object(object));
        id
    }

    fn add_address(&mut self, address: &IpAddr) -> String {
        let kind = address_type(address);
        let contributing = json!({"value": address.to_string()}).to_string();
        let id = format!("{kind}--{}", Uuid::new_v5(&OBSERVABLE_NAMESPACE, contributing.as_bytes()));
        self.objects.insert(id.clone(), json!({"type": kind, "spec_version": "2.1", "id": id, "value": address.to_string()}));
        id
    }

    fn relate(&mut self, from: &str, relation: &str, to: &str, mut properties: Value) {
        properties["relationship_type"] = json!(relation);
        properties["source_ref"] = json!(from);
        properties["target_ref"] = json!(to);
        self.add("relationship", &format!("{from} {relation} {to}"), properties);
    }

    fn write(self, out: &mut dyn Write) -> Result<(), ExportError> {
        let id = format!("bundle--{}", Uuid::new_v5(&self.namespace, self.origin.as_bytes()));
        let objects: Vec<Value> = self.objects.into_values().map(sorted).collect();
        serde_json::to_writer_pretty(&mut *out, &json!({"type": "bundle", "id": id, "objects": objects})).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        Ok(())
    }
}

/// Keys in order whatever map `serde_json` was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        other => other,
    }
}
