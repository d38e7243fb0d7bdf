//! Exposures to letters: what each person is told, and how sure we are.
//!
//! The tier chooses the sentence, so that no letter hedges. It drafts text and sends nothing; clocks, forms, approval and
//! sending are other parts.

pub mod calendar;
pub mod clock;
pub mod duties;
pub mod forms;
pub mod law;
mod words;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use strandline_model::estate::{Contact, Organisation};
use strandline_model::exposure::{Basis, Certainty, Exposure};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::{Instant, Interval};

pub use words::Language;

/// What all letters of a case share.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Who writes.
    pub organisation: &'a Organisation,
    /// The case's reference.
    pub reference: &'a str,
    /// From the intruder's first move to the last.
    pub intrusion: Interval,
    /// The day the letter is drafted.
    pub drafted_at: Instant,
    /// When the organisation writes again.
    pub next_update: Instant,
    /// Every category that the estate describes, sorted: those without an exposure were not reached.
    pub categories: &'a [String],
}

/// One drafted letter. Its text is about a person.
#[derive(Debug)]
pub struct Letter {
    /// The subject's key.
    pub data_subject: String,
    /// The language it is written in.
    pub language: Language,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: Personal<String>,
}

/// What one person is told of one category: the strongest that the case holds.
#[derive(Clone, Debug)]
struct Told {
    certainty: Certainty,
    basis: Basis,
    first_seen: Instant,
    last_seen: Instant,
}

/// Drafts the letter to one person from all their exposures. A person who is not in the register is addressed by key, in English.
pub fn draft(person: Option<&RegisterEntry>, exposures: &[Exposure], facts: &Facts<'_>) -> Letter {
    let language = Language::of(person.and_then(|p| p.language.as_deref()));
    let told = strongest(exposures);
    let zone = TimeZone::get(&facts.organisation.time_zone).unwrap_or(TimeZone::UTC);
    let highest = told.values().map(|t| t.certainty).max().unwrap_or(Certainty::Possible);
    let key = exposures.first().map(|e| e.data_subject.clone()).or_else(|| person.map(|p| p.key.clone())).unwrap_or_default();
    let slots = [
        ("organisation", named(&facts.organisation.name, language).to_owned()),
        ("reference", facts.reference.to_owned()),
        ("date", language.date(facts.drafted_at, &zone)),
        ("name", name_of(person, language).unwrap_or_else(|| key.clone())),
        ("from", language.moment(facts.intrusion.from, &zone)),
        ("to", language.moment(facts.intrusion.to, &zone)),
        ("opening", language.opening(highest).to_owned()),
        ("rows", rows(&told, facts, language, &zone)),
        ("actions", actions(&told, language)),
        ("next_update", language.date(facts.next_update, &zone)),
        ("contact", contacts(facts.organisation, language)),
    ];
    let body = fill(language.template(), &slots);
    Letter { data_subject: key, language, subject: language.subject(highest).to_owned(), body: Personal::new(body) }
}

