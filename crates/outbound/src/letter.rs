//! One letter as an e-mail: headers, plain text, the same as HTML, and attachments only where somebody asked for them.
//!
//! The message holds nothing that is fetched when it is read: no image, no link of ours that counts, no style sheet. Its bytes
//! follow from the letter and the time alone.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Date, HeaderName, HeaderValue, MessageId, Subject};
use lettre::message::{Attachment as MimeAttachment, Mailbox, Message, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;

use crate::dkim::{DkimError, DkimKey};
use crate::plain::one_line;
use crate::return_path::ReturnPath;

/// A letter to one person, ready to be made an e-mail.
#[derive(Clone, Debug)]
pub struct OutgoingLetter {
    /// Names the letter.
    pub reference: LetterReference,
    /// The person's e-mail address, as the register has it.
    pub address: Personal<String>,
    /// The person's name.
    pub name: Option<Personal<String>>,
    /// Language, a BCP 47 tag.
    pub language: String,
    /// The subject line.
    pub subject: Personal<String>,
    /// The text.
    pub text: Personal<String>,
    /// The same as HTML; where there is none, it is made from the text.
    pub html: Option<Personal<String>>,
    /// What to attach; usually nothing, since people are told not to open attachments.
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a letter.
#[derive(Clone)]
pub struct Attachment {
    /// File name, shown to the reader.
    pub name: String,
    /// `application/pdf` …
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[attachment of {} bytes]", self.bytes.len())
    }
}

/// Who writes.
#[derive(Clone, Debug)]
pub struct SenderIdentity {
    from: Mailbox,
    /// The name by the letter's language, where it has one of its own.
    names: BTreeMap<String, String>,
    reply_to: Option<Mailbox>,
    list_id: Option<String>,
    return_path: ReturnPath,
}

impl SenderIdentity {
    /// From addresses such as `notice@example.org` and a name to show. Message-IDs take the domain of the address.
    ///
    /// # Errors
    /// [`ComposeError::OwnAddress`] if one of them is no address.
    pub fn new(from: &str, name: Option<&str>, reply_to: Option<&str>, return_path: ReturnPath) -> Result<Self, ComposeError> {
        let own = |text: &str| mailbox(name, text).map_err(|_| ComposeError::OwnAddress);
        Ok(Self { from: own(from)?, names: BTreeMap::new(), reply_to: reply_to.map(own).transpose()?, list_id: None, return_path })
    }

    /// With what filters and gateways know the letters by (RFC 2919, section 2).
    ///
    /// # Errors
    /// [`ComposeError::ListId`] if it is none.
    pub fn listed_as(mut self, list_id: &str) -> Result<Self, ComposeError> {
        let is_label = |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_id = list_id.len() <= LIST_ID_BYTES_LIMIT && list_id.contains('.') && list_id.split('.').all(is_label);
        if !is_id {
            return Err(ComposeError::ListId);
        }
        self.list_id = Some(format!("<{list_id}>"));
        Ok(self)
    }

    /// With names by language: a letter shows that of its own.
    #[must_use]
    pub fn named_in(mut self, names: BTreeMap<String, String>) -> Self {
        self.names = names;
        self
    }

    fn sender_in(&self, language: &str) -> Mailbox {
        let name = self.names.get(language).map(|name| one_line(name, HEADER_TEXT_LIMIT)).filter(|name| !name.is_empty());
        Mailbox::new(name.or_else(|| self.from.name.clone()), self.from.email.clone())
    }

    /// Where reports go.
    pub fn return_path(&self) -> &ReturnPath {
        &self.return_path
    }

    /// The Message-ID of a letter, always the same: who gets it twice can see that it is one letter, and so can programs.
    pub fn message_id(&self, reference: &LetterReference) -> String {
        format!("<{reference}@{}>", self.from.email.domain())
    }
}

/// A message as it goes to a server.
#[derive(Clone)]
pub struct ComposedMail {
    /// The letter.
    pub reference: LetterReference,
    /// Its Message-ID, in angle brackets.
    pub message_id: String,
    /// Its own return path.
    pub return_path: String,
    /// Whom it goes to.
    pub recipient: Personal<String>,
    /// The message, ASCII with CRLF line ends, not yet dot-stuffed.
    pub bytes: Vec<u8>,
}

impl ComposedMail {
    /// Whether the server must know RFC 6531 (an address beyond ASCII before the @).
    pub fn needs_smtputf8(&self) -> bool {
        !self.recipient.expose_personal().is_ascii()
    }
}

impl fmt::Debug for ComposedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[mail {} of {} bytes]", self.reference, self.bytes.len())
    }
}

