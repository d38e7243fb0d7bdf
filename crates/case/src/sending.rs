//! Letters on their way: one row a letter and channel, and everything that happened to it.
//!
//! It keeps state and lets no impossible step through; what a step means for a person is told in `docs/sending.md`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, Transaction, params};
use sha2::{Digest, Sha256};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_model::time::Instant;

use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function};
use crate::manifest::Author;
use crate::names::hexadecimal;
use crate::state::{index, open_state, open_state_for_reading, stored};
use crate::verify::HISTORY;

/// A letter to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    /// Names it.
    pub reference: LetterReference,
    /// The way that it goes.
    pub channel: Channel,
    /// The round of letters: 1 for the first to everybody.
    pub round: u32,
    /// Whose it is.
    pub data_subject: String,
    /// SHA-256 of its text.
    pub letter_sha256: String,
    /// The approval under which it goes.
    pub plan_sha256: String,
}

/// A letter and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLetter {
    /// What was queued.
    pub letter: NewLetter,
    /// Where it is.
    pub state: SendingState,
    /// Times that it was put off.
    pub attempts: u64,
    /// Since when it is there.
    pub changed_at: Instant,
    /// When a deferred letter is due.
    pub due_at: Option<Instant>,
    /// The last word of a server, a report or a person.
    pub answer: Option<String>,
}

/// Something that happened to a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterEvent {
    /// The letter.
    pub reference: LetterReference,
    /// The way that it goes.
    pub channel: Channel,
    /// The round of letters.
    pub round: u32,
    /// The state that it came to, or `withdrawn`: queued for another way.
    pub state: String,
    /// When.
    pub at: Instant,
    /// What a server, a report or a person said.
    pub answer: Option<String>,
}

/// One step of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingStep {
    /// The letter.
    pub reference: LetterReference,
    /// The way that it goes.
    pub channel: Channel,
    /// Where it is now.
    pub state: SendingState,
    /// Since when.
    pub at: Instant,
    /// When it is due, if it is deferred.
    pub due_at: Option<Instant>,
    /// What was said.
    pub answer: Option<String>,
}

/// Whether a letter can go from one state to another. What a server has taken never becomes queued again, except by a person's
/// word on an uncertain one.
pub(crate) fn may_follow(from: SendingState, to: SendingState) -> bool {
    use SendingState::{Accepted, Answered, Bounced, Deferred, HandedOver, InFlight, Queued, Refused, Returned, Uncertain};
    match to {
        // By a person's word: nobody has a letter that was refused or came back.
        Queued => matches!(from, Uncertain | Refused | Bounced | Returned),
        InFlight => matches!(from, Queued | Deferred | InFlight),
        Deferred => matches!(from, Queued | Deferred | InFlight),
        Refused => matches!(from, Queued | Deferred | InFlight),
        Accepted => matches!(from, InFlight | Uncertain),
        Uncertain => from == InFlight,
        HandedOver => from == Queued,
        Bounced => matches!(from, Accepted | Uncertain | Bounced),
        Returned => from == HandedOver,
        Answered => matches!(from, Accepted | Uncertain | HandedOver | Bounced | Returned | Answered),
    }
}

/// The letters of a case, open for writing.
#[derive(Debug)]
pub struct Sending<'c> {
    state: Connection,
    /// Keeps the case, and so its lock, for as long as letters can be moved.
    _case: &'c Case,
}

const COLUMNS: &str = "reference, channel, round, data_subject, letter_sha256, plan_sha256, state, attempts, changed_at, due_at, answer";

