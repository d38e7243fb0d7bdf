//! The estate's own questions: could the logs answer *whose*, and what would a first estate file look like?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use strandline_case::Case;
use strandline_estate::draft::{DatabaseSketch, Findings, LogSketch, RegisterSketch};
use strandline_estate::readiness::{Answer, Data, Observer};
use strandline_event::{Context, Sink, SinkError, read_artefact};
use strandline_evidence::{Limits, Request, Vault};
use strandline_history::KnownPeople;
use strandline_model::event::{Activity, EventRows, columns};
use strandline_model::evidence::{Artefact, ArtefactKind, Warning};
use strandline_model::register::Status;

use crate::error::ResponseError;
use crate::run::{Response, Settings, Watcher};
use crate::stage::expose::{SealedSnapshot, known_people, register, snapshots};
use crate::stage::intake::Seals;

/// Records of a log that a draft looks at.
const DRAFT_BATCHES: usize = 4;
/// First bytes of a log that a format is recognised by.
const HEAD_BYTES: u64 = 64 << 10;
/// Keys of a JSON log that a draft looks at, and how deep.
const MOST_KEYS: usize = 1_000;
const MOST_DEPTH: usize = 5;
/// Lines of a log that a draft looks at.
const LINES: usize = 200;
/// Lines of a register that the data is matched with.
const REGISTER_LINES: usize = 200_000;
/// Bytes of a register that the data is matched with.
const REGISTER_BYTES: u64 = 256 << 20;
/// Numbers of requests that are kept of a log, to find others that have them.
const MOST_REQUESTS: usize = 20_000;

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
    let mut response = Response::begin(settings, estate, watcher)?;
    response.intake(logs)?;
    response.read_events()?;
    let mut observer = Observer::default();
    for part in columns::scan(&response.case.scan(strandline_model::event::TABLE))? {
        observer.observe(&part?);
    }
    let data = held_data(&response)?;
    Ok(Readiness { answers: observer.judge(&response.estate, &data) })
}

/// What the snapshots and the register hold, for what the estate says of them.
fn held_data(response: &Response<'_>) -> Result<Data, ResponseError> {
    let (people, _) = register(response)?;
    let known = known_people(&people);
    let artefacts = response.custody()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let databases = strandline_history::sketch_databases(&response.estate, snapshots(&response.estate, &vault)?, response.choices.on_cut(), &known)?;
    let mut unclear_statuses = BTreeMap::new();
    for word in people.values().filter(|entry| entry.standing() == Status::Unclear).filter_map(|entry| entry.status.clone()) {
        *unclear_statuses.entry(word).or_insert(0) += 1;
    }
    let mut unmapped_sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in response.estate.sources.iter().filter(|source| source.format == "json" && !source.fields.contains_key("session")) {
        for artefact in artefacts.iter().filter(|artefact| artefact.source.as_ref() == Some(&source.id)).take(1) {
            let keys = json_keys(&head_of(artefact, &vault)?);
            let keys: Vec<String> =
                strandline_estate::draft::fields_of(&keys).into_iter().filter(|(field, _)| field == "session").map(|(_, key)| key).collect();
            if !keys.is_empty() {
                unmapped_sessions.insert(source.id.clone(), keys);
            }
        }
    }
    for source in response.estate.sources.iter().filter(|source| !source.fields.contains_key("session")) {
        let cookies = strandline_estate::readiness::cookies_of(source.log_format.as_deref().unwrap_or_default());
        if !cookies.is_empty() {
            unmapped_sessions.insert(source.id.clone(), cookies);
        }
    }
    Ok(Data { databases, people: people.len() as u64, unclear_statuses, unmapped_sessions })
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
    let part_of_one = |path: &str| dumps.iter().any(|dump| path.strip_prefix(dump.as_str()).is_some_and(|rest| rest.starts_with(['/', '!'])));
    let single: Vec<&Artefact> = intake.artefacts.iter().filter(|artefact| !part_of_one(&artefact.path)).collect();
    let people = find_register(&single, &vault, &mut findings)?;
    for dump in &dumps {
        sketch(dump, &vault, &people, &mut findings)?;
    }
    for artefact in single {
        look_at(artefact, &vault, &people, &mut findings)?;
    }
    keep_newest(&mut findings.databases);
    Ok(strandline_estate::draft::write(&findings))
}

