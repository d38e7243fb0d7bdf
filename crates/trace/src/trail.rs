//! Puts the passes together: the actor's requests, the statements they caused, the connections that are the actor's
//! whole, and the dark time; out of them come deeds (for steps) and drafts (for accesses).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use strandline_model::access::{Access, Completion};
use strandline_model::event::{MASK, Status};
use strandline_model::evidence::EventRef;
use strandline_model::names::cut;
use strandline_model::node::{How, InGap, Node};
use strandline_model::table::ScanError;
use strandline_model::time::Instant;
use strandline_model::trail::{Division, OpenQuestion, Pin, Split, Step, Strength};

use crate::accesses::{self, Draft, Origin};
use crate::answers;
use crate::clock::Clocks;
use crate::conserve::During;
use crate::gaps::{self, Dark, IDLE_MICROS};
use crate::identity::Identity;
use crate::jobs::{self, Jobs};
use crate::lanes::Brief;
use crate::links::{Links, Proposal};
use crate::requests::{self, Request, Requests, union};
use crate::routes::{self, Derived, Match, Matched, Serving};
use crate::sessions::Sessions;
use crate::split::{self, Share};
use crate::statements::{self, Execution, Statements, Wanted};
use crate::steps::{self, CameIn, Deed, Move};
use crate::survey::{AddressSeen, SessionKey, Span, Survey};
use crate::text::Place;
use crate::wider::Wider;
use crate::windows::{self, Gathered, Logons, Read};
use crate::{Actor, Inputs};

/// From, to, and the way of knowing: what one link stands for.
type MatchGroup = (Node, Node, How);
/// Strength and reason of each such link; nothing where a person struck it.
type Reached = BTreeMap<MatchGroup, Option<(Strength, Arc<str>)>>;

/// Formats of an operating system's own log.
const HOST_LOGS: [&str; 3] = ["linux_auth", "journald", "auditd"];

/// Everything gathered about the actor.
pub(crate) struct Work<'a> {
    inputs: &'a Inputs<'a>,
    survey: &'a Survey,
    clocks: &'a Clocks,
    requests: Vec<Request>,
    statements: Statements,
    matches: Vec<Match>,
    derived: Vec<Derived>,
    during: During,
    reached: Reached,
    jobs: Jobs,
    applications: HashMap<Arc<str>, Vec<Arc<str>>>,
    own: BTreeSet<Arc<str>>,
    dark: Vec<Dark>,
    deeds: Vec<Deed>,
    drafts: Vec<Draft>,
    reads: Vec<(Read, usize)>,
}

/// Addresses that were new after the actor had come in, and that are followed as open.
const MOST_NEWCOMERS: usize = 64;
/// Addresses that act as one account, from which on it may be everybody's who has not signed in.
const FEWEST_EVERYBODY: usize = 4;
/// One of how many of the actor's requests must have a session, for the log to name those that he had.
const FEWEST_IN_SESSIONS: usize = 8;

/// Whether a request was answered as one is that is let in, or nothing says how it was.
fn may_have_let_in(request: &Request) -> bool {
    request.sign_in != Some(Status::Failure) && request.status.is_none_or(|status| status < 400)
}

/// What tells whether an address that is new on a system may be the actor's.
struct Newcomers<'w> {
    work: &'w Work<'w>,
    system: &'w Arc<str>,
    /// Whether a log of the system names sessions.
    are_named: bool,
    /// Whether nothing tells the actor's own sessions there.
    is_unseen: bool,
    /// Accounts that the actor used.
    used: HashSet<&'w Arc<str>>,
    /// Accounts that tell nobody.
    everybodys: HashSet<&'w Arc<str>>,
}

impl Newcomers<'_> {
    /// Why an address that was never seen before the actor came in may be his; nothing where a log says that it is somebody else's.
    fn reason(&self, seen: &AddressSeen) -> Option<&'static str> {
        let has_session = seen.sessions.iter().any(|key| key.0 == *self.system);
        // A session that a log names is followed by itself.
        if self.are_named && has_session {
            return None;
        }
        if seen.accounts.iter().any(|account| self.used.contains(account)) {
            return Some("it acts as an account that the actor used, and was never seen before he came in");
        }
        if self.work.takes_over(self.system, seen) {
            return Some("it was never seen before the actor came in, and uses a secret that was used from elsewhere before");
        }
        let is_nobodys = seen.volume.requests > 0 && seen.accounts.iter().all(|account| self.everybodys.contains(account));
        if self.are_named {
            return is_nobodys.then_some("it was never seen before the actor came in, and no log names a session of its or says that it is somebody else's");
        }
        ((self.is_unseen && seen.is_nameless) || is_nobodys)
            .then_some("it was never seen before the actor came in, no log names sessions, and none says that it is somebody else's")
    }
}

