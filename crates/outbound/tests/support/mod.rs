//! What the tests of sending share: a mail server that misbehaves on demand, and an outbox on the store used in earnest.

#![allow(clippy::unwrap_used, dead_code)] // helpers of tests are tests too, and not each test uses all

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use strandline_case::{Case, CaseError, NewLetter, Origin, Secrets, Sending, SendingStep};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_outbound::{Outbox, Outcome, OutgoingLetter, Pace, ReturnPath, Security, SendResult, SenderIdentity, Server, Timeouts};

/// What the server does at one point of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Go,
    Say(&'static str),
    Drop,
    Stall,
    /// Bytes without end and without a line's end.
    Flood,
    /// One byte now and then.
    Trickle,
}

/// Where it does so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    Greeting,
    Hello,
    Mail,
    Recipient,
    Data,
    /// After the first bytes of the letter.
    Body,
    /// After the final dot, before the letter counts as taken.
    Dot,
    /// After the letter counts as taken, before that is said.
    Taken,
}

/// Decides by point, recipient and the number of the attempt on that recipient (from 1).
pub type Script = dyn Fn(At, &str, u32) -> Act + Send + Sync;

#[derive(Default)]
pub struct Seen {
    /// (recipient, return path, message) of each letter taken.
    pub taken: Vec<(String, String, Vec<u8>)>,
    pub attempts: BTreeMap<String, u32>,
    pub connections: u32,
    pub commands: Vec<String>,
}

pub struct Sink {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Seen>>,
}

#[derive(Clone)]
pub struct Sinkable {
    pub script: Arc<Script>,
    pub extensions: &'static [&'static str],
    pub tls: Option<Arc<ServerConfig>>,
    pub immediate_tls: bool,
    /// Said together with the answer to STARTTLS, by whoever sits in between.
    pub injected: &'static str,
    pub pause: Duration,
}

impl Default for Sinkable {
    fn default() -> Self {
        Self {
            script: Arc::new(|_, _, _| Act::Go),
            extensions: &["PIPELINING", "8BITMIME"],
            tls: None,
            immediate_tls: false,
            injected: "",
            pause: Duration::ZERO,
        }
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Sink {
    pub fn start(how: Sinkable) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (how, seen) = (how.clone(), Arc::clone(&shared));
                std::thread::spawn(move || converse(socket, &how, &seen));
            }
        });
        Self { address, seen }
    }

    pub fn scripted(script: impl Fn(At, &str, u32) -> Act + Send + Sync + 'static) -> Self {
        Self::start(Sinkable { script: Arc::new(script), ..Sinkable::default() })
    }

    /// How often each recipient's letter was taken.
    pub fn taken(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for (recipient, ..) in &self.seen.lock().unwrap().taken {
            *counts.entry(recipient.clone()).or_insert(0) += 1;
        }
        counts
    }
}

