//! nginx and Apache access logs: a `log_format` or `LogFormat` string compiled once into steps, lines cut by `memchr`.
//!
//! Sources: nginx, ngx_http_log_module; Apache HTTP Server, mod_log_config. Error logs of both are not read here.
//! [`layouts`] holds the usual layouts of other servers, [`w3c`] the format whose files declare their fields.

pub mod layouts;
mod w3c;

use std::borrow::Cow;

use memchr::memmem::Finder;
use strandline_model::address;
use strandline_model::estate::LogSource;
use strandline_model::event::{Activity, Class};

use self::w3c::W3c;
use super::Format;
use crate::fields::{Clock, Column, Filling, Kind, Unit, text_of};
use crate::stamp::Stamp;
use crate::{Context, EventError, Output, Record};

/// Which server's words a format string is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// `$variables`
    Nginx,
    /// `%{…}` directives
    Apache,
}

/// The formats that are tried where the estate gives none. The first to fit most lines is taken; lines that do not fit
/// it are tried with the others, so that a file whose format was changed is read whole.
const COMMON_FORMATS: &[(Server, &str)] = &[
    (Server::Apache, r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
    (
        Server::Nginx,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#,
    ),
    (Server::Apache, r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
    (Server::Apache, r#"%h %l %u %t "%r" %>s %b"#),
    (Server::Apache, r#"%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
    (Server::Apache, r#"%v %h %l %u %t "%r" %>s %b"#),
    (Server::Nginx, r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time"#),
    (
        Server::Nginx,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time"#,
    ),
    (Server::Apache, r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D"#),
    (
        Server::Nginx,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#,
    ),
    // What stands behind the usual fields is kept in one label.
    (Server::Nginx, r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $more"#),
    (Server::Nginx, r#"$remote_addr - $remote_user [$time_local] "$request" $status $bytes $more"#),
];

/// Tries to place one field before another is given up: bounds the work on a hostile line.
const FIT_BUDGET: u32 = 4096;

/// The nginx and Apache formats.
#[derive(Debug)]
pub struct Web {
    name: &'static str,
    clock: Clock,
    formats: Vec<LineFormat>,
    /// Whether one of the first lines fits: only then are others in their wrapper messages of the same server.
    fits: bool,
}

/// Opens an access log.
///
/// # Errors
/// If the format string or the clock zone cannot be understood.
pub fn open(context: &Context<'_>, server: Server, head: &[u8]) -> Result<Web, EventError> {
    let source = context.source;
    let wrong = |reason: String| EventError::Configuration { source_id: source.id.clone(), reason };
    let overrides = overrides(source);
    let given = source.log_format.as_deref().map(str::trim).filter(|text| !matches!(*text, "" | "combined" | "common" | "main" | "vhost_combined"));
    let mut formats = Vec::new();
    for (server, text) in given.map_or(COMMON_FORMATS.to_vec(), |text| vec![(server, text)]) {
        formats.push(LineFormat::compile(server, text, None, &overrides).map_err(wrong)?);
    }
    let name = if server == Server::Nginx { "nginx" } else { "apache" };
    Ok(Web::new(name, Clock::of(context)?, formats, head))
}

impl Web {
    /// Puts the format first that fits most of the first lines; the earlier one in the list among equals.
    fn new(name: &'static str, clock: Clock, mut formats: Vec<LineFormat>, head: &[u8]) -> Self {
        let lines: Vec<&[u8]> = head.split(|b| *b == b'\n').take(200).map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
        let mut spans = Vec::new();
        let mut fits = |format: &LineFormat| lines.iter().filter(|line| format.fit(line, Quotes::Escaped, &mut spans)).count();
        let fits: Vec<usize> = formats.iter().map(&mut fits).collect();
        let best = (0..formats.len()).max_by_key(|i| (fits[*i], usize::MAX - i)).unwrap_or(0);
        formats[..=best].rotate_right(1);
        Self { name, clock, formats, fits: fits[best] > 0 }
    }
}

/// The fields that the estate maps: the record's own name, and the column.
fn overrides(source: &LogSource) -> Vec<(String, Column)> {
    source.fields.iter().map(|(field, from)| (plain_name(from), Column::named(field, from))).collect()
}

impl Format for Web {
    fn name(&self) -> &'static str {
        self.name
    }

    fn read(&mut self, record: &Record<'_>, output: &mut Output<'_>) {
        self.read_line(record, true, output);
    }
}

impl Web {
    /// Reads one line; one that may hold two records is cut, if it can be.
    fn read_line(&mut self, record: &Record<'_>, may_be_two: bool, output: &mut Output<'_>) {
        let line = super::trimmed(record.bytes);
        if line.is_empty() {
            return if super::is_blank(record.bytes) { output.pass(record) } else { output.refuse(record, "NUL bytes where a line should be") };
        }
        let mut spans = Vec::new();
        // First as servers write it, quotes in fields escaped; then, for servers that escape nothing, with quotes anywhere.
        let readings = [Quotes::Escaped, Quotes::Anywhere].into_iter().flat_map(|quotes| self.formats.iter().map(move |format| (format, quotes)));
        let fitting = { readings }.find(|(format, quotes)| format.fit(line, *quotes, &mut spans));
        let torn = |(step, (from, to)): (&Step, &(usize, usize))| step.quoted && (holds_a_stamp(&line[*from..*to]) || ends_a_request(&line[*from..*to]));
        let is_torn = fitting.is_some_and(|(format, quotes)| quotes == Quotes::Anywhere && format.steps.iter().zip(&spans).any(torn));
        if (fitting.is_none() || is_torn)
            && may_be_two
            && let Some(at) = self.joined(line)
        {
            return self.read_both(record, line, at, output);
        }
        let Some((format, quotes)) = fitting else { return self.unfitting(record, line, output) };
        if is_torn {
            return output.refuse(record, "two records stand on this line, or one within another: whose the fields are cannot be told");
        }
        // Decoding moves places, so a line that is not UTF-8 is decoded field by field.
        let text = std::str::from_utf8(line).ok();
        let mut filling = Filling::new(output.place(record)).or_at(output.outer_time());
        filling.kind(Kind { class: Class::Http, activity: Activity::Request, status: None });
        let mut time_read = true;
        for (step, (from, to)) in format.steps.iter().zip(&spans) {
            let value = match text.and_then(|text| text.get(*from..*to)) {
                Some(value) => Cow::Borrowed(value),
                None => text_of(&line[*from..*to]),
            };
            time_read &= step.give(value, format.escape, &mut filling, &self.clock);
        }
        if quotes == Quotes::Anywhere {
            filling.label("ambiguous", Cow::Borrowed("a quote stands unescaped in a field, so that where fields end is the likeliest reading and not certain"));
        }
        if !may_be_two {
            filling.label("joined", Cow::Borrowed("two records stood on one line, and only one cut gives two that are whole"));
        }
        match (filling.is_stamped(), time_read, filling.finish()) {
            (true, _, Some(event)) => output.event(record, event),
            (_, true, _) => output.refuse(record, "the record carries no time"),
            _ => output.refuse(record, "the time cannot be read"),
        }
    }

    /// A line that fits no format.
    fn unfitting(&self, record: &Record<'_>, line: &[u8], output: &mut Output<'_>) {
        if let Some(stamp) = output.outer_time().filter(|_| self.fits && is_told(line)) {
            return tell(record, line, stamp, output);
        }
        let reason = if line.first() == Some(&b'{') {
            "does not fit the log format; it looks like JSON, for which the format is json"
        } else {
            "does not fit the log format"
        };
        output.refuse(record, reason);
    }

    /// Where the second of two whole records begins that lost the line end between them: both fit as servers write them, quotes
    /// escaped, and only one cut gives two such records. A client cannot write such a line where the server escapes quotes.
    fn joined(&self, line: &[u8]) -> Option<usize> {
        let mut stamps = stamps(line);
        let (Some(first), Some(second), None) = (stamps.next(), stamps.next(), stamps.next()) else { return None };
        if line.len() > JOINED_BYTES {
            return None;
        }
        let mut spans = Vec::new();
        let mut fits = |part: &[u8]| self.formats.iter().any(|format| format.fit(part, Quotes::Escaped, &mut spans));
        // Behind a quote alone: where a number ends and an address begins, a line does not say.
        let quotes = memchr::memchr_iter(b'"', &line[first..second]).take(JOINED_QUOTES).map(|at| first + at + 1);
        let mut cuts = quotes.filter(|at| line[*at] != b' ' && fits(&line[..*at]) && fits(&line[*at..]));
        cuts.next().filter(|_| cuts.next().is_none())
    }

    fn read_both(&mut self, record: &Record<'_>, line: &[u8], at: usize, output: &mut Output<'_>) {
        // Both have the place of their own part, unless a wrapper was taken off: then that of the whole.
        let begin = (line.as_ptr() as usize).saturating_sub(record.bytes.as_ptr() as usize);
        for (from, to) in [(0, at), (at, line.len())] {
            let part = Record { bytes: &line[from..to], ..*record };
            let own = Record { offset: record.offset + (begin + from) as u64, extent: (to - from) as u64, ..part };
            self.read_line(if record.extent == record.bytes.len() as u64 { &own } else { &part }, false, output);
        }
    }
}

/// The longest line that is tried as two records, and at how many of the quotes between their stamps.
const JOINED_BYTES: usize = 64 << 10;
const JOINED_QUOTES: usize = 16;

/// Whether a line that a container wrote beside its requests is a message of the server, and no request that is torn.
fn is_told(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"HTTP/").is_none() && !holds_a_stamp(line) && std::str::from_utf8(line).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Gives such a line as a message, at the time of its wrapper.
fn tell(record: &Record<'_>, line: &[u8], stamp: Stamp, output: &mut Output<'_>) {
    let mut filling = Filling::new(output.place(record)).or_at(Some(stamp));
    filling.put(&Column::Message, String::from_utf8_lossy(line));
    if let Some(event) = filling.finish() {
        output.event(record, event);
    }
}

/// How a server writes bytes that would break its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// `\x22`, `\"`, `\\`, `\n`
    Backslash,
    /// As in a JSON string.
    Json,
    /// Not at all.
    None,
}

/// What a field's text must look like for a line to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Any,
    /// Three digits, or `-`.
    Status,
    /// Digits, a point; or `-`.
    Number,
    /// An address or a host name, or what stands for one: `-`, `unix:`.
    Host,
    /// One or more of them, `a, b`.
    Hosts,
    /// A user's name: no field after it is part of one.
    Account,
    /// A name or `-`, but no address: what `%l` may be.
    Ident,
    /// The server's own name: no list of addresses, which some put in front of the line.
    ServerName,
    /// The name of a host, and not `-`.
    Named,
    /// Anything without a blank.
    Word,
    /// Digits, filled up with blanks in front.
    Padded,
    /// What stands behind the fields that are known: nothing, or more of them, and no part of another record.
    More,
    /// One value for each server behind this one: `a, b : c`.
    List,
    /// A stamp that begins with a digit.
    Time,
    /// `[…]`, as `%t` writes it.
    BracketedTime,
    /// A stamp of a declared format.
    FormattedTime,
}

/// One variable and the literal text before it.
#[derive(Debug)]
struct Step {
    before: Finder<'static>,
    column: Column,
    shape: Shape,
    quoted: bool,
    /// strptime format of the field, where the format string declares one.
    time_format: Option<String>,
    /// The next field begins with this byte and nothing stands between: `$host$request_uri`.
    begins_with_slash: bool,
}

/// A compiled format string.
#[derive(Debug)]
struct LineFormat {
    steps: Vec<Step>,
    tail: Finder<'static>,
    escape: Escape,
    /// The name of the layout, if it is one of those that are known.
    layout: Option<&'static str>,
}

impl LineFormat {
    /// `layout` names one of those that are known: its fields without quotes are single words, and it may have no time.
    fn compile(server: Server, text: &str, layout: Option<&'static str>, overrides: &[(String, Column)]) -> Result<Self, String> {
        let (text, escape) = format_string(server, text)?;
        let pieces = match server {
            Server::Nginx => nginx_pieces(&text),
            Server::Apache => apache_pieces(&text)?,
        };
        if !pieces.iter().any(|p| matches!(p, Piece::Field { .. })) {
            let example = if server == Server::Nginx { "$remote_addr" } else { "%h" };
            return Err(format!("log_format names no field ({example} …)"));
        }
        let format = Self { layout, ..Self::from_pieces(merge_times(pieces), escape, layout.is_some(), overrides)? };
        if layout.is_none() && !format.steps.iter().any(|step| step.column == Column::Time) {
            return Err("log_format writes no time: such lines cannot be placed".to_owned());
        }
        Ok(format)
    }

    fn from_pieces(pieces: Vec<Piece>, escape: Escape, words: bool, overrides: &[(String, Column)]) -> Result<Self, String> {
        let mut steps: Vec<Step> = Vec::new();
        let mut literal = String::new();
        let written: Vec<String> =
            pieces.iter().filter_map(|piece| if let Piece::Field { name, .. } = piece { Some(plain_name(name)) } else { None }).collect();
        let mapped: Vec<Column> = overrides.iter().filter(|(from, _)| written.contains(from)).map(|(_, column)| column.clone()).collect();
        for piece in pieces {
            let Piece::Field { name, column, time_format } = piece else {
                let Piece::Literal(text) = piece else { continue };
                literal.push_str(&text);
                continue;
            };
            let plain = plain_name(&name);
            let column = match overrides.iter().find(|(from, _)| *from == plain) {
                Some((_, column)) => column.clone(),
                None if mapped.contains(&column) => displaced(column, plain),
                None => column,
            };
            let mut begins_with_slash = false;
            if literal.is_empty()
                && let Some(previous) = steps.last_mut()
            {
                if previous.column == Column::Path && matches!(column, Column::Query | Column::Skip)
                    || previous.column == Column::Url && column == Column::Query
                {
                    previous.column = Column::Url;
                    continue;
                }
                begins_with_slash = matches!(column, Column::Path | Column::Url);
                if !begins_with_slash {
                    return Err(format!("in log_format nothing stands between {name} and the field before it: such lines cannot be cut"));
                }
            }
            let quoted = literal.ends_with('"') && name != "more";
            steps.push(Step {
                shape: match &time_format {
                    Some(_) => Shape::FormattedTime,
                    None if name == "%t" => Shape::BracketedTime,
                    None if name == "%v" => Shape::ServerName,
                    None if name == "%p" => Shape::Number,
                    None if name == "more" => Shape::More,
                    None if name == "padded_ms" => Shape::Padded,
                    None if name == "virtual_host" => Shape::Named,
                    None if name.starts_with("upstream_") => Shape::List,
                    // A list of addresses, where the estate takes the client's from a header, stands in quotes.
                    None if quoted && column == Column::SrcIp => Shape::Any,
                    None if column == Column::SrcIp && plain_name(&name).contains("forwarded") => Shape::Hosts,
                    None if words && !quoted && name != "captures" && shape_of(&column) == Shape::Any => Shape::Word,
                    None => shape_of(&column),
                },
                before: Finder::new(literal.as_bytes()).into_owned(),
                column,
                quoted,
                time_format,
                begins_with_slash,
            });
            literal.clear();
        }
        Ok(Self { steps, tail: Finder::new(literal.as_bytes()).into_owned(), escape, layout: None })
    }

    /// Cuts a line into its fields; false if it does not fit.
    fn fit(&self, line: &[u8], quotes: Quotes, spans: &mut Vec<(usize, usize)>) -> bool {
        spans.clear();
        let first = self.steps[0].before.needle();
        let mut budget = FIT_BUDGET;
        line.starts_with(first) && self.fit_from(line, 0, first.len(), quotes, spans, &mut budget)
    }

    fn fit_from(&self, line: &[u8], index: usize, at: usize, quotes: Quotes, spans: &mut Vec<(usize, usize)>, budget: &mut u32) -> bool {
        let step = &self.steps[index];
        let Some(next) = self.steps.get(index + 1) else { return self.fit_last(step, line, at, quotes, spans) };
        let literal = next.before.needle();
        let (mut end, mut first) = (at, true);
        // How often the next literal stands inside a stamp of the declared format.
        let inside = match std::str::from_utf8(literal) {
            Ok(literal) if step.shape == Shape::FormattedTime && !literal.is_empty() => {
                step.time_format.as_deref().map_or(0, |format| format.matches(literal).count())
            }
            _ => 0,
        };
        let mut skip = inside;
        loop {
            let from = if first { end } else { end + 1 };
            first = false;
            let found = if next.begins_with_slash {
                memchr::memchr(b'/', line.get(from..).unwrap_or_default())
            } else {
                next.before.find(line.get(from..).unwrap_or_default())
            };
            let Some(found) = found else { return false };
            end = from + found;
            *budget = budget.saturating_sub(1);
            if *budget == 0 || !step.may_hold(&line[at..end], quotes) {
                return false;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if step.fits(&line[at..end]) && !step.goes_on(&line[end..]) {
                spans.push((at, end));
                if self.fit_from(line, index + 1, end + literal.len(), quotes, spans, budget) {
                    return true;
                }
                spans.pop();
            }
        }
    }

    fn fit_last(&self, step: &Step, line: &[u8], at: usize, quotes: Quotes, spans: &mut Vec<(usize, usize)>) -> bool {
        let tail = self.tail.needle();
        let Some(end) = line.len().checked_sub(tail.len()).filter(|end| *end >= at && line.ends_with(tail)) else { return false };
        let value = &line[at..end];
        let fits = step.may_hold(value, quotes) && step.fits(value);
        if fits {
            spans.push((at, end));
        }
        fits
    }
}

/// Whether a quote inside a quoted field must be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Escaped,
    Anywhere,
}

impl Step {
    /// Whether this value, or a longer one that begins with it, could fit: false ends the search.
    fn may_hold(&self, value: &[u8], quotes: Quotes) -> bool {
        if self.quoted && quotes == Quotes::Escaped && has_bare_quote(value) {
            return false;
        }
        let absent = matches!(value, b"-" | b"-1"); // load balancers count what did not happen as -1
        match self.shape {
            Shape::Any | Shape::More | Shape::List | Shape::FormattedTime => true,
            Shape::Word | Shape::Named => !value.contains(&b' '),
            Shape::Padded => value.len() <= 40 && value.iter().all(|b| b.is_ascii_digit() || *b == b' '),
            Shape::ServerName => !value.iter().any(|b| matches!(b, b' ' | b',')),
            Shape::Host => !value.contains(&b' '),
            Shape::Hosts => value.len() <= 512 && !value.contains(&b'"'),
            Shape::Account => matches!(value, b"\"" | b"\"\"") || !has_bare_quote(value),
            Shape::Ident => value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
            Shape::Status => absent || value.len() <= 3 && value.iter().all(u8::is_ascii_digit),
            Shape::Number => absent || value.len() <= 40 && value.iter().all(|b| b.is_ascii_digit() || *b == b'.'),
            Shape::Time => absent || value.len() <= 48 && value.first().is_none_or(u8::is_ascii_digit),
            Shape::BracketedTime => absent || value.len() <= 48 && value.first().is_none_or(|b| *b == b'['),
        }
    }

    /// Whether a value that may hold is whole.
    fn fits(&self, value: &[u8]) -> bool {
        match self.shape {
            Shape::Status => matches!(value, b"-" | b"-1" | [_, _, _]),
            Shape::Word => !value.is_empty(),
            Shape::Named => value != b"-" && is_host(value),
            Shape::Padded => value.last().is_some_and(u8::is_ascii_digit),
            Shape::More => !holds_a_stamp(value) && !ends_a_request(value) && memchr::memchr_iter(b'"', value).count().is_multiple_of(2),
            Shape::Time => !value.is_empty(),
            Shape::List => !value.ends_with(b",") && !value.ends_with(b" :"),
            Shape::BracketedTime => value == b"-" || value.ends_with(b"]"),
            Shape::Host => is_host(value),
            Shape::Hosts => value.split(|b| *b == b',').all(|one| is_host(one.trim_ascii())),
            Shape::ServerName => is_host(value) || !value.is_empty() && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
            Shape::Account => !value.starts_with(b"- ") && !value.ends_with(b" -") && !value.windows(3).any(|part| part == b" - "),
            _ => true,
        }
    }

    /// Whether a value that fits is not over yet, by what stands behind it.
    fn goes_on(&self, rest: &[u8]) -> bool {
        match self.shape {
            Shape::Time => begins_with_offset(rest),
            Shape::List => rest.starts_with(b" : "),
            _ => false,
        }
    }

    fn give<'a>(&self, value: Cow<'a, str>, escape: Escape, filling: &mut Filling<'a>, clock: &Clock) -> bool {
        if let Some(format) = self.time_format.as_deref() {
            return match clock.read_format(&value, format).or_else(|| clock.read(&value)) {
                Some(stamp) => {
                    filling.stamp(stamp);
                    true
                }
                None => false,
            };
        }
        let value = unescape(value, escape);
        if self.column == Column::Request && value.bytes().any(|b| b < 0x20) {
            // Bytes that are no request stay readable if they are kept as the server wrote them.
            let shown: String = value.chars().flat_map(|c| if c < ' ' { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect();
            return filling.set(&Column::Message, Cow::Owned(shown), clock);
        }
        filling.set(&self.column, value, clock)
    }
}

/// Whether a word can be a client: an address, with a port, brackets and a scope if need be, or a host's name. A stamp, a
/// level or a container's name in front of the line is none of them, or has another field where the next must stand.
fn is_host(value: &[u8]) -> bool {
    if matches!(value, b"-" | b"unix:") {
        return true;
    }
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let name = |text: &str| {
        text.len() <= 255 && text.bytes().any(|b| b.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    if text.split(',').any(str::is_empty) {
        return false; // a list whose rest stands behind a blank
    }
    let list = text.split(',').next().unwrap_or(text);
    address::canonical(list).is_some() || name(text) || text.rsplit_once(':').is_some_and(|(host, port)| name(host) && port.parse::<u16>().is_ok())
}

/// `HTTP/1.1"` within a field: the end of another record's request.
fn ends_a_request(value: &[u8]) -> bool {
    memchr::memmem::find_iter(value, b" HTTP/").any(|at| {
        let version = value[at + 6..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        value.get(at + 6 + version) == Some(&b'"')
    })
}

/// `[23/Nov/2026:20:42:10 +0000]` within a field: a second record stands in the line.
fn holds_a_stamp(value: &[u8]) -> bool {
    stamps(value).next().is_some()
}

/// Where such stamps begin.
fn stamps(value: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(b'[', value).filter(|at| {
        let shape = b"00/aaa/0000:00:00:00";
        value.get(at + 1..at + 1 + shape.len()).is_some_and(|stamp| {
            stamp.iter().zip(shape).all(|(byte, kind)| match kind {
                b'0' => byte.is_ascii_digit(),
                b'a' => byte.is_ascii_alphabetic(),
                other => byte == other,
            })
        })
    })
}

/// ` +0800`: the stamp before it is not over yet.
fn begins_with_offset(rest: &[u8]) -> bool {
    matches!(rest, [b' ', b'+' | b'-', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()))
}

fn has_bare_quote(value: &[u8]) -> bool {
    memchr::memchr_iter(b'"', value).any(|at| value[..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0)
}

/// Where a field goes whose column the estate fills from another field. The address at the other end of the wire is
/// still the client's where the other field is empty.
fn displaced(column: Column, name: String) -> Column {
    match column {
        Column::SrcIp | Column::PeerIp => Column::PeerIp,
        Column::Time | Column::Skip => column,
        _ => Column::Label(name),
    }
}

fn shape_of(column: &Column) -> Shape {
    match column {
        Column::StatusCode => Shape::Status,
        Column::Bytes | Column::BytesOrDash | Column::Duration(_) | Column::SrcPort | Column::Pid => Shape::Number,
        Column::Time => Shape::Time,
        Column::Skip => Shape::Ident,
        Column::SrcIp | Column::PeerIp => Shape::Host,
        Column::Account => Shape::Account,
        _ => Shape::Any,
    }
}

/// Takes a server's escapes off a value.
fn unescape(value: Cow<'_, str>, escape: Escape) -> Cow<'_, str> {
    if escape == Escape::None || memchr::memchr(b'\\', value.as_bytes()).is_none() {
        return value;
    }
    if escape == Escape::Json {
        return match serde_json::from_str::<String>(&format!("\"{value}\"")) {
            Ok(plain) => Cow::Owned(plain),
            // A format that looks like JSON, written without `escape=json`.
            Err(_) => unescape(value, Escape::Backslash),
        };
    }
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'x')) => match value.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => (byte, 4),
                None => (b'\\', 1),
            },
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'b')) => (8, 2),
            (b'\\', Some(b'v')) => (11, 2),
            (b'\\', Some(b'f')) => (12, 2),
            (b'\\', Some(quoted @ (b'"' | b'\\' | b'\''))) => (*quoted, 2),
            (byte, _) => (byte, 1),
        };
        plain.push(byte);
        at += length;
    }
    Cow::Owned(text_of(&plain).into_owned())
}

/// A piece of a format string.
#[derive(Debug)]
enum Piece {
    Literal(String),
    Field { name: String, column: Column, time_format: Option<String> },
}

/// The format string itself, out of a whole `log_format NAME escape=json '…' '…';` or `LogFormat "…" NAME` directive.
fn format_string(server: Server, text: &str) -> Result<(String, Escape), String> {
    let mut rest = text.trim().trim_end_matches(';').trim();
    let mut escape = Escape::Backslash;
    let mut directive = false;
    if let Some(after) = rest.strip_prefix("log_format ") {
        directive = true;
        let after = after.trim_start();
        rest = after.split_once(char::is_whitespace).map_or("", |(_, body)| body.trim_start());
    } else if let Some(after) = rest.strip_prefix("LogFormat ") {
        directive = true;
        rest = after.trim_start();
    }
    if let Some(after) = rest.strip_prefix("escape=") {
        let (word, body) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        escape = match word {
            "json" => Escape::Json,
            "default" => Escape::Backslash,
            "none" => Escape::None,
            other => return Err(format!("log_format: escape={other} is none of default, json, none")),
        };
        rest = body.trim_start();
    }
    let quoted = rest.starts_with('\'') && rest.ends_with('\'') || directive && rest.starts_with('"');
    let body = if quoted { quoted_strings(rest) } else { rest.to_owned() };
    let body = if server == Server::Apache { body.replace("\\\"", "\"").replace("\\t", "\t") } else { body };
    // A nginx format that is itself a JSON object can only be read with the escapes of JSON.
    if server == Server::Nginx && escape == Escape::Backslash && body.trim_start().starts_with('{') {
        escape = Escape::Json;
    }
    Ok((body, escape))
}

/// Joins quoted strings as nginx does; for Apache the first one is the format.
fn quoted_strings(text: &str) -> String {
    let mut joined = String::new();
    let mut chars = text.chars();
    while let Some(open) = chars.next() {
        if open.is_whitespace() {
            continue;
        }
        if open != '\'' && open != '"' {
            break; // the nickname of a LogFormat
        }
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some(next) if next == open || next == '\\' => joined.push(next),
                    Some(next) => joined.extend(['\\', next]),
                    None => joined.push('\\'),
                },
                c if c == open => break,
                c => joined.push(c),
            }
        }
    }
    joined
}

fn nginx_pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        pieces.push(Piece::Literal(rest[..dollar].to_owned()));
        rest = &rest[dollar + 1..];
        let (name, after) = match rest.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, after)) => (name, after),
            None => rest.split_at(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())),
        };
        pieces.push(if name.is_empty() {
            Piece::Literal("$".to_owned())
        } else {
            Piece::Field { name: name.to_owned(), column: nginx_column(name), time_format: None }
        });
        rest = after;
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    pieces
}

