//! What all visits share: the case, who is in, what was read of it last, and the work that runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strandline_model::time::Instant;
use strandline_response::desk::{self, Clocks, LintLine, Mark, Overview, clocks, lint, mark, overview, renew};
use strandline_response::notice::LawBook;
use strandline_response::{DutyError, Responders, ResponseError, Settings, Told, VerifyReport, responders};
use tokio::sync::Semaphore;

use crate::door::{Door, Role, Who};
use crate::job::{Job, Work};
use crate::texts::{Language, Texts};
use crate::visit::AT_ONCE;

/// What a console is told.
#[derive(Clone)]
pub struct Options {
    /// The case folder.
    pub case: PathBuf,
    /// In whose name the first link lets somebody in.
    pub responder: String,
    /// The clock.
    pub now: fn() -> Instant,
    /// Randomness, from a cryptographic generator.
    pub random: fn() -> [u8; 32],
    /// The program whose processes read the evidence.
    pub reader: Option<PathBuf>,
    /// Memory that replays may use, bytes.
    pub memory_limit_bytes: usize,
    /// Threads of a replay.
    pub threads: usize,
    /// The law.
    pub law: LawBook,
}

/// Clocks tell minutes, so that these seconds are not seen.
const CLOCKS_GOOD_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// What was worked out on request, and for which state of the case.
type Kept<T> = Mutex<Option<(Mark, Arc<T>)>>;

/// A console on one case.
pub struct Console {
    /// What it was told.
    pub options: Options,
    /// How this console is called by a browser: `http://127.0.0.1:8642`.
    pub origins: Vec<String>,
    /// Whether the connection is sealed, so that cookies may ask for it.
    pub is_sealed: bool,
    /// The port, which keeps cookies of two consoles on one host apart.
    pub port: u16,
    english: Texts,
    chinese: Texts,
    /// Visits that are worked on.
    pub at_work: Arc<Semaphore>,
    door: Mutex<Door>,
    overview: Kept<Overview>,
    clocks: Mutex<Option<(Mark, std::time::Instant, Arc<Clocks>)>>,
    lint: Kept<Vec<LintLine>>,
    checked: Kept<VerifyReport>,
    job: Mutex<Option<Job>>,
}

impl Console {
    /// A console that nobody is in.
    ///
    /// # Errors
    /// If the texts are not what the program was built with.
    pub fn new(options: Options, origins: Vec<String>, is_sealed: bool, port: u16) -> Result<Self, toml::de::Error> {
        Ok(Self {
            english: Texts::of(Language::English)?,
            chinese: Texts::of(Language::Chinese)?,
            origins,
            is_sealed,
            port,
            at_work: Arc::new(Semaphore::new(AT_ONCE)),
            door: Mutex::new(Door::new((options.random)(), std::time::Instant::now())),
            overview: Mutex::default(),
            clocks: Mutex::default(),
            lint: Mutex::default(),
            checked: Mutex::default(),
            job: Mutex::default(),
            options,
        })
    }

    /// The texts of a language.
    pub fn texts(&self, language: Language) -> &Texts {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }

    /// Who is in, and who may come in.
    pub fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fresh randomness.
    pub fn random(&self) -> [u8; 32] {
        (self.options.random)()
    }

    /// The time.
    pub fn now(&self) -> Instant {
        (self.options.now)()
    }

    /// Who is enrolled in the case.
    pub fn responders(&self) -> Result<Responders, ResponseError> {
        responders(&self.options.case)
    }

    /// What somebody of this name may do by a one-time link: where nobody is enrolled, all that a typed name may; else what they are
    /// enrolled for, and nothing but look where they are not.
    pub fn who(&self, name: &str) -> Result<Who, ResponseError> {
        let enrolled = self.responders()?;
        let role = match (enrolled.is_empty(), enrolled.iter().find(|r| r.removed.is_none() && r.name == name)) {
            (true, _) => Role::Approver,
            (false, Some(responder)) => role_of(responder.role),
            (false, None) => Role::Reader,
        };
        Ok(Who { name: name.to_owned(), role })
    }

