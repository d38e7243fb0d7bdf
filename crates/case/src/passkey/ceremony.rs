//! What both ceremonies of a passkey have: what the browser says of where it was asked what, and what the authenticator says of itself.
//! All of it can be anybody's bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::rp_id;

/// Bytes of authenticator data before anything that not every one has (6.1): a hash, flags, a counter.
const HEAD_BYTES: usize = 37;
const HASH_BYTES: usize = 32;
/// Somebody was there.
const PRESENT: u8 = 1;
/// And was known, by a finger, a face, a number.
const VERIFIED: u8 = 1 << 2;
/// It can leave its device.
const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// It did.
const BACKED_UP: u8 = 1 << 4;
/// A new key follows.
const ATTESTED: u8 = 1 << 6;
/// Extensions follow.
const EXTENDED: u8 = 1 << 7;

/// Why something of a passkey does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyProblem {
    /// Not in the form.
    #[error("it is not in the form that a browser gives it")]
    Malformed,
    /// Made for something else.
    #[error("the passkey was asked for something else than to sign")]
    OtherCeremony,
    /// Of another text.
    #[error("the passkey did not sign this text")]
    OtherText,
    /// Asked at another place.
    #[error("the passkey was asked at another address than the one it was made at: open the console there")]
    OtherOrigin,
    /// Asked by a page within another.
    #[error("the passkey was asked by a page that stood within a page of somebody else's")]
    Framed,
    /// Nobody was there.
    #[error("nobody touched the passkey")]
    NotPresent,
    /// Whoever was there was not known to it.
    #[error("the passkey did not ask who was there: set a PIN, a finger or a face for it")]
    NotVerified,
    /// Contradicts itself, or what was enrolled.
    #[error("the passkey says something else of where it lives than when it was enrolled")]
    OtherHome,
    /// Counted backwards.
    #[error("the passkey's counter did not rise, which a copy of it could be the reason of: remove it, and enrol another")]
    Counter,
    /// A line that is none.
    #[error("this is no line of a passkey")]
    NoKey,
    /// A kind of key that is not taken.
    #[error("passkeys sign by Ed25519 or ECDSA on P-256 (ES256): this one does neither")]
    WeakKey,
}

/// What a passkey is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// To be made.
    Create,
    /// To sign.
    Get,
}

/// What the browser says of the ceremony (5.8.1). What else it says is covered by the signature, and means nothing here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

/// The bytes that a browser is asked to sign for a text.
pub(super) fn challenge_of(text: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::digest(text).into()
}

/// Steps 5 to 11 of 7.1, 8 to 14 of 7.2.
pub(super) fn check_client_data(json: &[u8], ceremony: Ceremony, (challenge, origin): (&[u8], &str)) -> Result<(), PasskeyProblem> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| PasskeyProblem::Malformed)?;
    let kind = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.r#type != kind {
        return Err(PasskeyProblem::OtherCeremony);
    }
    if data.challenge != URL_SAFE_NO_PAD.encode(challenge) {
        return Err(PasskeyProblem::OtherText);
    }
    if data.origin != origin {
        return Err(PasskeyProblem::OtherOrigin);
    }
    if data.cross_origin || data.top_origin.is_some() {
        return Err(PasskeyProblem::Framed);
    }
    Ok(())
}

/// What an authenticator says of itself (6.1).
pub(super) struct AuthenticatorData<'b> {
    rp_id_hash: &'b [u8],
    flags: u8,
    /// How often it signed.
    pub counter: u32,
    /// A new key, and whatever follows it.
    pub attested: Option<&'b [u8]>,
}

impl<'b> AuthenticatorData<'b> {
    /// Reads it. Extensions, which nobody asked for, are covered by the signature and mean nothing here.
    pub fn read(bytes: &'b [u8]) -> Result<Self, PasskeyProblem> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES).ok_or(PasskeyProblem::Malformed)?;
        let (rp_id_hash, numbers) = head.split_at(HASH_BYTES);
        let [flags, counter @ ..] = numbers else { return Err(PasskeyProblem::Malformed) };
        let counter = u32::from_be_bytes(counter.try_into().map_err(|_| PasskeyProblem::Malformed)?);
        let attested = (flags & ATTESTED != 0).then_some(rest);
        if attested.is_none() && (flags & EXTENDED != 0) == rest.is_empty() {
            return Err(PasskeyProblem::Malformed);
        }
        Ok(Self { rp_id_hash, flags: *flags, counter, attested })
    }

    /// Whether extensions follow a new key.
    pub fn is_extended(&self) -> bool {
        self.flags & EXTENDED != 0
    }

    /// Whether it can leave its device.
    pub fn is_synced(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Steps 14 to 17 of 7.1, 15 to 18 of 7.2.
    pub fn check(&self, origin: &str) -> Result<(), PasskeyProblem> {
        let host = rp_id(origin).ok_or(PasskeyProblem::OtherOrigin)?;
        if self.rp_id_hash != Sha256::digest(host).as_slice() {
            return Err(PasskeyProblem::OtherOrigin);
        }
        if self.flags & PRESENT == 0 {
            return Err(PasskeyProblem::NotPresent);
        }
        if self.flags & VERIFIED == 0 {
            return Err(PasskeyProblem::NotVerified);
        }
        if self.flags & BACKED_UP != 0 && !self.is_synced() {
            return Err(PasskeyProblem::OtherHome);
        }
        Ok(())
    }
}
