//! `strandline verify`: ledger, seals and tables of a case, checked offline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use strandline_case::{Anchor, verify};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, printable, thousands};

/// Check ledger, seals and tables of a case, offline
#[derive(Args)]
pub struct Verify {
    /// The case folder
    case: PathBuf,
    /// A checkpoint that somebody kept: the ledger must continue it
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

impl Verify {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let kept = match &self.checkpoint {
            Some(path) => Some(std::fs::read(path).with_context(|| format!("the checkpoint {} cannot be read", path.display()))?),
            None => None,
        };
        let report = verify(&self.case, &Anchor { checkpoint: kept.as_deref(), public_key: None });
        match common.format() {
            Format::Json => {
                let problems: Vec<_> = report.problems.iter().map(|p| serde_json::json!({ "file": p.file, "meaning": p.meaning })).collect();
                print_json(&serde_json::json!({
                    "sound": report.is_sound(), "problems": problems, "notes": report.notes, "ledger_entries": report.ledger_entries,
                    "artefacts": report.artefacts, "files": report.files, "bytes": report.bytes, "decisions": report.decisions,
                    "signatures": report.signatures, "typed": report.typed,
                }))?;
            }
            Format::Text => {
                for problem in &report.problems {
                    say!("{}: {}", printable(&problem.file), printable(&problem.meaning));
                }
                for note in &report.notes {
                    say!("note: {}", printable(note));
                }
                say!(
                    "{} ledger entries, {} artefacts, {} files ({} bytes), {} decisions, {} signatures: {}",
                    report.ledger_entries,
                    report.artefacts,
                    report.files,
                    thousands(report.bytes),
                    report.decisions,
                    report.signatures,
                    if report.is_sound() { "sound".to_owned() } else { format!("{} problem(s)", report.problems.len()) }
                );
            }
        }
        Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}
