//! Files that the actor opened, as accesses: reading a file shows what the estate says it holds. And what may have been
//! opened while the log that tells of it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strandline_model::access::{Access, AccessKind, Completion};
use strandline_model::estate::{FileContent, SharedFile};
use strandline_model::event::{Activity, Class, Status};
use strandline_model::evidence::EventRef;
use strandline_model::time::Instant;
use strandline_model::trail::Strength;

use super::acts::{Gathered, Row, Session};
use super::path::fits;
use super::survey::Logons;
use crate::Inputs;
use crate::steps::{Deed, Move};
use crate::text::Place;

/// 4663: a right of an open handle was used.
pub(super) const OBJECT_ACCESSED: u64 = 4663;
/// Records that one access names.
const MOST_EVENTS: usize = 1000;
/// Files opened that the estate does not describe: names that are counted.
const MOST_UNDESCRIBED: usize = 100_000;

/// Whether a mask of rights has one to read data: \[MS-DTYP\] 2.4.3 and \[MS-SMB2\] 2.2.13.1. Reading attributes is not reading.
pub(super) fn may_read(mask: u64) -> bool {
    const READ_DATA: u64 = 0x1;
    const GENERIC: u64 = 0x8000_0000 | 0x1000_0000; // read, all
    const MAXIMUM_ALLOWED: u64 = 0x0200_0000;
    mask & (READ_DATA | GENERIC | MAXIMUM_ALLOWED) != 0
}

/// One read of a described file, in one session, from all of its records.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub file: usize,
    pub time: i64,
    pub kind: AccessKind,
    pub completion: Completion,
    pub strength: Strength,
    pub reason: String,
    pub session: Option<Arc<str>>,
    pub account: Option<Arc<str>>,
    pub address: Option<Arc<str>>,
    pub proof: Vec<EventRef>,
}

impl Read {
    /// Stable id: the first proof's place; without one, the file and the time.
    pub(crate) fn id(&self) -> String {
        match (&self.proof[..], self.strength) {
            ([first, ..], Strength::Inferred | Strength::Proved) => first.to_string(),
            ([first, ..], Strength::Open) => format!("{first}/{}", self.file),
            ([], _) => format!("file/{}@{}", self.file, self.time),
        }
    }

    /// The access.
    pub(crate) fn access(&self, step: &str, file: &SharedFile) -> Access {
        let own = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Access {
            id: self.id(),
            step: step.to_owned(),
            time: Instant(self.time),
            kind: self.kind,
            system: file.system.clone(),
            database: file.database.clone(),
            role: None,
            connection: None,
            sequence: None,
            session: own(&self.session),
            account: own(&self.account),
            address: own(&self.address),
            statement: file.reads.clone(),
            parameters: Vec::new(),
            parameters_known: true,
            masked: false,
            row_count: None,
            is_within: false,
            completion: self.completion,
            error: None,
            error_values: None,
            strength: self.strength,
            reason: self.reason.clone(),
            response_status: None,
            response_bytes: None,
            asked: None,
            asked_instead: None,
            response_bytes_instead: None,
            routes: None,
            proof: self.proof.clone(),
            delivery: Vec::new(),
        }
    }
}

/// Whether the domain controller gave an account of the actor's a ticket for one of a system's hosts then: that he went there,
/// not what he did. A sentence's end, and the records.
fn ticket(logons: &Logons, system: &str, sessions: &[&Session], (from, to): (i64, i64)) -> (String, Vec<EventRef>) {
    let hosts = logons.hosts.get(system).cloned().unwrap_or_default();
    let accounts: BTreeSet<&Arc<str>> = sessions.iter().map(|s| &s.entry.0).collect();
    let begun = sessions.iter().map(|s| s.start).min().unwrap_or(i64::MAX).max(from);
    let then = |((account, host, _), (span, _)): &(&super::Entry, &(crate::survey::Span, Vec<EventRef>))| {
        hosts.contains(host) && accounts.iter().any(|known| super::same_account(known, account)) && span.first <= to && span.last >= begun
    };
    match logons.tickets.iter().find(then) {
        Some(((_, host, _), (_, events))) => (format!("; the domain controller gave the actor's account tickets for {host} about then"), events.clone()),
        None => (String::new(), Vec::new()),
    }
}

