//! Who somebody is in a case, and whether what they ask for is theirs. Terminal and console ask here before anything is shown or done;
//! the table is the ledger's own ([`strandline_case::Right`]), so that a signature counts for the same as a session.

use std::path::Path;

use strandline_case::{Case, Enrolment, Responders, Right, Role};

use super::act::{Act, DeskError};
use crate::error::ResponseError;

/// What somebody of this name may do: what they are enrolled for, and nothing but look where they are not. Where nobody is enrolled, all
/// that a typed name may.
///
/// # Errors
/// If there is no case, or its ledger cannot be read.
pub fn role_in(case: &Path, name: &str) -> Result<Role, ResponseError> {
    Ok(role_among(&Case::open_for_reading(case)?.responders()?, name))
}

/// The same, among responders that were read before.
pub fn role_among(responders: &Responders, name: &str) -> Role {
    let own = responders.iter().find(|r| r.removed.is_none() && r.name == name);
    match (responders.is_empty(), own) {
        (true, _) => Role::Approver,
        (false, Some(responder)) => responder.role,
        (false, None) => Role::Reader,
    }
}

/// Whether something is a role's.
///
/// # Errors
/// If it is not.
pub fn allow(role: Role, right: Right) -> Result<(), DeskError> {
    if role.may(right) { Ok(()) } else { Err(DeskError::NotYours { role, right }) }
}

impl Act {
    /// What it takes to do it.
    pub fn right(&self) -> Right {
        match self {
            Self::Judge { .. } | Self::Pin(_) => Right::Decide,
            Self::Duty(_) => Right::Duties,
            Self::Letters(_) | Self::LetterCame { .. } => Right::Letters,
            Self::ApproveLetters { .. } | Self::ApproveCut { .. } => Right::Approve,
            // Who makes an approver could approve.
            Self::Enrol(Enrolment { role: Role::Approver, .. }) => Right::Approve,
            Self::Enrol(_) => Right::Admit,
            Self::LookUp { .. } => Right::ShowName,
            Self::AssignMessage { .. } | Self::AnswerMessage { .. } | Self::CloseMessage { .. } | Self::WithdrawCard { .. } => Right::Desk,
        }
    }
}

#[cfg(test)]
mod tests {
    use strandline_case::Change;
    use strandline_model::detection::Verdict;
    use strandline_model::duty::DutyWord;
    use strandline_model::personal::Personal;

    use super::*;
    use crate::person::LookedUpBy;
    use crate::pins::PinWord;

    #[test]
    fn each_role_is_refused_what_is_not_theirs() {
        let text = || Personal::new("x".to_owned());
        let enrol = |role| Act::Enrol(Enrolment { change: Change::Enrolled, key: "x".into(), name: "x".into(), role });
        let acts = [
            Act::Judge { target: "x".into(), verdict: Verdict::Struck, why: None, looked_at: None },
            Act::Pin(PinWord::default()),
            Act::Duty(DutyWord::Required { duty: "x".into(), why: text() }),
            Act::Letters(Vec::new()),
            Act::ApproveLetters { round: 1, why: None, second_from: None, looked_at: None },
            Act::ApproveCut { plan: None, why: None },
            Act::LookUp { data_subject: "x".into(), by: LookedUpBy::Key, why: None },
            Act::AssignMessage { message: "x".into(), to: "x".into() },
            Act::AnswerMessage { message: "x".into(), text: None, by: None },
            Act::CloseMessage { message: "x".into(), why: text() },
            Act::WithdrawCard { message: "x".into(), why: text() },
            enrol(Role::Desk),
            enrol(Role::Approver),
        ];
        for (role, expected) in [
            (Role::Reader, [false; 13]),
            (Role::Desk, [false, false, false, false, false, false, true, true, true, true, true, false, false]),
            (Role::PrivacyOfficer, [false, false, true, true, false, false, true, true, true, true, true, false, false]),
            (Role::Responder, [true, true, true, true, false, false, true, true, true, true, true, true, false]),
            (Role::Approver, [true; 13]),
        ] {
            let allowed = acts.iter().map(|act| allow(role, act.right()).is_ok()).collect::<Vec<_>>();
            assert_eq!(allowed, expected, "{}", role.as_str());
        }
        let refused = allow(Role::Desk, Right::Approve).expect_err("a desk approves nothing").to_string();
        assert_eq!(refused, "you are here as desk, who may not approve letters and cuts");
    }
}
