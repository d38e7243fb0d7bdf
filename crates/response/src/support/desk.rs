//! The desk: what people wrote, by severity and age; who sees to it; and the answers, which the next publication shows to them. Each
//! act is a person's decision: signed where anybody is enrolled, in the ledger by its digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strandline_case::{Case, Function, Statement};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_notice::letter::Before;
use strandline_support::{Answer, CardName, Handled, Handling, Kind, Message, MessageId, Way};

use super::cards::{day_in, has_left, words};
use super::sheet::{self, Writer};
use super::withdrawn::Withdrawn;
use crate::authenticity::Authenticity;
use crate::clearance::cleared;
use crate::duties::zone_of;
use crate::error::ResponseError;
use crate::person::LookedUpBy;
use crate::run::Response;
use crate::stage::notify::{KeptLetter, kept_letters, sent_told};
use crate::store;

/// What the case calls the statements of the desk.
const KIND: &str = "desk";

/// Longest answer, characters: it stands on a card beside the letter.
const ANSWER_CHARS_LIMIT: usize = 4_000;

/// What the desk did about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum DeskAct {
    /// Somebody sees to it.
    Assigned { message: String, to: String },
    /// It was answered.
    Answered { message: String, by: Way, sheet: bool, text: Personal<String> },
    /// Nothing more is to be done.
    Closed { message: String, why: Personal<String> },
    /// Somebody else holds the letter: the card that its code opens is shown no more.
    Withdrawn { message: String, data_subject: String, card: CardName, why: Personal<String> },
}

impl DeskAct {
    fn message(&self) -> &str {
        match self {
            Self::Assigned { message, .. } | Self::Answered { message, .. } | Self::Closed { message, .. } | Self::Withdrawn { message, .. } => message,
        }
    }
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeskState {
    /// Nobody has answered it.
    Open,
    /// It was answered.
    Answered,
    /// Nothing more is to be done.
    Closed,
}

/// A message in the queue: not its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskItem {
    /// Names it.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Who wrote it.
    pub data_subject: String,
    /// In which language they read the page.
    pub language: String,
    /// How they want the answer.
    pub way: Way,
    /// When they wrote it, by the clock of the host.
    pub written_at: Instant,
    /// When it was collected.
    pub collected_at: Instant,
    /// Hours since it was written.
    pub age_hours: i64,
    /// Who sees to it: as somebody decided; else, of a safety request, the safety contact of the estate.
    pub assigned_to: Option<String>,
    /// Where it is.
    pub state: DeskState,
    /// Whether the card that it was written from was withdrawn: who wrote it then is not the person, as far as anybody knows.
    pub is_withdrawn: bool,
    /// The ledger entry that has its digest.
    pub ledger_entry: u64,
}

/// A message with its words, for whoever answers it.
#[derive(Clone, Debug, Serialize)]
pub struct ShownMessage {
    /// What stands in the queue.
    #[serde(flatten)]
    pub item: DeskItem,
    /// The strongest that the case holds of the person: confirmed, likely, possible; none if they were not reached.
    pub tier: Option<&'static str>,
    /// Their words.
    pub text: Personal<String>,
    /// How they can be reached, as they say.
    pub reach: Option<Personal<String>>,
    /// Of a message that they ask about: whether it is one of ours.
    pub check: Option<Authenticity>,
    /// Whether it is the whole letter to them, as it left, and nothing beside it.
    pub is_writers_letter: bool,
    /// What the sheet answers; none where a person must find the words.
    pub sheet: Option<Personal<String>>,
    /// What the desk answered, oldest first.
    pub answers: Vec<Personal<String>>,
}

/// Why the desk could not do it.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such message.
    #[error("there is no message {0:?}: `strandline desk CASE` lists them; the first eight characters will do")]
    NoMessage(String),
    /// The beginning of several.
    #[error("{0:?} is the beginning of several messages: give more of it")]
    Several(String),
    /// Nobody's name.
    #[error("the name of who sees to it is missing: `assign ID --to NAME`")]
    NoName,
    /// An answer without words.
    #[error("the answer is empty")]
    Empty,
    /// An answer that no card takes.
    #[error("the answer has {0} characters, and at most {ANSWER_CHARS_LIMIT} fit: write a letter")]
    Long(usize),
    /// A safety request from a sheet.
    #[error("no sheet answers this message: a person finds the words (--text FILE)")]
    NoSheet,
    /// A reading that needs no signature, of a message that can wait for one.
    #[error("this is no request for safety: that somebody reads it is signed first")]
    NotSafety,
    /// The card was withdrawn before.
    #[error("the card that this message was written from is withdrawn already: publish again, and have a new letter go to the person")]
    WithdrawnAlready,
    /// A stored message is none that this version knows.
    #[error("message {0} is not one that this version knows: use the version that collected it, or a newer one")]
    Unknown(String),
}

