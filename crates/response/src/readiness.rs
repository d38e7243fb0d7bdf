//! The estate's own questions: could the logs answer *whose*, and what would a first estate file look like?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use strandline_case::Case;
use strandline_estate::draft::{Findings, LogSketch};
use strandline_estate::readiness::{Answer, Observer};
use strandline_event::{Context, Sink, SinkError, read_artefact};
use strandline_evidence::{Limits, Request, Vault};
use strandline_model::estate::LogSource;
use strandline_model::event::{Activity, EventRows};
use strandline_model::evidence::{Artefact, ArtefactKind, Warning};

use crate::error::ResponseError;
use crate::run::{Response, Settings, Watcher};
use crate::stage::expose::SealedSnapshot;
use crate::stage::intake::Seals;

/// Records of a log that a draft looks at.
const DRAFT_BATCHES: usize = 4;
/// First bytes of a log that a format is recognised by.
const HEAD_BYTES: u64 = 64 << 10;
/// Keys of a JSON log that a draft looks at, and how deep.
const MOST_KEYS: usize = 1_000;
const MOST_DEPTH: usize = 5;
/// Columns that the readiness check looks at.
const COLUMNS: &[&str] = &[
    "time",
    "time_precision_micros",
    "class",
    "activity",
    "source",
    "artefact",
    "offset",
    "length",
    "session",
    "request_id",
    "status_code",
    "bytes",
    "statement",
    "parameters",
    "command",
    "row_count",
    "sequence",
    "record_kind",
];

/// What the check says.
#[derive(Debug)]
pub struct Readiness {
    /// One answer for each shortcoming, and one for each source that has none.
    pub answers: Vec<Answer>,
}

/// Checks an estate against a folder of logs, in a scratch case.
///
/// # Errors
/// If the estate has a mistake or the logs cannot be read.
pub fn check_estate(settings: &Settings<'_>, estate: (&str, &str), logs: &Path, watcher: &mut dyn Watcher) -> Result<Readiness, ResponseError> {
    use strandline_model::table::Scan;
    let mut response = Response::begin(settings, estate, watcher)?;
    response.intake(logs)?;
    response.read_events()?;
    let mut observer = Observer::default();
    for batch in response.case.scan(strandline_model::event::TABLE).scan(COLUMNS)? {
        observer.observe(&EventRows::new(&batch?));
    }
    Ok(Readiness { answers: observer.judge(&response.estate) })
}

/// Proposes a first estate file from a folder with logs and, if there is one, a dump and a register.
///
/// # Errors
/// If the folder cannot be read.
pub fn draft_estate(settings: &Settings<'_>, folder: &Path, watcher: &mut dyn Watcher) -> Result<String, ResponseError> {
    let origin = strandline_case::Origin::new("local", "draft")?;
    let secrets = strandline_case::Secrets::new((settings.random)(), (settings.random)());
    let case = Case::open_or_create(&settings.case, &origin, &secrets)?;
    let seals = Seals(&case);
    let request =
        Request { evidence: folder, extra: Vec::new(), known: &[], taken_by: &settings.responder, now: settings.now, limits: Limits::default(), estate: None };
    watcher.stage("draft");
    let intake = strandline_evidence::intake(&request, &seals, &mut |p| watcher.progress(p.bytes_done, p.bytes_total, "bytes"), &mut |_| Ok(()))?;
    let vault = Vault::new(&seals, &intake.artefacts);
    let mut findings = Findings::default();
    let dumps = dumps_of_several_files(&intake.artefacts, &vault)?;
    for dump in &dumps {
        sketch(dump, &vault, &mut findings)?;
    }
    let part_of_one = |path: &str| dumps.iter().any(|dump| path.strip_prefix(dump.as_str()).is_some_and(|rest| rest.starts_with(['/', '!'])));
    for artefact in intake.artefacts.iter().filter(|artefact| !part_of_one(&artefact.path)) {
        look_at(artefact, &vault, &mut findings)?;
    }
    Ok(strandline_estate::draft::write(&findings))
}

/// The folders and archives that are one dump: those with pg_dump's table of contents, or with mydumper's metadata.
fn dumps_of_several_files(artefacts: &[Artefact], vault: &Vault<'_>) -> Result<BTreeSet<String>, ResponseError> {
    let mut dumps = BTreeSet::new();
    for artefact in artefacts {
        let Some((before, name)) = artefact.path.rsplit_once('/') else { continue };
        let marks = match name {
            "toc.dat" => head_of(artefact, vault)?.starts_with(b"PGDMP"),
            "metadata" => String::from_utf8_lossy(&head_of(artefact, vault)?).contains("dump at"),
            _ => false,
        };
        if marks {
            // In an archive, the estate names the file that the archive lies in.
            dumps.insert(artefact.path.split_once("!/").map_or(before, |(file, _)| file).to_owned());
        }
    }
    Ok(dumps)
}

fn head_of(artefact: &Artefact, vault: &Vault<'_>) -> Result<Vec<u8>, ResponseError> {
    let mut head = Vec::new();
    vault.open(&artefact.id)?.take(HEAD_BYTES).read_to_end(&mut head).map_err(|source| ResponseError::Read { path: artefact.path.clone().into(), source })?;
    Ok(head)
}

