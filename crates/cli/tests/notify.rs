//! Letters through the binary, from draft to report: nothing goes unapproved, everybody gets one, and what was done stands up.

mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use servers::{Grudge, start_server, start_server_with, strandline, text};
use tempfile::TempDir;

/// Runs it; the exit code must be `code` and its words must hold `holds`. Returns standard output.
fn check(arguments: &[&str], code: i32, holds: &str) -> String {
    let output = strandline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    assert!(format!("{out}{err}").contains(holds), "{arguments:?} does not say {holds:?}: {out}{err}");
    out
}

/// A small department that was robbed, with its letters drafted. `describe` may change its estate file first.
fn new_case(folder: &TempDir, describe: impl FnOnce(String) -> String) -> PathBuf {
    let into = folder.path().join("made");
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)], 0, "");
    let estate = into.join("estate.toml");
    let text_of_estate = fs::read_to_string(&estate).expect("an estate").replace("[sending]\n", "[sending]\nsecond_approver_from = 2\n");
    fs::write(&estate, describe(text_of_estate)).expect("an estate");
    let case = folder.path().join("case");
    check(&["respond", "--estate", text(&estate), "--evidence", text(&into.join("evidence")), "--case", text(&case)], 0, "");
    case
}

fn counts(case: &Path) -> BTreeMap<String, u64> {
    let status = check(&["notify", text(case), "status", "--json"], 0, "");
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    serde_json::from_value(status["counts"].clone()).expect("counts")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn letters_go_when_two_people_have_approved_them_and_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let name = text(&case);
    let (port, taken) = start_server();
    let server = format!("127.0.0.1:{port}");
    let send = ["notify", name, "send", "--server", &server];
    let number = || taken.lock().expect("no panic").len();

    check(&send, 1, "0 of 2 approvals");
    check(&["notify", name, "approve"], 1, "--responder");
    check(&["notify", name, "approve", "--responder", "A. Chan"], 0, "1 of 2");
    check(&["notify", name, "approve", "--responder", "a.  CHAN"], 1, "another person's");
    check(&send, 1, "1 of 2 approvals");
    check(&["notify", name, "approve", "--responder", "B. Lee"], 0, "A. Chan and B. Lee");
    let before = counts(&case);
    let drafted = letters(&case).len() as u64;
    assert_eq!(before.values().sum::<u64>(), drafted, "the plan has other people than the letters");
    let letters = before["approved"];
    check(&["notify", name, "send", "--dry-run", text(&folder.path().join("eml"))], 0, "nothing was sent");
    assert_eq!(number(), 0, "a letter went without approval");

    // What somebody said since can change what the letters say: in a copy of the case, nobody approves or sends what was drafted before.
    let old = folder.path().join("old");
    copy(&case, &old);
    check(&["decide", text(&old), "stopped", "--at", "2026-02-03T08:15", "--knowing", "x", "--responder", "A. Chan"], 0, "out of date");
    for refused in [&["notify", text(&old), "approve", "--responder", "C. Ho"][..], &["notify", text(&old), "send", "--server", &server]] {
        check(refused, 1, "the letters are older than the case");
    }
    check(&["notify", text(&old), "release", &index(&old)[0]["data_subject"], "--why", "x", "--responder", "A. Chan"], 1, "older than the case");
    assert_eq!(number(), 0, "an old letter went");
    check(&["notify", text(&old), "draft"], 0, "letters drafted");
    check(&["notify", text(&old), "approve", "--responder", "C. Ho"], 0, "1 of 2");

    // Letters that were changed after approval stop the run, in a copy of the case.
    let spoilt = folder.path().join("spoilt");
    copy(&case, &spoilt);
    for letter in fs::read_dir(spoilt.join("letters")).expect("letters").flatten() {
        fs::write(letter.path(), "Language: en\nSubject: x\n\nPay here\n").expect("a file");
    }
    check(&["notify", text(&spoilt), "send", "--server", &server, "--by", "email"], 1, "not what was approved");
    assert_eq!(number(), 0, "something went although a letter was changed");

    let written = fs::read_dir(folder.path().join("eml")).expect("a folder").count();
    let sent = strandline(&send);
    assert!(matches!(sent.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&sent.stderr));
    assert_eq!(number(), written, "a dry run shows other letters than those that go");
    assert_eq!(counts(&case).get("accepted"), Some(&(written as u64)));
    assert_eq!(counts(&case).values().sum::<u64>(), before.values().sum::<u64>(), "somebody was dropped");
    assert!(letters >= written as u64);
    let again = strandline(&send);
    assert!(matches!(again.status.code(), Some(0 | 3)));
    assert_eq!(number(), written, "somebody got two");

    let path = taken.lock().expect("no panic")[0].return_path.clone();
    let report = format!(
        "To: {path}\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    );
    let reports = folder.path().join("report.eml");
    fs::write(&reports, report).expect("a file");
    check(&["notify", name, "record", "--bounces", text(&reports)], 0, "\"failed\":1");
    check(&["notify", name, "record", "--bounces", text(&reports)], 0, "\"known\":1");
    check(&["notify", name, "status", "--only", "bounced"], 0, "5.1.1");
    check(&["verify", name], 0, "sound");
    what_was_sent_stays_ours_after_a_new_draft(&folder, &case);
}

/// Goes on from letters that were sent, and of which `eml` has what went.
fn what_was_sent_stays_ours_after_a_new_draft(folder: &TempDir, case: &Path) {
    let name = text(case);
    let mail = fs::read_dir(folder.path().join("eml")).expect("mails").flatten().map(|entry| entry.path()).next().expect("a mail");
    let told = check(&["notify", name, "check", text(&mail)], 0, "OURS: it says, word for word, what our letter of round 1");
    let key = told.split("letter of round 1 to ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a key").to_owned();
    let letter = fs::read_to_string(&mail).expect("a mail");
    let by = ["--responder", "A. Chan"];
    check(&[&["decide", name, "stopped", "--at", "2026-02-03T08:15", "--knowing", "x"], &by[..]].concat(), 0, "");
    check(&["notify", name, "draft"], 0, "letters drafted");
    check(&["notify", name, "check", text(&mail)], 0, "OURS: it says, word for word, what our letter of round 1");
    let forwarded = folder.path().join("forwarded.eml");
    let head = "From: a@people.example\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    fs::write(&forwarded, format!("{head}--b\r\nContent-Type: message/rfc822\r\n\r\n{letter}\r\n--b--\r\n")).expect("a file");
    check(&["notify", name, "check", text(&forwarded)], 0, "OURS: it says, word for word");
    check(&["person", name, &key], 0, "the draft says something else by now");
    check(&["verify", name], 0, "sound");
    let kept = fs::read_dir(case.join("sent")).expect("sent letters").flatten().map(|entry| entry.path());
    fs::remove_file(kept.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "txt")).expect("a letter")).expect("it can be removed");
    check(&["verify", name], 3, "can no longer be shown");
}

