//! What people recorded for the letters: when it was found and stopped, what happened and what was done in their own words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use strandline_model::duty::{DutyWord, RecordedDecision};
use strandline_model::time::Instant;

/// Something was found, as far as letters are concerned; where nobody states it, an event that the law knows stands for it.
pub const FOUND: &str = "found";
/// The intruder was shut out, and somebody has verified it.
pub const STOPPED: &str = "stopped";

/// Events of the law that say that it was found.
const FOUND_BY_LAW: [&str; 4] = ["aware", "discovered", "identified", "detected"];

/// `letter_account/en`: one or two sentences on what happened.
const ACCOUNT: &str = "letter_account";
/// `letter_measures/en`: what was done, a sentence a line; the same line of each language is the same measure.
const MEASURES: &str = "letter_measures";

/// `letter_speaker/zh-Hans`: a speaker of the language has read its texts; who.
const SPEAKER: &str = "letter_speaker";

/// `letter_reference`: what letters and forms call the case.
pub const REFERENCE: &str = "letter_reference";
/// Longest reference: it is said on the telephone.
pub const REFERENCE_LIMIT_CHARS: usize = 40;

/// `letter_next`: when the organisation writes again, a day or [`LAST`].
pub const NEXT: &str = "letter_next";
/// There is to be no other letter.
pub const LAST: &str = "last";

/// When the organisation writes again. It is a promise in its name, so only a person makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// Nobody has said: the letter promises no day.
    #[default]
    Open,
    /// By this day.
    By(Date),
    /// This is the last letter, unless something new is learnt about the reader's data.
    Last,
}

impl Next {
    /// From a day such as 2026-12-13, or [`LAST`].
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            LAST => Some(Self::Last),
            day => day.parse().ok().map(Self::By),
        }
    }
}

/// What the letters of a case say on a person's word alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// When it was found.
    pub found_at: Option<Instant>,
    /// When the intruder was shut out.
    pub stopped_at: Option<Instant>,
    /// What happened, by language tag.
    pub account: BTreeMap<String, String>,
    /// What was done, by language tag, a sentence each.
    pub measures: Vec<BTreeMap<String, String>>,
    /// The case's reference, where somebody chose one.
    pub reference: Option<String>,
    /// Languages whose texts a speaker has read, as somebody said who.
    pub checked: BTreeSet<String>,
    /// When the organisation writes again, as somebody decided.
    pub next: Next,
    /// The ledger entry of the last word that counted; letters drafted before it are out of date.
    pub last_entry: Option<u64>,
}

impl Said {
    /// Reads decisions, oldest first; the last word on each thing counts.
    pub fn of(decisions: &[RecordedDecision]) -> Self {
        let mut said = Self::default();
        let mut happened: BTreeMap<&str, Instant> = BTreeMap::new();
        let mut measures: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for recorded in decisions {
            match &recorded.decision.word {
                DutyWord::Happened { event, at, .. } if is_heard(event) => {
                    happened.insert(short(event), *at);
                }
                DutyWord::Retracted { event, .. } if is_heard(event) => {
                    happened.remove(short(event));
                }
                DutyWord::Answered { question, text } if question == REFERENCE => {
                    said.reference = Some(text.expose_personal().split_whitespace().collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty());
                }
                DutyWord::Answered { question, text } if question == NEXT => said.next = Next::parse(text.expose_personal()).unwrap_or_default(),
                DutyWord::Answered { question, text } => match question.split_once('/') {
                    Some((ACCOUNT, language)) => {
                        said.account.insert(language.to_owned(), text.expose_personal().trim().to_owned());
                    }
                    Some((SPEAKER, language)) if text.expose_personal().trim().is_empty() => {
                        said.checked.remove(language);
                    }
                    Some((SPEAKER, language)) => {
                        said.checked.insert(language.to_owned());
                    }
                    Some((MEASURES, language)) => {
                        let lines = text.expose_personal().lines().map(str::trim).filter(|line| !line.is_empty());
                        measures.insert(language, lines.collect());
                    }
                    _ => continue,
                },
                _ => continue,
            }
            said.last_entry = Some(recorded.ledger_entry);
        }
        said.found_at = happened.get(FOUND).copied().or_else(|| FOUND_BY_LAW.iter().filter_map(|event| happened.get(event)).min().copied());
        said.stopped_at = happened.get(STOPPED).copied();
        said.account.retain(|_, text| !text.is_empty());
        let longest = measures.values().map(Vec::len).max().unwrap_or(0);
        let line = |n: usize| measures.iter().filter_map(|(language, lines)| Some(((*language).to_owned(), (*lines.get(n)?).to_owned()))).collect();
        said.measures = (0..longest).map(line).collect();
        said
    }
}

