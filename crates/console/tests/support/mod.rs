//! A case to serve, and a browser of a few lines that sends exactly what a test wants to send.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use strandline_case::{Author, Case, NewMessage};
use strandline_console::{Options, serve};
use strandline_drill::{Plan, Scenario, generate};
use strandline_model::letter_word::{LetterWord, Place, Reader};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_response::desk::{Given, MailGiven, Overview, Quiet, SignIn, overview};
use strandline_response::notice::LawBook;
use strandline_response::{MessageKind, Names, PublicKey, Response, Role, Settings, Signer, Told, Way, enrol_responder, remove_responder, respond};

/// A name that would be markup, a picture with a script, and text that turns around.
pub const HOSTILE_NAME: &str = "<svg onload=alert(1)>\u{202e}gnp {{7*7}} </td><script>alert(2)</script>";

pub fn now() -> Instant {
    Instant(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

/// Enough for a test, and different each time.
pub fn random() -> [u8; 32] {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&count.to_le_bytes());
    bytes[8..16].copy_from_slice(&now().micros().to_le_bytes());
    bytes
}

/// What whoever works in a case by hand tells it.
pub fn settings(case: &Path, responder: &str) -> Settings<'static> {
    Settings {
        case: case.to_owned(),
        responder: responder.to_owned(),
        now: &now,
        random: &random,
        reader: None,
        memory_limit_bytes: 512 << 20,
        threads: 2,
        rules: Vec::new(),
        told: Told::default(),
        signer: None,
    }
}

/// A made-up department that was robbed, and somebody in its register whose name is hostile. Made once; each test copies it.
fn original() -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { people: 200, days: 3, seed: 5, scenario: Scenario::Pivot, gap: true, target_bytes: None };
        let department = generate(&plan, folder.path(), &mut |_| {}).unwrap();
        let register = std::fs::read_to_string(&department.register).unwrap();
        let mut lines: Vec<String> = register.lines().map(str::to_owned).collect();
        let fields: Vec<&str> = lines[1].splitn(3, ',').collect();
        lines[1] = format!("{},\"{HOSTILE_NAME}\",{}", fields[0], fields[2]);
        std::fs::write(&department.register, lines.join("\n")).unwrap();
        // And a line that no reader knows.
        let log = std::fs::OpenOptions::new().append(true).open(department.evidence.join("crew/crew.jsonl")).unwrap();
        (&log).write_all(b"no record of anything\n").unwrap();
        let case = folder.path().join("case");
        let estate = std::fs::read_to_string(&department.estate).unwrap();
        let estate = (estate.as_str(), department.estate.to_str().unwrap());
        respond(&settings(&case, "A. Chan"), estate, &department.evidence, &department.pins, Names::Masked, &mut Quiet).unwrap();
        folder
    });
    folder.path()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A console on a case of its own.
pub struct Served {
    pub at: SocketAddr,
    pub link: String,
    pub case: PathBuf,
    _folder: tempfile::TempDir,
}

/// Serves a copy of the case. `prepare` changes it before.
pub fn served(responder: &str, prepare: impl FnOnce(&Path)) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case");
    copy(&original().join("case"), &case);
    prepare(&case);
    serve_cases(folder, &[case], responder)
}

/// Another case on the same evidence, begun anew. Made once.
fn another() -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (path, evidence) = (original().join("estate.toml"), original().join("evidence"));
        let estate = std::fs::read_to_string(&path).unwrap();
        let settings = settings(&folder.path().join("case"), "A. Chan");
        respond(&settings, (&estate, path.to_str().unwrap()), &evidence, &[], Names::Masked, &mut Quiet).unwrap();
        folder
    });
    folder.path()
}

/// Serves two cases, or one: the usual one, and another.
pub fn served_all(responder: &str, count: usize, prepare: impl Fn(usize, &Path)) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<PathBuf> = (0..count).map(|place| folder.path().join(format!("{place}/case"))).collect();
    for (place, case) in cases.iter().enumerate() {
        std::fs::create_dir_all(case.parent().unwrap()).unwrap();
        copy(&if place == 0 { original().join("case") } else { another().join("case") }, case);
        prepare(place, case);
    }
    serve_cases(folder, &cases, responder)
}

