//! What a call desk says to one person: questions and answers, made from their letter and from the answer sheet, in the language that
//! they speak. It says what the letter says, and nothing more sure.

use std::collections::BTreeSet;

use serde::Serialize;
use strandline_model::document::Block;
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_notice::letter::{Before, Letter, Recipient, draft};

use crate::clearance::cleared;
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{Drafting, text_of};
use crate::stage::notify::{hexadecimal, load_text};
use crate::support::{Sheet, last_in_hand, tier_section};

/// Questions and answers for one person.
#[derive(Clone, Debug, Serialize)]
pub struct CallSheet {
    /// The person's key.
    pub data_subject: String,
    /// Which letter: `exposed`, `possible`, `not_reached`, `deceased`.
    pub kind: &'static str,
    /// The language of the sheet.
    pub language: String,
    /// How it stands to what the person holds.
    pub in_hand: InHand,
    /// What people ask, in the order of the letter; then what many ask whatever their letter says.
    pub answers: Vec<CallAnswer>,
}

/// One question, and what to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallAnswer {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: Personal<String>,
}

/// How a sheet stands to the letter that the person holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InHand {
    /// No letter has left: this is what it will say.
    Nothing,
    /// They hold the letter that this is made from.
    TheSame,
    /// They hold another text: the sheet is that text, in its language.
    Another,
}

impl Response<'_> {
    /// The questions and answers for one person, in the language of their letter or in another that letters are written in.
    ///
    /// # Errors
    /// If they have no letter, there are no letters in that language, or the case cannot be read.
    pub fn call_sheet(&self, data_subject: &str, language: Option<&str>) -> Result<CallSheet, ResponseError> {
        let (drafting, _) = Drafting::again(self)?.ok_or(ResponseError::NoAnswers(data_subject.to_owned()))?;
        if let Some(asked) = language.filter(|asked| !drafting.templates.languages().any(|known| known == *asked)) {
            let known: Vec<&str> = drafting.templates.languages().collect();
            return Err(ResponseError::NoSuchLanguage { language: asked.to_owned(), known: known.join(", ") });
        }
        let held = last_in_hand(self, data_subject)?;
        let mut made = None;
        drafting.letter_of(&self.case, drafting.reassurance(self), data_subject, &mut |own, recipient| {
            let same = held.as_ref().is_none_or(|(kept, _)| hexadecimal(&<sha2::Sha256 as sha2::Digest>::digest(text_of(&own))) == kept.text_sha256);
            let told = Before::of(recipient.exposures, drafting.drafted_at);
            let letter = if same { in_language(own, recipient, &drafting, language)? } else { own };
            made = Some((letter, told, same));
            Ok(())
        })?;
        let (letter, told, same) = made.ok_or_else(|| ResponseError::NoAnswers(data_subject.to_owned()))?;
        let (in_hand, language, mut answers, told) = match held {
            Some((kept, told)) if !same => {
                let (language, subject, text) = load_text(self.case.path(), &kept.file, &kept.text_sha256)?;
                let headings = drafting.templates.headings(&language);
                (InHand::Another, language, of_text(subject, text.expose_personal(), &headings), told)
            }
            held => (if held.is_some() { InHand::TheSame } else { InHand::Nothing }, letter.language.clone(), of_letter(&letter), Some(told)),
        };
        let section = tier_section(told.as_ref(), cleared(&self.case)?.contains(data_subject));
        answers.extend(of_sheet(&language, section.as_deref(), self.estate.organisation.contact.as_ref().and_then(|contact| contact.phone.as_deref())));
        Ok(CallSheet { data_subject: data_subject.to_owned(), kind: letter.kind.as_str(), language, in_hand, answers })
    }
}

