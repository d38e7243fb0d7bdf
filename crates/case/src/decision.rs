//! Decisions of responders: rows in `case.db`, each committed by a ledger entry that holds its salted digest.

use rusqlite::{Connection, Row, params};
use strandline_model::detection::{Decision, Verdict};
use strandline_model::time::Instant;

use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function, Ledger, LedgerError, Salt};
use crate::state::{index, open_state, open_state_for_reading, stored};

/// The name of the digest in the ledger entry.
pub(crate) const DIGEST: &str = "decision";

/// A decision as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDecision {
    /// The ledger entry that committed it.
    pub ledger_entry: u64,
    /// The decision.
    pub decision: Decision,
}

impl Case {
    /// Records a decision and returns its ledger entry. When this returns, it is durable.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_decision(&mut self, decision: &Decision, version: &str) -> Result<u64, CaseError> {
        self.require_writable()?;
        let digest = decision_digest(self.require_salt()?, decision);
        let state = open_state(self)?;
        state.execute(
            "INSERT INTO pending_decision VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![stored(self.ledger().size()), digest, decision.target, word(decision.verdict), decision.decided_by, decision.decided_at.0, decision.reason],
        )?;
        let mut entry = Entry::new(EntryKind::Decision, Function::Respond, &decision.decided_by, decision.decided_at, version);
        entry.digests.insert(DIGEST.to_owned(), digest);
        let index = self.append_decision(entry)?;
        self.settle_pending(state)?;
        Ok(index)
    }

    /// All decisions, oldest first.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_decisions(&self) -> Result<Vec<StoredDecision>, CaseError> {
        let Some(state) = open_state_for_reading(self, 1)? else { return Ok(Vec::new()) };
        let mut query = state.prepare("SELECT ledger_entry, target, verdict, decided_by, decided_at, reason FROM decision ORDER BY ledger_entry")?;
        let rows = query.query_map([], |row| Ok(StoredDecision { ledger_entry: index(row.get(0)?), decision: read_decision(row, 1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All decisions, oldest first, for a run to honour. The last word on a target counts.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn decisions(&self) -> Result<Vec<Decision>, CaseError> {
        Ok(self.stored_decisions()?.into_iter().map(|d| d.decision).collect())
    }

    pub(crate) fn require_salt(&self) -> Result<&Salt, CaseError> {
        let absent = || LedgerError::BadKey(self.path().join(crate::folder::LEDGER).join(crate::ledger::SALT));
        Ok(self.ledger().salt().ok_or_else(absent)?)
    }

    /// Completes decisions that a killed run had entered in the ledger, and drops those that never got there.
    pub(crate) fn finish_pending_decisions(&mut self) -> Result<(), CaseError> {
        if open_state_for_reading(self, 1)?.is_some() { self.settle_pending(open_state(self)?) } else { Ok(()) }
    }

    fn settle_pending(&self, mut state: Connection) -> Result<(), CaseError> {
        let transaction = state.transaction()?;
        let pending: Vec<(u64, String, Decision)> = transaction
            .prepare("SELECT ledger_size, digest, target, verdict, decided_by, decided_at, reason FROM pending_decision ORDER BY rowid")?
            .query_map([], |row| Ok((index(row.get(0)?), row.get(1)?, read_decision(row, 2)?)))?
            .collect::<Result<_, _>>()?;
        if pending.is_empty() {
            return Ok(());
        }
        for (size_before, digest, decision) in pending {
            if let Some(entry) = find_digest(self.ledger(), size_before, DIGEST, &digest)? {
                transaction.execute(
                    "INSERT OR IGNORE INTO decision VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![stored(entry), decision.target, word(decision.verdict), decision.decided_by, decision.decided_at.0, decision.reason],
                )?;
            }
        }
        transaction.execute("DELETE FROM pending_decision", [])?;
        transaction.commit()?;
        Ok(())
    }
}

/// What the ledger says of a decision: the salted digest of its JSON.
pub(crate) fn decision_digest(salt: &Salt, decision: &Decision) -> String {
    salt.digest(&serde_json::to_vec(decision).expect("a decision has only texts and numbers"))
}

/// The entry from `from` on that holds this digest under this name.
pub(crate) fn find_digest(ledger: &Ledger, from: u64, name: &str, digest: &str) -> Result<Option<u64>, LedgerError> {
    for index in from..ledger.size() {
        if ledger.entry(index)?.digests.get(name).is_some_and(|d| d == digest) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "confirmed",
        Verdict::Struck => "struck",
    }
}

fn read_decision(row: &Row<'_>, first: usize) -> rusqlite::Result<Decision> {
    let verdict: String = row.get(first + 1)?;
    let verdict = match verdict.as_str() {
        "confirmed" => Verdict::Confirmed,
        "struck" => Verdict::Struck,
        _ => return Err(rusqlite::Error::InvalidColumnType(first + 1, "verdict".to_owned(), rusqlite::types::Type::Text)),
    };
    Ok(Decision { target: row.get(first)?, verdict, decided_by: row.get(first + 2)?, decided_at: Instant(row.get(first + 3)?), reason: row.get(first + 4)? })
}
