//! The queue of the desk: what people wrote, the gravest first; one message with its words, once the ledger has that somebody looks.

use strandline_case::{Right, Role};
use strandline_model::personal::Personal;

use super::act::DeskError;
use super::letters::covered;
use super::rights::allow;
use crate::call_sheet::CallSheet;
use crate::notice::{Form, FormId};
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

/// Questions and answers for whoever speaks with a person, made from the letter that the person holds.
///
/// # Errors
/// If it is not the role's, there is no letter to the person, the language is none of the letters', or the case cannot be read.
pub fn call_sheet(settings: &Settings<'_>, role: Role, data_subject: &str, language: Option<&str>) -> Result<CallSheet, DeskError> {
    allow(role, Right::ShowName)?;
    let mut quiet = super::Quiet;
    let mut sheet = Response::look(settings, &mut quiet)?.call_sheet(data_subject, language)?;
    // The code opens what is held on the person, and whoever speaks with them must not read it out.
    for answer in &mut sheet.answers {
        answer.answer = Personal::new(covered(answer.answer.expose_personal(), &[]));
    }
    Ok(sheet)
}

/// Whose code this is.
///
/// # Errors
/// If it is not the role's, the code is nobody's or was withdrawn, or the case cannot be read.
pub fn whose_code(settings: &Settings<'_>, role: Role, code: &str) -> Result<String, DeskError> {
    allow(role, Right::FindByCode)?;
    let mut quiet = super::Quiet;
    Ok(Response::look(settings, &mut quiet)?.whose_code(code)?)
}

/// A form, filled from the case as it is; nothing is kept.
///
/// # Errors
/// If it is not the role's, an answer is about a person of the register, or the case cannot be read.
pub fn form(settings: &Settings<'_>, role: Role, id: FormId) -> Result<Form, DeskError> {
    allow(role, Right::Duties)?;
    let mut quiet = super::Quiet;
    Ok(Response::look(settings, &mut quiet)?.read_form(id)?)
}
