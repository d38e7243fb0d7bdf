//! Windows event logs (EVTX): a stream of bytes to records, each a [`LogRecord`] that is decoded on demand.
//!
//! A log is a header of 4 KiB and chunks of 64 KiB. A chunk stands alone: it holds the definitions that its records use.
//! So [`Chunks`] cuts a stream into chunks, a [`ChunkReader`] reads one of them, and several may work on several threads;
//! what comes out of a chunk does not depend on any other. Nothing that a header says is trusted but the place of the
//! chunk itself: not the number of chunks, not flags, not where records end.
//!
//! Format: libevtx, "Windows XML Event Log (EVTX) format"; tokens and values: \[MS-EVEN6\] 2.2.12 to 2.2.16. Memory is
//! bounded by a few chunks, work by the bytes read: no definition can contain itself, no record gives more than a few
//! times its own size, and every place that bytes point to is checked.

mod chunks;
mod cursor;
mod record;
mod template;
mod value;

use std::cell::{Cell, OnceCell, RefCell};
use std::io::{self, Read};
use std::ops::ControlFlow;

use memchr::memmem::Finder;
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::LogRecord;

pub use chunks::{CHUNK_BYTES, Chunk, Chunks};

use cursor::Cursor;
use record::{Decoded, HeadFacts, Root, Start, View, after_header};
use template::{Match, Section, Slot, Template, Templates, Unreadable, read_instance};

/// What a log's first bytes are.
pub const FILE_MAGIC: &[u8; 8] = b"ElfFile\0";
/// What a chunk's first bytes are.
pub const CHUNK_MAGIC: &[u8; 8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8; 4] = b"**\0\0";

/// Bytes of a chunk before its first record.
const CHUNK_HEADER: usize = 512;
/// Bytes of a record before its tokens: magic, size, id and time.
const RECORD_HEADER: usize = 24;
/// The smallest record: a header, and its size once more at the end.
const RECORD_MIN: usize = RECORD_HEADER + 4;

/// Something of a log that could not be read, or that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where, in the artefact.
    pub offset: u64,
    /// How many bytes it concerns.
    pub length: u64,
    /// Id of the record, if it is one.
    pub record_id: Option<u64>,
    /// Whether a record was lost by it; else it is only noted.
    pub is_loss: bool,
    /// What is wrong. Never holds the log's own bytes.
    pub reason: &'static str,
}

/// Receives what a log holds.
pub trait Visit {
    /// Takes one record. `Break` ends the reading.
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()>;

    /// Takes one damage. Damages of a kind are told once for each chunk.
    fn damage(&mut self, damage: Damage);
}

/// Reads a log to its end, chunk after chunk: live records in the order of the file, behind those of a chunk the ones
/// carved from its slack.
///
/// # Errors
/// If reading the stream fails; what came before was visited.
pub fn read_records(input: &mut dyn Read, artefact: &ArtefactId, visit: &mut dyn Visit) -> io::Result<()> {
    let mut chunks = Chunks::new(input);
    let mut reader = ChunkReader::new(artefact);
    while let Some(chunk) = chunks.next()? {
        if let Some(damage) = chunk.damage {
            visit.damage(damage);
        }
        if reader.read(chunk.bytes, chunk.offset, visit).is_break() {
            break;
        }
    }
    Ok(())
}

/// Finds one record again by its place, to show it: its bytes alone say little without the definitions of its chunk.
/// Whether it was found.
///
/// # Errors
/// If reading the stream fails.
pub fn find_record(input: &mut dyn Read, place: &EventRef, show: &mut dyn FnMut(&dyn LogRecord)) -> io::Result<bool> {
    struct Find<'f> {
        place: &'f EventRef,
        show: &'f mut dyn FnMut(&dyn LogRecord),
    }
    impl Visit for Find<'_> {
        fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
            if record.place() != *self.place {
                return ControlFlow::Continue(());
            }
            (self.show)(record);
            ControlFlow::Break(())
        }

        fn damage(&mut self, _damage: Damage) {}
    }
    let mut find = Find { place, show };
    let mut chunks = Chunks::new(input);
    let mut reader = ChunkReader::new(&place.artefact);
    while let Some(chunk) = chunks.next()? {
        let holds = (chunk.offset..chunk.offset + chunk.bytes.len() as u64).contains(&place.offset);
        if holds {
            return Ok(reader.read(chunk.bytes, chunk.offset, &mut find).is_break());
        }
    }
    Ok(false)
}

/// Reads chunks, one at a time. It keeps buffers from one to the next, and nothing else: each thread makes one of its own.
pub struct ChunkReader {
    artefact: ArtefactId,
    templates: RefCell<Templates>,
    head: HeadFacts,
    slots: Vec<Slot>,
    spare: Cell<Decoded>,
    magic: Finder<'static>,
}

impl ChunkReader {
    /// For chunks of this artefact.
    pub fn new(artefact: &ArtefactId) -> Self {
        Self {
            artefact: artefact.clone(),
            templates: RefCell::default(),
            head: HeadFacts::default(),
            slots: Vec::new(),
            spare: Cell::default(),
            magic: Finder::new(RECORD_MAGIC),
        }
    }

