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
