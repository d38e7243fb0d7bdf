//! BinXML read once into a plan: the leaves of an event under the names that Sigma uses, and the slots that their values
//! come from. No value is read here and no text built; [`super::record`] does that, when somebody asks.
//!
//! \[MS-EVEN6\] 2.2.12 to 2.2.16 has the tokens; how names and templates lie in a chunk is described in libevtx,
//! "Windows XML Event Log (EVTX) format", sections 4 and 5.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::cursor::Cursor;
use super::value;

/// Elements open at a time. Windows nests four or five.
const DEPTH_MAX: usize = 64;
/// UTF-16 units of a name. Windows' longest are below 200; a name may be pointed to again and again.
const NAME_UNITS_MAX: usize = 512;
/// Bytes of definitions that are read for one chunk. They do not overlap, so a chunk of 64 KiB holds fewer.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// Bytes of names that are kept for one chunk. Tokens point to names, so a few bytes may ask for a long one.
const NAME_BYTES_MAX: usize = 512 << 10;
/// Records of one chunk that may be written without a template, in bytes read for them.
const DIRECT_BYTES_MAX: usize = 256 << 10;

/// Why a stream of tokens has no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The definition is not where the record says.
    Missing,
    /// The tokens end in the middle, or are none.
    Damaged,
    /// It would take more than a chunk can honestly ask for.
    TooMuch,
}

/// Which part of an event an element stands in; the rules for names differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Section {
    /// Above the root.
    Top,
    Event,
    System,
    EventData,
    UserData,
    /// The texts that a forwarder rendered; they repeat `System` in words.
    Rendering,
    Other,
}

impl Section {
    /// The section inside of an element of this name.
    fn inside(self, name: &str) -> Self {
        match (self, name) {
            (Self::Top, "Event") => Self::Event,
            (Self::Top | Self::Event, "System") => Self::System,
            (Self::Top | Self::Event, "EventData") => Self::EventData,
            (Self::Top | Self::Event, "UserData") => Self::UserData,
            (Self::Top | Self::Event, "RenderingInfo") => Self::Rendering,
            (Self::Top | Self::Event, _) => Self::Other,
            (inherited, _) => inherited,
        }
    }
}

/// A part of a leaf's value.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Text of the definition itself.
    Text(Box<str>),
    /// A value of the record, by its number.
    Slot(u16),
    /// A BinXML fragment at these offsets of the chunk.
    Fragment(usize, usize),
    /// A template instance at this offset, behind its token.
    Instance(usize),
}

/// A leaf's name.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Fixed(Rc<str>),
    /// Pieces from and to: the name itself comes out of a slot.
    Pieces(u32, u32),
}

/// An element's text or an attribute.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub name: Name,
    /// Its pieces, from and to.
    pub pieces: (u32, u32),
    /// What a fragment in its place would stand in.
    pub inside: Section,
    /// Whether it is there only with a value: an attribute, or an element that holds others.
    pub needs_value: bool,
}

/// Leaves that every event is known by, by their place in the plan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub provider: Option<usize>,
    pub event_id: Option<usize>,
    pub channel: Option<usize>,
    pub host: Option<usize>,
    pub record_id: Option<usize>,
    pub time: Option<usize>,
}

/// The plan of one definition.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// The first four bytes of its GUID, which an instance repeats.
    pub id: u32,
    pub leaves: Vec<Leaf>,
    pub pieces: Vec<Piece>,
    pub head: Head,
}

impl Template {
    pub fn pieces_of(&self, range: (u32, u32)) -> &[Piece] {
        self.pieces.get(range.0 as usize..range.1 as usize).unwrap_or_default()
    }
}

/// The definitions of one chunk, read when first asked for.
#[derive(Default)]
pub(super) struct Templates {
    known: HashMap<(u32, Section), Result<Rc<Template>, Unreadable>>,
    offsets: BTreeMap<u32, u32>,
    names: HashMap<u32, Option<Rc<str>>>,
    name_bytes: usize,
    bytes_read: usize,
    direct_bytes_read: usize,
}

/// Bytes of a definition before its tokens: the next definition's offset, a GUID, its length.
const DEFINITION_HEAD: usize = 24;

