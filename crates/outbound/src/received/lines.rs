//! The lines of a message without what mail programs and gateways put around a letter that is passed on: marks of quotation, blocks of
//! headers, lines that say who wrote when, lines that name the program, notices of a company or a scanner. Only what stands around the
//! letter is that: within it each line counts.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Kind, Token, WORD, tokens_of, weight, words_of};

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// From 1, in the message as it came.
    pub(super) number: usize,
    /// How deep it is quoted.
    pub(super) depth: usize,
    /// Its text without marks of quotation.
    pub(super) text: String,
}

/// What a line around a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// A mark that says that what follows was written by somebody else.
    Mark,
    /// Such a mark with words of somebody's in it.
    MarkWithWords,
    /// A line that divides, or names a program: nobody's words.
    Program,
    /// What a gateway or a company puts before or behind each message.
    Notice,
}

/// The lines of a message, and what those are that do not look like a letter's.
pub(super) struct Read {
    pub(super) lines: Vec<Line>,
    pub(super) around: BTreeMap<usize, Around>,
}

impl Read {
    /// The lines that may be a letter's.
    pub(super) fn letters(&self) -> Vec<Line> {
        self.lines.iter().filter(|line| !self.around.contains_key(&line.number)).cloned().collect()
    }

    /// Takes back what was said of the lines between these two. Whether there were any.
    pub(super) fn restore(&mut self, first: usize, last: usize) -> bool {
        let before = self.around.len();
        self.around.retain(|line, _| *line <= first || *line >= last);
        self.around.len() < before
    }

    /// The last line of the marks before this one that say that what follows was written by somebody else.
    pub(super) fn mark_before(&self, first: usize) -> Option<usize> {
        let marks = self.around.range(..first).filter(|(_, what)| matches!(what, Around::Mark | Around::MarkWithWords));
        marks.map(|(line, _)| *line).next_back()
    }
}

/// How a line of a mail program begins that names the program, and the words that can follow: nobody's words. In the languages that
/// letters come in and their neighbours.
const PROGRAMS: &str = include_str!("programs.txt");

/// What headers of a mail are called, in the same languages.
const HEADERS: &str = include_str!("headers.txt");

/// How notices begin that companies, gateways and lists put around each message, and what they hold.
const NOTICES: &str = include_str!("notices.txt");

/// Hosts that lines of programs link to.
const MAKERS: [&str; 8] =
    ["aka.ms", "go.microsoft.com", "go.onelink.me", "mail.onelink.me", "overview.mail.yahoo.com", "proton.me", "gmx.net", "apps.apple.com"];

/// A block of headers has this many lines at least.
const HEADERS_MIN: usize = 3;
/// So many words beside names, days and addresses are in a line that says who wrote when, at most.
const SAYS_LIMIT: usize = 6;
/// A word of a mail program's before or behind our subject: `Fwd`, `AW`.
const BESIDE_SUBJECT_LIMIT: usize = 2;
/// Digits that can be called or paid to.
const DIGITS_LIMIT: usize = 6;
/// Words of a notice, at most.
const NOTICE_WORDS_LIMIT: usize = 400;

/// The letter that a message may hold, as far as marks around it can name it.
pub(super) struct Known<'k> {
    /// The subject's words.
    pub(super) subject: &'k [String],
    /// The letter's lines.
    pub(super) lines: &'k BTreeSet<Vec<String>>,
    /// The sender's name.
    pub(super) sender: &'k [String],
    /// Addresses that are ours, the reader's, or of those whom the message itself names.
    pub(super) addresses: &'k BTreeSet<String>,
}

/// Reads a text, knowing the letter that it may hold.
pub(super) fn read(text: &str, known: &Known<'_>) -> Read {
    let lines: Vec<Line> = text.lines().enumerate().map(|(i, line)| unquoted(i + 1, line)).collect();
    let mut around = BTreeMap::new();
    for block in header_blocks(&lines, known) {
        around.extend(lines[block].iter().map(|line| (line.number, if is_own_words(line, known) { Around::MarkWithWords } else { Around::Mark })));
    }
    for (place, line) in lines.iter().enumerate() {
        if known.lines.contains(&words(&line.text)) || around.contains_key(&line.number) {
            continue;
        }
        if let Some(first) = attribution(&lines, place, known) {
            around.extend(lines[first..=place].iter().map(|line| (line.number, Around::Mark)));
        } else if is_rule(&line.text) || is_program(&line.text) {
            around.insert(line.number, Around::Program);
        }
    }
    for notice in notices(&lines, known) {
        lines[notice].iter().for_each(|line| _ = around.entry(line.number).or_insert(Around::Notice));
    }
    Read { lines, around }
}

/// Links and long numbers of a text, as a letter must have them if it is ours.
pub(super) fn words(line: &str) -> Vec<String> {
    tokens_of(&[unquoted(0, line)]).into_iter().map(|Token { text, .. }| text).collect()
}

