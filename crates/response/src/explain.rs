//! Explains one person's exposures: each category, its tier, the statements behind it, and the original log lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use strandline_event::evtx::find_record;
use strandline_event::mask;
use strandline_evidence::Vault;
use strandline_model::access::Access;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::evidence::{Artefact, EventRef};
use strandline_model::exposure::{Exposure, Replay};
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::table::{Row, Scan};

use crate::clearance::{clearance_of, open_questions};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::intake::Seals;

/// Accesses shown for one category; the count tells of the rest.
const ACCESSES_SHOWN: usize = 5;
/// The format whose records are not lines.
const EVTX: &str = "evtx";
/// Bytes shown of one log line.
const LINE_BYTES_SHOWN: usize = 2000;

/// One person's exposures, with their proof.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The person's key.
    pub data_subject: String,
    /// One entry for each category and basis.
    pub categories: Vec<ExplainedCategory>,
    /// For somebody who was not reached: what that rests on.
    pub clearance: Option<Clearance>,
    /// For somebody who is in no tier and not cleared: what is open.
    pub open: Vec<Question>,
}

/// One cell of the matrix, opened.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedCategory {
    /// The category.
    pub category: String,
    /// Disclosed or inferred.
    pub basis: &'static str,
    /// The tier.
    pub certainty: &'static str,
    /// What keeps it from a higher tier.
    pub missing_proof: Option<String>,
    /// Columns behind it.
    pub columns: Vec<String>,
    /// How many accesses expose it.
    pub access_count: i64,
    /// The first of them.
    pub accesses: Vec<ExplainedAccess>,
}

/// One access, with the lines that prove it.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedAccess {
    /// When.
    pub time: String,
    /// The statement, secrets masked.
    pub statement: String,
    /// Its bind values.
    pub parameters: Vec<Option<String>>,
    /// Why it is the intruder's.
    pub reason: String,
    /// Rows in the log and in the replay.
    pub rows: String,
    /// The original lines: statement first, then the request that carried it.
    pub lines: Vec<ProofLine>,
}

/// One original line.
#[derive(Clone, Debug, Serialize)]
pub struct ProofLine {
    /// The artefact's path and the place in it.
    pub place: String,
    /// The bytes as they stand in the sealed evidence, made printable.
    pub line: String,
}

/// Opens one person's cells.
///
/// # Errors
/// If nobody of that key is known, or a table or the evidence cannot be read.
pub fn explain(response: &Response<'_>, data_subject: &str) -> Result<Explanation, ResponseError> {
    let exposures = exposures_of(response, data_subject)?;
    if exposures.is_empty() {
        return unexposed(response, data_subject);
    }
    let wanted: BTreeSet<&str> = exposures.iter().flat_map(|e| e.accesses.iter().take(ACCESSES_SHOWN)).map(String::as_str).collect();
    let accesses = accesses_of(response, &wanted)?;
    let replays = replays_of(response, &wanted)?;
    let artefacts = response.custody()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let mut categories = Vec::new();
    for exposure in &exposures {
        let mut shown = Vec::new();
        for access in exposure.accesses.iter().take(ACCESSES_SHOWN).filter_map(|id| accesses.get(id)) {
            shown.push(open_access(access, replays.get(&access.id), &vault, &artefacts)?);
        }
        categories.push(ExplainedCategory {
            category: exposure.category.clone(),
            basis: exposure.basis.as_str(),
            certainty: exposure.certainty.as_str(),
            missing_proof: exposure.missing_proof.clone(),
            columns: exposure.columns.clone(),
            access_count: exposure.access_count,
            accesses: shown,
        });
    }
    Ok(Explanation { data_subject: data_subject.to_owned(), categories, clearance: None, open: Vec::new() })
}

/// Somebody who stands in no tier: cleared, or not, and why.
fn unexposed(response: &Response<'_>, data_subject: &str) -> Result<Explanation, ResponseError> {
    let clearance = clearance_of(&response.case, data_subject)?;
    let is_known = clearance.is_some() || register(response)?.0.contains_key(data_subject);
    if !is_known {
        return Err(ResponseError::NobodyExposed(data_subject.to_owned()));
    }
    let open = if clearance.is_some() { Vec::new() } else { open_questions(&response.case)? };
    Ok(Explanation { data_subject: data_subject.to_owned(), categories: Vec::new(), clearance, open })
}

