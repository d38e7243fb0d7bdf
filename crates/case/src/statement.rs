//! Statements of people that this crate need not understand: a kind and a body. Entered in the ledger first, by a salted digest
//! alone, and made a row of `case.db` after: the words can be about a person, and nothing leaves the ledger again.

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use strandline_model::time::Instant;

use crate::decision::find_digest;
use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function, Salt};
use crate::state::{index, open_state, open_state_for_reading, stored};

/// The form of case.db that first has statements.
const FORM: usize = 3;

/// The name of the digest in the ledger entry.
pub(crate) const DIGEST: &str = "statement";

/// The kind of statements that say that somebody looked at a person. These alone can be entered unsigned, as what was done and not as
/// what was decided.
pub const LOOK_UP: &str = "look_up";

/// What somebody stated.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// What it is about; names the shape of the body (`duty`).
    pub kind: String,
    /// What was stated, as JSON.
    pub body: String,
    /// Who.
    pub made_by: String,
    /// When it was recorded.
    pub made_at: Instant,
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").field("kind", &self.kind).field("made_by", &self.made_by).field("made_at", &self.made_at).finish_non_exhaustive()
    }
}

/// A statement as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStatement {
    /// The ledger entry that committed it.
    pub ledger_entry: u64,
    /// The statement.
    pub statement: Statement,
}

impl Case {
    /// Records a statement and returns its ledger entry. When this returns, it is durable.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_statement(&mut self, statement: &Statement, function: Function, version: &str) -> Result<u64, CaseError> {
        self.record(statement, Entry::new(EntryKind::Decision, function, &statement.made_by, statement.made_at, version))
    }

    /// Records that somebody looked, as what they did: nobody signs it, and it counts for nothing else. For what may wait for no
    /// signature. When this returns, it is durable.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_look(&mut self, body: String, made_by: &str, made_at: Instant, version: &str) -> Result<u64, CaseError> {
        let statement = Statement { kind: LOOK_UP.to_owned(), body, made_by: made_by.to_owned(), made_at };
        self.record(&statement, Entry::new(EntryKind::Action, Function::Respond, made_by, made_at, version))
    }

    fn record(&mut self, statement: &Statement, mut entry: Entry) -> Result<u64, CaseError> {
        self.require_writable()?;
        let digest = statement_digest(self.require_salt()?, statement);
        let state = open_state(self)?;
        state.execute(
            "INSERT INTO pending_statement VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![stored(self.ledger().size()), digest, statement.kind, statement.body, statement.made_by, statement.made_at.0],
        )?;
        entry.stage = Some(statement.kind.clone());
        entry.digests.insert(DIGEST.to_owned(), digest);
        let index = if entry.kind == EntryKind::Decision { self.append_decision(entry)? } else { self.ledger_mut()?.append(&[entry])?.start };
        self.settle_statements(state)?;
        Ok(index)
    }

    /// Statements of a kind, oldest first.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_statements(&self, kind: &str) -> Result<Vec<StoredStatement>, CaseError> {
        self.read_statements("WHERE kind = ?1", params![kind])
    }

    pub(crate) fn all_statements(&self) -> Result<Vec<StoredStatement>, CaseError> {
        self.read_statements("", params![])
    }

    fn read_statements(&self, which: &str, with: &[&dyn rusqlite::ToSql]) -> Result<Vec<StoredStatement>, CaseError> {
        let Some(state) = open_state_for_reading(self, FORM)? else { return Ok(Vec::new()) };
        let mut query = state.prepare(&format!("SELECT ledger_entry, kind, body, made_by, made_at FROM statement {which} ORDER BY ledger_entry"))?;
        let rows = query.query_map(with, |row| Ok(StoredStatement { ledger_entry: index(row.get(0)?), statement: read_statement(row, 1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Completes statements that a killed run had entered in the ledger, and drops those that never got there.
    pub(crate) fn finish_pending_statements(&mut self) -> Result<(), CaseError> {
        if open_state_for_reading(self, FORM)?.is_some() { self.settle_statements(open_state(self)?) } else { Ok(()) }
    }

    fn settle_statements(&self, mut state: Connection) -> Result<(), CaseError> {
        let transaction = state.transaction()?;
        let pending: Vec<(u64, String, Statement)> = transaction
            .prepare("SELECT ledger_size, digest, kind, body, made_by, made_at FROM pending_statement ORDER BY rowid")?
            .query_map([], |row| Ok((index(row.get(0)?), row.get(1)?, read_statement(row, 2)?)))?
            .collect::<Result<_, _>>()?;
        if pending.is_empty() {
            return Ok(());
        }
        for (size_before, digest, statement) in pending {
            if let Some(entry) = find_digest(self.ledger(), size_before, DIGEST, &digest)? {
                transaction.execute(
                    "INSERT OR IGNORE INTO statement VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![stored(entry), statement.kind, statement.body, statement.made_by, statement.made_at.0],
                )?;
            }
        }
        transaction.execute("DELETE FROM pending_statement", [])?;
        transaction.commit()?;
        Ok(())
    }
}

/// What the ledger says of a statement: the salted digest of its JSON.
pub(crate) fn statement_digest(salt: &Salt, statement: &Statement) -> String {
    salt.digest(&serde_json::to_vec(statement).expect("a statement has only texts and numbers"))
}

fn read_statement(row: &Row<'_>, first: usize) -> rusqlite::Result<Statement> {
    Ok(Statement { kind: row.get(first)?, body: row.get(first + 1)?, made_by: row.get(first + 2)?, made_at: Instant(row.get(first + 3)?) })
}
