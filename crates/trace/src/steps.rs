//! The moves of the actor: requests, sign-ins and statements grouped by what they were for, with the ATT&CK technique.
//! Summaries count; they never quote a URL's values or a statement's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use strandline_model::detection::{Detection, DetectionOrigin};
use strandline_model::event::{Activity, Status};
use strandline_model::evidence::EventRef;
use strandline_model::node::Node;
use strandline_model::time::Instant;
use strandline_model::trail::{Step, Strength};

use crate::links::Links;
use crate::requests::Request;
use crate::seeds::covers;
use crate::statements::{Execution, first_word};
use crate::survey::{ConnectionSeen, Span, UNAUTHORIZED};
use crate::url::Target;

/// A move that pauses longer than this is two moves.
const PAUSE_MICROS: i64 = 30 * 60 * 1_000_000;
const MOST_EVENTS: usize = 1000;
/// From this many accounts on, guessing is spraying or stuffing.
const MANY_ACCOUNTS: usize = 5;

/// What a move was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Move {
    Scan,
    Guess,
    SignIn,
    Shell,
    Exploit,
    SecondAddress,
    Browse,
    Export,
    Connect,
    Discover,
    DiscoverAccounts,
    Collect,
    Manipulate,
    Destroy,
    Dark,
    Desktop,
    Share,
    ReadShare,
    ReadFile,
    DarkFile,
    Program,
    Service,
    Task,
    Account,
    ClearLog,
}

impl Move {
    /// Tactic, technique, name (ATT&CK v16).
    fn technique(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Scan => ("reconnaissance", "T1595", "Active Scanning"),
            Self::Guess => ("credential_access", "T1110", "Brute Force"),
            Self::SignIn => ("initial_access", "T1078", "Valid Accounts"),
            Self::Shell => ("lateral_movement", "T1021.004", "Remote Services: SSH"),
            Self::Exploit => ("initial_access", "T1190", "Exploit Public-Facing Application"),
            Self::SecondAddress => ("lateral_movement", "T1550.004", "Use Alternate Authentication Material: Web Session Cookie"),
            Self::Browse | Self::Dark => ("collection", "T1213", "Data from Information Repositories"),
            Self::Export => ("exfiltration", "T1567", "Exfiltration Over Web Service"),
            Self::Connect => ("lateral_movement", "T1078", "Valid Accounts"),
            Self::Discover => ("discovery", "T1082", "System Information Discovery"),
            Self::DiscoverAccounts => ("discovery", "T1087", "Account Discovery"),
            Self::Collect => ("collection", "T1213.006", "Data from Information Repositories: Databases"),
            Self::Manipulate => ("impact", "T1565.001", "Data Manipulation: Stored Data Manipulation"),
            Self::Destroy => ("impact", "T1485", "Data Destruction"),
            Self::Desktop => ("lateral_movement", "T1021.001", "Remote Services: Remote Desktop Protocol"),
            Self::Share => ("lateral_movement", "T1021.002", "Remote Services: SMB/Windows Admin Shares"),
            Self::ReadShare | Self::DarkFile => ("collection", "T1039", "Data from Network Shared Drive"),
            Self::ReadFile => ("collection", "T1005", "Data from Local System"),
            Self::Program => ("execution", "T1059", "Command and Scripting Interpreter"),
            Self::Service => ("persistence", "T1543.003", "Create or Modify System Process: Windows Service"),
            Self::Task => ("persistence", "T1053.005", "Scheduled Task/Job: Scheduled Task"),
            Self::Account => ("persistence", "T1098", "Account Manipulation"),
            Self::ClearLog => ("defense_evasion", "T1070.001", "Indicator Removal: Clear Windows Event Logs"),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Scan => "requests without a session, looking for what is there",
            Self::Guess => "refused sign-ins",
            Self::SignIn => "sign-ins with a password that worked",
            Self::Shell => "sign-ins to the host itself",
            Self::Exploit => "requests whose own SQL reached the database",
            Self::SecondAddress => "the session went on from another address",
            Self::Browse => "requests in the session",
            Self::Export => "requests for files of many records",
            Self::Connect => "a database connection that no application opened",
            Self::Discover => "statements that ask what the database is and holds",
            Self::DiscoverAccounts => "statements that ask for roles and rights",
            Self::Collect => "statements on the connection",
            Self::Manipulate => "statements that change data or rights",
            Self::Destroy => "statements that delete data or definitions",
            Self::Dark => "statements in a gap of the request logs, while the session was alive",
            Self::Desktop => "records of a desktop session over the network",
            Self::Share => "records of shares in use",
            Self::ReadShare => "records of files on shares, opened to be read",
            Self::ReadFile => "records of files on a disk, opened to be read",
            Self::DarkFile => "files that may have been opened while no log tells, and the actor had a session",
            Self::Program => "programs started in the logon session",
            Self::Service => "services installed in the logon session",
            Self::Task => "tasks scheduled or changed in the logon session",
            Self::Account => "changes to accounts in the logon session",
            Self::ClearLog => "a log cleared in the logon session",
        }
    }
}

