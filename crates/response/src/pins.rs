//! Starting points that people named after a run: the ledger has each word first, and the next trace follows them. What a run was told
//! itself stands in the trail's own state; a person's word on a starting point counts over it.

use serde::{Deserialize, Serialize};
use strandline_case::{Case, Function, Statement, StoredStatement};
use strandline_model::personal::Personal;
use strandline_model::trail::Pin;

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::trace::TrailState;
use crate::store;

/// What the case calls the statements that these words are.
const KIND: &str = "pin";

/// What somebody says of starting points.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinWord {
    /// The trail is followed from here, too.
    pub named: Vec<Pin>,
    /// It is not followed from here any more.
    pub withdrawn: Vec<Pin>,
    /// Why.
    pub why: Option<Personal<String>>,
}

/// Every word on starting points, oldest first, with its ledger entry.
pub(crate) fn pin_words(case: &Case) -> Result<Vec<(u64, PinWord)>, ResponseError> {
    let read = |stored: StoredStatement| {
        let word = serde_json::from_str(&stored.statement.body).map_err(|source| ResponseError::UnknownDecision { entry: stored.ledger_entry, source })?;
        Ok((stored.ledger_entry, word))
    };
    case.stored_statements(KIND)?.into_iter().map(read).collect()
}

/// What the trail is followed from: what a run was told, and what people said since. The last word on each counts.
pub(crate) fn in_force<'w>(told: &[Pin], words: impl IntoIterator<Item = &'w PinWord>) -> Vec<Pin> {
    let mut pins = told.to_vec();
    for word in words {
        pins.retain(|pin| !word.withdrawn.contains(pin));
        for pin in &word.named {
            if !pins.contains(pin) {
                pins.push(pin.clone());
            }
        }
    }
    pins
}

impl PinWord {
    /// What has to be said so that the trail is followed from these and from nothing else.
    pub fn between(now: &[Pin], wanted: &[Pin], why: Option<Personal<String>>) -> Self {
        let without = |all: &[Pin], others: &[Pin]| all.iter().filter(|pin| !others.contains(pin)).cloned().collect();
        Self { named: without(wanted, now), withdrawn: without(now, wanted), why }
    }
}

impl Response<'_> {
    /// What the next trace is followed from.
    ///
    /// # Errors
    /// If a word or the trail's state cannot be read.
    pub fn pins(&self) -> Result<Vec<Pin>, ResponseError> {
        let state: TrailState = store::read_json(&self.case, store::TRAIL)?.unwrap_or_default();
        Ok(in_force(state.told(), pin_words(&self.case)?.iter().map(|(_, word)| word)))
    }

    /// Records what a person says of starting points. Nothing is said where all is so already.
    ///
    /// # Errors
    /// If a pin that is to be withdrawn is none of the case's, or the case cannot be written.
    pub(crate) fn decide_pins(&mut self, word: PinWord) -> Result<(), ResponseError> {
        let pins = self.pins()?;
        if let Some(unknown) = word.withdrawn.iter().find(|pin| !pins.contains(pin)) {
            return Err(ResponseError::NoSuchPin(unknown.to_string()));
        }
        let named = word.named.into_iter().filter(|pin| !pins.contains(pin)).collect();
        let word = PinWord { named, ..word };
        if word.named.is_empty() && word.withdrawn.is_empty() {
            return Ok(());
        }
        self.restate_pins(&word)
    }

    /// Records a word as it is.
    pub(crate) fn restate_pins(&mut self, word: &PinWord) -> Result<(), ResponseError> {
        let body = serde_json::to_string(word).expect("a word has only texts");
        let statement = Statement { kind: KIND.to_owned(), body, made_by: self.settings.responder.clone(), made_at: (self.settings.now)() };
        self.case.record_statement(&statement, Function::Respond, env!("CARGO_PKG_VERSION"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(told: &[&str], words: &[(&[&str], &[&str])], expected: &[&str]) {
        let pins = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a pin")).collect::<Vec<Pin>>();
        let words: Vec<PinWord> = words.iter().map(|(named, withdrawn)| PinWord { named: pins(named), withdrawn: pins(withdrawn), why: None }).collect();
        assert_eq!(in_force(&pins(told), &words), pins(expected));
    }

    #[test]
    fn the_last_word_on_a_starting_point_counts() {
        check(&["account=a"], &[], &["account=a"]);
        check(&["account=a"], &[(&["session=s"], &[])], &["account=a", "session=s"]);
        check(&["account=a"], &[(&["account=a"], &[]), (&[], &["account=a"])], &[]);
        check(&["account=a"], &[(&[], &["account=a"]), (&["account=a"], &[])], &["account=a"]);
        check(&[], &[(&["session=s"], &[]), (&["session=s", "address=203.0.113.7"], &[])], &["session=s", "address=203.0.113.7"]);
    }
}
