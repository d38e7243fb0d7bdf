//! The drill: makes a department at work and an intruder in it as log files in the genuine formats, with the truth
//! written apart, and scores an answer against that truth. It never reads its own logs and knows no stage.

mod clock;
mod database;
mod dice;
mod dump;
mod estate;
mod evtx;
mod flights;
mod gate;
mod intruder;
mod logfile;
mod office;
mod people;
mod real;
mod score;
mod staff;
mod store;
mod targets;
mod truth;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use strandline_model::time::{Instant, Interval};
use strandline_model::trail::Pin;

use crate::clock::{DAY, HONG_KONG, HOUR, MINUTE, Millis, days, weekday};
use crate::dice::Dice;
use crate::gate::Gate;
use crate::intruder::Intruder;
use crate::staff::{Job, Worker};
use crate::world::World;

pub use crate::gate::{Cut, Refusals, Refused};
pub use crate::real::{Real, RealError};
pub use crate::score::{Exported, Score, Taken, score, taken};
pub use crate::targets::{Gatehouse, answer};
pub use crate::truth::{Intrusion, TrueGap, TrueStatement, TrueStep};

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// People in the register, at least 200.
    pub people: u32,
    /// Days of work, at least 3.
    pub days: u32,
    /// The same plan with the same seed gives the same bytes.
    pub seed: u64,
    /// What the intruder does.
    pub scenario: Scenario,
    /// Whether part of the logs is lost.
    pub gap: bool,
    /// Scales normal traffic until the logs have about this size before compression.
    pub target_bytes: Option<u64>,
}

impl Plan {
    /// A department of 6,800 people over two weeks.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        Self { people: 6_800, days: 14, seed, scenario, gap: false, target_bytes: None }
    }
}

/// What the intruder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// From the notice board into the crew database, then into the crew system.
    Pivot,
    /// A clerk's cookie, used from a second network.
    StolenSession,
    /// A search parameter that reads the personal data itself.
    Injection,
    /// An employee's curiosity, below every threshold.
    Insider,
    /// A guessed password, a remote desktop, and an export on a share.
    FileShare,
    /// A stolen password for a program of one URL, whose log names no session.
    OneUrl,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Pivot, Self::StolenSession, Self::Injection, Self::Insider, Self::FileShare, Self::OneUrl];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pivot => "pivot",
            Self::StolenSession => "stolen-session",
            Self::Injection => "injection",
            Self::Insider => "insider",
            Self::FileShare => "file-share",
            Self::OneUrl => "one-url",
        })
    }
}

/// A scenario that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scenario: choose pivot, stolen-session, injection, insider, file-share or one-url")]
pub struct ScenarioError(pub String);

impl FromStr for Scenario {
    type Err = ScenarioError;
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.to_string() == written).ok_or_else(|| ScenarioError(written.to_owned()))
    }
}

/// What was made, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Department {
    /// `estate.toml`.
    pub estate: PathBuf,
    /// The folder of logs.
    pub evidence: PathBuf,
    /// The contact register.
    pub register: PathBuf,
    /// The dump; in `file-share` the copy of the export that was read.
    pub snapshot: PathBuf,
    /// The folder of truth: `exposures.csv`, `intrusion.json`.
    pub truth: PathBuf,
    /// What a responder would know at the start: in `insider` a complaint names the account, in `one-url` somebody names the
    /// address.
    pub pins: Vec<Pin>,
    /// The time that the logs span.
    pub window: Interval,
}

/// Why a drill could not be made or scored.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// A plan that cannot be carried out: wrong use.
    #[error("a drill needs at least {least} {what}")]
    Plan {
        /// What there is too little of.
        what: &'static str,
        /// The least that will do.
        least: u32,
    },
    /// A file could not be written; the disk's or the folder's fault.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A truth file could not be read.
    #[error("cannot read the truth in {}", path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Cuts in a department without simulated targets: wrong use.
    #[error("the scenario {0} has no simulated target: cuts are not tried in it")]
    NoTarget(Scenario),
    /// A line could not be put into JSON: our bug.
    #[error("cannot write JSON")]
    Json(#[source] serde_json::Error),
}

/// Makes the department of `plan` below the folder `into`. `progress` hears how many bytes of log lines there are.
///
/// # Errors
/// Where the plan is too small, or a file cannot be written.
pub fn generate(plan: &Plan, into: &Path, progress: &mut dyn FnMut(u64)) -> Result<Department, DrillError> {
    generate_with(plan, &[], into, progress).map(|(department, _)| department)
}

/// The same department, whose servers hold these cuts; and what they refused. Who is refused goes on trying, as
/// the intruder does.
///
/// # Errors
/// As [`generate`]; and for `file-share`, which has no simulated target.
pub fn generate_with(plan: &Plan, cuts: &[Cut], into: &Path, progress: &mut dyn FnMut(u64)) -> Result<(Department, Refusals), DrillError> {
    for (value, least, what) in [(plan.people, 200, "people"), (plan.days, 3, "days")] {
        if value < least {
            return Err(DrillError::Plan { what, least });
        }
    }
    let rate = match plan.target_bytes {
        Some(target) => rate_for(plan, target)?,
        None => 1.0,
    };
    let folders = ["evidence", "snapshot", "register", "truth"].map(|name| into.join(name));
    for folder in &folders {
        std::fs::create_dir_all(folder).map_err(|source| DrillError::Write { path: folder.clone(), source })?;
    }
    if plan.scenario == Scenario::FileShare {
        if !cuts.is_empty() {
            return Err(DrillError::NoTarget(plan.scenario));
        }
        return office::generate(plan, into, window(plan), rate, progress).map(|department| (department, Refusals::default()));
    }
    let [evidence, snapshot, register, truth] = folders;
    let (snapshot, register) = (snapshot.join("crew.sql"), register.join("crew.csv"));
    let window = window(plan);
    let mut simulation = Simulation::new(plan, Some(&evidence), rate, true);
    simulation.world.gate = Gate::of(cuts);
    simulation.run(window, Some(&snapshot), progress)?;
    let estate = into.join("estate.toml");
    let text = estate::estate(plan.scenario, simulation.snapshot_at);
    std::fs::write(&estate, text).map_err(|source| DrillError::Write { path: estate.clone(), source })?;
    dump::write_register(&register, &simulation.world.store, &mut Dice::stream(plan.seed, "register"))?;
    let pins = simulation.intruder.pins();
    let World { truth: book, store, gate, .. } = simulation.world;
    book.write(&truth, &store)?;
    let window = Interval { from: Instant(window.0 * 1000), to: Instant(window.1 * 1000) };
    Ok((Department { estate, evidence, register, snapshot, truth, pins, window }, gate.into_refused()))
}

