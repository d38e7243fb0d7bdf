//! Several cases behind one address: a page that lists them, and a link that lets into all of them. Sessions and rights are each case's
//! own: of a case that somebody is not in, the page shows that it is there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use strandline_response::Right;

use crate::console::{Console, is_allowed};
use crate::door::{Began, Entering, Who, bound_to};
use crate::guard::guard;
use crate::pages::access::session_cookie;
use crate::pages::tide::{NeedLine, by_tier, needs};
use crate::pages::{role, tier};
use crate::reply::{Fault, Reply};
use crate::routes::router;
use crate::texts::{Language, Texts};
use crate::visit::{built_in, cookie, cookie_name, plain};

type Consoles = Arc<Vec<Arc<Console>>>;

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage<'t> {
    t: &'t Texts,
    other: &'static str,
    cases: Vec<CaseLine>,
    /// Cases that whoever looks is not in: where they would come in, and what they are called there.
    shut: Vec<(String, String)>,
}

/// A case that whoever looks is in.
#[derive(Default)]
struct CaseLine {
    href: String,
    reference: String,
    organisation: String,
    who: String,
    /// People by tier, where any were worked out.
    tiers: Vec<(String, String)>,
    exposed: String,
    clock: String,
    is_late: bool,
    needs: Vec<NeedLine>,
    /// Messages at the desk that nobody has answered; of them, of people who fear for their safety.
    desk: Option<(String, String)>,
    /// Whether somebody waits for an answer about their safety.
    is_safety: bool,
    /// What of it could not be read.
    failed: Option<String>,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'t> {
    t: &'t Texts,
    is_good: bool,
}

/// All cases: their list, and each under a path of its own.
pub fn all_cases(consoles: Vec<Arc<Console>>) -> Router {
    // What every request must be is the same for all of them.
    let first = consoles.first().map(Arc::clone);
    let nested = consoles.iter().map(|console| (console.root.clone(), router(Arc::clone(console)))).collect::<Vec<_>>();
    let own = Router::new()
        .route("/", get(list))
        .route("/in", get(list))
        .route("/in/{secret}", get(link_page).post(enter))
        .route("/language/{tag}", get(language))
        .route("/assets/{name}", get(|params: RawPathParams| async move { built_in(params.iter().next().map_or("", |(_, name)| name)) }))
        .fallback(|| async { plain(StatusCode::NOT_FOUND) })
        .with_state(Arc::new(consoles));
    let all = nested.into_iter().fold(own, |all, (root, case)| all.nest(&root, case));
    match first {
        Some(first) => all.layer(from_fn_with_state(first, guard)),
        None => all,
    }
}

/// Whoever asks: their browser and address, their language.
struct Asking {
    headers: HeaderMap,
    bound: [u8; 32],
    language: Language,
}

impl Asking {
    fn of(request: &Request) -> Self {
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let headers = request.headers().clone();
        let agent = headers.get(header::USER_AGENT).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let language = cookie(&headers, "strandline-language").and_then(Language::of_tag).unwrap_or_else(|| Language::accepted(accepted));
        Self { bound: bound_to(address, &agent), language, headers }
    }

    /// Who it is in a case, as of now.
    fn who(&self, console: &Console) -> Option<Who> {
        let secret = cookie(&self.headers, &cookie_name(console))?.to_owned();
        let session = console.door().session(&secret, &self.bound, Instant::now())?;
        let role = console.role_now(&session.who).ok()?;
        Some(Who { role, ..session.who })
    }
}

async fn list(State(consoles): State<Consoles>, request: Request) -> Response<Body> {
    let asking = Asking::of(&request);
    on_a_thread(consoles, move |consoles| page(consoles, &asking)).await
}

/// Works where a case may be read: as many at once as each console has places for.
async fn on_a_thread(consoles: Consoles, work: impl FnOnce(&Consoles) -> Result<String, Fault> + Send + 'static) -> Response<Body> {
    let Some(first) = consoles.first() else { return plain(StatusCode::NOT_FOUND) };
    let Ok(place) = Arc::clone(&first.at_work).acquire_owned().await else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
    let work = move || {
        let page = work(&consoles);
        drop(place);
        page.map_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR), |page| Reply::Page(page).into_response(""))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn page(consoles: &Consoles, asking: &Asking) -> Result<String, Fault> {
    let Some(first) = consoles.first() else { return Err(Fault::NotFound) };
    let t = first.texts(asking.language);
    let (mut cases, mut shut) = (Vec::new(), Vec::new());
    for console in consoles.iter() {
        match asking.who(console) {
            Some(who) => cases.push(line(console, &who, t).unwrap_or_else(|failed| unread(console, failed, t))),
            None => shut.push((format!("{}/in", console.root), console.root.rsplit('/').next().unwrap_or_default().to_owned())),
        }
    }
    // The urgent first; else as they were named.
    cases.sort_by_key(|case: &CaseLine| !(case.is_late || case.is_safety || case.needs.iter().any(|need| need.is_urgent)));
    let other = if asking.language == Language::English { Language::Chinese } else { Language::English };
    Ok(CasesPage { t, other: other.tag(), cases, shut }.render()?)
}

