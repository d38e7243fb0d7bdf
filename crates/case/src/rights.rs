//! What each role may see and do in a case: one table. A signature counts only for what its holder's role may do, so that an outsider
//! checks the table from the ledger alone; the terminal and the console ask the same table before they show or do anything.

use crate::approval;
use crate::ledger::Entry;
use crate::responder::{APPROVAL, Role};
use crate::statement::LOOK_UP;

/// What somebody sees or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Sees the case in figures: trail, evidence, cuts, clocks, letters by state, ledger; no name.
    SeeCase,
    /// Sees everybody's line: key, masked name, tiers.
    SeePeople,
    /// Sees original lines of logs, which can name people.
    SeeLines,
    /// Finds one person by the code of their letter.
    FindByCode,
    /// Sees a name and a letter, after saying why.
    ShowName,
    /// Reads what people wrote; assigns, answers, closes it; withdraws a card that a stranger holds.
    Desk,
    /// Says what happened and what was done about duties; fills forms.
    Duties,
    /// Says something of single letters; has them read by the lint and printed, rehearses how they are sent, and sends what is approved.
    Letters,
    /// Strikes, confirms, brings the case up to date, applies and takes back what is approved of cuts, and decides all else that is not named
    /// here.
    Decide,
    /// Has every byte checked.
    Check,
    /// Releases letters and cuts.
    Approve,
    /// Enrols others, ends other people's sessions, makes links.
    Admit,
}

/// In the order of [`Role::ALL`]: reader, desk, privacy officer, responder, approver.
const TABLE: [(Right, [bool; 5]); 12] = [
    (Right::SeeCase, [true, false, true, true, true]),
    (Right::SeePeople, [true, false, true, true, true]),
    (Right::SeeLines, [false, false, true, true, true]),
    (Right::FindByCode, [false, true, true, true, true]),
    (Right::ShowName, [false, true, true, true, true]),
    (Right::Desk, [false, true, true, true, true]),
    (Right::Duties, [false, false, true, true, true]),
    (Right::Letters, [false, false, true, true, true]),
    (Right::Decide, [false, false, false, true, true]),
    (Right::Check, [false, false, true, true, true]),
    (Right::Approve, [false, false, false, false, true]),
    (Right::Admit, [false, false, false, true, true]),
];

impl Right {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(right, _)| *right)
    }

    /// What it lets somebody do, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeeCase => "see the case",
            Self::SeePeople => "see the list of people",
            Self::SeeLines => "see original lines",
            Self::FindByCode => "find a person by the code of their letter",
            Self::ShowName => "see a name or a letter, after saying why",
            Self::Desk => "work the desk",
            Self::Duties => "record what happened and what was done",
            Self::Letters => "decide on single letters; lint, print, rehearse and send them",
            Self::Decide => "decide on the trail, act on cuts that are approved",
            Self::Check => "have every byte checked",
            Self::Approve => "approve letters and cuts",
            Self::Admit => "let others in",
        }
    }

    /// What an entry of the ledger takes. What nothing else names is decided by who may decide on the trail.
    pub(crate) fn of(entry: &Entry) -> Self {
        let is_approval = |stage: &str| stage == APPROVAL || stage.strip_prefix(APPROVAL).is_some_and(|rest| rest.starts_with('/'));
        let makes_approver = entry.enrolment.as_ref().is_some_and(|enrolment| enrolment.role == Role::Approver);
        if entry.digests.contains_key(approval::DIGEST) || entry.stage.as_deref().is_some_and(is_approval) || makes_approver {
            // Who makes an approver could approve.
            return Self::Approve;
        }
        if entry.enrolment.is_some() {
            return Self::Admit;
        }
        match entry.stage.as_deref() {
            Some("duty") => Self::Duties,
            Some("letter") => Self::Letters,
            Some("desk") => Self::Desk,
            Some(LOOK_UP) => Self::ShowName,
            _ => Self::Decide,
        }
    }
}

impl Role {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::Reader, Self::Desk, Self::PrivacyOfficer, Self::Responder, Self::Approver];

    /// Whether this role may do something.
    pub fn may(self, right: Right) -> bool {
        let column = Self::ALL.iter().position(|role| *role == self);
        TABLE.iter().any(|(known, roles)| *known == right && column.is_some_and(|column| roles[column]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_decides_who_only_looks_and_one_role_alone_approves() {
        let of = |role: Role| Right::all().filter(|right| role.may(*right)).collect::<Vec<_>>();
        assert_eq!(of(Role::Reader), [Right::SeeCase, Right::SeePeople]);
        assert_eq!(of(Role::Desk), [Right::FindByCode, Right::ShowName, Right::Desk]);
        assert_eq!(of(Role::Approver).len(), TABLE.len());
        assert_eq!(Role::ALL.into_iter().filter(|role| role.may(Right::Approve)).collect::<Vec<_>>(), [Role::Approver]);
        // What a responder could sign before there were more roles stays theirs: ledgers of that time still hold.
        assert_eq!(of(Role::Responder).len(), TABLE.len() - 1);
    }
}
