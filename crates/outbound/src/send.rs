//! The sender: many letters in flight, one at a time each, none twice.
//!
//! A coordinator owns the state and gives letters to workers, each with a connection of its own. Marks ("in flight") and
//! outcomes that arrive together are committed together, so that one flush of the disk serves many letters.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant as Moment};

use rustls::ClientConfig;
use strandline_model::letter::LetterReference;
use strandline_model::time::Instant;

use crate::dkim::DkimKey;
use crate::letter::{OutgoingLetter, SenderIdentity, compose};
use crate::outbox::{Outbox, Outcome, SendResult};
use crate::smtp::{Answer, Delivery, Server, Session, SmtpError};

/// How fast, and how stubbornly.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Connections at the same time; at most so many letters can become uncertain at once. 1 to 64.
    pub connections: usize,
    /// Letters a minute at most; `None` for no limit.
    pub letters_per_minute: Option<u32>,
    /// How long to wait after the first "later"; each further one doubles it, to an hour at most.
    pub retry_after: Duration,
    /// After so many attempts a letter counts as refused.
    pub attempts_limit: u32,
    /// How long a run waits for deferred letters before it ends and leaves them to the next.
    pub patience: Duration,
    /// How long to wait after the first connection that failed; each further one in a row doubles it, to a minute at most.
    pub reconnect_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connections: 8,
            letters_per_minute: None,
            retry_after: Duration::from_secs(60),
            attempts_limit: 12,
            patience: Duration::from_secs(15 * 60),
            reconnect_after: Duration::from_secs(1),
        }
    }
}

/// Everything that a run is told.
pub struct SendPlan<'a> {
    /// The mail server.
    pub server: &'a Server,
    /// Who writes.
    pub identity: &'a SenderIdentity,
    /// Signs, where a key is given.
    pub dkim: Option<&'a DkimKey>,
    /// How fast.
    pub pace: Pace,
    /// Set from outside to end the run: what is under way is finished, nothing new begins.
    pub stop: &'a AtomicBool,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Letters that the server took.
    pub accepted: u64,
    /// Letters refused for good.
    pub refused: u64,
    /// Letters that may have arrived; somebody must find out.
    pub uncertain: u64,
    /// Of these, those that an earlier run left in flight.
    pub found_in_flight: u64,
    /// Times that a letter was put off.
    pub deferrals: u64,
}

/// Why a run ended before its time. Letters not yet sent stay queued; run it again.
#[derive(Debug, thiserror::Error)]
pub enum SendError<E: std::error::Error + 'static> {
    /// The state could not be read or written.
    #[error("the state of the letters cannot be read or written: nothing more was sent")]
    Outbox(#[source] E),
    /// The server cannot be used as it is set up.
    #[error("the mail server cannot be used")]
    Server(#[source] SmtpError),
    /// The server cannot be reached any more.
    #[error("the mail server failed {tries} times in a row")]
    Unreachable {
        /// How often.
        tries: u32,
        /// The last failure.
        #[source]
        source: SmtpError,
    },
    /// The server refuses the organisation as a sender.
    #[error("the mail server refuses this sender ({0}): no letter was counted as refused; see that the return path may be used there")]
    SenderRefused(Answer),
    /// It refused one letter after another: something is wrong beyond single addresses.
    #[error(
        "{letters} letters in a row were refused, the last with ({last}): stopped, so that not everybody is refused for one mistake; correct it, or run again to go on"
    )]
    AllRefused {
        /// How many.
        letters: u32,
        /// The last answer.
        last: Answer,
    },
}

/// Letters that a coordinator keeps at hand.
const AT_HAND: usize = 256;

/// Refusals in a row, without one acceptance, after which a run stops.
const REFUSALS_LIMIT: u32 = 25;

/// Failed connections in a row after which a run stops.
const FAILURES_LIMIT: u32 = 8;

/// How often the coordinator looks at the stop sign while it waits.
const GLANCE: Duration = Duration::from_millis(200);

