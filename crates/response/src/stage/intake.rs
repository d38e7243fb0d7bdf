//! Intake: evidence, snapshots and register go into custody; the case keeps the estate that it is worked on with.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use strandline_case::Case;
use strandline_evidence::{Extra, Limits, Request, SealStore, SealWriter, Vault};
use strandline_history::held_tables;
use strandline_model::evidence::{Artefact, ArtefactKind};

use crate::choices::CutDump;
use crate::cutting::is_of_a_cut;
use crate::error::ResponseError;
use crate::run::{Made, Response};
use crate::stage::expose::snapshots;
use crate::store;

/// The case folder as the place where evidence is sealed.
pub struct Seals<'c>(pub &'c Case);

struct Writer(strandline_case::SealWriter);

impl SealStore for Seals<'_> {
    fn begin(&self) -> io::Result<Box<dyn SealWriter>> {
        Ok(Box::new(Writer(self.0.seal_writer().map_err(into_io)?)))
    }

    fn open(&self, sealed_sha256: &str) -> io::Result<File> {
        self.0.open_sealed(sealed_sha256).map_err(into_io)
    }

    fn contains(&self, sealed_sha256: &str) -> bool {
        self.0.contains_sealed(sealed_sha256)
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SealWriter for Writer {
    fn commit(self: Box<Self>, sha256: &str) -> io::Result<()> {
        self.0.commit(sha256).map_err(into_io)
    }
}

/// Keeps the kind of a system's error, so that a full disk is told as a full disk.
fn into_io(error: strandline_case::SealError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if let Some(kind) = this.downcast_ref::<io::Error>().map(io::Error::kind) {
            return io::Error::new(kind, error);
        }
        cause = this.source();
    }
    io::Error::other(error)
}

/// Runs intake on `evidence`. Artefacts already in custody are not taken twice.
pub fn run(response: &mut Response<'_>, evidence: &Path) -> Result<(), ResponseError> {
    let known = response.custody()?;
    let author = response.author();
    let mut taken: Vec<Artefact> = known.clone();
    let extra = extras(response, evidence)?;
    let intake = {
        let request = Request {
            evidence,
            extra,
            known: &known,
            taken_by: &response.settings.responder,
            now: response.settings.now,
            limits: Limits::default(),
            estate: Some(&response.estate),
        };
        let watcher = &mut *response.watcher;
        let seals = Seals(&response.case);
        strandline_evidence::intake(&request, &seals, &mut |p| watcher.progress(p.bytes_done, p.bytes_total, "bytes"), &mut |artefact| {
            taken.push(artefact.clone());
            Ok(())
        })
    };
    // What was sealed before an error stays in custody: the next run goes on from there.
    let result = intake.inspect(|intake| taken.clone_from(&intake.artefacts));
    taken.sort_by(|a, b| a.path.cmp(&b.path));
    taken.dedup_by(|a, b| a.id == b.id);
    // What a cut kept lies in no folder of evidence: it stays.
    let mut merged = merge(taken, &known);
    let is_taken = |artefact: &Artefact| merged.iter().any(|other| other.id == artefact.id);
    let kept: Vec<Artefact> = known.iter().filter(|artefact| is_of_a_cut(artefact) && !is_taken(artefact)).cloned().collect();
    merged.extend(kept);
    merged.sort_by(|a, b| a.path.cmp(&b.path));
    if merged != known {
        response.case.save_custody(&merged, &author, env!("CARGO_PKG_VERSION"))?;
    }
    let intake = result?;
    for refusal in &intake.refused {
        response.watcher.note(&format!("{}: {}", refusal.path, refusal.reason));
    }
    for unclaimed in &intake.unclaimed {
        response.watcher.note(&format!("{}: no source of the estate claims it ({}); it is sealed and not read", unclaimed.path, unclaimed.reason));
    }
    for (path, same) in &intake.duplicates {
        let first = merged.iter().find(|a| a.id == *same).map_or("another artefact", |a| a.path.as_str());
        response.watcher.note(&format!("{path}: the same bytes as {first}; they are sealed and read once"));
    }
    response.outcome.artefacts = merged.len() as u64;
    keep_estate(response)
}