/// Fills the slots of a template in one pass, so that a value that looks like a slot stays what it is.
fn fill(template: &str, slots: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((slot, tail)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        if let Some((_, text)) = slots.iter().find(|(name, _)| *name == slot) {
            filled.push_str(text);
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

fn strongest(exposures: &[Exposure]) -> BTreeMap<&str, Told> {
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for exposure in exposures {
        let this = Told { certainty: exposure.certainty, basis: exposure.basis, first_seen: exposure.first_seen, last_seen: exposure.last_seen };
        // A disclosed value outranks an inferred one of the same tier: the letter says the plainer thing.
        let rank = |t: &Told| (t.certainty, t.basis == Basis::Disclosed);
        match told.get(exposure.category.as_str()) {
            Some(known) if rank(known) >= rank(&this) => {}
            _ => {
                told.insert(&exposure.category, this);
            }
        }
    }
    told
}

fn rows(told: &BTreeMap<&str, Told>, facts: &Facts<'_>, language: Language, zone: &TimeZone) -> String {
    let mut lines = Vec::new();
    for (category, told) in told {
        let label = language.category(category);
        let seen = language.span(told.first_seen, told.last_seen, zone);
        lines.push(language.row(&label, told.certainty, told.basis, &seen));
    }
    for category in facts.categories.iter().filter(|c| !told.contains_key(c.as_str())) {
        lines.push(language.untouched(&language.category(category)));
    }
    lines.join("\n")
}

/// At most five, the first one quick; each with the time it takes.
fn actions(told: &BTreeMap<&str, Told>, language: Language) -> String {
    let mut actions: Vec<&str> = vec![language.action_calls()];
    let has = |words: &[&str]| told.keys().any(|category| words.iter().any(|w| category.contains(w)));
    if has(&["email", "mail"]) {
        actions.push(language.action_email());
    }
    if has(&["financial", "bank", "payment"]) {
        actions.push(language.action_bank());
    }
    if has(&["identity", "passport", "date_of_birth"]) {
        actions.push(language.action_identity());
    }
    if has(&["address", "employment", "health", "phone"]) {
        actions.push(language.action_safety());
    }
    actions.iter().take(5).enumerate().map(|(i, text)| format!("{}. {text}", i + 1)).collect::<Vec<_>>().join("\n")
}

fn contacts(organisation: &Organisation, language: Language) -> String {
    let mut lines = Vec::new();
    lines.extend(organisation.contact.as_ref().map(|contact| contact_line(contact, language, language.questions())));
    lines.extend(organisation.safety_contact.as_ref().map(|contact| contact_line(contact, language, language.safety())));
    lines.join("\n")
}

fn contact_line(contact: &Contact, language: Language, purpose: &str) -> String {
    let mut parts = vec![named(&contact.name, language).to_owned()];
    parts.extend(contact.phone.clone());
    parts.extend(contact.email.clone());
    parts.extend(contact.hours.get(language.tag()).or_else(|| contact.hours.get("en")).cloned());
    format!("{purpose}{}", parts.join(language.comma()))
}

fn named(names: &BTreeMap<String, String>, language: Language) -> &str {
    names.get(language.tag()).or_else(|| names.get("en")).or_else(|| names.values().next()).map_or("", String::as_str)
}

fn name_of(person: Option<&RegisterEntry>, language: Language) -> Option<String> {
    let names = &person?.names;
    let name = names.get(language.tag()).or_else(|| names.get("en")).or_else(|| names.values().next())?;
    Some(name.expose_personal().trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(category: &str, certainty: Certainty, basis: Basis) -> Exposure {
        Exposure {
            data_subject: "P7".into(),
            category: category.into(),
            basis,
            certainty,
            first_seen: Instant(1_795_466_660_000_000),
            last_seen: Instant(1_795_466_660_000_000),
            columns: vec![],
            accesses: vec![],
            access_count: 1,
            missing_proof: (certainty != Certainty::Confirmed).then(|| "why".into()),
            proof: vec![],
        }
    }

    fn check(language: &str, exposures: &[Exposure], holds: &[&str], lacks: &[&str]) {
        let organisation = Organisation {
            name: BTreeMap::from([("en".into(), "Harbour Hospital".into()), ("zh-Hant".into(), "海港醫院".into())]),
            time_zone: "Asia/Hong_Kong".into(),
            regimes: vec![],
            domain: None,
            contact: None,
            safety_contact: None,
            working_hours: None,
        };
        let person = RegisterEntry {
            key: "P7".into(),
            names: BTreeMap::from([("en".into(), Personal::new("CHAN Siu Ming".into())), ("zh-Hant".into(), Personal::new("陳小明".into()))]),
            language: Some(language.into()),
            ..RegisterEntry::default()
        };
        let facts = Facts {
            organisation: &organisation,
            reference: "R-1",
            intrusion: Interval { from: Instant(1_795_466_600_000_000), to: Instant(1_795_466_700_000_000) },
            drafted_at: Instant(1_795_500_000_000_000),
            next_update: Instant(1_796_500_000_000_000),
            categories: &["email".into(), "gender".into(), "name".into()],
        };
        let letter = draft(Some(&person), exposures, &facts);
        let body = letter.body.expose_personal();
        for text in holds {
            assert!(body.contains(text), "lacks {text:?}");
        }
        for text in lacks {
            assert!(!body.contains(text), "holds {text:?}");
        }
        assert!(!body.contains('{'), "a slot is left unfilled");
        assert!(!format!("{letter:?}").contains("CHAN"), "a letter prints its text");
    }

    #[test]
    fn the_tier_chooses_the_sentence() {
        let both = [exposure("name", Certainty::Confirmed, Basis::Disclosed), exposure("email", Certainty::Likely, Basis::Inferred)];
        check(
            "en",
            &both,
            &["Dear CHAN Siu Ming", "Name: seen", "E-mail address: can be worked out", "Gender: not touched", "24 November 2026"],
            &["might", "may ", "could", "possibly", "no evidence"],
        );
        check("zh-Hant", &both, &["陳小明", "姓名", "性別", "海港醫院"], &["Dear"]);
    }

    #[test]
    fn a_disclosed_value_outranks_an_inferred_one() {
        let both = [exposure("email", Certainty::Likely, Basis::Inferred), exposure("email", Certainty::Confirmed, Basis::Disclosed)];
        check("en", &both, &["E-mail address: seen"], &["worked out"]);
    }
}
