//! What letters of a language are measured by, and the words that they must not hold: `language.txt`, data like the other texts.

use std::collections::BTreeMap;

use super::pattern::{Section, is_wide};
use super::template::{TemplateError, known};

/// The sections of the file.
const SECTIONS: [&str; 10] = ["tags", "months", "short-months", "limits", "hedges", "hedging-verbs", "no-evidence", "boasts", "slow", "unchecked"];

/// Months of a year.
const MONTHS: usize = 12;

/// A measure of a letter, by the word of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    /// Words of prose in a letter, at most: with the table it then fits one A4 page.
    Words,
    /// Words in one sentence, at most.
    SentenceWords,
    /// Words in a sentence on average, at most.
    MeanSentenceWords,
    /// Flesch reading ease, at least. It counts English syllables.
    Flesch,
    /// Björnsson's LIX, at most: words in a sentence, and in a hundred words those of more than six letters. It counts no syllables, so
    /// that it serves every language whose words are of letters.
    Lix,
    /// Characters of prose in a letter, at most, where words are not parted.
    Characters,
    /// Characters in one clause, at most.
    ClauseCharacters,
}

const LIMITS: [(&str, Limit); 7] = [
    ("words", Limit::Words),
    ("sentence-words", Limit::SentenceWords),
    ("mean-sentence-words", Limit::MeanSentenceWords),
    ("flesch", Limit::Flesch),
    ("lix", Limit::Lix),
    ("characters", Limit::Characters),
    ("clause-characters", Limit::ClauseCharacters),
];

/// What a language's letters are measured by.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    limits: BTreeMap<Limit, f64>,
    /// What registers call the language, beside its tag.
    pub(super) tags: Vec<String>,
    /// The months, and as they are shortened; none where dates are written without names.
    months: [Vec<String>; 2],
    /// Words that hedge.
    pub(super) hedges: Vec<String>,
    /// Verbs that hedge, and are names with a capital.
    pub(super) hedging_verbs: Vec<String>,
    /// What says that there is no evidence.
    pub(super) no_evidence: Vec<String>,
    /// Boasts.
    pub(super) boasts: Vec<String>,
    /// Units of time that make an action slow.
    pub(super) slow: Vec<String>,
    /// No speaker of the language has read its texts.
    pub(super) unchecked: bool,
}

impl Manner {
    /// From the sections of a language's file.
    pub(super) fn read(sections: &[Section]) -> Result<Self, TemplateError> {
        let found = known(sections, SECTIONS.iter().copied())?;
        let words = |name: &str| found.get(name).map(|section| section.lines.iter().map(|(_, line)| line.to_lowercase()).collect()).unwrap_or_default();
        let mut limits = BTreeMap::new();
        for (line, text) in found.get("limits").iter().flat_map(|section| &section.lines) {
            let bad = || TemplateError::BadLimit { file: found["limits"].file.clone(), line: *line, known: LIMITS.map(|(name, _)| name).join(", ") };
            let (name, number) = text.split_once(char::is_whitespace).ok_or_else(bad)?;
            let (_, limit) = LIMITS.iter().find(|(known, _)| *known == name).ok_or_else(bad)?;
            let number: f64 = number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0).ok_or_else(bad)?;
            limits.insert(*limit, number);
        }
        let mut months = [Vec::new(), Vec::new()];
        for (names, section) in months.iter_mut().zip(["months", "short-months"]) {
            let Some(section) = found.get(section) else { continue };
            *names = section.lines.iter().map(|(_, line)| line.clone()).collect();
            if names.len() != MONTHS {
                return Err(TemplateError::BadMonths { file: section.file.clone(), line: section.line, found: names.len() });
            }
        }
        Ok(Self {
            limits,
            tags: words("tags"),
            months,
            hedges: words("hedges"),
            hedging_verbs: words("hedging-verbs"),
            no_evidence: words("no-evidence"),
            boasts: words("boasts"),
            slow: words("slow"),
            unchecked: found.contains_key("unchecked"),
        })
    }

    /// A date's pattern with the names of its month: `%B` whole, `%b` shortened. What strftime knows are English ones.
    pub(super) fn with_month(&self, pattern: &str, month: i8) -> String {
        let name = |names: &[String]| usize::try_from(month - 1).ok().and_then(|place| names.get(place)).map(|name| name.replace('%', "%%"));
        let whole = name(&self.months[0]);
        let short = name(&self.months[1]).or_else(|| whole.clone());
        let pattern = whole.map_or_else(|| pattern.to_owned(), |whole| pattern.replace("%B", &whole));
        short.map_or_else(|| pattern.clone(), |short| pattern.replace("%b", &short))
    }

    /// A limit, where the language has it.
    pub(super) fn limit(&self, limit: Limit) -> Option<f64> {
        self.limits.get(&limit).copied()
    }

    /// Whether there is any measure.
    pub(super) fn measures(&self) -> bool {
        !self.limits.is_empty()
    }
}

/// Whether a text, in small letters, holds a word or a phrase: by itself, where the script parts words.
pub(super) fn holds(text: &str, phrase: &str) -> bool {
    let parts = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() && !is_unparted(c));
    let joins = |c: Option<char>, own: Option<char>| parts(own) && parts(c);
    text.match_indices(phrase).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + phrase.len()..].chars().next());
        !joins(before, phrase.chars().next()) && !joins(after, phrase.chars().next_back())
    })
}

/// Whether a character belongs to a script that puts no blanks between words: Chinese and Japanese, Thai, Lao, Burmese, Khmer.
fn is_unparted(c: char) -> bool {
    is_wide(c) || matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}
