//! The drill's cut: what is proposed is planned, approved, applied, verified and taken back at targets of the drill's own; and the
//! department is made again as if it had been cut off earlier.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use strandline_drill::{Cut, Department, Gatehouse, Intrusion, Plan, Real, Refused, Scenario, Taken, generate_with, taken};
use strandline_model::containment::{Action, Effect};
use strandline_response::{Back, Containment, CutError, Force, Outdone, Response, ResponseError, Secret, TargetSecrets, WaveView};

use crate::cmd::Common;
use crate::ui::{Format, Screen, thousands};

/// The word of the hidden command that is the simulated gate.
pub const GATE: &str = "drill-gate";

/// Minutes of delay that are shown.
const SHOWN_MINUTES: [u32; 8] = [1, 2, 5, 10, 30, 60, 240, 1440];

/// The targets of a drill.
pub enum Targets {
    /// A process that keeps the contract of programs.
    Simulated(Gatehouse),
    /// Real servers.
    Real {
        /// The servers.
        servers: Real,
        /// Where they keep their files: it goes after them.
        _folder: tempfile::TempDir,
    },
}

impl Targets {
    /// Sets them up, and describes them in the drill's estate. A department without simulated targets has none.
    pub fn set_up(plan: &Plan, into: &Path, department: &Department, is_real: bool) -> anyhow::Result<Option<Self>> {
        if plan.scenario == Scenario::FileShare {
            anyhow::ensure!(!is_real, "the scenario file-share has no targets: choose another one with --scenario");
            return Ok(None);
        }
        let (targets, text) = if is_real {
            // Servers run as somebody else, who need not be able to enter the drill's folder.
            let folder = tempfile::tempdir()?;
            let real = Real::start(&folder.path().join("targets"), &read_intrusion(department)?)?;
            let text = real.estate();
            std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            (Self::Real { servers: real, _folder: folder }, text)
        } else {
            let key: String = crate::cmd::random().iter().map(|byte| format!("{byte:02x}")).collect();
            let folder = std::path::absolute(into.join("targets"))?;
            let gate = Gatehouse::set_up(&folder, &key)?;
            let text = gate.estate(&std::env::current_exe()?, GATE);
            (Self::Simulated(gate), text)
        };
        let estate = std::fs::read_to_string(&department.estate)? + &text;
        std::fs::write(&department.estate, estate).with_context(|| format!("cannot write {}", department.estate.display()))?;
        Ok(Some(targets))
    }

    fn state(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Simulated(gate) => gate.state()?,
            Self::Real { servers, .. } => servers.state()?,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "the simulated gate",
            Self::Real { .. } => "real servers",
        }
    }
}

fn read_intrusion(department: &Department) -> anyhow::Result<Intrusion> {
    Ok(serde_json::from_str(&std::fs::read_to_string(department.truth.join("intrusion.json"))?)?)
}

/// What came of the cut.
#[derive(serde::Serialize)]
pub struct Rehearsal {
    /// Where.
    pub targets: &'static str,
    /// Actions of the wave.
    pub actions: usize,
    /// Of these, effective ones.
    pub effective: usize,
    /// Doors that are open, and what could not be tried.
    pub open: Vec<String>,
    /// Actions that could not be planned, and what was not done.
    pub failed: Vec<String>,
    /// From the end of the response to the last answer of verification: plan, two approvals, evidence, wave, verification.
    pub seconds: f64,
    /// Whether undo gave back exactly what was there.
    pub is_undo_exact: bool,
    /// What was cut.
    #[serde(skip)]
    pub wave: Vec<Action>,
}

impl Rehearsal {
    /// Whether the cut came about, held and was taken back as it is to be.
    pub fn is_sound(&self) -> bool {
        self.actions > 0 && self.effective == self.actions && self.failed.is_empty() && self.is_undo_exact
    }
}

