//! What came back to the return path: each report counts once, whenever its mailbox is read, and what is unclear is listed until a person
//! has read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_outbound::{Bounce, BounceKind, ReturnPath, is_mail, read_bounce, read_messages};

use super::outbox::step;
use super::plan::hexadecimal;
use crate::error::ResponseError;
use crate::run::Response;
use crate::store;

/// The stage that keeps them.
const STAGE: &str = "reports";

/// What a mailbox of reports said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BounceTally {
    /// Messages read.
    pub messages: u64,
    /// Letters that did not arrive.
    pub failed: u64,
    /// Reports of a delay.
    pub delayed: u64,
    /// Reports of arrival.
    pub delivered: u64,
    /// Messages about a letter of ours that a person must read.
    pub unclear: u64,
    /// Messages that name no letter of this case.
    pub foreign: u64,
    /// Where those stand, the first of them: file and message. A report whose letter nothing names can be among them.
    pub foreign_files: Vec<(String, u64)>,
    /// Files that are no mail.
    pub not_mail: u64,
    /// Reports that were known already.
    pub known: u64,
    /// The unclear ones of this mailbox, each once.
    pub to_read: Vec<OpenReport>,
}

/// So many messages that name no letter are listed; a mailbox of something else has thousands.
const FOREIGN_LIMIT: usize = 50;

impl BounceTally {
    fn count_foreign(&mut self, file: String, number: u64) {
        self.foreign += 1;
        if self.foreign_files.len() < FOREIGN_LIMIT {
            self.foreign_files.push((file, number));
        }
    }
}

/// A report that a person must read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenReport {
    /// The letter.
    pub reference: LetterReference,
    /// Whose it is.
    pub data_subject: String,
    /// Where it stands: the file within the mailbox.
    pub file: String,
    /// Which of the file's messages, from 1.
    pub number: u64,
    /// Why it is unclear.
    pub why: String,
}

/// What is kept of reports.
#[derive(Default, Serialize, Deserialize)]
struct Reports {
    /// SHA-256 of each that was counted.
    read: BTreeSet<String>,
    /// Those that wait for a person.
    open: Vec<OpenReport>,
}

/// One report of a mailbox.
struct Found {
    bounce: Bounce,
    sha256: String,
    file: String,
    number: u64,
}

impl Response<'_> {
    /// Reads reports of undelivered letters.
    ///
    /// # Errors
    /// If the mailbox cannot be read or the case cannot be written.
    pub fn read_bounces(&mut self, mailbox: &Path, return_path: &ReturnPath) -> Result<BounceTally, ResponseError> {
        let now = (self.settings.now)();
        let mut tally = BounceTally::default();
        let found = read_all(mailbox, return_path, &mut tally)?;
        let mut reports = self.reports()?;
        let mut sending = self.case.sending()?;
        sending.settle(now)?;
        let mut steps = BTreeMap::new();
        for Found { bounce, sha256, file, number } in found {
            let Some(stored) = sending.find(&bounce.reference, Channel::Email)? else {
                tally.count_foreign(file, number);
                continue;
            };
            if !reports.read.insert(sha256) {
                tally.known += 1;
                continue;
            }
            match bounce.kind {
                BounceKind::Delayed => tally.delayed += 1,
                BounceKind::Delivered => tally.delivered += 1,
                BounceKind::Unclear => {
                    tally.unclear += 1;
                    let data_subject = stored.letter.data_subject;
                    tally.to_read.push(OpenReport { reference: bounce.reference, data_subject, file, number, why: bounce.answer.to_string() });
                }
                BounceKind::Failed if matches!(stored.state, SendingState::Accepted | SendingState::Uncertain) && !steps.contains_key(&bounce.reference) => {
                    tally.failed += 1;
                    steps.insert(bounce.reference.clone(), step(&bounce.reference, SendingState::Bounced, now, None, Some(bounce.answer.to_string())));
                }
                BounceKind::Failed => tally.known += 1,
            }
        }
        sending.commit(&steps.into_values().collect::<Vec<_>>())?;
        drop(sending);
        reports.open.extend(tally.to_read.iter().cloned());
        // Last: a run that ends before it reads them again, and finds the letters that failed as known.
        self.keep_reports(&reports)?;
        self.enter("bounces", BTreeMap::new(), BTreeMap::new())?;
        Ok(tally)
    }

    /// The reports that wait for a person, oldest first.
    ///
    /// # Errors
    /// If the case cannot be read.
    pub fn open_reports(&self) -> Result<Vec<OpenReport>, ResponseError> {
        Ok(self.reports()?.open)
    }

    /// Takes reports on these people off the list: somebody has read them. Returns how many that were.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn settle_reports(&mut self, keys: &BTreeSet<String>) -> Result<u64, ResponseError> {
        let mut reports = self.reports()?;
        let before = reports.open.len();
        reports.open.retain(|report| !keys.contains(&report.data_subject));
        let settled = before - reports.open.len();
        if settled > 0 {
            self.keep_reports(&reports)?;
            self.enter("reports-read", BTreeMap::new(), BTreeMap::new())?;
        }
        Ok(settled as u64)
    }

    fn reports(&self) -> Result<Reports, ResponseError> {
        Ok(store::read_json(&self.case, store::REPORTS)?.unwrap_or_default())
    }

    fn keep_reports(&mut self, reports: &Reports) -> Result<(), ResponseError> {
        let file = store::write_json(&self.case, store::REPORTS, reports)?;
        let inputs = self.inputs();
        self.commit_files(STAGE, inputs, vec![file])
    }
}

/// Every report of a mailbox about a letter of some case; the others are counted.
fn read_all(mailbox: &Path, return_path: &ReturnPath, tally: &mut BounceTally) -> Result<Vec<Found>, ResponseError> {
    let mut found = Vec::new();
    let messages = read_messages(mailbox, &mut |source, message| {
        let within = source.file.strip_prefix(mailbox).ok().filter(|file| !file.as_os_str().is_empty());
        let file = within.or_else(|| source.file.file_name().map(Path::new)).unwrap_or(source.file).to_string_lossy().into_owned();
        match read_bounce(message, return_path) {
            Some(bounce) => found.push(Found { bounce, sha256: hexadecimal(&Sha256::digest(message)), file, number: source.number }),
            None if is_mail(message) => tally.count_foreign(file, source.number),
            None => tally.not_mail += 1,
        }
    })?;
    tally.messages = messages;
    if tally.messages == tally.not_mail {
        return Err(ResponseError::NoMessages(mailbox.to_owned()));
    }
    Ok(found)
}
