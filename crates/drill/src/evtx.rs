//! Writes Windows event logs (EVTX): a file header, chunks of 64 KiB with their own names and definitions, records in binary
//! XML. Format: libevtx, "Windows XML Event Log (EVTX) format"; tokens: \[MS-EVEN6\] 2.2.12 to 2.2.16.
//! It writes what a drill needs, and nothing that a reader would have to forgive.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::DrillError;
use crate::clock::Millis;

const CHUNK: usize = 64 << 10;
const CHUNK_HEADER: usize = 512;
const FILE_HEADER: usize = 4096;
/// Buckets of the tables at the head of a chunk: names at 128, definitions at 384.
const NAMES: (usize, u32) = (128, 64);
const DEFINITIONS: (usize, u32) = (384, 32);

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    Hex32(u32),
    Hex64(u64),
    Time(Millis),
    /// The last number of a SID of the domain; 0 stands for nobody (`S-1-0-0`).
    Sid(u32),
}

/// Seconds from 1601 to 1970.
const EPOCH_SECONDS: i64 = 11_644_473_600;
/// The domain's own part of a SID.
const DOMAIN_SID: [u32; 4] = [21, 1_004_336_348, 1_177_238_915, 682_003_330];

/// Hundreds of nanoseconds since 1601.
fn filetime(at: Millis) -> u64 {
    ((at + EPOCH_SECONDS * 1000) * 10_000).unsigned_abs()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl Value {
    /// Its type in binary XML, and its bytes.
    fn encoded(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Text(text) => (0x01, wide(text)),
            Self::U8(value) => (0x04, vec![*value]),
            Self::U16(value) => (0x06, value.to_le_bytes().to_vec()),
            Self::U32(value) => (0x08, value.to_le_bytes().to_vec()),
            Self::U64(value) => (0x0a, value.to_le_bytes().to_vec()),
            Self::Hex32(value) => (0x14, value.to_le_bytes().to_vec()),
            Self::Hex64(value) => (0x15, value.to_le_bytes().to_vec()),
            Self::Time(at) => (0x11, filetime(*at).to_le_bytes().to_vec()),
            Self::Sid(0) => (0x13, vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Self::Sid(last) => {
                let mut bytes = vec![1, 5, 0, 0, 0, 0, 0, 5];
                DOMAIN_SID.iter().chain([last]).for_each(|part| bytes.extend(part.to_le_bytes()));
                (0x13, bytes)
            }
        }
    }
}

/// What records of one kind look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) provider: &'static str,
    pub(crate) guid: &'static str,
    pub(crate) event_id: u16,
    pub(crate) version: u8,
    pub(crate) level: u8,
    pub(crate) task: u16,
    pub(crate) keywords: u64,
    /// Element and namespace of `UserData`; without them the fields are `Data` elements of `EventData`.
    pub(crate) user_data: Option<(&'static str, &'static str)>,
    pub(crate) fields: &'static [&'static str],
}

/// Slots of the part of a record that is the same for every kind.
const SYSTEM_SLOTS: usize = 12;

