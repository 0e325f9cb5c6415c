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

/// Durable writes: when each began, and its microseconds.
type Writes = Arc<Mutex<Vec<(Instant, u32)>>>;

/// The disk of a node, timed.
#[derive(Debug, Default)]
pub struct TimedDisk {
    inner: DirectDisk,
    begun: Mutex<Option<Instant>>,
    writes: Writes,
}

/// What the writes took.
#[derive(Debug, Clone)]
pub struct Waits {
    /// How their times are spread.
    pub spread: Latency,
    /// Writes of 10 ms or more: seconds from the beginning, milliseconds.
    pub stalls: Vec<(f64, f64)>,
}

impl Waits {
    /// Seconds in stalls.
    #[must_use]
    pub fn stalled_s(&self) -> f64 {
        self.stalls.iter().map(|(_, ms)| ms / 1e3).sum()
    }

    /// The stalls, for people.
    #[must_use]
    pub fn said(&self) -> String {
        let all = self.stalls.iter();
        let all: Vec<String> = all.map(|(s, ms)| format!("{s:.2} s: {ms:.0} ms")).collect();
        all.join(", ")
    }
}

impl TimedDisk {
    /// Forgets the writes so far.
    pub fn begin(&self) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        *begun = Some(Instant::now());
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.clear();
    }

    /// The writes since the beginning.
    #[must_use]
    pub fn waits(&self) -> Waits {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let stalls = writes.iter().filter(|(_, us)| *us >= STALL_US);
        let since = |at: Instant| begun.map_or(0.0, |begun| (at - begun).as_secs_f64());
        Waits {
            spread: Latency::of(writes.iter().map(|(_, us)| *us).collect()),
            stalls: stalls
                .map(|(at, us)| (since(*at), f64::from(*us) / 1e3))
                .collect(),
        }
    }
}

#[derive(Debug)]
struct TimedFile {
    inner: Box<dyn SegmentFile>,
    writes: Writes,
}

impl Disk for TimedDisk {
    fn create_zeroed(&self, path: &Path, bytes: u64, rest: &dyn Fn()) -> io::Result<()> {
        self.inner.create_zeroed(path, bytes, rest)
    }

    fn open_segment(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(TimedFile {
            inner: self.inner.open_segment(path)?,
            writes: self.writes.clone(),
        }))
    }

    fn publish(&self, scratch: &Path, path: &Path, bytes: &[u8], stays: bool) -> io::Result<()> {
        self.inner.publish(scratch, path, bytes, stays)
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
            .push((start, us));
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
        disk.create_zeroed(&path, 3 * blocks, &|| {}).unwrap();
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