impl<'a> Work<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>, survey: &'a Survey, clocks: &'a Clocks) -> Self {
        Self {
            inputs,
            survey,
            clocks,
            requests: Vec::new(),
            statements: Statements::default(),
            matches: Vec::new(),
            derived: Vec::new(),
            during: During::new(),
            reached: Reached::new(),
            jobs: Jobs::default(),
            applications: HashMap::new(),
            own: BTreeSet::new(),
            dark: Vec::new(),
            deeds: Vec::new(),
            drafts: Vec::new(),
            reads: Vec::new(),
        }
    }

    /// Runs the passes over the actor's events with what is known so far.
    pub(crate) fn gather(&mut self, sessions: &Sessions, identity: &mut Identity<'_>, links: &mut Links) -> Result<(), ScanError> {
        let found: Requests = requests::collect(self.inputs, sessions, self.clocks, &self.jobs, identity, links)?;
        let systems = requests::systems(&found);
        self.requests = found.all;
        self.own = links.held().connections.into_keys().collect();
        let pinned = self.pinned_accounts();
        let mut known = systems.clone();
        if !pinned.is_empty() {
            known.extend(self.survey.request_sources.keys().cloned());
        }
        self.applications = statements::applications(self.inputs.estate, self.survey, &known, &self.own);
        self.dark = gaps::dark(self.inputs.coverage, self.survey, self.clocks, &known);
        self.dark.extend(gaps::nameless(self.inputs.coverage, self.survey, self.clocks, &pinned));
        let own_moments = self.moments(|r| r.mine.is_some());
        let mut moments = own_moments.clone();
        let wanted = Wider::of(self.survey, &self.requests).kinds();
        for (key, most) in wanted {
            let list = self.survey.samples.get(&key).into_iter().flatten().take(most).map(|s| s.interval(self.clocks));
            moments.entry(key.0.clone()).or_default().extend(list);
        }
        for dark in &self.dark {
            moments.entry(dark.system.clone()).or_default().push((dark.from, dark.to));
        }
        let joined = |map: BTreeMap<Arc<str>, Vec<(i64, i64)>>| map.into_iter().map(|(system, list)| (system, union(list))).collect();
        let wanted = Wanted {
            connections: self.own.clone(),
            request_ids: self.requests.iter().filter(|r| r.mine.is_some()).filter_map(|r| r.request_id.clone()).collect(),
            moments: joined(moments),
            own_moments: joined(own_moments),
            applications: self.applications.clone(),
            places: self.survey.pinned.iter().map(|p| (p.place.artefact.0.clone(), p.place.offset)).collect(),
        };
        self.statements = statements::collect(self.inputs, self.clocks, &wanted)?;
        let (applications, own) = (&self.applications, &self.own);
        let serves = |e: &Execution, system: &str| {
            !own.contains(e.connection.as_ref()) && applications.get(&e.connection).is_some_and(|list| list.iter().any(|s| s.as_ref() == system))
        };
        let compared = |e: &Execution| applications.get(&e.connection).is_some_and(|list| list.iter().all(|s| systems.contains(s)));
        let brief = Brief::of(self.survey, &|connection| applications.contains_key(connection) && !own.contains(connection), &systems);
        let serving = Serving { serves: &serves, compared: &compared, brief: &brief };
        let Matched { matches, derived, during } =
            routes::match_requests(self.survey, self.clocks, &self.requests, &self.statements, &serving, &self.jobs.jobs);
        (self.matches, self.derived, self.during) = (matches, derived, during);
        Ok(())
    }

    /// Looks for the jobs behind files that the actor fetched; whether others than before were found.
    pub(crate) fn found_jobs(&mut self) -> bool {
        let (requests, statements, matches, derived) = (&self.requests, &self.statements, &self.matches, &self.derived);
        let is_known = |request: &Request| routes::is_known(self.survey, request);
        let (estate, clocks) = (self.inputs.estate, self.clocks);
        let mut found = jobs::find(&jobs::Found { estate, requests, statements, matches, derived, clocks, is_known: &is_known });
        // What a job explains needs no other, and must not be given up for it.
        found.jobs.extend(self.jobs.jobs.iter().cloned());
        found.slow.extend(self.jobs.slow.iter().cloned());
        let is_new = found.jobs != self.jobs.jobs || found.slow != self.jobs.slow;
        self.jobs = found;
        is_new
    }

    /// Files that the actor fetched and that no request of his had made: what they hold is not known.
    pub(crate) fn note_untraced_files(&mut self, identity: &mut Identity<'_>) {
        self.jobs.give_up(&self.requests);
        if self.jobs.has_more {
            identity.leave_open(OpenQuestion::RequestsNotCompared { most: jobs::MOST_SLOW as u64 });
        }
        for (system, files) in &self.jobs.untraced {
            identity.leave_open(OpenQuestion::FilesNotTraced { system: system.to_string(), files: *files });
        }
    }

    /// The requests that fetched what others had made, by those: of several that asked after it, the one with the largest answer.
    fn fetches(&self) -> HashMap<usize, usize> {
        let own: HashMap<&Place, usize> = self.requests.iter().enumerate().filter(|(_, r)| r.mine.is_some()).map(|(at, r)| (&r.lines[0].place, at)).collect();
        let mut fetches: HashMap<usize, usize> = HashMap::new();
        for job in &self.jobs.jobs {
            if let (Some(maker), Some(fetch)) = (own.get(&job.maker), own.get(&job.fetch)) {
                let known = fetches.entry(*maker).or_insert(*fetch);
                *known = [*known, *fetch].into_iter().max_by_key(|at| (self.requests[*at].bytes, *at)).unwrap_or(*fetch);
            }
        }
        fetches
    }

    fn pinned_accounts(&self) -> Vec<Arc<str>> {
        let account = |pin: &Pin| match pin {
            Pin::Account(account) => Some(Arc::from(account.as_str())),
            _ => None,
        };
        self.inputs.pins.iter().filter_map(account).collect()
    }

    fn moments(&self, of: impl Fn(&Request) -> bool) -> BTreeMap<Arc<str>, Vec<(i64, i64)>> {
        let mut moments: BTreeMap<Arc<str>, Vec<(i64, i64)>> = BTreeMap::new();
        for request in self.requests.iter().filter(|r| of(r)) {
            moments.entry(request.system.clone()).or_default().push((request.since, request.until));
        }
        moments
    }

    fn own_matches(&self) -> impl Iterator<Item = &Match> {
        self.matches.iter().filter(|m| self.requests[m.request].mine.is_some())
    }

    /// Tells the identity on which systems the actor ran his own SQL.
    pub(crate) fn exploits(&self, identity: &mut Identity<'_>) {
        for m in self.own_matches().filter(|m| m.how == How::Injected) {
            let (request, execution) = (&self.requests[m.request], &self.statements.all[m.execution]);
            if execution.completion == Completion::Failed {
                continue;
            }
            let how = weakness(request, m.field.as_deref());
            let known = identity.exploited.entry(request.system.clone()).or_insert_with(|| (execution.raw, how.clone()));
            if execution.raw < known.0 {
                *known = (execution.raw, how);
            }
        }
    }

    /// Requests to the statements they caused: one link for each session, kind of request, and way of knowing.
    pub(crate) fn link_statements(&mut self, identity: &mut Identity<'_>, links: &mut Links) {
        let mut grouped: BTreeMap<MatchGroup, (Span, Vec<EventRef>, Strength)> = BTreeMap::new();
        for m in self.own_matches() {
            let (request, execution) = (&self.requests[m.request], &self.statements.all[m.execution]);
            let entry = grouped.entry(group_of(request, m)).or_insert_with(|| (Span::default(), Vec::new(), m.strength));
            entry.0.add(request.raw);
            entry.2 = entry.2.max(m.strength);
            if entry.1.len() < 1000 {
                entry.1.push(execution.proof[0].event_ref());
            }
        }
        let mut reached: Reached = BTreeMap::new();
        for ((from, to, how), (span, events, strength)) in grouped {
            let reason = format!("{} statements: {}", span.count, how_words(how));
            let rule = if how == How::Injected { "injection_to_request" } else { "request_to_statement" };
            let done = links.add(Proposal { rule, from: &from, to: &to, strength, reason, span, events });
            reached.insert((from, to, how), done.map(|s| (s, Arc::from(how_words(how)))));
        }
        self.draft_requests(&reached);
        self.reached = reached;
        self.draft_connections(links);
        self.draft_pinned(identity);
        self.draft_routes(identity);
    }

    /// For each request of the actor, whose the statements are that ran while it did; and all of them together.
    pub(crate) fn split(&self) -> (Vec<Split>, Division) {
        let share = |m: &Match| {
            let request = &self.requests[m.request];
            let Some(mine) = request.mine else { return Share::Others(m.strength) };
            match self.reached.get(&group_of(request, m)) {
                Some(Some((reached, _))) if m.strength.min(*reached).min(mine) > Strength::Open => Share::Own(m.strength.min(*reached).min(mine)),
                Some(None) => Share::Struck,
                Some(Some(_)) | None => Share::Open,
            }
        };
        split::split(&self.requests, &self.statements, &self.during, &self.matches, &share)
    }

    /// Systems of which it is not seen what the actor did from other addresses: no log names the session of his requests, and
    /// either nothing that the application looks up does, or its secret was also looked up for nobody known, or left no digest.
    pub(crate) fn note_secret_sessions(&self, sessions: &Sessions, identity: &mut Identity<'_>, links: &Links) {
        let followed: Vec<SessionKey> = identity.sessions_of(&links.held()).into_keys().collect();
        for (system, _) in followed.iter().filter(|key| sessions.has_strays(key)) {
            identity.leave_open(OpenQuestion::SessionNotFollowed { system: system.to_string() });
        }
        let mut counts: BTreeMap<&Arc<str>, (BTreeSet<usize>, BTreeSet<usize>)> = BTreeMap::new();
        for m in self.own_matches().filter(|m| m.strength > Strength::Open) {
            let execution = &self.statements.all[m.execution];
            let (all, by_secret) = counts.entry(&self.requests[m.request].system).or_default();
            all.insert(m.request);
            if execution.is_read() && (0..execution.value_count()).any(|slot| execution.value(slot) == Some(MASK)) {
                by_secret.insert(m.request);
            }
        }
        let has_sessions = |system: &Arc<str>| {
            if sessions.are_looked_up(system) { followed.iter().any(|(known, _)| known == system) } else { self.survey.names_sessions(system) }
        };
        for (system, (all, by_secret)) in counts {
            if 2 * by_secret.len() > all.len() && !has_sessions(system) {
                identity.leave_open(OpenQuestion::SessionNotFollowed { system: system.to_string() });
            }
        }
        let unseen = self.unseen_elsewhere(sessions, identity, links).into_iter();
        for (system, _) in unseen.filter(|(system, since)| self.may_go_on_elsewhere(system, *since, links)) {
            identity.leave_open(OpenQuestion::SessionNotFollowed { system: system.to_string() });
        }
    }

    /// Systems on which nothing tells the actor's sessions, with when he came in there.
    fn unseen_elsewhere(&self, sessions: &Sessions, identity: &Identity<'_>, links: &Links) -> BTreeMap<Arc<str>, i64> {
        let followed: BTreeSet<Arc<str>> = identity.sessions_of(&links.held()).into_keys().map(|(system, _)| system).collect();
        let has_sessions = |system: &Arc<str>| {
            if sessions.are_looked_up(system) { followed.contains(system) } else { self.survey.names_sessions(system) }
        };
        // Probes and pages before the sign-in have none: where his own requests have sessions, the log names them.
        let has_own = |system: &Arc<str>| {
            let own = || self.requests.iter().filter(|r| r.mine.is_some() && may_have_let_in(r) && r.system == *system);
            FEWEST_IN_SESSIONS * own().filter(|r| r.session.is_some()).count() >= own().count()
        };
        let mut came_in = self.came_in();
        came_in.retain(|system, _| !has_sessions(system) && !has_own(system));
        came_in
    }

    /// When the actor came into each system: his first request that may have been let in.
    fn came_in(&self) -> BTreeMap<Arc<str>, i64> {
        let mut came_in: BTreeMap<Arc<str>, i64> = BTreeMap::new();
        for request in self.requests.iter().filter(|r| r.mine > Some(Strength::Open) && may_have_let_in(r)) {
            let first = came_in.entry(request.system.clone()).or_insert(request.raw);
            *first = (*first).min(request.raw);
        }
        came_in
    }

    /// Follows, as open, addresses that were first seen after the actor had come in, where he may have gone on from there. Whether any was followed.
    pub(crate) fn follow_newcomers(&self, sessions: &Sessions, identity: &mut Identity<'_>, links: &mut Links) -> bool {
        let before = links.progress();
        let unseen = self.unseen_elsewhere(sessions, identity, links);
        for (system, since) in self.came_in() {
            let newcomers = Newcomers {
                work: self,
                system: &system,
                are_named: self.survey.names_sessions(&system) && !sessions.are_looked_up(&system),
                is_unseen: unseen.contains_key(&system),
                used: self.accounts_used(&system, links),
                everybodys: self.everybodys(&system),
            };
            let new: Vec<(&Arc<str>, &AddressSeen, &str)> = self
                .elsewhere(&system, since, links)
                .filter(|(_, seen)| seen.span.first >= since)
                .filter_map(|(address, seen)| Some((address, seen, newcomers.reason(seen)?)))
                .filter(|(address, ..)| identity.shared(address).is_none())
                .collect();
            // So many that it says nothing of any: the question alone is left.
            if new.len() > MOST_NEWCOMERS {
                identity.leave_open(OpenQuestion::SessionNotFollowed { system: system.to_string() });
                continue;
            }
            let from = self.requests.iter().find(|r| r.mine > Some(Strength::Open) && r.system == system).map(Request::owner_node);
            for (address, seen, reason) in new {
                let (to, reason) = (Node::Address(address.clone()), reason.to_owned());
                if let Some(from) = &from {
                    let (strength, span, events) = (Strength::Open, seen.span, Vec::new());
                    links.add(Proposal { rule: "newcomer_to_address", from, to: &to, strength, reason: reason.clone(), span, events });
                }
                identity.note(format!("{address} may be the actor's on {system}: {reason}. What it read is open; pin it if it is his, strike its link if not"));
            }
        }
        links.progress() != before
    }

    /// Whether an address uses a session of which the secret was used from elsewhere before: as if it had been stolen.
    fn takes_over(&self, system: &Arc<str>, seen: &AddressSeen) -> bool {
        let is_others = |key: &SessionKey| self.survey.sessions.get(key).is_some_and(|session| session.span.first < seen.span.first);
        seen.sessions.iter().any(|key| key.0 == *system && is_others(key))
    }

    /// Accounts that the actor used on a system; not those that everybody is.
    fn accounts_used(&self, system: &Arc<str>, links: &Links) -> HashSet<&Arc<str>> {
        let own = self.requests.iter().filter(|r| r.mine > Some(Strength::Open) && r.system == *system && may_have_let_in(r));
        let of_requests = own.flat_map(|r| r.lines.iter()).filter_map(|line| line.account.as_ref());
        // Some lines that tell an account are no request's.
        let followed: BTreeSet<Arc<str>> = links.held().addresses.into_iter().filter(|(_, strength)| *strength > Strength::Open).map(|(a, _)| a).collect();
        let of_addresses = self.survey.addresses.iter().filter(|(address, seen)| followed.contains(*address) && seen.systems.contains(system));
        let everybodys = self.everybodys(system);
        of_requests.chain(of_addresses.flat_map(|(_, seen)| &seen.joined_accounts)).filter(|account| !everybodys.contains(account)).collect()
    }

    /// Accounts that everybody is on a system, before signing in.
    fn everybodys(&self, system: &Arc<str>) -> HashSet<&Arc<str>> {
        let there = || self.survey.addresses.values().filter(|seen| seen.systems.contains(system));
        let mut users: HashMap<&Arc<str>, usize> = HashMap::new();
        there().flat_map(|seen| &seen.accounts).for_each(|account| *users.entry(account).or_default() += 1);
        let all = there().count();
        users.into_iter().filter(|(_, users)| *users >= FEWEST_EVERYBODY && 3 * users >= all).map(|(account, _)| account).collect()
    }

    /// Other addresses that used a system after a time, and that are no host of ours.
    fn elsewhere<'s>(&'s self, system: &'s Arc<str>, since: i64, links: &Links) -> impl Iterator<Item = (&'s Arc<str>, &'s AddressSeen)> {
        let followed: BTreeSet<Arc<str>> = links.held().addresses.into_keys().collect();
        let own_hosts = |address: &str| self.inputs.estate.systems.iter().any(|s| s.addresses.iter().any(|a| a == address));
        let others = self.survey.addresses.iter().filter(move |(address, _)| !followed.contains(*address) && !own_hosts(address));
        others.filter(move |(_, seen)| seen.systems.contains(system) && seen.span.last >= since)
    }

    /// Whether another address, of which no log says that it is somebody else's, used a system after the actor had come in.
    fn may_go_on_elsewhere(&self, system: &Arc<str>, since: i64, links: &Links) -> bool {
        let accounts: HashSet<&Arc<str>> =
            self.requests.iter().filter(|r| r.mine.is_some() && r.system == *system).filter_map(|r| r.account.as_ref()).collect();
        let is_theirs = |seen: &AddressSeen| !seen.is_nameless && !seen.accounts.iter().any(|account| accounts.contains(account));
        self.elsewhere(system, since, links).any(|(_, seen)| !is_theirs(seen))
    }

    fn draft_requests(&mut self, reached: &Reached) {
        let mut by_request: BTreeMap<usize, Vec<&Match>> = BTreeMap::new();
        for m in self.matches.iter().filter(|m| self.requests[m.request].mine.is_some()) {
            by_request.entry(m.request).or_default().push(m);
        }
        let mut addresses: HashMap<SessionKey, HashSet<Arc<str>>> = HashMap::new();
        let is_host_log = |source: &str| self.inputs.estate.sources.iter().any(|s| s.id == source && HOST_LOGS.contains(&s.format.as_str()));
        let (mut deeds, mut drafts) = (Vec::new(), Vec::new());
        let fetches = self.fetches();
        let mut came_in = CameIn::none_of(&self.requests);
        for (r, request) in self.requests.iter().enumerate().filter(|(_, r)| r.mine.is_some()) {
            let own = by_request.get(&r).map(Vec::as_slice).unwrap_or_default();
            let kept = own.iter().filter_map(|m| reached.get(&group_of(request, m)).cloned().flatten().map(|(s, why)| (*m, s, why))).collect::<Vec<_>>();
            let injected = kept.iter().find(|(m, ..)| m.how == How::Injected);
            let reads = |m: &Match, strength: Strength| strength > Strength::Open && accesses::can_show(&self.statements.all[m.execution]);
            let is_in = came_in.is_in(request, kept.iter().any(|(m, strength, _)| reads(m, *strength)));
            let what = if injected.is_some() { Move::Exploit } else { steps::of_request(request, &is_host_log, is_in) };
            let deed = deeds.len();
            deeds.push(steps::request_deed(request, what, injected.map(|(m, ..)| weakness(request, m.field.as_deref()))));
            if let (Some(key), Some(address)) = (request.session_key(), &request.address) {
                // Whoever began the session may be its owner, whose requests are not here.
                let began = || self.survey.sessions.get(&key).and_then(|s| s.uses.iter().min_by_key(|(a, s)| (s.first, (*a).clone()))).map(|(a, _)| a.clone());
                let seen = addresses.entry(key.clone()).or_insert_with(|| began().into_iter().collect());
                if seen.insert(address.clone()) && seen.len() > 1 {
                    deeds.push(steps::request_deed(request, Move::SecondAddress, None));
                }
            }
            let fetch = fetches.get(&r).copied();
            for (m, strength, reason) in kept {
                let execution = &self.statements.all[m.execution];
                let delivered_by = fetch.filter(|fetch| execution.time > request.to || hands_over(request, &self.requests[*fetch]));
                if accesses::can_show(execution) {
                    let strength = strength.min(m.strength).min(request.mine.unwrap_or(Strength::Open));
                    drafts.push(Draft { origin: Origin::Execution(m.execution), request: Some(r), session: None, deed, strength, reason, delivered_by });
                }
            }
        }
        self.deeds.extend(deeds);
        self.drafts.extend(drafts);
    }

    fn draft_connections(&mut self, links: &Links) {
        for id in &self.own {
            let (Some(seen), Some(strength)) = (self.survey.connections.get(id), links.strength(&Node::Connection(id.clone()))) else {
                continue;
            };
            self.deeds.push(steps::connection_deed(id, seen, strength));
        }
        let reason: Arc<str> = Arc::from("it ran on a database connection that is the actor's");
        for (at, e) in self.statements.all.iter().enumerate() {
            let Some(seen) = self.survey.connections.get(&e.connection).filter(|_| self.own.contains(e.connection.as_ref())) else {
                continue;
            };
            let Some(strength) = links.strength(&Node::Connection(e.connection.clone())) else {
                continue;
            };
            let mut deed = steps::connection_deed(&e.connection, seen, strength);
            deed.what = steps::of_statement(e);
            deed.time = e.raw;
            deed.events = e.proof.iter().map(|p| p.event_ref()).collect();
            if accesses::can_show(e) {
                self.drafts.push(Draft {
                    origin: Origin::Execution(at),
                    request: None,
                    session: None,
                    deed: self.deeds.len(),
                    strength,
                    reason: reason.clone(),
                    delivered_by: None,
                });
            }
            self.deeds.push(deed);
        }
    }

    /// A pinned statement that no request and no connection explains is an access of its own.
    fn draft_pinned(&mut self, identity: &mut Identity<'_>) {
        let drafted: HashSet<usize> = self.drafts.iter().filter_map(|d| if let Origin::Execution(e) = d.origin { Some(e) } else { None }).collect();
        for pinned in std::mem::take(&mut identity.pinned_statements) {
            let of = |e: &&Execution| e.proof.iter().any(|p| p.artefact.as_ref() == pinned.place.artefact.0 && p.offset == pinned.place.offset);
            let Some(at) = self.statements.all.iter().position(|e| of(&e)).filter(|at| !drafted.contains(at)) else {
                continue;
            };
            identity.note(format!("{}: no request is known to have caused it; pin the session or address behind it to follow it further", pinned.pin));
            let e = &self.statements.all[at];
            let Some(seen) = self.survey.connections.get(&e.connection) else {
                continue;
            };
            let mut deed = steps::connection_deed(&e.connection, seen, Strength::Proved);
            (deed.what, deed.time, deed.node) = (Move::Collect, e.raw, Node::Pin(pinned.pin));
            deed.events = e.proof.iter().map(|p| p.event_ref()).collect();
            self.drafts.push(Draft {
                origin: Origin::Execution(at),
                request: None,
                session: None,
                deed: self.deeds.len(),
                strength: Strength::Proved,
                reason: Arc::from("a responder pinned this statement"),
                delivered_by: None,
            });
            self.deeds.push(deed);
        }
    }

    /// Answered requests whose statement was not found: to routes that the estate describes, else to what other requests of
    /// their kind run, else to anything while the database's log is missing.
    fn draft_routes(&mut self, identity: &mut Identity<'_>) {
        let mut found: HashSet<(usize, String)> = HashSet::new();
        let explaining = || self.matches.iter().filter(|m| m.strength > Strength::Open);
        for m in explaining() {
            found.insert((m.request, accesses::database_id(self.inputs.estate, self.statements.all[m.execution].database.as_deref())));
        }
        let explained: HashSet<usize> = explaining().map(|m| m.request).collect();
        let mut derived: HashMap<usize, Vec<Origin>> = HashMap::new();
        for (at, d) in self.derived.iter().enumerate() {
            derived.entry(d.request).or_default().push(Origin::Derived(at));
        }
        let deed_of: HashMap<&[EventRef], usize> =
            self.deeds.iter().enumerate().filter(|(_, d)| d.what != Move::SecondAddress).map(|(at, d)| (d.events.as_slice(), at)).collect();
        let mut undescribed: BTreeMap<(Arc<str>, String), u64> = BTreeMap::new();
        let mut drafts = Vec::new();
        for (r, request) in self.requests.iter().enumerate() {
            let Some(strength) = request.mine.filter(|_| request.sign_in.is_none()) else {
                continue;
            };
            let answer = Answer::of(request.status);
            let route = accesses::route_of(self.inputs.estate, request);
            // Without an answer in full, a request counts as a read only where the database's log cannot tell that it was none.
            let is_told = match answer {
                Answer::Full => false,
                Answer::CutOff => {
                    let databases = route.map_or_else(|| gaps::databases(self.inputs.estate, &request.system), |route| self.database_of_route(route));
                    !databases.into_iter().any(|database| self.is_dark(database, request))
                }
                Answer::Refused => true,
            };
            if is_told {
                continue;
            }
            let origins = match (route, derived.remove(&r)) {
                (Some(route), _) if !found.contains(&(r, self.inputs.estate.routes[route].database.clone())) => vec![Origin::Route(route)],
                (None, Some(derived)) => derived,
                (None, None) if !explained.contains(&r) => {
                    if request.session.is_some() && answer == Answer::Full {
                        let route = format!("{} {}", request.method.as_deref().unwrap_or("-"), request.target.path_template());
                        *undescribed.entry((request.system.clone(), route)).or_default() += 1;
                    }
                    self.within_reach(request)
                }
                _ => continue,
            };
            let events: Vec<EventRef> = request.lines.iter().map(|l| l.place.event_ref()).collect();
            let Some(deed) = deed_of.get(events.as_slice()) else {
                continue;
            };
            let draft = |origin| Draft {
                origin,
                request: Some(r),
                session: None,
                deed: *deed,
                strength,
                reason: Arc::from(why_without_statement(origin)),
                delivered_by: None,
            };
            drafts.extend(origins.into_iter().map(draft));
        }
        self.drafts.extend(drafts);
        for ((system, route), count) in undescribed {
            identity.note(format!(
                "{count} answered requests of the actor to {route} on {system}: no statement was found and the estate does not say what the route reads"
            ));
        }
    }

    /// The databases of which a request may have read anything, since their logs are missing at that moment.
    fn within_reach(&self, request: &Request) -> Vec<Origin> {
        if request.target.is_asset() {
            return Vec::new();
        }
        gaps::databases(self.inputs.estate, &request.system).into_iter().filter(|at| self.is_dark(*at, request)).map(Origin::Unknown).collect()
    }

    /// Whether a log of a database is missing while a request ran.
    fn is_dark(&self, database: usize, request: &Request) -> bool {
        gaps::is_missing(self.inputs.estate, self.inputs.coverage, self.clocks, database, (request.from, request.to))
    }

    fn database_of_route(&self, route: usize) -> Vec<usize> {
        let estate = self.inputs.estate;
        (0..estate.databases.len()).filter(|at| estate.databases[*at].id == estate.routes[route].database).collect()
    }

    /// Statements in dark time.
    pub(crate) fn link_dark_time(&mut self, identity: &mut Identity<'_>, links: &mut Links) {
        let matched: HashSet<usize> = self.matches.iter().map(|m| m.execution).collect();
        // A request that names neither session nor account explains a statement, and does not say whose it was.
        let named = |m: &&Match| self.requests[m.request].session.is_some() || self.requests[m.request].account.is_some();
        let matched_by_name: HashSet<usize> = self.matches.iter().filter(named).map(|m| m.execution).collect();
        let mut claimed: HashSet<usize> = HashSet::new();
        for dark in std::mem::take(&mut self.dark) {
            let explained = if dark.account.is_some() { &matched_by_name } else { &matched };
            for (holder, from, to, why) in self.alive(&dark) {
                let here = |e: &Execution| {
                    self.applications.get(&e.connection).is_some_and(|list| list.contains(&dark.system)) && !self.own.contains(e.connection.as_ref())
                };
                let unexplained: Vec<(usize, &Execution)> = routes::running(&self.statements, from, to)
                    .map(|at| (at, &self.statements.all[at]))
                    .filter(|(at, e)| !explained.contains(at) && !claimed.contains(at) && here(e) && e.is_read() && accesses::can_show(e))
                    .collect();
                let node = holder.node(&dark.system);
                let before: Vec<&Execution> = self
                    .own_matches()
                    .filter(|m| Holder::of(&self.requests[m.request]).as_ref() == Some(&holder))
                    .map(|m| &self.statements.all[m.execution])
                    .filter(|e| e.time <= from.saturating_add(1_000_000) && e.is_read())
                    .collect();
                let found = gaps::continued(&before, &unexplained);
                claimed.extend(found.iter().map(|f| f.execution));
                identity.note(format!("no log tells of requests on {} from {} to {}: {} statements of its application that nothing explains, {} of them carry on what the actor was doing", dark.system, Instant(dark.from), Instant(dark.to), found.len(), found.iter().filter(|f| f.strength == Strength::Inferred).count()));
                self.draft_dark(&dark, &node, &holder, &why, found, links);
            }
        }
    }

    fn draft_dark(&mut self, dark: &Dark, node: &Node, holder: &Holder, why: &str, found: Vec<gaps::Found>, links: &mut Links) {
        for strength in [Strength::Inferred, Strength::Open] {
            let list: Vec<&gaps::Found> = found.iter().filter(|f| f.strength == strength).collect();
            let mut span = Span::default();
            for f in &list {
                span.add(self.statements.all[f.execution].raw);
            }
            if list.is_empty() {
                continue;
            }
            let what = if strength == Strength::Inferred { InGap::Continued } else { InGap::Unexplained };
            let to = Node::gap(dark.system.clone(), Instant(dark.from), Instant(dark.to), what);
            let events = list.iter().take(1000).map(|f| self.statements.all[f.execution].proof[0].event_ref()).collect();
            let reason = format!("{} statements in the gap, {}; {why}", list.len(), what.as_str());
            let Some(reached) = links.add(Proposal { rule: "gap_to_statement", from: node, to: &to, strength, reason, span, events }) else {
                continue;
            };
            for f in list {
                let e = &self.statements.all[f.execution];
                let deed = Deed {
                    what: Move::Dark,
                    time: e.raw,
                    system: dark.system.clone(),
                    account: None,
                    session: holder.session(),
                    from_host: None,
                    exploited: None,
                    strength: reached,
                    node: to.clone(),
                    events: e.proof.iter().map(|p| p.event_ref()).collect(),
                    target_account: None,
                };
                let session = holder.session().filter(|_| strength == Strength::Inferred);
                self.drafts.push(Draft {
                    origin: Origin::Execution(f.execution),
                    request: None,
                    session,
                    deed: self.deeds.len(),
                    strength: reached,
                    reason: Arc::from(format!("{}; {why}", f.reason)),
                    delivered_by: None,
                });
                self.deeds.push(deed);
            }
        }
    }

    /// The actor's sessions that were alive in a dark interval, and for how much of it.
    fn alive(&self, dark: &Dark) -> Vec<(Holder, i64, i64, String)> {
        if let Some(account) = &dark.account {
            let why = "the account was pinned, and the log that may have named it is missing here".to_owned();
            return vec![(Holder::Account(account.clone()), dark.from, dark.to, why)];
        }
        let mut sessions: BTreeMap<Holder, (i64, i64, Option<i64>)> = BTreeMap::new();
        for request in self.requests.iter().filter(|r| r.mine.is_some() && r.system == dark.system) {
            let Some(holder) = Holder::of(request) else {
                continue;
            };
            let entry = sessions.entry(holder).or_insert((i64::MIN, i64::MAX, None));
            if request.to <= dark.from.saturating_add(1_500_000) {
                entry.0 = entry.0.max(request.to);
                if request.sign_out {
                    entry.2 = Some(request.to);
                }
            } else {
                entry.1 = entry.1.min(request.from);
                if request.from < dark.to {
                    // Around a line that could not be read other lines stand: his own there tell that he was at work.
                    entry.0 = entry.0.max(dark.from);
                }
            }
        }
        let mut out = Vec::new();
        for (session, (last, next, signed_out)) in sessions {
            if last == i64::MIN || signed_out.is_some_and(|t| t >= last) {
                continue;
            }
            let idle = last.saturating_add(IDLE_MICROS);
            let to = if next < i64::MAX { dark.to } else { dark.to.min(idle) };
            if to > dark.from {
                let until = if next < i64::MAX {
                    "was used again after it".to_owned()
                } else {
                    format!("is taken as alive for {} minutes after its last request", IDLE_MICROS / 60_000_000)
                };
                out.push((
                    session,
                    dark.from,
                    to,
                    format!(
                        "the actor was last seen {:.1} s before the gap, was not signed out, and {until}",
                        dark.from.saturating_sub(last).max(0) as f64 / 1e6
                    ),
                ));
            }
        }
        // The session seen last has the best claim.
        out.reverse();
        out
    }

    /// Adds what was done in Windows sign-ins.
    pub(crate) fn add_windows(&mut self, found: Gathered, identity: &mut Identity<'_>) {
        let before = self.deeds.len();
        self.deeds.extend(found.deeds);
        self.reads.extend(found.reads.into_iter().map(|(read, deed)| (read, deed + before)));
        found.notes.into_iter().for_each(|note| identity.note(note));
    }

    /// The steps, and which deed became part of which.
    pub(crate) fn steps(&self, links: &Links) -> (Vec<Step>, BTreeMap<usize, String>) {
        steps::group(self.deeds.iter().cloned().enumerate().collect(), links, self.inputs.detections)
    }

    /// Whether nothing is known that the actor read.
    pub(crate) fn reads_nothing(&self) -> bool {
        self.drafts.is_empty() && self.reads.is_empty()
    }

    /// Hands out the accesses in order of (time, id).
    pub(crate) fn emit(
        &self,
        step_of: &BTreeMap<usize, String>,
        at_a_time: usize,
        sink: &mut dyn FnMut(Vec<Access>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        let mut order: Vec<Source<'_>> = self.drafts.iter().map(Source::Draft).chain(self.reads.iter().map(|(read, deed)| Source::Read(read, *deed))).collect();
        order.sort_by_cached_key(|source| self.order(source));
        for chunk in order.chunks(at_a_time.max(1)) {
            sink(chunk.iter().filter_map(|source| self.access_of(source, step_of)).collect())?;
        }
        Ok(())
    }

    /// Time and id of an access.
    fn order(&self, source: &Source<'_>) -> (i64, String) {
        let (raw, place) = match source {
            Source::Read(read, _) => return (read.time, read.id()),
            Source::Draft(Draft { origin: Origin::Execution(e), .. }) => (self.statements.all[*e].raw, &self.statements.all[*e].proof[0]),
            Source::Draft(draft) => {
                let request = &self.requests[draft.request.expect("a draft has an execution or a request")];
                (request.raw, &request.lines[0].place)
            }
        };
        (raw, format!("{}@{}", place.artefact, place.offset))
    }

    fn access_of(&self, source: &Source<'_>, step_of: &BTreeMap<usize, String>) -> Option<Access> {
        let step = |deed: usize| step_of.get(&deed).map_or("", String::as_str);
        match source {
            Source::Draft(draft) => self.access(draft, step(draft.deed)),
            Source::Read(read, deed) => Some(read.access(step(*deed), &self.inputs.estate.files[read.file])),
        }
    }

    fn access(&self, draft: &Draft, step: &str) -> Option<Access> {
        let request = draft.request.map(|r| &self.requests[r]);
        let estate = self.inputs.estate;
        match (draft.origin, request) {
            (Origin::Execution(e), request) => {
                let e = &self.statements.all[e];
                let instead = request.and_then(|request| answers::instead(self.survey, request, e));
                let access = Access {
                    asked: instead.as_ref().map(|other| other.asked.to_owned()),
                    asked_instead: instead.as_ref().map(|other| other.instead.to_owned()),
                    response_bytes_instead: instead.map(|other| other.bytes),
                    ..accesses::of_execution(draft, step, e, request, self.survey.connections.get(&e.connection), estate)
                };
                Some(match draft.delivered_by.map(|at| &self.requests[at]) {
                    Some(fetch) => accesses::as_delivered_by(access, fetch),
                    None => access,
                })
            }
            (Origin::Route(route), Some(request)) => Some(accesses::of_route(draft, step, request, &estate.routes[route], estate)),
            (Origin::Derived(at), Some(request)) => {
                let derived = &self.derived[at];
                let exemplar = &self.statements.all[derived.exemplar];
                let connection = self.survey.connections.get(&exemplar.connection);
                Some(accesses::of_derived(draft, step, request, derived, exemplar, connection, estate))
            }
            (Origin::Unknown(database), Some(request)) => Some(accesses::of_unknown(draft, step, request, &estate.databases[database], estate)),
            (_, None) => None,
        }
    }

    /// Who the actor is.
    pub(crate) fn actor(&self, identity: &Identity<'_>, logons: &Logons, links: &Links) -> Actor {
        let held = links.held();
        let mut keys: Vec<SessionKey> = identity.sessions_of(&held).into_keys().collect();
        // As their nodes are written: a system may be called by the beginning of another's name.
        keys.sort_by_cached_key(|key| identity.node(key).to_string());
        let texts = |names: &BTreeMap<Arc<str>, Strength>| -> Vec<String> { names.keys().map(|name| name.to_string()).collect() };
        let (accounts, addresses) = (texts(&held.accounts), texts(&held.addresses));
        let used = windows::accounts(logons, links).into_iter().filter(|used| !accounts.iter().any(|pinned| windows::is_account(pinned, used)));
        let stolen: BTreeSet<String> =
            keys.iter().flat_map(|k| &self.survey.sessions[k].accounts).map(|a| a.to_string()).filter(|a| !accounts.contains(a)).chain(used).collect();
        Actor {
            addresses_in_sessions: held.addresses_in_sessions.iter().filter(|a| !held.addresses.contains_key(*a)).map(|a| a.to_string()).collect(),
            addresses,
            sessions: keys.iter().map(|k| (k.0.to_string(), k.1.to_string())).collect(),
            accounts,
            stolen_accounts: stolen.into_iter().collect(),
            connections: texts(&held.connections),
            parties: links.parties(),
        }
    }
}

