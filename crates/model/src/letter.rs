//! Letters on their way: the reference that names one, the channels, and the states between drafted and answered.
//!
//! The case stores them, the sender moves them; neither knows the other, so the words stand here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of a reference: 80 bits in RFC 4648 base32, lower case.
const REFERENCE_LENGTH: usize = 16;

/// Names one letter to one person in one round of letters: it stands in the Message-ID, in the return path and in the mail
/// house's manifest, and so tells nothing about the person. It is not the code that opens the support page.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LetterReference(String);

/// Text that is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a letter's reference has {REFERENCE_LENGTH} characters, a to z and 2 to 7")]
pub struct NotAReference;

impl LetterReference {
    /// From the first 80 bits of a keyed digest.
    pub fn from_bits(bits: [u8; 10]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut text = String::with_capacity(REFERENCE_LENGTH);
        for five in bits.chunks_exact(5) {
            let word = five.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            text.extend((0..8).rev().map(|i| char::from(ALPHABET[(word >> (5 * i)) as usize & 31])));
        }
        Self(text)
    }

    /// From text, upper or lower case: mail systems may change the case of a local part.
    ///
    /// # Errors
    /// If it has another length or other characters.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        let text = text.to_ascii_lowercase();
        let fits = text.len() == REFERENCE_LENGTH && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        if fits { Ok(Self(text)) } else { Err(NotAReference) }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LetterReference {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<Self, NotAReference> {
        Self::parse(&text)
    }
}

impl From<LetterReference> for String {
    fn from(reference: LetterReference) -> Self {
        reference.0
    }
}

impl fmt::Debug for LetterReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LetterReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a letter reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// Paper, through a mail house.
    Post,
}

impl Channel {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Post => "post",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Email, Self::Post].into_iter().find(|channel| channel.as_str() == word)
    }
}

/// Where a letter is, by one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendingState {
    /// Released, and nobody outside has it.
    Queued,
    /// About to be acknowledged: the mark that is durable before the server can have taken it.
    InFlight,
    /// The server said "later": nobody outside has it, and it is tried again.
    Deferred,
    /// The mail server took it.
    Accepted,
    /// The mail server, or we, refused it for good: nobody outside has it.
    Refused,
    /// It was in flight when the connection or the program ended: whether the server has it must be found out.
    Uncertain,
    /// It is in a batch for the mail house.
    HandedOver,
    /// A report says that it did not arrive.
    Bounced,
    /// The paper came back.
    Returned,
    /// The person answered.
    Answered,
}

impl SendingState {
    /// All, in the order in which a letter can come to them.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::InFlight,
        Self::Deferred,
        Self::Accepted,
        Self::Refused,
        Self::Uncertain,
        Self::HandedOver,
        Self::Bounced,
        Self::Returned,
        Self::Answered,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in_flight",
            Self::Deferred => "deferred",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
            Self::HandedOver => "handed_over",
            Self::Bounced => "bounced",
            Self::Returned => "returned",
            Self::Answered => "answered",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the letter is known not to have arrived by this channel, so that another may be used.
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Refused | Self::Bounced | Self::Returned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_survives_the_way_back_and_a_change_of_case() {
        let reference = LetterReference::from_bits([0, 68, 50, 20, 199, 66, 84, 182, 53, 207]);
        assert_eq!(reference.as_str(), "abcdefghijklmnop");
        assert_eq!(LetterReference::parse("ABCDEFGHIJKLMNOP"), Ok(reference));
        for bad in ["", "abc", "abcdefghijklmno1", "abcdefghijklmnopq", "abcdefghijklmnö"] {
            assert_eq!(LetterReference::parse(bad), Err(NotAReference), "{bad:?}");
        }
    }

    #[test]
    fn words_survive_the_way_back() {
        for state in SendingState::ALL {
            assert_eq!(SendingState::parse(state.as_str()), Some(state));
        }
        assert_eq!(Channel::parse("post"), Some(Channel::Post));
    }
}