/// Of several dumps of one database, the last by its path.
fn keep_newest(databases: &mut Vec<DatabaseSketch>) {
    let names = |database: &DatabaseSketch| database.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
    databases.sort_by(|a, b| a.snapshot.cmp(&b.snapshot));
    let all: Vec<(Option<String>, Vec<String>)> = databases.iter().map(|database| (database.name.clone(), names(database))).collect();
    let mut at = 0;
    databases.retain(|_| {
        at += 1;
        !all[at..].contains(&all[at - 1])
    });
}

/// The file that looks most like a register, with its lines to match the data with.
fn find_register(artefacts: &[&Artefact], vault: &Vault<'_>, findings: &mut Findings) -> Result<KnownPeople, ResponseError> {
    let mut candidates = Vec::new();
    for artefact in artefacts.iter().filter(|artefact| is_text(artefact)) {
        let head = head_of(artefact, vault)?;
        if let Some(ways) = register_ways(&head) {
            candidates.push((ways, *artefact));
        }
    }
    // The one with most ways to reach people; among equals the first by its path.
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.path.cmp(&b.1.path)));
    let Some((_, artefact)) = candidates.first() else { return Ok(KnownPeople::default()) };
    findings.other_registers = candidates[1..].iter().map(|(_, other)| other.path.clone()).collect();
    let known = read_lines(artefact, vault)?;
    let tells_apart = (0..known.columns().len()).map(|column| known.tells_people_apart(column)).collect();
    findings.register = Some(RegisterSketch::new(artefact.path.clone(), known.columns().to_vec(), known.people() as u64, tells_apart));
    Ok(known)
}

/// The lines of a register, as many as are needed to know its columns again.
fn read_lines(artefact: &Artefact, vault: &Vault<'_>) -> Result<KnownPeople, ResponseError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(vault.open(&artefact.id)?.take(REGISTER_BYTES));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').trim().to_owned();
    let broken = |error: csv::Error| ResponseError::Register {
        path: artefact.path.clone(),
        line: error.position().map_or(0, csv::Position::line),
        reason: "the line is no CSV; quote fields that hold commas".to_owned(),
    };
    let columns: Vec<String> = reader.byte_headers().map_err(broken)?.iter().map(text).collect();
    let mut lines = Vec::new();
    for record in reader.byte_records().take(REGISTER_LINES) {
        let record = record.map_err(broken)?;
        lines.push((0..columns.len()).map(|at| text(record.get(at).unwrap_or_default())).collect());
    }
    Ok(KnownPeople::new(columns, lines))
}

