//! What the streams of a snapshot are to each other: one dump, an archive with its table of contents, mydumper's folder,
//! or several dumps; told by content, and by name only where a tool's names are its format.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};

use super::archive::{self, Form};
use super::dump::Dump;
use super::encoding;
use super::filling::Filling;
use super::{Broken, CutPart, Part, Snapshot};
use crate::HistoryError;

/// First bytes of a stream, by which it is recognised.
const HEAD_BYTES: u64 = 64 << 10;
/// The most that is read of one file of code.
const CODE_BYTES: u64 = 64 << 20;
/// Endings that a packed file keeps in its name.
const PACKED: [&str; 6] = [".gz", ".zst", ".xz", ".bz2", ".lz4", ".zstd"];

/// What one stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// SQL.
    Sql,
    /// A whole archive of `pg_dump`.
    Custom,
    /// The table of contents of one that has files beside it.
    Toc,
    /// What mydumper says of its dump.
    Metadata,
    /// No bytes.
    Empty,
    /// Bytes that are no text.
    Binary,
    /// Any other text.
    Text,
}

/// Whether bytes that start so are a dump that can be read.
pub fn looks_like_a_dump(head: &[u8]) -> bool {
    if archive::form_of(head).is_some() {
        return true;
    }
    let text = head_text(head);
    let marks = ["PostgreSQL database dump", "PostgreSQL database cluster dump", "MySQL dump", "MariaDB dump", "\nCREATE TABLE ", "\nINSERT INTO "];
    marks.iter().any(|mark| text.contains(mark)) || text.starts_with("CREATE TABLE ") || text.starts_with("INSERT INTO ")
}

/// The first bytes of a stream as text.
pub fn head_text(head: &[u8]) -> String {
    match head {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(head).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

fn role_of(name: &str, head: &[u8]) -> Role {
    match archive::form_of(head) {
        Some(Form::Custom) => return Role::Custom,
        Some(Form::Files) => return Role::Toc,
        None => {}
    }
    if head.is_empty() {
        return Role::Empty;
    }
    if base(name) == "metadata" {
        return Role::Metadata;
    }
    if looks_like_a_dump(head) {
        return Role::Sql;
    }
    let marked = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    if !marked && head.contains(&0) { Role::Binary } else { Role::Text }
}

/// A stream's name without the folder before it and the packing after it.
fn base(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    PACKED.iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file)
}

/// The folder before a stream's name, with its slash.
fn folder(name: &str) -> &str {
    &name[..name.rfind('/').map_or(0, |at| at + 1)]
}

/// Reads all dumps of a snapshot. Returns where they are cut.
pub(super) fn read(snapshot: &Snapshot<'_>, filling: &mut Filling<'_>, notes: &mut Vec<String>) -> Result<Vec<CutPart>, HistoryError> {
    let mut roles: Vec<(String, Role)> = Vec::new();
    snapshot.parts.visit(&mut |part| {
        let mut head = Vec::new();
        // Where the bytes break off, the reading proper finds it again.
        let _ = part.reader.take(HEAD_BYTES).read_to_end(&mut head);
        roles.push((part.name.to_owned(), role_of(part.name, &head)));
        Ok(())
    })?;
    let mut reading = Reading { snapshot, filling, notes, cuts: Vec::new() };
    let only = if let [(_, role)] = roles.as_slice() { Some(*role) } else { None };
    match only {
        Some(Role::Sql | Role::Text | Role::Metadata) => reading.dumps(&|_| true)?,
        Some(Role::Custom) => reading.customs(&|_| true)?,
        Some(Role::Toc) => return Err(reading.refused("", "this is the table of contents of a directory dump; name its folder instead of the file")),
        Some(Role::Empty) => return Err(reading.refused("", "the file is empty; take a complete dump")),
        Some(Role::Binary) => return Err(reading.refused("", NO_DUMP)),
        None => reading.many(&roles)?,
    }
    Ok(reading.cuts)
}

const NO_DUMP: &str = "this is no dump that is read: not SQL, and no archive of pg_dump; make one with pg_dump, mysqldump or mydumper \
    (a copy of the server's own files must be started by a server first, and dumped from there)";

/// Reading the dumps of one snapshot.
struct Reading<'r, 's, 'd> {
    snapshot: &'r Snapshot<'s>,
    filling: &'r mut Filling<'d>,
    notes: &'r mut Vec<String>,
    cuts: Vec<CutPart>,
}

