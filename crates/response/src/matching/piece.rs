//! A piece of the evidence, and what one worker finds in it. A piece stands alone: what comes of it does not depend on who
//! looks at it, or when.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use strandline_detection::is_trusted;
use strandline_detection::sigma::{EventView, HitLog, Match, Matcher, RuleNumber, RuleSet, Seen};
use strandline_event::evtx::{Chunk, ChunkReader, Damage, Visit};
use strandline_event::mask::{self, Secrecy};
use strandline_event::source::evtx::involved;
use strandline_model::estate::Trusted;
use strandline_model::event::{Class, Event, EventRows};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::personal::Personal;
use strandline_model::record::LogRecord;
use strandline_model::time::{Instant, Interval};

/// Bytes of one value that a hit keeps; the evidence has the rest.
const VALUE_BYTES: usize = 8 << 10;
/// Names of fields that are remembered.
const MOST_NAMES: usize = 4096;
/// Values of one field that a hit keeps: a keyword may stand in many.
const VALUES: usize = 16;

/// Where a piece comes from.
#[derive(Debug)]
pub struct Origin {
    /// The artefact; where nothing is in custody, its path.
    pub artefact: ArtefactId,
    /// Its path.
    pub path: String,
    /// The estate's system, if one is known.
    pub system: String,
    /// Its place among the origins of a run.
    pub number: usize,
}

/// A piece of the evidence.
pub struct Piece {
    origin: Arc<Origin>,
    content: Content,
}

enum Content {
    /// A chunk of a Windows event log.
    Chunk { offset: u64, bytes: Vec<u8>, damage: Option<Damage> },
    /// Events, and the format of each source.
    Events { batch: RecordBatch, formats: Arc<BTreeMap<String, String>> },
}

impl Piece {
    /// A chunk of a Windows event log, as the log was cut; `spare` is a buffer that it may use.
    pub fn chunk(origin: &Arc<Origin>, chunk: &Chunk<'_>, mut spare: Vec<u8>) -> Self {
        spare.clear();
        spare.extend_from_slice(chunk.bytes);
        Self { origin: Arc::clone(origin), content: Content::Chunk { offset: chunk.offset, bytes: spare, damage: chunk.damage.clone() } }
    }

    /// Events of sources with these formats. Events of a source without one are passed over.
    pub fn events(origin: &Arc<Origin>, batch: RecordBatch, formats: &Arc<BTreeMap<String, String>>) -> Self {
        Self { origin: Arc::clone(origin), content: Content::Events { batch, formats: Arc::clone(formats) } }
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Chunk { bytes, .. } => bytes.len(),
            Content::Events { batch, .. } => batch.get_array_memory_size(),
        }
    }
}

/// A match, with what a person wants to know of it.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The rule.
    pub rule: RuleNumber,
    /// When.
    pub time: Option<Instant>,
    /// Where in the evidence.
    pub place: EventRef,
    /// The line, in logs of lines.
    pub line: Option<u64>,
    /// Windows channel and event id, record id.
    pub channel: Option<String>,
    /// Windows event id.
    pub event_id: Option<u32>,
    /// Windows record id.
    pub record_id: Option<u64>,
    /// Whether it was carved from bytes that the log no longer counts as its own.
    pub is_carved: bool,
    /// The machine.
    pub host: Option<String>,
    /// The system of the estate.
    pub system: String,
    /// The account.
    pub account: Option<Personal<String>>,
    /// The other end's address.
    pub address: Option<Personal<String>>,
    /// The session.
    pub session: Option<Personal<String>>,
    /// The fields that made the rule match, and their values, secrets masked.
    pub fields: Vec<(String, Vec<Personal<String>>)>,
    /// For a correlation: its last event, and how many.
    pub stretch: Option<(Instant, u64)>,
}

impl Hit {
    /// A hit of which no more is known than the rule and the place.
    pub fn bare(rule: RuleNumber, place: EventRef) -> Self {
        Self {
            rule,
            time: None,
            place,
            line: None,
            channel: None,
            event_id: None,
            record_id: None,
            is_carved: false,
            host: None,
            system: String::new(),
            account: None,
            address: None,
            session: None,
            fields: Vec::new(),
            stretch: None,
        }
    }
}

/// What was found in a piece.
pub struct Looked {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// Matches, in the order of the evidence.
    pub hits: Vec<Hit>,
    /// What was seen.
    pub seen: Seen,
    /// Matches that correlations need.
    pub log: HitLog,
    /// What could not be read, and what is not as it should be.
    pub damages: Vec<Damage>,
    /// Records outside the time that was asked for.
    pub outside: u64,
    /// Records of readers that the estate trusts, which rules were not tried on.
    pub trusted: u64,
    /// The piece's buffer, to be used again.
    pub spare: Option<Vec<u8>>,
}

/// One thread's part of a run.
pub struct Worker<'r> {
    matcher: Matcher<'r>,
    reader: Option<(usize, ChunkReader)>,
    scope: Scope<'r>,
    /// What the names of fields that rules speak of say about their values.
    names: HashMap<String, Secrecy>,
}

/// Which records rules are tried on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'s> {
    /// Those of this time.
    pub window: Option<Interval>,
    /// Not what these do at databases and web applications, as their work is: a backup reads everything every night.
    pub trusted: &'s [Trusted],
}

