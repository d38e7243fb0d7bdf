//! Whether a message that somebody received is one of the case's letters: the one they were sent, as it was sent, in whatever way it
//! comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use strandline_case::StoredFile;
use strandline_model::letter::{LetterReference, SendingState};
use strandline_model::register::RegisterEntry;
use strandline_notice::letter::Templates;
use strandline_outbound::{Difference, Judged, ReceivedMessage, judge, likeness, read_messages, read_received};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::register;
use crate::stage::letters::{Codes, index};
use crate::stage::notify::{kept_letters, load_text};
use crate::store;

/// Runs of words that a message shares with a letter at least, if nothing names the letter.
const LIKENESS_MIN: usize = 12;

/// Whether a letter has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// Not yet.
    No,
    /// A mail server may have it.
    Perhaps,
    /// It was handed to a mail server or a mail house.
    Yes,
}

/// Whether a message is one of the case's letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Authenticity {
    /// All that it says as our letter stands in our letter.
    Ours {
        /// Whose letter; `None` if several people's letters say just this and nothing tells which it is.
        data_subject: Option<String>,
        /// The round of letters; `None` for a draft.
        round: Option<u32>,
        /// Whether that letter has left.
        left: Left,
        /// Lines of our letter, from 1, that are missing.
        missing_lines: Vec<usize>,
        /// Lines of the message, from 1, that whoever passed it on wrote.
        beside_lines: Vec<usize>,
        /// Links, addresses and numbers in those: none of ours.
        foreign_links: Vec<String>,
    },
    /// It is the code of our letters to this person, and nothing else.
    CodeAlone {
        /// Whose.
        data_subject: String,
    },
    /// It names, or looks like, a letter of ours, and says something else.
    Altered {
        /// Whose letter; `None` if nothing in it tells.
        data_subject: Option<String>,
        /// The round of the letter that it was compared with; `None` for a draft.
        round: Option<u32>,
        /// The first line, from 1, that is not in our letter; 0 if there is none.
        line: usize,
        /// Links and addresses in it that our letter does not have.
        foreign_links: Vec<String>,
        /// Every place where it differs.
        differences: Vec<(usize, String)>,
    },
    /// It names no letter of ours.
    NotOurs,
}

/// A text of ours that a message can be: one that was sent, or a draft.
struct Own {
    data_subject: String,
    round: Option<u32>,
    reference: Option<LetterReference>,
    left: Left,
    file: String,
    text_sha256: String,
    pdf_sha256: Option<String>,
}

/// Every text of ours.
struct Library<'r, 's> {
    response: &'r Response<'s>,
    own: Vec<Own>,
    codes: Codes,
    people: BTreeMap<String, RegisterEntry>,
    templates: Templates,
}

impl Response<'_> {
    /// Whether each message of a file, a mailbox or a folder is one of this case's letters. `round` looks at one round alone.
    ///
    /// # Errors
    /// If there are no letters, or a message or a letter cannot be read.
    pub fn check_messages(&self, path: &Path, round: Option<u32>) -> Result<Vec<Authenticity>, ResponseError> {
        let library = Library::open(self, round)?;
        let mut messages = Vec::new();
        read_messages(path, &mut |_, bytes| messages.extend(read_received(bytes)))?;
        messages.iter().map(|message| library.verdict(message)).collect()
    }

    /// Whether a text that somebody pasted is one of this case's letters; `None` if nothing in it can be judged.
    ///
    /// # Errors
    /// If there are no letters, or a letter cannot be read.
    pub(crate) fn check_pasted(&self, text: &str) -> Result<Option<Authenticity>, ResponseError> {
        let library = Library::open(self, None)?;
        read_received(text.as_bytes()).first().map(|message| library.verdict(message)).transpose()
    }
}

impl<'r, 's> Library<'r, 's> {
    fn open(response: &'r Response<'s>, round: Option<u32>) -> Result<Self, ResponseError> {
        let own_templates: Vec<(String, String)> = store::read_json(&response.case, store::TEMPLATES)?.unwrap_or_default();
        let mut own = sent(response)?;
        own.extend(drafts(response)?);
        own.retain(|letter| round.is_none() || letter.round.is_none() || letter.round == round);
        if own.is_empty() {
            return Err(ResponseError::NotYet { missing: "letters", command: "notify CASE draft" });
        }
        Ok(Self {
            own,
            codes: Codes::of(&response.case)?,
            people: register(response)?.0,
            templates: Templates::read(&own_templates, &response.estate.organisation.regimes)?,
            response,
        })
    }

    fn verdict(&self, message: &ReceivedMessage) -> Result<Authenticity, ResponseError> {
        if let Some(printed) = self.own.iter().find(|own| own.pdf_sha256.as_ref().is_some_and(|pdf| message.files.iter().any(|file| file.sha256 == *pdf)))
            && message.shown.is_empty()
        {
            return Ok(ours(printed, Some(printed.data_subject.clone()), &Judged::default()));
        }
        let (named, key) = self.named(message)?;
        if let Some(key) = key.filter(|_| message.is_code_alone()) {
            return Ok(Authenticity::CodeAlone { data_subject: key });
        }
        let is_named = !named.is_empty();
        let (candidates, people) = if is_named { (named, 1) } else { self.alike(message)? };
        let mut best: Option<(&Own, Judged)> = None;
        for own in candidates {
            let judged = self.judge(own, message)?;
            // Of texts that say the same as far as the message goes, it is the one that left.
            let rank = |own: &Own, judged: &Judged| {
                let left = if judged.is_ours() { own.left } else { Left::No };
                (judged.is_ours(), left, judged.found, own.left, own.round)
            };
            if best.as_ref().is_none_or(|(known, of_known)| rank(own, &judged) > rank(known, of_known)) {
                best = Some((own, judged));
            }
        }
        let Some((own, judged)) = best else { return Ok(Authenticity::NotOurs) };
        let whose = (people == 1).then(|| own.data_subject.clone());
        Ok(if judged.is_ours() { ours(own, whose, &judged) } else { altered(own, whose.filter(|_| is_named), &judged) })
    }

