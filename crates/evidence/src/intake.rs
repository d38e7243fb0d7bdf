//! Takes evidence into custody: walks the folder, seals each file as it was received, then says what it and its members
//! are. It changes nothing outside the store, and follows nothing out of the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use strandline_model::estate::Estate;
use strandline_model::evidence::{Artefact, ArtefactId, ArtefactKind, Container, Warning};
use strandline_model::time::Instant;

use crate::identify::{Content, Packing, identify_content, identify_packing};
use crate::pattern;
use crate::seal::SealStore;
use crate::tar::Tar;
use crate::unpack::{Budget, Budgeted, Counted, Hashed, Limits, decompress, header_seconds, hexadecimal, last_change, peek, zip_seconds};

/// Anything that the receiver of artefacts may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the reason of a warning starts when an artefact was cut: what came before the cut is kept.
pub const TRUNCATED: &str = "truncated: ";

const FOLDER_DEPTH_MAX: usize = 128;

/// A file that the estate names, which may lie outside the evidence folder.
#[derive(Clone, Debug)]
pub struct Extra {
    /// Where it is.
    pub path: PathBuf,
    /// What the estate says it is: snapshot or register.
    pub kind: ArtefactKind,
    /// The path as the estate writes it; it stands in the custody record.
    pub display: String,
}

/// What to take in, for whom, and how far to go.
pub struct Request<'a> {
    /// A folder, or one file.
    pub evidence: &'a Path,
    /// Snapshots (files, or folders of dumps in several files) and registers that the estate names.
    pub extra: Vec<Extra>,
    /// What is in custody already.
    pub known: &'a [Artefact],
    /// Who takes it in.
    pub taken_by: &'a str,
    /// The clock.
    pub now: &'a dyn Fn() -> Instant,
    /// How far to unpack.
    pub limits: Limits,
    /// The estate, if there is one: its sources claim artefacts.
    pub estate: Option<&'a Estate>,
}

/// How far intake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of files read.
    pub bytes_done: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
}

/// What was not taken, or not whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The path below the evidence folder.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What intake has in custody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intake {
    /// All artefacts, known ones included, by path.
    pub artefacts: Vec<Artefact>,
    /// What was not taken, or not whole, by path.
    pub refused: Vec<Refusal>,
    /// Sealed, but claimed by no source: path, and what it looks like.
    pub unclaimed: Vec<Refusal>,
    /// Further paths of bytes that are in custody under another path. The same bytes are one artefact.
    pub duplicates: Vec<(String, ArtefactId)>,
}

