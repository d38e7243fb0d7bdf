//! The stages one by one. Each goes on where the last run stopped.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_model::detection::Verdict;
use strandline_model::personal::Personal;
use strandline_model::trail::{Division, Link, Pin, Split, Step};
use strandline_response::desk::{Act, Preview, Quiet, Standing, Trying, preview, role_in};
use strandline_response::notice::LawBook;
use strandline_response::{Names, Outcome, PinWord, Response, Settings};

use crate::cmd::told::ToldArgs;
use crate::cmd::{Common, print_json, read_estate, zone_of};
use crate::ui::{Format, Screen, printable, thousands};

/// A case, and nothing else to say
#[derive(Args)]
pub struct OfCase {
    /// The case folder
    case: PathBuf,
}

/// Read events, find gaps, run the analytics and Sigma rules
#[derive(Args)]
pub struct Detect {
    /// The case folder
    case: PathBuf,
    /// Folders (or files) of Sigma rules, which the case then keeps; without one, those that it keeps, else the built-in rules
    #[arg(long, value_name = "DIR", num_args = 1..)]
    rules: Vec<PathBuf>,
}

/// Take evidence into custody
#[derive(Args)]
pub struct Intake {
    /// The case folder; made if it is not there
    case: PathBuf,
    /// Folder (or file) of evidence
    #[arg(long, value_name = "DIR")]
    evidence: PathBuf,
    /// The organisation's description
    #[arg(long, value_name = "FILE")]
    estate: PathBuf,
    #[command(flatten)]
    told: ToldArgs,
}

/// Follow the intruder; confirm or strike out links
#[derive(Args)]
pub struct Trace {
    /// The case folder
    case: PathBuf,
    /// What is known at the start; without it, the pins of the last run
    #[arg(long, value_name = "KIND=VALUE")]
    pin: Vec<Pin>,
    /// Forget the pins of the last run: start from the detections
    #[arg(long, conflicts_with = "pin")]
    no_pins: bool,
    /// Show, for each request of the intruder, whose the statements are that the application ran while it was in progress
    #[arg(long)]
    statements: bool,
    /// Strike out a link or detection: it and what hangs on it alone leave the trail
    #[arg(long, value_name = "ID")]
    strike: Vec<String>,
    /// Confirm a link or detection
    #[arg(long, value_name = "ID")]
    confirm: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Enter nothing: work out what the case would say with these judgements and pins, people before and after
    #[arg(long, conflicts_with = "statements")]
    preview: bool,
    /// Judge only if the case is still as this preview was of; it prints the name of that state
    #[arg(long, value_name = "STATE", conflicts_with = "preview")]
    previewed: Option<String>,
}

/// Write the report
#[derive(Args)]
pub struct Report {
    /// The case folder
    case: PathBuf,
    /// Show names
    #[arg(long)]
    names: bool,
}

impl Intake {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let (text, path) = read_estate(&self.estate)?;
        let told = self.told.told(&zone_of(&text, &path))?;
        let settings = Settings { told, ..common.settings(&self.case) };
        let mut screen = Screen::new(common.format());
        let mut response = Response::begin(&settings, (&text, &path), &mut screen)?;
        response.intake(&self.evidence)?;
        response.read_events()?;
        response.cover()?;
        let outcome = response.finish();
        drop(screen);
        say(
            common,
            &outcome,
            &format!("{} artefacts in custody, {} events, {} records refused, {} gaps", outcome.artefacts, outcome.events, outcome.refused, outcome.gaps),
        )
    }
}

impl Detect {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = Settings { rules: self.rules, ..common.settings(&self.case) };
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        response.read_events()?;
        response.cover()?;
        response.detect()?;
        let outcome = response.finish();
        drop(screen);
        let text = format!("{} detections, {} of them by Sigma rules; {} gaps", outcome.detections, outcome.sigma_detections, outcome.gaps);
        say(common, &outcome, &text)
    }
}

impl OfCase {
    pub fn export(self, common: &Common) -> anyhow::Result<ExitCode> {
        let folder = self.case.join("export");
        let outcome = self.with(common, |response| response.export())?;
        say(common, &outcome, &format!("written to {}", folder.display()))
    }

    fn with(&self, common: &Common, work: impl FnOnce(&mut Response<'_>) -> Result<(), strandline_response::ResponseError>) -> anyhow::Result<Outcome> {
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        work(&mut response)?;
        Ok(response.finish())
    }
}

impl Report {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let names = if self.names { Names::Shown } else { Names::Masked };
        let path = self.case.join("export/report.html");
        let outcome = OfCase { case: self.case }.with(common, |response| response.report(names))?;
        say(common, &outcome, &format!("written to {}", path.display()))
    }
}

