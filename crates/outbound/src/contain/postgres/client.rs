//! Our own connection to a server: dialled with patience, protected as the estate says, its errors told without what they quote.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::startup::{Greeting, greet};
use crate::contain::error::ContainError;
use crate::contain::tls::{Protection, client_config, host_and_port, protection};
use crate::contain::{Manner, Reach};

/// A session of ours at a server.
pub(in crate::contain) struct Session {
    client: Client,
    target: String,
    account: String,
}

/// Who signs in, and with what.
pub(super) struct Who<'a> {
    /// The account.
    pub(super) account: &'a str,
    /// Its password, if there is one.
    pub(super) password: Option<&'a str>,
}

/// Where a target answers.
pub(super) fn addresses(reach: &Reach, default_port: u16) -> Result<Vec<SocketAddr>, ContainError> {
    let address = reach.target.address.as_deref().unwrap_or_default();
    if address.starts_with('/') {
        return Ok(Vec::new());
    }
    let unreachable = |source| ContainError::Unreachable { target: reach.target.name.clone(), source };
    let found: Vec<SocketAddr> = host_and_port(address, default_port).to_socket_addrs().map_err(unreachable)?.collect();
    if found.is_empty() { Err(unreachable(io::ErrorKind::NotFound.into())) } else { Ok(found) }
}

/// Signs in. What the server says is kept by its code, so that a caller can tell a refusal from another.
pub(super) fn sign_in(reach: &Reach, who: &Who<'_>, database: &str, patience: Duration, port: u16) -> Result<Client, Refusal> {
    let address = reach.target.address.as_deref().unwrap_or_default();
    let mut config = Config::new();
    config.user(who.account).dbname(database).application_name("strandline").connect_timeout(patience).tcp_user_timeout(patience);
    if let Some(password) = who.password {
        config.password(password);
    }
    if address.starts_with('/') {
        let (folder, port) = socket_and_port(address, port);
        config.host_path(folder).port(port);
    } else {
        let (host, port) = host_and_port(address, port);
        config.host(&host).port(port);
        // A server that takes the connection and says nothing, or is of another kind, would hold us: the library has no limit for that.
        let answers = addresses(reach, port)
            .map_err(Refusal::Other)?
            .into_iter()
            .any(|to| greet(to, None, who.account, Some(database), patience).is_ok_and(|said| said != Greeting::Unknown));
        if !answers {
            let source = io::Error::new(io::ErrorKind::TimedOut, "it does not answer as PostgreSQL does");
            return Err(Refusal::Other(ContainError::Unreachable { target: reach.target.name.clone(), source }));
        }
    }
    let connected = if protection(reach) == Protection::Plain {
        config.ssl_mode(SslMode::Disable);
        in_time(patience, move || config.connect(NoTls))
    } else {
        let tls = MakeRustlsConnect::new((*client_config(reach).map_err(Refusal::Other)?).clone());
        config.ssl_mode(SslMode::Require);
        in_time(patience, move || config.connect(tls))
    };
    let Some(connected) = connected else {
        return Err(Refusal::Other(ContainError::TooSlow { target: reach.target.name.clone(), doing: "let us in".to_owned(), seconds: patience.as_secs() }));
    };
    connected.map_err(|error| match error.as_db_error() {
        Some(said) => Refusal::Said { code: said.code().code().to_owned(), message: said.message().to_owned() },
        None => Refusal::Other(ContainError::Unreachable { target: reach.target.name.clone(), source: io::Error::other(error) }),
    })
}

/// What a sign-in gives, or nothing where it takes longer than a few answers may: a server of another kind can say something and
/// then wait for us, and the library would wait, too. It is given up then, with its thread.
fn in_time<T: Send + 'static>(patience: Duration, sign_in: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(sign_in()));
    told.recv_timeout(patience * 3).ok()
}

/// `/run/postgresql`, `/run/postgresql/.s.PGSQL.5433` or `/run/postgresql:5433`.
fn socket_and_port(address: &str, default: u16) -> (&str, u16) {
    if let Some((folder, port)) = address.rsplit_once("/.s.PGSQL.") {
        return (folder, port.parse().unwrap_or(default));
    }
    match address.rsplit_once(':').map(|(folder, port)| (folder, port.parse())) {
        Some((folder, Ok(port))) => (folder, port),
        _ => (address, default),
    }
}

/// Why nobody was let in.
pub(super) enum Refusal {
    /// The server said so.
    Said {
        /// SQLSTATE.
        code: String,
        /// Its words; the names in them are those that we sent.
        message: String,
    },
    /// It never came to that.
    Other(ContainError),
}