/// One thing that was done, before grouping.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub what: Move,
    pub time: i64,
    pub system: Arc<str>,
    pub account: Option<Arc<str>>,
    pub session: Option<Arc<str>>,
    pub from_host: Option<Arc<str>>,
    pub exploited: Option<String>,
    pub strength: Strength,
    pub node: Node,
    pub events: Vec<EventRef>,
    pub target_account: Option<Arc<str>>,
}

type Key = (Move, Arc<str>, Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>, Option<String>, Strength);

struct Group {
    key: Key,
    span: Span,
    count: u64,
    events: Vec<EventRef>,
    nodes: BTreeSet<Node>,
    targets: BTreeSet<Arc<str>>,
}

/// Groups the deeds; says for each deed which step it became part of.
pub(crate) fn group(mut deeds: Vec<(usize, Deed)>, links: &Links, detections: &[Detection]) -> (Vec<Step>, BTreeMap<usize, String>) {
    deeds.sort_by_key(|(id, deed)| (deed.time, deed.what, *id));
    let mut groups: Vec<Group> = Vec::new();
    let mut open: BTreeMap<Key, usize> = BTreeMap::new();
    let mut of_deed: BTreeMap<usize, usize> = BTreeMap::new();
    for (id, deed) in deeds {
        // Guesses at many accounts are one move.
        let account = if deed.what == Move::Guess { None } else { deed.account.clone() };
        let key: Key = (deed.what, deed.system.clone(), account, deed.session.clone(), deed.from_host.clone(), deed.exploited.clone(), deed.strength);
        let at = match open.get(&key) {
            Some(at) if deed.time.saturating_sub(groups[*at].span.last) <= PAUSE_MICROS => *at,
            _ => {
                groups.push(Group { key: key.clone(), span: Span::default(), count: 0, events: Vec::new(), nodes: BTreeSet::new(), targets: BTreeSet::new() });
                groups.len() - 1
            }
        };
        open.insert(key, at);
        let group = &mut groups[at];
        group.span.add(deed.time);
        group.count += deed.events.len() as u64;
        group.events.extend(deed.events);
        group.events.truncate(MOST_EVENTS);
        group.nodes.insert(deed.node);
        group.targets.extend(deed.target_account);
        of_deed.insert(id, at);
    }
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| (groups[*a].span.first, &groups[*a].key).cmp(&(groups[*b].span.first, &groups[*b].key)));
    let width = order.len().to_string().len().max(2);
    let names: BTreeMap<usize, String> = order.iter().enumerate().map(|(n, at)| (*at, format!("S{:0width$}", n + 1))).collect();
    let steps = order.iter().map(|at| step(&groups[*at], names[at].clone(), links, detections)).collect();
    (steps, of_deed.into_iter().map(|(id, at)| (id, names[&at].clone())).collect())
}

