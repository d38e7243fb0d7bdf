//! One request of HTTP, to try a door: only its status is looked at.

use std::io::{self, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

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
    /// Certificate authorities that it trusts, PEM; the web's own if there are none.
    pub(super) authorities: Option<String>,
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
    let config = ureq::Agent::config_builder().timeout_global(Some(patience)).http_status_as_error(false).max_redirects(0);
    let agent: ureq::Agent = config.tls_config(trusting(asked.authorities.as_deref())).build().into();
    let method = if asked.method.is_empty() { "GET" } else { &asked.method };
    let mut request = ureq::http::Request::builder().method(method).uri(&asked.url);
    if let Some(cookie) = &asked.cookie {
        request = request.header("Cookie", cookie);
    }
    let request = request.body(()).map_err(io::Error::other)?;
    agent.run(request).map(|answer| answer.status().as_u16()).map_err(io::Error::other)
}

/// TLS that trusts these authorities, or the web's own.
pub(super) fn trusting(authorities: Option<&str>) -> TlsConfig {
    let tls = TlsConfig::builder();
    let Some(pem) = authorities else { return tls.build() };
    let parts = pem.split_inclusive("-----END CERTIFICATE-----").filter(|part| part.contains("BEGIN CERTIFICATE"));
    let roots: Vec<Certificate<'static>> = parts.filter_map(|part| Certificate::from_pem(part.as_bytes()).ok()).collect();
    tls.root_certs(RootCerts::new_with_certs(&roots)).build()
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