fn nginx_column(name: &str) -> Column {
    match name {
        "remote_addr" => Column::SrcIp,
        "remote_port" => Column::SrcPort,
        "remote_user" => Column::Account,
        "time_local" | "time_iso8601" | "msec" => Column::Time,
        "request" => Column::Request,
        "request_uri" => Column::Url,
        "uri" | "document_uri" => Column::Path,
        "args" | "query_string" => Column::Query,
        "is_args" => Column::Skip,
        "request_method" => Column::Method,
        "status" => Column::StatusCode,
        "body_bytes_sent" => Column::Bytes,
        "request_time" => Column::Duration(Unit::Seconds),
        "request_id" | "req_id" => Column::RequestId,
        "http_x_request_id" | "sent_http_x_request_id" | "http_x_correlation_id" | "upstream_http_x_request_id" => Column::ForeignRequestId(name.to_owned()),
        "http_traceparent" | "sent_http_traceparent" | "upstream_http_traceparent" => Column::Traceparent,
        "http_user_agent" => Column::UserAgent,
        "http_referer" => Column::Label("referer".to_owned()),
        "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => Column::Label("forwarded".to_owned()),
        "realip_remote_addr" => Column::PeerIp,
        "host" | "http_host" | "server_name" => Column::Label("host".to_owned()),
        "pid" => Column::Pid,
        other if other.strip_prefix("cookie_").is_some_and(is_session_cookie) => Column::Session,
        other => layouts::column(other).unwrap_or_else(|| Column::Label(other.to_owned())),
    }
}

