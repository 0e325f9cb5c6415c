//! The disk with a watch: how long each write of the log took by itself.
//!
//! What an acknowledgement waits for beyond the write is the log's own; a disk that stands
//! still for a while shows here, and the reader can tell one from the other.

use crate::ledger::times::Latency;
use kepil_store::disk::{Blocks, DirectDisk, Disk, SegmentFile};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A write from here on is a stall, microseconds.
const STALL_US: u32 = 10_000;

/// Durations of durable writes, microseconds.
type Writes = Arc<Mutex<Vec<u32>>>;

/// The disk of a node, timed.
#[derive(Debug, Default)]
pub struct TimedDisk {
    inner: DirectDisk,
    writes: Writes,
}

/// What the writes took.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// How their times are spread.
    pub spread: Latency,
    /// Seconds in writes of 10 ms or more.
    pub stalled_s: f64,
}

impl TimedDisk {
    /// Forgets the writes so far.
    pub fn begin(&self) {
        self.writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The writes since the beginning.
    #[must_use]
    pub fn waits(&self) -> Waits {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let stalls = writes.iter().filter(|us| **us >= STALL_US);
        Waits {
            spread: Latency::of(writes.clone()),
            stalled_s: stalls.map(|us| f64::from(*us) / 1e6).sum(),
        }
    }
}

#[derive(Debug)]
struct TimedFile {
    inner: Box<dyn SegmentFile>,
    writes: Writes,
}

impl Disk for TimedDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.inner.create_zeroed(path, bytes)
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(TimedFile {
            inner: self.inner.open_segment(path)?,
            writes: self.writes.clone(),
        }))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.inner.publish(scratch, path, bytes)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.inner.replace(path, bytes)
    }

    fn sync_below(&self, folder: &Path) -> io::Result<()> {
        self.inner.sync_below(folder)
    }
}

impl SegmentFile for TimedFile {
    fn write_blocks(&mut self, blocks: &Blocks, offset: u64) -> io::Result<()> {
        let start = Instant::now();
        let written = self.inner.write_blocks(blocks, offset);
        let us = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(us);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kepil_store::disk::BLOCK_BYTES;

    #[test]
    fn each_write_is_timed_and_stands_in_the_file() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let path = folder.path().join("segment");
        let disk = TimedDisk::default();
        let blocks = BLOCK_BYTES as u64;
        disk.create_zeroed(&path, 3 * blocks).unwrap();
        let mut file = disk.open_segment(&path).unwrap();
        let mut block = Blocks::new();
        block.fill(&[7; BLOCK_BYTES]);
        file.write_blocks(&block, 0).unwrap();
        disk.begin();
        file.write_blocks(&block, blocks).unwrap();
        file.write_blocks(&block, 2 * blocks).unwrap();
        let waits = disk.waits();
        assert_eq!(waits.spread.count, 2);
        assert!(waits.spread.max >= waits.spread.p50);
        assert_eq!(std::fs::read(&path).unwrap(), vec![7; 3 * BLOCK_BYTES]);
    }
}