fn line(console: &Console, who: &Who, t: &Texts) -> Result<CaseLine, Fault> {
    let overview = console.overview()?;
    let organisation = overview.organisation.get(t.language.tag()).or_else(|| overview.organisation.values().next());
    let mut line = CaseLine {
        href: console.root.clone(),
        reference: overview.reference.clone(),
        organisation: organisation.cloned().unwrap_or_default(),
        who: format!("{}, {}", who.name, role(t, who.role)),
        ..CaseLine::default()
    };
    if is_allowed(who.role, Right::SeeCase) {
        let clocks = console.clocks(&overview)?;
        let next = clocks.next();
        line.clock = next.map_or_else(
            || t.x("no_clock").to_owned(),
            |view| {
                let left = view.left.clone().or_else(|| view.deadline.as_ref().map(|due| due.local.clone())).unwrap_or_default();
                format!("{left} {}", view.duty.title)
            },
        );
        line.is_late = next.is_some_and(|view| view.state == strandline_response::notice::State::Overdue);
        line.needs = needs(console, who, &overview, &clocks, t);
        if overview.is_exposed {
            line.tiers = by_tier(&overview).into_iter().map(|(name, count)| (tier(t, name).to_owned(), t.n(count))).collect();
            line.exposed = t.n(overview.exposed());
        }
    }
    if is_allowed(who.role, Right::Desk) {
        let waiting = console.waiting();
        line.desk = Some((t.n(waiting.open), t.n(waiting.safety)));
        line.is_safety = waiting.safety > 0;
    }
    Ok(line)
}

/// A case that cannot be read takes none of the others with it.
fn unread(console: &Console, failed: Fault, t: &Texts) -> CaseLine {
    let why = match failed {
        Fault::Case(said) | Fault::Refused(said) => t.said(&said),
        Fault::Unusable(why) => why,
        Fault::NotFound | Fault::Forbidden => String::new(),
    };
    CaseLine { href: console.root.clone(), reference: console.root.rsplit('/').next().unwrap_or_default().to_owned(), failed: Some(why), ..CaseLine::default() }
}

/// The link that lets into all cases, opened: the button uses it up.
async fn link_page(State(consoles): State<Consoles>, params: RawPathParams, request: Request) -> Response<Body> {
    let (asking, secret) = (Asking::of(&request), first(&params));
    let Some(console) = consoles.first() else { return plain(StatusCode::NOT_FOUND) };
    let is_good = consoles.iter().any(|console| console.door().is_link(&secret, Instant::now()));
    let page = LinkPage { t: console.texts(asking.language), is_good }.render().unwrap_or_default();
    if is_good { Reply::Page(page) } else { Reply::Refused(StatusCode::FORBIDDEN, page) }.into_response("")
}

/// The link, used: a session in each case that it opens.
async fn enter(State(consoles): State<Consoles>, params: RawPathParams, request: Request) -> Response<Body> {
    let (asking, secret) = (Asking::of(&request), first(&params));
    let mut response = Reply::Goto("/".to_owned()).into_response("");
    for console in consoles.iter() {
        let mut door = console.door();
        let Some((who, goes_on)) = door.use_link(&secret, Instant::now()) else { continue };
        let began = goes_on.unwrap_or_else(|| Began::now(console.now(), Instant::now()));
        // The session that this browser had in the case ends.
        let old = cookie(&asking.headers, &cookie_name(console)).and_then(|secret| door.session(secret, &asking.bound, Instant::now()));
        let random = [console.random(), console.random()];
        let entering = Entering { who, bound: asking.bound, random, began, instead_of: old.map(|old| old.number) };
        let Ok(session) = door.enter(entering, Instant::now()) else { continue };
        if let Ok(value) = HeaderValue::from_str(&session_cookie(console, &session)) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

async fn language(params: RawPathParams) -> Response<Body> {
    let Some(language) = Language::of_tag(&first(&params)) else { return plain(StatusCode::NOT_FOUND) };
    Reply::Enter("/".to_owned(), format!("strandline-language={}; Path=/; SameSite=Strict; Max-Age=31536000", language.tag())).into_response("")
}

fn first(params: &RawPathParams) -> String {
    params.iter().next().map(|(_, value)| value.to_owned()).unwrap_or_default()
}