impl Refusal {
    /// As an error of our own sign-in.
    pub(super) fn into_error(self, reach: &Reach, account: &str) -> ContainError {
        match self {
            Self::Said { code, message } => {
                ContainError::NotLetIn { target: reach.target.name.clone(), account: account.to_owned(), why: format!("{message} ({code})") }
            }
            Self::Other(error) => error,
        }
    }
}

impl Session {
    /// Signs in with the estate's account.
    ///
    /// # Errors
    /// If the server does not answer or does not let us in.
    pub(in crate::contain) fn open(reach: &Reach, manner: &Manner, database: &str, port: u16) -> Result<Self, ContainError> {
        let account = reach.target.account.clone().unwrap_or_default();
        let who = Who { account: &account, password: reach.secret.as_ref().map(crate::smtp::Secret::expose_secret) };
        let client = sign_in(reach, &who, database, manner.patience, port).map_err(|refusal| refusal.into_error(reach, &account))?;
        Ok(Self { client, target: reach.target.name.clone(), account })
    }

    /// Settings without which an answer could be late, or read in another way.
    ///
    /// # Errors
    /// If the server does not take them.
    pub(in crate::contain) fn settle(&mut self, patience: Duration) -> Result<(), ContainError> {
        let limit = patience.as_millis();
        let settings = format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET search_path = pg_catalog; SET client_encoding = 'UTF8'"
        );
        self.run("set up the session", &settings)
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) fn rows(&mut self, doing: &str, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, ContainError> {
        self.client.query(query, values).map_err(|error| told(&self.target, &self.account, doing, &error))
    }

    /// The first value of the first row, as text.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) fn text(&mut self, doing: &str, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<String>, ContainError> {
        let rows = self.rows(doing, query, values)?;
        rows.first().map_or(Ok(None), |row| row.try_get(0).map_err(|_| self.strange(format!("it answers {doing} with no text"))))
    }

    /// The first value of each row, as text; a row that has none is left out.
    ///
    /// # Errors
    /// If the server refuses, or the value is no text.
    pub(in crate::contain) fn texts(&mut self, doing: &str, query: &str) -> Result<Vec<String>, ContainError> {
        let rows = self.rows(doing, query, &[])?;
        let text = |row: &Row| row.try_get::<_, Option<String>>(0).map_err(|_| self.strange(format!("it answers {doing} with no text")));
        Ok(rows.iter().map(text).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Commands without parameters, all in one message; several are one transaction.
    ///
    /// # Errors
    /// If the server refuses.
    pub(in crate::contain) fn run(&mut self, doing: &str, commands: &str) -> Result<(), ContainError> {
        self.client.batch_execute(commands).map_err(|error| told(&self.target, &self.account, doing, &error))
    }

    /// Rows of a command that takes no parameters, by name: what the console of pgbouncer speaks.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) fn table(&mut self, doing: &str, command: &str) -> Result<Vec<std::collections::BTreeMap<String, String>>, ContainError> {
        let messages = self.client.simple_query(command).map_err(|error| told(&self.target, &self.account, doing, &error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let names = row.columns().iter().enumerate();
                Some(names.map(|(at, column)| (column.name().to_owned(), row.get(at).unwrap_or_default().to_owned())).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// What the server said that no server of its kind says.
    pub(super) fn strange(&self, why: String) -> ContainError {
        ContainError::Strange { target: self.target.clone(), why }
    }

    /// The target's name.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Our own account there.
    pub(super) fn account(&self) -> &str {
        &self.account
    }
}

/// An error of a server, without details: those can quote rows.
fn told(target: &str, account: &str, doing: &str, error: &postgres::Error) -> ContainError {
    let (target, doing) = (target.to_owned(), doing.to_owned());
    match error.as_db_error() {
        Some(said) if *said.code() == SqlState::INSUFFICIENT_PRIVILEGE => ContainError::NoRight {
            target,
            account: account.to_owned(),
            doing,
            way_out: "give it a superuser, or the right that docs/containment.md names".to_owned(),
        },
        Some(said) if *said.code() == SqlState::QUERY_CANCELED || *said.code() == SqlState::LOCK_NOT_AVAILABLE => {
            ContainError::Refused { target, doing, why: "it took too long, and was given up; nothing was changed".to_owned() }
        }
        Some(said) => ContainError::Refused { target, doing, why: format!("{} ({})", said.message(), said.code().code()) },
        None => ContainError::Unreachable { target, source: io::Error::other(format!("the connection ended while it was to {doing}")) },
    }
}

/// A name as SQL takes it.
pub(in crate::contain) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it, whatever the server's settings.
pub(in crate::contain) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_text_cannot_end_itself() {
        assert_eq!(literal("o'clock"), "'o''clock'");
        assert_eq!(literal("\\'; DROP"), " E'\\\\''; DROP'");
    }
}
