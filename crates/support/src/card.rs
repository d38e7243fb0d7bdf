//! What one person's card holds: the letter, what went before it, and answers to what they wrote.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strandline_model::document::{Block, Field};
use strandline_model::personal::Personal;

use crate::message::{Kind, MessageId};

/// The card of one person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The language of the letter that the person holds.
    pub language: String,
    /// Names the letter; what was ticked off of another one does not count for it.
    pub letter_id: String,
    /// The letter: as the person holds it first, then the same in other languages.
    pub letters: Vec<CardLetter>,
    /// Every round of letters to the person, oldest first.
    pub rounds: Vec<Round>,
    /// Answers to what the person wrote, oldest first.
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// The letter in one language.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardLetter {
    /// Its language.
    pub language: String,
    /// Its title.
    pub title: String,
    /// Reference and date.
    pub head: Vec<Field>,
    /// What it says.
    pub blocks: Vec<Block>,
}

impl CardLetter {
    /// What it asks the reader to do, in order.
    pub(crate) fn actions(&self) -> &[String] {
        let numbered = self.blocks.iter().find_map(|block| match block {
            Block::Numbered { items } => Some(items.as_slice()),
            _ => None,
        });
        numbered.unwrap_or_default()
    }
}

/// A letter that the person got, or is about to get.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Its number, from 1.
    pub number: u32,
    /// The day it left; none if it is on its way.
    pub sent: Option<Date>,
    /// Its language.
    pub language: String,
    /// Its title.
    pub title: String,
    /// What it promised of the next one.
    pub promise: Promise,
    /// Its text, of a letter that another has followed.
    pub text: Option<Personal<String>>,
}

/// When a letter said that the next one would come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// It did not say.
    Open,
    /// By this day.
    By(Date),
    /// It was to be the last.
    Last,
}

/// An answer of the desk.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// To which message.
    pub message: MessageId,
    /// What that was about.
    pub kind: Kind,
    /// The day of the answer.
    pub day: Date,
    /// The answer.
    pub text: Personal<String>,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[card]")
    }
}
