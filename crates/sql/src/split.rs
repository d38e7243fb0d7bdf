//! Cuts what a client sent into its statements, and writes each so that every reader after us reads what the server
//! read: no comments but those that run, strings and names in their plainest form. Most statements stay as they are.

use std::borrow::Cow;
use std::ops::Range;

use crate::lexer::{introduces, name_content, string_content, string_length};
use crate::rules::{Dialect, DoubtfulComments, Rules};
use crate::token::{Escapes, Kind, Token, tokenize_doubting};

/// The statements of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statements<'t> {
    /// In order, none of them empty. Where [`Self::is_doubtful`], those of both readings, one after the other.
    pub all: Vec<Cow<'t, str>>,
    /// Whether it depends on a server that is not known what the text says.
    pub is_doubtful: bool,
}

/// Cuts a text at its semicolons.
pub fn statements(text: &str, rules: impl Into<Rules>) -> Statements<'_> {
    let rules = rules.into();
    let (tokens, is_doubtful) = significant(text, rules);
    let mut all = pieces(text, &tokens, rules);
    if is_doubtful && rules.doubtful_comments == DoubtfulComments::Run {
        let skipping = Rules { doubtful_comments: DoubtfulComments::Skip, ..rules };
        all.extend(pieces(text, &significant(text, skipping).0, skipping));
    }
    Statements { all, is_doubtful }
}

/// Where the statements of a text stand.
pub(crate) fn ranges(text: &str, rules: Rules) -> Vec<Range<usize>> {
    let (tokens, _) = significant(text, rules);
    cut(text, &tokens).into_iter().filter_map(|piece| Some(piece.first()?.start..piece.last()?.end)).collect()
}

/// One statement as every reader after us reads it.
pub fn canonical(sql: &str, rules: impl Into<Rules>) -> Cow<'_, str> {
    let rules = rules.into();
    plain(sql, &significant(sql, rules).0, rules)
}

/// The tokens without comments.
fn significant(text: &str, rules: Rules) -> (Vec<Token>, bool) {
    let (mut tokens, is_doubtful) = tokenize_doubting(text, rules);
    tokens.retain(|t| t.kind != Kind::Comment);
    (tokens, is_doubtful)
}

fn pieces<'t>(text: &'t str, tokens: &[Token], rules: Rules) -> Vec<Cow<'t, str>> {
    cut(text, tokens).into_iter().map(|piece| plain(text, piece, rules)).collect()
}

/// The tokens of each statement, none of them empty.
fn cut<'k>(text: &str, tokens: &'k [Token]) -> Vec<&'k [Token]> {
    let mut out = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let end = if is_compound(rest, text) { None } else { rest.iter().position(|t| t.is_symbol(text, ";")) };
        let piece = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        if !piece.is_empty() {
            out.push(piece);
        }
    }
    out
}

/// Words by which MariaDB's code outside of routines begins (manual, Using Compound Statements Outside of Stored Programs); no other
/// statement does.
pub(crate) const CONTROL: [&str; 6] = ["if", "case", "loop", "while", "repeat", "for"];

/// Whether semicolons stand inside the statement that begins here: the body of a routine, or code that runs at once (`BEGIN NOT ATOMIC`, `IF`).
fn is_compound(tokens: &[Token], text: &str) -> bool {
    let mut words = tokens.iter().take_while(|t| !t.is_symbol(text, ";"));
    match words.next() {
        Some(first) if first.is_word(text, "begin") => words.next().is_some_and(|t| t.is_word(text, "not")),
        Some(first) if CONTROL.iter().any(|word| first.is_word(text, word)) => true,
        Some(first) if first.is_word(text, "create") => {
            let mut routine = false;
            words.any(|t| {
                routine |= ["function", "procedure", "trigger", "event", "package"].iter().any(|word| t.is_word(text, word));
                routine && t.is_word(text, "begin")
            })
        }
        _ => false,
    }
}