enum Node {
    Element(String, Vec<(&'static str, Node)>, Vec<Node>),
    Text(String),
    /// The number of a slot and the type of its values.
    Slot(usize, u8),
}

fn element(name: &str, children: Vec<Node>) -> Node {
    Node::Element(name.to_owned(), Vec::new(), children)
}

impl Shape {
    /// A number of its own for each kind of record: what a definition is known by.
    fn id(&self) -> u32 {
        let named = format!("{}/{}/{}", self.provider, self.event_id, self.version);
        named.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    fn definition(&self, values: &[(u8, Vec<u8>)]) -> Node {
        let slot = |at: usize| Node::Slot(at, values.get(at).map_or(0x01, |v| v.0));
        let text = |text: &str| Node::Text(text.to_owned());
        let system = element(
            "System",
            vec![
                Node::Element("Provider".to_owned(), vec![("Name", text(self.provider)), ("Guid", text(self.guid))], vec![]),
                element("EventID", vec![slot(0)]),
                element("Version", vec![slot(1)]),
                element("Level", vec![slot(2)]),
                element("Task", vec![slot(3)]),
                element("Opcode", vec![slot(4)]),
                element("Keywords", vec![slot(5)]),
                Node::Element("TimeCreated".to_owned(), vec![("SystemTime", slot(6))], vec![]),
                element("EventRecordID", vec![slot(7)]),
                element("Correlation", vec![]),
                Node::Element("Execution".to_owned(), vec![("ProcessID", slot(8)), ("ThreadID", slot(9))], vec![]),
                element("Channel", vec![slot(10)]),
                element("Computer", vec![slot(11)]),
                element("Security", vec![]),
            ],
        );
        let fields = self.fields.iter().enumerate();
        let content = match self.user_data {
            None => {
                let data = |(at, name): (usize, &&'static str)| Node::Element("Data".to_owned(), vec![("Name", text(name))], vec![slot(SYSTEM_SLOTS + at)]);
                element("EventData", fields.map(data).collect())
            }
            Some((name, namespace)) => {
                let children = fields.map(|(at, name)| element(name, vec![slot(SYSTEM_SLOTS + at)])).collect();
                element("UserData", vec![Node::Element(name.to_owned(), vec![("xmlns", text(namespace))], children)])
            }
        };
        let xmlns = ("xmlns", text("http://schemas.microsoft.com/win/2004/08/events/event"));
        Node::Element("Event".to_owned(), vec![xmlns], vec![system, content])
    }
}

/// One record, before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Millis,
    pub(crate) shape: &'static Shape,
    pub(crate) process: u32,
    pub(crate) values: Vec<Value>,
}

/// A chunk being filled.
struct Chunk {
    bytes: Vec<u8>,
    names: HashMap<String, u32>,
    definitions: HashMap<u32, u32>,
    first: Option<u64>,
    last: u64,
    last_at: usize,
}

impl Chunk {
    fn new() -> Self {
        let mut bytes = vec![0; CHUNK_HEADER];
        bytes[..8].copy_from_slice(b"ElfChnk\0");
        bytes[40..44].copy_from_slice(&128_u32.to_le_bytes());
        Self { bytes, names: HashMap::new(), definitions: HashMap::new(), first: None, last: 0, last_at: CHUNK_HEADER }
    }

    /// Puts a new entry at the head of its bucket; what stood there before is its next.
    fn hang(&mut self, (table, buckets): (usize, u32), hash: u32, offset: u32) -> [u8; 4] {
        let at = table + (hash % buckets) as usize * 4;
        let mut before = [0; 4];
        before.copy_from_slice(&self.bytes[at..at + 4]);
        self.bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
        before
    }

    /// A name's place; the name itself where it is first used.
    fn name(&mut self, out: &mut Vec<u8>, at: usize, name: &str) {
        if let Some(offset) = self.names.get(name) {
            return out.extend(offset.to_le_bytes());
        }
        let offset = (at + out.len() + 4) as u32;
        self.names.insert(name.to_owned(), offset);
        let hash = name.encode_utf16().fold(0_u32, |hash, c| hash.wrapping_mul(65_599).wrapping_add(u32::from(c))) & 0xffff;
        out.extend(offset.to_le_bytes());
        out.extend(self.hang(NAMES, hash, offset));
        out.extend((hash as u16).to_le_bytes());
        out.extend((name.encode_utf16().count() as u16).to_le_bytes());
        out.extend(wide(name));
        out.extend([0; 2]);
    }

    /// Writes a node that will stand at `at` of the chunk. Depth is that of [`Shape::definition`].
    fn node(&mut self, out: &mut Vec<u8>, at: usize, node: &Node) {
        match node {
            Node::Text(text) => {
                out.extend([0x05, 0x01]);
                out.extend((text.encode_utf16().count() as u16).to_le_bytes());
                out.extend(wide(text));
            }
            Node::Slot(slot, kind) => {
                out.push(0x0e);
                out.extend((*slot as u16).to_le_bytes());
                out.push(*kind);
            }
            Node::Element(name, attributes, children) => {
                out.push(if attributes.is_empty() { 0x01 } else { 0x41 });
                out.extend([0xff, 0xff]);
                let size = hole(out);
                self.name(out, at, name);
                if let Some(last) = attributes.len().checked_sub(1) {
                    let list = hole(out);
                    for (number, (name, value)) in attributes.iter().enumerate() {
                        out.push(if number < last { 0x46 } else { 0x06 });
                        self.name(out, at, name);
                        self.node(out, at, value);
                    }
                    fill(out, list);
                }
                if children.is_empty() {
                    out.push(0x03);
                } else {
                    out.push(0x02);
                    children.iter().for_each(|child| self.node(out, at, child));
                    out.push(0x04);
                }
                fill(out, size);
            }
        }
    }

    /// The content of a record: an instance of its definition, which comes with it where it is first used.
    fn instance(&mut self, at: usize, shape: &Shape, values: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let id = shape.id();
        let mut out = vec![0x0f, 1, 1, 0, 0x0c, 1];
        out.extend(id.to_le_bytes());
        if let Some(offset) = self.definitions.get(&id) {
            out.extend(offset.to_le_bytes());
        } else {
            let offset = (at + out.len() + 4) as u32;
            self.definitions.insert(id, offset);
            out.extend(offset.to_le_bytes());
            out.extend(self.hang(DEFINITIONS, id, offset));
            // A GUID that begins with the id.
            out.extend(id.to_le_bytes());
            out.extend(id.rotate_left(13).to_le_bytes());
            out.extend(id.wrapping_mul(0x9e37_79b1).to_le_bytes());
            out.extend(id.wrapping_mul(0x85eb_ca77).to_le_bytes());
            let size = hole(&mut out);
            out.extend([0x0f, 1, 1, 0]);
            self.node(&mut out, at, &shape.definition(values));
            out.push(0);
            fill(&mut out, size);
        }
        out.extend((values.len() as u32).to_le_bytes());
        for (kind, bytes) in values {
            out.extend((bytes.len() as u16).to_le_bytes());
            out.extend([*kind, 0]);
        }
        values.iter().for_each(|(_, bytes)| out.extend(bytes));
        out.push(0);
        out
    }

    /// Adds a record; nothing is changed and `false` comes back where there is no room for it.
    fn record(&mut self, id: u64, at: Millis, shape: &Shape, values: &[(u8, Vec<u8>)]) -> bool {
        // A definition that the chunk has already changes nothing of it.
        let is_new = !self.definitions.contains_key(&shape.id());
        let before = is_new.then(|| (self.bytes[..CHUNK_HEADER].to_vec(), self.names.clone(), self.definitions.clone()));
        let start = self.bytes.len();
        let content = self.instance(start + 24, shape, values);
        let size = (24 + content.len() + 4).next_multiple_of(8);
        if start + size > CHUNK {
            if let Some((header, names, definitions)) = before {
                self.bytes[..CHUNK_HEADER].copy_from_slice(&header);
                (self.names, self.definitions) = (names, definitions);
            }
            return false;
        }
        self.bytes.extend(b"**\0\0");
        self.bytes.extend((size as u32).to_le_bytes());
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend(filetime(at).to_le_bytes());
        self.bytes.extend(content);
        self.bytes.resize(start + size - 4, 0);
        self.bytes.extend((size as u32).to_le_bytes());
        self.first.get_or_insert(id);
        (self.last, self.last_at) = (id, start);
        true
    }

    /// The whole chunk, with its header and both checksums.
    fn finish(mut self) -> Vec<u8> {
        let free = self.bytes.len();
        let first = self.first.unwrap_or(1);
        for (at, value) in [(8, first), (16, self.last), (24, first), (32, self.last)] {
            self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        self.bytes[44..48].copy_from_slice(&(self.last_at as u32).to_le_bytes());
        self.bytes[48..52].copy_from_slice(&(free as u32).to_le_bytes());
        let records = crc32fast::hash(&self.bytes[CHUNK_HEADER..free]);
        self.bytes[52..56].copy_from_slice(&records.to_le_bytes());
        let header = crc32fast::hash(&[&self.bytes[..120], &self.bytes[128..CHUNK_HEADER]].concat());
        self.bytes[124..128].copy_from_slice(&header.to_le_bytes());
        self.bytes.resize(CHUNK, 0);
        self.bytes
    }
}

/// Leaves room for a length.
fn hole(out: &mut Vec<u8>) -> usize {
    out.extend([0; 4]);
    out.len()
}

/// Writes the length of what came since.
fn fill(out: &mut [u8], from: usize) {
    let length = (out.len() - from) as u32;
    out[from - 4..from].copy_from_slice(&length.to_le_bytes());
}

/// One log file being written.
struct Open {
    path: PathBuf,
    file: File,
    chunk: Chunk,
    chunks: u64,
}

/// A channel of a host: its records are counted on through all of its files.
pub(crate) struct Channel {
    host: &'static str,
    name: &'static str,
    next: u64,
    open: Option<Open>,
    written: u64,
}

impl Channel {
    /// A channel whose records are counted from `first` on. It writes nowhere until a file is opened.
    pub(crate) fn new(host: &'static str, name: &'static str, first: u64) -> Self {
        Self { host, name, next: first, open: None, written: 0 }
    }

    /// Bytes of records so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Closes the file, and goes on in a new one; in none, if there is no path: records are counted and lost.
    pub(crate) fn go_on_in(&mut self, path: Option<PathBuf>) -> Result<(), DrillError> {
        self.close()?;
        let Some(path) = path else { return Ok(()) };
        let failed = |source: io::Error| DrillError::Write { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::create(&path).map_err(failed)?;
        file.write_all(&[0; FILE_HEADER]).map_err(failed)?;
        self.open = Some(Open { path, file, chunk: Chunk::new(), chunks: 0 });
        Ok(())
    }

    /// Writes a record. Records come in order of time.
    pub(crate) fn write(&mut self, entry: &Entry) -> Result<(), DrillError> {
        let id = self.next;
        self.next += 1;
        let shape = entry.shape;
        let mut values: Vec<Value> = vec![
            Value::U16(shape.event_id),
            Value::U8(shape.version),
            Value::U8(shape.level),
            Value::U16(shape.task),
            Value::U8(0),
            Value::Hex64(shape.keywords),
            Value::Time(entry.at),
            Value::U64(id),
            Value::U32(entry.process),
            Value::U32(entry.process + 4 * (1 + (id % 9) as u32)),
            Value::Text(self.name.to_owned()),
            Value::Text(self.host.to_owned()),
        ];
        values.extend(entry.values.iter().cloned());
        let values: Vec<(u8, Vec<u8>)> = values.iter().map(Value::encoded).collect();
        self.written += values.iter().map(|(_, bytes)| bytes.len() as u64 + 4).sum::<u64>() + 64;
        let Some(open) = &mut self.open else { return Ok(()) };
        if !open.chunk.record(id, entry.at, shape, &values) {
            open.next_chunk()?;
            open.chunk.record(id, entry.at, shape, &values);
        }
        Ok(())
    }

    /// Writes the last chunk and the header.
    pub(crate) fn close(&mut self) -> Result<(), DrillError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.next_chunk()?;
        let header = file_header(open.chunks, self.next);
        let failed = |source: io::Error| DrillError::Write { path: open.path.clone(), source };
        open.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        open.file.write_all(&header).and_then(|()| open.file.flush()).map_err(failed)
    }
}

impl Open {
    fn next_chunk(&mut self) -> Result<(), DrillError> {
        let full = std::mem::replace(&mut self.chunk, Chunk::new()).finish();
        self.chunks += 1;
        self.file.write_all(&full).map_err(|source| DrillError::Write { path: self.path.clone(), source })
    }
}

fn file_header(chunks: u64, next_record: u64) -> Vec<u8> {
    let mut bytes = vec![0; FILE_HEADER];
    bytes[..8].copy_from_slice(b"ElfFile\0");
    bytes[16..24].copy_from_slice(&chunks.saturating_sub(1).to_le_bytes());
    bytes[24..32].copy_from_slice(&next_record.to_le_bytes());
    bytes[32..36].copy_from_slice(&128_u32.to_le_bytes());
    // Version 3.1, and the header's own 4096 bytes.
    for (at, value) in [(36, 1_u16), (38, 3), (40, FILE_HEADER as u16), (42, u16::try_from(chunks).unwrap_or(u16::MAX))] {
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    let checksum = crc32fast::hash(&bytes[..120]);
    bytes[124..128].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    static SHAPE: Shape = Shape {
        provider: "Example-Provider",
        guid: "{00000000-0000-0000-0000-000000000001}",
        event_id: 1,
        version: 0,
        level: 4,
        task: 0,
        keywords: 0,
        user_data: None,
        fields: &["First", "Second"],
    };

    fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
        bytes[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn written() -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.evtx");
        let mut channel = Channel::new("pc1", "Example", 7);
        channel.go_on_in(Some(path.clone())).expect("a file");
        for n in 0..1_000 {
            let values = vec![Value::Text(format!("value {n}")), Value::Hex64(n)];
            channel.write(&Entry { at: n as i64, shape: &SHAPE, process: 4, values }).expect("room on the disk");
        }
        channel.close().expect("room on the disk");
        std::fs::read(path).expect("the file")
    }

    #[test]
    fn the_headers_say_what_is_there() {
        let bytes = written();
        let chunks = number(&bytes, 42, 2) as usize;
        assert_eq!((bytes.len(), number(&bytes, 16, 8) as usize, number(&bytes, 24, 8)), (FILE_HEADER + chunks * CHUNK, chunks - 1, 1_007));
        let mut next = 7;
        for chunk in bytes[FILE_HEADER..].chunks(CHUNK) {
            let (first, last, last_at, free) = (number(chunk, 24, 8), number(chunk, 32, 8), number(chunk, 44, 4) as usize, number(chunk, 48, 4) as usize);
            assert_eq!((first, number(chunk, last_at + 8, 8)), (next, last));
            assert_eq!(last_at + number(chunk, last_at + 4, 4) as usize, free);
            next = last + 1;
        }
        assert_eq!(next, 1_007);
    }

    #[test]
    fn every_name_hangs_in_the_bucket_of_its_hash() {
        let bytes = written();
        let chunk = &bytes[FILE_HEADER..FILE_HEADER + CHUNK];
        let mut names = Vec::new();
        for bucket in 0..64 {
            let mut at = number(chunk, NAMES.0 + bucket * 4, 4) as usize;
            while at != 0 {
                assert_eq!(number(chunk, at + 4, 2) as usize % 64, bucket);
                let length = number(chunk, at + 6, 2) as usize;
                names.push(String::from_utf16_lossy(&(0..length).map(|n| number(chunk, at + 8 + 2 * n, 2) as u16).collect::<Vec<_>>()));
                at = number(chunk, at, 4) as usize;
            }
        }
        names.sort();
        let expected = [
            "Channel",
            "Computer",
            "Correlation",
            "Data",
            "Event",
            "EventData",
            "EventID",
            "EventRecordID",
            "Execution",
            "Guid",
            "Keywords",
            "Level",
            "Name",
            "Opcode",
            "ProcessID",
            "Provider",
            "Security",
            "System",
            "SystemTime",
            "Task",
            "ThreadID",
            "TimeCreated",
            "Version",
            "xmlns",
        ];
        assert_eq!(names, expected);
    }
}