/// Which read a record belongs to: session and its beginning, file of the estate, name. The share's log and the disk's
/// write different paths of one file.
type ReadKey = (Arc<str>, i64, usize, String);

/// The estate's files, and what was seen of them.
pub(super) struct Files<'e> {
    inputs: &'e Inputs<'e>,
    /// When each copy was taken; before everything, where the estate does not say.
    copied: Vec<i64>,
    /// When each file was opened with a right to write, after its copy or before it: the nearest on both sides.
    written_before: Vec<Option<i64>>,
    written_after: Vec<Option<i64>>,
    reads: BTreeMap<ReadKey, (Read, usize)>,
    undescribed: BTreeMap<Arc<str>, BTreeSet<String>>,
}

impl<'e> Files<'e> {
    pub(super) fn of(inputs: &'e Inputs<'e>) -> Self {
        let taken = |file: &SharedFile| {
            let database = inputs.estate.databases.iter().find(|d| d.id == file.database);
            database.and_then(|d| d.snapshot_time.as_deref()).and_then(Instant::of_rfc3339).map_or(i64::MIN, Instant::micros)
        };
        let count = inputs.estate.files.len();
        let copied = inputs.estate.files.iter().map(taken).collect();
        Self { inputs, copied, written_before: vec![None; count], written_after: vec![None; count], reads: BTreeMap::new(), undescribed: BTreeMap::new() }
    }

    /// The first file of the estate that a path on a system is.
    fn file(&self, system: &str, path: &str) -> Option<usize> {
        self.inputs.estate.files.iter().position(|file| file.system == system && file.path.iter().any(|pattern| fits(pattern, path)))
    }

    /// Sees a record of anybody: a file that somebody may have written is no longer its copy.
    pub(super) fn see(&mut self, event: &Row<'_>) {
        let may_write = event.class == Class::FileSystem && event.activity == Activity::Write && event.status != Status::Failure;
        let Some(file) = event.object.as_deref().filter(|_| may_write).and_then(|path| self.file(&event.system, path)) else {
            return;
        };
        let time = event.time.micros();
        if time <= self.copied[file] {
            self.written_before[file] = Some(self.written_before[file].map_or(time, |known| known.max(time)));
        } else {
            self.written_after[file] = Some(self.written_after[file].map_or(time, |known| known.min(time)));
        }
    }

    /// Whether the copy shows the file as it stood at a time: nobody wrote it in between, and the log would tell.
    fn is_as_copied(&self, file: usize, time: i64) -> bool {
        let described = &self.inputs.estate.files[file];
        if described.content != FileContent::Copy {
            return false;
        }
        let copied = self.copied[file];
        let (from, to) = (copied.min(time), copied.max(time));
        let within = |written: Option<i64>| written.is_some_and(|at| from <= at && at <= to);
        let is_missing = self.gaps(&described.system).any(|gap| gap.interval.from.micros() < to && from < gap.interval.to.micros() && copied != i64::MIN);
        !within(self.written_before[file]) && !within(self.written_after[file]) && !is_missing
    }

    /// Gaps of a system's Windows logs.
    fn gaps<'s>(&'s self, system: &'s str) -> impl Iterator<Item = &'s strandline_model::evidence::Gap> {
        let is_windows = |id: &str| self.inputs.estate.sources.iter().any(|s| s.id == id && s.format == "evtx");
        self.inputs.coverage.gaps.iter().filter(move |gap| gap.system == system && is_windows(&gap.source))
    }

    fn kind(&self, file: usize, time: i64) -> AccessKind {
        if self.is_as_copied(file, time) { AccessKind::File } else { AccessKind::FileExtract }
    }

