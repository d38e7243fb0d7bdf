//! Matches folded into detections: one for each rule, subject and system, however often the rule matched, so that a noisy
//! rule cannot make a million rows.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use strandline_model::detection::{Detection, DetectionOrigin, SubjectKind};
use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;

use super::correlation::CorrelationMatch;
use super::ruleset::{RuleNumber, RuleSet};
use crate::sink::{Artefacts, Seen};

/// Detections of one run. Whoever matches after that is folded into one more for each rule and system.
const ROWS: usize = 10_000;
/// What else a detection names.
const RELATED: usize = 100;

/// Whom and what a match names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'n> {
    /// The account.
    pub account: Option<&'n str>,
    /// The other end's address.
    pub address: Option<&'n str>,
    /// The session.
    pub session: Option<&'n str>,
    /// The machine.
    pub host: Option<&'n str>,
}

/// What a match is about: what the detection stands on, and what else it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Account, address, session or host, in this order of preference.
    pub kind: SubjectKind,
    /// Which one.
    pub name: String,
    /// Others, as `kind=value`.
    pub related: Vec<String>,
}

impl Subject {
    /// The subject among what an event names; `system` where it names nothing.
    pub fn of(named: &Named<'_>, system: &str) -> Self {
        let named = [
            (SubjectKind::Account, "account", named.account),
            (SubjectKind::Address, "address", named.address),
            (SubjectKind::Session, "session", named.session),
            (SubjectKind::Host, "host", named.host),
        ];
        let mut there = named.into_iter().filter_map(|(kind, word, name)| Some((kind, word, name.filter(|n| !n.is_empty())?)));
        match there.next() {
            Some((kind, _, name)) => Self { kind, name: name.to_owned(), related: there.map(|(_, word, name)| format!("{word}={name}")).collect() },
            None => Self::everybody(system),
        }
    }

    fn everybody(system: &str) -> Self {
        Self { kind: SubjectKind::Host, name: system.to_owned(), related: Vec::new() }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rule: u32,
    system: String,
    kind: SubjectKind,
    subject: String,
}

#[derive(Default)]
struct Row {
    seen: Seen,
    untimed: u64,
    fields: BTreeSet<String>,
    related: BTreeSet<String>,
    /// Whether other subjects, too many to keep apart, are in it.
    is_crowd: bool,
}

/// Folds matches. Give them in the order of the evidence: of more than a thousand events the first and the last are kept.
#[derive(Default)]
pub struct DetectionFold {
    rows: BTreeMap<Key, Row>,
    artefacts: Artefacts,
}

impl DetectionFold {
    /// Adds one match. `fields`: the names of the fields that made the rule match.
    pub fn add<'f>(
        &mut self,
        rule: RuleNumber,
        system: &str,
        subject: Subject,
        time: Option<Instant>,
        place: &EventRef,
        fields: impl Iterator<Item = &'f str>,
    ) {
        let place = self.artefacts.place_of(place);
        let row = self.row(rule, system, subject);
        match time {
            Some(time) => row.seen.add(time, place),
            None => {
                row.untimed += 1;
                row.seen.add_untimed(place);
            }
        }
        for field in fields {
            if !row.fields.contains(field) && row.fields.len() < RELATED {
                row.fields.insert(field.to_owned());
            }
        }
    }

    /// Adds what a correlation found.
    pub fn add_correlation(&mut self, found: &CorrelationMatch, system: &str) {
        let group: Vec<(&str, &str)> = found.group.iter().map(|(name, value)| (name.as_str(), value.expose_personal().as_str())).collect();
        let named =
            |words: &[&str]| group.iter().find(|(name, value)| words.contains(&name.to_lowercase().as_str()) && !value.is_empty()).map(|(_, value)| *value);
        let named = Named {
            account: named(&["user", "username", "account", "targetusername", "subjectusername", "cs-username"]),
            address: named(&["src_ip", "c-ip", "ipaddress", "sourceip", "clientip", "client_ip"]),
            session: named(&["session"]),
            host: named(&["computer", "computername", "host", "hostname", "workstationname"]),
        };
        let subject = Subject::of(&named, system);
        let places: Vec<_> = found.events.iter().map(|place| self.artefacts.place_of(place)).collect();
        let row = self.row(found.rule, system, subject);
        row.seen.add_stretch((found.first, found.last), found.event_count, places.into_iter());
        row.fields.extend(found.group.iter().map(|(name, _)| name.clone()));
    }

    fn row(&mut self, rule: RuleNumber, system: &str, subject: Subject) -> &mut Row {
        let mut key = Key { rule: rule.0, system: system.to_owned(), kind: subject.kind, subject: subject.name };
        let is_crowd = self.rows.len() >= ROWS && !self.rows.contains_key(&key);
        if is_crowd {
            let everybody = Subject::everybody(system);
            (key.kind, key.subject) = (everybody.kind, everybody.name);
        }
        let row = self.rows.entry(key).or_default();
        row.is_crowd |= is_crowd;
        for related in subject.related {
            if row.related.len() < RELATED {
                row.related.insert(related);
            }
        }
        row
    }

