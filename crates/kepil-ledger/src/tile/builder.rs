//! Makes tiles and bundles out of a stream of entries.

use super::{
    TILE_HEIGHT, TILE_WIDTH, TileError, TilePath, format_hashes, parse_bundle, push_entry,
};
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

    /// A builder that goes on where another stood: see [`TileBuilder::bundle`] and
    /// [`TileBuilder::open`].
    ///
    /// `None` unless bundle and tiles are those of a log of this size. That they belong to
    /// the log at all, only its root can say.
    #[must_use]
    pub fn resume(size: u64, bundle: Vec<u8>, open: Vec<Vec<Hash>>) -> Option<Self> {
        let in_bundle = parse_bundle(&bundle).ok()?;
        let in_bundle = in_bundle.into_iter().map(hash::leaf);
        let width = |level: usize| {
            let shift = u32::try_from(level).ok()?.checked_mul(TILE_HEIGHT)?;
            let hashes = size.checked_shr(shift).unwrap_or(0) % u64::from(TILE_WIDTH);
            usize::try_from(hashes).ok()
        };
        let are_sized = open
            .iter()
            .enumerate()
            .all(|(level, hashes)| width(level) == Some(hashes.len()));
        // Above the highest level there must be nothing.
        let is_high = size >> (TILE_HEIGHT * u32::try_from(open.len()).ok()?).min(63) == 0;
        let is_same = in_bundle.eq(open.first().into_iter().flatten().copied());
        (are_sized && is_high && is_same).then_some(Self {
            size,
            bundle,
            open,
            filled: Vec::new(),
        })
    }

    /// The open bundle.
    #[must_use]
    pub fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// The open tile of each level, from level 0.
    #[must_use]
    pub fn open(&self) -> &[Vec<Hash>] {
        &self.open
    }

    /// The right edge of the tree so far.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        // INVARIANT: the open tiles have one hash for each unit of a base-256 digit of the
        // size, so their complete subtrees are one for each 1 bit.
        Frontier::resume(self.size, self.parts()).unwrap_or_default()
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
        fold(&self.parts())
    }

    /// Roots of the complete subtrees, largest first.
    fn parts(&self) -> Vec<Hash> {
        // Largest subtrees stand in the highest level, so walk downwards.
        let levels = self.open.iter().rev();
        levels.flat_map(|open| complete_parts(open)).collect()
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
