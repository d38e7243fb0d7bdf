//! What all visits share: the case, who is in, what was read of it last, and the work that runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strandline_model::time::Instant;
use strandline_response::desk::{
    self, AfterKill, Asking, Clocks, Given, LintLine, Mark, Overview, Preview, Said, Task, TaskDone, TaskNote, Trying, Turn, clocks, mark, overview,
    role_among, state_of,
};
use strandline_response::notice::LawBook;
use strandline_response::{DeskState, DutyError, Responders, ResponseError, Right, Role, Settings, Told, VerifyReport, responders};
use tokio::sync::Semaphore;

use crate::door::{Door, Who};
use crate::job::{End, From, Job};
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
    /// How letters go, where the support page's bundle is, and the like: what nobody types into a page.
    pub given: Given,
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
    /// Of which letters, and whether they were what the case says.
    lint: Mutex<Option<(LettersAs, Arc<Vec<LintLine>>)>>,
    checked: Kept<VerifyReport>,
    queue: Mutex<Option<(Mark, std::time::Instant, Waiting)>>,
    offers: Mutex<Offers>,
    is_drill: bool,
    /// What runs or ran last, of each kind.
    jobs: Mutex<Vec<Job>>,
    /// Whose turn it is while work has the case for long.
    turn: Turn,
}

/// Which letters these are: the hash of what is to be approved, and whether the case says so still.
type LettersAs = (String, bool);

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
            is_drill: !desk::drills(&options.case).is_empty(),
            jobs: Mutex::default(),
            turn: Turn::default(),
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

    /// What the lint found, if somebody had it read the letters as they are.
    pub fn known_lint(&self, overview: &Overview) -> Option<Arc<Vec<LintLine>>> {
        let kept = self.lint.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| Some(of) == letters_as(overview).as_ref()).map(|(_, found)| Arc::clone(found))
    }

    /// What verification found, if somebody had it run on the case as it is.
    pub fn known_check(&self) -> Option<Arc<VerifyReport>> {
        known(&self.checked, &self.options.case)
    }

    /// The working out of what hangs on something: the last one, and what was tried.
    pub fn last_preview(&self) -> Option<(Trying, Job)> {
        self.jobs().into_iter().find_map(|job| match &job.task {
            Task::Preview { trying } => Some((trying.clone(), job)),
            _ => None,
        })
    }

    /// What hangs on this, if it was worked out last; and whether that was of the case as it is.
    pub fn known_preview(&self, trying: &Trying) -> Result<Option<(Arc<Preview>, bool)>, ResponseError> {
        let Some((_, job)) = self.last_preview().filter(|(of, _)| of == trying) else { return Ok(None) };
        let Some(End::Done(TaskDone::Previewed(preview))) = job.progress().end else { return Ok(None) };
        let is_current = preview.state == state_of(&self.settings("", &self.options.now))?;
        Ok(Some((preview, is_current)))
    }

    /// The work that runs, or ran last, of each kind.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the case: work that has it for long makes room while this lives.
    pub fn ask(&self) -> Asking<'_> {
        self.turn.ask()
    }

    /// Has the sending end: what is under way is finished, and the rest stays queued.
    pub fn end_sending(&self) {
        self.turn.end();
    }

    /// Begins work on a thread of its own, unless the same runs already; whether it began. It goes on whoever leaves.
    pub fn begin(self: &Arc<Self>, task: Task, name: &str, role: Role) -> bool {
        self.begin_from(task, (name, role), From::Here)
    }

    fn begin_from(self: &Arc<Self>, task: Task, (name, role): (&str, Role), from: From) -> bool {
        let mut job = Job::new(task.clone(), name, from);
        if !self.list(&job) {
            return false;
        }
        let (console, name, ours) = (Arc::clone(self), name.to_owned(), job.clone());
        let work = move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| console.work(task, (&name, role), &mut job)));
            job.end(ended.unwrap_or_else(|_| End::Failed(Said::mistake())));
            console.acted();
        };
        if let Err(error) = std::thread::Builder::new().name("work".to_owned()).spawn(work) {
            ours.end(End::Failed(Said::not_begun(&error)));
        }
        true
    }

    /// Lists a piece of work in the place of the last one like it, unless that runs still.
    fn list(&self, job: &Job) -> bool {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.iter().any(|known| known.task.word() == job.task.word() && !known.is_over()) {
            return false;
        }
        jobs.retain(|known| known.task.word() != job.task.word());
        jobs.insert(0, job.clone());
        true
    }

    /// Takes up what the end of a program cut short: what goes on by itself is begun again in the name of whoever began it, as far as they
    /// may now; the rest is told.
    pub fn take_up(self: &Arc<Self>) -> Result<(), ResponseError> {
        for TaskNote { task, by, begun_at } in desk::left_tasks(&self.options.case) {
            let from = From::TakenUp(begun_at);
            if task.after_kill() == AfterKill::Again {
                let role = role_among(&*self.responders()?, &by);
                self.begin_from(task, (&by, role), from);
            } else {
                let job = Job::new(task, &by, from);
                job.end(End::CutShort);
                self.list(&job);
            }
        }
        Ok(())
    }

    fn work(&self, task: Task, (name, role): (&str, Role), job: &mut Job) -> End {
        let begun_at = match job.from {
            From::Here => self.now(),
            From::TakenUp(begun_at) => begun_at,
        };
        let noted = match desk::note_task(&self.options.case, &TaskNote { task: task.clone(), by: name.to_owned(), begun_at }) {
            Ok(Some(noted)) => noted,
            Ok(None) => return End::Elsewhere,
            Err(error) => return End::Failed(Said::not_begun(&error)),
        };
        let settings = self.settings(name, &self.options.now);
        let (as_of, letters) = (mark(&self.options.case), self.overview().ok().and_then(|overview| letters_as(&overview)));
        let done = desk::run_task(&settings, role, &task, (&self.options.given, &self.turn), job);
        drop(noted);
        match (&done, letters) {
            (Ok(TaskDone::Checked(report)), _) => keep(&self.checked, as_of, report.clone()),
            (Ok(TaskDone::Linted(lines)), Some(letters)) => {
                *self.lint.lock().unwrap_or_else(PoisonError::into_inner) = Some((letters, Arc::new(lines.clone())));
            }
            _ => {}
        }
        done.map_or_else(|error| End::Failed(Said::from(&error)), End::Done)
    }
}

fn letters_as(overview: &Overview) -> Option<LettersAs> {
    overview.letters.as_ref().map(|letters| (letters.status.approval.plan_sha256.clone(), letters.is_current))
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
