//! Who may decide in a case: enrolled and removed by signed decisions of people who were enrolled before.

use std::path::Path;

use strandline_case::{Case, Change, Enrolment, NotSigned, Objection, PublicKey, Responders, Right, Role, StoredApproval};

use crate::error::ResponseError;
use crate::run::{Response, Settings, signing};

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
        let objection = Objection::NotOfThatName { name: name.to_owned(), enrolled: names.join(", ") };
        return Err(strandline_case::CaseError::from(NotSigned::Enrolment(objection)).into());
    }
    own.into_iter().map(|enrolment| Ok(case.change_responders(enrolment, &settings.responder, (settings.now)(), env!("CARGO_PKG_VERSION"))?)).collect()
}

fn change(mut case: Case, settings: &Settings<'_>, enrolment: Enrolment) -> Result<u64, ResponseError> {
    Ok(case.change_responders(enrolment, &settings.responder, (settings.now)(), env!("CARGO_PKG_VERSION"))?)
}

impl Response<'_> {
    /// Enrols or removes a key, in the name of the settings.
    pub(crate) fn change_responders(&mut self, enrolment: Enrolment) -> Result<(), ResponseError> {
        self.case.change_responders(enrolment, &self.settings.responder, (self.settings.now)(), env!("CARGO_PKG_VERSION"))?;
        Ok(())
    }

    /// Approvals of letters and of cuts. Where anybody is enrolled, those that an approver signed: a typed name of before approves
    /// nothing any more.
    pub(crate) fn approvals_that_count(&self) -> Result<Vec<StoredApproval>, ResponseError> {
        let stored = self.case.stored_approvals()?;
        let responders = self.case.responders()?;
        if responders.is_empty() {
            return Ok(stored);
        }
        let mut signed = Vec::new();
        for approval in stored {
            let entry = self.case.ledger().entry(approval.ledger_entry).map_err(strandline_case::CaseError::from)?;
            if self.case.signer_among(&responders, approval.ledger_entry, &entry).is_some_and(|signer| signer.role.may(Right::Approve)) {
                signed.push(approval);
            }
        }
        Ok(signed)
    }
}
