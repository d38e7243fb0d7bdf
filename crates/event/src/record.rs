//! Bytes cut into records, in bounded memory, with the place of each. Knows line endings and quotes, and no format.

use std::io::{self, Read};

use memchr::{memchr, memchr2};

/// The longest record that is read whole. A longer one is refused and skipped up to the next line.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// How much is looked at to recognise a format.
const PEEK_BYTES: usize = 64 << 10;

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// How a format's records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// At a line feed (a carriage return before it is taken off).
    Lines,
    /// At a line feed outside double quotes (CSV: doubled quotes stay inside).
    QuotedLines,
    /// At a line feed of UTF-16, outside double quotes if need be.
    Wide {
        /// Whether the big end comes first.
        big: bool,
        /// Whether a line feed within double quotes ends nothing.
        quoted: bool,
    },
    /// At an empty line: records of several lines.
    Paragraphs,
    /// At an empty line that stands in no binary field: the journal's export format.
    Export,
    /// At the brace that closes a JSON object: objects over several lines, elements of an array.
    Objects,
    /// Nowhere that is known here: the format reads the stream itself.
    Stream,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its bytes, without the ending.
    pub bytes: &'a [u8],
    /// Offset of its first byte in the artefact.
    pub offset: u64,
    /// 1-based number of its first line.
    pub line: u64,
    /// Bytes that it takes in the artefact: more than `bytes` has where a wrapper was taken off.
    pub extent: u64,
    /// Whether it was longer than [`MAX_RECORD_BYTES`]: `bytes` then holds its beginning only.
    pub cut: bool,
}

impl Record<'_> {
    /// A place without bytes, for records whose bytes are no longer held.
    pub(crate) fn at(offset: u64, end: u64, line: u64) -> Self {
        Self { bytes: &[], offset, line, extent: end.saturating_sub(offset), cut: false }
    }

    /// Offset of the first byte behind it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.extent)
    }
}

/// Cuts a reader into records.
pub struct Records<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    line: u64,
    ended: bool,
    framing: Framing,
}

impl<'r> Records<'r> {
    /// From the first byte of an artefact.
    pub fn new(input: &'r mut dyn Read) -> Self {
        Self { input, buffer: Vec::new(), start: 0, offset: 0, line: 1, ended: false, framing: Framing::Lines }
    }

    /// The first bytes, to recognise a format by; they are read again as records.
    ///
    /// # Errors
    /// If reading fails.
    pub fn peek(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.buffer.len() < PEEK_BYTES {
            self.fill()?;
        }
        Ok(&self.buffer[..self.buffer.len().min(PEEK_BYTES)])
    }

    /// Sets how records end. Before the first `next`.
    pub fn frame(&mut self, framing: Framing) {
        self.framing = framing;
    }

