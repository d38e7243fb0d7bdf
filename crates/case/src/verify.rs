//! Verification: every byte that the ledger, the manifest or the custody record names is hashed again. Works offline, takes
//! no lock, needs no private key, and goes on after the first problem. What it proves and what not is in `docs/case.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use signed_note::StandardVerifier;
use strandline_model::evidence::Artefact;
use strandline_model::letter::SendingState;

use crate::approval::{self, StoredApproval, approval_digest};
use crate::atomic::hash_reader;
use crate::custody::CUSTODY;
use crate::decision::{DIGEST, StoredDecision, decision_digest};
use crate::folder::{Case, EVIDENCE, LEDGER, MANIFEST, TABLES, load_manifest, read_folder};
use crate::ledger::{Entry, EntryKind, Ledger, LedgerError, PUBLIC_KEY, read_checkpoint};
use crate::manifest::Manifest;
use crate::message::{self, StoredMessage};
use crate::names::is_sha256;
use crate::signed::{Walk, walk};
use crate::statement::{self, StoredStatement, statement_digest};

/// What somebody outside kept, to check the case against. Without it, only the folder's own consistency is checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anchor<'a> {
    /// A checkpoint that was given out earlier.
    pub checkpoint: Option<&'a [u8]>,
    /// The public key as it was given out (`ledger/key.pub`).
    pub public_key: Option<&'a str>,
}

/// Something that is not as it was committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the case folder.
    pub file: String,
    /// What is wrong and what that means.
    pub meaning: String,
}

/// What verification saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// What is not as it was committed; empty if all is.
    pub problems: Vec<Problem>,
    /// What a reader should know, and what is no damage.
    pub notes: Vec<String>,
    /// Ledger entries hashed.
    pub ledger_entries: u64,
    /// Sealed artefacts hashed.
    pub artefacts: u64,
    /// Table parts and other files hashed.
    pub files: u64,
    /// Bytes hashed in all of them.
    pub bytes: u64,
    /// Decisions compared with their entries.
    pub decisions: u64,
    /// Signatures of people that hold, by keys that were enrolled then.
    pub signatures: u64,
    /// Decisions that are typed names: nobody signed them.
    pub typed: u64,
}

impl VerifyReport {
    /// Whether everything is as it was committed.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: &str, meaning: impl Into<String>) {
        self.problems.push(Problem { file: file.to_owned(), meaning: meaning.into() });
    }
}

/// What an output of an action is called that is the hash over the first so many events of letters: `sending/123`.
pub(crate) const HISTORY: &str = "sending/";

/// The stage whose files are the letters as they left: `sent/KEY.ROUND.HASH.txt`, with the first of the letter's hash.
const SENT: &str = "sent";
const SENT_HASH_CHARS: usize = 16;

/// What the ledger says of the rest of the folder.
#[derive(Default)]
struct Said {
    artefacts: BTreeSet<String>,
    custody_sha256: Option<String>,
    /// The last run of each stage.
    runs: BTreeMap<String, (u64, Entry)>,
    decisions: BTreeMap<u64, Option<String>>,
    statements: BTreeMap<u64, String>,
    /// Statements that somebody looked, which nobody signed.
    looks: BTreeMap<u64, String>,
    approvals: BTreeMap<u64, String>,
    /// Digests of messages, by entry and name.
    messages: BTreeMap<(u64, String), String>,
    /// Hash over the first so many events of letters, by ledger entry.
    histories: Vec<(u64, u64, String)>,
    /// The same of cuts.
    cuts: Vec<(u64, u64, String)>,
    /// Plans of cuts that were made, in order.
    plans: Vec<String>,
}

