//! The commands and what they share.

mod contain;
mod decide;
mod desk;
mod drill;
mod duties;
mod estate;
mod expose;
mod forms;
mod hunt;
mod law;
mod letter_word;
mod mail;
mod notify;
mod page;
mod person;
mod respond;
mod responders;
mod rules;
mod scope;
mod serve;
mod shell;
mod sign;
mod sql;
mod stages;
mod support;
mod texts;
mod told;
mod verify;

pub use notify::is_interrupt_heeded;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use rand::RngCore;
use strandline_model::time::Instant;
use strandline_response::{Settings, Told};

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

/// The responder's name where nobody typed one.
const NOBODY: &str = "responder";

#[derive(Args, Clone)]
struct Common {
    /// Print results as JSON on stdout
    #[arg(long, global = true)]
    json: bool,
    /// Who works the case; goes into custody and the ledger
    #[arg(long, global = true, value_name = "NAME", default_value = NOBODY)]
    responder: String,
    /// Sign what you decide with this SSH key: a private key, or the public half of one in an agent or a token
    #[arg(long, global = true, value_name = "FILE")]
    sign_with: Option<PathBuf>,
    /// Memory that replays may use, MiB
    #[arg(long, global = true, value_name = "MIB", default_value_t = 1024)]
    memory: usize,
}

#[derive(Subcommand)]
enum Command {
    /// Rehearse all of it on a made-up department, and score the result against the truth
    Drill(drill::Drill),
    #[command(name = "drill-gate", hide = true)]
    DrillGate(drill::Gate),
    /// Evidence in, letters and a report out
    Respond(respond::Respond),
    /// Take evidence into custody
    Intake(stages::Intake),
    /// Read events, find gaps, run the detections
    Detect(stages::Detect),
    /// Follow the intruder; confirm or strike out links
    Trace(stages::Trace),
    /// Work out whose data was exposed; explain one person
    Expose(expose::Expose),
    /// Whose data some sessions saw in a time
    Scope(scope::Scope),
    /// What must be told to whom by when
    Duties(duties::Duties),
    /// Record a decision: what happened and when, what was done, what is not required
    ///
    /// An event starts clocks: `decide CASE aware --at 2026-11-25T09:30 --knowing "…"`. Several events that happened at once
    /// can be named together; `gdpr/aware` is for one regime alone. On a duty: `done DUTY --at …`, `partly-done DUTY --at …`,
    /// `required DUTY --why …`, `not-required DUTY --why …`, `reopen DUTY --why …`. `retract EVENT --why …` takes an event
    /// back. `answer FIELD --text "…"` states a field of a form. For the letters: `found`, `stopped` (the intruder was shut out),
    /// `answer letter_account/en --text "…"`, `answer letter_measures/en --text "…"` (a sentence a line).
    Decide(decide::Decide),
    /// What would cut the intruder off, and what it costs; cut, prove that the cut holds, take it back
    Contain(Box<contain::Contain>),
    /// Fill an authority's form from the case
    Forms(forms::Forms),
    /// Draft the letters; look at them, approve, send, follow them
    Notify(notify::Notify),
    /// Everything that the case holds on one person, for the desk that answers them
    Person(person::Person),
    /// The support page for those who were exposed: publish it, serve it, collect what people write
    Support(support::Support),
    /// What people wrote to the support page, the gravest first; answers
    Desk(desk::Desk),
    /// Who may decide in a case, and by which SSH keys they sign
    Responders(responders::Responders),
    /// Write export/: exposures, people, timeline, STIX
    Export(stages::OfCase),
    /// Write the report
    Report(stages::Report),
    /// Ask the case's tables anything, in SQL
    Sql(sql::Sql),
    /// The console: the case in a browser on this machine
    Serve(Box<serve::Serve>),
    /// Check ledger, seals and tables of a case, offline
    Verify(verify::Verify),
    /// The organisation's description: draft one, check one
    Estate(estate::EstateCommand),
    /// Detection rules: check a folder of them
    Rules(rules::RulesCommand),
    /// Sigma rules over files and folders, without a case: every hit, and what was not looked at
    Hunt(Box<hunt::Hunt>),
    /// Completions for a shell
    Completions(shell::Completions),
    /// Manual pages
    #[command(hide = true)]
    Man(shell::Man),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let common = &self.common;
        match self.command {
            Command::Drill(command) => command.run(common),
            Command::DrillGate(command) => command.run(),
            Command::Respond(command) => command.run(common),
            Command::Intake(command) => command.run(common),
            Command::Detect(command) => command.run(common),
            Command::Trace(command) => command.run(common),
            Command::Expose(command) => command.run(common),
            Command::Scope(command) => command.run(common),
            Command::Duties(command) => command.run(common),
            Command::Decide(command) => command.run(common),
            Command::Contain(command) => command.run(common),
            Command::Forms(command) => command.run(common),
            Command::Notify(command) => command.run(common),
            Command::Person(command) => command.run(common),
            Command::Support(command) => command.run(common),
            Command::Desk(command) => command.run(common),
            Command::Responders(command) => command.run(common),
            Command::Export(command) => command.export(common),
            Command::Report(command) => command.run(common),
            Command::Sql(command) => command.run(common),
            Command::Serve(command) => command.run(common),
            Command::Verify(command) => command.run(common),
            Command::Estate(command) => command.run(common),
            Command::Rules(command) => command.run(common),
            Command::Hunt(command) => command.run(common),
            Command::Completions(command) => command.run(common),
            Command::Man(command) => command.run(common),
        }
    }
}

impl Common {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }

    /// In whose name: as it was typed; else whose the key is that signs.
    fn name_in(&self, case: &Path) -> String {
        let holder = || {
            let key = sign::public_key(self.sign_with.as_deref()?).ok()?;
            let enrolled = strandline_response::responders(case).ok()?;
            enrolled.holder(&key.to_openssh()).map(|responder| responder.name.clone())
        };
        if self.responder == NOBODY { holder().unwrap_or_else(|| self.responder.clone()) } else { self.responder.clone() }
    }

    fn settings(&self, case: &Path) -> Settings<'static> {
        Settings {
            case: case.to_owned(),
            responder: self.name_in(case),
            signer: self.sign_with.as_deref().map(sign::signer),
            now: &now,
            random: &random,
            reader: std::env::current_exe().ok(),
            memory_limit_bytes: self.memory << 20,
            told: Told::default(),
            rules: Vec::new(),
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}

fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_microsecond())
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// The organisation's zone, for times on the command line; mistakes of the file are told by the run itself.
fn zone_of(estate: &str, path: &str) -> String {
    strandline_response::time_zone(estate, path).unwrap_or_else(|| "UTC".to_owned())
}

fn read_estate(path: &PathBuf) -> anyhow::Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the estate file {} cannot be read", path.display()))?;
    Ok((text, path.display().to_string()))
}

fn print_json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