fn look_at(artefact: &Artefact, vault: &Vault<'_>, findings: &mut Findings) -> Result<(), ResponseError> {
    if matches!(artefact.kind, ArtefactKind::Archive | ArtefactKind::Binary | ArtefactKind::Empty) {
        return Ok(());
    }
    let head = head_of(artefact, vault)?;
    if strandline_history::looks_like_a_dump(&head) {
        return sketch(artefact.path.split_once("!/").map_or(artefact.path.as_str(), |(file, _)| file), vault, findings);
    }
    if let Some(columns) = register_columns(&head) {
        findings.register = Some((artefact.path.clone(), columns));
        return Ok(());
    }
    let best = strandline_event::recognise(&head).into_iter().next().filter(|(_, share)| *share >= 0.5);
    let mut sketch = LogSketch { path: artefact.path.clone(), json_keys: json_keys(&head), ..LogSketch::default() };
    if let Some((format, share)) = best {
        sketch.format = Some((format.to_owned(), f64::from(share)));
        look_inside(artefact, vault, format, &mut sketch)?;
    }
    findings.logs.push(sketch);
    Ok(())
}

/// Takes what a dump says of itself, by its path as the estate writes it.
fn sketch(written: &str, vault: &Vault<'_>, findings: &mut Findings) -> Result<(), ResponseError> {
    let parts = Box::new(SealedSnapshot { vault, written: written.to_owned() });
    let sketch = strandline_history::sketch_dump(parts, written)?;
    findings.snapshot = Some(written.to_owned());
    findings.is_mysql = sketch.dialect == strandline_history::Dialect::MySql;
    findings.database = sketch.database;
    findings.tables.extend(sketch.tables.into_iter().map(|table| strandline_estate::draft::TableSketch {
        name: table.name,
        columns: table.columns,
        primary_key: table.primary_key,
        foreign_keys: table.foreign_keys,
        rows: table.rows,
        samples: table.samples,
        distinct: Vec::new(),
    }));
    Ok(())
}

/// Column names, if the first line is a CSV header of a register: a key and a way to reach people.
fn register_columns(head: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next()?.trim_start_matches('\u{feff}');
    let columns: Vec<String> = line.split(',').map(|c| c.trim().trim_matches('"').to_owned()).collect();
    let plain = columns.len() >= 3 && columns.iter().all(|c| !c.is_empty() && c.chars().all(|ch| ch.is_alphanumeric() || ch == '_' || ch == ' '));
    let has = |words: &[&str]| columns.iter().any(|c| words.iter().any(|w| c.to_lowercase().contains(w)));
    (plain && has(&["name"]) && has(&["mail", "address", "phone"])).then_some(columns)
}

/// Keys of JSON records; those inside objects with dots (`http.request.id`).
fn json_keys(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let mut keys = BTreeSet::new();
    for line in text.lines().take(50) {
        if let Ok(value) = serde_json::from_str(line) {
            add_keys(&value, "", 0, &mut keys);
        }
    }
    keys.into_iter().collect()
}

fn add_keys(value: &serde_json::Value, above: &str, depth: usize, keys: &mut BTreeSet<String>) {
    let serde_json::Value::Object(object) = value else { return };
    for (key, value) in object {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if value.is_object() && depth < MOST_DEPTH {
            add_keys(value, &path, depth + 1, keys);
        } else if keys.len() < MOST_KEYS {
            keys.insert(path);
        }
    }
}

/// Reads the beginning of a log, to learn which roles come from where.
struct Peek<'a> {
    sketch: &'a mut LogSketch,
    batches: usize,
}

impl Sink for Peek<'_> {
    fn batch(&mut self, batch: arrow_array::RecordBatch) -> Result<(), SinkError> {
        for event in EventRows::new(&batch).iter() {
            if let (Some(role), Some(host), Activity::Connect | Activity::Read | Activity::Write) = (&event.account, &event.src_ip, event.activity)
                && event.database.is_some()
            {
                self.sketch.roles.entry(role.to_string()).or_default().insert(host.to_string());
            }
            self.sketch.databases.extend(event.database.map(|d| d.to_string()));
        }
        self.batches += 1;
        if self.batches >= DRAFT_BATCHES { Err("enough was seen".into()) } else { Ok(()) }
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}

fn look_inside(artefact: &Artefact, vault: &Vault<'_>, format: &str, sketch: &mut LogSketch) -> Result<(), ResponseError> {
    let source = LogSource {
        id: "draft".to_owned(),
        system: "draft".to_owned(),
        path: Vec::new(),
        format: format.to_owned(),
        log_format: None,
        fields: BTreeMap::new(),
        patterns: Vec::new(),
        clock: None,
        time_format: None,
        classify: Vec::new(),
        session_prefix: None,
        retention_days: None,
    };
    let context = Context { artefact: &artefact.id, path: &artefact.path, source: &source, assumed_year: 1970, secret_key: None };
    let mut input = vault.open(&artefact.id)?;
    // A format that needs more than its name stays undescribed; the draft says so.
    let _ = read_artefact(&mut *input, &context, &mut Peek { sketch, batches: 0 });
    Ok(())
}
