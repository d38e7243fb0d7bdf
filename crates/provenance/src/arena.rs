//! Sets of data subjects, as one 64-bit number each, so that a plan can carry them in an ordinary column.
//!
//! A number is either one subject with its doubts, or a handle to a set kept here. Sets share their parts, so a set
//! that stands in every row of a result costs its size once. An arena serves one replay at a time.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use datafusion::common::DataFusionError;

use crate::spellings::Spelled;
use crate::types::Doubt;

const HANDLE: u64 = 1 << 63;
/// A set of too many people to be inferred; who they are is not kept.
pub(crate) const MANY: u64 = HANDLE | 0xffff_ffff;
/// In a row's subject: it is a number of holders.
const TOGETHER: u32 = 1 << 31;
const SUBJECT_SHIFT: u32 = 16;
const DOUBTS: u64 = 0xffff;

/// One subject, with the doubts about the row.
pub(crate) fn element(subject: u32, doubts: u64) -> u64 {
    (u64::from(subject) << SUBJECT_SHIFT) | (doubts & DOUBTS)
}

fn subject_of(element: u64) -> u32 {
    (element >> SUBJECT_SHIFT) as u32
}

#[derive(Debug)]
enum Node {
    Union(Box<[u64]>),
    Doubted {
        child: u64,
        doubts: u64,
    },
    /// Values joined in an order that is known: who stands where.
    Sequence(Box<[Placed]>),
}

/// Whose value stands at which characters of a joined text, or elements of an array: from, and up to but without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) set: u64,
}

#[derive(Debug, Default)]
struct Nodes {
    nodes: Vec<Node>,
    bytes: usize,
    is_open: bool,
    spelled: Spelled,
    /// Sets made of people who own rows together, by their number and doubts.
    of_holders: HashMap<(u32, u64), u64>,
}

/// The sets of one replay. Two arenas are equal if they are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    nodes: Arc<Mutex<Nodes>>,
    limit_bytes: usize,
    holders: Arc<[Box<[u32]>]>,
}

impl PartialEq for Arena {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.nodes, &other.nodes)
    }
}

impl Eq for Arena {}

impl Hash for Arena {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.nodes).hash(state);
    }
}

/// Subjects with the fewest doubts under which each was met, sorted by subject.
#[derive(Debug, Default)]
pub(crate) struct Subjects(Vec<(u32, u64)>);

impl Subjects {
    /// Each subject and its doubts, by subject.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().copied()
    }

    pub(crate) fn contains(&self, subject: u32) -> bool {
        self.0.binary_search_by_key(&subject, |(known, _)| *known).is_ok()
    }

    /// Leaves those that another set has.
    pub(crate) fn remove(&mut self, others: &Self) {
        if !others.0.is_empty() {
            self.0.retain(|(subject, _)| !others.contains(*subject));
        }
    }

    fn settle(&mut self) {
        self.0.sort_unstable_by_key(|(subject, doubts)| (*subject, weight(*doubts)));
        self.0.dedup_by_key(|(subject, _)| *subject);
    }
}

