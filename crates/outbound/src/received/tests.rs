//! Letters as they come back, and as others change them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

const SUBJECT: &str = "An intruder saw data about you";

fn code() -> String {
    SupportCode::from_bits([7; 10]).grouped()
}

/// A letter as its file has it.
fn letter() -> String {
    format!(
        "Harbour Hospital\n\nReference: HH-26-7\nDate: 29 November 2026\n\nDear Ann Chan,\n\nSomebody broke into our systems and reached records about our people. This letter tells you what that means for you. We are sorry.\n\nYOUR DATA\n\n- Date of birth: Seen. It was sent to them on 15 Sep 2026 at 14:06.\n- Identity document number: Seen. It was sent to them on 15 Sep 2026 at 13:54.\n- Family: Not touched. It was in nothing that they opened.\n\nWHAT TO DO NOW\n\n1. Be wary of people who know things about you. Hang up and call the number below. (1 minute)\n2. Ask your bank to look out for payments that are not yours. (10 minutes)\n\nWHOM TO ASK\n\nQuestions: Privacy Office, +852 2123 4567, privacy@hh.example.org\nYour safety: Duty Officer, +852 2123 9999\n\nYour code is {}. Give it when you write or call. We never ask for your date of birth or your identity number.\n\nHarbour Hospital\n",
        code()
    )
}

fn chinese() -> String {
    format!(
        "港灣醫院\n\n檔案編號：HH-26-7\n日期：2026年11月29日\n\n致陳大文：\n\n有人入侵我們的系統，接觸了人員資料。本函說明這件事對你的影響。我們為此致歉。\n\n你的資料\n\n- 出生日期：已被看過。資料於2026年9月15日14:06傳送給他們。\n- 家庭：沒有被接觸。他們打開的資料中沒有此項。\n\n現在要做的事\n\n1. 提防知道你事情的人。掛線後致電下列號碼。（1分鐘）\n\n查詢\n\n查詢：私隱辦公室，+852 2123 4567，privacy@hh.example.org\n\n你的編碼是{}。來函或來電時請提供。我們不會問你的出生日期或身份證號碼。\n\n港灣醫院\n",
        code()
    )
}

/// Judges a message against a letter; what is ours must be told with its missing and added lines, what is not with why.
fn judged(message: &[u8], ours: &str) -> Judged {
    let mut messages = read_received(message);
    assert_eq!(messages.len(), 1);
    judge(&messages.remove(0), ours, SUBJECT, &["Data".into(), "What they did".into(), "How we know".into()])
}

fn check(way: &str, message: &str, ours: &str, expected: bool) {
    let found = judged(message.as_bytes(), ours);
    assert_eq!(found.is_ours(), expected, "{way}: {found:?}");
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// Lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split(' ') {
            if length > 0 && length + word.chars().count() >= width {
                out.push('\n');
                length = 0;
            } else if length > 0 {
                out.push(' ');
            }
            out.push_str(word);
            length += word.chars().count() + 1;
        }
        out.push('\n');
    }
    out
}

const GMAIL: &str = "---------- Forwarded message ---------\nFrom: Harbour Hospital <privacy@hh.example.org>\nDate: Sun, Nov 29, 2026 at 10:00 AM\nSubject: An intruder saw data about you\nTo: Ann Chan <ann@people.example>\n\n\n";
const OUTLOOK: &str = "________________________________\nFrom: Harbour Hospital\nSent: Sunday, November 29, 2026 10:00 AM\nTo: Ann Chan\nSubject: An intruder saw data about you\n\n";
const APPLE: &str = "Begin forwarded message:\n\n> From: \"Harbour Hospital\" <privacy@hh.example.org>\n> Subject: An intruder saw data about you\n> Date: 29 November 2026 at 10:00:00 HKT\n> To: ann@people.example\n> \n";
const GERMAN: &str = "-----Ursprüngliche Nachricht-----\nVon: Harbour Hospital <privacy@hh.example.org>\nGesendet: Sonntag, 29. November 2026 10:00\nAn: Ann Chan <ann@people.example>\nBetreff: An intruder saw data about you\n\n";