fn step(group: &Group, id: String, links: &Links, detections: &[Detection]) -> Step {
    let (what, system, account, session, from_host, exploited, strength) = &group.key;
    let (tactic, mut technique, mut name) = what.technique();
    let near: Vec<&Detection> = detections
        .iter()
        .filter(|d| {
            d.origin == DetectionOrigin::Analytic
                && (Some(d.subject.as_str()) == from_host.as_deref() || Some(d.subject.as_str()) == session.as_deref())
                && (covers(d, group.span.first) || covers(d, group.span.last))
        })
        .collect();
    if *what == Move::Guess {
        let stuffing = near.iter().any(|d| d.techniques.iter().any(|t| t == "T1110.004") || d.rule == "credential_stuffing");
        (technique, name) = match (stuffing, group.targets.len()) {
            (true, _) => ("T1110.004", "Brute Force: Credential Stuffing"),
            (false, n) if n >= MANY_ACCOUNTS => ("T1110.003", "Brute Force: Password Spraying"),
            (false, _) => ("T1110.001", "Brute Force: Password Guessing"),
        };
    }
    let words = match what {
        Move::Browse if session.is_none() && account.is_some() => "requests as the account",
        Move::Browse if session.is_none() => "requests of one address that had come in, taken for its session",
        _ => what.words(),
    };
    let targets = if *what == Move::Guess { format!(", against {} accounts", group.targets.len()) } else { String::new() };
    let mut because: Vec<String> = group.nodes.iter().flat_map(|n| links.because(n)).chain(near.iter().map(|d| d.id.clone())).collect();
    because.sort();
    because.dedup();
    Step {
        id,
        first: Instant(group.span.first),
        last: Instant(group.span.last),
        tactic: tactic.to_owned(),
        technique: technique.to_owned(),
        technique_name: name.to_owned(),
        from_host: from_host.as_deref().map(str::to_owned),
        system: system.to_string(),
        account: account.as_deref().map(str::to_owned),
        session: session.as_deref().map(str::to_owned),
        summary: format!("{}: {words} on {system}{targets}{}", group.span.count, from_host.as_deref().map_or(String::new(), |h| format!(", from {h}"))),
        exploited: exploited.clone(),
        strength: *strength,
        event_count: i64::try_from(group.count).unwrap_or(i64::MAX),
        because,
        events: group.events.clone(),
    }
}

/// Addresses that came in where no log tells whose session a request is of: what one asks for from then on, up to its sign-out, is taken for
/// its session.
pub(crate) struct CameIn<'r> {
    /// Addresses of which a log tells more.
    told: HashSet<(&'r str, &'r str)>,
    inside: HashSet<(&'r str, &'r str)>,
}

impl<'r> CameIn<'r> {
    /// Nobody has come in yet.
    pub(crate) fn none_of(requests: &'r [Request]) -> Self {
        let is_told = |r: &&Request| r.sign_in.is_none() && !r.sign_out && (r.session.is_some() || r.account.is_some());
        Self { told: requests.iter().filter(is_told).filter_map(came_from).collect(), inside: HashSet::new() }
    }

    /// Whether the next request is of an address that is in. Who signs in is, and who is answered with what a database gave.
    pub(crate) fn is_in(&mut self, request: &'r Request, has_read: bool) -> bool {
        let Some(from) = came_from(request).filter(|from| !self.told.contains(from)) else { return false };
        let is_answered = request.status.is_some_and(|status| (200..300).contains(&status));
        if request.sign_in == Some(Status::Success) || has_read && is_answered {
            self.inside.insert(from);
        }
        if request.sign_out { self.inside.remove(&from) } else { self.inside.contains(&from) }
    }
}

fn came_from(request: &Request) -> Option<(&str, &str)> {
    Some((&*request.system, request.address.as_deref()?))
}

