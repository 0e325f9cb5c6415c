//! Encryption of what lies on the disk: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// Bytes of a nonce, long enough to be drawn at random.
pub const NONCE_BYTES: usize = 24;

/// `nonce ‖ ciphertext ‖ tag`; `None` if the text is too long for the cipher (256 GiB).
pub fn seal(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    context: &[u8],
    plain: &[u8],
) -> Option<Vec<u8>> {
    let payload = Payload {
        msg: plain,
        aad: context,
    };
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(nonce.into(), payload)
        .ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// What was sealed; `None` if a bit of it, the key or the context is another.
pub fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: sealed,
        aad: context,
    };
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), payload);
    plain.ok().map(Zeroizing::new)
}
