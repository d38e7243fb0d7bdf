//! How much the answers to requests of one kind differ in size. A page that shows what it reads differs by what was asked for; one whose
//! answers are all of one size hardly shows any of it.

use crate::requests::Request;
use crate::statements::Execution;
use crate::survey::{Sample, Survey};

/// Answers that are compared at least, the request's own among them.
const FEWEST_ANSWERS: usize = 4;
/// Values of a statement that are compared.
const MOST_VALUES: usize = 16;

/// Bytes between the smallest and the largest answer to requests of a request's kind, in the log that tells the bytes of its own; if a value that
/// it asked for stands in the statement, and others asked for another one.
pub(crate) fn differ_by(survey: &Survey, request: &Request, execution: &Execution) -> Option<i64> {
    let samples = survey.samples.get(&request.template()?)?;
    let stands = |value: &str| (0..execution.value_count().min(MOST_VALUES)).any(|slot| execution.value(slot) == Some(value));
    let asked: Vec<&(String, String)> = request.target.fields.iter().filter(|(_, value)| stands(value)).collect();
    let own = request.bytes?;
    let source = &request.lines.iter().find(|line| line.bytes == Some(own))?.source;
    let answers: Vec<(&Sample, i64)> = samples.iter().filter(|s| s.source == *source).filter_map(|s| Some((s, s.bytes?))).collect();
    let is_other = |sample: &Sample| asked.iter().any(|(name, value)| sample.target.field(name).is_some_and(|other| other != value));
    if answers.len() < FEWEST_ANSWERS || !answers.iter().any(|(sample, _)| is_other(sample)) {
        return None;
    }
    let sizes = || answers.iter().map(|(_, bytes)| *bytes).chain([own]);
    sizes().max()?.checked_sub(sizes().min()?)
}
