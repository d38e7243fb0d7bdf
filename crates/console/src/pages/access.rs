//! Who is here and who may come in: one-time links, signing in by an enrolled key, ending sessions; and the language.

use std::time::Instant;

use askama::Template;
use strandline_response::desk::{Said, SignIn, sign_in_text, who_signs_in};

use super::passkeys::{self, Ask, New};
use super::{Frame, frame, role, zone};
use strandline_response::{Responder, Right, Role, rp_id};

use crate::console::Console;
use crate::door::{Began, Entering, Full, Who};
use crate::reply::{Fault, Reply};
use crate::texts::{Language, Texts};
use crate::visit::{Visit, cookie_name};

#[derive(Template)]
#[template(path = "door.html")]
struct DoorPage<'v> {
    t: &'v Texts,
    enrolled: bool,
    number: String,
    text: String,
    namespace: &'static str,
    passkey: Option<Ask>,
    /// The name by which browsers could have passkeys for this console, where this is none.
    elsewhere: Option<String>,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'v> {
    t: &'v Texts,
    is_good: bool,
}

struct SessionLine {
    number: u64,
    name: String,
    role: String,
    since: String,
    is_own: bool,
}

struct ResponderLine {
    name: String,
    role: String,
    fingerprint: String,
    enrolled: u64,
    removed: Option<u64>,
    /// Of a passkey: in words, what it is and where it is good.
    passkey: Option<String>,
    may_remove: bool,
}