/// How a request was answered, as far as that tells whether data may have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It succeeded.
    Full,
    /// It ended late, or nobody logged how: part of an answer may have been sent before.
    CutOff,
    /// It was turned away: the refusal is all there is.
    Refused,
}

impl Answer {
    /// nginx writes 499 where the client went away. After 304 the client goes on with what it has.
    fn of(status: Option<i64>) -> Self {
        match status {
            Some(200..=299) => Self::Full,
            None | Some(304 | 408 | 499..) => Self::CutOff,
            Some(_) => Self::Refused,
        }
    }
}

/// Whether a request's own answer is less than the file that it made: it sends the browser on, or says where the file will be.
fn hands_over(request: &Request, fetch: &Request) -> bool {
    matches!(request.status, Some(201..=205 | 300..=399)) || request.bytes <= fetch.bytes
}

/// What an access is made from.
enum Source<'s> {
    Draft(&'s Draft),
    /// A read of a file, with its deed.
    Read(&'s Read, usize),
}

fn group_of(request: &Request, m: &Match) -> MatchGroup {
    let of = request.owner_node();
    let to = Node::Statements { kind: Arc::from(request.kind()), of: Box::new(of.clone()), how: m.how };
    (of, to, m.how)
}

/// Why something was read though no statement of the request was found.
fn why_without_statement(origin: Origin) -> &'static str {
    match origin {
        Origin::Execution(_) => "the statement is in the log",
        Origin::Route(_) => "the request was answered and no statement of it was found; the estate says what the route reads",
        Origin::Derived(_) => "the request was answered and no statement of it was found; other requests of its kind run this one",
        Origin::Unknown(_) => "the request was answered while the database's log is missing; what it read is not known",
    }
}