#[test]
fn what_fails_for_the_sender_goes_again_once_that_is_mended() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let name = text(&case);
    for by in ["A. Chan", "B. Lee"] {
        check(&["notify", name, "approve", "--responder", by], 0, "letters, approved by");
    }
    let grudge = Grudge::default();
    "550 5.7.1 our policy refuses this sender".clone_into(&mut grudge.lock().expect("no panic"));
    let (port, taken) = start_server_with(&grudge);
    let server = format!("127.0.0.1:{port}");
    let send = ["notify", name, "send", "--server", &server, "--by", "email"];
    // Every second one is refused, so that no run of refusals stops it.
    check(&send, 3, "Run it again");
    let first = taken.lock().expect("no panic").len();
    assert!(first > 0 && !counts(&case).contains_key("refused"), "what was refused for the sender counts as refused: {:?}", counts(&case));
    grudge.lock().expect("no panic").clear();
    check(&send, 0, "accepted");
    let all = taken.lock().expect("no panic").len();
    assert!(all > first, "what was refused for the sender did not go again");

    let path = taken.lock().expect("no panic")[0].return_path.clone();
    let report = folder.path().join("policy.eml");
    let words = "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\nStatus: 5.7.1\n\n--b--\n";
    fs::write(&report, format!("To: {path}\n{words}")).expect("a file");
    check(&["notify", name, "record", "--bounces", text(&report)], 0, "\"failed\":1");
    check(&send, 3, "--send-again-refused");
    assert_eq!(taken.lock().expect("no panic").len(), all, "it went again before anybody said so");
    check(&[&send[..], &["--send-again-refused"]].concat(), 0, "accepted");
    assert_eq!(taken.lock().expect("no panic").len(), all + 1);
    let foreign = folder.path().join("foreign.eml");
    fs::write(&foreign, "From: a@b.example\nTo: c@d.example\nSubject: x\n\nHello\n").expect("a file");
    check(&["notify", name, "record", "--bounces", text(&foreign)], 0, "names no letter of this case: foreign.eml");
    what_stands_beside_a_letter_is_told(&folder, &case, &taken.lock().expect("no panic")[0].message);
}

