//! The first pass over all events: who used which address, session, account, role and host, and when.
//! It keeps aggregates and small samples, never events.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::columns::{self, Holds, Lend};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::evidence::EventRef;
use strandline_model::names::nameless_connection;
pub(crate) use strandline_model::names::present;
use strandline_model::table::{Scan, ScanError};
use strandline_model::trail::Pin;

use crate::clock::Clocks;
use crate::sessions::Sessions;
use crate::text::{Pool, hash64};
use crate::url::Target;
use crate::windows::Sources;

strandline_model::event_columns! {
    /// What the survey reads of an event.
    pub(crate) struct Row {
        time, time_precision_micros, class, activity, status, source, system, place, src_ip, account, session, request_id, method, url, status_code,
        duration_micros, bytes, database, application, row_count, secrets, command,
    }
}

/// Requests of one template that are kept to learn from.
const SAMPLES_OF_A_TEMPLATE: usize = 64;
/// Templates that are kept to learn from.
const MOST_TEMPLATES: usize = 4096;
/// Values of URLs that are told apart for one address or session.
const MOST_RECORDS: usize = 1024;
/// One record in so many with a session, and the logs of a system are taken to name sessions.
const SMALLEST_NAMED_SHARE: u64 = 8;
/// Accounts named for one address; more make no difference to what follows.
const MOST_ACCOUNTS: usize = 4096;
/// The status of an answer that asks for another password.
pub(crate) const UNAUTHORIZED: i64 = 401;
/// Request ids that are held while their other lines may still come.
const MOST_UNDER_WAY: usize = 16_384;

/// First and last time of something, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub first: i64,
    pub last: i64,
    pub count: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self { first: i64::MAX, last: i64::MIN, count: 0 }
    }
}

impl Span {
    pub(crate) fn add(&mut self, time: i64) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.count += 1;
    }
}

/// A sign-in: address, account, system.
pub(crate) type SignIn = (Arc<str>, Arc<str>, Arc<str>);

/// A web session, keyed by system and (cut) session id.
pub(crate) type SessionKey = (Arc<str>, Arc<str>);

/// How much was asked for and answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Volume {
    pub requests: u64,
    pub bytes: u64,
    /// Hashes of the values that stood in URLs, up to a number.
    pub records: HashSet<u64>,
}

impl Volume {
    fn add(&mut self, event: &Row<'_>, values: &[u64]) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(event.bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0));
        self.records.extend(values.iter().take(MOST_RECORDS.saturating_sub(self.records.len())));
    }
}

/// What was seen of a web session.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionSeen {
    pub volume: Volume,
    pub accounts: BTreeSet<Arc<str>>,
    pub uses: BTreeMap<Arc<str>, Span>,
    pub span: Span,
    pub signed_out: Option<i64>,
}

/// What was seen of an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressSeen {
    pub span: Span,
    pub volume: Volume,
    pub systems: BTreeSet<Arc<str>>,
    pub sessions: BTreeSet<SessionKey>,
    /// Whom requests from there were made as, where a log says so.
    pub accounts: BTreeSet<Arc<str>>,
    /// Those of them that another line of the same request tells.
    pub joined_accounts: BTreeSet<Arc<str>>,
    /// Whether of one of them no log says so.
    pub is_nameless: bool,
    pub failed_accounts: HashSet<u64>,
    pub failures: u64,
    pub events: Vec<EventRef>,
}

/// What was seen of a database connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionSeen {
    pub source: Arc<str>,
    pub system: Arc<str>,
    pub role: Option<Arc<str>>,
    pub host: Option<Arc<str>>,
    pub database: Option<Arc<str>>,
    pub application: Option<Arc<str>>,
    pub span: Span,
    pub statements: u64,
    /// Rows that were returned, as far as a log counts them.
    pub rows: u64,
    pub events: Vec<EventRef>,
}

/// One sampled request, to learn what requests of its template cause.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub rank: u64,
    pub source: Arc<str>,
    pub time: i64,
    pub precision: i64,
    pub duration: Option<i64>,
    pub bytes: Option<i64>,
    /// Whom it was made as, where its line says so.
    pub account: Option<Arc<str>>,
    pub target: Target,
}

impl Sample {
    /// When it ran, on the common clock.
    pub(crate) fn interval(&self, clocks: &Clocks) -> (i64, i64) {
        clocks.ran(&self.source, self.time, self.precision, self.duration, None)
    }
}

