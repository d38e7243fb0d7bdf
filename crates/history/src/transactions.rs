//! Which state a statement read: the committed one of its moment, that of its transaction's first query, or one with the
//! transaction's own writes in it.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use strandline_model::evidence::EventRef;

use crate::Dialect;
use crate::roll::{micros, moment};
use crate::writes::{ConnectionFacts, End};

/// Own writes of one transaction that a read looks back at.
const MOST_OWN: usize = 1 << 16;
/// Own writes around a read that may stand in its instant.
const MOST_OF_AN_INSTANT: usize = 64;

/// What a transaction sees of others' commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what is committed when it begins.
    ReadCommitted,
    /// It sees what others have not committed, too.
    Uncommitted,
    /// Every statement sees what was committed at the first query.
    Snapshot,
    /// What PostgreSQL does where nothing is said; a setting that no log shows may say otherwise.
    ServerReadCommitted,
    /// What MySQL does where nothing is said; a setting that no log shows may say otherwise.
    ServerSnapshot,
}

impl Isolation {
    /// What the server does where nothing is said.
    pub(crate) fn of_server(dialect: Dialect) -> Self {
        match dialect {
            Dialect::PostgreSql => Self::ServerReadCommitted,
            Dialect::MySql => Self::ServerSnapshot,
        }
    }
}

/// The level that a statement names, if it names one.
pub(crate) fn isolation_of(statement: &str, dialect: Dialect) -> Option<Isolation> {
    let lower = statement.to_ascii_lowercase().replace('-', " ");
    if !lower.contains("isolation") {
        return None;
    }
    let has = |words: &str| lower.contains(words);
    Some(match dialect {
        _ if has("repeatable read") => Isolation::Snapshot,
        Dialect::PostgreSql if has("serializable") => Isolation::Snapshot,
        // MySQL locks what it reads: that is the committed state.
        Dialect::MySql if has("serializable") => Isolation::ReadCommitted,
        Dialect::MySql if has("read uncommitted") => Isolation::Uncommitted,
        _ if has("read committed") || has("read uncommitted") => Isolation::ReadCommitted,
        _ => return None,
    })
}

/// Where a statement stands in the logs: what puts the statements of one connection in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When, microseconds.
    pub time: i64,
    artefact: u64,
    offset: u64,
    part: u32,
}

impl Place {
    /// The place of a part of a record: the n-th statement of its string.
    pub fn new(time: i64, record: &EventRef, part: usize) -> Self {
        let mut hasher = DefaultHasher::new();
        record.artefact.0.hash(&mut hasher);
        Self { time, artefact: hasher.finish(), offset: record.offset, part: u32::try_from(part).unwrap_or(u32::MAX) }
    }

    /// The record's stamp, microseconds.
    pub(crate) fn time(&self) -> i64 {
        self.time
    }

    pub(crate) fn order(&self) -> (u64, u64, u32) {
        (self.artefact, self.offset, self.part)
    }

    /// Whether it comes before another one of its connection: by the log, where both stand in one, and else by time.
    fn is_before(&self, other: &Self) -> bool {
        if self.artefact == other.artefact { self.order() < other.order() } else { self.time < other.time }
    }
}

/// A write of a connection that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct OwnWrite {
    /// Where it stands.
    pub(crate) place: Place,
    /// Its number within the connection.
    pub(crate) number: u32,
    /// Where a rollback to a savepoint took it back.
    pub(crate) undone: Option<Place>,
}

/// A transaction of a connection that is asked for.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Where it began.
    pub from: Place,
    /// Where it ended; `None`: with the log.
    pub to: Option<Place>,
    /// What it sees of others' commits.
    pub level: Isolation,
    /// Its first query.
    pub snapshot: Option<Place>,
}

impl Transaction {
    /// A statement of the transaction ran.
    pub(crate) fn query(&mut self, place: Place, dialect: Dialect, word: &str) {
        let takes_snapshot = match dialect {
            // Any query or change takes it.
            Dialect::PostgreSql => !["show", "lock", "discard", "reset", "close", "deallocate"].contains(&word),
            // Only a consistent read does.
            Dialect::MySql => ["select", "with", "table", "values"].contains(&word),
        };
        if takes_snapshot && self.snapshot.is_none() {
            self.snapshot = Some(place);
        }
    }