/// Verifies the case in `path`.
pub fn verify(path: &Path, anchor: &Anchor<'_>) -> VerifyReport {
    let mut report = VerifyReport::default();
    let manifest = load_manifest(path).map_err(|e| report.problem(MANIFEST, format!("{}: what belongs to the case cannot be told", told(&e)))).ok();
    let ledger = manifest.as_ref().and_then(|m| verify_ledger(path, m, anchor, &mut report));
    let said = ledger.as_ref().map(|l| read_ledger(l, &mut report));
    verify_evidence(path, said.as_ref(), &mut report);
    if let Some(manifest) = &manifest {
        verify_stages(path, manifest, said.as_ref(), &mut report);
    }
    if let (Some(ledger), Some(said)) = (&ledger, &said) {
        verify_signatures(ledger, &mut report);
        verify_decisions(path, ledger, said, &mut report);
        verify_statements(path, ledger, said, &mut report);
        verify_messages(path, ledger, said, &mut report);
        verify_letters(path, ledger, said, &mut report);
        verify_cuts(path, ledger, said, &mut report);
    }
    if anchor.checkpoint.is_none() {
        report.notes.push("no checkpoint from outside was given: the folder agrees with itself, which whoever holds its key could bring about; compare with a checkpoint that somebody else kept".to_owned());
    }
    report.problems.sort();
    report
}

/// An error with all its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

fn verify_ledger(path: &Path, manifest: &Manifest, anchor: &Anchor<'_>, report: &mut VerifyReport) -> Option<Ledger> {
    let ledger = match Ledger::open_for_reading(&path.join(LEDGER), &manifest.origin) {
        Ok(ledger) => ledger,
        Err(e) => {
            let file = match &e {
                LedgerError::Read { path: file, .. } | LedgerError::Changed(file) | LedgerError::BadCheckpoint(file) | LedgerError::BadKey(file) => {
                    file.strip_prefix(path).unwrap_or(file).display().to_string()
                }
                _ => LEDGER.to_owned(),
            };
            report.problem(&file, format!("{}: entries cannot be relied on", told(&e)));
            return None;
        }
    };
    report.ledger_entries = ledger.size();
    verify_anchor(path, &ledger, anchor, report);
    Some(ledger)
}

fn verify_anchor(path: &Path, ledger: &Ledger, anchor: &Anchor<'_>, report: &mut VerifyReport) {
    let stored_key = fs::read_to_string(path.join(LEDGER).join(PUBLIC_KEY)).unwrap_or_default();
    let key = anchor.public_key.unwrap_or(&stored_key).trim_end();
    if key != stored_key.trim_end() {
        report.problem("ledger/key.pub", "this is not the public key that was given out: the ledger may have been made anew");
    }
    let Some(note) = anchor.checkpoint else { return };
    let verifier = StandardVerifier::new(key).ok();
    let Some(outside) = verifier.and_then(|v| read_checkpoint(note, ledger.origin(), &v)) else {
        report.problem("ledger/checkpoint", "the checkpoint from outside is not one of this case signed by its key");
        return;
    };
    match ledger.root_at(outside.size()) {
        Ok(Some(root)) if root == *outside.hash() => {
            report.notes.push(format!("the first {} entries are those of the checkpoint from outside", outside.size()));
        }
        Ok(Some(_)) => report
            .problem("ledger/checkpoint", format!("the first {} entries are not those of the checkpoint from outside: history was rewritten", outside.size())),
        Ok(None) => report.problem(
            "ledger/checkpoint",
            format!("the checkpoint from outside has {} entries, and the ledger only {}: entries were cut off", outside.size(), ledger.size()),
        ),
        Err(e) => report.problem("ledger", told(&e)),
    }
}

