//! Reading tiles from wherever they lie.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::builder::root_of;
use super::{TILE_HEIGHT, TILE_WIDTH, TileError, TilePath, parse_bundle, parse_hashes};
use crate::hash::Hash;
use crate::tree::{HashSource, ProofError};

/// Reads the published files of a log by path: a folder, a web address, a mirror.
pub trait TileSource {
    /// Reads a whole file, `None` when it does not exist.
    ///
    /// `path` is `checkpoint` or what [`TilePath`] writes.
    ///
    /// # Errors
    ///
    /// When the file may exist but could not be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;
}

/// A published file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the log's file `{path}`")]
pub struct SourceError {
    /// Path of the file in the log.
    pub path: String,
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Why a tile could not be had from a source.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Reading failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file does not exist, neither partial nor full.
    #[error("looking for `{path}`: the log does not have it")]
    Missing {
        /// The tile.
        path: TilePath,
    },
    /// The file is not a tile.
    #[error("reading `{path}`")]
    Malformed {
        /// The tile.
        path: TilePath,
        /// What is wrong with it.
        #[source]
        source: TileError,
    },
    /// The file holds another number of hashes or entries than its path says.
    #[error("reading `{path}`: it holds {found} instead of {} hashes or entries", path.width())]
    Width {
        /// The tile.
        path: TilePath,
        /// Number found.
        found: usize,
    },
    /// A proof asks for what no tree of this size has.
    #[error("making a proof from tiles")]
    Proof(#[from] ProofError),
}

/// Reads a file, or the full tile where a partial one has been deleted since.
///
/// `tlog-tiles`: a log may delete a partial tile once the full one is there.
fn fetch(source: &impl TileSource, path: TilePath) -> Result<(TilePath, Vec<u8>), FetchError> {
    let full = path.to_full();
    for candidate in if path.is_partial() {
        vec![path, full]
    } else {
        vec![full]
    } {
        if let Some(bytes) = source.read(&candidate.to_string())? {
            return Ok((candidate, bytes));
        }
    }
    Err(FetchError::Missing { path })
}

/// Reads the hashes of a tile, exactly as many as the path's width.
///
/// # Errors
///
/// When the tile is missing, unreadable, or has another width.
pub fn fetch_hashes(source: &impl TileSource, path: TilePath) -> Result<Vec<Hash>, FetchError> {
    let (found, bytes) = fetch(source, path)?;
    let mut hashes = parse_hashes(&bytes).map_err(|source| FetchError::Malformed {
        path: found,
        source,
    })?;
    if hashes.len() != usize::from(found.width()) {
        return Err(FetchError::Width {
            path: found,
            found: hashes.len(),
        });
    }
    hashes.truncate(usize::from(path.width()));
    Ok(hashes)
}

/// Reads the entries of a bundle, exactly as many as the path's width.
///
/// # Errors
///
/// When the bundle is missing, unreadable, or has another width.
pub fn fetch_bundle(source: &impl TileSource, path: TilePath) -> Result<Vec<Vec<u8>>, FetchError> {
    let (found, bytes) = fetch(source, path)?;
    let entries = parse_bundle(&bytes).map_err(|source| FetchError::Malformed {
        path: found,
        source,
    })?;
    if entries.len() != usize::from(found.width()) {
        return Err(FetchError::Width {
            path: found,
            found: entries.len(),
        });
    }
    Ok(entries
        .into_iter()
        .take(usize::from(path.width()))
        .map(<[u8]>::to_vec)
        .collect())
}

/// The hashes of a log of one size, read from its tiles.
///
/// The tiles are *not* checked against a root here: proofs made from them are
/// checked by whoever verifies them.
#[derive(Debug)]
pub struct TileHashes<'a, S> {
    source: &'a S,
    size: u64,
    read: RefCell<BTreeMap<TilePath, Vec<Hash>>>,
}

impl<'a, S: TileSource> TileHashes<'a, S> {
    /// Reads the log of the first `size` entries.
    #[must_use]
    pub const fn new(source: &'a S, size: u64) -> Self {
        Self {
            source,
            size,
            read: RefCell::new(BTreeMap::new()),
        }
    }
}

impl<S: TileSource> HashSource for TileHashes<'_, S> {
    type Error = FetchError;

    fn hash(&self, level: u32, index: u64) -> Result<Hash, FetchError> {
        let missing = ProofError::MissingHash { level, index };
        let below = level % TILE_HEIGHT;
        let tile_level = u8::try_from(level / TILE_HEIGHT).map_err(|_| missing)?;
        let first = index.checked_mul(1 << below).ok_or(missing)?;
        let width = u64::from(TILE_WIDTH);
        let path = TilePath::hashes_in(tile_level, first / width, self.size).ok_or(missing)?;

        let mut read = self.read.borrow_mut();
        let tile = match read.entry(path) {
            Entry::Occupied(tile) => tile.into_mut(),
            Entry::Vacant(place) => place.insert(fetch_hashes(self.source, path)?),
        };
        let start = usize::try_from(first % width).map_err(|_| missing)?;
        tile.get(start..start + (1 << below))
            .map(root_of)
            .ok_or_else(|| missing.into())
    }
}