impl Scope<'_> {
    /// A record without a time may be of any: it is looked at.
    fn is_outside(&self, time: Option<Instant>) -> bool {
        self.window.is_some_and(|window| time.is_some_and(|time| !window.contains(time)))
    }

    fn is_trusted(&self, event: &Event<'_>) -> bool {
        let (role, account) = match event.class {
            Class::Datastore => (event.account.as_deref(), None),
            Class::Http => (None, event.account.as_deref()),
            _ => return false,
        };
        is_trusted(self.trusted, role, account, event.src_ip.as_deref())
    }
}

impl<'r> Worker<'r> {
    /// A worker over a set of rules.
    pub fn new(set: &'r RuleSet, scope: Scope<'r>) -> Self {
        Self { matcher: Matcher::new(set), reader: None, scope, names: HashMap::new() }
    }

    /// Looks at a piece.
    pub fn look(&mut self, piece: Piece) -> Looked {
        let mut looking = Looking {
            matcher: &mut self.matcher,
            names: &mut self.names,
            scope: self.scope,
            system: &piece.origin.system,
            hits: Vec::new(),
            damages: Vec::new(),
            outside: 0,
            trusted: 0,
        };
        let mut spare = None;
        match piece.content {
            Content::Chunk { offset, bytes, damage } => {
                looking.damages.extend(damage);
                if self.reader.as_ref().is_none_or(|(number, _)| *number != piece.origin.number) {
                    self.reader = Some((piece.origin.number, ChunkReader::new(&piece.origin.artefact)));
                }
                if let Some((_, reader)) = &mut self.reader {
                    // Nothing here ends the reading early.
                    let _ = reader.read(&bytes, offset, &mut looking);
                }
                spare = Some(bytes);
            }
            Content::Events { batch, formats } => {
                for event in EventRows::new(&batch).iter() {
                    if let Some(format) = formats.get(event.source.as_ref()) {
                        looking.event(&event, format);
                    }
                }
            }
        }
        let Looking { hits, damages, outside, trusted, .. } = looking;
        let (seen, log) = self.matcher.take();
        Looked { origin: piece.origin, hits, seen, log, damages, outside, trusted, spare }
    }
}

struct Looking<'l, 'r> {
    matcher: &'l mut Matcher<'r>,
    names: &'l mut HashMap<String, Secrecy>,
    scope: Scope<'l>,
    system: &'l str,
    hits: Vec<Hit>,
    damages: Vec<Damage>,
    outside: u64,
    trusted: u64,
}

impl Looking<'_, '_> {
    fn event(&mut self, event: &Event<'_>, format: &str) {
        if self.scope.is_outside(Some(event.time)) {
            self.outside += 1;
            return;
        }
        if self.scope.is_trusted(event) {
            self.trusted += 1;
            return;
        }
        let view = EventView::new(event, format);
        let first = self.hits.len();
        let (hits, system, names) = (&mut self.hits, self.system, &mut *self.names);
        self.matcher.look(&view, &mut |found| hits.push(hit(found, system, names)));
        for hit in &mut hits[first..] {
            hit.line = Some(event.line).filter(|line| *line > 0);
            hit.host = view.host().map(str::to_owned);
            let personal = |value: &Option<Cow<'_, str>>| value.as_deref().map(|value| Personal::new(value.to_owned()));
            (hit.account, hit.address, hit.session) = (personal(&event.account), personal(&event.src_ip), personal(&event.session));
            if hit.system.is_empty() {
                hit.system = event.system.as_ref().to_owned();
            }
        }
    }
}

impl Visit for Looking<'_, '_> {
    fn record(&mut self, record: &dyn LogRecord) -> ControlFlow<()> {
        if self.scope.is_outside(record.time()) {
            self.outside += 1;
            return ControlFlow::Continue(());
        }
        let first = self.hits.len();
        let (hits, system, names) = (&mut self.hits, self.system, &mut *self.names);
        self.matcher.look(record, &mut |found| hits.push(hit(found, system, names)));
        if hits.len() > first {
            let named = involved(record);
            for hit in &mut hits[first..] {
                hit.channel = record.channel().map(str::to_owned);
                (hit.event_id, hit.record_id, hit.is_carved) = (record.event_id(), record.record_id(), record.is_carved());
                hit.host = record.host().map(str::to_owned);
                hit.account = named.account.clone().map(Personal::new);
                hit.address = named.address.clone().map(Personal::new);
                hit.session = named.session.clone().map(Personal::new);
            }
        }
        ControlFlow::Continue(())
    }

    fn damage(&mut self, damage: Damage) {
        self.damages.push(damage);
    }
}

fn hit(found: Match<'_>, system: &str, names: &mut HashMap<String, Secrecy>) -> Hit {
    let mut fields = Vec::with_capacity(found.fields.len());
    for field in &found.fields {
        let secrecy = names.get(field.name).copied().unwrap_or_else(|| {
            let found = mask::secrecy(field.name);
            // A rule of keywords finds fields of any name.
            if names.len() >= MOST_NAMES {
                names.clear();
            }
            names.insert(field.name.to_owned(), found);
            found
        });
        let values = field.values.iter().take(VALUES).map(|v| Personal::new(kept(secrecy, v.expose_personal())));
        fields.push((field.name.to_owned(), values.collect()));
    }
    Hit { time: found.time, system: system.to_owned(), fields, ..Hit::bare(found.number, found.place) }
}

/// A value as it may leave the evidence: secrets masked, not too long.
fn kept(secrecy: Secrecy, value: &str) -> String {
    let end = value.floor_char_boundary(VALUE_BYTES);
    let mut text = mask::named(secrecy, &value[..end]).into_owned();
    if end < value.len() {
        text.push('…');
    }
    text
}
