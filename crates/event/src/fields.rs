//! From named values (JSON fields, groups of a pattern, variables of a web log) to the columns of an event. The
//! formats share this file so that a status, a duration or an absent value means the same in all of them.

use std::borrow::Cow;
use std::str::FromStr;

use strandline_model::estate::LogSource;
use strandline_model::event::{Activity, Class, Event, MASK, Status};
use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;

use crate::mask::{self, Secrecy};
use crate::secret;
use crate::stamp::{self, Stamp, Zone};
use crate::{Context, EventError};

/// What a duration is counted in, where its text does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, with a fraction.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// The unit that a field's own name gives (`duration_ms`, `elapsedMicros`); seconds where it gives none.
    pub fn of_name(name: &str) -> Self {
        let last = name.rsplit('.').next().unwrap_or(name);
        let lower = last.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|end| lower.ends_with(end));
        if ends(&["_ms", "millis", "milliseconds", "msec", "_millisecond"]) || last.ends_with("Ms") || matches!(last, "ms" | "responseTime") {
            Self::Millis
        } else if ends(&["_us", "micros", "microseconds", "usec"]) || last.ends_with("Us") || last == "us" {
            Self::Micros
        } else if ends(&["_ns", "nanos", "nanoseconds", "nsec"]) || last.ends_with("Ns") || matches!(name, "ns" | "Duration" | "event.duration") {
            Self::Nanos
        } else {
            Self::Seconds
        }
    }

    fn micros(self) -> f64 {
        match self {
            Self::Seconds => 1e6,
            Self::Millis => 1e3,
            Self::Micros => 1.0,
            Self::Nanos => 1e-3,
        }
    }
}

/// Where a named value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The stamp. Where a record has several, the finest wins.
    Time,
    /// `src_ip`
    SrcIp,
    /// The address at the other end of the wire: `src_ip` unless the server knows a better one, then a label.
    PeerIp,
    /// `src_port`
    SrcPort,
    /// `account`
    Account,
    /// `session`
    Session,
    /// `request_id`
    RequestId,
    /// A request id that the client or a proxy set: the request id if the server gave none, else a label.
    ForeignRequestId(String),
    /// The trace that a request is in, as W3C Trace Context writes it: the request id where there is none, else a label.
    Traceparent,
    /// `method`
    Method,
    /// `url`: path and query.
    Url,
    /// The path alone; makes a `url` together with [`Column::Query`].
    Path,
    /// The query alone.
    Query,
    /// The whole request line: method, URL and protocol.
    Request,
    /// `status_code`
    StatusCode,
    /// `bytes`
    Bytes,
    /// `bytes`, where `-` means none were sent (Apache's `%b`).
    BytesOrDash,
    /// `duration_micros`
    Duration(Unit),
    /// `user_agent`
    UserAgent,
    /// `database`
    Database,
    /// `application`
    Application,
    /// `pid`
    Pid,
    /// `statement`
    Statement,
    /// `command`
    Command,
    /// `row_count`
    RowCount,
    /// `sequence`
    Sequence,
    /// `transaction`
    Transaction,
    /// `error_code`
    ErrorCode,
    /// `message`
    Message,
    /// `host`
    Host,
    /// `channel`
    Channel,
    /// `object`
    Object,
    /// `class`, if the value is a word of OCSF that we fill.
    Class,
    /// `activity`, likewise.
    Activity,
    /// `status` of the event (`success`, `failure`).
    Status,
    /// No column: kept in `labels` under this name.
    Label(String),
    /// A secret by the record's own name for it: a label of this name that is always masked.
    Secret(String),
    /// Read and dropped.
    Skip,
}

