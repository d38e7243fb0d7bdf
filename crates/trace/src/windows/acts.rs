//! Two passes over the Windows logs: the sessions that followed sign-ins opened, then everything that carries their logon
//! ids while they lasted. Out come deeds for the steps and reads of files for the accesses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strandline_model::event::columns::{self, ColumnSet, Holds, Lend};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::node::Node;
use strandline_model::table::ScanError;
use strandline_model::trail::Strength;

use super::files::{Files, Read};
use super::spread::{Followed, owners};
use super::survey::{Labels, Logons, REMOTE_DESKTOP};
use super::{Entry, Sources, account_key, host_key, node, same_account};
use crate::Inputs;
use crate::gaps::IDLE_MICROS;
use crate::links::Links;
use crate::steps::{Deed, Move};
use crate::survey::present;
use crate::text::{Place, Pool};

strandline_model::event_columns! {
    /// What is read of the records of sign-ins.
    struct Opening { time, class, activity, status, source, system, place, src_ip, account, session, host, labels }
}
strandline_model::event_columns! {
    /// What is read of everything that was done.
    pub(super) struct Row { time, class, activity, status, source, system, place, src_ip, account, session, host, object, labels }
}
/// A desktop session that was not seen to end may have stayed open for so long after its last record.
const OPEN_DESKTOP_MICROS: i64 = 24 * 3600 * 1_000_000;

/// Two logs of one host write of the same thing within this time.
const ABOUT_MICROS: i64 = 60 * 1_000_000;

/// What the passes found.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub deeds: Vec<Deed>,
    /// Reads of files that the estate describes, each with the deed that it is part of.
    pub reads: Vec<(Read, usize)>,
    pub notes: Vec<String>,
}

/// One logon session of the actor's.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub id: Arc<str>,
    pub entry: Entry,
    pub system: Arc<str>,
    /// The account as the log writes it.
    pub account: Arc<str>,
    pub is_desktop: bool,
    pub start: i64,
    /// When the id stopped to mean this session, where that was seen.
    pub end: Option<i64>,
    /// The last record that carries it.
    pub last: i64,
    pub strength: Strength,
}

impl Session {
    fn holds(&self, time: i64) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }

    /// Until when it may have been used.
    pub fn until(&self) -> i64 {
        let open = if self.is_desktop { OPEN_DESKTOP_MICROS } else { IDLE_MICROS };
        self.end.unwrap_or_else(|| self.last.saturating_add(open))
    }
}

/// One record of the actor's doing.
struct Act {
    place: Place,
    time: i64,
    what: What,
    system: Arc<str>,
    /// The session's id, or the entry where the record names no session.
    by: By,
}

enum By {
    Session(Arc<str>),
    Entry(Entry),
    /// An account that the trail holds, in a session whose sign-in is not there.
    Held(Entry),
    Address(Arc<str>),
}

/// Since when an address is the trail's, and whose it was before.
type Owners = (i64, BTreeSet<Arc<str>>);

/// Whether a refused sign-in from an address of the trail is the actor's, and not a slip of who sits there.
fn is_tried_by_the_actor(event: &Row<'_>, owners: Option<&Owners>) -> bool {
    let account = account_key(present(event.account.as_deref()).unwrap_or_default());
    owners.is_some_and(|(since, owners)| event.time.micros() >= *since && !owners.iter().any(|owner| same_account(owner, &account)))
}

/// The followed entry whose account a record names, while the actor had it.
fn holder(event: &Row<'_>, followed: &Followed) -> Option<Entry> {
    let (account, time) = (account_key(present(event.account.as_deref())?), event.time.micros());
    let held = |(entry, (since, _)): &(&Entry, &(i64, Strength))| same_account(&entry.0, &account) && *since <= time && time - since <= OPEN_DESKTOP_MICROS;
    followed.iter().find(held).map(|(entry, _)| entry.clone())
}

enum What {
    SignIn,
    SignOut,
    Desktop,
    Refused(Arc<str>),
    Share,
    File { object: Arc<str>, reads: bool, proved: bool },
    Did(Move),
}

