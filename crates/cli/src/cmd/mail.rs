//! How letters reach the mail server, as the command line says it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use strandline_model::personal::Personal;
use strandline_response::desk::MailGiven;
use strandline_response::{Secret, Security};

#[derive(Clone, Copy, ValueEnum)]
enum Protection {
    Tls,
    Starttls,
    Plain,
}

/// How to reach the mail server; what is not given is taken from [sending] of the estate
#[derive(Args)]
pub struct Mail {
    /// The mail server: HOST or HOST:PORT
    #[arg(long, value_name = "HOST")]
    server: Option<String>,
    /// Protection of the connection; plain is never chosen by itself, except to this machine
    #[arg(long, value_name = "HOW")]
    security: Option<Protection>,
    /// Account at the mail server
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Environment variable that holds the account's password
    #[arg(long, value_name = "VAR", conflicts_with = "password_file")]
    password_env: Option<String>,
    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Certificate authorities of the organisation, PEM
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// The address that letters come from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where reports of undelivered letters go
    #[arg(long, value_name = "ADDRESS")]
    return_path: Option<String>,
    /// Private key for DKIM signatures, PEM
    #[arg(long, value_name = "FILE")]
    dkim_key: Option<PathBuf>,
    /// Connections at the same time
    #[arg(long, value_name = "N")]
    connections: Option<usize>,
    /// Letters a minute at most
    #[arg(long, value_name = "N")]
    per_minute: Option<u32>,
    /// Minutes to wait for letters that the server put off before leaving them to the next run
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    patience: u64,
}

impl Mail {
    /// What is given, with the secrets that its files hold.
    pub fn given(&self) -> anyhow::Result<MailGiven> {
        Ok(MailGiven {
            server: self.server.as_deref().map(host_and_port).transpose()?,
            security: self.security.map(|protection| match protection {
                Protection::Tls => Security::Tls,
                Protection::Starttls => Security::StartTls,
                Protection::Plain => Security::Plain,
            }),
            account: self.account.clone(),
            password: self.password()?,
            authorities_pem: self.authorities.as_deref().map(read_secret).transpose()?,
            from: self.from.clone(),
            return_path: self.return_path.clone(),
            dkim_pem: self.dkim_key.as_deref().map(read_secret).transpose()?.map(Personal::new),
            connections: self.connections,
            per_minute: self.per_minute,
            patience: Duration::from_secs(self.patience.saturating_mul(60)),
        })
    }

    fn password(&self) -> anyhow::Result<Option<Secret>> {
        let password = match (&self.password_env, &self.password_file) {
            (Some(name), _) => std::env::var(name).ok().with_context(|| format!("the environment variable {name} holds no password"))?,
            (None, Some(path)) => read_secret(path)?.trim_end_matches(['\r', '\n']).to_owned(),
            (None, None) => return Ok(None),
        };
        ensure!(!password.is_empty(), "the password is empty");
        Ok(Some(Secret::new(password)))
    }
}

fn host_and_port(text: &str) -> anyhow::Result<(String, Option<u16>)> {
    // An IPv6 address stands in brackets if a port follows.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = port.map(|port| port.parse().ok().with_context(|| format!("{text:?} is no HOST:PORT"))).transpose()?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

fn read_secret(path: impl AsRef<Path>) -> anyhow::Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_or_without_a_port() {
        for (text, expected) in [
            ("mail.example.org", Some(("mail.example.org", None))),
            ("mail.example.org:587", Some(("mail.example.org", Some(587)))),
            ("[::1]:25", Some(("::1", Some(25)))),
            ("::1", Some(("::1", None))),
            ("mail:99999", None),
        ] {
            let got = host_and_port(text).ok();
            assert_eq!(got.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{text}");
        }
    }
}
