//! The queue of the desk: what people wrote, the gravest first; one message with its words, once the ledger has that somebody looks.

use strandline_case::{Right, Role};

use super::act::DeskError;
use super::rights::allow;
use crate::run::{Response, Settings};
use crate::support::{DeskItem, ShownMessage};

/// Messages, the gravest first, without their words.
///
/// # Errors
/// If it is not the role's, or the case cannot be read.
pub fn queue(settings: &Settings<'_>, role: Role) -> Result<Vec<DeskItem>, DeskError> {
    allow(role, Right::Desk)?;
    let mut quiet = super::Quiet;
    Ok(Response::look(settings, &mut quiet)?.desk()?)
}

/// One message with its words. Whoever shows them has entered the look before, as [`super::Act::LookUp`].
///
/// # Errors
/// If it is not the role's, there is none of this name, or the case cannot be read.
pub fn message(settings: &Settings<'_>, role: Role, id: &str) -> Result<ShownMessage, DeskError> {
    allow(role, Right::Desk)?;
    let mut quiet = super::Quiet;
    Ok(Response::look(settings, &mut quiet)?.desk_message(id)?)
}