/// Gathers what the actor did in followed sign-ins, inside the window of interest.
pub(crate) fn gather(inputs: &Inputs<'_>, sources: &Sources, logons: &Logons, followed: &Followed, links: &Links) -> Result<Gathered, ScanError> {
    let addresses: BTreeMap<Arc<str>, Owners> = links.held().addresses.into_keys().map(|a| (a.clone(), owners(logons, links, &a))).collect();
    if sources.is_empty() || followed.is_empty() && addresses.is_empty() {
        return Ok(Gathered::default());
    }
    let mut pool = Pool::default();
    let mut sessions = first_pass(inputs, sources, logons, followed, &mut pool)?;
    let mut files = Files::of(inputs);
    let acts = second_pass(inputs, sources, followed, &addresses, &sessions, &mut files, &mut pool)?;
    close(&mut sessions, &acts);
    let mut out = Gathered::default();
    Telling { sessions: &sessions, followed, logons, links, out: &mut out }.tell(acts, &mut files);
    let all: Vec<&Session> = sessions.values().flatten().collect();
    files.dark(inputs, logons, &all, &mut out);
    files.notes(&all, &mut out);
    Ok(out)
}

/// Calls `visit` for each Windows record.
fn windows_events<S: ColumnSet>(inputs: &Inputs<'_>, sources: &Sources, visit: &mut dyn FnMut(&S::Row<'_>)) -> Result<(), ScanError>
where
    for<'b> S::Row<'b>: Holds<columns::source>,
{
    for part in columns::scan::<S>(inputs.events)? {
        for event in part?.iter().filter(|e| sources.hold(e.column::<columns::source>())) {
            visit(&event);
        }
    }
    Ok(())
}

/// The entry that a record of a sign-in belongs to.
fn entry_of(event: &(impl Holds<columns::account> + Holds<columns::host> + Holds<columns::src_ip>), pool: &mut Pool) -> Option<Entry> {
    let account = pool.intern(&account_key(present(event.column::<columns::account>())?));
    let host = pool.intern(&host_key(present(event.column::<columns::host>()).unwrap_or_default()));
    Some((account, host, pool.intern(present(event.column::<columns::src_ip>()).unwrap_or_default())))
}

type Sessions = BTreeMap<Arc<str>, Vec<Session>>;

fn first_pass(inputs: &Inputs<'_>, sources: &Sources, logons: &Logons, followed: &Followed, pool: &mut Pool) -> Result<Sessions, ScanError> {
    let mut sessions = Sessions::new();
    windows_events::<Opening<'_>>(inputs, sources, &mut |event| {
        let is_sign_in = (event.class, event.activity, event.status) == (Class::Authentication, Activity::Logon, Status::Success);
        let Some(id) = present(event.session.as_deref()).filter(|_| is_sign_in) else {
            return;
        };
        let time = event.time.micros();
        let Some(entry) = entry_of(event, pool) else { return };
        let Some((_, strength)) = followed.get(&entry).filter(|(since, _)| time >= *since) else {
            return;
        };
        let labels = Labels::of(event.labels.as_deref());
        let seen = logons.entries.get(&entry);
        let session = Session {
            id: pool.intern(id),
            system: pool.intern(&event.system),
            account: seen.map_or_else(|| entry.0.clone(), |s| s.written.clone()),
            is_desktop: labels.whole("logon_type") == Some(REMOTE_DESKTOP),
            start: time,
            end: None,
            last: time,
            strength: *strength,
            entry,
        };
        // Of an administrator's sign-in there are two sessions, with and without the rights; either may be used.
        if let Some(linked) = labels.text("linked_session") {
            let linked = pool.intern(linked);
            sessions.entry(linked.clone()).or_default().push(Session { id: linked, ..session.clone() });
        }
        sessions.entry(session.id.clone()).or_default().push(session);
    })?;
    for list in sessions.values_mut() {
        list.sort_by(|a, b| (a.start, &a.entry).cmp(&(b.start, &b.entry)));
        list.dedup_by(|later, earlier| later.start == earlier.start && later.entry == earlier.entry);
    }
    Ok(sessions)
}