impl Reading<'_, '_, '_> {
    fn refused(&self, name: &str, reason: &str) -> HistoryError {
        HistoryError::Snapshot { path: shown(&self.snapshot.path, name), line: 0, reason: reason.to_owned() }
    }

    /// Several streams: archives with their files, mydumper's folders, and dumps of their own.
    fn many(&mut self, roles: &[(String, Role)]) -> Result<(), HistoryError> {
        let with = |wanted: Role| roles.iter().filter(move |(_, role)| *role == wanted).map(|(name, _)| name.clone());
        let tocs: Vec<String> = with(Role::Toc).collect();
        let mydumpers: Vec<String> = with(Role::Metadata).filter(|name| has_schemas(roles, folder(name))).collect();
        for toc in &tocs {
            self.archive_files(toc)?;
        }
        for metadata in &mydumpers {
            self.mydumper(metadata, roles)?;
        }
        let owned: BTreeSet<&str> = tocs.iter().chain(&mydumpers).map(|name| folder(name)).collect();
        let own = |name: &str| !owned.contains(folder(name));
        let sql: BTreeSet<String> = with(Role::Sql).filter(|name| own(name)).collect();
        let customs: BTreeSet<String> = with(Role::Custom).filter(|name| own(name)).collect();
        if let Some(name) = with(Role::Text).find(|name| base(name).strip_suffix(".txt").is_some_and(|stem| has_definition(&sql, folder(name), stem))) {
            return Err(self.refused(&name, "rows in a file of their own (mysqldump --tab) are not read; dump again without --tab"));
        }
        if tocs.is_empty() && mydumpers.is_empty() && sql.is_empty() && customs.is_empty() {
            return Err(self.refused("", NO_DUMP));
        }
        self.dumps(&|name| sql.contains(name))?;
        self.customs(&|name| customs.contains(name))?;
        let passed: Vec<String> =
            roles.iter().filter(|(name, role)| own(name) && !matches!(role, Role::Sql | Role::Custom)).map(|(name, _)| name.clone()).collect();
        if !passed.is_empty() {
            self.notes.push(format!("{}: passed over, since they are no dumps: {}", self.snapshot.path, passed.join(", ")));
        }
        Ok(())
    }

    /// Visits the streams that `wanted` names; one that breaks off is cut.
    fn visit(&mut self, wanted: &dyn Fn(&str) -> bool, each: &mut dyn FnMut(&mut Self, Part<'_>) -> Result<(), HistoryError>) -> Result<(), HistoryError> {
        let snapshot = self.snapshot;
        let broken = snapshot.parts.visit(&mut |part| if wanted(part.name) { each(self, part) } else { Ok(()) })?;
        for Broken { name, reason } in broken {
            let path = shown(&self.snapshot.path, &name);
            self.notes.push(format!("{path}: its bytes break off: {reason}"));
            if !self.cuts.iter().any(|cut| cut.path == path) {
                self.cuts.push(CutPart { path, line: 0, cut: None });
            }
        }
        Ok(())
    }

    /// Plain dumps, one a stream.
    fn dumps(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), HistoryError> {
        self.visit(wanted, &mut |reading, part| reading.plain(part).map(drop))
    }

    /// One plain dump; whether it is whole.
    fn plain(&mut self, part: Part<'_>) -> Result<bool, HistoryError> {
        let path = shown(&self.snapshot.path, part.name);
        let boxed: Box<dyn Read + '_> = Box::new(part.reader);
        let opened = encoding::without_mark(BufReader::with_capacity(1 << 18, boxed));
        let (mut reader, converted) = opened.map_err(|source| HistoryError::Read { path: path.clone(), source })?;
        let mut dump = Dump::new(self.filling, &path);
        if converted {
            dump.set_converted();
        }
        let cut = dump.feed(&mut *reader)?;
        let line = dump.line();
        match cut {
            None => dump.close(),
            Some(cut) => self.cuts.push(CutPart { path, line, cut }),
        }
        Ok(self.cuts.is_empty())
    }

    /// Code that mydumper writes without a client's delimiters: each definition ends where settings are put back.
    fn code(&mut self, part: Part<'_>) -> Result<(), HistoryError> {
        let path = shown(&self.snapshot.path, part.name);
        let mut bytes = Vec::new();
        let _ = part.reader.take(CODE_BYTES).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let mut dump = Dump::new(self.filling, &path);
        for piece in text.split("\nSET character_set_client = @PREV") {
            if let Some(at) = piece.find("\nCREATE ") {
                dump.take_definition(piece[at + 1..].trim_end().trim_end_matches(';'));
            }
        }
        Ok(())
    }

    /// Archives in one file each.
    fn customs(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), HistoryError> {
        self.visit(wanted, &mut |reading, part| {
            let path = shown(&reading.snapshot.path, part.name);
            let input = BufReader::with_capacity(1 << 18, part.reader);
            let (toc, mut blocks) = archive::read_toc(input).map_err(|reason| reading.refused(part.name, reason))?;
            let mut dump = Dump::new(reading.filling, &path);
            archive::feed_definitions(&toc, &mut dump)?;
            let cut = archive::feed_blocks(&toc, &mut blocks, &mut dump)?;
            dump.close();
            reading.cuts.extend(cut.map(|cut| CutPart { path, line: 0, cut }));
            Ok(())
        })
    }

    /// An archive whose table of contents is the stream `toc`, with its rows in files beside it.
    fn archive_files(&mut self, toc: &str) -> Result<(), HistoryError> {
        let mut contents = None;
        self.visit(&|name| name == toc, &mut |reading, part| {
            let (found, _) = archive::read_toc(BufReader::new(part.reader)).map_err(|reason| reading.refused(toc, reason))?;
            contents = Some(found);
            Ok(())
        })?;
        let Some(contents) = contents else { return Ok(()) };
        let path = shown(&self.snapshot.path, toc);
        archive::feed_definitions(&contents, &mut Dump::new(self.filling, &path))?;
        let files: BTreeMap<&str, &archive::Entry> =
            contents.entries.iter().filter(|entry| entry.is_rows()).map(|entry| (entry.file.as_str(), entry)).collect();
        // The encoding stands among the definitions; each file is read in it.
        let encoding = self.filling.database.described.encoding.clone().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let beside =
            |name: &str| folder(name) == folder(toc) && (files.contains_key(base(name)) || files.contains_key(name.rsplit('/').next().unwrap_or(name)));
        self.visit(&beside, &mut |reading, part| {
            let path = shown(&reading.snapshot.path, part.name);
            let Some(entry) = files.get(base(part.name)).or_else(|| files.get(part.name.rsplit('/').next().unwrap_or(part.name))) else { return Ok(()) };
            seen.insert(entry.file.clone());
            let mut dump = Dump::new(reading.filling, &path);
            dump.set_encoding(&encoding)?;
            let mut file = BufReader::with_capacity(1 << 18, part.reader);
            let cut = archive::feed_rows(entry, &mut dump, &mut archive::unpacked_file(&mut file))?;
            let line = dump.line();
            if cut.is_none() {
                dump.close();
            }
            reading.cuts.extend(cut.map(|cut| CutPart { path, line, cut }));
            Ok(())
        })?;
        if let Some((file, _)) = files.iter().find(|(file, _)| !seen.contains(**file)) {
            let path = shown(&self.snapshot.path, &format!("{}{file}", folder(toc)));
            self.notes.push(format!("{path}: the table of contents names it, and it is missing"));
            self.cuts.push(CutPart { path, line: 0, cut: None });
        }
        Ok(())
    }

    /// A folder of mydumper's: definitions, then views, then rows, each in files by table.
    fn mydumper(&mut self, metadata: &str, roles: &[(String, Role)]) -> Result<(), HistoryError> {
        let prefix = folder(metadata).to_owned();
        let mut said = String::new();
        self.visit(&|name| name == metadata, &mut |_, part| {
            let mut bytes = Vec::new();
            let _ = part.reader.take(HEAD_BYTES * 256).read_to_end(&mut bytes);
            said = String::from_utf8_lossy(&bytes).into_owned();
            Ok(())
        })?;
        let before = self.cuts.len();
        let mut counts = counts_in(&said);
        for turn in [Turn::Definitions, Turn::Views, Turn::Code, Turn::Rows] {
            let database = self.filling.database.name.clone();
            let wanted = |name: &str| folder(name) == prefix && turn_of(base(name), &database) == Some(turn);
            self.visit(&wanted, &mut |reading, part| if turn == Turn::Code { reading.code(part) } else { reading.plain(part).map(drop) })?;
        }
        self.visit(&|name| folder(name) == prefix && base(name).ends_with("-metadata"), &mut |_, part| {
            let name = base(part.name).trim_end_matches("-metadata").split_once('.').map(|(_, table)| table.to_owned());
            let mut text = String::new();
            let _ = part.reader.take(64).read_to_string(&mut text);
            counts.extend(name.zip(text.trim().parse().ok()));
            Ok(())
        })?;
        let other = |name: &&str| folder(name) == prefix && base(name).ends_with("-schema.sql") && turn_of(base(name), &self.filling.database.name).is_none();
        let others: Vec<String> =
            roles.iter().map(|(name, _)| name.as_str()).filter(other).filter_map(|name| base(name).split_once('.')).map(|(d, _)| d.to_owned()).collect();
        self.filling.passed_over.extend(others);
        self.filling.check_counts(&counts);
        if self.cuts.len() == before && !said.contains("Finished dump at") {
            self.filling.open_all();
            self.cuts.push(CutPart { path: shown(&self.snapshot.path, metadata), line: 0, cut: None });
        }
        Ok(())
    }
}