/// Words, files and pages around a letter that left.
fn what_stands_beside_a_letter_is_told(folder: &TempDir, case: &Path, mail: &str) {
    let file = folder.path().join("beside.eml");
    let judge = |message: &str, code, holds: &str| {
        fs::write(&file, message).expect("a message");
        check(&["notify", text(case), "check", text(&file)], code, holds)
    };
    judge(mail, 0, "OURS: it says, word for word");
    let (head, body) = mail.split_once("\n\n").expect("head and body");
    judge(&format!("Reply-To: x@evil.example\n{mail}"), 3, "not ours: Reply-To: x@evil.example");
    let kind = head.split("\nContent-Type: ").nth(1).expect("a kind").split("\n\n").next().expect("a kind");
    let kind: String =
        kind.lines().enumerate().take_while(|(at, line)| *at == 0 || line.starts_with([' ', '\t'])).map(|(_, line)| format!("{line}\n")).collect();
    let from = head.lines().find(|line| line.starts_with("From: ")).expect("a sender");
    let subject = head.lines().find(|line| line.starts_with("Subject: ")).expect("a subject");
    let with = |name: &str| {
        format!(
            "{from}\n{subject}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=zz-outer\n\n--zz-outer\nContent-Type: {kind}\n{body}\n--zz-outer\nContent-Type: application/octet-stream; name={name}\nContent-Disposition: attachment; filename={name}\n\nMZ\n--zz-outer--\n"
        )
    };
    for name in ["letter.exe", "form.pdf", "claim.html"] {
        judge(&with(name), 3, &format!("a file that is not ours: {name}"));
    }
    judge("%PDF-1.7 page of a batch", 3, "CANNOT BE READ");
}

#[test]
fn letters_that_the_lint_blocks_cannot_be_approved() {
    let folder = TempDir::new().expect("a temporary folder");
    let without_safety_contact = |estate: String| {
        let kept: Vec<&str> = estate.lines().filter(|line| !line.starts_with("safety_contact")).collect();
        assert_eq!(kept.len() + 1, estate.lines().count(), "the drill's estate names a safety contact");
        kept.join("\n") + "\n"
    };
    let case = new_case(&folder, without_safety_contact);
    let name = text(&case);
    check(&["notify", name, "lint"], 3, "missing-part: the safety contact");
    check(&["notify", name, "approve", "--responder", "A. Chan"], 1, "notify CASE lint");
    assert!(!counts(&case).contains_key("approved"));
}