/// Plans, has approved, applies, verifies and takes back what is proposed for the case.
pub fn rehearse(common: &Common, case: &Path, targets: &Targets) -> anyhow::Result<Rehearsal> {
    let began = Instant::now();
    let before = targets.state()?;
    let mut failed = Vec::new();
    let mut wave = with(common, case, "drill", |response| Ok(chosen(&response.containment()?)))?;
    let secrets = with(common, case, "drill", |response| secrets(response))?;
    let mut is_planned = false;
    while !is_planned && !wave.is_empty() {
        let planned = with(common, case, "drill", |response| Ok(response.plan_cut(&wave, None, &secrets).map(|_| ())))?;
        let error = match planned {
            Ok(()) => {
                is_planned = true;
                continue;
            }
            Err(ResponseError::Cut(error)) => *error,
            Err(error) => return Err(error.into()),
        };
        // What cannot be had is told, and the rest is cut.
        let CutError::Unplannable { action, source } = error else { return Err(error.into()) };
        failed.push(format!("{action} cannot be planned: {source}"));
        wave.retain(|known| known.id != action);
    }
    let mut view = None;
    if is_planned {
        for who in ["first approver of the drill", "second approver of the drill"] {
            with(common, case, who, |response| Ok(response.approve_cut(None, None)?))?;
        }
        view = Some(with(common, case, "drill", |response| Ok(response.apply_cut(None, &secrets)?))?);
    }
    let seconds = began.elapsed().as_secs_f64();
    if is_planned {
        with(common, case, "drill", |response| Ok(response.undo_cut(Back::All, Force::No, &secrets)?))?;
    }
    let is_undo_exact = targets.state()? == before;
    Ok(told(targets, view.as_ref(), wave, (failed, seconds, is_undo_exact)))
}

fn told(targets: &Targets, view: Option<&WaveView>, wave: Vec<Action>, (mut failed, seconds, is_undo_exact): (Vec<String>, f64, bool)) -> Rehearsal {
    let cuts = view.map(|view| view.actions.as_slice()).unwrap_or_default();
    failed.extend(cuts.iter().filter_map(|cut| if let Some(Outdone::Failed(why)) = &cut.outcome { Some(format!("{}: {why}", cut.id)) } else { None }));
    let verdicts = cuts.iter().filter_map(|cut| Some((&cut.id, cut.verdict.as_ref()?)));
    let open = verdicts.flat_map(|(id, verdict)| verdict.doors.iter().chain(&verdict.untested).map(move |text| format!("{id}: {text}"))).collect();
    Rehearsal {
        targets: targets.name(),
        actions: cuts.len(),
        effective: cuts.iter().filter(|cut| cut.is_effective()).count(),
        open,
        failed,
        seconds,
        is_undo_exact,
        wave,
    }
}

