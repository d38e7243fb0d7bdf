//! The formats, one file each, and the choice between them.

pub mod auditd;
pub mod database;
mod draft;
pub mod evtx;
pub mod journald;
pub mod json;
pub mod linux_auth;
pub mod mysql_audit;
pub mod mysql_general;
pub mod oracle;
mod pgaudit;
pub mod pgbouncer;
mod postgres;
pub mod postgres_csv;
pub mod postgres_json;
pub mod postgres_text;
mod row;
pub mod sqlserver;
pub mod text;
pub mod web;

use strandline_model::estate::LogSource;
use strandline_model::evidence::{ArtefactId, Warning};

use crate::stamp::Zone;
use crate::wrapper::Plan;
use crate::{Context, EventError, Framing, Output, Record, Records, Sink, SinkError, Summary};

/// One format, reading one artefact. It keeps what it must between records (a statement that goes on in the next
/// line) and nothing else.
pub trait Format {
    /// Its name, as custody records it (`nginx`, `postgresql_csvlog`).
    fn name(&self) -> &'static str;

    /// How its records end.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// Reads one record: events to `output`, or a refusal with its reason.
    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>);

    /// Reads the whole stream by itself, where [`Framing::Stream`] says that it has no records to be cut. It drains `output`
    /// as it goes on.
    ///
    /// # Errors
    /// If the stream breaks off, or the receiver of the events fails.
    fn read_stream(&mut self, _input: &mut dyn std::io::Read, _output: &mut Output<'_>) -> Result<(), EventError> {
        Ok(())
    }

    /// Called after the last record: gives out what was kept.
    fn finish(&mut self, _output: &mut Output<'_>) {}
}

/// The one format that is no text; its magic says so.
pub(crate) const EVTX: &str = "evtx";

type Open = for<'c> fn(&Context<'c>, &[u8]) -> Result<Box<dyn Format + 'c>, EventError>;

/// The formats by the name that the estate gives them. Among formats that read a file equally well, the earlier one is
/// the more particular one and is recognised.
const FORMATS: &[(&str, Open)] = &[
    (EVTX, |_, _| Ok(Box::new(evtx::Evtx::default()))),
    ("postgresql", |context, head| database::open(context, head)),
    ("mysql_audit", |context, head| database::open(context, head)),
    ("mysql_general", |context, head| database::open(context, head)),
    ("web", |context, head| web::layouts::open(context, head)),
    ("nginx", |context, head| Ok(Box::new(web::open(context, web::Server::Nginx, head)?))),
    ("apache", |context, head| Ok(Box::new(web::open(context, web::Server::Apache, head)?))),
    ("journald", |context, head| Ok(Box::new(journald::open(context, head)?))),
    ("auditd", |_, _| Ok(Box::new(auditd::Auditd::default()))),
    ("pgbouncer", |context, _| Ok(Box::new(pgbouncer::open(context)?))),
    ("sqlserver", |context, head| Ok(Box::new(sqlserver::open(context, head)?))),
    ("oracle", |context, _| Ok(Box::new(oracle::open(context)?))),
    ("linux_auth", |context, _| Ok(Box::new(linux_auth::open(context)?))),
    ("json", |context, _| Ok(Box::new(json::open(context)?))),
    ("text", |context, _| Ok(Box::new(text::open(context)?))),
];

/// The format for an artefact, as the estate says it and its first bytes confirm.
///
/// # Errors
/// If the estate names no format that exists, or describes it wrongly.
pub fn open<'c>(context: &Context<'c>, head: &[u8]) -> Result<Box<dyn Format + 'c>, EventError> {
    let Some((_, open)) = FORMATS.iter().find(|(name, _)| *name == context.source.format) else {
        let known: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
        let reason = format!("there is no format {:?}; there are {}", context.source.format, known.join(", "));
        return Err(EventError::Configuration { source_id: context.source.id.clone(), reason });
    };
    if let Some(reason) = unreadable(head, &context.source.format) {
        return Ok(Box::new(Unreadable { reason }));
    }
    open(context, head)
}

/// Why no format can read these bytes, and what would help.
fn unreadable(head: &[u8], format: &str) -> Option<&'static str> {
    if format == EVTX {
        return None;
    }
    if evtx::recognises(head) {
        return Some("the file is a Windows event log; give its source the format \"evtx\"");
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || is_wide(head).is_some() {
        return Some("the file is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
    }
    None
}

/// Whether every second byte is NUL, as in UTF-16 without a byte order mark, and then whether those are the first.
pub(crate) fn is_wide(head: &[u8]) -> Option<bool> {
    let sample = &head[..head.len().min(1024)];
    let many = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() > sample.len() / 5 * 2;
    let (big, little) = (many(0), many(1));
    (sample.len() >= 16 && big != little).then_some(big)
}

/// A file that is no log of lines: each record is refused with the same hint.
pub(crate) struct Unreadable {
    pub(crate) reason: &'static str,
}

impl Format for Unreadable {
    fn name(&self) -> &'static str {
        "unreadable"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        output.refuse(record, self.reason);
    }
}

