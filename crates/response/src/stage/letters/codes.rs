//! The codes on letters. Each is drawn at random and stands in its letter; beside the letters the case keeps only whose it is, by a
//! salted digest of the code. A letter that is drafted again keeps its code, and a code that was ever given out stays its person's.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use strandline_case::{Case, StoredFile};
use strandline_model::code::SupportCode;
use strandline_outbound::codes_in;

use crate::error::ResponseError;
use crate::stage::letters::index::file_stem;
use crate::store;

/// Whose each code is.
#[derive(Default)]
pub struct Codes {
    /// Data subjects, by the digest of a code.
    owners: BTreeMap<String, String>,
}

impl Codes {
    /// Those of the case.
    ///
    /// # Errors
    /// If their file cannot be read or is damaged.
    pub fn of(case: &Case) -> Result<Self, ResponseError> {
        Ok(Self { owners: store::read_json(case, store::CODES)?.unwrap_or_default() })
    }

    /// Whose code this is.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub fn owner(&self, case: &Case, code: &SupportCode) -> Result<Option<&str>, ResponseError> {
        Ok(self.owners.get(&digest(case, code)?).map(String::as_str))
    }

    /// The code in a person's letter, as its file has it; `None` if there is no letter, or no code of this person in it.
    ///
    /// # Errors
    /// If the letter cannot be read, or the case has no salt here.
    pub fn in_letter(&self, case: &Case, data_subject: &str) -> Result<Option<SupportCode>, ResponseError> {
        let path = case.path().join(format!("letters/{}.txt", file_stem(data_subject)));
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ResponseError::Read { path, source }),
        };
        for code in codes_in(&text) {
            if self.owner(case, &code)? == Some(data_subject) {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    /// Gives a person a code of random bits.
    ///
    /// # Errors
    /// If the case has no salt here.
    pub fn give(&mut self, case: &Case, data_subject: &str, random: [u8; 32]) -> Result<SupportCode, ResponseError> {
        let code = SupportCode::from_bits(std::array::from_fn(|place| random[place]));
        self.owners.insert(digest(case, &code)?, data_subject.to_owned());
        Ok(code)
    }

    /// Writes them; they count once a stage names the file.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn store(&self, case: &Case) -> Result<StoredFile, ResponseError> {
        store::write_json(case, store::CODES, &self.owners)
    }
}

/// Salted, so that a list of digests without the case's salt says nothing.
fn digest(case: &Case, code: &SupportCode) -> Result<String, ResponseError> {
    Ok(case.salted_digest(format!("support code\0{}", code.grouped()).as_bytes())?)
}
