//! Reads entries back, with their private parts.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kepil_ledger::entry::Leaf;
use kepil_ledger::hash::Hash;
use kepil_ledger::manifest::{Manifest, ManifestError};
use kepil_ledger::receipt::{Batch, Receipt};

use super::ReadError;
use super::state::{Found, Mark, OldSegment, Runs, Shared};
use crate::disk::BLOCK_BYTES;
use crate::draft::Draft;
use crate::segment::frame::{Frame, HEAD_BYTES, Peek, Row, StoredEntry};
use crate::segment::scan::Scan;
use crate::segment::{self, HEADER_BYTES};

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

    /// The log's word for files that are handed out: a signed manifest.
    ///
    /// # Errors
    ///
    /// When the names cannot stand in one.
    pub fn manifest(&self, time: u64, files: Vec<(String, Hash)>) -> Result<String, ManifestError> {
        let signer = self.shared.signer();
        let origin = signer.verifying_key().name().clone();
        Ok(Manifest::new(origin, time, files)?.sign(signer))
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
    /// When the index is not durable yet, the segment cannot be read, or the entry's row is
    /// damaged.
    pub fn record(&self, index: u64) -> Result<Entry, ReadError> {
        let (run, at) = self.frame_of(index)?;
        let outside = ReadError::Outside {
            index,
            size: self.size(),
        };
        let mut stored = run.into_stored(at);
        stored
            .find(|stored| stored.index == index)
            .ok_or(outside)?
            .into_entry()
    }

    /// Reads all entries from an index up to what is durable now, in order.
    ///
    /// A damaged row is an error for its own entry; those after it still come. Any other
    /// error is the last thing that comes.
    #[must_use]
    pub fn records(&self, from: u64) -> Records {
        Records(self.stored(from, self.size()))
    }

    /// Entries from one index up to another, whatever has become of their rows.
    pub(super) fn stored(&self, from: u64, end: u64) -> StoredEntries {
        StoredEntries {
            reader: self.clone(),
            next: from,
            end,
            read: VecDeque::new(),
        }
    }

    /// Issues the receipt of an entry again: what its appender got, without the record.
    ///
    /// # Errors
    ///
    /// When the index is not durable yet, or the segment cannot be read.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let (run, at) = self.frame_of(index)?;
        let failed = |source| ReadError::Receipt { index, source };
        let outside = || ReadError::Outside {
            index,
            size: self.size(),
        };
        let (_, frame) = run.frames.get(at).ok_or_else(outside)?;
        let leaves = frame.entries.iter();
        let leaves = leaves.map(|entry| entry.leaf.hash()).collect();
        let batch = Batch::seal(self.shared.signer(), frame.first, leaves, frame.time_ms)
            .map_err(failed)?;
        let (_, entry) = (frame.first..)
            .zip(&frame.entries)
            .find(|(of, _)| *of == index)
            .ok_or_else(outside)?;
        batch.receipt(index, &entry.leaf, None).map_err(failed)
    }

    /// Segment, epoch and offset of the frame that holds an entry, and the frame.
    pub(super) fn place_of(&self, index: u64) -> Result<(PathBuf, u64, u64, Frame), ReadError> {
        let (mut run, at) = self.frame_of(index)?;
        let (offset, frame) = run.frames.swap_remove(at);
        Ok((run.path, run.epoch, offset, frame))
    }

    /// The frame that holds an entry, as a run of its own, and its place in it.
    fn frame_of(&self, index: u64) -> Result<(Run, usize), ReadError> {
        let mark = self.mark_of(index)?;
        let run = self.settled(|| self.read_frame(&mark, index))?;
        Ok((run, 0))
    }

    /// The run of frames that holds an entry, read in one piece.
    fn run_of(&self, index: u64) -> Result<Run, ReadError> {
        let mark = self.mark_of(index)?;
        self.settled(|| self.read_run(&mark))
    }

    /// What was read; once more, if rows were just being erased there.
    fn settled(&self, read: impl Fn() -> Result<Run, ReadError>) -> Result<Run, ReadError> {
        let run = read()?;
        if run.is_damaged() {
            let _guard = self.shared.no_erasing();
            return read();
        }
        Ok(run)
    }

    /// Where the run of frames stands that holds an entry.
    fn mark_of(&self, index: u64) -> Result<Mark, ReadError> {
        let (found, size) = self.shared.find(index);
        let outside = ReadError::Outside { index, size };
        match found {
            Some(Found::Run(mark)) => Ok(mark),
            Some(Found::Segment(old)) => self.runs_of(&old)?.find(index).ok_or(outside),
            None => Err(outside),
        }
    }

    /// The marks of a segment that was not read when the log was opened.
    fn runs_of(&self, old: &OldSegment) -> Result<Arc<Runs>, ReadError> {
        if let Some(runs) = self.shared.old_runs(old.number) {
            return Ok(runs);
        }
        let path = segment::path(self.shared.segments(), old.number);
        let runs = Arc::new(look_over(path, old)?);
        self.shared.put_old_runs(old.number, runs.clone());
        Ok(runs)
    }

    /// Goes from frame to frame by what their first bytes say, and reads the one that holds an
    /// entry.
    fn read_frame(&self, mark: &Mark, index: u64) -> Result<Run, ReadError> {
        let path = segment::path(self.shared.segments(), mark.segment);
        let failed = |source| ReadError::File {
            path: path.clone(),
            source,
        };
        let damaged = |offset| ReadError::Damaged {
            path: path.clone(),
            offset,
        };
        let file = File::open(&path).map_err(failed)?;
        let mut offset = mark.start;
        while offset < mark.end {
            let mut head = [0; HEAD_BYTES];
            file.read_exact_at(&mut head, offset).map_err(failed)?;
            let peek = Peek::parse(&head, mark.epoch).ok_or_else(|| damaged(offset))?;
            let end = offset + peek.length.next_multiple_of(BLOCK_BYTES as u64);
            if end > mark.end {
                return Err(damaged(offset));
            }
            if index < peek.first.saturating_add(u64::from(peek.count)) {
                let mut bytes = vec![0; usize::try_from(end - offset).unwrap_or(0)];
                file.read_exact_at(&mut bytes, offset).map_err(failed)?;
                let frame = Scan::run(&bytes, mark.epoch).next_frame();
                let frame = frame.map_err(|_| damaged(offset))?;
                return Ok(Run {
                    path,
                    epoch: mark.epoch,
                    frames: vec![(offset, frame)],
                });
            }
            offset = end;
        }
        Err(ReadError::Outside {
            index,
            size: self.size(),
        })
    }

    fn read_run(&self, mark: &Mark) -> Result<Run, ReadError> {
        let path = segment::path(self.shared.segments(), mark.segment);
        let mut bytes = vec![0; usize::try_from(mark.end - mark.start).unwrap_or(0)];
        File::open(&path)
            .and_then(|file| file.read_exact_at(&mut bytes, mark.start))
            .map_err(|source| ReadError::File {
                path: path.clone(),
                source,
            })?;

        let mut scan = Scan::run(&bytes, mark.epoch);
        let mut frames = Vec::new();
        while scan.offset() < bytes.len() {
            let offset = mark.start + u64::try_from(scan.offset()).unwrap_or(u64::MAX);
            let frame = scan.next_frame().map_err(|_| ReadError::Damaged {
                path: path.clone(),
                offset,
            })?;
            frames.push((offset, frame));
        }
        Ok(Run {
            path,
            epoch: mark.epoch,
            frames,
        })
    }
}

