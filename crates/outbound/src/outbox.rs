//! What is to go and what has become of it, as the sender sees it. Whoever keeps the state implements [`Outbox`].

use std::collections::BTreeSet;

use strandline_model::letter::LetterReference;
use strandline_model::time::Instant;

use crate::letter::OutgoingLetter;
use crate::smtp::Answer;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// The server took it.
    Accepted(Answer),
    /// Nobody has it; it is due again at this time.
    Later {
        /// What the server said, or what happened to the connection.
        answer: Answer,
        /// When to try again.
        due: Instant,
    },
    /// Nobody has it, and it is not tried again.
    Refused(Answer),
    /// The connection ended between the end of the letter and the server's answer: the server may have it.
    Uncertain(Answer),
}

/// What became of one letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The letter.
    pub reference: LetterReference,
    /// When.
    pub at: Instant,
    /// What.
    pub result: SendResult,
}

/// The letters that may go, and their state. There is one sender at a time.
pub trait Outbox {
    /// Why the state could not be read or written.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Letters that a run which died had in flight become uncertain. Returns how many there were. Called once, first.
    ///
    /// # Errors
    /// If the state cannot be read or written.
    fn settle(&mut self, now: Instant) -> Result<u64, Self::Error>;

    /// At most `limit` letters that are queued, or deferred and due, and are not in `taken`; in a stable order. Never one
    /// that is in flight, uncertain, or done with.
    ///
    /// # Errors
    /// If the state cannot be read, or a letter is not what was approved.
    fn next(&mut self, now: Instant, limit: usize, taken: &BTreeSet<LetterReference>) -> Result<Vec<OutgoingLetter>, Self::Error>;

    /// When the earliest deferred letter is due.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn next_due(&mut self) -> Result<Option<Instant>, Self::Error>;

    /// Marks letters as in flight and records outcomes, together and durably: when this returns, a power cut loses none of it.
    ///
    /// # Errors
    /// If the state cannot be written; then no letter of `in_flight` is sent.
    fn commit(&mut self, in_flight: &[LetterReference], outcomes: &[Outcome], now: Instant) -> Result<(), Self::Error>;
}
