//! Numbers that skip. PostgreSQL counts the lines it writes for a session, in each log by itself
//! (`session_line_num`; documentation, "Error Reporting and Logging", `%l`): lines below `log_min_messages` take no number,
//! so a number that is missing is a line that was there. Windows counts the records of a channel on its host
//! (`EventRecordID`), from wherever the log that was supplied begins. pgaudit's statement ids are not asked: they also count
//! statements that the settings leave out of the log (pgaudit README, "Format").

use std::collections::BTreeMap;

use strandline_model::evidence::{Gap, GapKind};
use strandline_model::time::Interval;

use super::edges::Context;
use super::{Mark, interval};

/// Sessions kept open. Beyond it the ones that ended longest ago are judged and let go.
const SESSIONS_MAX: usize = 100_000;
/// Stretches of numbers kept of one session; one with more is not counting in order and is not judged.
const STRETCHES_MAX: usize = 256;
/// Findings kept of sessions that were let go.
const FINDINGS_MAX: usize = 10_000;
/// Sessions that must show a connection record before one without it says anything, and their share in percent.
const CONNECTS_MIN: u64 = 20;
const CONNECTS_PERCENT: u64 = 95;

#[derive(Clone, Copy, Debug)]
struct Stretch {
    low: i64,
    high: i64,
    first: Mark,
    last: Mark,
}

/// What a number counts the records of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter<'n> {
    /// The log as a whole, from anywhere.
    Log,
    /// A database session, from 1.
    Session(&'n str),
    /// A Windows channel of a host, from anywhere.
    Channel { host: &'n str, channel: &'n str },
}

impl Counter<'_> {
    /// Host and channel stand apart by a character that neither can hold.
    const APART: char = '\u{1f}';

    fn name(&self) -> String {
        match self {
            Self::Log => String::new(),
            Self::Session(name) => (*name).to_owned(),
            Self::Channel { host, channel } => format!("{host}{}{channel}", Self::APART),
        }
    }

    /// Whose numbers they are, by the name.
    fn shown(name: &str) -> String {
        match name.split_once(Self::APART) {
            Some((host, channel)) => format!("channel {channel} of {host}"),
            None if name.is_empty() => "the log's numbers".to_owned(),
            None => format!("session {name}"),
        }
    }

    fn is_session(name: &str) -> bool {
        !name.is_empty() && !name.contains(Self::APART)
    }
}

#[derive(Debug)]
struct Session {
    stretches: Vec<Stretch>,
    first: Mark,
    last: Mark,
    connected: bool,
    numbered: bool,
}

/// What is kept of a source's numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// By the counter's name.
    sessions: BTreeMap<String, Session>,
    findings: Vec<Finding>,
    let_go: u64,
    connected: u64,
    unconnected: u64,
}

#[derive(Clone, Debug)]
struct Finding {
    session: String,
    kind: Kind,
    before: Option<Mark>,
    after: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Skip { from: i64, to: i64 },
    Head { missing: i64 },
    NoConnection,
}

impl Numbers {
    /// Sees a numbered record.
    pub fn see(&mut self, counter: Counter<'_>, number: i64, mark: Mark) {
        let session = self.open(&counter.name(), mark);
        session.numbered = true;
        insert(&mut session.stretches, number, mark);
    }

    /// Sees a record of a database session, numbered or not.
    pub fn session(&mut self, name: &str, is_connection: bool, is_numbered: bool, mark: Mark) {
        let session = self.open(name, mark);
        session.connected |= is_connection;
        session.numbered |= is_numbered;
    }

    fn open(&mut self, name: &str, mark: Mark) -> &mut Session {
        if !self.sessions.contains_key(name) {
            if self.sessions.len() >= SESSIONS_MAX {
                self.let_go();
            }
            self.sessions.insert(name.to_owned(), Session { stretches: Vec::new(), first: mark, last: mark, connected: false, numbered: false });
        }
        let session = self.sessions.get_mut(name).expect("inserted just above");
        session.first = session.first.min(mark);
        session.last = session.last.max(mark);
        session
    }

    /// Judges and forgets the half of the sessions that ended first.
    fn let_go(&mut self) {
        let mut ends: Vec<(i64, String)> = self.sessions.iter().filter(|(name, _)| !name.is_empty()).map(|(name, s)| (s.last.time, name.clone())).collect();
        ends.sort();
        ends.truncate(SESSIONS_MAX / 2);
        for (_, name) in ends {
            if let Some(session) = self.sessions.remove(&name) {
                if Counter::is_session(&name) {
                    self.let_go += 1;
                    let count = if session.connected { &mut self.connected } else { &mut self.unconnected };
                    *count += 1;
                }
                let room = FINDINGS_MAX.saturating_sub(self.findings.len());
                self.findings.extend(judge(&name, &session).into_iter().take(room));
            }
        }
    }