impl Arena {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { nodes: Arc::default(), limit_bytes, holders: Arc::new([]) }
    }

    /// The same, for rows that may be owned together.
    pub(crate) fn with_holders(self, holders: Arc<[Box<[u32]>]>) -> Self {
        Self { holders, ..self }
    }

    /// The subject of a row, or the set of its holders, with the doubts about the row.
    pub(crate) fn of_row(&self, subject: u32, doubts: u64) -> Result<u64, DataFusionError> {
        if subject & TOGETHER == 0 {
            return Ok(element(subject, doubts));
        }
        if let Some(known) = self.lock().of_holders.get(&(subject, doubts)) {
            return Ok(*known);
        }
        let people = self.holders.get((subject & !TOGETHER) as usize).map(|people| people.iter().map(|person| element(*person, doubts)).collect());
        let set = people.map(|people| self.union(people)).transpose()?.flatten();
        let set = set.ok_or_else(|| DataFusionError::Internal("a row is owned by nobody of the holders".into()))?;
        self.lock().of_holders.insert((subject, doubts), set);
        Ok(set)
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Forgets all sets; every handle given out before is void.
    pub(crate) fn clear(&self) {
        *self.lock() = Nodes::default();
    }

    /// Notes that something decided which the server may decide otherwise, where that cannot be told row by row.
    pub(crate) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Whether that was noted in this replay.
    pub(crate) fn is_open(&self) -> bool {
        let nodes = self.lock();
        nodes.is_open || nodes.spelled.differ()
    }

    /// Looks at the keys that groups were made by so far.
    pub(crate) fn spell(&self, note: impl FnOnce(&mut Spelled)) {
        note(&mut self.lock().spelled);
    }

    fn keep(&self, node: Node) -> Result<u64, DataFusionError> {
        let mut nodes = self.lock();
        nodes.bytes += 32
            + match &node {
                Node::Union(parts) => parts.len() * 8,
                Node::Sequence(parts) => parts.len() * 16,
                Node::Doubted { .. } => 0,
            };
        if nodes.bytes > self.limit_bytes || nodes.nodes.len() >= 0xffff_fff0 {
            return Err(DataFusionError::ResourcesExhausted("sets of subjects".into()));
        }
        nodes.nodes.push(node);
        Ok(HANDLE | (nodes.nodes.len() as u64 - 1))
    }

    /// The union of subjects and sets; `None` if there is nobody.
    pub(crate) fn union(&self, mut parts: Vec<u64>) -> Result<Option<u64>, DataFusionError> {
        tidy(&mut parts);
        match parts.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ if parts.contains(&MANY) => Ok(Some(MANY)),
            _ => self.keep(Node::Union(parts.into_boxed_slice())).map(Some),
        }
    }

    /// The same people, each with these doubts too.
    pub(crate) fn doubted(&self, value: u64, doubts: u64) -> Result<u64, DataFusionError> {
        match value {
            MANY => Ok(MANY),
            value if value & HANDLE == 0 => Ok(value | (doubts & DOUBTS)),
            child => self.keep(Node::Doubted { child, doubts }),
        }
    }

    /// Values joined in an order that is known.
    pub(crate) fn sequence(&self, parts: Vec<Placed>) -> Result<Option<u64>, DataFusionError> {
        if parts.is_empty() { Ok(None) } else { self.keep(Node::Sequence(parts.into_boxed_slice())).map(Some) }
    }

    /// Whose values stand in `from..to` of a sequence, which becomes a sequence of its own; of any other set, everybody in doubt.
    pub(crate) fn piece(&self, value: u64, from: i64, to: i64) -> Result<Option<u64>, DataFusionError> {
        let unplaced = || self.doubted(value, Doubt::Piece.bit()).map(Some);
        if value == MANY || value & HANDLE == 0 {
            return unplaced();
        }
        let (child, doubts) = {
            let nodes = self.lock();
            match nodes.nodes.get((value & !HANDLE) as usize) {
                Some(Node::Sequence(parts)) => {
                    let parts = parts.iter().filter_map(|part| cut(*part, from, to)).collect();
                    drop(nodes);
                    return self.sequence(parts);
                }
                Some(Node::Doubted { child, doubts }) => (*child, *doubts),
                _ => {
                    drop(nodes);
                    return unplaced();
                }
            }
        };
        self.piece(child, from, to)?.map(|piece| self.doubted(piece, doubts)).transpose()
    }

    /// Whether anybody in it has this doubt.
    pub(crate) fn has_doubt(&self, value: u64, doubt: u64) -> bool {
        if value & HANDLE == 0 {
            return value & DOUBTS & doubt != 0;
        }
        let nodes = self.lock();
        let (mut seen, mut open) = (HashSet::new(), vec![value]);
        while let Some(value) = open.pop() {
            if value & HANDLE == 0 {
                if value & DOUBTS & doubt != 0 {
                    return true;
                }
            } else if seen.insert(value) {
                match nodes.nodes.get((value & !HANDLE) as usize) {
                    Some(Node::Union(parts)) => open.extend(parts.iter()),
                    Some(Node::Doubted { doubts, .. }) if doubts & doubt != 0 => return true,
                    Some(Node::Doubted { child, .. }) => open.push(*child),
                    Some(Node::Sequence(parts)) => open.extend(parts.iter().map(|part| part.set)),
                    // Of too many people to be told, any may have it.
                    None => return true,
                }
            }
        }
        false
    }

    /// The doubts of whoever of them has the fewest; none where there are too many to be told.
    pub(crate) fn fewest_doubts(&self, value: u64) -> u64 {
        if value & HANDLE == 0 {
            return value & DOUBTS;
        }
        let nodes = self.lock();
        let (mut seen, mut open, mut found) = (HashSet::new(), vec![(value, 0)], None);
        while let Some((value, doubts)) = open.pop() {
            if value == MANY {
                return 0;
            } else if value & HANDLE == 0 {
                let own = doubts | (value & DOUBTS);
                found = Some(found.map_or(own, |known| surer(known, own)));
                if found == Some(0) {
                    return 0;
                }
            } else if seen.insert((value, doubts)) {
                match nodes.nodes.get((value & !HANDLE) as usize) {
                    Some(Node::Union(parts)) => open.extend(parts.iter().map(|part| (*part, doubts))),
                    Some(Node::Doubted { child, doubts: more }) => open.push((*child, doubts | more)),
                    Some(Node::Sequence(parts)) => open.extend(parts.iter().map(|part| (part.set, doubts))),
                    None => return 0,
                }
            }
        }
        found.unwrap_or(0)
    }

    /// Whether it is at most `limit` people.
    pub(crate) fn is_at_most(&self, value: u64, limit: usize) -> bool {
        if value & HANDLE == 0 {
            return limit >= 1;
        }
        let nodes = self.lock();
        let (mut people, mut seen, mut open) = (HashSet::new(), HashSet::new(), vec![value]);
        while let Some(value) = open.pop() {
            if value == MANY {
                return false;
            } else if value & HANDLE == 0 {
                people.insert(subject_of(value));
                if people.len() > limit {
                    return false;
                }
            } else if seen.insert(value) {
                match nodes.nodes.get((value & !HANDLE) as usize) {
                    Some(Node::Union(parts)) => open.extend(parts.iter()),
                    Some(Node::Doubted { child, .. }) => open.push(*child),
                    Some(Node::Sequence(parts)) => open.extend(parts.iter().map(|part| part.set)),
                    None => return false,
                }
            }
        }
        true
    }

    /// Adds the people of several sets to `found`.
    pub(crate) fn collect(&self, values: impl IntoIterator<Item = u64>, found: &mut Subjects) {
        let mut seen = HashSet::new();
        let mut open: Vec<(u64, u64)> = Vec::new();
        for value in values {
            // Most often a row is of one person.
            if value & HANDLE == 0 { found.0.push((subject_of(value), value & DOUBTS)) } else { open.push((value, 0)) }
        }
        let nodes = self.lock();
        while let Some((value, doubts)) = open.pop() {
            if value & HANDLE == 0 {
                found.0.push((subject_of(value), doubts | (value & DOUBTS)));
            } else if value != MANY && seen.insert((value, doubts)) {
                match nodes.nodes.get((value & !HANDLE) as usize) {
                    Some(Node::Union(parts)) => open.extend(parts.iter().map(|part| (*part, doubts))),
                    Some(Node::Doubted { child, doubts: more }) => open.push((*child, doubts | more)),
                    Some(Node::Sequence(parts)) => open.extend(parts.iter().map(|part| (part.set, doubts))),
                    None => {}
                }
            }
        }
        found.settle();
    }
}

