//! A small SQL tokenizer, shared by masking, comments and the choice of an activity. It knows where words, literals and
//! comments begin and end in PostgreSQL and MySQL, survives broken and cut-off text, and understands no grammar.

use strandline_model::event::Activity;

/// Whose rules of quoting apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `"name"`, `'text'`, `E'te\'xt'`, `$tag$text$tag$`, nested comments, `$1`.
    Postgresql,
    /// `` `name` ``, `'te\'xt'`, `"text"`, `#` comments, `?`.
    Mysql,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or bare name.
    Word,
    /// A quoted name.
    QuotedName,
    /// A string literal; the token's inner part is its content.
    Text,
    /// A number.
    Number,
    /// `$1`, `?`: a bind parameter.
    Parameter,
    /// A comment.
    Comment,
    /// An operator or a punctuation mark.
    Symbol,
}

/// One token: where it stands in the text, and where its content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
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

    /// Whether it is a value: a literal or a parameter.
    pub fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number | Kind::Parameter)
    }
}

/// Cuts SQL into tokens, in one pass.
pub fn tokens(sql: &str, dialect: Dialect) -> Vec<Token> {
    let mut tokenizer = Tokenizer { bytes: sql.as_bytes(), at: 0, dialect };
    let mut found = Vec::with_capacity(sql.len() / 5);
    while let Some(token) = tokenizer.next() {
        found.push(token);
    }
    found
}

struct Tokenizer<'s> {
    bytes: &'s [u8],
    at: usize,
    dialect: Dialect,
}

