//! Work that takes longer than a page: it runs on a thread of its own, goes on when the browser closes, and tells how far it is.

use std::sync::{Arc, Mutex};

use strandline_response::Watcher;

/// What a piece of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The case is brought up to date.
    Renew,
    /// Every byte is hashed again.
    Verify,
    /// Every letter is read.
    Lint,
}

impl Work {
    /// The key of its name among the texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Renew => "job_renew",
            Self::Verify => "job_verify",
            Self::Lint => "job_lint",
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
    /// Why it failed, once it has.
    pub failed: Option<String>,
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

    /// Notes that it is over.
    pub fn end(&self, failed: Option<String>) {
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
