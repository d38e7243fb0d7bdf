//! nginx and Apache access logs, by the very string that the server is configured with.
//!
//! The string is compiled once into literals and fields; a line is cut by searching the next literal, which is several
//! times faster than a regular expression. Formats: nginx `log_format` (ngx_http_log_module) and Apache `LogFormat` (mod_log_config).

use std::borrow::Cow;

use memchr::memmem;
use strandline_model::event::{Activity, Class, Event};
use strandline_model::time::Instant;

use crate::fields::{Field, Filling, Times};
use crate::source::Format;
use crate::stamp::Zone;
use crate::{Context, EventError, Output, Record};

/// Which server's words a format string uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// nginx
    Nginx,
    /// Apache httpd
    Apache,
}

const NGINX_COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
const NGINX_MAIN: &str =
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;
const APACHE_COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const APACHE_COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;
const APACHE_VHOST: &str = r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// A value; `None` is one that no column holds.
    Value(Option<Field>),
    /// Apache's `%t`: the brackets belong to the value.
    Bracketed,
}

/// Reads access logs.
pub struct Web {
    server: Server,
    times: Times,
    /// Candidates, longest first; the one that reads the first lines wins at the first line that only it reads.
    formats: Vec<Vec<Piece>>,
    settled: Option<usize>,
}

impl Web {
    /// For a source of the estate: its own format string, or the usual ones.
    ///
    /// # Errors
    /// If the format string cannot be understood.
    pub fn new(context: &Context<'_>, server: Server) -> Result<Self, EventError> {
        let source = context.source;
        let wrong = |reason: String| EventError::Configuration { source_id: source.id.clone(), reason };
        let strings: Vec<&str> = match (&source.log_format, server) {
            (Some(own), _) => match (own.as_str(), server) {
                ("combined", Server::Nginx) => vec![NGINX_COMBINED],
                ("main", Server::Nginx) => vec![NGINX_MAIN],
                ("combined", Server::Apache) => vec![APACHE_COMBINED],
                ("common", _) => vec![APACHE_COMMON],
                ("vhost_combined", _) => vec![APACHE_VHOST],
                (own, _) => vec![own],
            },
            (None, Server::Nginx) => vec![NGINX_MAIN, NGINX_COMBINED],
            (None, Server::Apache) => vec![APACHE_VHOST, APACHE_COMBINED, APACHE_COMMON],
        };
        let compile_one = |format: &&str| if format.contains('$') && !format.contains('%') { compile_nginx(format) } else { compile_apache(format) };
        let formats = strings.iter().map(compile_one).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        Ok(Self { server, times: Times { zone: Zone::of(context)?, format: source.time_format.clone() }, formats, settled: None })
    }

    fn fill<'e>(&self, line: &'e [u8], pieces: &[Piece], event: Event<'e>) -> Result<Event<'e>, &'static str> {
        let mut filling = Filling::new(event);
        let mut at = 0;
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => at = after_literal(line, at, literal).ok_or(NOT_THE_FORMAT)?,
                Piece::Bracketed => {
                    let end = memchr::memchr(b']', line.get(at..).unwrap_or_default()).ok_or(NOT_THE_FORMAT)? + at;
                    let value = line.get(at..end).and_then(|v| v.strip_prefix(b"[")).ok_or(NOT_THE_FORMAT)?;
                    filling.set(Field::Time, unescape(value), &self.times)?;
                    at = end + 1;
                }
                Piece::Value(field) => {
                    let end = value_end(line, at, pieces.get(index + 1)).ok_or(NOT_THE_FORMAT)?;
                    if let Some(field) = field {
                        filling.set(*field, unescape(&line[at..end]), &self.times)?;
                    }
                    at = end;
                }
            }
        }
        if at == line.len() { filling.finish() } else { Err(NOT_THE_FORMAT) }
    }
}

const NOT_THE_FORMAT: &str = "the line does not have the shape of the log format";

fn after_literal(line: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    line.get(at..)?.starts_with(literal).then_some(at + literal.len())
}

/// Where a value ends: at the next literal, which inside quotes must not be an escaped quote; the last one at the line's end.
fn value_end(line: &[u8], at: usize, next: Option<&Piece>) -> Option<usize> {
    let Some(Piece::Literal(literal)) = next else { return Some(line.len()) };
    let mut from = at;
    loop {
        let found = memmem::find(line.get(from..)?, literal)? + from;
        if literal.first() != Some(&b'"') || !is_escaped(line, at, found) {
            return Some(found);
        }
        from = found + 1;
    }
}

