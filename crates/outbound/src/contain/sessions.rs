//! Web sessions in Redis: taken out of the store under another name, so that they come back exactly as they were, and taken out
//! again where a running request saves them at its end.
//!
//! Six commands of the protocol are all that it takes (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::ours::{Ours, beginning};
use super::state::{Held, TargetState};
use super::taken::{One, before, taken};
use super::tls::{Protection, client_config, host_and_port, protection};
use super::version::at_least;
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};

/// The first version that walks through its keys without stopping everybody.
const OLDEST: [u32; 2] = [2, 8];

/// Redis's port.
const PORT: u16 = 6379;

/// What stands before the name of a session that is held back.
const ASIDE: &str = "strandline:held:";

const IN_STORE: &str = "in the store";

/// One answer is at most this long.
const LONGEST_BYTES: usize = 16 << 20;

/// Keys of one account at most: more is no account.
const MOST_KEYS: usize = 10_000;

/// Sessions that are kept as evidence of one action, together.
const MOST_EVIDENCE: usize = 64 << 20;

/// How long replicas have to take over what was done.
const REPLICAS_WITHIN: std::time::Duration = std::time::Duration::from_millis(2500);

/// A beginning of a session that is shorter fits others, too.
const SHORTEST_SESSION: usize = 8;

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// Names of sessions.
type Keys = Vec<Vec<u8>>;

/// An answer of Redis.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Text(Vec<u8>),
    Whole(i64),
    Nothing,
    List(Vec<Reply>),
    Refused(String),
}

/// A store of sessions in Redis.
pub(crate) struct Sessions {
    stream: BufReader<Box<dyn Duplex>>,
    target: String,
    prefix: String,
    manner: Manner,
    /// Sessions that are kept in another form than a text, in which no account was looked for.
    unread: usize,
    /// Where in a session's JSON the account stands, as the estate says it.
    field: Option<String>,
    /// Where it was found, if the estate does not.
    places: BTreeSet<String>,
}

