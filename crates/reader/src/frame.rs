//! What the two processes say to each other: a byte that says what it is, a length (big-endian, 4 bytes), and so many bytes.

use std::io::{self, Read, Write};

/// Longer frames are none of ours: a batch of events is some megabytes.
const FRAME_BYTES_LIMIT: usize = 256 << 20;

/// Memory that a frame's length alone may take.
const READY_BYTES: usize = 8 << 20;

/// To the reader: what to read as what, as JSON.
pub const JOB: u8 = b'J';
/// To the reader: bytes of the artefact.
pub const DATA: u8 = b'D';
/// To the reader: the artefact ends here.
pub const END: u8 = b'Z';
/// To the reader: the bytes stopped coming, and the artefact does not end here.
pub const BROKEN: u8 = b'F';

/// From the reader: a batch of events, an Arrow IPC stream of its own.
pub const BATCH: u8 = b'B';
/// From the reader: a warning, as JSON.
pub const WARNING: u8 = b'W';
/// From the reader, the last: the summary, as JSON.
pub const SUMMARY: u8 = b'S';
/// From the reader, the last: the bytes stopped coming at this offset, as JSON.
pub const STOPPED: u8 = b'I';
/// From the reader, the last: the source is described wrongly, as JSON.
pub const CONFIGURATION: u8 = b'C';

/// Bytes of a frame's head.
pub const HEAD_BYTES: usize = 5;

/// The head of a frame of so many bytes.
pub fn head(kind: u8, length: usize) -> io::Result<[u8; HEAD_BYTES]> {
    let length = u32::try_from(length).map_err(|_| io::Error::other("a frame of more than four gigabytes"))?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([kind, a, b, c, d])
}

/// Writes a frame.
pub fn write(out: &mut dyn Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&head(kind, bytes.len())?)?;
    out.write_all(bytes)
}

/// Reads a frame; `None` at the end.
pub fn read(input: &mut dyn Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut kind = [0];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
    }
    // Beyond some megabytes a frame takes memory as its bytes come, so that a length alone takes little.
    let mut bytes = Vec::with_capacity(length.min(READY_BYTES));
    input.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some((kind[0], bytes))) }
}
