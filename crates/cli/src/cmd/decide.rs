//! `strandline decide`: a person's word on a duty. Nothing else starts a clock.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strandline_model::personal::Personal;
use strandline_response::desk::{Act, DutyForm};
use strandline_response::notice::LawBook;
use strandline_response::{Response, duties};

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
        let mut entries = Vec::new();
        for word in self.form().words(&response.time_zone())? {
            entries.extend(response.act(&Act::Duty(word), &law)?.ledger_entries);
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

    /// What was said, field by field.
    fn form(&self) -> DutyForm {
        let personal = |text: &Option<String>| text.clone().map(Personal::new);
        DutyForm {
            what: self.what.clone(),
            at: self.at.clone(),
            knowing: personal(&self.knowing),
            why: personal(&self.why),
            given: personal(&self.given),
            text: personal(&self.text),
        }
    }

    /// The ledger entries, and what changed by them.
    fn say(&self, common: &Common, law: &LawBook, entries: &[u64]) -> anyhow::Result<()> {
        if common.format() == Format::Json {
            return print_json(&serde_json::json!({ "ledger_entries": entries }));
        }
        let entries: Vec<String> = entries.iter().map(u64::to_string).collect();
        let noun = if entries.len() == 1 { "entry" } else { "entries" };
        say!("recorded by {}, ledger {noun} {}", printable(&common.name_in(&self.case)), entries.join(", "));
        let starts_clocks = self.form().starts_clocks();
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
