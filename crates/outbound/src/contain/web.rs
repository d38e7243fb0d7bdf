//! nginx: an address, a session's cookie or a route refused, by files that its configuration includes.
//!
//! A reload leaves running requests to the old workers, and a broken file leaves everybody in: so the configuration is tested
//! before, the workers are looked at after, and what the old ones still carry is named.

use sha2::{Digest, Sha256};
use strandline_model::containment::{Effect, methods_of_route};

use super::error::ContainError;
use super::guard::Network;
use super::http::{Asked, ask};
use super::keys::Keys;
use super::machine::Machine;
use super::nginx_text::{Asks, directives, servers};
use super::ours::Ours;
use super::state::{Held, TargetState};
use super::version::at_least;
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};

/// nginx on a machine.
pub(crate) struct Web {
    machine: Machine,
    manner: Manner,
    folder: String,
    config: Option<String>,
    cookie: Option<String>,
    probe: Option<String>,
    /// What TLS to the probe trusts, PEM; the web's own where none is named.
    authorities: Option<String>,
    /// The key of its application's sessions, where the estate names its file.
    keys: Option<Keys>,
}

const LINE: &str = "line of nginx for it";

/// Our files, in the order in which they are hashed.
const FILES: [&str; 3] = ["addresses", "sessions", "routes"];

/// What says which content of the files nginx runs with.
const LOADED: &str = "loaded";

/// The first version that prints its whole configuration.
const OLDEST: [u32; 2] = [1, 9];

/// Logs that are taken as evidence.
const MOST_LOGS: usize = 20;

/// A line of nginx is at most this long, all of it (its buffer holds 4,096 bytes).
const LONGEST_PATTERN: usize = 3500;

/// A beginning of a session that is shorter fits others, too.
const SHORTEST_SESSION: usize = 8;