fn ways(ours: &str) -> Vec<(&'static str, String)> {
    let mail =
        |head: &str, body: &str| format!("From: x@people.example\r\nSubject: Fwd: An intruder saw data about you\r\nMIME-Version: 1.0\r\n{head}\r\n\r\n{body}");
    let whole = format!(
        "From: Harbour Hospital <privacy@hh.example.org>\r\nTo: ann@people.example\r\nSubject: {SUBJECT}\r\nMessage-ID: <abcdefghijklmnop@hh.example.org>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{ours}"
    );
    let html: String = ours.split("\n\n").map(|p| format!("<div dir=\"ltr\"><p>{}</p></div>", p.replace('\n', "<br>"))).collect();
    let lines: Vec<&str> = ours.lines().collect();
    vec![
        ("as it went", whole.clone()),
        ("copied", ours.to_owned()),
        ("windows line ends", ours.replace('\n', "\r\n")),
        ("quoted", quoted(ours)),
        ("quoted twice", quoted(&quoted(ours))),
        ("wrapped at 40", wrapped(ours, 40)),
        ("wrapped at 72 and quoted", quoted(&wrapped(ours, 72))),
        ("gmail", format!("Is this real?\n\n{GMAIL}{ours}")),
        ("outlook", format!("{OUTLOOK}{ours}")),
        ("apple", format!("{APPLE}{}", quoted(ours))),
        ("german", format!("{GERMAN}{ours}\n\nVon meinem iPhone gesendet\n")),
        ("reply", format!("Is this from you?\n\nOn Sun, 29 Nov 2026 at 10:00, Harbour Hospital <\nprivacy@hh.example.org> wrote:\n\n{}", quoted(ours))),
        ("chinese reply", format!("這是你們寄的嗎？\n\nHarbour Hospital <privacy@hh.example.org> 於 2026年11月29日 週日 上午10:00寫道：\n\n{}", quoted(ours))),
        ("phone", format!("{ours}\n\n從我的 iPhone 傳送\n")),
        ("outlook for ios", format!("{ours}\nGet Outlook for iOS<https://aka.ms/o0ukef>\n")),
        ("signature above the mark", format!("See below.\n\nBest regards,\nJane Doe\nLegal, Some Company Limited\n\n{GMAIL}{ours}")),
        ("forwarded twice", format!("{GERMAN}{GMAIL}{ours}")),
        (
            "as an attachment",
            mail(
                "Content-Type: multipart/mixed; boundary=b",
                &format!("--b\r\nContent-Type: text/plain\r\n\r\nPlease check.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{whole}\r\n--b--\r\n"),
            ),
        ),
        (
            "as a file",
            mail(
                "Content-Type: multipart/mixed; boundary=b",
                &format!(
                    "--b\r\nContent-Type: text/plain\r\n\r\nPlease check.\r\n--b\r\nContent-Type: application/octet-stream; name=letter.eml\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=letter.eml\r\n\r\n{}\r\n--b--\r\n",
                    BASE64_STANDARD.encode(&whole)
                ),
            ),
        ),
        (
            "html alone",
            mail(
                "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
                &format!("<html><head><style>p {{ margin: 0 }}</style></head><body>{html}</body></html>"),
            ),
        ),
        ("curly marks", ours.replace('\'', "’").replace("- ", "• ").replace(": ", " : ")),
        ("a photo without some lines", lines.iter().enumerate().filter(|(i, _)| i % 7 != 5).map(|(_, line)| format!("{line}\n")).collect()),
        ("the end of it", lines[lines.len() / 2..].join("\n")),
    ]
}

#[test]
fn a_letter_is_ours_however_it_comes_back() {
    for ours in [letter(), chinese()] {
        for (way, message) in ways(&ours) {
            check(way, &message, &ours, true);
        }
    }
}

type Change = Box<dyn Fn(&str) -> String>;

#[test]
fn our_text_with_another_link_number_or_account_is_not_ours() {
    let ours = letter();
    let changes: [(&str, Change); 14] = [
        ("a link in the guise of a phone", Box::new(|text| format!("{text}\nSent from my iPhone https://evil.example/pay\n"))),
        ("a number in the guise of a phone", Box::new(|text| format!("{text}\nSent from my phone, call 5555 0000\n"))),
        ("another number", Box::new(|text| text.replace("2123 4567", "2123 4568"))),
        ("another address", Box::new(|text| text.replace("privacy@hh.example.org", "privacy@hh-example.org"))),
        ("a link within", Box::new(|text| text.replace("WHAT TO DO NOW", "Go to https://refund.example/x now.\n\nWHAT TO DO NOW"))),
        ("a bare link within", Box::new(|text| text.replace("Give it when", "Enter it at hh-example.org when"))),
        ("a link in front", Box::new(|text| format!("Pay here: https://refund.example/a\n{text}"))),
        ("a link behind", Box::new(|text| format!("{text}\nhttps://refund.example/a\n"))),
        ("an account", Box::new(|text| text.replace("Ask your bank", "Pay 50 to account 004-123-456789. Ask your bank"))),
        ("an account behind", Box::new(|text| format!("{text}\nAccount 004 123 456789\n"))),
        ("another code", Box::new(|text| text.replace(&code(), "7K2M-QX4D-9RTV-H3PA"))),
        ("a word left out", Box::new(|text| text.replace("We never ask", "We ask"))),
        ("a word put in", Box::new(|text| text.replace("Hang up and call", "Do not hang up and call"))),
        (
            "a long story behind",
            Box::new(|text| format!("{text}\nTo receive what you are owed please answer this message with a copy of both sides of your card.\n")),
        ),
    ];
    for (what, change) in changes {
        let text = change(&ours);
        assert_ne!(text, ours, "{what}");
        for (way, message) in [("plain", text.clone()), ("quoted", quoted(&text)), ("forwarded", format!("{GMAIL}{text}")), ("wrapped", wrapped(&text, 50))] {
            check(&format!("{what}, {way}"), &message, &ours, false);
        }
    }
}

