//! Reports of the mail systems that there are, each judged, and each about the letter that it is about.

use strandline_outbound::{BounceKind, ReturnPath, is_mail, read_bounce};

const CORPUS: &str = include_str!("bounces.txt");
const REFERENCE: &str = "abcdefghijklmnop";

/// The name of each report, what it should say, and its text.
fn reports() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CORPUS.split("\n=== ").skip(1).map(|report| {
        let (first, text) = report.split_once('\n').expect("a first line");
        let (name, expected) = first.rsplit_once(" = ").expect("a name and what it is");
        (name, expected, text)
    })
}

fn told(text: &str, path: &ReturnPath) -> Option<String> {
    let bounce = read_bounce(text.replace('\n', "\r\n").as_bytes(), path)?;
    assert_eq!(bounce.reference.as_str(), REFERENCE);
    let kind = match bounce.kind {
        BounceKind::Failed => "failed",
        BounceKind::Delayed => "delayed",
        BounceKind::Delivered => "delivered",
        BounceKind::Unclear => "unclear",
    };
    assert!(!bounce.answer.to_string().contains("person@"), "an answer shows an address: {}", bounce.answer);
    Some(format!("{kind} {} {}", bounce.answer.code, bounce.answer.enhanced.as_deref().unwrap_or("-")))
}

#[test]
fn reports_of_the_systems_named_are_judged_as_they_are_meant() {
    let path = ReturnPath::new("bounces@example.org", '+').unwrap();
    let wrong: Vec<String> = reports()
        .filter_map(|(name, expected, text)| {
            assert!(is_mail(text.as_bytes()), "{name} is no mail");
            let told = told(text, &path).unwrap_or_else(|| "nobody's".to_owned());
            (told != expected).then(|| format!("{name}: {told}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(reports().count() >= 60);
}

#[test]
fn a_report_about_another_organisations_letter_is_nobodys() {
    let path = ReturnPath::new("bounces@example.org", '+').unwrap();
    for (name, _, text) in reports() {
        let other = text.replace(REFERENCE, "somebody.else").replace("bounces+", "returns+");
        assert!(read_bounce(other.as_bytes(), &path).is_none(), "{name}");
    }
}

#[test]
fn a_report_cut_anywhere_is_read_without_harm() {
    let path = ReturnPath::new("bounces@example.org", '+').unwrap();
    for (_, _, text) in reports() {
        for end in (0..text.len()).step_by(7) {
            let _ = read_bounce(&text.as_bytes()[..end], &path);
        }
    }
}
