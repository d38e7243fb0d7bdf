//! Files that one request has made and another fetches: an export that runs in the background, a page that sends the browser on
//! to a download. The work of the first goes on until the file is fetched; what it read is what the download delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::estate::Estate;

use crate::accesses::route_of;
use crate::clock::{Clocks, telling};
use crate::gaps::IDLE_MICROS;
use crate::requests::Request;
use crate::routes::{Derived, Match};
use crate::statements::{Execution, Statements};
use crate::steps::{is_bulk, names_files};
use crate::text::Place;
use strandline_model::trail::Strength;

/// How long before the first request that names a job the one that began it may have been made.
const BEGAN_BEFORE_MICROS: i64 = 60_000_000;
/// How long a server waits for an application where nobody set anything else: nginx and Apache.
const SLOWEST_MICROS: i64 = 60_000_000;
/// Slow requests that are looked for.
pub(crate) const MOST_SLOW: usize = 1024;
/// Requests before a fetch that are looked through for the one that had the file made.
const MOST_BEFORE: usize = 4096;
/// Jobs that are followed; files beyond are open.
const MOST_JOBS: usize = 1000;
/// Words of paths behind which files are made.
const MAKES_FILES: [&str; 7] = ["export", "report", "print", "generate", "job", "task", "render"];

/// A request that had a file made, and the one that fetched it, each by its first record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Job {
    pub system: Arc<str>,
    pub maker: Place,
    pub fetch: Place,
    /// On the common clock: from the one's beginning to the other's end.
    pub from: i64,
    pub until: i64,
    /// Values of the fetch's URL that few requests share: a task's number, a file's name.
    pub tokens: BTreeSet<String>,
}

/// A request of which no log tells how long it took, and no statement what it read: it may have run for longer than is taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slow {
    pub system: Arc<str>,
    pub request: Place,
    /// On the common clock: within these.
    pub since: i64,
    pub until: i64,
}

/// The jobs behind the actor's files, how many files no request of his explains, by system, and his slow requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Jobs {
    pub jobs: BTreeSet<Job>,
    pub untraced: BTreeMap<Arc<str>, u64>,
    pub slow: BTreeSet<Slow>,
    /// Whether more requests than are looked for may have been slow.
    pub has_more: bool,
}

/// What was found out of the actor's requests so far.
pub(crate) struct Found<'f> {
    pub estate: &'f Estate,
    pub requests: &'f [Request],
    pub statements: &'f Statements,
    pub matches: &'f [Match],
    pub derived: &'f [Derived],
    pub clocks: &'f Clocks,
    /// Whether enough requests of its kind were seen to know what they read.
    pub is_known: &'f dyn Fn(&Request) -> bool,
}

impl Jobs {
    /// Times in which work of the actor's requests may have gone on, beyond what their logs say.
    pub(crate) fn moments(&self) -> impl Iterator<Item = (&Arc<str>, (i64, i64))> {
        let jobs = self.jobs.iter().map(|job| (&job.system, (job.from, job.until)));
        jobs.chain(self.slow.iter().map(|slow| (&slow.system, (slow.since, slow.until))))
    }

    /// Tells the requests how long their work went on.
    pub(crate) fn extend(&self, requests: &mut [Request]) {
        let jobs = self.jobs.iter().map(|job| (&job.maker, (i64::MAX, job.until)));
        let slow = self.slow.iter().map(|slow| (&slow.request, (slow.since, slow.until)));
        let mut ends: BTreeMap<&Place, (i64, i64)> = BTreeMap::new();
        for (place, (since, until)) in jobs.chain(slow) {
            let known = ends.entry(place).or_insert((since, until));
            *known = (known.0.min(since), known.1.max(until));
        }
        for request in requests {
            if let Some((since, until)) = ends.get(&request.lines[0].place) {
                (request.since, request.until) = (request.since.min(*since), request.until.max(*until));
            }
        }
    }

    /// Jobs that were found too late to be followed are files that nothing explains.
    pub(crate) fn give_up(&mut self, requests: &[Request]) {
        let followed: BTreeMap<&Place, i64> = requests.iter().filter(|r| r.mine.is_some()).map(|r| (&r.lines[0].place, r.until)).collect();
        for job in self.jobs.iter().filter(|job| followed.get(&job.maker).is_none_or(|until| *until < job.until)) {
            *self.untraced.entry(job.system.clone()).or_default() += 1;
        }
    }
}

