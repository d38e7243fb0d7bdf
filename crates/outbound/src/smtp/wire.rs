//! The bytes below a conversation: a socket with a deadline for each step, in the clear or under TLS, and lines with a limit.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::reply::{Reply, parse_line};
use super::{SmtpError, Stage};

/// Longest line of a reply that is read (RFC 5321 asks for 512), and most lines of one reply.
const LINE_LIMIT: usize = 4096;
const LINES_LIMIT: usize = 128;

/// A socket whose reads and writes together end by a deadline: a server that trickles bytes gains no time by it.
struct TimedSocket {
    socket: TcpStream,
    deadline: Instant,
}

impl TimedSocket {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A read that ran into its time limit is reported as either kind, by platform.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for TimedSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(into).map_err(timed_out)
    }
}

impl Write for TimedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

enum Stream {
    Plain(TimedSocket),
    Tls(Box<StreamOwned<ClientConnection, TimedSocket>>),
    /// Only while TLS takes the socket over.
    Between,
}

/// A connection.
pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
}

fn failed(stage: Stage) -> impl Fn(io::Error) -> SmtpError {
    move |source| match source.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => SmtpError::Timeout(stage),
        _ => SmtpError::Connection { stage, source },
    }
}

impl Wire {
    pub(crate) fn connect(host: &str, port: u16, limit: Duration) -> Result<Self, SmtpError> {
        let deadline = Instant::now() + limit;
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(failed(Stage::Connect))?.collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SmtpError::Timeout(Stage::Connect));
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(socket) => {
                    // Commands are small and each waits for its answer.
                    socket.set_nodelay(true).map_err(failed(Stage::Connect))?;
                    return Ok(Self { stream: Stream::Plain(TimedSocket { socket, deadline }), buffer: Vec::new(), start: 0 });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(Stage::Connect)(last))
    }

    /// Begins TLS and completes the handshake, so that a wrong certificate shows here.
    pub(crate) fn secure(&mut self, host: &str, config: &Arc<ClientConfig>, limit: Duration) -> Result<(), SmtpError> {
        if self.start < self.buffer.len() {
            return Err(SmtpError::Injected);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SmtpError::ServerName)?;
        let Stream::Plain(mut socket) = std::mem::replace(&mut self.stream, Stream::Between) else { return Err(SmtpError::NotSmtp(Stage::Tls)) };
        socket.deadline = Instant::now() + limit;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(SmtpError::Tls)?;
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(handshake_failed)?;
        }
        self.stream = Stream::Tls(Box::new(stream));
        Ok(())
    }

    fn set_deadline(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        match &mut self.stream {
            Stream::Plain(socket) => socket.deadline = deadline,
            Stream::Tls(stream) => stream.sock.deadline = deadline,
            Stream::Between => {}
        }
    }

    /// Writes all of it, or fails. After a failure not all of it has left: under TLS, not the last record.
    pub(crate) fn write(&mut self, bytes: &[u8], limit: Duration, stage: Stage) -> Result<(), SmtpError> {
        self.set_deadline(limit);
        let written = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes).and_then(|()| socket.flush()),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::Between => Err(io::ErrorKind::NotConnected.into()),
        };
        written.map_err(failed(stage))
    }

    /// One whole reply.
    pub(crate) fn read_reply(&mut self, limit: Duration, stage: Stage) -> Result<Reply, SmtpError> {
        self.set_deadline(limit);
        let mut lines = Vec::new();
        loop {
            let line = self.read_line(stage)?;
            let (code, more, text) = parse_line(&line).ok_or(SmtpError::NotSmtp(stage))?;
            lines.push(text);
            if !more {
                return Ok(Reply { code, lines });
            }
            if lines.len() >= LINES_LIMIT {
                return Err(SmtpError::NotSmtp(stage));
            }
        }
    }

    fn read_line(&mut self, stage: Stage) -> Result<Vec<u8>, SmtpError> {
        loop {
            let unread = &self.buffer[self.start..];
            if let Some(end) = unread.iter().position(|b| *b == b'\n') {
                let line = unread[..end].strip_suffix(b"\r").unwrap_or(&unread[..end]).to_vec();
                self.start += end + 1;
                return Ok(line);
            }
            if unread.len() > LINE_LIMIT {
                return Err(SmtpError::NotSmtp(stage));
            }
            self.buffer.drain(..std::mem::take(&mut self.start));
            let mut chunk = [0; 2048];
            let read = match &mut self.stream {
                Stream::Plain(socket) => socket.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
                Stream::Between => Err(io::ErrorKind::NotConnected.into()),
            };
            match read {
                Ok(0) => return Err(failed(stage)(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(stage)(error)),
            }
        }
    }

    /// Whether the other side has hung up, or speaks out of turn, as far as can be seen without waiting.
    pub(crate) fn is_gone(&mut self) -> bool {
        if self.start < self.buffer.len() {
            return true;
        }
        let (socket, encrypted) = match &self.stream {
            Stream::Plain(socket) => (&socket.socket, false),
            Stream::Tls(stream) => (&stream.sock.socket, true),
            Stream::Between => return true,
        };
        let mut byte = [0];
        let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut byte));
        let restored = socket.set_nonblocking(false).is_ok();
        let gone = match peeked {
            Ok(0) => true,
            // Under TLS what waits there may be a session ticket.
            Ok(_) => !encrypted,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        gone || !restored
    }
}

fn handshake_failed(error: io::Error) -> SmtpError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => SmtpError::Tls(tls.clone()),
        None => failed(Stage::Tls)(error),
    }
}
