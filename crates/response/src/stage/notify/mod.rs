//! Letters from draft to answer: what people approve, what goes, what came of it, and what a person still has to see to.
//!
//! Nothing leaves without the approvals that the plan needs, and each effect is in the ledger before it happens.

mod approved;
mod kept;
mod outbox;
mod plan;
mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use strandline_case::{Approval, NewLetter, Sending, SendingFiles, SendingStep, StoredLetter, same_name};
use strandline_model::letter::{Channel, LetterReference, SendingState};
use strandline_model::register::RegisterEntry;
use strandline_model::time::Instant;
use strandline_notice::letter::lint::Finding;
use strandline_outbound::{
    DkimKey, LetterAddress, OutgoingLetter, Pace, ReturnPath, SendPlan, SenderIdentity, Server, Tally, compose, find_accepted, send, write_batch, write_eml,
};

pub(crate) use kept::{KeptLetter, kept_letters, sent_told};
pub use outbox::{Attach, OutboxError, by_person};
pub(crate) use outbox::{load_text, step};
pub(crate) use plan::hexadecimal;
pub use plan::{HeldLetter, LetterPlan, PlannedLetter, Settled, SettledLetter};
pub use reports::{BounceTally, OpenReport};

use self::outbox::{CaseOutbox, load, reader_name};
use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::letters::{self, OthersCount};
use crate::stage::print::{self, BatchPrinter, Page};
use crate::store;

/// From this many letters on, two people approve, where the estate says nothing.
const SECOND_APPROVER_FROM: u64 = 50;

/// Where approval of a round stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalState {
    /// SHA-256 of what is to be approved.
    pub plan_sha256: String,
    /// Letters in it.
    pub letters: u64,
    /// Who has approved every letter of it, in one approval or in several.
    pub approved_by: Vec<String>,
    /// By how many people each letter is approved, at least.
    pub have: usize,
    /// Letters that lack approvals.
    pub open: u64,
    /// How many different people must.
    pub needed: usize,
    /// Approvals of something that was changed since.
    pub outdated: usize,
}

impl ApprovalState {
    /// Whether the letters may go.
    pub fn is_enough(&self) -> bool {
        self.have >= self.needed
    }
}

/// Which letters are to go, and by which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wave {
    /// The round; 1 is the first letter to everybody.
    pub round: u32,
    /// From this many letters on two people approve; the smaller of this and the estate's number counts.
    pub second_approver_from: Option<u64>,
    /// One channel only; otherwise each person's better one.
    pub channel: Option<Channel>,
    /// Whether to use the other channel where one failed.
    pub after_failure: AfterFailure,
    /// Who goes by the one channel.
    pub reach: Reach,
}

/// Who goes by the one channel that a wave asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Those for whom it is the better one, or the only one that is left.
    #[default]
    Better,
    /// Everybody who has it.
    Everybody,
}

/// What is to be sent by e-mail, and how.
pub struct SendOrder<'a> {
    /// Which letters.
    pub wave: Wave,
    /// What goes with an e-mail.
    pub attach: Attach,
    /// The mail server.
    pub server: &'a Server,
    /// Who writes.
    pub identity: &'a SenderIdentity,
    /// Signs.
    pub dkim: Option<&'a DkimKey>,
    /// How fast.
    pub pace: Pace,
    /// Set to end the run early.
    pub stop: &'a AtomicBool,
}

/// What to do about a letter that did not arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// Leave it: it is listed.
    #[default]
    Leave,
    /// Send it by the person's other channel.
    OtherChannel,
    /// Send it again by the same one where it failed for the sender and not for the reader, and that is mended.
    SendAgain,
}

/// Where the letter to one person is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonStatus {
    /// The person's key.
    pub data_subject: String,
    /// The letter.
    pub reference: Option<LetterReference>,
    /// `held`, `drafted`, `approved`, or a state of sending.
    pub state: String,
    /// By which channel.
    pub channel: Option<Channel>,
    /// Since when.
    pub since: Option<Instant>,
    /// Times that it was put off.
    pub attempts: u64,
    /// What was said last, or why it is held.
    pub answer: Option<String>,
}