    /// The stream from the next record on, byte for byte.
    pub fn stream(&mut self) -> impl Read + '_ {
        io::Cursor::new(self.buffer.split_off(self.start)).chain(&mut *self.input)
    }

    /// Offset of the next record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// If reading fails; what was read before stays usable as evidence.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator: the record borrows the buffer")]
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        self.compact();
        if self.framing == Framing::Objects {
            self.skip_separators()?;
        }
        let mut scan = Scan::default();
        let (length, ending) = loop {
            if let Some(found) = scan.find(self.framing, &self.buffer[self.start..], self.ended) {
                break found;
            }
            if self.buffer.len() - self.start > MAX_RECORD_BYTES {
                return self.skip_long().map(Some);
            }
            if self.ended {
                let rest = self.buffer.len() - self.start;
                if rest == 0 {
                    return Ok(None);
                }
                break (rest, 0);
            }
            self.fill()?;
        };
        Ok(Some(self.take(length, ending)))
    }

    /// Passes over so many bytes: what stands before the first record. Before the first `next`.
    pub fn skip(&mut self, bytes: usize) {
        let bytes = bytes.min(self.buffer.len() - self.start);
        self.line += memchr::memchr_iter(b'\n', &self.buffer[self.start..self.start + bytes]).count() as u64;
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Passes over what may stand between the objects of an array, and behind the last.
    fn skip_separators(&mut self) -> io::Result<()> {
        loop {
            let pending = &self.buffer[self.start..];
            let count = pending.iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'[' | b']' | b'}')).count();
            let all = count == pending.len();
            self.skip(count);
            if !all || self.ended {
                return Ok(());
            }
            self.compact();
            self.fill()?;
        }
    }

    fn take(&mut self, length: usize, ending: usize) -> Record<'_> {
        let from = self.start;
        let whole = &self.buffer[from..from + length + ending];
        let (offset, line) = (self.offset, self.line);
        self.line += memchr::memchr_iter(b'\n', whole).count() as u64;
        self.start += length + ending;
        self.offset += (length + ending) as u64;
        let mut bytes = &self.buffer[from..from + length];
        if let [head @ .., b'\r'] = bytes
            && !matches!(self.framing, Framing::Wide { .. })
        {
            bytes = head;
        }
        Record { bytes, offset, line, extent: bytes.len() as u64, cut: false }
    }

    /// Keeps the beginning of a record that is too long and skips to the next line feed.
    fn skip_long(&mut self) -> io::Result<Record<'_>> {
        const KEEP_BYTES: usize = 1024;
        let (offset, line) = (self.offset, self.line);
        let head: Vec<u8> = self.buffer[self.start..self.start + KEEP_BYTES].to_vec();
        loop {
            let pending = &self.buffer[self.start..];
            if let Some(end) = memchr(b'\n', pending) {
                self.start += end + 1;
                self.offset += end as u64 + 1;
                break;
            }
            self.offset += pending.len() as u64;
            self.start = self.buffer.len();
            self.compact();
            if self.ended {
                break;
            }
            self.fill()?;
        }
        self.line += 1;
        // The head is put before the rest so that it can be lent like any other record.
        let rest = self.buffer.split_off(self.start);
        self.buffer = head;
        self.start = self.buffer.len();
        self.buffer.extend_from_slice(&rest);
        Ok(Record { bytes: &self.buffer[..KEEP_BYTES], offset, line, extent: KEEP_BYTES as u64, cut: true })
    }

    fn compact(&mut self) {
        if self.start > 0 && (self.start >= READ_BYTES || self.start == self.buffer.len()) {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let old = self.buffer.len();
        self.buffer.resize(old + READ_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(())
    }
}

/// How far a record was searched for its end, so that no byte is looked at twice.
#[derive(Default)]
struct Scan {
    at: usize,
    quoted: bool,
    escaped: bool,
    depth: u32,
}

impl Scan {
    /// Length of the record and of its ending, once it is seen.
    fn find(&mut self, framing: Framing, bytes: &[u8], ended: bool) -> Option<(usize, usize)> {
        match framing {
            Framing::Lines | Framing::Stream => self.find_line(bytes),
            Framing::QuotedLines => self.find_quoted(bytes),
            Framing::Wide { big, quoted } => self.find_wide(bytes, big, quoted),
            Framing::Paragraphs => self.find_paragraph(bytes, ended),
            Framing::Export => self.find_export(bytes, ended),
            Framing::Objects => self.find_object(bytes),
        }
    }

    fn find_line(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let found = memchr(b'\n', &bytes[self.at..]).map(|i| self.at + i);
        self.at = bytes.len();
        found.map(|end| (end, 1))
    }

    fn find_quoted(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        while let Some(i) = memchr2(b'\n', b'"', &bytes[self.at..]) {
            let at = self.at + i;
            self.at = at + 1;
            match bytes[at] {
                b'"' => self.quoted = !self.quoted,
                _ if !self.quoted => return Some((at, 1)),
                _ => {}
            }
        }
        self.at = bytes.len();
        None
    }

    fn find_wide(&mut self, bytes: &[u8], big: bool, quoted: bool) -> Option<(usize, usize)> {
        while let Some(pair) = bytes.get(self.at..self.at + 2) {
            self.at += 2;
            match if big { (pair[0], pair[1]) } else { (pair[1], pair[0]) } {
                (0, b'"') if quoted => self.quoted = !self.quoted,
                (0, b'\n') if !self.quoted => return Some((self.at - 2, 2)),
                _ => {}
            }
        }
        None
    }

    /// Up to the brace that closes the first; what begins with none is a line.
    fn find_object(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        if bytes.first().is_some_and(|b| *b != b'{') {
            return self.find_line(bytes);
        }
        for (at, byte) in bytes.iter().enumerate().skip(self.at) {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                b'{' | b'[' if !self.quoted => self.depth += 1,
                b'}' | b']' if !self.quoted => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some((at + 1, 0));
                    }
                }
                _ => {}
            }
        }
        self.at = bytes.len();
        None
    }

    fn find_paragraph(&mut self, bytes: &[u8], ended: bool) -> Option<(usize, usize)> {
        while let Some(i) = memchr(b'\n', &bytes[self.at..]) {
            let at = self.at + i;
            match bytes.get(at + 1) {
                Some(b'\n') => return Some((at, 2)),
                Some(_) => self.at = at + 1,
                None if ended => return Some((at, 1)),
                None => return None,
            }
        }
        self.at = bytes.len();
        None
    }

    /// Up to an empty line; what a binary field holds is passed over by its length.
    fn find_export(&mut self, bytes: &[u8], ended: bool) -> Option<(usize, usize)> {
        loop {
            let end = self.at + memchr(b'\n', bytes.get(self.at..)?)?;
            if end == self.at {
                return Some(if end == 0 { (0, 1) } else { (end - 1, 2) });
            }
            let behind = end + 1;
            self.at = match binary_field(&bytes[self.at..end], &bytes[behind..]) {
                Binary::Of(length) => behind + length,
                Binary::Unfinished if !ended => return None,
                Binary::Unfinished | Binary::No => behind,
            };
        }
    }
}

