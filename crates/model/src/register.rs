//! The register: who the data subjects are and how to reach them.

use std::collections::BTreeMap;

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
    /// Telephone number.
    pub phone: Option<Personal<String>>,
    /// Postal address.
    pub postal_address: Option<Personal<String>>,
    /// Preferred language, a BCP 47 tag.
    pub language: Option<String>,
    /// `serving`, `departed`, `deceased` …
    pub status: Option<String>,
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
    /// A word that means none of these; a person must read it.
    Unclear,
}

impl RegisterEntry {
    /// What the register's status means. An empty one means [`Status::Serving`].
    pub fn standing(&self) -> Status {
        let word = self.status.as_deref().unwrap_or_default().trim().to_lowercase();
        match word.as_str() {
            "" | "serving" | "active" | "current" | "employed" | "enrolled" | "在職" | "現職" => Status::Serving,
            "departed" | "departing" | "left" | "former" | "resigned" | "retired" | "離職" | "退休" => Status::Departed,
            "deceased" | "dead" | "died" | "已故" | "身故" => Status::Deceased,
            _ => Status::Unclear,
        }
    }
}
