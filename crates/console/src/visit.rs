//! One visit of somebody: who it is, in which language, what was asked and sent. From here on nothing knows of HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, RawPathParams, Request};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use strandline_response::desk::Overview;
use strandline_response::{Right, Role};

use crate::console::{Console, is_allowed};
use crate::door::{Session, bound_to};
use crate::form::Fields;
use crate::pages::{assets, refusal};
use crate::reply::{Fault, Reply};
use crate::texts::{Language, Texts};

/// No form of ours is longer.
const BODY_BYTES_LIMIT: usize = 64 * 1024;
/// A form comes in one piece; who dribbles it is not waited for.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(10);
/// Visits that are worked on at the same time; others wait.
pub const AT_ONCE: usize = 8;

/// Who may see a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nobody must be in.
    Nothing,
    /// Somebody must be in.
    Session,
    /// Somebody must be in who may do this.
    Right(Right),
}

/// What answers a visit.
pub type Page = fn(&Visit) -> Result<Reply, Fault>;

/// One visit.
pub struct Visit {
    /// The console.
    pub console: Arc<Console>,
    /// Who is in.
    pub session: Option<Session>,
    /// The language.
    pub language: Language,
    /// What the browser calls this console, as it writes origins.
    pub origin: String,
    /// Where a new session would be bound to.
    pub bound: [u8; 32],
    /// The path, for links back.
    pub path: String,
    /// What the query says.
    pub query: Fields,
    /// What the form says.
    pub form: Fields,
    params: Vec<(String, String)>,
    /// Whether the reply's body reaches anybody.
    is_seen: bool,
}

impl Visit {
    /// The texts of the visit's language.
    pub fn t(&self) -> &Texts {
        self.console.texts(self.language)
    }

    /// A part of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The case at a glance.
    pub fn overview(&self) -> Result<Arc<Overview>, Fault> {
        Ok(self.console.overview()?)
    }

    /// Who is in.
    pub fn session(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or(Fault::Forbidden)
    }

    /// What whoever is in is here.
    pub fn role(&self) -> Result<Role, Fault> {
        Ok(self.session()?.who.role)
    }

    /// Whether whoever is in may do this.
    pub fn may(&self, right: Right) -> bool {
        self.session.as_ref().is_some_and(|session| is_allowed(session.who.role, right))
    }

    /// Who is in, if they may do this.
    pub fn needs(&self, right: Right) -> Result<&Session, Fault> {
        if self.may(right) { self.session() } else { Err(Fault::Forbidden) }
    }

    /// Whether a person's name is shown: somebody said why, and may still see it.
    pub fn sees(&self, handle: &str) -> bool {
        self.may(Right::ShowName) && self.session.as_ref().is_some_and(|session| session.sees(handle))
    }

    /// Tells something on the next page.
    pub fn tell(&self, notice: String) {
        if let Some(session) = &self.session {
            self.console.door().change(session.number, |session| session.notice = Some(notice));
        }
    }
}

