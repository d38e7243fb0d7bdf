//! Which session a web record is of: the one that its log names; else the one whose secret it carries, by the secret's digest;
//! else, where no log of a system does either, the one whose secret the application looked up in its database while the
//! request ran.
//!
//! Looking up is by time, so it is believed of an address only where several times no other address's request was running,
//! and what hangs on it is inferred, never proved.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::event::{Class, Event, EventRows};
use strandline_model::table::ScanError;

use crate::Inputs;
use crate::clock::Clocks;
use crate::shape::lift;
use crate::statements::applications;
use crate::survey::{SessionKey, Survey, connection_of, present};
use crate::text::{Pool, hash64};

/// Look-ups of one secret while only one address's requests were running, from which on it is taken to be used from there …
const FEWEST_ALONE: u32 = 3;
/// … if they are at least one in so many of the look-ups that stand alone there, or of those of the secret.
const LARGEST_SHARE: u32 = 5;
/// Look-ups and requests that are held; beyond, no sessions are made of them.
const MOST_HELD: usize = 4_000_000;
/// Requests that one look-up is compared with; one that more are running with says nothing.
const MOST_RUNNING: usize = 512;

/// Tells the session of a web record.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// For each system the length that its shortest log keeps of a session id.
    shortest: BTreeMap<String, usize>,
    looked_up: LookedUp,
}

impl Sessions {
    /// As the logs name them.
    pub(crate) fn of_logs(estate: &Estate) -> Self {
        let mut shortest = BTreeMap::new();
        for source in &estate.sources {
            if let Some(length) = source.session_prefix {
                let known = shortest.entry(source.system.clone()).or_insert(length as usize);
                *known = (*known).min(length as usize);
            }
        }
        Self { shortest, looked_up: LookedUp::default() }
    }

    /// With what applications looked up.
    pub(crate) fn with(self, looked_up: LookedUp) -> Self {
        Self { looked_up, ..self }
    }

    /// A session's id, cut to the length that its system's shortest log keeps.
    pub(crate) fn cut<'s>(&self, system: &str, session: &'s str) -> &'s str {
        self.shortest.get(system).map_or(session, |length| crate::url::cut(session, (*length).max(1)))
    }

    /// The session of a web record.
    pub(crate) fn of<'e>(&self, event: &'e Event<'_>) -> Option<Cow<'e, str>> {
        if let Some(session) = present(event.session.as_deref()) {
            return Some(Cow::Borrowed(self.cut(&event.system, session)));
        }
        if let Some(digest) = event.secrets.digests().next() {
            return Some(Cow::Owned(name(digest)));
        }
        self.looked_up.session(event).map(|name| Cow::Owned(name.to_string()))
    }

    /// Whether the secret of a session was also looked up for requests that are not known to be of it.
    pub(crate) fn has_strays(&self, (system, session): &SessionKey) -> bool {
        self.looked_up.systems.get(system).is_some_and(|of| of.strays.contains(session))
    }

    /// Whether sessions of a system are known only by what its application looked up.
    pub(crate) fn are_looked_up(&self, system: &str) -> bool {
        self.looked_up.systems.contains_key(system)
    }
}

/// A session is called by the digest of its secret.
fn name(digest: &str) -> String {
    format!("secret-{}", crate::url::cut(digest, 12))
}

/// Sessions that were learned from look-ups.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    clocks: Clocks,
    systems: BTreeMap<Arc<str>, OfSystem>,
}

/// A look-up: from, to (common clock), and the session.
type Placed = (i64, i64, Arc<str>);

/// The look-ups of one system, of the secrets of each address.
#[derive(Debug, Default)]
struct OfSystem {
    /// By address, in order of time.
    by_address: HashMap<Arc<str>, Vec<Placed>>,
    /// By request id, where statements carry it.
    by_request: HashMap<Arc<str>, Arc<str>>,
    /// Sessions whose secret was looked up, too, when no request ran from any address that is known to use it.
    strays: HashSet<Arc<str>>,
}

