//! Writes frames into the present segment and goes on to the next.

use std::path::PathBuf;
use std::sync::Arc;

use kepil_ledger::hash::Hash;
use kepil_ledger::tree::Frontier;

use super::SegmentError;
use super::preparer::Preparer;
use super::recovery::{Active, Recovered};
use super::state::Mark;
use crate::disk::{BLOCK_BYTES, Blocks, Disk, SegmentFile};
use crate::segment::{self, HEADER_BYTES, Header};

/// Where a log's segments are, and what makes them its own.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) origin: String,
    pub(super) epoch_secret: [u8; 32],
}

/// The present segment and the way to the next.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    place: Place,
    preparer: Preparer,
    open: OpenSegment,
    blocks: Blocks,
}

#[derive(Debug)]
struct OpenSegment {
    file: Box<dyn SegmentFile>,
    path: PathBuf,
    number: u64,
    epoch: u64,
    offset: u64,
    length: u64,
}

impl Place {
    /// Opens the segment that recovery ended in.
    fn resume(&self, active: &Active) -> Result<OpenSegment, SegmentError> {
        let Active {
            number,
            epoch,
            offset,
            length,
        } = *active;
        let path = segment::path(&self.folder, number);
        match self.disk.open_segment(&path) {
            Ok(file) => Ok(OpenSegment {
                file,
                path,
                number,
                epoch,
                offset,
                length,
            }),
            Err(source) => Err(SegmentError::Write { path, source }),
        }
    }

    /// Takes a prepared segment into use by writing its header.
    fn begin(
        &self,
        preparer: &Preparer,
        number: u64,
        (first, root): (u64, &Hash),
        now_ms: u64,
    ) -> Result<OpenSegment, SegmentError> {
        let path = segment::path(&self.folder, number);
        let length = preparer
            .wait()
            .and_then(|()| path.metadata())
            .map_err(|source| SegmentError::Prepare {
                path: path.clone(),
                source,
            })?
            .len();
        let epoch = segment::epoch(&self.epoch_secret, number, first, root, now_ms);
        let header = Header {
            epoch,
            number,
            first,
            root: *root,
            origin: self.origin.clone(),
        };
        let mut block = Blocks::new();
        block.fill(&header.to_bytes());
        let written = self.disk.open_segment(&path).and_then(|mut file| {
            file.write_blocks(&block, 0)?;
            Ok(file)
        });
        match written {
            Ok(file) => Ok(OpenSegment {
                file,
                path,
                number,
                epoch,
                offset: HEADER_BYTES,
                length,
            }),
            Err(source) => Err(SegmentError::Write { path, source }),
        }
    }
}

impl SegmentWriter {
    /// Goes on where recovery ended, or begins the first segment of a new log.
    pub(super) fn start(
        place: Place,
        preparer: Preparer,
        recovered: &Recovered,
        now_ms: u64,
    ) -> Result<Self, SegmentError> {
        let open = match &recovered.active {
            Some(active) => place.resume(active)?,
            None => {
                preparer.order(0);
                let frontier = &recovered.frontier;
                place.begin(&preparer, 0, (frontier.size(), &frontier.root()), now_ms)?
            }
        };
        preparer.order(open.number + 1);
        Ok(Self {
            place,
            preparer,
            open,
            blocks: Blocks::new(),
        })
    }

    /// Makes sure a frame of this length fits; gives the epoch to write into it.
    pub(super) fn make_room(
        &mut self,
        length: usize,
        before: &Frontier,
        now_ms: u64,
    ) -> Result<u64, SegmentError> {
        if !self.open.has_room(length) {
            let number = self.open.number + 1;
            let state = (before.size(), &before.root());
            self.open = self.place.begin(&self.preparer, number, state, now_ms)?;
            self.preparer.order(number + 1);
        }
        if self.open.has_room(length) {
            Ok(self.open.epoch)
        } else {
            // Never: the queue limits batches to what an empty segment holds.
            Err(SegmentError::TooLong {
                path: self.open.path.clone(),
                length,
            })
        }
    }

    /// Writes a frame; it is durable when this returns.
    pub(super) fn write(&mut self, frame: &[u8], first: u64) -> Result<Mark, SegmentError> {
        let open = &mut self.open;
        self.blocks.fill(frame);
        open.file
            .write_blocks(&self.blocks, open.offset)
            .map_err(|source| SegmentError::Write {
                path: open.path.clone(),
                source,
            })?;
        let start = open.offset;
        open.offset += self.blocks.len();
        Ok(Mark {
            first,
            segment: open.number,
            epoch: open.epoch,
            start,
            end: open.offset,
        })
    }
}

impl OpenSegment {
    fn has_room(&self, length: usize) -> bool {
        let blocks = u64::try_from(length.next_multiple_of(BLOCK_BYTES)).unwrap_or(u64::MAX);
        blocks <= self.length.saturating_sub(self.offset)
    }
}
