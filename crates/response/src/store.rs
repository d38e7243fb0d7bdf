//! The small files of a case that no other crate knows: the estate that it was worked on with, coverage, the trail's notes.

use std::fs;
use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use strandline_case::{AtomicFile, Case, StoredFile};

use crate::error::ResponseError;

/// The estate that the case was worked on with.
pub const ESTATE: &str = "estate.toml";
/// What the responder chose.
pub const CHOICES: &str = "choices.json";
/// The organisation's own templates of letters.
pub const TEMPLATES: &str = "templates.json";
/// Whose each letter's code is, by the code's digest.
pub const CODES: &str = "codes.json";
/// What the letters were drafted from, and when.
pub const LETTERS: &str = "letters.json";
/// What was printed, and with what.
pub const PRINT: &str = "print.json";
/// The rules that the case was told to use.
pub const RULES: &str = "rules.json";
/// What rules said and could not say.
pub const SIGMA: &str = "sigma.json";
/// What the evidence covers.
pub const COVERAGE: &str = "coverage.json";
/// Pins, actor and notes of the trail.
pub const TRAIL: &str = "trail.json";
/// Notes of what would cut the intruder off.
pub const CONTAINMENT: &str = "containment.json";
/// The exposure stage's summary.
pub const EXPOSURE: &str = "exposure.json";

/// Stores bytes as one file below the case folder; `folder` may be empty. It counts once a stage names it.
pub fn write(case: &Case, folder: &str, name: &str, bytes: &[u8]) -> Result<StoredFile, ResponseError> {
    let path = if folder.is_empty() { case.path().to_owned() } else { case.path().join(folder) };
    fs::create_dir_all(&path).map_err(|source| ResponseError::Write { path: path.clone(), source })?;
    let mut file = AtomicFile::create_in(&path)?;
    file.write_all(bytes).map_err(|source| ResponseError::Write { path: path.join(name), source })?;
    let stored = StoredFile { file: if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }, sha256: file.sha256(), bytes: file.bytes() };
    file.commit(name)?;
    Ok(stored)
}

/// Many files of one folder of the case, flushed to the disk some hundred at a time.
pub struct ManyFiles {
    folder: &'static str,
    written: Vec<(AtomicFile, String)>,
    stored: Vec<StoredFile>,
}

impl ManyFiles {
    /// Files that are open at the same time.
    const OPEN_LIMIT: usize = 256;

    /// Of this folder.
    pub fn of(folder: &'static str) -> Self {
        Self { folder, written: Vec::new(), stored: Vec::new() }
    }

    /// Adds a file.
    pub fn add(&mut self, case: &Case, name: String, bytes: &[u8]) -> Result<(), ResponseError> {
        let path = case.path().join(self.folder);
        if self.stored.is_empty() {
            fs::create_dir_all(&path).map_err(|source| ResponseError::Write { path: path.clone(), source })?;
        }
        let mut file = AtomicFile::create_in(&path)?;
        file.write_all(bytes).map_err(|source| ResponseError::Write { path: path.join(&name), source })?;
        self.stored.push(StoredFile { file: format!("{}/{name}", self.folder), sha256: file.sha256(), bytes: file.bytes() });
        self.written.push((file, name));
        if self.written.len() == Self::OPEN_LIMIT {
            AtomicFile::commit_all(std::mem::take(&mut self.written))?;
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.stored.len() as u64
    }

    /// All of them, once they are on the disk.
    pub fn finish(self) -> Result<Vec<StoredFile>, ResponseError> {
        AtomicFile::commit_all(self.written)?;
        Ok(self.stored)
    }
}

/// Stores a value as JSON.
pub fn write_json<T: Serialize>(case: &Case, name: &str, value: &T) -> Result<StoredFile, ResponseError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| ResponseError::State { file: name.to_owned(), source })?;
    bytes.push(b'\n');
    write(case, "", name, &bytes)
}

/// Reads a text file of the case; `None` if it is not there.
pub fn read_text(case: &Case, name: &str) -> Result<Option<String>, ResponseError> {
    let path = case.path().join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ResponseError::Read { path, source }),
    }
}

/// Reads a JSON file of the case; `None` if it is not there.
pub fn read_json<T: DeserializeOwned>(case: &Case, name: &str) -> Result<Option<T>, ResponseError> {
    match read_text(case, name)? {
        Some(text) => serde_json::from_str(&text).map(Some).map_err(|source| ResponseError::State { file: name.to_owned(), source }),
        None => Ok(None),
    }
}