impl Templates {
    /// Forgets everything: the next chunk has definitions of its own.
    pub fn clear(&mut self) {
        self.known.clear();
        self.offsets.clear();
        self.names.clear();
        self.name_bytes = 0;
        self.bytes_read = 0;
        self.direct_bytes_read = 0;
    }

    /// The definition at `offset` of the chunk, for an instance in `section`. Where another stands there by now, which
    /// only a carved record (`must_match`) need expect, the chunk's definition of the same `id` serves.
    pub fn definition(&mut self, chunk: &[u8], offset: u32, id: u32, section: Section, must_match: Match) -> Result<Rc<Template>, Unreadable> {
        let found = self.at(chunk, offset, section);
        match (&found, must_match) {
            (Ok(template), Match::Required) if template.id != id => {}
            (Err(_), _) => {}
            _ => return found,
        }
        match self.offsets.get(&id) {
            Some(&other) if other != offset => self.at(chunk, other, section),
            _ => Err(found.err().unwrap_or(Unreadable::Missing)),
        }
    }

    fn at(&mut self, chunk: &[u8], offset: u32, section: Section) -> Result<Rc<Template>, Unreadable> {
        if let Some(known) = self.known.get(&(offset, section)) {
            return known.clone();
        }
        let read = self.read_definition(chunk, offset, section);
        if let Ok(template) = &read {
            self.offsets.entry(template.id).or_insert(offset);
        }
        self.known.insert((offset, section), read.clone());
        read
    }

    fn read_definition(&mut self, chunk: &[u8], offset: u32, section: Section) -> Result<Rc<Template>, Unreadable> {
        let from = offset as usize;
        let mut head = Cursor::new(chunk, from, from.saturating_add(DEFINITION_HEAD));
        let (id, length) = (|| {
            head.u32()?;
            let id = head.u32()?;
            head.take(12)?;
            Some((id, head.u32()? as usize))
        })()
        .ok_or(Unreadable::Missing)?;
        let start = from + DEFINITION_HEAD;
        if length == 0 || length > chunk.len().saturating_sub(start) {
            return Err(Unreadable::Missing);
        }
        self.bytes_read = self.bytes_read.saturating_add(length);
        if self.bytes_read > CHUNK_BYTES_MAX {
            return Err(Unreadable::TooMuch);
        }
        let mut template = Planner::new(chunk, self, Stream::Definition, section).plan(start, start + length)?;
        template.id = id;
        Ok(Rc::new(template))
    }

    /// A plan for tokens that stand in a record itself.
    pub fn direct(&mut self, chunk: &[u8], from: usize, to: usize, section: Section) -> Result<Rc<Template>, Unreadable> {
        self.direct_bytes_read = self.direct_bytes_read.saturating_add(to.saturating_sub(from));
        if self.direct_bytes_read > DIRECT_BYTES_MAX {
            return Err(Unreadable::TooMuch);
        }
        Planner::new(chunk, self, Stream::Direct, section).plan(from, to).map(Rc::new)
    }

    /// The name that a token points to; it stands behind the pointer itself where it is used first.
    fn name(&mut self, cursor: &mut Cursor<'_>, chunk: &[u8]) -> Option<Rc<str>> {
        const LINK: usize = 6; // the next name's offset and a hash
        let offset = cursor.u32()?;
        let at = offset as usize;
        if at == cursor.at() {
            cursor.take(LINK)?;
            let units = usize::from(cursor.u16()?);
            cursor.take(units * 2 + 2)?;
        }
        if let Some(known) = self.names.get(&offset) {
            return known.clone();
        }
        let read = || {
            let mut cursor = Cursor::new(chunk, at.checked_add(LINK)?, chunk.len());
            let units = usize::from(cursor.u16()?);
            let mut name = String::new();
            value::push_utf16(cursor.take(units * 2).filter(|_| units <= NAME_UNITS_MAX && units > 0)?, &mut name);
            Some(Rc::from(name))
        };
        let name: Option<Rc<str>> = read();
        self.name_bytes += name.as_ref().map_or(0, |name| name.len());
        self.names.insert(offset, name.clone());
        name
    }
}

/// Whether a definition must carry the id that the instance repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Required,
    Assumed,
}