/// Why intake could not go on. What was sealed and reported before stays in custody, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The evidence folder itself cannot be read.
    #[error("the evidence at {path} cannot be read: check that the path is right and may be read")]
    Evidence {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There are too many files.
    #[error("{path} holds more than {limit} files: name a smaller folder, or raise the limit")]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The store is full.
    #[error("the disk of the case folder is full; {path} was not sealed: free some space and run the same command again")]
    StoreFull {
        /// The evidence being sealed.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store may not be written.
    #[error("the case folder may not be written; {path} was not sealed: mount it for writing, or choose another folder")]
    StoreReadOnly {
        /// The evidence being sealed.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store failed in another way.
    #[error("{path} could not be sealed in the case folder")]
    Store {
        /// The evidence being sealed.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The custody record could not be kept.
    #[error("the custody record of {path} could not be kept")]
    Custody {
        /// The evidence.
        path: String,
        /// What failed.
        #[source]
        source: BoxError,
    },
}

/// Takes evidence into custody. `taken` gets each new artefact once its sealed bytes are durable: the members of an
/// archive first and the archive last, so that an archive in custody means that all of it is. Kill it at any moment and
/// run it again: files in custody are hashed again and, if unchanged, not sealed again.
///
/// # Errors
/// [`IntakeError`]. A single file that cannot be read or unpacked is a refusal in the result and not an error.
pub fn intake(
    request: &Request<'_>,
    store: &dyn SealStore,
    progress: &mut dyn FnMut(Progress),
    taken: &mut dyn FnMut(&Artefact) -> Result<(), BoxError>,
) -> Result<Intake, IntakeError> {
    let mut result = Intake::default();
    let files = list_files(request, &mut result.refused)?;
    let bytes_total = files.iter().map(|file| file.size).sum();
    let mut run =
        Run { request, store, progress, taken, result, bytes: Progress { bytes_done: 0, bytes_total }, inodes: BTreeMap::new(), ids: BTreeMap::new() };
    for file in &files {
        run.take_file(file)?;
    }
    run.finish()
}

/// A file to take in.
#[derive(Debug)]
pub(crate) struct Source {
    pub file: PathBuf,
    pub path: String,
    pub size: u64,
    pub kind: Option<ArtefactKind>,
}

/// The files the estate names, then those of the folder by name. Links, devices and pipes become refusals.
fn list_files(request: &Request<'_>, refused: &mut Vec<Refusal>) -> Result<Vec<Source>, IntakeError> {
    let mut files = Vec::new();
    for extra in &request.extra {
        match fs::metadata(&extra.path) {
            Ok(meta) if meta.is_file() => {
                files.push(Source { file: extra.path.clone(), path: extra.display.clone(), size: meta.len(), kind: Some(extra.kind) });
            }
            Ok(meta) if meta.is_dir() => list_extra_folder(extra, request.limits, &mut files, refused)?,
            Ok(_) => refuse(refused, &extra.display, "the estate names it, and it is neither a file nor a folder"),
            Err(error) => {
                refuse(refused, &extra.display, &format!("the estate names it, and it cannot be read ({}): correct the path in the estate file", error.kind()))
            }
        }
    }
    let named: BTreeSet<PathBuf> = files.iter().filter_map(|file| file.file.canonicalize().ok()).collect();
    let mut found = Vec::new();
    list_folder(request.evidence, request.limits, &mut found, refused)?;
    // What the estate names and the folder holds is taken once, by the estate's name.
    files.extend(found.into_iter().filter(|file| !named.contains(&file.file)));
    files[..].sort_by(|a, b| (a.kind.is_none(), &a.path, &a.file).cmp(&(b.kind.is_none(), &b.path, &b.file)));
    Ok(files)
}

/// The files of a folder that the estate names: a dump in several files.
fn list_extra_folder(extra: &Extra, limits: Limits, files: &mut Vec<Source>, refused: &mut Vec<Refusal>) -> Result<(), IntakeError> {
    let (mut inside, mut not_taken) = (Vec::new(), Vec::new());
    list_folder(&extra.path, limits, &mut inside, &mut not_taken)?;
    let shown = |path: &str| format!("{}/{path}", extra.display.trim_end_matches('/'));
    files.extend(inside.into_iter().map(|file| Source { path: shown(&file.path), kind: Some(extra.kind), ..file }));
    refused.extend(not_taken.into_iter().map(|refusal| Refusal { path: shown(&refusal.path), ..refusal }));
    Ok(())
}

/// The files below a folder, in no order, or the one file. Links, devices and pipes become refusals.
pub(crate) fn list_folder(evidence: &Path, limits: Limits, files: &mut Vec<Source>, refused: &mut Vec<Refusal>) -> Result<(), IntakeError> {
    let failed = |source| IntakeError::Evidence { path: evidence.to_owned(), source };
    let root = evidence.canonicalize().map_err(failed)?;
    let meta = fs::metadata(&root).map_err(failed)?;
    if meta.is_file() {
        files.push(Source { path: display(Path::new(root.file_name().unwrap_or_default())), file: root, size: meta.len(), kind: None });
        return Ok(());
    }
    fs::read_dir(&root).map_err(failed)?;
    let mut folders = vec![(root.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for path in entries(&folder, &root, refused) {
            let shown = display(path.strip_prefix(&root).unwrap_or(&path));
            match fs::symlink_metadata(&path) {
                Err(error) => refuse(refused, &shown, &unreadable(&error)),
                Ok(meta) if meta.is_dir() && depth < FOLDER_DEPTH_MAX => folders.push((path, depth + 1)),
                Ok(meta) if meta.is_dir() => refuse(refused, &shown, "folders lie too deep inside each other: name this one as evidence of its own"),
                Ok(meta) if meta.is_file() => files.push(Source { file: path, path: shown, size: meta.len(), kind: None }),
                Ok(meta) if meta.is_symlink() => refuse_link(&root, &path, &shown, refused),
                Ok(_) => refuse(refused, &shown, "not a file (a device, pipe or socket): skipped"),
            }
            if files.len() > limits.files {
                return Err(IntakeError::TooManyFiles { path: evidence.to_owned(), limit: limits.files });
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path, root: &Path, refused: &mut Vec<Refusal>) -> Vec<PathBuf> {
    let shown = display(folder.strip_prefix(root).unwrap_or(folder));
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) => {
            refuse(refused, &shown, &unreadable(&error));
            return Vec::new();
        }
    };
    let mut paths = Vec::new();
    for entry in read {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => refuse(refused, &shown, &unreadable(&error)),
        }
    }
    paths.sort();
    paths
}

fn refuse_link(root: &Path, link: &Path, shown: &str, refused: &mut Vec<Refusal>) {
    match link.canonicalize() {
        Ok(target) if target.starts_with(root) => {
            refuse(refused, shown, &format!("a symbolic link to {}, which is taken there", display(target.strip_prefix(root).unwrap_or(&target))));
        }
        Ok(_) => refuse(refused, shown, "a symbolic link out of the evidence folder, not followed: copy what it points to into the folder if it is evidence"),
        Err(_) => refuse(refused, shown, "a symbolic link to nothing"),
    }
}

pub(crate) fn refuse(refused: &mut Vec<Refusal>, path: &str, reason: &str) {
    refused.push(Refusal { path: path.to_owned(), reason: reason.to_owned() });
}

pub(crate) fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read ({}): check its rights, then run again", error.kind())
}

/// A path for people: `/`-separated, with what is not UTF-8 or not printable as `\xHH`.
fn display(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}

pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                character.to_string().bytes().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

struct Run<'r> {
    request: &'r Request<'r>,
    store: &'r dyn SealStore,
    progress: &'r mut dyn FnMut(Progress),
    taken: &'r mut dyn FnMut(&Artefact) -> Result<(), BoxError>,
    result: Intake,
    bytes: Progress,
    inodes: BTreeMap<(u64, u64), String>,
    /// Full hash and path of each artefact in the result.
    ids: BTreeMap<ArtefactId, (String, String)>,
}

impl Run<'_> {
    fn take_file(&mut self, source: &Source) -> Result<(), IntakeError> {
        let (mut file, meta) = match open_regular(&source.file) {
            Ok(opened) => opened,
            Err(error) => {
                refuse(&mut self.result.refused, &source.path, &unreadable(&error));
                return Ok(());
            }
        };
        if let Some(first) = self.inodes.insert((meta.dev(), meta.ino()), source.path.clone()) {
            refuse(&mut self.result.refused, &source.path, &format!("the same file as {first} (a hard link), taken once"));
            self.inodes.insert((meta.dev(), meta.ino()), first);
            return Ok(());
        }
        let Some(sealed) = self.seal(&mut file, source)? else { return Ok(()) };
        if self.keep_known(&sealed, &source.path) {
            return Ok(());
        }
        let blob = self.store.open(&sealed).map_err(|error| store_error(&source.path, error))?;
        let budget = Budget::new(self.request.limits);
        let raw: Box<dyn Read> = Box::new(budget.packed(blob));
        let mut walk = Unpacking { run: self, budget: &budget, modified: modified(&meta), kind: source.kind };
        let item = Item { path: source.path.clone(), member: None, sealed: sealed.clone(), is_blob: true, depth: 0 };
        let artefacts = walk.identify(item, raw)?;
        // Depth first, outermost last: an archive in custody means that its members are.
        for artefact in artefacts {
            self.keep(artefact)?;
        }
        Ok(())
    }

    /// Copies a file into the store under its hash. `None`: it could not be read to its end, and nothing was sealed.
    fn seal(&mut self, file: &mut File, source: &Source) -> Result<Option<String>, IntakeError> {
        let known = self.request.known.iter().any(|artefact| artefact.path == source.path);
        if known {
            // Reading it once without writing is cheaper than a second copy, and proves that it is unchanged.
            match self.pour(file, &mut io::sink(), &source.path)? {
                Some(hash) if self.store.contains(&hash) => return Ok(Some(hash)),
                _ => self.bytes.bytes_done = self.bytes.bytes_done.saturating_sub(source.size),
            }
            if let Err(error) = io::Seek::rewind(file) {
                refuse(&mut self.result.refused, &source.path, &unreadable(&error));
                return Ok(None);
            }
        }
        let mut writer = self.store.begin().map_err(|error| store_error(&source.path, error))?;
        let Some(hash) = self.pour(file, &mut writer, &source.path)? else { return Ok(None) };
        if !self.store.contains(&hash) {
            writer.commit(&hash).map_err(|error| store_error(&source.path, error))?;
        }
        Ok(Some(hash))
    }

    fn pour(&mut self, file: &mut File, writer: &mut dyn Write, path: &str) -> Result<Option<String>, IntakeError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Some(hexadecimal(&hash.finalize().into()))),
                Ok(read) => {
                    hash.update(&buffer[..read]);
                    writer.write_all(&buffer[..read]).map_err(|error| store_error(path, error))?;
                    self.bytes.bytes_done += read as u64;
                    (self.progress)(self.bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    refuse(&mut self.result.refused, path, &unreadable(&error));
                    return Ok(None);
                }
            }
        }
    }

    /// If these sealed bytes are in custody, keeps the rows that came of them, and says so.
    fn keep_known(&mut self, sealed: &str, path: &str) -> bool {
        let Some(root) = self.request.known.iter().find(|artefact| artefact.member_of.is_none() && artefact.sealed_sha256 == sealed) else { return false };
        let root_id = root.id.clone();
        let mut wanted = BTreeSet::from([root.id.clone()]);
        let mut rows = vec![root];
        loop {
            let children =
                self.request.known.iter().filter(|a| a.member_of.as_ref().is_some_and(|(parent, _)| wanted.contains(parent)) && !wanted.contains(&a.id));
            let children: Vec<&Artefact> = children.collect();
            if children.is_empty() {
                break;
            }
            wanted.extend(children.iter().map(|a| a.id.clone()));
            rows.extend(children);
        }
        for row in rows {
            if self.ids.insert(row.id.clone(), (row.sha256.clone(), row.path.clone())).is_none() {
                self.note_partial(row);
                self.result.artefacts.push(row.clone());
            }
        }
        self.lies_also_at(&root_id, path);
        true
    }

    /// Notes a further path of bytes that are in custody.
    fn lies_also_at(&mut self, id: &ArtefactId, path: &str) {
        let Some(artefact) = self.result.artefacts.iter_mut().rev().find(|artefact| artefact.id == *id) else { return };
        if artefact.path != path && !artefact.also_at.iter().any(|known| known == path) {
            artefact.also_at.push(path.to_owned());
        }
    }

    fn keep(&mut self, artefact: Artefact) -> Result<(), IntakeError> {
        if let Some((sha256, first)) = self.ids.get(&artefact.id) {
            if *sha256 == artefact.sha256 {
                if *first != artefact.path {
                    self.lies_also_at(&artefact.id, &artefact.path);
                    self.result.duplicates.push((artefact.path, artefact.id));
                }
            } else {
                refuse(&mut self.result.refused, &artefact.path, "its short name is that of another artefact: take it into a case of its own");
            }
            return Ok(());
        }
        self.ids.insert(artefact.id.clone(), (artefact.sha256.clone(), artefact.path.clone()));
        self.note_partial(&artefact);
        let known = self.request.known.iter().find(|known| known.id == artefact.id && known.sha256 == artefact.sha256);
        match known {
            Some(known) => self.result.artefacts.push(known.clone()),
            None => {
                (self.taken)(&artefact).map_err(|source| IntakeError::Custody { path: artefact.path.clone(), source })?;
                self.result.artefacts.push(artefact);
            }
        }
        Ok(())
    }

    fn note_partial(&mut self, artefact: &Artefact) {
        if let Some(warning) = artefact.first_refusal.as_ref().filter(|w| w.reason.starts_with(TRUNCATED)) {
            refuse(&mut self.result.refused, &artefact.path, &warning.reason);
        }
        if artefact.source.is_some() && artefact.kind == ArtefactKind::Binary {
            refuse(&mut self.result.refused, &artefact.path, "its path is that of a log, its content is not: it is sealed, look at it by hand");
        }
    }

    fn finish(self) -> Result<Intake, IntakeError> {
        let mut result = self.result;
        let unclaimed = |a: &&Artefact| a.source.is_none() && !matches!(a.kind, ArtefactKind::Archive | ArtefactKind::Snapshot | ArtefactKind::Register);
        result.unclaimed = result.artefacts.iter().filter(unclaimed).map(|a| Refusal { path: a.path.clone(), reason: looks_like(a) }).collect();
        // The id is the tie-break: two members of one archive may share a path only if the archive repeats it.
        result.artefacts.sort_by(|a, b| (&a.path, &a.id).cmp(&(&b.path, &b.id)));
        result.refused.sort();
        result.refused.dedup();
        result.unclaimed.sort();
        result.duplicates.sort();
        Ok(result)
    }
}

