//! A bundle that is really served, on the loopback: what a visitor, a flood, a slow caller and a thief of the folder get.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use jiff::civil::date;
use strandline_model::code::SupportCode;
use strandline_model::document::{Block, Field};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_support::{
    Answer, Before, Card, CardKeys, CardLetter, Contact, Identity, Inbox, Kind, Limits, MessageId, Parameters, Promise, Round, Running, SecretKey, ServeError,
    Settings, Spool, Terms, Way, start,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const QUICK: Parameters = Parameters { memory_kib: 64, passes: 1 };

fn code(number: u32) -> SupportCode {
    let mut bits = [0x5a; 10];
    bits[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
    SupportCode::from_bits(bits)
}

/// What is on the card of a person, and must be nowhere else.
fn secret_of(number: u32) -> String {
    format!("Hidden-Name-{number:05}")
}

fn card(number: u32) -> Card {
    let letter = |language: &str, title: &str, action: &str| CardLetter {
        language: language.into(),
        title: title.into(),
        head: vec![Field { label: "Reference".into(), value: "123-456".into(), note: None }],
        blocks: vec![
            Block::Heading { level: 1, text: "What happened".into() },
            Block::paragraph(format!("Dear {} <script>alert(1)</script> & \"others\"", secret_of(number))),
            Block::Table { columns: vec!["Data".into(), "State".into(), "Why".into()], rows: vec![vec!["Address".into(), "Seen".into(), "3 February".into()]] },
            Block::Numbered { items: vec![action.into(), "Turn on two-step sign-in. (5 minutes)".into()] },
        ],
    };
    Card {
        language: "en".into(),
        letter_id: "0123456789abcdef".into(),
        letters: vec![letter("en", "About your data", "Be wary. (1 minute)"), letter("zh-Hant", "關於你的資料", "提高警覺。（1 分鐘）")],
        rounds: vec![
            Round {
                number: 1,
                is_refused: false,
                sent: Some(date(2026, 2, 4)),
                language: "en".to_owned(),
                title: "About your data".into(),
                promise: Promise::By(date(2026, 2, 18)),
                text: Some(Personal::new("The first letter.".into())),
            },
            Round {
                number: 2,
                sent: None,
                is_refused: false,
                language: "en".to_owned(),
                title: "More about your data".into(),
                promise: Promise::Last,
                text: None,
            },
        ],
        answers: Vec::new(),
        handled: Vec::new(),
        is_cut: false,
    }
}

fn terms(secret: &SecretKey, parameters: Parameters) -> Terms {
    let texts = |en: &str, zh: &str| BTreeMap::from([("en".to_owned(), en.to_owned()), ("zh-Hant".to_owned(), zh.to_owned())]);
    let contact =
        |name: &str, zh: &str| Contact { name: texts(name, zh), phone: Some("+852 5550 1000".into()), email: None, hours: texts("9 to 6", "九時至六時") };
    Terms {
        salt: [3; 16],
        parameters,
        recipient: secret.recipient(),
        decoys: [4; 32],
        organisation: texts("Harbour Prison Service", "海港懲教署"),
        domain: Some("harbour.example".into()),
        reference: "123-456".into(),
        contact: Some(contact("Privacy office", "私隱辦公室")),
        safety: Some(contact("Safety officer", "安全主任")),
        time_zone: "Asia/Hong_Kong".into(),
        now: Instant(1_772_300_000_000_000),
    }
}

fn publish(bundle: &Path, people: u32, terms: &Terms, change: impl Fn(&mut Card)) {
    let mut spool = Spool::new(tempfile::tempfile().expect("a file"));
    for number in 0..people {
        let mut card = card(number);
        change(&mut card);
        spool.add(code(number), &card).expect("it fits");
    }
    spool.publish(bundle, terms, 2, &mut |_, _| {}).expect("it is written").commit(Before::Kept).expect("it is shown");
}

struct World {
    folder: TempDir,
    secret: SecretKey,
    running: Running,
}

impl World {
    async fn new(people: u32, limits: Limits, behind_proxy: bool) -> Self {
        Self::with(people, limits, behind_proxy, QUICK).await
    }

    async fn with(people: u32, limits: Limits, behind_proxy: bool, parameters: Parameters) -> Self {
        let (folder, secret) = (TempDir::new().expect("a folder"), SecretKey::generate());
        publish(&folder.path().join("bundle"), people, &terms(&secret, parameters), |_| {});
        let settings = settings(&folder, limits, behind_proxy);
        let running = start(&settings).await.expect("it starts");
        Self { folder, secret, running }
    }

    fn bundle(&self) -> std::path::PathBuf {
        self.folder.path().join("bundle")
    }

    async fn ask(&self, request: &str) -> Answered {
        ask(self.running.address, request).await.expect("an answer")
    }

    async fn get(&self, path: &str, cookie: &str) -> Answered {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n")).await
    }

    async fn post(&self, path: &str, cookie: &str, more: &str, body: &str) -> Answered {
        self.ask(&post(path, &format!("Cookie: {cookie}\r\n{more}"), body)).await
    }

    /// Enters a code; the cookie and the token of the forms.
    async fn enter(&self, number: u32) -> (String, String) {
        let answered = self.post("/enter", "", "", &format!("code={}", code(number).grouped())).await;
        assert_eq!(answered.status, 303, "{}", answered.text);
        let cookie = answered.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let page = self.get("/letter", &cookie).await;
        assert_eq!(page.status, 200);
        let token = page.text.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a token").to_owned();
        (cookie, token)
    }
}

fn settings(folder: &TempDir, limits: Limits, behind_proxy: bool) -> Settings {
    let listen: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let behind_proxy = behind_proxy.then(|| listen.ip());
    Settings { bundle: folder.path().join("bundle"), listen, identity: None, behind_proxy, limits, warn: |_| {} }
}

fn post(path: &str, more: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\n{more}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

struct Answered {
    status: u16,
    head: String,
    text: String,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name));
        line.map_or("", |(_, value)| value)
    }
}

