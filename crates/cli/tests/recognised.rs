//! Fifty letters in fifteen languages, each coming back in twenty ways, and fifty that somebody changed: `notify CASE check` knows all of
//! the first for ours, and none of the second.

mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use servers::{TakenMail, start_server, strandline, text};
use tempfile::TempDir;

const LETTERS: usize = 50;

/// Languages of the readers, in turn.
const LANGUAGES: [&str; 15] = ["en", "zh-Hant", "ur", "th", "hi", "ja", "ko", "de", "fr", "es", "pt", "id", "tl", "ne", "zh-Hans"];

fn run(arguments: &[&str]) -> String {
    let output = strandline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {out}{err}");
    out
}

/// A letter that left: whose, as it went, and its text.
struct Sent {
    key: String,
    mail: TakenMail,
    text: String,
}

/// Sends the letters of a made-up department whose people read many languages.
fn send(folder: &TempDir) -> Vec<Sent> {
    let into = folder.path().join("made");
    run(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)]);
    let register = into.join("register/crew.csv");
    let mut reader = csv::Reader::from_path(&register).expect("a register");
    let columns = reader.headers().expect("column names").clone();
    let place = columns.iter().position(|name| name == "language").expect("a column of languages");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).expect("a line");
    for (number, row) in reader.records().enumerate() {
        let row = row.expect("a line");
        let cells = row.iter().enumerate().map(|(column, cell)| if column == place { LANGUAGES[number % LANGUAGES.len()] } else { cell });
        writer.write_record(cells).expect("a line");
    }
    fs::write(&register, writer.into_inner().expect("memory can be flushed")).expect("a register");
    let (estate, evidence, case) = (into.join("estate.toml"), into.join("evidence"), folder.path().join("case"));
    let described = fs::read_to_string(&estate).expect("an estate");
    fs::write(&estate, format!("{described}\n[support]\naddress = \"https://support.oifa.example.hk\"\n")).expect("an estate");
    run(&["respond", "--estate", text(&estate), "--evidence", text(&evidence), "--case", text(&case)]);
    for by in ["A. Chan", "B. Lee"] {
        run(&["notify", text(&case), "approve", "--responder", by]);
    }
    let (port, taken) = start_server();
    run(&["notify", text(&case), "send", "--server", &format!("127.0.0.1:{port}")]);
    let status: serde_json::Value = serde_json::from_str(&run(&["notify", text(&case), "status", "--json"])).expect("JSON");
    let people = status["people"].as_array().expect("people").iter();
    let keys: BTreeMap<String, String> =
        people.filter_map(|person| Some((person["reference"].as_str()?.to_owned(), person["data_subject"].as_str()?.to_owned()))).collect();
    let mut sent: Vec<Sent> = taken.lock().expect("no panic").iter().map(|mail| of_mail(&case, &keys, mail)).collect();
    sent.sort_by(|a, b| a.key.cmp(&b.key));
    sent.truncate(LETTERS);
    sent
}

fn of_mail(case: &Path, keys: &BTreeMap<String, String>, mail: &TakenMail) -> Sent {
    let reference = mail.return_path.split_once('+').and_then(|(_, rest)| rest.split_once('@')).expect("a return path of its own").0;
    let key = keys[reference].clone();
    let letter = fs::read_to_string(case.join(format!("letters/{key}.txt"))).expect("a letter");
    let text = letter.split_once("\n\n").expect("head and body").1.to_owned();
    Sent { key, mail: mail.clone(), text }
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// Lines of at most `width` characters, broken at blanks.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split(' ') {
            if length > 0 {
                out.push(if length + word.chars().count() >= width { '\n' } else { ' ' });
                length = if out.ends_with('\n') { 0 } else { length + 1 };
            }
            out.push_str(word);
            length += word.chars().count();
        }
        out.push('\n');
    }
    out
}

const GMAIL: &str = "---------- Forwarded message ---------\nFrom: OIFA <privacy@oifa.example.hk>\nDate: Sun, Nov 29, 2026 at 10:00 AM\nSubject: Data\nTo: Ann <ann@people.example>\n\n\n";
const OUTLOOK: &str = "________________________________\nFrom: OIFA <privacy@oifa.example.hk>\nSent: Sunday, November 29, 2026 10:00 AM\nTo: Ann <ann@people.example>\nSubject: Data\n\n";
const APPLE: &str = "Begin forwarded message:\n\n> From: OIFA <privacy@oifa.example.hk>\n> Subject: Data\n> Date: 29 November 2026 at 10:00:00 HKT\n> To: ann@people.example\n> \n";

