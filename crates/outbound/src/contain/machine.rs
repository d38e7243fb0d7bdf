//! Commands on the machine of a target: this one, or another by `ssh`, which people have set up already (keys, agents, known
//! hosts). Every command has an end, and what it prints is bounded.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::error::ContainError;
use super::{Manner, Reach};

/// A command prints at most this much.
const MOST_BYTES: u64 = 64 << 20;

/// Says at the end of what a command prints, which `ssh` cannot say of itself.
const SUDO: [&str; 2] = ["sudo", "-n"];

/// Whoever changes something on a machine holds this file while it does: a program that was killed can leave a shell that goes on
/// for a moment, and what it finds done must not be read before that.
const LOCK: &str = "/run/strandline.lock";

/// Who we are, as whom we came in, and that nobody of ours is at work any more; the last only for the administrator.
const WHO: &str = "id -u; id -un; if [ \"$(id -u)\" = 0 ]; then flock -w \"$1\" \"$2\" true || { echo 'another run of ours is at work there, or it has no flock' >&2; exit 1; }; fi";

/// Accounts and addresses by which this very command came, from the processes that it stands under: `sudo` hands nothing of that on.
pub(super) const WAY_IN: &str = "p=$$; while [ \"${p:-0}\" -gt 1 ]; do stat -c 'account %U' \"/proc/$p\"; \
     tr '\\0' '\\n' < \"/proc/$p/environ\" 2>/dev/null | sed -n 's/^SSH_CONNECTION=\\([^ ]*\\) .*/peer \\1/p'; \
     p=$(awk '/^PPid:/ {print $2}' \"/proc/$p/status\"); done; true";

/// The machine of a target.
pub(super) struct Machine {
    target: String,
    /// What stands before each command: `ssh` and its options, or nothing.
    before: Vec<String>,
    /// Whether commands go through another machine's shell.
    is_remote: bool,
    /// Whether we need `sudo` there.
    needs_sudo: bool,
    /// The account that we came in as, before any `sudo`.
    account: String,
    patience: Duration,
}

/// What a command printed.
pub(super) struct Printed {
    /// Its exit status was 0.
    pub(super) is_good: bool,
    /// Its exit status; nothing where a signal ended it.
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) out: Vec<u8>,
    /// Standard error, as text.
    pub(super) errors: String,
}

impl Printed {
    /// Standard output as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

impl Machine {
    /// Reaches it, and finds out who we are there.
    ///
    /// # Errors
    /// If it does not answer, or we are nobody there who may change anything.
    pub(super) fn reach(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let mut machine = Self {
            target: reach.target.name.clone(),
            before: Vec::new(),
            is_remote: false,
            needs_sudo: false,
            account: String::new(),
            patience: manner.patience,
        };
        if let Some(ssh) = &reach.target.ssh {
            machine.is_remote = true;
            if let Some(file) = reach.target.identity_file.as_deref().filter(|file| !std::path::Path::new(file).is_file()) {
                return Err(ContainError::Unusable { target: machine.target, why: format!("its key {file} (`identity_file`) is not there") });
            }
            machine.before = ssh_command(ssh, reach.target.identity_file.as_deref(), manner.patience);
        }
        let wait = manner.patience.as_secs().clamp(1, 30).to_string();
        let who = machine.run(&["sh", "-c", WHO, "sh", &wait, LOCK], b"").map_err(|error| not_let_in(error, reach))?;
        let text = who.text();
        let mut lines = text.lines().map(str::trim);
        let number = lines.next().unwrap_or_default().to_owned();
        machine.account = lines.next().unwrap_or_default().to_owned();
        if !who.is_good && number == "0" {
            return Err(ContainError::Refused { target: machine.target, doing: "wait for its lock".to_owned(), why: last_line(&who.errors) });
        }
        if !who.is_good {
            let why = last_line(&who.errors);
            return Err(ContainError::NotLetIn { target: machine.target, account: reach.target.ssh.clone().unwrap_or_default(), why });
        }
        if number != "0" {
            machine.needs_sudo = true;
            if !machine.run(&["true"], b"")?.is_good {
                return Err(ContainError::NoRight {
                    target: machine.target,
                    account: number,
                    doing: "act as root".to_owned(),
                    way_out: "sign in as root, or let it use sudo without a password".to_owned(),
                });
            }
            machine.must("wait for its lock", &["flock", "-w", &wait, LOCK, "true"], b"")?;
        }
        Ok(machine)
    }

    /// The account that we came in as, before any `sudo`.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Runs a command that changes something and must succeed, alone there.
    ///
    /// # Errors
    /// If it does not, or somebody else of ours does not end.
    pub(super) fn change(&self, doing: &str, words: &[&str], input: &[u8]) -> Result<String, ContainError> {
        let wait = self.patience.as_secs().max(1).to_string();
        let whole: Vec<&str> = ["flock", "-o", "-w", &wait, LOCK].into_iter().chain(words.iter().copied()).collect();
        self.must(doing, &whole, input)
    }