impl Column {
    /// The column that the estate file means by `name`; other names are labels. `from` is the record's own name of
    /// the field, which may carry a unit.
    pub fn named(name: &str, from: &str) -> Self {
        // What the record calls a password stays one under any other name; a session may well be called a token.
        if mask::secrecy(from) == Secrecy::Secret && !matches!(name, "session" | "request_id" | "time") {
            return Self::Secret(name.to_owned());
        }
        match name {
            "time" => Self::Time,
            "src_ip" | "address" => Self::SrcIp,
            "src_port" => Self::SrcPort,
            "account" => Self::Account,
            "session" => Self::Session,
            "request_id" => Self::RequestId,
            "traceparent" => Self::Traceparent,
            "method" => Self::Method,
            "url" => Self::Url,
            "path" => Self::Path,
            "query" => Self::Query,
            "request" => Self::Request,
            "status_code" => Self::StatusCode,
            "bytes" => Self::Bytes,
            "duration" => Self::Duration(Unit::of_name(from)),
            "duration_ms" => Self::Duration(Unit::Millis),
            "duration_micros" | "duration_us" => Self::Duration(Unit::Micros),
            "duration_ns" => Self::Duration(Unit::Nanos),
            "user_agent" => Self::UserAgent,
            "database" => Self::Database,
            "application" => Self::Application,
            "pid" => Self::Pid,
            "statement" => Self::Statement,
            "command" | "operation" | "rpc" | "rpc_method" => Self::Command,
            "row_count" => Self::RowCount,
            "sequence" => Self::Sequence,
            "transaction" => Self::Transaction,
            "error_code" => Self::ErrorCode,
            "message" => Self::Message,
            "class" => Self::Class,
            "activity" => Self::Activity,
            "status" => Self::Status,
            other => Self::Label(other.strip_prefix("labels.").unwrap_or(other).to_owned()),
        }
    }
}

/// Bytes as text. Those that are no UTF-8 (Latin-1, Big5, GBK) are written `\xHH`, as nginx and Apache do, so that two names
/// stay two. Not for statements: what is compared with data must not hold signs that nobody sent.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().flat_map(|byte| ['\\', 'x', hex_digit(byte >> 4), hex_digit(byte & 15)]));
    }
    Cow::Owned(text)
}

