//! What every analytic needs to write a detection: a stable id, and a bounded sample of the events it stands on.

use std::collections::HashMap;
use std::collections::VecDeque;

use sha2::{Digest, Sha256};
use strandline_model::detection::{Detection, DetectionOrigin, Level, SubjectKind};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_model::time::Instant;

use crate::Row;

/// Half of the events that a detection cites at most: the first ones and the last ones.
const HALF: usize = 500;

/// Artefact names by number, so that a state keeps four bytes for each event and not a string.
#[derive(Debug, Default)]
pub struct Artefacts {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Artefacts {
    /// The place of an event, in 16 bytes.
    pub fn place(&mut self, event: &Row<'_>) -> Place {
        self.place_of(&event.place)
    }

    /// The same, of any place in the evidence.
    pub fn place_of(&mut self, place: &EventRef) -> Place {
        let name = &place.artefact.0;
        let artefact = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                self.numbers.insert(name.clone(), number);
                self.names.push(name.clone());
                number
            }
        };
        Place { artefact, length: place.length, offset: place.offset }
    }

    /// The place as a detection cites it.
    pub fn reference(&self, place: Place) -> EventRef {
        let name = self.names.get(place.artefact as usize).cloned().unwrap_or_default();
        EventRef { artefact: ArtefactId(name), offset: place.offset, length: place.length }
    }
}

/// The place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    artefact: u32,
    length: u32,
    offset: u64,
}

/// How many events, from when to when, and a bounded sample of their places.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Option<Instant>,
    /// The last.
    pub last: Option<Instant>,
    head: Vec<Place>,
    tail: VecDeque<Place>,
}

impl Seen {
    /// Adds one event.
    pub fn add(&mut self, at: Instant, place: Place) {
        self.widen(at, at);
        self.add_untimed(place);
    }

    /// Adds one event that carries no time.
    pub fn add_untimed(&mut self, place: Place) {
        self.count += 1;
        self.keep(place);
    }

    /// Adds events at once, of which some places are known.
    pub fn add_stretch(&mut self, (first, last): (Instant, Instant), count: u64, places: impl Iterator<Item = Place>) {
        self.count += count;
        self.widen(first, last);
        places.for_each(|place| self.keep(place));
    }

    /// Adds what was seen elsewhere.
    pub fn add_all(&mut self, other: &Self) {
        if let Some(stretch) = other.first.zip(other.last) {
            self.add_stretch(stretch, other.count, other.head.iter().chain(&other.tail).copied());
        }
    }

    fn widen(&mut self, first: Instant, last: Instant) {
        self.first = Some(self.first.map_or(first, |t| t.min(first)));
        self.last = Some(self.last.map_or(last, |t| t.max(last)));
    }

    fn keep(&mut self, place: Place) {
        if self.head.len() < HALF {
            self.head.push(place);
        } else {
            self.tail.push_back(place);
            if self.tail.len() > HALF {
                self.tail.pop_front();
            }
        }
    }

    /// The places kept, sorted.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.head.iter().chain(&self.tail).copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// What an analytic says; the rest of a detection follows from it.
pub struct Statement<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// Its title.
    pub title: &'a str,
    /// How much it matters.
    pub level: Level,
    /// ATT&CK techniques.
    pub techniques: &'a [&'a str],
    /// What it is about.
    pub subject: (SubjectKind, &'a str),
    /// The system.
    pub system: &'a str,
    /// The figures, in a sentence.
    pub reason: String,
    /// What else it names.
    pub related: Vec<String>,
}

/// Writes the detection.
pub fn detection(artefacts: &Artefacts, seen: &Seen, said: Statement<'_>) -> Detection {
    let mut hash = Sha256::new();
    for part in [said.rule, said.system, said.subject.1] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let id: String = hash.finalize()[..6].iter().map(|b| format!("{b:02x}")).collect();
    let mut related = said.related;
    related.sort();
    related.dedup();
    Detection {
        id: format!("D-{id}"),
        origin: DetectionOrigin::Analytic,
        rule: said.rule.to_owned(),
        title: said.title.to_owned(),
        level: said.level,
        techniques: said.techniques.iter().map(|t| (*t).to_owned()).collect(),
        subject_kind: said.subject.0,
        subject: said.subject.1.to_owned(),
        system: said.system.to_owned(),
        first: seen.first.unwrap_or_default(),
        last: seen.last.unwrap_or_default(),
        event_count: i64::try_from(seen.count).unwrap_or(i64::MAX),
        reason: said.reason,
        related,
        events: seen.places().into_iter().map(|place| artefacts.reference(place)).collect(),
    }
}