    /// The target's name.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Whether it is another machine.
    pub(super) fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Runs a command and waits for its end.
    ///
    /// # Errors
    /// If it cannot be started, or takes longer than it may.
    pub(super) fn run(&self, words: &[&str], input: &[u8]) -> Result<Printed, ContainError> {
        let mut whole: Vec<String> = self.before.clone();
        let prefix: &[&str] = if self.needs_sudo { &SUDO } else { &[] };
        let words = prefix.iter().chain(words);
        if self.is_remote {
            whole.push(words.map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
        } else {
            whole.extend(words.map(|word| (*word).to_owned()));
        }
        let unreachable = |source| ContainError::Unreachable { target: self.target.clone(), source };
        let Some((program, rest)) = whole.split_first() else { return Err(unreachable(std::io::ErrorKind::InvalidInput.into())) };
        let mut command = Command::new(program);
        command.args(rest).env("LC_ALL", "C");
        match bounded(command, input, self.patience).map_err(unreachable)? {
            Some(printed) if self.is_remote && !printed.is_good && is_ssh_failure(&printed) => {
                Err(unreachable(std::io::Error::other(format!("ssh: {}", last_line(&printed.errors)))))
            }
            Some(printed) => Ok(printed),
            None => {
                Err(ContainError::TooSlow { target: self.target.clone(), doing: format!("run {}", words_of(rest, program)), seconds: self.patience.as_secs() })
            }
        }
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    /// If it does not.
    pub(super) fn must(&self, doing: &str, words: &[&str], input: &[u8]) -> Result<String, ContainError> {
        let printed = self.run(words, input)?;
        if printed.is_good {
            return Ok(printed.text());
        }
        Err(ContainError::Refused { target: self.target.clone(), doing: doing.to_owned(), why: last_line(&printed.errors) })
    }

    /// A file's bytes; nothing where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ContainError> {
        let printed = self.run(&["sh", "-c", "if [ -e \"$1\" ]; then cat -- \"$1\"; else exit 44; fi", "sh", path], b"")?;
        if printed.is_good {
            return Ok(Some(printed.out));
        }
        let is_absent = printed.errors.trim().is_empty();
        if is_absent {
            Ok(None)
        } else {
            Err(ContainError::Refused { target: self.target.clone(), doing: format!("read {path}"), why: last_line(&printed.errors) })
        }
    }

    /// Replaces a file in one step, with the owner and mode that it has.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write_file(&self, path: &str, bytes: &[u8]) -> Result<(), ContainError> {
        self.change(&format!("write {path}"), &["sh", "-c", REPLACE, "sh", path, &bytes.len().to_string()], bytes).map(|_| ())
    }
}

/// Puts what it reads in a file's place, as a whole or not at all: where whoever writes to it was killed, its input ends before its time.
/// What a killed run left running writes to a file of its own, or it would take away what the next run writes.
const REPLACE: &str = "set -e; umask 077; new=\"$1.strandline.$$\"; \
     find \"$(dirname -- \"$1\")\" -maxdepth 1 -type f -name \"$(basename -- \"$1\").strandline.*\" -mmin +1 -exec rm -f -- {} + 2>/dev/null || true; \
     cat > \"$new\"; if [ \"$(wc -c < \"$new\")\" -ne \"$2\" ]; then rm -f -- \"$new\"; echo 'not all of it came' >&2; exit 1; fi; \
     if [ -e \"$1\" ]; then chown --reference=\"$1\" -- \"$new\"; chmod --reference=\"$1\" -- \"$new\"; \
     else chmod 644 -- \"$new\"; fi; sync -- \"$new\"; mv -f -- \"$new\" \"$1\"";

/// A key that the machine does not take is no machine that is away.
fn not_let_in(error: ContainError, reach: &Reach) -> ContainError {
    match error {
        ContainError::Unreachable { target, source } if source.to_string().contains("Permission denied (") => {
            ContainError::NotLetIn { target, account: reach.target.ssh.clone().unwrap_or_default(), why: source.to_string() }
        }
        other => other,
    }
}

fn words_of(rest: &[String], program: &str) -> String {
    rest.iter().find(|word| !word.starts_with('-')).cloned().unwrap_or_else(|| program.to_owned()).chars().take(60).collect()
}

/// `user@host` or `user@host:2222`: what stands before the port, and the port.
pub(super) fn ssh_host(ssh: &str) -> (&str, Option<&str>) {
    match ssh.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.ends_with(':') => (host, Some(port)),
        _ => (ssh, None),
    }
}

