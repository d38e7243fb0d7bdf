//! Passkeys (W3C Web Authentication, Level 3) beside SSH keys: what is enrolled, and what one says of a text. Checked here from the
//! ledger alone, without a network; the numbers of steps are those of the specification.

mod ceremony;
mod registration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use sha2::{Digest, Sha256};

pub use ceremony::PasskeyProblem;
pub use registration::Registration;

use ceremony::{AuthenticatorData, Ceremony, challenge_of, check_client_data};

/// What an assertion begins with, as the ledger has it.
const ASSERTION: &str = "strandline passkey 1\n";
/// What each of its lines begins with, in order.
const LINES: [&str; 4] = ["key ", "authenticator-data ", "client-data ", "signature "];
/// Bytes of a credential's name that a relying party takes (7.1, step 25).
const CREDENTIAL_BYTES_LIMIT: usize = 1023;
/// Longer ones are no assertion.
const ASSERTION_BYTES_LIMIT: usize = 16 * 1024;
/// What every name of a passkey begins with.
const PREFIX: &str = "passkey-";

/// How a passkey signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: −7 in the registry of COSE.
    Es256,
    /// Ed25519: −8.
    EdDsa,
}

impl Algorithm {
    /// All that are taken, the one that is asked for first before the other.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its number in the registry of COSE.
    pub fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Es256 => "passkey-es256",
            Self::EdDsa => "passkey-ed25519",
        }
    }
}

/// A public key that a browser made for one origin, as the ledger enrols it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    algorithm: Algorithm,
    /// A compressed point of P-256, or a key of Ed25519.
    public: Vec<u8>,
    credential: Vec<u8>,
    origin: String,
    /// Whether it can leave the device that made it (backup eligibility).
    is_synced: bool,
}

impl Passkey {
    /// Whether a line of the responders' table is one of a passkey.
    pub fn is_line(line: &str) -> bool {
        line.starts_with(PREFIX)
    }

    /// Reads a line of the responders' table: algorithm, public key, name of the credential, origin, where it lives.
    ///
    /// # Errors
    /// If it is none, or not written in the one way that this program writes it.
    pub fn of_line(line: &str) -> Result<Self, PasskeyProblem> {
        let words: Vec<&str> = line.split(' ').collect();
        let [algorithm, public, credential, origin, home] = words[..] else { return Err(PasskeyProblem::NoKey) };
        let algorithm = Algorithm::ALL.into_iter().find(|known| known.word() == algorithm).ok_or(PasskeyProblem::NoKey)?;
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| PasskeyProblem::NoKey);
        let is_synced = match home {
            "synced" => true,
            "device" => false,
            _ => return Err(PasskeyProblem::NoKey),
        };
        let key = Self::new(algorithm, bytes(public)?, (bytes(credential)?, origin.to_owned(), is_synced))?;
        if key.to_line() == line { Ok(key) } else { Err(PasskeyProblem::NoKey) }
    }

    fn new(algorithm: Algorithm, public: Vec<u8>, (credential, origin, is_synced): (Vec<u8>, String, bool)) -> Result<Self, PasskeyProblem> {
        let is_key = match algorithm {
            Algorithm::Es256 => public.len() == 33 && p256::ecdsa::VerifyingKey::from_sec1_bytes(&public).is_ok(),
            // RFC 8032, 5.1.3: a point has one form.
            Algorithm::EdDsa => ed25519(&public).is_some_and(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == public.as_slice()),
        };
        if !is_key || credential.is_empty() || credential.len() > CREDENTIAL_BYTES_LIMIT || rp_id(&origin).is_none() {
            return Err(PasskeyProblem::NoKey);
        }
        Ok(Self { algorithm, public, credential, origin, is_synced })
    }

    /// As the responders' table has it.
    pub fn to_line(&self) -> String {
        let home = if self.is_synced { "synced" } else { "device" };
        let [public, credential] = [&self.public, &self.credential].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        format!("{} {public} {credential} {} {home}", self.algorithm.word(), self.origin)
    }

    /// What browsers call the credential: base64url.
    pub fn credential(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.credential)
    }

    /// Where it was made, and alone signs.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it can leave the device that made it, as a password manager's can.
    pub fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Names it for people: a hash over its line, like a fingerprint of an SSH key.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(self.to_line())))
    }

    /// Whether this is its signature over a message; of ES256 the one of two with the smaller *s*, so that one assertion has one form.
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Es256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.public);
                let signature = p256::ecdsa::Signature::from_der(signature).ok().filter(|signature| signature.normalize_s().is_none());
                key.ok().zip(signature).is_some_and(|(key, signature)| key.verify(message, &signature).is_ok())
            }
            Algorithm::EdDsa => {
                let signature = ed25519_dalek::Signature::from_slice(signature).ok();
                ed25519(&self.public).zip(signature).is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
            }
        }
    }
}

fn ed25519(public: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(public.try_into().ok()?).ok()
}

