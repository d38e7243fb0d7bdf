//! What each path answers. A code comes in the body of a request and nowhere else; nothing about a person stands in a path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant as Moment;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, FromRequestParts, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use percent_encoding::percent_decode_str;
use strandline_model::code::{NotACode, SupportCode};
use strandline_model::personal::Personal;
use strandline_model::time::Instant;

use super::gate::Address;
use super::session::Session;
use super::{Scheme, Site};
use crate::bundle::{Current, Own, SentNote};
use crate::card::Card;
use crate::key::CardKeys;
use crate::message::{self, Kind, Message, MessageId, Way};
use crate::pages::{Draft, View, day_of, done_name};
use crate::words::{LANGUAGES, Words, accepted, nearest};

/// Longest body, bytes: a pasted message of 8,000 characters, each written as nine.
pub(crate) const BODY_BYTES_LIMIT: usize = 128 << 10;
/// Longest text that is taken, characters.
const TEXT_CHARS_LIMIT: usize = 8_000;
const REACH_CHARS_LIMIT: usize = 200;
/// Messages of one card within a day.
const DAILY_LIMIT: usize = 10;
/// Requests for safety within a day; other messages use up none of them.
const DAILY_SAFETY_LIMIT: usize = 5;
/// Longest body of a form without a text, bytes.
const SHORT_BODY_BYTES_LIMIT: usize = 4 << 10;
/// Messages that the list of a card keeps.
const LISTED_LIMIT: usize = 40;
const DAY_MICROSECONDS: i64 = 24 * 60 * 60 * 1_000_000;

const STYLE: &str = include_str!("../../static/style.css");

/// A form as it came, or why it did not.
type Sent = Result<Bytes, BytesRejection>;

/// A form's fields; one can come several times.
type Fields = Vec<(String, String)>;

/// Fields of a form at most: a page of ours has twenty.
const FIELDS_LIMIT: usize = 100;

/// A form that a session's own page sent: the session, the fields, the card.
type OwnForm<'a> = (&'a Session, Fields, Card);

/// All paths.
pub(crate) fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/enter", post(enter).layer(DefaultBodyLimit::max(SHORT_BODY_BYTES_LIMIT)))
        .route("/letter", get(letter))
        .route("/todo", get(todo).post(tick).layer(DefaultBodyLimit::max(SHORT_BODY_BYTES_LIMIT)))
        .route("/updates", get(updates))
        .route("/check", get(check))
        .route("/ask", get(ask))
        .route("/safety", get(safety))
        .route("/moved", get(moved))
        .route("/send", post(send).layer(from_fn_with_state(Arc::clone(&site), a_few_bodies)))
        .route("/leave", post(leave).layer(DefaultBodyLimit::max(SHORT_BODY_BYTES_LIMIT)))
        .route("/style.css", get(style))
        .route("/healthz", get(health))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(BODY_BYTES_LIMIT))
        .layer(from_fn_with_state(Arc::clone(&site), only_named_callers))
        .layer(from_fn_with_state(Arc::clone(&site), in_time))
        .layer(from_fn_with_state(Arc::clone(&site), harden))
        .layer(from_fn(only_short_requests))
        .with_state(site)
}

/// What a request says beside its body.
struct Asked {
    current: Arc<Current>,
    words: &'static Words,
    /// The language that the address of the page names.
    chosen: Option<&'static Words>,
    /// Whether the browser named a language of ours.
    browser_knows: bool,
    path: String,
    query: BTreeMap<String, String>,
    cookie: Option<String>,
    session: Option<Session>,
    address: Address,
    from_elsewhere: bool,
}

