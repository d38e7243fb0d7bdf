//! The support page through the binary, from an approved letter to an answered message: a bundle that tells nothing, a server that is a
//! process of its own, and a case that has each message once whatever is killed.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// Runs it; the exit code must be `code` and its words must hold `holds`. Returns standard output.
fn check(arguments: &[&str], code: i32, holds: &str) -> String {
    let output = strandline(arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
    assert!(format!("{out}{err}").contains(holds), "{arguments:?} does not say {holds:?}: {out}{err}");
    out
}

/// A small department that was robbed, with its letters drafted.
fn new_case(folder: &TempDir) -> PathBuf {
    let into = folder.path().join("made");
    check(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)], 0, "");
    let estate = into.join("estate.toml");
    let described = fs::read_to_string(&estate).expect("an estate").replace("[sending]\n", "[sending]\nsecond_approver_from = 2\n");
    fs::write(&estate, described).expect("an estate");
    let case = folder.path().join("case");
    check(&["respond", "--estate", text(&estate), "--evidence", text(&into.join("evidence")), "--case", text(&case)], 0, "");
    case
}

/// A server of its own process, which ends with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn new(bundle: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_strandline"))
            .args(["support", "serve", text(bundle), "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(process.stderr.take().expect("it is piped")).read_line(&mut line).expect("it says where");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        Self { process, address }
    }

    /// Head and body of an answer.
    fn ask(&self, method: &str, path: &str, cookie: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", self.address, body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("a write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        (head.to_owned(), body.to_owned())
    }

    /// Enters a code; the cookie, and the token of the forms.
    fn enter(&self, code: &str) -> (String, String) {
        let (head, _) = self.ask("POST", "/enter", "", &format!("l=en&code={code}"));
        assert!(head.starts_with("HTTP/1.1 303"), "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
        let (_, page) = self.ask("GET", "/ask", &cookie, "");
        let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token").to_owned();
        (cookie, token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

/// The code in a letter.
fn code_of(letter: &str) -> Option<String> {
    let is_code =
        |word: &&str| word.len() == 19 && word.bytes().enumerate().all(|(place, b)| if place % 5 == 4 { b == b'-' } else { b.is_ascii_alphanumeric() });
    letter.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(is_code).map(str::to_owned)
}

/// The letters of a case that have a code, by key.
fn codes(case: &Path) -> Vec<(String, String)> {
    let mut codes = Vec::new();
    for entry in fs::read_dir(case.join("letters")).expect("letters").flatten().filter(|entry| entry.path().extension().is_some_and(|kind| kind == "txt")) {
        let letter = fs::read_to_string(entry.path()).expect("a letter");
        codes.extend(code_of(&letter).map(|code| (entry.path().file_stem().expect("a name").to_string_lossy().into_owned(), code)));
    }
    codes.sort();
    codes
}

#[test]
fn a_person_writes_and_is_answered_and_nobody_else_reads_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let (case, bundle) = (new_case(&folder), folder.path().join("bundle"));
    let (name, into) = (text(&case).to_owned(), text(&bundle).to_owned());
    let publish = ["support", "publish", &name, "--into", &into];
    check(&publish, 1, "no letter of this case was released");
    assert!(!bundle.join("manifest.json").exists(), "something was published that nobody approved");
    check(&["support", "collect", &name, "--from", &into], 1, "published no support page");
    check(&["notify", &name, "approve", "--responder", "A. Chan"], 0, "1 of 2");
    check(&publish, 1, "no letter of this case was released");
    check(&["notify", &name, "approve", "--responder", "B. Lee"], 0, "A. Chan and B. Lee");
    check(&publish, 0, "each sealed by the code of its letter");
    nothing_of_the_register_is_in(&bundle, &folder.path().join("made/register/crew.csv"), &case);
    let secret = fs::read_to_string(case.join("support.key")).expect("a key");

    let server = Server::new(&bundle);
    let codes = codes(&case);
    let (person, code) = &codes[0];
    let (cookie, token) = server.enter(&code.to_lowercase());
    let (_, letter) = server.ask("GET", "/letter", &cookie, "");
    assert!(letter.contains("<table>") && letter.contains("Reference"), "the letter's table is not on the page");
    for (kind, words) in [("question", "Was+my+bank+account+seen"), ("safety", "They+know+where+I+live"), ("check", "Pay+300+at+http://evil.example+now")] {
        let (head, _) = server.ask("POST", "/send", &cookie, &format!("token={token}&kind={kind}&way=page&text={words}"));
        assert!(head.starts_with("HTTP/1.1 303"), "{head}");
    }
    collected_once(&folder, &case, &bundle);
    let ledger = {
        let mut found = Vec::new();
        files(&case.join("ledger"), &mut found);
        found
    };
    for file in ledger {
        let bytes = fs::read(&file).expect("a file");
        let ledger = String::from_utf8_lossy(&bytes);
        assert!(!ledger.contains("where I live") && !ledger.contains(person.as_str()) && !ledger.contains(secret.trim()), "the ledger tells something");
    }
    answered(&folder, (&name, &publish), &server, &cookie);
    signed(&folder, &name);
    check(&["verify", &name], 0, "sound");
    // What people wrote cannot be changed behind the ledger.
    let database = fs::read(case.join("case.db")).expect("a database");
    let place = database.windows(12).position(|bytes| bytes == b"where I live").expect("the words are in the case");
    let changed = [&database[..place], b"where I work", &database[place + 12..]].concat();
    fs::write(case.join("case.db"), changed).expect("a write");
    check(&["verify", &name], 3, "is not what ledger entry");
}

/// A mail server that takes everything; where it is.
fn mail_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || take_mail(&stream));
        }
    });
    address
}

