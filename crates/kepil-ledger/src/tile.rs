//! The published form of the log: tiles and entry bundles (C2SP `tlog-tiles`).
//!
//! A tile is 256 hashes side by side; a bundle is the 256 entries below a level-0
//! tile. Both are static files at paths that follow from their place ([`TilePath`]),
//! so a log can be served, mirrored and checked as a plain folder.

mod builder;
mod path;
mod source;

pub use builder::TileBuilder;
pub use path::{PathError, TileKind, TilePath};
pub use source::{FetchError, SourceError, TileHashes, TileSource, fetch_bundle, fetch_hashes};

use crate::hash::{HASH_BYTES, Hash};

/// Entries in a full bundle, and hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Tree levels between one tile level and the next.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// Most bytes one entry may have: its length is a `u16` in the bundle.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Why bytes are not a tile or a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile holds whole hashes only.
    #[error("reading a tile: {found} bytes are not 1 to 256 whole hashes")]
    NotHashes {
        /// Number of bytes found.
        found: usize,
    },
    /// The bundle ends inside an entry.
    #[error("reading a bundle: it ends inside entry {entry}")]
    Truncated {
        /// Place of the entry in the bundle, from 0.
        entry: usize,
    },
    /// More entries than fit below one tile.
    #[error("reading a bundle: it holds more than 256 entries")]
    TooManyEntries,
    /// An entry is longer than its length field can say.
    #[error("writing a bundle: an entry of {found} bytes is longer than 65,535")]
    EntryTooLong {
        /// Number of bytes in the entry.
        found: usize,
    },
}

/// Reads the hashes of a full or partial tile.
///
/// # Errors
///
/// When the bytes are not between 1 and 256 whole hashes.
pub fn parse_hashes(bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if hashes.is_empty() || hashes.len() > usize::from(TILE_WIDTH) || !rest.is_empty() {
        return Err(TileError::NotHashes { found: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash::new).collect())
}

/// Writes hashes side by side, as a tile holds them.
#[must_use]
pub fn format_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// Reads the entries of a bundle: each a big-endian `u16` length, then that many bytes.
///
/// # Errors
///
/// When the bytes end inside an entry or hold more than 256. An empty bundle has
/// no entries; where one is not allowed, the caller compares the number.
pub fn parse_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let truncated = TileError::Truncated {
            entry: entries.len(),
        };
        if entries.len() == usize::from(TILE_WIDTH) {
            return Err(TileError::TooManyEntries);
        }
        let (length, after) = rest.split_first_chunk::<2>().ok_or(truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// Appends one entry to a bundle.
///
/// # Errors
///
/// When the entry is longer than [`MAX_ENTRY_BYTES`]; the bundle is then unchanged.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), TileError> {
    let length =
        u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong { found: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}