    fn holds(&self, place: &Place) -> bool {
        !place.is_before(&self.from) && self.to.is_none_or(|to| !to.is_before(place))
    }
}

/// As of when a statement read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadInstant {
    /// The moment ([`moment`]) at which its rows are to be read.
    pub at: i64,
    /// What else it may have read.
    pub otherwise: Otherwise,
}

/// What a statement may have read instead of the state that is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing: it is that state.
    Nothing,
    /// The state of this other moment.
    At(i64),
    /// A state that no moment has: its own changes beside what others had not yet changed.
    Mixed,
}

impl ReadInstant {
    /// The committed state of an instant, microseconds.
    pub fn committed(time: i64) -> Self {
        Self::sure(moment(time))
    }

    fn sure(at: i64) -> Self {
        Self { at, otherwise: Otherwise::Nothing }
    }
}

/// One statement that read.
pub struct Reader<'r> {
    /// When it ran, microseconds.
    pub time: i64,
    /// What the logs show of its connection.
    pub connection: &'r ConnectionFacts,
    /// Where it stands in each log.
    pub places: &'r [Place],
    /// Numbers of the tables that it reads.
    pub tables: &'r BTreeSet<usize>,
    /// Whether it locks what it reads (`FOR UPDATE`): MySQL then reads the committed state.
    pub locks: bool,
}

/// A change that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Effect {
    /// When, microseconds.
    pub(crate) time: i64,
    /// The table that it changed.
    pub(crate) table: u32,
    /// The connection whose it was, where that is one that is asked for.
    pub(crate) owner: Option<u32>,
}

/// A write of a connection that is asked for, as it took effect.
#[derive(Clone, Debug)]
pub(crate) struct OwnEffect {
    /// Its moment.
    pub(crate) at: i64,
    /// Whether it stayed.
    pub(crate) end: End,
    /// The tables that it changed.
    pub(crate) tables: Box<[u32]>,
}

/// When the writes that matter took effect, and where a connection's own ones stand among them.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// By time.
    pub(crate) changes: Vec<Effect>,
    /// The writes of connections that are asked for, by connection and number of the write.
    pub(crate) own: HashMap<(u32, u32), OwnEffect>,
    /// Since when a connection that is asked for may be in a transaction in which it wrote to a table, microseconds, where no log tells which
    /// statements are of it nor whether what it wrote stayed.
    pub(crate) loose: HashMap<(u32, u32), i64>,
    /// Where writes took effect in logs of a coarse clock that hold statements in their order, and their moments; by place.
    pub(crate) ordered: Vec<(Place, i64)>,
}

impl Effects {
    /// Whether others changed any of these tables after one instant and up to another.
    fn changed_between(&self, one: i64, other: i64, reader: &Reader<'_>) -> bool {
        let (from, to) = (one.min(other), one.max(other));
        let start = self.changes.partition_point(|change| change.time <= from);
        let own = reader.connection.number;
        self.changes[start..]
            .iter()
            .take_while(|change| change.time <= to)
            .any(|change| reader.tables.contains(&(change.table as usize)) && (change.owner.is_none() || change.owner != own))
    }

    fn effect_of(&self, write: &OwnWrite, connection: &ConnectionFacts) -> Option<&OwnEffect> {
        self.own.get(&(connection.number?, write.number))
    }

    fn moment_of(&self, write: &OwnWrite, connection: &ConnectionFacts) -> Option<i64> {
        self.effect_of(write, connection).map(|effect| effect.at)
    }

    fn moment_of_stayed(&self, write: &OwnWrite, connection: &ConnectionFacts) -> Option<i64> {
        self.effect_of(write, connection).filter(|effect| !matches!(effect.end, End::Undone(_))).map(|effect| effect.at)
    }

    /// Whether a read of the write's own transaction may have seen what no state that is kept holds: it may have been taken back later, where
    /// no log tells.
    fn may_have_gone(&self, write: &OwnWrite, reader: &Reader<'_>) -> bool {
        let changed = |effect: &&OwnEffect| effect.tables.iter().any(|table| reader.tables.contains(&(*table as usize)));
        self.effect_of(write, reader.connection).filter(|effect| effect.end == End::Unsure).is_some_and(|effect| changed(&effect))
    }