    /// The texts that a message names by its Message-ID, return path or code, and whose code it has.
    fn named(&self, message: &ReceivedMessage) -> Result<(Vec<&Own>, Option<String>), ResponseError> {
        let mut people: BTreeSet<&str> = BTreeSet::new();
        for reference in &message.references {
            people.extend(self.own.iter().filter(|own| own.reference.as_ref() == Some(reference)).map(|own| own.data_subject.as_str()));
        }
        let mut key = None;
        for code in &message.codes {
            if let Some(owner) = self.codes.owner(&self.response.case, code)? {
                people.insert(owner);
                key = Some(owner.to_owned());
            }
        }
        Ok((self.own.iter().filter(|own| people.contains(own.data_subject.as_str())).collect(), key))
    }

    /// Where nothing names a letter: the texts that share most with the message, and of how many people those are.
    fn alike(&self, message: &ReceivedMessage) -> Result<(Vec<&Own>, usize), ResponseError> {
        let (mut best, mut alike) = (LIKENESS_MIN, Vec::new());
        for own in &self.own {
            let (_, _, text) = load_text(self.response.case.path(), &own.file, &own.text_sha256)?;
            let shared = likeness(message, text.expose_personal());
            if shared > best {
                alike.clear();
                best = shared;
            }
            if shared >= best {
                alike.push(own);
            }
        }
        let people: BTreeSet<&str> = alike.iter().map(|own| own.data_subject.as_str()).collect();
        let people = people.len();
        // They share the same with it, so that one stands for all.
        alike.truncate(8);
        Ok((alike, people))
    }

    fn judge(&self, own: &Own, message: &ReceivedMessage) -> Result<Judged, ResponseError> {
        let (language, subject, text) = load_text(self.response.case.path(), &own.file, &own.text_sha256)?;
        let mut heads = self.templates.table_heads(&language);
        if let Some(entry) = self.people.get(&own.data_subject) {
            heads.extend(entry.names.values().map(|name| name.expose_personal().clone()));
            heads.extend(entry.postal_address.iter().flat_map(|address| address.expose_personal().lines()).map(str::to_owned));
        }
        Ok(judge(message, text.expose_personal(), &subject, &heads))
    }
}

/// What was sent, or is queued.
fn sent(response: &Response<'_>) -> Result<Vec<Own>, ResponseError> {
    let mut states: BTreeMap<(LetterReference, String), Left> = BTreeMap::new();
    for row in response.case.stored_letters()? {
        let left = states.entry((row.letter.reference, row.letter.letter_sha256)).or_insert(Left::No);
        *left = (*left).max(left_in(row.state));
    }
    let own = kept_letters(response)?.into_iter().map(|kept| Own {
        left: states.get(&(kept.reference.clone(), kept.letter_sha256.clone())).copied().unwrap_or(Left::Perhaps),
        data_subject: kept.data_subject,
        round: Some(kept.round),
        reference: Some(kept.reference),
        file: kept.file,
        text_sha256: kept.text_sha256,
        pdf_sha256: kept.pdf_sha256,
    });
    Ok(own.collect())
}

/// What is drafted now, held letters too.
fn drafts(response: &Response<'_>) -> Result<Vec<Own>, ResponseError> {
    let Some(record) = response.case.manifest().stages.get("letters").filter(|record| !record.files.is_empty()) else { return Ok(Vec::new()) };
    let files: BTreeMap<&str, &StoredFile> = record.files.iter().map(|file| (file.file.as_str(), file)).collect();
    let mut own = Vec::new();
    for letter in index(response)? {
        let Some(file) = files.get(format!("letters/{}.txt", letter.stem).as_str()) else { continue };
        own.push(Own {
            reference: response.case.letter_reference(1, &letter.data_subject).ok(),
            data_subject: letter.data_subject,
            round: None,
            left: Left::No,
            file: file.file.clone(),
            text_sha256: file.sha256.clone(),
            pdf_sha256: None,
        });
    }
    Ok(own)
}

fn left_in(state: SendingState) -> Left {
    match state {
        SendingState::Accepted | SendingState::HandedOver | SendingState::Answered | SendingState::Bounced | SendingState::Returned => Left::Yes,
        SendingState::Uncertain | SendingState::InFlight => Left::Perhaps,
        SendingState::Queued | SendingState::Deferred | SendingState::Refused => Left::No,
    }
}

fn ours(own: &Own, data_subject: Option<String>, judged: &Judged) -> Authenticity {
    Authenticity::Ours {
        data_subject,
        round: own.round,
        left: own.left,
        missing_lines: judged.missing.clone(),
        beside_lines: judged.beside.clone(),
        foreign_links: judged.beside_names.clone(),
    }
}

fn altered(own: &Own, data_subject: Option<String>, judged: &Judged) -> Authenticity {
    let links = judged.differences.iter().filter_map(|difference| match &difference.what {
        strandline_outbound::What::Link(link) => Some(link.clone()),
        _ => None,
    });
    Authenticity::Altered {
        data_subject,
        round: own.round,
        line: judged.differences.iter().map(|difference| difference.line).filter(|line| *line > 0).min().unwrap_or(0),
        foreign_links: links.collect(),
        differences: judged.differences.iter().map(|Difference { line, what }| (*line, what.to_string())).collect(),
    }
}
