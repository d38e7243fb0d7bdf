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
use strandline_notice::letter::lint::{Strangers, lint};
use strandline_notice::letter::{Letter, Next, Recipient, Said, draft};
use strandline_support::{Answer, Card, CardLetter, Handled, Promise, Round};

use super::withdrawn::Withdrawn;
use crate::duties::{decisions, zone_of};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{Codes, Drafting, drafted_at, file_stem, text_of};
use crate::stage::notify::{KeptLetter, hexadecimal, kept_letters, load_text};

/// Why somebody has a letter and no card.
const HELD: &str = "letter held, or not approved yet";
const NO_CODE: &str = "no code in the letter";
const WITHDRAWN: &str = "card withdrawn, since somebody else holds the letter: have a new one approved";

/// Languages that a letter also stands in on its card: all cards are as long as the longest, so that these are few.
const TRANSLATIONS: [&str; 3] = ["en", "zh-Hant", "zh-Hans"];

/// Bytes of answers and of texts of older letters on one card: all cards are as long as the longest.
const EXTRA_BYTES_LIMIT: usize = 64 << 10;

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
    /// When each letter was taken, by reference: it can have been sent more than once.
    left: BTreeMap<LetterReference, Vec<Instant>>,
    /// Letters that nobody took.
    refused: BTreeSet<(LetterReference, String)>,
    withdrawn: Withdrawn,
    drafted_at: Option<Instant>,
    decisions: Vec<RecordedDecision>,
    answers: BTreeMap<String, Vec<Answer>>,
    handled: BTreeMap<String, Vec<Handled>>,
    codes: Codes,
    zone: TimeZone,
    round: u32,
    /// People with a letter and no card, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    /// Translations that the lint would have stopped as a letter: they are on no card.
    pub(super) stopped: u64,
}

/// A draft, and what its translations are read by.
#[derive(Clone, Copy)]
struct Drafted<'d> {
    letter: &'d Letter,
    recipient: &'d Recipient<'d>,
    drafting: &'d Drafting,
    strangers: &'d Strangers,
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
            left: response.case.came_to(&[SendingState::Accepted, SendingState::HandedOver, SendingState::Uncertain, SendingState::Answered])?,
            refused: refused(response)?,
            withdrawn: Withdrawn::of(&response.case)?,
            drafted_at: drafted_at(response)?,
            decisions: decisions(&response.case)?,
            answers: response.answers_for_cards()?,
            handled: response.handled_for_cards()?,
            codes: Codes::of(&response.case)?,
            zone: zone_of(&response.estate),
            round,
            left_out: BTreeMap::new(),
            stopped: 0,
        })
    }

    /// Whether any card was withdrawn.
    pub(super) fn has_withdrawn(&self) -> bool {
        self.withdrawn.is_any()
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
            let strangers = &Strangers::of(drafting.people.values(), &drafting.facts_of(None), &drafting.templates);
            drafting.each_letter(&response.case, reassurance, &mut |letter, recipient| {
                seen.insert(letter.data_subject.clone());
                self.one(response, &letter.data_subject, Some(Drafted { letter: &letter, recipient, drafting, strangers }), take)
            })?;
        }
        let others: Vec<String> = self.kept.keys().filter(|key| !seen.contains(*key)).cloned().collect();
        others.iter().try_for_each(|key| self.one(response, key, None, take))
    }

    fn one(
        &mut self,
        response: &Response<'_>,
        key: &str,
        drafted: Option<Drafted<'_>>,
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
        if self.withdrawn.has_code(&response.case, key, &code)? {
            *self.left_out.entry(WITHDRAWN).or_default() += 1;
            return Ok(());
        }
        // The draft is what the person holds only if it says the same, byte by byte.
        let same = drafted.filter(|drafted| hexadecimal(&Sha256::digest(text_of(drafted.letter))) == held.text_sha256);
        let letters = match same {
            Some(drafted) => self.in_all_languages(drafted)?,
            None => vec![plain(&language, &title, text.expose_personal())],
        };
        let mut card = Card {
            language,
            letter_id: held.text_sha256[..ID_CHARS].to_owned(),
            letters,
            rounds: self.rounds(response, key, &held)?,
            answers: self.answers.remove(key).unwrap_or_default(),
            handled: self.handled.remove(key).unwrap_or_default(),
            is_cut: false,
        };
        cut(&mut card);
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
            let name = (kept.reference.clone(), kept.letter_sha256.clone());
            rounds.push(Round {
                number: kept.round,
                sent: self.gone.contains(&name).then(|| self.day(self.left_at(kept))),
                is_refused: self.refused.contains(&name),
                language,
                title,
                promise: self.promise(Some(Instant(kept.drafted_at.unwrap_or(kept.kept_at)))),
                text: Some(text),
            });
        }
        // What was approved and waits: a letter of its own, or another text of one that is to go again.
        let is_known = self.kept.get(key).is_some_and(|kept| kept.iter().any(|kept| kept.reference == held.reference));
        if !is_known {
            let (language, title, _) = load_text(response.case.path(), &held.file, &held.text_sha256)?;
            rounds.push(Round { number: self.round, sent: None, is_refused: false, language, title, promise: self.promise(self.drafted_at), text: None });
        }
        if let Some(last) = rounds.last_mut() {
            last.text = None;
        }
        Ok(rounds)
    }

    /// When a letter was taken by whoever carries it; it was put aside before.
    fn left_at(&self, kept: &KeptLetter) -> Instant {
        let taken = self.left.get(&kept.reference).into_iter().flatten().find(|at| at.0 >= kept.kept_at);
        taken.copied().unwrap_or(Instant(kept.kept_at))
    }

    /// The letter, and the same from the templates of some other languages. Nobody approved those: one that the
    /// lint would stop is left out.
    fn in_all_languages(&mut self, drafted: Drafted<'_>) -> Result<Vec<CardLetter>, ResponseError> {
        let Drafted { letter, recipient, drafting, strangers } = drafted;
        let mut letters = vec![structured(letter)];
        for language in TRANSLATIONS.into_iter().filter(|language| *language != letter.language) {
            let Some(entry) = recipient.entry else { continue };
            let entry = RegisterEntry { language: Some(language.to_owned()), ..entry.clone() };
            let recipient = Recipient { entry: Some(&entry), ..*recipient };
            let (facts, templates) = (drafting.facts_of(Some(&entry)), drafting.templates_of(Some(&entry)));
            let other = draft(&recipient, &facts, templates)?;
            if other.language != language {
                continue;
            }
            if lint(&other, &recipient, &facts, templates, strangers).iter().any(|finding| finding.rule.blocks()) {
                self.stopped += 1;
            } else {
                letters.push(structured(&other));
            }
        }
        Ok(letters)
    }

    /// What a letter said of the next one: as it was decided when the letter was drafted.
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

