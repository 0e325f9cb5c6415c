//! The writer's side of receipts.

use super::{Receipt, Statement};
use crate::entry::{Leaf, Opening};
use crate::hash::Hash;
use crate::note::{Signature, Signer};
use crate::tree::{MemoryTree, ProofError, inclusion_path};

/// A batch of entries under one signature, from which every receipt can be made.
#[derive(Debug, Clone)]
pub struct Batch {
    statement: Statement,
    tree: MemoryTree,
    signature: Signature,
}

impl Batch {
    /// Signs a batch. Call it only once the batch is durable: the signature is a promise.
    ///
    /// # Errors
    ///
    /// Never in practice; a tree in memory holds every hash its root needs.
    pub fn seal(
        signer: &Signer,
        first: u64,
        leaves: Vec<Hash>,
        time_ms: u64,
    ) -> Result<Self, ProofError> {
        let tree = MemoryTree::new(leaves);
        let statement = Statement {
            origin: signer.verifying_key().name().clone(),
            first,
            count: tree.size(),
            root: tree.root()?,
            time_ms,
        };
        let signature = signer.sign(&statement.to_text());
        Ok(Self {
            statement,
            tree,
            signature,
        })
    }

    /// What the log signed.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Makes the receipt of one entry, with what opens its leaf where that is given.
    ///
    /// # Errors
    ///
    /// When the index is not in the batch, or the leaf is not the one that stands there.
    pub fn receipt(
        &self,
        index: u64,
        leaf: &Leaf,
        opening: Option<&Opening>,
    ) -> Result<Receipt, ProofError> {
        let Statement { first, count, .. } = self.statement;
        let outside = ProofError::OutsideTree {
            index,
            size: first.saturating_add(count),
        };
        let place = index.checked_sub(first).ok_or(outside)?;
        if *self.tree.leaf(place).ok_or(outside)? != leaf.hash() {
            return Err(ProofError::Root);
        }
        Ok(Receipt {
            statement: self.statement.clone(),
            index,
            leaf: leaf.to_bytes(),
            salt: opening.map(|opening| opening.salt),
            record: opening.map(|opening| opening.record.clone()),
            path: inclusion_path(&self.tree, place, count)?,
            signature: self.signature.clone(),
        })
    }
}