/// What events found out about an artefact is kept when it is taken again.
fn merge(taken: Vec<Artefact>, known: &[Artefact]) -> Vec<Artefact> {
    taken
        .into_iter()
        .map(|artefact| match known.iter().find(|k| k.id == artefact.id) {
            Some(before) if before.source == artefact.source => Artefact { also_at: artefact.also_at, ..before.clone() },
            Some(before) => Artefact { taken_at: before.taken_at, taken_by: before.taken_by.clone(), ..artefact },
            None => artefact,
        })
        .collect()
}

fn keep_estate(response: &mut Response<'_>) -> Result<(), ResponseError> {
    let mut inputs = response.inputs();
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sealed_sha256), artefact.sealed_sha256.clone());
    }
    inputs.insert_setting(store::CHOICES, &format!("{:?}", response.choices));
    response.run_stage("intake", inputs, |response, _| {
        check_against_snapshots(response)?;
        let choices = store::write_json(&response.case, store::CHOICES, &response.choices)?;
        let file = store::write(&response.case, "", store::ESTATE, response.estate_text.as_bytes())?;
        Ok(Made { files: vec![file, choices], ..Made::default() })
    })
}

/// A table or column that the estate names and no snapshot holds would be read by nobody: better told now than found in
/// the figures.
fn check_against_snapshots(response: &Response<'_>) -> Result<(), ResponseError> {
    let (estate, text, path) = (&response.estate, response.estate_text.as_str(), response.estate_path.as_str());
    let artefacts = response.custody()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let held = held_tables(estate, snapshots(estate, &vault)?, response.choices.on_cut())?;
    let cut_is_accepted = response.choices.cut_dump == CutDump::GoOn;
    for database in estate.databases.iter().filter(|d| !d.snapshot.is_empty() && !cut_is_accepted) {
        let Some(tables) = held.get(&database.id) else { continue };
        strandline_estate::check_tables(estate, &database.id, &tables.keys().cloned().collect(), text, path)?;
        for (table, columns) in tables {
            strandline_estate::check_columns(estate, &database.id, table, columns, text, path)?;
        }
    }
    Ok(())
}

/// Snapshots and register, relative to the evidence folder or else to the estate file.
fn extras(response: &Response<'_>, evidence: &Path) -> Result<Vec<Extra>, ResponseError> {
    let estate_folder = Path::new(&response.estate_path).parent().map(Path::to_owned).unwrap_or_default();
    let evidence_folder = if evidence.is_dir() { evidence.to_owned() } else { evidence.parent().map(Path::to_owned).unwrap_or_default() };
    let find = |written: &str, kind: ArtefactKind| {
        let candidates: [PathBuf; 2] = [evidence_folder.join(written), estate_folder.join(written)];
        // A dump in several files is a folder.
        match candidates.iter().find(|path| path.is_file() || (kind == ArtefactKind::Snapshot && path.is_dir())) {
            Some(path) => Ok(Extra { path: path.clone(), kind, display: written.to_owned() }),
            None => Err(missing(response, written, &candidates)),
        }
    };
    let mut extras = Vec::new();
    for written in response.estate.databases.iter().flat_map(|d| &d.snapshot) {
        extras.push(find(written, ArtefactKind::Snapshot)?);
    }
    for register in response.estate.register.iter().chain(&response.estate.others) {
        extras.push(find(&register.file, ArtefactKind::Register)?);
    }
    Ok(extras)
}

fn missing(response: &Response<'_>, written: &str, looked: &[PathBuf]) -> ResponseError {
    let line = response.estate_text.lines().position(|line| line.contains(written)).map_or(0, |i| i + 1);
    ResponseError::Estate(strandline_estate::EstateError {
        path: response.estate_path.clone(),
        line,
        problem: format!("there is no file {written:?}"),
        hint: Some(format!(
            "looked at {} and {}; a path is relative to the evidence folder or else to the estate file",
            looked[0].display(),
            looked[1].display()
        )),
    })
}
