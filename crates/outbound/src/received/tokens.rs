//! A text as what is compared: words, single characters of scripts without blanks, links. Mail programs, printers and cameras change
//! breaks, quotation marks, dashes and capitals; none of them changes these.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::lines::Line;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// One character of a script that is written without blanks.
    Wide,
    Link,
}

/// One token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// The line's number.
    pub(super) line: usize,
    /// How deep the line is quoted.
    pub(super) depth: usize,
    /// Whether it begins or ends a sentence or a line.
    pub(super) begins: bool,
    pub(super) ends: bool,
}

/// The tokens of lines.
pub(super) fn tokens_of(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    lines.iter().for_each(|line| read(line, &mut tokens));
    tokens
}

/// A link without what changes on the way: `mailto:`, the protocol, a slash at the end, capitals.
pub(super) fn plain_link(link: &str) -> String {
    let lower = link.trim().trim_matches(is_wrapping).to_lowercase();
    let lower = lower.strip_prefix("mailto:").unwrap_or(&lower);
    let lower = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(lower);
    lower.trim_end_matches('/').to_owned()
}

fn is_wrapping(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '/' | '#' | '&' | '=' | '%' | '~' | '+' | '-' | '_')
}

/// A mail address, a link with its protocol, or a bare domain as people write one.
fn is_link(word: &str) -> bool {
    if word.contains("://")
        || (word.contains('@') && word.len() > 2)
        || word.to_ascii_lowercase().starts_with("www.")
        || word.to_ascii_lowercase().starts_with("mailto:")
    {
        return true;
    }
    let host = word.split(['/', '?']).next().unwrap_or_default();
    let Some((before, last)) = host.rsplit_once('.') else { return false };
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let is_top = last.chars().count() >= 2 && last.chars().all(|c| c.is_ascii_lowercase());
    is_top && before.split('.').all(is_label) && before.chars().any(char::is_alphabetic)
}

fn read(line: &Line, tokens: &mut Vec<Token>) {
    let text: String = line.text.nfkc().filter(|c| !is_unseen(*c)).collect();
    let text = without_number(text.trim_start());
    let first = tokens.len();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_whitespace() || is_wide(c) || is_wide_mark(c) || matches!(c, '<' | '>' | '"' | '|' | '“' | '”') {
            split(&std::mem::take(&mut word), line, tokens);
            if is_wide(c) {
                push(c.to_string(), Kind::Wide, line, tokens);
            } else if matches!(c, '。' | '！' | '？' | '；') {
                end_sentence(first, tokens);
            }
        } else {
            word.push(c);
        }
    }
    if let Some(token) = tokens.get_mut(first) {
        token.begins = true;
    }
    end_sentence(first, tokens);
    for place in first + 1..tokens.len() {
        tokens[place].begins |= tokens[place - 1].ends;
    }
}

fn end_sentence(first: usize, tokens: &mut [Token]) {
    if tokens.len() > first
        && let Some(last) = tokens.last_mut()
    {
        last.ends = true;
    }
}

/// One stretch between blanks: a link, or words between signs.
fn split(word: &str, line: &Line, tokens: &mut Vec<Token>) {
    let core = word.trim_matches(is_wrapping);
    if is_link(core) {
        push(plain_link(core), Kind::Link, line, tokens);
    } else {
        for part in word.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).filter(|part| !part.is_empty()) {
            push(part.to_lowercase(), Kind::Word, line, tokens);
        }
    }
    if word.ends_with(['.', '!', '?', ':', ';'])
        && let Some(last) = tokens.last_mut().filter(|_| !core.is_empty())
    {
        last.ends = true;
    }
}

fn push(text: String, kind: Kind, line: &Line, tokens: &mut Vec<Token>) {
    tokens.push(Token { text, kind, line: line.number, depth: line.depth, begins: false, ends: false });
}

/// Without the number of a list: HTML has it outside of the text.
fn without_number(text: &str) -> &str {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let after = &text[digits..];
    if (1..=2).contains(&digits) && after.starts_with(['.', ')']) && after[1..].starts_with([' ', '\t', '\u{a0}']) { &after[1..] } else { text }
}

pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{2FFF}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn is_wide_mark(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}')
}

/// Characters that print nothing, which mail programs add and lures hide behind.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}