impl Sessions {
    /// Signs in.
    ///
    /// # Errors
    /// If the store does not answer, or does not let us in.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let target = reach.target.name.clone();
        let prefix = reach.target.sessions.clone().unwrap_or_default();
        let unreachable = |source| ContainError::Unreachable { target: target.clone(), source };
        let (host, port) = host_and_port(reach.target.address.as_deref().unwrap_or_default(), PORT);
        let to = (host.as_str(), port).to_socket_addrs().map_err(unreachable)?.next().ok_or_else(|| unreachable(io::ErrorKind::NotFound.into()))?;
        let stream = TcpStream::connect_timeout(&to, manner.patience).map_err(unreachable)?;
        stream.set_read_timeout(Some(manner.patience)).map_err(unreachable)?;
        stream.set_write_timeout(Some(manner.patience)).map_err(unreachable)?;
        let stream: Box<dyn Duplex> = if protection(reach) == Protection::Plain {
            Box::new(stream)
        } else {
            let name = ServerName::try_from(host)
                .map_err(|_| ContainError::Unusable { target: target.clone(), why: "its name cannot stand in a certificate".to_owned() })?;
            let connection = ClientConnection::new(Arc::clone(&client_config(reach)?), name).map_err(|error| unreachable(io::Error::other(error)))?;
            Box::new(StreamOwned::new(connection, stream))
        };
        let mut sessions = Self {
            stream: BufReader::new(stream),
            target: target.clone(),
            prefix,
            manner: manner.clone(),
            unread: 0,
            field: reach.target.account_field.clone(),
            places: BTreeSet::new(),
        };
        if let Some(secret) = &reach.secret {
            let account: Vec<&[u8]> = reach.target.account.as_deref().map(str::as_bytes).into_iter().collect();
            let words: Vec<&[u8]> = std::iter::once(&b"AUTH"[..]).chain(account).chain([secret.expose_secret().as_bytes()]).collect();
            if let Reply::Refused(why) = sessions.command(&words)? {
                return Err(ContainError::NotLetIn { target, account: reach.target.account.clone().unwrap_or_default(), why });
            }
        }
        sessions.must("answer", &[b"PING"])?;
        // A store whose account may not ask is taken as it is.
        if let Some(told) = sessions.info(b"server")?.get("redis_version") {
            at_least(&sessions.target, "Redis", told, OLDEST)?;
        }
        Ok(sessions)
    }

    fn command(&mut self, words: &[&[u8]]) -> Result<Reply, ContainError> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        let sent = self.stream.get_mut().write_all(&bytes).and_then(|()| self.stream.get_mut().flush());
        sent.and_then(|()| read_reply(&mut self.stream, 0)).map_err(|source| ContainError::Unreachable { target: self.target.clone(), source })
    }

    fn must(&mut self, doing: &str, words: &[&[u8]]) -> Result<Reply, ContainError> {
        match self.command(words)? {
            Reply::Refused(why) => Err(ContainError::Refused { target: self.target.clone(), doing: doing.to_owned(), why }),
            reply => Ok(reply),
        }
    }

    /// Keys that begin so.
    fn keys(&mut self, beginning: &str) -> Result<Keys, ContainError> {
        let pattern = format!("{}*", in_glob(beginning));
        let (mut cursor, mut found) = (b"0".to_vec(), BTreeSet::new());
        loop {
            let Reply::List(mut parts) = self.must("look for sessions", &[b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", b"1000"])? else {
                return Err(self.strange());
            };
            let (Some(Reply::List(keys)), Some(Reply::Text(next))) = (parts.pop(), parts.pop()) else { return Err(self.strange()) };
            found.extend(keys.into_iter().filter_map(|key| if let Reply::Text(key) = key { Some(key) } else { None }));
            if found.len() > MOST_KEYS {
                return Err(ContainError::NoEffect { target: self.target.clone(), why: format!("more than {MOST_KEYS} sessions fit") });
            }
            if next == b"0" {
                return Ok(found.into_iter().collect());
            }
            cursor = next;
        }
    }

    /// Sessions that an effect is about now: those in the store, and those that are held back, by their own names.
    fn find(&mut self, effect: &Effect) -> Result<(Keys, Keys), ContainError> {
        let prefix = self.prefix.clone();
        match effect {
            Effect::SessionStoreDelete { session } => {
                if session.len() < SHORTEST_SESSION {
                    return Err(ContainError::Unusable { target: self.target.clone(), why: "so short a beginning of a session fits others, too".to_owned() });
                }
                let there = self.keys(&format!("{prefix}{session}"))?;
                let aside = self.keys(&format!("{ASIDE}{prefix}{session}"))?;
                if there.len() > 1 || aside.len() > 1 {
                    return Err(ContainError::NoEffect { target: self.target.clone(), why: "more than one session begins so: write more of it".to_owned() });
                }
                Ok((there, own_names(aside)))
            }
            Effect::SessionStoreDeleteAccount { account } => {
                let there = self.keys(&prefix)?;
                let aside = self.keys(&format!("{ASIDE}{prefix}"))?;
                // What is held back first: what could not be read of the store is told.
                let aside = self.of_account(aside, account)?;
                Ok((self.of_account(there, account)?, own_names(aside)))
            }
            _ => Err(ContainError::NoConnector { target: self.target.clone(), kind: "sessions" }),
        }
    }

    /// The sessions of a plan, and which of them are in the store and which are held back. Plans of before named none: it is about
    /// all that fit.
    fn of_plan(&mut self, effect: &Effect, state: &TargetState) -> Result<(Vec<One>, Keys, Keys), ContainError> {
        let Some(which) = taken(state) else {
            let (there, aside) = self.find(effect)?;
            let all: BTreeSet<Vec<u8>> = there.iter().chain(&aside).cloned().collect();
            return Ok((all.into_iter().map(|key| One { key, until: None }).collect(), there, aside));
        };
        let (mut there, mut aside) = (Vec::new(), Vec::new());
        for one in &which {
            let exists = |store: &mut Self, key: &[u8]| Ok::<_, ContainError>(store.must("look for a session", &[b"EXISTS", key])? == Reply::Whole(1));
            if exists(self, &one.key)? {
                there.push(one.key.clone());
            }
            if exists(self, &held_name(&one.key))? {
                aside.push(one.key.clone());
            }
        }
        Ok((which, there, aside))
    }

    /// Those whose value has the account: at the place that the estate names, or as a whole text, whose places are kept.
    fn of_account(&mut self, keys: Keys, account: &str) -> Result<Keys, ContainError> {
        let mut found = Vec::new();
        (self.unread, self.places) = (0, BTreeSet::new());
        for key in keys {
            match self.command(&[b"GET", &key])? {
                Reply::Text(value) => match whose(&value, account, self.field.as_deref()) {
                    Whose::Theirs(places) => {
                        self.places.extend(places);
                        found.push(key);
                    }
                    Whose::Unread => self.unread += 1,
                    Whose::Others => {}
                },
                Reply::Refused(_) => self.unread += 1,
                _ => {}
            }
        }
        Ok(found)
    }

    /// When a session ends by itself, by the store's own clock.
    fn until(&mut self, key: &[u8], now: i64) -> Result<Option<i64>, ContainError> {
        // Known from version 7 on.
        let at = match self.command(&[b"PEXPIRETIME", key])? {
            Reply::Whole(at) => at,
            _ => match self.must("read when a session ends", &[b"PTTL", key])? {
                Reply::Whole(left) if left >= 0 => now + left,
                _ => -1,
            },
        };
        Ok((at >= 0).then_some(at))
    }

    /// The store's clock, in milliseconds.
    fn now(&mut self) -> Result<i64, ContainError> {
        let Reply::List(parts) = self.must("read its clock", &[b"TIME"])? else { return Err(self.strange()) };
        let whole = |at: usize| match parts.get(at) {
            Some(Reply::Text(text)) => std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()),
            _ => None,
        };
        let (seconds, micros) = whole(0).zip(whole(1)).ok_or_else(|| self.strange())?;
        Ok(seconds.saturating_mul(1000) + micros / 1000)
    }

    /// A session that is held back, by its beginning.
    fn shown(&self, held: &[u8]) -> String {
        let name = String::from_utf8_lossy(held).into_owned();
        let session = name.strip_prefix(ASIDE).and_then(|rest| rest.strip_prefix(&self.prefix)).unwrap_or_default();
        format!("{ASIDE}{}{}", self.prefix, beginning(session))
    }

    /// One value of `INFO`; nothing where the store does not say, or our account may not ask.
    fn info(&mut self, section: &[u8]) -> Result<BTreeMap<String, String>, ContainError> {
        let Reply::Text(text) = self.command(&[b"INFO", section])? else { return Ok(BTreeMap::new()) };
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    /// Copies of the store: those that are behind still have what was taken out.
    fn try_replicas(&mut self, verdict: &mut Verdict) -> Result<(), ContainError> {
        let begun = Instant::now();
        let info = self.info(b"replication")?;
        let Some(reached) = info.get("master_repl_offset").and_then(|offset| offset.parse::<u64>().ok()) else {
            verdict.untested.push("whether the store has replicas cannot be read: an application that reads there sees what they have".to_owned());
            return Ok(());
        };
        let mut behind = behind_of(&info, reached);
        // They tell once a second how far they are.
        while !behind.is_empty() && begun.elapsed() < REPLICAS_WITHIN.min(self.manner.patience) {
            std::thread::sleep(std::time::Duration::from_millis(200));
            behind = behind_of(&self.info(b"replication")?, reached);
        }
        for replica in behind {
            verdict.doors.push(format!("replica {replica} of the store has not taken it over: an application that reads there finds the session"));
        }
        Ok(())
    }

    fn strange(&self) -> ContainError {
        ContainError::Strange { target: self.target.clone(), why: "it does not answer as Redis does".to_owned() }
    }
}

