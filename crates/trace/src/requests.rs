//! The second and third pass: the log lines of the actor's web requests and sign-ins, the lines of other logs about the
//! same requests, and other people's requests that ran at the same moments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::event::{Activity, Class, Status, columns};
use strandline_model::node::Node;
use strandline_model::table::ScanError;
use strandline_model::trail::{OpenQuestion, Strength};

use crate::Inputs;
use crate::clock::Clocks;
use crate::identity::{Identity, Part};
use crate::jobs::Jobs;
use crate::links::{Links, Proposal};
use crate::sessions::Sessions;
use crate::survey::{SessionKey, Span, TemplateKey, kind_of, present};
use crate::text::{Place, Pool};
use crate::url::Target;
use crate::windows::Sources;

strandline_model::event_columns! {
    /// What is read of a web request or a sign-in.
    struct Row {
        time, time_precision_micros, class, activity, status, source, system, place, src_ip, account, session, request_id, method, url, status_code,
        bytes, duration_micros, secrets, command,
    }
}

/// How long before its log line a request may have begun, where no duration is logged.
const UNKNOWN_DURATION_MICROS: i64 = 1_000_000;
/// A line of 4 Mbit/s: what a download may have come over whose duration is not logged.
const SLOW_LINE_BYTES_PER_MILLISECOND: i64 = 500;
/// A logged duration longer than this is not believed.
const LONGEST_REQUEST_MICROS: i64 = 3_600_000_000;
/// Lines of one request that share a request id stand at most this far apart.
pub(crate) const SAME_REQUEST_MICROS: i64 = 300_000_000;
/// Lines of one request in two logs stand at most this far apart, beyond the precision of their stamps.
const SAME_MOMENT_MICROS: i64 = 300_000;
/// Coarser stamps are narrowed by the lines of other logs.
const FINE_STAMP_MICROS: i64 = 1_000;
/// Requests from one address that a line without a URL is compared with.
const MOST_AROUND: usize = 64;
/// Lines about other people's requests that are held.
const MOST_OTHERS: usize = 1_000_000;
/// Rounds of looking for sessions through request ids.
const MOST_ROUNDS: usize = 6;

/// One log line about a web request or a sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub place: Place,
    pub source: Arc<str>,
    pub system: Arc<str>,
    /// On the log's own clock.
    pub raw: i64,
    /// On the common clock.
    pub time: i64,
    /// On the common clock: the request ran within these.
    pub ran: (i64, i64),
    pub precision: i64,
    pub duration: Option<i64>,
    pub sign_in: Option<Status>,
    pub sign_out: bool,
    pub address: Option<Arc<str>>,
    pub account: Option<Arc<str>>,
    pub session: Option<Arc<str>>,
    pub request_id: Option<Arc<str>>,
    pub method: Option<Arc<str>>,
    pub url: Option<Arc<str>>,
    /// What it calls, where one URL serves everything.
    pub operation: Option<Arc<str>>,
    pub status: Option<i64>,
    pub bytes: Option<i64>,
    /// How strongly it is the actor's; `None` for somebody else's.
    pub mine: Option<Strength>,
}

/// One request, from all of its lines.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub lines: Vec<Line>,
    pub system: Arc<str>,
    pub session: Option<Arc<str>>,
    pub account: Option<Arc<str>>,
    pub address: Option<Arc<str>>,
    pub request_id: Option<Arc<str>>,
    pub method: Option<Arc<str>>,
    pub url: Option<Arc<str>>,
    pub operation: Option<Arc<str>>,
    pub status: Option<i64>,
    pub bytes: Option<i64>,
    pub sign_in: Option<Status>,
    pub sign_out: bool,
    /// Common clock: it ran within these.
    pub from: i64,
    pub to: i64,
    /// It may have begun then already; else the same as `from`.
    pub since: i64,
    /// Work that it began may have gone on until then; else the same as `to`.
    pub until: i64,
    /// Its best stamp, on that log's own clock, for people.
    pub raw: i64,
    pub mine: Option<Strength>,
    pub target: Target,
}

