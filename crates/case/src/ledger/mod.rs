//! The ledger: an append-only Merkle log with signed checkpoints, on disk in the C2SP formats (c2sp.org/tlog-tiles,
//! tlog-checkpoint, signed-note, tlog-proof), so that somebody else's verifier can check it.
//!
//! Order of an append: entry bundles, then tiles, then the checkpoint, each flushed. The checkpoint alone commits: what a
//! killed append left behind it is overwritten by the next. Opening re-hashes every entry against the checkpoint.

mod entry;
mod key;
mod proof;
mod tree;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use signed_note::{Note, StandardSigner, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

pub use entry::{Entry, EntryKind, Function, Salt};
pub(crate) use key::{PUBLIC_KEY, SALT};
pub use proof::{ProofError, check_proof};

use crate::atomic::{WriteError, create_folder, write_file};
use crate::folder::Secrets;
use tree::{Edge, TILE_WIDTH, TileFile, push_entry, split_bundle, tile_path};

const CHECKPOINT: &str = "checkpoint";

/// Longest entry: a bundle gives its length in two bytes.
const ENTRY_BYTES_LIMIT: usize = u16::MAX as usize;

/// Longest file that we read back: a bundle of 256 entries of the longest kind, with their lengths.
const BUNDLE_BYTES_LIMIT: u64 = TILE_WIDTH * (ENTRY_BYTES_LIMIT as u64 + 2);

/// Why the ledger could not be read or appended to.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file is absent or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write to the ledger")]
    Write(#[from] WriteError),
    /// A key or the salt is not what we write.
    #[error("{} is damaged: restore it from a copy", .0.display())]
    BadKey(PathBuf),
    /// The checkpoint is not one, or not signed by the key beside it.
    #[error("{} is not a checkpoint of this case signed by its key: it was changed, or belongs to another case", .0.display())]
    BadCheckpoint(PathBuf),
    /// A bundle or tile does not fit the entries before it.
    #[error("{} was changed: it is not what the checkpoint commits to", .0.display())]
    Changed(PathBuf),
    /// The entries do not hash to the checkpoint's root.
    #[error("the ledger in {} was changed: its {entries} entries do not hash to the root in its checkpoint", path.display())]
    WrongRoot {
        /// The ledger's folder.
        path: PathBuf,
        /// How many entries there are.
        entries: u64,
    },
    /// An entry is too long to be stored; our bug.
    #[error("a ledger entry of {0} bytes is over the limit of {ENTRY_BYTES_LIMIT}")]
    EntryTooLong(usize),
    /// An entry is not JSON as we write it.
    #[error("entry {index} of the ledger is not one that this version knows")]
    UnknownEntry {
        /// Its index.
        index: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// There is no such entry.
    #[error("the ledger has {size} entries, and none with index {index}")]
    NoEntry {
        /// What was asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The ledger was opened for reading.
    #[error("the ledger was opened for reading only")]
    ReadOnly,
    /// The tree library refused; our bug, or a tile changed while we read.
    #[error("the Merkle tree of the ledger cannot be read")]
    Tree(#[from] tlog_tiles::Error),
}

/// An open ledger whose every entry has been checked against its checkpoint.
pub struct Ledger {
    folder: PathBuf,
    origin: String,
    signer: Option<StandardSigner>,
    verifier: StandardVerifier,
    salt: Option<Salt>,
    edge: Edge,
    /// The entries after the last full bundle, as they stand in the partial bundle.
    bundle: Vec<u8>,
    checkpoint: Vec<u8>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("origin", &self.origin).field("size", &self.edge.size()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Makes an empty ledger with its keys in `folder`, which exists. A folder that a killed `create` left is completed.
    pub(crate) fn create(folder: &Path, origin: &str, secrets: &Secrets) -> Result<Self, LedgerError> {
        if !folder.join(CHECKPOINT).exists() {
            key::store_secrets(folder, origin, secrets)?;
            let signer = key::load_signer(folder)?;
            write_file(folder, CHECKPOINT, &sign_checkpoint(origin, &Edge::default(), &signer))?;
        }
        Self::open(folder, origin)
    }

    pub(crate) fn open(folder: &Path, origin: &str) -> Result<Self, LedgerError> {
        let signer = key::load_signer(folder)?;
        Ok(Self { signer: Some(signer), ..Self::open_for_reading(folder, origin)? })
    }

    /// Opens without the private key; the salt too may be absent where the ledger was given to an outsider.
    pub(crate) fn open_for_reading(folder: &Path, origin: &str) -> Result<Self, LedgerError> {
        let mut ledger = Self::before_replay(folder, origin)?;
        let committed = ledger.committed()?;
        ledger.replay(committed.size(), |_| Ok(()))?;
        if ledger.edge.root() != *committed.hash() {
            return Err(LedgerError::WrongRoot { path: folder.to_owned(), entries: committed.size() });
        }
        Ok(ledger)
    }

    fn before_replay(folder: &Path, origin: &str) -> Result<Self, LedgerError> {
        let path = folder.join(CHECKPOINT);
        let checkpoint = fs::read(&path).map_err(|source| LedgerError::Read { path, source })?;
        Ok(Self {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            signer: None,
            verifier: key::load_verifier(folder)?,
            salt: if folder.join(SALT).exists() { Some(key::load_salt(folder)?) } else { None },
            edge: Edge::default(),
            bundle: Vec::new(),
            checkpoint,
        })
    }

    fn committed(&self) -> Result<Checkpoint, LedgerError> {
        read_checkpoint(&self.checkpoint, &self.origin, &self.verifier).ok_or_else(|| LedgerError::BadCheckpoint(self.folder.join(CHECKPOINT)))
    }

    /// Reads all entries from the bundles, rebuilds the edge, and compares the tiles on disk with what they must be.
    fn replay(&mut self, size: u64, mut at: impl FnMut(&Edge) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut full = Vec::new();
        while self.edge.size() < size {
            let (path, bundle) = self.read_bundle(self.edge.size() / TILE_WIDTH, size)?;
            for entry in split_bundle(&bundle).ok_or_else(|| LedgerError::Changed(path.clone()))? {
                self.edge.push(entry, &mut full);
                at(&self.edge)?;
            }
            if self.edge.size() != size.min(self.edge.size().next_multiple_of(TILE_WIDTH)) {
                return Err(LedgerError::Changed(path));
            }
            for tile in full.drain(..) {
                self.compare_tile(&tile)?;
            }
            self.bundle = if self.edge.size().is_multiple_of(TILE_WIDTH) { Vec::new() } else { bundle };
        }
        for tile in self.edge.partial_tiles() {
            self.compare_tile(&tile)?;
        }
        Ok(())
    }

    fn read_bundle(&self, number: u64, size: u64) -> Result<(PathBuf, Vec<u8>), LedgerError> {
        let width = (size - number * TILE_WIDTH).min(TILE_WIDTH);
        let path = self.folder.join(tile_path("entries", number, (width < TILE_WIDTH).then_some(width)));
        let bytes = read_limited(&path, BUNDLE_BYTES_LIMIT)?;
        // A bundle holds as many entries as its place says, no more and no fewer.
        match split_bundle(&bytes) {
            Some(entries) if entries.len() as u64 == width => Ok((path, bytes)),
            _ => Err(LedgerError::Changed(path)),
        }
    }

    fn compare_tile(&self, tile: &TileFile) -> Result<(), LedgerError> {
        let path = self.folder.join(path_of(tile));
        let stored = read_limited(&path, tile.bytes.len() as u64 + 1)?;
        if stored == tile.bytes { Ok(()) } else { Err(LedgerError::Changed(path)) }
    }

    /// The ledger's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The signed checkpoint, to give away: whoever keeps it can later prove that nothing before it was changed.
    pub fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    /// The case's salt; `None` where the folder was given away without it.
    pub fn salt(&self) -> Option<&Salt> {
        self.salt.as_ref()
    }

    /// Appends entries and returns their indexes. When this returns they are durable and signed for.
    ///
    /// # Errors
    /// If an entry is too long, or the disk does not take it; then the ledger is as before.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Range<u64>, LedgerError> {
        let Some(signer) = &self.signer else { return Err(LedgerError::ReadOnly) };
        let first = self.size();
        if entries.is_empty() {
            return Ok(first..first);
        }
        let (mut edge, mut bundle, mut full) = (self.edge.clone(), self.bundle.clone(), Vec::new());
        for entry in entries {
            let bytes = entry.to_bytes().map_err(|source| LedgerError::UnknownEntry { index: edge.size(), source })?;
            if bytes.len() > ENTRY_BYTES_LIMIT {
                return Err(LedgerError::EntryTooLong(bytes.len()));
            }
            edge.push(&bytes, &mut full);
            push_entry(&mut bundle, &bytes);
            if edge.size().is_multiple_of(TILE_WIDTH) {
                self.write_below(&tile_path("entries", edge.size() / TILE_WIDTH - 1, None), &bundle)?;
                bundle.clear();
            }
        }
        if !bundle.is_empty() {
            self.write_below(&tile_path("entries", edge.size() / TILE_WIDTH, Some(edge.size() % TILE_WIDTH)), &bundle)?;
        }
        for tile in full.into_iter().chain(edge.partial_tiles()) {
            self.write_below(&path_of(&tile), &tile.bytes)?;
        }
        let checkpoint = sign_checkpoint(&self.origin, &edge, signer);
        write_file(&self.folder, CHECKPOINT, &checkpoint)?;
        let former = std::mem::replace(&mut self.edge, edge);
        (self.bundle, self.checkpoint) = (bundle, checkpoint);
        self.remove_partials_of(&former);
        Ok(first..self.size())
    }

    fn write_below(&self, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let (folder, name) = relative.rsplit_once('/').expect("every tile path has folders");
        write_file(&create_folder(&self.folder, folder)?, name, bytes)?;
        Ok(())
    }

    /// Partial tiles and bundles of the former checkpoint, which the new one no longer needs. Best effort.
    fn remove_partials_of(&self, former: &Edge) {
        let stale_bundle =
            (!former.size().is_multiple_of(TILE_WIDTH)).then(|| tile_path("entries", former.size() / TILE_WIDTH, Some(former.size() % TILE_WIDTH)));
        let current: Vec<String> = self.edge.partial_tiles().map(|t| path_of(&t)).collect();
        for path in former.partial_tiles().map(|t| path_of(&t)).chain(stale_bundle).filter(|p| !current.contains(p)) {
            let _ = fs::remove_file(self.folder.join(path));
        }
    }

    /// One entry.
    ///
    /// # Errors
    /// If there is none with this index, or its bundle was changed since the ledger was opened.
    pub fn entry(&self, index: u64) -> Result<Entry, LedgerError> {
        let bytes = self.entry_bytes(index)?;
        serde_json::from_slice(&bytes).map_err(|source| LedgerError::UnknownEntry { index, source })
    }

    pub(crate) fn entry_bytes(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        if index >= self.size() {
            return Err(LedgerError::NoEntry { index, size: self.size() });
        }
        let (path, bundle) = self.read_bundle(index / TILE_WIDTH, self.size())?;
        let entries = split_bundle(&bundle).ok_or_else(|| LedgerError::Changed(path.clone()))?;
        entries.get((index % TILE_WIDTH) as usize).map(|e| e.to_vec()).ok_or(LedgerError::Changed(path))
    }

    /// All entries in order, one bundle at a time.
    pub fn entries(&self) -> impl Iterator<Item = Result<(u64, Entry), LedgerError>> + '_ {
        (0..self.size().div_ceil(TILE_WIDTH)).flat_map(|number| self.entries_of_bundle(number))
    }

    fn entries_of_bundle(&self, number: u64) -> Vec<Result<(u64, Entry), LedgerError>> {
        let first = number * TILE_WIDTH;
        match self.read_bundle(number, self.size()) {
            Err(e) => vec![Err(e)],
            Ok((_, bundle)) => split_bundle(&bundle)
                .unwrap_or_default()
                .into_iter()
                .zip(first..)
                .map(|(bytes, index)| serde_json::from_slice(bytes).map(|e| (index, e)).map_err(|source| LedgerError::UnknownEntry { index, source }))
                .collect(),
        }
    }

    /// The root over the first `size` entries, by hashing them again; `None` if there are fewer.
    pub(crate) fn root_at(&self, size: u64) -> Result<Option<Hash>, LedgerError> {
        if size > self.size() {
            return Ok(None);
        }
        let mut root = Edge::default().root();
        let mut again = Self { edge: Edge::default(), ..Self::before_replay(&self.folder, &self.origin)? };
        again.replay(self.size(), |grown| {
            if grown.size() == size {
                root = grown.root();
            }
            Ok(())
        })?;
        Ok(Some(root))
    }
}

fn path_of(tile: &TileFile) -> String {
    let width = (tile.bytes.len() / tlog_tiles::HASH_SIZE) as u64;
    tile_path(&tile.level.to_string(), tile.number, (width < TILE_WIDTH).then_some(width))
}

/// Reads a file that cannot rightly be longer than `limit`; a longer one comes back cut, and so as changed.
fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, LedgerError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|source| LedgerError::Read { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn sign_checkpoint(origin: &str, edge: &Edge, signer: &StandardSigner) -> Vec<u8> {
    let checkpoint = Checkpoint::new(origin, edge.size(), edge.root(), "").expect("an origin is not empty");
    let mut note = Note::new(&checkpoint.to_bytes(), &[]).expect("an origin has no control characters");
    note.add_sigs(&[signer]).expect("Ed25519 signs anything, and an origin is a valid key name");
    note.to_bytes()
}

/// The checkpoint in a signed note, if the note is one of this origin and `verifier` signed it.
pub(crate) fn read_checkpoint(note: &[u8], origin: &str, verifier: &StandardVerifier) -> Option<Checkpoint> {
    let note = Note::from_bytes(note).ok()?;
    let known = VerifierList::new(vec![Box::new(verifier.clone()) as Box<dyn Verifier>]);
    note.verify(&known).ok()?;
    Checkpoint::from_bytes(note.text()).ok().filter(|c| c.origin() == origin)
}
