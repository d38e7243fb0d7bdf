//! What a case knows of cutting the intruder off: what he holds, what would cut it, what stays open.

use serde::Serialize;
use strandline_model::containment::{Action, ActionRow, Cover, FootholdRow, LeftOpen, Refusal, left_open};
use strandline_model::since::{ReturnRow, SinceRow};
use strandline_model::table::{Row, Scan};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::contain::ContainmentState;
use crate::store;

/// Footholds, candidates, and what is left open.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Containment {
    /// What the intruder holds.
    pub footholds: Vec<FootholdRow>,
    /// What would cut it, by foothold, narrowest first.
    pub actions: Vec<ActionRow>,
    /// Footholds that no effective action closes, or not all of them.
    pub left_open: Vec<LeftOpen>,
    /// Of each cut that is applied: what was refused since, and what was served.
    pub since: Vec<SinceRow>,
    /// Ways by which the intruder was served after the last cut, other than what was cut.
    pub returns: Vec<ReturnRow>,
    /// What a responder must know.
    pub notes: Vec<String>,
}

impl Containment {
    /// Whether the intruder is back, or still in, by the evidence that the case has.
    pub fn is_back(&self) -> bool {
        !self.returns.is_empty() || self.since.iter().any(|row| row.served > 0)
    }
}

/// One candidate in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionView {
    /// Its row.
    pub row: ActionRow,
    /// The action itself.
    pub action: Option<Action>,
    /// What it is to cut.
    pub foothold: Option<FootholdRow>,
    /// What it would have refused, by system, account, batch job and hour.
    pub refusals: Vec<Refusal>,
}

/// A candidate that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{which:?} {what}: `strandline contain CASE` lists the candidates")]
pub struct NoAction {
    /// As it was written.
    pub which: String,
    /// Why.
    pub what: &'static str,
}

impl Response<'_> {
    /// Proposes, unless it is done: what would cut the intruder off.
    ///
    /// # Errors
    /// If there is no trail yet, or a table cannot be read or written.
    pub fn propose_containment(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("contain");
        crate::stage::contain::run(self)
    }

    /// Whether something was proposed for the trail as it is.
    pub fn is_containment_proposed(&self) -> bool {
        crate::stage::contain::is_current(self)
    }

    /// What was proposed, and what is left open.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn containment(&self) -> Result<Containment, ResponseError> {
        self.needs("contain", "proposal of containment", "contain")?;
        containment_of(self)
    }

    /// One candidate in full, by its id or the beginning of it.
    ///
    /// # Errors
    /// If there is none, or several begin so.
    pub fn candidate(&self, id: &str) -> Result<ActionView, ResponseError> {
        let all = self.containment()?;
        let mut found = all.actions.into_iter().filter(|a| !id.is_empty() && a.id.starts_with(id));
        let no = |what| NoAction { which: id.to_owned(), what };
        let row = found.next().ok_or(no("is no candidate"))?;
        if found.next().is_some() {
            return Err(no("is the beginning of several candidates").into());
        }
        let mut refusals = Vec::new();
        for batch in self.case.scan(Refusal::TABLE).scan(&[]).map_err(ResponseError::Scan)? {
            let rows = Refusal::from_batch(&batch.map_err(ResponseError::Scan)?)?;
            refusals.extend(rows.into_iter().filter(|r| r.action == row.id));
        }
        let foothold = all.footholds.into_iter().find(|f| f.id == row.foothold);
        Ok(ActionView { action: row.read_action(), row, foothold, refusals })
    }
}

/// What a case holds of it; nothing where nothing was proposed.
pub(crate) fn containment_of(response: &Response<'_>) -> Result<Containment, ResponseError> {
    let case = &response.case;
    let footholds: Vec<FootholdRow> = case.read_rows(FootholdRow::TABLE)?;
    let actions: Vec<ActionRow> = case.read_rows(ActionRow::TABLE)?;
    let covers: Vec<Cover> = case.read_rows(Cover::TABLE)?;
    // Nothing counts as effective because it was applied: its last verification must have said so.
    let effective = response.effective_actions()?;
    let left_open = left_open(&footholds, &covers, &actions, &|id| effective.contains(id));
    let state: ContainmentState = store::read_json(case, store::CONTAINMENT)?.unwrap_or_default();
    let since = response.since()?;
    Ok(Containment { footholds, actions, left_open, since: since.rows, returns: since.returns, notes: state.notes })
}
