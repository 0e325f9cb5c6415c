//! The Merkle tree over the entries (RFC 6962, section 2.1; RFC 9162, section 2.1).
//!
//! The tree itself is never held: a [`Frontier`] is enough to append, and proofs
//! are made from any [`HashSource`] that knows the hashes of complete subtrees.

mod frontier;
mod memory;
mod proof;

pub use frontier::Frontier;
pub use memory::MemoryTree;
pub use proof::{
    ProofError, consistency_path, inclusion_path, root_from_path, verify_consistency,
    verify_inclusion,
};

use crate::hash::{self, Hash};

/// Gives the hashes of complete subtrees, by level and index.
///
/// Level 0 holds the leaf hashes. The hash at (`level`, `index`) is the tree hash
/// of the entries `index * 2^level .. (index + 1) * 2^level`.
pub trait HashSource {
    /// Why a hash could not be had.
    type Error;

    /// The hash of one complete subtree.
    ///
    /// # Errors
    ///
    /// When the source does not hold it or cannot read it.
    fn hash(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the first `size` entries.
///
/// # Errors
///
/// When the source fails.
pub fn root<S: HashSource>(source: &S, size: u64) -> Result<Hash, S::Error> {
    if size == 0 {
        return Ok(hash::empty());
    }
    range_root(source, 0, size)
}

/// The tree hash of the entries `start..end`, `MTH(D[start:end])`.
///
/// INVARIANT: `start` is a multiple of the largest power of two not above
/// `end - start`; every range that RFC 6962 splits off has this property.
fn range_root<S: HashSource>(source: &S, start: u64, end: u64) -> Result<Hash, S::Error> {
    let mut parts = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        parts.push(source.hash(level, at >> level)?);
        at += 1 << level;
    }
    Ok(fold(&parts))
}

/// Joins complete subtrees, largest first, into one root.
pub(crate) fn fold(parts: &[Hash]) -> Hash {
    parts
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| hash::node(&left, &right))
        .unwrap_or_else(hash::empty)
}
