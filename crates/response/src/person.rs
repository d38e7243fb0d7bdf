//! Everything that a case holds on one person, for the desk that answers them; and whether a message is one of the case's letters.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use strandline_case::LetterEvent;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::code::SupportCode;
use strandline_model::letter::{Channel, SendingState};
use strandline_model::register::RegisterEntry;
use strandline_model::time::{Instant, Interval};
use strandline_outbound::{ReceivedMessage, read_messages, read_received};

use crate::clearance::{covered, intrusion};
use crate::error::ResponseError;
use crate::explain::{ExplainedCategory, Explanation, explain};
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::letters::{Codes, IndexedLetter, index};
use crate::stage::notify::{Attach, PlannedLetter, load};

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
    /// The letter as it was drafted.
    pub letter: Option<DraftedLetter>,
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

/// Whether a message is one of the case's letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Authenticity {
    /// It says, word for word, what our letter to this person says.
    Ours {
        /// Whose letter.
        data_subject: String,
        /// Whether that letter was handed to a mail server or mail house.
        sent: bool,
    },
    /// It names a letter of ours, and says something else.
    Altered {
        /// Whose letter it names.
        data_subject: String,
        /// The first line, from 1, that is not in our letter.
        line: usize,
        /// Links and addresses in it that our letter does not have.
        foreign_links: Vec<String>,
    },
    /// It names no letter of ours.
    NotOurs,
}

impl Response<'_> {
    /// Everything on the person with this key, or with this code of a letter.
    ///
    /// # Errors
    /// If a code is mistyped, nobody of that key or code is in the case, or something cannot be read.
    pub fn person(&self, key_or_code: &str) -> Result<PersonFile, ResponseError> {
        let (people, _) = register(self)?;
        let letters = self.indexed()?;
        let data_subject = match people.contains_key(key_or_code) || letters.contains_key(key_or_code) {
            true => key_or_code.to_owned(),
            false => self.whose_code(key_or_code)?,
        };
        let Explanation { categories, clearance, open, .. } = explain(self, &data_subject)?;
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
            events: self.case.letter_events(&data_subject)?.into_iter().map(PersonEvent::from).collect(),
            categories,
            data_subject,
        })
    }

    /// Whether each message of a file, a mailbox or a folder is one of this case's letters.
    ///
    /// # Errors
    /// If there are no letters, or a message or a letter cannot be read.
    pub fn check_messages(&self, path: &Path, round: u32) -> Result<Vec<Authenticity>, ResponseError> {
        let plan = self.letter_plan(round)?;
        let codes = Codes::of(&self.case)?;
        let mut messages = Vec::new();
        read_messages(path, &mut |bytes| messages.push(read_received(bytes)))?;
        let mut verdicts = Vec::new();
        for message in messages {
            let named = message.references.iter().find_map(|reference| plan.letters.get(reference));
            let by_code = || message.codes.iter().find_map(|code| codes.owner(&self.case, code).ok().flatten());
            let by_key = |key: &str| plan.letters.values().find(|planned| planned.data_subject == key);
            verdicts.push(match named.or_else(|| by_code().and_then(by_key)) {
                Some(planned) => self.compare(planned, plan.people.get(&planned.data_subject), &message)?,
                None => Authenticity::NotOurs,
            });
        }
        Ok(verdicts)
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
        Codes::of(&self.case)?.owner(&self.case, &code)?.map(str::to_owned).ok_or(ResponseError::CodeOfNobody)
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

    fn compare(&self, planned: &PlannedLetter, entry: Option<&RegisterEntry>, message: &ReceivedMessage) -> Result<Authenticity, ResponseError> {
        let ours = load(self.case.path(), planned, entry, Attach::Nothing)?;
        let own = words(ours.text.expose_personal());
        let data_subject = planned.data_subject.clone();
        let text = message.text.expose_personal();
        if contains(&words(text), &own) && message.links.iter().all(|link| ours.text.expose_personal().contains(link.as_str())) {
            let sent = self.case.letter_events(&data_subject)?.iter().any(|event| event.reference == planned.reference && has_left(&event.state));
            return Ok(Authenticity::Ours { data_subject, sent });
        }
        let known: std::collections::BTreeSet<Vec<String>> = ours.text.expose_personal().lines().map(words).collect();
        let line = text.lines().position(|line| !words(line).is_empty() && !contains(&own, &words(line)) && !known.contains(&words(line)));
        let foreign_links = message.links.iter().filter(|link| !ours.text.expose_personal().contains(link.as_str())).cloned().collect();
        Ok(Authenticity::Altered { data_subject, line: line.map_or(0, |place| place + 1), foreign_links })
    }
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

fn has_left(state: &str) -> bool {
    let Some(state) = SendingState::parse(state) else { return false };
    matches!(state, SendingState::Accepted | SendingState::HandedOver | SendingState::Answered | SendingState::Bounced | SendingState::Returned)
}

/// A text as its words: mail systems break lines anew, mark quotations and change blanks.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().filter(|word| !word.chars().all(|c| c == '>')).map(str::to_owned).collect()
}

fn contains(text: &[String], part: &[String]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}
