//! A conversation: greeting, TLS, sign-in, and then letters. [`Session::deliver`] answers for each letter whether the server
//! can have it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::ClientConfig;

use super::reply::{Answer, Reply};
use super::wire::Wire;
use super::{Credentials, Security, Server, SmtpError, Stage};
use crate::letter::ComposedMail;

/// What became of a letter in a conversation.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The server took it.
    Accepted(Answer),
    /// It said "later", or the letter was not let go: the server does not have it.
    Later(Answer),
    /// It said "never" to this recipient or letter.
    Refused(Answer),
    /// It said "never" to us as senders, whoever the recipient.
    SenderRefused(Answer),
    /// The mark could not be set, so that the final dot was not sent.
    Withheld,
    /// The connection ended before the final dot left: the server does not have it.
    Lost(SmtpError),
    /// The connection ended after it: the server may have it.
    Unknown(SmtpError),
}

/// What the server can do.
#[derive(Clone, Debug, Default)]
struct Extensions {
    pipelining: bool,
    start_tls: bool,
    smtputf8: bool,
    auth: Vec<String>,
    size_limit: Option<usize>,
}

impl Extensions {
    fn of(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split([' ', '=']).filter(|w| !w.is_empty()).map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("PIPELINING") => found.pipelining = true,
                Some("STARTTLS") => found.start_tls = true,
                Some("SMTPUTF8") => found.smtputf8 = true,
                Some("AUTH") => found.auth.extend(words),
                Some("SIZE") => found.size_limit = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0),
                _ => {}
            }
        }
        found
    }
}

