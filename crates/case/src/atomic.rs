//! Files that are there in full or not at all: temporary file in the same folder, flush, rename, flush of the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::names::hexadecimal;

/// What every temporary file's name begins with. The next run that opens the case for writing removes leftovers.
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-";

/// Files that are flushed at the same time, where there are many.
const FLUSHES_AT_ONCE: usize = 16;

static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why not: disk full, read-only, no right.
    #[source]
    pub source: io::Error,
}

impl WriteError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// Who may read a file once it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileMode {
    /// The owner may read and write it.
    Private,
    /// The owner may read it; nobody is meant to write it again.
    Sealed,
}

/// A file being written. Until [`AtomicFile::commit`] it exists under a temporary name only; dropped before, it vanishes.
///
/// It hashes what passes, so that no stored file has to be read again to be named in the manifest.
#[derive(Debug)]
pub struct AtomicFile {
    target_folder: PathBuf,
    temporary: PathBuf,
    writer: Option<BufWriter<File>>,
    hasher: Sha256,
    bytes: u64,
}

impl AtomicFile {
    /// Starts a file in `folder`, which must exist.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn create_in(folder: &Path) -> Result<Self, WriteError> {
        let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(WriteError::at(&temporary))?;
        Ok(Self { target_folder: folder.to_owned(), temporary, writer: Some(BufWriter::with_capacity(1 << 16, file)), hasher: Sha256::new(), bytes: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes written so far, in hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.hasher.clone().finalize())
    }

    /// Flushes the bytes to the disk and gives the file its name; replaces a file of that name. `name` is one path component.
    ///
    /// # Errors
    /// If the disk does not take it. The old file of that name, if there was one, then stands as before.
    pub fn commit(self, name: &str) -> Result<PathBuf, WriteError> {
        self.commit_as(name, FileMode::Private)
    }

    /// Commits many files at once, each under its own name: a disk flushes many files in little more time than one.
    ///
    /// # Errors
    /// If the disk does not take one. Some of the others may then stand already.
    pub fn commit_all(files: Vec<(Self, String)>) -> Result<(), WriteError> {
        let share = files.len().div_ceil(FLUSHES_AT_ONCE).max(1);
        let with_target = |(file, name): (Self, String)| {
            let target = file.target_folder.join(name);
            (file, target)
        };
        let mut written: Vec<(Self, PathBuf)> = files.into_iter().map(with_target).collect();
        let flush_some = |some: &mut [(Self, PathBuf)]| {
            some.iter_mut().try_for_each(|(file, target)| {
                let writer = file.writer.take().expect("only commit takes the writer, and it takes the file with it");
                flush(writer, FileMode::Private).map_err(WriteError::at(target))
            })
        };
        std::thread::scope(|scope| {
            let flushing: Vec<_> = written.chunks_mut(share).map(|some| scope.spawn(move || flush_some(some))).collect();
            flushing.into_iter().try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut folders = std::collections::BTreeSet::new();
        for (file, target) in &written {
            fs::rename(&file.temporary, target).map_err(WriteError::at(target))?;
            folders.insert(&file.target_folder);
        }
        folders.into_iter().try_for_each(|folder| flush_folder(folder).map_err(WriteError::at(folder)))
    }

    pub(crate) fn commit_as(mut self, name: &str, mode: FileMode) -> Result<PathBuf, WriteError> {
        let target = self.target_folder.join(name);
        let writer = self.writer.take().expect("only commit takes the writer, and it takes the file with it");
        let placed = flush(writer, mode).and_then(|()| fs::rename(&self.temporary, &target)).and_then(|()| flush_folder(&self.target_folder));
        placed.map_err(WriteError::at(&target))?;
        Ok(target)
    }
}

fn flush(writer: BufWriter<File>, mode: FileMode) -> io::Result<()> {
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    if mode == FileMode::Sealed {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let writer = self.writer.as_mut().expect("only commit takes the writer, and it takes the file with it");
        let written = writer.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().expect("only commit takes the writer, and it takes the file with it").flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a rename the temporary name is gone, and there is nothing to remove.
        drop(self.writer.take().map(BufWriter::into_parts));
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes a whole small file.
pub(crate) fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, WriteError> {
    let mut file = AtomicFile::create_in(folder)?;
    file.write_all(bytes).map_err(WriteError::at(&folder.join(name)))?;
    file.commit(name)
}

/// Makes the names inside `folder` survive a power cut.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates `folder` below `root`, which exists, and makes every new name on the way durable.
pub(crate) fn create_folder(root: &Path, relative: &str) -> Result<PathBuf, WriteError> {
    let mut folder = root.to_owned();
    for name in relative.split('/').filter(|name| !name.is_empty()) {
        let parent = folder.clone();
        folder.push(name);
        match fs::create_dir(&folder) {
            Ok(()) => flush_folder(&parent).map_err(WriteError::at(&parent))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(source) => return Err(WriteError { path: folder, source }),
        }
    }
    Ok(folder)
}

/// Removes what a killed run left half-written below `folder`, not following links.
pub(crate) fn remove_temporaries(folder: &Path) -> Result<(), WriteError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        let is_temporary = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
        if kind.is_dir() && is_temporary {
            crate::trial::clear_trial(&path)?;
        } else if kind.is_dir() {
            remove_temporaries(&path)?;
        } else if is_temporary {
            fs::remove_file(&path).map_err(WriteError::at(&path))?;
        }
    }
    Ok(())
}

/// SHA-256 and size of the bytes that `reader` gives.
pub(crate) fn hash_reader(mut reader: impl io::Read) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hexadecimal(&hasher.finalize()), bytes)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create_in(folder.path()).unwrap();
        file.write_all(b"abc").unwrap();
        assert!(!folder.path().join("x").exists());
        assert_eq!(file.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        file.commit("x").unwrap();
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing_and_the_old_one_stands() {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), "x", b"old").unwrap();
        let mut file = AtomicFile::create_in(folder.path()).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), ["x"]);
        assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"old");
    }

    #[test]
    fn leftovers_of_a_killed_run_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/.tmp-1-2"), b"half").unwrap();
        fs::write(folder.path().join("in/kept"), b"whole").unwrap();
        remove_temporaries(folder.path()).unwrap();
        assert_eq!(names(&folder.path().join("in")), ["kept"]);
    }
}
