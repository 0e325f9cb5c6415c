//! Reads entries back, with their private parts.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use kepil_ledger::entry::Leaf;
use kepil_ledger::receipt::{Batch, Receipt};

use super::ReadError;
use super::state::{Mark, Shared};
use crate::draft::Draft;
use crate::segment;
use crate::segment::frame::Frame;
use crate::segment::scan::Scan;

/// Reads entries; cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Index in the log.
    pub index: u64,
    /// Time of its batch, Unix milliseconds.
    pub time_ms: u64,
    /// The public leaf.
    pub leaf: Leaf,
    /// In whose map it counts, in the words of the store's booker.
    pub booking: Vec<u8>,
    /// The private part; `None` when the row was erased.
    pub row: Option<Vec<u8>>,
}

impl Entry {
    /// The entry as it was appended; `None` when its row was erased.
    #[must_use]
    pub fn draft(&self) -> Option<Draft> {
        Some(Draft {
            leaf: self.leaf.clone(),
            booking: self.booking.clone(),
            row: self.row.clone()?,
        })
    }
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Number of durable entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.size()
    }

    /// Reads one entry.
    ///
    /// # Errors
    ///
    /// When the index is not durable yet, or the segment cannot be read.
    pub fn record(&self, index: u64) -> Result<Entry, ReadError> {
        let frame = self.frame_of(index)?;
        let outside = ReadError::Outside {
            index,
            size: self.size(),
        };
        entries(frame)
            .find(|entry| entry.index == index)
            .ok_or(outside)
    }

    /// Reads all entries from an index up to what is durable now, in order.
    #[must_use]
    pub fn records(&self, from: u64) -> Records {
        Records {
            reader: self.clone(),
            next: from,
            end: self.size(),
            read: VecDeque::new(),
        }
    }

    /// Issues the receipt of an entry again: what its appender got, without the record.
    ///
    /// # Errors
    ///
    /// When the index is not durable yet, or the segment cannot be read.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let frame = self.frame_of(index)?;
        let failed = |source| ReadError::Receipt { index, source };
        let leaves = frame
            .entries
            .iter()
            .map(|entry| entry.leaf.hash())
            .collect();
        let batch = Batch::seal(self.shared.signer(), frame.first, leaves, frame.time_ms)
            .map_err(failed)?;
        let outside = ReadError::Outside {
            index,
            size: self.size(),
        };
        let entry = entries(frame)
            .find(|entry| entry.index == index)
            .ok_or(outside)?;
        batch.receipt(index, &entry.leaf, None).map_err(failed)
    }

    /// The frame that holds an entry.
    fn frame_of(&self, index: u64) -> Result<Frame, ReadError> {
        let frames = self.run_of(index)?;
        let outside = ReadError::Outside {
            index,
            size: self.size(),
        };
        frames
            .into_iter()
            .rfind(|frame| frame.first <= index)
            .ok_or(outside)
    }

    /// The run of frames that holds an entry, read in one piece.
    fn run_of(&self, index: u64) -> Result<Vec<Frame>, ReadError> {
        let (mark, size) = self.shared.find(index);
        let Mark {
            segment,
            epoch,
            start,
            end,
            ..
        } = mark.ok_or(ReadError::Outside { index, size })?;
        let path = segment::path(self.shared.segments(), segment);
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        File::open(&path)
            .and_then(|file| file.read_exact_at(&mut bytes, start))
            .map_err(|source| ReadError::File {
                path: path.clone(),
                source,
            })?;

        let mut scan = Scan::run(&bytes, epoch);
        let mut frames = Vec::new();
        while scan.offset() < bytes.len() {
            let offset = start + u64::try_from(scan.offset()).unwrap_or(u64::MAX);
            let frame = scan.next_frame().map_err(|_| ReadError::Damaged {
                path: path.clone(),
                offset,
            })?;
            frames.push(frame);
        }
        Ok(frames)
    }
}

fn entries(frame: Frame) -> impl Iterator<Item = Entry> {
    let time_ms = frame.time_ms;
    (frame.first..)
        .zip(frame.entries)
        .map(move |(index, entry)| Entry {
            index,
            time_ms,
            leaf: entry.leaf,
            booking: entry.booking,
            row: entry.row,
        })
}

/// Entries in order; ends at the size the log had when this was made.
#[derive(Debug)]
pub struct Records {
    reader: Reader,
    next: u64,
    end: u64,
    read: VecDeque<Entry>,
}

impl Iterator for Records {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.read.is_empty() {
            match self.reader.run_of(self.next) {
                Ok(frames) => {
                    let wanted = frames.into_iter().flat_map(entries);
                    self.read = wanted.filter(|entry| entry.index >= self.next).collect();
                }
                Err(error) => {
                    // Say it once; the same place would fail again.
                    self.next = self.end;
                    return Some(Err(error));
                }
            }
        }
        let entry = self.read.pop_front()?;
        self.next = entry.index + 1;
        Some(Ok(entry))
    }
}
