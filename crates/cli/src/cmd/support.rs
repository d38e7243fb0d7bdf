//! `strandline support`: the support page for those who were exposed. `publish` and `collect` work on the case; `serve` never sees one.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use strandline_response::{Collected, Published, Response};
use strandline_support::{Identity, Limits, Settings, serve};

use crate::cmd::{Common, print_json};
use crate::ui::{Format, Screen, printable, thousands};

/// The support page for those who were exposed: publish cards, serve them, collect what people write
#[derive(Args)]
pub struct Support {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Seal one card for each person whose letter was approved or has left, under the code in that letter
    Publish {
        /// The case folder
        case: PathBuf,
        /// The bundle: a folder of its own, to be copied to the host that serves it
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
        /// From this many letters on two people must have approved; the smaller of this and the estate's number counts
        #[arg(long, value_name = "N")]
        second_from: Option<u64>,
    },
    /// Serve a bundle, on a host that has no case
    Serve(Serve),
    /// Bring what people wrote from a bundle into the case
    Collect {
        /// The case folder
        case: PathBuf,
        /// The bundle
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
    },
}

/// Serve a bundle
#[derive(Args)]
struct Serve {
    /// The bundle
    bundle: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Certificate chain, PEM; without it, plain HTTP on the loopback, or behind a proxy
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A proxy of yours, at this address (127.0.0.1 if none is given), speaks TLS and puts the caller's address last into
    /// X-Forwarded-For. Whoever else connects is not answered
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1")]
    behind_proxy: Option<IpAddr>,
    /// Look-ups at once; each takes 8 MiB. Default: as many as there are cores
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// Wrong codes that one address may try at once, and again every minute
    #[arg(long, value_name = "N", default_value_t = 30)]
    tries: u32,
    /// Messages that may wait to be collected
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    inbox: u64,
}

impl Support {
    pub fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Publish { case, into, second_from } => {
                let settings = common.settings(&case);
                let mut screen = Screen::new(common.format());
                let published = Response::resume(&settings, &mut screen)?.publish_support(&into, second_from)?;
                drop(screen);
                match common.format() {
                    Format::Json => print_json(&published)?,
                    Format::Text => print_published(&published, &into.display().to_string()),
                }
                Ok(ExitCode::SUCCESS)
            }
            Verb::Serve(command) => command.run(),
            Verb::Collect { case, from } => {
                let settings = common.settings(&case);
                let mut screen = Screen::new(common.format());
                let collected = Response::resume(&settings, &mut screen)?.collect_support(&from)?;
                drop(screen);
                match common.format() {
                    Format::Json => print_json(&collected)?,
                    Format::Text => print_collected(&collected, &case.display().to_string()),
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Serve {
    fn run(self) -> anyhow::Result<ExitCode> {
        let identity = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            _ => bail!("a certificate needs its key, and a key its certificate: give both --tls-cert and --tls-key"),
        };
        let usual = Limits::default();
        let limits = Limits {
            derivations: self.at_once.unwrap_or(usual.derivations).max(1),
            tries: self.tries,
            tries_per_minute: self.tries,
            inbox: self.inbox,
            ..usual
        };
        let scheme = if identity.is_some() { "https" } else { "http" };
        let settings =
            Settings { bundle: self.bundle, listen: self.listen, identity, behind_proxy: self.behind_proxy, limits, warn: |said| tell!("warning: {said}") };
        serve(&settings, |address| tell!("The support page is at {scheme}://{address}/. Stop it with Ctrl+C; it keeps no log of who came."))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn print_published(published: &Published, bundle: &str) {
    say!("{} cards of {} bytes are in {}, each sealed by the code of its letter", thousands(published.cards), published.card_bytes, printable(bundle));
    for (reason, count) in &published.left_out {
        say!("{} people have no card: {reason}", thousands(*count));
    }
    if published.stopped_translations > 0 {
        say!("{} translations are on no card, since the lint would stop them as a letter", thousands(published.stopped_translations));
    }
    if published.answers > 0 {
        say!("{} answers of the desk are on them", thousands(published.answers));
    }
    say!("Messages are sealed to {}; its secret half is support.key in the case, and nowhere else", published.recipient);
    say!("Next: copy the folder to the host that serves it, manifest.json last; `strandline support serve FOLDER`");
}

fn print_collected(collected: &Collected, case: &str) {
    say!("{} new messages, {} about somebody's safety; {} were known", thousands(collected.new), collected.safety, thousands(collected.known));
    for refused in &collected.refused {
        say!("{}  left where it is: {}", refused.id, refused.reason);
    }
    if collected.new > 0 {
        say!("Next: `strandline desk {}`", printable(case));
    }
}