#[test]
fn an_organisation_writes_in_its_own_words_and_a_mistake_names_its_line() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let templates = folder.path().join("own");
    let own = templates.join("default/en");
    fs::create_dir_all(&own).expect("a folder");
    let built_in = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../letters/default/en/body.txt")).expect("the built-in body");
    let (first, rest) = built_in.split_once("\n\n").expect("paragraphs");
    let write = |line: &str| fs::write(own.join("body.txt"), format!("{first}\n\n{line}\n\n{rest}")).expect("a template");
    let draft = ["notify", text(&case), "draft", "--templates", text(&templates)];
    write("Call {nobody_knows_this}.");
    check(&draft, 1, &format!("body.txt line {}", first.lines().count() + 2));
    write("We are sorry, says the fleet.");
    check(&draft, 0, "letters drafted");
    let mut texts = fs::read_dir(case.join("letters")).expect("letters").flatten().map(|entry| fs::read_to_string(entry.path()).expect("a letter"));
    assert!(texts.any(|letter| letter.contains("says the fleet")));
    // Kept with the case.
    check(&["notify", text(&case), "draft"], 0, "letters drafted");
    check(&["notify", text(&case), "lint"], 0, "0 findings");
}

/// The letters of a case: key and text.
fn letters(case: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(case.join("letters")).expect("letters").flatten().map(|entry| entry.path());
    let texts = files.filter(|path| path.extension().is_some_and(|kind| kind == "txt"));
    texts.map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), fs::read_to_string(&path).expect("a letter"))).collect()
}

fn index(case: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(case.join("export/letters.csv")).expect("an index").deserialize().collect::<Result<_, _>>().expect("lines")
}

#[test]
fn everybody_of_the_register_gets_one_letter_and_says_what_people_stated() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let name = text(&case);
    let lines = index(&case);
    let mut keys: Vec<&str> = lines.iter().map(|line| line["data_subject"].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), lines.len(), "somebody has two letters");
    let people = csv::Reader::from_path(case.join("export/people.csv")).expect("people").into_records().count();
    assert_eq!(lines.len(), people, "somebody has no letter");
    assert!(lines.iter().any(|line| line["kind"] == "not_reached") && lines.iter().any(|line| line["kind"] == "exposed"));

    let by = ["--responder", "A. Chan"];
    check(&[&["decide", name, "found", "--at", "2026-02-03T08:15", "--knowing", "x"], &by[..]].concat(), 0, "");
    check(&[&["decide", name, "answer", "letter_account/en", "--text", "A stolen account was used."], &by[..]].concat(), 0, "");
    check(
        &[&["decide", name, "answer", "letter_account/xx", "--text", "y"], &by[..]].concat(),
        1,
        "letters are written in: de, en, es, fr, hi, id, ja, ko, ne, pt, th, tl, ur, zh-Hans, zh-Hant",
    );
    check(&[&["decide", name, "nonsense", "--at", "2026-02-03T08:15", "--knowing", "y"], &by[..]].concat(), 1, "letters wait for: found, stopped");
    check(&["notify", name, "lint"], 3, "notify CASE draft");
    check(&[&["decide", name, "aware", "--at", "2026-02-03T08:15", "--knowing", "x"], &by[..]].concat(), 0, "out of date: `strandline notify");
    check(&["notify", name, "draft", "--next", "soon"], 1, "2026-12-13, or `last`");
    check(&["notify", name, "draft", "--next", "2099-01-02"], 0, "to people who were not reached");
    check(&["duties", name], 0, "letters/next");
    let promised = |letter: &String| letter.contains("2 January 2099") || letter.contains("2099年1月2日");
    let of_reached = lines.iter().filter(|line| line["kind"] != "not_reached");
    let written = letters(&case);
    assert!(of_reached.map(|line| &written[&line["stem"]]).all(promised), "a letter lacks the day that was promised");
    check(&["notify", name, "lint"], 0, "0 findings");
    check(&[&["decide", name, "answer", "letter_next", "--text", "last"], &by[..]].concat(), 0, "");
    check(&[&["decide", name, "answer", "letter_reference", "--text", "PRV 26/7"], &by[..]].concat(), 0, "");
    check(&["notify", name, "draft"], 0, "to people who were not reached");
    assert!(letters(&case).values().all(|letter| letter.contains("PRV 26/7")));
    let drafted = letters(&case);
    for line in lines.iter().filter(|line| line["language"] == "en") {
        let letter = &drafted[&line["stem"]];
        assert!(letter.contains("We found out on 3 February 2026") && letter.contains("A stolen account was used."), "a letter lacks what was stated");
    }
    check(&["verify", name], 0, "sound");
}

