//! Comparing files with what they should be.

use kepil_ledger::hash::HASH_BYTES;
use kepil_ledger::tile::{TileKind, TilePath, parse_bundle, push_entry};

/// First place in which two files differ; the end of the shorter one if it is the other's start.
pub(crate) fn difference(expected: &[u8], found: &[u8]) -> usize {
    let mut pairs = expected.iter().zip(found);
    let at = pairs.position(|(expected, found)| expected != found);
    at.unwrap_or(expected.len().min(found.len()))
}

/// A partial tile, made from a wider one at the same place.
pub(crate) fn narrowed(path: &TilePath, wider: &[u8]) -> Option<Vec<u8>> {
    let width = usize::from(path.width());
    match path.kind() {
        TileKind::Hashes { .. } => wider.get(..width * HASH_BYTES).map(<[u8]>::to_vec),
        TileKind::Entries => {
            let entries = parse_bundle(wider).ok()?;
            let mut bundle = Vec::new();
            for entry in entries.get(..width)? {
                push_entry(&mut bundle, entry).ok()?;
            }
            Some(bundle)
        }
    }
}
