//! Events: each artefact that a source claims becomes one part of the table `events`, committed alone, so that a killed run
//! resumes at the artefact where it stopped.

use std::io::Read;
use std::path::Path;

use strandline_case::{Inputs, TablePart, TableWriter};
use strandline_event::{Context, EventError, SecretKey, Sink, SinkError, Summary, assumed_year, last_change, read_artefact};
use strandline_evidence::{TRUNCATED, Vault};
use strandline_model::estate::LogSource;
use strandline_model::event;
use strandline_model::evidence::{Artefact, Warning};
use strandline_model::table::Row;
use strandline_reader::{Reader, ReaderError};

use crate::error::ResponseError;
use crate::run::{Made, Response, Watcher};
use crate::stage::intake::Seals;

/// The tables that one artefact gives a part to.
const PART_TABLES: [&str; 2] = [event::TABLE, Warning::TABLE];
/// Warnings kept for one artefact; the rest are counted.
const WARNINGS_KEPT: usize = 10_000;

/// A process that ends once may have met a machine short of memory; one that ends again met it in the bytes.
const TRIES: u32 = 2;

/// First bytes of a log that tell the year of its stamps.
const HEAD_BYTES: u64 = 64 << 10;

struct Tables {
    events: TableWriter,
    warnings: Vec<Warning>,
    rows: u64,
}

impl Sink for Tables {
    fn batch(&mut self, batch: arrow_array::RecordBatch) -> Result<(), SinkError> {
        self.rows += batch.num_rows() as u64;
        Ok(self.events.write(&batch)?)
    }

    fn warning(&mut self, warning: Warning) -> Result<(), SinkError> {
        if self.warnings.len() < WARNINGS_KEPT {
            self.warnings.push(warning);
        }
        Ok(())
    }
}

impl Tables {
    fn finish(self, response: &Response<'_>, artefact: &Artefact, summary: Summary) -> Result<Fresh, ResponseError> {
        let events = self.events.finish()?;
        let mut warnings = response.case.table_writer(Warning::TABLE, &artefact.id.0, Warning::schema(), &["offset"])?;
        warnings.write(&Warning::to_batch(&self.warnings)?)?;
        Ok(Fresh { parts: vec![events, warnings.finish()?], summary })
    }
}

/// Reads what is not read yet.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let mut artefacts = response.custody()?;
    let total = artefacts.iter().filter(|a| a.source.is_some()).map(|a| a.size).sum();
    let (mut done, mut parts, mut whole, mut changed) = (0, Vec::new(), response.inputs(), false);
    for at in 0..artefacts.len() {
        let Some(source) = source_of(response, &artefacts[at]) else { continue };
        let inputs = part_inputs(&artefacts[at], &source);
        whole.insert(format!("evidence/{}", artefacts[at].sha256), inputs.digest());
        match PART_TABLES.map(|table| response.case.current_part("events", table, &artefacts[at].id.0, &inputs)) {
            [Some(events), Some(warnings)] => parts.extend([events, warnings]),
            _ => {
                let fresh = read_one(response, &artefacts.clone(), at, &source)?;
                record(&mut artefacts[at], &fresh.summary);
                response.case.commit_parts("events", fresh.parts.iter().map(|part| (part.clone(), inputs.clone())).collect())?;
                // As committed: with what they were made from, so that the next run knows them again.
                parts.extend(PART_TABLES.iter().filter_map(|table| response.case.current_part("events", table, &artefacts[at].id.0, &inputs)));
                changed = true;
            }
        }
        done += artefacts[at].size;
        response.watcher.progress(done, total, "bytes");
    }
    if changed {
        let author = response.author();
        response.case.save_custody(&artefacts, &author, env!("CARGO_PKG_VERSION"))?;
    }
    response.outcome.events = artefacts.iter().map(|a| a.records_read).sum();
    response.outcome.refused = artefacts.iter().map(|a| a.records_refused).sum();
    response.run_stage("events", whole, |_, _| Ok(Made { parts, ..Made::default() }))
}

struct Fresh {
    parts: Vec<TablePart>,
    summary: Summary,
}