/// Serves the first case beside itself.
pub fn serve_again(served: &Served) -> Result<(), strandline_console::ServeError> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    serve(vec![options(&served.case, "A. Chan"), options(&served.case, "A. Chan")], listen, None, &mut |_| panic!("it listens"))
}

/// What a console is told of a case.
pub fn options(case: &Path, responder: &str) -> Options {
    Options {
        case: case.to_owned(),
        responder: responder.to_owned(),
        now,
        random,
        reader: None,
        memory_limit_bytes: 512 << 20,
        threads: 2,
        law: LawBook::built_in().unwrap(),
        given: Given::default(),
    }
}

fn serve_cases(folder: tempfile::TempDir, cases: &[PathBuf], responder: &str) -> Served {
    serve_options(folder, cases.iter().map(|case| options(case, responder)).collect())
}

fn serve_options(folder: tempfile::TempDir, all: Vec<Options>) -> Served {
    let case = all[0].case.clone();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        serve(all, listen, None, &mut |opened| tell.send(opened.clone()).unwrap()).unwrap();
    });
    let opened = told.recv_timeout(Duration::from_secs(30)).unwrap();
    let link = opened.link.split_once("/in/").map(|(_, secret)| format!("/in/{secret}")).unwrap();
    Served { at: opened.at, link, case, _folder: folder }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Sends bytes as they are, and reads until the other side ends.
pub fn raw(at: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // It may end before all is sent: then what it said is what counts.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Somebody with a browser.
pub struct Visitor<'s> {
    pub served: &'s Served,
    pub cookie: String,
    pub language: &'static str,
    pub agent: &'static str,
    /// Whether they came by the console's name, and not by its address.
    pub is_by_name: bool,
}

impl<'s> Visitor<'s> {
    /// Somebody who is not in yet.
    pub fn outside(served: &'s Served) -> Self {
        Self { served, cookie: String::new(), language: "en", agent: "test", is_by_name: false }
    }

    /// Somebody who came in by the first link.
    pub fn inside(served: &'s Served) -> Self {
        let mut visitor = Self::outside(served);
        let entered = visitor.post(&served.link, &[]);
        assert_eq!(entered.status, 303, "{}", entered.body);
        visitor.take_cookie(&entered);
        visitor
    }

    pub fn take_cookie(&mut self, answer: &Answer) {
        self.cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    }

    fn head(&self, method: &str, path: &str) -> String {
        let Self { cookie, language, agent, .. } = self;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\nAccept-Language: {language}\r\nCookie: {cookie}\r\nConnection: close\r\n",
            self.host()
        )
    }

    fn host(&self) -> String {
        if self.is_by_name { format!("localhost:{}", self.served.at.port()) } else { self.served.at.to_string() }
    }

    pub fn get(&self, path: &str) -> Answer {
        raw(self.served.at, format!("{}\r\n", self.head("GET", path)).as_bytes())
    }

    /// Sends a form as a page of the console would.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &format!("Origin: http://{}\r\n", self.host()))
    }

    /// Sends a form with other headers.
    pub fn post_from(&self, path: &str, fields: &[(&str, &str)], headers: &str) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let head = self.head("POST", path);
        let request = format!("{head}{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        raw(self.served.at, request.as_bytes())
    }

    /// Somebody who signed in by their key.
    pub fn signed_in(served: &'s Served, seed: u8) -> Self {
        let mut visitor = Self::outside(served);
        let door = visitor.get("/in").body;
        let text = format!("{}\n", door.split("<pre tabindex=\"0\">").nth(1).unwrap().split("</pre>").next().unwrap().trim_end());
        let number = door.split("name=\"number\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let entered = visitor.post("/in", &[("number", &number), ("signature", &sign(seed, SignIn::NAMESPACE, &text))]);
        assert_eq!(entered.status, 303, "{}", entered.body);
        visitor.take_cookie(&entered);
        visitor
    }

    /// What forms of this session carry.
    pub fn csrf(&self) -> String {
        let page = self.get("/work").body;
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// Sends a form with the session's own token.
    pub fn act(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post(path, &fields)
    }

    /// The first link on a page that begins so.
    pub fn first(&self, page: &str, begins: &str) -> String {
        let body = self.get(page).body;
        let found = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).find(|href| href.starts_with(begins) && href.len() > begins.len());
        found.unwrap_or_else(|| panic!("{page} has no link to {begins}…")).to_owned()
    }
}

