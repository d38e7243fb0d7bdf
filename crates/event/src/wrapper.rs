//! What stands around a log's own lines: Docker's and Kubernetes' records, syslog, the JSON of collectors and clouds. One
//! mechanism for all formats: a wrapper is taken off where the format understands more of what is inside than of what is
//! outside. The inner line keeps the place of the whole outer record, which is the proof; the wrapper's time and host stand
//! in where the inner line has none. `docs/formats/wrappers.md` lists what is known.

mod json;
mod plain;
mod table;

use std::collections::VecDeque;
use std::sync::Arc;

use strandline_model::estate::LogSource;

use crate::source;
use crate::stamp::{Stamp, Zone};
use crate::{Context, EventError, Framing, MAX_RECORD_BYTES, Record};

use self::table::Table;

/// How many wrappers may lie in each other.
const DEPTH: usize = 3;

/// Lines that are looked at to know a wrapper.
const SAMPLE_LINES: usize = 100;

/// Records that may wait for their rest at a time.
const OPEN_RECORDS: usize = 64;

/// What a wrapper says of the line in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) time: Option<Stamp>,
    pub(crate) host: Option<String>,
    /// Program, container or unit.
    pub(crate) unit: Option<String>,
    pub(crate) pid: Option<i32>,
}

impl Envelope {
    /// What the inner wrapper leaves open, the outer one says.
    fn within(self, outer: &Self) -> Self {
        Self {
            time: self.time.or(outer.time),
            host: self.host.or_else(|| outer.host.clone()),
            unit: self.unit.or_else(|| outer.unit.clone()),
            pid: self.pid.or(outer.pid),
        }
    }
}

/// Whether a line is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Whole {
    /// It is.
    #[default]
    Yes,
    /// It goes on in the next record of this stream.
    GoesOn(String),
    /// It ends what went on in this stream.
    Ends(String),
    /// A numbered part of a message, which may go on in a record of the same number.
    Part { of: String, first: bool },
}

/// What was inside one record.
#[derive(Clone, Debug, Default)]
struct Inner {
    text: String,
    envelope: Envelope,
    whole: Whole,
    /// Where it stands within the outer record, if not all over it.
    range: Option<(usize, usize)>,
}

/// One wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layer {
    /// UTF-16, big end first or not.
    Utf16 { big: bool },
    /// A table with a header: each row becomes an object of JSON.
    Table(Arc<Table>),
    /// A text in a field of a JSON object, by its number in the table of those known.
    Json(usize),
    /// An array of records in one JSON object.
    Array,
    /// `2026-11-23T20:42:55.1Z stdout F …`
    Cri,
    /// `web-1  | …`
    Compose,
    /// `[pod/web-1/nginx] …`
    Kubectl,
    /// RFC 3164 or 5424 in front of another format.
    Syslog,
    /// `STAMP<tab>tag<tab>{…}`
    Fluentd,
    /// `STAMP log-stream …`
    Stream,
    /// A stamp in front of a line that has its own.
    Stamped,
    /// `{app="web"} …`
    Labels,
}

impl Layer {
    /// The more particular first.
    fn all() -> impl Iterator<Item = Self> {
        let json = (0..json::KNOWN.len()).map(Self::Json);
        let text = [Self::Cri, Self::Kubectl, Self::Compose, Self::Syslog, Self::Fluentd, Self::Stream, Self::Stamped, Self::Labels];
        [Self::Array].into_iter().chain(json).chain(text)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Utf16 { .. } => "UTF-16",
            Self::Table(_) => "a table",
            Self::Json(at) => json::KNOWN[*at].name,
            Self::Array => "a JSON array",
            Self::Cri => "CRI",
            Self::Compose => "Docker Compose",
            Self::Kubectl => "kubectl",
            Self::Syslog => "syslog",
            Self::Fluentd => "Fluentd",
            Self::Stream => "CloudWatch",
            Self::Stamped => "a stamp",
            Self::Labels => "Loki",
        }
    }

    /// Takes it off one record; empty if it does not stand around it.
    fn open(&self, text: &str, zone: &Zone) -> Vec<Inner> {
        match self {
            Self::Utf16 { .. } => vec![Inner { text: text.to_owned(), ..Inner::default() }], // decoded when the record was cut
            Self::Table(table) => table.row(text).into_iter().collect(),
            Self::Json(at) => json::field(&json::KNOWN[*at], text, zone).into_iter().collect(),
            Self::Array => json::array(text),
            Self::Cri => plain::cri(text, zone).into_iter().collect(),
            Self::Compose => plain::compose(text).into_iter().collect(),
            Self::Kubectl => plain::kubectl(text).into_iter().collect(),
            Self::Syslog => plain::syslog(text, zone).into_iter().collect(),
            Self::Fluentd => plain::fluentd(text, zone).into_iter().collect(),
            Self::Stream => plain::stream(text, zone).into_iter().collect(),
            Self::Stamped => plain::stamped(text, zone).into_iter().collect(),
            Self::Labels => plain::labels(text).into_iter().collect(),
        }
    }
}

