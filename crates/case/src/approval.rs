//! Approvals: a named person releases exactly these letters. Entered in the ledger first, and made a row of `case.db` after.

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use strandline_model::time::Instant;

use crate::decision::find_digest;
use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function, Salt};
use crate::state::{index, open_state, open_state_for_reading, stored};

/// The name of the digest in the ledger entry, and of the plan among its inputs.
pub(crate) const DIGEST: &str = "approval";
pub(crate) const PLAN: &str = "letters";

/// A named person's release of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// SHA-256 of what is released: every letter, its text, its addresses.
    pub plan_sha256: String,
    /// How many letters that is.
    pub letters: u64,
    /// Who.
    pub approved_by: String,
    /// When.
    pub approved_at: Instant,
    /// Why, or on what condition.
    pub reason: Option<String>,
}

/// An approval as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApproval {
    /// The ledger entry that committed it.
    pub ledger_entry: u64,
    /// The approval.
    pub approval: Approval,
}

impl Case {
    /// Records an approval and returns its ledger entry. When this returns, it is durable.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_approval(&mut self, approval: &Approval, version: &str) -> Result<u64, CaseError> {
        self.require_writable()?;
        let digest = approval_digest(self.require_salt()?, approval);
        let state = open_state(self)?;
        state.execute(
            "INSERT INTO pending_approval VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                stored(self.ledger().size()),
                digest,
                approval.plan_sha256,
                stored(approval.letters),
                approval.approved_by,
                approval.approved_at.0,
                approval.reason
            ],
        )?;
        let mut entry = Entry::new(EntryKind::Decision, Function::Respond, &approval.approved_by, approval.approved_at, version);
        entry.stage = Some("approve".to_owned());
        entry.inputs.insert(PLAN.to_owned(), approval.plan_sha256.clone());
        entry.digests.insert(DIGEST.to_owned(), digest);
        let index = self.append_decision(entry)?;
        self.settle_approvals(state)?;
        Ok(index)
    }

    /// All approvals, oldest first.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_approvals(&self) -> Result<Vec<StoredApproval>, CaseError> {
        let Some(state) = open_state_for_reading(self, 2)? else { return Ok(Vec::new()) };
        let mut query = state.prepare("SELECT ledger_entry, plan_sha256, letters, approved_by, approved_at, reason FROM approval ORDER BY ledger_entry")?;
        let rows = query.query_map([], |row| Ok(StoredApproval { ledger_entry: index(row.get(0)?), approval: read_approval(row, 1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Completes approvals that a killed run had entered in the ledger, and drops those that never got there.
    pub(crate) fn finish_pending_approvals(&mut self) -> Result<(), CaseError> {
        if open_state_for_reading(self, 2)?.is_some() { self.settle_approvals(open_state(self)?) } else { Ok(()) }
    }

    fn settle_approvals(&self, mut state: Connection) -> Result<(), CaseError> {
        let transaction = state.transaction()?;
        let pending: Vec<(u64, String, Approval)> = transaction
            .prepare("SELECT ledger_size, digest, plan_sha256, letters, approved_by, approved_at, reason FROM pending_approval ORDER BY rowid")?
            .query_map([], |row| Ok((index(row.get(0)?), row.get(1)?, read_approval(row, 2)?)))?
            .collect::<Result<_, _>>()?;
        for (size_before, digest, approval) in &pending {
            if let Some(entry) = find_digest(self.ledger(), *size_before, DIGEST, digest)? {
                transaction.execute(
                    "INSERT OR IGNORE INTO approval VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![stored(entry), approval.plan_sha256, stored(approval.letters), approval.approved_by, approval.approved_at.0, approval.reason],
                )?;
            }
        }
        if !pending.is_empty() {
            transaction.execute("DELETE FROM pending_approval", [])?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// What the ledger says of an approval: the salted digest of its JSON.
pub(crate) fn approval_digest(salt: &Salt, approval: &Approval) -> String {
    salt.digest(&serde_json::to_vec(approval).expect("an approval has only texts and numbers"))
}

fn read_approval(row: &Row<'_>, first: usize) -> rusqlite::Result<Approval> {
    Ok(Approval {
        plan_sha256: row.get(first)?,
        letters: index(row.get(first + 1)?),
        approved_by: row.get(first + 2)?,
        approved_at: Instant(row.get(first + 3)?),
        reason: row.get(first + 4)?,
    })
}
