//! The case folder itself: its layout, who may write to it, and the commit of a stage.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::{WriteError, create_folder, flush_folder, remove_temporaries, write_file};
use crate::ledger::{Entry, EntryKind, Function, Ledger, LedgerError};
use crate::manifest::{Inputs, MANIFEST_FORMAT, Manifest, StageCommit, StageRecord, StoredFile, TablePart, find_foreign};
use crate::names::{is_plain_name, is_plain_path, is_sha256};
use crate::responder::{NotSigned, Signer};

pub(crate) const EVIDENCE: &str = "evidence";
pub(crate) const TABLES: &str = "tables";
pub(crate) const LEDGER: &str = "ledger";
pub(crate) const MANIFEST: &str = "manifest.json";
const LOCK: &str = "case.lock";
const FOLDERS: [&str; 8] = [EVIDENCE, TABLES, LEDGER, "export", "letters", "forms", "sent", "approvals"];

/// Inputs or outputs named one by one in a ledger entry; of more, only the digest stands there.
const NAMED_LIMIT: usize = 200;

/// Names the case for the world: `strandline.<organisation>/case/<id>`, the origin of its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// An organisation or id that cannot stand in an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is made of letters, digits, dots, hyphens and underscores, not of {0:?}")]
pub struct OriginError(pub String);

impl Origin {
    /// From the organisation's domain (or a short name) and the case's id.
    ///
    /// # Errors
    /// If one of them is empty or has characters that a signed note's key name must not have.
    pub fn new(organisation: &str, id: &str) -> Result<Self, OriginError> {
        match [organisation, id].into_iter().find(|name| !is_plain_name(name)) {
            Some(bad) => Err(OriginError(bad.to_owned())),
            None => Ok(Self(format!("strandline.{organisation}/case/{id}"))),
        }
    }

    /// The one that a case has.
    pub(crate) fn of_manifest(manifest: &Manifest) -> Self {
        Self(manifest.origin.clone())
    }

    /// As it stands in the checkpoint.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Randomness for a new case, from the caller's generator: the seed of the signing key and the salt of the digests.
pub struct Secrets {
    pub(crate) signing_seed: [u8; 32],
    pub(crate) salt: [u8; 32],
}

impl Secrets {
    /// Both from a cryptographic generator; fixed values only in a drill or a test.
    pub fn new(signing_seed: [u8; 32], salt: [u8; 32]) -> Self {
        Self { signing_seed, salt }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secrets]")
    }
}

