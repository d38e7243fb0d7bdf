//! The layouts of MySQL's audit plug-ins that are no JSON: XML of both styles, and Percona's CSV. Each record becomes the
//! object that the JSON layout of the same plug-in writes.
//!
//! Sources: MySQL, "Audit Log File Formats" (NEW and OLD XML); Percona Server, "Audit log plugin".

use serde_json::{Map, Value};

/// What begins a record in XML.
const RECORD: &str = "<AUDIT_RECORD";

/// The most fields that a record may have.
const FIELDS_MOST: usize = 256;

/// What a line of a file in XML is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XmlLine {
    /// A record begins.
    Begins,
    /// A record begins and ends.
    Whole,
    /// A record ends.
    Ends,
    /// The file's own frame.
    Frame,
    /// Something else: part of a record, or nothing that is known.
    Other,
}

/// What a line is.
pub(super) fn xml_line(text: &str) -> XmlLine {
    let text = text.trim();
    // `<OS_LOGIN/>` is an empty element, and ends no record.
    let is_element = text.starts_with('<') && !text.starts_with(RECORD);
    let ends = text.ends_with("/>") && !is_element || text.ends_with("</AUDIT_RECORD>");
    match text.strip_prefix(RECORD) {
        Some(rest) if rest.contains(RECORD) => XmlLine::Other,
        Some(_) if ends => XmlLine::Whole,
        Some(rest) if rest.is_empty() || rest.starts_with(['>', ' ', '\t']) => XmlLine::Begins,
        _ if ends => XmlLine::Ends,
        _ if text.starts_with("<?xml") || matches!(text, "<AUDIT>" | "</AUDIT>") => XmlLine::Frame,
        _ => XmlLine::Other,
    }
}

/// The fields of one record in XML: elements, or attributes. `None` if it is cut or holds another record.
pub(super) fn xml_record(text: &str) -> Option<Value> {
    let body = text.trim().strip_prefix(RECORD)?;
    if body.contains(RECORD) {
        return None;
    }
    let mut fields = Map::new();
    match body.trim_start().strip_prefix('>') {
        Some(elements) => {
            let mut rest = elements.strip_suffix("</AUDIT_RECORD>")?;
            while let Some(open) = rest.find('<') {
                if fields.len() == FIELDS_MOST {
                    return None;
                }
                let (name, after) = rest[open + 1..].split_once('>')?;
                if let Some(name) = name.strip_suffix('/') {
                    keep(&mut fields, name, "");
                    rest = after;
                    continue;
                }
                let (value, behind) = after.split_once('<')?;
                rest = behind.strip_prefix('/')?.strip_prefix(name)?.strip_prefix('>')?;
                keep(&mut fields, name, value);
            }
        }
        None => {
            let mut rest = body.strip_suffix("/>")?.trim();
            while !rest.is_empty() && fields.len() < FIELDS_MOST {
                let (name, after) = rest.split_once("=\"")?;
                let (value, behind) = after.split_once('"')?;
                keep(&mut fields, name.trim(), value);
                rest = behind.trim_start();
            }
        }
    }
    Some(Value::Object(fields))
}

/// The fields of one record of Percona's CSV: their order depends on the kind of the record.
pub(super) fn csv_record(text: &str) -> Option<Value> {
    const AUDIT: &[&str] = &["name", "record", "timestamp", "mysql_version", "startup_options", "os_version"];
    const CONNECT: &[&str] = &["name", "record", "timestamp", "connection_id", "status", "user", "priv_user", "os_login", "proxy_user", "host", "ip", "db"];
    const QUERY: &[&str] = &["name", "record", "timestamp", "command_class", "connection_id", "status", "sqltext", "user", "host", "os_user", "ip", "db"];
    let mut values = Vec::new();
    let mut rest = text.trim();
    while values.len() <= QUERY.len() {
        let inside = rest.strip_prefix('"')?;
        let end = closing_quote(inside)?;
        values.push(inside[..end].replace("\"\"", "\""));
        match inside[end + 1..].strip_prefix(',') {
            Some(more) => rest = more,
            None if inside[end + 1..].is_empty() => break,
            None => return None,
        }
    }
    let names = match values.first()?.as_str() {
        "Audit" | "NoAudit" => AUDIT,
        "Connect" | "Quit" | "Change user" => CONNECT,
        _ => QUERY,
    };
    if values.len() != names.len() {
        return None;
    }
    Some(Value::Object(names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), Value::String(value))).collect()))
}

/// Where a quoted value ends: at a quote that is not doubled.
fn closing_quote(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr(b'"', &bytes[at..])?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The first of two fields of one name stands.
fn keep(fields: &mut Map<String, Value>, name: &str, value: &str) {
    fields.entry(name.to_ascii_lowercase()).or_insert_with(|| Value::String(unescape(value)));
}

/// `&lt;`, `&#10;`, `&#xA;`; what is none stays.
fn unescape(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((end, character(&rest[1..end])?)));
        let (length, letter) = entity.map_or((1, '&'), |(end, letter)| (end + 1, letter));
        clean.push(letter);
        rest = &rest[length..];
    }
    clean.push_str(rest);
    clean
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
