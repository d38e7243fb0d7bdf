//! Work that takes longer than a page: it runs on a thread of its own, goes on when the browser closes, and tells how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strandline_model::time::Instant;
use strandline_response::Watcher;
use strandline_response::desk::{Said, Task, TaskDone};

/// How far a piece of work is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The stage that runs.
    pub stage: String,
    /// How much is done …
    pub done: u64,
    /// … of so much; 0: unknown.
    pub total: u64,
    /// What a person should know, as it was told meanwhile.
    pub notes: Vec<String>,
    /// How it ended, once it has.
    pub end: Option<End>,
}

impl Progress {
    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }
}

/// How a piece of work ended.
#[derive(Clone, Debug)]
pub enum End {
    /// It is done, and this came of it.
    Done(TaskDone),
    /// It could not be done, and why.
    Failed(Said),
    /// Another program does the same.
    Elsewhere,
    /// Its program ended before it did, and a person begins it again.
    CutShort,
}

/// Where a piece of work comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Somebody began it.
    Here,
    /// It was cut short by the end of its program: begun at this time, and taken up again.
    TakenUp(Instant),
}

/// Notes of one piece of work that are kept: more are no use on a page.
const NOTES_LIMIT: usize = 50;

/// One piece of work.
#[derive(Clone)]
pub struct Job {
    /// What it is about.
    pub task: Task,
    /// Who began it.
    pub by: String,
    /// Where it comes from.
    pub from: From,
    progress: Arc<Mutex<Progress>>,
}

impl Job {
    /// A new one.
    pub fn new(task: Task, by: &str, from: From) -> Self {
        Self { task, by: by.to_owned(), from, progress: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    /// Notes that it has come to an end.
    pub fn end(&self, end: End) {
        self.lock().end = Some(end);
    }
}

impl Watcher for Job {
    fn stage(&mut self, name: &str) {
        let mut progress = self.lock();
        let notes = std::mem::take(&mut progress.notes);
        *progress = Progress { stage: name.to_owned(), notes, ..Progress::default() };
    }

    fn progress(&mut self, done: u64, total: u64, _unit: &str) {
        let mut progress = self.lock();
        (progress.done, progress.total) = (done, total);
    }

    fn note(&mut self, text: &str) {
        let mut progress = self.lock();
        if progress.notes.len() < NOTES_LIMIT {
            progress.notes.push(text.to_owned());
        }
    }
}
