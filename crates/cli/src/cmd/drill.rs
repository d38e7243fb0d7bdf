//! `strandline drill`: rehearse all of it, and score the result against the truth.

mod cut;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use strandline_case::Case;
use strandline_console::Opened;
use strandline_drill::{Exported, Plan, Real, Scenario, Score, Taken, generate, score};
use strandline_model::exposure::Exposure;
use strandline_model::table::Row;
use strandline_model::trail::Step;
use strandline_response::{Names, Outcome, Response, Watcher, desk, respond};

use self::cut::{CutOff, Rehearsal, Targets};
use crate::cmd::respond::print_outcome;
use crate::cmd::{Common, notify, print_json, read_estate, serve};
use crate::ui::{Format, Screen, thousands};

/// Rehearse all of it on a made-up department, and score the result against the truth
#[derive(Args)]
pub struct Drill {
    /// People in the department
    #[arg(long, default_value_t = 6800)]
    people: u32,
    /// Days of normal work
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// The same seed makes the same department and the same theft
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the intruder does: pivot, stolen-session, injection, insider, file-share or one-url
    #[arg(long, default_value = "pivot")]
    scenario: Scenario,
    /// Lose part of the logs
    #[arg(long)]
    gap: bool,
    /// Scale normal work until the logs have about this many megabytes
    #[arg(long, value_name = "MB")]
    megabytes: Option<u64>,
    /// Where to make it (default: a new folder `drill-SCENARIO-SEED`)
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Make the department again, cut off by what is proposed so many minutes after his first step: what he gets, and what lawful
    /// work is refused; he goes on until then and after (default: when he had half of it)
    #[arg(long, value_name = "MINUTES", value_delimiter = ',')]
    cut_after: Vec<u32>,
    /// Cut him off at real servers, which the drill starts in namespaces of its own (root): PostgreSQL, nginx, Redis, nftables
    #[arg(long, conflicts_with_all = ["open", "only_make"])]
    real: bool,
    /// Make the department and stop
    #[arg(long)]
    only_make: bool,
    /// Open the console on the drill's case, and print the link that lets you in
    #[arg(long, conflicts_with = "only_make")]
    open: bool,
    /// Where the console listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8642", requires = "open")]
    listen: SocketAddr,
}