/// Replicas that are connected and not as far as that.
fn behind_of(info: &BTreeMap<String, String>, reached: u64) -> Vec<String> {
    let replicas = info.iter().filter(|(name, _)| name.strip_prefix("slave").is_some_and(|rest| rest.parse::<u32>().is_ok()));
    replicas
        .filter_map(|(_, text)| {
            let value = |name: &str| text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
            let is_there = value("state") == "online" && value("offset").parse::<u64>().is_ok_and(|offset| offset >= reached);
            (!is_there).then(|| format!("{}:{}", value("ip"), value("port")))
        })
        .collect()
}

/// A text that a pattern of Redis takes for itself.
fn in_glob(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') { vec!['\\', c] } else { vec![c] }).collect()
}

fn read_reply(stream: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
    let mut line = Vec::new();
    stream.take(LONGEST_BYTES as u64).read_until(b'\n', &mut line)?;
    let strange = || io::Error::other("it does not answer as Redis does");
    let Some((kind, rest)) = line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else { return Err(strange()) };
    let text = || String::from_utf8_lossy(rest).into_owned();
    let whole = || text().parse::<i64>().map_err(|_| strange());
    match kind {
        b'+' => Ok(Reply::Text(rest.to_vec())),
        // Its first word says of what kind it is; what follows can quote what was sent.
        b'-' => Ok(Reply::Refused(text().split_whitespace().next().unwrap_or("ERR").to_owned())),
        b':' => Ok(Reply::Whole(whole()?)),
        b'$' => match usize::try_from(whole()?) {
            Err(_) => Ok(Reply::Nothing),
            Ok(length) if length > LONGEST_BYTES => Err(strange()),
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Text(bytes))
            }
        },
        b'*' if depth < 4 => match usize::try_from(whole()?) {
            Err(_) => Ok(Reply::Nothing),
            Ok(count) if count > 1_000_000 => Err(strange()),
            Ok(count) => (0..count).map(|_| read_reply(stream, depth + 1)).collect::<io::Result<_>>().map(Reply::List),
        },
        _ => Err(strange()),
    }
}