/// Twenty ways in which one letter comes back.
fn ways(sent: &Sent) -> [(&'static str, String); 20] {
    let (ours, whole) = (sent.text.as_str(), sent.mail.message.as_str());
    let lines: Vec<&str> = ours.lines().collect();
    let with = |head: &str, body: &str| format!("From: x@people.example\nSubject: Fwd\nMIME-Version: 1.0\n{head}\n\n{body}");
    let plain = |body: &str| with("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", body);
    let html: String = ours.split("\n\n").map(|part| format!("<div><p>{}</p></div>", part.replace('<', "&lt;").replace('\n', "<br>"))).collect();
    let attached = |kind: &str| {
        // No beginning of a boundary that the letter may bear itself.
        let head = "Content-Type: multipart/mixed; boundary=outer-zzz";
        with(head, &format!("--outer-zzz\nContent-Type: text/plain\n\nPlease check.\n--outer-zzz\n{kind}\n\n{whole}\n--outer-zzz--\n"))
    };
    [
        ("as it went", whole.to_owned()),
        ("copied", ours.to_owned()),
        ("Windows line ends", ours.replace('\n', "\r\n")),
        ("quoted", quoted(ours)),
        ("quoted twice", quoted(&quoted(ours))),
        ("wrapped at 40", wrapped(ours, 40)),
        ("wrapped at 72 and quoted", quoted(&wrapped(ours, 72))),
        ("as a mail of somebody's", plain(ours)),
        ("forwarded by Gmail", plain(&format!("Is this real?\n\n{GMAIL}{ours}"))),
        ("forwarded by Outlook", plain(&format!("{OUTLOOK}{ours}"))),
        ("forwarded by Apple", plain(&format!("{APPLE}{}", quoted(ours)))),
        ("forwarded twice", plain(&format!("{OUTLOOK}{GMAIL}{ours}"))),
        ("answered", plain(&format!("Is this from you?\n\nOn Sun, 29 Nov 2026 at 10:00, OIFA <privacy@oifa.example.hk> wrote:\n\n{}", quoted(ours)))),
        ("with a telephone's line", plain(&format!("{ours}\n\nSent from my iPhone\n"))),
        ("as an attachment", attached("Content-Type: message/rfc822")),
        ("as a file", attached("Content-Type: application/octet-stream; name=letter.eml\nContent-Disposition: attachment; filename=letter.eml")),
        ("HTML alone", with("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit", &format!("<html><body>{html}</body></html>"))),
        ("without direction marks", ours.replace(['\u{2066}', '\u{2069}'], "")),
        ("a photo without some lines", lines.iter().enumerate().filter(|(at, _)| at % 7 != 5).map(|(_, line)| format!("{line}\n")).collect()),
        ("the end of it", lines[lines.len() / 2..].join("\n")),
    ]
}

/// The letter as somebody changes it; what, in turn.
fn altered(sent: &Sent, number: usize) -> (&'static str, String) {
    let ours = sent.text.as_str();
    let (what, text) = match number % 6 {
        0 => ("another number", ours.replace("+852 2000 0100", "+852 2000 0900")),
        1 => ("another address", ours.replace("privacy@oifa.example.hk", "privacy@oifa-example.hk")),
        2 => ("a link in front", format!("https://refund.example/a\n{ours}")),
        3 => ("a link behind", format!("{ours}\nhttps://refund.example/a\n")),
        4 => ("another support page", ours.replace("support.oifa.example.hk", "support.oifa-example.hk")),
        _ => ("an account behind", format!("{ours}\nAccount 004 123 456789\n")),
    };
    assert_ne!(text, ours, "{what} changes nothing");
    (what, if number.is_multiple_of(2) { text } else { quoted(&text) })
}

/// Has a folder of messages checked; the verdicts, in the order of their names.
fn check(case: &Path, folder: &Path, messages: &[String]) -> Vec<serde_json::Value> {
    fs::create_dir(folder).expect("a folder");
    for (number, message) in messages.iter().enumerate() {
        fs::write(folder.join(format!("{number:04}.eml")), message).expect("a message");
    }
    serde_json::from_str(&run(&["notify", text(case), "check", text(folder), "--json"])).expect("JSON")
}

#[test]
fn fifty_letters_are_ours_in_twenty_ways_and_fifty_changed_ones_are_not() {
    let folder = TempDir::new().expect("a temporary folder");
    let sent = send(&folder);
    let case = folder.path().join("case");
    assert_eq!(sent.len(), LETTERS, "too few letters left");
    let came: Vec<(&Sent, &str, String)> = sent.iter().flat_map(|sent| ways(sent).map(|(way, message)| (sent, way, message))).collect();
    let verdicts = check(&case, &folder.path().join("ours"), &came.iter().map(|(_, _, message)| message.clone()).collect::<Vec<_>>());
    assert_eq!(verdicts.len(), 20 * LETTERS, "a message was not judged, or was judged twice");
    let mut wrong = Vec::new();
    for ((sent, way, _), verdict) in came.iter().zip(&verdicts) {
        // The end of a letter alone is many people's, but for its code.
        if verdict["verdict"] != "ours" || verdict["data_subject"] != sent.key.as_str() {
            wrong.push(format!("{way}, {}: {verdict}", sent.key));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), verdicts.len(), wrong.join("\n"));

    let changed: Vec<(&str, String)> = sent.iter().enumerate().map(|(number, sent)| altered(sent, number)).collect();
    let verdicts = check(&case, &folder.path().join("altered"), &changed.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>());
    let ours: Vec<&str> = changed.iter().zip(&verdicts).filter(|(_, verdict)| verdict["verdict"] == "ours").map(|((what, _), _)| *what).collect();
    assert_eq!((verdicts.len(), ours), (LETTERS, Vec::new()), "a changed letter was called ours");
}
