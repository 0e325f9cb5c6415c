//! Makes tiles and bundles out of a stream of entries.

use super::{TILE_WIDTH, TileError, TilePath, format_hashes, push_entry};
use crate::hash::{self, Hash};
use crate::tree::{Frontier, fold};

/// Takes entries in order and hands out every tile and bundle as it fills.
///
/// Holds only the right edge: at most 255 hashes a level and one open bundle.
#[derive(Debug, Clone, Default)]
pub struct TileBuilder {
    size: u64,
    bundle: Vec<u8>,
    /// Hashes of the open tile at each level, fewer than 256.
    open: Vec<Vec<Hash>>,
    filled: Vec<(TilePath, Vec<u8>)>,
}

impl TileBuilder {
    /// A builder for an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries taken so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next entry.
    ///
    /// # Errors
    ///
    /// When the entry is too long for a bundle; the builder is then unchanged.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), TileError> {
        push_entry(&mut self.bundle, entry)?;
        let index = self.size / u64::from(TILE_WIDTH);
        self.size += 1;
        if self.size.is_multiple_of(u64::from(TILE_WIDTH))
            && let Ok(path) = TilePath::entries(index, TILE_WIDTH)
        {
            self.filled.push((path, std::mem::take(&mut self.bundle)));
        }
        self.push_hash(hash::leaf(entry));
        Ok(())
    }

    fn push_hash(&mut self, leaf: Hash) {
        let mut carry = leaf;
        let mut hashes_at_level = self.size;
        for level in 0..=u8::MAX {
            let at = usize::from(level);
            if self.open.len() == at {
                self.open.push(Vec::new());
            }
            let Some(open) = self.open.get_mut(at) else {
                return;
            };
            open.push(carry);
            if open.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let full = std::mem::take(open);
            carry = root_of(&full);
            let index = (hashes_at_level - 1) / u64::from(TILE_WIDTH);
            hashes_at_level /= u64::from(TILE_WIDTH);
            if let Ok(path) = TilePath::hashes(level, index, TILE_WIDTH) {
                self.filled.push((path, format_hashes(&full)));
            }
        }
    }

    /// Tiles and bundles that are full and not yet handed out, oldest first.
    ///
    /// They stay until [`TileBuilder::forget_filled`], so that a failed write can be repeated.
    #[must_use]
    pub fn filled(&self) -> &[(TilePath, Vec<u8>)] {
        &self.filled
    }

    /// Drops what [`TileBuilder::filled`] showed.
    pub fn forget_filled(&mut self) {
        self.filled.clear();
    }

    /// The partial tiles and the partial bundle that a checkpoint of this size needs.
    #[must_use]
    pub fn partial(&self) -> Vec<(TilePath, Vec<u8>)> {
        let mut partial = Vec::new();
        if let Some(path) = TilePath::entries_in(self.size / u64::from(TILE_WIDTH), self.size) {
            partial.push((path, self.bundle.clone()));
        }
        let mut hashes_at_level = self.size;
        for (level, open) in (0..=u8::MAX).zip(&self.open) {
            let index = hashes_at_level / u64::from(TILE_WIDTH);
            hashes_at_level = index;
            if let Some(path) = u16::try_from(open.len())
                .ok()
                .and_then(|width| TilePath::hashes(level, index, width).ok())
            {
                partial.push((path, format_hashes(open)));
            }
        }
        partial
    }

    /// The root of the log so far, computed from the open tiles.
    #[must_use]
    pub fn root(&self) -> Hash {
        // Largest subtrees stand in the highest level, so walk downwards.
        let parts: Vec<Hash> = self
            .open
            .iter()
            .rev()
            .flat_map(|open| complete_parts(open))
            .collect();
        fold(&parts)
    }
}

/// Splits up to 255 hashes into complete subtrees, largest first.
fn complete_parts(hashes: &[Hash]) -> Vec<Hash> {
    let mut parts = Vec::new();
    let mut rest = hashes;
    while !rest.is_empty() {
        let (subtree, after) = rest.split_at(1 << rest.len().ilog2());
        parts.push(root_of(subtree));
        rest = after;
    }
    parts
}

/// The root over the hashes of a complete or incomplete row.
pub(super) fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    hashes.iter().for_each(|hash| frontier.append(*hash));
    frontier.root()
}