/// The text of these tokens, each in its plainest form, and a blank for the comments between them.
fn plain<'t>(text: &'t str, tokens: &[Token], rules: Rules) -> Cow<'t, str> {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return Cow::Borrowed("") };
    let mut out = String::new();
    let mut copied = first.start;
    let mut before = first.start;
    let mut at = 0;
    while at < tokens.len() {
        let start = tokens[at].start;
        if !text[before..start].chars().all(|c| c.is_whitespace() || c == '\0') {
            out.push_str(&text[copied..before]);
            out.push(' ');
            copied = start;
        }
        let (taken, mut written) = plainest(text, &tokens[at..], rules);
        if is_table_command(text, tokens, at) {
            written = Some("SELECT * FROM".to_owned());
        }
        before = tokens[at + taken - 1].end;
        if let Some(written) = written {
            out.push_str(&text[copied..start]);
            out.push_str(&written);
            copied = before;
        }
        at += taken;
    }
    if copied == first.start && out.is_empty() {
        return Cow::Borrowed(&text[first.start..last.end]);
    }
    out.push_str(&text[copied..last.end]);
    Cow::Owned(out)
}

/// `TABLE name` where a query stands: it is short for all of a table, and readers lose the quotes of its name.
fn is_table_command(text: &str, tokens: &[Token], at: usize) -> bool {
    let begins_query =
        |before: &Token| before.is_symbol(text, "(") || ["union", "except", "intersect", "all", "distinct", "as"].iter().any(|word| before.is_word(text, word));
    let names_one = tokens.get(at + 1).is_some_and(|t| matches!(t.kind, Kind::Word | Kind::QuotedName));
    tokens[at].is_word(text, "table") && names_one && (at == 0 || begins_query(&tokens[at - 1]))
}

/// How many tokens belong together, and how they are written if not as they stand.
fn plainest(text: &str, rest: &[Token], rules: Rules) -> (usize, Option<String>) {
    let first = &rest[0];
    match first.kind {
        Kind::Word if introduces(rest, text, rules) => (1, Some(String::new())),
        Kind::Text => {
            let taken = string_length(rest, text, rules);
            let is_plain = taken == 1 && is_plain(first, text, rules.dialect);
            (taken, (!is_plain).then(|| quote(&string_content(&rest[..taken], text), rules.dialect)))
        }
        Kind::QuotedName => match (rules.dialect, text.as_bytes().get(first.start)) {
            (Dialect::PostgreSql, Some(b'"')) | (Dialect::MySql, Some(b'`')) => (1, None),
            (Dialect::PostgreSql, _) => {
                let (taken, name) = name_content(rest, text);
                (taken, Some(format!("\"{}\"", name.replace('"', "\"\""))))
            }
            (Dialect::MySql, _) => {
                let (taken, name) = name_content(rest, text);
                (taken, Some(format!("`{}`", name.replace('`', "``"))))
            }
        },
        // Two minus signs, which another reader may take for a comment.
        Kind::Symbol if first.is_symbol(text, "-") && rest.get(1).is_some_and(|t| t.start == first.end && t.text(text).starts_with('-')) => {
            (1, Some("- ".to_owned()))
        }
        _ => (1, None),
    }
}

/// Whether any reader of the dialect takes this string constant as it is meant.
fn is_plain(token: &Token, text: &str, dialect: Dialect) -> bool {
    if matches!(token.escapes, Escapes::Bits | Escapes::Hexadecimal) {
        return true;
    }
    let begins_plain = text.as_bytes().get(token.start) == Some(&b'\'') && token.end > token.inner_end;
    let has_backslash = || memchr::memchr(b'\\', token.inner(text).as_bytes()).is_some();
    match dialect {
        Dialect::PostgreSql => begins_plain && (token.escapes == Escapes::Doubled || !has_backslash()),
        Dialect::MySql => begins_plain && !has_backslash(),
    }
}

