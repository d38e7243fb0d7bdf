//! The commands and what they share.

mod drill;
mod estate;
mod expose;
mod respond;
mod rules;
mod sql;
mod stages;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use rand::RngCore;
use strandline_model::time::Instant;
use strandline_response::Settings;

use crate::ui::Format;

/// From logs to letters: whose data did the intruder see, how sure is that, and which log line proves it?
#[derive(Parser)]
#[command(name = "strandline", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Clone)]
struct Common {
    /// Print results as JSON on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Who works the case; goes into custody and the ledger
    #[arg(long, global = true, value_name = "NAME", default_value = "responder")]
    responder: String,
    /// Memory that replays may use, MiB
    #[arg(long, global = true, value_name = "MIB", default_value_t = 1024)]
    memory: usize,
}

#[derive(Subcommand)]
enum Command {
    /// Rehearse all of it on a made-up department, and score the result against the truth
    Drill(drill::Drill),
    /// Evidence in, letters and a report out
    Respond(respond::Respond),
    /// Take evidence into custody
    Intake(stages::Intake),
    /// Read events, find gaps, run the detections
    Detect(stages::OfCase),
    /// Follow the intruder; confirm or strike out links
    Trace(stages::Trace),
    /// Work out whose data was exposed; explain one person
    Expose(expose::Expose),
    /// Draft the letters
    Notify(stages::OfCase),
    /// Write export/: exposures, people, timeline, STIX
    Export(stages::OfCase),
    /// Write the report
    Report(stages::Report),
    /// Ask the case's tables anything, in SQL
    Sql(sql::Sql),
    /// Check ledger, seals and tables of a case, offline
    Verify(verify::Verify),
    /// The organisation's description: draft one, check one
    Estate(estate::EstateCommand),
    /// Detection rules: check a folder of them
    Rules(rules::RulesCommand),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let common = &self.common;
        match self.command {
            Command::Drill(command) => command.run(common),
            Command::Respond(command) => command.run(common),
            Command::Intake(command) => command.run(common),
            Command::Detect(command) => command.detect(common),
            Command::Trace(command) => command.run(common),
            Command::Expose(command) => command.run(common),
            Command::Notify(command) => command.notify(common),
            Command::Export(command) => command.export(common),
            Command::Report(command) => command.run(common),
            Command::Sql(command) => command.run(common),
            Command::Verify(command) => command.run(common),
            Command::Estate(command) => command.run(common),
            Command::Rules(command) => command.run(common),
        }
    }
}

impl Common {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }

    fn settings(&self, case: &Path) -> Settings<'static> {
        Settings {
            case: case.to_owned(),
            responder: self.responder.clone(),
            now: &now,
            secrets: &secrets,
            memory_limit_bytes: self.memory << 20,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}

fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_microsecond())
}

fn secrets() -> ([u8; 32], [u8; 32]) {
    let mut generator = rand::rng();
    let (mut seed, mut salt) = ([0; 32], [0; 32]);
    generator.fill_bytes(&mut seed);
    generator.fill_bytes(&mut salt);
    (seed, salt)
}

fn read_estate(path: &PathBuf) -> anyhow::Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the estate file {} cannot be read", path.display()))?;
    Ok((text, path.display().to_string()))
}

fn print_json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