/// Letters that no server and no post took, by what was approved.
fn refused(response: &Response<'_>) -> Result<BTreeSet<(LetterReference, String)>, ResponseError> {
    let rows = response.case.stored_letters()?;
    let name = |row: &strandline_case::StoredLetter| (row.letter.reference.clone(), row.letter.letter_sha256.clone());
    let mut refused: BTreeSet<_> = rows.iter().filter(|row| row.state == SendingState::Refused).map(name).collect();
    // One that another way has is on its way, or there.
    for other in rows.iter().filter(|row| row.state != SendingState::Refused).map(name) {
        refused.remove(&other);
    }
    Ok(refused)
}

/// Leaves the newest answers and the texts of the newest letters on a card, as far as there is room.
fn cut(card: &mut Card) {
    let mut left = EXTRA_BYTES_LIMIT;
    let mut fits = |bytes: usize| {
        let fits = bytes <= left;
        left = if fits { left - bytes } else { 0 };
        fits
    };
    let answers = std::mem::take(&mut card.answers);
    let all = answers.len();
    card.answers = answers.into_iter().rev().take_while(|answer| fits(answer.text.expose_personal().len())).collect();
    card.answers.reverse();
    card.is_cut = card.answers.len() < all;
    for round in card.rounds.iter_mut().rev() {
        if round.text.as_ref().is_some_and(|text| !fits(text.expose_personal().len())) {
            round.text = None;
            card.is_cut = true;
        }
    }
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
    fn one_card_does_not_make_all_others_long() {
        let answer = |day: i8| Answer {
            message: strandline_support::MessageId::new([1; 16]),
            kind: strandline_support::Kind::Question,
            day: jiff::civil::date(2026, 12, day),
            text: Personal::new("a".repeat(12_000)),
        };
        let round = |number| Round {
            number,
            sent: None,
            is_refused: false,
            language: "en".to_owned(),
            title: String::new(),
            promise: Promise::Open,
            text: Some(Personal::new("b".repeat(6_000))),
        };
        let mut card = Card {
            language: "en".to_owned(),
            letter_id: String::new(),
            letters: Vec::new(),
            rounds: vec![round(1), round(2)],
            answers: (1..=9).map(answer).collect(),
            handled: Vec::new(),
            is_cut: false,
        };
        cut(&mut card);
        assert!(card.is_cut && card.answers.len() == 5 && card.answers[4].day.day() == 9, "the newest stay");
        assert!(card.rounds.iter().all(|round| round.text.is_none()), "an older text does not overtake");
        let mut short = Card { rounds: vec![round(1)], answers: vec![answer(1)], is_cut: false, ..card };
        cut(&mut short);
        assert!(!short.is_cut && short.answers.len() == 1 && short.rounds[0].text.is_some());
    }

    #[test]
    fn a_kept_text_has_its_list_of_what_to_do() {
        let letter = plain("en", "About your data", "Dear you\n\nWHAT YOU CAN DO\n\n1. Be wary.\n2. Call your bank.\n\n- Address: seen\n\n1. One\n3. Three\n");
        let list = |block: &Block| if let Block::Numbered { items } = block { Some(items.clone()) } else { None };
        assert_eq!(letter.blocks.iter().filter_map(list).collect::<Vec<_>>(), [["Be wary.", "Call your bank."]]);
        assert_eq!(letter.blocks.len(), 5, "no part of the text is lost");
    }
}
