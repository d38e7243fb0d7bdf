//! Files of the bundle: written whole or not at all, and on the disk before anybody is told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// What a file that is being written is called, until it is whole.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Writes a file of our owner alone under a name of its own, flushes it, and gives it its name. Flushing the folder is the caller's.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{TEMPORARY}{name}-{:016x}", rand::random::<u64>()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = (|| {
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(name))
    })();
    if written.is_err() {
        // What is left of it is in nobody's way.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes many files as [`write`] does, some at once: a disk flushes many in little more time than one.
pub(crate) fn write_many(folder: &Path, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
    const AT_ONCE: usize = 16;
    let share = files.len().div_ceil(AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let writing: Vec<_> =
            files.chunks(share).map(|some| scope.spawn(move || some.iter().try_for_each(|(name, bytes)| write(folder, name, bytes)))).collect();
        writing.into_iter().try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Removes what a writer that was killed had begun. No other writer may be at work in the folder.
pub(crate) fn remove_temporary(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names of a folder durable.
pub(crate) fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder for its owner alone; one that is there is left as it is.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads a plain file of at most `limit` bytes; a longer one, a link and a pipe are errors.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let odd = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(odd("it is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(odd("it is longer than any that we write")) } else { Ok(bytes) }
}