impl FromRequestParts<Arc<Site>> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Self::Rejection> {
        let query: BTreeMap<String, String> = pairs(parts.uri.query().unwrap_or_default()).into_iter().collect();
        let chosen = query.get("l").and_then(|tag| nearest(tag)).map(Words::of);
        let cookie = cookie_of(&parts.headers, site.scheme.cookie());
        let session = cookie.as_ref().and_then(|cookie| site.sessions.find(cookie, chosen, Moment::now()));
        let browser = text_of(&parts.headers, &ACCEPT_LANGUAGE).and_then(accepted).map(Words::of);
        let words = chosen.or(session.as_ref().map(|session| session.words)).or(browser).unwrap_or(Words::of(""));
        let peer = Extension::<super::Peer>::from_request_parts(parts, site).await.map_or(std::net::IpAddr::from([0, 0, 0, 0]), |peer| peer.0.0);
        // Whoever the proxy does not name came no further than `only_named_callers`.
        let address = site.address_of(peer, &parts.headers).unwrap_or(Address::of(peer));
        let from_elsewhere = is_from_elsewhere(&parts.headers);
        Ok(Self {
            current: site.bundle.current(),
            words,
            chosen,
            browser_knows: browser.is_some(),
            path: parts.uri.path().to_owned(),
            query,
            cookie,
            session,
            address,
            from_elsewhere,
        })
    }
}

impl Asked {
    fn view(&self) -> View<'_> {
        let token = self.session.as_ref().map(|session| session.form_token.as_str());
        View { words: self.words, manifest: &self.current.manifest, here: &self.path, is_chosen: self.chosen.is_some(), token }
    }

    /// The first page; links on it lead there.
    fn front(&self, status: StatusCode, problem: Option<&str>, note: Option<&str>, unsent: Option<&str>) -> Response {
        let view = View { here: "/", token: None, ..self.view() };
        page(status, view.front(problem, note, unsent))
    }

    fn failure(&self, status: StatusCode, problem: &str) -> Response {
        let view = View { here: if self.session.is_some() { "/letter" } else { "/" }, ..self.view() };
        page(status, view.failure(problem))
    }

    /// The session and its card, or where to go without.
    fn inside(&self, site: &Site) -> Result<(&Session, Card), Box<Response>> {
        let Some(session) = self.session.as_ref() else {
            return Err(Box::new(see_other(if self.cookie.is_some() { "/?again=1" } else { "/" })));
        };
        let Ok(card) = site.bundle.card(&self.current, &session.keys) else {
            return Err(Box::new(self.failure(StatusCode::SERVICE_UNAVAILABLE, "error.busy")));
        };
        let Some(card) = card else {
            // The card is shown no more. Without an end of the session, no page would lead back to the form of the code.
            self.cookie.as_ref().inspect(|cookie| site.sessions.end(cookie));
            return Err(Box::new(see_other("/?closed=1")));
        };
        Ok((session, card))
    }
}

async fn front(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    if asked.inside(&site).is_ok() {
        return see_other("/letter");
    }
    let notes = [("again", "front.again"), ("closed", "front.closed"), ("left", "front.left")];
    let note = notes.iter().find(|(name, _)| asked.query.contains_key(*name)).map(|(_, note)| *note);
    asked.front(StatusCode::OK, None, note, None)
}

async fn enter(State(site): State<Arc<Site>>, asked: Asked, sent: Sent) -> Response {
    let fields = match read_form(&asked, sent) {
        Ok(fields) => fields,
        Err(response) => return *response,
    };
    let chosen = asked.chosen.or(field(&fields, "l").and_then(nearest).map(Words::of));
    let asked = Asked { words: chosen.unwrap_or(asked.words), chosen, session: None, ..asked };
    if asked.from_elsewhere {
        return asked.front(StatusCode::FORBIDDEN, Some("error.form"), None, None);
    }
    let code: SupportCode = match narrow(field(&fields, "code").unwrap_or_default()).parse() {
        Ok(code) => code,
        Err(NotACode::Mistyped) => return asked.front(StatusCode::UNPROCESSABLE_ENTITY, Some("error.mistyped"), None, None),
        Err(NotACode::Shape) => return asked.front(StatusCode::UNPROCESSABLE_ENTITY, Some("error.shape"), None, None),
    };
    let wait = |problem| {
        let mut response = asked.front(StatusCode::TOO_MANY_REQUESTS, Some(problem), None, None);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        response
    };
    let Some(one_try) = site.buckets.try_of(asked.address, Moment::now()) else { return wait("error.often") };
    let Ok(pass) = site.gate.enter(asked.address).await else { return wait("error.busy") };
    let (own, current) = (Arc::clone(&site), Arc::clone(&asked.current));
    let looked = tokio::task::spawn_blocking(move || {
        let found = own.look_up(&code, &current);
        drop(pass);
        found
    });
    match looked.await {
        Ok(Ok(Some((keys, of_letter)))) => {
            let words = if asked.chosen.is_some() || asked.browser_knows { asked.words } else { Words::of(&of_letter) };
            welcome(&site, asked.cookie.as_deref(), keys, words)
        }
        Ok(Ok(None)) => {
            one_try.spend();
            asked.front(StatusCode::FORBIDDEN, Some("error.wrong"), None, None)
        }
        // The disk, or a mistake of ours: neither says anything of the code.
        Ok(Err(_)) | Err(_) => wait("error.busy"),
    }
}