impl Connector for Sessions {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        match effect {
            Effect::SessionStoreDeleteAccount { account } => self.manner.never.account(&self.target, account),
            _ => Ok(()),
        }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let (there, aside) = self.find(effect)?;
        if there.iter().any(|key| aside.contains(key)) {
            return Ok(TargetState::default().with(IN_STORE, Held::Half("some are in the store, and some are held back".to_owned())));
        }
        let now = self.now()?;
        let all = there.into_iter().map(|key| Ok(One { until: self.until(&key, now)?, key })).collect::<Result<Vec<_>, ContainError>>()?;
        let by = self.field.clone().or_else(|| self.places.iter().next().filter(|_| self.places.len() == 1).cloned());
        Ok(before(IN_STORE, all, by.as_deref().filter(|_| matches!(effect, Effect::SessionStoreDeleteAccount { .. }))))
    }

    fn read_again(&mut self, effect: &Effect, before: &TargetState) -> Result<TargetState, ContainError> {
        let (which, there, aside) = self.of_plan(effect, before)?;
        let now = self.now()?;
        let is_over = which.iter().all(|one| one.until.is_some_and(|until| until <= now));
        let over = if is_over { "its time ran out" } else { "it ended before its time: somebody signed out, or took it out of the store" };
        Ok(super::taken::now(IN_STORE, before, (there.len(), aside.len()), || over.to_owned()))
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let target = self.target.clone();
        let no = |why: &str| Err(ContainError::NoEffect { target: target.clone(), why: why.to_owned() });
        if self.info(b"replication")?.get("role").is_some_and(|role| role == "slave") {
            return no("it is a replica, where nothing can be taken out: name the store that is written to");
        }
        if self.info(b"cluster")?.get("cluster_enabled").is_some_and(|word| word == "1") {
            return no("it is a node of a cluster, and the others are not asked: deny the session at the web server, or change the key");
        }
        let is_account = matches!(effect, Effect::SessionStoreDeleteAccount { .. });
        match before.held(IN_STORE) {
            Held::Half(_) => no("such a session is held back already, by another plan"),
            _ if taken(before).is_none() && self.unread > 0 => no(
                "the sessions there are kept in another form than a text, in which accounts are not looked for: deny them at the web server, or change the key",
            ),
            _ if taken(before).is_none() => no("there is no such session in the store"),
            _ if is_account && self.field.is_none() && self.is_unsure() => no(
                "the account's name stands at more than one place of its sessions, or names one, so that others' would be ended, too: say where it stands (`account_field = \"user\"` of this target)",
            ),
            _ => Ok(super::taken::meant(IN_STORE, before)),
        }
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        let mut capture = Capture::default();
        let (there, _) = self.find(effect)?;
        let mut bytes_left = MOST_EVIDENCE;
        for (number, key) in (1_usize..).zip(&there) {
            if let Reply::Text(bytes) = self.command(&[b"DUMP", key])? {
                if bytes.len() > bytes_left {
                    capture.lost.push(format!(
                        "{} sessions beyond {} MiB: they come back by undo, and are no evidence",
                        there.len() + 1 - number,
                        MOST_EVIDENCE >> 20
                    ));
                    break;
                }
                bytes_left -= bytes.len();
                capture.pieces.push(Captured { name: format!("session-{number}.dump"), bytes });
            }
            if let Reply::Whole(left) = self.command(&[b"PTTL", key])? {
                capture.pieces.push(Captured { name: format!("session-{number}.pttl"), bytes: left.to_string().into_bytes() });
            }
        }
        capture.lost.push("the store's own log is a file of its machine: take it from there".to_owned());
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        let (_, there, aside) = self.of_plan(effect, meant)?;
        for key in there {
            let held = held_name(&key);
            // Held back already: what is there now was saved again by a request that was running.
            let command: Vec<&[u8]> = if aside.contains(&key) { vec![b"DEL", &key] } else { vec![b"RENAMENX", &key, &held] };
            match self.command(&command)? {
                Reply::Refused(why) if why != "ERR" => {
                    return Err(ContainError::Refused { target: self.target.clone(), doing: "take a session out".to_owned(), why });
                }
                // It ended by itself in between.
                _ => {}
            }
        }
        Ok(())
    }

    fn verify(&mut self, effect: &Effect, before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let mut verdict = Verdict::default();
        let (_, first, _) = self.of_plan(effect, before)?;
        std::thread::sleep(std::time::Duration::from_millis(500));
        let (which, again, _) = self.of_plan(effect, before)?;
        let open = first.len().max(again.len());
        verdict.note(
            open == 0,
            "the session is not in the store, looked at twice",
            format!("{open} sessions are in the store: a running request saves what it has in hand, so deny it at the web server and end it again"),
        );
        if let Effect::SessionStoreDeleteAccount { account } = effect {
            let (now, _) = self.find(effect)?;
            let fresh = now.iter().filter(|key| !which.iter().any(|one| one.key == **key)).count();
            if fresh > 0 {
                verdict
                    .remarks
                    .push(format!("{fresh} sessions of {account} began since the plan, and are not of it: plan them anew if they are the intruder's"));
            }
            if self.unread > 0 {
                verdict.untested.push(format!("{} sessions are kept in another form than a text: whose they are was not looked for", self.unread));
            }
        }
        self.try_replicas(&mut verdict)?;
        verdict.remarks.push("a token that an application checks without this store is not ended by this".to_owned());
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        let (_, _, aside) = self.of_plan(effect, before)?;
        for key in aside {
            // What a request saved meanwhile is younger than what was held back, and gives way: before is before.
            match self.command(&[b"RENAME", &held_name(&key), &key])? {
                Reply::Refused(why) if why != "ERR" => {
                    return Err(ContainError::Refused { target: self.target.clone(), doing: "put a session back".to_owned(), why });
                }
                // Its time ran out in between.
                _ => {}
            }
        }
        Ok(())
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        let prefix = self.prefix.clone();
        let held = self.keys(&format!("{ASIDE}{prefix}"))?;
        Ok(held.iter().map(|key| Ours::bare(self.shown(key))).collect())
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        let (_, aside) = self.find(effect)?;
        Ok(aside.iter().map(|key| self.shown(&held_name(key))).collect())
    }
}

