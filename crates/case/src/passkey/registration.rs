//! A passkey as a browser gives it when it is made (7.1): what it says, and the key in it, in CBOR of whoever sends it. Nothing proves who
//! made the authenticator (no attestation is asked for); that somebody has the key is shown by what it signs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;

use super::ceremony::{AuthenticatorData, Ceremony, PasskeyProblem, challenge_of, check_client_data};
use super::{Algorithm, Passkey};

/// Longer answers are none of a browser's.
const BYTES_LIMIT: usize = 16 * 1024;
/// Bytes before a credential's name: the model of the authenticator, and the length of the name (6.5.1).
const AAGUID_BYTES: usize = 16;
const LENGTH_BYTES: usize = 2;
/// CBOR within CBOR deeper than this is none of a browser's.
const DEPTH_LIMIT: usize = 8;

/// What a browser gives of a new passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    attestation: Vec<u8>,
    client_data: Vec<u8>,
}

impl Registration {
    /// From the two answers of a browser, each in base64url.
    ///
    /// # Errors
    /// If one of them is not in its form.
    pub fn of_browser([attestation, client_data]: [&str; 2]) -> Result<Self, PasskeyProblem> {
        if attestation.len() + client_data.len() > BYTES_LIMIT {
            return Err(PasskeyProblem::Malformed);
        }
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| PasskeyProblem::Malformed);
        Ok(Self { attestation: bytes(attestation)?, client_data: bytes(client_data)? })
    }

    /// The passkey, if it was made at this origin in answer to this text.
    ///
    /// # Errors
    /// What of it does not hold.
    pub fn passkey(&self, text: &[u8], origin: &str) -> Result<Passkey, PasskeyProblem> {
        // 7.1, steps 5 to 11.
        check_client_data(&self.client_data, Ceremony::Create, (&challenge_of(text), origin))?;
        // Step 13.
        let object = map(&self.attestation)?;
        let Some(Value::Bytes(data)) = named(&object, "authData") else { return Err(PasskeyProblem::Malformed) };
        // Steps 21 to 24: "none" was asked for, and whatever else comes proves nothing here; but it has a name.
        let Some(Value::Text(_)) = named(&object, "fmt") else { return Err(PasskeyProblem::Malformed) };
        // Steps 14 to 17.
        let data = AuthenticatorData::read(data)?;
        data.check(origin)?;
        let attested = data.attested.ok_or(PasskeyProblem::Malformed)?;
        let (credential, key) = credential(attested)?;
        let (algorithm, public) = public(key, data.is_extended())?;
        // Step 25 is the passkey's own, step 26 the responders' table's.
        Passkey::new(algorithm, public, (credential.to_vec(), origin.to_owned(), data.is_synced()))
    }
}

/// Attested credential data (6.5.1): the credential's name, and what follows it.
fn credential(attested: &[u8]) -> Result<(&[u8], &[u8]), PasskeyProblem> {
    let (head, rest) = attested.split_at_checked(AAGUID_BYTES + LENGTH_BYTES).ok_or(PasskeyProblem::Malformed)?;
    let length = head[AAGUID_BYTES..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length).ok_or(PasskeyProblem::Malformed)
}

/// A key in the form of COSE (RFC 9053, sections 7.1 and 7.2; step 20).
fn public(mut bytes: &[u8], is_extended: bool) -> Result<(Algorithm, Vec<u8>), PasskeyProblem> {
    let key = read(&mut bytes)?;
    if bytes.is_empty() == is_extended {
        return Err(PasskeyProblem::Malformed);
    }
    let [kind, algorithm, curve] = [1, 3, -1].map(|label| number(&key, label));
    match (kind, algorithm.and_then(|number| Algorithm::ALL.into_iter().find(|known| known.number() == number)), curve) {
        (Some(2), Some(Algorithm::Es256), Some(1)) => {
            let [Some(x), Some(y)] = [-2, -3].map(|label| coordinate(&key, label)) else { return Err(PasskeyProblem::Malformed) };
            let point = [[4].as_slice(), x, y].concat();
            let point = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| PasskeyProblem::WeakKey)?;
            Ok((Algorithm::Es256, point.to_encoded_point(true).as_bytes().to_vec()))
        }
        (Some(1), Some(Algorithm::EdDsa), Some(6)) => coordinate(&key, -2).map(|x| (Algorithm::EdDsa, x.to_vec())).ok_or(PasskeyProblem::Malformed),
        _ => Err(PasskeyProblem::WeakKey),
    }
}

/// One value at the front of these bytes, a map in which no key stands twice.
fn read(bytes: &mut &[u8]) -> Result<Vec<(Value, Value)>, PasskeyProblem> {
    let value: Value = ciborium::de::from_reader_with_recursion_limit(bytes, DEPTH_LIMIT).map_err(|_| PasskeyProblem::Malformed)?;
    let Value::Map(pairs) = value else { return Err(PasskeyProblem::Malformed) };
    let is_twice = |(at, (key, _)): (usize, &(Value, Value))| pairs[..at].iter().any(|(other, _)| other == key);
    if pairs.iter().enumerate().any(is_twice) { Err(PasskeyProblem::Malformed) } else { Ok(pairs) }
}

/// A map, and nothing after it.
fn map(mut bytes: &[u8]) -> Result<Vec<(Value, Value)>, PasskeyProblem> {
    let pairs = read(&mut bytes)?;
    if bytes.is_empty() { Ok(pairs) } else { Err(PasskeyProblem::Malformed) }
}

fn named<'m>(map: &'m [(Value, Value)], name: &str) -> Option<&'m Value> {
    map.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

fn labelled(map: &[(Value, Value)], label: i64) -> Option<&Value> {
    map.iter().find(|(key, _)| key.as_integer() == Some(label.into())).map(|(_, value)| value)
}

fn number(map: &[(Value, Value)], label: i64) -> Option<i64> {
    labelled(map, label)?.as_integer()?.try_into().ok()
}

fn coordinate(map: &[(Value, Value)], label: i64) -> Option<&[u8]> {
    labelled(map, label)?.as_bytes().map(Vec::as_slice).filter(|bytes| bytes.len() == 32)
}