    /// The moment at which the write that stands at one of these places took effect.
    pub fn moment_of_write(&self, connection: &ConnectionFacts, places: &[Place]) -> Option<i64> {
        places.iter().find_map(|place| {
            let at = connection.own.binary_search_by_key(&place.order(), |write| write.place.order()).ok()?;
            self.moment_of(&connection.own[at], connection)
        })
    }

    /// As of when a statement that writes read: right before its own effect. `None`: it is not known when that was.
    pub fn before_write(&self, reader: &Reader<'_>) -> Option<ReadInstant> {
        let effect = self.moment_of_write(reader.connection, reader.places)?;
        let is_mixed = self.changed_between(reader.time, micros(effect), reader);
        Some(ReadInstant { at: effect.saturating_sub(1), otherwise: if is_mixed { Otherwise::Mixed } else { Otherwise::Nothing } })
    }

    /// As of when a statement read.
    pub fn read_instant(&self, reader: &Reader<'_>) -> ReadInstant {
        let Some(first) = reader.places.first() else { return ReadInstant::committed(reader.time) };
        let inside = reader.places.iter().find_map(|place| {
            let all = &reader.connection.transactions;
            let known = all.partition_point(|t| t.from.order() <= place.order());
            let found = all[..known].last().filter(|t| t.from.artefact == place.artefact && t.holds(place))?;
            Some((place, found))
        });
        match inside {
            Some((place, transaction)) => self.in_transaction(reader, place, transaction),
            None => {
                let at = self.among_own(reader, first, moment(first.time));
                let otherwise = if self.may_be_within(reader) { Otherwise::Mixed } else { Otherwise::Nothing };
                ReadInstant { at, otherwise }
            }
        }
    }

    /// Whether a read may have been of a transaction of which its log tells neither how it began nor how it ended, and have seen in it what
    /// was taken back.
    fn may_be_within(&self, reader: &Reader<'_>) -> bool {
        let began = |table: &usize| self.loose.get(&(reader.connection.number?, u32::try_from(*table).ok()?));
        reader.tables.iter().filter_map(began).any(|began| *began <= reader.time)
    }

    /// The moment of a committed read, where the connection's own writes of the same instant come before and after it.
    fn among_own(&self, reader: &Reader<'_>, place: &Place, base: i64) -> i64 {
        if let Some(at) = self.among_ordered(reader, base) {
            return at;
        }
        let own = &reader.connection.own;
        let next = own.partition_point(|write| write.place.order() < place.order());
        let of_log = |write: &&OwnWrite| write.place.artefact == place.artefact;
        let moment_of = |write: &OwnWrite| self.moment_of_stayed(write, reader.connection);
        let before = own[..next].iter().rev().take(MOST_OF_AN_INSTANT).filter(of_log).find_map(moment_of).unwrap_or(i64::MIN);
        let after = own[next..].iter().take(MOST_OF_AN_INSTANT).filter(of_log).find_map(moment_of).unwrap_or(i64::MAX);
        let is_close = |at: i64| micros(at) == micros(base);
        let base = if is_close(after) { base.min(after.saturating_sub(1)) } else { base };
        if is_close(before) { base.max(before) } else { base }
    }

    /// The moment of a committed read that stands in a log of a coarse clock, among the writes before and after it. Of several logs that which
    /// holds most of them tells: an audit log may hold the order of definitions alone.
    fn among_ordered(&self, reader: &Reader<'_>, base: i64) -> Option<i64> {
        let next_of = |place: &&Place| self.ordered.partition_point(|(other, _)| other.order() < place.order());
        let is_of_log = |place: &Place, at: usize| self.ordered.get(at).is_some_and(|(other, _)| other.artefact == place.artefact);
        let held = |place: &Place| {
            let start = self.ordered.partition_point(|(other, _)| other.artefact < place.artefact);
            self.ordered[start..].partition_point(|(other, _)| other.artefact == place.artefact)
        };
        let place = reader.places.iter().rev().max_by_key(|place| held(place)).filter(|place| held(place) > 0)?;
        let next = next_of(&place);
        let is_close = |at: &i64| micros(*at) == micros(base);
        let after = is_of_log(place, next).then(|| self.ordered[next].1).filter(is_close);
        let before = next.checked_sub(1).filter(|last| is_of_log(place, *last)).map(|last| self.ordered[last].1).filter(is_close);
        let at = after.map_or(base, |after| base.min(after.saturating_sub(1)));
        Some(before.map_or(at, |before| at.max(before)))
    }

