//! Ledger entries: who did what, on what, with what, as canonical JSON. Nothing is ever removed from the ledger, so an entry
//! holds hashes, salted digests and ids, and never personal data of data subjects.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use strandline_model::time::Instant;

use crate::names::hexadecimal;
use crate::responder::Enrolment;

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A stage ran.
    MachineRun,
    /// A person decided.
    Decision,
    /// Artefacts were sealed, or the custody record changed.
    Custody,
    /// Something left the case: an export, a report, a letter.
    Export,
    /// Something was done to the world.
    Action,
}

/// Functions of the NIST Cybersecurity Framework 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// GV
    Govern,
    /// ID
    Identify,
    /// PR
    Protect,
    /// DE
    Detect,
    /// RS
    Respond,
    /// RC
    Recover,
}

/// One entry. Fields stand in alphabetical order and maps are sorted: that makes the JSON canonical (RFC 8785 for these
/// types: strings and whole numbers only).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who: a responder's user name, or the program.
    pub actor: String,
    /// Salted digests by what they are of (see [`Salt`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
    /// Who may decide from here on, or no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
    /// The framework function that it serves.
    pub function: Function,
    /// What it stands on: names and SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// What it records.
    pub kind: EntryKind,
    /// How many different people must have released what it does, by the rule of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u32>,
    /// What came of it: names and SHA-256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// What a person's key says of all the rest, of the case, and of this place in it: SSHSIG, armoured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// When, by the caller's clock, microseconds since the epoch.
    pub time: Instant,
    /// The program version.
    pub version: String,
}

impl Entry {
    /// An entry without inputs, outputs or digests.
    pub fn new(kind: EntryKind, function: Function, actor: &str, time: Instant, version: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            digests: BTreeMap::new(),
            enrolment: None,
            function,
            inputs: BTreeMap::new(),
            kind,
            needed: None,
            outputs: BTreeMap::new(),
            signature: None,
            stage: None,
            time,
            version: version.to_owned(),
        }
    }

    /// The bytes that are hashed into the tree.
    ///
    /// # Errors
    /// Never for this type in practice; serialisation is fallible by signature.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// The case's salt. A digest made with it says nothing to whoever has the ledger and not the salt, even where the value can
/// be guessed; whoever has both can check a value.
#[derive(Clone)]
pub struct Salt(pub(crate) [u8; 32]);

impl Salt {
    /// HMAC-SHA-256 of the value, in hexadecimal.
    pub fn digest(&self, value: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(value);
        hexadecimal(&mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_canonical_json() {
        let mut entry = Entry::new(EntryKind::MachineRun, Function::Detect, "alice", Instant(5), "0.1.0");
        entry.outputs.insert("b".into(), "00".into());
        entry.outputs.insert("a".into(), "11".into());
        entry.stage = Some("detect".into());
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"actor":"alice","function":"detect","kind":"machine_run","outputs":{"a":"11","b":"00"},"stage":"detect","time":5,"version":"0.1.0"}"#
        );
        assert_eq!(serde_json::from_slice::<Entry>(&bytes).unwrap(), entry);
    }

    #[test]
    fn a_salted_digest_depends_on_the_salt() {
        assert_ne!(Salt([1; 32]).digest(b"x"), Salt([2; 32]).digest(b"x"));
        assert_eq!(Salt([1; 32]).digest(b"x").len(), 64);
    }
}
