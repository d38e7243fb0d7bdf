//! One record as a [`LogRecord`]: what stands in its header is read at once, its fields when somebody asks.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::record::{FieldList, FieldValue, LogRecord};
use strandline_model::time::Instant;

use super::cursor::Cursor;
use super::template::{Leaf, Match, Name, Piece, Section, Slot, Template, Templates, Unreadable, read_instance};
use super::value::{self, Scalar};

/// Fragments within fragments. Windows nests one.
const NESTING_MAX: usize = 8;
/// What a record may ask for beyond its own size: definitions hold texts that a record only points to.
const SPARE_BYTES: usize = 32 << 10;
const SPARE_FIELDS: usize = 1024;

/// A record, borrowed from its chunk.
pub(super) struct View<'v> {
    pub artefact: &'v ArtefactId,
    /// Offset in the artefact.
    pub offset: u64,
    pub length: u32,
    pub is_carved: bool,
    /// Id and time of the record's own header.
    pub id: u64,
    pub written_micros: i64,
    pub chunk: &'v [u8],
    pub templates: &'v RefCell<Templates>,
    pub root: Root<'v>,
    pub head: &'v HeadFacts,
    pub decoded: OnceCell<Decoded>,
    /// The buffers of the record before, to be used again.
    pub spare: &'v Cell<Decoded>,
}

/// What a record's tokens are.
pub(super) struct Root<'v> {
    /// `None` where the definition is missing: the values are there without their names.
    pub template: Option<Rc<Template>>,
    pub slots: &'v [Slot],
    pub is_cut: bool,
}

/// Header facts of the record at hand. Texts are kept from record to record: they repeat.
#[derive(Default)]
pub(super) struct HeadFacts {
    channel: Repeated,
    provider: Repeated,
    host: Repeated,
    event_id: Option<u32>,
    record_id: Option<u64>,
    micros: Option<i64>,
}

/// A text that is decoded again only where its bytes change.
#[derive(Default)]
struct Repeated {
    is_set: bool,
    raw: Vec<u8>,
    text: String,
}

impl Repeated {
    fn get(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| self.is_set && !text.is_empty())
    }

    fn set_utf16(&mut self, raw: &[u8]) {
        if !self.is_set || self.raw != raw {
            self.raw.clear();
            self.raw.extend_from_slice(raw);
            self.text.clear();
            value::push_utf16(raw, &mut self.text);
        }
        self.is_set = true;
    }

    fn set_text(&mut self, text: &str) {
        if !self.is_set || self.text != text {
            self.raw.clear();
            self.text.clear();
            self.text.push_str(text);
        }
        self.is_set = true;
    }
}

impl HeadFacts {
    /// Reads the header facts of a record.
    pub fn read(&mut self, chunk: &[u8], root: &Root<'_>) {
        let Some(template) = &root.template else { return self.forget() };
        let head = template.head;
        let part = |leaf: Option<usize>| part(chunk, template, root.slots, leaf);
        for (place, leaf) in [(&mut self.channel, head.channel), (&mut self.provider, head.provider), (&mut self.host, head.host)] {
            match part(leaf) {
                Some(Part::Text(text)) => place.set_text(text),
                Some(Part::Bytes(value::UTF16, bytes)) => place.set_utf16(bytes),
                Some(Part::Bytes(kind, bytes)) => {
                    let mut text = String::new();
                    value::read(kind, bytes, &mut text);
                    place.set_text(&text);
                }
                None => place.is_set = false,
            }
        }
        let whole = |leaf| match part(leaf)? {
            Part::Text(text) => text.trim().parse().ok(),
            Part::Bytes(kind, bytes) => value::whole(kind, bytes),
        };
        self.event_id = whole(head.event_id).and_then(|id| u32::try_from(id).ok());
        self.record_id = whole(head.record_id);
        self.micros = match part(head.time) {
            Some(Part::Bytes(value::FILETIME, bytes)) => value::unsigned(bytes, 8).map(value::micros),
            _ => None,
        };
    }

    fn forget(&mut self) {
        for place in [&mut self.channel, &mut self.provider, &mut self.host] {
            place.is_set = false;
        }
        (self.event_id, self.record_id, self.micros) = (None, None, None);
    }
}