/// The window: from a Monday's midnight in Hong Kong.
fn window(plan: &Plan) -> (Millis, Millis) {
    let start = days(2026, 9, 7) * DAY - HONG_KONG + (plan.seed % 6) as i64 * 7 * DAY;
    (start, start + i64::from(plan.days) * DAY)
}

/// How much busier than usual people must be for logs of `target` bytes: two small worlds at work, logged nowhere, say
/// how much of a day's log is fixed and how much follows the people.
fn rate_for(plan: &Plan, target: u64) -> Result<f64, DrillError> {
    let start = window(plan).0;
    let mut measured = [0.0, 0.0];
    for (bytes, rate) in measured.iter_mut().zip([1.0, 3.0]) {
        if plan.scenario == Scenario::FileShare {
            *bytes = office::measure(plan, (start, start + 2 * DAY), rate)? as f64 / 2.0;
            continue;
        }
        let mut simulation = Simulation::new(plan, None, rate, false);
        simulation.run((start, start + 2 * DAY), None, &mut |_| {})?;
        *bytes = simulation.world.written() as f64 / 2.0;
    }
    let by_people = ((measured[1] - measured[0]) / 2.0).max(1.0);
    let fixed = measured[0] - by_people;
    let busy: f64 = (0..i64::from(plan.days)).map(|d| if weekday(start + d * DAY) < 5 { 1.0 } else { 0.2 }).sum();
    Ok(((target as f64 - fixed * f64::from(plan.days)) / (by_people * busy)).max(0.05))
}

/// Everybody and everything that acts, by whose turn it is. Memory follows the number of actors, not of days or bytes.
struct Simulation {
    world: World,
    workers: Vec<Worker>,
    jobs: Vec<Job>,
    intruder: Intruder,
    snapshot_at: Millis,
    with_intruder: bool,
}

impl Simulation {
    fn new(plan: &Plan, evidence: Option<&Path>, rate: f64, with_intruder: bool) -> Self {
        let window = window(plan);
        let mut world = World::new(plan, evidence, window);
        let workers = staff::workers(plan, rate, window.0);
        let jobs = staff::jobs(plan, window);
        let intruder = Intruder::new(plan, window, &mut world, &workers);
        let snapshot_at = intruder.snapshot_at();
        if plan.gap && with_intruder {
            intruder.lose_evidence(plan, &mut world);
        }
        Self { world, workers, jobs, intruder, snapshot_at, with_intruder }
    }

    fn run(&mut self, window: (Millis, Millis), snapshot: Option<&Path>, progress: &mut dyn FnMut(u64)) -> Result<(), DrillError> {
        let mut turns = BinaryHeap::new();
        let (people, jobs) = (self.workers.len(), self.jobs.len());
        turns.extend(self.workers.iter().enumerate().map(|(i, w)| Reverse((w.first_turn(), i))));
        turns.extend(self.jobs.iter().enumerate().map(|(i, j)| Reverse((j.first_turn(window.0), people + i))));
        if self.with_intruder {
            turns.extend(self.intruder.next_turn().map(|at| Reverse((at, people + jobs))));
        }
        turns.push(Reverse((self.snapshot_at, people + jobs + 1)));
        let flights = people + jobs + 2;
        let mut waiting = false;
        let mut told = window.0;
        while let Some(Reverse((at, who))) = turns.pop() {
            if at >= window.1 {
                break;
            }
            let next = if who < people {
                Some(self.workers[who].turn(at, &mut self.world)?)
            } else if who < people + jobs {
                Some(self.jobs[who - people].turn(at, &mut self.world)?)
            } else if who == people + jobs {
                self.world.gate.is_intruders_turn = true;
                let next = self.intruder.turn(at, &mut self.world, &self.workers)?;
                self.world.gate.is_intruders_turn = false;
                next
            } else if who == flights {
                waiting = false;
                self.world.fly(at)?;
                None
            } else {
                if let Some(path) = snapshot {
                    dump::write_dump(path, &self.world.store, &mut Dice::stream(at as u64, "dump"))?;
                }
                None
            };
            turns.extend(next.map(|next| Reverse((next.max(at + 1), who))));
            if let Some(next) = self.world.next_flight().filter(|_| !waiting) {
                waiting = true;
                turns.push(Reverse((next.max(at + 1), flights)));
            }
            if at - told > 10 * MINUTE {
                told = at;
                progress(self.world.written());
            }
        }
        while let Some(next) = self.world.next_flight() {
            self.world.fly(next)?;
        }
        self.world.finish()?;
        progress(self.world.written());
        Ok(())
    }
}

/// The hour of the nightly dump, local time.
const DUMP_HOUR: Millis = 3 * HOUR + 30 * MINUTE;
