//! The archives of `pg_dump`: its custom format (`-Fc`), and the table of contents that the tar (`-Ft`) and directory
//! (`-Fd`) formats have as `toc.dat`. Read here and not by `pg_restore`: these are bytes from outside, and a program that
//! is started on them could do more than read.
//!
//! The format is laid down in PostgreSQL's source alone: `src/bin/pg_dump/pg_backup_archiver.c` (`ReadHead`, `ReadToc`,
//! `ReadInt`, `ReadStr`) and `pg_backup_custom.c` (blocks). Versions 1.10 (PostgreSQL 8.0) to 1.16 (17, 18) are read.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use super::dump::{Cut, Dump};
use crate::HistoryError;

/// What an archive begins with.
pub(super) const MAGIC: &[u8] = b"PGDMP";
/// Newest version that is read; a newer one may have fields that are not known here.
const NEWEST: (u8, u8) = (1, 16);
const OLDEST: (u8, u8) = (1, 10);
/// Bounds of what a table of contents may claim.
const TEXT_BYTES: u64 = 64 << 20;
const TOC_BYTES: u64 = 512 << 20;
/// Rows may unpack to so many times their packed bytes, once beyond the free bytes.
const RATIO: u64 = 1100;
const FREE_BYTES: u64 = 64 << 20;

/// How an archive's files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All in one file.
    Custom,
    /// A table of contents beside one file a table.
    Files,
}

/// How rows are packed within a custom archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Zlib,
    Lz4,
    Zstd,
}

/// One thing that the archive holds.
pub(super) struct Entry {
    id: i64,
    tag: String,
    what: String,
    definition: String,
    copy: String,
    schema: String,
    owner: String,
    has_data: bool,
    /// The file with its data, where there is one.
    pub file: String,
}

impl Entry {
    /// Whether it stands for a table's rows.
    pub fn is_rows(&self) -> bool {
        self.what == "TABLE DATA" && self.has_data
    }

    fn table(&self) -> Vec<String> {
        vec![self.schema.clone(), self.tag.clone()]
    }
}

/// What an archive holds.
pub(super) struct Toc {
    packing: Packing,
    pub entries: Vec<Entry>,
}

/// Why an archive cannot be read, in words without values.
type Refused = &'static str;

const DAMAGED: Refused = "the archive's table of contents is cut or damaged; take a complete dump";

/// The archive's own numbers and texts.
struct Fields<R> {
    input: R,
    int_bytes: usize,
    offset_bytes: usize,
    version: (u8, u8),
}

impl<R: Read> Fields<R> {
    fn byte(&mut self) -> Result<u8, Refused> {
        let mut byte = [0];
        self.input.read_exact(&mut byte).map_err(|_| DAMAGED)?;
        Ok(byte[0])
    }

    /// A sign, and then the magnitude with its lowest byte first.
    fn int(&mut self) -> Result<i64, Refused> {
        let negative = self.byte()? != 0;
        let mut value: i64 = 0;
        for at in 0..self.int_bytes {
            let byte = i64::from(self.byte()?);
            value |= byte.checked_shl(8 * at as u32).filter(|_| at < 7 || byte == 0).ok_or(DAMAGED)?;
        }
        Ok(if negative { -value } else { value })
    }