/// The second and third part of a request's kind. Where one URL serves everything, what is called through it is the kind: the
/// method of an RPC, the operation of GraphQL, as far as the application's log has it.
pub(crate) fn kind_of<'k>(operation: Option<&'k str>, method: Option<&'k str>, target: &'k Target) -> (&'k str, &'k str) {
    match operation {
        Some(operation) => (CALL, operation),
        None => (method.unwrap_or("-"), &target.template),
    }
}

/// Stands for the method where the kind of a request is what it calls.
pub(crate) const CALL: &str = "call";

/// Which requests are alike: system, method, URL template; or system, `call`, and what is called.
pub(crate) type TemplateKey = (Arc<str>, Arc<str>, Arc<str>);

/// Where a pinned record stands.
#[derive(Clone, Debug)]
pub(crate) struct PinnedRecord {
    pub pin: Pin,
    pub database_session: Option<Arc<str>>,
    pub web_session: Option<SessionKey>,
    /// A session of a Windows host, by its logon id.
    pub logon_session: Option<Arc<str>>,
    pub address: Option<Arc<str>>,
    pub request_id: Option<Arc<str>>,
    pub time: i64,
    pub place: EventRef,
}

/// All aggregates.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub sessions: BTreeMap<SessionKey, SessionSeen>,
    pub addresses: BTreeMap<Arc<str>, AddressSeen>,
    pub connections: BTreeMap<Arc<str>, ConnectionSeen>,
    /// Successful sign-ins by (address, account, system).
    pub sign_ins: BTreeMap<SignIn, Span>,
    /// Of how many records of requests the session is known, and how many there are, by system.
    pub named: BTreeMap<Arc<str>, (u64, u64)>,
    /// Sources that carry web requests, by system.
    pub request_sources: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// How many requests each source has.
    pub requests: BTreeMap<Arc<str>, u64>,
    /// Sources that carry statements.
    pub statement_sources: BTreeMap<Arc<str>, Span>,
    pub samples: BTreeMap<TemplateKey, Vec<Sample>>,
    pub pinned: Vec<PinnedRecord>,
    pub events: u64,
}

/// The connection of a database record. Where a log tells nothing that sets connections apart, all of one role from one host
/// count as one: coarse, but no statement of them is lost.
pub(crate) fn connection_of<'e>(
    event: &'e (impl Holds<columns::source> + Holds<columns::session> + Holds<columns::account> + Holds<columns::src_ip>),
) -> Cow<'e, str> {
    match present(event.column::<columns::session>()) {
        Some(session) => Cow::Borrowed(session),
        None => {
            let (role, host) = (event.column::<columns::account>(), event.column::<columns::src_ip>());
            Cow::Owned(nameless_connection(event.column::<columns::source>(), role, host))
        }
    }
}

/// Runs the pass.
pub(crate) fn survey(events: &dyn Scan, sessions: &Sessions, pins: &[Pin], windows: &Sources) -> Result<Survey, ScanError> {
    let mut pool = Pool::default();
    let (mut out, mut under_way) = (Survey::default(), UnderWay::default());
    for part in columns::scan::<Row<'_>>(events)? {
        for event in part?.iter() {
            out.events += 1;
            let of_windows = windows.hold(&event.source);
            out.note_pin(&event, pins, sessions, of_windows, &mut pool);
            if of_windows {
                out.note_windows(&event, &mut pool);
                continue;
            }
            match event.class {
                Class::Http => out.note_request(&event, sessions, &mut under_way, &mut pool),
                Class::Authentication => out.note_sign_in(&event, sessions, &mut under_way, &mut pool),
                Class::Datastore => out.note_datastore(&event, &mut pool),
                // Applications write who was let in on a line of its own.
                Class::Other => out.note_account(&event, &None, &mut under_way, &mut pool),
                _ => {}
            }
        }
    }
    Ok(out)
}

/// Requests of which one line tells the address and another, of the same id, the account: those whose lines came last.
#[derive(Debug, Default)]
struct UnderWay {
    known: HashMap<RequestKey, Faces>,
    order: VecDeque<RequestKey>,
}

/// The address and the account of a request, as far as lines of it tell.
#[derive(Debug, Default)]
struct Faces {
    address: Option<Arc<str>>,
    account: Option<Arc<str>>,
}

/// System and request id.
type RequestKey = (Arc<str>, Arc<str>);

