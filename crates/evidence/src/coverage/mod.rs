//! Where each source's evidence is missing, and which clocks disagree. Events are seen once, in any order of artefacts, and
//! what is kept of them is bounded. The rules and their figures are in `docs/evidence.md`.

mod density;
mod edges;
mod numbers;
mod orphans;
mod parts;
mod places;
mod skew;
mod upkeep;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use strandline_model::estate::Estate;
use strandline_model::event::{Activity, Class, EventRows};
use strandline_model::evidence::{ArtefactId, Coverage, Gap, GapKind, Warning};
use strandline_model::time::{Instant, Interval};

use crate::intake::TRUNCATED;
use density::Density;
use numbers::{Counter, Numbers};
use orphans::Orphans;
use parts::Parts;
use places::Places;
use skew::Skews;
use upkeep::Upkeep;

/// Gaps of one kind that are listed one by one for a source; more are joined into one that covers them all.
const GAPS_LISTED_MAX: usize = 200;

/// Collects what the batches of events say about their own completeness.
pub struct CoverageBuilder<'e> {
    estate: &'e Estate,
    window: Option<Interval>,
    artefacts: Artefacts,
    sources: BTreeMap<String, Seen>,
    skews: Skews,
    orphans: Orphans,
    /// Artefact to the log that it is a part of: its path without what rotation added.
    logs: BTreeMap<String, String>,
}

/// Artefact ids as small numbers: every place kept names one.
#[derive(Default)]
pub(crate) struct Artefacts {
    ids: Vec<ArtefactId>,
    numbers: BTreeMap<String, u32>,
}

impl Artefacts {
    fn number(&mut self, id: &ArtefactId) -> u32 {
        if let Some(&number) = self.numbers.get(&id.0) {
            return number;
        }
        let number = u32::try_from(self.ids.len()).expect("fewer artefacts than 2^32");
        self.numbers.insert(id.0.clone(), number);
        self.ids.push(id.clone());
        number
    }

    fn place(&self, mark: Mark) -> strandline_model::evidence::EventRef {
        strandline_model::evidence::EventRef { artefact: self.ids[mark.artefact as usize].clone(), offset: mark.offset, length: mark.length }
    }
}

/// One event: when and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub time: i64,
    pub artefact: u32,
    pub offset: u64,
    pub length: u32,
}

/// What is kept of one source.
#[derive(Default)]
struct Seen {
    system: String,
    density: Density,
    parts: Parts,
    numbers: Numbers,
    upkeep: Upkeep,
    places: Places,
    refused: Vec<Warning>,
    refused_count: u64,
}

impl<'e> CoverageBuilder<'e> {
    /// Coverage of the estate's sources, in the window of interest if there is one.
    pub fn new(estate: &'e Estate, window: Option<Interval>) -> Self {
        let sources = estate.sources.iter().map(|s| (s.id.clone(), Seen { system: s.system.clone(), ..Seen::default() })).collect();
        Self { estate, window, artefacts: Artefacts::default(), sources, skews: Skews::default(), orphans: Orphans::default(), logs: BTreeMap::new() }
    }

    /// Says under which path each artefact lies, so that the logs of a source are judged one by one.
    pub fn lies_at(&mut self, artefact: &ArtefactId, path: &str) {
        if let Some(log) = crate::pattern::unrotated(path).pop() {
            self.logs.insert(artefact.0.clone(), log);
        }
    }

    /// Sees one batch of events. A column left out reads as absent and weakens the checks that need it.
    pub fn observe(&mut self, batch: &RecordBatch) {
        for event in EventRows::new(batch).iter() {
            let mark =
                Mark { time: event.time.0, artefact: self.artefacts.number(&event.place.artefact), offset: event.place.offset, length: event.place.length };
            let seen = match self.sources.get_mut(event.source.as_ref()) {
                Some(seen) => seen,
                None => self.sources.entry(event.source.clone().into_owned()).or_default(),
            };
            if seen.system.is_empty() {
                seen.system = event.system.clone().into_owned();
            }
            if event.channel.is_some() && event.sequence.is_none() {
                continue; // carved from what the log no longer counts as its own: it says nothing of what the log covers
            }
            seen.density.see(mark, i64::from(event.time_precision_micros));
            if let Some(log) = self.logs.get(&event.place.artefact.0) {
                // The channels of Windows are counted by host and number already.
                let host = event.host.as_deref().filter(|_| event.channel.is_none()).unwrap_or_default();
                seen.parts.see(log, host, mark, i64::from(event.time_precision_micros));
            }
            seen.places.see(mark);
            seen.upkeep.see(&event, mark);
            let session = event.session.as_deref().filter(|_| event.class == Class::Datastore);
            if let Some(sequence) = event.sequence {
                let counter = match (&event.channel, session) {
                    (Some(channel), _) => Counter::Channel { host: event.host.as_deref().unwrap_or_default(), channel },
                    (None, Some(session)) => Counter::Session(session),
                    (None, None) => Counter::Log,
                };
                seen.numbers.see(counter, sequence, mark);
            }
            if event.class == Class::Datastore
                && let Some(session) = session
            {
                seen.numbers.session(session, event.activity == Activity::Connect, event.sequence.is_some(), mark);
            }
            self.orphans.see(&event, self.estate);
            if event.request_id.is_some() {
                self.skews.see(&event);
            }
        }
    }