/// Why a letter cannot be made an e-mail. It names no value: the letter's reference says which one.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The address of the register is none.
    #[error("the e-mail address in the register is not one")]
    Address,
    /// One of the organisation's own addresses is none.
    #[error("the organisation's own sender or reply address is not an e-mail address")]
    OwnAddress,
    /// The language tag, or an attachment's name or type, is none.
    #[error("the letter's language or an attachment's type is not one")]
    Kind,
    /// The message library refused.
    #[error("the message cannot be built")]
    Build(#[from] lettre::error::Error),
    /// The finished message is not what was meant; our bug, and it is not sent.
    #[error("the finished message breaks a rule of mail ({0}): it was not sent")]
    Malformed(&'static str),
    /// What the letters are to be known by is no identifier of a list.
    #[error("`list_id` is a name with dots as domains have them, such as notices.example.org")]
    ListId,
    /// It cannot be signed.
    #[error("the message cannot be signed")]
    Sign(#[from] DkimError),
}

/// Longest identifier of a list (RFC 2919, section 2).
const LIST_ID_BYTES_LIMIT: usize = 255;

/// Longest name or subject in a header.
const HEADER_TEXT_LIMIT: usize = 200;

/// Headers that a letter has, each at most once. Anything else in the finished message was injected.
const HEADERS: [&str; 14] = [
    "list-id",
    "x-auto-response-suppress",
    "from",
    "to",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-language",
    "auto-submitted",
    "dkim-signature",
];

/// Makes the message.
///
/// # Errors
/// [`ComposeError`]; the letter cannot go by e-mail then.
pub fn compose(letter: &OutgoingLetter, identity: &SenderIdentity, dkim: Option<&DkimKey>, at: Instant) -> Result<ComposedMail, ComposeError> {
    let to = mailbox(letter.name.as_ref().map(|name| name.expose_personal().as_str()), letter.address.expose_personal())?;
    let recipient = to.email.to_string();
    let message_id = identity.message_id(&letter.reference);
    let language = language_tag(&letter.language)?;
    let return_path = identity.return_path.of(&letter.reference);
    let envelope = Envelope::new(Some(return_path.parse().map_err(|_| ComposeError::OwnAddress)?), vec![to.email.clone()])?;
    let mut builder = Message::builder()
        .envelope(envelope)
        .from(identity.sender_in(&letter.language))
        .to(to)
        .header(Subject::from(one_line(letter.subject.expose_personal(), HEADER_TEXT_LIMIT)))
        .header(Date::new(system_time(at)))
        .header(MessageId::from(message_id.clone()))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Content-Language"), language.clone()))
        // RFC 3834: no automatic answer is wanted to a letter that a program sends.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        // Exchange heeds this one alone: no absence note, no receipt, no note that it was read.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"), "All".to_owned()));
    if let Some(list_id) = &identity.list_id {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("List-Id"), list_id.clone()));
    }
    if let Some(reply_to) = &identity.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let message = builder.multipart(parts(letter, &language)?)?;
    let mut bytes = message.formatted();
    check(&bytes, &recipient)?;
    if let Some(key) = dkim {
        let (headers, body) = split(&bytes)?;
        let signature = key.sign(headers, body, at)?;
        bytes.splice(0..0, signature.into_bytes());
        check(&bytes, &recipient)?;
    }
    Ok(ComposedMail { reference: letter.reference.clone(), message_id, return_path, recipient: Personal::new(recipient), bytes })
}

fn mailbox(name: Option<&str>, address: &str) -> Result<Mailbox, ComposeError> {
    let name = name.map(|name| one_line(name, HEADER_TEXT_LIMIT)).filter(|name| !name.is_empty());
    Ok(Mailbox::new(name, parse_address(address)?))
}