/// What of a part lies in `from..to`, moved there.
fn cut(part: Placed, from: i64, to: i64) -> Option<Placed> {
    let start = i64::from(part.from).max(from);
    let end = i64::from(part.to).min(to);
    // A part of no characters stands nowhere.
    if start >= end {
        return None;
    }
    let place = |position: i64| u32::try_from(position.saturating_sub(from.max(0))).unwrap_or(u32::MAX);
    Some(Placed { from: place(start), to: place(end), set: part.set })
}

/// What doubts weigh: whether the replay took another row, or did not find this one at all, how many they are, and their bits as a tie-break.
fn weight(doubts: u64) -> (bool, u32, u64) {
    (doubts & (Doubt::LetThrough.bit() | Doubt::Displaced.bit()) != 0, doubts.count_ones(), doubts)
}

/// The doubts that weigh less.
pub(crate) fn surer(one: u64, other: u64) -> u64 {
    if weight(one) <= weight(other) { one } else { other }
}

/// Whether a set of rows (not of people) says that its row is sure: nobody doubted it.
pub(crate) fn is_sure(row: u64) -> bool {
    row & HANDLE == 0 && row & DOUBTS == 0
}

/// Sorts, and keeps each subject once, with its fewest doubts.
fn tidy(parts: &mut Vec<u64>) {
    parts.sort_unstable();
    parts.dedup();
    if parts.windows(2).any(|pair| pair[0] & HANDLE == 0 && pair[0] >> SUBJECT_SHIFT == pair[1] >> SUBJECT_SHIFT) {
        let mut kept: Vec<u64> = Vec::with_capacity(parts.len());
        for part in parts.drain(..) {
            match kept.last_mut() {
                Some(last) if part & HANDLE == 0 && *last >> SUBJECT_SHIFT == part >> SUBJECT_SHIFT => {
                    *last = element(subject_of(part), surer(*last & DOUBTS, part & DOUBTS));
                }
                _ => kept.push(part),
            }
        }
        *parts = kept;
    }
}

/// A set that grows row by row.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    parts: Vec<u64>,
    tidied: usize,
}

impl Growing {
    /// Adds one; with a `cap`, a set of more single subjects than that becomes [`MANY`].
    pub(crate) fn add(&mut self, value: u64, cap: Option<usize>) {
        if self.parts.last() == Some(&value) || self.parts.first() == Some(&MANY) {
            return;
        }
        self.parts.push(value);
        let step = cap.map_or(64, |cap| cap.max(4) * 2);
        if self.parts.len() >= step.max(self.tidied * 2) {
            tidy(&mut self.parts);
            self.tidied = self.parts.len();
            let people = self.parts.iter().filter(|part| **part & HANDLE == 0).count();
            if self.parts.contains(&MANY) || cap.is_some_and(|cap| people > cap) {
                self.parts = vec![MANY];
            }
        }
    }

    pub(crate) fn finish(&self, arena: &Arena, cap: Option<usize>) -> Result<Option<u64>, DataFusionError> {
        if self.parts.len() == 1 {
            return Ok(self.parts.first().copied());
        }
        match arena.union(self.parts.clone())? {
            Some(value) if cap.is_some_and(|cap| !arena.is_at_most(value, cap)) => Ok(Some(MANY)),
            value => Ok(value),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.parts.capacity() * 8 + 32
    }
}