impl UnderWay {
    /// The address and the account of a request, once both are known and this line alone did not tell them.
    fn join(&mut self, event: &Row<'_>, address: &Option<Arc<str>>, pool: &mut Pool) -> Option<(Arc<str>, Arc<str>)> {
        let account = present(event.account.as_deref());
        if address.is_some() == account.is_some() {
            return None;
        }
        // A request's id comes once; it is not interned, so that it can be forgotten.
        let key: RequestKey = (pool.intern(&event.system), Arc::from(present(event.request_id.as_deref())?));
        if !self.known.contains_key(&key) {
            if self.order.len() >= MOST_UNDER_WAY {
                self.order.pop_front().map(|oldest| self.known.remove(&oldest));
            }
            self.order.push_back(key.clone());
        }
        let known = self.known.entry(key).or_default();
        if address.is_some() {
            known.address.clone_from(address);
        }
        if let Some(account) = account {
            known.account = Some(pool.intern(account));
        }
        known.address.clone().zip(known.account.clone())
    }
}

impl Survey {
    fn note_pin(&mut self, event: &Row<'_>, pins: &[Pin], sessions: &Sessions, of_windows: bool, pool: &mut Pool) {
        for pin in pins {
            let Pin::Statement(written) = pin else {
                continue;
            };
            if !names_place(written, &event.place) {
                continue;
            }
            let session = present(event.session.as_deref());
            let database = event.class == Class::Datastore;
            self.pinned.push(PinnedRecord {
                pin: pin.clone(),
                database_session: session.filter(|_| database).map(|s| pool.intern(s)),
                logon_session: session.filter(|_| of_windows).map(|s| pool.intern(s)),
                web_session: (!database && !of_windows).then(|| sessions.of(event)).flatten().map(|s| (pool.intern(&event.system), pool.intern(&s))),
                address: present(event.src_ip.as_deref()).filter(|_| !database).map(|a| pool.intern(a)),
                request_id: present(event.request_id.as_deref()).map(|r| pool.intern(r)),
                time: event.time.micros(),
                place: event.place.clone(),
            });
        }
    }

    fn note_request(&mut self, event: &Row<'_>, sessions: &Sessions, under_way: &mut UnderWay, pool: &mut Pool) {
        let (system, time) = (pool.intern(&event.system), event.time.micros());
        self.request_sources.entry(system.clone()).or_default().insert(pool.intern(&event.source));
        *self.requests.entry(pool.intern(&event.source)).or_default() += 1;
        let (named, all) = self.named.entry(system.clone()).or_default();
        (*named, *all) = (*named + u64::from(sessions.of(event).is_some()), *all + 1);
        self.note_use(event, sessions, under_way, pool);
        let operation = present(event.command.as_deref());
        let (method, url) = (present(event.method.as_deref()), present(event.url.as_deref()));
        if operation.is_none() && (method.is_none() || url.is_none()) {
            return;
        }
        // A line that names what was called need not tell how it was answered.
        if !event.status_code.map_or(operation.is_some(), |code| (200..400).contains(&code)) {
            return;
        }
        let target = url.map(Target::of).unwrap_or_default();
        self.note_volume(event, &target, sessions, pool);
        let (method, kind) = kind_of(operation, method, &target);
        if self.samples.len() >= MOST_TEMPLATES && !pool.holds(kind) {
            return;
        }
        let key = (system, pool.intern(method), pool.intern(kind));
        if !self.samples.contains_key(&key) && self.samples.len() >= MOST_TEMPLATES {
            return;
        }
        let rank = hash64(&[event.place.artefact.0.as_bytes(), &event.place.offset.to_le_bytes()]);
        let kept = self.samples.entry(key).or_default();
        let at = kept.partition_point(|s| s.rank < rank);
        if at >= SAMPLES_OF_A_TEMPLATE {
            return;
        }
        let precision = i64::from(event.time_precision_micros);
        let account = present(event.account.as_deref()).map(|account| pool.intern(account));
        let (source, duration, bytes) = (pool.intern(&event.source), event.duration_micros, event.bytes);
        kept.insert(at, Sample { rank, source, time, precision, duration, bytes, account, target });
        kept.truncate(SAMPLES_OF_A_TEMPLATE);
    }

    /// What one answered request asked for.
    fn note_volume(&mut self, event: &Row<'_>, target: &Target, sessions: &Sessions, pool: &mut Pool) {
        let hash = |value: &str| {
            let mut hasher = std::hash::DefaultHasher::new();
            value.hash(&mut hasher);
            hasher.finish()
        };
        let values: Vec<u64> = target.fields.iter().map(|(_, value)| hash(value)).collect();
        if let Some(seen) = present(event.src_ip.as_deref()).and_then(|address| self.addresses.get_mut(address)) {
            seen.volume.add(event, &values);
        }
        let key = sessions.of(event).map(|session| (pool.intern(&event.system), pool.intern(&session)));
        if let Some(seen) = key.and_then(|key| self.sessions.get_mut(&key)) {
            seen.volume.add(event, &values);
        }
    }

