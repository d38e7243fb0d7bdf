//! Unpacks streams within limits: how much may come out, and out of how little.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use sha2::{Digest, Sha256};
use strandline_model::evidence::Container;
use strandline_model::time::Instant;

/// What one file of the evidence may unpack to. The defaults suit logs, which shrink to a tenth or a fiftieth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unpacked bytes over packed bytes, counted once the output is beyond 64 MiB. Default 250.
    pub ratio: u64,
    /// Unpacked bytes of one file, all members and layers together. Default 1 TiB.
    pub unpacked_bytes: u64,
    /// Members of one file, nested ones included. Default 100,000.
    pub members: u64,
    /// Layers of packing, one inside the other. Default 4.
    pub depth: u32,
    /// Files below the evidence folder. Default 1,000,000.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ratio: 250, unpacked_bytes: 1 << 40, members: 100_000, depth: 4, files: 1_000_000 }
    }
}

/// Below this, a high ratio harms nobody: a rotated log full of one message shrinks a thousandfold.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// What one file of the evidence has used of its limits, over all its layers.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limits: Limits,
    packed: Rc<Cell<u64>>,
    unpacked: Rc<Cell<u64>>,
    members: Rc<Cell<u64>>,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Self { limits, packed: Rc::default(), unpacked: Rc::default(), members: Rc::default() }
    }

    /// Counts bytes read from the sealed file.
    pub fn packed<R>(&self, inner: R) -> Counted<R> {
        Counted { inner, count: Rc::clone(&self.packed) }
    }

    /// Counts one more member.
    pub fn member(&self) -> Result<(), Exceeded> {
        self.members.set(self.members.get() + 1);
        if self.members.get() > self.limits.members { Err(Exceeded(format!("it has more than {} members", self.limits.members))) } else { Ok(()) }
    }

    /// Checks how deep a layer lies.
    pub fn layer(&self, depth: u32) -> Result<(), Exceeded> {
        if depth > self.limits.depth { Err(Exceeded(format!("it is packed more than {} times over", self.limits.depth))) } else { Ok(()) }
    }

    fn spend(&self, bytes: usize) -> Result<(), Exceeded> {
        let total = self.unpacked.get().saturating_add(bytes as u64);
        self.unpacked.set(total);
        if total > self.limits.unpacked_bytes {
            return Err(Exceeded(format!("it unpacks to more than {} bytes", self.limits.unpacked_bytes)));
        }
        if total > RATIO_FREE_BYTES && total > self.limits.ratio.saturating_mul(self.packed.get().max(1)) {
            return Err(Exceeded(format!("it unpacks to more than {} times its size, as a decompression bomb does", self.limits.ratio)));
        }
        Ok(())
    }
}

/// A limit that was passed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Exceeded(pub String);

/// A reader that counts what passes.
pub(crate) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

impl<R: io::Seek> io::Seek for Counted<R> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// A reader of unpacked bytes that stops at the budget.
pub(crate) struct Budgeted<R> {
    inner: R,
    budget: Budget,
}

impl<R> Budgeted<R> {
    pub fn new(inner: R, budget: &Budget) -> Self {
        Self { inner, budget: budget.clone() }
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.budget.spend(read).map_err(|error| io::Error::new(io::ErrorKind::QuotaExceeded, error))?;
        Ok(read)
    }
}

/// The most that an xz file may ask for, as Zstandard's window: 128 MiB, and what `xz -9` takes besides its dictionary.
const XZ_MEMORY_KIB: u32 = 160 << 10;

/// Takes off one layer of compression; gzip with several members and Zstandard with several frames are read to the end.
pub(crate) fn decompress<'r>(container: Container, input: Box<dyn Read + 'r>) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match container {
        Container::None => input,
        Container::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, input))),
        Container::Zstd => Box::new(zstd::stream::read::Decoder::new(input)?),
        Container::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(BufReader::with_capacity(1 << 16, input), true, XZ_MEMORY_KIB)),
        Container::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(BufReader::with_capacity(1 << 16, input))),
    })
}

/// When something was last changed, by the word of the archive or the header that it came in and by that of what it lies in. A
/// copy is dated later than what was copied, so the earlier counts; a date that says nothing (the epoch, the first day of a zip
/// archive) does not.
pub(crate) fn last_change(own_seconds: Option<i64>, outer: Option<Instant>) -> Option<Instant> {
    const EARLIEST: i64 = 315_705_600; // 3 January 1980
    let own = own_seconds.filter(|at| *at >= EARLIEST).and_then(|at| at.checked_mul(1_000_000)).map(Instant);
    match (own, outer) {
        (None, outer) => outer,
        (Some(own), Some(outer)) if outer.micros() >= EARLIEST * 1_000_000 => Some(own.min(outer)),
        (own, _) => own,
    }
}

/// The date in the header of a compressed stream: that of the file that was compressed. Only gzip has one, and 0 is none.
pub(crate) fn header_seconds(container: Container, head: &[u8]) -> Option<i64> {
    let date = head.get(4..8).filter(|_| container == Container::Gzip)?;
    Some(i64::from(u32::from_le_bytes(date.try_into().ok()?)))
}

/// The date of a zip archive's member: to the second and in UTC where it has that, else as its own clock showed it, whose zone
/// nobody knows; half a day more or less decides no year.
pub(crate) fn zip_seconds<R: Read>(member: &zip::read::ZipFile<'_, R>) -> Option<i64> {
    let exact = member.extra_data_fields().find_map(|field| match field {
        zip::ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    exact.map(i64::from).or_else(|| {
        let at = member.last_modified()?;
        let part = |number: u8| i8::try_from(number).ok();
        let (year, hour, minute) = (i16::try_from(at.year()).ok()?, part(at.hour())?, part(at.minute())?);
        let civil = jiff::civil::DateTime::new(year, part(at.month())?, part(at.day())?, hour, minute, 0, 0).ok()?;
        Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
    })
}

/// Reads up to `HEAD_BYTES` ahead. An error ahead of time is kept for the reader that gets there.
pub(crate) fn peek(input: &mut dyn Read) -> Peeked {
    let mut head = Vec::new();
    let failure = input.take(crate::identify::HEAD_BYTES as u64).read_to_end(&mut head).err();
    Peeked { head, failure }
}

/// The head of a stream.
pub(crate) struct Peeked {
    pub head: Vec<u8>,
    failure: Option<io::Error>,
}

impl Peeked {
    /// The whole stream again, head first.
    pub fn rejoin<'r>(self, rest: Box<dyn Read + 'r>) -> Box<dyn Read + 'r> {
        let head = io::Cursor::new(self.head);
        match self.failure {
            None => Box::new(head.chain(rest)),
            Some(error) => Box::new(head.chain(Failing(Some(error)))),
        }
    }
}

struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Hashes what passes, and remembers where and why the bytes stopped coming. After a failure it reads as ended,
/// so that whatever stands on it keeps what came before.
pub(crate) struct Hashed<R> {
    inner: R,
    hash: Sha256,
    pub size: u64,
    pub failure: Option<io::Error>,
}

impl<R: Read> Hashed<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), size: 0, failure: None }
    }

    /// Reads to the end.
    pub fn drain(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        while matches!(self.read(&mut buffer), Ok(n) if n > 0) {}
    }

    /// SHA-256 of what passed.
    pub fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Ok(0);
        }
        loop {
            match self.inner.read(buffer) {
                Ok(read) => {
                    self.hash.update(&buffer[..read]);
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

/// A digest in hexadecimal.
pub(crate) fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