/// A line without a byte order mark, without the NULs that a crash leaves in front of the first line after it, and
/// without blanks around it.
pub(crate) fn trimmed(mut line: &[u8]) -> &[u8] {
    line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    while let [0, rest @ ..] | [rest @ .., 0] = line {
        line = rest;
    }
    line.trim_ascii()
}

/// Whether a line holds nothing but blanks. A line of NULs is not blank: something was lost there.
fn is_blank(line: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii().is_empty()
}

/// Which formats could read these first bytes of a file: name and share of its records understood, best first; out of
/// their wrappers, if any stand around them. Formats that understand nothing are left out, and so are those that only an
/// estate file can describe.
pub fn recognise(head: &[u8]) -> Vec<(&'static str, f32)> {
    let head = &head[..head.len().min(64 << 10)];
    if evtx::recognises(head) {
        return vec![(EVTX, 1.0)];
    }
    // The last line may be cut; it counts only if it is the only one.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..=end]);
    let mut plans = vec![Plan::default()];
    plans.extend(Plan::candidates(whole, &Zone::utc()));
    let mut shares: Vec<(&'static str, f32)> =
        FORMATS.iter().map(|(name, _)| (*name, share_read(name, whole, &plans))).filter(|(_, share)| *share > 0.0).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the order of the table among equals
    shares
}

/// What a message alone counts for beside a record that is understood: it can be searched, and that is all.
const MESSAGE_WEIGHT: f32 = 0.6;

/// The share of records that a format reads, in or out of their wrappers: those understood, and less for a message alone.
fn share_read(name: &str, head: &[u8], plans: &[Plan]) -> f32 {
    let source = bare_source(name);
    let context = Context { artefact: &ArtefactId(String::new()), path: "", source: &source, assumed_year: 1970, last_change: None, secret_key: None };
    let mut plans = plans.to_vec();
    Plan::add_stamped(name, &mut plans);
    let shares = plans.iter().filter_map(|plan| {
        let figures = figures(&context, head, plan)?;
        let count = figures.records_read + figures.records_refused;
        // A table of a database may have a time and a name as well: only a format that knows its columns is sure of it.
        let weight = match plan.bare_table().filter(|_| name == "json") {
            Some(false) => return None,
            Some(true) => MESSAGE_WEIGHT,
            None => 1.0,
        };
        Some((figures.records_understood as f32 * weight + figures.records_told as f32 * MESSAGE_WEIGHT) / count.max(1) as f32)
    });
    shares.fold(0.0, f32::max)
}

/// The share of these first records that the source's format understands, out of the wrappers of a plan.
pub(crate) fn understood(context: &Context<'_>, head: &[u8], plan: &Plan) -> f32 {
    let Some(figures) = figures(context, head, plan) else { return 0.0 };
    figures.records_understood as f32 / (figures.records_read + figures.records_refused).max(1) as f32
}

/// Reads these first bytes and keeps the figures alone.
fn figures(context: &Context<'_>, head: &[u8], plan: &Plan) -> Option<Summary> {
    let inside = plan.inner_head(context, head).ok()?;
    let adapted = plan.source(context.source);
    let context = Context { source: adapted.as_ref().unwrap_or(context.source), ..context.clone() };
    let mut format = open(&context, &inside).ok().filter(|format| !matches!(format.name(), "unreadable" | EVTX))?;
    let mut reader = head;
    let mut records = Records::new(&mut reader);
    records.peek().ok()?;
    records.skip(plan.skip());
    records.frame(plan.framing(format.framing()));
    let mut nothing = Nothing;
    let mut output = Output::new(&context, &mut nothing);
    crate::read_records(&mut records, plan, format.as_mut(), &mut output).ok()?;
    format.finish(&mut output);
    output.close("").ok()
}

/// A source of which nothing is known but its format: what is read without an estate's description.
pub fn bare_source(format: &str) -> LogSource {
    LogSource {
        id: String::new(),
        system: String::new(),
        path: Vec::new(),
        format: format.to_owned(),
        log_format: None,
        fields: std::collections::BTreeMap::new(),
        patterns: Vec::new(),
        clock: None,
        time_format: None,
        classify: Vec::new(),
        session_prefix: None,
        retention_days: None,
    }
}

/// Takes everything and keeps nothing.
pub(crate) struct Nothing;

impl Sink for Nothing {
    fn batch(&mut self, _batch: arrow_array::RecordBatch) -> Result<(), SinkError> {
        Ok(())
    }

    fn warning(&mut self, _warning: Warning) -> Result<(), SinkError> {
        Ok(())
    }
}