/// Entries of the ledger, as they stand on the disk.
pub fn entries(served: &Served) -> u64 {
    let checkpoint = std::fs::read_to_string(served.case.join("ledger/checkpoint")).unwrap();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

/// The key of somebody, by a number.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// Signs a text as `ssh-keygen -Y sign` does.
pub fn sign(seed: u8, namespace: &str, text: &str) -> String {
    key(seed).sign(namespace, HashAlg::Sha512, text.as_bytes()).unwrap().to_pem(LineEnding::LF).unwrap()
}

/// Enrols the first responder of a case, an approver.
pub fn enrol(case: &Path, name: &str, seed: u8) {
    let signer = Signer(Arc::new(move |text: &[u8], namespace: &str| Ok(sign(seed, namespace, std::str::from_utf8(text).unwrap()))));
    let public = PublicKey::of_openssh(&key(seed).public_key().to_openssh().unwrap()).unwrap();
    let settings = Settings { signer: Some(signer), ..settings(case, name) };
    enrol_responder(&settings, name, &public, Role::Approver).unwrap();
}

/// Enrols somebody by the key of an approver.
pub fn enrol_as(case: &Path, (approver, seed): (&'static str, u8), name: &str, (own, role): (u8, Role)) {
    let signer = Signer(Arc::new(move |text: &[u8], namespace: &str| Ok(sign(seed, namespace, std::str::from_utf8(text).unwrap()))));
    let public = PublicKey::of_openssh(&key(own).public_key().to_openssh().unwrap()).unwrap();
    enrol_responder(&Settings { signer: Some(signer), ..settings(case, approver) }, name, &public, role).unwrap();
}

/// Removes somebody by the key of an approver.
pub fn remove(case: &Path, (approver, seed): (&'static str, u8), name: &str) {
    let signer = Signer(Arc::new(move |text: &[u8], namespace: &str| Ok(sign(seed, namespace, std::str::from_utf8(text).unwrap()))));
    remove_responder(&Settings { signer: Some(signer), ..settings(case, approver) }, name, None).unwrap();
}

/// Puts a message of somebody into the case, as `support collect` does.
pub fn message(case: &Path, place: u8, data_subject: &str, kind: MessageKind, text: &str) -> String {
    let id = strandline_support::MessageId::new([place; 16]);
    let card = strandline_support::CardName::try_from(format!("{place:032x}")).unwrap();
    let (language, text, way) = ("en".to_owned(), Personal::new(text.to_owned()), Way::Page);
    let message = strandline_support::Message { id: id.clone(), card, kind, language, way, text, reach: None, written_at: now() };
    let body = serde_json::to_string(&message).unwrap();
    let new = NewMessage { id: id.as_str().to_owned(), data_subject: data_subject.to_owned(), kind: kind.as_str().to_owned(), body, collected_at: now() };
    Case::open(case).unwrap().record_messages(&[new], &Author { actor: "A. Chan".to_owned(), time: now() }, "0").unwrap();
    id.as_str().to_owned()
}

/// The code in somebody's letter.
pub fn code_of(case: &Path, data_subject: &str) -> String {
    let letter = std::fs::read_to_string(case.join(format!("letters/{data_subject}.txt"))).unwrap();
    let is_code = |word: &&str| word.len() == 19 && word.bytes().enumerate().all(|(at, b)| if at % 5 == 4 { b == b'-' } else { b.is_ascii_alphanumeric() });
    letter.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(is_code).unwrap().to_owned()
}

/// Follows the trail again, and nothing that stands on it: as after a kill in between.
pub fn trace_alone(case: &Path) {
    Response::resume(&settings(case, "A. Chan"), &mut Quiet).unwrap().trace(None).unwrap();
}

/// Drafts the letters of another round.
pub fn draft_round(case: &Path, round: u32) {
    let (settings, mut quiet) = (settings(case, "A. Chan"), Quiet);
    let mut response = Response::resume(&settings, &mut quiet).unwrap();
    response.use_round(round).unwrap();
    response.draft_letters().unwrap();
}

/// Has a person's letter read by an executor.
pub fn readdress(case: &Path, data_subject: &str, name: &str) {
    let place = Place { name: Some(Personal::new(name.to_owned())), ..Place::default() };
    let word = LetterWord::Readdressed { data_subject: data_subject.to_owned(), reader: Reader::Executor, place, why: Personal::new("told us".to_owned()) };
    Response::resume(&settings(case, "A. Chan"), &mut Quiet).unwrap().decide_letters(&[word]).unwrap();
}

/// What the console shows a case by.
pub fn seen(case: &Path) -> Overview {
    overview(&settings(case, "A. Chan")).unwrap()
}

/// Runs `check` again and again until it holds.
pub fn wait_for(what: &str, check: impl Fn() -> bool) {
    // Work runs whole stages, and other tests beside it: long enough that only what never comes is missed.
    for _ in 0..3000 {
        if check() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{what} did not come");
}

/// What a mail server was given: who it was to, each time that it took a letter.
pub type Taken = Arc<std::sync::Mutex<Vec<String>>>;

/// A mail server of a few lines on this machine, which takes a letter in so long.
pub fn mail_server(pause: Duration) -> (u16, Taken) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, taken) = (listener.local_addr().unwrap().port(), Taken::default());
    let kept = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let taken = Arc::clone(&kept);
            std::thread::spawn(move || take_mail(stream, pause, &taken));
        }
    });
    (port, taken)
}