impl Case {
    /// The reference of the letter to this person in this round: keyed with the case's salt, so that it tells nothing.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub fn letter_reference(&self, round: u32, data_subject: &str) -> Result<LetterReference, CaseError> {
        Ok(LetterReference::from_bits(self.keyed_bits(&format!("letter\0{round}\0{data_subject}"))?))
    }

    fn keyed_bits(&self, label: &str) -> Result<[u8; 10], CaseError> {
        let digest = self.require_salt()?.digest(label.as_bytes());
        let mut bits = [0; 10];
        for (byte, pair) in bits.iter_mut().zip(digest.as_bytes().chunks_exact(2)) {
            let digit = |d: u8| (d as char).to_digit(16).map_or(0, |n| n as u8);
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        Ok(bits)
    }

    /// The digest of a value with the case's salt: it can stand in a hash that is given away.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub fn salted_digest(&self, value: &[u8]) -> Result<String, CaseError> {
        Ok(self.require_salt()?.digest(value))
    }

    /// The letters, to move them.
    ///
    /// # Errors
    /// If the case is open for reading only, or case.db cannot be opened.
    pub fn sending(&self) -> Result<Sending<'_>, CaseError> {
        self.require_writable()?;
        let state = open_state(self)?;
        // Many small commits: a write-ahead log takes one flush for each, where a rollback journal takes three. It is gone again
        // when the letters are closed, so that a case at rest can be read from a medium that cannot be written.
        state.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        Ok(Sending { state, _case: self })
    }

    /// All letters with their states, by reference and channel.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_letters(&self) -> Result<Vec<StoredLetter>, CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok(Vec::new()) };
        read_letters(&state, "ORDER BY reference, channel", [])
    }

    /// Since when each person has a letter that stands in one of these states, whatever its round: the earliest of their letters counts,
    /// and of each its first such state after the last other one, so that an answer does not move it and a bounce takes it away.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn reached_since(&self, states: &[SendingState]) -> Result<BTreeMap<String, Instant>, CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok(BTreeMap::new()) };
        let mut query = state.prepare("SELECT reference, channel, state, at FROM sending_event ORDER BY number")?;
        let mut rows = query.query([])?;
        let mut since: BTreeMap<(String, String), Instant> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (letter, came_to): ((String, String), String) = ((row.get(0)?, row.get(1)?), row.get(2)?);
            if states.iter().any(|state| state.as_str() == came_to) {
                since.entry(letter).or_insert(Instant(row.get(3)?));
            } else {
                since.remove(&letter);
            }
        }
        let mut people: BTreeMap<String, Instant> = BTreeMap::new();
        for stored in self.stored_letters()? {
            let letter = (stored.letter.reference.to_string(), stored.letter.channel.as_str().to_owned());
            if let Some(at) = since.get(&letter) {
                people.entry(stored.letter.data_subject).and_modify(|first| *first = (*first).min(*at)).or_insert(*at);
            }
        }
        Ok(people)
    }

    /// When each letter came to one of these states, in order.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn came_to(&self, states: &[SendingState]) -> Result<BTreeMap<LetterReference, Vec<Instant>>, CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok(BTreeMap::new()) };
        let mut query = state.prepare("SELECT reference, state, at FROM sending_event ORDER BY number")?;
        let mut rows = query.query([])?;
        let mut came: BTreeMap<LetterReference, Vec<Instant>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (reference, came_to): (String, String) = (row.get(0)?, row.get(1)?);
            if states.iter().any(|state| state.as_str() == came_to) {
                let foreign = |_| rusqlite::Error::InvalidColumnType(0, "sending_event".to_owned(), rusqlite::types::Type::Text);
                came.entry(LetterReference::parse(&reference).map_err(foreign)?).or_default().push(Instant(row.get(2)?));
            }
        }
        Ok(came)
    }

    /// What happened to the letters to one person, oldest first.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn letter_events(&self, data_subject: &str) -> Result<Vec<LetterEvent>, CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok(Vec::new()) };
        let mut query = state.prepare(
            "SELECT e.reference, e.channel, own.round, e.state, e.at, e.answer FROM sending_event e
             JOIN (SELECT DISTINCT reference, round FROM sending WHERE data_subject = ?1) own ON own.reference = e.reference ORDER BY e.number",
        )?;
        let foreign = |column: usize| rusqlite::Error::InvalidColumnType(column, "sending_event".to_owned(), rusqlite::types::Type::Text);
        let rows = query.query_map([data_subject], |row| {
            let (reference, channel): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(LetterEvent {
                reference: LetterReference::parse(&reference).map_err(|_| foreign(0))?,
                channel: Channel::parse(&channel).ok_or_else(|| foreign(1))?,
                round: row.get(2)?,
                state: row.get(3)?,
                at: Instant(row.get(4)?),
                answer: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// SHA-256 over the first `count` events of letters, for the ledger; and how many there are now.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn sending_history(&self, count: Option<u64>) -> Result<(u64, String), CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok((0, hexadecimal(&Sha256::digest(b"")))) };
        history(&state, count)
    }

    /// Enters in the ledger what was done about letters (`send`, `post`, `bounces` …), with the hash of all that has happened to
    /// them so far. `inputs` and `outputs` are names and SHA-256, as in every entry. Returns the index of the entry.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn enter_sending(&mut self, what: &str, author: &Author, version: &str, files: SendingFiles) -> Result<u64, CaseError> {
        self.require_writable()?;
        let (count, sha256) = self.sending_history(None)?;
        let mut entry = Entry::new(EntryKind::Action, Function::Respond, &author.actor, author.time, version);
        entry.stage = Some(what.to_owned());
        entry.inputs = files.inputs;
        entry.outputs = files.outputs;
        entry.outputs.insert(format!("{HISTORY}{count}"), sha256);
        Ok(self.ledger_mut()?.append(&[entry])?.start)
    }
}

/// What an effect stood on and what it left, by name and SHA-256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendingFiles {
    /// The approved plan, a report that was read …
    pub inputs: BTreeMap<String, String>,
    /// A batch for the mail house …
    pub outputs: BTreeMap<String, String>,
}

