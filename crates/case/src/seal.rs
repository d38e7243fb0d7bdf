//! Sealed artefacts: the received bytes under the name of their hash, written once and never again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::atomic::{AtomicFile, FileMode, WriteError};
use crate::folder::{Case, EVIDENCE};
use crate::names::is_sha256;

/// Why bytes could not be sealed or opened again.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The case was opened for reading.
    #[error("the case was opened for reading only")]
    ReadOnly,
    /// The disk did not take it.
    #[error("cannot seal an artefact")]
    Write(#[from] WriteError),
    /// The caller's hash is not the hash of what it wrote.
    #[error("the artefact was announced as {announced}, and what was written is {written}: nothing was sealed")]
    Mismatch {
        /// What the caller said.
        announced: String,
        /// What the bytes are.
        written: String,
    },
    /// No such artefact, or it cannot be read.
    #[error("cannot open the sealed artefact {sha256}")]
    Open {
        /// Its hash.
        sha256: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Takes the bytes of one artefact. Dropped without a commit, it leaves nothing.
#[derive(Debug)]
pub struct SealWriter {
    file: AtomicFile,
}

impl SealWriter {
    /// Seals what was written, which must have the SHA-256 `sha256` (hexadecimal). Sealing the same bytes twice is once.
    ///
    /// # Errors
    /// If the hash is another, or the disk does not take it.
    pub fn commit(self, sha256: &str) -> Result<(), SealError> {
        let written = self.file.sha256();
        if written != sha256 {
            return Err(SealError::Mismatch { announced: sha256.to_owned(), written });
        }
        self.commit_written().map(|_| ())
    }

    /// Seals what was written under whatever its hash is, and returns that.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn commit_written(self) -> Result<String, SealError> {
        let sha256 = self.file.sha256();
        // A file of that name may be damaged: the fresh bytes replace it.
        self.file.commit_as(&sha256, FileMode::Sealed)?;
        Ok(sha256)
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }
}

impl Write for SealWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Case {
    /// Starts to seal an artefact. Several can be under way at once.
    ///
    /// # Errors
    /// If the case is open for reading only, or its folder cannot be written.
    pub fn seal_writer(&self) -> Result<SealWriter, SealError> {
        if !self.is_writable() {
            return Err(SealError::ReadOnly);
        }
        Ok(SealWriter { file: AtomicFile::create_in(&self.path().join(EVIDENCE))? })
    }

    /// Whether an artefact with this SHA-256 is sealed here.
    pub fn contains_sealed(&self, sha256: &str) -> bool {
        self.sealed_path(sha256).is_some_and(|path| fs::symlink_metadata(path).is_ok_and(|m| m.is_file()))
    }

    /// Opens the sealed bytes.
    ///
    /// # Errors
    /// If there is no such artefact.
    pub fn open_sealed(&self, sha256: &str) -> Result<File, SealError> {
        let opened = match self.sealed_path(sha256) {
            Some(path) if self.contains_sealed(sha256) => File::open(path),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        opened.map_err(|source| SealError::Open { sha256: sha256.to_owned(), source })
    }

    /// Where an artefact of this hash lies or would lie; `None` if it is not a hash.
    pub fn sealed_path(&self, sha256: &str) -> Option<PathBuf> {
        is_sha256(sha256).then(|| self.path().join(EVIDENCE).join(sha256))
    }
}
