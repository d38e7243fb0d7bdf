//! One request of HTTP, to try a door: only its status is looked at.

use std::io::{self, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use super::dial::dial;
use super::tls::host_and_port;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// `http://HOST:PORT/path` or `https://…`.
    pub(super) url: String,
    /// GET if empty.
    pub(super) method: String,
    /// The cookie to show.
    pub(super) cookie: Option<String>,
    /// The local address that it comes from.
    pub(super) from: Option<IpAddr>,
}

/// The status of the answer.
pub(super) fn ask(asked: &Asked, patience: Duration) -> io::Result<u16> {
    match asked.url.strip_prefix("http://") {
        Some(rest) => ask_plainly(rest, asked, patience),
        None if asked.from.is_some() => Err(io::Error::other("by https it cannot be tried from another address")),
        None => ask_by_tls(asked, patience),
    }
}

fn ask_plainly(rest: &str, asked: &Asked, patience: Duration) -> io::Result<u16> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let to = host_and_port(authority, 80).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = dial(to, asked.from, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let method = if asked.method.is_empty() { "GET" } else { &asked.method };
    let cookie = asked.cookie.as_ref().map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let request = format!("{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: strandline probe\r\nConnection: close\r\n{cookie}\r\n");
    if request.matches("\r\n\r\n").count() != 1 {
        return Err(io::Error::other("a cookie or path with line ends is not sent"));
    }
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    status(&head).ok_or_else(|| io::Error::other("what answers is no HTTP"))
}

fn ask_by_tls(asked: &Asked, patience: Duration) -> io::Result<u16> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(patience)).http_status_as_error(false).max_redirects(0).build().into();
    let method = if asked.method.is_empty() { "GET" } else { &asked.method };
    let mut request = ureq::http::Request::builder().method(method).uri(&asked.url);
    if let Some(cookie) = &asked.cookie {
        request = request.header("Cookie", cookie);
    }
    let request = request.body(()).map_err(io::Error::other)?;
    agent.run(request).map(|answer| answer.status().as_u16()).map_err(io::Error::other)
}

/// `HTTP/1.1 403`
fn status(head: &[u8; 12]) -> Option<u16> {
    let text = std::str::from_utf8(head).ok()?;
    text.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn a_status_is_read_and_nothing_else() {
        for (head, expected) in [(b"HTTP/1.1 403", Some(403)), (b"HTTP/1.0 200", Some(200)), (b"SSH-2.0-Open", None), (b"HTTP/1.1 \xff\xff\xff", None)] {
            assert_eq!(status(head), expected);
        }
    }
}
