//! Letters as a page shows them: the lint, and the text of one, with the person's name and code covered unless somebody said why.

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::{Right, Role};
use strandline_model::code::SupportCode;
use strandline_model::letter_word::LetterWord;
use strandline_model::personal::Personal;
use strandline_notice::letter::as_shown;
use strandline_outbound::codes_in;

use super::act::DeskError;
use super::people::mask_name;
use super::rights::allow;
use crate::error::ResponseError;
use crate::letter_words::{Addressees, letter_words};
use crate::run::{Response, Settings};
use crate::stage::expose::{others, register};
use crate::stage::notify::load_text;

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
    /// To whom, by key.
    pub people: BTreeSet<String>,
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
    let mut found: BTreeMap<_, (u64, BTreeSet<String>)> = BTreeMap::new();
    for (key, finding) in Response::look(settings, &mut quiet)?.lint_letters()? {
        let (letters, people) = found.entry(finding).or_default();
        *letters += 1;
        people.insert(key);
    }
    let line = |(finding, (letters, people)): (crate::notice::Finding, (u64, BTreeSet<String>))| LintLine {
        rule: finding.rule.as_str(),
        blocks: finding.rule.blocks(),
        place: finding.place,
        problem: finding.problem,
        letters,
        people,
    };
    let mut lines: Vec<LintLine> = found.into_iter().map(line).collect();
    lines.sort_by(|a, b| (b.blocks, b.letters, &a.problem).cmp(&(a.blocks, a.letters, &b.problem)));
    Ok(lines)
}

/// A person's letter with every name in it, the value that a list gave the person, and the code covered.
///
/// # Errors
/// If there is no such letter, or it is not what was committed.
pub fn masked_letter(settings: &Settings<'_>, data_subject: &str) -> Result<LetterText, ResponseError> {
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let mut letter = letter(&response, data_subject)?;
    let personal = personal_in_letter(&response, data_subject)?;
    letter.subject = Personal::new(covered(letter.subject.expose_personal(), &personal));
    letter.text = Personal::new(covered(letter.text.expose_personal(), &personal));
    Ok(letter)
}

/// A person's letter with their name. The code stays covered: it opens what is held on a person, and nobody here needs it.
///
/// # Errors
/// If it is not the role's, there is no such letter, or it is not what was committed.
pub fn whole_letter(settings: &Settings<'_>, role: Role, data_subject: &str) -> Result<LetterText, DeskError> {
    allow(role, Right::ShowName)?;
    let mut quiet = super::Quiet;
    let mut letter = letter(&Response::look(settings, &mut quiet)?, data_subject)?;
    letter.text = Personal::new(covered(letter.text.expose_personal(), &[]));
    Ok(letter)
}

fn letter(response: &Response<'_>, data_subject: &str) -> Result<LetterText, ResponseError> {
    let no_letter = || ResponseError::NoLetter(data_subject.to_owned());
    let indexed = response.indexed_letter(data_subject)?.ok_or_else(no_letter)?;
    let file = format!("letters/{}.txt", indexed.stem);
    let stored = response.case.manifest().stages.get("letters").and_then(|record| record.files.iter().find(|stored| stored.file == file));
    let (_, subject, text) = load_text(response.case.path(), &file, &stored.ok_or_else(no_letter)?.sha256)?;
    let is_held = indexed.is_held();
    Ok(LetterText { kind: indexed.kind, language: indexed.language, attention: indexed.attention, is_held, subject: Personal::new(subject), text })
}

/// What names somebody in a person's letter: the register's names and those that a person's word put in their place, whoever else reads
/// the letter, the value of a list. Words that were taken back count too, since a letter can be older than the last one.
fn personal_in_letter(response: &Response<'_>, data_subject: &str) -> Result<Vec<Personal<String>>, ResponseError> {
    let mut personal: Vec<Personal<String>> = Vec::new();
    let registered = [register(response)?.0.remove(data_subject), others(response)?.0.remove(data_subject)];
    for entry in registered.into_iter().flatten().chain(Addressees::of(response)?.people.remove(data_subject)) {
        personal.extend(entry.names.into_values());
        personal.extend(entry.reader.and_then(|(_, name)| name));
        personal.extend(entry.given);
    }
    for (_, word) in letter_words(&response.case)? {
        if let LetterWord::Readdressed { data_subject: key, place, .. } = word
            && key == data_subject
        {
            personal.extend(place.name);
        }
    }
    Ok(personal)
}

/// A text without codes and names, each as it was given and as a letter shows it. Codes go first, so that no name of a letter or two
/// breaks one; then the longest names, so that no part of one is left standing.
pub(super) fn covered(text: &str, personal: &[Personal<String>]) -> String {
    let mut text: String = text.split_inclusive(|c: char| c.is_whitespace()).map(cover_code).collect();
    for code in codes_in(&text) {
        text = text.replace(&code.grouped(), COVERED_CODE);
    }
    let written = personal.iter().map(Personal::expose_personal).flat_map(|value| [value.trim().to_owned(), as_shown(value)]);
    let mut written: Vec<String> = written.filter(|value| !value.is_empty()).collect();
    written.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in written {
        text = text.replace(&value, &mask_name(&value));
    }
    text
}

/// What stands for a code.
const COVERED_CODE: &str = "****-****-****-****";

/// A word in which a code of a letter stands is covered, with what follows it kept.
fn cover_code(word: &str) -> String {
    let code = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if !code.is_empty() && code.parse::<SupportCode>().is_ok() { word.replace(code, COVERED_CODE) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use strandline_model::code::SupportCode;
    use strandline_model::personal::Personal;

    use super::covered;

    fn check(names: &[&str], text: &str, expected: &str) {
        let names: Vec<Personal<String>> = names.iter().map(|name| Personal::new((*name).to_owned())).collect();
        assert!(covered(text, &names) == expected, "a made-up name or code stands: {}", covered(text, &names));
    }

    #[test]
    fn names_and_codes_are_covered() {
        let code = SupportCode::from_bits([7; 10]).grouped();
        let text = format!("Dear CHAN Tai Man,\nthe code is {code}.\n此信代碼：{code}。(ref:{code})\n");
        let covered = "****-****-****-****";
        let expected = format!("Dear C** T** M**,\nthe code is {covered}.\n此信代碼：{covered}。(ref:{covered})\n");
        check(&["CHAN Tai Man", "CHAN"], &text, &expected);
        // A name of one letter stands in half of all codes, and breaks none.
        let letter = code.chars().find(char::is_ascii_uppercase).expect("this code has a letter").to_string();
        check(&[&letter], &format!("x {code}"), &format!("x {covered}"));
    }

    #[test]
    fn a_name_is_covered_as_the_letter_shows_it() {
        check(&["CHAN  Tai\u{3000}Man"], "Dear CHAN Tai Man,", "Dear C** T** M**,");
        check(&["\u{202e}CHAN\u{200b} Tai"], "Dear CHAN Tai,", "Dear C** T**,");
        let long = "Aa ".repeat(60);
        check(&[&long], &format!("Dear {},", "Aa ".repeat(40).trim()), &format!("Dear {},", "A** ".repeat(40).trim()));
    }
}