    /// A text; NULL reads as nothing.
    fn text(&mut self) -> Result<Option<String>, Refused> {
        let Ok(length) = u64::try_from(self.int()?) else { return Ok(None) };
        if length > TEXT_BYTES {
            return Err(DAMAGED);
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
        if bytes.len() as u64 != length {
            return Err(DAMAGED);
        }
        // Definitions of a database in another encoding: kept as bytes of Latin-1 would lose nothing, but names are
        // compared with the estate's, so what is no UTF-8 is replaced.
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Refused> {
        (0..bytes).try_for_each(|_| self.byte().map(drop))
    }
}

/// Which form the bytes that start with `head` are of, if they are an archive.
pub(super) fn form_of(head: &[u8]) -> Option<Form> {
    let rest = head.strip_prefix(MAGIC)?;
    Some(if rest.get(5) == Some(&1) { Form::Custom } else { Form::Files })
}

/// Reads the table of contents, and gives it with what follows.
pub(super) fn read_toc<R: Read>(input: R) -> Result<(Toc, Blocks<io::Take<R>>), Refused> {
    let mut fields = Fields { input: input.take(TOC_BYTES), int_bytes: 4, offset_bytes: 8, version: (0, 0) };
    let mut magic = [0; 5];
    fields.input.read_exact(&mut magic).map_err(|_| DAMAGED)?;
    fields.version = (fields.byte()?, fields.byte()?);
    fields.byte()?;
    if fields.version < OLDEST {
        return Err("the archive is of a version older than 1.10; convert it with `pg_restore -f dump.sql FILE` and name dump.sql instead");
    }
    if fields.version > NEWEST {
        return Err("the archive is of a version newer than 1.16, which is not read; convert it with `pg_restore -f dump.sql FILE` and name dump.sql instead");
    }
    fields.int_bytes = usize::from(fields.byte()?);
    fields.offset_bytes = usize::from(fields.byte()?);
    if !(1..=8).contains(&fields.int_bytes) || !(1..=32).contains(&fields.offset_bytes) {
        return Err(DAMAGED);
    }
    let form = fields.byte()?;
    let packing = read_packing(&mut fields)?;
    for _ in 0..7 {
        fields.int()?;
    }
    for _ in 0..3 {
        fields.text()?;
    }
    let form = match form {
        1 => Form::Custom,
        3 | 5 => Form::Files,
        _ => return Err("the archive is of a form that pg_dump no longer writes; convert it with `pg_restore -f dump.sql FILE` and name dump.sql instead"),
    };
    let count = fields.int()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(read_entry(&mut fields, form)?);
    }
    fields.input.set_limit(u64::MAX);
    Ok((Toc { packing, entries }, Blocks { fields }))
}

fn read_packing<R: Read>(fields: &mut Fields<R>) -> Result<Packing, Refused> {
    if fields.version < (1, 15) {
        return Ok(if fields.int()? == 0 { Packing::None } else { Packing::Zlib });
    }
    Ok(match fields.byte()? {
        0 => Packing::None,
        1 => Packing::Zlib,
        2 => Packing::Lz4,
        3 => Packing::Zstd,
        _ => return Err("the archive's rows are packed in a way that is not known; convert it with `pg_restore -f dump.sql FILE` and name dump.sql instead"),
    })
}

fn read_entry<R: Read>(fields: &mut Fields<R>, form: Form) -> Result<Entry, Refused> {
    let id = fields.int()?;
    let has_data = fields.int()? != 0;
    fields.text()?;
    fields.text()?;
    let tag = fields.text()?.unwrap_or_default();
    let what = fields.text()?.unwrap_or_default();
    if fields.version >= (1, 11) {
        fields.int()?;
    }
    let definition = fields.text()?.unwrap_or_default();
    fields.text()?;
    let copy = fields.text()?.unwrap_or_default();
    let schema = fields.text()?.unwrap_or_default();
    fields.text()?;
    if fields.version >= (1, 14) {
        fields.text()?;
    }
    if fields.version >= (1, 16) {
        fields.int()?;
    }
    let owner = fields.text()?.unwrap_or_default();
    fields.text()?;
    while fields.text()?.is_some() {}
    let file = match form {
        Form::Custom => {
            fields.skip(1 + fields.offset_bytes)?;
            String::new()
        }
        Form::Files => fields.text()?.unwrap_or_default(),
    };
    Ok(Entry { id, tag, what, definition, copy, schema, owner, has_data, file })
}

/// Reads all definitions. The rows come by [`feed_rows`].
pub(super) fn feed_definitions(toc: &Toc, dump: &mut Dump<'_, '_>) -> Result<(), HistoryError> {
    for entry in &toc.entries {
        dump.set_schema(&entry.schema);
        // A definition ends with itself, whatever it is.
        let text = format!("{}\n;\n", entry.definition);
        dump.feed(&mut text.as_bytes())?;
        if entry.what == "TABLE" && !entry.owner.is_empty() {
            dump.set_owner(entry.table(), &entry.owner);
        }
    }
    Ok(())
}

/// Reads the rows of one entry from their unpacked bytes. `Some` says that they are cut.
pub(super) fn feed_rows(entry: &Entry, dump: &mut Dump<'_, '_>, data: &mut dyn Read) -> Result<Option<Cut>, HistoryError> {
    dump.set_schema(&entry.schema);
    let table = dump.full_name(entry.table());
    dump.begin_section(table.clone());
    let broken = Cell::new(false);
    let ending = Ending { inner: data, broken: &broken };
    let mut reader = BufReader::with_capacity(1 << 18, entry.copy.as_bytes().chain(ending));
    let cut = dump.feed(&mut reader)?;
    if cut.is_some() || broken.get() {
        dump.leave_section();
        return Ok(Some(Some(table)));
    }
    dump.end_section();
    Ok(None)
}

/// The rows of a custom archive, block after block. `Some` says that it is cut.
pub(super) fn feed_blocks<R: Read>(toc: &Toc, blocks: &mut Blocks<R>, dump: &mut Dump<'_, '_>) -> Result<Option<Cut>, HistoryError> {
    let mut seen = Vec::new();
    while let Some((kind, id)) = blocks.next() {
        let entry = toc.entries.iter().find(|entry| entry.id == id && entry.is_rows());
        let Some(entry) = entry.filter(|_| kind == BlockKind::Data) else {
            blocks.skip(kind);
            continue;
        };
        let mut chunks = Chunks { blocks, left: 0, ended: false };
        let cut = feed_packed(toc.packing, entry, dump, &mut chunks)?;
        let whole = chunks.drain();
        if cut.is_some() || !whole {
            return Ok(Some(cut.unwrap_or_else(|| Some(dump.full_name(entry.table())))));
        }
        seen.push(id);
    }
    let missing = toc.entries.iter().find(|entry| entry.is_rows() && !seen.contains(&entry.id));
    Ok(missing.map(|entry| Some(dump.full_name(entry.table()))))
}

fn feed_packed<R: Read>(packing: Packing, entry: &Entry, dump: &mut Dump<'_, '_>, chunks: &mut Chunks<'_, R>) -> Result<Option<Cut>, HistoryError> {
    let packed = Cell::new(0);
    let counted = Counting { inner: chunks, count: &packed };
    let unpacked: Box<dyn Read + '_> = match packing {
        Packing::None => Box::new(counted),
        Packing::Zlib => Box::new(flate2::read::ZlibDecoder::new(counted)),
        Packing::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(counted)),
        Packing::Zstd => match zstd::stream::read::Decoder::new(counted) {
            Ok(decoder) => Box::new(decoder),
            Err(_) => Box::new(io::empty()),
        },
    };
    feed_rows(entry, dump, &mut Bounded { inner: unpacked, packed: &packed, unpacked: 0 })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    /// Rows.
    Data,
    /// Large objects.
    LargeObjects,
}

