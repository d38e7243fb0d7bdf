//! Which state a statement read: the committed one of its moment, that of its transaction's first query, or one with the
//! transaction's own writes in it.

use crate::Dialect;
use crate::roll::moment;

/// What a transaction sees of others' commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what is committed when it begins (and, READ UNCOMMITTED, perhaps more).
    ReadCommitted,
    /// Every statement sees what was committed at the first query.
    Snapshot,
    /// What the server does where nothing is said; a setting that no log shows may say otherwise.
    ServerReadCommitted,
}

impl Isolation {
    /// What the server does where nothing is said.
    pub(crate) fn of_server(dialect: Dialect) -> Self {
        match dialect {
            Dialect::PostgreSql => Self::ServerReadCommitted,
            Dialect::MySql => Self::Snapshot,
        }
    }
}

/// The level that a statement names, if it names one.
pub(crate) fn isolation_of(statement: &str) -> Option<Isolation> {
    let lower = statement.to_ascii_lowercase().replace('-', " ");
    if !lower.contains("isolation") {
        return None;
    }
    let has = |words: &str| lower.contains(words);
    if has("repeatable read") || has("serializable") {
        return Some(Isolation::Snapshot);
    }
    (has("read committed") || has("read uncommitted")).then_some(Isolation::ReadCommitted)
}

/// A transaction of a connection that is asked for.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// When it began.
    pub from: i64,
    /// When it ended.
    pub to: i64,
    /// What it sees of others' commits.
    pub level: Isolation,
    /// Its first query.
    pub snapshot: Option<i64>,
    /// Whether it took effect.
    pub committed: bool,
    /// When each of its own writes ran, and the write's number within the connection.
    pub own: Vec<(i64, u32)>,
}

impl Transaction {
    /// A statement of the transaction ran.
    pub(crate) fn query(&mut self, time: i64, dialect: Dialect, word: &str) {
        let takes_snapshot = match dialect {
            // Any query or change takes it.
            Dialect::PostgreSql => !["show", "lock", "discard", "reset", "close", "deallocate"].contains(&word),
            // Only a consistent read does.
            Dialect::MySql => ["select", "with", "table", "values"].contains(&word),
        };
        if takes_snapshot && self.snapshot.is_none() {
            self.snapshot = Some(time);
        }
    }

    /// Whether any of its reads may have seen another state than the committed one.
    pub(crate) fn is_of_note(&self) -> bool {
        !self.own.is_empty() || self.snapshot.is_some()
    }
}

/// As of when a statement read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadInstant {
    /// The moment ([`moment`]) at which its rows are to be read.
    pub at: i64,
    /// Another one at which it may have read them, where the evidence does not settle it.
    pub or: Option<i64>,
}

impl ReadInstant {
    /// The committed state of an instant, microseconds.
    pub fn committed(time: i64) -> Self {
        Self { at: moment(time), or: None }
    }
}

/// When the writes that matter took effect, and where a connection's own ones stand among them.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Microseconds, sorted, each with the connection whose it was, where that is one that is asked for.
    pub(crate) times: Vec<(i64, Option<u32>)>,
    /// The moments of the writes of connections that are asked for: connection, number of the write, moment.
    pub(crate) own: std::collections::HashMap<(u32, u32), i64>,
}

impl Effects {
    /// Whether others changed anything after one instant and up to another.
    fn changed_between(&self, from: i64, to: i64, connection: Option<u32>) -> bool {
        let start = self.times.partition_point(|(time, _)| *time <= from);
        self.times[start..].iter().take_while(|(time, _)| *time <= to).any(|(_, owner)| owner.is_none() || *owner != connection)
    }

    /// As of when a statement of a connection read at `time`; `transactions` are the connection's.
    pub fn read_instant(&self, connection: Option<u32>, transactions: &[Transaction], time: i64) -> ReadInstant {
        let known = transactions.partition_point(|t| t.from <= time);
        let Some(inside) = transactions[..known].iter().rev().take(4).find(|t| t.from <= time && time <= t.to) else {
            return ReadInstant::committed(time);
        };
        let seen = inside.snapshot.filter(|s| *s < time).unwrap_or(time);
        let base = match inside.level {
            Isolation::Snapshot => ReadInstant::committed(seen),
            Isolation::ReadCommitted => ReadInstant::committed(time),
            Isolation::ServerReadCommitted => {
                let or = self.changed_between(seen, time, connection).then(|| moment(seen));
                ReadInstant { at: moment(time), or }
            }
        };
        let own = inside.own.iter().rev().find(|(said, _)| *said < time);
        let Some(moment_of_own) = own.and_then(|(_, number)| self.own.get(&(connection?, *number))) else { return base };
        // Its own write stands where it took effect for everybody; only what others committed until then tells the two apart.
        let until = moment_of_own.div_euclid(crate::roll::SLOTS);
        let from = if inside.level == Isolation::Snapshot { seen } else { time };
        let others = self.changed_between(from.min(until), from.max(until), connection);
        ReadInstant { at: *moment_of_own, or: others.then_some(base.at).or(base.or) }
    }
}
