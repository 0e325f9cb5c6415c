//! Lists of entries by person, linked backwards in one file a month.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 8 | place of the person's entry before, all ones for none; masked ([`crate::monthkey`]) |
//! | 8 | 8 | index in the log |
//! | 16 | 32 | commitment in the leaf |
//!
//! Index and commitment are public; that two entries are one person's is not, and only the
//! masked place says so. Uses are booked when their entries are durable. After a crash the
//! lists go on behind the newest snapshot, with the same entries and so with the same
//! bytes; if the disk had lost entries all the same, others stand there under other masks.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kepil_ledger::chain::Chain;
use kepil_ledger::entry::Commitment;
use kepil_ledger::fields::Fields;
use kepil_ledger::hash::Hash;
use kepil_ledger::map::Slot;
use kepil_ledger::period::Period;
use kepil_ledger::person::Tag;

use super::BookError;
use crate::monthkey::UsesKey;

pub(crate) const USE_BYTES: usize = 48;

/// One entry of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Place of the person's entry before this one; all ones for none.
    pub before: u64,
    /// Index in the log.
    pub index: u64,
    /// Commitment in the leaf.
    pub commitment: Commitment,
}

impl Use {
    /// The entry as it stands in the file.
    pub(crate) fn to_bytes(self, key: &UsesKey) -> [u8; USE_BYTES] {
        let mut bytes = [0; USE_BYTES];
        let before = self.before ^ key.mask(self.index, &self.commitment);
        let (before, index) = (before.to_be_bytes(), self.index.to_be_bytes());
        let parts = [
            before.as_slice(),
            &index,
            self.commitment.as_hash().as_bytes(),
        ];
        bytes
            .iter_mut()
            .zip(parts.into_iter().flatten())
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    fn parse(bytes: &[u8; USE_BYTES], key: &UsesKey) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let (before, index) = (fields.u64()?, fields.u64()?);
        let commitment = Commitment::from_hash(Hash::new(fields.array()?));
        Some(Self {
            before: before ^ key.mask(index, &commitment),
            index,
            commitment,
        })
    }
}

/// Name of a month's file.
pub(crate) fn name(period: Period) -> String {
    format!("{}.uses", period.number())
}

/// The entries of a month.
#[derive(Debug)]
pub(super) struct Uses {
    path: PathBuf,
    file: File,
    key: UsesKey,
    written: u64,
    waiting: Vec<u8>,
}

impl Uses {
    /// Begins the file of a month.
    pub(super) fn create(folder: &Path, period: Period, key: UsesKey) -> Result<Self, BookError> {
        let path = folder.join(name(period));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| BookError::File {
                path: path.clone(),
                source,
            })?;
        Ok(Self {
            path,
            file,
            key,
            written: 0,
            waiting: Vec::new(),
        })
    }

    /// Deletes the file.
    pub(super) fn remove(self) -> Result<(), BookError> {
        std::fs::remove_file(&self.path).map_err(|source| BookError::File {
            path: self.path,
            source,
        })
    }

    /// Goes on behind so many entries; `None` when the file has fewer.
    ///
    /// What stands behind them was written after the snapshot and is written again.
    pub(super) fn resume(
        folder: &Path,
        period: Period,
        count: u64,
        key: UsesKey,
    ) -> Result<Option<Self>, BookError> {
        let path = folder.join(name(period));
        let failed = |source| BookError::File {
            path: path.clone(),
            source,
        };
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let written = count.saturating_mul(USE_BYTES as u64);
        if file.metadata().map_err(failed)?.len() < written {
            return Ok(None);
        }
        file.set_len(written).map_err(failed)?;
        Ok(Some(Self {
            path,
            file,
            key,
            written,
            waiting: Vec::new(),
        }))
    }

    /// Number of entries, which is the place of the next one.
    pub(super) fn len(&self) -> u64 {
        (self.written + u64::try_from(self.waiting.len()).unwrap_or(0)) / USE_BYTES as u64
    }

    /// Takes an entry; it is written by [`Uses::flush`].
    pub(super) fn push(&mut self, entry: Use) -> Result<(), BookError> {
        self.waiting.extend_from_slice(&entry.to_bytes(&self.key));
        if self.waiting.len() >= 1 << 20 {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), BookError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.file
            .write_all_at(&self.waiting, self.written)
            .map_err(|source| BookError::File {
                path: self.path.clone(),
                source,
            })?;
        self.written += u64::try_from(self.waiting.len()).unwrap_or(0);
        self.waiting.clear();
        Ok(())
    }

    /// Follows a person's entries back from the last; gives them oldest first.
    ///
    /// They are held against the person's chain: a list is right or there is none.
    pub(super) fn list(&self, tag: &Tag, slot: &Slot) -> Result<Vec<Use>, BookError> {
        let mut uses = Vec::new();
        let mut at = slot.note;
        for _ in 0..slot.chain.count {
            let found = self.read(at)?;
            uses.push(found);
            at = found.before;
        }
        uses.reverse();
        let chain = uses.iter().fold(Chain::new(tag), |chain, found| {
            chain.step(found.index, &found.commitment)
        });
        // The oldest entry has none before it.
        if chain == slot.chain && at == u64::MAX {
            Ok(uses)
        } else {
            Err(self.wrong())
        }
    }

    fn read(&self, at: u64) -> Result<Use, BookError> {
        let end = self.written / USE_BYTES as u64;
        if at >= end {
            return Err(self.wrong());
        }
        let mut bytes = [0; USE_BYTES];
        self.file
            .read_exact_at(&mut bytes, at * USE_BYTES as u64)
            .map_err(|source| BookError::File {
                path: self.path.clone(),
                source,
            })?;
        Use::parse(&bytes, &self.key).ok_or_else(|| self.wrong())
    }

    fn wrong(&self) -> BookError {
        BookError::List {
            path: self.path.clone(),
        }
    }
}