fn read_ledger(ledger: &Ledger, report: &mut VerifyReport) -> Said {
    let mut said = Said::default();
    for entry in ledger.entries() {
        let (index, mut entry) = match entry {
            Ok(read) => read,
            Err(e) => {
                report.problem(LEDGER, told(&e));
                continue;
            }
        };
        match entry.kind {
            EntryKind::Custody => {
                said.custody_sha256 = entry.outputs.remove(CUSTODY).or(said.custody_sha256);
                said.artefacts.extend(entry.outputs.into_values().filter(|h| is_sha256(h)));
            }
            EntryKind::MachineRun => {
                if let Some(stage) = entry.stage.clone() {
                    said.runs.insert(stage, (index, entry));
                }
            }
            // Who may decide stands in the ledger alone.
            EntryKind::Decision if entry.enrolment.is_some() => {}
            EntryKind::Decision if entry.digests.contains_key(statement::DIGEST) => {
                said.statements.extend(entry.digests.remove(statement::DIGEST).map(|digest| (index, digest)));
            }
            EntryKind::Decision => match entry.digests.remove(approval::DIGEST) {
                Some(digest) => {
                    said.approvals.insert(index, digest);
                }
                None => {
                    said.decisions.insert(index, entry.digests.remove(DIGEST));
                }
            },
            EntryKind::Action => {
                if entry.stage.as_deref() == Some(statement::LOOK_UP) {
                    said.looks.extend(entry.digests.remove(statement::DIGEST).map(|digest| (index, digest)));
                }
                let of_message = |(name, digest): (String, String)| Some(((index, name.strip_prefix(message::DIGEST)?.to_owned()), digest));
                said.messages.extend(std::mem::take(&mut entry.digests).into_iter().filter_map(of_message));
                let counted = |(name, sha256): (&String, &String)| Some((index, name.strip_prefix(crate::cut::HISTORY)?.parse().ok()?, sha256.clone()));
                let cuts: Vec<(u64, u64, String)> = entry.outputs.iter().filter_map(counted).collect();
                let counted = entry.outputs.into_iter().filter_map(|(name, sha256)| Some((name.strip_prefix(HISTORY)?.parse().ok()?, sha256)));
                said.histories.extend(counted.map(|(count, sha256)| (index, count, sha256)));
                said.cuts.extend(cuts);
                if entry.stage.as_deref() == Some(crate::cut::PLAN) {
                    said.plans.extend(entry.inputs.remove(crate::cut::PLANNED));
                }
            }
            EntryKind::Export => {}
        }
    }
    said
}

/// Hashes one file that must have `sha256`; a link in its place is as bad as another file.
fn verify_file(root: &Path, file: &str, sha256: &str, meaning: &str, report: &mut VerifyReport) {
    let path = root.join(file);
    if !fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
        report.problem(file, format!("it is not there: {meaning}"));
        return;
    }
    match File::open(&path).and_then(hash_reader) {
        Ok((found, bytes)) => {
            report.bytes += bytes;
            if found != sha256 {
                report.problem(file, format!("it was changed after it was committed: {meaning}"));
            }
        }
        Err(e) => report.problem(file, format!("it cannot be read ({e}): {meaning}")),
    }
}

fn verify_evidence(path: &Path, said: Option<&Said>, report: &mut VerifyReport) {
    let custody = fs::read(path.join(CUSTODY)).ok();
    let listed: Vec<Artefact> = match custody.as_deref().map(serde_json::from_slice) {
        Some(Ok(artefacts)) => artefacts,
        Some(Err(_)) => {
            report.problem(CUSTODY, "it is damaged: the chain of custody cannot be told");
            Vec::new()
        }
        None => Vec::new(),
    };
    let mut sealed: BTreeSet<String> = listed.iter().map(|a| a.sealed_sha256.clone()).filter(|h| is_sha256(h)).collect();
    if let Some(said) = said {
        let found = custody.as_deref().and_then(|bytes| hash_reader(bytes).ok()).map(|(h, _)| h);
        if found != said.custody_sha256 {
            report.problem(CUSTODY, "it is not what the ledger says: it was changed, or an intake was stopped at its end (then run intake again)");
        }
        for sha256 in sealed.difference(&said.artefacts) {
            report.problem(&format!("{EVIDENCE}/{sha256}"), "the custody record names it and no ledger entry does: it was added past the intake");
        }
        sealed.extend(said.artefacts.iter().cloned());
    }
    for sha256 in &sealed {
        report.artefacts += 1;
        verify_file(path, &format!("{EVIDENCE}/{sha256}"), sha256, "what was concluded from it cannot be shown from the original bytes", report);
    }
    let strays = read_folder(&path.join(EVIDENCE)).into_iter().filter_map(|p| Some(p.file_name()?.to_str()?.to_owned()));
    let strays = strays.filter(|name| is_sha256(name) && !sealed.contains(name)).count();
    if strays > 0 {
        report.notes.push(format!("{strays} sealed files belong to no custody record: an intake was stopped before its end"));
    }
}

