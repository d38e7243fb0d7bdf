//! What a masked secret leaves behind: a keyed digest, so that two records with one secret are seen to have one. Whoever has a
//! table without the case's key cannot try what a secret may have been.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::mask::Secrecy;

/// Digits of a digest: 64 bits, far more than there are secrets in a case.
const DIGITS: usize = 16;

/// The key of a case's digests.
#[derive(Clone, Serialize, Deserialize)]
pub struct SecretKey(String);

impl SecretKey {
    /// From the case's own randomness.
    pub fn new(key: String) -> Self {
        Self(key)
    }

    /// Sixteen hexadecimal digits of HMAC-SHA-256 (RFC 2104).
    pub fn digest(&self, secret: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else { return String::new() };
        mac.update(secret.as_bytes());
        let mut digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.truncate(DIGITS);
        digits
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// Claims of a JSON Web Token that name the session it is of: `jti` (RFC 7519), `sid` (OpenID Connect Front-Channel Logout), and
/// what applications write. A token is renewed while its session goes on.
const SESSION_CLAIMS: [&str; 5] = ["sid", "session", "session_id", "session_state", "jti"];

/// Words in the names of what carries a session. A signature or a code of one form is another in each request.
const CARRIERS: [&str; 4] = ["authorization", "cookie", "session", "token"];

/// The secrets in a masked header, cookie or field that may tell a session: without the scheme, each cookie by itself, of a
/// token first the session that it names.
pub(crate) fn of_header(name: &str, value: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    if !CARRIERS.iter().any(|word| name.contains(word)) || name.contains("csrf") || name.contains("xsrf") {
        return Vec::new();
    }
    let mut out = Vec::new();
    for part in value.split(';').take(MOST_PARTS) {
        let part = part.trim();
        let part = ["Bearer ", "bearer ", "Token ", "Session "].iter().find_map(|scheme| part.strip_prefix(scheme)).unwrap_or(part);
        let named = part.split_once('=').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        let secret = named.map_or(part, |(_, value)| value).trim_matches('"');
        if Secrecy::IfRandom.hides(secret) {
            out.extend(session_claim(secret));
            out.push(secret.to_owned());
        }
    }
    out
}

/// Parts of one header that are looked at.
const MOST_PARTS: usize = 64;

fn session_claim(token: &str) -> Option<String> {
    let claims = part(token, 1)?;
    SESSION_CLAIMS.iter().find_map(|name| claims.get(*name)?.as_str().map(str::to_owned))
}

/// Whom a token of a header or a cookie is of (`sub`, RFC 7519). Its signature cannot be checked here; one without any is nobody's.
pub(crate) fn subject_of(name: &str, value: &str) -> Option<String> {
    of_header(name, value).iter().find_map(|token| {
        let is_signed = part(token, 0)?.get("alg")?.as_str().is_some_and(|alg| !alg.eq_ignore_ascii_case("none"));
        let signature = token.split('.').nth(2).is_some_and(|signature| !signature.is_empty());
        let subject = match part(token, 1)?.get("sub")? {
            serde_json::Value::String(subject) => subject.clone(),
            serde_json::Value::Number(subject) => subject.to_string(),
            _ => return None,
        };
        (is_signed && signature && !subject.is_empty() && subject.len() <= LONGEST_SUBJECT).then_some(subject)
    })
}

/// `sub` is at most this long in OpenID Connect.
const LONGEST_SUBJECT: usize = 255;

/// Header (0) or claims (1) of a JSON Web Token.
fn part(token: &str, at: usize) -> Option<serde_json::Map<String, serde_json::Value>> {
    let text = token.starts_with("eyJ").then(|| token.split('.').nth(at))??;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, secrets: &[&str]) {
        assert_eq!(of_header("req.headers.Authorization", header), secrets);
        assert_eq!(of_header("x-csrf-token", header), [""; 0]);
        assert_eq!(of_header("x-hub-signature", header), [""; 0]);
    }

    #[test]
    fn what_tells_a_session_stands_alone() {
        check("Bearer k3J9x0Qw7Lm2Zp4Rt8Yb", &["k3J9x0Qw7Lm2Zp4Rt8Yb"]);
        check("lang=de; sid=k3J9x0Qw7Lm2Zp4Rt8Yb; theme=\"dark\"", &["k3J9x0Qw7Lm2Zp4Rt8Yb"]);
        check("hunter2", &[]);
        check("Basic dXNlcjpwYXNz", &[]);
    }

    #[test]
    fn a_token_tells_the_session_that_it_names() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"7","session":"Ab12Cd34Ef56Gh78"}"#);
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJlMTIz");
        check(&format!("Bearer {token}"), &["Ab12Cd34Ef56Gh78", &token]);
    }

    #[test]
    fn a_token_tells_whom_it_is_of_if_it_is_signed() {
        let check = |header: &str, claims: &str, signature: &str, expected: Option<&str>| {
            let token = format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            assert_eq!(subject_of("authorization", &format!("Bearer {token}")).as_deref(), expected);
            assert_eq!(subject_of("referer", &format!("Bearer {token}")), None);
        };
        check(r#"{"alg":"RS256"}"#, r#"{"sub":"amy","jti":"Ab12Cd34Ef56Gh78"}"#, "c2lnbmF0dXJlMTIz", Some("amy"));
        check(r#"{"alg":"HS256"}"#, r#"{"sub":42}"#, "c2lnbmF0dXJlMTIz", Some("42"));
        check(r#"{"alg":"none"}"#, r#"{"sub":"amy"}"#, "c2lnbmF0dXJlMTIz", None);
        check(r#"{"alg":"HS256"}"#, r#"{"sub":"amy"}"#, "", None);
        check(r#"{"alg":"HS256"}"#, r#"{"sub":["amy"]}"#, "c2lnbmF0dXJlMTIz", None);
    }

    #[test]
    fn digests_are_equal_where_secrets_are_and_keys_are() {
        let (one, other) = (SecretKey::new("a".into()), SecretKey::new("b".into()));
        assert_eq!(one.digest("x"), one.digest("x"));
        assert_ne!(one.digest("x"), one.digest("y"));
        assert_ne!(one.digest("x"), other.digest("x"));
        assert_eq!(one.digest("x").len(), DIGITS);
    }
}
