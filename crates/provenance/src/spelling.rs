//! Words that the parser does not have, put otherwise before it sees them.

use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use crate::database::Dialect;

/// Tokens with the same meaning, in the parser's words.
pub(crate) fn respelled(tokens: Vec<Token>, dialect: Dialect) -> Vec<Token> {
    match dialect {
        Dialect::PostgreSql => postgresql(tokens),
        Dialect::MySql => mysql(tokens),
    }
}

/// Tokens that were kept; blanks are skipped where one looks back.
#[derive(Default)]
struct Kept {
    out: Vec<Token>,
    /// Where words and signs stand in it.
    words: Vec<usize>,
}

impl Kept {
    fn push(&mut self, token: Token) {
        if !matches!(token, Token::Whitespace(_)) {
            self.words.push(self.out.len());
        }
        self.out.push(token);
    }

    fn back(&self, back: usize) -> Option<&Token> {
        self.words.len().checked_sub(back).and_then(|at| self.words.get(at)).and_then(|at| self.out.get(*at))
    }

    fn is(&self, back: usize, expected: &str) -> bool {
        self.back(back).is_some_and(|token| is_word(token, expected))
    }

    /// Whether a word is one after which a table is named.
    fn is_before_table(&self, back: usize) -> bool {
        self.is(back, "FROM") || self.is(back, "JOIN") || self.back(back) == Some(&Token::Comma)
    }

    fn forget(&mut self, words: usize) {
        if let Some(first) = self.words.len().checked_sub(words).and_then(|at| self.words.get(at).copied()) {
            self.out.truncate(first);
            self.words.truncate(self.words.len() - words);
        }
    }
}

fn word(token: &Token) -> Option<&Word> {
    if let Token::Word(word) = token { Some(word).filter(|word| word.quote_style.is_none()) } else { None }
}

fn is_word(token: &Token, expected: &str) -> bool {
    word(token).is_some_and(|word| word.value.eq_ignore_ascii_case(expected))
}

/// `ORDER BY a USING >`, `FOR NO KEY UPDATE`, `FOR KEY SHARE`, `BETWEEN SYMMETRIC a AND b` of plain words; `FROM ONLY a`: of a table
/// that others inherit from this reads more, and the count of rows differs.
fn postgresql(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Kept::default();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        match &token {
            Token::Lt | Token::Gt if kept.is(1, "USING") => {
                kept.forget(1);
                kept.push(Token::make_keyword(if token == Token::Gt { "DESC" } else { "ASC" }));
                continue;
            }
            Token::Word(_) if is_word(&token, "UPDATE") && kept.is(1, "KEY") && kept.is(2, "NO") && kept.is(3, "FOR") => kept.forget(2),
            Token::Word(_) if is_word(&token, "SHARE") && kept.is(1, "KEY") && kept.is(2, "FOR") => kept.forget(1),
            Token::Word(_) | Token::LParen if kept.is(1, "ONLY") && kept.is_before_table(2) => kept.forget(1),
            Token::Word(_) if is_word(&token, "SYMMETRIC") && kept.is(1, "BETWEEN") => {
                let bounds: Vec<Token> = rest.by_ref().filter(|token| !matches!(token, Token::Whitespace(_))).take(3).collect();
                kept.out.extend(symmetric(bounds));
                continue;
            }
            _ => {}
        }
        kept.push(token);
    }
    kept.out
}

/// `least(a, b) AND greatest(a, b)`; as it was, where the bounds are more than a word each.
fn symmetric(bounds: Vec<Token>) -> Vec<Token> {
    let is_plain = |token: &Token| matches!(token, Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_));
    let [low, and, high] = bounds.as_slice() else { return bounds };
    if !is_plain(low) || !is_word(and, "AND") || !is_plain(high) {
        return std::iter::once(Token::make_keyword("SYMMETRIC")).chain(bounds).collect();
    }
    let of = |name: &str| vec![Token::make_word(name, None), Token::LParen, low.clone(), Token::Comma, high.clone(), Token::RParen];
    of("least").into_iter().chain([and.clone()]).chain(of("greatest")).collect()
}

/// Words after SELECT that say how, not what.
const HOW: &[&str] =
    &["HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_CACHE", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS"];

/// Hints, modifiers of SELECT, locks, introducers of strings, `FROM DUAL`.
fn mysql(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Kept::default();
    let mut rest = tokens.into_iter().peekable();
    let mut after_select = false;
    let mut parameters = 0;
    while let Some(token) = rest.next() {
        if matches!(token, Token::Whitespace(_)) {
            kept.push(token);
            continue;
        }
        let named = word(&token).map(|word| word.value.to_uppercase()).unwrap_or_default();
        if after_select && HOW.contains(&named.as_str()) {
            continue;
        }
        let stays_after = after_select && matches!(named.as_str(), "DISTINCT" | "ALL" | "DISTINCTROW");
        after_select = named == "SELECT" || stays_after;
        match named.as_str() {
            "DISTINCTROW" if stays_after => kept.push(Token::make_keyword("DISTINCT")),
            "STRAIGHT_JOIN" => kept.push(Token::make_keyword("JOIN")),
            "MOD" if rest.peek().is_some_and(|next| *next != Token::LParen) && kept.back(1).is_some_and(ends_value) => kept.push(Token::Mod),
            "INDEX" | "KEY" if ["USE", "FORCE", "IGNORE"].iter().any(|hint| kept.is(1, hint)) => {
                kept.forget(1);
                skip_hint(&mut rest);
            }
            "DUAL" if kept.is(1, "FROM") && rest.peek().is_none_or(|next| !matches!(next, Token::Period)) => kept.forget(1),
            "MODE" if kept.is(1, "SHARE") && kept.is(2, "IN") && kept.is(3, "LOCK") => kept.forget(3),
            name if name.starts_with('_') && is_character_set(name) && rest.peek().is_some_and(is_string) => {}
            _ if token == Token::Placeholder("?".to_owned()) => {
                parameters += 1;
                kept.push(Token::Placeholder(format!("${parameters}")));
            }
            _ => kept.push(token),
        }
    }
    kept.out
}

fn ends_value(token: &Token) -> bool {
    matches!(token, Token::Word(_) | Token::Number(..) | Token::RParen | Token::SingleQuotedString(_) | Token::Placeholder(_))
}

fn is_string(token: &Token) -> bool {
    matches!(token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
}

fn is_character_set(name: &str) -> bool {
    ["_UTF8", "_UTF8MB3", "_UTF8MB4", "_LATIN1", "_ASCII", "_BINARY"].contains(&name)
}

/// The rest of `USE INDEX FOR JOIN (a, b)`.
fn skip_hint(rest: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) {
    for token in rest.by_ref() {
        if token == Token::RParen {
            return;
        }
    }
}
