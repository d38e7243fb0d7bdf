//! What a request asked for that others of its kind asked otherwise, and how large the answer to that was: by it one sees whether a page shows
//! what it reads.

use crate::requests::Request;
use crate::statements::Execution;
use crate::survey::Survey;

/// Values of a statement that are compared.
const MOST_VALUES: usize = 16;

/// A value that was asked for, another one in its place, and the bytes of the answer to that.
pub(crate) struct Instead<'a> {
    pub asked: &'a str,
    pub instead: &'a str,
    pub bytes: i64,
}

/// Of the answers to requests of a request's kind that asked for another value than one that stands in the statement, in the log that tells the
/// bytes of its own, the nearest in size.
pub(crate) fn instead<'a>(survey: &'a Survey, request: &'a Request, execution: &Execution) -> Option<Instead<'a>> {
    let samples = survey.samples.get(&request.template()?)?;
    let stands = |value: &str| (0..execution.value_count().min(MOST_VALUES)).any(|slot| execution.value(slot) == Some(value));
    let own = request.bytes?;
    let source = &request.lines.iter().find(|line| line.bytes == Some(own))?.source;
    let asked = request.target.fields.iter().filter(|(_, value)| stands(value));
    let others = asked.flat_map(|(name, asked)| {
        samples.iter().filter(|sample| sample.source == *source).filter_map(move |sample| {
            let instead = sample.target.field(name).filter(|other| *other != asked)?;
            Some(Instead { asked, instead, bytes: sample.bytes? })
        })
    });
    others.min_by_key(|other| ((other.bytes - own).abs(), other.asked, other.instead))
}