impl Drill {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let plan = Plan {
            people: self.people,
            days: self.days,
            seed: self.seed,
            scenario: self.scenario,
            gap: self.gap,
            target_bytes: self.megabytes.map(|mb| mb * 1_000_000),
        };
        if self.real && !Real::is_inside() {
            let status = Real::inside()?.status()?;
            return Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
        }
        let into = self.into.unwrap_or_else(|| PathBuf::from(format!("drill-{}-{}{}", plan.scenario, plan.seed, if plan.gap { "-gap" } else { "" })));
        anyhow::ensure!(!into.join("case").exists(), "{} holds a drill already: choose another folder with --into, or remove it", into.display());
        std::fs::create_dir_all(&into)?;
        let mut screen = Screen::new(common.format());
        screen.stage("department");
        let department = generate(&plan, &into, &mut |bytes| screen.progress(bytes, plan.target_bytes.unwrap_or(0), "bytes"))?;
        if self.only_make {
            drop(screen);
            say!("{}", into.display());
            return Ok(ExitCode::SUCCESS);
        }
        let targets = Targets::set_up(&plan, &into, &department, self.real)?;
        let began = Instant::now();
        let case = into.join("case");
        let settings = common.settings(&case);
        let (text, path) = read_estate(&department.estate)?;
        let outcome = respond(&settings, (&text, &path), &department.evidence, &department.pins, Names::Masked, &mut screen)?;
        drop(screen);
        let seconds = began.elapsed().as_secs_f64();
        let rehearsal = targets.as_ref().map(|targets| cut::rehearse(common, &case, targets)).transpose()?;
        if rehearsal.is_some() {
            // The cut and its undo are evidence and words of the case: people and letters follow them before anybody opens it.
            let mut screen = Screen::new(common.format());
            desk::renew(&settings, &mut screen)?;
        }
        let result = score_case(&case, &department.truth)?;
        // Nothing is sent in a drill: what would go stands in a folder.
        let mail = into.join("mail");
        let mut screen = Screen::new(common.format());
        screen.stage("rehearsal");
        let written = notify::rehearse(&mut Response::resume(&settings, &mut screen)?, &mail)?;
        drop(screen);
        let taken = cut::taken_of(&department)?;
        let wave = rehearsal.as_ref().map(|rehearsal| rehearsal.wave.as_slice()).unwrap_or_default();
        let minutes = if self.cut_after.is_empty() { taken.half().into_iter().collect() } else { self.cut_after };
        let again = minutes.iter().filter(|_| !wave.is_empty());
        let cuts = again.map(|minutes| cut::cut_after(&plan, &taken, wave, *minutes)).collect::<anyhow::Result<Vec<_>>>()?;
        let is_cut = rehearsal.as_ref().is_none_or(Rehearsal::is_sound);
        let done = Rehearsed { seconds, case: &case, mail: &mail, written, taken, rehearsal, cuts };
        // What the console shows of it, beside the case.
        let score = serde_json::to_vec_pretty(&result_json(&plan, &outcome, &result, &done))?;
        std::fs::write(into.join("score.json"), score)?;
        let print = |opened: Option<&Opened>| print_result(common, &plan, &outcome, &result, (&done, opened));
        show(common, &case, self.open.then_some(self.listen), &print)?;
        Ok(if result.is_sound() && is_cut { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

/// Prints the result, and serves the case where that is asked for. The link stands in the result, so that who reads JSON gets one
/// document; where nothing can be served the result stands alone.
fn show(common: &Common, case: &PathBuf, listen: Option<SocketAddr>, print: &dyn Fn(Option<&Opened>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let Some(listen) = listen else { return print(None) };
    let mut is_told = false;
    let served = serve::open(common, std::slice::from_ref(case), (listen, None), (None, &desk::Given::default()), &mut |opened| {
        is_told = true;
        print(Some(opened))
    });
    if !is_told {
        print(None)?;
    }
    served?;
    Ok(())
}

fn score_case(case: &Path, truth: &Path) -> anyhow::Result<Score> {
    let case = Case::open_for_reading(case)?;
    let steps: Vec<Step> = case.read_rows(Step::TABLE)?;
    let exposures: Vec<Exposure> = case.read_rows(Exposure::TABLE)?;
    let mut exported = exposures.into_iter().map(|e| Exported { data_subject: e.data_subject, category: e.category, basis: e.basis, certainty: e.certainty });
    Ok(score(&mut exported, &steps, truth)?)
}

/// What a drill took, and where it left things.
struct Rehearsed<'a> {
    seconds: f64,
    case: &'a Path,
    mail: &'a Path,
    written: u64,
    taken: Taken,
    rehearsal: Option<Rehearsal>,
    cuts: Vec<CutOff>,
}

fn result_json(plan: &Plan, outcome: &Outcome, score: &Score, done: &Rehearsed<'_>) -> serde_json::Value {
    serde_json::json!({
        "scenario": plan.scenario.to_string(), "seed": plan.seed, "gap": plan.gap, "seconds": done.seconds, "mails_written": done.written, "outcome": outcome,
        "people_true": score.people_true, "people_confirmed": score.people_confirmed, "people_missed": score.people_missed,
        "people_false": score.people_false, "pairs_true": score.pairs_true, "pairs_confirmed": score.pairs_confirmed,
        "pairs_false": score.pairs_false, "pairs_missed": score.pairs_missed, "inferred_missed": score.inferred_missed,
        "steps_true": score.steps_true, "steps_found": score.steps_found, "steps_missed": score.steps_missed,
        "confirmed_recall": score.confirmed_recall(), "over_notification": score.over_notification(), "sound": score.is_sound(),
        "taken_by_minute": cut::by_minute(&done.taken), "cut": done.rehearsal,
        "cuts": done.cuts.iter().map(|cut| serde_json::json!({
            "minutes": cut.minutes, "at": cut.at, "cuts": cut.cuts, "people": cut.people,
            "intruder_requests_refused": cut.refused.intruder_requests, "intruder_statements_refused": cut.refused.intruder_statements,
            "lawful_requests_refused": cut.refused.lawful_requests, "lawful_statements_refused": cut.refused.lawful_statements,
        })).collect::<Vec<_>>(),
    })
}

fn print_result(common: &Common, plan: &Plan, outcome: &Outcome, score: &Score, (done, opened): (&Rehearsed<'_>, Option<&Opened>)) -> anyhow::Result<()> {
    match common.format() {
        Format::Json => {
            let mut result = result_json(plan, outcome, score, done);
            result["console"] = opened.map(serve::told).into();
            print_json(&result)?;
        }
        Format::Text => {
            print_outcome(outcome, done.case);
            say!("E-mails    {} as they would go, in {}", thousands(done.written), done.mail.display());
            say!("");
            say!("Against the truth (scenario {}, seed {}{})", plan.scenario, plan.seed, if plan.gap { ", logs lost" } else { "" });
            say!("{score}");
            say!("From first evidence to letters: {:.1} s", done.seconds);
            cut::print(&done.taken, done.rehearsal.as_ref(), &done.cuts);
            opened.iter().for_each(|opened| serve::say_link(opened));
        }
    }
    Ok(())
}

/// The drill's simulated gate: answers one question of the contract of programs
#[derive(Args)]
pub struct Gate {
    /// The key that signs
    key: PathBuf,
    /// What it refuses
    state: PathBuf,
    /// What it is asked; the question says so, too
    #[arg(value_name = "VERB")]
    _verb: String,
}

impl Gate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut envelope = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(std::io::stdin(), 16 << 20), &mut envelope)?;
        say!("{}", strandline_drill::answer(&self.key, &self.state, &envelope)?);
        Ok(ExitCode::SUCCESS)
    }
}