    fn in_transaction(&self, reader: &Reader<'_>, place: &Place, transaction: &Transaction) -> ReadInstant {
        let seen = transaction.snapshot.filter(|snapshot| snapshot.is_before(place)).map_or(place.time, |snapshot| snapshot.time);
        let level = if reader.locks && transaction.level != Isolation::Uncommitted { Isolation::ReadCommitted } else { transaction.level };
        let (base, other) = match level {
            Isolation::Snapshot => (seen, None),
            Isolation::ReadCommitted | Isolation::Uncommitted => (place.time, None),
            Isolation::ServerReadCommitted => (place.time, Some(seen)),
            Isolation::ServerSnapshot => (seen, Some(place.time)),
        };
        let other = other.filter(|other| self.changed_between(base, *other, reader));
        let own = &reader.connection.own;
        let end = own.partition_point(|write| write.place.order() < place.order());
        let inside = own[..end].iter().rev().take_while(|write| write.place.artefact == place.artefact && !write.place.is_before(&transaction.from));
        let mut is_mixed = level == Isolation::Uncommitted;
        let mut last = None;
        for write in inside.take(MOST_OWN) {
            match write.undone {
                // It was taken back before the read.
                Some(undone) if undone.is_before(place) => {}
                // It was seen, and stands in no state that is kept.
                Some(_) => is_mixed = true,
                None => match self.moment_of(write, reader.connection) {
                    Some(at) => {
                        last = last.max(Some(at));
                        is_mixed |= self.may_have_gone(write, reader);
                    }
                    // Its whole transaction was taken back before the snapshot, from which nobody can tell it back.
                    None => is_mixed = true,
                },
            }
        }
        let committed = self.among_own(reader, place, moment(base));
        let committed = if base == place.time { committed } else { moment(base) };
        let Some(last) = last.filter(|last| *last > committed) else {
            let otherwise = if is_mixed { Otherwise::Mixed } else { other.map_or(Otherwise::Nothing, |other| Otherwise::At(moment(other))) };
            return ReadInstant { at: committed, otherwise };
        };
        // Its own write stands where it took effect for everybody; what others changed until then it did not see.
        let of_one_stamp = micros(last) == micros(committed);
        is_mixed |= other.is_some() || self.changed_between(if of_one_stamp { micros(last).saturating_sub(1) } else { base }, micros(last), reader);
        ReadInstant { at: last, otherwise: if is_mixed { Otherwise::Mixed } else { Otherwise::Nothing } }
    }
}

#[cfg(test)]
mod tests {
    use strandline_model::evidence::ArtefactId;

    use super::*;

    fn place(log: &str, offset: u64) -> Place {
        Place::new(7_000_000, &EventRef { artefact: ArtefactId(log.to_owned()), offset, length: 1 }, 0)
    }

    /// A server that writes a general log and an audit log to the second: the one holds the order of everything, the other of definitions.
    #[test]
    fn a_read_stands_among_the_writes_of_the_log_that_holds_most_of_them() {
        let at = moment(7_000_000);
        let mut ordered = vec![(place("audit", 900), at - 1), (place("general", 10), at - 9), (place("general", 30), at - 5), (place("general", 50), at - 3)];
        ordered.sort_by_key(|(place, _)| place.order());
        let effects = Effects { ordered, ..Effects::default() };
        let (connection, tables) = (ConnectionFacts::default(), BTreeSet::from([0]));
        let read = |places: &[Place]| effects.read_instant(&Reader { time: 7_000_000, connection: &connection, places, tables: &tables, locks: false }).at;
        assert_eq!(read(&[place("audit", 500), place("general", 20)]), at - 6);
        assert_eq!(read(&[place("general", 20), place("audit", 500)]), at - 6);
        assert_eq!(read(&[place("general", 60), place("audit", 500)]), at);
        assert_eq!(read(&[place("audit", 500)]), at - 2);
        assert_eq!(read(&[place("slow", 1)]), at);
    }
}