/// An open conversation.
pub(crate) struct Session<'a> {
    wire: Wire,
    server: &'a Server,
    can: Extensions,
    /// Letters that it has carried.
    carried: u64,
    alive: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn open(server: &'a Server, tls: Option<&Arc<ClientConfig>>) -> Result<Self, SmtpError> {
        if server.credentials.is_some() && server.security == Security::Plain && !server.is_local() {
            return Err(SmtpError::PlainCredentials);
        }
        let limits = server.timeouts;
        let mut wire = Wire::connect(&server.host, server.port, limits.connect)?;
        if let (Security::Tls, Some(config)) = (server.security, tls) {
            wire.secure(&server.host, config, limits.connect)?;
        }
        let greeting = wire.read_reply(limits.command, Stage::Greeting)?;
        require(&greeting, Stage::Greeting)?;
        let mut session = Self { wire, server, can: Extensions::default(), carried: 0, alive: true };
        session.hello()?;
        if let (Security::StartTls, Some(config)) = (server.security, tls) {
            if !session.can.start_tls {
                return Err(SmtpError::NoTls);
            }
            require(&session.command("STARTTLS", Stage::Tls)?, Stage::Tls)?;
            session.wire.secure(&server.host, config, limits.connect)?;
            // What was said in the clear counts no more (RFC 3207, 4.2).
            session.hello()?;
        }
        if let Some(credentials) = &server.credentials {
            session.sign_in(credentials)?;
        }
        Ok(session)
    }

    fn hello(&mut self) -> Result<(), SmtpError> {
        let name: String = self.server.own_name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':')).collect();
        let name = if name.is_empty() { "localhost".to_owned() } else { name };
        let reply = self.command(&format!("EHLO {name}"), Stage::Hello)?;
        require(&reply, Stage::Hello)?;
        self.can = Extensions::of(&reply);
        Ok(())
    }

    fn sign_in(&mut self, credentials: &Credentials) -> Result<(), SmtpError> {
        let (account, password) = (&credentials.account, credentials.password.expose_secret());
        let offers = |mechanism: &str| self.can.auth.iter().any(|offered| offered == mechanism);
        let reply = if offers("PLAIN") {
            self.command(&format!("AUTH PLAIN {}", BASE64_STANDARD.encode(format!("\0{account}\0{password}"))), Stage::Auth)?
        } else if offers("LOGIN") {
            let mut reply = self.command("AUTH LOGIN", Stage::Auth)?;
            for value in [account.as_str(), password] {
                if reply.code != 334 {
                    break;
                }
                reply = self.command(&BASE64_STANDARD.encode(value), Stage::Auth)?;
            }
            reply
        } else {
            return Err(SmtpError::NoAuth);
        };
        // A server's answer to AUTH could repeat what it was given; only its codes are kept.
        if reply.code == 235 {
            return Ok(());
        }
        let answer = Answer { text: "account or password refused".to_owned(), ..reply.answer() };
        Err(SmtpError::Refused { stage: Stage::Auth, answer })
    }

    fn limit(&self) -> Duration {
        self.server.timeouts.command
    }

    fn command(&mut self, line: &str, stage: Stage) -> Result<Reply, SmtpError> {
        self.wire.write(format!("{line}\r\n").as_bytes(), self.limit(), stage)?;
        self.wire.read_reply(self.limit(), stage)
    }

    /// Whether another letter can go this way.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether it has carried a letter: then the server may have closed it for its age.
    pub(crate) fn is_used(&self) -> bool {
        self.carried > 0
    }

    /// Says goodbye, without waiting long for the answer.
    pub(crate) fn close(mut self) {
        let short = self.limit().min(Duration::from_secs(2));
        if self.alive && self.wire.write(b"QUIT\r\n", short, Stage::Hello).is_ok() {
            let _ = self.wire.read_reply(short, Stage::Hello);
        }
    }

    /// Sends one letter. `release` is called when all but the final dot has left: it makes the mark "in flight" durable and
    /// says whether the dot may be sent.
    pub(crate) fn deliver(&mut self, mail: &ComposedMail, release: &mut dyn FnMut() -> bool) -> Delivery {
        let delivery = match self.transact(mail, release) {
            Ok(delivery) => delivery,
            Err(error) => Delivery::Lost(error),
        };
        self.carried += 1;
        let ended = matches!(delivery, Delivery::Lost(_) | Delivery::Unknown(_) | Delivery::Withheld);
        let leaving = matches!(&delivery, Delivery::Later(a) | Delivery::Refused(a) | Delivery::SenderRefused(a) if a.code == 421);
        self.alive &= !ended && !leaving;
        delivery
    }

    fn transact(&mut self, mail: &ComposedMail, release: &mut dyn FnMut() -> bool) -> Result<Delivery, SmtpError> {
        if mail.needs_smtputf8() && !self.can.smtputf8 {
            return Ok(Delivery::Refused(Answer::own("the address needs a mail server that knows SMTPUTF8")));
        }
        if self.can.size_limit.is_some_and(|limit| mail.bytes.len() > limit) {
            return Ok(Delivery::Refused(Answer::own("the letter is longer than the mail server takes")));
        }
        if let Some(refused) = self.envelope(mail)? {
            return Ok(refused);
        }
        self.wire.write(&dot_stuffed(&mail.bytes), self.limit(), Stage::Body)?;
        if !release() {
            return Ok(Delivery::Withheld);
        }
        // Between the mark and the dot: a server that hung up meanwhile has not got the letter.
        if self.wire.is_gone() {
            return Err(SmtpError::Connection { stage: Stage::Body, source: std::io::ErrorKind::ConnectionAborted.into() });
        }
        self.wire.write(b".\r\n", self.limit(), Stage::Body)?;
        match self.wire.read_reply(self.server.timeouts.acknowledgement, Stage::Acknowledgement) {
            Ok(reply) => Ok(match reply.code {
                200..300 => Delivery::Accepted(reply.answer()),
                400..500 => Delivery::Later(reply.answer()),
                500..600 => Delivery::Refused(reply.answer()),
                _ => Delivery::Unknown(SmtpError::NotSmtp(Stage::Acknowledgement)),
            }),
            Err(error) => Ok(Delivery::Unknown(error)),
        }
    }

    /// MAIL, RCPT and DATA, together where the server takes them so (RFC 2920). `None` if the letter may follow.
    fn envelope(&mut self, mail: &ComposedMail) -> Result<Option<Delivery>, SmtpError> {
        let utf8 = if mail.needs_smtputf8() { " SMTPUTF8" } else { "" };
        let commands = [
            (Stage::Mail, format!("MAIL FROM:<{}>{utf8}\r\n", mail.return_path)),
            (Stage::Recipient, format!("RCPT TO:<{}>\r\n", mail.recipient.expose_personal())),
            (Stage::Data, "DATA\r\n".to_owned()),
        ];
        if self.can.pipelining {
            let all: String = commands.iter().map(|(_, line)| line.as_str()).collect();
            self.wire.write(all.as_bytes(), self.limit(), Stage::Mail)?;
        }
        let mut refused = None;
        for (stage, line) in &commands {
            if !self.can.pipelining {
                self.wire.write(line.as_bytes(), self.limit(), *stage)?;
            }
            let reply = self.wire.read_reply(self.limit(), *stage)?;
            match (&refused, *stage) {
                (None, Stage::Data) if reply.code == 354 => return Ok(None),
                (None, Stage::Data) | (None, _) if !reply.is_positive() => refused = Some(refusal(*stage, reply.answer())),
                (None, Stage::Data) => return Err(SmtpError::NotSmtp(Stage::Data)),
                // It wants a letter although it refused everybody: there is no way back but to leave (RFC 2920, 3.1).
                (Some(_), Stage::Data) if reply.code == 354 => self.alive = false,
                _ => {}
            }
            if refused.is_some() && !self.can.pipelining {
                break;
            }
        }
        if self.alive && refused.is_some() {
            // The refusal stands, whatever becomes of the connection.
            self.alive = self.command("RSET", Stage::Mail).is_ok_and(|reply| reply.is_positive());
        }
        Ok(refused)
    }
}

fn refusal(stage: Stage, answer: Answer) -> Delivery {
    match (answer.is_permanent(), stage) {
        (true, Stage::Mail) => Delivery::SenderRefused(answer),
        (true, _) => Delivery::Refused(answer),
        (false, _) => Delivery::Later(answer),
    }
}

fn require(reply: &Reply, stage: Stage) -> Result<(), SmtpError> {
    if reply.is_positive() { Ok(()) } else { Err(SmtpError::Refused { stage, answer: reply.answer() }) }
}

/// The letter with a second dot before each line that begins with one (RFC 5321, 4.5.2), ending in a line end.
fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_at_the_start_of_a_line_is_doubled() {
        assert_eq!(dot_stuffed(b".a\r\nb.\r\n..\r\n"), b"..a\r\nb.\r\n...\r\n");
        assert_eq!(dot_stuffed(b"a"), b"a\r\n");
    }
}
