//! Who comes in, and for how long: one-time links, sign-ins by an enrolled key, sessions. Secrets are kept as digests alone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use strandline_model::time::Instant as Moment;
use strandline_response::desk::Act;
use strandline_response::{LookedUpBy, Passkey, PublicKey, Role, has_risen};
use subtle::ConstantTimeEq;

/// How long a one-time link, or a number to sign in with, is good.
pub const LINK_GOOD_FOR: Duration = Duration::from_secs(600);
/// A session that nobody uses ends after this.
const IDLE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// And each after this.
const SESSION_LIMIT: Duration = Duration::from_secs(12 * 3600);
/// A name that somebody asked for stays shown for so long.
const SEEN_FOR: Duration = Duration::from_secs(15 * 60);
/// More are none that people use. Of each, one name has a part alone, and nobody's gives way to another's.
const LINKS_LIMIT: usize = 16;
const SESSIONS_LIMIT: usize = 64;
const LINKS_PER_NAME: usize = 3;
const SESSIONS_PER_NAME: usize = 8;
const PENDING_LIMIT: usize = 8;
/// Characters of what proves that a number is ours.
const PROOF_CHARS: usize = 64;

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// In whose name things are decided.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether somebody inside let them in to look, whatever their name is enrolled for.
    pub is_guest: bool,
}

/// An act that waits for its signature.
#[derive(Clone)]
pub struct Pending {
    /// Its number in the session.
    pub number: u64,
    /// The act.
    pub act: Act,
    /// The instant that it is signed for.
    pub at: Moment,
    /// What is to be signed.
    pub text: String,
    /// What is decided, for people.
    pub says: String,
    /// Where to go after.
    pub back: String,
    /// Whose name to show after.
    pub shows: Option<String>,
    until: Instant,
}

impl Pending {
    /// The fingerprint of the key that it would enrol or remove.
    pub fn fingerprint(&self) -> Option<String> {
        let Act::Enrol(enrolment) = &self.act else { return None };
        let passkey = Passkey::of_line(&enrolment.key).ok().map(|passkey| passkey.fingerprint());
        passkey.or_else(|| PublicKey::of_openssh(&enrolment.key).ok().map(|key| key.fingerprint()))
    }

    /// The passkey that it would enrol.
    pub fn enrols(&self) -> Option<Passkey> {
        match &self.act {
            Act::Enrol(enrolment) => Passkey::of_line(&enrolment.key).ok(),
            _ => None,
        }
    }
}

/// What an act waits for, before it has a number.
pub struct Waiting {
    /// The act.
    pub act: Act,
    /// The instant that it is signed for.
    pub at: Moment,
    /// What is to be signed.
    pub text: String,
    /// What is decided, for people.
    pub says: String,
    /// Where to go after.
    pub back: String,
    /// Whose name to show after.
    pub shows: Option<String>,
}

/// Somebody who is in.
#[derive(Clone)]
pub struct Session {
    /// Names the session on a page; opens nothing.
    pub number: u64,
    /// Who it is.
    pub who: Who,
    /// What every form of this session carries.
    pub csrf: String,
    /// When it began.
    pub began: Began,
    /// What is to be told on the next page.
    pub notice: Option<String>,
    /// Acts that wait for a signature.
    pub pending: Vec<Pending>,
    used: Instant,
    bound: [u8; 32],
    seen: BTreeMap<String, Instant>,
    found: BTreeMap<String, LookedUpBy>,
}

impl Who {
    /// Whether both are one to the door: a guest of somebody's name is not that somebody.
    fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.is_guest == other.is_guest
    }
}

/// Why nobody is let in, and no link made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are as many of this name as one name has.
    Name,
    /// There are as many as there can be.
    Door,
}

/// When a session began, by both clocks. One that goes on elsewhere ends when the first would have.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    /// By the clock on the wall.
    pub at: Moment,
    since: Instant,
}

impl Began {
    /// Now.
    pub fn now(at: Moment, since: Instant) -> Self {
        Self { at, since }
    }
}

