//! Letters as a page shows them: the lint, and the text of one, with the person's name and code covered unless somebody said why.

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::{Right, Role};
use strandline_model::code::SupportCode;
use strandline_model::letter_word::LetterWord;
use strandline_model::personal::Personal;
use strandline_model::window::Window;
use strandline_notice::letter::{Source, as_shown};
use strandline_outbound::codes_in;

use super::act::DeskError;
use super::mail::{MailGiven, MailWay};
use super::people::mask_name;
use super::rights::allow;
use crate::error::ResponseError;
use crate::letter_words::{Addressees, letter_words};
use crate::run::{Names, Response, Settings};
use crate::stage::expose::{others, register};
use crate::stage::letters::{Drafting, index, laws_of};
use crate::stage::notify::{AfterFailure, LetterPlan, PersonStatus, Reach, Wave, load_text};
use crate::stage::print;
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

/// Letters of a round in the lots that they go in. Each is a list of people, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterBatches {
    /// Would go by this channel, were they sent now.
    pub by_channel: BTreeMap<&'static str, BTreeSet<String>>,
    /// Wait for a person, by reason.
    pub held: BTreeMap<String, BTreeSet<String>>,
    /// Did not arrive, and could go by the other channel.
    pub other_channel: BTreeSet<String>,
    /// Failed for what a mail server holds against the sender: they can go again once that is mended.
    pub send_again: BTreeSet<String>,
    /// Letters by what they are made from: which letter, in which language.
    pub templates: BTreeMap<(String, String), BTreeSet<String>>,
}

impl LetterBatches {
    /// Those of a plan.
    pub(super) fn of(response: &Response<'_>, plan: &LetterPlan, people: &[PersonStatus]) -> Result<Self, ResponseError> {
        let wave = |after_failure| Wave { round: plan.round, second_approver_from: None, channel: None, after_failure, reach: Reach::Better };
        let mut batches = Self::default();
        let next = response.next_channels(plan, wave(AfterFailure::Leave))?;
        for (key, channel) in &next {
            batches.by_channel.entry(channel.as_str()).or_default().insert(key.clone());
        }
        let otherwise = response.next_channels(plan, wave(AfterFailure::OtherChannel))?;
        batches.other_channel = otherwise.into_iter().filter(|(key, channel)| next.get(key) != Some(channel)).map(|(key, _)| key).collect();
        batches.send_again = people.iter().filter(|person| person.failed_for_the_sender()).map(|person| person.data_subject.clone()).collect();
        for letter in &plan.held {
            batches.held.entry(letter.reason.clone()).or_default().insert(letter.data_subject.clone());
        }
        let has_letters = response.case.manifest().stages.get("letters").is_some_and(|record| !record.files.is_empty());
        for letter in if has_letters { index(response)? } else { Vec::new() } {
            batches.templates.entry((letter.kind, letter.language)).or_default().insert(letter.data_subject);
        }
        Ok(batches)
    }
}

/// What a letter is made from, and the envelope that it goes into.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The file that its text is from, its subject lines, its slots; none where the language is nobody's.
    pub template: Option<Source>,
    /// What stands in the window.
    pub envelope: Envelope,
}

/// The window of a letter's envelope, and what stands behind it.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The window, as the estate names it.
    pub window: Option<Window>,
    /// The lines of the address.
    pub address: Vec<Personal<String>>,
    /// Who writes: the line above it.
    pub sender: Vec<String>,
    /// What the printer saw there.
    pub printed: InWindow,
}

/// What the printer saw in the window of a letter that was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InWindow {
    /// The letters were not printed as they are now.
    NotPrinted,
    /// This one could not be printed, or goes by no post.
    NoPage,
    /// The address and the sender's line, and nothing else.
    AddressAlone,
    /// More, or less.
    Found(Vec<String>),
}

/// By which way letters would go by mail, for people.
///
/// # Errors
/// What is missing; if there is no case.
pub fn mail_way(settings: &Settings<'_>, given: &MailGiven) -> Result<MailWay, ResponseError> {
    let mut quiet = super::Quiet;
    Ok(given.way(&Response::look(settings, &mut quiet)?)?)
}

/// What a person's letter is made from, and what its envelope shows: whoever shows the address has entered why before, else it is covered.
///
/// # Errors
/// If it is not the role's, there is no such letter, or it cannot be drafted again.
pub fn beside(settings: &Settings<'_>, role: Role, data_subject: &str, names: Names) -> Result<Beside, DeskError> {
    allow(role, Right::SeePeople)?;
    if names == Names::Shown {
        allow(role, Right::ShowName)?;
    }
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let no_letter = || ResponseError::NoLetter(data_subject.to_owned());
    let indexed = response.indexed_letter(data_subject)?.ok_or_else(no_letter)?;
    let (drafting, _) = Drafting::again(&response)?.ok_or_else(no_letter)?;
    let laws = laws_of(drafting.people.get(data_subject), &response.estate.organisation.regimes);
    let own: Vec<(String, String)> = store::read_json(&response.case, store::TEMPLATES)?.unwrap_or_default();
    let mut found = None;
    drafting.letter_of(&response.case, drafting.reassurance(&response), data_subject, &mut |letter, recipient| {
        let templates = drafting.templates_of(recipient.entry);
        let template = templates.source(&own, &laws, &letter.language, letter.kind);
        let document = letter.document.expose_personal();
        let shown = |line: &String| Personal::new(if names == Names::Shown { line.clone() } else { mask_name(line) });
        let address = document.recipient.iter().map(shown).collect();
        found = Some((template, document.window.clone(), address, document.sender.clone()));
        Ok(())
    })?;
    let (template, window, address, sender) = found.ok_or_else(no_letter)?;
    let printed = in_window(&response, data_subject, &indexed.stem)?;
    Ok(Beside { template, envelope: Envelope { window, address, sender, printed } })
}

fn in_window(response: &Response<'_>, data_subject: &str, stem: &str) -> Result<InWindow, ResponseError> {
    let Some(printed) = print::current(response)? else { return Ok(InWindow::NotPrinted) };
    let found: Vec<String> = printed.findings.iter().filter(|f| f.window && f.data_subject == data_subject).map(|f| f.problem.clone()).collect();
    let pdf = format!("letters/{stem}.pdf");
    let has_page = response.case.manifest().stages.get("print").is_some_and(|record| record.files.iter().any(|file| file.file == pdf));
    Ok(match (found.is_empty(), has_page) {
        (false, _) => InWindow::Found(found),
        (true, true) => InWindow::AddressAlone,
        (true, false) => InWindow::NoPage,
    })
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
