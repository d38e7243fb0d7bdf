//! Everything that a case holds on one person, for the desk that answers them.

use std::collections::BTreeMap;

use serde::Serialize;
use strandline_case::{Function, LOOK_UP, LetterEvent, Statement};
use strandline_model::clearance::{Clearance, Question};
use strandline_model::code::SupportCode;
use strandline_model::letter::{Channel, SendingState};
use strandline_model::personal::Personal;
use strandline_model::register::{BelongsTo, RegisterEntry};
use strandline_model::time::{Instant, Interval};

use crate::clearance::{covered, intrusion};
use crate::error::ResponseError;
use crate::explain::{ExplainedCategory, Explanation, explain};
use crate::run::Response;
use crate::stage::expose::{others, register};
use crate::stage::letters::{Codes, IndexedLetter, file_stem, index};
use crate::stage::notify::{KeptLetter, kept_letters};
use crate::support::Withdrawn;

/// How somebody found a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookedUpBy {
    /// By the register's key.
    Key,
    /// By the code of a letter.
    Code,
    /// By a message that they wrote to the desk.
    Message,
    /// By a name, in a list of everybody who bears it.
    Name,
}

/// Somebody whose name holds what was looked for: enough to choose by, and nothing of what was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundName {
    /// The key.
    pub data_subject: String,
    /// The name, as the register has it.
    pub name: Personal<String>,
    /// Serving, departed …, as the register says.
    pub status: Option<String>,
    /// Whether a letter is drafted for them.
    pub has_letter: bool,
}

/// People whose name holds what was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FoundNames {
    /// By key, [`NAMES_LIMIT`] of them at most.
    pub people: Vec<FoundName>,
    /// How many there are.
    pub count: usize,
}

/// Names that one look-up shows, at most: it is a list to choose from, and not the register.
pub const NAMES_LIMIT: usize = 20;

/// Signs that a name to look for has, at least: of a script that parts words, and of one that does not.
const NAME_SIGNS: [usize; 2] = [3, 2];

/// Everything on one person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonFile {
    /// The key.
    pub data_subject: String,
    /// What the register says; `None` if the person is not in it.
    pub register: Option<RegisterLine>,
    /// What was exposed, with its proof; empty if nothing was.
    pub categories: Vec<ExplainedCategory>,
    /// For somebody who is cleared: the window that "not reached" rests on.
    pub checked: Option<Interval>,
    /// For somebody who is cleared: what it rests on.
    pub clearance: Option<Clearance>,
    /// For somebody who is in no tier and not cleared: what is open.
    pub open: Vec<Question>,
    /// The letter as it is drafted now.
    pub letter: Option<DraftedLetter>,
    /// What they were sent, oldest first; a draft can say something else by now.
    pub sent: Vec<SentLetter>,
    /// What happened to letters, oldest first.
    pub events: Vec<PersonEvent>,
}

/// What the register has on a person, without the values.
#[derive(Clone, Debug, Serialize)]
pub struct RegisterLine {
    /// Serving, departed …, as the register says.
    pub status: Option<String>,
    /// The language.
    pub language: Option<String>,
    /// Whether there is an e-mail address.
    pub has_email: bool,
    /// Whether there is a postal address.
    pub has_postal_address: bool,
    /// Whether there is a telephone number.
    pub has_phone: bool,
}

/// The letter as it was drafted.
#[derive(Clone, Debug, Serialize)]
pub struct DraftedLetter {
    /// Which letter.
    pub kind: String,
    /// Its language.
    pub language: String,
    /// Its text, relative to the case folder.
    pub file: String,
    /// Why it waits for a person, or what a person should know; empty if nothing.
    pub attention: String,
    /// Whether it waits.
    pub held: bool,
}

/// A letter as it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct SentLetter {
    /// The round of letters.
    pub round: u32,
    /// By which ways, and what became of it there; none for a text that others took the place of before it left.
    pub ways: Vec<(Channel, SendingState)>,
    /// Its text as it left, relative to the case folder.
    pub file: String,
    /// SHA-256 of its PDF, where it was printed.
    pub pdf_sha256: Option<String>,
    /// Whether what is drafted now says the same.
    pub is_draft: bool,
}

impl SentLetter {
    /// Whether they can have it.
    pub fn has_left(&self) -> bool {
        self.ways.iter().any(|(_, state)| !matches!(state, SendingState::Queued | SendingState::Deferred | SendingState::Refused))
    }
}

/// What happened to a letter.
#[derive(Clone, Debug, Serialize)]
pub struct PersonEvent {
    /// The round of letters.
    pub round: u32,
    /// The way.
    pub channel: Channel,
    /// The state that it came to, or `withdrawn`: queued for another way.
    pub state: String,
    /// When.
    pub at: Instant,
    /// What a server, a report or a person said.
    pub answer: Option<String>,
}

