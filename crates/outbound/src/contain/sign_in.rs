//! The intruder's own way into a machine: a sign-in by ssh with the password or the key that somebody gave for the trial.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::machine::{bounded, last_line};
use crate::smtp::Secret;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// He is let in.
    LetIn,
    /// He is not, in the words of ssh.
    Refused(String),
    /// Nobody can tell.
    Untold(String),
}

/// Whether the machine is this one, whose key need not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Here,
    Elsewhere,
}

/// Prints what ssh asks for, out of its own surroundings alone.
const ASKED: &str = "#!/bin/sh\nprintf '%s\\n' \"$STRANDLINE_TRIAL\"\n";

/// Tries to sign in, with a private key where the secret is one. What is written for it is gone afterwards.
pub(super) fn try_ssh(account: &str, (host, port): (&str, u16), place: Where, secret: &Secret, patience: Duration) -> Tried {
    let Ok(folder) = tempfile::tempdir() else { return Tried::Untold("no file can be written for the trial".to_owned()) };
    let secret = secret.expose_secret();
    let is_key = secret.starts_with("-----BEGIN");
    let file = folder.path().join(if is_key { "key" } else { "ask" });
    let text = if is_key { format!("{secret}\n") } else { ASKED.to_owned() };
    if write(&file, if is_key { 0o600 } else { 0o700 }, &text).is_err() {
        return Tried::Untold("no file can be written for the trial".to_owned());
    }
    let mut command = Command::new("ssh");
    command.args(["-T", "-F", "none", "-o", "ClearAllForwardings=yes", "-o", "ControlPath=none", "-o", "NumberOfPasswordPrompts=1"]);
    command.args(["-o", &format!("ConnectTimeout={}", patience.as_secs().max(1)), "-p", &port.to_string(), "-l", account]);
    if place == Where::Here {
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    } else {
        command.args(["-o", "StrictHostKeyChecking=yes"]);
    }
    if is_key {
        command.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]).arg(&file);
    } else {
        command.args(["-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive"]);
        command.env("SSH_ASKPASS", &file).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", "none").env("STRANDLINE_TRIAL", secret);
    }
    command.env("LC_ALL", "C").args(["--", host, "true"]);
    match bounded(command, b"", patience) {
        Ok(Some(printed)) => outcome(printed.code, &printed.errors),
        Ok(None) => Tried::Untold(format!("the machine did not answer within {} s", patience.as_secs())),
        Err(error) => Tried::Untold(format!("ssh cannot be started: {error}")),
    }
}

/// What the end of ssh means. 255 is its own; any other status is the shell's, and whoever has a shell that refuses commands is let
/// in: he can forward ports.
fn outcome(code: Option<i32>, errors: &str) -> Tried {
    const OWN: i32 = 255;
    if code != Some(OWN) {
        return if code.is_some() { Tried::LetIn } else { Tried::Untold("ssh was ended".to_owned()) };
    }
    let said = last_line(errors);
    let has = |texts: &[&str]| texts.iter().any(|text| errors.contains(text));
    if has(&["Host key verification failed", "ssh: ", "timed out", "kex_exchange_identification"]) { Tried::Untold(said) } else { Tried::Refused(said) }
}

fn write(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_last_tells_who_is_let_in() {
        for (code, errors, expected) in [
            (Some(255), "eve@h: Permission denied (publickey,password).\n", Some(false)),
            (Some(255), "Your account has expired.\nConnection closed by 127.0.0.1 port 22\n", Some(false)),
            (Some(1), "This account is currently not available.\n", Some(true)),
            (Some(0), "", Some(true)),
            (None, "", None),
            (Some(255), "ssh: connect to host h port 22: Connection refused\n", None),
            (Some(255), "Host key verification failed.\n", None),
        ] {
            let found = match outcome(code, errors) {
                Tried::LetIn => Some(true),
                Tried::Refused(_) => Some(false),
                Tried::Untold(_) => None,
            };
            assert_eq!(found, expected, "{errors}");
        }
    }
}
