//! Who must approve a plan of cuts, and who has.

use std::net::IpAddr;

use serde::Serialize;
use strandline_case::{Approval, StoredWave, same_name};
use strandline_model::containment::{ActionRow, Effect, Undo};
use strandline_model::estate::Estate;
use strandline_model::names::{account_key, same_account};
use strandline_outbound::contain::Planned;

use super::{CutError, CutPlan};
use crate::error::ResponseError;
use crate::run::Response;

/// An approval counts for so long: what it was given for changes by the hour.
const GOOD_FOR_MICROS: i64 = 24 * 3600 * 1_000_000;

/// Up to this long a lease lets one person release a cut of a session or an address.
const SHORT_LEASE_SECONDS: u64 = 24 * 3600;

/// Above so many lawful records in the worst hour, two people release a cut.
const LAWFUL_AN_HOUR: i64 = 20;

/// Where approval of a plan stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutApproval {
    /// SHA-256 of what is to be approved.
    pub plan_sha256: String,
    /// Who has approved exactly this, within the last 24 hours.
    pub approved_by: Vec<String>,
    /// How many different people must.
    pub needed: usize,
    /// Why two must.
    pub because: Vec<String>,
    /// Approvals that are too old.
    pub expired: usize,
    /// Who approved it beforehand, by the estate's `[[precut]]`, where nobody must now.
    pub beforehand: Vec<String>,
    /// What it ends, counted, where that is more than an action's name tells: `7 sessions, by user of ann at store`.
    pub ends: Vec<String>,
}

impl CutApproval {
    /// How many have.
    pub fn have(&self) -> usize {
        self.approved_by.len()
    }
}

impl Response<'_> {
    pub(super) fn cut_approval(&self, stored: &StoredWave, plan: &CutPlan) -> Result<CutApproval, ResponseError> {
        let now = (self.settings.now)();
        let (mut approved_by, mut expired) = (Vec::<String>::new(), 0);
        for found in self.approvals_that_count()?.into_iter().filter(|found| found.approval.plan_sha256 == stored.wave.plan_sha256) {
            // A clock that went back does not make an approval good for longer.
            if now.micros().saturating_sub(found.approval.approved_at.micros()).abs() > GOOD_FOR_MICROS {
                expired += 1;
            } else if !approved_by.iter().any(|known| same_name(known) == same_name(&found.approval.approved_by)) {
                approved_by.push(found.approval.approved_by);
            }
        }
        let rows = self.candidates()?;
        let because = why_two(&self.estate, plan, &rows);
        let beforehand = approved_beforehand(&self.estate, plan, &because);
        let needed = match (beforehand.is_empty(), because.is_empty()) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        };
        let ends = plan.actions.iter().filter_map(Planned::counted).collect();
        Ok(CutApproval { plan_sha256: stored.wave.plan_sha256.clone(), approved_by, needed, because, expired, beforehand, ends })
    }

    /// Records that the responder approves exactly this plan. The ledger has it first.
    ///
    /// # Errors
    /// If there is no such plan, the responder has no name or has approved it already, or the case cannot be written.
    pub fn approve_cut(&mut self, number: Option<u64>, reason: Option<String>) -> Result<CutApproval, ResponseError> {
        let name = self.settings.responder.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || same_name(&name) == "responder" {
            return Err(ResponseError::NoName);
        }
        let (stored, plan) = self.stored_plan(number)?;
        let before = self.cut_approval(&stored, &plan)?;
        if before.approved_by.iter().any(|known| same_name(known) == same_name(&name)) {
            return Err(CutError::ApprovedAlready(name).into());
        }
        let approval = Approval {
            plan_sha256: stored.wave.plan_sha256.clone(),
            letters: plan.actions.len() as u64,
            approved_by: name,
            approved_at: (self.settings.now)(),
            reason,
        };
        self.case.record_approval(&approval, env!("CARGO_PKG_VERSION"))?;
        self.cut_approval(&stored, &plan)
    }
}

/// Who approved a plan beforehand: one that cuts single sessions and nothing else, each at a target that the estate names for it.
fn approved_beforehand(estate: &Estate, plan: &CutPlan, because: &[String]) -> Vec<String> {
    let of = |planned: &Planned| {
        let is_session = matches!(planned.action.effect, Effect::WebDenySession { .. } | Effect::SessionStoreDelete { .. });
        let entry = estate.precut.iter().find(|entry| entry.target == planned.target).filter(|_| is_session)?;
        Some(format!("{} at {}: {}", entry.approved_by, entry.target, entry.reason))
    };
    let all: Option<Vec<String>> = plan.actions.iter().map(of).collect();
    let mut all = all.filter(|_| because.is_empty()).unwrap_or_default();
    all.dedup();
    all
}