    /// Sees records of a source that could not be read, or the warning of a cut that custody keeps.
    pub fn refused(&mut self, source: &str, warnings: &[Warning]) {
        let seen = self.sources.entry(source.to_owned()).or_default();
        // A note is no loss.
        for warning in warnings.iter().filter(|warning| !warning.is_note()) {
            seen.refused_count += 1;
            places::keep_refused(&mut seen.refused, warning);
        }
    }

    /// Spans, gaps and skews, in a stable order.
    pub fn finish(self) -> Coverage {
        let mut coverage = Coverage::default();
        let densities: BTreeMap<&str, &Density> = self.sources.iter().map(|(id, seen)| (id.as_str(), &seen.density)).collect();
        let profiles: BTreeMap<&str, density::Profile> = densities.iter().map(|(id, d)| (*id, d.profile())).collect();
        let night = edges::Hours::of(self.estate);
        for (id, seen) in &self.sources {
            let others: Vec<(&str, &density::Profile)> = profiles.iter().filter(|(other, _)| *other != id).map(|(other, p)| (*other, p)).collect();
            let context = edges::Context { id, system: &seen.system, window: self.window, others: &others, hours: &night, artefacts: &self.artefacts };
            let own = &profiles[id.as_str()];
            let Some(span) = own.span() else {
                if self.estate.sources.iter().any(|s| s.id == *id) {
                    coverage.gaps.extend(edges::absent(&context, seen.refused_count));
                }
                continue;
            };
            coverage.spans.push((id.clone(), span));
            let mut gaps = edges::silences(&context, own);
            gaps.extend(seen.parts.gaps(&context, own, &gaps));
            gaps.extend(edges::late_start(&context, own));
            gaps.extend(edges::early_end(&context, own));
            gaps.extend(joined(seen.numbers.gaps(&context, span)));
            gaps.extend(joined(seen.upkeep.gaps(&context, span)));
            gaps.extend(joined(seen.places.gaps(&context, &seen.refused, TRUNCATED, span)));
            gaps.extend(joined(self.orphans.gaps(&context)));
            coverage.gaps.extend(gaps);
        }
        if let Some(window) = self.window {
            coverage.gaps.retain(|gap| gap.interval.overlaps(&window));
        }
        let order: Vec<&str> = self.estate.sources.iter().map(|source| source.id.as_str()).collect();
        coverage.skews = self.skews.finish(&order);
        // Source and interval first, for readers; the reason breaks the last ties.
        coverage.gaps.sort_by(|a, b| (&a.source, a.interval, a.kind, &a.reason).cmp(&(&b.source, b.interval, b.kind, &b.reason)));
        coverage
    }
}

/// Beyond [`GAPS_LISTED_MAX`] of a kind, one gap that covers the rest: wider, never narrower.
fn joined(mut gaps: Vec<Gap>) -> Vec<Gap> {
    if gaps.len() <= GAPS_LISTED_MAX {
        return gaps;
    }
    gaps.sort_by(|a, b| (a.interval, &a.reason).cmp(&(b.interval, &b.reason)));
    let rest = gaps.split_off(GAPS_LISTED_MAX - 1);
    if let Some(first) = rest.first().cloned() {
        let interval = rest.iter().fold(first.interval, |hull, gap| hull.hull(&gap.interval));
        let missing = rest.iter().map(|gap| gap.missing).sum::<Option<u64>>();
        gaps.push(Gap { interval, missing, reason: format!("{} further gaps of such kinds lie in this interval", rest.len()), artefact: None, ..first });
    }
    gaps
}

impl edges::Context<'_> {
    /// A gap of this source.
    fn gap(&self, kind: GapKind, interval: Interval, missing: Option<u64>, reason: String, marks: &[Mark]) -> Gap {
        Gap {
            source: self.id.to_owned(),
            system: self.system.to_owned(),
            artefact: marks.first().map(|mark| self.artefacts.place(*mark).artefact),
            kind,
            interval: Interval { from: interval.from.min(interval.to), to: interval.to.max(interval.from) },
            missing,
            reason,
            evidence: marks.iter().map(|mark| self.artefacts.place(*mark)).collect(),
        }
    }
}

/// A stamp is whatever the log says; far beyond any calendar it is held where sums cannot overflow.
pub(crate) fn bounded(micros: i64) -> i64 {
    const FAR: i64 = i64::MAX / 16;
    micros.clamp(-FAR, FAR)
}

fn interval(from: i64, to: i64) -> Interval {
    Interval { from: Instant(from), to: Instant(to) }
}
