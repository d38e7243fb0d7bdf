//! Looks through files and folders that are in nobody's custody: the same walk and the same unpacking as intake, and
//! nothing is sealed or written. For a first look; what is to be proved is taken in.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use strandline_model::evidence::Container;
use strandline_model::time::Instant;

use crate::identify::{Content, Packing, identify_content, identify_packing};
use crate::intake::{
    BoxError, CONTENT_NAME, IntakeError, Progress, Refusal, Source, cut_reason, failing, is_unpacked_here, list_folder, modified, open_regular, printable,
    refuse, unique, unreadable,
};
use crate::tar::Tar;
use crate::unpack::{Budget, Budgeted, Limits, decompress, header_seconds, last_change, peek, zip_seconds};

/// A zip archive inside something packed is read from memory, if it is no larger.
const NESTED_ZIP_BYTES: u64 = 64 << 20;

/// A stream that was found: a file, or a member of an archive.
pub struct Found<'f> {
    /// Its path as given, `/`-separated; members after `!/`.
    pub path: String,
    /// When the file, or the member, was last changed.
    pub modified: Option<Instant>,
    /// What it is, by its first bytes.
    pub content: Content,
    /// Its first bytes; they come again from `input`.
    pub head: &'f [u8],
    /// The stream. Where it breaks off, it reads as ended, and a refusal says so.
    pub input: &'f mut dyn Read,
    /// How far the reading of all files is.
    pub progress: &'f dyn Fn() -> Progress,
}

/// Why looking through files stopped.
#[derive(Debug, thiserror::Error)]
pub enum BrowseError {
    /// A path that was named cannot be read, or holds too much.
    #[error(transparent)]
    Walk(#[from] IntakeError),
    /// The visitor failed.
    #[error(transparent)]
    Visit(BoxError),
}

/// Visits every stream below `roots`, by root and path. What cannot be read or unpacked is in the result, by path.
///
/// # Errors
/// [`BrowseError`]; a single file that cannot be read is a refusal and not an error.
pub fn browse(roots: &[PathBuf], limits: Limits, visit: &mut dyn FnMut(Found<'_>) -> Result<(), BoxError>) -> Result<Vec<Refusal>, BrowseError> {
    let mut refused = Vec::new();
    let mut files = Vec::new();
    for root in roots {
        let mut here = Vec::new();
        let mut below = Vec::new();
        list_folder(root, limits, &mut here, &mut below)?;
        let is_file = here.len() == 1 && root.is_file();
        let shown = |path: &str| if is_file { printable_path(root) } else { format!("{}/{path}", printable_path(root).trim_end_matches('/')) };
        here.sort_by(|a, b| a.path.cmp(&b.path));
        files.extend(here.into_iter().map(|file| Source { path: shown(&file.path), ..file }));
        refused.extend(below.into_iter().map(|refusal| Refusal { path: shown(&refusal.path), ..refusal }));
    }
    let bytes_total = files.iter().map(|file| file.size).sum();
    let mut look = Look { limits, done: Cell::new(0), bytes_total, refused, inodes: BTreeMap::new(), visit };
    for file in &files {
        look.file(file)?;
    }
    look.refused.sort();
    Ok(look.refused)
}

/// Visits the streams of one file that is open: the file itself, or what is packed in it. What breaks off is in the result.
pub(crate) fn look_through(
    file: File,
    path: &str,
    limits: Limits,
    visit: &mut dyn FnMut(Found<'_>) -> Result<(), BoxError>,
) -> Result<Vec<Refusal>, BrowseError> {
    let bytes_total = file.metadata().map_or(0, |meta| meta.len());
    let mut look = Look { limits, done: Cell::new(0), bytes_total, refused: Vec::new(), inodes: BTreeMap::new(), visit };
    let budget = Budget::new(limits);
    let item = Item { path: path.to_owned(), modified: None, depth: 0 };
    let again = file.try_clone().ok();
    let done = Cell::new(0);
    let raw: Box<dyn Read + '_> = Box::new(budget.packed(Counting { inner: file, done: &done }));
    look.stream(&item, raw, again, &budget, &done)?;
    Ok(look.refused)
}

fn printable_path(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    printable(path.as_os_str().as_bytes())
}

struct Look<'l> {
    limits: Limits,
    done: Cell<u64>,
    bytes_total: u64,
    refused: Vec<Refusal>,
    inodes: BTreeMap<(u64, u64), String>,
    visit: &'l mut dyn FnMut(Found<'_>) -> Result<(), BoxError>,
}

/// What a stream is called, when it was changed, and how deep it lies.
struct Item {
    path: String,
    modified: Option<Instant>,
    depth: u32,
}

impl Item {
    fn inner(&self, name: &str, own_seconds: Option<i64>) -> Self {
        Self { path: format!("{}!/{name}", self.path), modified: last_change(own_seconds, self.modified), depth: self.depth + 1 }
    }
}

/// Counts bytes of files as they are read.
struct Counting<'c> {
    inner: File,
    done: &'c Cell<u64>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.done.set(self.done.get() + read as u64);
        Ok(read)
    }
}

