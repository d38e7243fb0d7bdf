//! The card of each person: the letter that they hold or are about to get, in the words that were approved; what went before it; and
//! the desk's answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use strandline_case::StoredFile;
use strandline_model::code::SupportCode;
use strandline_model::document::Block;
use strandline_model::duty::RecordedDecision;
use strandline_model::letter::{LetterReference, SendingState};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;
use strandline_notice::letter::{Letter, Next, Recipient, Said, draft};
use strandline_support::{Answer, Card, CardLetter, LANGUAGES, Promise, Round};

use crate::duties::{decisions, zone_of};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{Codes, Drafting, file_stem, text_of};
use crate::stage::notify::{KeptLetter, hexadecimal, kept_letters, load_text};

/// Why somebody has a letter and no card.
const HELD: &str = "letter held, or not approved yet";
const NO_CODE: &str = "no code in the letter";

/// Characters of a hash that name a letter on its card.
const ID_CHARS: usize = 16;

/// What all cards are made from.
pub(super) struct Cards {
    /// Letters of earlier and of this round that were released, by person, oldest first.
    kept: BTreeMap<String, Vec<KeptLetter>>,
    /// Drafts that were approved and are not among those.
    approved: BTreeMap<String, LetterReference>,
    /// SHA-256 of the committed texts, by file.
    drafts: BTreeMap<String, String>,
    gone: BTreeSet<(LetterReference, String)>,
    decisions: Vec<RecordedDecision>,
    answers: BTreeMap<String, Vec<Answer>>,
    codes: Codes,
    zone: TimeZone,
    round: u32,
    /// People with a letter and no card, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
}

/// The text that a person holds, or is about to get.
struct Held {
    reference: LetterReference,
    file: String,
    text_sha256: String,
}

impl Cards {
    pub(super) fn of(response: &Response<'_>, round: u32, approved: &BTreeMap<String, LetterReference>) -> Result<Self, ResponseError> {
        let mut kept: BTreeMap<String, Vec<KeptLetter>> = BTreeMap::new();
        kept_letters(response)?.into_iter().for_each(|letter| kept.entry(letter.data_subject.clone()).or_default().push(letter));
        for own in kept.values_mut() {
            own.sort_by_key(|letter| (letter.round, letter.kept_at));
            // Of the texts of one round, the last is what went.
            own.reverse();
            own.dedup_by_key(|letter| letter.round);
            own.reverse();
        }
        let files = response.case.manifest().stages.get("letters").map(|record| record.files.as_slice()).unwrap_or_default();
        let named = |file: &StoredFile| (file.file.clone(), file.sha256.clone());
        Ok(Self {
            kept,
            approved: approved.clone(),
            drafts: files.iter().map(named).collect(),
            gone: has_left(response)?,
            decisions: decisions(&response.case)?,
            answers: response.answers_for_cards()?,
            codes: Codes::of(&response.case)?,
            zone: zone_of(&response.estate),
            round,
            left_out: BTreeMap::new(),
        })
    }

    /// Hands over each person with code and card: those of the drafts first, then who has an older letter alone.
    pub(super) fn each(
        &mut self,
        response: &Response<'_>,
        take: &mut dyn FnMut(&str, SupportCode, &Card) -> Result<(), ResponseError>,
    ) -> Result<(), ResponseError> {
        let mut seen = BTreeSet::new();
        let drafting = if self.drafts.is_empty() { None } else { Drafting::again(response)? };
        if let Some((drafting, _)) = &drafting {
            let reassurance = drafting.reassurance(response);
            drafting.each_letter(&response.case, reassurance, &mut |letter, recipient| {
                seen.insert(letter.data_subject.clone());
                self.one(response, &letter.data_subject.clone(), Some((&letter, recipient, drafting)), take)
            })?;
        }
        let others: Vec<String> = self.kept.keys().filter(|key| !seen.contains(*key)).cloned().collect();
        others.iter().try_for_each(|key| self.one(response, key, None, take))
    }

