//! What a quoted token stands for: escapes read as the servers read them.

use std::borrow::Cow;

use crate::token::{Escapes, Token};

/// The content of a name or a string constant, escapes resolved. `unicode_escape` is what UESCAPE names, a backslash by
/// default. Bits and hexadecimal digits stay as they are written.
pub fn content<'s>(token: &Token, sql: &'s str, unicode_escape: char) -> Cow<'s, str> {
    let inner = token.inner(sql);
    let quote = token.inner_start.checked_sub(1).and_then(|at| sql.as_bytes().get(at)).map_or('\'', |b| char::from(*b));
    let has = |c: char| memchr::memchr(c as u8, inner.as_bytes()).is_some();
    match token.escapes {
        Escapes::None | Escapes::Bits | Escapes::Hexadecimal => Cow::Borrowed(inner),
        Escapes::Doubled if !has(quote) => Cow::Borrowed(inner),
        Escapes::PostgreSql | Escapes::MySql if !has(quote) && !has('\\') => Cow::Borrowed(inner),
        Escapes::Unicode if !has(quote) && !inner.contains(unicode_escape) => Cow::Borrowed(inner),
        Escapes::Doubled => Cow::Owned(undouble(inner, quote)),
        Escapes::MySql => Cow::Owned(mysql(inner, quote)),
        Escapes::PostgreSql => Cow::Owned(postgresql(inner, quote)),
        Escapes::Unicode => Cow::Owned(unicode(&undouble(inner, quote), unicode_escape)),
    }
}

fn undouble(inner: &str, quote: char) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next_if_eq(&quote);
        }
        out.push(c);
    }
    out
}

/// MySQL 8.4, table 11.1: `\%` and `\_` keep their backslash, since they mean something to LIKE alone.
fn mysql(inner: &str, quote: char) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next_if_eq(&quote);
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None => {}
            Some('0') => out.push('\0'),
            Some('b') => out.push('\u{8}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('Z') => out.push('\u{1a}'),
            Some(wildcard @ ('%' | '_')) => out.extend(['\\', wildcard]),
            Some(other) => out.push(other),
        }
    }
    out
}

/// PostgreSQL 15, 4.1.2.2: besides letters, one to three octal digits, `\x` and two hexadecimal ones, both bytes, and code
/// points. Bytes that are no text are replaced: the server refuses them.
fn postgresql(inner: &str, quote: char) -> String {
    let mut out = Vec::with_capacity(inner.len());
    let mut put = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    let mut units = Vec::new();
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote {
            rest = rest.strip_prefix(quote).unwrap_or(rest);
        }
        let escape = if c == '\\' { rest.chars().next() } else { None };
        let Some(escape) = escape else {
            flush(&mut units, &mut put);
            if c != '\\' {
                put(c);
            }
            continue;
        };
        rest = &rest[escape.len_utf8()..];
        if let Some((unit, after)) = code_point(escape, rest) {
            units.push(unit);
            rest = after;
            continue;
        }
        flush(&mut units, &mut put);
        match escape {
            'b' => put('\u{8}'),
            'f' => put('\u{c}'),
            'n' => put('\n'),
            'r' => put('\r'),
            't' => put('\t'),
            'v' => put('\u{b}'),
            other => put(other),
        }
    }
    flush(&mut units, &mut put);
    let _ = put;
    String::from_utf8(out).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
}

/// A unit of an escaped run: a byte by its digits, or a code point (which may be half of a surrogate pair).
#[derive(Clone, Copy)]
enum Unit {
    Byte(u8),
    Point(u32),
}

/// The unit that an escape letter and what follows it say, and the text after it.
fn code_point(letter: char, rest: &str) -> Option<(Unit, &str)> {
    let digits = |radix: u32, most: usize| rest.bytes().take(most).take_while(|b| char::from(*b).is_digit(radix)).count();
    let number = |text: &str, radix: u32| u32::from_str_radix(text, radix).ok();
    match letter {
        '0'..='7' => {
            let length = digits(8, 2);
            let value = number(&rest[..length], 8).unwrap_or(0) + letter.to_digit(8)? * 8_u32.pow(u32::try_from(length).ok()?);
            Some((Unit::Byte((value & 0xff) as u8), &rest[length..]))
        }
        'x' => {
            let length = digits(16, 2);
            Some((Unit::Byte(u8::try_from(number(&rest[..length], 16)?).ok()?), &rest[length..]))
        }
        'u' | 'U' => {
            let length = if letter == 'u' { 4 } else { 8 };
            (digits(16, length) == length).then(|| number(&rest[..length], 16)).flatten().map(|point| (Unit::Point(point), &rest[length..]))
        }
        _ => None,
    }
}

/// Writes a run of units: neighbouring bytes are one text, and two halves of a surrogate pair one character.
fn flush(units: &mut Vec<Unit>, put: &mut impl FnMut(char)) {
    let mut bytes = Vec::new();
    let mut high = None;
    for unit in units.drain(..) {
        match unit {
            Unit::Byte(byte) => bytes.push(byte),
            Unit::Point(point) => {
                String::from_utf8_lossy(&std::mem::take(&mut bytes)).chars().for_each(&mut *put);
                put_point(point, &mut high, put);
            }
        }
    }
    String::from_utf8_lossy(&bytes).chars().for_each(&mut *put);
}

fn put_point(point: u32, high: &mut Option<u32>, put: &mut impl FnMut(char)) {
    match (high.take(), point) {
        (_, 0xd800..=0xdbff) => *high = Some(point),
        (Some(first), 0xdc00..=0xdfff) => put(char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (point - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        (_, point) => put(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

/// PostgreSQL 15, 4.1.2.3: four digits after the escape, six after it and a plus; the escape doubled is itself.
fn unicode(inner: &str, escape: char) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut high = None;
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != escape {
            out.push(c);
            continue;
        }
        if let Some(after) = rest.strip_prefix(escape) {
            out.push(escape);
            rest = after;
            continue;
        }
        let (from, length) = if rest.starts_with('+') { (1, 6) } else { (0, 4) };
        let point = rest.get(from..from + length).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(point) = point else { continue };
        put_point(point, &mut high, &mut |c| out.push(c));
        rest = &rest[from + length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tokenize;
    use crate::{Dialect, Rules};

    fn check(dialect: Dialect, sql: &str, expected: &str) {
        let all = tokenize(sql, Rules::of(dialect));
        assert_eq!(content(&all[0], sql, '\\'), expected, "{sql}");
    }

    #[test]
    fn postgresql_escapes() {
        check(Dialect::PostgreSql, r"'a''b\n'", r"a'b\n");
        check(Dialect::PostgreSql, r"E'a\n\'\\''\101\x41\u0041\q'", "a\n'\\'AAAq");
        check(Dialect::PostgreSql, r"E'\xC3\xA9\303\251\uD83D\uDE00'", "éé😀");
        check(Dialect::PostgreSql, r#"U&"p\0065rs\+00006Fn\\""#, "person\\");
        check(Dialect::PostgreSql, "$f$a''\\$f$", r"a''\");
        check(Dialect::PostgreSql, r"E'\x\u12", r"xu12");
    }

    #[test]
    fn mysql_escapes() {
        check(Dialect::MySql, r#"'a\'b\n\%\_\q'"#, "a'b\n\\%\\_q");
        check(Dialect::MySql, r#""a""b'""#, "a\"b'");
        check(Dialect::MySql, "`a``b`", "a`b");
    }
}