fn second_pass(
    inputs: &Inputs<'_>,
    sources: &Sources,
    followed: &Followed,
    addresses: &BTreeMap<Arc<str>, Owners>,
    sessions: &Sessions,
    files: &mut Files<'_>,
    pool: &mut Pool,
) -> Result<Vec<Act>, ScanError> {
    let mut acts = Vec::new();
    windows_events::<Row<'_>>(inputs, sources, &mut |event| {
        files.see(event);
        if inputs.window.is_some_and(|window| !window.contains(event.time)) {
            return;
        }
        let session = present(event.session.as_deref()).filter(|id| sessions.contains_key(*id)).map(|id| pool.intern(id));
        let is_refused = (event.class, event.activity, event.status) == (Class::Authentication, Activity::Logon, Status::Failure);
        let address = present(event.src_ip.as_deref()).filter(|a| is_refused && is_tried_by_the_actor(event, addresses.get(*a))).map(|a| pool.intern(a));
        let by = match (session, address) {
            (Some(session), _) => By::Session(session),
            (None, Some(address)) => By::Address(address),
            // What the session manager of remote desktop says carries no logon id.
            (None, None) if event.class == Class::Authentication && event.session.is_none() => match entry_of(event, pool) {
                Some(entry) if followed.get(&entry).is_some_and(|(since, _)| event.time.micros() >= *since) => By::Entry(entry),
                _ => return,
            },
            // Whoever cleared a log cleared the sign-in that it was done by.
            (None, None) if (event.class, event.activity) == (Class::EventLog, Activity::Clear) => match holder(event, followed) {
                Some(entry) => By::Held(entry),
                None => return,
            },
            (None, None) => return,
        };
        let Some(what) = what(event, &by, pool) else { return };
        acts.push(Act { place: Place::of(&event.place, pool), time: event.time.micros(), what, system: pool.intern(&event.system), by });
    })?;
    acts.sort_by(|a, b| (a.time, &a.place).cmp(&(b.time, &b.place)));
    Ok(acts)
}

/// What a record says was done; nothing, where it says nothing of its own.
fn what(event: &Row<'_>, by: &By, pool: &mut Pool) -> Option<What> {
    let in_session = matches!(by, By::Session(_));
    Some(match (event.class, event.activity, event.status) {
        (Class::Authentication, Activity::Logon, Status::Failure) => What::Refused(pool.intern(present(event.account.as_deref()).unwrap_or("-"))),
        (Class::Authentication, Activity::Logon, Status::Success) if in_session => What::SignIn,
        (Class::Authentication, Activity::Logon | Activity::Connect, _) => What::Desktop,
        (Class::Authentication, Activity::Logoff, _) => What::SignOut,
        (Class::Authentication, ..) => return None,
        (Class::FileSystem, _, Status::Failure) => return None,
        (Class::FileSystem, Activity::Read | Activity::Write, _) => {
            let labels = Labels::of(event.labels.as_deref());
            What::File {
                object: pool.intern(present(event.object.as_deref())?),
                reads: labels.whole("access_mask").is_none_or(super::files::may_read),
                proved: labels.whole("event_id") == Some(super::files::OBJECT_ACCESSED),
            }
        }
        (Class::FileSystem, ..) => What::Share,
        (Class::Process, ..) => What::Did(Move::Program),
        (Class::Lifecycle, Activity::Define, _) => {
            let is_task = Labels::of(event.labels.as_deref()).text("change").is_some_and(|change| change.starts_with("task"));
            What::Did(if is_task { Move::Task } else { Move::Service })
        }
        (Class::AccountChange, ..) => What::Did(Move::Account),
        (Class::EventLog, Activity::Clear, _) => What::Did(Move::ClearLog),
        _ => return None,
    })
}

/// Gives each session its end and its last record: its sign-out, or that the host gave its id again.
fn close(sessions: &mut Sessions, acts: &[Act]) {
    let mut signs: HashMap<&Arc<str>, Vec<(i64, bool)>> = HashMap::new();
    for act in acts {
        if let By::Session(id) = &act.by {
            signs.entry(id).or_default().push((act.time, matches!(act.what, What::SignOut)));
        }
    }
    let begun: HashMap<&Arc<str>, Vec<i64>> = acts
        .iter()
        .filter_map(|act| match (&act.by, &act.what) {
            (By::Session(id), What::SignIn) => Some((id, act.time)),
            _ => None,
        })
        .fold(HashMap::new(), |mut map, (id, time)| {
            map.entry(id).or_insert_with(Vec::new).push(time);
            map
        });
    for (id, list) in sessions.iter_mut() {
        let signs = signs.get(id).map(Vec::as_slice).unwrap_or_default();
        for session in list {
            let out = signs.iter().find(|(time, is_out)| *is_out && *time >= session.start).map(|(time, _)| *time);
            let again = begun.get(id).and_then(|times| times.iter().find(|time| **time > session.start)).map(|time| time - 1);
            session.end = out.into_iter().chain(again).min();
            let last = signs.iter().map(|(time, _)| *time).filter(|time| session.holds(*time)).max();
            session.last = last.unwrap_or(session.start);
        }
    }
}