/// What a request was for, unless a match says that it carried SQL. `is_host_log` knows logs of an operating system, whose
/// sign-ins from an address are remote shells; `is_in`: no log tells its session, and it is taken for one.
pub(crate) fn of_request(request: &Request, is_host_log: &dyn Fn(&str) -> bool, is_in: bool) -> Move {
    let bulk = is_bulk(&request.target);
    // Where the server asks for a password with each request, an account says as much as a session.
    let is_known = request.session.is_some() || request.account.is_some() || is_in;
    match (request.sign_in, is_known) {
        (None, true) if request.session.is_none() && !is_in && request.status == Some(UNAUTHORIZED) => Move::Guess,
        (Some(Status::Failure), _) => Move::Guess,
        (Some(_), _) if request.lines.iter().any(|line| is_host_log(&line.source)) => Move::Shell,
        (Some(_), _) => Move::SignIn,
        (None, false) => Move::Scan,
        (None, true) if bulk && request.status.is_some_and(|s| (200..300).contains(&s)) => Move::Export,
        (None, true) => Move::Browse,
    }
}

/// Whether a path is that of a file of many records, by its end or a word in it.
pub(crate) fn is_bulk(target: &Target) -> bool {
    let last = target.segments.last().map_or(String::new(), |segment| segment.to_ascii_lowercase());
    let is_file = [".csv", ".xlsx", ".xls", ".ods", ".zip", ".pdf", ".tar", ".gz", ".sql", ".json"].iter().any(|end| last.ends_with(end));
    is_file || names_files(target)
}

/// Whether a word in a path says that files are had there.
pub(crate) fn names_files(target: &Target) -> bool {
    let words = ["export", "download", "dump", "bulk", "attachment"];
    target.segments.iter().any(|segment| words.iter().any(|word| segment.to_ascii_lowercase().contains(word)))
}

/// What a statement of the actor's own connection was for.
pub(crate) fn of_statement(execution: &Execution) -> Move {
    let shape = execution.lifted.shape.as_str();
    let any = |words: &[&str]| words.iter().any(|w| shape.split([' ', '.']).any(|token| token == *w));
    match first_word(shape) {
        "drop" | "truncate" | "delete" => Move::Destroy,
        _ if matches!(execution.activity, Activity::Write | Activity::Define) => Move::Manipulate,
        _ if any(&["pg_roles", "pg_user", "pg_authid", "pg_shadow", "role_table_grants", "user_privileges", "pg_auth_members"])
            || shape.contains("mysql . user") =>
        {
            Move::DiscoverAccounts
        }
        "show" | "describe" | "explain" => Move::Discover,
        _ if any(&[
            "information_schema",
            "pg_catalog",
            "pg_class",
            "pg_tables",
            "pg_namespace",
            "pg_settings",
            "pg_database",
            "current_setting",
            "version",
            "sqlite_master",
        ]) =>
        {
            Move::Discover
        }
        _ => Move::Collect,
    }
}

/// The deed of a request.
pub(crate) fn request_deed(request: &Request, what: Move, exploited: Option<String>) -> Deed {
    Deed {
        what,
        time: request.raw,
        system: request.system.clone(),
        account: request.account.clone().filter(|_| what != Move::Guess),
        session: request.session.clone(),
        from_host: request.address.clone(),
        exploited,
        strength: request.mine.unwrap_or(Strength::Open),
        node: request.owner_node(),
        events: request.lines.iter().map(|l| l.place.event_ref()).collect(),
        target_account: request.lines.iter().find_map(|l| l.account.clone()),
    }
}

/// The deed of opening a connection.
pub(crate) fn connection_deed(id: &str, seen: &ConnectionSeen, strength: Strength) -> Deed {
    Deed {
        what: Move::Connect,
        time: seen.span.first,
        system: seen.system.clone(),
        account: seen.role.clone(),
        session: Some(Arc::from(id)),
        from_host: seen.host.clone(),
        exploited: None,
        strength,
        node: Node::Connection(Arc::from(id)),
        events: seen.events.clone(),
        target_account: None,
    }
}
