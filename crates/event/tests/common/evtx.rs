//! Writes Windows event logs for tests, honest and otherwise: chunks with names, definitions and records of their own.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;

pub const CHUNK: usize = 64 << 10;
/// 2026-11-23T20:42:57Z
pub const TIME: u64 = 134_399_401_770_000_000;

/// A value of a record: its type and its bytes.
#[derive(Clone, Debug)]
pub struct Value(pub u8, pub Vec<u8>);

pub fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub fn text(text: &str) -> Value {
    Value(1, wide(text))
}

pub fn u16_value(value: u16) -> Value {
    Value(6, value.to_le_bytes().to_vec())
}

pub fn u64_value(value: u64) -> Value {
    Value(10, value.to_le_bytes().to_vec())
}

pub fn time(filetime: u64) -> Value {
    Value(0x11, filetime.to_le_bytes().to_vec())
}

/// Strings, each ended by a NUL.
pub fn strings(items: &[&str]) -> Value {
    Value(0x81, items.iter().flat_map(|item| wide(&format!("{item}\0"))).collect())
}

/// What stands in a definition.
#[derive(Clone, Debug)]
pub enum Node {
    /// Name, attributes, children.
    Element(&'static str, Vec<(&'static str, Node)>, Vec<Node>),
    Text(String),
    Slot(u16),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

pub fn element(name: &'static str, children: Vec<Node>) -> Node {
    Node::Element(name, Vec::new(), children)
}

/// `<Data Name="…">slot</Data>`
pub fn data(name: &str, slot: u16) -> Node {
    Node::Element("Data", vec![("Name", Node::Text(name.to_owned()))], vec![Node::Slot(slot)])
}

/// The usual head of a record, with slots 0 to 5: provider, event id, time, record id, channel, computer. `content`
/// stands beside `System`.
pub fn event(content: Vec<Node>) -> Node {
    let system = element(
        "System",
        vec![
            Node::Element("Provider", vec![("Name", Node::Slot(0))], vec![]),
            element("EventID", vec![Node::Slot(1)]),
            Node::Element("TimeCreated", vec![("SystemTime", Node::Slot(2))], vec![]),
            element("EventRecordID", vec![Node::Slot(3)]),
            element("Channel", vec![Node::Slot(4)]),
            element("Computer", vec![Node::Slot(5)]),
        ],
    );
    let xmlns = ("xmlns", Node::Text("http://schemas.microsoft.com/win/2004/08/events/event".to_owned()));
    Node::Element("Event", vec![xmlns], std::iter::once(system).chain(content).collect())
}

/// Values for the slots of [`event`], and more behind them.
pub fn values(provider: &str, event_id: u16, record_id: u64, channel: &str, more: Vec<Value>) -> Vec<Value> {
    let mut values =
        vec![text(provider), u16_value(event_id), time(TIME + record_id * 10_000_000), u64_value(record_id), text(channel), text("pc1.example.org")];
    values.extend(more);
    values
}

/// A chunk being written.
pub struct Chunk {
    pub bytes: Vec<u8>,
    names: HashMap<String, u32>,
    definitions: HashMap<u32, u32>,
    ids: Vec<u64>,
    last: usize,
}

impl Chunk {
    pub fn new() -> Self {
        let mut bytes = vec![0; 512];
        bytes[..8].copy_from_slice(b"ElfChnk\0");
        Self { bytes, names: HashMap::new(), definitions: HashMap::new(), ids: Vec::new(), last: 512 }
    }