/// Whether a line of the journal's export format is the name of a binary field.
enum Binary {
    /// It is, and the field takes so many bytes behind the line.
    Of(usize),
    /// It looks like one whose bytes are not there yet.
    Unfinished,
    No,
}

/// `NAME`, then eight bytes of length, the value, and a line feed.
fn binary_field(line: &[u8], behind: &[u8]) -> Binary {
    if !line.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_') {
        return Binary::No;
    }
    let Some((length, value)) = behind.split_first_chunk::<8>() else { return Binary::Unfinished };
    let Some(length) = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_RECORD_BYTES) else { return Binary::No };
    match value.get(length) {
        Some(b'\n') => Binary::Of(8 + length + 1),
        Some(_) => Binary::No,
        None => Binary::Unfinished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(framing: Framing, input: &[u8], expected: &[(&str, u64, u64)]) {
        let mut reader = input;
        let mut records = Records::new(&mut reader);
        records.frame(framing);
        let mut got = Vec::new();
        while let Some(record) = records.next().expect("memory does not fail") {
            got.push((String::from_utf8_lossy(record.bytes).into_owned(), record.offset, record.line));
        }
        let expected: Vec<_> = expected.iter().map(|(text, offset, line)| ((*text).to_owned(), *offset, *line)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn lines_end_at_line_feeds() {
        check(Framing::Lines, b"a\r\nb\n\nc", &[("a", 0, 1), ("b", 3, 2), ("", 5, 3), ("c", 6, 4)]);
    }

    #[test]
    fn quoted_lines_keep_line_feeds_in_quotes() {
        check(Framing::QuotedLines, b"a,\"x\n\"\"y\"\nb\n", &[("a,\"x\n\"\"y\"", 0, 1), ("b", 10, 3)]);
    }

    #[test]
    fn paragraphs_end_at_empty_lines() {
        check(Framing::Paragraphs, b"a=1\nb=2\n\na=3\n", &[("a=1\nb=2", 0, 1), ("a=3", 9, 4)]);
    }

    #[test]
    fn an_empty_line_in_a_binary_field_ends_no_entry() {
        let field = [b"A\n".as_slice(), &5_u64.to_le_bytes(), b"x\n\ny\n\n"].concat();
        let whole = String::from_utf8_lossy(&field[..field.len() - 1]).into_owned();
        let input = [field.as_slice(), b"B=1\n\nC=2\n"].concat();
        check(Framing::Export, &input, &[(&format!("{whole}\nB=1"), 0, 1), ("C=2\n", 21, 8)]);
        // A length that leads nowhere is none.
        check(
            Framing::Export,
            b"A\n\xff\xff\xff\xff\xff\xff\xff\xff\n\nB=1\n\n",
            &[("A\n\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}", 0, 1), ("B=1", 12, 4)],
        );
    }

    #[test]
    fn objects_of_a_document_are_records() {
        check(Framing::Objects, b"[\n {\"a\": \"}\\\"\"},\n{\n\"b\": [{}]}\n]\n", &[("{\"a\": \"}\\\"\"}", 3, 2), ("{\n\"b\": [{}]}", 17, 3)]);
        check(Framing::Objects, b"x\n{}", &[("x", 0, 1), ("{}", 2, 2)]);
    }

    #[test]
    fn a_record_that_is_too_long_costs_one_record() {
        let mut input = vec![b'x'; MAX_RECORD_BYTES + 3 * READ_BYTES];
        input.extend_from_slice(b"\nok\n");
        let mut reader = input.as_slice();
        let mut records = Records::new(&mut reader);
        assert!(records.next().expect("memory does not fail").expect("a record").cut);
        let after = records.next().expect("memory does not fail").expect("a record");
        assert_eq!((after.bytes, after.line), (b"ok".as_slice(), 2));
        assert_eq!(after.offset, (MAX_RECORD_BYTES + 3 * READ_BYTES + 1) as u64);
        assert!(records.next().expect("memory does not fail").is_none());
    }
}
