//! Who is cleared, and what stands against clearing anybody: read by whoever says "not reached".

use std::collections::BTreeSet;

use strandline_case::Case;
use strandline_model::clearance::{Clearance, Question};
use strandline_model::evidence::Coverage;
use strandline_model::table::{Row, Scan};
use strandline_model::time::Interval;
use strandline_model::trail::{OpenQuestion, Step};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::trace::TrailState;
use crate::store;

/// Everybody who is cleared: of whom the evidence proves that no access of the trail showed their data.
///
/// # Errors
/// If the table cannot be read.
pub fn cleared(case: &Case) -> Result<BTreeSet<String>, ResponseError> {
    let mut keys = BTreeSet::new();
    for batch in case.scan(Clearance::TABLE).scan(&[])? {
        keys.extend(Clearance::from_batch(&batch?)?.into_iter().map(|clearance| clearance.data_subject));
    }
    Ok(keys)
}

/// The clearance of one person.
///
/// # Errors
/// If the table cannot be read.
pub fn clearance_of(case: &Case, data_subject: &str) -> Result<Option<Clearance>, ResponseError> {
    for batch in case.scan(Clearance::TABLE).scan(&[])? {
        if let Some(found) = Clearance::from_batch(&batch?)?.into_iter().find(|clearance| clearance.data_subject == data_subject) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What is open: while it is, whoever is in no tier is neither reached nor cleared.
///
/// # Errors
/// If the table cannot be read.
pub fn open_questions(case: &Case) -> Result<Vec<Question>, ResponseError> {
    Ok(case.read_rows(Question::TABLE)?)
}

/// What the stages before the exposures leave open.
///
/// # Errors
/// If the state of the case cannot be read.
pub(crate) fn open_before(response: &Response<'_>) -> Result<Vec<Question>, ResponseError> {
    let mut open = open_of_trail(response)?;
    if response.estate.draft {
        open.push(Question::of_the_case(
            "draft",
            "the estate file is a draft that nobody has corrected",
            None,
            "correct it, take `draft = true` out of it, and run `strandline respond` again",
        ));
    }
    Ok(open)
}

fn open_of_trail(response: &Response<'_>) -> Result<Vec<Question>, ResponseError> {
    let Some(intrusion) = intrusion(response)? else {
        return Ok(vec![Question::of_the_case(
            "no_actor",
            "no actor was found in the evidence: that is not a finding that nobody was reached",
            None,
            "tell what you know with --pin (an address, an account, a session), or confirm a detection",
        )]);
    };
    let trail: TrailState = store::read_json(&response.case, store::TRAIL)?.unwrap_or_default();
    let mut open: Vec<Question> = trail.open.iter().filter(|question| question.holds_reassurance()).map(of_trail).collect();
    let is_whole = covered(&response.coverage()?, intrusion).is_some_and(|span| span.from <= intrusion.from && intrusion.to <= span.to);
    if !is_whole {
        open.push(Question::of_the_case(
            "not_covered",
            "the logs at hand do not cover the whole intrusion",
            None,
            "add the logs of the time that is missing, and run `strandline respond` again",
        ));
    }
    Ok(open)
}

/// What the trail leaves open, as a question of the case.
fn of_trail(question: &OpenQuestion) -> Question {
    let sentence = "the trail may not hold all that the actor did";
    Question::of_the_case(
        "trail",
        sentence,
        Some(question.to_string()),
        "answer it: pin what is known, confirm or strike links and detections, add the missing log",
    )
}

/// From the first step of the trail to its last.
///
/// # Errors
/// If the table cannot be read.
pub(crate) fn intrusion(response: &Response<'_>) -> Result<Option<Interval>, ResponseError> {
    let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
    Ok(steps.iter().map(|step| Interval { from: step.first, to: step.last }).reduce(|a, b| a.hull(&b)))
}

/// The window that every source covers, where it reaches into the intrusion. Its holes are exposures of their own.
pub(crate) fn covered(coverage: &Coverage, intrusion: Interval) -> Option<Interval> {
    let from = coverage.spans.iter().map(|(_, span)| span.from).max()?;
    let to = coverage.spans.iter().map(|(_, span)| span.to).min()?;
    let window = Interval { from, to };
    (from <= to && window.overlaps(&intrusion)).then_some(window)
}
