//! Services and programs of the organisation, by one contract: signed JSON out, signed JSON in, one verb a call. What they do is
//! theirs; that they answer to what was asked, and nobody else, is checked here. `docs/containment/webhook-and-exec.md` has it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::hmac;
use serde::{Deserialize, Serialize};
use strandline_model::containment::Effect;

use super::error::ContainError;
use super::machine::{bounded, last_line};
use super::state::{Held, TargetState};
use super::{Capture, Captured, Connector, Manner, Reach, Verdict};
use crate::smtp::Secret;

/// The contract's version.
const VERSION: u32 = 1;

/// An answer is at most this long.
const LONGEST_BYTES: u64 = 16 << 20;

/// What goes out, before it is signed.
#[derive(Serialize)]
struct Question<'a> {
    version: u32,
    verb: &'a str,
    action: &'a str,
    subject: &'a str,
    case: &'a str,
    lease_seconds: Option<u64>,
    before: BTreeMap<&'a str, Option<&'a str>>,
    meant: BTreeMap<&'a str, Option<&'a str>>,
    nonce: String,
}

/// What comes back, once its signature is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    nonce: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    state: BTreeMap<String, Option<String>>,
    #[serde(default)]
    meant: BTreeMap<String, Option<String>>,
    #[serde(default)]
    held: Vec<String>,
    #[serde(default)]
    doors: Vec<String>,
    #[serde(default)]
    untested: Vec<String>,
    #[serde(default)]
    remarks: Vec<String>,
    #[serde(default)]
    lost: Vec<String>,
    #[serde(default)]
    evidence: BTreeMap<String, String>,
}

/// Body and signature, both ways.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    body: String,
    /// HMAC-SHA256 of the body's bytes, hexadecimal.
    signature: String,
}

/// A service or a program.
pub(crate) struct Contract {
    target: String,
    way: Way,
    key: hmac::Key,
    manner: Manner,
}

enum Way {
    Https { url: String, agent: Box<ureq::Agent> },
    Program(Vec<String>),
}

impl Contract {
    /// Takes the key that signs. Nothing is called yet.
    ///
    /// # Errors
    /// If there is no key, or the address is none that may be used.
    pub(crate) fn connect(reach: &Reach, manner: &Manner) -> Result<Self, ContainError> {
        let target = reach.target.name.clone();
        let unusable = |why: &str| ContainError::Unusable { target: target.clone(), why: why.to_owned() };
        let key = reach.secret.as_ref().map(Secret::expose_secret).filter(|key| key.len() >= 16);
        let key = key.ok_or_else(|| unusable("it needs a key that signs, of at least 16 characters (`password_file`)"))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let way = if reach.target.command.is_empty() {
            let url = reach.target.address.clone().unwrap_or_default();
            let is_protected = url.starts_with("https://") || (url.starts_with("http://") && super::tls::is_this_machine(&url));
            if !is_protected {
                return Err(unusable("its address must be https://, or http:// to this machine"));
            }
            Way::Https { url, agent: Box::new(agent(reach, manner)?) }
        } else {
            Way::Program(reach.target.command.clone())
        };
        Ok(Self { target, way, key, manner: manner.clone() })
    }

    fn asked<'e>(&self, effect: &'e Effect) -> Result<(&'e str, &'e str), ContainError> {
        match effect {
            Effect::Webhook { action, subject } | Effect::Exec { action, subject } => Ok((action, subject)),
            _ => Err(ContainError::NoConnector { target: self.target.clone(), kind: "webhook" }),
        }
    }

    fn call(&self, verb: &str, effect: &Effect, before: &TargetState, meant: &TargetState) -> Result<Answer, ContainError> {
        let (action, subject) = self.asked(effect)?;
        let nonce = nonce();
        let question = Question {
            version: VERSION,
            verb,
            action,
            subject,
            case: &self.manner.mark,
            lease_seconds: self.manner.lease.map(|lease| lease.as_secs()),
            before: plain(before),
            meant: plain(meant),
            nonce: nonce.clone(),
        };
        let body = serde_json::to_string(&question).map_err(|_| self.strange("the question cannot be written"))?;
        let signature = hexadecimal(hmac::sign(&self.key, body.as_bytes()).as_ref());
        let sent = serde_json::to_vec(&Envelope { body, signature }).map_err(|_| self.strange("the question cannot be written"))?;
        let answer = self.read(&self.carry(verb, &sent)?)?;
        if answer.nonce != nonce {
            return Err(self.strange("its answer is to another question"));
        }
        match answer.error {
            Some(why) => Err(ContainError::Refused { target: self.target.clone(), doing: format!("{verb} {action}"), why: last_line(&why) }),
            None => Ok(answer),
        }
    }

    fn carry(&self, verb: &str, sent: &[u8]) -> Result<Vec<u8>, ContainError> {
        match &self.way {
            Way::Https { url, agent } => {
                let answered = agent.post(url.as_str()).header("Content-Type", "application/json").send(sent);
                let unreachable = |error: ureq::Error| ContainError::Unreachable { target: self.target.clone(), source: std::io::Error::other(error) };
                let mut answer = answered.map_err(unreachable)?;
                answer.body_mut().with_config().limit(LONGEST_BYTES).read_to_vec().map_err(unreachable)
            }
            Way::Program(words) => {
                let Some((program, rest)) = words.split_first() else { return Err(self.strange("it has no command")) };
                let mut command = Command::new(program);
                command.args(rest).arg(verb);
                let ended = bounded(command, sent, self.manner.patience).map_err(|source| ContainError::Unreachable { target: self.target.clone(), source })?;
                match ended {
                    None => Err(ContainError::TooSlow { target: self.target.clone(), doing: verb.to_owned(), seconds: self.manner.patience.as_secs() }),
                    Some(printed) if printed.is_good => Ok(printed.out),
                    Some(printed) => Err(ContainError::Refused { target: self.target.clone(), doing: verb.to_owned(), why: last_line(&printed.errors) }),
                }
            }
        }
    }

    /// An answer whose signature is right.
    fn read(&self, bytes: &[u8]) -> Result<Answer, ContainError> {
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| self.strange("its answer is no envelope of body and signature"))?;
        let signature = bytes_of(&envelope.signature).ok_or_else(|| self.strange("the signature of its answer is not hexadecimal"))?;
        hmac::verify(&self.key, envelope.body.as_bytes(), &signature).map_err(|_| self.strange("its answer is not signed with our key"))?;
        serde_json::from_str(&envelope.body).map_err(|_| self.strange("its answer is not of the contract"))
    }

    fn strange(&self, why: &str) -> ContainError {
        ContainError::Strange { target: self.target.clone(), why: why.to_owned() }
    }
}

