//! JSON lines: one object a line, fields found by dotted paths, values borrowed from the line.
//!
//! The estate's mapping comes first; columns that it leaves out are filled from the names that common loggers use.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Format;
use crate::fields::{Clock, Column, Filling, Kind};
use crate::{Context, EventError, Output, Record};

/// Names that common loggers use, best first within a column: plain names; Elastic Common Schema; Caddy, Traefik,
/// pino, Kubernetes. A dot goes into an object, or stands in the name itself.
const DEFAULT_NAMES: &[(&str, &[&str])] = &[
    (
        "time",
        &[
            "msec",
            "time",
            "ts",
            "timestamp",
            "@timestamp",
            "datetime",
            "date",
            "time_iso8601",
            "time_local",
            "eventTime",
            "event_time",
            "created_at",
            "StartUTC",
            "requestReceivedTimestamp",
            "stageTimestamp",
            "Timestamp",
            "timeStamp",
            "TimeGenerated",
            "logged_at",
            "asctime",
            "start_time",
            "EdgeEndTimestamp",
            "EdgeStartTimestamp",
            "t",
        ],
    ),
    (
        "src_ip",
        &[
            "src_ip",
            "remote_addr",
            "client_ip",
            "client_addr",
            "client",
            "remote_ip",
            "remoteAddr",
            "remoteAddress",
            "clientIp",
            "clientip",
            "ip",
            "ip_address",
            "remote_host",
            "source.ip",
            "client.ip",
            "client.address",
            "request.remote_ip",
            "req.remoteAddress",
            "ClientHost",
            "sourceIPs",
            "sourceIPAddress",
            "address",
            "httpRequest.remoteIp",
            "httpRequest.clientIp",
            "ClientIP",
            "properties.clientIP",
            "properties.clientIp",
            "clientIP_s",
            "clientIp_s",
            "downstream_remote_address",
        ],
    ),
    (
        "src_port",
        &[
            "src_port",
            "remote_port",
            "client_port",
            "source.port",
            "client.port",
            "request.remote_port",
            "req.remotePort",
            "ClientPort",
            "ClientSrcPort",
            "properties.clientPort",
        ],
    ),
    (
        "account",
        &[
            "account",
            "user",
            "username",
            "user_name",
            "userName",
            "remote_user",
            "login",
            "user.name",
            "user.username",
            "user.id",
            "user_id",
            "userId",
            "actor.name",
            "principal",
            "ClientUsername",
            "request.user_id",
            "userIdentity.userName",
            "userIdentity.arn",
        ],
    ),
    ("session", &["session", "session_id", "sessionId", "sid", "session.id", "sessionid"]),
    (
        "request_id",
        &[
            "request_id",
            "requestId",
            "req_id",
            "reqId",
            "x_request_id",
            "correlation_id",
            "correlationId",
            "trace_id",
            "traceId",
            "http.request.id",
            "trace.id",
            "req.id",
            "request.id",
            "auditID",
            "requestID",
            "RayID",
            "properties.transactionId",
            "properties.trackingReference",
            "transactionId_g",
        ],
    ),
    (
        "method",
        &[
            "method",
            "request_method",
            "http_method",
            "verb",
            "http.request.method",
            "request.method",
            "req.method",
            "RequestMethod",
            "httpRequest.requestMethod",
            "httpRequest.httpMethod",
            "ClientRequestMethod",
            "properties.httpMethod",
            "httpMethod_s",
        ],
    ),
    (
        "url",
        &[
            "url",
            "request_uri",
            "uri",
            "url.original",
            "request.uri",
            "request.url",
            "req.url",
            "request_path",
            "RequestPath",
            "requestURI",
            "httpRequest.requestUrl",
            "ClientRequestURI",
            "properties.originalRequestUriWithArgs",
            "properties.requestUri",
            "originalRequestUriWithArgs_s",
            "requestUri_s",
            "httpRequest.uri",
        ],
    ),
    ("request", &["request", "request_line"]),
    ("path", &["path", "url.path", "http.path", "endpoint", "route"]),
    ("query", &["query", "query_string", "args", "url.query"]),
    (
        "status_code",
        &[
            "status_code",
            "status",
            "statusCode",
            "response_status",
            "http_status",
            "code",
            "http.response.status_code",
            "response.status",
            "res.statusCode",
            "DownstreamStatus",
            "responseStatus.code",
            "httpRequest.status",
            "EdgeResponseStatus",
            "properties.httpStatus",
            "properties.httpStatusCode",
            "httpStatus_d",
            "response_code",
        ],
    ),
    (
        "bytes",
        &[
            "bytes",
            "body_bytes_sent",
            "bytes_sent",
            "size",
            "response_size",
            "response_bytes",
            "content_length",
            "http.response.body.bytes",
            "response.size",
            "DownstreamContentSize",
            "resp_size",
            "httpRequest.responseSize",
            "EdgeResponseBytes",
            "properties.sentBytes",
            "properties.responseBytes",
            "sentBytes_d",
            "length",
        ],
    ),
    (
        "duration",
        &[
            "duration",
            "request_time",
            "duration_ms",
            "elapsed",
            "elapsed_ms",
            "latency",
            "latency_ms",
            "response_time",
            "responseTime",
            "took_ms",
            "event.duration",
            "Duration",
            "httpRequest.latency",
            "properties.timeTaken",
            "timeTaken_d",
        ],
    ),
    (
        "user_agent",
        &[
            "user_agent",
            "http_user_agent",
            "userAgent",
            "agent",
            "user_agent.original",
            "ua",
            "httpRequest.userAgent",
            "ClientRequestUserAgent",
            "properties.userAgent",
            "userAgent_s",
        ],
    ),
    (
        "traceparent",
        &["traceparent", "trace_parent", "headers.traceparent", "request.headers.traceparent", "req.headers.traceparent", "http_traceparent", "trace"],
    ),
    ("operation", &["operationName", "operation_name", "graphql.operation.name", "graphql.operationName", "rpc.method", "rpcMethod"]),
    ("message", &["message", "msg", "event", "log", "event.action", "eventName"]),
    ("error_code", &["error_code", "errorCode", "error.code"]),
    ("pid", &["pid", "process.pid"]),
    ("statement", &["statement", "sql", "db.statement"]),
    ("database", &["db.name", "database"]),
    ("forwarded", &["forwarded", "x_forwarded_for", "http_x_forwarded_for", "xff"]),
    ("referer", &["referer", "referrer", "http_referer", "http.request.referrer", "httpRequest.referer", "ClientRequestReferer"]),
    ("authorization", &["authorization", "http_authorization", "headers.authorization", "request.headers.authorization", "req.headers.authorization"]),
    ("host", &["host", "http_host", "server_name", "request.host", "url.domain", "RequestHost", "ClientRequestHost", "properties.host", "authority"]),
    ("level", &["level", "severity", "log.level"]),
];

