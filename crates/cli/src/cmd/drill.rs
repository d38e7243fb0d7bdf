//! `strandline drill`: rehearse all of it, and score the result against the truth.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use strandline_case::Case;
use strandline_console::Opened;
use strandline_drill::{Cut, Exported, Intrusion, Plan, Refused, Scenario, Score, generate, generate_with, score};
use strandline_model::containment::{Action, Effect};
use strandline_model::exposure::Exposure;
use strandline_model::table::Row;
use strandline_model::trail::Step;
use strandline_response::{Names, Outcome, Response, Watcher, respond};

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
    /// Cut the intruder off, by what is proposed, so many minutes after his first step; he goes on until then and after
    #[arg(long, value_name = "MINUTES", value_delimiter = ',')]
    cut_after: Vec<u32>,
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
        let cuts = self.cut_after.iter().map(|minutes| cut_after(common, &plan, &case, *minutes)).collect::<anyhow::Result<Vec<_>>>()?;
        let done = Rehearsed { seconds, case: &case, mail: &mail, written, cuts };
        // What the console shows of it, beside the case.
        let score = serde_json::to_vec_pretty(&result_json(&plan, &outcome, &result, &done))?;
        std::fs::write(into.join("score.json"), score)?;
        let print = |opened: Option<&Opened>| print_result(common, &plan, &outcome, &result, (&done, opened));
        if self.open {
            // The link stands in the result, so that who reads JSON gets one document; where nothing can be served the result stands alone.
            let mut is_told = false;
            let served = serve::open(common, &case, (self.listen, None), None, &mut |opened| {
                is_told = true;
                print(Some(opened))
            });
            if !is_told {
                print(None)?;
            }
            served?;
        } else {
            print(None)?;
        }
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
    cuts: Vec<CutOff>,
}

/// What came of cutting the intruder off after a while.
struct CutOff {
    minutes: u32,
    at: strandline_model::time::Instant,
    cuts: usize,
    people: usize,
    refused: Refused,
}

/// Whether a candidate (its rank, what it closes) belongs to the wave of a drill: the narrowest that closes an address, a session, an
/// account or a role, and what ends open connections. Hosts and routes are mended, not cut.
fn is_in_wave((rank, closes, action): &(i64, i64, Action)) -> bool {
    let is_held = matches!(action.foothold.kind(), "address" | "session" | "account" | "role_at_host");
    let ends = matches!(action.effect, Effect::PostgresTerminate { .. } | Effect::MysqlKill { .. } | Effect::LinuxEndSessions { .. });
    is_held && (ends || (*rank == 1 && *closes > 0))
}

/// Makes the same department again, whose servers hold from that moment on what is proposed.
fn cut_after(common: &Common, plan: &Plan, case: &Path, minutes: u32) -> anyhow::Result<CutOff> {
    let settings = common.settings(case);
    let mut screen = Screen::new(Format::Json);
    let response = Response::look(&settings, &mut screen)?;
    let found = response.containment()?;
    let first = response.trail()?.0.first().map_or(strandline_model::time::Instant::MAX, |step| step.first);
    drop(response);
    let at = first.plus_micros(i64::from(minutes) * 60_000_000);
    let chosen = found.actions.iter().filter_map(|row| Some((row.rank, row.closes, row.read_action()?))).filter(is_in_wave);
    let cuts: Vec<Cut> = chosen.map(|(.., action)| Cut { effect: action.effect, system: action.system, since: at }).collect();
    let folder = tempfile::tempdir()?;
    let (department, refusals) = generate_with(plan, &cuts, folder.path(), &mut |_| {})?;
    let truth: Intrusion = serde_json::from_str(&std::fs::read_to_string(department.truth.join("intrusion.json"))?)?;
    Ok(CutOff { minutes, at, cuts: cuts.len(), people: truth.people, refused: refusals.all })
}

fn print_cuts(cuts: &[CutOff], uncut: u64) {
    for cut in cuts {
        let (people, of) = (thousands(cut.people as u64), thousands(uncut));
        let lawful = thousands(cut.refused.lawful_requests + cut.refused.lawful_statements);
        say!(
            "Cut off {} min after his first step ({}), by {} cuts: {people} people instead of {of}; {lawful} lawful requests and statements refused",
            cut.minutes,
            cut.at,
            cut.cuts
        );
    }
}

fn result_json(plan: &Plan, outcome: &Outcome, score: &Score, done: &Rehearsed<'_>) -> serde_json::Value {
    serde_json::json!({
        "scenario": plan.scenario.to_string(), "seed": plan.seed, "gap": plan.gap, "seconds": done.seconds, "mails_written": done.written, "outcome": outcome,
        "people_true": score.people_true, "people_confirmed": score.people_confirmed, "people_missed": score.people_missed,
        "people_false": score.people_false, "pairs_true": score.pairs_true, "pairs_confirmed": score.pairs_confirmed,
        "pairs_false": score.pairs_false, "pairs_missed": score.pairs_missed, "inferred_missed": score.inferred_missed,
        "steps_true": score.steps_true, "steps_found": score.steps_found, "steps_missed": score.steps_missed,
        "confirmed_recall": score.confirmed_recall(), "over_notification": score.over_notification(), "sound": score.is_sound(),
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
            print_cuts(&done.cuts, score.people_true as u64);
            opened.iter().for_each(|opened| serve::say_link(opened));
        }
    }
    Ok(())
}
