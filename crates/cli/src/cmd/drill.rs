//! `strandline drill`: rehearse all of it, and score the result against the truth.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use strandline_case::Case;
use strandline_drill::{Exported, Plan, Scenario, Score, generate, score};
use strandline_model::exposure::Exposure;
use strandline_model::table::Row;
use strandline_model::trail::Step;
use strandline_response::{Names, Outcome, Response, Watcher, respond};

use crate::cmd::respond::print_outcome;
use crate::cmd::{Common, notify, print_json, read_estate};
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
    /// Make the department and stop
    #[arg(long)]
    only_make: bool,
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
        let began = Instant::now();
        let case = into.join("case");
        let settings = common.settings(&case);
        let (text, path) = read_estate(&department.estate)?;
        let outcome = respond(&settings, (&text, &path), &department.evidence, &department.pins, Names::Masked, &mut screen)?;
        drop(screen);
        let seconds = began.elapsed().as_secs_f64();
        let result = score_case(&case, &department.truth)?;
        // Nothing is sent in a drill: what would go stands in a folder.
        let mail = into.join("mail");
        let mut screen = Screen::new(common.format());
        screen.stage("rehearsal");
        let written = notify::rehearse(&mut Response::resume(&settings, &mut screen)?, &mail)?;
        drop(screen);
        let done = Rehearsed { seconds, case: &case, mail: &mail, written };
        print_result(common, &plan, &outcome, &result, &done)?;
        Ok(if result.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
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
}

fn print_result(common: &Common, plan: &Plan, outcome: &Outcome, score: &Score, done: &Rehearsed<'_>) -> anyhow::Result<()> {
    match common.format() {
        Format::Json => print_json(&serde_json::json!({
            "scenario": plan.scenario.to_string(), "seed": plan.seed, "gap": plan.gap, "seconds": done.seconds, "mails_written": done.written, "outcome": outcome,
            "people_true": score.people_true, "people_confirmed": score.people_confirmed, "people_missed": score.people_missed,
            "people_false": score.people_false, "pairs_true": score.pairs_true, "pairs_confirmed": score.pairs_confirmed,
            "pairs_false": score.pairs_false, "pairs_missed": score.pairs_missed, "inferred_missed": score.inferred_missed,
            "steps_true": score.steps_true, "steps_found": score.steps_found, "steps_missed": score.steps_missed,
            "confirmed_recall": score.confirmed_recall(), "over_notification": score.over_notification(), "sound": score.is_sound(),
        }))?,
        Format::Text => {
            print_outcome(outcome, done.case);
            say!("E-mails    {} as they would go, in {}", thousands(done.written), done.mail.display());
            say!("");
            say!("Against the truth (scenario {}, seed {}{})", plan.scenario, plan.seed, if plan.gap { ", logs lost" } else { "" });
            say!("{score}");
            say!("From first evidence to letters: {:.1} s", done.seconds);
        }
    }
    Ok(())
}