pub(super) fn unquoted(number: usize, line: &str) -> Line {
    let mut rest = line.trim();
    let mut depth = 0;
    while let Some(after) = rest.strip_prefix('>') {
        rest = after.trim_start();
        depth += 1;
    }
    Line { number, depth, text: rest.to_owned() }
}

/// A section of one of the lists.
fn section(list: &'static str, name: &str) -> impl Iterator<Item = &'static str> {
    let head = format!("[{name}]");
    let within = list.lines().skip_while(move |line| *line != head).skip(1).take_while(|line| !line.starts_with('['));
    within.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Runs of lines `Label: value` whose labels are those of mail headers, and of which one is our subject or two name mail addresses. What
/// can be called, paid to or followed is in none of them.
fn header_blocks(lines: &[Line], known: &Known<'_>) -> Vec<std::ops::Range<usize>> {
    let labels: BTreeSet<&str> = section(HEADERS, "headers").collect();
    let is_header = |line: &Line| label(&line.text).is_some_and(|label| labels.contains(label.as_str())) && !known.lines.contains(&words(&line.text));
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        if !is_header(&lines[start]) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        // A long list of recipients goes on in the next line.
        while end < lines.len() && (is_header(&lines[end]) || is_of_addresses(&lines[end].text)) {
            end += 1;
        }
        let block = &lines[start..end];
        let says_subject = block.iter().any(|line| holds(&words(&line.text), known.subject));
        let addresses = block.iter().filter(|line| line.text.contains('@')).count();
        let leads = block.iter().any(|line| leads(&line.text) || holds_number(&line.text));
        if block.len() >= HEADERS_MIN && (says_subject || addresses >= 2) && !leads {
            blocks.push(start..end);
        }
        start = end;
    }
    blocks
}

/// Whether a header says more than headers of a letter of ours do: its subject is another one, or it has a story beside its address.
fn is_own_words(line: &Line, known: &Known<'_>) -> bool {
    let said = words(&line.text);
    if holds(&said, known.subject) {
        // The label, and what programs put before a subject.
        return said.len() > known.subject.len() + 2 * BESIDE_SUBJECT_LIMIT;
    }
    let is_subject = label(&line.text).is_some_and(|label| section(HEADERS, "subject").any(|known| known == label));
    let others = tokens_of(std::slice::from_ref(line)).iter().filter(|token| token.kind != Kind::Link).count();
    is_subject || others > 4 * SAYS_LIMIT
}

/// Whether words stand within others, in one piece.
fn holds(words: &[String], piece: &[String]) -> bool {
    !piece.is_empty() && words.windows(piece.len()).any(|part| part == piece)
}

/// Whether a line leads to a page.
fn leads(line: &str) -> bool {
    let tokens = tokens_of(&[unquoted(0, line)]);
    tokens.iter().any(|token| token.kind == Kind::Link && !token.text.contains('@'))
}

/// Mail addresses with names: what goes on from the line before.
fn is_of_addresses(line: &str) -> bool {
    line.contains('@') && line.split([',', ';']).all(|part| part.trim().is_empty() || part.contains('@') || words(part).len() <= 3)
}

/// The label of a line `Label: value`, in lower case.
fn label(line: &str) -> Option<String> {
    let line = line.trim_start_matches(['*', '_']);
    let (label, _) = line.split_once([':', '：'])?;
    let label = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_'));
    let fits = !label.is_empty() && label.chars().count() <= 30;
    fits.then(|| label.to_lowercase())
}

/// Whether a line holds a number that can be called or paid to, beside a day, a time and its zone.
fn holds_number(line: &str) -> bool {
    let parts: Vec<&str> = line.split(|c: char| c.is_whitespace() || c == '(' || c == ')').collect();
    let (mut run, mut years) = (0, 0);
    for part in parts {
        let part = part.trim_matches(|c: char| c.is_ascii_punctuation() && c != '+');
        let digits = part.chars().filter(char::is_ascii_digit).count();
        let is_year = part.len() == 4 && digits == 4 && (part.starts_with("19") || part.starts_with("20"));
        years += usize::from(is_year);
        let is_zone = part.len() == 5 && digits == 4 && part.starts_with(['+', '-']);
        let is_moment = part.contains(':') || is_date(part);
        if digits == 0 || (is_year && years == 1) || is_zone || is_moment {
            run = 0;
        } else {
            run += digits;
        }
        if run >= DIGITS_LIMIT {
            return true;
        }
    }
    false
}

/// `2026-11-29`, `29.11.2026`, `2026年11月29日`: three numbers of which one is a year.
fn is_date(part: &str) -> bool {
    let numbers: Vec<&str> = part.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
    let years = numbers.iter().filter(|number| number.len() == 4 && (number.starts_with("19") || number.starts_with("20"))).count();
    numbers.len() == 3 && years == 1 && numbers.iter().all(|number| number.len() <= 2 || number.len() == 4)
}

/// `On … NAME <address> wrote:` at this place: where it begins. It ends in a colon, names us, and has a day; mail programs break it
/// anywhere.
fn attribution(lines: &[Line], place: usize, known: &Known<'_>) -> Option<usize> {
    let line = &lines[place];
    if !line.text.ends_with([':', '：']) {
        return None;
    }
    let mut first = place;
    let mut text = line.text.clone();
    loop {
        let open = text.matches('>').count() > text.matches('<').count();
        if !open && says_who_wrote(&text, known) {
            return Some(first);
        }
        if first == 0 || place - first >= 2 || lines[first - 1].text.is_empty() {
            return None;
        }
        first -= 1;
        text = format!("{} {text}", lines[first].text);
    }
}

/// Whether a text says that we, or somebody whom the message names, wrote at some time, and nothing else.
fn says_who_wrote(text: &str, known: &Known<'_>) -> bool {
    let tokens = tokens_of(&[unquoted(0, text)]);
    let (links, said): (Vec<&Token>, Vec<&Token>) = tokens.iter().partition(|token| token.kind == Kind::Link);
    let sender = known.sender.len();
    let at = (0..=said.len().saturating_sub(sender)).find(|at| sender > 0 && said[*at..].iter().take(sender).map(|token| &token.text).eq(known.sender));
    let names_us = at.is_some();
    let others: Vec<&&Token> =
        said.iter().enumerate().filter(|(place, _)| at.is_none_or(|at| !(at..at + sender).contains(place))).map(|(_, token)| token).collect();
    let has_figures = |token: &&&Token| token.text.chars().any(|c| c.is_ascii_digit());
    let has_day = others.iter().any(has_figures);
    let is_wide = tokens.iter().any(|token| token.kind == Kind::Wide);
    let limit = if is_wide { 2 * SAYS_LIMIT } else { SAYS_LIMIT + 2 * links.len() };
    let others = others.iter().filter(|token| !has_figures(token)).map(|token| weight(token)).sum::<usize>() / WORD;
    has_day && (names_us || !links.is_empty()) && links.iter().all(|link| known.addresses.contains(&link.text)) && others <= limit && !holds_number(text)
}

/// A line that only divides, or has between its dashes what programs write there.
fn is_rule(line: &str) -> bool {
    let is_dash = |c: char| matches!(c, '-' | '_' | '=' | '*' | '\u{2013}' | '\u{2014}' | '\u{2500}');
    let dashes = line.chars().take_while(|c| is_dash(*c)).count();
    let between = line.trim_matches(is_dash).trim();
    dashes >= 2 && (between.is_empty() || is_program(between))
}

/// A line that names a program: a known beginning, and after it only words that such lines have, and the makers' own links. A lure
/// could begin like this.
fn is_program(line: &str) -> bool {
    let lower = line.trim_start_matches(['-', '—', ' ', '[']).to_lowercase();
    let Some(begins) = section(PROGRAMS, "beginnings").filter(|known| lower.starts_with(known)).max_by_key(|known| known.len()) else { return false };
    let known: BTreeSet<&str> = section(PROGRAMS, "words").chain(section(PROGRAMS, "beginnings").flat_map(str::split_whitespace)).collect();
    let is_makers = |link: &str| MAKERS.contains(&link.split(['/', '?']).next().unwrap_or_default());
    let is_model = |word: &str| word.chars().count() <= 4 && word.chars().filter(char::is_ascii_digit).count() <= 2 && word.chars().any(|c| c.is_ascii_digit());
    words_of(&[unquoted(0, &lower[begins.len()..])]).iter().all(|token| match token.kind {
        Kind::Link => is_makers(&token.text),
        Kind::Wide => known.contains(token.text.as_str()) || known.iter().any(|word| word.contains(&token.text)),
        Kind::Word | Kind::Letter => known.contains(token.text.as_str()) || is_model(&token.text),
    })
}

/// Paragraphs that companies, gateways and lists put around each message.
fn notices(lines: &[Line], known: &Known<'_>) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let mut start = 0;
    let mut headed = false;
    while start < lines.len() {
        if lines[start].text.is_empty() {
            start += 1;
            continue;
        }
        let length = lines[start..].iter().take_while(|line| !line.text.is_empty() && !known.lines.contains(&words(&line.text))).count();
        let end = start + length.max(1);
        let lower: Vec<String> = lines[start..end].iter().map(|line| line.text.trim_start_matches(['-', '_', '*', ' ', '[', '(']).to_lowercase()).collect();
        let begins = |line: &String| section(NOTICES, "beginnings").any(|known| line.starts_with(known));
        let said: usize = lines[start..end].iter().map(|line| words(&line.text).len()).sum();
        let whole = lower.join(" ");
        let is_notice = length > 0 && said <= NOTICE_WORDS_LIMIT;
        if is_notice && (headed || lower.iter().any(begins) || section(NOTICES, "within").any(|known| whole.contains(known))) {
            found.push(start..end);
        }
        // A heading alone stands over the paragraph that follows it.
        headed = is_notice && lower.len() == 1 && section(NOTICES, "headings").any(|known| lower[0].trim_end_matches([':', '*', '_']) == known);
        start = end;
    }
    found
}