/// How an artefact's bytes become the records of its format.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Bytes in front of the first record: `{"Records":[`.
    skip: usize,
    /// How the outer records end, if not as the format's own do.
    framing: Option<Framing>,
    layers: Vec<Layer>,
    /// Whether the wrapper's time is put in front of each line, as PostgreSQL writes it: its lines have none.
    stamps: bool,
}

impl Plan {
    /// For one artefact, by its first bytes: what lets the format understand most.
    pub(crate) fn of(context: &Context<'_>, head: &[u8]) -> Self {
        if context.source.format == source::EVTX || context.source.format == "text" {
            return Self::default();
        }
        let mut plans = Self::candidates(head, &Zone::of(context).unwrap_or_else(|_| Zone::utc()));
        Self::add_stamped(&context.source.format, &mut plans);
        // Without a wrapper, unless more is understood with one.
        let mut best = (source::understood(context, head, &Self::default()), Self::default());
        for plan in plans {
            if best.0 >= 0.95 {
                break;
            }
            let share = source::understood(context, head, &plan);
            if share > best.0 {
                best = (share, plan);
            }
        }
        best.1
    }

    /// For PostgreSQL, whose lines carry no time where syslog stamps them.
    pub(crate) fn add_stamped(format: &str, plans: &mut Vec<Self>) {
        if format == "postgresql" {
            let stamped: Vec<Self> = plans.iter().filter(|plan| !plan.is_plain()).map(|plan| Self { stamps: true, ..plan.clone() }).collect();
            plans.extend(stamped);
        }
    }

    /// The wrappers that stand around these first bytes: none, the outermost, and what lies in it.
    pub(crate) fn candidates(head: &[u8], zone: &Zone) -> Vec<Self> {
        let mut plans = Vec::new();
        let mut plan = Self::outermost(head);
        if plan.framing.is_some() {
            plans.push(plan.clone());
        }
        let mut lines = plan.sample(head);
        for layer in &plan.layers {
            lines = inside(layer, &lines, zone);
        }
        for _ in 0..DEPTH {
            let opened = |layer: &Layer| lines.iter().filter(|line| !layer.open(line, zone).is_empty()).count();
            let Some(layer) = Layer::all().find(|layer| !lines.is_empty() && opened(layer) * 5 >= lines.len() * 4) else { break };
            lines = inside(&layer, &lines, zone);
            plan.layers.push(layer);
            plans.push(plan.clone());
        }
        plans
    }

    /// What stands around the file as a whole: another encoding, a header of columns, one JSON document.
    fn outermost(head: &[u8]) -> Self {
        let wide = wide(head);
        let text = wide.map(|big| decoded(big, head));
        let table = Table::of(text.as_ref().map_or(head, |text| text.as_bytes()));
        let mut plan = Self::default();
        if let Some(big) = wide {
            plan.layers.push(Layer::Utf16 { big });
            plan.framing = Some(Framing::Wide { big, quoted: table.is_some() });
        }
        if let Some((table, header)) = table {
            plan.layers.push(Layer::Table(Arc::new(table)));
            plan.framing = plan.framing.or(Some(Framing::QuotedLines));
            plan.skip = text.map_or(header, |text| text[..header].encode_utf16().count() * 2 + mark(head));
        } else if wide.is_none()
            && let Some(skip) = json::document(head)
        {
            plan.skip = skip;
            plan.framing = Some(Framing::Objects);
        }
        plan
    }