fn take_mail(stream: TcpStream, pause: Duration, taken: &Taken) -> Option<()> {
    use std::io::{BufRead, BufReader};
    let (mut lines, mut stream) = (BufReader::new(stream.try_clone().ok()?).lines(), stream);
    stream.write_all(b"220 test\r\n").ok()?;
    let mut to = String::new();
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "RCPT" => {
                to = line;
                "250 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                while lines.next()?.ok()? != "." {}
                std::thread::sleep(pause);
                taken.lock().unwrap().push(to.clone());
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
    }
    Some(())
}

/// Serves a copy of the case by a console that was told more. `prepare` changes it before.
pub fn served_with(given: impl FnOnce(&Path) -> Given, prepare: impl FnOnce(&Path)) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case");
    copy(&original().join("case"), &case);
    prepare(&case);
    let options = Options { given: given(folder.path()), ..options(&case, "A. Chan") };
    serve_options(folder, vec![options])
}

/// Mail through a server of this machine.
pub fn mail_through(port: u16, connections: usize) -> MailGiven {
    MailGiven { server: Some(("127.0.0.1".to_owned(), Some(port))), connections: Some(connections), ..MailGiven::default() }
}

/// Somebody approves the letters, on the terminal.
pub fn approve(case: &Path, name: &str) {
    Response::resume(&settings(case, name), &mut Quiet).unwrap().approve_letters(1, None, None).unwrap();
}

/// Approves the letters as they are, in the browser.
pub fn approve_here(visitor: &Visitor<'_>) {
    let page = visitor.get("/letters").body;
    let plan = page.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(visitor.act("/act/approve", &[("plan", &plan), ("why", "")]).status, 303);
}

/// Has a case go on with more in its estate.
pub fn with_estate(case: &Path, more: &str) {
    let (path, evidence) = (original().join("estate.toml"), original().join("evidence"));
    let estate = std::fs::read_to_string(&path).unwrap() + more;
    respond(&settings(case, "A. Chan"), (&estate, path.to_str().unwrap()), &evidence, &[], Names::Masked, &mut Quiet).unwrap();
}