/// Sends what the outbox has until nothing is left that can go now. Each letter goes once; what cannot be known is uncertain.
/// `now` is the clock.
///
/// # Errors
/// [`SendError`]; all that was said to be sent is recorded.
pub fn send<O: Outbox>(plan: &SendPlan<'_>, outbox: &mut O, now: &dyn Fn() -> Instant, progress: &mut dyn FnMut(&Tally)) -> Result<Tally, SendError<O::Error>> {
    let tls = plan.server.tls().map_err(SendError::Server)?;
    let found_in_flight = outbox.settle(now()).map_err(SendError::Outbox)?;
    let (events, inbox) = channel();
    let connections = plan.pace.connections.clamp(1, 64);
    std::thread::scope(|scope| {
        let mut desks = Vec::with_capacity(connections);
        for number in 0..connections {
            let (desk, letters) = channel();
            let (events, tls) = (events.clone(), tls.clone());
            scope.spawn(move || Worker { number, plan, tls, events, session: None }.run(&letters));
            desks.push(desk);
        }
        drop(events);
        let tally = Tally { uncertain: found_in_flight, found_in_flight, ..Tally::default() };
        // Dropping the coordinator closes the desks, which ends the workers, which ends the scope.
        Coordinator::new(plan, outbox, now, desks, tally).run(&inbox, progress)
    })
}

/// What a worker tells the coordinator.
enum Event {
    /// All but the final dot of a letter has left: may it be sent?
    Ready(LetterReference, Sender<bool>),
    /// The letter is done with for now.
    Done(usize, LetterReference, Verdict),
    /// The connection could not be made or was lost; nobody has the letter, and it is not the letter's fault.
    Failed(usize, Box<OutgoingLetter>, SmtpError),
}

/// What became of a letter, before it is known how often that happened.
enum Verdict {
    Accepted(Answer),
    Later(Answer),
    Refused(Answer),
    /// Refused by us: it says nothing of the server.
    Unsendable(Answer),
    SenderRefused(Answer),
    Uncertain(Answer),
    Withheld,
}

struct Worker<'a> {
    number: usize,
    plan: &'a SendPlan<'a>,
    tls: Option<Arc<ClientConfig>>,
    events: Sender<Event>,
    session: Option<Session<'a>>,
}

impl Worker<'_> {
    fn run(mut self, letters: &Receiver<(OutgoingLetter, Instant)>) {
        while let Ok((letter, at)) = letters.recv() {
            let reference = letter.reference.clone();
            let event = match self.carry(&letter, at) {
                Ok(verdict) => Event::Done(self.number, reference, verdict),
                Err(error) => Event::Failed(self.number, Box::new(letter), error),
            };
            if self.events.send(event).is_err() {
                return;
            }
        }
        if let Some(session) = self.session.take() {
            session.close();
        }
    }

    /// Sends one letter; an error means that no connection could be had for it.
    fn carry(&mut self, letter: &OutgoingLetter, at: Instant) -> Result<Verdict, SmtpError> {
        let mail = match compose(letter, self.plan.identity, self.plan.dkim, at) {
            Ok(mail) => mail,
            Err(error) => return Ok(Verdict::Unsendable(Answer::own(error))),
        };
        let events = self.events.clone();
        let mut release = || {
            let (answer, answered) = channel();
            // If the coordinator is gone, so is the answer, and the dot is not sent.
            events.send(Event::Ready(mail.reference.clone(), answer)).is_ok() && answered.recv().unwrap_or(false)
        };
        let mut tried = false;
        loop {
            let mut session = match self.session.take() {
                Some(session) => session,
                None => match Session::open(self.plan.server, self.tls.as_ref()) {
                    Ok(session) => session,
                    // The first try may have left its mark, which an outcome must take back.
                    Err(error) if tried => return Ok(Verdict::Later(Answer::own(error))),
                    Err(error) => return Err(error),
                },
            };
            tried = true;
            let was_used = session.is_used();
            let delivery = session.deliver(&mail, &mut release);
            if session.is_alive() {
                self.session = Some(session);
            }
            return Ok(match delivery {
                Delivery::Accepted(answer) => Verdict::Accepted(answer),
                Delivery::Later(answer) => Verdict::Later(answer),
                Delivery::Refused(answer) => Verdict::Refused(answer),
                Delivery::SenderRefused(answer) => Verdict::SenderRefused(answer),
                Delivery::Withheld => Verdict::Withheld,
                Delivery::Unknown(error) => Verdict::Uncertain(Answer::own(error)),
                // A connection kept open may have been closed by the server for its age: once more, on a new one.
                Delivery::Lost(_) if was_used => continue,
                Delivery::Lost(error) => Verdict::Later(Answer::own(error)),
            });
        }
    }
}

