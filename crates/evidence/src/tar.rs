//! Reads tar archives as a stream: ustar, GNU long names, pax paths and sizes (POSIX.1-2017, pax; GNU tar manual, "Basic
//! Tar Format"). Headers are bounded, nothing is extracted, and a cut archive yields what stands before the cut.

use std::io::{self, Read};

const BLOCK_BYTES: usize = 512;
/// A long name or a pax header may take this much memory; a longer one is skipped and the short name stands.
const EXTENSION_BYTES_MAX: u64 = 64 * 1024;

/// Whether the bytes start with a tar header: the magic `ustar`, and a checksum that holds.
pub(crate) fn is_header(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK_BYTES>().is_some_and(|block| &block[257..262] == b"ustar" && checksum_holds(block))
}

fn checksum_holds(block: &[u8; BLOCK_BYTES]) -> bool {
    let sum: u64 = block.iter().enumerate().map(|(i, &b)| if (148..156).contains(&i) { u64::from(b' ') } else { u64::from(b) }).sum();
    number(&block[148..156]) == Some(sum)
}

/// An octal field, or GNU's base-256 where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let mut value = u64::from(first & 0x7f);
        for &byte in rest {
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return Some(value);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// One regular file of the archive. Read its bytes from the archive before asking for the next.
#[derive(Debug)]
pub(crate) struct Member {
    pub name: Vec<u8>,
    pub modified_seconds: Option<i64>,
}

/// A tar archive being read. Between two calls of [`next_member`](Self::next_member) it reads as the member's bytes.
pub(crate) struct Tar<'r> {
    input: &'r mut dyn Read,
    left: u64,
    padding: u64,
}

impl<'r> Tar<'r> {
    pub fn new(input: &'r mut dyn Read) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// The next regular file; directories, links and devices are passed over.
    pub fn next_member(&mut self) -> io::Result<Option<Member>> {
        let mut long_name = None;
        let mut pax_size = None;
        loop {
            self.skip_rest()?;
            let Some(block) = self.header()? else { return Ok(None) };
            let size = number(&block[124..136]).ok_or_else(|| damaged("a member's size cannot be read"))?;
            self.left = size;
            self.padding = size.wrapping_neg() % BLOCK_BYTES as u64;
            match block[156] {
                b'L' => long_name = self.extension()?.map(|bytes| bytes.split(|&b| b == 0).next().unwrap_or_default().to_vec()),
                b'x' => {
                    let bytes = self.extension()?.unwrap_or_default();
                    long_name = pax_value(&bytes, b"path").map(<[u8]>::to_vec).or(long_name);
                    pax_size = pax_value(&bytes, b"size").and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
                }
                b'0' | 0 | b'7' => {
                    if let Some(size) = pax_size {
                        self.left = size;
                        self.padding = size.wrapping_neg() % BLOCK_BYTES as u64;
                    }
                    let name = long_name.unwrap_or_else(|| short_name(&block));
                    return Ok(Some(Member { name, modified_seconds: number(&block[136..148]).and_then(|v| i64::try_from(v).ok()) }));
                }
                b'K' | b'g' => {}
                _ => (long_name, pax_size) = (None, None),
            }
        }
    }

    /// Bytes of the current member that are still to be read.
    pub fn left(&self) -> u64 {
        self.left
    }

    fn header(&mut self) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
        let mut block = [0; BLOCK_BYTES];
        let mut filled = 0;
        while filled < BLOCK_BYTES {
            match self.input.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(damaged("the archive ends inside a header")),
                n => filled += n,
            }
        }
        if block.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        if checksum_holds(&block) { Ok(Some(block)) } else { Err(damaged("a header's checksum does not hold")) }
    }

    fn extension(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.left > EXTENSION_BYTES_MAX {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.take(EXTENSION_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink())?;
        let skipped = io::copy(&mut (&mut *self.input).take(self.padding), &mut io::sink())?;
        // The last member's padding may be missing; the next header read then finds the end.
        self.padding -= skipped.min(self.padding);
        self.padding = 0;
        Ok(())
    }
}

impl Read for Tar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.input.read(&mut buffer[..wanted])?;
        if read == 0 {
            self.left = 0;
            return Err(damaged("the archive ends inside a member"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn short_name(block: &[u8; BLOCK_BYTES]) -> Vec<u8> {
    let text = |field: &[u8]| field.split(|&b| b == 0).next().unwrap_or_default().to_vec();
    let mut name = text(&block[345..500]);
    // GNU's old magic (`ustar  `) puts times where POSIX puts the prefix.
    if &block[257..263] != b"ustar\0" || name.is_empty() {
        return text(&block[..100]);
    }
    name.push(b'/');
    name.extend(text(&block[..100]));
    name
}

/// The value of a pax keyword: records of the form `LENGTH KEY=VALUE\n`.
fn pax_value<'b>(mut bytes: &'b [u8], key: &[u8]) -> Option<&'b [u8]> {
    let mut found = None;
    while let Some(space) = bytes.iter().position(|&b| b == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let record = bytes.get(space + 1..length.checked_sub(1)?)?;
        if let Some(value) = record.strip_prefix(key).and_then(|rest| rest.strip_prefix(b"=")) {
            found = Some(value);
        }
        bytes = bytes.get(length..)?;
    }
    found
}

fn damaged(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
