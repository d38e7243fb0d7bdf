//! What must not be approved: [`lint`] reads one letter as its reader will, and says what is wrong and where. No finding prints a value.
//!
//! The limits come from research on breach notices: Zou and others, "You 'Might' Be Affected" (CHI 2019), found 97 % of notices
//! hard to read, 70 % hedging and 40 % saying "no evidence of misuse"; plain-English guidance asks for 15 words a sentence.

mod links;
mod prose;
mod readability;
mod strangers;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use strandline_model::document::{Block, Document};

use super::compose::{ACTIONS_LIMIT, about_category, actions_needed, because, expected_rows, news, next_day, page, tell_others, zone};
use super::dates::local;
use super::manner::{Limit, Manner};
use super::recipient::Addressee;
use super::template::Templates;
use super::{Facts, Kind, Letter, Next, Recipient};
use prose::{Passage, passages};

pub use readability::{Reading, flesch, lix, read};
pub use strangers::Strangers;

/// Minutes that the first action takes, at most: what is quick is done.
const FIRST_ACTION_MINUTES_LIMIT: u32 = 5;

/// A rule of the lint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The letter is too long.
    Length,
    /// A sentence, or the mean sentence, is too long.
    SentenceLength,
    /// The letter is hard to read.
    Readability,
    /// A Chinese clause is too long.
    ClauseLength,
    /// A word that hedges.
    Hedge,
    /// "No evidence", which says nothing without the window that the logs cover.
    NoEvidence,
    /// A boast: "we take your privacy seriously".
    Boast,
    /// An action that does not say how long it takes.
    ActionWithoutTime,
    /// More actions than anybody does, or none.
    ActionCount,
    /// A first action that is not quick.
    FirstActionSlow,
    /// The letter does not say when the organisation writes again, or that day is not ahead.
    NextDate,
    /// A link or mail address outside the organisation's own domain.
    ForeignLink,
    /// A slot that was not filled.
    UnfilledSlot,
    /// A part that every letter must have.
    MissingPart,
    /// Something that is not the recipient's.
    WrongPerson,
    /// The window of the envelope shows more than the address, or not all of it; or the type is smaller than a law allows.
    Window,
    /// The title or a heading that a law asks for is not there.
    LawForm,
    /// A law asks for a title and headings, and says nothing of the letter's language; a person must judge. Does not block.
    LawUnread,
    /// The letter's language has no measure of readability; a person must read it. Does not block.
    Unmeasured,
    /// No speaker of the language has read its texts. Does not block.
    Unchecked,
}

impl Rule {
    /// The word that lists use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::SentenceLength => "sentence-length",
            Self::Readability => "readability",
            Self::ClauseLength => "clause-length",
            Self::Hedge => "hedge",
            Self::NoEvidence => "no-evidence",
            Self::Boast => "boast",
            Self::ActionWithoutTime => "action-without-time",
            Self::ActionCount => "action-count",
            Self::FirstActionSlow => "first-action-slow",
            Self::NextDate => "next-date",
            Self::ForeignLink => "foreign-link",
            Self::UnfilledSlot => "unfilled-slot",
            Self::MissingPart => "missing-part",
            Self::WrongPerson => "wrong-person",
            Self::Window => "window",
            Self::LawForm => "law-form",
            Self::LawUnread => "law-unread",
            Self::Unmeasured => "unmeasured",
            Self::Unchecked => "unchecked",
        }
    }

    /// Whether a letter with such a finding must not be approved.
    pub fn blocks(self) -> bool {
        !matches!(self, Self::Unmeasured | Self::LawUnread | Self::Unchecked)
    }
}

/// What is wrong with a letter, and where. It holds no word of the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The place in the letter: `paragraph 3, sentence 2`.
    pub place: String,
    /// What is wrong, and the way out.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.rule.as_str(), self.place, self.problem)
    }
}