struct Coordinator<'a, O: Outbox> {
    plan: &'a SendPlan<'a>,
    outbox: &'a mut O,
    now: &'a dyn Fn() -> Instant,
    desks: Vec<Sender<(OutgoingLetter, Instant)>>,
    idle: Vec<usize>,
    at_hand: VecDeque<OutgoingLetter>,
    /// At hand, or with a worker.
    taken: BTreeSet<LetterReference>,
    attempts: std::collections::BTreeMap<LetterReference, u32>,
    in_work: usize,
    /// Whether a connection has carried a letter: before that, only one is tried.
    proven: bool,
    failures: u32,
    refusals: u32,
    /// No letter goes before this moment.
    not_before: Moment,
    /// Failures before this moment belong to one that was counted.
    counted_until: Moment,
    began: Moment,
    tally: Tally,
}

impl<'a, O: Outbox> Coordinator<'a, O> {
    fn new(plan: &'a SendPlan<'a>, outbox: &'a mut O, now: &'a dyn Fn() -> Instant, desks: Vec<Sender<(OutgoingLetter, Instant)>>, tally: Tally) -> Self {
        let idle = (0..desks.len()).rev().collect();
        let began = Moment::now();
        Self {
            plan,
            outbox,
            now,
            desks,
            idle,
            at_hand: VecDeque::new(),
            taken: BTreeSet::new(),
            attempts: Default::default(),
            in_work: 0,
            proven: false,
            failures: 0,
            refusals: 0,
            not_before: began,
            counted_until: began,
            began,
            tally,
        }
    }

    fn run(mut self, inbox: &Receiver<Event>, progress: &mut dyn FnMut(&Tally)) -> Result<Tally, SendError<O::Error>> {
        let mut trouble: Option<SendError<O::Error>> = None;
        loop {
            let stopping = trouble.is_some() || self.plan.stop.load(Ordering::Relaxed);
            if !stopping && let Err(error) = self.hand_out() {
                trouble = Some(SendError::Outbox(error));
                continue;
            }
            if self.in_work == 0 && (stopping || self.is_done(&mut trouble)) {
                return trouble.map_or(Ok(self.tally), Err);
            }
            let events = match inbox.recv_timeout(self.wait()) {
                Ok(first) => std::iter::once(first).chain(inbox.try_iter()).collect(),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => Vec::new(),
            };
            if let Err(error) = self.take_in(events) {
                // Marks that were not made durable are not released; what is under way still reports.
                trouble.get_or_insert(error);
            }
            progress(&self.tally);
        }
    }

    /// Gives letters to idle workers, as far as pace and caution allow.
    fn hand_out(&mut self) -> Result<(), O::Error> {
        if self.at_hand.len() < AT_HAND / 4 {
            let fresh = self.outbox.next((self.now)(), AT_HAND, &self.taken)?;
            for letter in fresh {
                if self.taken.insert(letter.reference.clone()) {
                    self.at_hand.push_back(letter);
                }
            }
        }
        let allowed = if self.proven { self.desks.len() } else { 1 };
        while self.in_work < allowed && Moment::now() >= self.not_before && !self.at_hand.is_empty() {
            let Some(number) = self.idle.pop() else { break };
            let Some(letter) = self.at_hand.pop_front() else { break };
            if let Some(limit) = self.plan.pace.letters_per_minute {
                self.not_before = self.not_before.max(Moment::now()) + Duration::from_secs(60) / limit.max(1);
            }
            self.in_work += 1;
            // A worker ends only when its desk is dropped.
            let _ = self.desks[number].send((letter, (self.now)()));
        }
        Ok(())
    }

    /// Whether nothing is left that this run will still send.
    fn is_done(&mut self, trouble: &mut Option<SendError<O::Error>>) -> bool {
        if !self.at_hand.is_empty() {
            return false;
        }
        match self.outbox.next_due() {
            Ok(None) => true,
            Ok(Some(due)) => {
                let left = due.micros().saturating_sub((self.now)().micros());
                let end = self.began + self.plan.pace.patience;
                u64::try_from(left).is_ok_and(|left| Moment::now() + Duration::from_micros(left) > end)
            }
            Err(error) => {
                *trouble = Some(SendError::Outbox(error));
                true
            }
        }
    }

