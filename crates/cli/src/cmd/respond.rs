//! `strandline respond`: the whole story.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_model::trail::Pin;
use strandline_response::{Names, Outcome, Settings, respond};

use crate::cmd::told::ToldArgs;
use crate::cmd::{Common, print_json, read_estate, zone_of};
use crate::ui::{Format, Screen, printable, thousands};

/// Evidence in, letters and a report out
#[derive(Args)]
pub struct Respond {
    /// The organisation's description
    #[arg(long, value_name = "FILE")]
    estate: PathBuf,
    /// Folder (or file) of evidence
    #[arg(long, value_name = "DIR")]
    evidence: PathBuf,
    /// The case folder; made if it is not there, gone on with if it is
    #[arg(long, value_name = "DIR")]
    case: PathBuf,
    /// What is known at the start: address=…, account=…, session=… or statement=ARTEFACT@OFFSET
    #[arg(long, value_name = "KIND=VALUE")]
    pin: Vec<Pin>,
    #[command(flatten)]
    told: ToldArgs,
    /// Folders (or files) of Sigma rules, which the case then keeps; without one, those that it keeps, else the built-in rules
    #[arg(long, value_name = "DIR", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Show names in the report
    #[arg(long)]
    names: bool,
}

impl Respond {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let (text, path) = read_estate(&self.estate)?;
        let told = self.told.told(&zone_of(&text, &path))?;
        let settings = Settings { told, rules: self.rules, ..common.settings(&self.case) };
        let names = if self.names { Names::Shown } else { Names::Masked };
        let mut screen = Screen::new(common.format());
        let outcome = respond(&settings, (&text, &path), &self.evidence, &self.pin, names, &mut screen)?;
        drop(screen);
        match common.format() {
            Format::Json => print_json(&outcome)?,
            Format::Text => print_outcome(&outcome, &self.case),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The answer, on one screen.
pub fn print_outcome(outcome: &Outcome, case: &std::path::Path) {
    say!("");
    say!("People in the register      {:>9}", thousands(outcome.people));
    say!("  confirmed                 {:>9}   the data was sent to the intruder, and delivery is proved", thousands(outcome.tiers.confirmed));
    say!("  likely                    {:>9}   asked for, one proof missing; or it can be worked out", thousands(outcome.tiers.likely));
    say!("  possible                  {:>9}   within reach while evidence is missing", thousands(outcome.tiers.possible));
    say!("  not reached               {:>9}   every access was replayed without them, or proved to show nobody", thousands(outcome.not_reached));
    if outcome.not_known > 0 || !outcome.open.is_empty() {
        say!("  not known yet             {:>9}   in no tier, and not cleared, because:", thousands(outcome.not_known));
        outcome.open.iter().for_each(|question| say!("      - {}", printable(question)));
    }
    say!("");
    say!(
        "{} artefacts, {} events ({} records refused), {} gaps, {} detections, {} steps, {} accesses, {} letters drafted{}",
        outcome.artefacts,
        thousands(outcome.events),
        outcome.refused,
        outcome.gaps,
        outcome.detections,
        outcome.steps,
        thousands(outcome.accesses),
        thousands(outcome.letters),
        if outcome.reassurances > 0 { format!(", {} more to people who were not reached", thousands(outcome.reassurances)) } else { String::new() }
    );
    say!("");
    say!("Report     {}", case.join("export/report.html").display());
    say!("Exposures  {}", case.join("export/exposures.csv").display());
    say!("Letters    {}", case.join("letters").display());
    say!("Why one person: strandline expose {} --explain KEY", case.display());
}
