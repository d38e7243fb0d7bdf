//! Everybody else's values, so that none of them stands in a letter. Kept as hashes: the index holds nobody's data.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use strandline_model::estate::Contact;
use strandline_model::register::RegisterEntry;

use super::prose::Passage;
use super::{Facts, Finding, Rule, Templates, finding};
use crate::letter::pattern::is_wide;

/// Words of a name or address that are compared, at most.
const WORDS_LIMIT: usize = 6;
/// Digits of a telephone number that are compared: the country code may be missing.
const PHONE_DIGITS: usize = 8;
/// A key or other word shorter than this is in too many texts.
const TOKEN_CHARS: usize = 5;

/// Names, addresses, mail addresses, telephone numbers and keys of a whole register, as hashes.
///
/// A name of one word, and one of two Chinese characters within a longer run of them, cannot be told from ordinary text and is not
/// looked for.
#[derive(Debug, Default)]
pub struct Strangers(HashSet<u64>);

impl Strangers {
    /// Indexes a register. What the templates, the organisation or the case say of themselves is nobody's.
    pub fn of<'a>(register: impl Iterator<Item = &'a RegisterEntry>, facts: &Facts<'_>, templates: &Templates) -> Self {
        let mut index = HashSet::new();
        for entry in register {
            for name in entry.names.values() {
                index.extend(value_hash(name.expose_personal()));
            }
            index.extend(entry.postal_address.as_ref().and_then(|address| value_hash(address.expose_personal())));
            index.extend(entry.email.as_ref().and_then(|email| token_hash(email.expose_personal().trim())));
            index.extend(entry.phone.as_ref().and_then(|phone| phone_hash(phone.expose_personal())));
            index.extend(token_hash(&entry.key));
        }
        for text in own_texts(facts).chain([templates.own_words()]) {
            each_candidate(text, &mut |candidate| {
                index.remove(&candidate);
            });
        }
        Self(index)
    }

    pub(super) fn check(&self, passages: &[Passage], findings: &mut Vec<Finding>) {
        for passage in passages {
            let mut met = false;
            each_candidate(&passage.struck, &mut |candidate| met |= self.0.contains(&candidate));
            if met {
                let problem = "a name, address, number or key of another person of the register stands there; take it out";
                findings.push(finding(Rule::WrongPerson, passage.place.as_str(), problem));
            }
        }
    }
}

fn own_texts<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a str> {
    let organisation = facts.organisation;
    let of_contact = |contact: &'a Contact| {
        let texts = contact.name.values().chain(contact.hours.values()).map(String::as_str);
        texts.chain(contact.phone.as_deref()).chain(contact.email.as_deref()).collect::<Vec<_>>()
    };
    let contacts = [&organisation.contact, &organisation.safety_contact].into_iter().flatten().flat_map(of_contact);
    let texts = organisation.name.values().chain(facts.account.values()).chain(facts.measures.iter().flat_map(|m| m.values())).map(String::as_str);
    contacts.chain(texts).chain(organisation.domain.as_deref()).chain([facts.reference])
}

/// A name or an address: its first words, or its characters where it is written without blanks.
fn value_hash(value: &str) -> Option<u64> {
    let wide: String = value.chars().filter(|c| is_letter_without_blanks(*c)).collect();
    if wide.chars().count() >= 2 {
        return Some(hash(&wide.chars().take(WORDS_LIMIT).collect::<String>()));
    }
    let words: Vec<String> = words(value).take(WORDS_LIMIT).collect();
    (words.len() >= 2).then(|| hash(&words.join(" ")))
}

fn token_hash(value: &str) -> Option<u64> {
    (value.chars().count() >= TOKEN_CHARS).then(|| hash(&value.to_lowercase()))
}

fn phone_hash(value: &str) -> Option<u64> {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= PHONE_DIGITS).then(|| hash(&digits[digits.len() - PHONE_DIGITS..]))
}

/// Gives every hash that a value standing in `text` would have.
fn each_candidate(text: &str, give: &mut dyn FnMut(u64)) {
    for piece in text.split(super::prose::STRUCK) {
        let words: Vec<String> = words(piece).collect();
        for (first, _) in words.iter().enumerate() {
            for last in first + 2..=(first + WORDS_LIMIT).min(words.len()) {
                give(hash(&words[first..last].join(" ")));
            }
        }
        for run in piece.split(|c: char| !is_letter_without_blanks(c)) {
            let characters: Vec<char> = run.chars().collect();
            for first in 0..characters.len() {
                for last in first + 3..=(first + WORDS_LIMIT).min(characters.len()) {
                    give(hash(&characters[first..last].iter().collect::<String>()));
                }
            }
            if characters.len() == 2 {
                give(hash(run));
            }
        }
        let in_token = |c: char| c.is_ascii_alphanumeric() || "@.-_+".contains(c);
        piece.split(|c: char| !in_token(c)).map(|token| token.trim_matches(['.', '-'])).filter_map(token_hash).for_each(&mut *give);
        piece.split(|c: char| !(c.is_ascii_digit() || " +-()".contains(c))).filter_map(phone_hash).for_each(&mut *give);
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() || is_wide(c)).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn is_letter_without_blanks(c: char) -> bool {
    is_wide(c) && c.is_alphanumeric()
}

/// Fixed keys: the same register gives the same index on every machine of one build.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
