//! Rows of a dump as cells: COPY's text format, the constants of an INSERT, and their way into a table.

use strandline_sql::lexer::{Kind, Token};

use super::encoding::{TextEncoding, bytes_of_marked, is_mark};
use crate::Dialect;
use crate::store::StoredTable;
use crate::value::Value;

/// One cell as a dump has it.
pub(super) enum Cell {
    /// NULL.
    Null,
    /// Its text cannot be read, or only the server knows the value.
    Unread,
    /// Its text.
    Text(String),
    /// Its bytes, which are no text.
    Bytes(Vec<u8>),
}

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RowRead {
    /// Every cell is known.
    Whole,
    /// Some cell is not.
    Doubtful,
}

/// The cells of one line of COPY's text format.
pub(super) fn copy_cells(line: &[u8], encoding: TextEncoding) -> impl Iterator<Item = Cell> {
    // No encoding uses a tab's byte within another letter, but some use a backslash's: they are decoded first.
    line.split(|b| *b == b'\t').map(move |cell| match encoding.decode(cell) {
        None if matches!(encoding, TextEncoding::Utf8) => cell_of(unescape_copy(cell)),
        None => Cell::Unread,
        Some(text) => cell_of(unescape_copy(text.as_bytes())),
    })
}

fn cell_of(bytes: Option<Vec<u8>>) -> Cell {
    match bytes.map(String::from_utf8) {
        None => Cell::Null,
        Some(Ok(text)) => Cell::Text(text),
        Some(Err(_)) => Cell::Unread,
    }
}

/// The constant that stands between two commas of VALUES. `statement` is the text that the tokens are of.
pub(super) fn constant(part: &[Token<'_>], statement: &str, dialect: Dialect) -> Cell {
    let mut sign = "";
    for token in part {
        match &token.kind {
            Kind::Symbol('-') => sign = "-",
            Kind::Text(text) if text.contains(is_mark) => return Cell::Bytes(bytes_of_marked(text)),
            Kind::Text(text) => return written_text(text, &statement[token.from..], dialect),
            Kind::Number(number) if number.starts_with("0x") && dialect == Dialect::MySql => return hexadecimal(&number[2..]),
            Kind::Number(number) => return exponent(sign, number, &statement[token.to..]),
            Kind::Word(word) if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") => return Cell::Text(word.to_ascii_lowercase()),
            Kind::Word(word) if word.eq_ignore_ascii_case("null") => return Cell::Null,
            // A character set's name before a string; anything else is a value that only the server knows (DEFAULT, a call).
            Kind::Word(word) if word.starts_with('_') => {}
            _ => return Cell::Unread,
        }
    }
    Cell::Unread
}

/// A string constant; `x'…'` and `b'…'` are bytes in MySQL.
fn written_text(text: &str, source: &str, dialect: Dialect) -> Cell {
    if dialect == Dialect::MySql && source.starts_with(['x', 'X']) {
        return hexadecimal(text);
    }
    if dialect == Dialect::MySql && source.starts_with(['b', 'B']) {
        return Cell::Unread;
    }
    Cell::Text(text.to_owned())
}

/// A number as written; one with an exponent may have been cut at its sign (`1e+20`).
fn exponent(sign: &str, number: &str, rest: &str) -> Cell {
    if number.ends_with(['e', 'E']) && rest.starts_with(['+', '-']) {
        let digits: String = rest.chars().skip(1).take_while(char::is_ascii_digit).collect();
        return Cell::Text(format!("{sign}{number}{}{digits}", &rest[..1]));
    }
    Cell::Text(format!("{sign}{number}"))
}

/// What `--hex-blob` writes.
fn hexadecimal(digits: &str) -> Cell {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Cell::Unread;
    }
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect();
    String::from_utf8(bytes).map_or_else(|error| Cell::Bytes(error.into_bytes()), Cell::Text)
}