    /// Reads one chunk, or what is left of one; `offset` is its place in the artefact. Bytes that begin with no chunk's
    /// header are searched for records, whose definitions are then missing.
    pub fn read(&mut self, bytes: &[u8], offset: u64, visit: &mut dyn Visit) -> ControlFlow<()> {
        self.templates.borrow_mut().clear();
        let mut walk = Walk { bytes, offset, told: Vec::new(), visit };
        if !bytes.starts_with(CHUNK_MAGIC) {
            return self.carve(&mut walk, 0, bytes.len(), Ends::Whole);
        }
        let free = check_header(&mut walk);
        let end = self.live(&mut walk, free)?;
        self.carve(&mut walk, end, bytes.len(), Ends::Whole)
    }

    /// Visits the records that the chunk counts as its own; where they end.
    fn live(&mut self, walk: &mut Walk<'_, '_>, free: usize) -> ControlFlow<(), usize> {
        let mut at = CHUNK_HEADER;
        let mut previous: Option<u64> = None;
        loop {
            let record = Found::at(walk.bytes, at);
            // Behind a header that was not brought up to date, records go on without a break.
            let is_live = |found: &Found| at < free || found.is_closed(walk.bytes) && previous.and_then(|id| id.checked_add(1)) == Some(found.id);
            match record.filter(is_live) {
                Some(found) => {
                    previous = Some(found.id);
                    self.visit(walk, found, Standing::Live)?;
                    at = found.end();
                }
                None if at >= free => return ControlFlow::Continue(at.min(walk.bytes.len())),
                None => {
                    let rest = walk.bytes.get(at..free).unwrap_or_default();
                    if rest.iter().all(|b| *b == 0) {
                        return ControlFlow::Continue(at.min(walk.bytes.len()));
                    }
                    walk.tell(at, rest.len(), None, Loss::Yes, "bytes among the records that are no record");
                    let Some(next) = self.next_record(walk.bytes, at + 1, free, Ends::Whole) else { return ControlFlow::Continue(free) };
                    at = next;
                }
            }
        }
    }

