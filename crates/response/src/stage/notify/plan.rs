//! The plan of a round of letters: who gets which text by which channel. Its hash is what people approve.
//!
//! It stands on the committed letters and the register, and on nothing else: a changed text, a changed address and a changed
//! list all give another hash.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use strandline_case::StoredFile;
use strandline_model::letter::{Channel, LetterReference};
use strandline_model::letter_word::{Decided, Gate};
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;

use crate::error::ResponseError;
use crate::letter_words::Addressees;
use crate::run::Response;
use crate::stage::letters::{IndexedLetter, index};
use crate::stage::print;

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

/// Why a letter need not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Somebody told the person, at this time.
    ByHand(Instant),
    /// There is nobody to write to.
    ForNobody,
}

impl Settled {
    fn of(decided: &Decided, round: u32) -> Option<Self> {
        let by_hand = decided.by_hand.get(&round).map(|at| Self::ByHand(*at));
        by_hand.or((decided.gate == Gate::ForNobody).then_some(Self::ForNobody))
    }
}

/// A letter that need not go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledLetter {
    /// Whose it is.
    pub data_subject: String,
    /// Why.
    pub how: Settled,
}

/// A round of letters.
#[derive(Debug)]
pub struct LetterPlan {
    /// The round.
    pub round: u32,
    /// Letters that can go, by reference.
    pub letters: BTreeMap<LetterReference, PlannedLetter>,
    /// Letters that cannot.
    pub held: Vec<HeldLetter>,
    /// Letters that need not, as a person decided: who was told by hand, and for whom there is nobody to write to.
    pub settled: Vec<SettledLetter>,
    /// What is approved, a line a letter, in order.
    pub lines: Vec<String>,
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
    let Addressees { people, decided, .. } = Addressees::of(response)?;
    let printed = print::current(response)?.and_then(|_| response.case.manifest().stages.get("print"));
    let mut files_of = files_by_stem(record.files.iter().chain(printed.into_iter().flat_map(|record| &record.files)));
    let (mut letters, mut held, mut settled, mut lines) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    for indexed in if record.files.is_empty() { Vec::new() } else { index(response)? } {
        if let Some(how) = decided.get(&indexed.data_subject).and_then(|decided| Settled::of(decided, round)) {
            settled.push(SettledLetter { data_subject: indexed.data_subject, how });
            continue;
        }
        let entry = people.get(&indexed.data_subject);
        let files = files_of.remove(&indexed.stem).unwrap_or_default();
        let paper = if printed.is_none() || files.iter().any(is_pdf) { Paper::Possible } else { Paper::Impossible };
        let channels = match channels_of(&indexed, entry, paper) {
            Ok(channels) => channels,
            Err(reason) => {
                held.push(HeldLetter { data_subject: indexed.data_subject, reason });
                continue;
            }
        };
        let reference = response.case.letter_reference(round, &indexed.data_subject)?;
        let letter_sha256 = hash_files(&files);
        lines.push(format!("{reference}  {letter_sha256}  {}\n", response.case.salted_digest(&address_text(entry))?));
        letters.insert(reference.clone(), PlannedLetter { reference, data_subject: indexed.data_subject, files, letter_sha256, channels });
    }
    lines.sort();
    let sha256 = hexadecimal(&Sha256::digest(plan_text(round, &lines)));
    Ok(LetterPlan { round, letters, held, settled, lines, sha256, people })
}

/// What is hashed and approved: a head that names the round, and a line a letter.
pub fn plan_text(round: u32, lines: &[String]) -> String {
    format!("{}{}", plan_head(round), lines.concat())
}

/// The head of it.
pub fn plan_head(round: u32) -> String {
    format!("letters of round {round}\n")
}

/// The files of letters, by the letter's stem: the text first, then by name.
fn files_by_stem<'f>(files: impl Iterator<Item = &'f StoredFile>) -> BTreeMap<String, Vec<StoredFile>> {
    let mut by_stem: BTreeMap<String, Vec<StoredFile>> = BTreeMap::new();
    for file in files {
        let stem = file.file.strip_prefix("letters/").and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
        if let Some(stem) = stem {
            by_stem.entry(stem.to_owned()).or_default().push(file.clone());
        }
    }
    by_stem.values_mut().for_each(|files| files.sort_by_key(|file| (!file.file.ends_with(".txt"), file.file.clone())));
    by_stem
}

/// Whether a file is a letter's PDF.
pub fn is_pdf(file: &StoredFile) -> bool {
    file.file.ends_with(".pdf")
}

/// Whether a letter can go on paper.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paper {
    /// It can, or nobody has tried yet.
    Possible,
    /// The printer could not set it.
    Impossible,
}

/// The ways that the draft found to the person, as far as mail can really be sent to the address, and the letter was printed if
/// others were; or why the letter waits.
fn channels_of(indexed: &IndexedLetter, entry: Option<&RegisterEntry>, paper: Paper) -> Result<Vec<Channel>, String> {
    if indexed.is_held() {
        return Err(indexed.attention.clone());
    }
    let mailable = entry.and_then(|e| e.email.as_ref()).is_some_and(|email| strandline_outbound::is_address(email.expose_personal()));
    let can = |way: &Channel| match way {
        Channel::Email => mailable,
        Channel::Post => paper == Paper::Possible,
    };
    let ways: Vec<Channel> = indexed.ways().into_iter().filter(can).collect();
    match paper {
        _ if !ways.is_empty() => Ok(ways),
        Paper::Impossible if indexed.ways().contains(&Channel::Post) => Err("cannot be printed: `strandline notify CASE print` says why".to_owned()),
        _ => Err("no usable e-mail or postal address in the register".to_owned()),
    }
}

/// What of a register entry decides where a letter goes, joined so that no two entries give the same text.
fn address_text(entry: Option<&RegisterEntry>) -> Vec<u8> {
    let mut text = Vec::new();
    let reader = |e: &RegisterEntry| e.reader.as_ref().and_then(|(_, name)| name.clone());
    let readers: Vec<_> = entry.and_then(reader).into_iter().collect();
    let parts = entry.into_iter().flat_map(|e| [e.email.as_ref(), e.postal_address.as_ref()].into_iter().chain(e.names.values().map(Some)));
    for part in parts.chain(readers.iter().map(Some)) {
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
        let unreachable = Err("no usable e-mail or postal address in the register");
        for (letter, email, paper, expected) in [
            (indexed("email post", "no"), "a@b.org", Paper::Possible, Ok(vec![Channel::Email, Channel::Post])),
            (indexed("email post", "no"), "a@b.org", Paper::Impossible, Ok(vec![Channel::Email])),
            (indexed("post email", "no"), "a@b.org", Paper::Possible, Ok(vec![Channel::Post, Channel::Email])),
            (indexed("email post", "no"), "not an address", Paper::Possible, Ok(vec![Channel::Post])),
            (indexed("post", "no"), "", Paper::Impossible, Err("cannot be printed: `strandline notify CASE print` says why")),
            (indexed("email", "no"), "a@b.org\r\nBcc: c@d.org", Paper::Possible, unreachable.clone()),
            (indexed("", "no"), "", Paper::Possible, unreachable),
            (indexed("email post", "yes"), "a@b.org", Paper::Possible, Err("has died: decide")),
        ] {
            assert_eq!(channels_of(&letter, Some(&entry(email)), paper), expected.map_err(str::to_owned));
        }
    }
}