impl LookedUp {
    /// The one session whose secret was looked up while a request ran.
    fn session(&self, event: &Event<'_>) -> Option<Arc<str>> {
        let system = self.systems.get(event.system.as_ref())?;
        if let Some(session) = present(event.request_id.as_deref()).and_then(|id| system.by_request.get(id)) {
            return Some(session.clone());
        }
        let lookups = system.by_address.get(present(event.src_ip.as_deref())?)?;
        let (from, to) = runs(event, &self.clocks);
        let first = lookups.partition_point(|(_, until, _)| *until < from);
        let mut found = lookups[first..].iter().take_while(|(at, ..)| *at <= to).map(|(.., session)| session);
        let session = found.next()?;
        found.all(|other| other == session).then(|| session.clone())
    }
}

/// When a request ran, on the common clock.
fn runs(event: &Event<'_>, clocks: &Clocks) -> (i64, i64) {
    let precision = i64::from(event.time_precision_micros).clamp(1, 86_400_000_000);
    clocks.ran(&event.source, event.time.micros(), precision, event.duration_micros, event.bytes)
}

/// A secret that an application looked up.
struct Lookup {
    from: i64,
    to: i64,
    system: Arc<str>,
    session: Arc<str>,
    request_id: Option<Arc<str>>,
}

/// A request that ran.
struct Ran {
    from: i64,
    to: i64,
    address: Arc<str>,
}

/// Systems whose logs name no session of their requests.
pub(crate) fn nameless(survey: &Survey) -> BTreeSet<Arc<str>> {
    survey.request_sources.keys().filter(|system| !survey.names_sessions(system)).cloned().collect()
}

/// Learns the sessions of systems whose logs name none.
pub(crate) fn look_up(inputs: &Inputs<'_>, survey: &Survey, clocks: &Clocks, systems: &BTreeSet<Arc<str>>) -> Result<LookedUp, ScanError> {
    let Some((lookups, ran)) = collect(inputs, survey, clocks, systems)? else { return Ok(LookedUp::default()) };
    let mut out = LookedUp { clocks: clocks.clone(), systems: BTreeMap::new() };
    for (system, requests) in ran {
        let own: Vec<&Lookup> = lookups.iter().filter(|lookup| lookup.system == system).collect();
        let learned = of_system(&own, requests);
        if !learned.by_address.is_empty() || !learned.by_request.is_empty() {
            out.systems.insert(system, learned);
        }
    }
    Ok(out)
}

type Collected = (Vec<Lookup>, BTreeMap<Arc<str>, Vec<Ran>>);

/// All look-ups and all requests of the systems; nothing if there are too many to hold.
fn collect(inputs: &Inputs<'_>, survey: &Survey, clocks: &Clocks, systems: &BTreeSet<Arc<str>>) -> Result<Option<Collected>, ScanError> {
    let connections = applications(inputs.estate, survey, systems, &BTreeSet::new());
    let (mut pool, mut lookups, mut ran, mut held) = (Pool::default(), Vec::new(), BTreeMap::<Arc<str>, Vec<Ran>>::new(), 0);
    for batch in inputs.events.scan(COLUMNS)? {
        let batch = batch?;
        for event in EventRows::new(&batch).iter() {
            if event.class == Class::Datastore {
                let serves = connections.get(connection_of(&event).as_ref()).into_iter().flatten();
                let Some(session) = secret_of(&event) else { continue };
                let from = clocks.common(&event.source, event.time.micros());
                let to = from.saturating_add(i64::from(event.time_precision_micros).clamp(1, 60_000_000));
                let request_id = present(event.request_id.as_deref()).map(|id| pool.intern(id));
                for system in serves {
                    lookups.push(Lookup { from, to, system: system.clone(), session: pool.intern(&session), request_id: request_id.clone() });
                }
            } else if let Some(address) = present(event.src_ip.as_deref()).filter(|_| event.class == Class::Http && systems.contains(event.system.as_ref())) {
                let (from, to) = runs(&event, clocks);
                ran.entry(pool.intern(&event.system)).or_default().push(Ran { from, to, address: pool.intern(address) });
                held += 1;
            }
            if held + lookups.len() > MOST_HELD {
                return Ok(None);
            }
        }
    }
    Ok((!lookups.is_empty()).then_some((lookups, ran)))
}