/// Does something with the case in somebody's name: a drill's decisions are made-up people's.
fn with<T>(common: &Common, case: &Path, who: &str, act: impl FnOnce(&mut Response<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let common = Common { responder: who.to_owned(), sign_with: None, ..common.clone() };
    let settings = common.settings(case);
    let mut screen = Screen::new(Format::Json);
    act(&mut Response::resume(&settings, &mut screen)?)
}

fn secrets(response: &Response<'_>) -> anyhow::Result<TargetSecrets> {
    let mut given = TargetSecrets { patience: Some(Duration::from_secs(10)), ..TargetSecrets::default() };
    for target in response.targets() {
        if let Some(file) = &target.password_file {
            let text = std::fs::read_to_string(file).with_context(|| format!("target {}", target.name))?;
            given.secrets.insert(target.name.clone(), Secret::new(text.trim_end().to_owned()));
        }
    }
    Ok(given)
}

/// Of each address, session, account and role the narrowest cut that closes it, at each target that can; and what ends open
/// connections: a session is refused by the web server and forgotten by the store.
/// Hosts and routes are mended, not cut; and what only may be his waits for a person's word.
fn chosen(found: &Containment) -> Vec<Action> {
    let open: BTreeSet<&str> = found.footholds.iter().filter(|held| held.is_open).map(|held| held.id.as_str()).collect();
    let (mut closed, mut seen, mut wave) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for row in found.actions.iter().filter(|row| row.target.is_some() && !open.contains(row.foothold.as_str())) {
        let Some(action) = row.read_action() else { continue };
        let is_held = matches!(action.foothold.kind(), "address" | "session" | "account" | "role_at_host");
        let ends = matches!(action.effect, Effect::PostgresTerminate { .. } | Effect::MysqlKill { .. } | Effect::LinuxEndSessions { .. });
        if is_held
            && (ends || (row.closes > 0 && closed.insert((row.foothold.clone(), row.target.clone()))))
            && seen.insert((action.target.clone(), action.effect.clone()))
        {
            wave.push(action);
        }
    }
    wave
}

/// What came of cutting the intruder off after a while.
pub struct CutOff {
    pub minutes: u32,
    pub at: strandline_model::time::Instant,
    pub cuts: usize,
    pub people: usize,
    pub refused: Refused,
}

/// Makes the same department again, whose servers hold this wave from so many minutes after the first step on.
pub fn cut_after(plan: &Plan, taken: &Taken, wave: &[Action], minutes: u32) -> anyhow::Result<CutOff> {
    let at = strandline_model::time::Instant((taken.began * 1e6) as i64 + i64::from(minutes) * 60_000_000);
    let cuts: Vec<Cut> = wave.iter().map(|action| Cut { effect: action.effect.clone(), system: action.system.clone(), since: at }).collect();
    let folder = tempfile::tempdir()?;
    let (department, refusals) = generate_with(plan, &cuts, folder.path(), &mut |_| {})?;
    Ok(CutOff { minutes, at, cuts: cuts.len(), people: read_intrusion(&department)?.people, refused: refusals.all })
}

/// What the intruder had by when, by the truth.
pub fn taken_of(department: &Department) -> anyhow::Result<Taken> {
    Ok(taken(&department.truth)?)
}

/// Minute and people, wherever the number changes.
pub fn by_minute(taken: &Taken) -> Vec<(u32, usize)> {
    let minutes: BTreeSet<u32> = taken.first_seen.iter().map(|at| ((at - taken.began) / 60.0).floor().max(0.0) as u32 + 1).collect();
    minutes.into_iter().map(|minute| (minute, taken.by_minute(minute))).collect()
}

pub fn print(taken: &Taken, rehearsal: Option<&Rehearsal>, cuts: &[CutOff]) {
    let all = taken.first_seen.len();
    if all > 0 {
        let until = SHOWN_MINUTES.iter().position(|minutes| taken.by_minute(*minutes) == all).map_or(SHOWN_MINUTES.len(), |at| at + 1);
        let line: Vec<String> = SHOWN_MINUTES[..until].iter().map(|minutes| format!("{minutes} min {}", thousands(taken.by_minute(*minutes) as u64))).collect();
        say!("People whose data he had, by minutes after his first step: {}; in the end {}", line.join(", "), thousands(all as u64));
    }
    if let Some(done) = rehearsal {
        let undo = if done.is_undo_exact { "undo gave back exactly what was there" } else { "UNDO DID NOT GIVE BACK WHAT WAS THERE" };
        say!("Cut at {}: {} actions, {} effective, {:.1} s after the response; {undo}", done.targets, done.actions, done.effective, done.seconds);
        for text in done.failed.iter().chain(&done.open) {
            say!("  {}", crate::ui::printable(text));
        }
    }
    for cut in cuts {
        let lawful = thousands(cut.refused.lawful_requests + cut.refused.lawful_statements);
        say!(
            "Cut off {} min after his first step ({}), by {} cuts: {} people instead of {}; {lawful} lawful requests and statements refused",
            cut.minutes,
            cut.at,
            cut.cuts,
            thousands(cut.people as u64),
            thousands(all as u64)
        );
    }
}
