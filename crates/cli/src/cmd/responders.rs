//! `strandline responders`: who may decide in a case, and by which keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strandline_response::{Responders as Enrolled, Role, Settings, enrol_responder, remove_responder, responders};

use crate::cmd::{Common, print_json, sign};
use crate::ui::{Format, printable};

/// Who may decide in a case, and by which SSH keys they sign
#[derive(Args)]
pub struct Responders {
    /// The case folder
    case: PathBuf,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// List who is enrolled, and who was (the default)
    List,
    /// Enrol a key of somebody; the first by whoever opened the case, signed by the key itself, every later one by --sign-with
    Add {
        /// Whose key it is
        name: String,
        /// The public key (FILE.pub), or a private one that has its public half beside it
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// What the signature counts for: `reader` looks, `desk` answers people, `privacy-officer` sees to duties and letters, `responder`
        /// decides, `approver` also approves
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// Remove somebody's keys; what they signed before stays signed
    Remove {
        /// Whose
        name: String,
        /// This key alone
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

impl Responders {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        match self.verb.unwrap_or(Verb::List) {
            Verb::List => {}
            Verb::Add { name, key, role } => {
                let public = sign::public_key(&key)?;
                let mut settings = common.settings(&self.case);
                if settings.signer.is_none() && responders(&self.case)?.is_empty() {
                    settings = Settings { signer: Some(sign::signer(&key)), ..settings };
                }
                enrol_responder(&settings, &name, &public, role)?;
            }
            Verb::Remove { name, key } => {
                let key = key.map(|file| sign::public_key(&file)).transpose()?;
                remove_responder(&common.settings(&self.case), &name, key.as_ref())?;
            }
        }
        let enrolled = responders(&self.case)?;
        match common.format() {
            Format::Json => print_json(&enrolled)?,
            Format::Text => print(&enrolled),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(enrolled: &Enrolled) {
    if enrolled.is_empty() {
        say!("Nobody is enrolled: decisions and approvals of this case are typed names.");
    }
    for responder in enrolled.iter() {
        let until = responder.removed.map(|entry| format!(", removed by ledger entry {entry}")).unwrap_or_default();
        say!(
            "{:<10} {}  {}  enrolled by ledger entry {}{until}",
            responder.role.as_str(),
            printable(&responder.name),
            printable(&responder.fingerprint),
            responder.enrolled
        );
    }
}