fn history(state: &Connection, count: Option<u64>) -> Result<(u64, String), CaseError> {
    let mut query = state.prepare("SELECT reference, channel, state, at, coalesce(answer, '') FROM sending_event ORDER BY number LIMIT ?1")?;
    let mut rows = query.query([count.map_or(-1, stored)])?;
    let (mut hasher, mut found) = (Sha256::new(), 0);
    while let Some(row) = rows.next()? {
        let (reference, channel, word): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (at, answer): (i64, String) = (row.get(3)?, row.get(4)?);
        hasher.update(format!("{reference}\t{channel}\t{word}\t{at}\t{answer}\n"));
        found += 1;
    }
    Ok((found, hexadecimal(&hasher.finalize())))
}

fn read_letters<P: rusqlite::Params>(state: &Connection, clause: &str, parameters: P) -> Result<Vec<StoredLetter>, CaseError> {
    let mut query = state.prepare_cached(&format!("SELECT {COLUMNS} FROM sending {clause}"))?;
    let rows = query.query_map(parameters, read_letter)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_letter(row: &Row<'_>) -> rusqlite::Result<StoredLetter> {
    let foreign = |column: usize| rusqlite::Error::InvalidColumnType(column, "sending".to_owned(), rusqlite::types::Type::Text);
    let (reference, channel, state): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(6)?);
    Ok(StoredLetter {
        letter: NewLetter {
            reference: LetterReference::parse(&reference).map_err(|_| foreign(0))?,
            channel: Channel::parse(&channel).ok_or_else(|| foreign(1))?,
            round: row.get(2)?,
            data_subject: row.get(3)?,
            letter_sha256: row.get(4)?,
            plan_sha256: row.get(5)?,
        },
        state: SendingState::parse(&state).ok_or_else(|| foreign(6))?,
        attempts: index(row.get(7)?),
        changed_at: Instant(row.get(8)?),
        due_at: row.get::<_, Option<i64>>(9)?.map(Instant),
        answer: row.get(10)?,
    })
}

impl Sending<'_> {
    /// Queues letters. One that is there already by this channel keeps its state; if it has not left yet, it takes the new text
    /// and approval. Returns how many were new.
    ///
    /// # Errors
    /// If the disk does not take it; then none is queued.
    pub fn queue(&mut self, letters: &[NewLetter], at: Instant) -> Result<u64, CaseError> {
        let transaction = self.state.transaction()?;
        let mut fresh = 0;
        for letter in letters {
            let (reference, channel) = (letter.reference.as_str(), letter.channel.as_str());
            let inserted = transaction
                .prepare_cached("INSERT OR IGNORE INTO sending VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', 0, ?7, NULL, NULL)")?
                .execute(params![reference, channel, letter.round, letter.data_subject, letter.letter_sha256, letter.plan_sha256, at.0])?;
            if inserted == 1 {
                fresh += 1;
                add_event(&transaction, reference, channel, SendingState::Queued.as_str(), at, None)?;
            } else {
                transaction
                    .prepare_cached(
                        "UPDATE sending SET letter_sha256 = ?3, plan_sha256 = ?4 WHERE reference = ?1 AND channel = ?2 AND state IN ('queued', 'deferred')",
                    )?
                    .execute(params![reference, channel, letter.letter_sha256, letter.plan_sha256])?;
            }
        }
        transaction.commit()?;
        Ok(fresh)
    }

    /// Takes back letters that still wait: they are as if they had never been queued, but for what is told of them. One that
    /// has left is not touched. Returns how many were taken back.
    ///
    /// # Errors
    /// If the disk does not take it; then none is taken back.
    pub fn withdraw(&mut self, letters: &[(LetterReference, Channel)], why: &str, at: Instant) -> Result<u64, CaseError> {
        let transaction = self.state.transaction()?;
        let mut count = 0;
        for (reference, channel) in letters {
            let (reference, channel) = (reference.as_str(), channel.as_str());
            let removed = transaction
                .prepare_cached("DELETE FROM sending WHERE reference = ?1 AND channel = ?2 AND state IN ('queued', 'deferred')")?
                .execute(params![reference, channel])?;
            if removed == 1 {
                count += 1;
                add_event(&transaction, reference, channel, "withdrawn", at, Some(why))?;
            }
        }
        transaction.commit()?;
        Ok(count)
    }

    /// Letters that a run which died had in flight become uncertain. Returns how many.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn settle(&mut self, at: Instant) -> Result<u64, CaseError> {
        let left = read_letters(&self.state, "WHERE state = 'in_flight' ORDER BY reference, channel", [])?;
        let steps: Vec<SendingStep> = left
            .into_iter()
            .map(|stored| SendingStep {
                reference: stored.letter.reference,
                channel: stored.letter.channel,
                state: SendingState::Uncertain,
                at,
                due_at: None,
                answer: Some("the program ended between the letter and the server's answer".to_owned()),
            })
            .collect();
        self.commit(&steps)?;
        Ok(steps.len() as u64)
    }

    /// At most `limit` letters of a round and channel that are queued or due and not in `taken`, by reference.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn next(
        &self,
        (round, channel): (u32, Channel),
        now: Instant,
        limit: usize,
        taken: &BTreeSet<LetterReference>,
    ) -> Result<Vec<StoredLetter>, CaseError> {
        let wanted = stored(limit.saturating_add(taken.len()) as u64);
        let clause = "WHERE channel = ?1 AND state IN ('queued', 'deferred') AND (due_at IS NULL OR due_at <= ?2) AND round = ?4 ORDER BY reference LIMIT ?3";
        let mut found = read_letters(&self.state, clause, params![channel.as_str(), now.0, wanted, round])?;
        found.retain(|letter| !taken.contains(&letter.letter.reference));
        found.truncate(limit);
        Ok(found)
    }

    /// When the earliest deferred letter of a round and channel is due.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn next_due(&self, (round, channel): (u32, Channel)) -> Result<Option<Instant>, CaseError> {
        let query = "SELECT min(due_at) FROM sending WHERE channel = ?1 AND state = 'deferred' AND round = ?2";
        let due: Option<i64> = self.state.query_row(query, params![channel.as_str(), round], |row| row.get(0))?;
        Ok(due.map(Instant))
    }

    /// One letter; `None` if there is none.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn find(&self, reference: &LetterReference, channel: Channel) -> Result<Option<StoredLetter>, CaseError> {
        Ok(read_letters(&self.state, "WHERE reference = ?1 AND channel = ?2", params![reference.as_str(), channel.as_str()])?.pop())
    }

    /// Takes steps, all together. When this returns they are durable.
    ///
    /// # Errors
    /// If a letter is not there or cannot take its step, or the disk does not take it; then none is taken.
    pub fn commit(&mut self, steps: &[SendingStep]) -> Result<(), CaseError> {
        if steps.is_empty() {
            return Ok(());
        }
        let transaction = self.state.transaction()?;
        for step in steps {
            take_step(&transaction, step)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        // Where somebody is reading at this moment, the next one to close it does this.
        let _ = self.state.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()));
    }
}