/// Fields whose record is stamped when its request came in: where their duration is told, the answer came within that.
const STAMPED_AT_THE_BEGINNING: [&str; 3] = ["httpRequest.latency", "EdgeStartTimestamp", "StartUTC"];

/// The JSON lines format.
#[derive(Debug)]
pub struct JsonLines {
    clock: Clock,
    fields: Mapping,
    classify: Vec<(usize, String, Kind)>,
    /// Slots of fields by which a record is stamped when its request came in.
    beginnings: Vec<usize>,
    /// The slot of what every diagnostic record of Azure has, whose `operationName` says what logged it.
    azure: usize,
}

/// Opens a log of JSON lines.
///
/// # Errors
/// If the estate's classes or its clock zone cannot be understood.
pub fn open(context: &Context<'_>) -> Result<JsonLines, EventError> {
    let source = context.source;
    let mut fields = Mapping::default();
    let mut beginnings = Vec::new();
    for (field, path) in &source.fields {
        fields.add(path, Column::named(field, path));
    }
    for (field, names) in DEFAULT_NAMES {
        let part_of_url = matches!(*field, "path" | "query" | "request");
        let mapped = source.fields.contains_key(*field) || part_of_url && source.fields.contains_key("url");
        if !mapped {
            for name in *names {
                let slot = fields.add(name, Column::named(field, name));
                if STAMPED_AT_THE_BEGINNING.contains(name) {
                    beginnings.push(slot);
                }
            }
        }
    }
    let azure = fields.add("resourceId", Column::Skip);
    let mut classify = Vec::new();
    for rule in &source.classify {
        let kind = Kind::parse(source, &rule.class, rule.activity.as_deref(), rule.status.as_deref())?;
        classify.push((fields.add(&rule.field, Column::Skip), rule.equals.clone(), kind));
    }
    Ok(JsonLines { clock: Clock::of(context)?, fields, classify, beginnings, azure })
}

