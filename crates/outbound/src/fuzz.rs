//! One call a fuzzer: any bytes as a report, and any words as a letter.

use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;

use crate::{OutgoingLetter, ReturnPath, SenderIdentity, compose, judge, read_bounce, read_received};

fn return_path() -> Option<ReturnPath> {
    ReturnPath::new("bounces@example.org", '+').ok()
}

/// Reads `bytes` as a message that came to the return path. Panics and hangs are what a fuzzer looks for.
pub fn fuzz_bounce(bytes: &[u8]) {
    let _ = return_path().and_then(|path| read_bounce(bytes, &path));
}

/// Reads `bytes` as a message that somebody asks about, and compares it with a letter.
pub fn fuzz_received(bytes: &[u8]) {
    let ours = "Dear Ann,\n\nYour code is 7K2M. Call +852 2123 4567.\n";
    for message in read_received(bytes) {
        let _ = judge(&message, ours, "About your data", &[]);
    }
}

/// Makes a letter of what stands between zero bytes: name, address, subject, language, text. Whatever comes out has passed the
/// check of headers and lines; panics are what a fuzzer looks for.
pub fn fuzz_letter(bytes: &[u8]) {
    let words = String::from_utf8_lossy(bytes);
    let mut parts = words.split('\0').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let letter = OutgoingLetter {
        reference: LetterReference::from_bits([1; 10]),
        name: Some(Personal::new(next())),
        address: Personal::new(next()),
        subject: Personal::new(next()),
        language: next(),
        text: Personal::new(next()),
        html: None,
        attachments: Vec::new(),
    };
    let identity = return_path().and_then(|path| SenderIdentity::new("notice@example.org", None, None, path).ok());
    let _ = identity.map(|identity| compose(&letter, &identity, None, Instant(0)));
}
