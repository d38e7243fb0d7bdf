//! Which session a web record is of: the one that its log names; else the one whose secret it carries, by the secret's digest;
//! else, where no log of a system does either, the one whose secret the application looked up in its database while the
//! request ran.
//!
//! Looking up is by time, and other addresses' requests run at the same moments. Which addresses use a secret is what explains best
//! when it was looked up and when not (expectation and maximisation: Dempster, Laird and Rubin 1977); what hangs on it is inferred,
//! never proved.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use strandline_model::estate::Estate;
use strandline_model::event::Class;
use strandline_model::event::columns::{self, Lend};
use strandline_model::names::{SessionLengths, secret_session};
use strandline_model::table::ScanError;

use crate::Inputs;
use crate::clock::Clocks;
use crate::shape::lift;
use crate::statements::applications;
use crate::survey::{SessionKey, Survey, connection_of, present};
use crate::text::{Pool, hash64};

/// Look-ups of one secret that are an address's, from which on it is taken to be used from there, if as many are explained by no
/// other address that uses it …
const FEWEST_ALONE: u32 = 3;
/// … and if they are at least one in so many of the address's look-ups, or of those of the secret.
const LARGEST_SHARE: f64 = 5.0;
/// Rounds of telling look-ups apart.
const ROUNDS: usize = 40;
/// Pairs of a look-up and an address with a request then, that are held.
const MOST_PAIRS: usize = 4_000_000;
/// Look-ups a second for whose request no log tells of: what nothing else explains is theirs.
const UNEXPLAINED_RATE: f64 = 1e-9;
/// Look-ups and requests that are held; beyond, no sessions are made of them.
const MOST_HELD: usize = 4_000_000;
/// Requests that one look-up is compared with; one that more are running with says nothing.
const MOST_RUNNING: usize = 512;

/// Tells the session of a web record.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    lengths: SessionLengths,
    looked_up: LookedUp,
}

impl Sessions {
    /// As the logs name them.
    pub(crate) fn of_logs(estate: &Estate) -> Self {
        Self { lengths: SessionLengths::of(estate), looked_up: LookedUp::default() }
    }

    /// With what applications looked up.
    pub(crate) fn with(self, looked_up: LookedUp) -> Self {
        Self { looked_up, ..self }
    }

    /// A session's id, cut to the length that its system's shortest log keeps.
    pub(crate) fn cut<'s>(&self, system: &str, session: &'s str) -> &'s str {
        self.lengths.cut(system, session)
    }

    /// The session of a web record.
    pub(crate) fn of<'e>(&self, event: &'e impl WebRecord) -> Option<Cow<'e, str>> {
        if let Some(session) = present(event.column::<columns::session>()) {
            return Some(Cow::Borrowed(self.cut(event.column::<columns::system>(), session)));
        }
        if let Some(digest) = event.column::<columns::secrets>().digests().next() {
            return Some(Cow::Owned(secret_session(digest)));
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
    fn session(&self, event: &impl WebRecord) -> Option<Arc<str>> {
        let system = self.systems.get(event.column::<columns::system>())?;
        if let Some(session) = present(event.column::<columns::request_id>()).and_then(|id| system.by_request.get(id)) {
            return Some(session.clone());
        }
        let lookups = system.by_address.get(present(event.column::<columns::src_ip>())?)?;
        let (from, to) = runs(event, &self.clocks);
        let first = lookups.partition_point(|(_, until, _)| *until < from);
        let mut found = lookups[first..].iter().take_while(|(at, ..)| *at <= to).map(|(.., session)| session);
        let session = found.next()?;
        found.all(|other| other == session).then(|| session.clone())
    }
}

/// When a request ran, on the common clock.
fn runs(event: &impl Timed, clocks: &Clocks) -> (i64, i64) {
    let precision = i64::from(event.column::<columns::time_precision_micros>()).clamp(1, 86_400_000_000);
    let (source, time) = (event.column::<columns::source>(), event.column::<columns::time>().micros());
    clocks.ran(source, time, precision, event.column::<columns::duration_micros>(), event.column::<columns::bytes>())
}

strandline_model::event_columns! {
    /// What tells when a request ran.
    pub(crate) trait Timed { time, time_precision_micros, source, duration_micros, bytes }
}