fn how_words(how: How) -> &'static str {
    match how {
        How::Id => "the statement carries the request's id",
        How::Value => "it ran while the request did, as requests of this kind cause it, and its values come from the request's URL",
        How::Route => "it ran while the request did, and requests of this kind always cause it",
        How::Injected => "SQL from the request stands in it, outside any literal that the application writes",
        How::Unusual => "only the actor's request was running, and no application sent a statement of this shape at any other time",
        How::Transaction => "it stands in one transaction with statements of the request",
        How::Lane => "it ran on a connection that served the request alone, as each of the application's does",
        How::Connection => "it stands between statements of the request, on a connection that serves one request at a time",
        How::Chain => "a value stands in it that came from the database to the request, and that statements of no other request have",
        How::Job => "it ran on a connection that handled a task of the request, before the file was fetched",
        How::Habit => "it ran while requests of the actor and of others did, and requests of his kind run its like, those of the others' kinds hardly ever",
        How::Alone => "it ran while only the actor's requests were running",
        How::Open => "it ran while the actor's request did, others' requests were running too, and nothing tells whose it is",
    }
}

/// The weakness that a request used.
fn weakness(request: &Request, field: Option<&str>) -> String {
    let place = match field.and_then(|f| f.split_once('.')) {
        Some(("query", name)) => format!("parameter {}", cut(name, 64)),
        Some((_, n)) => format!("path segment {}", n.parse::<usize>().map_or(1, |n| n + 1)),
        None => "a value that the log does not show".to_owned(),
    };
    format!("SQL injection in {} {}, {place}", request.method.as_deref().unwrap_or("-"), cut(request.target.path_template(), 200))
}