fn verify_stages(path: &Path, manifest: &Manifest, said: Option<&Said>, report: &mut VerifyReport) {
    for (stage, record) in &manifest.stages {
        for (file, sha256, _) in record.all_files() {
            report.files += 1;
            let meaning = match stage.as_str() {
                SENT => "what somebody was sent can no longer be shown".to_owned(),
                _ => format!("the result of stage {stage} is not what it was; run the stage again"),
            };
            verify_file(path, file, sha256, &meaning, report);
        }
        let Some(said) = said else { continue };
        let run = said.runs.get(stage);
        match (record.ledger_entry, run) {
            (None, _) => report.notes.push(format!("stage {stage} is under way: its parts are checked against the manifest alone")),
            (Some(index), Some((last, entry))) if index == *last => {
                if entry.outputs != record.outputs() {
                    report.problem(MANIFEST, format!("what it says of stage {stage} is not what ledger entry {index} says: the result was replaced"));
                }
            }
            (Some(_), _) => report.problem(MANIFEST, format!("what it says of stage {stage} is not of the stage's last run in the ledger: an older result was put back, or a run was stopped at its end (then run it again)")),
        }
    }
    for stage in said.iter().flat_map(|s| s.runs.keys()).filter(|stage| !manifest.stages.contains_key(*stage)) {
        report.problem(MANIFEST, format!("the ledger has a run of stage {stage} and the manifest has no result of it: the result was removed, or a run was stopped at its end (then run it again)"));
    }
    let named: BTreeSet<_> = manifest.stages.values().flat_map(|s| &s.parts).map(|p| path.join(&p.file)).collect();
    for file in read_folder(&path.join(TABLES)).iter().flat_map(|table| read_folder(table)).filter(|file| !named.contains(file)) {
        let relative = file.strip_prefix(path).unwrap_or(&file).display().to_string();
        if !relative.contains(crate::atomic::TEMPORARY_PREFIX) {
            report.problem(&relative, "no stage has committed it: who reads the folder as it lies would take it for a part of the table");
        }
    }
}

/// Whether people signed what stands in their names. It needs the ledger alone: no salt, no key, no `case.db`.
fn verify_signatures(ledger: &Ledger, report: &mut VerifyReport) {
    let walked = match walk(ledger, Walk::Decisions) {
        Ok(walked) => walked,
        Err(e) => {
            report.problem(LEDGER, format!("{}: signatures cannot be told", told(&e)));
            return;
        }
    };
    (report.signatures, report.typed) = (walked.signatures, walked.typed);
    for (index, problem) in walked.problems {
        report.problem(LEDGER, format!("entry {index}: {problem}"));
    }
    if walked.typed > 0 {
        report
            .notes
            .push(format!("{} decisions and approvals are typed names: nobody signed them, so two spellings of one name may be one person", walked.typed));
    }
}