impl PersonStatus {
    /// Whether the letter failed for what a mail server holds against the sender: it can go again once that is mended.
    pub fn failed_for_the_sender(&self) -> bool {
        self.channel == Some(Channel::Email) && failed_for_the_sender(&self.state, self.answer.as_deref())
    }
}

/// Where a round is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LetterStatus {
    /// The round.
    pub round: u32,
    /// Approval.
    pub approval: ApprovalState,
    /// People by state.
    pub counts: BTreeMap<String, u64>,
    /// Everybody.
    pub people: Vec<PersonStatus>,
    /// Reports that wait for a person.
    pub reports: Vec<OpenReport>,
    /// Other people in the same records, by what they are.
    pub others: BTreeMap<String, OthersCount>,
}

/// What became of uncertain letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The log proves that the server took them.
    pub accepted: u64,
    /// They are queued again.
    pub queued: u64,
    /// They stay uncertain.
    pub uncertain: u64,
}

/// Whether the mail server's log holds all that it did in the time of the run, as a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogIs {
    /// Perhaps not: a letter that is not in it stays uncertain.
    Partial,
    /// It does: a letter that is not in it was not taken, and is queued again.
    Complete,
}

impl Response<'_> {
    /// How the estate says that letters go out.
    pub fn sending_described(&self) -> Option<&strandline_model::estate::Sending> {
        self.estate.sending.as_ref()
    }

    /// The organisation's names, by language tag.
    pub fn organisation_names(&self) -> BTreeMap<String, String> {
        self.estate.organisation.name.clone()
    }

    /// The plan of a round: who gets what.
    ///
    /// # Errors
    /// If there are no letters yet, or the register cannot be read.
    pub fn letter_plan(&self, round: u32) -> Result<LetterPlan, ResponseError> {
        plan::make(self, round)
    }

    /// Where approval of a plan stands.
    ///
    /// # Errors
    /// If the state of the case cannot be read.
    pub fn approval_state(&self, plan: &LetterPlan, second_approver_from: Option<u64>) -> Result<ApprovalState, ResponseError> {
        let stored = self.approvals_that_count()?;
        let approvals: Vec<&Approval> = stored.iter().map(|s| &s.approval).collect();
        let approved = approved::read(self, plan, &approvals)?;
        let of_estate = self.estate.sending.as_ref().and_then(|s| s.second_approver_from).unwrap_or(SECOND_APPROVER_FROM);
        let threshold = second_approver_from.map_or(of_estate, |asked| asked.min(of_estate));
        let letters = plan.letters.len() as u64;
        // Cuts are approved in the same table: what was given for one says nothing of letters.
        let cuts: BTreeSet<String> = self.case.stored_waves()?.into_iter().map(|wave| wave.wave.plan_sha256).collect();
        let outdated = stored.iter().filter(|s| s.approval.plan_sha256 != plan.sha256 && !cuts.contains(&s.approval.plan_sha256)).count();
        let needed = if letters >= threshold { 2 } else { 1 };
        Ok(ApprovalState {
            plan_sha256: plan.sha256.clone(),
            letters,
            have: approved.per_letter.iter().copied().min().unwrap_or(0),
            open: approved.per_letter.iter().filter(|count| **count < needed).count() as u64,
            approved_by: approved.of_all,
            needed,
            outdated,
        })
    }

    /// Letters of a plan that enough people have approved, as they are now.
    ///
    /// # Errors
    /// If the state of the case cannot be read.
    pub(crate) fn approved_letters(&self, plan: &LetterPlan, second_approver_from: Option<u64>) -> Result<BTreeSet<LetterReference>, ResponseError> {
        let needed = self.approval_state(plan, second_approver_from)?.needed;
        let stored = self.approvals_that_count()?;
        let approvals: Vec<&Approval> = stored.iter().map(|s| &s.approval).collect();
        // A line of the plan begins with the reference, so that both are in one order.
        let counts = approved::read(self, plan, &approvals)?.per_letter;
        Ok(plan.letters.keys().zip(counts).filter(|(_, count)| *count >= needed).map(|(reference, _)| reference.clone()).collect())
    }

    /// What is wrong with the committed letters, by person. What blocks keeps them from being approved.
    ///
    /// # Errors
    /// If there are no letters yet, or a table or file cannot be read.
    pub fn lint_letters(&mut self) -> Result<Vec<(String, Finding)>, ResponseError> {
        letters::lint_all(self)
    }

    /// Records that the responder approves exactly the letters as they are now. The ledger has it first.
    ///
    /// # Errors
    /// If there is nothing to approve, it is older than the case, the responder has no name or has approved this already, or the case
    /// cannot be written.
    pub fn approve_letters(&mut self, round: u32, reason: Option<String>, second_approver_from: Option<u64>) -> Result<ApprovalState, ResponseError> {
        let name = self.settings.responder.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || same_name(&name) == "responder" {
            return Err(ResponseError::NoName);
        }
        let plan = self.letter_plan(round)?;
        if plan.letters.is_empty() {
            return Err(ResponseError::NothingToSend);
        }
        self.need_current_letters()?;
        let findings = self.lint_letters()?.into_iter().filter(|(_, finding)| finding.rule.blocks()).count();
        if findings > 0 {
            return Err(ResponseError::Lint(findings));
        }
        let before = self.approval_state(&plan, second_approver_from)?;
        if before.approved_by.iter().any(|known| same_name(known) == same_name(&name)) {
            return Err(ResponseError::ApprovedAlready(name));
        }
        let approval =
            Approval { plan_sha256: plan.sha256.clone(), letters: plan.letters.len() as u64, approved_by: name, approved_at: (self.settings.now)(), reason };
        approved::keep(self, &plan, round)?;
        self.case.record_approval(&approval, env!("CARGO_PKG_VERSION"))?;
        self.approval_state(&plan, second_approver_from)
    }

    /// One letter as it would go by e-mail, for somebody to look at: the first of the plan, or a person's.
    ///
    /// # Errors
    /// If there is no such letter, or it is not what was committed.
    pub fn preview_letter(&self, plan: &LetterPlan, data_subject: Option<&str>) -> Result<OutgoingLetter, ResponseError> {
        let found = plan.letters.values().find(|letter| data_subject.is_none_or(|key| key == letter.data_subject));
        let planned = found.ok_or(ResponseError::NothingToSend)?;
        Ok(load(self.case.path(), planned, plan.people.get(&planned.data_subject), Attach::Nothing)?)
    }

    /// Writes every e-mail of the plan into a folder, which must be empty, as it would go. Nothing is sent, and nothing is recorded.
    ///
    /// # Errors
    /// If a letter cannot be read or made, or the folder cannot be written.
    pub fn dry_run_letters(&mut self, order: &SendOrder<'_>, folder: &Path) -> Result<u64, ResponseError> {
        let plan = self.letter_plan(order.wave.round)?;
        let failed = |source| ResponseError::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(ResponseError::NotEmpty(folder.to_owned()));
        }
        let mut written = 0;
        for planned in plan.letters.values().filter(|l| first_channel(l, order.wave.channel) == Some(Channel::Email)) {
            let letter = load(self.case.path(), planned, plan.people.get(&planned.data_subject), order.attach)?;
            match compose(&letter, order.identity, order.dkim, (self.settings.now)()) {
                Ok(mail) => {
                    write_eml(folder, &mail)?;
                    written += 1;
                }
                Err(error) => self.watcher.note(&format!("letter {}: {error}", planned.reference)),
            }
        }
        Ok(written)
    }

    /// Sends what is approved by e-mail, each letter once. Letters for other channels are queued for them.
    ///
    /// # Errors
    /// If approvals are missing, the letters are older than the case, or the run ended before its time; what was done is recorded, and the same call goes on.
    pub fn send_letters(&mut self, order: &SendOrder<'_>) -> Result<Tally, ResponseError> {
        let plan = self.approved_plan(order.wave)?;
        let lacks_pdf = |letter: &PlannedLetter| letter.channels.contains(&Channel::Email) && !letter.files.iter().any(plan::is_pdf);
        if order.attach == Attach::Pdf && plan.letters.values().any(lacks_pdf) {
            return Err(ResponseError::PrintFirst);
        }
        let now = (self.settings.now)();
        if order.wave.after_failure == AfterFailure::SendAgain {
            self.take_back_our_refusals(order.wave.round, None)?;
        }
        self.queue(&plan, order.wave, now)?;
        let inputs = BTreeMap::from([("letters".to_owned(), plan.sha256.clone())]);
        self.enter("send", inputs.clone(), BTreeMap::new())?;
        let total = plan.letters.len() as u64;
        let (clock, watcher, path) = (self.settings.now, &mut *self.watcher, self.case.path());
        let sent = {
            let mut outbox = CaseOutbox { sending: self.case.sending()?, case: path, plan: &plan, attach: order.attach, round: order.wave.round };
            let told = SendPlan { server: order.server, identity: order.identity, dkim: order.dkim, pace: order.pace, stop: order.stop };
            send(&told, &mut outbox, clock, &mut |tally| watcher.progress(tally.accepted + tally.refused + tally.uncertain, total, "letters"))
        };
        self.take_back_our_refusals(order.wave.round, Some(now))?;
        // What happened is entered whether the run came to its end or not.
        self.enter("sent", inputs, BTreeMap::new())?;
        Ok(sent?)
    }

    /// Prints what is approved and goes by post into a new folder: one PDF a batch, manifests, checksums. Returns how many.
    ///
    /// # Errors
    /// If approvals are missing, the letters are older than the case or were not printed on this page before, or the folder cannot be written.
    pub fn hand_over_letters(&mut self, wave: Wave, page: &Page, folder: &Path) -> Result<u64, ResponseError> {
        let plan = self.approved_plan(wave)?;
        if print::current(self)?.is_none() {
            return Err(ResponseError::PrintFirst);
        }
        let now = (self.settings.now)();
        self.queue(&plan, Wave { channel: Some(Channel::Post), ..wave }, now)?;
        let due = self.case.sending()?.next((wave.round, Channel::Post), now, usize::MAX / 2, &BTreeSet::new())?;
        if due.is_empty() {
            return Ok(0);
        }
        let addresses: Vec<LetterAddress> = due.iter().filter_map(|stored| postal(&plan, stored)).collect();
        let wanted: BTreeSet<LetterReference> = addresses.iter().map(|address| address.reference.clone()).collect();
        let mut printer = BatchPrinter::new(self, page, &plan, &wanted)?;
        let batches = write_batch(&addresses, &mut printer, folder).map_err(|error| ResponseError::Post(Box::new(error)))?;
        let mut outputs = BTreeMap::new();
        for (number, batch) in (1..).zip(&batches) {
            outputs.insert(format!("batch-{number:03}.pdf"), batch.pdf_sha256.clone());
            outputs.insert(format!("batch-{number:03}.csv"), batch.manifest_sha256.clone());
        }
        self.enter("post", BTreeMap::from([("letters".to_owned(), plan.sha256.clone())]), outputs)?;
        let steps: Vec<SendingStep> = batches
            .iter()
            .flat_map(|batch| &batch.letters)
            .map(|reference| SendingStep { channel: Channel::Post, ..step(reference, SendingState::HandedOver, now, None, None) })
            .collect();
        self.case.sending()?.commit(&steps)?;
        Ok(steps.len() as u64)
    }

    /// Looks for uncertain letters in the mail server's own log.
    ///
    /// # Errors
    /// If the log cannot be read or the case cannot be written.
    pub fn resolve_by_log(&mut self, log: &Path, return_path: &ReturnPath, log_is: LogIs) -> Result<Resolved, ResponseError> {
        let failed = |source| ResponseError::Read { path: log.to_owned(), source };
        let found = find_accepted(std::io::BufReader::new(std::fs::File::open(log).map_err(failed)?), return_path).map_err(failed)?;
        let mut resolved = Resolved::default();
        self.resolve(&mut |stored| match (found.contains(&stored.letter.reference), log_is) {
            (true, _) => {
                resolved.accepted += 1;
                Some((SendingState::Accepted, "the mail server's log has it"))
            }
            (false, LogIs::Complete) => {
                resolved.queued += 1;
                Some((SendingState::Queued, "the mail server's log, said to be complete, does not have it"))
            }
            (false, LogIs::Partial) => {
                resolved.uncertain += 1;
                None
            }
        })?;
        Ok(resolved)
    }

    /// A person's word on uncertain letters: they arrived, or they are to be sent again at the risk of arriving twice. Those that were
    /// refused or came back can be sent again too, without that risk.
    ///
    /// # Errors
    /// If a person has no letter that this can be said of; then nothing is recorded. If the case cannot be written.
    pub fn resolve_by_word(&mut self, keys: &BTreeSet<String>, state: SendingState) -> Result<u64, ResponseError> {
        let now = (self.settings.now)();
        let words = match state {
            SendingState::Queued => "a person has it sent again",
            _ => "a person says that it arrived",
        };
        let mut sending = self.case.sending()?;
        sending.settle(now)?;
        let letters = by_person(self.case.stored_letters()?);
        let mut steps = Vec::new();
        for key in keys {
            let own = letters.get(key).map(Vec::as_slice).unwrap_or_default();
            let stored = own.iter().rev().find(|row| can_be_settled(row, own, state)).ok_or_else(|| ResponseError::NoLetter(key.clone()))?;
            let said = Some(words.to_owned());
            steps.push(SendingStep { channel: stored.letter.channel, ..step(&stored.letter.reference, state, now, None, said) });
        }
        sending.commit(&steps)?;
        drop(sending);
        self.enter("resolve", BTreeMap::new(), BTreeMap::new())?;
        Ok(steps.len() as u64)
    }

    /// Records that letters came back, did not arrive, or were answered. Returns how many letters that was.
    ///
    /// # Errors
    /// If a person has no letter that this can be said of, or the case cannot be written.
    pub fn record_letters(&mut self, keys: &BTreeSet<String>, state: SendingState) -> Result<u64, ResponseError> {
        let now = (self.settings.now)();
        let letters = by_person(self.case.stored_letters()?);
        let mut steps = Vec::new();
        for key in keys {
            let possible = |stored: &&StoredLetter| match state {
                SendingState::Returned => stored.state == SendingState::HandedOver,
                SendingState::Bounced => matches!(stored.state, SendingState::Accepted | SendingState::Uncertain),
                _ => !matches!(stored.state, SendingState::Queued | SendingState::Deferred | SendingState::InFlight | SendingState::Refused),
            };
            let stored = letters.get(key).and_then(|l| l.iter().rev().find(possible)).ok_or_else(|| ResponseError::NoLetter(key.clone()))?;
            steps.push(SendingStep { channel: stored.letter.channel, ..step(&stored.letter.reference, state, now, None, None) });
        }
        self.case.sending()?.commit(&steps)?;
        self.enter(state.as_str(), BTreeMap::new(), BTreeMap::new())?;
        Ok(steps.len() as u64)
    }

    /// Where the letters of a round are: everybody, and numbers by state.
    ///
    /// # Errors
    /// If the case cannot be read.
    pub fn letter_status(&self, round: u32, second_approver_from: Option<u64>) -> Result<LetterStatus, ResponseError> {
        self.status_of_plan(&self.letter_plan(round)?, second_approver_from)
    }

    /// The same of a plan that was made.
    pub(crate) fn status_of_plan(&self, plan: &LetterPlan, second_approver_from: Option<u64>) -> Result<LetterStatus, ResponseError> {
        let round = plan.round;
        let approval = self.approval_state(plan, second_approver_from)?;
        let mut stored = by_person(self.case.stored_letters()?.into_iter().filter(|s| s.letter.round == round).collect());
        let mut people: Vec<PersonStatus> = Vec::new();
        for planned in plan.letters.values() {
            let rows = stored.remove(&planned.data_subject).unwrap_or_default();
            people.push(told(&planned.data_subject, Some(&planned.reference), rows, if approval.is_enough() { "approved" } else { "drafted" }));
        }
        for held in &plan.held {
            let rows = stored.remove(&held.data_subject).unwrap_or_default();
            let mut status = told(&held.data_subject, None, rows, "held");
            status.answer = status.answer.or_else(|| Some(held.reason.clone()));
            people.push(status);
        }
        for settled in &plan.settled {
            let rows = stored.remove(&settled.data_subject).unwrap_or_default();
            let (state, since) = match settled.how {
                Settled::ByHand(at) => ("by_hand", Some(at)),
                Settled::ForNobody => ("nobody", None),
            };
            let mut status = told(&settled.data_subject, None, rows.into_iter().filter(|row| !row.state.has_failed()).collect(), state);
            status.since = status.since.or(since);
            people.push(status);
        }
        // People who were written to and are in the plan no more.
        people.extend(stored.into_iter().map(|(key, rows)| told(&key, None, rows, "drafted")));
        people.sort_by(|a, b| a.data_subject.cmp(&b.data_subject));
        let mut counts = BTreeMap::new();
        for person in &people {
            *counts.entry(person.state.clone()).or_insert(0) += 1;
        }
        let (reports, others) = (self.open_reports()?, store::read_json(&self.case, store::OTHERS)?.unwrap_or_default());
        Ok(LetterStatus { round, approval, counts, people, reports, others })
    }

    /// Letters that failed for what a server holds against the sender say nothing of their readers: nobody has them, and they are queued
    /// again for when that is mended. Those of the run that began `since`; without it all of the round, also what was refused by a server
    /// further on and came back.
    fn take_back_our_refusals(&mut self, round: u32, since: Option<Instant>) -> Result<(), ResponseError> {
        let now = (self.settings.now)();
        let letters = by_person(self.case.stored_letters()?.into_iter().filter(|stored| stored.letter.round == round).collect());
        let is_ours = |stored: &&StoredLetter| {
            let is_meant = since.is_none_or(|since| stored.state == SendingState::Refused && stored.changed_at >= since);
            is_meant && stored.letter.channel == Channel::Email && failed_for_the_sender(stored.state.as_str(), stored.answer.as_deref())
        };
        let ours = letters.values().flat_map(|own| own.iter().filter(is_ours).filter(|row| can_be_settled(row, own, SendingState::Queued)).collect::<Vec<_>>());
        let said = || Some(QUEUED_AGAIN.to_owned());
        let steps: Vec<SendingStep> = ours.map(|stored| step(&stored.letter.reference, SendingState::Queued, now, None, said())).collect();
        self.case.sending()?.commit(&steps)?;
        Ok(())
    }

    /// Letters that are older than the case are released, approved and sent by nobody.
    pub(crate) fn need_current_letters(&self) -> Result<(), ResponseError> {
        if self.letters_follow_case()? { Ok(()) } else { Err(ResponseError::LettersOld) }
    }

    fn approved_plan(&self, wave: Wave) -> Result<LetterPlan, ResponseError> {
        let plan = self.letter_plan(wave.round)?;
        if plan.letters.is_empty() {
            return Err(ResponseError::NothingToSend);
        }
        self.need_current_letters()?;
        let approval = self.approval_state(&plan, wave.second_approver_from)?;
        if approval.is_enough() {
            return Ok(plan);
        }
        Err(ResponseError::NotApproved { have: approval.have, needed: approval.needed, open: approval.open, outdated: approval.outdated })
    }

    /// Letters that a run which died had in flight become uncertain. Returns how many.
    ///
    /// # Errors
    /// If the case cannot be written.
    pub fn settle_letters(&mut self) -> Result<u64, ResponseError> {
        let now = (self.settings.now)();
        Ok(self.case.sending()?.settle(now)?)
    }

    /// By which channel each letter of a plan goes at the next sending of a wave, by person; those that go by none are left out.
    pub(crate) fn next_channels(&self, plan: &LetterPlan, wave: Wave) -> Result<BTreeMap<String, Channel>, ResponseError> {
        let known = by_person(self.case.stored_letters()?.into_iter().filter(|s| s.letter.round == wave.round).collect());
        let next = |planned: &PlannedLetter| {
            let rows = known.get(&planned.data_subject).map(Vec::as_slice).unwrap_or_default();
            Some((planned.data_subject.clone(), next_channel(planned, rows, wave).0?))
        };
        Ok(plan.letters.values().filter_map(next).collect())
    }

    /// Queues what is approved: each person by one channel, and by another only after the first has failed.
    fn queue(&mut self, plan: &LetterPlan, wave: Wave, now: Instant) -> Result<(), ResponseError> {
        let known = by_person(self.case.stored_letters()?.into_iter().filter(|s| s.letter.round == wave.round).collect());
        let (mut elsewhere, mut fresh) = (Vec::new(), Vec::new());
        for planned in plan.letters.values() {
            let rows = known.get(&planned.data_subject).map(Vec::as_slice).unwrap_or_default();
            let (channel, taken_back) = next_channel(planned, rows, wave);
            elsewhere.extend(taken_back.map(|channel| (planned.reference.clone(), channel)));
            let Some(channel) = channel else { continue };
            fresh.push(NewLetter {
                reference: planned.reference.clone(),
                channel,
                round: wave.round,
                data_subject: planned.data_subject.clone(),
                letter_sha256: planned.letter_sha256.clone(),
                plan_sha256: plan.sha256.clone(),
            });
        }
        // Queued under an earlier approval, and no longer meant.
        let dropped = known.values().flatten().filter(|s| is_waiting(s.state) && !plan.letters.contains_key(&s.letter.reference));
        let dropped: Vec<_> = dropped.map(|s| (s.letter.reference.clone(), s.letter.channel)).collect();
        kept::keep(self, plan, &fresh, now)?;
        let mut sending = self.case.sending()?;
        sending.withdraw(&elsewhere, "sent by another channel", now)?;
        sending.withdraw(&dropped, "no longer among the approved letters", now)?;
        sending.queue(&fresh, now)?;
        Ok(())
    }

    fn resolve(&mut self, decide: &mut dyn FnMut(&StoredLetter) -> Option<(SendingState, &'static str)>) -> Result<u64, ResponseError> {
        let now = (self.settings.now)();
        let mut sending: Sending<'_> = self.case.sending()?;
        sending.settle(now)?;
        let uncertain = self.case.stored_letters()?.into_iter().filter(|stored| stored.state == SendingState::Uncertain);
        let steps: Vec<SendingStep> = uncertain
            .filter_map(|stored| {
                let (state, words) = decide(&stored)?;
                Some(step(&stored.letter.reference, state, now, None, Some(words.to_owned())))
            })
            .collect();
        sending.commit(&steps)?;
        drop(sending);
        self.enter("resolve", BTreeMap::new(), BTreeMap::new())?;
        Ok(steps.len() as u64)
    }

    fn enter(&mut self, what: &str, inputs: BTreeMap<String, String>, outputs: BTreeMap<String, String>) -> Result<(), ResponseError> {
        let author = self.author();
        self.case.enter_sending(what, &author, env!("CARGO_PKG_VERSION"), SendingFiles { inputs, outputs })?;
        Ok(())
    }
}