fn exposures_of(response: &Response<'_>, data_subject: &str) -> Result<Vec<Exposure>, ResponseError> {
    let mut found = Vec::new();
    for batch in response.case.scan(Exposure::TABLE).scan(&[])? {
        found.extend(Exposure::from_batch(&batch?)?.into_iter().filter(|e| e.data_subject == data_subject));
    }
    Ok(found)
}

fn accesses_of(response: &Response<'_>, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, Access>, ResponseError> {
    let mut found = BTreeMap::new();
    for batch in response.case.scan(Access::TABLE).scan(&[])? {
        found.extend(Access::from_batch(&batch?)?.into_iter().filter(|a| wanted.contains(a.id.as_str())).map(|a| (a.id.clone(), a)));
    }
    Ok(found)
}

fn replays_of(response: &Response<'_>, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, Replay>, ResponseError> {
    let mut found = BTreeMap::new();
    for batch in response.case.scan(Replay::TABLE).scan(&[])? {
        found.extend(Replay::from_batch(&batch?)?.into_iter().filter(|r| wanted.contains(r.access.as_str())).map(|r| (r.access.clone(), r)));
    }
    Ok(found)
}

fn open_access(access: &Access, replay: Option<&Replay>, vault: &Vault<'_>, artefacts: &[Artefact]) -> Result<ExplainedAccess, ResponseError> {
    let mut lines = Vec::new();
    for place in access.proof.iter().chain(&access.delivery) {
        lines.push(proof_line(place, vault, artefacts)?);
    }
    let count = |rows: Option<i64>| rows.map_or_else(|| "not known".to_owned(), |n| n.to_string());
    Ok(ExplainedAccess {
        time: access.time.to_string(),
        statement: access.statement.clone(),
        parameters: access.parameters.clone(),
        reason: access.reason.clone(),
        rows: format!("{} in the log, {} in the replay", count(access.row_count), count(replay.and_then(|r| r.rows_replayed))),
        lines,
    })
}

/// One place in the evidence, with its bytes.
pub(crate) fn proof_line(place: &EventRef, vault: &Vault<'_>, artefacts: &[Artefact]) -> Result<ProofLine, ResponseError> {
    Ok(ProofLine { place: place_text(place, artefacts), line: line(place, vault, artefacts)? })
}

/// The record as a person can read it. Windows event logs are binary: there the names and values of the record are shown.
fn line(place: &EventRef, vault: &Vault<'_>, artefacts: &[Artefact]) -> Result<String, ResponseError> {
    let is_evtx = artefacts.iter().any(|a| a.id == place.artefact && a.format.as_deref() == Some(EVTX));
    if !is_evtx {
        return Ok(printable(&vault.read_at(place)?));
    }
    let mut text = String::new();
    let mut show = |record: &dyn LogRecord| {
        let mut fields = FieldList::new();
        record.fields(&mut fields);
        text = fields.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" ");
    };
    let path = || artefacts.iter().find(|a| a.id == place.artefact).map_or_else(PathBuf::new, |a| PathBuf::from(&a.path));
    find_record(&mut *vault.open(&place.artefact)?, place, &mut show).map_err(|source| ResponseError::Read { path: path(), source })?;
    Ok(printable(text.as_bytes()))
}

/// A value as a log would write it; secrets masked as in the tables.
fn shown(value: &FieldValue<'_>) -> String {
    match value {
        FieldValue::Null => "-".to_owned(),
        FieldValue::Text(text) => mask::text(text).into_owned(),
        FieldValue::Whole(number) => number.to_string(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Bool(truth) => truth.to_string(),
    }
}

fn place_text(place: &EventRef, artefacts: &[Artefact]) -> String {
    let path = artefacts.iter().find(|a| a.id == place.artefact).map_or(place.artefact.0.as_str(), |a| a.path.as_str());
    format!("{path} byte {}", place.offset)
}

/// Evidence must not be able to steer a terminal: control characters are shown, not sent. A record may have several lines.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LINE_BYTES_SHOWN)]);
    let mut line: String = text.chars().map(|c| if c.is_control() && c != '\t' && c != '\n' { '\u{fffd}' } else { c }).collect();
    if bytes.len() > LINE_BYTES_SHOWN {
        line.push('…');
    }
    line
}
