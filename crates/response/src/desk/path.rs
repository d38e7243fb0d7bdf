//! The path of the intruder: steps, the links that they hang on with their reasons, and what rests on each link.

use std::collections::{BTreeMap, BTreeSet};

use strandline_case::{Right, Role};
use strandline_model::access::Access;
use strandline_model::detection::Detection;
use strandline_model::exposure::Exposure;
use strandline_model::table::{Row, Scan};
use strandline_model::trail::{Link, Pin, Step};

use super::act::DeskError;
use super::rights::allow;
use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::run::{Response, Settings};
use crate::stage::trace::TrailState;
use crate::store;

/// The path, and what a person can say of it.
#[derive(Clone, Debug, Default)]
pub struct PathView {
    /// What the actor did, in order.
    pub steps: Vec<Step>,
    /// Why these things belong to one actor.
    pub links: Vec<LinkView>,
    /// Detections, in order.
    pub detections: Vec<Detection>,
    /// What the trail is followed from by what was said last.
    pub pins: Vec<PinView>,
    /// What a responder must know.
    pub notes: Vec<String>,
    /// What the trail leaves open.
    pub open: Vec<String>,
}

/// A starting point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinView {
    /// What it is.
    pub pin: Pin,
    /// Whether the trail as it stands was followed from it.
    pub is_followed: bool,
}

/// A link, and what rests on it.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// The link.
    pub link: Link,
    /// Steps that name it.
    pub steps: Vec<String>,
    /// Accesses of those steps.
    pub accesses: u64,
    /// People whose exposure cites one of these accesses, at least.
    pub people: u64,
    /// Of these, people whose exposures cite no other access.
    pub people_by_nothing_else: u64,
}

/// The path of a case.
pub(super) fn path(response: &Response<'_>) -> Result<PathView, ResponseError> {
    let state: TrailState = store::read_json(&response.case, store::TRAIL)?.unwrap_or_default();
    let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
    let links: Vec<Link> = response.case.read_rows(Link::TABLE)?;
    let mut views: Vec<LinkView> = links.into_iter().map(|link| of_link(link, &steps)).collect();
    count_what_rests(response, &mut views)?;
    Ok(PathView {
        steps,
        links: views,
        detections: response.case.read_rows(Detection::TABLE)?,
        pins: response.pins()?.into_iter().map(|pin| PinView { is_followed: state.pins.contains(&pin), pin }).collect(),
        notes: state.notes,
        open: state.open.iter().map(ToString::to_string).collect(),
    })
}

fn of_link(link: Link, steps: &[Step]) -> LinkView {
    let of_it = steps.iter().filter(|step| step.because.contains(&link.id)).map(|step| step.id.clone()).collect();
    LinkView { link, steps: of_it, accesses: 0, people: 0, people_by_nothing_else: 0 }
}

fn count_what_rests(response: &Response<'_>, views: &mut [LinkView]) -> Result<(), ResponseError> {
    let steps: Vec<BTreeSet<String>> = views.iter().map(|view| view.steps.iter().cloned().collect()).collect();
    let step_of = step_of_accesses(response)?;
    let mut of_step: BTreeMap<&str, u64> = BTreeMap::new();
    step_of.values().for_each(|step| *of_step.entry(step).or_default() += 1);
    for (view, set) in views.iter_mut().zip(&steps) {
        view.accesses = set.iter().filter_map(|step| of_step.get(step.as_str())).sum();
    }
    each_resting(response, (&step_of, &steps), &mut |place, _, by_nothing_else| {
        views[place].people += 1;
        views[place].people_by_nothing_else += u64::from(by_nothing_else);
    })
}

/// The step of each access.
fn step_of_accesses(response: &Response<'_>) -> Result<BTreeMap<String, String>, ResponseError> {
    let mut step_of = BTreeMap::new();
    for batch in response.case.scan(Access::TABLE).scan(&[])? {
        for access in Access::from_batch(&batch?)? {
            step_of.insert(access.id, access.step);
        }
    }
    Ok(step_of)
}

/// Hands over each person who rests on one of these sets of steps: which set, who, and whether they rest on nothing else.
fn each_resting(
    response: &Response<'_>,
    (step_of, sets): (&BTreeMap<String, String>, &[BTreeSet<String>]),
    tell: &mut dyn FnMut(usize, &str, bool),
) -> Result<(), ResponseError> {
    each_person(&response.case, &mut |exposures| {
        let Some(first) = exposures.first() else { return Ok(()) };
        let cited: BTreeSet<&str> = exposures.iter().flat_map(|e| &e.accesses).filter_map(|id| step_of.get(id)).map(String::as_str).collect();
        let is_whole = exposures.iter().all(|e: &Exposure| e.access_count == e.accesses.len() as i64);
        for (place, set) in sets.iter().enumerate() {
            let inside = cited.iter().filter(|step| set.contains(**step)).count();
            if inside > 0 {
                tell(place, &first.data_subject, inside == cited.len() && is_whole);
            }
        }
        Ok(())
    })
}

/// Who rests on a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resting {
    /// Everybody who does, at least.
    pub all: BTreeSet<String>,
    /// Of these, whom nothing else shows.
    pub by_nothing_else: BTreeSet<String>,
}

/// The people who rest on a link, by key; `None` if the trail has no such link.
///
/// # Errors
/// If it is not the role's, or the case cannot be read.
pub fn resting_on(settings: &Settings<'_>, role: Role, link: &str) -> Result<Option<Resting>, DeskError> {
    allow(role, Right::SeePeople)?;
    let mut quiet = super::Quiet;
    let response = Response::look(settings, &mut quiet)?;
    let links: Vec<Link> = response.case.read_rows(Link::TABLE)?;
    let steps: Vec<Step> = response.case.read_rows(Step::TABLE)?;
    let Some(found) = links.into_iter().find(|known| known.id == link) else { return Ok(None) };
    let set = of_link(found, &steps).steps.into_iter().collect();
    let mut resting = Resting::default();
    each_resting(&response, (&step_of_accesses(&response)?, &[set]), &mut |_, key, by_nothing_else| {
        resting.all.insert(key.to_owned());
        if by_nothing_else {
            resting.by_nothing_else.insert(key.to_owned());
        }
    })?;
    Ok(Some(resting))
}