/// The letter in another language, as the templates have it.
fn in_language(letter: Letter, recipient: &Recipient<'_>, drafting: &Drafting, language: Option<&str>) -> Result<Letter, ResponseError> {
    let Some(language) = language.filter(|language| *language != letter.language) else { return Ok(letter) };
    let entry = recipient.entry.cloned().unwrap_or_else(|| RegisterEntry { key: recipient.key.to_owned(), ..RegisterEntry::default() });
    let entry = RegisterEntry { language: Some(language.to_owned()), ..entry };
    Ok(draft(&Recipient { entry: Some(&entry), ..*recipient }, &drafting.facts_of(Some(&entry)), drafting.templates_of(Some(&entry)))?)
}

/// The headings of a letter are its reader's questions, and what stands under each is the answer.
fn of_letter(letter: &Letter) -> Vec<CallAnswer> {
    let document = letter.document.expose_personal();
    let mut answers: Vec<(String, Vec<&Block>)> = vec![(document.title.clone(), Vec::new())];
    for block in &document.blocks {
        match (block, answers.last_mut()) {
            (Block::Heading { text, .. }, _) => answers.push((text.clone(), Vec::new())),
            (block, Some((_, under))) => under.push(block),
            (_, None) => {}
        }
    }
    let whole = answers.into_iter().filter(|(_, under)| !under.is_empty());
    whole.map(|(question, under)| CallAnswer { question, answer: letter.plain_blocks(&under) }).collect()
}

/// The same of a text that was sent: its headings stand alone in capitals, as the templates have them.
fn of_text(subject: String, text: &str, headings: &BTreeSet<String>) -> Vec<CallAnswer> {
    let mut answers: Vec<(String, Vec<&str>)> = vec![(subject, Vec::new())];
    for part in text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()) {
        match answers.last_mut() {
            Some((_, under)) if !headings.contains(part) => under.push(part),
            _ => answers.push((part.to_owned(), Vec::new())),
        }
    }
    let whole = answers.into_iter().filter(|(_, under)| !under.is_empty());
    whole.map(|(question, under)| CallAnswer { question, answer: Personal::new(under.join("\n\n")) }).collect()
}

/// What many ask, whatever their letter says.
fn of_sheet(language: &str, section: Option<&str>, phone: Option<&str>) -> Vec<CallAnswer> {
    let sheet = Sheet::of(language);
    let asked = section.map(|section| ("sure", section.to_owned()));
    let asked = asked.into_iter().chain(["genuine", "desk", "not_me", "moved"].map(|name| (name, name.to_owned())));
    let one = |(question, answer): (&str, String)| {
        Some(CallAnswer { question: sheet.part(&format!("ask {question}"), phone)?, answer: Personal::new(sheet.part(&answer, phone)?) })
    };
    asked.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_sent_is_cut_at_its_headings() {
        let headings = BTreeSet::from(["WHAT HAPPENED".to_owned(), "WHOM TO ASK".to_owned()]);
        let text = "Harbour Hospital\n\nDear Ann,\n\nWHAT HAPPENED\n\nThey saw data.\n\nOur logs prove it.\n\nWHOM TO ASK\n\nCall us.\n";
        let told: Vec<(String, String)> =
            of_text("Your data".into(), text, &headings).into_iter().map(|one| (one.question, one.answer.into_personal())).collect();
        let expected = [("Your data", "Harbour Hospital\n\nDear Ann,"), ("WHAT HAPPENED", "They saw data.\n\nOur logs prove it."), ("WHOM TO ASK", "Call us.")];
        assert_eq!(told, expected.map(|(question, answer)| (question.to_owned(), answer.to_owned())));
        assert_eq!(of_text("Your data".into(), "One piece.", &headings).len(), 1);
    }

    #[test]
    fn what_many_ask_has_an_answer_in_each_tier() {
        for tier in ["sure confirmed", "sure likely", "sure possible", "sure not_reached"] {
            let answers = of_sheet("en", Some(tier), Some("+852 2000 0100"));
            assert_eq!(answers.len(), 5, "{tier}");
        }
        // Who is in no tier and not cleared is told nothing of it.
        assert_eq!(of_sheet("en", None, None).len(), 4);
    }
}