/// Begins a session under a name that was not there before: what a stranger could have set counts for nothing.
fn welcome(site: &Site, before: Option<&str>, keys: CardKeys, words: &'static Words) -> Response {
    if let Some(before) = before {
        site.sessions.end(before);
    }
    let cookie = site.sessions.begin(keys, words, Moment::now());
    with_cookie(see_other("/letter"), &site.scheme, &cookie, None)
}

async fn letter(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok((_, card)) => page(StatusCode::OK, asked.view().letter(&card)),
        Err(response) => *response,
    }
}

async fn todo(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok((session, card)) => page(StatusCode::OK, asked.view().todo(&card, &site.bundle.own(&session.keys), asked.query.contains_key("saved"))),
        Err(response) => *response,
    }
}

async fn tick(State(site): State<Arc<Site>>, asked: Asked, sent: Sent) -> Response {
    let (session, fields, card) = match own_form(&site, &asked, sent) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let done: Vec<String> =
        fields.iter().filter(|(name, _)| name == "done").filter_map(|(_, place)| Some(done_name(&card, place.parse::<u8>().ok()?.into()))).take(16).collect();
    let keys = session.keys.clone();
    let kept = tokio::task::spawn_blocking(move || {
        let _one_at_a_time = site.own_files.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = Own { done, ..site.bundle.own(&keys) };
        site.bundle.keep_own(&keys, &own)
    });
    match kept.await {
        Ok(Ok(())) => see_other("/todo?saved=1"),
        _ => asked.failure(StatusCode::SERVICE_UNAVAILABLE, "error.full"),
    }
}

async fn updates(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok((session, card)) => {
            let today = day_of(now(), &asked.current.manifest.time_zone);
            let received = asked.cookie.as_ref().and_then(|cookie| site.sessions.received(cookie));
            let own = site.bundle.own(&session.keys);
            page(StatusCode::OK, asked.view().updates(&card, &own, received, (today, &|id| site.bundle.is_taken(id))))
        }
        Err(response) => *response,
    }
}

async fn check(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok((_, card)) => page(StatusCode::OK, asked.view().check(&card, None, &Draft::default())),
        Err(response) => *response,
    }
}

async fn ask(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok(_) => page(StatusCode::OK, asked.view().ask(None, &Draft::default())),
        Err(response) => *response,
    }
}

async fn safety(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok(_) => page(StatusCode::OK, asked.view().safety(None, &Draft::default())),
        Err(response) => *response,
    }
}

async fn moved(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    match asked.inside(&site) {
        Ok(_) => page(StatusCode::OK, asked.view().moved(None, &Draft::default())),
        Err(response) => *response,
    }
}

