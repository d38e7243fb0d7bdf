//! The console through the binary, killed while letters go: what was sent is sent once, what was not goes on, and somebody is told.

mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use servers::text;
use tempfile::TempDir;

/// Connections that the program sends by: so many letters can be uncertain after a kill.
const CONNECTIONS: usize = 2;

fn run(arguments: &[&str]) -> String {
    let output = servers::strandline(arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A small department that was robbed, with its letters drafted and approved by two.
fn new_case(folder: &TempDir) -> PathBuf {
    let into = folder.path().join("made");
    run(&["drill", "--only-make", "--people", "200", "--days", "3", "--into", text(&into)]);
    let case = folder.path().join("case");
    run(&["respond", "--estate", text(&into.join("estate.toml")), "--evidence", text(&into.join("evidence")), "--case", text(&case)]);
    for name in ["A. Chan", "B. Lee"] {
        run(&["--responder", name, "notify", text(&case), "approve"]);
    }
    case
}

/// A console of its own process, and somebody in it.
struct Console {
    process: Child,
    host: String,
    cookie: String,
}

impl Console {
    fn new(case: &Path, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_strandline"))
            .args(["--json", "--responder", "A. Chan", "serve", text(case), "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut told = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        while serde_json::from_str::<serde_json::Value>(&told).is_err() {
            told.push_str(&lines.next().expect("it says where").expect("it is text"));
        }
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        let link = told["link"].as_str().expect("a link").trim_start_matches("http://");
        let (host, path) = link.split_once('/').expect("a path");
        let mut console = Self { process, host: host.to_owned(), cookie: String::new() };
        let entered = console.ask("POST", &format!("/{path}"), "");
        let cookie = entered.lines().find_map(|line| line.strip_prefix("set-cookie: ")).and_then(|line| line.split(';').next());
        console.cookie = cookie.expect("a cookie").to_owned();
        console
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).expect("a connection");
        let Self { host, cookie, .. } = self;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUser-Agent: test\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn begin(&self, work: &str) {
        let page = self.ask("GET", "/work", "");
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
        let answer = self.ask("POST", "/act/work", &format!("csrf={token}&work={work}"));
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    }

    /// Begins work, waits for its end, and returns the page that tells of it.
    fn do_work(&self, work: &str) -> String {
        self.begin(work);
        wait_for(work, || !self.ask("GET", "/work", "").contains("It runs:"));
        self.ask("GET", "/work", "")
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // SIGKILL: nothing is put in order.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for(what: &str, check: impl Fn() -> bool) {
    for _ in 0..1800 {
        if check() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what} did not come");
}

fn counts(case: &Path) -> BTreeMap<String, u64> {
    let status: serde_json::Value = serde_json::from_str(&run(&["notify", text(case), "status", "--json"])).expect("JSON");
    serde_json::from_value(status["counts"].clone()).expect("counts")
}

#[test]
fn letters_go_on_after_a_kill_each_once_and_somebody_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let case = new_case(&folder);
    let (port, taken) = servers::start_slow_server(Duration::from_millis(40));
    let number = || taken.lock().expect("no panic").len();
    let (server, connections) = (format!("127.0.0.1:{port}"), CONNECTIONS.to_string());
    let through = ["--server", &server, "--connections", &connections];
    let mails = {
        let console = Console::new(&case, &through);
        let page = console.ask("GET", "/letters", "");
        let mails: usize = page.split("/people?batch=email\">").nth(1).and_then(|rest| rest.split('<').next()).expect("a number").parse().expect("a number");
        console.begin("send");
        wait_for("the first letters", || number() > 5);
        mails
        // Here it is killed.
    };
    let first = number();
    assert!(first < mails, "all {mails} had left before the kill: nothing was tested");
    assert!(fs::read_dir(case.join("jobs")).expect("a folder").count() == 1, "nothing says that letters were going");
    let console = Console::new(&case, &through);
    let page = console.ask("GET", "/work", "");
    assert!(page.contains("Sending the letters") && page.contains("the end of its program cut it short"), "{page}");
    wait_for("the rest", || console.ask("GET", "/work", "").contains("It is done."));
    drop(console);
    let sent = taken.lock().expect("no panic").clone();
    let mut times: BTreeMap<&String, u32> = BTreeMap::new();
    sent.iter().for_each(|mail| *times.entry(&mail.recipient).or_default() += 1);
    assert!(times.values().all(|times| *times == 1), "somebody got two");
    let counts = counts(&case);
    let count = |state: &str| counts.get(state).copied().unwrap_or(0) as usize;
    assert_eq!(count("accepted") + count("uncertain"), mails, "a letter was lost: {counts:?}");
    assert!(count("uncertain") <= CONNECTIONS && count("in_flight") == 0, "{counts:?}");
    assert!(times.len() >= count("accepted"));
    run(&["verify", text(&case)]);
}

#[test]
fn letters_on_paper_are_printed_and_handed_over_from_the_browser_once() {
    if !servers::can_print() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    let (case, post) = (new_case(&folder), folder.path().join("post"));
    let console = Console::new(&case, &["--post-into", text(&post)]);
    let batches = || fs::read_dir(&post).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<PathBuf>>();
    // What was approved was not on paper.
    console.do_work("print");
    assert!(console.do_work("hand_over").contains("0 of 2 approvals") && !counts(&case).contains_key("handed_over"));
    for name in ["A. Chan", "B. Lee"] {
        run(&["--responder", name, "notify", text(&case), "approve"]);
    }
    let before = batches();
    console.do_work("hand_over");
    let batch = batches().into_iter().find(|path| !before.contains(path)).expect("a folder for the mail house");
    let manifest = fs::read_to_string(batch.join("batch-001.csv")).expect("a manifest");
    assert!(fs::read(batch.join("batch-001.pdf")).expect("a batch").starts_with(b"%PDF-"));
    assert_eq!(counts(&case)["handed_over"], manifest.lines().count() as u64 - 1);
    console.do_work("hand_over");
    assert_eq!(counts(&case)["handed_over"], manifest.lines().count() as u64 - 1, "somebody has two");
    let lines: usize = batches().iter().filter_map(|path| fs::read_to_string(path.join("batch-001.csv")).ok()).map(|text| text.lines().count() - 1).sum();
    assert_eq!(lines, manifest.lines().count() - 1, "somebody has two");
    drop(console);
    run(&["verify", text(&case)]);
}
