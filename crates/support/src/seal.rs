//! Sealing: XChaCha20-Poly1305 under a key of one card, a fresh nonce before it, and everything padded to one length.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::key::KEY_BYTES;

/// Bytes of the nonce, which stands first.
const NONCE_BYTES: usize = 24;
/// Bytes of the tag, which stands last.
const TAG_BYTES: usize = 16;
/// Bytes of the length of what is sealed, which stands before it, inside the seal.
const LENGTH_BYTES: usize = 4;

/// Bytes that a seal adds to what it holds.
pub(crate) const OVERHEAD: usize = NONCE_BYTES + TAG_BYTES + LENGTH_BYTES;

/// What is sealed does not fit into its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes do not fit into the one length that all of these have")]
pub struct TooLong(pub usize);

/// Seals `plain` into exactly `total` bytes. `bound` is what it is tied to: nothing opens it with another.
///
/// # Errors
/// If it does not fit.
pub(crate) fn seal(key: &[u8; KEY_BYTES], nonce: [u8; NONCE_BYTES], bound: &[u8], plain: &[u8], total: usize) -> Result<Vec<u8>, TooLong> {
    let too_long = || TooLong(plain.len());
    let room = total.checked_sub(OVERHEAD).filter(|room| plain.len() <= *room).ok_or_else(too_long)?;
    let length = u32::try_from(plain.len()).map_err(|_| too_long())?;
    let mut body = Vec::with_capacity(LENGTH_BYTES + room + TAG_BYTES);
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(plain);
    body.resize(LENGTH_BYTES + room, 0);
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.encrypt_in_place(XNonce::from_slice(&nonce), bound, &mut body).map_err(|_| too_long())?;
    Ok([nonce.as_slice(), &body].concat())
}

/// Opens what [`seal`] made; `None` if a byte of it was changed, or the key or what it is tied to is another's.
pub(crate) fn open(key: &[u8; KEY_BYTES], bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
    let mut body = body.to_vec();
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt_in_place(XNonce::from_slice(nonce), bound, &mut body).ok()?;
    let (length, rest) = body.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.get(..length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_byte_counts() {
        let sealed = seal(&[1; 32], [2; 24], b"card", b"what the letter says", 128).expect("it fits");
        assert_eq!(sealed.len(), 128);
        assert_eq!(open(&[1; 32], b"card", &sealed).as_deref(), Some(&b"what the letter says"[..]));
        assert_eq!(open(&[3; 32], b"card", &sealed), None);
        assert_eq!(open(&[1; 32], b"other", &sealed), None);
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert_eq!(open(&[1; 32], b"card", &changed), None, "bit {bit} of byte {place}");
            }
            assert_eq!(open(&[1; 32], b"card", &sealed[..place]), None, "cut after {place}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(seal(&[1; 32], [2; 24], b"", &[0; 85], 128), Err(TooLong(85)));
        assert!(seal(&[1; 32], [2; 24], b"", &[0; 84], 128).is_ok());
        assert_eq!(seal(&[1; 32], [2; 24], b"", &[], 43), Err(TooLong(0)));
    }

    proptest! {
        #[test]
        fn what_is_sealed_comes_back(plain in proptest::collection::vec(any::<u8>(), 0..300), more in 0_usize..100, key: [u8; 32], nonce: [u8; 24]) {
            let total = plain.len() + OVERHEAD + more;
            let sealed = seal(&key, nonce, b"x", &plain, total).expect("it fits");
            prop_assert_eq!(sealed.len(), total);
            prop_assert_eq!(open(&key, b"x", &sealed), Some(plain));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(open(&[0; 32], b"", &bytes), None);
        }
    }
}
