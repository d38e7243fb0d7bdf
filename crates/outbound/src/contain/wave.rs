//! A plan as one wave: doors shut before secrets are changed, secrets before live sessions are ended, every target at the same
//! time, and every effect noted before it happens.
//!
//! A run that was killed between an effect and its note does not know whether it happened. The target does: it is read, and
//! what already stands there is not done again.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use strandline_model::containment::{Action, CutStep, Effect, Phase, canonical};
use strandline_model::estate::TargetKind;

use super::error::ContainError;
use super::state::{Difference, Stands, TargetState, changed, compare};
use super::{Capture, Connector, Manner, Reach, Verdict, connect};

/// An action of a plan, with what was there when the plan was made and what is to stand there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The action.
    pub action: Action,
    /// The target's name; the action's own, or the one that somebody chose.
    pub target: String,
    /// What the target held before.
    pub before: TargetState,
    /// What it is to hold.
    pub meant: TargetState,
    /// What evidence the cut destroys, or could not be had.
    pub lost: Vec<String>,
}

/// What is said of a cut that stood as meant before the plan was applied: somebody else's, which an undo leaves as it is.
pub const STOOD_THERE: &str = "it stood there before the plan was applied: somebody else did that, and an undo leaves it";

impl Planned {
    /// What it ends, counted, where that is more than its name tells: sessions of an account.
    pub fn counted(&self) -> Option<String> {
        let is_many = matches!(self.action.effect, Effect::SessionStoreDeleteAccount { .. });
        let told = self.before.0.values().find(|held| held.expose().is_some_and(|text| text.contains(" session")));
        told.filter(|_| is_many).map(|held| format!("{held} of {} at {}", self.action.effect.account().unwrap_or_default(), self.target))
    }
}

/// What is said when it is left.
const LEFT: &str = "left as it stands: it stood there before the plan was applied, by somebody else's hand";

/// Where the steps of a wave are kept. What it returns from is durable.
pub trait Journal {
    /// Notes steps, all together.
    ///
    /// # Errors
    /// If they cannot be made durable: then nothing more is done.
    fn note(&mut self, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Why a wave ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaveError {
    /// A step could not be noted.
    #[error("what was done cannot be noted: nothing more was done, and the same command goes on from here")]
    Journal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A target is not as it was when the plan was made.
    #[error("target {target} is not as the plan found it: {}; nothing was done, make and approve the plan again", told(differences))]
    OtherState {
        /// The target.
        target: String,
        /// Then, meant and now.
        differences: Vec<Difference>,
    },
}

fn told(differences: &[Difference]) -> String {
    let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
    list.join("; ")
}

/// What became of one action in this run.
#[derive(Debug)]
pub enum Done {
    /// It was applied, or taken back.
    Now,
    /// It had been before: the target was read, and nothing was done.
    Already,
    /// It was not, or not all of it.
    Failed(ContainError),
}

/// What a worker is asked about one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Protected,
    Read,
    Capture,
    Apply,
    Verify,
    Undo,
}

/// What it answers.
enum Told {
    State(TargetState),
    Capture(Capture),
    Verdict(Verdict),
    Done,
}

/// A question of which time, about which action; evidence is not begun any more after its time.
struct Question {
    number: u64,
    at: usize,
    asked: Asked,
    planned: Planned,
    until: Instant,
}

/// Which question it answers, the action, and the answer.
type Reply = (u64, usize, Result<Told, ContainError>);

/// One thread a target, which alone speaks to it; given up, not waited for, when it is late.
struct Worker {
    ask: Sender<Question>,
}

/// The targets of a plan, each spoken to by a thread of its own.
pub struct Wave<'p> {
    plan: &'p [Planned],
    workers: BTreeMap<String, Worker>,
    replies: Receiver<Reply>,
    /// Questions so far: an answer that comes after its question was given up answers no other one.
    asked: Cell<u64>,
    patience: Duration,
    evidence: Duration,
}