fn read_one(response: &mut Response<'_>, artefacts: &[Artefact], at: usize, source: &LogSource) -> Result<Fresh, ResponseError> {
    let artefact = &artefacts[at];
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, artefacts);
    let mut head = Vec::new();
    // What is cut or damaged is told by the reading proper.
    let _ = vault.open(&artefact.id)?.take(HEAD_BYTES).read_to_end(&mut head);
    let changed = last_change(artefact.modified_at, artefact.taken_at);
    let year = assumed_year(&head, changed);
    // A case that was copied without its salt is read without: secrets then leave nothing behind.
    let key = response.case.salted_digest(b"secrets in evidence").ok().map(SecretKey::new);
    let context = Context { artefact: &artefact.id, path: &artefact.path, source, assumed_year: year, last_change: Some(changed), secret_key: key.as_ref() };
    let mut tries = 0;
    let (mut tables, read) = loop {
        let mut input = vault.open(&artefact.id)?;
        let writer = response.case.table_writer(event::TABLE, &artefact.id.0, event::schema(), &["offset"])?;
        let mut tables = Tables { events: writer, warnings: Vec::new(), rows: 0 };
        let read = read_apart(response.settings.reader.as_deref(), response.watcher, &mut *input, &context, &mut tables);
        tries += 1;
        if tries == TRIES || !matches!(read, Err(ReaderError::Ended { .. })) {
            break (tables, read);
        }
    };
    // Half a file is half the evidence: what came before the break is in the tables, and custody says where it broke.
    let (offset, why) = match read {
        Ok(summary) => {
            note_unread(response, artefact, &summary);
            return tables.finish(response, artefact, summary);
        }
        Err(ReaderError::Event(EventError::Interrupted { offset, source, .. })) => (offset, source.kind().to_string()),
        Err(ReaderError::Ended { how, offset }) => (offset, format!("the process that read it ended: {how}")),
        Err(ReaderError::Event(error)) => return Err(error.into()),
    };
    response.watcher.note(&format!("{}: reading stopped at byte {offset} ({why}); what came before is kept", artefact.path));
    let reason = format!("{TRUNCATED}reading stopped here ({why})");
    let warning = Warning { artefact: artefact.id.clone(), path: artefact.path.clone(), line: 0, offset, reason };
    tables.warnings.push(warning.clone());
    let summary = Summary {
        format: source_format(artefact, &context),
        records_read: tables.rows,
        records_refused: 1,
        first_refusal: Some(warning),
        ..Summary::default()
    };
    tables.finish(response, artefact, summary)
}

/// Names a log of which nothing could be read: the run goes on without it, and its time is a gap.
fn note_unread(response: &mut Response<'_>, artefact: &Artefact, summary: &Summary) {
    if let (0, Some(first)) = (summary.records_read, &summary.first_refusal) {
        response.watcher.note(&format!("{} line {}: {}; nothing of this file is read", artefact.path, first.line, first.reason));
    }
}

/// Reads in a process of its own, if one can be had.
fn read_apart(
    reader: Option<&Path>,
    watcher: &mut dyn Watcher,
    input: &mut dyn Read,
    context: &Context<'_>,
    tables: &mut Tables,
) -> Result<Summary, ReaderError> {
    match reader.map(Reader::start) {
        Some(Ok(reader)) => return reader.read_artefact(input, context, tables),
        Some(Err(source)) => {
            watcher.note(&format!("a process that reads evidence cannot be started ({source}): {} is read without one", context.path));
        }
        None => {}
    }
    Ok(read_artefact(input, context, tables)?)
}

fn source_format(artefact: &Artefact, context: &Context<'_>) -> String {
    artefact.format.clone().unwrap_or_else(|| context.source.format.clone())
}

fn record(artefact: &mut Artefact, summary: &Summary) {
    artefact.format = Some(summary.format.clone());
    artefact.span = summary.span;
    artefact.records_read = summary.records_read;
    artefact.records_refused = summary.records_refused;
    if artefact.first_refusal.is_none() {
        artefact.first_refusal = summary.first_refusal.clone();
    }
}

fn source_of(response: &Response<'_>, artefact: &Artefact) -> Option<LogSource> {
    let id = artefact.source.as_ref()?;
    response.estate.sources.iter().find(|s| s.id == *id).cloned()
}

/// A part stands on its artefact and on how its source is described: another source's change does not read it again.
fn part_inputs(artefact: &Artefact, source: &LogSource) -> Inputs {
    let mut inputs = Inputs::new(env!("CARGO_PKG_VERSION")).with("evidence", artefact.sha256.clone());
    inputs.insert_setting("source", &serde_json::to_string(source).unwrap_or_default());
    inputs
}
