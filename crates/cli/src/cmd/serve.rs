//! `strandline serve`: the console on a case, or on several, for the browser on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strandline_console::{Opened, Options, Seal, serve};

use crate::cmd::{Common, law, now, print_json, random};
use crate::ui::Format;

/// Serve a case, or several, to a browser on this machine
#[derive(Args)]
pub struct Serve {
    /// The case folders: one alone, or several, which a page lists
    #[arg(required = true, value_name = "CASE")]
    cases: Vec<PathBuf>,
    /// Where to listen: an address of this machine alone, unless TLS seals it; and a port (0: any that is free)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8642")]
    listen: SocketAddr,
    /// Certificates for other machines, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "host")]
    tls_cert: Option<PathBuf>,
    /// Their key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What browsers call this machine, with TLS
    #[arg(long, value_name = "NAME", requires = "tls_cert")]
    host: Option<String>,
    /// Folder of law files of your own
    #[arg(long, value_name = "DIR")]
    law: Option<PathBuf>,
}

impl Serve {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let seal = match (self.tls_cert, self.tls_key, self.host) {
            (Some(certificate), Some(key), Some(host)) => Some(Seal { certificate, key, host }),
            _ => None,
        };
        let mut tell = |opened: &Opened| match common.format() {
            Format::Json => print_json(&told(opened)),
            Format::Text => {
                say_link(opened);
                Ok(())
            }
        };
        open(common, &self.cases, (self.listen, seal.as_ref()), self.law.as_deref(), &mut tell)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves cases until somebody ends it. `tell` tells the link: whoever reads it can come in once.
pub fn open(
    common: &Common,
    cases: &[PathBuf],
    (listen, seal): (SocketAddr, Option<&Seal>),
    law: Option<&Path>,
    tell: &mut dyn FnMut(&Opened) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let book = law::read(law)?;
    let options = |case: &PathBuf| {
        let settings = common.settings(case);
        Options {
            case: case.clone(),
            responder: settings.responder,
            now,
            random,
            reader: settings.reader,
            memory_limit_bytes: settings.memory_limit_bytes,
            threads: settings.threads,
            law: book.clone(),
        }
    };
    let mut failed = None;
    serve(cases.iter().map(options).collect(), listen, seal, &mut |opened| failed = tell(opened).err())?;
    failed.map_or(Ok(()), Err)
}

/// Where a console is, for programs.
pub fn told(opened: &Opened) -> serde_json::Value {
    serde_json::json!({ "listens": opened.at.to_string(), "link": opened.link })
}

/// The same for people.
pub fn say_link(opened: &Opened) {
    say!("\nThe console is open. Your link, good once, for ten minutes:\n\n    {}\n", opened.link);
    say!("Whoever has it is you. Ctrl+C closes the console; nothing is lost.");
}
