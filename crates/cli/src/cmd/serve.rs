//! `strandline serve`: the console on a case, or on several, for the browser on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use strandline_console::{Opened, Options, Seal, host_of, own_seal, serve};
use strandline_response::desk::{Given, SecretFiles};

use crate::cmd::contain::keys;
use crate::cmd::mail::Mail;
use crate::cmd::page::PageArgs;
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
    /// Certificates for other machines, PEM; where none are given, one is made at the first start, and its fingerprint printed
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "host")]
    tls_cert: Option<PathBuf>,
    /// Their key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What browsers call this machine, with TLS; without it, the address that it listens at
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Folder of law files of your own
    #[arg(long, value_name = "DIR")]
    law: Option<PathBuf>,
    /// The bundle of the support page: cards are sealed into it, and what people wrote is collected from it, from the desk
    #[arg(long, value_name = "FOLDER")]
    support_bundle: Option<PathBuf>,
    /// Where letters for the mail house go, a new folder each time
    #[arg(long, value_name = "DIR")]
    post_into: Option<PathBuf>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    mail: Mail,
    /// A file with the secret of an account, to try a door of a cut: TARGET/ACCOUNT=FILE
    #[arg(long, value_name = "TARGET/ACCOUNT=FILE")]
    key: Vec<String>,
}

impl Serve {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        // A bundle is one case's.
        ensure!(self.support_bundle.is_none() || self.cases.len() == 1, "--support-bundle is one case's: serve that case by itself");
        let given = Given {
            mail: self.mail.given()?,
            page: self.page.page(),
            post: self.post_into,
            bundle: self.support_bundle,
            secrets: SecretFiles { keys: keys(&self.key)?, ..SecretFiles::default() },
            again_after: None,
        };
        let seal = match (self.tls_cert, self.tls_key, self.host) {
            (Some(certificate), Some(key), Some(host)) => Some(Seal { certificate, key, host }),
            (_, _, host) if !self.listen.ip().is_loopback() => {
                // The certificate lies with the first case.
                let case = self.cases.first().context("which case?")?;
                Some(own_seal(case, &host_of(self.listen, host.as_deref())?, now())?)
            }
            (_, _, Some(_)) => bail!("--host is for other machines: on this one, browsers call the console {}", self.listen),
            _ => None,
        };
        let mut tell = |opened: &Opened| match common.format() {
            Format::Json => print_json(&told(opened)),
            Format::Text => {
                say_link(opened);
                Ok(())
            }
        };
        open(common, &self.cases, (self.listen, seal.as_ref()), (self.law.as_deref(), &given), &mut tell)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves cases until somebody ends it. `tell` tells the link: whoever reads it can come in once.
pub fn open(
    common: &Common,
    cases: &[PathBuf],
    (listen, seal): (SocketAddr, Option<&Seal>),
    (law, given): (Option<&Path>, &Given),
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
            given: given.clone(),
        }
    };
    let mut failed = None;
    serve(cases.iter().map(options).collect(), listen, seal, &mut |opened| failed = tell(opened).err())?;
    failed.map_or(Ok(()), Err)
}

/// Where a console is, for programs.
pub fn told(opened: &Opened) -> serde_json::Value {
    let mut told = serde_json::json!({ "listens": opened.at.to_string(), "link": opened.link });
    if let Some(fingerprint) = &opened.fingerprint {
        told["fingerprint"] = fingerprint.as_str().into();
    }
    told
}

/// The same for people.
pub fn say_link(opened: &Opened) {
    say!("\nThe console is open. Your link, good once, for ten minutes:\n\n    {}\n", opened.link);
    if let Some(fingerprint) = &opened.fingerprint {
        say!("The certificate's SHA-256, as your browser shows it before you trust it:\n\n    {fingerprint}\n");
    }
    say!("Whoever has it is you. Ctrl+C closes the console; nothing is lost.");
}
