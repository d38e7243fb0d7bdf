//! Law files of the user: every `.toml` below a folder, given to the stage as text.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use strandline_response::notice::LawBook;

/// Longer files, more files and deeper folders are none of law.
const FILE_BYTES_LIMIT: u64 = 1 << 20;
const FILES_LIMIT: usize = 1_000;
const DEPTH_LIMIT: usize = 3;

/// The law that comes with the program, and that of `folder` in its place or beside it.
pub fn read(folder: Option<&Path>) -> anyhow::Result<LawBook> {
    let book = LawBook::built_in()?;
    let Some(folder) = folder else { return Ok(book) };
    let mut paths = Vec::new();
    find(folder, DEPTH_LIMIT, &mut paths)?;
    if paths.is_empty() {
        bail!("{} holds no .toml file: docs/law.md says what one holds", folder.display());
    }
    paths.sort();
    let files = paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(book.and(&files)?)
}

fn find(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("the law folder {} cannot be read", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_dir() && depth > 1 {
            find(&path, depth - 1, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
        if paths.len() > FILES_LIMIT {
            bail!("{} holds more than {FILES_LIMIT} law files: name a smaller folder", folder.display());
        }
    }
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("the law file {} cannot be read", path.display());
    let mut text = String::new();
    // One byte more than is allowed, so that the stage sees that the file is too long.
    File::open(path).with_context(cannot)?.take(FILE_BYTES_LIMIT + 1).read_to_string(&mut text).with_context(cannot)?;
    Ok(text)
}