strandline_model::event_columns! {
    /// What tells the session of a web record.
    pub(crate) trait WebRecord: Timed { system, session, secrets, request_id, src_ip }
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
    for part in columns::scan::<Row<'_>>(inputs.events)? {
        for event in part?.iter() {
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
fn secret_of(event: &Row<'_>) -> Option<String> {
    if let Some(digest) = event.secrets.digests().next() {
        return Some(secret_session(digest));
    }
    let statement = event.statement.as_deref().filter(|s| s.len() <= 65_536 && reads_sessions(s))?;
    let bound = event.parameters.iter().flatten().flatten().find(|value| looks_random(value)).map(|value| value.to_string());
    let value = bound.or_else(|| lift(statement, false).literals.iter().find(|value| looks_random(value)).cloned())?;
    Some(secret_session(&format!("{:016x}", hash64(&[value.as_bytes()]))))
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

strandline_model::event_columns! {
    /// What is read to find the sessions that applications look up.
    struct Row {
        time, time_precision_micros, class, source, system, src_ip, account, session, request_id, bytes, duration_micros, statement,
        parameters, secrets,
    }
}

/// A look-up, and the addresses of which requests were running then, with how many.
struct Running<'l> {
    session: &'l Arc<str>,
    addresses: Vec<(usize, f64)>,
}

fn of_system(lookups: &[&Lookup], mut requests: Vec<Ran>) -> OfSystem {
    requests.sort_by(|a, b| (a.from, a.to, &a.address).cmp(&(b.from, b.to, &b.address)));
    let mut reach = i64::MIN;
    let mut reached = |request: &Ran| {
        reach = reach.max(request.to);
        reach
    };
    let latest: Vec<i64> = requests.iter().map(&mut reached).collect();
    let mut out = OfSystem::default();
    for lookup in lookups {
        if let Some(id) = &lookup.request_id {
            out.by_request.entry(id.clone()).or_insert_with(|| lookup.session.clone());
        }
    }
    let nameless: Vec<&Lookup> = lookups.iter().copied().filter(|l| l.request_id.is_none()).collect();
    let users = users(&nameless, &requests, &latest);
    for lookup in nameless {
        let users = users.get(&lookup.session).map_or(&[][..], Vec::as_slice);
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

/// The addresses that each session is taken to be used from.
fn users<'l>(lookups: &[&'l Lookup], requests: &'l [Ran], latest: &[i64]) -> HashMap<&'l Arc<str>, Vec<&'l Arc<str>>> {
    let addresses: Vec<&Arc<str>> = requests.iter().map(|request| &request.address).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |address: &Arc<str>| addresses.binary_search(&address).unwrap_or(usize::MAX);
    let mut seen: Vec<Running<'l>> = Vec::new();
    let mut pairs = 0;
    for lookup in lookups {
        let Some(ran) = running(requests, latest, lookup) else { continue };
        let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
        ran.for_each(|request| *counts.entry(place(&request.address)).or_default() += 1.0);
        pairs += counts.len();
        if pairs > MOST_PAIRS {
            return HashMap::new();
        }
        seen.push(Running { session: &lookup.session, addresses: counts.into_iter().collect() });
    }
    let tick = lookups.iter().map(|l| l.to.saturating_sub(l.from)).max().unwrap_or(0);
    let mut seconds = vec![1e-6; addresses.len()];
    for request in requests {
        seconds[place(&request.address)] += request.to.saturating_sub(request.from).saturating_add(tick) as f64 / 1e6;
    }
    let shares = shares(&seen, &seconds);
    let users = told_apart(&seen, &shares);
    users.into_iter().map(|(session, list)| (session, list.into_iter().map(|at| addresses[at]).collect())).collect()
}

/// Look-ups of each secret, by the address whose requests they are of: so that what was looked up, and what was not while an
/// address's requests ran, is as likely as can be, each address looking up each secret at a rate of its own. `seconds` is how long requests of
/// each address ran.
fn shares<'l>(seen: &[Running<'l>], seconds: &[f64]) -> BTreeMap<(&'l Arc<str>, usize), f64> {
    let mut rates: BTreeMap<(&Arc<str>, usize), f64> = BTreeMap::new();
    let mut counts = rates.clone();
    for lookup in seen {
        rates.extend(lookup.addresses.iter().map(|(at, _)| ((lookup.session, *at), 1.0)));
    }
    for _ in 0..ROUNDS {
        counts = rates.keys().map(|pair| (*pair, 0.0)).collect();
        for lookup in seen {
            let rate = |(at, requests): &(usize, f64)| rates[&(lookup.session, *at)] * requests;
            let all: f64 = UNEXPLAINED_RATE + lookup.addresses.iter().map(rate).sum::<f64>();
            for pair in &lookup.addresses {
                *counts.entry((lookup.session, pair.0)).or_default() += rate(pair) / all;
            }
        }
        rates = counts.iter().map(|(pair, count)| (*pair, count / seconds[pair.1])).collect();
    }
    counts
}

