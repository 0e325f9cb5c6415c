//! The auditor's own tree on disk: every hash it has seen of the log.
//!
//! File `tree-k` holds the hashes of all complete subtrees of 256^k entries, one after the
//! other: `tree-0` the leaf hashes, `tree-1` the roots of full tiles, and so on.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use kepil_ledger::hash::{HASH_BYTES, Hash};
use kepil_ledger::tile::TILE_WIDTH;
use kepil_ledger::tree::{Frontier, HashSource, ProofError, root};
use kepil_witness::Folder;

/// Levels of a tree of at most 2^63 entries.
const LEVELS: u32 = 8;

/// Tree levels between one file and the next.
const HEIGHT: u32 = 8;

/// Hashes of a file that are kept until they are written.
const MAX_PENDING: usize = 1 << 13;

const WIDTH: usize = TILE_WIDTH as usize;

/// The tree of a log as far as it was read.
#[derive(Debug)]
pub(crate) struct Hashes {
    levels: Vec<Level>,
    size: u64,
}

#[derive(Debug)]
struct Level {
    file: File,
    /// Hashes in the file.
    written: u64,
    /// Hashes not yet in the file.
    pending: Vec<Hash>,
    /// Hashes since the last full tile.
    open: Vec<Hash>,
}

/// Why a hash could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashesError {
    /// A file fails.
    #[error("reading the auditor's own tree")]
    Io(#[from] io::Error),
    /// A tree of this size has no such hash.
    #[error("making a proof from the auditor's own tree")]
    Proof(#[from] ProofError),
}

impl Hashes {
    /// Opens the tree at a size; what lies beyond is cut off.
    ///
    /// The error is of kind `InvalidData` where less is there.
    pub(crate) fn open(folder: &Folder, size: u64) -> io::Result<Self> {
        let mut levels = Vec::new();
        for level in 0..LEVELS {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(folder.path_of(&format!("tree-{level}")))?;
            levels.push(Level {
                file,
                written: 0,
                pending: Vec::new(),
                open: Vec::new(),
            });
        }
        let mut hashes = Self { levels, size };
        for level in &mut hashes.levels {
            level.written = level.file.metadata()?.len() / HASH_BYTES as u64;
        }
        hashes.cut(size)?;
        Ok(hashes)
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Goes back to a size.
    pub(crate) fn cut(&mut self, size: u64) -> io::Result<()> {
        self.flush()?;
        for (number, level) in (0..).zip(&mut self.levels) {
            let length = size.checked_shr(HEIGHT * number).unwrap_or(0);
            if level.written < length {
                return Err(io::ErrorKind::InvalidData.into());
            }
            level.file.set_len(length * HASH_BYTES as u64)?;
            level.written = length;
            let open = length % u64::from(TILE_WIDTH);
            level.open = level.read(length - open, open)?;
        }
        self.size = size;
        Ok(())
    }

    /// Appends the hash of an entry.
    pub(crate) fn append(&mut self, leaf: Hash) -> io::Result<()> {
        let mut carry = leaf;
        for level in &mut self.levels {
            level.pending.push(carry);
            level.open.push(carry);
            if level.pending.len() >= MAX_PENDING {
                level.flush()?;
            }
            if level.open.len() < WIDTH {
                break;
            }
            carry = root_of(&level.open);
            level.open.clear();
        }
        self.size += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.levels.iter_mut().try_for_each(Level::flush)
    }

    /// Makes everything durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        for level in &self.levels {
            level.file.sync_data()?;
        }
        Ok(())
    }

    /// Hashes side by side on a level of files.
    pub(crate) fn read(&self, level: u8, first: u64, count: u64) -> io::Result<Vec<Hash>> {
        let level = self.levels.get(usize::from(level));
        level.map_or_else(
            || Err(io::ErrorKind::InvalidInput.into()),
            |level| level.read(first, count),
        )
    }

    /// True when the hashes of a tile are those that the levels above were made from.
    ///
    /// The right edge follows from the root, which is checked when the tree is opened.
    pub(crate) fn is_sound(&self, level: u8, number: u64) -> io::Result<bool> {
        let (mut level, mut number) = (level, number);
        loop {
            let (above, width) = (level.saturating_add(1), u64::from(TILE_WIDTH));
            let full = self
                .size
                .checked_shr(HEIGHT * u32::from(above))
                .unwrap_or(0);
            if number >= full || u32::from(above) >= LEVELS {
                return Ok(true);
            }
            let hashes = self.read(level, number * width, width)?;
            if self.read(above, number, 1)? != [root_of(&hashes)] {
                return Ok(false);
            }
            (level, number) = (above, number / width);
        }
    }

    /// Root of the first `size` entries; `size` is not above the tree's own.
    pub(crate) fn root(&self, size: u64) -> Result<Hash, HashesError> {
        root(self, size)
    }
}

