//! The fields of a delivery status: RFC 3464, and RFC 6533 for addresses beyond ASCII.

use super::BounceKind;
use crate::plain::without_addresses;
use crate::smtp::{Answer, is_enhanced};

/// Characters that are kept of what a server said.
const DIAGNOSIS_CHARS: usize = 200;

/// Whether parts of this type hold a delivery status.
pub(super) fn is_status(subtype: &str) -> bool {
    ["delivery-status", "global-delivery-status"].iter().any(|known| subtype.eq_ignore_ascii_case(known))
}

/// The recipient's fields (RFC 3464, 2.3). A letter has one recipient, so the gravest group counts.
pub(super) fn read_report(text: &str) -> Option<(BounceKind, Answer)> {
    let mut found: Option<(BounceKind, Answer)> = None;
    for group in unfolded(text).split(|line| line.is_empty()) {
        let field = |name: &str| {
            group.iter().find_map(|line| line.split_once(':').filter(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()))
        };
        let status = field("Status").and_then(|s| s.split([' ', '\t', '(']).next()).filter(|s| is_enhanced(s)).map(str::to_owned);
        // A group without an action is of the whole message, or of a system that leaves it out: then the status must be a recipient's.
        let kind = match field("Action").map(action) {
            Some(Some(kind)) => kind,
            Some(None) => continue,
            None if field("Final-Recipient").is_none() => continue,
            None => match status.as_deref().and_then(class) {
                Some(kind) => kind,
                None => continue,
            },
        };
        let diagnosis = field("Diagnostic-Code").map(|d| d.split_once(';').map_or(d, |(_, words)| words).trim()).unwrap_or_default();
        let this = (kind, answer(status, diagnosis));
        if found.as_ref().is_none_or(|(known, _)| kind < *known) {
            found = Some(this);
        }
    }
    found
}

/// What an action says: `failed`, and what some systems write behind it in brackets.
pub(super) fn action(text: &str) -> Option<BounceKind> {
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    match word.to_ascii_lowercase().as_str() {
        "failed" => Some(BounceKind::Failed),
        "delayed" => Some(BounceKind::Delayed),
        "delivered" | "relayed" | "expanded" => Some(BounceKind::Delivered),
        _ => None,
    }
}

/// What the class of a status says (RFC 3463, 2).
fn class(status: &str) -> Option<BounceKind> {
    match status.as_bytes().first()? {
        b'5' => Some(BounceKind::Failed),
        b'4' => Some(BounceKind::Delayed),
        b'2' => Some(BounceKind::Delivered),
        _ => None,
    }
}

/// A server's words as code, status and text; the status that it wrote into its words where no field has one.
pub(super) fn answer(status: Option<String>, diagnosis: &str) -> Answer {
    let code = diagnosis.split(|c: char| !c.is_ascii_digit()).next().filter(|word| word.len() == 3).and_then(|word| word.parse().ok()).unwrap_or(0);
    let words = if code == 0 { diagnosis } else { diagnosis.get(3..).unwrap_or_default().trim_start_matches([' ', '-']) };
    let own = words.split([' ', '\t', ')']).next().map(|word| word.trim_start_matches(['(', '#'])).filter(|word| is_enhanced(word));
    let status = status.or_else(|| own.map(str::to_owned));
    let words = status.as_deref().and_then(|s| words.strip_prefix(s)).unwrap_or(words);
    Answer { code, enhanced: status, text: without_addresses(words, DIAGNOSIS_CHARS) }
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