/// What is kept of a letter that goes again for a fault that is not its reader's.
const QUEUED_AGAIN: &str = "failed for the sender and not for the reader: queued again";

/// Whether a letter failed, or came back, for what a server holds against the sender: security or policy, or the mail system (RFC 3463,
/// X.7 and X.3).
fn failed_for_the_sender(state: &str, answer: Option<&str>) -> bool {
    let failed = [SendingState::Refused, SendingState::Bounced].iter().any(|known| known.as_str() == state);
    failed && answer.is_some_and(|answer| answer.split_whitespace().take(2).any(|word| word.starts_with("5.7.") || word.starts_with("5.3.")))
}

/// Whether a person's word can bring this letter to that state.
fn can_be_settled(row: &StoredLetter, own: &[StoredLetter], state: SendingState) -> bool {
    let elsewhere = |other: &StoredLetter| other.letter.reference == row.letter.reference && other.letter.channel != row.letter.channel;
    match state {
        SendingState::Queued if row.state.has_failed() => !own.iter().any(|other| elsewhere(other) && !other.state.has_failed()),
        _ => row.state == SendingState::Uncertain,
    }
}

fn is_waiting(state: SendingState) -> bool {
    matches!(state, SendingState::Queued | SendingState::Deferred)
}

fn first_channel(planned: &PlannedLetter, asked: Option<Channel>) -> Option<Channel> {
    match asked {
        Some(channel) => planned.channels.contains(&channel).then_some(channel),
        None => planned.channels.first().copied(),
    }
}