async fn send(State(site): State<Arc<Site>>, asked: Asked, sent: Sent) -> Response {
    let (session, fields, card) = match own_form(&site, &asked, sent) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let draft = Draft {
        text: cleaned(field(&fields, "text").unwrap_or_default()),
        reach: cleaned(field(&fields, "reach").unwrap_or_default()).replace('\n', " ").chars().take(REACH_CHARS_LIMIT).collect(),
        way: field(&fields, "way").and_then(Way::parse),
        kind: field(&fields, "kind").and_then(Kind::parse),
    };
    let Some(kind) = draft.kind else {
        return page(StatusCode::UNPROCESSABLE_ENTITY, View { here: "/moved", ..asked.view() }.moved(Some("error.which"), &draft));
    };
    let nonce = field(&fields, "nonce").unwrap_or_default();
    let problem = if draft.text.is_empty() {
        "error.empty"
    } else if draft.text.chars().count() > TEXT_CHARS_LIMIT {
        "error.long"
    } else {
        let delivered = deliver(&site, &asked, session, (kind, &draft, nonce));
        match delivered.await {
            Ok(()) => {
                // Not in the address: a browser keeps those, and whoever uses it next would read what somebody wrote about.
                asked.cookie.as_ref().inspect(|cookie| site.sessions.sent(cookie, kind));
                return see_other("/updates");
            }
            Err(problem) => problem,
        }
    };
    // What was written is not lost: it stands in the form again.
    let (path, html) = {
        let at = |path| View { here: path, ..asked.view() };
        match kind {
            Kind::Check => ("/check", at("/check").check(&card, Some(problem), &draft)),
            Kind::Question => ("/ask", at("/ask").ask(Some(problem), &draft)),
            Kind::Safety => ("/safety", at("/safety").safety(Some(problem), &draft)),
            Kind::NotMe | Kind::Moved => ("/moved", at("/moved").moved(Some(problem), &draft)),
        }
    };
    debug_assert!(path.starts_with('/'));
    page(StatusCode::UNPROCESSABLE_ENTITY, html)
}

/// Seals a message into the inbox. When this returns well, it is on the disk, and only then the person is told so.
async fn deliver(site: &Arc<Site>, asked: &Asked, session: &Session, (kind, draft, nonce): (Kind, &Draft, &str)) -> Result<(), &'static str> {
    let (site, keys, recipient) = (Arc::clone(site), session.keys.clone(), asked.current.recipient.clone());
    // A form that is sent twice, by a double click or since the answer did not come, is one message.
    let id = if nonce.is_empty() { MessageId::new(rand::random()) } else { MessageId::of_form(&keys, [nonce, kind.as_str(), &draft.text, &draft.reach]) };
    // Where nobody can be called, the answer stands where the person looks.
    let way = draft.way.filter(|way| *way != Way::Phone || !draft.reach.is_empty()).unwrap_or(Way::Page);
    let message = Message {
        id,
        card: keys.name.clone(),
        kind,
        language: asked.words.language.to_owned(),
        way,
        text: Personal::new(draft.text.clone()),
        reach: (!draft.reach.is_empty()).then(|| Personal::new(draft.reach.clone())),
        written_at: now(),
    };
    let done = tokio::task::spawn_blocking(move || {
        let _one_at_a_time = site.own_files.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut own = site.bundle.own(&keys);
        if own.sent.iter().any(|note| note.id == message.id) || site.bundle.has_message(&message.id) {
            return Ok(());
        }
        if is_over_daily(&own.sent, kind, message.written_at) {
            return Err("error.daily");
        }
        if site.bundle.waiting().is_ok_and(|waiting| waiting >= site.limits.inbox) {
            return Err("error.full");
        }
        let sealed = message::seal(&message, &keys, &recipient).map_err(|_| "error.long")?;
        site.bundle.deliver(&message.id, &sealed).map_err(|_| "error.full")?;
        own.sent.push(SentNote { id: message.id, kind, at: message.written_at });
        let beyond = own.sent.len().saturating_sub(LISTED_LIMIT);
        own.sent.drain(..beyond);
        // The message is safe; that the list lacks it is no reason to have it written again.
        let _ = site.bundle.keep_own(&keys, &own);
        Ok(())
    });
    done.await.unwrap_or(Err("error.full"))
}

