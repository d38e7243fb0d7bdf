//! `strandline decide`: a person's word on a duty. Nothing else starts a clock.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use strandline_model::duty::DutyWord;
use strandline_model::personal::Personal;
use strandline_model::time::Instant;
use strandline_response::notice::LawBook;
use strandline_response::{Response, duties};

use crate::cmd::told::moment;
use crate::cmd::{Common, law, now, print_json};
use crate::ui::{Format, Screen, printable};

/// Record a decision
#[derive(Args)]
pub struct Decide {
    /// The case folder
    case: PathBuf,
    /// Events, or done | partly-done | required | not-required | reopen | retract | answer and what it is about
    #[arg(required = true, value_name = "WHAT")]
    what: Vec<String>,
    /// When: 2026-11-25T09:30 (the organisation's time), or with an offset or Z
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What was known then
    #[arg(long, value_name = "TEXT")]
    knowing: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// What was given, or its reference
    #[arg(long, value_name = "TEXT")]
    given: Option<String>,
    /// The answer
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Folder of law files of your own
    #[arg(long, value_name = "DIR")]
    law: Option<PathBuf>,
}

impl Decide {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let law = law::read(self.law.as_deref())?;
        let settings = common.settings(&self.case);
        let mut screen = Screen::new(common.format());
        let mut response = Response::resume(&settings, &mut screen)?;
        let words = self.words(&response.time_zone())?;
        let mut entries = Vec::new();
        for word in words {
            entries.push(response.decide_duty(word, &law)?);
        }
        let current = response.letters_are_current()?;
        drop(response);
        drop(screen);
        self.say(common, &law, &entries)?;
        if !current && common.format() == Format::Text {
            say!("The letters are out of date: `strandline notify {} draft` writes them again", printable(&self.case.display().to_string()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is recorded, word by word.
    fn words(&self, zone: &str) -> anyhow::Result<Vec<DutyWord>> {
        let verb = self.what.first().map(String::as_str).unwrap_or_default();
        let about = || match self.what.as_slice() {
            [_, about] => Ok(about.clone()),
            _ => bail!("{verb} is about one thing: strandline decide CASE {verb} NAME …"),
        };
        let word = match verb {
            "done" => DutyWord::Done { duty: about()?, at: self.time(zone)?, what: optional(&self.given) },
            "partly-done" => DutyWord::PartlyDone { duty: about()?, at: self.time(zone)?, what: optional(&self.given) },
            "required" => DutyWord::Required { duty: about()?, why: needed(&self.why, "--why")? },
            "not-required" => DutyWord::NotRequired { duty: about()?, why: needed(&self.why, "--why")? },
            "reopen" => DutyWord::Reopened { duty: about()?, why: needed(&self.why, "--why")? },
            "retract" => DutyWord::Retracted { event: about()?, why: needed(&self.why, "--why")? },
            "answer" => DutyWord::Answered { question: about()?, text: needed(&self.text, "--text")? },
            _ => {
                let (at, knowing) = (self.time(zone)?, needed(&self.knowing, "--knowing")?);
                return Ok(self.what.iter().map(|event| DutyWord::Happened { event: event.clone(), at, knowing: knowing.clone() }).collect());
            }
        };
        Ok(vec![word])
    }

    fn time(&self, zone: &str) -> anyhow::Result<Instant> {
        let written = self.at.as_deref().context("say when it happened: --at 2026-11-25T09:30")?;
        moment(written, zone).context("--at")
    }

    /// The ledger entries, and what changed by them.
    fn say(&self, common: &Common, law: &LawBook, entries: &[u64]) -> anyhow::Result<()> {
        if common.format() == Format::Json {
            return print_json(&serde_json::json!({ "ledger_entries": entries }));
        }
        let entries: Vec<String> = entries.iter().map(u64::to_string).collect();
        let noun = if entries.len() == 1 { "entry" } else { "entries" };
        say!("recorded by {}, ledger {noun} {}", printable(&common.name_in(&self.case)), entries.join(", "));
        let starts_clocks =
            !["done", "partly-done", "required", "not-required", "reopen", "retract", "answer", "found", "stopped"].contains(&self.what[0].as_str());
        for view in duties(&self.case, law, now())?.duties.duties {
            let started = view.started.as_ref().is_some_and(|started| entries.contains(&started.ledger_entry.to_string()));
            if started {
                let due = view.deadline.map_or(view.rule, |due| format!("{} ({})", due.local, view.left.unwrap_or_default()));
                say!("  {:<28}{}", view.duty.id, printable(&due));
            } else if let (true, Some(what)) = (starts_clocks, view.waits_for) {
                say!("  {:<28}still waits for: {}", view.duty.id, printable(&what));
            }
        }
        Ok(())
    }
}

fn needed(text: &Option<String>, flag: &str) -> anyhow::Result<Personal<String>> {
    match text.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => Ok(Personal::new(text.to_owned())),
        _ => bail!("a decision is recorded with its reason: add {flag} \"…\""),
    }
}

fn optional(text: &Option<String>) -> Personal<String> {
    Personal::new(text.as_deref().unwrap_or_default().trim().to_owned())
}
