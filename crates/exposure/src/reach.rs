//! What the actor could have read while the database's log is missing: everything that the role of a live connection
//! or session had the right to read.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::access::{Access, AccessKind};
use strandline_model::estate::Estate;
use strandline_model::evidence::{Coverage, Gap};

use crate::fold::Fold;
use crate::world::World;
use strandline_history::writes::LogFacts;

/// A connection of the actor's, or a role that its web session used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Presence {
    pub(crate) database: String,
    pub(crate) role: Option<String>,
    /// Connections of an application belong to everybody; only its session is the actor's.
    pub(crate) connection: Option<String>,
    pub(crate) session: Option<String>,
}

/// When each presence was first and last seen.
#[derive(Default)]
pub(crate) struct Presences {
    pub(crate) all: BTreeMap<Presence, (i64, i64)>,
}

impl Presences {
    /// A file is opened without a connection: what a gap of the log of its system leaves open is an access of its own.
    pub(crate) fn take(&mut self, access: &Access) {
        if matches!(access.kind, AccessKind::File | AccessKind::FileExtract) {
            return;
        }
        let presence = Presence {
            database: access.database.clone(),
            role: access.role.clone(),
            connection: if access.session.is_some() { None } else { access.connection.clone() },
            session: access.session.clone(),
        };
        let time = access.time.micros();
        let seen = self.all.entry(presence).or_insert((time, time));
        *seen = (seen.0.min(time), seen.1.max(time));
    }

    /// The connections that the actor alone used.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &str> {
        self.all.keys().filter_map(|p| p.connection.as_deref())
    }
}

/// Folds in what the gaps leave open. Returns, for each gap that mattered, its reason.
pub(crate) fn reach(estate: &Estate, coverage: &Coverage, presences: &Presences, facts: &LogFacts, world: &World, fold: &mut Fold) -> Vec<String> {
    let mut reasons = BTreeSet::new();
    let mut done: BTreeSet<(usize, usize, Option<&str>)> = BTreeSet::new();
    for (presence, seen) in &presences.all {
        let Some(at) = world.databases.iter().position(|d| d.id == presence.database) else { continue };
        let Some(database) = estate.databases.iter().find(|d| d.id == presence.database) else { continue };
        let logs = estate.logs_of(database);
        let (from, to) = alive(presence, *seen, facts);
        for (number, gap) in coverage.gaps.iter().enumerate().filter(|(_, g)| logs.contains(g.source.as_str())) {
            let (gap_from, gap_to) = (gap.interval.from.micros(), gap.interval.to.micros());
            if from > gap_to || gap_from > to || !done.insert((at, number, presence.role.as_deref())) {
                continue;
            }
            let reason = sentence(gap);
            let proof = fold.keep_gap(gap_from, &gap.evidence);
            for table in world.databases[at].readable(presence.role.as_deref()) {
                let columns = &world.databases[at].tables[table].categorised;
                let subjects = world.population_between(at, table, gap_from, gap_to);
                fold.whole_table((at, table), &subjects, columns, &reason, (gap_from, gap_to), proof, world);
            }
            reasons.insert(reason);
        }
    }
    reasons.into_iter().collect()
}

/// When the presence may have read: a session while it is seen, a connection from its opening to its closing; an
/// opening or a closing that is not logged may lie at any time.
fn alive(presence: &Presence, seen: (i64, i64), facts: &LogFacts) -> (i64, i64) {
    let Some(facts) = presence.connection.as_ref().and_then(|c| facts.connections.get(c)) else { return seen };
    let first = facts.connected.unwrap_or_else(|| if facts.first.is_some_and(|t| t < seen.0) { facts.first.unwrap_or(seen.0) } else { i64::MIN });
    (first.min(seen.0), facts.disconnected.unwrap_or(i64::MAX).max(seen.1))
}

fn sentence(gap: &Gap) -> String {
    format!("the log {} is missing from {}, while the actor had a connection with the right to read this", gap.source, gap.interval)
}
