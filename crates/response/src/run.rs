//! The whole story of a response, on one screen: [`respond`].

use std::path::PathBuf;

use strandline_case::{Author, Case, Inputs, Origin, Secrets, Signer, StageCommit, StoredFile, TablePart, Trial};
use strandline_model::detection::Decision;
use strandline_model::estate::Estate;
use strandline_model::evidence::{Artefact, Coverage};
use strandline_model::table::Row;
use strandline_model::time::Instant;
use strandline_model::trail::{Division, Link, Pin, Split, Step};

use crate::choices::{Choices, Told};
use crate::error::ResponseError;
use crate::pins::pin_words;
use crate::rules::{CheckedRules, check_rules};
use crate::stage::print::{Page, PrintedLetters};
use crate::{stage, store};

/// Whether names stand in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// They do not.
    Masked,
    /// They do, because somebody asked.
    Shown,
}

/// What a stage made.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) parts: Vec<TablePart>,
    pub(crate) files: Vec<StoredFile>,
}

/// What a run is told.
pub struct Settings<'a> {
    /// The case folder.
    pub case: PathBuf,
    /// Who runs it.
    pub responder: String,
    /// The clock.
    pub now: &'a dyn Fn() -> Instant,
    /// Randomness, from a cryptographic generator: for the secrets of a new case, and the codes on letters.
    pub random: &'a dyn Fn() -> [u8; 32],
    /// The program whose processes read the evidence (`strandline_reader::ARGUMENT`); none: this process reads it.
    pub reader: Option<PathBuf>,
    /// Memory that replays may use, bytes.
    pub memory_limit_bytes: usize,
    /// Threads.
    pub threads: usize,
    /// Folders of Sigma rules to use from now on; none: those that the case keeps, else the built-in ones.
    pub rules: Vec<PathBuf>,
    /// What this run is told beside pins.
    pub told: Told,
    /// How what the responder decides is signed; without it, it is a typed name.
    pub signer: Option<Signer>,
}

impl<'a> Settings<'a> {
    /// The same on a trial. Nobody signs there: it has a ledger of its own.
    pub(crate) fn of_trial(&self, trial: &Trial) -> Settings<'a> {
        Settings {
            case: trial.path(),
            responder: self.responder.clone(),
            now: self.now,
            random: self.random,
            reader: self.reader.clone(),
            memory_limit_bytes: self.memory_limit_bytes,
            threads: self.threads,
            rules: Vec::new(),
            told: self.told,
            signer: None,
        }
    }
}

/// Hears how a run goes. Nothing that it hears is about a person.
pub trait Watcher {
    /// A stage begins.
    fn stage(&mut self, name: &str);
    /// How far it is: `done` of `total` (0: unknown) of a unit.
    fn progress(&mut self, done: u64, total: u64, unit: &str);
    /// What a person should know now.
    fn note(&mut self, text: &str);
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Artefacts in custody.
    pub artefacts: u64,
    /// Events read.
    pub events: u64,
    /// Records that could not be read.
    pub refused: u64,
    /// Gaps found.
    pub gaps: u64,
    /// Detections.
    pub detections: u64,
    /// Of these, what Sigma rules say.
    pub sigma_detections: u64,
    /// Steps of the trail.
    pub steps: u64,
    /// Accesses of the trail.
    pub accesses: u64,
    /// People in the register.
    pub people: u64,
    /// People by the strongest tier.
    pub tiers: Tiers,
    /// People of the register who are cleared: the evidence proves that no access of the trail showed their data.
    pub not_reached: u64,
    /// People of the register of whom neither is known.
    pub not_known: u64,
    /// What keeps them from being cleared.
    pub open: Vec<String>,
    /// Letters drafted to people who were reached, or could have been.
    pub letters: u64,
    /// Letters drafted to people who were not.
    pub reassurances: u64,
    /// First evidence to letters, seconds of work.
    pub notes: Vec<String>,
}

/// People by the strongest that the evidence shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tiers {
    /// Confirmed.
    pub confirmed: u64,
    /// Likely.
    pub likely: u64,
    /// Possible.
    pub possible: u64,
}

/// Evidence in, letters and a report out. Each step resumes where a killed run stopped, and does nothing twice.
///
/// # Errors
/// [`ResponseError`]; what was committed before stays.
pub fn respond(
    settings: &Settings<'_>,
    estate: (&str, &str),
    evidence: &std::path::Path,
    pins: &[Pin],
    names: Names,
    watcher: &mut dyn Watcher,
) -> Result<Outcome, ResponseError> {
    let mut response = Response::begin(settings, estate, watcher)?;
    response.intake(evidence)?;
    response.read_events()?;
    response.cover()?;
    response.detect()?;
    response.trace(Some(pins))?;
    response.propose_containment()?;
    response.compare_with_cuts()?;
    response.expose()?;
    response.draft_letters()?;
    response.export()?;
    response.report(names)?;
    Ok(response.finish())
}

