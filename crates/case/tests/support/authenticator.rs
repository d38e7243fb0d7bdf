//! An authenticator and the browser before it, in a few lines: what they give when a passkey is made, and when it signs.

#![allow(dead_code, reason = "each test file uses its part")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest, Sha256};
use strandline_case::{Algorithm, Assertion, Passkey, Registration, challenge};

/// Somebody was there, and was known.
pub const PRESENT: u8 = 1;
pub const VERIFIED: u8 = 4;
pub const BACKUP_ELIGIBLE: u8 = 8;
pub const BACKED_UP: u8 = 16;
pub const ATTESTED: u8 = 64;
pub const EXTENDED: u8 = 128;

/// One passkey, and everything about its next answer that a test may want to be wrong.
#[derive(Clone)]
pub struct Authenticator {
    pub algorithm: Algorithm,
    pub seed: u8,
    pub credential: Vec<u8>,
    pub origin: String,
    pub host: String,
    pub flags: u8,
    pub counter: u32,
    pub kind: Option<&'static str>,
    /// Put into the client data before its end.
    pub also: &'static str,
    pub after: Vec<u8>,
}

impl Authenticator {
    pub fn new(algorithm: Algorithm, seed: u8, origin: &str) -> Self {
        let host = origin.split("://").nth(1).unwrap().split(':').next().unwrap().to_owned();
        let credential = vec![seed; 20];
        Self { algorithm, seed, credential, origin: origin.to_owned(), host, flags: PRESENT | VERIFIED, counter: 0, kind: None, also: "", after: Vec::new() }
    }

    fn client_data(&self, kind: &str, text: &[u8]) -> Vec<u8> {
        let kind = self.kind.unwrap_or(kind);
        format!(r#"{{"type":"{kind}","challenge":"{}","origin":"{}","crossOrigin":false{}}}"#, challenge(text), self.origin, self.also).into_bytes()
    }

    fn data(&self, flags: u8, attested: &[u8]) -> Vec<u8> {
        [Sha256::digest(&self.host).as_slice(), &[self.flags | flags], &self.counter.to_be_bytes(), attested, &self.after].concat()
    }

    fn es256(&self) -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[self.seed; 32]).unwrap()
    }

    fn ed25519(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[self.seed; 32])
    }

    /// The public key in the form of COSE.
    pub fn cose(&self) -> Vec<(Value, Value)> {
        let pair = |label: i64, value: Value| (Value::Integer(label.into()), value);
        match self.algorithm {
            Algorithm::Es256 => {
                let point = self.es256().verifying_key().to_encoded_point(false);
                let [x, y] = [point.x().unwrap().to_vec(), point.y().unwrap().to_vec()].map(Value::Bytes);
                vec![pair(1, 2.into()), pair(3, (-7).into()), pair(-1, 1.into()), pair(-2, x), pair(-3, y)]
            }
            Algorithm::EdDsa => {
                let x = Value::Bytes(self.ed25519().verifying_key().to_bytes().to_vec());
                vec![pair(1, 1.into()), pair(3, (-8).into()), pair(-1, 6.into()), pair(-2, x)]
            }
        }
    }

    /// What a browser gives of a new passkey, with this key in it.
    pub fn make_with(&self, text: &[u8], key: &[u8]) -> [String; 2] {
        let length = u16::try_from(self.credential.len()).unwrap().to_be_bytes();
        let attested = [&[0; 16], length.as_slice(), &self.credential, key].concat();
        let data = self.data(ATTESTED, &attested);
        let object = Value::Map(vec![
            (Value::Text("fmt".into()), Value::Text("none".into())),
            (Value::Text("attStmt".into()), Value::Map(Vec::new())),
            (Value::Text("authData".into()), Value::Bytes(data)),
        ]);
        [bytes(&object), self.client_data("webauthn.create", text)].map(|part| URL_SAFE_NO_PAD.encode(part))
    }

    /// What a browser gives of a new passkey.
    pub fn make(&self, text: &[u8]) -> [String; 2] {
        self.make_with(text, &bytes(&Value::Map(self.cose())))
    }

    /// The passkey, as it would be enrolled.
    pub fn passkey(&self) -> Passkey {
        let [attestation, client] = self.make(b"new");
        Registration::of_browser([&attestation, &client]).unwrap().passkey(b"new", &self.origin).unwrap()
    }

    /// What a browser gives when the passkey signs: authenticator data, client data, signature.
    pub fn sign(&self, text: &[u8]) -> [String; 3] {
        let (data, client) = (self.data(0, &[]), self.client_data("webauthn.get", text));
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = match self.algorithm {
            Algorithm::Es256 => {
                let signature: p256::ecdsa::Signature = self.es256().sign(&message);
                signature.to_der().as_bytes().to_vec()
            }
            Algorithm::EdDsa => ed25519_dalek::Signer::sign(&self.ed25519(), &message).to_bytes().to_vec(),
        };
        [data, client, signature].map(|part| URL_SAFE_NO_PAD.encode(part))
    }

    /// The same as the ledger has it.
    pub fn assertion(&self, key: &Passkey, text: &[u8]) -> String {
        let [data, client, signature] = self.sign(text);
        Assertion::of_browser(key.clone(), [&data, &client, &signature]).unwrap().to_text()
    }
}

/// A value in CBOR.
pub fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
