//! The door tried without a key: a connection is begun as the role, and what the server says before it asks for any secret is
//! read. A `reject` line answers here; everything that is judged after authentication does not.
//!
//! Protocol 3.0, <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::contain::dial::dial;

/// What a server says to somebody who has not shown a secret yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// It asks for a secret, of this kind of the protocol (5 is MD5, 10 is SASL).
    Asks(u32),
    /// It lets him in without one.
    LetsIn,
    /// It refuses, with this code.
    Refuses {
        /// SQLSTATE.
        code: String,
    },
    /// It says something that no server of this kind does.
    Unknown,
}

/// A message is at most this long; errors are a few hundred bytes.
const LONGEST_BYTES: usize = 64 << 10;

/// Begins a connection as `role` on `database`, or to copy the whole server where none is named, from the local address `from` if one is given, and reads the first answer.
pub(crate) fn greet(to: SocketAddr, from: Option<std::net::IpAddr>, role: &str, database: Option<&str>, patience: Duration) -> io::Result<Greeting> {
    let mut stream = dial(to, from, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut body = 196_608u32.to_be_bytes().to_vec();
    let wanted = database.map_or(("replication", "true"), |database| ("database", database));
    for (name, value) in [("user", role), wanted, ("application_name", "strandline probe")] {
        for text in [name, value] {
            body.extend(text.bytes().filter(|b| *b != 0));
            body.push(0);
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&body)?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if !(4..LONGEST_BYTES).contains(&length) {
        return Ok(Greeting::Unknown);
    }
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body)?;
    Ok(read_greeting(head[0], &body))
}

fn read_greeting(kind: u8, body: &[u8]) -> Greeting {
    match (kind, body.first_chunk::<4>()) {
        (b'R', Some(word)) => match u32::from_be_bytes(*word) {
            0 => Greeting::LetsIn,
            asked => Greeting::Asks(asked),
        },
        (b'E', _) => {
            let mut fields = body.split(|b| *b == 0).filter_map(|field| field.split_first());
            let code = fields.find(|(name, _)| **name == b'C').map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            code.map_or(Greeting::Unknown, |code| Greeting::Refuses { code })
        }
        _ => Greeting::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_is_read_and_nothing_else_is_believed() {
        for (kind, body, expected) in [
            (b'R', &[0, 0, 0, 10, b'S'][..], Greeting::Asks(10)),
            (b'R', &[0, 0, 0, 0], Greeting::LetsIn),
            (b'R', &[0, 0], Greeting::Unknown),
            (b'E', b"SFATAL\0C28000\0Mpg_hba.conf rejects connection\0\0", Greeting::Refuses { code: "28000".to_owned() }),
            (b'E', b"", Greeting::Unknown),
            (b'H', b"TTP/1.1 400", Greeting::Unknown),
        ] {
            assert_eq!(read_greeting(kind, body), expected);
        }
    }
}
