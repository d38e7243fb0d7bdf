//! What a code gives: the name of a card and the keys that open it. One Argon2id, then HKDF for each of them.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use strandline_model::code::SupportCode;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a bundle's salt.
pub const SALT_BYTES: usize = 16;

/// Bytes of every key.
pub(crate) const KEY_BYTES: usize = 32;

/// Bytes of a card's name, before it is written in hexadecimal.
const NAME_BYTES: usize = 16;

/// Argon2id's costs (RFC 9106). A code has 70 random bits, so that the hash need not be slow: what is given here keeps a look-up
/// cheap enough for everybody to come at once, and still makes a guess cost memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Memory of one derivation, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Parameters {
    /// What a new bundle has.
    pub const USUAL: Self = Self { memory_kib: 8 * 1024, passes: 1 };

    /// Most that a manifest may ask for, KiB: the server has this for each derivation that runs.
    const MEMORY_LIMIT_KIB: u32 = 64 * 1024;
    const PASSES_LIMIT: u32 = 8;

    /// Whether a server can work with them.
    pub(crate) fn are_sane(self) -> bool {
        (8..=Self::MEMORY_LIMIT_KIB).contains(&self.memory_kib) && (1..=Self::PASSES_LIMIT).contains(&self.passes)
    }
}

/// What a card's file is called: 128 bits in hexadecimal, which tell nothing of the person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CardName(String);

impl CardName {
    pub(crate) fn of_bytes(bytes: [u8; NAME_BYTES]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As the file is called.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_bytes(&self) -> [u8; NAME_BYTES] {
        let mut bytes = [0; NAME_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(self.0.as_bytes().chunks_exact(2)) {
            let digit = |place: usize| (pair[place] as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
            *byte = digit(0) << 4 | digit(1);
        }
        bytes
    }
}

impl fmt::Debug for CardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CardName {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_name = text.len() == 2 * NAME_BYTES && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_name { Ok(Self(text)) } else { Err("no name of a card") }
    }
}

impl From<CardName> for String {
    fn from(name: CardName) -> Self {
        name.0
    }
}

/// What one code opens.
#[derive(Clone)]
pub struct CardKeys {
    /// What the card is called.
    pub name: CardName,
    card: Zeroizing<[u8; KEY_BYTES]>,
    own: Zeroizing<[u8; KEY_BYTES]>,
    message: Zeroizing<[u8; KEY_BYTES]>,
}

impl CardKeys {
    /// Derives them: `parameters.memory_kib` of memory, some milliseconds.
    ///
    /// # Panics
    /// Never for parameters that a manifest was read with.
    pub fn derive(code: &SupportCode, salt: &[u8; SALT_BYTES], parameters: Parameters) -> Self {
        let params = Params::new(parameters.memory_kib, parameters.passes, 1, Some(KEY_BYTES)).expect("the costs were checked when the manifest was read");
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut root = Zeroizing::new([0; KEY_BYTES]);
        let mut memory = vec![Block::default(); argon.params().block_count()];
        let mut typed = code.grouped();
        let derived = argon.hash_password_into_with_memory(typed.as_bytes(), salt, root.as_mut(), &mut memory);
        typed.zeroize();
        // The last block gives the root to whoever finds it in freed memory.
        memory.iter_mut().for_each(|block| block.as_mut().zeroize());
        derived.expect("code, salt and output have lengths that Argon2 takes");
        let hkdf = Hkdf::<Sha256>::new(Some(salt), root.as_ref());
        let mut name = [0; NAME_BYTES];
        expand(&hkdf, "name", &mut name);
        let key = |label| {
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            expand(&hkdf, label, key.as_mut());
            key
        };
        Self { name: CardName::of_bytes(name), card: key("card"), own: key("own"), message: key("message") }
    }

    /// Opens the card.
    pub(crate) fn card(&self) -> &[u8; KEY_BYTES] {
        &self.card
    }

    /// Opens what the person ticked off and a list of what they sent.
    pub(crate) fn own(&self) -> &[u8; KEY_BYTES] {
        &self.own
    }

    /// Proves that a message was written with the code.
    pub(crate) fn message(&self) -> &[u8; KEY_BYTES] {
        &self.message
    }
}

impl fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[keys]")
    }
}

fn expand(hkdf: &Hkdf<Sha256>, label: &str, into: &mut [u8]) {
    hkdf.expand(format!("strandline support v1 {label}").as_bytes(), into).expect("HKDF gives up to 8,160 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_gives_the_same_keys_however_it_is_typed_and_another_salt_gives_others() {
        let code = SupportCode::from_bits([7; 10]);
        let typed: SupportCode = code.grouped().to_lowercase().replace('-', " ").parse().expect("the same code");
        let quick = Parameters { memory_kib: 64, passes: 1 };
        let (one, same, other) = (
            CardKeys::derive(&code, &[1; SALT_BYTES], quick),
            CardKeys::derive(&typed, &[1; SALT_BYTES], quick),
            CardKeys::derive(&code, &[2; SALT_BYTES], quick),
        );
        assert_eq!((one.name.clone(), one.card(), one.own(), one.message()), (same.name.clone(), same.card(), same.own(), same.message()));
        assert_ne!(one.name, other.name);
        let keys = [one.card(), one.own(), one.message(), other.card()];
        assert!(keys.iter().enumerate().all(|(place, key)| !keys[..place].contains(key)), "two uses share a key");
    }

    #[test]
    fn only_a_name_names_a_card() {
        for wrong in ["", "../manifest.json", "0123456789abcdef0123456789abcdeg", "0123456789ABCDEF0123456789ABCDEF"] {
            assert!(CardName::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
