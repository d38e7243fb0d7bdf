//! From named fields - of a JSON object, of a pattern's groups, of a web server's directives - to the columns of an event.

use std::borrow::Cow;

use strandline_model::event::{Activity, Class, Event, Status};

use crate::mask;
use crate::stamp::{Stamp, Zone, parse, parse_format};

/// A column that a named field can fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// When.
    Time,
    /// `src_ip`
    SrcIp,
    /// `src_port`
    SrcPort,
    /// `account`
    Account,
    /// `session`
    Session,
    /// `request_id`
    RequestId,
    /// `method`
    Method,
    /// `url`
    Url,
    /// A path without its query; joined with [`Field::Query`].
    Path,
    /// A query without its path.
    Query,
    /// `METHOD URL PROTOCOL`
    RequestLine,
    /// `status_code`
    StatusCode,
    /// `bytes`
    Bytes,
    /// Seconds, with a fraction.
    DurationSeconds,
    /// Milliseconds.
    DurationMillis,
    /// Microseconds.
    DurationMicros,
    /// `user_agent`
    UserAgent,
    /// `database`
    Database,
    /// `application`
    Application,
    /// `pid`
    Pid,
    /// `row_count`
    RowCount,
    /// `sequence`
    Sequence,
    /// `command`
    Command,
    /// `error_code`
    ErrorCode,
    /// `message`
    Message,
}

impl Field {
    /// The field that the estate file calls so.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "time" => Self::Time,
            "src_ip" => Self::SrcIp,
            "src_port" => Self::SrcPort,
            "account" => Self::Account,
            "session" => Self::Session,
            "request_id" => Self::RequestId,
            "method" => Self::Method,
            "url" => Self::Url,
            "path" => Self::Path,
            "query" => Self::Query,
            "request" => Self::RequestLine,
            "status_code" => Self::StatusCode,
            "bytes" => Self::Bytes,
            "duration" => Self::DurationSeconds,
            "duration_ms" => Self::DurationMillis,
            "duration_micros" => Self::DurationMicros,
            "user_agent" => Self::UserAgent,
            "database" => Self::Database,
            "application" => Self::Application,
            "pid" => Self::Pid,
            "row_count" => Self::RowCount,
            "sequence" => Self::Sequence,
            "command" => Self::Command,
            "error_code" => Self::ErrorCode,
            "message" => Self::Message,
            _ => return None,
        })
    }

    /// Names that a field goes by where nobody mapped it.
    pub fn customary(name: &str) -> Option<Self> {
        Some(match name {
            "time" | "ts" | "timestamp" | "@timestamp" | "datetime" | "time_iso8601" | "msec" => Self::Time,
            "remote_addr" | "client" | "client_ip" | "clientip" | "ip" | "src_ip" | "remote_ip" => Self::SrcIp,
            "user" | "username" | "account" | "remote_user" | "user_name" => Self::Account,
            "session" | "session_id" | "sid" => Self::Session,
            "request_id" | "requestid" | "req_id" | "correlation_id" => Self::RequestId,
            "method" | "request_method" | "verb" => Self::Method,
            "uri" | "url" | "path" | "request_uri" => Self::Url,
            "request" => Self::RequestLine,
            "status" | "status_code" => Self::StatusCode,
            "bytes" | "body_bytes_sent" | "bytes_sent" | "size" => Self::Bytes,
            "request_time" | "duration" => Self::DurationSeconds,
            "duration_ms" | "elapsed_ms" => Self::DurationMillis,
            "user_agent" | "http_user_agent" => Self::UserAgent,
            "msg" | "message" => Self::Message,
            _ => return None,
        })
    }
}

/// How a source writes its times.
#[derive(Debug)]
pub struct Times {
    /// The clock's zone.
    pub zone: Zone,
    /// A format of the estate, where it is none of the usual ones.
    pub format: Option<String>,
}

impl Times {
    /// Reads a stamp.
    pub fn read(&self, text: &str) -> Option<Stamp> {
        match &self.format {
            Some(format) => parse_format(text, format, &self.zone).or_else(|| parse(text, &self.zone)),
            None => parse(text, &self.zone),
        }
    }
}

/// Values of one record on their way into an event.
#[derive(Debug)]
pub struct Filling<'e> {
    /// The event; its time is not set before a [`Field::Time`] was read.
    pub event: Event<'e>,
    timed: bool,
    path: Option<Cow<'e, str>>,
    query: Option<Cow<'e, str>>,
}

/// What a web server and an application write for "nothing".
fn is_absent(value: &str) -> bool {
    value.is_empty() || value == "-"
}

impl<'e> Filling<'e> {
    /// Begins with an event whose time is yet unknown.
    pub fn new(event: Event<'e>) -> Self {
        Self { event, timed: false, path: None, query: None }
    }

