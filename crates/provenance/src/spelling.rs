//! Words that the parser does not have, put otherwise before it sees them.

use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use crate::database::Dialect;

/// Tokens with the same meaning, in the parser's words. `pipes_join`: whether MySQL's `||` joins texts.
pub(crate) fn respelled(tokens: Vec<Token>, dialect: Dialect, pipes_join: bool) -> Vec<Token> {
    match dialect {
        Dialect::PostgreSql => postgresql(tokens),
        Dialect::MySql => mysql(tokens, pipes_join),
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

    /// Whether the last words are FROM or JOIN and a table's name.
    fn names_a_table(&self) -> bool {
        let is_name = |back: usize| matches!(self.back(back), Some(Token::Word(_)));
        let before = if self.back(2) == Some(&Token::Period) && is_name(3) { 4 } else { 2 };
        is_name(1) && (self.is(before, "FROM") || self.is(before, "JOIN"))
    }

    /// Makes `TRIM(TRAILING` the function that does that; whether it was so.
    fn trims_a_side(&mut self) -> bool {
        let side = [("LEADING", "ltrim"), ("TRAILING", "rtrim"), ("BOTH", "btrim")].into_iter().find(|(side, _)| self.is(1, side));
        let Some((_, trim)) = side.filter(|_| self.back(2) == Some(&Token::LParen) && self.is(3, "TRIM")) else { return false };
        self.forget(3);
        self.push(Token::make_word(trim, None));
        self.push(Token::LParen);
        true
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

/// `ORDER BY a USING >`, `FOR NO KEY UPDATE`, `FOR KEY SHARE`, `BETWEEN SYMMETRIC a AND b` of plain words, `FROM a*`, frames of
/// windows; `FROM ONLY a`: of a table that others inherit from this reads more, and the count of rows differs.
fn postgresql(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Kept::default();
    let mut rest = with_plain_frames(tokens).into_iter().peekable();
    // Whether each bracket that is open is a query's.
    let mut queries = vec![false];
    while let Some(token) = rest.next() {
        match &token {
            Token::LParen => queries.push(false),
            Token::RParen if queries.len() > 1 => drop(queries.pop()),
            Token::Word(_) if is_word(&token, "SELECT") => *queries.last_mut().expect("the first stays") = true,
            // In EXTRACT(… FROM a * 2) it multiplies.
            Token::Mul if queries.last() == Some(&true) && kept.names_a_table() => continue,
            _ => {}
        }
        match &token {
            Token::Lt | Token::Gt if kept.is(1, "USING") => {
                kept.forget(1);
                kept.push(Token::make_keyword(if token == Token::Gt { "DESC" } else { "ASC" }));
                continue;
            }
            Token::Word(_) if is_word(&token, "FROM") && kept.trims_a_side() => continue,
            Token::Word(_) if is_word(&token, "UPDATE") && kept.is(1, "KEY") && kept.is(2, "NO") && kept.is(3, "FOR") => kept.forget(2),
            Token::Word(_) if is_word(&token, "SHARE") && kept.is(1, "KEY") && kept.is(2, "FOR") => kept.forget(1),
            Token::Word(_) | Token::LParen if kept.is(1, "ONLY") && kept.is_before_table(2) => kept.forget(1),
            Token::Word(_) if is_word(&token, "SYMMETRIC") && kept.is(1, "BETWEEN") => {
                kept.out.extend(marked_low(&mut rest));
                continue;
            }
            _ => {}
        }
        kept.push(token);
    }
    kept.out
}

/// Bounds of frames that the parser does not know, in its words: `'1 year'::interval PRECEDING`, `2::int8 PRECEDING`, EXCLUDE NO
/// OTHERS. A frame that leaves out rows (EXCLUDE), or whose bounds are computed, becomes the whole partition in an order that is not
/// known: its rows are among those.
fn with_plain_frames(tokens: Vec<Token>) -> Vec<Token> {
    const BEGINS: [&str; 3] = ["ROWS", "RANGE", "GROUPS"];
    if !tokens.iter().any(|token| BEGINS.iter().any(|begin| is_word(token, begin))) {
        return tokens;
    }
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    // Where each open bracket's words begin.
    let mut open: Vec<usize> = Vec::new();
    let mut rest = tokens.into_iter();
    while let Some(token) = rest.next() {
        match token {
            Token::LParen => open.push(out.len() + 1),
            Token::RParen => drop(open.pop()),
            _ => {}
        }
        let begins = BEGINS.iter().any(|begin| is_word(&token, begin));
        let Some(from) = open.last().copied().filter(|from| begins && is_window(&out, *from)) else {
            out.push(token);
            continue;
        };
        let (frame, closing) = until_closing(&mut rest);
        open.pop();
        match plain_frame(&frame) {
            Some(plain) => out.extend(std::iter::once(token).chain(plain)),
            None => {
                let is_ordered = out[from..].iter().any(|token| is_word(token, "ORDER"));
                out.extend(unknown_frame(is_ordered));
            }
        }
        out.extend(closing);
    }
    out
}

/// Whether the bracket whose words begin here is a window's: behind OVER, or behind `WINDOW w AS`.
fn is_window(out: &[Token], from: usize) -> bool {
    let mut before = out[..from.saturating_sub(1)].iter().rev().filter(|token| !matches!(token, Token::Whitespace(_)));
    let is_named = |token: &Token| matches!(token, Token::Comma) || is_word(token, "WINDOW");
    match before.next() {
        Some(token) if is_word(token, "OVER") => true,
        Some(token) if is_word(token, "AS") => before.nth(1).is_some_and(is_named) && !out[from..].iter().any(|token| is_word(token, "SELECT")),
        _ => false,
    }
}

/// What stands before the bracket that closes, blanks left out, and that bracket.
fn until_closing(rest: &mut std::vec::IntoIter<Token>) -> (Vec<Token>, Option<Token>) {
    let (mut inside, mut depth) = (Vec::new(), 0_usize);
    for token in rest {
        match token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return (inside, Some(token)),
            Token::RParen => depth -= 1,
            Token::Whitespace(_) => continue,
            _ => {}
        }
        inside.push(token);
    }
    (inside, None)
}

/// The frame in the parser's words, as far as it can be said in them.
fn plain_frame(frame: &[Token]) -> Option<Vec<Token>> {
    const WORDS: [&str; 8] = ["BETWEEN", "AND", "UNBOUNDED", "PRECEDING", "FOLLOWING", "CURRENT", "ROW", "INTERVAL"];
    let end = frame.iter().position(|token| is_word(token, "EXCLUDE")).unwrap_or(frame.len());
    if end < frame.len() && !matches!(&frame[end + 1..], [no, others] if is_word(no, "NO") && is_word(others, "OTHERS")) {
        return None;
    }
    let blank = || Token::Whitespace(datafusion::sql::sqlparser::tokenizer::Whitespace::Space);
    let (mut plain, mut at) = (vec![blank()], 0);
    while at < end {
        let token = &frame[at];
        let cast = match frame.get(at + 1..at + 3) {
            Some([Token::DoubleColon, Token::Word(kind)]) if at + 2 < end => Some(kind.value.to_lowercase()),
            _ => None,
        };
        at += if cast.is_some() { 3 } else { 1 };
        match (token, cast.as_deref()) {
            (Token::SingleQuotedString(_), Some("interval")) => plain.extend([Token::make_keyword("INTERVAL"), blank(), token.clone()]),
            (Token::Number(..), None | Some("int" | "int2" | "int4" | "int8" | "integer" | "bigint" | "smallint" | "numeric")) => plain.push(token.clone()),
            (Token::SingleQuotedString(_), None) => plain.push(token.clone()),
            (Token::Word(_), None) if WORDS.iter().any(|known| is_word(token, known)) => plain.push(token.clone()),
            _ => return None,
        }
        plain.push(blank());
    }
    Some(plain)
}

/// All rows of the partition, in an order that is not known.
fn unknown_frame(is_ordered: bool) -> Vec<Token> {
    let words = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".split(' ').map(Token::make_keyword);
    let blank = || Token::Whitespace(datafusion::sql::sqlparser::tokenizer::Whitespace::Space);
    let mut out = if is_ordered { vec![Token::Comma] } else { vec![Token::make_keyword("ORDER"), blank(), Token::make_keyword("BY"), blank()] };
    out.extend([Token::make_word("server_value", None), Token::LParen, Token::RParen, blank()]);
    out.extend(words.flat_map(|word| [word, blank()]));
    out
}

/// The function around the lower bound of a BETWEEN SYMMETRIC, for a parser that does not know the word. Its name can be nobody's but by intent.
pub(crate) const EITHER_WAY: &str = "either way";

/// The lower bound behind BETWEEN SYMMETRIC, marked, up to its AND: that of brackets and of CASE stays within. Bounds are taken in either order only once
/// the statement is read, since which of two is the lesser is a question of what they are compared with: '7' comes after '67' only as a text.
fn marked_low(rest: &mut impl Iterator<Item = Token>) -> Vec<Token> {
    let mut out = vec![Token::make_word(EITHER_WAY, Some('"')), Token::LParen];
    let mut depth = 0_usize;
    for token in rest {
        match &token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Word(_) if is_word(&token, "CASE") => depth += 1,
            Token::Word(_) if is_word(&token, "END") => depth = depth.saturating_sub(1),
            Token::Word(_) if depth == 0 && is_word(&token, "AND") => {
                out.extend([Token::RParen, token]);
                break;
            }
            _ => {}
        }
        out.push(token);
    }
    out
}

/// Words after SELECT that say how, not what.
const HOW: &[&str] =
    &["HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_CACHE", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS"];

/// What stands between two remainders for a whole division, whose sign the parser takes to bind looser than it does: `a % this % b`.
pub(crate) const WHOLE_DIVISION: &str = "whole division";
/// The function around what `!` denies, which binds closer than NOT does.
pub(crate) const DENIED: &str = "denied";
/// The function around the keys of a GROUP BY … WITH ROLLUP.
pub(crate) const ROLLED_UP: &str = "rolled up";

/// Hints, modifiers of SELECT, locks, introducers of strings, `FROM DUAL`, `DIV`, `!`, `WITH ROLLUP`.
fn mysql(tokens: Vec<Token>, pipes_join: bool) -> Vec<Token> {
    let mut kept = Kept::default();
    let mut rest = with_marked_rollups(with_marked_denials(tokens)).into_iter().peekable();
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
            "FROM" if kept.trims_a_side() => {}
            "DISTINCTROW" if stays_after => kept.push(Token::make_keyword("DISTINCT")),
            "STRAIGHT_JOIN" => kept.push(Token::make_keyword("JOIN")),
            "MOD" if rest.peek().is_some_and(|next| *next != Token::LParen) && kept.back(1).is_some_and(ends_value) => kept.push(Token::Mod),
            "DIV" if kept.back(1).is_some_and(ends_value) => {
                [Token::Mod, marker(WHOLE_DIVISION), Token::Mod].into_iter().for_each(|token| kept.push(token));
            }
            "INDEX" | "KEY" if ["USE", "FORCE", "IGNORE"].iter().any(|hint| kept.is(1, hint)) => {
                kept.forget(1);
                skip_hint(&mut rest);
            }
            "DUAL" if kept.is(1, "FROM") && rest.peek().is_none_or(|next| !matches!(next, Token::Period)) => kept.forget(1),
            "MODE" if kept.is(1, "SHARE") && kept.is(2, "IN") && kept.is(3, "LOCK") => kept.forget(3),
            name if name.starts_with('_') && is_character_set(name) && rest.peek().is_some_and(is_string) => {}
            // They bind looser than comparisons, which the parser does not know.
            _ if token == Token::Overlap => kept.push(Token::make_keyword("AND")),
            _ if token == Token::StringConcat && !pipes_join => kept.push(Token::make_keyword("OR")),
            _ if token == Token::Placeholder("?".to_owned()) => {
                parameters += 1;
                kept.push(Token::Placeholder(format!("${parameters}")));
            }
            _ => kept.push(token),
        }
    }
    kept.out
}