/// Whether a card has sent all that it may within a day. What a clock that was wrong put into the future does not count.
fn is_over_daily(sent: &[SentNote], kind: Kind, now: Instant) -> bool {
    let day = now.0.saturating_sub(DAY_MICROSECONDS)..=now.0;
    let is_safety = kind == Kind::Safety;
    let recent = sent.iter().filter(|note| day.contains(&note.at.0) && (note.kind == Kind::Safety) == is_safety).count();
    recent >= if is_safety { DAILY_SAFETY_LIMIT } else { DAILY_LIMIT }
}

async fn leave(State(site): State<Arc<Site>>, asked: Asked, sent: Sent) -> Response {
    if let Err(response) = own_form(&site, &asked, sent) {
        return *response;
    }
    if let Some(cookie) = &asked.cookie {
        site.sessions.end(cookie);
    }
    with_cookie(see_other("/?left=1"), &site.scheme, "", Some(0))
}

async fn style() -> Response {
    let mut response = STYLE.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

/// Whether the server lives, for whoever watches it.
async fn health() -> &'static str {
    "ok\n"
}

async fn missing(asked: Asked) -> Response {
    asked.failure(StatusCode::NOT_FOUND, "error.missing")
}

/// The fields of a form, or what to say of one that cannot be read.
fn read_form(asked: &Asked, sent: Sent) -> Result<Fields, Box<Response>> {
    match sent {
        Ok(body) => Ok(pairs(&String::from_utf8_lossy(&body))),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Box::new(asked.failure(StatusCode::PAYLOAD_TOO_LARGE, "error.large"))),
        Err(_) => Err(Box::new(asked.failure(StatusCode::BAD_REQUEST, "error.form"))),
    }
}

/// The fields of a form that this session's own page sent.
fn own_form<'a>(site: &Site, asked: &'a Asked, sent: Sent) -> Result<OwnForm<'a>, Box<Response>> {
    let fields = read_form(asked, sent)?;
    let (session, card) = match asked.inside(site) {
        Ok(inside) => inside,
        Err(response) if asked.from_elsewhere => return Err(response),
        Err(_) => {
            // The page had closed: what was written must not be lost.
            let unsent = field(&fields, "text").map(cleaned);
            let note = if asked.session.is_some() { "front.closed" } else { "front.again" };
            return Err(Box::new(asked.front(StatusCode::FORBIDDEN, None, Some(note), unsent.as_deref())));
        }
    };
    if asked.from_elsewhere || !session.is_own_form(field(&fields, "token").unwrap_or_default()) {
        return Err(Box::new(asked.failure(StatusCode::FORBIDDEN, "error.form")));
    }
    Ok((session, fields, card))
}

/// Names and values, as a form or a query has them (url.spec.whatwg.org, application/x-www-form-urlencoded).
fn pairs(text: &str) -> Fields {
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(FIELDS_LIMIT);
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Full-width letters and digits, as Chinese and Japanese keyboards write them, as plain ones.
fn narrow(text: &str) -> String {
    let plain = |c: char| match u32::from(c) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(c),
        _ => c,
    };
    text.chars().take(200).map(plain).collect()
}

/// A text without what steers a terminal or turns a line round; lines end in one way.
fn cleaned(text: &str) -> String {
    let kept = |c: &char| (!c.is_control() || matches!(c, '\n' | '\t')) && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(kept).collect::<String>().trim().to_owned()
}

fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_microsecond())
}

fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, html).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
    response
}

fn with_cookie(mut response: Response, scheme: &Scheme, value: &str, max_age: Option<u32>) -> Response {
    let secure = if scheme.is_secure() { "; Secure" } else { "" };
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let cookie = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", scheme.cookie());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn cookie_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    all.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// Whether a browser says that another site made it ask. An old one says nothing.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = text_of(headers, &HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let host = text_of(headers, &HOST);
    text_of(headers, &ORIGIN).is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != host)
}