impl Request {
    /// Which requests it is like.
    pub(crate) fn template(&self) -> Option<TemplateKey> {
        if self.operation.is_none() && self.method.is_none() {
            return None;
        }
        let (method, kind) = kind_of(self.operation.as_deref(), self.method.as_deref(), &self.target);
        Some((self.system.clone(), Arc::from(method), Arc::from(kind)))
    }

    /// Its kind, for people.
    pub(crate) fn kind(&self) -> String {
        let (method, kind) = kind_of(self.operation.as_deref(), self.method.as_deref(), &self.target);
        format!("{method} {kind}")
    }

    pub(crate) fn session_key(&self) -> Option<SessionKey> {
        Some((self.system.clone(), self.session.clone()?))
    }

    /// The node it hangs on.
    pub(crate) fn owner_node(&self) -> Node {
        match (&self.session, &self.address) {
            (Some(session), _) => Node::Session { system: self.system.clone(), session: session.clone() },
            (None, Some(address)) => Node::Address(address.clone()),
            (None, None) => Node::Request(self.request_id.clone().unwrap_or_else(|| Arc::from("-"))),
        }
    }
}

/// The actor's requests and those of others at the same moments.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub all: Vec<Request>,
}

/// How long a request took: as logged, else a moment and what its answer takes on a slow line.
pub(crate) fn took(duration: Option<i64>, bytes: Option<i64>) -> i64 {
    let sending = bytes.unwrap_or(0).max(0) / SLOW_LINE_BYTES_PER_MILLISECOND * 1_000;
    duration.filter(|d| (0..=LONGEST_REQUEST_MICROS).contains(d)).unwrap_or_else(|| UNKNOWN_DURATION_MICROS.saturating_add(sending).min(LONGEST_REQUEST_MICROS))
}

/// When a request ran, from the moment of its end.
pub(crate) fn interval(time: i64, precision: i64, took: i64, spread: i64) -> (i64, i64) {
    let slack = 2_000 + spread;
    (
        time.saturating_sub(took).saturating_sub(slack).saturating_sub(if precision > 1_000 { 0 } else { precision }),
        time.saturating_add(precision).saturating_add(slack),
    )
}

/// Collects them; `jobs` are times in which work that the actor's requests had begun went on.
pub(crate) fn collect(
    inputs: &Inputs<'_>,
    sessions: &Sessions,
    clocks: &Clocks,
    jobs: &Jobs,
    identity: &mut Identity<'_>,
    links: &mut Links,
) -> Result<Requests, ScanError> {
    let mut pool = Pool::default();
    for round in 0.. {
        let mut lines = own_lines(inputs, sessions, clocks, identity, links, &mut pool)?;
        let before = links.progress();
        let (joined, others) = joined_lines(inputs, sessions, clocks, (&lines, jobs), &mut pool)?;
        link_joined_sessions(&lines, &joined, identity, links);
        identity.spread(links);
        if links.progress() != before && round < MOST_ROUNDS {
            continue;
        }
        if others.len() >= MOST_OTHERS {
            identity.leave_open(OpenQuestion::RequestsNotCompared { most: MOST_OTHERS as u64 });
        }
        lines.extend(joined);
        lines.extend(others);
        let mut all = merge(lines);
        jobs.extend(&mut all);
        return Ok(Requests { all });
    }
    Ok(Requests::default())
}