    /// The first outer records of these bytes.
    fn sample(&self, head: &[u8]) -> Vec<String> {
        let mut reader = head;
        let mut records = crate::Records::new(&mut reader);
        if records.peek().is_err() {
            return Vec::new();
        }
        records.skip(self.skip);
        records.frame(self.framing.unwrap_or(Framing::Lines));
        let mut sample = Vec::new();
        while let Ok(Some(record)) = records.next() {
            if sample.len() == SAMPLE_LINES {
                break;
            }
            if !record.bytes.trim_ascii().is_empty() {
                sample.push(self.text_of(record.bytes));
            }
        }
        sample
    }

    /// A record's bytes as text.
    fn text_of(&self, bytes: &[u8]) -> String {
        match self.layers.first() {
            Some(Layer::Utf16 { big }) => decoded(*big, bytes).trim_end().to_owned(), // a tab in front says that a line goes on
            _ => String::from_utf8_lossy(source::trimmed(bytes)).into_owned(),
        }
    }

    /// Whether the records are read as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether the records are UTF-16.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self.framing, Some(Framing::Wide { .. }))
    }

    /// If each record is a row of a table and nothing lies in it that is known: whether a column is named as in logs alone.
    pub(crate) fn bare_table(&self) -> Option<bool> {
        let Some(Layer::Table(table)) = self.layers.last() else { return None };
        Some(table.tells_of_acts())
    }

    /// Bytes in front of the first record.
    pub(crate) fn skip(&self) -> usize {
        self.skip
    }

    /// How the outer records end.
    pub(crate) fn framing(&self, own: Framing) -> Framing {
        if self.is_plain() && own != Framing::Lines { own } else { self.framing.unwrap_or(Framing::Lines) }
    }

    /// The name of a format, with the wrappers that were taken off.
    pub(crate) fn named(&self, format: &str) -> String {
        let layers: Vec<&str> = self.layers.iter().map(Layer::name).collect();
        if layers.is_empty() { format.to_owned() } else { format!("{format} in {}", layers.join(", ")) }
    }

    /// The source as the format must see it: with the prefix that is put in front of lines without a time.
    pub(crate) fn source(&self, source: &LogSource) -> Option<LogSource> {
        let log_format = source.log_format.as_ref().map(|written| format!("{}{written}", plain::PUT_PREFIX));
        self.stamps.then(|| LogSource { log_format, clock: None, ..source.clone() })
    }

    /// What the format sees of these first bytes.
    pub(crate) fn inner_head(&self, context: &Context<'_>, head: &[u8]) -> Result<Vec<u8>, EventError> {
        if self.is_plain() {
            return Ok(head[self.skip.min(head.len())..].to_vec());
        }
        let mut unwrapping = Unwrapping::new(self.clone(), context)?;
        let mut reader = head;
        let mut records = crate::Records::new(&mut reader);
        let mut inside = Vec::new();
        if records.peek().is_ok() {
            records.skip(self.skip);
            records.frame(self.framing(Framing::Lines));
            while let Ok(Some(record)) = records.next() {
                unwrapping.add(&record);
                unwrapping.give(false, &mut |_, line| inside.extend_from_slice(&[line.bytes, b"\n"].concat()));
            }
            unwrapping.give(true, &mut |_, line| inside.extend_from_slice(&[line.bytes, b"\n"].concat()));
        }
        Ok(inside)
    }
}

/// A record whose wrapper is off, waiting to be given out in order.
struct Waiting {
    inner: Inner,
    offset: u64,
    end: u64,
    line: u64,
    closed: bool,
}

/// Takes the wrappers off, record by record, and joins what they had split. Memory is bounded by one record and
/// [`OPEN_RECORDS`].
pub(crate) struct Unwrapping {
    plan: Plan,
    zone: Zone,
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Unwrapping {
    /// For one artefact.
    pub(crate) fn new(plan: Plan, context: &Context<'_>) -> Result<Self, EventError> {
        Ok(Self { plan, zone: Zone::of(context)?, waiting: VecDeque::new(), bytes: 0 })
    }

    /// Takes one outer record. One that the wrapper does not stand around is left as it is.
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let text = self.plan.text_of(record.bytes);
        let moved = text.as_bytes() != record.bytes; // then ranges within it mean nothing
        for inner in self.opened(text) {
            let (from, to) = inner.range.filter(|_| !moved).unwrap_or((0, record.bytes.len()));
            let within = record.extent == record.bytes.len() as u64;
            let (offset, end) = if within { (record.offset + from as u64, record.offset + to as u64) } else { (record.offset, record.end()) };
            self.join(Waiting { inner, offset, end, line: record.line, closed: true });
        }
    }

