//! How letters reach the mail server: what whoever started the program says, and what the estate says where that is silent. The same
//! for the terminal and for the console.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use strandline_model::estate::MailServer;
use strandline_model::personal::Personal;
use strandline_outbound::{
    ComposeError, Credentials, DkimError, DkimKey, Pace, ReturnPath, ReturnPathError, Secret, Security, SenderIdentity, Server, Tally, Timeouts,
};

use crate::error::ResponseError;
use crate::run::Response;
use crate::stage::notify::{Attach, SendOrder, Wave};

/// What is said of the mail server beside the estate. Secrets are in it, and none of them is shown or kept.
#[derive(Clone, Debug)]
pub struct MailGiven {
    /// Its name, and its port.
    pub server: Option<(String, Option<u16>)>,
    /// Protection of the connection; plain is never chosen by itself, except to this machine.
    pub security: Option<Security>,
    /// Account there.
    pub account: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Certificate authorities of the organisation, PEM.
    pub authorities_pem: Option<String>,
    /// The address that letters come from.
    pub from: Option<String>,
    /// Where reports of undelivered letters go.
    pub return_path: Option<String>,
    /// Private key for DKIM signatures, PEM.
    pub dkim_pem: Option<Personal<String>>,
    /// Connections at the same time.
    pub connections: Option<usize>,
    /// Letters a minute at most.
    pub per_minute: Option<u32>,
    /// How long to wait for letters that the server put off before leaving them to the next run.
    pub patience: Duration,
}

impl Default for MailGiven {
    fn default() -> Self {
        Self {
            server: None,
            security: None,
            account: None,
            password: None,
            authorities_pem: None,
            from: None,
            return_path: None,
            dkim_pem: None,
            connections: None,
            per_minute: None,
            patience: Pace::default().patience,
        }
    }
}

