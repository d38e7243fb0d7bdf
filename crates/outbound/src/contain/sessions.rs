//! Web sessions in Redis: taken out of the store under another name, so that they come back exactly as they were, and taken out
//! again where a running request saves them at its end.
//!
//! Six commands of the protocol are all that it takes (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use std::collections::BTreeMap;
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
        let mut sessions = Self { stream: BufReader::new(stream), target: target.clone(), prefix, manner: manner.clone(), unread: 0 };
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
        let (mut cursor, mut found) = (b"0".to_vec(), std::collections::BTreeSet::new());
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

    /// Sessions of an effect: those in the store, and those that are held back.
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
                Ok((there, aside))
            }
            Effect::SessionStoreDeleteAccount { account } => {
                let there = self.keys(&prefix)?;
                let aside = self.keys(&format!("{ASIDE}{prefix}"))?;
                // What is held back first: what could not be read of the store is told.
                let aside = self.of_account(aside, account)?;
                Ok((self.of_account(there, account)?, aside))
            }
            _ => Err(ContainError::NoConnector { target: self.target.clone(), kind: "sessions" }),
        }
    }

    /// Those whose value names the account as a whole text (`"ann"`).
    fn of_account(&mut self, keys: Keys, account: &str) -> Result<Keys, ContainError> {
        let wanted = serde_json::to_vec(account).unwrap_or_default();
        let mut found = Vec::new();
        self.unread = 0;
        for key in keys {
            match self.command(&[b"GET", &key])? {
                Reply::Text(value) if value.windows(wanted.len()).any(|window| window == wanted) => found.push(key),
                Reply::Refused(_) => self.unread += 1,
                _ => {}
            }
        }
        Ok(found)
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
        let held = match (there.is_empty(), aside.is_empty()) {
            (true, _) => Held::flag(false),
            (false, true) => Held::flag(true),
            // Begun and not ended, or saved again by a request that was running.
            (false, false) => Held::Half("some are in the store, and some are held back".to_owned()),
        };
        Ok(TargetState::default().with(IN_STORE, held))
    }

    fn meant(&mut self, _effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let target = self.target.clone();
        let no = |why: &str| Err(ContainError::NoEffect { target: target.clone(), why: why.to_owned() });
        if self.info(b"replication")?.get("role").is_some_and(|role| role == "slave") {
            return no("it is a replica, where nothing can be taken out: name the store that is written to");
        }
        if self.info(b"cluster")?.get("cluster_enabled").is_some_and(|word| word == "1") {
            return no("it is a node of a cluster, and the others are not asked: deny the session at the web server, or change the key");
        }
        match before.held(IN_STORE) {
            held if *held == Held::flag(false) && self.unread > 0 => no(
                "the sessions there are kept in another form than a text, in which accounts are not looked for: deny them at the web server, or change the key",
            ),
            Held::Half(_) => no("such a session is held back already, by another plan"),
            held if *held == Held::flag(false) => no("there is no such session in the store"),
            _ => Ok(TargetState::default().with(IN_STORE, Held::flag(false))),
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

    fn apply(&mut self, effect: &Effect, _meant: &TargetState) -> Result<(), ContainError> {
        let (there, aside) = self.find(effect)?;
        for key in there {
            let held: Vec<u8> = ASIDE.bytes().chain(key.iter().copied()).collect();
            // Held back already: what is there now was saved again by a request that was running.
            let command: Vec<&[u8]> = if aside.contains(&held) { vec![b"DEL", &key] } else { vec![b"RENAMENX", &key, &held] };
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

    fn verify(&mut self, effect: &Effect, _before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let mut verdict = Verdict::default();
        let (first, _) = self.find(effect)?;
        std::thread::sleep(std::time::Duration::from_millis(500));
        let (again, _) = self.find(effect)?;
        let open = first.len().max(again.len());
        verdict.note(
            open == 0,
            "the session is not in the store, looked at twice",
            format!("{open} sessions are in the store: a running request saves what it has in hand, so deny it at the web server and end it again"),
        );
        if self.unread > 0 {
            verdict.untested.push(format!("{} sessions are kept in another form than a text: whose they are was not looked for", self.unread));
        }
        self.try_replicas(&mut verdict)?;
        verdict.remarks.push("a token that an application checks without this store is not ended by this".to_owned());
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, _before: &TargetState) -> Result<(), ContainError> {
        let (_, aside) = self.find(effect)?;
        for held in aside {
            let key = held.strip_prefix(ASIDE.as_bytes()).unwrap_or(&held).to_vec();
            // What a request saved meanwhile is younger than what was held back, and gives way: before is before.
            self.must("put a session back", &[b"RENAME", &held, &key])?;
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
        Ok(aside.iter().map(|key| self.shown(key)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
