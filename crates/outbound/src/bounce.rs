//! Reports of mail that did not arrive: RFC 3464 in a multipart/report (RFC 6522), and what else comes to a return path.
//!
//! The person is found by the address that the report came to, or by the Message-ID of the letter that it returns; never by
//! an address in the report's words, which anybody can write.

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use strandline_model::letter::LetterReference;

use crate::plain::without_addresses;
use crate::return_path::ReturnPath;
use crate::smtp::Answer;

/// Longest report that is read; what is behind it is usually the returned letter.
pub(crate) const REPORT_BYTES_LIMIT: usize = 1 << 20;

/// Longest piece of text that is searched for fields.
const FIELDS_BYTES_LIMIT: usize = 1 << 16;

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

/// Reads one message that came to the return path. `None` if it names no letter of ours.
pub fn read_bounce(message: &[u8], return_path: &ReturnPath) -> Option<Bounce> {
    let message = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    let parsed = MessageParser::default().parse(message)?;
    let reference = find_reference(&parsed, return_path)?;
    let report = parsed.parts.iter().find(|part| part.is_content_type("message", "delivery-status")).and_then(|part| text_of(&part.body));
    let (kind, answer) =
        report.and_then(|text| read_report(&text)).unwrap_or_else(|| (BounceKind::Unclear, Answer::own("not a report that is understood: read it")));
    Some(Bounce { reference, kind, answer })
}

/// Whether this is a message at all: whatever a mail system delivers names its sender, its way or itself.
pub fn is_mail(message: &[u8]) -> bool {
    let message = &message[..message.len().min(REPORT_BYTES_LIMIT)];
    let names = ["from", "to", "received", "return-path", "message-id", "delivered-to", "subject", "date"];
    MessageParser::default()
        .parse(message)
        .is_some_and(|parsed| parsed.headers().iter().any(|header| names.iter().any(|name| header.name().eq_ignore_ascii_case(name))))
}

/// The letter: by the recipients that the report was delivered to, then by the letter that it returns.
fn find_reference(message: &Message<'_>, return_path: &ReturnPath) -> Option<LetterReference> {
    let own = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"];
    let texts = own.iter().flat_map(|name| message.headers().iter().filter(move |h| h.name().eq_ignore_ascii_case(name)));
    let raw = message.raw_message();
    for header in texts {
        let text = raw.get(header.offset_start() as usize..header.offset_end() as usize).unwrap_or_default();
        if let Some(found) = words(&String::from_utf8_lossy(text)).find_map(|word| return_path.reference_in(word)) {
            return Some(found);
        }
    }
    message.parts.iter().skip(1).find_map(|part| match &part.body {
        PartType::Message(returned) => returned.message_id().and_then(reference_of_id).or_else(|| sender_of(returned, return_path)),
        body if part.is_content_type("text", "rfc822-headers") => text_of(body).and_then(|text| find_in_headers(&text, return_path)),
        _ => None,
    })
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
    headers.lines().find_map(|line| {
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

/// The recipient's fields of a delivery status (RFC 3464, 2.3). A letter has one recipient, so the gravest group counts.
fn read_report(text: &str) -> Option<(BounceKind, Answer)> {
    let mut found: Option<(BounceKind, Answer)> = None;
    for group in unfolded(text).split(|line| line.is_empty()) {
        let field = |name: &str| {
            group.iter().find_map(|line| line.split_once(':').filter(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()))
        };
        let kind = match field("Action").map(str::to_ascii_lowercase).as_deref() {
            Some("failed") => BounceKind::Failed,
            Some("delayed") => BounceKind::Delayed,
            Some("delivered" | "relayed" | "expanded") => BounceKind::Delivered,
            _ => continue,
        };
        let status = field("Status").and_then(|s| s.split_whitespace().next()).filter(|s| crate::smtp::is_enhanced(s)).map(str::to_owned);
        let diagnosis = field("Diagnostic-Code").map(|d| d.split_once(';').map_or(d, |(_, words)| words).trim()).unwrap_or_default();
        let code = diagnosis.split(|c: char| !c.is_ascii_digit()).next().filter(|word| word.len() == 3).and_then(|word| word.parse().ok()).unwrap_or(0);
        let words = if code == 0 { diagnosis } else { diagnosis.get(3..).unwrap_or_default().trim_start_matches([' ', '-']) };
        let words = status.as_deref().and_then(|s| words.strip_prefix(s)).unwrap_or(words);
        let this = (kind, Answer { code, enhanced: status, text: without_addresses(words, 200) });
        if found.as_ref().is_none_or(|(known, _)| kind < *known) {
            found = Some(this);
        }
    }
    found
}

/// Lines with their continuations joined.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        match (line.starts_with([' ', '\t']), lines.last_mut()) {
            (true, Some(last)) if !last.is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
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