#[test]
fn the_desk_finds_a_person_by_key_or_code_and_tells_our_letters_from_others() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let name = text(&case);
    let line = index(&case).into_iter().find(|line| line["kind"] == "exposed" && line["channels"].starts_with("email")).expect("an exposed person");
    let key = line["data_subject"].as_str();
    let letter = &letters(&case)[&line["stem"]];
    let is_code = |word: &&str| word.len() == 19 && word.split('-').all(|group| group.len() == 4);
    let code = letter.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(is_code).expect("a code in the letter");

    let plain = check(&["person", name, key], 0, "confirmed: the intruder saw it").to_lowercase();
    assert!(!plain.contains("select ") && !plain.contains("      | "), "the desk was shown a statement or a log line");
    assert!(check(&["person", name, key, "--proof"], 0, "confirmed").to_lowercase().contains("select "));
    let by_code = check(&["person", name, &code.to_lowercase().replace('-', " ")], 0, "confirmed");
    assert!(by_code.starts_with(key));
    let swapped = format!("{}{}{}", &code[1..2], &code[..1], &code[2..]);
    let wrong = if swapped == code { format!("{}{}", if code.starts_with('0') { "1" } else { "0" }, &code[1..]) } else { swapped };
    check(&["person", name, &wrong], 1, "mistyped");
    check(&["person", name, "nobody"], 1, "neither the key");
    the_desk_answers_from_the_letter_and_lists_names(&case, key);
    let unreached = index(&case).into_iter().find(|line| line["kind"] == "not_reached").expect("somebody was not reached");
    check(&["person", name, &unreached["data_subject"]], 0, "Not reached. That rests on the logs from");
    check(&["notify", name, "check", "--code", code], 0, key);

    let mails = folder.path().join("eml");
    check(&["notify", name, "send", "--dry-run", text(&mails)], 0, "nothing was sent");
    let path = fs::read_dir(&mails).expect("mails").flatten().map(|entry| entry.path()).next().expect("a mail");
    check(&["notify", name, "check", text(&path)], 0, "has not left yet");
    let copied = folder.path().join("copied.txt");
    let body = letter.split_once("\n\n").expect("head and body").1;
    fs::write(&copied, body.replace('\n', "\n> ")).expect("a file");
    check(&["notify", name, "check", text(&copied)], 0, "has not left yet");
    let lure = folder.path().join("lure.txt");
    fs::write(&lure, format!("Pay here: https://refund.example/{code}\n{body}")).expect("a file");
    check(&["notify", name, "check", text(&lure)], 3, "our letter has no refund.example/");
    fs::write(&lure, format!("Your code is {code}. Tell us your date of birth.\n")).expect("a file");
    check(&["notify", name, "check", text(&lure)], 3, "says something else");
    fs::write(&lure, format!("Hello, I got a letter with the code {code}, is it from you?")).expect("a file");
    check(&["notify", name, "check", text(&lure)], 3, "WITH WORDS BESIDE IT");
    fs::write(&lure, format!("Please answer this message with your password.\n\n{body}")).expect("a file");
    check(&["notify", name, "check", text(&lure)], 3, "words beside it are not ours");
    fs::write(&lure, "Dear customer, click.").expect("a file");
    check(&["notify", name, "check", text(&lure)], 3, "names no letter of this case");

    // A letter that says something else now keeps its code; nothing but the letter has it.
    check(&["decide", name, "answer", "letter_account/en", "--text", "A stolen account was used.", "--responder", "A. Chan"], 0, "");
    check(&["decide", name, "answer", "letter_account/zh-Hant", "--text", "有人用了被盜的帳戶。", "--responder", "A. Chan"], 0, "");
    check(&["notify", name, "draft"], 0, "to people who were not reached");
    let again = &letters(&case)[&line["stem"]];
    assert!(again != letter && again.contains(code), "a letter that was drafted again lost its code");
    check(&["notify", name, "check", "--code", code], 0, key);
    let mut holding: Vec<PathBuf> = files(&case).into_iter().filter(|path| holds(&fs::read(path).expect("a file of the case"), code.as_bytes())).collect();
    for kind in ["txt", "html"] {
        let letter = format!("{}.{kind}", line["stem"]);
        holding.remove(holding.iter().position(|path| path.file_name() == Some(letter.as_ref())).expect("the letter"));
    }
    assert!(holding.is_empty(), "a file beside the letter has its code");
}