fn marker(name: &str) -> Token {
    Token::make_word(name, Some('`'))
}

/// `!a`, `!f(a)` and `!(…)` with the function [`DENIED`] around what is denied.
fn with_marked_denials(tokens: Vec<Token>) -> Vec<Token> {
    if !tokens.contains(&Token::ExclamationMark) {
        return tokens;
    }
    let mut out = Vec::with_capacity(tokens.len());
    // How many denials end with each bracket that is open.
    let mut open: Vec<usize> = Vec::new();
    let mut begun = 0;
    let close = |out: &mut Vec<Token>, denials: usize| out.extend(std::iter::repeat_n(Token::RParen, denials));
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let goes_on = match &token {
            Token::ExclamationMark => {
                out.extend([marker(DENIED), Token::LParen]);
                begun += 1;
                continue;
            }
            Token::Whitespace(_) => true,
            Token::LParen => {
                open.push(std::mem::take(&mut begun));
                true
            }
            Token::RParen => {
                out.push(token);
                close(&mut out, open.pop().unwrap_or(0));
                continue;
            }
            // The rest of a name, or a call's arguments.
            Token::Word(_) | Token::Period => matches!(rest.peek(), Some(Token::Period | Token::LParen)) || token == Token::Period,
            _ => false,
        };
        out.push(token);
        if !goes_on {
            close(&mut out, std::mem::take(&mut begun));
        }
    }
    out
}

