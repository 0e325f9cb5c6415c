//! Pairwise identifiers: each sector knows a person by another one (OpenID Core 8.1).
//!
//! ```text
//! sub = base64url(HMAC-SHA-256(key, "kepil/pairwise/v1" 00 ‖ u32_be(len(sector)) ‖ sector ‖ person))
//! ```
//!
//! The key is the one thing that joins the country. Whoever has it and a list of persons can link
//! every identifier; a new key is a new identifier for everybody.

use crate::id::{PersonId, SectorId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

const LABEL: &[u8; 18] = b"kepil/pairwise/v1\0";

/// The root key of all pairwise identifiers: 256 bits, wiped when dropped.
#[derive(Clone)]
pub struct PairwiseKey(Zeroizing<[u8; 32]>);

impl PairwiseKey {
    /// Takes 32 random bytes as the key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The identifier of a person in a sector.
    #[must_use]
    pub fn subject(&self, sector: &SectorId, person: &PersonId) -> Subject {
        self.over(sector.as_str().as_bytes(), person.as_bytes())
    }

    fn over(&self, sector: &[u8], person: &[u8]) -> Subject {
        // HMAC pads a short key with zeros to the block of 64 bytes (RFC 2104).
        let mut block = Zeroizing::new([0u8; 64]);
        for (to, from) in block.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        for part in frame(sector) {
            mac.update(&part);
        }
        mac.update(person);
        Subject(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

/// What goes before the person. The length keeps sector and person apart.
fn frame(sector: &[u8]) -> [Vec<u8>; 3] {
    // A sector id has at most 64 bytes.
    let len = u32::try_from(sector.len()).unwrap_or(u32::MAX);
    [LABEL.to_vec(), len.to_be_bytes().to_vec(), sector.to_vec()]
}

impl fmt::Debug for PairwiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairwiseKey(..)")
    }
}

/// A person as a sector knows them: 43 characters. Personal data, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

impl Subject {
    /// Takes 43 characters that were stored earlier; `None` if they are no subject.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PairwiseKey {
        let mut bytes = [0; 32];
        for (b, n) in bytes.iter_mut().zip(0..) {
            *b = n;
        }
        PairwiseKey::new(bytes)
    }

    #[test]
    fn input_of_the_first_vector() {
        let bytes = frame(b"health").concat();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "6b6570696c2f70616972776973652f763100000000066865616c7468"
        );
    }

    #[test]
    fn sector_and_person_do_not_slide() {
        assert_ne!(key().over(b"ab", b"c"), key().over(b"a", b"bc"));
        assert_ne!(key().over(b"", b"abc"), key().over(b"abc", b""));
    }
}