impl Sessions {
    /// Whether the account's name stands where it can be about somebody else.
    fn is_unsure(&self) -> bool {
        self.places.len() != 1 || self.places.contains(AS_A_NAME)
    }
}

/// The name under which a session is held back.
fn held_name(key: &[u8]) -> Vec<u8> {
    ASIDE.bytes().chain(key.iter().copied()).collect()
}

/// Sessions that are held back, by the names that they had.
fn own_names(aside: Keys) -> Keys {
    aside.into_iter().map(|key| key.strip_prefix(ASIDE.as_bytes()).map_or_else(|| key.clone(), <[u8]>::to_vec)).collect()
}

/// Where an account's name stands that is the name of something, and not its value.
const AS_A_NAME: &str = "a name of something else";

/// Where it stands in what is no JSON.
const IN_A_TEXT: &str = "a text that is no JSON";

/// Where it stands that cannot be told without telling of somebody.
const ELSEWHERE: &str = "a place of its own";

/// Whose a session is.
#[derive(Debug, PartialEq, Eq)]
enum Whose {
    /// The account's, by its name at these places.
    Theirs(BTreeSet<String>),
    /// Not the account's.
    Others,
    /// Nobody can tell.
    Unread,
}

/// Whether a session is an account's: by the value at a place of its JSON, or, where none is named, by the name as a whole text.
fn whose(value: &[u8], account: &str, field: Option<&str>) -> Whose {
    let json: Option<serde_json::Value> = serde_json::from_slice(value).ok();
    match (json, field) {
        (Some(json), Some(field)) => {
            let found = field.split('.').try_fold(&json, |at, part| match at {
                serde_json::Value::Array(list) => list.get(part.parse::<usize>().ok()?),
                other => other.get(part),
            });
            let is_his = match found {
                Some(serde_json::Value::String(text)) => text == account,
                Some(serde_json::Value::Number(number)) => number.to_string() == account,
                _ => false,
            };
            if is_his { Whose::Theirs(BTreeSet::from([field.to_owned()])) } else { Whose::Others }
        }
        (None, Some(_)) => Whose::Unread,
        (Some(json), None) => {
            let mut places = BTreeSet::new();
            look_for(&json, account, &mut Vec::new(), &mut places);
            if places.is_empty() { Whose::Others } else { Whose::Theirs(places) }
        }
        (None, None) => {
            let wanted = serde_json::to_vec(account).unwrap_or_default();
            let is_there = value.windows(wanted.len()).any(|window| window == wanted);
            if is_there { Whose::Theirs(BTreeSet::from([IN_A_TEXT.to_owned()])) } else { Whose::Others }
        }
    }
}

