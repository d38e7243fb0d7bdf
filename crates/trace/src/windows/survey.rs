//! One pass over the Windows logs: who signed in where from where, and when; never a sign-in by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::event::{Activity, Class, Status, columns};
use strandline_model::evidence::EventRef;
use strandline_model::table::{Scan, ScanError};

use super::{Entry, Sources, account_key, host_key, is_loopback, is_nobody};
use crate::survey::{Span, present};
use crate::text::Pool;

strandline_model::event_columns! {
    /// What is read of a Windows record to tell who signed in where.
    struct Row { time, class, activity, status, source, system, place, src_ip, account, session, host, labels }
}
/// Events kept of an entry.
const EVENTS_OF_AN_ENTRY: usize = 8;
/// Remote desktop sessions whose end is looked for.
const MOST_SESSIONS: usize = 200_000;
/// Uses of other credentials that are kept.
const MOST_OTHER_CREDENTIALS: usize = 200_000;

/// What was seen of an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntrySeen {
    pub system: Arc<str>,
    /// The account as the log writes it.
    pub written: Arc<str>,
    pub span: Span,
    /// The last sign-out of a remote desktop session of it; `None` where one was not seen to end.
    pub until: Option<i64>,
    pub events: Vec<EventRef>,
}

/// Who used which other account for which host, from a session on which host: 4648.
pub(crate) type OtherCredentials = (Arc<str>, Arc<str>, Arc<str>, Arc<str>);

/// All aggregates of the Windows logs.
#[derive(Debug, Default)]
pub(crate) struct Logons {
    pub entries: BTreeMap<Entry, EntrySeen>,
    /// A host's addresses, as its own account's sign-ins elsewhere show them.
    pub addresses: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// (host, account at it, account used, host it was used for).
    pub other_credentials: BTreeMap<OtherCredentials, Span>,
    /// Systems whose log tells of files that were opened.
    pub telling_of_files: BTreeSet<Arc<str>>,
    /// Hosts that each system's log comes from.
    pub hosts: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Tickets that the domain controller gave an account at an address for a host's services: 4769, with a few of them.
    pub tickets: BTreeMap<Entry, (Span, Vec<EventRef>)>,
    /// Entries that a pinned session belongs to, by the session, with the time of its sign-in.
    pub pinned: BTreeMap<Arc<str>, (Entry, i64)>,
}

/// What one record says of a sign-in, beside the event's columns.
pub(super) struct Labels(serde_json::Map<String, serde_json::Value>);

impl Labels {
    pub(super) fn of(labels: Option<&str>) -> Self {
        match labels.and_then(|text| serde_json::from_str(text).ok()) {
            Some(serde_json::Value::Object(map)) => Self(map),
            _ => Self(serde_json::Map::new()),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn whole(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    }
}

/// Logon types (4624, `LogonType`) at the machine itself: at its console, unlocked, with cached credentials.
const AT_THE_MACHINE: [u64; 3] = [2, 7, 11];
/// Logon type of remote desktop.
pub(super) const REMOTE_DESKTOP: u64 = 10;

/// Runs the pass. `pinned` are session ids that a person pinned, as the event table writes them.
pub(crate) fn survey(events: &dyn Scan, sources: &Sources, pinned: &BTreeSet<String>) -> Result<Logons, ScanError> {
    let mut out = Logons::default();
    if sources.is_empty() {
        return Ok(out);
    }
    let mut pass = Pass { out: &mut out, pool: Pool::default(), sessions: BTreeMap::new(), ends: BTreeMap::new(), pinned };
    for part in columns::scan::<Row<'_>>(events)? {
        for event in part?.iter().filter(|e| sources.hold(&e.source)) {
            pass.see(&event);
        }
    }
    pass.finish();
    Ok(out)
}

struct Pass<'p> {
    out: &'p mut Logons,
    pool: Pool,
    /// Remote desktop sessions, with their entry and beginning.
    sessions: BTreeMap<Arc<str>, Vec<(i64, Entry)>>,
    ends: BTreeMap<Arc<str>, Vec<i64>>,
    pinned: &'p BTreeSet<String>,
}