/// The name of our cookie: the port keeps consoles on one host apart.
pub fn cookie_name(console: &Console) -> String {
    // Where several cases are served, the case does, too.
    let case = console.root.rsplit('/').next().filter(|name| !name.is_empty()).map(|name| format!("-{name}")).unwrap_or_default();
    format!("{}strandline-{}{case}", if console.is_sealed { "__Host-" } else { "" }, console.port)
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    all.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Which of the console's names a visit came by; the guard has let through none but those.
fn origin(console: &Console, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_it = |origin: &&String| origin.split_once("://").is_some_and(|(_, ours)| ours.eq_ignore_ascii_case(host));
    let origin = console.origins.iter().find(is_it).or(console.origins.first()).cloned().unwrap_or_default();
    // Browsers leave the port out that goes without saying.
    origin.strip_suffix(":443").filter(|_| console.is_sealed).map(str::to_owned).unwrap_or(origin)
}

/// Answers a request by a page.
pub async fn answer(console: Arc<Console>, params: RawPathParams, request: Request, needs: Needs, page: Page) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    let agent = parts.headers.get(header::USER_AGENT).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let bound = bound_to(address, &agent);
    let secret = cookie(&parts.headers, &cookie_name(&console)).map(str::to_owned);
    let session = secret.and_then(|secret| console.door().session(&secret, &bound, Instant::now()));
    let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let chosen = cookie(&parts.headers, "strandline-language").and_then(Language::of_tag);
    let form = if parts.method == Method::POST {
        match form(body).await {
            Ok(form) => form,
            Err(status) => return plain(status),
        }
    } else {
        Fields::default()
    };
    let visit = Visit {
        session,
        language: chosen.unwrap_or_else(|| Language::accepted(accepted)),
        bound,
        origin: origin(&console, &parts.headers),
        path: parts.uri.path().to_owned(),
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        form,
        is_seen: parts.method != Method::HEAD,
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        console,
    };
    let is_form = parts.method == Method::POST;
    // Whoever hangs up while they wait here is forgotten: what is begun is done, so nothing may wait after it.
    let Ok(place) = Arc::clone(&visit.console.at_work).acquire_owned().await else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
    let work = move || {
        let answer = match with_role_of_now(visit) {
            Ok(visit) => heard(&visit, needs, is_form, page),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
        };
        drop(place);
        answer
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Answers with what is built in. It waits for no place: it is the same for everybody, and takes no time.
pub fn built_in(name: &str) -> Response<Body> {
    assets(name).map_or_else(|| plain(StatusCode::NOT_FOUND), |reply| reply.into_response(""))
}

/// How many blocking threads a runtime needs for this.
pub const THREADS: usize = AT_ONCE;

/// What somebody may do is asked of the case for each visit: whoever was removed since they came in looks.
fn with_role_of_now(mut visit: Visit) -> Result<Visit, Fault> {
    if let Some(session) = &mut visit.session {
        session.who.role = visit.console.role_now(&session.who)?;
    }
    Ok(visit)
}

fn heard(visit: &Visit, needs: Needs, is_form: bool, page: Page) -> Response<Body> {
    let root = &visit.console.root;
    if needs != Needs::Nothing {
        let Some(session) = &visit.session else { return Reply::Goto("/in".to_owned()).into_response(root) };
        // A form of another session, or of nobody's, is not heard.
        if is_form && !visit.form.text("csrf").is_some_and(|csrf| session.is_of(csrf)) {
            return refusal(visit, Fault::Forbidden).into_response(root);
        }
    }
    if let Needs::Right(right) = needs
        && !visit.may(right)
    {
        // Whoever answers people begins at their page.
        let is_home = visit.path == "/" && visit.may(Right::Desk);
        return if is_home { Reply::Goto("/desk".to_owned()) } else { refusal(visit, Fault::Forbidden) }.into_response(root);
    }
    let reply = page(visit);
    if let (Ok(Reply::Page(_) | Reply::Again(_)), Some(session)) = (&reply, &visit.session)
        && session.notice.is_some()
        && visit.is_seen
    {
        // It is told once, and to somebody who sees it.
        visit.console.door().change(session.number, |session| session.notice = None);
    }
    reply.unwrap_or_else(|fault| refusal(visit, fault)).into_response(root)
}

pub async fn form(body: Body) -> Result<Fields, StatusCode> {
    match tokio::time::timeout(BODY_TIME_LIMIT, to_bytes(body, BODY_BYTES_LIMIT)).await {
        Ok(Ok(bytes)) => Ok(Fields::parse(&bytes)),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// A refusal without a page; what is still sent is not read.
pub fn plain(status: StatusCode) -> Response<Body> {
    let chinese = match status {
        StatusCode::NOT_FOUND => "沒有這一頁",
        StatusCode::PAYLOAD_TOO_LARGE => "送出的內容太長",
        StatusCode::REQUEST_TIMEOUT => "送出得太慢",
        StatusCode::SERVICE_UNAVAILABLE => "正在關閉",
        _ => "控制台未能回應",
    };
    // Who asks in which language is not known yet.
    let mut response = Response::new(Body::from(format!("{status} · {chinese}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::CONNECTION, axum::http::HeaderValue::from_static("close"));
    response
}