fn hex_digit(number: u8) -> char {
    char::from_digit(u32::from(number), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Whether a written value means that there is none.
pub fn is_absent(value: &str) -> bool {
    matches!(value, "" | "-" | "null")
}

/// How an artefact's stamps are read: its zone, and the estate's format before the usual forms.
#[derive(Debug)]
pub struct Clock {
    zone: Zone,
    format: Option<String>,
}

impl Clock {
    /// The clock of an artefact, as its source says.
    ///
    /// # Errors
    /// If the estate names no zone that exists.
    pub fn of(context: &Context<'_>) -> Result<Self, EventError> {
        Ok(Self { zone: Zone::of(context)?, format: context.source.time_format.clone() })
    }

    /// Reads one stamp.
    pub fn read(&self, text: &str) -> Option<Stamp> {
        let own = self.format.as_deref().and_then(|format| stamp::parse_format(text, format, &self.zone));
        own.or_else(|| stamp::parse(text, &self.zone))
    }

    /// Reads one stamp by the format that the log itself declares.
    pub fn read_format(&self, text: &str, format: &str) -> Option<Stamp> {
        stamp::parse_format(text, format, &self.zone)
    }

    /// Its zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }
}

/// What a record is, where the estate says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// OCSF class.
    pub class: Class,
    /// OCSF activity.
    pub activity: Activity,
    /// OCSF status, if given.
    pub status: Option<Status>,
}

impl Kind {
    /// From the words of the estate file.
    ///
    /// # Errors
    /// If a word is none of ours; the message lists those that are.
    pub fn parse(source: &LogSource, class: &str, activity: Option<&str>, status: Option<&str>) -> Result<Self, EventError> {
        let class = word::<Class>(
            source,
            "class",
            class,
            "authentication, http_activity, datastore_activity, account_change, process_activity, application_lifecycle, file_system_activity, event_log_activity, base_event",
        )?;
        let activity = match activity {
            Some(given) => word(
                source,
                "activity",
                given,
                "logon, logoff, connect, disconnect, request, read, write, define, query, error, execute, start, stop, clear, clock_change, other",
            )?,
            None => default_activity(class),
        };
        let status = status.map(|given| word(source, "status", given, "success, failure, unknown")).transpose()?;
        Ok(Self { class, activity, status })
    }
}

fn word<W: FromStr>(source: &LogSource, what: &str, given: &str, known: &str) -> Result<W, EventError> {
    given.parse().map_err(|_| EventError::Configuration { source_id: source.id.clone(), reason: format!("{what} {given:?} is none of: {known}") })
}

fn default_activity(class: Class) -> Activity {
    match class {
        Class::Authentication => Activity::Logon,
        Class::Http => Activity::Request,
        Class::Datastore => Activity::Query,
        Class::Process => Activity::Execute,
        Class::AccountChange | Class::Lifecycle | Class::FileSystem | Class::EventLog | Class::Other => Activity::Other,
    }
}

/// An event in the making. The first value that a column is given stays, so values are set in order of preference.
#[derive(Debug)]
pub struct Filling<'a> {
    event: Event<'a>,
    stamp: Option<Stamp>,
    /// The wrapper's time, for a record without one of its own.
    outer: Option<Stamp>,
    kind: Option<Kind>,
    class: Option<Class>,
    activity: Option<Activity>,
    status: Option<Status>,
    path: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
    peer: Option<Cow<'a, str>>,
    foreign_request: Option<(String, Cow<'a, str>)>,
    /// Whom the token of a masked header is of.
    subject: Option<String>,
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Filling<'a> {
    /// Nothing known yet but the place.
    pub fn new(place: EventRef) -> Self {
        Self {
            event: Event::new(Instant(0), Class::Other, Activity::Other, place),
            stamp: None,
            outer: None,
            kind: None,
            class: None,
            activity: None,
            status: None,
            path: None,
            query: None,
            peer: None,
            foreign_request: None,
            subject: None,
            labels: Vec::new(),
        }
    }

    /// The time that stands in for one of the record's own.
    pub fn or_at(mut self, outer: Option<Stamp>) -> Self {
        self.outer = outer;
        self
    }

    /// Sets what the record is.
    pub fn kind(&mut self, kind: Kind) {
        self.kind = Some(kind);
    }

    /// Sets when; the finest of several stands.
    pub fn stamp(&mut self, stamp: Stamp) {
        if self.stamp.is_none_or(|old| stamp.precision_micros < old.precision_micros) {
            self.stamp = Some(stamp);
        }
    }

    /// Whether it is known when.
    pub fn is_stamped(&self) -> bool {
        self.stamp.or(self.outer).is_some()
    }

    /// Whether the record itself says when.
    pub fn is_own_stamped(&self) -> bool {
        self.stamp.is_some()
    }

    /// Says that the record was stamped when its request came in: the answer came at any time within the duration.
    pub fn answered_within_its_duration(&mut self) {
        let micros = self.event.duration_micros.and_then(|micros| i32::try_from(micros).ok());
        if let (Some(stamp), Some(micros)) = (&mut self.stamp, micros) {
            stamp.precision_micros = stamp.precision_micros.max(micros);
        }
    }

    /// The message so far.
    pub fn message(&self) -> Option<&str> {
        self.event.message.as_deref()
    }

    /// Sets one column, the stamp included; whether the stamp could be read, where it was one.
    pub fn set(&mut self, column: &Column, value: Cow<'a, str>, clock: &Clock) -> bool {
        if *column != Column::Time {
            self.put(column, value);
            return true;
        }
        if is_absent(&value) {
            return true;
        }
        let read = clock.read(&value);
        if let Some(stamp) = read {
            self.stamp(stamp);
        }
        read.is_some()
    }

    /// Sets one column other than the stamp. Absent values and columns that are set already are left alone; a value
    /// that its column cannot hold is kept as a label, so that it does not vanish.
    pub fn put(&mut self, column: &Column, value: Cow<'a, str>) {
        if is_absent(&value) {
            if *column == Column::BytesOrDash && value == "-" {
                self.event.bytes.get_or_insert(0);
            }
            return;
        }
        let event = &mut self.event;
        match column {
            Column::SrcIp => self.address(value),
            Column::Account => first(&mut event.account, value),
            Column::Session => first(&mut event.session, value),
            Column::RequestId => first(&mut event.request_id, value),
            Column::Method => first(&mut event.method, value),
            Column::Database => first(&mut event.database, value),
            Column::Application => first(&mut event.application, value),
            Column::Transaction => first(&mut event.transaction, value),
            Column::ErrorCode => first(&mut event.error_code, value),
            Column::Host => first(&mut event.host, value),
            Column::Channel => first(&mut event.channel, value),
            Column::Object => self.masked(value, mask::url, |e| &mut e.object),
            Column::Path => first(&mut self.path, value),
            Column::Query => first(&mut self.query, value),
            Column::PeerIp => first(&mut self.peer, value),
            Column::Command => self.masked(value, mask::text, |e| &mut e.command),
            Column::Url => self.masked(value, mask::url, |e| &mut e.url),
            Column::UserAgent => self.masked(value, mask::text, |e| &mut e.user_agent),
            Column::Statement => self.masked(value, mask::text, |e| &mut e.statement),
            Column::Message => self.masked(value, mask::text, |e| &mut e.message),
            Column::Request => self.request(value),
            Column::Class => self.class = self.class.or_else(|| value.parse().ok()),
            Column::Activity => self.activity = self.activity.or_else(|| value.parse().ok()),
            Column::Status => self.status = self.status.or_else(|| status_word(&value)),
            Column::ForeignRequestId(name) => self.foreign_request = self.foreign_request.take().or_else(|| Some((name.clone(), value))),
            Column::Traceparent => {
                // Another value of such a name (a stack trace) is nobody's id.
                let id = crate::sql_comment::trace_id(&value).map(|trace| ("trace_id".to_owned(), Cow::Owned(trace.to_owned())));
                self.foreign_request = self.foreign_request.take().or(id);
            }
            Column::Label(name) => self.label(name.clone(), value),
            Column::Secret(name) => {
                self.event.masked = true;
                self.secret(name, &value);
                self.labels.push((Cow::Owned(name.clone()), Cow::Borrowed(MASK)));
            }
            Column::Time | Column::Skip => {}
            _ => self.set_number(column, value),
        }
    }

    /// An address; of a list, as proxies forward it, the first, which is the client by its own word. The list is kept.
    fn address(&mut self, value: Cow<'a, str>) {
        let Some((client, _)) = value.split_once(',') else { return first(&mut self.event.src_ip, value) };
        let client = Cow::Owned(client.trim().to_owned());
        first(&mut self.event.src_ip, client);
        self.label("forwarded", value);
    }

    fn set_number(&mut self, column: &Column, value: Cow<'a, str>) {
        let whole = whole_number(&value);
        let small = whole.and_then(|n| i32::try_from(n).ok());
        if *column == Column::StatusCode
            && let Some(word) = status_word(&value)
        {
            // `"status": "failed"` says how it went, not with which code.
            self.status.get_or_insert(word);
            return;
        }
        let event = &mut self.event;
        let (held, name) = match column {
            Column::SrcPort => (first_number(&mut event.src_port, small.filter(|n| (0..=65_535).contains(n))), "src_port"),
            Column::StatusCode => (first_number(&mut event.status_code, small.filter(|code| *code >= 0).or_else(|| leading_status(&value))), "status_code"),
            Column::Pid => (first_number(&mut event.pid, small), "pid"),
            Column::Bytes | Column::BytesOrDash => (first_number(&mut event.bytes, whole.filter(|n| *n >= 0)), "bytes"),
            Column::RowCount => (first_number(&mut event.row_count, whole.filter(|n| *n >= 0)), "row_count"),
            Column::Sequence => (first_number(&mut event.sequence, whole), "sequence"),
            Column::Duration(unit) => (first_number(&mut event.duration_micros, duration_micros(&value, *unit)), "duration"),
            _ => return,
        };
        if !held {
            self.label(name, value);
        }
    }

    /// A label: a value without a column.
    pub fn label(&mut self, name: impl Into<Cow<'a, str>>, value: Cow<'a, str>) {
        let name = name.into();
        if self.labels.iter().any(|(known, _)| *known == name) {
            return;
        }
        // A cookie of any name may be what a session hangs on.
        let cookie = name.starts_with("cookie_") && Secrecy::IfRandom.hides(&value);
        let hidden = cookie || mask::secrecy(&name).hides(&value);
        if hidden {
            self.secret(&name, &value);
        }
        let (value, changed) = match name.as_ref() {
            _ if hidden => (Cow::Borrowed(MASK), true),
            "referer" | "referrer" => masked_value(value, mask::url),
            "query" => masked_value(value, mask::query),
            _ => masked_value(value, mask::text),
        };
        self.event.masked |= changed;
        self.labels.push((name, value));
    }

    /// A header, a cookie or a field that was masked: what in it may tell a session.
    fn secret(&mut self, name: &str, value: &str) {
        secret::of_header(name, value).iter().for_each(|secret| self.event.secrets.add(secret));
        self.subject = self.subject.take().or_else(|| secret::subject_of(name, value));
    }

    /// Settles what depends on whether a better value came, in whatever order they stood.
    fn settle(&mut self) {
        if let Some(peer) = self.peer.take() {
            match &self.event.src_ip {
                None => self.event.src_ip = Some(peer),
                Some(known) if *known != peer => self.label("peer_ip", peer),
                Some(_) => {}
            }
        }
        if let Some(subject) = self.subject.take() {
            // Anybody can write a token; who was served with one has shown it.
            if self.event.account.is_none() && status_of(self.event.status_code) == Status::Success {
                self.event.account = Some(Cow::Owned(subject));
            } else if self.event.account.as_deref() != Some(subject.as_str()) {
                self.label("token_subject", Cow::Owned(subject));
            }
        }
        if let Some((name, id)) = self.foreign_request.take() {
            match &self.event.request_id {
                None => self.event.request_id = Some(id),
                Some(known) if *known != id => self.label(name, id),
                Some(_) => {}
            }
        }
    }

    /// A request line. What is none (a TLS greeting on a plain port, a probe) is kept as the message.
    fn request(&mut self, line: Cow<'a, str>) {
        let Some((method, url)) = split_request(&line) else {
            self.masked(line, mask::text, |e| &mut e.message);
            return;
        };
        let (method, url) = match &line {
            Cow::Borrowed(line) => (Cow::Borrowed(&line[..method]), Cow::Borrowed(&line[url.0..url.1])),
            Cow::Owned(line) => (Cow::Owned(line[..method].to_owned()), Cow::Owned(line[url.0..url.1].to_owned())),
        };
        first(&mut self.event.method, method);
        self.masked(url, mask::url, |e| &mut e.url);
    }

    fn masked(
        &mut self,
        value: Cow<'a, str>,
        mask: for<'v> fn(&'v str) -> Cow<'v, str>,
        column: for<'e> fn(&'e mut Event<'a>) -> &'e mut Option<Cow<'a, str>>,
    ) {
        if column(&mut self.event).is_some() {
            return;
        }
        let (value, changed) = masked_value(value, mask);
        self.event.masked |= changed;
        *column(&mut self.event) = Some(value);
    }

    /// The event, once it is known when. `None` without a stamp.
    pub fn finish(mut self) -> Option<Event<'a>> {
        let stamp = self.stamp.or(self.outer)?;
        self.join_path();
        self.settle();
        let mut event = self.event;
        event.time = stamp.time;
        event.time_precision_micros = stamp.precision_micros;
        event.utc_offset_seconds = stamp.utc_offset_seconds;
        let inferred = if event.statement.is_some() {
            Class::Datastore
        } else if event.url.is_some() && (event.method.is_some() || event.status_code.is_some()) {
            Class::Http
        } else {
            Class::Other
        };
        event.class = self.kind.map(|k| k.class).or(self.class).unwrap_or(inferred);
        event.activity = self.kind.map(|k| k.activity).or(self.activity).unwrap_or_else(|| default_activity(event.class));
        event.status = self.kind.and_then(|k| k.status).or(self.status).unwrap_or_else(|| status_of(event.status_code));
        if !self.labels.is_empty() {
            event.labels = Some(Cow::Owned(json_object(&self.labels)));
        }
        Some(event)
    }

    fn join_path(&mut self) {
        let (path, query) = (self.path.take(), self.query.take());
        if self.event.url.is_some() {
            return;
        }
        let Some(path) = path else {
            if let Some(query) = query {
                self.label("query", query);
            }
            return;
        };
        let url = match query {
            Some(query) => Cow::Owned(format!("{path}?{}", query.strip_prefix('?').unwrap_or(&query))),
            None => path,
        };
        self.masked(url, mask::url, |e| &mut e.url);
    }
}