/// Why two people must release a plan; nothing where one may.
fn why_two(estate: &Estate, plan: &CutPlan, rows: &[ActionRow]) -> Vec<String> {
    let lease = plan.lease_seconds;
    let mut reasons: Vec<String> = plan.actions.iter().filter_map(|planned| why_two_for(estate, planned, lease)).collect();
    reasons.extend(plan.actions.iter().filter_map(|planned| why_costly(planned, rows)));
    reasons.dedup();
    reasons
}

/// What it would have refused, or that nobody has counted it: an action by hand of which the same effect was not proposed.
fn why_costly(planned: &Planned, rows: &[ActionRow]) -> Option<String> {
    let action = &planned.action;
    let same = |row: &&ActionRow| row.id == action.id || row.read_action().is_some_and(|known| known.effect == action.effect);
    let worst = rows.iter().filter(same).map(|row| row.lawful_hour_worst).max();
    // One session, one address: few are behind it, whatever was recorded.
    let is_narrow = matches!(
        action.effect,
        Effect::WebDenySession { .. } | Effect::SessionStoreDelete { .. } | Effect::NftablesDrop { .. } | Effect::WebDenyAddress { .. }
    );
    match worst {
        Some(worst) if worst > LAWFUL_AN_HOUR => Some(format!("{} would have refused more than {LAWFUL_AN_HOUR} lawful records in an hour", action.id)),
        None if !is_narrow => Some(format!("what {} would have refused was not counted: nobody proposed it", action.id)),
        _ => None,
    }
}

fn why_two_for(estate: &Estate, planned: &Planned, lease_seconds: Option<u64>) -> Option<String> {
    if let Undo::Not(reason) = &planned.action.undo {
        return Some(format!("{} cannot be taken back exactly: {reason}", planned.action.id));
    }
    let is_short = lease_seconds.is_some_and(|seconds| seconds <= SHORT_LEASE_SECONDS);
    let at = &planned.target;
    match &planned.action.effect {
        Effect::WebDenySession { .. } | Effect::SessionStoreDelete { .. } => None,
        Effect::NftablesDrop { address } | Effect::WebDenyAddress { address } => match (address.contains('/'), machine_at(estate, address), is_short) {
            (true, ..) => Some(format!("{address} at {at} is a whole network")),
            (_, Some(system), _) => Some(format!("{address} at {at} is a whole machine of ours ({system})")),
            (false, None, true) => None,
            (false, None, false) => Some(format!("{address} at {at} is cut off without a lease of at most 24 hours")),
        },
        Effect::PgbouncerDisable { database } => Some(format!("database {database} at {at} is shut for everybody")),
        Effect::WebDenyRoute { path, .. } => Some(format!("{path} at {at} is shut for everybody")),
        Effect::WebRotateKey { .. } => Some(format!("a new key at {at} signs everybody out")),
        Effect::Webhook { .. } | Effect::Exec { .. } => Some(format!("what {at} does is not ours to know")),
        other => {
            let account = other.account()?;
            is_shared(estate, account).then(|| format!("{account} is an account of an application or a job, not of one person"))
        }
    }
}

/// The system of the estate that has this address, however the two are written.
fn machine_at<'e>(estate: &'e Estate, address: &str) -> Option<&'e str> {
    let same = |other: &String| match (address.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(ours), Ok(theirs)) => ours.to_canonical() == theirs.to_canonical(),
        _ => other.eq_ignore_ascii_case(address),
    };
    estate.systems.iter().find(|system| system.addresses.iter().any(same)).map(|system| system.id.as_str())
}

/// Whether an account is an application's, a job's or otherwise many people's.
fn is_shared(estate: &Estate, account: &str) -> bool {
    let same = |known: &str| same_account(&account_key(known), &account_key(account));
    let trusted = estate.trusted.iter().flat_map(|known| known.role.iter().chain(&known.account));
    estate.systems.iter().flat_map(|system| &system.roles).chain(trusted).any(|known| same(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_of_ours_is_one_however_its_address_is_written_and_a_shared_account_however_its_domain_is() {
        let estate = strandline_estate::read(
            "[organisation]\nname = { en = \"O\" }\ntime_zone = \"UTC\"\n[[system]]\nid = \"hr\"\nname = \"HR\"\naddresses = [\"10.0.0.7\", \"2001:db8::7\"]\nroles = [\"batch\"]\n",
            "estate.toml",
        )
        .expect("an estate");
        let machine = |address: &str, expected: Option<&str>| assert_eq!(machine_at(&estate, address), expected, "{address}");
        machine("10.0.0.7", Some("hr"));
        machine("::ffff:10.0.0.7", Some("hr"));
        machine("2001:0db8:0:0::7", Some("hr"));
        machine("10.0.0.70", None);
        let shared = |account: &str, expected: bool| assert_eq!(is_shared(&estate, account), expected, "{account}");
        shared("batch", true);
        shared("CORP\\Batch", true);
        shared("batch@corp.example", true);
        shared("batcher", false);
    }
}