/// What is wrong with a letter as it stands, edited by hand or not. Findings come sorted.
///
/// `recipient` and `facts` are what it should say; `strangers` is everybody else.
pub fn lint(letter: &Letter, recipient: &Recipient<'_>, facts: &Facts<'_>, templates: &Templates, strangers: &Strangers) -> Vec<Finding> {
    let document = letter.document.expose_personal();
    let addressee = Addressee::of(recipient, facts, templates);
    let passages = passages(document, &own_values(recipient, &addressee));
    let mut findings = Vec::new();
    let manner = templates.manner(&document.language);
    check_reading(manner, &passages, &mut findings);
    check_speaker(&document.language, manner, &mut findings);
    words::check(&passages, &letter.subject, manner, &mut findings);
    links::check(&passages, &letter.subject, facts.organisation, &mut findings);
    let needed = templates.texts(&letter.language).map_or(0, |texts| actions_needed(texts, recipient.exposures));
    check_actions(document, manner, needed, &mut findings);
    check_parts(letter, recipient, facts, templates, &mut findings);
    check_person(letter, recipient, &addressee, facts, templates, &mut findings);
    check_law(letter, facts, &mut findings);
    strangers.check(&passages, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

/// The finding that a letter does not fit its page; a letter's pages are counted where it is printed. Where a law says how small its type
/// can be, it may take two.
pub fn check_pages(pages: usize, points: Option<u32>) -> Option<Finding> {
    (pages > if points.is_some() { 2 } else { 1 })
        .then(|| finding(Rule::Length, "the letter", format!("it takes {pages} pages; one is what people read: shorten the account or the measures")))
}

fn finding(rule: Rule, place: impl Into<String>, problem: impl Into<String>) -> Finding {
    Finding { rule, place: place.into(), problem: problem.into() }
}

/// What a letter may hold of its person: it is looked away from when the words are judged.
fn own_values(recipient: &Recipient<'_>, addressee: &Addressee) -> Vec<String> {
    let mut values: Vec<String> = addressee.address.clone();
    values.extend(addressee.name.clone());
    values.extend(addressee.reader.iter().filter_map(|(_, name)| name.clone()));
    values.extend(addressee.email.clone());
    values.extend(recipient.code.map(str::to_owned));
    values.extend(recipient.record_ending.map(str::to_owned));
    values.push(recipient.key.to_owned());
    values.extend(recipient.entry.and_then(|entry| entry.given.as_ref()).map(|value| value.expose_personal().clone()));
    if let Some(entry) = recipient.entry {
        values.extend(entry.names.values().map(|name| super::cleaning::line(name.expose_personal(), super::cleaning::NAME_LIMIT_CHARS).text));
    }
    values.retain(|value| !value.is_empty());
    // The longest first, so that none is cut by a shorter one within it.
    values.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    values
}

/// Texts that no speaker of the language has read say so, until somebody says who has.
fn check_speaker(language: &str, manner: Option<&Manner>, findings: &mut Vec<Finding>) {
    if manner.is_some_and(|manner| manner.unchecked) {
        let problem =
            format!("no speaker of {language} has read its texts; have one read them, then `decide CASE answer letter_speaker/{language} --text \"who\"`");
        findings.push(finding(Rule::Unchecked, "the letter", problem));
    }
}

fn check_reading(manner: Option<&Manner>, passages: &[Passage], findings: &mut Vec<Finding>) {
    let Some(manner) = manner.filter(|manner| manner.measures()) else {
        findings.push(finding(Rule::Unmeasured, "the letter", "no measure of readability is known for its language; let a reader of it judge"));
        return;
    };
    check_words(manner, passages, findings);
    check_characters(manner, passages, findings);
}

/// The measures of scripts that part words.
fn check_words(manner: &Manner, passages: &[Passage], findings: &mut Vec<Finding>) {
    let above = |limit: Limit, number: usize| manner.limit(limit).filter(|limit| number as f64 > *limit);
    let mut whole = Reading::default();
    let mut words = 0;
    for passage in passages.iter().filter(|p| p.is_prose()) {
        words += readability::words(passage.prose()).count();
        for (number, sentence) in readability::sentences(passage.prose()).enumerate() {
            let reading = read(sentence);
            if let Some(limit) = above(Limit::SentenceWords, reading.words) {
                let place = format!("{}, sentence {}", passage.place, number + 1);
                findings.push(finding(Rule::SentenceLength, place, format!("{} words; at most {limit}", reading.words)));
            }
            whole = whole.with(reading);
        }
    }
    if let Some(limit) = above(Limit::Words, words) {
        findings.push(finding(Rule::Length, "the letter", format!("{words} words beside the table; at most {limit}")));
    }
    if whole.sentences == 0 {
        return;
    }
    if let Some(limit) = manner.limit(Limit::MeanSentenceWords).filter(|limit| whole.mean_sentence_words() > *limit) {
        let problem = format!("{:.1} words a sentence; at most {limit}", whole.mean_sentence_words());
        findings.push(finding(Rule::SentenceLength, "the letter", problem));
    }
    if let Some(limit) = manner.limit(Limit::Flesch).filter(|limit| flesch(whole) < *limit) {
        let problem = format!("Flesch reading ease {:.0}; at least {limit}: use shorter words and sentences", flesch(whole));
        findings.push(finding(Rule::Readability, "the letter", problem));
    }
    if let Some(limit) = manner.limit(Limit::Lix).filter(|limit| lix(whole) > *limit) {
        let problem = format!("LIX {:.0}; at most {limit}: use shorter words and sentences", lix(whole));
        findings.push(finding(Rule::Readability, "the letter", problem));
    }
}

/// The measures of scripts that do not.
fn check_characters(manner: &Manner, passages: &[Passage], findings: &mut Vec<Finding>) {
    let mut characters = 0;
    for passage in passages.iter().filter(|p| p.is_prose() || p.is_cell()) {
        if passage.is_prose() {
            characters += passage.prose().chars().filter(|c| !c.is_whitespace()).count();
        }
        let Some(limit) = manner.limit(Limit::ClauseCharacters) else { continue };
        for (number, clause) in readability::clauses(passage.prose()).enumerate() {
            let length: usize = clause.split_whitespace().map(reading_length).sum();
            if length as f64 > limit {
                let place = format!("{}, clause {}", passage.place, number + 1);
                findings.push(finding(Rule::ClauseLength, place, format!("{length} characters; at most {limit}")));
            }
        }
    }
    if let Some(limit) = manner.limit(Limit::Characters).filter(|limit| characters as f64 > *limit) {
        findings.push(finding(Rule::Length, "the letter", format!("{characters} characters beside the table; at most {limit}")));
    }
}

/// Characters that a word of a clause counts as: an address on the web is one thing, however long.
fn reading_length(word: &str) -> usize {
    if word.is_ascii() && word.contains('.') && word.chars().any(|c| c.is_ascii_alphabetic()) { 1 } else { word.chars().count() }
}

fn check_actions(document: &Document, manner: Option<&Manner>, needed: usize, findings: &mut Vec<Finding>) {
    let actions: Vec<&String> = document.blocks.iter().filter_map(|b| if let Block::Numbered { items } = b { Some(items) } else { None }).flatten().collect();
    let limit = needed.max(ACTIONS_LIMIT);
    if actions.is_empty() || actions.len() > limit {
        let problem = format!("{} numbered actions; one to {limit}: people do what is short and clear", actions.len());
        findings.push(finding(Rule::ActionCount, "the actions", problem));
    }
    for (i, action) in actions.iter().enumerate() {
        let time = prose::time_of(action).map(|(_, time)| time).filter(|time| time.chars().any(|c| c.is_ascii_digit()));
        let place = format!("action {}", i + 1);
        match time {
            None => findings.push(finding(Rule::ActionWithoutTime, place, "say how long it takes, in brackets at the end: (5 minutes)")),
            Some(time) if i == 0 && !is_quick(time, manner) => {
                findings.push(finding(Rule::FirstActionSlow, place, format!("put first what takes at most {FIRST_ACTION_MINUTES_LIMIT} minutes")));
            }
            Some(_) => {}
        }
    }
}

fn is_quick(time: &str, manner: Option<&Manner>) -> bool {
    let number: String = time.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let slow = manner.is_some_and(|manner| manner.slow.iter().any(|unit| time.to_lowercase().contains(unit.as_str())));
    !slow && number.parse::<u32>().is_ok_and(|minutes| minutes <= FIRST_ACTION_MINUTES_LIMIT)
}

fn check_parts(letter: &Letter, recipient: &Recipient<'_>, facts: &Facts<'_>, templates: &Templates, findings: &mut Vec<Finding>) {
    let document = letter.document.expose_personal();
    let text = super::mail::plain_text(document);
    let mut missing = |part: &str, way_out: &str| findings.push(finding(Rule::MissingPart, part, way_out));
    match recipient.code {
        None => missing("the code", "the letter has no code; draw one before it is approved"),
        Some(code) if !text.contains(code) => missing("the code", "the letter does not show its code; put {code} into the template"),
        Some(_) => {}
    }
    let organisation = facts.organisation;
    for (contact, part, key) in [(&organisation.contact, "whom to ask", "contact"), (&organisation.safety_contact, "the safety contact", "safety_contact")] {
        match contact.as_ref().map(|c| c.phone.as_deref().or(c.email.as_deref())) {
            None | Some(None) => missing(part, &format!("the estate file has no organisation.{key} with a telephone number or e-mail address")),
            Some(Some(way)) if !text.contains(way) => missing(part, "the letter does not name it; put {contacts} into the template"),
            Some(Some(_)) => {}
        }
    }
    if !document.blocks.iter().any(|block| matches!(block, Block::Table { .. })) {
        missing("the table", "the letter does not say which data; put {table} into the template");
    }
    if document.sender.iter().all(String::is_empty) {
        missing("the sender", "the estate file has no organisation.name");
    }
    if facts.reference.is_empty() {
        missing("the reference", "the case has no reference");
    }
    let about = templates.texts(&letter.language).and_then(|texts| Addressee::of(recipient, facts, templates).about(texts));
    if about.is_some_and(|about| !text.contains(&about)) {
        missing("whom it is about", "somebody else reads it, and it does not say whose data it is about; put {about} into the template");
    }
    if templates.texts(&letter.language).and_then(|texts| news(recipient, facts, texts, &letter.language)).is_some_and(|news| !text.contains(&news)) {
        missing("what is new", "it does not say what is new since the letter before; put {news} into the template");
    }
    if templates.texts(&letter.language).and_then(|texts| page(facts, texts)).is_some_and(|page| !text.contains(&page)) {
        missing("the support page", "the estate has one, and the letter does not name it; put {page} into the template");
    }
    if recipient.entry.and_then(|entry| entry.given.as_ref()).is_some_and(|value| !text.contains(value.expose_personal().as_str())) {
        missing("the value of their own", "a file gives the person a value; put {value} into the template");
    }
    if let Some(texts) = templates.texts(&letter.language).filter(|_| letter.kind != Kind::NotReached) {
        for (sentence, part, slot) in [(tell_others(recipient, texts), "whom else to tell", "others"), (because(recipient, texts), "why we hold it", "because")]
        {
            if sentence.is_some_and(|sentence| !text.contains(&sentence)) {
                missing(part, &format!("put {{{slot}}} into the template"));
            }
        }
        let abouts = recipient.tells.iter().chain(recipient.entry.and_then(|entry| entry.belongs_to.as_ref()).map(|belongs| &belongs.about));
        for about in abouts.filter(|about| !texts.names(&about_category(about))) {
            missing(&format!("the name of {about:?}"), &format!("categories.txt of {} has no [{}]", letter.language, about_category(about)));
        }
    }
    check_categories(letter, recipient, facts, templates, findings);
    check_next(letter, facts, templates, &text, findings);
}

/// Every category has a name in the letter's language, and words on what it leads to and what to do.
fn check_categories(letter: &Letter, recipient: &Recipient<'_>, facts: &Facts<'_>, templates: &Templates, findings: &mut Vec<Finding>) {
    let text = super::mail::plain_text(letter.document.expose_personal());
    let mut missing = |part: &str, way_out: &str| findings.push(finding(Rule::MissingPart, part, way_out));
    if let Some(texts) = templates.texts(&letter.language).filter(|_| matches!(letter.kind, Kind::Exposed | Kind::Possible)) {
        let reached: BTreeSet<&String> = recipient.exposures.iter().map(|exposure| &exposure.category).collect();
        for category in reached {
            let lacking = [("consequences.txt", "leads to"), ("actions.txt", "asks for")].into_iter().zip(texts.advises_on(category)).filter(|(_, has)| !has);
            for ((file, does), _) in lacking {
                missing(
                    &format!("what the category {category:?} {does}"),
                    &format!("no section of {file} of {} names {category}; name it in one, beside others of its kind", letter.language),
                );
            }
            let slots = [("leads_to", "leads to"), ("actions", "asks for")];
            for ((slot, does), advice) in slots.into_iter().zip(texts.advice_on(category)) {
                if advice.is_some_and(|advice| !advice.lines.iter().all(|line| text.contains(line.as_str()))) {
                    missing(&format!("what the category {category:?} {does}"), &format!("the letter leaves it out; put {{{slot}}} into the template"));
                }
            }
        }
    }
    // An id is made of English words, so in English it will do.
    if let Some(texts) = templates.texts(&letter.language).filter(|_| !letter.language.starts_with("en")) {
        let reached = recipient.exposures.iter().map(|exposure| &exposure.category);
        let nameless: BTreeSet<&String> = facts.categories.iter().chain(reached).filter(|category| !texts.names(category)).collect();
        for category in nameless {
            missing(
                &format!("the name of the category {category:?}"),
                &format!("categories.txt of {} has no [{category}]; add it with what its readers call it", letter.language),
            );
        }
    }
}

/// The title and the headings that a law has stand there, in its order. What a person who was not reached gets is no notice of a breach.
fn check_law(letter: &Letter, facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let forms = &facts.rules.forms;
    if forms.is_empty() || letter.kind == Kind::NotReached {
        return;
    }
    let document = letter.document.expose_personal();
    let Some((language, form)) = forms.iter().find(|(language, _)| is_language(&letter.language, language)) else {
        let laws: BTreeSet<&str> = forms.values().map(|form| form.regime.as_str()).collect();
        let laws = laws.into_iter().collect::<Vec<_>>().join(", ");
        let problem = format!("{laws} asks for a title and headings, and its file has none in {}: let somebody who knows that law judge", letter.language);
        return findings.push(finding(Rule::LawUnread, "the letter", problem));
    };
    let way_out = |what: &str| format!("{} asks for {what:?}: put it into letters/{}/{language}/", form.regime, form.regime);
    if !document.title.trim().eq_ignore_ascii_case(&form.title) {
        findings.push(finding(Rule::LawForm, "the subject", way_out(&form.title)));
    }
    let mut headings = document.blocks.iter().filter_map(|block| if let Block::Heading { text, .. } = block { Some(text.trim()) } else { None });
    for wanted in &form.headings {
        if !headings.any(|heading| heading.eq_ignore_ascii_case(wanted)) {
            findings.push(finding(Rule::LawForm, "the headings", way_out(wanted)));
            break;
        }
    }
}

/// Whether a letter's language is the one of a form: `en-GB` is `en`.
fn is_language(letter: &str, form: &str) -> bool {
    letter.eq_ignore_ascii_case(form) || letter.to_lowercase().starts_with(&format!("{}-", form.to_lowercase()))
}

/// A day that somebody promised stands in the letters of those who were reached or could have been, and lies ahead.
fn check_next(letter: &Letter, facts: &Facts<'_>, templates: &Templates, text: &str, findings: &mut Vec<Finding>) {
    let Next::By(day) = facts.next else { return };
    let promised = templates.texts(&letter.language).and_then(|texts| next_day(facts, texts));
    if letter.kind != Kind::NotReached && !promised.is_some_and(|day| text.contains(&day)) {
        findings.push(finding(Rule::NextDate, "the letter", "somebody decided when you write again, and it does not say so; put {next} into the template"));
    }
    if local(facts.drafted_at, &zone(facts)).is_none_or(|drafted| drafted.date() >= day) {
        findings.push(finding(Rule::NextDate, "the letter", "the day that it promises is not ahead: `strandline notify CASE draft --next DATE`"));
    }
}

/// Every value of the person stands as the register and the exposures have it.
fn check_person(letter: &Letter, recipient: &Recipient<'_>, addressee: &Addressee, facts: &Facts<'_>, templates: &Templates, findings: &mut Vec<Finding>) {
    let document = letter.document.expose_personal();
    let mut wrong = |place: &str, problem: &str| findings.push(finding(Rule::WrongPerson, place, problem));
    if letter.data_subject != recipient.key || recipient.entry.is_some_and(|entry| entry.key != recipient.key) {
        wrong("the letter", "it belongs to another person; draft it again");
    }
    if recipient.exposures.iter().any(|exposure| exposure.data_subject != recipient.key) {
        wrong("the table", "an exposure of another person was given");
    }
    if !document.recipient.ends_with(&addressee.address) {
        wrong("the address", "it is not the one in the register");
    }
    if let Some(texts) = templates.texts(&letter.language) {
        let envelope = addressee.envelope(texts);
        let names = |lines: &[String]| lines[..lines.len() - addressee.address.len().min(lines.len())].to_vec();
        let greets = document.blocks.iter().find_map(|b| if let Block::Paragraph { text, .. } = b { Some(text) } else { None });
        let greeting = addressee.salutation(texts);
        if names(&document.recipient) != names(&envelope) || greets.is_none_or(|text| !text.contains(greeting.trim())) {
            wrong("the name", "the letter is not addressed to the name in the register");
        }
    }
    if letter.email.as_ref().map(|email| email.expose_personal()) != addressee.email.as_ref() {
        wrong("the mail address", "it is not the one in the register");
    }
    if let Some(texts) = templates.texts(&letter.language) {
        let expected = expected_rows(recipient, facts, texts);
        let shown = document.blocks.iter().find_map(|block| if let Block::Table { rows, .. } = block { Some(rows) } else { None });
        if shown.is_some_and(|rows| *rows != expected) {
            wrong("the table", "its rows are not what the exposures of this person say; draft the letter again");
        }
    }
}