/// Whether the byte at `index` stands behind an odd number of backslashes.
fn is_escaped(line: &[u8], from: usize, index: usize) -> bool {
    line[from..index].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// Undoes `\xHH`, `\"` and `\\`, which both servers write for bytes that would break a line. Invalid UTF-8 is replaced.
fn unescape(value: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', value).is_none() {
        return String::from_utf8_lossy(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        match (value[at], value.get(at + 1)) {
            (b'\\', Some(b'x')) => {
                match value.get(at + 2..at + 4).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        at += 4;
                    }
                    None => {
                        bytes.push(b'\\');
                        at += 1;
                    }
                }
            }
            (b'\\', Some(escaped)) => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => *other,
                });
                at += 2;
            }
            (byte, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn nginx_field(name: &str) -> Option<Field> {
    Some(match name {
        "remote_addr" | "realip_remote_addr" => Field::SrcIp,
        "remote_port" => Field::SrcPort,
        "remote_user" => Field::Account,
        "time_local" | "time_iso8601" | "msec" => Field::Time,
        "request" => Field::RequestLine,
        "request_method" => Field::Method,
        "request_uri" => Field::Url,
        "uri" | "document_uri" => Field::Path,
        "args" | "query_string" => Field::Query,
        "status" => Field::StatusCode,
        "body_bytes_sent" | "bytes_sent" => Field::Bytes,
        "request_time" => Field::DurationSeconds,
        "request_id" | "http_x_request_id" | "sent_http_x_request_id" | "upstream_http_x_request_id" => Field::RequestId,
        "http_user_agent" => Field::UserAgent,
        _ if is_session_cookie(name.strip_prefix("cookie_")?) => Field::Session,
        _ => return None,
    })
}

/// Cookies that are a session by their usual names.
fn is_session_cookie(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["sid", "session", "sessionid", "session_id", "jsessionid", "phpsessid", "connect.sid", "asp.net_sessionid"].contains(&name.as_str())
}

fn compile_nginx(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Pieces::default();
    let mut rest = format;
    while let Some(at) = rest.find('$') {
        pieces.literal(&rest[..at]);
        let tail = &rest[at + 1..];
        let (name, after) = match tail.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `${` of log_format is not closed")?,
            None => tail.split_at(tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len())),
        };
        if name.is_empty() {
            return Err("a `$` of log_format has no name".to_owned());
        }
        pieces.value(Piece::Value(nginx_field(name)))?;
        rest = after;
    }
    pieces.literal(rest);
    pieces.finish()
}

fn apache_field(directive: char, argument: &str) -> Option<Field> {
    let lower = argument.to_ascii_lowercase();
    Some(match (directive, lower.as_str()) {
        ('h' | 'a', _) => Field::SrcIp,
        ('u', _) => Field::Account,
        ('t', _) => Field::Time,
        ('r', _) => Field::RequestLine,
        ('m', _) => Field::Method,
        ('U', _) => Field::Path,
        ('q', _) => Field::Query,
        ('s', _) => Field::StatusCode,
        ('b' | 'B' | 'O', _) => Field::Bytes,
        ('D', _) => Field::DurationMicros,
        ('T', "ms") => Field::DurationMillis,
        ('T', "us") => Field::DurationMicros,
        ('T', _) => Field::DurationSeconds,
        ('P', "" | "pid") => Field::Pid,
        ('L', _) => return None,
        ('i', "user-agent") => Field::UserAgent,
        ('i' | 'o', "x-request-id") | ('e', "unique_id" | "request_id") => Field::RequestId,
        ('C', name) if is_session_cookie(name) => Field::Session,
        _ => return None,
    })
}

fn compile_apache(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Pieces::default();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        pieces.literal(&rest[..at]);
        let mut tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('%') {
            pieces.literal("%");
            rest = after;
            continue;
        }
        // Status conditions (`%400,501{User-agent}i`, `%!200…`) and `<`, `>` choose what is written, not what it means.
        tail = tail.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '!' | '<' | '>'));
        let (argument, after) = match tail.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("a `%{` of LogFormat is not closed")?,
            None => ("", tail),
        };
        let after = after.trim_start_matches(['<', '>']);
        let directive = after.chars().next().ok_or("a `%` of LogFormat has no letter")?;
        rest = after.strip_prefix("^ti").or_else(|| after.strip_prefix("^to")).unwrap_or(&after[directive.len_utf8()..]);
        match (directive, argument) {
            ('t', "") => pieces.value(Piece::Bracketed)?,
            ('t', argument) if !is_epoch(argument) => {
                return Err(format!(
                    "LogFormat writes times as %{{{argument}}}t: use %t, %{{sec}}t, %{{msec}}t or %{{usec}}t, or set time_format and format = \"text\""
                ));
            }
            _ => pieces.value(Piece::Value(apache_field(directive, argument)))?,
        }
    }
    pieces.literal(rest);
    pieces.finish()
}

/// `%{sec}t` and its finer kinds are numbers since the epoch, which the stamp reader knows by their size.
fn is_epoch(argument: &str) -> bool {
    let kind = argument.strip_prefix("begin:").or_else(|| argument.strip_prefix("end:")).unwrap_or(argument);
    matches!(kind, "sec" | "msec" | "usec")
}

#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
}

impl Pieces {
    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.list.last_mut() {
            Some(Piece::Literal(before)) => before.extend_from_slice(text.as_bytes()),
            _ => self.list.push(Piece::Literal(text.as_bytes().to_vec())),
        }
    }

    fn value(&mut self, piece: Piece) -> Result<(), String> {
        if matches!(self.list.last(), Some(Piece::Value(_))) && piece != Piece::Bracketed {
            return Err("two values of the log format stand side by side, with nothing between to tell them apart".to_owned());
        }
        self.list.push(piece);
        Ok(())
    }

    fn finish(self) -> Result<Vec<Piece>, String> {
        let has_time = self.list.iter().any(|p| matches!(p, Piece::Bracketed | Piece::Value(Some(Field::Time))));
        if has_time { Ok(self.list) } else { Err("the log format writes no time".to_owned()) }
    }
}

impl Format for Web {
    fn name(&self) -> &'static str {
        match self.server {
            Server::Nginx => "nginx",
            Server::Apache => "apache",
        }
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        if record.bytes.is_empty() {
            return output.pass(record);
        }
        let order: Vec<usize> = match self.settled {
            Some(settled) => vec![settled],
            None => (0..self.formats.len()).collect(),
        };
        let mut reason = NOT_THE_FORMAT;
        for index in order {
            let event = Event::new(Instant::default(), Class::Http, Activity::Request, output.place(record));
            match self.fill(record.bytes, &self.formats[index], event) {
                Ok(event) => {
                    output.event(record, event);
                    self.settled = Some(index);
                    return;
                }
                Err(why) => reason = why,
            }
        }
        output.refuse(record, reason);
    }
}
