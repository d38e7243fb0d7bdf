//! The tokenizer: where words, names, constants and comments begin and end, as the servers cut their text. It takes one
//! pass, understands no grammar, and survives broken and cut-off text: what is not closed ends with the text.
//!
//! Sources: PostgreSQL 15, 4.1 Lexical Structure, and `scan.l`; MySQL 8.4, chapter 11; MariaDB, Comment Syntax.

use crate::rules::{Backslash, Dialect, DoubleQuotes, DoubtfulComments, Executable, Rules};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or bare name.
    Word,
    /// A quoted name.
    QuotedName,
    /// A string constant; the token's inner part is its content.
    Text,
    /// A number, hexadecimal and binary ones included.
    Number,
    /// `$1`, `?`: a bind parameter.
    Parameter,
    /// `@name`, `@@name` of MySQL.
    Variable,
    /// A comment, or the mark at an end of one that runs.
    Comment,
    /// An operator or a punctuation mark.
    Symbol,
}

/// How the content of a quoted token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// As it stands: dollar quotes, and whatever is not quoted.
    None,
    /// The quote doubled stands for itself.
    Doubled,
    /// Besides, a backslash escapes as in PostgreSQL's `E'…'`.
    PostgreSql,
    /// Besides, a backslash escapes as in MySQL.
    MySql,
    /// `U&'…'`: code points after a backslash, or what UESCAPE names.
    Unicode,
    /// `B'…'`
    Bits,
    /// `X'…'`
    Hexadecimal,
}

/// One token: where it stands in the text, and where its content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// How its content is written.
    pub escapes: Escapes,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// First byte between the quotes.
    pub inner_start: usize,
    /// One past the last byte between the quotes.
    pub inner_end: usize,
}

impl Token {
    /// The token as written.
    pub fn text<'s>(&self, sql: &'s str) -> &'s str {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// Its content, quotes taken off, escapes left as they are.
    pub fn inner<'s>(&self, sql: &'s str) -> &'s str {
        sql.get(self.inner_start..self.inner_end).unwrap_or_default()
    }

    /// Whether it is this keyword.
    pub fn is_word(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// Whether it is this symbol.
    pub fn is_symbol(&self, sql: &str, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text(sql) == symbol
    }

    /// Whether it is a value: a constant or a parameter.
    pub fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number | Kind::Parameter)
    }
}

/// Cuts SQL into tokens.
pub fn tokenize(sql: &str, rules: Rules) -> Vec<Token> {
    tokenize_doubting(sql, rules).0
}

/// Cuts SQL into tokens, and says whether it has a comment of which it is not known whether the server runs it.
pub(crate) fn tokenize_doubting(sql: &str, rules: Rules) -> (Vec<Token>, bool) {
    let mut tokenizer = Tokenizer { bytes: sql.as_bytes(), at: 0, rules, running_comment: false, doubtful: false, continues: None };
    let mut found = Vec::with_capacity(sql.len() / 5);
    while let Some(token) = tokenizer.next() {
        found.push(token);
    }
    (found, tokenizer.doubtful)
}

struct Tokenizer<'s> {
    bytes: &'s [u8],
    at: usize,
    rules: Rules,
    /// Inside a comment that runs.
    running_comment: bool,
    doubtful: bool,
    /// End and escapes of the string constant that only blanks and line comments follow so far: a PostgreSQL string goes
    /// on, by the rules that it began with, after a line end.
    continues: Option<(usize, Escapes)>,
}

