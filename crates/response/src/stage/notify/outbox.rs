//! The letters of a case as the sender sees them: each is read from its committed file, and compared with what was approved,
//! at the moment that it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};
use strandline_case::{CaseError, Sending, SendingStep, StoredFile, StoredLetter};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_model::personal::Personal;
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;
use strandline_outbound::{Attachment, Outbox, Outcome, OutgoingLetter, SendResult};

use super::plan::{LetterPlan, PlannedLetter, hexadecimal};

/// Why a letter could not be fetched or its state not be kept.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The state.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// A letter's file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A letter is not what was approved.
    #[error("{} is not what was approved: nothing more was sent. Run `strandline verify`, draft again, and have it approved again", .0.display())]
    Changed(PathBuf),
    /// A letter's file is none.
    #[error("{} is not a letter: it must begin with Language: and Subject: lines", .0.display())]
    Malformed(PathBuf),
}

/// What goes with an e-mail beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// Nothing: people are told not to open attachments.
    Nothing,
    /// The letter as a PDF, where there is one.
    Pdf,
}

/// Longest file of a letter.
const LETTER_BYTES_LIMIT: u64 = 16 << 20;

/// Reads the files of one letter and compares each with its hash.
pub fn load(case: &Path, planned: &PlannedLetter, entry: Option<&RegisterEntry>, attach: Attach) -> Result<OutgoingLetter, OutboxError> {
    let (mut text, mut html, mut attachments) = (None, None, Vec::new());
    for file in &planned.files {
        let path = case.join(&file.file);
        let wanted = match file.file.rsplit_once('.').map(|(_, kind)| kind) {
            Some("txt" | "html") => true,
            Some("pdf") => attach == Attach::Pdf,
            _ => false,
        };
        if !wanted {
            continue;
        }
        let bytes = read_checked(&path, file)?;
        match file.file.rsplit_once('.').map(|(_, kind)| kind) {
            Some("txt") => text = Some((path, bytes)),
            Some("html") => html = Some(String::from_utf8(bytes).map_err(|_| OutboxError::Malformed(path))?),
            _ => attachments.push(Attachment { name: "letter.pdf".to_owned(), content_type: "application/pdf".to_owned(), bytes }),
        }
    }
    let Some((path, bytes)) = text else { return Err(OutboxError::Malformed(case.join(format!("letters/{}", planned.reference)))) };
    let letter = String::from_utf8(bytes).ok().and_then(|whole| split(&whole)).ok_or(OutboxError::Malformed(path))?;
    let (language, subject, text) = letter;
    let name = entry.and_then(|entry| reader_name(entry, &language));
    Ok(OutgoingLetter {
        reference: planned.reference.clone(),
        address: entry.and_then(|e| e.email.clone()).unwrap_or_default(),
        name,
        language,
        subject: Personal::new(subject),
        text: Personal::new(text),
        html: html.map(Personal::new),
        attachments,
    })
}

/// The name of whoever reads the letter.
pub fn reader_name(entry: &RegisterEntry, language: &str) -> Option<Personal<String>> {
    match &entry.reader {
        Some((reader, name)) if reader.is_other() => name.clone(),
        _ => entry.names.get(language).or_else(|| entry.names.get("en")).or_else(|| entry.names.values().next()).cloned(),
    }
}

/// Language, subject and text of a letter's text file, compared with its hash.
pub fn load_text(case: &Path, file: &str, sha256: &str) -> Result<(String, String, Personal<String>), OutboxError> {
    let path = case.join(file);
    let bytes = read_checked(&path, &StoredFile { file: file.to_owned(), sha256: sha256.to_owned(), bytes: 0 })?;
    let (language, subject, text) = String::from_utf8(bytes).ok().and_then(|whole| split(&whole)).ok_or(OutboxError::Malformed(path))?;
    Ok((language, subject, Personal::new(text)))
}

