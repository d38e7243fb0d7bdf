//! What all visits share: the case, who is in, what was read of it last, and the work that runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strandline_model::time::Instant;
use strandline_response::desk::{
    self, Clocks, LintLine, Mark, Overview, Preview, Said, Trying, clocks, lint, mark, overview, preview, rehearse, renew, role_among, state_of,
};
use strandline_response::notice::LawBook;
use strandline_response::{DeskState, DutyError, Responders, ResponseError, Right, Role, Settings, Told, VerifyReport, responders};
use tokio::sync::Semaphore;

use crate::door::{Door, Who};
use crate::job::{Job, Work};
use crate::pages::passkeys::Offers;
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

/// While letters go out, the case changes with each: a page may be some seconds old then.
const OVERVIEW_GOOD_FOR: std::time::Duration = std::time::Duration::from_secs(3);

/// The word of a message of somebody who fears for their safety.
pub const SAFETY: &str = "safety";

/// Messages to the desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// All that were ever collected.
    pub all: u64,
    /// Nobody has answered them.
    pub open: u64,
    /// Of these, of people who fear for their safety.
    pub safety: u64,
}

/// The case as it was read last.
struct Read {
    as_of: Mark,
    at: std::time::Instant,
    overview: Arc<Overview>,
}

/// What was worked out on request, and for which state of the case.
type Kept<T> = Mutex<Option<(Mark, Arc<T>)>>;

/// A console on one case.
pub struct Console {
    /// What it was told.
    pub options: Options,
    /// How this console is called by a browser: `http://127.0.0.1:8642`.
    pub origins: Vec<String>,
    /// The path under which the case is served: empty where it is the only one.
    pub root: String,
    /// Whether the connection is sealed, so that cookies may ask for it.
    pub is_sealed: bool,
    /// The port, which keeps cookies of two consoles on one host apart.
    pub port: u16,
    english: Texts,
    chinese: Texts,
    /// Visits that are worked on.
    pub at_work: Arc<Semaphore>,
    door: Mutex<Door>,
    overview: Mutex<Option<Read>>,
    /// Held by whoever reads the case again.
    reading: Mutex<()>,
    responders: Kept<Responders>,
    clocks: Mutex<Option<(Mark, std::time::Instant, Arc<Clocks>)>>,
    lint: Kept<Vec<LintLine>>,
    checked: Kept<VerifyReport>,
    queue: Mutex<Option<(Mark, std::time::Instant, Waiting)>>,
    offers: Mutex<Offers>,
    /// What is tried, or was last.
    trying: Mutex<Option<Trying>>,
    /// What hangs on what was tried last.
    preview: Mutex<Option<(Trying, Arc<Preview>)>>,
    is_drill: bool,
    /// What runs or ran last, of each kind.
    jobs: Mutex<Vec<Job>>,
}