/// The session that a statement looks up: by the first secret that was masked in it; or where a table of sessions is read, by
/// a value that nobody could guess.
fn secret_of(event: &Event<'_>) -> Option<String> {
    if let Some(digest) = event.secrets.digests().next() {
        return Some(name(digest));
    }
    let statement = event.statement.as_deref().filter(|s| s.len() <= 65_536 && reads_sessions(s))?;
    let bound = event.parameters.iter().flatten().flatten().find(|value| looks_random(value)).map(|value| value.to_string());
    let value = bound.or_else(|| lift(statement, false).literals.iter().find(|value| looks_random(value)).cloned())?;
    Some(name(&format!("{:016x}", hash64(&[value.as_bytes()]))))
}

/// Whether a statement selects from a table that is called after sessions, or after the tokens that stand for them.
fn reads_sessions(statement: &str) -> bool {
    let lower = statement.trim_start().to_ascii_lowercase();
    let mut words = lower.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')')).filter(|word| !word.is_empty());
    if words.next() != Some("select") {
        return false;
    }
    let table = words.skip_while(|word| *word != "from").nth(1).unwrap_or_default();
    table.contains("session") || table.contains("token")
}

/// As long as a secret, and of letters and digits at random.
fn looks_random(value: &str) -> bool {
    let count = |of: fn(&u8) -> bool| value.bytes().filter(of).count();
    (20..=512).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic()) && count(u8::is_ascii_digit) >= 3 && count(u8::is_ascii_alphabetic) >= 3
}

/// Columns of this pass.
const COLUMNS: &[&str] = &[
    "time",
    "time_precision_micros",
    "class",
    "activity",
    "source",
    "system",
    "src_ip",
    "account",
    "session",
    "request_id",
    "bytes",
    "duration_micros",
    "statement",
    "parameters",
    "secrets",
];

/// A session and an address.
type Pair<'l> = (&'l Arc<str>, &'l Arc<str>);

fn of_system(lookups: &[&Lookup], mut requests: Vec<Ran>) -> OfSystem {
    requests.sort_by(|a, b| (a.from, a.to, &a.address).cmp(&(b.from, b.to, &b.address)));
    let mut reach = i64::MIN;
    let mut reached = |request: &Ran| {
        reach = reach.max(request.to);
        reach
    };
    let latest: Vec<i64> = requests.iter().map(&mut reached).collect();
    let mut alone: BTreeMap<Pair<'_>, u32> = BTreeMap::new();
    let mut out = OfSystem::default();
    for lookup in lookups {
        if let Some(id) = &lookup.request_id {
            out.by_request.entry(id.clone()).or_insert_with(|| lookup.session.clone());
        } else if let Some(address) = only_address(&requests, &latest, lookup) {
            *alone.entry((&lookup.session, address)).or_default() += 1;
        }
    }
    let addresses = users(&alone);
    for lookup in lookups.iter().filter(|l| l.request_id.is_none()) {
        let users = addresses.get(&lookup.session).map_or(&[][..], Vec::as_slice);
        for address in users {
            out.by_address.entry((*address).clone()).or_default().push((lookup.from, lookup.to, lookup.session.clone()));
        }
        if !running(&requests, &latest, lookup).is_some_and(|mut ran| ran.any(|request| users.contains(&&request.address))) {
            out.strays.insert(lookup.session.clone());
        }
    }
    out.by_address.values_mut().for_each(|list| list.sort_unstable());
    out
}

/// The addresses that each session is taken to be used from, by the look-ups during which only they had requests.
fn users<'l>(alone: &BTreeMap<Pair<'l>, u32>) -> HashMap<&'l Arc<str>, Vec<&'l Arc<str>>> {
    let mut of_session: HashMap<&Arc<str>, u32> = HashMap::new();
    let mut of_address = of_session.clone();
    for ((session, address), count) in alone {
        *of_session.entry(session).or_default() += count;
        *of_address.entry(address).or_default() += count;
    }
    let mut out: HashMap<&'l Arc<str>, Vec<&'l Arc<str>>> = HashMap::new();
    for ((session, address), count) in alone {
        let share = LARGEST_SHARE.saturating_mul(*count);
        if *count >= FEWEST_ALONE && (share >= of_session[session] || share >= of_address[address]) {
            out.entry(*session).or_default().push(*address);
        }
    }
    out
}