fn converse(socket: TcpStream, how: &Sinkable, seen: &Mutex<Seen>) {
    seen.lock().unwrap().connections += 1;
    let _ = socket.set_nodelay(true);
    let mut stream: BufReader<Box<dyn Stream>> = if how.immediate_tls {
        let connection = ServerConnection::new(Arc::clone(how.tls.as_ref().unwrap())).unwrap();
        BufReader::new(Box::new(StreamOwned::new(connection, socket.try_clone().unwrap())))
    } else {
        BufReader::new(Box::new(socket.try_clone().unwrap()))
    };
    let (mut recipient, mut sender) = (String::new(), String::new());
    let attempt = |recipient: &str| seen.lock().unwrap().attempts.get(recipient).copied().unwrap_or(0);
    if !act((how.script)(At::Greeting, "", 0), "220 sink ESMTP", &mut stream) {
        return;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let command = line.trim_end().to_owned();
        seen.lock().unwrap().commands.push(command.clone());
        let path = command.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_owned()).unwrap_or_default();
        let going = match command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => {
                let mut answer = "250-sink".to_owned();
                how.extensions.iter().for_each(|e| answer.push_str(&format!("\r\n250-{e}")));
                act((how.script)(At::Hello, "", 0), &format!("{answer}\r\n250 HELP"), &mut stream)
            }
            "STARTTLS" => {
                let _ = stream.get_mut().write_all(format!("220 go\r\n{}", how.injected).as_bytes());
                let connection = ServerConnection::new(Arc::clone(how.tls.as_ref().unwrap())).unwrap();
                stream = BufReader::new(Box::new(StreamOwned::new(connection, socket.try_clone().unwrap())));
                true
            }
            "AUTH" => {
                // \0account\0right
                let right = command == "AUTH PLAIN AGFjY291bnQAcmlnaHQ=";
                say(if right { "235 2.7.0 ok" } else { "535 5.7.8 no: AGFjY291bnQA" }, &mut stream)
            }
            "MAIL" => {
                sender = path;
                act((how.script)(At::Mail, &sender, 0), "250 2.1.0 ok", &mut stream)
            }
            "RCPT" => {
                recipient = path;
                *seen.lock().unwrap().attempts.entry(recipient.clone()).or_insert(0) += 1;
                act((how.script)(At::Recipient, &recipient, attempt(&recipient)), "250 2.1.5 ok", &mut stream)
            }
            "DATA" => {
                let number = attempt(&recipient);
                let refused = matches!((how.script)(At::Recipient, &recipient, number), Act::Say(_));
                match (how.script)(At::Data, &recipient, number) {
                    _ if refused => say("554 5.5.1 no valid recipients", &mut stream),
                    Act::Go => say("354 go on", &mut stream) && take(&recipient, &sender, number, how, seen, &mut stream),
                    other => act(other, "", &mut stream),
                }
            }
            "RSET" | "NOOP" => say("250 2.0.0 ok", &mut stream),
            "QUIT" => {
                say("221 2.0.0 bye", &mut stream);
                false
            }
            _ => say("500 5.5.2 what?", &mut stream),
        };
        if !going {
            return;
        }
    }
}

fn take(recipient: &str, sender: &str, number: u32, how: &Sinkable, seen: &Mutex<Seen>, stream: &mut BufReader<Box<dyn Stream>>) -> bool {
    let mut message = Vec::new();
    let mut first = true;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return false;
        }
        if std::mem::take(&mut first) && (how.script)(At::Body, recipient, number) != Act::Go {
            act((how.script)(At::Body, recipient, number), "", stream);
            return false;
        }
        if line == b".\r\n" {
            break;
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    std::thread::sleep(how.pause);
    match (how.script)(At::Dot, recipient, number) {
        Act::Go => {}
        Act::Say(words) => return say(words, stream),
        other => return act(other, "", stream),
    }
    seen.lock().unwrap().taken.push((recipient.to_owned(), sender.to_owned(), message));
    act((how.script)(At::Taken, recipient, number), "250 2.0.0 taken as 4711", stream)
}

fn say(words: &str, stream: &mut BufReader<Box<dyn Stream>>) -> bool {
    stream.get_mut().write_all(format!("{words}\r\n").as_bytes()).and_then(|()| stream.get_mut().flush()).is_ok()
}

/// Does it; says whether the conversation goes on.
fn act(act: Act, usual: &str, stream: &mut BufReader<Box<dyn Stream>>) -> bool {
    match act {
        Act::Go => say(usual, stream),
        Act::Say(words) => say(words, stream) && !words.starts_with("421"),
        Act::Drop => false,
        Act::Stall => {
            // Until the other side hangs up.
            let _ = std::io::copy(stream, &mut std::io::sink());
            false
        }
        Act::Flood => {
            while stream.get_mut().write_all(&[b'2'; 65536]).is_ok() {}
            false
        }
        Act::Trickle => {
            while stream.get_mut().write_all(b"2").and_then(|()| stream.get_mut().flush()).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
            false
        }
    }
}

pub fn server(sink: &Sink) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port: sink.address.port(),
        security: Security::Plain,
        credentials: None,
        own_name: "client.example.org".into(),
        timeouts: Timeouts { connect: Duration::from_millis(800), command: Duration::from_millis(800), acknowledgement: Duration::from_millis(800) },
        authorities_pem: None,
    }
}