/// Headers that every answer has.
async fn harden(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Not `no-referrer`: a browser would then hide from us that a form is our own.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if site.scheme.is_secure() {
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Ends what takes too long: a body that comes byte by byte, a turn that does not come.
async fn in_time(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(site.limits.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) => page(StatusCode::REQUEST_TIMEOUT, bare("error.late")),
    }
}

/// A few long bodies are read at the same time: stalled ones must not take the memory of all sessions.
async fn a_few_bodies(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let Ok(_place) = site.bodies.try_acquire() else { return page(StatusCode::SERVICE_UNAVAILABLE, bare("error.busy")) };
    next.run(request).await
}

/// Behind a proxy, whoever it does not name would share the limits of all others.
async fn only_named_callers(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<super::Peer>().map_or(std::net::IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    if request.uri().path() != "/healthz" && site.address_of(peer, request.headers()).is_none() {
        site.warn_of_proxy();
        return page(StatusCode::BAD_REQUEST, bare("error.busy"));
    }
    next.run(request).await
}

/// A query of ours is short, and what says that it is too large is not waited for.
async fn only_short_requests(request: Request, next: Next) -> Response {
    if request.uri().query().is_some_and(|query| query.len() > 200) {
        return StatusCode::URI_TOO_LONG.into_response();
    }
    let length = text_of(request.headers(), &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_LIMIT as u64) {
        return page(StatusCode::PAYLOAD_TOO_LARGE, bare("error.large"));
    }
    next.run(request).await
}

/// A page for what never came as far as a language.
fn bare(problem: &str) -> String {
    let texts = LANGUAGES.map(|language| format!("<p lang=\"{language}\">{}</p>\n", Words::of(language).say(problem)));
    format!("<!DOCTYPE html>\n<html lang=\"en\">\n<title>{}</title>\n{}</html>\n", Words::of("").say("error.title"), texts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_full_width_letters_is_the_code() {
        assert_eq!(narrow("７ｋ２Ｍ－ＱＸ４Ｄ"), "7k2M-QX4D");
    }

    #[test]
    fn questions_use_up_nothing_that_a_request_for_safety_needs_nor_do_wrong_clocks() {
        let now = Instant(100 * DAY_MICROSECONDS);
        let note = |kind, days_ago: i64| SentNote { id: MessageId::new(rand::random()), kind, at: Instant(now.0 - days_ago * DAY_MICROSECONDS) };
        let sent = |kind, days_ago, count: usize| (0..count).map(|_| note(kind, days_ago)).collect::<Vec<_>>();
        for (sent, kind, expected) in [
            (sent(Kind::Question, 0, DAILY_LIMIT), Kind::Question, true),
            (sent(Kind::Question, 0, DAILY_LIMIT), Kind::Safety, false),
            (sent(Kind::Safety, 0, DAILY_SAFETY_LIMIT), Kind::Safety, true),
            (sent(Kind::Safety, 0, DAILY_LIMIT), Kind::Question, false),
            (sent(Kind::Question, -30, DAILY_LIMIT), Kind::Question, false),
            (sent(Kind::Question, 2, DAILY_LIMIT), Kind::Question, false),
        ] {
            assert_eq!(is_over_daily(&sent, kind, now), expected);
        }
    }

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("a=1+2&b=%E9%99%B3%0D%0A&&c&d=%"), [pair("a", "1 2"), pair("b", "陳\r\n"), pair("c", ""), pair("d", "%")]);
        assert_eq!(pairs(&"x=1&".repeat(1000)).len(), FIELDS_LIMIT);
    }

    #[test]
    fn a_text_keeps_its_words_and_loses_what_steers() {
        assert_eq!(cleaned("  a\r\nb\u{1b}[2J\u{202e}c\u{0}\t陳 "), "a\nb[2Jc\t陳");
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        for (pairs, expected) in [
            (&[("host", "a.example")][..], false),
            (&[("host", "a.example"), ("origin", "https://a.example")], false),
            (&[("host", "a.example"), ("origin", "https://b.example")], true),
            (&[("host", "a.example"), ("origin", "null")], true),
            (&[("host", "a.example"), ("sec-fetch-site", "cross-site")], true),
            (&[("host", "a.example"), ("sec-fetch-site", "same-origin")], false),
        ] {
            assert_eq!(is_from_elsewhere(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}
