//! A whole tree in memory, for the few hundred entries of one batch.

use super::{HashSource, ProofError, root};
use crate::hash::{self, Hash};

/// A tree with all its complete subtrees, from which any path can be read.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Builds the tree over leaf hashes.
    #[must_use]
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[left, right]| hash::node(left, right))
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels
            .first()
            .map_or(0, |leaves| u64::try_from(leaves.len()).unwrap_or(u64::MAX))
    }

    /// The hash of one entry.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<&Hash> {
        self.levels.first()?.get(usize::try_from(index).ok()?)
    }

    /// The root of the whole tree.
    ///
    /// # Errors
    ///
    /// Never in practice: every hash the root needs was built by [`MemoryTree::new`].
    pub fn root(&self) -> Result<Hash, ProofError> {
        root(self, self.size())
    }
}

impl HashSource for MemoryTree {
    type Error = ProofError;

    fn hash(&self, level: u32, index: u64) -> Result<Hash, ProofError> {
        let row = usize::try_from(level)
            .ok()
            .and_then(|at| self.levels.get(at));
        let column = usize::try_from(index).ok();
        row.zip(column)
            .and_then(|(row, column)| row.get(column))
            .copied()
            .ok_or(ProofError::MissingHash { level, index })
    }
}