    fn opened(&self, text: String) -> Vec<Inner> {
        let mut inners = vec![Inner { text, ..Inner::default() }];
        for layer in &self.plan.layers {
            let mut next = Vec::with_capacity(inners.len());
            for inner in inners {
                let opened = layer.open(&inner.text, &self.zone);
                if opened.is_empty() {
                    next.push(inner);
                    continue;
                }
                next.extend(opened.into_iter().map(|deeper| Inner {
                    envelope: deeper.envelope.within(&inner.envelope),
                    range: inner.range.or(deeper.range),
                    whole: if deeper.whole == Whole::Yes { inner.whole.clone() } else { deeper.whole },
                    text: deeper.text,
                }));
            }
            inners = next;
        }
        inners
    }

    /// Adds it to what waits for it, or behind all.
    fn join(&mut self, mut new: Waiting) {
        let key = match &new.inner.whole {
            Whole::GoesOn(key) | Whole::Ends(key) => Some(key.clone()),
            Whole::Part { of, first: false } => Some(of.clone()),
            _ => None,
        };
        let open = |w: &&mut Waiting| !w.closed && matches!(&w.inner.whole, Whole::GoesOn(k) | Whole::Part { of: k, .. } if Some(k) == key.as_ref());
        if let Some(old) = self.waiting.iter_mut().rev().find(open)
            && old.inner.text.len() + new.inner.text.len() <= MAX_RECORD_BYTES
        {
            if matches!(new.inner.whole, Whole::Part { .. }) && plain::begins_a_line(&new.inner.text) {
                old.inner.text.push('\n');
            }
            self.bytes += new.inner.text.len();
            old.inner.text.push_str(&new.inner.text);
            old.end = old.end.max(new.end);
            old.closed = matches!(new.inner.whole, Whole::Ends(_));
            return;
        }
        if let Whole::Part { of, .. } = &new.inner.whole {
            // A message of the same process ends the one before.
            let process = plain::process_of(of);
            let same = |w: &&mut Waiting| matches!(&w.inner.whole, Whole::Part { of, .. } if plain::process_of(of) == process);
            self.waiting.iter_mut().filter(same).for_each(|old| old.closed = true);
        }
        new.closed = matches!(new.inner.whole, Whole::Yes | Whole::Ends(_));
        self.bytes += new.inner.text.len();
        self.waiting.push_back(new);
    }

    /// Gives out what is whole, in order; at the end everything.
    pub(crate) fn give(&mut self, all: bool, take: &mut dyn FnMut(&Envelope, &Record<'_>)) {
        while self.waiting.front().is_some_and(|front| front.closed || all || self.waiting.len() > OPEN_RECORDS || self.bytes > MAX_RECORD_BYTES) {
            let Some(Waiting { inner, offset, end, line, .. }) = self.waiting.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(inner.text.len());
            for (number, text) in sublines(&inner.text).enumerate() {
                let text = if self.plan.stamps { plain::with_prefix(text, &inner.envelope) } else { text };
                // Lines of one record are told apart by where they begin; each place holds the rest of the record.
                let from = (offset + number as u64).min(end.saturating_sub(1).max(offset));
                take(&inner.envelope, &Record { bytes: text.as_bytes(), ..Record::at(from, end, line) });
            }
        }
    }
}

/// The lines inside a layer of these.
fn inside(layer: &Layer, lines: &[String], zone: &Zone) -> Vec<String> {
    let opened = lines.iter().flat_map(|line| layer.open(line, zone));
    opened.flat_map(|inner| sublines(&inner.text).collect::<Vec<_>>()).take(SAMPLE_LINES).collect()
}

/// Whether these first bytes are UTF-16, and then whether the big end comes first: by the mark, or by every second byte.
fn wide(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        _ => source::is_wide(head),
    }
}

/// Bytes that the mark in front takes.
fn mark(head: &[u8]) -> usize {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) { 2 } else { 0 }
}

/// UTF-16 as text; what is no letter becomes U+FFFD, and the mark is left out.
fn decoded(big: bool, bytes: &[u8]) -> String {
    let units =
        bytes[mark(bytes)..].chunks_exact(2).map(|pair| if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) });
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The lines of a text that a wrapper held, at least one.
fn sublines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests;