fn take_step(transaction: &Transaction<'_>, step: &SendingStep) -> Result<(), CaseError> {
    let (reference, channel) = (step.reference.as_str(), step.channel.as_str());
    let impossible = || CaseError::ImpossibleStep { reference: reference.to_owned(), state: step.state.as_str() };
    let from: Option<String> = transaction
        .prepare_cached("SELECT state FROM sending WHERE reference = ?1 AND channel = ?2")?
        .query_map(params![reference, channel], |row| row.get(0))?
        .next()
        .transpose()?;
    let from = from.as_deref().and_then(SendingState::parse).ok_or_else(impossible)?;
    if !may_follow(from, step.state) {
        return Err(impossible());
    }
    let put_off = i64::from(step.state == SendingState::Deferred);
    transaction
        .prepare_cached(
            "UPDATE sending SET state = ?3, attempts = attempts + ?4, changed_at = ?5, due_at = ?6, answer = coalesce(?7, answer) WHERE reference = ?1 AND channel = ?2",
        )?
        .execute(params![reference, channel, step.state.as_str(), put_off, step.at.0, step.due_at.map(|due| due.0), step.answer])?;
    add_event(transaction, reference, channel, step.state.as_str(), step.at, step.answer.as_deref())
}

fn add_event(transaction: &Transaction<'_>, reference: &str, channel: &str, what: &str, at: Instant, answer: Option<&str>) -> Result<(), CaseError> {
    transaction
        .prepare_cached("INSERT INTO sending_event (reference, channel, state, at, answer) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![reference, channel, what, at.0, answer])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_arrived_is_never_sent_again_by_itself() {
        use SendingState::{Accepted, Answered, Bounced, Deferred, HandedOver, InFlight, Queued, Refused, Returned, Uncertain};
        for from in SendingState::ALL {
            let gone = !matches!(from, Queued | Deferred | InFlight);
            assert!(!(gone && may_follow(from, InFlight)), "{from:?} could be sent again");
        }
        for from in [Uncertain, Refused, Bounced, Returned] {
            assert!(may_follow(from, Queued), "a person may decide to send again");
        }
        for (from, to) in [(Accepted, Queued), (HandedOver, Queued), (Answered, Queued), (Queued, Accepted), (Deferred, Accepted), (Accepted, Refused)] {
            assert!(!may_follow(from, to), "{from:?} to {to:?}");
        }
    }
}
