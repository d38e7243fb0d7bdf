//! What would be sent, as `.eml` files that any mail program opens. Nothing leaves the machine.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::letter::ComposedMail;

/// A file of a dry run that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", path.display())]
pub struct DryRunError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Writes one message into `folder`, as it would reach its reader: with the return path on top. Returns the file.
///
/// # Errors
/// If the file cannot be written.
pub fn write_eml(folder: &Path, mail: &ComposedMail) -> Result<PathBuf, DryRunError> {
    let path = folder.join(format!("{}.eml", mail.reference));
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(format!("Return-Path: <{}>\r\n", mail.return_path).as_bytes())?;
        file.write_all(&mail.bytes)
    };
    write().map_err(|source| DryRunError { path: path.clone(), source })?;
    Ok(path)
}
