//! What the store needs from a disk, so that tests can make it fail.

mod blocks;
mod direct;

pub use blocks::{BLOCK_BYTES, Blocks};
pub use direct::{DirectDisk, ZEROS_AT_ONCE};

use std::fmt;
use std::io;
use std::path::Path;

/// Writes of the store. Reading needs no trait: what can be read is checked anyway.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file of zeros at `path`, whole and durable before it returns.
    ///
    /// The zeros are really written: overwriting written blocks needs no change of the
    /// file system's own records, which halves the time of a sync. `rest` is called after each
    /// [`ZEROS_AT_ONCE`] bytes of them and may wait: whoever needs the disk meanwhile gets it.
    ///
    /// # Errors
    ///
    /// When the file cannot be created, written or synced; nothing stands at `path` then.
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()>;

    /// Opens a file made by [`Disk::create_zeroed`] for durable overwriting.
    ///
    /// # Errors
    ///
    /// When it cannot be opened for writing.
    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;

    /// Replaces a published file in one step, without a sync: it can be derived again.
    ///
    /// `scratch` is a path on the same file system that only this caller uses. A file that
    /// `stays` as it is goes on its way to the disk at once.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the old file then still stands.
    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()>;

    /// Replaces a file of the owner's in one step; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot be written or synced; the old file or the new one then stands.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        direct::replace(path, bytes)
    }

    /// Makes everything durable that was written below a folder without a sync.
    ///
    /// # Errors
    ///
    /// When the disk cannot be synced.
    fn sync_below(&self, folder: &Path) -> io::Result<()> {
        direct::sync_below(folder)
    }
}

/// An open segment.
pub trait SegmentFile: fmt::Debug + Send {
    /// Overwrites whole blocks; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// When any of it could not be written or synced.
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()>;
}