    /// The account of a request whose address another line of the same id tells.
    fn note_account(&mut self, event: &Row<'_>, address: &Option<Arc<str>>, under_way: &mut UnderWay, pool: &mut Pool) {
        let Some((address, account)) = under_way.join(event, address, pool) else { return };
        let seen = self.addresses.entry(address).or_default();
        if seen.accounts.len() < MOST_ACCOUNTS {
            seen.accounts.insert(account.clone());
            seen.joined_accounts.insert(account);
        }
    }

    /// Session, account and address of one web or sign-in record.
    fn note_use(&mut self, event: &Row<'_>, sessions: &Sessions, under_way: &mut UnderWay, pool: &mut Pool) {
        let (system, time) = (pool.intern(&event.system), event.time.micros());
        let address = present(event.src_ip.as_deref()).map(|a| pool.intern(a));
        // Where the server asks for a password with each request: whoever was refused only said that he was the account.
        let is_refused = event.class == Class::Http && event.status_code.is_some_and(|code| i64::from(code) == UNAUTHORIZED) && sessions.of(event).is_none();
        if let Some(account) = present(event.account.as_deref()).filter(|_| is_refused) {
            return self.note_refused(event, account, address, pool);
        }
        self.note_account(event, &address, under_way, pool);
        let key = sessions.of(event).map(|s| (system.clone(), pool.intern(&s)));
        if let Some(address) = &address {
            let seen = self.addresses.entry(address.clone()).or_default();
            seen.span.add(time);
            seen.systems.insert(system);
            if seen.events.len() < 8 {
                seen.events.push(event.place.clone());
            }
            seen.sessions.extend(key.clone());
            match present(event.account.as_deref()) {
                Some(account) if seen.accounts.len() < MOST_ACCOUNTS => drop(seen.accounts.insert(pool.intern(account))),
                _ => seen.is_nameless = true,
            }
        }
        if let Some(key) = key {
            let seen = self.sessions.entry(key).or_default();
            seen.span.add(time);
            if let Some(account) = present(event.account.as_deref()).filter(|_| seen.accounts.len() < MOST_ACCOUNTS) {
                seen.accounts.insert(pool.intern(account));
            }
            if let Some(address) = address {
                seen.uses.entry(address).or_default().add(time);
            }
            if event.activity == Activity::Logoff {
                seen.signed_out = Some(seen.signed_out.map_or(time, |t| t.max(time)));
            }
        }
    }

    /// A request that was refused, as an account that nothing proves.
    fn note_refused(&mut self, event: &Row<'_>, account: &str, address: Option<Arc<str>>, pool: &mut Pool) {
        let Some(address) = address else { return };
        let seen = self.addresses.entry(address).or_default();
        seen.span.add(event.time.micros());
        seen.systems.insert(pool.intern(&event.system));
        if seen.events.len() < 8 {
            seen.events.push(event.place.clone());
        }
        seen.failures += 1;
        if seen.failed_accounts.len() < MOST_ACCOUNTS {
            seen.failed_accounts.insert(hash64(&[account.as_bytes()]));
        }
    }

    /// Of a Windows log: only who was where. Its sessions are no web sessions; the module `windows` follows them.
    fn note_windows(&mut self, event: &Row<'_>, pool: &mut Pool) {
        let is_sign_in = event.class == Class::Authentication && event.activity == Activity::Logon;
        let Some(address) = present(event.src_ip.as_deref()).filter(|_| is_sign_in).map(|a| pool.intern(a)) else {
            return;
        };
        let seen = self.addresses.entry(address).or_default();
        seen.span.add(event.time.micros());
        seen.systems.insert(pool.intern(&event.system));
        if seen.events.len() < 8 {
            seen.events.push(event.place.clone());
        }
        if let Some(account) = present(event.account.as_deref()).filter(|_| event.status == Status::Failure) {
            seen.failures += 1;
            if seen.failed_accounts.len() < MOST_ACCOUNTS {
                seen.failed_accounts.insert(hash64(&[account.as_bytes()]));
            }
        }
    }

    fn note_sign_in(&mut self, event: &Row<'_>, sessions: &Sessions, under_way: &mut UnderWay, pool: &mut Pool) {
        self.note_use(event, sessions, under_way, pool);
        let (Some(address), Some(account)) = (present(event.src_ip.as_deref()), present(event.account.as_deref())) else {
            return;
        };
        let address = pool.intern(address);
        if event.activity == Activity::Logon && event.status == Status::Failure {
            if let Some(seen) = self.addresses.get_mut(&address) {
                seen.failures += 1;
                if seen.failed_accounts.len() < MOST_ACCOUNTS {
                    seen.failed_accounts.insert(hash64(&[account.as_bytes()]));
                }
            }
        } else if event.activity == Activity::Logon && event.status == Status::Success {
            self.sign_ins.entry((address, pool.intern(account), pool.intern(&event.system))).or_default().add(event.time.micros());
        }
    }

