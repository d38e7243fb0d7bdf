//! The index of the letters, `export/letters.csv`: where sending learns which letter is whose, how it can go, and which wait for a
//! person. What the draft found out is decided once.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strandline_model::letter::Channel;
use strandline_notice::letter::Letter;

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::notify::hexadecimal;

/// Where it stands in the case.
pub const INDEX: (&str, &str) = ("export", "letters.csv");
/// Longer keys are cut in a file name and made different by their hash.
const NAME_BYTES: usize = 120;

/// One letter of the index.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedLetter {
    /// Whose it is.
    pub data_subject: String,
    /// Its files are `letters/STEM.txt` and others of that stem.
    pub stem: String,
    /// Which letter: `exposed`, `possible`, `not_reached`, `deceased`.
    pub kind: String,
    /// Its language.
    pub language: String,
    /// Ways to the person, best first, with blanks between.
    pub channels: String,
    /// `yes` where a person must decide before it goes.
    pub held: String,
    /// What a person must know or decide.
    pub attention: String,
}

impl IndexedLetter {
    /// The line of a drafted letter.
    pub fn of(letter: &Letter) -> Self {
        let joined = |parts: Vec<&str>, between: &str| parts.join(between);
        Self {
            data_subject: letter.data_subject.clone(),
            stem: file_stem(&letter.data_subject),
            kind: letter.kind.as_str().to_owned(),
            language: letter.language.clone(),
            channels: joined(letter.channels.iter().map(|c| c.as_str()).collect(), " "),
            held: if letter.is_held() { "yes" } else { "no" }.to_owned(),
            attention: joined(letter.attention.iter().map(|a| a.explain()).collect(), "; "),
        }
    }

    /// Ways to the person, best first.
    pub fn ways(&self) -> Vec<Channel> {
        self.channels.split_whitespace().filter_map(Channel::parse).collect()
    }

    /// Whether a person must decide before it goes.
    pub fn is_held(&self) -> bool {
        self.held != "no"
    }
}

/// Reads the index of the committed letters.
///
/// # Errors
/// If it is not there or not whole.
pub fn index(response: &Response<'_>) -> Result<Vec<IndexedLetter>, ResponseError> {
    let path = response.case.path().join(INDEX.0).join(INDEX.1);
    let damaged = |_| ResponseError::Register {
        path: format!("{}/{}", INDEX.0, INDEX.1),
        line: 0,
        reason: "the index of the letters is damaged: run `strandline notify CASE draft` again".to_owned(),
    };
    let bytes = std::fs::read(&path).map_err(|source| ResponseError::Read { path, source })?;
    csv::Reader::from_reader(bytes.as_slice()).deserialize().collect::<Result<_, _>>().map_err(damaged)
}

/// A subject's key as a file name: letters, digits and hyphens stay, everything else is percent-encoded, so that no two keys
/// share a name and none leaves the folder. A long one ends in its hash.
pub fn file_stem(key: &str) -> String {
    let mut name = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_BYTES {
        name.truncate(NAME_BYTES - 18);
        // A tilde stands in no other name.
        name.push('~');
        name.push_str(&hexadecimal(&Sha256::digest(key))[..16]);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::file_stem;

    #[test]
    fn a_key_cannot_leave_the_folder() {
        assert_eq!(file_stem("C-12"), "C-12");
        assert_eq!(file_stem("../x"), "%2E%2E%2Fx");
        assert_eq!(file_stem("陳"), "%E9%99%B3");
    }

    #[test]
    fn long_keys_that_begin_alike_get_names_of_their_own() {
        let long = "x".repeat(500);
        let (one, other) = (file_stem(&format!("{long}1")), file_stem(&format!("{long}2")));
        assert_ne!(one, other);
        assert!(one.len() < 200);
    }
}
