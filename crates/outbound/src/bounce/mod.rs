//! Reports of mail that did not arrive: RFC 3464 and RFC 6533 in a multipart/report (RFC 6522), a mail system's own words, events of a
//! mail service; and what else comes to a return path.
//!
//! The person is found by the address that the report came to, or by the Message-ID of the letter that it returns; never by
//! an address in the report's words, which anybody can write.

mod events;
mod prose;
mod status;

use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use strandline_model::letter::LetterReference;

use crate::received::is_message_file;
use crate::return_path::ReturnPath;
use crate::smtp::Answer;

/// Longest report that is read; what is behind it is usually the returned letter.
pub(crate) const REPORT_BYTES_LIMIT: usize = 1 << 20;

/// Longest piece of text that is searched for fields.
const FIELDS_BYTES_LIMIT: usize = 1 << 16;

/// How many messages within messages are looked into: a report that somebody forwarded, and forwarded again.
const FORWARDED_LIMIT: usize = 3;

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BounceKind {
    /// The letter did not arrive and will not.
    Failed,
    /// It has not arrived yet; the mail system goes on trying.
    Delayed,
    /// It arrived, or was passed on.
    Delivered,
    /// It came to the return path and is no report that we understand: an answer by hand, or a form that only people read.
    Unclear,
}

/// A report about one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// The letter.
    pub reference: LetterReference,
    /// What it says.
    pub kind: BounceKind,
    /// Why: the diagnosis of the mail system, without addresses.
    pub answer: Answer,
}

/// Reads one message that came to the return path, or one event of a mail service. `None` if it names no letter of ours.
pub fn read_bounce(message: &[u8], return_path: &ReturnPath) -> Option<Bounce> {
    let message = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    if let Some(bounce) = events::read_event(message, return_path) {
        return Some(bounce);
    }
    let parsed = MessageParser::default().parse(message)?;
    let reference = find_reference(&parsed, return_path, FORWARDED_LIMIT)?;
    let (kind, answer) = judge(&parsed, FORWARDED_LIMIT).unwrap_or_else(|| (BounceKind::Unclear, Answer::own(why_unclear(&parsed))));
    Some(Bounce { reference, kind, answer })
}

/// What a report says: its own delivery status, its words, or those of a report that it forwards.
fn judge(message: &Message<'_>, depth: usize) -> Option<(BounceKind, Answer)> {
    let statuses = message.parts.iter().filter(|part| part.content_type().is_some_and(|t| t.c_type.eq_ignore_ascii_case("message")));
    let statuses = statuses.filter(|part| part.content_type().and_then(|t| t.subtype()).is_some_and(status::is_status));
    let mut told: Vec<(BounceKind, Answer)> = statuses.filter_map(|part| status::read_report(&text_of(&part.body)?)).collect();
    told.sort_by_key(|(kind, _)| *kind);
    told.into_iter().next().or_else(|| prose::read_prose(message, &words_of(message)?)).or_else(|| {
        let inner = depth.checked_sub(1)?;
        message.parts.iter().find_map(|part| within(part, |within| judge(within, inner)))
    })
}

/// Looks into the message that a part is, or that somebody put in as a file, whatever that is called.
fn within<T>(part: &MessagePart<'_>, look: impl FnOnce(&Message<'_>) -> Option<T>) -> Option<T> {
    match &part.body {
        PartType::Message(within) => look(within),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) if is_message_file(part) => look(&MessageParser::default().parse(bytes.as_ref())?),
        PartType::Text(text) if is_message_file(part) => look(&MessageParser::default().parse(text.as_bytes())?),
        _ => None,
    }
}

/// The words of a message: its first part that is plain text.
fn words_of(message: &Message<'_>) -> Option<String> {
    message.parts.iter().find(|part| matches!(part.body, PartType::Text(_))).and_then(|part| text_of(&part.body))
}

fn why_unclear(message: &Message<'_>) -> &'static str {
    let automatic = message.header("Auto-Submitted").and_then(HeaderValue::as_text).is_some_and(|word| word.trim_start().starts_with("auto-replied"));
    match automatic || message.header("X-Autoreply").is_some() {
        true => "an automatic answer such as an absence note: read it",
        false => "not a report that is understood: read it",
    }
}

/// Whether this is a message at all: whatever a mail system delivers names its sender, its way or itself.
pub fn is_mail(message: &[u8]) -> bool {
    let message = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    if events::is_event(message) {
        return true;
    }
    let names = ["from", "to", "received", "return-path", "message-id", "delivered-to", "subject", "date"];
    MessageParser::default()
        .parse(message)
        .is_some_and(|parsed| parsed.headers().iter().any(|header| names.iter().any(|name| header.name().eq_ignore_ascii_case(name))))
}

/// The letter: by the recipients that the report was delivered to, then by the letter that it returns.
fn find_reference(message: &Message<'_>, return_path: &ReturnPath, depth: usize) -> Option<LetterReference> {
    let own = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"];
    let texts = own.iter().flat_map(|name| message.headers().iter().filter(move |h| h.name().eq_ignore_ascii_case(name)));
    let raw = message.raw_message();
    for header in texts {
        let text = raw.get(header.offset_start() as usize..header.offset_end() as usize).unwrap_or_default();
        if let Some(found) = words(&String::from_utf8_lossy(text)).find_map(|word| return_path.reference_in(word)) {
            return Some(found);
        }
    }
    let in_words = || find_in_headers(prose::returned(&words_of(message)?)?, return_path);
    message.parts.iter().skip(1).find_map(|part| in_part(part, return_path, depth)).or_else(in_words)
}

/// The letter that a part returns, or that a report within it is about.
fn in_part(part: &MessagePart<'_>, return_path: &ReturnPath, depth: usize) -> Option<LetterReference> {
    let found = within(part, |returned| {
        let own = returned.message_id().and_then(reference_of_id).or_else(|| sender_of(returned, return_path));
        own.or_else(|| find_reference(returned, return_path, depth.checked_sub(1)?))
    });
    let of_text = || text_of(&part.body).filter(|_| returns_headers(part)).and_then(|text| find_in_headers(&text, return_path));
    found.or_else(of_text)
}

/// Whether a part holds a letter, or its head, as text.
fn returns_headers(part: &MessagePart<'_>) -> bool {
    part.is_content_type("text", "rfc822-headers") || ["rfc822", "global", "global-headers"].iter().any(|name| part.is_content_type("message", name))
}

/// The return path that a mail system wrote into the returned letter.
fn sender_of(returned: &Message<'_>, return_path: &ReturnPath) -> Option<LetterReference> {
    match returned.return_path() {
        HeaderValue::Text(text) => words(text).find_map(|word| return_path.reference_in(word)),
        _ => None,
    }
}

fn find_in_headers(headers: &str, return_path: &ReturnPath) -> Option<LetterReference> {
    let value = |line: &str, name: &str| line.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| line[name.len()..].to_owned());
    headers.lines().take_while(|line| !line.trim().is_empty()).find_map(|line| {
        value(line, "message-id:")
            .and_then(|id| words(&id).find_map(reference_of_id))
            .or_else(|| value(line, "return-path:").and_then(|path| words(&path).find_map(|word| return_path.reference_in(word))))
    })
}

