//! Cards that the desk withdrew, since somebody else holds the letter: they are published no more, and whose they were gets another code.

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::Case;
use strandline_model::code::SupportCode;
use strandline_support::{CardKeys, CardName, Parameters};

use super::desk::{self, DeskAct};
use super::salt;
use crate::error::ResponseError;

/// The cards that were withdrawn.
#[derive(Default)]
pub(crate) struct Withdrawn {
    cards: BTreeMap<String, BTreeSet<CardName>>,
    /// The ledger entry of the last withdrawal: letters are drafted again after it.
    pub(crate) last_entry: Option<u64>,
}

impl Withdrawn {
    /// Those of a case.
    ///
    /// # Errors
    /// If the case cannot be read.
    pub(crate) fn of(case: &Case) -> Result<Self, ResponseError> {
        let mut withdrawn = Self::default();
        for (ledger_entry, _, act) in desk::acts(case)? {
            if let DeskAct::Withdrawn { data_subject, card, .. } = act {
                withdrawn.cards.entry(data_subject).or_default().insert(card);
                withdrawn.last_entry = Some(ledger_entry);
            }
        }
        Ok(withdrawn)
    }

    /// Whether there is one.
    pub(crate) fn is_any(&self) -> bool {
        !self.cards.is_empty()
    }

    /// Whether this card was withdrawn.
    pub(crate) fn has(&self, data_subject: &str, card: &CardName) -> bool {
        self.cards.get(data_subject).is_some_and(|cards| cards.contains(card))
    }

    /// Whether the card that a person's code opens was withdrawn. Of whom none was, nothing is derived.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub(crate) fn has_code(&self, case: &Case, data_subject: &str, code: &SupportCode) -> Result<bool, ResponseError> {
        let Some(cards) = self.cards.get(data_subject) else { return Ok(false) };
        Ok(cards.contains(&CardKeys::derive(code, &salt(case)?, Parameters::USUAL).name))
    }
}
