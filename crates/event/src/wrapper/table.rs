//! A table with a header of column names, as consoles and query tools export logs: comma, semicolon, tab or bar between the
//! values, quotes doubled within quotes (RFC 4180). A row becomes an object of JSON, which the layers for JSON and the formats
//! that read it take further.

use serde_json::{Map, Value};

use super::Inner;

/// The fewest and the most columns that a header may have.
const COLUMNS: std::ops::RangeInclusive<usize> = 2..=512;

/// The columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    names: Vec<String>,
    separator: char,
}

impl Table {
    /// The table that begins with these first bytes, and how many of them its header takes. A first line is a header if it is
    /// nothing but names, all of them different, and the line behind it has as many values.
    pub(super) fn of(head: &[u8]) -> Option<(Self, usize)> {
        let end = memchr::memchr(b'\n', head)?;
        let line = std::str::from_utf8(&head[..end]).ok()?.trim_start_matches('\u{feff}').trim_end_matches('\r');
        let (separator, names) = [',', ';', '\t', '|'].into_iter().find_map(|separator| Some((separator, names(line, separator)?)))?;
        let table = Self { names, separator };
        let rest = String::from_utf8_lossy(&head[end + 1..]);
        table.first_row(&rest)?;
        Some((table, end + 1))
    }

    /// Whether the text behind the header begins with a row of as many values.
    fn first_row(&self, rest: &str) -> Option<()> {
        let mut quoted = false;
        let end = rest.char_indices().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == '\n' && !quoted
        });
        let row = &rest[..end.map_or(rest.len(), |(at, _)| at)];
        (values(row.trim_end_matches('\r'), self.separator)?.len() == self.names.len()).then_some(())
    }

    /// Whether a column is named for what was asked, done or said: other tables of a database have a time and a name, too.
    pub(super) fn tells_of_acts(&self) -> bool {
        const WORDS: [&str; 14] =
            ["method", "verb", "url", "uri", "path", "request", "statement", "sql", "query", "message", "msg", "event", "action", "operation"];
        self.names.iter().any(|name| name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word)))
    }

    /// A row as an object; `None` if it has another number of values.
    pub(super) fn row(&self, text: &str) -> Option<Inner> {
        let values = values(text, self.separator)?;
        if values.len() != self.names.len() {
            return None;
        }
        let object: Map<String, Value> = self.names.iter().cloned().zip(values.into_iter().map(Value::String)).collect();
        Some(Inner { text: Value::Object(object).to_string(), ..Inner::default() })
    }
}

/// The names of a header. Tools put a column's zone or unit behind its name in brackets.
fn names(line: &str, separator: char) -> Option<Vec<String>> {
    let is_name = |name: &str| {
        name.len() <= 96
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@' | '$'))
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.' | '-' | ' ' | '/' | '(' | ')' | '#' | ':'))
            && !name.contains("://")
    };
    let names: Vec<String> = values(line, separator)?.iter().map(|name| name.trim().trim_end_matches("[UTC]").trim_end().to_owned()).collect();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    (COLUMNS.contains(&names.len()) && distinct.len() == names.len() && names.iter().all(|name| is_name(name))).then_some(names)
}

/// The values of a row; `None` if a quoted one does not end, or something stands behind its quote.
fn values(text: &str, separator: char) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        if values.len() > *COLUMNS.end() {
            return None;
        }
        let (value, behind) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        values.push(value);
        match behind.strip_prefix(separator) {
            Some(more) => rest = more,
            None => return behind.is_empty().then_some(values),
        }
    }
}

/// A quoted value and what stands behind its quote.
fn quoted(inside: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = inside;
    loop {
        let end = rest.find('"')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return Some((value, rest)),
        }
    }
}