/// The addresses to which enough look-ups of a secret belong that no other user of it explains.
fn told_apart<'l>(seen: &[Running<'l>], shares: &BTreeMap<(&'l Arc<str>, usize), f64>) -> BTreeMap<&'l Arc<str>, Vec<usize>> {
    let mut of_session: BTreeMap<&Arc<str>, f64> = BTreeMap::new();
    let mut of_address: BTreeMap<usize, f64> = BTreeMap::new();
    for ((session, at), count) in shares {
        *of_session.entry(session).or_default() += count;
        *of_address.entry(*at).or_default() += count;
    }
    let mut users: BTreeMap<&'l Arc<str>, Vec<usize>> = BTreeMap::new();
    // Sums of shares of whole look-ups are a little less than whole.
    for ((session, at), count) in shares.iter().filter(|(_, count)| **count > f64::from(FEWEST_ALONE) - 0.5) {
        if LARGEST_SHARE * count >= of_session[session] || LARGEST_SHARE * count >= of_address[at] {
            users.entry(*session).or_default().push(*at);
        }
    }
    let mut alone: BTreeMap<(&Arc<str>, usize), u32> = BTreeMap::new();
    for lookup in seen {
        let known = users.get(lookup.session).map_or(&[][..], Vec::as_slice);
        let mut there = lookup.addresses.iter().map(|(at, _)| *at).filter(|at| known.contains(at));
        if let (Some(only), None) = (there.next(), there.next()) {
            *alone.entry((lookup.session, only)).or_default() += 1;
        }
    }
    users.iter_mut().for_each(|(session, list)| list.retain(|at| alone.get(&(*session, *at)).is_some_and(|count| *count >= FEWEST_ALONE)));
    users
}

/// The requests that were running when a secret was looked up; nothing if they are too many to compare.
fn running<'r>(requests: &'r [Ran], latest: &[i64], lookup: &Lookup) -> Option<impl Iterator<Item = &'r Ran>> {
    let end = requests.partition_point(|request| request.from <= lookup.to);
    let begin = latest[..end].partition_point(|reach| *reach < lookup.from);
    let from = lookup.from;
    (end - begin <= MOST_RUNNING).then(|| requests[begin..end].iter().filter(move |request| request.to >= from))
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

    /// Five addresses ask once a second, each for a second, so that others always run beside; one secret is used from a second address later.
    #[test]
    fn who_uses_a_secret_is_told_where_requests_always_overlap() {
        let names = ["a", "b", "c", "d", "e"];
        let mut requests: Vec<(i64, i64, &str)> = Vec::new();
        let mut lookups: Vec<(i64, &str)> = Vec::new();
        let mut chance: u64 = 7;
        for n in 0..200 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (at, who) = (n * 300_000, (chance >> 33) as usize % 5);
            requests.push((at, at + 1_000_000, names[who]));
            lookups.push((at + 500_000, ["v", "w", "x", "y", "z"][who]));
        }
        for n in 0..8 {
            requests.push((40_000_000 + n * 200_000, 41_000_000 + n * 200_000, "thief"));
            lookups.push((40_500_000 + n * 200_000, "x"));
        }
        check(&requests, &lookups, &[("v", "a"), ("w", "b"), ("x", "c"), ("x", "thief"), ("y", "d"), ("z", "e")]);
    }

    /// What a proxy passes on runs whenever what is behind it does.
    #[test]
    fn two_that_always_run_together_are_not_told_apart() {
        let requests: Vec<(i64, i64, &str)> = (0..50).flat_map(|n| [(n * 10, n * 10 + 9, "a"), (n * 10, n * 10 + 9, "b")]).collect();
        let lookups: Vec<(i64, &str)> = (0..50).map(|n| (n * 10 + 1, "x")).collect();
        check(&requests, &lookups, &[]);
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