fn look_for(json: &serde_json::Value, account: &str, at: &mut Vec<String>, places: &mut BTreeSet<String>) {
    match json {
        serde_json::Value::String(text) if text == account => {
            places.insert(place(at));
        }
        serde_json::Value::Array(list) => {
            at.push("[]".to_owned());
            list.iter().for_each(|one| look_for(one, account, at, places));
            at.pop();
        }
        serde_json::Value::Object(map) => {
            for (name, one) in map {
                if name == account {
                    places.insert(AS_A_NAME.to_owned());
                }
                at.push(name.clone());
                look_for(one, account, at, places);
                at.pop();
            }
        }
        _ => {}
    }
}

/// A place in words; names that are more than a programmer's word could be about somebody.
fn place(at: &[String]) -> String {
    let is_word = |name: &String| name == "[]" || (name.len() <= 30 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    if at.iter().all(is_word) { at.join(".") } else { format!("{ELSEWHERE}, {} deep", at.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_an_accounts_where_the_estate_says_that_it_stands() {
        let check = |value: &str, field: Option<&str>, expected: Option<&[&str]>| {
            let expected = expected.map_or(Whose::Others, |places| Whose::Theirs(places.iter().map(|place| (*place).to_owned()).collect()));
            assert_eq!(whose(value.as_bytes(), "admin", field), expected, "{value}");
        };
        check("{\"user\":\"admin\"}", Some("user"), Some(&["user"]));
        check("{\"user\":\"carol\",\"role\":\"admin\"}", Some("user"), None);
        check("{\"a\":[{\"b\":\"\\u0061dmin\"}]}", Some("a.0.b"), Some(&["a.0.b"]));
        check("{\"user\":\"carol\",\"role\":\"admin\"}", None, Some(&["role"]));
        check("{\"a\":[{\"b\":\"admin\"}],\"admin\":1}", None, Some(&["a.[].b", AS_A_NAME]));
        check("{\"c d\":{\"b\":\"admin\"}}", None, Some(&["a place of its own, 2 deep"]));
        check("{\"user\":\"administrator\"}", None, None);
        check("user|s:5:\"admin\";", None, Some(&[IN_A_TEXT]));
        assert_eq!(whose(b"7", "7", Some("id")), Whose::Others);
        assert_eq!(whose(b"{\"id\":7}", "7", Some("id")), Whose::Theirs(BTreeSet::from(["id".to_owned()])));
        assert_eq!(whose(b"user|s:5:\"admin\";", "admin", Some("user")), Whose::Unread);
    }

    #[test]
    fn any_answer_is_read_or_refused() {
        for (bytes, expected) in [
            (&b"+PONG\r\n"[..], Some(Reply::Text(b"PONG".to_vec()))),
            (b"-WRONGPASS secret\r\n", Some(Reply::Refused("WRONGPASS".to_owned()))),
            (b"$-1\r\n", Some(Reply::Nothing)),
            (b"*2\r\n:1\r\n$1\r\na\r\n", Some(Reply::List(vec![Reply::Whole(1), Reply::Text(b"a".to_vec())]))),
            (b"$99999999999\r\n", None),
            (b"*99999999\r\n", None),
            (b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", None),
            (b"", None),
            (b"HTTP/1.1 400\r\n", None),
        ] {
            assert_eq!(read_reply(&mut &bytes[..], 0).ok(), expected);
        }
    }
}