    fn next_record(&self, bytes: &[u8], from: usize, to: usize, ends: Ends) -> Option<usize> {
        let mut from = from;
        while let Some(at) = self.magic.find(bytes.get(from..to)?).map(|i| from + i) {
            let is_one = |found: Found| found.is_closed(bytes) || ends == Ends::AtOuter(found.end()) && found.is_plausible();
            if Found::at(bytes, at).is_some_and(is_one) {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }

    /// Visits what is left of older records: whole ones only.
    fn carve(&mut self, walk: &mut Walk<'_, '_>, from: usize, to: usize, ends: Ends) -> ControlFlow<()> {
        let mut from = from;
        while let Some(at) = self.next_record(walk.bytes, from, to, ends) {
            let Some(found) = Found::at(walk.bytes, at).filter(|found| found.end() <= to) else {
                from = at + 1;
                continue;
            };
            self.visit(walk, found, Standing::Carved)?;
            from = found.end();
        }
        ControlFlow::Continue(())
    }

    fn visit(&mut self, walk: &mut Walk<'_, '_>, found: Found, standing: Standing) -> ControlFlow<()> {
        let mut cursor = Cursor::new(walk.bytes, found.at + RECORD_HEADER, found.end() - 4);
        let is_carved = standing == Standing::Carved;
        let must_match = if is_carved { Match::Required } else { Match::Assumed };
        let root = match root(walk.bytes, &self.templates, &mut cursor, &mut self.slots, must_match) {
            Ok(root) => root,
            Err(reason) => {
                if is_carved {
                    return ControlFlow::Continue(()); // bytes that only look like a record
                }
                walk.tell_each(found.at, found.size, Some(found.id), Loss::Yes, reason);
                return ControlFlow::Continue(());
            }
        };
        if root.template.is_none() && !is_carved {
            walk.tell(found.at, found.size, Some(found.id), Loss::No, "records without the definition of their fields: their values are kept without names");
        } else if root.is_cut {
            walk.tell(found.at, found.size, Some(found.id), Loss::No, "records whose values reach beyond their end");
        }
        self.head.read(walk.bytes, &root);
        let used = cursor.at();
        let view = View {
            artefact: &self.artefact,
            offset: walk.offset + found.at as u64,
            length: found.size as u32,
            is_carved,
            id: found.id,
            written_micros: value::micros(found.filetime),
            chunk: walk.bytes,
            templates: &self.templates,
            root,
            head: &self.head,
            decoded: OnceCell::new(),
            spare: &self.spare,
        };
        walk.visit.record(&view)?;
        if let Some(decoded) = view.decoded.into_inner() {
            self.spare.set(decoded);
        }
        // A record may be made to swallow the next one, which hides it from Windows' own viewer.
        if !is_carved && found.end() - used >= RECORD_MIN {
            let (from, to, ends) = (used, found.end(), Ends::AtOuter(found.end()));
            if self.next_record(walk.bytes, from, to, ends).is_some() {
                walk.tell(found.at, found.size, Some(found.id), Loss::No, "a record hides inside another one");
                return self.carve(walk, from, to, ends);
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a record's tokens are; an error is a reason.
fn root<'s>(
    chunk: &[u8],
    templates: &RefCell<Templates>,
    cursor: &mut Cursor<'_>,
    slots: &'s mut Vec<Slot>,
    must_match: Match,
) -> Result<Root<'s>, &'static str> {
    slots.clear();
    match after_header(cursor) {
        None => Err("a record without any content"),
        Some(Start::Direct(at)) => {
            let end = cursor.at() + cursor.left();
            let template = templates.borrow_mut().direct(chunk, at, end, Section::Top).map_err(reason)?;
            cursor.take(cursor.left());
            Ok(Root { template: Some(template), slots, is_cut: false })
        }
        Some(Start::Instance) => {
            let instance = read_instance(cursor, slots).ok_or("a record whose values are cut off")?;
            let template = templates.borrow_mut().definition(chunk, instance.definition, instance.id, Section::Top, must_match);
            let template: Option<std::rc::Rc<Template>> = template.ok();
            Ok(Root { template, slots, is_cut: instance.is_cut })
        }
    }
}

fn reason(unreadable: Unreadable) -> &'static str {
    match unreadable {
        Unreadable::Missing => "the definition of a record's fields is missing",
        Unreadable::Damaged => "a record whose content is damaged",
        Unreadable::TooMuch => "a record that asks for more than a chunk can hold",
    }
}

/// Where the chunk says that its records end; to be doubted.
fn check_header(walk: &mut Walk<'_, '_>) -> usize {
    const NO_CHECKSUM: u32 = 4;
    let number = |at: usize| Cursor::new(walk.bytes, at, at + 4).u32().unwrap_or(0);
    let (free, checksum, flags, header_checksum) = (number(48) as usize, number(52), number(120), number(124));
    let usable = (CHUNK_HEADER..=walk.bytes.len()).contains(&free);
    let (from, to) = if usable { (CHUNK_HEADER, free) } else { (CHUNK_HEADER.min(walk.bytes.len()), walk.bytes.len()) };
    if walk.bytes.len() < CHUNK_BYTES {
        walk.tell(0, walk.bytes.len(), None, Loss::Yes, "truncated: a chunk that is not whole");
    } else if !usable {
        walk.tell(0, CHUNK_HEADER, None, Loss::No, "a chunk whose header says no place where its records end");
    }
    if flags & NO_CHECKSUM == 0 && walk.bytes.len() >= CHUNK_HEADER {
        let head = crc32fast::hash(&[&walk.bytes[..120], &walk.bytes[128..CHUNK_HEADER]].concat());
        if head != header_checksum || usable && crc32fast::hash(&walk.bytes[from..to]) != checksum {
            walk.tell(0, walk.bytes.len(), None, Loss::No, "a chunk whose checksum does not fit: it was changed, or not closed; it was read all the same");
        }
    }
    to
}

/// A chunk being read.
struct Walk<'b, 'v> {
    bytes: &'b [u8],
    offset: u64,
    told: Vec<&'static str>,
    visit: &'v mut dyn Visit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Loss {
    Yes,
    No,
}

/// How a carved record must end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// With its own size.
    Whole,
    /// So, or where the record ends that swallowed it, whose size then stands there.
    AtOuter(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Live,
    Carved,
}

impl Walk<'_, '_> {
    /// Tells of a damage, once for each chunk.
    fn tell(&mut self, at: usize, length: usize, record_id: Option<u64>, loss: Loss, reason: &'static str) {
        if !self.told.contains(&reason) {
            self.told.push(reason);
            self.tell_each(at, length, record_id, loss, reason);
        }
    }

    fn tell_each(&mut self, at: usize, length: usize, record_id: Option<u64>, loss: Loss, reason: &'static str) {
        let offset = self.offset + at as u64;
        self.visit.damage(Damage { offset, length: length as u64, record_id, is_loss: loss == Loss::Yes, reason });
    }
}

/// A record's header.
#[derive(Clone, Copy, Debug)]
struct Found {
    at: usize,
    size: usize,
    id: u64,
    filetime: u64,
}

impl Found {
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(bytes, at, bytes.len());
        let magic = cursor.take(4)?;
        let size = cursor.u32()? as usize;
        let (id, filetime) = (cursor.u64()?, cursor.u64()?);
        let fits = magic == RECORD_MAGIC && size >= RECORD_MIN && size <= bytes.len() - at;
        fits.then_some(Self { at, size, id, filetime })
    }

    fn end(&self) -> usize {
        self.at + self.size
    }

    /// Whether its size stands at its end once more, and its id and time can be ones.
    fn is_closed(&self, bytes: &[u8]) -> bool {
        let size = Cursor::new(bytes, self.end() - 4, self.end()).u32();
        size.map(|size| size as usize) == Some(self.size) && self.is_plausible()
    }

    fn is_plausible(&self) -> bool {
        const YEAR_1980: u64 = 119_600_064_000_000_000;
        const YEAR_2200: u64 = 189_000_000_000_000_000;
        self.id != 0 && (YEAR_1980..YEAR_2200).contains(&self.filetime)
    }
}