fn looks_like(artefact: &Artefact) -> String {
    match (artefact.kind, artefact.format.as_deref()) {
        (ArtefactKind::Log, Some(format)) => format!("looks like a log ({format}): add a source for it to the estate file"),
        (ArtefactKind::Empty, _) => "empty".to_owned(),
        (ArtefactKind::Binary, Some("7z" | "rar")) => "packed in a way that is not opened here: unpack it and take it in again".to_owned(),
        (ArtefactKind::Binary, format) => format!("binary ({})", format.unwrap_or("of no known format")),
        _ => "text of no known format".to_owned(),
    }
}

/// Opens a file that was a regular file when it was listed and must be the same one still.
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let listed = fs::metadata(path)?;
    if !listed.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if opened.is_file() && (opened.dev(), opened.ino()) == (listed.dev(), listed.ino()) {
        Ok((file, opened))
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidInput))
    }
}

pub(crate) fn modified(meta: &Metadata) -> Option<Instant> {
    Some(Instant(meta.mtime().checked_mul(1_000_000)?.checked_add(meta.mtime_nsec() / 1000)?))
}

fn store_error(path: &str, source: io::Error) -> IntakeError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IntakeError::StoreFull { path, source },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => IntakeError::StoreReadOnly { path, source },
        _ => IntakeError::Store { path, source },
    }
}

