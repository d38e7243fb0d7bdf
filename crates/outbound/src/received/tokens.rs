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
    /// One letter of a script whose words break anywhere, or that comes out of a PDF with blanks in them.
    Letter,
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
    /// Whether it stands where a list has the number of an item: `2.` at the head of a line.
    pub(super) numbers: bool,
}

/// The tokens of lines, without what could be the numbers of a list: HTML has those outside of the text.
pub(super) fn tokens_of(lines: &[Line]) -> Vec<Token> {
    let mut tokens = all_tokens_of(lines);
    tokens.retain(|token| !token.numbers);
    tokens
}

/// The tokens of lines with whole words in every script that has words.
pub(super) fn words_of(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    lines.iter().for_each(|line| read(line, Cut::Words, &mut tokens));
    tokens.retain(|token| !token.numbers);
    tokens
}

/// How much of a word a token is, in sixths.
pub(super) fn weight(token: &Token) -> usize {
    match token.kind {
        Kind::Word | Kind::Link => WORD,
        Kind::Wide => WORD / 2,
        Kind::Letter => 1,
    }
}

/// What a word weighs.
pub(super) const WORD: usize = 6;

/// How fine words are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Words,
    Letters,
}

/// The tokens of lines. What looks like the number of an item can be a day, too, where a line was broken before it.
pub(super) fn all_tokens_of(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    lines.iter().for_each(|line| read(line, Cut::Letters, &mut tokens));
    tokens
}

/// A number of an item, and the word that follows it.
type Item = (String, String);

/// The items of lists among tokens: numbered from 1 without a gap, so that a day at the head of a line is none.
pub(super) fn items_of(tokens: &[Token]) -> Vec<Item> {
    let heads = tokens.windows(2).filter(|pair| pair[0].numbers).map(|pair| (pair[0].text.clone(), pair[1].text.clone()));
    let mut last = 0;
    let mut follows = |text: &str| {
        let number = text.parse().unwrap_or(0);
        let fits = number == last + 1 || number == 1;
        last = if fits { number } else { last };
        fits
    };
    heads.filter(|(number, _)| follows(number)).collect()
}

/// Tokens without the numbers of these items, which can also stand within a line that a program made of several.
pub(super) fn without_items(tokens: Vec<Token>, items: &[Item]) -> Vec<Token> {
    let next: Vec<Option<String>> = tokens.iter().skip(1).map(|token| Some(token.text.clone())).chain([None]).collect();
    let is_item = |token: &Token, next: &Option<String>| {
        (token.numbers || token.ends) && items.iter().any(|(number, word)| *number == token.text && next.as_ref().is_none_or(|next| next == word))
    };
    tokens.into_iter().zip(next).filter(|(token, next)| !is_item(token, next)).map(|(token, _)| token).collect()
}

/// A link without what changes on the way: `mailto:`, the protocol, a slash at the end, capitals.
pub(super) fn plain_link(link: &str) -> String {
    let lower = link.trim().trim_matches(is_wrapping).to_lowercase();
    let lower = lower.strip_prefix("mailto:").unwrap_or(&lower);
    let lower = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(lower);
    lower.trim_end_matches('/').to_owned()
}

/// A word as a camera may have read it: 0 for O, 1 for l and I.
pub(super) fn as_read(token: &Token) -> String {
    match token.kind {
        Kind::Word => token
            .text
            .chars()
            .map(|c| match c {
                'o' => '0',
                'l' | 'i' => '1',
                c => c,
            })
            .collect(),
        Kind::Wide | Kind::Letter | Kind::Link => token.text.clone(),
    }
}

/// Marks that turn the order of what follows round, so that a number is read backwards. No letter of ours has them.
pub(super) fn is_turning(c: char) -> bool {
    matches!(c, '\u{202D}' | '\u{202E}')
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

fn read(line: &Line, cut: Cut, tokens: &mut Vec<Token>) {
    let text: String = line.text.nfkc().filter(|c| !is_unseen(*c)).collect();
    let (number, text) = number_of(text.trim_start());
    let first = tokens.len();
    if let Some(number) = number {
        push(number.to_owned(), Kind::Word, line, tokens);
        tokens[first].numbers = true;
        tokens[first].ends = true;
    }
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let is_letter = cut == Cut::Letters && is_letter(c);
        if c.is_whitespace() || is_letter || is_wide(c) || is_wide_mark(c) || matches!(c, '<' | '>' | '"' | '|' | '“' | '”') {
            split(&std::mem::take(&mut word), line, tokens);
            if is_letter {
                push(c.to_string(), Kind::Letter, line, tokens);
            } else if is_wide(c) {
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
    // Of a word in letters only the sign behind it is left.
    let ends = word.ends_with(['.', '!', '?', ':', ';', '।', '۔', '؟']);
    if ends && let Some(last) = tokens.last_mut().filter(|last| !core.is_empty() || last.kind == Kind::Letter) {
        last.ends = true;
    }
}

fn push(text: String, kind: Kind, line: &Line, tokens: &mut Vec<Token>) {
    tokens.push(Token { text, kind, line: line.number, depth: line.depth, begins: false, ends: false, numbers: false });
}

/// What could be the number of an item at the head of a line, and the rest of it.
fn number_of(text: &str) -> (Option<&str>, &str) {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    let rest = after.strip_prefix(['.', ')']).filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\u{a0}']));
    match rest {
        Some(rest) if (1..=2).contains(&digits) => (Some(number), rest),
        _ => (None, text),
    }
}

pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{2FFF}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// A letter of Hangul, Thai, Devanagari or the Arabic script; its marks stand where a program likes.
fn is_letter(c: char) -> bool {
    let of_script = matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{0E00}'..='\u{0E7F}' | '\u{0900}'..='\u{0963}' | '\u{0971}'..='\u{097F}' | '\u{0620}'..='\u{065F}' | '\u{066E}'..='\u{06D3}' | '\u{06D5}'..='\u{06EF}' | '\u{06FA}'..='\u{06FF}');
    of_script && !c.is_numeric() && (c.is_alphabetic() || is_combining_mark(c))
}

fn is_wide_mark(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}')
}

/// Characters that print nothing, which mail programs add and lures hide behind.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}
