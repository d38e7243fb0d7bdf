//! Waves of cuts: one row an action and everything that happened to it.
//!
//! It keeps state and lets no impossible step through; what a step means for a target is told in `docs/containment.md`.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, Transaction, params};
use sha2::{Digest, Sha256};
use strandline_model::containment::CutStep;
use strandline_model::time::Instant;

use crate::folder::{Case, CaseError};
use crate::ledger::{Entry, EntryKind, Function};
use crate::manifest::Author;
use crate::names::hexadecimal;
use crate::state::{index, open_state, open_state_for_reading, stored};

/// The form of case.db that first has waves.
const FORM: usize = 4;

/// What stands before a count of events in a ledger entry.
pub(crate) const HISTORY: &str = "cuts/";

/// The stage of a ledger entry that records a plan, and the name of its digest among the inputs.
pub(crate) const PLAN: &str = "contain plan";
pub(crate) const PLANNED: &str = "cuts";

/// The stage of a ledger entry that a plan is applied.
pub(crate) const APPLY: &str = "contain apply";

/// A plan of cuts.
#[derive(Clone, PartialEq, Eq)]
pub struct NewWave {
    /// What is approved: the salted digest of the body.
    pub plan_sha256: String,
    /// The plan, as JSON.
    pub body: String,
    /// How many actions.
    pub actions: u32,
}

impl std::fmt::Debug for NewWave {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWave").field("plan_sha256", &self.plan_sha256).field("actions", &self.actions).finish_non_exhaustive()
    }
}

/// A plan of cuts as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWave {
    /// Its number, from 1.
    pub number: u64,
    /// The plan.
    pub wave: NewWave,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Instant,
}

/// An action of a wave and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCut {
    /// The wave.
    pub wave: u64,
    /// Its place in the plan, from 0.
    pub place: u32,
    /// Where it is.
    pub step: CutStep,
    /// Since when.
    pub changed_at: Instant,
    /// What a target said.
    pub said: Option<String>,
    /// When it was verified last.
    pub verified_at: Option<Instant>,
    /// The answer then.
    pub answer: Option<String>,
    /// The verdict then, JSON.
    pub verdict: Option<String>,
}

/// Whether a cut can go from one step to another. What was taken back is not applied again: that is another plan.
pub(crate) fn may_follow(from: CutStep, to: CutStep) -> bool {
    use CutStep::{Applied, Applying, Failed, Planned, Undoing, Undone};
    match to {
        Planned => false,
        Applying => matches!(from, Planned | Applying | Failed),
        Applied => matches!(from, Planned | Applying | Failed | Applied),
        Failed => matches!(from, Planned | Applying | Failed),
        Undoing => matches!(from, Applying | Applied | Failed | Undoing),
        Undone => matches!(from, Applying | Applied | Failed | Undoing | Undone),
    }
}

/// The cuts of a case, open for writing.
#[derive(Debug)]
pub struct Cutting<'c> {
    state: Connection,
    /// Keeps the case, and so its lock, for as long as cuts can be moved.
    _case: &'c Case,
}