impl Console {
    /// A console that nobody is in.
    ///
    /// # Errors
    /// If the texts are not what the program was built with.
    pub fn new(options: Options, (origins, root): (Vec<String>, String), is_sealed: bool, port: u16) -> Result<Self, toml::de::Error> {
        Ok(Self {
            english: Texts::of(Language::English)?,
            chinese: Texts::of(Language::Chinese)?,
            origins,
            is_sealed,
            port,
            at_work: Arc::new(Semaphore::new(AT_ONCE)),
            door: Mutex::new(Door::new((options.random)(), std::time::Instant::now())),
            overview: Mutex::default(),
            reading: Mutex::default(),
            responders: Mutex::default(),
            clocks: Mutex::default(),
            lint: Mutex::default(),
            checked: Mutex::default(),
            queue: Mutex::default(),
            root,
            offers: Mutex::default(),
            trying: Mutex::default(),
            preview: Mutex::default(),
            is_drill: !desk::drills(&options.case).is_empty(),
            jobs: Mutex::default(),
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

    /// Passkeys that wait for somebody who may enrol them.
    pub fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of them wait.
    pub fn waiting_offers(&self) -> u64 {
        let enrolled = self.responders().unwrap_or_default();
        self.offers().waiting(&enrolled, std::time::Instant::now()).len() as u64
    }

    /// Fresh randomness.
    pub fn random(&self) -> [u8; 32] {
        (self.options.random)()
    }

    /// The time.
    pub fn now(&self) -> Instant {
        (self.options.now)()
    }

    /// Who is enrolled in the case, read again only when something was committed since.
    pub fn responders(&self) -> Result<Arc<Responders>, ResponseError> {
        let as_of = mark(&self.options.case);
        if let Some(known) = known(&self.responders, &self.options.case) {
            return Ok(known);
        }
        keep(&self.responders, as_of, responders(&self.options.case)?);
        let kept = self.responders.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.as_ref().map(|(_, known)| Arc::clone(known)).unwrap_or_default())
    }

    /// Who somebody of this name is, who comes by a one-time link of `strandline serve`, or by their key.
    pub fn who(&self, name: &str) -> Result<Who, ResponseError> {
        Ok(Who { name: name.to_owned(), role: role_among(&*self.responders()?, name), is_guest: false })
    }

    /// What somebody may do now: whoever was removed, or whose typed name counts no more since somebody was enrolled, looks.
    pub fn role_now(&self, who: &Who) -> Result<Role, ResponseError> {
        Ok(if who.is_guest { Role::Reader } else { role_among(&*self.responders()?, &who.name) })
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

    /// The case at a glance: read again only when something was committed since, by one visit at a time; the others see it as it was a
    /// moment ago. After an act of this console, everybody sees what came of it.
    pub fn overview(&self) -> Result<Arc<Overview>, ResponseError> {
        let is_good = |read: &Read| read.as_of == mark(&self.options.case) || read.at.elapsed() < OVERVIEW_GOOD_FOR;
        let last = || self.overview.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|read| (is_good(read), Arc::clone(&read.overview)));
        if let Some((true, overview)) = last() {
            return Ok(overview);
        }
        let _reading = match (self.reading.try_lock(), last()) {
            (Ok(reading), _) => reading,
            (Err(_), Some((_, old))) => return Ok(old),
            (Err(_), None) => self.reading.lock().unwrap_or_else(PoisonError::into_inner),
        };
        // Somebody else may have read it meanwhile.
        if let Some((true, overview)) = last() {
            return Ok(overview);
        }
        let (as_of, settings) = (mark(&self.options.case), self.settings("", &self.options.now));
        // A run can take an old table away while it is read; what it committed then is whole.
        let read = Arc::new(overview(&settings).or_else(|_| overview(&settings))?);
        let kept = Read { as_of, at: std::time::Instant::now(), overview: Arc::clone(&read) };
        *self.overview.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(read)
    }

    /// Forgets how the case was: something was done here, and the next page shows it.
    pub fn acted(&self) {
        *self.overview.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
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

    /// How many messages wait for the desk. Where they cannot be read, the page of the desk says so.
    pub fn waiting(&self) -> Waiting {
        let as_of = mark(&self.options.case);
        let kept = *self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, waiting)) = kept.filter(|(known, at, _)| *known == as_of || at.elapsed() < OVERVIEW_GOOD_FOR) {
            return waiting;
        }
        let items = desk::queue(&self.settings("", &self.options.now), Role::Desk).unwrap_or_default();
        let open = || items.iter().filter(|item| item.state == DeskState::Open);
        let waiting =
            Waiting { all: items.len() as u64, open: open().count() as u64, safety: open().filter(|item| item.kind.as_str() == SAFETY).count() as u64 };
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some((as_of, std::time::Instant::now(), waiting));
        waiting
    }

    /// Whether the case is a drill's.
    pub fn is_drill(&self) -> bool {
        self.is_drill
    }

    /// What the lint found, if somebody had it run on the case as it is.
    pub fn known_lint(&self) -> Option<Arc<Vec<LintLine>>> {
        known(&self.lint, &self.options.case)
    }

    /// What verification found, if somebody had it run on the case as it is.
    pub fn known_check(&self) -> Option<Arc<VerifyReport>> {
        known(&self.checked, &self.options.case)
    }

    /// What is tried, or was last.
    pub fn trying(&self) -> Option<Trying> {
        self.trying.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to work out what hangs on something, unless another such work runs; whether it began.
    pub fn begin_preview(self: &Arc<Self>, trying: Trying, name: &str, role: Role) -> bool {
        // The work waits here until it is told what is tried.
        let mut kept = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        let has_begun = self.begin(Work::Preview, name, role);
        if has_begun {
            *kept = Some(trying);
        }
        has_begun
    }

    /// What hangs on this, if it was worked out; and whether that was of the case as it is.
    pub fn known_preview(&self, trying: &Trying) -> Result<Option<(Arc<Preview>, bool)>, ResponseError> {
        let kept = self.preview.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((_, preview)) = kept.filter(|(of, _)| of == trying) else { return Ok(None) };
        let is_current = preview.state == state_of(&self.settings("", &self.options.now))?;
        Ok(Some((preview, is_current)))
    }

    /// The work that runs, or ran last, of each kind.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins work on a thread of its own, unless the same runs already; whether it began. It goes on whoever leaves.
    pub fn begin(self: &Arc<Self>, work: Work, name: &str, role: Role) -> bool {
        let job = Job::new(work, name);
        {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            if jobs.iter().any(|job| job.work == work && !job.progress().is_over) {
                return false;
            }
            jobs.retain(|job| job.work != work);
            jobs.insert(0, job.clone());
        }
        let (console, name, mut ours) = (Arc::clone(self), name.to_owned(), job.clone());
        let work = move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| console.work(work, (&name, role), &mut ours)));
            ours.end(ended.unwrap_or_else(|_| Err(Said::mistake())).err());
            console.acted();
        };
        if let Err(error) = std::thread::Builder::new().name("work".to_owned()).spawn(work) {
            job.end(Some(Said::not_begun(&error)));
        }
        true
    }

    fn work(&self, work: Work, (name, role): (&str, Role), job: &mut Job) -> Result<(), Said> {
        let settings = self.settings(name, &self.options.now);
        let as_of = mark(&self.options.case);
        desk::allow(role, work.right()).map_err(|error| Said::from(&error))?;
        match work {
            Work::Preview => {
                let Some(trying) = self.trying() else { return Ok(()) };
                let found = preview(&settings, role, &trying, job).map_err(|error| Said::from(&error))?;
                *self.preview.lock().unwrap_or_else(PoisonError::into_inner) = Some((trying, Arc::new(found)));
            }
            Work::Renew => renew(&settings, job).map_err(|error| Said::from(&error))?,
            Work::Verify => keep(&self.checked, as_of, desk::check(&self.options.case)),
            Work::Lint => keep(&self.lint, as_of, lint(&settings).map_err(|error| Said::from(&error))?),
            Work::Rehearse => {
                let written = rehearse(&settings, role, job).map_err(|error| Said::from(&error))?;
                job.say(format!("{}: {}", written.written, written.folder.display()));
            }
        }
        Ok(())
    }
}

/// What a page needs of whoever looks at it.
pub fn is_allowed(role: Role, right: Right) -> bool {
    desk::allow(role, right).is_ok()
}

fn known<T>(kept: &Kept<T>, case: &std::path::Path) -> Option<Arc<T>> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.as_ref().filter(|(as_of, _)| *as_of == mark(case)).map(|(_, found)| Arc::clone(found))
}

fn keep<T>(kept: &Kept<T>, as_of: Mark, found: T) {
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((as_of, Arc::new(found)));
}