impl From<LetterEvent> for PersonEvent {
    fn from(event: LetterEvent) -> Self {
        Self { round: event.round, channel: event.channel, state: event.state, at: event.at, answer: event.answer }
    }
}

impl Response<'_> {
    /// Everything on the person with this key, or with this code of a letter.
    ///
    /// # Errors
    /// If a code is mistyped, nobody of that key or code is in the case, or something cannot be read.
    pub fn person(&self, key_or_code: &str) -> Result<PersonFile, ResponseError> {
        let (mut people, _) = register(self)?;
        people.append(&mut others(self)?.0);
        let letters = self.indexed()?;
        let data_subject = match people.contains_key(key_or_code) || letters.contains_key(key_or_code) {
            true => key_or_code.to_owned(),
            false => self.whose_code(key_or_code)?,
        };
        let belongs_to = people.get(&data_subject).and_then(|entry| entry.belongs_to.as_ref());
        let Explanation { categories, clearance, open, .. } = match belongs_to {
            Some(belongs) => self.explain_other(belongs)?,
            None => explain(self, &data_subject)?,
        };
        let line = |entry: &RegisterEntry| RegisterLine {
            status: entry.status.clone(),
            language: entry.language.clone(),
            has_email: entry.email.is_some(),
            has_postal_address: entry.postal_address.is_some(),
            has_phone: entry.phone.is_some(),
        };
        Ok(PersonFile {
            register: people.get(&data_subject).map(line),
            checked: if clearance.is_some() { self.checked()? } else { None },
            clearance,
            open,
            letter: letters.get(&data_subject).map(drafted),
            sent: self.sent_to(&data_subject)?,
            events: self.case.letter_events(&data_subject)?.into_iter().map(PersonEvent::from).collect(),
            categories,
            data_subject,
        })
    }

    /// People whose name holds all of these words, in any order. A name identifies nobody: it was stolen. So this is a list to choose from
    /// with what the caller says, and it tells nothing of what was reached.
    ///
    /// # Errors
    /// If the name is too short to look for, or the case cannot be read.
    pub fn people_named(&self, name: &str) -> Result<FoundNames, ResponseError> {
        let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
        let signs = words.iter().flat_map(|word| word.chars()).filter(|c| c.is_alphanumeric()).count();
        if signs < NAME_SIGNS[usize::from(!name.is_ascii())] {
            return Err(ResponseError::ShortName);
        }
        let (mut people, _) = register(self)?;
        people.append(&mut others(self)?.0);
        let letters = self.indexed()?;
        let bears = |name: &&Personal<String>| {
            let name = name.expose_personal().to_lowercase();
            words.iter().all(|word| name.contains(word.as_str()))
        };
        let mut found = FoundNames::default();
        for (key, entry) in &people {
            let Some(name) = entry.names.values().find(bears) else { continue };
            found.count += 1;
            if found.people.len() < NAMES_LIMIT {
                let has_letter = letters.contains_key(key);
                found.people.push(FoundName { data_subject: key.clone(), name: name.clone(), status: entry.status.clone(), has_letter });
            }
        }
        Ok(found)
    }

    /// Puts into the ledger that somebody looked for a name, and whom they were shown.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn note_name_look_up(&mut self, name: &str, found: &FoundNames) -> Result<(), ResponseError> {
        let shown: Vec<&str> = found.people.iter().map(|person| person.data_subject.as_str()).collect();
        self.note(serde_json::json!({ "name": name, "by": LookedUpBy::Name, "shown": shown }))
    }

    /// Puts into the ledger that somebody looked at what the case holds on a person, and why, where they said it.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub(crate) fn note_look_up(&mut self, data_subject: &str, by: LookedUpBy, why: Option<&Personal<String>>) -> Result<(), ResponseError> {
        let mut body = serde_json::json!({ "data_subject": data_subject, "by": by });
        if let Some(why) = why {
            body["why"] = why.expose_personal().as_str().into();
        }
        self.note(body)
    }

    fn note(&mut self, body: serde_json::Value) -> Result<(), ResponseError> {
        let made_at = (self.settings.now)();
        let statement = Statement { kind: LOOK_UP.to_owned(), body: body.to_string(), made_by: self.settings.responder.clone(), made_at };
        self.case.record_statement(&statement, Function::Respond, env!("CARGO_PKG_VERSION"))?;
        Ok(())
    }

    /// What was exposed of somebody whose data stands with a subject's: that subject's exposures, as far as they are of tables about such
    /// people.
    fn explain_other(&self, belongs: &BelongsTo) -> Result<Explanation, ResponseError> {
        let tables: Vec<String> =
            self.estate.tables.iter().filter(|table| table.about.as_ref() == Some(&belongs.about)).map(|table| format!("{}.", table.name)).collect();
        let mut explanation = explain(self, &belongs.subject)?;
        for category in &mut explanation.categories {
            category.columns.retain(|column| tables.iter().any(|table| column.starts_with(table.as_str())));
        }
        explanation.categories.retain(|category| !category.columns.is_empty());
        Ok(explanation)
    }

    /// Whose letter has this code.
    ///
    /// # Errors
    /// If it is mistyped, or on no letter.
    pub fn whose_code(&self, text: &str) -> Result<String, ResponseError> {
        let code: SupportCode = match text.parse() {
            Ok(code) => code,
            Err(strandline_model::code::NotACode::Shape) => return Err(ResponseError::NobodyHere(text.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let owner = Codes::of(&self.case)?.owner(&self.case, &code)?.map(str::to_owned).ok_or(ResponseError::CodeOfNobody)?;
        if Withdrawn::of(&self.case)?.has_code(&self.case, &owner, &code)? { Err(ResponseError::CodeWithdrawn) } else { Ok(owner) }
    }

    /// What a person was sent: each text that was released to them and left, or may have.
    fn sent_to(&self, data_subject: &str) -> Result<Vec<SentLetter>, ResponseError> {
        let rows = self.case.stored_letters()?;
        let drafted = format!("letters/{}.txt", file_stem(data_subject));
        let draft = self.case.manifest().stages.get("letters").and_then(|record| record.files.iter().find(|file| file.file == drafted));
        let mut kept: Vec<KeptLetter> = kept_letters(self)?.into_iter().filter(|letter| letter.data_subject == data_subject).collect();
        kept.sort_by_key(|letter| (letter.round, letter.kept_at));
        let events = self.case.letter_events(data_subject)?;
        let next: Vec<Option<i64>> = kept.iter().map(|letter| next_kept(letter, &kept)).collect();
        let sent = kept.into_iter().zip(next).map(|(letter, next)| {
            let own = rows.iter().filter(|row| row.letter.reference == letter.reference && row.letter.letter_sha256 == letter.letter_sha256);
            let ways: Vec<(Channel, SendingState)> = own.map(|row| (row.letter.channel, row.state)).collect();
            SentLetter {
                round: letter.round,
                ways: if ways.is_empty() { ways_until(&letter, next, &events) } else { ways },
                is_draft: draft.is_some_and(|draft| draft.sha256 == letter.text_sha256),
                file: letter.file,
                pdf_sha256: letter.pdf_sha256,
            }
        });
        Ok(sent.collect())
    }

    /// The line of one person's letter.
    pub(crate) fn indexed_letter(&self, data_subject: &str) -> Result<Option<IndexedLetter>, ResponseError> {
        Ok(self.indexed()?.remove(data_subject))
    }

    fn indexed(&self) -> Result<BTreeMap<String, IndexedLetter>, ResponseError> {
        let drafted = self.case.manifest().stages.get("letters").is_some_and(|record| !record.files.is_empty());
        let letters = if drafted { index(self)? } else { Vec::new() };
        Ok(letters.into_iter().map(|letter| (letter.data_subject.clone(), letter)).collect())
    }

    /// The window that "not reached" rests on.
    fn checked(&self) -> Result<Option<Interval>, ResponseError> {
        let coverage = self.coverage()?;
        Ok(intrusion(self)?.and_then(|intrusion| covered(&coverage, intrusion)))
    }
}

/// When another text took a letter's place.
fn next_kept(letter: &KeptLetter, kept: &[KeptLetter]) -> Option<i64> {
    kept.iter().filter(|other| other.reference == letter.reference && other.kept_at > letter.kept_at).map(|other| other.kept_at).min()
}

/// What became of a text until another took its place: the last of each way.
fn ways_until(letter: &KeptLetter, next: Option<i64>, events: &[LetterEvent]) -> Vec<(Channel, SendingState)> {
    let own = events.iter().filter(|event| event.reference == letter.reference && event.at.0 >= letter.kept_at && next.is_none_or(|next| event.at.0 < next));
    let mut ways: BTreeMap<Channel, SendingState> = BTreeMap::new();
    for event in own {
        match SendingState::parse(&event.state) {
            Some(state) => _ = ways.insert(event.channel, state),
            None => _ = ways.remove(&event.channel),
        }
    }
    // What only waited had not left.
    ways.retain(|_, state| !matches!(state, SendingState::Queued | SendingState::Deferred));
    ways.into_iter().collect()
}

fn drafted(letter: &IndexedLetter) -> DraftedLetter {
    DraftedLetter {
        kind: letter.kind.clone(),
        language: letter.language.clone(),
        file: format!("letters/{}.txt", letter.stem),
        attention: letter.attention.clone(),
        held: letter.is_held(),
    }
}