    fn wait(&self) -> Duration {
        let pause = self.not_before.saturating_duration_since(Moment::now());
        if pause.is_zero() { GLANCE } else { pause.min(GLANCE) }
    }

    /// Commits what came in, together; only then are marks released.
    fn take_in(&mut self, events: Vec<Event>) -> Result<(), SendError<O::Error>> {
        let now = (self.now)();
        let (mut marks, mut outcomes, mut trouble) = (Vec::new(), Vec::new(), None);
        for event in events {
            match event {
                Event::Ready(reference, answer) => marks.push((reference, answer)),
                Event::Done(number, reference, verdict) => {
                    self.free(number);
                    self.proven = true;
                    self.failures = 0;
                    self.judge(reference, verdict, now, &mut outcomes, &mut trouble);
                }
                Event::Failed(number, letter, error) => {
                    self.free(number);
                    self.at_hand.push_front(*letter);
                    self.count_failure(error, &mut trouble);
                }
            }
        }
        let references: Vec<LetterReference> = marks.iter().map(|(reference, _)| reference.clone()).collect();
        let committed = self.outbox.commit(&references, &outcomes, now);
        for (_, answer) in marks {
            let _ = answer.send(committed.is_ok());
        }
        for outcome in &outcomes {
            self.taken.remove(&outcome.reference);
        }
        committed.map_err(SendError::Outbox)?;
        trouble.map_or(Ok(()), Err)
    }

    fn free(&mut self, number: usize) {
        self.in_work -= 1;
        self.idle.push(number);
    }

    fn judge(&mut self, reference: LetterReference, verdict: Verdict, now: Instant, outcomes: &mut Vec<Outcome>, trouble: &mut Option<SendError<O::Error>>) {
        let result = match verdict {
            Verdict::Accepted(answer) => {
                self.refusals = 0;
                self.tally.accepted += 1;
                SendResult::Accepted(answer)
            }
            Verdict::Later(answer) => self.put_off(&reference, answer, now),
            Verdict::Refused(answer) => {
                self.refusals += 1;
                if self.refusals >= REFUSALS_LIMIT {
                    *trouble = Some(SendError::AllRefused { letters: self.refusals, last: answer.clone() });
                }
                self.tally.refused += 1;
                SendResult::Refused(answer)
            }
            Verdict::Unsendable(answer) => {
                self.tally.refused += 1;
                SendResult::Refused(answer)
            }
            Verdict::Uncertain(answer) => {
                self.tally.uncertain += 1;
                SendResult::Uncertain(answer)
            }
            Verdict::SenderRefused(answer) => {
                *trouble = Some(SendError::SenderRefused(answer.clone()));
                SendResult::Later { answer, due: now }
            }
            Verdict::Withheld => {
                self.taken.remove(&reference);
                return;
            }
        };
        outcomes.push(Outcome { reference, at: now, result });
    }

    fn put_off(&mut self, reference: &LetterReference, answer: Answer, now: Instant) -> SendResult {
        let attempts = self.attempts.entry(reference.clone()).or_insert(0);
        *attempts += 1;
        if *attempts >= self.plan.pace.attempts_limit {
            self.tally.refused += 1;
            let text = format!("given up after {attempts} attempts; the last: {}", answer.text);
            return SendResult::Refused(Answer { text, ..answer });
        }
        self.tally.deferrals += 1;
        let pause = doubled(self.plan.pace.retry_after, *attempts, Duration::from_secs(3600));
        SendResult::Later { answer, due: now.plus_micros(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)) }
    }

    fn count_failure(&mut self, error: SmtpError, trouble: &mut Option<SendError<O::Error>>) {
        if !error.is_worth_another_try() {
            *trouble = Some(SendError::Server(error));
            return;
        }
        // Connections that failed at the same time count once.
        let now = Moment::now();
        if now < self.counted_until {
            return;
        }
        self.failures += 1;
        if self.failures >= FAILURES_LIMIT {
            *trouble = Some(SendError::Unreachable { tries: self.failures, source: error });
        } else {
            // One connection proves the server again before all are tried.
            self.proven = false;
            self.counted_until = now + doubled(self.plan.pace.reconnect_after, self.failures, Duration::from_secs(60));
            self.not_before = self.not_before.max(self.counted_until);
        }
    }
}

/// `first`, doubled for each time after the first, up to `most`.
fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(most)
}