fn line(event: &Row<'_>, sessions: &Sessions, clocks: &Clocks, pool: &mut Pool) -> Line {
    let mut own = |value: Option<&str>| present(value).map(|v| pool.intern(v));
    let (address, account) = (own(event.src_ip.as_deref()), own(event.account.as_deref()));
    let session = own(sessions.of(event).as_deref());
    let (request_id, method, url) = (own(event.request_id.as_deref()), own(event.method.as_deref()), own(event.url.as_deref()));
    let operation = own(event.command.as_deref().filter(|_| event.class == Class::Http));
    let precision = i64::from(event.time_precision_micros).clamp(1, 86_400_000_000);
    Line {
        place: Place::of(&event.place, pool),
        source: pool.intern(&event.source),
        system: pool.intern(&event.system),
        raw: event.time.micros(),
        time: clocks.end_of_request(&event.source, event.time.micros(), event.duration_micros),
        ran: clocks.ran(&event.source, event.time.micros(), precision, event.duration_micros, event.bytes),
        precision,
        duration: event.duration_micros,
        sign_in: (event.class == Class::Authentication && event.activity == Activity::Logon).then_some(event.status),
        sign_out: event.class == Class::Authentication && event.activity == Activity::Logoff,
        address,
        account,
        session,
        request_id,
        method,
        url,
        operation,
        status: event.status_code.map(i64::from),
        bytes: event.bytes,
        mine: None,
    }
}

/// Requests and sign-ins, but those of Windows logs.
fn web_events(inputs: &Inputs<'_>, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ScanError> {
    let windows = Sources::of(inputs.estate);
    for part in columns::scan::<Row<'_>>(inputs.events)? {
        for event in part?.iter().filter(|e| matches!(e.class, Class::Http | Class::Authentication) && !windows.hold(&e.source)) {
            if inputs.window.is_none_or(|w| w.contains(event.time)) {
                visit(&event);
            }
        }
    }
    Ok(())
}

/// Lines that carry the actor's own session or address, or a pinned account or request id.
fn own_lines(
    inputs: &Inputs<'_>,
    sessions: &Sessions,
    clocks: &Clocks,
    identity: &Identity<'_>,
    links: &Links,
    pool: &mut Pool,
) -> Result<Vec<Line>, ScanError> {
    let held = links.held();
    let followed: HashMap<SessionKey, (Strength, Part)> = identity
        .sessions_of(&held)
        .into_iter()
        .map(|(key, strength)| {
            let part = identity.part(&key, links);
            (key, (strength, part))
        })
        .collect();
    // Looked up for every record of the log.
    let hashed = |named: BTreeMap<Arc<str>, Strength>| -> HashMap<Arc<str>, Strength> { named.into_iter().collect() };
    let (addresses, accounts, requests) = (hashed(held.addresses), hashed(held.accounts), hashed(held.requests));
    let sign_ins = held.sign_ins;
    let mut lines = Vec::new();
    web_events(inputs, &mut |event| {
        let address = present(event.src_ip.as_deref());
        let by_address = address.and_then(|a| addresses.get(a).copied());
        let by_account = present(event.account.as_deref()).and_then(|a| accounts.get(a).copied());
        let by_request = present(event.request_id.as_deref()).and_then(|r| requests.get(r).copied());
        let by_sign_in = match (present(event.account.as_deref()), address) {
            (Some(account), Some(address)) if !sign_ins.is_empty() => {
                sign_ins.get(&(Arc::from(account), Arc::from(event.system.as_ref()), Arc::from(address))).copied()
            }
            _ => None,
        };
        let by_session = sessions.of(event).and_then(|s| {
            let key: SessionKey = (Arc::from(event.system.as_ref()), Arc::from(s.as_ref()));
            let (strength, part) = followed.get(&key)?;
            let owners = matches!((part, address), (Part::Without(owners), Some(a)) if owners.contains(a));
            (!owners).then_some(*strength)
        });
        let mine = [by_address, by_account, by_request, by_session, by_sign_in].into_iter().flatten().max();
        if mine.is_some() {
            let mut found = line(event, sessions, clocks, pool);
            found.mine = mine;
            // What is the actor's by its address needs no session that was only looked up.
            if by_address >= mine && sessions.are_looked_up(&event.system) {
                found.session = None;
            }
            lines.push(found);
        }
    })?;
    Ok(lines)
}

/// Times and strengths of the actor's lines, by request id.
type ById = HashMap<Arc<str>, Vec<(i64, Strength, Face)>>;

/// Whom a line shows in its log: source, address, session.
type Face = (Arc<str>, Option<Arc<str>>, Option<Arc<str>>);

