//! Passkeys: what a page needs to have a browser make one or sign with one, and what comes of its answer. Whose it is, a person decides
//! who may, and signs.

use std::time::{Duration, Instant};

use strandline_response::desk::{Said, passkey_count, passkey_signature};
use strandline_response::{Algorithm, Passkey, PasskeyProblem, Registration, Responders, challenge, rp_id};

use super::access::is_full;
use crate::door::Pending;
use crate::reply::{Fault, Reply};
use crate::visit::Visit;

/// An offer waits so long for somebody who may take it.
const OFFER_GOOD_FOR: Duration = Duration::from_secs(3600);
/// More wait for nobody.
const OFFERS_LIMIT: usize = 16;

/// A passkey that somebody made here, and that nobody has enrolled yet.
#[derive(Clone)]
pub struct Offer {
    /// Its number.
    pub number: u64,
    /// In whose name the session was that made it.
    pub name: String,
    /// The passkey.
    pub passkey: Passkey,
    until: Instant,
}

/// Offers of a console.
#[derive(Default)]
pub struct Offers {
    list: Vec<Offer>,
    last: u64,
}

impl Offers {
    fn add(&mut self, name: String, passkey: Passkey, now: Instant) {
        self.all(now);
        if self.list.len() >= OFFERS_LIMIT {
            self.list.remove(0);
        }
        self.last += 1;
        self.list.push(Offer { number: self.last, name, passkey, until: now + OFFER_GOOD_FOR });
    }

    /// Those that wait for somebody: whatever is enrolled does not any more.
    pub fn waiting(&mut self, responders: &Responders, now: Instant) -> &[Offer] {
        self.list.retain(|offer| responders.holder(&offer.passkey.to_line()).is_none());
        self.all(now)
    }

    /// Those that are not too old.
    pub fn all(&mut self, now: Instant) -> &[Offer] {
        self.list.retain(|offer| offer.until > now);
        &self.list
    }

    /// Takes one away.
    pub fn remove(&mut self, number: u64) {
        self.list.retain(|offer| offer.number != number);
    }
}

/// What a form has a browser asked.
pub struct Ask {
    /// `create` or `get`.
    pub what: &'static str,
    /// What is signed, in base64url.
    pub challenge: String,
    /// At which host.
    pub host: String,
    /// By which passkeys; of a new one: by which not. None: whichever the browser has for the host.
    pub credentials: String,
}

/// A new passkey for whoever is in. `number` comes back with the answer, and is good once.
pub struct New {
    /// What the browser is asked.
    pub ask: Ask,
    /// The number.
    pub number: String,
    /// What the passkey's own list calls its holder by: says nothing, and is no other's.
    pub user: String,
    /// Kinds of keys that are taken.
    pub algorithms: String,
}

/// Asks for a signature over a text by one of these passkeys, if browsers have any at this address.
pub fn to_sign(visit: &Visit, text: &str, passkeys: &[Passkey]) -> Option<Ask> {
    let host = rp_id(&visit.origin)?.to_owned();
    let here = passkeys.iter().filter(|passkey| passkey.origin() == visit.origin);
    let credentials: Vec<String> = here.map(Passkey::credential).collect();
    (!credentials.is_empty()).then(|| Ask { what: "get", challenge: challenge(text.as_bytes()), host, credentials: credentials.join(" ") })
}

/// Asks whoever comes for a signature: by which passkey, their browser knows.
pub fn to_enter(visit: &Visit, text: &str, responders: &Responders) -> Option<Ask> {
    let all: Vec<Passkey> = current(responders, None);
    let ask = to_sign(visit, text, &all)?;
    // Names of passkeys are told to nobody who is not in.
    Some(Ask { credentials: String::new(), ..ask })
}

/// Passkeys that are enrolled now: all, or those of somebody.
pub fn current(responders: &Responders, name: Option<&str>) -> Vec<Passkey> {
    let now = responders.iter().filter(|responder| responder.removed.is_none() && name.is_none_or(|name| name == responder.name));
    now.filter_map(strandline_response::Responder::passkey).collect()
}

/// Asks for a new passkey, if browsers make any at this address.
pub fn to_make(visit: &Visit, responders: &Responders) -> Option<New> {
    let host = rp_id(&visit.origin)?.to_owned();
    let number = visit.console.door().number(&visit.bound, visit.console.random(), Instant::now());
    let credentials: Vec<String> = current(responders, None).iter().filter(|known| known.origin() == visit.origin).map(Passkey::credential).collect();
    let ask = Ask { what: "create", challenge: challenge(text_of_new(&number).as_bytes()), host, credentials: credentials.join(" ") };
    let algorithms: Vec<String> = Algorithm::ALL.into_iter().map(|algorithm| algorithm.number().to_string()).collect();
    // A digest of what was drawn for this once, as 43 characters of base64url.
    Some(New { ask, user: challenge(&visit.console.random()), number, algorithms: algorithms.join(" ") })
}

