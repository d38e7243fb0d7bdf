//! Cuts SQL text into tokens, and strings of statements into statements, without understanding them.
//! It serves dumps, whose definitions a full parser may refuse, and the session commands that no parser knows.

use crate::Dialect;

/// One token and where it stands in the text.
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
    /// Any other character.
    Symbol(char),
}

impl Token<'_> {
    /// Whether this is the bare word `word` (lower case), in any case.
    pub fn is(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    /// Whether this is the character `c`.
    pub fn is_symbol(&self, c: char) -> bool {
        matches!(self.kind, Kind::Symbol(s) if s == c)
    }

    /// The name that this token stands for: folded to lower case unless quoted.
    pub fn name(&self, dialect: Dialect) -> Option<String> {
        match &self.kind {
            Kind::Word(w) if dialect == Dialect::PostgreSql => Some(w.to_lowercase()),
            Kind::Word(w) => Some((*w).to_owned()),
            Kind::Quoted(q) => Some(q.clone()),
            _ => None,
        }
    }
}

/// All tokens of `text`. Whitespace and comments are left out; what is not closed ends with the text.
pub fn tokens(text: &str, dialect: Dialect) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, dialect, conditional: false };
    let mut all = Vec::new();
    while let Some(token) = lexer.next_token() {
        all.push(token);
    }
    all
}

/// The statements of `text`, cut at semicolons outside quotes, trimmed, empty ones left out.
pub fn statements(text: &str, dialect: Dialect) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = None;
    let mut to = 0;
    for token in tokens(text, dialect) {
        if token.is_symbol(';') {
            if let Some(start) = from.take() {
                parts.push(&text[start..to]);
            }
        } else {
            from.get_or_insert(token.from);
            to = token.to;
        }
    }
    if let Some(start) = from {
        parts.push(&text[start..to]);
    }
    parts
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

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    dialect: Dialect,
    /// Inside a MySQL `/*!40101 … */`, whose content counts.
    conditional: bool,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn next_token(&mut self) -> Option<Token<'t>> {
        self.skip_blank();
        let from = self.at;
        let first = self.rest().chars().next()?;
        let kind = match first {
            '\'' => Kind::Text(self.quoted('\'', self.dialect == Dialect::MySql)),
            '"' if self.dialect == Dialect::MySql => Kind::Text(self.quoted('"', true)),
            '"' => Kind::Quoted(self.quoted('"', false)),
            '`' => Kind::Quoted(self.quoted('`', false)),
            '$' => self.dollar(),
            '?' => {
                self.at += 1;
                Kind::Placeholder(&self.text[from..self.at])
            }
            c if c.is_ascii_digit() => {
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
                Kind::Number(&self.text[from..self.at])
            }
            c if c.is_alphabetic() || c == '_' => self.word(),
            c => {
                self.at += c.len_utf8();
                Kind::Symbol(c)
            }
        };
        Some(Token { kind, from, to: self.at })
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    fn word(&mut self) -> Kind<'t> {
        let from = self.at;
        self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '$');
        let word = &self.text[from..self.at];
        let quote_follows = self.rest().starts_with('\'');
        if quote_follows && word.eq_ignore_ascii_case("e") {
            return Kind::Text(self.quoted('\'', true));
        }
        let prefixed = word.eq_ignore_ascii_case("b") || word.eq_ignore_ascii_case("x") || word.eq_ignore_ascii_case("n") || word.starts_with('_');
        if quote_follows && prefixed {
            return Kind::Text(self.quoted('\'', self.dialect == Dialect::MySql));
        }
        Kind::Word(word)
    }

    fn dollar(&mut self) -> Kind<'t> {
        let from = self.at;
        let rest = &self.text[from + 1..];
        let tag = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let digits = !rest[..tag].is_empty() && rest[..tag].bytes().all(|b| b.is_ascii_digit());
        if digits || !rest[tag..].starts_with('$') {
            self.at = from + 1 + tag;
            return if digits { Kind::Placeholder(&self.text[from..self.at]) } else { Kind::Symbol('$') };
        }
        let fence = &self.text[from..from + tag + 2];
        let body = from + fence.len();
        let end = self.text[body..].find(fence).map_or(self.text.len(), |p| body + p);
        self.at = (end + fence.len()).min(self.text.len());
        Kind::Text(self.text[body..end].to_owned())
    }

    /// Reads a quoted token; the quote doubled stands for itself, and a backslash escapes where `backslash` says so.
    fn quoted(&mut self, quote: char, backslash: bool) -> String {
        let body = self.at + 1;
        let mut text = String::new();
        let mut chars = self.text[body..].char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                if chars.peek().is_some_and(|&(_, next)| next == quote) {
                    chars.next();
                    text.push(quote);
                    continue;
                }
                self.at = body + at + 1;
                return text;
            }
            if backslash && c == '\\' {
                if let Some((_, escaped)) = chars.next() {
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        '0' => '\0',
                        'Z' => '\u{1a}',
                        other => other,
                    });
                }
                continue;
            }
            text.push(c);
        }
        self.at = self.text.len();
        text
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            let rest = self.rest();
            if self.conditional && rest.starts_with("*/") {
                self.conditional = false;
                self.at += 2;
            } else if self.dialect == Dialect::MySql && rest.starts_with("/*!") {
                self.at += 3;
                self.take_while(|c| c.is_ascii_digit());
                self.conditional = true;
            } else if rest.starts_with("/*") {
                self.at += block_comment(rest);
            } else if rest.starts_with("--") || (self.dialect == Dialect::MySql && rest.starts_with('#')) {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }
}

/// Length of the comment, nested ones included, that `text` starts with.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(statements(text, Dialect::PostgreSql), expected);
    }

    #[test]
    fn statements_are_cut_outside_quotes_only() {
        check("a; b", &["a", "b"]);
        check("SELECT ';', \";\", $x$;$x$, E'\\';' /* ; */ -- ;\n;;", &["SELECT ';', \";\", $x$;$x$, E'\\';'"]);
        check("SELECT $1; SELECT '", &["SELECT $1", "SELECT '"]);
        check(" ", &[]);
    }

    #[test]
    fn conditional_comments_count_in_mysql() {
        let words: Vec<String> = tokens("/*!50001 CREATE */ /*!50013 VIEW `v` */", Dialect::MySql).iter().filter_map(|t| t.name(Dialect::MySql)).collect();
        assert_eq!(words, ["CREATE", "VIEW", "v"]);
    }
}