pub fn identity() -> SenderIdentity {
    SenderIdentity::new("notice@example.org", Some("Harbour Hospital"), None, ReturnPath::new("bounces@example.org", '+').unwrap()).unwrap()
}

/// Quick, so that tests wait for nothing but the server.
pub fn pace() -> Pace {
    Pace {
        connections: 4,
        letters_per_minute: None,
        retry_after: Duration::from_millis(20),
        attempts_limit: 4,
        patience: Duration::from_secs(60),
        reconnect_after: Duration::from_millis(5),
    }
}

pub fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Instant(since.as_micros() as i64)
}

pub static NEVER: AtomicBool = AtomicBool::new(false);

pub fn address_of(number: usize) -> String {
    format!("p{number:05}@example.net")
}

pub fn new_case(path: &Path) -> Case {
    Case::create(path, &Origin::new("example.org", "1").unwrap(), &Secrets::new([1; 32], [2; 32])).unwrap()
}

/// Queues letters to people 0 to `count`.
pub fn queue(case: &Case, count: usize) {
    let letters: Vec<NewLetter> = (0..count)
        .map(|number| NewLetter {
            reference: case.letter_reference(1, &number.to_string()).unwrap(),
            channel: Channel::Email,
            round: 1,
            data_subject: number.to_string(),
            letter_sha256: String::new(),
            plan_sha256: String::new(),
        })
        .collect();
    case.sending().unwrap().queue(&letters, now()).unwrap();
}

/// The store of a case as an outbox, with made-up letters.
pub struct CaseOutbox<'c>(pub Sending<'c>);

impl Outbox for CaseOutbox<'_> {
    type Error = CaseError;

    fn settle(&mut self, now: Instant) -> Result<u64, CaseError> {
        self.0.settle(now)
    }

    fn next(&mut self, now: Instant, limit: usize, taken: &BTreeSet<LetterReference>) -> Result<Vec<OutgoingLetter>, CaseError> {
        let due = self.0.next((1, Channel::Email), now, limit, taken)?;
        Ok(due.into_iter().map(|stored| letter(stored.letter.reference, stored.letter.data_subject.parse().unwrap())).collect())
    }

    fn next_due(&mut self) -> Result<Option<Instant>, CaseError> {
        self.0.next_due((1, Channel::Email))
    }

    fn commit(&mut self, in_flight: &[LetterReference], outcomes: &[Outcome], now: Instant) -> Result<(), CaseError> {
        let step = |reference: &LetterReference, state, at, due_at, answer| SendingStep {
            reference: reference.clone(),
            channel: Channel::Email,
            state,
            at,
            due_at,
            answer,
        };
        let mut steps: Vec<SendingStep> = in_flight.iter().map(|r| step(r, SendingState::InFlight, now, None, None)).collect();
        steps.extend(outcomes.iter().map(|outcome| {
            let (state, due, answer) = match &outcome.result {
                SendResult::Accepted(answer) => (SendingState::Accepted, None, answer),
                SendResult::Later { answer, due } => (SendingState::Deferred, Some(*due), answer),
                SendResult::Refused(answer) => (SendingState::Refused, None, answer),
                SendResult::Uncertain(answer) => (SendingState::Uncertain, None, answer),
            };
            step(&outcome.reference, state, outcome.at, due, Some(answer.to_string()))
        }));
        self.0.commit(&steps)
    }
}

pub fn letter(reference: LetterReference, number: usize) -> OutgoingLetter {
    OutgoingLetter {
        reference,
        address: Personal::new(address_of(number)),
        name: Some(Personal::new(format!("Person {number}"))),
        language: "en".into(),
        subject: Personal::new("An intruder saw data about you".into()),
        text: Personal::new(format!("Dear Person {number},\n\nSomebody broke into our systems.\n.\n{}\nBye\n", "They saw your name. ".repeat(60))),
        html: None,
        attachments: vec![],
    }
}

/// People by state.
pub fn states(case: &Case) -> BTreeMap<SendingState, Vec<usize>> {
    let mut found: BTreeMap<SendingState, Vec<usize>> = BTreeMap::new();
    for stored in case.stored_letters().unwrap() {
        found.entry(stored.state).or_default().push(stored.letter.data_subject.parse().unwrap());
    }
    found
}
