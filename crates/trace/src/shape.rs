//! The shape of a statement: its text with the literals lifted out, so that executions of one statement compare equal.
//! It is a scanner, not a parser: it must say something sensible of any bytes, injected SQL above all.

use std::borrow::Cow;

use crate::text::hash64;

/// A statement taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifted {
    /// Lower case, single blanks, comments gone, each literal a `?`, lists of literals one `?`.
    pub shape: String,
    /// The shape's number: it is compared for each request that ran beside the statement, and a text is long.
    pub key: u64,
    /// The literals, in order, quotes taken off.
    pub literals: Vec<String>,
    /// Where each literal stands in the text, quotes included, bytes.
    pub spans: Vec<(usize, usize)>,
    /// Whether it has placeholders (`$1`, `?`) for bind values.
    pub has_placeholders: bool,
}

/// Longest statement that is looked at; what is beyond it is compared as nothing.
const LONGEST_BYTES: usize = 256 * 1024;

/// Lifts the literals out of a statement; `backslashes` says that they escape within quotes, as in MySQL.
pub(crate) fn lift(statement: &str, backslashes: bool) -> Lifted {
    let bytes = &statement.as_bytes()[..statement.len().min(LONGEST_BYTES)];
    let mut out = Lifted::default();
    let mut at = 0;
    while at < bytes.len() {
        let (start, known) = (at, out.literals.len());
        at = match bytes[at] {
            b'\'' => literal(bytes, at, backslashes, &mut out),
            b'"' if backslashes => literal(bytes, at, true, &mut out),
            b'-' if bytes.get(at + 1) == Some(&b'-') => find(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => find(bytes, at + 2, b"*/"),
            b'"' | b'`' => quoted_name(bytes, at, &mut out),
            b'$' => dollar(bytes, at, &mut out),
            b'?' => {
                out.has_placeholders = true;
                put(&mut out.shape, "?");
                at + 1
            }
            b'0'..=b'9' => number(bytes, at, &mut out),
            byte if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => word(bytes, at, &mut out),
            byte if byte.is_ascii_whitespace() => at + 1,
            byte => {
                put(&mut out.shape, (byte as char).encode_utf8(&mut [0; 4]));
                at + 1
            }
        };
        if out.literals.len() > known {
            out.spans.push((start, at));
        }
    }
    out.shape = one_of_each_list(&out.shape);
    out.key = hash64(&[out.shape.as_bytes()]);
    out
}

fn put(shape: &mut String, token: &str) {
    if !shape.is_empty() {
        shape.push(' ');
    }
    shape.push_str(token);
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(needle.len()).position(|w| w == needle).map_or(bytes.len(), |p| from + p + needle.len())
}

/// A string in quotes; a doubled quote is one. An open string runs to the end.
fn literal(bytes: &[u8], start: usize, backslashes: bool, out: &mut Lifted) -> usize {
    let quote = bytes[start];
    let mut value = Vec::new();
    let mut at = start + 1;
    while at < bytes.len() {
        if backslashes && bytes[at] == b'\\' {
            // The letter after it stands for itself, near enough: `\n` is told from nothing by it.
            at += 1;
        } else if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                at += 1;
                break;
            }
            at += 1;
        }
        value.extend(bytes.get(at));
        at += 1;
    }
    out.literals.push(text(&value).into_owned());
    put(&mut out.shape, "?");
    at.min(bytes.len())
}

fn quoted_name(bytes: &[u8], start: usize, out: &mut Lifted) -> usize {
    let close = [bytes[start]];
    let end = find(bytes, start + 1, &close);
    put(&mut out.shape, &text(&bytes[start..end]));
    end
}

/// `$1`, or a dollar-quoted string.
fn dollar(bytes: &[u8], start: usize, out: &mut Lifted) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        at += 1;
    }
    if at > start + 1 {
        out.has_placeholders = true;
        put(&mut out.shape, &text(&bytes[start..at]));
        return at;
    }
    while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
        at += 1;
    }
    if bytes.get(at) != Some(&b'$') {
        put(&mut out.shape, "$");
        return start + 1;
    }
    let tag = &bytes[start..=at];
    let end = find(bytes, at + 1, tag);
    let inner = bytes.get(at + 1..end.saturating_sub(tag.len())).unwrap_or_default();
    out.literals.push(text(inner).into_owned());
    put(&mut out.shape, "?");
    end
}

fn number(bytes: &[u8], start: usize, out: &mut Lifted) -> usize {
    let mut at = start;
    while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'.') {
        at += 1;
    }
    out.literals.push(text(&bytes[start..at]).into_owned());
    put(&mut out.shape, "?");
    at
}

fn word(bytes: &[u8], start: usize, out: &mut Lifted) -> usize {
    let mut at = start;
    while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80) {
        at += 1;
    }
    put(&mut out.shape, &text(&bytes[start..at]).to_lowercase());
    at
}

/// `? , ? , ?` is `?`: the length of an IN list or of a row of VALUES is not part of the shape.
fn one_of_each_list(shape: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for token in shape.split(' ') {
        if token == "?" && out.len() >= 2 && out[out.len() - 1] == "," && out[out.len() - 2] == "?" {
            out.pop();
            continue;
        }
        out.push(token);
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, shape: &str, literals: &[&str]) {
        let lifted = lift(statement, false);
        assert_eq!((lifted.shape.as_str(), lifted.literals.iter().map(String::as_str).collect::<Vec<_>>()), (shape, literals.to_vec()));
    }

    #[test]
    fn literals_leave_the_shape() {
        check("SELECT a FROM t WHERE b = 'it''s' AND c=12", "select a from t where b = ? and c = ?", &["it's", "12"]);
        check("select A\n from T where b IN ('x', 'y',3)", "select a from t where b in ( ? )", &["x", "y", "3"]);
        check("SELECT $1, $$x$$ /* hi */ -- end", "select $1 , ?", &["x"]);
    }

    #[test]
    fn mysql_escapes_quotes_with_backslashes() {
        let lifted = lift(r#"SELECT `a` FROM t WHERE b = 'O\'Brien' AND c = "x'\"" LIMIT 5, 25"#, true);
        assert_eq!(lifted.shape, "select `a` from t where b = ? and c = ? limit ?");
        assert_eq!(lifted.literals, ["O'Brien", "x'\"", "5", "25"]);
        assert_eq!(lift(r"a\' '\", true).literals, [" "]);
        assert_eq!(lift(r"b = '\' AND c", false).literals, ["\\"]);
    }

    #[test]
    fn broken_sql_still_has_a_shape() {
        check("SELECT 'open", "select ?", &["open"]);
        check("/* open", "", &[]);
        check("$", "$", &[]);
        check("'", "?", &[""]);
        check("\"open", "\"open", &[]);
    }

    #[test]
    fn injected_sql_has_another_shape() {
        let lawful = lift("SELECT id FROM d WHERE t ILIKE '%leave%' ORDER BY 1", false).shape;
        assert_ne!(lawful, lift("SELECT id FROM d WHERE t ILIKE '%x' UNION SELECT 1 --%' ORDER BY 1", false).shape);
        assert_eq!(lawful, lift("SELECT id FROM d WHERE t ILIKE '%order%' ORDER BY 1", false).shape);
    }
}