/// What the browser hashes where a passkey is made: it begins like nothing that anybody signs.
fn text_of_new(number: &str) -> String {
    format!("strandline new passkey 1\n{number}\n")
}

/// Whoever is in made a passkey. It waits for somebody who may enrol it.
pub fn offer(visit: &Visit) -> Result<Reply, Fault> {
    let session = visit.session()?;
    let old = || Fault::Unusable(visit.t().x("door_old_number").to_owned());
    let number = visit.form.filled("number").ok_or(Fault::Forbidden)?;
    if !visit.console.door().is_number(number, &visit.bound, Instant::now()) {
        return Err(old());
    }
    let answers = ["attestation", "client_data"].map(|field| visit.form.text(field).unwrap_or_default());
    let made = Registration::of_browser(answers).and_then(|made| made.passkey(text_of_new(number).as_bytes(), &visit.origin));
    let passkey = made.map_err(|problem| unusable(&problem))?;
    if !visit.console.door().use_number(number, &visit.bound, Instant::now()) {
        return Err(old());
    }
    visit.tell(visit.t().w("passkey_offered", passkey.fingerprint()));
    visit.console.offers().add(session.who.name.clone(), passkey, Instant::now());
    Ok(Reply::Goto("/access".to_owned()))
}

/// An offer is none any more.
pub fn refuse(visit: &Visit) -> Result<Reply, Fault> {
    visit.console.offers().remove(visit.form.number("offer").ok_or(Fault::NotFound)?);
    Ok(Reply::Goto("/access".to_owned()))
}

/// Browsers have passkeys for names alone: a link to the same console by its name, for whoever is in and may let somebody in. The session
/// there is the same one to the clock.
pub fn elsewhere(visit: &Visit) -> Result<Reply, Fault> {
    let there = visit.console.origins.iter().find(|origin| rp_id(origin).is_some()).ok_or(Fault::NotFound)?;
    let session = visit.session()?;
    let made = visit.console.door().link(session.who.clone(), Some(session.began), visit.console.random(), Instant::now());
    let secret = made.map_err(|full| is_full(full, visit.t()))?;
    visit.tell(visit.t().w("passkey_there", format!("{there}{}/in/{secret}", visit.console.root)));
    Ok(Reply::Goto("/access".to_owned()))
}

/// The signature in a form: a passkey's where there is one, else the SSH one that was pasted. `pending` is what is signed, of a decision:
/// the first enrolment is signed by the passkey in it.
pub fn signature(visit: &Visit, pending: Option<&Pending>) -> Result<String, Fault> {
    let Some(credential) = visit.form.filled("credential") else {
        let pasted = visit.form.filled("signature").ok_or_else(|| Fault::Unusable(visit.t().x("sign_empty").to_owned()))?;
        return Ok(format!("{}\n", pasted.replace("\r\n", "\n")));
    };
    let responders = visit.console.responders()?;
    let enrolled = responders.of_credential(credential).map(|(_, passkey)| passkey);
    let first = || pending.filter(|_| responders.is_empty()).and_then(|pending| pending.enrols()).filter(|passkey| passkey.credential() == credential);
    let key = enrolled.or_else(first).ok_or_else(|| Fault::Unusable(visit.t().x("passkey_unknown").to_owned()))?;
    let answers = ["authenticator_data", "client_data", "assertion"].map(|field| visit.form.text(field).unwrap_or_default());
    passkey_signature(&key, answers).map_err(|problem| unusable(&problem))
}

/// Refuses a passkey that did not count on since it signed here last: of two that are one, the second.
pub fn check_count(visit: &Visit, signature: &str) -> Result<(), Fault> {
    match passkey_count(signature) {
        Some((key, count)) if !visit.console.door().counts_on(&key, count) => Err(unusable(&PasskeyProblem::Counter)),
        _ => Ok(()),
    }
}

/// Keeps how often a passkey says that it signed, once its signature held.
pub fn note_count(visit: &Visit, signature: &str) {
    if let Some((key, count)) = passkey_count(signature) {
        visit.console.door().counted(key, count);
    }
}

fn unusable(problem: &PasskeyProblem) -> Fault {
    Fault::Refused(Said::from(problem))
}
