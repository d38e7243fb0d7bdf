//! What each connection had set at each moment, as its own statements in the log tell it. Each log tells it in its own order;
//! a statement is asked of the log that it stands in.

use std::collections::{BTreeMap, HashMap, HashSet};

use strandline_model::event::columns::{self, Holds, Lend};
use strandline_model::event::{Activity, MASK, Status};
use strandline_model::evidence::{ArtefactId, EventRef};
use strandline_sql::{Dialect, Ran, SessionState, may_change};

use crate::writes::{first_word, is_let_run};

/// Different states that are kept; after that, nothing is known of a session that sets anything.
const STATES_AT_MOST: usize = 1 << 16;

/// What the connections that are asked for had set, and when.
#[derive(Default)]
pub struct Sessions {
    /// Which log an artefact is of.
    logs: HashMap<ArtefactId, u32>,
    /// By connection and log, in the log's order: when something was set.
    changes: HashMap<String, BTreeMap<u32, Vec<Change>>>,
    states: Vec<SessionState>,
    numbers: HashMap<SessionState, u32>,
    /// While the log is read.
    running: HashMap<(u32, String), SessionState>,
    /// Those of them in whose transaction a statement failed.
    failed: HashSet<(u32, String)>,
}

/// From here on, the session was in this state.
struct Change {
    time: i64,
    artefact: ArtefactId,
    offset: u64,
    state: u32,
}

impl Sessions {
    /// Takes one event of a connection that is asked for.
    pub(crate) fn take(&mut self, connection: &str, log: u32, dialect: Dialect, event: &impl Telling) {
        if !self.logs.contains_key(&event.column::<columns::place>().artefact) {
            self.logs.insert(event.column::<columns::place>().artefact.clone(), log);
        }
        let statement = event.column::<columns::statement>().unwrap_or_default();
        let begins = event.column::<columns::activity>() == Activity::Connect;
        let has_failed = event.column::<columns::activity>() == Activity::Error || event.column::<columns::status>() == Status::Failure;
        let goes_on = !self.failed.is_empty()
            && !has_failed
            && is_let_run(event.column::<columns::record_kind>(), &first_word(statement))
            && self.failed.remove(&(log, connection.to_owned()));
        if !begins && !has_failed && !goes_on && !may_change(statement) {
            return;
        }
        // States are as many as a log makes them, and a log may be made to make them.
        let is_full = self.states.len() >= STATES_AT_MOST;
        let state = self.running.entry((log, connection.to_owned())).or_insert_with(|| SessionState::new(dialect));
        let before = state.settled();
        if goes_on {
            state.go_on();
        }
        let parameters = parameters_of(event);
        let ran = Ran { sql: statement, time: event.column::<columns::time>().micros(), parameters: &parameters };
        match (begins, has_failed) {
            _ if is_full => *state = SessionState::lost(dialect),
            (true, _) => *state = SessionState::new(dialect),
            (false, true) => state.fail(ran),
            (false, false) => state.take(ran),
        }
        if state.has_failed() {
            self.failed.insert((log, connection.to_owned()));
        }
        let now = state.settled();
        if now == before {
            return;
        }
        let next = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(now.clone()).or_insert(next);
        if number == next {
            self.states.push(now);
        }
        let change = Change {
            time: event.column::<columns::time>().micros(),
            artefact: event.column::<columns::place>().artefact.clone(),
            offset: event.column::<columns::place>().offset,
            state: number,
        };
        self.changes.entry(connection.to_owned()).or_default().entry(log).or_default().push(change);
    }

    /// What a connection had set when it ran a statement at this time, whose records are these; `None` where it had set nothing.
    pub fn at(&self, connection: &str, time: i64, proof: &[EventRef]) -> Option<&SessionState> {
        let of_connection = self.changes.get(connection)?;
        let own = proof.iter().filter_map(|place| of_connection.get(self.logs.get(&place.artefact)?));
        // The log that tells most: the others hold some statements only.
        let changes = own.max_by_key(|changes| changes.len()).or_else(|| of_connection.values().max_by_key(|changes| changes.len()))?;
        let is_before = |change: &&Change| match proof.iter().find(|place| place.artefact == change.artefact) {
            Some(place) => change.offset < place.offset,
            None => change.time <= time,
        };
        let last = changes.iter().rev().find(is_before)?;
        self.states.get(last.state as usize)
    }
}

strandline_model::event_columns! {
    /// What tells what a session set.
    pub(crate) trait Telling { time, place, activity, status, statement, parameters, record_kind }
}

/// The values of a statement's parameters, as far as they are known.
pub(crate) fn parameters_of(event: &impl Holds<columns::parameters>) -> Vec<Option<String>> {
    let all = event.column::<columns::parameters>().into_iter().flatten().map(|value| value.as_deref().map(str::to_owned));
    all.map(|value| value.filter(|value| value != MASK)).collect()
}

#[cfg(test)]
mod tests {
    use strandline_model::event::{Class, Event};
    use strandline_model::time::Instant;
    use strandline_sql::Setting;

    use super::*;

    #[test]
    fn a_statement_runs_in_the_state_that_its_own_log_tells() {
        let mut sessions = Sessions::default();
        let place = |offset| EventRef { artefact: ArtefactId("a".to_owned()), offset, length: 1 };
        for (second, offset, statement) in [(1, 10, "SET search_path = a"), (1, 30, "SET search_path = b"), (5, 50, "BEGIN"), (9, 70, "RESET ALL")] {
            let mut event = Event::new(Instant(second * 1_000_000), Class::Datastore, Activity::Query, place(offset));
            event.statement = Some(statement.into());
            sessions.take("c", 0, Dialect::PostgreSql, &event);
        }
        let check = |time: i64, proof: &[EventRef], expected: Option<&[&str]>| {
            let found = sessions.at("c", time * 1_000_000, proof).map(SessionState::search_path);
            let expected = expected.map(|path| if path.is_empty() { Setting::Default } else { Setting::Is(path.iter().map(|s| (*s).to_owned()).collect()) });
            assert_eq!(found, expected, "at {time}");
        };
        check(1, &[place(20)], Some(&["a"]));
        check(1, &[place(40)], Some(&["b"]));
        check(1, &[place(5)], None);
        check(7, &[], Some(&["b"]));
        check(9, &[place(90)], Some(&[]));
        assert!(sessions.at("d", 0, &[]).is_none());
    }

    #[test]
    fn an_error_aborts_the_transaction_around_it() {
        let mut sessions = Sessions::default();
        let place = |offset| EventRef { artefact: ArtefactId("a".to_owned()), offset, length: 1 };
        for (offset, statement, status) in [
            (10, "SET search_path = a", Status::Success),
            (20, "BEGIN", Status::Success),
            (30, "SET search_path = b", Status::Success),
            (40, "SELECT 1/0", Status::Failure),
            (50, "COMMIT", Status::Success),
        ] {
            let mut event = Event::new(Instant(1_000_000), Class::Datastore, Activity::Query, place(offset));
            (event.statement, event.status) = (Some(statement.into()), status);
            sessions.take("c", 0, Dialect::PostgreSql, &event);
        }
        let path = |offset| sessions.at("c", 1_000_000, &[place(offset)]).map(SessionState::search_path);
        assert_eq!(path(35), Some(Setting::Is(vec!["b".to_owned()])));
        assert_eq!(path(60), Some(Setting::Is(vec!["a".to_owned()])));
    }
}