/// The organisation's time zone, if the estate can be read.
pub fn time_zone(text: &str, path: &str) -> Option<String> {
    strandline_estate::read(text, path).ok().map(|estate| estate.organisation.time_zone)
}

/// A case being worked on. Each method is one stage; each can be run alone, and knows whether it must.
pub struct Response<'a> {
    pub(crate) settings: &'a Settings<'a>,
    pub(crate) watcher: &'a mut dyn Watcher,
    pub(crate) case: Case,
    pub(crate) estate: Estate,
    pub(crate) estate_text: String,
    pub(crate) estate_path: String,
    pub(crate) choices: Choices,
    pub(crate) outcome: Outcome,
}

impl<'a> Response<'a> {
    /// Begins or goes on with a case. `estate` is the file's text and its path.
    ///
    /// # Errors
    /// If the estate has a mistake, or the folder cannot be used.
    pub fn begin(settings: &'a Settings<'a>, estate: (&str, &str), watcher: &'a mut dyn Watcher) -> Result<Self, ResponseError> {
        let (text, path) = estate;
        let read = strandline_estate::read(text, path)?;
        let case = signing(Case::open_or_create(&settings.case, &origin(&read, settings)?, &secrets(settings))?, settings);
        let choices = choices(&case, settings)?;
        Ok(Self { settings, watcher, case, estate: read, estate_text: text.to_owned(), estate_path: path.to_owned(), choices, outcome: Outcome::default() })
    }

    /// Goes on with a case by the estate that it keeps.
    ///
    /// # Errors
    /// If there is no case, or it keeps no estate yet.
    pub fn resume(settings: &'a Settings<'a>, watcher: &'a mut dyn Watcher) -> Result<Self, ResponseError> {
        Self::with(signing(Case::open(&settings.case)?, settings), settings, watcher)
    }

    /// Looks at a case, also while another run works on it. Whatever would write fails.
    ///
    /// # Errors
    /// If there is no case, or it keeps no estate yet.
    pub fn look(settings: &'a Settings<'a>, watcher: &'a mut dyn Watcher) -> Result<Self, ResponseError> {
        Self::with(Case::open_for_reading(&settings.case)?, settings, watcher)
    }

    fn with(case: Case, settings: &'a Settings<'a>, watcher: &'a mut dyn Watcher) -> Result<Self, ResponseError> {
        let text = store::read_text(&case, store::ESTATE)?.ok_or(ResponseError::NoEstate)?;
        let path = settings.case.join(store::ESTATE).display().to_string();
        let estate = strandline_estate::read(&text, &path)?;
        let choices = choices(&case, settings)?;
        Ok(Self { settings, watcher, case, estate, estate_text: text, estate_path: path, choices, outcome: Outcome::default() })
    }

    /// Takes evidence into custody.
    ///
    /// # Errors
    /// If the evidence cannot be read or the case cannot be written.
    pub fn intake(&mut self, evidence: &std::path::Path) -> Result<(), ResponseError> {
        self.watcher.stage("intake");
        stage::intake::run(self, evidence)
    }

    /// Reads every artefact of a known source into events.
    ///
    /// # Errors
    /// If a source is described wrongly, or the case cannot be written.
    pub fn read_events(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("events");
        stage::events::run(self)
    }

    /// Finds what the evidence covers and where it does not.
    ///
    /// # Errors
    /// If the events cannot be read.
    pub fn cover(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("coverage");
        stage::coverage::run(self)
    }

    /// Runs the detections.
    ///
    /// # Errors
    /// If the events cannot be read.
    pub fn detect(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("detect");
        stage::detect::run(self)
    }

    /// Follows the actor from `pins`; `None` keeps the pins of the last run.
    ///
    /// # Errors
    /// If the events cannot be read.
    pub fn trace(&mut self, pins: Option<&[Pin]>) -> Result<(), ResponseError> {
        self.watcher.stage("trace");
        stage::trace::run(self, pins)
    }

    /// Works out whose data was exposed.
    ///
    /// # Errors
    /// If a snapshot cannot be read, or does not hold what the estate names.
    pub fn expose(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("expose");
        stage::expose::run(self)
    }

