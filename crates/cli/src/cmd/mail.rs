//! How letters reach the mail server: what the command line says, and what the estate says where it is silent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use strandline_model::estate::{Dkim, MailServer, Sending};
use strandline_response::{Credentials, DkimKey, Pace, ReturnPath, Secret, Security, SenderIdentity, Server, Timeouts};

#[derive(Clone, Copy, ValueEnum)]
enum Protection {
    Tls,
    Starttls,
    Plain,
}

/// How to reach the mail server; what is not given is taken from [sending] of the estate
#[derive(Args, Default)]
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
    /// Who writes.
    pub fn identity(&self, described: Option<&Sending>, organisation: &BTreeMap<String, String>) -> anyhow::Result<SenderIdentity> {
        let from = self.from.as_deref().or(described.map(|s| s.from.as_str())).context("who writes? give --from, or [sending] from in the estate")?;
        let return_path = return_path(self.return_path.as_deref(), described)?;
        let english = organisation.get("en").or_else(|| organisation.values().next()).map(String::as_str).unwrap_or_default();
        let own = described.and_then(|s| s.from_name.as_deref());
        let reply_to = described.and_then(|s| s.reply_to.as_deref());
        let identity = SenderIdentity::new(from, Some(own.unwrap_or(english)), reply_to, return_path)?;
        let identity = match described.and_then(|s| s.list_id.as_deref()) {
            Some(list_id) => identity.listed_as(list_id)?,
            None => identity,
        };
        // A name that the estate chose for mail is the same in every language.
        Ok(if own.is_some() { identity } else { identity.named_in(organisation.clone()) })
    }

    /// The key for signatures, where one is given.
    pub fn dkim(&self, described: Option<&Dkim>) -> anyhow::Result<Option<DkimKey>> {
        let Some(path) = &self.dkim_key else { return Ok(None) };
        let described = described.context("a DKIM key needs [sending.dkim] selector and domain in the estate")?;
        let pem = read_secret(path)?;
        let key = DkimKey::from_pem(&pem, &described.selector, &described.domain).with_context(|| format!("the DKIM key {}", path.display()))?;
        Ok(Some(key))
    }

    /// The mail server.
    pub fn server(&self, described: Option<&MailServer>, own_name: &str) -> anyhow::Result<Server> {
        let (host, port) = match (&self.server, described) {
            (Some(text), _) => host_and_port(text)?,
            (None, Some(described)) => (described.host.clone(), described.port),
            (None, None) => bail!("which mail server? give --server HOST:PORT, or [sending.mail_server] in the estate"),
        };
        let mut server = Server { host, own_name: own_name.to_owned(), timeouts: Timeouts::default(), ..Server::nowhere() };
        server.security = self.protection(described, &server, port)?;
        server.port = port.unwrap_or(match server.security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        });
        server.authorities_pem = self.authorities.as_deref().map(read_secret).transpose()?;
        let account = self.account.clone().or_else(|| described.and_then(|d| d.account.clone()));
        server.credentials = account.map(|account| Ok::<_, anyhow::Error>(Credentials { account, password: self.password()? })).transpose()?;
        Ok(server)
    }

    fn protection(&self, described: Option<&MailServer>, server: &Server, port: Option<u16>) -> anyhow::Result<Security> {
        let asked = match (self.security, described.and_then(|d| d.security.as_deref())) {
            (Some(Protection::Tls), _) | (None, Some("tls")) => Some(Security::Tls),
            (Some(Protection::Starttls), _) | (None, Some("starttls")) => Some(Security::StartTls),
            (Some(Protection::Plain), _) | (None, Some("plain")) => Some(Security::Plain),
            (None, Some(other)) => bail!("[sending.mail_server] security = {other:?}: it is tls, starttls or plain"),
            (None, None) => None,
        };
        Ok(asked.unwrap_or(match port {
            _ if server.is_local() => Security::Plain,
            None | Some(465) => Security::Tls,
            Some(_) => Security::StartTls,
        }))
    }

    fn password(&self) -> anyhow::Result<Secret> {
        let password = match (&self.password_env, &self.password_file) {
            (Some(name), _) => std::env::var(name).ok().with_context(|| format!("the environment variable {name} holds no password"))?,
            (None, Some(path)) => read_secret(path)?.trim_end_matches(['\r', '\n']).to_owned(),
            (None, None) => bail!("the account needs a password: --password-env VAR or --password-file FILE (never on the command line)"),
        };
        ensure!(!password.is_empty(), "the password is empty");
        Ok(Secret::new(password))
    }

    /// How fast.
    pub fn pace(&self, described: Option<&MailServer>) -> Pace {
        Pace {
            connections: self.connections.or_else(|| described.and_then(|d| d.connections)).unwrap_or(Pace::default().connections),
            letters_per_minute: self.per_minute.or_else(|| described.and_then(|d| d.letters_per_minute)),
            patience: Duration::from_secs(self.patience.saturating_mul(60)),
            ..Pace::default()
        }
    }
}

/// Where reports go.
pub fn return_path(given: Option<&str>, described: Option<&Sending>) -> anyhow::Result<ReturnPath> {
    let address =
        given.or(described.map(|s| s.return_path.as_str())).context("where do reports go? give --return-path, or [sending] return_path in the estate")?;
    Ok(ReturnPath::new(address, described.and_then(|s| s.separator).unwrap_or('+'))?)
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
