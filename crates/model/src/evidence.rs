//! Evidence and its custody: what was taken in, when, from where, and what is missing from it.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields};
use serde::{Deserialize, Serialize};

use crate::table::{Row, optional_text, text};
use crate::time::{Instant, Interval};

/// Names one artefact: the first 16 hexadecimal digits of the SHA-256 of its (decompressed) bytes.
/// Intake refuses two different artefacts with the same short name, so it is unique within a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArtefactId(pub String);

impl ArtefactId {
    /// From a SHA-256 digest.
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self(digest[..8].iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl fmt::Display for ArtefactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place of one record in the evidence: enough to show the original bytes again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventRef {
    /// Which artefact.
    pub artefact: ArtefactId,
    /// Offset of the record's first byte in the artefact's decompressed bytes.
    pub offset: u64,
    /// Length of the record in bytes, without its line ending.
    pub length: u32,
}

impl EventRef {
    /// The Arrow type of one reference.
    pub fn data_type() -> DataType {
        DataType::Struct(Fields::from(vec![
            Field::new("artefact", DataType::Utf8, false),
            Field::new("offset", DataType::UInt64, false),
            Field::new("length", DataType::UInt32, false),
        ]))
    }

    /// A column that holds a list of references.
    pub fn list_field(name: &str) -> FieldRef {
        Arc::new(Field::new(name, DataType::List(Arc::new(Field::new("element", Self::data_type(), false))), false))
    }
}

impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}+{}", self.artefact, self.offset, self.length)
    }
}

/// How an artefact is packed around the bytes that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// The bytes as they stand.
    None,
    /// gzip
    Gzip,
    /// Zstandard
    Zstd,
    /// xz
    Xz,
    /// bzip2
    Bzip2,
}

/// What an artefact turned out to be, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtefactKind {
    /// A log of the estate, or one that looks like a log.
    Log,
    /// A snapshot of a database: a dump, CSV or Parquet.
    Snapshot,
    /// The contact register.
    Register,
    /// An archive; its members are artefacts of their own.
    Archive,
    /// Text of no known format.
    Text,
    /// Binary of no known format.
    Binary,
    /// No bytes at all.
    Empty,
}

/// One artefact and its chain of custody. A row of `custody.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artefact {
    /// Its short name.
    pub id: ArtefactId,
    /// SHA-256 of the bytes that events refer to (decompressed), in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the sealed file as it was received. Differs from `sha256` for compressed files and archive members.
    pub sealed_sha256: String,
    /// Where it came from: the path below the evidence folder, `/`-separated; members as `archive.zip!/inner/path`.
    pub path: String,
    /// Further paths at which the same bytes lay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_at: Vec<String>,
    /// The archive it came out of, and the member's name there.
    pub member_of: Option<(ArtefactId, String)>,
    /// How the sealed bytes are packed.
    pub container: Container,
    /// Size of the decompressed bytes.
    pub size: u64,
    /// What it is.
    pub kind: ArtefactKind,
    /// The format it was read as (`nginx`, `postgresql_csvlog`, …), where known.
    pub format: Option<String>,
    /// The estate's log source that claims it.
    pub source: Option<String>,
    /// Who took it in.
    pub taken_by: String,
    /// When it was taken in.
    pub taken_at: Instant,
    /// The file's own modification time.
    pub modified_at: Option<Instant>,
    /// First and last event inside.
    pub span: Option<Interval>,
    /// Records that became events.
    pub records_read: u64,
    /// Records that could not be read.
    pub records_refused: u64,
    /// The first record that could not be read.
    pub first_refusal: Option<Warning>,
}

/// What could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Which artefact.
    pub artefact: ArtefactId,
    /// Its path below the evidence folder.
    pub path: String,
    /// 1-based line (or record) number; 0 where lines mean nothing.
    pub line: u64,
    /// Byte offset of the record.
    pub offset: u64,
    /// Why. Never holds the record's own bytes: they may be about a person.
    pub reason: String,
}

impl Warning {
    /// How the reason of a mere note begins: something is odd about the evidence, and nothing of it was lost.
    pub const NOTED: &'static str = "noted: ";

    /// Whether nothing was lost by what is warned of.
    pub fn is_note(&self) -> bool {
        self.reason.starts_with(Self::NOTED)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {} (byte {}): {}", self.path, self.line, self.offset, self.reason)
    }
}

/// Why evidence is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Silence that the source's own rate does not explain.
    Silence,
    /// Line numbers or ids that skip.
    Sequence,
    /// The first event is later than the window of interest or than the other sources.
    LateStart,
    /// The last event is earlier than the window of interest or than the other sources.
    EarlyEnd,
    /// A log that was cut, cleared or rewritten.
    Truncated,
    /// Records that could not be read.
    Refused,
    /// A source of the estate for which no artefact was supplied.
    Absent,
    /// Recording was stopped, or told to record less.
    Unlogged,
    /// The clock was set: what lies in between was passed twice, or never.
    ClockChange,
}

/// An interval for which a source's evidence is missing. A row of the table `gaps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The estate's log source.
    pub source: String,
    /// The system it belongs to.
    pub system: String,
    /// The artefact that shows it, if one does.
    pub artefact: Option<ArtefactId>,
    /// Why it is a gap.
    pub kind: GapKind,
    /// The interval: from the last event before to the first event after.
    pub interval: Interval,
    /// How many records are missing, where numbers tell.
    pub missing: Option<u64>,
    /// One sentence with the figures it rests on.
    pub reason: String,
    /// Records on both sides.
    pub evidence: Vec<EventRef>,
}

/// Two sources whose clocks disagree, estimated from records of the same request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockSkew {
    /// The source taken as right.
    pub reference: String,
    /// The other one.
    pub source: String,
    /// Median of (other − reference), microseconds.
    pub skew_micros: i64,
    /// Half the spread of the middle 90 %, microseconds.
    pub spread_micros: i64,
    /// Pairs it rests on.
    pub pairs: u64,
}

/// What the evidence covers, and where it does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Span of each source with events.
    pub spans: Vec<(String, Interval)>,
    /// Missing evidence, by source and time.
    pub gaps: Vec<Gap>,
    /// Clocks that disagree.
    pub skews: Vec<ClockSkew>,
}

impl Row for Warning {
    const TABLE: &'static str = "warnings";

    fn fields() -> Vec<FieldRef> {
        vec![
            text("artefact"),
            text("path"),
            Arc::new(Field::new("line", DataType::UInt64, false)),
            Arc::new(Field::new("offset", DataType::UInt64, false)),
            text("reason"),
        ]
    }
}

impl Row for Gap {
    const TABLE: &'static str = "gaps";

    fn fields() -> Vec<FieldRef> {
        let interval = Fields::from(vec![Field::new("from", DataType::Int64, false), Field::new("to", DataType::Int64, false)]);
        vec![
            text("source"),
            text("system"),
            optional_text("artefact"),
            text("kind"),
            Arc::new(Field::new("interval", DataType::Struct(interval), false)),
            Arc::new(Field::new("missing", DataType::UInt64, true)),
            text("reason"),
            EventRef::list_field("evidence"),
        ]
    }
}
