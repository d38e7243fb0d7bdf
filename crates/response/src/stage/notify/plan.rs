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
    pub reason: &'static str,
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
    let mut files: BTreeMap<String, Vec<StoredFile>> = BTreeMap::new();
    for file in &record.files {
        if let Some(key) = data_subject_of(&file.file) {
            files.entry(key).or_default().push(file.clone());
        }
    }
    let (mut letters, mut held, mut lines) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (data_subject, mut files) in files {
        let entry = people.get(&data_subject);
        // The text first, then by name.
        files.sort_by_key(|file| (!file.file.ends_with(".txt"), file.file.clone()));
        let channels = match channels_of(entry) {
            Ok(channels) => channels,
            Err(reason) => {
                held.push(HeldLetter { data_subject, reason });
                continue;
            }
        };
        let reference = response.case.letter_reference(round, &data_subject)?;
        let letter_sha256 = hash_files(&files);
        lines.push(format!("{reference}  {letter_sha256}  {}\n", response.case.salted_digest(&address_text(entry))?));
        letters.insert(reference.clone(), PlannedLetter { reference, data_subject, files, letter_sha256, channels });
    }
    lines.sort();
    let sha256 = hexadecimal(&Sha256::digest(format!("letters of round {round}\n{}", lines.concat())));
    Ok(LetterPlan { letters, held, sha256, people })
}

/// Whose file it is: `letters/KEY.txt`, with the key percent-encoded.
fn data_subject_of(file: &str) -> Option<String> {
    let name = file.strip_prefix("letters/")?;
    let (stem, _) = name.rsplit_once('.')?;
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let (pair, tail) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Ways to a person, the better one first. Who has left may have no mailbox here any more, so paper comes first.
fn channels_of(entry: Option<&RegisterEntry>) -> Result<Vec<Channel>, &'static str> {
    let Some(entry) = entry else { return Err("not in the register: find out who this is") };
    let status = entry.status.as_deref().unwrap_or_default().trim().to_lowercase();
    if matches!(status.as_str(), "deceased" | "dead" | "died" | "已故" | "身故") {
        return Err("recorded as deceased: a person decides whether and to whom to write");
    }
    let email = entry.email.as_ref().is_some_and(|email| strandline_outbound::is_address(email.expose_personal()));
    let post = entry.postal_address.as_ref().is_some_and(|address| !address.expose_personal().trim().is_empty());
    let left = matches!(status.as_str(), "departed" | "left" | "former" | "resigned" | "retired" | "離職" | "退休");
    match (email, post) {
        (true, true) if left => Ok(vec![Channel::Post, Channel::Email]),
        (true, true) => Ok(vec![Channel::Email, Channel::Post]),
        (true, false) => Ok(vec![Channel::Email]),
        (false, true) => Ok(vec![Channel::Post]),
        (false, false) => Err("no usable e-mail or postal address in the register"),
    }
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
    fn a_file_names_its_person() {
        for (file, key) in [
            ("letters/C-12.txt", Some("C-12")),
            ("letters/%E9%99%B3.pdf", Some("陳")),
            ("letters/%2E%2E%2Fx.txt", Some("../x")),
            ("letters/%E9.txt", None),
            ("letters/%4", None),
            ("letters/a", None),
            ("export/a.csv", None),
        ] {
            assert_eq!(data_subject_of(file).as_deref(), key, "{file}");
        }
    }

    #[test]
    fn nobody_without_an_address_is_dropped_in_silence() {
        let entry = |email: &str, post: &str, status: &str| RegisterEntry {
            key: "P".into(),
            email: Some(Personal::new(email.into())),
            postal_address: Some(Personal::new(post.into())),
            status: Some(status.into()),
            ..RegisterEntry::default()
        };
        for (entry, expected) in [
            (entry("a@b.org", "1 High St", "serving"), Some(vec![Channel::Email, Channel::Post])),
            (entry("a@b.org", "1 High St", "Departed"), Some(vec![Channel::Post, Channel::Email])),
            (entry("a@b.org", " ", "departed"), Some(vec![Channel::Email])),
            (entry("not an address", "1 High St", ""), Some(vec![Channel::Post])),
            (entry("a@b.org\r\nBcc: c@d.org", "", ""), None),
            (entry("a@b.org", "1 High St", "deceased"), None),
        ] {
            assert_eq!(channels_of(Some(&entry)).ok(), expected);
        }
        assert!(channels_of(None).is_err());
    }
}