impl Web {
    /// Reaches the machine, and sees that nginx includes our files.
    ///
    /// # Errors
    /// If the machine does not answer, or nginx does not include them.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let target = &reach.target;
        let folder = target.folder.clone().unwrap_or_default().trim_end_matches('/').to_owned();
        let web = Self {
            machine: Machine::reach(reach, manner)?,
            manner: manner.clone(),
            folder,
            config: target.config.clone(),
            cookie: target.cookie.clone(),
            probe: target.probe.clone(),
            authorities: reach.authorities.clone(),
            keys: Keys::of(reach, manner),
        };
        if target.folder.is_some() {
            let told = web.machine.run(&["nginx", "-v"], b"")?;
            if told.is_good {
                at_least(web.machine.target(), "nginx", told.errors.trim(), OLDEST)?;
            }
            web.configuration()?;
        }
        Ok(web)
    }

    fn nginx(&self, more: &[&str]) -> Vec<String> {
        let config = self.config.iter().flat_map(|file| ["-c".to_owned(), file.clone()]);
        std::iter::once("nginx".to_owned()).chain(more.iter().map(|word| (*word).to_owned())).chain(config).collect()
    }

    fn must_nginx(&self, doing: &str, more: &[&str]) -> Result<String, ContainError> {
        let words = self.nginx(more);
        self.machine.must(doing, &words.iter().map(String::as_str).collect::<Vec<_>>(), b"")
    }

    /// The whole configuration as nginx reads it.
    fn configuration(&self) -> Result<String, ContainError> {
        let text = self.must_nginx("read its configuration", &["-T"])?;
        let lacking = FILES.into_iter().find(|file| !text.contains(&format!("{}/{file}", self.folder)));
        match lacking {
            Some(file) => Err(ContainError::Unusable {
                target: self.machine.target().to_owned(),
                why: format!("nginx does not include {}/{file}; docs/containment/web.md has the two files that it needs", self.folder),
            }),
            None => Ok(text),
        }
    }

    /// The key that an effect changes; nothing where it changes none.
    fn key(&self, effect: &Effect) -> Result<Option<&Keys>, ContainError> {
        match (effect, &self.keys) {
            (Effect::WebRotateKey { .. }, Some(keys)) => Ok(Some(keys)),
            (Effect::WebRotateKey { .. }, None) => {
                let why = "the estate names no file of a key there (`key_file`)".to_owned();
                Err(ContainError::Unusable { target: self.machine.target().to_owned(), why })
            }
            _ => Ok(None),
        }
    }

    /// The file that an effect writes, and its line there.
    fn line(&self, effect: &Effect) -> Result<(&'static str, String), ContainError> {
        let unusable = |why: &str| ContainError::Unusable { target: self.machine.target().to_owned(), why: why.to_owned() };
        if self.folder.is_empty() {
            return Err(unusable("the estate names no folder of files that nginx includes (`folder`)"));
        }
        let mark: String = self.manner.mark.chars().filter(|c| !c.is_control()).take(80).collect();
        match effect {
            Effect::WebDenyAddress { address } => {
                let network = Network::read(address).ok_or_else(|| unusable("it is no address"))?;
                Ok(("addresses", format!("{}/{} 1; # strandline {mark}", network.address, network.bits)))
            }
            Effect::WebDenySession { session } => {
                if self.cookie.is_none() {
                    return Err(unusable("the estate does not name the cookie that holds the session (`cookie`)"));
                }
                if session.len() < SHORTEST_SESSION {
                    return Err(unusable("so short a beginning of a session fits others, too"));
                }
                let cookie = self.cookie.as_deref().and_then(in_pattern).ok_or_else(|| unusable("the cookie's name has characters that cannot be written"))?;
                let value = spellings(session).ok_or_else(|| unusable("the session has characters that no cookie has"))?;
                Ok(("sessions", format!("\"~(?:^|[;,])\\s*(?i:{cookie})\\s*=\\s*\\x22?{value}\" 1; # strandline {mark}")))
            }
            Effect::WebDenyRoute { method, path } => {
                let path = route_pattern(path).ok_or_else(|| unusable("the route has characters that cannot be written"))?;
                let methods: Option<Vec<String>> = methods_of_route(method).iter().map(|method| in_pattern(method)).collect();
                let methods = methods.ok_or_else(|| unusable("the route has characters that cannot be written"))?;
                let methods = if let [one] = &methods[..] { one.clone() } else { format!("(?:{})", methods.join("|")) };
                Ok(("routes", format!("\"~^{methods} {path}$\" 1; # strandline {mark}")))
            }
            _ => Err(ContainError::NoConnector { target: self.machine.target().to_owned(), kind: "web" }),
        }
    }

    /// A line as plans of before wrote it: known, so that it can be taken back.
    fn older_line(&self, effect: &Effect) -> Option<String> {
        let mark: String = self.manner.mark.chars().filter(|c| !c.is_control()).take(80).collect();
        match effect {
            Effect::WebDenySession { session } => Some(format!("\"~^{}\" 1; # strandline {mark}", in_pattern(session)?)),
            Effect::WebDenyRoute { method, path } => Some(format!("\"~^{} {}$\" 1; # strandline {mark}", in_pattern(method)?, route_pattern(path)?)),
            _ => None,
        }
    }

    /// What of a request nginx looks for a session in; anything but all its cookies is passed by who sends two of one name.
    fn looks_at_all_cookies(config: &str) -> bool {
        directives(config, "map")
            .iter()
            .any(|words| words.first().is_some_and(|from| from == "$http_cookie") && words.last().is_some_and(|to| to == "$strandline_session"))
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }

    fn text(&self, file: &str) -> Result<String, ContainError> {
        let bytes = self.machine.read_file(&self.path(file))?.unwrap_or_default();
        String::from_utf8(bytes).map_err(|_| ContainError::Strange { target: self.machine.target().to_owned(), why: format!("{} is no text", self.path(file)) })
    }

    fn digest(&self) -> Result<(String, bool), ContainError> {
        let (mut hasher, mut any) = (Sha256::new(), false);
        for file in FILES {
            let text = self.text(file)?;
            any |= text.contains("# strandline ");
            hasher.update(format!("{}\n{text}", text.len()));
        }
        Ok((hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), any))
    }

    /// Whether nginx runs with what is written. Before our first line nobody has noted it.
    fn is_loaded(&self) -> Result<bool, ContainError> {
        let (digest, any) = self.digest()?;
        let noted = self.machine.read_file(&self.path(LOADED))?;
        Ok(noted.map_or(!any, |noted| String::from_utf8_lossy(&noted).trim() == digest))
    }

    fn bring(&self, effect: &Effect, aim: &TargetState) -> Result<(), ContainError> {
        let (file, line) = self.line(effect)?;
        let text = self.text(file)?;
        let older = self.older_line(effect);
        let is_ours = |found: &str| found == line || older.as_deref() == Some(found);
        let without: String = text.split_inclusive('\n').filter(|found| !is_ours(found.trim_end_matches('\n'))).collect();
        let wanted = match aim.held(LINE).expose() {
            Some(aimed) if older.as_deref() == Some(aimed) => format!("{without}{aimed}\n"),
            Some(_) => format!("{without}{line}\n"),
            None => without,
        };
        // That nginx cannot be told to take it is found before anything is written.
        self.workers()?;
        if wanted != text {
            self.machine.write_file(&self.path(file), wanted.as_bytes())?;
            if let Err(error) = self.must_nginx("test its configuration", &["-t", "-q"]) {
                self.machine.write_file(&self.path(file), text.as_bytes())?;
                return Err(error);
            }
        }
        if self.is_loaded()? { Ok(()) } else { self.reload() }
    }

    /// Reloads, sees that new workers came, and notes with what.
    fn reload(&self) -> Result<(), ContainError> {
        let (digest, _) = self.digest()?;
        let before = self.workers()?;
        self.must_nginx("reload", &["-s", "reload"])?;
        let begun = std::time::Instant::now();
        // New workers first; the old ones take new connections until they are told, a tenth of a second later.
        let is_over = |now: &[Worker]| {
            let fresh = now.iter().any(|worker| !worker.is_old && !before.iter().any(|known| known.pid == worker.pid));
            fresh && now.iter().all(|worker| worker.is_old || !before.iter().any(|known| known.pid == worker.pid))
        };
        while !is_over(&self.workers()?) {
            if begun.elapsed() > self.manner.patience {
                let why = "no new workers came in place of the old ones: its error log tells why, and the old rules are in force".to_owned();
                return Err(ContainError::Refused { target: self.machine.target().to_owned(), doing: "reload".to_owned(), why });
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.machine.write_file(&self.path(LOADED), digest.as_bytes())
    }

    fn workers(&self) -> Result<Vec<Worker>, ContainError> {
        let pid_file = self.pid_file()?;
        let master = self.machine.read_file(&pid_file)?.unwrap_or_default();
        let master = String::from_utf8_lossy(&master).trim().to_owned();
        if master.is_empty() || !master.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ContainError::Unusable { target: self.machine.target().to_owned(), why: format!("nginx is not running: {pid_file} names no process") });
        }
        let list = self.machine.must("list nginx's workers", &["ps", "-o", "pid=,args=", "--ppid", &master], b"")?;
        let workers = list.lines().filter_map(|line| line.trim().split_once(' ')).filter(|(_, args)| args.contains("worker process"));
        Ok(workers.map(|(pid, args)| Worker { pid: pid.to_owned(), is_old: args.contains("shutting down") }).collect())
    }

    fn pid_file(&self) -> Result<String, ContainError> {
        let text = self.configuration()?;
        let named = directives(&text, "pid").into_iter().filter_map(|values| values.into_iter().next()).next_back();
        Ok(named.unwrap_or_else(|| "/run/nginx.pid".to_owned()))
    }

    /// Requests that began before are the old workers' to finish.
    fn try_old_workers(&self, effect: &Effect, verdict: &mut Verdict) -> Result<(), ContainError> {
        let old: Vec<String> = self.workers()?.into_iter().filter(|worker| worker.is_old).map(|worker| worker.pid).collect();
        if old.is_empty() {
            verdict.held.push("no old worker is left: nothing that began before goes on".to_owned());
            return Ok(());
        }
        let Effect::WebDenyAddress { address } = effect else {
            verdict.untested.push(format!("{} old workers finish requests that began before, and whose they are cannot be told: look again", old.len()));
            return Ok(());
        };
        let asked = Network::read(address);
        let sockets = self.machine.must("list connections", &["ss", "-Htnp", "state", "established"], b"")?;
        let of_his = |line: &&str| {
            let peer = line.split_whitespace().nth(3).and_then(|peer| peer.rsplit_once(':')).and_then(|(host, _)| Network::read(host.trim_matches(['[', ']'])));
            old.iter().any(|pid| line.contains(&format!("pid={pid},"))) && peer.zip(asked).is_some_and(|(peer, asked)| peer.meets(&asked))
        };
        let count = sockets.lines().filter(of_his).count();
        verdict.note(
            count == 0,
            "no old worker has a connection from there",
            format!("{count} connections from there go on at old workers: a download that began before is finished; cut the address at the packet filter, too"),
        );
        Ok(())
    }

    /// The door itself, by HTTP.
    fn try_probe(&self, effect: &Effect, verdict: &mut Verdict) {
        let Some(probe) = &self.probe else {
            verdict.untested.push("the estate names no `probe` at this target, so nobody could try".to_owned());
            return;
        };
        let plain = Asked { url: probe.clone(), authorities: self.authorities.clone(), ..Asked::default() };
        let mut control = plain.clone();
        let asked = match effect {
            Effect::WebDenyAddress { address } => vec![Asked { from: Network::read(address).map(|network| network.address), ..plain }],
            Effect::WebDenySession { session } => self.cookies_of(session).into_iter().map(|cookie| Asked { cookie: Some(cookie), ..plain.clone() }).collect(),
            Effect::WebDenyRoute { method, path } => {
                let base = probe.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                let url = format!("{base}{}", path.replace("{}", "x"));
                // Everybody is refused at a route: what is not refused there is asked for beside it.
                control.url = format!("{}/strandline-control", url.trim_end_matches('/'));
                methods_of_route(method).into_iter().map(|method| Asked { url: url.clone(), method, ..plain.clone() }).collect()
            }
            _ => return,
        };
        let tells = match ask(&control, self.manner.patience) {
            Ok(403) => {
                verdict.untested.push("the probe is refused to everybody (403), so that no trial tells anything: name one that everybody gets".to_owned());
                false
            }
            Ok(_) => true,
            Err(error) => {
                verdict.untested.push(format!("the probe does not answer: {error}"));
                return;
            }
        };
        for asked in asked {
            match ask(&asked, self.manner.patience) {
                Ok(403) if tells => verdict.held.push("it was tried by HTTP and refused (403)".to_owned()),
                Ok(403) => {}
                Ok(status) => verdict.doors.push(format!("it was tried by HTTP and answered with {status}")),
                // Others get an answer, and from there nobody reaches nginx at all: something before it shuts the same door.
                Err(error) if asked.from.is_some() && matches!(error.kind(), std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::ConnectionReset) => {
                    verdict.held.push("it was tried from there and refused before nginx was reached".to_owned());
                }
                Err(error) => verdict.untested.push(format!("nobody here can try it from there: {error}")),
            }
        }
        verdict.held.dedup();
        verdict.doors.dedup();
    }

    /// A session's cookie as applications take it: plain, quoted, behind another of its name, with a letter written by its number.
    fn cookies_of(&self, session: &str) -> Vec<String> {
        let name = self.cookie.as_deref().unwrap_or_default();
        let (first, rest) = session.split_at(session.chars().next().map_or(0, char::len_utf8));
        let mut cookies = vec![format!("{name}={session}"), format!("a=b; {name}=\"{session}\""), format!("{name}=other; {name}={session}")];
        if first.len() == 1 && is_spelt(session) {
            cookies.push(format!("{name}=%{:02x}{rest}", first.as_bytes()[0]));
        }
        cookies
    }
}