/// What a stream of tokens is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// A template's definition: it has slots, its elements carry a dependency id, and it holds no instances. So no
    /// template can contain itself.
    Definition,
    /// Tokens of the record itself.
    Direct,
}

/// An element that is open.
struct Open {
    name: Rc<str>,
    inside: Section,
    /// Whether the section begins with it.
    is_section: bool,
    /// The value of its attribute `Name`, if that names its value.
    called: Option<Name>,
    pieces: Vec<Piece>,
    has_children: bool,
    has_attributes: bool,
}

/// Reads tokens into a plan. The stack is a list, so that no bytes can exhaust ours.
struct Planner<'c, 't> {
    chunk: &'c [u8],
    templates: &'t mut Templates,
    stream: Stream,
    section: Section,
    open: Vec<Open>,
    /// The attribute whose value is being read.
    attribute: Option<(Rc<str>, Vec<Piece>)>,
    template: Template,
}

impl<'c, 't> Planner<'c, 't> {
    fn new(chunk: &'c [u8], templates: &'t mut Templates, stream: Stream, section: Section) -> Self {
        Self { chunk, templates, stream, section, open: Vec::new(), attribute: None, template: Template::default() }
    }

    fn plan(mut self, from: usize, to: usize) -> Result<Template, Unreadable> {
        let mut cursor = Cursor::new(self.chunk, from, to);
        while cursor.left() > 0 && self.token(&mut cursor).ok_or(Unreadable::Damaged)? {}
        if !self.open.is_empty() || self.stream == Stream::Definition && self.template.leaves.is_empty() && self.template.pieces.is_empty() {
            return Err(Unreadable::Damaged);
        }
        Ok(self.template)
    }

    /// Reads one token; false at the end of the stream. The flag 0x40 says that more of the same follow.
    fn token(&mut self, cursor: &mut Cursor<'c>) -> Option<bool> {
        if self.templates.name_bytes > NAME_BYTES_MAX {
            return None;
        }
        let token = cursor.u8()?;
        match token {
            0x00 => return Some(false),
            0x01 | 0x41 => self.open_element(cursor, token == 0x41)?,
            0x02 => self.close_attribute(),
            0x03 | 0x04 => self.close_element()?,
            0x05 | 0x45 => self.value(cursor)?,
            0x06 | 0x46 => {
                self.close_attribute();
                let name = self.templates.name(cursor, self.chunk)?;
                self.open.last()?;
                self.attribute = Some((name, Vec::new()));
            }
            0x07 | 0x47 => {
                let units = usize::from(cursor.u16()?);
                self.text(cursor.take(units * 2)?);
            }
            0x08 | 0x48 => {
                let unit = cursor.u16()?;
                self.text(&unit.to_le_bytes());
            }
            0x09 | 0x49 => self.entity(cursor)?,
            0x0a => {
                self.templates.name(cursor, self.chunk)?;
            }
            0x0b => {
                let units = usize::from(cursor.u16()?);
                cursor.take(units * 2)?;
            }
            0x0c if self.stream == Stream::Direct => {
                let at = cursor.at();
                skip_instance(cursor)?;
                self.push(Piece::Instance(at));
            }
            0x0d | 0x0e if self.stream == Stream::Definition => {
                let slot = cursor.u16()?;
                cursor.u8()?;
                self.push(Piece::Slot(slot));
            }
            0x0f => {
                cursor.take(3)?;
            }
            _ => return None,
        }
        Some(true)
    }

    fn open_element(&mut self, cursor: &mut Cursor<'c>, has_attributes: bool) -> Option<()> {
        if self.open.len() >= DEPTH_MAX {
            return None;
        }
        self.close_attribute();
        if self.stream == Stream::Definition {
            cursor.u16()?; // the dependency id
        }
        cursor.u32()?; // the element's length; the tokens say it too
        let name = self.templates.name(cursor, self.chunk)?;
        if has_attributes {
            cursor.u32()?;
        }
        let outer = self.open.last().map_or(self.section, |open| open.inside);
        let inside = outer.inside(&name);
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        self.open.push(Open { name, inside, is_section: inside != outer, called: None, pieces: Vec::new(), has_children: false, has_attributes: false });
        Some(())
    }

