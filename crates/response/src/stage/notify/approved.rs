//! What exactly each approval released: the lines of its plan, kept in `approvals/` under their hash. A letter that is in an approved
//! plan, with the same text and address, stays approved when others are added, taken away or changed.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use strandline_case::{Approval, same_name};

use super::plan::{LetterPlan, hexadecimal, plan_head, plan_text};
use crate::error::ResponseError;
use crate::run::Response;
use crate::store;

/// The stage, and its folder in the case.
const STAGE: &str = "approvals";

/// Who has approved what of a plan.
pub(super) struct Approved {
    /// Who has approved every line.
    pub(super) of_all: Vec<String>,
    /// By how many people each line is approved.
    pub(super) per_letter: Vec<usize>,
}

/// Reads what the approvals released of this plan.
pub(super) fn read(response: &Response<'_>, plan: &LetterPlan, approvals: &[&Approval]) -> Result<Approved, ResponseError> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut released: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for approval in approvals {
        let who = same_name(&approval.approved_by);
        names.entry(who.clone()).or_insert(&approval.approved_by);
        let own = released.entry(who).or_default();
        if approval.plan_sha256 == plan.sha256 {
            own.extend(0..plan.lines.len());
        } else if let Some(text) = plan_of(response, &approval.plan_sha256)?
            && let Some(lines) = text.strip_prefix(&plan_head(plan.round))
        {
            let lines: BTreeSet<&str> = lines.split_inclusive('\n').collect();
            own.extend(plan.lines.iter().enumerate().filter(|(_, line)| lines.contains(line.as_str())).map(|(place, _)| place));
        }
    }
    let mut per_letter = vec![0; plan.lines.len()];
    released.values().flatten().for_each(|place| per_letter[*place] += 1);
    let of_all = released.iter().filter(|(_, own)| own.len() == plan.lines.len()).filter_map(|(who, _)| names.get(who).map(|name| (*name).to_owned()));
    Ok(Approved { of_all: of_all.collect(), per_letter })
}

/// The text of an approved plan; `None` if it was not kept, or is not what was approved.
fn plan_of(response: &Response<'_>, sha256: &str) -> Result<Option<String>, ResponseError> {
    let text = store::read_text(&response.case, &format!("{STAGE}/{sha256}.txt"))?;
    Ok(text.filter(|text| hexadecimal(&Sha256::digest(text)) == sha256))
}

/// Keeps the lines of a plan that is about to be approved.
pub(super) fn keep(response: &mut Response<'_>, plan: &LetterPlan, round: u32) -> Result<(), ResponseError> {
    let name = format!("{}.txt", plan.sha256);
    let mut files = response.case.manifest().stages.get(STAGE).map(|record| record.files.clone()).unwrap_or_default();
    if files.iter().any(|file| file.file == format!("{STAGE}/{name}")) {
        return Ok(());
    }
    files.push(store::write(&response.case, STAGE, &name, plan_text(round, &plan.lines).as_bytes())?);
    let mut inputs = response.inputs();
    inputs.insert("letters", plan.sha256.clone());
    response.commit_files(STAGE, inputs, files)
}
