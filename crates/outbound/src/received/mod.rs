//! A message that somebody received and asks about: what in it could name a letter of ours, and what it says, in each way that a mail
//! program can show it. [`judge`] compares that with a letter.

mod judge;
mod lines;
mod page;
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
/// Words of a question about a code: `Hello, I got a letter with the code …, is it from you?`
const QUESTION_WORDS_LIMIT: usize = 16;

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
    /// What its own head says.
    pub heading: Personal<Heading>,
    /// Files and pictures that come with it.
    pub files: Vec<ReceivedFile>,
}

/// What the head of a mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// Whom it says it comes from; in lower case, as all addresses here.
    pub from: Vec<String>,
    /// Where an answer goes.
    pub reply_to: Vec<String>,
    /// Whom it went to.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: Option<String>,
}

/// How much stands beside a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOnly {
    /// Hardly a word: what somebody tells who was asked for the code.
    Bare,
    /// A question about it.
    Asked,
}

impl ReceivedMessage {
    /// Whether it is a code alone, or with a short question.
    pub fn code_only(&self) -> Option<CodeOnly> {
        let [Shown { text, links, .. }] = &self.shown[..] else { return None };
        let text = text.expose_personal();
        let words: Vec<String> =
            tokens::words_of(&[lines::unquoted(0, &text.split_whitespace().collect::<Vec<_>>().join(" "))]).into_iter().map(|token| token.text).collect();
        let of_codes: Vec<String> = self.codes.iter().flat_map(|code| lines::words(&code.grouped())).collect();
        let of_code = of_codes.len();
        let others = words.len().saturating_sub(of_code);
        let numbers = words.iter().any(|word| word.chars().any(|c| c.is_ascii_digit()) && !of_codes.contains(word));
        if !links.is_empty() || of_code == 0 || text.contains(['@', '/']) {
            return None;
        }
        let asks = text.contains(['?', '\u{ff1f}', '\u{61f}']);
        match others {
            0..=CODE_WORDS_LIMIT => Some(CodeOnly::Bare),
            _ if asks && others <= QUESTION_WORDS_LIMIT && !numbers => Some(CodeOnly::Asked),
            _ => None,
        }
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
    /// Whether its style sheet puts words in.
    pub writes: bool,
    /// Whether it turns the order of characters round.
    pub turns: bool,
}

/// A file that comes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFile {
    /// SHA-256 of it.
    pub sha256: String,
    /// What it is called, or else of what kind it is said to be.
    pub name: Personal<String>,
    /// What it is by its first bytes.
    pub kind: FileKind,
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A PDF.
    Pdf,
    /// A picture.
    Picture,
    /// Anything else.
    Other,
}

/// Reads a message, or text that was copied out of one; of a message that holds others, those. Never fails: what is no mail is text,
/// and a PDF is a file alone.
pub fn read_received(message: &[u8]) -> Vec<ReceivedMessage> {
    let cut = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    if message.starts_with(b"%PDF-") {
        return vec![ReceivedMessage { files: vec![file_of(message, String::new())], ..ReceivedMessage::default() }];
    }
    let file = file_of(message, String::new());
    if file.kind == FileKind::Picture {
        return vec![ReceivedMessage { files: vec![file], ..ReceivedMessage::default() }];
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

/// A mail: it has what programs write into its head. A text that begins like one was copied, and all of it was seen.
fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    const OF_PROGRAMS: [&str; 7] = ["received", "message-id", "date", "mime-version", "content-type", "return-path", "dkim-signature"];
    MessageParser::default().parse(bytes).filter(|parsed| {
        let by_program = parsed.headers().iter().any(|header| OF_PROGRAMS.iter().any(|name| header.name().eq_ignore_ascii_case(name)));
        by_program && (parsed.from().is_some() || parsed.message_id().is_some())
    })
}

/// A message, or those within it: whoever forwards a letter as a file writes a message around it.
fn read_mail(mail: &Message<'_>, depth: usize) -> Vec<ReceivedMessage> {
    let own = of_mail(mail);
    let mut within: Vec<ReceivedMessage> = Vec::new();
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
    for message in &mut within {
        message.around = around.clone();
        message.files.extend(own.files.iter().cloned());
    }
    within
}

/// Whether a part is a mail that somebody put in as a file, whatever it is called.
pub(crate) fn is_message_file(part: &mail_parser::MessagePart<'_>) -> bool {
    if part.attachment_name().is_some_and(|name| name.to_ascii_lowercase().ends_with(".eml")) {
        return true;
    }
    let is_file = part.attachment_name().is_some() || part.content_disposition().is_some_and(|kind| kind.is_attachment());
    let begins = part.contents().split(|byte| matches!(byte, b':' | b'\n')).next().unwrap_or_default();
    let is_header = (2..40).contains(&begins.len()) && begins.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    is_file
        && is_header
        && parse(&part.contents()[..part.contents().len().min(REPORT_BYTES_LIMIT)]).is_some_and(|mail| mail.from().is_some() && mail.date().is_some())
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
        heading: Personal::new(heading_of(mail)),
        files: files.take(NAMES_LIMIT).map(|part| file_of(part.contents(), called(part))).collect(),
    }
}

fn heading_of(mail: &Message<'_>) -> Heading {
    let addresses = |of: Option<&mail_parser::Address<'_>>| -> Vec<String> {
        of.into_iter().flat_map(|of| of.iter()).filter_map(|one| one.address()).map(str::to_lowercase).take(NAMES_LIMIT).collect()
    };
    Heading {
        from: addresses(mail.from()),
        reply_to: addresses(mail.reply_to()),
        to: [mail.to(), mail.cc()].into_iter().flat_map(addresses).collect(),
        subject: mail.subject().map(str::to_owned),
    }
}

/// What a file is called, or of what kind it is said to be.
fn called(part: &mail_parser::MessagePart<'_>) -> String {
    let kind = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
    part.attachment_name().map(str::to_owned).or(kind).unwrap_or_default()
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

fn file_of(bytes: &[u8], name: String) -> ReceivedFile {
    const PICTURES: [&[u8]; 6] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"];
    // Phones' own pictures have their name behind a length.
    let of_phones = bytes.get(4..12).is_some_and(|kind| [b"ftypheic", b"ftypheix", b"ftypmif1"].contains(&kind.try_into().unwrap_or(b"        ")));
    let kind = match bytes {
        _ if bytes.starts_with(b"%PDF-") => FileKind::Pdf,
        _ if of_phones || PICTURES.iter().any(|begins| bytes.starts_with(begins)) => FileKind::Picture,
        _ => FileKind::Other,
    };
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ReceivedFile { sha256, name: Personal::new(name), kind }
}

fn unique<T: Ord + Clone>(found: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    found.filter(|one| seen.insert(one.clone())).take(NAMES_LIMIT).collect()
}

#[cfg(test)]
mod tests;