    fn close_attribute(&mut self) {
        let Some((name, pieces)) = self.attribute.take() else { return };
        let Some(open) = self.open.last() else { return };
        if &*name == "Name" && !open.is_section && (open.inside == Section::EventData || &*open.name == "Data") {
            let called = self.name_of(pieces);
            if let Some(open) = self.open.last_mut() {
                open.called = called;
            }
        } else if !name.starts_with("xmlns") && !pieces.is_empty() {
            let full = Rc::from(format!("{}_{}", self.prefixed(open), without_blanks(&name)));
            self.leaf(Name::Fixed(full), pieces, Needs::Value);
            if let Some(open) = self.open.last_mut() {
                open.has_attributes = true;
            }
        }
    }

    /// The name that an attribute `Name` gives.
    fn name_of(&mut self, pieces: Vec<Piece>) -> Option<Name> {
        match &pieces[..] {
            [] => None,
            [Piece::Text(text)] if text.len() <= NAME_UNITS_MAX => Some(Name::Fixed(Rc::from(without_blanks(text)))).filter(|_| !text.trim().is_empty()),
            _ => {
                let from = self.template.pieces.len() as u32;
                self.template.pieces.extend(pieces);
                Some(Name::Pieces(from, self.template.pieces.len() as u32))
            }
        }
    }

    fn prefixed(&self, open: &Open) -> String {
        let prefix = if open.inside == Section::Rendering && !open.is_section { "RenderingInfo." } else { "" };
        format!("{prefix}{}", without_blanks(&open.name))
    }

    fn close_element(&mut self) -> Option<()> {
        self.close_attribute();
        let mut open = self.open.pop()?;
        if open.has_children {
            // Between elements, blanks are layout.
            open.pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.trim().is_empty()));
        }
        let pieces = std::mem::take(&mut open.pieces);
        let says_nothing = open.has_children || open.has_attributes || open.is_section;
        if pieces.is_empty() && (says_nothing || open.inside == Section::System) {
            return Some(());
        }
        let own_name = || Name::Fixed(Rc::from(self.prefixed(&open)));
        let name = open.called.clone().unwrap_or_else(own_name);
        let needs = if says_nothing { Needs::Value } else { Needs::Nothing };
        self.open.push(open);
        self.leaf(name, pieces, needs);
        self.open.pop();
        Some(())
    }

    /// Adds a leaf of the innermost open element.
    fn leaf(&mut self, name: Name, pieces: Vec<Piece>, needs: Needs) {
        let inside = self.open.last().map_or(self.section, |open| open.inside);
        let at = self.template.leaves.len();
        self.templates.name_bytes += if let Name::Fixed(name) = &name { name.len() } else { 0 };
        if let (Section::System, Name::Fixed(name)) = (inside, &name) {
            let head = &mut self.template.head;
            let place = match &**name {
                "Provider_Name" => Some(&mut head.provider),
                "EventID" => Some(&mut head.event_id),
                "Channel" => Some(&mut head.channel),
                "Computer" => Some(&mut head.host),
                "EventRecordID" => Some(&mut head.record_id),
                "TimeCreated_SystemTime" => Some(&mut head.time),
                _ => None,
            };
            if let Some(place) = place {
                place.get_or_insert(at);
            }
        }
        let from = self.template.pieces.len() as u32;
        self.template.pieces.extend(pieces);
        let to = self.template.pieces.len() as u32;
        self.template.leaves.push(Leaf { name, pieces: (from, to), inside, needs_value: needs == Needs::Value });
    }

    fn value(&mut self, cursor: &mut Cursor<'c>) -> Option<()> {
        let kind = cursor.u8()?;
        match kind {
            value::UTF16 => {
                let units = usize::from(cursor.u16()?);
                self.text(cursor.take(units * 2)?);
            }
            value::FRAGMENT => {
                let length = usize::from(cursor.u16()?);
                let from = cursor.at();
                cursor.take(length)?;
                self.push(Piece::Fragment(from, from + length));
            }
            _ => {
                let mut text = String::new();
                let bytes = cursor.take(width(kind)?)?;
                match value::read(kind, bytes, &mut text) {
                    value::Scalar::Whole(value) => text = value.to_string(),
                    value::Scalar::Number(value) => text = value.to_string(),
                    value::Scalar::Bool(value) => text = value.to_string(),
                    value::Scalar::Null | value::Scalar::Text(_) => {}
                }
                self.push(Piece::Text(text.into()));
            }
        }
        Some(())
    }

    fn entity(&mut self, cursor: &mut Cursor<'c>) -> Option<()> {
        let name = self.templates.name(cursor, self.chunk)?;
        let text = match &*name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            other => &format!("&{other};"),
        };
        self.push(Piece::Text(text.into()));
        Some(())
    }

    fn text(&mut self, utf16: &[u8]) {
        let mut text = String::new();
        value::push_utf16(utf16, &mut text);
        self.push(Piece::Text(text.into()));
    }

    /// Adds a piece to what is being read.
    fn push(&mut self, piece: Piece) {
        let pieces = match (&mut self.attribute, self.open.last_mut()) {
            (Some((_, pieces)), _) => pieces,
            (None, Some(open)) => &mut open.pieces,
            // Outside of all elements only an instance means something.
            (None, None) if matches!(piece, Piece::Instance(_) | Piece::Fragment(..)) => {
                return self.leaf(Name::Fixed(Rc::from("Event")), vec![piece], Needs::Value);
            }
            (None, None) => return,
        };
        pieces.push(piece);
    }
}

