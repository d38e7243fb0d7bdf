//! What people decide about one letter: the ledger has it first, and the letters are drafted again at once, so that nobody runs a whole
//! response again for one address.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use strandline_case::{Case, Function, SendingStep, Statement, StoredLetter};
use strandline_model::letter::{Channel, SendingState};
use strandline_model::letter_word::{Decided, LetterWord, Place};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;
use strandline_notice::letter::{Templates, check_place};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::{others, register};
use crate::stage::letters::{IndexedLetter, People, index};
use crate::stage::notify::{by_person, step};
use crate::store;

/// What the case calls the statements that these words are.
const KIND: &str = "letter";

/// What a decision about letters came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LettersDecided {
    /// The entries that committed it.
    pub ledger_entries: Vec<u64>,
    /// Letters that wait still, by key, and for what.
    pub held: BTreeMap<String, String>,
    /// Letters that did not arrive and are queued again for their new address.
    pub queued_again: u64,
}

/// The people to write to: the register, and what was decided about each letter.
pub struct Addressees {
    /// The register, and those of other people, with the addresses that people named since.
    pub people: People,
    /// How many of them are subjects themselves.
    pub subjects: u64,
    /// What was decided, by key.
    pub decided: BTreeMap<String, Decided>,
    /// The ledger entry of the last such decision.
    pub last_entry: Option<u64>,
    /// What is to be said of the register.
    pub notes: Vec<String>,
}

impl Addressees {
    /// Those of the case.
    ///
    /// # Errors
    /// If the register or a decision cannot be read.
    pub fn of(response: &Response<'_>) -> Result<Self, ResponseError> {
        let (mut people, mut notes) = register(response)?;
        let subjects = people.len() as u64;
        let (mut others, mut said) = others(response)?;
        people.append(&mut others);
        notes.append(&mut said);
        let words = letter_words(&response.case)?;
        let decided = Decided::fold(words.iter().map(|(_, word)| word));
        for (key, decided) in decided.iter().filter(|(_, decided)| decided.addressed.is_some()) {
            let entry = people.entry(key.clone()).or_insert_with(|| RegisterEntry { key: key.clone(), ..RegisterEntry::default() });
            decided.apply(entry);
        }
        for (key, value) in store::read_json::<BTreeMap<String, Personal<String>>>(&response.case, store::VALUES)?.unwrap_or_default() {
            people.entry(key).and_modify(|entry| entry.given = Some(value));
        }
        Ok(Self { people, subjects, decided, last_entry: words.last().map(|(entry, _)| *entry), notes })
    }
}

/// What is decided about each person's letter.
///
/// # Errors
/// If a decision cannot be read.
pub(crate) fn decided(case: &Case) -> Result<BTreeMap<String, Decided>, ResponseError> {
    Ok(Decided::fold(letter_words(case)?.iter().map(|(_, word)| word)))
}

/// Every word on letters, oldest first, with its ledger entry.
pub(crate) fn letter_words(case: &Case) -> Result<Vec<(u64, LetterWord)>, ResponseError> {
    let read = |stored: strandline_case::StoredStatement| {
        let word = serde_json::from_str(&stored.statement.body).map_err(|source| ResponseError::UnknownDecision { entry: stored.ledger_entry, source })?;
        Ok((stored.ledger_entry, word))
    };
    case.stored_statements(KIND)?.into_iter().map(read).collect()
}

impl Response<'_> {
    /// Records what a person decided about letters; the ledger has each word first. Then the letters are drafted again: those that
    /// the words do not change keep their day, their text, and their approvals.
    ///
    /// # Errors
    /// If a word is about nobody of this case or names a place that no letter can go to, or lets a letter go that is older than the case;
    /// then nothing is recorded. If the case cannot be written.
    pub fn decide_letters(&mut self, words: &[LetterWord]) -> Result<LettersDecided, ResponseError> {
        self.needs("letters", "letters", "notify CASE draft")?;
        let now = (self.settings.now)();
        self.check_words(words, now)?;
        // Whoever lets a letter go says so of what it says now.
        if words.iter().any(|word| matches!(word, LetterWord::Released { .. })) {
            self.need_current_letters()?;
        }
        let mut ledger_entries = Vec::new();
        for word in words {
            let body = serde_json::to_string(word).expect("a decision has only texts and numbers");
            let statement = Statement { kind: KIND.to_owned(), body, made_by: self.settings.responder.clone(), made_at: now };
            ledger_entries.push(self.case.record_statement(&statement, Function::Respond, env!("CARGO_PKG_VERSION"))?);
        }
        let queued_again = self.queue_for_new_places(words, now)?;
        self.draft_letters()?;
        let about: BTreeSet<&str> = words.iter().map(LetterWord::data_subject).collect();
        let held = index(self)?.into_iter().filter(|letter| letter.is_held() && about.contains(letter.data_subject.as_str()));
        let held = held.map(|letter: IndexedLetter| (letter.data_subject, letter.attention)).collect();
        Ok(LettersDecided { ledger_entries, held, queued_again })
    }

    fn check_words(&self, words: &[LetterWord], now: Instant) -> Result<(), ResponseError> {
        let people = Addressees::of(self)?.people;
        let lettered: BTreeSet<String> = index(self)?.into_iter().map(|letter| letter.data_subject).collect();
        for word in words {
            let key = word.data_subject();
            if !people.contains_key(key) && !lettered.contains(key) {
                return Err(ResponseError::NobodyHere(key.to_owned()));
            }
            match word {
                LetterWord::Readdressed { place, .. } => {
                    check_place(place)?;
                    self.check_reader_language(place)?;
                }
                LetterWord::DoneByHand { at, .. } if *at > now => return Err(ResponseError::ToCome(*at)),
                _ => {}
            }
        }
        Ok(())
    }

    fn check_reader_language(&self, place: &Place) -> Result<(), ResponseError> {
        let Some(language) = &place.language else { return Ok(()) };
        let own: Vec<(String, String)> = store::read_json(&self.case, store::TEMPLATES)?.unwrap_or_default();
        let templates = Templates::read(&own, &self.estate.organisation.regimes)?;
        let known: Vec<&str> = templates.languages().collect();
        if known.iter().any(|known| known.eq_ignore_ascii_case(language)) {
            return Ok(());
        }
        Err(ResponseError::NoSuchLanguage { language: language.clone(), known: known.join(", ") })
    }

    /// A letter that came back, or was refused, goes again to the address that a person named instead, unless another way has it.
    fn queue_for_new_places(&mut self, words: &[LetterWord], now: Instant) -> Result<u64, ResponseError> {
        let rows = by_person(self.case.stored_letters()?);
        let mut steps: Vec<SendingStep> = Vec::new();
        for word in words {
            let LetterWord::Readdressed { data_subject, place, .. } = word else { continue };
            let own: &[StoredLetter] = rows.get(data_subject).map(Vec::as_slice).unwrap_or_default();
            let is_new = |channel| match channel {
                Channel::Email => place.email.is_some(),
                Channel::Post => place.postal_address.is_some(),
            };
            let stands = |row: &StoredLetter| own.iter().any(|other| other.letter.reference == row.letter.reference && !other.state.has_failed());
            for row in own.iter().filter(|row| row.state.has_failed() && is_new(row.letter.channel) && !stands(row)) {
                let said = Some("a person named another address".to_owned());
                steps.push(SendingStep { channel: row.letter.channel, ..step(&row.letter.reference, SendingState::Queued, now, None, said) });
            }
        }
        self.case.sending()?.commit(&steps)?;
        Ok(steps.len() as u64)
    }
}
