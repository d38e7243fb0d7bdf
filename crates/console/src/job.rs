//! Work that takes longer than a page: it runs on a thread of its own, goes on when the browser closes, and tells how far it is.

use std::sync::{Arc, Mutex};

use strandline_response::desk::Said;
use strandline_response::{Right, Watcher};

/// What a piece of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The case is brought up to date.
    Renew,
    /// Every byte is hashed again.
    Verify,
    /// Every letter is read.
    Lint,
    /// Every e-mail is written as it would go, into a folder.
    Rehearse,
    /// What hangs on a judgement is worked out.
    Preview,
}

impl Work {
    /// Those that need nothing said but their name; each can run beside the others.
    const ALONE: [Self; 4] = [Self::Renew, Self::Verify, Self::Lint, Self::Rehearse];

    /// The one of this word in a form.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALONE.into_iter().find(|work| work.name().strip_prefix("job_") == Some(word))
    }

    /// What it takes to begin it.
    pub fn right(self) -> Right {
        match self {
            Self::Renew | Self::Preview => Right::Decide,
            Self::Verify => Right::Check,
            Self::Lint | Self::Rehearse => Right::Letters,
        }
    }

    /// The key of its name among the texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Renew => "job_renew",
            Self::Verify => "job_verify",
            Self::Lint => "job_lint",
            Self::Rehearse => "job_rehearse",
            Self::Preview => "job_preview",
        }
    }
}

/// How far it is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The stage that runs.
    pub stage: String,
    /// How much is done …
    pub done: u64,
    /// … of so much; 0: unknown.
    pub total: u64,
    /// What came of it, for people.
    pub said: Option<String>,
    /// Why it failed, once it has.
    pub failed: Option<Said>,
    /// Whether it has come to its end.
    pub is_over: bool,
}

/// One piece of work.
#[derive(Clone)]
pub struct Job {
    /// What it is about.
    pub work: Work,
    /// Who began it.
    pub by: String,
    /// How far it is.
    pub progress: Arc<Mutex<Progress>>,
}

impl Job {
    /// A new one.
    pub fn new(work: Work, by: &str) -> Self {
        Self { work, by: by.to_owned(), progress: Arc::default() }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress.lock().map(|progress| progress.clone()).unwrap_or_else(|poisoned| poisoned.into_inner().clone())
    }

    /// Notes what came of it.
    pub fn say(&self, said: String) {
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).said = Some(said);
    }

    /// Notes that it is over.
    pub fn end(&self, failed: Option<Said>) {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.failed = failed;
        progress.is_over = true;
    }
}

impl Watcher for Job {
    fn stage(&mut self, name: &str) {
        if let Ok(mut progress) = self.progress.lock() {
            *progress = Progress { stage: name.to_owned(), ..Progress::default() };
        }
    }

    fn progress(&mut self, done: u64, total: u64, _unit: &str) {
        if let Ok(mut progress) = self.progress.lock() {
            (progress.done, progress.total) = (done, total);
        }
    }

    fn note(&mut self, _text: &str) {}
}
