//! The plan of a round of letters: who gets which text by which channel. Its hash is what people approve.
//!
//! It stands on the committed letters and the register, and on nothing else: a changed text, a changed address and a changed
//! list all give another hash.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use strandline_case::StoredFile;
use strandline_model::letter::{Channel, LetterReference};
use strandline_model::register::RegisterEntry;

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::letters::{IndexedLetter, index};

/// A letter of the plan.
#[derive(Clone, Debug)]
pub struct PlannedLetter {
    /// Names it.
    pub reference: LetterReference,
    /// Whose it is.
    pub data_subject: String,
    /// Its files: the text first.
    pub files: Vec<StoredFile>,
    /// SHA-256 over names and hashes of its files.
    pub letter_sha256: String,
    /// Ways that it can go, the better one first.
    pub channels: Vec<Channel>,
}

/// A letter that cannot go by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLetter {
    /// Whose it is.
    pub data_subject: String,
    /// Why a person must see to it.
    pub reason: String,
}

/// A round of letters.
#[derive(Debug)]
pub struct LetterPlan {
    /// Letters that can go, by reference.
    pub letters: BTreeMap<LetterReference, PlannedLetter>,
    /// Letters that cannot.
    pub held: Vec<HeldLetter>,
    /// SHA-256 of what is approved.
    pub sha256: String,
    /// The register, for addresses.
    pub people: BTreeMap<String, RegisterEntry>,
}

/// Makes the plan of a round from what is committed.
pub fn make(response: &Response<'_>, round: u32) -> Result<LetterPlan, ResponseError> {
    let Some(record) = response.case.manifest().stages.get("letters") else {
        return Err(ResponseError::NotYet { missing: "letters", command: "notify CASE draft" });
    };
    let (people, _) = register(response)?;
    let (mut letters, mut held, mut lines) = (BTreeMap::new(), Vec::new(), Vec::new());
    for indexed in if record.files.is_empty() { Vec::new() } else { index(response)? } {
        let entry = people.get(&indexed.data_subject);
        let channels = match channels_of(&indexed, entry) {
            Ok(channels) => channels,
            Err(reason) => {
                held.push(HeldLetter { data_subject: indexed.data_subject, reason });
                continue;
            }
        };
        let own = format!("letters/{}.", indexed.stem);
        let mut files: Vec<StoredFile> = record.files.iter().filter(|file| file.file.starts_with(&own)).cloned().collect();
        // The text first, then by name.
        files.sort_by_key(|file| (!file.file.ends_with(".txt"), file.file.clone()));
        let reference = response.case.letter_reference(round, &indexed.data_subject)?;
        let letter_sha256 = hash_files(&files);
        lines.push(format!("{reference}  {letter_sha256}  {}\n", response.case.salted_digest(&address_text(entry))?));
        letters.insert(reference.clone(), PlannedLetter { reference, data_subject: indexed.data_subject, files, letter_sha256, channels });
    }
    lines.sort();
    let sha256 = hexadecimal(&Sha256::digest(format!("letters of round {round}\n{}", lines.concat())));
    Ok(LetterPlan { letters, held, sha256, people })
}

/// The ways that the draft found to the person, as far as mail can really be sent to the address; or why the letter waits.
fn channels_of(indexed: &IndexedLetter, entry: Option<&RegisterEntry>) -> Result<Vec<Channel>, String> {
    if indexed.is_held() {
        return Err(indexed.attention.clone());
    }
    let mailable = entry.and_then(|e| e.email.as_ref()).is_some_and(|email| strandline_outbound::is_address(email.expose_personal()));
    let ways: Vec<Channel> = indexed.ways().into_iter().filter(|way| *way != Channel::Email || mailable).collect();
    if ways.is_empty() { Err("no usable e-mail or postal address in the register".to_owned()) } else { Ok(ways) }
}

/// What of a register entry decides where a letter goes, joined so that no two entries give the same text.
fn address_text(entry: Option<&RegisterEntry>) -> Vec<u8> {
    let mut text = Vec::new();
    for part in entry.into_iter().flat_map(|e| [e.email.as_ref(), e.postal_address.as_ref()].into_iter().chain(e.names.values().map(Some))) {
        let part = part.map_or("", |part| part.expose_personal());
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    text
}

/// SHA-256 over lines as `sha256sum` prints them.
fn hash_files(files: &[StoredFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(format!("{}  {}\n", file.sha256, file.file));
    }
    hexadecimal(&hasher.finalize())
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use strandline_model::personal::Personal;

    use super::*;

    #[test]
    fn nobody_without_a_way_is_dropped_in_silence() {
        let entry = |email: &str| RegisterEntry { key: "P".into(), email: Some(Personal::new(email.into())), ..RegisterEntry::default() };
        let indexed = |channels: &str, held: &str| IndexedLetter {
            data_subject: "P".into(),
            stem: "P".into(),
            kind: "exposed".into(),
            language: "en".into(),
            channels: channels.into(),
            held: held.into(),
            attention: "has died: decide".into(),
        };
        for (letter, email, expected) in [
            (indexed("email post", "no"), "a@b.org", Ok(vec![Channel::Email, Channel::Post])),
            (indexed("post email", "no"), "a@b.org", Ok(vec![Channel::Post, Channel::Email])),
            (indexed("email post", "no"), "not an address", Ok(vec![Channel::Post])),
            (indexed("email", "no"), "a@b.org\r\nBcc: c@d.org", Err("no usable e-mail or postal address in the register")),
            (indexed("", "no"), "", Err("no usable e-mail or postal address in the register")),
            (indexed("email post", "yes"), "a@b.org", Err("has died: decide")),
        ] {
            assert_eq!(channels_of(&letter, Some(&entry(email))), expected.map_err(str::to_owned));
        }
    }
}
