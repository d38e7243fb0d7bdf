//! The law that a command goes by: what comes with the program, and the user's own files.

use std::path::Path;

use strandline_response::notice::LawBook;

use crate::cmd::texts;

/// The law that comes with the program, and that of `folder` in its place or beside it.
pub fn read(folder: Option<&Path>) -> anyhow::Result<LawBook> {
    let book = LawBook::built_in()?;
    let Some(folder) = folder else { return Ok(book) };
    // Mistakes are told by a path that the user can open.
    let files = texts::read(folder, "toml", "docs/law.md")?.into_iter().map(|(path, text)| (folder.join(path).display().to_string(), text));
    Ok(book.and(&files.collect::<Vec<_>>())?)
}