impl Format for JsonLines {
    fn name(&self) -> &'static str {
        "json"
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        let line = super::trimmed(record.bytes);
        if line.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let text = with_escapes_of_json(String::from_utf8_lossy(line));
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        match self.give(&text, &mut filling) {
            Err(reason) => output.refuse(record, reason),
            Ok(()) => match filling.finish() {
                Some(event) => output.event(record, event),
                None => output.refuse(record, "the record carries no time, or none under a name that is known; map it: fields = { time = \"…\" }"),
            },
        }
    }
}

impl JsonLines {
    fn give<'a>(&self, text: &'a str, filling: &mut Filling<'a>) -> Result<(), &'static str> {
        let found = self.fields.find(text)?;
        for (slot, equals, kind) in &self.classify {
            if found.values[*slot].and_then(plain_text).is_some_and(|value| value == *equals) {
                filling.kind(*kind);
                break;
            }
        }
        let mut time_read = true;
        let mut begins = false;
        for (slot, (column, value)) in self.fields.columns.iter().zip(&found.values).enumerate() {
            let Some(value) = value.filter(|_| !(*column == Column::Time && filling.is_own_stamped())).and_then(plain_text) else { continue };
            begins |= self.beginnings.contains(&slot);
            if *column == Column::Command && found.values[self.azure].is_some() {
                continue;
            }
            let value = if *column == Column::Time { plain_number(value) } else { value };
            time_read &= filling.set(column, value, &self.clock);
        }
        if begins {
            filling.answered_within_its_duration();
        }
        if !found.repeated.is_empty() {
            filling.label("repeated_fields", Cow::Owned(found.repeated.join(",")));
        }
        if time_read || filling.is_stamped() { Ok(()) } else { Err("the time cannot be read; say how it is written: time_format = \"…\"") }
    }
}

/// Field paths and the columns that their values go to, as a tree over the objects of a record.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    root: Node,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Default)]
struct Node {
    slots: Vec<usize>,
    below: HashMap<Box<str>, Node>, // looked up only, never iterated: its order shows nowhere
}

/// The values of one record, by slot.
pub(super) struct Found<'a> {
    pub(super) values: Vec<Option<&'a RawValue>>,
    repeated: Vec<&'static str>,
}

impl Mapping {
    /// Adds a path; returns its slot. Slots are in order of preference.
    pub(super) fn add(&mut self, path: &str, column: Column) -> usize {
        let slot = self.columns.len();
        self.columns.push(column);
        self.root.below.entry(path.into()).or_default().slots.push(slot);
        if path.contains('.') {
            let mut node = &mut self.root;
            for part in path.split('.') {
                node = node.below.entry(part.into()).or_default();
            }
            node.slots.push(slot);
        }
        slot
    }

