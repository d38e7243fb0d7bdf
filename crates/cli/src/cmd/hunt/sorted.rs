//! Lines in order of time, in bounded memory: what does not fit is sorted in parts, put aside in files without a name, and
//! merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use strandline_model::time::Instant;

/// Bytes of lines that are held.
const HELD_BYTES: usize = 16 << 20;
/// Files that are put aside before they are merged into one: each is an open file.
const PARTS: usize = 64;

/// Time, then the order in which lines came: the tie-break.
type Key = (i64, u64);

/// Sorts lines.
pub struct Sorted {
    /// Where to put aside what does not fit; `None`: where the system puts such files.
    folder: Option<PathBuf>,
    held: Vec<(Key, Vec<u8>)>,
    bytes: usize,
    count: u64,
    parts: Vec<File>,
    limit: usize,
}

impl Sorted {
    /// Puts aside in this folder what does not fit.
    pub fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), held: Vec::new(), bytes: 0, count: 0, parts: Vec::new(), limit: HELD_BYTES }
    }

    /// Adds a line. One without a time comes last.
    pub fn push(&mut self, time: Option<Instant>, line: &[u8]) -> io::Result<()> {
        self.held.push(((time.map_or(i64::MAX, Instant::micros), self.count), line.to_vec()));
        self.count += 1;
        self.bytes += line.len() + size_of::<(Key, Vec<u8>)>();
        if self.bytes < self.limit {
            return Ok(());
        }
        self.held.sort_unstable_by_key(|(key, _)| *key);
        let mut part = BufWriter::new(self.aside()?);
        for (key, line) in self.held.drain(..) {
            put(&mut part, key, &line)?;
        }
        self.parts.push(part.into_inner()?);
        self.bytes = 0;
        if self.parts.len() >= PARTS {
            let parts = std::mem::take(&mut self.parts);
            let mut one = BufWriter::new(self.aside()?);
            merge(parts, &mut |key, line| put(&mut one, key, line))?;
            self.parts.push(one.into_inner()?);
        }
        Ok(())
    }

    /// A file that is gone when it is closed.
    fn aside(&self) -> io::Result<File> {
        match &self.folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        }
    }

    /// Writes all lines.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.held.sort_unstable_by_key(|(key, _)| *key);
        if self.parts.is_empty() {
            return self.held.iter().try_for_each(|(_, line)| out.write_all(line));
        }
        let mut last = BufWriter::new(self.aside()?);
        for (key, line) in self.held.drain(..) {
            put(&mut last, key, &line)?;
        }
        self.parts.push(last.into_inner()?);
        merge(self.parts, &mut |_, line| out.write_all(line))
    }
}

/// A line put aside: time, number and length in 20 bytes, then the line.
fn put(part: &mut dyn Write, (time, number): Key, line: &[u8]) -> io::Result<()> {
    let length = u32::try_from(line.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
    part.write_all(&time.to_le_bytes())?;
    part.write_all(&number.to_le_bytes())?;
    part.write_all(&length.to_le_bytes())?;
    part.write_all(line)
}

/// The next line of a part; `None` at its end.
fn take(part: &mut impl Read) -> io::Result<Option<(Key, Vec<u8>)>> {
    let mut time = [0; 8];
    match part.read_exact(&mut time) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (mut number, mut length) = ([0; 8], [0; 4]);
    part.read_exact(&mut number)?;
    part.read_exact(&mut length)?;
    let mut line = vec![0; u32::from_le_bytes(length) as usize];
    part.read_exact(&mut line)?;
    Ok(Some(((i64::from_le_bytes(time), u64::from_le_bytes(number)), line)))
}

fn merge(parts: Vec<File>, give: &mut dyn FnMut(Key, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut readers = Vec::new();
    let mut next = BinaryHeap::new();
    for (at, mut part) in parts.into_iter().enumerate() {
        part.rewind()?;
        let mut reader = BufReader::new(part);
        next.extend(take(&mut reader)?.map(|(key, line)| Reverse((key, at, line))));
        readers.push(reader);
    }
    while let Some(Reverse((key, at, line))) = next.pop() {
        give(key, &line)?;
        next.extend(take(&mut readers[at])?.map(|(key, line)| Reverse((key, at, line))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines in the order in which they came, sorted with room for `limit` bytes.
    fn sorted(lines: &[(Option<i64>, &str)], limit: usize) -> String {
        let mut sorted = Sorted { limit, ..Sorted::new(None) };
        for (time, line) in lines {
            sorted.push(time.map(Instant), line.as_bytes()).expect("kept");
        }
        let mut out = Vec::new();
        sorted.write(&mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_come_by_time_and_then_as_they_came() {
        let lines = [(Some(3), "c"), (None, "z"), (Some(1), "a"), (Some(3), "d"), (Some(-5), "0"), (Some(1), "b")];
        assert_eq!(sorted(&lines, usize::MAX), "0abcdz");
        assert_eq!(sorted(&lines, 1), "0abcdz");
        assert_eq!(sorted(&lines, 100), "0abcdz");
    }

    #[test]
    fn more_parts_than_files_may_be_open_are_merged_on_the_way() {
        let numbers: Vec<String> = (0..500).map(|n| format!("{:03} ", (n * 7) % 500)).collect();
        let lines: Vec<(Option<i64>, &str)> = numbers.iter().map(|text| (text.trim().parse().ok(), text.as_str())).collect();
        let expected: String = (0..500).map(|n| format!("{n:03} ")).collect();
        assert_eq!(sorted(&lines, 1), expected);
    }
}