/// Adds a row whose cells stand in `order`. A cell that is not of its column's type is unknown, and so is a generated
/// column, whose values no dump has.
pub(super) fn push_cells(table: &mut StoredTable, order: &[Option<usize>], cells: impl Iterator<Item = Cell>) -> RowRead {
    let mut row: Vec<Value> = table.columns.iter().map(|c| if c.generated.is_some() { Value::Unknown } else { Value::Null }).collect();
    let mut all_read = true;
    let mut count = 0;
    for (place, cell) in cells.enumerate() {
        count += 1;
        let Some(Some(column)) = order.get(place) else {
            all_read &= place < order.len();
            continue;
        };
        let value = match cell {
            Cell::Null => Some(Value::Null),
            Cell::Unread => None,
            // Equal bytes stay equal, as in the server; a column of text holds none.
            Cell::Bytes(bytes) if is_binary(&table.columns[*column].declared) => Some(Value::Text(bytes.iter().map(|b| char::from(*b)).collect())),
            Cell::Bytes(_) => None,
            Cell::Text(text) => table.columns[*column].kind.parse(&text),
        };
        all_read &= value.is_some() || table.columns[*column].generated.is_some();
        row[*column] = value.unwrap_or(Value::Unknown);
    }
    all_read &= count == order.len();
    table.push_row(&row, all_read && !row.iter().any(Value::is_unknown));
    if all_read { RowRead::Whole } else { RowRead::Doubtful }
}

/// Whether a declared type of MySQL holds bytes and not text.
fn is_binary(declared: &str) -> bool {
    let word = declared.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
    matches!(word.as_str(), "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob" | "bit" | "geometry" | "point")
}

/// The columns that the named ones are; all that are not generated, where none is named.
pub(super) fn column_order(table: &StoredTable, names: &[String]) -> Vec<Option<usize>> {
    if names.is_empty() { (0..table.columns.len()).map(Some).collect() } else { names.iter().map(|name| table.column_index(name)).collect() }
}

/// Undoes the escapes of one cell of COPY's text format; `None` for `\N`.
pub(super) fn unescape_copy(cell: &[u8]) -> Option<Vec<u8>> {
    if cell == b"\\N" {
        return None;
    }
    let mut out = Vec::with_capacity(cell.len());
    let mut at = 0;
    while at < cell.len() {
        let (byte, next) = if cell[at] == b'\\' { escaped_byte(cell, at + 1) } else { (cell[at], at + 1) };
        out.push(byte);
        at = next;
    }
    Some(out)
}

fn escaped_byte(cell: &[u8], at: usize) -> (u8, usize) {
    let Some(&c) = cell.get(at) else { return (b'\\', at) };
    let number = |from: usize, most: usize, radix: u32| {
        let digits = cell[from..].iter().take(most).take_while(|b| char::from(**b).is_digit(radix)).count();
        let value = cell[from..from + digits].iter().fold(0_u32, |sum, b| sum * radix + char::from(*b).to_digit(radix).unwrap_or(0));
        (value as u8, from + digits, digits)
    };
    match c {
        b'b' => (8, at + 1),
        b'f' => (12, at + 1),
        b'n' => (b'\n', at + 1),
        b'r' => (b'\r', at + 1),
        b't' => (b'\t', at + 1),
        b'v' => (11, at + 1),
        b'0'..=b'7' => {
            let (value, next, _) = number(at, 3, 8);
            (value, next)
        }
        b'x' => match number(at + 1, 2, 16) {
            (value, next, 1..) => (value, next),
            _ => (b'x', at + 1),
        },
        other => (other, at + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn copy_escapes_are_undone(text in "(?s).{0,40}") {
            let escaped: String = text.chars().map(|c| match c {
                '\\' => "\\\\".to_owned(), '\n' => "\\n".to_owned(), '\t' => "\\t".to_owned(), '\r' => "\\r".to_owned(),
                '\u{b}' => "\\v".to_owned(), '\u{8}' => "\\b".to_owned(), '\u{c}' => "\\f".to_owned(), other => other.to_string(),
            }).collect();
            prop_assert_eq!(unescape_copy(escaped.as_bytes()), Some(text.into_bytes()));
        }
    }
}