impl Pass<'_> {
    fn see(&mut self, event: &Row<'_>) {
        let host = host_key(present(event.host.as_deref()).unwrap_or_default());
        let (host, system) = (self.pool.intern(&host), self.pool.intern(&event.system));
        self.out.hosts.entry(system.clone()).or_default().insert(host.clone());
        match (event.class, event.activity, event.status) {
            (Class::FileSystem, Activity::Read | Activity::Write, _) => {
                self.out.telling_of_files.insert(system);
            }
            (Class::Authentication, Activity::Logon, Status::Success) => self.sign_in(event, host, system),
            (Class::Authentication, Activity::Logoff, _) => {
                if let Some(session) = present(event.session.as_deref()).filter(|s| self.sessions.contains_key(*s) || self.ends.len() < MOST_SESSIONS) {
                    let session = self.pool.intern(session);
                    self.ends.entry(session).or_default().push(event.time.micros());
                }
            }
            (Class::Authentication, Activity::Other, Status::Unknown) => self.other_credentials(event, host),
            (Class::Authentication, Activity::Other, Status::Success) => self.ticket(event),
            _ => {}
        }
    }

    fn sign_in(&mut self, event: &Row<'_>, host: Arc<str>, system: Arc<str>) {
        let Some(written) = present(event.account.as_deref()) else {
            return;
        };
        let key = account_key(written);
        let labels = Labels::of(event.labels.as_deref());
        let address = present(event.src_ip.as_deref()).filter(|a| !is_loopback(a));
        if let (true, Some(address)) = (key.ends_with('$'), address) {
            let machine = key.trim_end_matches('$').rsplit('\\').next().unwrap_or_default().to_owned();
            let (machine, address) = (self.pool.intern(&machine), self.pool.intern(address));
            self.out.addresses.entry(machine).or_default().insert(address);
        }
        let at_the_machine = address.is_none() && labels.whole("logon_type").is_some_and(|kind| AT_THE_MACHINE.contains(&kind));
        if is_nobody(&key) || !(at_the_machine || address.is_some()) {
            return;
        }
        let entry = (self.pool.intern(&key), host, self.pool.intern(address.unwrap_or_default()));
        let written = self.pool.intern(written);
        let seen = self.out.entries.entry(entry.clone()).or_insert_with(|| EntrySeen { system, written, ..EntrySeen::default() });
        seen.span.add(event.time.micros());
        if seen.events.len() < EVENTS_OF_AN_ENTRY {
            seen.events.push(event.place.clone());
        }
        let Some(session) = present(event.session.as_deref()) else {
            return;
        };
        if self.pinned.contains(session) {
            let session = self.pool.intern(session);
            self.out.pinned.insert(session, (entry.clone(), event.time.micros()));
        }
        if labels.whole("logon_type") == Some(REMOTE_DESKTOP) && self.sessions.len() < MOST_SESSIONS {
            let session = self.pool.intern(session);
            self.sessions.entry(session).or_default().push((event.time.micros(), entry));
        }
    }

    /// 4769, at the domain controller: the service is a host's own account.
    fn ticket(&mut self, event: &Row<'_>) {
        let labels = Labels::of(event.labels.as_deref());
        let (Some(account), Some(address)) = (present(event.account.as_deref()), present(event.src_ip.as_deref())) else {
            return;
        };
        let (account, Some(host)) = (account_key(account), labels.text("service").and_then(|service| service.strip_suffix('$'))) else {
            return;
        };
        if is_nobody(&account) || self.out.tickets.len() >= MOST_OTHER_CREDENTIALS {
            return;
        }
        let key = (self.pool.intern(&account), self.pool.intern(&host_key(host)), self.pool.intern(address));
        let seen = self.out.tickets.entry(key).or_default();
        seen.0.add(event.time.micros());
        if seen.1.len() < EVENTS_OF_AN_ENTRY {
            seen.1.push(event.place.clone());
        }
    }

    /// 4648, at the host from which the other account's password was used.
    fn other_credentials(&mut self, event: &Row<'_>, host: Arc<str>) {
        let labels = Labels::of(event.labels.as_deref());
        let (Some(by), Some(used), Some(target)) = (labels.text("by"), present(event.account.as_deref()), labels.text("target_host")) else {
            return;
        };
        let target = host_key(target);
        if target == "localhost" || is_nobody(&account_key(by)) || self.out.other_credentials.len() >= MOST_OTHER_CREDENTIALS {
            return;
        }
        let key = (host, self.pool.intern(&account_key(by)), self.pool.intern(&account_key(used)), self.pool.intern(&target));
        self.out.other_credentials.entry(key).or_default().add(event.time.micros());
    }

    /// Gives each remote desktop entry the end of its last session. The records come in no order of time.
    fn finish(mut self) {
        for ends in self.ends.values_mut() {
            ends.sort_unstable();
        }
        let mut open: BTreeSet<Entry> = BTreeSet::new();
        for (session, begun) in &self.sessions {
            let ends = self.ends.get(session).map(Vec::as_slice).unwrap_or_default();
            for (time, entry) in begun {
                match ends.get(ends.partition_point(|end| end < time)) {
                    Some(end) => {
                        if let Some(seen) = self.out.entries.get_mut(entry) {
                            seen.until = Some(seen.until.map_or(*end, |known| known.max(*end)));
                        }
                    }
                    None => drop(open.insert(entry.clone())),
                }
            }
        }
        for entry in open {
            if let Some(seen) = self.out.entries.get_mut(&entry) {
                seen.until = None;
            }
        }
    }
}
