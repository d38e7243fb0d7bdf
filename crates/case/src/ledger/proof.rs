//! Inclusion proofs as text (c2sp.org/tlog-proof@v1): one entry, its path to the root, and the signed checkpoint. Whoever
//! has the public key can check one offline.

use signed_note::StandardVerifier;
use tlog_tiles::{Error, HASH_SIZE, Hash, Tile, TileHashReader, TileReader, check_record, prove_record, record_hash};

use super::tree::{TILE_WIDTH, tile_path};
use super::{Ledger, LedgerError, read_checkpoint, read_limited};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const TILE_HEIGHT: u8 = 8;

/// Longest proof that is read: 64 hashes and a checkpoint, with room to spare.
const PROOF_BYTES_LIMIT: usize = 1 << 16;

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not in the form of c2sp.org/tlog-proof@v1.
    #[error("this is not a proof in the form {HEADER}")]
    Malformed,
    /// The public key is not one.
    #[error("this is not a public key of a signed note")]
    BadKey,
    /// The key did not sign the checkpoint.
    #[error("the checkpoint in the proof is not signed by this key")]
    NotSigned,
    /// The entry is not what stands at that place.
    #[error("the entry does not stand in the ledger where the proof says")]
    NotIncluded,
}

struct Tiles<'l>(&'l Ledger);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        TILE_HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            let width = u64::from(tile.width());
            let path = tile_path(&tile.level().to_string(), tile.level_index(), (width < TILE_WIDTH).then_some(width));
            read_limited(&self.0.folder.join(path), TILE_WIDTH * HASH_SIZE as u64 + 1).map_err(|_| Error::InvalidTile)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

impl Ledger {
    /// A proof that the entry stands in the ledger, to give away with the entry's bytes.
    ///
    /// # Errors
    /// If there is no such entry, or the tiles were changed since the ledger was opened.
    pub fn prove_inclusion(&self, index: u64) -> Result<String, LedgerError> {
        if index >= self.size() {
            return Err(LedgerError::NoEntry { index, size: self.size() });
        }
        let tiles = Tiles(self);
        let reader = TileHashReader::new(self.size(), self.edge.root(), &tiles);
        let hashes = prove_record(self.size(), index, &reader)?;
        let mut text = format!("{HEADER}\nindex {index}\n");
        for hash in hashes {
            text.push_str(&format!("{hash}\n"));
        }
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&self.checkpoint));
        Ok(text)
    }

    /// The bytes of an entry, as the proof is about.
    ///
    /// # Errors
    /// If there is no such entry, or its bundle was changed since the ledger was opened.
    pub fn entry_text(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        self.entry_bytes(index)
    }
}

/// Checks a proof for the bytes of an entry with a public key that the checker has from elsewhere. Returns the index.
///
/// # Errors
/// If it does not prove that.
pub fn check_proof(proof: &str, entry: &[u8], public_key: &str) -> Result<u64, ProofError> {
    if proof.len() > PROOF_BYTES_LIMIT {
        return Err(ProofError::Malformed);
    }
    let verifier = StandardVerifier::new(public_key.trim_end()).map_err(|_| ProofError::BadKey)?;
    let (head, note) = proof.split_once("\n\n").ok_or(ProofError::Malformed)?;
    let mut lines = head.lines().peekable();
    if lines.next() != Some(HEADER) {
        return Err(ProofError::Malformed);
    }
    lines.next_if(|line| line.starts_with("extra "));
    let index: u64 = lines.next().and_then(|l| l.strip_prefix("index ")).and_then(|n| n.parse().ok()).ok_or(ProofError::Malformed)?;
    let hashes: Vec<Hash> = lines.map(Hash::parse_hash).collect::<Result<_, _>>().map_err(|_| ProofError::Malformed)?;
    let origin = note.lines().next().unwrap_or_default();
    let checkpoint = read_checkpoint(note.as_bytes(), origin, &verifier).ok_or(ProofError::NotSigned)?;
    check_record(&hashes, checkpoint.size(), *checkpoint.hash(), index, record_hash(entry)).map_err(|_| ProofError::NotIncluded)?;
    Ok(index)
}
