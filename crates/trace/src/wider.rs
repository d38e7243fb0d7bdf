//! Wider kinds of requests: those that differ in their filters alone, or in one segment of their path, as where codes without
//! a digit stand in it. One such request may be seen once; what its like cause by value tells what it causes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::requests::Request;
use crate::survey::{CALL, Survey, TemplateKey};

/// Kinds that must differ in one segment for it to be taken for a value.
const FEWEST_VALUES: usize = 8;
/// Kinds of a wider one that are looked at.
const MOST_KINDS: usize = 128;
/// Samples of each that are.
const SAMPLES_OF_A_KIND: usize = 8;
/// Deeper paths are not widened.
const MOST_SEGMENTS: usize = 12;

/// What the kinds of a wider one differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Differ {
    /// The names of the query fields.
    Filters,
    /// The segment at this place.
    Segment(usize),
}

/// System, method, what differs, and the rest of the path's template.
type WiderKey = (Arc<str>, Arc<str>, Differ, String);

/// The wider kinds of the requests that are compared.
#[derive(Debug, Default)]
pub(crate) struct Wider<'s> {
    own: BTreeSet<TemplateKey>,
    groups: BTreeMap<WiderKey, Vec<&'s TemplateKey>>,
}

impl<'s> Wider<'s> {
    /// Those that enough sampled kinds speak for.
    pub(crate) fn of(survey: &'s Survey, requests: &[Request]) -> Self {
        let own: BTreeSet<TemplateKey> = requests.iter().filter_map(Request::template).collect();
        let wanted: BTreeSet<WiderKey> = own.iter().flat_map(wider).collect();
        let mut groups: BTreeMap<WiderKey, Vec<&'s TemplateKey>> = BTreeMap::new();
        for key in survey.samples.keys() {
            for wide in wider(key).into_iter().filter(|wide| wanted.contains(wide)) {
                let kinds = groups.entry(wide).or_default();
                if kinds.len() < MOST_KINDS {
                    kinds.push(key);
                }
            }
        }
        groups.retain(|(_, _, differ, _), kinds| kinds.len() >= if *differ == Differ::Filters { 2 } else { FEWEST_VALUES });
        Self { own, groups }
    }

    /// All kinds to look at, and how many samples of each: of the requests' own all there are, of the others a few.
    pub(crate) fn kinds(&self) -> BTreeMap<TemplateKey, usize> {
        let others = self.groups.values().flatten().map(|key| ((*key).clone(), SAMPLES_OF_A_KIND));
        others.chain(self.own.iter().map(|key| (key.clone(), usize::MAX))).collect()
    }

    /// The kinds of the requests themselves.
    pub(crate) fn own(&self) -> &BTreeSet<TemplateKey> {
        &self.own
    }

    /// The wider kinds of a kind, each with the kinds in it.
    pub(crate) fn around(&self, key: &TemplateKey) -> Vec<(Differ, &[&'s TemplateKey])> {
        let found = |wide: WiderKey| self.groups.get(&wide).map(|kinds| (wide.2, kinds.as_slice()));
        wider(key).into_iter().filter_map(found).collect()
    }
}

fn wider((system, method, template): &TemplateKey) -> Vec<WiderKey> {
    if method.as_ref() == CALL {
        return Vec::new();
    }
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let key = |differ, rest: String| (system.clone(), method.clone(), differ, rest);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut out = vec![key(Differ::Filters, path.to_owned())];
    if segments.len() > MOST_SEGMENTS {
        return out;
    }
    // The first segment is a part of the application, not a value.
    for at in (1..segments.len()).filter(|at| segments[*at] != "{}") {
        let rest: Vec<&str> = segments.iter().enumerate().map(|(n, segment)| if n == at { "*" } else { *segment }).collect();
        out.push(key(Differ::Segment(at), format!("/{}?{query}", rest.join("/"))));
    }
    out
}
