//! Matches for correlations, group by group, however many they are: what does not fit into memory is put aside in sorted
//! runs, in a file without a name, and merged at the end.
//!
//! A run is a list of groups in the order of correlation and key. Numbers are LEB128, differences of times zigzag; a value
//! stands in a group once and is a number from then on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::sync::Arc;

/// Opens a file that nobody else sees and that is gone when it is closed.
pub type Scratch = Box<dyn Fn() -> io::Result<File> + Send>;

/// Bytes of a run that are read at once.
const READ_BYTES: usize = 64 << 10;
/// Longest key or value: it came out of an event, and an event is at most 16 MiB.
const TEXT_LIMIT: u64 = 64 << 20;

/// One match that a correlation needs.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub time: i64,
    pub leg: u32,
    /// What it is grouped by; in a group, where all share it, 0.
    pub key: u32,
    pub value: u32,
    pub place: Place,
}

/// Where an event stands, small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub artefact: u32,
    pub offset: u64,
    pub length: u32,
}

/// Texts by number. A list of texts is joined with their lengths, so that no two lists are the same text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Texts {
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.bytes += text.len();
        let number = self.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The matches of one correlation that share a key.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub key: String,
    pub hits: Vec<Hit>,
    /// Values and artefacts of the hits.
    pub texts: Texts,
    /// Matches beyond the limit, which are not among the hits.
    pub left_out: u64,
}

impl Group {
    fn push(&mut self, limit: usize, hit: Hit) {
        if self.hits.len() >= limit {
            self.left_out += 1;
        } else {
            self.hits.push(hit);
        }
    }
}

/// Sorts hits by correlation, key and time.
pub(super) fn sort(hits: &mut [Hit], texts: &Texts, correlation_of: impl Fn(u32) -> u32) {
    let mut keys: Vec<u32> = hits.iter().map(|hit| hit.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.sort_by(|a, b| texts.text(*a).cmp(texts.text(*b)));
    let mut ranks = vec![0u32; texts.len()];
    for (rank, key) in (0..).zip(&keys) {
        ranks[*key as usize] = rank;
    }
    hits.sort_unstable_by_key(|hit| (correlation_of(hit.leg), ranks[hit.key as usize], hit.time));
}

/// Runs that were put aside.
#[derive(Debug)]
pub(super) struct Runs {
    file: File,
    /// Where each run begins and ends.
    runs: Vec<(u64, u64)>,
    /// Artefacts, over all runs.
    artefacts: Texts,
}

impl Runs {
    pub fn new(file: File) -> Self {
        Self { file, runs: Vec::new(), artefacts: Texts::default() }
    }

    /// Puts a run aside. The hits are sorted.
    pub fn put(&mut self, hits: &[Hit], texts: &Texts, correlation_of: impl Fn(u32) -> u32) -> io::Result<()> {
        let begin = self.runs.last().map_or(0, |(_, end)| *end);
        self.file.seek(SeekFrom::Start(begin))?;
        let mut out = Counted { out: BufWriter::with_capacity(READ_BYTES, &self.file), bytes: 0 };
        let mut values: HashMap<u32, u64> = HashMap::new();
        for group in hits.chunk_by(|a, b| a.key == b.key && correlation_of(a.leg) == correlation_of(b.leg)) {
            out.number(correlation_of(group[0].leg).into())?;
            out.text(texts.text(group[0].key))?;
            out.number(group.len() as u64)?;
            values.clear();
            let mut before = 0i64;
            for hit in group {
                let step = hit.time.wrapping_sub(before);
                before = hit.time;
                out.number(((step << 1) ^ (step >> 63)) as u64)?;
                out.number(hit.leg.into())?;
                out.number(self.artefacts.number(texts.text(hit.place.artefact)).into())?;
                out.number(hit.place.offset)?;
                out.number(hit.place.length.into())?;
                let next = values.len() as u64;
                let value = *values.entry(hit.value).or_insert(next);
                out.number(value)?;
                if value == next {
                    out.text(texts.text(hit.value))?;
                }
            }
        }
        let end = begin + out.bytes;
        out.out.flush()?;
        drop(out);
        self.runs.push((begin, end));
        Ok(())
    }

    /// Readers of all runs, each at its first group.
    pub fn read(self) -> io::Result<Vec<Source>> {
        let (file, artefacts) = (Rc::new(RefCell::new(self.file)), Rc::new(self.artefacts));
        let reader = |(at, end)| RunReader::new(Rc::clone(&file), Rc::clone(&artefacts), at, end).map(Source::Run);
        self.runs.into_iter().map(reader).collect()
    }
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Counted<W> {
    fn number(&mut self, mut number: u64) -> io::Result<()> {
        let mut bytes = [0u8; 10];
        let mut length = 0;
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            bytes[length] = if number == 0 { low } else { low | 0x80 };
            length += 1;
            if number == 0 {
                break;
            }
        }
        self.bytes += length as u64;
        self.out.write_all(&bytes[..length])
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.number(text.len() as u64)?;
        self.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes())
    }
}

/// Sorted groups, from memory or from a run.
#[derive(Debug)]
pub(super) enum Source {
    /// Hits with the correlation of each, sorted, and what their numbers mean.
    Memory { hits: std::iter::Peekable<std::vec::IntoIter<(u32, Hit)>>, texts: Rc<Texts> },
    /// A run.
    Run(RunReader),
}

