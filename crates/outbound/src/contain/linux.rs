//! Accounts of a Linux machine: locked and expired, keys moved, what would start again stopped, and everything that runs ended.
//!
//! A lock alone leaves keys, keys alone leave the password, and both leave a multiplexed connection that opens new channels
//! without asking. `docs/containment/linux.md` has what was measured.

use std::time::{Duration, Instant};

use strandline_model::containment::Effect;

use super::error::ContainError;
use super::machine::{Machine, WAY_IN, last_line, ssh_host};
use super::ours::Ours;
use super::sign_in::{Tried, Where, try_ssh};
use super::state::{Held, TargetState};
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};

/// Locked: the stored password begins so.
const LOCK: char = '!';

const PASSWORD: &str = "password is locked";
const EXPIRES: &str = "expires on day";

/// The day after the epoch: long ago, and not 0, which some read as never.
const LONG_AGO: &str = "1";

/// Processes that are named one by one, and deleted programs that are kept.
const MOST_NAMED: usize = 50;
const MOST_DELETED: usize = 4;

/// The end of what tells of sign-ins, wherever this machine keeps it.
const SIGN_INS: &str = "for f in /var/log/auth.log /var/log/secure; do [ -r $f ] && tail -c 4000000 $f && exit 0; done; \
     command -v journalctl >/dev/null && journalctl --no-pager -q -n 20000 _COMM=sshd + _COMM=sudo + _COMM=su + _COMM=login 2>/dev/null && exit 0; \
     echo 'neither a log of sign-ins nor a journal is here' >&2; exit 1";

/// What our own names of moved files end with.
const ASIDE: &str = ".strandline-aside";

/// A Linux machine.
pub(crate) struct Linux {
    machine: Machine,
    manner: Manner,
    /// The machine as ssh names it; nothing where it is this one.
    ssh: Option<String>,
}