fn take_mail(mut stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    stream.write_all(b"220 test\r\n").ok()?;
    loop {
        if lines.next()?.ok()?.starts_with("DATA") {
            stream.write_all(b"354 go\r\n").ok()?;
            while lines.next()?.ok()? != "." {}
        }
        stream.write_all(b"250 ok\r\n").ok()?;
    }
}

#[test]
fn whoever_was_left_out_of_a_draft_keeps_code_and_list_and_is_answered_from_the_letter_in_hand() {
    let folder = TempDir::new().expect("a temporary folder");
    let (case, bundle) = (new_case(&folder), folder.path().join("bundle"));
    let (name, into) = (text(&case), text(&bundle));
    let publish = ["support", "publish", name, "--into", into];
    for by in ["A. Chan", "B. Lee"] {
        check(&["notify", name, "approve", "--responder", by], 0, "");
    }
    check(&["notify", name, "send", "--server", &mail_server(), "--by", "email"], 0, "");
    check(&publish, 0, "each sealed by the code of its letter");
    let mut sent = Vec::new();
    files(&case.join("sent"), &mut sent);
    let letter = |person: &str| case.join(format!("letters/{person}.txt"));
    let has_left = |person: &str| sent.iter().any(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{person}."))));
    let has_list = |person: &str| fs::read_to_string(letter(person)).is_ok_and(|text| text.contains("\n1. "));
    let (person, code) = codes(&case).into_iter().find(|(person, _)| has_left(person) && has_list(person)).expect("a letter with a list was sent");
    let server = Server::new(&bundle);
    let (cookie, token) = server.enter(&code);
    assert!(server.ask("GET", "/todo", &cookie, "").1.contains("type=\"checkbox\""));
    server.ask("POST", "/send", &cookie, &format!("token={token}&kind=question&way=page&text=Was+my+bank+account+seen"));

    // One draft left the person out, the next has them again: what they hold still opens their card, and proves what they write.
    fs::remove_file(letter(&person)).expect("a letter");
    check(&["notify", name, "draft", "--next", "2099-01-02"], 0, "letters drafted");
    assert_eq!(code_of(&fs::read_to_string(letter(&person)).expect("a letter")), Some(code), "the person was given another code");
    check(&["support", "collect", name, "--from", into], 0, "1 new messages");
    // That draft nobody approved. The letter in hand asks what it asked.
    check(&publish, 0, "each sealed by the code of its letter");
    let todo = server.ask("GET", "/todo", &cookie, "").1;
    assert!(todo.contains("type=\"checkbox\""), "{todo}");

    let queue = check(&["desk", name], 0, "question");
    let question = queue.split(' ').next().expect("a message is open");
    {
        // Whoever holds the case so that no look can be noted reads nothing by the command.
        let lock = fs::OpenOptions::new().write(true).open(case.join("case.lock")).expect("a lock");
        lock.try_lock().expect("nobody works on the case");
        let out = check(&["desk", name, "show", question], 1, "the message is not shown");
        assert!(!out.contains("bank account"));
    }
    check(&["desk", name, "show", question], 0, "Was my bank account seen");
    check(&["desk", name, "answer", question, "--sheet"], 0, "ledger entry");
}

#[test]
fn a_card_that_a_stranger_holds_is_withdrawn_and_the_person_gets_another_code() {
    let folder = TempDir::new().expect("a temporary folder");
    let (case, bundle) = (new_case(&folder), folder.path().join("bundle"));
    let (name, into) = (text(&case), text(&bundle));
    let publish = ["support", "publish", name, "--into", into];
    let approved = || ["A. Chan", "B. Lee"].map(|by| check(&["notify", name, "approve", "--responder", by], 0, ""));
    approved();
    check(&publish, 0, "each sealed by the code of its letter");
    let server = Server::new(&bundle);
    let before = codes(&case);
    let (person, code) = before[0].clone();
    let (cookie, token) = server.enter(&code);
    server.ask("POST", "/send", &cookie, &format!("token={token}&kind=not_me&way=page&text=This+is+not+for+me"));
    check(&["support", "collect", name, "--from", into], 0, "1 new messages");
    let queue = check(&["desk", name], 0, "not_me");
    let id = queue.split(' ').next().expect("a message is open");
    check(&["desk", name, "close", id, "--why", "told them"], 0, "its card still opens for them");
    check(&["person", name, &code], 0, &person);
    check(&["desk", name, "withdraw", id, "--why", "a stranger has it"], 0, "draws another code");
    check(&["desk", name, "withdraw", id, "--why", "again"], 1, "withdrawn already");
    check(&["desk", name, "list", "--all"], 0, "card withdrawn");
    check(&["person", name, &code], 1, "this code was withdrawn");
    // Before a new letter is drafted and approved, the old card goes at once, also from the disk.
    check(&publish, 0, "card withdrawn, since somebody else holds the letter");
    let generations = || fs::read_dir(bundle.join("cards")).expect("a folder").count();
    assert_eq!(generations(), 1, "the withdrawn card still lies there");
    let enters = |code: &str| server.ask("POST", "/enter", "", &format!("l=en&code={code}")).0.starts_with("HTTP/1.1 303");
    assert!(!enters(&code) && enters(&before[1].1));
    assert!(!server.ask("GET", "/letter", &cookie, "").0.starts_with("HTTP/1.1 200"), "the stranger reads on");
    check(&["notify", name, "draft"], 0, "letters drafted");
    let after = codes(&case);
    let changed: Vec<&String> = before.iter().zip(&after).filter(|(before, after)| before != after).map(|((person, _), _)| person).collect();
    assert_eq!(changed, [&person], "another's letter was changed, or theirs was not");
    approved();
    check(&publish, 0, "each sealed by the code of its letter");
    assert!(enters(&after[0].1) && !enters(&code));
    let (cookie, _) = server.enter(&after[0].1);
    assert!(!server.ask("GET", "/updates", &cookie, "").1.contains("Not you"), "what the stranger wrote is on the person's card");
    check(&["verify", name], 0, "sound");
}

/// Collects what three messages left, killed and not.
fn collected_once(folder: &TempDir, case: &Path, bundle: &Path) {
    let (name, into) = (text(case), text(bundle));
    let collect = ["support", "collect", name, "--from", into];
    // Killed after the case had them, and before the bundle said so: as if the files were there again.
    let copy = folder.path().join("inbox");
    let mut waiting = Vec::new();
    files(&bundle.join("inbox"), &mut waiting);
    fs::create_dir(&copy).expect("a folder");
    let copied = |file: &PathBuf| copy.join(file.file_name().expect("a name"));
    for file in &waiting {
        fs::copy(file, copied(file)).expect("a copy");
    }
    check(&collect, 0, "3 new messages, 1 about somebody's safety; 0 were known");
    for file in &waiting {
        fs::copy(copied(file), file).expect("a copy");
    }
    check(&collect, 0, "0 new messages, 0 about somebody's safety; 3 were known");
    check(&collect, 0, "0 new messages, 0 about somebody's safety; 0 were known");
    // What somebody puts there who has the host: another name, other bytes, noise.
    let first = fs::read(copied(&waiting[0])).expect("a message");
    let mut changed = first.clone();
    *changed.last_mut().expect("a message has bytes") ^= 1;
    for (stem, bytes) in [("0".repeat(32), first), ("1".repeat(32), changed), ("2".repeat(32), b"noise".to_vec())] {
        fs::write(bundle.join(format!("inbox/{stem}.age")), bytes).expect("a write");
    }
    fs::write(bundle.join("inbox/..age"), "x").expect("a write");
    let out = check(&collect, 0, "0 new messages");
    assert_eq!(out.matches("left where it is").count(), 3, "{out}");
}

/// Answers what three messages asked.
fn answered(folder: &TempDir, (name, publish): (&str, &[&str]), server: &Server, cookie: &str) {
    let queue = check(&["desk", name], 0, "SAFETY");
    let ids: Vec<&str> = queue.lines().filter_map(|line| line.split(' ').next()).collect();
    let [safety, message, question] = ids[..] else { panic!("three messages are in the queue: {queue}") };
    check(&["desk", name, "show", safety], 0, "They know where I live");
    check(&["desk", name, "answer", safety, "--sheet"], 1, "a person finds the words");
    check(&["desk", name, "show", message], 0, "NOT OURS");
    check(&["desk", name, "answer", message, "--sheet", "--responder", "C. Ho"], 0, "ledger entry");
    // No letter has left, so no sheet knows what one told them.
    check(&["desk", name, "answer", question, "--sheet"], 1, "a person finds the words");
    let words = folder.path().join("answer.txt");
    fs::write(&words, "Thank you for writing. We look at it.").expect("a write");
    check(&["desk", name, "answer", question, "--text", text(&words)], 0, "ledger entry");
    check(&["desk", name, "assign", safety, "--to", "D. Ng"], 0, "ledger entry");
    check(&["desk", name, "show", "ffffffffffff"], 1, "there is no message");
    let left = check(&["desk", name], 0, "D. Ng");
    assert_eq!(left.lines().count(), 1, "{left}");
    check(publish, 0, "2 answers of the desk are on them");
    // The session of before goes on: the card has another seal, and the same code opens it.
    let (_, page) = server.ask("GET", "/updates", cookie, "");
    assert!(page.contains("is not from us") && page.contains("Thank you for writing") && !page.contains("Your safety"), "{page}");
}

/// Once somebody is enrolled, the desk signs what it does; a card whose letter only typed names released is shown no more.
fn signed(folder: &TempDir, name: &str) {
    let key = folder.path().join("chan");
    if Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().is_err() {
        eprintln!("SKIPPED: there is no ssh-keygen here, so signed acts of the desk are not tried");
        return;
    }
    check(&["responders", name, "add", "A. Chan", "--key", text(&key), "--role", "approver"], 0, "A. Chan");
    let queue = check(&["desk", name], 0, "SAFETY");
    let safety = queue.split(' ').next().expect("a message is open");
    // A request for safety waits for no key, and that it was read is an entry all the same.
    let read = check(&["desk", name, "show", safety], 0, "They know where I live");
    assert!(!read.contains("not in the ledger"), "{read}");
    check(&["desk", name, "close", safety, "--why", "met in person"], 1, "--sign-with");
    check(&["desk", name, "close", safety, "--why", "met in person", "--sign-with", text(&key)], 0, "ledger entry");
    check(&["desk", name], 0, "Nothing is open");
    check(&["verify", name], 0, "2 signatures: sound");
    let other = folder.path().join("other-bundle");
    check(&["support", "publish", name, "--into", text(&other)], 1, "no letter of this case was released");
}

/// No value of the register, and no code, stands in the bundle or in a name of it.
fn nothing_of_the_register_is_in(bundle: &Path, register: &Path, case: &Path) {
    let mut reader = csv::Reader::from_path(register).expect("a register");
    let mut values: Vec<String> = Vec::new();
    for record in reader.records() {
        values.extend(record.expect("a line").iter().map(str::to_owned));
    }
    // Shorter ones stand in random bytes by chance; words for a status or a language are nobody's.
    values.retain(|value| value.len() >= 6 && !["serving", "departed", "zh-Hant", "zh-Hans"].contains(&value.as_str()));
    values.extend(codes(case).into_iter().map(|(_, code)| code));
    values.sort();
    values.dedup();
    assert!(values.len() > 400, "the register was read");
    let mut found = Vec::new();
    files(bundle, &mut found);
    assert!(found.len() > 100);
    for file in found {
        let bytes = fs::read(&file).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        for value in &values {
            let is_there = text.contains(value.as_str()) || file.to_string_lossy().contains(value.as_str());
            assert!(!is_there, "a value of the register is in {}", file.display());
        }
    }
}
