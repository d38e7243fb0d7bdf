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
    /// What the desk has of what the person wrote, and what became of it beside those answers.
    #[serde(default)]
    pub handled: Vec<Handled>,
    /// Whether older answers or the texts of older letters are not here, so that one card does not make all others long.
    #[serde(default)]
    pub is_cut: bool,
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
    /// Whether nobody took it.
    #[serde(default)]
    pub is_refused: bool,
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

/// What became of a message beside an answer on the card.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handled {
    /// Which message.
    pub message: MessageId,
    /// What became of it.
    pub how: Handling,
}

/// What the desk did about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// The desk has it.
    Taken,
    /// It was answered by post.
    ByPost,
    /// It was answered by telephone.
    ByPhone,
    /// Nothing more is to be done about it.
    Closed,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[card]")
    }
}
