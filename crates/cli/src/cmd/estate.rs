//! `strandline estate`: propose a description of the organisation, and check whether its logs could answer *whose*.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strandline_response::{check_estate, draft_estate};

use crate::cmd::{Common, print_json, read_estate};
use crate::ui::{Format, Screen};

/// The organisation's description: draft one, check one
#[derive(Args)]
pub struct EstateCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Propose an estate file from a folder with logs and, if there is one, a dump and a register
    Draft {
        /// The folder
        folder: PathBuf,
    },
    /// Say whether the logs, as they are configured, could answer whose data was read, and what would be lost
    Check {
        /// The estate file
        estate: PathBuf,
        /// A folder of logs as they are written today
        #[arg(long, value_name = "DIR")]
        evidence: PathBuf,
    },
}

impl EstateCommand {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let scratch = Scratch::new()?;
        let settings = common.settings(&scratch.0);
        let mut screen = Screen::new(common.format());
        match self.action {
            Action::Draft { folder } => {
                let text = draft_estate(&settings, &folder, &mut screen)?;
                drop(screen);
                match common.format() {
                    Format::Json => print_json(&serde_json::json!({ "estate": text }))?,
                    Format::Text => say!("{}", text.trim_end()),
                }
                Ok(ExitCode::SUCCESS)
            }
            Action::Check { estate, evidence } => {
                let (text, path) = read_estate(&estate)?;
                let readiness = check_estate(&settings, (&text, &path), &evidence, &mut screen)?;
                drop(screen);
                print_readiness(common, &readiness)
            }
        }
    }
}

fn print_readiness(common: &Common, readiness: &strandline_response::Readiness) -> anyhow::Result<ExitCode> {
    use strandline_estate::readiness::Severity;
    let blind = readiness.answers.iter().any(|a| a.severity == Severity::Blind);
    match common.format() {
        Format::Json => {
            let answers: Vec<_> = readiness
                .answers
                .iter()
                .map(|a| serde_json::json!({ "subject": a.subject, "severity": a.severity.as_str(), "found": a.found, "lost": a.lost, "mend": a.mend }))
                .collect();
            print_json(&answers)?;
        }
        Format::Text => {
            for answer in &readiness.answers {
                say!("{:<7} {:<12} {}", answer.severity.as_str(), answer.subject, answer.found);
                if let Some(lost) = &answer.lost {
                    say!("{:21}lost:  {lost}", "");
                }
                if let Some(mend) = &answer.mend {
                    say!("{:21}mend:  {mend}", "");
                }
            }
        }
    }
    Ok(if blind { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// A folder that is gone when the command ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let name = format!("strandline-{}-{:x}.case", std::process::id(), rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
