//! A case to try something on: what the stages have committed, under a ledger and a key of its own, in a folder that is gone when it is
//! dropped. Files are linked and not copied, since nothing that is committed is ever written again. Of the case itself nothing is
//! changed, and nothing that is tried can pass for an entry of its ledger.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::atomic::{TEMPORARY_PREFIX, WriteError, create_folder};
use crate::custody::CUSTODY;
use crate::folder::{Case, CaseError, Lock, Origin, Secrets, has_size, store_manifest, take_lock};
use crate::manifest::{Manifest, StageRecord};

/// Where the trial's case lies in its folder; beside it lies the lock of whoever tries.
const CASE: &str = "case";
/// Somebody who clears up can come between the making of a folder and its lock.
const ATTEMPTS: usize = 4;

/// A case to try something on. Whoever clears up after killed runs leaves it alone as long as it is held.
#[derive(Debug)]
pub struct Trial {
    // Fields are dropped in this order: the folder goes while the lock is still held.
    folder: TempDir,
    _lock: Lock,
}

impl Trial {
    /// The case to open, and to write to.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(CASE)
    }
}

impl Case {
    /// A case to try something on: the evidence, and what these stages have committed. It takes no lock of this case. `secrets` are fresh,
    /// so that the ledgers have different keys.
    ///
    /// # Errors
    /// If a file is gone, since another run has committed meanwhile, or the disk does not take it.
    pub fn trial(&self, stages: &[&str], secrets: &Secrets) -> Result<Trial, CaseError> {
        clear_trials(self.path())?;
        let trial = begin(self.path())?;
        let root = trial.path();
        drop(Self::create(&root, &Origin::of_manifest(self.manifest()), secrets)?);
        let kept = self.manifest().stages.iter().filter(|(name, _)| stages.contains(&name.as_str()));
        // The entries of the runs stand in the ledger of the case.
        let kept = kept.map(|(name, record)| (name.clone(), StageRecord { ledger_entry: None, ..record.clone() }));
        let manifest = Manifest { stages: kept.collect(), ..self.manifest().clone() };
        for (file, _, bytes) in manifest.stages.values().flat_map(StageRecord::all_files) {
            link(self.path(), &root, file)?;
            if !has_size(&root.join(file), bytes) {
                return Err(CaseError::Missing(self.path().join(file)));
            }
        }
        let artefacts = self.custody()?;
        if !artefacts.is_empty() {
            link(self.path(), &root, CUSTODY)?;
        }
        let sealed: std::collections::BTreeSet<PathBuf> = artefacts.iter().filter_map(|artefact| self.sealed_path(&artefact.sealed_sha256)).collect();
        for path in sealed {
            if let Ok(relative) = path.strip_prefix(self.path()) {
                link(self.path(), &root, &relative.to_string_lossy())?;
            }
        }
        store_manifest(&root, &manifest)?;
        Ok(trial)
    }
}

fn begin(root: &Path) -> Result<Trial, CaseError> {
    let mut attempt = 1;
    loop {
        let folder = tempfile::Builder::new().prefix(&format!("{TEMPORARY_PREFIX}trial-")).tempdir_in(root).map_err(WriteError::at(root))?;
        match take_lock(folder.path()) {
            Ok(lock) => return Ok(Trial { folder, _lock: lock }),
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// One more name for a file; a copy, where the disk knows no such names.
fn link(from: &Path, to: &Path, file: &str) -> Result<(), CaseError> {
    if let Some((folder, _)) = file.rsplit_once('/') {
        create_folder(to, folder)?;
    }
    let (source, target) = (from.join(file), to.join(file));
    match fs::hard_link(&source, &target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CaseError::Missing(source)),
        Err(_) => fs::copy(&source, &target).map(drop).map_err(|source| WriteError { path: target, source }.into()),
    }
}

/// Removes trials whose process died. It needs no lock of the case: each trial has its own.
pub(crate) fn clear_trials(root: &Path) -> Result<(), WriteError> {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_trial = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
        if is_trial && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            clear_trial(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a trial, unless somebody has it.
pub(crate) fn clear_trial(folder: &Path) -> Result<(), WriteError> {
    let Ok(_lock) = take_lock(folder) else { return Ok(()) };
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(WriteError { path: folder.to_owned(), source: error }),
        _ => Ok(()),
    }
}
