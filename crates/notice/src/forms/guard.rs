//! What a form must never say: a value about an affected person, or that there is "no evidence" without the time that the logs
//! cover.

use std::collections::BTreeSet;

use strandline_model::register::RegisterEntry;

use super::Form;

/// Fields whose answers name people of the organisation on purpose.
const NAMES_OUR_PEOPLE: &[&str] = &["contact_person", "reporter", "dpo"];

/// Shorter values stand in too many words to tell anything.
const SHORTEST_BYTES: usize = 5;

/// Words that claim an absence, in the languages that answers are written in.
const ABSENCE: &[&str] = &["no evidence", "no sign", "no indication", "not aware of any", "沒有證據", "没有证据", "無證據", "沒有跡象", "无证据"];

/// Fields in which a person's words hold a name, address, number or key of somebody in the register. Values themselves are
/// never told.
pub fn fields_about_people<'a>(form: &Form, register: impl Iterator<Item = &'a RegisterEntry>) -> BTreeSet<&'static str> {
    let answers: Vec<(&'static str, String)> = form
        .parts
        .iter()
        .flat_map(|part| &part.fields)
        .filter(|field| !NAMES_OUR_PEOPLE.contains(&field.id))
        .flat_map(|field| field.stated.iter().map(|stated| &stated.text).chain(&field.words).map(|text| (field.id, text.to_lowercase())))
        .collect();
    let mut found = BTreeSet::new();
    if answers.is_empty() {
        return found;
    }
    for person in register {
        let personal = person.names.values().chain(&person.email).chain(&person.phone).chain(&person.postal_address).map(|v| v.expose_personal());
        for value in personal.chain([&person.key]) {
            let value = value.trim().to_lowercase();
            if value.len() >= SHORTEST_BYTES {
                found.extend(answers.iter().filter(|(_, text)| holds_word(text, &value)).map(|(id, _)| *id));
            }
        }
    }
    found
}

/// Whether the text holds the value, not as a piece of a longer word or number.
fn holds_word(text: &str, value: &str) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(value).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + value.len()..].chars().next();
        let begins = value.chars().next().is_some_and(joins) && before.is_some_and(joins);
        let ends = value.chars().next_back().is_some_and(joins) && after.is_some_and(joins);
        !begins && !ends
    })
}

/// A person's words, with what the logs cover where they claim an absence.
pub(super) fn with_coverage(text: &str, coverage: &str) -> String {
    let lower = text.to_lowercase();
    if ABSENCE.iter().any(|words| lower.contains(words)) { format!("{text} ({coverage})") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, value: &str, expected: bool) {
        assert_eq!(holds_word(text, value), expected, "{text:?} {value:?}");
    }

    #[test]
    fn a_value_is_found_as_a_word_only() {
        check("told chan siu ming today", "chan siu ming", true);
        check("case c12345.", "c12345", true);
        check("case xc12345", "c12345", false);
        check("case c123456", "c12345", false);
        check("已通知陳小明先生", "陳小明", true);
        check("", "abcde", false);
    }

    #[test]
    fn an_absence_never_stands_without_what_the_logs_cover() {
        let coverage = "the logs cover A to B";
        for text in ["There is No Evidence of a leak.", "現時沒有證據顯示資料外洩", "no indication of misuse"] {
            assert!(with_coverage(text, coverage).contains(coverage), "{text}");
        }
        assert_eq!(with_coverage("We changed all passwords.", coverage), "We changed all passwords.");
    }
}