fn first<'a>(column: &mut Option<Cow<'a, str>>, value: Cow<'a, str>) {
    if column.is_none() {
        *column = Some(value);
    }
}

/// Sets a number unless it is set already; false if the value is none.
fn first_number<N>(column: &mut Option<N>, value: Option<N>) -> bool {
    let held = value.is_some();
    if column.is_none() {
        *column = value;
    }
    held
}

/// Masks a value, keeping the borrow where nothing changed; also whether something did.
pub(crate) fn masked_value<'a>(value: Cow<'a, str>, mask: for<'v> fn(&'v str) -> Cow<'v, str>) -> (Cow<'a, str>, bool) {
    match value {
        Cow::Borrowed(text) => match mask(text) {
            Cow::Owned(masked) => (Cow::Owned(masked), true),
            same => (same, false),
        },
        Cow::Owned(text) => {
            let masked = match mask(&text) {
                Cow::Owned(masked) => Some(masked),
                Cow::Borrowed(_) => None,
            };
            let changed = masked.is_some();
            (Cow::Owned(masked.unwrap_or(text)), changed)
        }
    }
}

/// Success or failure of a request, by its status code.
pub fn status_of(code: Option<i32>) -> Status {
    match code {
        Some(100..=399) => Status::Success,
        Some(400..=599) => Status::Failure,
        _ => Status::Unknown,
    }
}

