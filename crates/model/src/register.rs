//! The register: who the data subjects are and how to reach them.

use std::collections::BTreeMap;

use crate::letter_word::Reader;
use crate::personal::Personal;

/// One person of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterEntry {
    /// The subject's key.
    pub key: String,
    /// Name, by language tag.
    pub names: BTreeMap<String, Personal<String>>,
    /// E-mail address.
    pub email: Option<Personal<String>>,
    /// Whether the person agreed to be written to by e-mail, where a law asks for that.
    pub email_agreed: bool,
    /// Telephone number.
    pub phone: Option<Personal<String>>,
    /// Postal address.
    pub postal_address: Option<Personal<String>>,
    /// Preferred language, a BCP 47 tag.
    pub language: Option<String>,
    /// `serving`, `departed`, `deceased`, `minor` …
    pub status: Option<String>,
    /// What the estate says that this status means, where it is a word of the register's own.
    pub means: Option<Status>,
    /// The laws that the person falls under, by id, where the register says so; `None`: all of the case.
    pub laws: Option<Vec<String>>,
    /// A value of the person's own that a file gives for the letter: a code for a monitoring service.
    pub given: Option<Personal<String>>,
    /// For somebody of whom a table tells beside its subject: what they are to that subject, and the subject's key.
    pub belongs_to: Option<BelongsTo>,
    /// Who else reads the letter, and their name, where a person decided so.
    pub reader: Option<(Reader, Option<Personal<String>>)>,
    /// Why nobody knows whether these values are the person's.
    pub doubt: Option<LineDoubt>,
}

/// Why the values of a line of the register cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineDoubt {
    /// Another line has the same key and other values.
    TwoLines,
    /// It has more fields than the register has columns: some stand in the wrong place.
    TooManyFields,
}

/// Whose data somebody's data is held with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BelongsTo {
    /// What they are to the subject: `kin`, `referee` …
    pub about: String,
    /// The subject's key.
    pub subject: String,
}

/// What a register's status means for a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// With the organisation, or the register does not say otherwise.
    Serving,
    /// Has left.
    Departed,
    /// Has died.
    Deceased,
    /// A child: a parent or guardian reads the letter.
    Minor,
    /// A word that means none of these; a person must read it.
    Unclear,
}

impl Status {
    /// Those that a word can mean.
    pub const NAMED: [(&str, Self); 4] = [("serving", Self::Serving), ("departed", Self::Departed), ("deceased", Self::Deceased), ("minor", Self::Minor)];

    /// What a word of a register means; an empty one means [`Status::Serving`].
    pub fn of(word: &str) -> Self {
        match word.trim().to_lowercase().as_str() {
            "" | "serving" | "active" | "current" | "employed" | "enrolled" | "在職" | "現職" => Status::Serving,
            "departed" | "departing" | "left" | "former" | "resigned" | "retired" | "離職" | "退休" => Status::Departed,
            "deceased" | "dead" | "died" | "已故" | "身故" => Status::Deceased,
            "minor" | "child" | "under 18" | "未成年" => Status::Minor,
            _ => Status::Unclear,
        }
    }
}

impl RegisterEntry {
    /// What the register's status means.
    pub fn standing(&self) -> Status {
        self.means.unwrap_or_else(|| Status::of(self.status.as_deref().unwrap_or_default()))
    }
}
