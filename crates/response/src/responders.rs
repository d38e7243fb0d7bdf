//! Who may decide in a case: enrolled and removed by signed decisions of people who were enrolled before.

use std::path::Path;

use strandline_case::{Case, Change, Enrolment, NotSigned, PublicKey, Responders, Role};

use crate::error::ResponseError;
use crate::run::{Settings, signing};

/// Who may decide in a case, and who could once.
///
/// # Errors
/// If there is no case, or its ledger cannot be read.
pub fn responders(case: &Path) -> Result<Responders, ResponseError> {
    Ok(Case::open_for_reading(case)?.responders()?)
}

/// Enrols a key of somebody. Signed by the responder of the settings; of the first, by the key itself.
///
/// # Errors
/// If the key cannot be enrolled, nobody who may signs it, or the case cannot be written.
pub fn enrol_responder(settings: &Settings<'_>, name: &str, key: &PublicKey, role: Role) -> Result<u64, ResponseError> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let enrolment = Enrolment { change: Change::Enrolled, key: key.to_openssh(), name, role };
    change(signing(Case::open(&settings.case)?, settings), settings, enrolment)
}

/// Removes all keys of somebody, or one. What they signed before stays signed.
///
/// # Errors
/// If nobody of this name is enrolled, it is the last approver, nobody who may signs it, or the case cannot be written.
pub fn remove_responder(settings: &Settings<'_>, name: &str, key: Option<&PublicKey>) -> Result<Vec<u64>, ResponseError> {
    let mut case = signing(Case::open(&settings.case)?, settings);
    let known = case.responders()?;
    let only = key.map(PublicKey::to_openssh);
    let own: Vec<Enrolment> = known
        .iter()
        .filter(|r| r.name == name && r.removed.is_none() && only.as_ref().is_none_or(|key| *key == r.key))
        .map(|r| Enrolment { change: Change::Removed, key: r.key.clone(), name: r.name.clone(), role: r.role })
        .collect();
    if own.is_empty() {
        let names: Vec<&str> = known.iter().filter(|r| r.removed.is_none()).map(|r| r.name.as_str()).collect();
        let who = if names.is_empty() { "nobody is".to_owned() } else { format!("enrolled are {}", names.join(", ")) };
        return Err(strandline_case::CaseError::from(NotSigned::Enrolment(format!("{name:?} is not enrolled with such a key: {who}"))).into());
    }
    own.into_iter().map(|enrolment| Ok(case.change_responders(enrolment, &settings.responder, (settings.now)(), env!("CARGO_PKG_VERSION"))?)).collect()
}

fn change(mut case: Case, settings: &Settings<'_>, enrolment: Enrolment) -> Result<u64, ResponseError> {
    Ok(case.change_responders(enrolment, &settings.responder, (settings.now)(), env!("CARGO_PKG_VERSION"))?)
}