    /// The actor opened or read a file.
    pub(super) fn read(&mut self, session: &Session, path: &str, proved: bool, time: i64, place: &Place, deed: usize) {
        let Some(file) = self.file(&session.system, path) else {
            if self.undescribed.values().map(BTreeSet::len).sum::<usize>() < MOST_UNDESCRIBED {
                self.undescribed.entry(session.system.clone()).or_default().insert(path.to_lowercase());
            }
            return;
        };
        let kind = self.kind(file, time);
        let new = || {
            let read = Read {
                file,
                time,
                kind,
                completion: Completion::Unknown,
                strength: session.strength,
                reason: String::new(),
                session: Some(session.id.clone()),
                account: Some(session.account.clone()),
                address: Some(session.entry.2.clone()).filter(|from| !from.is_empty()),
                proof: Vec::new(),
            };
            (read, deed)
        };
        let name = path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
        let read = &mut self.reads.entry((session.id.clone(), session.start, file, name)).or_insert_with(new).0;
        if kind == AccessKind::FileExtract {
            read.kind = kind;
        }
        if proved {
            read.completion = Completion::Completed;
        }
        read.reason = match read.completion {
            Completion::Completed => "a logon session of the actor's read the file".to_owned(),
            _ => "a logon session of the actor's opened the file with the right to read it".to_owned(),
        };
        if read.proof.len() < MOST_EVENTS {
            read.proof.push(place.event_ref());
        }
    }

    pub(super) fn take_reads(&mut self) -> Vec<(Read, usize)> {
        std::mem::take(&mut self.reads).into_values().collect()
    }

    /// What may have been opened while no log tells: the log of the files' system is missing and the actor had a session
    /// somewhere, or it never tells of files and he had a session there.
    pub(super) fn dark(&self, inputs: &Inputs<'_>, logons: &Logons, sessions: &[&Session], out: &mut Gathered) {
        let mut seen: BTreeSet<(usize, i64)> = BTreeSet::new();
        for (file, described) in inputs.estate.files.iter().enumerate() {
            for gap in self.gaps(&described.system) {
                let (from, to) = (gap.interval.from.micros(), gap.interval.to.micros());
                let Some(session) = sessions.iter().find(|s| s.start <= to && from <= s.until()) else { continue };
                let time = from.max(session.start);
                if seen.insert((file, time)) {
                    let why = format!("the log {} is missing from {}, while the actor had a session on {}", gap.source, gap.interval, session.entry.1);
                    let (ticket, proof) = ticket(logons, &described.system, sessions, (from, to));
                    self.add_dark(file, time, session, why + &ticket, gap.evidence.iter().cloned().chain(proof).collect(), out);
                }
            }
            let is_told = logons.telling_of_files.contains(described.system.as_str());
            let here = sessions.iter().find(|s| s.system.as_ref() == described.system).filter(|_| !is_told);
            if let Some(session) = here.filter(|s| seen.insert((file, s.start))) {
                let why = format!("the logs of {} tell of no file that anybody opened, and the actor had a session there", described.system);
                self.add_dark(file, session.start, session, why, Vec::new(), out);
            }
        }
    }

    fn add_dark(&self, file: usize, time: i64, session: &Session, why: String, proof: Vec<EventRef>, out: &mut Gathered) {
        let described = &self.inputs.estate.files[file];
        let read = Read {
            file,
            time,
            kind: self.kind(file, time),
            completion: Completion::Unknown,
            strength: Strength::Open,
            reason: why,
            session: Some(session.id.clone()),
            account: Some(session.account.clone()),
            address: None,
            proof: proof.clone(),
        };
        out.reads.push((read, out.deeds.len()));
        out.deeds.push(Deed {
            what: Move::DarkFile,
            time,
            system: Arc::from(described.system.as_str()),
            account: Some(session.account.clone()),
            session: None,
            from_host: None,
            exploited: None,
            strength: Strength::Open,
            node: super::node(&session.entry),
            events: proof,
            target_account: None,
        });
    }

    /// What the estate leaves open of what the actor opened. A path may hold a name, so none is told.
    pub(super) fn notes(&self, sessions: &[&Session], out: &mut Gathered) {
        for (system, paths) in &self.undescribed {
            out.notes.push(format!(
                "the actor opened {} files or folders on {system} that the estate does not describe; what they hold is not known. The table `events` names them; add [[file]] entries for those with personal data",
                paths.len()
            ));
        }
        let described: BTreeSet<&str> = self.inputs.estate.files.iter().map(|f| f.system.as_str()).collect();
        let systems: BTreeSet<&Arc<str>> = sessions.iter().map(|s| &s.system).filter(|s| !described.contains(s.as_ref())).collect();
        for system in systems.into_iter().filter(|s| self.gaps(s).next().is_some()) {
            out.notes.push(format!("a log of {system} is missing in part, the actor had a session there, and the estate describes no files of it"));
        }
    }
}
