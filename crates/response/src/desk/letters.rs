//! Letters as a page shows them: the lint, and the text of one, with the person's name and code covered unless somebody said why.

use std::collections::BTreeMap;

use strandline_model::code::SupportCode;
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;

use super::people::mask_name;
use crate::error::ResponseError;
use crate::run::{Response, Settings};
use crate::stage::notify::load_text;
use crate::store;

/// One finding of the lint, and how many letters have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintLine {
    /// The rule.
    pub rule: &'static str,
    /// Where in the letter.
    pub place: String,
    /// What is wrong, and the way out.
    pub problem: String,
    /// Whether it keeps letters from being approved.
    pub blocks: bool,
    /// How many letters have it.
    pub letters: u64,
}

/// One letter.
#[derive(Clone, Debug)]
pub struct LetterText {
    /// Which letter.
    pub kind: String,
    /// Its language.
    pub language: String,
    /// Why it waits for a person, or what a person should know; empty if nothing.
    pub attention: String,
    /// Whether it waits.
    pub is_held: bool,
    /// The subject line.
    pub subject: Personal<String>,
    /// The text.
    pub text: Personal<String>,
}

/// Reads every letter as its reader will; what it finds, the most frequent first.
///
/// # Errors
/// If there are no letters yet, or one cannot be read.
pub fn lint(settings: &Settings<'_>) -> Result<Vec<LintLine>, ResponseError> {
    let mut quiet = super::Quiet;
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for (_, finding) in Response::look(settings, &mut quiet)?.lint_letters()? {
        *counts.entry(finding).or_default() += 1;
    }
    let line = |(finding, letters): (crate::notice::Finding, u64)| LintLine {
        rule: finding.rule.as_str(),
        blocks: finding.rule.blocks(),
        place: finding.place,
        problem: finding.problem,
        letters,
    };
    let mut lines: Vec<LintLine> = counts.into_iter().map(line).collect();
    lines.sort_by(|a, b| (b.blocks, b.letters, &a.problem).cmp(&(a.blocks, a.letters, &b.problem)));
    Ok(lines)
}

/// A person's letter with every name of theirs and the code covered; the first person's, where none is named.
///
/// # Errors
/// If there is no such letter, or it is not what was committed.
pub fn masked_letter(settings: &Settings<'_>, data_subject: &str) -> Result<LetterText, ResponseError> {
    let (mut letter, entry) = letter(settings, data_subject)?;
    let names: Vec<String> = entry.iter().flat_map(|entry| entry.names.values()).map(|name| name.expose_personal().clone()).collect();
    letter.subject = Personal::new(covered(letter.subject.expose_personal(), &names));
    letter.text = Personal::new(covered(letter.text.expose_personal(), &names));
    Ok(letter)
}

/// A person's letter with their name. The code stays covered: it opens what is held on a person, and nobody here needs it.
///
/// # Errors
/// If there is no such letter, or it is not what was committed.
pub fn whole_letter(settings: &Settings<'_>, data_subject: &str) -> Result<LetterText, ResponseError> {
    let (mut letter, _) = letter(settings, data_subject)?;
    letter.text = Personal::new(covered(letter.text.expose_personal(), &[]));
    Ok(letter)
}

fn letter(settings: &Settings<'_>, data_subject: &str) -> Result<(LetterText, Option<RegisterEntry>), ResponseError> {
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let no_letter = || ResponseError::NoLetter(data_subject.to_owned());
    let indexed = response.indexed_letter(data_subject)?.ok_or_else(no_letter)?;
    let file = format!("letters/{}.txt", indexed.stem);
    let stored = response.case.manifest().stages.get("letters").and_then(|record| record.files.iter().find(|stored| stored.file == file));
    let (_, subject, text) = load_text(response.case.path(), &file, &stored.ok_or_else(no_letter)?.sha256)?;
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    let entry = response.letter_plan(round)?.people.remove(data_subject);
    let is_held = indexed.is_held();
    let letter = LetterText { kind: indexed.kind, language: indexed.language, attention: indexed.attention, is_held, subject: Personal::new(subject), text };
    Ok((letter, entry))
}

/// A text without names and codes. The longest names first, so that no part of one is left standing.
fn covered(text: &str, names: &[String]) -> String {
    let mut names: Vec<&String> = names.iter().filter(|name| !name.trim().is_empty()).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut text = text.to_owned();
    for name in names {
        text = text.replace(name.as_str(), &mask_name(name));
    }
    text.split_inclusive(|c: char| c.is_whitespace()).map(cover_code).collect()
}

/// A word in which a code of a letter stands is covered, with what follows it kept.
fn cover_code(word: &str) -> String {
    let code = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if !code.is_empty() && code.parse::<SupportCode>().is_ok() { word.replace(code, "****-****-****-****") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn names_and_codes_are_covered() {
        let code = strandline_model::code::SupportCode::from_bits([7; 10]).grouped();
        let text = format!("Dear CHAN Tai Man,\nthe code is {code}.\n此信代碼：{code}。\n");
        let got = covered(&text, &["CHAN Tai Man".to_owned(), "CHAN".to_owned()]);
        assert!(!got.contains("CHAN") && !got.contains(&code), "a name or a code stands");
        assert!(got.starts_with("Dear C** T** M**,\nthe code is ****-****-****-****.\n"));
    }
}