    fn note_datastore(&mut self, event: &Row<'_>, pool: &mut Pool) {
        let time = event.time.micros();
        self.statement_sources.entry(pool.intern(&event.source)).or_default().add(time);
        if present(event.session.as_deref()).is_none() && !matches!(event.activity, Activity::Read | Activity::Write | Activity::Define | Activity::Query) {
            return;
        }
        let seen = self.connections.entry(pool.intern(&connection_of(event))).or_default();
        seen.source = pool.intern(&event.source);
        seen.system = pool.intern(&event.system);
        seen.span.add(time);
        let mut keep = |slot: &mut Option<Arc<str>>, value: Option<&str>| {
            if let (None, Some(value)) = (&slot, present(value)) {
                *slot = Some(pool.intern(value));
            }
        };
        keep(&mut seen.role, event.account.as_deref());
        keep(&mut seen.host, event.src_ip.as_deref());
        keep(&mut seen.database, event.database.as_deref());
        keep(&mut seen.application, event.application.as_deref());
        if matches!(event.activity, Activity::Read | Activity::Write | Activity::Define | Activity::Query | Activity::Error) {
            seen.statements += 1;
            seen.rows = seen.rows.saturating_add(event.row_count.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0));
        }
        if seen.events.len() < 2 {
            seen.events.push(event.place.clone());
        }
    }

    /// Logon sessions that a person pinned, by themselves or by a record of them.
    pub(crate) fn pinned_logon_sessions(&self, pins: &[Pin]) -> BTreeSet<String> {
        let of_pin = |pin: &Pin| match pin {
            Pin::Session(session) => Some(session.to_lowercase()),
            _ => None,
        };
        pins.iter().filter_map(of_pin).chain(self.pinned.iter().filter_map(|p| p.logon_session.as_deref().map(str::to_owned))).collect()
    }

    /// Whether the logs of a system name the session of its requests. One log of two may: the other joins it by request.
    pub(crate) fn names_sessions(&self, system: &str) -> bool {
        self.named.get(system).is_some_and(|(named, all)| SMALLEST_NAMED_SHARE * named >= *all)
    }

    /// Accounts for which this address is where most of their sessions are: its lawful inhabitants.
    pub(crate) fn inhabitants(&self, homes: &BTreeMap<Arc<str>, Arc<str>>, address: &str) -> usize {
        homes.values().filter(|home| home.as_ref() == address).count()
    }

    /// Each account's usual address: where most of its sessions were first used; the earliest, then the least, of equals.
    pub(crate) fn homes(&self) -> BTreeMap<Arc<str>, Arc<str>> {
        let mut counts: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Span>> = BTreeMap::new();
        for seen in self.sessions.values() {
            let Some((address, span)) = seen.uses.iter().min_by_key(|(address, span)| (span.first, (*address).clone())) else {
                continue;
            };
            for account in &seen.accounts {
                counts.entry(account.clone()).or_default().entry(address.clone()).or_default().add(span.first);
            }
        }
        let best = |spans: &BTreeMap<Arc<str>, Span>| {
            spans.iter().max_by_key(|(a, s)| (s.count, std::cmp::Reverse(s.first), std::cmp::Reverse((*a).clone()))).map(|(a, _)| a.clone())
        };
        counts.iter().filter_map(|(account, spans)| Some((account.clone(), best(spans)?))).collect()
    }
}

/// `ARTEFACT@OFFSET`, with or without `+LENGTH`.
fn names_place(written: &str, place: &EventRef) -> bool {
    let wanted = written.split('+').next().unwrap_or_default();
    wanted.split_once('@').is_some_and(|(artefact, offset)| artefact == place.artefact.0 && offset.parse() == Ok(place.offset))
}

/// Whether a role (or account) at an address is a lawful mass reader of the estate.
pub(crate) fn trusted<'e>(estate: &'e Estate, role: Option<&str>, account: Option<&str>, address: Option<&str>) -> Option<&'e Trusted> {
    estate.trusted.iter().find(|t| {
        let who = (t.role.is_some() && t.role.as_deref() == role) || (t.account.is_some() && t.account.as_deref() == account);
        who && (t.addresses.is_empty() || address.is_some_and(|a| t.addresses.iter().any(|known| known == a)))
    })
}
