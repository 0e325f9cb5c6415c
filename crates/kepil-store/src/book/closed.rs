//! Months that take no more entries.

use std::sync::{Mutex, OnceLock, PoisonError};

use kepil_ledger::hash::Hash;
use kepil_ledger::map::Map;

use super::BookError;
use crate::snapshot::{MonthFile, MonthState, SnapshotError};

/// A month that takes no more entries.
///
/// After opening with a snapshot its map is read only when somebody asks for a list.
#[derive(Debug)]
pub(crate) struct ClosedMonth {
    covers: u64,
    root: Hash,
    persons: u64,
    uses: u64,
    map: OnceLock<Map>,
    /// Where the map is read from; locked while that is done.
    file: Mutex<Option<MonthFile>>,
}

impl ClosedMonth {
    pub(super) fn new(covers: u64, uses: u64, map: Map) -> Self {
        Self {
            covers,
            root: map.root(),
            persons: u64::try_from(map.persons()).unwrap_or(u64::MAX),
            uses,
            map: OnceLock::from(map),
            file: Mutex::new(None),
        }
    }

    /// A month whose map is in a snapshot.
    pub(super) fn saved((covers, root): (u64, Hash), state: &MonthState, file: MonthFile) -> Self {
        Self {
            covers,
            root,
            persons: state.persons,
            uses: state.uses,
            map: OnceLock::new(),
            file: Mutex::new(Some(file)),
        }
    }

    /// The head that closed it.
    pub(crate) const fn covers(&self) -> u64 {
        self.covers
    }

    /// Root of its map.
    pub(crate) const fn root(&self) -> Hash {
        self.root
    }

    /// Number of entries.
    pub(crate) const fn uses(&self) -> u64 {
        self.uses
    }

    /// Number of persons.
    pub(crate) fn persons(&self) -> usize {
        usize::try_from(self.persons).unwrap_or(usize::MAX)
    }

    /// Its map; the first call after opening the log reads it.
    pub(crate) fn map(&self) -> Result<&Map, BookError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(saved) = file.as_ref() {
            let mut map = saved.map()?;
            if map.root() != self.root {
                return Err(SnapshotError::Mismatch("a closed month has another root").into());
            }
            map.mark(self.covers);
            // Nobody else sets it while the lock is held.
            let _ = self.map.set(map);
            *file = None;
        }
        drop(file);
        let missing = SnapshotError::Mismatch("a closed month has no map");
        self.map.get().ok_or_else(|| missing.into())
    }
}