/// A sentence where no link joins the parts of a trail.
pub(crate) fn parties_note(actor: &Actor) -> Option<String> {
    (actor.parties.len() > 1).then(|| {
        let parts: Vec<String> = actor.parties.iter().enumerate().map(|(n, p)| format!("actor {}: {}", n + 1, p.join(", "))).collect();
        format!("no link joins all of the trail; there may be {} actors: {}", parts.len(), parts.join("; "))
    })
}

/// What the actor held when a log went dark: a session, or where the application knows none, an address; or a pinned account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Session(Arc<str>),
    Address(Arc<str>),
    Account(Arc<str>),
}

impl Holder {
    fn of(request: &Request) -> Option<Self> {
        match (&request.session, &request.address) {
            (Some(session), _) => Some(Self::Session(session.clone())),
            (None, Some(address)) => Some(Self::Address(address.clone())),
            (None, None) => None,
        }
    }

    fn session(&self) -> Option<Arc<str>> {
        match self {
            Self::Session(session) => Some(session.clone()),
            Self::Address(_) | Self::Account(_) => None,
        }
    }

    /// The node that links start from.
    fn node(&self, system: &Arc<str>) -> Node {
        match self {
            Self::Session(session) => Node::Session { system: system.clone(), session: session.clone() },
            Self::Address(address) => Node::Address(address.clone()),
            Self::Account(account) => Node::Account(account.clone()),
        }
    }
}
