//! Whether a message that somebody received is one of the case's letters: the one they were sent, as it was sent, in whatever way it
//! comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use strandline_case::StoredFile;
use strandline_model::letter::{LetterReference, SendingState};
use strandline_model::register::RegisterEntry;
use strandline_notice::letter::Templates;
use strandline_outbound::{CodeOnly, Difference, FileKind, Judged, ReceivedMessage, What, judge, likeness, read_messages, read_received};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::expose::{others, register};
use crate::stage::letters::{Codes, index};
use crate::stage::notify::{kept_letters, load_text};
use crate::store;

/// Runs of words that a message shares with a letter at least, if nothing names the letter.
const LIKENESS_MIN: usize = 12;
/// A message that has so much of a letter's words is that letter, or one that somebody changed.
const SHARE_MIN_PERCENT: usize = 25;

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
        /// Words of theirs, in those lines or in a mail around it.
        beside_words: usize,
        /// Links, addresses and numbers in those, and what the mail's own head says: none of ours.
        foreign_links: Vec<String>,
        /// Files that came with it and are no letter of ours, by name.
        foreign_files: Vec<String>,
    },
    /// It is the code of our letters to this person, and nothing else, or nothing but a question about it.
    CodeAlone {
        /// Whose.
        data_subject: String,
        /// Whether somebody asks about it.
        asked: bool,
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
    /// It is a picture, or a PDF that is none of ours byte for byte: its words are not read.
    Unreadable,
}

impl Authenticity {
    /// Whether it is ours, and nothing of anybody else's stands beside it.
    pub fn is_simply_ours(&self) -> bool {
        match self {
            Self::Ours { beside_words, foreign_links, foreign_files, .. } => *beside_words == 0 && foreign_links.is_empty() && foreign_files.is_empty(),
            Self::CodeAlone { asked, .. } => !asked,
            Self::Altered { .. } | Self::NotOurs | Self::Unreadable => false,
        }
    }
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
            people: people(response)?,
            templates: Templates::read(&own_templates, &response.estate.organisation.regimes)?,
            response,
        })
    }

    fn verdict(&self, message: &ReceivedMessage) -> Result<Authenticity, ResponseError> {
        let is_file = |own: &&Own| own.pdf_sha256.as_ref().is_some_and(|pdf| message.files.iter().any(|file| file.sha256 == *pdf));
        let printed = self.own.iter().find(is_file);
        if let Some(printed) = printed.filter(|_| message.shown.is_empty()) {
            return Ok(self.ours(printed, Some(printed.data_subject.clone()), &Judged::default(), message));
        }
        let (named, key) = self.named(message)?;
        if let (Some(key), Some(how), true) = (key, message.code_only(), message.files.is_empty()) {
            return Ok(Authenticity::CodeAlone { data_subject: key, asked: how == CodeOnly::Asked });
        }
        let is_named = !named.is_empty();
        let (candidates, people) = if is_named { (named, 1) } else { self.alike(message)? };
        let best = self.best(candidates, message)?;
        let is_letter = |judged: &Judged| judged.is_ours() || judged.found * 100 >= judged.of * SHARE_MIN_PERCENT;
        // The letter itself comes with whatever somebody wrote around it, which is no letter of ours.
        if let Some(printed) = printed.filter(|_| !best.as_ref().is_some_and(|(_, judged)| is_letter(judged))) {
            let around = beside_file(&self.judge(printed, message)?, message);
            return Ok(self.ours(printed, Some(printed.data_subject.clone()), &around, message));
        }
        let is_read = message.files.iter().all(|file| file.kind == FileKind::Other);
        let Some((own, judged)) = best else { return Ok(if is_read { Authenticity::NotOurs } else { Authenticity::Unreadable }) };
        let whose = (people == 1).then(|| own.data_subject.clone());
        Ok(if judged.is_ours() { self.ours(own, whose, &judged, message) } else { altered(own, whose.filter(|_| is_named), &judged) })
    }

    /// Of several texts, the one that a message is, or is most like.
    fn best<'o>(&self, candidates: Vec<&'o Own>, message: &ReceivedMessage) -> Result<Option<(&'o Own, Judged)>, ResponseError> {
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
        Ok(best)
    }

    fn ours(&self, own: &Own, data_subject: Option<String>, judged: &Judged, message: &ReceivedMessage) -> Authenticity {
        let is_ours = |sha256: &String| self.own.iter().any(|own| own.pdf_sha256.as_ref() == Some(sha256));
        let mut files: Vec<String> = message.files.iter().filter(|file| !is_ours(&file.sha256)).map(|file| file.name.expose_personal().clone()).collect();
        files.sort();
        files.dedup();
        Authenticity::Ours {
            data_subject,
            round: own.round,
            left: own.left,
            missing_lines: judged.missing.clone(),
            beside_lines: judged.beside.clone(),
            beside_words: judged.beside_words,
            foreign_links: judged.beside_names.clone(),
            foreign_files: files,
        }
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
        Ok(judge(message, text.expose_personal(), &subject, &self.heads(own, &language)))
    }

    /// What a printed letter has beside its text, and the addresses of a mail of ours.
    fn heads(&self, own: &Own, language: &str) -> Vec<String> {
        let estate = &self.response.estate;
        let mut heads = self.templates.page_heads(language);
        heads.extend(estate.organisation.name.values().cloned());
        heads.extend(estate.organisation.postal_address.iter().cloned());
        heads.extend(estate.support.as_ref().map(|support| support.shown().to_owned()));
        heads.extend(estate.sending.iter().flat_map(|sending| [Some(sending.from.clone()), sending.reply_to.clone()]).flatten());
        if let Some(entry) = self.people.get(&own.data_subject) {
            heads.extend(entry.names.values().map(|name| name.expose_personal().clone()));
            heads.extend(entry.postal_address.iter().flat_map(|address| address.expose_personal().lines()).map(str::to_owned));
            heads.extend(entry.email.iter().map(|email| email.expose_personal().clone()));
            heads.extend(entry.reader.iter().filter_map(|(_, name)| name.as_ref()).map(|name| name.expose_personal().clone()));
        }
        heads
    }
}

/// What stands around a letter that came as a file.
fn beside_file(judged: &Judged, message: &ReceivedMessage) -> Judged {
    let told = judged.differences.iter().filter_map(|difference| match &difference.what {
        What::Link(name) | What::Number(name) => Some(name.clone()),
        _ => None,
    });
    let words = |text: &str| text.split_whitespace().count();
    let mut names: Vec<String> = judged.beside_names.iter().cloned().chain(told).collect();
    names.sort();
    names.dedup();
    Judged {
        beside_words: message.shown.iter().map(|shown| words(shown.text.expose_personal())).max().unwrap_or(0) + words(message.around.expose_personal()),
        beside_names: names,
        ..Judged::default()
    }
}

/// Everybody who can have a letter of their own.
fn people(response: &Response<'_>) -> Result<BTreeMap<String, RegisterEntry>, ResponseError> {
    let mut people = register(response)?.0;
    people.extend(others(response)?.0);
    Ok(people)
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

fn altered(own: &Own, data_subject: Option<String>, judged: &Judged) -> Authenticity {
    let links = judged.differences.iter().filter_map(|difference| match &difference.what {
        What::Link(link) => Some(link.clone()),
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