/// The desk's acts on one message.
#[derive(Default)]
struct Acts {
    assigned_to: Option<String>,
    answers: Vec<(Way, Personal<String>, Instant)>,
    is_closed: bool,
}

/// The last letter to a person that has left, and what it told them.
///
/// # Errors
/// If the case cannot be read.
pub(crate) fn last_in_hand(response: &Response<'_>, data_subject: &str) -> Result<Option<(KeptLetter, Option<Before>)>, ResponseError> {
    let gone = has_left(response)?;
    let own = kept_letters(response)?.into_iter().filter(|kept| kept.data_subject == data_subject);
    let last = own.filter(|kept| gone.contains(&(kept.reference.clone(), kept.letter_sha256.clone()))).max_by_key(|kept| (kept.round, kept.kept_at));
    let Some(last) = last else { return Ok(None) };
    let told = sent_told(response)?.remove(&last.reference);
    Ok(Some((last, told)))
}

/// Everything that the desk did, oldest first, with the ledger entry and the instant of each.
pub(super) fn acts(case: &Case) -> Result<Vec<(u64, Instant, DeskAct)>, ResponseError> {
    let read = |stored: strandline_case::StoredStatement| {
        let act = serde_json::from_str(&stored.statement.body).map_err(|source| ResponseError::UnknownDecision { entry: stored.ledger_entry, source })?;
        Ok((stored.ledger_entry, stored.statement.made_at, act))
    };
    case.stored_statements(KIND)?.into_iter().map(read).collect()
}