/// Questions and answers say what the letter says, in each language; a name leads to a list, and to nothing of what was reached.
fn the_desk_answers_from_the_letter_and_lists_names(case: &Path, key: &str) {
    let name = text(case);
    let answers = |more: &[&str]| check(&[&["person", name, key, "--answers"], more].concat(), 0, "no letter has left yet");
    let english = answers(&["--language", "en"]);
    for part in ["# What happened", "# Your data", ": Seen. It was sent to them", "# How sure are you?", "Our records prove it", "# What to do now", "1. "] {
        assert!(english.contains(part), "the answers lack {part:?}");
    }
    assert!(!english.to_lowercase().contains("select "), "the desk was shown a statement");
    assert!(answers(&["--language", "zh-Hant"]).contains("# 你們有多肯定？"));
    check(&["person", name, key, "--answers", "--language", "xx"], 1, "letters are written in: ");
    let register = fs::read_to_string(case.parent().expect("a folder").join("made/register/crew.csv")).expect("a register");
    let row = register.lines().find(|line| line.starts_with(key)).expect("a row");
    let full_name = row.split(',').nth(1).expect("a name");
    let listed = check(&["person", name, "--name", full_name], 0, key);
    assert!(listed.contains("A name identifies nobody") && !listed.contains("confirmed"), "a name tells what was reached");
    check(&["person", name, "--name", "x"], 1, "too short");
    check(&["person", name, "--name", "Nobody Atall"], 0, "Nobody in the register");
}

/// Every file of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn letters_on_paper_are_printed_approved_and_handed_over_once() {
    if !servers::can_print() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder, |estate| estate);
    let name = text(&case);
    let batch = folder.path().join("batch");
    let post = ["notify", name, "send", "--by", "post", "--into", text(&batch)];
    let approve = || ["A. Chan", "B. Lee"].map(|by| check(&["notify", name, "approve", "--responder", by], 0, "letters, approved by"));
    approve();
    check(&post, 1, "notify CASE print");
    check(&["notify", name, "print"], 0, "letters printed");
    check(&post, 1, "0 of 2 approvals");
    approve();
    let printed = || files(&case.join("letters")).into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "pdf"));
    assert_eq!(printed().count(), index(&case).len());
    fs::remove_file(printed().next().expect("a PDF")).expect("it can be removed");
    check(&["notify", name, "print"], 0, "letters printed");
    assert_eq!(printed().count(), index(&case).len(), "a PDF that has gone is printed again, and is what was approved");
    check(&post, 0, "letters for the mail house");
    let manifest: Vec<BTreeMap<String, String>> =
        csv::Reader::from_path(batch.join("batch-001.csv")).expect("a manifest").deserialize().collect::<Result<_, _>>().expect("lines");
    assert!(!manifest.is_empty() && manifest.iter().all(|line| line["pages"] == "1"));
    assert!(fs::read(batch.join("batch-001.pdf")).expect("a batch").starts_with(b"%PDF-"));
    assert_eq!(counts(&case)["handed_over"], manifest.len() as u64);
    check(&["notify", name, "send", "--by", "post", "--into", text(&folder.path().join("again"))], 0, "No letter waits for paper");
    check(&["forms", name, "gdpr-33", "--pdf"], 0, &format!("letters to {} people handed over for delivery.", manifest.len()));
    assert!(fs::read(case.join("forms/gdpr-33.pdf")).expect("a form").starts_with(b"%PDF-"));
    check(&["verify", name], 0, "sound");
}

