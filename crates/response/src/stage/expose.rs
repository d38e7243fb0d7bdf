//! Expose: the accesses are replayed against the snapshots as they stood; whose data, which categories, how sure.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};
use strandline_case::TableWriter;
use strandline_evidence::{BrowseError, Vault, VisitError};
use strandline_exposure::{Inputs, KnownPeople, Options, Output, Progress, Snapshot, expose};
use strandline_history::{Broken, HistoryError, Part, Parts};
use strandline_model::access::Access;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::estate::Estate;
use strandline_model::estate::Register;
use strandline_model::event;
use strandline_model::exposure::{Exposure, HeldSubject, Replay, Sighting};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::table::{Row, ScanError};

use crate::error::ResponseError;
use crate::run::{Made, Response};
use crate::stage::intake::Seals;
use crate::stage::trace::TrailState;
use crate::store;
use crate::{clearance, exposed, people};

const STAGE: &str = "expose";

/// What the exposure stage leaves besides its tables.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ExposureState {
    /// What a person must know to read the numbers.
    pub notes: Vec<String>,
}

struct Tables {
    exposures: TableWriter,
    replays: TableWriter,
    data_subjects: TableWriter,
    sightings: TableWriter,
    clearances: TableWriter,
    open_questions: TableWriter,
}

impl Output for Tables {
    fn exposures(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.exposures.write(&batch)?)
    }

    fn replays(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.replays.write(&batch)?)
    }

    fn data_subjects(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.data_subjects.write(&batch)?)
    }

    fn sightings(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.sightings.write(&batch)?)
    }

    fn clearances(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.clearances.write(&batch)?)
    }

    fn open_questions(&mut self, batch: RecordBatch) -> Result<(), ScanError> {
        Ok(self.open_questions.write(&batch)?)
    }
}

/// What the exposures stand on.
fn inputs(response: &Response<'_>) -> Result<strandline_case::Inputs, ResponseError> {
    let mut inputs = response.inputs_after(&["events", "coverage", "trace"]);
    insert_own(response, &mut inputs)?;
    Ok(inputs)
}

/// What they stand on beside the stages before.
pub fn insert_own(response: &Response<'_>, inputs: &mut strandline_case::Inputs) -> Result<(), ResponseError> {
    inputs.insert_setting("cut_dump", &format!("{:?}", response.choices.cut_dump));
    for artefact in response.custody()? {
        inputs.insert(format!("evidence/{}", artefact.sha256), artefact.sha256.clone());
    }
    Ok(())
}

/// Whether the exposures are of the trail as it is.
pub fn are_current(response: &Response<'_>) -> Result<bool, ResponseError> {
    Ok(response.case.stage_is_current(STAGE, &inputs(response)?))
}

/// The same, whatever became of the tables since.
pub fn stand_on_trail(response: &Response<'_>) -> Result<bool, ResponseError> {
    Ok(response.stands_on(STAGE, &inputs(response)?))
}

/// Works out the exposures.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    response.needs("trace", "trail", "trace")?;
    let inputs = inputs(response)?;
    response.run_stage(STAGE, inputs, |response, _| replay_all(response))?;
    let state: ExposureState = store::read_json(&response.case, store::EXPOSURE)?.unwrap_or_default();
    for note in &state.notes {
        response.watcher.note(note);
    }
    response.outcome.notes.extend(state.notes);
    response.outcome.tiers = exposed::tiers(&response.case)?;
    let people = register(response)?.0;
    response.outcome.people = people.len() as u64;
    let cleared = clearance::cleared(&response.case)?;
    response.outcome.not_reached = people.keys().filter(|key| cleared.contains(*key)).count() as u64;
    response.outcome.not_known = people.keys().filter(|key| !cleared.contains(*key)).count() as u64 - exposed::of_register(&response.case, &people)?;
    response.outcome.open = clearance::open_questions(&response.case)?.iter().map(Question::told).collect();
    Ok(())
}

fn replay_all(response: &mut Response<'_>) -> Result<Made, ResponseError> {
    let artefacts = response.custody()?;
    let coverage = response.coverage()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let (accesses, events) = (response.case.scan(Access::TABLE), response.case.scan(event::TABLE));
    let mut tables = Tables {
        exposures: response.case.table_writer(Exposure::TABLE, "all", Exposure::schema(), &["data_subject", "category", "basis"])?,
        replays: response.case.table_writer(Replay::TABLE, "all", Replay::schema(), &["time", "access"])?,
        data_subjects: response.case.table_writer(HeldSubject::TABLE, "all", HeldSubject::schema(), &["data_subject"])?,
        sightings: response.case.table_writer(Sighting::TABLE, "all", Sighting::schema(), &[])?,
        clearances: response.case.table_writer(Clearance::TABLE, "all", Clearance::schema(), &["data_subject"])?,
        open_questions: response.case.table_writer(Question::TABLE, "all", Question::schema(), &[])?,
    };
    let snapshots = snapshots(&response.estate, &vault)?;
    let options = Options {
        memory_limit_bytes: response.settings.memory_limit_bytes,
        threads: response.settings.threads,
        on_cut: response.choices.on_cut(),
        guessed_actor: response.estate.draft && names_nobody(response)?,
        ..Options::default()
    };
    let people = register(response)?.0;
    let stage_inputs = Inputs {
        estate: &response.estate,
        snapshots,
        known: known_people(&people),
        subjects: people.into_keys().collect(),
        accesses: &accesses,
        events: &events,
        coverage: &coverage,
        open: clearance::open_before(response)?,
        options,
    };
    let watcher = &mut *response.watcher;
    let summary = expose(
        stage_inputs,
        &mut |progress| {
            if let Progress::Accesses(done, total) = progress {
                watcher.progress(done, total, "accesses");
            }
        },
        &mut tables,
    )?;
    let file = store::write_json(&response.case, store::EXPOSURE, &ExposureState { notes: summary.notes })?;
    let Tables { exposures, replays, data_subjects, sightings, clearances, open_questions } = tables;
    let writers = [exposures, replays, data_subjects, sightings, clearances, open_questions];
    let parts = writers.into_iter().map(TableWriter::finish).collect::<Result<_, _>>()?;
    Ok(Made { parts, files: vec![file] })
}

