//! Work that a kill cut short. A note of each piece of work lies in the case while it is done, locked by the program that does it: a note
//! whose lock is free is of a program that died.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use strandline_model::time::Instant;

use super::task::{Task, sweep_rehearsals};

/// Where the notes lie in the case.
const FOLDER: &str = "jobs";
/// A note is a line or two.
const NOTE_BYTES_LIMIT: u64 = 64 << 10;

/// A piece of work that is done, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNote {
    /// What.
    pub task: Task,
    /// In whose name.
    pub by: String,
    /// When it was begun.
    pub begun_at: Instant,
}

/// A note that stands while work is done. Dropped, it is taken away; the kill of its program leaves it.
#[derive(Debug)]
pub struct Noted {
    path: PathBuf,
    _lock: File,
}

impl Drop for Noted {
    fn drop(&mut self) {
        // A note that stays is told at the next start: once too often is better than never.
        let _ = fs::remove_file(&self.path);
    }
}

/// Notes that work begins. `None` if another program does the same already.
///
/// # Errors
/// If the case cannot be written.
pub fn note_task(case: &Path, note: &TaskNote) -> std::io::Result<Option<Noted>> {
    let folder = case.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.json", note.task.word()));
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(note).expect("a note is texts and numbers").as_bytes())?;
    file.sync_all()?;
    Ok(Some(Noted { path, _lock: file }))
}

/// Work that was cut short by the end of its program, the oldest first. Each is told once: its note is taken away, and so is what half a
/// rehearsal left.
pub fn left_tasks(case: &Path) -> Vec<TaskNote> {
    let mut left: Vec<TaskNote> = fs::read_dir(case.join(FOLDER)).into_iter().flatten().flatten().filter_map(|entry| left_task(&entry.path())).collect();
    if left.iter().any(|note| note.task == Task::Rehearse) {
        sweep_rehearsals(case);
    }
    left.sort_by_key(|note| (note.begun_at, note.task.word()));
    left
}

fn left_task(path: &Path) -> Option<TaskNote> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    // Whoever holds the lock is alive.
    file.try_lock().ok()?;
    let mut text = String::new();
    (&file).take(NOTE_BYTES_LIMIT).read_to_string(&mut text).ok()?;
    fs::remove_file(path).ok()?;
    // A note that was killed while it was written is of work that had not begun.
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_of_the_living_until_its_lock_is_free() {
        let case = tempfile::tempdir().expect("a folder");
        let note = TaskNote { task: Task::ApplyCut { plan: 3 }, by: "A. Chan".to_owned(), begun_at: Instant(7) };
        let noted = note_task(case.path(), &note).expect("a note").expect("nobody else does it");
        assert!(note_task(case.path(), &note).expect("a note").is_none(), "it is done twice at once");
        assert!(left_tasks(case.path()).is_empty(), "the living are told dead");
        // A kill runs nothing that was to run at the end; the system frees the lock.
        let Noted { path, _lock } = &*std::mem::ManuallyDrop::new(noted);
        _lock.unlock().expect("it was locked");
        assert!(path.exists());
        assert_eq!(left_tasks(case.path()), std::slice::from_ref(&note));
        assert!(left_tasks(case.path()).is_empty(), "it is told twice");
        drop(note_task(case.path(), &note).expect("a note"));
        assert!(left_tasks(case.path()).is_empty(), "work that came to its end is told");
    }
}