/// The blocks after the table of contents of a custom archive.
pub(super) struct Blocks<R> {
    fields: Fields<R>,
}

impl<R: Read> Blocks<R> {
    /// The next block's kind and entry; `None` at the end, or where no block begins.
    fn next(&mut self) -> Option<(BlockKind, i64)> {
        let kind = match self.fields.byte().ok()? {
            1 => BlockKind::Data,
            3 => BlockKind::LargeObjects,
            _ => return None,
        };
        Some((kind, self.fields.int().ok()?))
    }

    fn skip(&mut self, kind: BlockKind) {
        let chunks = |blocks: &mut Self| Chunks { blocks, left: 0, ended: false }.drain();
        if kind == BlockKind::Data {
            chunks(self);
            return;
        }
        while self.fields.int().is_ok_and(|object| object != 0) && chunks(self) {}
    }
}

/// The bytes of one block, which come in chunks, each with its length before it.
struct Chunks<'b, R> {
    blocks: &'b mut Blocks<R>,
    left: u64,
    ended: bool,
}

impl<R: Read> Chunks<'_, R> {
    /// Reads to the end of the block; whether it has one.
    fn drain(&mut self) -> bool {
        io::copy(self, &mut io::sink()).is_ok()
    }
}

impl<R: Read> Read for Chunks<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended {
            let length = self.blocks.fields.int().map_err(|_| io::ErrorKind::UnexpectedEof)?;
            self.left = u64::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
            self.ended = self.left == 0;
        }
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.blocks.fields.input.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Reads as ended where the bytes break off, and remembers that they did.
struct Ending<'b, R> {
    inner: R,
    broken: &'b Cell<bool>,
}

impl<R: Read> Read for Ending<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken.get() {
            return Ok(0);
        }
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.broken.set(true);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

struct Counting<'c, R> {
    inner: R,
    count: &'c Cell<u64>,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Breaks off where the bytes unpack as those of a decompression bomb do.
struct Bounded<'c, R> {
    inner: R,
    packed: &'c Cell<u64>,
    unpacked: u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        if self.unpacked > FREE_BYTES && self.unpacked > RATIO.saturating_mul(self.packed.get().max(1)) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(read)
    }
}

/// A file of a directory-format dump; LZ4 is taken off here, the other packings are before.
pub(super) fn unpacked_file<'r>(file: &'r mut dyn BufRead) -> Box<dyn Read + 'r> {
    let lz4 = file.fill_buf().is_ok_and(|head| head.starts_with(&[0x04, 0x22, 0x4d, 0x18]));
    if lz4 { Box::new(lz4_flex::frame::FrameDecoder::new(file)) } else { Box::new(file) }
}
