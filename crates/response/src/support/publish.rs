//! `support publish`: one card for each person whose letter was released, sealed into a bundle. Nothing that nobody approved is in it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use strandline_model::estate::Contact;
use strandline_model::letter::LetterReference;
use strandline_support::{Before, Parameters, Spool, Terms};

use super::cards::Cards;
use super::{STAGE, STATE, State, SupportError, salt, secret_or_new, seed};
use crate::duties::reference;
use crate::error::ResponseError;
use crate::run::Response;
use crate::store;

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// How many people have a card.
    pub cards: u64,
    /// People with a letter and no card, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Translations of letters that the lint would stop as a letter: they are on no card.
    pub stopped_translations: u64,
    /// Answers of the desk on the cards.
    pub answers: u64,
    /// Length of each card, bytes.
    pub card_bytes: u64,
    /// To whom messages are sealed.
    pub recipient: String,
}

impl Response<'_> {
    /// Seals a card for each person whose letter was approved or has left, into a bundle. Cards that are shown already are replaced;
    /// messages that wait there, and what people ticked off, stay. The ledger has it before it is shown.
    ///
    /// # Errors
    /// If no letter was released, the bundle is another case's, or a file cannot be read or written.
    pub fn publish_support(&mut self, bundle: &Path, second_approver_from: Option<u64>) -> Result<Published, ResponseError> {
        let round: u32 = store::read_json(&self.case, store::ROUND)?.unwrap_or(1);
        let approved = self.released(round, second_approver_from)?;
        let secret = secret_or_new(&self.case)?;
        let terms = self.terms(&secret)?;
        let mut cards = Cards::of(self, round, &approved)?;
        // Whoever reads a page at this moment finds its card for a while yet; not where a stranger could be the reader.
        let before = if cards.has_withdrawn() { Before::Removed } else { Before::Kept };
        let scratch = self.case.scratch()().map_err(|source| ResponseError::Write { path: self.case.path().to_owned(), source })?;
        let (mut spool, mut people, mut answers) = (Spool::new(scratch), Vec::new(), 0);
        cards.each(self, &mut |key, code, card| {
            people.push(key.to_owned());
            answers += card.answers.len() as u64;
            spool.add(code, card).map_err(|error| SupportError::from(error).into())
        })?;
        if spool.is_empty() {
            return Err(SupportError::NoCards.into());
        }
        let (threads, watcher) = (self.settings.threads, &mut *self.watcher);
        let prepared = spool.publish(bundle, &terms, threads, &mut |done, total| watcher.progress(done, total, "cards")).map_err(SupportError::from)?;
        let mut state = State::of(&self.case)?.unwrap_or_default();
        state.cards.extend(prepared.names.iter().cloned().zip(people));
        let file = store::write_json(&self.case, STATE, &state)?;
        let mut inputs = self.inputs_after(&["letters", "sent", "approvals"]);
        inputs.insert("bundle", prepared.sha256());
        self.commit_files(STAGE, inputs, vec![file])?;
        let published = Published {
            cards: prepared.names.len() as u64,
            left_out: cards.left_out,
            stopped_translations: cards.stopped,
            answers,
            card_bytes: prepared.card_bytes() as u64,
            recipient: secret.recipient().to_text(),
        };
        prepared.commit(before).map_err(SupportError::from)?;
        Ok(published)
    }

    fn terms(&self, secret: &strandline_support::SecretKey) -> Result<Terms, ResponseError> {
        let organisation = &self.estate.organisation;
        Ok(Terms {
            salt: salt(&self.case)?,
            parameters: Parameters::USUAL,
            recipient: secret.recipient(),
            decoys: seed(&self.case, b"support page decoys")?,
            organisation: organisation.name.clone(),
            domain: organisation.domain.clone(),
            reference: reference(&self.case)?,
            contact: organisation.contact.as_ref().map(contact),
            safety: organisation.safety_contact.as_ref().map(contact),
            time_zone: organisation.time_zone.clone(),
            now: (self.settings.now)(),
        })
    }

    /// Letters of the round that enough people approved, by person.
    fn released(&self, round: u32, second_approver_from: Option<u64>) -> Result<BTreeMap<String, LetterReference>, ResponseError> {
        let is_drafted = self.case.manifest().stages.get("letters").is_some_and(|record| !record.files.is_empty());
        if !is_drafted {
            return Ok(BTreeMap::new());
        }
        let plan = self.letter_plan(round)?;
        let approved = self.approved_letters(&plan, second_approver_from)?;
        let of_plan = plan.letters.into_values().filter(|letter| approved.contains(&letter.reference));
        Ok(of_plan.map(|letter| (letter.data_subject, letter.reference)).collect())
    }
}

fn contact(contact: &Contact) -> strandline_support::Contact {
    let Contact { name, phone, email, hours } = contact.clone();
    strandline_support::Contact { name, phone, email, hours }
}
