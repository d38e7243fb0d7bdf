//! The answer sheet: short answers to what many people ask, by what they ask, how sure the case is of them, and their language. A
//! person reads each before it goes, and nothing here answers a fear for somebody's safety.

use strandline_model::estate::Contact;
use strandline_model::personal::Personal;
use strandline_notice::letter::Before;
use strandline_support::{Kind, Message};

use crate::authenticity::{Authenticity, Left};

macro_rules! sheets {
    ($($language:literal),* $(,)?) => {
        &[$(($language, include_str!(concat!("../../sheets/", $language, ".txt")))),*]
    };
}

/// English first, for languages that have none.
const SHEETS: &[(&str, &str)] = sheets!["en", "de", "es", "fr", "hi", "id", "ja", "ko", "ne", "pt", "th", "tl", "ur", "zh-Hans", "zh-Hant"];

/// The sheet of one language: what people ask, and what to say, by section.
pub(crate) struct Sheet(&'static str);

impl Sheet {
    /// Of this language; of English where there is none.
    pub(crate) fn of(language: &str) -> Self {
        let own = SHEETS.iter().find(|(known, _)| *known == language).or(SHEETS.first());
        Self(own.map_or("", |(_, sheet)| sheet))
    }

    /// One section; a sentence with a number that the estate does not have is left out.
    pub(crate) fn part(&self, section: &str, phone: Option<&str>) -> Option<String> {
        let lines = part(self.0, section)?.lines().filter(|line| phone.is_some() || !line.contains("{phone}"));
        Some(lines.collect::<Vec<_>>().join("\n").replace("{phone}", phone.unwrap_or_default()))
    }
}

/// The section that says how sure the case is of somebody: by the weakest line of what they were told. Where that was nothing and the
/// case does not clear them today, a person finds the words.
pub(crate) fn tier_section(told: Option<&Before>, is_cleared: bool) -> Option<String> {
    match told?.told.values().map(|(certainty, _)| *certainty).min() {
        Some(certainty) => Some(format!("sure {}", certainty.as_str())),
        None if is_cleared => Some("sure not_reached".to_owned()),
        None => None,
    }
}

/// Who wrote, and what holds of them.
pub(super) struct Writer<'w> {
    /// Who.
    pub(super) data_subject: &'w str,
    /// What the last letter that left told them; none if none left.
    pub(super) told: Option<&'w Before>,
    /// Whether the case clears them today.
    pub(super) is_cleared: bool,
}

/// Whether a message is, whole and as it left, the letter to this person, and nothing beside it.
pub(super) fn is_own_letter(check: &Authenticity, writer: &str) -> bool {
    matches!(check, Authenticity::Ours { data_subject: Some(of), left: Left::Yes, missing_lines, beside_lines, .. }
        if of == writer && missing_lines.is_empty() && beside_lines.is_empty())
}

/// What the sheet answers; `None` where a person must find the words.
pub(super) fn answer(message: &Message, writer: &Writer<'_>, check: Option<&Authenticity>, contact: Option<&Contact>) -> Option<Personal<String>> {
    let sections: Vec<String> = match (message.kind, check) {
        (Kind::Safety, _) => return None,
        (Kind::Question, _) => question_sections(tier_section(writer.told, writer.is_cleared)?),
        (Kind::NotMe, _) => vec!["not_me".to_owned()],
        (Kind::Moved, _) => vec!["moved".to_owned()],
        (Kind::Check, Some(check)) if is_own_letter(check, writer.data_subject) => vec!["check ours".to_owned()],
        (Kind::Check, Some(Authenticity::NotOurs)) => vec!["check not_ours".to_owned()],
        (Kind::Check, Some(Authenticity::Altered { .. })) => vec!["check altered".to_owned()],
        // Ours with something beside it or cut out of it, somebody else's, a draft, the code alone, or nothing to judge: somebody looks.
        (Kind::Check, _) => return None,
    };
    let sheet = Sheet::of(&message.language);
    let phone = contact.and_then(|contact| contact.phone.as_deref());
    let parts: Vec<String> = sections.iter().filter_map(|section| sheet.part(section, phone)).filter(|part| !part.is_empty()).collect();
    Some(Personal::new(parts.join("\n")))
}

/// What a question is answered with: the letter that they hold in hand counts, not a draft.
fn question_sections(sure: String) -> Vec<String> {
    let has_actions = sure != "sure not_reached";
    let words = |name: &str| name.to_owned();
    [Some(words("greeting")), Some(sure), has_actions.then(|| words("do")), Some(words("closing"))].into_iter().flatten().collect()
}

fn part<'s>(sheet: &'s str, section: &str) -> Option<&'s str> {
    let head = format!("[{section}]\n");
    let (_, rest) = sheet.split_once(&head)?;
    Some(rest.split("\n[").next().unwrap_or(rest).trim())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use strandline_model::exposure::{Basis, Certainty};
    use strandline_model::time::Instant;

    use super::*;

    fn told(tiers: &[Certainty]) -> Before {
        let told = tiers.iter().enumerate().map(|(place, tier)| (format!("category {place}"), (*tier, Basis::Disclosed)));
        Before { at: Instant(0), told: told.collect::<BTreeMap<_, _>>(), recounted: None }
    }

    #[test]
    fn a_question_is_answered_from_the_letter_in_hand_and_its_weakest_line() {
        use Certainty::{Confirmed, Likely, Possible};
        for (tiers, is_cleared, expected) in [
            (Some(&[Confirmed, Confirmed][..]), false, Some("sure confirmed")),
            (Some(&[Confirmed, Possible, Likely]), true, Some("sure possible")),
            (Some(&[]), true, Some("sure not_reached")),
            (Some(&[]), false, None),
            (None, true, None),
        ] {
            assert_eq!(tier_section(tiers.map(told).as_ref(), is_cleared).as_deref(), expected, "{tiers:?} {is_cleared}");
        }
    }

    #[test]
    fn only_the_whole_letter_to_the_writer_that_left_is_called_theirs() {
        let ours = |of: Option<&str>, left, missing: &[usize], beside: &[usize]| Authenticity::Ours {
            data_subject: of.map(str::to_owned),
            round: Some(1),
            left,
            missing_lines: missing.to_vec(),
            beside_lines: beside.to_vec(),
            beside_words: beside.len(),
            foreign_links: Vec::new(),
            foreign_files: Vec::new(),
        };
        assert!(is_own_letter(&ours(Some("P1"), Left::Yes, &[], &[]), "P1"));
        for other in [
            ours(Some("P2"), Left::Yes, &[], &[]),
            ours(None, Left::Yes, &[], &[]),
            ours(Some("P1"), Left::No, &[], &[]),
            ours(Some("P1"), Left::Perhaps, &[], &[]),
            ours(Some("P1"), Left::Yes, &[3], &[]),
            ours(Some("P1"), Left::Yes, &[], &[3]),
            Authenticity::NotOurs,
        ] {
            assert!(!is_own_letter(&other, "P1"), "{other:?}");
        }
    }

    #[test]
    fn every_sheet_answers_the_same() {
        let heads = |sheet: &str| sheet.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect::<Vec<_>>();
        for (language, sheet) in SHEETS.iter().copied() {
            assert_eq!(heads(sheet), heads(SHEETS[0].1), "{language}");
            for head in heads(sheet) {
                let text = part(sheet, head.trim_matches(['[', ']'])).unwrap_or_default();
                assert!(!text.is_empty() && !text.contains('['), "{language} {head}");
                assert_eq!(text.replace("{phone}", "").find(['{', '}']), None, "{language} {head}");
            }
        }
    }
}
