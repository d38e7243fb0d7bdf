//! Little-endian numbers out of bytes, within bounds: what lies outside is `None`, never a panic.

/// A place in a chunk's bytes, and how far it may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'c> {
    bytes: &'c [u8],
    at: usize,
    end: usize,
}

impl<'c> Cursor<'c> {
    /// From `at` to `end`, which is held within the bytes.
    pub fn new(bytes: &'c [u8], at: usize, end: usize) -> Self {
        let end = end.min(bytes.len());
        Self { bytes, at: at.min(end), end }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn left(&self) -> usize {
        self.end - self.at
    }

    pub fn take(&mut self, length: usize) -> Option<&'c [u8]> {
        let to = self.at.checked_add(length).filter(|to| *to <= self.end)?;
        let taken = self.bytes.get(self.at..to)?;
        self.at = to;
        Some(taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}
