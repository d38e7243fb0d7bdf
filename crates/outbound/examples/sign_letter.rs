//! Writes one signed letter to standard output, for another program to verify: `sign_letter KEY.PEM SELECTOR DOMAIN`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program to check with")]

use std::io::Write;

use strandline_model::letter::LetterReference;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_outbound::{DkimKey, OutgoingLetter, ReturnPath, SenderIdentity, compose};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let key = DkimKey::from_pem(&std::fs::read_to_string(&arguments[1]).unwrap(), &arguments[2], &arguments[3]).unwrap();
    let identity = SenderIdentity::new(
        "notice@example.org",
        Some("Harbour Hospital 海港醫院"),
        Some("help@example.org"),
        ReturnPath::new("bounces@example.org", '+').unwrap(),
    );
    let letter = OutgoingLetter {
        reference: LetterReference::from_bits([9; 10]),
        address: Personal::new("person@example.net".into()),
        name: Some(Personal::new("CHAN, Tai Man \"Tom\" 陳大文".into())),
        language: "en".into(),
        subject: Personal::new("An intruder saw data about you, and this subject is long enough that it must be folded somewhere — 你好".into()),
        text: Personal::new("Dear Tom,  \n\n  two  spaces\t\n.\nBye\n\n\n".into()),
        html: None,
        attachments: vec![],
    };
    let mail = compose(&letter, &identity.unwrap(), Some(&key), Instant(1_795_500_000_000_000)).unwrap();
    std::io::stdout().write_all(&mail.bytes).unwrap();
}