#[test]
fn what_a_reader_sees_of_html_must_be_ours_too() {
    let ours = letter();
    let message = |html: &str, more: &str| {
        format!(
            "From: a@b.example\r\nSubject: {SUBJECT}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{ours}\r\n--i\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}\r\n--i--\r\n{more}--o--\r\n"
        )
    };
    let html: String = ours.lines().map(|line| format!("<p>{line}</p>")).collect();
    check("same", &message(&html, ""), &ours, true);
    let linked = html.replace("privacy@hh.example.org", "<a href=\"mailto:privacy@hh.example.org\">privacy@hh.example.org</a>");
    check("a link of ours", &message(&linked, ""), &ours, true);
    let lure = html.replace("privacy@hh.example.org", "<a href='https&#58;//evil.example/'>privacy@hh.example.org</a>");
    check("another target", &message(&lure, ""), &ours, false);
    check("another text", &message("<p>Dear Ann Chan, answer with your date of birth.</p>", ""), &ours, false);
    let picture = "--o\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <p>\r\n\r\niVBORw0KGgo=\r\n";
    check("a logo", &message(&format!("{html}<img src=\"cid:p\">"), picture), &ours, true);
    check("a picture over hidden words", &message(&format!("<div style=\"display: none\">{html}</div><img src=\"cid:p\">"), picture), &ours, false);
}

#[test]
fn what_is_missing_and_what_is_added_is_told() {
    let ours = letter();
    let found = judged(format!("Is this real? Call me on 9876 5432.\n\n{GMAIL}{ours}").as_bytes(), &ours);
    assert!(found.is_ours() && found.missing.is_empty() && found.found == found.of, "{found:?}");
    assert_eq!((found.beside.clone(), found.beside_names.clone()), (vec![1], vec!["98765432".to_owned()]));
    let without: String = ours.lines().filter(|line| !line.starts_with("2. ")).map(|line| format!("{line}\n")).collect();
    let found = judged(without.as_bytes(), &ours);
    assert!(found.is_ours());
    assert_eq!(found.missing, [19]);
    let other = ours.replace("2123 4567", "5555 0000").replace("privacy@hh.example.org", "hh@evil.example");
    let told: Vec<(usize, What)> = judged(other.as_bytes(), &ours).differences.into_iter().map(|d| (d.line, d.what)).collect();
    assert_eq!(told, [(23, What::Link("hh@evil.example".into())), (23, What::Number("5555 0000".into()))]);
}

#[test]
fn words_of_our_letter_among_others_are_no_letter_of_ours() {
    let ours = letter();
    for text in [
        format!("Your code is {}. Tell us your date of birth.\n", code()),
        format!("Dear Ann Chan, your code is {}. We need a copy of your card today, or your account will be closed.", code()),
        "Dear customer, click.".to_owned(),
        "Harbour Hospital".to_owned(),
        String::new(),
    ] {
        check("a lure", &text, &ours, false);
    }
}

#[test]
fn a_message_names_letters_in_its_headers_and_codes_in_its_text() {
    let code = code();
    let mail = format!(
        "From: a@example.org\r\nMessage-ID: <abcdefghijklmnop@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\nYour code is {code}.=\r\n Write to help@example.org or see <https://evil.example/x>.\r\n"
    );
    let read = read_received(mail.as_bytes()).remove(0);
    assert_eq!(read.references, [LetterReference::parse("abcdefghijklmnop").unwrap()]);
    assert_eq!(read.codes, [code.parse().unwrap()]);
    assert_eq!(codes_in(&format!("it says {} I think", code.to_lowercase().replace('-', " "))), [code.parse().unwrap()]);
}

#[test]
fn what_is_no_mail_is_text() {
    let code = code();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(code.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (bytes, codes) in [(code.as_bytes(), 1), (&utf16, 1), (b"", 0), (b"\xff\xfe\x00", 0), (b":\r\n\r\n", 0), (b"From", 0), (b"----", 0)] {
        assert_eq!(read_received(bytes).remove(0).codes.len(), codes);
    }
    assert_eq!(read_received(b"%PDF-1.7 x").remove(0).files.len(), 1);
}

#[test]
fn any_bytes_are_judged_without_harm_and_in_time() {
    let ours = letter();
    let whole = format!("From: a@b.example\r\nContent-Type: text/html\r\n\r\n<div><a href=\"x\">{}</a>", ours.replace('\n', "<br>")).into_bytes();
    for end in (0..whole.len()).step_by(7) {
        let _ = judged(&whole[..end], &ours);
    }
    for at in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[at] = changed[at].wrapping_mul(31).wrapping_add(255);
        for message in read_received(&changed) {
            let _ = judge(&message, &ours, SUBJECT, &[]);
        }
    }
    let begun = std::time::Instant::now();
    let flood = format!("{}{ours}", "call the number below Dear Ann > : ".repeat(25_000));
    assert!(!judged(flood.as_bytes(), &ours).is_ours());
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
}