    /// What the conductor is told for somebody.
    pub fn settings<'a>(&'a self, name: &str, now: &'a dyn Fn() -> Instant) -> Settings<'a> {
        Settings {
            case: self.options.case.clone(),
            responder: name.to_owned(),
            now,
            random: &self.options.random,
            reader: self.options.reader.clone(),
            memory_limit_bytes: self.options.memory_limit_bytes,
            threads: self.options.threads,
            rules: Vec::new(),
            told: Told::default(),
            signer: None,
        }
    }

    /// The case at a glance: read again only when something was committed since.
    pub fn overview(&self) -> Result<Arc<Overview>, ResponseError> {
        let mut kept = self.overview.lock().unwrap_or_else(PoisonError::into_inner);
        let now = mark(&self.options.case);
        if let Some((as_of, known)) = kept.as_ref()
            && *as_of == now
        {
            return Ok(Arc::clone(known));
        }
        let settings = self.settings("", &self.options.now);
        // A run can take an old table away while it is read; what it committed then is whole.
        let read = Arc::new(overview(&settings).or_else(|_| overview(&settings))?);
        *kept = Some((now, Arc::clone(&read)));
        Ok(read)
    }

    /// What the time changes, at most some seconds old: it tells minutes.
    pub fn clocks(&self, overview: &Overview) -> Result<Arc<Clocks>, DutyError> {
        let mut kept = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, at) = (mark(&self.options.case), std::time::Instant::now());
        if let Some((as_of, read_at, known)) = kept.as_ref()
            && *as_of == now
            && at.duration_since(*read_at) < CLOCKS_GOOD_FOR
        {
            return Ok(Arc::clone(known));
        }
        let settings = self.settings("", &self.options.now);
        let read = Arc::new(clocks(&settings, &self.options.law, self.now(), overview)?);
        *kept = Some((now, at, Arc::clone(&read)));
        Ok(read)
    }

    /// What the lint found, if somebody had it run on the case as it is.
    pub fn known_lint(&self) -> Option<Arc<Vec<LintLine>>> {
        known(&self.lint, &self.options.case)
    }

    /// What verification found, if somebody had it run on the case as it is.
    pub fn known_check(&self) -> Option<Arc<VerifyReport>> {
        known(&self.checked, &self.options.case)
    }

    /// The work that runs, or ran last.
    pub fn job(&self) -> Option<Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins work on a thread of its own, unless some runs already. It goes on whoever leaves.
    pub fn begin(self: &Arc<Self>, work: Work, name: &str) {
        let mut running = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|job| !job.progress().is_over) {
            return;
        }
        let job = Job::new(work, name);
        *running = Some(job.clone());
        let (console, name, mut ours) = (Arc::clone(self), name.to_owned(), job.clone());
        let work = move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| console.work(work, &name, &mut ours)));
            ours.end(ended.unwrap_or_else(|_| Err("it ended by a mistake of ours".to_owned())).err());
        };
        if let Err(error) = std::thread::Builder::new().name("work".to_owned()).spawn(work) {
            job.end(Some(format!("it could not be started: {error}")));
        }
    }

    fn work(&self, work: Work, name: &str, job: &mut Job) -> Result<(), String> {
        let settings = self.settings(name, &self.options.now);
        let as_of = mark(&self.options.case);
        match work {
            Work::Renew => drop(renew(&settings, job).map_err(|error| told(&error))?),
            Work::Verify => keep(&self.checked, as_of, desk::check(&self.options.case)),
            Work::Lint => keep(&self.lint, as_of, lint(&settings).map_err(|error| told(&error))?),
        }
        Ok(())
    }
}

/// What an enrolled responder may do.
pub fn role_of(role: strandline_response::Role) -> Role {
    match role {
        strandline_response::Role::Responder => Role::Responder,
        strandline_response::Role::Approver => Role::Approver,
    }
}

fn known<T>(kept: &Kept<T>, case: &std::path::Path) -> Option<Arc<T>> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.as_ref().filter(|(as_of, _)| *as_of == mark(case)).map(|(_, found)| Arc::clone(found))
}

fn keep<T>(kept: &Kept<T>, as_of: Mark, found: T) {
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((as_of, Arc::new(found)));
}

/// An error with all its causes, in one line.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