impl Trace {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let settings = common.settings(&self.case);
        if self.preview {
            return self.preview(common, &settings);
        }
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        // The first is over the state that was looked at; the others follow it, and nobody comes between.
        let mut looked_at = self.previewed.clone();
        for (target, verdict) in self.judgements() {
            response.act(&Act::Judge { target, verdict, why: self.why.clone(), looked_at: looked_at.take() }, &LawBook::default())?;
        }
        if let Some(word) = self.pins(&response)? {
            response.act(&Act::Pin(word), &LawBook::default())?;
        }
        response.trace(None)?;
        let (steps, links) = response.trail()?;
        let statements = self.statements.then(|| response.splits()).transpose()?;
        drop(response);
        drop(screen);
        match (common.format(), statements) {
            (Format::Json, None) => print_json(&serde_json::json!({ "steps": steps, "links": links }))?,
            (Format::Json, Some((splits, division))) => {
                print_json(&serde_json::json!({ "steps": steps, "links": links, "statements": { "division": division, "requests": splits } }))?;
            }
            (Format::Text, None) => print_trail(&steps, &links),
            (Format::Text, Some((splits, division))) => print_splits(&splits, &division),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Trace {
    fn judgements(&self) -> Vec<(String, Verdict)> {
        let of = |ids: &[String], verdict| ids.iter().map(|id| (id.clone(), verdict)).collect::<Vec<_>>();
        [of(&self.strike, Verdict::Struck), of(&self.confirm, Verdict::Confirmed)].concat()
    }

    /// What is to be said of starting points, if anything is.
    fn pins(&self, response: &Response<'_>) -> anyhow::Result<Option<PinWord>> {
        if !self.no_pins && self.pin.is_empty() {
            return Ok(None);
        }
        Ok(Some(PinWord::between(&response.pins()?, &self.pin, self.why.clone().map(Personal::new))))
    }

    fn preview(&self, common: &Common, settings: &Settings<'_>) -> anyhow::Result<ExitCode> {
        let word = self.pins(&Response::look(settings, &mut Quiet)?)?.unwrap_or_default();
        let trying = Trying { judgements: self.judgements(), named: word.named, withdrawn: word.withdrawn };
        let mut screen = Screen::new(common.format());
        let found = preview(settings, role_in(&self.case, &settings.responder)?, &trying, &mut screen)?;
        drop(screen);
        match common.format() {
            Format::Json => print_json(&found)?,
            Format::Text => print_preview(&found),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_preview(found: &Preview) {
    let (before, after) = (&found.before, &found.after);
    if found.was_stale {
        say!("The case does not follow all earlier decisions yet; here it does, before and after");
    }
    say!("{:<24} {:>10} {:>10}", "people", "now", "then");
    for standing in Standing::ALL {
        say!("{:<24} {:>10} {:>10}", standing.as_str().replace('_', " "), thousands(before.count(standing)), thousands(after.count(standing)));
    }
    say!("{:<24} {:>10} {:>10}", "steps of the trail", thousands(before.steps), thousands(after.steps));
    say!("{:<24} {:>10} {:>10}", "accesses", thousands(before.accesses), thousands(after.accesses));
    say!("Of {} people the case would say something else (--json names their keys)", thousands(found.moved.len() as u64));
    for ((from, to), count) in found.moves() {
        let what = if from == to { "other categories of data, still " } else { "" };
        let way = if from == to { from.as_str().to_owned() } else { format!("{} -> {}", from.as_str(), to.as_str()) };
        say!("  {:>10}  {what}{}", thousands(count), way.replace('_', " "));
    }
    say!("Nothing was entered. To judge over this state and no other: the same without --preview, with --previewed {}", found.state);
}

fn print_splits(splits: &[Split], division: &Division) {
    say!("Statements that the application ran while a request of the intruder was in progress. Each is in one part; an open one counts as possible.");
    say!("     his: proved   inferred   others': proved   probably   struck     open   request");
    for s in splits {
        let counts = format!("{:>16}{:>11}{:>17}{:>11}{:>9}{:>9}", s.own_proved, s.own_inferred, s.others_proved, s.others_inferred, s.struck, s.open);
        say!("{counts}   {}  {}  {}", s.time, printable(&s.kind), printable(&s.request));
    }
    let d = division;
    let counts = format!("{:>16}{:>11}{:>17}{:>11}{:>9}{:>9}", d.own_proved, d.own_inferred, d.others_proved, d.others_inferred, d.struck, d.open);
    say!("{counts}   all {} statements, each once, in {} requests", d.total(), splits.len());
}

fn print_trail(steps: &[Step], links: &[Link]) {
    say!("Links (strike out with --strike ID, confirm with --confirm ID)");
    for link in links {
        let verdict = link.verdict.as_deref().map(|v| format!(" [{v}]")).unwrap_or_default();
        say!("  {}  {} -> {}  {:?}{verdict}: {}", link.id, printable(&link.from), printable(&link.to), link.strength, printable(&link.reason));
    }
    say!("\nSteps");
    for step in steps {
        say!("  {}  {}  {} {}: {} ({} events)", step.id, step.first, step.technique, step.technique_name, printable(&step.summary), step.event_count);
        if let Some(exploited) = &step.exploited {
            say!("       exploited: {}", printable(exploited));
        }
    }
}

fn say(common: &Common, outcome: &Outcome, text: &str) -> anyhow::Result<ExitCode> {
    match common.format() {
        Format::Json => print_json(outcome)?,
        Format::Text => say!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}