/// One thing to identify: a file, or a member of an archive.
struct Item {
    path: String,
    /// Its name in the archive it came out of; the archive's own id is filled in when it is known.
    member: Option<String>,
    sealed: String,
    /// Whether the item's own bytes are the sealed blob, so that they can be opened again.
    is_blob: bool,
    depth: u32,
}

impl Item {
    fn inner(&self, name: &str) -> Self {
        Self { path: format!("{}!/{name}", self.path), member: Some(name.to_owned()), sealed: self.sealed.clone(), is_blob: false, depth: self.depth + 1 }
    }
}

/// The name of what a compressed file holds, where it is packed once more.
pub(crate) const CONTENT_NAME: &str = "content";

struct Unpacking<'u, 'r> {
    run: &'u mut Run<'r>,
    budget: &'u Budget,
    /// When the item at hand was last changed.
    modified: Option<Instant>,
    kind: Option<ArtefactKind>,
}

impl Unpacking<'_, '_> {
    /// The artefacts of one item: its members, depth first, and itself last.
    fn identify<'b>(&mut self, item: Item, mut raw: Box<dyn Read + 'b>) -> Result<Vec<Artefact>, IntakeError> {
        let head = peek(&mut raw);
        let container = identify_packing(&head.head).container();
        let date = header_seconds(container, &head.head);
        self.dated(date, |walk| walk.identify_inside(item, container, head.rejoin(raw)))
    }

    /// Does something to what carries a date of its own.
    fn dated<T>(&mut self, own_seconds: Option<i64>, what: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.modified;
        self.modified = last_change(own_seconds, outer);
        let done = what(self);
        self.modified = outer;
        done
    }

    /// The artefacts of one item whose compression, if it has one, is known.
    fn identify_inside<'b>(&mut self, item: Item, container: Container, joined: Box<dyn Read + 'b>) -> Result<Vec<Artefact>, IntakeError> {
        let decoded = match decompress(container, joined) {
            Ok(decoded) => decoded,
            Err(error) => Box::new(io::empty().chain(failing(error))),
        };
        let mut decoded: Box<dyn Read + '_> = if container == Container::None { decoded } else { Box::new(Budgeted::new(decoded, self.budget)) };
        let head = peek(&mut decoded);
        let packing = identify_packing(&head.head);
        let content = identify_content(&head.head);
        let mut stream = Hashed::new(head.rejoin(decoded));
        if packing == Packing::None {
            stream.drain();
            return Ok(vec![self.artefact(&item, container, &stream, Some(content))]);
        }
        if let Err(exceeded) = self.budget.layer(item.depth + 1) {
            stream.failure = Some(io::Error::new(io::ErrorKind::QuotaExceeded, exceeded));
            return Ok(vec![self.artefact(&item, container, &stream, None)]);
        }
        match packing {
            Packing::Tar => self.tar(&item, container, &mut stream),
            Packing::Zip => self.zip(item, container, &mut stream),
            _ => {
                let inner = self.identify(item.inner(CONTENT_NAME), Box::new(&mut stream))?;
                stream.drain();
                Ok(self.close(&item, container, &stream, inner))
            }
        }
    }

    fn tar<R: Read>(&mut self, item: &Item, container: Container, stream: &mut Hashed<R>) -> Result<Vec<Artefact>, IntakeError> {
        let mut members = Vec::new();
        let mut names = BTreeSet::new();
        let mut damage = None;
        let mut archive = Tar::new(stream);
        loop {
            match archive.next_member().and_then(|member| self.count(member)) {
                Ok(Some(member)) => {
                    let name = unique(&mut names, printable(&member.name));
                    let inner = item.inner(&name);
                    members.extend(self.dated(member.modified_seconds, |walk| walk.identify(inner, Box::new(&mut archive)))?);
                }
                Ok(None) => break,
                Err(error) => {
                    damage = Some(error);
                    break;
                }
            }
        }
        stream.drain();
        stream.failure = stream.failure.take().or(damage);
        Ok(self.close(item, container, stream, members))
    }

    fn count<M>(&self, member: Option<M>) -> io::Result<Option<M>> {
        if member.is_some() {
            self.budget.member().map_err(|exceeded| io::Error::new(io::ErrorKind::QuotaExceeded, exceeded))?;
        }
        Ok(member)
    }

    /// A zip archive is read from its end, so its own bytes always lie in the store under their hash: one that came packed
    /// in something else is sealed once more for that.
    fn zip<R: Read>(&mut self, mut item: Item, container: Container, stream: &mut Hashed<R>) -> Result<Vec<Artefact>, IntakeError> {
        if item.is_blob && container == Container::None {
            stream.drain();
        } else {
            let mut writer = self.run.store.begin().map_err(|error| store_error(&item.path, error))?;
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                writer.write_all(&buffer[..read]).map_err(|error| store_error(&item.path, error))?;
            }
            let own = hexadecimal(&stream.digest());
            writer.commit(&own).map_err(|error| store_error(&item.path, error))?;
            if !item.is_blob {
                item.sealed = own;
            }
        }
        let blob = self.run.store.open(&hexadecimal(&stream.digest())).map_err(|error| store_error(&item.path, error))?;
        let mut members = Vec::new();
        match crate::vault::open_zip(self.budget.packed(blob), self.run.request.limits.members) {
            Ok(mut archive) => {
                let mut names = BTreeSet::new();
                for index in 0..archive.len() {
                    if let Err(error) = self.zip_member(&item, &mut archive, index, &mut names, &mut members)? {
                        stream.failure = Some(error);
                        break;
                    }
                }
            }
            Err(error) => stream.failure = Some(error),
        }
        let container = if item.is_blob || container == Container::None { container } else { Container::None };
        Ok(self.close(&item, container, stream, members))
    }

    fn zip_member(
        &mut self,
        item: &Item,
        archive: &mut zip::ZipArchive<Counted<File>>,
        index: usize,
        names: &mut BTreeSet<String>,
        members: &mut Vec<Artefact>,
    ) -> Result<io::Result<()>, IntakeError> {
        let raw_name = archive.by_index_raw(index).map(|m| (m.name_raw().to_vec(), m.is_file())).unwrap_or_default();
        let name = unique(names, printable(&raw_name.0));
        if let Err(error) = self.count(Some(())) {
            return Ok(Err(error));
        }
        match archive.by_index(index) {
            Ok(member) if member.is_file() && is_unpacked_here(member.compression()) => {
                let date = zip_seconds(&member);
                let bytes: Box<dyn Read + '_> = Box::new(Budgeted::new(member, self.budget));
                members.extend(self.dated(date, |walk| walk.identify(item.inner(&name), bytes))?);
            }
            Ok(member) if !member.is_file() => {}
            _ => refuse(&mut self.run.result.refused, &item.inner(&name).path, NOT_UNPACKED),
        }
        Ok(Ok(()))
    }

    /// The archive itself, after its members; now its id is known.
    fn close<R: Read>(&mut self, item: &Item, container: Container, stream: &Hashed<R>, mut members: Vec<Artefact>) -> Vec<Artefact> {
        let archive = self.artefact(item, container, stream, None);
        for (parent, _) in members.iter_mut().filter_map(|member| member.member_of.as_mut()).filter(|(parent, _)| parent.0.is_empty()) {
            *parent = archive.id.clone();
        }
        members.push(archive);
        members
    }

    /// One row of custody. `content` is `None` for an archive.
    fn artefact<R: Read>(&self, item: &Item, container: Container, stream: &Hashed<R>, content: Option<Content>) -> Artefact {
        let digest = stream.digest();
        let id = ArtefactId::of_digest(&digest);
        let source = content.and_then(|content| pattern::claim(self.run.request.estate?, &item.path, content));
        let (kind, format) = match content {
            None => (ArtefactKind::Archive, None),
            Some(Content::Empty) => (ArtefactKind::Empty, None),
            Some(Content::Snapshot(format)) => (ArtefactKind::Snapshot, Some(format)),
            Some(Content::Log(format)) => (ArtefactKind::Log, Some(format)),
            Some(Content::Text) if source.is_some() => (ArtefactKind::Log, None),
            Some(Content::Text) => (ArtefactKind::Text, None),
            Some(Content::Binary(format)) => (ArtefactKind::Binary, format),
        };
        let kind = match self.kind {
            Some(named) if content.is_some() && kind != ArtefactKind::Empty => named,
            _ if kind == ArtefactKind::Log && format == Some("text") && source.is_none() => ArtefactKind::Text,
            _ => kind,
        };
        let first_refusal = stream.failure.as_ref().map(|error| Warning {
            artefact: id.clone(),
            path: item.path.clone(),
            line: 0,
            offset: stream.size,
            reason: cut_reason(error, stream.size),
        });
        Artefact {
            id,
            sha256: hexadecimal(&digest),
            sealed_sha256: item.sealed.clone(),
            path: item.path.clone(),
            also_at: Vec::new(),
            member_of: item.member.clone().map(|name| (ArtefactId(String::new()), name)),
            container,
            size: stream.size,
            kind,
            format: format.map(str::to_owned),
            source: source.map(|source| source.id.clone()),
            taken_by: self.run.request.taken_by.to_owned(),
            taken_at: (self.run.request.now)(),
            modified_at: self.modified,
            span: None,
            records_read: 0,
            records_refused: 0,
            first_refusal,
        }
    }
}

