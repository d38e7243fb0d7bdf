//! The department's simulated target: a gate that keeps the contract of programs on a file of what it refuses. It runs in a process
//! of its own, is written apart from what asks it, and has things in its file that somebody else put there.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::DrillError;

/// What the gate refuses before anybody cuts anything: it must stand there afterwards as it did.
const BEFORE: &str = "# What the gate of this department refuses, one a line.\nblock_address 198.51.100.14\ndisable_account former.clerk\n";

/// What it can be asked to refuse.
const KNOWN: [&str; 4] = ["block_address", "disable_account", "end_session", "deny_role"];

/// A question of the contract, as far as the gate needs it.
#[derive(Deserialize)]
struct Question {
    verb: String,
    action: String,
    subject: String,
    nonce: String,
    #[serde(default)]
    before: std::collections::BTreeMap<String, Option<String>>,
}

/// The simulated gate of a department.
#[derive(Clone, Debug)]
pub struct Gatehouse {
    key: PathBuf,
    state: PathBuf,
}

impl Gatehouse {
    /// Sets it up in a folder. `key` is what signs: at least 16 characters.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn set_up(folder: &Path, key: &str) -> Result<Self, DrillError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DrillError::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let gate = Self { key: folder.join("gate.key"), state: folder.join("gate.txt") };
        std::fs::write(&gate.key, key).map_err(failed(&gate.key))?;
        std::fs::write(&gate.state, BEFORE).map_err(failed(&gate.state))?;
        Ok(gate)
    }

    /// The lines of an estate that describe it: `program` and these two words are its command.
    pub fn estate(&self, program: &Path, word: &str) -> String {
        let words = [program, Path::new(word), &self.key, &self.state].map(|path| format!("{:?}", path.display().to_string())).join(", ");
        format!(
            "\n# The simulated gate of the drill.\n[[target]]\nname = \"gate\"\nkind = \"exec\"\ncommand = [{words}]\npassword_file = {:?}\n",
            self.key.display().to_string()
        )
    }

    /// What it holds: all of it, to compare.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn state(&self) -> Result<String, DrillError> {
        std::fs::read_to_string(&self.state).map_err(|source| DrillError::Write { path: self.state.clone(), source })
    }
}

/// Answers one question of the contract, as the gate does: envelope in, envelope out.
///
/// # Errors
/// If the key or the file cannot be read, or the question is not signed with the key.
pub fn answer(key: &Path, state: &Path, envelope: &[u8]) -> Result<String, DrillError> {
    let failed = |source| DrillError::Write { path: state.to_owned(), source };
    let key = std::fs::read(key).map_err(|source| DrillError::Write { path: key.to_owned(), source })?;
    let envelope: Value = serde_json::from_slice(envelope).map_err(DrillError::Json)?;
    let body = envelope["body"].as_str().unwrap_or_default();
    if envelope["signature"].as_str() != Some(hmac(&key, body.as_bytes()).as_str()) {
        return Err(failed(std::io::Error::other("the question is not signed with the gate's key")));
    }
    let question: Question = serde_json::from_str(body).map_err(DrillError::Json)?;
    let mut found = act(state, &question).map_err(failed)?;
    found["nonce"] = Value::from(question.nonce);
    let body = found.to_string();
    let signature = hmac(&key, body.as_bytes());
    Ok(json!({ "body": body, "signature": signature }).to_string())
}

fn act(path: &Path, question: &Question) -> std::io::Result<Value> {
    if !KNOWN.contains(&question.action.as_str()) || question.subject.contains(['\n', '\r']) {
        return Ok(json!({ "error": "the gate cannot refuse that" }));
    }
    let line = format!("{} {}", question.action, question.subject);
    let text = std::fs::read_to_string(path)?;
    let is_refused = text.lines().any(|known| known == line);
    let word = |is_so: bool| if is_so { "yes" } else { "no" };
    Ok(match question.verb.as_str() {
        "read" => json!({ "state": { "refused": word(is_refused) } }),
        "plan" => json!({ "meant": { "refused": "yes" } }),
        "capture" => json!({ "evidence": { "gate.txt": text }, "lost": [] }),
        "apply" => {
            bring(path, &text, &line, true)?;
            json!({})
        }
        "undo" => {
            let was_refused = question.before.get("refused").and_then(Option::as_deref) == Some("yes");
            bring(path, &text, &line, was_refused)?;
            json!({})
        }
        "verify" if is_refused => json!({ "held": [format!("the gate refuses {line}")] }),
        "verify" => json!({ "doors": [format!("the gate lets {line} through")] }),
        _ => json!({ "error": "this verb is not of version 1" }),
    })
}

/// One line more or less, the others as they are.
fn bring(path: &Path, text: &str, line: &str, is_refused: bool) -> std::io::Result<()> {
    let mut wanted: String = text.split_inclusive('\n').filter(|known| known.trim_end_matches('\n') != line).collect();
    if is_refused {
        wanted.push_str(&format!("{line}\n"));
    }
    let aside = path.with_extension("new");
    std::fs::write(&aside, wanted)?;
    std::fs::rename(aside, path)
}

/// HMAC-SHA256 (RFC 2104), hexadecimal.
fn hmac(key: &[u8], text: &[u8]) -> String {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    let hashed = Sha256::digest(key);
    let key = if key.len() > BLOCK { hashed.as_slice() } else { key };
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_standard_says() {
        // RFC 4231, cases 2 and 6.
        assert_eq!(hmac(b"Jefe", b"what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(long, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    fn ask(gate: &Gatehouse, verb: &str, subject: &str) -> Value {
        let body = json!({ "verb": verb, "action": "block_address", "subject": subject, "nonce": "n", "before": { "refused": "no" } }).to_string();
        let key = std::fs::read(&gate.key).expect("a key");
        let envelope = json!({ "body": body, "signature": hmac(&key, body.as_bytes()) }).to_string();
        let answered: Value = serde_json::from_str(&answer(&gate.key, &gate.state, envelope.as_bytes()).expect("an answer")).expect("JSON");
        serde_json::from_str(answered["body"].as_str().expect("a body")).expect("JSON")
    }

    #[test]
    fn what_is_taken_back_leaves_the_file_as_it_was_and_what_somebody_else_refused_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let gate = Gatehouse::set_up(folder.path(), "a key of sixteen characters").expect("a gate");
        let before = gate.state().expect("a state");
        assert_eq!(ask(&gate, "read", "203.0.113.7")["state"]["refused"], "no");
        for _ in 0..2 {
            ask(&gate, "apply", "203.0.113.7");
        }
        assert!(gate.state().expect("a state").ends_with("block_address 203.0.113.7\n") && !ask(&gate, "verify", "203.0.113.7")["held"].is_null());
        ask(&gate, "undo", "203.0.113.7");
        assert_eq!(gate.state().expect("a state"), before);
        assert_eq!(ask(&gate, "read", "198.51.100.14")["state"]["refused"], "yes");
        assert!(!ask(&gate, "apply", "a\nb")["error"].is_null());
        assert!(answer(&gate.key, &gate.state, b"{\"body\":\"{}\",\"signature\":\"00\"}").is_err());
    }
}