struct Worker {
    pid: String,
    is_old: bool,
}

/// A text as a pattern of nginx takes it for itself; nothing where it holds what a file of nginx cannot.
fn in_pattern(text: &str) -> Option<String> {
    let mut pattern = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '%' | '~' | ':' | '@' | ',' | '!' | '&' | '\'' => pattern.push(c),
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '|' | '^' | '$' | '=' | '/' => pattern.extend(['\\', c]),
            _ => return None,
        }
    }
    Some(pattern)
}

/// A route's path as a pattern; `{}` is one segment.
fn route_pattern(path: &str) -> Option<String> {
    let segments = path.split('/').map(|segment| if segment == "{}" { Some("[^/]+".to_owned()) } else { in_pattern(segment) });
    Some(segments.collect::<Option<Vec<_>>>()?.join("/"))
}

/// Whether a session is short enough that each of its letters can be looked for in every way in which it can be written.
fn is_spelt(session: &str) -> bool {
    spellings(session).is_some_and(|pattern| pattern.contains("%(?i:"))
}

/// A pattern for a session's value, however a cookie spells its letters: as they are, by their number in a URL (`%61`), or escaped
/// in a quoted text (`\a`, `\141`). A longer one is looked for as it is alone.
fn spellings(session: &str) -> Option<String> {
    let plain = in_pattern(session)?;
    let mut all = String::new();
    for c in session.bytes() {
        let bare = in_pattern(char::from(c).encode_utf8(&mut [0; 4]))?;
        all.push_str(&format!("(?:\\x5c?{bare}|%(?i:{c:02x})|\\x5c{c:03o})"));
    }
    Some(if session.is_ascii() && all.len() <= LONGEST_PATTERN { all } else { plain })
}

