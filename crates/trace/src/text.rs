//! Small strings held once, places in the evidence held small, and hashes that are the same on every machine.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use strandline_model::evidence::{ArtefactId, EventRef};

/// Holds each distinct string once.
#[derive(Debug, Default)]
pub(crate) struct Pool(HashSet<Arc<str>>);

impl Pool {
    pub(crate) fn intern(&mut self, value: &str) -> Arc<str> {
        if let Some(known) = self.0.get(value) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(value);
        self.0.insert(new.clone());
        new
    }

    pub(crate) fn holds(&self, value: &str) -> bool {
        self.0.contains(value)
    }
}

/// An `EventRef` that shares its artefact's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub artefact: Arc<str>,
    pub offset: u64,
    pub length: u32,
}

impl Place {
    pub(crate) fn of(place: &EventRef, pool: &mut Pool) -> Self {
        Self { artefact: pool.intern(&place.artefact.0), offset: place.offset, length: place.length }
    }

    pub(crate) fn event_ref(&self) -> EventRef {
        EventRef { artefact: ArtefactId(self.artefact.to_string()), offset: self.offset, length: self.length }
    }
}

/// First eight bytes of the SHA-256 of the parts, each with its length before it.
pub(crate) fn hash64(parts: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
