//! The gate's key in the library with the faster signatures: every decision carries one.
//!
//! An Ed25519 signature of AWS-LC takes half the time of the portable one that `kepil-ledger` has,
//! and is the same, byte for byte.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use ed25519_dalek::{Signer as _, SigningKey};
use kepil_ledger::record::{Ed25519, GateSigner};
use std::fmt;
use std::sync::Arc;

struct GateKey {
    fast: Ed25519KeyPair,
    /// For the day on which the fast one fails: an entry without a signature is no entry.
    portable: SigningKey,
}

impl fmt::Debug for GateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateKey").finish_non_exhaustive()
    }
}

impl Ed25519 for GateKey {
    fn public(&self) -> [u8; 32] {
        self.portable.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signed = self.fast.try_sign(message).ok();
        let signed = signed.and_then(|signature| signature.as_ref().try_into().ok());
        signed.unwrap_or_else(|| self.portable.sign(message).to_bytes())
    }
}

/// A gate's signer from its id and secret seed.
pub(crate) fn signer(id: u32, seed: &[u8; 32]) -> GateSigner {
    let portable = SigningKey::from_bytes(seed);
    let public = portable.verifying_key().to_bytes();
    let fast = Ed25519KeyPair::from_seed_and_public_key(seed, &public);
    let fast = fast.ok().filter(|key| key.public_key().as_ref() == public);
    let found = fast.and_then(|fast| GateSigner::new(id, Arc::new(GateKey { fast, portable })));
    found.unwrap_or_else(|| GateSigner::from_seed(id, seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_libraries_sign_the_same(seed: [u8; 32], message: Vec<u8>) {
            let portable = SigningKey::from_bytes(&seed);
            let public = portable.verifying_key().to_bytes();
            let fast = Ed25519KeyPair::from_seed_and_public_key(&seed, &public).unwrap();
            let wanted = portable.sign(&message).to_bytes();
            let signed = fast.try_sign(&message).unwrap();
            prop_assert_eq!(signed.as_ref(), &wanted[..]);
            let key = GateKey { fast, portable };
            prop_assert_eq!(key.sign(&message), wanted);
            prop_assert_eq!(signer(3, &seed).public(), GateSigner::from_seed(3, &seed).public());
        }
    }
}