/// Whether no person named the actor: the trail stands on detections alone.
fn names_nobody(response: &Response<'_>) -> Result<bool, ResponseError> {
    let trail: Option<TrailState> = store::read_json(&response.case, store::TRAIL)?;
    Ok(trail.is_none_or(|trail| trail.pins.is_empty()))
}

/// The register's lines, its key first, as values to find in the data.
pub fn known_people(people: &BTreeMap<String, RegisterEntry>) -> KnownPeople {
    let languages: BTreeSet<&String> = people.values().flat_map(|entry| entry.names.keys()).collect();
    let columns = ["key", "email", "phone", "postal_address"].into_iter().map(str::to_owned).chain(languages.iter().map(|tag| format!("name {tag}")));
    let plain = |value: Option<&Personal<String>>| value.map(|value| value.expose_personal().clone()).unwrap_or_default();
    let line = |entry: &RegisterEntry| {
        let reach = [entry.email.as_ref(), entry.phone.as_ref(), entry.postal_address.as_ref()].map(plain);
        let names = languages.iter().map(|tag| plain(entry.names.get(*tag)));
        std::iter::once(entry.key.clone()).chain(reach).chain(names).collect()
    };
    KnownPeople::new(columns.collect(), people.values().map(line).collect())
}

/// The snapshots that the estate names, each from its sealed copy.
pub fn snapshots<'a>(estate: &Estate, vault: &'a Vault<'a>) -> Result<Vec<Snapshot<'a>>, ResponseError> {
    let mut snapshots = Vec::new();
    for database in &estate.databases {
        for written in &database.snapshot {
            vault.snapshot_files(written)?;
            let parts = Box::new(SealedSnapshot { vault, written: written.clone() });
            snapshots.push(Snapshot { database: database.id.clone(), table: flat_table(written), path: written.clone(), parts });
        }
    }
    Ok(snapshots)
}

/// The sealed bytes of what the estate names as a snapshot.
pub struct SealedSnapshot<'a> {
    /// Where they are.
    pub vault: &'a Vault<'a>,
    /// The path as the estate writes it.
    pub written: String,
}

impl Parts for SealedSnapshot<'_> {
    fn visit(&self, each: &mut dyn FnMut(Part<'_>) -> Result<(), HistoryError>) -> Result<Vec<Broken>, HistoryError> {
        let visited = self.vault.visit_snapshot(&self.written, &mut |name, reader| Ok(each(Part { name, reader })?));
        let failed = |source: Box<dyn Error + Send + Sync>| HistoryError::Read { path: self.written.clone(), source: io::Error::other(source) };
        match visited {
            Ok(refused) => Ok(refused.into_iter().map(|refusal| Broken { name: refusal.path, reason: refusal.reason }).collect()),
            Err(VisitError::Visit(BrowseError::Visit(error))) => Err(error.downcast::<HistoryError>().map_or_else(failed, |error| *error)),
            Err(error) => Err(failed(Box::new(error))),
        }
    }
}

/// `schema.table.csv` and `schema.table.parquet` are one table each; anything else is a dump.
fn flat_table(written: &str) -> Option<String> {
    let name = written.rsplit('/').next().unwrap_or(written);
    let stem = [".gz", ".zst", ".xz", ".bz2", ".zip"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let table = stem.strip_suffix(".csv").or_else(|| stem.strip_suffix(".parquet"))?;
    Some(table.to_owned())
}

/// The register from its sealed copy, with notes on its lines; empty where the estate names none.
pub fn register(response: &Response<'_>) -> Result<(BTreeMap<String, RegisterEntry>, Vec<String>), ResponseError> {
    response.estate.register.as_ref().map_or_else(|| Ok(Default::default()), |described| read_register(response, described))
}

/// The registers of other people, by their own keys (`kin:17`), with notes on their lines.
pub fn others(response: &Response<'_>) -> Result<(BTreeMap<String, RegisterEntry>, Vec<String>), ResponseError> {
    let (mut people, mut notes) = (BTreeMap::new(), Vec::new());
    for described in &response.estate.others {
        let (mut these, mut said) = read_register(response, described)?;
        people.append(&mut these);
        notes.append(&mut said);
    }
    Ok((people, notes))
}

fn read_register(response: &Response<'_>, described: &Register) -> Result<(BTreeMap<String, RegisterEntry>, Vec<String>), ResponseError> {
    let artefacts = response.custody()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let artefact = vault.resolve_snapshot(&described.file)?;
    people::read(described, &described.file, vault.open(&artefact.id)?)
}