impl Linux {
    /// Reaches the machine.
    ///
    /// # Errors
    /// If it does not answer, or we may change nothing there.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        Ok(Self { machine: Machine::reach(reach, manner)?, manner: manner.clone(), ssh: reach.target.ssh.clone() })
    }

    fn script(&self, doing: &str, script: &str, words: &[&str]) -> Result<String, ContainError> {
        let whole: Vec<&str> = ["sh", "-c", script, "sh"].into_iter().chain(words.iter().copied()).collect();
        self.machine.must(doing, &whole, b"")
    }

    /// The account's name, once it is one of this machine.
    fn account<'e>(&self, effect: &'e Effect) -> Result<&'e str, ContainError> {
        let (Effect::LinuxLock { account } | Effect::LinuxKeysMove { account } | Effect::LinuxJobsStop { account } | Effect::LinuxEndSessions { account }) =
            effect
        else {
            return Err(ContainError::NoConnector { target: self.machine.target().to_owned(), kind: "linux" });
        };
        let target = self.machine.target().to_owned();
        let is_name =
            !account.is_empty() && !account.starts_with('-') && account.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'));
        if !is_name {
            return Err(ContainError::Unusable { target, why: "it is no name of a Linux account".to_owned() });
        }
        match self.number(account)?.as_str() {
            "" => Err(ContainError::Absent { target, what: format!("account {account} in /etc/passwd: one of a directory is cut at the directory") }),
            _ => Ok(account),
        }
    }

    /// The account's number in the machine's own file: an account of a directory is cut there.
    fn number(&self, account: &str) -> Result<String, ContainError> {
        let line = self.script("look for the account", "awk -F: -v u=\"$1\" '$1 == u {print $3}' /etc/passwd; true", &[account])?;
        Ok(line.trim().to_owned())
    }

    /// Other names of the same account: what is done to its processes is done to all of them.
    fn twins(&self, account: &str) -> Result<Vec<String>, ContainError> {
        const NAMES: &str =
            "awk -F: -v u=\"$1\" 'NR == FNR {if ($1 == u) uid = $3; next} uid != \"\" && $3 == uid && $1 != u {print $1}' /etc/passwd /etc/passwd";
        Ok(self.script("look for its twins", NAMES, &[account])?.lines().map(str::to_owned).collect())
    }

    fn shadow(&self, account: &str) -> Result<(String, String), ContainError> {
        let line = self.script("read the account", "awk -F: -v u=\"$1\" '$1 == u {print $2 \":\" $8}' /etc/shadow", &[account])?;
        let (password, expires) = line
            .trim_end_matches('\n')
            .split_once(':')
            .ok_or_else(|| ContainError::Absent { target: self.machine.target().to_owned(), what: format!("line of {account} in /etc/shadow") })?;
        Ok((password.to_owned(), expires.to_owned()))
    }

    fn read_lock(&self, account: &str) -> Result<TargetState, ContainError> {
        let (password, expires) = self.shadow(account)?;
        let expires = if expires.is_empty() { Held::Absent } else { Held::text(expires) };
        Ok(TargetState::default().with(PASSWORD, Held::flag(password.starts_with(LOCK))).with(EXPIRES, expires))
    }

    fn bring_lock(&self, account: &str, aim: &TargetState) -> Result<(), ContainError> {
        let now = self.read_lock(account)?;
        if now.is_yes(PASSWORD) != aim.is_yes(PASSWORD) {
            let flag = if aim.is_yes(PASSWORD) { "-L" } else { "-U" };
            self.machine.change("lock or unlock the account", &["usermod", flag, "--", account], b"")?;
        }
        if now.held(EXPIRES) != aim.held(EXPIRES) {
            let day = aim.held(EXPIRES).expose().unwrap_or("-1").to_owned();
            self.machine.change("set when the account expires", &["chage", "-E", &day, "--", account], b"")?;
        }
        Ok(())
    }

    /// Files that `sshd` takes keys from for this account.
    fn key_files(&self, account: &str) -> Result<Vec<String>, ContainError> {
        const SCRIPT: &str = "home=$(getent passwd \"$1\" | cut -d: -f6); uid=$(id -u \"$1\"); sshd=$(command -v sshd || echo /usr/sbin/sshd); \
             config=$(ps -eo args= | sed -n 's/^sshd: .*listener.*//p; s/^[^ ]*sshd .*-f \\([^ ]*\\).*/\\1/p' | head -n 1); \
             list=$(\"$sshd\" -T ${config:+-f \"$config\"} -C user=\"$1\",host=x,addr=127.0.0.1 2>/dev/null | sed -n 's/^authorizedkeysfile //p'); \
             for f in ${list:-.ssh/authorized_keys .ssh/authorized_keys2}; do [ \"$f\" = none ] && continue; \
             f=$(printf %s \"$f\" | sed \"s|%h|$home|g; s|%u|$1|g; s|%U|$uid|g; s|%%|%|g\"); case $f in /*) echo \"$f\";; *) echo \"$home/$f\";; esac; done";
        let list = self.script("find the files of its keys", SCRIPT, &[account])?;
        Ok(list.lines().map(str::to_owned).filter(|path| path.starts_with('/')).collect())
    }

    /// All names of the account: cron and lingering go by the name, and what runs by one has the rights of all.
    fn names(&self, account: &str) -> Result<Vec<String>, ContainError> {
        Ok(std::iter::once(account.to_owned()).chain(self.twins(account)?).collect())
    }

    /// What would start again for the account, by whichever of its names, as paths that can be moved.
    fn job_files(&self, account: &str) -> Result<Vec<String>, ContainError> {
        const SCRIPT: &str = "uid=$(id -u \"$1\"); for name in \"$@\"; do echo \"/var/spool/cron/crontabs/$name\"; echo \"/var/lib/systemd/linger/$name\"; done; \
             find /var/spool/cron/atjobs -maxdepth 1 -type f -uid \"$uid\" 2>/dev/null | sort; ls -d /var/spool/cron/strandline.at.\"$1\".* 2>/dev/null | sed \"s|strandline.at.$1.|atjobs/|\"; true";
        let names = self.names(account)?;
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut list: Vec<String> = self.script("find what would start again", SCRIPT, &words)?.lines().map(str::to_owned).collect();
        list.sort();
        list.dedup();
        Ok(list)
    }

    /// Where a file goes: out of the folder that a daemon looks through.
    fn aside(path: &str, account: &str) -> String {
        // Of a twin's by the twin's own name: two of them go to two places.
        for (from, to) in
            [("/var/spool/cron/crontabs/", "/var/spool/cron/strandline.crontab."), ("/var/lib/systemd/linger/", "/var/lib/systemd/strandline.linger.")]
        {
            if let Some(name) = path.strip_prefix(from) {
                return format!("{to}{name}");
            }
        }
        match path.strip_prefix("/var/spool/cron/atjobs/") {
            Some(job) => format!("/var/spool/cron/strandline.at.{account}.{job}"),
            None => format!("{path}{ASIDE}"),
        }
    }

    fn read_files(&self, paths: &[String]) -> Result<TargetState, ContainError> {
        let mut state = TargetState::default();
        for path in paths {
            let sum = self.script("read a file", "if [ -f \"$1\" ]; then sha256sum < \"$1\" | cut -d' ' -f1; fi", &[path])?;
            let held = if sum.trim().is_empty() { Held::Absent } else { Held::text(sum.trim()) };
            state = state.with(path.clone(), held);
        }
        Ok(state)
    }

    fn bring_files(&self, account: &str, aim: &TargetState) -> Result<(), ContainError> {
        let now = self.read_files(&aim.0.keys().cloned().collect::<Vec<_>>())?;
        for (path, aimed) in &aim.0 {
            let aside = Self::aside(path, account);
            let (from, to) = match (now.held(path).expose(), aimed.expose()) {
                (had, wanted) if had == wanted => continue,
                (Some(_), None) => (path.as_str(), aside.as_str()),
                (_, Some(_)) => (aside.as_str(), path.as_str()),
                (None, None) => continue,
            };
            self.machine.change("move a file", &["sh", "-c", "mv -f -- \"$1\" \"$2\" && sync", "sh", from, to], b"")?;
        }
        Ok(())
    }

    fn processes(&self, account: &str) -> Result<Vec<String>, ContainError> {
        const SCRIPT: &str =
            "uid=$(id -u \"$1\") || exit 1; ps -eo pid=,ruid=,euid=,stat=,args= | awk -v u=\"$uid\" '($2 == u || $3 == u) && $4 !~ /^Z/ {print}'";
        Ok(self.script("look for its processes", SCRIPT, &[account])?.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
    }

    /// Suspends all, then ends all, until there are none: one that forks while others are ended is stopped first.
    fn end(&self, account: &str) -> Result<(), ContainError> {
        let begun = Instant::now();
        loop {
            let left = self.processes(account)?.len();
            if left == 0 {
                return Ok(());
            }
            // Looked for once more after the last signal: a slow machine is not one that refuses.
            if begun.elapsed() > self.manner.patience {
                let why = format!("{left} processes are still there, or come again: are its jobs stopped?");
                return Err(ContainError::Refused { target: self.machine.target().to_owned(), doing: "end its processes".to_owned(), why });
            }
            for signal in ["-STOP", "-KILL"] {
                self.machine.run(&["pkill", signal, "-u", account], b"")?;
                self.machine.run(&["pkill", signal, "-U", account], b"")?;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn keep(&self, name: &str, words: &[&str], capture: &mut Capture) {
        match self.machine.run(words, b"") {
            Ok(printed) if printed.is_good => capture.pieces.push(Captured { name: name.to_owned(), bytes: printed.out }),
            Ok(printed) => capture.lost.push(format!("{name}: {}", last_line(&printed.errors))),
            Err(error) => capture.lost.push(format!("{name}: {error}")),
        }
    }

    /// Programs that run and stand in no folder any more: with their last process they are gone.
    fn keep_deleted(&self, account: &str, capture: &mut Capture) -> Result<(), ContainError> {
        const DELETED: &str = "uid=$(id -u \"$1\"); for p in $(ps -eo pid=,ruid=,euid= | awk -v u=\"$uid\" '$2 == u || $3 == u {print $1}'); do \
             case $(readlink /proc/$p/exe) in *' (deleted)') echo $p;; esac; done 2>/dev/null; true";
        let deleted = self.script("look for programs that were deleted", DELETED, &[account])?;
        for (number, pid) in deleted.lines().enumerate() {
            if number >= MOST_DELETED {
                capture.lost.push(format!("the program of process {pid}, which stands in no folder any more"));
                continue;
            }
            self.keep(&format!("program-{pid}.bin"), &["head", "-c", "33554432", &format!("/proc/{pid}/exe")], capture);
        }
        Ok(())
    }

    /// Units of systemd that run as the account, and what runs under the ids that it may give to containers.
    fn try_units(&self, account: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        const UNITS: &str = "uid=$(id -u \"$1\"); grep -lsE \"^[[:space:]]*User[[:space:]]*=[[:space:]]*($1|$uid)[[:space:]]*$\" /etc/systemd/system/*.service /etc/systemd/system/*/*.conf \
             /run/systemd/system/*.service /run/systemd/transient/*.service /usr/local/lib/systemd/system/*.service /usr/lib/systemd/system/*.service /lib/systemd/system/*.service 2>/dev/null | sort -u; true";
        for unit in self.script("look through systemd's units", UNITS, &[account])?.lines() {
            verdict.doors.push(format!("{unit} runs as {account}: stop and mask it"));
        }
        Ok(())
    }

    /// Processes of containers without root: they have ids of their own, of a range that is the account's.
    fn try_ranges(&self, account: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        const RANGES: &str = "awk -F: -v u=\"$1\" '$1 == u {print $2, $3}' /etc/subuid 2>/dev/null | while read -r from count; do \
             ps -eo pid=,ruid= | awk -v f=\"$from\" -v c=\"$count\" '$2 >= f && $2 < f + c {print $1}'; done; true";
        let count = self.script("look through /etc/subuid", RANGES, &[account])?.lines().count();
        if count > 0 {
            verdict.doors.push(format!("{count} processes run under ids that {account} may give to containers (/etc/subuid)"));
        }
        Ok(())
    }

    fn nobody_is_in(&self, account: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        let first = self.processes(account)?;
        std::thread::sleep(Duration::from_millis(500));
        let again = self.processes(account)?;
        if first.is_empty() && again.is_empty() {
            verdict.held.push(format!("{account} has no process, looked at twice"));
            return Ok(());
        }
        let most = if again.len() > first.len() { &again } else { &first };
        let is_ssh = most.iter().any(|line| line.contains("sshd"));
        let hint = if is_ssh { "; a connection of ssh among them opens new channels without asking" } else { "" };
        verdict.doors.push(format!("{account} has {} processes{hint}", most.len()));
        Ok(())
    }

    /// The intruder's own way, where somebody gave the account's password or private key for it; whether one was given.
    fn try_sign_in(&self, account: &str, verdict: &mut Verdict) -> Result<bool, ContainError> {
        const PORT: u16 = 22;
        let Some(secret) = self.manner.key(self.machine.target(), account) else { return Ok(false) };
        let (host, port, place) = match &self.ssh {
            Some(ssh) => {
                let (host, port) = ssh_host(ssh);
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                (host.to_owned(), port.and_then(|port| port.parse().ok()).unwrap_or(PORT), Where::Elsewhere)
            }
            None => {
                let list = self.script("look for sshd", "ss -Hltnp 2>/dev/null | grep '\"sshd\"' | awk '{print $4}' | head -n 1; true", &[])?;
                let Some((host, port)) = list.trim().rsplit_once(':') else {
                    verdict.held.push("no sshd listens here, by which a sign-in could be tried".to_owned());
                    return Ok(true);
                };
                let bare = host.trim_matches(['[', ']']);
                let host = if matches!(bare, "0.0.0.0" | "*" | "::") { "127.0.0.1" } else { bare };
                (host.to_owned(), port.parse().unwrap_or(PORT), Where::Here)
            }
        };
        match try_ssh(account, (&host, port), place, secret, self.manner.patience) {
            Tried::LetIn => verdict.doors.push(format!("{account} signs in by ssh with what was given")),
            Tried::Refused(said) => verdict.held.push(format!("{account} was tried by ssh with what was given and refused ({said})")),
            Tried::Untold(why) => verdict.untested.push(format!("the trial by ssh says nothing: {why}")),
        }
        Ok(true)
    }

    /// Other names of the same account, and what `sshd` asks beside files.
    fn other_ways(&self, account: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        for twin in self.twins(account)? {
            verdict.doors.push(format!("account {twin} is the same one to the system (same uid)"));
        }
        Ok(())
    }

    fn try_keys(&self, account: &str, verdict: &mut Verdict) -> Result<(), ContainError> {
        const SETTINGS: &str = "sshd=$(command -v sshd || echo /usr/sbin/sshd); config=$(ps -eo args= | sed -n 's/^[^ ]*sshd .*-f \\([^ ]*\\).*/\\1/p' | head -n 1); \"$sshd\" -T ${config:+-f \"$config\"} -C user=\"$1\",host=x,addr=127.0.0.1";
        for path in self.key_files(account)? {
            let is_there = self.machine.read_file(&path)?.is_some();
            verdict.note(!is_there, format!("{path} is not there"), format!("{path} is there: its keys open sessions"));
        }
        let printed = self.machine.run(&["sh", "-c", SETTINGS, "sh", account], b"")?;
        if !printed.is_good {
            verdict.untested.push(format!("what sshd takes keys from beside files cannot be read: {}", last_line(&printed.errors)));
            return Ok(());
        }
        let text = printed.text();
        for (name, what) in [("authorizedkeyscommand", "a command gives keys"), ("trustedusercakeys", "certificates of an authority open sessions")] {
            let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap_or("none");
            verdict.note(value == "none", format!("{name} is not set"), format!("{what} ({name} {value})"));
        }
        for (name, what) in [("hostbasedauthentication", "other machines' word opens sessions"), ("gssapiauthentication", "tickets open sessions")] {
            if text.lines().any(|line| line == format!("{name} yes")) {
                verdict.doors.push(format!("{what} ({name})"));
            }
        }
        if text.lines().any(|line| line == "passwordauthentication yes") && !self.read_lock(account)?.is_yes(PASSWORD) {
            verdict.doors.push("its password opens sessions still: lock the account, too".to_owned());
        }
        Ok(())
    }
}

impl Connector for Linux {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let account = self.account(effect)?;
        let target = self.machine.target().to_owned();
        let never = |why: &str| Err(ContainError::NeverTouched { target: target.clone(), what: account.to_owned(), why: why.to_owned() });
        self.manner.never.account(&target, account)?;
        let way_in = self.script("see how we came in", WAY_IN, &[])?;
        let own: Vec<&str> = way_in.lines().filter_map(|line| line.strip_prefix("account ")).chain([self.machine.account()]).collect();
        for twin in self.twins(account)? {
            self.manner.never.account(&target, &twin)?;
            if own.contains(&twin.as_str()) {
                return never("it is the account that we use ourselves, by another name");
            }
        }
        match self.number(account)?.as_str() {
            "0" => never("it is the administrator: the way back would be gone"),
            _ if own.contains(&account) => never("it is the account that we use ourselves"),
            _ => Ok(()),
        }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let account = self.account(effect)?;
        match effect {
            Effect::LinuxLock { .. } => self.read_lock(account),
            Effect::LinuxKeysMove { .. } => self.read_files(&self.key_files(account)?),
            Effect::LinuxJobsStop { .. } => self.read_files(&self.job_files(account)?),
            _ => Ok(TargetState::default()),
        }
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let account = self.account(effect)?;
        match effect {
            Effect::LinuxLock { .. } => {
                if self.shadow(account)?.0.is_empty() {
                    let why = "it has no password at all, and a lock could not be taken back exactly: set one first".to_owned();
                    return Err(ContainError::NoEffect { target: self.machine.target().to_owned(), why });
                }
                Ok(TargetState::default().with(PASSWORD, Held::flag(true)).with(EXPIRES, Held::text(LONG_AGO)))
            }
            Effect::LinuxKeysMove { .. } | Effect::LinuxJobsStop { .. } => {
                for path in before.0.keys() {
                    if self.machine.read_file(&Self::aside(path, account))?.is_some() {
                        let why = format!("{} is there from an earlier cut: take that back first", Self::aside(path, account));
                        return Err(ContainError::NoEffect { target: self.machine.target().to_owned(), why });
                    }
                }
                Ok(before.0.keys().fold(TargetState::default(), |state, path| state.with(path.clone(), Held::Absent)))
            }
            _ => Ok(TargetState::default()),
        }
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        // Where root may not look into others' processes, their own user may.
        const PROCESSES: &str = "uid=$(id -u \"$1\"); look() { cat \"$1\" 2>/dev/null || setpriv --reuid=\"$uid\" --clear-groups -- cat \"$1\" 2>/dev/null || echo 'CANNOT BE READ'; }; \
             for p in $(ps -eo pid=,ruid=,euid= | awk -v u=\"$uid\" '$2 == u || $3 == u {print $1}'); do echo \"== $p\"; readlink /proc/$p/exe; \
             look /proc/$p/cmdline | tr '\\0' ' '; echo; look /proc/$p/environ | tr '\\0' '\\n'; look /proc/$p/maps; ls -l /proc/$p/fd; done 2>/dev/null; true";
        let account = self.account(effect)?.to_owned();
        let mut capture = Capture::default();
        let pieces: [(&str, &[&str]); 9] = [
            ("processes.txt", &["sh", "-c", PROCESSES, "sh", &account]),
            ("ps.txt", &["ps", "-eo", "pid,ppid,ruser,euser,lstart,stat,args"]),
            ("sockets.txt", &["ss", "-tunpi"]),
            ("conntrack.txt", &["conntrack", "-L"]),
            ("nft_ruleset.json", &["nft", "-j", "list", "ruleset"]),
            ("sign_ins.log", &["sh", "-c", SIGN_INS]),
            ("last.txt", &["last", "-Fwx", &account]),
            ("who.txt", &["who", "-a"]),
            ("keys.txt", &["sh", "-c", "cat $(getent passwd \"$1\" | cut -d: -f6)/.ssh/* 2>/dev/null; true", "sh", &account]),
        ];
        for (name, words) in pieces {
            self.keep(name, words, &mut capture);
        }
        self.keep_deleted(&account, &mut capture)?;
        let unread = capture
            .pieces
            .iter()
            .filter(|piece| piece.name == "processes.txt")
            .map(|piece| String::from_utf8_lossy(&piece.bytes).matches("CANNOT BE READ").count())
            .sum::<usize>();
        if unread > 0 {
            capture.lost.push(format!("{unread} of the command lines, environments and maps of its processes may not be read here"));
        }
        if matches!(effect, Effect::LinuxEndSessions { .. }) {
            for line in self.processes(&account)?.iter().take(MOST_NAMED) {
                let mut words = line.split_whitespace();
                let (pid, program) = (words.next().unwrap_or_default(), words.nth(3).unwrap_or_default());
                capture.lost.push(format!("the memory of process {pid} ({program}) is gone with it: take it before, if it is wanted"));
            }
        }
        Ok(capture)
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        let account = self.account(effect)?;
        match effect {
            Effect::LinuxLock { .. } => self.bring_lock(account, meant),
            Effect::LinuxEndSessions { .. } => self.end(account),
            _ => self.bring_files(account, meant),
        }
    }

    fn verify(&mut self, effect: &Effect, _before: &TargetState, _meant: &TargetState) -> Result<Verdict, ContainError> {
        let account = self.account(effect)?.to_owned();
        let mut verdict = Verdict::default();
        match effect {
            Effect::LinuxLock { .. } => {
                let now = self.read_lock(&account)?;
                verdict.note(now.is_yes(PASSWORD), "its password is locked", "its password is not locked");
                let is_expired = *now.held(EXPIRES) == Held::text(LONG_AGO);
                verdict.note(is_expired, "it has expired, for keys, too", "it has not expired: its keys open sessions");
                self.nobody_is_in(&account, &mut verdict)?;
                self.other_ways(&account, &mut verdict)?;
                if !self.try_sign_in(&account, &mut verdict)? {
                    verdict.untested.push(format!("{account}'s own password or key was not given: to all others the machine answers as it always did"));
                }
            }
            Effect::LinuxKeysMove { .. } => {
                self.nobody_is_in(&account, &mut verdict)?;
                self.try_keys(&account, &mut verdict)?;
                self.try_sign_in(&account, &mut verdict)?;
                self.other_ways(&account, &mut verdict)?;
            }
            Effect::LinuxJobsStop { .. } => {
                for path in self.job_files(&account)? {
                    let is_there = self.machine.read_file(&path)?.is_some();
                    verdict.note(!is_there, format!("{path} is not there"), format!("{path} is there: it would start again"));
                }
                for name in self.names(&account)? {
                    let named = self.script("look through /etc/cron.d", "grep -lsw -- \"$1\" /etc/cron.d/* /etc/crontab; true", &[&name])?;
                    verdict.doors.extend(named.lines().map(|file| format!("{file} names {name}")));
                    self.try_units(&name, &mut verdict)?;
                }
            }
            _ => {
                self.nobody_is_in(&account, &mut verdict)?;
                self.try_ranges(&account, &mut verdict)?;
            }
        }
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        let account = self.account(effect)?;
        match effect {
            Effect::LinuxLock { .. } => self.bring_lock(account, before),
            Effect::LinuxEndSessions { .. } => Ok(()),
            _ => self.bring_files(account, before),
        }
    }

    fn ours(&mut self) -> Result<Vec<Ours>, ContainError> {
        const ASIDES: &str = "find /home /root /etc/ssh /var/lib /srv -xdev -maxdepth 5 -name '*.strandline-aside' 2>/dev/null; \
             ls -d /var/spool/cron/strandline.* /var/lib/systemd/strandline.linger.* 2>/dev/null; true";
        Ok(self.script("look for files that we moved", ASIDES, &[])?.lines().map(Ours::bare).collect())
    }

    fn leaves(&mut self, effect: &Effect) -> Result<Vec<String>, ContainError> {
        let account = self.account(effect)?;
        let paths = match effect {
            Effect::LinuxKeysMove { .. } => self.key_files(account)?,
            Effect::LinuxJobsStop { .. } => self.job_files(account)?,
            _ => Vec::new(),
        };
        Ok(paths.iter().map(|path| Self::aside(path, account)).collect())
    }
}
