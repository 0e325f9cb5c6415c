//! Wipes rows out of segments.
//!
//! A row lies between covered parts of its frame and has a checksum of its own
//! ([`crate::segment::frame`]), so the frame stays whole whatever happens to the row. The
//! blocks that hold it are written again with the same bytes around it: a write that is
//! cut short leaves a damaged row and nothing else, and erasing it again finishes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::reader::Reader;
use super::state::Shared;
use super::{EraseError, unfinished};
use crate::disk::{BLOCK_BYTES, Blocks, Disk, SegmentFile};
use crate::segment::frame::{Frame, Row};

/// Blocks from one that changes to the next that are still written at once.
const MAX_STEP: usize = 32;

/// Overwrites rows, one caller at a time.
#[derive(Debug)]
pub(super) struct Eraser {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    turn: Mutex<()>,
    /// The note of rows that are being erased.
    note: PathBuf,
}

/// A segment open for wiping.
#[derive(Debug)]
struct OpenSegment {
    path: PathBuf,
    reads: File,
    writes: Box<dyn SegmentFile>,
}

/// A frame with rows to wipe.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    epoch: u64,
    /// Where the frame begins in the segment.
    start: u64,
    length: usize,
}

impl Eraser {
    pub(super) fn new(shared: Arc<Shared>, disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self {
            shared,
            disk,
            turn: Mutex::new(()),
            note: folder.join(unfinished::NAME),
        }
    }

    /// Looks at rows that may be damaged where opening did not read: those that were when
    /// the snapshot was made, and those that were just being erased.
    pub(super) fn look_again(&self, mut suspects: Vec<u64>) {
        match unfinished::read(&self.note) {
            Ok(Some(noted)) => suspects.extend(noted),
            Ok(None) => tracing::warn!(
                path = %self.note.display(),
                "the note of unfinished erasures is damaged; check the log"
            ),
            Err(error) => tracing::warn!(path = %self.note.display(), %error, "reading a note"),
        }
        let size = self.shared.newest().1;
        suspects.retain(|index| *index < size);
        suspects.sort_unstable();
        suspects.dedup();
        let reader = Reader::new(self.shared.clone());
        let mut rest = suspects.as_slice();
        while let Some(index) = rest.first() {
            let frame = match reader.place_of(*index) {
                Ok((_, _, _, frame)) => frame,
                Err(error) => {
                    tracing::warn!(index, %error, "looking at a row");
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
            };
            self.note_damaged(&frame);
            let here = rest.partition_point(|index| *index < frame.end());
            rest = rest.get(here..).unwrap_or_default();
        }
    }

    /// Takes note of which rows of a frame are damaged now.
    fn note_damaged(&self, frame: &Frame) {
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            self.shared.note_row(index, entry.row == Row::Damaged);
        }
    }

    /// Wipes the rows of these entries; gives how many were there until now.
    pub(super) fn erase(&self, indexes: &[u64]) -> Result<u64, EraseError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = indexes.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let (newest, size) = self.shared.newest();
        if let Some(index) = wanted.iter().copied().find(|index| *index >= newest) {
            return Err(if index >= size {
                EraseError::Outside { index, size }
            } else {
                EraseError::Newest { index }
            });
        }

        if wanted.is_empty() {
            return Ok(0);
        }
        let failed = |source| EraseError::Note {
            path: self.note.clone(),
            source,
        };
        // Rows known to be damaged stay on the note until they are erased themselves.
        let mut noted = [wanted.as_slice(), &self.shared.damaged()].concat();
        noted.sort_unstable();
        noted.dedup();
        unfinished::note(&*self.disk, &self.note, &noted).map_err(failed)?;
        let wiped = self.erase_all(&wanted)?;
        let damaged = self.shared.damaged();
        if damaged.is_empty() {
            unfinished::clear(&self.note).map_err(failed)?;
        } else {
            unfinished::note(&*self.disk, &self.note, &damaged).map_err(failed)?;
        }
        Ok(wiped)
    }

    /// Goes from frame to frame; the indexes ascend.
    fn erase_all(&self, wanted: &[u64]) -> Result<u64, EraseError> {
        let reader = Reader::new(self.shared.clone());
        let (mut wiped, mut open) = (0, None);
        let mut rest = wanted;
        while let Some(index) = rest.first() {
            let (path, epoch, start, frame) = reader.place_of(*index)?;
            let here = rest.partition_point(|index| *index < frame.end());
            let (own, after) = rest.split_at_checked(here).unwrap_or((rest, &[]));
            let place = Place {
                path,
                epoch,
                start,
                length: frame.length,
            };
            wiped += self.wipe(&place, own, &mut open)?;
            rest = after;
        }
        Ok(wiped)
    }

    /// Wipes rows of one frame; when this returns without an error they are gone for good.
    fn wipe(
        &self,
        place: &Place,
        indexes: &[u64],
        open: &mut Option<OpenSegment>,
    ) -> Result<u64, EraseError> {
        let failed = |source| EraseError::Write {
            path: place.path.clone(),
            source,
        };
        let segment = match open {
            Some(segment) if segment.path == place.path => segment,
            _ => open.insert(self.open(&place.path).map_err(failed)?),
        };
        // From here to the end readers that meet half a row wait.
        let _guard = self.shared.no_erasing();
        let result = segment.wipe(place, indexes);
        if let Ok((_, after)) = segment.frame(place) {
            self.note_damaged(&after);
        }
        result.map_err(failed)
    }

    fn open(&self, path: &Path) -> io::Result<OpenSegment> {
        Ok(OpenSegment {
            path: path.to_owned(),
            reads: File::open(path)?,
            writes: self.disk.open_segment(path)?,
        })
    }
}

impl OpenSegment {
    /// The bytes of a frame, whole blocks, and what they say.
    fn frame(&self, place: &Place) -> io::Result<(Vec<u8>, Frame)> {
        let mut bytes = vec![0; place.length.next_multiple_of(BLOCK_BYTES)];
        self.reads.read_exact_at(&mut bytes, place.start)?;
        let frame = Frame::parse(&bytes, place.epoch).map_err(io::Error::other)?;
        Ok((bytes, frame))
    }

    fn wipe(&mut self, place: &Place, indexes: &[u64]) -> io::Result<u64> {
        let (mut bytes, frame) = self.frame(place)?;
        let mut wiped = 0;
        let mut touched = Vec::new();
        for (index, entry) in (frame.first..).zip(&frame.entries) {
            let range = entry.place.offset..entry.place.offset + entry.place.length;
            let row = bytes.get_mut(range.clone()).unwrap_or_default();
            let is_wanted = indexes.binary_search(&index).is_ok();
            if is_wanted && row.iter().any(|byte| *byte != 0) {
                row.fill(0);
                wiped += 1;
                touched.extend(range.start / BLOCK_BYTES..=(range.end - 1) / BLOCK_BYTES);
            }
        }
        touched.dedup();
        // A synced write costs more than some blocks that stay as they are.
        for run in touched.chunk_by(|before, after| after - before <= MAX_STEP) {
            let Some((first, last)) = run.first().zip(run.last()) else {
                continue;
            };
            let range = first * BLOCK_BYTES..(last + 1) * BLOCK_BYTES;
            let offset = u64::try_from(range.start).map_err(io::Error::other)?;
            let mut blocks = Blocks::new();
            blocks.fill(bytes.get(range).unwrap_or_default());
            self.writes.write_blocks(&blocks, place.start + offset)?;
        }
        Ok(wiped)
    }
}