fn face(line: &Line) -> Face {
    (line.source.clone(), line.address.clone(), line.session.clone())
}

/// How surely a line with an id of the actor's is his. Another hand in the same log that has it may have copied it, or the actor's may be
/// a copy.
fn strength_by_id((_, strength, own): &(i64, Strength, Face), (source, address, session): (&str, Option<&str>, Option<&str>)) -> Strength {
    let is_other = |a: &Option<Arc<str>>, b: Option<&str>| a.is_some() && b.is_some() && a.as_deref() != b;
    let is_elsewhere = is_other(&own.1, address) || is_other(&own.2, session);
    if *own.0 == *source && is_elsewhere { Strength::Open } else { *strength }
}

/// Whether both are told, and not the same.
fn differ(a: &Option<Arc<str>>, b: &Option<Arc<str>>) -> bool {
    a.is_some() && b.is_some() && a != b
}

/// Whether two lines of one log with one id are of two requests: a trace may hold several, and whoever asks may choose its id.
fn is_another(a: &Line, b: &Line) -> bool {
    let is_whole = |line: &Line| line.method.is_some() && line.url.is_some() && line.status.is_some();
    let is_elsewhere = differ(&a.address, &b.address) || differ(&a.session, &b.session);
    a.source == b.source && is_whole(a) && is_whole(b) && (is_elsewhere || a.url != b.url || a.method != b.method)
}
/// Source, time, precision and strength of one of the actor's lines.
type Sighting = (Arc<str>, i64, i64, Strength);

/// What joins two lines about one request that share no id.
type Look = (Arc<str>, Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>, Option<i64>);

fn look(line: &Line) -> Option<Look> {
    (line.method.is_some() && line.url.is_some()).then(|| (line.system.clone(), line.address.clone(), line.method.clone(), line.url.clone(), line.status))
}