    /// The detections, by first event, then id.
    pub fn conclude(self, set: &RuleSet) -> Vec<Detection> {
        let artefacts = self.artefacts;
        let mut found: Vec<Detection> = self.rows.into_iter().map(|(key, row)| detection(set, &artefacts, key, row)).collect();
        found.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
        found
    }
}

fn detection(set: &RuleSet, artefacts: &Artefacts, key: Key, row: Row) -> Detection {
    let rule = set.rule(RuleNumber(key.rule));
    let reason = reason(rule.logsource.is_none(), &row);
    Detection {
        id: id(&rule.id, &key),
        origin: DetectionOrigin::Sigma,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        level: rule.level,
        techniques: rule.techniques.clone(),
        subject_kind: key.kind,
        subject: key.subject,
        system: key.system,
        first: row.seen.first.unwrap_or_default(),
        last: row.seen.last.unwrap_or_default(),
        event_count: i64::try_from(row.seen.count).unwrap_or(i64::MAX),
        reason,
        related: row.related.into_iter().collect(),
        events: row.seen.places().into_iter().map(|place| artefacts.reference(place)).collect(),
    }
}

/// Names of fields only: their values may be about people, and stand in the evidence.
fn reason(is_correlation: bool, row: &Row) -> String {
    let fields = row.fields.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let events = if row.seen.count == 1 { "1 event".to_owned() } else { format!("{} events", row.seen.count) };
    let mut text = match (is_correlation, fields.is_empty()) {
        (true, true) => format!("the condition of the correlation holds over {events}"),
        (true, false) => format!("the condition of the correlation holds over {events} of one {fields}"),
        (false, true) => format!("{events} matched by what they lack"),
        (false, false) => format!("{events} matched by {fields}"),
    };
    if row.untimed > 0 {
        text.push_str(&format!("; {} of them carry no time", row.untimed));
    }
    if row.is_crowd {
        text.push_str("; of further accounts, addresses, sessions or hosts, too many to keep apart");
    }
    text
}

/// The same rule, system and subject have the same id in every run; none that an analytic has.
fn id(rule: &str, key: &Key) -> String {
    let mut hash = Sha256::new();
    for part in ["sigma", rule, &key.system, &format!("{:?}", key.kind), &key.subject] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digits: String = hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
    format!("D-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::RuleFile;
    use strandline_model::evidence::ArtefactId;

    const RULE: &str =
        "title: T\nid: 11111111-1111-1111-1111-111111111111\nlevel: high\nlogsource: {category: webserver}\ndetection: {a: {c-uri: x}, condition: a}\n";

    fn set() -> RuleSet {
        RuleSet::load([("r.yml".to_owned(), RuleFile::Read(RULE.into()))]).0
    }

    fn place(offset: u64) -> EventRef {
        EventRef { artefact: ArtefactId("a".into()), offset, length: 1 }
    }

    #[test]
    fn a_noisy_rule_makes_one_detection_for_each_subject() {
        let mut fold = DetectionFold::default();
        for at in 0..5000_i64 {
            let account = if at % 2 == 0 { "ann" } else { "bob" };
            let subject = Subject::of(&Named { account: Some(account), address: Some("10.0.0.1"), ..Named::default() }, "web");
            fold.add(RuleNumber(0), "web", subject, Some(Instant(at)), &place(at.unsigned_abs()), ["c-uri"].into_iter());
        }
        let found = fold.conclude(&set());
        let shown: Vec<_> = found.iter().map(|d| (d.subject.as_str(), d.event_count, d.first.micros(), d.last.micros(), d.events.len())).collect();
        assert_eq!(shown, [("ann", 2500, 0, 4998, 1000), ("bob", 2500, 1, 4999, 1000)]);
        assert_eq!((found[0].related.as_slice(), found[0].origin), (&["address=10.0.0.1".to_owned()][..], DetectionOrigin::Sigma));
        assert_eq!(found[0].reason, "2500 events matched by c-uri");
    }

    #[test]
    fn subjects_without_number_are_folded_into_one() {
        let mut fold = DetectionFold::default();
        for at in 0..ROWS as i64 + 500 {
            let subject = Subject::of(&Named { address: Some(&format!("a{at}")), ..Named::default() }, "web");
            fold.add(RuleNumber(0), "web", subject, None, &place(at.unsigned_abs()), std::iter::empty());
        }
        let found = fold.conclude(&set());
        assert_eq!(found.len(), ROWS + 1);
        let crowd = found.iter().find(|d| d.subject_kind == SubjectKind::Host).expect("the crowd");
        assert_eq!((crowd.subject.as_str(), crowd.event_count), ("web", 500));
        assert!(crowd.reason.contains("too many to keep apart"), "{}", crowd.reason);
    }
}
