//! DKIM signatures (RFC 6376, and RFC 8463 for Ed25519), relaxed in headers and body.
//!
//! Written here and not taken from the mail library because that one reads the clock itself, wants RSA keys in the old PKCS #1
//! form, cannot sign a header twice (which stops a second `From` from being put in front), and brings an RSA implementation
//! with an open advisory on timing (RUSTSEC-2023-0071). `ring` is in the tree already for TLS.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use strandline_model::time::Instant;

/// Why a message cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// Not a key that we can use.
    #[error("the DKIM key is not a private key in PEM form: RSA of 2,048 bits or more, or Ed25519")]
    Key,
    /// Not a selector or domain.
    #[error("a DKIM selector or domain is made of letters, digits, dots, hyphens and underscores")]
    Name,
    /// The library refused to sign.
    #[error("the DKIM signature could not be made")]
    Sign,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A key with the place where its public half is published (`SELECTOR._domainkey.DOMAIN`).
pub struct DkimKey {
    pair: Pair,
    selector: String,
    domain: String,
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[DKIM key {}._domainkey.{}]", self.selector, self.domain)
    }
}

/// Headers that are signed where they stand.
const SIGNED: [&str; 10] = ["from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type", "auto-submitted", "list-id"];

/// Headers that are named once more than they stand, so that none can be added without breaking the signature (RFC 6376, 8.15).
const SEALED: [&str; 5] = ["from", "to", "reply-to", "subject", "date"];

impl DkimKey {
    /// From a private key in PEM (PKCS #8, or PKCS #1 for RSA).
    ///
    /// # Errors
    /// If key, selector or domain cannot be used.
    pub fn from_pem(pem: &str, selector: &str, domain: &str) -> Result<Self, DkimError> {
        let plain = |name: &str| !name.is_empty() && name.len() < 200 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !plain(selector) || !plain(domain) {
            return Err(DkimError::Name);
        }
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| DkimError::Key)? {
            PrivateKeyDer::Pkcs1(der) => Pair::Rsa(Box::new(RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| DkimError::Key)?)),
            PrivateKeyDer::Pkcs8(der) => match RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()) {
                Ok(pair) => Pair::Rsa(Box::new(pair)),
                Err(_) => Pair::Ed25519(Box::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| DkimError::Key)?)),
            },
            _ => return Err(DkimError::Key),
        };
        Ok(Self { pair, selector: selector.to_owned(), domain: domain.to_owned() })
    }

    /// The signature's header line with its line end, to stand in front of the message. `headers` end with CRLF.
    pub(crate) fn sign(&self, headers: &[u8], body: &[u8], at: Instant) -> Result<String, DkimError> {
        let fields = header_fields(headers);
        let mut names: Vec<&str> = SIGNED.into_iter().filter(|name| fields.iter().any(|(found, _)| found == name)).collect();
        names.extend(SEALED);
        let body_hash = BASE64_STANDARD.encode(Sha256::digest(relaxed_body(body)));
        let algorithm = match &self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        };
        let unsigned = format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={}; s={};\r\n t={}; h={};\r\n bh={body_hash};\r\n b=",
            self.domain,
            self.selector,
            at.micros().div_euclid(1_000_000),
            names.join(":")
        );
        let signature = self.sign_bytes(hashed_input(&fields, &names, &unsigned).as_bytes())?;
        Ok(format!("{unsigned}{}\r\n", folded(&BASE64_STANDARD.encode(signature))))
    }

    fn sign_bytes(&self, input: &[u8]) -> Result<Vec<u8>, DkimError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature).map_err(|_| DkimError::Sign)?;
                Ok(signature)
            }
            // RFC 8463, 3: Ed25519 signs the hash, not the text.
            Pair::Ed25519(pair) => Ok(pair.sign(&Sha256::digest(input)).as_ref().to_vec()),
        }
    }
}

/// Names in lower case, and values in relaxed form (RFC 6376, 3.4.2), from top to bottom.
fn header_fields(headers: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(headers);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line);
            }
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push((name.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    fields.into_iter().map(|(name, value)| (name, relaxed(&value))).collect()
}

/// Runs of spaces and tabs become one space; none at the ends.
fn relaxed(text: &str) -> String {
    text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What is hashed and signed: for each name the next field of that name from the bottom, or nothing, then the signature's own.
fn hashed_input(fields: &[(String, String)], names: &[&str], unsigned: &str) -> String {
    let mut input = String::new();
    for (i, name) in names.iter().enumerate() {
        let taken = names[..i].iter().filter(|earlier| *earlier == name).count();
        if let Some((_, value)) = fields.iter().rev().filter(|(found, _)| found == name).nth(taken) {
            input.push_str(&format!("{name}:{value}\r\n"));
        }
    }
    let own = header_fields(unsigned.as_bytes());
    input.extend(own.iter().map(|(name, value)| format!("{name}:{value}")));
    input
}

/// The body in relaxed form (RFC 6376, 3.4.4).
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut kept = 0;
    for line in body.split(|b| *b == b'\n') {
        let mut gap = false;
        for byte in line.iter().copied().filter(|b| *b != b'\r') {
            if matches!(byte, b' ' | b'\t') {
                gap = true;
                continue;
            }
            if std::mem::take(&mut gap) {
                out.push(b' ');
            }
            out.push(byte);
            kept = out.len();
        }
        out.extend_from_slice(b"\r\n");
    }
    out.truncate(kept);
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Base64 in lines that fit.
fn folded(text: &str) -> String {
    text.as_bytes().chunks(72).map(|chunk| String::from_utf8_lossy(chunk)).collect::<Vec<_>>().join("\r\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_forms_are_those_of_the_specification() {
        // The example of RFC 6376, 3.4.5.
        let fields = header_fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
        assert_eq!(fields, [("a".to_owned(), "X".to_owned()), ("b".to_owned(), "Y Z".to_owned())]);
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b""), b"");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b"a"), b"a\r\n");
        assert_eq!(relaxed_body(b"a\r\n\r\nb\r\n"), b"a\r\n\r\nb\r\n");
    }

    /// The signed message of RFC 8463, appendix A: its own signature must verify over what we would hash.
    #[test]
    fn the_example_of_rfc_8463_verifies() {
        let headers = b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
        let body = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
        let unsigned = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
        assert_eq!(BASE64_STANDARD.encode(Sha256::digest(relaxed_body(body))), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"];
        let input = hashed_input(&header_fields(headers), &names, unsigned);
        let public = BASE64_STANDARD.decode("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
        let signature = BASE64_STANDARD.decode("/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==").unwrap();
        ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public)
            .verify(&Sha256::digest(input), &signature)
            .expect("the signature of the example");
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert_eq!(DkimKey::from_pem("x", "s", "example.org").unwrap_err(), DkimError::Key);
        assert_eq!(DkimKey::from_pem("x", "s;", "example.org").unwrap_err(), DkimError::Name);
    }
}