impl Source {
    /// Sorted hits in memory.
    pub fn memory(hits: Vec<Hit>, texts: Rc<Texts>, correlation_of: impl Fn(u32) -> u32) -> Self {
        let hits: Vec<(u32, Hit)> = hits.into_iter().map(|hit| (correlation_of(hit.leg), hit)).collect();
        Self::Memory { hits: hits.into_iter().peekable(), texts }
    }

    /// Correlation and key of the next group.
    fn next(&mut self) -> Option<(u32, &str)> {
        match self {
            Self::Memory { hits, texts } => hits.peek().map(|(correlation, hit)| (*correlation, texts.text(hit.key))),
            Self::Run(run) => run.next.as_ref().map(|next| (next.correlation, next.key.as_str())),
        }
    }

    /// Adds the hits of the next group to a group.
    fn take(&mut self, group: &mut Group, limit: usize) -> io::Result<()> {
        match self {
            Self::Memory { hits, texts } => {
                let Some((correlation, key)) = hits.peek().map(|(correlation, hit)| (*correlation, hit.key)) else { return Ok(()) };
                while let Some((_, hit)) = hits.next_if(|(of, hit)| *of == correlation && hit.key == key) {
                    let artefact = group.texts.number(texts.text(hit.place.artefact));
                    let value = group.texts.number(texts.text(hit.value));
                    group.push(limit, Hit { key: 0, value, place: Place { artefact, ..hit.place }, ..hit });
                }
                Ok(())
            }
            Self::Run(run) => run.take(group, limit),
        }
    }
}

/// The next group of a correlation, over all sources; `None` if there is none left.
pub(super) fn next_group(sources: &mut [Source], correlation: u32, limit: usize) -> io::Result<Option<Group>> {
    let mut least: Option<String> = None;
    for source in &mut *sources {
        if let Some((of, key)) = source.next()
            && of == correlation
            && least.as_deref().is_none_or(|least| key < least)
        {
            least = Some(key.to_owned());
        }
    }
    let Some(key) = least else { return Ok(None) };
    let mut group = Group { key, ..Group::default() };
    for source in sources {
        if source.next().is_some_and(|(of, key)| of == correlation && key == group.key) {
            source.take(&mut group, limit)?;
        }
    }
    Ok(Some(group))
}

/// Reads one run.
#[derive(Debug)]
pub(super) struct RunReader {
    file: Rc<RefCell<File>>,
    artefacts: Rc<Texts>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    read: usize,
    next: Option<Head>,
}

#[derive(Debug)]
struct Head {
    correlation: u32,
    key: String,
    count: u64,
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the matches that were put aside cannot be read back: the file was changed")
}

impl RunReader {
    fn new(file: Rc<RefCell<File>>, artefacts: Rc<Texts>, at: u64, end: u64) -> io::Result<Self> {
        let mut reader = Self { file, artefacts, at, end, buffer: Vec::new(), read: 0, next: None };
        reader.head()?;
        Ok(reader)
    }

    fn head(&mut self) -> io::Result<()> {
        self.next = None;
        if self.read < self.buffer.len() || self.at < self.end {
            let correlation = u32::try_from(self.number()?).map_err(|_| broken())?;
            let key = self.text()?;
            self.next = Some(Head { correlation, key, count: self.number()? });
        }
        Ok(())
    }

    fn take(&mut self, group: &mut Group, limit: usize) -> io::Result<()> {
        let count = self.next.as_ref().map_or(0, |head| head.count);
        let small = |number: u64| u32::try_from(number).map_err(|_| broken());
        let mut values: Vec<u32> = Vec::new();
        let mut time = 0i64;
        for _ in 0..count {
            let step = self.number()?;
            time = time.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
            let leg = small(self.number()?)?;
            let artefact = small(self.number()?)?;
            if artefact as usize >= self.artefacts.len() {
                return Err(broken());
            }
            let artefact = group.texts.number(self.artefacts.text(artefact));
            let place = Place { artefact, offset: self.number()?, length: small(self.number()?)? };
            let value = self.number()? as usize;
            if value == values.len() {
                let text = self.text()?;
                values.push(group.texts.number(&text));
            }
            let value = *values.get(value).ok_or_else(broken)?;
            group.push(limit, Hit { time, leg, key: 0, value, place });
        }
        self.head()
    }

    fn fill(&mut self) -> io::Result<()> {
        let length = (self.end - self.at).min(READ_BYTES as u64) as usize;
        if length == 0 {
            return Err(broken());
        }
        self.buffer.resize(length, 0);
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(self.at))?;
        file.read_exact(&mut self.buffer)?;
        (self.at, self.read) = (self.at + length as u64, 0);
        Ok(())
    }

    fn number(&mut self) -> io::Result<u64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            if self.read == self.buffer.len() {
                self.fill()?;
            }
            let byte = self.buffer[self.read];
            self.read += 1;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
            if shift > 63 {
                return Err(broken());
            }
        }
    }

    fn text(&mut self) -> io::Result<String> {
        let mut left = self.number()?;
        if left > TEXT_LIMIT {
            return Err(broken());
        }
        let mut bytes = Vec::new();
        while left > 0 {
            if self.read == self.buffer.len() {
                self.fill()?;
            }
            let part = (self.buffer.len() - self.read).min(left as usize);
            bytes.extend_from_slice(&self.buffer[self.read..self.read + part]);
            self.read += part;
            left -= part as u64;
        }
        String::from_utf8(bytes).map_err(|_| broken())
    }
}
