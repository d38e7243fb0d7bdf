//! The answer sheet: short answers to what many people ask, by what they ask, how sure the case is of them, and their language. A
//! person reads each before it goes, and nothing here answers a fear for somebody's safety.

use strandline_model::estate::Contact;
use strandline_model::personal::Personal;
use strandline_support::{Kind, Message};

use crate::authenticity::Authenticity;

const SHEETS: [(&str, &str); 3] =
    [("en", include_str!("../../sheets/en.txt")), ("zh-Hant", include_str!("../../sheets/zh-Hant.txt")), ("zh-Hans", include_str!("../../sheets/zh-Hans.txt"))];

/// What the sheet answers; `None` where a person must find the words.
pub(super) fn answer(message: &Message, tier: Option<&str>, check: Option<&Authenticity>, contact: Option<&Contact>) -> Option<Personal<String>> {
    let section = match (message.kind, check) {
        (Kind::Safety, _) => return None,
        (Kind::Question, _) => format!("question {}", tier.unwrap_or("not_reached")),
        (Kind::NotMe, _) => "not_me".to_owned(),
        (Kind::Moved, _) => "moved".to_owned(),
        (Kind::Check, Some(Authenticity::Ours { beside_lines, .. })) if beside_lines.is_empty() => "check ours".to_owned(),
        (Kind::Check, Some(Authenticity::NotOurs)) => "check not_ours".to_owned(),
        (Kind::Check, Some(Authenticity::Altered { .. })) => "check altered".to_owned(),
        // Ours with something beside it, the code alone, or nothing to judge: somebody looks.
        (Kind::Check, _) => return None,
    };
    let (_, sheet) = SHEETS.iter().find(|(language, _)| *language == message.language).or(SHEETS.first())?;
    let text = part(sheet, &section)?;
    let phone = contact.and_then(|contact| contact.phone.as_deref());
    // A sentence with a number that the estate does not have is left out.
    let lines = text.lines().filter(|line| phone.is_some() || !line.contains("{phone}"));
    Some(Personal::new(lines.collect::<Vec<_>>().join("\n").replace("{phone}", phone.unwrap_or_default())))
}

fn part<'s>(sheet: &'s str, section: &str) -> Option<&'s str> {
    let head = format!("[{section}]\n");
    let (_, rest) = sheet.split_once(&head)?;
    Some(rest.split("\n[").next().unwrap_or(rest).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sheet_answers_the_same() {
        let heads = |sheet: &str| sheet.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect::<Vec<_>>();
        for (language, sheet) in SHEETS {
            assert_eq!(heads(sheet), heads(SHEETS[0].1), "{language}");
            for head in heads(sheet) {
                let text = part(sheet, head.trim_matches(['[', ']'])).unwrap_or_default();
                assert!(!text.is_empty() && !text.contains('['), "{language} {head}");
                assert_eq!(text.replace("{phone}", "").find(['{', '}']), None, "{language} {head}");
            }
        }
    }
}
