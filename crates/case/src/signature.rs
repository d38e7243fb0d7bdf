//! Signatures of people over ledger entries: SSHSIG (PROTOCOL.sshsig of OpenSSH), made by a key that this program never sees, or what a
//! passkey says; checked here without a network.

use ssh_key::public::KeyData;
use ssh_key::{EcdsaCurve, HashAlg, SshSig};

use crate::ledger::Entry;
use crate::passkey::{Assertion, Passkey, PasskeyProblem};

/// Names what such a signature is for, so that it is good for nothing else.
pub const NAMESPACE: &str = "strandline-decision";

/// Names what a signature is for that only says who is there: it can never pass for a decision.
pub const SIGN_IN: &str = "strandline-sign-in";

/// Bits that an RSA key has at least.
const FEWEST_RSA_BITS: usize = 2048;
/// A signature of a token ends with one byte of flags and four of a counter; this flag says that somebody touched it.
const TOKEN_TRAILER_BYTES: usize = 5;
const TOUCHED: u8 = 1;
/// Longer ones are no signature.
const LONGEST_BYTES: usize = 16 * 1024;

/// Why a signature does not hold, or a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// Not in the form.
    #[error("it is not in the form of SSHSIG")]
    Malformed,
    /// Made for something else.
    #[error("it was made for something else than a decision in a case")]
    OtherPurpose,
    /// Of another text, or broken.
    #[error("it is not one over this text")]
    OtherText,
    /// Nobody touched the token.
    #[error("nobody touched the token while it was made")]
    NotTouched,
    /// A public key that cannot be read.
    #[error("this is not a public key as OpenSSH writes it (`ssh-ed25519 AAAA…`)")]
    NoKey,
    /// A kind of key that is not taken.
    #[error("keys of this kind are not taken: use Ed25519, ECDSA on P-256 or P-384, RSA from 2,048 bits, or a FIDO token (`ssh-keygen -t ed25519-sk`)")]
    WeakKey,
    /// What a passkey says does not hold.
    #[error(transparent)]
    Passkey(#[from] PasskeyProblem),
}

/// A public key that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(ssh_key::PublicKey);

impl PublicKey {
    /// Reads a line as OpenSSH writes it; the comment is left out.
    ///
    /// # Errors
    /// If it is none, or of a kind that is not taken.
    pub fn of_openssh(line: &str) -> Result<Self, SignatureProblem> {
        let line = line.trim();
        if line.len() > LONGEST_BYTES || line.lines().count() != 1 {
            return Err(SignatureProblem::NoKey);
        }
        let key = ssh_key::PublicKey::from_openssh(line).map_err(|_| SignatureProblem::NoKey)?;
        Self::of(key.key_data().clone())
    }

    fn of(data: KeyData) -> Result<Self, SignatureProblem> {
        let is_taken = match &data {
            KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => true,
            KeyData::Ecdsa(key) => matches!(key.curve(), EcdsaCurve::NistP256 | EcdsaCurve::NistP384),
            KeyData::Rsa(key) => key.n.as_positive_bytes().is_some_and(|n| n.len() * 8 >= FEWEST_RSA_BITS),
            _ => false,
        };
        if is_taken { Ok(Self(ssh_key::PublicKey::new(data, ""))) } else { Err(SignatureProblem::WeakKey) }
    }

    /// As OpenSSH writes it, without a comment.
    pub fn to_openssh(&self) -> String {
        self.0.to_openssh().map(|text| text.trim_end().to_owned()).unwrap_or_default()
    }

    /// As `ssh-keygen -l` shows it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// What is signed of an entry: itself without its signature, its place, and the case, so that it is good in no other place.
pub(crate) fn signed_text(origin: &str, index: u64, entry: &Entry) -> Vec<u8> {
    let bare = Entry { signature: None, ..entry.clone() };
    let json = bare.to_bytes().expect("an entry of texts and numbers is always written");
    [format!("{}{origin}\nentry {index}\n", first_line(NAMESPACE)).as_bytes(), &json].concat()
}

/// What somebody signs to say who they are: a number that is good once, in this case alone.
pub(crate) fn sign_in_text(origin: &str, number: &str) -> String {
    format!("{}{origin}\n{number}\n", first_line(SIGN_IN))
}

/// What every text that is signed for a purpose begins with.
fn first_line(purpose: &str) -> String {
    // `strandline-decision` and `strandline-sign-in` are namespaces; their texts have always begun so.
    format!("{} 1\n", purpose.replacen('-', " ", 1))
}

/// The public key whose signature of a decision this is over the text, as OpenSSH writes it.
pub(crate) fn check(signature: &str, text: &[u8]) -> Result<String, SignatureProblem> {
    check_for(NAMESPACE, signature, text)
}

/// A key of the responders' table as people compare it.
pub(crate) fn fingerprint(line: &str) -> String {
    match Passkey::of_line(line) {
        Ok(passkey) => passkey.fingerprint(),
        Err(_) => PublicKey::of_openssh(line).map(|key| key.fingerprint()).unwrap_or_default(),
    }
}

/// The public key whose signature this is over the text, made for that purpose and no other.
pub(crate) fn check_for(purpose: &str, signature: &str, text: &[u8]) -> Result<String, SignatureProblem> {
    if Assertion::is_text(signature) {
        // A passkey signs no purpose beside the text: the text's first line is one.
        if !text.starts_with(first_line(purpose).as_bytes()) {
            return Err(SignatureProblem::OtherPurpose);
        }
        let assertion = Assertion::of_text(signature)?;
        assertion.check(text)?;
        return Ok(assertion.key().to_line());
    }
    if signature.len() > LONGEST_BYTES {
        return Err(SignatureProblem::Malformed);
    }
    let read = SshSig::from_pem(signature).map_err(|_| SignatureProblem::Malformed)?;
    if read.namespace() != purpose {
        return Err(SignatureProblem::OtherPurpose);
    }
    let key = PublicKey::of(read.public_key().clone())?;
    key.0.verify(purpose, text, &read).map_err(|_| SignatureProblem::OtherText)?;
    if matches!(read.public_key(), KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_)) {
        let bytes = read.signature_bytes();
        let flags = bytes.len().checked_sub(TOKEN_TRAILER_BYTES).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
        if flags & TOUCHED == 0 {
            return Err(SignatureProblem::NotTouched);
        }
    }
    Ok(key.to_openssh())
}