/// The requests that were running when a secret was looked up; nothing if they are too many to compare.
fn running<'r>(requests: &'r [Ran], latest: &[i64], lookup: &Lookup) -> Option<impl Iterator<Item = &'r Ran>> {
    let end = requests.partition_point(|request| request.from <= lookup.to);
    let begin = latest[..end].partition_point(|reach| *reach < lookup.from);
    let from = lookup.from;
    (end - begin <= MOST_RUNNING).then(|| requests[begin..end].iter().filter(move |request| request.to >= from))
}

/// The address of all requests that were running when a secret was looked up, if it is one.
fn only_address<'r>(requests: &'r [Ran], latest: &[i64], lookup: &Lookup) -> Option<&'r Arc<str>> {
    let mut ran = running(requests, latest, lookup)?.map(|request| &request.address);
    let first = ran.next()?;
    ran.all(|address| address == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests as (from, to, address), look-ups as (time, session): which address each session is used from.
    fn check(requests: &[(i64, i64, &str)], lookups: &[(i64, &str)], expected: &[(&str, &str)]) {
        let ran = requests.iter().map(|(from, to, address)| Ran { from: *from, to: *to, address: Arc::from(*address) }).collect();
        let of = |(at, session): &(i64, &str)| Lookup { from: *at, to: *at, system: Arc::from("s"), session: Arc::from(*session), request_id: None };
        let all: Vec<Lookup> = lookups.iter().map(of).collect();
        let learned = of_system(&all.iter().collect::<Vec<_>>(), ran);
        let found: BTreeSet<(String, String)> =
            learned.by_address.iter().flat_map(|(address, list)| list.iter().map(|(.., s)| (s.to_string(), address.to_string()))).collect();
        let expected: BTreeSet<(String, String)> = expected.iter().map(|(s, a)| ((*s).to_owned(), (*a).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_secret_is_used_where_only_one_addresss_requests_ran() {
        let requests = [(0, 9, "a"), (10, 19, "a"), (20, 29, "a"), (30, 39, "b"), (40, 49, "b"), (50, 59, "b")];
        check(&requests, &[(1, "x"), (11, "x"), (21, "x"), (31, "y"), (41, "y"), (51, "y")], &[("x", "a"), ("y", "b")]);
        check(&requests, &[(1, "x"), (11, "x"), (21, "x"), (31, "x"), (41, "x"), (51, "x")], &[("x", "a"), ("x", "b")]);
    }

    #[test]
    fn what_may_be_of_either_says_nothing() {
        let requests = [(0, 9, "a"), (0, 9, "b"), (10, 19, "a"), (10, 19, "b"), (20, 29, "a"), (20, 29, "b")];
        check(&requests, &[(1, "x"), (11, "x"), (21, "x")], &[]);
    }

    #[test]
    fn a_request_that_no_log_holds_makes_nobody_its_user() {
        let mut requests: Vec<(i64, i64, &str)> = (0..100).map(|n| (n * 10, n * 10 + 9, "a")).collect();
        requests.extend((100..200).map(|n| (n * 10, n * 10 + 9, "b")));
        let mut lookups: Vec<(i64, &str)> = (0..100).map(|n| (n * 10 + 1, "x")).collect();
        lookups.extend((100..200).map(|n| (n * 10 + 1, "y")));
        // Three look-ups of y, whose requests are lost, while a's requests ran.
        lookups.extend([(5, "y"), (15, "y"), (25, "y")]);
        check(&requests, &lookups, &[("x", "a"), ("y", "b")]);
    }

    #[test]
    fn tables_of_sessions_are_told_by_their_name() {
        assert!(reads_sessions("SELECT * FROM sessions WHERE id = 'x'"));
        assert!(reads_sessions("select data from public.\"user_sessions\" where k = $1"));
        assert!(reads_sessions("SELECT MAX(\"tokens\".\"updated_on\")\n FROM \"tokens\" WHERE \"tokens\".\"value\" = $1"));
        assert!(reads_sessions("SELECT 1 FROM (authtoken_token) WHERE key = 'x'"));
        assert!(!reads_sessions("SELECT * FROM people WHERE session = 1"));
        assert!(!reads_sessions("SELECT session FROM people"));
        assert!(!reads_sessions("INSERT INTO sessions SELECT 1"));
    }
}
