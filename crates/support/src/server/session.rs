//! Who has entered a right code: kept in memory alone, for twenty minutes after the last page. A restart ends all of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::key::CardKeys;
use crate::message::Kind;
use crate::words::Words;

/// How long nobody may use a session before it ends.
pub(crate) const IDLE: Duration = Duration::from_secs(20 * 60);
/// How long it lasts at most.
const WHOLE: Duration = Duration::from_secs(3 * 60 * 60);

/// Sessions of one card: a telephone, a computer at home; the oldest gives way.
const PER_CARD_LIMIT: usize = 5;

/// Characters of a token: 32 bytes in hexadecimal.
const TOKEN_CHARS: usize = 64;

/// What one session has.
#[derive(Clone)]
pub(crate) struct Session {
    /// What the code opens.
    pub(crate) keys: CardKeys,
    /// What the forms of its pages carry.
    pub(crate) form_token: String,
    /// In this language.
    pub(crate) words: &'static Words,
    began: Instant,
    used: Instant,
    /// What was sent, until a page has said so.
    sent: Option<Kind>,
}

impl Session {
    /// Whether a form is one of this session's.
    pub(crate) fn is_own_form(&self, token: &str) -> bool {
        self.form_token.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// All sessions, by the digest of what the cookie holds.
pub(crate) struct Sessions {
    limit: usize,
    open: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// At most so many.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::new(HashMap::new()) }
    }

    /// Begins one, and tells what the cookie is to hold.
    pub(crate) fn begin(&self, keys: CardKeys, words: &'static Words, now: Instant) -> String {
        let mut open = self.lock();
        open.retain(|_, session| !has_ended(session, now));
        let own = open.values().filter(|session| session.keys.name == keys.name).count();
        if own >= PER_CARD_LIMIT {
            remove_oldest(&mut open, |session| session.keys.name == keys.name);
        }
        if open.len() >= self.limit {
            remove_oldest(&mut open, |_| true);
        }
        let cookie = token();
        open.insert(digest(&cookie), Session { keys, form_token: token(), words, began: now, used: now, sent: None });
        cookie
    }

    /// The session of a cookie, which lives on from now. `words` is the language that was asked for.
    pub(crate) fn find(&self, cookie: &str, words: Option<&'static Words>, now: Instant) -> Option<Session> {
        if cookie.len() != TOKEN_CHARS {
            return None;
        }
        let mut open = self.lock();
        let name = digest(cookie);
        if open.get(&name).is_some_and(|session| has_ended(session, now)) {
            open.remove(&name);
        }
        let session = open.get_mut(&name)?;
        session.used = now;
        session.words = words.unwrap_or(session.words);
        Some(session.clone())
    }

    /// Ends one.
    pub(crate) fn end(&self, cookie: &str) {
        self.lock().remove(&digest(cookie));
    }

    /// Notes what was sent, for the next page to say.
    pub(crate) fn sent(&self, cookie: &str, kind: Kind) {
        if let Some(session) = self.lock().get_mut(&digest(cookie)) {
            session.sent = Some(kind);
        }
    }

    /// What was sent and no page has said yet.
    pub(crate) fn received(&self, cookie: &str) -> Option<Kind> {
        self.lock().get_mut(&digest(cookie))?.sent.take()
    }

    /// Forgets those that have ended, and their keys: they are wiped as they are dropped.
    pub(crate) fn sweep(&self, now: Instant) {
        self.lock().retain(|_, session| !has_ended(session, now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_ended(session: &Session, now: Instant) -> bool {
    now.saturating_duration_since(session.used) > IDLE || now.saturating_duration_since(session.began) > WHOLE
}

fn remove_oldest(open: &mut HashMap<[u8; 32], Session>, which: impl Fn(&Session) -> bool) {
    let oldest = open.iter().filter(|(_, session)| which(session)).min_by_key(|(_, session)| session.used).map(|(key, _)| *key);
    if let Some(oldest) = oldest {
        open.remove(&oldest);
    }
}

fn token() -> String {
    rand::random::<[u8; TOKEN_CHARS / 2]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

#[cfg(test)]
mod tests {
    use strandline_model::code::SupportCode;

    use super::*;
    use crate::key::Parameters;

    fn keys(seed: u8) -> CardKeys {
        CardKeys::derive(&SupportCode::from_bits([seed; 10]), &[0; 16], Parameters { memory_kib: 64, passes: 1 })
    }

    #[test]
    fn a_session_ends_by_itself_and_by_a_word() {
        let (sessions, start) = (Sessions::new(100), Instant::now());
        let words = Words::of("en");
        let cookie = sessions.begin(keys(1), words, start);
        assert!(sessions.find(&cookie, None, start + IDLE).is_some());
        assert!(sessions.find(&cookie, None, start + IDLE + IDLE).is_some(), "it was used meanwhile");
        assert!(sessions.find(&cookie, None, start + IDLE * 3 + Duration::from_secs(1)).is_none());
        let mut at = start;
        let cookie = sessions.begin(keys(1), words, start);
        while at < start + WHOLE {
            assert!(sessions.find(&cookie, None, at).is_some());
            at += IDLE;
        }
        assert!(sessions.find(&cookie, None, start + WHOLE + Duration::from_secs(1)).is_none(), "nothing lasts for ever");
        let cookie = sessions.begin(keys(1), words, start);
        sessions.end(&cookie);
        assert!(sessions.find(&cookie, None, start).is_none());
    }

    #[test]
    fn what_has_ended_is_kept_no_longer() {
        let (sessions, start) = (Sessions::new(100), Instant::now());
        let [first, _second] = [1, 2].map(|seed| sessions.begin(keys(seed), Words::of("en"), start));
        let late = start + IDLE + Duration::from_secs(1);
        assert!(sessions.find(&first, None, late).is_none());
        assert_eq!(sessions.lock().len(), 1, "its keys are still there");
        sessions.sweep(start + IDLE);
        assert_eq!(sessions.lock().len(), 1, "this one has not ended");
        sessions.sweep(late);
        assert_eq!(sessions.lock().len(), 0);
    }

    #[test]
    fn what_was_sent_is_said_once() {
        let sessions = Sessions::new(100);
        let cookie = sessions.begin(keys(1), Words::of("en"), Instant::now());
        sessions.sent(&cookie, Kind::Safety);
        assert_eq!([sessions.received(&cookie), sessions.received(&cookie)], [Some(Kind::Safety), None]);
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let (sessions, start) = (Sessions::new(8), Instant::now());
        let first = sessions.begin(keys(1), Words::of("en"), start);
        let of_one: Vec<String> = (1..=6).map(|second| sessions.begin(keys(2), Words::of("en"), start + Duration::from_secs(second))).collect();
        let now = start + Duration::from_secs(10);
        let left = of_one.iter().filter(|cookie| sessions.find(cookie, None, now).is_some()).count();
        assert_eq!(left, PER_CARD_LIMIT);
        assert!(sessions.find(&first, None, now).is_some(), "another person's session gave way");
        (10..30).for_each(|seed| {
            sessions.begin(keys(seed), Words::of("en"), now);
        });
        assert_eq!(sessions.lock().len(), 8);
    }
}
