//! A person's keys: one secret, from which everything else follows.

use std::fmt;

use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::hash::{self, Hash};
use crate::period::Period;

/// A person's pseudonym of one month.
///
/// Tags of different months cannot be joined without the person's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Hash);

impl Tag {
    /// Takes the 32 bytes of a tag.
    #[must_use]
    pub const fn new(hash: Hash) -> Self {
        Self(hash)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Bit `at` of the tag, the most significant first; `None` beyond the last.
    #[must_use]
    pub fn bit(&self, at: usize) -> Option<bool> {
        let byte = self.as_bytes().get(at / 8)?;
        Some(byte >> (7 - at % 8) & 1 == 1)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The keys that follow from a person's secret.
#[derive(Clone, ZeroizeOnDrop)]
pub struct PersonKeys {
    tag_key: [u8; 32],
    payload_key: [u8; 32],
    request_key: [u8; 32],
}

impl PersonKeys {
    /// Derives the keys from the secret `K` of 32 bytes.
    #[must_use]
    pub fn new(mut secret: [u8; 32]) -> Self {
        let derive = |label: &[u8]| *hash::mac(&secret, label).as_bytes();
        let keys = Self {
            tag_key: derive(b"tag-key/v1"),
            payload_key: derive(b"payload-key/v1"),
            request_key: derive(b"request-key/v1"),
        };
        secret.zeroize();
        keys
    }

    /// The person's pseudonym of a month.
    #[must_use]
    pub fn tag(&self, period: Period) -> Tag {
        let mut message = *b"map-key/v1\0\0\0\0";
        if let Some((_, number)) = message.split_last_chunk_mut::<4>() {
            *number = period.number().to_be_bytes();
        }
        Tag(hash::mac(&self.tag_key, &message))
    }

    /// Seals payloads.
    #[must_use]
    pub const fn payload_key(&self) -> &[u8; 32] {
        &self.payload_key
    }

    /// Authenticates the person's own requests.
    #[must_use]
    pub const fn request_key(&self) -> &[u8; 32] {
        &self.request_key
    }
}

impl fmt::Debug for PersonKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKeys(secret)")
    }
}