/// Remembers why the bytes stopped coming, and reads as ended.
struct Ending<R> {
    inner: R,
    size: u64,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Ok(0);
        }
        loop {
            match self.inner.read(buffer) {
                Ok(read) => {
                    self.size += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    return Ok(0);
                }
            }
        }
    }
}

impl Look<'_> {
    fn file(&mut self, source: &Source) -> Result<(), BrowseError> {
        let before = self.done.get();
        let (file, meta) = match open_regular(&source.file) {
            Ok(opened) => opened,
            Err(error) => {
                refuse(&mut self.refused, &source.path, &unreadable(&error));
                return Ok(());
            }
        };
        if let Some(first) = self.inodes.get(&(meta.dev(), meta.ino())) {
            let reason = format!("the same file as {first}, read once");
            refuse(&mut self.refused, &source.path, &reason);
            return Ok(());
        }
        self.inodes.insert((meta.dev(), meta.ino()), source.path.clone());
        let budget = Budget::new(self.limits);
        let item = Item { path: source.path.clone(), modified: modified(&meta), depth: 0 };
        let again = file.try_clone();
        let done = Cell::new(before);
        let raw: Box<dyn Read + '_> = Box::new(budget.packed(Counting { inner: file, done: &done }));
        let result = self.stream(&item, raw, again.ok(), &budget, &done);
        self.done.set(before + source.size);
        result
    }

    /// Visits one stream, or what is packed in it. `file`: the same bytes as a file, where the stream is one.
    fn stream<'b>(&mut self, item: &Item, mut raw: Box<dyn Read + 'b>, file: Option<File>, budget: &Budget, done: &Cell<u64>) -> Result<(), BrowseError> {
        let head = peek(&mut raw);
        let container = identify_packing(&head.head).container();
        let item = &Item { path: item.path.clone(), modified: last_change(header_seconds(container, &head.head), item.modified), depth: item.depth };
        let joined = head.rejoin(raw);
        let mut decoded: Box<dyn Read + '_> = match decompress(container, joined) {
            Ok(decoded) if container == Container::None => decoded,
            Ok(decoded) => Box::new(Budgeted::new(decoded, budget)),
            Err(error) => Box::new(failing(error)),
        };
        let peeked = peek(&mut decoded);
        let head = peeked.head.clone();
        let mut stream = Ending { inner: peeked.rejoin(decoded), size: 0, failure: None };
        let packing = identify_packing(&head);
        if packing == Packing::None {
            self.visit(item, &head, &mut stream, done)?;
        } else if let Err(exceeded) = budget.layer(item.depth + 1) {
            stream.failure = Some(io::Error::new(io::ErrorKind::QuotaExceeded, exceeded));
        } else {
            match packing {
                Packing::Tar => self.tar(item, &mut stream, budget, done)?,
                Packing::Zip => self.zip(item, &mut stream, file.filter(|_| container == Container::None), budget, done)?,
                _ => self.stream(&item.inner(CONTENT_NAME, None), Box::new(&mut stream), None, budget, done)?,
            }
        }
        if let Some(error) = &stream.failure {
            let reason = cut_reason(error, stream.size);
            refuse(&mut self.refused, &item.path, &reason);
        }
        Ok(())
    }

    fn visit<R: Read>(&mut self, item: &Item, head: &[u8], stream: &mut Ending<R>, done: &Cell<u64>) -> Result<(), BrowseError> {
        let bytes_total = self.bytes_total;
        let progress = || Progress { bytes_done: done.get(), bytes_total };
        let found = Found { path: item.path.clone(), modified: item.modified, content: identify_content(head), head, input: stream, progress: &progress };
        (self.visit)(found).map_err(BrowseError::Visit)
    }

    fn tar<R: Read>(&mut self, item: &Item, stream: &mut Ending<R>, budget: &Budget, done: &Cell<u64>) -> Result<(), BrowseError> {
        let mut names = BTreeSet::new();
        let mut damage = None;
        let mut archive = Tar::new(&mut *stream);
        loop {
            let next = archive.next_member();
            let counted = next.and_then(|member| match (member, budget.member()) {
                (Some(_), Err(exceeded)) => Err(io::Error::new(io::ErrorKind::QuotaExceeded, exceeded)),
                (member, _) => Ok(member),
            });
            match counted {
                Ok(Some(member)) => {
                    let name = unique(&mut names, printable(&member.name));
                    self.stream(&item.inner(&name, member.modified_seconds), Box::new(&mut archive), None, budget, done)?;
                }
                Ok(None) => break,
                Err(error) => {
                    damage = Some(error);
                    break;
                }
            }
        }
        stream.failure = stream.failure.take().or(damage);
        Ok(())
    }

    /// A zip archive is read from its end: from its file, or from memory where it is packed in something else.
    fn zip<R: Read>(&mut self, item: &Item, stream: &mut Ending<R>, file: Option<File>, budget: &Budget, done: &Cell<u64>) -> Result<(), BrowseError> {
        if let Some(file) = file {
            return self.zip_members(item, Counting { inner: file, done }, budget, done);
        }
        let mut bytes = Vec::new();
        let read = (&mut *stream).take(NESTED_ZIP_BYTES + 1).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() as u64 > NESTED_ZIP_BYTES {
            let reason = format!("a zip archive of more than {} MiB inside something packed: unpack it and name its folder", NESTED_ZIP_BYTES >> 20);
            refuse(&mut self.refused, &item.path, &reason);
            return Ok(());
        }
        self.zip_members(item, io::Cursor::new(bytes), budget, done)
    }

    fn zip_members<F: Read + Seek>(&mut self, item: &Item, bytes: F, budget: &Budget, done: &Cell<u64>) -> Result<(), BrowseError> {
        let mut archive = match crate::vault::open_zip(budget.packed(bytes), self.limits.members) {
            Ok(archive) => archive,
            Err(error) => {
                let reason = cut_reason(&error, 0);
                refuse(&mut self.refused, &item.path, &reason);
                return Ok(());
            }
        };
        let mut names = BTreeSet::new();
        for index in 0..archive.len() {
            let (raw_name, date) = archive.by_index_raw(index).map(|member| (member.name_raw().to_vec(), zip_seconds(&member))).unwrap_or_default();
            let inner = item.inner(&unique(&mut names, printable(&raw_name)), date);
            if let Err(exceeded) = budget.member() {
                let reason = cut_reason(&io::Error::new(io::ErrorKind::QuotaExceeded, exceeded), 0);
                refuse(&mut self.refused, &item.path, &reason);
                return Ok(());
            }
            match archive.by_index(index) {
                Ok(member) if member.is_file() && is_unpacked_here(member.compression()) => {
                    let bytes: Box<dyn Read + '_> = Box::new(Budgeted::new(member, budget));
                    self.stream(&inner, bytes, None, budget, done)?;
                }
                Ok(member) if !member.is_file() => {}
                _ => {
                    refuse(
                        &mut self.refused,
                        &inner.path,
                        "this member cannot be unpacked (a password, or a method not known here): unpack it and name its folder",
                    );
                }
            }
        }
        Ok(())
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
