//! `support collect`: what people wrote comes out of the bundle and into the case, each message once, whenever it is killed.

use std::path::Path;

use serde::Serialize;
use strandline_case::NewMessage;
use strandline_model::code::SupportCode;
use strandline_support::{CardKeys, Inbox, Message, MessageError, MessageId, Parameters, SecretKey};

use super::{State, SupportError, salt, secret};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{Codes, Drafting};
use crate::stage::notify::kept_letters;

/// Messages that are entered together.
const TOGETHER: usize = 100;

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Messages that are new in the case.
    pub new: u64,
    /// Messages that it had already: a run before was stopped, or the bundle was copied.
    pub known: u64,
    /// New messages of people who fear for their safety.
    pub safety: u64,
    /// Files that are no message of anybody; they stay where they are.
    pub refused: Vec<RefusedMessage>,
}

/// A file of the inbox that is no message of anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedMessage {
    /// The file.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl Response<'_> {
    /// Collects what waits in a bundle: opened with the case's key, proved by the code of its writer's letter, entered, and only then
    /// marked as taken.
    ///
    /// # Errors
    /// If nothing was published, the case has lost its key, or the case or the bundle cannot be written.
    pub fn collect_support(&mut self, bundle: &Path) -> Result<Collected, ResponseError> {
        let state = State::of(&self.case)?.ok_or(SupportError::NotPublished)?;
        let secret = secret(&self.case)?.ok_or(SupportError::NoSecret)?;
        let inbox = Inbox::of(bundle);
        let waiting = inbox.waiting().map_err(SupportError::from)?;
        let codes = Codes::of(&self.case)?;
        let mut collected = Collected::default();
        for (place, together) in waiting.chunks(TOGETHER).enumerate() {
            let (mut messages, mut taken) = (Vec::new(), Vec::new());
            for id in together {
                // One damaged letter keeps nobody else's message, and no request for safety, from being read.
                let reason = match self.open_message(&inbox, id, (&secret, &state, &codes)) {
                    Ok(Ok((data_subject, message))) => {
                        messages.push(self.entered(data_subject, &message));
                        taken.push(id);
                        continue;
                    }
                    Ok(Err(reason)) => reason.to_string(),
                    Err(error) => format!("it waits, since the letters of whoever wrote it cannot be read: {error}"),
                };
                collected.refused.push(RefusedMessage { id: id.as_str().to_owned(), reason });
            }
            let known: std::collections::BTreeSet<String> = self.case.stored_messages()?.into_iter().map(|stored| stored.message.id).collect();
            collected.safety += messages.iter().filter(|m| m.kind == strandline_support::Kind::Safety.as_str() && !known.contains(&m.id)).count() as u64;
            let author = self.author();
            let new = self.case.record_messages(&messages, &author, env!("CARGO_PKG_VERSION"))?;
            collected.new += new;
            collected.known += messages.len() as u64 - new;
            taken.into_iter().try_for_each(|id| inbox.take(id)).map_err(SupportError::from)?;
            self.watcher.progress((place * TOGETHER + together.len()) as u64, waiting.len() as u64, "messages");
        }
        Ok(collected)
    }

    fn entered(&self, data_subject: String, message: &Message) -> NewMessage {
        NewMessage {
            id: message.id.as_str().to_owned(),
            data_subject,
            kind: message.kind.as_str().to_owned(),
            body: serde_json::to_string(message).expect("a message has only texts and numbers"),
            collected_at: (self.settings.now)(),
        }
    }

    /// A message and whose it is; or why it is nobody's.
    fn open_message(
        &self,
        inbox: &Inbox,
        id: &MessageId,
        (secret, state, codes): (&SecretKey, &State, &Codes),
    ) -> Result<Result<(String, Message), MessageError>, ResponseError> {
        let unproved = match inbox.open(id, secret) {
            Ok(unproved) => unproved,
            Err(error) => return Ok(Err(error)),
        };
        let Some(owner) = state.cards.get(unproved.card()) else { return Ok(Err(MessageError::Foreign)) };
        let salt = salt(&self.case)?;
        // A person can hold letters with several codes; the message names the card of the one that it was written with.
        let mut keys = self.codes_of(owner, codes)?.into_iter().map(|code| CardKeys::derive(&code, &salt, Parameters::USUAL));
        let Some(keys) = keys.find(|keys| keys.name == *unproved.card()) else { return Ok(Err(MessageError::NotProved)) };
        Ok(unproved.prove(&keys).map(|message| (owner.clone(), message)))
    }

    /// The codes of a person: in the letter that is drafted, and in each that was released.
    fn codes_of(&self, data_subject: &str, codes: &Codes) -> Result<Vec<SupportCode>, ResponseError> {
        let mut found: Vec<SupportCode> = codes.in_letter(&self.case, data_subject)?.into_iter().collect();
        for kept in kept_letters(self)?.into_iter().filter(|kept| kept.data_subject == data_subject) {
            found.extend(Drafting::code_in_released(&self.case, codes, &kept)?);
        }
        found.sort_by_key(SupportCode::grouped);
        found.dedup_by_key(|code| code.grouped());
        Ok(found)
    }
}