impl Level {
    fn flush(&mut self) -> io::Result<()> {
        let bytes: Vec<u8> = self
            .pending
            .iter()
            .flat_map(Hash::as_bytes)
            .copied()
            .collect();
        let at = self.written * HASH_BYTES as u64;
        self.file.write_all_at(&bytes, at)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn read(&self, first: u64, count: u64) -> io::Result<Vec<Hash>> {
        let in_file = self.written.saturating_sub(first).min(count);
        let length = usize::try_from(in_file).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut bytes = vec![0; length * HASH_BYTES];
        self.file
            .read_exact_at(&mut bytes, first * HASH_BYTES as u64)?;
        let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
        let mut hashes: Vec<Hash> = hashes.iter().copied().map(Hash::new).collect();
        let from = (first + in_file).saturating_sub(self.written);
        let from = usize::try_from(from).map_err(|_| io::ErrorKind::InvalidInput)?;
        let left = usize::try_from(count - in_file).map_err(|_| io::ErrorKind::InvalidInput)?;
        let pending = self.pending.get(from..from.saturating_add(left));
        hashes.extend(pending.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(hashes)
    }
}

impl HashSource for Hashes {
    type Error = HashesError;

    fn hash(&self, level: u32, index: u64) -> Result<Hash, HashesError> {
        let missing = ProofError::MissingHash { level, index };
        let below = level % HEIGHT;
        let file = u8::try_from(level / HEIGHT).map_err(|_| missing)?;
        let first = index.checked_mul(1 << below).ok_or(missing)?;
        Ok(root_of(&self.read(file, first, 1 << below)?))
    }
}

fn root_of(hashes: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    hashes.iter().for_each(|hash| tree.append(*hash));
    tree.root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kepil_ledger::hash;

    #[test]
    fn the_tree_on_disk_is_the_tree_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let mut own = Hashes::open(&folder, 0).unwrap();
        let leaf = |at: u64| hash::leaf(&at.to_be_bytes());
        let mut roots = vec![hash::empty()];
        let mut tree = Frontier::new();
        for at in 0..70_000 {
            own.append(leaf(at)).unwrap();
            tree.append(leaf(at));
            roots.push(tree.root());
        }
        let check = |own: &Hashes, sizes: &[usize]| {
            for size in sizes {
                assert_eq!(own.root(*size as u64).unwrap(), roots[*size], "{size}");
            }
        };
        check(
            &own,
            &[0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 70_000],
        );
        own.sync().unwrap();
        // Opened again at an earlier size, and grown again.
        let mut own = Hashes::open(&folder, 65_600).unwrap();
        check(&own, &[1, 256, 1000, 65_600]);
        for at in 65_600..66_000 {
            own.append(leaf(at)).unwrap();
        }
        check(&own, &[65_536, 65_600, 65_999, 66_000]);
        own.cut(300).unwrap();
        check(&own, &[256, 299, 300]);
        own.append(leaf(300)).unwrap();
        check(&own, &[301]);
        // A hash that was changed is noticed when its tile is looked at.
        assert!(own.is_sound(0, 0).unwrap() && own.is_sound(0, 1).unwrap());
        own.sync().unwrap();
        own.levels[0].file.write_all_at(&[1; 32], 32 * 77).unwrap();
        assert!(!own.is_sound(0, 0).unwrap() && own.is_sound(0, 1).unwrap());
        assert!(Hashes::open(&folder, 302).is_err());
    }
}