fn is_text(artefact: &Artefact) -> bool {
    !matches!(artefact.kind, ArtefactKind::Archive | ArtefactKind::Binary | ArtefactKind::Empty)
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

fn look_at(artefact: &Artefact, vault: &Vault<'_>, people: &KnownPeople, findings: &mut Findings) -> Result<(), ResponseError> {
    let is_register = findings.register.iter().map(|register| &register.path).chain(&findings.other_registers).any(|path| *path == artefact.path);
    if !is_text(artefact) || is_register {
        return Ok(());
    }
    let head = head_of(artefact, vault)?;
    if strandline_history::looks_like_a_dump(&head) {
        return sketch(artefact.path.split_once("!/").map_or(artefact.path.as_str(), |(file, _)| file), vault, people, findings);
    }
    let best = strandline_event::recognise(&head).into_iter().next().filter(|(_, share)| *share >= 0.5);
    let mut sketch = LogSketch { path: artefact.path.clone(), json_keys: json_keys(&head), lines: first_lines(&head), ..LogSketch::default() };
    // JSON of which only the names of its fields were strange.
    let best = best.or_else(|| (!sketch.json_keys.is_empty()).then_some(("json", 0.0)));
    if let Some((format, share)) = best {
        sketch.format = Some((format.to_owned(), f64::from(share)));
        look_inside(artefact, vault, format, &mut sketch)?;
    }
    findings.logs.push(sketch);
    Ok(())
}

/// Takes what a dump says of itself, by its path as the estate writes it.
fn sketch(written: &str, vault: &Vault<'_>, people: &KnownPeople, findings: &mut Findings) -> Result<(), ResponseError> {
    if findings.databases.iter().any(|database| database.snapshot == written) {
        return Ok(());
    }
    let parts = Box::new(SealedSnapshot { vault, written: written.to_owned() });
    let sketch = strandline_history::sketch_dump(parts, written, people)?;
    findings.databases.push(DatabaseSketch {
        snapshot: written.to_owned(),
        is_mysql: sketch.dialect == strandline_history::Dialect::MySql,
        name: sketch.database,
        tables: sketch.tables,
    });
    Ok(())
}

/// How many ways to reach people the first line names, if it is the CSV header of a register.
fn register_ways(head: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next()?.trim_start_matches('\u{feff}');
    let columns: Vec<String> = line.split(',').map(|c| c.trim().trim_matches('"').to_lowercase()).collect();
    let plain = columns.len() >= 3 && columns.iter().all(|c| !c.is_empty() && c.chars().all(|ch| ch.is_alphanumeric() || "_- ".contains(ch)));
    let has = |words: &[&str]| columns.iter().any(|c| words.iter().any(|w| c.contains(w)));
    const NAMES: &[&str] = &["name", "nombre", "nom", "surname", "姓名"];
    const MAIL: &[&str] = &["mail", "correo", "courriel", "電郵"];
    const ADDRESS: &[&str] = &["address", "postal", "direcc", "adresse", "anschrift", "indirizzo", "地址"];
    const PHONE: &[&str] = &["phone", "mobile", "tel", "電話"];
    let ways = [MAIL, ADDRESS, PHONE, &["lang", "locale", "idioma", "sprache"], &["status"]].iter().filter(|words| has(words)).count();
    (plain && has(NAMES) && [MAIL, ADDRESS, PHONE].into_iter().any(has)).then_some(ways)
}

/// The first lines of a log, without the last, which may be cut.
fn first_lines(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter(|line| !line.trim().is_empty()).take(LINES).map(str::to_owned).collect()
}

/// Keys of JSON records, with some of their values; those inside objects with dots (`http.request.id`).
fn json_keys(head: &[u8]) -> BTreeMap<String, Vec<String>> {
    let text = String::from_utf8_lossy(head);
    let mut keys = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('{')).take(50) {
        if let Ok(value) = serde_json::from_str(line) {
            add_keys(&value, "", 0, &mut keys);
        }
    }
    keys
}

fn add_keys(value: &serde_json::Value, above: &str, depth: usize, keys: &mut BTreeMap<String, Vec<String>>) {
    let serde_json::Value::Object(object) = value else { return };
    for (key, value) in object {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if value.is_object() && depth < MOST_DEPTH {
            add_keys(value, &path, depth + 1, keys);
        } else if keys.len() < MOST_KEYS || keys.contains_key(&path) {
            let seen = keys.entry(path).or_default();
            match value {
                serde_json::Value::String(text) if !text.is_empty() => seen.push(text.clone()),
                serde_json::Value::Number(number) => seen.push(number.to_string()),
                _ => {}
            }
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
                *self.sketch.roles.entry(role.to_string()).or_default().entry(host.to_string()).or_default() += 1;
            }
            self.sketch.databases.extend(event.database.map(|d| d.to_string()));
            self.sketch.has_sessions |= event.session.is_some();
            if self.sketch.requests.len() < MOST_REQUESTS {
                self.sketch.requests.extend(event.request_id.map(|id| id.to_string()));
            }
        }
        self.batches += 1;
        if self.batches >= DRAFT_BATCHES { Err("enough was seen".into()) } else { Ok(()) }
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}

fn look_inside(artefact: &Artefact, vault: &Vault<'_>, format: &str, sketch: &mut LogSketch) -> Result<(), ResponseError> {
    let mut source = strandline_event::bare_source(format);
    source.log_format = strandline_estate::draft::layout_of(format, &sketch.lines);
    if format == "json" {
        source.fields = strandline_estate::draft::fields_of(&sketch.json_keys).into_iter().collect();
    }
    let context = Context { artefact: &artefact.id, path: &artefact.path, source: &source, assumed_year: 1970, last_change: None, secret_key: None };
    let mut input = vault.open(&artefact.id)?;
    let mut peek = Peek { sketch, batches: 0 };
    // A format that needs more than its name stays undescribed; the draft says so.
    if let Ok(summary) = read_artefact(&mut *input, &context, &mut peek) {
        let records = summary.records_read + summary.records_refused;
        let understood = summary.records_understood as f64 / records.max(1) as f64;
        // As the check will read it, with what the draft says of it.
        if records > 0 {
            sketch.format = (understood > 0.0).then(|| (format.to_owned(), understood));
        }
    }
    Ok(())
}