/// Moments as a sorted list of intervals that do not touch.
pub(crate) fn union(mut intervals: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    intervals.sort_unstable();
    let mut out: Vec<(i64, i64)> = Vec::new();
    for (from, to) in intervals {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// Whether a moment lies in one of the intervals that `union` made.
pub(crate) fn within(intervals: &[(i64, i64)], from: i64, to: i64) -> bool {
    let at = intervals.partition_point(|(_, end)| *end < from);
    intervals.get(at).is_some_and(|(start, _)| *start <= to)
}

/// Other logs' lines about the actor's requests; and other people's lines at the same moments.
fn joined_lines(
    inputs: &Inputs<'_>,
    sessions: &Sessions,
    clocks: &Clocks,
    (own, jobs): (&[Line], &Jobs),
    pool: &mut Pool,
) -> Result<(Vec<Line>, Vec<Line>), ScanError> {
    let known: std::collections::HashSet<(Arc<str>, u64)> = own.iter().map(|l| (l.place.artefact.clone(), l.place.offset)).collect();
    let mut ids: HashMap<Arc<str>, ById> = HashMap::new();
    let mut looks: HashMap<Look, Vec<Sighting>> = HashMap::new();
    let mut moments: BTreeMap<Arc<str>, Vec<(i64, i64)>> = BTreeMap::new();
    for l in own {
        let strength = l.mine.unwrap_or(Strength::Open);
        if let Some(id) = &l.request_id {
            ids.entry(l.system.clone()).or_default().entry(id.clone()).or_default().push((l.time, strength, face(l)));
        }
        if let Some(key) = look(l) {
            looks.entry(key).or_default().push((l.source.clone(), l.time, l.precision, strength));
        }
        moments.entry(l.system.clone()).or_default().push(l.ran);
    }
    for (system, moment) in jobs.moments() {
        moments.entry(system.clone()).or_default().push(moment);
    }
    let moments: BTreeMap<Arc<str>, Vec<(i64, i64)>> = moments.into_iter().map(|(system, list)| (system, union(list))).collect();
    let (mut joined, mut others, mut faceless) = (Vec::new(), Vec::new(), Vec::new());
    let own_hosts: BTreeSet<&str> = inputs.estate.systems.iter().flat_map(|s| &s.addresses).map(String::as_str).collect();
    web_events(inputs, &mut |event| {
        let Some(moments) = moments.get(event.system.as_ref()) else {
            return;
        };
        let time = clocks.end_of_request(&event.source, event.time.micros(), event.duration_micros);
        let (from, to) = clocks.ran(&event.source, event.time.micros(), i64::from(event.time_precision_micros), event.duration_micros, event.bytes);
        let near = within(moments, from.saturating_sub(SAME_MOMENT_MICROS), to.saturating_add(SAME_MOMENT_MICROS));
        let shown = (event.source.as_ref(), present(event.src_ip.as_deref()), present(event.session.as_deref()));
        let by_id = present(event.request_id.as_deref())
            .and_then(|id| ids.get(event.system.as_ref())?.get(id))
            .and_then(|list| list.iter().filter(|(t, ..)| (t - time).abs() <= SAME_REQUEST_MICROS).map(|known| strength_by_id(known, shown)).max());
        // Nearly every line of the log is neither; a line that is made of one is held, with its strings.
        if !near && by_id.is_none() {
            return;
        }
        let mut found = line(event, sessions, clocks, pool);
        if known.contains(&(found.place.artefact.clone(), found.place.offset)) {
            return;
        }
        let by_look = || {
            let list = looks.get(&look(&found)?)?;
            let close = |(source, time, precision, _): &&Sighting| {
                *source != found.source && (time - found.time).abs() <= (*precision).max(found.precision) + SAME_MOMENT_MICROS
            };
            list.iter().filter(close).map(|(.., s)| *s).max()
        };
        found.mine = by_id.or_else(|| if found.session.is_none() { by_look() } else { None });
        if found.mine.is_some() {
            joined.push(found);
        } else if near && others.len() + faceless.len() < MOST_OTHERS {
            let list = if is_faceless(&found, &own_hosts) { &mut faceless } else { &mut others };
            list.push(found);
        }
    })?;
    for (line, whose) in faced(faceless, own.iter().chain(&joined).chain(&others)) {
        if whose.is_some() { joined.push(line) } else { others.push(line) }
    }
    Ok((joined, others))
}

/// Whether a line of a request tells nothing of who made it: an application's own log may have no address, or that of the proxy before it.
fn is_faceless(line: &Line, own_hosts: &BTreeSet<&str>) -> bool {
    let is_unknown = line.address.as_deref().is_none_or(|address| own_hosts.contains(address));
    is_unknown && line.session.is_none() && line.account.is_none() && line.sign_in.is_none() && line.method.is_some() && line.url.is_some()
}

/// Lines that tell nobody, with whom other logs' lines tell of the same request; each with whether it is the actor's. Where it is not sure whose
/// they are, or one log has fewer lines of the actor's requests than another, they narrow nothing and are left out: another log tells of them.
fn faced<'l>(faceless: Vec<Line>, told: impl Iterator<Item = &'l Line>) -> Vec<(Line, Option<Strength>)> {
    let face_key = |l: &Line| (l.system.clone(), l.method.clone(), l.url.clone(), l.status);
    let mut by_look: HashMap<_, (Vec<Line>, Vec<&Line>)> = HashMap::new();
    for l in faceless {
        by_look.entry(face_key(&l)).or_default().0.push(l);
    }
    for l in told.filter(|l| l.address.is_some()) {
        if let Some((_, list)) = by_look.get_mut(&face_key(l)) {
            list.push(l);
        }
    }
    let mut out: Vec<(Line, Option<Strength>)> = by_look.into_values().flat_map(|(faceless, told)| faced_alike(faceless, &told)).collect();
    out.sort_by(|(a, _), (b, _)| (a.time, &a.place).cmp(&(b.time, &b.place)));
    out
}

/// The same of lines that have one look: those that stand too near for their requests to be told apart are judged together.
fn faced_alike(mut faceless: Vec<Line>, told: &[&Line]) -> Vec<(Line, Option<Strength>)> {
    let coarsest = faceless.iter().chain(told.iter().copied()).map(|l| l.precision).max().unwrap_or(0);
    let reach = coarsest.saturating_add(SAME_MOMENT_MICROS);
    let mut times: Vec<i64> = faceless.iter().chain(told.iter().copied()).map(|l| l.time).collect();
    times.sort_unstable();
    let breaks: Vec<i64> = times.windows(2).filter(|pair| pair[1].saturating_sub(pair[0]) > reach).map(|pair| pair[1]).collect();
    let group = |l: &Line| breaks.partition_point(|begin| *begin <= l.time);
    faceless.sort_by(|a, b| (a.time, &a.place).cmp(&(b.time, &b.place)));
    let mut groups: BTreeMap<usize, (Vec<Line>, Vec<&Line>)> = BTreeMap::new();
    told.iter().for_each(|l| groups.entry(group(l)).or_default().1.push(l));
    for l in faceless {
        groups.entry(group(&l)).or_default().0.push(l);
    }
    groups.into_values().flat_map(|(faceless, told)| faced_together(faceless, &told)).collect()
}

fn faced_together(faceless: Vec<Line>, told: &[&Line]) -> Vec<(Line, Option<Strength>)> {
    let own = told.iter().filter(|l| l.mine.is_some()).count();
    let mut counts: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    faceless.iter().chain(told.iter().copied()).for_each(|l| *counts.entry(&l.source).or_default() += 1);
    let is_even = counts.values().all(|count| counts.values().next() == Some(count));
    if own > 0 && (own < told.len() || !is_even) {
        return Vec::new();
    }
    let face = |mut line: Line| {
        let nearest = told.iter().min_by_key(|l| ((l.time - line.time).abs(), &l.place));
        line.address = nearest.map_or(line.address.take(), |l| l.address.clone());
        line.mine = nearest.and_then(|l| l.mine);
        let mine = line.mine;
        (line, mine)
    };
    faceless.into_iter().map(face).collect()
}

/// A line joined by request id may name a session that was not known yet.
fn link_joined_sessions(own: &[Line], joined: &[Line], identity: &Identity<'_>, links: &mut Links) {
    let mut owners: HashMap<(Arc<str>, Arc<str>), Node> = HashMap::new();
    for l in own {
        let node = match (&l.session, &l.address) {
            (Some(session), _) => identity.node(&(l.system.clone(), session.clone())),
            (None, Some(address)) => Node::Address(address.clone()),
            (None, None) => continue,
        };
        if let Some(id) = &l.request_id {
            owners.entry((l.system.clone(), id.clone())).or_insert(node);
        }
    }
    let mut found: BTreeMap<(Node, Node), (Span, Vec<_>, Strength)> = BTreeMap::new();
    for l in joined {
        let (Some(session), Some(id), Some(mine)) = (&l.session, &l.request_id, l.mine) else {
            continue;
        };
        let Some(from) = owners.get(&(l.system.clone(), id.clone())) else {
            continue;
        };
        let to = identity.node(&(l.system.clone(), session.clone()));
        if links.strength(&to).is_none() && links.strength(from).is_some() {
            let entry = found.entry((from.clone(), to)).or_insert_with(|| (Span::default(), Vec::new(), mine));
            entry.2 = entry.2.max(mine);
            entry.0.add(l.raw);
            entry.1.push(l.place.event_ref());
        }
    }
    for ((from, to), (span, events, mine)) in found {
        let reason = format!("{} requests of this session carry request ids of the actor's requests", span.count);
        // In the actor's own log another hand with his id is no proof.
        let strength = if mine == Strength::Open { Strength::Open } else { Strength::Proved };
        links.add(Proposal { rule: "request_to_session", from: &from, to: &to, strength, reason, span, events });
    }
}

/// Lines about one request become one: by request id, else by look and nearness in time, one line a log.
fn merge(mut lines: Vec<Line>) -> Vec<Request> {
    // Exact stamps first, so that a line to the second finds its partner; then time, then place.
    lines.sort_by(|a, b| (a.precision, a.time, &a.place).cmp(&(b.precision, b.time, &b.place)));
    let mut requests: Vec<Vec<Line>> = Vec::new();
    let mut by_id: HashMap<(Arc<str>, Arc<str>), Vec<usize>> = HashMap::new();
    let mut by_look: HashMap<Look, BTreeSet<(i64, usize)>> = HashMap::new();
    let is_near = |a: &Line, b: &Line| (a.time - b.time).abs() <= SAME_REQUEST_MICROS;
    for l in lines {
        let id = l.request_id.clone().map(|id| (l.system.clone(), id));
        let known = id
            .as_ref()
            .and_then(|id| by_id.get(id))
            .and_then(|list| list.iter().copied().find(|i| is_near(&requests[*i][0], &l) && !requests[*i].iter().any(|o| is_another(o, &l))));
        let known = known.or_else(|| partner(&l, by_look.get(&look(&l)?)?, &requests));
        let at = known.unwrap_or(requests.len());
        if let Some(id) = id.filter(|_| known.is_none_or(|i| requests[i].iter().all(|o| o.request_id != l.request_id))) {
            by_id.entry(id).or_default().push(at);
        }
        if let Some(key) = look(&l) {
            let time = requests.get(at).map_or(l.time, |r| r[0].time);
            by_look.entry(key).or_default().insert((time, at));
        }
        match known {
            Some(at) => requests[at].push(l),
            None => requests.push(vec![l]),
        }
    }
    let mut merged: Vec<Request> = join_bare(requests).into_iter().map(one_request).collect();
    merged.sort_by(|a, b| (a.to, &a.lines[0].place).cmp(&(b.to, &b.lines[0].place)));
    merged
}

/// Requests by when they ended.
type ByEnd = BTreeMap<i64, Vec<usize>>;

/// A line without method and URL (an RPC's, a sign-in's) joins the one request from its address that another log has at its time.
fn join_bare(mut requests: Vec<Vec<Line>>) -> Vec<Vec<Line>> {
    let is_bare = |lines: &[Line]| lines.len() == 1 && lines[0].method.is_none() && lines[0].url.is_none() && lines[0].request_id.is_none();
    let mut by_place: HashMap<(Arc<str>, Arc<str>), ByEnd> = HashMap::new();
    for (at, lines) in requests.iter().enumerate().filter(|(_, lines)| !is_bare(lines)) {
        for l in lines.iter().filter(|l| l.duration.is_some()) {
            if let Some(address) = &l.address {
                by_place.entry((l.system.clone(), address.clone())).or_default().entry(l.ran.1).or_default().push(at);
            }
        }
    }
    let mut joins: Vec<(usize, usize)> = Vec::new();
    for (at, lines) in requests.iter().enumerate().filter(|(_, lines)| is_bare(lines)) {
        let Some(others) = lines[0].address.as_ref().and_then(|address| by_place.get(&(lines[0].system.clone(), address.clone()))) else { continue };
        let (from, to) = (lines[0].ran.1.saturating_sub(lines[0].precision), lines[0].ran.1.saturating_add(LONGEST_REQUEST_MICROS));
        let around = others.range(from..=to).flat_map(|(_, list)| list).take(MOST_AROUND).copied();
        let held: BTreeSet<usize> = around.filter(|other| holds(&requests[*other], &lines[0])).collect();
        if let Some(only) = held.first().copied().filter(|_| held.len() == 1) {
            joins.push((only, at));
        }
    }
    for (into, from) in joins {
        let line = std::mem::take(&mut requests[from]);
        if requests[into].iter().all(|known| known.source != line[0].source) {
            requests[into].extend(line);
        } else {
            requests[from] = line;
        }
    }
    requests.retain(|lines| !lines.is_empty());
    requests
}

/// Whether a request of another log, of the same hand, was running when a line was written.
fn holds(request: &[Line], line: &Line) -> bool {
    let fits = |l: &Line| {
        l.source != line.source && l.mine.is_some() == line.mine.is_some() && !differ(&l.session, &line.session) && !differ(&l.account, &line.account)
    };
    let holds = |l: &Line| l.duration.is_some() && l.ran.0 <= line.time && line.time <= l.ran.1;
    request.iter().all(fits) && request.iter().any(holds)
}

/// The nearest request with the same look that this line's log has not told of yet.
fn partner(line: &Line, candidates: &BTreeSet<(i64, usize)>, requests: &[Vec<Line>]) -> Option<usize> {
    // Lines come in order of precision, so this line's own is the coarser one.
    let reach = line.precision + SAME_MOMENT_MICROS;
    let fits =
        |i: &usize| requests[*i].iter().all(|o| o.source != line.source && !differ(&o.request_id, &line.request_id) && !differ(&o.session, &line.session));
    let near = candidates.range((line.time.saturating_sub(reach), 0)..=(line.time.saturating_add(reach), usize::MAX));
    near.map(|(time, i)| ((time - line.time).abs(), *i)).filter(|(_, i)| fits(i)).min().map(|(_, i)| i)
}

/// When a request ran, by its lines: from the first beginning to the last end of those that log how long it took, of the finest
/// stamps; an application's own log may leave out what ran before and after. Else by the most exact line, narrowed by the ends.
fn ran(lines: &[Line]) -> (i64, i64) {
    let web = || lines.iter().filter(|l| l.sign_in.is_none());
    let finest = web().filter(|l| l.duration.is_some()).map(|l| l.precision).min();
    let timed = || web().filter(|l| l.duration.is_some() && Some(l.precision) == finest).map(|l| l.ran);
    let exact = lines.iter().min_by_key(|l| (l.precision, l.time)).map_or((0, 0), |l| l.ran);
    let end = web().map(|l| l.ran.1).min().unwrap_or(exact.1);
    match (timed().map(|(from, _)| from).min(), timed().map(|(_, to)| to).max()) {
        (Some(from), Some(to)) if finest <= Some(FINE_STAMP_MICROS) => (from, to),
        (Some(from), _) => (from, end),
        _ => (exact.0, end),
    }
}

fn one_request(mut lines: Vec<Line>) -> Request {
    lines.sort_by(|a, b| (a.time, &a.place).cmp(&(b.time, &b.place)));
    let first_of = |of: &dyn Fn(&Line) -> Option<Arc<str>>| lines.iter().find_map(of);
    let exact = lines.iter().min_by_key(|l| (l.precision, l.time)).cloned();
    let (from, to) = ran(&lines);
    let url = first_of(&|l| l.url.clone());
    Request {
        system: lines[0].system.clone(),
        session: first_of(&|l| l.session.clone()),
        account: first_of(&|l| l.account.clone()),
        address: first_of(&|l| l.address.clone()),
        request_id: first_of(&|l| l.request_id.clone()),
        method: first_of(&|l| l.method.clone()),
        operation: first_of(&|l| l.operation.clone()),
        status: lines.iter().find_map(|l| l.status),
        bytes: lines.iter().filter(|l| l.duration.is_some()).find_map(|l| l.bytes).or_else(|| lines.iter().find_map(|l| l.bytes)),
        sign_in: lines.iter().find_map(|l| l.sign_in),
        sign_out: lines.iter().any(|l| l.sign_out),
        from: from.min(to),
        to,
        since: from.min(to),
        until: to,
        raw: exact.map_or(0, |l| l.raw),
        mine: lines.iter().filter_map(|l| l.mine).max(),
        target: url.as_deref().map(Target::of).unwrap_or_default(),
        url,
        lines,
    }
}

/// Systems on which the actor made requests.
pub(crate) fn systems(requests: &Requests) -> BTreeSet<Arc<str>> {
    requests.all.iter().filter(|r| r.mine.is_some()).map(|r| r.system.clone()).collect()
}
