//! Reads sealed artefacts back: the same bytes that intake hashed, unpacked, members of archives too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use strandline_model::evidence::{Artefact, ArtefactId, ArtefactKind, Container, EventRef};

use crate::browse::{BrowseError, look_through};
use crate::identify::{Packing, identify_packing};
use crate::intake::{BoxError, CONTENT_NAME, Refusal, member_name, unique};
use crate::seal::SealStore;
use crate::tar::Tar;
use crate::unpack::{Limits, decompress, peek};

/// The most of one record that [`Vault::read_at`] returns.
pub const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Why sealed bytes could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The case has no such artefact.
    #[error("no artefact {0} is in custody")]
    Unknown(ArtefactId),
    /// No artefact in custody has this path.
    #[error("no artefact in custody is {0}: check the path in the estate file, then take it in")]
    NoSuchPath(String),
    /// The sealed bytes are missing, damaged, or do not hold what custody says.
    #[error("{path}: its sealed bytes cannot be read: run `strandline verify` on the case")]
    Sealed {
        /// The artefact's path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why a visit to the streams of a snapshot ended.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The sealed bytes could not be found or read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The visitor failed.
    #[error(transparent)]
    Visit(#[from] BrowseError),
}

/// The artefacts in custody, to be read.
pub struct Vault<'a> {
    store: &'a dyn SealStore,
    artefacts: BTreeMap<ArtefactId, &'a Artefact>,
}

impl<'a> Vault<'a> {
    /// A vault over the artefacts of a case.
    pub fn new(store: &'a dyn SealStore, artefacts: &'a [Artefact]) -> Self {
        Self { store, artefacts: artefacts.iter().map(|artefact| (artefact.id.clone(), artefact)).collect() }
    }

    /// The unpacked bytes of an artefact, exactly as many as custody says: nothing beyond a cut, no bomb.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(&self, id: &ArtefactId) -> Result<Box<dyn Read + 'a>, VaultError> {
        let artefact = self.artefact(id)?;
        let bytes = self.unpacked(artefact, 0).map_err(|source| VaultError::Sealed { path: artefact.path.clone(), source })?;
        Ok(Box::new(bytes.take(artefact.size)))
    }

    /// The original bytes of one record, at most [`MAX_RECORD_BYTES`].
    ///
    /// # Errors
    /// [`VaultError`], also if the artefact ends before the record does.
    pub fn read_at(&self, place: &EventRef) -> Result<Vec<u8>, VaultError> {
        let artefact = self.artefact(&place.artefact)?;
        let failed = |source| VaultError::Sealed { path: artefact.path.clone(), source };
        let length = u64::from(place.length).min(MAX_RECORD_BYTES);
        let mut bytes = Vec::new();
        if artefact.member_of.is_none() && artefact.container == Container::None {
            let mut file = self.store.open(&artefact.sealed_sha256).map_err(failed)?;
            file.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
            file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        } else {
            let mut stream = self.open(&place.artefact)?;
            io::copy(&mut (&mut stream).take(place.offset), &mut io::sink()).map_err(failed)?;
            stream.take(length).read_to_end(&mut bytes).map_err(failed)?;
        }
        if (bytes.len() as u64) < length { Err(failed(io::ErrorKind::UnexpectedEof.into())) } else { Ok(bytes) }
    }

    /// The artefact that the estate means by a snapshot or register path: its exact path, else the only one of such a kind
    /// whose path ends in it.
    ///
    /// # Errors
    /// [`VaultError::NoSuchPath`].
    pub fn resolve_snapshot(&self, written: &str) -> Result<&'a Artefact, VaultError> {
        let all = || self.artefacts.values().copied();
        if let Some(exact) = all().find(|artefact| artefact.path == written || artefact.also_at.iter().any(|path| path == written)) {
            return Ok(exact);
        }
        let mut tail = written;
        while let Some(rest) = tail.strip_prefix("../").or_else(|| tail.strip_prefix("./")) {
            tail = rest;
        }
        let fits = |path: &str| path == tail || path.strip_suffix(tail).is_some_and(|head| head.ends_with('/'));
        let named = |a: &&Artefact| matches!(a.kind, ArtefactKind::Snapshot | ArtefactKind::Register | ArtefactKind::Archive);
        let mut found = all().filter(named).filter(|a| fits(&a.path));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(VaultError::NoSuchPath(written.to_owned())),
        }
    }

    /// Visits the streams of what the estate names as a snapshot: of a file, of what is packed in it, or of the files of a
    /// folder; each with its path within the snapshot, which is empty for the file itself. Always in the same order.
    /// Where bytes break off, the stream reads as ended, and the result says why.
    ///
    /// # Errors
    /// [`VaultError`], or what `visit` fails with.
    pub fn visit_snapshot(&self, written: &str, visit: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), BoxError>) -> Result<Vec<Refusal>, VisitError> {
        let mut refused = Vec::new();
        for (path, artefact) in self.snapshot_files(written)? {
            let failed = |source| VaultError::Sealed { path: path.clone(), source };
            let within = |path: &str| path.strip_prefix(written).unwrap_or(path).trim_start_matches("!/").trim_start_matches('/').to_owned();
            if artefact.member_of.is_some() {
                let mut stream = self.open(&artefact.id)?;
                visit(&within(&path), &mut stream).map_err(BrowseError::Visit)?;
                continue;
            }
            let file = self.store.open(&artefact.sealed_sha256).map_err(failed)?;
            let broken = look_through(file, &path, Limits::default(), &mut |found| visit(&within(&found.path), found.input))?;
            refused.extend(broken.into_iter().map(|refusal| Refusal { path: within(&refusal.path), ..refusal }));
        }
        Ok(refused)
    }

    /// The files of a snapshot by their paths: the one file, or those of a folder.
    ///
    /// # Errors
    /// [`VaultError::NoSuchPath`].
    pub fn snapshot_files(&self, written: &str) -> Result<Vec<(String, &'a Artefact)>, VaultError> {
        let below = format!("{}/", written.trim_end_matches('/'));
        let paths = |artefact: &'a Artefact| std::iter::once(&artefact.path).chain(&artefact.also_at).map(move |path| (path.clone(), artefact));
        let mut files: Vec<(String, &Artefact)> =
            self.artefacts.values().flat_map(|a| paths(a)).filter(|(path, _)| path.starts_with(&below) && !path[below.len()..].contains("!/")).collect();
        if files.is_empty() || self.artefacts.values().any(|artefact| artefact.path == written) {
            return Ok(vec![(written.to_owned(), self.resolve_snapshot(written)?)]);
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(files)
    }

    fn artefact(&self, id: &ArtefactId) -> Result<&'a Artefact, VaultError> {
        self.artefacts.get(id).copied().ok_or_else(|| VaultError::Unknown(id.clone()))
    }

    fn unpacked(&self, artefact: &Artefact, depth: u32) -> io::Result<Box<dyn Read + 'a>> {
        // Custody comes from the case folder, which may be damaged: a member of itself must not loop.
        if depth > 16 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let raw: Box<dyn Read + 'a> = match &artefact.member_of {
            None => Box::new(self.store.open(&artefact.sealed_sha256)?),
            Some(_) if artefact.sealed_sha256 == artefact.sha256 && artefact.kind == ArtefactKind::Archive => {
                Box::new(self.store.open(&artefact.sealed_sha256)?)
            }
            Some((parent, name)) => self.member(parent, name, depth)?,
        };
        decompress(artefact.container, raw)
    }

    fn member(&self, parent: &ArtefactId, name: &str, depth: u32) -> io::Result<Box<dyn Read + 'a>> {
        let parent = self.artefacts.get(parent).copied().ok_or(io::ErrorKind::NotFound)?;
        let mut stream = self.unpacked(parent, depth + 1)?;
        let head = peek(&mut stream);
        let packing = identify_packing(&head.head);
        match packing {
            // Intake leaves the bytes of every zip archive in the store under their own hash.
            Packing::Zip => {
                drop(stream);
                zip_member(self.store.open(&parent.sha256)?, name)
            }
            Packing::Tar => tar_member(head.rejoin(stream), name),
            _ if name == CONTENT_NAME => Ok(head.rejoin(stream)),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn tar_member<'a>(mut stream: Box<dyn Read + 'a>, name: &str) -> io::Result<Box<dyn Read + 'a>> {
    let mut names = BTreeSet::new();
    let left;
    {
        let mut archive = Tar::new(&mut stream);
        loop {
            let member = archive.next_member()?.ok_or(io::ErrorKind::NotFound)?;
            if unique(&mut names, member_name(&member.name)) == name {
                left = archive.left();
                break;
            }
        }
    }
    Ok(Box::new(stream.take(left)))
}

