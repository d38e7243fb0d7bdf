//! The original lines that a step, link, detection, gap, question or warning stands on, and those of the accesses that hang on a link. Only what the case itself cites is opened: nobody
//! reads evidence here by naming a place in it.

use std::collections::BTreeSet;

use strandline_case::{Right, Role};
use strandline_evidence::Vault;
use strandline_model::access::Access;
use strandline_model::clearance::Question;
use strandline_model::detection::Detection;
use strandline_model::evidence::{EventRef, Warning};
use strandline_model::table::{Row, Scan};
use strandline_model::trail::{Link, Step};

use super::act::DeskError;
use super::rights::allow;
use crate::error::ResponseError;
use crate::explain::{ProofLine, proof_line};
use crate::run::{Response, Settings};
use crate::stage::intake::Seals;

/// Lines of one page.
const LINES_OF_A_PAGE: usize = 20;

/// Bytes that stand there of what could not be read.
const WARNED_BYTES: u64 = 400;

/// What cites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CitedBy {
    /// A step, by its id.
    Step,
    /// A link, by its id.
    Link,
    /// A detection, by its id.
    Detection,
    /// A gap, by its place in the list.
    Gap,
    /// An open question, by its place in the list.
    Question,
    /// What could not be read, by its place in the list.
    Warning,
    /// The accesses of the steps that name a link, by its id.
    Accesses,
}

impl CitedBy {
    /// From its word in an address line.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "step" => Some(Self::Step),
            "link" => Some(Self::Link),
            "detection" => Some(Self::Detection),
            "gap" => Some(Self::Gap),
            "question" => Some(Self::Question),
            "warning" => Some(Self::Warning),
            "accesses" => Some(Self::Accesses),
            _ => None,
        }
    }
}

/// Original lines.
#[derive(Clone, Debug)]
pub struct Cited {
    /// What it is of, for people.
    pub title: String,
    /// The lines of this page.
    pub lines: Vec<ProofLine>,
    /// How many are cited in all.
    pub count: usize,
    /// The first of this page, from 0.
    pub from: usize,
    /// The first of the next page, if there is one.
    pub next: Option<usize>,
}

/// Nothing of that kind and name is in the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing of this name is in the case now: it may have left the trail")]
pub struct NotCited;

/// The original lines that something stands on, from the `from`th on; `None` if the case has no such thing.
///
/// # Errors
/// If it is not the role's, or the case or the sealed evidence cannot be read.
pub fn cited(settings: &Settings<'_>, role: Role, (by, id): (CitedBy, &str), from: usize) -> Result<Result<Cited, NotCited>, DeskError> {
    allow(role, Right::SeeLines)?;
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let Some((title, places)) = places(&response, by, id)? else { return Ok(Err(NotCited)) };
    let artefacts = response.custody()?;
    let seals = Seals(&response.case);
    let vault = Vault::new(&seals, &artefacts);
    let page = places.iter().skip(from).take(LINES_OF_A_PAGE);
    let lines = page.map(|place| proof_line(place, &vault, &artefacts)).collect::<Result<Vec<_>, _>>()?;
    let next = from.saturating_add(LINES_OF_A_PAGE);
    Ok(Ok(Cited { title, count: places.len(), from, next: (next < places.len()).then_some(next), lines }))
}

fn places(response: &Response<'_>, by: CitedBy, id: &str) -> Result<Option<(String, Vec<EventRef>)>, ResponseError> {
    let numbered = || id.parse::<usize>().ok();
    Ok(match by {
        CitedBy::Step => {
            let found = response.case.read_rows::<Step>(Step::TABLE)?.into_iter().find(|step| step.id == id);
            found.map(|step| (format!("{}: {}", step.id, step.summary), step.events))
        }
        CitedBy::Link => {
            let found = response.case.read_rows::<Link>(Link::TABLE)?.into_iter().find(|link| link.id == id);
            found.map(|link| (format!("{}: {}", link.id, link.reason), link.events))
        }
        CitedBy::Detection => {
            let found = response.case.read_rows::<Detection>(Detection::TABLE)?.into_iter().find(|detection| detection.id == id);
            found.map(|detection| (format!("{}: {}", detection.id, detection.title), detection.events))
        }
        CitedBy::Gap => numbered().and_then(|at| response.coverage().ok()?.gaps.into_iter().nth(at)).map(|gap| (gap.reason, gap.evidence)),
        CitedBy::Question => {
            let rows: Vec<Question> = response.case.read_rows(Question::TABLE)?;
            numbered().and_then(|at| rows.into_iter().nth(at)).map(|question| (question.told(), question.proof))
        }
        CitedBy::Warning => match numbered() {
            Some(at) => warned(response, at)?,
            None => None,
        },
        CitedBy::Accesses => accesses(response, id)?,
    })
}

/// Where a warning is: what stands there, as far as a page shows it; nobody knows where a record ends that could not be read.
fn warned(response: &Response<'_>, at: usize) -> Result<Option<(String, Vec<EventRef>)>, ResponseError> {
    let mut before = 0;
    for batch in response.case.scan(Warning::TABLE).scan(&[])? {
        let rows = Warning::from_batch(&batch?)?;
        if let Some(warning) = rows.get(at - before) {
            let size = response.custody()?.iter().find(|artefact| artefact.id == warning.artefact).map_or(0, |artefact| artefact.size);
            let length = u32::try_from(size.saturating_sub(warning.offset).min(WARNED_BYTES)).unwrap_or_default();
            let place = EventRef { artefact: warning.artefact.clone(), offset: warning.offset, length };
            return Ok(Some((warning.to_string(), if length > 0 { vec![place] } else { Vec::new() })));
        }
        before += rows.len();
    }
    Ok(None)
}

/// The first record of each access that hangs on a link.
fn accesses(response: &Response<'_>, id: &str) -> Result<Option<(String, Vec<EventRef>)>, ResponseError> {
    let Some(link) = response.case.read_rows::<Link>(Link::TABLE)?.into_iter().find(|link| link.id == id) else { return Ok(None) };
    let steps = response.case.read_rows::<Step>(Step::TABLE)?.into_iter().filter(|step| step.because.contains(&link.id));
    let steps: BTreeSet<String> = steps.map(|step| step.id).collect();
    let mut places = Vec::new();
    for batch in response.case.scan(Access::TABLE).scan(&[])? {
        let rows = Access::from_batch(&batch?)?.into_iter().filter(|access| steps.contains(&access.step));
        places.extend(rows.filter_map(|access| access.proof.into_iter().next()));
    }
    Ok(Some((format!("{}: {}", link.id, link.reason), places)))
}