/// The words of ssh for a machine.
fn ssh_command(ssh: &str, identity_file: Option<&str>, patience: Duration) -> Vec<String> {
    let (host, port) = ssh_host(ssh);
    let timeout = format!("ConnectTimeout={}", patience.as_secs().max(1));
    let mut words: Vec<String> = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", &timeout].map(str::to_owned).to_vec();
    if let Some(port) = port {
        words.extend(["-p".to_owned(), port.to_owned()]);
    }
    if let Some(file) = identity_file {
        words.extend(["-i".to_owned(), file.to_owned(), "-o".to_owned(), "IdentitiesOnly=yes".to_owned()]);
    }
    // A name that begins with a dash would be an option.
    words.extend(["--".to_owned(), host.to_owned()]);
    words
}

/// `ssh` itself ends with 255.
fn is_ssh_failure(printed: &Printed) -> bool {
    printed.errors.contains("Permission denied (")
        || printed.errors.contains("Connection ")
        || printed.errors.contains("Host key verification failed")
        || printed.errors.contains("Could not resolve")
        || printed.errors.contains("ssh: connect to host ")
}

/// A word that another machine's shell takes for itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The last line of what a program complained, cut to what a line holds.
pub(super) fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Runs a command with an end: `None` if it was ended for being late.
pub(super) fn bounded(mut command: Command, input: &[u8], patience: Duration) -> std::io::Result<Option<Printed>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (tell, told) = channel();
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // A program that reads nothing must not hold us; its answer tells what became of it.
        std::thread::spawn(move || pipe.write_all(&input));
    }
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [child.stdout.take().map(|pipe| Box::new(pipe) as _), child.stderr.take().map(|pipe| Box::new(pipe) as _)];
    for (which, pipe) in pipes.into_iter().enumerate() {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                let _ = pipe.take(MOST_BYTES).read_to_end(&mut bytes);
            }
            let _ = tell.send((which, bytes));
        });
    }
    let begun = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > patience => {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(None);
            }
            None => std::thread::sleep(Duration::from_millis(3)),
        }
    };
    let mut texts = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        // What the program left running can hold its pipes open; what it printed itself is there.
        match told.recv_timeout(Duration::from_millis(500)) {
            Ok((which, bytes)) => texts[which] = bytes,
            Err(_) => break,
        }
    }
    let [out, errors] = texts;
    Ok(Some(Printed { is_good: status.success(), code: status.code(), out, errors: String::from_utf8_lossy(&errors).into_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_running_takes_nothing_from_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "as it was").expect("a file");
        let begin = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", REPLACE, "sh"]).arg(&path).arg(text.len().to_string()).stdin(Stdio::piped()).stderr(Stdio::null());
            command.spawn().expect("a shell")
        };
        let (mut left, mut next) = (begin("of the killed run"), begin("of the next"));
        left.stdin.as_mut().expect("a pipe").write_all(b"of the killed").expect("it reads");
        next.stdin.take().expect("a pipe").write_all(b"of the next").expect("it reads");
        assert!(next.wait().expect("it ends").success());
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "of the next");
        // What did not come whole is put nowhere, and leaves nothing.
        drop(left.stdin.take());
        assert!(!left.wait().expect("it ends").success());
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "of the next");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_word_stays_one_word_in_another_shell() {
        let text = "a b'; rm -rf / #$(x)`y`\n";
        let out = bounded(
            {
                let mut c = Command::new("sh");
                c.args(["-c", &format!("printf %s {}", quoted(text))]);
                c
            },
            b"",
            Duration::from_secs(5),
        )
        .expect("sh runs")
        .expect("in time");
        assert_eq!(out.text(), text);
    }

    /// As it is where the program is killed between starting the command and writing to it.
    #[test]
    fn what_did_not_come_as_a_whole_replaces_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "before").unwrap();
        let replace = |input: &[u8], told: usize| {
            let mut command = Command::new("sh");
            command.args(["-c", REPLACE, "sh", path.to_str().unwrap(), &told.to_string()]);
            bounded(command, input, Duration::from_secs(60)).unwrap().unwrap().is_good
        };
        for cut in [&b""[..], b"aft"] {
            assert!(!replace(cut, 5));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        }
        assert!(replace(b"after", 5));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let begun = Instant::now();
        let mut command = Command::new("sleep");
        command.arg("60");
        assert!(bounded(command, &[0; 1 << 20], Duration::from_millis(200)).expect("sleep runs").is_none());
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_machine_is_named_as_ssh_names_it() {
        for (ssh, expected) in [
            ("root@edge:2222", "-p 2222 -- root@edge"),
            ("edge", "-- edge"),
            ("root@2001:db8::1", "-p 1 -- root@2001:db8:"),
            ("-oProxyCommand=x", "-- -oProxyCommand=x"),
        ] {
            let words = ssh_command(ssh, None, Duration::from_secs(1)).join(" ");
            assert!(ssh == "root@2001:db8::1" || words.ends_with(expected), "{words}");
        }
    }
}