/// Why a case could not be created, opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is a case here already.
    #[error("{} is a case already: open it, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// The folder holds something else.
    #[error("{} holds other files: a case needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    /// There is no case here.
    #[error("{} is not a case folder: it has no manifest.json", .0.display())]
    NotACase(PathBuf),
    /// Another run has it.
    #[error("another run is writing to {}: wait for it to end", .0.display())]
    Busy(PathBuf),
    /// The case was opened for reading.
    #[error("the case was opened for reading only")]
    ReadOnly,
    /// Written by a newer version.
    #[error("{} has form {form}, and this version knows form {MANIFEST_FORMAT}: use the version that wrote it, or a newer one", path.display())]
    UnknownForm {
        /// The manifest.
        path: PathBuf,
        /// Its form.
        form: u32,
    },
    /// The manifest says what no version of ours writes.
    #[error("{} was changed by something else: {what} is not as Strandline writes it", path.display())]
    Foreign {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A name that cannot be a file name; a caller's mistake.
    #[error("{0:?} cannot name a table, a part, a stage or an input: use letters, digits, dots, hyphens and underscores")]
    BadName(String),
    /// A result that names a file which is not there; a caller's mistake.
    #[error("{} is to be committed, and is not there with the size announced", .0.display())]
    Missing(PathBuf),
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file of ours is not the JSON that we write.
    #[error("{} is damaged", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// A file could not be written.
    #[error("cannot write to the case")]
    Write(#[from] WriteError),
    /// The ledger.
    #[error("the ledger of the case failed")]
    Ledger(#[from] LedgerError),
    /// Parquet.
    #[error("cannot read or write the table file {}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A stored table does not have the shape that this version expects.
    #[error("a stored table does not fit this version: run its stage again")]
    Shape(#[from] strandline_model::table::TableError),
    /// A letter that is not there, or that cannot go from where it is to where it was to go; a caller's mistake.
    #[error("the letter {reference} cannot become {state} from where it is")]
    ImpossibleStep {
        /// The letter.
        reference: String,
        /// Where it was to go.
        state: &'static str,
    },
    /// A decision that nobody signed who may.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
    /// The state database.
    #[error("case.db failed")]
    State(#[from] rusqlite::Error),
}

/// One case folder, open. There is one writer at a time, and any number of readers.
#[derive(Debug)]
pub struct Case {
    root: PathBuf,
    manifest: Manifest,
    /// Held for the life of the case by whoever may write; the system releases it when the process dies.
    lock: Option<Lock>,
    ledger: Ledger,
    /// How what people decide is signed.
    pub(crate) signer: Option<Signer>,
}

impl Case {
    /// Makes a new case in `path`, which must not exist or must be empty (or hold what a killed `create` left).
    ///
    /// # Errors
    /// If the folder is in use or cannot be written.
    pub fn create(path: &Path, origin: &Origin, secrets: &Secrets) -> Result<Self, CaseError> {
        if path.join(MANIFEST).exists() {
            return Err(CaseError::Exists(path.to_owned()));
        }
        create_root(path)?;
        require_free(path)?;
        let lock = take_lock(path)?;
        remove_temporaries(path)?;
        for folder in FOLDERS {
            create_folder(path, folder)?;
        }
        let ledger = Ledger::create(&path.join(LEDGER), origin.as_str(), secrets)?;
        let manifest = Manifest { format: MANIFEST_FORMAT, origin: origin.0.clone(), stages: Default::default() };
        // The manifest comes last: a folder without one is no case yet.
        store_manifest(path, &manifest)?;
        Ok(Self { root: path.to_owned(), manifest, lock: Some(lock), ledger, signer: None })
    }

    /// Opens a case for writing; removes what a killed run left unfinished. Verifies the whole ledger.
    ///
    /// # Errors
    /// If it is no case, another run has it, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, CaseError> {
        if !path.join(MANIFEST).exists() {
            return Err(CaseError::NotACase(path.to_owned()));
        }
        let lock = take_lock(path)?;
        // Read under the lock: the writer before us may have committed while we waited.
        let manifest = load_manifest(path)?;
        remove_temporaries(path)?;
        for folder in FOLDERS {
            create_folder(path, folder)?;
        }
        let ledger = Ledger::open(&path.join(LEDGER), &manifest.origin)?;
        let mut case = Self { root: path.to_owned(), manifest, lock: Some(lock), ledger, signer: None };
        case.remove_uncommitted_parts()?;
        case.finish_pending_decisions()?;
        case.finish_pending_statements()?;
        case.finish_pending_approvals()?;
        case.finish_pending_messages()?;
        Ok(case)
    }

    /// Opens a case for reading: takes no lock and writes nothing, so that a read-only medium will do.
    ///
    /// # Errors
    /// If it is no case, or it is damaged.
    pub fn open_for_reading(path: &Path) -> Result<Self, CaseError> {
        if !path.join(MANIFEST).exists() {
            return Err(CaseError::NotACase(path.to_owned()));
        }
        let manifest = load_manifest(path)?;
        let ledger = Ledger::open_for_reading(&path.join(LEDGER), &manifest.origin)?;
        Ok(Self { root: path.to_owned(), manifest, lock: None, ledger, signer: None })
    }

    /// Opens the case in `path`, or makes one if there is none.
    ///
    /// # Errors
    /// As `open` and `create`.
    pub fn open_or_create(path: &Path, origin: &Origin, secrets: &Secrets) -> Result<Self, CaseError> {
        if path.join(MANIFEST).exists() { Self::open(path) } else { Self::create(path, origin, secrets) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Opens a file in the case's folder that has no name and is gone when it is closed, for what does not fit into memory.
    pub fn scratch(&self) -> Box<dyn Fn() -> io::Result<File> + Send> {
        let root = self.root.clone();
        Box::new(move || tempfile::tempfile_in(&root))
    }

    /// What the stages have committed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, to append to.
    ///
    /// # Errors
    /// If the case is open for reading only.
    pub fn ledger_mut(&mut self) -> Result<&mut Ledger, CaseError> {
        self.require_writable()?;
        Ok(&mut self.ledger)
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    pub(crate) fn require_writable(&self) -> Result<(), CaseError> {
        if self.is_writable() { Ok(()) } else { Err(CaseError::ReadOnly) }
    }

    /// Whether the stage was committed on exactly these inputs and its files are all there: then it need not run again.
    pub fn stage_is_current(&self, stage: &str, inputs: &Inputs) -> bool {
        self.manifest.stages.get(stage).is_some_and(|record| {
            record.inputs_digest.as_deref() == Some(inputs.digest().as_str())
                && record.all_files().all(|(file, _, bytes)| has_size(&self.root.join(file), bytes))
        })
    }

    /// The part, if it was committed on exactly these inputs and its file is there.
    pub fn current_part(&self, stage: &str, table: &str, part: &str, inputs: &Inputs) -> Option<TablePart> {
        let record = self.manifest.stages.get(stage)?;
        let found = record.parts.iter().find(|p| p.table == table && p.part == part)?;
        let current = found.inputs_digest.as_deref() == Some(inputs.digest().as_str()) && has_size(&self.root.join(&found.file), found.bytes);
        current.then(|| found.clone())
    }

    /// Commits some parts of a stage that is under way, so that a killed run resumes after them. The stage itself counts as
    /// unfinished until [`Case::commit_stage`]. Each commit rewrites the manifest: give many small parts together.
    ///
    /// # Errors
    /// If a part's file is not there, or the disk does not take it.
    pub fn commit_parts(&mut self, stage: &str, parts: Vec<(TablePart, Inputs)>) -> Result<(), CaseError> {
        self.require_writable()?;
        require_name(stage)?;
        let mut record = self.manifest.stages.get(stage).cloned().unwrap_or_default();
        record.inputs_digest = None;
        for (mut part, inputs) in parts {
            self.require_part(&part)?;
            part.inputs_digest = Some(inputs.digest());
            record.put_part(part);
        }
        self.replace_record(stage, record)
    }

    /// Makes the whole result of a stage visible at once and enters the run in the ledger (first). Files of the stage's
    /// former result that the new one does not name are removed afterwards. Returns the index of the ledger entry.
    ///
    /// # Errors
    /// If a file is not there, or the disk does not take it; then the former result stands.
    pub fn commit_stage(&mut self, commit: StageCommit) -> Result<u64, CaseError> {
        self.require_writable()?;
        require_name(&commit.stage)?;
        for part in &commit.parts {
            self.require_part(part)?;
        }
        for file in &commit.files {
            self.require_file(file)?;
        }
        let inputs = named_inputs(&commit.inputs)?;
        let mut record = StageRecord {
            inputs_digest: Some(commit.inputs.digest()),
            inputs: inputs.clone(),
            version: Some(commit.inputs.version().to_owned()),
            ledger_entry: None,
            parts: commit.parts,
            files: commit.files,
        };
        record.parts.sort();
        record.files.sort();
        let entry = Entry {
            stage: Some(commit.stage.clone()),
            inputs,
            outputs: record.outputs(),
            ..Entry::new(EntryKind::MachineRun, Function::Respond, &commit.author.actor, commit.author.time, commit.inputs.version())
        };
        let index = self.ledger.append(&[entry])?.start;
        record.ledger_entry = Some(index);
        self.replace_record(&commit.stage, record)?;
        Ok(index)
    }

    /// Puts `record` in the manifest, stores that, and only then removes the files that nothing names any more.
    fn replace_record(&mut self, stage: &str, record: StageRecord) -> Result<(), CaseError> {
        let mut next = self.manifest.clone();
        next.stages.insert(stage.to_owned(), record);
        store_manifest(&self.root, &next)?;
        let former = std::mem::replace(&mut self.manifest, next);
        let named: BTreeSet<&str> = self.manifest.stages.values().flat_map(StageRecord::all_files).map(|f| f.0).collect();
        for (file, ..) in former.stages.values().flat_map(StageRecord::all_files) {
            if !named.contains(file) {
                // What cannot be removed now is found by the next writer, or by verify.
                let _ = fs::remove_file(self.root.join(file));
            }
        }
        Ok(())
    }

    fn require_part(&self, part: &TablePart) -> Result<(), CaseError> {
        require_name(&part.table)?;
        require_name(&part.part)?;
        self.require_file(&StoredFile { file: part.file.clone(), sha256: part.sha256.clone(), bytes: part.bytes })
    }

    fn require_file(&self, file: &StoredFile) -> Result<(), CaseError> {
        if !is_plain_path(&file.file) || !is_sha256(&file.sha256) {
            return Err(CaseError::BadName(file.file.clone()));
        }
        let path = self.root.join(&file.file);
        if has_size(&path, file.bytes) { Ok(()) } else { Err(CaseError::Missing(path)) }
    }

    /// Removes table files that were finished and never committed. They have our names, and only such are touched.
    fn remove_uncommitted_parts(&self) -> Result<(), CaseError> {
        let named: BTreeSet<PathBuf> = self.manifest.stages.values().flat_map(|s| &s.parts).map(|p| self.root.join(&p.file)).collect();
        for table in read_folder(&self.root.join(TABLES)) {
            for path in read_folder(&table) {
                let ours = path.file_name().and_then(|n| n.to_str()).is_some_and(crate::table::is_part_file);
                if ours && !named.contains(&path) {
                    fs::remove_file(&path).map_err(WriteError::at(&path))?;
                }
            }
        }
        Ok(())
    }
}

/// The entries of a folder in stable order; nothing where there is no such folder.
pub(crate) fn read_folder(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

pub(crate) fn require_name(name: &str) -> Result<(), CaseError> {
    if is_plain_name(name) { Ok(()) } else { Err(CaseError::BadName(name.to_owned())) }
}

/// Inputs as the ledger and the manifest name them: one by one while they are few, else only their digest.
fn named_inputs(inputs: &Inputs) -> Result<std::collections::BTreeMap<String, String>, CaseError> {
    if let Some((name, _)) = inputs.hashes().iter().find(|(name, sha256)| !is_plain_path(name) || !is_sha256(sha256)) {
        return Err(CaseError::BadName(name.clone()));
    }
    let mut named = if inputs.hashes().len() <= NAMED_LIMIT { inputs.hashes().clone() } else { Default::default() };
    named.insert("inputs".to_owned(), inputs.digest());
    Ok(named)
}

pub(crate) fn has_size(path: &Path, bytes: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.is_file() && m.len() == bytes)
}

/// Creates the folder for its owner alone: evidence and tables hold personal data.
fn create_root(path: &Path) -> Result<(), WriteError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(WriteError::at(path))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    flush_folder(parent).map_err(WriteError::at(parent))
}

fn require_free(path: &Path) -> Result<(), CaseError> {
    let foreign = |entry: &PathBuf| {
        let name = entry.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        !(FOLDERS.contains(&name) || name == LOCK || name.starts_with(crate::atomic::TEMPORARY_PREFIX))
    };
    if read_folder(path).iter().any(foreign) { Err(CaseError::NotEmpty(path.to_owned())) } else { Ok(()) }
}

/// A lock of whoever writes to a folder. Dropped, it is given back, and not only closed: a program that another thread is just starting holds
/// the open file, too, until it runs, and would keep the lock as long.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be given back is free when the file is closed.
        let _ = self.0.unlock();
    }
}

/// An advisory lock of the operating system: it ends with the process, so a kill leaves no stale one. The file stays.
pub(crate) fn take_lock(root: &Path) -> Result<Lock, CaseError> {
    let path = root.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(WriteError::at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(CaseError::Busy(root.to_owned())),
        Err(TryLockError::Error(source)) => Err(WriteError { path, source }.into()),
    }
}

pub(crate) fn load_manifest(root: &Path) -> Result<Manifest, CaseError> {
    let path = root.join(MANIFEST);
    let bytes = fs::read(&path).map_err(|source| CaseError::Read { path: path.clone(), source })?;
    #[derive(serde::Deserialize)]
    struct Form {
        format: u32,
    }
    let form: Form = serde_json::from_slice(&bytes).map_err(|source| CaseError::Json { path: path.clone(), source })?;
    if form.format != MANIFEST_FORMAT {
        return Err(CaseError::UnknownForm { path, form: form.format });
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|source| CaseError::Json { path: path.clone(), source })?;
    match find_foreign(&manifest) {
        Some(what) => Err(CaseError::Foreign { path, what }),
        None => Ok(manifest),
    }
}

pub(crate) fn store_manifest(root: &Path, manifest: &Manifest) -> Result<(), CaseError> {
    let mut bytes = serde_json::to_vec_pretty(manifest).map_err(|source| CaseError::Json { path: root.join(MANIFEST), source })?;
    bytes.push(b'\n');
    write_file(root, MANIFEST, &bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_back_although_a_program_that_is_being_started_has_its_file_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = take_lock(folder.path()).expect("a lock");
        let of_child = lock.0.try_clone().expect("another descriptor of the open file");
        assert!(matches!(take_lock(folder.path()), Err(CaseError::Busy(_))));
        drop(lock);
        assert!(take_lock(folder.path()).is_ok(), "the lock stayed with {of_child:?}");
    }
}
