//! Reports in words alone, from before there was a form for them: qmail, old Exim, Postfix and Sendmail, old Exchange and Gmail.
//!
//! Only a machine's words are believed: the message comes from nobody (an empty return path), from a mail system's own address, or names
//! the recipients that failed in a header. A person who quotes such words has written an answer.

use mail_parser::{HeaderValue, Message};

use super::{BounceKind, status};
use crate::smtp::{Answer, is_enhanced};

/// What these systems write, as data: kind and words, a line each.
const PHRASES: &str = include_str!("phrases.txt");

/// Longest text that is searched for them.
const PROSE_BYTES_LIMIT: usize = 1 << 15;

/// Who writes for a mail system.
const MACHINES: [&str; 5] = ["mailer-daemon", "postmaster", "mail-daemon", "mdaemon", "microsoftexchange"];

/// What a report in words says.
pub(super) fn read_prose(message: &Message<'_>, text: &str) -> Option<(BounceKind, Answer)> {
    if !is_machine(message) {
        return None;
    }
    let own = own_words(text);
    let lower = own.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let said = |kind: BounceKind| phrases().any(|(of, words)| of == kind && lower.contains(words));
    // Who announces a delay says "permanent" too, of what comes after it.
    let kind = match (said(BounceKind::Delayed), said(BounceKind::Failed) || message.header("X-Failed-Recipients").is_some()) {
        (true, _) => BounceKind::Delayed,
        (false, true) => BounceKind::Failed,
        (false, false) => return by_code(message, own),
    };
    Some((kind, diagnosis(own)))
}

/// A report in words that the list does not have, in whatever language: a mail system's own address, and a server's refusal in its words.
fn by_code(message: &Message<'_>, own: &str) -> Option<(BounceKind, Answer)> {
    let answer = diagnosis(own);
    let refuses = (500..600).contains(&answer.code) || answer.enhanced.as_deref().is_some_and(|status| status.starts_with("5."));
    let is_both = answer.code != 0 && answer.enhanced.is_some();
    let replies = message.header("Auto-Submitted").and_then(HeaderValue::as_text).is_some_and(|word| word.trim_start().starts_with("auto-replied"));
    (refuses && !replies && (is_both || is_named_machine(message))).then_some((BounceKind::Failed, answer))
}

/// The letter that is returned, behind a line of hyphens that announces it.
pub(super) fn returned(text: &str) -> Option<&str> {
    let (_, letter) = text.get(own_words(text).len()..)?.split_once('\n')?;
    Some(letter.trim_start_matches(['\r', '\n']))
}

/// The mail system's words: all before the letter that it returns.
fn own_words(text: &str) -> &str {
    let text = &text[..text.floor_char_boundary(PROSE_BYTES_LIMIT)];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.trim().to_lowercase();
        if lower.starts_with("--") && ["copy of", "original message", "unsent message", "message header", "returned message"].iter().any(|w| lower.contains(w))
        {
            return &text[..at];
        }
        at += line.len();
    }
    text
}

fn phrases() -> impl Iterator<Item = (BounceKind, &'static str)> {
    PHRASES.lines().filter(|line| !line.starts_with("//")).filter_map(|line| {
        let (kind, words) = line.split_once('|')?;
        let kind = match kind.trim() {
            "failed" => BounceKind::Failed,
            "delayed" => BounceKind::Delayed,
            _ => return None,
        };
        Some((kind, words.trim()))
    })
}

fn is_machine(message: &Message<'_>) -> bool {
    let from_nobody = matches!(message.header("Return-Path"), Some(HeaderValue::Empty)) || message.return_address() == Some("");
    from_nobody || is_named_machine(message)
}

/// Whether a mail system says so of itself: absence notes come from nobody, too.
fn is_named_machine(message: &Message<'_>) -> bool {
    let named = message.header("X-Failed-Recipients").is_some();
    let local = message.from().and_then(|from| from.first()?.address.as_deref()).map(|address| address.split('@').next().unwrap_or_default().to_lowercase());
    named || local.is_some_and(|local| MACHINES.iter().any(|machine| local.starts_with(machine)))
}

/// What the server said, as far as a line of the words has its code or its status.
fn diagnosis(words: &str) -> Answer {
    let is_code = |word: &str| word.len() == 3 && matches!(word.as_bytes()[0], b'4' | b'5') && word.bytes().all(|b| b.is_ascii_digit());
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    for line in words.lines() {
        let mut at = 0;
        for word in line.split_inclusive(char::is_whitespace) {
            let short = bare(word);
            if is_code(short.split('-').next().unwrap_or_default()) || is_enhanced(&short) {
                let rest = line[at..].trim_start_matches(['(', '#', '<', '"', '\'']);
                return status::answer(is_enhanced(&short).then_some(short), rest);
            }
            at += word.len();
        }
    }
    Answer::own("a mail system says in words that it did not arrive")
}