fn status_word(value: &str) -> Option<Status> {
    match value.to_ascii_lowercase().as_str() {
        "success" | "succeeded" | "successful" | "ok" | "true" => Some(Status::Success),
        "failure" | "failed" | "fail" | "error" | "denied" | "false" => Some(Status::Failure),
        _ => None,
    }
}

/// A whole number, also written `200.0` or `"1,024"`-free with blanks around it.
fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// `404 Not Found`
fn leading_status(text: &str) -> Option<i32> {
    let head = text.trim().split(' ').next()?;
    (head.len() == 3).then(|| head.parse().ok()).flatten()
}

/// A duration to microseconds: a number in `unit`, or with a unit of its own (`12ms`, `1.5s`, `340µs`, `1m2.5s`).
fn duration_micros(text: &str, unit: Unit) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() || text.len() > 40 {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'e' || b == b'-') {
        return in_range(text.parse::<f64>().ok()? * unit.micros());
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|n| *n > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(rest.len());
        total += number
            * match &rest[..letters] {
                "h" => 3.6e9,
                "m" | "min" => 6e7,
                "s" | "sec" | "seconds" => 1e6,
                "ms" | "msec" | "milliseconds" => 1e3,
                "us" | "µs" | "μs" | "usec" => 1.0,
                "ns" => 1e-3,
                _ => return None,
            };
        rest = rest[letters..].trim_start();
    }
    in_range(total)
}