/// Changes cells of the register of a made department: (column, value) for the first people in turn. Returns their keys.
fn change_register(estate_folder: &Path, changes: &[&[(&str, &str)]]) -> Vec<String> {
    let path = estate_folder.join("register/crew.csv");
    let mut reader = csv::Reader::from_path(&path).expect("a register");
    let columns = reader.headers().expect("column names").clone();
    let mut rows: Vec<Vec<String>> = reader.records().map(|row| row.expect("a line").iter().map(str::to_owned).collect()).collect();
    for (row, change) in rows.iter_mut().zip(changes) {
        for (column, value) in *change {
            row[columns.iter().position(|name| name == *column).expect("a column of the register")] = (*value).to_owned();
        }
    }
    let mut writer = csv::Writer::from_path(&path).expect("a register");
    writer.write_record(&columns).expect("a line");
    rows.iter().for_each(|row| writer.write_record(row).expect("a line"));
    writer.flush().expect("a register");
    rows.iter().take(changes.len()).map(|row| row[0].clone()).collect()
}

fn state_of(case: &Path, key: &str) -> String {
    let status = check(&["notify", text(case), "status", "--json"], 0, "");
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let people = status["people"].as_array().expect("people");
    people.iter().find(|person| person["data_subject"] == key).map(|person| person["state"].as_str().expect("a state").to_owned()).expect("the person")
}

/// A department whose first seven people are not simply to be written to; the folder, and their keys.
fn made_with_odd_people(folder: &TempDir) -> (PathBuf, [String; 7]) {
    let into = folder.path().join("made");
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)], 0, "");
    let estate = into.join("estate.toml");
    let described = fs::read_to_string(&estate).expect("an estate");
    fs::write(&estate, described.replace("[sending]\n", "[register.statuses]\nretired_on_pension = \"departed\"\n\n[sending]\nsecond_approver_from = 2\n"))
        .expect("an estate");
    let (status, mail, post) = ("status", "mail", "address");
    let keys = change_register(
        &into,
        &[
            &[(status, "deceased")],
            &[(status, "minor")],
            &[(status, "inmate")],
            &[(mail, ""), (post, "")],
            &[(status, "deceased")],
            &[(mail, ""), (post, "")],
            &[(status, "retired_on_pension")],
        ],
    );
    (into, <[String; 7]>::try_from(keys).expect("seven people"))
}