/// Cookies that hold a session, by their usual names. Others do where the estate says so.
fn is_session_cookie(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "sid" | "session" | "sessionid" | "session_id" | "jsessionid" | "phpsessid" | "connect.sid" | "asp.net_sessionid")
}

fn apache_pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        pieces.push(Piece::Literal(rest[..percent].to_owned()));
        rest = &rest[percent + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            pieces.push(Piece::Literal("%".to_owned()));
            rest = after;
            continue;
        }
        // `%!200,304>{Referer}i`: conditions say when a field is logged at all, `-` otherwise.
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>'));
        let (argument, after) = match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or("in LogFormat a %{ has no }")?,
            None => ("", rest),
        };
        let length = if after.starts_with('^') { 3.min(after.len()) } else { after.chars().next().map_or(0, char::len_utf8) };
        let directive = after.get(..length).filter(|d| !d.is_empty()).ok_or("LogFormat ends in a bare %")?;
        rest = &after[length..];
        let name = if argument.is_empty() { format!("%{directive}") } else { format!("%{{{argument}}}{directive}") };
        pieces.push(apache_field(name, argument, directive)?);
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(pieces)
}

fn apache_field(name: String, argument: &str, directive: &str) -> Result<Piece, String> {
    let label = |label: &str| Column::Label(label.to_owned());
    let mut time_format = None;
    let column = match (directive, argument) {
        ("h", _) | ("a", "") => Column::SrcIp,
        ("a", _) => Column::PeerIp,
        ("l", _) => Column::Skip,
        ("u", _) => Column::Account,
        ("t", "") => Column::Time,
        ("t", given) => {
            let given = given.strip_prefix("begin:").or_else(|| given.strip_prefix("end:")).unwrap_or(given);
            time_format = apache_time(given);
            Column::Time
        }
        ("r", _) => Column::Request,
        ("m", _) => Column::Method,
        ("U", _) => Column::Path,
        ("q", _) => Column::Query,
        ("s", _) => Column::StatusCode,
        ("b", _) => Column::BytesOrDash,
        ("B", _) => Column::Bytes,
        ("O", _) => label("bytes_sent"),
        ("I", _) => label("bytes_received"),
        ("D", _) | ("T", "us") => Column::Duration(Unit::Micros),
        ("T", "ms") => Column::Duration(Unit::Millis),
        ("T", _) => Column::Duration(Unit::Seconds),
        ("P", "" | "pid") => Column::Pid,
        ("p", "remote") => Column::SrcPort,
        ("p", _) => label("port"),
        ("v" | "V", _) => label("host"),
        ("i", header) => apache_header(header),
        ("o", header) if header.eq_ignore_ascii_case("x-request-id") => Column::ForeignRequestId("x_request_id".to_owned()),
        ("e" | "n", "UNIQUE_ID") => Column::RequestId,
        ("C", cookie) if is_session_cookie(cookie) => Column::Session,
        ("C", cookie) => Column::Label(format!("cookie_{cookie}")),
        ("X" | "k" | "L" | "H" | "f" | "A" | "R" | "S" | "P" | "o" | "e" | "n" | "x" | "c" | "^ti" | "^to" | "^FB" | "^FU" | "^GC", _) => {
            label(name.trim_matches(['%', '{']).replace('}', "_").trim_end_matches('_'))
        }
        _ => return Err(format!("LogFormat: there is no directive {name}")),
    };
    Ok(Piece::Field { name, column, time_format })
}

