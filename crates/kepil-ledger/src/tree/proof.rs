//! Inclusion and consistency proofs.

use super::{HashSource, range_root};
use crate::hash::{self, Hash};

/// Why a proof could not be made or does not prove what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not below the size of the tree.
    #[error("proving entry {index}: the tree has only {size} entries")]
    OutsideTree {
        /// Index of the entry.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("comparing two trees: the older has {old} entries, the newer only {new}")]
    Shrunk {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// The path has more or fewer hashes than the sizes demand.
    #[error("checking a proof: the path has the wrong number of hashes ({found})")]
    Length {
        /// Number of hashes found.
        found: usize,
    },
    /// The path is well formed but leads to another root.
    #[error("checking a proof: the path leads to another root")]
    Root,
    /// A tree in memory was asked for a subtree it does not hold.
    #[error("making a proof: the hash at level {level}, index {index} is missing")]
    MissingHash {
        /// Level of the subtree.
        level: u32,
        /// Index in the level.
        index: u64,
    },
}

/// Where RFC 6962 splits a range: the largest power of two below `length` (at least 2).
const fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// Makes the inclusion path of entry `index` in the tree of the first `size` entries.
///
/// `PATH(m, D[n])` of RFC 6962, section 2.1.1: the leaf's sibling comes first.
///
/// # Errors
///
/// When the index is not in the tree, or the source fails.
pub fn inclusion_path<S>(source: &S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error>
where
    S: HashSource,
    S::Error: From<ProofError>,
{
    if index >= size {
        return Err(ProofError::OutsideTree { index, size }.into());
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Makes the proof that the tree of `new` entries begins with the tree of `old` entries.
///
/// `PROOF(m, D[n])` of RFC 6962, section 2.1.2. Empty when the sizes are equal or
/// the older tree has no entries.
///
/// # Errors
///
/// When the older tree is larger, or the source fails.
pub fn consistency_path<S>(source: &S, old: u64, new: u64) -> Result<Vec<Hash>, S::Error>
where
    S: HashSource,
    S::Error: From<ProofError>,
{
    if old > new {
        return Err(ProofError::Shrunk { old, new }.into());
    }
    let mut path = Vec::new();
    if old == 0 {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_root(source, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(source, start, middle)?);
            start = middle;
        }
    }
    // A subtree that begins at 0 is the old tree itself, whose root the verifier has.
    if start != 0 {
        path.push(range_root(source, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Computes the root an inclusion path leads to (RFC 9162, section 2.1.3.2).
///
/// # Errors
///
/// When the index is not in the tree or the path has the wrong length.
pub fn root_from_path(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::OutsideTree { index, size });
    }
    let wrong_length = ProofError::Length { found: path.len() };
    let (mut low, mut high) = (index, size - 1);
    let mut root = *leaf;
    for sibling in path {
        if high == 0 {
            return Err(wrong_length);
        }
        if low & 1 == 1 || low == high {
            root = hash::node(sibling, &root);
            while low & 1 == 0 && low != 0 {
                low >>= 1;
                high >>= 1;
            }
        } else {
            root = hash::node(&root, sibling);
        }
        low >>= 1;
        high >>= 1;
    }
    if high == 0 {
        Ok(root)
    } else {
        Err(wrong_length)
    }
}

/// Checks that a leaf stands at `index` of the tree with this size and root.
///
/// # Errors
///
/// When the index is not in the tree, or the path has the wrong length or root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if root_from_path(leaf, index, size, path)? == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that a tree grew into another by appending only (RFC 9162, section 2.1.4.2).
///
/// # Errors
///
/// When the tree shrank, or the path has the wrong length or leads to other roots.
pub fn verify_consistency(
    (old_size, old_root): (u64, &Hash),
    (new_size, new_root): (u64, &Hash),
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrunk {
            old: old_size,
            new: new_size,
        });
    }
    let wrong_length = ProofError::Length { found: path.len() };
    if old_size == new_size || old_size == 0 {
        if !path.is_empty() {
            return Err(wrong_length);
        }
        let expected = if old_size == 0 {
            hash::empty()
        } else {
            *new_root
        };
        return if *old_root == expected {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
    }
    // A complete old tree is left out of the path: the verifier's own root takes its place.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        path.split_first().ok_or(wrong_length)?
    };
    if rest.is_empty() {
        return Err(wrong_length);
    }
    let skipped = (old_size - 1).trailing_ones();
    let (mut low, mut high) = ((old_size - 1) >> skipped, (new_size - 1) >> skipped);
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        if high == 0 {
            return Err(wrong_length);
        }
        if low & 1 == 1 || low == high {
            old = hash::node(sibling, &old);
            new = hash::node(sibling, &new);
            while low & 1 == 0 && low != 0 {
                low >>= 1;
                high >>= 1;
            }
        } else {
            new = hash::node(&new, sibling);
        }
        low >>= 1;
        high >>= 1;
    }
    if high != 0 {
        return Err(wrong_length);
    }
    if old == *old_root && new == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}