/// Reports that the letter to this mailbox did not arrive.
fn bounce(folder: &TempDir, name: &str, path: &str) {
    let report = format!(
        "To: {path}\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    );
    let reports = folder.path().join("report.eml");
    fs::write(&reports, report).expect("a file");
    check(&["notify", name, "record", "--bounces", text(&reports)], 0, "\"failed\":1");
    let unclear = folder.path().join("unclear.eml");
    fs::write(&unclear, format!("From: someone@people.example\nTo: {path}\nSubject: Away\n\nI am away.\n")).expect("a file");
    check(&["notify", name, "record", "--bounces", text(&unclear)], 0, "to read: unclear.eml (message 1)");
    assert!(!check(&["notify", name, "record", "--bounces", text(&unclear)], 0, "\"known\":1").contains("to read"), "an unclear report is listed twice");
    check(&["notify", name, "status"], 0, "to read:");
}

#[test]
fn held_letters_go_out_by_decisions_and_others_keep_their_approvals() {
    let folder = TempDir::new().expect("a temporary folder");
    let (into, [dead, child, inmate, unreachable, alone, told, pensioner]) = made_with_odd_people(&folder);
    let case = folder.path().join("case");
    check(&["respond", "--estate", text(&into.join("estate.toml")), "--evidence", text(&into.join("evidence")), "--case", text(&case)], 0, "");
    let name = text(&case);
    let approve = || ["A. Chan", "B. Lee"].map(|by| check(&["notify", name, "approve", "--responder", by], 0, "letters, approved by"));
    for key in [&dead, &child, &inmate, &unreachable, &alone, &told] {
        assert_eq!(state_of(&case, key), "held");
    }
    assert_ne!(state_of(&case, &pensioner), "held", "the estate says what the word means");
    check(&["notify", name, "record", "--arrived", &dead], 1, "done-by-hand");
    approve();
    let approved = counts(&case)["approved"];

    let word = |verb: &str, key: &str, more: &[&str]| {
        check(&[&["notify", name, verb, key, "--why", "x", "--responder", "A. Chan"], more].concat(), 0, "recorded by A. Chan");
    };
    check(&["notify", name, "readdress", &dead, "--why", "x", "--as", "executor", "--email", "kin@people.example"], 1, "--name");
    check(&["notify", name, "readdress", &dead, "--why", "x", "--email", "kin@people.example, b@people.example"], 1, "no e-mail address");
    check(&["notify", name, "release", "nobody-here", "--why", "x"], 1, "neither the key");
    word("readdress", &dead, &["--as", "next-of-kin", "--name", "Kin Person", "--email", "kin@people.example"]);
    word("release", &child, &[]);
    word("release", &inmate, &[]);
    word("readdress", &unreachable, &["--address-line", "1 New Street", "--address-line", "Hong Kong"]);
    word("release", &alone, &["--to", "nobody"]);
    word("done-by-hand", &told, &["--at", "2026-02-03T08:15"]);
    for (key, state) in [(&dead, "drafted"), (&child, "drafted"), (&inmate, "drafted"), (&unreachable, "drafted"), (&alone, "nobody"), (&told, "by_hand")] {
        assert_eq!(state_of(&case, key), state);
    }
    check(&["notify", name, "lint"], 0, "0 findings");
    check(&["notify", name, "status"], 0, "4  of them lack approvals");
    check(&["notify", name, "send", "--dry-run", text(&folder.path().join("eml"))], 0, "nothing was sent");
    check(&["notify", name, "approve", "--responder", "A. Chan"], 0, "1 of 2 approvals");
    check(&["notify", name, "approve", "--responder", "B. Lee"], 0, "approved by A. Chan and B. Lee");
    assert_eq!(counts(&case)["approved"], approved + 4);

    let (port, taken) = start_server();
    let sent = strandline(&["notify", name, "send", "--server", &format!("127.0.0.1:{port}")]);
    assert!(matches!(sent.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&sent.stderr));
    assert!(taken.lock().expect("no panic").iter().any(|mail| mail.recipient == "kin@people.example"), "the next of kin got no letter");
    let path =
        taken.lock().expect("no panic").iter().find(|mail| mail.recipient == "kin@people.example").map(|mail| mail.return_path.clone()).expect("a return path");
    bounce(&folder, name, &path);
    check(&["notify", name, "record", "--read", &dead], 0, "read: 1");
    check(&["notify", name, "record", "--read", &dead], 1, "no unclear report waits");
    check(
        &["notify", name, "readdress", &dead, "--why", "x", "--as", "next-of-kin", "--name", "Kin Person", "--email", "other@people.example"],
        0,
        "queued again",
    );
    approve();
    let sent = strandline(&["notify", name, "send", "--server", &format!("127.0.0.1:{port}")]);
    assert!(matches!(sent.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&sent.stderr));
    assert!(taken.lock().expect("no panic").iter().any(|mail| mail.recipient == "other@people.example"));
    check(&["person", name, &dead], 0, "got in round 1");
    check(&["verify", name], 0, "sound");
}