fn verify_decisions(path: &Path, ledger: &Ledger, said: &Said, report: &mut VerifyReport) {
    const STATE: &str = crate::state::STATE;
    let stored = match Case::open_for_reading(path).and_then(|case| case.stored_decisions()) {
        Ok(stored) => stored,
        Err(e) => {
            report.problem(STATE, format!("{}: decisions cannot be told", told(&e)));
            return;
        }
    };
    let Some(salt) = ledger.salt() else {
        if !stored.is_empty() {
            report.notes.push("the salt is not here: decisions are not compared with their entries".to_owned());
        }
        return;
    };
    for StoredDecision { ledger_entry, decision } in &stored {
        report.decisions += 1;
        if said.decisions.get(ledger_entry) != Some(&Some(decision_digest(salt, decision))) {
            report.problem(STATE, format!("the decision that names ledger entry {ledger_entry} is not the one that was entered there"));
        }
    }
    let rows: BTreeSet<u64> = stored.iter().map(|d| d.ledger_entry).collect();
    for index in said.decisions.keys().filter(|index| !rows.contains(index)) {
        report.problem(STATE, format!("ledger entry {index} records a decision that is not here: it was removed, or a run was stopped at that moment (then open the case for writing once)"));
    }
}

fn verify_statements(path: &Path, ledger: &Ledger, said: &Said, report: &mut VerifyReport) {
    const STATE: &str = crate::state::STATE;
    let stored = match Case::open_for_reading(path).and_then(|case| case.all_statements()) {
        Ok(stored) => stored,
        Err(e) => {
            report.problem(STATE, format!("{}: statements cannot be told", told(&e)));
            return;
        }
    };
    if let Some(salt) = ledger.salt() {
        for StoredStatement { ledger_entry, statement } in &stored {
            report.decisions += 1;
            // What nobody decided says that somebody looked, and nothing else.
            let looked = said.looks.get(ledger_entry).filter(|_| statement.kind == statement::LOOK_UP);
            if said.statements.get(ledger_entry).or(looked) != Some(&statement_digest(salt, statement)) {
                report.problem(STATE, format!("the statement that names ledger entry {ledger_entry} is not the one that was entered there"));
            }
        }
    } else if !stored.is_empty() {
        report.notes.push("the salt is not here: statements are not compared with their entries".to_owned());
    }
    let rows: BTreeSet<u64> = stored.iter().map(|s| s.ledger_entry).collect();
    for index in said.statements.keys().chain(said.looks.keys()).filter(|index| !rows.contains(index)) {
        report.problem(STATE, format!("ledger entry {index} records a statement that is not here: it was removed, or a run was stopped at that moment (then open the case for writing once)"));
    }
}

/// What people wrote to the desk, against the digests in the ledger.
fn verify_messages(path: &Path, ledger: &Ledger, said: &Said, report: &mut VerifyReport) {
    const STATE: &str = crate::state::STATE;
    let stored = match Case::open_for_reading(path).and_then(|case| case.stored_messages()) {
        Ok(stored) => stored,
        Err(e) => {
            report.problem(STATE, format!("{}: messages to the desk cannot be told", told(&e)));
            return;
        }
    };
    let mut rows = BTreeSet::new();
    for StoredMessage { ledger_entry, message } in stored {
        let digest = ledger.salt().map(|salt| message::message_digest(salt, &message));
        let named = (ledger_entry, message.id);
        let entered = said.messages.get(&named);
        if entered.is_none() || digest.is_some_and(|digest| entered != Some(&digest)) {
            report.problem(STATE, format!("message {} is not what ledger entry {ledger_entry} says: it was changed or put in", named.1));
        }
        rows.insert(named);
    }
    for (entry, id) in said.messages.keys().filter(|named| !rows.contains(*named)) {
        report.problem(STATE, format!("ledger entry {entry} records message {id}, which is not here: it was removed, or a run was stopped at that moment (then open the case for writing once)"));
    }
}