/// A Message-ID of ours is the reference and a domain. Which domain is no matter: that nobody can guess 80 bits is the proof.
fn reference_of_id(id: &str) -> Option<LetterReference> {
    let (local, _) = id.trim_matches(['<', '>', ' ']).split_once('@')?;
    LetterReference::parse(local).ok()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')')).filter(|word| word.contains('@'))
}

fn text_of(body: &PartType<'_>) -> Option<String> {
    let text = match body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes.as_ref(),
        PartType::Message(message) => message.raw_message(),
        PartType::Multipart(_) => return None,
    };
    Some(String::from_utf8_lossy(&text[..text.len().min(FIELDS_BYTES_LIMIT)]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "abcdefghijklmnop";

    fn check(message: &str, expected: Option<(BounceKind, &str)>) {
        let path = ReturnPath::new("bounces@example.org", '+').unwrap();
        let found = read_bounce(message.replace('\n', "\r\n").as_bytes(), &path);
        let told = found.map(|b| {
            assert_eq!(b.reference.as_str(), REFERENCE);
            (b.kind, b.answer.to_string())
        });
        assert_eq!(told, expected.map(|(kind, answer)| (kind, answer.to_owned())));
    }

    fn report(to: &str, status: &str, returned: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example.net\nTo: {to}\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n{status}\n--b\n{returned}\n--b--\n"
        )
    }

    const FAILED: &str = "Final-Recipient: rfc822; someone@example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1\n <someone@example.net>: Recipient address rejected\n";
    const HEADERS_ONLY: &str =
        "Content-Type: text/rfc822-headers\n\nReturn-Path: <bounces@example.org>\nMessage-ID: <abcdefghijklmnop@example.org>\nSubject: x\n";
    const WHOLE: &str = "Content-Type: message/rfc822\n\nMessage-ID: <abcdefghijklmnop@example.org>\nSubject: x\n\nText\n";

    #[test]
    fn a_report_finds_its_letter_by_return_path_or_message_id() {
        let expected = Some((BounceKind::Failed, "550 5.1.1 <[address]>: Recipient address rejected"));
        check(&report("bounces+abcdefghijklmnop@example.org", FAILED, WHOLE), expected);
        check(&report("BOUNCES+ABCDEFGHIJKLMNOP@EXAMPLE.ORG", FAILED, ""), expected);
        check(&report("bounces@example.org", FAILED, WHOLE), expected);
        check(&report("bounces@example.org", FAILED, HEADERS_ONLY), expected);
        check(&report("bounces@example.org", FAILED, "Content-Type: text/plain\n\nbounces+abcdefghijklmnop@example.org"), None);
    }

    #[test]
    fn a_delay_is_no_failure() {
        let delayed = FAILED.replace("failed", "delayed").replace("5.1.1", "4.4.1").replace("550", "450");
        check(&report("bounces+abcdefghijklmnop@example.org", &delayed, ""), Some((BounceKind::Delayed, "450 4.4.1 <[address]>: Recipient address rejected")));
        let both = format!("{delayed}\n{FAILED}");
        check(&report("bounces+abcdefghijklmnop@example.org", &both, ""), Some((BounceKind::Failed, "550 5.1.1 <[address]>: Recipient address rejected")));
    }

    #[test]
    fn what_is_no_report_is_for_a_person_to_read() {
        check(
            "To: bounces+abcdefghijklmnop@example.org\nSubject: Out of office\n\nI am away.\n",
            Some((BounceKind::Unclear, "not a report that is understood: read it")),
        );
        check("To: somebody@example.org\n\nHello\n", None);
        check("", None);
    }

    #[test]
    fn any_bytes_are_read_without_harm() {
        let path = ReturnPath::new("bounces@example.org", '+').unwrap();
        let whole = report("bounces+abcdefghijklmnop@example.org", FAILED, WHOLE).replace('\n', "\r\n").into_bytes();
        // Every prefix, and every byte once changed: a cheap stand-in for a fuzzer.
        for end in 0..whole.len() {
            let _ = read_bounce(&whole[..end], &path);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] = changed[at].wrapping_mul(31).wrapping_add(255);
            let _ = read_bounce(&changed, &path);
        }
    }
}