async fn ask(address: std::net::SocketAddr, request: &str) -> std::io::Result<Answered> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    read_answer(&mut stream).await
}

async fn read_answer(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Answered> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let whole = String::from_utf8_lossy(&bytes).into_owned();
    let (head, text) = whole.split_once("\r\n\r\n").unwrap_or((&whole, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| std::io::Error::other("no answer"))?;
    Ok(Answered { status, head: head.to_owned(), text: text.to_owned() })
}

const PAGES: [&str; 7] = ["/letter", "/todo", "/updates", "/check", "/ask", "/safety", "/moved"];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_ticks_off_writes_and_gets_an_answer() {
    let world = World::new(3, Limits::default(), false).await;
    let front = world.get("/", "").await;
    assert!(front.status == 200 && front.text.contains("name=\"code\"") && front.header("set-cookie").is_empty());
    // As people type it.
    let typed = code(1).grouped().to_lowercase().replace('-', "+");
    let entered = world.post("/enter", "", "", &format!("l=zh-Hant&code=+{typed}+")).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/letter"));
    assert!(entered.header("set-cookie").contains("HttpOnly; SameSite=Strict"));

    let (cookie, token) = world.enter(1).await;
    let letter = world.get("/letter", &cookie).await.text;
    assert!(letter.contains(&secret_of(1)) && !letter.contains(&secret_of(2)));
    world.post("/todo", &cookie, "", &format!("token={token}&done=1")).await;
    let (again, _) = world.enter(1).await;
    assert!(world.get("/todo", &again).await.text.contains("value=\"1\" checked"), "what was ticked off is there after another entry");
    assert!(world.get("/todo?l=zh-Hant", &again).await.text.contains("已完成 1 項，共 2 項"));

    let sent = world.post("/send", &cookie, "", &format!("token={token}&kind=safety&way=phone&reach=after+six&text=They+know+where+I+live")).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/updates"));
    let updates = world.get("/updates", &cookie).await.text;
    assert!(updates.contains("goes to our safety officer") && updates.contains("We did not."));
    // Whoever opens the page with the letter later reads nothing of it.
    let updates = world.get("/updates", &cookie).await.text;
    assert!(!updates.contains("goes to our safety officer") && !updates.contains("Your safety,") && updates.contains("You have not written to us yet."));
    let inbox = Inbox::of(&world.bundle());
    let waiting = inbox.waiting().expect("a folder");
    assert_eq!(waiting.len(), 1);
    let keys = CardKeys::derive(&code(1), &[3; 16], QUICK);
    let message = inbox.open(&waiting[0], &world.secret).expect("it opens").prove(&keys).expect("it is proved");
    assert_eq!((message.kind, message.way, message.text.expose_personal().as_str()), (Kind::Safety, Way::Phone, "They know where I live"));
    inbox.take(&waiting[0]).expect("it is taken");
    inbox.take(&waiting[0]).expect("again, after a kill");
    assert!(inbox.waiting().expect("a folder").is_empty());
    world.post("/send", &cookie, "", &format!("token={token}&kind=question&text=When")).await;
    assert!(world.get("/updates", &cookie).await.text.contains("Nobody has collected it yet"));
    inbox.take(&inbox.waiting().expect("a folder")[0]).expect("it is taken");
    assert!(world.get("/updates", &cookie).await.text.contains("Our desk has it."));

    // The desk answers: the session goes on over another publication.
    let answer = Answer { message: message.id, kind: Kind::Safety, day: date(2026, 2, 20), text: Personal::new("We have called the police for you.".into()) };
    publish(&world.bundle(), 3, &terms(&world.secret, QUICK), |card| card.answers = vec![answer.clone()]);
    assert!(world.get("/updates", &cookie).await.text.contains("We have called the police for you."));

    assert_eq!(world.post("/leave", &cookie, "", &format!("token={token}")).await.status, 303);
    assert_eq!(world.get("/letter", &cookie).await.header("location"), "/?again=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_shown_no_more_leads_to_the_code_and_keeps_what_was_written() {
    let world = World::new(3, Limits::default(), false).await;
    let (cookie, token) = world.enter(2).await;
    let (other, _) = world.enter(2).await;
    publish(&world.bundle(), 2, &terms(&world.secret, QUICK), |_| {});
    let unsent = world.post("/send", &cookie, "", &format!("token={token}&kind=safety&text=They+know+where+I+live")).await;
    assert!(unsent.status == 403 && unsent.text.contains("They know where I live") && unsent.text.contains("name=\"code\""));
    assert_eq!(world.get("/letter", &other).await.header("location"), "/?closed=1");
    let front = world.get("/?closed=1", &other).await;
    assert!(front.status == 200 && front.text.contains("name=\"code\""), "the form of the code cannot be reached: {}", front.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_contact_is_never_shown_beside_a_right_code_that_opens_nothing() {
    let world = World::new(1, Limits::default(), false).await;
    assert!(world.get("/", "").await.text.contains("+852 5550 1000"));
    let manifest = world.bundle().join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("+852 5550 1000", "+852 6666 66666")).expect("a write");
    for language in strandline_support::LANGUAGES {
        let wrong = world.post("/enter", "", "", &format!("l={language}&code={}", code(0).grouped())).await;
        assert!(wrong.status == 403 && !wrong.text.contains("6666") && !wrong.text.contains("tel:"), "{language}");
    }
}

#[test]
fn a_bundle_that_people_write_to_under_another_key_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let bundle = folder.path().join("bundle");
    publish(&bundle, 1, &terms(&SecretKey::generate(), QUICK), |_| {});
    let before = fs::read(bundle.join("manifest.json")).expect("a manifest");
    let mut spool = Spool::new(tempfile::tempfile().expect("a file"));
    spool.add(code(0), &card(0)).expect("it fits");
    let error = spool.publish(&bundle, &terms(&SecretKey::generate(), QUICK), 2, &mut |_, _| {}).err().expect("another key is refused");
    assert!(error.to_string().contains("support.key"), "{error}");
    assert_eq!(fs::read(bundle.join("manifest.json")).expect("a manifest"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_without_a_known_list_is_never_said_to_ask_nothing() {
    let world = World::new(1, Limits::default(), false).await;
    publish(&world.bundle(), 1, &terms(&world.secret, QUICK), |card| {
        card.letters.iter_mut().for_each(|letter| letter.blocks.retain(|block| !matches!(block, Block::Numbered { .. })));
    });
    let (cookie, _) = world.enter(0).await;
    let page = world.get("/todo", &cookie).await.text;
    assert!(!page.contains("asks you to do nothing") && page.contains("stands in your letter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_lets_a_text_be_more_than_text_or_asks_who_somebody_is() {
    let world = World::new(1, Limits::default(), false).await;
    let (cookie, token) = world.enter(0).await;
    world.post("/send", &cookie, "", &format!("token={token}&kind=question&text=%3Cb%3E")).await;
    for language in strandline_support::LANGUAGES {
        let direction = if language == "ur" { "rtl" } else { "ltr" };
        for path in PAGES.iter().copied().chain(["/", "/nothing"]) {
            let page = world.get(&format!("{path}?l={language}"), if path == "/" { "" } else { &cookie }).await;
            let text = &page.text;
            assert!(!text.contains("<script") && !text.contains("style=") && !text.contains("onload"), "{path}");
            assert!(
                text.contains(&format!("<html lang=\"{language}\" dir=\"{direction}\">"))
                    && text.contains("<main id=\"main\"")
                    && text.matches("<h1>").count() == 1,
                "{path}"
            );
            let csp = page.header("content-security-policy");
            assert!(csp.contains("default-src 'self'") && csp.contains("script-src 'none'") && page.header("cache-control") == "no-store", "{path}");
            for (at, _) in text.match_indices(" name=\"") {
                let name = text[at + 7..].split('"').next().expect("a name");
                assert!(["viewport", "code", "l", "token", "done", "text", "reach", "way", "kind", "nonce"].contains(&name), "{path} asks for {name}");
            }
            assert!(!text.contains("\"></label>") && !text.contains("<h1></h1>") && !text.contains("<p></p>"), "{path} {language} lacks a word");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_and_wrong_codes_take_the_same_work() {
    let world = World::new(2, Limits { tries: 1000, ..Limits::default() }, false).await;
    let before = world.running.site.work();
    for _ in 0..20 {
        assert_eq!(world.post("/enter", "", "", &format!("code={}", code(1).grouped())).await.status, 303);
    }
    let right = world.running.site.work();
    for number in 0..20 {
        let answered = world.post("/enter", "", "", &format!("code={}", code(500 + number).grouped())).await;
        assert!(answered.status == 403 && answered.header("set-cookie").is_empty());
    }
    let wrong = world.running.site.work();
    assert_eq!((right.0 - before.0, right.1 - before.1), (20, 20));
    assert_eq!((wrong.0 - right.0, wrong.1 - right.1), (20, 20));
    // What no letter can have costs nothing, and says so.
    let mistyped = code(1).grouped().chars().rev().collect::<String>();
    assert!(world.post("/enter", "", "", &format!("code={mistyped}")).await.text.contains("mistyped"));
    assert_eq!(world.running.site.work(), wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_says_nothing_without_a_code() {
    let world = World::new(130, Limits::default(), false).await;
    let mut sizes = BTreeMap::new();
    let mut cards = 0;
    let mut folders = vec![world.bundle()];
    let needles: Vec<String> = (0..130).flat_map(|number| [secret_of(number), code(number).grouped(), code(number).grouped().replace('-', "")]).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            for word in needles.iter().map(String::as_str).chain(["What happened", "Be wary", "關於你的資料"]) {
                assert!(!text.contains(word) && !entry.path().to_string_lossy().contains(word), "the bundle tells a value");
            }
            if entry.path().to_string_lossy().contains("/cards/") {
                cards += 1;
                *sizes.entry(bytes.len()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!((cards, sizes.len()), (200, 1), "the number of files, or a length, tells something: {sizes:?}");

    // A byte changed is refused, in a card and in the manifest.
    let name = CardKeys::derive(&code(7), &[3; 16], QUICK).name;
    let cards = fs::read_dir(world.bundle().join("cards")).expect("a folder").flatten().next().expect("a generation").path();
    let whole = fs::read(cards.join(name.as_str())).expect("a card");
    let enter = || async { world.post("/enter", "", "", &format!("code={}", code(7).grouped())).await.status };
    for place in [0, 24, 30, whole.len() / 2, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(cards.join(name.as_str()), changed).expect("a write");
        assert_eq!(enter().await, 403, "byte {place}");
    }
    fs::write(cards.join(name.as_str()), &whole).expect("a write");
    assert_eq!(enter().await, 303);
    let manifest = world.bundle().join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("+852 5550 1000", "+852 5550 66666")).expect("a write");
    assert_eq!(enter().await, 403, "a card does not open under a manifest that was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_make_anybody_send() {
    let world = World::new(2, Limits::default(), false).await;
    let (cookie, token) = world.enter(0).await;
    let (other, other_token) = world.enter(1).await;
    assert_ne!((&cookie, &token), (&other, &other_token));
    let body = |token: &str| format!("token={token}&kind=question&text=hello");
    for (more, token) in [
        ("", ""),
        ("", "0"),
        ("", other_token.as_str()),
        ("Origin: https://evil.example\r\n", token.as_str()),
        ("Sec-Fetch-Site: cross-site\r\n", token.as_str()),
    ] {
        assert_eq!(world.post("/send", &cookie, more, &body(token)).await.status, 403);
        assert_eq!(world.post("/todo", &cookie, more, &format!("token={token}&done=0")).await.status, 403);
        assert_eq!(world.post("/leave", &cookie, more, &format!("token={token}")).await.status, 403);
    }
    assert_eq!(world.post("/enter", "", "Origin: https://evil.example\r\n", &format!("code={}", code(0).grouped())).await.status, 403);
    assert!(Inbox::of(&world.bundle()).waiting().expect("a folder").is_empty());
    // A name of a session that a stranger set is not taken over.
    let fixed = format!("page={}", "a".repeat(64));
    let entered = world.post("/enter", &fixed, "", &format!("code={}", code(0).grouped())).await;
    assert!(!entered.header("set-cookie").contains(&"a".repeat(64)));
    assert_eq!(world.get("/letter", &fixed).await.status, 303);
    // What was written on a page that had closed is shown to whoever wrote it.
    let unsent = world.post("/send", "page=gone", "", "token=x&kind=question&text=Do+not+lose+this").await;
    assert!(unsent.status == 403 && unsent.text.contains("Do not lose this"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_codes_does_not_shut_out_right_ones() {
    let parameters = Parameters { memory_kib: 4096, passes: 1 };
    let world = Arc::new(
        World::with(40, Limits { derivations: 1, waiting: 64, tries: 100_000, tries_per_minute: 100_000, ..Limits::default() }, true, parameters).await,
    );
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut flood = Vec::new();
    for caller in 0..120_u32 {
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        flood.push(tokio::spawn(async move {
            let mut number = 1000 + caller * 10_000;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                let request = post("/enter", &format!("X-Forwarded-For: 1.2.3.4, 203.0.113.{}\r\n", caller % 3), &format!("code={}", code(number).grouped()));
                let _ = ask(world.running.address, &request).await;
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut waits = Vec::new();
    for number in 0..40 {
        let began = Moment::now();
        let request = post("/enter", &format!("X-Forwarded-For: 198.51.100.{number}\r\n"), &format!("code={}", code(number).grouped()));
        let answered = ask(world.running.address, &request).await.expect("an answer");
        assert_eq!(answered.status, 303, "a right code was shut out");
        waits.push(began.elapsed());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in flood {
        task.await.expect("no panic");
    }
    // Three addresses flood: each waits for three others' turns, not for the whole queue.
    assert!(waits.iter().max().expect("forty") < &Duration::from_secs(10), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_is_held_back_and_no_other() {
    let world = World::new(1, Limits { tries: 5, tries_per_minute: 1, ..Limits::default() }, true).await;
    let try_one = |from: &'static str, number: u32| {
        let request = post("/enter", &format!("X-Forwarded-For: {from}\r\n"), &format!("code={}", code(number).grouped()));
        let world = &world;
        async move { world.ask(&request).await.status }
    };
    for number in 0..5 {
        assert_eq!(try_one("203.0.113.9", 100 + number).await, 403);
    }
    assert_eq!(try_one("203.0.113.9", 200).await, 429);
    assert_eq!(try_one("203.0.113.8", 0).await, 303, "another address");
    // Right ones cost nothing, nor does whoever hangs up before the answer.
    for _ in 0..12 {
        assert_eq!(try_one("203.0.113.7", 0).await, 303);
    }
    // What a caller says of itself counts for nothing: the proxy's word comes last.
    assert_eq!(try_one("198.51.100.1, 203.0.113.9", 201).await, 429);
    assert_eq!(try_one("203.0.113.9:4711", 202).await, 429, "a proxy that writes the port");
    // A proxy that names nobody: all would share the limits of one.
    assert_eq!(world.ask(&post("/enter", "", &format!("code={}", code(0).grouped()))).await.status, 400);
    assert_eq!(world.ask("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_is_one_message_and_other_words_are_another() {
    let world = World::new(1, Limits::default(), false).await;
    let (cookie, token) = world.enter(0).await;
    let form = world.get("/ask", &cookie).await.text;
    let nonce = form.split("name=\"nonce\" value=\"").nth(1).expect("a form has one").split('"').next().unwrap_or_default().to_owned();
    let send = |text: &'static str| {
        let (world, cookie, body) = (&world, cookie.clone(), format!("token={token}&nonce={nonce}&kind=question&text={text}"));
        async move { world.post("/send", &cookie, "", &body).await.status }
    };
    let waiting = || Inbox::of(&world.bundle()).waiting().expect("a folder");
    assert_eq!((send("When").await, send("When").await, waiting().len()), (303, 303, 1));
    Inbox::of(&world.bundle()).take(&waiting()[0]).expect("it is taken");
    assert_eq!((send("When").await, waiting().len()), (303, 0), "it was collected, and sent again");
    assert_eq!((send("Where").await, waiting().len()), (303, 1), "the form was changed and sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_no_message_and_goes() {
    let folder = TempDir::new().expect("a folder");
    let bundle = folder.path().join("bundle");
    publish(&bundle, 1, &terms(&SecretKey::generate(), QUICK), |_| {});
    let left = [bundle.join("inbox/.tmp-a"), bundle.join("own/.tmp-b")];
    left.iter().for_each(|path| fs::write(path, b"x").expect("a file"));
    let _running = start(&settings(&folder, Limits::default(), false)).await.expect("it starts");
    assert!(left.iter().all(|path| !path.exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_gives_nothing_is_not_a_wrong_code() {
    let world = World::new(1, Limits { tries: 2, tries_per_minute: 1, ..Limits::default() }, false).await;
    let cards = fs::read_dir(world.bundle().join("cards")).expect("a folder").next().expect("a generation").expect("it is read").path();
    // A file where the folder was: a card of it is not missing, it cannot be read.
    fs::remove_dir_all(&cards).expect("it goes");
    fs::write(&cards, b"x").expect("a file");
    for _ in 0..4 {
        let answered = world.post("/enter", "", "", &format!("code={}", code(0).grouped())).await;
        assert_eq!(answered.status, 429, "{}", answered.text);
        assert!(answered.text.contains("Nothing is wrong with your code"), "the code was said to be wrong");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_nobody_else_is_answered() {
    let folder = TempDir::new().expect("a folder");
    publish(&folder.path().join("bundle"), 1, &terms(&SecretKey::generate(), QUICK), |_| {});
    let proxy = Some("203.0.113.7".parse().expect("an address"));
    let running = start(&Settings { behind_proxy: proxy, ..settings(&folder, Limits::default(), false) }).await.expect("it starts");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n";
    assert!(ask(running.address, request).await.is_err(), "a caller that is not the proxy was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_large_bodies_and_odd_paths_get_nowhere() {
    let limits = Limits { head: Duration::from_millis(400), request: Duration::from_millis(800), connections_per_address: 400, ..Limits::default() };
    let world = World::new(1, limits, false).await;
    let mut slow = Vec::new();
    for _ in 0..150 {
        let mut stream = TcpStream::connect(world.running.address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-").await.expect("a write");
        slow.push(stream);
    }
    assert_eq!(world.get("/", "").await.status, 200, "others are served meanwhile");
    let began = Moment::now();
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it was ended");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    // A body that stays away.
    let late = world.ask("POST /enter HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nConnection: close\r\n\r\ncode=").await;
    assert_eq!(late.status, 408);

    let large = world.ask("POST /enter HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\nConnection: close\r\n\r\n").await;
    assert_eq!(large.status, 413);
    let mut stream = TcpStream::connect(world.running.address).await.expect("a connection");
    stream.write_all(b"POST /enter HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await.expect("a write");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let mut taken = 0;
    while taken < 1600 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        taken += 1;
    }
    assert!(taken < 1600, "100 MB were taken");
    for path in ["/../manifest.json", "/manifest.json", "/cards/x", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/style.css/../manifest.json", "/%00"] {
        let answered = world.get(path, "").await;
        assert!(answered.status == 404 || answered.status == 400, "{path}: {}", answered.status);
    }
    assert_eq!(world.get(&format!("/?{}", "l=en&".repeat(100)), "").await.status, 414);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1000));
    assert!(ask(world.running.address, &many).await.is_ok_and(|answered| answered.status == 431));
    assert_eq!(world.get("/", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_messages_a_day_and_no_more_than_the_inbox_holds() {
    let world = World::new(2, Limits { inbox: 12, ..Limits::default() }, false).await;
    let (cookie, token) = world.enter(0).await;
    let send = |cookie: &str, token: &str, text: &str| {
        let request = post("/send", &format!("Cookie: {cookie}\r\n"), &format!("token={token}&kind=question&text={text}"));
        let world = &world;
        async move { world.ask(&request).await }
    };
    for _ in 0..10 {
        assert_eq!(send(&cookie, &token, "x").await.status, 303);
    }
    let more = send(&cookie, &token, "keep+this").await;
    assert!(more.status == 422 && more.text.contains("ten messages") && more.text.contains("keep this"));
    let (cookie, token) = world.enter(1).await;
    assert_eq!(send(&cookie, &token, "+").await.status, 422);
    assert_eq!(send(&cookie, &token, &"y".repeat(8001)).await.status, 422);
    assert_eq!(send(&cookie, &token, &"%E9%99%B3".repeat(8000)).await.status, 303);
    assert_eq!(send(&cookie, &token, "x").await.status, 303);
    assert!(send(&cookie, &token, "x").await.text.contains("cannot take messages"));
    assert_eq!(Inbox::of(&world.bundle()).waiting().expect("a folder").len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_do_not_go_over_an_open_line() {
    let folder = TempDir::new().expect("a folder");
    let secret = SecretKey::generate();
    publish(&folder.path().join("bundle"), 1, &terms(&secret, QUICK), |_| {});
    let open = Settings { listen: "0.0.0.0:0".parse().expect("an address"), ..settings(&folder, Limits::default(), false) };
    assert!(matches!(start(&open).await, Err(ServeError::Plain(_))));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let identity = Identity { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    fs::write(&identity.certificate, made.cert.pem()).expect("a file");
    fs::write(&identity.key, made.signing_key.serialize_pem()).expect("a file");
    let running = start(&Settings { identity: Some(identity), ..open }).await.expect("it starts");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", running.address.port())).await.expect("a connection");
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
    stream.write_all(post("/enter", "", &format!("code={}", code(0).grouped())).as_bytes()).await.expect("a write");
    let answered = read_answer(&mut stream).await.expect("an answer");
    assert_eq!(answered.status, 303);
    assert!(answered.header("set-cookie").starts_with("__Host-page=") && answered.header("set-cookie").contains("; Secure"));
    assert!(!answered.header("strict-transport-security").is_empty());
}

#[test]
fn a_bundle_of_another_case_is_not_overwritten() {
    let (folder, secret) = (TempDir::new().expect("a folder"), SecretKey::generate());
    let bundle = folder.path().join("bundle");
    publish(&bundle, 3, &terms(&secret, QUICK), |_| {});
    let try_with = |bundle: &Path, terms: &Terms| {
        let mut spool = Spool::new(tempfile::tempfile().expect("a file"));
        spool.add(code(1), &card(1)).expect("it fits");
        spool.publish(bundle, terms, 1, &mut |_, _| {}).map(|_| ()).map_err(|error| error.to_string())
    };
    let other = Terms { salt: [9; 16], ..terms(&secret, QUICK) };
    assert!(try_with(&bundle, &other).expect_err("another case").contains("another case"));
    fs::create_dir(folder.path().join("home")).expect("a folder");
    fs::write(folder.path().join("home/letter.odt"), "x").expect("a file");
    assert!(try_with(&folder.path().join("home"), &other).expect_err("no bundle").contains("no bundle"));
    // Prepared and never committed: what was shown before still is.
    let manifest = fs::read(bundle.join("manifest.json")).expect("a manifest");
    try_with(&bundle, &terms(&secret, QUICK)).expect("prepared");
    assert_eq!(fs::read(bundle.join("manifest.json")).expect("a manifest"), manifest);
    let generations = || fs::read_dir(bundle.join("cards")).expect("a folder").count();
    (0..4).for_each(|_| publish(&bundle, 3, &terms(&secret, QUICK), |_| {}));
    assert_eq!(generations(), 2, "the last, and the one that a reader may be at");
    let _ = MessageId::new([0; 16]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute or two: cargo test -p strandline-support --test server -- --ignored --nocapture"]
async fn ten_thousand_look_ups_by_two_hundred_people_at_once() {
    let people = 6_800;
    let world = Arc::new(World::with(people, Limits::default(), true, Parameters::USUAL).await);
    let began = Moment::now();
    let mut clients = Vec::new();
    for client in 0..200_u32 {
        let world = Arc::clone(&world);
        clients.push(tokio::spawn(async move {
            let mut waits = Vec::new();
            for turn in 0..50 {
                let request = post(
                    "/enter",
                    &format!("X-Forwarded-For: 10.0.{}.{}\r\n", client / 100, client % 100),
                    &format!("code={}", code((client * 50 + turn) % people).grouped()),
                );
                let asked = Moment::now();
                let answered = ask(world.running.address, &request).await.expect("an answer");
                assert_eq!(answered.status, 303);
                waits.push(asked.elapsed());
            }
            waits
        }));
    }
    let mut waits = Vec::new();
    for client in clients {
        waits.extend(client.await.expect("no panic"));
    }
    waits.sort();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} look-ups in {seconds:.1} s, {:.0} a second; median {:?}, 95th percentile {:?}, longest {:?}; {:?}",
        waits.len(),
        waits.len() as f64 / seconds,
        waits[waits.len() / 2],
        waits[waits.len() * 95 / 100],
        waits[waits.len() - 1],
        memory()
    );
}

/// The most memory that this process had.
fn memory() -> Option<String> {
    fs::read_to_string("/proc/self/status").ok()?.lines().find(|line| line.starts_with("VmHWM")).map(str::to_owned)
}