    /// Finds the values of one record.
    pub(super) fn find<'a>(&self, text: &'a str) -> Result<Found<'a>, &'static str> {
        let mut found = Found { values: vec![None; self.columns.len()], repeated: Vec::new() };
        if !text.starts_with('{') {
            return Err(if text.starts_with('[') { "a JSON array, where one object a line is read" } else { "not a JSON object" });
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let walked = Walk { node: &self.root, found: &mut found }.deserialize(&mut json).and_then(|()| json.end());
        match walked {
            Ok(()) => Ok(found),
            Err(error) if error.is_eof() => Err("the JSON object is cut off; if it is spread over several lines, convert it first: jq -c ."),
            Err(_) if text.ends_with(',') => Err("a comma follows the JSON object; it is an element of an array: convert the file first: jq -c '.[]'"),
            Err(_) => Err("not valid JSON"),
        }
    }
}

struct Walk<'n, 'f, 'a> {
    node: &'n Node,
    found: &'f mut Found<'a>,
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let Some(node) = self.node.below.get(key.as_ref()) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &'a RawValue = map.next_value()?;
            if value.get().starts_with('{') && !node.below.is_empty() {
                let mut inner = serde_json::Deserializer::from_str(value.get());
                // The text was checked when it was taken as a raw value; only its depth can still be refused.
                Walk { node, found: &mut *self.found }.deserialize(&mut inner).map_err(serde::de::Error::custom)?;
            }
            for slot in &node.slots {
                // The first of two equal names stands: a later one is what an intruder could have added.
                match &mut self.found.values[*slot] {
                    Some(known) if known.get() != value.get() => {
                        if self.found.repeated.is_empty() {
                            self.found.repeated.push("a field stands twice with different values; the first was taken");
                        }
                    }
                    Some(_) => {}
                    empty => *empty = Some(value),
                }
            }
        }
        Ok(())
    }
}

/// A key, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// `\x22`, as nginx writes a quote into a `log_format` that is JSON without `escape=json`: no escape of JSON. Neighbours are
/// the bytes of one text.
fn with_escapes_of_json(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memmem::find(text.as_bytes(), b"\\x").is_none() {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        let hex = rest.get(at + 2..at + 4).filter(|_| rest.as_bytes().get(at + 1) == Some(&b'x')).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if at > 0 || hex.is_none() {
            push_escaped(&mut plain, &mut bytes);
            plain.push_str(&rest[..at]);
        }
        let length = match hex {
            Some(byte) => {
                bytes.push(byte);
                4
            }
            None => {
                let length = 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
                plain.push_str(&rest[at..at + length]);
                length
            }
        };
        rest = &rest[at + length..];
    }
    push_escaped(&mut plain, &mut bytes);
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Adds such bytes as the inside of a JSON string.
fn push_escaped(plain: &mut String, bytes: &mut Vec<u8>) {
    if let Ok(quoted) = serde_json::to_string(&String::from_utf8_lossy(bytes)) {
        plain.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
    }
    bytes.clear();
}

/// A stamp that a logger wrote as `1.795466577109E9`, written out to the microsecond; anything else as it is.
fn plain_number(text: Cow<'_, str>) -> Cow<'_, str> {
    let scientific = text.len() <= 40 && text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['e', 'E']);
    match text.parse::<f64>() {
        Ok(number) if scientific && (0.0..1e19).contains(&number) => Cow::Owned(format!("{number:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()),
        _ => text,
    }
}

/// A value as text: strings without their quotes and escapes, numbers as written, the first text of an array. Null and
/// objects are none.
pub(super) fn plain_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let raw = value.get();
    match raw.as_bytes().first()? {
        b'"' => {
            let inside = raw.get(1..raw.len() - 1)?;
            if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
                Some(Cow::Borrowed(inside))
            } else {
                serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
            }
        }
        b'n' | b'{' => None,
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
            let first = *items.first()?;
            if matches!(first.get().as_bytes().first()?, b'[' | b'{') { None } else { plain_text(first).map(|text| Cow::Owned(text.into_owned())) }
        }
        _ => Some(Cow::Borrowed(raw)),
    }
}