/// Whether a leaf is there without a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Value,
}

/// Sigma's names carry no blanks: Defender's `Threat Name` is `ThreatName`.
fn without_blanks(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Bytes of a value that stands among the tokens, where its type says it.
fn width(kind: u8) -> Option<usize> {
    Some(match kind {
        value::NULL => 0,
        0x03 | 0x04 => 1,
        0x05 | 0x06 => 2,
        0x07 | 0x08 | 0x0b | 0x0d | 0x14 => 4,
        0x09 | 0x0a | 0x0c | value::FILETIME | 0x15 => 8,
        0x0f | 0x12 => 16,
        _ => return None,
    })
}

/// One value of an instance: its type, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub kind: u8,
    pub from: u32,
    pub length: u16,
}

/// An instance's head: which definition it uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instance {
    pub id: u32,
    pub definition: u32,
    /// Whether values reach beyond the end of what holds them.
    pub is_cut: bool,
}

/// Reads an instance behind its token; its values go to `slots`, which is emptied first.
pub(super) fn read_instance(cursor: &mut Cursor<'_>, slots: &mut Vec<Slot>) -> Option<Instance> {
    slots.clear();
    let (id, definition) = instance_head(cursor)?;
    let count = cursor.u32()? as usize;
    let descriptors = cursor.take(count.checked_mul(4)?)?;
    let mut is_cut = false;
    for descriptor in descriptors.chunks_exact(4) {
        let length = u16::from_le_bytes([descriptor[0], descriptor[1]]);
        let from = cursor.at() as u32;
        if cursor.take(usize::from(length)).is_none() {
            is_cut = true;
            let rest = cursor.left();
            cursor.take(rest);
            slots.push(Slot { kind: value::NULL, from, length: 0 });
            continue;
        }
        slots.push(Slot { kind: descriptor[2], from, length });
    }
    Some(Instance { id, definition, is_cut })
}

/// Id and place of the definition. One that is used for the first time stands right here.
fn instance_head(cursor: &mut Cursor<'_>) -> Option<(u32, u32)> {
    cursor.u8()?;
    let (id, definition) = (cursor.u32()?, cursor.u32()?);
    if definition as usize == cursor.at() {
        cursor.take(DEFINITION_HEAD - 4)?;
        let length = cursor.u32()? as usize;
        cursor.take(length)?;
    }
    Some((id, definition))
}

fn skip_instance(cursor: &mut Cursor<'_>) -> Option<()> {
    instance_head(cursor)?;
    let count = cursor.u32()? as usize;
    let descriptors = cursor.take(count.checked_mul(4)?)?;
    let length: usize = descriptors.chunks_exact(4).map(|d| usize::from(u16::from_le_bytes([d[0], d[1]]))).sum();
    cursor.take(length)?;
    Some(())
}
