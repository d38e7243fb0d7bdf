//! Sending as a rehearsal: every e-mail of the round as it would go, written into a folder of the case. Nothing leaves the machine.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use strandline_case::{Right, Role};
use strandline_outbound::{Pace, ReturnPath, SenderIdentity, Server};

use super::act::DeskError;
use super::rights::allow;
use crate::error::ResponseError;
use crate::run::{Response, Settings, Watcher};
use crate::stage::notify::{AfterFailure, Attach, Reach, SendOrder, Wave};
use crate::store;

/// What a rehearsal wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// E-mails.
    pub written: u64,
    /// Where they are.
    pub folder: PathBuf,
}

/// Writes every e-mail of the round that is drafted, as it would go, into a new folder of the case.
///
/// # Errors
/// If it is not the role's, the estate does not say who writes, a letter is not what was committed, or the disk does not take it.
pub fn rehearse(settings: &Settings<'_>, role: Role, watcher: &mut dyn Watcher) -> Result<Rehearsed, DeskError> {
    allow(role, Right::Letters)?;
    let mut response = Response::look(settings, watcher)?;
    let round: u32 = store::read_json(&response.case, store::ROUND)?.unwrap_or(1);
    let identity = identity(&response)?;
    let order = SendOrder {
        wave: Wave { round, second_approver_from: None, channel: None, after_failure: AfterFailure::Leave, reach: Reach::Better },
        attach: Attach::Nothing,
        server: &Server::nowhere(),
        identity: &identity,
        dkim: None,
        pace: Pace::default(),
        stop: &AtomicBool::new(false),
    };
    // Named after the instant, so that one rehearsal never stands among another's letters.
    let folder = response.case.path().join("rehearsals").join(format!("round-{round}-{}", (settings.now)().micros()));
    let written = response.dry_run_letters(&order, &folder)?;
    Ok(Rehearsed { written, folder })
}

/// Who writes, as the estate says.
fn identity(response: &Response<'_>) -> Result<SenderIdentity, ResponseError> {
    let described = response.sending_described().ok_or(ResponseError::NoSender)?;
    let return_path = ReturnPath::new(&described.return_path, described.separator.unwrap_or('+')).map_err(|_| ResponseError::NoSender)?;
    let organisation = response.organisation_names();
    let english = organisation.get("en").or_else(|| organisation.values().next()).cloned().unwrap_or_default();
    let own = described.from_name.clone();
    let name = own.clone().unwrap_or(english);
    let identity = SenderIdentity::new(&described.from, Some(&name), described.reply_to.as_deref(), return_path).map_err(ResponseError::Sender)?;
    let identity = match &described.list_id {
        Some(list_id) => identity.listed_as(list_id).map_err(ResponseError::Sender)?,
        None => identity,
    };
    Ok(if own.is_some() { identity } else { identity.named_in(organisation) })
}
