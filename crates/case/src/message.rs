//! What people wrote to the desk: rows of `case.db`, each committed by a ledger entry that has its salted digest and none of its words.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use strandline_model::time::Instant;

use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function, Salt};
use crate::manifest::Author;
use crate::state::{index, open_state, open_state_for_reading, stored};

/// The form of case.db that first has messages.
const FORM: usize = 5;

/// What stands before a message's name in the ledger entry.
pub(crate) const DIGEST: &str = "message/";

/// Messages that one ledger entry commits: it has room for some hundred digests.
const TOGETHER: usize = 200;

/// A message to the desk.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NewMessage {
    /// Names it. One that is there already is not entered again.
    pub id: String,
    /// Who wrote it.
    pub data_subject: String,
    /// What it is about.
    pub kind: String,
    /// The message, as JSON.
    pub body: String,
    /// When it was collected.
    pub collected_at: Instant,
}

impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The ledger entry that committed it.
    pub ledger_entry: u64,
    /// The message.
    pub message: NewMessage,
}

impl Case {
    /// Enters messages, each once; returns how many were new. When this returns, they are durable.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_messages(&mut self, messages: &[NewMessage], author: &Author, version: &str) -> Result<u64, CaseError> {
        self.require_writable()?;
        let mut known: BTreeSet<String> = self.stored_messages()?.into_iter().map(|stored| stored.message.id).collect();
        let fresh: Vec<&NewMessage> = messages.iter().filter(|message| known.insert(message.id.clone())).collect();
        for together in fresh.chunks(TOGETHER) {
            let mut entry = Entry::new(EntryKind::Action, Function::Respond, &author.actor, author.time, version);
            entry.stage = Some("support collect".to_owned());
            let mut state = open_state(self)?;
            let transaction = state.transaction()?;
            for message in together {
                let digest = message_digest(self.require_salt()?, message);
                transaction.execute(
                    "INSERT INTO pending_message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![stored(self.ledger().size()), digest, message.id, message.data_subject, message.kind, message.body, message.collected_at.0],
                )?;
                entry.digests.insert(format!("{DIGEST}{}", message.id), digest);
            }
            transaction.commit()?;
            self.ledger_mut()?.append(&[entry])?;
            self.settle_messages(state)?;
        }
        Ok(fresh.len() as u64)
    }

    /// All messages, as they were entered; those of one entry by name.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_messages(&self) -> Result<Vec<StoredMessage>, CaseError> {
        let Some(state) = open_state_for_reading(self, FORM)? else { return Ok(Vec::new()) };
        let mut query = state.prepare("SELECT ledger_entry, id, data_subject, kind, body, collected_at FROM message ORDER BY ledger_entry, id")?;
        let rows = query.query_map([], |row| Ok(StoredMessage { ledger_entry: index(row.get(0)?), message: read_message(row, 1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Completes messages that a killed run had entered in the ledger, and drops those that never got there.
    pub(crate) fn finish_pending_messages(&mut self) -> Result<(), CaseError> {
        if open_state_for_reading(self, FORM)?.is_some() { self.settle_messages(open_state(self)?) } else { Ok(()) }
    }

    fn settle_messages(&self, mut state: Connection) -> Result<(), CaseError> {
        let transaction = state.transaction()?;
        let pending: Vec<(u64, String, NewMessage)> = transaction
            .prepare("SELECT ledger_size, digest, id, data_subject, kind, body, collected_at FROM pending_message ORDER BY rowid")?
            .query_map([], |row| Ok((index(row.get(0)?), row.get(1)?, read_message(row, 2)?)))?
            .collect::<Result<_, _>>()?;
        // A case at rest is not written to, so that one on a full disk can be opened.
        if pending.is_empty() {
            return Ok(());
        }
        for (size_before, digest, message) in &pending {
            let name = format!("{DIGEST}{}", message.id);
            if let Some(entry) = crate::decision::find_digest(self.ledger(), *size_before, &name, digest)? {
                transaction.execute(
                    "INSERT OR IGNORE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![message.id, stored(entry), message.data_subject, message.kind, message.body, message.collected_at.0],
                )?;
            }
        }
        transaction.execute("DELETE FROM pending_message", [])?;
        transaction.commit()?;
        Ok(())
    }
}

/// What the ledger says of a message: the salted digest of its JSON.
pub(crate) fn message_digest(salt: &Salt, message: &NewMessage) -> String {
    salt.digest(&serde_json::to_vec(message).expect("a message has only texts and numbers"))
}

fn read_message(row: &Row<'_>, first: usize) -> rusqlite::Result<NewMessage> {
    Ok(NewMessage {
        id: row.get(first)?,
        data_subject: row.get(first + 1)?,
        kind: row.get(first + 2)?,
        body: row.get(first + 3)?,
        collected_at: Instant(row.get(first + 4)?),
    })
}
