//! Wrappers that are text in front of the line.

use super::{Envelope, Inner, Whole};
use crate::source::linux_auth::{self, without_priority};
use crate::stamp::{self, Zone};

/// What [`with_prefix`] writes, as a `log_line_prefix`.
pub(super) const PUT_PREFIX: &str = "%m [%p] ";

/// `2026-11-23T20:42:55.123456789Z stdout F line`: containerd and CRI-O. A `P` goes on in the next record of its stream.
pub(super) fn cri(text: &str, zone: &Zone) -> Option<Inner> {
    let (written, rest) = text.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ').filter(|(stream, _)| matches!(*stream, "stdout" | "stderr"))?;
    let (tag, line) = rest.split_once(' ').unwrap_or((rest, ""));
    let whole = match tag.split(':').next()? {
        "P" => Whole::GoesOn(stream.to_owned()),
        "F" => Whole::Ends(stream.to_owned()),
        _ => return None,
    };
    let time = iso(written, zone)?;
    Some(Inner { text: line.to_owned(), envelope: Envelope { time: Some(time), ..Envelope::default() }, whole, range: None })
}

/// `web-1  | line`, as `docker compose logs` prefixes.
pub(super) fn compose(text: &str) -> Option<Inner> {
    let (name, line) = text.split_once(" | ").or_else(|| text.split_once(" |").filter(|(_, rest)| rest.is_empty()))?;
    let name = name.trim_end();
    let plain = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    plain.then(|| Inner { text: line.to_owned(), envelope: Envelope { unit: Some(name.to_owned()), ..Envelope::default() }, ..Inner::default() })
}

/// `[pod/web-1/nginx] line`, as `kubectl logs --prefix` writes.
pub(super) fn kubectl(text: &str) -> Option<Inner> {
    let (name, line) = text.strip_prefix("[pod/")?.split_once("] ")?;
    let (pod, container) = name.split_once('/')?;
    let envelope = Envelope { host: Some(pod.to_owned()), unit: Some(container.to_owned()), ..Envelope::default() };
    Some(Inner { text: line.to_owned(), envelope, ..Inner::default() })
}

/// A stamp in front of a line: `docker logs -t`, the text that CloudWatch gives.
pub(super) fn stamped(text: &str, zone: &Zone) -> Option<Inner> {
    let (written, line) = text.split_once([' ', '\t'])?;
    let time = iso(written, zone)?;
    Some(Inner { text: line.to_owned(), envelope: Envelope { time: Some(time), ..Envelope::default() }, ..Inner::default() })
}

/// `STAMP<tab>tag<tab>{…}`, as Fluentd writes files.
pub(super) fn fluentd(text: &str, zone: &Zone) -> Option<Inner> {
    let (written, rest) = text.split_once('\t')?;
    let (tag, line) = rest.split_once('\t').filter(|(tag, line)| !tag.contains(' ') && line.starts_with('{'))?;
    let envelope = Envelope { time: Some(iso(written, zone)?), unit: Some(tag.to_owned()), ..Envelope::default() };
    Some(Inner { text: line.to_owned(), envelope, ..Inner::default() })
}

