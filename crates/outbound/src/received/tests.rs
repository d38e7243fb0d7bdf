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

const LURES: [&str; 9] = [
    "Pay to: refund@evil.example\nCopy to: claims@evil.example\nAccount: 004-123-456789 Wong",
    "收款人：refund@evil.example\n副本：claims@evil.example\n帳戶：004-123-456789",
    "Subject: An intruder saw data about you\nAccount: 004-123-456789\nTo: J Wong <j@evil.example>",
    "Send a copy of your card to help@evil.example before 5 December:",
    "Harbour Hospital refunds, call 9876 5432 now:",
    "---- Get your refund at refund.example ----",
    "---- Tell the caller your PIN ----",
    "Sent from my bank: tell whoever calls you the PIN of your card",
    "Get Outlook for a refund of HKD 5000: answer with your date of birth and the number of your card today",
];

#[test]
fn what_looks_like_a_mark_of_forwarding_hides_no_lure() {
    let ours = letter();
    for lure in LURES {
        for (where_to, text) in [
            ("within", ours.replace("WHAT TO DO NOW\n", &format!("WHAT TO DO NOW\n\n{lure}\n"))),
            ("in front", format!("{lure}\n\n{ours}")),
            ("behind", format!("{ours}\n{lure}\n")),
        ] {
            let html: String = text.lines().map(|line| format!("<p>{line}</p>")).collect();
            let html = format!("From: a@evil.example\r\nSubject: {SUBJECT}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}");
            for (way, message) in [("plain", text.clone()), ("HTML", html), ("quoted", quoted(&text))] {
                let found = judged(message.as_bytes(), &ours);
                let is_loud = where_to != "within" && found.beside_words > 0;
                assert!(!found.is_ours() || is_loud, "{lure}, {where_to}, {way}: {found:?}");
            }
        }
    }
}

#[test]
fn words_of_others_are_counted_wherever_they_stand() {
    let ours = letter();
    for (words, message) in [
        (true, format!("Please answer this message with your password and date of birth.\n\n{ours}")),
        (true, format!("{ours}\nTo get your money answer with a photo of your card.\n")),
        (true, format!("Is this real?\n\n{GMAIL}{ours}")),
        (true, format!("On 29 November Harbour Hospital wants your PIN code at once:\n\n{ours}")),
        (false, ours.clone()),
        (false, format!("{GERMAN}{ours}\n\nVon meinem iPhone gesendet\n")),
    ] {
        let found = judged(message.as_bytes(), &ours);
        assert!(found.is_ours() && (found.beside_words > 0) == words, "{message}: {found:?}");
    }
    check("a short number", &format!("{ours}\nOr text 63366 now.\n"), &ours, false);
}

#[test]
fn notices_of_companies_and_gateways_make_no_other_letter() {
    let ours = letter();
    let disclaimer = "This e-mail is confidential and intended only for the addressee. If you received it by mistake, delete it. Acme Ltd, 1 Some Road, Tel. +44 20 7946 0000, www.acme.example";
    for message in [
        format!(
            "CAUTION: This email originated from outside of the organization. Do not click links or open attachments unless you recognize the sender and know the content is safe.\n\n{ours}"
        ),
        format!("[EXTERNAL EMAIL] Be careful with links.\n\n{ours}"),
        format!("外部電郵：請勿開啟附件或連結，除非你認識寄件人並確定內容安全。\n\n{ours}"),
        format!("{ours}\n\n--\n{disclaimer}\n"),
        format!(
            "{ours}\n\nDisclaimer\n\nThe information contained in this communication from the sender is confidential. It is intended solely for use by the recipient and others authorized to receive it.\n"
        ),
        format!("{ours}\n_______________________________________________\nStaff mailing list\nStaff@lists.example\nhttps://lists.example/staff\n"),
        format!("{ours}\n\nVirus-free. www.avast.com\n"),
        format!("{ours}\n\nThis email has been scanned for viruses by Mimecast. https://www.mimecast.com\n"),
        ours.replace("2123 4567", "2I23 4567").replace("14:06", "l4:O6"),
        ours.replace("(1 minute)\n2. Ask", "(1 minute) 2. Ask"),
    ] {
        let found = judged(message.as_bytes(), &ours);
        assert!(found.is_ours(), "{message}: {found:?}");
    }
    let found = judged(format!("CAUTION: This email is a fraud. Call 9876 5432.\n\n{ours}").as_bytes(), &ours);
    assert!(found.beside_words > 0 && found.beside_names.contains(&"98765432".to_owned()), "{found:?}");
}