    /// The gaps of this source, whose events span `span`.
    pub fn gaps(&self, context: &Context<'_>, span: Interval) -> Vec<Gap> {
        let mut findings = self.findings.clone();
        findings.extend(self.sessions.iter().flat_map(|(name, session)| judge(name, session)));
        let connected = self.connected + self.sessions.values().filter(|s| s.connected).count() as u64;
        let all = self.let_go + self.sessions.keys().filter(|name| Counter::is_session(name)).count() as u64;
        let connections_are_logged = connected >= CONNECTS_MIN && connected * 100 >= all * CONNECTS_PERCENT;
        let mut gaps = Vec::new();
        let mut earlier: Option<(i64, i64, u64, Mark)> = None;
        for finding in findings {
            let started = session_start(&finding.session).filter(|&start| start <= finding.after.time);
            match finding.kind {
                Kind::NoConnection if !connections_are_logged => {}
                Kind::Skip { from, to } => gaps.push(skip(context, &finding, from, to)),
                // The session is older than the log that was supplied: its beginning lies before the first event.
                Kind::Head { .. } | Kind::NoConnection if started.is_none_or(|start| start < span.from.0) => {
                    let missing = if let Kind::Head { missing } = finding.kind { missing } else { 1 };
                    let start = started.unwrap_or(span.from.0);
                    let (from, sum, sessions, mark) = earlier.unwrap_or((start, 0, 0, finding.after));
                    earlier = Some((from.min(start), sum.saturating_add(missing), sessions + 1, mark.min(finding.after)));
                }
                Kind::Head { .. } | Kind::NoConnection => gaps.push(head(context, &finding, started.unwrap_or(span.from.0))),
            }
        }
        if let Some((from, missing, sessions, mark)) = earlier {
            let reason = format!("{sessions} sessions were open before the log's first record; {missing} of their earlier records are not in it");
            gaps.push(context.gap(GapKind::LateStart, interval(from, mark.time), u64::try_from(missing).ok(), reason, &[mark]));
        }
        gaps
    }
}

fn skip(context: &Context<'_>, finding: &Finding, from: i64, to: i64) -> Gap {
    let missing = to.saturating_sub(from).saturating_add(1);
    let whose = Counter::shown(&finding.session);
    let reason = format!("{whose}: numbers {from} to {to} are missing ({missing} records)");
    let before = finding.before.unwrap_or(finding.after);
    context.gap(GapKind::Sequence, interval(before.time, finding.after.time), u64::try_from(missing).ok(), reason, &[before, finding.after])
}

fn head(context: &Context<'_>, finding: &Finding, start: i64) -> Gap {
    let (missing, what) = match finding.kind {
        Kind::Head { missing } => (u64::try_from(missing).ok(), format!("its first {missing} records are missing")),
        _ => (None, "it has no connection record, and nearly all others have".to_owned()),
    };
    let reason = format!("session {} began while the log was running: {what}", finding.session);
    context.gap(GapKind::Sequence, interval(start, finding.after.time), missing, reason, &[finding.after])
}

fn judge(name: &str, session: &Session) -> Vec<Finding> {
    let finding = |kind, before, after| Finding { session: name.to_owned(), kind, before, after };
    let mut findings = Vec::new();
    if session.stretches.len() < STRETCHES_MAX {
        for pair in session.stretches.windows(2) {
            let kind = Kind::Skip { from: pair[0].high.saturating_add(1), to: pair[1].low.saturating_sub(1) };
            findings.push(finding(kind, Some(pair[0].last), pair[1].first));
        }
    }
    match session.stretches.first() {
        // A log's own counter may start anywhere, and so may a channel's; a session's starts at 1.
        Some(first) if Counter::is_session(name) && first.low > 1 => findings.push(finding(Kind::Head { missing: first.low - 1 }, None, first.first)),
        None if !session.connected && !session.numbered => findings.push(finding(Kind::NoConnection, None, session.first)),
        _ => {}
    }
    findings
}

/// Puts a number into the sorted stretches of consecutive numbers.
fn insert(stretches: &mut Vec<Stretch>, number: i64, mark: Mark) {
    let at = stretches.partition_point(|s| s.high < number);
    if stretches.get(at).is_some_and(|s| s.low <= number) {
        return;
    }
    let joins_before = at > 0 && stretches[at - 1].high.checked_add(1) == Some(number);
    let joins_after = stretches.get(at).is_some_and(|s| number.checked_add(1) == Some(s.low));
    match (joins_before, joins_after) {
        (true, true) => {
            let after = stretches.remove(at);
            stretches[at - 1].high = after.high;
            stretches[at - 1].last = after.last;
        }
        (true, false) => (stretches[at - 1].high, stretches[at - 1].last) = (number, mark),
        (false, true) => (stretches[at].low, stretches[at].first) = (number, mark),
        (false, false) if stretches.len() < STRETCHES_MAX => stretches.insert(at, Stretch { low: number, high: number, first: mark, last: mark }),
        (false, false) => {}
    }
}

/// PostgreSQL's session id is the session's start, in hexadecimal seconds, a dot, and the process id (`%c`).
fn session_start(session: &str) -> Option<i64> {
    let (start, process) = session.split_once('.')?;
    let is_hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    if start.len() < 8 || !is_hexadecimal(process) || !is_hexadecimal(start) {
        return None;
    }
    i64::from_str_radix(start, 16).ok()?.checked_mul(super::density::SECOND)
}