/// Finds them.
pub(crate) fn find(found: &Found<'_>) -> Jobs {
    let explained = explained(found);
    let mut out = Jobs::default();
    let mut own: Vec<(usize, &Request)> = found.requests.iter().enumerate().filter(|(_, r)| r.mine.is_some()).collect();
    own.sort_by_key(|(at, r)| (r.from, *at));
    for (r, fetch) in own.iter().filter(|(r, request)| fetches_a_file(request) && !explained.contains(r)) {
        match maker(&own, fetch) {
            Some(maker) if maker != *r && out.jobs.len() < MOST_JOBS => {
                let began = &found.requests[maker];
                out.jobs.insert(Job {
                    system: fetch.system.clone(),
                    maker: began.lines[0].place.clone(),
                    fetch: fetch.lines[0].place.clone(),
                    from: began.from,
                    until: fetch.to.max(began.to),
                    tokens: tokens(fetch),
                });
            }
            _ => *out.untraced.entry(fetch.system.clone()).or_default() += 1,
        }
    }
    let may_be_slow = |(r, request): &&(usize, &Request)| is_untimed(request) && !explained.contains(r) && !(found.is_known)(request);
    for (n, (_, request)) in own.iter().filter(may_be_slow).enumerate() {
        if n == MOST_SLOW {
            out.has_more = true;
            break;
        }
        let (before, after) = found.clocks.may_be_slow(&request.lines[0].source);
        out.slow.insert(Slow {
            system: request.system.clone(),
            request: request.lines[0].place.clone(),
            since: if before { request.to.saturating_sub(SLOWEST_MICROS) } else { request.from },
            until: if after { request.from.saturating_add(SLOWEST_MICROS) } else { request.to },
        });
    }
    out
}

/// Whether a page was answered and no log tells how long that took.
fn is_untimed(request: &Request) -> bool {
    let is_page = request.method.is_some() && request.sign_in.is_none() && !request.target.is_asset();
    is_page && matches!(request.status, Some(200..=299)) && request.lines.iter().all(|line| line.duration.is_none())
}

/// Whether a request was answered with a file of records, as far as its path tells: not a page in JSON, nor a leaflet that comes
/// with the application.
fn fetches_a_file(request: &Request) -> bool {
    let is_answered = matches!(request.status, Some(200 | 206 | 408 | 499) | None);
    let last = request.target.segments.last().map_or(String::new(), |segment| segment.to_ascii_lowercase());
    let is_named = names_files(&request.target) || (is_bulk(&request.target) && !last.ends_with(".json"));
    let is_leaflet = last.ends_with(".pdf") && !names_files(&request.target) && tokens(request).is_empty();
    is_answered && request.sign_in.is_none() && request.method.is_some() && is_named && !is_leaflet && !request.target.is_asset()
}

/// Requests whose answer needs no job to explain it: a statement of theirs reads a table of people, or the estate or their like
/// say what they read.
fn explained(found: &Found<'_>) -> BTreeSet<usize> {
    let tables: BTreeSet<String> = found.estate.tables.iter().map(|table| last_name(&table.name)).collect();
    let reads_people = |e: &Execution| e.is_read() && e.lifted.shape.split(' ').any(|word| tables.contains(word.trim_matches(['"', '`'])));
    let mut out: BTreeSet<usize> = found.derived.iter().map(|derived| derived.request).collect();
    let own = |m: &&Match| m.strength > Strength::Open && found.requests[m.request].mine.is_some();
    out.extend(found.matches.iter().filter(own).filter(|m| reads_people(&found.statements.all[m.execution])).map(|m| m.request));
    out.extend((0..found.requests.len()).filter(|r| found.requests[*r].mine.is_some() && route_of(found.estate, &found.requests[*r]).is_some()));
    out
}

fn last_name(table: &str) -> String {
    table.rsplit('.').next().unwrap_or(table).trim_matches(['"', '`']).to_lowercase()
}

/// The request of the actor, of those in order of time, that had the file made: the one before the first that names it, else the last one that changes
/// something, else the last one that by its path makes files.
fn maker(own: &[(usize, &Request)], fetch: &Request) -> Option<usize> {
    let is_same_hand = |r: &Request| match (&r.session, &fetch.session) {
        (Some(a), Some(b)) => a == b,
        _ => r.address.is_some() && r.address == fetch.address,
    };
    let may_begin = |r: &Request| {
        r.system == fetch.system
            && is_same_hand(r)
            && r.from >= fetch.from.saturating_sub(IDLE_MICROS)
            && r.sign_in.is_none()
            && !r.sign_out
            && r.url != fetch.url
            && r.status.is_none_or(|status| (200..400).contains(&status))
    };
    let end = own.partition_point(|(_, r)| r.from < fetch.from);
    let before: Vec<(usize, &Request)> = own[end.saturating_sub(MOST_BEFORE)..end].iter().copied().filter(|(_, r)| may_begin(r)).collect();
    let last = |fits: &dyn Fn(&Request) -> bool| before.iter().rev().find(|(_, r)| fits(r)).map(|(at, _)| *at);
    let tokens = tokens(fetch);
    if let Some((at, named)) = before.iter().find(|(_, r)| r.target.fields.iter().any(|(_, value)| tokens.contains(value))) {
        let began = last(&|r| changes(r) && r.from <= named.from && r.from >= named.from.saturating_sub(BEGAN_BEFORE_MICROS));
        return began.or(Some(*at));
    }
    last(&changes).or_else(|| last(&|r| r.target.segments.iter().any(|segment| MAKES_FILES.iter().any(|word| segment.to_ascii_lowercase().contains(word)))))
}

/// Whether a request is of a method that is meant to change something (RFC 9110, section 9.2.1).
fn changes(request: &Request) -> bool {
    request.method.as_deref().is_some_and(|method| !["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|safe| method.eq_ignore_ascii_case(safe)))
}

fn tokens(request: &Request) -> BTreeSet<String> {
    request.target.fields.iter().map(|(_, value)| value).filter(|value| telling(value)).cloned().collect()
}
