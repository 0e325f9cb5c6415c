//! A person's own chain: a count and one hash over all entries of a month.

use crate::entry::Commitment;
use crate::hash::{self, Hash};
use crate::person::Tag;

const STEP: u8 = 0x22;
const VALUE: u8 = 0x23;

/// How far a person's chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Number of entries.
    pub count: u32,
    /// Hash over all of them.
    pub head: Hash,
}

impl Chain {
    /// The chain without entries.
    #[must_use]
    pub fn new(tag: &Tag) -> Self {
        let mut key = [0; 32];
        key.iter_mut()
            .zip(b"chain/v1")
            .for_each(|(to, from)| *to = *from);
        Self {
            count: 0,
            head: hash::mac(&key, tag.as_bytes()),
        }
    }

    /// Takes the next entry.
    #[must_use]
    pub fn step(&self, index: u64, commitment: &Commitment) -> Self {
        let index = index.to_be_bytes();
        let parts: [&[u8]; 4] = [
            &[STEP],
            self.head.as_bytes(),
            &index,
            commitment.as_hash().as_bytes(),
        ];
        Self {
            count: self.count.saturating_add(1),
            head: Hash::new(hash::sha256(&parts)),
        }
    }

    /// The value that stands in the map.
    #[must_use]
    pub fn value(&self) -> Hash {
        let count = u64::from(self.count).to_be_bytes();
        let parts: [&[u8]; 3] = [&[VALUE], &count, self.head.as_bytes()];
        Hash::new(hash::sha256(&parts))
    }
}