impl Response<'_> {
    /// All messages, the gravest first, of one kind the oldest first; what is done comes last.
    ///
    /// # Errors
    /// If the case cannot be read.
    pub fn desk(&self) -> Result<Vec<DeskItem>, ResponseError> {
        let (acts, withdrawn) = (self.desk_acts()?, Withdrawn::of(&self.case)?);
        let mut items = Vec::new();
        for (ledger_entry, data_subject, message, collected_at) in self.messages()? {
            items.push(self.item(ledger_entry, data_subject, &message, collected_at, (acts.get(message.id.as_str()), &withdrawn)));
        }
        items.sort_by(|a, b| (a.state, a.kind, a.written_at, &a.id).cmp(&(b.state, b.kind, b.written_at, &b.id)));
        Ok(items)
    }

    /// One message with its words. That somebody looked is for [`Response::note_desk_look_up`].
    ///
    /// # Errors
    /// If there is none of this name, or the case cannot be read.
    pub fn desk_message(&self, id: &str) -> Result<ShownMessage, ResponseError> {
        let (ledger_entry, data_subject, message, collected_at) = self.find_message(id)?;
        let acts = self.desk_acts()?.remove(message.id.as_str());
        let told: BTreeMap<String, Before> = store::read_json(&self.case, store::TOLD)?.unwrap_or_default();
        let tier = told.get(&data_subject).and_then(|told| told.told.values().map(|(certainty, _)| *certainty).max()).map(|c| c.as_str());
        let check = if message.kind == Kind::Check { self.check_pasted(message.text.expose_personal())? } else { None };
        let is_writers_letter = check.as_ref().is_some_and(|check| sheet::is_own_letter(check, &data_subject));
        let in_hand = last_in_hand(self, &data_subject)?.and_then(|(_, told)| told);
        let is_cleared = message.kind == Kind::Question && cleared(&self.case)?.contains(&data_subject);
        let writer = Writer { data_subject: &data_subject, told: in_hand.as_ref(), is_cleared };
        let sheet = sheet::answer(&message, &writer, check.as_ref(), self.estate.organisation.contact.as_ref());
        let answers = acts.iter().flat_map(|acts| acts.answers.iter().map(|(_, text, _)| text.clone())).collect();
        let item = self.item(ledger_entry, data_subject, &message, collected_at, (acts.as_ref(), &Withdrawn::of(&self.case)?));
        Ok(ShownMessage { item, tier, text: message.text, reach: message.reach, check, is_writers_letter, sheet, answers })
    }

    /// Puts into the ledger that somebody read a message.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn note_desk_look_up(&mut self, data_subject: &str) -> Result<(), ResponseError> {
        self.note_look_up(data_subject, LookedUpBy::Message, None)
    }

    /// Puts into the ledger that somebody reads a request for safety, unsigned: such a request waits for nobody's key, and nothing else is
    /// read so.
    ///
    /// # Errors
    /// If there is none of this name, it is about something else, or the case cannot be written.
    pub fn note_safety_reading(&mut self, id: &str) -> Result<u64, ResponseError> {
        let (_, data_subject, message, _) = self.find_message(id)?;
        if message.kind != Kind::Safety {
            return Err(DeskError::NotSafety.into());
        }
        let body = serde_json::json!({ "data_subject": data_subject, "by": LookedUpBy::Message, "message": message.id.as_str() });
        let (settings, version) = (self.settings, env!("CARGO_PKG_VERSION"));
        Ok(self.case.record_look(body.to_string(), &settings.responder, (settings.now)(), version)?)
    }

    /// Decides who sees to a message.
    ///
    /// # Errors
    /// If there is none of this name, nobody who may signs, or the case cannot be written.
    pub fn assign_message(&mut self, id: &str, to: &str) -> Result<u64, ResponseError> {
        let to = to.split_whitespace().collect::<Vec<_>>().join(" ");
        if to.is_empty() {
            return Err(DeskError::NoName.into());
        }
        let message = self.message_name(id)?;
        self.record_act(&DeskAct::Assigned { message, to })
    }

    /// Answers a message: in these words, or in those of the sheet. By the page it stands on the card after the next publication; by
    /// post or telephone a person sees to it.
    ///
    /// # Errors
    /// If there is none of this name, the answer is empty or too long, no sheet answers it, nobody who may signs, or the case cannot be
    /// written.
    pub fn answer_message(&mut self, id: &str, text: Option<&str>, by: Option<Way>) -> Result<u64, ResponseError> {
        let shown = self.desk_message(id)?;
        let sheet = text.is_none();
        let text = match text {
            Some(text) => Personal::new(text.to_owned()),
            None => shown.sheet.ok_or(DeskError::NoSheet)?,
        };
        let text = words(&text);
        let length = text.expose_personal().chars().count();
        match length {
            0 => return Err(DeskError::Empty.into()),
            1..=ANSWER_CHARS_LIMIT => {}
            _ => return Err(DeskError::Long(length).into()),
        }
        self.record_act(&DeskAct::Answered { message: shown.item.id, by: by.unwrap_or(shown.item.way), sheet, text })
    }

    /// Decides that nothing more is to be done about a message.
    ///
    /// # Errors
    /// If there is none of this name, nobody who may signs, or the case cannot be written.
    pub fn close_message(&mut self, id: &str, why: &str) -> Result<u64, ResponseError> {
        let message = self.message_name(id)?;
        self.record_act(&DeskAct::Closed { message, why: Personal::new(why.trim().to_owned()) })
    }

    /// Decides that the card a message was written from is shown no more, since somebody else holds the letter. The next publication
    /// leaves it out, and letters that are drafted from now on have another code for the person.
    ///
    /// # Errors
    /// If there is none of this name, its card is withdrawn already, nobody who may signs, or the case cannot be written.
    pub fn withdraw_card(&mut self, id: &str, why: &str) -> Result<u64, ResponseError> {
        let (_, data_subject, message, _) = self.find_message(id)?;
        if Withdrawn::of(&self.case)?.has(&data_subject, &message.card) {
            return Err(DeskError::WithdrawnAlready.into());
        }
        let why = Personal::new(why.trim().to_owned());
        self.record_act(&DeskAct::Withdrawn { message: message.id.as_str().to_owned(), data_subject, card: message.card, why })
    }

    /// Messages that the case has entered, for the page to say so.
    pub(super) fn handled_for_cards(&self) -> Result<BTreeMap<String, Vec<Handled>>, ResponseError> {
        let (mut acts, withdrawn) = (self.desk_acts()?, Withdrawn::of(&self.case)?);
        let mut handled: BTreeMap<String, Vec<Handled>> = BTreeMap::new();
        for (_, data_subject, message, _) in self.messages()? {
            // What a stranger wrote is nothing of the person's.
            if withdrawn.has(&data_subject, &message.card) {
                continue;
            }
            let own = acts.remove(message.id.as_str()).unwrap_or_default();
            let elsewhere = own.answers.iter().rev().find(|(by, ..)| *by != Way::Page);
            let how = match (elsewhere, own.is_closed) {
                (Some((Way::Post, ..)), _) => Handling::ByPost,
                (Some(_), _) => Handling::ByPhone,
                (None, true) => Handling::Closed,
                (None, false) => Handling::Taken,
            };
            handled.entry(data_subject).or_default().push(Handled { message: message.id, how });
        }
        Ok(handled)
    }

    /// Answers that the page shows, by person, oldest first.
    pub(super) fn answers_for_cards(&self) -> Result<BTreeMap<String, Vec<Answer>>, ResponseError> {
        let (mut acts, withdrawn) = (self.desk_acts()?, Withdrawn::of(&self.case)?);
        let zone = zone_of(&self.estate);
        let mut answers: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
        for (_, data_subject, message, _) in self.messages()? {
            if withdrawn.has(&data_subject, &message.card) {
                continue;
            }
            let own = acts.remove(message.id.as_str()).unwrap_or_default();
            // Whoever has the letter reads the page: of a fear for somebody's safety it shows only what they asked to have there.
            let may_show = message.kind != Kind::Safety || message.way == Way::Page;
            let on_page = own.answers.into_iter().filter(|(by, ..)| may_show && *by == Way::Page);
            let shown = on_page.map(|(_, text, at)| Answer { message: message.id.clone(), kind: message.kind, day: day_in(at, &zone), text });
            answers.entry(data_subject).or_default().extend(shown);
        }
        answers.values_mut().for_each(|own| own.sort_by_key(|answer| answer.day));
        Ok(answers)
    }

    fn item(
        &self,
        ledger_entry: u64,
        data_subject: String,
        message: &Message,
        collected_at: Instant,
        (acts, withdrawn): (Option<&Acts>, &Withdrawn),
    ) -> DeskItem {
        const HOUR: i64 = 3_600_000_000;
        let named = acts.and_then(|acts| acts.assigned_to.clone());
        let officer = || {
            let contact = self.estate.organisation.safety_contact.as_ref().filter(|_| message.kind == Kind::Safety)?;
            contact.name.get("en").or_else(|| contact.name.values().next()).cloned()
        };
        let state = match acts {
            Some(acts) if acts.is_closed => DeskState::Closed,
            Some(acts) if !acts.answers.is_empty() => DeskState::Answered,
            _ => DeskState::Open,
        };
        DeskItem {
            id: message.id.as_str().to_owned(),
            kind: message.kind,
            is_withdrawn: withdrawn.has(&data_subject, &message.card),
            data_subject,
            language: message.language.clone(),
            way: message.way,
            written_at: message.written_at,
            collected_at,
            age_hours: (self.settings.now)().0.saturating_sub(message.written_at.0) / HOUR,
            assigned_to: named.or_else(officer),
            state,
            ledger_entry,
        }
    }

    fn messages(&self) -> Result<Vec<(u64, String, Message, Instant)>, ResponseError> {
        let read = |stored: strandline_case::StoredMessage| {
            let message = serde_json::from_str(&stored.message.body).map_err(|_| DeskError::Unknown(stored.message.id))?;
            Ok((stored.ledger_entry, stored.message.data_subject, message, stored.message.collected_at))
        };
        self.case.stored_messages()?.into_iter().map(read).collect()
    }

    fn find_message(&self, id: &str) -> Result<(u64, String, Message, Instant), ResponseError> {
        let begins = |message: &Message| !id.is_empty() && message.id.as_str().starts_with(&id.to_ascii_lowercase());
        let mut found = self.messages()?.into_iter().filter(|(_, _, message, _)| begins(message));
        let first = found.next().ok_or_else(|| DeskError::NoMessage(id.to_owned()))?;
        if found.next().is_some() { Err(DeskError::Several(id.to_owned()).into()) } else { Ok(first) }
    }

    fn message_name(&self, id: &str) -> Result<String, ResponseError> {
        let (_, _, message, _) = self.find_message(id)?;
        Ok(MessageId::as_str(&message.id).to_owned())
    }

    fn desk_acts(&self) -> Result<BTreeMap<String, Acts>, ResponseError> {
        let mut acts: BTreeMap<String, Acts> = BTreeMap::new();
        for (_, made_at, act) in self::acts(&self.case)? {
            let own = acts.entry(act.message().to_owned()).or_default();
            match act {
                DeskAct::Assigned { to, .. } => own.assigned_to = Some(to),
                DeskAct::Answered { by, text, .. } => own.answers.push((by, text, made_at)),
                DeskAct::Closed { .. } => own.is_closed = true,
                DeskAct::Withdrawn { .. } => {}
            }
        }
        Ok(acts)
    }

    fn record_act(&mut self, act: &DeskAct) -> Result<u64, ResponseError> {
        let body = serde_json::to_string(act).expect("an act has only texts");
        let statement = Statement { kind: KIND.to_owned(), body, made_by: self.settings.responder.clone(), made_at: (self.settings.now)() };
        Ok(self.case.record_statement(&statement, Function::Respond, env!("CARGO_PKG_VERSION"))?)
    }
}
