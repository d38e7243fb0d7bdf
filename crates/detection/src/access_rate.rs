//! Bulk reading and bursts outside hours: an account against its own history and its peers.
//!
//! Counters are kept for each account and hour; a day's work of a person is a few numbers, whatever they read.

use std::collections::BTreeMap;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted, WorkingHours};
use strandline_model::event::{Activity, Class};
use strandline_model::time::Instant;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

const HOUR_MICROS: i64 = 3_600_000_000;
/// How many times its own usual and its peers' usual an hour must be to stand out.
const TIMES: u64 = 8;
/// An hour below this is no bulk reading, whatever the history.
const ROWS_FLOOR: u64 = 1000;
/// Requests outside hours below this are somebody who works late.
const BURST_FLOOR: u64 = 60;
/// Hours remembered for one reader: a year of them.
const HOURS_KEPT: usize = 366 * 24;

#[derive(Default)]
struct Reader {
    hours: BTreeMap<i64, u64>,
    off_hours: BTreeMap<i64, u64>,
    seen: Seen,
    off_seen: Seen,
}

/// Who reads: an account at an application, or a role from a host at a database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ReaderKey {
    system: String,
    name: String,
    host: Option<String>,
}

/// Watches reads. State: counters for each reader and hour.
pub struct AccessRate {
    trusted: Vec<Trusted>,
    hours: Option<Hours>,
    artefacts: Artefacts,
    readers: BTreeMap<ReaderKey, Reader>,
}

impl AccessRate {
    /// For an estate, with its working hours.
    pub fn new(estate: &Estate) -> Self {
        let hours = estate.organisation.working_hours.as_ref().and_then(|hours| Hours::new(hours, &estate.organisation.time_zone));
        Self { trusted: estate.trusted.clone(), hours, artefacts: Artefacts::default(), readers: BTreeMap::new() }
    }
}

/// Working hours in the organisation's zone.
struct Hours {
    zone: TimeZone,
    days: Vec<Weekday>,
    from: Time,
    to: Time,
}

impl Hours {
    fn new(hours: &WorkingHours, zone: &str) -> Option<Self> {
        let day = |name: &String| match name.as_str() {
            "mon" => Some(Weekday::Monday),
            "tue" => Some(Weekday::Tuesday),
            "wed" => Some(Weekday::Wednesday),
            "thu" => Some(Weekday::Thursday),
            "fri" => Some(Weekday::Friday),
            "sat" => Some(Weekday::Saturday),
            "sun" => Some(Weekday::Sunday),
            _ => None,
        };
        Some(Self {
            zone: TimeZone::get(zone).ok()?,
            days: hours.days.iter().filter_map(day).collect(),
            from: hours.from.parse().ok()?,
            to: hours.to.parse().ok()?,
        })
    }

    /// Whether an instant lies inside. An instant that no calendar holds counts as inside: it accuses nobody.
    fn contain(&self, at: Instant) -> bool {
        let Ok(timestamp) = jiff::Timestamp::from_microsecond(at.micros()) else { return true };
        let local = self.zone.to_datetime(timestamp);
        self.days.contains(&local.weekday()) && self.from <= local.time() && local.time() < self.to
    }
}

/// What one event read, in rows; a page at an application counts as one.
fn rows(event: &Row<'_>) -> Option<u64> {
    match (event.class, event.activity) {
        (Class::Datastore, Activity::Read) => Some(event.row_count.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)),
        (Class::Http, Activity::Request) if event.status_code.is_some_and(|s| (200..300).contains(&s)) => Some(1),
        _ => None,
    }
}

impl Analytic for AccessRate {
    fn watch(&mut self, event: &Row<'_>) {
        let (Some(rows), Some(account)) = (rows(event), event.account.as_deref()) else { return };
        let address = event.src_ip.as_deref();
        let at_database = event.class == Class::Datastore;
        let (role, person) = if at_database { (Some(account), None) } else { (None, Some(account)) };
        if is_trusted(&self.trusted, role, person, address) {
            return;
        }
        let place = self.artefacts.place(event);
        let key = ReaderKey { system: event.system.to_string(), name: account.to_owned(), host: at_database.then(|| address.unwrap_or("[local]").to_owned()) };
        let reader = self.readers.entry(key).or_default();
        let hour = event.time.micros().div_euclid(HOUR_MICROS);
        if reader.hours.len() < HOURS_KEPT {
            *reader.hours.entry(hour).or_default() += rows;
        }
        if rows > 0 {
            reader.seen.add(event.time, place);
        }
        if self.hours.as_ref().is_some_and(|hours| !hours.contain(event.time)) && reader.off_hours.len() < HOURS_KEPT {
            *reader.off_hours.entry(hour).or_default() += 1;
            reader.off_seen.add(event.time, place);
        }
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        let mut busiest: BTreeMap<(&str, bool), Vec<u64>> = BTreeMap::new();
        for (key, reader) in &self.readers {
            let most = reader.hours.values().copied().max().unwrap_or(0);
            busiest.entry((&key.system, key.host.is_some())).or_default().push(most);
        }
        for (key, reader) in &self.readers {
            let peers = busiest.get(&(key.system.as_str(), key.host.is_some())).map_or(0, |all| median(all));
            self.conclude_bulk(key, reader, peers, found);
            self.conclude_burst(key, reader, found);
        }
    }
}

impl AccessRate {
    fn conclude_bulk(&self, key: &ReaderKey, reader: &Reader, peers: u64, found: &mut Vec<Detection>) {
        let mut hours: Vec<u64> = reader.hours.values().copied().collect();
        hours.sort_unstable();
        let Some(most) = hours.pop() else { return };
        let own = median(&hours);
        let floor = if key.host.is_some() { ROWS_FLOOR } else { ROWS_FLOOR / 10 };
        if most < floor || most < TIMES * own.max(1) || most < TIMES * peers.max(1) {
            return;
        }
        let unit = if key.host.is_some() { "rows" } else { "pages" };
        let reason = format!("{most} {unit} read within an hour, against {own} in its other hours (median) and {peers} in its peers' busiest hours (median)");
        found.push(self.said("bulk_read", "Far more read than usual", &["T1213"], key, &reader.seen, reason));
    }

    fn conclude_burst(&self, key: &ReaderKey, reader: &Reader, found: &mut Vec<Detection>) {
        let mut hours: Vec<u64> = reader.off_hours.values().copied().collect();
        hours.sort_unstable();
        let Some(most) = hours.pop() else { return };
        // A role of an application works at any hour; only people keep hours.
        if key.host.is_some() || most < BURST_FLOOR || most < TIMES * median(&hours).max(1) || hours.len() > 5 {
            return;
        }
        let reason = format!("{most} requests within an hour outside working hours; active outside hours in {} other hour(s)", hours.len());
        found.push(self.said("off_hours_burst", "A burst of work outside hours", &["T1078"], key, &reader.off_seen, reason));
    }

    fn said(&self, rule: &str, title: &str, techniques: &[&str], key: &ReaderKey, seen: &Seen, reason: String) -> Detection {
        let at_host = key.host.as_ref().map(|host| format!("{}@{host}", key.name));
        let subject = match &at_host {
            Some(at_host) => (SubjectKind::RoleAtHost, at_host.as_str()),
            None => (SubjectKind::Account, key.name.as_str()),
        };
        let related = vec![format!("account={}", key.name)];
        detection(&self.artefacts, seen, Statement { rule, title, level: Level::Medium, techniques, subject, system: &key.system, reason, related })
    }
}

/// The middle of some numbers; 0 of none.
fn median(numbers: &[u64]) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}