pub(super) fn read_checked(path: &Path, file: &StoredFile) -> Result<Vec<u8>, OutboxError> {
    let failed = |source| OutboxError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(path).map_err(failed)?, LETTER_BYTES_LIMIT), &mut bytes).map_err(failed)?;
    if hexadecimal(&Sha256::digest(&bytes)) == file.sha256 { Ok(bytes) } else { Err(OutboxError::Changed(path.to_owned())) }
}

/// Language, subject and text of a drafted letter: headers, an empty line, the text.
fn split(whole: &str) -> Option<(String, String, String)> {
    let (head, text) = whole.split_once("\n\n")?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    Some((field("Language:")?, field("Subject:")?, text.to_owned()))
}

/// The outbox of a round.
pub struct CaseOutbox<'c> {
    pub sending: Sending<'c>,
    pub case: &'c Path,
    pub plan: &'c LetterPlan,
    pub attach: Attach,
    pub round: u32,
}

impl CaseOutbox<'_> {
    fn fetch(&self, stored: &StoredLetter) -> Result<OutgoingLetter, OutboxError> {
        let changed = || OutboxError::Changed(self.case.join(format!("letters/{}", stored.letter.reference)));
        let planned = self.plan.letters.get(&stored.letter.reference).ok_or_else(changed)?;
        if planned.letter_sha256 != stored.letter.letter_sha256 || self.plan.sha256 != stored.letter.plan_sha256 {
            return Err(changed());
        }
        load(self.case, planned, self.plan.people.get(&planned.data_subject), self.attach)
    }
}

impl Outbox for CaseOutbox<'_> {
    type Error = OutboxError;

    fn settle(&mut self, now: Instant) -> Result<u64, OutboxError> {
        Ok(self.sending.settle(now)?)
    }

    fn next(&mut self, now: Instant, limit: usize, taken: &BTreeSet<LetterReference>) -> Result<Vec<OutgoingLetter>, OutboxError> {
        self.sending.next((self.round, Channel::Email), now, limit, taken)?.iter().map(|stored| self.fetch(stored)).collect()
    }

    fn next_due(&mut self) -> Result<Option<Instant>, OutboxError> {
        Ok(self.sending.next_due((self.round, Channel::Email))?)
    }

    fn commit(&mut self, in_flight: &[LetterReference], outcomes: &[Outcome], now: Instant) -> Result<(), OutboxError> {
        let marks = in_flight.iter().map(|reference| step(reference, SendingState::InFlight, now, None, None));
        let results = outcomes.iter().map(|outcome| {
            let (state, due, answer) = match &outcome.result {
                SendResult::Accepted(answer) => (SendingState::Accepted, None, answer),
                SendResult::Later { answer, due } => (SendingState::Deferred, Some(*due), answer),
                SendResult::Refused(answer) => (SendingState::Refused, None, answer),
                SendResult::Uncertain(answer) => (SendingState::Uncertain, None, answer),
            };
            step(&outcome.reference, state, outcome.at, due, Some(answer.to_string()))
        });
        let steps: Vec<SendingStep> = marks.chain(results).collect();
        Ok(self.sending.commit(&steps)?)
    }
}

/// One step of an e-mail.
pub fn step(reference: &LetterReference, state: SendingState, at: Instant, due_at: Option<Instant>, answer: Option<String>) -> SendingStep {
    SendingStep { reference: reference.clone(), channel: Channel::Email, state, at, due_at, answer }
}

/// Letters by person.
pub fn by_person(letters: Vec<StoredLetter>) -> BTreeMap<String, Vec<StoredLetter>> {
    let mut people: BTreeMap<String, Vec<StoredLetter>> = BTreeMap::new();
    for letter in letters {
        people.entry(letter.letter.data_subject.clone()).or_default().push(letter);
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drafted_letter_is_taken_apart() {
        assert_eq!(split("Language: en\nSubject: A: b\n\nDear\n\nx"), Some(("en".into(), "A: b".into(), "Dear\n\nx".into())));
        assert_eq!(split("Subject: x\n\ny"), None);
        assert_eq!(split("no head"), None);
    }
}