impl Tokenizer<'_> {
    fn next(&mut self) -> Option<Token> {
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_whitespace() || *b == 0) {
            self.at += 1;
        }
        let start = self.at;
        let byte = *self.bytes.get(start)?;
        let after = self.bytes.get(start + 1).copied().unwrap_or(0);
        let mysql = self.dialect == Dialect::Mysql;
        Some(match byte {
            b'-' if after == b'-' => self.line_comment(2),
            b'#' if mysql => self.line_comment(1),
            b'/' if after == b'*' => self.block_comment(),
            b'\'' => self.quoted(Kind::Text, b'\'', start + 1, mysql),
            b'"' if mysql => self.quoted(Kind::Text, b'"', start + 1, true),
            b'"' => self.quoted(Kind::QuotedName, b'"', start + 1, false),
            b'`' if mysql => self.quoted(Kind::QuotedName, b'`', start + 1, false),
            b'e' | b'E' if after == b'\'' => self.quoted(Kind::Text, b'\'', start + 2, true),
            b'n' | b'N' | b'b' | b'B' | b'x' | b'X' if after == b'\'' => self.quoted(Kind::Text, b'\'', start + 2, mysql),
            b'$' if after.is_ascii_digit() => self.run(Kind::Parameter, start + 1, |b| b.is_ascii_digit()),
            b'$' if !mysql => self.dollar(),
            b'?' if mysql => self.single(Kind::Parameter),
            b'0'..=b'9' => self.number(),
            b'.' if after.is_ascii_digit() => self.number(),
            b if is_word_byte(b) => self.run(Kind::Word, start + 1, |b| is_word_byte(b) || b.is_ascii_digit() || b == b'$'),
            _ => self.symbol(),
        })
    }

    fn token(&mut self, kind: Kind, end: usize, inner_start: usize, inner_end: usize) -> Token {
        let start = self.at;
        self.at = end;
        Token { kind, start, end, inner_start, inner_end }
    }

    fn single(&mut self, kind: Kind) -> Token {
        let start = self.at;
        self.token(kind, start + 1, start, start + 1)
    }

    fn run(&mut self, kind: Kind, from: usize, belongs: impl Fn(u8) -> bool) -> Token {
        let start = self.at;
        let length = self.bytes[from..].iter().take_while(|b| belongs(**b)).count();
        self.token(kind, from + length, start, from + length)
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        self.run(Kind::Number, start + 1, |b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_')
    }

    fn symbol(&mut self) -> Token {
        let start = self.at;
        if is_operator_byte(self.bytes[start]) {
            let mut end = start + 1;
            while self.bytes.get(end).is_some_and(|b| is_operator_byte(*b)) && !matches!(&self.bytes[end..], [b'-', b'-', ..] | [b'/', b'*', ..]) {
                end += 1;
            }
            return self.token(Kind::Symbol, end, start, end);
        }
        self.single(Kind::Symbol)
    }

    fn line_comment(&mut self, mark: usize) -> Token {
        let start = self.at;
        let end = memchr::memchr(b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |i| start + i);
        self.token(Kind::Comment, end, start + mark, end)
    }

    fn block_comment(&mut self) -> Token {
        let start = self.at;
        let (mut at, mut depth) = (start + 2, 1);
        while depth > 0 {
            let Some(i) = memchr::memchr2(b'*', b'/', &self.bytes[at..]) else {
                let end = self.bytes.len();
                return self.token(Kind::Comment, end, start + 2, end);
            };
            at += i;
            match (self.bytes[at], self.bytes.get(at + 1)) {
                (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
                (b'/', Some(b'*')) if self.dialect == Dialect::Postgresql => (depth, at) = (depth + 1, at + 2),
                _ => at += 1,
            }
        }
        self.token(Kind::Comment, at, start + 2, at - 2)
    }

    /// A quote is doubled to stand for itself; a backslash escapes where the dialect or the prefix says so.
    fn quoted(&mut self, kind: Kind, quote: u8, from: usize, backslash: bool) -> Token {
        let mut at = from;
        loop {
            match self.bytes.get(at) {
                None => {
                    let end = self.bytes.len();
                    return self.token(kind, end, from.min(end), end);
                }
                Some(b'\\') if backslash => at += 2,
                Some(b) if *b == quote => {
                    if self.bytes.get(at + 1) != Some(&quote) {
                        return self.token(kind, at + 1, from, at);
                    }
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
    }

    fn dollar(&mut self) -> Token {
        let start = self.at;
        let tag = self.bytes[start + 1..].iter().take_while(|b| is_word_byte(**b) || b.is_ascii_digit()).count();
        let from = start + tag + 2;
        if self.bytes.get(from - 1) != Some(&b'$') {
            return self.single(Kind::Symbol);
        }
        let mark = &self.bytes[start..from];
        match memchr::memmem::find(&self.bytes[from..], mark) {
            Some(i) => self.token(Kind::Text, from + i + mark.len(), from, from + i),
            None => {
                let end = self.bytes.len();
                self.token(Kind::Text, end, from, end)
            }
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'@' || byte >= 0x80
}

fn is_operator_byte(byte: u8) -> bool {
    matches!(byte, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'%' | b'^' | b'&' | b'|' | b':')
}

/// The command of a statement: its first keyword, or two where one does not say enough (`CREATE TABLE`,
/// `DECLARE CURSOR`). A `WITH` is looked through.
pub fn command(sql: &str, tokens: &[Token]) -> Option<String> {
    let significant = || tokens.iter().filter(|t| t.kind != Kind::Comment);
    let mut words = significant().skip_while(|t| t.is_symbol(sql, "(")).take_while(|t| t.kind == Kind::Word);
    let first = words.next()?.text(sql).to_ascii_uppercase();
    let second = words.next().map(|t| t.text(sql).to_ascii_uppercase());
    let third = words.next().map(|t| t.text(sql).to_ascii_uppercase());
    Some(match (first.as_str(), second.as_deref(), third.as_deref()) {
        ("WITH", ..) => main_verb(sql, significant()).unwrap_or(first),
        ("DECLARE", ..) => "DECLARE CURSOR".to_owned(),
        ("CREATE", Some("OR"), Some("REPLACE")) => "CREATE".to_owned(),
        ("CREATE", Some("TEMP" | "TEMPORARY" | "UNLOGGED" | "UNIQUE"), Some(what)) => format!("CREATE {what}"),
        ("ALTER", Some("DEFAULT"), Some("PRIVILEGES")) => "ALTER DEFAULT PRIVILEGES".to_owned(),
        ("CREATE" | "ALTER" | "DROP" | "START" | "LOAD", Some(what), _) => format!("{first} {what}"),
        _ => first,
    })
}

/// The first verb outside parentheses after a `WITH`.
fn main_verb<'t>(sql: &str, tokens: impl Iterator<Item = &'t Token>) -> Option<String> {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            Kind::Symbol if token.text(sql) == "(" => depth += 1,
            Kind::Symbol if token.text(sql) == ")" => depth -= 1,
            Kind::Word if depth == 0 => {
                let word = token.text(sql).to_ascii_uppercase();
                if matches!(word.as_str(), "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "VALUES" | "TABLE" | "REPLACE") {
                    return Some(word);
                }
            }
            _ => {}
        }
    }
    None
}

/// What a statement does, by its command. `COPY` and the like are told apart by where the data go.
pub fn activity(command: &str, sql: &str, tokens: &[Token]) -> Activity {
    let verb = command.split(' ').next().unwrap_or_default();
    match verb {
        "SELECT" | "TABLE" | "VALUES" | "SHOW" | "FETCH" | "DESCRIBE" | "DESC" => Activity::Read,
        "DECLARE" => Activity::Read,
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "REPLACE" | "LOAD" => Activity::Write,
        "COPY" => copy_direction(sql, tokens),
        "CREATE" | "ALTER" | "DROP" | "GRANT" | "REVOKE" | "COMMENT" | "SECURITY" | "REASSIGN" | "RENAME" | "IMPORT" | "REINDEX" => Activity::Define,
        _ => Activity::Query,
    }
}

fn copy_direction(sql: &str, tokens: &[Token]) -> Activity {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            Kind::Symbol if token.text(sql) == "(" => depth += 1,
            Kind::Symbol if token.text(sql) == ")" => depth -= 1,
            Kind::Word if depth == 0 && token.is_word(sql, "from") => return Activity::Write,
            Kind::Word if depth == 0 && token.is_word(sql, "to") => return Activity::Read,
            _ => {}
        }
    }
    Activity::Read // cut off before the direction: a read is what must not be missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialect: Dialect, sql: &str, expected: &[(Kind, &str)]) {
        let got: Vec<_> = tokens(sql, dialect).iter().map(|t| (t.kind, t.inner(sql))).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn postgresql_literals_names_and_comments() {
        check(Dialect::Postgresql, r#"a='it''s' --x"#, &[(Kind::Word, "a"), (Kind::Symbol, "="), (Kind::Text, "it''s"), (Kind::Comment, "x")]);
        check(Dialect::Postgresql, r"E'a\'b' 'a\'", &[(Kind::Text, r"a\'b"), (Kind::Text, r"a\")]);
        check(Dialect::Postgresql, "$f$a'b$f$ $1 $$", &[(Kind::Text, "a'b"), (Kind::Parameter, "$1"), (Kind::Text, "")]);
        check(Dialect::Postgresql, "/*a/*b*/c*/1.5e3", &[(Kind::Comment, "a/*b*/c"), (Kind::Number, "1.5e3")]);
        check(Dialect::Postgresql, r#""a""b"x"#, &[(Kind::QuotedName, r#"a""b"#), (Kind::Word, "x")]);
    }

    #[test]
    fn mysql_literals_names_and_comments() {
        check(Dialect::Mysql, r#"`a`="b\"c"#, &[(Kind::QuotedName, "a"), (Kind::Symbol, "="), (Kind::Text, r#"b\"c"#)]);
        check(Dialect::Mysql, "a=? # x\nb", &[(Kind::Word, "a"), (Kind::Symbol, "="), (Kind::Parameter, "?"), (Kind::Comment, " x"), (Kind::Word, "b")]);
    }

    #[test]
    fn cut_off_text_ends_with_the_text() {
        check(Dialect::Postgresql, "'abc", &[(Kind::Text, "abc")]);
        check(Dialect::Postgresql, "E'abc\\", &[(Kind::Text, "abc\\")]);
        check(Dialect::Postgresql, "/* abc", &[(Kind::Comment, " abc")]);
        check(Dialect::Postgresql, "$a$ abc", &[(Kind::Text, " abc")]);
        check(Dialect::Postgresql, "e'", &[(Kind::Text, "")]);
    }

    fn check_activity(sql: &str, expected: &str, activity_expected: Activity) {
        let tokens = tokens(sql, Dialect::Postgresql);
        let command = command(sql, &tokens).expect("a command");
        assert_eq!((command.as_str(), activity(&command, sql, &tokens)), (expected, activity_expected));
    }

    #[test]
    fn commands_and_activities() {
        check_activity("/* x */ (select 1)", "SELECT", Activity::Read);
        check_activity("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "SELECT", Activity::Read);
        check_activity("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", "INSERT", Activity::Write);
        check_activity("COPY (SELECT a FROM b) TO STDOUT", "COPY", Activity::Read);
        check_activity("copy t from stdin", "COPY", Activity::Write);
        check_activity("create temp table x as select 1", "CREATE TABLE", Activity::Define);
        check_activity("declare c1 cursor for select 1", "DECLARE CURSOR", Activity::Read);
        check_activity("begin", "BEGIN", Activity::Query);
    }
}