/// `GROUP BY a, b WITH ROLLUP` with the function [`ROLLED_UP`] around the keys.
fn with_marked_rollups(tokens: Vec<Token>) -> Vec<Token> {
    if !tokens.iter().any(|token| is_word(token, "ROLLUP")) {
        return tokens;
    }
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    // Where the keys begin, of the query in each bracket that is open.
    let mut keys: Vec<Option<usize>> = vec![None];
    let words: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let blank = || Token::Whitespace(datafusion::sql::sqlparser::tokenizer::Whitespace::Space);
    let mut at = 0;
    while let Some(token) = words.get(at) {
        let is = |ahead: usize, expected: &str| words.get(at + ahead).is_some_and(|token| is_word(token, expected));
        let last = keys.last_mut().expect("the first stays");
        if let (Some(begin), true) = (*last, is(0, "WITH") && is(1, "ROLLUP")) {
            out.splice(begin..begin, [marker(ROLLED_UP), Token::LParen]);
            out.push(Token::RParen);
            *last = None;
            at += 2;
            continue;
        }
        out.extend([token.clone(), blank()]);
        match token {
            _ if is(0, "SELECT") => *last = None,
            _ if at > 0 && is(0, "BY") && is_word(&words[at - 1], "GROUP") => *last = Some(out.len()),
            Token::LParen => keys.push(None),
            Token::RParen if keys.len() > 1 => drop(keys.pop()),
            _ => {}
        }
        at += 1;
    }
    out
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