    /// Sets one field; secrets are masked here. An absent value changes nothing.
    ///
    /// # Errors
    /// Why the value cannot be this field. Never holds the value.
    pub fn set(&mut self, field: Field, value: Cow<'e, str>, times: &Times) -> Result<(), &'static str> {
        if is_absent(&value) {
            return Ok(());
        }
        let event = &mut self.event;
        match field {
            Field::Time => {
                let stamp = times.read(&value).ok_or("the time cannot be read")?;
                event.time = stamp.time;
                event.time_precision_micros = stamp.precision_micros;
                event.utc_offset_seconds = stamp.utc_offset_seconds;
                self.timed = true;
            }
            Field::SrcIp => event.src_ip = Some(value),
            Field::SrcPort => event.src_port = Some(number(&value).ok_or("the port is no number")?),
            Field::Account => event.account = Some(value),
            Field::Session => event.session = Some(value),
            Field::RequestId => event.request_id = Some(value),
            Field::Method => event.method = Some(value),
            Field::Url => self.set_url(value),
            Field::Path => self.path = Some(value),
            Field::Query => self.query = Some(value),
            Field::RequestLine => self.set_request_line(value),
            Field::StatusCode => event.status_code = Some(number(&value).ok_or("the status is no number")?),
            Field::Bytes => event.bytes = Some(number(&value).ok_or("the size is no number")?),
            Field::DurationSeconds => event.duration_micros = Some(scaled(&value, 1e6).ok_or("the duration is no number")?),
            Field::DurationMillis => event.duration_micros = Some(scaled(&value, 1e3).ok_or("the duration is no number")?),
            Field::DurationMicros => event.duration_micros = Some(scaled(&value, 1.0).ok_or("the duration is no number")?),
            Field::UserAgent => event.user_agent = Some(value),
            Field::Database => event.database = Some(value),
            Field::Application => event.application = Some(value),
            Field::Pid => event.pid = Some(number(&value).ok_or("the process id is no number")?),
            Field::RowCount => event.row_count = Some(number(&value).ok_or("the row count is no number")?),
            Field::Sequence => event.sequence = Some(number(&value).ok_or("the sequence number is no number")?),
            Field::Command => event.command = Some(value),
            Field::ErrorCode => event.error_code = Some(value),
            Field::Message => self.set_message(value),
        }
        Ok(())
    }

    fn set_url(&mut self, value: Cow<'e, str>) {
        let masked = mask::url(&value).into_owned();
        self.event.masked |= masked != *value;
        self.event.url = Some(if masked == *value { value } else { Cow::Owned(masked) });
    }

    fn set_message(&mut self, value: Cow<'e, str>) {
        let masked = mask::text(&value).into_owned();
        self.event.masked |= masked != *value;
        self.event.message = Some(if masked == *value { value } else { Cow::Owned(masked) });
    }

    /// `GET /path HTTP/1.1`; anything else (a TLS greeting at a plain port) is kept as the message.
    fn set_request_line(&mut self, value: Cow<'e, str>) {
        let (method, rest) = match value.split_once(' ') {
            Some((method, rest)) if !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase()) => (method.to_owned(), rest),
            _ => return self.set_message(value),
        };
        let url = match rest.rsplit_once(' ') {
            Some((url, protocol)) if protocol.starts_with("HTTP/") => url.to_owned(),
            _ => rest.to_owned(),
        };
        self.event.method = Some(Cow::Owned(method));
        self.set_url(Cow::Owned(url));
    }

    /// The event, with class, activity and status by what it holds where they were not said.
    ///
    /// # Errors
    /// If the record had no time.
    pub fn finish(mut self) -> Result<Event<'e>, &'static str> {
        if !self.timed {
            return Err("there is no time in the record");
        }
        if let Some(path) = self.path.take() {
            let url = match self.query.take() {
                Some(query) if query.starts_with('?') => Cow::Owned(format!("{path}{query}")),
                Some(query) => Cow::Owned(format!("{path}?{query}")),
                None => path,
            };
            self.set_url(url);
        }
        let event = &mut self.event;
        if event.class == Class::Other && event.url.is_some() {
            event.class = Class::Http;
        }
        if event.class == Class::Http && event.activity == Activity::Other {
            event.activity = Activity::Request;
        }
        if event.status == Status::Unknown
            && let Some(code) = event.status_code
        {
            event.status = if (100..400).contains(&code) { Status::Success } else { Status::Failure };
        }
        Ok(self.event)
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

fn scaled(text: &str, factor: f64) -> Option<i64> {
    // nginx writes several upstream times as "0.001, 0.002": the first one counts.
    let first = text.split([',', ' ']).next()?;
    let value: f64 = first.parse().ok()?;
    (value.is_finite() && value >= 0.0).then(|| (value * factor).round() as i64)
}
