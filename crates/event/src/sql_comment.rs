//! Comments that applications put into their SQL to say what it was for: sqlcommenter (`/*key='value',…*/`,
//! <https://google.github.io/sqlcommenter/spec/>), Marginalia (`/*controller:users,action:show*/`) and plain
//! `-- request_id=…`. Only a comment at the beginning or the end of a statement counts, and only one made of nothing
//! but fields; any other stays where it is. Whoever can inject SQL can also write such a comment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::mask;
use crate::sql::{Kind, Token};

/// The longest comment that is looked into.
const MAX_COMMENT_BYTES: usize = 8192;

/// What the comments of a statement said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comments {
    /// The request that the statement was sent for.
    pub request_id: Option<String>,
    /// The other fields, secrets masked.
    pub fields: BTreeMap<String, String>,
    /// First and one-past-last byte of the statement without those comments.
    pub rest: (usize, usize),
}

/// Reads the comments around a statement.
pub fn read(sql: &str, tokens: &[Token]) -> Comments {
    let mut found = Comments { rest: (0, sql.len()), ..Comments::default() };
    let mut first = 0;
    while let Some(pairs) = tokens.get(first).and_then(|t| comment_fields(sql, t)) {
        found.take(pairs);
        found.rest.0 = tokens[first].end;
        first += 1;
    }
    let mut last = tokens.len();
    let mut semicolon = None;
    while last > first {
        let token = &tokens[last - 1];
        if semicolon.is_none() && token.is_symbol(sql, ";") {
            semicolon = Some(last - 1);
        } else if let Some(pairs) = comment_fields(sql, token) {
            found.take(pairs);
            found.rest.1 = token.start;
        } else {
            break;
        }
        last -= 1;
    }
    let rest = sql.get(found.rest.0..found.rest.1).unwrap_or_default();
    let trimmed_front = rest.trim_start();
    if found.rest != (0, sql.len()) {
        found.rest.0 += rest.len() - trimmed_front.len();
        found.rest.1 = found.rest.0 + trimmed_front.trim_end().len();
    }
    found
}

impl Comments {
    /// The request's own id, else that of the trace that it is in.
    pub fn request(&self) -> Option<&str> {
        self.request_id.as_deref().or_else(|| self.fields.get("trace_id").map(String::as_str))
    }

    fn take(&mut self, pairs: Vec<(String, String)>) {
        for (key, value) in pairs {
            if is_request_id(&key) {
                self.request_id.get_or_insert(value);
                continue;
            }
            if key.eq_ignore_ascii_case("traceparent")
                && let Some(trace) = trace_id(&value)
            {
                self.fields.entry("trace_id".to_owned()).or_insert_with(|| trace.to_owned());
            }
            let clean = mask::field(&key, &value).into_owned();
            self.fields.entry(key).or_insert(clean);
        }
    }
}

/// The trace's id in a `traceparent` of any version (W3C Trace Context, `00-TRACE-SPAN-FLAGS`), or as Google Cloud names it
/// (`projects/…/traces/TRACE`). One of nothing but zeros is none.
pub(crate) fn trace_id(written: &str) -> Option<&str> {
    let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let trace = match written.trim().strip_prefix("projects/") {
        Some(named) => named.rsplit_once("/traces/")?.1,
        None => {
            let mut parts = written.trim().split('-');
            let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
            (is_hex(version, 2) && is_hex(span, 16)).then_some(trace)?
        }
    };
    let is_one = is_hex(trace, 32) && trace.bytes().any(|b| b != b'0');
    is_one.then_some(trace)
}

fn is_request_id(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    matches!(plain.as_str(), "requestid" | "reqid" | "xrequestid" | "requestuuid" | "httprequestid" | "railsrequestid")
}

/// The fields of a comment, if it is made of nothing else.
fn comment_fields(sql: &str, token: &Token) -> Option<Vec<(String, String)>> {
    if token.kind != Kind::Comment {
        return None;
    }
    let text = token.inner(sql).trim();
    if text.is_empty() || text.len() > MAX_COMMENT_BYTES {
        return None;
    }
    let pairs: Option<Vec<_>> = split_outside_quotes(text).into_iter().map(field).collect();
    pairs.filter(|list| !list.is_empty())
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'\'' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `key='value'`, `key=value` or `key:value`.
fn field(part: &str) -> Option<(String, String)> {
    let part = part.trim();
    let key_length = part.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'%')).count();
    let (key, rest) = part.split_at(key_length);
    let begins_well = key.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !begins_well || key.len() > 64 {
        return None;
    }
    let rest = rest.trim_start();
    let quoted = |value: &str| value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).map(|v| v.replace("\\'", "'"));
    let value = if let Some(value) = rest.strip_prefix('=') {
        let value = value.trim();
        quoted(value).or_else(|| (!value.contains(['\'', '=', '(', ')'])).then(|| value.to_owned()))?
    } else {
        let value = rest.strip_prefix(':')?.trim();
        (!value.is_empty() && !value.contains([' ', '\'', '\n', '(', ')'])).then(|| value.to_owned())?
    };
    Some((decode(key).into_owned(), decode(&value).into_owned()))
}

/// Percent-decoding; what is not valid stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, tokens};

    fn check(sql: &str, rest: &str, request_id: Option<&str>, fields: &[(&str, &str)]) {
        let found = read(sql, &tokens(sql, Dialect::PostgreSql));
        assert_eq!(&sql[found.rest.0..found.rest.1], rest);
        assert_eq!(found.request_id.as_deref(), request_id);
        let got: Vec<(&str, &str)> = found.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(got, fields);
    }

    #[test]
    fn comments_become_fields() {
        check("SELECT 1 /*request_id='a%20b'*/", "SELECT 1", Some("a b"), &[]);
        check("/*controller:users,action:show*/ SELECT 1", "SELECT 1", None, &[("action", "show"), ("controller", "users")]);
        check("SELECT 1 -- request_id=abc", "SELECT 1", Some("abc"), &[]);
        check("SELECT 1 /* a='b\\'c' */;", "SELECT 1", None, &[("a", "b'c")]);
        // A trace of zeros is none, and a part of something else is no trace.
        for traceparent in ["00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c"] {
            check(&format!("SELECT 1 /*traceparent='{traceparent}'*/"), "SELECT 1", None, &[("traceparent", traceparent)]);
        }
        check(
            "SELECT 1 /*route='%2Fstaff',traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'*/",
            "SELECT 1",
            None,
            &[
                ("route", "/staff"),
                ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ],
        );
    }

    #[test]
    fn other_comments_stay() {
        for sql in [
            "SELECT '/*a=''b''*/' FROM t",
            "SELECT 1 -- note to self",
            "SELECT /*a='b'*/ 1",
            "SELECT '%x' OR 1=1 --%' ORDER BY 2",
            "SELECT 1 -- ' AND a=1",
            "SELECT 1 /*+ IndexScan(a) */",
            "SELECT 1 /* a='b'",
        ] {
            let expected = if sql.ends_with("a='b'") { "SELECT 1" } else { sql };
            let found = read(sql, &tokens(sql, Dialect::PostgreSql));
            assert_eq!(&sql[found.rest.0..found.rest.1], expected);
        }
    }
}