pub(crate) fn cut_reason(error: &io::Error, size: u64) -> String {
    let exceeded = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::unpack::Exceeded>());
    match exceeded {
        Some(exceeded) => format!("{TRUNCATED}{exceeded}; the first {size} bytes were read: unpack it by hand, or raise the limit, if it is genuine"),
        None => format!("{TRUNCATED}the packed data is cut or damaged; the first {size} bytes could be read: ask for a fresh copy"),
    }
}

pub(crate) fn failing(error: io::Error) -> impl Read {
    struct Once(Option<io::Error>);
    impl Read for Once {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            self.0.take().map_or(Ok(0), Err)
        }
    }
    Once(Some(error))
}

/// Why a member of a zip archive is not taken.
pub(crate) const NOT_UNPACKED: &str = "this member cannot be unpacked (a password, or a method not known here): unpack it and take it in again";

/// Whether a member is packed in a way that sealed bytes can be read back from.
pub(crate) fn is_unpacked_here(method: zip::CompressionMethod) -> bool {
    matches!(method, zip::CompressionMethod::Stored | zip::CompressionMethod::Deflated)
}

/// A member's name, made unique within its archive by `#2`, `#3` … in the archive's own order.
pub(crate) fn unique(names: &mut BTreeSet<String>, name: String) -> String {
    let mut candidate = name.clone();
    let mut number = 2u64;
    while !names.insert(candidate.clone()) {
        candidate = format!("{name}#{number}");
        number += 1;
    }
    candidate
}

pub(crate) fn member_name(bytes: &[u8]) -> String {
    printable(bytes)
}