/// The one part that a simple leaf's value is made of.
enum Part<'p> {
    Text(&'p str),
    Bytes(u8, &'p [u8]),
}

fn part<'p>(chunk: &'p [u8], template: &'p Template, slots: &[Slot], leaf: Option<usize>) -> Option<Part<'p>> {
    let leaf = template.leaves.get(leaf?)?;
    match template.pieces_of(leaf.pieces) {
        [Piece::Text(text)] => Some(Part::Text(text)),
        [Piece::Slot(slot)] => {
            let slot = slots.get(usize::from(*slot)).filter(|slot| slot.kind != value::NULL)?;
            Some(Part::Bytes(slot.kind, bytes_of(chunk, slot)))
        }
        _ => None,
    }
}

fn bytes_of<'c>(chunk: &'c [u8], slot: &Slot) -> &'c [u8] {
    let from = slot.from as usize;
    chunk.get(from..from + usize::from(slot.length)).unwrap_or_default()
}

impl LogRecord for View<'_> {
    fn place(&self) -> EventRef {
        EventRef { artefact: self.artefact.clone(), offset: self.offset, length: self.length }
    }

    fn time(&self) -> Option<Instant> {
        Some(Instant(self.head.micros.unwrap_or(self.written_micros)))
    }

    fn channel(&self) -> Option<&str> {
        self.head.channel.get()
    }

    fn provider(&self) -> Option<&str> {
        self.head.provider.get()
    }

    fn event_id(&self) -> Option<u32> {
        self.head.event_id
    }

    fn record_id(&self) -> Option<u64> {
        Some(self.head.record_id.unwrap_or(self.id))
    }

    fn host(&self) -> Option<&str> {
        self.head.host.get()
    }

    fn fields<'a>(&'a self, into: &mut FieldList<'a>) {
        let decoded = self.decoded();
        into.reserve(decoded.entries.len());
        into.extend(decoded.entries.iter().filter_map(|entry| decoded.field(entry)));
    }

    fn is_carved(&self) -> bool {
        self.is_carved
    }

    fn is_partial(&self) -> bool {
        self.root.template.is_none() || self.root.is_cut || self.decoded().is_cut
    }
}

impl View<'_> {
    fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(|| {
            let length = self.length as usize;
            let budget = Budget { bytes: length * 4 + SPARE_BYTES, fields: length / 4 + SPARE_FIELDS };
            let decoded = self.spare.take().emptied();
            let mut decoder = Decoder { chunk: self.chunk, templates: self.templates, must_match: self.must_match(), budget, decoded };
            let read = match &self.root.template {
                Some(template) => decoder.template(template, self.root.slots, 0),
                None => decoder.nameless(self.id, self.root.slots),
            };
            decoder.decoded.is_cut |= read.is_none();
            decoder.decoded
        })
    }

    fn must_match(&self) -> Match {
        if self.is_carved { Match::Required } else { Match::Assumed }
    }
}

/// The fields of a record: their text in one piece, and where each stands in it.
#[derive(Default)]
pub(super) struct Decoded {
    text: String,
    entries: Vec<Entry>,
    templates: Vec<Rc<Template>>,
    is_cut: bool,
}

struct Entry {
    name: EntryName,
    value: EntryValue,
}

enum EntryName {
    /// Template and leaf.
    Leaf(u32, u32),
    /// From and to; a record's text is far below 4 GiB.
    Text(u32, u32),
    Constant(&'static str),
}

enum EntryValue {
    Null,
    Text(u32, u32),
    Whole(i128),
    Number(f64),
    Bool(bool),
}

impl Decoded {
    /// Its buffers, without what they held.
    fn emptied(mut self) -> Self {
        self.text.clear();
        self.entries.clear();
        self.templates.clear();
        self.is_cut = false;
        self
    }

    fn field<'a>(&'a self, entry: &Entry) -> Option<(Cow<'a, str>, FieldValue<'a>)> {
        let name = match entry.name {
            EntryName::Constant(name) => name,
            EntryName::Text(from, to) => self.text.get(from as usize..to as usize)?,
            EntryName::Leaf(template, leaf) => match &self.templates.get(template as usize)?.leaves.get(leaf as usize)?.name {
                Name::Fixed(name) => name,
                Name::Pieces(..) => return None,
            },
        };
        let value = match entry.value {
            EntryValue::Null => FieldValue::Null,
            EntryValue::Text(from, to) => FieldValue::Text(Cow::Borrowed(self.text.get(from as usize..to as usize)?)),
            EntryValue::Whole(value) => FieldValue::Whole(value),
            EntryValue::Number(value) => FieldValue::Number(value),
            EntryValue::Bool(value) => FieldValue::Bool(value),
        };
        Some((Cow::Borrowed(name), value))
    }
}

struct Budget {
    bytes: usize,
    fields: usize,
}