    fn one(
        &mut self,
        response: &Response<'_>,
        key: &str,
        drafted: Option<(&Letter, &Recipient<'_>, &Drafting)>,
        take: &mut dyn FnMut(&str, SupportCode, &Card) -> Result<(), ResponseError>,
    ) -> Result<(), ResponseError> {
        let Some(held) = self.held(key) else {
            *self.left_out.entry(HELD).or_default() += 1;
            return Ok(());
        };
        let (language, title, text) = load_text(response.case.path(), &held.file, &held.text_sha256)?;
        let Some(code) = Drafting::code_in(&response.case, &self.codes, key, text.expose_personal())? else {
            *self.left_out.entry(NO_CODE).or_default() += 1;
            return Ok(());
        };
        // The draft is what the person holds only if it says the same, byte by byte.
        let same = drafted.filter(|(letter, ..)| hexadecimal(&Sha256::digest(text_of(letter))) == held.text_sha256);
        let letters = match same {
            Some((letter, recipient, drafting)) => in_all_languages(letter, recipient, drafting)?,
            None => vec![plain(&language, &title, text.expose_personal())],
        };
        let card = Card {
            language,
            letter_id: held.text_sha256[..ID_CHARS].to_owned(),
            letters,
            rounds: self.rounds(response, key, &held)?,
            answers: self.answers.remove(key).unwrap_or_default(),
        };
        take(key, code, &card)
    }

    /// The text that a person holds or is about to get: a draft that was approved, else the last that was released.
    fn held(&self, key: &str) -> Option<Held> {
        let draft = format!("letters/{}.txt", file_stem(key));
        let approved = self.approved.get(key).and_then(|reference| {
            let text_sha256 = self.drafts.get(&draft)?.clone();
            Some(Held { reference: reference.clone(), file: draft, text_sha256 })
        });
        let last = || {
            self.kept.get(key)?.last().map(|kept| Held { reference: kept.reference.clone(), file: kept.file.clone(), text_sha256: kept.text_sha256.clone() })
        };
        approved.or_else(last)
    }

    /// Every letter to the person, oldest first; the text of those that another has followed.
    fn rounds(&self, response: &Response<'_>, key: &str, held: &Held) -> Result<Vec<Round>, ResponseError> {
        let mut rounds = Vec::new();
        for kept in self.kept.get(key).map(Vec::as_slice).unwrap_or_default() {
            let (language, title, text) = load_text(response.case.path(), &kept.file, &kept.text_sha256)?;
            let has_left = self.gone.contains(&(kept.reference.clone(), kept.letter_sha256.clone()));
            rounds.push(Round {
                number: kept.round,
                sent: has_left.then(|| self.day(Instant(kept.kept_at))),
                language,
                title,
                promise: self.promise(Some(Instant(kept.kept_at))),
                text: Some(text),
            });
        }
        // What was approved and waits: a letter of its own, or another text of one that is to go again.
        let is_known = self.kept.get(key).is_some_and(|kept| kept.iter().any(|kept| kept.reference == held.reference));
        if !is_known {
            let (language, title, _) = load_text(response.case.path(), &held.file, &held.text_sha256)?;
            rounds.push(Round { number: self.round, sent: None, language, title, promise: self.promise(None), text: None });
        }
        if let Some(last) = rounds.last_mut() {
            last.text = None;
        }
        Ok(rounds)
    }

    /// What a letter said of the next one: as it was decided when the letter left.
    fn promise(&self, at: Option<Instant>) -> Promise {
        let then: Vec<RecordedDecision> = self.decisions.iter().filter(|known| at.is_none_or(|at| known.decision.decided_at <= at)).cloned().collect();
        match Said::of(&then).next {
            Next::Open => Promise::Open,
            Next::By(day) => Promise::By(day),
            Next::Last => Promise::Last,
        }
    }

    fn day(&self, at: Instant) -> Date {
        day_in(at, &self.zone)
    }
}

/// Letters that have left or may have, by what was approved.
pub(super) fn has_left(response: &Response<'_>) -> Result<BTreeSet<(LetterReference, String)>, ResponseError> {
    let has_left = |state| !matches!(state, SendingState::Queued | SendingState::Deferred | SendingState::Refused);
    let rows = response.case.stored_letters()?.into_iter().filter(|row| has_left(row.state));
    Ok(rows.map(|row| (row.letter.reference, row.letter.letter_sha256)).collect())
}

/// The day of an instant in a zone.
pub(super) fn day_in(at: Instant, zone: &TimeZone) -> Date {
    zone.to_datetime(jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)).date()
}

/// The letter, and the same from the templates of other languages that the page is written in.
fn in_all_languages(letter: &Letter, recipient: &Recipient<'_>, drafting: &Drafting) -> Result<Vec<CardLetter>, ResponseError> {
    let mut letters = vec![structured(letter)];
    for language in LANGUAGES.into_iter().filter(|language| *language != letter.language) {
        let Some(entry) = recipient.entry else { continue };
        let entry = RegisterEntry { language: Some(language.to_owned()), ..entry.clone() };
        let other = draft(&Recipient { entry: Some(&entry), ..*recipient }, &drafting.facts_of(Some(&entry)), drafting.templates_of(Some(&entry)))?;
        if other.language == language {
            letters.push(structured(&other));
        }
    }
    Ok(letters)
}

fn structured(letter: &Letter) -> CardLetter {
    let document = letter.document.expose_personal();
    CardLetter { language: letter.language.clone(), title: letter.subject.clone(), head: document.head.clone(), blocks: document.blocks.clone() }
}

/// A letter of which the text alone is kept. Its list of what to do is a list again, to be ticked off.
fn plain(language: &str, title: &str, text: &str) -> CardLetter {
    let parts = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    let block = |part: &str| numbered(part).unwrap_or_else(|| Block::paragraph(part));
    CardLetter { language: language.to_owned(), title: title.to_owned(), head: Vec::new(), blocks: parts.map(block).collect() }
}

/// A part whose lines are numbered from 1 without a gap, as letters write a list.
fn numbered(part: &str) -> Option<Block> {
    let item = |(place, line): (usize, &str)| line.strip_prefix(&format!("{}. ", place + 1)).map(str::to_owned);
    let items = part.lines().enumerate().map(item).collect::<Option<Vec<_>>>()?;
    Some(Block::Numbered { items })
}

/// The text of an answer, as the person reads it.
pub(super) fn words(text: &Personal<String>) -> Personal<String> {
    Personal::new(text.expose_personal().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_text_has_its_list_of_what_to_do() {
        let letter = plain("en", "About your data", "Dear you\n\nWHAT YOU CAN DO\n\n1. Be wary.\n2. Call your bank.\n\n- Address: seen\n\n1. One\n3. Three\n");
        let list = |block: &Block| if let Block::Numbered { items } = block { Some(items.clone()) } else { None };
        assert_eq!(letter.blocks.iter().filter_map(list).collect::<Vec<_>>(), [["Be wary.", "Call your bank."]]);
        assert_eq!(letter.blocks.len(), 5, "no part of the text is lost");
    }
}
