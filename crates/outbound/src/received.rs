//! A message that somebody received and asks about: what in it could name a letter of ours, and what it says.

use std::collections::BTreeSet;

use mail_parser::MessageParser;
use strandline_model::code::SupportCode;
use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;

use crate::bounce::REPORT_BYTES_LIMIT;

/// Names in a message that are looked at, at most; a letter of ours has a handful.
const NAMES_LIMIT: usize = 1000;

/// What a message has to say for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// What could be references of letters, in its headers or its text.
    pub references: Vec<LetterReference>,
    /// What could be codes of letters, in its text.
    pub codes: Vec<SupportCode>,
    /// Links and mail addresses in its text.
    pub links: Vec<String>,
    /// Its text.
    pub text: Personal<String>,
}

/// Reads a message, or text that was copied out of one. Never fails: what is no mail is text.
pub fn read_received(message: &[u8]) -> ReceivedMessage {
    let message = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    let parsed = MessageParser::default().parse(message).filter(|parsed| parsed.from().is_some() || parsed.message_id().is_some());
    let text = match &parsed {
        Some(mail) => (0..mail.text_body_count()).filter_map(|part| mail.body_text(part)).collect::<Vec<_>>().join("\n"),
        None => String::from_utf8_lossy(message).into_owned(),
    };
    let whole = String::from_utf8_lossy(message);
    let references = unique(whole.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| LetterReference::parse(word).ok()));
    let codes = codes_in(&text);
    let is_link = |word: &&str| word.contains("://") || word.contains('@') || word.starts_with("www.");
    let bare =
        |word: &str| word.trim_matches(|c: char| matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | ',' | '.' | ';' | ':' | '。' | '，')).to_owned();
    let links = unique(text.split_whitespace().filter(is_link).map(bare));
    ReceivedMessage { references, codes, links, text: Personal::new(text) }
}

/// What could be codes of letters in a text.
pub fn codes_in(text: &str) -> Vec<SupportCode> {
    unique(text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(|word| word.trim_matches('-').parse().ok()))
}

fn unique<T: Ord + Clone>(found: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    found.filter(|one| seen.insert(one.clone())).take(NAMES_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_letters_in_its_headers_and_codes_in_its_text() {
        let code = SupportCode::from_bits([7; 10]).grouped();
        let mail = format!(
            "From: a@example.org\r\nMessage-ID: <abcdefghijklmnop@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nYour code is {code}.=\r\n Write to help@example.org or see <https://evil.example/x>.\r\n"
        );
        let read = read_received(mail.as_bytes());
        assert_eq!(read.references, [LetterReference::parse("abcdefghijklmnop").unwrap()]);
        assert_eq!(read.codes, [code.parse().unwrap()]);
        assert_eq!(read.links, ["help@example.org", "https://evil.example/x"]);
    }

    #[test]
    fn what_is_no_mail_is_text() {
        let code = SupportCode::from_bits([9; 10]).grouped();
        for bytes in [code.as_bytes(), b"", b"\xff\xfe\x00", b":\r\n\r\n", b"From", b"----"] {
            let read = read_received(bytes);
            assert_eq!(read.codes.len(), usize::from(bytes == code.as_bytes()));
        }
    }
}