impl Connector for Web {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        match effect {
            Effect::WebDenyAddress { address } => self.manner.never.address(self.machine.target(), address),
            _ => Ok(()),
        }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        if let Some(keys) = self.key(effect)? {
            return keys.read(&self.machine);
        }
        let (file, line) = self.line(effect)?;
        let text = self.text(file)?;
        let has = |line: &str| text.lines().any(|found| found == line);
        let line = self.older_line(effect).filter(|older| has(older) && !has(&line)).unwrap_or(line);
        let is_there = has(&line);
        let held = match (is_there, self.is_loaded()?) {
            (true, true) => Held::text(line),
            (false, true) => Held::Absent,
            (_, false) => Held::Half("nginx does not run with what is written".to_owned()),
        };
        Ok(TargetState::default().with(LINE, held))
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        if let Some(keys) = self.key(effect)? {
            return keys.meant(&self.machine, before);
        }
        if matches!(before.held(LINE), Held::Half(_)) {
            let why = "nginx does not run with what is written in our files: somebody changed them; reload it, or take that back".to_owned();
            return Err(ContainError::NoEffect { target: self.machine.target().to_owned(), why });
        }
        if matches!(effect, Effect::WebDenySession { .. }) && !Self::looks_at_all_cookies(&self.configuration()?) {
            let why = "its nginx does not look for sessions in all cookies of a request: write `map $http_cookie $strandline_session …`, as docs/containment/web.md has it".to_owned();
            return Err(ContainError::NoEffect { target: self.machine.target().to_owned(), why });
        }
        Ok(TargetState::default().with(LINE, Held::text(self.line(effect)?.1)))
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        if let Some(keys) = self.key(effect)? {
            return Ok(keys.capture());
        }
        let mut capture = Capture::default();
        let config = self.configuration()?;
        capture.pieces.push(Captured { name: "nginx.conf".to_owned(), bytes: config.clone().into_bytes() });
        match self.machine.run(&["ss", "-tnpi"], b"") {
            Ok(printed) if printed.is_good => capture.pieces.push(Captured { name: "connections.txt".to_owned(), bytes: printed.out }),
            _ => capture.lost.push("its connections could not be listed".to_owned()),
        }
        let of = |name: &str| directives(&config, name).into_iter().filter_map(|values| values.into_iter().next());
        let logs: std::collections::BTreeSet<String> = of("access_log").chain(of("error_log")).filter(|log| log != "off").collect();
        if of("error_log").next().is_none() {
            capture.lost.push("its error log is where it was built to be, which its configuration does not tell".to_owned());
        }
        for (number, log) in logs.iter().enumerate() {
            if number >= MOST_LOGS || !log.starts_with('/') {
                capture.lost.push(format!("log {log} was not taken: take it from the machine"));
                continue;
            }
            match self.machine.run(&["tail", "-c", "4000000", "--", log], b"") {
                Ok(printed) if printed.is_good => capture.pieces.push(Captured { name: log.trim_start_matches('/').replace('/', "_"), bytes: printed.out }),
                _ => capture.lost.push(format!("the end of {log} could not be read")),
            }
        }
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        if let Some(keys) = self.key(effect)? {
            return keys.apply(&self.machine);
        }
        self.bring(effect, meant)
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        if let Some(keys) = self.key(effect)? {
            return keys.verify(&self.machine, effect);
        }
        let (file, line) = self.line(effect)?;
        let mut verdict = Verdict::default();
        let is_there = self.text(file)?.lines().any(|found| found == line);
        verdict.note(is_there, "its line stands", "its line is gone");
        let is_loaded = self.is_loaded()?;
        verdict.note(is_loaded, "nginx runs with it", "nginx does not run with what is written");
        self.try_probe(effect, &mut verdict);
        self.try_old_workers(effect, &mut verdict)?;
        let config = self.configuration()?;
        let variable = format!("$strandline_{}", file.strip_suffix("es").filter(|_| file == "addresses").unwrap_or(file.trim_end_matches('s')));
        for asks in servers(&config, &variable) {
            match asks {
                Asks::Yes => {}
                Asks::No(name) => verdict.doors.push(format!("server {name} does not look at {variable}: whoever is cut off is served there")),
                Asks::Perhaps(name, why) => {
                    verdict.untested.push(format!("whether server {name} refuses by {variable}, whatever is asked for, is not sure: {why}"))
                }
            }
        }
        if let Effect::WebDenySession { session } = effect {
            let all = Self::looks_at_all_cookies(&config);
            verdict.note(all, "all cookies of a request are looked at", "only one cookie of its name is looked at: who sends two passes");
            if !is_spelt(session) {
                verdict
                    .untested
                    .push("so long a session is looked for as it is: whether its application takes it with letters by number (%61) was not tried".to_owned());
            }
            verdict.remarks.push("who sends the session elsewhere than in this cookie (a header, a form, the address) is not refused".to_owned());
        }
        if matches!(effect, Effect::WebDenyAddress { .. }) && !config.contains("real_ip_header") {
            verdict.remarks.push("behind another proxy every address is the proxy's: see that nginx knows the client's (real_ip_header)".to_owned());
        }
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        if let Some(keys) = self.key(effect)? {
            return keys.undo(&self.machine);
        }
        self.bring(effect, before)
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        let mut found = Vec::new();
        if !self.folder.is_empty() {
            for file in FILES {
                found.extend(self.text(file)?.lines().filter_map(Ours::line));
            }
        }
        if let Some(keys) = &self.keys {
            found.extend(keys.old(&self.machine)?.map(Ours::bare));
        }
        Ok(found)
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        match (effect, &self.keys) {
            (Effect::WebRotateKey { .. }, Some(keys)) => Ok(keys.old(&self.machine)?.into_iter().collect()),
            (Effect::WebRotateKey { .. }, None) => Ok(Vec::new()),
            _ => Ok(std::iter::once(self.line(effect)?.1).chain(self.older_line(effect)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{in_pattern, is_spelt, spellings};

    #[test]
    fn a_letter_is_looked_for_in_every_way_in_which_it_is_written() {
        assert_eq!(spellings("a.").as_deref(), Some("(?:\\x5c?a|%(?i:61)|\\x5c141)(?:\\x5c?\\.|%(?i:2e)|\\x5c056)"));
        assert!(is_spelt(&"a".repeat(64)) && !is_spelt(&"a".repeat(400)) && spellings("a b").is_none());
    }

    #[test]
    fn a_session_stays_itself_in_a_pattern_and_ends_no_line() {
        assert_eq!(in_pattern("a.b+c"), Some("a\\.b\\+c".to_owned()));
        for text in ["a\"b", "a\nb", "a;b", "a{b}", "a\\b", "a b", "#", "é"] {
            assert_eq!(in_pattern(text), None, "{text}");
        }
    }
}
