//! The ledger's key and salt on disk: `ledger/key` (private), `ledger/key.pub` (to give away), `ledger/salt` (private).

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::SigningKey;
use signed_note::{StandardSigner, StandardVerifier, key_id, new_ed25519_verifier_key};

use super::LedgerError;
use super::entry::Salt;
use crate::atomic::write_file;
use crate::folder::Secrets;
use crate::names::{digest_from_hexadecimal, hexadecimal};

pub(crate) const PRIVATE_KEY: &str = "key";
pub(crate) const PUBLIC_KEY: &str = "key.pub";
pub(crate) const SALT: &str = "salt";

/// Signature type of Ed25519 in a signed note's key (c2sp.org/signed-note).
const ALGORITHM_ED25519: u8 = 1;

/// Writes the secrets of a new case. Files are created for their owner alone (0600).
pub(crate) fn store_secrets(folder: &Path, origin: &str, secrets: &Secrets) -> Result<(), LedgerError> {
    let signing = SigningKey::from_bytes(&secrets.signing_seed);
    let public = [&[ALGORITHM_ED25519][..], signing.verifying_key().as_bytes()].concat();
    let private = [&[ALGORITHM_ED25519][..], &secrets.signing_seed].concat();
    let private = format!("PRIVATE+KEY+{origin}+{:08x}+{}\n", key_id(origin, &public), BASE64_STANDARD.encode(private));
    write_file(folder, PRIVATE_KEY, private.as_bytes())?;
    write_file(folder, PUBLIC_KEY, format!("{}\n", new_ed25519_verifier_key(origin, &signing.verifying_key())).as_bytes())?;
    write_file(folder, SALT, format!("{}\n", hexadecimal(&secrets.salt)).as_bytes())?;
    Ok(())
}

fn load(folder: &Path, name: &str) -> Result<String, LedgerError> {
    let path = folder.join(name);
    fs::read_to_string(&path).map(|text| text.trim_end().to_owned()).map_err(|source| LedgerError::Read { path, source })
}

pub(crate) fn load_signer(folder: &Path) -> Result<StandardSigner, LedgerError> {
    StandardSigner::new(&load(folder, PRIVATE_KEY)?).map_err(|_| LedgerError::BadKey(folder.join(PRIVATE_KEY)))
}

pub(crate) fn load_verifier(folder: &Path) -> Result<StandardVerifier, LedgerError> {
    StandardVerifier::new(&load(folder, PUBLIC_KEY)?).map_err(|_| LedgerError::BadKey(folder.join(PUBLIC_KEY)))
}

pub(crate) fn load_salt(folder: &Path) -> Result<Salt, LedgerError> {
    let bytes = digest_from_hexadecimal(&load(folder, SALT)?).ok_or_else(|| LedgerError::BadKey(folder.join(SALT)))?;
    Ok(Salt(bytes))
}