/// An address in the plain form only: no comments, no quoted local part, nothing that could end a header or a command.
fn parse_address(text: &str) -> Result<Address, ComposeError> {
    let text = text.trim();
    let hostile = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '(' | ')' | '"' | ',' | ';' | ':' | '\\' | '[' | ']');
    if text.len() > 254 || text.contains(hostile) {
        return Err(ComposeError::Address);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(ComposeError::Address)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| ComposeError::Address)?;
    Address::new(local, domain).map_err(|_| ComposeError::Address)
}

/// Whether a letter can be sent to this address.
pub fn is_address(text: &str) -> bool {
    parse_address(text).is_ok()
}

fn language_tag(tag: &str) -> Result<String, ComposeError> {
    let plain = !tag.is_empty() && tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain { Ok(tag.to_owned()) } else { Err(ComposeError::Kind) }
}

fn system_time(at: Instant) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}

fn parts(letter: &OutgoingLetter, language: &str) -> Result<MultiPart, ComposeError> {
    let text = lines(letter.text.expose_personal()).join("\n");
    let html = match &letter.html {
        Some(html) => html.expose_personal().clone(),
        None => html_of(&text, &one_line(letter.subject.expose_personal(), HEADER_TEXT_LIMIT), language),
    };
    let both = MultiPart::alternative().boundary(boundary(letter, "alternative")).singlepart(SinglePart::plain(text)).singlepart(SinglePart::html(html));
    if letter.attachments.is_empty() {
        return Ok(both);
    }
    let mut mixed = MultiPart::mixed().boundary(boundary(letter, "mixed")).multipart(both);
    for attachment in &letter.attachments {
        let kind = ContentType::parse(&attachment.content_type).map_err(|_| ComposeError::Kind)?;
        mixed = mixed.singlepart(MimeAttachment::new(one_line(&attachment.name, 80)).body(attachment.bytes.clone(), kind));
    }
    Ok(mixed)
}

