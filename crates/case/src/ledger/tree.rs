//! The right edge of a Merkle tree (RFC 6962) cut into tiles of height 8: all that is needed to append and to know the root,
//! a few kilobytes whatever the size of the tree. And the paths and files of c2sp.org/tlog-tiles.

use tlog_tiles::{EMPTY_HASH, HASH_SIZE, Hash, Tile, node_hash, record_hash};

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const TILE_WIDTH: u64 = 256;

/// A tile that became full, or the rightmost one of its level: its path's parts and its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TileFile {
    pub(crate) level: usize,
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The unfinished tiles, one a level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    size: u64,
    levels: Vec<Vec<u8>>,
}

impl Edge {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry; tiles that it fills go to `full`.
    pub(crate) fn push(&mut self, entry: &[u8], full: &mut Vec<TileFile>) {
        self.size += 1;
        let mut hash = record_hash(entry);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let tile = &mut self.levels[level];
            tile.extend_from_slice(&hash.0);
            if tile.len() < TILE_WIDTH as usize * HASH_SIZE {
                return;
            }
            let bytes = std::mem::take(tile);
            hash = Tile::subtree_hash(&bytes);
            let number = (self.size >> (8 * (level as u32 + 1))) - 1;
            full.push(TileFile { level, number, bytes });
        }
    }

    /// The tiles at the edge that are not full, lowest level first.
    pub(crate) fn partial_tiles(&self) -> impl Iterator<Item = TileFile> + '_ {
        self.levels.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()).map(|(level, bytes)| TileFile {
            level,
            number: self.size >> (8 * (level as u32 + 1)),
            bytes: bytes.clone(),
        })
    }

    /// The root of the tree: the perfect subtrees from left (high levels) to right, folded from the right.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees: Vec<Hash> = Vec::new();
        for tile in self.levels.iter().rev() {
            let mut rest = &tile[..];
            while !rest.is_empty() {
                let width = 1 << (rest.len() / HASH_SIZE).ilog2();
                let (perfect, after) = rest.split_at(width * HASH_SIZE);
                subtrees.push(Tile::subtree_hash(perfect));
                rest = after;
            }
        }
        let Some(mut root) = subtrees.pop() else { return EMPTY_HASH };
        while let Some(left) = subtrees.pop() {
            root = node_hash(left, root);
        }
        root
    }
}

/// Path of a tile or bundle below the ledger's folder. `level` is `entries` or a number; `width` is absent when full.
pub(crate) fn tile_path(level: &str, number: u64, width: Option<u64>) -> String {
    let mut groups = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let partial = width.map(|w| format!(".p/{w}")).unwrap_or_default();
    format!("tile/{level}/{}{partial}", groups.join("/"))
}

/// Appends one entry to a bundle: its length in two bytes, then itself.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("the length of an entry was checked when it was made");
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle; `None` if the bytes are no bundle.
pub(crate) fn split_bundle(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tlog_tiles::{Error, HashReader, stored_hashes, tree_hash};

    use super::*;

    /// The reference: every stored hash, as Go's sumdb keeps them.
    #[derive(Default)]
    struct AllHashes(RefCell<Vec<Hash>>);

    impl HashReader for AllHashes {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            indexes.iter().map(|&i| self.0.borrow().get(i as usize).copied().ok_or(Error::IndexesNotInTree)).collect()
        }
    }

    #[test]
    fn the_edge_has_the_root_that_the_reference_has() {
        let (mut edge, all) = (Edge::default(), AllHashes::default());
        let mut full = Vec::new();
        assert_eq!(edge.root(), EMPTY_HASH);
        for n in 0..1500_u64 {
            let entry = n.to_be_bytes();
            edge.push(&entry, &mut full);
            let fresh = stored_hashes(n, &entry, &all).unwrap();
            all.0.borrow_mut().extend(fresh);
            assert_eq!(edge.root(), tree_hash(n + 1, &all).unwrap(), "{} entries", n + 1);
        }
        let numbers: Vec<_> = full.iter().map(|t| (t.level, t.number)).collect();
        assert_eq!(numbers, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]);
        let partial: Vec<_> = edge.partial_tiles().map(|t| (t.level, t.number, t.bytes.len() / HASH_SIZE)).collect();
        assert_eq!(partial, [(0, 5, 220), (1, 0, 5)]);
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(tile_path("0", 5, None), "tile/0/005");
        assert_eq!(tile_path("2", 1_234_067, Some(8)), "tile/2/x001/x234/067.p/8");
        assert_eq!(tile_path("entries", 1000, Some(1)), "tile/entries/x001/000.p/1");
    }

    #[test]
    fn a_bundle_splits_or_is_none() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"abc");
        push_entry(&mut bundle, b"");
        assert_eq!(split_bundle(&bundle), Some(vec![&b"abc"[..], &b""[..]]));
        assert_eq!(split_bundle(&bundle[..4]), None);
        assert_eq!(split_bundle(&[0]), None);
    }
}