fn agent(reach: &Reach, manner: &Manner) -> Result<ureq::Agent, ContainError> {
    // Read once by the library that everything else here trusts, so that a bad file is told in the same words.
    super::tls::client_config(reach)?;
    let tls = super::http::trusting(reach.authorities.as_deref());
    Ok(ureq::Agent::config_builder().timeout_global(Some(manner.patience)).max_redirects(0).tls_config(tls).build().into())
}

fn plain(state: &TargetState) -> BTreeMap<&str, Option<&str>> {
    state.0.iter().map(|(name, held)| (name.as_str(), held.expose())).collect()
}

fn state_of(values: BTreeMap<String, Option<String>>) -> TargetState {
    values.into_iter().fold(TargetState::default(), |state, (name, value)| state.with(name, Held::optional(value)))
}

/// No two questions have the same.
fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{now:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    digits.filter(|digits| digits.len().is_multiple_of(2)).map(|digits| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

impl Connector for Contract {
    fn refuse_protected(&mut self, effect: &Effect) -> Result<(), ContainError> {
        let subject = self.asked(effect)?.1;
        self.manner.never.account(&self.target, subject)?;
        if super::guard::Network::read(subject).is_some() { self.manner.never.address(&self.target, subject) } else { Ok(()) }
    }

    fn read(&mut self, effect: &Effect) -> Result<TargetState, ContainError> {
        let none = TargetState::default();
        Ok(state_of(self.call("read", effect, &none, &none)?.state))
    }

    fn meant(&mut self, effect: &Effect, before: &TargetState, _random: &mut dyn FnMut() -> [u8; 32]) -> Result<TargetState, ContainError> {
        let meant = state_of(self.call("plan", effect, before, &TargetState::default())?.meant);
        if meant.0.is_empty() {
            return Err(self.strange("it does not say what will stand there (`meant`), so that nobody could tell whether it does"));
        }
        Ok(meant)
    }

    fn capture(&mut self, effect: &Effect) -> Result<Capture, ContainError> {
        let none = TargetState::default();
        let answer = self.call("capture", effect, &none, &none)?;
        let safe =
            |name: &str| name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).take(80).collect::<String>();
        let pieces = answer.evidence.into_iter().map(|(name, text)| Captured { name: format!("evidence-{}", safe(&name)), bytes: text.into_bytes() }).collect();
        Ok(Capture { pieces, lost: answer.lost })
    }

    fn apply(&mut self, effect: &Effect, meant: &TargetState) -> Result<(), ContainError> {
        self.call("apply", effect, &TargetState::default(), meant).map(|_| ())
    }

    fn verify(&mut self, effect: &Effect, before: &TargetState, meant: &TargetState) -> Result<Verdict, ContainError> {
        let answer = self.call("verify", effect, before, meant)?;
        let mut verdict = Verdict { held: answer.held, doors: answer.doors, untested: answer.untested, remarks: answer.remarks, is_blind: false };
        if verdict.held.is_empty() && verdict.doors.is_empty() && verdict.untested.is_empty() {
            verdict.untested.push("it says nothing of what it tried".to_owned());
        }
        Ok(verdict)
    }

    fn undo(&mut self, effect: &Effect, before: &TargetState) -> Result<(), ContainError> {
        self.call("undo", effect, before, &TargetState::default()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_signed_with_our_key_is_read() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key of sixteen characters");
        let contract = Contract { target: "x".to_owned(), way: Way::Program(Vec::new()), key: key.clone(), manner: Manner::new("case", Vec::new()) };
        let body = r#"{"nonce":"1","state":{"enabled":"yes"}}"#;
        let sign = |key: &hmac::Key, body: &str| {
            serde_json::to_vec(&Envelope { body: body.to_owned(), signature: hexadecimal(hmac::sign(key, body.as_bytes()).as_ref()) }).expect("plain data")
        };
        assert!(contract.read(&sign(&key, body)).is_ok());
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"another key of sixteen");
        for bytes in
            [sign(&other, body), body.as_bytes().to_vec(), sign(&key, r#"{"nonce":"1","more":1}"#), Vec::new(), br#"{"body":"{}","signature":"zz"}"#.to_vec()]
        {
            assert!(contract.read(&bytes).is_err());
        }
    }
}