/// A boundary that follows from the letter: the same letter has the same bytes.
fn boundary(letter: &OutgoingLetter, which: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{which}\n{}\n", letter.reference));
    hasher.update(letter.text.expose_personal());
    hasher.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of a text, whatever ends them: a stray carriage return is a way to smuggle a second message past a server.
fn lines(text: &str) -> Vec<String> {
    let clean = |line: &str| line.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>();
    text.replace("\r\n", "\n").split(['\n', '\r', '\u{2028}', '\u{2029}']).map(|line| clean(line).trim_end().to_owned()).collect()
}

/// The text as HTML that says the same: paragraphs at empty lines, everything escaped, nothing to fetch.
fn html_of(text: &str, title: &str, language: &str) -> String {
    let mut html = format!("<!DOCTYPE html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n", escape(title));
    html.push_str("<body style=\"font-family: sans-serif; font-size: 16px; line-height: 1.5; max-width: 40em\">\n");
    for paragraph in text.split("\n\n").map(|p| p.trim_matches('\n')).filter(|p| !p.is_empty()) {
        html.push_str(&format!("<p>{}</p>\n", paragraph.split('\n').map(escape).collect::<Vec<_>>().join("<br>\n")));
    }
    html.push_str("</body>\n</html>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Headers with their last line end, and the body after the empty line.
fn split(message: &[u8]) -> Result<(&[u8], &[u8]), ComposeError> {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").ok_or(ComposeError::Malformed("no end of headers"))?;
    Ok((&message[..end + 2], &message[end + 4..]))
}

/// The last wall against injection: whatever a name, a subject or a text held, the finished message has our headers and no
/// other, each once, and lines that every server reads alike.
///
/// A recipient beyond ASCII stands as it is in the one header that names it (RFC 6532); nothing else does.
fn check(message: &[u8], recipient: &str) -> Result<(), ComposeError> {
    let names = |line: &[u8]| line.ends_with(format!("<{recipient}>\r").as_bytes()) || line == format!("To: {recipient}\r").as_bytes();
    let beyond = |line: &[u8]| !line.is_ascii() && !names(line);
    if message.contains(&0) || std::str::from_utf8(message).is_err() || message.split(|b| *b == b'\n').any(beyond) {
        return Err(ComposeError::Malformed("a byte beyond ASCII"));
    }
    let mut line = 0;
    for (i, byte) in message.iter().enumerate() {
        let paired = match byte {
            b'\n' => i > 0 && message[i - 1] == b'\r',
            b'\r' => message.get(i + 1) == Some(&b'\n'),
            _ => true,
        };
        line = if *byte == b'\n' { 0 } else { line + 1 };
        if !paired {
            return Err(ComposeError::Malformed("a bare carriage return or line feed"));
        }
        if line > 999 {
            return Err(ComposeError::Malformed("a line of more than 998 characters"));
        }
    }
    let (headers, _) = split(message)?;
    let mut seen: Vec<String> = Vec::new();
    for header in headers.split(|b| *b == b'\n').filter(|l| !l.is_empty() && !matches!(l[0], b' ' | b'\t')) {
        let name = header.split(|b| *b == b':').next().unwrap_or_default().to_ascii_lowercase();
        let name = String::from_utf8(name).map_err(|_| ComposeError::Malformed("a header name"))?;
        if !HEADERS.contains(&name.as_str()) || seen.contains(&name) {
            return Err(ComposeError::Malformed("a header that is not ours, or one that stands twice"));
        }
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    const AT: Instant = Instant(1_795_500_000_000_000);

    fn letter(name: &str, address: &str, subject: &str, text: &str) -> OutgoingLetter {
        OutgoingLetter {
            reference: LetterReference::from_bits([3; 10]),
            address: Personal::new(address.into()),
            name: Some(Personal::new(name.into())),
            language: "zh-Hant".into(),
            subject: Personal::new(subject.into()),
            text: Personal::new(text.into()),
            html: None,
            attachments: vec![],
        }
    }

    fn identity() -> SenderIdentity {
        SenderIdentity::new("notice@example.org", Some("Harbour Hospital"), Some("help@example.org"), ReturnPath::new("bounces@example.org", '+').unwrap())
            .unwrap()
    }

    #[test]
    fn letters_are_of_no_list_unless_one_is_named() {
        let letter = letter("Ann", "ann@people.example", "Subject", "Text");
        let list = |identity: &SenderIdentity| {
            let mail = compose(&letter, identity, None, AT).unwrap();
            String::from_utf8(mail.bytes).unwrap().lines().filter(|line| line.starts_with("List-Id")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(list(&identity()).is_empty());
        assert_eq!(list(&identity().listed_as("notices.example.org").unwrap()), ["List-Id: <notices.example.org>"]);
        for bad in ["", "notices", "a b.example", "a..example", "x.example>\r\nBcc: evil@example.org", "<a.example>", &format!("{}.example", "a".repeat(64))] {
            assert!(matches!(identity().listed_as(bad), Err(ComposeError::ListId)), "{bad}");
        }
    }

    /// The message, parsed by a library that did not write it: (to, subject, text, headers).
    fn check(letter: &OutgoingLetter) -> (String, String, String, Vec<String>) {
        let mail = compose(letter, &identity(), None, AT).unwrap();
        let again = compose(letter, &identity(), None, AT).unwrap();
        assert_eq!(mail.bytes, again.bytes, "the same letter gave other bytes");
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        assert_eq!(parsed.message_id().map(|id| format!("<{id}>")), Some(mail.message_id.clone()));
        assert_eq!(parsed.attachment_count(), letter.attachments.len());
        let to = parsed.to().and_then(|to| to.first()).and_then(|to| to.name()).unwrap_or_default().to_owned();
        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        let html = parsed.html_part(0).unwrap();
        assert!(html.is_content_type("text", "html"));
        (to, parsed.subject().unwrap_or_default().to_owned(), text, parsed.headers().iter().map(|h| h.name().to_owned()).collect())
    }

    #[test]
    fn a_letter_arrives_as_it_was_written() {
        let (to, subject, text, _) = check(&letter("陳大文", "tm.chan@example.org", "入侵者看過你的資料", "你好\n\n・電郵：已被看過。\n.\n..dots\n"));
        assert_eq!((to.as_str(), subject.as_str()), ("陳大文", "入侵者看過你的資料"));
        assert_eq!(text, "你好\n\n・電郵：已被看過。\n.\n..dots\n");
    }

    #[test]
    fn a_name_cannot_bring_a_header() {
        for name in ["A\r\nBcc: all@example.org", "A\nSubject: x", "A\rX: y", "A\u{2028}Bcc: z", "\"A\" <b@c.org>, ", "A=?utf-8?q?=0D=0ABcc:_x?="] {
            let (_, _, text, headers) = check(&letter(name, "a@example.org", &format!("{name} subject"), "Hello\r\n.\r\nMAIL FROM:<x@y.z>"));
            assert_eq!(headers.iter().filter(|h| h.eq_ignore_ascii_case("bcc")).count(), 0, "{name:?}");
            assert_eq!(headers.iter().filter(|h| h.eq_ignore_ascii_case("subject")).count(), 1, "{name:?}");
            assert_eq!(text, "Hello\n.\nMAIL FROM:<x@y.z>");
        }
    }

    #[test]
    fn an_address_is_one_address_or_none() {
        for bad in [
            "",
            "a",
            "a@",
            "@b.org",
            "a@b.org\r\nRCPT TO:<c@d.org>",
            "a@b.org>",
            "a b@c.org",
            "a@b.org,c@d.org",
            "\"a b\"@c.org",
            "a@b.org (x)",
            "a@[127.0.0.1]",
        ] {
            let result = compose(&letter("A", bad, "s", "t"), &identity(), None, AT);
            assert!(matches!(result, Err(ComposeError::Address)), "{bad:?}");
        }
        let mail = compose(&letter("A", " a@bücher.example ", "s", "t"), &identity(), None, AT).unwrap();
        assert_eq!(mail.recipient.expose_personal(), "a@xn--bcher-kva.example");
        assert!(!format!("{mail:?}").contains("example"), "a mail prints its recipient");
        for name in ["陳大文", "A"] {
            let mail = compose(&letter(name, "陳大文@例子.example", "s", "t"), &identity(), None, AT).unwrap();
            assert!(mail.needs_smtputf8() && mail.recipient.expose_personal().starts_with("陳大文@xn--"));
            let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
            let to = parsed.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap_or_default().to_owned();
            assert_eq!(&to, mail.recipient.expose_personal());
        }
    }

    #[test]
    fn the_html_says_what_the_text_says_and_fetches_nothing() {
        let html = html_of("Dear <A & B>,\n\nFirst\n- one\n- two\n\nBye", "Title", "en");
        let told: String = {
            let body = html.split("<body").nth(1).unwrap();
            let mut text = String::new();
            let mut inside = true;
            for c in body.chars() {
                match c {
                    '<' => inside = true,
                    '>' => inside = false,
                    c if !inside => text.push(c),
                    _ => {}
                }
            }
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        };
        assert_eq!(told.split_whitespace().collect::<Vec<_>>(), "Dear <A & B>, First - one - two Bye".split_whitespace().collect::<Vec<_>>());
        for fetched in ["src=", "href=", "url(", "<img", "<script", "<link"] {
            assert!(!html.contains(fetched), "{fetched}");
        }
    }

    proptest::proptest! {
        /// Whatever stands in the register, a message has one of each header, one recipient, and the text that was written.
        #[test]
        fn any_words_make_a_letter_or_none(name in ".{0,60}", local in ".{0,30}", subject in "(?s).{0,120}", text in "(?s).{0,400}") {
            let written = letter(&name, &format!("{local}@example.net"), &subject, &text);
            if let Ok(mail) = compose(&written, &identity(), None, AT) {
                let parsed = MessageParser::default().parse(&mail.bytes).expect("a message");
                let to = parsed.to().expect("a recipient");
                proptest::prop_assert_eq!(to.iter().count(), 1);
                proptest::prop_assert_eq!(to.first().and_then(|to| to.address()), Some(mail.recipient.expose_personal().as_str()));
                let told = parsed.body_text(0).expect("a text").replace("\r\n", "\n");
                let meant = lines(&text).join("\n");
                proptest::prop_assert_eq!(told.trim_end_matches('\n'), meant.trim_end_matches('\n'));
            }
        }
    }

    #[test]
    fn an_attachment_goes_only_where_it_was_asked_for() {
        let mut with = letter("A", "a@example.org", "s", "t");
        with.attachments.push(Attachment { name: "letter.pdf".into(), content_type: "application/pdf".into(), bytes: vec![0, 1, 2, 255] });
        check(&with);
        let mail = compose(&with, &identity(), None, AT).unwrap();
        let parsed = MessageParser::default().parse(&mail.bytes).unwrap();
        assert_eq!(parsed.attachment(0).unwrap().contents(), [0, 1, 2, 255]);
    }
}