struct OfferLine {
    number: u64,
    name: String,
    fingerprint: String,
    what: String,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage<'v> {
    f: Frame<'v>,
    sessions: Vec<SessionLine>,
    responders: Vec<ResponderLine>,
    offers: Vec<OfferLine>,
    roles: Vec<(&'static str, String)>,
    new: Option<New>,
    elsewhere: bool,
}

/// Where somebody without a session is led: sign in by a key, or get a link.
pub fn door(visit: &Visit) -> Result<Reply, Fault> {
    let responders = visit.console.responders()?;
    let enrolled = !responders.is_empty();
    let number = if enrolled { visit.console.door().number(&visit.bound, visit.console.random(), Instant::now()) } else { String::new() };
    let text = if enrolled { sign_in_text(&visit.console.options.case, &number)?.text } else { String::new() };
    let passkey = passkeys::to_enter(visit, &text, &responders).filter(|_| enrolled);
    let has_passkeys = !passkeys::current(&responders, None).is_empty();
    let elsewhere = visit.console.origins.iter().find(|origin| has_passkeys && rp_id(&visit.origin).is_none() && rp_id(origin).is_some());
    let elsewhere = elsewhere.map(|origin| format!("{origin}{}/in", visit.console.root));
    Ok(Reply::Page(DoorPage { t: visit.t(), enrolled, number, text, namespace: SignIn::NAMESPACE, passkey, elsewhere }.render()?))
}

/// Somebody signed in by a key.
pub fn signed_in(visit: &Visit) -> Result<Reply, Fault> {
    let number = visit.form.filled("number").ok_or(Fault::Forbidden)?;
    let old_number = || Fault::Unusable(visit.t().x("door_old_number").to_owned());
    if !visit.console.door().is_number(number, &visit.bound, Instant::now()) {
        return Err(old_number());
    }
    let text = sign_in_text(&visit.console.options.case, number)?;
    let signature = passkeys::signature(visit, None)?;
    passkeys::check_count(visit, &signature)?;
    let responder = who_signs_in(&visit.console.options.case, &text, &signature).map_err(|error| Fault::Refused(Said::from(&error)))?;
    if !visit.console.door().use_number(number, &visit.bound, Instant::now()) {
        return Err(old_number());
    }
    passkeys::note_count(visit, &signature);
    let who = Who { name: responder.name, role: responder.role, is_guest: false };
    visit.console.door().make_room(&who, Instant::now());
    let_in(visit, who, None)
}

/// A one-time link, opened: it is used up by the button, not by looking.
pub fn link_page(visit: &Visit) -> Result<Reply, Fault> {
    let is_good = visit.console.door().is_link(visit.param("secret"), Instant::now());
    let page = LinkPage { t: visit.t(), is_good }.render()?;
    Ok(if is_good { Reply::Page(page) } else { Reply::Refused(axum::http::StatusCode::FORBIDDEN, page) })
}

/// A one-time link, used.
pub fn enter(visit: &Visit) -> Result<Reply, Fault> {
    let found = visit.console.door().use_link(visit.param("secret"), Instant::now());
    let (who, goes_on) = found.ok_or_else(|| Fault::Unusable(visit.t().x("link_old").to_owned()))?;
    let_in(visit, who, goes_on)
}

/// A new session: its secret was never known before, so that nobody can have laid it out.
fn let_in(visit: &Visit, who: Who, goes_on: Option<Began>) -> Result<Reply, Fault> {
    let console = &visit.console;
    let began = goes_on.unwrap_or_else(|| Began::now(console.now(), Instant::now()));
    let instead_of = visit.session.as_ref().map(|old| old.number);
    let entering = Entering { who, bound: visit.bound, random: [console.random(), console.random()], began, instead_of };
    let secret = console.door().enter(entering, Instant::now()).map_err(|full| is_full(full, visit.t()))?;
    Ok(Reply::Enter("/".to_owned(), session_cookie(console, &secret)))
}

/// What a browser keeps of a session.
pub fn session_cookie(console: &Console, secret: &str) -> String {
    let secure = if console.is_sealed { "; Secure" } else { "" };
    format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict{secure}", cookie_name(console))
}

/// The door takes no more.
pub fn is_full(full: Full, t: &Texts) -> Fault {
    Fault::Unusable(match full {
        Full::Name => t.x("door_full_name").to_owned(),
        Full::Door => t.x("door_full").to_owned(),
    })
}

/// The page of who is here.
pub fn page(visit: &Visit) -> Result<Reply, Fault> {
    let overview = visit.overview()?;
    let (t, zone) = (visit.t(), zone(&overview));
    let (f, _) = frame(visit, &overview, "/access", t.x("nav_access"))?;
    let own = visit.session()?.number;
    let line = |session: crate::door::Session| SessionLine {
        number: session.number,
        role: role(t, visit.console.role_now(&session.who).unwrap_or(Role::Reader)).to_owned(),
        name: session.who.name,
        since: zone.full(session.began.at),
        is_own: session.number == own,
    };
    let sessions = visit.console.door().everybody(Instant::now()).into_iter().map(line).collect();
    let responder = |r: &Responder| ResponderLine {
        name: r.name.clone(),
        role: role(t, r.role).to_owned(),
        fingerprint: r.fingerprint.clone(),
        enrolled: r.enrolled,
        removed: r.removed,
        passkey: r.passkey().map(|passkey| passkey_words(&passkey, t)),
        may_remove: r.removed.is_none() && visit.may(if r.role == Role::Approver { Right::Approve } else { Right::Admit }),
    };
    let enrolled = visit.console.responders()?;
    let responders = enrolled.iter().map(responder).collect();
    let offer = |offer: &passkeys::Offer| OfferLine {
        number: offer.number,
        name: offer.name.clone(),
        fingerprint: offer.passkey.fingerprint(),
        what: passkey_words(&offer.passkey, t),
    };
    let offers = visit.console.offers().waiting(&enrolled, Instant::now()).iter().map(offer).collect();
    // The first is an approver, or nobody could make one; later ones are made by approvers.
    let may_make = |role: &Role| if enrolled.is_empty() { *role == Role::Approver } else { *role != Role::Approver || visit.may(Right::Approve) };
    let roles = Role::ALL.into_iter().filter(may_make).map(|known| (known.as_str(), role(t, known).to_owned())).collect();
    let (new, elsewhere) = (passkeys::to_make(visit, &enrolled), visit.console.origins.iter().any(|origin| rp_id(origin).is_some()));
    Ok(Reply::Page(AccessPage { f, sessions, responders, offers, roles, new, elsewhere }.render()?))
}

/// What a passkey is, and where it is good.
fn passkey_words(passkey: &strandline_response::Passkey, t: &Texts) -> String {
    t.w(if passkey.is_synced() { "passkey_synced" } else { "passkey_device" }, passkey.origin())
}

/// Ends a session: one's own, or anybody's for who decides.
pub fn end(visit: &Visit) -> Result<Reply, Fault> {
    let own = visit.session()?.number;
    let number = visit.form.number("session").unwrap_or(own);
    if number != own {
        visit.needs(Right::Admit)?;
    }
    visit.console.door().end(number);
    Ok(Reply::Goto(if number == own { "/in" } else { "/access" }.to_owned()))
}

/// A one-time link for somebody who only looks.
pub fn link(visit: &Visit) -> Result<Reply, Fault> {
    let name = visit.form.filled("name").ok_or_else(|| Fault::Unusable(visit.t().x("access_no_name").to_owned()))?;
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    let who = Who { name, role: Role::Reader, is_guest: true };
    let secret = visit.console.door().link(who, None, visit.console.random(), Instant::now()).map_err(|full| is_full(full, visit.t()))?;
    let origin = &visit.origin;
    visit.tell(visit.t().w("access_link", format!("{origin}{}/in/{secret}", visit.console.root)));
    Ok(Reply::Goto("/access".to_owned()))
}

/// Chooses a language, and goes back to where somebody was.
pub fn language(visit: &Visit) -> Result<Reply, Fault> {
    let language = Language::of_tag(visit.param("tag")).ok_or(Fault::NotFound)?;
    let back = visit.query.text("back").unwrap_or_default();
    Ok(Reply::Enter(own_path(back).to_owned(), format!("strandline-language={}; Path=/; SameSite=Strict; Max-Age=31536000", language.tag())))
}

/// A path of this console, and of nowhere else.
pub fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_own { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_led_elsewhere() {
        for bad in ["//evil", "https://evil", "/\\evil", "", "evil", "/a\r\nSet-Cookie: x"] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
        assert_eq!(own_path("/people?tier=likely"), "/people?tier=likely");
    }
}