/// A string constant in the form that the dialect takes by default.
pub(crate) fn quote(value: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::PostgreSql => format!("'{}'", value.replace('\'', "''")),
        Dialect::MySql => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Backslash, DoubleQuotes, Server};

    fn check_rules(rules: Rules, text: &str, expected: &[&str]) {
        assert_eq!(statements(text, rules).all, expected, "{text}");
    }

    fn check(dialect: Dialect, text: &str, expected: &[&str]) {
        check_rules(Rules::of(dialect), text, expected);
    }

    #[test]
    fn statements_are_cut_outside_quotes_only() {
        let check = |text, expected: &[&str]| check(Dialect::PostgreSql, text, expected);
        check("a; b", &["a", "b"]);
        check("SELECT ';', \";\", $x$;$x$, E'\\';' /* ; */ -- ;\n;;", &["SELECT ';', \";\", ';', ''';'"]);
        check("SELECT $1; SELECT '", &["SELECT $1", "SELECT ''"]);
        check(" ", &[]);
        check("/* a */ SELECT 1 -- b", &["SELECT 1"]);
        check(
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
            &["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"],
        );
    }

    #[test]
    fn postgresql_strings_and_names_become_plain() {
        let check = |text, expected: &str| check(Dialect::PostgreSql, text, &[expected]);
        check(r#"SELECT * FROM U&"p\0065rson" x"#, r#"SELECT * FROM "person" x"#);
        check(r#"SELECT U&'d!0061t' UESCAPE '!', U&"a!0062" uescape '!'"#, r#"SELECT 'dat', "ab""#);
        check("SELECT 'a'  -- b\n 'c', E'x\\n'\n'\\t'", "SELECT 'ac', 'x\n\t'");
        check("SELECT a--b\n, c/*d/*e*/f*/, 2", "SELECT a , c , 2");
        check("SELECT '\\' FROM t WHERE a = 'b'", "SELECT '\\' FROM t WHERE a = 'b'");
        check("SELECT N'a', $$b'$$, X'1F', B'01'", "SELECT 'a', 'b''', X'1F', B'01'");
        check("SELECT 1 - -1, d @> '{}' , a->>'b', x#>>'{a}'", "SELECT 1 - -1, d @> '{}' , a->>'b', x#>>'{a}'");
    }

    #[test]
    fn backslashes_escape_where_the_session_says_so() {
        let rules = Rules { backslash: Backslash::Escapes, ..Rules::of(Dialect::PostgreSql) };
        check_rules(rules, "SELECT 'a\\' OR 1=1 --'", &["SELECT 'a'' OR 1=1 --'"]);
        let rules = Rules { backslash: Backslash::Itself, ..Rules::of(Dialect::MySql) };
        check_rules(rules, "SELECT 'a\\', 'b'", &["SELECT 'a\\\\', 'b'"]);
    }

    #[test]
    fn mysql_comments_as_the_server_has_them() {
        let check = |text, expected: &[&str]| check(Dialect::MySql, text, expected);
        check("SELECT 1--1, name FROM t", &["SELECT 1- -1, name FROM t"]);
        check("SELECT 1-- 1, name FROM t", &["SELECT 1"]);
        check("SELECT a # b\n, c", &["SELECT a , c"]);
        check("SELECT 1 /*!50001 , a */ /*! , b */", &["SELECT 1 , a , b"]);
        check("SELECT 1 /*! , a /* x */ , b */ , c", &["SELECT 1 , a , b , c"]);
        check("SELECT /* a /* b */ 1", &["SELECT 1"]);
    }

    #[test]
    fn mariadb_runs_comments_that_mysql_does_not() {
        let text = "SELECT 1 /*M!100100 , a */ /*!80000 , b */";
        let mariadb = Rules { server: Server::MariaDb(101_106), ..Rules::of(Dialect::MySql) };
        check_rules(mariadb, text, &["SELECT 1 , a"]);
        let mysql = Rules { server: Server::MySql(80_036), ..Rules::of(Dialect::MySql) };
        check_rules(mysql, text, &["SELECT 1 , b"]);
        check(Dialect::MySql, text, &["SELECT 1 , a , b", "SELECT 1"]);
        assert!(statements(text, Dialect::MySql).is_doubtful);
    }

    #[test]
    fn mysql_strings_and_names_become_plain() {
        let check = |text, expected: &str| check(Dialect::MySql, text, &[expected]);
        check(r#"SELECT "a'b", 'c\'d', _utf8'e', _utf8mb4 'f', N'g', _x 'h'"#, "SELECT 'a''b', 'c''d', 'e',  'f', 'g', _x 'h'");
        check("SELECT 'a' \"b\", '\\%', '\\n'", "SELECT 'ab', '\\\\%', '\n'");
        let rules = Rules { double_quotes: DoubleQuotes::Name, ..Rules::of(Dialect::MySql) };
        check_rules(rules, "SELECT \"email\" FROM \"person\" WHERE no = 'P1'", &["SELECT `email` FROM `person` WHERE no = 'P1'"]);
    }
}
