//! The tokens of a statement with what they stand for: comments left out, escapes resolved, strings that go on put
//! together. It serves all who read statements without a grammar: dumps, session commands, the choice of a query.

use std::borrow::Cow;

use crate::constant::content;
use crate::token::{self, Escapes, tokenize};
use crate::{Dialect, Rules};

/// One token and where it stands in the text.
#[derive(Clone, PartialEq)]
pub struct Token<'t> {
    /// What it is.
    pub kind: Kind<'t>,
    /// Its first byte.
    pub from: usize,
    /// One past its last byte.
    pub to: usize,
}

/// What a token is.
#[derive(Clone, PartialEq)]
pub enum Kind<'t> {
    /// A bare word, as written.
    Word(&'t str),
    /// A quoted identifier, unescaped.
    Quoted(String),
    /// A string constant, unescaped.
    Text(String),
    /// A number, as written.
    Number(&'t str),
    /// `$1`, `?`
    Placeholder(&'t str),
    /// `@name`, `@@name` of MySQL, as written.
    Variable(&'t str),
    /// Any other character.
    Symbol(char),
}

impl Token<'_> {
    /// Whether this is the bare word `word` (lower case), in any case.
    pub fn is(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    /// The bare word, as written.
    pub fn word(&self) -> Option<&str> {
        match self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether this is the character `c`.
    pub fn is_symbol(&self, c: char) -> bool {
        matches!(self.kind, Kind::Symbol(s) if s == c)
    }

    /// The name that this token stands for: folded to lower case unless quoted.
    pub fn name(&self, dialect: Dialect) -> Option<String> {
        match (&self.kind, dialect) {
            (Kind::Word(w), Dialect::PostgreSql) => Some(w.to_lowercase()),
            (Kind::Word(w), Dialect::MySql) => Some((*w).to_owned()),
            (Kind::Quoted(q), _) => Some(q.clone()),
            _ => None,
        }
    }
}

/// All tokens of `text`. Whitespace and comments are left out; what is not closed ends with the text.
pub fn tokens(text: &str, rules: impl Into<Rules>) -> Vec<Token<'_>> {
    let rules = rules.into();
    let mut all = tokenize(text, rules);
    all.retain(|t| t.kind != token::Kind::Comment);
    let mut out = Vec::with_capacity(all.len());
    let mut rest = all.as_slice();
    while let [first, ..] = rest {
        let taken = match first.kind {
            token::Kind::Text => string(rest, text, rules, &mut out),
            token::Kind::QuotedName => name(rest, text, &mut out),
            token::Kind::Word if introduces(rest, text, rules) => 1,
            token::Kind::Symbol => {
                let symbols = first.text(text).char_indices();
                out.extend(symbols.map(|(at, c)| Token { kind: Kind::Symbol(c), from: first.start + at, to: first.start + at + c.len_utf8() }));
                1
            }
            kind => {
                let written = first.text(text);
                let kind = match kind {
                    token::Kind::Number => Kind::Number(written),
                    token::Kind::Parameter => Kind::Placeholder(written),
                    token::Kind::Variable => Kind::Variable(written),
                    _ => Kind::Word(written),
                };
                out.push(Token { kind, from: first.start, to: first.end });
                1
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// How many tokens the string constant at the beginning of `rest` takes: those that go on with it, and its UESCAPE.
pub(crate) fn string_length(rest: &[token::Token], text: &str, rules: Rules) -> usize {
    let mut taken = 1;
    while let (Some(last), Some(next)) = (rest.get(taken - 1), rest.get(taken)) {
        let gap = text.get(last.end..next.start).unwrap_or_default();
        let goes_on = next.kind == token::Kind::Text
            && match rules.dialect {
                Dialect::PostgreSql => gap.contains(['\n', '\r']) && text[next.start..].starts_with('\'') && first_of(rest).escapes != Escapes::None,
                Dialect::MySql => !matches!(next.escapes, Escapes::Bits | Escapes::Hexadecimal) && !text[next.start..].starts_with(['n', 'N']),
            };
        if !goes_on {
            break;
        }
        taken += 1;
    }
    taken + uescape(&rest[taken..], text).map_or(0, |_| if first_of(rest).escapes == Escapes::Unicode { 2 } else { 0 })
}

fn first_of(rest: &[token::Token]) -> &token::Token {
    rest.first().expect("whoever asks has a token")
}

fn uescape(rest: &[token::Token], text: &str) -> Option<char> {
    match rest {
        [word, escape, ..] if word.is_word(text, "uescape") && escape.kind == token::Kind::Text => escape.inner(text).chars().next(),
        _ => None,
    }
}

/// What the string constant that these tokens make stands for.
pub(crate) fn string_content<'t>(taken: &[token::Token], text: &'t str) -> Cow<'t, str> {
    let first = first_of(taken);
    let tail = taken.len().saturating_sub(2).max(1);
    let escape = if first.escapes == Escapes::Unicode { uescape(&taken[tail..], text) } else { None };
    let parts = if escape.is_some() { &taken[..tail] } else { taken };
    match parts {
        [one] => content(one, text, escape.unwrap_or('\\')),
        many => Cow::Owned(many.iter().map(|t| content(t, text, escape.unwrap_or('\\'))).collect()),
    }
}

fn string<'t>(rest: &[token::Token], text: &'t str, rules: Rules, out: &mut Vec<Token<'t>>) -> usize {
    let taken = string_length(rest, text, rules);
    let value = string_content(&rest[..taken], text).into_owned();
    out.push(Token { kind: Kind::Text(value), from: rest[0].start, to: rest[taken - 1].end });
    taken
}

/// How many tokens a quoted name takes, and what it stands for.
pub(crate) fn name_content<'t>(rest: &[token::Token], text: &'t str) -> (usize, Cow<'t, str>) {
    let first = first_of(rest);
    let escape = if first.escapes == Escapes::Unicode { uescape(&rest[1..], text) } else { None };
    (if escape.is_some() { 3 } else { 1 }, content(first, text, escape.unwrap_or('\\')))
}

fn name<'t>(rest: &[token::Token], text: &'t str, out: &mut Vec<Token<'t>>) -> usize {
    let (taken, value) = name_content(rest, text);
    out.push(Token { kind: Kind::Quoted(value.into_owned()), from: rest[0].start, to: rest[taken - 1].end });
    taken
}

/// Character sets that MySQL knows; before a string, `_` and one of them say how its bytes are to be read.
const CHARACTER_SETS: [&str; 42] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932", "dec8", "eucjpms", "euckr", "gb18030",
    "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis",
    "swe7", "tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4",
];

/// Whether the first token says of the string after it in which character set it is written.
pub(crate) fn introduces(rest: &[token::Token], text: &str, rules: Rules) -> bool {
    let [word, string, ..] = rest else { return false };
    match rules.dialect {
        Dialect::PostgreSql => false,
        Dialect::MySql => {
            let set = word.text(text).strip_prefix('_').map(str::to_ascii_lowercase);
            word.kind == token::Kind::Word && string.kind == token::Kind::Text && set.is_some_and(|set| CHARACTER_SETS.contains(&set.as_str()))
        }
    }
}

/// The statements of `text` as they stand, cut at semicolons outside quotes, trimmed, empty ones left out.
pub fn statements(text: &str, rules: impl Into<Rules>) -> Vec<&str> {
    crate::split::ranges(text, rules.into()).into_iter().map(|range| &text[range]).collect()
}

/// Whether a statement is code that runs at once: PostgreSQL's `DO`, MariaDB's `BEGIN NOT ATOMIC`, `IF`, `LOOP`.
pub fn is_block(all: &[Token<'_>], dialect: Dialect) -> bool {
    let is = |at: usize, word: &str| all.get(at).is_some_and(|t| t.is(word));
    match dialect {
        Dialect::PostgreSql => is(0, "do"),
        Dialect::MySql => is(0, "begin") && is(1, "not") || crate::split::CONTROL.iter().any(|word| is(0, word)),
    }
}

/// A name of up to several parts (`a.b`), and the index after it.
pub fn qualified_name(tokens: &[Token<'_>], mut at: usize, dialect: Dialect) -> Option<(Vec<String>, usize)> {
    let mut parts = vec![tokens.get(at)?.name(dialect)?];
    at += 1;
    while tokens.get(at).is_some_and(|t| t.is_symbol('.')) {
        parts.push(tokens.get(at + 1)?.name(dialect)?);
        at += 2;
    }
    Some((parts, at))
}

/// The index after the bracket that closes the one at `open`, or the end.
pub fn after_bracket(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The parts between commas that stand outside brackets.
pub fn at_commas<'s, 't>(tokens: &'s [Token<'t>]) -> Vec<&'s [Token<'t>]> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < tokens.len() {
        let to = outside_brackets(tokens, from, |t| t.is_symbol(',')).unwrap_or(tokens.len());
        parts.push(&tokens[from..to]);
        from = to + 1;
    }
    parts
}

/// The first token from `from` on that stands outside brackets and satisfies `wanted`.
pub fn outside_brackets(tokens: &[Token<'_>], from: usize, wanted: impl Fn(&Token<'_>) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        if depth == 0 && wanted(token) {
            return Some(at);
        }
        match token.kind {
            Kind::Symbol('(' | '[') => depth += 1,
            Kind::Symbol(')' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
