//! TLS: what another machine is served is sealed, and its cookie asks for that.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use sha2::Digest;
use strandline_console::{Options, Seal, own_seal, serve};
use strandline_response::desk::Given;
use strandline_response::notice::LawBook;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore};

fn ask(at: SocketAddr, trusted: &CertificateDer<'static>, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("console.example").unwrap()).unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    let mut sealed = rustls::Stream::new(&mut client, &mut stream);
    let mut answer = Vec::new();
    // A connection that is refused has no answer.
    let _ = sealed.write_all(request.as_bytes()).and_then(|()| sealed.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// How many of them the server has closed.
fn ended(connections: &[TcpStream]) -> usize {
    let is_open = |mut connection: &TcpStream| {
        connection.set_nonblocking(true).unwrap();
        connection.read(&mut [0; 1]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    connections.iter().filter(|connection| !is_open(connection)).count()
}

#[test]
fn other_machines_are_served_under_tls_alone() {
    let served = support::served("A. Chan", |_| {});
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["console.example".to_owned()]).unwrap();
    let seal = Seal { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem"), host: "console.example".to_owned() };
    std::fs::write(&seal.certificate, made.cert.pem()).unwrap();
    std::fs::write(&seal.key, made.signing_key.serialize_pem()).unwrap();
    let options = Options {
        case: served.case.clone(),
        responder: "A. Chan".to_owned(),
        now: support::now,
        random: support::random,
        reader: None,
        memory_limit_bytes: 512 << 20,
        threads: 2,
        law: LawBook::built_in().unwrap(),
        given: Given::default(),
    };
    let swapped = Seal { certificate: seal.key.clone(), key: seal.certificate.clone(), ..seal.clone() };
    assert!(serve(vec![options.clone()], SocketAddr::from(([0, 0, 0, 0], 0)), Some(&swapped), &mut |_| panic!("it listens")).is_err());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || serve(vec![options], SocketAddr::from(([127, 0, 0, 1], 0)), Some(&seal), &mut |opened| tell.send(opened.clone()).unwrap()));
    let opened = told.recv_timeout(Duration::from_secs(30)).unwrap();
    let path = opened.link.strip_prefix(&format!("https://console.example:{}", opened.at.port())).unwrap().to_owned();
    let host = format!("Host: console.example:{}\r\n", opened.at.port());
    let origin = format!("Origin: https://console.example:{}\r\nContent-Length: 0\r\n", opened.at.port());
    let entered = ask(opened.at, made.cert.der(), &format!("POST {path} HTTP/1.1\r\n{host}{origin}Connection: close\r\n\r\n"));
    assert!(entered.starts_with("HTTP/1.1 303"), "{entered}");
    assert!(entered.contains(&format!("__Host-strandline-{}=", opened.at.port())) && entered.contains("; Secure"), "{entered}");
    // On a port of its own it says nothing for the whole host, which may have services that speak in clear.
    assert!(!entered.contains("strict-transport-security"), "{entered}");
    // One address takes no more than its part of the connections, and gives it back. The visit above may still hold one of them.
    let many: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(opened.at).unwrap()).collect();
    let waited = Instant::now();
    while ended(&many) < 8 && waited.elapsed() < Duration::from_secs(8) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!((8..20).contains(&ended(&many)), "one address holds {} of 40", 40 - ended(&many));
    drop(many);
    // The loopback's own name is none of a console that other machines are served by; nor is speech in clear.
    let elsewhere = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", opened.at.port());
    let (waited, mut wrong) = (Instant::now(), String::new());
    while wrong.is_empty() && waited.elapsed() < Duration::from_secs(8) {
        wrong = ask(opened.at, made.cert.der(), &elsewhere);
    }
    assert!(wrong.starts_with("HTTP/1.1 421"), "{wrong}");
    assert_eq!(support::raw(opened.at, format!("GET / HTTP/1.1\r\n{host}\r\n").as_bytes()).status, 0);
}

#[test]
fn a_certificate_that_nobody_gave_is_made_and_its_fingerprint_is_what_a_browser_sees() {
    let served = support::served("A. Chan", |_| {});
    let seal = own_seal(&served.case, "console.example", support::now()).unwrap();
    assert!(seal.key.starts_with(&served.case) && !seal.key.starts_with(served.case.join("export")));
    let trusted = CertificateDer::pem_file_iter(&seal.certificate).unwrap().next().unwrap().unwrap();
    let options = support::options(&served.case, "A. Chan");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || serve(vec![options], SocketAddr::from(([127, 0, 0, 1], 0)), Some(&seal), &mut |opened| tell.send(opened.clone()).unwrap()));
    let opened = told.recv_timeout(Duration::from_secs(30)).unwrap();
    let seen: Vec<String> = sha2::Sha256::digest(trusted.as_ref()).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(opened.fingerprint, Some(seen.join(":")));
    // Whoever trusts this certificate, and no other, is served under its name.
    let host = format!("Host: console.example:{}\r\n", opened.at.port());
    let answer = ask(opened.at, &trusted, &format!("GET /in HTTP/1.1\r\n{host}Connection: close\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(strandline_response::desk::check(&served.case).is_sound());
}
