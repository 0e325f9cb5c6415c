//! The right edge of a growing tree.

use super::fold;
use crate::hash::{self, Hash};

/// What is needed to append to a tree and to know its root: one hash per 1 bit of the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest first.
    parts: Vec<Hash>,
}

impl Frontier {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from a size and the roots of its complete subtrees, largest first.
    ///
    /// `None` unless there is one root for every 1 bit of the size.
    #[must_use]
    pub fn resume(size: u64, parts: Vec<Hash>) -> Option<Self> {
        let fits = u32::try_from(parts.len()) == Ok(size.count_ones());
        fits.then_some(Self { size, parts })
    }

    /// The roots of the complete subtrees, largest first: one for every 1 bit of the size.
    #[must_use]
    pub fn parts(&self) -> &[Hash] {
        &self.parts
    }

    /// Number of entries so far, which is the index of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends the hash of one entry.
    pub fn append(&mut self, leaf: Hash) {
        let mut carry = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.parts.pop() {
                carry = hash::node(&left, &carry);
            }
        }
        self.parts.push(carry);
        self.size += 1;
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.parts)
    }
}