/// What is missing before a letter can go by mail.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Nobody is known to write the letters.
    #[error("who writes? give --from, or [sending] from in the estate")]
    NoFrom,
    /// Reports would go nowhere.
    #[error("where do reports go? give --return-path, or [sending] return_path in the estate")]
    NoReturnPath,
    /// The return path.
    #[error(transparent)]
    ReturnPath(#[from] ReturnPathError),
    /// Whoever writes makes no letter.
    #[error(transparent)]
    Sender(#[from] ComposeError),
    /// No server is known.
    #[error("which mail server? give --server HOST:PORT, or [sending.mail_server] in the estate")]
    NoServer,
    /// A protection that is none.
    #[error("[sending.mail_server] security = {0:?}: it is tls, starttls or plain")]
    Security(String),
    /// An account without a password.
    #[error("the account needs a password: --password-env VAR or --password-file FILE (never on the command line)")]
    NoPassword,
    /// A key without a selector.
    #[error("a DKIM key needs [sending.dkim] selector and domain in the estate")]
    NoSelector,
    /// A key that is none.
    #[error("the key for DKIM signatures cannot be used")]
    Dkim(#[source] DkimError),
}

/// By which way letters would go, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailWay {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is sealed.
    pub is_sealed: bool,
}

impl MailGiven {
    /// Where reports go.
    ///
    /// # Errors
    /// If nobody says, or it is no address.
    pub fn return_path(&self, response: &Response<'_>) -> Result<ReturnPath, MailError> {
        let described = response.sending_described();
        let address = self.return_path.as_deref().or(described.map(|s| s.return_path.as_str())).ok_or(MailError::NoReturnPath)?;
        Ok(ReturnPath::new(address, described.and_then(|s| s.separator).unwrap_or('+'))?)
    }

    /// Who writes.
    ///
    /// # Errors
    /// If nobody says, or it makes no letter.
    pub fn identity(&self, response: &Response<'_>) -> Result<SenderIdentity, MailError> {
        let described = response.sending_described();
        let from = self.from.as_deref().or(described.map(|s| s.from.as_str())).ok_or(MailError::NoFrom)?;
        let return_path = self.return_path(response)?;
        let organisation = response.organisation_names();
        let english = organisation.get("en").or_else(|| organisation.values().next()).map(String::as_str).unwrap_or_default();
        let own = described.and_then(|s| s.from_name.as_deref());
        let identity = SenderIdentity::new(from, Some(own.unwrap_or(english)), described.and_then(|s| s.reply_to.as_deref()), return_path)?;
        let identity = match described.and_then(|s| s.list_id.as_deref()) {
            Some(list_id) => identity.listed_as(list_id)?,
            None => identity,
        };
        // A name that the estate chose for mail is the same in every language.
        Ok(if own.is_some() { identity } else { identity.named_in(organisation) })
    }

    /// By which way letters would go.
    ///
    /// # Errors
    /// What is missing.
    pub fn way(&self, response: &Response<'_>) -> Result<MailWay, MailError> {
        let server = self.server(response, self.identity(response)?.return_path().domain())?;
        Ok(MailWay { host: server.host, port: server.port, is_sealed: server.security != Security::Plain })
    }

    fn dkim(&self, response: &Response<'_>) -> Result<Option<DkimKey>, MailError> {
        let Some(pem) = &self.dkim_pem else { return Ok(None) };
        let described = response.sending_described().and_then(|s| s.dkim.as_ref()).ok_or(MailError::NoSelector)?;
        DkimKey::from_pem(pem.expose_personal(), &described.selector, &described.domain).map(Some).map_err(MailError::Dkim)
    }

    fn server(&self, response: &Response<'_>, own_name: &str) -> Result<Server, MailError> {
        let described = response.sending_described().and_then(|s| s.mail_server.as_ref());
        let (host, port) = match (&self.server, described) {
            (Some((host, port)), _) => (host.clone(), *port),
            (None, Some(described)) => (described.host.clone(), described.port),
            (None, None) => return Err(MailError::NoServer),
        };
        let mut server = Server { host, own_name: own_name.to_owned(), timeouts: Timeouts::default(), ..Server::nowhere() };
        server.security = self.protection(described, &server, port)?;
        server.port = port.unwrap_or(match server.security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        });
        server.authorities_pem.clone_from(&self.authorities_pem);
        let account = self.account.clone().or_else(|| described.and_then(|d| d.account.clone()));
        let password = || self.password.clone().ok_or(MailError::NoPassword);
        server.credentials = account.map(|account| Ok::<_, MailError>(Credentials { account, password: password()? })).transpose()?;
        Ok(server)
    }

    fn protection(&self, described: Option<&MailServer>, server: &Server, port: Option<u16>) -> Result<Security, MailError> {
        let asked = match (self.security, described.and_then(|d| d.security.as_deref())) {
            (Some(security), _) => Some(security),
            (None, Some("tls")) => Some(Security::Tls),
            (None, Some("starttls")) => Some(Security::StartTls),
            (None, Some("plain")) => Some(Security::Plain),
            (None, Some(other)) => return Err(MailError::Security(other.to_owned())),
            (None, None) => None,
        };
        Ok(asked.unwrap_or(match port {
            _ if server.is_local() => Security::Plain,
            None | Some(465) => Security::Tls,
            Some(_) => Security::StartTls,
        }))
    }

    fn pace(&self, response: &Response<'_>) -> Pace {
        let described = response.sending_described().and_then(|s| s.mail_server.as_ref());
        Pace {
            connections: self.connections.or_else(|| described.and_then(|d| d.connections)).unwrap_or(Pace::default().connections),
            letters_per_minute: self.per_minute.or_else(|| described.and_then(|d| d.letters_per_minute)),
            patience: self.patience,
            ..Pace::default()
        }
    }
}

impl Response<'_> {
    /// Sends what is approved by e-mail, each letter once, until nothing can go now or `stop` is set.
    ///
    /// # Errors
    /// If nobody says how mail goes; as [`Response::send_letters`].
    pub fn send_by_mail(&mut self, given: &MailGiven, wave: Wave, attach: Attach, stop: &AtomicBool) -> Result<Tally, ResponseError> {
        let identity = given.identity(self)?;
        let dkim = given.dkim(self)?;
        let server = given.server(self, identity.return_path().domain())?;
        let pace = given.pace(self);
        self.send_letters(&SendOrder { wave, attach, server: &server, identity: &identity, dkim: dkim.as_ref(), pace, stop })
    }

    /// Writes every e-mail of a round as it would go into a folder, which must be empty. Nothing is sent, and nothing is recorded.
    ///
    /// # Errors
    /// If nobody says who writes; as [`Response::dry_run_letters`].
    pub fn write_mail(&mut self, given: &MailGiven, wave: Wave, attach: Attach, folder: &Path) -> Result<u64, ResponseError> {
        let identity = given.identity(self)?;
        let dkim = given.dkim(self)?;
        let (server, stop) = (Server::nowhere(), AtomicBool::new(false));
        self.dry_run_letters(&SendOrder { wave, attach, server: &server, identity: &identity, dkim: dkim.as_ref(), pace: Pace::default(), stop: &stop }, folder)
    }
}