/// The channel to queue a letter for, if any; and a channel to take it back from first, where it still waits there.
fn next_channel(planned: &PlannedLetter, rows: &[StoredLetter], wave: Wave) -> (Option<Channel>, Option<Channel>) {
    let standing = rows.iter().find(|row| !row.state.has_failed());
    match standing {
        // What was refused for the sender and cannot be mended goes by the other way, too.
        Some(row) if is_waiting(row.state) && wave.after_failure == AfterFailure::OtherChannel && row.answer.as_deref() == Some(QUEUED_AGAIN) => {
            let unused = planned.channels.iter().find(|channel| **channel != row.letter.channel).copied();
            unused.map_or((Some(row.letter.channel), None), |unused| (Some(unused), Some(row.letter.channel)))
        }
        // It waits where it is; queueing it again gives it the text that is approved now.
        Some(row) if is_waiting(row.state) => match first_channel(planned, wave.channel) {
            Some(asked) if wave.channel.is_some() && asked != row.letter.channel && wave.reach == Reach::Everybody => (Some(asked), Some(row.letter.channel)),
            _ => (Some(row.letter.channel), None),
        },
        Some(_) => (None, None),
        None if rows.is_empty() => (first_channel(planned, wave.channel).filter(|asked| is_for(planned, *asked, wave.reach)), None),
        None if wave.after_failure != AfterFailure::OtherChannel => (None, None),
        None => {
            let unused = planned.channels.iter().find(|channel| rows.iter().all(|row| row.letter.channel != **channel));
            (unused.copied().filter(|channel| wave.channel.is_none_or(|asked| asked == *channel)), None)
        }
    }
}

