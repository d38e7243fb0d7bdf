//! A stream cut into chunks, wherever they are: 64 KiB apart after the header, or where damage moved them.

use std::io::{self, Read};

use memchr::memmem;

use super::{CHUNK_MAGIC, Damage, FILE_MAGIC};

/// Bytes of a chunk.
pub const CHUNK_BYTES: usize = 64 << 10;
const FILE_HEADER: usize = 4096;

/// A chunk, or bytes that lie where one should be.
#[derive(Debug)]
pub struct Chunk<'c> {
    /// Its place in the artefact.
    pub offset: u64,
    /// At most [`CHUNK_BYTES`]; fewer at the end of a file that was cut.
    pub bytes: &'c [u8],
    /// What is wrong about its place.
    pub damage: Option<Damage>,
}

/// Cuts a stream into chunks. Holds two of them at most.
pub struct Chunks<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    is_ended: bool,
}

impl<'r> Chunks<'r> {
    /// From the first byte of a log.
    pub fn new(input: &'r mut dyn Read) -> Self {
        Self { input, buffer: Vec::new(), start: 0, offset: 0, is_ended: false }
    }

    /// The next chunk, or bytes where one should be; `None` at the end. Empty chunks are passed over.
    ///
    /// # Errors
    /// If reading fails.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator: the chunk borrows the buffer")]
    pub fn next(&mut self) -> io::Result<Option<Chunk<'_>>> {
        loop {
            self.fill()?;
            let bytes = &self.buffer[self.start..];
            if bytes.is_empty() {
                return Ok(None);
            }
            if self.offset == 0
                && bytes.starts_with(FILE_MAGIC)
                && bytes.get(FILE_HEADER..).is_some_and(|rest| rest.is_empty() || rest.starts_with(CHUNK_MAGIC))
            {
                self.skip(FILE_HEADER);
                continue;
            }
            if bytes.starts_with(CHUNK_MAGIC) {
                let length = chunk_length(bytes);
                return Ok(Some(self.take(length, None)));
            }
            let block = &bytes[..bytes.len().min(CHUNK_BYTES)];
            let next = memmem::find(bytes, CHUNK_MAGIC);
            if next.is_none_or(|next| next >= CHUNK_BYTES) && block.iter().all(|b| *b == 0) {
                let length = block.len();
                self.skip(length);
                continue;
            }
            // Without a chunk in sight, the last bytes may be the beginning of one's magic.
            let length = next.unwrap_or_else(|| if self.is_ended { bytes.len() } else { bytes.len() - CHUNK_MAGIC.len() }).min(CHUNK_BYTES);
            let reason = if self.offset == 0 { "the log does not begin with a header and a chunk" } else { "bytes where a chunk should be" };
            return Ok(Some(self.take(length, Some(reason))));
        }
    }

    fn skip(&mut self, length: usize) {
        self.start += length;
        self.offset += length as u64;
    }

    fn take(&mut self, length: usize, reason: Option<&'static str>) -> Chunk<'_> {
        let (from, offset) = (self.start, self.offset);
        self.skip(length);
        let damage = reason.map(|reason| Damage { offset, length: length as u64, record_id: None, is_loss: true, reason });
        Chunk { offset, bytes: &self.buffer[from..from + length], damage }
    }

    /// Reads until a chunk and the beginning of the next one are there.
    fn fill(&mut self) -> io::Result<()> {
        const WANTED: usize = 2 * CHUNK_BYTES;
        if self.is_ended || self.buffer.len() - self.start > CHUNK_BYTES + CHUNK_MAGIC.len() {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < WANTED && !self.is_ended {
            let old = self.buffer.len();
            self.buffer.resize(WANTED, 0);
            let read = loop {
                match self.input.read(&mut self.buffer[old..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
            self.is_ended = read? == 0;
        }
        Ok(())
    }
}

/// Bytes of the chunk at the beginning: all of it, unless the next one begins within it because something is missing.
fn chunk_length(bytes: &[u8]) -> usize {
    let length = bytes.len().min(CHUNK_BYTES);
    let follows = &bytes[length..];
    let is_in_place = follows.starts_with(CHUNK_MAGIC) || follows.iter().all(|b| *b == 0);
    if is_in_place && length == CHUNK_BYTES {
        return length;
    }
    memmem::find(&bytes[1..length], CHUNK_MAGIC).map_or(length, |at| at + 1)
}