/// Goes from frame to frame by what their first bytes say; reading checks the rest.
fn look_over(path: PathBuf, old: &OldSegment) -> Result<Runs, ReadError> {
    let failed = |source| ReadError::File {
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(failed)?;
    let mut runs = Runs::default();
    let (mut offset, mut next) = (HEADER_BYTES, old.start.first);
    while next < old.end {
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, offset).map_err(failed)?;
        let peek = Peek::parse(&head, old.start.epoch).filter(|peek| peek.first == next);
        let Some(Peek { count, length, .. }) = peek else {
            return Err(ReadError::Damaged { path, offset });
        };
        let end = offset + length.next_multiple_of(BLOCK_BYTES as u64);
        runs.add(Mark {
            first: next,
            segment: old.number,
            epoch: old.start.epoch,
            start: offset,
            end,
        });
        (offset, next) = (end, next + u64::from(count));
    }
    Ok(runs)
}

/// Frames that stand side by side in a segment, with their offsets.
#[derive(Debug)]
struct Run {
    path: PathBuf,
    epoch: u64,
    frames: Vec<(u64, Frame)>,
}

impl Run {
    fn is_damaged(&self) -> bool {
        let mut entries = self.frames.iter().flat_map(|(_, frame)| &frame.entries);
        entries.any(|entry| entry.row == Row::Damaged)
    }

    /// The entries of the frame at this place in the run and of those behind it.
    fn into_stored(self, from: usize) -> impl Iterator<Item = Stored> {
        let path: Arc<Path> = self.path.into();
        let frames = self.frames.into_iter().skip(from);
        frames.flat_map(move |(offset, frame)| {
            let (path, time_ms) = (path.clone(), frame.time_ms);
            (frame.first..)
                .zip(frame.entries)
                .map(move |(index, entry)| Stored {
                    index,
                    time_ms,
                    path: path.clone(),
                    row_at: offset + u64::try_from(entry.place.offset).unwrap_or(0),
                    entry,
                })
        })
    }
}

/// One entry with its place.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) index: u64,
    time_ms: u64,
    path: Arc<Path>,
    /// Where the row begins in the segment.
    row_at: u64,
    pub(super) entry: StoredEntry,
}

impl Stored {
    fn into_entry(self) -> Result<Entry, ReadError> {
        let row = match self.entry.row {
            Row::Whole(row) => Some(row),
            Row::Erased => None,
            Row::Damaged => {
                return Err(ReadError::DamagedRow {
                    index: self.index,
                    path: self.path.to_path_buf(),
                    offset: self.row_at,
                });
            }
        };
        Ok(Entry {
            index: self.index,
            time_ms: self.time_ms,
            leaf: self.entry.leaf,
            booking: self.entry.booking,
            row,
        })
    }
}

/// Entries in order; ends at the size the log had when this was made.
#[derive(Debug)]
pub struct Records(StoredEntries);

impl Iterator for Records {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(Stored::into_entry))
    }
}

/// Entries in order, whatever has become of their rows.
#[derive(Debug)]
pub(super) struct StoredEntries {
    reader: Reader,
    next: u64,
    end: u64,
    read: VecDeque<Stored>,
}

impl Iterator for StoredEntries {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.read.is_empty() {
            match self.reader.run_of(self.next) {
                Ok(run) => {
                    let stored = run.into_stored(0);
                    self.read = stored.filter(|stored| stored.index >= self.next).collect();
                }
                Err(error) => {
                    // Say it once; the same place would fail again.
                    self.next = self.end;
                    return Some(Err(error));
                }
            }
        }
        let stored = self.read.pop_front()?;
        self.next = stored.index + 1;
        Some(Ok(stored))
    }
}
