//! The door to the sealed store. The case folder implements it; this crate never decides where sealed bytes lie.

use std::fs::File;
use std::io::{self, Write};

/// Where sealed artefacts are kept, by the SHA-256 of their bytes in hexadecimal.
pub trait SealStore {
    /// Starts a new sealed file. Nothing counts before [`SealWriter::commit`].
    ///
    /// # Errors
    /// If the store cannot be written to.
    fn begin(&self) -> io::Result<Box<dyn SealWriter>>;

    /// Opens a sealed file.
    ///
    /// # Errors
    /// If there is none of that name, or it cannot be read.
    fn open(&self, sealed_sha256: &str) -> io::Result<File>;

    /// Whether a sealed file of that name is there, whole.
    fn contains(&self, sealed_sha256: &str) -> bool;
}

/// A sealed file in the making. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub trait SealWriter: Write {
    /// Makes the bytes durable under their hash (flush, fsync, rename). Doing it twice for the same bytes is no error.
    ///
    /// # Errors
    /// If the bytes cannot be made durable.
    fn commit(self: Box<Self>, sha256: &str) -> io::Result<()>;
}