/// What a leaf's name comes from: the definition, the leaf's place in it, the leaf, the record's values.
type Named<'n> = (&'n Template, (usize, usize), &'n Leaf, &'n [Slot]);

/// A value by its number; one that is not there is null.
fn slot(slots: &[Slot], number: u16) -> Slot {
    slots.get(usize::from(number)).copied().unwrap_or(Slot { kind: value::NULL, from: 0, length: 0 })
}

/// Reads values into [`Decoded`]. `None` anywhere means that the record asks for too much, and ends it.
struct Decoder<'d> {
    chunk: &'d [u8],
    templates: &'d RefCell<Templates>,
    must_match: Match,
    budget: Budget,
    decoded: Decoded,
}

impl Decoder<'_> {
    fn template(&mut self, template: &Rc<Template>, slots: &[Slot], depth: usize) -> Option<()> {
        let number = self.decoded.templates.len();
        self.decoded.templates.push(Rc::clone(template));
        // Leaves without a value cost something too, so that many instances of a large definition end.
        self.spend(template.leaves.len())?;
        for (at, leaf) in template.leaves.iter().enumerate() {
            self.leaf(template, (number, at), leaf, slots, depth)?;
        }
        Some(())
    }

    fn leaf(&mut self, template: &Template, place: (usize, usize), leaf: &Leaf, slots: &[Slot], depth: usize) -> Option<()> {
        let pieces = template.pieces_of(leaf.pieces);
        for piece in pieces {
            self.nested(piece, slots, leaf.inside, depth)?;
        }
        let name = (template, place, leaf, slots);
        match pieces {
            [] => self.entry(name, value::NULL, &[]),
            [Piece::Slot(number)] => {
                let slot = slot(slots, *number);
                let bytes = bytes_of(self.chunk, &slot);
                match slot.kind {
                    value::FRAGMENT => Some(()),
                    kind if kind & value::ARRAY != 0 => value::read_array(kind, bytes, &mut |kind, item| self.entry(name, kind, item)),
                    kind => self.entry(name, kind, bytes),
                }
            }
            pieces => {
                let from = self.decoded.text.len();
                for piece in pieces {
                    self.part(piece, slots)?;
                }
                let to = self.decoded.text.len();
                if from == to && leaf.needs_value { Some(()) } else { self.push(name, EntryValue::Text(from as u32, to as u32)) }
            }
        }
    }

    /// Reads the fragment that a piece may be; its leaves are fields of their own.
    fn nested(&mut self, piece: &Piece, slots: &[Slot], inside: Section, depth: usize) -> Option<()> {
        match piece {
            Piece::Text(_) => Some(()),
            Piece::Slot(number) => {
                let slot = slot(slots, *number);
                let from = slot.from as usize;
                if slot.kind == value::FRAGMENT { self.fragment(from, from + usize::from(slot.length), inside, depth) } else { Some(()) }
            }
            Piece::Fragment(from, to) => self.fragment(*from, *to, inside, depth),
            Piece::Instance(at) => self.instance(*at, self.chunk.len(), inside, depth),
        }
    }

    /// Appends one of several parts of a value to the text.
    fn part(&mut self, piece: &Piece, slots: &[Slot]) -> Option<()> {
        match piece {
            Piece::Text(text) => {
                self.spend(text.len())?;
                self.decoded.text.push_str(text);
            }
            Piece::Slot(number) => {
                let slot = slot(slots, *number);
                if slot.kind == value::FRAGMENT {
                    return Some(());
                }
                let bytes = bytes_of(self.chunk, &slot);
                self.spend(bytes.len() * 2)?;
                let text = &mut self.decoded.text;
                match value::read(slot.kind, bytes, text) {
                    Scalar::Whole(value) => text.push_str(&value.to_string()),
                    Scalar::Number(value) => text.push_str(&value.to_string()),
                    Scalar::Bool(value) => text.push_str(if value { "true" } else { "false" }),
                    Scalar::Null | Scalar::Text(_) => {}
                }
            }
            Piece::Fragment(..) | Piece::Instance(_) => {}
        }
        Some(())
    }

    fn entry(&mut self, name: Named<'_>, kind: u8, bytes: &[u8]) -> Option<()> {
        match self.value(kind, bytes)? {
            EntryValue::Null if name.2.needs_value => Some(()),
            value => self.push(name, value),
        }
    }

    fn value(&mut self, kind: u8, bytes: &[u8]) -> Option<EntryValue> {
        self.spend(bytes.len() * 2)?;
        Some(match value::read(kind, bytes, &mut self.decoded.text) {
            Scalar::Null => EntryValue::Null,
            Scalar::Text(from) => EntryValue::Text(from as u32, self.decoded.text.len() as u32),
            Scalar::Whole(value) => EntryValue::Whole(value),
            Scalar::Number(value) => EntryValue::Number(value),
            Scalar::Bool(value) => EntryValue::Bool(value),
        })
    }

    fn push(&mut self, (template, place, leaf, slots): Named<'_>, value: EntryValue) -> Option<()> {
        self.budget.fields = self.budget.fields.checked_sub(1)?;
        let name = match &leaf.name {
            Name::Fixed(_) => EntryName::Leaf(place.0 as u32, place.1 as u32),
            Name::Pieces(from, to) => {
                let start = self.decoded.text.len();
                for piece in template.pieces_of((*from, *to)) {
                    self.part(piece, slots)?;
                }
                if self.decoded.text.len() == start { EntryName::Constant("Data") } else { EntryName::Text(start as u32, self.decoded.text.len() as u32) }
            }
        };
        self.decoded.entries.push(Entry { name, value });
        Some(())
    }

    /// Values whose definition is missing: they can still be searched.
    fn nameless(&mut self, id: u64, slots: &[Slot]) -> Option<()> {
        self.decoded.entries.push(Entry { name: EntryName::Constant("EventRecordID"), value: EntryValue::Whole(i128::from(id)) });
        self.values_alone(slots, Section::Event, 0)
    }

    fn fragment(&mut self, from: usize, to: usize, section: Section, depth: usize) -> Option<()> {
        let mut cursor = Cursor::new(self.chunk, from, to);
        match after_header(&mut cursor) {
            None => Some(()),
            Some(Start::Instance) => self.instance(cursor.at(), to, section, depth),
            Some(Start::Direct(at)) => {
                self.spend(to - at)?;
                if depth >= NESTING_MAX {
                    return None;
                }
                let direct = self.templates.borrow_mut().direct(self.chunk, at, to, section);
                match direct {
                    Ok(template) => self.template(&template, &[], depth + 1),
                    Err(Unreadable::TooMuch) => None,
                    Err(_) => self.miss(),
                }
            }
        }
    }

    fn instance(&mut self, at: usize, end: usize, section: Section, depth: usize) -> Option<()> {
        if depth >= NESTING_MAX {
            return None;
        }
        let mut slots = Vec::new();
        let mut cursor = Cursor::new(self.chunk, at, end);
        let Some(instance) = read_instance(&mut cursor, &mut slots) else { return self.miss() };
        self.decoded.is_cut |= instance.is_cut;
        self.spend(slots.len() * 4 + 16)?;
        let template = self.templates.borrow_mut().definition(self.chunk, instance.definition, instance.id, section, self.must_match);
        match template {
            Ok(template) => self.template(&template, &slots, depth + 1),
            Err(Unreadable::TooMuch) => None,
            Err(_) => {
                self.decoded.is_cut = true;
                self.values_alone(&slots, section, depth)
            }
        }
    }

    fn values_alone(&mut self, slots: &[Slot], section: Section, depth: usize) -> Option<()> {
        for slot in slots {
            if slot.kind == value::FRAGMENT {
                let from = slot.from as usize;
                self.fragment(from, from + usize::from(slot.length), section, depth + 1)?;
                continue;
            }
            let value = self.value(slot.kind, bytes_of(self.chunk, slot))?;
            if !matches!(value, EntryValue::Null) {
                self.budget.fields = self.budget.fields.checked_sub(1)?;
                self.decoded.entries.push(Entry { name: EntryName::Constant("Data"), value });
            }
        }
        Some(())
    }

    /// Something cannot be read: the rest of the record still can.
    fn miss(&mut self) -> Option<()> {
        self.decoded.is_cut = true;
        Some(())
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.budget.bytes = self.budget.bytes.checked_sub(bytes)?;
        Some(())
    }
}

/// What a fragment begins with, behind its header.
pub(super) enum Start {
    Instance,
    /// Elements written out, from this offset on.
    Direct(usize),
}

/// Reads a fragment's header; `None` where nothing follows it.
pub(super) fn after_header(cursor: &mut Cursor<'_>) -> Option<Start> {
    loop {
        let at = cursor.at();
        match cursor.u8()? {
            0x0f => {
                cursor.take(3)?;
            }
            0x0c => return Some(Start::Instance),
            0x00 => return None,
            _ => return Some(Start::Direct(at)),
        }
    }
}