impl Tokenizer<'_> {
    fn next(&mut self) -> Option<Token> {
        while self.bytes.get(self.at).is_some_and(|b| self.is_blank(*b)) {
            self.at += 1;
        }
        let byte = *self.bytes.get(self.at)?;
        let token = match self.rules.dialect {
            Dialect::PostgreSql => self.postgresql(byte),
            Dialect::MySql => self.mysql(byte),
        };
        let goes_on = token.kind == Kind::Comment && self.bytes.get(token.start) == Some(&b'-');
        if token.kind == Kind::Text {
            self.continues = Some((token.end, token.escapes));
        } else if !goes_on {
            self.continues = None;
        }
        Some(token)
    }

    /// A zero byte stands in no statement that a server ran; logs have it from cut-off writes.
    fn is_blank(&self, byte: u8) -> bool {
        match self.rules.dialect {
            Dialect::PostgreSql => byte.is_ascii_whitespace() || byte == 0,
            Dialect::MySql => byte.is_ascii_whitespace() || byte == 0 || byte == 0x0b,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn postgresql(&mut self, byte: u8) -> Token {
        let start = self.at;
        match (byte, self.peek(1)) {
            (b'-', b'-') => self.line_comment(2),
            (b'/', b'*') => self.nested_comment(),
            (b'\'', _) => self.quoted(Kind::Text, start + 1, self.plain_string(start)),
            (b'"', _) => self.quoted(Kind::QuotedName, start + 1, Escapes::Doubled),
            (b'e' | b'E', b'\'') => self.quoted(Kind::Text, start + 2, Escapes::PostgreSql),
            (b'n' | b'N', b'\'') => self.quoted(Kind::Text, start + 2, self.plain_escapes()),
            (b'b' | b'B', b'\'') => self.quoted(Kind::Text, start + 2, Escapes::Bits),
            (b'x' | b'X', b'\'') => self.quoted(Kind::Text, start + 2, Escapes::Hexadecimal),
            (b'u' | b'U', b'&') if self.peek(2) == b'\'' => self.quoted(Kind::Text, start + 3, Escapes::Unicode),
            (b'u' | b'U', b'&') if self.peek(2) == b'"' => self.quoted(Kind::QuotedName, start + 3, Escapes::Unicode),
            (b'$', b'0'..=b'9') => self.run(Kind::Parameter, start + 1, |b| b.is_ascii_digit()),
            (b'$', _) => self.dollar(),
            (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => self.number(),
            (b':', b':' | b'=') => self.bare(Kind::Symbol, start + 2),
            (b, _) if is_word_start(b) => self.run(Kind::Word, start + 1, is_word_byte),
            (b, _) if is_postgresql_operator(b) => self.postgresql_operator(),
            _ => self.bare(Kind::Symbol, start + 1),
        }
    }

    fn mysql(&mut self, byte: u8) -> Token {
        let start = self.at;
        match (byte, self.peek(1)) {
            (b'-', b'-') if self.peek(2) <= b' ' || self.peek(2) == 0x7f => self.line_comment(2),
            (b'#', _) => self.line_comment(1),
            (b'*', b'/') if self.running_comment => {
                self.running_comment = false;
                self.mark(start + 2)
            }
            (b'/', b'*') => self.mysql_comment(),
            (b'\'', _) => self.quoted(Kind::Text, start + 1, self.plain_escapes()),
            (b'"', _) => match self.rules.double_quotes {
                DoubleQuotes::Name => self.quoted(Kind::QuotedName, start + 1, Escapes::Doubled),
                DoubleQuotes::Text => self.quoted(Kind::Text, start + 1, self.plain_escapes()),
            },
            (b'`', _) => self.quoted(Kind::QuotedName, start + 1, Escapes::Doubled),
            (b'n' | b'N', b'\'') => self.quoted(Kind::Text, start + 2, self.plain_escapes()),
            (b'b' | b'B', b'\'') => self.quoted(Kind::Text, start + 2, Escapes::Bits),
            (b'x' | b'X', b'\'') => self.quoted(Kind::Text, start + 2, Escapes::Hexadecimal),
            (b'?', _) => self.bare(Kind::Parameter, start + 1),
            (b'@', _) => self.variable(),
            (b'0'..=b'9', _) => self.number_or_word(),
            (b'.', b'0'..=b'9') => self.number(),
            (b, _) if is_word_start(b) || b == b'$' => self.run(Kind::Word, start + 1, is_word_byte),
            _ => self.mysql_operator(),
        }
    }

    fn plain_escapes(&self) -> Escapes {
        match (self.rules.backslash, self.rules.dialect) {
            (Backslash::Itself, _) => Escapes::Doubled,
            (Backslash::Escapes, Dialect::PostgreSql) => Escapes::PostgreSql,
            (Backslash::Escapes, Dialect::MySql) => Escapes::MySql,
        }
    }

    /// How a string without a prefix is written: as the one that it continues, if it continues one.
    fn plain_string(&self, start: usize) -> Escapes {
        let continued = self.continues.filter(|(end, _)| self.bytes[*end..start].iter().any(|b| matches!(b, b'\n' | b'\r')));
        continued.map_or_else(|| self.plain_escapes(), |(_, escapes)| if escapes == Escapes::None { self.plain_escapes() } else { escapes })
    }

    fn token(&mut self, kind: Kind, escapes: Escapes, end: usize, (inner_start, inner_end): (usize, usize)) -> Token {
        let start = self.at;
        self.at = end;
        Token { kind, escapes, start, end, inner_start, inner_end }
    }

    fn bare(&mut self, kind: Kind, end: usize) -> Token {
        let start = self.at;
        self.token(kind, Escapes::None, end, (start, end))
    }

    /// The mark at an end of a comment that runs: a comment without content.
    fn mark(&mut self, end: usize) -> Token {
        self.token(Kind::Comment, Escapes::None, end, (end, end))
    }

    fn run(&mut self, kind: Kind, from: usize, belongs: impl Fn(u8) -> bool) -> Token {
        let length = self.bytes[from..].iter().take_while(|b| belongs(**b)).count();
        self.bare(kind, from + length)
    }

    fn number(&mut self) -> Token {
        let mut end = self.at;
        loop {
            let length = self.bytes[end..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')).count();
            end += length;
            // `1e-5` is one number, `1-5` is three tokens, and so is `0xe-5`.
            let exponent = length > 0 && matches!(self.bytes[end - 1], b'e' | b'E') && matches!(self.bytes.get(end), Some(b'+' | b'-'));
            let is_decimal = self.bytes[self.at..end - usize::from(exponent)].iter().all(|b| b.is_ascii_digit() || *b == b'.');
            if !(exponent && is_decimal && self.bytes.get(end + 1).is_some_and(u8::is_ascii_digit)) {
                return self.bare(Kind::Number, end);
            }
            end += 1;
        }
    }

    /// In MySQL a bare name may begin with digits.
    fn number_or_word(&mut self) -> Token {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| is_word_byte(**b)).count();
        let run = &rest[..length];
        let digits = run.iter().take_while(|b| b.is_ascii_digit()).count();
        let tail = &run[digits..];
        let is_hexadecimal = run.starts_with(b"0x") && run.len() > 2 && run[2..].iter().all(u8::is_ascii_hexdigit);
        let is_binary = run.starts_with(b"0b") && run.len() > 2 && run[2..].iter().all(|b| matches!(b, b'0' | b'1'));
        let has_exponent = matches!(tail, [b'e' | b'E', exponent @ ..] if exponent.iter().all(u8::is_ascii_digit));
        if tail.is_empty() || is_hexadecimal || is_binary || has_exponent { self.number() } else { self.bare(Kind::Word, self.at + length) }
    }

    fn postgresql_operator(&mut self) -> Token {
        let start = self.at;
        let mut end = start;
        while self.bytes.get(end).is_some_and(|b| is_postgresql_operator(*b))
            && (end == start || !matches!(&self.bytes[end..], [b'-', b'-', ..] | [b'/', b'*', ..]))
        {
            end += 1;
        }
        // A longer operator ends in a sign only if it has one of these: `=-1` is an equals and a minus.
        let keeps_sign = self.bytes[start..end].iter().any(|b| matches!(b, b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'`' | b'?'));
        while !keeps_sign && end > start + 1 && matches!(self.bytes[end - 1], b'+' | b'-') {
            end -= 1;
        }
        self.bare(Kind::Symbol, end)
    }

    fn mysql_operator(&mut self) -> Token {
        const LONGEST_FIRST: [&[u8]; 15] = [b"<=>", b"->>", b"->", b"<=", b">=", b"<>", b"<<", b">>", b"!=", b":=", b"==", b"=>", b"||", b"&&", b".."];
        let rest = &self.bytes[self.at..];
        let length = LONGEST_FIRST.iter().find(|operator| rest.starts_with(operator)).map_or(1, |operator| operator.len());
        self.bare(Kind::Symbol, self.at + length)
    }

    /// `@name`, `@'name'`, `@@scope.name`; of `'user'@'host'` the second half.
    fn variable(&mut self) -> Token {
        let mut from = self.at + 1;
        from += usize::from(self.bytes.get(from) == Some(&b'@'));
        match self.bytes.get(from) {
            Some(b'\'' | b'"') => self.quoted(Kind::Variable, from + 1, self.plain_escapes()),
            Some(b'`') => self.quoted(Kind::Variable, from + 1, Escapes::Doubled),
            _ => {
                let length = self.bytes[from..].iter().take_while(|b| is_word_byte(**b) || **b == b'.').count();
                self.token(Kind::Variable, Escapes::None, from + length, (from, from + length))
            }
        }
    }

    fn line_comment(&mut self, mark: usize) -> Token {
        let start = self.at;
        let is_end = |b: &u8| *b == b'\n' || (*b == b'\r' && self.rules.dialect == Dialect::PostgreSql);
        let end = self.bytes[start..].iter().position(is_end).map_or(self.bytes.len(), |i| start + i);
        self.token(Kind::Comment, Escapes::None, end, (start + mark, end))
    }

    fn nested_comment(&mut self) -> Token {
        let start = self.at;
        let (mut at, mut depth) = (start + 2, 1_usize);
        while depth > 0 {
            match &self.bytes[at.min(self.bytes.len())..] {
                [] => return self.token(Kind::Comment, Escapes::None, self.bytes.len(), (start + 2, self.bytes.len())),
                [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
                [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
                _ => at += 1,
            }
        }
        self.token(Kind::Comment, Escapes::None, at, (start + 2, at - 2))
    }

    fn mysql_comment(&mut self) -> Token {
        let start = self.at;
        let (executable, mark) = match &self.bytes[start + 2..] {
            [b'!', ..] => (Some(Executable::Both), 3),
            [b'M', b'!', ..] => (Some(Executable::MariaDb), 4),
            _ => (None, 2),
        };
        let Some(executable) = executable else { return self.flat_comment(start + mark, 0) };
        let digits = self.bytes[start + mark..].iter().take(6).take_while(|b| b.is_ascii_digit()).count();
        let number = self.bytes[start + mark..start + mark + digits].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        let version = (digits >= 5).then_some(number);
        let content = start + mark + if version.is_some() { digits } else { 0 };
        let runs = self.rules.runs(executable, version).unwrap_or_else(|| {
            self.doubtful = true;
            match self.rules.doubtful_comments {
                DoubtfulComments::Run => true,
                DoubtfulComments::Skip => false,
            }
        });
        if !runs {
            return self.flat_comment(start + mark, 1);
        }
        self.running_comment = true;
        self.mark(content)
    }

    /// A comment that does not run. One that would run on another server may hold plain ones.
    fn flat_comment(&mut self, from: usize, inner: usize) -> Token {
        let (mut at, mut open) = (from.min(self.bytes.len()), 0);
        loop {
            match &self.bytes[at..] {
                [] => return self.token(Kind::Comment, Escapes::None, self.bytes.len(), (from.min(self.bytes.len()), self.bytes.len())),
                [b'*', b'/', ..] if open > 0 => (open, at) = (open - 1, at + 2),
                [b'*', b'/', ..] => return self.token(Kind::Comment, Escapes::None, at + 2, (from, at)),
                [b'/', b'*', ..] if open < inner => (open, at) = (open + 1, at + 2),
                _ => at += 1,
            }
        }
    }

    /// The quote that stands before `from`, to the next of its kind that is neither doubled nor escaped.
    fn quoted(&mut self, kind: Kind, from: usize, escapes: Escapes) -> Token {
        let quote = self.bytes[from - 1];
        let backslash = matches!(escapes, Escapes::PostgreSql | Escapes::MySql);
        let mut at = from;
        loop {
            match self.bytes.get(at) {
                None => {
                    let end = self.bytes.len();
                    return self.token(kind, escapes, end, (from.min(end), end));
                }
                Some(b'\\') if backslash => at += 2,
                Some(b) if *b == quote => {
                    if self.bytes.get(at + 1) != Some(&quote) {
                        return self.token(kind, escapes, at + 1, (from, at));
                    }
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
    }

    fn dollar(&mut self) -> Token {
        let start = self.at;
        let tag = self.bytes[start + 1..].iter().take_while(|b| is_word_start(**b) || b.is_ascii_digit()).count();
        let from = start + tag + 2;
        if self.bytes.get(from - 1) != Some(&b'$') {
            return self.bare(Kind::Symbol, start + 1);
        }
        let fence = &self.bytes[start..from];
        let close = self.bytes[from..].windows(fence.len()).position(|w| w == fence);
        let (end, inner_end) = close.map_or((self.bytes.len(), self.bytes.len()), |i| (from + i + fence.len(), from + i));
        self.token(Kind::Text, Escapes::None, end, (from, inner_end))
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_byte(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_postgresql_operator(byte: u8) -> bool {
    matches!(byte, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'`' | b'?')
}
