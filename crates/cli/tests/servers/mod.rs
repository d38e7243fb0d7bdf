//! A mail server of the tests' own, which takes everything, and the binary.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A letter as the server took it.
#[derive(Clone)]
pub struct TakenMail {
    /// Where reports of it go.
    pub return_path: String,
    /// Whom it went to.
    pub recipient: String,
    /// The message, lines ended by LF.
    pub message: String,
}

/// What a server took.
pub type Taken = Arc<Mutex<Vec<TakenMail>>>;

/// What a server holds against every second recipient; nothing, if it is empty.
pub type Grudge = Arc<Mutex<String>>;

/// Whether letters can be printed here; says so where they cannot.
#[allow(clippy::print_stdout, reason = "a test that skips says so")]
pub fn can_print() -> bool {
    let printer = Path::new(env!("CARGO_BIN_EXE_strandline")).with_file_name(format!("strandline-print{}", std::env::consts::EXE_SUFFIX));
    let can = printer.exists() && Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists();
    if !can {
        println!("SKIPPED: no strandline-print is built, or no font with Chinese is installed (Debian: fonts-noto-cjk)");
    }
    can
}

/// Starts it: its port, and what it takes. Addresses beyond ASCII are taken too.
pub fn start_server() -> (u16, Taken) {
    start(&Grudge::default(), Duration::ZERO)
}

/// Starts one that refuses every second recipient with these words.
pub fn start_server_with(grudge: &Grudge) -> (u16, Taken) {
    start(grudge, Duration::ZERO)
}

/// Starts one that takes its time between a letter and its answer: a kill in between leaves that letter uncertain.
pub fn start_slow_server(pause: Duration) -> (u16, Taken) {
    start(&Grudge::default(), pause)
}

fn start(grudge: &Grudge, pause: Duration) -> (u16, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let taken = Taken::default();
    let (shared, grudge, asked) = (Arc::clone(&taken), Arc::clone(grudge), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (taken, grudge, asked) = (Arc::clone(&shared), Arc::clone(&grudge), Arc::clone(&asked));
            std::thread::spawn(move || converse(&stream, &taken, (&grudge, pause), &asked));
        }
    });
    (port, taken)
}

fn converse(mut stream: &TcpStream, taken: &Taken, (grudge, pause): (&Grudge, Duration), asked: &AtomicUsize) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let (mut return_path, mut recipient) = (String::new(), String::new());
    stream.write_all(b"220 test\r\n").ok()?;
    loop {
        let line = lines.next()?.ok()?;
        let path = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_owned());
        let answer = match line.get(..4).unwrap_or_default() {
            "EHLO" => "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8",
            "MAIL" => {
                return_path = path?;
                "250 ok"
            }
            "RCPT" => {
                recipient = path?;
                let words = grudge.lock().ok()?.clone();
                if !words.is_empty() && asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                    stream.write_all(format!("{words}\r\n").as_bytes()).ok()?;
                    continue;
                }
                "250 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").ok()?;
                let mut message = String::new();
                loop {
                    let line = lines.next()?.ok()?;
                    if line == "." {
                        break;
                    }
                    message.push_str(line.strip_prefix('.').unwrap_or(&line));
                    message.push('\n');
                }
                taken.lock().ok()?.push(TakenMail { return_path: return_path.clone(), recipient: recipient.clone(), message });
                std::thread::sleep(pause);
                "250 taken"
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
}

/// Runs the binary.
pub fn strandline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strandline")).args(arguments).output().expect("the binary runs")
}

/// A path as the command line takes it.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
