//! A user's folder of text files, given to a stage as (path within the folder, text): law files, templates of letters.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Longer files, more files and deeper folders are none that a person wrote for us.
const FILE_BYTES_LIMIT: u64 = 1 << 20;
const FILES_LIMIT: usize = 1_000;
const DEPTH_LIMIT: usize = 3;

/// Every file below `folder` whose name ends in `.EXTENSION`, sorted by path. `about` is the page that says what one holds.
pub fn read(folder: &Path, extension: &str, about: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut paths = Vec::new();
    find(folder, extension, DEPTH_LIMIT, &mut paths)?;
    if paths.is_empty() {
        bail!("{} holds no .{extension} file: {about} says what one holds", folder.display());
    }
    paths.sort();
    let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    paths.iter().map(|path| Ok((within(path), text(path)?))).collect()
}

fn find(folder: &Path, extension: &str, depth: usize, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let cannot = || format!("the folder {} cannot be read", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_dir() && depth > 1 {
            find(&path, extension, depth - 1, paths)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
        if paths.len() > FILES_LIMIT {
            bail!("{} holds more than {FILES_LIMIT} .{extension} files: name a smaller folder", folder.display());
        }
    }
    Ok(())
}

/// One text file.
pub fn text(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("the file {} cannot be read as UTF-8 text", path.display());
    let mut text = String::new();
    // One byte more than is allowed, so that the reader of the text sees that the file is too long.
    File::open(path).with_context(cannot)?.take(FILE_BYTES_LIMIT + 1).read_to_string(&mut text).with_context(cannot)?;
    if text.len() as u64 > FILE_BYTES_LIMIT {
        bail!("{} is longer than a mebibyte: it is no file of this kind", path.display());
    }
    Ok(text)
}