/// What a file of mydumper's is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Definitions,
    Views,
    /// Triggers, functions and procedures.
    Code,
    Rows,
}

/// When a file is read, by its name: `db.table-schema.sql`, `db.table-schema-view.sql`, `db.table.00000.sql`.
fn turn_of(file: &str, database: &str) -> Option<Turn> {
    let stem = file.strip_suffix(".sql")?;
    if stem.strip_suffix("-schema-create").is_some_and(|name| name == database) {
        return Some(Turn::Definitions);
    }
    if stem.strip_suffix("-schema-post").is_some_and(|name| name == database) {
        return Some(Turn::Code);
    }
    let table = stem.strip_prefix(database)?.strip_prefix('.')?;
    Some(if table.ends_with("-schema") {
        Turn::Definitions
    } else if table.ends_with("-schema-view") {
        Turn::Views
    } else if table.ends_with("-schema-triggers") || table.ends_with("-schema-post") {
        Turn::Code
    } else {
        Turn::Rows
    })
}

/// How many rows each table had, as newer versions say in `metadata`: a section ``[`db`.`table`]`` with `rows = 3`.
fn counts_in(metadata: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut table = None;
    for line in metadata.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = section.trim_matches('`').split_once("`.`").map(|(_, table)| table.to_owned());
        } else if let Some((key, count)) = line.split_once('=')
            && key.trim() == "rows"
        {
            counts.extend(table.clone().zip(count.trim().parse().ok()));
        }
    }
    counts
}

fn has_schemas(roles: &[(String, Role)], prefix: &str) -> bool {
    roles.iter().any(|(name, _)| folder(name) == prefix && base(name).ends_with("-schema.sql"))
}

fn has_definition(sql: &BTreeSet<String>, prefix: &str, stem: &str) -> bool {
    sql.contains(&format!("{prefix}{stem}.sql"))
}

/// What messages call a stream of a snapshot.
fn shown(path: &str, name: &str) -> String {
    if name.is_empty() { path.to_owned() } else { format!("{path}: {name}") }
}