/// Whether a letter goes by a channel in its turn.
fn is_for(planned: &PlannedLetter, asked: Channel, reach: Reach) -> bool {
    reach == Reach::Everybody || planned.channels.first() == Some(&asked)
}

fn postal(plan: &LetterPlan, stored: &StoredLetter) -> Option<LetterAddress> {
    let entry = plan.people.get(&stored.letter.data_subject)?;
    let language = entry.language.clone().unwrap_or_else(|| "en".to_owned());
    let name = reader_name(entry, &language).or_else(|| reader_name(&RegisterEntry { reader: None, ..entry.clone() }, &language)).unwrap_or_default();
    Some(LetterAddress { reference: stored.letter.reference.clone(), name, address: entry.postal_address.clone()?, language })
}

/// Where one person's letter is: the channel that has not failed, or else the last that did.
fn told(data_subject: &str, reference: Option<&LetterReference>, rows: Vec<StoredLetter>, without: &str) -> PersonStatus {
    let last = rows.into_iter().max_by_key(|row| (!row.state.has_failed(), row.changed_at, row.letter.channel));
    let state = last.as_ref().map_or(without, |row| row.state.as_str()).to_owned();
    PersonStatus {
        data_subject: data_subject.to_owned(),
        reference: last.as_ref().map(|row| row.letter.reference.clone()).or_else(|| reference.cloned()),
        state,
        channel: last.as_ref().map(|row| row.letter.channel),
        since: last.as_ref().map(|row| row.changed_at),
        attempts: last.as_ref().map_or(0, |row| row.attempts),
        answer: last.and_then(|row| row.answer),
    }
}