/// Somebody who comes in.
pub struct Entering {
    /// Who.
    pub who: Who,
    /// Where the session is bound to.
    pub bound: [u8; 32],
    /// What secret and token are made of.
    pub random: [[u8; 32]; 2],
    /// When it began.
    pub began: Began,
    /// The session that they had in the same browser: it ends.
    pub instead_of: Option<u64>,
}

struct Link {
    digest: [u8; 32],
    until: Instant,
    who: Who,
    /// The session that goes on by it.
    goes_on: Option<Began>,
}

/// Links, sessions, numbers to sign in with.
pub struct Door {
    links: Vec<Link>,
    sessions: Vec<([u8; 32], Session)>,
    /// Numbers that somebody signed in with.
    used: Vec<([u8; 32], Instant)>,
    /// How often each passkey said last that it had signed. Of decisions the ledger has it, too; of sign-ins nobody else.
    counts: BTreeMap<String, u32>,
    last: u64,
    key: [u8; 32],
    opened: Instant,
}

/// What a session is bound to: the address it came from and the browser's own name. Another one cannot use its cookie.
pub fn bound_to(address: IpAddr, agent: &[u8]) -> [u8; 32] {
    // This machine has two addresses of its own, and a browser that is led to `localhost` may take either.
    let address = if address.is_loopback() { IpAddr::from([127, 0, 0, 1]) } else { address };
    digest(&[address.to_string().as_bytes(), b"\0", agent].concat())
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

fn hexadecimal(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Door {
    /// A door that nobody is through. The key is of this run alone.
    pub fn new(key: [u8; 32], now: Instant) -> Self {
        Self { links: Vec::new(), sessions: Vec::new(), used: Vec::new(), counts: BTreeMap::new(), last: 0, key, opened: now }
    }

    /// A new one-time link for somebody; returns its secret. A session that goes on by it keeps when it began.
    ///
    /// # Errors
    /// If there are as many links as there can be, of this name or in all.
    pub fn link(&mut self, who: Who, goes_on: Option<Began>, random: [u8; 32], now: Instant) -> Result<String, Full> {
        self.tidy(now);
        if self.links.iter().filter(|link| link.who.is(&who)).count() >= LINKS_PER_NAME {
            return Err(Full::Name);
        }
        if self.links.len() >= LINKS_LIMIT {
            return Err(Full::Door);
        }
        let secret = hexadecimal(random);
        self.links.push(Link { digest: digest(secret.as_bytes()), until: now + LINK_GOOD_FOR, who, goes_on });
        Ok(secret)
    }

    /// Whether a link is good, without using it up.
    pub fn is_link(&mut self, secret: &str, now: Instant) -> bool {
        self.tidy(now);
        let asked = digest(secret.as_bytes());
        self.links.iter().fold(false, |found, link| found | is_same(&link.digest, &asked))
    }

    /// Uses a link up: who comes by it, and since when they are in, where they were. Every link is compared, whichever fits.
    pub fn use_link(&mut self, secret: &str, now: Instant) -> Option<(Who, Option<Began>)> {
        self.tidy(now);
        let asked = digest(secret.as_bytes());
        let mut found = None;
        for (place, link) in self.links.iter().enumerate() {
            if is_same(&link.digest, &asked) {
                found = Some(place);
            }
        }
        found.map(|place| self.links.remove(place)).map(|link| (link.who, link.goes_on))
    }

    /// A number for somebody to sign, good once, in one browser, for a while. Nothing is kept of it, so that however many are asked for,
    /// nobody else's ends.
    pub fn number(&self, bound: &[u8; 32], random: [u8; 32], now: Instant) -> String {
        let until = (now + LINK_GOOD_FOR).duration_since(self.opened).as_secs();
        let body = format!("{until:016x}{}", hexadecimal(random));
        format!("{body}{}", hexadecimal(self.proof(&body, bound).finalize().into_bytes().into()))
    }

    /// Whether a number is one of ours, for this browser, still good, and nobody has signed in with it.
    pub fn is_number(&mut self, number: &str, bound: &[u8; 32], now: Instant) -> bool {
        self.tidy(now);
        let Some((body, proof)) = number.split_at_checked(number.len().saturating_sub(PROOF_CHARS)) else { return false };
        let until = body.get(..16).and_then(|until| u64::from_str_radix(until, 16).ok()).unwrap_or(0);
        let is_ours: bool = hexadecimal(self.proof(body, bound).finalize().into_bytes().into()).as_bytes().ct_eq(proof.as_bytes()).into();
        is_ours && now.duration_since(self.opened).as_secs() < until && !self.used.iter().any(|(known, _)| is_same(known, &digest(number.as_bytes())))
    }

    /// Uses a number up, once its signature held; whether it was good until now.
    pub fn use_number(&mut self, number: &str, bound: &[u8; 32], now: Instant) -> bool {
        let is_good = self.is_number(number, bound, now);
        if is_good {
            self.used.push((digest(number.as_bytes()), now + LINK_GOOD_FOR));
        }
        is_good
    }

    /// Whether a passkey counted on since it signed here last.
    pub fn counts_on(&self, key: &str, count: u32) -> bool {
        self.counts.get(key).is_none_or(|before| has_risen(*before, count))
    }

    /// Notes how often a passkey says that it signed, once the signature held.
    pub fn counted(&mut self, key: String, count: u32) {
        let before = self.counts.entry(key).or_default();
        *before = (*before).max(count);
    }

    fn proof(&self, body: &str, bound: &[u8; 32]) -> Hmac<Sha256> {
        let mut proof = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        proof.update(body.as_bytes());
        proof.update(bound);
        proof
    }

    /// Lets somebody in; returns the secret of a session that was never known before. Nobody else's ends for it.
    ///
    /// # Errors
    /// If as many are in as can be, of this name or in all.
    pub fn enter(&mut self, entering: Entering, now: Instant) -> Result<String, Full> {
        self.tidy(now);
        let Entering { who, bound, random, began, instead_of } = entering;
        let others = || self.sessions.iter().filter(|(_, session)| Some(session.number) != instead_of);
        if others().filter(|(_, session)| session.who.is(&who)).count() >= SESSIONS_PER_NAME {
            return Err(Full::Name);
        }
        if others().count() >= SESSIONS_LIMIT {
            return Err(Full::Door);
        }
        self.sessions.retain(|(_, session)| Some(session.number) != instead_of);
        let [secret, csrf] = random.map(hexadecimal);
        self.last += 1;
        let session =
            Session { number: self.last, who, csrf, began, notice: None, pending: Vec::new(), used: now, bound, seen: BTreeMap::new(), found: BTreeMap::new() };
        self.sessions.push((digest(secret.as_bytes()), session));
        Ok(secret)
    }

    /// Ends the session of a name that was not used for longest, where the name has as many as one can have: whoever shows their key is not
    /// kept out by what they left open.
    pub fn make_room(&mut self, who: &Who, now: Instant) {
        self.tidy(now);
        let own = || self.sessions.iter().map(|(_, session)| session).filter(|session| session.who.is(who));
        if own().count() >= SESSIONS_PER_NAME {
            let oldest = own().min_by_key(|session| session.used).map(|session| session.number);
            self.sessions.retain(|(_, session)| Some(session.number) != oldest);
        }
    }

    /// The session of a secret, if it comes from where it began.
    pub fn session(&mut self, secret: &str, bound: &[u8; 32], now: Instant) -> Option<Session> {
        self.tidy(now);
        let asked = digest(secret.as_bytes());
        let (_, session) = self.sessions.iter_mut().find(|(known, _)| is_same(known, &asked))?;
        if !is_same(&session.bound, bound) {
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    /// Changes a session that is still there.
    pub fn change<T>(&mut self, number: u64, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.sessions.iter_mut().find(|(_, session)| session.number == number).map(|(_, session)| change(session))
    }

    /// Ends a session, and the links that would let the same person in again.
    pub fn end(&mut self, number: u64) {
        let Some(who) = self.sessions.iter().find(|(_, session)| session.number == number).map(|(_, session)| session.who.clone()) else { return };
        self.sessions.retain(|(_, session)| session.number != number);
        self.links.retain(|link| !link.who.is(&who));
    }

    /// Everybody who is in.
    pub fn everybody(&mut self, now: Instant) -> Vec<Session> {
        self.tidy(now);
        self.sessions.iter().map(|(_, session)| session.clone()).collect()
    }

    fn tidy(&mut self, now: Instant) {
        self.links.retain(|link| link.until > now);
        self.used.retain(|(_, until)| *until > now);
        self.sessions.retain(|(_, session)| now.duration_since(session.used) < IDLE_LIMIT && now.duration_since(session.began.since) < SESSION_LIMIT);
        for (_, session) in &mut self.sessions {
            session.pending.retain(|pending| pending.until > now);
            session.seen.retain(|_, until| *until > now);
        }
    }
}

impl Session {
    /// Whether a form is of this session.
    pub fn is_of(&self, csrf: &str) -> bool {
        is_same(&digest(self.csrf.as_bytes()), &digest(csrf.as_bytes()))
    }

    /// Keeps an act until it is signed; returns its number.
    pub fn wait(&mut self, waiting: Waiting, now: Instant) -> u64 {
        if self.pending.len() >= PENDING_LIMIT {
            self.pending.remove(0);
        }
        let number = self.pending.iter().map(|pending| pending.number).max().unwrap_or(0) + 1;
        let Waiting { act, at, text, says, back, shows } = waiting;
        self.pending.push(Pending { number, act, at, text, says, back, shows, until: now + LINK_GOOD_FOR });
        number
    }

    /// Shows a person's name from here on, for a while.
    pub fn see(&mut self, handle: &str, now: Instant) {
        self.seen.insert(handle.to_owned(), now + SEEN_FOR);
    }

    /// Notes how a person was found: whoever answers people sees those whom they found, and a look says how.
    pub fn find(&mut self, handle: &str, by: LookedUpBy) {
        self.found.insert(handle.to_owned(), by);
    }

    /// How a person was found in this session.
    pub fn found_by(&self, handle: &str) -> Option<LookedUpBy> {
        self.found.get(handle).copied()
    }

    /// Whether a person's name is shown.
    pub fn sees(&self, handle: &str) -> bool {
        self.seen.contains_key(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new([9; 32], Instant::now())
    }

    fn who() -> Who {
        Who { name: "A. Chan".to_owned(), role: Role::Responder, is_guest: false }
    }

    fn named(name: &str) -> Who {
        Who { name: name.to_owned(), role: Role::Reader, is_guest: true }
    }

    fn entering(who: Who, bound: [u8; 32], now: Instant) -> Entering {
        Entering { who, bound, random: [[1; 32], [2; 32]], began: Began::now(Moment(0), now), instead_of: None }
    }

    #[test]
    fn a_full_door_refuses_and_throws_nobody_out() {
        let (mut door, now) = (door(), Instant::now());
        let mut enter = |who: Who, secret: usize| {
            let random = [[u8::try_from(secret).unwrap(); 32], [0; 32]];
            door.enter(Entering { random, ..entering(who, [0; 32], now) }, now)
        };
        let first = enter(who(), 200).unwrap();
        let of_one: Vec<_> = (0..SESSIONS_PER_NAME + 1).map(|place| enter(named("one"), place)).collect();
        assert_eq!(of_one.last(), Some(&Err(Full::Name)), "one name takes the whole door");
        let rest = (SESSIONS_PER_NAME..SESSIONS_LIMIT - 1).map(|place| enter(named(&place.to_string()), place + 1));
        assert!(rest.collect::<Vec<_>>().iter().all(Result::is_ok));
        assert_eq!(enter(named("late"), 199), Err(Full::Door));
        assert!(door.session(&first, &[0; 32], now).is_some(), "somebody was thrown out");
        // Whoever shows their key ends what they left open themselves, and nothing of others.
        let one = named("one");
        door.make_room(&one, now);
        assert_eq!(door.everybody(now).iter().filter(|session| session.who.is(&one)).count(), SESSIONS_PER_NAME - 1);
        assert!(door.session(&first, &[0; 32], now).is_some());
    }

    #[test]
    fn a_session_that_goes_on_elsewhere_keeps_its_beginning_and_ends_with_its_links() {
        let (mut door, now) = (door(), Instant::now());
        let secret = door.enter(entering(who(), [0; 32], now), now).unwrap();
        let began = door.session(&secret, &[0; 32], now).unwrap().began;
        let later = now + IDLE_LIMIT / 2;
        let links: Vec<_> = (0..=LINKS_PER_NAME).map(|place| door.link(who(), Some(began), [place as u8; 32], later)).collect();
        assert_eq!(links.last(), Some(&Err(Full::Name)), "links without end");
        let (who, goes_on) = door.use_link(links[0].as_ref().unwrap(), later).unwrap();
        let random = [[7; 32], [8; 32]];
        let second = door.enter(Entering { random, began: goes_on.unwrap(), ..entering(who, [0; 32], later) }, later).unwrap();
        let session = door.session(&second, &[0; 32], later).unwrap();
        assert_eq!(session.began.since, now, "a link made a session younger");
        // Whoever is ended has no link to come back by.
        door.end(session.number);
        assert!(door.use_link(links[1].as_ref().unwrap(), later).is_none(), "whoever was ended came back");
    }

    #[test]
    fn a_link_is_good_once_and_for_ten_minutes() {
        let (mut door, now) = (door(), Instant::now());
        let first = door.link(who(), None, [1; 32], now).unwrap();
        let late = door.link(who(), None, [2; 32], now).unwrap();
        assert!(door.is_link(&first, now) && !door.is_link("x", now));
        assert!(door.use_link(&first, now).is_some());
        assert!(door.use_link(&first, now).is_none(), "a used link opened again");
        assert!(door.use_link(&late, now + LINK_GOOD_FOR).is_none(), "an old link opened");
    }

    #[test]
    fn a_session_ends_when_idle_and_is_good_in_one_browser_alone() {
        let (mut door, now) = (door(), Instant::now());
        let here = bound_to(IpAddr::from([127, 0, 0, 1]), b"browser");
        let secret = door.enter(entering(who(), here, now), now).unwrap();
        let elsewhere = bound_to(IpAddr::from([127, 0, 0, 1]), b"another");
        assert!(door.session(&secret, &elsewhere, now).is_none());
        assert!(door.session(&secret, &here, now).is_some());
        assert!(door.session(&secret, &here, now + IDLE_LIMIT).is_none());
    }

    #[test]
    fn a_session_that_is_used_ends_all_the_same() {
        let (mut door, mut now) = (door(), Instant::now());
        let began = now;
        let secret = door.enter(entering(who(), [0; 32], now), now).unwrap();
        while door.session(&secret, &[0; 32], now).is_some() {
            now += IDLE_LIMIT / 2;
        }
        assert!(now.duration_since(began) >= SESSION_LIMIT);
    }

    #[test]
    fn a_number_to_sign_in_with_is_good_once_here_and_for_a_while() {
        let (mut door, now, here) = (door(), Instant::now(), [1; 32]);
        let number = door.number(&here, [3; 32], now);
        assert!(!door.is_number(&number, &[2; 32], now), "good in another browser");
        assert!(!door.is_number(&number, &here, now + LINK_GOOD_FOR + Duration::from_secs(1)), "good for ever");
        for wrong in ["", "x", "陳陳陳", &"0".repeat(144), &number[1..], &format!("f{}", &number[1..])] {
            assert!(!door.is_number(wrong, &here, now), "{wrong} is one of ours");
        }
        assert!(door.use_number(&number, &here, now) && !door.use_number(&number, &here, now));
    }

    #[test]
    fn however_many_numbers_are_asked_for_nobody_elses_ends() {
        let (mut door, now, here) = (door(), Instant::now(), [1; 32]);
        let number = door.number(&here, [3; 32], now);
        (0..=255).for_each(|other| drop(door.number(&[2; 32], [other; 32], now)));
        assert!(door.use_number(&number, &here, now));
    }
}