fn in_range(micros: f64) -> Option<i64> {
    (0.0..9e15).contains(&micros).then(|| micros.round() as i64)
}

/// Method and URL of a request line, as ends of ranges; `None` if it is no request line. A URL may hold blanks; HTTP/0.9
/// has no version.
fn split_request(line: &str) -> Option<(usize, (usize, usize))> {
    let method = memchr::memchr(b' ', line.as_bytes())?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(&b);
    if method == 0 || method > 32 || !line.as_bytes()[..method].iter().all(|b| is_token(*b)) {
        return None;
    }
    let rest = &line[method + 1..];
    let end = match rest.rfind(' ') {
        Some(blank) if rest[blank + 1..].starts_with("HTTP/") => blank,
        _ if line[..method].bytes().all(|b| b.is_ascii_uppercase()) => rest.len(),
        _ => return None,
    };
    let url = rest[..end].trim();
    if url.is_empty() || url.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return None;
    }
    let from = method + 1 + (rest[..end].len() - rest[..end].trim_start().len());
    Some((method, (from, from + url.len())))
}

/// Names and values as one JSON object, in the order given.
fn json_object(labels: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let mut object = String::with_capacity(32 * labels.len());
    for (name, value) in labels {
        object.push(if object.is_empty() { '{' } else { ',' });
        push_json(&mut object, name);
        object.push(':');
        push_json(&mut object, value);
    }
    object.push('}');
    object
}

fn push_json(object: &mut String, text: &str) {
    match serde_json::to_string(text) {
        Ok(quoted) => object.push_str(&quoted),
        Err(_) => object.push_str("\"\""), // a string always has a JSON form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, unit, expected: Option<i64>| assert_eq!(duration_micros(text, unit), expected, "{text}");
        check("0.011", Unit::Seconds, Some(11_000));
        check("12", Unit::Millis, Some(12_000));
        check("1.5s", Unit::Millis, Some(1_500_000));
        check("340µs", Unit::Seconds, Some(340));
        check("1m2.5s", Unit::Seconds, Some(62_500_000));
        check("-1", Unit::Seconds, None);
        check("soon", Unit::Seconds, None);
        assert_eq!(Unit::of_name("req.durationMs"), Unit::Millis);
        assert_eq!(Unit::of_name("items"), Unit::Seconds);
    }

    #[test]
    fn request_lines() {
        let check = |line: &str, expected: Option<(&str, &str)>| {
            let got = split_request(line).map(|(m, (from, to))| (&line[..m], &line[from..to]));
            assert_eq!(got, expected, "{line:?}");
        };
        check("GET /a?b=c HTTP/1.1", Some(("GET", "/a?b=c")));
        check("GET /a b c HTTP/1.1", Some(("GET", "/a b c")));
        check("GET /old", Some(("GET", "/old")));
        check("PRI * HTTP/2.0", Some(("PRI", "*")));
        check("\u{16}\u{3}\u{1} x", None);
        check("hello world", None);
        check("", None);
        check("GET  HTTP/1.1", None);
    }
}