/// Plans of cuts against the ledger, and what happened to cuts against the hashes that it has of it.
fn verify_cuts(path: &Path, ledger: &Ledger, said: &Said, report: &mut VerifyReport) {
    const STATE: &str = crate::state::STATE;
    let read = Case::open_for_reading(path).and_then(|case| Ok((case.stored_waves()?, case)));
    let (waves, case) = match read {
        Ok(read) => read,
        Err(e) => {
            report.problem(STATE, format!("{}: cuts cannot be told", told(&e)));
            return;
        }
    };
    for stored in &waves {
        if !said.plans.contains(&stored.wave.plan_sha256) {
            report.problem(
                STATE,
                format!("no ledger entry records plan {}: it was put in, or a run was stopped at that moment (then make it again)", stored.number),
            );
        }
        if ledger.salt().is_some_and(|salt| salt.digest(stored.wave.body.as_bytes()) != stored.wave.plan_sha256) {
            report.problem(STATE, format!("plan {} is not the one that was recorded and approved", stored.number));
        }
    }
    for (entry, count, sha256) in &said.cuts {
        match case.cut_history(Some(*count)) {
            Ok((found, hash)) if found == *count && hash == *sha256 => {}
            Ok(_) => report.problem(
                STATE,
                format!("what happened to cuts is not what ledger entry {entry} says of its first {count} steps: steps were changed or removed"),
            ),
            Err(e) => report.problem(STATE, told(&e)),
        }
    }
}

/// Approvals against their entries, and what happened to letters against the hashes that the ledger has of it.
fn verify_letters(path: &Path, ledger: &Ledger, said: &Said, report: &mut VerifyReport) {
    const STATE: &str = crate::state::STATE;
    if said.approvals.is_empty() && said.histories.is_empty() && !path.join(STATE).exists() {
        return;
    }
    let read = Case::open_for_reading(path).and_then(|case| Ok((case.stored_approvals()?, case)));
    let (stored, case) = match read {
        Ok(read) => read,
        Err(e) => {
            report.problem(STATE, format!("{}: approvals cannot be told", told(&e)));
            return;
        }
    };
    if let Some(salt) = ledger.salt() {
        for StoredApproval { ledger_entry, approval } in &stored {
            report.decisions += 1;
            if said.approvals.get(ledger_entry) != Some(&approval_digest(salt, approval)) {
                report.problem(STATE, format!("the approval that names ledger entry {ledger_entry} is not the one that was entered there"));
            }
        }
    }
    let rows: BTreeSet<u64> = stored.iter().map(|a| a.ledger_entry).collect();
    for index in said.approvals.keys().filter(|index| !rows.contains(index)) {
        report.problem(STATE, format!("ledger entry {index} records an approval that is not here: it was removed, or a run was stopped at that moment (then open the case for writing once)"));
    }
    verify_sent(&case, report);
    for (entry, count, sha256) in &said.histories {
        match case.sending_history(Some(*count)) {
            Ok((found, hash)) if found == *count && hash == *sha256 => {}
            Ok(_) => report.problem(
                STATE,
                format!("what happened to letters is not what ledger entry {entry} says of its first {count} steps: steps were changed or removed"),
            ),
            Err(e) => report.problem(STATE, told(&e)),
        }
    }
}

/// Every letter that left has its text among those that were kept.
fn verify_sent(case: &Case, report: &mut VerifyReport) {
    let letters = case.stored_letters().unwrap_or_default();
    let gone = letters.iter().filter(|letter| !matches!(letter.state, SendingState::Queued | SendingState::Deferred | SendingState::Refused));
    let Some(record) = case.manifest().stages.get(SENT) else {
        if gone.count() > 0 {
            report.notes.push("letters left before their texts were kept: what they said can be told from the drafts alone, if those are the same".to_owned());
        }
        return;
    };
    let kept: BTreeSet<&str> = record.files.iter().filter_map(|file| file.file.strip_suffix(".txt")?.split_once('.').map(|(_, rest)| rest)).collect();
    let lost = gone.filter(|stored| {
        let hash = stored.letter.letter_sha256.get(..SENT_HASH_CHARS).unwrap_or_default();
        !kept.contains(format!("{}.{hash}", stored.letter.round).as_str())
    });
    let lost = lost.count();
    if lost > 0 {
        report.problem(SENT, format!("{lost} letters left whose texts are not kept: they were removed from the list, or left before texts were kept"));
    }
}
