//! `strandline contain`: cutting the intruder off.

mod acting;
mod secrets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::acting::Acting;
use crate::cmd::Common;

/// Cut the intruder off: plan, rehearse, approve, apply, verify, keep, undo
#[derive(Args)]
pub struct Contain {
    /// The case folder
    case: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Acting(Acting),
}

impl Contain {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Acting(acting) => acting.run(&self.case, common),
        }
    }
}