/// Whether letters listen to the event.
pub fn is_letter_event(event: &str) -> bool {
    [FOUND, STOPPED].contains(&event)
}

/// The language of a question that letters ask: `letter_account/LANGUAGE`, `letter_measures/LANGUAGE` or `letter_speaker/LANGUAGE`.
pub fn language_of_question(question: &str) -> Option<&str> {
    let (name, language) = question.split_once('/')?;
    [ACCOUNT, MEASURES, SPEAKER].contains(&name).then_some(language)
}

fn is_heard(event: &str) -> bool {
    is_letter_event(event) || FOUND_BY_LAW.contains(&short(event))
}

/// The event without the regime that it was stated for.
fn short(event: &str) -> &str {
    event.rsplit('/').next().unwrap_or(event)
}

#[cfg(test)]
mod tests {
    use strandline_model::duty::DutyDecision;
    use strandline_model::personal::Personal;

    use super::*;

    fn said(words: Vec<DutyWord>) -> Said {
        let recorded =
            |(ledger_entry, word)| RecordedDecision { ledger_entry, decision: DutyDecision { word, decided_by: "A".into(), decided_at: Instant(9) } };
        Said::of(&(0..).zip(words).map(recorded).collect::<Vec<_>>())
    }

    fn happened(event: &str, at: i64) -> DutyWord {
        DutyWord::Happened { event: event.into(), at: Instant(at), knowing: Personal::new(String::new()) }
    }

    fn answered(question: &str, text: &str) -> DutyWord {
        DutyWord::Answered { question: question.into(), text: Personal::new(text.into()) }
    }

    #[test]
    fn the_first_moment_that_the_law_knows_is_when_it_was_found_unless_somebody_says_so() {
        let law = said(vec![happened("gdpr/aware", 30), happened("identified", 20), happened("onset", 1)]);
        assert_eq!((law.found_at, law.stopped_at, law.last_entry), (Some(Instant(20)), None, Some(1)));
        let stated = said(vec![happened("aware", 30), happened("found", 10), happened("stopped", 50), happened("stopped", 60)]);
        assert_eq!((stated.found_at, stated.stopped_at, stated.last_entry), (Some(Instant(10)), Some(Instant(60)), Some(3)));
        let retracted = DutyWord::Retracted { event: "aware".into(), why: Personal::new(String::new()) };
        assert_eq!(said(vec![happened("aware", 30), retracted]).found_at, None);
        assert_eq!(said(vec![happened("significant_harm", 3)]), Said::default());
    }

    #[test]
    fn words_of_their_own_stand_by_language_and_measures_line_by_line() {
        let said = said(vec![
            answered("letter_account/en", "Old."),
            answered("letter_account/en", " A stolen account was used. "),
            answered("letter_measures/en", "We closed the account.\n\nWe changed all keys.\n"),
            answered("letter_measures/zh-Hant", "我們已停用該帳戶。"),
            answered("contact_person", "somebody"),
        ]);
        assert_eq!(said.account, BTreeMap::from([("en".to_owned(), "A stolen account was used.".to_owned())]));
        let line = |pairs: &[(&str, &str)]| pairs.iter().map(|(l, t)| ((*l).to_owned(), (*t).to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(said.measures, [line(&[("en", "We closed the account."), ("zh-Hant", "我們已停用該帳戶。")]), line(&[("en", "We changed all keys.")])]);
        assert_eq!(said.last_entry, Some(3));
    }

    #[test]
    fn the_next_letter_is_when_somebody_decided() {
        let next = |texts: &[&str]| said(texts.iter().map(|text| answered(NEXT, text)).collect()).next;
        assert_eq!(next(&[]), Next::Open);
        assert_eq!(next(&["2026-12-13"]), Next::By(jiff::civil::date(2026, 12, 13)));
        assert_eq!(next(&["2026-12-13", "last"]), Next::Last);
        assert_eq!(next(&["soon"]), Next::Open);
    }

    #[test]
    fn a_reference_is_what_somebody_chose_last() {
        assert_eq!(said(vec![answered(REFERENCE, " PRV /  7 ")]).reference.as_deref(), Some("PRV / 7"));
        assert_eq!(said(vec![answered(REFERENCE, "A"), answered(REFERENCE, " ")]).reference, None);
    }
}
