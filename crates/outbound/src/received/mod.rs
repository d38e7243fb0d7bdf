//! A message that somebody received and asks about: what in it could name a letter of ours, and what it says, in each way that a mail
//! program can show it. [`judge`] compares that with a letter.

mod judge;
mod lines;
mod shown;
mod tokens;

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use sha2::{Digest, Sha256};
use strandline_model::code::SupportCode;
use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;

use crate::bounce::REPORT_BYTES_LIMIT;

pub use judge::{Difference, Judged, What, judge, likeness};

/// Names in a message that are looked at, at most; a letter of ours has a handful.
const NAMES_LIMIT: usize = 1000;

/// Words beside a code that make no message of it: `my code is`.
const CODE_WORDS_LIMIT: usize = 3;

/// A message within a message within a message: nobody forwards deeper.
const DEPTH_LIMIT: usize = 4;

/// What a message has to say for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// What could be references of letters, in its headers or its text.
    pub references: Vec<LetterReference>,
    /// What could be codes of letters, in its text.
    pub codes: Vec<SupportCode>,
    /// What a reader can be shown: the plain text, and the HTML where there is one. All of it must be ours.
    pub shown: Vec<Shown>,
    /// What whoever passed it on wrote around it.
    pub around: Personal<String>,
    /// Files and pictures that come with it.
    pub files: Vec<ReceivedFile>,
}

impl ReceivedMessage {
    /// Whether it is a code and hardly a word more: what somebody tells who was asked for the code.
    pub fn is_code_alone(&self) -> bool {
        let [Shown { text, links, .. }] = &self.shown[..] else { return false };
        let words = lines::words(text.expose_personal());
        let of_code: usize = self.codes.iter().map(|code| lines::words(&code.grouped()).len()).sum();
        let others = words.len().saturating_sub(of_code);
        links.is_empty() && of_code > 0 && others <= CODE_WORDS_LIMIT && !text.expose_personal().contains(['@', '/'])
    }
}

/// One way in which a mail program shows a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text.
    pub text: Personal<String>,
    /// Where its links really lead, and what it fetches.
    pub links: Vec<String>,
    /// Whether parts of it are kept from the reader's eyes.
    pub hides: bool,
}

/// A file that comes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFile {
    /// SHA-256 of it.
    pub sha256: String,
}

/// Reads a message, or text that was copied out of one; of a message that holds others, those. Never fails: what is no mail is text,
/// and a PDF is a file alone.
pub fn read_received(message: &[u8]) -> Vec<ReceivedMessage> {
    let cut = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    if message.starts_with(b"%PDF-") {
        return vec![ReceivedMessage { files: vec![file_of(message)], ..ReceivedMessage::default() }];
    }
    match parse(cut) {
        Some(mail) => read_mail(&mail, DEPTH_LIMIT),
        None => vec![of_text(decoded(cut))],
    }
}

/// What could be codes of letters in a text.
pub fn codes_in(text: &str) -> Vec<SupportCode> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').map(|word| word.trim_matches('-'));
    // A code that was typed with blanks is four words.
    let groups: Vec<&str> = words.clone().filter(|word| !word.is_empty()).collect();
    let typed = groups.windows(4).filter(|four| four.iter().all(|group| group.len() == 4)).map(|four| four.concat());
    unique(words.filter_map(|word| word.parse().ok()).chain(typed.filter_map(|code| code.parse().ok())))
}

fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse(bytes).filter(|parsed| parsed.from().is_some() || parsed.message_id().is_some() || parsed.subject().is_some())
}

/// A message, or those within it: whoever forwards a letter as a file writes a message around it.
fn read_mail(mail: &Message<'_>, depth: usize) -> Vec<ReceivedMessage> {
    let own = of_mail(mail);
    let mut within = Vec::new();
    for part in mail.parts.iter().filter(|_| depth > 0) {
        match &part.body {
            PartType::Message(inner) => within.extend(read_mail(inner, depth - 1)),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) if is_message_file(part) => {
                within.extend(parse(&bytes[..bytes.len().min(REPORT_BYTES_LIMIT)]).map(|inner| read_mail(&inner, depth - 1)).unwrap_or_default());
            }
            PartType::Text(text) if is_message_file(part) => {
                within.extend(parse(text.as_bytes()).map(|inner| read_mail(&inner, depth - 1)).unwrap_or_default());
            }
            _ => {}
        }
        if within.len() >= NAMES_LIMIT {
            break;
        }
    }
    if within.is_empty() {
        return vec![own];
    }
    let around = own.shown.first().map(|shown| shown.text.clone()).unwrap_or_default();
    within.iter_mut().for_each(|message| message.around = around.clone());
    within
}

fn is_message_file(part: &mail_parser::MessagePart<'_>) -> bool {
    part.attachment_name().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml"))
}

fn of_mail(mail: &Message<'_>) -> ReceivedMessage {
    let text = (0..mail.text_body_count()).filter_map(|part| mail.body_text(part)).collect::<Vec<_>>().join("\n");
    let html: Vec<&str> = mail.html_bodies().filter_map(|part| if let PartType::Html(html) = &part.body { Some(html.as_ref()) } else { None }).collect();
    let has_plain = mail.text_bodies().any(|part| matches!(part.body, PartType::Text(_)));
    let mut shown = Vec::new();
    if has_plain || html.is_empty() {
        shown.push(Shown { text: Personal::new(text.clone()), ..Shown::default() });
    }
    if !html.is_empty() {
        shown.push(shown::of_html(&html.join("\n")));
    }
    let whole = String::from_utf8_lossy(mail.raw_message());
    let files = mail.attachments().filter(|part| !matches!(part.body, PartType::Message(_)) && !is_message_file(part));
    let everything: String = shown.iter().map(|shown| format!("{}\n", shown.text.expose_personal())).collect();
    ReceivedMessage {
        references: references_in(&whole).into_iter().chain(references_in(&everything)).collect(),
        codes: codes_in(&everything),
        shown,
        around: Personal::default(),
        files: files.take(NAMES_LIMIT).map(|part| file_of(part.contents())).collect(),
    }
}

fn of_text(text: String) -> ReceivedMessage {
    ReceivedMessage {
        references: references_in(&text),
        codes: codes_in(&text),
        shown: vec![Shown { text: Personal::new(text), ..Shown::default() }],
        ..ReceivedMessage::default()
    }
}

/// Text as editors save it: with a byte order mark in UTF-16, else UTF-8.
fn decoded(bytes: &[u8]) -> String {
    let wide = |pairs: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = pairs.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

fn references_in(text: &str) -> Vec<LetterReference> {
    unique(text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| LetterReference::parse(word).ok()))
}

fn file_of(bytes: &[u8]) -> ReceivedFile {
    ReceivedFile { sha256: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() }
}

fn unique<T: Ord + Clone>(found: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    found.filter(|one| seen.insert(one.clone())).take(NAMES_LIMIT).collect()
}

#[cfg(test)]
mod tests;
