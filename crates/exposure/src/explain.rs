//! Answers "why is this person in the matrix?" from the stored tables: category, tier, statements and their proofs.
//! It fetches no evidence; the caller shows the original bytes behind each place.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use strandline_model::access::Access;
use strandline_model::evidence::EventRef;
use strandline_model::exposure::{Exposure, Replay};
use strandline_model::table::{Row, Scan};
use strandline_model::time::Instant;

use crate::ExposureError;

/// One cell of a person, with the accesses behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedCell {
    /// The cell as it is stored.
    pub exposure: Exposure,
    /// The accesses that it names, by time and id.
    pub accesses: Vec<ExplainedAccess>,
}

/// One access behind a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedAccess {
    /// Its id.
    pub id: String,
    /// When it ran.
    pub time: Instant,
    /// The statement, secrets masked. It may name people: show it only where a person is meant to read it.
    pub statement: String,
    /// Why it is the actor's.
    pub attribution: String,
    /// How its replay went.
    pub outcome: Option<String>,
    /// Why it was not replayed as it stands.
    pub reason: Option<String>,
    /// Rows that the log says, and rows of the replay.
    pub rows: (Option<i64>, Option<i64>),
    /// Records of the statement.
    pub proof: Vec<EventRef>,
    /// Records of the request and its response.
    pub delivery: Vec<EventRef>,
}

/// Why a person is in the matrix, category by category. Empty if they are not in it.
///
/// # Errors
/// If a table cannot be read.
pub fn explain(subject: &str, exposures: &dyn Scan, accesses: &dyn Scan, replays: &dyn Scan) -> Result<Vec<ExplainedCell>, ExposureError> {
    let own: Vec<Exposure> = rows_where(exposures, "data_subject", &|key| key == subject)?;
    let ids: BTreeSet<&str> = own.iter().flat_map(|e| e.accesses.iter().map(String::as_str)).collect();
    let found: Vec<Access> = rows_where(accesses, "id", &|id| ids.contains(id))?;
    let replayed: Vec<Replay> = rows_where(replays, "access", &|id| ids.contains(id))?;
    let replayed: BTreeMap<&str, &Replay> = replayed.iter().map(|r| (r.access.as_str(), r)).collect();
    let found: BTreeMap<&str, &Access> = found.iter().map(|a| (a.id.as_str(), a)).collect();
    let explained = own.iter().map(|exposure| {
        let mut list: Vec<ExplainedAccess> = exposure
            .accesses
            .iter()
            .filter_map(|id| found.get(id.as_str()))
            .map(|access| explain_access(access, replayed.get(access.id.as_str()).copied()))
            .collect();
        list.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        ExplainedCell { exposure: exposure.clone(), accesses: list }
    });
    Ok(explained.collect())
}

fn explain_access(access: &Access, replay: Option<&Replay>) -> ExplainedAccess {
    ExplainedAccess {
        id: access.id.clone(),
        time: access.time,
        statement: access.statement.clone(),
        attribution: access.reason.clone(),
        outcome: replay.map(|r| r.outcome.clone()),
        reason: replay.and_then(|r| r.reason.clone()),
        rows: (access.row_count, replay.and_then(|r| r.rows_replayed)),
        proof: access.proof.clone(),
        delivery: access.delivery.clone(),
    }
}

/// The rows of a table whose text column satisfies `wanted`; other rows are never decoded.
fn rows_where<R: Row>(table: &dyn Scan, column: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<R>, ExposureError> {
    let mut found = Vec::new();
    for batch in table.scan(&[]).map_err(ExposureError::scan(R::TABLE))? {
        let batch = batch.map_err(ExposureError::scan(R::TABLE))?;
        let Some(texts) = batch.column_by_name(column).and_then(|c| c.as_string_opt::<i32>()) else { continue };
        for row in (0..texts.len()).filter(|row| texts.is_valid(*row) && wanted(texts.value(*row))) {
            found.extend(R::from_batch(&batch.slice(row, 1)).map_err(|e| ExposureError::scan(R::TABLE)(Box::new(e)))?);
        }
    }
    Ok(found)
}
