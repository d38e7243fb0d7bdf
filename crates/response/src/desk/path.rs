//! The path of the intruder: steps, the links that they hang on with their reasons, and what rests on each link.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::access::Access;
use strandline_model::detection::Detection;
use strandline_model::exposure::Exposure;
use strandline_model::table::{Row, Scan};
use strandline_model::trail::{Link, Step};

use crate::error::ResponseError;
use crate::exposed::each_person;
use crate::run::Response;
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
    /// What the trail was begun with, as it was told.
    pub pins: Vec<String>,
    /// What a responder must know.
    pub notes: Vec<String>,
    /// What the trail leaves open.
    pub open: Vec<String>,
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
        pins: state.pins.iter().map(ToString::to_string).collect(),
        notes: state.notes,
        open: state.open.iter().map(ToString::to_string).collect(),
    })
}

fn of_link(link: Link, steps: &[Step]) -> LinkView {
    let of_it = steps.iter().filter(|step| step.because.contains(&link.id)).map(|step| step.id.clone()).collect();
    LinkView { link, steps: of_it, accesses: 0, people: 0, people_by_nothing_else: 0 }
}

fn count_what_rests(response: &Response<'_>, views: &mut [LinkView]) -> Result<(), ResponseError> {
    let mut step_of: BTreeMap<String, String> = BTreeMap::new();
    for batch in response.case.scan(Access::TABLE).scan(&[])? {
        for access in Access::from_batch(&batch?)? {
            step_of.insert(access.id, access.step);
        }
    }
    let sets: Vec<BTreeSet<String>> = views.iter().map(|view| view.steps.iter().cloned().collect()).collect();
    let mut of_step: BTreeMap<&str, u64> = BTreeMap::new();
    step_of.values().for_each(|step| *of_step.entry(step).or_default() += 1);
    for (view, set) in views.iter_mut().zip(&sets) {
        view.accesses = set.iter().filter_map(|step| of_step.get(step.as_str())).sum();
    }
    each_person(&response.case, &mut |exposures| {
        let cited: BTreeSet<&str> = exposures.iter().flat_map(|e| &e.accesses).filter_map(|id| step_of.get(id)).map(String::as_str).collect();
        let is_whole = exposures.iter().all(|e: &Exposure| e.access_count == e.accesses.len() as i64);
        for (view, set) in views.iter_mut().zip(&sets) {
            let inside = cited.iter().filter(|step| set.contains(**step)).count();
            view.people += u64::from(inside > 0);
            view.people_by_nothing_else += u64::from(inside > 0 && inside == cited.len() && is_whole);
        }
        Ok(())
    })
}
