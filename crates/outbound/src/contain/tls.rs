//! TLS to targets, by the same library as to the mail server: an authority of the organisation, or those that Mozilla trusts.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Reach;
use super::error::ContainError;

/// How a connection to a target is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// TLS from the first byte, or as the protocol has it.
    Tls,
    /// The clear first, then TLS.
    StartTls,
    /// The clear.
    Plain,
}

/// What the estate says, or TLS unless the server is this machine.
pub(crate) fn protection(reach: &Reach) -> Protection {
    match reach.target.security.as_deref() {
        Some("tls") => Protection::Tls,
        Some("starttls") => Protection::StartTls,
        Some("plain") => Protection::Plain,
        _ if is_this_machine(reach.target.address.as_deref().unwrap_or_default()) => Protection::Plain,
        _ => Protection::Tls,
    }
}

/// Whether an address is a socket, or of this machine.
pub(crate) fn is_this_machine(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, _) = host_and_port(rest.split('/').next().unwrap_or(rest), 0);
    address.starts_with('/') || host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare IPv6 address.
pub(crate) fn host_and_port(text: &str, default: u16) -> (String, u16) {
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (bare(host), port.parse().unwrap_or(default)),
        _ => (bare(text), default),
    }
}

/// What TLS to this target trusts.
///
/// # Errors
/// If the authorities that were given are none.
pub(crate) fn client_config(reach: &Reach) -> Result<Arc<ClientConfig>, ContainError> {
    let unusable = |why: &str| ContainError::Unusable { target: reach.target.name.clone(), why: why.to_owned() };
    let mut roots = RootCertStore::empty();
    match &reach.authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| unusable("its certificate authorities are no PEM"))?;
                roots.add(certificate).map_err(|_| unusable("one of its certificate authorities is no certificate"))?;
            }
            if roots.is_empty() {
                return Err(unusable("its file of certificate authorities holds none"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| unusable("TLS cannot be set up here"))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