    /// Where a name was written.
    pub fn name_offset(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    fn name(&mut self, out: &mut Vec<u8>, at: usize, name: &str) {
        if let Some(offset) = self.names.get(name) {
            return out.extend(offset.to_le_bytes());
        }
        let offset = (at + out.len() + 4) as u32;
        self.names.insert(name.to_owned(), offset);
        out.extend(offset.to_le_bytes());
        out.extend([0; 6]);
        out.extend((name.encode_utf16().count() as u16).to_le_bytes());
        out.extend(wide(name));
        out.extend([0; 2]);
    }

    fn node(&mut self, out: &mut Vec<u8>, at: usize, node: &Node, is_definition: bool) {
        match node {
            Node::Element(name, attributes, children) => {
                out.push(if attributes.is_empty() { 0x01 } else { 0x41 });
                if is_definition {
                    out.extend([0xff, 0xff]);
                }
                out.extend([0; 4]);
                self.name(out, at, name);
                if !attributes.is_empty() {
                    out.extend([0; 4]);
                }
                for (name, value) in attributes {
                    out.push(0x06);
                    self.name(out, at, name);
                    self.node(out, at, value, is_definition);
                }
                if children.is_empty() {
                    return out.push(0x03);
                }
                out.push(0x02);
                children.iter().for_each(|child| self.node(out, at, child, is_definition));
                out.push(0x04);
            }
            Node::Text(text) => {
                out.extend([0x05, 0x01]);
                out.extend((text.encode_utf16().count() as u16).to_le_bytes());
                out.extend(wide(text));
            }
            Node::Slot(slot) => {
                out.push(0x0e);
                out.extend(slot.to_le_bytes());
                out.push(0x01);
            }
            Node::Raw(bytes) => out.extend(bytes),
        }
    }

    /// A template instance that will stand at `at` of the chunk; the definition comes with it when it is first used.
    pub fn instance(&mut self, at: usize, id: u32, root: &Node, values: &[Value]) -> Vec<u8> {
        let mut out = vec![0x0f, 1, 1, 0, 0x0c, 1];
        out.extend(id.to_le_bytes());
        match self.definitions.get(&id) {
            Some(offset) => out.extend(offset.to_le_bytes()),
            None => {
                let offset = (at + out.len() + 4) as u32;
                self.definitions.insert(id, offset);
                out.extend(offset.to_le_bytes());
                let head = out.len();
                out.extend([0; 24]);
                out[head + 4..head + 8].copy_from_slice(&id.to_le_bytes());
                let start = out.len();
                out.extend([0x0f, 1, 1, 0]);
                self.node(&mut out, at, root, true);
                out.push(0);
                let length = (out.len() - start) as u32;
                out[head + 20..head + 24].copy_from_slice(&length.to_le_bytes());
            }
        }
        out.extend((values.len() as u32).to_le_bytes());
        for Value(kind, bytes) in values {
            out.extend((bytes.len() as u16).to_le_bytes());
            out.extend([*kind, 0]);
        }
        values.iter().for_each(|Value(_, bytes)| out.extend(bytes));
        out.push(0);
        out
    }

    /// Where the next record's content will stand.
    pub fn content_at(&self) -> usize {
        self.bytes.len() + 24
    }

    /// Adds a record of any content.
    pub fn raw_record(&mut self, id: u64, filetime: u64, content: &[u8]) -> &mut Self {
        self.last = self.bytes.len();
        let size = (24 + content.len() + 4).next_multiple_of(8);
        self.bytes.extend(b"**\0\0");
        self.bytes.extend((size as u32).to_le_bytes());
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend(filetime.to_le_bytes());
        self.bytes.extend(content);
        let padding = size - 24 - content.len() - 4;
        self.bytes.extend(vec![0; padding]);
        self.bytes.extend((size as u32).to_le_bytes());
        self.ids.push(id);
        self
    }

    /// Adds a record that uses a definition.
    pub fn record(&mut self, id: u64, definition: u32, root: &Node, values: &[Value]) -> &mut Self {
        let content = self.instance(self.content_at(), definition, root, values);
        self.raw_record(id, TIME + id * 10_000_000, &content)
    }

    /// The chunk, its header filled in and its checksums right; `slack` follows the last record.
    pub fn finish_with(&self, slack: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let free = bytes.len();
        let (first, last) = (self.ids.first().copied().unwrap_or(0), self.ids.last().copied().unwrap_or(0));
        for (at, value) in [(8, first), (16, last), (24, first), (32, last)] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(40, 128), (44, self.last as u32), (48, free as u32)] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes.extend(slack);
        assert!(bytes.len() <= CHUNK, "a chunk holds 64 KiB");
        bytes.resize(CHUNK, 0);
        seal(&mut bytes, free);
        bytes
    }

    pub fn finish(&self) -> Vec<u8> {
        self.finish_with(&[])
    }
}

/// Writes both checksums of a chunk.
pub fn seal(chunk: &mut [u8], free: usize) {
    let events = crc32fast::hash(&chunk[512..free]);
    chunk[52..56].copy_from_slice(&events.to_le_bytes());
    let header = crc32fast::hash(&[&chunk[..120], &chunk[128..512]].concat());
    chunk[124..128].copy_from_slice(&header.to_le_bytes());
}

/// A log of these chunks.
pub fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..8].copy_from_slice(b"ElfFile\0");
    bytes[16..24].copy_from_slice(&(chunks.len() as u64).saturating_sub(1).to_le_bytes());
    bytes[32..36].copy_from_slice(&128_u32.to_le_bytes());
    bytes[36..42].copy_from_slice(&[1, 0, 3, 0, 0, 16]);
    bytes[42..44].copy_from_slice(&(chunks.len() as u16).to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..120]);
    bytes[124..128].copy_from_slice(&checksum.to_le_bytes());
    chunks.iter().for_each(|chunk| bytes.extend(chunk));
    bytes
}