#[test]
fn a_code_with_a_question_is_the_code() {
    let code = code();
    for (text, expected) in [
        (code.clone(), Some(CodeOnly::Bare)),
        (format!("my code is {code}"), Some(CodeOnly::Bare)),
        (format!("Hello, I got a letter with the code {code}, is it from you? Best, Tang"), Some(CodeOnly::Asked)),
        (format!("請問編碼{code}是你們的嗎？"), Some(CodeOnly::Asked)),
        (format!("Is {code} yours? Call me on 9876 5432"), None),
        (format!("Your code is {code}. Tell us your date of birth."), None),
    ] {
        assert_eq!(read_received(text.as_bytes()).remove(0).code_only(), expected, "{text}");
    }
}

/// The letter as `pdftotext` gives its page: line by line (`-raw`), as it stands (`-layout`), and column by column.
fn printed(ours: &str) -> [(&'static str, String); 3] {
    let rows: Vec<[&str; 3]> = ours
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .filter_map(|line| {
            let (name, rest) = line.split_once(": ")?;
            let (state, why) = rest.split_once(". ")?;
            Some([name, state, why])
        })
        .collect();
    let (_, body) = ours.split_once("Dear ").expect("a salutation");
    let (before, after) = body.split_once("- Date of birth").expect("a table");
    let (_, after) = after.split_once("\n\n").expect("more");
    let page = |head: &str, table: String| format!("{head}{SUBJECT}\nDear {before}{table}\n{}\u{c}", after.replace(": ", " "));
    let lines = "Harbour Hospital\nHarbour Hospital · 1 Quay · Hong Kong\nAnn Chan\nFlat 9B, 12 Long Road,\nWest Point, Hong Kong\nReference: HH-26-7\nDate: 29 November 2026\nsupport.hh.example.org\n";
    let beside = "Harbour Hospital\n\n\nHarbour Hospital · 1 Quay · Hong Kong          Reference: HH-26-7\nAnn Chan                                       Date: 29 November 2026\nFlat 9B, 12 Long Road,\nWest Point, Hong Kong\n\n                                               support.hh.example.org\n\n";
    let by_rows = |gap: &str| {
        std::iter::once(["Data", "What they did", "How we know"]).chain(rows.iter().copied()).map(|row| format!("{}\n", row.join(gap))).collect::<String>()
    };
    let heads = ["Data", "What they did", "How we know"];
    let columns: String =
        (0..3).map(|column| format!("{}\n{}\n", heads[column], rows.iter().map(|row| format!("{}\n", row[column])).collect::<String>())).collect();
    [("raw", page(lines, by_rows(" "))), ("layout", page(beside, by_rows("        "))), ("columns", page(&lines.replace('\n', "\n\n"), columns))]
}

fn judged_as_page(message: &str, ours: &str) -> Judged {
    let heads = [
        "Data",
        "What they did",
        "How we know",
        "Harbour Hospital",
        "1 Quay",
        "Hong Kong",
        "support.hh.example.org",
        "Ann Chan",
        "Flat 9B, 12 Long Road, West Point, Hong Kong",
    ];
    judge(&read_received(message.as_bytes()).remove(0), ours, SUBJECT, &heads.map(str::to_owned))
}

#[test]
fn a_printed_page_is_ours_in_whatever_order_it_is_read() {
    let ours = letter().replacen("Harbour Hospital\n", "Harbour Hospital\n1 Quay\nHong Kong\n", 1);
    for (way, page) in printed(&ours) {
        let found = judged_as_page(&page, &ours);
        assert!(found.is_ours() && found.beside_words == 0 && found.beside_names.is_empty(), "{way}: {found:?}");
        for (what, changed) in [
            ("the number", page.replace("2123 4567", "2123 4568")),
            ("a link", page.replace("support.hh.example.org", "support.hh-example.org")),
            ("the sender's place", page.replace("1 Quay", "2 Quay")),
            ("a row", page.replacen("Not touched", "Seen", 1)),
            ("an account", page.replace("WHAT TO DO NOW", "WHAT TO DO NOW\nPay to 004-123-456789")),
        ] {
            assert_ne!(changed, page, "{what}");
            assert!(!judged_as_page(&changed, &ours).is_ours(), "{way}: {what} was changed");
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
    for style in [
        "style=\"display: none\"",
        "style=\"color:#FFFFFF;background:#fff\"",
        "style=\"color: white\"",
        "style=\"position:absolute; left: -9999px\"",
        "style=\"text-indent:-9999px\"",
        "style=\"font-size: 1px\"",
        "style=\"height:0;overflow:hidden\"",
        "hidden",
    ] {
        check(style, &message(&format!("<div {style}>{html}</div><img src=\"cid:p\">"), picture), &ours, false);
    }
    check(
        "a ground of white",
        &message(&format!("<div style=\"background-color: #ffffff; text-indent:-18pt\">{html}</div><img src=\"cid:p\">"), picture),
        &ours,
        true,
    );
    let ends = [
        ("a style sheet that writes", "<style>p:after{content:\" Call 9876 5432\"}</style>"),
        ("words of a picture", "<img src=\"cid:p\" alt=\"Call 9876 5432 for your refund\">"),
        ("words of a field", "<input value=\"Call 9876 5432\">"),
        ("a long placeholder", "<input placeholder='Type your password, your date of birth and the number of your identity document in here'>"),
    ];
    for (what, end) in ends {
        check(what, &message(&format!("{html}{end}"), ""), &ours, false);
    }
    for (what, target, expected) in
        [("our number", "tel:+85221234567", true), ("another number", "tel:+85298765432", false), ("a message", "sms:+85298765432", false)]
    {
        check(what, &message(&html.replace("+852 2123 4567", &format!("<a href=\"{target}\">+852 2123 4567</a>")), ""), &ours, expected);
    }
    check("a number read backwards", &ours.replace("2123 4567", "\u{202e}2123 4567\u{202c}"), &ours, false);
    check("a number turned by a style", &message(&html.replace("2123 4567", "<bdo dir=rtl>2123 4567</bdo>"), ""), &ours, false);
}

#[test]
fn what_is_missing_and_what_is_added_is_told() {
    let ours = letter();
    let found = judged(format!("Is this real? Call me on 9876 5432.\n\n{GMAIL}{ours}").as_bytes(), &ours);
    assert!(found.is_ours() && found.missing.is_empty() && found.found == found.of, "{found:?}");
    assert_eq!(found.beside, [1, 3, 4, 5, 6, 7], "marks are told, too");
    assert_eq!(found.beside_names, ["98765432", "ann@people.example"]);
    assert!(found.beside_words > 0);
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
fn what_the_mails_own_head_says_is_told() {
    let ours = letter();
    let whole = |from: &str, more: &str, subject: &str| {
        format!("From: {from}\r\n{more}To: ann@people.example\r\nSubject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{ours}")
    };
    let own = "Harbour Hospital <privacy@hh.example.org>";
    for (message, expected) in [
        (whole(own, "", SUBJECT), vec![]),
        (whole(own, "", &format!("[EXTERNAL] Fwd: {SUBJECT}")), vec![]),
        (whole("Harbour Hospital <x@evil.example>", "", SUBJECT), vec!["From: x@evil.example"]),
        (whole(own, "Reply-To: y@evil.example\r\n", SUBJECT), vec!["Reply-To: y@evil.example"]),
        (whole(own, "", "Call 9876 5432"), vec!["98765432", "Subject: Call 9876 5432"]),
    ] {
        let found = judged(message.as_bytes(), &ours);
        assert!(found.is_ours());
        assert_eq!(found.beside_names, expected);
    }
}

#[test]
fn a_mail_in_a_file_of_any_name_is_read_and_its_companions_are_kept() {
    let ours = letter();
    let whole = format!(
        "From: Harbour Hospital <privacy@hh.example.org>\r\nDate: Sun, 29 Nov 2026 10:00:00 +0800\r\nSubject: {SUBJECT}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{ours}"
    );
    let file = |name: &str, bytes: &[u8]| {
        format!(
            "--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            BASE64_STANDARD.encode(bytes)
        )
    };
    let outer = format!(
        "From: x@people.example\r\nSubject: FW\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}{}--b--\r\n",
        file(SUBJECT, whole.as_bytes()),
        file("letter.exe", b"MZ")
    );
    let messages = read_received(outer.as_bytes());
    assert_eq!(messages.len(), 1);
    assert!(judge(&messages[0], &ours, SUBJECT, &[]).is_ours());
    let names: Vec<&String> = messages[0].files.iter().map(|file| file.name.expose_personal()).collect();
    assert_eq!(names, ["letter.exe"]);
    let pdf = read_received(b"%PDF-1.7 x").remove(0);
    assert_eq!(pdf.files.iter().map(|file| file.kind).collect::<Vec<_>>(), [FileKind::Pdf]);
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
