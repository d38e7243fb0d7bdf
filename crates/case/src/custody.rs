//! `custody.json`: the chain of custody of every artefact, in one stable order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Write};

use strandline_model::evidence::Artefact;

use crate::atomic::{AtomicFile, WriteError};
use crate::folder::{Case, CaseError, EVIDENCE};
use crate::ledger::{Entry, EntryKind, Function};
use crate::manifest::Author;

/// Relative to the case folder.
pub(crate) const CUSTODY: &str = "evidence/custody.json";
const CUSTODY_NAME: &str = "custody.json";

/// Artefacts in one ledger entry, which is to stay far below 64 KiB.
const ARTEFACTS_IN_ENTRY: usize = 200;

impl Case {
    /// The custody record; empty before the first intake.
    ///
    /// # Errors
    /// If it cannot be read or is not ours.
    pub fn custody(&self) -> Result<Vec<Artefact>, CaseError> {
        let path = self.path().join(CUSTODY);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(CaseError::Read { path, source }),
        };
        serde_json::from_reader(BufReader::new(file)).map_err(|source| CaseError::Json { path, source })
    }

    /// Replaces the custody record. Artefacts that it names for the first time are entered in the ledger first, then the
    /// record's own hash. A record that says what the stored one says changes nothing.
    ///
    /// # Errors
    /// If the case is open for reading only, or the disk does not take it.
    pub fn save_custody(&mut self, artefacts: &[Artefact], author: &Author, version: &str) -> Result<(), CaseError> {
        self.require_writable()?;
        let mut sorted: Vec<&Artefact> = artefacts.iter().collect();
        // Two artefacts can share a path (a case folder fed from two disks): then the hashes decide.
        sorted.sort_by(|a, b| (&a.path, &a.sealed_sha256, &a.sha256).cmp(&(&b.path, &b.sealed_sha256, &b.sha256)));

        let folder = self.path().join(EVIDENCE);
        let mut file = AtomicFile::create_in(&folder)?;
        let written = serde_json::to_writer_pretty(&mut file, &sorted).map_err(io::Error::from).and_then(|()| file.write_all(b"\n"));
        written.map_err(WriteError::at(&folder.join(CUSTODY_NAME)))?;
        let sha256 = file.sha256();
        if fs::read(folder.join(CUSTODY_NAME)).is_ok_and(|stored| crate::atomic::hash_reader(stored.as_slice()).is_ok_and(|(h, _)| h == sha256)) {
            return Ok(());
        }
        let known: BTreeSet<String> = self.custody()?.into_iter().map(|a| a.sealed_sha256).collect();
        let fresh: BTreeSet<&str> = sorted.iter().map(|a| a.sealed_sha256.as_str()).filter(|h| !known.contains(*h)).collect();
        let entries = custody_entries(&fresh, &sha256, author, version);
        self.ledger_mut()?.append(&entries)?;
        file.commit(CUSTODY_NAME)?;
        Ok(())
    }
}

/// Entries for new artefacts, in chunks; the last one carries the hash of the record.
fn custody_entries(fresh: &BTreeSet<&str>, record_sha256: &str, author: &Author, version: &str) -> Vec<Entry> {
    let fresh: Vec<&str> = fresh.iter().copied().collect();
    let mut chunks: Vec<BTreeMap<String, String>> =
        fresh.chunks(ARTEFACTS_IN_ENTRY).map(|chunk| chunk.iter().map(|sha256| (format!("{EVIDENCE}/{sha256}"), (*sha256).to_owned())).collect()).collect();
    if chunks.is_empty() {
        chunks.push(BTreeMap::new());
    }
    if let Some(last) = chunks.last_mut() {
        last.insert(CUSTODY.to_owned(), record_sha256.to_owned());
    }
    chunks.into_iter().map(|outputs| Entry { outputs, ..Entry::new(EntryKind::Custody, Function::Respond, &author.actor, author.time, version) }).collect()
}