impl Case {
    /// Stores a plan, and enters it in the ledger. Returns its number.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn record_wave(&mut self, wave: &NewWave, author: &Author, version: &str) -> Result<u64, CaseError> {
        self.require_writable()?;
        let mut state = open_state(self)?;
        let transaction = state.transaction()?;
        let last: i64 = transaction.query_row("SELECT coalesce(max(number), 0) FROM wave", [], |row| row.get(0))?;
        let number = index(last) + 1;
        transaction
            .execute("INSERT INTO wave VALUES (?1, ?2, ?3, ?4, ?5)", params![stored(number), wave.plan_sha256, wave.body, author.actor, author.time.0])?;
        for place in 0..wave.actions {
            transaction.execute(
                "INSERT INTO cut VALUES (?1, ?2, ?3, ?4, NULL, NULL, NULL, NULL)",
                params![stored(number), place, CutStep::Planned.as_str(), author.time.0],
            )?;
            add_event(&transaction, number, place, CutStep::Planned.as_str(), author.time, None)?;
        }
        transaction.commit()?;
        let inputs = BTreeMap::from([(PLANNED.to_owned(), wave.plan_sha256.clone())]);
        self.enter_cutting(PLAN, author, version, inputs)?;
        Ok(number)
    }

    /// All plans, oldest first.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_waves(&self) -> Result<Vec<StoredWave>, CaseError> {
        let Some(state) = open_state_for_reading(self, FORM)? else { return Ok(Vec::new()) };
        let mut query =
            state.prepare("SELECT number, plan_sha256, body, made_by, made_at, (SELECT count(*) FROM cut WHERE wave = number) FROM wave ORDER BY number")?;
        let rows = query.query_map([], |row| {
            Ok(StoredWave {
                number: index(row.get(0)?),
                wave: NewWave { plan_sha256: row.get(1)?, body: row.get(2)?, actions: row.get(5)? },
                made_by: row.get(3)?,
                made_at: Instant(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Where the actions of all waves are, by wave and place.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn stored_cuts(&self) -> Result<Vec<StoredCut>, CaseError> {
        let Some(state) = open_state_for_reading(self, FORM)? else { return Ok(Vec::new()) };
        let mut query = state.prepare("SELECT wave, place, step, changed_at, said, verified_at, answer, verdict FROM cut ORDER BY wave, place")?;
        let rows = query.query_map([], read_cut)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The cuts, to move them.
    ///
    /// # Errors
    /// If the case is open for reading only, or case.db cannot be opened.
    pub fn cutting(&self) -> Result<Cutting<'_>, CaseError> {
        self.require_writable()?;
        Ok(Cutting { state: open_state(self)?, _case: self })
    }

    /// SHA-256 over the first `count` events of cuts, for the ledger; and how many there are now.
    ///
    /// # Errors
    /// If case.db cannot be read.
    pub fn cut_history(&self, count: Option<u64>) -> Result<(u64, String), CaseError> {
        let Some(state) = open_state_for_reading(self, FORM)? else { return Ok((0, hexadecimal(&Sha256::digest(b"")))) };
        let mut query = state.prepare("SELECT wave, place, what, at, coalesce(said, '') FROM cut_event ORDER BY number LIMIT ?1")?;
        let mut rows = query.query([count.map_or(-1, stored)])?;
        let (mut hasher, mut found) = (Sha256::new(), 0);
        while let Some(row) = rows.next()? {
            let (wave, place, what): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (at, said): (i64, String) = (row.get(3)?, row.get(4)?);
            hasher.update(format!("{wave}\t{place}\t{what}\t{at}\t{said}\n"));
            found += 1;
        }
        Ok((found, hexadecimal(&hasher.finalize())))
    }

    /// Enters in the ledger what was done about cuts, with the hash of all that has happened to them so far.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn enter_cutting(&mut self, what: &str, author: &Author, version: &str, inputs: BTreeMap<String, String>) -> Result<u64, CaseError> {
        self.enter_released(what, author, version, (inputs, None))
    }

    /// Enters that a plan of cuts is applied, and how many different people must have approved it.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn enter_apply(&mut self, plan_sha256: &str, needed: u32, author: &Author, version: &str) -> Result<u64, CaseError> {
        let inputs = BTreeMap::from([(PLANNED.to_owned(), plan_sha256.to_owned())]);
        self.enter_released(APPLY, author, version, (inputs, Some(needed)))
    }

    fn enter_released(
        &mut self,
        what: &str,
        author: &Author,
        version: &str,
        (inputs, needed): (BTreeMap<String, String>, Option<u32>),
    ) -> Result<u64, CaseError> {
        self.require_writable()?;
        let (count, sha256) = self.cut_history(None)?;
        let mut entry = Entry::new(EntryKind::Action, Function::Respond, &author.actor, author.time, version);
        entry.stage = Some(what.to_owned());
        entry.inputs = inputs;
        entry.needed = needed;
        entry.outputs.insert(format!("{HISTORY}{count}"), sha256);
        Ok(self.ledger_mut()?.append(&[entry])?.start)
    }
}

impl Cutting<'_> {
    /// Takes steps of one wave, all together. When this returns they are durable.
    ///
    /// # Errors
    /// If an action is not there or cannot take its step, or the disk does not take it; then none is taken.
    pub fn take(&mut self, wave: u64, steps: &[(u32, CutStep, Option<String>)], at: Instant) -> Result<(), CaseError> {
        let transaction = self.state.transaction()?;
        for (place, step, said) in steps {
            let impossible = || CaseError::ImpossibleStep { reference: format!("action {} of wave {wave}", place + 1), state: step.as_str() };
            let found: Option<String> = transaction
                .prepare_cached("SELECT step FROM cut WHERE wave = ?1 AND place = ?2")?
                .query_map(params![stored(wave), place], |row| row.get(0))?
                .next()
                .transpose()?;
            let from = found.as_deref().and_then(CutStep::parse).ok_or_else(impossible)?;
            if !may_follow(from, *step) {
                return Err(impossible());
            }
            transaction.prepare_cached("UPDATE cut SET step = ?3, changed_at = ?4, said = ?5 WHERE wave = ?1 AND place = ?2")?.execute(params![
                stored(wave),
                place,
                step.as_str(),
                at.0,
                said
            ])?;
            add_event(&transaction, wave, *place, step.as_str(), at, said.as_deref())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Keeps what verification found, all together: (place, answer, verdict as JSON).
    ///
    /// # Errors
    /// If the disk does not take it; then none is kept.
    pub fn verified(&mut self, wave: u64, found: &[(u32, String, String)], at: Instant) -> Result<(), CaseError> {
        let transaction = self.state.transaction()?;
        for (place, answer, verdict) in found {
            let before: Option<Option<String>> = transaction
                .prepare_cached("SELECT answer FROM cut WHERE wave = ?1 AND place = ?2")?
                .query_map(params![stored(wave), place], |row| row.get(0))?
                .next()
                .transpose()?;
            transaction.prepare_cached("UPDATE cut SET verified_at = ?3, answer = ?4, verdict = ?5 WHERE wave = ?1 AND place = ?2")?.execute(params![
                stored(wave),
                place,
                at.0,
                answer,
                verdict
            ])?;
            // A timer asks every minute: only another answer is something that happened.
            if before.flatten().as_deref() != Some(answer) {
                add_event(&transaction, wave, *place, answer, at, None)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn add_event(transaction: &Transaction<'_>, wave: u64, place: u32, what: &str, at: Instant, said: Option<&str>) -> Result<(), CaseError> {
    transaction.prepare_cached("INSERT INTO cut_event (wave, place, what, at, said) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        stored(wave),
        place,
        what,
        at.0,
        said
    ])?;
    Ok(())
}

fn read_cut(row: &Row<'_>) -> rusqlite::Result<StoredCut> {
    let step: String = row.get(2)?;
    let foreign = || rusqlite::Error::InvalidColumnType(2, "cut".to_owned(), rusqlite::types::Type::Text);
    Ok(StoredCut {
        wave: index(row.get(0)?),
        place: row.get(1)?,
        step: CutStep::parse(&step).ok_or_else(foreign)?,
        changed_at: Instant(row.get(3)?),
        said: row.get(4)?,
        verified_at: row.get::<_, Option<i64>>(5)?.map(Instant),
        answer: row.get(6)?,
        verdict: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_not_applied_again_and_what_was_never_begun_is_not_taken_back() {
        use CutStep::{Applied, Applying, Failed, Planned, Undoing, Undone};
        for from in CutStep::ALL {
            assert!(!(matches!(from, Undone | Undoing) && may_follow(from, Applying)), "{from:?}");
        }
        assert!(!may_follow(Planned, Undoing) && !may_follow(Planned, Undone) && !may_follow(Applied, Applying));
        assert!(may_follow(Applying, Undoing) && may_follow(Failed, Undone) && may_follow(Failed, Applying));
    }
}