/// `2026-11-23T20:42:55.123000+00:00 stream line`, as `aws logs tail` prints.
pub(super) fn stream(text: &str, zone: &Zone) -> Option<Inner> {
    let (written, rest) = text.split_once(' ').filter(|(written, _)| written.ends_with("+00:00"))?;
    let (name, line) = rest.split_once(' ')?;
    let is_name = name.bytes().any(|b| b.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./[]$#".contains(&b));
    let envelope = Envelope { time: Some(iso(written, zone)?), host: Some(name.to_owned()), ..Envelope::default() };
    is_name.then(|| Inner { text: line.to_owned(), envelope, ..Inner::default() })
}

/// `{app="web", pod="web-1"} line`, as `logcli` prints behind a stamp.
pub(super) fn labels(text: &str) -> Option<Inner> {
    let (labels, line) = text.strip_prefix('{')?.split_once("\"} ")?;
    let label = |name: &str| {
        let found = labels.split("\",").map(str::trim).find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
        found.map(|value| value.trim_end_matches('"').to_owned())
    };
    let is_label = |label: &str| label.split_once("=\"").is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    let envelope = Envelope { host: label("pod").or_else(|| label("host")), unit: label("container").or_else(|| label("app")), ..Envelope::default() };
    labels.split("\",").map(str::trim).all(is_label).then(|| Inner { text: line.trim_start().to_owned(), envelope, ..Inner::default() })
}

/// `2026-11-23T20:42:55Z`, and nothing else: other stamps are a line's own.
fn iso(written: &str, zone: &Zone) -> Option<stamp::Stamp> {
    let is_iso = written.len() >= 19 && written.as_bytes()[10] == b'T' && written.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if is_iso { stamp::parse(written, zone) } else { None }
}

/// RFC 3164 or 5424, or logplex, in front of another format: `#011` and `#012` undone, the number of a part kept.
pub(super) fn syslog(text: &str, zone: &Zone) -> Option<Inner> {
    let text = without_length(text);
    let (text, version) = without_priority(text);
    let (time, rest) = stamp::parse_prefix(text, zone).filter(|(_, rest)| rest.starts_with(' '))?;
    let header = linux_auth::header(rest.trim_start(), version).filter(|header| version || header.is_syslog())?;
    let (program, pid) = (header.program.unwrap_or(""), header.pid);
    let message = undone(header.message);
    // Heroku puts the name of the database in front of the part's number.
    let message = message
        .strip_prefix('[')
        .and_then(|m| m.split_once("] ["))
        .filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .map_or_else(|| message.clone(), |(_, rest)| format!("[{rest}"));
    let envelope = Envelope {
        time: Some(time),
        host: header.host.map(str::to_owned),
        unit: header.program.map(str::to_owned),
        pid: pid.and_then(|p| p.rsplit('.').next()?.parse().ok()),
    };
    let (whole, line) = match part(&message) {
        Some((message_number, part, line)) => {
            let key = format!("{program}[{}]{message_number}", pid.unwrap_or(""));
            (Whole::Part { of: key, first: part == "1" }, line.to_owned())
        }
        None => (Whole::Yes, message),
    };
    Some(Inner { text: line, envelope, whole, range: None })
}

/// `123 <34>1 …`: the length that octet counting puts in front (RFC 6587).
fn without_length(text: &str) -> &str {
    text.split_once(' ')
        .filter(|(digits, rest)| !digits.is_empty() && digits.len() < 7 && digits.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with('<'))
        .map_or(text, |(_, rest)| rest)
}

/// `[7-2] text`, as PostgreSQL numbers what it gives to syslog in parts: the message, the part, the text.
fn part(message: &str) -> Option<(&str, &str, &str)> {
    let (number, line) = message.strip_prefix('[')?.split_once("] ")?;
    let (message_number, part) = number.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    (digits(message_number) && digits(part)).then_some((message_number, part, line))
}

/// The process of a part's key.
pub(super) fn process_of(key: &str) -> &str {
    key.rfind(']').map_or(key, |at| &key[..at])
}

/// Whether a further part begins a line of its own: it goes on with a tab, or is a DETAIL or the like. A long line is split
/// at a blank, which stays.
pub(super) fn begins_a_line(text: &str) -> bool {
    const PARTS: [&str; 7] = ["DETAIL:  ", "HINT:  ", "STATEMENT:  ", "CONTEXT:  ", "QUERY:  ", "LOCATION:  ", "BACKTRACE:  "];
    text.starts_with('\t') || !text.starts_with(' ') && PARTS.iter().any(|part| text.contains(part))
}

/// `#011`, `#012`: bytes that rsyslog writes in octal. Others stay.
fn undone(message: &str) -> String {
    if message.contains("#01") { message.replace("#011", "\t").replace("#012", "\n").replace("#015", "") } else { message.to_owned() }
}

/// A line with the wrapper's time and process in front, as PostgreSQL's prefix `%m [%p] ` writes them.
pub(super) fn with_prefix(line: String, envelope: &Envelope) -> String {
    let Some(stamp) = envelope.time.filter(|_| !line.starts_with('\t') && !line.is_empty() && !is_padded_level(&line)) else { return line };
    let Ok(time) = jiff::Timestamp::from_microsecond(stamp.time.micros()) else { return line };
    format!("{} UTC [{}] {line}", time.strftime("%Y-%m-%d %H:%M:%S%.6f"), envelope.pid.unwrap_or(0))
}

/// `INFO:     `, as other programs fill a level up to a column: PostgreSQL puts two blanks behind it.
fn is_padded_level(line: &str) -> bool {
    line.split_once(':').is_some_and(|(word, rest)| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()) && rest.starts_with("   "))
}
