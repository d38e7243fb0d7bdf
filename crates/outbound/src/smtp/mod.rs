//! SMTP as a client (RFC 5321): one connection, one letter after another, and always an answer to one question: can the
//! server have it?
//!
//! The mail library's own client was not enough. It cannot say on which side of the final dot a connection was lost; it has a
//! time limit for each read but none for a reply, so that a server which trickles bytes holds it for ever, and none for the
//! length of a line; it keeps what came in the clear before STARTTLS; it waits for delayed acknowledgements (Nagle); and it
//! closes the connection at each refused recipient.

mod reply;
mod session;
mod wire;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

pub use reply::Answer;
pub(crate) use reply::is_enhanced;
pub(crate) use session::{Delivery, Session};

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// The clear, and TLS before anything of value (port 587 or 25). A server that does not offer it is not used.
    StartTls,
    /// The clear. Only to the same machine, or where somebody asked for it; credentials never go this way to another machine.
    Plain,
}

/// A value that is secret and does not print itself.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    pub(crate) fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Account and password at the mail server.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account.
    pub account: String,
    /// Its password.
    pub password: Secret,
}

/// How long to wait. RFC 5321, 4.5.3.2 asks for minutes, and for ten of them after the final dot: whoever gives up earlier
/// there makes letters uncertain.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection to stand, TLS included.
    pub connect: Duration,
    /// For the answer to a command, and for the letter to be taken from us.
    pub command: Duration,
    /// For the answer to the final dot.
    pub acknowledgement: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), command: Duration::from_secs(300), acknowledgement: Duration::from_secs(600) }
    }
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: Security,
    /// Who signs in, where the server wants it.
    pub credentials: Option<Credentials>,
    /// The name that we greet with.
    pub own_name: String,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Certificate authorities of the organisation, in PEM, beside those of the web.
    pub authorities_pem: Option<String>,
}

impl Server {
    /// None: what a dry run, or a description of one, speaks with.
    pub fn nowhere() -> Self {
        Self {
            host: String::new(),
            port: 0,
            security: Security::Tls,
            credentials: None,
            own_name: String::new(),
            timeouts: Timeouts::default(),
            authorities_pem: None,
        }
    }

    /// Whether the server is this machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// TLS as all connections of a run use it.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, SmtpError> {
        if self.security == Security::Plain {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(pem) = &self.authorities_pem {
            let mut found = 0;
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(|_| SmtpError::Authorities)?).map_err(|_| SmtpError::Authorities)?;
                found += 1;
            }
            if found == 0 {
                return Err(SmtpError::Authorities);
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions();
        Ok(Some(Arc::new(builder.map_err(SmtpError::Tls)?.with_root_certificates(roots).with_no_client_auth())))
    }
}

/// Where in a conversation something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Finding and reaching the server.
    Connect,
    /// Its greeting.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The letter itself, before its final dot.
    Body,
    /// The answer to the final dot.
    Acknowledgement,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::Tls => "TLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Body => "the letter",
            Self::Acknowledgement => "the final dot",
        })
    }
}

/// Why a connection could not be made or went away. It holds no address of a person and no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// The connection failed or was cut.
    #[error("the connection failed at {stage}")]
    Connection {
        /// Where.
        stage: Stage,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("the mail server did not answer in time at {0}")]
    Timeout(Stage),
    /// What came is no SMTP.
    #[error("the mail server did not speak SMTP at {0}")]
    NotSmtp(Stage),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The server's name cannot stand in a certificate.
    #[error("the mail server's name cannot be checked against a certificate")]
    ServerName,
    /// The given authorities cannot be read.
    #[error("the file of certificate authorities holds none, or one that cannot be read: it must be PEM")]
    Authorities,
    /// The server offers no STARTTLS.
    #[error("the mail server offers no TLS: nothing was sent. Use its TLS port, or ask for plain explicitly if it is trusted")]
    NoTls,
    /// Something came in the clear after the server agreed to TLS: somebody is in between.
    #[error("the mail server sent more than its answer before TLS began: somebody may be in between; nothing was sent")]
    Injected,
    /// Credentials would travel in the clear.
    #[error("account and password are not sent to another machine without TLS")]
    PlainCredentials,
    /// No common way to sign in.
    #[error("the mail server offers no AUTH PLAIN or LOGIN")]
    NoAuth,
    /// The server refused before any letter.
    #[error("the mail server refused at {stage}: {answer}")]
    Refused {
        /// Where.
        stage: Stage,
        /// What it said.
        answer: Answer,
    },
}

impl SmtpError {
    /// Whether trying again, as we are, can help: not where the set-up is wrong, and not with a password that was refused
    /// (accounts get locked).
    pub(crate) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Timeout(_) | Self::NotSmtp(_) => true,
            Self::Refused { answer, .. } => answer.is_transient(),
            _ => false,
        }
    }
}