    /// Has letters drafted from the organisation's own templates, given as (path within their folder, text), from now on.
    ///
    /// # Errors
    /// If a template has a mistake, or the case cannot be written.
    pub fn use_templates(&mut self, files: &[(String, String)]) -> Result<(), ResponseError> {
        stage::letters::use_templates(self, files)
    }

    /// Keeps the round that letters are drafted for; from the second on they say what is new since the one before.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn use_round(&mut self, round: u32) -> Result<(), ResponseError> {
        stage::letters::use_round(self, round)
    }

    /// Keeps the value that a file gives each person for the letter: CSV, key and value.
    ///
    /// # Errors
    /// If a line is none of those or a key is nobody's, or the case cannot be written.
    pub fn use_values(&mut self, path: &str, text: &str) -> Result<(), ResponseError> {
        stage::letters::use_values(self, path, text)
    }

    /// Drafts one letter for each affected person, and one for each other person of the register where the logs cover the whole
    /// intrusion.
    ///
    /// # Errors
    /// If the register cannot be read.
    pub fn draft_letters(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("letters");
        stage::letters::run(self)
    }

    /// Whether the letters, if there are any, are what the case says now: a decision can have made them old.
    ///
    /// # Errors
    /// If the register or a decision cannot be read.
    pub fn letters_are_current(&self) -> Result<bool, ResponseError> {
        stage::letters::are_current(self)
    }

    /// Whether the letters are what the case says now, and the case follows what was decided on the trail: what was not looked at as it is
    /// now goes nowhere.
    ///
    /// # Errors
    /// If the register or a decision cannot be read.
    pub fn letters_follow_case(&self) -> Result<bool, ResponseError> {
        let has_people = self.case.manifest().stages.contains_key("expose");
        Ok(self.decisions_after_trace()? == 0 && (!has_people || stage::expose::stand_on_trail(self)?) && stage::letters::stand_on_case(self)?)
    }

    /// Whether a stage was committed on exactly these inputs, whatever became of its files since: whoever reads them finds that out.
    pub(crate) fn stands_on(&self, stage: &str, inputs: &Inputs) -> bool {
        self.case.manifest().stages.get(stage).is_some_and(|record| record.inputs_digest.as_deref() == Some(inputs.digest().as_str()))
    }

    /// Words on links, detections and starting points that came after the trail was last followed.
    pub(crate) fn decisions_after_trace(&self) -> Result<u64, ResponseError> {
        let traced = self.case.manifest().stages.get("trace").and_then(|stage| stage.ledger_entry);
        let Some(traced) = traced else { return Ok(0) };
        let judged = self.case.stored_decisions()?.iter().filter(|decision| decision.ledger_entry > traced).count();
        let pinned = pin_words(&self.case)?.iter().filter(|(entry, _)| *entry > traced).count();
        Ok((judged + pinned) as u64)
    }

    /// Prints the drafted letters as PDFs.
    ///
    /// # Errors
    /// If there are no letters, or no printer, or the case cannot be written.
    pub fn print_letters(&mut self, page: &Page) -> Result<PrintedLetters, ResponseError> {
        self.watcher.stage("print");
        stage::print::run(self, page)
    }

    /// Writes the exports.
    ///
    /// # Errors
    /// If a table cannot be read or the folder cannot be written.
    pub fn export(&mut self) -> Result<(), ResponseError> {
        self.watcher.stage("export");
        stage::export::run(self)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// If a table cannot be read or the folder cannot be written.
    pub fn report(&mut self, names: Names) -> Result<(), ResponseError> {
        self.watcher.stage("report");
        stage::report::run(self, names)
    }

    /// Records a person's decision on a link or detection; the ledger has it first. Later traces honour it.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn decide(&mut self, decision: &Decision) -> Result<(), ResponseError> {
        self.case.record_decision(decision, env!("CARGO_PKG_VERSION"))?;
        Ok(())
    }

    /// The steps and links of the trail.
    ///
    /// # Errors
    /// If the tables cannot be read.
    pub fn trail(&self) -> Result<(Vec<Step>, Vec<Link>), ResponseError> {
        Ok((self.case.read_rows(Step::TABLE)?, self.case.read_rows(Link::TABLE)?))
    }

    /// For each request of the actor, how the statements divide that ran while it was in progress; and all of them together.
    ///
    /// # Errors
    /// If the tables cannot be read.
    pub fn splits(&self) -> Result<(Vec<Split>, Division), ResponseError> {
        let state: stage::trace::TrailState = store::read_json(&self.case, store::TRAIL)?.unwrap_or_default();
        Ok((self.case.read_rows(Split::TABLE)?, state.division))
    }

    /// In whose name things are decided.
    pub fn responder(&self) -> &str {
        &self.settings.responder
    }

    /// The organisation's time zone.
    pub fn time_zone(&self) -> String {
        self.estate.organisation.time_zone.clone()
    }

    /// Loads the rules of folders, and says what is wrong with them and which of them none of this case's evidence could
    /// match. Without a folder: the built-in rules.
    ///
    /// # Errors
    /// If a folder cannot be read, or the case has no events yet.
    pub fn check_rules(&self, folders: &[PathBuf]) -> Result<CheckedRules, ResponseError> {
        self.needs("events", "events", "detect")?;
        check_rules(folders, Some(&stage::rules::seen(self)?))
    }

    /// What came out.
    pub fn finish(self) -> Outcome {
        self.outcome
    }

    /// Runs a stage, unless it stands on the same inputs as when it last ran, and commits what it made. The author's instant is drawn
    /// before: what the stage writes may carry it.
    pub(crate) fn run_stage(
        &mut self,
        stage: &str,
        inputs: Inputs,
        make: impl FnOnce(&mut Self, &Author) -> Result<Made, ResponseError>,
    ) -> Result<(), ResponseError> {
        if self.case.stage_is_current(stage, &inputs) {
            return Ok(());
        }
        let author = self.author();
        let Made { parts, files } = make(self, &author)?;
        self.case.commit_stage(StageCommit { stage: stage.to_owned(), inputs, parts, files, author })?;
        Ok(())
    }

    /// Commits a stage that is made anew whenever it is asked for: files alone.
    pub(crate) fn commit_files(&mut self, stage: &str, inputs: Inputs, files: Vec<StoredFile>) -> Result<(), ResponseError> {
        let author = self.author();
        self.case.commit_stage(StageCommit { stage: stage.to_owned(), inputs, parts: Vec::new(), files, author })?;
        Ok(())
    }

    /// An error that says what is missing and which command makes it, unless a stage has run.
    pub(crate) fn needs(&self, stage: &str, missing: &'static str, command: &'static str) -> Result<(), ResponseError> {
        if self.case.manifest().stages.contains_key(stage) { Ok(()) } else { Err(ResponseError::NotYet { missing, command }) }
    }

    pub(crate) fn author(&self) -> Author {
        Author { actor: self.settings.responder.clone(), time: (self.settings.now)() }
    }

    /// Inputs that every stage after intake stands on: the program and the estate.
    pub(crate) fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::new(env!("CARGO_PKG_VERSION"));
        inputs.insert_setting(store::ESTATE, &self.estate_text);
        inputs
    }

    /// Inputs that stand on the result of another stage.
    pub(crate) fn inputs_after(&self, stages: &[&str]) -> Inputs {
        let mut inputs = self.inputs();
        for stage in stages {
            if let Some(record) = self.case.manifest().stages.get(*stage) {
                for part in &record.parts {
                    inputs.insert(format!("tables/{}/{}", part.table, part.part), part.sha256.clone());
                }
                for file in &record.files {
                    inputs.insert(file.file.clone(), file.sha256.clone());
                }
            }
        }
        inputs
    }

    pub(crate) fn custody(&self) -> Result<Vec<Artefact>, ResponseError> {
        Ok(self.case.custody()?)
    }

    pub(crate) fn coverage(&self) -> Result<Coverage, ResponseError> {
        Ok(store::read_json(&self.case, store::COVERAGE)?.unwrap_or_default())
    }
}

fn choices(case: &Case, settings: &Settings<'_>) -> Result<Choices, ResponseError> {
    let kept: Choices = store::read_json(case, store::CHOICES)?.unwrap_or_default();
    Ok(kept.with(settings.told))
}

/// The case, with the responder's key at hand.
pub(crate) fn signing(mut case: Case, settings: &Settings<'_>) -> Case {
    if let Some(signer) = &settings.signer {
        case.sign_with(signer.clone());
    }
    case
}

fn origin(estate: &Estate, settings: &Settings<'_>) -> Result<Origin, ResponseError> {
    let organisation = estate.organisation.domain.clone().unwrap_or_else(|| "local".to_owned());
    let folder = settings.case.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let id: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.' { c } else { '-' }).collect();
    let id = if id.is_empty() { "case".to_owned() } else { id };
    Ok(Origin::new(&organisation, &id).or_else(|_| Origin::new("local", &id)).or_else(|_| Origin::new("local", "case"))?)
}

fn secrets(settings: &Settings<'_>) -> Secrets {
    Secrets::new((settings.random)(), (settings.random)())
}