/// Turns acts into deeds and reads.
struct Telling<'t> {
    sessions: &'t Sessions,
    followed: &'t Followed,
    logons: &'t Logons,
    links: &'t Links,
    out: &'t mut Gathered,
}

/// Whose an act is: what its deed hangs on.
struct Whose {
    account: Option<Arc<str>>,
    session: Option<Session>,
    from_host: Option<Arc<str>>,
    strength: Strength,
    node: Node,
}

impl Telling<'_> {
    fn tell(&mut self, acts: Vec<Act>, files: &mut Files<'_>) {
        let shares: BTreeSet<(Arc<str>, i64)> = acts
            .iter()
            .filter(|act| matches!(act.what, What::Share | What::File { .. }))
            .filter_map(|act| self.session(act).map(|s| (s.id.clone(), s.start)))
            .collect();
        for act in acts {
            let Some(whose) = self.whose(&act) else { continue };
            let on_share = whose.session.as_ref().is_some_and(|s| !s.is_desktop && shares.contains(&(s.id.clone(), s.start)));
            let is_desktop = whose.session.as_ref().is_some_and(|s| s.is_desktop);
            let (what, target) = match &act.what {
                What::SignOut => continue,
                What::SignIn if is_desktop => (Move::Desktop, None),
                What::SignIn if on_share => (Move::Share, None),
                What::SignIn => (Move::SignIn, None),
                What::Desktop => (Move::Desktop, None),
                What::Refused(account) => (Move::Guess, Some(account.clone())),
                What::Share => (Move::Share, None),
                What::File { object, reads: true, .. } if object.starts_with("\\\\") => (Move::ReadShare, None),
                What::File { reads: true, .. } => (Move::ReadFile, None),
                What::File { .. } => (Move::Share, None),
                What::Did(what) => (*what, None),
            };
            let deed = self.out.deeds.len();
            if let (What::File { object, reads: true, proved }, Some(session)) = (&act.what, &whose.session) {
                files.read(session, object, *proved, act.time, &act.place, deed);
            }
            self.out.deeds.push(Deed {
                what,
                time: act.time,
                system: act.system.clone(),
                account: whose.account.filter(|_| what != Move::Guess),
                session: whose.session.filter(|s| s.is_desktop).map(|s| s.id),
                from_host: whose.from_host,
                exploited: None,
                strength: whose.strength,
                node: whose.node,
                events: vec![act.place.event_ref()],
                target_account: target,
            });
        }
        self.out.reads = files.take_reads();
    }

    fn session(&self, act: &Act) -> Option<&Session> {
        let By::Session(id) = &act.by else { return None };
        self.sessions.get(id)?.iter().rfind(|s| s.holds(act.time))
    }

    /// The desktop session that the session manager speaks of: it does so a little before or after the sign-in.
    fn desktop(&self, entry: &Entry, time: i64) -> Option<Session> {
        let (from, to) = (time.saturating_sub(ABOUT_MICROS), time.saturating_add(ABOUT_MICROS));
        let about = |s: &&Session| s.is_desktop && s.entry == *entry && s.start <= to && s.end.is_none_or(|end| from <= end);
        self.sessions.values().flatten().find(about).cloned()
    }

    fn whose(&self, act: &Act) -> Option<Whose> {
        match &act.by {
            By::Session(_) => {
                let session = self.session(act)?.clone();
                let from_host = Some(session.entry.2.clone()).filter(|from| !from.is_empty());
                let (strength, node) = (session.strength, node(&session.entry));
                Some(Whose { account: Some(session.account.clone()), session: Some(session), from_host, strength, node })
            }
            By::Entry(entry) => {
                let (_, strength) = self.followed.get(entry)?;
                let account = self.logons.entries.get(entry).map_or_else(|| entry.0.clone(), |seen| seen.written.clone());
                let from_host = Some(entry.2.clone()).filter(|from| !from.is_empty());
                let session = self.desktop(entry, act.time);
                Some(Whose { account: Some(account), session, from_host, strength: *strength, node: node(entry) })
            }
            By::Held(entry) => {
                let strength = self.followed.get(entry)?.1.min(Strength::Inferred);
                let account = self.logons.entries.get(entry).map_or_else(|| entry.0.clone(), |seen| seen.written.clone());
                Some(Whose { account: Some(account), session: None, from_host: None, strength, node: node(entry) })
            }
            By::Address(address) => {
                let node = Node::Address(address.clone());
                let strength = self.links.strength(&node)?;
                Some(Whose { account: None, session: None, from_host: Some(address.clone()), strength, node })
            }
        }
    }
}
