//! The state of the disk: without it no figure of a durable log says anything.
//!
//! The disk of a virtual machine may have two states that differ by a factor of fifty
//! and have nothing to do with what is measured. So each part looks before and after.

use crate::clock::{median, number};
use crate::fault::{Fault, during};
use kepil_store::disk::{BLOCK_BYTES, Blocks};
use rustix::fs::{Mode, OFlags};
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes of one look.
const WRITES: u64 = 40;

/// A look whose median is below this finds the normal state.
const NORMAL_US: f64 = 400.0;

/// Time between two looks while waiting.
const PAUSE: Duration = Duration::from_secs(2);

/// Normal looks in a row that end a wait: a host that holds a disk back lets go little by little.
const IN_A_ROW: u32 = 5;

/// What the disk was like at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Median of the synced writes, microseconds.
    pub us: f64,
    /// Synced writes a second, one after the other.
    pub per_s: f64,
}

/// What the disk was like before and after something.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Before.
    pub before: Probe,
    /// After.
    pub after: Probe,
}

/// The two states, and what lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A synced write takes less than 0.4 ms, before and after.
    Normal,
    /// It takes longer, before and after.
    Slow,
    /// The state changed in between: the figure is of neither.
    Mixed,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slow => "slow",
            Self::Mixed => "mixed",
        }
    }
}

impl Disk {
    /// The state of the disk meanwhile.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.before.us < NORMAL_US, self.after.us < NORMAL_US) {
            (true, true) => State::Normal,
            (false, false) => State::Slow,
            _ => State::Mixed,
        }
    }

    /// The state with its times, for people.
    #[must_use]
    pub fn said(&self) -> String {
        format!(
            "{}: a synced 4 KiB write took {:.0} µs before, {:.0} µs after; {:.0} a second",
            self.state().as_str(),
            self.before.us,
            self.after.us,
            self.after.per_s
        )
    }
}

/// Waits for the normal state before something is measured, as long as there is patience left.
#[derive(Debug)]
pub struct Rest(Cell<Duration>);

impl Rest {
    /// With so much patience for all waits together.
    #[must_use]
    pub const fn new(patience: Duration) -> Self {
        Self(Cell::new(patience))
    }

    /// Looks at the disk until it is in its normal state or patience ends; gives the last look.
    fn wait(&self, folder: &Path) -> Result<Probe, Fault> {
        let mut found = probe(folder)?;
        let mut in_a_row = if found.us < NORMAL_US { IN_A_ROW } else { 0 };
        while in_a_row < IN_A_ROW && !self.0.get().is_zero() {
            let begin = Instant::now();
            std::thread::sleep(PAUSE);
            found = probe(folder)?;
            in_a_row = if found.us < NORMAL_US {
                in_a_row + 1
            } else {
                0
            };
            self.0.set(self.0.get().saturating_sub(begin.elapsed()));
        }
        Ok(found)
    }

    /// Runs something between two looks at the disk that `folder` lies on.
    ///
    /// # Errors
    /// With that of either.
    pub fn beside<T>(
        &self,
        folder: &Path,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<(T, Disk), Fault> {
        let before = self.wait(folder)?;
        let done = work()?;
        let after = probe(folder)?;
        Ok((done, Disk { before, after }))
    }
}

/// Overwrites 40 blocks of a written file, each past every cache of the operating system.
///
/// # Errors
/// When the file cannot be made or written.
pub fn probe(folder: &Path) -> Result<Probe, Fault> {
    let path = folder.join("probe");
    let failed = during("looking at the disk");
    let blocks = usize::try_from(WRITES).unwrap_or(0);
    std::fs::write(&path, vec![1; blocks * BLOCK_BYTES])
        .and_then(|()| File::open(&path)?.sync_all())
        .map_err(&failed)?;
    let direct = OFlags::WRONLY | OFlags::DIRECT | OFlags::DSYNC | OFlags::CLOEXEC;
    let plain = OFlags::WRONLY | OFlags::DSYNC | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, direct, Mode::empty())
        .or_else(|_| rustix::fs::open(&path, plain, Mode::empty()))
        .map(File::from)
        .map_err(during("looking at the disk"))?;
    let mut block = Blocks::new();
    block.fill(&[2; BLOCK_BYTES]);
    let mut us = Vec::with_capacity(blocks);
    let start = Instant::now();
    for at in 0..WRITES {
        let start = Instant::now();
        file.write_all_at(block.as_bytes(), at * block.len())
            .map_err(&failed)?;
        us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let per_s = number(blocks) / start.elapsed().as_secs_f64();
    std::fs::remove_file(&path).map_err(&failed)?;
    Ok(Probe {
        us: median(us),
        per_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_named_only_when_both_looks_agree() {
        let probe = |us| Probe { us, per_s: 1.0 };
        let state = |before, after| {
            Disk {
                before: probe(before),
                after: probe(after),
            }
            .state()
        };
        assert_eq!(state(90.0, 399.0), State::Normal);
        assert_eq!(state(4_000.0, 400.0), State::Slow);
        assert_eq!(state(90.0, 4_000.0), State::Mixed);
    }

    #[test]
    fn the_disk_is_looked_at_and_nothing_stays_behind() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let rest = Rest::new(Duration::ZERO);
        let (done, disk) = rest.beside(folder.path(), || Ok(7)).unwrap();
        assert_eq!(done, 7);
        assert!(disk.before.us > 0.0 && disk.after.per_s > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
