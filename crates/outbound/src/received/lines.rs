//! The lines of a message without what mail programs put around a letter that is passed on: marks of quotation, blocks of headers,
//! lines that say who wrote when, and lines that name the program.

use std::collections::BTreeSet;

use super::tokens::{Kind, Token, tokens_of};

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

/// The lines that may be a letter's, and where they are passed on.
pub(super) struct Read {
    pub(super) lines: Vec<Line>,
    /// The last line of a mark that says that what follows was written by somebody else.
    pub(super) mark: Option<usize>,
}

/// How a line of a mail program begins that names the program: nobody's words. In the languages that letters come in and their
/// neighbours.
const PROGRAMS: &str = include_str!("programs.txt");

/// Hosts that such lines link to.
const MAKERS: [&str; 8] =
    ["aka.ms", "go.microsoft.com", "go.onelink.me", "mail.onelink.me", "overview.mail.yahoo.com", "proton.me", "gmx.net", "apps.apple.com"];

/// A block of headers has this many lines at least.
const HEADERS_MIN: usize = 3;

/// Reads a text, knowing the letter that it may hold: its subject, its sender, its lines.
pub(super) fn read(text: &str, subject: &str, ours: &str) -> Read {
    let own: BTreeSet<Vec<String>> = ours.lines().map(words).filter(|line| !line.is_empty()).collect();
    let sender = ours.lines().find(|line| !line.trim().is_empty()).map(words).unwrap_or_default();
    let all: Vec<Line> = text.lines().enumerate().map(|(i, line)| unquoted(i + 1, line)).collect();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut mark = None;
    for block in header_blocks(&all, &words(subject), &own) {
        mark = mark.max(Some(all[block.end - 1].number));
        taken.extend(block);
    }
    for (place, line) in all.iter().enumerate() {
        if own.contains(&words(&line.text)) {
            continue;
        }
        if let Some(first) = attribution(&all, place, &sender) {
            mark = mark.max(Some(line.number));
            taken.extend(first..=place);
        } else if is_rule(&line.text) || is_program(&line.text) {
            taken.insert(place);
        }
    }
    let lines = all.into_iter().enumerate().filter(|(place, _)| !taken.contains(place)).map(|(_, line)| line).collect();
    Read { lines, mark }
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

/// Runs of lines `Label: value` of which one is our subject, or two name mail addresses: no letter of ours has them.
fn header_blocks(lines: &[Line], subject: &[String], own: &BTreeSet<Vec<String>>) -> Vec<std::ops::Range<usize>> {
    let is_header = |line: &Line| label(&line.text).is_some() && !own.contains(&words(&line.text));
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        if !is_header(&lines[start]) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        // A long list of recipients goes on in the next line.
        while end < lines.len() && !lines[end].text.is_empty() && (is_header(&lines[end]) || lines[end].text.contains('@')) {
            end += 1;
        }
        let block = &lines[start..end];
        let says_subject = !subject.is_empty() && block.iter().any(|line| words(&line.text).windows(subject.len()).any(|part| part == subject));
        let addresses = block.iter().filter(|line| line.text.contains('@')).count();
        let leads = block.iter().any(|line| line.text.contains("://") || line.text.contains("www."));
        if block.len() >= HEADERS_MIN && (says_subject || addresses >= 2) && !leads {
            blocks.push(start..end);
        }
        start = end;
    }
    blocks
}

/// The label of a line `Label: value`.
fn label(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['*', '_']);
    let (label, _) = line.split_once([':', '：'])?;
    let fits = !label.is_empty() && label.chars().count() <= 30 && !label.contains(['@', '/', '.']) && !label.chars().any(|c| c.is_ascii_digit());
    fits.then_some(label)
}

/// `On … NAME <address> wrote:` at this place: where it begins. It ends in a colon and names an address or our name; mail programs
/// break it anywhere.
fn attribution(lines: &[Line], place: usize, sender: &[String]) -> Option<usize> {
    let line = &lines[place];
    if !line.text.ends_with([':', '：']) || line.text.contains("://") {
        return None;
    }
    let names = |text: &str| text.contains('@') || (!sender.is_empty() && words(text).windows(sender.len()).any(|part| part == sender));
    let mut first = place;
    let mut text = line.text.clone();
    loop {
        let open = text.matches('>').count() > text.matches('<').count();
        if names(&text) && !open && text.chars().any(|c| c.is_ascii_digit()) {
            return Some(first);
        }
        if first == 0 || place - first >= 2 || lines[first - 1].text.is_empty() || lines[first - 1].text.contains("://") {
            return (names(&text) && text.chars().count() <= 200).then_some(first);
        }
        first -= 1;
        text = format!("{} {text}", lines[first].text);
    }
}

/// A line that only divides, with or without words between its dashes.
fn is_rule(line: &str) -> bool {
    let is_dash = |c: char| matches!(c, '-' | '_' | '=' | '*' | '\u{2013}' | '\u{2014}' | '\u{2500}');
    let dashes = line.chars().take_while(|c| is_dash(*c)).count();
    let between = line.trim_matches(is_dash).trim();
    dashes >= 4 && !between.contains(['@', '/']) && !between.chars().any(|c| c.is_ascii_digit()) && between.chars().count() <= 40
        || (dashes >= 2 && between.is_empty())
}

fn is_program(line: &str) -> bool {
    let lower = line.trim_start_matches(['-', '—', ' ', '[']).to_lowercase();
    let begins = PROGRAMS.lines().filter(|known| !known.is_empty() && !known.starts_with('#')).any(|known| lower.starts_with(known));
    if !begins || lower.chars().count() > 120 {
        return false;
    }
    // Only the makers' own links, and no number that can be called: else a lure could begin like this.
    let tokens = tokens_of(&[unquoted(0, line)]);
    let is_makers = |link: &str| MAKERS.contains(&link.split(['/', '?']).next().unwrap_or_default());
    let digits = tokens.iter().filter(|token| token.kind != Kind::Link).flat_map(|token| token.text.chars()).filter(char::is_ascii_digit).count();
    digits <= 2 && tokens.iter().filter(|token| token.kind == Kind::Link).all(|token| is_makers(&token.text))
}
