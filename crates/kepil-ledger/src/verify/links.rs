//! Compares every tile with the level below it.

use super::report::{FindingKind, Findings};
use crate::hash::Hash;
use crate::tile::{TILE_WIDTH, TilePath, TileSource, fetch_hashes};
use crate::tree::Frontier;

/// Walks all levels at once, in the order of the entries.
///
/// Each tile is compared with what lies directly below it *as published*, so that one
/// damaged file gives one or two findings and not one on every level above.
#[derive(Debug)]
pub(super) struct Links<'a, S> {
    source: &'a S,
    size: u64,
    /// Roots of the full tiles below the open tile of levels 1, 2, ...; `None` if unknown.
    rows: Vec<Vec<Option<Hash>>>,
    /// Number of tiles finished on levels 1, 2, ...
    done: Vec<u64>,
    tiles: u64,
}

impl<'a, S: TileSource> Links<'a, S> {
    pub(super) const fn new(source: &'a S, size: u64) -> Self {
        Self {
            source,
            size,
            rows: Vec::new(),
            done: Vec::new(),
            tiles: 0,
        }
    }

    /// Compares one bundle's leaf hashes with their tile; gives the best hashes known.
    pub(super) fn leaves(
        &mut self,
        index: u64,
        hashes: Option<Vec<Hash>>,
        findings: &mut Findings,
    ) -> Option<Vec<Hash>> {
        let expected = hashes.map(|hashes| hashes.into_iter().map(Some).collect::<Vec<_>>());
        let published = self.compare(0, index, expected.as_deref(), findings);
        if TilePath::entries_in(index, self.size).is_some_and(|path| !path.is_partial()) {
            self.push(0, published.as_deref().map(root_of), findings);
        }
        match expected {
            Some(hashes) => hashes.into_iter().collect(),
            None => published,
        }
    }

    /// Compares the partial tiles at the right edge; gives the number of tiles read.
    pub(super) fn finish(mut self, findings: &mut Findings) -> u64 {
        let rows = std::mem::take(&mut self.rows);
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
            let index = self.done.get(at).copied().unwrap_or(0);
            if let Ok(level) = u8::try_from(at + 1) {
                self.compare(level, index, Some(row), findings);
            }
        }
        self.tiles
    }

    /// Takes the root of a full tile of `level` into the row above.
    fn push(&mut self, level: u8, root: Option<Hash>, findings: &mut Findings) {
        let mut carry = root;
        for at in usize::from(level).. {
            if self.rows.len() == at {
                self.rows.push(Vec::new());
                self.done.push(0);
            }
            let Some((row, done)) = self.rows.get_mut(at).zip(self.done.get_mut(at)) else {
                return;
            };
            row.push(carry);
            if row.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let (full, index) = (std::mem::take(row), *done);
            *done += 1;
            let Ok(above) = u8::try_from(at + 1) else {
                return;
            };
            carry = self
                .compare(above, index, Some(&full), findings)
                .as_deref()
                .map(root_of);
        }
    }

    fn compare(
        &mut self,
        level: u8,
        index: u64,
        expected: Option<&[Option<Hash>]>,
        findings: &mut Findings,
    ) -> Option<Vec<Hash>> {
        let path = TilePath::hashes_in(level, index, self.size)?;
        self.tiles += 1;
        let published = match fetch_hashes(self.source, path) {
            Ok(published) => published,
            Err(error) => {
                findings.fetch(&error, "its hashes cannot be checked");
                return expected.and_then(|hashes| hashes.iter().copied().collect());
            }
        };
        let first = index * u64::from(TILE_WIDTH);
        for ((below, expected), found) in
            (first..).zip(expected.unwrap_or_default()).zip(&published)
        {
            if expected.is_none_or(|expected| expected == *found) {
                continue;
            }
            if level == 0 {
                findings.add(
                    FindingKind::EntryMismatch,
                    &format!("entry {below}, {} against {path}", bundle_of(path)),
                    "the entry in the bundle is not the one hashed into the tile: \
                     one of the two was changed"
                        .to_owned(),
                );
            } else {
                findings.add(
                    FindingKind::TileMismatch,
                    &path.to_string(),
                    format!(
                        "tile {below} of the level below does not hash to its place here: \
                         one of the two was changed"
                    ),
                );
            }
        }
        Some(published)
    }
}

/// Path of the bundle below a level-0 tile.
fn bundle_of(tile: TilePath) -> String {
    TilePath::entries(tile.index(), tile.width())
        .map_or_else(|_| tile.to_string(), |path| path.to_string())
}

fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    hashes.iter().for_each(|hash| frontier.append(*hash));
    frontier.root()
}