impl<'p> Wave<'p> {
    /// Signs in at every target, all at once, when it is first asked something.
    pub fn new(plan: &'p [Planned], reaches: &BTreeMap<String, Reach>, manner: &Manner) -> Self {
        let (tell, replies) = channel();
        let names: BTreeSet<&String> = plan.iter().map(|planned| &planned.target).collect();
        let workers = names.into_iter().map(|name| (name.clone(), worker(name, reaches.get(name).cloned(), manner.clone(), tell.clone()))).collect();
        Self { plan, workers, replies, asked: Cell::new(0), patience: manner.patience, evidence: manner.evidence }
    }

    /// Asks all of these at once and waits for their answers, each target one after another; a target that is late is given up.
    fn ask(&self, asked: Asked, which: &[usize]) -> BTreeMap<usize, Result<Told, ContainError>> {
        let mut most: BTreeMap<&str, u32> = BTreeMap::new();
        for &at in which {
            *most.entry(self.plan[at].target.as_str()).or_default() += 1;
        }
        // An answer can take a sign-in, a few questions of one patience each and the half seconds of looking twice.
        let allowed = match asked {
            Asked::Capture => self.evidence,
            _ => self.patience * 3 * most.values().copied().max().unwrap_or(1) + Duration::from_secs(5),
        };
        let begun = Instant::now();
        let until = begun.checked_add(allowed).unwrap_or(begun);
        let question = self.asked.get() + 1;
        self.asked.set(question);
        let mut answers = BTreeMap::new();
        for &at in which {
            let planned = &self.plan[at];
            let one = Question { number: question, at, asked, planned: planned.clone(), until };
            let asked = self.workers.get(&planned.target).and_then(|worker| worker.ask.send(one).ok());
            if asked.is_none() {
                answers.insert(at, Err(too_slow(planned, Duration::ZERO)));
            }
        }
        while answers.len() < which.len() {
            match self.replies.recv_timeout(allowed.saturating_sub(begun.elapsed())) {
                Ok((of, at, answer)) if of == question => {
                    answers.insert(at, answer);
                }
                Ok(_) => {} // An answer to something that was given up before.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        for &at in which {
            answers.entry(at).or_insert_with(|| Err(too_slow(&self.plan[at], allowed)));
        }
        answers
    }

    /// How each target stands now. Changes nothing.
    pub fn read(&self, which: &[usize]) -> BTreeMap<usize, Result<Stands, ContainError>> {
        let answers = self.ask(Asked::Read, which);
        let stands = |at: usize, told| match told {
            Told::State(now) => Ok(compare(&self.plan[at].before, &self.plan[at].meant, &now)),
            _ => Err(strange(&self.plan[at])),
        };
        answers.into_iter().map(|(at, answer)| (at, answer.and_then(|told| stands(at, told)))).collect()
    }

    /// Which of these would be refused, since they are never cut off, or it cannot be told. Changes nothing.
    pub fn protected(&self, which: &[usize]) -> BTreeMap<usize, ContainError> {
        self.ask(Asked::Protected, which).into_iter().filter_map(|(at, answer)| Some((at, answer.err()?))).collect()
    }

    /// How many actions it has.
    pub fn len(&self) -> usize {
        self.plan.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// The action with which the evidence of this one is captured: the first of the same target and the same person.
    pub fn captured_with(&self, at: usize) -> usize {
        let whose = |at: usize| {
            let Planned { target, action, .. } = &self.plan[at];
            (target, action.effect.phase() == Phase::EndSession, subject_of(&action.effect))
        };
        (0..at).find(|first| whose(*first) == whose(at)).unwrap_or(at)
    }

    /// Evidence of the targets of these actions, and of everybody whom they cut off there, for as long as evidence may take; what is
    /// not had by then is told as late. Changes nothing.
    pub fn capture(&self, of: &[usize]) -> BTreeMap<usize, Result<Capture, ContainError>> {
        let first: BTreeSet<usize> = of.iter().map(|at| self.captured_with(*at)).collect();
        let answers = self.ask(Asked::Capture, &first.into_iter().collect::<Vec<_>>());
        answers
            .into_iter()
            .map(|(at, answer)| {
                let capture = answer.and_then(|told| match told {
                    Told::Capture(capture) => Ok(capture),
                    _ => Err(strange(&self.plan[at])),
                });
                (at, capture)
            })
            .collect()
    }

    /// Tries the doors of these actions; a target that somebody changed since is told so first.
    pub fn verify(&self, which: &[usize]) -> BTreeMap<usize, Result<Verdict, ContainError>> {
        let stands = self.read(which);
        let found = self.try_doors(which).into_iter();
        found.map(|(at, verdict)| (at, verdict.map(|verdict| with_drift(verdict, stands.get(&at), &self.plan[at])))).collect()
    }

    /// Tries the doors of these actions as they stand, applied or not: nothing of what is not applied yet was changed since.
    pub fn try_doors(&self, which: &[usize]) -> BTreeMap<usize, Result<Verdict, ContainError>> {
        let told = |(at, answer): (usize, Result<Told, ContainError>)| {
            let verdict = answer.and_then(|told| match told {
                Told::Verdict(verdict) => Ok(verdict),
                _ => Err(strange(&self.plan[at])),
            });
            (at, verdict)
        };
        self.ask(Asked::Verify, which).into_iter().map(told).collect()
    }

    /// Applies these actions in the order of their phases, each noted before it happens. A target that is not as the plan found
    /// it stops the wave before anything is done.
    ///
    /// # Errors
    /// If a target has another state, or a step cannot be noted. What a target refuses is told with its action, and the others go on.
    pub fn apply(&self, steps: &BTreeMap<usize, CutStep>, journal: &mut dyn Journal) -> Result<BTreeMap<usize, Done>, WaveError> {
        let open: Vec<usize> =
            (0..self.plan.len()).filter(|at| !matches!(steps.get(at), Some(CutStep::Applied | CutStep::Undone | CutStep::Undoing))).collect();
        let stands = self.read(&open);
        let mut done = BTreeMap::new();
        let mut settled = Vec::new();
        for (at, stand) in stands {
            let planned = &self.plan[at];
            let began = matches!(steps.get(&at), Some(CutStep::Applying | CutStep::Failed));
            match stand {
                Ok(Stands::Elsewhere(differences)) => return Err(WaveError::OtherState { target: planned.target.clone(), differences }),
                // Somebody else's half would be taken back with ours.
                Ok(Stands::Between) if !began => return Err(self.half_by_others(at)),
                Ok(Stands::AsMeant) if !planned.meant.0.is_empty() => {
                    let whose = if began { "read back: it stood there already" } else { STOOD_THERE };
                    settled.push((at, CutStep::Applied, Some(whose.to_owned())));
                    done.insert(at, Done::Already);
                }
                Ok(Stands::Ended(why)) => {
                    settled.push((at, CutStep::Applied, Some(why)));
                    done.insert(at, Done::Already);
                }
                Ok(_) => {}
                Err(error) => {
                    settled.push((at, CutStep::Failed, Some(error.to_string())));
                    done.insert(at, Done::Failed(error));
                }
            }
        }
        note(journal, &settled)?;
        let mut left: Vec<usize> = open.into_iter().filter(|at| !done.contains_key(at)).collect();
        left.sort_by_key(|at| (self.plan[*at].action.effect.phase(), self.plan[*at].action.notices, *at));
        for phase in [Phase::ShutDoor, Phase::ChangeSecret, Phase::EndSession] {
            let now: Vec<usize> = left.iter().copied().filter(|at| self.plan[*at].action.effect.phase() == phase).collect();
            done.extend(self.bring(Asked::Apply, &now, (CutStep::Applying, CutStep::Applied), journal)?);
        }
        Ok(done)
    }

    fn half_by_others(&self, at: usize) -> WaveError {
        let planned = &self.plan[at];
        let differences = match self.ask(Asked::Read, &[at]).remove(&at) {
            Some(Ok(Told::State(now))) => changed(&planned.before, &planned.meant, &now),
            _ => Vec::new(),
        };
        WaveError::OtherState { target: planned.target.clone(), differences }
    }

    /// Ends again what came back: sessions that a running request saved once more, connections that a pool opened.
    pub fn end_again(&self, which: &[usize]) -> BTreeMap<usize, Result<(), ContainError>> {
        let ended: Vec<usize> = which.iter().copied().filter(|at| self.plan[*at].action.effect.phase() == Phase::EndSession).collect();
        self.ask(Asked::Apply, &ended).into_iter().map(|(at, answer)| (at, answer.map(|_| ()))).collect()
    }

    /// Takes these actions back, the last first, each noted before it happens. One whose target somebody changed since is left
    /// alone, unless it is forced; and so is what stood there before we began (`theirs`).
    ///
    /// # Errors
    /// If a step cannot be noted. What a target refuses is told with its action, and the others go on.
    pub fn undo(&self, (which, theirs): (&[usize], &BTreeSet<usize>), force: Force, journal: &mut dyn Journal) -> Result<BTreeMap<usize, Done>, WaveError> {
        let stands = self.read(which);
        let mut done = BTreeMap::new();
        let mut settled = Vec::new();
        let mut left = Vec::new();
        for (at, stand) in stands {
            let planned = &self.plan[at];
            match stand {
                Ok(Stands::Before) => {
                    settled.push((at, CutStep::Undone, Some("it is as before already".to_owned())));
                    done.insert(at, Done::Already);
                }
                Ok(Stands::Ended(why)) => {
                    settled.push((at, CutStep::Undone, Some(format!("nothing of it is left to give back: {why}"))));
                    done.insert(at, Done::Already);
                }
                Ok(Stands::AsMeant) if theirs.contains(&at) && force == Force::No => {
                    settled.push((at, CutStep::Undone, Some(LEFT.to_owned())));
                    done.insert(at, Done::Already);
                }
                Ok(Stands::Elsewhere(differences)) if force == Force::No => {
                    done.insert(at, Done::Failed(ContainError::Changed { target: planned.target.clone(), differences }));
                }
                Ok(_) => left.push(at),
                Err(error) => {
                    done.insert(at, Done::Failed(error));
                }
            }
        }
        note(journal, &settled)?;
        left.sort_by_key(|at| std::cmp::Reverse((self.plan[*at].action.effect.phase(), *at)));
        done.extend(self.bring(Asked::Undo, &left, (CutStep::Undoing, CutStep::Undone), journal)?);
        Ok(done)
    }

    /// Notes that it begins, does it, reads it back, and notes what was found.
    fn bring(&self, asked: Asked, which: &[usize], (begins, ends): (CutStep, CutStep), journal: &mut dyn Journal) -> Result<BTreeMap<usize, Done>, WaveError> {
        if which.is_empty() {
            return Ok(BTreeMap::new());
        }
        note(journal, &which.iter().map(|at| (*at, begins, None)).collect::<Vec<_>>())?;
        let answers = self.ask(asked, which);
        // Who refused is read, too: what a killed run had begun can have ended in between, and then there was nothing left to do.
        let late = |answer: &Result<Told, ContainError>| matches!(answer, Err(ContainError::Unreachable { .. } | ContainError::TooSlow { .. }));
        let wanted: Vec<usize> = answers.iter().filter(|(_, answer)| !late(answer)).map(|(at, _)| *at).collect();
        let mut stands = self.read(&wanted);
        let mut done = BTreeMap::new();
        let mut steps = Vec::new();
        for (at, answer) in answers {
            let planned = &self.plan[at];
            let stand = stands.remove(&at).unwrap_or_else(|| Err(strange(planned)));
            let outcome = match (answer, stand, asked) {
                // An action without a state of its own, such as an end of sessions, is told by its answer alone.
                (Err(error), _, _) if planned.meant == planned.before => Err(error),
                (_, Ok(Stands::AsMeant | Stands::Ended(_)), Asked::Apply) | (_, Ok(Stands::Before | Stands::Ended(_)), Asked::Undo) => Ok(()),
                (Ok(_), Ok(Stands::AsMeant), Asked::Undo) if planned.meant == planned.before => Ok(()),
                (Err(error), ..) => Err(error),
                (Ok(_), Ok(Stands::Elsewhere(differences)), _) => Err(ContainError::Changed { target: planned.target.clone(), differences }),
                (Ok(_), Ok(_), _) => Err(strange(planned)),
                (Ok(_), Err(error), _) => Err(error),
            };
            match outcome {
                Ok(()) => {
                    steps.push((at, ends, None));
                    done.insert(at, Done::Now);
                }
                Err(error) => {
                    // Late is not failed: it stays begun, and the next run reads what became of it.
                    if !matches!(error, ContainError::TooSlow { .. }) && asked == Asked::Apply {
                        steps.push((at, CutStep::Failed, Some(error.to_string())));
                    }
                    done.insert(at, Done::Failed(error));
                }
            }
        }
        note(journal, &steps)?;
        Ok(done)
    }
}

/// Whether an undo goes over somebody else's change: a decision of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It does not.
    No,
    /// It does.
    Yes,
}

/// What evidence of a target is about, where it is not the same whatever is cut there.
fn subject_of(effect: &Effect) -> Option<String> {
    match effect.target_kind() {
        TargetKind::Postgres | TargetKind::Pgbouncer | TargetKind::Nftables => None,
        TargetKind::Web => matches!(effect, Effect::WebRotateKey { .. }).then(|| "key".to_owned()),
        _ => Some(effect.account().map_or_else(|| canonical(effect), str::to_owned)),
    }
}

fn note(journal: &mut dyn Journal, steps: &[(usize, CutStep, Option<String>)]) -> Result<(), WaveError> {
    if steps.is_empty() { Ok(()) } else { journal.note(steps).map_err(WaveError::Journal) }
}

fn too_slow(planned: &Planned, after: Duration) -> ContainError {
    ContainError::TooSlow { target: planned.target.clone(), doing: "answer".to_owned(), seconds: after.as_secs() }
}

fn strange(planned: &Planned) -> ContainError {
    ContainError::Strange { target: planned.target.clone(), why: "it says that it did it, and it does not stand there".to_owned() }
}

/// What somebody changed since is an open door, whatever a trial says.
fn with_drift(mut verdict: Verdict, stands: Option<&Result<Stands, ContainError>>, planned: &Planned) -> Verdict {
    match stands {
        Some(Ok(Stands::Elsewhere(differences))) => verdict.doors.extend(differences.iter().map(|difference| format!("changed since: {difference}"))),
        Some(Ok(Stands::Before | Stands::Between)) if planned.before != planned.meant => {
            verdict.doors.push("changed since: what was there before is there again, or half of it".to_owned());
        }
        Some(Err(error)) => {
            verdict.untested.push(error.to_string());
            verdict.is_blind = true;
        }
        _ => {}
    }
    verdict
}

fn worker(name: &str, reach: Option<Reach>, manner: Manner, tell: Sender<Reply>) -> Worker {
    let (ask, asked) = channel::<Question>();
    let name = name.to_owned();
    // Not joined: a target that never answers must not hold the others.
    std::thread::spawn(move || {
        let mut connector: Option<Box<dyn Connector>> = None;
        let mut silent_since: Option<Instant> = None;
        while let Ok(Question { number, at, asked: what, planned, until }) = asked.recv() {
            // Each action of a dead target would wait for itself, and the others' doors with them.
            let is_silent = silent_since.is_some_and(|since| since.elapsed() < manner.patience);
            let answer = match &reach {
                // Nobody waits for it any more, and doors do.
                _ if what == Asked::Capture && Instant::now() >= until => Err(too_slow(&planned, manner.evidence)),
                None => Err(ContainError::Absent { target: name.clone(), what: "entry in the estate".to_owned() }),
                Some(_) if is_silent => {
                    let source = std::io::Error::new(std::io::ErrorKind::TimedOut, "it did not a moment ago");
                    Err(ContainError::Unreachable { target: name.clone(), source })
                }
                Some(reach) => answer(&mut connector, reach, &manner, what, &planned),
            };
            if !is_silent {
                // A connection that broke is made anew for the next question; one that could not be made is not tried at once again.
                let is_lost = matches!(answer, Err(ContainError::Unreachable { .. }));
                let had_none = is_lost && connector.take().is_none();
                silent_since = had_none.then(Instant::now);
            }
            if tell.send((number, at, answer)).is_err() {
                return;
            }
        }
    });
    Worker { ask }
}

fn answer(connector: &mut Option<Box<dyn Connector>>, reach: &Reach, manner: &Manner, what: Asked, planned: &Planned) -> Result<Told, ContainError> {
    if connector.is_none() {
        *connector = Some(connect(reach, manner)?);
    }
    let Some(connector) = connector else { return Err(strange(planned)) };
    let effect = &planned.action.effect;
    match what {
        Asked::Protected => connector.refuse_protected(effect).map(|()| Told::Done),
        Asked::Read => connector.read_again(effect, &planned.before).map(Told::State),
        Asked::Capture => connector.capture(effect).map(Told::Capture),
        // Checked at the last moment: the list can have grown since the plan.
        Asked::Apply => connector.refuse_protected(effect).and_then(|()| connector.apply(effect, &planned.meant)).map(|()| Told::Done),
        Asked::Verify => connector.verify(effect, &planned.before, &planned.meant).map(Told::Verdict),
        Asked::Undo => connector.undo(effect, &planned.before).map(|()| Told::Done),
    }
}

/// Makes the plan of some actions: each target is read, and what is to stand there is settled, so that a rerun aims at the same.
///
/// # Errors
/// With the action that cannot be had, and why.
pub fn plan(
    actions: &[Action],
    reaches: &BTreeMap<String, Reach>,
    manner: &Manner,
    random: &mut dyn FnMut() -> [u8; 32],
) -> Result<Vec<Planned>, (usize, ContainError)> {
    let mut connectors: BTreeMap<&str, Box<dyn Connector>> = BTreeMap::new();
    let mut planned = Vec::new();
    for (at, action) in actions.iter().enumerate() {
        let failed = |error| (at, error);
        let name = action.target.as_deref().unwrap_or_default();
        let reach = reaches.get(name).ok_or_else(|| failed(ContainError::Absent { target: name.to_owned(), what: "entry in the estate".to_owned() }))?;
        if reach.target.kind != action.effect.target_kind() {
            return Err(failed(ContainError::NoConnector { target: name.to_owned(), kind: reach.target.kind.as_str() }));
        }
        if !connectors.contains_key(name) {
            connectors.insert(&reach.target.name, connect(reach, manner).map_err(failed)?);
        }
        let Some(connector) = connectors.get_mut(name) else { continue };
        let before = connector.read(&action.effect).map_err(failed)?;
        connector.refuse_protected(&action.effect).map_err(failed)?;
        let meant = connector.meant(&action.effect, &before, random).map_err(failed)?;
        planned.push(Planned { action: action.clone(), target: name.to_owned(), before, meant, lost: Vec::new() });
    }
    Ok(planned)
}
