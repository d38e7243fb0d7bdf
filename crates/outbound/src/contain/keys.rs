//! The key that an application signs its sessions or tokens with, in a file of its own: another one, and the application told to
//! take it. The old one stays beside it, with its owner and mode, so that it can be put back; neither ever gets into the case.

use sha2::{Digest, Sha256};
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::http::{Asked, ask};
use super::machine::Machine;
use super::state::{Held, TargetState};
use super::{Capture, Manner, Reach, Verdict};

const KEY: &str = "key";

/// What a key of ours reads as: its value is nobody's to know.
const OURS: &str = "another key, made for this case";

/// A key that is shorter can be guessed, or is none.
const SHORTEST_KEY: usize = 16;

const LONGEST_KEY: usize = 4096;

/// A file with a key, and how the application is told.
pub(super) struct Keys {
    file: String,
    reload: Vec<String>,
    probe: Option<String>,
    authorities: Option<String>,
    manner: Manner,
    target: String,
}

impl Keys {
    /// Of a target; nothing where the estate names no file of a key there.
    pub(super) fn of(reach: &Reach, manner: &Manner) -> Option<Self> {
        let target = &reach.target;
        let file = target.key_file.clone()?;
        Some(Self {
            file,
            reload: target.reload.clone(),
            probe: target.probe.clone(),
            authorities: reach.authorities.clone(),
            manner: manner.clone(),
            target: target.name.clone(),
        })
    }

    fn aside(&self) -> String {
        format!("{}.strandline-old", self.file)
    }

    /// The old key beside the new one, where it is there.
    pub(super) fn old(&self, machine: &Machine) -> Result<Option<String>, ContainError> {
        Ok(machine.read_file(&self.aside())?.map(|_| self.aside()))
    }

    /// Says of which key the application was told.
    fn loaded(&self) -> String {
        format!("{}.strandline-loaded", self.file)
    }

    fn text(&self, machine: &Machine) -> Result<String, ContainError> {
        let bytes =
            machine.read_file(&self.file)?.ok_or_else(|| ContainError::Absent { target: self.target.clone(), what: format!("key in {}", self.file) })?;
        String::from_utf8(bytes).map_err(|_| ContainError::NoEffect { target: self.target.clone(), why: "its key file is no text".to_owned() })
    }

    pub(super) fn read(&self, machine: &Machine) -> Result<TargetState, ContainError> {
        let now = digest(&self.text(machine)?);
        let aside = machine.read_file(&self.aside())?.map(|bytes| digest(&String::from_utf8_lossy(&bytes)));
        let loaded = machine.read_file(&self.loaded())?.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        let held = match (aside, loaded) {
            (None, _) => Held::secret(now),
            (Some(_), Some(loaded)) if loaded == now => Held::text(OURS),
            (Some(old), loaded) if old == now || loaded.is_none() => Held::Half("a key is written, and the application was not told".to_owned()),
            // Somebody else's.
            (Some(_), _) => Held::secret(now),
        };
        Ok(TargetState::default().with(KEY, held))
    }

    pub(super) fn meant(&self, machine: &Machine, before: &TargetState) -> Result<TargetState, ContainError> {
        let no = |why: &str| ContainError::NoEffect { target: self.target.clone(), why: why.to_owned() };
        if matches!(before.held(KEY), Held::Half(_) | Held::Text(_)) {
            return Err(no("its key was changed already, by another plan"));
        }
        fresh(&self.text(machine)?, &[0; 32])
            .ok_or_else(|| no("its key file holds something else than one key, of 16 characters and more: name a file that holds it alone"))?;
        Ok(TargetState::default().with(KEY, Held::text(OURS)))
    }

    pub(super) fn capture(&self) -> Capture {
        Capture { pieces: Vec::new(), lost: vec!["which sessions the old key had signed: the application's and the web server's logs alone tell".to_owned()] }
    }

    pub(super) fn apply(&self, machine: &Machine) -> Result<(), ContainError> {
        let now = self.text(machine)?;
        if machine.read_file(&self.aside())?.is_none() {
            copy(machine, "keep the old key", &self.file, &self.aside())?;
        }
        let old = machine.read_file(&self.aside())?.unwrap_or_default();
        if old == now.as_bytes() {
            let mut random = [0; 32];
            ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
                .map_err(|_| self.refused("make a key", "there is no randomness here"))?;
            let key = fresh(&now, &random).ok_or_else(|| self.refused("make a key", "its key file holds something else than one key"))?;
            machine.write_file(&self.file, key.as_bytes())?;
        }
        self.tell(machine)?;
        machine.write_file(&self.loaded(), digest(&self.text(machine)?).as_bytes())
    }

    pub(super) fn undo(&self, machine: &Machine) -> Result<(), ContainError> {
        if machine.read_file(&self.aside())?.is_none() {
            return Ok(());
        }
        copy(machine, "put the old key back", &self.aside(), &self.file)?;
        self.tell(machine)?;
        machine.change("tidy up", &["rm", "-f", "--", &self.loaded(), &self.aside()], b"").map(|_| ())
    }

    fn tell(&self, machine: &Machine) -> Result<(), ContainError> {
        let words: Vec<&str> = self.reload.iter().map(String::as_str).collect();
        if words.is_empty() { Ok(()) } else { machine.must("tell the application of its key", &words, b"").map(|_| ()) }
    }