/// The member's stream must own its file, so its place is read from the directory and the directory is let go.
fn zip_member<'a>(file: File, name: &str) -> io::Result<Box<dyn Read + 'a>> {
    let mut archive = open_zip(file, Limits::default().members)?;
    let mut names = BTreeSet::new();
    for index in 0..archive.len() {
        let raw = archive.by_index_raw(index).map(|member| member.name_raw().to_vec()).unwrap_or_default();
        if unique(&mut names, member_name(&raw)) != name {
            continue;
        }
        let (start, packed, method) = {
            let member = archive.by_index_raw(index).map_err(io::Error::other)?;
            (member.data_start().ok_or(io::ErrorKind::InvalidData)?, member.compressed_size(), member.compression())
        };
        let mut file = archive.into_inner();
        file.seek(SeekFrom::Start(start))?;
        let packed = file.take(packed);
        return match method {
            zip::CompressionMethod::Stored => Ok(Box::new(packed)),
            zip::CompressionMethod::Deflated => Ok(Box::new(flate2::read::DeflateDecoder::new(packed))),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Opens a zip archive whose directory claims no more members than allowed: the directory is held in memory.
pub(crate) fn open_zip<F: Read + Seek>(mut file: F, members_max: u64) -> io::Result<zip::ZipArchive<F>> {
    let size = file.seek(SeekFrom::End(0))?;
    let tail_at = size.saturating_sub(66_000);
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    (&mut file).take(66_000).read_to_end(&mut tail)?;
    let mut claimed = 0;
    for (at, window) in tail.windows(4).enumerate() {
        let field =
            |from: usize, length: usize| tail.get(at + from..at + from + length).map_or(0, |b| b.iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b)));
        match window {
            b"PK\x05\x06" => claimed = claimed.max(field(10, 2)),
            b"PK\x06\x06" => claimed = claimed.max(field(32, 8)),
            _ => {}
        }
    }
    if claimed > members_max {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, crate::unpack::Exceeded(format!("it has more than {members_max} members"))));
    }
    file.rewind()?;
    zip::ZipArchive::new(file).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
