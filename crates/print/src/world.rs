//! What Typst may see: our own files, one layout's, the fonts at hand, the documents to set. No disk, no network, no clock.

use std::collections::BTreeMap;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use crate::{Fonts, Layout};

const MAIN: &str = "/main.typ";
const DOCUMENTS: &str = "/documents.json";

/// What stays the same from document to document.
pub(crate) struct Shelf {
    library: LazyHash<Library>,
    pub(crate) fonts: Fonts,
    main: FileId,
    documents: FileId,
    sources: BTreeMap<String, Source>,
    files: BTreeMap<String, Bytes>,
}

impl Shelf {
    pub(crate) fn new(fonts: Fonts, layout: &Layout) -> Option<Self> {
        let mut files: BTreeMap<String, Bytes> = layout.files.iter().map(|(path, bytes)| (path.clone(), Bytes::new(bytes.clone()))).collect();
        files.insert(MAIN.to_owned(), Bytes::from_string(include_str!("../layouts/main.typ")));
        files.insert("/blocks.typ".to_owned(), Bytes::from_string(include_str!("../layouts/blocks.typ")));
        let mut sources = BTreeMap::new();
        for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".typ")) {
            sources.insert(path.clone(), Source::new(id(path)?, String::from_utf8_lossy(bytes).into_owned()));
        }
        Some(Self { library: LazyHash::new(Library::default()), fonts, main: id(MAIN)?, documents: id(DOCUMENTS)?, sources, files })
    }

    /// The path of a file as the layout's errors name it.
    pub(crate) fn source(&self, id: FileId) -> Option<(&str, &Source)> {
        self.sources.iter().find(|(_, source)| source.id() == id).map(|(path, source)| (path.as_str(), source))
    }
}

/// The identity of a path below the root; `None` for a path that leaves it.
fn id(path: &str) -> Option<FileId> {
    Some(RootedPath::new(VirtualRoot::Project, VirtualPath::new(path).ok()?).intern())
}

/// One document's view of the shelf.
pub(crate) struct Desk<'a> {
    pub(crate) shelf: &'a Shelf,
    pub(crate) documents: Bytes,
}

impl World for Desk<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.shelf.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.shelf.fonts.book()
    }

    fn main(&self) -> FileId {
        self.shelf.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let found = own_path(id).and_then(|path| self.shelf.sources.get(path));
        found.cloned().ok_or_else(|| missing(id))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.shelf.documents {
            return Ok(self.documents.clone());
        }
        let found = own_path(id).and_then(|path| self.shelf.files.get(path));
        found.cloned().ok_or_else(|| missing(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.shelf.fonts.face(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// The path of a file of ours; `None` for a package's, since none is fetched.
fn own_path(id: FileId) -> Option<&'static str> {
    let path = id.get();
    matches!(path.root(), VirtualRoot::Project).then(|| path.vpath().get_with_slash())
}

fn missing(id: FileId) -> FileError {
    FileError::NotFound(id.get().vpath().get_with_slash().into())
}