    fn refused(&self, doing: &str, why: &str) -> ContainError {
        ContainError::Refused { target: self.target.clone(), doing: doing.to_owned(), why: why.to_owned() }
    }

    pub(super) fn verify(&self, machine: &Machine, effect: &Effect) -> Result<Verdict, ContainError> {
        let mut verdict = Verdict::default();
        let is_ours = *self.read(machine)?.held(KEY) == Held::text(OURS);
        verdict.note(is_ours, "the application was told of another key", "its key is not the one that was made for this case");
        let name = if let Effect::WebRotateKey { key } = effect { key.as_str() } else { "" };
        match (self.manner.key(&self.target, name), &self.probe) {
            (None, _) => verdict
                .untested
                .push(format!("no session of before was given (--key {}/{name}=FILE, as NAME=VALUE of its cookie), so nobody could try", self.target)),
            (_, None) => verdict.untested.push("the estate names no `probe` at this target, so nobody could try".to_owned()),
            (Some(cookie), Some(probe)) => self.try_cookie(cookie.expose_secret(), probe, &mut verdict),
        }
        verdict.remarks.push("tokens that were given out for other services, and keys kept for a while beside the new one, live on".to_owned());
        Ok(verdict)
    }

    /// A session of before must get what nobody gets: what is answered to both alike tells nothing.
    fn try_cookie(&self, cookie: &str, probe: &str, verdict: &mut Verdict) {
        let of = |cookie: Option<String>| {
            ask(&Asked { url: probe.to_owned(), cookie, authorities: self.authorities.clone(), ..Asked::default() }, self.manner.patience)
        };
        match (of(Some(cookie.to_owned())), of(None)) {
            (Ok(401 | 403 | 300..=303 | 305..=399), _) => verdict.held.push("a session of before was tried by HTTP and is not known".to_owned()),
            (Ok(status), Ok(nobody)) if status == nobody => {
                verdict.untested.push(format!("the probe answers a session of before and nobody alike ({status}): name an address that needs a session"));
            }
            (Ok(status), _) => verdict.doors.push(format!("a session of before was tried by HTTP and answered with {status}: was the application told?")),
            (Err(error), _) => verdict.untested.push(format!("the probe does not answer: {error}")),
        }
    }
}

/// A copy with owner and mode, there as a whole or not at all.
fn copy(machine: &Machine, doing: &str, from: &str, to: &str) -> Result<(), ContainError> {
    const SCRIPT: &str = "new=\"$2.strandline.$$\"; cp -p -- \"$1\" \"$new\" && sync -- \"$new\" && mv -f -- \"$new\" \"$2\"";
    machine.change(doing, &["sh", "-c", SCRIPT, "sh", from, to], b"").map(|_| ())
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Another key of the same form; nothing where the text is more or less than one key.
fn fresh(text: &str, random: &[u8; 32]) -> Option<String> {
    let (key, end) = text.split_at(text.trim_end_matches(['\n', '\r']).len());
    let body = key.trim_end_matches('=');
    let is_key =
        (SHORTEST_KEY..=LONGEST_KEY).contains(&body.len()) && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_'));
    if !is_key {
        return None;
    }
    let is_hex = body.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let letters: &[u8] = if is_hex { b"0123456789abcdef" } else { b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" };
    // Of a form without `+` and `/` none may come in.
    let letters = if body.contains(['+', '/']) || is_hex { letters } else { &letters[..62] };
    let mut made = String::new();
    let mut block = Sha256::digest(random);
    while made.len() < body.len() {
        for byte in block {
            // Of 256 values as many as divide evenly: each letter is as likely.
            let most = 256 - 256 % letters.len();
            if usize::from(byte) < most && made.len() < body.len() {
                made.push(char::from(letters[usize::from(byte) % letters.len()]));
            }
        }
        block = Sha256::new().chain_update(random).chain_update(block).finalize();
    }
    let padding = &key[body.len()..];
    if !padding.is_empty() {
        // The bits that padding leaves over are zero.
        made.pop();
        made.push('A');
    }
    Some(format!("{made}{padding}{end}"))
}

#[cfg(test)]
mod tests {
    use super::fresh;

    fn check(text: &str, fits: impl Fn(&str) -> bool) {
        let (one, other) = (fresh(text, &[1; 32]).expect("a key"), fresh(text, &[2; 32]).expect("a key"));
        assert!(one != other && one != text && one.len() == text.len() && fits(&one), "{text:?} {one:?}");
    }

    #[test]
    fn another_key_has_the_form_of_the_one_that_was_there() {
        check("0123456789abcdef0123456789abcdef\n", |key| {
            key.ends_with('\n') && key.trim_end().bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        });
        check("AbCdEfGhIjKlMnOpQr0123456789", |key| key.bytes().all(|b| b.is_ascii_alphanumeric()));
        check("AAAAAAAAAAAAAAAAAAAAAAAAAAA+/w==\r\n", |key| key.ends_with("A==\r\n"));
        for text in ["", "short", "SECRET_KEY=0123456789abcdef0123", "0123456789abcdef\n0123456789abcdef\n", "has a blank in the middle"] {
            assert_eq!(fresh(text, &[1; 32]), None, "{text:?}");
        }
    }
}