fn apache_header(header: &str) -> Column {
    match header.to_ascii_lowercase().as_str() {
        "user-agent" => Column::UserAgent,
        "referer" => Column::Label("referer".to_owned()),
        "x-forwarded-for" => Column::Label("forwarded".to_owned()),
        "host" => Column::Label("host".to_owned()),
        "x-request-id" | "x-correlation-id" => Column::ForeignRequestId("x_request_id".to_owned()),
        "traceparent" => Column::Traceparent,
        other => Column::Label(other.replace('-', "_")),
    }
}

/// strftime of Apache as strptime; `None` for a count from the epoch, which is read without one.
fn apache_time(given: &str) -> Option<String> {
    match given {
        "sec" | "msec" | "usec" | "%s" => None,
        "msec_frac" => Some("%3f".to_owned()),
        "usec_frac" => Some("%6f".to_owned()),
        format => Some(format.to_owned()),
    }
}

/// Joins a stamp that is written in pieces, `%{%d/%b/%Y:%H:%M:%S}t.%{msec_frac}t %{%z}t` or `%{sec}t.%{msec_frac}t`, into
/// one field.
fn merge_times(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        let Piece::Field { time_format: Some(format), .. } = &piece else {
            if !matches!(&piece, Piece::Literal(text) if text.is_empty()) {
                merged.push(piece);
            }
            continue;
        };
        if let [.., Piece::Field { column: Column::Time, time_format: None, name }, Piece::Literal(point)] = merged.as_slice()
            && point == "."
            && matches!(format.as_str(), "%3f" | "%6f")
            && (name.ends_with("sec}t") || name == "%{%s}t")
        {
            merged.pop(); // seconds since 1970 and their fraction: one number
            continue;
        }
        let between = match merged.as_slice() {
            [.., Piece::Field { time_format: Some(_), .. }, Piece::Literal(text)] => Some(text.clone()),
            [.., Piece::Field { time_format: Some(_), .. }] => Some(String::new()),
            _ => None,
        };
        let Some(between) = between else {
            merged.push(piece);
            continue;
        };
        if matches!(merged.last(), Some(Piece::Literal(_))) {
            merged.pop();
        }
        if let Some(Piece::Field { time_format: Some(whole), .. }) = merged.last_mut() {
            whole.push_str(&between.replace('%', "%%"));
            whole.push_str(format);
        }
    }
    merged
}

/// The name of a field as an estate may write it: `$cookie_sid`, `%{X-User}i`, `X-User`.
fn plain_name(name: &str) -> String {
    let name = name.trim().trim_start_matches(['$', '%']);
    let name = match name.strip_prefix('{').and_then(|n| n.split_once('}')) {
        Some((argument, _)) => argument,
        None => name,
    };
    name.to_ascii_lowercase()
}