/// The host of an origin at which passkeys can be: a name under TLS, or this machine's own. Browsers make none for an address.
pub fn rp_id(origin: &str) -> Option<&str> {
    let (scheme, rest) = origin.split_once("://")?;
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let is_name = !host.is_empty() && host.len() <= 253 && host.bytes().all(is_host) && host.bytes().any(|b| b.is_ascii_lowercase());
    let is_safe = scheme == "https" || (scheme == "http" && host == "localhost");
    (is_name && is_safe && port.is_none_or(is_port)).then_some(host)
}

/// What a passkey said of a text: what the browser and the authenticator put before its signature, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    key: Passkey,
    authenticator_data: Vec<u8>,
    client_data: Vec<u8>,
    signature: Vec<u8>,
}

impl Assertion {
    /// Whether a signature of the ledger is one of a passkey.
    pub fn is_text(text: &str) -> bool {
        text.starts_with(ASSERTION)
    }

    /// From the three answers of a browser, each in base64url. A signature with the larger *s* is brought to its one form.
    ///
    /// # Errors
    /// If one of them is not in its form.
    pub fn of_browser(key: Passkey, [authenticator_data, client_data, signature]: [&str; 3]) -> Result<Self, PasskeyProblem> {
        if authenticator_data.len() + client_data.len() + signature.len() > ASSERTION_BYTES_LIMIT {
            return Err(PasskeyProblem::Malformed);
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| PasskeyProblem::Malformed);
        let mut signature = bytes(signature)?;
        if key.algorithm == Algorithm::Es256 {
            let read = p256::ecdsa::Signature::from_der(&signature).map_err(|_| PasskeyProblem::Malformed)?;
            signature = read.normalize_s().unwrap_or(read).to_der().as_bytes().to_vec();
        }
        Ok(Self { key, authenticator_data: bytes(authenticator_data)?, client_data: bytes(client_data)?, signature })
    }

    /// As the ledger has it.
    pub fn to_text(&self) -> String {
        let [data, client, signature] = [&self.authenticator_data, &self.client_data, &self.signature].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let values = [self.key.to_line(), data, client, signature];
        let lines = LINES.iter().zip(values).map(|(name, value)| format!("{name}{value}\n"));
        format!("{ASSERTION}{}", lines.collect::<String>())
    }

    /// Reads what the ledger has.
    ///
    /// # Errors
    /// If it is none, or not written in the one way that this program writes it.
    pub fn of_text(text: &str) -> Result<Self, PasskeyProblem> {
        if text.len() > ASSERTION_BYTES_LIMIT {
            return Err(PasskeyProblem::Malformed);
        }
        let body = text.strip_prefix(ASSERTION).ok_or(PasskeyProblem::Malformed)?;
        let lines: Vec<&str> = body.lines().collect();
        let value = |at: usize| lines.get(at).and_then(|line| line.strip_prefix(LINES[at])).ok_or(PasskeyProblem::Malformed);
        let bytes = |at: usize| URL_SAFE_NO_PAD.decode(value(at)?).map_err(|_| PasskeyProblem::Malformed);
        let read = Self { key: Passkey::of_line(value(0)?)?, authenticator_data: bytes(1)?, client_data: bytes(2)?, signature: bytes(3)? };
        if read.to_text() == text { Ok(read) } else { Err(PasskeyProblem::Malformed) }
    }

    /// Whose passkey it is of, as the responders' table has it.
    pub fn key(&self) -> &Passkey {
        &self.key
    }

    /// How often the authenticator says that it signed; 0 where it does not count.
    pub fn counter(&self) -> u32 {
        AuthenticatorData::read(&self.authenticator_data).map(|data| data.counter).unwrap_or_default()
    }

    /// Whether the passkey said this of exactly this text, at its origin, with somebody there whom it knew.
    ///
    /// Whether it may is another question: its line must stand in the responders' table (7.2, steps 5 and 6).
    ///
    /// # Errors
    /// What of it does not hold.
    pub fn check(&self, text: &[u8]) -> Result<(), PasskeyProblem> {
        // Steps 8 to 14.
        check_client_data(&self.client_data, Ceremony::Get, (&challenge_of(text), &self.key.origin))?;
        // Steps 15 to 18.
        let data = AuthenticatorData::read(&self.authenticator_data)?;
        data.check(&self.key.origin)?;
        // Step 19: one that could leave its device cannot become one that could not, nor the other way round.
        if data.is_synced() != self.key.is_synced {
            return Err(PasskeyProblem::OtherHome);
        }
        if data.attested.is_some() {
            // 6.1: an assertion brings no new key.
            return Err(PasskeyProblem::Malformed);
        }
        // Steps 20 and 21.
        let message = [self.authenticator_data.as_slice(), &Sha256::digest(&self.client_data)].concat();
        if self.key.has_signed(&message, &self.signature) { Ok(()) } else { Err(PasskeyProblem::OtherText) }
    }
}

/// What a browser is asked to sign for a text: its SHA-256, in base64url.
pub fn challenge(text: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(challenge_of(text))
}
